//! One host, by address and without a port, on whatever network it lives; and its text.
//!
//! Bans, discouragement and permissions speak of hosts. IPv4 within IPv6 is IPv4. Nothing is
//! looked up: a name that is no address is no host. Core: netaddress.cpp, `CNetAddr`.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use sha3::{Digest as _, Sha3_256};

use super::addrman::NetAddr;
use crate::sockets::Endpoint;

mod base32;

/// The network of a host, in the order of Core's `Network`, by which ban lists are sorted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum HostNetwork {
    /// IPv4.
    Ipv4,
    /// IPv6.
    Ipv6,
    /// Tor, version 3.
    Onion,
    /// I2P.
    I2p,
    /// CJDNS, which is fc00::/8.
    Cjdns,
}

/// An address without a port. Ordered by network, then by bytes, as in Core.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Host {
    /// IPv4.
    V4(Ipv4Addr),
    /// IPv6; none that stands for an IPv4 address.
    V6(Ipv6Addr),
    /// The public key of an onion service.
    Onion([u8; 32]),
    /// The hash of an I2P destination.
    I2p([u8; 32]),
    /// CJDNS; begins with fc.
    Cjdns(Ipv6Addr),
}

/// What fc00::/8 is. Core: `-cjdnsreachable`, `MaybeFlipIPv6toCJDNS`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Cjdns {
    /// CJDNS.
    Reachable,
    /// IPv6 for private use.
    Unreachable,
}

const ONION: &str = ".onion";
const I2P: &str = ".b32.i2p";
/// The version in an onion address. Tor: rend-spec-v3.
const ONION_VERSION: u8 = 3;

impl Host {
    /// The host of an IP address.
    #[must_use]
    pub fn from_ip(ip: IpAddr, cjdns: Cjdns) -> Self {
        match ip.to_canonical() {
            IpAddr::V4(ip) => Self::V4(ip),
            IpAddr::V6(ip) if ip.octets()[0] == 0xfc && cjdns == Cjdns::Reachable => {
                Self::Cjdns(ip)
            }
            IpAddr::V6(ip) => Self::V6(ip),
        }
    }

    /// The host of an endpoint, with fc00::/8 for IPv6; `None` where there is no address.
    #[must_use]
    pub fn of(endpoint: &Endpoint) -> Option<Self> {
        endpoint.ip().map(|at| Self::from_ip(at.ip(), Cjdns::Unreachable))
    }

    /// The host of an address; `None` for one that stands for a name.
    #[must_use]
    pub const fn of_addr(addr: &NetAddr) -> Option<Self> {
        match addr {
            NetAddr::Ipv4(ip) => Some(Self::V4(*ip)),
            NetAddr::Ipv6(ip) => Some(Self::V6(*ip)),
            NetAddr::Onion(key) => Some(Self::Onion(*key)),
            NetAddr::I2p(hash) => Some(Self::I2p(*hash)),
            NetAddr::Cjdns(bytes) => Some(Self::Cjdns(Ipv6Addr::from_octets(*bytes))),
            NetAddr::Internal(_) => None,
        }
    }

    /// Reads an address: IPv4, IPv6 with or without brackets, `….onion`, `….b32.i2p`. `None` if
    /// it is none of them. Shortened IPv4 (`1.2`) and scopes (`%eth0`) are none: ours.
    #[must_use]
    pub fn parse(text: &str, cjdns: Cjdns) -> Option<Self> {
        let lower = text.to_ascii_lowercase();
        if let Some(name) = lower.strip_suffix(ONION) {
            return parse_onion(name).map(Self::Onion);
        }
        if let Some(name) = lower.strip_suffix(I2P) {
            return base32::decode(name)?.try_into().ok().map(Self::I2p);
        }
        let inner = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
        let ip = match inner {
            Some(inner) => IpAddr::V6(inner.parse().ok()?),
            None => text.parse().ok()?,
        };
        Some(Self::from_ip(ip, cjdns))
    }

    /// Where it lives.
    #[must_use]
    pub const fn network(&self) -> HostNetwork {
        match self {
            Self::V4(_) => HostNetwork::Ipv4,
            Self::V6(_) => HostNetwork::Ipv6,
            Self::Onion(_) => HostNetwork::Onion,
            Self::I2p(_) => HostNetwork::I2p,
            Self::Cjdns(_) => HostNetwork::Cjdns,
        }
    }

    /// Whether it could be somebody: not 0.0.0.0, 255.255.255.255, ::, nor 2001:db8::/32 (RFC
    /// 3849). What is not belongs to no subnet. Core: `CNetAddr::IsValid`.
    #[must_use]
    pub fn is_valid(&self) -> bool {
        match self {
            Self::V4(ip) => !ip.is_unspecified() && !ip.is_broadcast(),
            Self::V6(ip) => !ip.is_unspecified() && ip.segments()[..2] != [0x2001, 0x0db8],
            Self::Cjdns(ip) => ip.octets()[0] == 0xfc,
            Self::Onion(_) | Self::I2p(_) => true,
        }
    }

    /// Its address, in bytes.
    #[must_use]
    pub fn bytes(&self) -> Vec<u8> {
        match self {
            Self::V4(ip) => ip.octets().to_vec(),
            Self::V6(ip) | Self::Cjdns(ip) => ip.octets().to_vec(),
            Self::Onion(key) | Self::I2p(key) => key.to_vec(),
        }
    }
}

impl fmt::Display for Host {
    /// As Core's `ToStringAddr`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::V4(ip) => ip.fmt(f),
            Self::V6(ip) | Self::Cjdns(ip) => ip.fmt(f),
            Self::Onion(key) => {
                let [first, second] = onion_checksum(key);
                let bytes = [&key[..], &[first, second, ONION_VERSION]].concat();
                write!(f, "{}{ONION}", base32::encode(&bytes))
            }
            Self::I2p(hash) => write!(f, "{}{I2P}", base32::encode(hash)),
        }
    }
}

/// The key in a name: 32 bytes, 2 of checksum, 1 of version.
fn parse_onion(name: &str) -> Option<[u8; 32]> {
    let bytes = base32::decode(name)?;
    let (key, rest) = bytes.split_first_chunk::<32>()?;
    let [first, second] = onion_checksum(key);
    (rest == [first, second, ONION_VERSION]).then_some(*key)
}

/// Tor: rend-spec-v3, "Encoding onion addresses".
fn onion_checksum(key: &[u8; 32]) -> [u8; 2] {
    let hash = Sha3_256::new()
        .chain_update(b".onion checksum")
        .chain_update(key)
        .chain_update([ONION_VERSION])
        .finalize();
    [hash[0], hash[1]]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: Option<(HostNetwork, &str)>) {
        let host = Host::parse(text, Cjdns::Unreachable);
        let found = host.map(|host| (host.network(), host.to_string()));
        assert_eq!(found, expected.map(|(n, s)| (n, s.to_owned())), "{text}");
    }

    #[test]
    fn addresses_are_read_and_shown() {
        use HostNetwork::{I2p, Ipv4, Ipv6, Onion};
        const KEY: &str = "pg6mmjiyjmcrsslvykfwnntlaru7p5svn6y2ymmju6nubxndf4pscryd.onion";
        const DESTINATION: &str = "udhdrtrcetjm5sxzskjyr5ztpeszydbh4dpl3pl4utgqqw2v4jna.b32.i2p";
        check("1.2.3.4", Some((Ipv4, "1.2.3.4")));
        check("::ffff:1.2.3.4", Some((Ipv4, "1.2.3.4")));
        check("[2A00::1]", Some((Ipv6, "2a00::1")));
        check("fc00::1", Some((Ipv6, "fc00::1")));
        check(KEY, Some((Onion, KEY)));
        check(&KEY.to_uppercase(), Some((Onion, KEY)));
        check(DESTINATION, Some((I2p, DESTINATION)));
        check(&KEY.replacen('p', "q", 1), None);
        check("expyuzz4wqqyqhjn.onion", None);
        check(".onion", None);
        check("a.b32.i2p", None);
        check("[1.2.3.4]", None);
        check("1.2.3", None);
        check("", None);
        check("seed.example", None);
        let cjdns = Host::parse("fc00::1", Cjdns::Reachable).unwrap();
        assert_eq!(
            (cjdns.network(), cjdns.to_string()),
            (HostNetwork::Cjdns, "fc00::1".to_owned())
        );
        assert_eq!(Host::parse("fd00::1", Cjdns::Reachable).unwrap().network(), Ipv6);
    }
}
