//! What trying an address came to, and who of two that want one place has it.
//!
//! Facts: Core addrman.cpp, `Good_`, `Attempt_`, `Connected_`, `SetServices_`,
//! `ResolveCollisions_`, `SelectTriedCollision_`.

use super::entry::secs;
use super::{AddrMan, EntryId, NetService, Selected};
use crate::connman::Services;
use crate::rng::Draws;
use crate::time::UnixTime;

/// Addresses that wait for a place in the tried table. Core: `ADDRMAN_SET_TRIED_COLLISION_SIZE`.
pub const COLLISIONS_MAX: usize = 10;
/// Whoever worked within this many seconds keeps its place: 4 h. Core: `ADDRMAN_REPLACEMENT`.
pub const REPLACEMENT_SECS: i64 = 4 * 3600;
/// For how many seconds at most the older is given a chance to be tried: 40 min. Core:
/// `ADDRMAN_TEST_WINDOW`.
pub const TEST_WINDOW_SECS: i64 = 40 * 60;
/// An attempt within this many seconds may still succeed. Core: `ResolveCollisions_`.
const ATTEMPT_SECS: i64 = 60;
/// The time of an address moves in steps of more than 20 min. Core: `Connected_`.
const CONNECTED_UPDATE_SECS: i64 = 20 * 60;

/// Whether a failed attempt counts against an address: not while nothing works.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Counting {
    /// It does, if any address worked since the last that counted.
    Counted,
    /// It does not.
    Uncounted,
}

/// What became of an address that worked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Good {
    /// It is not known.
    Unknown,
    /// It is in the tried table already.
    AlreadyTried,
    /// It went to the tried table.
    Moved,
    /// Its place there is taken; it waits, or there were [`COLLISIONS_MAX`] who do.
    Collides,
}

/// What to do about a collision.
enum Verdict {
    KeepOld,
    Postpone,
    PutNew,
}

impl AddrMan {
    /// An address worked. Its time stays, or whom we are connected to could be read from what we
    /// tell.
    pub fn good(&mut self, service: &NetService, now: UnixTime) -> Good {
        let now = secs(now);
        self.last_good = now;
        let Some(id) = self.ids.get(service).copied() else { return Good::Unknown };
        self.note_success(id, now);
        if self.entry(id).tried {
            return Good::AlreadyTried;
        }
        if self.tried.contains_key(&self.tried_slot(id)) {
            if self.collisions.len() < COLLISIONS_MAX {
                self.collisions.insert(id);
            }
            return Good::Collides;
        }
        self.make_tried(id);
        Good::Moved
    }

    fn note_success(&mut self, id: EntryId, now: i64) {
        let entry = self.entry_mut(id);
        entry.last_success = now;
        entry.last_try = now;
        entry.attempts = 0;
    }

    /// An address was tried, whatever came of it.
    pub fn attempt(&mut self, service: &NetService, counting: Counting, now: UnixTime) {
        let last_good = self.last_good;
        let Some(id) = self.ids.get(service).copied() else { return };
        let entry = self.entry_mut(id);
        entry.last_try = secs(now);
        if counting == Counting::Counted && entry.last_counted < last_good {
            entry.last_counted = secs(now);
            entry.attempts = entry.attempts.saturating_add(1);
        }
    }

    /// We were connected to an address until now.
    pub fn connected(&mut self, service: &NetService, now: UnixTime) {
        let Some(id) = self.ids.get(service).copied() else { return };
        let entry = self.entry_mut(id);
        if secs(now) - entry.time > CONNECTED_UPDATE_SECS {
            entry.time = secs(now);
        }
    }

    /// An address said what it offers; what was known before is forgotten.
    pub fn set_services(&mut self, service: &NetService, services: Services) {
        if let Some(id) = self.ids.get(service).copied() {
            self.entry_mut(id).services = services;
        }
    }

    /// An address whose place somebody waits for, so that it can be tried once more. One that waits
    /// and is gone stops to wait.
    pub fn select_tried_collision(&mut self, draws: &mut Draws) -> Option<Selected> {
        if self.collisions.is_empty() {
            return None;
        }
        let id = *self.collisions.iter().nth(draws.index(self.collisions.len()))?;
        if !self.entries.contains_key(&id) {
            self.collisions.remove(&id);
            return None;
        }
        let old = *self.tried.get(&self.tried_slot(id))?;
        Some(Selected::of(self.entry(old)))
    }

    /// Decides what can be decided about those who wait for a place in the tried table.
    pub fn resolve_collisions(&mut self, now: UnixTime) {
        let now = secs(now);
        for id in self.collisions.clone() {
            match self.judge(id, now) {
                Verdict::Postpone => continue,
                Verdict::KeepOld => {}
                Verdict::PutNew => {
                    self.last_good = now;
                    self.note_success(id, now);
                    if !self.entry(id).tried {
                        self.make_tried(id);
                    }
                }
            }
            self.collisions.remove(&id);
        }
    }

    fn judge(&self, id: EntryId, now: i64) -> Verdict {
        let Some(new) = self.entries.get(&id) else { return Verdict::KeepOld };
        if !new.service.addr.is_valid() {
            return Verdict::KeepOld;
        }
        let Some(old) = self.tried.get(&self.tried_slot(id)) else { return Verdict::PutNew };
        let old = self.entry(*old);
        let tried_ago = now - old.last_try;
        if now - old.last_success < REPLACEMENT_SECS {
            Verdict::KeepOld
        } else if tried_ago < REPLACEMENT_SECS {
            if tried_ago > ATTEMPT_SECS { Verdict::PutNew } else { Verdict::Postpone }
        } else if now - new.last_success > TEST_WINDOW_SECS {
            Verdict::PutNew
        } else {
            Verdict::Postpone
        }
    }
}
