//! What connections teach of the addresses that we dialled.
//!
//! docs/behaviour.md, addresses 4. Core: net_processing.cpp, the handling of `version` and
//! `FinalizeNode`.

use super::AddrBook;
use crate::connman::addrman::NetService;
use crate::connman::peer::Peer;
use crate::connman::{ConnMan, ConnType, Services};
use crate::time::Now;

impl AddrBook<'_> {
    /// A peer says what it offers. Whom we dialled is known by the address that we dialled.
    pub(in crate::connman) fn note_services(&mut self, peer: &Peer, services: Services) {
        let Some(service) = dialled(peer) else { return };
        if self.addrman.find(&service).is_some_and(|entry| entry.services != services) {
            self.addrman.set_services(&service, services);
            self.relay.tables_changed = true;
        }
    }

    /// The `version` of a peer that we dialled was taken: its address works.
    pub(in crate::connman) fn note_good(&mut self, peer: &Peer, now: Now) {
        let Some(service) = dialled(peer) else { return };
        // Also of an address that is not known: failures count again from here on.
        self.addrman.good(&service, now.wall);
        self.relay.tables_changed |= self.addrman.find(&service).is_some();
    }
}

/// The address of a peer that we dialled.
fn dialled(peer: &Peer) -> Option<NetService> {
    NetService::of(&peer.endpoint).filter(|_| !peer.conn_type.is_inbound())
}

impl ConnMan {
    /// A connection is over. That we were connected to somebody shows in what we tell others, so
    /// those do not count who relay blocks alone; neither do feelers, whose handshake never ends.
    pub(in crate::connman) fn note_connected(&mut self, now: Now, peer: &Peer) {
        if !peer.is_ready() || peer.conn_type == ConnType::BlockRelay {
            return;
        }
        let Some(service) = dialled(peer) else { return };
        let Some(time) = self.addrman.find(&service).map(|entry| entry.time) else { return };
        self.addrman.connected(&service, now.wall);
        if self.addrman.find(&service).is_some_and(|entry| entry.time != time) {
            self.addresses_changed(now);
        }
    }
}
