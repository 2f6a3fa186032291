//! The default backend: this machine's kernel, through rustix, without `unsafe`.
//!
//! [`OsSockets`] makes the calls and keeps descriptors by id. What it needs in order to wait, it
//! asks of a [`Poller`]: to be told of each socket that opens, changes its interest or closes, and
//! to wait for the kernel's word on all of them. There are two: `Epoll` on Linux, and [`Poll`]
//! everywhere; docs/backends.md says why not more, and has those over other libraries.
//!
//! This file knows no error number (`errno.rs`), no difference between systems (`sys.rs`), and no
//! way to wait.

use std::io::IoSlice;
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};
use std::time::Duration;

use rustix::event::Timespec;
use rustix::{io, net};

use super::{
    AcceptError, Accepted, Closing, ConnError, ConnId, ConnectError, ConnectStatus, Direction,
    Endpoint, Errno, Event, Failure, Interest, ListenError, ListenerId, More, Received,
    SEND_SLICES_MAX, Sent, Sockets, Source, Stale, Wait, WaitError,
};
use crate::slab::Slab;

mod bound_path;
#[cfg(target_os = "linux")]
mod epoll;
mod errno;
mod poll;
mod sys;
mod waker;

pub use bound_path::BoundPath;
#[cfg(target_os = "linux")]
pub use epoll::Epoll;
pub use poll::Poll;
pub use waker::PollerWaker;

/// How this system waits best.
#[cfg(target_os = "linux")]
pub type DefaultPoller = Epoll;

/// How this system waits best.
#[cfg(not(target_os = "linux"))]
pub type DefaultPoller = Poll;

/// A socket that is open, as a [`Poller`] sees it.
#[derive(Clone, Copy, Debug)]
pub struct Watched<'a> {
    /// Its descriptor.
    pub socket: BorrowedFd<'a>,
    /// What to report it as.
    pub source: Source,
    /// What to report of it, besides errors.
    pub interest: Interest,
}

/// A way to wait for sockets, level-triggered.
///
/// Between `add` and `remove` a socket is open, and its interest is that of the last `add` or
/// `modify`. A poller reports errors whatever the interest.
pub trait Poller: Sized {
    /// One that watches nothing but its waker.
    ///
    /// # Errors
    ///
    /// The system has no descriptor or no memory left.
    fn new() -> Result<Self, Errno>;

    /// Begins to watch a socket.
    ///
    /// # Errors
    ///
    /// The system has no memory left for it; it is not watched.
    fn add(&mut self, watched: Watched<'_>) -> Result<(), Errno>;

    /// Changes the interest in a socket.
    fn modify(&mut self, watched: Watched<'_>);

    /// Stops watching a socket, which is about to close.
    fn remove(&mut self, socket: BorrowedFd<'_>);

    /// Waits as [`Wait::wait`] says, and adds what is true to `events`, which is empty. `watched`
    /// is every socket that is open, for a poller that does not remember them.
    ///
    /// # Errors
    ///
    /// What the system said; `EINTR` if a signal came.
    fn wait<'a>(
        &mut self,
        timeout: Option<Duration>,
        watched: impl Iterator<Item = Watched<'a>>,
        events: &mut Vec<Event>,
    ) -> Result<(), Errno>;

    /// What ends a wait.
    fn waker(&self) -> &PollerWaker;
}

/// The sockets of this machine's kernel.
#[derive(Debug)]
pub struct OsSockets<P = DefaultPoller> {
    poller: P,
    conns: Slab<ConnId, Conn>,
    listeners: Slab<ListenerId, Listener>,
}

#[derive(Debug)]
struct Conn {
    socket: OwnedFd,
    interest: Interest,
}

#[derive(Debug)]
struct Listener {
    socket: OwnedFd,
    interest: Interest,
    /// Where it listens; the kernel was asked once.
    endpoint: Endpoint,
    /// Keeps the Unix path while the socket is open, and removes it afterwards.
    _path: Option<BoundPath>,
}

impl<P: Poller> OsSockets<P> {
    /// No socket is open yet.
    ///
    /// # Errors
    ///
    /// The system has no descriptor or no memory left for the poller.
    pub fn new() -> Result<Self, Errno> {
        Ok(Self { poller: P::new()?, conns: Slab::new(), listeners: Slab::new() })
    }

    /// As [`connect`](Sockets::connect), from an end of the caller's choice: for a host with
    /// several addresses. Port 0 is any.
    ///
    /// # Errors
    ///
    /// As `connect`, or the end cannot be had.
    pub fn connect_from(&mut self, from: &Endpoint, to: &Endpoint) -> Result<ConnId, ConnectError> {
        Ok(self.connect_socket(to, |socket| sys::bind(socket, from))?)
    }

    /// Connects a new socket, which is first prepared.
    fn connect_socket(
        &mut self,
        to: &Endpoint,
        prepare: impl FnOnce(&OwnedFd) -> io::Result<()>,
    ) -> Result<ConnId, Errno> {
        let socket = sys::socket(to)?;
        prepare(&socket)?;
        sys::connect(&socket, to)?;
        // Watched only after the call, because a socket that was never connected looks dead.
        self.insert_conn(socket)
    }

    fn conn(&self, conn: ConnId) -> Result<&OwnedFd, Stale> {
        self.conns.get(conn).map(|conn| &conn.socket).ok_or(Stale)
    }

    /// Gives a new connection an id and has it watched. If that fails, it is closed.
    fn insert_conn(&mut self, socket: OwnedFd) -> Result<ConnId, Errno> {
        let interest = Interest::NONE;
        let id = self.conns.insert(Conn { socket, interest });
        let socket = self.conns.get(id).expect("just inserted").socket.as_fd();
        let watched = Watched { socket, source: Source::Conn(id), interest };
        if let Err(errno) = self.poller.add(watched) {
            self.conns.remove(id);
            return Err(errno);
        }
        Ok(id)
    }

    /// The same for a listener.
    fn insert_listener(&mut self, listener: Listener) -> Result<ListenerId, Errno> {
        let interest = listener.interest;
        let id = self.listeners.insert(listener);
        let socket = self.listeners.get(id).expect("just inserted").socket.as_fd();
        let watched = Watched { socket, source: Source::Listener(id), interest };
        if let Err(errno) = self.poller.add(watched) {
            self.listeners.remove(id);
            return Err(errno);
        }
        Ok(id)
    }
}

impl<P: Poller> Sockets for OsSockets<P> {
    fn listen(&mut self, at: &Endpoint) -> Result<ListenerId, ListenError> {
        let listener = listen(at).map_err(Errno::from)?;
        Ok(self.insert_listener(listener)?)
    }

    fn accept(&mut self, listener: ListenerId) -> Result<Accepted, AcceptError> {
        let listener = self.listeners.get(listener).ok_or(AcceptError::Stale)?;
        let accepted = match sys::accept(&listener.socket) {
            Err(io::Errno::AGAIN) => return Ok(Accepted::WouldBlock),
            accepted => accepted,
        };
        let (socket, peer) = accepted.map_err(Errno::from)?;
        Ok(Accepted::Conn { conn: self.insert_conn(socket)?, peer })
    }

    fn connect(&mut self, to: &Endpoint) -> Result<ConnId, ConnectError> {
        Ok(self.connect_socket(to, |_| Ok(()))?)
    }

    fn connect_status(&mut self, conn: ConnId) -> Result<ConnectStatus, ConnectError> {
        if let Some(failure) = self.take_error(conn).map_err(|Stale| ConnectError::Stale)? {
            return Err(ConnectError::Failed(failure));
        }
        match self.peer_endpoint(conn) {
            Ok(_) => Ok(ConnectStatus::Established),
            Err(ConnError::Failed(Failure::NotConnected)) => self.unconnected_status(conn),
            Err(ConnError::Failed(failure)) => Err(ConnectError::Failed(failure)),
            Err(ConnError::Stale) => Err(ConnectError::Stale),
        }
    }

    fn send(
        &mut self,
        conn: ConnId,
        slices: &[IoSlice<'_>],
        more: More,
    ) -> Result<Sent, ConnError> {
        let socket = self.conn(conn)?;
        let slices = &slices[..slices.len().min(SEND_SLICES_MAX)];
        if slices.iter().all(|slice| slice.is_empty()) {
            return Ok(Sent::Bytes(0));
        }
        Ok(sys::send(socket, slices, more).map_err(Errno::from)?)
    }

    fn recv(&mut self, conn: ConnId, buffer: &mut [u8]) -> Result<Received, ConnError> {
        assert!(!buffer.is_empty(), "a buffer without room cannot tell bytes from their end");
        Ok(sys::recv(self.conn(conn)?, buffer).map_err(Errno::from)?)
    }

    fn shutdown(&mut self, conn: ConnId, direction: Direction) -> Result<(), ConnError> {
        let how = match direction {
            Direction::Read => net::Shutdown::Read,
            Direction::Write => net::Shutdown::Write,
            Direction::Both => net::Shutdown::Both,
        };
        Ok(net::shutdown(self.conn(conn)?, how).map_err(Errno::from)?)
    }

    fn close(&mut self, conn: ConnId, how: Closing) -> Result<(), Stale> {
        let Conn { socket, .. } = self.conns.remove(conn).ok_or(Stale)?;
        self.poller.remove(socket.as_fd());
        if how == Closing::Reset {
            // OK to ignore: the peer is then told the end by FIN.
            let _tolerated = net::sockopt::set_socket_linger(&socket, Some(Duration::ZERO));
        }
        Ok(())
    }

    fn close_listener(&mut self, listener: ListenerId) -> Result<(), Stale> {
        let listener = self.listeners.remove(listener).ok_or(Stale)?;
        self.poller.remove(listener.socket.as_fd());
        Ok(())
    }

    fn set_interest(&mut self, source: Source, interest: Interest) -> Result<(), Stale> {
        let (socket, current) = match source {
            Source::Conn(id) => {
                let conn = self.conns.get_mut(id).ok_or(Stale)?;
                (&conn.socket, &mut conn.interest)
            }
            Source::Listener(id) => {
                let listener = self.listeners.get_mut(id).ok_or(Stale)?;
                (&listener.socket, &mut listener.interest)
            }
        };
        if *current != interest {
            *current = interest;
            self.poller.modify(Watched { socket: socket.as_fd(), source, interest });
        }
        Ok(())
    }

    fn take_error(&mut self, conn: ConnId) -> Result<Option<Failure>, Stale> {
        let pending = net::sockopt::socket_error(self.conn(conn)?);
        // The call itself cannot fail on an open socket; if it does, that is the error.
        let pending = pending.unwrap_or_else(Err).err();
        Ok(pending.map(|errno| Errno::from(errno).into()))
    }

    fn local_endpoint(&self, conn: ConnId) -> Result<Endpoint, ConnError> {
        let address = net::getsockname(self.conn(conn)?).and_then(sys::endpoint);
        Ok(address.map_err(Errno::from)?)
    }

    fn peer_endpoint(&self, conn: ConnId) -> Result<Endpoint, ConnError> {
        let address = net::getpeername(self.conn(conn)?)
            .and_then(|address| sys::endpoint(address.ok_or(io::Errno::NOTCONN)?));
        Ok(address.map_err(Errno::from)?)
    }

    fn listener_endpoint(&self, listener: ListenerId) -> Result<Endpoint, Stale> {
        self.listeners.get(listener).map(|listener| listener.endpoint.clone()).ok_or(Stale)
    }
}

impl<P> OsSockets<P> {
    /// How an attempt stands that has no peer and no pending error: it goes on, or its end was told
    /// already.
    fn unconnected_status(&self, conn: ConnId) -> Result<ConnectStatus, ConnectError> {
        let conn = self.conns.get(conn).ok_or(ConnectError::Stale)?;
        if sys::is_over(conn.socket.as_fd()).map_err(Errno::from)? {
            return Err(ConnectError::Failed(Failure::NotConnected));
        }
        Ok(ConnectStatus::InProgress)
    }
}

impl<P: Poller> Wait for OsSockets<P> {
    type Waker = PollerWaker;

    fn wait(
        &mut self,
        timeout: Option<Duration>,
        events: &mut Vec<Event>,
    ) -> Result<(), WaitError> {
        events.clear();
        let conns = self.conns.iter().map(|(id, conn)| Watched {
            socket: conn.socket.as_fd(),
            source: Source::Conn(id),
            interest: conn.interest,
        });
        let listeners = self.listeners.iter().map(|(id, listener)| Watched {
            socket: listener.socket.as_fd(),
            source: Source::Listener(id),
            interest: listener.interest,
        });
        match self.poller.wait(timeout, listeners.chain(conns), events) {
            Err(errno) if errno != io::Errno::INTR.into() => Err(errno.into()),
            Ok(()) | Err(_) => Ok(()),
        }
    }

    fn waker(&self) -> PollerWaker {
        self.poller.waker().clone()
    }
}

/// A listener with the interest that a new one has.
fn listen(at: &Endpoint) -> io::Result<Listener> {
    let socket = sys::socket(at)?;
    sys::bind(&socket, at)?;
    let path = match at {
        Endpoint::Ip(_) => None,
        Endpoint::Unix(path) => Some(BoundPath::made(path)),
    };
    sys::start_listening(&socket)?;
    let endpoint = sys::endpoint(net::getsockname(&socket)?)?;
    Ok(Listener { socket, interest: Interest::READ, endpoint, _path: path })
}

/// A timeout as the kernel takes it, to the nanosecond.
fn timespec(timeout: Duration) -> Timespec {
    // Some kernels refuse or overflow on more; 68 years end early, which a wait may.
    let seconds = timeout.as_secs().min(i32::MAX.unsigned_abs().into());
    Timespec {
        tv_sec: i64::try_from(seconds).expect("at most 2^31 - 1"),
        tv_nsec: timeout.subsec_nanos().into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timeout_keeps_its_nanoseconds() {
        let Timespec { tv_sec, tv_nsec } = timespec(Duration::new(3, 7));
        assert_eq!((tv_sec, tv_nsec), (3, 7));
    }

    #[test]
    fn endless_timeout_is_one_that_a_kernel_takes() {
        assert_eq!(timespec(Duration::MAX).tv_sec, i64::from(i32::MAX));
    }
}
