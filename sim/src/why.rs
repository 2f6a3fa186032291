//! When a failure became inevitable: from prefixes of the run that failed, others go on, and it is
//! counted how many fail in the same way.
//!
//! ```text
//!  schedule --> run that fails: steps 1, 2, ... n
//!                 |
//!  a prefix of it, cloned --> order and calls anew, the script as it is --> the same failure?
//!                                                               so many of so many, per prefix
//! ```
//!
//! A few prefixes come first, evenly over the run; then the gap over which most is decided is
//! halved, again and again, until one step is left in it. What is drawn follows from the schedule,
//! and the budget is a number of socket events, so that the same schedule has the same answer
//! everywhere, unless it is stopped.
//!
//! What happens to calls is drawn of the kinds that the failing run had; a run whose order says
//! nothing of short sends is not asked about them.

mod telling;

use std::collections::BTreeMap;
use std::fmt;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng as _;
use sockman::time::Instant;

use crate::estimate::Estimate;
use crate::faulty::Weights;
use crate::generate::{draw_strategy, weight};
use crate::host::Host;
use crate::run::{Chance, Onlooker, Options, Run, SetupError, Verdict};
use crate::schedule::{Call, Deviation, Effect, Schedule};
use crate::schedulers::Draws;
use crate::shrink::FailureKey;
use crate::subject::Subject;
use crate::trace::{Story, TraceHash};
use crate::world::{Step, World};

/// Into how many parts a run is divided first.
const PARTS: u64 = 16;

/// How many times as many steps as the failing run had a run may take that goes on from a prefix,
/// and how many more: beyond, it is given up and has not failed in the same way.
const STEPS_TIMES: u64 = 8;
const STEPS_MORE: u64 = 100_000;

/// How much may be tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Budget {
    /// Runs that go on from each prefix; at least 1.
    pub runs: u32,
    /// Socket events of all of them together; the last prefix may go beyond.
    pub events: u64,
    /// Steps of the failing run, at most: as [`Options::steps_max`].
    pub steps_max: u64,
}

impl Default for Budget {
    /// Intervals of a quarter at the widest, and half a minute or so at the worst.
    fn default() -> Self {
        Self { runs: 64, events: 10_000_000, steps_max: crate::run::STEPS_MAX }
    }
}

/// One prefix, and what came of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Point {
    /// How many steps of the failing run it has.
    pub step: u64,
    /// When it ends.
    pub at: Instant,
    /// How many fail that go on from there.
    pub estimate: Estimate,
}

/// The step after which most more fail than before it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Jump {
    /// Which step of the run, from 1.
    pub step: u64,
    /// When.
    pub at: Instant,
    /// What it did.
    pub what: Vec<String>,
    /// How many failed before it, and after.
    pub before: Estimate,
    /// See `before`.
    pub after: Estimate,
}

impl Jump {
    /// Whether chance alone would hardly make this of it: the intervals have nothing in common.
    #[must_use]
    pub fn is_clear(&self) -> bool {
        self.before.interval().1 < self.after.interval().0
    }
}

/// Why it went no further.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// One step is left.
    Found,
    /// The budget was spent.
    Spent,
    /// Somebody wanted it to end.
    Stopped,
}

/// What was found out.
#[derive(Clone, Debug)]
pub struct Why {
    /// The failure.
    pub verdict: Verdict,
    /// Steps of the failing run; with the last of them it has failed.
    pub steps: u64,
    /// Prefixes, from the shortest to the whole run.
    pub curve: Vec<Point>,
    /// The step; `None` if the script alone decides, or there was no time to find it.
    pub jump: Option<Jump>,
    /// From which of these prefixes on every run failed.
    pub certain_from: u64,
    /// Runs that went on, and their socket events.
    pub runs: u64,
    /// See `runs`.
    pub events: u64,
    /// Why it went no further.
    pub end: End,
}

/// Why there is nothing to find out.
#[derive(Debug)]
pub enum NotExplained {
    /// The schedule cannot be run.
    Setup(SetupError),
    /// It does not fail, or it is the schedule that fails, not the node.
    NoFailure(Verdict),
}

impl fmt::Display for NotExplained {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Setup(error) => error.fmt(f),
            Self::NoFailure(Verdict::Passed) => {
                f.write_str("it passes; expected a schedule that fails")
            }
            Self::NoFailure(verdict) => {
                let kind = verdict.kind();
                write!(f, "it is {kind}; expected one that an oracle or an expectation fails")
            }
        }
    }
}

impl std::error::Error for NotExplained {}

/// Finds out when the failure of a schedule became inevitable. `goes_on` is asked now and then
/// whether there is time left.
///
/// # Errors
///
/// It does not fail, or cannot be run.
pub fn why<X: Subject>(
    schedule: &Schedule,
    budget: Budget,
    goes_on: impl Fn() -> bool,
) -> Result<Why, NotExplained> {
    let options = Options { steps_max: budget.steps_max, ..Options::default() };
    let start = Run::<X>::new(schedule, &options).map_err(NotExplained::Setup)?;
    let mut run = start.clone();
    let mut steps = 0;
    let verdict = loop {
        steps += 1;
        if let Some(verdict) = run.advance() {
            break verdict;
        }
    };
    let key = match &verdict {
        Verdict::Failed(_) | Verdict::Unmet(_) => FailureKey::of(&verdict, schedule),
        Verdict::Passed
        | Verdict::Drifted(_)
        | Verdict::NotExercised(_)
        | Verdict::Misspoken(_)
        | Verdict::TooLong(_) => None,
    };
    let Some(key) = key else { return Err(NotExplained::NoFailure(verdict)) };
    let whole = Estimate { hits: budget.runs, trials: budget.runs };
    let mut search = Search {
        schedule,
        start,
        steps,
        key,
        budget,
        seed: seed_of(schedule),
        kinds: kinds_of(schedule),
        curve: BTreeMap::from([(steps, (run.world().now().steady, whole))]),
        runs: 0,
        events: 0,
    };
    let end = search.go(&goes_on);
    let jump = search.jump().map(|(before, after)| search.describe(before, after));
    Ok(search.told(verdict, jump, end))
}

/// What all draws follow from.
fn seed_of(schedule: &Schedule) -> u64 {
    let mut hash = TraceHash::new();
    hash.add_bytes(&schedule.to_bytes());
    hash.value()
}

/// Which results of calls the order of a schedule has.
fn kinds_of(schedule: &Schedule) -> Vec<(Call, Effect)> {
    let at = |deviation: &Deviation| match deviation {
        Deviation::At { call, effect, .. } => Some((*call, *effect)),
        Deviation::Before { .. } => None,
    };
    schedule.order.iter().filter_map(at).collect()
}

struct Search<'a, X: Subject> {
    schedule: &'a Schedule,
    start: Run<X>,
    steps: u64,
    key: FailureKey,
    budget: Budget,
    seed: u64,
    kinds: Vec<(Call, Effect)>,
    /// By the length of the prefix.
    curve: BTreeMap<u64, (Instant, Estimate)>,
    runs: u64,
    events: u64,
}

impl<X: Subject> Search<'_, X> {
    fn go(&mut self, goes_on: &impl Fn() -> bool) -> End {
        let coarse: Vec<_> = (0..PARTS).map(|part| self.steps * part / PARTS).collect();
        let mut coarse = coarse.into_iter();
        loop {
            let next = coarse.by_ref().find(|step| !self.curve.contains_key(step));
            let Some(step) = next.or_else(|| self.to_halve()) else { return End::Found };
            if !goes_on() {
                return End::Stopped;
            }
            if self.events >= self.budget.events {
                return End::Spent;
            }
            self.ask(step);
        }
    }

    /// The gap over which most is decided; the latest if several are alike.
    fn jump(&self) -> Option<(u64, u64)> {
        let failed = |point: &(Instant, Estimate)| point.1.hits;
        let gaps = self.curve.iter().zip(self.curve.iter().skip(1));
        let rises = gaps.map(|((before, less), (after, more))| {
            (failed(more).saturating_sub(failed(less)), (*before, *after))
        });
        let most = rises.max()?;
        (most.0 > 0).then_some(most.1)
    }

    /// The middle of that gap, if it is wider than a step.
    fn to_halve(&self) -> Option<u64> {
        let (before, after) = self.jump()?;
        (after - before > 1).then(|| before + (after - before) / 2)
    }

    /// Lets runs go on from a prefix.
    fn ask(&mut self, step: u64) {
        let mut prefix = self.start.clone();
        for _ in 0..step {
            let ended = prefix.advance();
            assert!(ended.is_none(), "it goes the same way as before");
        }
        let before = prefix.stats().events;
        prefix.limit_steps((self.steps * STEPS_TIMES + STEPS_MORE).min(self.budget.steps_max));
        let mut failed = 0;
        for number in 0..self.budget.runs {
            let mut run = prefix.clone();
            run.draw_anew(&self.chance(step, number));
            let verdict = run.advance_to_the_end();
            let same = FailureKey::of(&verdict, self.schedule).as_ref() == Some(&self.key);
            failed += u32::from(same);
            self.runs += 1;
            self.events += run.stats().events - before;
        }
        let estimate = Estimate { hits: failed, trials: self.budget.runs };
        self.curve.insert(step, (prefix.world().now().steady, estimate));
    }

    /// What a run draws that goes on.
    fn chance(&self, step: u64, number: u32) -> Chance {
        let mut seed = TraceHash::new();
        seed.add(self.seed);
        seed.add(step);
        seed.add(u64::from(number));
        let mut draws = Draws::new(ChaCha8Rng::seed_from_u64(seed.value()));
        let strategy = draw_strategy(&mut draws);
        let mut weights = Weights::default();
        for (call, effect) in &self.kinds {
            let chance = match (call, effect) {
                (Call::Send, Effect::Bytes(_)) => &mut weights.short_send,
                (Call::Send, Effect::WouldBlock) => &mut weights.send_would_block,
                (Call::Recv, Effect::Bytes(_)) => &mut weights.short_recv,
                (Call::Recv, Effect::WouldBlock) => &mut weights.recv_would_block,
                (Call::Send | Call::Recv, _) => &mut weights.reset,
                (Call::Accept, _) => &mut weights.accept_fails,
                (Call::Connect, _) => &mut weights.connect_fails,
                (Call::Append | Call::Sync, _) => continue,
            };
            *chance = (*chance).max(weight(&mut draws));
        }
        Chance { seed: draws.seed(), strategy, weights }
    }

    /// What happened in the step between two prefixes; in a wider gap, in its last step.
    fn describe(&self, before: u64, after: u64) -> Jump {
        let options =
            Options { story: Story::Keep, steps_max: self.budget.steps_max, ..Options::default() };
        let run = Run::<X>::new(self.schedule, &options);
        let mut run = run.expect("it was run before");
        for _ in 1..after {
            let _ = run.advance();
        }
        let told = run.world().trace().story().len();
        let used = run.world().chooser().recorded().len();
        let mut doing = Doing::default();
        let _ = run.advance_before(&mut doing);
        let story = run.world().trace().story();
        let mut what: Vec<_> = story[told..].iter().map(ToString::to_string).collect();
        if what.is_empty() {
            what.push(format!("{:>14}  {}", run.world().now().steady.to_string(), doing.0));
        }
        let recorded = &run.world().chooser().recorded()[used..];
        what.extend(recorded.iter().map(|deviation| format!("by order {deviation}")));
        let estimate = |step: u64| self.curve[&step].1;
        let at = run.world().now().steady;
        Jump { step: after, at, what, before: estimate(before), after: estimate(after) }
    }

    fn told(self, verdict: Verdict, jump: Option<Jump>, end: End) -> Why {
        let point = |(step, (at, estimate)): (&u64, &(Instant, Estimate))| Point {
            step: *step,
            at: *at,
            estimate: *estimate,
        };
        let curve: Vec<_> = self.curve.iter().map(point).collect();
        let certain = curve.iter().rev().take_while(|point| point.estimate.is_certain());
        let certain_from = certain.last().map_or(self.steps, |point| point.step);
        let Self { steps, runs, events, .. } = self;
        Why { verdict, steps, curve, jump, certain_from, runs, events, end }
    }
}

/// What a step is that nobody tells of.
#[derive(Default)]
struct Doing(String);

impl<X: Subject, K: Host> Onlooker<X, K> for Doing {
    fn before_step(&mut self, _: &World<X, K>) {}

    fn after_step(&mut self, _: &World<X, K>, step: &Step) {
        self.0 = match step {
            Step::Outside => "something arrives at a peer, or a peer moves".to_owned(),
            Step::Arrived => "something arrives at the node's host".to_owned(),
            Step::Polled(count) => format!("the node looks at its sockets and is told of {count}"),
            Step::Looked(count) => format!("the node looks once more and is told of {count}"),
            Step::Node(_, did) => format!("the node: {did:?}"),
            Step::Left => "somebody leaves something at the node's door".to_owned(),
            Step::Woke => "somebody wakes the node".to_owned(),
            Step::Filed => "the disk carries out an operation".to_owned(),
            Step::Driven(turn) => format!("the node's driver: {turn:?}"),
            Step::Idle(_) | Step::Stalled(_) => "time passes".to_owned(),
        };
    }
}
