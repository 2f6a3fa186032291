//! Where an address belongs: buckets and positions, computed from a secret key.
//!
//! Nobody who does not know the key can choose addresses that share a place. Facts: Core
//! addrman.cpp, `AddrInfo::GetTriedBucket`, `GetNewBucket`, `GetBucketPosition`; addrman_impl.h for
//! the sizes.

use sha2::{Digest as _, Sha256};

use crate::codec::push_compact_size;

use super::{NetAddr, NetGroups, NetService};

/// Buckets of the new table. Core: addrman_impl.h, `ADDRMAN_NEW_BUCKET_COUNT`.
pub const NEW_BUCKETS: u16 = 1024;
/// Buckets of the tried table. Core: addrman_impl.h, `ADDRMAN_TRIED_BUCKET_COUNT`.
pub const TRIED_BUCKETS: u16 = 256;
/// Positions in a bucket of either. Core: addrman_impl.h, `ADDRMAN_BUCKET_SIZE`.
pub const BUCKET_SIZE: u8 = 64;
/// Buckets that the tried addresses of one group may take. Core: addrman.cpp,
/// `ADDRMAN_TRIED_BUCKETS_PER_GROUP`.
pub const TRIED_BUCKETS_PER_GROUP: u64 = 8;
/// Buckets that what one source group told may take. Core: addrman.cpp,
/// `ADDRMAN_NEW_BUCKETS_PER_SOURCE_GROUP`.
pub const NEW_BUCKETS_PER_SOURCE_GROUP: u64 = 64;

/// A place in a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Slot {
    /// Below [`NEW_BUCKETS`] or [`TRIED_BUCKETS`].
    pub bucket: u16,
    /// Below [`BUCKET_SIZE`].
    pub position: u8,
}

/// The secret of one address manager.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key([u8; 32]);

impl Key {
    /// A key of 32 bytes, not all zero in a sound address manager.
    #[must_use]
    pub const fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// Its bytes, for `peers.dat`.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// The place of a tried address.
    #[must_use]
    pub fn tried_slot(&self, service: &NetService, groups: NetGroups) -> Slot {
        let key = service.key();
        let group = groups.group(&service.addr);
        let spread = self.hash().bytes(&key).finish() % TRIED_BUCKETS_PER_GROUP;
        let hash = self.hash().bytes(group.as_bytes()).raw(&spread.to_le_bytes()).finish();
        let bucket = hash % u64::from(TRIED_BUCKETS);
        self.slot(b'K', small(bucket), &key)
    }

    /// The place of an address that `source` told of.
    #[must_use]
    pub fn new_slot(&self, service: &NetService, source: &NetAddr, groups: NetGroups) -> Slot {
        let group = groups.group(&service.addr);
        let source = groups.group(source);
        let spread = self.hash().bytes(group.as_bytes()).bytes(source.as_bytes()).finish()
            % NEW_BUCKETS_PER_SOURCE_GROUP;
        let hash = self.hash().bytes(source.as_bytes()).raw(&spread.to_le_bytes()).finish();
        self.new_slot_in(service, small(hash % u64::from(NEW_BUCKETS)))
    }

    /// The place that an address has in a given bucket of the new table.
    #[must_use]
    pub fn new_slot_in(&self, service: &NetService, bucket: u16) -> Slot {
        self.slot(b'N', bucket, &service.key())
    }

    fn slot(&self, table: u8, bucket: u16, key: &[u8]) -> Slot {
        let number = i32::from(bucket).to_le_bytes();
        let hash = self.hash().raw(&[table]).raw(&number).bytes(key).finish();
        let position = hash % u64::from(BUCKET_SIZE);
        Slot { bucket, position: u8::try_from(position).expect("below BUCKET_SIZE") }
    }

    fn hash(&self) -> CheapHash {
        CheapHash(Sha256::new()).raw(&self.0)
    }
}

/// A bucket's number, from a remainder.
fn small(bucket: u64) -> u16 {
    u16::try_from(bucket).expect("below NEW_BUCKETS")
}

/// The first eight bytes of a double SHA-256 over serialized fields. Core: hash.h, `HashWriter`,
/// `GetCheapHash`.
struct CheapHash(Sha256);

impl CheapHash {
    /// Bytes with their number in front.
    fn bytes(self, bytes: &[u8]) -> Self {
        let mut length = Vec::new();
        push_compact_size(&mut length, bytes.len());
        self.raw(&length).raw(bytes)
    }

    /// Bytes as they are.
    fn raw(mut self, bytes: &[u8]) -> Self {
        self.0.update(bytes);
        self
    }

    fn finish(self) -> u64 {
        let hash = Sha256::digest(self.0.finalize());
        let first = hash.first_chunk().expect("a hash has 32 bytes");
        u64::from_le_bytes(*first)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::super::net_addr::tests::ip;
    use super::*;

    /// The keys of Core test/addrman_tests.cpp: the double SHA-256 of 1 and of 2, four bytes each.
    fn key(number: u32) -> Key {
        Key::new(Sha256::digest(Sha256::digest(number.to_le_bytes())).into())
    }

    fn service(addr: &str, port: u16) -> NetService {
        NetService { addr: ip(addr), port }
    }

    /// Core test/addrman_tests.cpp, `caddrinfo_get_tried_bucket`.
    #[test]
    fn tried_buckets_are_those_of_core() {
        let bucket =
            |key: &Key, addr: &str, port| key.tried_slot(&service(addr, port), NetGroups).bucket;
        assert_eq!(bucket(&key(1), "250.1.1.1", 8333), 40);
        assert_ne!(bucket(&key(2), "250.1.1.1", 8333), 40);
        assert_ne!(bucket(&key(1), "250.1.1.1", 9999), 40);
        let buckets = |addr: &dyn Fn(u8) -> String| {
            let buckets = (0..255).map(|n| bucket(&key(1), &addr(n), 0));
            buckets.collect::<BTreeSet<_>>().len()
        };
        assert_eq!(buckets(&|n| format!("250.1.1.{n}")), 8);
        assert_eq!(buckets(&|n| format!("250.{n}.1.1")), 160);
    }

    /// Core test/addrman_tests.cpp, `caddrinfo_get_new_bucket`.
    #[test]
    fn new_buckets_are_those_of_core() {
        let bucket = |key: &Key, addr: &str, source: &str, port| {
            key.new_slot(&service(addr, port), &ip(source), NetGroups).bucket
        };
        assert_eq!(bucket(&key(1), "250.1.2.1", "250.1.2.1", 8333), 786);
        assert_ne!(bucket(&key(2), "250.1.2.1", "250.1.2.1", 8333), 786);
        assert_eq!(bucket(&key(1), "250.1.2.1", "250.1.2.1", 9999), 786);
        let of_one_source = (0..1020).map(|n| {
            bucket(&key(1), &format!("{}.{}.1.1", 250 + n / 255, n % 256), "251.4.1.1", 0)
        });
        assert!(of_one_source.collect::<BTreeSet<_>>().len() <= 64);
        let of_many = (0..255).map(|n| bucket(&key(1), "250.1.1.1", &format!("250.{n}.1.1"), 0));
        assert!(of_many.collect::<BTreeSet<_>>().len() > 64);
    }
}
