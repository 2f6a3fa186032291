//! Model: what a node that has a chain may ask for, and what it owes to whom (docs/behaviour.md,
//! chain 5, 6, 9 and 10).
//!
//! It knows the one chain that schedules speak of, what each peer has told of it, and what was
//! asked from whom. Never more than 16 blocks are asked from a peer at once, none from two at once,
//! none beyond the window or that the peer has not told of; who is given up has not given what it
//! was asked for; and at rest somebody is asked while somebody has what is missing.
//!
//! A peer may tell of a branch: a header of the chain with a bit changed has enough work every
//! second time. What is asked for of it is held to the same limits by its hash; what must be asked
//! for at rest is not known any more then.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use sockman::chain::U256;
use sockman::sockets::ConnId;
use sockman::time::UnixTime;

use super::mined::{Era, HEADER_BYTES, HEIGHT_MAX, Mined, hash};
use super::twice::{Fate, Twice};

/// Chain 5 and 6: `MAX_BLOCKS_IN_TRANSIT_PER_PEER`, `BLOCK_DOWNLOAD_WINDOW`, the least and the most
/// that somebody may hold up others, and the least that a block may take.
const IN_FLIGHT_MAX: usize = 16;
const WINDOW: u32 = 1024;
const STALLING_MIN: Duration = Duration::from_secs(2);
const STALLING_MAX: Duration = Duration::from_secs(64);
const BLOCK_MIN: Duration = Duration::from_secs(600);

/// What is asked of a peer that has witnesses.
const WITNESS_BLOCK: u32 = 1 << 30 | 2;

/// A block that was asked for.
#[derive(Clone, Copy, Debug)]
struct Asked {
    of: ConnId,
    at: UnixTime,
}

/// What a peer that is there may be asked.
#[derive(Clone, Copy, Debug)]
pub(super) struct There {
    pub(super) conn: ConnId,
    /// Whether it serves every block.
    pub(super) serves_all: bool,
}

/// The model. See the head of the module.
#[derive(Clone, Debug)]
pub(super) struct Downloads {
    mined: Mined,
    /// The chain of the other era, until it is known which one is spoken of.
    other: Option<Mined>,
    /// Blocks that are here: all up to a height, and some above.
    upto: u32,
    above: BTreeSet<u32>,
    /// The highest header that the node knows.
    headers: u32,
    asked: BTreeMap<u32, Asked>,
    /// The highest block that each peer has told of.
    told: BTreeMap<ConnId, u32>,
    /// The last block that each has spoken of of which the node does not know the header.
    unknown: BTreeMap<ConnId, u32>,
    /// Since when the window is full, and somebody has nothing to do.
    stalls_since: Option<UnixTime>,
    branch: Branch,
    twice: Twice,
}

/// Blocks that are not of the chain, by their hashes.
#[derive(Clone, Debug, Default)]
struct Branch {
    /// Whether the node may know one.
    is_there: bool,
    told: BTreeSet<[u8; 32]>,
    /// Who has named one.
    namers: BTreeSet<ConnId>,
    /// Who told of one with its header, and so of what lies below.
    tellers: BTreeSet<ConnId>,
    asked: BTreeMap<[u8; 32], Asked>,
}

impl Branch {
    fn name(&mut self, conn: ConnId, hash: [u8; 32]) {
        self.told.insert(hash);
        self.namers.insert(conn);
    }

    fn tell(&mut self, conn: ConnId, hash: [u8; 32]) {
        self.is_there = true;
        self.name(conn, hash);
        self.tellers.insert(conn);
    }
}

impl Downloads {
    /// The node has so many blocks, of which this is the last, and wants chains of so much work.
    pub(super) fn new(height: u32, tip: &[u8; 32], minimum_work: U256) -> Self {
        let (mut mined, mut other) = (Mined::new(Era::Recent), Mined::new(Era::Old));
        if mined.height(tip, height).is_none() {
            std::mem::swap(&mut mined, &mut other);
        }
        Self {
            mined,
            other: (height == 0).then_some(other),
            upto: height,
            above: BTreeSet::new(),
            headers: height,
            asked: BTreeMap::new(),
            told: BTreeMap::new(),
            unknown: BTreeMap::new(),
            stalls_since: None,
            branch: Branch::default(),
            twice: Twice::new(minimum_work),
        }
    }

    /// A peer has noban.
    pub(super) fn trust(&mut self, conn: ConnId) {
        self.twice.trust(conn);
    }

    /// A connection is over: what it was asked for may be asked from others.
    pub(super) fn forget(&mut self, conn: ConnId) {
        self.twice.forget(conn);
        self.asked.retain(|_, asked| asked.of != conn);
        self.told.remove(&conn);
        self.unknown.remove(&conn);
        self.branch.asked.retain(|_, asked| asked.of != conn);
        self.branch.namers.remove(&conn);
        self.branch.tellers.remove(&conn);
    }

    /// Whether a message that is to be handled may be held against who said it: something is in it
    /// that is not of this chain, or a block that has no place.
    pub(super) fn may_blame(&mut self, name: &str, payload: &[u8]) -> bool {
        match name {
            "headers" => self.heights(payload).is_none_or(|heights| !is_run(&heights)),
            "block" => match self.block(payload) {
                Some((height, is_whole)) => !is_whole || height > self.headers + 1,
                None => true,
            },
            _ => false,
        }
    }

    /// The node has taken a message.
    pub(super) fn hear(&mut self, conn: ConnId, name: &str, payload: &[u8], is_taken: bool) {
        match name {
            "headers" if is_taken => {
                self.note_branch(conn, payload);
                let heights = self.heights(payload).unwrap_or_default();
                let (Some(first), Some(last)) = (heights.first(), heights.last()) else {
                    return self.twice.hear_none(conn);
                };
                match self.twice.hear(conn, (*first, *last), self.headers) {
                    Fate::Enter => self.note_header(*last),
                    Fate::Unconnected => {}
                    Fate::Outside => return,
                }
                self.note_spoken_of(conn, Some(*last));
            }
            "inv" if is_taken => {
                let entries = entries(payload, 36).unwrap_or_default();
                for entry in entries.into_iter().filter(|entry| entry[..4] == [2, 0, 0, 0]) {
                    let hash = entry[4..].try_into().expect("32 bytes");
                    let height = self.height(&hash);
                    if height.is_none() {
                        self.branch.name(conn, hash);
                    }
                    self.note_spoken_of(conn, height);
                }
            }
            "block" => {
                let Some((height, is_whole)) = self.block(payload) else {
                    return self.hear_branch(conn, payload, is_taken);
                };
                // One that cannot be read is not given.
                let is_read = payload.len() == self.mined.block(height).len();
                let is_owed = self.asked.get(&height).is_some_and(|asked| asked.of == conn);
                if is_owed && is_read {
                    self.asked.remove(&height);
                    self.stalls_since = None;
                }
                if is_whole && height <= self.headers + 1 && self.twice.has_work(height) {
                    self.note_header(height);
                }
                if is_taken && is_whole {
                    self.asked.remove(&height);
                    self.above.insert(height);
                    while self.above.remove(&(self.upto + 1)) {
                        self.upto += 1;
                    }
                    self.stalls_since = None;
                }
            }
            _ => {}
        }
    }

    /// A peer has told headers, of which some may be of a branch.
    fn note_branch(&mut self, conn: ConnId, payload: &[u8]) {
        for entry in entries(payload, HEADER_BYTES + 1).unwrap_or_default() {
            let hash = hash(&entry[..HEADER_BYTES]);
            match self.height(&hash) {
                Some(height) if self.branch.is_there => self.note_told(conn, height),
                Some(_) => {}
                None => self.branch.tell(conn, hash),
            }
        }
    }

    /// A peer has given a block of a branch, or of nothing.
    fn hear_branch(&mut self, conn: ConnId, payload: &[u8], is_taken: bool) {
        let Some(header) = payload.get(..HEADER_BYTES) else { return };
        let (hash, parent) = (hash(header), header[4..36].try_into().expect("32 bytes"));
        // Of one that is refused the header may stay, if it has the work and follows one.
        let has_work = hash[31] < 0x80;
        let follows = self.height(&parent).is_some() || self.branch.told.contains(&parent);
        if is_taken || has_work && follows {
            self.branch.tell(conn, hash);
        }
        if is_taken {
            self.branch.asked.remove(&hash);
        }
    }

    /// The node knows the headers up to this one, and who has spoken of one of them has it.
    fn note_header(&mut self, height: u32) {
        self.headers = self.headers.max(height);
        let known: Vec<_> = self.unknown.iter().map(|(conn, height)| (*conn, *height)).collect();
        let headers = self.headers;
        for (conn, height) in known.into_iter().filter(|(_, height)| *height <= headers) {
            self.unknown.remove(&conn);
            self.note_told(conn, height);
        }
    }

    /// A peer has spoken of a block, perhaps of another chain. Of those that are not known the last
    /// counts.
    fn note_spoken_of(&mut self, conn: ConnId, height: Option<u32>) {
        match height {
            Some(height) if height <= self.headers => self.note_told(conn, height),
            Some(height) => drop(self.unknown.insert(conn, height)),
            None => drop(self.unknown.remove(&conn)),
        }
    }

    fn note_told(&mut self, conn: ConnId, height: u32) {
        let told = self.told.entry(conn).or_default();
        *told = (*told).max(height);
    }

    /// The node has asked a peer for blocks.
    pub(super) fn ask(
        &mut self,
        conn: ConnId,
        payload: &[u8],
        now: UnixTime,
        is_over: impl Fn(ConnId) -> bool,
    ) -> Result<(), String> {
        self.asked.retain(|_, asked| !is_over(asked.of));
        self.branch.asked.retain(|_, asked| !is_over(asked.of));
        let entries = entries(payload, 36).ok_or("a getdata that cannot be read")?;
        let mut last = 0;
        for entry in entries {
            let kind = u32::from_le_bytes(entry[..4].try_into().expect("four bytes"));
            let hash = entry[4..].try_into().expect("32 bytes");
            if kind != WITNESS_BLOCK {
                return Err(format!("a block is asked for as kind {kind:#x}"));
            }
            let Some(height) = self.height(&hash) else {
                self.ask_of_branch(conn, hash, now)?;
                continue;
            };
            if height <= last {
                return Err(format!("block {height} is asked for after block {last}"));
            }
            last = height;
            self.ask_one(conn, height, now)?;
        }
        let owed = self.owed(conn).count();
        if owed > IN_FLIGHT_MAX {
            return Err(format!("it owes {owed} blocks"));
        }
        Ok(())
    }

    /// When it was asked for each of the blocks that a peer owes.
    fn owed(&self, conn: ConnId) -> impl Iterator<Item = UnixTime> {
        let all = self.asked.values().chain(self.branch.asked.values());
        all.filter(move |asked| asked.of == conn).map(|asked| asked.at)
    }

    fn ask_of_branch(&mut self, conn: ConnId, hash: [u8; 32], now: UnixTime) -> Result<(), String> {
        if !self.branch.told.contains(&hash) || !self.branch.namers.contains(&conn) {
            return Err("it is asked for a block that it did not tell of".to_owned());
        }
        match self.branch.asked.insert(hash, Asked { of: conn, at: now }) {
            Some(asked) => Err(format!("a block was asked for from {:?} already", asked.of)),
            None => Ok(()),
        }
    }

    fn ask_one(&mut self, conn: ConnId, height: u32, now: UnixTime) -> Result<(), String> {
        let has_told = self.told.get(&conn).is_some_and(|told| *told >= height);
        if !has_told && !self.branch.tellers.contains(&conn) {
            return Err(format!("it is asked for block {height}, and did not tell of it"));
        }
        if height > self.upto + WINDOW {
            let upto = self.upto;
            return Err(format!("it is asked for block {height}; all up to {upto} are here"));
        }
        // It may have come from somebody else since the question was queued.
        if height <= self.upto || self.above.contains(&height) {
            return Ok(());
        }
        if let Some(asked) = self.asked.insert(height, Asked { of: conn, at: now }) {
            return Err(format!("block {height} was asked for from {:?} already", asked.of));
        }
        Ok(())
    }

    /// Whether somebody may be given up for blocks that it owes.
    pub(super) fn may_give_up(&self, conn: ConnId, reason: &str, now: UnixTime) -> bool {
        let since = self.owed(conn).min().map(|first| now - first);
        match reason {
            "block-stalling" => since.is_some_and(|since| since > STALLING_MIN),
            "block-timeout" => since.is_some_and(|since| since > BLOCK_MIN),
            _ => false,
        }
    }

    /// At rest somebody is asked, if anybody has what is missing; and nobody holds all others up.
    pub(super) fn check_rest(&mut self, there: &[There], now: UnixTime) -> Result<(), String> {
        let told = |conn| self.told.get(&conn).copied().unwrap_or(0);
        let best = there.iter().filter(|peer| peer.serves_all).map(|peer| told(peer.conn)).max();
        let best = best.unwrap_or(0);
        self.asked.retain(|_, asked| there.iter().any(|peer| peer.conn == asked.of));
        if self.branch.is_there {
            return Ok(());
        }
        if best > self.upto && self.asked.is_empty() && self.twice.has_work(best) {
            let upto = self.upto;
            return Err(format!("blocks are here up to {upto}, nobody is asked for one of {best}"));
        }
        let owes = |conn| self.asked.values().any(|asked| asked.of == conn);
        let has_more = |conn| told(conn) > self.upto + WINDOW;
        let is_idle = |peer: &There| peer.serves_all && has_more(peer.conn) && !owes(peer.conn);
        let window = self.upto + 1..=self.upto + WINDOW;
        let is_seen_to = |height| self.above.contains(&height) || self.asked.contains_key(&height);
        if !there.iter().any(is_idle) || !window.into_iter().all(is_seen_to) {
            self.stalls_since = None;
            return Ok(());
        }
        let since = *self.stalls_since.get_or_insert(now);
        if now - since > STALLING_MAX + Duration::from_secs(1) {
            return Err(format!("somebody holds the window up since {}", since.as_secs()));
        }
        Ok(())
    }

    fn height(&mut self, hash: &[u8; 32]) -> Option<u32> {
        let found = self.mined.height(hash, HEIGHT_MAX);
        let Some(other) = self.other.as_mut().filter(|_| found != Some(0)) else { return found };
        let instead = other.height(hash, HEIGHT_MAX);
        if found.is_some() {
            self.other = None;
        } else if instead.is_some() {
            self.mined = self.other.take().expect("just seen");
        }
        found.or(instead)
    }

    /// The heights of headers, if all of them are of this chain.
    fn heights(&mut self, payload: &[u8]) -> Option<Vec<u32>> {
        let entries = entries(payload, HEADER_BYTES + 1)?;
        let entries = entries.into_iter().map(|entry| hash(&entry[..HEADER_BYTES]));
        let hashes: Vec<_> = entries.collect();
        hashes.iter().map(|hash| self.height(hash)).collect()
    }

    /// The height of a block by its header, and whether it is that block to its last byte.
    fn block(&mut self, payload: &[u8]) -> Option<(u32, bool)> {
        let height = self.height(&hash(payload.get(..HEADER_BYTES)?))?;
        Some((height, height > 0 && *self.mined.block(height) == *payload))
    }
}

/// The entries of a list, each of so many bytes, if all of them are there.
fn entries(payload: &[u8], bytes: usize) -> Option<Vec<&[u8]>> {
    let (count, rest) = match payload {
        [253, low, high, rest @ ..] => (u16::from_le_bytes([*low, *high]), rest),
        [count @ 0..253, rest @ ..] => (u16::from(*count), rest),
        _ => return None,
    };
    let entries: Vec<_> = rest.chunks_exact(bytes).take(usize::from(count)).collect();
    (entries.len() == usize::from(count)).then_some(entries)
}

fn is_run(heights: &[u32]) -> bool {
    heights.windows(2).all(|pair| pair[1] == pair[0] + 1)
}
