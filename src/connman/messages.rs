//! The task `messages`: the only one that interprets messages and writes of its own accord.
//!
//! It works in passes. A pass visits the peers that were there when it began, in an order drawn
//! anew; a visit handles at most one message of a peer, then writes what is due to it. Peers with
//! nothing to do are passed over, and no pass begins while nobody has: there is no tick. So
//! answers to one peer come in the order of its requests, and a peer that asks much makes no other
//! wait for more than a message of each.
//!
//! Sources: docs/behaviour.md, connman 8; Core: net.cpp, `ThreadMessageHandler`;
//! net_processing.cpp, `ProcessMessages` and `SendMessages`.

use std::collections::BTreeSet;

use super::handshake::{self, malformed};
use super::message::{decode_ping, decode_pong};
use super::peer::{Context, Peer};
use super::ping::BIP31_VERSION;
use super::queues::Received;
use super::reasons::{DisconnectReason, Ignored, Verdict};
use super::{ConnMan, Notice};
use crate::rng::{Purpose, Seed};
use crate::sockets::ConnId;
use crate::sockman::{Action, Conns, StepName};
use crate::time::Now;
use crate::transport::MessageType;

/// The state of the task between two steps.
#[derive(Clone, Debug, Default)]
pub(super) struct Messages {
    /// Peers for whom a visit would do something.
    work: BTreeSet<ConnId>,
    /// Peers that this pass has not visited yet, the next one last.
    snapshot: Vec<ConnId>,
    /// How many passes have begun.
    passes: u64,
}

impl Messages {
    /// Notes whether a peer has work.
    pub(super) fn note(&mut self, conn: ConnId, has_work: bool) {
        if has_work {
            self.work.insert(conn);
        } else {
            self.work.remove(&conn);
        }
    }

    /// Begins a pass if somebody has work and the one under way will not come to it.
    pub(super) fn settle(&mut self, seed: &Seed, conns: &Conns<Peer>) {
        if self.work.is_empty() || self.next_visit().is_some() {
            return;
        }
        let live = conns.iter().filter(|(_, peer)| peer.is_live());
        self.snapshot.clear();
        self.snapshot.extend(live.map(|(conn, _)| conn));
        seed.shuffle(&mut self.snapshot, Purpose::PassOrder, self.passes);
        self.passes += 1;
        assert!(self.next_visit().is_some(), "only live peers have work");
    }

    /// Whether there is a next step.
    pub(super) fn has_work(&self) -> bool {
        !self.work.is_empty()
    }

    /// Whom the next step visits.
    fn next_visit(&self) -> Option<ConnId> {
        if self.work.is_empty() {
            return None;
        }
        self.snapshot.iter().rev().copied().find(|conn| self.work.contains(conn))
    }

    /// Whom this step visits; those before it have had their turn.
    fn take_next(&mut self) -> Option<ConnId> {
        while let Some(conn) = self.snapshot.pop() {
            if self.work.contains(&conn) {
                return Some(conn);
            }
        }
        None
    }

    /// Checks what must always hold.
    pub(super) fn check_invariants(&self, conns: &Conns<Peer>) {
        let count = conns.iter().filter(|(_, peer)| peer.has_work()).count();
        assert_eq!(self.work.len(), count, "the task knows who has work");
        for conn in &self.work {
            let peer = conns.get(*conn).expect("work is of peers that are there");
            assert!(peer.has_work(), "{}: noted to have work", peer.id);
        }
        assert_eq!(self.next_visit().is_none(), self.work.is_empty(), "work is visited");
    }
}

impl ConnMan {
    /// What the next visit would do.
    pub(super) fn next_message_step<'a>(&self, conns: &'a Conns<Peer>) -> Option<StepName<'a>> {
        let conn = self.messages.next_visit()?;
        let peer = conns.get(conn).expect("work is of peers that are there");
        let handled = peer.inbox.next_type().filter(|_| peer.may_handle());
        let (verb, object) = match handled {
            Some(message_type) => ("handles", message_type.as_str()),
            None if peer.owes_version() => ("sends", "version"),
            None => ("sends", "ping"),
        };
        Some(StepName { verb, object, conn: Some(conn) })
    }

    /// One visit.
    pub(super) fn step_messages(
        &mut self,
        now: Now,
        conns: &mut Conns<Peer>,
        actions: &mut Vec<Action<Peer>>,
    ) {
        let conn = self.messages.take_next().expect("the task is runnable");
        let own_nonces = own_nonces(conn, conns);
        let peer = conns.get_mut(conn).expect("work is of peers that are there");
        let cx = Context { config: &self.config, seed: &self.seed, now, own_nonces: &own_nonces };
        let unsent = peer.outbox.queue().frame_count();
        let mut ended = None;
        if peer.may_handle() {
            ended = handle_next(conn, peer, &cx, &mut self.notices).err();
        }
        if ended.is_none() {
            send_due(peer, &cx);
        }
        for frame in peer.outbox.queue().frames().skip(unsent) {
            let (message_type, payload_bytes) = (frame.message_type(), frame.payload_bytes());
            self.notices.push(Notice::MessageQueued { peer: peer.id, message_type, payload_bytes });
        }
        // What was unsent before is on its way already: the socket waits for room.
        if unsent == 0 && !peer.outbox.queue().is_empty() {
            actions.push(Action::Send(conn));
        }
        self.set_receive_pause(conn, conns, actions);
        match ended {
            Some(reason) => self.end(conn, reason, conns, actions),
            None => self.settle(conn, conns),
        }
    }
}

/// Nonces by which a `version` from this peer would be our own. Core: `CheckIncomingNonce`: those
/// of outbound peers whose handshake is not complete.
fn own_nonces(conn: ConnId, conns: &Conns<Peer>) -> Vec<u64> {
    let next_type = conns.get(conn).and_then(|peer| peer.inbox.next_type());
    if next_type != Some(&MessageType::VERSION) {
        return Vec::new();
    }
    let unanswered = conns.iter().map(|(_, peer)| peer).filter(|peer| {
        !peer.conn_type.is_inbound() && peer.stage == super::Stage::Open && !peer.is_ready()
    });
    unanswered.map(|peer| peer.handshake.nonce()).collect()
}

/// Takes one message and handles it.
fn handle_next(
    conn: ConnId,
    peer: &mut Peer,
    cx: &Context<'_>,
    notices: &mut Vec<Notice>,
) -> Result<(), DisconnectReason> {
    let received = peer.inbox.pop().expect("the caller saw one");
    let message_type = received.message.message_type;
    let was_ready = peer.is_ready();
    let verdict = handle(peer, cx, &received, notices)?;
    let payload_bytes = received.message.payload.len();
    notices.push(Notice::MessageHandled { peer: peer.id, message_type, payload_bytes, verdict });
    if peer.is_ready() && !was_ready {
        notices.push(ready_notice(conn, peer));
    }
    Ok(())
}

/// What each message does, by the state of the handshake.
fn handle(
    peer: &mut Peer,
    cx: &Context<'_>,
    received: &Received,
    notices: &mut Vec<Notice>,
) -> Result<Verdict, DisconnectReason> {
    let payload = received.message.payload.as_slice();
    let has_version = peer.handshake.theirs().is_some();
    match received.message.message_type {
        MessageType::VERSION => handshake::handle_version(peer, cx, payload),
        _ if !has_version => Ok(Verdict::Ignored(Ignored::BeforeVersion)),
        MessageType::VERACK => Ok(handshake::handle_verack(peer, cx)),
        MessageType::SENDHEADERS => Ok(handshake::handle_sendheaders(peer)),
        MessageType::SENDCMPCT => Ok(handshake::handle_sendcmpct(peer, payload)),
        MessageType::WTXIDRELAY => handshake::handle_wtxidrelay(peer),
        MessageType::SENDADDRV2 => handshake::handle_sendaddrv2(peer),
        // BIP 330 is off, as it is by default in the reference: ignored at any time.
        MessageType::SENDTXRCNCL => Ok(Verdict::Ignored(Ignored::Unsupported)),
        _ if !peer.is_ready() => Ok(Verdict::Ignored(Ignored::BeforeVerack)),
        MessageType::PING => Ok(handle_ping(peer, cx, payload)),
        MessageType::PONG => Ok(handle_pong(peer, received, notices)),
        // Addresses (addr, addrv2, getaddr), headers and blocks (inv, getdata, notfound, headers,
        // getheaders, getblocks, block, the compact block messages), transactions (tx, mempool,
        // feefilter, the filters) and the block filters arrive later.
        other if other.known_index().is_some() => Ok(Verdict::Ignored(Ignored::NotImplemented)),
        _ => Ok(Verdict::Ignored(Ignored::Unknown)),
    }
}

/// BIP 31: a ping is answered with its own nonce, if the version has one.
fn handle_ping(peer: &mut Peer, cx: &Context<'_>, payload: &[u8]) -> Verdict {
    if peer.handshake.common_version() <= BIP31_VERSION {
        return Verdict::Ignored(Ignored::VersionTooLow);
    }
    match decode_ping(payload) {
        Ok(nonce) => {
            peer.queue(cx, MessageType::PONG, nonce.to_le_bytes());
            Verdict::Taken
        }
        Err(error) => malformed(error),
    }
}

fn handle_pong(peer: &mut Peer, received: &Received, notices: &mut Vec<Notice>) -> Verdict {
    let nonce = decode_pong(&received.message.payload);
    let (verdict, round_trip) = peer.ping.answer(nonce, received.at);
    if let Some(round_trip) = round_trip {
        notices.push(Notice::PongReceived { peer: peer.id, round_trip });
    }
    verdict
}

/// Writes what is due to a peer. Core: `SendMessages`; of its list (docs/behaviour.md, handshake
/// 5) there are so far our `version` and the ping, and it runs for peers that read slowly as well.
fn send_due(peer: &mut Peer, cx: &Context<'_>) {
    if peer.owes_version() {
        handshake::send_version(peer, cx);
    }
    if peer.is_ready() && peer.ping.is_due(cx.now.wall) {
        let id = peer.id.0;
        let draw = |n| cx.seed.draw(Purpose::PingNonce, id, n);
        match peer.ping.start(cx.now.wall, peer.handshake.common_version(), draw) {
            Some(nonce) => peer.queue(cx, MessageType::PING, nonce.to_le_bytes()),
            None => peer.queue(cx, MessageType::PING, []),
        }
    }
}

fn ready_notice(conn: ConnId, peer: &Peer) -> Notice {
    let theirs = peer.handshake.theirs().expect("verack comes after version");
    Notice::PeerReady {
        peer: peer.id,
        conn,
        version: theirs.head.version,
        services: theirs.head.services,
        user_agent: theirs.tail.user_agent.clone(),
        start_height: theirs.tail.start_height,
        relay: theirs.tail.relay,
    }
}
