//! Addresses that peers tell each other: what we learn, what we pass on, what we answer.
//!
//! ```text
//!   addr, addrv2 --> one token each --> fit, not banned --> addrman
//!                                             |
//!                             fresh, and few: '--> one or two peers, with their next message
//!
//!   getaddr --> the answer of the day, for who comes this way --> with the next message
//! ```
//!
//! Who relays blocks alone takes no part. Others that we dial do so from their `version` on, those
//! that dial us from their first `addr`, `addrv2` or `getaddr` on; before that nothing is kept of
//! them. What is to be told to a peer waits for its next message, and these come at moments that
//! cannot be foreseen, so that nobody sees from whom an address came.
//!
//! This file has the wiring; the parts are pure. docs/behaviour.md, addresses 1 to 5. Core:
//! net_processing.cpp, `ProcessAddrs`, `RelayAddress`, `PushAddress`, `MaybeSendAddr`.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use super::addrman::{AddrMan, AddrRecord, NetAddr, Share, TIME_PENALTY_GOSSIP};
use super::bans::{BanList, Discouraged, is_kept_out};
use super::handshake::malformed;
use super::host::Host;
use super::misbehaviour::{Misbehaviour, judge};
use super::peer::{Context, Peer};
use super::permissions::Permissions;
use super::reasons::{DisconnectReason, Ignored, Verdict};
use super::{Behaviour, Config, ConnMan, ConnType, REACHABLE, Services};
use crate::rng::{OrderKey, Purpose, Seed};
use crate::sockets::ConnId;
use crate::sockman::Conns;
use crate::time::{Now, UnixTime};
use crate::transport::MessageType;

mod answers;
mod bucket;
mod choice;
mod known;
mod learned;
mod own;
mod payload;
mod peer;

pub use answers::{ANSWER_LIFETIME_MIN, ANSWER_LIFETIME_SPREAD};
pub use bucket::{TOKEN_INTERVAL, TOKENS_MAX};
pub use choice::RELAY_PEERS_MAX;
pub use known::KNOWN_MIN;
pub use own::OWN_INTERVAL_MEAN;
pub use payload::{AddrForm, AddrList, encode};
pub(super) use peer::AddrPeer;
pub use peer::{ADDR_INTERVAL_MEAN, AddrCounts};

pub use super::addrman::ADDR_TO_SEND_MAX;
use answers::{Answers, Way};
use choice::{Reach, choose};
use own::{OwnAddresses, View};

/// A list with more entries is an answer, and none of it is news. Core: `ProcessAddrs`, 10.
pub const RELAYED_LIST_MAX: usize = 10;

/// An address is news for so long. Core: `ProcessAddrs`, 10 min; also how far it may be ahead.
const NEWS: Duration = Duration::from_secs(10 * 60);

/// A time at or before this one is none. Core: `ProcessAddrs`, 100000000.
const TIME_MIN: UnixTime = UnixTime::from_secs(100_000_000);

/// How old an address is taken for that says nothing of use of its time. Core: `ProcessAddrs`, 5
/// days.
const AGE_UNKNOWN: Duration = Duration::from_secs(5 * 24 * 3600);

/// The manager's part of the exchange of addresses.
#[derive(Clone, Debug)]
pub(super) struct AddrRelay {
    behaviour: Behaviour,
    known_key: OrderKey,
    choice_key: OrderKey,
    answers: Answers,
    own: OwnAddresses,
    /// Lists and questions there ever were; what they draw differs by it.
    messages: u64,
    /// What is to be passed on of the message that is being handled; at most [`RELAYED_LIST_MAX`].
    relayed: Vec<AddrRecord>,
    /// Whether the tables have changed since somebody looked.
    tables_changed: bool,
}

impl AddrRelay {
    pub(super) fn new(config: &Config, seed: &Seed) -> Self {
        Self {
            behaviour: config.behaviour,
            own: OwnAddresses::new(config),
            known_key: OrderKey::new(seed, Purpose::AddrKnown),
            choice_key: OrderKey::new(seed, Purpose::AddrRelay),
            answers: Answers::default(),
            messages: 0,
            relayed: Vec::new(),
            tables_changed: false,
        }
    }

    /// There is a way in for others.
    pub(super) const fn note_listening(&mut self) {
        self.own.is_listening = true;
    }

    /// Somebody who came to us says that it came to this address.
    pub(super) fn note_seen(&mut self, at: SocketAddr) {
        self.own.note_seen(&NetAddr::from_ip(at.ip()));
    }

    /// Answers that are kept.
    pub(super) fn answer_count(&self) -> usize {
        self.answers.count()
    }

    pub(super) fn check_invariants(&self) {
        assert!(self.relayed.is_empty(), "what is passed on is passed on with its message");
    }
}

/// What is known of addresses, while a message is handled.
pub(super) struct AddrBook<'a> {
    pub(super) addrman: &'a mut AddrMan,
    pub(super) relay: &'a mut AddrRelay,
    pub(super) bans: &'a BanList,
    pub(super) discouraged: &'a Discouraged,
}

impl AddrBook<'_> {
    /// What a peer is told that asks.
    fn answer(&mut self, peer: &Peer, cx: &Context<'_>) -> Arc<[AddrRecord]> {
        let Self { addrman, relay, bans, discouraged } = self;
        let mut draws = cx.seed.draws(Purpose::AddrAnswer, relay.messages);
        relay.messages += 1;
        let mut make = |draws: &mut _| {
            let mut records = addrman.get_addr(Share::GETADDR, cx.now.wall, draws);
            records.retain(|record| !is_out(bans, discouraged, cx.now.wall, &record.service.addr));
            records
        };
        match peer.listener {
            Some(listener) if !peer.permissions.has(Permissions::ADDR) => {
                let network = Host::of(&peer.endpoint).map(|host| host.network());
                relay.answers.answer(Way { network, listener }, cx.now.wall, draws, make)
            }
            _ => make(&mut draws).into(),
        }
    }
}

/// Begins the exchange with a peer, unless it relays blocks alone. Core: `SetupAddressRelay`.
pub(super) fn begin<'a>(peer: &'a mut Peer, book: &AddrBook<'_>) -> Option<&'a mut AddrPeer> {
    if peer.conn_type == ConnType::BlockRelay {
        return None;
    }
    let (id, since) = (peer.id, peer.connected_at);
    let (key, behaviour) = (book.relay.known_key, book.relay.behaviour);
    let new = || Box::new(AddrPeer::new(id, key, since, behaviour));
    Some(peer.addresses.get_or_insert_with(new))
}

/// Asks a peer that we dialled for addresses, if its type says so. Core: the handling of `version`.
pub(super) fn ask(peer: &mut Peer, cx: &Context<'_>, book: &AddrBook<'_>) {
    if !peer.conn_type.asks_for_addresses() {
        return;
    }
    if let Some(begun) = begin(peer, book) {
        begun.ask();
        peer.queue(cx, MessageType::GETADDR, []);
    }
}

/// Handles `getaddr`, which only those may send who dialled us, so that nobody we dial can tell us
/// by what we know; it is answered once. Core: the handling of `getaddr`.
pub(super) fn handle_getaddr(
    peer: &mut Peer,
    cx: &Context<'_>,
    book: &mut AddrBook<'_>,
) -> Verdict {
    if !peer.conn_type.is_inbound() {
        return Verdict::Ignored(Ignored::Unsolicited);
    }
    let begun = begin(peer, book).expect("nobody who dials us relays blocks alone");
    if begun.has_asked {
        return Verdict::Ignored(Ignored::Redundant);
    }
    begun.has_asked = true;
    begun.clear_pending();
    let answer = book.answer(peer, cx);
    let form = form_of(peer);
    if let Some(begun) = &mut peer.addresses {
        for record in answer.iter().filter(|record| payload::fits(&record.service.addr, form)) {
            begun.push(*record, cx.now.wall, cx.seed);
        }
    }
    Verdict::Taken
}

/// Handles `addr` and `addrv2`. Core: `ProcessAddrs`.
pub(super) fn handle_list(
    peer: &mut Peer,
    cx: &Context<'_>,
    book: &mut AddrBook<'_>,
    message_type: MessageType,
    payload: &[u8],
) -> Result<Verdict, DisconnectReason> {
    let form = if message_type == MessageType::ADDR { AddrForm::V1 } else { AddrForm::V2 };
    let AddrList { count, mut records } = match AddrList::decode(payload, form) {
        Ok(list) => list,
        Err(error) => return Ok(malformed(error)),
    };
    if begin(peer, book).is_none() {
        return Ok(Verdict::Ignored(Ignored::Unsolicited));
    }
    if count > ADDR_TO_SEND_MAX {
        let max = ADDR_TO_SEND_MAX;
        return judge(peer, Misbehaviour::TooMany { message_type, count, max });
    }
    let mut draws = cx.seed.draws(Purpose::AddrList, book.relay.messages);
    book.relay.messages += 1;
    // Whoever has few tokens does not choose which entries they are for.
    draws.shuffle(&mut records);
    let learned = process(peer, cx, book, &records);
    let source = source_of(peer);
    if !learned.is_empty() {
        book.addrman.add(&learned, &source, TIME_PENALTY_GOSSIP, cx.now.wall, &mut draws);
        book.relay.tables_changed = true;
    }
    if count < ADDR_TO_SEND_MAX
        && let Some(begun) = &mut peer.addresses
    {
        begun.awaits_answer = false;
    }
    if peer.conn_type == ConnType::AddrFetch && count > 1 {
        return Err(DisconnectReason::AddrFetchDone);
    }
    Ok(Verdict::Taken)
}

/// Looks at the entries of a list as far as there are tokens; gives those to be learned.
fn process(
    peer: &mut Peer,
    cx: &Context<'_>,
    book: &mut AddrBook<'_>,
    records: &[AddrRecord],
) -> Vec<AddrRecord> {
    let now = cx.now.wall;
    let is_limited = !peer.permissions.has(Permissions::ADDR);
    let begun = peer.addresses.as_mut().expect("the caller began it");
    begun.bucket.refill(now);
    let are_news = !begun.awaits_answer && records.len() <= RELAYED_LIST_MAX;
    let mut learned = Vec::new();
    for record in records {
        if !begun.bucket.take() && is_limited {
            begun.counts.rate_limited += 1;
            continue;
        }
        if !is_useful(record.services) {
            continue;
        }
        let mut record = *record;
        if record.time <= TIME_MIN || record.time > now + NEWS {
            record.time = UnixTime::from_secs(now.as_secs().saturating_sub(AGE_UNKNOWN.as_secs()));
        }
        begun.note_known(&record.service);
        if is_out(book.bans, book.discouraged, now, &record.service.addr) {
            continue;
        }
        begun.counts.processed += 1;
        let is_fresh = record.time + NEWS > now;
        if are_news && is_fresh && record.service.addr.is_routable() {
            book.relay.relayed.push(record);
        }
        if reach(&record.service.addr) == Reach::Reachable {
            learned.push(record);
        }
    }
    learned
}

/// Writes what a peer is to be told of addresses, if its turn has come.
pub(super) fn send_due(peer: &mut Peer, cx: &Context<'_>, book: &AddrBook<'_>) {
    if !peer.owes_addresses() {
        return;
    }
    tell_own(peer, cx, &book.relay.own);
    // That may have been as much as may wait to be sent.
    if !peer.owes_addresses() {
        return;
    }
    let Some(begun) = &mut peer.addresses else { return };
    let told = begun.take_due(cx.now.wall, cx.seed);
    if told.is_empty() {
        return;
    }
    let form = form_of(peer);
    peer.queue(cx, message_type(form), encode(&told, form));
}

/// Tells a peer our own address, if its time has come: at first in a message of its own, which
/// cannot fall behind others for want of tokens; later with the next one, although it is known.
fn tell_own(peer: &mut Peer, cx: &Context<'_>, own: &OwnAddresses) {
    let (form, now) = (form_of(peer), cx.now.wall);
    let Some(view) = view_of(peer) else { return };
    let Some(begun) = &mut peer.addresses else { return };
    let is_first = begun.awaits_own();
    let draw = cx.seed.draw(Purpose::OwnAddress, peer.id.0, begun.own_draws());
    if !begun.owes_own() {
        return;
    }
    let Some(service) = own.for_peer(view, draw) else { return begun.drop_own() };
    begun.note_own(now, cx.seed);
    let time = now.second();
    let record = AddrRecord { service, services: cx.config.services, time };
    if !payload::fits(&service.addr, form) {
        return;
    }
    if is_first {
        peer.queue(cx, message_type(form), encode(&[record], form));
    } else {
        begun.forget_known();
        begun.push(record, now, cx.seed);
    }
}

/// What matters of a peer for which of our addresses it is told; `None` before its `version`.
fn view_of(peer: &Peer) -> Option<View> {
    let reported = peer.handshake.theirs()?.head.receiver;
    let (peer_addr, is_inbound) = (source_of(peer), peer.conn_type.is_inbound());
    Some(View { peer: peer_addr, is_inbound, reported: reported.into() })
}

/// The form in which a peer is told addresses. BIP 155.
pub(super) const fn form_of(peer: &Peer) -> AddrForm {
    if peer.handshake.wants_addrv2 { AddrForm::V2 } else { AddrForm::V1 }
}

/// The message of a form.
pub(super) const fn message_type(form: AddrForm) -> MessageType {
    match form {
        AddrForm::V1 => MessageType::ADDR,
        AddrForm::V2 => MessageType::ADDRV2,
    }
}

/// Whether somebody with these services may be of use. Core: `MayHaveUsefulAddressDB`; what is
/// desirable beside it holds one of the two.
const fn is_useful(services: Services) -> bool {
    services.contains(Services::NETWORK) || services.contains(Services::NETWORK_LIMITED)
}

/// Whether an address is worth nothing, because of what its host did or what somebody said.
fn is_out(bans: &BanList, discouraged: &Discouraged, now: UnixTime, addr: &NetAddr) -> bool {
    Host::of_addr(addr).is_some_and(|host| is_kept_out(bans, discouraged, now, &host))
}

/// Whether we can connect to an address.
fn reach(addr: &NetAddr) -> Reach {
    match REACHABLE.contains(&addr.network()) {
        true => Reach::Reachable,
        false => Reach::Unreachable,
    }
}

/// The address of a peer, as that of a source.
fn source_of(peer: &Peer) -> NetAddr {
    peer.endpoint.ip().map_or(NetAddr::INVALID, |at| NetAddr::from_ip(at.ip()))
}

impl Peer {
    /// Whether its next turn tells it addresses, or decides when. **Ours**: not while what waits to
    /// be sent keeps its messages from being handled, so that who does not read costs no more.
    pub(super) fn owes_addresses(&self) -> bool {
        let may_tell = |begun: &AddrPeer| {
            (begun.is_due() || begun.owes_own()) && (!self.send_paused || begun.insists)
        };
        self.is_ready() && self.addresses.as_deref().is_some_and(may_tell)
    }
}

impl ConnMan {
    /// Passes on what the message has brought that was just handled; the tables may have changed
    /// with it.
    pub(super) fn pass_on(&mut self, now: Now, source: ConnId, conns: &mut Conns<Peer>) {
        if std::mem::take(&mut self.addr_relay.tables_changed) {
            self.addresses_changed(now);
        }
        for record in std::mem::take(&mut self.addr_relay.relayed) {
            self.relay_address(now, source, record, conns);
        }
    }

    fn relay_address(
        &mut self,
        now: Now,
        source: ConnId,
        record: AddrRecord,
        conns: &mut Conns<Peer>,
    ) {
        let addr = record.service.addr;
        let takes_it = |(conn, peer): &(ConnId, &Peer)| {
            let takes_part = peer.is_live() && peer.addresses.is_some();
            takes_part && *conn != source && payload::fits(&addr, form_of(peer))
        };
        let peers = conns.iter().filter(takes_it).map(|(conn, peer)| (peer.id, conn));
        let key = &self.addr_relay.choice_key;
        for conn in choose(key, &record.service, reach(&addr), now.wall, peers) {
            if let Some(begun) = conns.get_mut(conn).and_then(|peer| peer.addresses.as_mut()) {
                begun.push(record, now.wall, &self.seed);
            }
            self.settle(conn, conns);
        }
    }
}

#[cfg(test)]
mod tests;
