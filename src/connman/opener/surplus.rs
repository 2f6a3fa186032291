//! Who of the peers that we dialled goes, when there are more than there are places for.
//!
//! Pure: candidates in, a verdict out. Sources: docs/behaviour.md, eviction 2; Core:
//! net_processing.cpp, `EvictExtraOutboundPeers`.

use std::time::Duration;

use crate::connman::addrman::NetClass;
use crate::connman::{ConnType, Limits, PeerId};
use crate::time::UnixTime;

/// How often is looked whether somebody has to go. Core: `EXTRA_PEER_CHECK_INTERVAL`.
pub(super) const CHECK_INTERVAL: Duration = Duration::from_secs(45);

/// Nobody goes who was connected for less time. Core: `MINIMUM_CONNECT_TIME`.
const CONNECTED_MIN: Duration = Duration::from_secs(30);

/// What counts of a peer whose handshake is complete and that is not over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Candidate {
    pub(super) peer: PeerId,
    pub(super) conn_type: ConnType,
    /// In whole seconds.
    pub(super) connected_at: UnixTime,
    /// When it last was the first with a block, or announced one; `None`: never. Blocks are not
    /// there yet.
    pub(super) block_at: Option<UnixTime>,
    pub(super) network: NetClass,
}

/// Who goes: at most one of each kind.
pub(super) fn surplus(candidates: &[Candidate], limits: &Limits, now: UnixTime) -> Vec<PeerId> {
    let block_relay = surplus_block_relay(candidates, limits, now);
    block_relay.into_iter().chain(surplus_full_relay(candidates, limits, now)).collect()
}

/// Of the two youngest the one that gave no block for longer; the youngest, if neither did.
fn surplus_block_relay(all: &[Candidate], limits: &Limits, now: UnixTime) -> Option<PeerId> {
    let mut peers: Vec<_> = all.iter().filter(|p| p.conn_type == ConnType::BlockRelay).collect();
    if peers.len() <= limits.block_relay_max as usize {
        return None;
    }
    peers.sort_by_key(|candidate| std::cmp::Reverse(candidate.peer));
    let (youngest, second) = (peers[0], peers.get(1));
    let victim = match second {
        Some(second) if youngest.block_at > second.block_at => second,
        Some(_) | None => youngest,
    };
    (now - victim.connected_at >= CONNECTED_MIN).then_some(victim.peer)
}

/// Who announced no block for longest, of networks with more than one peer; of several the
/// youngest.
fn surplus_full_relay(all: &[Candidate], limits: &Limits, now: UnixTime) -> Option<PeerId> {
    let is_full = |candidate: &&Candidate| candidate.conn_type == ConnType::OutboundFullRelay;
    if all.iter().filter(is_full).count() <= limits.outbound_full_relay_max as usize {
        return None;
    }
    let counts = |other: &&Candidate| {
        matches!(other.conn_type, ConnType::OutboundFullRelay | ConnType::Manual)
    };
    let on = |network| all.iter().filter(counts).filter(|o| o.network == network).count();
    let candidates = all.iter().filter(is_full).filter(|candidate| on(candidate.network) > 1);
    let key = |candidate: &&Candidate| (candidate.block_at, std::cmp::Reverse(candidate.peer));
    let victim = candidates.min_by_key(key)?;
    (now - victim.connected_at > CONNECTED_MIN).then_some(victim.peer)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::{Purpose, Seed};

    const NOW: UnixTime = UnixTime::from_secs(1_000_000);

    fn candidate(peer: u64, conn_type: ConnType, age: u64) -> Candidate {
        let connected_at = UnixTime::from_secs(NOW.as_secs() - age);
        let network = NetClass::Ipv4;
        Candidate { peer: PeerId(peer), conn_type, connected_at, block_at: None, network }
    }

    fn block_relay(ages: &[u64]) -> Vec<Candidate> {
        let numbered = (0..).zip(ages);
        numbered.map(|(n, age)| candidate(n, ConnType::BlockRelay, *age)).collect()
    }

    #[track_caller]
    fn check(candidates: &[Candidate], expected: &[u64]) {
        let found = surplus(candidates, &Limits::for_connections(125), NOW);
        assert_eq!(found, expected.iter().copied().map(PeerId).collect::<Vec<_>>());
    }

    #[test]
    fn youngest_of_three_for_blocks_goes() {
        check(&block_relay(&[90, 60]), &[]);
        check(&block_relay(&[90, 60, 30]), &[2]);
        check(&block_relay(&[90, 60, 29]), &[]);
    }

    #[test]
    fn second_youngest_goes_for_one_that_gave_a_newer_block() {
        let mut peers = block_relay(&[90, 60, 40]);
        peers[0].block_at = None;
        peers[1].block_at = Some(UnixTime::from_secs(5));
        peers[2].block_at = Some(UnixTime::from_secs(5));
        check(&peers, &[2]);
        peers[2].block_at = Some(UnixTime::from_secs(6));
        check(&peers, &[1]);
    }

    #[test]
    fn last_peer_of_its_network_stays() {
        let full = |peer| candidate(peer, ConnType::OutboundFullRelay, 31);
        let mut peers: Vec<_> = (0..9).map(full).collect();
        check(&peers[..8], &[]);
        check(&peers, &[8]);
        peers[8].network = NetClass::Ipv6;
        check(&peers, &[7]);
        // One that was dialled by hand is company.
        peers.push(Candidate { network: NetClass::Ipv6, ..candidate(9, ConnType::Manual, 1) });
        check(&peers, &[8]);
        peers[3].block_at = None;
        for n in [0, 1, 2, 4, 5, 6, 7, 8] {
            peers[n].block_at = Some(UnixTime::from_secs(1));
        }
        check(&peers, &[3]);
        peers[3] = candidate(3, ConnType::OutboundFullRelay, 30);
        check(&peers, &[]);
    }

    #[test]
    fn one_of_each_kind_goes_at_most_and_none_without_need() {
        let types = [ConnType::BlockRelay, ConnType::OutboundFullRelay, ConnType::Manual];
        let networks = [NetClass::Ipv4, NetClass::Ipv6];
        for run in 0..2_000 {
            let mut draws = Seed::from_number(run).draws(Purpose::OpenChoice, 0);
            let drawn = |n| {
                let block_at =
                    Some(UnixTime::from_secs(draws.below(3))).filter(|at| at.as_secs() > 0);
                let network = networks[draws.index(2)];
                let one = candidate(n, types[draws.index(3)], draws.below(60));
                Candidate { network, block_at, ..one }
            };
            let candidates: Vec<_> = (0..run % 16).map(drawn).collect();
            let limits = Limits::for_connections(u32::try_from(run % 13).unwrap());
            let gone = surplus(&candidates, &limits, NOW);
            for (conn_type, most) in [
                (ConnType::BlockRelay, limits.block_relay_max as usize),
                (ConnType::OutboundFullRelay, limits.outbound_full_relay_max as usize),
                (ConnType::Manual, usize::MAX),
            ] {
                let all = || candidates.iter().filter(|one| one.conn_type == conn_type);
                let victims = || all().filter(|one| gone.contains(&one.peer));
                let count = victims().count();
                assert!(count <= 1 && (count == 0 || all().count() > most), "{run}");
                assert!(victims().all(|one| NOW - one.connected_at >= CONNECTED_MIN), "{run}");
                // Nobody goes for whom an older one with an older block would have to go first.
                let is_worse = |other: &Candidate, victim: &Candidate| {
                    other.network == victim.network && other.block_at < victim.block_at
                };
                let is_full = conn_type == ConnType::OutboundFullRelay;
                let worst = |v: &Candidate| !is_full || !all().any(|other| is_worse(other, v));
                assert!(victims().all(worst), "{run}");
            }
        }
    }
}
