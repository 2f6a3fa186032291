//! The address manager: which addresses are known, and which to try next.
//!
//! ```text
//!   add --> new table ---- good ----> tried table
//!             ^    (place free)            |
//!             '---- the one replaced ------'
//! ```
//!
//! An address that somebody told of lies in up to eight places of the *new* table; one that worked
//! lies in one place of the *tried* table. Places are computed from a secret key, the address, its
//! network group and its source's, so that who floods us with addresses gets few of them. An
//! address that worked and whose place is taken waits (a *collision*) until the other one was tried
//! again.
//!
//! [`AddrMan`] is pure: time and draws are arguments, files are byte slices ([`disk`]). It knows
//! nothing of connections, and connman does not use it yet. Equal calls give equal tables. Facts:
//! Core addrman.h, addrman.cpp, addrman_impl.h; docs/behaviour.md, addrman 1 to 5.

use std::collections::{BTreeMap, BTreeSet};

mod add;
mod chance;
mod check;
pub mod disk;
mod entry;
mod get_addr;
mod net_addr;
mod netgroup;
mod placement;
mod select;
mod tables;
mod tried;

pub use add::{NEW_BUCKETS_PER_ADDRESS, TIME_PENALTY_GOSSIP};
pub use check::Inconsistency;
pub use entry::{AddrRecord, Entry, EntryId, FAILURES_MAX, HORIZON_SECS, MIN_FAIL_SECS, RETRIES};
pub use get_addr::{ADDR_PERCENT_MAX, ADDR_TO_SEND_MAX, Quality, Share};
pub use net_addr::{ADDRV2_BYTES_MAX, NetAddr, NetClass, NetService};
pub use netgroup::{NetGroup, NetGroups};
pub use placement::{
    BUCKET_SIZE, Key, NEW_BUCKETS, NEW_BUCKETS_PER_SOURCE_GROUP, Slot, TRIED_BUCKETS,
    TRIED_BUCKETS_PER_GROUP,
};
pub use select::{SELECT_ROUNDS_MAX, Selected, Which};
pub use tables::Table;
pub use tried::{COLLISIONS_MAX, Counting, Good, REPLACEMENT_SECS, TEST_WINDOW_SECS};

use tables::Counts;

/// The most entries that both tables can hold.
pub const ENTRIES_MAX: usize =
    (NEW_BUCKETS as usize + TRIED_BUCKETS as usize) * BUCKET_SIZE as usize;

/// The address manager. See the head of the module.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AddrMan {
    key: Key,
    groups: NetGroups,
    /// At most [`ENTRIES_MAX`].
    entries: BTreeMap<EntryId, Entry>,
    /// The entry of each address with its port.
    ids: BTreeMap<NetService, EntryId>,
    /// Every entry once, in an order that [`AddrMan::get_addr`] goes on shuffling.
    order: Vec<EntryId>,
    /// At most [`NEW_BUCKETS`] times [`BUCKET_SIZE`].
    new: BTreeMap<Slot, EntryId>,
    /// At most [`TRIED_BUCKETS`] times [`BUCKET_SIZE`].
    tried: BTreeMap<Slot, EntryId>,
    next_id: u64,
    /// When any address last worked, in seconds since 1970.
    last_good: i64,
    /// Those whose place in the tried table is taken, at most [`COLLISIONS_MAX`]. Some may be gone.
    collisions: BTreeSet<EntryId>,
    counts: [Counts; NetClass::COUNT],
}

impl AddrMan {
    /// An empty one. The key is secret, and the same for as long as its files live.
    #[must_use]
    pub fn new(key: Key, groups: NetGroups) -> Self {
        Self {
            key,
            groups,
            entries: BTreeMap::new(),
            ids: BTreeMap::new(),
            order: Vec::new(),
            new: BTreeMap::new(),
            tried: BTreeMap::new(),
            next_id: 0,
            // Before the first success an attempt counts once. Core: `m_last_good`.
            last_good: 1,
            collisions: BTreeSet::new(),
            counts: [Counts::default(); NetClass::COUNT],
        }
    }

    /// How many addresses there are, of one network or of all, in one table or in both. Core:
    /// `AddrManImpl::Size_`.
    #[must_use]
    pub fn size(&self, network: Option<NetClass>, table: Option<Table>) -> usize {
        let counts = match network {
            Some(network) => std::slice::from_ref(&self.counts[network as usize]),
            None => &self.counts[..],
        };
        let of = |counts: &Counts| match table {
            Some(Table::New) => counts.new,
            Some(Table::Tried) => counts.tried,
            None => counts.new + counts.tried,
        };
        counts.iter().map(of).sum()
    }

    /// How many addresses were ever new, also those that are forgotten. While that stays as it is,
    /// nobody new is known.
    #[must_use]
    pub const fn entries_made(&self) -> u64 {
        self.next_id
    }

    /// All addresses that are known, in the order in which they were new.
    pub fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.entries.values()
    }

    /// What is known of an address.
    #[must_use]
    pub fn find(&self, service: &NetService) -> Option<&Entry> {
        self.ids.get(service).map(|id| self.entry(*id))
    }

    /// Every place of a table that is taken, in order, with who is there.
    pub fn slots(&self, table: Table) -> impl Iterator<Item = (Slot, &Entry)> {
        self.table(table).iter().map(|(slot, id)| (*slot, self.entry(*id)))
    }

    /// The addresses that wait for a place in the tried table and are still known.
    pub fn collisions(&self) -> impl Iterator<Item = &Entry> {
        self.collisions.iter().filter_map(|id| self.entries.get(id))
    }
}

#[cfg(test)]
mod tests;
