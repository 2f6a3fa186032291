//! Discouragement: hosts that misbehaved of late. docs/behaviour.md, bans 2.
//!
//! The reference keeps a rolling Bloom filter of 50,000 entries that errs once in a million. What
//! shows of it is kept: the last 50,000 are remembered, more than 75,000 never; nothing is taken
//! out, or written down. **Ours** are three sets of fingerprints under a secret key in place of its
//! three generations of bits: some megabytes at worst, no tuning, and an error once in 2^47. Who
//! is among the newest already takes no second place, so that nobody can push others out by
//! misbehaving again and again.

use std::collections::BTreeSet;

use crate::connman::host::Host;
use crate::rng::{OrderKey, Purpose, Seed};

/// Hosts that are surely remembered. Core: banman.h, `m_discouraged`, 50000.
pub const DISCOURAGED_MIN: usize = 50_000;

/// Hosts in each of three generations. Core: `CRollingBloomFilter`, `nEntriesPerGeneration`.
const GENERATION: usize = DISCOURAGED_MIN / 2;

/// Who is discouraged. See the head of the module.
#[derive(Clone, Debug)]
pub struct Discouraged {
    key: OrderKey,
    newest: BTreeSet<u64>,
    older: [BTreeSet<u64>; 2],
}

impl Discouraged {
    /// Nobody.
    #[must_use]
    pub fn new(seed: &Seed) -> Self {
        let key = OrderKey::new(seed, Purpose::Discouraged);
        Self { key, newest: BTreeSet::new(), older: Default::default() }
    }

    /// Discourages a host. Whoever was discouraged longest ago may be forgotten.
    pub fn add(&mut self, host: &Host) {
        let fingerprint = self.fingerprint(host);
        if self.newest.contains(&fingerprint) {
            return;
        }
        if self.newest.len() == GENERATION {
            self.older.swap(0, 1);
            self.older[0] = std::mem::take(&mut self.newest);
        }
        self.newest.insert(fingerprint);
        assert!(self.newest.len() <= GENERATION, "a generation is bounded");
    }

    /// Whether a host is.
    #[must_use]
    pub fn contains(&self, host: &Host) -> bool {
        let fingerprint = self.fingerprint(host);
        self.newest.contains(&fingerprint)
            || self.older.iter().any(|old| old.contains(&fingerprint))
    }

    /// Tor keys and I2P hashes are both 32 bytes, so that the network counts too: ours.
    fn fingerprint(&self, host: &Host) -> u64 {
        let mut bytes = host.bytes();
        bytes.push(host.network() as u8);
        self.key.hash(&bytes)
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    fn host(n: usize) -> Host {
        Host::V4(Ipv4Addr::from_bits(u32::try_from(n).unwrap()))
    }

    #[test]
    fn last_fifty_thousand_are_remembered_and_few_more() {
        let mut discouraged = Discouraged::new(&Seed::from_number(1));
        for n in 0..200_000 {
            discouraged.add(&host(n));
            if n % 12_500 == 0 || n == 199_999 {
                let oldest = (n + 1).saturating_sub(DISCOURAGED_MIN);
                assert!((oldest..=n).step_by(97).all(|n| discouraged.contains(&host(n))), "{n}");
                assert!(discouraged.contains(&host(oldest)), "{n}");
                let count = (0..=n).filter(|n| discouraged.contains(&host(*n))).count();
                assert!(count <= 3 * GENERATION, "{n}: {count}");
            }
        }
        assert!(!discouraged.contains(&host(200_000)));
    }

    #[test]
    fn misbehaving_again_pushes_nobody_out() {
        let mut discouraged = Discouraged::new(&Seed::from_number(1));
        discouraged.add(&host(1));
        for _ in 0..3 * DISCOURAGED_MIN {
            discouraged.add(&host(2));
        }
        assert!(discouraged.contains(&host(1)));
    }
}
