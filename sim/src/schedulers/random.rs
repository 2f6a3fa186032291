//! Chance at every choice point, alike: a walk, or the default with a swap now and then.

use super::{Draws, TaskIndex, TaskSet};

/// Every runnable task with the same chance.
#[derive(Clone, Debug)]
pub struct Walk {
    draws: Draws,
}

impl Walk {
    pub(super) fn new(draws: Draws) -> Self {
        Self { draws }
    }

    pub(crate) fn choose(&mut self, runnable: TaskSet) -> Option<TaskIndex> {
        let n = self.draws.below(runnable.count());
        runnable.nth(n)
    }
}

/// The default order, with a chance at each choice point that another task goes first.
#[derive(Clone, Debug)]
pub struct NowAndThen {
    draws: Draws,
    chance: u8,
}

impl NowAndThen {
    pub(super) fn new(draws: Draws, chance: u8) -> Self {
        Self { draws, chance }
    }

    /// Who could go is asked only where the default does not.
    pub(crate) fn choose(
        &mut self,
        default: TaskIndex,
        runnable: impl FnOnce() -> TaskSet,
    ) -> Option<TaskIndex> {
        if !self.draws.in_256(self.chance) {
            return None;
        }
        let others: TaskSet = runnable().iter().filter(|task| *task != default).collect();
        let n = self.draws.below(others.count());
        others.nth(n)
    }
}
