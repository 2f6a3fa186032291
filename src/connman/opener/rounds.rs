//! One round of automatic connections: what is due, what for, and with whom.
//!
//! docs/behaviour.md, connman 5.4 and 5.5, eviction 2. Core: net.cpp, `ThreadOpenConnections`,
//! second part; net_processing.cpp, `CheckForStaleTipAndEvictPeers`.

use std::collections::BTreeSet;
use std::time::Duration;

use super::automatic::Automatic;
use super::pick::{Rules, may_find, pick};
use super::surplus::{Candidate, surplus};
use super::wish::{Situation, Wish, wish};
use super::{Dial, Opener, Slot, Way};
use crate::connman::addrman::{
    AddrMan, AddrRecord, Counting, NetAddr, NetClass, NetGroup, NetGroups, NetService,
};
use crate::connman::bans::is_kept_out;
use crate::connman::blocks::ChainPeer;
use crate::connman::host::Host;
use crate::connman::life::conn_of;
use crate::connman::peer::{Origin, Peer};
use crate::connman::{ConnMan, ConnType, DisconnectReason, Limits, REACHABLE};
use crate::rng::{Draws, Purpose};
use crate::sockets::Endpoint;
use crate::sockman::{Action, Conns};
use crate::time::Now;

/// A feeler waits for up to so long, so that nodes that were started together do not go on in
/// step. Core: `FEELER_SLEEP_WINDOW`.
const FEELER_NOISE: Duration = Duration::from_secs(1);

/// With so many netgroups among our peers we are online, and a failure is the address's own. Core:
/// a literal in `ThreadOpenConnections`.
const ONLINE_GROUPS: u32 = 2;

/// Who is there, as far as it decides on who comes next.
#[derive(Debug)]
struct Present {
    groups: BTreeSet<NetGroup>,
    connected: BTreeSet<NetAddr>,
    /// Networks of those with whom everything is exchanged, by hand or not; one for each.
    networks: Vec<NetClass>,
}

impl Present {
    fn of(conns: &Conns<Peer>) -> Self {
        let (groups, connected) = (BTreeSet::new(), BTreeSet::new());
        let mut present = Self { groups, connected, networks: Vec::new() };
        for (_, peer) in conns.iter() {
            let Some(service) = NetService::of(&peer.endpoint) else { continue };
            present.connected.insert(service.addr);
            match peer.conn_type {
                ConnType::Manual | ConnType::OutboundFullRelay => {
                    present.networks.push(service.addr.network());
                    present.groups.insert(NetGroups.group(&service.addr));
                }
                ConnType::BlockRelay => {
                    present.groups.insert(NetGroups.group(&service.addr));
                }
                ConnType::Inbound | ConnType::AddrFetch | ConnType::Feeler => {}
            }
        }
        present
    }

    /// A network on which nobody is, and somebody is known. Core: `MaybePickPreferredNetwork`.
    fn lacking(&self, addrman: &AddrMan, draws: &mut Draws) -> Option<NetClass> {
        let mut networks = REACHABLE;
        draws.shuffle(&mut networks);
        let is_known = |network| addrman.size(Some(network), None) > 0;
        networks.into_iter().find(|one| !self.networks.contains(one) && is_known(*one))
    }

    /// Whether a failure counts against an address.
    fn counting(&self, limits: &Limits) -> Counting {
        let enough = limits.outbound_full_relay_max.saturating_sub(1).min(ONLINE_GROUPS);
        let is_online = self.groups.len() >= enough as usize;
        if is_online { Counting::Counted } else { Counting::Uncounted }
    }
}

impl Opener {
    pub(super) fn automatic(&mut self) -> &mut Automatic {
        match &mut self.way {
            Way::Automatic(automatic) => automatic,
            Way::Nobody | Way::List(_) => unreachable!("connections are ours to choose"),
        }
    }
}

impl ConnMan {
    /// What is due of automatic connections.
    pub(super) fn step_automatic(
        &mut self,
        now: Now,
        conns: &mut Conns<Peer>,
        actions: &mut Vec<Action<Peer>>,
    ) {
        let knows_nobody = self.addrman.size(None, None) == 0;
        let has_surplus = self.opener.slots.has_surplus(&self.config.limits);
        let full_relay = self.opener.slots.full_relay();
        let automatic = self.opener.automatic();
        if automatic.started.is_none() {
            automatic.start(now, &self.seed, knows_nobody);
        }
        if has_surplus && automatic.next_check <= now.steady {
            automatic.plan_check(now.steady);
            return self.end_surplus(now, conns, actions);
        }
        if let Some(known) = automatic.feeler.take() {
            let present = Present::of(conns);
            return self.dial_known(now, known, ConnType::Feeler, &present, actions);
        }
        self.use_fixed_seeds(now);
        if let Some(endpoint) = self.opener.automatic().take_seed_node(now.wall, full_relay) {
            return self.fetch_addresses(now, endpoint, conns, actions);
        }
        self.addrman.resolve_collisions(now.wall);
        self.look_for_somebody(now, conns, actions);
    }

    /// Dials somebody whom the address manager knows, or finds nobody.
    fn look_for_somebody(
        &mut self,
        now: Now,
        conns: &Conns<Peer>,
        actions: &mut Vec<Action<Peer>>,
    ) {
        let Self { addrman, opener, config, seed, .. } = self;
        let (full_relay, block_relay) = (opener.slots.full_relay(), opener.slots.block_relay());
        let added: BTreeSet<NetService> =
            opener.added.roll.endpoints().filter_map(NetService::of).collect();
        let automatic = opener.automatic();
        let mut draws = seed.draws(Purpose::OpenChoice, automatic.rounds);
        automatic.rounds += 1;
        let present = Present::of(conns);
        let situation = Situation {
            full_relay,
            block_relay,
            limits: &config.limits,
            has_anchors: !automatic.anchors.is_empty(),
            visits: &automatic.visits,
            now: now.wall,
        };
        let Some(wish) = wish(&situation, || present.lacking(addrman, &mut draws)) else {
            return automatic.rest(now, addrman.entries_made());
        };
        if let Wish::Visit(visit, _) = wish {
            automatic.visits.draw(visit, now.wall, seed);
        }
        let Present { groups, connected, .. } = &present;
        let rules = Rules { wish, groups, connected, added: &added, now: now.wall };
        match pick(&rules, addrman, &mut automatic.anchors, &mut draws) {
            Some(known) if wish.conn_type() == ConnType::Feeler => {
                let nanos = u64::try_from(FEELER_NOISE.as_nanos()).expect("a second");
                let noise = Duration::from_nanos(draws.below(nanos));
                automatic.feeler = Some(known);
                automatic.wait(now, noise);
            }
            Some(known) => self.dial_known(now, known, wish.conn_type(), &present, actions),
            None if may_find(&rules, addrman) => automatic.pause(now),
            None => automatic.rest(now, addrman.entries_made()),
        }
    }

    /// Dials an address that was picked, unless nobody is to be dialled there. Core:
    /// `OpenNetworkConnection`.
    fn dial_known(
        &mut self,
        now: Now,
        known: AddrRecord,
        conn_type: ConnType,
        present: &Present,
        actions: &mut Vec<Action<Peer>>,
    ) {
        let addr = known.service.addr;
        let host = Host::of_addr(&addr);
        let is_kept_out =
            host.is_some_and(|host| is_kept_out(&self.bans, &self.discouraged, now.wall, &host));
        let is_passed_over = is_kept_out || present.connected.contains(&addr);
        let Some(at) = known.service.socket_addr().filter(|_| !is_passed_over) else {
            return self.opener.automatic().pause(now);
        };
        let counting = present.counting(&self.config.limits);
        self.dial_automatic(Endpoint::Ip(at), conn_type, Some(known), counting, actions);
    }

    /// Dials a node that is asked for addresses; it is not asked again. Core: `ProcessAddrFetch`.
    fn fetch_addresses(
        &mut self,
        now: Now,
        endpoint: Endpoint,
        conns: &Conns<Peer>,
        actions: &mut Vec<Action<Peer>>,
    ) {
        if conns.iter().any(|(_, peer)| peer.endpoint == endpoint) {
            return self.opener.automatic().pause(now);
        }
        let conn_type = ConnType::AddrFetch;
        self.dial_automatic(endpoint, conn_type, None, Counting::Uncounted, actions);
    }

    fn dial_automatic(
        &mut self,
        endpoint: Endpoint,
        conn_type: ConnType,
        known: Option<AddrRecord>,
        counting: Counting,
        actions: &mut Vec<Action<Peer>>,
    ) {
        self.opener.automatic().note_dialing();
        self.opener.slots.take(Slot::Automatic);
        let (origin, slot) = (Origin::Automatic, Slot::Automatic);
        self.push_dial(Dial { endpoint, conn_type, origin, slot, known, counting }, actions);
    }

    /// Ends who is one too many.
    fn end_surplus(&mut self, now: Now, conns: &mut Conns<Peer>, actions: &mut Vec<Action<Peer>>) {
        let live = conns.iter().filter(|(_, peer)| peer.is_live() && peer.is_ready());
        let candidates: Vec<_> = live.map(|(_, peer)| candidate(peer)).collect();
        for peer in surplus(&candidates, &self.config.limits, now.wall) {
            let conn = conn_of(conns, peer).expect("a candidate is there");
            self.end(conn, DisconnectReason::Surplus, conns, actions);
        }
    }
}

/// What counts of a peer when somebody has to go.
fn candidate(peer: &Peer) -> Candidate {
    let service = NetService::of(&peer.endpoint);
    // Core: of those for everything the last announcement counts, of the others the last block.
    let is_for_all = peer.conn_type == ConnType::OutboundFullRelay;
    let last = |chain: &ChainPeer| if is_for_all { chain.announced_at } else { chain.block_at };
    let block_at = peer.chain.as_ref().and_then(|chain| last(chain));
    Candidate {
        peer: peer.id,
        conn_type: peer.conn_type,
        connected_at: peer.connected_at.second(),
        block_at,
        network: service.map_or(NetClass::Unroutable, |service| service.addr.network()),
    }
}
