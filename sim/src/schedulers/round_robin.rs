//! One step of each runnable task in turn. The default takes turns as well, but carries out what a
//! step asked for before the next task's turn; here that waits for the task's own next turn.

use super::{TaskIndex, TaskSet};

/// Remembers whose turn it was.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RoundRobin {
    last: Option<TaskIndex>,
}

impl RoundRobin {
    pub(crate) fn choose(&mut self, runnable: TaskSet) -> Option<TaskIndex> {
        let next = runnable.iter().find(|task| Some(*task) > self.last);
        self.last = next.or_else(|| runnable.nth(0));
        self.last
    }
}
