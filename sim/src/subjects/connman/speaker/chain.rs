//! What a peer says of the chain: headers and blocks by their heights; and what one that has it
//! answers.

use std::collections::VecDeque;

use super::frame::{number, to_usize};
use super::lists::push_count;
use crate::schedule::Word;
use crate::subjects::connman::mined::{HEADER_BYTES, HEIGHT_MAX, Mined, hash};

/// Most headers in one message.
const HEADERS_MAX: u32 = 2_000;

/// A block with its witnesses.
const WITNESS_BLOCK: u32 = 1 << 30 | BLOCK;
const BLOCK: u32 = 2;

/// Questions that wait for an answer; older ones are forgotten.
const QUESTIONS_MAX: usize = 256;

/// What a peer has of the chain, and what it was asked.
#[derive(Clone, Debug, Default)]
pub(super) struct Holding {
    pub(super) mined: Mined,
    /// How many blocks it gives.
    pub(super) height: u32,
    questions: VecDeque<Vec<u8>>,
}

impl Holding {
    pub(super) fn new(mined: Mined, height: u32) -> Self {
        Self { mined, height, questions: VecDeque::new() }
    }

    /// The same on another connection.
    pub(super) fn anew(self) -> Self {
        Self { questions: VecDeque::new(), ..self }
    }

    pub(super) fn hear(&mut self, name: &str, payload: &[u8]) {
        if self.height == 0 || !matches!(name, "getheaders" | "getdata") {
            return;
        }
        if self.questions.len() == QUESTIONS_MAX {
            self.questions.pop_front();
        }
        self.questions.push_back(payload.to_vec());
    }

    /// What the next question is answered with: messages by name and payload.
    pub(super) fn answer(&mut self, name: &str) -> Vec<(&'static str, Vec<u8>)> {
        let Some(asked) = self.questions.pop_front() else { return Vec::new() };
        let entries = |from: usize, bytes: usize| {
            let rest = asked.get(from..).unwrap_or_default();
            let (count, rest) = match rest {
                [253, low, high, rest @ ..] => (u16::from_le_bytes([*low, *high]), rest),
                [count, rest @ ..] => (u16::from(*count), rest),
                [] => (0, rest),
            };
            rest.chunks_exact(bytes).take(usize::from(count)).collect::<Vec<_>>()
        };
        let Self { mined, height, .. } = *self;
        let hash_of = |bytes: &[u8]| <[u8; 32]>::try_from(bytes).expect("32 bytes");
        if name == "getheaders" {
            let mut known = entries(4, 32).into_iter().map(hash_of);
            let fork = known.find_map(|hash| mined.height(&hash, height)).unwrap_or(0);
            let last = height.min(fork + HEADERS_MAX);
            return vec![("headers", headers(mined, fork + 1, last))];
        }
        let asked = entries(0, 36).into_iter().map(|entry| hash_of(&entry[4..]));
        let found: Vec<_> = asked.filter_map(|hash| mined.height(&hash, height)).collect();
        found.into_iter().map(|height| ("block", mined.block(height).to_vec())).collect()
    }
}

/// The payload of a word that names blocks by their height; `None` for any other.
pub(super) fn payload(mined: Mined, word: &Word) -> Option<Vec<u8>> {
    let height = |key: &str| number(word, key).map(|n| u32::try_from(n).unwrap_or(HEIGHT_MAX));
    let count = u32::try_from(number(word, "count").unwrap_or(1)).unwrap_or(HEIGHT_MAX);
    match word.name.as_str() {
        "headers" => {
            let first = height("from")?;
            let mut payload = headers(mined, first, last(first, count));
            let last = payload.len().checked_sub(HEADER_BYTES + 1).filter(|at| *at > 0);
            if let Some(at) = last.filter(|_| word.setting("invalid").is_some()) {
                let header = &mined.invalid(self::last(first, count))[..HEADER_BYTES];
                payload[at..at + HEADER_BYTES].copy_from_slice(header);
            }
            if word.setting("work").is_some() && payload.len() > HEADER_BYTES {
                spoil_work(&mut payload);
            }
            Some(payload)
        }
        name @ ("inv" | "getdata") => {
            let first = height("block")?;
            let kind = if name == "inv" { BLOCK } else { WITNESS_BLOCK };
            let hashes: Vec<_> =
                (first..=last(first, count)).map(|height| mined.hash(height)).collect();
            let mut payload = Vec::new();
            push_count(&mut payload, hashes.len() as u64);
            for hash in hashes {
                payload.extend_from_slice(&kind.to_le_bytes());
                payload.extend_from_slice(&hash);
            }
            Some(payload)
        }
        "getheaders" => {
            let hash = mined.hash(height("block")?);
            Some([&70_016_u32.to_le_bytes()[..], &[1], &hash, &[0; 32]].concat())
        }
        "block" => {
            let at = height("height")?;
            let mut block = match word.setting("invalid") {
                Some(_) => mined.invalid(at),
                None => mined.block(at).to_vec(),
            };
            if word.setting("mutated").is_some() {
                let last = block.last_mut().expect("it has bytes");
                *last ^= 1;
            }
            Some(block)
        }
        _ => None,
    }
}

/// The last of so many from a height on.
fn last(first: u32, count: u32) -> u32 {
    first.saturating_add(count).saturating_sub(1).min(HEIGHT_MAX)
}

fn headers(mined: Mined, first: u32, last: u32) -> Vec<u8> {
    let mut payload = Vec::new();
    push_count(&mut payload, u64::from((last + 1).saturating_sub(first)));
    for height in first..=last {
        payload.extend_from_slice(&mined.block(height)[..HEADER_BYTES]);
        payload.push(0);
    }
    payload
}

/// Changes the last header until its name is above its target, which is half of all.
fn spoil_work(payload: &mut [u8]) {
    let at = payload.len() - to_usize(1) - HEADER_BYTES;
    let header = &mut payload[at..at + HEADER_BYTES];
    while hash(header)[31] < 0x80 {
        header[HEADER_BYTES - 4] = header[HEADER_BYTES - 4].wrapping_add(1);
    }
}
