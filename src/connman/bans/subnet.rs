//! A subnet: every host whose address begins with some bits; elsewhere than on IP, one host. Core:
//! netaddress.cpp, `CSubNet`; netbase.cpp, `LookupSubNet`.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::connman::host::{Cjdns, Host};

/// A subnet. The bits of its address beyond the prefix are zero, so that equal ones are equal.
/// Ordered by address, then by prefix, as Core sorts its ban list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Subnet {
    host: Host,
    /// How many bits count: at most 32 for IPv4 and 128 for IPv6. Elsewhere all, and this is 0.
    prefix: u8,
}

/// Why a text is no subnet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SubnetError {
    /// What comes before the last slash is no address.
    Address,
    /// What comes after the slash is neither a number of bits that the address has, nor a netmask
    /// of its family whose ones all come before its zeros.
    Mask {
        /// Where that begins, in bytes from the start of the text.
        offset: usize,
    },
    /// Only IPv4 and IPv6 have subnets of more than one host.
    SingleHost {
        /// Where what follows the slash begins, in bytes from the start of the text.
        offset: usize,
    },
}

impl Subnet {
    /// One host alone.
    #[must_use]
    pub const fn of_host(host: Host) -> Self {
        Self { host, prefix: bits_of(host) }
    }

    /// The hosts that agree with one in the first `prefix` bits; `None`: it has not so many, or is
    /// not of IPv4 or IPv6.
    #[must_use]
    pub fn new(host: Host, prefix: u8) -> Option<Self> {
        if prefix > bits_of(host) {
            return None;
        }
        let host = match host {
            Host::V4(ip) => Host::V4(Ipv4Addr::from_bits(ip.to_bits() & mask_v4(prefix))),
            Host::V6(ip) => Host::V6(Ipv6Addr::from_bits(ip.to_bits() & mask_v6(prefix))),
            Host::Onion(_) | Host::I2p(_) | Host::Cjdns(_) => return None,
        };
        Some(Self { host, prefix })
    }

    /// Reads an address, alone or with a prefix (`10.0.0.0/8`) or a netmask
    /// (`10.0.0.0/255.0.0.0`).
    pub fn parse(text: &str, cjdns: Cjdns) -> Result<Self, SubnetError> {
        let (address, mask) = match text.rsplit_once('/') {
            Some((address, mask)) => (address, Some(mask)),
            None => (text, None),
        };
        let host = Host::parse(address, cjdns).ok_or(SubnetError::Address)?;
        let Some(mask) = mask else { return Ok(Self::of_host(host)) };
        let offset = address.len() + 1;
        if bits_of(host) == 0 {
            return Err(SubnetError::SingleHost { offset });
        }
        let prefix = parse_mask(mask, host).ok_or(SubnetError::Mask { offset })?;
        Self::new(host, prefix).ok_or(SubnetError::Mask { offset })
    }

    /// Whether a host is in it. Core: `CSubNet::Match`.
    #[must_use]
    pub fn contains(&self, host: &Host) -> bool {
        host.is_valid()
            && match Self::new(*host, self.prefix) {
                Some(subnet) => subnet == *self,
                None => *host == self.host,
            }
    }

    /// Every subnet that contains a host, from the narrowest; none for one that is nobody's.
    pub(super) fn around(host: Host) -> impl Iterator<Item = Self> {
        let narrowest = host.is_valid().then(|| Self::of_host(host));
        let wider = (0..bits_of(host)).rev().filter_map(move |prefix| Self::new(host, prefix));
        narrowest.into_iter().chain(wider.filter(move |_| host.is_valid()))
    }
}

impl fmt::Display for Subnet {
    /// As Core's `CSubNet::ToString`: with a prefix for IPv4 and IPv6, also of one host.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.host {
            Host::V4(_) | Host::V6(_) => write!(f, "{}/{}", self.host, self.prefix),
            Host::Onion(_) | Host::I2p(_) | Host::Cjdns(_) => self.host.fmt(f),
        }
    }
}

impl fmt::Display for SubnetError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address => f.write_str("no address"),
            Self::Mask { offset } => write!(f, "no prefix or netmask at byte {offset}"),
            Self::SingleHost { offset } => {
                write!(f, "a mask at byte {offset}, for an address that is always one host")
            }
        }
    }
}

/// Bits of an address that a prefix may have.
const fn bits_of(host: Host) -> u8 {
    match host {
        Host::V4(_) => 32,
        Host::V6(_) => 128,
        Host::Onion(_) | Host::I2p(_) | Host::Cjdns(_) => 0,
    }
}

fn mask_v4(prefix: u8) -> u32 {
    u32::MAX.checked_shl(32 - u32::from(prefix)).unwrap_or(0)
}

fn mask_v6(prefix: u8) -> u128 {
    u128::MAX.checked_shl(128 - u32::from(prefix)).unwrap_or(0)
}

/// A number of bits, or a netmask of the host's family.
fn parse_mask(text: &str, host: Host) -> Option<u8> {
    if text.bytes().all(|byte| byte.is_ascii_digit()) {
        return text.parse().ok();
    }
    let (ones, is_solid) = match (text.parse().ok()?, host) {
        (IpAddr::V4(mask), Host::V4(_)) => {
            let ones = mask.to_bits().count_ones();
            (ones, mask.to_bits().leading_ones() == ones)
        }
        (IpAddr::V6(mask), Host::V6(_)) => {
            let ones = mask.to_bits().count_ones();
            (ones, mask.to_bits().leading_ones() == ones)
        }
        _ => return None,
    };
    is_solid.then(|| u8::try_from(ones).ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    fn subnet(text: &str) -> Subnet {
        Subnet::parse(text, Cjdns::Reachable).unwrap()
    }

    #[test]
    fn subnets_are_read_and_shown() {
        for (text, shown) in [
            ("1.2.3.4", "1.2.3.4/32"),
            ("1.2.3.4/24", "1.2.3.0/24"),
            ("1.2.3.4/255.255.0.0", "1.2.0.0/16"),
            ("1.2.3.4/0.0.0.0", "0.0.0.0/0"),
            ("1.2.3.4/0", "0.0.0.0/0"),
            ("::ffff:1.2.3.4/8", "1.0.0.0/8"),
            ("2a00:1::5/33", "2a00:1::/33"),
            ("2a00:1::5/ffff::", "2a00::/16"),
            ("::1", "::1/128"),
            ("fc00::1", "fc00::1"),
        ] {
            assert_eq!(subnet(text).to_string(), shown, "{text}");
        }
    }

    #[test]
    fn what_is_no_subnet_is_told_with_its_place() {
        use SubnetError::{Address, Mask, SingleHost};
        for (text, error) in [
            ("", Address),
            ("seed.example/8", Address),
            ("1.2.3.4/8/8", Address),
            ("1.2.3.4/33", Mask { offset: 8 }),
            ("1.2.3.4/", Mask { offset: 8 }),
            ("1.2.3.4/-1", Mask { offset: 8 }),
            ("1.2.3.4/255.0.255.0", Mask { offset: 8 }),
            ("1.2.3.4/ffff::", Mask { offset: 8 }),
            ("::/255.0.0.0", Mask { offset: 3 }),
            ("::/129", Mask { offset: 3 }),
            ("fc00::1/8", SingleHost { offset: 8 }),
        ] {
            assert_eq!(Subnet::parse(text, Cjdns::Reachable), Err(error), "{text}");
        }
    }

    #[test]
    fn hosts_belong_by_their_first_bits() {
        for (net, host, is_in) in [
            ("1.2.3.0/24", "1.2.3.255", true),
            ("1.2.3.0/24", "1.2.4.0", false),
            ("1.2.3.4", "1.2.3.5", false),
            ("0.0.0.0/0", "8.8.8.8", true),
            ("0.0.0.0/0", "0.0.0.0", false),
            ("0.0.0.0/0", "2a00::1", false),
            ("::/0", "1.2.3.4", false),
            ("::/0", "fc00::1", false),
            ("::/0", "2001:db8::1", false),
            ("2a00::/15", "2a01::", true),
            ("fc00::1", "fc00::1", true),
            ("fc00::1", "fc00::2", false),
        ] {
            let (subnet, host) = (subnet(net), Host::parse(host, Cjdns::Reachable).unwrap());
            assert_eq!(subnet.contains(&host), is_in, "{host} in {net}");
            assert_eq!(Subnet::around(host).any(|around| around == subnet), is_in);
        }
    }
}
