//! From a message to the word by which a peer of the simulator says it.

use sockman::time::Now;

use super::frame::{MAGIC, PROTOCOL, SERVICES, Unframed, V1_PREFIX, known_name, split};
use super::{HEADER_BYTES, Speaker};
use crate::schedule::Word;
use crate::subject::Dialect as _;

/// What a message is, as a script says or expects it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Named {
    /// A word, and how many bytes it is of those given.
    Word(Word, usize),
    /// No word says these first bytes.
    Bytes(usize),
    /// More has to come.
    Part,
}

/// The word that says the first message of `bytes`. It says just that, but for `version`, whose
/// time, addresses, nonce, name and height are the peer's own, and a `pong` that answers
/// `pinged`, which it does in whatever the next run asks.
pub(crate) fn named(bytes: &[u8], pinged: Option<u64>) -> Named {
    let (name, payload) = match split(bytes) {
        Ok(frame) => (frame.name, frame.payload),
        Err(Unframed::Part) => return Named::Part,
        // Where the next message begins nobody knows.
        Err(Unframed::Magic | Unframed::TooLong) => return Named::Bytes(bytes.len()),
    };
    let count = HEADER_BYTES + payload.len();
    let name = String::from_utf8_lossy(&name);
    let name = name.trim_end_matches('\0');
    let raw = &bytes[..count];
    let found = candidates(name, payload, pinged).into_iter().find(|word| says(word, name, raw));
    found.map_or(Named::Bytes(count), |word| Named::Word(word, count))
}

/// The first message of what a node says: the word by which a peer hears it, with its nonce if it
/// has one, and how many bytes it is. `None`: more has to come.
pub(crate) fn frame_of(bytes: &[u8]) -> Option<Result<(Word, usize), Garbled>> {
    let frame = match split(bytes) {
        Ok(frame) => frame,
        Err(Unframed::Part) => return None,
        Err(Unframed::Magic | Unframed::TooLong) => return Some(Err(Garbled)),
    };
    let mut word = Word::plain(known_name(&frame.name));
    let has_nonce = matches!(word.name.as_str(), "ping" | "pong");
    if let Some(nonce) = nonce_of(frame.payload).filter(|_| has_nonce) {
        word.settings.push(("nonce".to_owned(), nonce.to_string()));
    }
    Some(Ok((word, HEADER_BYTES + frame.payload.len())))
}

/// It is no message, and nobody knows where the next one begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Garbled;

/// How a connection begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Opening {
    /// As one of v1 on regtest.
    V1,
    /// As one of v1 on another network, with these bytes.
    OtherNetwork([u8; 4]),
    /// As none of v1.
    Encrypted,
    /// That is not to be seen yet.
    Part,
}

/// How the connection begins of which these bytes are the first.
pub(crate) fn opening(bytes: &[u8]) -> Opening {
    match bytes.split_first_chunk::<4>() {
        None => Opening::Part,
        Some((&MAGIC, _)) => Opening::V1,
        Some((magic, rest)) if rest.starts_with(&V1_PREFIX[4..]) => Opening::OtherNetwork(*magic),
        Some((_, rest)) if V1_PREFIX[4..].starts_with(rest) => Opening::Part,
        Some(_) => Opening::Encrypted,
    }
}

fn candidates(name: &str, payload: &[u8], pinged: Option<u64>) -> Vec<Word> {
    let with = |settings: &[(&str, u64)]| {
        let text = |(key, value): &(&str, u64)| ((*key).to_owned(), value.to_string());
        Word { name: name.to_owned(), settings: settings.iter().map(text).collect() }
    };
    let mut words = Vec::new();
    match (name, nonce_of(payload)) {
        ("version", _) => words.extend(version(payload)),
        ("pong", nonce @ Some(_)) if nonce == pinged => words.push(with(&[("xor", 0)])),
        ("ping" | "pong", Some(nonce)) => words.push(with(&[("nonce", nonce)])),
        ("feefilter", Some(rate)) => words.push(with(&[("rate", rate)])),
        _ => {}
    }
    if let ("sendcmpct", [announce, version @ ..]) = (name, payload) {
        let announce = ("announce", u64::from(*announce));
        words.extend(nonce_of(version).map(|version| with(&[announce, ("version", version)])));
    }
    words.push(Word::plain(name));
    words.push(with(&[("length", payload.len() as u64)]));
    words
}

fn nonce_of(payload: &[u8]) -> Option<u64> {
    payload.first_chunk().map(|bytes| u64::from_le_bytes(*bytes))
}

/// A `version` that has all of its parts.
fn version(payload: &[u8]) -> Option<Word> {
    let protocol = i32::from_le_bytes(*payload.first_chunk()?);
    let services = nonce_of(payload.get(4..)?)?;
    let (agent_bytes, rest) = match payload.get(80..)? {
        [253, low, high, rest @ ..] => (u16::from_le_bytes([*low, *high]), rest),
        [length @ ..253, rest @ ..] => (u16::from(*length), rest),
        _ => return None,
    };
    let relay = match rest.get(usize::from(agent_bytes)..)? {
        [_, _, _, _, relay @ 0..=1] => *relay,
        _ => return None,
    };
    let mut settings = Vec::new();
    for (key, value, usual) in [
        ("protocol", i64::from(protocol).to_string(), i64::from(PROTOCOL).to_string()),
        ("services", services.to_string(), SERVICES.to_string()),
        ("agent-bytes", agent_bytes.to_string(), "12".to_owned()),
        ("relay", relay.to_string(), "1".to_owned()),
    ] {
        if value != usual {
            settings.push((key.to_owned(), value));
        }
    }
    Some(Word { name: "version".to_owned(), settings })
}

/// Whether a peer says just these bytes with a word, as far as it is to be.
fn says(word: &Word, name: &str, bytes: &[u8]) -> bool {
    let is_name = word.name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
    if name.is_empty() || !is_name || !word.name.starts_with(|c: char| c.is_ascii_lowercase()) {
        return false;
    }
    let mut said = Vec::new();
    let encoded = Speaker::new(1).encode(Now::default(), word, &mut said);
    if encoded.is_err() {
        return false;
    }
    match name {
        "version" => said.len() == bytes.len(),
        "pong" if word.setting("xor").is_some() => true,
        _ => said == bytes,
    }
}
