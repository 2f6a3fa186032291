//! What is kept of a peer with which addresses are exchanged: what it knows, what it will be told
//! and when, and how much of what it tells is looked at.
//!
//! There is none of it before the exchange begins. On the wall clock, as in the reference. Facts:
//! Core net_processing.cpp, `PushAddress`, `MaybeSendAddr`, `SetupAddressRelay`.

use std::time::Duration;

use super::ADDR_TO_SEND_MAX;
use super::bucket::TokenBucket;
use super::known::Known;
use super::own::OWN_INTERVAL_MEAN;
use crate::connman::addrman::{AddrRecord, NetService};
use crate::connman::ping::JUST_AFTER;
use crate::connman::{Behaviour, PeerId};
use crate::rng::{OrderKey, Purpose, Seed, exponential};
use crate::time::UnixTime;

/// The mean time between two messages with addresses. Core: `AVG_ADDRESS_BROADCAST_INTERVAL`, 30 s.
pub const ADDR_INTERVAL_MEAN: Duration = Duration::from_secs(30);

/// What became of the addresses that a peer has sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AddrCounts {
    /// Looked at, and neither refused for their services nor banned. Core: `m_addr_processed`.
    pub processed: u64,
    /// Passed over, because there was no token for them. Core: `m_addr_rate_limited`.
    pub rate_limited: u64,
}

/// The exchange of addresses with one peer.
#[derive(Clone, Debug)]
pub(in crate::connman) struct AddrPeer {
    peer: PeerId,
    /// Whether it is told also while it does not read.
    pub(super) insists: bool,
    pub(super) known: Known,
    pub(super) bucket: TokenBucket,
    /// What it is to be told, at most [`ADDR_TO_SEND_MAX`].
    pending: Vec<AddrRecord>,
    /// Strictly after this it may be told more. `None`: it was never decided, and is with the first
    /// turn.
    told_after: Option<UnixTime>,
    /// Whether that has come, and the next turn tells it.
    is_due: bool,
    /// Draws there ever were.
    draws: u64,
    /// Strictly after this it is told our own address again. `None`: it was not told one, and will
    /// not be.
    own_after: Option<UnixTime>,
    own_is_due: bool,
    /// How often it was told.
    own_count: u64,
    /// Whether we have asked it for addresses, and no message has come that is less than full.
    pub(super) awaits_answer: bool,
    /// Whether it has asked us.
    pub(super) has_asked: bool,
    pub(in crate::connman) counts: AddrCounts,
}

impl AddrPeer {
    /// The exchange begins, with a peer that is there since then.
    pub(super) fn new(peer: PeerId, key: OrderKey, since: UnixTime, behaviour: Behaviour) -> Self {
        Self {
            peer,
            insists: behaviour == Behaviour::Reference,
            known: Known::new(key),
            bucket: TokenBucket::new(since),
            pending: Vec::new(),
            told_after: None,
            is_due: false,
            draws: 0,
            own_after: None,
            own_is_due: false,
            own_count: 0,
            awaits_answer: false,
            has_asked: false,
            counts: AddrCounts::default(),
        }
    }

    /// We ask the peer for addresses, and will look at as many more as an answer has.
    pub(super) fn ask(&mut self) {
        self.awaits_answer = true;
        self.bucket.grant_answer();
    }

    /// The peer knows an address.
    pub(super) fn note_known(&mut self, service: &NetService) {
        self.known.insert(service);
    }

    /// The peer is to be told an address, unless it knows it. One of many gives way to it.
    pub(super) fn push(&mut self, record: AddrRecord, now: UnixTime, seed: &Seed) {
        if self.known.contains(&record.service) {
            return;
        }
        if self.pending.len() == ADDR_TO_SEND_MAX {
            let draw = u128::from(self.draw(seed)) * ADDR_TO_SEND_MAX as u128;
            let place = usize::try_from(draw >> 64).expect("below ADDR_TO_SEND_MAX");
            self.pending[place] = record;
            return;
        }
        // While there was nothing to tell, the time went on being drawn: an interval without a
        // memory begins anew at any moment of it.
        if self.pending.is_empty() && self.told_after.is_some_and(|after| after < now) {
            self.draw_time(now, seed);
        }
        self.pending.push(record);
    }

    /// Forgets what the peer was to be told.
    pub(super) fn clear_pending(&mut self) {
        self.pending = Vec::new();
    }

    /// The time to tell the peer something has come.
    pub(in crate::connman) const fn note_due(&mut self) {
        self.is_due = true;
    }

    /// Whether the next turn is to tell it what it does not know, or to decide when.
    pub(in crate::connman) const fn is_due(&self) -> bool {
        self.is_due || self.told_after.is_none()
    }

    /// From when on it is to be told something; `None` if there is nothing, or it is due already.
    pub(in crate::connman) fn due_at(&self) -> Option<UnixTime> {
        let waits = !self.is_due && !self.pending.is_empty();
        Some(self.told_after.filter(|_| waits)? + JUST_AFTER)
    }

    /// Whether it was never told our own address.
    pub(super) const fn awaits_own(&self) -> bool {
        self.own_count == 0
    }

    /// Whether its next turn tells it our own address. At first that is with its first turn.
    pub(super) const fn owes_own(&self) -> bool {
        self.own_is_due || self.awaits_own() && self.told_after.is_none()
    }

    /// The time to tell the peer our own address again has come.
    pub(in crate::connman) const fn note_own_due(&mut self) {
        self.own_is_due = true;
    }

    /// From when on the peer is to be told our own address again.
    pub(in crate::connman) fn own_due_at(&self) -> Option<UnixTime> {
        Some(self.own_after.filter(|_| !self.own_is_due)? + JUST_AFTER)
    }

    /// There is none that the peer could be told.
    pub(super) const fn drop_own(&mut self) {
        (self.own_after, self.own_is_due) = (None, false);
    }

    /// How many draws there were for our own address.
    pub(super) const fn own_draws(&self) -> u64 {
        2 * self.own_count
    }

    /// The peer is told our own address.
    pub(super) fn note_own(&mut self, now: UnixTime, seed: &Seed) {
        let draw = seed.draw(Purpose::OwnAddress, self.peer.0, self.own_draws() + 1);
        self.own_count += 1;
        self.own_is_due = false;
        self.own_after = Some(now + exponential(draw, OWN_INTERVAL_MEAN));
    }

    /// Forgets what the peer knows, so that it can be told what it was told before.
    pub(super) fn forget_known(&mut self) {
        self.known.clear();
    }

    /// What the peer is told in its turn, if that has come; perhaps nothing.
    pub(super) fn take_due(&mut self, now: UnixTime, seed: &Seed) -> Vec<AddrRecord> {
        if !self.is_due() {
            return Vec::new();
        }
        self.is_due = false;
        self.draw_time(now, seed);
        let mut told = std::mem::take(&mut self.pending);
        told.retain(|record| {
            let is_news = !self.known.contains(&record.service);
            self.known.insert(&record.service);
            is_news
        });
        told
    }

    fn draw_time(&mut self, now: UnixTime, seed: &Seed) {
        let draw = self.draw(seed);
        self.told_after = Some(now + exponential(draw, ADDR_INTERVAL_MEAN));
    }

    fn draw(&mut self, seed: &Seed) -> u64 {
        self.draws += 1;
        seed.draw(Purpose::AddrTrickle, self.peer.0, self.draws)
    }

    /// Addresses that the peer is to be told, and those of which it is remembered that it knows
    /// them.
    pub(in crate::connman) fn load(&self) -> (usize, usize) {
        (self.pending.len(), self.known.count())
    }

    pub(in crate::connman) fn check_invariants(&self) {
        assert!(self.pending.len() <= ADDR_TO_SEND_MAX, "one message is told at a time");
        assert!(self.known.count() <= Known::COUNT_MAX, "what a peer knows is bounded");
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;
    use crate::connman::Services;
    use crate::connman::addrman::NetAddr;

    const START: UnixTime = UnixTime::from_secs(1_700_000_000);

    fn record(n: u32) -> AddrRecord {
        let addr = NetAddr::Ipv4(Ipv4Addr::from_bits(n));
        let service = NetService { addr, port: 8333 };
        AddrRecord { service, services: Services::NONE, time: START }
    }

    fn peer(seed: &Seed) -> AddrPeer {
        let key = OrderKey::new(seed, Purpose::AddrKnown);
        AddrPeer::new(PeerId(1), key, START, Behaviour::Ours)
    }

    #[test]
    fn first_message_goes_at_once_and_the_next_in_its_time() {
        let seed = Seed::from_number(1);
        let mut peer = peer(&seed);
        peer.push(record(1), START, &seed);
        assert!(peer.is_due());
        assert_eq!(peer.due_at(), None, "it is due without a timer");
        assert_eq!(peer.take_due(START, &seed), [record(1)]);
        peer.push(record(2), START, &seed);
        assert_eq!(peer.take_due(START, &seed), []);
        let at = peer.due_at().unwrap();
        assert!(at > START);
        peer.push(record(3), at, &seed);
        peer.note_due();
        assert_eq!(peer.take_due(at, &seed), [record(2), record(3)]);
        assert_eq!(peer.due_at(), None, "there is nothing to tell");
    }

    #[test]
    fn time_that_has_passed_unused_is_drawn_anew() {
        let seed = Seed::from_number(1);
        let mut peer = peer(&seed);
        assert_eq!(peer.take_due(START, &seed), []);
        let later = START + Duration::from_secs(10_000);
        peer.push(record(1), later, &seed);
        assert!(peer.due_at().unwrap() > later);
    }

    #[test]
    fn nothing_is_told_twice_or_back() {
        let seed = Seed::from_number(1);
        let mut peer = peer(&seed);
        peer.note_known(&record(1).service);
        for n in [1, 2, 2, 3] {
            peer.push(record(n), START, &seed);
        }
        peer.note_known(&record(3).service);
        assert_eq!(peer.take_due(START, &seed), [record(2)]);
    }

    #[test]
    fn a_thousand_wait_and_others_take_the_place_of_any() {
        let seed = Seed::from_number(1);
        let mut peer = peer(&seed);
        (0..3_000).for_each(|n| peer.push(record(n), START, &seed));
        peer.check_invariants();
        let told = peer.take_due(START, &seed);
        assert_eq!(told.len(), ADDR_TO_SEND_MAX);
        let late = told.iter().filter(|one| **one == record(2_999)).count();
        assert_eq!(late, 1, "the newest is among them");
        let first = told.iter().filter(|one| one.service < record(1_000).service).count();
        assert!((80..200).contains(&first), "{first} of 1000 are left after 2000: 1000/e^2");
    }

    #[test]
    fn messages_come_every_thirty_seconds_on_average() {
        let seed = Seed::from_number(1);
        let mut peer = peer(&seed);
        let mut now = START;
        peer.take_due(now, &seed);
        for n in 0..1_000 {
            peer.push(record(n), now, &seed);
            now = peer.due_at().unwrap();
            peer.note_due();
            assert_eq!(peer.take_due(now, &seed).len(), 1);
        }
        let mean = (now - START) / 1_000;
        assert!(mean > Duration::from_secs(27) && mean < Duration::from_secs(33), "{mean:?}");
    }
}
