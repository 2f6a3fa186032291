//! The system calls that differ between Unix systems, or take several calls to do one thing.

use std::io::IoSlice;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::path::Path;

use rustix::io;
use rustix::net::{
    self, AddressFamily, SendAncillaryBuffer, SendFlags, SocketAddrAny, SocketAddrUnix, SocketType,
    sockopt,
};

use super::super::{Endpoint, More, Received, Sent};

/// As many as the system allows: every kernel lowers it to its own `SOMAXCONN`, of which the
/// constant in the C headers may be an older, smaller value.
const BACKLOG_MAX: i32 = i32::MAX;

/// A stream socket for `endpoint`: non-blocking, closed on exec, without delay, without `SIGPIPE`.
pub(super) fn socket(endpoint: &Endpoint) -> io::Result<OwnedFd> {
    let family = match endpoint {
        Endpoint::Ip(address) if address.is_ipv4() => AddressFamily::INET,
        Endpoint::Ip(_) => AddressFamily::INET6,
        Endpoint::Unix(_) => AddressFamily::UNIX,
    };
    let socket = open(family)?;
    set_up(&socket, family);
    Ok(socket)
}

/// Binds, having asked for what a listener is promised.
pub(super) fn bind(socket: &OwnedFd, at: &Endpoint) -> io::Result<()> {
    if let Endpoint::Ip(address) = at {
        let _tolerated = sockopt::set_socket_reuseaddr(socket, true);
        if address.is_ipv6() {
            let _tolerated = sockopt::set_ipv6_v6only(socket, true);
        }
    }
    match at {
        Endpoint::Ip(address) => net::bind(socket, address),
        Endpoint::Unix(path) => net::bind(socket, &unix_address(path)?),
    }
}

/// Lets others connect to a bound socket.
pub(super) fn start_listening(socket: &OwnedFd) -> io::Result<()> {
    net::listen(socket, BACKLOG_MAX)
}

/// Begins to connect; an attempt under way is a success.
pub(super) fn connect(socket: &OwnedFd, to: &Endpoint) -> io::Result<()> {
    let result = match to {
        Endpoint::Ip(address) => net::connect(socket, address),
        Endpoint::Unix(path) => net::connect(socket, &unix_address(path)?),
    };
    match result {
        // An interrupted connect goes on by itself; calling it again would be told "already".
        Err(io::Errno::INPROGRESS | io::Errno::INTR) => Ok(()),
        other => other,
    }
}

/// Takes a connection, set up like one that we made, and the other end's address.
pub(super) fn accept(listener: &OwnedFd) -> io::Result<(OwnedFd, Endpoint)> {
    let (socket, peer) = io::retry_on_intr(|| accept_one(listener))?;
    // BSD kernels leave the address out if the connection has ended meanwhile.
    let peer = peer.ok_or(io::Errno::CONNABORTED)?;
    set_up(&socket, peer.address_family());
    Ok((socket, endpoint(peer)?))
}

/// Sends without raising `SIGPIPE`.
pub(super) fn send(socket: &OwnedFd, slices: &[IoSlice<'_>], more: More) -> io::Result<Sent> {
    let flags = flags(more);
    sent(|| net::sendmsg(socket, slices, &mut SendAncillaryBuffer::default(), flags))
}

/// What a send comes to. One that a signal interrupts is made again, so that it is no failure.
fn sent(call: impl FnMut() -> io::Result<usize>) -> io::Result<Sent> {
    match io::retry_on_intr(call) {
        Ok(count) => Ok(Sent::Bytes(count)),
        Err(io::Errno::AGAIN) => Ok(Sent::WouldBlock),
        Err(errno) => Err(errno),
    }
}

/// Receives into a buffer that has room.
pub(super) fn recv(socket: &OwnedFd, buffer: &mut [u8]) -> io::Result<Received> {
    received(|| Ok(net::recv(socket, &mut *buffer, net::RecvFlags::empty())?.0))
}

/// What a receive comes to; for a signal, as [`sent`].
fn received(call: impl FnMut() -> io::Result<usize>) -> io::Result<Received> {
    match io::retry_on_intr(call) {
        Ok(0) => Ok(Received::Eof),
        Ok(count) => Ok(Received::Bytes(count)),
        Err(io::Errno::AGAIN) => Ok(Received::WouldBlock),
        Err(errno) => Err(errno),
    }
}

/// An address of the kernel's as ours.
pub(super) fn endpoint(address: SocketAddrAny) -> io::Result<Endpoint> {
    if address.address_family() == AddressFamily::UNIX {
        let address = SocketAddrUnix::try_from(address)?;
        return Ok(Endpoint::Unix(path_of(&address)));
    }
    Ok(Endpoint::Ip(address.try_into()?))
}

/// Whether both directions of a socket are over, or an error is pending.
pub(super) fn is_over(socket: BorrowedFd<'_>) -> io::Result<bool> {
    use rustix::event::{PollFd, PollFlags, Timespec, poll};

    let mut fds = [PollFd::from_borrowed_fd(socket, PollFlags::empty())];
    let now = Timespec { tv_sec: 0, tv_nsec: 0 };
    io::retry_on_intr(|| poll(&mut fds, Some(&now)))?;
    Ok(fds[0].revents().intersects(PollFlags::ERR | PollFlags::HUP))
}

fn unix_address(path: &Path) -> io::Result<SocketAddrUnix> {
    if path.as_os_str().is_empty() {
        // Linux would take it for a name outside the file system.
        return Err(io::Errno::INVAL);
    }
    SocketAddrUnix::new(path)
}

fn path_of(address: &SocketAddrUnix) -> std::path::PathBuf {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt as _;

    OsStr::from_bytes(address.path_bytes().unwrap_or_default()).into()
}

/// Sets what a connection is promised. A failure is tolerated: the connection works all the same.
fn set_up(socket: &OwnedFd, family: AddressFamily) {
    if family != AddressFamily::UNIX {
        let _tolerated = sockopt::set_tcp_nodelay(socket, true);
    }
    #[cfg(target_vendor = "apple")]
    let _tolerated = sockopt::set_socket_nosigpipe(socket, true);
}

#[cfg(target_os = "linux")]
fn flags(more: More) -> SendFlags {
    match more {
        More::No => SendFlags::NOSIGNAL,
        More::Yes => SendFlags::NOSIGNAL | SendFlags::MORE,
    }
}

#[cfg(all(not(target_os = "linux"), not(target_vendor = "apple")))]
fn flags(_: More) -> SendFlags {
    SendFlags::NOSIGNAL
}

#[cfg(target_vendor = "apple")]
fn flags(_: More) -> SendFlags {
    SendFlags::empty()
}

#[cfg(not(target_vendor = "apple"))]
const NEW_SOCKET: net::SocketFlags = net::SocketFlags::NONBLOCK.union(net::SocketFlags::CLOEXEC);

#[cfg(not(target_vendor = "apple"))]
fn open(family: AddressFamily) -> io::Result<OwnedFd> {
    net::socket_with(family, SocketType::STREAM, NEW_SOCKET, None)
}

#[cfg(not(target_vendor = "apple"))]
fn accept_one(listener: &OwnedFd) -> io::Result<(OwnedFd, Option<SocketAddrAny>)> {
    net::acceptfrom_with(listener, NEW_SOCKET)
}

#[cfg(target_vendor = "apple")]
fn open(family: AddressFamily) -> io::Result<OwnedFd> {
    without_blocking(net::socket(family, SocketType::STREAM, None)?)
}

#[cfg(target_vendor = "apple")]
fn accept_one(listener: &OwnedFd) -> io::Result<(OwnedFd, Option<SocketAddrAny>)> {
    let (socket, peer) = net::acceptfrom(listener)?;
    Ok((without_blocking(socket)?, peer))
}

#[cfg(target_vendor = "apple")]
fn without_blocking(socket: OwnedFd) -> io::Result<OwnedFd> {
    io::ioctl_fionbio(&socket, true)?;
    io::fcntl_setfd(&socket, io::FdFlags::CLOEXEC)?;
    Ok(socket)
}

#[cfg(test)]
mod tests {
    use rustix::event::{PollFd, PollFlags, Timespec, poll};

    use super::*;

    /// A call that gives these results, one after the other.
    fn gives<const N: usize>(results: [io::Result<usize>; N]) -> impl FnMut() -> io::Result<usize> {
        let mut results = results.into_iter();
        move || results.next().expect("it is not called again")
    }

    #[test]
    fn interrupted_call_is_made_again() {
        let interrupted = Err(io::Errno::INTR);
        assert_eq!(sent(gives([interrupted, interrupted, Ok(7)])), Ok(Sent::Bytes(7)));
        assert_eq!(received(gives([interrupted, interrupted, Ok(7)])), Ok(Received::Bytes(7)));
        assert_eq!(received(gives([interrupted, Ok(0)])), Ok(Received::Eof));
    }

    #[test]
    fn not_now_is_a_result() {
        assert_eq!(sent(gives([Err(io::Errno::AGAIN)])), Ok(Sent::WouldBlock));
        assert_eq!(received(gives([Err(io::Errno::AGAIN)])), Ok(Received::WouldBlock));
        assert_eq!(sent(gives([Err(io::Errno::PIPE)])), Err(io::Errno::PIPE));
        assert_eq!(received(gives([Err(io::Errno::CONNRESET)])), Err(io::Errno::CONNRESET));
    }

    /// Whoever connects, and whoever is accepted.
    #[test]
    fn small_messages_leave_at_once() {
        let loopback = Endpoint::Ip(([127, 0, 0, 1], 0).into());
        let listener = socket(&loopback).unwrap();
        bind(&listener, &loopback).unwrap();
        start_listening(&listener).unwrap();
        let at = endpoint(net::getsockname(&listener).unwrap()).unwrap();
        let client = socket(&at).unwrap();
        connect(&client, &at).unwrap();
        let mut waiting = [PollFd::new(&listener, PollFlags::IN)];
        let soon = Timespec { tv_sec: 10, tv_nsec: 0 };
        assert_eq!(poll(&mut waiting, Some(&soon)), Ok(1), "somebody waits");
        let (server, _) = accept(&listener).unwrap();
        assert_eq!(sockopt::tcp_nodelay(&client), Ok(true));
        assert_eq!(sockopt::tcp_nodelay(&server), Ok(true));
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn kernel_is_told_that_more_follows_and_never_to_raise_a_signal() {
        assert_eq!(flags(More::No), SendFlags::NOSIGNAL);
        assert_eq!(flags(More::Yes), SendFlags::NOSIGNAL | SendFlags::MORE);
    }
}
