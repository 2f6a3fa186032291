//! Fairness: nobody waits while others are served again and again. Counted in services, not in
//! time, which stands still while the node works.
//!
//! * Sockets: while one that was reported ready waits, no other is served more often than
//!   [`SERVICES_MAX`], in whatever order the tasks run.
//! * Tasks: in the default order, while one has a step to make, no other makes more than one of its
//!   own, and the sockets are looked at in time.
//!
//! Messages are a tenant's; `subjects/connman/fairness.rs` holds them to the same [`Turns`].

use super::{Violation, violation};
use crate::faulty::CallResult;
use crate::host::Host;
use crate::subject::Subject;
use crate::turns::Turns;
use crate::world::{Step, World};
use sockman::driver::{Did, STEPS_PER_POLL_MAX, Task};
use sockman::sockets::Source;
use sockman::sockman::{TaskId, Tenant};

const NAME: &str = "fairness";
const RULE_SOCKETS: &str = "docs/behaviour.md, sockets 5.3: one call a socket and turn";
const RULE_TASKS: &str = "ARCHITECTURE.md, tasks and steps: the default order takes turns";

/// Services of one socket while another waits: whoever is ready stands in one queue, and behind it
/// once it was served; a deadline of its own comes before the queue.
const SERVICES_MAX: usize = 2;

/// Steps of one task's own while another waits: they take turns. What a step asks for belongs to
/// it.
const STEPS_MAX: usize = 1;

/// Steps between two looks at who waits: asking every task costs more than a step. Whoever is found
/// to wait is followed until its turn, so that a task which is never let go is found all the same.
const TASKS_EVERY: u32 = 16;

/// Who waits, and who was served meanwhile.
#[derive(Clone, Debug)]
pub(super) struct Fairness {
    sources: Turns<Source>,
    tasks: Turns<Place>,
    steps: u32,
    /// Steps since the sockets were looked at, all in the default order.
    steps_since_poll: u32,
}

/// A task, so that it can be compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Place {
    Socket,
    Commands,
    Tenant(u8),
}

impl From<Task> for Place {
    fn from(task: Task) -> Self {
        match task {
            Task::Socket => Self::Socket,
            Task::Commands => Self::Commands,
            Task::Tenant(TaskId(n)) => Self::Tenant(n),
        }
    }
}

impl Place {
    const fn task(self) -> Task {
        match self {
            Self::Socket => Task::Socket,
            Self::Commands => Task::Commands,
            Self::Tenant(n) => Task::Tenant(TaskId(n)),
        }
    }
}

impl Default for Fairness {
    fn default() -> Self {
        Self {
            sources: Turns::new(SERVICES_MAX),
            tasks: Turns::new(STEPS_MAX),
            steps: 0,
            steps_since_poll: 0,
        }
    }
}

impl Fairness {
    pub(super) fn check<X: Subject, K: Host>(
        &mut self,
        world: &World<X, K>,
        step: &Step,
    ) -> Result<(), Violation> {
        match step {
            Step::Polled(_) | Step::Looked(_) => {
                self.steps_since_poll = 0;
                self.note_reported(world);
                Ok(())
            }
            Step::Node(task, did) => {
                self.check_sources(world, did)?;
                self.check_tasks(world, (*task).into(), did)
            }
            // It has looked, and there was nothing.
            Step::Idle(_) => {
                self.steps_since_poll = 0;
                Ok(())
            }
            Step::Outside
            | Step::Arrived
            | Step::Left
            | Step::Woke
            | Step::Filed
            | Step::Driven(_)
            | Step::Stalled(_) => Ok(()),
        }
    }

    fn note_reported<X: Subject, K: Host>(&mut self, world: &World<X, K>) {
        let conns = world.machine().sockman().conns();
        for event in world.reported() {
            // Of a connection that nobody knows, nothing is to be done.
            let is_known = match event.source {
                Source::Conn(conn) => conns.phase(conn).is_some(),
                Source::Listener(_) => true,
            };
            if is_known {
                self.sources.wait(event.source);
            }
        }
    }

    fn check_sources<X: Subject, K: Host>(
        &mut self,
        world: &World<X, K>,
        did: &Did,
    ) -> Result<(), Violation> {
        let faulty = world.machine().sockman().sockets();
        for call in faulty.calls() {
            if let (CallResult::Close(_), Some(conn)) = (&call.what, call.conn) {
                self.sources.forget(Source::Conn(conn));
            }
        }
        // Being writable is answered with the send.
        let source = match did {
            Did::Called { source, .. } => *source,
            Did::Executed { action: "send", conn: Some(conn), .. } => {
                self.sources.leave(Source::Conn(*conn));
                return Ok(());
            }
            Did::Executed { .. } | Did::Delivered(_) | Did::Commanded | Did::Stepped(_) => {
                return Ok(());
            }
        };
        let Err(waiting) = self.sources.serve(source) else { return Ok(()) };
        let name = |source: Source| match source {
            Source::Listener(listener) => listener.to_string(),
            Source::Conn(conn) => {
                faulty.actor(conn).map_or_else(|| conn.to_string(), |actor| actor.to_string())
            }
        };
        let (served, waits) = (name(source), name(waiting));
        let what = format!(
            "{served} was served {} times while {waits} was ready and waited; at most \
             {SERVICES_MAX}",
            SERVICES_MAX + 1
        );
        Err(violation(world, NAME, RULE_SOCKETS, what))
    }

    fn check_tasks<X: Subject, K: Host>(
        &mut self,
        world: &World<X, K>,
        place: Place,
        did: &Did,
    ) -> Result<(), Violation> {
        self.steps += 1;
        self.steps_since_poll += 1;
        if world.has_deviated() {
            self.tasks.clear();
            self.steps_since_poll = 0;
            return Ok(());
        }
        if self.steps_since_poll > STEPS_PER_POLL_MAX {
            let steps = self.steps_since_poll;
            let what = format!("{steps} steps without a look at the sockets");
            return Err(violation(world, NAME, RULE_TASKS, what));
        }
        let (machine, now) = (world.machine(), world.now());
        let waits = |place: Place| machine.next_step(now, place.task()).is_some();
        if self.tasks.has_waiting() {
            self.tasks.retain(waits);
            if matches!(did, Did::Executed { .. }) {
                // It is its turn; and a socket that is writable is answered at once.
                self.tasks.leave(place);
                return Ok(());
            }
            if let Err(waiting) = self.tasks.serve(place) {
                let what = format!(
                    "{place:?} made {} steps of its own while {waiting:?} had one to make",
                    STEPS_MAX + 1
                );
                return Err(violation(world, NAME, RULE_TASKS, what));
            }
        }
        if self.steps.is_multiple_of(TASKS_EVERY) {
            let tenants = 0..u8::try_from(<X::Tenant as Tenant>::TASKS.len()).unwrap_or(u8::MAX);
            let all = [Place::Socket, Place::Commands].into_iter();
            for place in all.chain(tenants.map(Place::Tenant)).filter(|place| waits(*place)) {
                self.tasks.wait(place);
            }
        }
        Ok(())
    }
}
