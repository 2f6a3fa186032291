//! Bans: subnets that are not let in, because somebody on our side said so, each until some
//! moment; and discouragement, which is automatic. docs/behaviour.md, bans 1 and 2.
//!
//! It knows no file and no clock: [`mod@file`] makes text of a list and back. Core: banman.cpp.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use super::host::Host;
use crate::time::UnixTime;

mod discouraged;
pub mod file;
mod subnet;
#[cfg(test)]
mod tests;

pub use discouraged::{DISCOURAGED_MIN, Discouraged};
pub use subnet::{Subnet, SubnetError};

/// How long a ban lasts, unless told otherwise. Core: `DEFAULT_MISBEHAVING_BANTIME`, a day.
pub const BAN_TIME_DEFAULT: Duration = Duration::from_secs(24 * 60 * 60);

/// Most subnets in a list: ours, some 100 MB as a file; the reference has no bound.
pub const BANS_MAX: usize = 1 << 20;

/// One ban. Core: `CBanEntry`, without its version, which is always 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ban {
    /// When it was made, in seconds since 1970; a file may say anything.
    pub created: i64,
    /// The second in which it is over.
    pub until: i64,
}

/// How long to ban.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BanTime {
    /// For as long as the list's default says.
    Default,
    /// From now on. Nothing at all means the default. Core: an offset of 0.
    For(Duration),
    /// Until a moment; 1970 means the default.
    Until(UnixTime),
}

/// What became of a ban.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Banned {
    /// It stands, and the list has changed.
    Stands,
    /// The same subnet is banned for at least as long already.
    LastsLonger,
    /// The list has [`BANS_MAX`] subnets.
    Full,
}

/// The subnets that are banned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BanList {
    default_time: Duration,
    bans: BTreeMap<Subnet, Ban>,
}

impl BanList {
    /// An empty list, with what [`BanTime::Default`] is (Core: `-bantime`).
    #[must_use]
    pub const fn new(default_time: Duration) -> Self {
        Self { default_time, bans: BTreeMap::new() }
    }

    /// Bans a subnet. A ban of the same subnet is only ever made longer. Core: `BanMan::Ban`.
    pub fn ban(&mut self, now: UnixTime, subnet: Subnet, time: BanTime) -> Banned {
        let until = match time {
            BanTime::For(duration) if duration.as_secs() > 0 => after(now, duration),
            BanTime::Until(at) if at.as_secs() > 0 => seconds(at),
            BanTime::Default | BanTime::For(_) | BanTime::Until(_) => after(now, self.default_time),
        };
        self.insert_longer(subnet, Ban { created: seconds(now), until })
    }

    fn insert_longer(&mut self, subnet: Subnet, ban: Ban) -> Banned {
        let old = self.bans.get(&subnet);
        if old.is_some_and(|old| old.until >= ban.until) {
            return Banned::LastsLonger;
        }
        self.insert(subnet, ban)
    }

    /// Puts a ban in place of an older one of the same subnet.
    fn insert(&mut self, subnet: Subnet, ban: Ban) -> Banned {
        if self.bans.len() >= BANS_MAX && !self.bans.contains_key(&subnet) {
            return Banned::Full;
        }
        self.bans.insert(subnet, ban);
        Banned::Stands
    }

    /// Lifts the ban of exactly this subnet; whether there was one, expired or not.
    pub fn unban(&mut self, subnet: &Subnet) -> bool {
        self.bans.remove(subnet).is_some()
    }

    /// Lifts every ban.
    pub fn clear(&mut self) {
        self.bans.clear();
    }

    /// Removes what is over; whether there was any. Core: `SweepBanned`, strictly over, so that in
    /// its last second a ban has no effect and is still there.
    pub fn sweep(&mut self, now: UnixTime) -> bool {
        let before = self.bans.len();
        self.bans.retain(|_, ban| seconds(now) <= ban.until);
        self.bans.len() < before
    }

    /// Whether a host is in a subnet that is banned now. Takes one look for each prefix that the
    /// address can have, however long the list is.
    #[must_use]
    pub fn is_banned(&self, now: UnixTime, host: &Host) -> bool {
        Subnet::around(*host).any(|subnet| self.is_subnet_banned(now, &subnet))
    }

    /// Whether exactly this subnet is banned now.
    #[must_use]
    pub fn is_subnet_banned(&self, now: UnixTime, subnet: &Subnet) -> bool {
        self.bans.get(subnet).is_some_and(|ban| seconds(now) < ban.until)
    }

    /// How many bans there are, also of what is over and not swept.
    #[must_use]
    pub fn count(&self) -> usize {
        self.bans.len()
    }

    /// Every ban, also what is over and not swept, in the order of subnets.
    pub fn iter(&self) -> impl Iterator<Item = (&Subnet, &Ban)> {
        self.bans.iter()
    }
}

/// Whether somebody is to be left alone: for a while for what it did, or until a ban is over.
pub(super) fn is_kept_out(
    bans: &BanList,
    discouraged: &Discouraged,
    now: UnixTime,
    host: &Host,
) -> bool {
    discouraged.contains(host) || bans.is_banned(now, host)
}

impl fmt::Display for Banned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Stands => "banned",
            Self::LastsLonger => "banned for longer already",
            Self::Full => "the ban list is full",
        })
    }
}

fn seconds(at: UnixTime) -> i64 {
    i64::try_from(at.as_secs()).expect("a few hundred years fit")
}

fn after(now: UnixTime, duration: Duration) -> i64 {
    seconds(now).saturating_add_unsigned(duration.as_secs())
}
