//! Nodes that were added: `-addnode`, `addnode`.
//!
//! In rounds: each that is not connected is tried once, half a second apart; then there is a minute
//! of rest. They have slots of their own, eight, and whoever has one keeps it for as long as the
//! connection lasts. Who is lost after a round has rested is tried at once. (The reference looks
//! every two seconds.) One that is added goes behind the others, and is tried at once, too.
//!
//! Sources: docs/behaviour.md, connman 5.2; Core: net.cpp, `ThreadOpenAddedConnections`. Its pauses
//! are sleeps, so they run on the steady clock.

use std::fmt;
use std::time::Duration;

use super::roll::{Place, Roll};
use super::{ADDED_MAX, PAUSE};
use crate::sockets::Endpoint;
use crate::time::{Instant, Now};

/// How long a round that tried somebody is followed by none. Core: a literal, 60 s.
const REST: Duration = Duration::from_secs(60);

/// What came of adding a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AddNode {
    /// It is on the list.
    Added,
    /// It was on the list.
    AlreadyThere,
    /// The list is as long as may be.
    Full,
}

impl fmt::Display for AddNode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Added => "added",
            Self::AlreadyThere => "already added",
            Self::Full => "the list of added nodes is full",
        })
    }
}

/// Who was added, and how far the round has got.
#[derive(Clone, Debug)]
pub(in crate::connman) struct Added {
    pub(super) roll: Roll,
    /// Where the search for the next one begins: behind who was tried last in this round.
    cursor: Place,
    /// No attempt of this round before this.
    not_before: Instant,
    dialing: bool,
}

impl Added {
    pub(super) fn new(endpoints: &[Endpoint]) -> Self {
        Self {
            roll: Roll::new(endpoints),
            cursor: Place::default(),
            not_before: Instant::START,
            dialing: false,
        }
    }

    /// Adds a node with which there are so many connections.
    pub(super) fn add(&mut self, endpoint: Endpoint, connections: usize) -> AddNode {
        if self.roll.contains(&endpoint) {
            return AddNode::AlreadyThere;
        }
        if self.roll.count() >= ADDED_MAX {
            return AddNode::Full;
        }
        self.roll.add(endpoint, connections);
        AddNode::Added
    }

    /// When the next attempt is due, if there is one to make and a slot for it.
    pub(super) fn next_wakeup(&self) -> Option<Instant> {
        if self.dialing || self.roll.first_missing().is_none() {
            return None;
        }
        let goes_on = self.roll.missing_from(self.cursor).is_some();
        Some(if goes_on { self.not_before } else { self.not_before + REST })
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
        assert!(self.dialing, "one attempt of those that were added at a time");
        self.dialing = false;
        self.not_before = now.steady + PAUSE;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn endpoint(n: u16) -> Endpoint {
        Endpoint::Ip(([127, 0, 0, 1], n).into())
    }

    /// Makes the next attempt, which fails after 100 ms; when it was, in ms, and with whom.
    fn attempt(added: &mut Added) -> (u64, Endpoint) {
        let at = added.next_wakeup().expect("somebody is missing");
        let whom = added.begin();
        assert_eq!(added.next_wakeup(), None, "one attempt at a time");
        let steady = at + Duration::from_millis(100);
        added.note_dialed(Now { steady, ..Now::default() });
        (at.as_nanos() / 1_000_000, whom)
    }

    #[test]
    fn rounds_of_half_seconds_have_a_minute_between() {
        let mut added = Added::new(&[endpoint(1), endpoint(2)]);
        let tried: Vec<_> = (0..5).map(|_| attempt(&mut added).0).collect();
        assert_eq!(tried, [0, 600, 61_200, 61_800, 122_400]);
    }

    #[test]
    fn added_node_goes_behind_the_others_and_does_not_wait() {
        let mut added = Added::new(&[endpoint(1)]);
        attempt(&mut added);
        assert_eq!(added.add(endpoint(2), 0), AddNode::Added);
        assert_eq!(added.add(endpoint(2), 0), AddNode::AlreadyThere);
        assert_eq!(attempt(&mut added), (600, endpoint(2)));
        assert!(added.roll.remove(&endpoint(1)));
        assert!(!added.roll.remove(&endpoint(1)));
        assert_eq!(attempt(&mut added), (61_200, endpoint(2)));
    }

    #[test]
    fn list_of_added_nodes_is_bounded() {
        let mut added = Added::new(&[]);
        let most = u16::try_from(ADDED_MAX).unwrap();
        for n in 0..most {
            assert_eq!(added.add(endpoint(n), 1), AddNode::Added);
        }
        assert_eq!(added.add(endpoint(most), 1), AddNode::Full);
    }
}
