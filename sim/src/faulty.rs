//! Scheduled results at the socket calls, over any backend.
//!
//! A call that the plan names answers what the plan says; all others go through. Each call is
//! recorded, with the bytes that moved, for the trace and the oracles. What the plan does is what a
//! kernel may do: short counts, "would block" though it need not, and failures. A connection that
//! the plan has made fail is over: it answers as docs/behaviour.md, TCP 5.2 has it of one that was
//! reset and has told so, whatever the backend below thinks, until it is closed. Its peer hears of
//! it then.

use std::collections::BTreeMap;
use std::io::IoSlice;
use std::time::Duration;

use rand_chacha::ChaCha8Rng;
use sockman::sockets::{
    AcceptError, Accepted, Closing, ConnError, ConnId, ConnectError, ConnectStatus,
    DescriptorLimit, Direction, Endpoint, Event, Failure, Interest, ListenError, ListenerId, More,
    Readiness, Received, Sent, Sockets, Source, Stale, Wait, WaitError,
};

use crate::host::Host;
use crate::schedule::{ActorId, Call, Deviation, Effect, Fault};

mod draws;

pub use draws::Weights;

/// One call that was made, and what came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallRecord {
    /// Which, and its result.
    pub what: CallResult,
    /// On which connection, where there is one.
    pub conn: Option<ConnId>,
    /// Whether the plan had a hand in it.
    pub planned: bool,
    /// Where its bytes lie in [`Faulty::bytes`]: offered ones for a send, read ones for a recv.
    pub bytes: std::ops::Range<usize>,
}

/// A call with its result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CallResult {
    /// `listen`.
    Listen(Result<ListenerId, ListenError>),
    /// `accept`.
    Accept(Result<Accepted, AcceptError>),
    /// `connect`, and where to.
    Connect(Endpoint, Result<ConnId, ConnectError>),
    /// `connect_status`.
    Status(Result<ConnectStatus, ConnectError>),
    /// `send`.
    Send(Result<Sent, ConnError>),
    /// `recv`.
    Recv(Result<Received, ConnError>),
    /// `shutdown`.
    Shutdown(Result<(), ConnError>),
    /// `close`.
    Close(Result<(), Stale>),
    /// `close_listener`.
    CloseListener(Result<(), Stale>),
    /// `set_interest`.
    Interest(Interest, Result<(), Stale>),
    /// `take_error`.
    TakeError(Result<Option<Failure>, Stale>),
}

impl CallResult {
    /// Whether it is a socket event: a completed accept or connect, a byte or more that went or
    /// came, an end of stream, a reset, or a close.
    #[must_use]
    pub const fn is_event(&self) -> bool {
        match self {
            Self::Accept(Ok(Accepted::Conn { .. })) | Self::Close(Ok(())) => true,
            Self::Status(result) => !matches!(result, Ok(ConnectStatus::InProgress)),
            Self::Send(result) => matches!(result, Ok(Sent::Bytes(1..)) | Err(_)),
            Self::Recv(result) => !matches!(result, Ok(Received::WouldBlock)),
            Self::Listen(_)
            | Self::Accept(_)
            | Self::Connect(..)
            | Self::Shutdown(_)
            | Self::Close(_)
            | Self::CloseListener(_)
            | Self::Interest(..)
            | Self::TakeError(_) => false,
        }
    }
}

/// A backend with a plan. See the head of the module.
#[derive(Clone, Debug)]
pub struct Faulty<S> {
    inner: S,
    /// What the schedule says: by call, peer and its number among such calls.
    planned: BTreeMap<PlanName, Planned>,
    /// How many such calls there have been: by call, then by the number of the peer; those with
    /// nobody at 0.
    counts: [Vec<u32>; Call::ALL.len()],
    /// Draws for the calls that the plan does not name, if this run is a random one.
    random: Option<(ChaCha8Rng, Weights)>,
    /// What was drawn, as lines that would do the same.
    drawn: Vec<Deviation>,
    /// Who is at the other end, by index of the id.
    actors: Vec<Option<(ConnId, ActorId)>>,
    /// Which actor has an address.
    addresses: BTreeMap<std::net::IpAddr, ActorId>,
    /// Connections that the plan has made fail, and that are not closed yet.
    ended: Vec<ConnId>,
    calls: Vec<CallRecord>,
    bytes: Vec<u8>,
}

/// An entry of the plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Planned {
    effect: Effect,
    state: Reach,
}

/// How far an entry of the plan has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reach {
    /// No such call was made.
    Never,
    /// The call was made, and would have had the same result anyway.
    WithoutEffect,
    /// It made a difference.
    Effective,
}

impl<S: Sockets> Faulty<S> {
    /// Without a plan.
    pub const fn new(inner: S, addresses: BTreeMap<std::net::IpAddr, ActorId>) -> Self {
        Self {
            inner,
            planned: BTreeMap::new(),
            counts: [const { Vec::new() }; Call::ALL.len()],
            random: None,
            drawn: Vec::new(),
            actors: Vec::new(),
            addresses,
            ended: Vec::new(),
            calls: Vec::new(),
            bytes: Vec::new(),
        }
    }

    /// Draws results for calls that the plan does not name.
    pub fn randomise(&mut self, rng: ChaCha8Rng, weights: Weights) {
        self.random = Some((rng, weights));
    }

    /// Plans a deviation: the nth such call of the run.
    pub fn plan(&mut self, call: Call, actor: Option<ActorId>, nth: u32, effect: Effect) {
        self.planned.insert((call, actor, nth), Planned { effect, state: Reach::Never });
    }

    /// Plans a fault: counted from here. Gives the numbers, for [`reach`](Self::reach).
    pub fn plan_fault(&mut self, fault: &Fault) -> std::ops::Range<u32> {
        let made = *self.count_mut(fault.call, fault.actor);
        let first = made.saturating_add(fault.nth);
        let end = first.saturating_add(fault.times);
        for nth in first..end {
            self.plan(fault.call, fault.actor, nth, fault.effect);
        }
        first..end
    }

    /// How far an entry of the plan has come.
    #[must_use]
    pub fn reach(&self, call: Call, actor: Option<ActorId>, nth: u32) -> Reach {
        self.planned.get(&(call, actor, nth)).map_or(Reach::Never, |planned| planned.state)
    }

    /// Whether the plan has something for a call that was not made yet: then faults are not over.
    #[must_use]
    pub fn has_faults_left(&self) -> bool {
        self.planned.values().any(|planned| planned.state == Reach::Never)
    }

    /// What was drawn so far.
    #[must_use]
    pub fn drawn(&self) -> &[Deviation] {
        &self.drawn
    }

    /// Takes what was never reached out of the plan: faults are over.
    pub fn give_up_plan(&mut self) {
        self.planned.retain(|_, planned| planned.state != Reach::Never);
    }

    /// Stops drawing: what comes after goes through.
    pub fn calm(&mut self) {
        self.random = None;
    }

    /// The calls since the last [`forget`](Self::forget).
    #[must_use]
    pub fn calls(&self) -> &[CallRecord] {
        &self.calls
    }

    /// The bytes that those calls moved.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Forgets the recorded calls.
    pub fn forget(&mut self) {
        self.calls.clear();
        self.bytes.clear();
    }

    /// The backend.
    pub const fn inner(&self) -> &S {
        &self.inner
    }

    /// The backend, to deliver to.
    pub const fn inner_mut(&mut self) -> &mut S {
        &mut self.inner
    }
}

impl<S: Host> Faulty<S> {
    /// Closes every socket, as the kernel does when the process that held them ends.
    pub fn end_process(&mut self) {
        self.inner.end_process();
        self.actors.clear();
        self.ended.clear();
        self.forget();
    }
}

impl<S: Sockets> Faulty<S> {
    /// Who is at the other end.
    #[must_use]
    pub fn actor(&self, conn: ConnId) -> Option<ActorId> {
        use sockman::slab::Key as _;
        let entry = self.actors.get(conn.index() as usize).copied().flatten();
        entry.filter(|(id, _)| *id == conn).map(|(_, actor)| actor)
    }

    fn remember(&mut self, conn: ConnId, peer: &Endpoint) {
        use sockman::slab::Key as _;
        let actor = peer.ip().and_then(|address| self.addresses.get(&address.ip()));
        let Some(actor) = actor else { return };
        let index = conn.index() as usize;
        if index >= self.actors.len() {
            self.actors.resize(index + 1, None);
        }
        self.actors[index] = Some((conn, *actor));
    }

    /// What the plan, or a draw, has for the call about to be made.
    fn effect(&mut self, call: Call, actor: Option<ActorId>) -> Option<(Effect, PlanKey)> {
        let own = (call, actor, self.count(call, actor));
        // A call for somebody is one for anybody too, whoever planned for it.
        let any = actor.map(|_| (call, None, self.count(call, None)));
        if let Some(planned) = self.take_planned(own, any) {
            return Some(planned);
        }
        let (rng, weights) = self.random.as_mut()?;
        let effect = weights.draw(call, rng)?;
        let nth = own.2;
        self.drawn.push(Deviation::At { call, actor, nth, effect });
        Some((effect, None))
    }

    /// What the plan has for a call by either of its names. The first wins; the call was made for
    /// the other as well.
    fn take_planned(&mut self, own: PlanName, any: Option<PlanName>) -> Option<(Effect, PlanKey)> {
        if self.planned.is_empty() {
            return None;
        }
        let mut taken = None;
        for name in [Some(own), any].into_iter().flatten() {
            let Some(planned) = self.planned.get_mut(&name) else { continue };
            match taken {
                None => taken = Some((planned.effect, Some(name))),
                Some(_) => planned.state = planned.state.max(Reach::WithoutEffect),
            }
        }
        taken
    }

    /// Counts a call; its number.
    fn count(&mut self, call: Call, actor: Option<ActorId>) -> u32 {
        let count = self.count_mut(call, actor);
        *count += 1;
        *count
    }

    fn count_mut(&mut self, call: Call, actor: Option<ActorId>) -> &mut u32 {
        let counts = &mut self.counts[call as usize];
        let place = actor.map_or(0, |actor| usize::from(actor.0));
        if place >= counts.len() {
            counts.resize(place + 1, 0);
        }
        &mut counts[place]
    }

    /// Notes what an entry of the plan, or a draw, came to. A draw that changed nothing is no
    /// deviation.
    fn reached(&mut self, key: PlanKey, made: Reach) {
        let Some(key) = key else {
            if made == Reach::WithoutEffect {
                self.drawn.pop();
            }
            return;
        };
        if let Some(planned) = self.planned.get_mut(&key) {
            planned.state = planned.state.max(made);
        }
    }

    /// Notes that the call went to a connection that is over already.
    fn reached_in_vain(&mut self, planned: Option<(Effect, PlanKey)>) {
        if let Some((_, key)) = planned {
            self.reached(key, Reach::WithoutEffect);
        }
    }

    fn record(&mut self, what: CallResult, conn: Option<ConnId>, planned: bool) {
        let end = self.bytes.len();
        self.calls.push(CallRecord { what, conn, planned, bytes: end..end });
    }

    fn is_ended(&self, conn: ConnId) -> bool {
        self.ended.contains(&conn)
    }

    /// The failure that every other call but send, recv and close has on such a connection.
    fn check_not_ended(&self, conn: ConnId) -> Result<(), Failure> {
        if self.is_ended(conn) { Err(Failure::NotConnected) } else { Ok(()) }
    }
}

/// A call, with whom, and the how-manieth it is.
type PlanName = (Call, Option<ActorId>, u32);

/// Which entry of the plan is at work, if it was not a draw.
type PlanKey = Option<PlanName>;

/// The failure by which an effect ends a connection.
const fn failure_of(effect: Effect) -> Option<Failure> {
    match effect {
        Effect::Reset => Some(Failure::Reset),
        Effect::TimedOut => Some(Failure::TimedOut),
        Effect::OutOfMemory => Some(Failure::OutOfMemory),
        Effect::Unreachable => Some(Failure::HostUnreachable),
        Effect::Aborted => Some(Failure::Aborted),
        Effect::Bytes(_) | Effect::WouldBlock | Effect::OutOfDescriptors => None,
    }
}

impl<S: Sockets> Sockets for Faulty<S> {
    fn listen(&mut self, at: &Endpoint) -> Result<ListenerId, ListenError> {
        let result = self.inner.listen(at);
        self.record(CallResult::Listen(result), None, false);
        result
    }

    fn accept(&mut self, listener: ListenerId) -> Result<Accepted, AcceptError> {
        let planned = self.effect(Call::Accept, None);
        let forced = planned.and_then(|(effect, key)| {
            let result = match effect {
                Effect::OutOfDescriptors => {
                    Err(AcceptError::OutOfDescriptors(DescriptorLimit::Process))
                }
                Effect::Aborted => Err(AcceptError::Aborted),
                Effect::WouldBlock => Ok(Accepted::WouldBlock),
                Effect::Bytes(_)
                | Effect::Reset
                | Effect::TimedOut
                | Effect::OutOfMemory
                | Effect::Unreachable => return None,
            };
            Some((result, key))
        });
        let planned = forced.is_some();
        let result = match forced {
            Some((result, key)) => {
                self.reached(key, Reach::Effective);
                result
            }
            None => self.inner.accept(listener),
        };
        if let Ok(Accepted::Conn { conn, peer }) = &result {
            self.remember(*conn, peer);
        }
        let conn = match &result {
            Ok(Accepted::Conn { conn, .. }) => Some(*conn),
            Ok(Accepted::WouldBlock) | Err(_) => None,
        };
        self.record(CallResult::Accept(result.clone()), conn, planned);
        result
    }

    fn connect(&mut self, to: &Endpoint) -> Result<ConnId, ConnectError> {
        let actor = to.ip().and_then(|address| self.addresses.get(&address.ip())).copied();
        let planned = self.effect(Call::Connect, actor);
        let forced = planned.and_then(|(effect, key)| {
            let error = match effect {
                Effect::OutOfDescriptors => {
                    ConnectError::OutOfDescriptors(DescriptorLimit::Process)
                }
                Effect::Bytes(_) | Effect::WouldBlock => return None,
                Effect::Reset
                | Effect::TimedOut
                | Effect::Unreachable
                | Effect::OutOfMemory
                | Effect::Aborted => ConnectError::Failed(failure_of(effect)?),
            };
            Some((error, key))
        });
        let result = match forced {
            Some((error, key)) => {
                self.reached(key, Reach::Effective);
                Err(error)
            }
            None => self.inner.connect(to),
        };
        if let Ok(conn) = result {
            self.remember(conn, to);
        }
        self.record(CallResult::Connect(to.clone(), result), result.ok(), forced.is_some());
        result
    }

    fn connect_status(&mut self, conn: ConnId) -> Result<ConnectStatus, ConnectError> {
        let result = match self.check_not_ended(conn) {
            Ok(()) => self.inner.connect_status(conn),
            Err(failure) => Err(ConnectError::Failed(failure)),
        };
        self.record(CallResult::Status(result), Some(conn), false);
        result
    }

    fn send(
        &mut self,
        conn: ConnId,
        slices: &[IoSlice<'_>],
        more: More,
    ) -> Result<Sent, ConnError> {
        let planned = self.effect(Call::Send, self.actor(conn));
        let start = self.bytes.len();
        slices.iter().for_each(|slice| self.bytes.extend_from_slice(slice));
        let offered = self.bytes.len() - start;
        let result = if self.is_ended(conn) {
            self.reached_in_vain(planned);
            let nothing = Ok(Sent::Bytes(0));
            if offered == 0 { nothing } else { Err(ConnError::Failed(Failure::BrokenPipe)) }
        } else {
            match planned {
                None => self.inner.send(conn, slices, more),
                Some((Effect::Bytes(count), key)) => {
                    let count = (count as usize).min(offered);
                    let effect =
                        if count < offered { Reach::Effective } else { Reach::WithoutEffect };
                    self.reached(key, effect);
                    let allowed = IoSlice::new(&self.bytes[start..start + count]);
                    self.inner.send(conn, &[allowed], more)
                }
                Some((effect, key)) => {
                    self.reached(key, Reach::Effective);
                    match failure_of(effect) {
                        None => Ok(Sent::WouldBlock),
                        Some(failure) => {
                            self.ended.push(conn);
                            Err(ConnError::Failed(failure))
                        }
                    }
                }
            }
        };
        let bytes = start..self.bytes.len();
        let what = CallResult::Send(result);
        self.calls.push(CallRecord { what, conn: Some(conn), planned: planned.is_some(), bytes });
        result
    }

    fn recv(&mut self, conn: ConnId, buffer: &mut [u8]) -> Result<Received, ConnError> {
        let planned = self.effect(Call::Recv, self.actor(conn));
        let result = if self.is_ended(conn) {
            self.reached_in_vain(planned);
            Ok(Received::Eof)
        } else {
            match planned {
                None => self.inner.recv(conn, buffer),
                Some((Effect::Bytes(count), key)) => {
                    let count = (count as usize).clamp(1, buffer.len());
                    let result = self.inner.recv(conn, &mut buffer[..count]);
                    let full = result == Ok(Received::Bytes(count));
                    self.reached(key, if full { Reach::Effective } else { Reach::WithoutEffect });
                    result
                }
                Some((effect, key)) => {
                    self.reached(key, Reach::Effective);
                    match failure_of(effect) {
                        None => Ok(Received::WouldBlock),
                        Some(failure) => {
                            self.ended.push(conn);
                            Err(ConnError::Failed(failure))
                        }
                    }
                }
            }
        };
        let start = self.bytes.len();
        if let Ok(Received::Bytes(count)) = result {
            self.bytes.extend_from_slice(&buffer[..count]);
        }
        let bytes = start..self.bytes.len();
        let what = CallResult::Recv(result);
        self.calls.push(CallRecord { what, conn: Some(conn), planned: planned.is_some(), bytes });
        result
    }

    fn shutdown(&mut self, conn: ConnId, direction: Direction) -> Result<(), ConnError> {
        let result = match self.check_not_ended(conn) {
            Ok(()) => self.inner.shutdown(conn, direction),
            Err(failure) => Err(ConnError::Failed(failure)),
        };
        self.record(CallResult::Shutdown(result), Some(conn), false);
        result
    }

    fn close(&mut self, conn: ConnId, how: Closing) -> Result<(), Stale> {
        self.ended.retain(|ended| *ended != conn);
        let result = self.inner.close(conn, how);
        self.record(CallResult::Close(result), Some(conn), false);
        result
    }

    fn close_listener(&mut self, listener: ListenerId) -> Result<(), Stale> {
        let result = self.inner.close_listener(listener);
        self.record(CallResult::CloseListener(result), None, false);
        result
    }

    fn set_interest(&mut self, source: Source, interest: Interest) -> Result<(), Stale> {
        let result = self.inner.set_interest(source, interest);
        let conn = match source {
            Source::Conn(conn) => Some(conn),
            Source::Listener(_) => None,
        };
        self.record(CallResult::Interest(interest, result), conn, false);
        result
    }

    fn take_error(&mut self, conn: ConnId) -> Result<Option<Failure>, Stale> {
        // The one error was told by the call that the plan made fail.
        let result = if self.is_ended(conn) { Ok(None) } else { self.inner.take_error(conn) };
        self.record(CallResult::TakeError(result), Some(conn), false);
        result
    }

    fn local_endpoint(&self, conn: ConnId) -> Result<Endpoint, ConnError> {
        self.inner.local_endpoint(conn)
    }

    fn peer_endpoint(&self, conn: ConnId) -> Result<Endpoint, ConnError> {
        self.check_not_ended(conn).map_err(ConnError::Failed)?;
        self.inner.peer_endpoint(conn)
    }

    fn listener_endpoint(&self, listener: ListenerId) -> Result<Endpoint, Stale> {
        self.inner.listener_endpoint(listener)
    }
}

impl<S> Faulty<S> {
    /// Adds to what a wait reports that some connections are over in both directions, which nobody
    /// can mask.
    pub fn report_ended(&self, events: &mut Vec<Event>) {
        for &conn in &self.ended {
            let source = Source::Conn(conn);
            let over = Readiness { error: true, ..Readiness::NONE };
            match events.iter_mut().find(|event| event.source == source) {
                Some(event) => event.readiness = event.readiness.or(over),
                None => events.push(Event { source, readiness: over }),
            }
        }
    }
}

impl<S: Wait> Wait for Faulty<S> {
    type Waker = S::Waker;

    /// As the backend says, and that connections which the plan has made fail are over.
    fn wait(
        &mut self,
        timeout: Option<Duration>,
        events: &mut Vec<Event>,
    ) -> Result<(), WaitError> {
        let timeout = if self.ended.is_empty() { timeout } else { Some(Duration::ZERO) };
        self.inner.wait(timeout, events)?;
        self.report_ended(events);
        Ok(())
    }

    fn waker(&self) -> S::Waker {
        self.inner.waker()
    }
}
