//! A naive address manager: a list of addresses, each with its places; everything by looking.
//!
//! Shares with the real one where places are, what is terrible and what a chance is, each of which
//! has tests of its own; its bookkeeping, its rules and the order of its draws are written anew.

use std::collections::BTreeSet;

use super::*;

/// An address of the model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Known {
    pub(super) entry: Entry,
    /// Its places in the new table.
    pub(super) places: BTreeSet<Slot>,
    /// When it came: never given twice.
    born: u64,
}

/// See the head of the module.
pub(super) struct Model {
    key: Key,
    /// In the random order.
    pub(super) known: Vec<Known>,
    /// By birth.
    waiting: BTreeSet<u64>,
    births: u64,
    last_good: i64,
}

const HOUR: i64 = 3600;

impl Model {
    pub(super) fn new(key: Key) -> Self {
        Self { key, known: Vec::new(), waiting: BTreeSet::new(), births: 0, last_good: 1 }
    }

    fn index(&self, service: &NetService) -> Option<usize> {
        self.known.iter().position(|known| known.entry.service == *service)
    }

    fn tried_place(&self, index: usize) -> Slot {
        self.key.tried_slot(&self.known[index].entry.service, NetGroups)
    }

    fn tried_at(&self, slot: Slot) -> Option<usize> {
        (0..self.known.len()).find(|n| self.known[*n].entry.tried && self.tried_place(*n) == slot)
    }

    fn new_at(&self, slot: Slot) -> Option<usize> {
        self.known.iter().position(|known| known.places.contains(&slot))
    }

    /// Takes a place from whoever has it.
    fn vacate(&mut self, slot: Slot) {
        let Some(index) = self.new_at(slot) else { return };
        self.known[index].places.remove(&slot);
        if self.known[index].places.is_empty() {
            self.known.swap_remove(index);
        }
    }

    fn occupy(&mut self, service: &NetService, slot: Slot) {
        let index = self.index(service).unwrap();
        self.known[index].places.insert(slot);
    }

    pub(super) fn add(
        &mut self,
        told: &AddrRecord,
        source: &NetAddr,
        penalty: i64,
        now: i64,
        draws: &mut Draws,
    ) -> bool {
        let time = i64::try_from(told.time.as_secs()).unwrap();
        let penalty = if told.service.addr == *source { 0 } else { penalty };
        if !told.service.addr.is_routable() {
            return false;
        }
        if let Some(index) = self.index(&told.service) {
            let Known { entry, places, .. } = &mut self.known[index];
            let interval = if now - time < 24 * HOUR { HOUR } else { 24 * HOUR };
            if entry.time < time - interval - penalty {
                entry.time = (time - penalty).max(0);
            }
            entry.services = entry.services | told.services;
            if time <= entry.time || entry.tried || places.len() == 8 {
                return false;
            }
            if draws.below(2_u64.pow(u32::try_from(places.len()).unwrap())) != 0 {
                return false;
            }
        } else {
            let entry = Entry::new(told, (time - penalty).max(0), *source);
            self.known.push(Known { entry, places: BTreeSet::new(), born: self.births });
            self.births += 1;
        }
        self.place(&told.service, source, now)
    }

    fn place(&mut self, service: &NetService, source: &NetAddr, now: i64) -> bool {
        let slot = self.key.new_slot(service, source, NetGroups);
        let index = self.index(service).unwrap();
        let homeless = self.known[index].places.is_empty();
        let fits = match self.new_at(slot) {
            Some(there) if there == index => false,
            Some(there) => {
                let there = &self.known[there];
                there.entry.is_terrible(now) || homeless && there.places.len() > 1
            }
            None => true,
        };
        if fits {
            self.vacate(slot);
            self.occupy(service, slot);
        } else if homeless {
            self.known.swap_remove(index);
        }
        fits
    }

    pub(super) fn good(&mut self, service: &NetService, now: i64) -> Good {
        self.last_good = now;
        let Some(index) = self.index(service) else { return Good::Unknown };
        let entry = &mut self.known[index].entry;
        (entry.last_success, entry.last_try, entry.attempts) = (now, now, 0);
        if entry.tried {
            Good::AlreadyTried
        } else if self.tried_at(self.tried_place(index)).is_some() {
            if self.waiting.len() < 10 {
                self.waiting.insert(self.known[index].born);
            }
            Good::Collides
        } else {
            self.promote(service);
            Good::Moved
        }
    }

    fn promote(&mut self, service: &NetService) {
        let index = self.index(service).unwrap();
        self.known[index].places.clear();
        let old = self.tried_at(self.tried_place(index));
        self.known[index].entry.tried = true;
        if let Some(old) = old {
            let Entry { service, source, .. } = self.known[old].entry;
            self.known[old].entry.tried = false;
            let slot = self.key.new_slot(&service, &source, NetGroups);
            self.vacate(slot);
            self.occupy(&service, slot);
        }
    }

    pub(super) fn attempt(&mut self, service: &NetService, counting: Counting, now: i64) {
        let Some(index) = self.index(service) else { return };
        let entry = &mut self.known[index].entry;
        entry.last_try = now;
        if counting == Counting::Counted && entry.last_counted < self.last_good {
            entry.last_counted = now;
            entry.attempts += 1;
        }
    }

    pub(super) fn connected(&mut self, service: &NetService, now: i64) {
        let Some(index) = self.index(service) else { return };
        let entry = &mut self.known[index].entry;
        if now - entry.time > 20 * 60 {
            entry.time = now;
        }
    }

    pub(super) fn set_services(&mut self, service: &NetService, services: Services) {
        if let Some(index) = self.index(service) {
            self.known[index].entry.services = services;
        }
    }

    pub(super) fn resolve(&mut self, now: i64) {
        for born in self.waiting.clone() {
            let Some(index) = self.known.iter().position(|known| known.born == born) else {
                self.waiting.remove(&born);
                continue;
            };
            let new = self.known[index].entry.clone();
            let old = self.tried_at(self.tried_place(index)).map(|n| self.known[n].entry.clone());
            let replaces = match old {
                None => true,
                Some(old) if now - old.last_success < 4 * HOUR => {
                    self.waiting.remove(&born);
                    continue;
                }
                Some(old) if now - old.last_try < 4 * HOUR => now - old.last_try > 60,
                Some(_) => now - new.last_success > 40 * 60,
            };
            if replaces {
                self.waiting.remove(&born);
                self.last_good = now;
                let entry = &mut self.known[index].entry;
                (entry.last_success, entry.last_try, entry.attempts) = (now, now, 0);
                if !entry.tried {
                    self.promote(&new.service);
                }
            }
        }
    }

    pub(super) fn select_collision(&mut self, draws: &mut Draws) -> Option<NetService> {
        if self.waiting.is_empty() {
            return None;
        }
        let born = *self.waiting.iter().nth(draws.index(self.waiting.len())).unwrap();
        let Some(index) = self.known.iter().position(|known| known.born == born) else {
            self.waiting.remove(&born);
            return None;
        };
        let old = self.tried_at(self.tried_place(index)).unwrap();
        Some(self.known[old].entry.service)
    }

    /// Chooses by looking at each place, one after the other.
    pub(super) fn select(
        &self,
        which: Which,
        networks: &[NetClass],
        now: i64,
        draws: &mut Draws,
    ) -> Option<NetService> {
        let fits = |known: &&Known| {
            networks.is_empty() || networks.contains(&known.entry.service.addr.network())
        };
        let tried = self.known.iter().filter(fits).filter(|known| known.entry.tried).count();
        let new = self.known.iter().filter(fits).count() - tried;
        let from_tried = match which {
            Which::NewOnly if new == 0 => return None,
            Which::NewOnly => false,
            Which::Any if new + tried == 0 => return None,
            Which::Any => tried > 0 && (new == 0 || draws.below(2) == 1),
        };
        let places = self.places(from_tried);
        let mut factor = chance::Factor::START;
        let (mut empty, mut filled) = (0, Vec::new());
        loop {
            if empty == 32 && filled.is_empty() {
                let of_use = places.iter().filter(|(_, index)| fits(&&self.known[*index]));
                filled = of_use.map(|(slot, _)| slot.bucket).collect();
                filled.sort_unstable();
                filled.dedup();
            }
            let bucket = if filled.is_empty() {
                u16::try_from(draws.below(if from_tried { 256 } else { 1024 })).unwrap()
            } else {
                filled[draws.index(filled.len())]
            };
            let start = draws.below(64);
            let at = |n: u64| {
                let position = u8::try_from((start + n) % 64).unwrap();
                let (_, index) = places.iter().find(|(s, _)| *s == Slot { bucket, position })?;
                Some(&self.known[*index])
            };
            let Some(known) = (0..64).filter_map(at).find(fits) else {
                empty += 1;
                continue;
            };
            if factor.takes(known.entry.chance(now), draws) {
                return Some(known.entry.service);
            }
            factor = factor.grown();
        }
    }

    /// Every place of a table, with who is there.
    fn places(&self, tried: bool) -> Vec<(Slot, usize)> {
        let of = |index: usize| -> Vec<Slot> {
            let known = &self.known[index];
            match (tried, known.entry.tried) {
                (true, true) => vec![self.tried_place(index)],
                (true, false) => Vec::new(),
                (false, _) => known.places.iter().copied().collect(),
            }
        };
        let all = 0..self.known.len();
        all.flat_map(|index| of(index).into_iter().map(move |slot| (slot, index))).collect()
    }

    pub(super) fn get_addr(
        &mut self,
        share: Share,
        now: i64,
        draws: &mut Draws,
    ) -> Vec<NetService> {
        let all = self.known.len();
        let mut count = share.percent_max.map_or(all, |percent| all * usize::from(percent) / 100);
        count = count.min(share.count_max.unwrap_or(count));
        let mut told = Vec::new();
        let mut index = 0;
        while told.len() < count && index < all {
            let drawn = index + draws.index(all - index);
            self.known.swap(index, drawn);
            let entry = &self.known[index].entry;
            let network = share.network.is_none_or(|n| entry.service.addr.net_class() == n);
            if network && (share.quality == Quality::Unfiltered || !entry.is_terrible(now)) {
                told.push(entry.service);
            }
            index += 1;
        }
        told
    }

    /// Whether the real one knows the same, in the same order and in the same places.
    #[track_caller]
    pub(super) fn compare(&self, addrman: &AddrMan) {
        assert_eq!(addrman.order.len(), self.known.len());
        for (id, known) in addrman.order.iter().zip(&self.known) {
            let real = &addrman.entries[id];
            let mut expected = known.entry.clone();
            expected.references = u8::try_from(known.places.len()).unwrap();
            expected.order_index = real.order_index;
            assert_eq!(*real, expected);
        }
        let mut places: Vec<_> = self
            .known
            .iter()
            .flat_map(|known| known.places.iter().map(|slot| (*slot, known.entry.service)))
            .collect();
        places.sort_unstable();
        let real = addrman.slots(Table::New).map(|(slot, entry)| (slot, entry.service));
        assert!(real.eq(places), "the new tables differ");
        let waiting: Vec<_> = self.waiting.iter().copied().map(EntryId).collect();
        assert_eq!(addrman.collisions.iter().copied().collect::<Vec<_>>(), waiting);
        assert_eq!(addrman.last_good, self.last_good);
    }
}
