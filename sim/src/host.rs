//! What a world needs of the node's host besides the calls of `Sockets`: to let time pass and
//! things arrive, and to look behind the calls, which the oracles do.
//!
//! The one that counts is [`Kernel`], on the virtual network. Whatever else stands in its place is
//! compared with it, and says where it falls short.

use std::net::{IpAddr, SocketAddr};

use sockman::sockets::{ConnId, ConnectError, Event, Readiness, Sockets, Source, Stale};
use sockman::time::Instant;

use crate::net::{Kernel, KernelConfig, Segment, Totals};
use crate::subject::Garbled;

/// The node's host.
pub trait Host: Sockets + Clone + std::fmt::Debug {
    /// The host of a peer, in the same place.
    type Peer: PeerHost;

    /// The next peer's host, with these addresses, its own one first. Its buffers and limits are
    /// as `config` says.
    fn peer(&mut self, config: KernelConfig) -> Self::Peer;

    // Moving.

    /// Says what time it is, for the calls that follow. Time never runs backwards.
    fn set_now(&mut self, now: Instant);

    /// Takes in a segment that has arrived from the network.
    fn handle_segment(&mut self, now: Instant, segment: Segment);

    /// The earliest deadline; `None` if nothing will happen by itself.
    fn next_timer(&self) -> Option<Instant>;

    /// Does what is due by `now`.
    fn handle_timer(&mut self, now: Instant);

    /// Whether any segment waits to be carried away.
    fn has_segments(&self) -> bool;

    /// Moves the segments that wait to be carried away to the end of `segments`, in order.
    fn take_segments(&mut self, segments: &mut Vec<Segment>);

    /// Where no segments are: says that everybody has done what he had to, so that what was sent so
    /// far, by whomever, has had time to arrive.
    fn let_arrive(&mut self) {}

    /// Where no segments are: since when something is on its way to this host that it would be
    /// told of, as a number that grows with each thing that is sent. `None`: nothing is.
    fn arriving(&self) -> Option<u64> {
        None
    }

    /// Replaces `events` by what a wait would report now.
    fn poll(&mut self, events: &mut Vec<Event>);

    /// Closes every socket, as when the process that held them ends.
    fn end_process(&mut self);

    // Looking.

    /// Whether a wait would report something now.
    fn has_ready(&self) -> bool;

    /// What is true of a socket now, whatever its interest.
    ///
    /// # Errors
    ///
    /// The id is gone.
    fn readiness(&self, source: Source) -> Result<Readiness, Stale>;

    /// Descriptors open now.
    fn open_descriptors(&self) -> usize;

    /// Most descriptors open at once.
    fn descriptors_max(&self) -> usize;

    /// Descriptors since the start.
    fn totals(&self) -> Totals;

    /// A number by which both ends of a connection can name it.
    ///
    /// # Errors
    ///
    /// The id is gone, or nobody is at the other end.
    fn connection_number(&self, conn: ConnId) -> Result<u64, Stale>;

    /// Bytes that have arrived on a connection and wait to be read.
    ///
    /// # Errors
    ///
    /// The id is gone.
    fn unread_bytes(&self, conn: ConnId) -> Result<usize, Stale>;

    /// How many wait to be accepted, at all listeners.
    fn unaccepted_count(&self) -> usize;

    /// The first thing that the node said and no node may say, where the host itself hears what is
    /// sent. On a network its peers do.
    fn garbled(&self) -> Option<(ConnId, &Garbled)> {
        None
    }
}

/// The host of a peer: what an actor asks of it that no trait of the product has.
pub trait PeerHost: Host {
    /// Its addresses, its own one first.
    fn addresses(&self) -> &[IpAddr];

    /// Connects from a chosen end. One that cannot be had is replaced by one of the host's choice.
    ///
    /// # Errors
    ///
    /// As `connect`.
    fn connect_from(&mut self, from: SocketAddr, to: SocketAddr) -> Result<ConnId, ConnectError>;

    /// Forgets every socket without a word to anybody, as a machine does whose power fails. What
    /// still comes for them is answered by a reset.
    fn forget_everything(&mut self);
}

impl PeerHost for Kernel {
    fn addresses(&self) -> &[IpAddr] {
        &self.config().addresses
    }

    fn connect_from(&mut self, from: SocketAddr, to: SocketAddr) -> Result<ConnId, ConnectError> {
        Self::connect_from(self, from, to)
    }

    fn forget_everything(&mut self) {
        Self::forget_everything(self);
    }
}

impl Host for Kernel {
    type Peer = Self;

    fn peer(&mut self, config: KernelConfig) -> Self {
        Self::new(config)
    }

    fn set_now(&mut self, now: Instant) {
        Self::set_now(self, now);
    }

    fn handle_segment(&mut self, now: Instant, segment: Segment) {
        Self::handle_segment(self, now, segment);
    }

    fn next_timer(&self) -> Option<Instant> {
        Self::next_timer(self)
    }

    fn handle_timer(&mut self, now: Instant) {
        Self::handle_timer(self, now);
    }

    fn has_segments(&self) -> bool {
        Self::has_segments(self)
    }

    fn take_segments(&mut self, segments: &mut Vec<Segment>) {
        Self::take_segments(self, segments);
    }

    fn poll(&mut self, events: &mut Vec<Event>) {
        Self::poll(self, events);
    }

    fn end_process(&mut self) {
        Self::end_process(self);
    }

    fn has_ready(&self) -> bool {
        Self::has_ready(self)
    }

    fn readiness(&self, source: Source) -> Result<Readiness, Stale> {
        Self::readiness(self, source)
    }

    fn open_descriptors(&self) -> usize {
        Self::open_descriptors(self)
    }

    fn descriptors_max(&self) -> usize {
        self.config().descriptors_max
    }

    fn totals(&self) -> Totals {
        Self::totals(self)
    }

    fn connection_number(&self, conn: ConnId) -> Result<u64, Stale> {
        Self::connection_number(self, conn)
    }

    fn unread_bytes(&self, conn: ConnId) -> Result<usize, Stale> {
        Self::unread_bytes(self, conn)
    }

    fn unaccepted_count(&self) -> usize {
        Self::unaccepted_count(self)
    }
}
