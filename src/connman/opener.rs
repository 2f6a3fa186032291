//! The task `opener`: connects to the endpoints of a list, and again when they are lost.
//!
//! One attempt at a time, down the list; after each a pause that grows with the rounds, and after
//! each round another. An endpoint with a connection, whoever began it, is passed over without a
//! pause, and while all have one there is nothing to do. (The reference pauses for these too, and
//! looks at the list for ever: it finds a lost one up to a round later.)
//!
//! Whom a connection with v2 was begun with, and who has answered nothing, is dialled once more
//! with v1, at once and before anybody of the list.
//!
//! Sources: docs/behaviour.md, connman 5.3 and transport 3.6; Core: net.cpp,
//! `ThreadOpenConnections`, first part, and `PerformReconnections`. Its pauses are sleeps, so they
//! run on the steady clock.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use super::host::Host;
use super::peer::{Origin, Peer};
use super::permissions::of_manual;
use super::{Config, ConnMan, ConnType, DialFailure, Notice};
use crate::sockets::Endpoint;
use crate::sockman::{Action, Conns, StepName};
use crate::time::{Instant, Now};
use crate::transport::v2::AfterClose;

/// The unit of all pauses. Core: a literal in `ThreadOpenConnections`.
const PAUSE: Duration = Duration::from_millis(500);

/// Most units of a pause between two endpoints. Core: likewise.
const PAUSES_MAX: u32 = 10;

/// One endpoint of the list.
#[derive(Clone, Debug)]
struct Entry {
    endpoint: Endpoint,
    /// Connections and attempts there are with it.
    connections: usize,
}

/// A connection to be begun once more, with v1.
#[derive(Clone, Debug)]
struct Fallback {
    endpoint: Endpoint,
    conn_type: ConnType,
}

/// The state of the task between two steps.
#[derive(Clone, Debug)]
pub(super) struct Opener {
    entries: Vec<Entry>,
    /// Whom to dial once more with v1. Each is due at once, and there is one at most for each
    /// connection that was.
    fallbacks: VecDeque<Fallback>,
    /// Where each endpoint stands, so that a connection costs no search.
    places: BTreeMap<Endpoint, usize>,
    /// Places of entries without a connection.
    missing: BTreeSet<usize>,
    /// Where the search for the next one begins.
    cursor: usize,
    /// Rounds that are over.
    rounds: u32,
    /// No attempt before this.
    not_before: Instant,
    /// Whether an attempt of the list is under way.
    dialing: bool,
    stopped: bool,
}

impl Opener {
    pub(super) fn new(endpoints: &[Endpoint]) -> Self {
        let (mut entries, mut places) = (Vec::with_capacity(endpoints.len()), BTreeMap::new());
        for endpoint in endpoints {
            // A second mention would find the first connected.
            if !places.contains_key(endpoint) {
                places.insert(endpoint.clone(), entries.len());
                entries.push(Entry { endpoint: endpoint.clone(), connections: 0 });
            }
        }
        Self {
            missing: (0..entries.len()).collect(),
            entries,
            fallbacks: VecDeque::new(),
            places,
            cursor: 0,
            rounds: 0,
            not_before: Instant::START,
            dialing: false,
            stopped: false,
        }
    }

    /// There is a connection, or an attempt, with this endpoint.
    pub(super) fn note_connection(&mut self, endpoint: &Endpoint) {
        if let Some(&place) = self.places.get(endpoint) {
            self.missing.remove(&place);
            self.entries[place].connections += 1;
        }
    }

    /// There is one less.
    pub(super) fn note_closed(&mut self, endpoint: &Endpoint) {
        if let Some(&place) = self.places.get(endpoint) {
            let entry = &mut self.entries[place];
            assert!(entry.connections > 0, "each connection is noted before it is closed");
            entry.connections -= 1;
            if entry.connections == 0 {
                self.missing.insert(place);
            }
        }
    }

    /// The attempt under way has come to something or nothing.
    pub(super) fn note_dialed(&mut self, now: Now) {
        assert!(self.dialing, "one attempt of the list at a time");
        self.dialing = false;
        self.not_before = now.steady + PAUSE * self.rounds.min(PAUSES_MAX);
        if self.missing.range(self.cursor..).next().is_none() {
            self.cursor = 0;
            self.rounds = self.rounds.saturating_add(1);
            self.not_before = self.not_before + PAUSE;
        }
    }

    /// Endpoints of the list.
    pub(super) const fn count(&self) -> usize {
        self.entries.len()
    }

    /// Connections to be begun once more.
    pub(super) fn fallback_count(&self) -> usize {
        self.fallbacks.len()
    }

    /// Makes no attempt any more.
    pub(super) const fn stop(&mut self) {
        self.stopped = true;
    }

    /// When the next attempt is due, if there is one to make.
    pub(super) fn next_wakeup(&self) -> Option<Instant> {
        if !self.fallbacks.is_empty() {
            return Some(Instant::START);
        }
        if self.stopped || self.dialing || self.missing.is_empty() {
            return None;
        }
        Some(self.not_before)
    }

    /// The place of the next endpoint without a connection.
    fn next_missing(&self) -> Option<usize> {
        let after = self.missing.range(self.cursor..).next();
        after.or_else(|| self.missing.first()).copied()
    }

    pub(super) fn check_invariants(&self, conns: &Conns<Peer>) {
        for (place, entry) in self.entries.iter().enumerate() {
            let is_missing = self.missing.contains(&place);
            assert_eq!(is_missing, entry.connections == 0, "the opener knows what is missing");
            let peers = conns.iter().filter(|(_, peer)| peer.endpoint == entry.endpoint).count();
            assert_eq!(entry.connections, peers, "the opener knows who is connected");
        }
    }
}

impl ConnMan {
    /// Whether an attempt is due.
    pub(super) fn next_opener_step(&self, now: Now) -> Option<StepName<'static>> {
        let due = self.is_network_active() && self.opener.next_wakeup()? <= now.steady;
        due.then_some(StepName { verb: "dials", object: "", conn: None })
    }

    /// Begins one attempt.
    pub(super) fn step_opener(&mut self, conns: &Conns<Peer>, actions: &mut Vec<Action<Peer>>) {
        if let Some(Fallback { endpoint, conn_type }) = self.opener.fallbacks.pop_front() {
            self.connect(endpoint, conn_type, Origin::Fallback, conns, actions);
            return;
        }
        let place = self.opener.next_missing().expect("the task is runnable");
        self.opener.cursor = place + 1;
        self.opener.dialing = true;
        let endpoint = self.opener.entries[place].endpoint.clone();
        self.push_dial(endpoint, ConnType::Manual, Origin::List, actions);
    }

    /// Remembers to dial a peer once more, if that is what its transport asks for. Core:
    /// `DisconnectNodes`.
    pub(super) fn note_fallback(&mut self, peer: &Peer) {
        if self.is_network_active() && peer.transport.after_close() == AfterClose::ReconnectV1 {
            let (endpoint, conn_type) = (peer.endpoint.clone(), peer.conn_type);
            self.notices.push(Notice::FallsBackToV1 { peer: peer.id, endpoint: endpoint.clone() });
            self.opener.fallbacks.push_back(Fallback { endpoint, conn_type });
        }
    }

    /// Forgets whom to dial once more: there is no network.
    pub(super) fn drop_fallbacks(&mut self) {
        let failure =
            if self.stopped { DialFailure::Shutdown } else { DialFailure::NetworkInactive };
        for Fallback { endpoint, conn_type } in self.opener.fallbacks.drain(..) {
            self.notices.push(Notice::DialFailed { endpoint, conn_type, failure });
        }
    }

    pub(super) fn push_dial(
        &mut self,
        endpoint: Endpoint,
        conn_type: ConnType,
        origin: Origin,
        actions: &mut Vec<Action<Peer>>,
    ) {
        let id = self.next_peer_id();
        let to = endpoint.clone();
        let mut state = Peer::new(id, conn_type, endpoint, origin, &self.config, &self.seed);
        if conn_type == ConnType::Manual {
            let Config { whitelist, implicit, .. } = &self.config;
            state.permissions = of_manual(Host::of(&to).as_ref(), whitelist, *implicit);
        }
        let timeout = self.config.dial_timeout;
        actions.push(Action::dial(to, timeout, state));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn endpoint(n: u16) -> Endpoint {
        Endpoint::Ip(([127, 0, 0, 1], n).into())
    }

    /// Runs attempts that all fail after 100 ms; gives the times of the first `count`, in ms.
    fn attempts(endpoints: u16, count: usize) -> Vec<u64> {
        let list: Vec<_> = (0..endpoints).map(endpoint).collect();
        let mut opener = Opener::new(&list);
        let mut times = Vec::new();
        for _ in 0..count {
            let at = opener.next_wakeup().expect("every endpoint is missing");
            times.push(at.as_nanos() / 1_000_000);
            let place = opener.next_missing().expect("every endpoint is missing");
            opener.cursor = place + 1;
            opener.dialing = true;
            assert_eq!(opener.next_wakeup(), None, "one attempt at a time");
            let steady = at + Duration::from_millis(100);
            opener.note_dialed(Now { steady, ..Now::default() });
        }
        times
    }

    #[test]
    fn pauses_grow_with_the_rounds() {
        // 500 ms x min(10, rounds) after each attempt, 500 ms more after each round.
        assert_eq!(attempts(1, 5), [0, 600, 1_700, 3_300, 5_400]);
        assert_eq!(attempts(2, 5), [0, 100, 700, 1_300, 2_400]);
        let late = attempts(1, 40);
        assert_eq!(late[39] - late[38], 5_600);
    }

    #[test]
    fn connected_endpoints_are_passed_over() {
        let mut opener = Opener::new(&[endpoint(1), endpoint(2), endpoint(1)]);
        assert_eq!(opener.entries.len(), 2);
        opener.note_connection(&endpoint(1));
        assert_eq!(opener.next_missing(), Some(1));
        opener.note_connection(&endpoint(2));
        assert_eq!(opener.next_wakeup(), None);
        opener.note_connection(&endpoint(1));
        opener.note_closed(&endpoint(1));
        assert_eq!(opener.next_wakeup(), None, "the other connection is still there");
        opener.note_closed(&endpoint(1));
        assert_eq!(opener.next_missing(), Some(0));
        opener.stop();
        assert_eq!(opener.next_wakeup(), None);
    }
}
