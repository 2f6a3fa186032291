//! Addresses that somebody told of. Facts: Core addrman.cpp, `AddSingle`.

use std::time::Duration;

use super::entry::secs;
use super::{AddrMan, AddrRecord, Entry, EntryId, NetAddr};
use crate::rng::Draws;
use crate::time::UnixTime;

/// Places in the new table that one address may have. Core: `ADDRMAN_NEW_BUCKETS_PER_ADDRESS`.
pub const NEW_BUCKETS_PER_ADDRESS: u8 = 8;
/// By how much the time of a gossiped address is distrusted. Core: net_processing.cpp,
/// `ProcessAddrs`, 2 h.
pub const TIME_PENALTY_GOSSIP: Duration = Duration::from_secs(2 * 3600);

/// An address seen within fewer seconds is online. Core: `AddSingle`.
const ONLINE_SECS: i64 = 24 * 3600;
/// The time of an address that is online moves by more seconds than this. Core: `AddSingle`.
const UPDATE_ONLINE_SECS: i64 = 3600;
/// The time of another by more than this. Core: `AddSingle`.
const UPDATE_OFFLINE_SECS: i64 = 24 * 3600;

impl AddrMan {
    /// Takes in what `source` told; says how many addresses got a place that they had not.
    ///
    /// Each time is made older by `penalty`, except of an address that speaks for itself. Another
    /// place for an address that has *r* is won once in 2^r times.
    pub fn add(
        &mut self,
        told: &[AddrRecord],
        source: &NetAddr,
        penalty: Duration,
        now: UnixTime,
        draws: &mut Draws,
    ) -> usize {
        let penalty = i64::try_from(penalty.as_secs()).unwrap_or(i64::MAX);
        let now = secs(now);
        let placed = told.iter().filter(|record| self.add_one(record, source, penalty, now, draws));
        placed.count()
    }

    /// Whether the address got a place.
    fn add_one(
        &mut self,
        record: &AddrRecord,
        source: &NetAddr,
        penalty: i64,
        now: i64,
        draws: &mut Draws,
    ) -> bool {
        if !record.service.addr.is_routable() {
            return false;
        }
        let penalty = if record.service.addr == *source { 0 } else { penalty };
        let time = secs(record.time).saturating_sub(penalty).max(0);
        let id = match self.ids.get(&record.service).copied() {
            Some(id) => {
                self.update(id, record, penalty, now);
                if !self.may_have_another_place(id, record, draws) {
                    return false;
                }
                id
            }
            None => self.create(Entry::new(record, time, *source)),
        };
        self.place(id, source, now)
    }

    /// Learns what is new about an address that is known.
    fn update(&mut self, id: EntryId, record: &AddrRecord, penalty: i64, now: i64) {
        let told = secs(record.time);
        let online = now - told < ONLINE_SECS;
        let interval = if online { UPDATE_ONLINE_SECS } else { UPDATE_OFFLINE_SECS };
        let entry = self.entry_mut(id);
        if entry.time < (told - interval).saturating_sub(penalty) {
            entry.time = told.saturating_sub(penalty).max(0);
        }
        entry.services = entry.services | record.services;
    }

    /// Whether an address that is known may be put into one more place.
    fn may_have_another_place(&self, id: EntryId, told: &AddrRecord, draws: &mut Draws) -> bool {
        let entry = self.entry(id);
        if secs(told.time) <= entry.time || entry.tried {
            return false;
        }
        let references = entry.references;
        assert!(references > 0, "what is not tried has a place in new");
        references < NEW_BUCKETS_PER_ADDRESS && draws.below(1 << references) == 0
    }

    /// Puts an address where its source's words belong, if that place is free or its owner's loss.
    fn place(&mut self, id: EntryId, source: &NetAddr, now: i64) -> bool {
        let entry = self.entry(id);
        let references = entry.references;
        let slot = self.key.new_slot(&entry.service, source, self.groups);
        let gets_it = match self.new.get(&slot) {
            None => true,
            Some(there) if *there == id => false,
            Some(there) => {
                let there = self.entry(*there);
                there.is_terrible(now) || (there.references > 1 && references == 0)
            }
        };
        if gets_it {
            self.clear_new(slot);
            self.put_new(slot, id);
        } else if references == 0 {
            self.delete(id);
        }
        gets_it
    }
}
