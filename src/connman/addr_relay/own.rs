//! Addresses of our own, and which of them a peer is told.
//!
//! ```text
//!   options, score 4 --> table --> the best from where the peer is --.
//!   version of a peer: seen, +1 -^                                    >-- one of the two
//!                            what the peer says of us, if we believe it --'
//! ```
//!
//! The score says how sure we are of an address. Facts: Core net.cpp, `AddLocal`, `SeenLocal`,
//! `GetLocal`, `GetLocalAddrForPeer`; netaddress.cpp, `GetReachabilityFrom`.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::time::Duration;

use crate::connman::addrman::{NetAddr, NetClass, NetService};
use crate::connman::{Config, Discover};

/// The mean time from telling a peer our address to telling it again. Core:
/// `AVG_LOCAL_ADDRESS_BROADCAST_INTERVAL`, 24 h.
pub const OWN_INTERVAL_MEAN: Duration = Duration::from_secs(24 * 3600);

/// The score of an address that somebody has named. Core: `LOCAL_MANUAL`.
const SCORE_MANUAL: u32 = 4;

/// How well an address serves somebody, in order. Core: `Reachability`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Reachability {
    Unreachable,
    Default,
    Teredo,
    Ipv6Weak,
    Ipv4,
    Ipv6Strong,
    Private,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Own {
    score: u32,
    port: u16,
}

/// Our own addresses.
#[derive(Clone, Debug)]
pub(super) struct OwnAddresses {
    known: BTreeMap<NetAddr, Own>,
    discover: Discover,
    listen_port: u16,
    pub(super) is_listening: bool,
}

/// What is known of a peer in this respect.
#[derive(Clone, Copy, Debug)]
pub(super) struct View {
    /// Where it is.
    pub(super) peer: NetAddr,
    pub(super) is_inbound: bool,
    /// What its `version` says of us.
    pub(super) reported: NetService,
}

impl OwnAddresses {
    pub(super) fn new(config: &Config) -> Self {
        let mut known: BTreeMap<NetAddr, Own> = BTreeMap::new();
        for NetService { addr, port } in &config.external {
            if addr.is_routable() {
                let own =
                    known.entry(*addr).or_insert(Own { score: SCORE_MANUAL - 1, port: *port });
                *own = Own { score: own.score + 1, port: *port };
            }
        }
        let (discover, listen_port) = (config.discover, config.listen_port);
        Self { known, discover, listen_port, is_listening: false }
    }

    /// Somebody who came to us says that it came to this address.
    pub(super) fn note_seen(&mut self, addr: &NetAddr) {
        if let Some(own) = self.known.get_mut(addr) {
            own.score = own.score.saturating_add(1);
        }
    }

    /// What a peer is told. `draw` decides where two would do.
    pub(super) fn for_peer(&self, view: View, draw: u64) -> Option<NetService> {
        if !self.is_listening {
            return None;
        }
        let best = self.best_for(&view.peer);
        let believes = self.discover == Discover::On
            && view.peer.is_routable()
            && view.reported.addr.is_routable();
        if !believes {
            return best.map(|(service, _)| service);
        }
        // Whoever dialled us has seen our port as well.
        let port = if view.is_inbound {
            view.reported.port
        } else {
            best.map_or(self.listen_port, |(service, _)| service.port)
        };
        let reported = NetService { addr: view.reported.addr, port };
        match best {
            Some((service, score)) => {
                let one_in = if score > SCORE_MANUAL { 8 } else { 2 };
                Some(if draw.is_multiple_of(one_in) { reported } else { service })
            }
            None => Some(reported),
        }
    }

    /// The address that serves a peer best, and its score. None of Tor or I2P is told elsewhere,
    /// nor another there.
    fn best_for(&self, peer: &NetAddr) -> Option<(NetService, u32)> {
        let is_private = |addr: &NetAddr| matches!(addr.network(), NetClass::Onion | NetClass::I2p);
        let fits = |(addr, _): &(&NetAddr, &Own)| {
            addr.network() == peer.network() || !is_private(addr) && !is_private(peer)
        };
        let rank = |(addr, own): &(&NetAddr, &Own)| (reachability(addr, peer), own.score);
        // Of two that are alike the first, as in the reference.
        let (addr, own) = self.known.iter().filter(fits).min_by_key(|one| Reverse(rank(one)))?;
        Some((NetService { addr: *addr, port: own.port }, own.score))
    }
}

/// How well an address serves a peer.
fn reachability(own: &NetAddr, peer: &NetAddr) -> Reachability {
    use NetClass::{Cjdns, I2p, Internal, Ipv4, Ipv6, Onion, Unroutable};
    let is_teredo = |addr: &NetAddr| match addr {
        NetAddr::Ipv6(ip) => ip.segments()[..2] == [0x2001, 0], // RFC 4380
        NetAddr::Ipv4(_)
        | NetAddr::Onion(_)
        | NetAddr::I2p(_)
        | NetAddr::Cjdns(_)
        | NetAddr::Internal(_) => false,
    };
    if !own.is_routable() {
        return Reachability::Unreachable;
    }
    let is_tunnel = own.network() == Ipv6 && own.linked_ipv4().is_some();
    match (peer.network(), own.network()) {
        (Onion, Onion) | (I2p, I2p) | (Cjdns, Cjdns) | (Unroutable | Internal, Onion) => {
            Reachability::Private
        }
        (Ipv6 | Unroutable | Internal, Ipv6) if is_teredo(own) => Reachability::Teredo,
        (Ipv6, Ipv6) if is_teredo(peer) || is_tunnel => Reachability::Ipv6Weak,
        (Ipv6, Ipv6) => Reachability::Ipv6Strong,
        (Unroutable | Internal, Ipv6) => Reachability::Ipv6Weak,
        (Ipv4 | Ipv6 | Onion | Unroutable | Internal, Ipv4) => Reachability::Ipv4,
        _ => Reachability::Default,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transport::Network;

    fn ip(text: &str) -> NetAddr {
        NetAddr::from_ip(text.parse().unwrap())
    }

    fn at(addr: NetAddr, port: u16) -> NetService {
        NetService { addr, port }
    }

    fn table(external: &[NetService], discover: Discover) -> OwnAddresses {
        let mut config = Config::new(Network::Main);
        (config.external, config.discover) = (external.to_vec(), discover);
        OwnAddresses { is_listening: true, ..OwnAddresses::new(&config) }
    }

    fn view(peer: &str, reported: &str) -> View {
        View { peer: ip(peer), is_inbound: true, reported: at(ip(reported), 9) }
    }

    #[test]
    fn addresses_serve_a_peer_in_an_order() {
        let order = |peer: NetAddr, own: &[NetAddr]| {
            let ranks: Vec<_> = own.iter().map(|own| reachability(own, &peer)).collect();
            assert!(ranks.is_sorted(), "{peer:?}: {ranks:?}");
        };
        let (v4, strong, tunnel) = (ip("8.8.8.8"), ip("2a00::1"), ip("2002:808:808::1"));
        let (teredo, onion) = (ip("2001:0:1:2:3:4:f7f7:f7f7"), NetAddr::Onion([1; 32]));
        let cjdns = NetAddr::Cjdns([0xfc; 16]);
        order(v4, &[ip("10.0.0.1"), onion, strong, v4]);
        order(strong, &[ip("10.0.0.1"), onion, teredo, tunnel, v4, strong]);
        order(teredo, &[onion, teredo, strong, v4]);
        order(onion, &[strong, v4, onion]);
        order(cjdns, &[v4, cjdns]);
        order(ip("10.0.0.1"), &[cjdns, teredo, strong, v4, onion]);
    }

    #[test]
    fn best_address_is_told_and_none_of_another_privacy() {
        let onion = at(NetAddr::Onion([1; 32]), 1);
        let (v4, v6) = (at(ip("8.8.8.8"), 2), at(ip("2a00::1"), 3));
        let mut own = table(&[onion, v4, v6], Discover::Off);
        assert_eq!(own.for_peer(view("9.9.9.9", "1.1.1.1"), 0), Some(v4));
        assert_eq!(own.for_peer(view("2a00::2", "1.1.1.1"), 0), Some(v6));
        let to_onion = View { peer: NetAddr::Onion([2; 32]), ..view("9.9.9.9", "1.1.1.1") };
        assert_eq!(own.for_peer(to_onion, 0), Some(onion));
        assert_eq!(table(&[v4], Discover::Off).for_peer(to_onion, 0), None);
        assert_eq!(table(&[onion], Discover::On).for_peer(view("9.9.9.9", "10.0.0.1"), 0), None);
        own.is_listening = false;
        assert_eq!(own.for_peer(view("9.9.9.9", "1.1.1.1"), 0), None);
    }

    #[test]
    fn of_two_that_serve_alike_the_one_that_was_seen_is_told() {
        let (one, other) = (at(ip("8.8.8.8"), 2), at(ip("9.9.9.9"), 2));
        for (seen, told) in [(one, one), (other, other)] {
            let mut own = table(&[one, other], Discover::Off);
            own.note_seen(&seen.addr);
            own.note_seen(&ip("7.7.7.7"));
            assert_eq!(own.for_peer(view("6.6.6.6", "1.1.1.1"), 0), Some(told));
        }
        assert!(table(&[at(ip("10.0.0.1"), 1)], Discover::Off).known.is_empty());
    }

    #[test]
    fn what_a_peer_says_of_us_is_told_it_half_of_the_times() {
        let mut own = table(&[at(ip("8.8.8.8"), 2)], Discover::On);
        let says = at(ip("1.1.1.1"), 9);
        let told = |own: &OwnAddresses, view: View| {
            (0..80).filter(|draw| own.for_peer(view, *draw) == Some(says)).count()
        };
        assert_eq!(told(&own, view("6.6.6.6", "1.1.1.1")), 40);
        assert_eq!(told(&own, view("10.0.0.1", "1.1.1.1")), 0, "it is not where we are reached");
        own.note_seen(&ip("8.8.8.8"));
        assert_eq!(told(&own, view("6.6.6.6", "1.1.1.1")), 10);
        assert_eq!(told(&table(&[], Discover::On), view("6.6.6.6", "1.1.1.1")), 80);
        let dialled = View { is_inbound: false, ..view("6.6.6.6", "1.1.1.1") };
        let main = Network::Main.default_port();
        assert_eq!(table(&[], Discover::On).for_peer(dialled, 0), Some(at(ip("1.1.1.1"), main)));
        assert_eq!(own.for_peer(dialled, 0), Some(at(ip("1.1.1.1"), 2)), "at our own port");
    }
}
