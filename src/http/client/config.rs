//! What somebody who makes requests may choose.

use std::time::Duration;

use crate::http::parse::MessageLimits;

/// The choices. Fixed for the life of a [`Client`](super::Client).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClientConfig {
    /// Requests that may be under way, at least 1; one beyond is not begun. Ours.
    pub fetches_max: u32,
    /// How much an answer may be.
    pub answer: MessageLimits,
    /// How long things may take.
    pub timeouts: ClientTimeouts,
}

/// How long things may take, each more than nothing. Ours, all of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClientTimeouts {
    /// Until there is a connection.
    pub connect: Duration,
    /// Between two moments at which bytes go either way, from the connection on.
    pub idle: Duration,
    /// From the connection to the end of the answer, however steadily bytes go.
    pub whole: Duration,
}

impl ClientConfig {
    /// For small documents from anywhere, over Tor among others: an answer of at most 1 MiB.
    pub const DEFAULT: Self = Self {
        fetches_max: 64,
        answer: MessageLimits { body_bytes_max: 1 << 20, ..MessageLimits::DEFAULT },
        timeouts: ClientTimeouts {
            connect: Duration::from_secs(30),
            idle: Duration::from_secs(30),
            whole: Duration::from_secs(120),
        },
    };

    pub(super) fn check_invariants(&self) {
        let ClientTimeouts { connect, idle, whole } = self.timeouts;
        assert!(self.fetches_max > 0, "something may be asked");
        let least = connect.min(idle).min(whole);
        assert!(!least.is_zero(), "everything takes some time");
    }
}

/// What may fall due for a request that is under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ClientTimer {
    /// No byte went either way.
    Idle,
    /// The answer is not complete.
    Whole,
}

impl ClientTimer {
    /// Its name in traces and schedules.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Idle => "idle",
            Self::Whole => "whole",
        }
    }
}
