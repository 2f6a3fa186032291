//! TCP and Unix sockets of mio under one name, and the few calls that mio lacks.

use std::io::{self, IoSlice, Read as _};
use std::net::{Shutdown, SocketAddr};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix;
use std::path::{Path, PathBuf};
use std::time::Duration;

use mio::event::Source;
use mio::net::{TcpListener, TcpStream, UnixListener, UnixStream};
use rustix::net::{self, AddressFamily, SendFlags, SocketFlags, SocketType, sockopt};
use sockman::sockets::{BoundPath, Endpoint, More};

/// As many as the system allows: every kernel lowers it to its own `SOMAXCONN`.
const BACKLOG_MAX: i32 = i32::MAX;

/// Runs a call on whichever kind of socket it is.
macro_rules! either {
    ($socket:expr, $inner:ident => $call:expr) => {
        match $socket {
            Self::Tcp($inner) => $call,
            Self::Unix($inner, ..) => $call,
        }
    };
}

/// A connection of either kind.
#[derive(Debug)]
pub(crate) enum Stream {
    Tcp(TcpStream),
    Unix(UnixStream),
}

impl Stream {
    /// Begins to connect.
    pub(crate) fn connect(to: &Endpoint) -> io::Result<Self> {
        match to {
            Endpoint::Ip(address) => Ok(Self::tcp(TcpStream::connect(*address)?)),
            Endpoint::Unix(path) => Ok(Self::Unix(UnixStream::connect(named(path)?)?)),
        }
    }

    fn tcp(stream: TcpStream) -> Self {
        let _tolerated = stream.set_nodelay(true);
        Self::Tcp(stream)
    }

    pub(crate) fn source(&mut self) -> &mut dyn Source {
        either!(self, stream => stream)
    }

    pub(crate) fn recv(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        uninterrupted(|| either!(&mut *self, stream => stream.read(buffer)))
    }

    /// mio's own vectored write knows no flags, and raises `SIGPIPE`.
    pub(crate) fn send(&self, slices: &[IoSlice<'_>], more: More) -> io::Result<usize> {
        let flags = match more {
            More::No => SendFlags::NOSIGNAL,
            #[cfg(target_os = "linux")]
            More::Yes => SendFlags::NOSIGNAL | SendFlags::MORE,
            #[cfg(not(target_os = "linux"))]
            More::Yes => SendFlags::NOSIGNAL,
        };
        let send = || Ok(net::sendmsg(self.as_fd(), slices, &mut Default::default(), flags)?);
        uninterrupted(|| either!(self, stream => stream.try_io(send)))
    }

    pub(crate) fn shutdown(&self, how: Shutdown) -> io::Result<()> {
        either!(self, stream => stream.shutdown(how))
    }

    pub(crate) fn take_error(&self) -> io::Result<Option<io::Error>> {
        either!(self, stream => stream.take_error())
    }

    pub(crate) fn local_endpoint(&self) -> io::Result<Endpoint> {
        match self {
            Self::Tcp(stream) => Ok(Endpoint::Ip(stream.local_addr()?)),
            Self::Unix(stream) => Ok(unix_endpoint(&stream.local_addr()?)),
        }
    }

    pub(crate) fn peer_endpoint(&self) -> io::Result<Endpoint> {
        match self {
            Self::Tcp(stream) => Ok(Endpoint::Ip(stream.peer_addr()?)),
            Self::Unix(stream) => Ok(unix_endpoint(&stream.peer_addr()?)),
        }
    }

    /// Makes the close that follows a reset.
    pub(crate) fn reset_at_close(&self) {
        // OK to ignore: the peer is then told the end by FIN.
        let _tolerated = sockopt::set_socket_linger(self.as_fd(), Some(Duration::ZERO));
    }

    /// Whether both directions are over, or an error is pending.
    pub(crate) fn is_over(&self) -> io::Result<bool> {
        use rustix::event::{PollFd, PollFlags, Timespec, poll};

        let mut fds = [PollFd::from_borrowed_fd(self.as_fd(), PollFlags::empty())];
        let now = Timespec { tv_sec: 0, tv_nsec: 0 };
        uninterrupted(|| Ok(poll(&mut fds, Some(&now))?))?;
        Ok(fds[0].revents().intersects(PollFlags::ERR | PollFlags::HUP))
    }
}

impl AsFd for Stream {
    fn as_fd(&self) -> BorrowedFd<'_> {
        either!(self, stream => stream.as_fd())
    }
}

/// A listener of either kind.
#[derive(Debug)]
pub(crate) enum Acceptor {
    Tcp(TcpListener),
    /// The path is removed after the socket is closed.
    Unix(UnixListener, #[expect(dead_code, reason = "kept for what its drop does")] BoundPath),
}

impl Acceptor {
    pub(crate) fn listen(at: &Endpoint) -> io::Result<Self> {
        match at {
            Endpoint::Ip(address) => Ok(Self::Tcp(listen_tcp(*address)?)),
            Endpoint::Unix(path) => {
                let listener = UnixListener::bind(named(path)?)?;
                Ok(Self::Unix(listener, BoundPath::made(path)))
            }
        }
    }

    pub(crate) fn source(&mut self) -> &mut dyn Source {
        either!(self, listener => listener)
    }

    pub(crate) fn accept(&self) -> io::Result<(Stream, Endpoint)> {
        match self {
            Self::Tcp(listener) => {
                let (stream, peer) = uninterrupted(|| listener.accept())?;
                Ok((Stream::tcp(stream), Endpoint::Ip(peer)))
            }
            Self::Unix(listener, _) => {
                let (stream, peer) = uninterrupted(|| listener.accept())?;
                Ok((Stream::Unix(stream), unix_endpoint(&peer)))
            }
        }
    }

    pub(crate) fn endpoint(&self) -> io::Result<Endpoint> {
        match self {
            Self::Tcp(listener) => Ok(Endpoint::Ip(listener.local_addr()?)),
            Self::Unix(listener, _) => Ok(unix_endpoint(&listener.local_addr()?)),
        }
    }
}

/// mio's own bind leaves IPv4 to an IPv6 listener, and has a backlog of its own.
fn listen_tcp(at: SocketAddr) -> io::Result<TcpListener> {
    let family = if at.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
    let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
    let socket = net::socket_with(family, SocketType::STREAM, flags, None)?;
    let _tolerated = sockopt::set_socket_reuseaddr(&socket, true);
    if at.is_ipv6() {
        let _tolerated = sockopt::set_ipv6_v6only(&socket, true);
    }
    net::bind(&socket, &at)?;
    net::listen(&socket, BACKLOG_MAX)?;
    Ok(socket.into())
}

/// A path, not a name outside the file system.
fn named(path: &Path) -> io::Result<&Path> {
    if path.as_os_str().is_empty() {
        return Err(rustix::io::Errno::INVAL.into());
    }
    Ok(path)
}

fn unix_endpoint(address: &unix::net::SocketAddr) -> Endpoint {
    Endpoint::Unix(address.as_pathname().map(PathBuf::from).unwrap_or_default())
}

fn uninterrupted<T>(mut call: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    loop {
        match call() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            result => return result,
        }
    }
}
