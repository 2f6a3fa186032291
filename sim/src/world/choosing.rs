//! What goes next where a scheduler decides: an arrival, a look at the sockets, or a task.

use sockman::driver::{Choice, Machine, Task};
use sockman::time::Instant;

use super::{Step, World};
use crate::chooser::Point;
use crate::faulty::Faulty;
use crate::host::Host;
use crate::schedule::ActorId;
use crate::schedulers::TaskIndex;
use crate::subject::Subject;

impl<X: Subject, K: Host> World<X, K> {
    /// What the scheduler lets go next.
    pub(super) fn step_chosen(&mut self) -> Step {
        let due = self.outside_due();
        let default = match due {
            Some(_) => TaskIndex::ARRIVAL,
            None => match self.machine.default_next(self.now) {
                Choice::Step(task) if !self.has_waited => place_of::<X, K>(task),
                Choice::Step(_) | Choice::Poll => TaskIndex::POLL,
                // Nobody else has anything to do.
                Choice::Wait => return self.step_inside(),
            },
        };
        let chosen = self.choose(default, due.flatten());
        self.has_looked = chosen == TaskIndex::POLL;
        self.has_deviated = chosen != default;
        match chosen {
            TaskIndex::ARRIVAL => self.step_outside().expect("it is due"),
            TaskIndex::POLL if default == TaskIndex::POLL => Step::Polled(self.poll()),
            TaskIndex::POLL => Step::Looked(self.poll()),
            place => self.step_node(task_at::<X, K>(place)),
        }
    }

    /// Whom that concerns which is due outside, if something is; perhaps no actor.
    fn outside_due(&self) -> Option<Option<ActorId>> {
        let now = self.now.steady;
        let is_due = |at: Option<Instant>| at.is_some_and(|at| at <= now);
        if let Some((host, segment)) = self.network.peek_due(now) {
            let other = segment.from.ip().and_then(|from| self.network.host_at(from.ip()));
            let hosts = [Some(host), other].into_iter().flatten();
            let mut owners = hosts.filter_map(|host| self.owners[host.0 as usize]);
            return Some(owners.next().map(|index| self.actors[index].id()));
        }
        if is_due(self.machine.sockman().sockets().inner().next_timer()) {
            return Some(None);
        }
        if !is_due(self.next_actor) {
            return None;
        }
        let due = self.wakeups.iter().position(|at| is_due(*at))?;
        Some(Some(self.actors[due].id()))
    }

    /// Asks the scheduler. `default` is what would go by itself; if that is an arrival, `arrives`
    /// is whom it concerns.
    fn choose(&mut self, default: TaskIndex, arrives: Option<ActorId>) -> TaskIndex {
        let (machine, now) = (&self.machine, self.now);
        let (has_waited, has_looked) = (self.has_waited, self.has_looked);
        let sockets = machine.sockman().sockets();
        let (verb, object, actor) = match default {
            TaskIndex::ARRIVAL => ("arrival", "", arrives),
            TaskIndex::POLL => ("poll", "", None),
            place => {
                let step = machine.next_step(now, task_at::<X, K>(place));
                let step = step.expect("the default is runnable");
                (step.verb, step.object, step.conn.and_then(|conn| sockets.actor(conn)))
            }
        };
        let runnable = || {
            let tasks = Machine::<Faulty<K>, X::Tenant>::tasks();
            // A wait ends with a look at the sockets, whatever else there is to do.
            let tasks = tasks.filter(|_| !has_waited);
            let tasks = tasks.filter(|task| machine.next_step(now, *task).is_some());
            let polls = has_waited || sockets.inner().has_ready() && !has_looked;
            let others = polls.then_some(TaskIndex::POLL);
            tasks.map(place_of::<X, K>).chain(others).chain([default]).collect()
        };
        let point = Point { default, verb, object, actor };
        self.chooser.choose(point, name_of::<X, K>, runnable)
    }
}

/// A task's place among all.
fn place_of<X: Subject, K: Host>(task: Task) -> TaskIndex {
    let place = Machine::<Faulty<K>, X::Tenant>::tasks().position(|other| other == task);
    let place = place.expect("a machine knows its tasks");
    TaskIndex(u8::try_from(place).expect("a tenant has a handful of tasks"))
}

/// The task at a place.
fn task_at<X: Subject, K: Host>(place: TaskIndex) -> Task {
    let mut tasks = Machine::<Faulty<K>, X::Tenant>::tasks();
    tasks.nth(usize::from(place.0)).expect("a scheduler chooses among the runnable")
}

/// What may go next, by name.
fn name_of<X: Subject, K: Host>(place: TaskIndex) -> &'static str {
    match place {
        TaskIndex::ARRIVAL => "arrival",
        TaskIndex::POLL => "poll",
        place => Machine::<Faulty<K>, X::Tenant>::task_name(task_at::<X, K>(place)),
    }
}
