//! The addresses that a peer knows, because it told us of them or we told it.
//!
//! The reference keeps a rolling Bloom filter of 5,000 entries that errs once in a thousand, 27 KB
//! for each peer. What shows of it is kept: the last 5,000 are remembered, more than 7,500 never.
//! **Ours** are three sorted lists of fingerprints under a secret key, as in
//! [`bans::discouraged`](crate::connman::bans): 30 KB at worst, four bytes for each address before
//! that, and an error once in half a million.

use crate::connman::addrman::NetService;
use crate::rng::OrderKey;

/// Addresses that are surely remembered. Core: `SetupAddressRelay`, 5000.
pub const KNOWN_MIN: usize = 5_000;

/// Addresses in each of three generations. Core: `CRollingBloomFilter`, `nEntriesPerGeneration`.
const GENERATION: usize = KNOWN_MIN / 2;

/// What one peer knows.
#[derive(Clone, Debug)]
pub(super) struct Known {
    key: OrderKey,
    /// Each in order, the newest first.
    generations: [Vec<u32>; 3],
}

impl Known {
    /// Nothing.
    pub(super) fn new(key: OrderKey) -> Self {
        Self { key, generations: Default::default() }
    }

    /// Whether the peer knows an address, by its port as well.
    pub(super) fn contains(&self, service: &NetService) -> bool {
        let fingerprint = self.fingerprint(service);
        self.generations.iter().any(|all| all.binary_search(&fingerprint).is_ok())
    }

    /// The peer knows an address from now on. What it has known longest may be forgotten.
    pub(super) fn insert(&mut self, service: &NetService) {
        let fingerprint = self.fingerprint(service);
        let Err(place) = self.generations[0].binary_search(&fingerprint) else { return };
        if self.generations[0].len() == GENERATION {
            self.generations.rotate_right(1);
            self.generations[0] = vec![fingerprint];
            return;
        }
        self.generations[0].insert(place, fingerprint);
    }

    /// Forgets everything.
    pub(super) fn clear(&mut self) {
        self.generations = Default::default();
    }

    /// How many are remembered; one that is known anew counts twice.
    pub(super) fn count(&self) -> usize {
        self.generations.iter().map(Vec::len).sum()
    }

    /// Most that are remembered.
    pub(super) const COUNT_MAX: usize = 3 * GENERATION;

    fn fingerprint(&self, service: &NetService) -> u32 {
        // Tor keys and I2P hashes are both 32 bytes, so that the network counts too: ours.
        let mut bytes = service.key();
        bytes.push(service.addr.network() as u8);
        u32::try_from(self.key.hash(&bytes) >> 32).expect("the upper half")
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;
    use crate::connman::addrman::NetAddr;
    use crate::rng::{Purpose, Seed};

    fn service(n: usize) -> NetService {
        let addr = NetAddr::Ipv4(Ipv4Addr::from_bits(u32::try_from(n).unwrap()));
        NetService { addr, port: 8333 }
    }

    fn known() -> Known {
        Known::new(OrderKey::new(&Seed::from_number(1), Purpose::AddrKnown))
    }

    #[test]
    fn last_five_thousand_are_remembered_and_few_more() {
        let mut known = known();
        for n in 0..20_000 {
            known.insert(&service(n));
            if n % 1_250 == 0 || n == 19_999 {
                let oldest = (n + 1).saturating_sub(KNOWN_MIN);
                assert!((oldest..=n).all(|n| known.contains(&service(n))), "{n}");
                assert!(known.count() <= Known::COUNT_MAX, "{n}");
            }
        }
        assert!(!known.contains(&service(20_000)));
        assert!(!known.contains(&service(0)));
        known.clear();
        assert!(!known.contains(&service(19_999)));
    }

    #[test]
    fn what_is_known_anew_pushes_nothing_out() {
        let mut known = known();
        known.insert(&service(1));
        for _ in 0..3 * KNOWN_MIN {
            known.insert(&service(2));
        }
        assert!(known.contains(&service(1)));
        assert!(!known.contains(&NetService { port: 8334, ..service(1) }));
    }
}
