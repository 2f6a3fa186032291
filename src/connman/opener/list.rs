//! A list to connect to: `-connect`.
//!
//! One attempt at a time, down the list; after each a pause that grows with the rounds, and after
//! each round another. An endpoint with a connection, whoever began it, is passed over without a
//! pause, and while all have one there is nothing to do. (The reference pauses for these too, and
//! looks at the list for ever: it finds a lost one up to a round later.)
//!
//! Sources: docs/behaviour.md, connman 5.3; Core: net.cpp, `ThreadOpenConnections`, first part. Its
//! pauses are sleeps, so they run on the steady clock.

use super::PAUSE;
use super::roll::{Place, Roll};
use crate::sockets::Endpoint;
use crate::time::{Instant, Now};

/// Most units of a pause between two endpoints. Core: a literal in `ThreadOpenConnections`.
const PAUSES_MAX: u32 = 10;

/// The list, and how far it has come.
#[derive(Clone, Debug)]
pub(super) struct List {
    pub(super) roll: Roll,
    /// Where the search for the next one begins.
    cursor: Place,
    /// Rounds that are over.
    rounds: u32,
    /// No attempt before this.
    not_before: Instant,
    /// Whether an attempt is under way.
    dialing: bool,
}

impl List {
    pub(super) fn new(endpoints: &[Endpoint]) -> Self {
        Self {
            roll: Roll::new(endpoints),
            cursor: Place::default(),
            rounds: 0,
            not_before: Instant::START,
            dialing: false,
        }
    }

    /// When the next attempt is due, if there is one to make.
    pub(super) fn next_wakeup(&self) -> Option<Instant> {
        let waits = !self.dialing && self.roll.first_missing().is_some();
        waits.then_some(self.not_before)
    }

    /// An attempt begins; with whom.
    pub(super) fn begin(&mut self) -> Endpoint {
        let after = self.roll.missing_from(self.cursor);
        let place = after.or_else(|| self.roll.first_missing()).expect("an attempt is due");
        self.cursor = place.next();
        self.dialing = true;
        self.roll.at(place).clone()
    }

    /// The attempt under way has come to something or nothing.
    pub(super) fn note_dialed(&mut self, now: Now) {
        assert!(self.dialing, "one attempt of the list at a time");
        self.dialing = false;
        self.not_before = now.steady + PAUSE * self.rounds.min(PAUSES_MAX);
        if self.roll.missing_from(self.cursor).is_none() {
            self.cursor = Place::default();
            self.rounds = self.rounds.saturating_add(1);
            self.not_before = self.not_before + PAUSE;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn endpoint(n: u16) -> Endpoint {
        Endpoint::Ip(([127, 0, 0, 1], n).into())
    }

    /// Runs attempts that all fail after 100 ms; gives the times of the first `count`, in ms.
    fn attempts(endpoints: u16, count: usize) -> Vec<u64> {
        let endpoints: Vec<_> = (0..endpoints).map(endpoint).collect();
        let mut list = List::new(&endpoints);
        let mut times = Vec::new();
        for _ in 0..count {
            let at = list.next_wakeup().expect("every endpoint is missing");
            times.push(at.as_nanos() / 1_000_000);
            let _whom = list.begin();
            assert_eq!(list.next_wakeup(), None, "one attempt at a time");
            let steady = at + Duration::from_millis(100);
            list.note_dialed(Now { steady, ..Now::default() });
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
        let mut list = List::new(&[endpoint(1), endpoint(2), endpoint(1)]);
        assert_eq!(list.roll.count(), 2);
        list.roll.note_connection(&endpoint(1));
        assert_eq!(list.clone().begin(), endpoint(2));
        list.roll.note_connection(&endpoint(2));
        assert_eq!(list.next_wakeup(), None);
        list.roll.note_connection(&endpoint(1));
        list.roll.note_closed(&endpoint(1));
        assert_eq!(list.next_wakeup(), None, "the other connection is still there");
        list.roll.note_closed(&endpoint(1));
        assert_eq!(list.begin(), endpoint(1));
    }
}
