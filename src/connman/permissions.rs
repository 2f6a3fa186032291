//! Permissions: what some peers may do that others may not, and the options that say who.
//! docs/behaviour.md, bans 3. Core: net_permissions.cpp, net.cpp `AddWhitelistPermissionFlags`.

use std::fmt;
use std::net::SocketAddr;
use std::ops::BitOr;

use super::bans::{Subnet, SubnetError};
use super::host::{Cjdns, Host};

#[cfg(test)]
mod tests;

/// A set of permissions. Some are made of several bits, and held only with all of them. Core:
/// `NetPermissionFlags`.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Permissions(u32);

impl Permissions {
    /// None.
    pub const NONE: Self = Self(0);
    /// May set Bloom filters, whatever we offer to others. BIP 37.
    pub const BLOOM_FILTER: Self = Self(1 << 1);
    /// Its transactions are passed on, also where only blocks are relayed.
    pub const RELAY: Self = Self(1 << 3);
    /// Its transactions are passed on even if we have them. Brings [`Self::RELAY`].
    pub const FORCE_RELAY: Self = Self(1 << 2 | Self::RELAY.0);
    /// May ask for headers early, and for blocks beyond the upload target.
    pub const DOWNLOAD: Self = Self(1 << 6);
    /// Never banned, discouraged or evicted. Brings [`Self::DOWNLOAD`].
    pub const NOBAN: Self = Self(1 << 4 | Self::DOWNLOAD.0);
    /// May ask for the contents of the mempool. BIP 35.
    pub const MEMPOOL: Self = Self(1 << 5);
    /// May ask for addresses without limits.
    pub const ADDR: Self = Self(1 << 7);
    /// All of these.
    pub const ALL: Self = Self(
        Self::BLOOM_FILTER.0 | Self::FORCE_RELAY.0 | Self::NOBAN.0 | Self::MEMPOOL.0 | Self::ADDR.0,
    );
    /// An option named no permissions: [`Implicit`] says which these are.
    const IMPLICIT: Self = Self(1 << 31);

    /// Their names, in the order in which the node shows them. Core: `NetPermissions::ToStrings`.
    const NAMES: [(Self, &str); 7] = [
        (Self::BLOOM_FILTER, "bloomfilter"),
        (Self::NOBAN, "noban"),
        (Self::FORCE_RELAY, "forcerelay"),
        (Self::RELAY, "relay"),
        (Self::MEMPOOL, "mempool"),
        (Self::DOWNLOAD, "download"),
        (Self::ADDR, "addr"),
    ];

    /// Whether all of the others are held.
    #[must_use]
    pub const fn has(self, others: Self) -> bool {
        self.0 & others.0 == others.0
    }

    /// Whether an option named none, so that it grants what [`Implicit`] says.
    #[must_use]
    pub const fn is_implicit(self) -> bool {
        self.has(Self::IMPLICIT)
    }

    /// The names of those held, in the order of `getpeerinfo`.
    pub fn names(self) -> impl Iterator<Item = &'static str> {
        Self::NAMES.into_iter().filter(move |(one, _)| self.has(*one)).map(|(_, name)| name)
    }

    /// The permission that an option calls so.
    fn of_name(name: &str) -> Option<Self> {
        match name {
            "bloom" => Some(Self::BLOOM_FILTER),
            "all" => Some(Self::ALL),
            _ => Self::NAMES.into_iter().find(|(_, other)| *other == name).map(|(one, _)| one),
        }
    }

    /// With what is implicit spelled out.
    const fn expand(self, implicit: Implicit) -> Self {
        if !self.is_implicit() {
            return self;
        }
        let mut bits = self.0 & !Self::IMPLICIT.0 | Self::MEMPOOL.0 | Self::NOBAN.0;
        if implicit.relay {
            bits |= Self::RELAY.0;
        }
        if implicit.force_relay {
            bits |= Self::FORCE_RELAY.0;
        }
        Self(bits)
    }
}

impl BitOr for Permissions {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

impl fmt::Display for Permissions {
    /// Names with commas between, as an option takes them.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.names().collect();
        f.write_str(&names.join(","))
    }
}

impl fmt::Debug for Permissions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let implicit = if self.is_implicit() { ", implicit" } else { "" };
        write!(f, "Permissions({self}{implicit})")
    }
}

/// What belongs to the permissions of an option that names none, beside noban and mempool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Implicit {
    /// Core: `-whitelistrelay`, `DEFAULT_WHITELISTRELAY`.
    pub relay: bool,
    /// Core: `-whitelistforcerelay`, `DEFAULT_WHITELISTFORCERELAY`.
    pub force_relay: bool,
}

impl Implicit {
    /// The defaults of the reference.
    pub const DEFAULT: Self = Self { relay: true, force_relay: false };
}

/// Who began the connections that a whitelist is about; at least one of the two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Directions {
    /// The peer did.
    pub inbound: bool,
    /// We did, by hand.
    pub outbound: bool,
}

/// `-whitelist`: permissions for peers by their address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Whitelist {
    /// Which; perhaps implicit.
    pub permissions: Permissions,
    /// Whose.
    pub subnet: Subnet,
    /// For whose connections.
    pub directions: Directions,
}

/// `-whitebind`: permissions for whoever comes to an address of ours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Whitebind {
    permissions: Permissions,
    /// Where to listen. The port is not 0.
    pub address: SocketAddr,
}

/// Why an option gives no permissions. Offsets are in bytes from the start of its value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PermissionError {
    /// Nothing is called so.
    UnknownName {
        /// What stands there.
        name: String,
        /// Where it begins.
        offset: usize,
    },
    /// A direction stands alone.
    OnlyDirection,
    /// Nobody is dialled by a listener.
    OutInWhitebind {
        /// Where `out` begins.
        offset: usize,
    },
    /// What follows the `@` is no subnet.
    Subnet {
        /// Where it begins.
        offset: usize,
        /// What is wrong with it; its offsets count from there.
        error: SubnetError,
    },
    /// What follows the `@` is no IP address, perhaps with a port.
    Address {
        /// Where it begins.
        offset: usize,
    },
    /// The address has no port, or port 0.
    NoPort {
        /// Where it begins.
        offset: usize,
    },
}

/// What stands before a value.
struct Prefix {
    permissions: Permissions,
    directions: Directions,
    /// Where the value begins.
    value_offset: usize,
}

/// Whether `out` may be said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Out {
    Taken,
    Refused,
}

/// Core: `TryParsePermissionFlags`.
fn parse_prefix(text: &str, out: Out) -> Result<Prefix, PermissionError> {
    let neither = Directions { inbound: false, outbound: false };
    let inbound = Directions { inbound: true, outbound: false };
    let mut prefix =
        Prefix { permissions: Permissions::IMPLICIT, directions: inbound, value_offset: 0 };
    let Some((list, _)) = text.split_once('@') else { return Ok(prefix) };
    prefix.permissions = Permissions::NONE;
    prefix.directions = neither;
    for name in list.split(',') {
        let offset = prefix.value_offset;
        prefix.value_offset += name.len() + 1;
        match name {
            "" => {}
            "in" => prefix.directions.inbound = true,
            "out" if out == Out::Refused => return Err(PermissionError::OutInWhitebind { offset }),
            "out" => prefix.directions.outbound = true,
            _ => match Permissions::of_name(name) {
                Some(permission) => prefix.permissions = prefix.permissions | permission,
                None => return Err(PermissionError::UnknownName { name: name.to_owned(), offset }),
            },
        }
    }
    if prefix.directions == neither {
        prefix.directions = inbound;
    } else if prefix.permissions == Permissions::NONE {
        return Err(PermissionError::OnlyDirection);
    }
    Ok(prefix)
}

impl Whitelist {
    /// Reads `[permission,…@]subnet`, where `in` and `out` among the permissions say who began
    /// the connection: the peer, unless it says otherwise.
    pub fn parse(text: &str, cjdns: Cjdns) -> Result<Self, PermissionError> {
        let Prefix { permissions, directions, value_offset: offset } =
            parse_prefix(text, Out::Taken)?;
        let subnet = Subnet::parse(&text[offset..], cjdns)
            .map_err(|error| PermissionError::Subnet { offset, error })?;
        Ok(Self { permissions, subnet, directions })
    }
}

impl Whitebind {
    /// Reads `[permission,…@]address:port`.
    pub fn parse(text: &str) -> Result<Self, PermissionError> {
        let prefix = parse_prefix(text, Out::Refused)?;
        let offset = prefix.value_offset;
        let value = &text[offset..];
        let error = match value.parse::<SocketAddr>() {
            Ok(address) if address.port() != 0 => {
                return Ok(Self { permissions: prefix.permissions, address });
            }
            Ok(_) => PermissionError::NoPort { offset },
            Err(_) => match Host::parse(value, Cjdns::Unreachable) {
                Some(Host::V4(_) | Host::V6(_)) => PermissionError::NoPort { offset },
                _ => PermissionError::Address { offset },
            },
        };
        Err(error)
    }
}

/// The permissions of a peer that came to one of our addresses: those of the address, if it is a
/// [`Whitebind`], and of every entry that its own address is in. `host` is `None` where the
/// address says nothing, as for whoever comes through our onion service.
#[must_use]
pub fn of_inbound(
    listener: Option<&Whitebind>,
    host: Option<&Host>,
    whitelist: &[Whitelist],
    implicit: Implicit,
) -> Permissions {
    let granted = listener.map_or(Permissions::NONE, |listener| listener.permissions);
    let entries = whitelist.iter().filter(|entry| entry.directions.inbound);
    add_up(granted, host, entries).expand(implicit)
}

/// The permissions of a peer that we dialled by hand. Others that we dial have none.
#[must_use]
pub fn of_manual(host: Option<&Host>, whitelist: &[Whitelist], implicit: Implicit) -> Permissions {
    let entries = whitelist.iter().filter(|entry| entry.directions.outbound);
    add_up(Permissions::NONE, host, entries).expand(implicit)
}

fn add_up<'a>(
    granted: Permissions,
    host: Option<&Host>,
    entries: impl Iterator<Item = &'a Whitelist>,
) -> Permissions {
    let matching = entries.filter(|entry| host.is_some_and(|host| entry.subnet.contains(host)));
    matching.fold(granted, |sum, entry| sum | entry.permissions)
}

impl fmt::Display for PermissionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownName { name, offset } => {
                write!(f, "no permission is called {name:?}, at byte {offset}")
            }
            Self::OnlyDirection => f.write_str("only a direction, and no permission"),
            Self::OutInWhitebind { offset } => {
                write!(f, "a listener dials nobody: \"out\" at byte {offset}")
            }
            Self::Subnet { offset, error } => {
                write!(f, "no subnet at byte {offset}: {error}, from there")
            }
            Self::Address { offset } => write!(f, "no address at byte {offset}"),
            Self::NoPort { offset } => write!(f, "no port in the address at byte {offset}"),
        }
    }
}
