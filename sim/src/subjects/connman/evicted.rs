//! Who may be evicted, as properties: nobody who is among the best in one of the ways that protect,
//! and somebody as soon as more are there than can be protected.
//!
//! docs/behaviour.md, eviction 1. What eviction knows of a peer is taken from the library; whom it
//! chooses is not. Netgroups are not looked at: their order is a secret.

use sockman::connman::PeerId;
use sockman::connman::eviction::Candidate;

/// How many are protected of any candidates: 4 by netgroup, 8 by ping, 4 by transactions, 4 by
/// blocks.
const PROTECTED: usize = 4 + 8 + 4 + 4;

/// How many more of those that relay blocks alone.
const BLOCK_RELAY_PROTECTED: usize = 8;

/// Whether the first is better than the second.
type Better = fn(&Candidate, &Candidate) -> bool;

/// Looks at whom a full house has evicted.
pub(super) fn check_victim(victim: PeerId, candidates: &[Candidate]) -> Result<(), String> {
    let Some(victim) = candidates.iter().find(|one| one.peer == victim) else {
        return Err(format!("{victim} is evicted, who was no inbound peer"));
    };
    let count = candidates.len();
    if count <= PROTECTED {
        return Err(format!("{} is evicted of {count}, all of whom are protected", victim.peer));
    }
    let better_than = |is_better: Better| {
        candidates.iter().filter(|one| one.peer != victim.peer && is_better(one, victim)).count()
    };
    // Of the half up to half may go to networks at a disadvantage, the rest to the oldest.
    let half = count.saturating_sub(PROTECTED + BLOCK_RELAY_PROTECTED) / 2;
    let oldest = half - half / 2;
    let mut ways: Vec<(&str, usize, Better)> = vec![
        ("ping", 8, has_better_ping),
        ("transactions", 4, has_better_transactions),
        ("blocks", 4, has_better_blocks),
        ("age", oldest, is_older),
    ];
    if relays_blocks_alone(victim) {
        ways.push(("blocks alone", BLOCK_RELAY_PROTECTED, |one, other| {
            relays_blocks_alone(one) && is_older(one, other)
        }));
    }
    for (way, places, is_better) in ways {
        let better = better_than(is_better);
        if better < places {
            let peer = victim.peer;
            return Err(format!("{peer} is evicted, and only {better} are better by {way}"));
        }
    }
    Ok(())
}

/// Looks at a newcomer who was turned away because the house is full.
pub(super) fn check_refusal(candidates: &[Candidate]) -> Result<(), String> {
    let of_blocks_alone = candidates.iter().filter(|one| relays_blocks_alone(one)).count();
    let protected = PROTECTED + of_blocks_alone.min(BLOCK_RELAY_PROTECTED);
    if candidates.len() <= protected {
        return Ok(());
    }
    let count = candidates.len();
    Err(format!("nobody is evicted of {count} for a newcomer; {protected} are protected, and half"))
}

const fn relays_blocks_alone(one: &Candidate) -> bool {
    !one.relays_txs && one.has_wanted_services
}

/// Of two who are alike the older is better, in each way but the ping.
fn age(one: &Candidate) -> impl Ord {
    (one.connected_at, one.peer)
}

fn is_older(one: &Candidate, other: &Candidate) -> bool {
    age(one) < age(other)
}

fn has_better_ping(one: &Candidate, other: &Candidate) -> bool {
    // What was never measured is worse than any.
    let ping = |of: &Candidate| (of.ping_least.is_none(), of.ping_least, of.peer);
    ping(one) < ping(other)
}

/// Nobody has brought one yet.
fn has_better_transactions(one: &Candidate, other: &Candidate) -> bool {
    (!one.relays_txs, age(one)) < (!other.relays_txs, age(other))
}

/// Nobody has brought one yet.
fn has_better_blocks(one: &Candidate, other: &Candidate) -> bool {
    (!one.has_wanted_services, age(one)) < (!other.has_wanted_services, age(other))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use sockman::connman::ConnType;
    use sockman::connman::host::HostNetwork;
    use sockman::time::UnixTime;

    use super::*;

    fn crowd(count: u64) -> Vec<Candidate> {
        let candidate = |n| Candidate {
            peer: PeerId(n),
            conn_type: ConnType::Inbound,
            connected_at: UnixTime::from_secs(n),
            ping_least: None,
            block_at: None,
            tx_at: None,
            has_wanted_services: false,
            relays_txs: true,
            has_bloom_filter: false,
            keyed_netgroup: 0,
            prefer_evict: false,
            is_local: false,
            network: HostNetwork::Ipv4,
            noban: false,
        };
        (0..count).map(candidate).collect()
    }

    #[track_caller]
    fn check(victim: u64, candidates: &[Candidate], problem: Option<&str>) {
        let problem = problem.map(str::to_owned);
        assert_eq!(check_victim(PeerId(victim), candidates).err(), problem);
    }

    #[test]
    fn who_is_among_the_best_is_no_victim() {
        let mut candidates = crowd(21);
        check(20, &candidates, None);
        check(7, &candidates, Some("peer 7 is evicted, and only 7 are better by ping"));
        check(20, &candidates[1..], Some("peer 20 is evicted of 20, all of whom are protected"));
        check(21, &candidates, Some("peer 21 is evicted, who was no inbound peer"));

        candidates[20].ping_least = Some(Duration::ZERO);
        check(20, &candidates, Some("peer 20 is evicted, and only 0 are better by ping"));
        candidates[20].ping_least = None;
        candidates[20].has_wanted_services = true;
        check(20, &candidates, Some("peer 20 is evicted, and only 0 are better by blocks"));
        candidates[20].relays_txs = false;
        candidates[..4].iter_mut().for_each(|one| one.has_wanted_services = true);
        check(20, &candidates, Some("peer 20 is evicted, and only 0 are better by blocks alone"));
        check(21, &crowd(32), None);
        check(13, &crowd(88), Some("peer 13 is evicted, and only 13 are better by age"));
        check(15, &crowd(88), None);
    }

    #[test]
    fn nobody_may_be_turned_away_where_some_are_not_protected() {
        assert_eq!(check_refusal(&crowd(20)), Ok(()));
        check_refusal(&crowd(21)).unwrap_err();
        let mut candidates = crowd(21);
        (candidates[0].relays_txs, candidates[0].has_wanted_services) = (false, true);
        assert_eq!(check_refusal(&candidates), Ok(()));
    }
}
