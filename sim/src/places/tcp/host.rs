//! A host of a world on loopback TCP, as its node or its actor sees it.

use std::cell::RefCell;
use std::io::IoSlice;
use std::net::{IpAddr, SocketAddr};
use std::rc::Rc;

use sockman::sockets::{
    AcceptError, Accepted, Closing, ConnError, ConnId, ConnectError, ConnectStatus, Direction,
    Endpoint, Errno, Event, Failure, Interest, ListenError, ListenerId, More, Readiness, Received,
    Sent, Sockets, Source, Stale,
};
use sockman::time::Instant;

use super::machine::Machine;
use super::wire::HostIndex;
use crate::host::{Host, PeerHost};
use crate::net::{KernelConfig, Segment, Totals};
use crate::places::Shortcomings;

/// A handle to the sockets of one host. Unlike anything else in a world, a clone of it is the same
/// host: a world on real sockets goes on once, and in one thread.
#[derive(Clone, Debug)]
pub struct TcpHost {
    machine: Rc<RefCell<Machine>>,
    index: HostIndex,
    addresses: Vec<IpAddr>,
    /// Hosts that were given out so far.
    peers: usize,
}

impl TcpHost {
    /// The node's host. `addresses` are all of the schedule's, and `actors` is how many hosts
    /// there will be besides.
    ///
    /// # Errors
    ///
    /// The system has no descriptor or no memory left.
    pub fn new(
        node: KernelConfig,
        actors: usize,
        addresses: impl IntoIterator<Item = IpAddr>,
    ) -> Result<Self, Errno> {
        let own = node.addresses.clone();
        let machine = Machine::new(node, actors, addresses)?;
        let machine = Rc::new(RefCell::new(machine));
        Ok(Self { machine, index: 0, addresses: own, peers: 0 })
    }

    /// Where the real kernel fell short, on any host of this world.
    #[must_use]
    pub fn shortcomings(&self) -> Shortcomings {
        self.machine.borrow().shortcomings()
    }
}

impl Sockets for TcpHost {
    fn listen(&mut self, at: &Endpoint) -> Result<ListenerId, ListenError> {
        self.machine.borrow_mut().listen(self.index, at)
    }

    fn accept(&mut self, listener: ListenerId) -> Result<Accepted, AcceptError> {
        self.machine.borrow_mut().accept(self.index, listener)
    }

    fn connect(&mut self, to: &Endpoint) -> Result<ConnId, ConnectError> {
        self.machine.borrow_mut().connect(self.index, None, to)
    }

    fn connect_status(&mut self, conn: ConnId) -> Result<ConnectStatus, ConnectError> {
        self.machine.borrow_mut().connect_status(self.index, conn)
    }

    fn send(
        &mut self,
        conn: ConnId,
        slices: &[IoSlice<'_>],
        _more: More,
    ) -> Result<Sent, ConnError> {
        self.machine.borrow_mut().send(self.index, conn, slices)
    }

    fn recv(&mut self, conn: ConnId, buffer: &mut [u8]) -> Result<Received, ConnError> {
        self.machine.borrow_mut().recv(self.index, conn, buffer)
    }

    fn shutdown(&mut self, conn: ConnId, direction: Direction) -> Result<(), ConnError> {
        self.machine.borrow_mut().shutdown(self.index, conn, direction)
    }

    fn close(&mut self, conn: ConnId, how: Closing) -> Result<(), Stale> {
        self.machine.borrow_mut().close(self.index, conn, how)
    }

    fn close_listener(&mut self, listener: ListenerId) -> Result<(), Stale> {
        self.machine.borrow_mut().close_listener(self.index, listener)
    }

    fn set_interest(&mut self, source: Source, interest: Interest) -> Result<(), Stale> {
        let mut machine = self.machine.borrow_mut();
        machine.os(self.index).set_interest(source, interest)?;
        machine.wire.set_interest(self.index, source, interest);
        Ok(())
    }

    fn take_error(&mut self, conn: ConnId) -> Result<Option<Failure>, Stale> {
        self.machine.borrow_mut().os(self.index).take_error(conn)
    }

    fn local_endpoint(&self, conn: ConnId) -> Result<Endpoint, ConnError> {
        let mut machine = self.machine.borrow_mut();
        let end = machine.os(self.index).local_endpoint(conn)?;
        Ok(machine.scheduled(end))
    }

    fn peer_endpoint(&self, conn: ConnId) -> Result<Endpoint, ConnError> {
        let mut machine = self.machine.borrow_mut();
        let end = machine.os(self.index).peer_endpoint(conn)?;
        Ok(machine.scheduled(end))
    }

    fn listener_endpoint(&self, listener: ListenerId) -> Result<Endpoint, Stale> {
        let mut machine = self.machine.borrow_mut();
        let end = machine.os(self.index).listener_endpoint(listener)?;
        Ok(machine.scheduled(end))
    }
}

impl Host for TcpHost {
    type Peer = Self;

    fn peer(&mut self, config: KernelConfig) -> Self {
        self.peers += 1;
        let index = self.peers;
        let addresses = config.addresses.clone();
        self.machine.borrow_mut().settle_in(index, config);
        Self { machine: Rc::clone(&self.machine), index, addresses, peers: 0 }
    }

    /// The kernel has a clock of its own, of which nothing here takes notice.
    fn set_now(&mut self, _: Instant) {}

    /// The kernel carries them.
    fn handle_segment(&mut self, _: Instant, _: Segment) {}

    fn next_timer(&self) -> Option<Instant> {
        None
    }

    fn handle_timer(&mut self, _: Instant) {}

    fn has_segments(&self) -> bool {
        false
    }

    fn take_segments(&mut self, _: &mut Vec<Segment>) {}

    fn let_arrive(&mut self) {
        self.machine.borrow_mut().wire.arrive();
    }

    fn arriving(&self) -> Option<u64> {
        let machine = self.machine.borrow();
        machine.wire.arriving(self.index).map(|(since, _)| since).min()
    }

    fn poll(&mut self, events: &mut Vec<Event>) {
        self.machine.borrow_mut().poll(self.index, events);
    }

    fn end_process(&mut self) {
        self.machine.borrow_mut().end_process(self.index);
    }

    fn has_ready(&self) -> bool {
        self.machine.borrow().wire.arriving(self.index).next().is_some()
    }

    fn readiness(&self, source: Source) -> Result<Readiness, Stale> {
        let machine = self.machine.borrow();
        match source {
            Source::Listener(listener) => Ok(Readiness {
                readable: machine.wire.has_somebody_waiting(self.index, listener),
                ..Readiness::NONE
            }),
            Source::Conn(conn) => {
                let end = machine.wire.end_of(self.index, conn).ok_or(Stale)?;
                Ok(machine.wire.readiness(end))
            }
        }
    }

    fn open_descriptors(&self) -> usize {
        self.machine.borrow().open(self.index)
    }

    fn descriptors_max(&self) -> usize {
        self.machine.borrow().descriptors_max(self.index)
    }

    fn totals(&self) -> Totals {
        self.machine.borrow().totals(self.index)
    }

    fn connection_number(&self, conn: ConnId) -> Result<u64, Stale> {
        let machine = self.machine.borrow();
        let end = machine.wire.end_of(self.index, conn).ok_or(Stale)?;
        Ok(machine.wire.number(end))
    }

    fn unread_bytes(&self, conn: ConnId) -> Result<usize, Stale> {
        let machine = self.machine.borrow();
        let end = machine.wire.end_of(self.index, conn).ok_or(Stale)?;
        Ok(machine.wire.incoming(end).unread())
    }

    fn unaccepted_count(&self) -> usize {
        self.machine.borrow().wire.waiting_count(self.index)
    }
}

impl PeerHost for TcpHost {
    fn addresses(&self) -> &[IpAddr] {
        &self.addresses
    }

    fn connect_from(&mut self, from: SocketAddr, to: SocketAddr) -> Result<ConnId, ConnectError> {
        self.machine.borrow_mut().connect(self.index, Some(from), &Endpoint::Ip(to))
    }

    fn forget_everything(&mut self) {
        self.machine.borrow_mut().forget_everything(self.index);
    }
}
