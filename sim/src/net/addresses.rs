//! Which addresses and ports a host has: its own, the one to connect from, the next free port.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use sockman::sockets::Failure;

/// The first port that is given out by itself, and how many follow: Linux'
/// `ip_local_port_range`, 32768 to 60999.
const PORT_FIRST: u16 = 32_768;
const PORT_COUNT: u16 = 28_232;

/// The host's own addresses, and the ports in use towards others.
#[derive(Clone, Debug)]
pub(super) struct Addresses {
    own: Vec<IpAddr>,
    /// Own end and far end of each connection that was made from here and lives.
    outbound: BTreeSet<(SocketAddr, SocketAddr)>,
    /// Steps from `PORT_FIRST` to the port to try next. Even ones go to connect, odd ones to
    /// listen (docs/behaviour.md, TCP 1.3).
    connect_next: u16,
    listen_next: u16,
}

impl Addresses {
    pub(super) const fn new(own: Vec<IpAddr>) -> Self {
        Self { own, outbound: BTreeSet::new(), connect_next: 0, listen_next: 1 }
    }

    /// Whether one may listen there: an own address, or the wildcard.
    pub(super) fn is_own_or_wildcard(&self, address: IpAddr) -> bool {
        address.is_unspecified() || self.is_own(address)
    }

    fn is_own(&self, address: IpAddr) -> bool {
        self.own.contains(&address) || address.is_loopback()
    }

    /// The address to connect from. TCP 2.1: 127.0.0.1 to any loopback address; an own address to
    /// itself; otherwise the first own one of the family.
    pub(super) fn source_for(&self, to: IpAddr) -> Result<IpAddr, Failure> {
        let multicast = to.is_multicast() || to == IpAddr::V4(Ipv4Addr::BROADCAST);
        if multicast {
            return Err(Failure::NetworkUnreachable);
        }
        if to.is_loopback() {
            return Ok(loopback_of(to));
        }
        if self.own.contains(&to) {
            return Ok(to);
        }
        let mut family = self.own.iter().filter(|own| own.is_ipv4() == to.is_ipv4());
        family.find(|own| !own.is_loopback()).copied().ok_or(Failure::NetworkUnreachable)
    }

    /// Takes a port to connect from; `None` if all are in use for this destination.
    pub(super) fn take_connect_port(
        &mut self,
        from: IpAddr,
        to: SocketAddr,
        listened: impl Fn(u16) -> bool,
    ) -> Option<SocketAddr> {
        for _ in 0..PORT_COUNT / 2 {
            let local = SocketAddr::new(from, PORT_FIRST + self.connect_next);
            self.connect_next = (self.connect_next + 2) % PORT_COUNT;
            // A connection to oneself (TCP 2.4) is nobody's wish.
            let taken = local == to || listened(local.port());
            if !taken && self.outbound.insert((local, to)) {
                return Some(local);
            }
        }
        None
    }

    /// The next port to listen at for which `is_free` holds; `None` if there is none.
    pub(super) fn next_listen_port(&mut self, is_free: impl Fn(&Self, u16) -> bool) -> Option<u16> {
        for _ in 0..PORT_COUNT / 2 {
            let port = PORT_FIRST + self.listen_next;
            self.listen_next = (self.listen_next + 2) % PORT_COUNT;
            if is_free(self, port) {
                return Some(port);
            }
        }
        None
    }

    /// Whether a connection from here uses `port` at an address that `at` covers.
    pub(super) fn is_connected_from(&self, at: IpAddr, port: u16) -> bool {
        let mut ends = self.outbound.iter().map(|(local, _)| local);
        ends.any(|local| local.port() == port && overlap(local.ip(), at))
    }

    /// The connection is over; its port is free.
    pub(super) fn release(&mut self, local: SocketAddr, remote: SocketAddr) {
        self.outbound.remove(&(local, remote));
    }
}

/// Whether two sockets at these addresses would compete for a port. The families do not: listeners
/// have `IPV6_V6ONLY`.
pub(super) fn overlap(a: IpAddr, b: IpAddr) -> bool {
    a == b || (a.is_ipv4() == b.is_ipv4() && (a.is_unspecified() || b.is_unspecified()))
}

/// The wildcard address of the same family.
pub(super) const fn wildcard_of(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
        IpAddr::V6(_) => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
    }
}

/// The loopback address of the same family.
pub(super) const fn loopback_of(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(_) => IpAddr::V6(Ipv6Addr::LOCALHOST),
    }
}
