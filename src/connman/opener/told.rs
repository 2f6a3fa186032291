//! What attempts tell the address manager.
//!
//! Sources: docs/behaviour.md, addrman 3; Core: net.cpp, `ConnectNode`.

use std::time::Duration;

use super::{Opener, Way};
use crate::connman::addrman::disk::ANCHORS_MAX;
use crate::connman::addrman::{AddrRecord, Counting, NetAddr, NetService};
use crate::connman::{ConnMan, ConnType, DisconnectReason, Peer};
use crate::rng::Purpose;
use crate::time::Now;

impl ConnMan {
    /// Takes in addresses that `source` told, none of them older than they say.
    ///
    /// For whoever looks up the names of seeds, or begins a node that knows somebody. How many of
    /// them are new, or have a new place.
    pub fn add_addresses(&mut self, now: Now, told: &[AddrRecord], source: &NetAddr) -> usize {
        let mut draws = self.seed.draws(Purpose::AddrMan, self.addresses_added);
        self.addresses_added += 1;
        let added = self.addrman.add(told, source, Duration::ZERO, now.wall, &mut draws);
        self.addresses_changed(now);
        added
    }

    /// An attempt has come to something or nothing.
    pub(in crate::connman) fn note_attempt(&mut self, now: Now, peer: &Peer) {
        let Some(service) = NetService::of(&peer.endpoint) else { return };
        self.addrman.attempt(&service, peer.counting, now.wall);
        if peer.counting == Counting::Counted {
            self.addresses_changed(now);
        }
    }

    /// A connection is closed: who was connected for blocks until we stop is an anchor.
    pub(in crate::connman) fn note_anchor(&mut self, peer: &Peer) {
        let until_the_end = peer.ended.is_none_or(|why| why == DisconnectReason::Shutdown);
        let is_anchor = peer.conn_type == ConnType::BlockRelay && until_the_end;
        if let Some(known) = peer.known.as_deref().filter(|_| is_anchor) {
            self.opener.anchors_left.push((peer.id, *known));
        }
    }
}

impl Opener {
    /// Whom the run before was connected with for blocks until its end.
    ///
    /// # Panics
    ///
    /// If there are some, and connections are not ours to choose.
    pub(in crate::connman) fn use_anchors(&mut self, anchors: Vec<AddrRecord>) {
        match &mut self.way {
            Way::Automatic(automatic) => automatic.anchors = anchors,
            Way::Nobody | Way::List(_) => {
                assert!(anchors.is_empty(), "nobody would connect to them");
            }
        }
    }

    /// The same of this run, those first who came first; `None` if connections are not ours to
    /// choose. Core: `GetCurrentBlockRelayOnlyConns`.
    pub(in crate::connman) fn take_anchors(&mut self) -> Option<Vec<AddrRecord>> {
        let mut left = std::mem::take(&mut self.anchors_left);
        left.sort_by_key(|(peer, _)| *peer);
        left.truncate(ANCHORS_MAX);
        match &self.way {
            Way::Automatic(_) => Some(left.into_iter().map(|(_, record)| record).collect()),
            Way::Nobody | Way::List(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::connman::peer::Origin;
    use crate::connman::{Config, FixedSeeds, Outbound, PeerId, Services};
    use crate::rng::Seed;
    use crate::sockets::Endpoint;
    use crate::time::UnixTime;
    use crate::transport::Network;

    #[test]
    fn anchors_are_those_for_blocks_until_the_end() {
        let mut config = Config::new(Network::Regtest);
        let fixed_seeds = FixedSeeds::Unused;
        config.outbound = Outbound::Automatic { seed_nodes: Vec::new(), fixed_seeds };
        let seed = Seed::from_number(1);
        let mut node = ConnMan::new(config.clone(), seed.clone());
        let closed = |id, conn_type, ended| {
            let endpoint = Endpoint::Ip(([8, 8, 8, id], 8333).into());
            let service = NetService::of(&endpoint).unwrap();
            let (services, time) = (Services::DESIRABLE, UnixTime::from_secs(1));
            let (number, origin) = (PeerId(id.into()), Origin::Automatic);
            let mut peer = Peer::new(number, conn_type, endpoint, origin, &config, &seed);
            peer.known = Some(Box::new(AddrRecord { service, services, time }));
            peer.ended = ended;
            peer
        };
        for peer in [
            closed(4, ConnType::BlockRelay, None),
            closed(1, ConnType::BlockRelay, Some(DisconnectReason::PeerClosed)),
            closed(2, ConnType::OutboundFullRelay, Some(DisconnectReason::Shutdown)),
            closed(5, ConnType::BlockRelay, Some(DisconnectReason::Shutdown)),
            closed(3, ConnType::BlockRelay, Some(DisconnectReason::Shutdown)),
        ] {
            node.note_anchor(&peer);
        }
        let anchors = node.opener.take_anchors().expect("connections are ours to choose");
        let ids = anchors.iter().map(|anchor| anchor.service.addr);
        let expected = [3, 4].map(|id| NetAddr::from_ip([8, 8, 8, id].into()));
        assert_eq!(ids.collect::<Vec<_>>(), expected);
        let mut listed = config.clone();
        listed.outbound = Outbound::None;
        assert_eq!(ConnMan::new(listed, seed.clone()).opener.take_anchors(), None);
    }
}
