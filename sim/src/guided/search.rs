//! The search: runs in rounds of one size, and what they reach decides what is mutated next.
//!
//! A schedule is kept if its run passes and reaches a transition that none of those kept reaches.
//! Those that reach rare transitions are mutated most, and cheap ones before dear ones, since the
//! budget is events. Whatever is drawn is drawn from the seed of the run, and what came of the runs
//! is taken in their order: how many ran at once makes no difference.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng as _;

use super::language::Language;
use super::mutate::mutate;
use super::observer::Seen;
use super::transition::Transition;
use crate::generate::{Generated, Plan};
use crate::run::{Options, Report, STEPS_MAX, Verdict};
use crate::schedulers::Draws;
use crate::shrink::FailureKey;

/// Runs of one round. The first is of seeds, for there is nothing to mutate yet.
const ROUND: usize = 16;

/// One run in so many is of a seed ever after: most of what seeds reach is reached soon.
const SEEDS_ONCE_IN: u32 = 32;

/// A mutated run may take the steps of the mean one of a seed, divided by this: one that is dear
/// shows no more than several that are cheap.
const STEPS_DIVISOR: u64 = 3;

/// What counts for the weight of a schedule beside the events of its run, and beside how often it
/// was mutated: so that none of them weighs everything.
const EVENTS_BASE: u64 = 10;
const MUTATED_BASE: u64 = 4;

/// When a search ends.
#[derive(Clone, Debug)]
pub struct Budget {
    /// The seeds of its runs, one each.
    pub seeds: Range<u64>,
    /// After so many socket events, with the run that reaches them.
    pub events: Option<u64>,
    /// With the first failure.
    pub stops_at_failure: bool,
}

/// A run that a search asks for.
#[derive(Clone, Debug)]
pub struct Asked {
    /// Its seed.
    pub seed: u64,
    /// What to run.
    pub generated: Generated,
    is_mutated: bool,
    steps_max: u64,
}

impl Asked {
    /// Runs it, and sees what it reaches.
    #[must_use]
    pub fn run(&self, language: &Language) -> (Report, Seen) {
        let Generated { schedule, chance, .. } = &self.generated;
        let (chance, steps_max) = (Some(chance.clone()), self.steps_max);
        let options = Options { chance, steps_max, ..Options::default() };
        (language.observe)(schedule, &options).expect("mutations make sense for their subject")
    }
}

/// What a run was to a search.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Taken {
    /// It passed.
    Passed,
    /// It took too many steps, which a mutation may.
    GivenUp,
    /// It failed as none before it.
    FailedAnew,
    /// It failed as another did.
    FailedAgain,
}

/// What is known of a transition that was reached.
#[derive(Clone, Copy, Debug, Default)]
struct Known {
    /// In how many runs.
    runs: u64,
    /// Whether a schedule is kept that reaches it.
    is_kept: bool,
}

/// A schedule that is kept.
#[derive(Clone, Debug)]
struct Kept {
    generated: Generated,
    events: u64,
    /// What its run reached, by number.
    reached: Vec<usize>,
    /// How often it was mutated.
    mutated: u64,
}

/// The state of a search. See the head of the module.
#[derive(Clone, Debug)]
pub struct Search {
    language: Language,
    plan: Plan,
    budget: Budget,
    /// At most one for each transition, of which there are only so many.
    kept: Vec<Kept>,
    /// Every transition that was reached, with its number.
    numbers: BTreeMap<Transition, usize>,
    /// By number.
    known: Vec<Known>,
    failures: Vec<FailureKey>,
    runs: u64,
    events: u64,
    /// Runs of seeds, and their steps.
    seed_runs: u64,
    seed_steps: u64,
    is_over: bool,
}

impl Search {
    /// A search that has run nothing.
    #[must_use]
    pub fn new(language: Language, plan: Plan, budget: Budget) -> Self {
        Self {
            language,
            plan,
            budget,
            kept: Vec::new(),
            numbers: BTreeMap::new(),
            known: Vec::new(),
            failures: Vec::new(),
            runs: 0,
            events: 0,
            seed_runs: 0,
            seed_steps: 0,
            is_over: false,
        }
    }

    /// The next runs; none when the budget is spent. What comes of them goes to
    /// [`take`](Self::take), in this order, before the next round.
    pub fn round(&mut self) -> Vec<Asked> {
        if self.is_over {
            return Vec::new();
        }
        let weights = self.weights();
        let next = self.budget.seeds.start + self.runs..self.budget.seeds.end;
        next.take(ROUND).map(|seed| self.ask(seed, &weights)).collect()
    }

    fn ask(&mut self, seed: u64, weights: &[u32]) -> Asked {
        let mut draws = Draws::new(ChaCha8Rng::seed_from_u64(!seed));
        if self.kept.is_empty() || draws.once_in(SEEDS_ONCE_IN) {
            let generated = (self.language.generate)(&self.plan, seed);
            return Asked { seed, generated, is_mutated: false, steps_max: STEPS_MAX };
        }
        let parent = draws.pick_weighted((0..).zip(weights.iter().copied()));
        let parent: &mut Kept = &mut self.kept[parent];
        parent.mutated += 1;
        let generated = mutate(&self.language, &self.plan, &parent.generated, draws.seed());
        let mean = self.seed_steps / self.seed_runs.max(1);
        Asked { seed, generated, is_mutated: true, steps_max: mean / STEPS_DIVISOR }
    }

    /// How often each of those kept deserves to be mutated: the rarer what it reaches, and the less
    /// it costs and was mutated, the more.
    fn weights(&self) -> Vec<u32> {
        let weight = |kept: &Kept| {
            let rarity = kept.reached.iter().map(|number| 1_000_000 / self.known[*number].runs);
            let cost = (EVENTS_BASE + kept.events) * (MUTATED_BASE + kept.mutated);
            // So that the sum of all fits as well.
            1 + u32::try_from(rarity.sum::<u64>() / cost).unwrap_or(u32::MAX).min(1 << 18)
        };
        self.kept.iter().map(weight).collect()
    }

    /// Takes in what came of a run; `None`: the budget was spent before it, and it does not count.
    pub fn take(&mut self, asked: &Asked, report: &Report, seen: &Seen) -> Option<Taken> {
        if self.is_over {
            return None;
        }
        self.runs += 1;
        self.events += report.stats.events;
        if !asked.is_mutated {
            self.seed_runs += 1;
            self.seed_steps += report.stats.steps;
        }
        let reached = self.learn(seen);
        let taken = match &report.verdict {
            Verdict::Passed => Taken::Passed,
            Verdict::TooLong(_) if asked.is_mutated => Taken::GivenUp,
            Verdict::TooLong(_)
            | Verdict::Failed(_)
            | Verdict::Unmet(_)
            | Verdict::Drifted(_)
            | Verdict::NotExercised(_)
            | Verdict::Misspoken(_) => self.failed(report),
        };
        if taken == Taken::Passed {
            self.keep_if_new(&asked.generated, report.stats.events, reached);
        }
        let has_failed = matches!(taken, Taken::FailedAnew | Taken::FailedAgain);
        self.is_over = self.budget.events.is_some_and(|events| self.events >= events)
            || self.budget.stops_at_failure && has_failed;
        Some(taken)
    }

    /// Notes what a run has reached, and gives the numbers of that.
    fn learn(&mut self, seen: &Seen) -> Vec<usize> {
        let mut reached = Vec::with_capacity(seen.len());
        for transition in seen {
            let next = self.known.len();
            let number = *self.numbers.entry(*transition).or_insert(next);
            if number == next {
                self.known.push(Known::default());
            }
            self.known[number].runs += 1;
            reached.push(number);
        }
        reached
    }

    fn keep_if_new(&mut self, generated: &Generated, events: u64, reached: Vec<usize>) {
        if reached.iter().all(|number| self.known[*number].is_kept) {
            return;
        }
        for number in &reached {
            self.known[*number].is_kept = true;
        }
        self.kept.push(Kept { generated: generated.clone(), events, reached, mutated: 0 });
    }

    fn failed(&mut self, report: &Report) -> Taken {
        let key = FailureKey::of(&report.verdict, &report.recorded);
        let key = key.expect("only what has passed has not failed");
        if self.failures.contains(&key) {
            return Taken::FailedAgain;
        }
        self.failures.push(key);
        Taken::FailedAnew
    }

    // What came of it.

    /// How many schedules are kept.
    #[must_use]
    pub const fn kept_count(&self) -> usize {
        self.kept.len()
    }

    /// Every transition that was reached.
    #[must_use]
    pub fn reached(&self) -> BTreeSet<Transition> {
        self.numbers.keys().copied().collect()
    }

    /// How many transitions were reached.
    #[must_use]
    pub fn reached_count(&self) -> usize {
        self.numbers.len()
    }

    /// How many transitions are expected.
    #[must_use]
    pub fn expected_count(&self) -> usize {
        self.language.expected.len()
    }

    /// What is expected and was never reached.
    #[must_use]
    pub fn unreached(&self) -> Vec<Transition> {
        let reached: BTreeSet<_> = self.numbers.keys().map(|one| one.coarse()).collect();
        self.language.expected.difference(&reached).copied().collect()
    }
}
