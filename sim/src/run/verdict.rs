//! What becomes of a run, and how it is told.

use std::any::Any;
use std::borrow::Cow;
use std::fmt;

use sockman::time::Instant;

use super::Report;
use crate::expect::Unmet;
use crate::oracles::Violation;
use crate::schedule::{Place, Schedule, Source};
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
    /// An actor cannot say what the script wants it to.
    Misspoken(Lost),
    /// It was given up after so many steps. Nothing is known of it.
    TooLong(u64),
}

/// A line that did not do what it is there for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lost {
    /// Which.
    pub place: Place,
    /// Why not.
    pub why: Cow<'static, str>,
}

impl Lost {
    /// A line of the script, from 0.
    #[must_use]
    pub fn script(line: usize, why: impl Into<Cow<'static, str>>) -> Self {
        Self { place: Place::Script(line), why: why.into() }
    }

    /// A line of the order, from 0.
    #[must_use]
    pub fn order(line: usize, why: impl Into<Cow<'static, str>>) -> Self {
        Self { place: Place::Order(line), why: why.into() }
    }
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

    /// The node panicked.
    #[must_use]
    pub fn panicked(payload: &(dyn Any + Send), at: Instant) -> Self {
        Self::Failed(Violation {
            oracle: "panic",
            what: crate::panics::message(payload),
            since: at,
            at,
            rule: "nothing that a peer or a network does makes the node panic",
        })
    }

    /// The oracle, or the kind of verdict. Whether two failures are the same takes more
    /// ([`FailureKey`](crate::shrink::FailureKey)).
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Failed(violation) => violation.oracle,
            Self::Unmet(_) => "expectation",
            Self::Drifted(_) => "drifted",
            Self::NotExercised(_) => "not exercised",
            Self::Misspoken(_) => "misspoken",
            Self::TooLong(_) => "too long",
        }
    }

    /// The same on one line, without what no comment of a schedule may contain.
    #[must_use]
    pub fn line(&self) -> String {
        one_line(self)
    }

    /// The line that it is about, if it is about one.
    #[must_use]
    pub const fn place(&self) -> Option<Place> {
        match self {
            Self::Unmet(unmet) => Some(Place::Script(unmet.line)),
            Self::Drifted(lost) | Self::NotExercised(lost) | Self::Misspoken(lost) => {
                Some(lost.place)
            }
            Self::Passed | Self::Failed(_) | Self::TooLong(_) => None,
        }
    }

    /// Says it, with a line in the place of [`place`](Self::place).
    fn say(&self, f: &mut fmt::Formatter<'_>, line: &dyn fmt::Display) -> fmt::Result {
        match self {
            Self::Passed => f.write_str("passed"),
            Self::Failed(violation) => write!(f, "failed: {violation}"),
            Self::Unmet(unmet) => write!(f, "expectation not met: {line}\n  {}", unmet.saw),
            Self::Drifted(lost) => write!(f, "drifted: {line}\n  {}", lost.why),
            Self::NotExercised(lost) => write!(f, "not exercised: {line}\n  {}", lost.why),
            Self::Misspoken(lost) => write!(f, "misspoken: {line}\n  {}", lost.why),
            Self::TooLong(steps) => write!(f, "given up after {steps} steps"),
        }
    }
}

impl fmt::Display for Verdict {
    /// With lines by number, because a verdict does not know them. [`Report::told`] quotes them.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let line = match self.place() {
            Some(Place::Script(line)) => format!("line {} of the script", line + 1),
            Some(Place::Order(line)) => format!("line {} of the order", line + 1),
            Some(Place::Head) | None => String::new(),
        };
        self.say(f, &line)
    }
}

impl Report {
    /// The verdict for a person, with the line that it is about: as it stands in the text, after
    /// the text's name and the line's number; where no text was read, as it would be printed.
    #[must_use]
    pub const fn told<'a>(&'a self, source: Option<&'a Source>) -> Told<'a> {
        Told { verdict: &self.verdict, schedule: &self.recorded, source }
    }
}

/// A verdict with the schedule that it is about.
#[derive(Clone, Copy, Debug)]
pub struct Told<'a> {
    verdict: &'a Verdict,
    schedule: &'a Schedule,
    source: Option<&'a Source>,
}

impl Told<'_> {
    /// The same on one line, without what no comment of a schedule may contain.
    #[must_use]
    pub fn line(&self) -> String {
        one_line(self)
    }
}

impl fmt::Display for Told<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let place = self.verdict.place();
        let read = self.source.zip(place).and_then(|(source, place)| source.line(place));
        if let Some(source) = self.source {
            f.write_str(source.file())?;
            if let Some((number, _)) = read {
                write!(f, ":{number}")?;
            }
            f.write_str(": ")?;
        }
        match (read, place) {
            (Some((_, line)), _) => self.verdict.say(f, &line),
            (None, Some(place)) => self.verdict.say(f, &printed(self.schedule, place)),
            (None, None) => self.verdict.fmt(f),
        }
    }
}

fn one_line(said: &dyn fmt::Display) -> String {
    let text = said.to_string();
    let words = text.split(|c: char| c.is_whitespace() || c.is_control());
    words.filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ")
}

/// A line as it would be printed; nothing if there is none.
fn printed(schedule: &Schedule, place: Place) -> String {
    let line = match place {
        Place::Head => None,
        Place::Script(line) => schedule.script.get(line).map(|line| line.op.to_string()),
        Place::Order(line) => schedule.order.get(line).map(|line| format!("order {line}")),
    };
    line.unwrap_or_default()
}
