//! A peer's side of the v1 protocol: words to frames, frames to words, and what a node may say
//! when.
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

use sha2::{Digest as _, Sha256};
use sockman::sockman::Initiator;
use sockman::time::Now;

use crate::lexicon::{self, Setting, Settings, Takes};
use crate::schedule::Word;
use crate::subject::{Dialect, Garbled, Heard, UnknownWord, Usage};

#[cfg(test)]
mod page;
mod varied;

/// Regtest's first four bytes of each message. Core: `CRegTestParams`, `pchMessageStart`.
const MAGIC: [u8; 4] = [0xfa, 0xbf, 0xb5, 0xda];

/// magic 4, type 12, length 4, checksum 4.
pub(crate) const HEADER_BYTES: usize = 24;

/// The longest payload that anybody takes, in bytes. Core: `MAX_PROTOCOL_MESSAGE_LENGTH`.
const PAYLOAD_BYTES_MAX: usize = 4_000_000;

/// The protocol version that a peer claims unless told otherwise.
const PROTOCOL: i32 = 70016;

/// NODE_NETWORK | NODE_WITNESS.
const SERVICES: u64 = 1 | 1 << 3;

/// Longest name of a message, in bytes: its place in the header.
pub(super) const NAME_BYTES_MAX: usize = 12;

/// Longest payload that a word may be given by `length=`, in bytes: more than any node takes.
const LENGTH_MAX: u64 = 4_100_000;

/// What can be said of any message: how long its payload is, and what is wrong with its header.
const ANY: [Setting; 5] = [
    Setting::up_to("length", LENGTH_MAX),
    Setting::up_to("claims", u32::MAX as u64),
    Setting { key: "magic", takes: Takes::Word("bad") },
    Setting { key: "type", takes: Takes::Word("bad") },
    Setting { key: "checksum", takes: Takes::Word("bad") },
];

/// What can be said of single ones.
const VERSION: [Setting; 6] = [
    Setting {
        key: "protocol",
        takes: Takes::Number { least: i32::MIN as i64, most: i32::MAX as u64 },
    },
    Setting::up_to("services", u64::MAX),
    Setting::up_to("nonce", u64::MAX),
    Setting::up_to("relay", 1),
    Setting::up_to("agent-bytes", u16::MAX as u64),
    Setting::up_to("cut", LENGTH_MAX),
];
const NONCE: [Setting; 1] = [Setting::up_to("nonce", u64::MAX)];
const PONG: [Setting; 2] = [Setting::up_to("nonce", u64::MAX), Setting::up_to("xor", u64::MAX)];
const SENDCMPCT: [Setting; 2] =
    [Setting::up_to("announce", 1), Setting::up_to("version", u64::MAX)];
const FEEFILTER: [Setting; 1] = [Setting::up_to("rate", u64::MAX)];

/// By what a message that is heard can be told from others of its name.
const LENGTH: [Setting; 1] = [Setting::up_to("length", LENGTH_MAX)];

/// Pings of ours whose answers are awaited; older ones are forgotten.
const PINGS_AWAITED_MAX: usize = 100_000;

/// Words that a node says, so that what is heard need not be allocated.
pub(super) const NAMES: &[&str] = &[
    "version",
    "verack",
    "wtxidrelay",
    "sendaddrv2",
    "sendheaders",
    "sendcmpct",
    "feefilter",
    "ping",
    "pong",
    "getaddr",
    "addr",
    "addrv2",
    "inv",
    "getdata",
    "getheaders",
    "headers",
    "block",
    "tx",
    "notfound",
    "alert",
    "sendtxrcncl",
    "cmpctblock",
    "mempool",
];

/// What all other words are heard as.
const OTHER: &str = "other";

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
        }
    }

    fn begin(&mut self, initiator: Initiator) {
        let Self { nonces, said_bytes, .. } = *self;
        *self = Self {
            nonces,
            said_bytes,
            dialled: initiator == Initiator::Us,
            ..Self::new(self.number)
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
            Usage::Heard if !NAMES.contains(&name) && name != OTHER => {
                let names = NAMES.iter().copied().chain([OTHER]);
                Err(UnknownWord::new(word, None, lexicon::one_of(names)))
            }
            Usage::Heard => lexicon::check(word, heard_with(name)),
        }
    }

    fn encode(&mut self, now: Now, word: &Word, out: &mut Vec<u8>) -> Result<(), UnknownWord> {
        Self::check(word, Usage::Said)?;
        let mut payload = self.payload(now, word);
        if let Some(length) = number(word, "length") {
            payload.resize(to_usize(length), 0);
        }
        let mut header = header(&word.name, &payload);
        damage(word, &mut header);
        self.note_said(&word.name, &payload);
        out.extend_from_slice(&header);
        out.extend_from_slice(&payload);
        Ok(())
    }

    fn says_bytes(&mut self) {
        self.said_bytes = true;
    }

    fn decode(&mut self, bytes: &[u8], heard: &mut Vec<Heard>) -> Result<(), Garbled> {
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
                Err(problem) => break Err(problem),
            }
        };
        buffer.drain(..read);
        self.buffer = buffer;
        self.offset += read as u64;
        result.map_err(|problem| Garbled { problem, offset: self.offset })
    }

    fn greet(&mut self, now: Now, out: &mut Vec<u8>) {
        if self.dialled && !self.said_version {
            self.say(now, "version", out);
        }
    }

    fn answer(&mut self, now: Now, heard: Heard, out: &mut Vec<u8>) {
        match heard.name {
            "version" => {
                if !self.said_version {
                    self.say(now, "version", out);
                }
                if !self.said_verack {
                    self.say(now, "verack", out);
                }
            }
            "ping" => {
                let pong = header("pong", &heard.detail.to_le_bytes());
                out.extend_from_slice(&pong);
                out.extend_from_slice(&heard.detail.to_le_bytes());
            }
            _ => {}
        }
    }

    fn chat(&mut self, now: Now, out: &mut Vec<u8>) {
        if self.heard_verack && self.said_verack {
            self.say(now, "ping", out);
        }
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
            "inv",
            "headers",
            "alert",
            "hello",
        ]
    }

    fn words() -> Vec<Word> {
        super::sights::words()
    }
}

impl Speaker {
    fn say(&mut self, now: Now, name: &str, out: &mut Vec<u8>) {
        self.encode(now, &Word::plain(name), out).expect("it is a word of this dialect");
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
            // Lists without entries.
            "inv" | "getdata" | "headers" | "addr" | "addrv2" | "notfound" => vec![0],
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

/// A node's version is whole and speaks a protocol of this century.
fn check_version(payload: &[u8]) -> Result<(), String> {
    if payload.len() < 86 {
        return Err(format!("a version of {} bytes", payload.len()));
    }
    let protocol = i32::from_le_bytes(payload[..4].try_into().expect("four bytes"));
    if protocol < PROTOCOL {
        return Err(format!("a version with protocol {protocol}"));
    }
    Ok(())
}

/// The payload of `version`, as docs/behaviour.md, handshake 3 lays it out.
fn version(now: Now, word: &Word, own_nonce: u64) -> Vec<u8> {
    let protocol = word.setting("protocol").map_or(PROTOCOL, |text| {
        text.parse().expect("what is said was checked: it is a protocol's number")
    });
    let services = number(word, "services").unwrap_or(SERVICES);
    let nonce = number(word, "nonce").unwrap_or(own_nonce);
    let relay = u8::from(number(word, "relay").unwrap_or(1) != 0);
    let agent_bytes = number(word, "agent-bytes").unwrap_or(12);
    let agent_bytes = u16::try_from(agent_bytes).expect("what is said was checked: it is so long");
    let mut payload = Vec::with_capacity(128);
    payload.extend_from_slice(&i32::to_le_bytes(protocol));
    payload.extend_from_slice(&services.to_le_bytes());
    payload.extend_from_slice(&now.wall.as_secs().to_le_bytes());
    // Two addresses of 26 bytes: services, 16 bytes, port. Nobody needs them.
    payload.resize(payload.len() + 52, 0);
    payload.extend_from_slice(&nonce.to_le_bytes());
    if agent_bytes < 253 {
        payload.push(agent_bytes.to_le_bytes()[0]);
    } else {
        payload.push(253);
        payload.extend_from_slice(&agent_bytes.to_le_bytes());
    }
    payload.resize(payload.len() + usize::from(agent_bytes), b'a');
    payload.extend_from_slice(&0_i32.to_le_bytes());
    payload.push(relay);
    if let Some(cut) = number(word, "cut") {
        payload.truncate(to_usize(cut));
    }
    payload
}

/// The header of a message.
fn header(name: &str, payload: &[u8]) -> [u8; HEADER_BYTES] {
    let mut header = [0; HEADER_BYTES];
    header[..4].copy_from_slice(&MAGIC);
    header[4..4 + name.len()].copy_from_slice(name.as_bytes());
    let length = u32::try_from(payload.len()).expect("payloads are bounded");
    header[16..20].copy_from_slice(&length.to_le_bytes());
    header[20..].copy_from_slice(&checksum(payload));
    header
}

/// Makes a header wrong, as a word asks: `magic=bad`, `checksum=bad`, `claims=N` bytes.
fn damage(word: &Word, header: &mut [u8; HEADER_BYTES]) {
    if let Some(claimed) = number(word, "claims") {
        let claimed = u32::try_from(claimed).expect("what is said was checked: it is a length");
        header[16..20].copy_from_slice(&claimed.to_le_bytes());
    }
    for (setting, at) in [("magic", 0), ("type", 15), ("checksum", 20)] {
        if word.setting(setting).is_some() {
            header[at] ^= 0x55;
        }
    }
}

/// The first frame in `bytes`: its name and payload; `None` if it is not whole yet.
fn frame(bytes: &[u8]) -> Result<Option<(&'static str, &[u8])>, String> {
    let Frame { name, payload, checksum: claimed } = match split(bytes) {
        Ok(frame) => frame,
        Err(Unframed::Part) => return Ok(None),
        Err(Unframed::Magic) => return Err(format!("magic {:02x?}", &bytes[..4])),
        Err(Unframed::TooLong) => return Err("a payload that nobody takes".to_owned()),
    };
    if claimed != checksum(payload) {
        return Err("a wrong checksum".to_owned());
    }
    let name = name.split(|byte| *byte == 0).next().unwrap_or_default();
    let known = NAMES.iter().find(|known| known.as_bytes() == name);
    Ok(Some((known.copied().unwrap_or(OTHER), payload)))
}

/// A whole message on the wire.
pub(crate) struct Frame<'a> {
    /// Its name, filled up with zeros as a rule.
    pub(crate) name: [u8; NAME_BYTES_MAX],
    pub(crate) payload: &'a [u8],
    /// The checksum that its header claims.
    pub(crate) checksum: [u8; 4],
}

/// Why there is no whole message.
pub(crate) enum Unframed {
    /// More of it is to come.
    Part,
    /// Its header is of another network.
    Magic,
    /// Its header claims more than [`PAYLOAD_BYTES_MAX`].
    TooLong,
}

/// The first message in `bytes`. A header is judged once it is whole.
pub(crate) fn split(bytes: &[u8]) -> Result<Frame<'_>, Unframed> {
    let (header, rest) = bytes.split_first_chunk::<HEADER_BYTES>().ok_or(Unframed::Part)?;
    let [m0, m1, m2, m3, name @ .., l0, l1, l2, l3, c0, c1, c2, c3] = *header;
    if [m0, m1, m2, m3] != MAGIC {
        return Err(Unframed::Magic);
    }
    let length = u32::from_le_bytes([l0, l1, l2, l3]) as usize;
    if length > PAYLOAD_BYTES_MAX {
        return Err(Unframed::TooLong);
    }
    let payload = rest.get(..length).ok_or(Unframed::Part)?;
    Ok(Frame { name, payload, checksum: [c0, c1, c2, c3] })
}

/// The number by which settings tell messages of one name apart.
fn detail(name: &str, payload: &[u8]) -> u64 {
    match (name, payload.first_chunk::<8>()) {
        ("ping" | "pong", Some(nonce)) => u64::from_le_bytes(*nonce),
        _ => payload.len() as u64,
    }
}

/// The first four bytes of the payload's double SHA-256.
pub(super) fn checksum(payload: &[u8]) -> [u8; 4] {
    let digest = Sha256::digest(Sha256::digest(payload));
    [digest[0], digest[1], digest[2], digest[3]]
}

/// The settings that a message of this name can be said with.
pub(super) fn said_with(name: &str) -> Settings {
    let own: &[_] = match name {
        "version" => &VERSION,
        "ping" => &NONCE,
        "pong" => &PONG,
        "sendcmpct" => &SENDCMPCT,
        "feefilter" => &FEEFILTER,
        _ => &[],
    };
    [own, &ANY]
}

/// The settings by which a message of this name can be told from others.
pub(super) fn heard_with(name: &str) -> Settings {
    match name {
        "ping" | "pong" => [&NONCE, &LENGTH],
        _ => [&[], &LENGTH],
    }
}

/// A setting that is a number.
fn number(word: &Word, key: &str) -> Option<u64> {
    let number = |text: &str| text.parse().expect("what is said was checked: it is a number");
    word.setting(key).map(number)
}

/// A number of bytes that was checked.
fn to_usize(bytes: u64) -> usize {
    usize::try_from(bytes).unwrap_or(usize::MAX)
}
