//! One host's TCP: its sockets, what arrives for them, and their timers.
//!
//! It knows no other host. Each call may leave segments, which the caller takes with
//! [`Kernel::take_segments`] and carries wherever they go; what arrives comes in by
//! [`Kernel::handle_segment`]. It reads no clock: the caller says what time it is. The calls of
//! `Sockets` are in `calls.rs`, the state machine of a connection in `socket.rs`.
//!
//! What it does is docs/behaviour.md, TCP 10. Where it is simpler than Linux:
//!
//! * The SYN makes the child; there is no third step. Over a slow link it can be accepted half a
//!   round trip early.
//! * Whatever arrives is acknowledged at once, and an acknowledgement frees all the room it can.
//!   Buffers count payload, not the memory around it.
//! * A reader who shut reading, and reads on, tells of its window all the same; on Linux the sender
//!   learns of it by a probe, some 0.2 s later.
//! * `More::Yes` holds nothing back, and there is no Nagle: both ends have `TCP_NODELAY`.
//! * A Unix socket behaves as a TCP connection would.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};

use sockman::slab::Slab;
use sockman::sockets::{
    Closing, ConnId, DescriptorLimit, Endpoint, Event, ListenerId, Readiness, Sockets as _, Source,
    Stale, WAIT_EVENTS_MAX,
};
use sockman::time::Instant;

use super::addresses::{Addresses, wildcard_of};
use super::listener::Listener;
use super::ready::ReadySet;
use super::segment::{Flow, Segment, SegmentKind, Wire};
use super::socket::{Buffers, Socket, Stage, State};

/// What a host is like.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KernelConfig {
    /// The host's addresses, besides 127.0.0.0/8 and ::1, which every host has.
    pub addresses: Vec<IpAddr>,
    /// How much a connection takes from its sender before it says "would block", in bytes of
    /// payload not yet acknowledged; at least 1.
    pub send_buffer_bytes: usize,
    /// How much a connection takes from the network before it is read, in bytes of payload; at
    /// least 1. The window that it offers.
    pub receive_buffer_bytes: usize,
    /// How many may wait to be accepted, less one (docs/behaviour.md, TCP 2.3). Beyond it, SYNs
    /// are dropped.
    pub backlog: usize,
    /// Most sockets open at once, listeners included. Those that still wait to be accepted, and
    /// those that were closed and still deliver, do not count.
    pub descriptors_max: usize,
}

impl Default for KernelConfig {
    /// Linux as measured in docs/behaviour.md, TCP 9: what one send takes on a fresh connection,
    /// the first window, `somaxconn`; and the usual limit of descriptors.
    fn default() -> Self {
        Self {
            addresses: Vec::new(),
            send_buffer_bytes: 2_626_560,
            receive_buffer_bytes: 131_072,
            backlog: 4096,
            descriptors_max: 1024,
        }
    }
}

/// How much a connection has carried.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ByteCounts {
    /// Bytes that `send` has taken.
    pub accepted: u64,
    /// Bytes that `recv` has given out.
    pub read: u64,
}

/// How many descriptors there have been: listeners, attempts to connect, accepted connections.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Opened since the start.
    pub opened: u64,
    /// Closed since the start. At the end of a run that leaks nothing, equal to `opened`.
    pub closed: u64,
}

/// One host's TCP.
#[derive(Clone, Debug)]
pub struct Kernel {
    pub(super) config: KernelConfig,
    pub(super) now: Instant,
    pub(super) conns: Slab<ConnId, Socket>,
    pub(super) listeners: Slab<ListenerId, Listener>,
    pub(super) listening: BTreeMap<Endpoint, ListenerId>,
    /// Every connection that is not dead.
    pub(super) flows: BTreeMap<Flow, ConnId>,
    pub(super) addresses: Addresses,
    pub(super) wire: Wire,
    pub(super) totals: Totals,
    /// Connections whose descriptor is open.
    pub(super) held_count: usize,
    /// Attempts to connect so far: the number of the last one.
    pub(super) attempts: u64,
    /// By who dialled: the number of the last attempt that was let into a queue.
    answered: BTreeMap<Endpoint, u64>,
    deadlines: BTreeSet<(Instant, ConnId)>,
    ready: ReadySet,
}

impl Kernel {
    /// A host without sockets, at the start of the clock.
    #[must_use]
    pub fn new(config: KernelConfig) -> Self {
        assert!(config.send_buffer_bytes > 0, "a buffer holds something");
        assert!(config.receive_buffer_bytes > 0, "a buffer holds something");
        let addresses = Addresses::new(config.addresses.clone());
        Self {
            config,
            now: Instant::START,
            conns: Slab::new(),
            listeners: Slab::new(),
            listening: BTreeMap::new(),
            flows: BTreeMap::new(),
            addresses,
            wire: Wire::default(),
            totals: Totals::default(),
            held_count: 0,
            attempts: 0,
            answered: BTreeMap::new(),
            deadlines: BTreeSet::new(),
            ready: ReadySet::default(),
        }
    }

    /// What the host is like.
    #[must_use]
    pub const fn config(&self) -> &KernelConfig {
        &self.config
    }

    /// Says what time it is, for the calls that follow. Time never runs backwards.
    pub fn set_now(&mut self, now: Instant) {
        assert!(now >= self.now, "the steady clock does not run backwards");
        self.now = now;
    }

    /// What time it was when somebody last said so.
    #[must_use]
    pub const fn now(&self) -> Instant {
        self.now
    }

    /// Moves the segments that wait to be carried away to the end of `segments`, in the order in
    /// which they were sent.
    pub fn take_segments(&mut self, segments: &mut Vec<Segment>) {
        self.wire.take(segments);
    }

    /// Whether any segment waits to be carried away.
    #[must_use]
    pub const fn has_segments(&self) -> bool {
        !self.wire.is_empty()
    }

    /// Takes a buffer back whose segment ended elsewhere, so that the next one need not be
    /// allocated.
    pub fn recycle(&mut self, buffer: Vec<u8>) {
        self.wire.recycle(buffer);
    }

    /// Takes in a segment that has arrived. It is for one of this host's addresses: who carries
    /// segments sees to that.
    pub fn handle_segment(&mut self, now: Instant, segment: Segment) {
        self.set_now(now);
        let Segment { from, to, connection, kind } = segment;
        let flow = Flow { connection, local: to, remote: from };
        if let Some(&id) = self.flows.get(&flow) {
            let socket = self.conns.get_mut(id).expect("a flow is that of a socket");
            socket.handle(kind, now, &mut self.wire);
            self.settle(id);
        } else if let SegmentKind::Syn { window_end } = kind {
            self.handle_syn(flow, window_end);
        } else {
            self.refuse(&flow, kind);
        }
    }

    /// The earliest deadline; `None` if nothing will happen by itself.
    #[must_use]
    pub fn next_timer(&self) -> Option<Instant> {
        self.deadlines.first().map(|&(at, _)| at)
    }

    /// Does what is due by `now`: SYNs sent again, attempts and connections given up.
    pub fn handle_timer(&mut self, now: Instant) {
        self.set_now(now);
        while let Some(&(at, id)) = self.deadlines.first()
            && at <= now
        {
            let socket = self.conns.get_mut(id).expect("a deadline is that of a socket");
            socket.handle_timer(now, &mut self.wire);
            self.settle(id);
        }
    }

    /// What is true of a socket now, whatever its interest.
    ///
    /// # Errors
    ///
    /// The id is gone.
    pub fn readiness(&self, source: Source) -> Result<Readiness, Stale> {
        match source {
            Source::Listener(id) => Ok(self.listeners.get(id).ok_or(Stale)?.readiness()),
            Source::Conn(id) => Ok(self.conn(id)?.readiness()),
        }
    }

    /// Replaces `events` by what a wait would report now, at most [`WAIT_EVENTS_MAX`]: others come
    /// with the next call. Costs as much as there is to report.
    pub fn poll(&mut self, events: &mut Vec<Event>) {
        events.clear();
        let (conns, listeners) = (&self.conns, &self.listeners);
        events.extend(self.ready.take_turn(WAIT_EVENTS_MAX).map(|source| {
            let readiness = match source {
                Source::Listener(id) => listeners.get(id).map(masked_listener),
                Source::Conn(id) => conns.get(id).map(masked_conn),
            };
            Event { source, readiness: readiness.expect("what is closed is not ready") }
        }));
    }

    /// Forgets every socket without a word to anybody, as a machine does whose power fails.
    pub fn forget_everything(&mut self) {
        self.totals.closed += self.open_descriptors() as u64;
        let conns: Vec<_> = self.conns.keys().collect();
        for id in conns {
            let socket = self.conns.remove(id).expect("it was in the table");
            release(&mut self.flows, &mut self.addresses, &socket.flow);
            self.ready.set(Source::Conn(id), false);
        }
        let listeners: Vec<_> = self.listeners.keys().collect();
        for id in listeners {
            self.listeners.remove(id);
            self.ready.set(Source::Listener(id), false);
        }
        self.listening.clear();
        self.deadlines.clear();
        self.held_count = 0;
        self.check_invariants();
    }

    /// Closes every socket, as the kernel does when the process that held them ends.
    pub fn end_process(&mut self) {
        let listeners: Vec<_> = self.listeners.keys().collect();
        for id in listeners {
            self.close_listener(id).expect("it was in the table");
        }
        let held = self.conns.iter().filter(|(_, socket)| socket.stage == Stage::Held);
        let held: Vec<_> = held.map(|(id, _)| id).collect();
        for id in held {
            self.close(id, Closing::Orderly).expect("it was in the table");
        }
    }

    /// Whether a wait would report something now.
    #[must_use]
    pub const fn has_ready(&self) -> bool {
        self.ready.count() > 0
    }

    /// Descriptors open now.
    #[must_use]
    pub const fn open_descriptors(&self) -> usize {
        self.held_count + self.listeners.count()
    }

    /// Descriptors since the start.
    #[must_use]
    pub const fn totals(&self) -> Totals {
        self.totals
    }

    /// What a connection has carried.
    ///
    /// # Errors
    ///
    /// The id is gone.
    pub fn byte_counts(&self, conn: ConnId) -> Result<ByteCounts, Stale> {
        let socket = self.conn(conn)?;
        Ok(ByteCounts { accepted: socket.accepted, read: socket.read })
    }

    /// The number of a connection: which attempt of the host that dialled it was, from 1. Both ends
    /// say the same, and no other connection between two hosts has it.
    ///
    /// # Errors
    ///
    /// The id is gone.
    pub fn connection_number(&self, conn: ConnId) -> Result<u64, Stale> {
        Ok(self.conn(conn)?.flow.connection)
    }

    /// Bytes that have arrived on a connection and wait to be read.
    ///
    /// # Errors
    ///
    /// The id is gone.
    pub fn unread_bytes(&self, conn: ConnId) -> Result<usize, Stale> {
        Ok(self.conn(conn)?.unread())
    }

    /// How many wait to be accepted, at all listeners.
    #[must_use]
    pub fn unaccepted_count(&self) -> usize {
        self.listeners.iter().map(|(_, listener)| listener.queue.len()).sum()
    }

    /// Stops if the tables disagree with each other.
    pub fn check_invariants(&self) {
        let mut held = 0;
        let mut queued = 0;
        let mut timers = 0;
        for (id, socket) in self.conns.iter() {
            socket.check_invariants();
            let live = socket.state != State::Closed;
            assert_eq!(self.flows.get(&socket.flow) == Some(&id), live);
            assert_eq!(socket.armed, socket.deadline);
            timers += usize::from(socket.armed.is_some());
            let told = socket.stage == Stage::Held && !masked_conn(socket).is_none();
            assert_eq!(self.ready.contains(Source::Conn(id)), told);
            match socket.stage {
                Stage::Held => held += 1,
                Stage::Queued(_) => queued += 1,
                Stage::Gone => assert!(live, "who is gone and dead is forgotten"),
            }
        }
        for (id, listener) in self.listeners.iter() {
            assert_eq!(self.listening.get(&listener.at), Some(&id));
            assert!(listener.queue.len() <= self.config.backlog + 1);
            queued -= listener.queue.len();
        }
        assert_eq!(queued, 0, "each child is in one queue");
        assert_eq!(self.listening.len(), self.listeners.count());
        assert_eq!(self.held_count, held);
        assert_eq!(self.totals.opened - self.totals.closed, self.open_descriptors() as u64);
        assert!(self.open_descriptors() <= self.config.descriptors_max);
        assert_eq!(timers, self.deadlines.len());
        assert!(self.ready.count() <= self.open_descriptors());
    }

    /// A connection whose descriptor is open.
    pub(super) fn conn(&self, id: ConnId) -> Result<&Socket, Stale> {
        self.conns.get(id).filter(|socket| socket.stage == Stage::Held).ok_or(Stale)
    }

    /// A connection whose descriptor is open, and where its segments go.
    pub(super) fn conn_mut(&mut self, id: ConnId) -> Result<(&mut Socket, &mut Wire), Stale> {
        let socket = self.conns.get_mut(id).filter(|socket| socket.stage == Stage::Held);
        Ok((socket.ok_or(Stale)?, &mut self.wire))
    }

    pub(super) const fn descriptor_left(&self) -> Result<(), DescriptorLimit> {
        if self.open_descriptors() < self.config.descriptors_max {
            Ok(())
        } else {
            Err(DescriptorLimit::Process)
        }
    }

    pub(super) const fn buffers(&self) -> Buffers {
        Buffers {
            send_bytes: self.config.send_buffer_bytes as u64,
            receive_bytes: self.config.receive_buffer_bytes as u64,
        }
    }

    /// Brings the tables up to date after a change to a connection, and forgets it if nobody can
    /// see it any more.
    pub(super) fn settle(&mut self, id: ConnId) {
        let socket = self.conns.get_mut(id).expect("only what exists changes");
        let told = socket.stage == Stage::Held && !masked_conn(socket).is_none();
        self.ready.set(Source::Conn(id), told);
        if socket.armed != socket.deadline {
            if let Some(at) = socket.armed {
                self.deadlines.remove(&(at, id));
            }
            if let Some(at) = socket.deadline {
                self.deadlines.insert((at, id));
            }
            socket.armed = socket.deadline;
        }
        if socket.state != State::Closed {
            return;
        }
        release(&mut self.flows, &mut self.addresses, &socket.flow);
        if socket.stage == Stage::Gone {
            self.conns.remove(id);
        }
    }

    /// Brings the ready set up to date after a change to a listener.
    pub(super) fn settle_listener(&mut self, id: ListenerId) {
        let told = self.listeners.get(id).is_some_and(|l| !masked_listener(l).is_none());
        self.ready.set(Source::Listener(id), told);
    }

    fn handle_syn(&mut self, flow: Flow, window_end: u64) {
        let Some(id) = self.listener_at(&flow.local) else {
            self.wire.push(&flow, SegmentKind::Reset);
            return;
        };
        let buffers = self.buffers();
        let listener = self.listeners.get_mut(id).expect("who listens is in the table");
        if listener.is_full(self.config.backlog) {
            return;
        }
        if self.answered.insert(flow.remote.clone(), flow.connection) == Some(flow.connection) {
            // It came to an end before the other side heard of it. What it has said may still be on
            // its way, and its number, unlike those of TCP, would be that of the next one as well.
            self.wire.push(&flow, SegmentKind::Reset);
            return;
        }
        let child = Socket::child(flow.clone(), id, buffers, window_end, &mut self.wire);
        let child = self.conns.insert(child);
        listener.queue.push_back(child);
        self.flows.insert(flow, child);
        self.settle_listener(id);
    }

    /// Answers what is for no live connection, as TCP 10 says: data, and whatever else shows that
    /// the sender believes in a connection, by a reset.
    fn refuse(&mut self, flow: &Flow, kind: SegmentKind) {
        match kind {
            SegmentKind::Data(bytes) => {
                self.wire.recycle(bytes);
                self.wire.push(flow, SegmentKind::Reset);
            }
            SegmentKind::Fin | SegmentKind::SynAck { .. } => {
                self.wire.push(flow, SegmentKind::Reset);
            }
            SegmentKind::Syn { .. }
            | SegmentKind::Reset
            | SegmentKind::Ack { .. }
            | SegmentKind::Unreachable(_) => {}
        }
    }

    /// Who listens at an own address: there, or at the wildcard.
    fn listener_at(&self, at: &Endpoint) -> Option<ListenerId> {
        if let Some(&id) = self.listening.get(at) {
            return Some(id);
        }
        let at = at.ip()?;
        let wildcard = SocketAddr::new(wildcard_of(at.ip()), at.port());
        self.listening.get(&Endpoint::Ip(wildcard)).copied()
    }
}

/// Forgets a flow, and the addresses that it took; nothing if it is forgotten already.
fn release(flows: &mut BTreeMap<Flow, ConnId>, addresses: &mut Addresses, flow: &Flow) {
    if flows.remove(flow).is_some()
        && let (Endpoint::Ip(local), Endpoint::Ip(remote)) = (&flow.local, &flow.remote)
    {
        addresses.release(*local, *remote);
    }
}

fn masked_conn(socket: &Socket) -> Readiness {
    socket.readiness().seen_by(socket.interest)
}

fn masked_listener(listener: &Listener) -> Readiness {
    listener.readiness().seen_by(listener.interest)
}
