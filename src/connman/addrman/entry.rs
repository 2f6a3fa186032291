//! What is known of one address, and what follows from it.
//!
//! Times are whole seconds since 1970, as Core keeps them. Facts: Core addrman.cpp,
//! `AddrInfo::IsTerrible`, `GetChance`; addrman_impl.h, `AddrInfo`.

use super::chance::{Tried, chance};
use super::{NetAddr, NetService};
use crate::connman::Services;
use crate::time::UnixTime;

/// How old an address may be, in seconds: 30 days. Core: `ADDRMAN_HORIZON`.
pub const HORIZON_SECS: i64 = 30 * 24 * 3600;
/// Failures after which an address that never worked is given up. Core: `ADDRMAN_RETRIES`.
pub const RETRIES: u32 = 3;
/// Failures after which an address that did not work for [`MIN_FAIL_SECS`] is given up. Core:
/// `ADDRMAN_MAX_FAILURES`.
pub const FAILURES_MAX: u32 = 10;
/// See [`FAILURES_MAX`]; 7 days in seconds. Core: `ADDRMAN_MIN_FAIL`.
pub const MIN_FAIL_SECS: i64 = 7 * 24 * 3600;
/// An address tried within this many seconds is not judged. Core: `IsTerrible`.
const JUST_TRIED_SECS: i64 = 60;
/// A time this many seconds ahead of ours cannot be right. Core: `IsTerrible`.
const AHEAD_SECS_MAX: i64 = 10 * 60;
/// An address tried within fewer seconds is less likely to be chosen. Core: `GetChance`.
const RECENTLY_TRIED_SECS: i64 = 10 * 60;

/// An address as it is told to others and by them. Core: protocol.h, `CAddress`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct AddrRecord {
    /// Where it is.
    pub service: NetService,
    /// What it offers, as far as known.
    pub services: Services,
    /// When it was last seen, in whole seconds; others say so, and may lie.
    pub time: UnixTime,
}

/// The number of an entry: given once, never again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EntryId(pub(super) u64);

/// One address of the tables. Every time is in seconds since 1970, and zero is never.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Where it is.
    pub service: NetService,
    /// What it offers, as far as known.
    pub services: Services,
    /// When it was last seen, never below zero.
    pub time: i64,
    /// Who told of it first.
    pub source: NetAddr,
    /// When we last tried it. Not in the file.
    pub last_try: i64,
    /// When we last tried it and counted the attempt. Not in the file.
    pub last_counted: i64,
    /// When it last worked.
    pub last_success: i64,
    /// Counted attempts since it last worked.
    pub attempts: u32,
    /// Places that it has in the new table, 0 to 8; zero exactly if it is tried.
    pub references: u8,
    /// Whether it is in the tried table.
    pub tried: bool,
    /// Where it stands in the random order.
    pub(super) order_index: usize,
}

impl Entry {
    /// An address of which nothing is known but what was told, in no table yet.
    pub(super) const fn new(record: &AddrRecord, time: i64, source: NetAddr) -> Self {
        Self {
            service: record.service,
            services: record.services,
            time,
            source,
            last_try: 0,
            last_counted: 0,
            last_success: 0,
            attempts: 0,
            references: 0,
            tried: false,
            order_index: 0,
        }
    }

    /// What others may hear of it.
    #[must_use]
    pub fn record(&self) -> AddrRecord {
        let time = UnixTime::from_secs(u64::try_from(self.time).unwrap_or(0));
        AddrRecord { service: self.service, services: self.services, time }
    }

    /// Whether it may be forgotten, and is not worth telling of. Core: `AddrInfo::IsTerrible`.
    #[must_use]
    pub const fn is_terrible(&self, now: i64) -> bool {
        if now - self.last_try <= JUST_TRIED_SECS {
            return false;
        }
        let ahead = self.time > now + AHEAD_SECS_MAX;
        let old = now - self.time > HORIZON_SECS;
        let never_worked = self.last_success == 0 && self.attempts >= RETRIES;
        let works_no_more =
            now - self.last_success > MIN_FAIL_SECS && self.attempts >= FAILURES_MAX;
        ahead || old || never_worked || works_no_more
    }

    /// How likely it is taken once the choice fell on it, in 2^60ths. Core: `AddrInfo::GetChance`.
    pub(super) fn chance(&self, now: i64) -> u64 {
        let recently = now - self.last_try < RECENTLY_TRIED_SECS;
        chance(self.attempts, if recently { Tried::JustNow } else { Tried::LongAgo })
    }
}

/// A moment in whole seconds.
pub(super) fn secs(moment: UnixTime) -> i64 {
    i64::try_from(moment.as_secs()).expect("a UnixTime ends in 2554")
}

#[cfg(test)]
mod tests {
    use super::super::net_addr::tests::ip;
    use super::*;

    const NOW: i64 = 1_700_000_000;
    const DAY: i64 = 24 * 3600;

    fn entry() -> Entry {
        let service = NetService { addr: ip("8.8.8.8"), port: 8333 };
        let record = AddrRecord { service, services: Services::NONE, time: UnixTime::EPOCH };
        Entry::new(&record, NOW, service.addr)
    }

    #[track_caller]
    fn check(terrible: bool, change: impl FnOnce(&mut Entry)) {
        let mut entry = entry();
        change(&mut entry);
        assert_eq!(entry.is_terrible(NOW), terrible, "{entry:?}");
    }

    #[test]
    fn terrible_begins_past_each_bound() {
        check(false, |_| ());
        check(false, |e| e.time = NOW + 600);
        check(true, |e| e.time = NOW + 601);
        check(false, |e| e.time = NOW - 30 * DAY);
        check(true, |e| e.time = NOW - 30 * DAY - 1);
        check(false, |e| e.attempts = 2);
        check(true, |e| e.attempts = 3);
        check(false, |e| (e.attempts, e.last_success) = (10, NOW - 7 * DAY));
        check(true, |e| (e.attempts, e.last_success) = (10, NOW - 7 * DAY - 1));
        check(false, |e| (e.attempts, e.last_success) = (9, NOW - 7 * DAY - 1));
        // Tried within the last minute: not judged.
        check(false, |e| (e.attempts, e.last_try) = (3, NOW - 60));
        check(true, |e| (e.attempts, e.last_try) = (3, NOW - 61));
    }

    #[test]
    fn chance_is_a_hundredth_for_ten_minutes() {
        let mut entry = entry();
        let full = entry.chance(NOW);
        entry.last_try = NOW - 600;
        assert_eq!(entry.chance(NOW), full);
        for last_try in [NOW - 599, NOW, NOW + 5] {
            entry.last_try = last_try;
            assert_eq!(entry.chance(NOW), (full + 50) / 100, "{last_try}");
        }
    }
}
