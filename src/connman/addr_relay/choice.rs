//! Whom an address is relayed to: one or two peers, the same ones for a day.
//!
//! A keyed hash of the address, the day and the peer decides, so that an address that is sent again
//! and again takes one way, and nobody can choose the way. Core: net_processing.cpp,
//! `RelayAddress`.

use crate::connman::PeerId;
use crate::connman::addrman::NetService;
use crate::rng::OrderKey;
use crate::time::UnixTime;

/// For how long the choice stands, in seconds; it changes at another moment for each address. Core:
/// `ROTATE_ADDR_RELAY_DEST_INTERVAL`, 24 h.
const ROTATION_SECS: u64 = 24 * 3600;

/// Most peers that an address is relayed to. Core: `nRelayNodes`.
pub const RELAY_PEERS_MAX: usize = 2;

/// Whether we can connect to an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reach {
    Reachable,
    Unreachable,
}

/// Who is told of an address, of those who may be: two, or sometimes one if we cannot reach it.
pub(super) fn choose<T: Copy>(
    key: &OrderKey,
    service: &NetService,
    reach: Reach,
    now: UnixTime,
    peers: impl Iterator<Item = (PeerId, T)>,
) -> Vec<T> {
    let mut address = service.key();
    address.push(service.addr.network() as u8);
    // Not a secret, as in the reference: it only spreads the moments of the change.
    let moment = address.iter().fold(0_u64, |sum, byte| sum.wrapping_mul(257) + u64::from(*byte));
    let day = now.as_secs().wrapping_add(moment % ROTATION_SECS) / ROTATION_SECS;
    address.extend_from_slice(&day.to_le_bytes());
    let both = reach == Reach::Reachable || key.hash(&address) & 1 == 1;
    let count = if both { RELAY_PEERS_MAX } else { 1 };
    let rank = |peer: PeerId| key.hash(&[&address[..], &peer.0.to_le_bytes()].concat());
    let mut ranked: Vec<_> = peers.map(|(peer, what)| (rank(peer), peer, what)).collect();
    ranked.sort_unstable_by_key(|(rank, peer, _)| std::cmp::Reverse((*rank, *peer)));
    ranked.into_iter().take(count).map(|(_, _, what)| what).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::net::Ipv4Addr;
    use std::time::Duration;

    use super::*;
    use crate::connman::addrman::NetAddr;
    use crate::rng::{Purpose, Seed};

    const START: UnixTime = UnixTime::from_secs(1_700_000_000);

    fn told(n: u32, reach: Reach, now: UnixTime, peers: u64) -> Vec<u64> {
        let key = OrderKey::new(&Seed::from_number(1), Purpose::AddrRelay);
        let service = NetService { addr: NetAddr::Ipv4(Ipv4Addr::from_bits(n)), port: 8333 };
        choose(&key, &service, reach, now, (0..peers).map(|peer| (PeerId(peer), peer)))
    }

    #[test]
    fn two_are_told_and_one_or_two_of_what_we_cannot_reach() {
        let counts =
            |reach| -> BTreeSet<_> { (0..50).map(|n| told(n, reach, START, 9).len()).collect() };
        assert_eq!(counts(Reach::Reachable), BTreeSet::from([2]));
        assert_eq!(counts(Reach::Unreachable), BTreeSet::from([1, 2]));
        assert_eq!(told(1, Reach::Reachable, START, 1), [0]);
        assert!(told(1, Reach::Reachable, START, 0).is_empty());
    }

    #[test]
    fn choice_stands_for_a_day_and_changes_at_moments_of_its_own() {
        let hours: Vec<_> = (0..48).map(|hour| START + Duration::from_secs(hour * 3600)).collect();
        let mut changed_at = BTreeSet::new();
        for n in 0..50 {
            let choices: Vec<_> =
                hours.iter().map(|at| told(n, Reach::Reachable, *at, 50)).collect();
            let changes = choices.windows(2).enumerate().filter(|(_, two)| two[0] != two[1]);
            let changes: Vec<_> = changes.map(|(hour, _)| hour).collect();
            assert!(changes.len() <= 2, "{n}: {changes:?}");
            assert!(changes.windows(2).all(|two| two[1] - two[0] == 24), "{n}: {changes:?}");
            changed_at.extend(changes);
        }
        assert!(changed_at.len() > 10, "{changed_at:?}");
    }

    #[test]
    fn everybody_is_chosen_as_often() {
        let mut counts = [0; 10];
        for n in 0..1_000 {
            told(n, Reach::Reachable, START, 10)
                .into_iter()
                .for_each(|peer| counts[usize::try_from(peer).unwrap()] += 1);
        }
        assert!(counts.iter().all(|count| (150..250).contains(count)), "{counts:?}");
    }
}
