//! What a peer says of its own choice: whole messages that a node accepts as such, mostly a
//! handshake first, then anything, with fields at the edges of what they may be.

use sockman::time::Now;

use super::lists::borne;
use super::{NAMES, Speaker};
use crate::schedule::Word;
use crate::subject::Dialect as _;

/// Where a draw comes from.
type Below<'a> = &'a mut dyn FnMut(u32) -> u32;

/// What is said between `version` and `verack`, if anything.
const BEFORE_VERACK: [&str; 5] =
    ["wtxidrelay", "sendaddrv2", "sendtxrcncl", "sendheaders", "sendcmpct"];

/// What is said of addresses after `verack`, if anything.
const ADDRESSES: [&str; 3] = ["getaddr", "addr", "addrv2"];

/// Values at the edges of numbers, and of the lengths that messages have.
const NUMBERS: [u64; 10] = [0, 1, 2, 9, 255, 256, 1 << 31, 1 << 32, u64::MAX >> 1, u64::MAX];
const LENGTHS: [u64; 12] = [0, 1, 4, 7, 8, 9, 32, 85, 100, 1_000, 4_000, 30_000];

/// Versions of the protocol around which something changed, and the edges.
const PROTOCOLS: [i32; 14] = [
    i32::MIN,
    -1,
    0,
    209,
    31_402,
    31_799,
    31_800,
    60_000,
    60_001,
    70_001,
    70_015,
    70_016,
    70_017,
    i32::MAX,
];

/// Lengths of the user agent: the longest that is taken has 256 bytes.
const AGENTS: [u64; 7] = [0, 1, 252, 253, 256, 257, 1_000];

/// Lengths that a header claims: none, one less or more than there is, the most, and beyond.
const CLAIMS: [u32; 6] = [0, 7, 9, 4_000_000, 4_000_001, u32::MAX];

/// How long ago an address was seen, in seconds: as news, and no more; beyond all that counts.
const AGES: [u64; 5] = [0, 599, 600, 86_400, 4_294_967_295];

/// Most bytes of a payload that is drawn whole.
const RANDOM_BYTES_MAX: u32 = 120;

impl Speaker {
    pub(super) fn say_varied(&mut self, now: Now, below: Below<'_>, out: &mut Vec<u8>) {
        let name = self.draw_name(below);
        match below(16) {
            0 => {
                let payload = draw_payload(below);
                self.say_payload(name, &payload, out);
            }
            1..5 => {
                let word = Word { name: name.to_owned(), settings: draw_settings(name, below) };
                self.encode(now, &word, out).expect("these settings are among its own");
            }
            _ => self.say(now, name, out),
        }
    }

    /// A handshake is said in its order more often than not, because little is heard without one;
    /// and what a node lets nobody say after it is rare, because nothing is heard after that.
    fn draw_name(&self, below: Below<'_>) -> &'static str {
        let draw = below(16);
        let name = match (self.said_version, self.said_verack) {
            (false, _) if draw < 14 => return "version",
            (true, false) if draw < 8 => return "verack",
            (true, false) if draw < 13 => return pick(&BEFORE_VERACK, below),
            _ if draw == 15 => pick(NAMES, below),
            _ => pick(Self::vocabulary(), below),
        };
        let ends = matches!(name, "wtxidrelay" | "sendaddrv2" | "mempool");
        if ends && self.said_verack && below(16) > 0 { "ping" } else { name }
    }
}

/// A word for a script.
pub(super) fn draw_word(below: Below<'_>) -> Word {
    let name = match below(8) {
        0 => pick(NAMES, below),
        _ => pick(Speaker::vocabulary(), below),
    };
    let settings = match below(32) {
        0 => draw_damage(below),
        1..9 => draw_settings(name, below),
        _ => Vec::new(),
    };
    Word { name: name.to_owned(), settings }
}

/// A handshake with more in it than need be, and with settings at the edges.
pub(super) fn draw_handshake(below: Below<'_>) -> Vec<Word> {
    let mut words = Vec::new();
    let mut say = |name: &str, in_8: u32, below: Below<'_>| {
        // Also what begins a connection may be no message.
        let settings = match below(32) {
            0 => draw_damage(below),
            draw if draw < 4 * in_8 => draw_settings(name, below),
            _ => Vec::new(),
        };
        words.push(Word { name: name.to_owned(), settings });
    };
    say("version", 4, below);
    for name in BEFORE_VERACK {
        if below(4) == 0 {
            say(name, 2, below);
        }
    }
    say("verack", 1, below);
    // Who says one of these hears addresses from then on.
    for name in ADDRESSES {
        if below(4) == 0 {
            say(name, 6, below);
        }
    }
    words
}

/// What makes a message none.
fn draw_damage(below: Below<'_>) -> Vec<(String, String)> {
    let (key, value) = match below(4) {
        0 => ("claims", pick(&CLAIMS, below).to_string()),
        place => (["magic", "type", "checksum"][place as usize - 1], "bad".to_owned()),
    };
    vec![(key.to_owned(), value)]
}

fn pick<T: Copy>(of: &[T], below: Below<'_>) -> T {
    of[below(u32::try_from(of.len()).expect("a short list")) as usize]
}

fn draw_payload(below: Below<'_>) -> Vec<u8> {
    let length = below(RANDOM_BYTES_MAX);
    (0..length).map(|_| below(256).to_le_bytes()[0]).collect()
}

/// How many entries a list has: few, or as many as a node bears with, or one more; of those that
/// take megabytes so many are rare.
fn draw_count(name: &str, below: Below<'_>) -> u64 {
    let most = borne(name).unwrap_or_default();
    let many_in = if most > 10_000 { 32 } else { 4 };
    match below(many_in) {
        0 => most + u64::from(below(2)),
        _ => u64::from(below(4)),
    }
}

/// One setting that this message can have.
fn draw_settings(name: &str, below: Below<'_>) -> Vec<(String, String)> {
    let (key, value) = match (name, below(8)) {
        ("version", 0..3) => ("protocol", pick(&PROTOCOLS, below).to_string()),
        ("version", 3) => ("services", pick(&NUMBERS, below).to_string()),
        ("version", 4) => ("nonce", pick(&NUMBERS, below).to_string()),
        ("version", 5) => ("relay", below(2).to_string()),
        ("version", 6) => ("agent-bytes", pick(&AGENTS, below).to_string()),
        ("version", _) => ("cut", below(110).to_string()),
        ("ping" | "pong", 0..4) => ("nonce", pick(&NUMBERS, below).to_string()),
        ("pong", 4..7) => ("xor", pick(&NUMBERS, below).to_string()),
        ("sendcmpct", 0..3) => ("announce", below(2).to_string()),
        ("sendcmpct", 3..6) => ("version", pick(&NUMBERS, below).to_string()),
        ("feefilter", 0..4) => ("rate", pick(&NUMBERS, below).to_string()),
        ("addr" | "addrv2", 5) => ("from", below(2_000).to_string()),
        ("addr" | "addrv2", 6) => ("age", pick(&AGES, below).to_string()),
        ("addrv2", 7) => ("network", below(8).to_string()),
        (name, 0..3) if borne(name).is_some() => ("count", draw_count(name, below).to_string()),
        _ => ("length", pick(&LENGTHS, below).to_string()),
    };
    vec![(key.to_owned(), value)]
}
