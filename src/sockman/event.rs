//! What passes between the socket manager and its tenant: events up, actions down.

use std::fmt;
use std::io::IoSlice;
use std::time::Duration;

use crate::sockets::{
    AcceptError, ConnError, ConnId, ConnectError, Endpoint, Failure, ListenerId, SEND_SLICES_MAX,
};
use crate::time::Instant;

/// What one socket call brought. For each connection they come in this order:
///
/// ```text
/// Accepted | Connected | Failed(Dial..)
///    then  Received*, Sent*, Eof?, in the order in which they happened
///    then  Failed? or Finished?, the last; the tenant closes in answer to either
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// Somebody connected. The tenant adopts the connection or closes it.
    Accepted {
        /// The new connection; nothing is read from it before an [`Action::Receive`].
        conn: ConnId,
        /// Where it came in.
        listener: ListenerId,
        /// The other end.
        peer: Endpoint,
    },
    /// Nobody could be accepted.
    AcceptFailed {
        /// Where.
        listener: ListenerId,
        /// Why.
        error: AcceptError,
        /// When it will be tried again, at the latest. `None`: at the next turn.
        retry_at: Option<Instant>,
    },
    /// An attempt to connect succeeded.
    Connected {
        /// The connection; nothing is read from it before an [`Action::Receive`].
        conn: ConnId,
    },
    /// The connection takes bytes again. The driver answers with a send; the tenant never sees it.
    Writable {
        /// Which.
        conn: ConnId,
    },
    /// Bytes lie in the receive buffer.
    Received {
        /// Whose.
        conn: ConnId,
        /// How many, at least one.
        count: usize,
    },
    /// The peer sends nothing more. Sending may go on. Told once.
    Eof {
        /// Which.
        conn: ConnId,
    },
    /// The connection is over and its socket closed; the entry stays until the tenant closes it.
    Failed {
        /// Which.
        conn: ConnId,
        /// Why.
        error: ConnFailure,
    },
    /// A [`finish`](Action::Finish) is over: the socket is closed, the entry stays until the tenant
    /// closes it.
    Finished {
        /// Which.
        conn: ConnId,
        /// How.
        end: FinishEnd,
    },
}

impl Event {
    /// The connection that the event is about.
    #[must_use]
    pub const fn conn(&self) -> Option<ConnId> {
        match self {
            Self::Accepted { conn, .. }
            | Self::Connected { conn }
            | Self::Writable { conn }
            | Self::Received { conn, .. }
            | Self::Eof { conn }
            | Self::Failed { conn, .. }
            | Self::Finished { conn, .. } => Some(*conn),
            Self::AcceptFailed { .. } => None,
        }
    }

    /// Its name in traces.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Accepted { .. } => "accepted",
            Self::AcceptFailed { .. } => "accept-failed",
            Self::Connected { .. } => "connected",
            Self::Writable { .. } => "writable",
            Self::Received { .. } => "received",
            Self::Eof { .. } => "eof",
            Self::Failed { .. } => "failed",
            Self::Finished { .. } => "finished",
        }
    }
}

/// Why a connection is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ConnFailure {
    /// It never came about.
    Dial(ConnectError),
    /// It did not come about in the time that the tenant gave it.
    DialTimeout,
    /// It failed.
    Lost(Failure),
}

impl fmt::Display for ConnFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Dial(error) => error.fmt(f),
            Self::DialTimeout => f.write_str("no connection in time"),
            Self::Lost(failure) => failure.fmt(f),
        }
    }
}

impl std::error::Error for ConnFailure {}

/// How an orderly end went.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FinishEnd {
    /// The peer closed its side too.
    PeerClosed,
    /// The peer did not close in time.
    Deadline,
    /// The connection failed first.
    Failed(Failure),
}

/// What a tenant wants done. The driver executes each as a step of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action<C> {
    /// Connect. Boxed, because it is rare and large, and every message moves the others about.
    Dial(Box<Dial<C>>),
    /// Offer what the tenant has unsent on this connection to the kernel.
    Send(ConnId),
    /// Read from this connection from now on, or pause, as [`Tenant::reads`](super::Tenant::reads)
    /// says when it is executed. So the last word counts, whichever task's action comes last.
    Receive(ConnId),
    /// Close it now. What was not sent is lost.
    Close(ConnId),
    /// End it in order: FIN after what the kernel has accepted, then read and discard until the
    /// peer's FIN, or for `within` at the most.
    Finish {
        /// Which.
        conn: ConnId,
        /// How long the peer may take.
        within: Duration,
    },
    /// Stop listening.
    StopListening(ListenerId),
}

impl<C> Action<C> {
    /// Connect to `to`; give up after `timeout`. `state` is the tenant's, for the new connection.
    pub fn dial(to: Endpoint, timeout: Duration, state: C) -> Self {
        Self::Dial(Box::new(Dial { to, timeout, state }))
    }

    /// The connection that the action is about.
    #[must_use]
    pub const fn conn(&self) -> Option<ConnId> {
        match self {
            Self::Send(conn)
            | Self::Receive(conn)
            | Self::Close(conn)
            | Self::Finish { conn, .. } => Some(*conn),
            Self::Dial(_) | Self::StopListening(_) => None,
        }
    }

    /// Its name in traces and in schedules.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Dial(_) => "dial",
            Self::Send(_) => "send",
            Self::Receive(_) => "receive",
            Self::Close(_) => "close",
            Self::Finish { .. } => "finish",
            Self::StopListening(_) => "stop-listening",
        }
    }
}

/// An attempt to connect that a tenant wants made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dial<C> {
    /// Where to.
    pub to: Endpoint,
    /// How long the attempt may take.
    pub timeout: Duration,
    /// The tenant's state for the connection.
    pub state: C,
}

/// The slices of one send: at most [`SEND_SLICES_MAX`], gathered without copying.
pub struct Slices<'a> {
    slices: [IoSlice<'a>; SEND_SLICES_MAX],
    count: usize,
    bytes: usize,
}

impl<'a> Slices<'a> {
    /// None yet.
    #[must_use]
    pub fn new() -> Self {
        Self { slices: [IoSlice::new(&[]); SEND_SLICES_MAX], count: 0, bytes: 0 }
    }

    /// Adds bytes behind the others; empty ones are left out.
    ///
    /// # Errors
    ///
    /// There is no room: the rest goes with a later send.
    pub fn push(&mut self, bytes: &'a [u8]) -> Result<(), SlicesFull> {
        if bytes.is_empty() {
            return Ok(());
        }
        let slot = self.slices.get_mut(self.count).ok_or(SlicesFull)?;
        *slot = IoSlice::new(bytes);
        self.count += 1;
        self.bytes += bytes.len();
        Ok(())
    }

    /// What was gathered.
    #[must_use]
    pub fn as_slice(&self) -> &[IoSlice<'a>] {
        &self.slices[..self.count]
    }

    /// How many bytes were gathered.
    #[must_use]
    pub const fn byte_count(&self) -> usize {
        self.bytes
    }
}

impl Default for Slices<'_> {
    fn default() -> Self {
        Self::new()
    }
}

/// [`Slices`] holds as many as one send takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SlicesFull;

/// What a send through the manager came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SendOutcome {
    /// The kernel took this many bytes, perhaps zero.
    Accepted(usize),
    /// There is no such connection, or it is over already.
    Gone,
    /// The connection is over, as of now, and its socket closed.
    Failed(Failure),
}

impl From<ConnError> for SendOutcome {
    fn from(error: ConnError) -> Self {
        match error {
            ConnError::Stale => Self::Gone,
            ConnError::Failed(failure) => Self::Failed(failure),
        }
    }
}
