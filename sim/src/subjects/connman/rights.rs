//! What some peers may do that others may not, because somebody on the node's side said so.
//!
//! docs/behaviour.md, bans 3 and handshake 12. It takes from the library what an entry of the
//! whitelist says, and decides itself whom it is for and what follows.

#![expect(clippy::wildcard_enum_match_arm, reason = "an oracle looks at what concerns it")]

use std::net::IpAddr;

use sockman::connman::permissions::{Permissions, Whitelist};
use sockman::connman::{Config, ConnType};
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
    /// The node offers Bloom filters to it.
    pub(super) has_bloom: bool,
    /// It may tell as many addresses as it likes, and hears others than everybody.
    pub(super) has_addr: bool,
}

impl Rights {
    /// Those of whoever is at the other end: of those who come by the entries for them, of those
    /// who were dialled by hand by the others. Whom the node has chosen itself has none.
    pub(super) fn of(config: &Config, endpoint: &Endpoint, conn_type: ConnType) -> Self {
        let by_hand = conn_type == ConnType::Manual;
        let is_for = |entry: &&Whitelist| {
            let directions = entry.directions;
            let fits = match conn_type {
                ConnType::Inbound => directions.inbound,
                ConnType::Manual => directions.outbound,
                _ => false,
            };
            fits && is_in(&entry.subnet.to_string(), endpoint)
        };
        let granted: Vec<_> =
            config.whitelist.iter().filter(is_for).map(|entry| entry.permissions).collect();
        // One that names none grants these two, and others.
        let has = |one| granted.iter().any(|all| all.is_implicit() || all.has(one));
        let has_addr = granted.iter().any(|all| all.has(Permissions::ADDR));
        let has_noban = has(Permissions::NOBAN);
        let has_mempool = has(Permissions::MEMPOOL);
        // Who is dialled is offered what everybody is.
        let is_inbound = conn_type == ConnType::Inbound;
        let has_bloom = is_inbound && granted.iter().any(|all| all.has(Permissions::BLOOM_FILTER));
        let is_vouched_for = by_hand || has_noban;
        Self { is_vouched_for, has_noban, has_mempool, has_bloom, has_addr }
    }
}

/// Whether an address is the node's own host, where everybody comes from who comes by Tor.
pub(super) const fn is_local(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => matches!(ip.octets()[0], 0 | 127),
        IpAddr::V6(ip) => ip.is_loopback(),
    }
}
