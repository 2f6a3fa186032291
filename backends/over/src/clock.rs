//! The time that is left of a wait which has to go on: after an event that nobody asked for, or
//! because its library has ended it too early.
#![expect(clippy::disallowed_methods, reason = "a wait that polls twice has to know how long")]

use std::time::{Duration, Instant};

/// When a wait is over.
#[derive(Clone, Copy, Debug)]
pub enum Deadline {
    /// At once: no clock needs to be read.
    Now,
    /// At a moment.
    At(Instant),
    /// Never, or beyond what a clock can show.
    Never,
}

impl Deadline {
    /// Of a wait that begins now; `None` has no end.
    #[must_use]
    pub fn after(timeout: Option<Duration>) -> Self {
        match timeout {
            None => Self::Never,
            Some(Duration::ZERO) => Self::Now,
            Some(timeout) => Instant::now().checked_add(timeout).map_or(Self::Never, Self::At),
        }
    }

    /// As a timeout: zero once it is over.
    #[must_use]
    pub fn left(self) -> Option<Duration> {
        match self {
            Self::Now => Some(Duration::ZERO),
            Self::At(moment) => Some(moment.saturating_duration_since(Instant::now())),
            Self::Never => None,
        }
    }
}
