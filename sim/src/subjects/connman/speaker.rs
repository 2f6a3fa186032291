//! A peer's side of the protocol: words to frames or packets and back, and what a node may say
//! when. A peer speaks v1, unless it was asked to speak v2.
//!
//! ```text
//! what the node may say to us:
//!   nothing, if we dialled and have not sent `version`
//!   version, once
//!   wtxidrelay, sendaddrv2, getaddr, alert   before or around its verack; the first two not after
//!   verack, once
//!   pong                                     for a ping of ours that it has not answered
//!   everything else                          once both have sent verack
//! ```

use std::collections::VecDeque;

use sockman::sockman::Initiator;
use sockman::time::Now;

use crate::bip324::{Damage, KEY_BYTES, split as split_contents, type_bytes};
use crate::lexicon;
use crate::schedule::Word;
use crate::subject::{Dialect, Garbled, Heard, UnknownWord, Usage};
use crate::subjects::connman::mined::{Era, Mined};

mod chain;
mod frame;
mod lists;
mod naming;
#[cfg(test)]
mod page;
mod settings;
mod v2;
mod varied;

use chain::Holding;
use frame::{
    Unheard, check_version, contents_of, damage, damage_of, detail, frame, handshake_of, header,
    known_name, number, to_usize, version,
};
use lists::LISTS;
use settings::{OTHER, V2_NAMES, can_be_heard};
use v2::{Came, V2};

pub(crate) use frame::{Frame, HEADER_BYTES, Unframed, split};
pub(super) use frame::{MAGIC, NAME_BYTES_MAX, V1_PREFIX, checksum};
pub(crate) use naming::{Named, Opening, frame_of, named, opening};
pub(super) use settings::{NAMES, heard_with, said_with};

/// Pings of ours whose answers are awaited; older ones are forgotten.
const PINGS_AWAITED_MAX: usize = 100_000;

/// Of so many things that a chatty peer says one is an address, about as often as a node looks at
/// one.
const PINGS_AN_ADDRESS: u64 = 48;

/// A peer.
#[derive(Clone, Debug)]
pub struct Speaker {
    number: u16,
    dialled: bool,
    buffer: Vec<u8>,
    /// Bytes of the stream before `buffer`.
    offset: u64,
    nonces: u64,
    said_version: bool,
    said_verack: bool,
    heard_version: bool,
    heard_verack: bool,
    /// The nonce of the last ping that was heard; zero before there is one.
    pinged: u64,
    awaited: VecDeque<u64>,
    /// Whether there were too many to remember: then a pong may be for one of those.
    forgot: bool,
    /// Whether a script has said bytes of its own, which may be any message.
    said_bytes: bool,
    /// Whether it speaks v2 where it can, and how on this connection.
    prefers_v2: bool,
    v2: Option<Box<V2>>,
    /// Whether the first thing that it has said is what begins a connection: `version` in v1, its
    /// key in v2. Whoever begins otherwise may be taken for somebody else.
    opened_well: Option<bool>,
    /// Whether the node speaks v2 to it, and it does not.
    is_foreign: bool,
    connections: u64,
    /// What it has of the chain.
    holding: Holding,
}

impl Dialect for Speaker {
    fn new(number: u16) -> Self {
        Self {
            number,
            dialled: true,
            buffer: Vec::new(),
            offset: 0,
            nonces: 0,
            said_version: false,
            said_verack: false,
            heard_version: false,
            heard_verack: false,
            pinged: 0,
            awaited: VecDeque::new(),
            forgot: false,
            said_bytes: false,
            prefers_v2: false,
            v2: None,
            opened_well: None,
            is_foreign: false,
            connections: 0,
            holding: Holding::default(),
        }
    }

    fn begin(&mut self, initiator: Initiator) {
        let Self { number, nonces, said_bytes, prefers_v2, connections, .. } = *self;
        let holding = std::mem::take(&mut self.holding).anew();
        let v2 = prefers_v2.then(|| Box::new(V2::new(number, connections, initiator)));
        *self = Self {
            nonces,
            said_bytes,
            prefers_v2,
            v2,
            connections: connections + 1,
            holding,
            dialled: initiator == Initiator::Us,
            ..Self::new(number)
        };
    }

    fn check(word: &Word, usage: Usage) -> Result<(), UnknownWord> {
        let name = word.name.as_str();
        match usage {
            Usage::Said if name.len() > NAME_BYTES_MAX => {
                let expected = format!("a name of at most {NAME_BYTES_MAX} bytes");
                Err(UnknownWord::new(word, None, expected))
            }
            Usage::Said => lexicon::check(word, said_with(name)),
            Usage::Heard if !can_be_heard(name) => {
                let names = NAMES.iter().copied().chain(V2_NAMES).chain([OTHER]);
                Err(UnknownWord::new(word, None, lexicon::one_of(names)))
            }
            Usage::Heard => lexicon::check(word, heard_with(name)),
        }
    }

    fn encode(&mut self, now: Now, word: &Word, out: &mut Vec<u8>) -> Result<(), UnknownWord> {
        Self::check(word, Usage::Said)?;
        if let Some(v2) = self.v2.as_mut().filter(|_| word.name == "key") {
            v2.say_key(handshake_of(word), out);
            v2.settle(out);
            return Ok(());
        }
        let mut payload = self.payload(now, word);
        if let Some(length) = number(word, "length") {
            payload.resize(to_usize(length), 0);
        }
        if let Some(v2) = &mut self.v2 {
            if !v2.has_said_key() {
                v2.say_key(v2::Handshake::default(), out);
            }
            let contents = contents_of(word, &payload);
            v2.say(contents, damage_of(word), out);
            self.note_said(&word.name, &payload);
            return Ok(());
        }
        let mut header = header(&word.name, &payload);
        damage(word, &mut header);
        self.note_said(&word.name, &payload);
        self.note_opening(&header);
        out.extend_from_slice(&header);
        out.extend_from_slice(&payload);
        Ok(())
    }

    fn says_bytes(&mut self) {
        self.said_bytes = true;
    }

    fn says_fragment(&mut self) {
        let has_said_key = self.v2.as_ref().is_some_and(|v2| v2.has_said_key());
        self.opened_well.get_or_insert(has_said_key);
    }

    fn decode(&mut self, bytes: &[u8], heard: &mut Vec<Heard>) -> Result<(), Garbled> {
        if self.is_foreign {
            return Ok(());
        }
        if self.v2.is_some() {
            let offset = self.offset;
            return match self.decode_v2(bytes, heard) {
                // What the node answers to who knows what says nothing of the node.
                Err(_) if self.said_bytes || self.opened_well == Some(false) => {
                    self.is_foreign = true;
                    Ok(())
                }
                result => result.map_err(|problem| Garbled { problem, offset }),
            };
        }
        let mut buffer = std::mem::take(&mut self.buffer);
        buffer.extend_from_slice(bytes);
        let mut read = 0;
        let result = loop {
            match frame(&buffer[read..]) {
                Ok(None) => break Ok(()),
                Ok(Some((name, payload))) => {
                    let word = Heard { name, detail: detail(name, payload) };
                    heard.push(word);
                    if name == "ping" {
                        self.pinged = word.detail;
                    }
                    if let Err(problem) = self.judge(word, payload) {
                        break Err(problem);
                    }
                    read += HEADER_BYTES + payload.len();
                }
                // Its first bytes: it takes us for somebody who speaks v2.
                Err(Unheard::Magic(_)) if self.offset == 0 && read == 0 && self.may_seem_v2() => {
                    self.is_foreign = true;
                    break Ok(());
                }
                Err(Unheard::Magic(found)) => break Err(format!("magic {found:02x?}")),
                Err(Unheard::Wrong(problem)) => break Err(problem.to_owned()),
            }
        };
        buffer.drain(..read);
        self.buffer = buffer;
        self.offset += read as u64;
        result.map_err(|problem| Garbled { problem, offset: self.offset })
    }

    fn settle(&mut self, out: &mut Vec<u8>) {
        if let Some(v2) = &mut self.v2 {
            v2.settle(out);
        }
    }

    fn gives_up(&self) -> bool {
        self.is_foreign
    }

    fn greet(&mut self, now: Now, out: &mut Vec<u8>) {
        if self.dialled && !self.said_version {
            self.say(now, "version", out);
        }
    }

    fn answer(&mut self, now: Now, heard: Heard, out: &mut Vec<u8>) {
        match heard.name {
            "key" => {
                if let Some(v2) = self.v2.as_mut().filter(|v2| !v2.has_said_key()) {
                    v2.say_key(v2::Handshake::default(), out);
                    v2.settle(out);
                }
            }
            "version" => {
                if !self.said_version {
                    self.say(now, "version", out);
                }
                if !self.said_verack {
                    self.say(now, "verack", out);
                }
            }
            "ping" => {
                let nonce = ("nonce".to_owned(), heard.detail.to_string());
                let pong = Word { name: "pong".to_owned(), settings: vec![nonce] };
                self.encode(now, &pong, out).expect("it is a word of this dialect");
            }
            name @ ("getheaders" | "getdata") => {
                for (name, payload) in self.holding.answer(name) {
                    self.say_payload(name, &payload, out);
                }
            }
            _ => {}
        }
    }

    fn chat(&mut self, now: Now, out: &mut Vec<u8>) {
        if !self.heard_verack || !self.said_verack {
            return;
        }
        if !self.nonces.is_multiple_of(PINGS_AN_ADDRESS) {
            return self.say(now, "ping", out);
        }
        // An address that nobody else tells, as it might have been heard of.
        let from = u64::from(self.number) * 64 + self.next_nonce() / PINGS_AN_ADDRESS % 64;
        let settings = [("count", 1), ("from", from)];
        let settings = settings.map(|(key, value)| (key.to_owned(), value.to_string()));
        let addr = Word { name: "addr".to_owned(), settings: settings.to_vec() };
        self.encode(now, &addr, out).expect("it is a word of this dialect");
    }

    /// From what costs a message to what ends the connection; the last of these comes late, so that
    /// what goes before it has its time.
    fn provoke(&mut self, now: Now, n: u64, out: &mut Vec<u8>) {
        let wrong = |name: &str, key: &str, value: &str| Word {
            name: name.to_owned(),
            settings: vec![(key.to_owned(), value.to_owned())],
        };
        let word = match n % 64 {
            63 => wrong("ping", "magic", "bad"),
            62 => wrong("ping", "claims", "4000001"),
            61 => Word::plain("wtxidrelay"),
            60 => wrong("addr", "count", "1001"),
            n => match n % 8 {
                0 => wrong("hello", "length", "3"),
                1 => wrong("ping", "checksum", "bad"),
                2 => wrong("ping", "type", "bad"),
                3 => wrong("ping", "length", "7"),
                4 => wrong("version", "cut", "50"),
                5 => Word::plain("verack"),
                6 => wrong("inv", "length", "100"),
                _ => wrong("pong", "nonce", "0"),
            },
        };
        self.encode(now, &word, out).expect("they are words of this dialect");
    }

    fn draw_word(below: &mut dyn FnMut(u32) -> u32) -> Word {
        varied::draw_word(below)
    }

    fn handshake() -> &'static [&'static str] {
        &["version", "verack"]
    }

    fn draw_handshake(below: &mut dyn FnMut(u32) -> u32) -> Vec<Word> {
        varied::draw_handshake(below)
    }

    fn vary(&mut self, now: Now, below: &mut dyn FnMut(u32) -> u32, out: &mut Vec<u8>) {
        self.say_varied(now, below, out);
    }

    fn matches(&self, word: &Word, heard: Heard) -> bool {
        let wanted = word.setting("nonce").or_else(|| word.setting("length"));
        word.name == heard.name && wanted.is_none_or(|wanted| wanted.parse() == Ok(heard.detail))
    }

    fn vocabulary() -> &'static [&'static str] {
        &[
            "ping",
            "ping",
            "ping",
            "pong",
            "verack",
            "version",
            "sendheaders",
            "sendcmpct",
            "wtxidrelay",
            "sendaddrv2",
            "feefilter",
            "getaddr",
            "addr",
            "addrv2",
            "inv",
            "getdata",
            "headers",
            "getheaders",
            "alert",
            "hello",
        ]
    }

    fn words() -> Vec<Word> {
        super::sights::words()
    }
}

impl Speaker {
    /// A speaker that speaks v2, and v1 to a node that begins with it.
    #[must_use]
    pub fn over_v2(number: u16) -> Self {
        Self { prefers_v2: true, ..Self::new(number) }
    }

    /// The same, which has so many blocks, and gives them to who asks.
    pub(super) fn holding(mut self, era: Era, height: u32) -> Self {
        self.holding = Holding::new(Mined::new(era), height);
        self
    }

    fn decode_v2(&mut self, bytes: &[u8], heard: &mut Vec<Heard>) -> Result<(), String> {
        let Some(v2) = &mut self.v2 else { return Ok(()) };
        self.offset += bytes.len() as u64;
        for came in v2.hear(bytes)? {
            match came {
                Came::Key => heard.push(Heard { name: "key", detail: KEY_BYTES as u64 }),
                Came::Terminator(garbage) => {
                    heard.push(Heard { name: "terminator", detail: garbage as u64 });
                }
                Came::Version(bytes) => {
                    heard.push(Heard { name: "version-packet", detail: bytes as u64 });
                }
                Came::SpeaksV1(bytes) => {
                    self.v2 = None;
                    self.offset = 0;
                    return self.decode(&bytes, heard).map_err(|garbled| garbled.problem);
                }
                Came::Contents(contents) => {
                    let (name, payload) =
                        split_contents(&contents).ok_or("contents that are no message")?;
                    let name = known_name(&name);
                    let word = Heard { name, detail: detail(name, payload) };
                    heard.push(word);
                    if name == "ping" {
                        self.pinged = word.detail;
                    }
                    self.judge(word, payload)?;
                }
            }
        }
        Ok(())
    }

    /// Says a message with a payload of somebody's choice.
    fn say_payload(&mut self, name: &str, payload: &[u8], out: &mut Vec<u8>) {
        self.note_said(name, payload);
        match &mut self.v2 {
            None => {
                let header = header(name, payload);
                self.note_opening(&header);
                out.extend_from_slice(&header);
                out.extend_from_slice(payload);
            }
            Some(v2) => {
                if !v2.has_said_key() {
                    v2.say_key(v2::Handshake::default(), out);
                }
                let contents = [&type_bytes(name), payload].concat();
                v2.say(contents, Damage::default(), out);
            }
        }
    }

    fn say(&mut self, now: Now, name: &str, out: &mut Vec<u8>) {
        self.encode(now, &Word::plain(name), out).expect("it is a word of this dialect");
    }

    /// Remembers whether a node that speaks v2 takes us for somebody who speaks v1.
    fn note_opening(&mut self, header: &[u8; HEADER_BYTES]) {
        self.opened_well.get_or_insert(header.starts_with(&V1_PREFIX));
    }

    /// Whether a node may take us for somebody who speaks v2, though we do not.
    fn may_seem_v2(&self) -> bool {
        !self.dialled || self.said_bytes || self.opened_well == Some(false)
    }

    /// Remembers what the node may say because this was said. What follows a ping's nonce does not
    /// count.
    fn note_said(&mut self, name: &str, payload: &[u8]) {
        match (name, payload.first_chunk::<8>()) {
            ("version", _) => self.said_version = true,
            ("verack", _) => self.said_verack = true,
            ("ping", Some(nonce)) => {
                self.awaited.push_back(u64::from_le_bytes(*nonce));
                if self.awaited.len() > PINGS_AWAITED_MAX {
                    self.awaited.pop_front();
                    self.forgot = true;
                }
            }
            _ => {}
        }
    }

    /// The usual payload of a message, with the settings of a word.
    fn payload(&mut self, now: Now, word: &Word) -> Vec<u8> {
        if let Some(payload) = chain::payload(self.holding.mined, word) {
            return payload;
        }
        match word.name.as_str() {
            "version" => {
                let nonce = self.next_nonce();
                version(now, word, nonce)
            }
            "ping" => {
                let nonce = match number(word, "nonce") {
                    Some(nonce) => nonce,
                    None => self.next_nonce(),
                };
                nonce.to_le_bytes().to_vec()
            }
            "pong" => {
                let flipped = number(word, "xor");
                let usual = flipped.map_or(0, |_| self.pinged);
                let nonce = number(word, "nonce").unwrap_or(usual) ^ flipped.unwrap_or(0);
                nonce.to_le_bytes().to_vec()
            }
            "sendcmpct" => {
                let announce = u8::from(number(word, "announce").unwrap_or(0) != 0);
                let version = number(word, "version").unwrap_or(2);
                let mut payload = vec![announce];
                payload.extend_from_slice(&version.to_le_bytes());
                payload
            }
            "feefilter" => number(word, "rate").unwrap_or(1000).to_le_bytes().to_vec(),
            // Of basic filters, from the first block on.
            "getcfilters" | "getcfheaders" => vec![0; 37],
            "getcfcheckpt" => vec![0; 33],
            name if LISTS.contains(&name) => lists::payload(now, word),
            _ => Vec::new(),
        }
    }

    /// A number that no other peer uses, and this one not again.
    const fn next_nonce(&mut self) -> u64 {
        self.nonces += 1;
        (self.number as u64) << 40 | self.nonces
    }

    /// Whether the node may say this now.
    fn judge(&mut self, heard: Heard, payload: &[u8]) -> Result<(), String> {
        let name = heard.name;
        self.holding.hear(name, payload);
        let may_have_said_version = self.said_version || self.said_bytes;
        if self.dialled && !may_have_said_version {
            return Err(format!("{name} before we have sent a version"));
        }
        if !self.heard_version && name != "version" {
            return Err(format!("{name} before its version"));
        }
        match name {
            "version" if self.heard_version => Err("a second version".to_owned()),
            "version" => {
                self.heard_version = true;
                check_version(payload)
            }
            "verack" if self.heard_verack => Err("a second verack".to_owned()),
            "verack" if !may_have_said_version => Err("a verack for no version".to_owned()),
            "verack" => {
                self.heard_verack = true;
                Ok(())
            }
            "wtxidrelay" | "sendaddrv2" | "sendtxrcncl" if self.heard_verack => {
                Err(format!("{name} after its verack"))
            }
            "wtxidrelay" | "sendaddrv2" | "sendtxrcncl" => Ok(()),
            "getaddr" | "alert" if self.heard_verack => Ok(()),
            "pong" => self.judge_pong(heard.detail),
            _ if !self.heard_verack => Err(format!("{name} before its verack")),
            _ if !self.said_verack && !self.said_bytes => Err(format!("{name} before ours")),
            OTHER => Err("a message that nobody knows".to_owned()),
            _ => Ok(()),
        }
    }

    /// Pings are answered in order; those before the handshake's end are not answered at all.
    fn judge_pong(&mut self, nonce: u64) -> Result<(), String> {
        let Some(position) = self.awaited.iter().position(|awaited| *awaited == nonce) else {
            if self.forgot || self.said_bytes {
                return Ok(());
            }
            return Err(format!("a pong with nonce {nonce} for no ping, or out of order"));
        };
        self.awaited.drain(..=position);
        Ok(())
    }
}
