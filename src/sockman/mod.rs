//! The socket manager: connections by id, over any [`Sockets`].
//!
//! It accepts, dials, reads, and closes; it keeps no payload, and knows neither messages nor peers.
//! A driver feeds it what a wait reported ([`SockMan::handle_ready`]) and calls [`SockMan::step`]
//! for as long as it [has work](SockMan::has_work): each step makes at most one socket call (and
//! asks for the pending error, where that alone says how a connection is over) and yields at most
//! one [`Event`]. Everything else is a command. Work follows the sockets that are ready and the
//! deadlines that are due; there is no tick.
//!
//! Whoever lives on top is a [`Tenant`]. Only the tenant closes connections, so each one that it
//! was told of ends by its own word; a socket that has failed is closed at once all the same, and
//! its entry waits for the tenant.
//!
//! This file has the state, and which step is next; `listening`, `dialing`, `stream` (the bytes)
//! and `ending` have the commands and the steps of each; `looking` has what can be seen of it.

use std::collections::VecDeque;

use crate::sockets::{ConnId, Interest, Readiness, Sockets, Source};
use crate::time::Instant;

mod conns;
mod deadlines;
mod dialing;
mod ending;
mod event;
mod listening;
mod looking;
mod stream;
mod tenant;

pub use conns::{ConnSnapshot, ConnView, Conns, Initiator, Phase};
pub use deadlines::Deadlines;
pub use event::{Action, ConnFailure, Dial, Event, FinishEnd, SendOutcome, Slices, SlicesFull};
pub use stream::RECEIVE_BYTES_MAX;
pub use tenant::{StepName, TaskId, Tenant};

use listening::Listener;

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
                self.conns.phase(*id) != Some(Phase::Dialing) || !self.conns.has_news(*id)
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
                if conn.receive_paused {
                    return if ready.error { self.step_paused_error(id) } else { None };
                }
                if ready.error || ready.readable && conn.phase == Phase::Open {
                    return self.step_receive(id);
                }
                None
            }
        }
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
