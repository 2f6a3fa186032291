//! An actor's host among real sockets, opposite a node in another process.

use std::cell::RefCell;
use std::io::IoSlice;
use std::net::{IpAddr, SocketAddr};
use std::rc::Rc;

use sockman::sockets::{
    AcceptError, Accepted, Closing, ConnError, ConnId, ConnectError, ConnectStatus, Direction,
    Endpoint, Event, Failure, Interest, ListenError, ListenerId, More, Readiness, Received, Sent,
    Sockets, Source, Stale,
};
use sockman::time::Instant;

use super::net::{HostIndex, Net, host_of};
use crate::host::{Host, PeerHost};
use crate::net::{KernelConfig, Segment, Totals};

/// A handle to one host; a clone of it is the same host.
#[derive(Clone, Debug)]
pub(super) struct LiveHost {
    net: Rc<RefCell<Net>>,
    index: HostIndex,
    addresses: Vec<IpAddr>,
}

impl LiveHost {
    pub(super) const fn new(
        net: Rc<RefCell<Net>>,
        index: HostIndex,
        addresses: Vec<IpAddr>,
    ) -> Self {
        Self { net, index, addresses }
    }
}

impl Sockets for LiveHost {
    fn listen(&mut self, at: &Endpoint) -> Result<ListenerId, ListenError> {
        let at = at.ip().ok_or(ListenError::AddressNotAvailable)?;
        Ok(self.net.borrow_mut().listen(self.index, at))
    }

    fn accept(&mut self, listener: ListenerId) -> Result<Accepted, AcceptError> {
        Ok(self.net.borrow_mut().accept(host_of(listener)))
    }

    fn connect(&mut self, _: &Endpoint) -> Result<ConnId, ConnectError> {
        self.net.borrow_mut().connect(self.index, None)
    }

    fn connect_status(&mut self, conn: ConnId) -> Result<ConnectStatus, ConnectError> {
        self.net.borrow_mut().os().connect_status(conn)
    }

    fn send(
        &mut self,
        conn: ConnId,
        slices: &[IoSlice<'_>],
        more: More,
    ) -> Result<Sent, ConnError> {
        self.net.borrow_mut().os().send(conn, slices, more)
    }

    fn recv(&mut self, conn: ConnId, buffer: &mut [u8]) -> Result<Received, ConnError> {
        self.net.borrow_mut().os().recv(conn, buffer)
    }

    fn shutdown(&mut self, conn: ConnId, direction: Direction) -> Result<(), ConnError> {
        self.net.borrow_mut().os().shutdown(conn, direction)
    }

    fn close(&mut self, conn: ConnId, how: Closing) -> Result<(), Stale> {
        self.net.borrow_mut().close(conn, how);
        Ok(())
    }

    fn close_listener(&mut self, listener: ListenerId) -> Result<(), Stale> {
        self.net.borrow_mut().close_listener(host_of(listener));
        Ok(())
    }

    fn set_interest(&mut self, source: Source, interest: Interest) -> Result<(), Stale> {
        match source {
            Source::Conn(_) => self.net.borrow_mut().os().set_interest(source, interest),
            Source::Listener(_) => Ok(()),
        }
    }

    fn take_error(&mut self, conn: ConnId) -> Result<Option<Failure>, Stale> {
        self.net.borrow_mut().os().take_error(conn)
    }

    fn local_endpoint(&self, conn: ConnId) -> Result<Endpoint, ConnError> {
        self.net.borrow().os_ref().local_endpoint(conn)
    }

    fn peer_endpoint(&self, conn: ConnId) -> Result<Endpoint, ConnError> {
        self.net.borrow().os_ref().peer_endpoint(conn)
    }

    fn listener_endpoint(&self, _: ListenerId) -> Result<Endpoint, Stale> {
        Err(Stale)
    }
}

impl Host for LiveHost {
    type Peer = Self;

    /// Hosts are made by who plays the schedule.
    fn peer(&mut self, _: KernelConfig) -> Self {
        self.clone()
    }

    /// The kernel has a clock of its own, of which nothing here takes notice.
    fn set_now(&mut self, _: Instant) {}

    fn handle_segment(&mut self, _: Instant, _: Segment) {}

    fn next_timer(&self) -> Option<Instant> {
        None
    }

    fn handle_timer(&mut self, _: Instant) {}

    fn has_segments(&self) -> bool {
        false
    }

    fn take_segments(&mut self, _: &mut Vec<Segment>) {}

    fn poll(&mut self, events: &mut Vec<Event>) {
        self.net.borrow_mut().poll(self.index, events);
    }

    /// The process of an actor is ours.
    fn end_process(&mut self) {
        self.net.borrow_mut().forget(self.index);
    }

    fn has_ready(&self) -> bool {
        let mut events = Vec::new();
        self.net.borrow_mut().poll(self.index, &mut events);
        !events.is_empty()
    }

    fn readiness(&self, source: Source) -> Result<Readiness, Stale> {
        Ok(self.net.borrow().readiness(source))
    }

    // What follows is for oracles on the node's own host, which is elsewhere.

    fn open_descriptors(&self) -> usize {
        0
    }

    fn descriptors_max(&self) -> usize {
        usize::MAX
    }

    fn totals(&self) -> Totals {
        Totals::default()
    }

    fn connection_number(&self, conn: ConnId) -> Result<u64, Stale> {
        self.net.borrow().number(conn).ok_or(Stale)
    }

    /// Nobody counts: a read takes what there is.
    fn unread_bytes(&self, _: ConnId) -> Result<usize, Stale> {
        Ok(usize::MAX)
    }

    fn unaccepted_count(&self) -> usize {
        0
    }
}

impl PeerHost for LiveHost {
    fn addresses(&self) -> &[IpAddr] {
        &self.addresses
    }

    fn connect_from(&mut self, from: SocketAddr, _: SocketAddr) -> Result<ConnId, ConnectError> {
        self.net.borrow_mut().connect(self.index, Some(from))
    }

    fn forget_everything(&mut self) {
        self.net.borrow_mut().forget(self.index);
    }
}
