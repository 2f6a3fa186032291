//! Ports at which other services live, whom nobody should be made to connect to.

/// The ports, in order. Core: netbase.cpp, `IsBadPort`, explained in doc/p2p-bad-ports.md.
const BAD: [u16; 85] = [
    1, 7, 9, 11, 13, 15, 17, 19, 20, 21, 22, 23, 25, 37, 42, 43, 53, 69, 77, 79, 87, 95, 101, 102,
    103, 104, 109, 110, 111, 113, 115, 117, 119, 123, 135, 137, 139, 143, 161, 179, 389, 427, 465,
    512, 513, 514, 515, 526, 530, 531, 532, 540, 548, 554, 556, 563, 587, 601, 636, 989, 990, 993,
    995, 1719, 1720, 1723, 2049, 3306, 3389, 3659, 4045, 5060, 5061, 5432, 5900, 6000, 6566, 6665,
    6666, 6667, 6668, 6669, 6697, 10_080, 27_017,
];

/// Whether a peer at this port of an IPv4 or IPv6 address is a last resort.
pub(super) fn is_bad(port: u16) -> bool {
    BAD.binary_search(&port).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Core: netbase_tests.cpp, `isbadport`, has the count.
    #[test]
    fn bad_ports_are_as_many_as_there() {
        assert!(BAD.is_sorted());
        assert_eq!((0..=u16::MAX).filter(|port| is_bad(*port)).count(), 85);
        for good in [0, 80, 443, 8333, 18_444] {
            assert!(!is_bad(good), "{good}");
        }
    }
}
