//! What the next automatic connection is for, by how many there are and what is due.
//!
//! Pure: counts and deadlines in, a wish out. Sources: docs/behaviour.md, connman 5.4; Core:
//! net.cpp, `ThreadOpenConnections`, second part.

use std::time::Duration;

use crate::connman::addrman::NetClass;
use crate::connman::config::OUTBOUND_FULL_RELAY_MAX;
use crate::connman::{ConnType, Limits};
use crate::rng::{Purpose, Seed, exponential};
use crate::time::UnixTime;

/// A connection that is not for good, each kind with a time of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Visit {
    /// To see whether somebody is there. Core: `FEELER_INTERVAL`.
    Feeler,
    /// To hear of blocks from one more peer for a while. Core:
    /// `EXTRA_BLOCK_RELAY_ONLY_PEER_INTERVAL`.
    BlockRelay,
    /// To have a peer on every network. Core: `EXTRA_NETWORK_PEER_INTERVAL`.
    Network,
}

impl Visit {
    pub(super) const ALL: [Self; 3] = [Self::Feeler, Self::BlockRelay, Self::Network];

    /// The mean of the time to the next one.
    const fn interval(self) -> Duration {
        match self {
            Self::Feeler => Duration::from_secs(120),
            Self::BlockRelay | Self::Network => Duration::from_secs(300),
        }
    }
}

/// When each visit is due, on the wall clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Visits {
    at: [UnixTime; Visit::ALL.len()],
    drawn: [u64; Visit::ALL.len()],
}

impl Visits {
    /// All of them are drawn.
    pub(super) fn new(now: UnixTime, seed: &Seed) -> Self {
        let mut visits = Self { at: [now; Visit::ALL.len()], drawn: [0; Visit::ALL.len()] };
        for visit in Visit::ALL {
            visits.draw(visit, now, seed);
        }
        visits
    }

    /// A visit is made; the next one is drawn.
    pub(super) fn draw(&mut self, visit: Visit, now: UnixTime, seed: &Seed) {
        let n = &mut self.drawn[visit as usize];
        let draw = seed.draw(Purpose::OpenTimers, visit as u64, *n);
        *n += 1;
        self.at[visit as usize] = now + exponential(draw, visit.interval());
    }

    pub(super) fn is_due(&self, visit: Visit, now: UnixTime) -> bool {
        self.at[visit as usize] <= now
    }

    /// The first that falls due after a moment.
    pub(super) fn first_after(&self, moment: UnixTime) -> Option<UnixTime> {
        self.at.into_iter().filter(|at| *at > moment).min()
    }
}

/// What there is when a wish is made.
#[derive(Clone, Copy, Debug)]
pub(super) struct Situation<'a> {
    /// Connections for everything, also those that are over and not closed yet.
    pub(super) full_relay: u32,
    /// Those for blocks alone, likewise.
    pub(super) block_relay: u32,
    pub(super) limits: &'a Limits,
    /// Whether anchors are left.
    pub(super) has_anchors: bool,
    pub(super) visits: &'a Visits,
    pub(super) now: UnixTime,
}

/// What the next connection is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wish {
    /// For blocks, with whom the run before had such a connection.
    Anchor,
    /// For everything.
    FullRelay,
    /// For blocks alone.
    BlockRelay,
    /// As one more than there are places for, for a while.
    Visit(Visit, Option<NetClass>),
}

impl Wish {
    pub(super) const fn conn_type(self) -> ConnType {
        match self {
            Self::FullRelay | Self::Visit(Visit::Network, _) => ConnType::OutboundFullRelay,
            Self::Anchor | Self::BlockRelay | Self::Visit(Visit::BlockRelay, _) => {
                ConnType::BlockRelay
            }
            Self::Visit(Visit::Feeler, _) => ConnType::Feeler,
        }
    }
}

/// What is wished for. `lacking` says which network there is to have a first peer on, if there is
/// one; it is asked only where that matters.
pub(super) fn wish(
    situation: &Situation<'_>,
    lacking: impl FnOnce() -> Option<NetClass>,
) -> Option<Wish> {
    let Situation { full_relay, block_relay, limits, has_anchors, visits, now } = *situation;
    let lacks_blocks = block_relay < limits.block_relay_max;
    if has_anchors && lacks_blocks {
        return Some(Wish::Anchor);
    }
    if full_relay < limits.outbound_full_relay_max {
        return Some(Wish::FullRelay);
    }
    if lacks_blocks {
        return Some(Wish::BlockRelay);
    }
    for visit in [Visit::BlockRelay, Visit::Feeler] {
        if visits.is_due(visit, now) {
            return Some(Wish::Visit(visit, None));
        }
    }
    // Not with fewer places than usual, nor with a peer too many.
    let is_whole = limits.outbound_full_relay_max == OUTBOUND_FULL_RELAY_MAX
        && full_relay == limits.outbound_full_relay_max;
    if !is_whole || !visits.is_due(Visit::Network, now) {
        return None;
    }
    lacking().map(|network| Wish::Visit(Visit::Network, Some(network)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: UnixTime = UnixTime::from_secs(1_000_000);

    /// Visits that are due as these say, in the order of [`Visit::ALL`].
    fn visits(due: [bool; 3]) -> Visits {
        let at = due.map(|due| if due { NOW } else { NOW + Duration::from_nanos(1) });
        Visits { at, drawn: [0; 3] }
    }

    /// The rules as a list: the first that holds says what for.
    fn expected(situation: &Situation<'_>, due: [bool; 3], lacking: bool) -> Option<ConnType> {
        let Situation { full_relay, block_relay, limits, has_anchors, .. } = *situation;
        let (full, blocks) = (limits.outbound_full_relay_max, limits.block_relay_max);
        let [feeler, block_visit, network_visit] = due;
        let rules = [
            (has_anchors && block_relay < blocks, ConnType::BlockRelay),
            (full_relay < full, ConnType::OutboundFullRelay),
            (block_relay < blocks, ConnType::BlockRelay),
            (block_visit, ConnType::BlockRelay),
            (feeler, ConnType::Feeler),
            (network_visit && lacking && full_relay == 8 && full == 8, ConnType::OutboundFullRelay),
        ];
        rules.into_iter().find(|(holds, _)| *holds).map(|(_, conn_type)| conn_type)
    }

    /// Every situation there is, with as many connections as there can be and some more.
    #[test]
    fn wish_is_the_first_that_the_rules_allow() {
        for connections_max in 0..14 {
            let limits = Limits::for_connections(connections_max);
            for (full_relay, block_relay) in (0..10).flat_map(|f| (0..4).map(move |b| (f, b))) {
                for n in 0..32_u8 {
                    let bit = |place: u8| n >> place & 1 == 1;
                    let (due, lacking) = ([bit(0), bit(1), bit(2)], bit(3));
                    let visits = visits(due);
                    let situation = Situation {
                        full_relay,
                        block_relay,
                        limits: &limits,
                        has_anchors: bit(4),
                        visits: &visits,
                        now: NOW,
                    };
                    let found = wish(&situation, || lacking.then_some(NetClass::Ipv6));
                    let expected = expected(&situation, due, lacking);
                    assert_eq!(found.map(Wish::conn_type), expected, "{situation:?}");
                    if let Some(Wish::Visit(visit, network)) = found {
                        assert!(due[visit as usize]);
                        assert_eq!(network.is_some(), visit == Visit::Network);
                    }
                }
            }
        }
    }

    #[test]
    fn visits_come_at_their_mean_intervals() {
        let seed = Seed::from_number(1);
        for visit in Visit::ALL {
            let mut visits = Visits::new(NOW, &seed);
            let mut now = NOW;
            for _ in 0..2_000 {
                let next = visits.at[visit as usize];
                assert!(!visits.is_due(visit, now) || next == now);
                now = next;
                visits.draw(visit, now, &seed);
            }
            let mean = (now - NOW) / 2_000;
            assert!(mean > visit.interval() * 9 / 10, "{visit:?}: {mean:?}");
            assert!(mean < visit.interval() * 11 / 10, "{visit:?}: {mean:?}");
        }
    }
}
