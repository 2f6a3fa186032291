//! The choice of an address to connect to. Facts: Core addrman.cpp, `Select_`.

use super::chance::Factor;
use super::entry::secs;
use super::{
    AddrMan, AddrRecord, BUCKET_SIZE, Entry, EntryId, NEW_BUCKETS, NetClass, Slot, TRIED_BUCKETS,
    Table,
};
use crate::rng::Draws;
use crate::time::UnixTime;

/// Buckets that one choice looks at before it takes the next address there is. Ours: Core looks on
/// without end. With the least chance 45 addresses are expected to do.
pub const SELECT_ROUNDS_MAX: u32 = 1 << 12;

/// Empty buckets that one choice looks into before it draws among those that are not: as likely,
/// and soon over where few addresses are. Ours.
pub(super) const EMPTY_BUCKETS_MAX: u32 = 32;

/// Among which addresses to choose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Which {
    /// Both tables, each half of the times.
    Any,
    /// Only what was never tried with success: for feelers.
    NewOnly,
}

/// An address that was chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Selected {
    /// The address.
    pub record: AddrRecord,
    /// When it was last tried; 1970 is never.
    pub last_try: UnixTime,
}

impl Selected {
    pub(super) fn of(entry: &Entry) -> Self {
        let last_try = UnixTime::from_secs(u64::try_from(entry.last_try).unwrap_or(0));
        Self { record: entry.record(), last_try }
    }
}

impl AddrMan {
    /// An address of one of the `networks`, or of any if none is named; `None` if there is none.
    #[must_use]
    pub fn select(
        &self,
        which: Which,
        networks: &[NetClass],
        now: UnixTime,
        draws: &mut Draws,
    ) -> Option<Selected> {
        let table = self.choose_table(which, networks, draws)?;
        let now = secs(now);
        let mut factor = Factor::START;
        let (mut empty, mut filled) = (0, Vec::new());
        for _ in 0..SELECT_ROUNDS_MAX {
            let start = draw_slot(table, &filled, draws);
            let Some(entry) = self.first_in_bucket(table, start, networks) else {
                empty += 1;
                if empty == EMPTY_BUCKETS_MAX {
                    filled = self.filled_buckets(table, networks);
                }
                continue;
            };
            if factor.takes(entry.chance(now), draws) {
                return Some(Selected::of(entry));
            }
            factor = factor.grown();
        }
        let mut slots = self.slots(table);
        slots.find(|(_, entry)| is_of(entry, networks)).map(|(_, entry)| Selected::of(entry))
    }

    /// The table to choose from, which has at least one address.
    fn choose_table(
        &self,
        which: Which,
        networks: &[NetClass],
        draws: &mut Draws,
    ) -> Option<Table> {
        let count = |table| -> usize {
            let size = |network| self.size(network, Some(table));
            if networks.is_empty() {
                size(None)
            } else {
                networks.iter().map(|n| size(Some(*n))).sum()
            }
        };
        let (new, tried) = (count(Table::New), count(Table::Tried));
        match which {
            Which::NewOnly if new == 0 => None,
            Which::NewOnly => Some(Table::New),
            Which::Any if new == 0 && tried == 0 => None,
            Which::Any if tried == 0 => Some(Table::New),
            Which::Any if new == 0 => Some(Table::Tried),
            Which::Any if draws.below(2) == 1 => Some(Table::Tried),
            Which::Any => Some(Table::New),
        }
    }

    /// The buckets that have an address which will do, in order.
    fn filled_buckets(&self, table: Table, networks: &[NetClass]) -> Vec<u16> {
        let fits = self.slots(table).filter(|(_, entry)| is_of(entry, networks));
        let mut buckets: Vec<_> = fits.map(|(slot, _)| slot.bucket).collect();
        buckets.dedup();
        buckets
    }

    /// The first address of a bucket that will do, from a position on and around.
    fn first_in_bucket(&self, table: Table, start: Slot, networks: &[NetClass]) -> Option<&Entry> {
        let table = self.table(table);
        let first = Slot { position: 0, ..start };
        let last = Slot { position: BUCKET_SIZE - 1, ..start };
        let around = table.range(start..=last).chain(table.range(first..start));
        let mut entries = around.map(|(_, id): (_, &EntryId)| self.entry(*id));
        entries.find(|entry| is_of(entry, networks))
    }
}

fn is_of(entry: &Entry, networks: &[NetClass]) -> bool {
    networks.is_empty() || networks.contains(&entry.service.addr.network())
}

/// A place of a table, in one of these buckets, or in any if none is named; each as likely as any.
fn draw_slot(table: Table, filled: &[u16], draws: &mut Draws) -> Slot {
    let buckets = match table {
        Table::New => NEW_BUCKETS,
        Table::Tried => TRIED_BUCKETS,
    };
    let bucket = if filled.is_empty() {
        u16::try_from(draws.below(u64::from(buckets))).expect("below the buckets")
    } else {
        filled[draws.index(filled.len())]
    };
    let position = u8::try_from(draws.below(u64::from(BUCKET_SIZE))).expect("below BUCKET_SIZE");
    Slot { bucket, position }
}
