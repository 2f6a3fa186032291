//! The state of automatic connections between two rounds.
//!
//! A round looks for one address to dial, or finds out that there is none. It is followed by half a
//! second of pause, as in the reference, which goes through its loop so often for ever. **Ours** is
//! due when something can come of it: while nobody is wished for, or nobody known could be dialled
//! whatever is drawn, the task sleeps until a connection ends, an address comes, or a visit is due.
//!
//! Pauses are on the steady clock, visits and what waits for the start on the wall clock, as there.
//! Sources: docs/behaviour.md, connman 5.4 and 5.5; Core: net.cpp, `ThreadOpenConnections`.

use std::time::Duration;

use super::PAUSE;
use super::surplus::CHECK_INTERVAL;
use super::wish::Visits;
use crate::connman::FixedSeeds;
use crate::connman::addrman::AddrRecord;
use crate::rng::{Purpose, Seed};
use crate::sockets::Endpoint;
use crate::time::{Instant, Now, UnixTime};

/// How long nobody is asked by way of built-in addresses. Core: a literal, a minute.
const FIXED_SEEDS_AFTER: Duration = Duration::from_secs(60);

/// The time from one node that is asked for addresses to the next. Core: `ADD_NEXT_SEEDNODE`.
const NEXT_SEED_NODE: Duration = Duration::from_secs(10);

/// While there are fewer connections for everything, nodes are asked for addresses. Core:
/// `SEED_OUTBOUND_CONNECTION_THRESHOLD`.
const SEED_NODES_BELOW: u32 = 2;

/// What the task knew when nothing was to be done.
#[derive(Clone, Copy, Debug)]
struct Rest {
    /// Addresses there ever were.
    addresses: u64,
    /// What was due by then was looked at.
    wall: UnixTime,
}

/// See the head of the module.
#[derive(Clone, Debug)]
pub(super) struct Automatic {
    /// When the first round began; `None`: it has not.
    pub(super) started: Option<Instant>,
    /// Whether an attempt is under way.
    dialing: bool,
    /// No round before this.
    not_before: Instant,
    rest: Option<Rest>,
    /// Rounds that there were; what the next one draws by.
    pub(super) rounds: u64,
    pub(super) visits: Visits,
    /// A feeler that waits for its time.
    pub(super) feeler: Option<AddrRecord>,
    /// With whom the run before was connected for blocks; the last is first.
    pub(super) anchors: Vec<AddrRecord>,
    /// Nodes to be asked for addresses; the last is first.
    seed_nodes: Vec<Endpoint>,
    /// The next of them is asked past this.
    next_seed_node: UnixTime,
    /// When built-in addresses are for those networks that we know nobody of; `None`: not again.
    pub(super) fixed_seeds: Option<UnixTime>,
    /// When is looked whether somebody has to go, if there are more than there are places for.
    pub(super) next_check: Instant,
}

impl Automatic {
    pub(super) fn new(seed_nodes: &[Endpoint], fixed_seeds: FixedSeeds, seed: &Seed) -> Self {
        let never = UnixTime::EPOCH;
        Self {
            started: None,
            dialing: false,
            not_before: Instant::START,
            rest: None,
            rounds: 0,
            visits: Visits::new(never, seed),
            feeler: None,
            anchors: Vec::new(),
            seed_nodes: shuffled(seed_nodes, seed),
            next_seed_node: never,
            fixed_seeds: (fixed_seeds == FixedSeeds::Used).then_some(never),
            next_check: Instant::START,
        }
    }

    /// The first round: everything is drawn, and the clocks run from here.
    pub(super) fn start(&mut self, now: Now, seed: &Seed, knows_nobody: bool) {
        self.started = Some(now.steady);
        self.visits = Visits::new(now.wall, seed);
        self.fixed_seeds = self.fixed_seeds.map(|_| now.wall + FIXED_SEEDS_AFTER);
        self.next_check = now.steady + CHECK_INTERVAL;
        // Who knows nobody asks at once.
        self.next_seed_node = if knows_nobody { now.wall } else { now.wall + NEXT_SEED_NODE };
        self.not_before = now.steady;
    }

    /// When there is something to do; `addresses` is how many there ever were.
    pub(super) fn next_wakeup(&self, now: Now, addresses: u64) -> Option<Instant> {
        if self.dialing {
            return None;
        }
        let Some(rest) = self.rest.filter(|rest| rest.addresses == addresses) else {
            return Some(self.not_before);
        };
        // What was due by then led to nothing, and still does.
        let seeds = [Some(self.next_seed_node).filter(|_| !self.seed_nodes.is_empty())];
        let others = seeds.into_iter().chain([self.fixed_seeds]).flatten();
        let others = others.filter(|at| *at > rest.wall).min();
        let next = [self.visits.first_after(rest.wall), others].into_iter().flatten().min()?;
        Some(now.steady_at(next).max(self.not_before))
    }

    /// The node that is to be asked for addresses now, with so many connections for everything.
    pub(super) fn take_seed_node(&mut self, now: UnixTime, full_relay: u32) -> Option<Endpoint> {
        if full_relay >= SEED_NODES_BELOW || now < self.next_seed_node {
            return None;
        }
        self.next_seed_node = now + NEXT_SEED_NODE;
        self.seed_nodes.pop()
    }

    /// An attempt begins.
    pub(super) const fn note_dialing(&mut self) {
        self.dialing = true;
        self.rest = None;
    }

    /// The attempt under way has come to something or nothing.
    pub(super) fn note_dialed(&mut self, now: Now) {
        assert!(self.dialing, "one automatic attempt at a time");
        self.dialing = false;
        self.pause(now);
    }

    /// A round is over, and another may find somebody.
    pub(super) fn pause(&mut self, now: Now) {
        self.wait(now, PAUSE);
    }

    /// The next round, or what waits for its time, is not before so long.
    pub(super) fn wait(&mut self, now: Now, noise: Duration) {
        self.not_before = now.steady + noise;
        self.rest = None;
    }

    /// Nothing is to be done until something changes.
    pub(super) fn rest(&mut self, now: Now, addresses: u64) {
        self.pause(now);
        self.rest = Some(Rest { addresses, wall: now.wall });
    }

    /// Something has changed that a round may make something of.
    pub(super) const fn wake(&mut self) {
        self.rest = None;
    }

    /// From now on there may be more connections than places: the next look is at the next whole
    /// interval since the start.
    pub(super) fn plan_check(&mut self, now: Instant) {
        let Some(started) = self.started.filter(|_| self.next_check <= now) else { return };
        let intervals = now.since(started).as_secs() / CHECK_INTERVAL.as_secs() + 1;
        let passed = CHECK_INTERVAL * u32::try_from(intervals).unwrap_or(u32::MAX);
        self.next_check = started + passed;
    }
}

/// The same in an order of its own.
fn shuffled(endpoints: &[Endpoint], seed: &Seed) -> Vec<Endpoint> {
    let mut endpoints = endpoints.to_vec();
    seed.draws(Purpose::SeedNodes, 0).shuffle(&mut endpoints);
    endpoints
}

#[cfg(test)]
mod tests {
    use super::*;

    fn automatic(seed_nodes: u16) -> Automatic {
        let endpoint = |port| Endpoint::Ip(([9, 9, 9, 9], port).into());
        let seed_nodes: Vec<_> = (0..seed_nodes).map(endpoint).collect();
        Automatic::new(&seed_nodes, FixedSeeds::Used, &Seed::from_number(3))
    }

    fn at(secs: u64) -> Now {
        let steady = Instant::START + Duration::from_secs(secs);
        Now { steady, wall: UnixTime::from_secs(1_000_000 + secs) }
    }

    #[test]
    fn nodes_are_asked_one_after_the_other_while_few_are_connected() {
        let mut automatic = automatic(3);
        automatic.start(at(0), &Seed::from_number(3), true);
        assert!(automatic.take_seed_node(at(0).wall, 0).is_some());
        assert_eq!(automatic.take_seed_node(at(9).wall, 0), None);
        assert!(automatic.take_seed_node(at(10).wall, 1).is_some());
        assert_eq!(automatic.take_seed_node(at(30).wall, 2), None);
        assert!(automatic.take_seed_node(at(31).wall, 1).is_some());
        assert_eq!(automatic.take_seed_node(at(60).wall, 1), None);
    }

    #[test]
    fn rest_ends_with_an_address_or_the_next_visit() {
        let mut automatic = automatic(0);
        automatic.start(at(0), &Seed::from_number(3), false);
        automatic.rest(at(1), 7);
        let visit = automatic.visits.first_after(at(1).wall).unwrap();
        let first = visit.min(at(60).wall);
        assert_eq!(automatic.next_wakeup(at(1), 7), Some(at(1).steady_at(first)));
        assert_eq!(automatic.next_wakeup(at(1), 8), Some(at(1).steady + PAUSE));
        automatic.wait(at(2), Duration::from_millis(300));
        let noise = at(2).steady + Duration::from_millis(300);
        assert_eq!(automatic.next_wakeup(at(2), 7), Some(noise), "it rests no more");
        automatic.rest(at(100_000), 7);
        assert_eq!(automatic.next_wakeup(at(100_000), 7), None, "everything was looked at");
    }

    #[test]
    fn looks_for_somebody_to_go_keep_to_their_interval() {
        let mut automatic = automatic(0);
        automatic.start(at(10), &Seed::from_number(3), false);
        assert_eq!(automatic.next_check, at(55).steady);
        automatic.plan_check(at(54).steady);
        assert_eq!(automatic.next_check, at(55).steady);
        automatic.plan_check(at(55).steady);
        assert_eq!(automatic.next_check, at(100).steady);
        automatic.plan_check(at(200).steady);
        assert_eq!(automatic.next_check, at(235).steady);
    }
}
