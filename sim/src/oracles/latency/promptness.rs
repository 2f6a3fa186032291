//! In the default order what a step has queued leaves before any other task goes on: the actions of
//! a step are the next steps, and the send is among them.
//!
//! Looked at are connections that were idle, so that no bytes before these wait for room, and whose
//! kernel has room. Where a deviation puts another task first, nothing is asked of what was queued
//! before it.

use super::{NAME, RULE_SEND};
use crate::faulty::Faulty;
use crate::host::Host;
use crate::oracles::{Violation, violation};
use crate::subject::Subject;
use crate::world::World;
use sockman::driver::{Did, Machine, Task};
use sockman::sockets::{ConnId, Source};
use sockman::sockman::Phase;

/// Who has queued what.
#[derive(Clone, Debug, Default)]
pub(super) struct Promptness {
    /// Connections with bytes that the kernel has not taken, in order; and those before the last
    /// step, reused.
    unsent: Vec<ConnId>,
    unsent_before: Vec<ConnId>,
    /// Those among them that the last steps have queued, and which could go at once.
    due: Vec<ConnId>,
    /// The task whose steps those were.
    task: Option<Task>,
}

impl Promptness {
    pub(super) fn check<X: Subject, K: Host>(
        &mut self,
        world: &World<X, K>,
        task: Task,
        did: &Did,
    ) -> Result<(), Violation> {
        if world.has_deviated() {
            self.due.clear();
        }
        if let Did::Executed { action: "send", conn, .. } = did {
            // Whatever the kernel made of it.
            self.due.retain(|due| Some(*due) != *conn);
        }
        let is_action = matches!(did, Did::Executed { .. });
        if self.task != Some(task) || !is_action {
            self.check_nothing_due(world, task)?;
        }
        // Other steps tell the tenant nothing.
        if !matches!(did, Did::Called { .. } | Did::Executed { action: "receive" | "finish", .. }) {
            self.note_queued(world);
        }
        self.task = Some(task);
        Ok(())
    }

    fn check_nothing_due<X: Subject, K: Host>(
        &self,
        world: &World<X, K>,
        task: Task,
    ) -> Result<(), Violation> {
        let Some(conn) = self.due.first() else { return Ok(()) };
        let name = Machine::<Faulty<K>, X::Tenant>::task_name;
        let who = world.machine().sockman().sockets().actor(*conn);
        let who = who.map_or_else(|| conn.to_string(), |actor| actor.to_string());
        let queued = self.task.map_or("nobody", name);
        let what = format!(
            "{queued} has queued bytes for {who}, whose kernel has room, and before they were sent \
             {} made a step",
            name(task)
        );
        Err(violation(world, NAME, RULE_SEND, what))
    }

    /// Finds who has bytes unsent now: was the queue empty before, they are due.
    fn note_queued<X: Subject, K: Host>(&mut self, world: &World<X, K>) {
        let Self { unsent, unsent_before, due, .. } = self;
        std::mem::swap(unsent, unsent_before);
        let conns = world.machine().sockman().conns().iter();
        unsent.clear();
        unsent.extend(conns.filter(|(_, state)| X::has_unsent(state)).map(|(conn, _)| conn));
        due.retain(|conn| unsent.contains(conn));
        let fresh = unsent.iter().filter(|conn| !unsent_before.contains(conn));
        due.extend(fresh.filter(|conn| can_go(world, **conn)));
    }
}

/// Whether a send would take something now.
fn can_go<X: Subject, K: Host>(world: &World<X, K>, conn: ConnId) -> bool {
    let sockman = world.machine().sockman();
    let kernel = sockman.sockets().inner();
    let phase = sockman.conns().phase(conn);
    let is_open = matches!(phase, Some(Phase::Open | Phase::PeerFinished));
    is_open && kernel.readiness(Source::Conn(conn)).is_ok_and(|ready| ready.writable)
}
