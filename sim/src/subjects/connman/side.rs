//! One connection of the node's, as the model has it: the messages that were read, what each of
//! them asks for, and what the node has to say and has not said.
//!
//! It is written from docs/behaviour.md (handshake 3 to 6, transport 2, connman 7) and shares no
//! code with the library. It knows bytes and one connection, and neither the node nor the clock.

#![expect(clippy::wildcard_enum_match_arm, reason = "an oracle looks at what concerns it")]

use std::collections::VecDeque;

use sockman::connman::{Config, ConnType, Verdict};
use sockman::sockets::Endpoint;
use sockman::time::UnixTime;

use super::lists::{self, Wrong};
use super::rights::Rights;
use super::rumours::{self, Exchange, Left, Queued};
use super::speaker::{HEADER_BYTES, NAME_BYTES_MAX, Unframed, checksum, split};
use super::tap::{self, Said, Tap};
use super::timers::Times;

/// The version that the node speaks, and the lowest that it speaks with (handshake 1).
const PROTOCOL: i32 = 70016;
const PROTOCOL_MIN: i32 = 31800;

/// In the first byte of its services: it has Bloom filters (BIP 111).
const BLOOM: u8 = 1 << 2;

/// Up to here there are no nonces in pings; up to here the final alert is sent; from here on
/// compact blocks are spoken of (handshake 1, 4 and 6).
const NO_NONCES_MAX: i32 = 60000;
const ALERT_MAX: i32 = 70012;
const COMPACT_BLOCKS_MIN: i32 = 70014;

/// Why a connection ends that was to see whether somebody is there.
pub(super) const FEELER_DONE: &str = "feeler-done";

/// Why the node ends a connection that was made to hear addresses.
pub(super) const ADDR_FETCH_DONE: &str = "addr-fetch-done";

/// Every block, with witnesses (connman 5.4).
const DESIRABLE: u64 = 9;

/// Longest user agent, in bytes (handshake 1, `MAX_SUBVERSION_LENGTH`).
const AGENT_BYTES_MAX: usize = 256;

/// Memory that a message counts for beside its payload: one that waits to be sent (transport 5),
/// one that waits to be handled (Core: `CNetMessage::GetMemoryUsage`).
const UNSENT_OVERHEAD_BYTES: usize = 56;
const UNHANDLED_OVERHEAD_BYTES: usize = 112;

/// Checksums of messages that the node takes are compared so rarely: one that takes a wrong one
/// takes many.
const CHECKSUMS_EVERY: u64 = 4;

/// Memory of a payload (transport 5).
const fn memory(payload_bytes: usize) -> usize {
    if payload_bytes == 0 { 0 } else { (payload_bytes + 31) / 16 * 16 }
}

/// A whole message that the node has read.
#[derive(Clone, Copy, Debug)]
struct Message {
    name: [u8; NAME_BYTES_MAX],
    payload_bytes: usize,
    meaning: Meaning,
    /// Transactions that it announces, as [`lists::transactions`] has them.
    transactions: [bool; 3],
}

/// What matters of it.
#[derive(Clone, Copy, Debug)]
enum Meaning {
    Version(Version),
    /// A first eight bytes, if there are so many.
    Ping(Option<u64>),
    Pong(Option<u64>),
    /// Whether it speaks of version 2.
    SendCmpct(bool),
    /// A list, or something that is asked for.
    List(Wrong),
    /// A list of so many addresses, which can be read and is not too long.
    Addresses(usize),
    /// One that is too long.
    TooManyAddresses,
    /// Its name says everything.
    Plain,
}

/// What a message comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Effect {
    Taken,
    Ignored,
    Pardoned,
}

impl Effect {
    pub(super) const fn of(verdict: Verdict) -> Self {
        match verdict {
            Verdict::Taken => Self::Taken,
            Verdict::Ignored(_) => Self::Ignored,
            Verdict::Pardoned(_) => Self::Pardoned,
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Taken => "taken",
            Self::Ignored => "ignored",
            Self::Pardoned => "pardoned",
        }
    }
}

#[derive(Clone, Copy, Debug)]
enum Version {
    /// Not even its first part is there.
    Short,
    /// What the protocol is and the services are; the nonce, unless the rest cannot be read.
    Read(i32, u64, Option<u64>),
}

/// One thing that the node has to say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Says {
    Version,
    Plain(&'static str),
    SendCmpct,
    Alert,
    Ping,
    Pong(u64),
    /// Of the chain, so many bytes.
    Chain(&'static str, usize),
    /// Of so many bytes.
    Addresses {
        form: &'static str,
        bytes: usize,
        queued: Queued,
    },
}

impl Says {
    fn name(self) -> &'static str {
        match self {
            Self::Version => "version",
            Self::Plain(name) | Self::Chain(name, ..) => name,
            Self::SendCmpct => "sendcmpct",
            Self::Alert => "alert",
            Self::Ping => "ping",
            Self::Pong(_) => "pong",
            Self::Addresses { form, .. } => form,
        }
    }
}

/// How far the handshake is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    AwaitsVersion,
    AwaitsVerack,
    Ready,
}

/// One connection. See the head of the module.
#[derive(Clone, Debug)]
pub(super) struct Side {
    pub(super) endpoint: Endpoint,
    pub(super) by_node: bool,
    /// Whether the node has told that it is there.
    pub(super) is_up: bool,
    /// Why the node has to close it, once it has; the first reason stands.
    pub(super) over: Option<&'static str>,
    /// The nonce of the node's own `version`, once that is sent.
    pub(super) own_nonce: Option<u64>,
    pub(super) times: Times,
    /// Whether the node was told of something on its socket, and has not looked yet.
    pub(super) has_news: bool,
    /// Whether it was found too silent at such a time.
    pub(super) is_judged_unheard: bool,
    /// Whether more was told of it in the visit at whose end it was given up.
    pub(super) is_told_last: bool,
    /// For what it may have been given up at the end of a visit, if it is over since.
    pub(super) given_up: Option<Vec<&'static str>>,
    /// What it is for.
    pub(super) conn_type: ConnType,
    /// Whether the node has reason to believe that nobody there speaks v2.
    pub(super) is_v1: bool,
    /// Whether the node has begun it because another with v2 was answered with nothing.
    pub(super) is_fallback: bool,
    /// What it may do that others may not.
    pub(super) rights: Rights,
    /// Whether its host was told to be discouraged for what it did.
    pub(super) is_discouraged: bool,
    /// The addresses that it exchanges with the node.
    pub(super) addresses: Exchange,
    wants_addrv2: bool,
    /// While it is spoken to in v2.
    tap: Option<Box<Tap>>,
    state: State,
    common_version: i32,
    wtxid_relay: bool,
    /// The beginning of a message that is not whole.
    partial: Vec<u8>,
    frames: u64,
    unrejected: usize,
    unhandled: VecDeque<Message>,
    /// Memory that those count for.
    pub(super) unhandled_memory: usize,
    /// What is to be said and not sent, of which the first so many are queued.
    due: VecDeque<Says>,
    queued: usize,
    /// Memory that the queued ones count for.
    pub(super) unsent_memory: usize,
    /// The beginning of a message of the node's that was not sent whole.
    sent: Vec<u8>,
    /// What is said of the chain, if the node has one.
    pub(super) chain: Option<Box<SaidOfChain>>,
}

/// Messages about the chain, by name and payload.
#[derive(Clone, Debug)]
pub(super) struct SaidOfChain {
    /// What its `version` says that it offers.
    pub(super) services: u64,
    /// What the node has read and not handled.
    unhandled: VecDeque<(&'static str, Vec<u8>)>,
    /// What it has handled since the model looked, and whether that was taken.
    pub(super) handled: Vec<(&'static str, Vec<u8>, bool)>,
    /// What was queued since then.
    pub(super) queued: Vec<&'static str>,
    /// What has left since then.
    pub(super) left: Vec<(&'static str, Vec<u8>)>,
    /// How many blocks it is to be sent, one a visit, before its next message is handled; `None`:
    /// that cannot be told any more.
    to_serve: Option<usize>,
}

impl Default for SaidOfChain {
    fn default() -> Self {
        Self {
            services: 0,
            unhandled: VecDeque::new(),
            handled: Vec::new(),
            queued: Vec::new(),
            left: Vec::new(),
            to_serve: Some(0),
        }
    }
}

/// What a node with a chain may make something of, and may say of its own accord.
const HEARD_OF_CHAIN: [&str; 4] = ["headers", "inv", "block", "getdata"];
const SAID_OF_CHAIN: [&str; 6] =
    ["sendheaders", "getheaders", "headers", "getdata", "inv", "block"];

/// One of these names.
fn named(names: &[&'static str], name: &[u8]) -> Option<&'static str> {
    names.iter().copied().find(|known| known.as_bytes() == name)
}

impl Side {
    pub(super) fn new(endpoint: Endpoint, by_node: bool, times: Times) -> Self {
        Self {
            endpoint,
            by_node,
            is_up: false,
            over: None,
            own_nonce: None,
            times,
            has_news: false,
            is_judged_unheard: false,
            is_told_last: false,
            given_up: None,
            conn_type: if by_node { ConnType::Manual } else { ConnType::Inbound },
            is_v1: false,
            is_fallback: false,
            rights: Rights::default(),
            is_discouraged: false,
            addresses: Exchange::default(),
            wants_addrv2: false,
            tap: None,
            state: State::AwaitsVersion,
            common_version: PROTOCOL,
            wtxid_relay: false,
            partial: Vec::new(),
            frames: 0,
            unrejected: 0,
            unhandled: VecDeque::new(),
            unhandled_memory: 0,
            due: VecDeque::new(),
            queued: 0,
            unsent_memory: 0,
            sent: Vec::new(),
            chain: None,
        }
    }

    /// How many questions for blocks wait to be sent.
    pub(super) fn getdata_owed(&self) -> usize {
        self.due.iter().filter(|says| matches!(says, Says::Chain("getdata", ..))).count()
    }

    /// It has asked for so many blocks; `None`: that cannot be told.
    pub(super) fn owe_blocks(&mut self, count: Option<usize>) {
        let Some(chain) = &mut self.chain else { return };
        chain.to_serve = chain.to_serve.zip(count).map(|(before, more)| before + more);
    }

    /// So many blocks were queued.
    pub(super) fn serve(&mut self, count: usize) -> Result<(), String> {
        let Some(to_serve) = self.chain.as_mut().and_then(|chain| chain.to_serve.as_mut()) else {
            return Ok(());
        };
        let left = to_serve.checked_sub(count);
        *to_serve = left.ok_or("a block was queued that it did not ask for")?;
        Ok(())
    }

    /// Whether it is sent blocks first, before anything else of it is handled: for sure, if it can
    /// be told.
    pub(super) fn is_served(&self) -> Option<bool> {
        let chain = self.chain.as_ref()?;
        chain.to_serve.map(|count| count > 0)
    }

    /// What is said next of the chain.
    pub(super) fn next_of_chain(&self) -> Option<(&'static str, &[u8])> {
        let message = self.unhandled.front()?;
        let name = named(&HEARD_OF_CHAIN, trimmed(&message.name)).filter(|_| self.is_ready())?;
        let (_, payload) = self.chain.as_ref()?.unhandled.front()?;
        Some((name, payload))
    }

    /// What a message about the chain comes to, which only the node knows; `None`: it is another.
    fn effect_on_chain(&mut self, message: Message, told: Effect) -> Option<Effect> {
        let (is_ready, name) = (self.is_ready(), message.name);
        let chain = self.chain.as_mut()?;
        if let Some(name) = named(&HEARD_OF_CHAIN, trimmed(&name)) {
            let (_, payload) =
                chain.unhandled.pop_front().expect("it was put there as it was read");
            if is_ready {
                chain.handled.push((name, payload, told == Effect::Taken));
            }
        }
        let asks = trimmed(&name) == b"getheaders";
        let is_of_chain = asks || named(&HEARD_OF_CHAIN, trimmed(&name)).is_some();
        let is_plain = matches!(message.meaning, Meaning::Plain | Meaning::List(Wrong::Nothing));
        (is_ready && is_of_chain && is_plain).then_some(told)
    }

    /// The connection is there, perhaps over v2. Who began it speaks first.
    pub(super) fn come_up(&mut self, tap: Option<Tap>) {
        self.is_up = true;
        self.tap = tap.map(Box::new);
        if self.by_node {
            self.due.push_back(Says::Version);
        }
    }

    pub(super) fn end(&mut self, reason: &'static str) {
        self.over.get_or_insert(reason);
    }

    pub(super) fn is_ready(&self) -> bool {
        self.state == State::Ready
    }

    /// Bytes of a message that has begun.
    pub(super) fn partial_bytes(&self) -> usize {
        self.tap.as_ref().map_or(self.partial.len(), |tap| tap.partial_bytes())
    }

    /// Whether the node has to begin anew with v1 once this is over.
    pub(super) fn asks_for_v1(&self) -> bool {
        self.tap.as_ref().is_some_and(|tap| tap.asks_for_v1())
    }

    pub(super) fn unhandled_count(&self) -> usize {
        self.unhandled.len()
    }

    /// Whether there is a message that may be handled (connman 7.3 and 8).
    pub(super) fn may_handle(&self, config: &Config) -> bool {
        let owes_version = self.by_node && self.due.front() == Some(&Says::Version);
        !self.unhandled.is_empty()
            && self.over.is_none()
            && (!owes_version || self.queued > 0)
            && self.unsent_memory <= config.send_buffer_bytes_max
            && (self.chain.is_none() || self.is_served() == Some(false))
    }

    /// What is to be said and not even queued.
    pub(super) fn unqueued(&self) -> Option<&'static str> {
        self.due.get(self.queued).map(|says| says.name())
    }

    /// Takes in bytes that the node has read. Checksums cost more than everything else here: if the
    /// node drops nothing of these bytes, one in [`CHECKSUMS_EVERY`] is compared.
    pub(super) fn read(&mut self, bytes: &[u8], drops: bool) {
        let Some(tap) = &mut self.tap else { return self.read_v1(bytes, drops) };
        let (said, result) = tap.read(bytes);
        for one in said {
            match one {
                Said::V1(bytes) => {
                    self.tap = None;
                    return self.read_v1(&bytes, drops);
                }
                Said::Contents(contents) => match tap::message(&contents) {
                    Some((name, payload)) if is_name(name) => self.push(name, payload),
                    _ => self.unrejected += 1,
                },
            }
        }
        if result.is_err() {
            self.end("v2-invalid");
        }
    }

    fn read_v1(&mut self, bytes: &[u8], drops: bool) {
        let mut buffer = std::mem::take(&mut self.partial);
        // As a rule there is no beginning, and nothing is copied.
        let mut rest = if buffer.is_empty() {
            bytes
        } else {
            buffer.extend_from_slice(bytes);
            &buffer
        };
        loop {
            match split(rest) {
                Ok(frame) => {
                    rest = &rest[HEADER_BYTES + frame.payload.len()..];
                    self.frames += 1;
                    let trusts = !drops && !self.frames.is_multiple_of(CHECKSUMS_EVERY);
                    let is_right = trusts || frame.checksum == checksum(frame.payload);
                    if is_right && is_name(frame.name) {
                        self.push(frame.name, frame.payload);
                    } else {
                        self.unrejected += 1;
                    }
                }
                Err(Unframed::Part) => break,
                Err(Unframed::Magic | Unframed::TooLong) => {
                    self.end("frame-invalid");
                    break;
                }
            }
        }
        self.partial = rest.to_vec();
    }

    /// The node has told of a message that it dropped.
    pub(super) fn reject(&mut self) -> Result<(), String> {
        let left = self.unrejected.checked_sub(1);
        self.unrejected = left.ok_or("a message was dropped, and none is invalid")?;
        Ok(())
    }

    /// Messages that are invalid, and of which nobody was told yet.
    pub(super) const fn unrejected(&self) -> usize {
        self.unrejected
    }

    fn push(&mut self, name: [u8; NAME_BYTES_MAX], payload: &[u8]) {
        let nonce = payload.first_chunk().map(|bytes| u64::from_le_bytes(*bytes));
        let meaning = match trimmed(&name) {
            b"version" => Meaning::Version(version(payload)),
            b"ping" => Meaning::Ping(nonce),
            b"pong" => Meaning::Pong(nonce),
            b"sendcmpct" => {
                let version = payload.get(1..).and_then(<[u8]>::first_chunk);
                Meaning::SendCmpct(version.is_some_and(|v| u64::from_le_bytes(*v) == 2))
            }
            // Who is there for blocks alone says none that anybody hears.
            b"addr" | b"addrv2" if self.is_for_blocks_alone() => Meaning::Plain,
            name @ (b"addr" | b"addrv2") => match rumours::read(name, payload) {
                Some(list) if lists::look(name, payload) == Wrong::Nothing => {
                    let count = list.len();
                    self.addresses.push(list);
                    Meaning::Addresses(count)
                }
                Some(_) => Meaning::TooManyAddresses,
                None => Meaning::Plain,
            },
            name => match lists::look(name, payload) {
                Wrong::Nothing => Meaning::Plain,
                wrong => Meaning::List(wrong),
            },
        };
        if let (Some(chain), Some(name)) = (&mut self.chain, named(&HEARD_OF_CHAIN, trimmed(&name)))
        {
            chain.unhandled.push_back((name, payload.to_vec()));
        }
        self.unhandled_memory += UNHANDLED_OVERHEAD_BYTES + memory(payload.len());
        let transactions = match trimmed(&name) {
            b"inv" if self.is_for_blocks_alone() => lists::transactions(payload),
            _ => [false; 3],
        };
        let payload_bytes = payload.len();
        self.unhandled.push_back(Message { name, payload_bytes, meaning, transactions });
    }

    /// The node has handled a message: it has to be the next one, and what it asks for is due.
    pub(super) fn handle(
        &mut self,
        name: &str,
        payload_bytes: usize,
        told: Effect,
        is_own: impl Fn(u64) -> bool,
    ) -> Result<(), String> {
        let Some(&message) = self.unhandled.front() else {
            return Err(format!("{name} was handled, and every message read was handled before"));
        };
        if trimmed(&message.name) != name.as_bytes() || message.payload_bytes != payload_bytes {
            let next = String::from_utf8_lossy(trimmed(&message.name)).into_owned();
            return Err(format!(
                "{name} of {payload_bytes} bytes was handled, and the next one is {next} of {}",
                message.payload_bytes
            ));
        }
        let owes_version = self.by_node && self.due.front() == Some(&Says::Version);
        if owes_version && self.queued == 0 {
            return Err(format!("{name} was handled before our version was queued"));
        }
        if let Some(reason) = self.ends(message, is_own) {
            return Err(format!("{name} was handled, and it ends the connection: {reason}"));
        }
        let of_chain = self.effect_on_chain(message, told);
        let expected = of_chain.unwrap_or_else(|| self.answer(message));
        if told != expected {
            return Err(format!("{name} was {}, and is to be {}", told.name(), expected.name()));
        }
        self.unhandled.pop_front();
        self.unhandled_memory -= UNHANDLED_OVERHEAD_BYTES + memory(payload_bytes);
        Ok(())
    }

    /// Why the next message ends the connection, if it does.
    pub(super) fn fatal(&self, is_own: impl Fn(u64) -> bool) -> Option<&'static str> {
        self.ends(*self.unhandled.front()?, is_own)
    }

    fn ends(&self, message: Message, is_own: impl Fn(u64) -> bool) -> Option<&'static str> {
        match (trimmed(&message.name), self.state, message.meaning) {
            (
                _,
                State::AwaitsVersion,
                Meaning::Version(Version::Read(protocol, services, nonce)),
            ) => {
                if self.needs_services() && services & DESIRABLE != DESIRABLE {
                    return Some("services-missing");
                }
                if protocol < PROTOCOL_MIN {
                    return Some("version-too-old");
                }
                let is_own = !self.by_node && nonce.is_some_and(is_own);
                let is_done = self.conn_type == ConnType::Feeler && nonce.is_some();
                is_own.then_some("self-connection").or(is_done.then_some(FEELER_DONE))
            }
            // Who is there for blocks alone says no addresses, and no transactions.
            (b"addr" | b"addrv2", ..) if self.is_for_blocks_alone() => None,
            (b"tx", State::Ready, _) if self.is_for_blocks_alone() => Some("transaction-unwanted"),
            (_, State::Ready, Meaning::List(Wrong::Nothing) | Meaning::Plain)
                if self.announces_unwanted(message) =>
            {
                Some("transaction-unwanted")
            }
            (_, State::Ready, Meaning::List(wrong)) => self.ends_for(wrong),
            (_, State::Ready, Meaning::TooManyAddresses) => self.ends_for(Wrong::TooMany),
            // More than its own: it has been asked for nothing else (connman 2.1).
            (_, State::Ready, Meaning::Addresses(2..)) if self.conn_type == ConnType::AddrFetch => {
                Some(ADDR_FETCH_DONE)
            }
            (b"wtxidrelay", State::Ready, _) => Some("wtxidrelay-after-verack"),
            (b"sendaddrv2", State::Ready, _) => Some("sendaddrv2-after-verack"),
            _ => None,
        }
    }

    fn is_for_blocks_alone(&self) -> bool {
        self.conn_type == ConnType::BlockRelay
    }

    /// Whether it announces transactions in the way that was agreed on (handshake 7).
    const fn announces_unwanted(&self, message: Message) -> bool {
        let [by_txid, by_wtxid, with_witness] = message.transactions;
        with_witness || by_txid && !self.wtxid_relay || by_wtxid && self.wtxid_relay
    }

    /// Handshake 12 and bans 3: who may do what nobody else may.
    fn ends_for(&self, wrong: Wrong) -> Option<&'static str> {
        let Rights { is_vouched_for, has_noban, has_mempool, has_bloom, .. } = self.rights;
        match wrong {
            Wrong::Nothing => None,
            Wrong::TooMany => (!is_vouched_for).then_some("misbehaved"),
            Wrong::LocatorTooLong => Some("locator-too-long"),
            Wrong::NotOffered => Some("not-offered"),
            Wrong::Bloom => (!has_bloom).then_some("not-offered"),
            Wrong::Mempool => (!has_noban && !has_mempool && !has_bloom).then_some("not-offered"),
        }
    }

    /// If the next message is a `version` that a feeler came for: it is answered, and that was all.
    pub(super) fn finish_feeler(&mut self, is_own: impl Fn(u64) -> bool) {
        if self.over.is_some() || self.fatal(is_own) != Some(FEELER_DONE) {
            return;
        }
        let message = self.unhandled.pop_front().expect("it is fatal");
        self.unhandled_memory -= UNHANDLED_OVERHEAD_BYTES + memory(message.payload_bytes);
        self.has_effect(message);
        self.end(FEELER_DONE);
    }

    /// Whether a peer that offers little is of no use (connman 2.1).
    const fn needs_services(&self) -> bool {
        let conn_type = self.conn_type;
        matches!(
            conn_type,
            ConnType::OutboundFullRelay | ConnType::BlockRelay | ConnType::AddrFetch
        )
    }

    /// What a message comes to that does not end the connection.
    fn answer(&mut self, message: Message) -> Effect {
        let is_long =
            matches!(message.meaning, Meaning::List(Wrong::TooMany) | Meaning::TooManyAddresses);
        if self.is_ready() && is_long {
            let has_addresses = matches!(message.meaning, Meaning::TooManyAddresses);
            self.addresses.has_begun |= has_addresses;
            return Effect::Pardoned;
        }
        let is_lost = !self.is_ready() && matches!(message.meaning, Meaning::Addresses(_));
        if is_lost {
            self.addresses.pass_over();
        }
        if self.has_effect(message) { Effect::Taken } else { Effect::Ignored }
    }

    /// Whether it does anything.
    fn has_effect(&mut self, message: Message) -> bool {
        let ready = self.is_ready();
        match (trimmed(&message.name), self.state, message.meaning) {
            (
                _,
                State::AwaitsVersion,
                Meaning::Version(Version::Read(protocol, services, Some(_))),
            ) => {
                if let Some(chain) = &mut self.chain {
                    chain.services = services;
                }
                self.answer_version(protocol.min(PROTOCOL));
                true
            }
            // Nothing else comes before, and it comes once.
            (_, State::AwaitsVersion, _) | (_, _, Meaning::Version(_)) => false,
            (b"verack", State::AwaitsVerack, _) => {
                if self.common_version >= COMPACT_BLOCKS_MIN {
                    self.due.push_back(Says::SendCmpct);
                }
                self.state = State::Ready;
                true
            }
            (b"wtxidrelay", ..) => {
                let first = !std::mem::replace(&mut self.wtxid_relay, true);
                first && self.common_version >= PROTOCOL
            }
            (b"sendaddrv2", ..) => {
                self.wants_addrv2 = true;
                true
            }
            (b"sendheaders", ..) => true,
            // What follows from them is the model's.
            (_, State::Ready, Meaning::Addresses(_)) => true,
            (b"getaddr", State::Ready, _) => !self.by_node && self.addresses.be_asked(),
            (_, _, Meaning::SendCmpct(is_2)) => is_2,
            (_, _, Meaning::Ping(Some(nonce))) if ready && !self.is_old() => {
                self.due.push_back(Says::Pong(nonce));
                true
            }
            (_, _, Meaning::Pong(nonce)) if ready => self.times.ping.answer(nonce),
            _ => false,
        }
    }

    fn answer_version(&mut self, common_version: i32) {
        self.common_version = common_version;
        self.state = State::AwaitsVerack;
        if !self.by_node {
            self.due.push_back(Says::Version);
        }
        if common_version >= PROTOCOL {
            self.due.extend([Says::Plain("wtxidrelay"), Says::Plain("sendaddrv2")]);
        }
        self.due.push_back(Says::Plain("verack"));
        // Who is there for blocks alone is not asked (connman 2.1).
        if self.by_node && self.conn_type != ConnType::BlockRelay {
            self.due.push_back(Says::Plain("getaddr"));
            self.addresses.ask();
        }
        if common_version <= ALERT_MAX {
            self.due.push_back(Says::Alert);
        }
    }

    /// The node has queued a message: the next that is due, or a ping.
    pub(super) fn queue(
        &mut self,
        name: &str,
        payload_bytes: usize,
        now: UnixTime,
        has_own: bool,
    ) -> Result<(), String> {
        if name == "ping" && self.is_ready() && self.unqueued().is_none() {
            self.due.push_back(Says::Ping);
        }
        if matches!(name, "addr" | "addrv2") && self.unqueued().is_none() {
            let says = self.addresses_due(payload_bytes, now, has_own)?;
            self.due.push_back(says);
        }
        let is_free = self.chain.is_some() && self.is_ready() && self.unqueued().is_none();
        if let Some(name) = named(&SAID_OF_CHAIN, name.as_bytes()).filter(|_| is_free) {
            self.due.push_back(Says::Chain(name, payload_bytes));
            self.chain.as_mut().expect("it was just there").queued.push(name);
        }
        let Some(&says) = self.due.get(self.queued).filter(|says| says.name() == name) else {
            let expected = self.unqueued().unwrap_or("nothing");
            return Err(format!("{name} was queued, and {expected} is due"));
        };
        let right_length = match says {
            Says::Version => payload_bytes >= 86,
            Says::Addresses { .. } | Says::Chain(..) => true,
            says => payload_bytes == self.payload(says).len(),
        };
        if !right_length {
            return Err(format!("{name} of {payload_bytes} bytes was queued"));
        }
        self.queued += 1;
        self.unsent_memory += UNSENT_OVERHEAD_BYTES + memory(payload_bytes);
        Ok(())
    }

    /// A list of addresses, if there may be one.
    fn addresses_due(
        &mut self,
        bytes: usize,
        now: UnixTime,
        has_own: bool,
    ) -> Result<Says, String> {
        if !self.is_ready() || !self.addresses.has_begun {
            return Err("addresses were queued, and none are exchanged".to_owned());
        }
        let form = if self.wants_addrv2 { "addrv2" } else { "addr" };
        Ok(Says::Addresses { form, bytes, queued: self.addresses.queue(now, has_own) })
    }

    /// The kernel has taken bytes: they have to be the queued messages, in order.
    pub(super) fn send(&mut self, bytes: &[u8]) -> Result<(), String> {
        let Some(tap) = &mut self.tap else { return self.send_v1(bytes) };
        let sent = tap.send(bytes)?;
        let is_sending = tap.is_sending();
        for contents in sent {
            let (name, payload) = tap::message(&contents).ok_or("contents without a type")?;
            self.check_sent(name, payload)?;
        }
        if is_sending && self.queued == 0 {
            return Err("bytes more than were queued were sent".to_owned());
        }
        Ok(())
    }

    fn send_v1(&mut self, bytes: &[u8]) -> Result<(), String> {
        let mut buffer = std::mem::take(&mut self.sent);
        let mut rest = if buffer.is_empty() {
            bytes
        } else {
            buffer.extend_from_slice(bytes);
            &buffer
        };
        loop {
            match split(rest) {
                Ok(frame) => {
                    rest = &rest[HEADER_BYTES + frame.payload.len()..];
                    self.check_sent(frame.name, frame.payload)?;
                }
                Err(Unframed::Part) => break,
                Err(Unframed::Magic | Unframed::TooLong) => {
                    return Err("bytes that are no message were sent".to_owned());
                }
            }
        }
        if !rest.is_empty() && self.queued == 0 {
            return Err(format!("{} bytes more than were queued were sent", rest.len()));
        }
        self.sent = rest.to_vec();
        Ok(())
    }

    fn check_sent(&mut self, name: [u8; NAME_BYTES_MAX], payload: &[u8]) -> Result<(), String> {
        let name = String::from_utf8_lossy(trimmed(&name));
        let Some(says) = self.due.front().copied().filter(|_| self.queued > 0) else {
            return Err(format!("{name} was sent, and was not queued"));
        };
        let is_right = name == says.name()
            && match says {
                Says::Version => {
                    is_our_version(payload, self.rights) && self.is_relay_flag_right(payload)
                }
                Says::Ping => payload.iter().any(|byte| *byte != 0) || self.is_old(),
                // Signed by somebody: its length says enough.
                Says::Alert => true,
                Says::Chain(name, bytes) => {
                    let chain = self.chain.as_mut().expect("it was there when this was queued");
                    chain.left.push((name, payload.to_vec()));
                    payload.len() == bytes
                }
                Says::Addresses { form, bytes, queued } => {
                    let left = Left::new(queued, form, payload);
                    let is_list = left.is_some();
                    left.into_iter().for_each(|left| self.addresses.leave(left));
                    is_list && payload.len() == bytes
                }
                says => *payload == *self.payload(says),
            };
        if !is_right {
            return Err(format!("{name} was sent with {:02x?}; due is {says:?}", payload));
        }
        match says {
            Says::Version if self.by_node => {
                self.own_nonce = payload.get(72..80).and_then(nonce_of);
            }
            Says::Ping => self.times.ping.leave(nonce_of(payload)),
            _ => {}
        }
        self.due.pop_front();
        self.queued -= 1;
        self.unsent_memory -= UNSENT_OVERHEAD_BYTES + memory(payload.len());
        Ok(())
    }

    /// Whether our version asks for transactions where we want some (connman 2.1).
    fn is_relay_flag_right(&self, payload: &[u8]) -> bool {
        let wants_none = matches!(self.conn_type, ConnType::BlockRelay | ConnType::Feeler);
        payload.last() == Some(&u8::from(!wants_none))
    }

    /// Whether the peer's version knows no nonces.
    pub(super) const fn is_old(&self) -> bool {
        self.common_version <= NO_NONCES_MAX
    }

    /// What a message says; where that is not known, so many zeros.
    fn payload(&self, says: Says) -> Vec<u8> {
        match says {
            Says::Version | Says::Plain(_) | Says::Chain(..) | Says::Addresses { .. } => Vec::new(),
            Says::Ping if self.is_old() => Vec::new(),
            Says::Ping => vec![0; 8],
            // Not announced by compact blocks; version 2.
            Says::SendCmpct => vec![0, 2, 0, 0, 0, 0, 0, 0, 0],
            Says::Alert => vec![0; 168],
            Says::Pong(nonce) => nonce.to_le_bytes().to_vec(),
        }
    }
}

/// A name up to its first zero.
fn trimmed(name: &[u8; NAME_BYTES_MAX]) -> &[u8] {
    let end = name.iter().position(|byte| *byte == 0).unwrap_or(name.len());
    &name[..end]
}

/// Whether it is a name: visible ASCII and spaces, then zeros alone (transport 2).
fn is_name(name: [u8; NAME_BYTES_MAX]) -> bool {
    let visible = trimmed(&name);
    visible.iter().all(|byte| (0x20..=0x7e).contains(byte))
        && name[visible.len()..].iter().all(|byte| *byte == 0)
}

fn nonce_of(payload: &[u8]) -> Option<u64> {
    payload.first_chunk().map(|bytes| u64::from_le_bytes(*bytes))
}

/// What a `version` says, by the layout of handshake 3.
fn version(payload: &[u8]) -> Version {
    let Some(protocol) = payload.first_chunk().filter(|_| payload.len() >= 46) else {
        return Version::Short;
    };
    let services = nonce_of(&payload[4..]).unwrap_or_default();
    Version::Read(i32::from_le_bytes(*protocol), services, version_nonce(payload))
}

/// The nonce of a `version` that can be read to its end, of which parts may be missing.
fn version_nonce(payload: &[u8]) -> Option<u64> {
    let Some(rest) = payload.get(46..).filter(|rest| !rest.is_empty()) else { return Some(1) };
    let nonce = nonce_of(rest.get(26..)?)?;
    let agent = match rest.get(34..)? {
        [] => return Some(nonce),
        [253, low, high, rest @ ..] => {
            let length = usize::from(u16::from_le_bytes([*low, *high]));
            let is_shortest = length >= 253;
            rest.get(length..).filter(|_| is_shortest && length <= AGENT_BYTES_MAX)?
        }
        [length @ ..253, rest @ ..] => rest.get(usize::from(*length)..)?,
        _ => return None,
    };
    // A height of four bytes, then the relay flag, then anything.
    (agent.is_empty() || agent.len() >= 4).then_some(nonce)
}

/// Whether it is a version as the node sends it: of its protocol, with its services twice, and
/// without its address (handshake 3, connman 11). It offers Bloom filters to whom it must alone.
fn is_our_version(payload: &[u8], rights: Rights) -> bool {
    payload.len() >= 86
        && (payload[4] & BLOOM != 0) == rights.has_bloom
        && payload[..4] == PROTOCOL.to_le_bytes()
        && payload[4..12] == payload[46..54]
        && payload[54..72].iter().all(|byte| *byte == 0)
}
