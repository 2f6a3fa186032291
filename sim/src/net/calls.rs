//! The calls of `Sockets` on a simulated kernel.

use std::io::IoSlice;
use std::net::{IpAddr, SocketAddr};

use sockman::sockets::{
    AcceptError, Accepted, Closing, ConnError, ConnId, ConnectError, ConnectStatus, Direction,
    Endpoint, Errno, Failure, Interest, ListenError, ListenerId, More, Received, Sent, Sockets,
    Source, Stale,
};

use super::addresses::{Addresses, loopback_of, overlap};
use super::kernel::Kernel;
use super::listener::Listener;
use super::segment::Flow;
use super::socket::{Socket, Stage};

/// Longest path of a Unix socket, in bytes: `sun_path` of unix(7), less a zero at the end.
const UNIX_PATH_BYTES_MAX: usize = 107;

impl Sockets for Kernel {
    fn listen(&mut self, at: &Endpoint) -> Result<ListenerId, ListenError> {
        self.descriptor_left().map_err(ListenError::OutOfDescriptors)?;
        let at = self.endpoint_to_listen(at)?;
        let id = self.listeners.insert(Listener::new(at.clone()));
        self.listening.insert(at, id);
        self.totals.opened += 1;
        Ok(id)
    }

    fn accept(&mut self, listener: ListenerId) -> Result<Accepted, AcceptError> {
        let left = self.descriptor_left();
        let entry = self.listeners.get_mut(listener).ok_or(AcceptError::Stale)?;
        // TCP 3: said even when nobody waits.
        left.map_err(AcceptError::OutOfDescriptors)?;
        let Some(conn) = entry.queue.pop_front() else {
            return Ok(Accepted::WouldBlock);
        };
        let socket = self.conns.get_mut(conn).expect("who waits is in the table");
        socket.stage = Stage::Held;
        let peer = socket.flow.remote.clone();
        self.held_count += 1;
        self.totals.opened += 1;
        self.settle(conn);
        self.settle_listener(listener);
        Ok(Accepted::Conn { conn, peer })
    }

    fn connect(&mut self, to: &Endpoint) -> Result<ConnId, ConnectError> {
        self.descriptor_left().map_err(ConnectError::OutOfDescriptors)?;
        let (local, remote) = self.ends_of_connect(to)?;
        Ok(self.begin_connect(local, remote))
    }

    fn connect_status(&mut self, conn: ConnId) -> Result<ConnectStatus, ConnectError> {
        let (socket, _) = self.conn_mut(conn).map_err(|Stale| ConnectError::Stale)?;
        let status = socket.connect_status();
        self.settle(conn);
        status
    }

    fn send(
        &mut self,
        conn: ConnId,
        slices: &[IoSlice<'_>],
        _more: More,
    ) -> Result<Sent, ConnError> {
        let now = self.now;
        let (socket, wire) = self.conn_mut(conn)?;
        let sent = socket.send(slices, now, wire);
        self.settle(conn);
        sent
    }

    fn recv(&mut self, conn: ConnId, buffer: &mut [u8]) -> Result<Received, ConnError> {
        let (socket, wire) = self.conn_mut(conn)?;
        let received = socket.recv(buffer, wire);
        self.settle(conn);
        received
    }

    fn shutdown(&mut self, conn: ConnId, direction: Direction) -> Result<(), ConnError> {
        let now = self.now;
        let (socket, wire) = self.conn_mut(conn)?;
        let shut = socket.shutdown(direction, now, wire);
        self.settle(conn);
        shut
    }

    fn close(&mut self, conn: ConnId, how: Closing) -> Result<(), Stale> {
        let now = self.now;
        let (socket, wire) = self.conn_mut(conn)?;
        socket.close(how, now, wire);
        self.held_count -= 1;
        self.totals.closed += 1;
        self.settle(conn);
        Ok(())
    }

    fn close_listener(&mut self, listener: ListenerId) -> Result<(), Stale> {
        let mut entry = self.listeners.remove(listener).ok_or(Stale)?;
        self.listening.remove(&entry.at);
        self.totals.closed += 1;
        self.settle_listener(listener);
        // TCP 3: whoever waits is reset, whatever it has sent.
        for child in entry.queue.drain(..) {
            let socket = self.conns.get_mut(child).expect("who waits is in the table");
            socket.close(Closing::Reset, self.now, &mut self.wire);
            self.settle(child);
        }
        Ok(())
    }

    fn set_interest(&mut self, source: Source, interest: Interest) -> Result<(), Stale> {
        match source {
            Source::Conn(id) => {
                self.conn_mut(id)?.0.interest = interest;
                self.settle(id);
            }
            Source::Listener(id) => {
                self.listeners.get_mut(id).ok_or(Stale)?.interest = interest;
                self.settle_listener(id);
            }
        }
        Ok(())
    }

    fn take_error(&mut self, conn: ConnId) -> Result<Option<Failure>, Stale> {
        let failure = self.conn_mut(conn)?.0.take_error();
        self.settle(conn);
        Ok(failure)
    }

    fn local_endpoint(&self, conn: ConnId) -> Result<Endpoint, ConnError> {
        Ok(self.conn(conn)?.flow.local.clone())
    }

    fn peer_endpoint(&self, conn: ConnId) -> Result<Endpoint, ConnError> {
        let socket = self.conn(conn)?;
        if socket.is_open() {
            Ok(socket.flow.remote.clone())
        } else {
            Err(ConnError::Failed(Failure::NotConnected))
        }
    }

    fn listener_endpoint(&self, listener: ListenerId) -> Result<Endpoint, Stale> {
        Ok(self.listeners.get(listener).ok_or(Stale)?.at.clone())
    }
}

impl Kernel {
    /// The endpoint with its port chosen, once it is sure that it is free.
    fn endpoint_to_listen(&mut self, at: &Endpoint) -> Result<Endpoint, ListenError> {
        let Endpoint::Ip(address) = at else {
            check_path(at).map_err(ListenError::Other)?;
            let taken = self.listening.contains_key(at);
            return if taken { Err(ListenError::AddressInUse) } else { Ok(at.clone()) };
        };
        let ip = address.ip();
        if !self.addresses.is_own_or_wildcard(ip) {
            return Err(ListenError::AddressNotAvailable);
        }
        let listening = &self.listening;
        // TCP 1.3: a connection made from there holds the port too, for it has no SO_REUSEADDR.
        let is_free = |addresses: &Addresses, port| {
            !is_listened(listening.keys(), ip, port) && !addresses.is_connected_from(ip, port)
        };
        if address.port() == 0 {
            let port = self.addresses.next_listen_port(is_free);
            // TCP 2.4: so says bind when the range is used up.
            let port = port.ok_or(ListenError::AddressInUse)?;
            return Ok(Endpoint::Ip(SocketAddr::new(ip, port)));
        }
        if is_free(&self.addresses, address.port()) {
            Ok(at.clone())
        } else {
            Err(ListenError::AddressInUse)
        }
    }

    /// Both ends of an attempt: a port of ours is taken.
    /// Connects from a chosen end, as a socket does that was bound first. An end that is taken, or
    /// is not this host's, is replaced by one of the kernel's choice.
    ///
    /// # Errors
    ///
    /// As `connect`.
    pub fn connect_from(
        &mut self,
        from: SocketAddr,
        to: SocketAddr,
    ) -> Result<ConnId, ConnectError> {
        self.descriptor_left().map_err(ConnectError::OutOfDescriptors)?;
        if !self.addresses.take_exactly(from, to) {
            return self.connect(&Endpoint::Ip(to));
        }
        Ok(self.begin_connect(Endpoint::Ip(from), Endpoint::Ip(to)))
    }

    fn begin_connect(&mut self, local: Endpoint, remote: Endpoint) -> ConnId {
        self.attempts += 1;
        let flow = Flow { connection: self.attempts, local, remote };
        let buffers = self.buffers();
        let socket = Socket::connecting(flow.clone(), buffers, self.now, &mut self.wire);
        let conn = self.conns.insert(socket);
        self.flows.insert(flow, conn);
        self.held_count += 1;
        self.totals.opened += 1;
        self.settle(conn);
        conn
    }

    fn ends_of_connect(&mut self, to: &Endpoint) -> Result<(Endpoint, Endpoint), ConnectError> {
        let Endpoint::Ip(mut to) = *to else {
            check_path(to).map_err(|errno| ConnectError::Failed(Failure::Other(errno)))?;
            if !self.listening.contains_key(to) {
                // Unlike TCP's, this refusal needs no answer from anybody.
                return Err(ConnectError::Failed(Failure::Refused));
            }
            // The client's end of a Unix connection has no path.
            return Ok((Endpoint::Unix(std::path::PathBuf::new()), to.clone()));
        };
        if to.ip().is_unspecified() {
            // TCP 2.1: to the wildcard address is to this host.
            to.set_ip(loopback_of(to.ip()));
        }
        let from = self.addresses.source_for(to.ip()).map_err(ConnectError::Failed)?;
        let listening = &self.listening;
        let listened = |port| is_listened(listening.keys(), from, port);
        let local = self.addresses.take_connect_port(from, to, listened);
        let local = local.ok_or(ConnectError::OutOfPorts)?;
        Ok((Endpoint::Ip(local), Endpoint::Ip(to)))
    }
}

/// Whether a path can name a socket: as Linux says it, by `EINVAL` and `ENAMETOOLONG`.
fn check_path(at: &Endpoint) -> Result<(), Errno> {
    let Endpoint::Unix(path) = at else {
        return Ok(());
    };
    match path.as_os_str().len() {
        0 => Err(Errno(22)),
        1..=UNIX_PATH_BYTES_MAX => Ok(()),
        _ => Err(Errno(36)),
    }
}

/// Whether a listener among `holders` has the port at an address that competes with `from`.
fn is_listened<'a>(holders: impl Iterator<Item = &'a Endpoint>, from: IpAddr, port: u16) -> bool {
    let mut holders = holders.filter_map(Endpoint::ip);
    holders.any(|holder| holder.port() == port && overlap(holder.ip(), from))
}
