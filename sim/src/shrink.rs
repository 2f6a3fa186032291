//! Shrinking: from a schedule that fails to the smallest one that fails in the same way.
//!
//! ```text
//!  schedule --> draft --> pass --> candidate --> smaller, and the same failure? --> draft
//!                 ^         |                                                         |
//!                 '---------'------- until no pass finds a smaller one ---------------'
//! ```
//!
//! A pass is a source of candidates and knows one way to make a schedule simpler: fewer order
//! lines, fewer lines and peers, shorter payloads, rounder times, weaker faults. Whether a
//! candidate counts is decided in one place (`search.rs`): it must be smaller in a fixed order
//! (`size.rs`), so that passes cannot undo each other's work and always come to an end, and it must
//! fail in the same way ([`FailureKey`]), so that a shrink does not slip to another failure.
//!
//! It knows nothing of wall time and draws nothing: the budget is a number of runs and of steps,
//! and the same schedule shrinks to the same text everywhere, unless it is stopped. It invents
//! nothing and changes no places, with two exceptions: a manner becomes the words that it said, and
//! the result of a call becomes a fault of the script, which may stand where its call is the next.

mod actors;
mod ddmin;
mod draft;
mod failure;
mod lines;
mod manners;
mod operations;
mod order;
mod payload;
mod search;
mod size;
mod strength;
mod times;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use crate::run::{Options, Report, STEPS_MAX, SetupError, Verdict, run};
use crate::schedule::Schedule;
use crate::subject::{Dialect as _, Subject};

pub(crate) use draft::{nth_of, with_nth};
pub use failure::{FailureKey, is_mark};
pub use operations::operations;

use search::Search;

/// How much may be tried.
#[derive(Clone, Debug)]
pub struct Budget {
    /// Runs, at most.
    pub runs: u32,
    /// Steps of all runs together, at most; the last run may go beyond.
    pub steps: u64,
    /// Steps of one run, at most: as [`Options::steps_max`].
    pub steps_max: u64,
    /// Nothing more is tried once this is set; `None` is never.
    pub stop: Option<Arc<AtomicBool>>,
}

impl Default for Budget {
    /// A minute at the worst, on one thread. A failure of the default campaign takes a few dozen to
    /// a few hundred runs, most of them far shorter than the run that failed.
    fn default() -> Self {
        Self { runs: 2_000, steps: 100_000_000, steps_max: STEPS_MAX, stop: None }
    }
}

/// What came of it.
#[derive(Clone, Debug)]
pub struct Shrunk {
    /// The smallest schedule found. It keeps title and comments, and a comment marks the line that
    /// was carried out last before the failure.
    pub schedule: Schedule,
    /// Its verdict.
    pub verdict: Verdict,
    /// What it shares with the verdict of the schedule that it was made from.
    pub key: FailureKey,
    /// In numbers.
    pub stats: Stats,
}

/// What it took, and what it came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stats {
    /// Runs made.
    pub runs: u32,
    /// Steps of these runs.
    pub steps: u64,
    /// [`operations()`] of the schedule that was given.
    pub operations_before: usize,
    /// [`operations()`] of the one found.
    pub operations_after: usize,
    /// Why it ended.
    pub end: End,
}

/// Why a shrink ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// No pass finds anything smaller.
    Minimal,
    /// The budget was spent.
    Spent,
    /// Somebody set [`Budget::stop`].
    Stopped,
}

impl fmt::Display for Stats {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { runs, operations_before, operations_after, .. } = self;
        let end = match self.end {
            End::Minimal => "",
            End::Spent => ", and all that it may take",
            End::Stopped => ", and was interrupted",
        };
        write!(
            f,
            "{operations_before} operations before, {operations_after} after, in {runs} runs{end}"
        )
    }
}

/// Why there is nothing to shrink.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NotShrunk {
    /// It does not fail.
    Passes,
    /// It cannot be run.
    Setup(SetupError),
}

impl fmt::Display for NotShrunk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Passes => f.write_str("it passes; only what fails can be shrunk"),
            Self::Setup(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for NotShrunk {}

/// How a candidate is run.
pub type Runner<'a> = dyn FnMut(&Schedule, &Options) -> Result<Report, SetupError> + 'a;

/// One way to make a schedule smaller.
type Pass = fn(&mut Search<'_>);

/// In this order, again and again: what takes most away first.
const PASSES: [Pass; 14] = [
    lines::cut,
    order::remove,
    actors::remove,
    lines::remove,
    order::turn_into_faults,
    lines::remove_settings,
    actors::unite,
    manners::simplify,
    payload::simplify,
    lines::merge,
    times::simplify,
    strength::weaken,
    order::move_up,
    actors::rename,
];

/// Shrinks a schedule that fails when it is replayed.
///
/// # Errors
///
/// It does not fail, or cannot be run.
pub fn shrink<X: Subject>(schedule: &Schedule, budget: &Budget) -> Result<Shrunk, NotShrunk> {
    shrink_with(schedule, budget, X::Dialect::vocabulary(), &mut run::<X>)
}

/// As [`shrink`], where a run is something else than one replay. `vocabulary` are words that actors
/// may say.
///
/// # Errors
///
/// As [`shrink`].
pub fn shrink_with(
    schedule: &Schedule,
    budget: &Budget,
    vocabulary: &'static [&'static str],
    run: &mut Runner<'_>,
) -> Result<Shrunk, NotShrunk> {
    let operations_before = operations(schedule);
    let mut search = Search::new(schedule, budget.clone(), vocabulary, run)?;
    let mut is_minimal = false;
    while !search.is_over() && !is_minimal {
        let before = search.size().clone();
        for pass in PASSES {
            pass(&mut search);
        }
        if *search.size() == before {
            // It costs a run for each pair of lines, so that it comes last.
            lines::remove_pairs(&mut search);
        }
        is_minimal = *search.size() == before && !search.is_over();
    }
    let end = match (is_minimal, search.is_stopped()) {
        (true, _) => End::Minimal,
        (false, true) => End::Stopped,
        (false, false) => End::Spent,
    };
    let (runs, steps) = search.spent();
    let (schedule, verdict, key) = search.into_result();
    let operations_after = operations(&schedule);
    let stats = Stats { runs, steps, operations_before, operations_after, end };
    Ok(Shrunk { schedule, verdict, key, stats })
}
