//! What the server tells: data, of which a log line is one rendering.

use std::fmt;

use super::application::RequestId;
use super::request::Method;
use super::status::Status;
use crate::sockets::{AcceptError, ConnId, Endpoint, Failure};

/// One thing that happened. For each connection they come in this order:
///
/// ```text
/// Connected (RequestTaken | Answered)* Disconnected
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Notice {
    /// A connection was taken.
    Connected {
        /// Which.
        conn: ConnId,
        /// The other end.
        endpoint: Endpoint,
    },
    /// A connection was not taken, and is closed.
    Refused {
        /// Which.
        conn: ConnId,
        /// The other end.
        endpoint: Endpoint,
        /// Why.
        refusal: Refusal,
    },
    /// Nobody could be accepted.
    AcceptFailed {
        /// Why.
        error: AcceptError,
    },
    /// The application has a request.
    RequestTaken {
        /// Which.
        id: RequestId,
        /// What is asked for.
        method: Method,
        /// How long its content is, in bytes.
        body_bytes: usize,
    },
    /// The application has answered a request for which somebody waits.
    Answered {
        /// Which.
        id: RequestId,
        /// With what.
        status: Status,
    },
    /// A connection is closed.
    Disconnected {
        /// Which.
        conn: ConnId,
        /// Why.
        reason: EndReason,
    },
    /// The server was told to stop, and its last connection is closed.
    Stopped,
}

/// Why a connection is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Refusal {
    /// There are as many as may be.
    Full,
    /// The server stops.
    Stopping,
}

/// Why a connection is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum EndReason {
    /// The last answer said so, or was to what is no request.
    Answered,
    /// The client sent FIN, and has the answers to all that it had sent.
    ClientClosed,
    /// No request came.
    IdleTimeout,
    /// An answer was not taken in time.
    WriteTimeout,
    /// The connection failed.
    Lost(Failure),
    /// The server stops. Whatever the application had was answered.
    Shutdown,
    /// The server stops, and its time was over before everything was answered and sent; or it had
    /// none, because its driver has ended.
    ShutdownDeadline,
}

impl EndReason {
    /// Its name where a program reads it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Answered => "answered",
            Self::ClientClosed => "client-closed",
            Self::IdleTimeout => "idle-timeout",
            Self::WriteTimeout => "write-timeout",
            Self::Lost(_) => "lost",
            Self::Shutdown => "shutdown",
            Self::ShutdownDeadline => "shutdown-deadline",
        }
    }
}

impl fmt::Display for EndReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Lost(failure) => failure.fmt(f),
            Self::Answered
            | Self::ClientClosed
            | Self::IdleTimeout
            | Self::WriteTimeout
            | Self::Shutdown
            | Self::ShutdownDeadline => f.write_str(self.name()),
        }
    }
}
