//! What always holds between the tables. Facts: Core addrman.cpp, `CheckAddrman`.

use std::collections::BTreeMap;
use std::fmt;

use super::tables::Counts;
use super::{
    AddrMan, COLLISIONS_MAX, ENTRIES_MAX, Entry, EntryId, NEW_BUCKETS_PER_ADDRESS, NetClass, Table,
};

/// Something that should never be, with the number that Core's check gives it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Inconsistency {
    /// −1: an address is tried, and never worked.
    TriedWithoutSuccess,
    /// −2: an address is in both tables.
    InBothTables,
    /// −3, −4, −12, −15: places and references of a new address differ, or their number is wrong.
    References,
    /// −5: an address has two entries, or none by its name.
    Name,
    /// −6, −8: a time before 1970.
    NegativeTime,
    /// −7, −9, −10: sizes, or counts of a network, disagree.
    Sizes,
    /// −11, −13: the tried table and the entries disagree.
    TriedTable,
    /// −14: the random order and the entries disagree.
    Order,
    /// −16: the key is zero.
    NoKey,
    /// −17, −18, −19: an address lies where it does not belong.
    WrongPlace,
    /// A list is longer than its bound.
    OverBound,
}

impl fmt::Display for Inconsistency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::TriedWithoutSuccess => "a tried address never worked",
            Self::InBothTables => "an address is in both tables",
            Self::References => "an address has not the places that it counts",
            Self::Name => "an address has two entries",
            Self::NegativeTime => "a time lies before 1970",
            Self::Sizes => "counts differ from what they count",
            Self::TriedTable => "the tried table differs from its entries",
            Self::Order => "the random order differs from the entries",
            Self::NoKey => "the key is zero",
            Self::WrongPlace => "an address lies where it does not belong",
            Self::OverBound => "a list is over its bound",
        })
    }
}

/// An error where a fact does not hold.
const fn holds(fact: bool, otherwise: Inconsistency) -> Result<(), Inconsistency> {
    if fact { Ok(()) } else { Err(otherwise) }
}

impl AddrMan {
    /// Panics if anything does not hold that always should.
    pub fn check_invariants(&self) {
        if let Err(inconsistency) = self.check() {
            panic!("the address manager is broken: {inconsistency}");
        }
    }

    /// The first thing that does not hold.
    ///
    /// # Errors
    ///
    /// What it is. A file can bring it about; after that, only an error of ours.
    pub fn check(&self) -> Result<(), Inconsistency> {
        self.check_sizes()?;
        for (id, entry) in &self.entries {
            self.check_entry(*id, entry)?;
        }
        self.check_counts()?;
        self.check_tried()?;
        self.check_new()
    }

    /// The part of it that costs nothing, for after each step: how much there is of everything.
    ///
    /// # Errors
    ///
    /// The first thing that does not hold.
    pub fn check_sizes(&self) -> Result<(), Inconsistency> {
        holds(self.key.as_bytes() != &[0; 32], Inconsistency::NoKey)?;
        holds(self.entries.len() <= ENTRIES_MAX, Inconsistency::OverBound)?;
        holds(self.collisions.len() <= COLLISIONS_MAX, Inconsistency::OverBound)?;
        holds(self.ids.len() == self.entries.len(), Inconsistency::Name)?;
        holds(self.order.len() == self.entries.len(), Inconsistency::Sizes)?;
        holds(self.size(None, None) == self.entries.len(), Inconsistency::Sizes)?;
        holds(self.size(None, Some(Table::Tried)) == self.tried.len(), Inconsistency::TriedTable)
    }

    fn check_entry(&self, id: EntryId, entry: &Entry) -> Result<(), Inconsistency> {
        holds(self.ids.get(&entry.service) == Some(&id), Inconsistency::Name)?;
        holds(self.order.get(entry.order_index) == Some(&id), Inconsistency::Order)?;
        let times = [entry.time, entry.last_try, entry.last_counted, entry.last_success];
        holds(times.iter().all(|time| *time >= 0), Inconsistency::NegativeTime)?;
        holds(id.0 < self.next_id, Inconsistency::Name)?;
        if entry.tried {
            holds(entry.last_success > 0, Inconsistency::TriedWithoutSuccess)?;
            holds(entry.references == 0, Inconsistency::InBothTables)
        } else {
            let allowed = 1..=NEW_BUCKETS_PER_ADDRESS;
            holds(allowed.contains(&entry.references), Inconsistency::References)
        }
    }

    fn check_counts(&self) -> Result<(), Inconsistency> {
        let mut counts = [Counts::default(); NetClass::COUNT];
        for entry in self.entries.values() {
            let of = &mut counts[entry.service.addr.network() as usize];
            *(if entry.tried { &mut of.tried } else { &mut of.new }) += 1;
        }
        holds(counts == self.counts, Inconsistency::Sizes)
    }

    fn check_tried(&self) -> Result<(), Inconsistency> {
        for (slot, id) in &self.tried {
            let tried = self.entries.get(id).is_some_and(|entry| entry.tried);
            holds(tried, Inconsistency::TriedTable)?;
            holds(self.tried_slot(*id) == *slot, Inconsistency::WrongPlace)?;
        }
        // As many places as tried entries, each at its own: every one has exactly one.
        let tried = self.entries.values().filter(|entry| entry.tried).count();
        holds(tried == self.tried.len(), Inconsistency::TriedTable)
    }

    fn check_new(&self) -> Result<(), Inconsistency> {
        let mut places = BTreeMap::<EntryId, u8>::new();
        for (slot, id) in &self.new {
            let entry = self.entries.get(id).ok_or(Inconsistency::References)?;
            let belongs = self.key.new_slot_in(&entry.service, slot.bucket);
            holds(belongs == *slot, Inconsistency::WrongPlace)?;
            let counted = places.entry(*id).or_default();
            *counted = counted.checked_add(1).ok_or(Inconsistency::References)?;
        }
        let counted = |id: &EntryId| places.get(id).copied().unwrap_or_default();
        let agree = self.entries.iter().all(|(id, entry)| counted(id) == entry.references);
        holds(agree, Inconsistency::References)
    }
}
