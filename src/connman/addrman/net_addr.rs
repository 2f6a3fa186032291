//! Network addresses: six kinds, their bytes, and which of them lead anywhere.
//!
//! Knows no names, no text of Tor or I2P, and no list of what is reachable here. Facts: Core
//! netaddress.h and netaddress.cpp, classes `CNetAddr` and `CService`; BIP 155.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use crate::codec::{DecodeError, DecodeWhy, Reader, WrongLength};
use crate::connman::is_routable;
use crate::sockets::Endpoint;

/// What precedes an IPv4 address in 16 bytes. Core: netaddress.h, `IPV4_IN_IPV6_PREFIX`; RFC 4291.
const IPV4_PREFIX: [u8; 12] = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff];
/// What preceded a Tor v2 address, which is refused. Core: netaddress.h, `TORV2_IN_IPV6_PREFIX`.
const TOR_V2_PREFIX: [u8; 6] = [0xfd, 0x87, 0xd8, 0x7e, 0xeb, 0x43];
/// What precedes an internal address. Core: netaddress.h, `INTERNAL_IN_IPV6_PREFIX`: the start of
/// the SHA-256 of "bitcoin".
const INTERNAL_PREFIX: [u8; 6] = [0xfd, 0x6b, 0x88, 0xc0, 0x87, 0x24];
/// What every CJDNS address begins with. Core: netaddress.h, `CJDNS_PREFIX`.
const CJDNS_PREFIX: u8 = 0xfc;

/// The longest address that BIP 155 lets anyone announce, in bytes. Core: netaddress.h,
/// `MAX_ADDRV2_SIZE`.
pub const ADDRV2_BYTES_MAX: u64 = 512;

/// The kinds of networks, with Core's numbers, which go into hashes. Core: netaddress.h, `Network`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum NetClass {
    /// None that the public can route to.
    Unroutable = 0,
    /// IPv4.
    Ipv4 = 1,
    /// IPv6.
    Ipv6 = 2,
    /// Tor, version 3.
    Onion = 3,
    /// I2P.
    I2p = 4,
    /// CJDNS.
    Cjdns = 5,
    /// Names that stand for where addresses came from; nobody is reached there.
    Internal = 6,
}

impl NetClass {
    /// How many there are.
    pub const COUNT: usize = 7;
}

/// An address without a port.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum NetAddr {
    /// Four bytes.
    Ipv4(Ipv4Addr),
    /// Sixteen, of which none of the forms below is valid. [`NetAddr::from_ip`] makes no other.
    Ipv6(Ipv6Addr),
    /// The public key of a Tor v3 service.
    Onion([u8; 32]),
    /// The SHA-256 of an I2P destination.
    I2p([u8; 32]),
    /// Sixteen bytes, the first of them 0xfc.
    Cjdns([u8; 16]),
    /// The first ten bytes of a name's SHA-256.
    Internal([u8; 10]),
}

impl NetAddr {
    /// The address that stands for none. Core: a `CNetAddr` as it is made, `::`.
    pub const INVALID: Self = Self::Ipv6(Ipv6Addr::UNSPECIFIED);

    /// An address as sockets have it; an IPv4 address in IPv6 clothes is IPv4.
    #[must_use]
    pub fn from_ip(ip: IpAddr) -> Self {
        match ip {
            IpAddr::V4(ip) => Self::Ipv4(ip),
            IpAddr::V6(ip) => Self::from_v1(ip.octets()),
        }
    }

    /// Sixteen bytes as they were sent before BIP 155. Core: netaddress.cpp, `SetLegacyIPv6`.
    #[must_use]
    pub fn from_v1(bytes: [u8; 16]) -> Self {
        if let Some(ip) = bytes.strip_prefix(&IPV4_PREFIX).and_then(|ip| ip.first_chunk::<4>()) {
            Self::Ipv4(Ipv4Addr::from(*ip))
        } else if bytes.starts_with(&TOR_V2_PREFIX) {
            Self::INVALID
        } else if let Some(internal) = internal(&bytes) {
            internal
        } else {
            Self::Ipv6(Ipv6Addr::from(bytes))
        }
    }

    /// An address by its number and bytes in BIP 155. Core: netaddress.h, `UnserializeV2Stream`.
    ///
    /// A number that nobody knows, and what has no business in IPv6 bytes, gives
    /// [`NetAddr::INVALID`]: an announcement may hold addresses of networks to come.
    ///
    /// # Errors
    ///
    /// The length that a known network has, if the address has another.
    pub fn from_bip155(network: u8, bytes: &[u8]) -> Result<Self, WrongLength> {
        match network {
            1 => exact(network, bytes).map(|ip: [u8; 4]| Self::Ipv4(Ipv4Addr::from(ip))),
            2 => exact(network, bytes).map(|ip: [u8; 16]| {
                let embeds = ip.starts_with(&IPV4_PREFIX);
                if embeds { Self::INVALID } else { Self::from_v1(ip) }
            }),
            4 => exact(network, bytes).map(Self::Onion),
            5 => exact(network, bytes).map(Self::I2p),
            6 => exact(network, bytes).map(Self::Cjdns),
            _ => Ok(Self::INVALID),
        }
    }

    /// Reads an address as BIP 155 has it: number, length, bytes.
    pub(in crate::connman) fn read_bip155(
        reader: &mut Reader<'_>,
        field: &'static str,
    ) -> Result<Self, DecodeError> {
        let network = reader.u8(field)?;
        let length = reader.compact_size(field, ADDRV2_BYTES_MAX)?;
        let offset = reader.offset();
        let bytes = reader.bytes(field, length)?;
        Self::from_bip155(network, bytes).map_err(|wrong| DecodeError {
            field,
            offset,
            why: DecodeWhy::Address(wrong),
        })
    }

    /// Its number and bytes in BIP 155. An internal one hides in IPv6, and only in our own files.
    #[must_use]
    pub fn to_bip155(&self) -> (u8, Vec<u8>) {
        match self {
            Self::Ipv4(ip) => (1, ip.octets().to_vec()),
            Self::Ipv6(ip) => (2, ip.octets().to_vec()),
            Self::Onion(key) => (4, key.to_vec()),
            Self::I2p(hash) => (5, hash.to_vec()),
            Self::Cjdns(bytes) => (6, bytes.to_vec()),
            Self::Internal(_) => (2, self.key_bytes()),
        }
    }

    /// The bytes by which tables know it: sixteen if sixteen can hold it, otherwise its own. Core:
    /// `CNetAddr::GetAddrBytes`.
    #[must_use]
    pub fn key_bytes(&self) -> Vec<u8> {
        match self {
            Self::Ipv4(ip) => [&IPV4_PREFIX[..], &ip.octets()].concat(),
            Self::Ipv6(ip) => ip.octets().to_vec(),
            Self::Onion(bytes) | Self::I2p(bytes) => bytes.to_vec(),
            Self::Cjdns(bytes) => bytes.to_vec(),
            Self::Internal(bytes) => [&INTERNAL_PREFIX[..], bytes].concat(),
        }
    }

    /// Whether it is this machine's own. Core: `CNetAddr::IsLocal`.
    #[must_use]
    pub const fn is_local(&self) -> bool {
        match self {
            Self::Ipv4(ip) => matches!(ip.octets()[0], 0 | 127),
            Self::Ipv6(ip) => ip.is_loopback(),
            Self::Onion(_) | Self::I2p(_) | Self::Cjdns(_) | Self::Internal(_) => false,
        }
    }

    /// Whether it can be an address at all. Core: `CNetAddr::IsValid`.
    #[must_use]
    pub fn is_valid(&self) -> bool {
        match self {
            Self::Ipv4(ip) => !ip.is_unspecified() && !ip.is_broadcast(),
            Self::Ipv6(ip) => {
                let documentation = ip.segments()[..2] == [0x2001, 0x0db8]; // RFC 3849
                // What has a kind of its own is that kind, or it would be in the tables twice.
                !ip.is_unspecified() && !documentation && Self::from_v1(ip.octets()) == *self
            }
            Self::Onion(_) | Self::I2p(_) => true,
            Self::Cjdns(bytes) => bytes[0] == CJDNS_PREFIX,
            Self::Internal(_) => false,
        }
    }

    /// Whether others may reach it. Core: `CNetAddr::IsRoutable`.
    #[must_use]
    pub fn is_routable(&self) -> bool {
        let on_its_network = match self {
            Self::Ipv4(ip) => is_routable(IpAddr::V4(*ip)),
            Self::Ipv6(ip) => is_routable(IpAddr::V6(*ip)),
            Self::Onion(_) | Self::I2p(_) | Self::Cjdns(_) => true,
            Self::Internal(_) => false,
        };
        on_its_network && self.is_valid()
    }

    /// The network that its packets take. Core: `CNetAddr::GetNetwork`.
    #[must_use]
    pub fn network(&self) -> NetClass {
        match self {
            Self::Internal(_) => NetClass::Internal,
            _ if !self.is_routable() => NetClass::Unroutable,
            Self::Ipv4(_) => NetClass::Ipv4,
            Self::Ipv6(_) => NetClass::Ipv6,
            Self::Onion(_) => NetClass::Onion,
            Self::I2p(_) => NetClass::I2p,
            Self::Cjdns(_) => NetClass::Cjdns,
        }
    }

    /// The network that it belongs to: a tunnel for IPv4 is IPv4. Core: `CNetAddr::GetNetClass`.
    #[must_use]
    pub fn net_class(&self) -> NetClass {
        if self.linked_ipv4().is_some() { NetClass::Ipv4 } else { self.network() }
    }

    /// The IPv4 address that it is or is a tunnel for. Core: `HasLinkedIPv4`, `GetLinkedIPv4`.
    #[must_use]
    pub fn linked_ipv4(&self) -> Option<Ipv4Addr> {
        if !self.is_routable() {
            return None;
        }
        let ip = match self {
            Self::Ipv4(ip) => return Some(*ip),
            Self::Ipv6(ip) => ip.segments(),
            Self::Onion(_) | Self::I2p(_) | Self::Cjdns(_) | Self::Internal(_) => return None,
        };
        let v4 = |high: u16, low: u16| Ipv4Addr::from(u32::from(high) << 16 | u32::from(low));
        match ip {
            [0, 0, 0, 0, 0xffff, 0, high, low] => Some(v4(high, low)), // RFC 6145
            [0x64, 0xff9b, 0, 0, 0, 0, high, low] => Some(v4(high, low)), // RFC 6052
            [0x2002, high, low, ..] => Some(v4(high, low)),            // RFC 3964, 6to4
            [0x2001, 0, _, _, _, _, high, low] => Some(v4(!high, !low)), // RFC 4380, Teredo
            _ => None,
        }
    }
}

/// Exactly `N` bytes.
fn exact<const N: usize>(network: u8, bytes: &[u8]) -> Result<[u8; N], WrongLength> {
    let wrong = WrongLength { network, length: bytes.len(), expected: N };
    bytes.try_into().map_err(|_| wrong)
}

/// The internal address in sixteen bytes, if they hold one.
fn internal(bytes: &[u8; 16]) -> Option<NetAddr> {
    let name = bytes.strip_prefix(&INTERNAL_PREFIX)?.first_chunk()?;
    Some(NetAddr::Internal(*name))
}

/// An address with its port: what one connects to. Core: netaddress.h, `CService`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NetService {
    /// Where.
    pub addr: NetAddr,
    /// At which port; zero for networks that have none.
    pub port: u16,
}

impl NetService {
    /// That of an endpoint; `None` for a path.
    #[must_use]
    pub fn of(endpoint: &Endpoint) -> Option<Self> {
        endpoint.ip().map(Self::from)
    }

    /// Where it is dialled, if it can be without a proxy.
    #[must_use]
    pub fn socket_addr(&self) -> Option<SocketAddr> {
        let ip = match self.addr {
            NetAddr::Ipv4(ip) => ip.into(),
            NetAddr::Ipv6(ip) => ip.into(),
            NetAddr::Onion(_) | NetAddr::I2p(_) | NetAddr::Cjdns(_) | NetAddr::Internal(_) => {
                return None;
            }
        };
        Some(SocketAddr::new(ip, self.port))
    }

    /// The bytes that places in tables are computed from. Core: `CService::GetKey`.
    #[must_use]
    pub fn key(&self) -> Vec<u8> {
        let mut key = self.addr.key_bytes();
        key.extend_from_slice(&self.port.to_be_bytes());
        key
    }
}

impl From<SocketAddr> for NetService {
    fn from(at: SocketAddr) -> Self {
        Self { addr: NetAddr::from_ip(at.ip()), port: at.port() }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// An address from its text, for IPv4 and IPv6.
    pub(in super::super) fn ip(text: &str) -> NetAddr {
        NetAddr::from_ip(text.parse().unwrap())
    }

    #[track_caller]
    fn check(addr: NetAddr, network: NetClass, class: NetClass) {
        assert_eq!((addr.network(), addr.net_class()), (network, class), "{addr:?}");
    }

    #[test]
    fn networks_are_told_from_bytes() {
        use NetClass::{Cjdns, I2p, Internal, Ipv4, Ipv6, Onion, Unroutable};
        check(ip("8.8.8.8"), Ipv4, Ipv4);
        check(ip("::ffff:8.8.8.8"), Ipv4, Ipv4);
        check(ip("10.0.0.1"), Unroutable, Unroutable);
        check(ip("2a00::1"), Ipv6, Ipv6);
        check(ip("fd87:d87e:eb43::1"), Unroutable, Unroutable);
        check(ip("fd6b:88c0:8724::1"), Internal, Internal);
        check(NetAddr::Ipv6("::ffff:8.8.8.8".parse().unwrap()), Unroutable, Unroutable);
        check(NetAddr::Onion([1; 32]), Onion, Onion);
        check(NetAddr::I2p([1; 32]), I2p, I2p);
        check(NetAddr::Cjdns([0xfc; 16]), Cjdns, Cjdns);
        check(NetAddr::Cjdns([0xfd; 16]), Unroutable, Unroutable);
        // Tunnels.
        check(ip("2002:808:808::1"), Ipv6, Ipv4);
        check(ip("64:ff9b::808:808"), Ipv6, Ipv4);
        check(ip("::ffff:0:808:808"), Ipv6, Ipv4);
        check(ip("2001:0:1:2:3:4:f7f7:f7f7"), Ipv6, Ipv4);
    }

    #[test]
    fn tunnel_leads_to_its_ipv4_address() {
        for tunnel in ["2002:102:304::1", "64:ff9b::102:304", "2001::fefd:fcfb"] {
            assert_eq!(ip(tunnel).linked_ipv4(), Some(Ipv4Addr::new(1, 2, 3, 4)), "{tunnel}");
        }
    }

    /// Numbers and lengths: BIP 155.
    #[test]
    fn bip155_form_is_read_as_written() {
        let addrs = [
            (ip("8.8.8.8"), 1, 4),
            (ip("2a00::1"), 2, 16),
            (NetAddr::Onion([1; 32]), 4, 32),
            (NetAddr::I2p([2; 32]), 5, 32),
            (NetAddr::Cjdns([0xfc; 16]), 6, 16),
            (NetAddr::Internal([3; 10]), 2, 16),
        ];
        for (addr, id, length) in addrs {
            let (network, bytes) = addr.to_bip155();
            assert_eq!((network, bytes.len()), (id, length));
            assert_eq!(NetAddr::from_bip155(network, &bytes), Ok(addr));
            let cut = NetAddr::from_bip155(network, &bytes[1..]);
            assert_eq!(cut.map_err(|wrong| wrong.expected), Err(length));
        }
    }

    #[test]
    fn what_bip155_does_not_know_is_invalid() {
        assert_eq!(NetAddr::from_bip155(3, &[1; 10]), Ok(NetAddr::INVALID)); // Tor v2
        assert_eq!(NetAddr::from_bip155(200, &[1; 77]), Ok(NetAddr::INVALID));
        let NetAddr::Ipv4(v4) = ip("1.2.3.4") else { panic!("IPv4") };
        let mapped = v4.to_ipv6_mapped().octets();
        assert_eq!(NetAddr::from_bip155(2, &mapped), Ok(NetAddr::INVALID));
        assert_eq!(NetAddr::from_v1(mapped), ip("1.2.3.4"));
    }
}
