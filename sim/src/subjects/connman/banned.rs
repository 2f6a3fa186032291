//! Who is banned, as simply as it can be said: every ban ever made, by the text of its subnet.
//!
//! docs/behaviour.md, bans 1. It shares no code with the library but the text of a subnet.

use std::net::IpAddr;

use sockman::connman::bans::{BAN_TIME_DEFAULT, BanTime, Banned, Subnet};
use sockman::sockets::Endpoint;
use sockman::time::UnixTime;

/// The bans that were made and not lifted, each with the second in which it is over.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Bans(Vec<(String, u64)>);

impl Bans {
    /// Bans a subnet; what has to be told of it.
    pub(super) fn ban(&mut self, now: UnixTime, subnet: &Subnet, time: BanTime) -> Banned {
        let until = match time {
            BanTime::Default => now + BAN_TIME_DEFAULT,
            BanTime::For(duration) => now + duration,
            BanTime::Until(until) => until,
        };
        let (name, until) = (subnet.to_string(), until.as_secs());
        if self.0.iter().any(|(other, lasts)| *other == name && *lasts >= until) {
            return Banned::LastsLonger;
        }
        self.0.retain(|(other, _)| *other != name);
        self.0.push((name, until));
        self.sweep(now);
        Banned::Stands
    }

    /// Lifts the ban of a subnet; whether there was one.
    pub(super) fn unban(&mut self, now: UnixTime, subnet: &Subnet) -> bool {
        let (name, before) = (subnet.to_string(), self.0.len());
        self.0.retain(|(other, _)| *other != name);
        let was_banned = self.0.len() < before;
        if was_banned {
            self.sweep(now);
        }
        was_banned
    }

    /// Lifts all of them.
    pub(super) fn clear(&mut self) {
        self.0.clear();
    }

    /// Whether somebody is not to be let in.
    pub(super) fn covers(&self, now: UnixTime, endpoint: &Endpoint) -> bool {
        let lasts = |until: u64| now.as_secs() < until;
        self.0.iter().any(|(subnet, until)| lasts(*until) && is_in(subnet, endpoint))
    }

    /// What is wrong with a list of subnets and the seconds in which their bans are over, just
    /// after it was changed.
    pub(super) fn check_list(&self, mut listed: Vec<(String, i64)>) -> Result<(), String> {
        let own = self.0.iter().map(|(subnet, until)| (subnet.clone(), until.cast_signed()));
        let mut own: Vec<_> = own.collect();
        own.sort_unstable();
        listed.sort_unstable();
        if listed == own { Ok(()) } else { Err(format!("{listed:?} is listed, and not {own:?}")) }
    }

    /// With a change of the list, what is past its end is listed no more; it had no effect before.
    pub(super) fn sweep(&mut self, now: UnixTime) {
        self.0.retain(|(_, until)| now.as_secs() <= *until);
    }
}

/// Whether an endpoint is in the subnet of this text: an address, a slash and how many bits of it
/// count.
pub(super) fn is_in(subnet: &str, endpoint: &Endpoint) -> bool {
    let Some(ip) = endpoint.ip().map(|at| at.ip()) else { return false };
    let Some((base, bits)) = subnet.split_once('/') else { return false };
    let (Ok(base), Ok(bits)) = (base.parse::<IpAddr>(), bits.parse::<usize>()) else {
        return false;
    };
    let (base, ip) = (digits(base), digits(ip));
    base.len() == ip.len() && base[..bits] == ip[..bits] && !is_nobody(&ip)
}

/// The bits of an address, each a digit.
fn digits(ip: IpAddr) -> String {
    match ip {
        IpAddr::V4(ip) => format!("{:032b}", ip.to_bits()),
        IpAddr::V6(ip) => format!("{:0128b}", ip.to_bits()),
    }
}

/// Addresses that no subnet has: all zeros, all ones in IPv4, and those of documentation in IPv6.
fn is_nobody(ip: &str) -> bool {
    let documentation = format!("{:032b}", 0x2001_0db8);
    match ip.len() {
        32 => !ip.contains('1') || !ip.contains('0'),
        _ => !ip.contains('1') || ip.starts_with(&documentation),
    }
}
