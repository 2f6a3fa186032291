//! What was asked of a backend and what it said, in names that mean the same on every backend.
//!
//! Connections and listeners are named by order of appearance, addresses by whose they are. So the
//! traces of two backends for one sequence of calls are equal if the backends behave alike,
//! whatever ids and ports they give out.

use sockman::sockets::{
    Closing, ConnectError, ConnectStatus, Direction, Failure, Interest, Readiness,
};

/// One call, with what was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Call {
    /// Begin to connect.
    Connect(Target),
    /// Accept at the listener of this number.
    Accept(usize),
    /// Offer so many bytes on the connection of this number: the next ones of [`pattern`].
    Send(usize, usize),
    /// Read into a buffer of so many bytes, at least 1.
    Recv(usize, usize),
    /// Shut one direction or both.
    Shutdown(usize, Direction),
    /// Close a connection.
    Close(usize, Closing),
    /// Close a listener.
    CloseListener(usize),
    /// Take the pending error.
    TakeError(usize),
    /// Ask how an attempt to connect stands.
    ConnectStatus(usize),
    /// Ask who is at the other end.
    PeerEndpoint(usize),
    /// Say what a wait is to report of a connection.
    SetInterest(usize, Interest),
}

/// Where a connect goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// To the listener of this number, open or closed.
    Listener(usize),
    /// To a port where nobody listens.
    Nobody,
}

/// Whose an address is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whose {
    /// The local end of the connection of this number.
    Conn(usize),
    /// The listener of this number.
    Listener(usize),
    /// The port where nobody listens.
    Nobody,
    /// None that is known.
    Unknown,
}

/// What a call said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It was done, and there is nothing to say: connect (which names the next connection),
    /// shutdown, close, set interest.
    Done,
    /// The id is stale.
    Stale,
    /// Not now: accept, send, recv.
    WouldBlock,
    /// Connect failed at once.
    NotConnecting(ConnectError),
    /// Accepted; names the next connection.
    Accepted {
        /// Whose address the accept reported.
        peer: Whose,
    },
    /// Accept failed, in a way that no sequence here provokes.
    NotAccepted,
    /// So many bytes were taken.
    Sent(usize),
    /// These bytes were read.
    Received(Vec<u8>),
    /// The stream is over.
    Eof,
    /// The call failed on this connection.
    Failed(Failure),
    /// What error was pending.
    Pending(Option<Failure>),
    /// How the attempt stands.
    Status(ConnectStatus),
    /// The other end.
    Peer(Whose),
}

/// What a wait reported of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Subject {
    /// The listener of this number.
    Listener(usize),
    /// The connection of this number.
    Conn(usize),
    /// A socket that nobody has been given, or that is closed.
    Unknown,
}

/// One call, its outcome, and the level of everything right afterwards.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TraceStep {
    /// What was asked.
    pub call: Call,
    /// What was said.
    pub outcome: Outcome,
    /// What a wait of zero length reported then, sorted; masked by the interests.
    pub ready: Vec<(Subject, Readiness)>,
}

/// The byte at `offset` of what a connection sends: `end` is twice the number of the connecting
/// end, one more for the end that was accepted. Chosen so that neighbouring offsets and ends
/// differ, and a lost or repeated byte shifts something that is seen.
#[must_use]
pub fn pattern(end: usize, offset: u64) -> u8 {
    let mixed = (offset ^ (end as u64) << 40).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    mixed.to_be_bytes()[0]
}
