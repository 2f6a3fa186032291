//! What is recorded of each call.

use std::ops::Range;

use sockman::sockets::{
    AcceptError, Accepted, ConnError, ConnId, ConnectError, ConnectStatus, Endpoint, Failure,
    Interest, ListenError, ListenerId, More, Received, Sent, Stale,
};

/// One call that was made, and what came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallRecord {
    /// Which, and its result.
    pub what: CallResult,
    /// On which connection, where there is one.
    pub conn: Option<ConnId>,
    /// Whether the plan had a hand in it.
    pub planned: bool,
    /// Whether a send said that more follows.
    pub more: More,
    /// Where its bytes lie in [`Faulty::bytes`](super::Faulty::bytes): offered ones for a send,
    /// read ones for a recv.
    pub bytes: Range<usize>,
}

/// A call with its result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CallResult {
    /// `listen`.
    Listen(Result<ListenerId, ListenError>),
    /// `accept`.
    Accept(Result<Accepted, AcceptError>),
    /// `connect`, and where to.
    Connect(Endpoint, Result<ConnId, ConnectError>),
    /// `connect_status`.
    Status(Result<ConnectStatus, ConnectError>),
    /// `send`.
    Send(Result<Sent, ConnError>),
    /// `recv`.
    Recv(Result<Received, ConnError>),
    /// `shutdown`.
    Shutdown(Result<(), ConnError>),
    /// `close`.
    Close(Result<(), Stale>),
    /// `close_listener`.
    CloseListener(Result<(), Stale>),
    /// `set_interest`.
    Interest(Interest, Result<(), Stale>),
    /// `take_error`.
    TakeError(Result<Option<Failure>, Stale>),
}

impl CallResult {
    /// Whether it is a socket event: a completed accept or connect, a byte or more that went or
    /// came, an end of stream, a reset, or a close.
    #[must_use]
    pub const fn is_event(&self) -> bool {
        match self {
            Self::Accept(Ok(Accepted::Conn { .. })) | Self::Close(Ok(())) => true,
            Self::Status(result) => !matches!(result, Ok(ConnectStatus::InProgress)),
            Self::Send(result) => matches!(result, Ok(Sent::Bytes(1..)) | Err(_)),
            Self::Recv(result) => !matches!(result, Ok(Received::WouldBlock)),
            Self::Listen(_)
            | Self::Accept(_)
            | Self::Connect(..)
            | Self::Shutdown(_)
            | Self::Close(_)
            | Self::CloseListener(_)
            | Self::Interest(..)
            | Self::TakeError(_) => false,
        }
    }
}
