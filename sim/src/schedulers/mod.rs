//! Schedulers: who goes first, where several tasks of the node's could.
//!
//! A choice point lies before every step of the node's, before each of its looks at the sockets,
//! before each arrival while the node could go on, and before each push and each wake of an
//! operator's: there the driver may look at its door, or begin to wait, first. The default order
//! lets everything arrive, then names a task; a scheduler may let another one go instead. Each
//! strategy has a file of its own and decides from the same two facts: whose turn it is by default,
//! and who could go. What it decides is recorded as deviations
//! ([`Chooser`](crate::chooser::Chooser)), so that every run replays, whatever chose.
//!
//! | strategy      | what it does                                              | finds                |
//! |---------------|-----------------------------------------------------------|----------------------|
//! | `default`     | production's order                                        | what happens anyway  |
//! | `round-robin` | one step of each task in turn, its actions held back      | overtaken actions    |
//! | `now-and-then`| the default, but with a chance another task               | one rare swap        |
//! | `walk`        | every runnable task with the same chance                  | anything, shallowly  |
//! | `pct`         | the task of highest priority; priorities change `d - 1` times | bugs of depth `d` |

use std::fmt;
use std::str::FromStr;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng as _;

mod draws;
mod pct;
mod random;
mod recorded;
mod round_robin;
mod told;

pub(crate) use draws::Draws;
pub use pct::{DEPTH_MAX, Pct};
pub use random::{NowAndThen, Walk};
pub use recorded::Recorded;
pub use round_robin::RoundRobin;
pub use told::{Offer, Told};

/// A task by its place in [`Machine::tasks`](sockman::driver::Machine::tasks); or one of the others
/// that may go next.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct TaskIndex(pub u8);

impl TaskIndex {
    /// The disk carries out what the node asked of its files.
    pub const DISK: Self = Self(26);
    /// The node's driver does something of its own: it takes in what lies at its door, shows the
    /// machine, begins to wait, or ends.
    pub const DRIVER: Self = Self(27);
    /// Somebody leaves something at the node's door.
    pub const PUSH: Self = Self(28);
    /// Somebody who has left something wakes the driver.
    pub const WAKE: Self = Self(29);
    /// The node looks at its sockets.
    pub const POLL: Self = Self(30);
    /// Something arrives at a host, or an actor moves: what is due outside at this instant.
    pub const ARRIVAL: Self = Self(31);
}

/// Some tasks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TaskSet(u32);

impl TaskSet {
    /// With one task more.
    #[must_use]
    pub fn with(self, task: TaskIndex) -> Self {
        assert!(task.0 < 32, "a node has a handful of tasks");
        Self(self.0 | 1 << task.0)
    }

    /// Whether it is among them.
    #[must_use]
    pub fn contains(self, task: TaskIndex) -> bool {
        task.0 < 32 && self.0 & 1 << task.0 != 0
    }

    /// How many there are.
    #[must_use]
    pub const fn count(self) -> u32 {
        self.0.count_ones()
    }

    /// The tasks, by their places.
    pub fn iter(self) -> impl Iterator<Item = TaskIndex> {
        (0..32).filter(move |place| self.0 & 1 << place != 0).map(TaskIndex)
    }

    /// The `n`-th of them, from 0.
    #[must_use]
    pub fn nth(self, n: u32) -> Option<TaskIndex> {
        self.iter().nth(n as usize)
    }
}

impl FromIterator<TaskIndex> for TaskSet {
    fn from_iter<I: IntoIterator<Item = TaskIndex>>(tasks: I) -> Self {
        tasks.into_iter().fold(Self::default(), Self::with)
    }
}

/// What decides a run that is not replayed: a strategy by name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Strategy {
    /// Production's order.
    #[default]
    Default,
    /// One step of each task in turn.
    RoundRobin,
    /// The default order, but at each choice point another task with this chance in 256.
    NowAndThen(u8),
    /// Every runnable task with the same chance.
    Walk,
    /// Probabilistic concurrency testing, for bugs of this depth, 1 to [`DEPTH_MAX`]: Burckhardt et
    /// al., ASPLOS 2010.
    Pct(u8),
}

impl Strategy {
    /// The scheduler that does so, with its own draws.
    #[must_use]
    pub fn scheduler(self, seed: u64) -> Scheduler {
        let draws = || Draws::new(ChaCha8Rng::seed_from_u64(seed));
        match self {
            Self::Default | Self::NowAndThen(0) => Scheduler::Default,
            Self::RoundRobin => Scheduler::RoundRobin(RoundRobin::default()),
            Self::NowAndThen(chance) => Scheduler::NowAndThen(NowAndThen::new(draws(), chance)),
            Self::Walk => Scheduler::Walk(Walk::new(draws())),
            Self::Pct(depth) => Scheduler::Pct(Pct::new(draws(), depth)),
        }
    }
}

impl fmt::Display for Strategy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::RoundRobin => f.write_str("round-robin"),
            Self::NowAndThen(chance) => write!(f, "now-and-then:{chance}"),
            Self::Walk => f.write_str("walk"),
            Self::Pct(depth) => write!(f, "pct:{depth}"),
        }
    }
}

/// A text that names no strategy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownStrategy(String);

impl fmt::Display for UnknownStrategy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:?}: expected default, round-robin, now-and-then:CHANCE (1 to 255 in 256), walk or \
             pct:DEPTH (1 to {DEPTH_MAX})",
            self.0
        )
    }
}

impl std::error::Error for UnknownStrategy {}

impl FromStr for Strategy {
    type Err = UnknownStrategy;

    fn from_str(text: &str) -> Result<Self, UnknownStrategy> {
        let unknown = || UnknownStrategy(text.to_owned());
        let (name, number) = match text.split_once(':') {
            None => (text, None),
            Some((name, number)) => (name, Some(number.parse::<u8>().map_err(|_| unknown())?)),
        };
        match (name, number) {
            ("default", None) => Ok(Self::Default),
            ("round-robin", None) => Ok(Self::RoundRobin),
            ("now-and-then", Some(chance @ 1..)) => Ok(Self::NowAndThen(chance)),
            ("walk", None) => Ok(Self::Walk),
            ("pct", Some(depth @ 1..=DEPTH_MAX)) => Ok(Self::Pct(depth)),
            _ => Err(unknown()),
        }
    }
}

/// A strategy at work.
#[derive(Clone, Debug)]
pub enum Scheduler {
    /// Never deviates.
    Default,
    /// The `before` lines of a schedule decide.
    Recorded(Recorded),
    /// Somebody says so, one choice at a time.
    Told(Told),
    /// See [`Strategy::RoundRobin`].
    RoundRobin(RoundRobin),
    /// See [`Strategy::NowAndThen`].
    NowAndThen(NowAndThen),
    /// See [`Strategy::Walk`].
    Walk(Walk),
    /// See [`Strategy::Pct`].
    Pct(Pct),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_strategy_is_written_as_it_is_read() {
        let all = ["default", "round-robin", "now-and-then:7", "walk", "pct:3"];
        for text in all {
            assert_eq!(text.parse::<Strategy>().map(|one| one.to_string()), Ok(text.to_owned()));
        }
        for text in ["", "pct", "pct:0", "pct:9", "walk:1", "now-and-then:256", "now-and-then:0"] {
            assert_eq!(text.parse::<Strategy>(), Err(UnknownStrategy(text.to_owned())));
        }
    }

    #[test]
    fn a_set_of_tasks_is_gone_through_by_place() {
        let set: TaskSet = [TaskIndex(4), TaskIndex(0), TaskIndex(4)].into_iter().collect();
        assert_eq!(set.count(), 2);
        assert_eq!(set.nth(1), Some(TaskIndex(4)));
        assert_eq!(set.nth(2), None);
        assert!(set.contains(TaskIndex(0)) && !set.contains(TaskIndex(1)));
    }
}
