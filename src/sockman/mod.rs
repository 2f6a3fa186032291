//! The socket manager: connections by id, over any [`Sockets`].
//!
//! It accepts, dials, reads, and closes; it keeps no payload, and knows neither messages nor peers.
//! A driver feeds it what a wait reported ([`SockMan::handle_ready`]) and calls [`SockMan::step`]
//! for as long as it [has work](SockMan::has_work): each step makes at most one socket call and
//! yields at most one [`Event`]. Everything else is a command. Work follows the sockets that are
//! ready and the deadlines that are due; there is no tick.
//!
//! Whoever lives on top is a [`Tenant`]. Only the tenant closes connections, so each one that it
//! was told of ends by its own word; a socket that has failed is closed at once all the same, and
//! its entry waits for the tenant.

use std::collections::VecDeque;
use std::time::Duration;

use crate::sockets::{
    AcceptError, Accepted, Closing, ConnError, ConnId, ConnectError, ConnectStatus, Direction,
    Endpoint, Failure, Interest, ListenError, ListenerId, More, Readiness, Received, Sent, Sockets,
    Source, Stale,
};
use crate::time::Instant;

mod conns;
mod deadlines;
mod event;
mod tenant;

use conns::Conn;
pub use conns::{ConnSnapshot, ConnView, Conns, Initiator, Phase};
pub use deadlines::Deadlines;
pub use event::{Action, ConnFailure, Dial, Event, FinishEnd, SendOutcome, Slices, SlicesFull};
pub use tenant::{StepName, TaskId, Tenant};

/// Bytes that one receive takes at most: the reference reads 64 KiB a socket and turn
/// (`SocketHandlerConnected`, `pchBuf[0x10000]`).
pub const RECEIVE_BYTES_MAX: usize = 0x10000;

/// The first pause after descriptors ran out; each further failure doubles it.
const ACCEPT_BACKOFF_FIRST: Duration = Duration::from_millis(10);

/// The longest such pause: somebody who waits to be accepted notices a second at the most.
const ACCEPT_BACKOFF_MAX: Duration = Duration::from_secs(1);

const _: () = assert!(ACCEPT_BACKOFF_FIRST.as_nanos() < ACCEPT_BACKOFF_MAX.as_nanos());

/// How the manager shares its work out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Config {
    /// Accepts per listener and turn, at least 1.
    pub accepts_per_turn_max: u32,
    /// Whether a listener rests after a failed accept. Without, the loop spins until a descriptor
    /// is free, as the reference does.
    pub accept_backoff: AcceptBackoff,
}

impl Config {
    /// What the reference does: one accept a turn, no rest.
    pub const REFERENCE: Self =
        Self { accepts_per_turn_max: 1, accept_backoff: AcceptBackoff::Off };
}

impl Default for Config {
    fn default() -> Self {
        Self { accepts_per_turn_max: 16, accept_backoff: AcceptBackoff::On }
    }
}

/// Whether a listener rests after a failed accept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AcceptBackoff {
    /// It rests, for a time that doubles, and until a connection is closed.
    On,
    /// It goes on at the next turn.
    Off,
}

/// One listening socket.
#[derive(Clone, Debug)]
struct Listener {
    id: ListenerId,
    /// Accepts left in this turn; zero when nothing was reported.
    accepts_left: u32,
    /// The next rest, if it is not the first in a row.
    backoff: Option<Duration>,
}

/// The manager of all sockets of one server. See the head of the module.
#[derive(Clone, Debug)]
pub struct SockMan<S, T> {
    sockets: S,
    config: Config,
    conns: Conns<T>,
    listeners: Vec<Listener>,
    /// Sources that a wait reported and whose calls are still to be made, in that order.
    ready: VecDeque<Source>,
    deadlines: Deadlines<Source>,
    /// Where every receive lands; its content belongs to the last [`Event::Received`].
    buffer: Box<[u8]>,
}

impl<S: Sockets, T> SockMan<S, T> {
    /// A manager without sockets.
    pub fn new(sockets: S, config: Config) -> Self {
        assert!(config.accepts_per_turn_max > 0, "a listener must be served at all");
        Self {
            sockets,
            config,
            conns: Conns::new(),
            listeners: Vec::new(),
            ready: VecDeque::new(),
            deadlines: Deadlines::new(),
            buffer: vec![0; RECEIVE_BYTES_MAX].into_boxed_slice(),
        }
    }

    // Commands.

    /// Listens.
    ///
    /// # Errors
    ///
    /// Nothing was opened.
    pub fn listen(&mut self, at: &Endpoint) -> Result<ListenerId, ListenError> {
        let id = self.sockets.listen(at)?;
        self.listeners.push(Listener { id, accepts_left: 0, backoff: None });
        Ok(id)
    }

    /// Begins to connect; [`Event::Connected`] or [`Event::Failed`] will follow.
    ///
    /// # Errors
    ///
    /// Nothing was opened; the tenant's state comes back.
    pub fn dial(
        &mut self,
        now: Instant,
        to: Endpoint,
        timeout: Duration,
        state: T,
    ) -> Result<ConnId, (T, ConnectError)> {
        let id = match self.sockets.connect(&to) {
            Ok(id) => id,
            Err(error) => return Err((state, error)),
        };
        self.conns.insert(Conn::new(id, Phase::Dialing, Initiator::Us, to, Some(state)));
        self.deadlines.set(Source::Conn(id), now + timeout);
        self.update_interest(id);
        Ok(id)
    }

    /// Offers what `gather` finds in the tenant's state to the kernel, in one call. A short count
    /// makes the connection wait for room.
    ///
    /// `gather` returns whether more follows at once.
    pub fn send<F>(&mut self, id: ConnId, gather: F) -> SendOutcome
    where
        F: for<'a> FnOnce(&'a T, &mut Slices<'a>) -> More,
    {
        let Some(conn) = self.conns.conn_mut(id) else { return SendOutcome::Gone };
        match conn.phase {
            Phase::Open | Phase::PeerFinished => {}
            // Nothing can be sent yet; the tenant's bytes stay with it until `Connected`.
            Phase::Dialing => return SendOutcome::Accepted(0),
            Phase::Finishing | Phase::Dead => return SendOutcome::Gone,
        }
        let Some(state) = conn.state.as_ref() else { return SendOutcome::Gone };
        let mut slices = Slices::new();
        let more = gather(state, &mut slices);
        let offered = slices.byte_count();
        let result = if offered == 0 {
            Ok(Sent::Bytes(0))
        } else {
            self.sockets.send(id, slices.as_slice(), more)
        };
        let accepted = match result {
            Ok(Sent::Bytes(count)) => count,
            Ok(Sent::WouldBlock) => 0,
            Err(ConnError::Stale) => unreachable!("the manager alone closes its sockets"),
            Err(ConnError::Failed(failure)) => {
                self.kill(id, Some(failure));
                return SendOutcome::Failed(failure);
            }
        };
        assert!(accepted <= offered, "a kernel takes no more than it is offered");
        conn.bytes_sent += accepted as u64;
        conn.send_blocked = accepted < offered;
        // A peer that takes our bytes slowly is not read from in the same turn: so the two
        // directions share the turn, and neither waits for the other (connman.md 5.4).
        if accepted > 0 && conn.send_blocked {
            conn.ready.readable = false;
        }
        self.update_interest(id);
        SendOutcome::Accepted(accepted)
    }

    /// Reads from a connection from now on.
    pub fn resume(&mut self, id: ConnId) {
        self.set_receive_paused(id, false);
    }

    /// Stops reading from a connection.
    pub fn pause(&mut self, id: ConnId) {
        self.set_receive_paused(id, true);
    }

    /// Closes a connection now and forgets it; the tenant's state comes back. Unsent bytes of the
    /// tenant are the tenant's affair; what the kernel has taken goes out, unless bytes of the
    /// peer's were unread.
    ///
    /// # Errors
    ///
    /// It was closed before.
    pub fn close(&mut self, id: ConnId) -> Result<Option<T>, Stale> {
        let conn = self.conns.remove(id).ok_or(Stale)?;
        self.deadlines.clear(Source::Conn(id));
        if conn.phase != Phase::Dead {
            self.close_socket(id);
        }
        Ok(conn.state)
    }

    /// Ends a connection in order; [`Event::Finished`] will follow, at `deadline` at the latest.
    /// Whatever the tenant has not sent by now is not sent.
    pub fn finish(&mut self, id: ConnId, deadline: Instant) {
        let Some(conn) = self.conns.conn_mut(id) else { return };
        match conn.phase {
            Phase::Open | Phase::PeerFinished => {}
            Phase::Dialing | Phase::Finishing | Phase::Dead => return,
        }
        conn.phase = Phase::Finishing;
        conn.receive_paused = false;
        conn.send_blocked = false;
        // A connection that is over already answers with an error here, and with its end below.
        if let Err(ConnError::Stale) = self.sockets.shutdown(id, Direction::Write) {
            unreachable!("the manager alone closes its sockets");
        }
        self.deadlines.set(Source::Conn(id), deadline);
        self.update_interest(id);
    }

    /// Stops listening at one place. Whoever waits there to be accepted is reset.
    ///
    /// # Errors
    ///
    /// It was closed before.
    pub fn stop_listening(&mut self, id: ListenerId) -> Result<(), Stale> {
        let position = self.listeners.iter().position(|l| l.id == id).ok_or(Stale)?;
        self.listeners.remove(position);
        self.deadlines.clear(Source::Listener(id));
        self.sockets.close_listener(id)
    }

    /// Closes everything; the tenant's states come back, by index of their ids.
    pub fn shutdown(&mut self) -> Vec<(ConnId, Option<T>)> {
        let listeners: Vec<_> = self.listeners.iter().map(|listener| listener.id).collect();
        for id in listeners {
            self.stop_listening(id).expect("it was in the list");
        }
        let ids: Vec<_> = self.conns.all().map(|conn| conn.id).collect();
        let states = ids.into_iter().map(|id| (id, self.close(id).expect("it was in the table")));
        let states = states.collect();
        self.ready.clear();
        states
    }

    // Inputs.

    /// Takes in what a wait reported. Work for it is done by [`step`](Self::step).
    pub fn handle_ready(&mut self, events: &[crate::sockets::Event]) {
        for event in events {
            match event.source {
                Source::Conn(id) => self.mark_ready(id, event.readiness),
                Source::Listener(id) => self.mark_listener_ready(id),
            }
        }
    }

    /// Whether a step would do something now.
    #[must_use]
    pub fn has_work(&self, now: Instant) -> bool {
        !self.ready.is_empty() || self.deadlines.due(now).is_some()
    }

    /// When there will be work, if no socket becomes ready before.
    #[must_use]
    pub fn next_wakeup(&self) -> Option<Instant> {
        self.deadlines.next()
    }

    /// What the next step is about, if there is one.
    #[must_use]
    pub fn next_source(&self, now: Instant) -> Option<Source> {
        self.due(now).or_else(|| self.ready.front().copied())
    }

    /// The deadline that comes next. An attempt of which something was reported has not run out: it
    /// is looked at first, in its turn.
    fn due(&self, now: Instant) -> Option<Source> {
        self.deadlines.due(now).filter(|source| match source {
            Source::Listener(_) => true,
            Source::Conn(id) => {
                let conn = self.conns.conn(*id).expect("a deadline goes with its connection");
                conn.phase != Phase::Dialing || !conn.queued
            }
        })
    }

    /// Makes one socket call, or fires one deadline. `None`: it came to nothing, as after a
    /// spurious report.
    pub fn step(&mut self, now: Instant) -> Option<Event> {
        let event = self.step_source(now);
        self.conns.untold = event.as_ref().and_then(Event::conn);
        event
    }

    fn step_source(&mut self, now: Instant) -> Option<Event> {
        if let Some(source) = self.due(now) {
            self.deadlines.clear(source);
            return self.fire(source);
        }
        match self.ready.pop_front()? {
            Source::Listener(id) => self.step_listener(now, id),
            Source::Conn(id) => self.step_conn(id),
        }
    }

    /// The tenant has heard the last event.
    pub const fn note_told(&mut self) {
        self.conns.untold = None;
    }

    /// The bytes of the last [`Event::Received`], and the table of connections.
    pub fn received(&mut self, count: usize) -> (&[u8], &mut Conns<T>) {
        (&self.buffer[..count], &mut self.conns)
    }

    // Getters.

    /// The table of connections.
    #[must_use]
    pub const fn conns(&self) -> &Conns<T> {
        &self.conns
    }

    /// The table of connections, to change the tenant's states.
    pub const fn conns_mut(&mut self) -> &mut Conns<T> {
        &mut self.conns
    }

    /// The backend, for who waits on it.
    #[must_use]
    pub const fn sockets(&self) -> &S {
        &self.sockets
    }

    /// The backend, for who waits on it. Calls that open or close behind the manager's back break
    /// it.
    pub const fn sockets_mut(&mut self) -> &mut S {
        &mut self.sockets
    }

    /// Where it listens.
    pub fn listeners(&self) -> impl Iterator<Item = ListenerId> {
        self.listeners.iter().map(|listener| listener.id)
    }

    /// How many listeners rest after a failed accept.
    #[must_use]
    pub fn resting_count(&self) -> usize {
        let rests =
            |listener: &&Listener| self.deadlines.at(Source::Listener(listener.id)).is_some();
        self.listeners.iter().filter(rests).count()
    }

    /// Every connection as it stands, by index of its id.
    #[must_use]
    pub fn inspect(&self) -> Vec<ConnSnapshot> {
        let snapshot = |conn: &Conn<T>| ConnSnapshot {
            conn: conn.id,
            initiator: conn.initiator,
            peer: conn.peer.clone(),
            phase: conn.phase,
            interest: conn.interest,
            ready: conn.ready,
            receive_paused: conn.receive_paused,
            send_blocked: conn.send_blocked,
            deadline: self.deadlines.at(Source::Conn(conn.id)),
            bytes_received: conn.bytes_received,
            bytes_sent: conn.bytes_sent,
            last_failure: conn.last_failure,
        };
        self.conns.all().map(snapshot).collect()
    }

    /// Every connection in short, by index of its id, those that are over last. Nothing is copied,
    /// so that one may look at all of them after each step.
    pub fn views(&self) -> impl Iterator<Item = ConnView<'_, T>> {
        self.conns.all().map(Conn::view)
    }

    /// One connection in short; `None` if the id is stale.
    #[must_use]
    pub fn view(&self, conn: ConnId) -> Option<ConnView<'_, T>> {
        self.conns.conn(conn).map(Conn::view)
    }

    /// Sockets that wait to be served, those among them that were closed meanwhile included.
    #[must_use]
    pub fn ready_count(&self) -> usize {
        self.ready.len()
    }

    /// How many sockets the manager believes open; a simulator compares with its kernel.
    #[must_use]
    pub const fn open_count(&self) -> usize {
        self.listeners.len() + self.conns.living_count()
    }

    /// Checks what must always hold.
    pub fn check_invariants(&self) {
        let living = self.conns.all().filter(|conn| conn.phase != Phase::Dead).count();
        assert_eq!(self.conns.living_count(), living, "the dead are set apart, and only they");
        let queued = self.conns.all().filter(|conn| conn.queued).count();
        assert!(queued <= self.ready.len(), "whoever is marked as queued stands in the queue");
        for conn in self.conns.all() {
            let expected = conn.wanted_interest();
            assert_eq!(conn.interest, expected, "{}: interest follows from the state", conn.id);
            let timed = self.deadlines.at(Source::Conn(conn.id)).is_some();
            if conn.phase == Phase::Dead {
                assert!(!timed, "{}: a closed socket has no deadline", conn.id);
            }
            if conn.phase == Phase::Dialing {
                assert!(timed, "{}: an attempt ends in time", conn.id);
            }
        }
    }

    // The work.

    fn mark_ready(&mut self, id: ConnId, readiness: Readiness) {
        // A stale report is ordinary: the connection was closed after the wait.
        let Some(conn) = self.conns.conn_mut(id) else { return };
        conn.ready = conn.ready.or(readiness);
        if !conn.queued && !conn.ready.is_none() {
            conn.queued = true;
            self.ready.push_back(Source::Conn(id));
        }
    }

    fn mark_listener_ready(&mut self, id: ListenerId) {
        let budget = self.config.accepts_per_turn_max;
        let Some(listener) = self.listeners.iter_mut().find(|l| l.id == id) else { return };
        if listener.accepts_left == 0 {
            self.ready.push_back(Source::Listener(id));
        }
        listener.accepts_left = budget;
    }

    fn fire(&mut self, source: Source) -> Option<Event> {
        match source {
            Source::Listener(id) => {
                self.rearm_listener(id);
                None
            }
            Source::Conn(id) => {
                let phase = self.conns.conn(id).expect("a deadline goes with its connection").phase;
                self.kill(id, None);
                Some(match phase {
                    Phase::Dialing => Event::Failed { conn: id, error: ConnFailure::DialTimeout },
                    Phase::Finishing => Event::Finished { conn: id, end: FinishEnd::Deadline },
                    Phase::Open | Phase::PeerFinished | Phase::Dead => {
                        unreachable!("only attempts and orderly ends have deadlines")
                    }
                })
            }
        }
    }

    fn step_listener(&mut self, now: Instant, id: ListenerId) -> Option<Event> {
        let listener = self.listeners.iter_mut().find(|l| l.id == id)?;
        listener.accepts_left -= 1;
        match self.sockets.accept(id) {
            Ok(Accepted::WouldBlock) => {
                listener.accepts_left = 0;
                None
            }
            Ok(Accepted::Conn { conn, peer }) => {
                listener.backoff = None;
                if listener.accepts_left > 0 {
                    self.ready.push_back(Source::Listener(id));
                }
                let entry = Conn::new(conn, Phase::Open, Initiator::Peer, peer.clone(), None);
                self.conns.insert(entry);
                Some(Event::Accepted { conn, listener: id, peer })
            }
            Err(error) => {
                listener.accepts_left = 0;
                let retry_at = self.rest_listener(now, id, error);
                Some(Event::AcceptFailed { listener: id, error, retry_at })
            }
        }
    }

    /// Keeps a listener from being reported for a while, unless its error went with one client.
    fn rest_listener(
        &mut self,
        now: Instant,
        id: ListenerId,
        error: AcceptError,
    ) -> Option<Instant> {
        let one_client = error == AcceptError::Aborted;
        if one_client || self.config.accept_backoff == AcceptBackoff::Off {
            return None;
        }
        let listener = self.listeners.iter_mut().find(|l| l.id == id)?;
        let rest = listener.backoff.unwrap_or(ACCEPT_BACKOFF_FIRST);
        listener.backoff = Some((rest * 2).min(ACCEPT_BACKOFF_MAX));
        let until = now + rest;
        self.deadlines.set(Source::Listener(id), until);
        self.set_interest(Source::Listener(id), Interest::NONE);
        Some(until)
    }

    fn rearm_listener(&mut self, id: ListenerId) {
        self.deadlines.clear(Source::Listener(id));
        self.set_interest(Source::Listener(id), Interest::READ);
    }

    fn step_conn(&mut self, id: ConnId) -> Option<Event> {
        let conn = self.conns.conn_mut(id)?;
        conn.queued = false;
        let ready = conn.ready;
        conn.ready = Readiness::NONE;
        match conn.phase {
            Phase::Dead => None,
            Phase::Dialing => self.step_dialing(id),
            Phase::Finishing => self.step_finishing(id),
            Phase::Open | Phase::PeerFinished => {
                if ready.writable && conn.send_blocked {
                    // The read, if any, is the next step's, so that each makes one call.
                    self.mark_ready(id, Readiness { writable: false, ..ready });
                    return Some(Event::Writable { conn: id });
                }
                let wants_read = conn.phase == Phase::Open && !conn.receive_paused;
                if ready.error || ready.readable && wants_read {
                    return self.step_receive(id);
                }
                None
            }
        }
    }

    fn step_dialing(&mut self, id: ConnId) -> Option<Event> {
        match self.sockets.connect_status(id) {
            Ok(ConnectStatus::InProgress) => None,
            Ok(ConnectStatus::Established) => {
                let conn = self.conns.conn_mut(id).expect("the caller found it");
                conn.phase = Phase::Open;
                self.deadlines.clear(Source::Conn(id));
                self.update_interest(id);
                Some(Event::Connected { conn: id })
            }
            Err(error) => {
                self.kill(id, None);
                Some(Event::Failed { conn: id, error: ConnFailure::Dial(error) })
            }
        }
    }

    fn step_receive(&mut self, id: ConnId) -> Option<Event> {
        let result = self.sockets.recv(id, &mut self.buffer);
        let conn = self.conns.conn_mut(id).expect("the caller found it");
        match result {
            Ok(Received::WouldBlock) => None,
            Ok(Received::Bytes(count)) => {
                assert!(count > 0, "an end of stream is not an empty read");
                conn.bytes_received += count as u64;
                Some(Event::Received { conn: id, count })
            }
            Ok(Received::Eof) if conn.phase == Phase::PeerFinished => {
                // Reading is over and was told; what is reported is the other direction's end.
                let failure = self.sockets.take_error(id).ok().flatten();
                let failure = failure.unwrap_or(Failure::BrokenPipe);
                Some(self.fail(id, failure))
            }
            Ok(Received::Eof) => {
                conn.phase = Phase::PeerFinished;
                self.update_interest(id);
                Some(Event::Eof { conn: id })
            }
            Err(ConnError::Failed(failure)) => Some(self.fail(id, failure)),
            Err(ConnError::Stale) => unreachable!("the manager alone closes its sockets"),
        }
    }

    fn step_finishing(&mut self, id: ConnId) -> Option<Event> {
        let end = match self.sockets.recv(id, &mut self.buffer) {
            Ok(Received::WouldBlock | Received::Bytes(_)) => return None,
            Ok(Received::Eof) => FinishEnd::PeerClosed,
            Err(ConnError::Failed(failure)) => FinishEnd::Failed(failure),
            Err(ConnError::Stale) => unreachable!("the manager alone closes its sockets"),
        };
        self.kill(id, None);
        Some(Event::Finished { conn: id, end })
    }

    fn fail(&mut self, id: ConnId, failure: Failure) -> Event {
        self.kill(id, Some(failure));
        Event::Failed { conn: id, error: ConnFailure::Lost(failure) }
    }

    /// Closes the socket and leaves the entry for the tenant to close.
    fn kill(&mut self, id: ConnId, failure: Option<Failure>) {
        let conn = self.conns.conn_mut(id).expect("the caller found it");
        assert!(conn.phase != Phase::Dead, "a connection ends once");
        conn.phase = Phase::Dead;
        conn.interest = Interest::NONE;
        conn.last_failure = failure;
        self.conns.bury(id);
        self.deadlines.clear(Source::Conn(id));
        self.close_socket(id);
    }

    /// Closes a socket, which frees a descriptor for whoever waits to be accepted.
    fn close_socket(&mut self, id: ConnId) {
        self.sockets.close(id, Closing::Orderly).expect("the manager alone closes its sockets");
        let resting = |listener: &Listener| {
            self.deadlines.at(Source::Listener(listener.id)).map(|_| listener.id)
        };
        let resting: Option<ListenerId> = self.listeners.iter().find_map(resting);
        if let Some(listener) = resting {
            self.rearm_listener(listener);
        }
    }

    fn set_receive_paused(&mut self, id: ConnId, paused: bool) {
        let Some(conn) = self.conns.conn_mut(id) else { return };
        conn.receive_paused = paused;
        self.update_interest(id);
    }

    /// Tells the backend what the connection's state asks for, if that has changed.
    fn update_interest(&mut self, id: ConnId) {
        let conn = self.conns.conn_mut(id).expect("the caller found it");
        let wanted = conn.wanted_interest();
        if wanted != conn.interest {
            conn.interest = wanted;
            self.set_interest(Source::Conn(id), wanted);
        }
    }

    fn set_interest(&mut self, source: Source, interest: Interest) {
        self.sockets.set_interest(source, interest).expect("the manager alone closes its sockets");
    }
}

impl<T> Conn<T> {
    fn new(
        id: ConnId,
        phase: Phase,
        initiator: Initiator,
        peer: Endpoint,
        state: Option<T>,
    ) -> Self {
        Self {
            id,
            phase,
            initiator,
            peer,
            interest: Interest::NONE,
            ready: Readiness::NONE,
            queued: false,
            receive_paused: true,
            send_blocked: false,
            bytes_received: 0,
            bytes_sent: 0,
            last_failure: None,
            state,
        }
    }

    /// Interest as it follows from the state.
    const fn wanted_interest(&self) -> Interest {
        match self.phase {
            Phase::Dialing => Interest::WRITE,
            Phase::Open => Interest { readable: !self.receive_paused, writable: self.send_blocked },
            Phase::PeerFinished => Interest { readable: false, writable: self.send_blocked },
            Phase::Finishing => Interest::READ,
            Phase::Dead => Interest::NONE,
        }
    }
}
