//! How many connections of each kind there may be, and are.
//!
//! A slot is taken when an attempt is decided on, goes with the connection, and is given back once
//! that is closed. Sources: docs/behaviour.md, connman 2; Core: net.cpp, `semOutbound` and
//! `semAddnode`.

use std::collections::{BTreeSet, VecDeque};

use super::Dial;
use crate::connman::addrman::{NetAddr, NetGroups};
use crate::connman::{ConnType, Limits, Peer};
use crate::sockman::Conns;

/// Connections with nodes that were added. Core: `MAX_ADDNODE_CONNECTIONS`.
pub(super) const ADDED_CONNECTIONS_MAX: usize = 8;

/// What a connection needs a slot among.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(in crate::connman) enum Slot {
    /// None: it is not limited.
    None,
    /// Those that we choose ourselves.
    Automatic,
    /// Those with nodes that were added.
    Added,
}

/// The slots that are taken, and the connections that there are, attempts among them.
#[derive(Clone, Debug)]
pub(super) struct Slots {
    automatic: usize,
    automatic_max: usize,
    added: usize,
    full_relay: u32,
    block_relay: u32,
}

impl Slots {
    pub(super) const fn new(limits: &Limits) -> Self {
        let automatic_max = limits.automatic_max as usize;
        Self { automatic: 0, automatic_max, added: 0, full_relay: 0, block_relay: 0 }
    }

    /// Whether one is free.
    pub(super) const fn has_room(&self, slot: Slot) -> bool {
        match slot {
            Slot::None => true,
            Slot::Automatic => self.automatic < self.automatic_max,
            Slot::Added => self.added < ADDED_CONNECTIONS_MAX,
        }
    }

    /// Takes one that is free.
    pub(super) fn take(&mut self, slot: Slot) {
        assert!(self.has_room(slot), "slots are limited");
        match slot {
            Slot::None => {}
            Slot::Automatic => self.automatic += 1,
            Slot::Added => self.added += 1,
        }
    }

    /// Gives back what was taken.
    pub(super) fn give_back(&mut self, slot: Slot) {
        let taken = match slot {
            Slot::None => return,
            Slot::Automatic => &mut self.automatic,
            Slot::Added => &mut self.added,
        };
        *taken = taken.checked_sub(1).expect("a slot is given back once");
    }

    pub(super) const fn full_relay(&self) -> u32 {
        self.full_relay
    }

    pub(super) const fn block_relay(&self) -> u32 {
        self.block_relay
    }

    /// Whether there are more than there are places for, so that somebody may have to go.
    pub(super) const fn has_surplus(&self, limits: &Limits) -> bool {
        self.full_relay > limits.outbound_full_relay_max
            || self.block_relay > limits.block_relay_max
    }

    pub(super) fn note_connection(&mut self, conn_type: ConnType) {
        if let Some(count) = self.count_mut(conn_type) {
            *count += 1;
        }
    }

    pub(super) fn note_closed(&mut self, conn_type: ConnType) {
        if let Some(count) = self.count_mut(conn_type) {
            *count = count.checked_sub(1).expect("each is noted before it is closed");
        }
    }

    const fn count_mut(&mut self, conn_type: ConnType) -> Option<&mut u32> {
        match conn_type {
            ConnType::OutboundFullRelay => Some(&mut self.full_relay),
            ConnType::BlockRelay => Some(&mut self.block_relay),
            ConnType::Inbound | ConnType::Manual | ConnType::AddrFetch | ConnType::Feeler => None,
        }
    }

    pub(super) fn check_invariants(
        &self,
        conns: &Conns<Peer>,
        fallbacks: &VecDeque<Dial>,
        limits: &Limits,
    ) {
        let of_type = |conn_type| {
            u32::try_from(conns.iter().filter(|(_, p)| p.conn_type == conn_type).count())
                .expect("there are fewer connections than descriptors")
        };
        assert_eq!(self.full_relay, of_type(ConnType::OutboundFullRelay), "kinds are counted");
        assert_eq!(self.block_relay, of_type(ConnType::BlockRelay), "kinds are counted");
        assert!(self.full_relay <= limits.outbound_full_relay_max + 1, "one more at most");
        assert!(self.block_relay <= limits.block_relay_max + 1, "one more at most");
        for (slot, taken) in [(Slot::Automatic, self.automatic), (Slot::Added, self.added)] {
            let held = conns.iter().filter(|(_, peer)| peer.slot == slot).count()
                + fallbacks.iter().filter(|dial| dial.slot == slot).count();
            // An attempt that is decided on is no connection before its action is carried out.
            assert!(held <= taken && taken <= held + 2, "{slot:?}: a slot a connection");
        }
        assert!(self.automatic <= self.automatic_max, "slots are limited");
        assert!(self.added <= ADDED_CONNECTIONS_MAX, "slots are limited");
        let mut groups = BTreeSet::new();
        for (_, peer) in conns.iter() {
            let lasts =
                matches!(peer.conn_type, ConnType::OutboundFullRelay | ConnType::BlockRelay);
            let Some(at) = peer.endpoint.ip().filter(|_| lasts) else { continue };
            let group = NetGroups.group(&NetAddr::from_ip(at.ip()));
            assert!(groups.insert(group), "one netgroup once");
        }
    }
}
