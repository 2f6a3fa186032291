//! Inbound eviction: whose place a newcomer gets when the house is full. docs/behaviour.md,
//! eviction 1.
//!
//! Candidates in, victim out. Step by step those are set aside whom an attacker cannot easily
//! outdo: an attacker who wants every slot has to be better than the honest in each of several
//! ways at once. Of the rest, the netgroup with most members loses its youngest.
//!
//! Every order here is total, because ids differ; a victim follows from the candidates alone, in
//! whatever sequence they are listed. This module knows no peer, no clock and no address. Core:
//! node/eviction.cpp, `SelectNodeToEvict`.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::time::Duration;

use super::host::HostNetwork;
use super::{ConnType, PeerId};
use crate::time::UnixTime;

#[cfg(test)]
mod model;
#[cfg(test)]
mod tests;

/// Candidates protected for their netgroup, which they cannot choose because the key is secret.
/// Core: `SelectNodeToEvict`, a literal 4.
pub const NETGROUP_PROTECTED: usize = 4;

/// Candidates protected for a low ping. Core: `SelectNodeToEvict`, a literal 8.
pub const PING_PROTECTED: usize = 8;

/// Candidates protected for a transaction of late. Core: `SelectNodeToEvict`, a literal 4.
pub const TX_PROTECTED: usize = 4;

/// Candidates looked at that relay blocks alone. Core: `SelectNodeToEvict`, a literal 8.
pub const BLOCK_RELAY_PROTECTED: usize = 8;

/// Candidates protected for a block of late. Core: `SelectNodeToEvict`, a literal 4.
pub const BLOCK_PROTECTED: usize = 4;

/// What eviction knows of a peer. Core: `NodeEvictionCandidate`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// Its number; no two candidates share one.
    pub peer: PeerId,
    /// What the connection is for; only inbound ones are evicted.
    pub conn_type: ConnType,
    /// When it connected, to the second.
    pub connected_at: UnixTime,
    /// Its shortest ping; `None`: never measured, which is worse than any.
    pub ping_least: Option<Duration>,
    /// When it last brought a block that was new, to the second; `None`: never.
    pub block_at: Option<UnixTime>,
    /// When it last brought a transaction that was taken, to the second; `None`: never.
    pub tx_at: Option<UnixTime>,
    /// Whether it offers all services that we want of a peer.
    pub has_wanted_services: bool,
    /// Whether transactions are relayed to it.
    pub relays_txs: bool,
    /// Whether it has loaded a Bloom filter. BIP 37.
    pub has_bloom_filter: bool,
    /// Its netgroup under a secret key. Equal for peers of one netgroup.
    pub keyed_netgroup: u64,
    /// Whether its address was discouraged when it was let in.
    pub prefer_evict: bool,
    /// Whether it comes from our own host.
    pub is_local: bool,
    /// The network through which it came; onion for whatever comes through our onion service.
    pub network: HostNetwork,
    /// Whether it has the permission never to be evicted.
    pub noban: bool,
}

impl Candidate {
    /// Greater for who is younger: connected later, then with the higher number.
    fn youth(&self) -> (UnixTime, PeerId) {
        (self.connected_at, self.peer)
    }
}

/// Whom to disconnect so that a newcomer can stay; `None`: nobody, and the newcomer goes.
///
/// # Panics
///
/// If two candidates have one number.
#[must_use]
pub fn select_victim(mut candidates: Vec<Candidate>) -> Option<PeerId> {
    assert!(are_numbers_distinct(&candidates), "a peer is a candidate once");
    candidates.retain(|c| !c.noban && c.conn_type.is_inbound());
    protect_last(&mut candidates, NETGROUP_PROTECTED, |c| (c.keyed_netgroup, Reverse(c.peer)), all);
    protect_last(&mut candidates, PING_PROTECTED, by_ping, all);
    protect_last(&mut candidates, TX_PROTECTED, by_tx, all);
    let is_block_relay = |c: &Candidate| !c.relays_txs && c.has_wanted_services;
    protect_last(&mut candidates, BLOCK_RELAY_PROTECTED, by_block_relay, is_block_relay);
    protect_last(&mut candidates, BLOCK_PROTECTED, by_block, all);
    protect_by_ratio(&mut candidates);
    if candidates.iter().any(|c| c.prefer_evict) {
        candidates.retain(|c| c.prefer_evict);
    }
    youngest_of_largest_netgroup(&candidates)
}

/// The half that has been connected longest is protected, and up to half of its places go to
/// networks that are at a disadvantage elsewhere, because their pings are long or their netgroups
/// few. Core: `ProtectEvictionCandidatesByRatio`.
fn protect_by_ratio(candidates: &mut Vec<Candidate>) {
    let total = candidates.len() / 2;
    let protected = protect_disadvantaged(candidates, total / 2);
    assert!(protected <= total, "no network has more than its share");
    protect_last(candidates, total - protected, |c| Reverse(c.youth()), all);
}

/// Who is at a disadvantage. In the order in which ties are broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Disadvantaged {
    Network(HostNetwork),
    Local,
}

impl Disadvantaged {
    const ALL: [Self; 4] = [
        Self::Network(HostNetwork::Cjdns),
        Self::Network(HostNetwork::I2p),
        Self::Local,
        Self::Network(HostNetwork::Onion),
    ];

    fn has(self, candidate: &Candidate) -> bool {
        match self {
            Self::Network(network) => candidate.network == network,
            Self::Local => candidate.is_local,
        }
    }
}

/// Protects up to `quota` candidates of disadvantaged networks; how many it did.
fn protect_disadvantaged(candidates: &mut Vec<Candidate>, quota: usize) -> usize {
    let mut networks = Disadvantaged::ALL.map(|network| {
        let count = candidates.iter().filter(|c| network.has(c)).count();
        (network, count)
    });
    // Who has few comes first, so that what it leaves over is there for the others.
    networks.sort_by_key(|&(_, count)| count);
    let mut protected = 0;
    while protected < quota {
        let present = networks.iter().filter(|(_, count)| *count > 0).count();
        if present == 0 {
            break;
        }
        let share = ((quota - protected) / present).max(1);
        let before = protected;
        for (network, count) in networks.iter_mut().filter(|(_, count)| *count > 0) {
            let order = |c: &Candidate| (network.has(c), Reverse(c.youth()));
            let gone = protect_last(candidates, share, order, |c| network.has(c));
            protected += gone;
            if protected >= quota {
                break;
            }
            // Its members may have gone with another: somebody local may come from a network too.
            *count = count.saturating_sub(gone);
        }
        if protected == before {
            break;
        }
    }
    protected
}

fn all(_: &Candidate) -> bool {
    true
}

/// Core: `ReverseCompareNodeMinPingTime`.
fn by_ping(c: &Candidate) -> impl Ord + use<> {
    (Reverse(c.ping_least.unwrap_or(Duration::MAX)), Reverse(c.peer))
}

/// Core: `CompareNodeTXTime`.
fn by_tx(c: &Candidate) -> impl Ord + use<> {
    (c.tx_at, c.relays_txs, !c.has_bloom_filter, Reverse(c.youth()))
}

/// Core: `CompareNodeBlockRelayOnlyTime`.
fn by_block_relay(c: &Candidate) -> impl Ord + use<> {
    (!c.relays_txs, by_block(c))
}

/// Core: `CompareNodeBlockTime`.
fn by_block(c: &Candidate) -> impl Ord + use<> {
    (c.block_at, c.has_wanted_services, Reverse(c.youth()))
}

/// Removes, of the last `count` candidates in an order, those to be protected; how many it did.
/// Core: `EraseLastKElements`.
fn protect_last<K: Ord>(
    candidates: &mut Vec<Candidate>,
    count: usize,
    order: impl FnMut(&Candidate) -> K,
    protects: impl Fn(&Candidate) -> bool,
) -> usize {
    candidates.sort_by_key(order);
    let before = candidates.len();
    let last = candidates.split_off(before - count.min(before));
    candidates.extend(last.into_iter().filter(|c| !protects(c)));
    before - candidates.len()
}

/// The youngest member of the netgroup with most members; of netgroups of one size, that whose
/// youngest member is youngest.
fn youngest_of_largest_netgroup(candidates: &[Candidate]) -> Option<PeerId> {
    let mut netgroups: BTreeMap<u64, (usize, (UnixTime, PeerId))> = BTreeMap::new();
    for candidate in candidates {
        let none = (0, (UnixTime::EPOCH, PeerId(0)));
        let (count, youngest) = netgroups.entry(candidate.keyed_netgroup).or_insert(none);
        *count += 1;
        *youngest = candidate.youth().max(*youngest);
    }
    netgroups.into_values().max().map(|(_, (_, peer))| peer)
}

fn are_numbers_distinct(candidates: &[Candidate]) -> bool {
    let mut peers: Vec<_> = candidates.iter().map(|c| c.peer).collect();
    peers.sort_unstable();
    peers.windows(2).all(|pair| pair[0] != pair[1])
}
