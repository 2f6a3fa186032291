//! What can go wrong in a call on a socket: an enum per operation, mapped from the system's numbers
//! once, in the backend.
//!
//! "Not now" and short counts are not here: they are results.

use std::fmt;

/// An error number of the operating system that has no name of its own here.
///
/// Its meaning depends on the system; it is carried so that nothing is lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Errno(pub i32);

impl fmt::Display for Errno {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        std::io::Error::from_raw_os_error(self.0).fmt(f)
    }
}

/// Why a connection is over, or could not be made: what the kernel holds as a socket's pending
/// error.
///
/// It is a register, not a state: whoever asks first is told, and empties it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Failure {
    /// Nobody listens there (`ECONNREFUSED`; for a Unix path also `ENOENT`).
    Refused,
    /// The peer ended the connection with RST before its FIN (`ECONNRESET`).
    Reset,
    /// Sending is over: we shut it, or an RST came after the peer's FIN (`EPIPE`).
    BrokenPipe,
    /// An attempt, or unacknowledged data, ran out of time in the kernel (`ETIMEDOUT`).
    TimedOut,
    /// No route to the host (`EHOSTUNREACH`).
    HostUnreachable,
    /// No route to the network (`ENETUNREACH`).
    NetworkUnreachable,
    /// The attempt was given up on our side (`ECONNABORTED`).
    Aborted,
    /// There is no connection on this socket (`ENOTCONN`).
    NotConnected,
    /// The kernel has no memory for this call (`ENOBUFS`, `ENOMEM`).
    OutOfMemory,
    /// Anything else.
    Other(Errno),
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused => f.write_str("connection refused"),
            Self::Reset => f.write_str("connection reset by peer"),
            Self::BrokenPipe => f.write_str("sending is over"),
            Self::TimedOut => f.write_str("timed out in the kernel"),
            Self::HostUnreachable => f.write_str("host unreachable"),
            Self::NetworkUnreachable => f.write_str("network unreachable"),
            Self::Aborted => f.write_str("attempt aborted"),
            Self::NotConnected => f.write_str("not connected"),
            Self::OutOfMemory => f.write_str("out of kernel memory"),
            Self::Other(errno) => errno.fmt(f),
        }
    }
}

/// Whose descriptors ran out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DescriptorLimit {
    /// This process's (`EMFILE`).
    Process,
    /// The machine's (`ENFILE`).
    System,
}

impl fmt::Display for DescriptorLimit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Process => "out of descriptors in this process",
            Self::System => "out of descriptors on this machine",
        })
    }
}

/// The id names no socket that is open: it was closed before. An ordinary answer, not a fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Stale;

impl fmt::Display for Stale {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("no such socket any more")
    }
}

/// Why [`listen`](super::Sockets::listen) did not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ListenError {
    /// Somebody listens there (`EADDRINUSE`).
    AddressInUse,
    /// The address is not one of this host's (`EADDRNOTAVAIL`).
    AddressNotAvailable,
    /// A port or path that this user may not take (`EACCES`, `EPERM`).
    PermissionDenied,
    /// A family that this host or backend does not know.
    UnsupportedFamily,
    /// No descriptor is left.
    OutOfDescriptors(DescriptorLimit),
    /// Anything else.
    Other(Errno),
}

impl fmt::Display for ListenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AddressInUse => f.write_str("address already in use"),
            Self::AddressNotAvailable => f.write_str("not an address of this host"),
            Self::PermissionDenied => f.write_str("permission denied"),
            Self::UnsupportedFamily => f.write_str("address family not supported"),
            Self::OutOfDescriptors(limit) => limit.fmt(f),
            Self::Other(errno) => errno.fmt(f),
        }
    }
}

/// Why [`accept`](super::Sockets::accept) did not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AcceptError {
    /// The listener is gone.
    Stale,
    /// No descriptor is left. The pending connection stays, and so does readiness: a caller that
    /// tries again at once spins.
    OutOfDescriptors(DescriptorLimit),
    /// The connection ended before it was accepted, and the kernel dropped it (`ECONNABORTED`;
    /// Linux never says so).
    Aborted,
    /// Anything else; the listener stays open.
    Other(Errno),
}

impl fmt::Display for AcceptError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stale => Stale.fmt(f),
            Self::OutOfDescriptors(limit) => limit.fmt(f),
            Self::Aborted => f.write_str("connection ended before it was accepted"),
            Self::Other(errno) => errno.fmt(f),
        }
    }
}

/// Why [`connect`](super::Sockets::connect) could not begin, or, from
/// [`connect_status`](super::Sockets::connect_status), why the attempt is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ConnectError {
    /// The id is gone.
    Stale,
    /// The network's answer, or none in the kernel's time.
    Failed(Failure),
    /// No local port is left for this destination (`EADDRNOTAVAIL`).
    OutOfPorts,
    /// No descriptor is left.
    OutOfDescriptors(DescriptorLimit),
    /// A family that this host or backend does not know.
    UnsupportedFamily,
    /// A rule of this host forbids it (`EACCES`, `EPERM`).
    PermissionDenied,
}

impl fmt::Display for ConnectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stale => Stale.fmt(f),
            Self::Failed(failure) => failure.fmt(f),
            Self::OutOfPorts => f.write_str("no local port left for this destination"),
            Self::OutOfDescriptors(limit) => limit.fmt(f),
            Self::UnsupportedFamily => f.write_str("address family not supported"),
            Self::PermissionDenied => f.write_str("permission denied"),
        }
    }
}

/// Why a call on an existing connection failed. The connection carries nothing in that direction
/// any more, but stays open until it is closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ConnError {
    /// The id is gone.
    Stale,
    /// The connection is over, and why.
    Failed(Failure),
}

impl fmt::Display for ConnError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stale => Stale.fmt(f),
            Self::Failed(failure) => failure.fmt(f),
        }
    }
}

impl From<Stale> for ConnError {
    fn from(_: Stale) -> Self {
        Self::Stale
    }
}

/// Why waiting failed. The caller may go on without the events of this wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WaitError(pub Errno);

impl fmt::Display for WaitError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "waiting for sockets failed: {}", self.0)
    }
}

impl std::error::Error for Errno {}
impl std::error::Error for Failure {}
impl std::error::Error for Stale {}
impl std::error::Error for ListenError {}
impl std::error::Error for AcceptError {}
impl std::error::Error for ConnectError {}
impl std::error::Error for ConnError {}
impl std::error::Error for WaitError {}
