//! Random sequences of calls on both ends of a few connections, driven against any backend.
//!
//! A sequence is drawn before it runs: it is a function of the seed alone, and so the same on each
//! backend. A number in a call may name something that is closed or was never made; then the call
//! is made with a stale id, or skipped.

use std::collections::BTreeMap;
use std::io::IoSlice;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng as _, SeedableRng as _};
use sockman::sockets::{
    AcceptError, Accepted, Closing, ConnError, ConnId, ConnectError, Direction, Endpoint, Event,
    Interest, ListenerId, More, Readiness, Received, Sent, Sockets, Source, Stale, Wait,
};

use super::trace::{Call, Outcome, Subject, Target, TraceStep, Whose, pattern};

/// Most calls in a sequence, as in the measurement behind docs/behaviour.md, TCP 10.
pub const CALLS_MAX: u64 = 60;

/// Most connections in a sequence, attempts and accepted ones together.
pub const CONNS_MAX: usize = 16;

/// Listeners in a sequence.
pub const LISTENERS: usize = 2;

/// How much is sent at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Volume {
    /// So little that everything is visible when the call returns: below 16 KiB unread in a
    /// direction (docs/behaviour.md, TCP 8).
    Small,
    /// So much, in one call in three, that buffers of this many bytes fill.
    Filling(usize),
}

/// What to do, drawn from a seed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sequence {
    /// The address that everything happens at.
    pub address: IpAddr,
    /// The calls after the two listens.
    pub calls: Vec<Call>,
}

impl Sequence {
    /// Draws a sequence.
    #[must_use]
    pub fn draw(seed: u64, volume: Volume) -> Self {
        let mut draws = Draws(ChaCha8Rng::seed_from_u64(seed));
        let address = if draws.below(2) == 0 {
            IpAddr::V4(Ipv4Addr::LOCALHOST)
        } else {
            IpAddr::V6(Ipv6Addr::LOCALHOST)
        };
        let count = 1 + draws.below(CALLS_MAX);
        // At first there is somebody to talk to, more often than not.
        let mut calls = vec![Call::Connect(Target::Listener(0)), Call::Accept(0)];
        // Each accept may bring a connection: the numbers of those that do not stay unused.
        let mut conns = 2;
        while (calls.len() as u64) < count {
            let call = draws.call(conns, volume);
            if matches!(call, Call::Connect(_) | Call::Accept(_)) {
                if conns == CONNS_MAX {
                    continue;
                }
                conns += 1;
            }
            calls.push(call);
        }
        calls.truncate(usize::try_from(count).unwrap_or(usize::MAX));
        Self { address, calls }
    }
}

/// Draws, by what is drawn.
pub(super) struct Draws(pub(super) ChaCha8Rng);

impl Draws {
    pub(super) fn below(&mut self, bound: u64) -> u64 {
        u64::try_from((u128::from(self.0.next_u64()) * u128::from(bound)) >> 64)
            .expect("the high half of a product is below its factor")
    }

    pub(super) fn index(&mut self, count: usize) -> usize {
        usize::try_from(self.below(count as u64)).expect("below a count of things in memory")
    }

    fn call(&mut self, conns: usize, volume: Volume) -> Call {
        // Buffers fill only if the calls are on few connections.
        let busy = if volume == Volume::Small { conns } else { conns.min(4) };
        let conn = self.index(busy);
        // And if they live a while.
        let spare = volume != Volume::Small && self.below(3) > 0;
        match self.below(100) {
            64..84 if spare => Call::Send(conn, self.count_to_send(volume)),
            0..10 => Call::Connect(match self.below(8) {
                0 => Target::Nobody,
                _ => Target::Listener(self.index(LISTENERS)),
            }),
            10..20 => Call::Accept(self.index(LISTENERS)),
            20..42 => Call::Send(conn, self.count_to_send(volume)),
            42..64 => Call::Recv(conn, self.count_to_read(volume)),
            64..76 => {
                let which = self.index(3);
                let direction = [Direction::Read, Direction::Write, Direction::Both][which];
                Call::Shutdown(conn, direction)
            }
            76..83 => {
                let reset = self.below(3) == 0;
                Call::Close(conn, if reset { Closing::Reset } else { Closing::Orderly })
            }
            83 => Call::CloseListener(self.index(LISTENERS)),
            84..88 => Call::TakeError(conn),
            88..92 => Call::ConnectStatus(conn),
            92..96 => Call::PeerEndpoint(conn),
            _ => {
                let which = self.index(4);
                let all = [Interest::NONE, Interest::READ, Interest::WRITE, Interest::BOTH];
                Call::SetInterest(conn, all[which])
            }
        }
    }

    fn count_to_send(&mut self, volume: Volume) -> usize {
        match volume {
            Volume::Filling(bytes) if self.below(2) == 0 => 1 + self.index(bytes * 2),
            // 60 calls stay below 16 KiB.
            Volume::Small | Volume::Filling(_) => self.index(256),
        }
    }

    fn count_to_read(&mut self, volume: Volume) -> usize {
        match volume {
            Volume::Filling(bytes) if self.below(2) == 0 => 1 + self.index(bytes),
            Volume::Small | Volume::Filling(_) => 1 + self.index(512),
        }
    }
}

/// Runs a sequence from two listens to the end, and closes everything. What is not closed by the
/// sequence is closed silently afterwards.
pub fn run<S: Sockets + Wait>(sockets: S, sequence: &Sequence) -> Vec<TraceStep> {
    let mut runner = Runner::new(sockets, sequence.address);
    for &call in &sequence.calls {
        runner.step(call);
    }
    runner.finish()
}

/// A backend, and the names of what it gave out.
#[derive(Clone, Debug)]
pub struct Runner<S> {
    sockets: S,
    conns: Vec<Named>,
    listeners: Vec<(ListenerId, Endpoint)>,
    nobody: Endpoint,
    subjects: BTreeMap<Source, Subject>,
    trace: Vec<TraceStep>,
    events: Vec<Event>,
}

/// A connection under its number.
#[derive(Clone, Debug)]
struct Named {
    id: ConnId,
    local: Option<Endpoint>,
    /// The listener it was to reach, or came from.
    listener: Option<usize>,
    /// As [`pattern`] wants it; `None` if nobody knows whose other end it is.
    end: Option<usize>,
    accepted_bytes: u64,
}

impl<S: Sockets + Wait> Runner<S> {
    /// Listens twice at `address`, and finds a port where nobody does.
    pub fn new(mut sockets: S, address: IpAddr) -> Self {
        let any_port = Endpoint::Ip((address, 0).into());
        let listen = |sockets: &mut S| {
            let id = sockets.listen(&any_port).expect("a port of one's own address is free");
            let at = sockets.listener_endpoint(id).expect("it was just opened");
            (id, at)
        };
        let (unused, nobody) = listen(&mut sockets);
        let listeners: Vec<_> = (0..LISTENERS).map(|_| listen(&mut sockets)).collect();
        sockets.close_listener(unused).expect("it was just opened");
        let named = listeners.iter().enumerate();
        let subjects =
            named.map(|(n, (id, _))| (Source::Listener(*id), Subject::Listener(n))).collect();
        let (conns, trace, events) = (Vec::new(), Vec::new(), Vec::new());
        Self { sockets, conns, listeners, nobody, subjects, trace, events }
    }

    /// Makes one call and records it; one that names a connection not made yet is skipped.
    pub fn step(&mut self, call: Call) {
        if let Some(outcome) = self.outcome_of(call) {
            let ready = self.look();
            self.trace.push(TraceStep { call, outcome, ready });
        }
    }

    /// The backend.
    pub const fn sockets(&self) -> &S {
        &self.sockets
    }

    /// The trace so far.
    pub fn trace(&self) -> &[TraceStep] {
        &self.trace
    }

    /// Closes everything and gives the trace.
    pub fn finish(mut self) -> Vec<TraceStep> {
        for conn in &self.conns {
            // OK to ignore because a stale answer is what a closed one gives.
            let _: Result<(), Stale> = self.sockets.close(conn.id, Closing::Reset);
        }
        for (listener, _) in &self.listeners {
            let _: Result<(), Stale> = self.sockets.close_listener(*listener);
        }
        self.trace
    }

    /// What a wait of zero length reports, by name.
    fn look(&mut self) -> Vec<(Subject, Readiness)> {
        self.sockets.wait(Some(Duration::ZERO), &mut self.events).expect("waiting works");
        let subject = |source| self.subjects.get(&source).copied().unwrap_or(Subject::Unknown);
        let named = self.events.iter().map(|event| (subject(event.source), event.readiness));
        let mut ready: Vec<_> = named.collect();
        ready.sort_unstable_by_key(|(subject, _)| *subject);
        ready
    }

    fn outcome_of(&mut self, call: Call) -> Option<Outcome> {
        let done = |result: Result<(), Stale>| match result {
            Ok(()) => Outcome::Done,
            Err(Stale) => Outcome::Stale,
        };
        Some(match call {
            Call::Connect(target) => self.connect(target),
            Call::Accept(listener) => self.accept(listener),
            Call::Send(conn, count) => self.send(conn, count)?,
            Call::Recv(conn, count) => self.recv(conn, count)?,
            Call::Shutdown(conn, direction) => {
                match self.sockets.shutdown(self.conns.get(conn)?.id, direction) {
                    Ok(()) => Outcome::Done,
                    Err(error) => failed(error),
                }
            }
            Call::Close(conn, how) => done(self.sockets.close(self.conns.get(conn)?.id, how)),
            Call::CloseListener(listener) => {
                done(self.sockets.close_listener(self.listeners[listener].0))
            }
            Call::TakeError(conn) => match self.sockets.take_error(self.conns.get(conn)?.id) {
                Ok(pending) => Outcome::Pending(pending),
                Err(Stale) => Outcome::Stale,
            },
            Call::ConnectStatus(conn) => {
                match self.sockets.connect_status(self.conns.get(conn)?.id) {
                    Ok(status) => Outcome::Status(status),
                    Err(ConnectError::Stale) => Outcome::Stale,
                    Err(ConnectError::Failed(failure)) => Outcome::Failed(failure),
                    Err(other) => Outcome::NotConnecting(other),
                }
            }
            Call::PeerEndpoint(conn) => {
                let named = self.conns.get(conn)?;
                match self.sockets.peer_endpoint(named.id) {
                    Ok(peer) => Outcome::Peer(self.whose(&peer, named.listener)),
                    Err(error) => failed(error),
                }
            }
            Call::SetInterest(conn, interest) => {
                let source = Source::Conn(self.conns.get(conn)?.id);
                done(self.sockets.set_interest(source, interest))
            }
        })
    }

    fn connect(&mut self, target: Target) -> Outcome {
        let (to, listener) = match target {
            Target::Listener(listener) => (&self.listeners[listener].1, Some(listener)),
            Target::Nobody => (&self.nobody, None),
        };
        match self.sockets.connect(to) {
            Ok(id) => {
                self.name(id, listener, Some(self.conns.len() * 2));
                Outcome::Done
            }
            Err(error) => Outcome::NotConnecting(error),
        }
    }

    fn accept(&mut self, listener: usize) -> Outcome {
        match self.sockets.accept(self.listeners[listener].0) {
            Ok(Accepted::Conn { conn, peer }) => {
                let peer = self.whose(&peer, Some(listener));
                let end = match peer {
                    Whose::Conn(client) => Some(client * 2 + 1),
                    Whose::Listener(_) | Whose::Nobody | Whose::Unknown => None,
                };
                self.name(conn, Some(listener), end);
                Outcome::Accepted { peer }
            }
            Ok(Accepted::WouldBlock) => Outcome::WouldBlock,
            Err(AcceptError::Stale) => Outcome::Stale,
            Err(_) => Outcome::NotAccepted,
        }
    }

    fn send(&mut self, conn: usize, count: usize) -> Option<Outcome> {
        let named = self.conns.get_mut(conn)?;
        let end = named.end.unwrap_or(usize::MAX);
        let offsets = named.accepted_bytes..named.accepted_bytes + count as u64;
        let bytes: Vec<u8> = offsets.map(|offset| pattern(end, offset)).collect();
        // Two slices, so that both ways through a gathering send are taken.
        let (front, back) = bytes.split_at(count / 3);
        let slices = [IoSlice::new(front), IoSlice::new(back)];
        Some(match self.sockets.send(named.id, &slices, More::No) {
            Ok(Sent::Bytes(taken)) => {
                named.accepted_bytes += taken as u64;
                Outcome::Sent(taken)
            }
            Ok(Sent::WouldBlock) => Outcome::WouldBlock,
            Err(error) => failed(error),
        })
    }

    fn recv(&mut self, conn: usize, count: usize) -> Option<Outcome> {
        let mut buffer = vec![0; count];
        Some(match self.sockets.recv(self.conns.get(conn)?.id, &mut buffer) {
            Ok(Received::Bytes(read)) => {
                buffer.truncate(read);
                Outcome::Received(buffer)
            }
            Ok(Received::WouldBlock) => Outcome::WouldBlock,
            Ok(Received::Eof) => Outcome::Eof,
            Err(error) => failed(error),
        })
    }

    /// A new connection: interested in everything, so that a look sees all of it.
    fn name(&mut self, id: ConnId, listener: Option<usize>, end: Option<usize>) {
        let number = self.conns.len();
        let local = self.sockets.local_endpoint(id).ok();
        self.subjects.insert(Source::Conn(id), Subject::Conn(number));
        self.conns.push(Named { id, local, listener, end, accepted_bytes: 0 });
        self.sockets.set_interest(Source::Conn(id), Interest::BOTH).expect("it was just opened");
    }

    /// Whose an address is, seen from a connection to or from `listener`: a port of ours may be in
    /// use towards both listeners at once.
    fn whose(&self, endpoint: &Endpoint, listener: Option<usize>) -> Whose {
        // An accepted end has the listener's address: only ends that connect have one of their own.
        if let Some(listener) = self.listeners.iter().position(|(_, at)| at == endpoint) {
            return Whose::Listener(listener);
        }
        let owns =
            |conn: &Named| conn.local.as_ref() == Some(endpoint) && conn.listener == listener;
        // The last one, for a port may be used again once its first user is closed.
        match self.conns.iter().rposition(owns) {
            Some(conn) => Whose::Conn(conn),
            None if *endpoint == self.nobody => Whose::Nobody,
            None => Whose::Unknown,
        }
    }
}

fn failed(error: ConnError) -> Outcome {
    match error {
        ConnError::Stale => Outcome::Stale,
        ConnError::Failed(failure) => Outcome::Failed(failure),
    }
}

/// Where two traces of one sequence part; `None` if they are equal. For [`Volume::Small`] alone,
/// where nothing is left to chance.
#[must_use]
pub fn compare(a: &[TraceStep], b: &[TraceStep]) -> Option<usize> {
    let parted = a.iter().zip(b).position(|(a, b)| a != b);
    parted.or_else(|| (a.len() != b.len()).then(|| a.len().min(b.len())))
}
