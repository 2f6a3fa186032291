//! The two tables and the moves between them; decides nothing.
//!
//! Facts: Core addrman.cpp, `Create`, `Delete`, `ClearNew`, `MakeTried`, `SwapRandom`.

use std::collections::BTreeMap;

use super::{AddrMan, Entry, EntryId, NEW_BUCKETS, NetService, Slot};

/// One of the two tables.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Table {
    /// What we were told.
    New,
    /// What worked.
    Tried,
}

/// How many addresses of a network are in each table.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Counts {
    pub(super) new: usize,
    pub(super) tried: usize,
}

impl AddrMan {
    pub(super) const fn table(&self, table: Table) -> &BTreeMap<Slot, EntryId> {
        match table {
            Table::New => &self.new,
            Table::Tried => &self.tried,
        }
    }

    pub(super) fn entry(&self, id: EntryId) -> &Entry {
        self.entries.get(&id).expect("whoever has an id has it of an entry that is there")
    }

    pub(super) fn entry_mut(&mut self, id: EntryId) -> &mut Entry {
        self.entries.get_mut(&id).expect("whoever has an id has it of an entry that is there")
    }

    pub(super) fn counts_of(&mut self, service: &NetService) -> &mut Counts {
        &mut self.counts[service.addr.network() as usize]
    }

    /// The place that an address has in the new table by its first source.
    pub(super) fn own_new_slot(&self, id: EntryId) -> Slot {
        let entry = self.entry(id);
        self.key.new_slot(&entry.service, &entry.source, self.groups)
    }

    pub(super) fn tried_slot(&self, id: EntryId) -> Slot {
        self.key.tried_slot(&self.entry(id).service, self.groups)
    }

    /// Takes in an entry, which counts as new and has no place yet.
    pub(super) fn create(&mut self, mut entry: Entry) -> EntryId {
        let id = EntryId(self.next_id);
        self.next_id += 1;
        self.counts_of(&entry.service).new += 1;
        entry.order_index = self.order.len();
        self.order.push(id);
        let before = self.ids.insert(entry.service, id);
        assert!(before.is_none(), "an address has one entry");
        self.entries.insert(id, entry);
        id
    }

    /// Forgets an entry that has no place.
    pub(super) fn delete(&mut self, id: EntryId) {
        let entry = self.entry(id);
        assert!(!entry.tried, "a tried entry goes back to new first");
        assert_eq!(entry.references, 0, "an entry with a place stays");
        let (service, index) = (entry.service, entry.order_index);
        self.swap_order(index, self.order.len() - 1);
        self.order.pop();
        self.counts_of(&service).new -= 1;
        self.ids.remove(&service);
        self.entries.remove(&id);
    }

    /// Two entries change their places in the random order.
    pub(super) fn swap_order(&mut self, one: usize, other: usize) {
        self.order.swap(one, other);
        for index in [one, other] {
            let id = self.order[index];
            self.entry_mut(id).order_index = index;
        }
    }

    /// Gives an entry a free place in the new table.
    pub(super) fn put_new(&mut self, slot: Slot, id: EntryId) {
        let before = self.new.insert(slot, id);
        assert!(before.is_none(), "the place is free");
        self.entry_mut(id).references += 1;
    }

    /// Takes a place in the new table from whoever has it; who has no other is forgotten.
    pub(super) fn clear_new(&mut self, slot: Slot) {
        let Some(id) = self.new.remove(&slot) else { return };
        let entry = self.entry_mut(id);
        entry.references -= 1;
        if entry.references == 0 {
            self.delete(id);
        }
    }

    /// Moves an entry from new to tried. Who has its place there goes back to new.
    pub(super) fn make_tried(&mut self, id: EntryId) {
        self.take_out_of_new(id);
        let slot = self.tried_slot(id);
        if let Some(old) = self.tried.remove(&slot) {
            let service = self.entry(old).service;
            self.entry_mut(old).tried = false;
            self.counts_of(&service).tried -= 1;
            let back = self.own_new_slot(old);
            self.clear_new(back);
            self.put_new(back, old);
            self.counts_of(&service).new += 1;
        }
        self.put_tried(slot, id);
    }

    /// Gives an entry without a place a free one in the tried table.
    pub(super) fn put_tried(&mut self, slot: Slot, id: EntryId) {
        let before = self.tried.insert(slot, id);
        assert!(before.is_none(), "the place is free");
        let entry = self.entry_mut(id);
        assert_eq!(entry.references, 0, "a tried entry has no place in new");
        entry.tried = true;
        let service = entry.service;
        let counts = self.counts_of(&service);
        counts.new -= 1;
        counts.tried += 1;
    }

    /// Takes every place of an entry in the new table, beginning with the likeliest bucket.
    fn take_out_of_new(&mut self, id: EntryId) {
        let service = self.entry(id).service;
        let start = self.own_new_slot(id).bucket;
        let mut left = self.entry(id).references;
        for n in 0..NEW_BUCKETS {
            if left == 0 {
                break;
            }
            let slot = self.key.new_slot_in(&service, (start + n) % NEW_BUCKETS);
            if self.new.get(&slot) == Some(&id) {
                self.new.remove(&slot);
                left -= 1;
            }
        }
        assert_eq!(left, 0, "each reference is a place in a bucket");
        self.entry_mut(id).references = 0;
    }
}
