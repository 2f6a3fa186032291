//! What comes of a request that we make.

use std::fmt;

use super::config::ClientTimer;
use crate::http::parse::{ResponseError, ResponseStage};
use crate::http::status::Status;
use crate::sockets::{ConnectError, Failure};

/// A request of whoever asks, who makes the number up: it comes back with the outcome.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FetchId(pub u64);

impl fmt::Display for FetchId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "request {}", self.0)
    }
}

/// Why a request has no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FetchError {
    /// As many are under way as may be.
    TooMany,
    /// The client stops, or its time was over.
    Stopping,
    /// Nobody was reached.
    Connect(ConnectError),
    /// Nobody was reached in time.
    ConnectTimeout,
    /// The connection failed.
    Lost {
        /// How.
        failure: Failure,
        /// How far the answer had got.
        stage: ResponseStage,
    },
    /// What came is no answer, or not a whole one.
    Response(ResponseError),
    /// The server says to ask elsewhere, which is left to whoever asked.
    Redirected {
        /// How it says so.
        status: Status,
        /// Where to, if it says so: the bytes of `Location` as they came.
        location: Option<Vec<u8>>,
    },
    /// It took too long.
    Timeout {
        /// What did.
        timer: ClientTimer,
        /// How far the answer had got.
        stage: ResponseStage,
    },
}

impl FetchError {
    /// Its name where a program reads it.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::TooMany => "too-many",
            Self::Stopping => "stopping",
            Self::Connect(_) => "connect",
            Self::ConnectTimeout => "connect-timeout",
            Self::Lost { .. } => "lost",
            Self::Response(_) => "response",
            Self::Redirected { .. } => "redirected",
            Self::Timeout { timer: ClientTimer::Idle, .. } => "idle-timeout",
            Self::Timeout { timer: ClientTimer::Whole, .. } => "whole-timeout",
        }
    }
}

impl fmt::Display for FetchError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooMany => f.write_str("as many requests are under way as may be"),
            Self::Stopping => f.write_str("the client stops"),
            Self::Connect(error) => error.fmt(f),
            Self::ConnectTimeout => f.write_str("no connection in time"),
            Self::Lost { failure, stage } => write!(f, "{failure}, {stage}"),
            Self::Response(error) => error.fmt(f),
            Self::Redirected { status, location: None } => write!(f, "{status}, to nowhere"),
            Self::Redirected { status, location: Some(to) } => {
                write!(f, "{status}, to {}", to.escape_ascii())
            }
            Self::Timeout { timer, stage } => write!(f, "{} timeout, {stage}", timer.name()),
        }
    }
}

impl std::error::Error for FetchError {}
