//! Which addresses mean anything to others.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::addrman::NetClass;

/// The networks that can be reached: the others need a proxy, or an option of their own.
pub const REACHABLE: [NetClass; 2] = [NetClass::Ipv4, NetClass::Ipv6];

/// Whether an address can be reached over the public internet. Core: netaddress.cpp,
/// `CNetAddr::IsRoutable`, for IPv4 and IPv6; the RFC beside each range is the one it names.
#[must_use]
pub fn is_routable(ip: IpAddr) -> bool {
    match ip.to_canonical() {
        IpAddr::V4(ip) => is_routable_v4(ip),
        IpAddr::V6(ip) => is_routable_v6(ip),
    }
}

fn is_routable_v4(ip: Ipv4Addr) -> bool {
    let [a, b, c, _] = ip.octets();
    let unroutable = match a {
        0 | 10 | 127 => true,                               // RFC 1122, RFC 1918
        100 => (64..128).contains(&b),                      // RFC 6598
        169 => b == 254,                                    // RFC 3927
        172 => (16..32).contains(&b),                       // RFC 1918
        192 => b == 168 || (b == 0 && c == 2),              // RFC 1918, RFC 5737
        198 => b == 18 || b == 19 || (b == 51 && c == 100), // RFC 2544, RFC 5737
        203 => b == 0 && c == 113,                          // RFC 5737
        255 => ip == Ipv4Addr::BROADCAST,                   // never valid
        _ => false,
    };
    !unroutable
}

fn is_routable_v6(ip: Ipv6Addr) -> bool {
    let segments = ip.segments();
    let [a, b, c, d, ..] = segments;
    let unroutable = ip.is_unspecified()
        || ip.is_loopback()
        || (a == 0x2001 && b == 0x0db8)                        // RFC 3849
        || (a == 0x2001 && b & 0xfff0 == 0x0010)               // RFC 4843, ORCHID
        || (a == 0x2001 && b & 0xfff0 == 0x0020)               // RFC 7343, ORCHIDv2
        || (a == 0xfe80 && b == 0 && c == 0 && d == 0)         // RFC 4862
        || a & 0xfe00 == 0xfc00; // RFC 4193
    !unroutable
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(ip: &str, routable: bool) {
        assert_eq!(is_routable(ip.parse().unwrap()), routable, "{ip}");
    }

    #[test]
    fn ranges_end_where_their_rfcs_say() {
        check("8.8.8.8", true);
        check("0.1.2.3", false);
        check("10.255.255.255", false);
        check("11.0.0.0", true);
        check("100.63.255.255", true);
        check("100.64.0.0", false);
        check("100.127.255.255", false);
        check("100.128.0.0", true);
        check("127.0.0.1", false);
        check("169.254.0.1", false);
        check("172.15.0.1", true);
        check("172.16.0.1", false);
        check("172.31.0.1", false);
        check("172.32.0.1", true);
        check("192.0.2.1", false);
        check("192.0.3.1", true);
        check("192.168.0.1", false);
        check("198.17.0.1", true);
        check("198.18.0.1", false);
        check("198.19.0.1", false);
        check("198.51.100.1", false);
        check("203.0.113.1", false);
        check("255.255.255.255", false);
        check("2a00::1", true);
        check("::", false);
        check("::1", false);
        check("::ffff:10.0.0.1", false);
        check("::ffff:8.8.8.8", true);
        check("2001:db8::1", false);
        check("2001:10::1", false);
        check("2001:1f::1", false);
        check("2001:2f::1", false);
        check("2001:30::1", true);
        check("fe80::1", false);
        check("fe80:0:0:1::1", true);
        check("fc00::1", false);
        check("fdff::1", false);
        check("fe00::1", true);
    }
}
