//! What goes next where a scheduler decides: an arrival, a look at the sockets, a task, the disk,
//! or one of the two threads between which the node's door stands.

use sockman::driver::{Machine, Task, Turn};
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
        let file = self.file_due();
        let default = match (self.operator.next(), due) {
            (Some(place), _) => place,
            (None, Some(_)) => TaskIndex::ARRIVAL,
            (None, None) if file.is_some() => TaskIndex::DISK,
            (None, None) => match self.next_turn() {
                Turn::Step(task) => TaskIndex(task.place()),
                Turn::Poll => TaskIndex::POLL,
                // Nobody else has anything to do, or nobody else may.
                Turn::Wait | Turn::Drain | Turn::Inspect | Turn::Stop => return self.step_inside(),
            },
        };
        let chosen = self.choose(default, due, file);
        // What lies at the door does not change what another look would show, nor does the disk
        // change what it would show of the sockets.
        let is_aside = chosen == TaskIndex::DRIVER || chosen == TaskIndex::DISK;
        self.has_looked = chosen == TaskIndex::POLL || is_aside && self.has_looked;
        self.has_deviated = chosen != default;
        match chosen {
            TaskIndex::ARRIVAL => self.step_outside().expect("it is due"),
            TaskIndex::DISK => self.step_disk().expect("it is due"),
            TaskIndex::POLL if default == TaskIndex::POLL => Step::Polled(self.look()),
            TaskIndex::POLL => Step::Looked(self.look()),
            TaskIndex::PUSH => self.push(),
            TaskIndex::WAKE => self.wake(),
            TaskIndex::DRIVER => self.step_driver(),
            place => self.step_node(Task::at(place.0)),
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

    /// Asks the scheduler. `default` is what would go by itself; `arrives` is whom that concerns
    /// which is due outside, if something is; `file` is the operation on files that is due.
    fn choose(
        &mut self,
        default: TaskIndex,
        arrives: Option<Option<ActorId>>,
        file: Option<&'static str>,
    ) -> TaskIndex {
        let Self { machine, driver, operator, disk, has_looked, chooser, now, .. } = self;
        let now = *now;
        let sockets = machine.sockman().sockets();
        let (verb, object, actor) = match default {
            TaskIndex::ARRIVAL => ("arrival", "", arrives.flatten()),
            TaskIndex::POLL => ("poll", "", None),
            TaskIndex::PUSH => ("push", "", None),
            TaskIndex::WAKE => ("wake", "", None),
            TaskIndex::DISK => (file.expect("it is due"), "", None),
            place => {
                let step = machine.next_step(now, Task::at(place.0));
                let step = step.expect("the default is runnable");
                (step.verb, step.object, step.conn.and_then(|conn| sockets.actor(conn)))
            }
        };
        let runnable = || {
            let operated = operator.steps();
            let arrival = arrives.map(|_| TaskIndex::ARRIVAL);
            let filed = file.map(|_| TaskIndex::DISK);
            let outside = operated.chain(arrival).chain(filed).chain([default]);
            if driver.has_ended() {
                return outside.collect();
            }
            let tasks = Machine::<Faulty<K>, X::Tenant>::tasks();
            // A wait ends with a look at the sockets, whatever else there is to do.
            let is_asleep = driver.is_asleep();
            let tasks = tasks.filter(|_| !is_asleep);
            let tasks = tasks.filter(|task| machine.next_step(now, *task).is_some());
            let has_completed = || disk.as_ref().is_some_and(|disk| disk.files().has_completed());
            let sees = sockets.inner().has_ready() && !*has_looked || has_completed();
            let polls = driver.may_wake(now.steady) || sees;
            let poll = polls.then_some(TaskIndex::POLL);
            // Where nobody leaves anything, it does not matter when the driver looks at its door.
            let is_visited = operator.next().is_some() || driver.has_news();
            let drives = is_visited && driver.can_go(|| machine.default_next(now));
            let drive = drives.then_some(TaskIndex::DRIVER);
            tasks
                .map(|task| TaskIndex(task.place()))
                .chain(poll)
                .chain(drive)
                .chain(outside)
                .collect()
        };
        let point = Point { default, verb, object, actor };
        chooser.choose(point, name_of::<X, K>, runnable)
    }
}

/// What may go next, by name.
fn name_of<X: Subject, K: Host>(place: TaskIndex) -> &'static str {
    match place {
        TaskIndex::ARRIVAL => "arrival",
        TaskIndex::POLL => "poll",
        TaskIndex::PUSH => "push",
        TaskIndex::WAKE => "wake",
        TaskIndex::DRIVER => "driver",
        TaskIndex::DISK => "disk",
        place => Machine::<Faulty<K>, X::Tenant>::task_name(Task::at(place.0)),
    }
}
