//! Lifecycle: events of one connection come in their order and in pairs.
//!
//! Delivered: accepted or connected before anything else, an end of stream once, nothing after the
//! end but the close, which does not wait. Told by the tenant: up, then perhaps ready, then down,
//! each once, and at the end of the run nobody is left up.

use std::collections::BTreeMap;

use super::{Violation, violation};
use crate::host::Host;
use crate::subject::{Fact, Subject};
use crate::world::{Step, World};
use sockman::driver::{Did, Outcome};
use sockman::sockets::ConnId;
use sockman::sockman::{Event, Phase};

const NAME: &str = "lifecycle";
const RULE: &str = "docs/behaviour.md, connman 6: the life of a node object";

/// How far each connection has come.
#[derive(Clone, Debug, Default)]
pub(super) struct Lifecycle {
    delivered: BTreeMap<ConnId, Delivered>,
    told: BTreeMap<ConnId, Told>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Delivered {
    Open,
    PeerFinished,
    Over,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Told {
    Up,
    Ready,
}

impl Lifecycle {
    pub(super) fn check<X: Subject, K: Host>(
        &mut self,
        world: &World<X, K>,
        step: &Step,
    ) -> Result<(), Violation> {
        if let Step::Node(_, Did::Delivered(event)) = step {
            self.deliver(event).map_err(|what| violation(world, NAME, RULE, what))?;
        }
        if let Step::Node(_, Did::Executed { action: "close", conn, outcome: Outcome::Done }) = step
        {
            let conn = conn.expect("a close is on a connection");
            self.delivered.remove(&conn);
        }
        self.check_facts(world)
    }

    fn deliver(&mut self, event: &Event) -> Result<(), String> {
        let Some(conn) = event.conn() else { return Ok(()) };
        let before = self.delivered.get(&conn).copied();
        let refuse = || Err(format!("{conn}: {} was delivered when {before:?}", event.name()));
        let next = match (event, before) {
            (Event::Accepted { .. } | Event::Connected { .. }, None) => Delivered::Open,
            (Event::Received { .. }, Some(Delivered::Open)) => Delivered::Open,
            (Event::Eof { .. }, Some(Delivered::Open)) => Delivered::PeerFinished,
            (Event::Finished { .. }, Some(Delivered::Open | Delivered::PeerFinished)) => {
                Delivered::Over
            }
            (Event::Failed { .. }, None | Some(Delivered::Open | Delivered::PeerFinished)) => {
                Delivered::Over
            }
            // What was read before the tenant closed is delivered to nobody.
            (Event::Received { .. } | Event::Eof { .. }, None) => return Ok(()),
            (
                Event::Accepted { .. }
                | Event::AcceptFailed { .. }
                | Event::Connected { .. }
                | Event::Writable { .. }
                | Event::Received { .. }
                | Event::Eof { .. }
                | Event::Failed { .. }
                | Event::Finished { .. },
                _,
            ) => return refuse(),
        };
        self.delivered.insert(conn, next);
        Ok(())
    }

    pub(super) fn check_facts<X: Subject, K: Host>(
        &mut self,
        world: &World<X, K>,
    ) -> Result<(), Violation> {
        for fact in world.notices().iter().filter_map(X::fact) {
            let (conn, was) = match fact {
                Fact::Up(conn) => (conn, self.told.insert(conn, Told::Up)),
                Fact::Ready(conn) => (conn, self.told.insert(conn, Told::Ready)),
                Fact::Down(conn, _) => (conn, self.told.remove(&conn)),
            };
            let in_order = match fact {
                Fact::Up(_) => was.is_none(),
                Fact::Ready(_) => was == Some(Told::Up),
                Fact::Down(..) => was.is_some(),
            };
            if !in_order {
                let what = format!("{conn}: the tenant tells {fact:?} after {was:?}");
                return Err(violation(world, NAME, RULE, what));
            }
        }
        Ok(())
    }

    /// At rest: whatever was accepted has an owner, and whatever has ended was let go of.
    pub(super) fn check_rest<X: Subject, K: Host>(world: &World<X, K>) -> Result<(), Violation> {
        for view in world.machine().sockman().views() {
            let problem = if view.phase == Phase::Dead {
                "its end was delivered, and the tenant does not close it"
            } else if view.state.is_none() {
                "it was delivered, and the tenant neither adopts nor closes it"
            } else {
                continue;
            };
            return Err(violation(world, NAME, RULE, format!("{}: {problem}", view.conn)));
        }
        Ok(())
    }

    pub(super) fn check_end<X: Subject, K: Host>(
        &self,
        world: &World<X, K>,
    ) -> Result<(), Violation> {
        match self.told.first_key_value() {
            None => Ok(()),
            Some((conn, told)) => {
                let what = format!("{conn}: after shutdown the tenant has left it {told:?}");
                Err(violation(world, NAME, RULE, what))
            }
        }
    }
}
