//! Network groups: which addresses one operator is likely to have many of.
//!
//! Facts: Core netgroup.cpp, `NetGroupManager::GetGroup`.

use super::{NetAddr, NetClass};

/// The version of no asmap, as `peers.dat` has it: 32 zeros.
const NO_ASMAP: [u8; 32] = [0; 32];

/// A group's name: the number of its network, then the bytes that its members share.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NetGroup(Vec<u8>);

impl NetGroup {
    /// Its bytes, one to eleven.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

/// How addresses fall into groups: by prefix.
///
/// This is where a map of autonomous systems belongs (Core's `-asmap`): it would answer before the
/// prefixes do, and have a version of its own. There is none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NetGroups;

impl NetGroups {
    /// By which map addresses are grouped: `peers.dat` has to know when that changes.
    #[must_use]
    pub const fn asmap_version(&self) -> [u8; 32] {
        NO_ASMAP
    }

    /// The group of an address.
    #[must_use]
    pub fn group(&self, addr: &NetAddr) -> NetGroup {
        let mut name = vec![addr.net_class() as u8];
        if let Some(ip) = addr.linked_ipv4() {
            name.extend_from_slice(&ip.octets()[..2]);
            return NetGroup(name);
        }
        let bits = match addr {
            NetAddr::Internal(bytes) => {
                name.extend_from_slice(bytes);
                0
            }
            _ if addr.net_class() == NetClass::Unroutable => 0,
            NetAddr::Ipv4(_) => unreachable!("a routable IPv4 address is linked to itself"),
            NetAddr::Ipv6(ip) if ip.segments()[..2] == [0x2001, 0x0470] => 36, // Hurricane Electric
            NetAddr::Ipv6(_) => 32,
            NetAddr::Onion(_) | NetAddr::I2p(_) => 4,
            NetAddr::Cjdns(_) => 12,
        };
        push_prefix(&mut name, &addr.key_bytes(), bits);
        NetGroup(name)
    }
}

/// Appends the first `bits` bits; a last byte in part is filled up with ones.
fn push_prefix(name: &mut Vec<u8>, bytes: &[u8], bits: usize) {
    let whole = bits / 8;
    name.extend_from_slice(&bytes[..whole]);
    if !bits.is_multiple_of(8) {
        name.push(bytes[whole] | (0xff >> (bits % 8)));
    }
}

#[cfg(test)]
mod tests {
    use super::super::net_addr::tests::ip;
    use super::*;

    #[track_caller]
    fn check(addr: NetAddr, group: &[u8]) {
        assert_eq!(NetGroups.group(&addr).as_bytes(), group, "{addr:?}");
    }

    /// The addresses and groups of Core test/netbase_tests.cpp, `netbase_getgroup`, and one of each
    /// other kind.
    #[test]
    fn groups_are_those_of_core() {
        check(ip("127.0.0.1"), &[0]);
        check(ip("10.0.0.1"), &[0]);
        check(ip("169.254.1.1"), &[0]);
        check(ip("1.2.3.4"), &[1, 1, 2]);
        check(ip("::ffff:0:102:304"), &[1, 1, 2]);
        check(ip("64:ff9b::102:304"), &[1, 1, 2]);
        check(ip("2002:102:304:9999:9999:9999:9999:9999"), &[1, 1, 2]);
        check(ip("2001:0:9999:9999:9999:9999:fefd:fcfb"), &[1, 1, 2]);
        check(ip("2001:470:abcd:9999:9999:9999:9999:9999"), &[2, 32, 1, 4, 112, 175]);
        check(ip("2001:2001:9999:9999:9999:9999:9999:9999"), &[2, 32, 1, 32, 1]);
        check(NetAddr::Onion([0x5b; 32]), &[3, 0x5f]);
        check(NetAddr::I2p([0xa1; 32]), &[4, 0xaf]);
        check(NetAddr::Cjdns([0xfc; 16]), &[5, 0xfc, 0xff]);
        check(NetAddr::Internal([7; 10]), &[6, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7]);
    }
}
