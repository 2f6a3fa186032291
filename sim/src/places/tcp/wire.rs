//! What is under way between the real sockets of one world, counted from both ends.
//!
//! Both ends of each connection are in this process, so that it is known what a socket has to be
//! told next: bytes, an end, a reset, somebody to accept. Whoever looks at its sockets waits until
//! the kernel has said all of that, so that a machine which is busy changes nothing. The kernel
//! decides what a call returns; the count says only how long to wait for it.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use sockman::slab::Key as _;
use sockman::sockets::{Closing, ConnId, Direction, Interest, ListenerId, Readiness, Source};

use super::stream::Stream;
use crate::net::KernelConfig;

/// A host by its number; the node's is 0.
pub(super) type HostIndex = usize;

/// An end of a connection: which, and 0 for who dialled or 1 for who was dialled.
pub(super) type EndIndex = (usize, usize);

/// What an end knows of itself.
#[derive(Clone, Copy, Debug)]
struct End {
    interest: Interest,
    /// Whether its attempt to connect has not been asked for its outcome.
    is_connecting: bool,
    /// Whether its descriptor is closed.
    is_closed: bool,
    /// Whether a read has said that the stream is over.
    has_heard_end: bool,
    /// Whether a reset is on its way to it, or there.
    is_reset: bool,
    /// Whether its host has forgotten it: what comes for it is answered by a reset.
    is_forgotten: bool,
    /// When something was last sent to it.
    since: u64,
    /// Whether what was to come did not, in all the time that was given.
    is_given_up: bool,
}

/// A connection, or an attempt.
#[derive(Clone, Debug)]
struct Flow {
    /// The how-manieth attempt of who dialled.
    number: u64,
    /// Where it was dialled to, if somebody listens there.
    listener: Option<(HostIndex, ListenerId)>,
    is_accepted: bool,
    ends: [End; 2],
    /// By who writes.
    streams: [Stream; 2],
}

/// A listening socket.
#[derive(Clone, Debug)]
struct Listening {
    host: HostIndex,
    listener: ListenerId,
    interest: Interest,
    config: KernelConfig,
}

/// All connections of a world.
#[derive(Debug, Default)]
pub(super) struct Wire {
    flows: Vec<Flow>,
    /// Ends whose descriptor is open, by owner.
    owners: BTreeMap<(HostIndex, ConnId), EndIndex>,
    /// By the ends that the kernel knows: who dialled, and where to.
    unaccepted: BTreeMap<(SocketAddr, SocketAddr), usize>,
    listening: BTreeMap<SocketAddr, Listening>,
    attempts: BTreeMap<HostIndex, u64>,
    /// Things sent so far.
    count: u64,
    /// How many of them have had time to arrive: not those of the lines of a script that are
    /// carried out together.
    arrived: u64,
}

impl Wire {
    // What happens.

    pub(super) fn listen(
        &mut self,
        host: HostIndex,
        listener: ListenerId,
        at: SocketAddr,
        config: &KernelConfig,
    ) {
        let interest = Interest::READ;
        let config = KernelConfig { addresses: Vec::new(), ..*config };
        self.listening.insert(at, Listening { host, listener, interest, config });
    }

    /// Whoever waits there is reset.
    pub(super) fn close_listener(&mut self, host: HostIndex, listener: ListenerId) {
        self.listening.retain(|_, one| (one.host, one.listener) != (host, listener));
        let waits = |flow: &Flow| flow.listener == Some((host, listener));
        let waiting: Vec<_> =
            self.unaccepted.values().copied().filter(|flow| waits(&self.flows[*flow])).collect();
        self.unaccepted.retain(|_, flow| !waiting.contains(flow));
        for flow in waiting {
            self.flows[flow].ends[1].is_closed = true;
            self.reset((flow, 0));
        }
    }

    /// An attempt begins; `from` and `to` as the kernel knows them.
    pub(super) fn dial(
        &mut self,
        host: HostIndex,
        conn: ConnId,
        (from, to): (SocketAddr, SocketAddr),
        own: &KernelConfig,
    ) {
        let number = self.attempts.entry(host).or_insert(0);
        *number += 1;
        let number = *number;
        let listening = self.listening.get(&to);
        let far = listening.map_or(own, |listening| &listening.config);
        let streams = [
            Stream::new(own.send_buffer_bytes, far.receive_buffer_bytes),
            Stream::new(far.send_buffer_bytes, own.receive_buffer_bytes),
        ];
        let listener = listening.map(|listening| (listening.host, listening.listener));
        self.count += 1;
        let end = |is_connecting| End {
            interest: Interest::NONE,
            is_connecting,
            is_closed: false,
            has_heard_end: false,
            is_reset: false,
            is_forgotten: false,
            since: self.count,
            is_given_up: false,
        };
        let ends = [end(true), end(false)];
        let flow = self.flows.len();
        self.flows.push(Flow { number, listener, is_accepted: false, ends, streams });
        self.owners.insert((host, conn), (flow, 0));
        if listener.is_some() {
            self.unaccepted.insert((from, to), flow);
        }
    }

    /// Whoever waited is accepted; `None` if it is nobody of this world.
    pub(super) fn accept(
        &mut self,
        host: HostIndex,
        conn: ConnId,
        ends: (SocketAddr, SocketAddr),
    ) -> Option<()> {
        let flow = self.unaccepted.remove(&ends)?;
        self.flows[flow].is_accepted = true;
        self.owners.insert((host, conn), (flow, 1));
        Some(())
    }

    pub(super) fn connect_told(&mut self, at: EndIndex) {
        self.end_mut(at).is_connecting = false;
    }

    pub(super) fn sent(&mut self, (flow, side): EndIndex, count: usize) {
        self.flows[flow].streams[side].send(count);
        self.note((flow, 1 - side));
        // Nobody is there to take it: the answer is a reset.
        if count > 0 && self.flows[flow].ends[1 - side].is_closed {
            self.reset((flow, side));
        }
    }

    pub(super) fn received(&mut self, (flow, side): EndIndex, count: usize) {
        self.flows[flow].streams[1 - side].take(count);
        self.note((flow, 1 - side));
    }

    pub(super) fn heard_end(&mut self, at: EndIndex) {
        self.end_mut(at).has_heard_end = true;
    }

    pub(super) fn shut(&mut self, (flow, side): EndIndex, direction: Direction) {
        if direction != Direction::Read {
            self.flows[flow].streams[side].finish();
            self.note((flow, 1 - side));
        }
    }

    /// A descriptor is closed.
    pub(super) fn close(&mut self, host: HostIndex, conn: ConnId, how: Closing) {
        if let Some(end) = self.owners.remove(&(host, conn)) {
            self.close_end(end, how);
        }
    }

    fn close_end(&mut self, (flow, side): EndIndex, how: Closing) {
        let one = &mut self.flows[flow];
        let is_over = one.ends[side].is_reset || one.is_over();
        let resets = how == Closing::Reset || one.streams[1 - side].unread() > 0;
        one.ends[side].is_closed = true;
        match (is_over, resets) {
            (true, _) => {}
            (false, true) => self.reset((flow, 1 - side)),
            (false, false) => {
                one.streams[side].finish();
                self.note((flow, 1 - side));
            }
        }
    }

    /// A reset is on its way to an end; what the other one had not got through is lost.
    fn reset(&mut self, (flow, side): EndIndex) {
        let one = &mut self.flows[flow];
        one.streams[1 - side].lose();
        one.ends[side].is_reset = true;
        self.note((flow, side));
    }

    /// An end's host forgets it. What has arrived for it, or was held up on the way from it, is
    /// gone; nobody is told.
    pub(super) fn forget(&mut self, (flow, side): EndIndex) {
        let one = &mut self.flows[flow];
        one.ends[side].is_forgotten = true;
        one.streams[side].lose();
        one.streams[1 - side].forget();
    }

    /// What has come for an end is gone, and nobody is told.
    pub(super) fn forget_incoming(&mut self, (flow, side): EndIndex) {
        self.flows[flow].streams[1 - side].forget();
    }

    pub(super) fn set_interest(&mut self, host: HostIndex, source: Source, interest: Interest) {
        match source {
            Source::Conn(conn) => {
                if let Some(at) = self.end_of(host, conn) {
                    self.end_mut(at).interest = interest;
                }
            }
            Source::Listener(listener) => {
                let mut listening = self.listening.values_mut();
                let own = listening.find(|one| (one.host, one.listener) == (host, listener));
                if let Some(own) = own {
                    own.interest = interest;
                }
            }
        }
    }

    /// Something was sent to an end, or has made room for it.
    fn note(&mut self, at: EndIndex) {
        self.count += 1;
        let count = self.count;
        let end = self.end_mut(at);
        end.since = count;
        end.is_given_up = false;
    }

    fn end_mut(&mut self, (flow, side): EndIndex) -> &mut End {
        &mut self.flows[flow].ends[side]
    }

    /// What did not come is waited for no longer, until something else happens there.
    pub(super) fn give_up(&mut self, host: HostIndex, missing: &[Source]) {
        for source in missing {
            if let Source::Conn(conn) = source
                && let Some(at) = self.end_of(host, *conn)
            {
                self.end_mut(at).is_given_up = true;
            }
        }
    }

    /// What was sent so far has had time to arrive.
    pub(super) const fn arrive(&mut self) {
        self.arrived = self.count;
    }

    // What is asked.

    /// Whether nothing for a source is on its way still.
    pub(super) fn has_arrived(&self, host: HostIndex, source: Source) -> bool {
        let since = match source {
            Source::Conn(conn) => {
                self.end_of(host, conn).map(|(flow, side)| self.flows[flow].ends[side].since)
            }
            Source::Listener(listener) => {
                let mut waiting = self.waiting(host);
                let first = waiting.find(|flow| flow.listener == Some((host, listener)));
                first.map(|flow| flow.ends[1].since)
            }
        };
        since.is_none_or(|since| since <= self.arrived)
    }

    /// Whether an attempt is on its way still, as far as the schedule goes.
    pub(super) fn is_under_way(&self, host: HostIndex, conn: ConnId) -> bool {
        let end = self.end_of(host, conn).map(|(flow, side)| self.flows[flow].ends[side]);
        end.is_some_and(|end| end.is_connecting && end.since > self.arrived)
    }

    pub(super) fn end_of(&self, host: HostIndex, conn: ConnId) -> Option<EndIndex> {
        self.owners.get(&(host, conn)).copied()
    }

    pub(super) fn is_listening(&self, at: SocketAddr) -> bool {
        self.listening.contains_key(&at)
    }

    pub(super) fn number(&self, (flow, _): EndIndex) -> u64 {
        self.flows[flow].number
    }

    pub(super) fn outgoing(&self, (flow, side): EndIndex) -> &Stream {
        &self.flows[flow].streams[side]
    }

    pub(super) fn incoming(&self, (flow, side): EndIndex) -> &Stream {
        &self.flows[flow].streams[1 - side]
    }

    pub(super) fn take_lost(&mut self, (flow, side): EndIndex) -> u64 {
        self.flows[flow].streams[1 - side].take_lost()
    }

    pub(super) fn is_forgotten(&self, (flow, side): EndIndex) -> bool {
        self.flows[flow].ends[side].is_forgotten
    }

    /// Whether a call is answered by what the kernel says alone: the attempt, or the connection, is
    /// over.
    pub(super) fn is_over(&self, (flow, side): EndIndex) -> bool {
        let one = &self.flows[flow];
        one.listener.is_none() || one.ends[side].is_reset || one.is_over()
    }

    pub(super) fn has_somebody_waiting(&self, host: HostIndex, listener: ListenerId) -> bool {
        self.waiting(host).any(|flow| flow.listener == Some((host, listener)))
    }

    pub(super) fn waiting_count(&self, host: HostIndex) -> usize {
        self.waiting(host).count()
    }

    fn waiting(&self, host: HostIndex) -> impl Iterator<Item = &Flow> {
        let flows = self.unaccepted.values().map(|flow| &self.flows[*flow]);
        flows.filter(move |flow| flow.listener.is_some_and(|(at, _)| at == host))
    }

    /// What is true of a connection, whatever its interest.
    pub(super) fn readiness(&self, at: EndIndex) -> Readiness {
        let (incoming, outgoing) = (self.incoming(at), self.outgoing(at));
        let end = &self.flows[at.0].ends[at.1];
        if end.is_connecting {
            return Readiness::NONE;
        }
        let is_over = self.is_over(at);
        Readiness {
            readable: incoming.unread() > 0 || incoming.is_at_end() || is_over,
            writable: outgoing.is_writable() || outgoing.is_finished() || is_over,
            error: is_over,
        }
    }

    /// What an end has to be told: of its readiness, as much as it is interested in.
    fn due(&self, at: EndIndex) -> Option<Readiness> {
        let end = &self.flows[at.0].ends[at.1];
        if end.is_given_up {
            return None;
        }
        if end.is_connecting {
            return Some(Readiness::NONE);
        }
        let (incoming, outgoing) = (self.incoming(at), self.outgoing(at));
        let (reads, writes) = (end.interest.readable || end.is_forgotten, end.interest.writable);
        let has_end = incoming.is_at_end() && !end.has_heard_end;
        let readiness = Readiness {
            readable: reads && (incoming.unread() > 0 || has_end),
            writable: writes && outgoing.is_writable() && !outgoing.is_finished(),
            error: end.is_reset || self.flows[at.0].is_over(),
        };
        (!readiness.is_none()).then_some(readiness)
    }

    /// Who of a host's has to be told something, and since when.
    pub(super) fn arriving(&self, host: HostIndex) -> impl Iterator<Item = (u64, Source)> {
        let conns = self.owners_of(host).filter_map(|(conn, at)| {
            let since = self.flows[at.0].ends[at.1].since;
            self.due(at).map(|_| (since, Source::Conn(conn)))
        });
        let listens = self.listening.values().filter(move |one| one.host == host);
        let listens = listens.filter(|one| one.interest.readable);
        let listeners = listens.filter_map(move |one| {
            let mut waiting = self.waiting(host);
            let first = waiting.find(|flow| flow.listener == Some((host, one.listener)))?;
            Some((first.ends[1].since, Source::Listener(one.listener)))
        });
        conns.chain(listeners)
    }

    /// Whether what was reported of a source is all that it has to be told.
    pub(super) fn is_told(&self, host: HostIndex, source: Source, told: Readiness) -> bool {
        let Source::Conn(conn) = source else { return told.readable };
        let Some(due) = self.end_of(host, conn).and_then(|at| self.due(at)) else { return true };
        if told.error {
            return true;
        }
        let attempt = due.is_none() && !told.is_none();
        attempt
            || !due.is_none()
                && !due.error
                && (told.readable || !due.readable)
                && (told.writable || !due.writable)
    }

    /// What may be told of a connection: not that a byte is there which the schedule's buffers hold
    /// back, nor that there is room which they do not have.
    pub(super) fn mask(&self, at: EndIndex, told: Readiness) -> Readiness {
        let end = &self.flows[at.0].ends[at.1];
        if end.is_connecting || told.error || self.is_over(at) {
            return told;
        }
        let (incoming, outgoing) = (self.incoming(at), self.outgoing(at));
        let holds_back = incoming.unread() == 0 && incoming.is_held_up();
        Readiness {
            readable: told.readable && !holds_back,
            writable: told.writable && (outgoing.is_writable() || outgoing.is_finished()),
            error: false,
        }
    }

    /// The connections of a host that are open, those that it has forgotten among them.
    pub(super) fn owners_of(&self, host: HostIndex) -> impl Iterator<Item = (ConnId, EndIndex)> {
        let own = self.owners.range((host, ConnId::new(0, 0))..);
        let own = own.take_while(move |((owner, _), _)| *owner == host);
        own.map(|((_, conn), at)| (*conn, *at))
    }
}

impl Flow {
    /// Whether both streams have come to their ends.
    fn is_over(&self) -> bool {
        self.streams.iter().all(Stream::is_at_end)
    }
}
