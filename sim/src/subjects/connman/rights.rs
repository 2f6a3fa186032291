//! What some peers may do that others may not, because somebody on the node's side said so.
//!
//! docs/behaviour.md, bans 3 and handshake 12. It takes from the library what an entry of the
//! whitelist says, and decides itself whom it is for and what follows.

use std::net::IpAddr;

use sockman::connman::Config;
use sockman::connman::permissions::{Permissions, Whitelist};
use sockman::sockets::Endpoint;

use super::banned::is_in;

/// What matters of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Rights {
    /// Nothing that it does is misbehaviour.
    pub(super) is_vouched_for: bool,
    /// It is never banned or evicted.
    pub(super) has_noban: bool,
    /// It may ask for the mempool.
    pub(super) has_mempool: bool,
    /// It may tell as many addresses as it likes, and hears others than everybody.
    pub(super) has_addr: bool,
}

impl Rights {
    /// Those of whoever is at the other end: of those who come by the entries for them, of those
    /// who were dialled, all by hand, by the others.
    pub(super) fn of(config: &Config, endpoint: &Endpoint, by_node: bool) -> Self {
        let is_for = |entry: &&Whitelist| {
            let directions = entry.directions;
            let fits = if by_node { directions.outbound } else { directions.inbound };
            fits && is_in(&entry.subnet.to_string(), endpoint)
        };
        let granted: Vec<_> =
            config.whitelist.iter().filter(is_for).map(|entry| entry.permissions).collect();
        // One that names none grants these two, and others.
        let has = |one| granted.iter().any(|all| all.is_implicit() || all.has(one));
        let has_addr = granted.iter().any(|all| all.has(Permissions::ADDR));
        let has_noban = has(Permissions::NOBAN);
        let has_mempool = has(Permissions::MEMPOOL);
        Self { is_vouched_for: by_node || has_noban, has_noban, has_mempool, has_addr }
    }
}

/// Whether an address is the node's own host, where everybody comes from who comes by Tor.
pub(super) const fn is_local(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => matches!(ip.octets()[0], 0 | 127),
        IpAddr::V6(ip) => ip.is_loopback(),
    }
}
