//! The task `messages`: the only one that interprets messages and writes of its own accord.
//!
//! It works in passes. A pass visits the peers that were there when it began, in an order drawn
//! anew; a visit handles at most one message of a peer, then writes what is due to it. Peers with
//! nothing to do are passed over without a look, and no pass begins while nobody has: there is no
//! tick, and work follows the peers that have some. So answers to one peer come in the order of its
//! requests, and a peer that asks much makes no other wait for more than a message of each.
//!
//! Sources: docs/behaviour.md, connman 8; Core: net.cpp, `ThreadMessageHandler`;
//! net_processing.cpp, `ProcessMessages` and `SendMessages`.

use std::collections::BTreeSet;

use super::addr_relay::{self, AddrBook};
use super::blocks::{self, BlockSync};
use super::handshake::{self, malformed};
use super::message::{decode_ping, decode_pong};
use super::peer::{Context, Peer};
use super::ping::BIP31_VERSION;
use super::queues::Received;
use super::reasons::{DisconnectReason, Ignored, Verdict};
use super::screen::screen;
use super::{ConnMan, Notice, PeerId};
use crate::rng::{OrderKey, Purpose, Seed};
use crate::sockets::ConnId;
use crate::sockman::{Action, Conns, StepName};
use crate::time::{Instant, Now};
use crate::transport::{MessageType, Unsent};

/// A peer's place in the order of visits: pass after pass, and in each at a place drawn for it. So
/// a pass takes its peers in an order that is as good as shuffled, and nobody has to be asked who
/// has nothing to do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
struct Turn {
    pass: u64,
    place: u64,
}

impl Turn {
    fn drawn(key: &OrderKey, peer: PeerId, pass: u64) -> Self {
        Self { pass, place: key.draw(peer.0, pass) }
    }

    /// The first turn that may come after this one.
    const fn next(self) -> Self {
        match self.place.checked_add(1) {
            Some(place) => Self { pass: self.pass, place },
            None => Self { pass: self.pass + 1, place: 0 },
        }
    }
}

/// When a peer is visited.
#[derive(Clone, Debug, Default)]
pub(super) struct Visits {
    /// Its turn; `None`: it has no work.
    turn: Option<Turn>,
    /// The first pass that comes to it, because a pass visits who was there when it began.
    from_pass: u64,
}

/// The state of the task between two steps. It holds peers with work and no others, so that idle
/// ones cost nothing.
#[derive(Clone, Debug)]
pub(super) struct Messages {
    /// What the order of visits is drawn by.
    key: OrderKey,
    /// Peers for whom a visit would do something, in the order of the visits.
    turns: BTreeSet<(Turn, ConnId)>,
    /// How far the pass under way has got: turns before this one are over. At place 0 it has not
    /// begun.
    reached: Turn,
}

impl Messages {
    /// Nobody is there.
    pub(super) fn new(seed: &Seed) -> Self {
        let key = OrderKey::new(seed, Purpose::PassOrder);
        Self { key, turns: BTreeSet::new(), reached: Turn::default() }
    }

    /// Prepares for a peer that is there from now on.
    pub(super) fn welcome(&self, peer: &mut Peer) {
        peer.visits.from_pass = self.first_pass();
    }

    /// Notes whether a peer has work.
    pub(super) fn note(&mut self, conn: ConnId, peer: &mut Peer) {
        let turn = peer.has_work().then(|| self.turn_of(peer));
        if turn == peer.visits.turn {
            return;
        }
        self.forget(conn, peer);
        peer.visits.turn = turn;
        match turn {
            Some(turn) => assert!(self.turns.insert((turn, conn)), "a peer has one turn"),
            // Whoever else is left of the pass has nothing to do in it.
            None if self.turns.is_empty() => {
                self.reached = Turn { pass: self.first_pass(), place: 0 };
            }
            None => {}
        }
    }

    /// Takes a peer's turn away, if it has one.
    pub(super) fn forget(&mut self, conn: ConnId, peer: &Peer) {
        if let Some(turn) = peer.visits.turn {
            self.turns.remove(&(turn, conn));
        }
    }

    /// When a peer with work is visited: in the pass under way, unless that is past its place.
    fn turn_of(&self, peer: &Peer) -> Turn {
        let next_pass = self.reached.pass + 1;
        match peer.visits.turn {
            Some(turn) if turn >= self.reached => turn,
            Some(_just_visited) => Turn::drawn(&self.key, peer.id, next_pass),
            None => {
                let pass = peer.visits.from_pass.max(self.reached.pass);
                let turn = Turn::drawn(&self.key, peer.id, pass);
                if turn >= self.reached { turn } else { Turn::drawn(&self.key, peer.id, next_pass) }
            }
        }
    }

    /// The pass that comes to a peer that is new now.
    const fn first_pass(&self) -> u64 {
        if self.reached.place == 0 { self.reached.pass } else { self.reached.pass + 1 }
    }

    /// How many peers have a turn.
    pub(super) fn turn_count(&self) -> usize {
        self.turns.len()
    }

    /// Whether there is a next step.
    pub(super) fn has_work(&self) -> bool {
        !self.turns.is_empty()
    }

    /// Whom the next step visits.
    fn next_visit(&self) -> Option<ConnId> {
        self.turns.first().map(|(_, conn)| *conn)
    }

    /// Whom this step visits. Its turn is over; it has another once it is noted again.
    fn take_next(&mut self) -> Option<ConnId> {
        let (turn, conn) = self.turns.pop_first()?;
        assert!(turn >= self.reached, "passes do not go back");
        self.reached = turn.next();
        Some(conn)
    }

    /// Checks what must always hold.
    pub(super) fn check_invariants(&self, conns: &Conns<Peer>) {
        let count = conns.iter().filter(|(_, peer)| peer.has_work()).count();
        assert_eq!(self.turns.len(), count, "the task knows who has work");
        for (turn, conn) in &self.turns {
            let peer = conns.get(*conn).expect("work is of peers that are there");
            assert!(peer.has_work(), "{}: noted to have work", peer.id);
            assert_eq!(peer.visits.turn, Some(*turn), "{}: knows its turn", peer.id);
            assert!(*turn >= self.reached, "{}: its turn is to come", peer.id);
            assert!(turn.pass <= self.reached.pass + 1, "{}: the next pass at last", peer.id);
        }
    }
}

impl ConnMan {
    /// What the next visit would do.
    pub(super) fn next_message_step<'a>(
        &self,
        now: Now,
        conns: &'a Conns<Peer>,
    ) -> Option<StepName<'a>> {
        if self.is_look_due(now) {
            return Some(StepName { verb: "looks", object: "chain", conn: None });
        }
        let conn = self.messages.next_visit()?;
        let peer = conns.get(conn).expect("work is of peers that are there");
        let handled = peer.inbox.next_type().filter(|_| peer.may_handle());
        let (verb, object) = match handled {
            Some(message_type) => ("handles", message_type.as_str()),
            None if peer.may_serve() => ("sends", "block"),
            None if peer.owes_version() => ("sends", "version"),
            None if peer.ping.is_queued() => ("sends", "ping"),
            None if peer.has_chain_turn() => ("turns", "chain"),
            None => ("sends", addr_relay::form_of(peer).name()),
        };
        Some(StepName { verb, object, conn: Some(conn) })
    }

    /// Whether somebody may have a turn because of the chain, and it was not looked yet who.
    fn is_look_due(&self, now: Now) -> bool {
        self.chain.as_ref().is_some_and(|sync| sync.is_look_due(now.wall))
    }

    /// When there is the next step, if nothing happens.
    pub(super) fn next_messages_wakeup(&self, now: Now) -> Option<Instant> {
        if self.messages.has_work() {
            return Some(now.steady);
        }
        self.chain.as_ref()?.next_wakeup(now)
    }

    /// One visit, or a look at whom to visit.
    pub(super) fn step_messages(
        &mut self,
        now: Now,
        conns: &mut Conns<Peer>,
        actions: &mut Vec<Action<Peer>>,
    ) {
        if self.is_look_due(now) {
            return self.look_at_chain(now, conns);
        }
        let conn = self.messages.take_next().expect("the task is runnable");
        let peer = conns.get_mut(conn).expect("work is of peers that are there");
        let Self {
            config, seed, own_nonces, addrman, addr_relay, bans, discouraged, chain, ..
        } = self;
        let start_height = chain.as_ref().map_or(config.start_height, |sync| sync.start_height());
        let cx = Context { config, seed, now, own_nonces, start_height };
        let mut book = AddrBook { addrman, relay: addr_relay, bans, discouraged };
        let unsent = peer.transport.unsent_count();
        let was_sending = peer.has_unsent();
        let mut ended = None;
        let mut chain = chain.as_deref_mut();
        if peer.may_handle() {
            ended = handle_next(conn, peer, &cx, &mut book, &mut chain, &mut self.notices).err();
        } else if let Some(sync) = chain.as_deref_mut().filter(|_| peer.may_serve()) {
            blocks::serve_next(sync, peer, &cx);
        }
        if ended.is_none() {
            send_due(peer, &cx, &book);
            ended = chain.and_then(|sync| blocks::send_due(sync, conn, peer, &cx));
        }
        if peer.is_ready() {
            self.own_nonces.remove(peer);
        }
        for Unsent { message_type, payload_bytes } in peer.transport.unsent_from(unsent) {
            self.notices.push(Notice::MessageQueued { peer: peer.id, message_type, payload_bytes });
        }
        peer.transport.prepare();
        // What was unsent before is on its way already: the socket waits for room.
        if !was_sending && peer.has_unsent() {
            actions.push(Action::Send(conn));
        }
        self.pass_on(now, conn, conns);
        self.set_receive_pause(conn, conns, actions);
        let Some(reason) = ended else { return self.settle(conn, conns) };
        self.end(conn, reason, conns, actions);
        if let DisconnectReason::Misbehaved(_) = reason {
            self.discourage(conn, conns, actions);
        }
    }
}

/// Takes one message and handles it.
fn handle_next(
    conn: ConnId,
    peer: &mut Peer,
    cx: &Context<'_>,
    book: &mut AddrBook<'_>,
    chain: &mut Option<&mut BlockSync>,
    notices: &mut Vec<Notice>,
) -> Result<(), DisconnectReason> {
    let received = peer.inbox.pop().expect("the caller saw one");
    let message_type = received.message.message_type;
    let was_ready = peer.is_ready();
    let verdict = handle(conn, peer, cx, book, chain.as_deref_mut(), &received, notices)?;
    let payload_bytes = received.message.payload.len();
    notices.push(Notice::MessageHandled { peer: peer.id, message_type, payload_bytes, verdict });
    if peer.is_ready() && !was_ready {
        notices.push(ready_notice(conn, peer));
        if let Some(sync) = chain {
            sync.note_ready(conn, peer);
        }
    }
    Ok(())
}

/// What each message does, by the state of the handshake.
fn handle(
    conn: ConnId,
    peer: &mut Peer,
    cx: &Context<'_>,
    book: &mut AddrBook<'_>,
    sync: Option<&mut BlockSync>,
    received: &Received,
    notices: &mut Vec<Notice>,
) -> Result<Verdict, DisconnectReason> {
    let payload = received.message.payload.as_slice();
    let has_version = peer.handshake.theirs().is_some();
    match received.message.message_type {
        MessageType::VERSION => handshake::handle_version(peer, cx, book, payload),
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
        MessageType::GETADDR => Ok(addr_relay::handle_getaddr(peer, cx, book)),
        list @ (MessageType::ADDR | MessageType::ADDRV2) => {
            addr_relay::handle_list(peer, cx, book, list, payload)
        }
        // What transactions and filters do arrives later.
        other if other.known_index().is_some() => {
            let screened = screen(peer, cx, other, payload)?;
            let usable = sync.filter(|_| screened == Verdict::Ignored(Ignored::NotImplemented));
            let handled =
                usable.and_then(|sync| blocks::handle(sync, conn, peer, cx, other, payload));
            handled.unwrap_or(Ok(screened))
        }
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
/// 5) there are so far our `version`, the ping and addresses, and behind them what has to do with
/// the chain ([`blocks::send_due`]); it runs for peers that read slowly as well.
fn send_due(peer: &mut Peer, cx: &Context<'_>, book: &AddrBook<'_>) {
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
    addr_relay::send_due(peer, cx, book);
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
        transport: peer.transport.kind(),
    }
}

#[cfg(test)]
mod tests;
