//! Endpoints that somebody wants connections with, each once, and which of them have none.
//!
//! It hears of every connection there is, so that a look at it costs no search.

use std::collections::{BTreeMap, BTreeSet};

use crate::connman::Peer;
use crate::sockets::Endpoint;
use crate::sockman::Conns;

/// Where an endpoint stands: in the order in which they came, never given out again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place(u64);

impl Place {
    /// The place behind this one.
    pub(super) const fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

#[derive(Clone, Debug)]
struct Entry {
    endpoint: Endpoint,
    /// Connections and attempts there are with it.
    connections: usize,
}

/// The roll. See the head of the module.
#[derive(Clone, Debug, Default)]
pub(super) struct Roll {
    entries: BTreeMap<Place, Entry>,
    places: BTreeMap<Endpoint, Place>,
    /// Places of entries without a connection.
    missing: BTreeSet<Place>,
    /// The place of the next entry.
    end: Place,
}

impl Roll {
    /// With these, as long as there are no connections. A second mention counts for nothing.
    pub(super) fn new(endpoints: &[Endpoint]) -> Self {
        let mut roll = Self::default();
        for endpoint in endpoints {
            roll.add(endpoint.clone(), 0);
        }
        roll
    }

    /// Adds one with which there are so many connections; whether it was not there.
    pub(super) fn add(&mut self, endpoint: Endpoint, connections: usize) -> bool {
        if self.contains(&endpoint) {
            return false;
        }
        let place = self.end;
        self.end = place.next();
        self.places.insert(endpoint.clone(), place);
        self.entries.insert(place, Entry { endpoint, connections });
        if connections == 0 {
            self.missing.insert(place);
        }
        true
    }

    /// Takes one out; whether it was there.
    pub(super) fn remove(&mut self, endpoint: &Endpoint) -> bool {
        let Some(place) = self.places.remove(endpoint) else { return false };
        self.entries.remove(&place);
        self.missing.remove(&place);
        true
    }

    /// There is a connection, or an attempt, with this endpoint.
    pub(super) fn note_connection(&mut self, endpoint: &Endpoint) {
        let Some(place) = self.places.get(endpoint) else { return };
        self.missing.remove(place);
        let entry = self.entries.get_mut(place).expect("it has a place");
        entry.connections += 1;
    }

    /// There is one less.
    pub(super) fn note_closed(&mut self, endpoint: &Endpoint) {
        let Some(place) = self.places.get(endpoint) else { return };
        let entry = self.entries.get_mut(place).expect("it has a place");
        assert!(entry.connections > 0, "each connection is noted before it is closed");
        entry.connections -= 1;
        if entry.connections == 0 {
            self.missing.insert(*place);
        }
    }

    pub(super) fn contains(&self, endpoint: &Endpoint) -> bool {
        self.places.contains_key(endpoint)
    }

    pub(super) fn count(&self) -> usize {
        self.entries.len()
    }

    /// The first without a connection, from a place on.
    pub(super) fn missing_from(&self, place: Place) -> Option<Place> {
        self.missing.range(place..).next().copied()
    }

    /// The first without a connection.
    pub(super) fn first_missing(&self) -> Option<Place> {
        self.missing.first().copied()
    }

    /// All of them, in their order.
    pub(super) fn endpoints(&self) -> impl Iterator<Item = &Endpoint> {
        self.entries.values().map(|entry| &entry.endpoint)
    }

    /// Who stands there.
    pub(super) fn at(&self, place: Place) -> &Endpoint {
        &self.entries.get(&place).expect("places are of those who are there").endpoint
    }

    pub(super) fn check_invariants(&self, conns: &Conns<Peer>) {
        assert_eq!(self.entries.len(), self.places.len(), "each endpoint has one place");
        for (place, entry) in &self.entries {
            let is_missing = self.missing.contains(place);
            assert_eq!(is_missing, entry.connections == 0, "the opener knows what is missing");
            let peers = conns.iter().filter(|(_, peer)| peer.endpoint == entry.endpoint).count();
            assert_eq!(entry.connections, peers, "the opener knows who is connected");
        }
    }
}
