//! The seam: what a connection manager asks of the network, and what it may rely on.
//!
//! [`Sockets`] is the calls, none of which blocks, calls back or reads a clock. [`Wait`] is the one
//! place where a thread of control may sleep; only a driver calls it. A backend implements both;
//! `OsSockets` is the one for this machine's kernel, the simulator has another.
//!
//! This room knows the kernel, bytes, addresses and readiness. It knows nothing of P2P: no message,
//! no service bit, no ban.
//!
//! # Readiness is a level
//!
//! An [`Event`] says what is true of a socket now, not what has changed. As long as it stays true
//! and somebody is interested, each wait reports it again. A spurious report is allowed: the call
//! that follows answers "would block". A missing report never is: if the call that an interest is
//! about would do something, the next wait says so. A backend over an edge-triggered library
//! converts.
//!
//! | readiness  | is on when                                                                     |
//! |------------|--------------------------------------------------------------------------------|
//! | `readable` | bytes are unread; the peer's FIN has arrived; the connection is over; reading was shut; on a listener: somebody waits to be accepted |
//! | `writable` | the send buffer has room enough (Linux: a third of it); an attempt to connect has ended; writing was shut; the connection is over |
//! | `error`    | an error is pending, or both directions are over. Reported to everybody, whatever the interest |
//!
//! `writable` may be off while a send would still take bytes. `error` stays on until the socket is
//! closed, so whoever sees it closes before long, or spins.
//!
//! # Life of a connection
//!
//! ```text
//! connect --> in progress --> established --> peer's FIN: recv says Eof, sending goes on
//!                  |              |      \--> shutdown(Write): we sent FIN, reading goes on
//!                  v              v
//!               failed      failed: unread bytes first, then the failure once, then Eof
//!                  \______________|____> close: the id is stale from now on, for ever
//! ```
//!
//! The facts behind these rules were measured on Linux; docs/behaviour.md lists them with sources.

use std::fmt;
use std::io::IoSlice;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use crate::slab::{Key, key};

mod error;
#[cfg(unix)]
mod os;

pub use error::{
    AcceptError, ConnError, ConnectError, DescriptorLimit, Errno, Failure, ListenError, Stale,
    WaitError,
};
#[cfg(target_os = "linux")]
pub use os::Epoll;
#[cfg(unix)]
pub use os::{BoundPath, DefaultPoller, OsSockets, Poll, Poller, PollerWaker, Watched};

/// Most slices that one send looks at; further ones count as not sent. Well below the 1,024 that
/// Linux takes (`UIO_MAXIOV`), and more than a header and a payload each for eight messages.
pub const SEND_SLICES_MAX: usize = 16;

/// Most events that one wait returns; further ones come with the next.
pub const WAIT_EVENTS_MAX: usize = 1024;

key!(
    /// A connection, inbound or outbound. Never reused within a run; a stale one is answered with
    /// "stale" by every call.
    pub ConnId,
    "c"
);

key!(
    /// A listening socket. Never reused within a run.
    pub ListenerId,
    "l"
);

/// Which socket an event or an interest is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Source {
    /// A listening socket.
    Listener(ListenerId),
    /// A connection.
    Conn(ConnId),
}

impl Source {
    /// The source as one number, for libraries that carry one with each socket. Never `u64::MAX`,
    /// which is free for a backend's own purposes, such as its waker.
    #[must_use]
    pub fn token(self) -> u64 {
        match self {
            Self::Listener(id) => pack(id) << 1 | 1,
            Self::Conn(id) => pack(id) << 1,
        }
    }

    /// The source whose token this is.
    #[must_use]
    pub fn from_token(token: u64) -> Self {
        match token & 1 {
            0 => Self::Conn(unpack(token >> 1)),
            _ => Self::Listener(unpack(token >> 1)),
        }
    }
}

impl From<ConnId> for Source {
    fn from(conn: ConnId) -> Self {
        Self::Conn(conn)
    }
}

impl From<ListenerId> for Source {
    fn from(listener: ListenerId) -> Self {
        Self::Listener(listener)
    }
}

/// A key in 63 bits: 31 of index above 32 of generation.
fn pack<K: Key>(key: K) -> u64 {
    // No kernel gives a process as many descriptors, since it numbers them with an `i32`.
    assert!(key.index() < INDEX_END, "fewer sockets than descriptors");
    u64::from(key.index()) << 32 | u64::from(key.generation())
}

/// The key that was packed.
fn unpack<K: Key>(bits: u64) -> K {
    let index = u32::try_from(bits >> 32).expect("63 bits less 32");
    let generation = u32::try_from(bits & u64::from(u32::MAX)).expect("32 bits");
    K::new(index, generation)
}

/// The first index that is not packed: with all other bits set it would be `u64::MAX`.
const INDEX_END: u32 = (1 << 31) - 1;

/// Where to listen or connect.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Endpoint {
    /// TCP over IPv4 or IPv6. Port 0 in `listen` lets the kernel choose.
    Ip(SocketAddr),
    /// A Unix stream socket at a path. A client's own end has no path: it is empty.
    Unix(PathBuf),
}

impl Endpoint {
    /// The IP address and port, if it is one.
    #[must_use]
    pub const fn ip(&self) -> Option<SocketAddr> {
        match self {
            Self::Ip(address) => Some(*address),
            Self::Unix(_) => None,
        }
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ip(address) => address.fmt(f),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

impl From<SocketAddr> for Endpoint {
    fn from(address: SocketAddr) -> Self {
        Self::Ip(address)
    }
}

/// What to be told of. State, not a request: it holds until it is set anew.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Interest {
    /// Report `readable`.
    pub readable: bool,
    /// Report `writable`.
    pub writable: bool,
}

impl Interest {
    /// Nothing but errors, which cannot be masked.
    pub const NONE: Self = Self { readable: false, writable: false };
    /// Bytes, an end of stream, or somebody to accept.
    pub const READ: Self = Self { readable: true, writable: false };
    /// Room to send, or the end of an attempt to connect.
    pub const WRITE: Self = Self { readable: false, writable: true };
    /// Both.
    pub const BOTH: Self = Self { readable: true, writable: true };
}

/// What is true of a socket now. See the table at the head of the module.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Readiness {
    /// `recv` or `accept` would not say "would block".
    pub readable: bool,
    /// `send` would take at least a byte, or fail; or an attempt to connect has ended.
    pub writable: bool,
    /// An error is pending, or both directions are over.
    pub error: bool,
}

impl Readiness {
    /// Nothing is true.
    pub const NONE: Self = Self { readable: false, writable: false, error: false };

    /// Whether nothing is true.
    #[must_use]
    pub const fn is_none(self) -> bool {
        !self.readable && !self.writable && !self.error
    }

    /// What somebody with this interest is told.
    #[must_use]
    pub const fn seen_by(self, interest: Interest) -> Self {
        Self {
            readable: self.readable && interest.readable,
            writable: self.writable && interest.writable,
            error: self.error,
        }
    }

    /// What is true in either.
    #[must_use]
    pub const fn or(self, other: Self) -> Self {
        Self {
            readable: self.readable || other.readable,
            writable: self.writable || other.writable,
            error: self.error || other.error,
        }
    }
}

/// One report of a wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Event {
    /// Which socket. May be stale by the time it is looked at.
    pub source: Source,
    /// What is true of it.
    pub readiness: Readiness,
}

/// What an accept brought.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Accepted {
    /// A new connection. It may have data, a FIN or a reset already.
    Conn {
        /// Its id, with no interest set.
        conn: ConnId,
        /// The other end, as the kernel reported it with the accept.
        peer: Endpoint,
    },
    /// Nobody waits.
    WouldBlock,
}

/// How far an attempt to connect has got.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConnectStatus {
    /// No answer yet.
    InProgress,
    /// Connected (it may already be over again, which the next recv tells).
    Established,
}

/// What a send did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sent {
    /// The kernel took this many bytes, from the front; fewer than offered is ordinary. Zero only
    /// if zero were offered.
    Bytes(usize),
    /// The kernel took nothing. `writable` will be reported once there is room.
    WouldBlock,
}

/// What a recv did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Received {
    /// This many bytes, at least one, lie at the front of the buffer.
    Bytes(usize),
    /// Nothing is there. `readable` will be reported once there is something.
    WouldBlock,
    /// The peer will send nothing more. Every later recv says so again.
    Eof,
}

/// Whether more bytes follow at once, so that the kernel may hold a short segment back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum More {
    /// Nothing follows: send what is there.
    No,
    /// More follows immediately (`MSG_MORE` where the system has it; otherwise ignored).
    Yes,
}

/// Which direction to shut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// Ours to read. The peer cannot tell.
    Read,
    /// Ours to write: queued bytes go out, then FIN.
    Write,
    /// Both.
    Both,
}

/// How to close.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Closing {
    /// As the kernel does it: bytes taken go out, then FIN; but RST at once if bytes were unread.
    Orderly,
    /// RST at once; bytes taken but not delivered are lost (`SO_LINGER` with zero seconds).
    Reset,
}

/// The calls. Generic code takes `S: Sockets` and is compiled for each backend.
///
/// # What a backend promises
///
/// * **No call blocks**, calls back, reads a clock, or retries but for `EINTR`.
/// * **Ids are never reused.** A call on a closed id returns the stale error and does nothing.
/// * **Bytes of one direction** arrive in order, once, and whole, or the connection fails. What the
///   peer sent before its FIN is read before [`Received::Eof`]; what it sent before a reset that
///   has arrived is read before the failure.
/// * **A failure is told once** by whichever of `send`, `recv`, `take_error` and `connect_status`
///   comes first; afterwards `recv` says `Eof` and `send` says [`Failure::BrokenPipe`].
/// * **Interest is state.** A new listener has [`Interest::READ`], a new connection
///   [`Interest::NONE`]. It changes nothing but what a wait reports.
/// * **Sockets are set up** with `TCP_NODELAY` (both ends), `SO_REUSEADDR` and `IPV6_V6ONLY` (on
///   listeners), close-on-exec, and never raise `SIGPIPE`. Failing to set one of these is
///   tolerated.
/// * **Dropping the backend** closes everything that is open.
pub trait Sockets {
    /// Binds and listens, with the longest backlog that the system offers (`SOMAXCONN`).
    ///
    /// On an error nothing is left open.
    ///
    /// # Errors
    ///
    /// As [`ListenError`] says. A Unix path that exists is in use, even if nobody listens there.
    fn listen(&mut self, at: &Endpoint) -> Result<ListenerId, ListenError>;

    /// Takes the connection that has waited longest. `readable` goes on being reported while more
    /// wait.
    ///
    /// # Errors
    ///
    /// As [`AcceptError`] says; the listener stays open, and whoever waits goes on waiting.
    fn accept(&mut self, listener: ListenerId) -> Result<Accepted, AcceptError>;

    /// Begins to connect, and never finishes within the call. `writable` or `error` is reported
    /// when the attempt has ended; [`connect_status`](Self::connect_status) says how. Until then
    /// `send` and `recv` say "would block". There is no deadline but the kernel's (two minutes on
    /// Linux).
    ///
    /// # Errors
    ///
    /// What the system knows at once: no route, no port, no descriptor. Nothing is left open.
    fn connect(&mut self, to: &Endpoint) -> Result<ConnId, ConnectError>;

    /// How an attempt to connect stands. Safe to ask at any time, as after a spurious report.
    ///
    /// # Errors
    ///
    /// The attempt has failed, and why; [`Failure::NotConnected`] if it is over and the failure was
    /// told before. The id stays open until it is closed.
    fn connect_status(&mut self, conn: ConnId) -> Result<ConnectStatus, ConnectError>;

    /// Offers bytes, in order, from the first [`SEND_SLICES_MAX`] slices. A short count is ordinary
    /// and says nothing of what the next send will do; `writable` will be reported when there is
    /// room again. Offering no bytes does nothing.
    ///
    /// # Errors
    ///
    /// [`Failure::Reset`] after a reset; [`Failure::BrokenPipe`] after our own shutdown, or once
    /// the connection is over and its failure told. Nothing was taken.
    fn send(&mut self, conn: ConnId, slices: &[IoSlice<'_>], more: More)
    -> Result<Sent, ConnError>;

    /// Reads what has arrived, at most `buffer`'s length, which is not zero.
    ///
    /// # Errors
    ///
    /// The connection failed; everything that had arrived before was read.
    fn recv(&mut self, conn: ConnId, buffer: &mut [u8]) -> Result<Received, ConnError>;

    /// Shuts one direction or both. Shutting twice is no error while the connection lives.
    ///
    /// # Errors
    ///
    /// [`Failure::NotConnected`] if it is over already.
    fn shutdown(&mut self, conn: ConnId, direction: Direction) -> Result<(), ConnError>;

    /// Closes a connection; the id is stale from now on.
    ///
    /// # Errors
    ///
    /// It was closed before.
    fn close(&mut self, conn: ConnId, how: Closing) -> Result<(), Stale>;

    /// Stops listening. Whoever waits to be accepted is reset; a Unix path is removed.
    ///
    /// # Errors
    ///
    /// It was closed before.
    fn close_listener(&mut self, listener: ListenerId) -> Result<(), Stale>;

    /// Sets what waits report of a socket. A paused reader is one without `readable`: the peer's
    /// bytes fill the buffers, then its window closes.
    ///
    /// # Errors
    ///
    /// The id is gone.
    fn set_interest(&mut self, source: Source, interest: Interest) -> Result<(), Stale>;

    /// Takes the pending error (`SO_ERROR`), which then is no longer pending.
    ///
    /// # Errors
    ///
    /// The id is gone.
    fn take_error(&mut self, conn: ConnId) -> Result<Option<Failure>, Stale>;

    /// Our end of a connection.
    ///
    /// # Errors
    ///
    /// The id is gone, or the system would not say.
    fn local_endpoint(&self, conn: ConnId) -> Result<Endpoint, ConnError>;

    /// The other end of a connection.
    ///
    /// # Errors
    ///
    /// The id is gone; [`Failure::NotConnected`] before it is established and once it is over.
    fn peer_endpoint(&self, conn: ConnId) -> Result<Endpoint, ConnError>;

    /// Where a listener listens, with the port that was chosen.
    ///
    /// # Errors
    ///
    /// The id is gone.
    fn listener_endpoint(&self, listener: ListenerId) -> Result<Endpoint, Stale>;
}

/// Waiting for events. Called by a driver, and by nobody else.
pub trait Wait {
    /// What ends a wait from another thread.
    type Waker: Wake;

    /// Waits until there is an event, the waker is used, or `timeout` is over; zero looks and
    /// returns, `None` waits without end. Replaces the contents of `events` (at most
    /// [`WAIT_EVENTS_MAX`], one a socket, in no order that means anything).
    ///
    /// A signal may end it early, with nothing, and so may the longest timeout that the system
    /// knows (24 days with epoll). Otherwise it does not return before the timeout but for one of
    /// these reasons, and later than it by the system's granularity.
    ///
    /// # Errors
    ///
    /// The system refused; the sockets are unharmed.
    fn wait(&mut self, timeout: Option<Duration>, events: &mut Vec<Event>)
    -> Result<(), WaitError>;

    /// A handle that ends waits of this backend.
    fn waker(&self) -> Self::Waker;
}

/// Ends a wait: the one under way, or else the next one. Never blocks; many wakes before a wait
/// count as one.
pub trait Wake: Clone + Send + Sync + 'static {
    /// Does so.
    fn wake(&self);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn token_gives_its_source_back() {
        for index in [0, 1, INDEX_END - 1] {
            for generation in [0, 1, u32::MAX] {
                let conn = Source::Conn(ConnId::new(index, generation));
                let listener = Source::Listener(ListenerId::new(index, generation));
                assert_eq!(Source::from_token(conn.token()), conn);
                assert_eq!(Source::from_token(listener.token()), listener);
                assert_ne!(conn.token(), listener.token());
                assert_ne!(listener.token(), u64::MAX);
            }
        }
    }
}
