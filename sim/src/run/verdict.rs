//! What becomes of a run, and how it is told.

use std::fmt;

use sockman::time::Instant;

use crate::expect::Unmet;
use crate::oracles::Violation;
use crate::subject::UnknownWord;
use crate::trace::TraceHash;

/// What became of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Everything as it must be.
    Passed,
    /// An oracle noticed something.
    Failed(Violation),
    /// An expectation was not met.
    Unmet(Unmet),
    /// A deviation or a fault was never reached: the case no longer tests what it says.
    Drifted(Lost),
    /// A fault was reached and changed nothing.
    NotExercised(Lost),
    /// The script says something that its subject does not understand.
    Misspoken(usize, UnknownWord),
    /// It was given up after so many steps. Nothing is known of it.
    TooLong(u64),
}

impl Verdict {
    /// Whether all is well.
    #[must_use]
    pub const fn is_passed(&self) -> bool {
        matches!(self, Self::Passed)
    }

    /// Two runs of one schedule took different ways.
    #[must_use]
    pub fn not_deterministic(first: TraceHash, second: TraceHash) -> Self {
        Self::Failed(Violation {
            oracle: "determinism",
            what: format!("one run has the trace {first}, the next {second}"),
            since: Instant::START,
            at: Instant::START,
            rule: "the same schedule gives the same trace",
        })
    }

    /// The oracle, or the kind of verdict, that two failures share if they are the same.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Failed(violation) => violation.oracle,
            Self::Unmet(_) => "expectation",
            Self::Drifted(_) => "drifted",
            Self::NotExercised(_) => "not exercised",
            Self::Misspoken(..) => "misspoken",
            Self::TooLong(_) => "too long",
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Passed => f.write_str("passed"),
            Self::Failed(violation) => write!(f, "failed: {violation}"),
            Self::Unmet(unmet) => write!(f, "expectation not met: {unmet}"),
            Self::Drifted(lost) => write!(f, "drifted: {lost}"),
            Self::NotExercised(lost) => write!(f, "not exercised: {lost}"),
            Self::Misspoken(line, error) => write!(f, "script line {}: {error}", line + 1),
            Self::TooLong(steps) => write!(f, "given up after {steps} steps"),
        }
    }
}

/// A line that did not do what it is there for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Lost {
    /// A line of the script, from 0.
    Script(usize),
    /// A line of the order, from 0.
    Order(usize),
}

impl fmt::Display for Lost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Script(line) => write!(f, "line {} of the script", line + 1),
            Self::Order(line) => write!(f, "line {} of the order", line + 1),
        }
    }
}
