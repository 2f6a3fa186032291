//! The life of a peer: let in or dialled, read from, ended once.

use super::addrman::{NetAddr, NetGroup, NetGroups};
use super::eviction::select_victim;
use super::host::Host;
use super::peer::Origin;
use super::permissions::{self, Permissions};
use super::{
    Config, ConnMan, ConnType, DisconnectReason, Notice, Peer, PeerId, Refusal, Stage, timers,
};
use crate::sockets::{ConnId, Endpoint, ListenerId};
use crate::sockman::{Action, Conns};
use crate::time::Now;
use crate::transport::{Received, TransportError};

/// The connection with an open peer of this number.
pub(super) fn conn_of(conns: &Conns<Peer>, id: PeerId) -> Option<ConnId> {
    let is_it = |peer: &Peer| peer.stage == Stage::Open && peer.id == id;
    conns.iter().find_map(|(conn, peer)| is_it(peer).then_some(conn))
}

impl ConnMan {
    pub(super) const fn next_peer_id(&mut self) -> PeerId {
        let id = PeerId(self.peers_made);
        self.peers_made += 1;
        id
    }

    /// Somebody connected. docs/behaviour.md, connman 4.
    pub(super) fn accept(
        &mut self,
        now: Now,
        (conn, listener): (ConnId, ListenerId),
        endpoint: Endpoint,
        conns: &mut Conns<Peer>,
        actions: &mut Vec<Action<Peer>>,
    ) {
        let host = Host::of(&endpoint);
        let Config { whitelist, implicit, .. } = &self.config;
        let permissions = permissions::of_inbound(None, host.as_ref(), whitelist, *implicit);
        let has_noban = permissions.has(Permissions::NOBAN);
        let is_banned = || host.is_some_and(|host| self.bans.is_banned(now.wall, &host));
        let is_discouraged = host.is_some_and(|host| self.discouraged.contains(&host));
        let refusal = if !self.is_network_active() {
            Some(Refusal::NetworkInactive)
        } else if !has_noban && is_banned() {
            Some(Refusal::Banned)
        } else if !has_noban && is_discouraged && self.is_nearly_full() {
            Some(Refusal::Discouraged)
        } else if self.is_full() && !self.make_room(conn, conns, actions) {
            Some(Refusal::InboundFull)
        } else {
            None
        };
        if let Some(refusal) = refusal {
            self.notices.push(Notice::InboundRefused { conn, endpoint, refusal });
            actions.push(Action::Close(conn));
            return;
        }
        let id = self.next_peer_id();
        self.inbound_count += 1;
        let (inbound, origin) = (ConnType::Inbound, Origin::Peer);
        let keyed_netgroup = self.keyed_netgroup(&endpoint);
        let mut peer = Peer::new(id, inbound, endpoint, origin, &self.config, &self.seed);
        peer.keyed_netgroup = keyed_netgroup;
        peer.permissions = permissions;
        peer.is_discouraged = is_discouraged;
        peer.listener = Some(listener);
        self.opener.note_connection(now, &peer);
        conns.adopt(conn, peer);
        self.open(now, conn, conns, actions);
    }

    /// Whether there is no room for another inbound peer. Who is over and not closed yet takes its
    /// place until then, as in the reference.
    const fn is_full(&self) -> bool {
        self.inbound_count >= self.config.limits.inbound_max as usize
    }

    /// Whether there is room for at most one.
    const fn is_nearly_full(&self) -> bool {
        self.inbound_count + 1 >= self.config.limits.inbound_max as usize
    }

    /// Ends the connection with somebody for a newcomer; whether there is one who may be evicted.
    /// docs/behaviour.md, eviction 1. Core: `AttemptToEvictConnection`.
    fn make_room(
        &mut self,
        newcomer: ConnId,
        conns: &mut Conns<Peer>,
        actions: &mut Vec<Action<Peer>>,
    ) -> bool {
        let inbound =
            conns.iter().filter(|(_, peer)| peer.is_live() && peer.conn_type.is_inbound());
        let Some(victim) = select_victim(inbound.map(|(_, peer)| peer.candidate()).collect())
        else {
            return false;
        };
        let conn = conn_of(conns, victim);
        self.notices.push(Notice::InboundEvicted { peer: victim, newcomer });
        self.end(conn.expect("a candidate is there"), DisconnectReason::Evicted, conns, actions);
        true
    }

    /// A number that is the same for peers of one netgroup, and that none of them can choose.
    fn keyed_netgroup(&self, endpoint: &Endpoint) -> u64 {
        let group = endpoint.ip().map(|at| NetGroups.group(&NetAddr::from_ip(at.ip())));
        self.netgroup_key.hash(group.as_ref().map_or(&[], NetGroup::as_bytes))
    }

    /// There is a connection: it is told of, read from, and timed.
    pub(super) fn open(
        &mut self,
        now: Now,
        conn: ConnId,
        conns: &mut Conns<Peer>,
        actions: &mut Vec<Action<Peer>>,
    ) {
        let Some(peer) = conns.get_mut(conn) else { return };
        assert!(peer.stage == Stage::Dialing, "a connection opens once");
        peer.stage = Stage::Open;
        peer.connected_at = now.wall;
        peer.chain = self.chain.is_some().then(Box::default);
        self.messages.welcome(peer);
        self.own_nonces.add(peer);
        self.notices.push(Notice::PeerConnected {
            peer: peer.id,
            conn,
            endpoint: peer.endpoint.clone(),
            conn_type: peer.conn_type,
        });
        self.opener.note_dialed(now, peer.origin);
        if !peer.conn_type.is_inbound() {
            self.note_attempt(now, peer);
        }
        if peer.ended.is_none() {
            actions.push(Action::Receive(conn));
            // The key of a v2 transport, which waits for nothing.
            if peer.has_unsent() {
                actions.push(Action::Send(conn));
            }
        }
        self.settle(conn, conns);
        // The attempt may have been begun by a step that was decided on while there was a network.
        if !self.is_network_active() {
            let stopped = DisconnectReason::Shutdown;
            let reason = if self.stopped { stopped } else { DisconnectReason::NetworkInactive };
            self.end(conn, reason, conns, actions);
        }
    }

    /// Ends a connection. The first reason stands.
    pub(super) fn end(
        &mut self,
        conn: ConnId,
        reason: DisconnectReason,
        conns: &mut Conns<Peer>,
        actions: &mut Vec<Action<Peer>>,
    ) {
        let Some(peer) = conns.get_mut(conn) else { return };
        if peer.ended.is_some() {
            return;
        }
        peer.ended = Some(reason);
        peer.inbox.clear();
        if let Some(chain) = &mut peer.chain {
            chain.clear();
        }
        if let Some(sync) = &mut self.chain {
            sync.forget(conn);
        }
        actions.push(Action::Close(conn));
        self.settle(conn, conns);
    }

    /// Brings what follows from a peer's state up to date, after any change of it.
    pub(super) fn settle(&mut self, conn: ConnId, conns: &mut Conns<Peer>) {
        let Some(peer) = conns.get_mut(conn) else { return };
        timers::arm(&mut self.timers, conn, peer, &self.config);
        self.messages.note(conn, peer);
    }

    /// Reads from a peer or not, by what it has waiting. Core: `fPauseRecv`, strictly over.
    pub(super) fn set_receive_pause(
        &self,
        conn: ConnId,
        conns: &mut Conns<Peer>,
        actions: &mut Vec<Action<Peer>>,
    ) {
        let Some(peer) = conns.get_mut(conn).filter(|peer| peer.is_live()) else { return };
        let over = peer.inbox.memory_usage() > self.config.receive_buffer_bytes_max;
        if over != peer.inbox.paused {
            peer.inbox.paused = over;
            actions.push(Action::Receive(conn));
        }
    }

    /// Takes a peer's bytes apart. Core: `CNode::ReceiveMsgBytes`.
    pub(super) fn receive(
        &mut self,
        now: Now,
        peer: &mut Peer,
        mut bytes: &[u8],
    ) -> Result<(), DisconnectReason> {
        while !bytes.is_empty() {
            let received = peer.transport.receive(&mut bytes).map_err(|error| match error {
                TransportError::V1(error) => DisconnectReason::FrameInvalid(error),
                TransportError::V2(error) => DisconnectReason::V2Invalid(error),
            });
            match received? {
                None => {}
                Some(Received::Message { message, raw_bytes }) => {
                    let message_type = Some(message.message_type);
                    peer.traffic.add_received(message_type, raw_bytes);
                    self.totals.add_received(message_type, raw_bytes);
                    peer.inbox.push(message, now.wall);
                }
                Some(Received::Dropped(dropped)) => {
                    peer.traffic.add_received(None, dropped.raw_bytes());
                    self.totals.add_received(None, dropped.raw_bytes());
                    self.notices.push(Notice::MessageRejected { peer: peer.id, dropped });
                }
            }
        }
        Ok(())
    }
}
