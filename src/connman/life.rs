//! The life of a peer: let in or dialled, read from, ended once.

use super::host::Host;
use super::peer::Origin;
use super::{ConnMan, ConnType, DisconnectReason, Notice, Peer, PeerId, Refusal, Stage, timers};
use crate::sockets::{ConnId, Endpoint};
use crate::sockman::{Action, Conns};
use crate::time::Now;
use crate::transport::{Received, TransportError};

impl ConnMan {
    pub(super) const fn next_peer_id(&mut self) -> PeerId {
        let id = PeerId(self.peers_made);
        self.peers_made += 1;
        id
    }

    /// Somebody connected. docs/behaviour.md, connman 4, as far as it applies: permissions and
    /// eviction arrive later, so that a full house lets nobody in.
    pub(super) fn accept(
        &mut self,
        now: Now,
        conn: ConnId,
        endpoint: Endpoint,
        conns: &mut Conns<Peer>,
        actions: &mut Vec<Action<Peer>>,
    ) {
        let refusal = if !self.is_network_active() {
            Some(Refusal::NetworkInactive)
        } else if Host::of(&endpoint).is_some_and(|host| self.bans.is_banned(now.wall, &host)) {
            Some(Refusal::Banned)
        } else if self.inbound_count >= self.config.limits.inbound_max as usize {
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
        self.opener.note_connection(&endpoint);
        let (inbound, origin) = (ConnType::Inbound, Origin::Peer);
        let peer = Peer::new(id, inbound, endpoint, origin, &self.config, &self.seed);
        conns.adopt(conn, peer);
        self.open(now, conn, conns, actions);
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
        self.messages.welcome(peer);
        self.own_nonces.add(peer);
        self.notices.push(Notice::PeerConnected {
            peer: peer.id,
            conn,
            endpoint: peer.endpoint.clone(),
            conn_type: peer.conn_type,
        });
        if peer.origin == Origin::List {
            self.opener.note_dialed(now);
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
