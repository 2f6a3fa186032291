//! Probabilistic concurrency testing: every task has a priority drawn at the start, the highest
//! runnable one goes, and at `d - 1` steps drawn at the start the one that would go falls behind
//! all others. A bug that needs `d` orderings among `n` tasks in `k` steps is met with a chance of
//! at least 1 in `n * k^(d-1)` (Burckhardt et al., "A randomized scheduler with probabilistic
//! guarantees of finding bugs", ASPLOS 2010).
//!
//! How many steps a run has is not known before it; the drawn steps are spread evenly over the
//! orders of magnitude instead, so that short runs and long ones have theirs.

use super::{Draws, TaskIndex, TaskSet};

/// The greatest depth. Few bugs need more than three orderings.
pub const DEPTH_MAX: u8 = 8;

/// Change points lie below 2^20 steps, more than a run of the default world makes.
const STEPS_BITS_MAX: u32 = 20;

/// The state of the strategy.
#[derive(Clone, Debug)]
pub struct Pct {
    draws: Draws,
    /// Tasks seen so far, the highest priority first.
    ranking: Vec<TaskIndex>,
    /// Steps at which the one in front falls behind, the next one last.
    changes: Vec<u32>,
    steps: u32,
}

impl Pct {
    pub(super) fn new(mut draws: Draws, depth: u8) -> Self {
        let change = |draws: &mut Draws| {
            let bits = draws.within(1, STEPS_BITS_MAX);
            draws.below(1 << bits)
        };
        let mut changes: Vec<u32> = (1..depth).map(|_| change(&mut draws)).collect();
        changes.sort_unstable_by(|one, other| other.cmp(one));
        Self { draws, ranking: Vec::new(), changes, steps: 0 }
    }

    pub(crate) fn choose(&mut self, runnable: TaskSet) -> Option<TaskIndex> {
        for task in runnable.iter() {
            if !self.ranking.contains(&task) {
                let places = u32::try_from(self.ranking.len()).expect("a handful of tasks");
                let place = self.draws.within(0, places);
                self.ranking.insert(place as usize, task);
            }
        }
        let first = |ranking: &[TaskIndex]| ranking.iter().position(|t| runnable.contains(*t));
        while self.changes.last().is_some_and(|at| *at <= self.steps) {
            self.changes.pop();
            let front = first(&self.ranking)?;
            let fallen = self.ranking.remove(front);
            self.ranking.push(fallen);
        }
        self.steps = self.steps.saturating_add(1);
        first(&self.ranking).map(|place| self.ranking[place])
    }
}

#[cfg(test)]
mod tests {
    use rand_chacha::ChaCha8Rng;
    use rand_chacha::rand_core::SeedableRng as _;

    use super::*;

    #[test]
    fn who_is_in_front_stays_there_between_changes() {
        let all: TaskSet = (0..4).map(TaskIndex).collect();
        for seed in 0..4 {
            for depth in 1..=DEPTH_MAX {
                let draws = Draws::new(ChaCha8Rng::seed_from_u64(seed));
                let mut pct = Pct::new(draws, depth);
                let mut chosen: Vec<_> = (0..20_000).filter_map(|_| pct.choose(all)).collect();
                assert_eq!(chosen.len(), 20_000, "somebody always goes");
                chosen.dedup();
                let changes = usize::from(depth);
                assert!(chosen.len() <= changes, "{} changes at depth {depth}", chosen.len());
            }
        }
    }

    #[test]
    fn every_order_of_priorities_occurs() {
        let all: TaskSet = (0..3).map(TaskIndex).collect();
        let mut orders = std::collections::BTreeSet::new();
        for seed in 0..200 {
            let mut pct = Pct::new(Draws::new(ChaCha8Rng::seed_from_u64(seed)), 1);
            pct.choose(all);
            orders.insert(pct.ranking.iter().map(|task| task.0).collect::<Vec<_>>());
        }
        assert_eq!(orders.len(), 6);
    }
}
