//! Model: what a node that has a chain may ask for, and what it owes to whom (docs/behaviour.md,
//! chain 5, 6, 9 and 10).
//!
//! It knows the one chain that schedules speak of, what each peer has told of it, and what was
//! asked from whom. Never more than 16 blocks are asked from a peer at once, none from two at once,
//! none beyond the window or that the peer has not told of; headers are asked for when there is a
//! reason, and then at once; and at rest everybody is asked who has what is missing and may be.
//! Who is borne with for how long is in `waits.rs`.
//!
//! A peer may tell of a branch: a header of the chain with a bit changed has enough work every
//! second time. What is asked for of it is held to the same limits by its hash; what must be asked
//! for at rest is not known any more then, nor who has to go.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use sockman::chain::Block;
use sockman::sockets::ConnId;
use sockman::time::UnixTime;

use super::mined::{Era, HEADER_BYTES, HEIGHT_MAX, Mined, hash, height_of};
use super::twice::{Fate, Twice};
use waits::{IN_FLIGHT_MAX, Moment, Peer, RECENT, Stalling, Standing};

mod waits;

pub(super) use waits::{Lagging, Serves, There};

/// Chain 5: `BLOCK_DOWNLOAD_WINDOW`.
const WINDOW: u32 = 1024;

/// Chain 2: `MAX_HEADERS_RESULTS`, `MAX_FUTURE_BLOCK_TIME`.
const HEADERS_MAX: usize = 2000;
const FUTURE: Duration = Duration::from_secs(2 * 60 * 60);

/// Chain 10: `MIN_BLOCKS_TO_KEEP`.
const UNREQUESTED_ABOVE_MAX: u32 = 288;

/// What of a branch may take at least: chain 6.
const STALLING_MIN: Duration = Duration::from_secs(2);
const BLOCK_MIN: Duration = Duration::from_secs(600);

/// Kinds of what is asked for. BIP 144: a block with its witnesses is asked of who has them; BIP
/// 152: a compact one.
const BLOCK: u32 = 2;
const WITNESS_BLOCK: u32 = 1 << 30 | BLOCK;
const COMPACT_BLOCK: u32 = 4;

/// A block that was asked for.
#[derive(Clone, Copy, Debug)]
struct Asked {
    of: ConnId,
    at: UnixTime,
}

/// Whether what was said is answered with a question for headers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Asks {
    No,
    /// That depends on a branch.
    Perhaps,
    Yes,
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
    /// What passed with each peer.
    peers: BTreeMap<ConnId, Peer>,
    stalling: Stalling,
    /// For what block somebody was last asked for headers before the sync with him began.
    early: Option<[u8; 32]>,
    /// Whether most of the chain is missing; once it is not it never is again.
    is_initial: bool,
    /// A chain that does not come so high is not worth asking for.
    least: u32,
    /// Whether somebody is to be asked for blocks, and nobody can tell which yet.
    pub(super) has_unsent: bool,
    /// How many were there when the node was last at rest; `None`: something happened since.
    at_rest: Option<usize>,
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
    /// The node has so many blocks, of which this is the last.
    pub(super) fn new(height: u32, tip: &[u8; 32], minimum_work: u64) -> Self {
        let least = height_of(minimum_work);
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
            peers: BTreeMap::new(),
            stalling: Stalling::default(),
            early: None,
            is_initial: true,
            least,
            has_unsent: false,
            at_rest: None,
            branch: Branch::default(),
            twice: Twice::new(least),
        }
    }

    /// A connection is over: what it was asked for may be asked from others.
    pub(super) fn forget(&mut self, conn: ConnId) {
        self.twice.forget(conn);
        self.forget_asked(conn);
        self.peers.remove(&conn);
        self.at_rest = None;
        self.told.remove(&conn);
        self.unknown.remove(&conn);
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

    /// Nothing is owed by who is over.
    fn forget_asked(&mut self, conn: ConnId) {
        self.asked.retain(|_, asked| asked.of != conn);
        self.branch.asked.retain(|_, asked| asked.of != conn);
        if let Some(peer) = self.peers.get_mut(&conn) {
            peer.owes.clear();
        }
    }

    fn peer(&mut self, conn: ConnId) -> &mut Peer {
        self.peers.entry(conn).or_default()
    }

    /// The node has handled a message of a peer. Whether it is to ask for headers then.
    pub(super) fn hear(
        &mut self,
        one: &There,
        (name, payload, is_taken): (&str, &[u8], bool),
        now: UnixTime,
    ) -> Result<Asks, String> {
        self.at_rest = None;
        let asks = match name {
            "headers" => self.hear_headers(one, payload, is_taken, now)?,
            "inv" if is_taken => self.hear_names(one.conn, payload, now),
            "block" => {
                self.hear_block(one.conn, payload, is_taken, now)?;
                Asks::No
            }
            _ => Asks::No,
        };
        self.note_age(now);
        Ok(asks)
    }

    /// Whether a header is too far ahead to be taken.
    fn is_of_the_future(&self, height: u32, now: UnixTime) -> bool {
        UnixTime::from_secs(self.mined.time(height)) > now + FUTURE
    }

    /// Whether the next message shows that a chosen peer has no chain that is worth asking for,
    /// which ends the connection (chain 9).
    pub(super) fn is_too_short(&mut self, one: &There, payload: &[u8], now: UnixTime) -> bool {
        let Some(heights) = self.heights(payload).filter(|heights| is_run(heights)) else {
            return false;
        };
        let (Some(first), Some(last)) = (heights.first(), heights.last()) else { return false };
        let is_known = *first > 0 && *last <= self.headers || one.has_noban;
        let is_placed = *first <= self.headers + 1 && !self.is_of_the_future(*last, now);
        let best = self.told.get(&one.conn).copied().unwrap_or(0).max(*last);
        let is_one = is_known && is_placed && heights.len() < HEADERS_MAX;
        is_one && self.is_initial && best < self.least && one.lagging != Lagging::Kept
    }

    /// How many blocks are sent to who asks for these; `None`: that depends on a branch.
    pub(super) fn served(&mut self, payload: &[u8]) -> Option<usize> {
        let entries = entries(payload, 36).unwrap_or_default();
        let mut is_served = |entry: &[u8]| {
            let kind = u32::from_le_bytes(entry[..4].try_into().expect("four bytes"));
            let hash = entry[4..].try_into().expect("32 bytes");
            let is_block = matches!(kind, BLOCK | WITNESS_BLOCK | COMPACT_BLOCK);
            is_block && self.height(&hash).is_some_and(|height| (1..=self.upto).contains(&height))
        };
        let count = entries.into_iter().filter(|entry| is_served(entry)).count();
        (!self.branch.is_there).then_some(count)
    }

    /// Once the last block is younger than a day the first download is over.
    fn note_age(&mut self, now: UnixTime) {
        let age = now - UnixTime::from_secs(self.mined.time(self.upto));
        self.is_initial &= age > RECENT || self.upto < self.least;
    }

    fn hear_headers(
        &mut self,
        one: &There,
        payload: &[u8],
        is_taken: bool,
        now: UnixTime,
    ) -> Result<Asks, String> {
        let conn = one.conn;
        if self.is_too_short(one, payload, now) && !self.branch.is_there {
            return Err("its chain is too short, and it stays".to_owned());
        }
        if is_taken {
            self.note_branch(conn, payload);
        }
        let Some(heights) = self.heights(payload) else { return Ok(Asks::Perhaps) };
        let (Some(first), Some(last)) = (heights.first(), heights.last()) else {
            self.twice.hear_none(conn);
            self.peer(conn).answer_headers();
            return Ok(Asks::No);
        };
        if !is_run(&heights) || heights.len() > HEADERS_MAX {
            return Ok(Asks::No);
        }
        let fate = self.twice.hear(one, (*first, *last), self.headers);
        if fate == Fate::Unconnected {
            let asks = self.peer(conn).may_be_asked(now);
            self.note_spoken_of(conn, Some(*last));
            return Ok(if asks { Asks::Yes } else { Asks::No });
        }
        self.peer(conn).answer_headers();
        let mut new = self.headers + 1..=*last;
        let of_the_future = new.find(|height| self.is_of_the_future(*height, now));
        let is_to_be_taken = match fate {
            Fate::Enter => of_the_future.is_none(),
            Fate::Unconnected | Fate::HeldBack | Fate::Over => true,
            Fate::Ignored => false,
        };
        if is_taken != is_to_be_taken && !self.branch.is_there {
            return Err(format!("headers up to {last} were taken: {is_taken}"));
        }
        if fate != Fate::Enter {
            return Ok(if fate == Fate::HeldBack { Asks::Yes } else { Asks::No });
        }
        if let Some(height) = of_the_future {
            self.note_header(height - 1);
        }
        if is_taken {
            self.note_header(*last);
            self.note_spoken_of(conn, Some(*last));
            let protected = self.peers.values().filter(|peer| peer.is_protected()).count();
            let has_all = self.told.get(&conn).is_some_and(|told| *told >= self.upto);
            if has_all && one.lagging == Lagging::Protectable {
                self.peer(conn).protect(protected);
            }
        }
        let is_full = is_taken && heights.len() == HEADERS_MAX;
        Ok(if is_full { Asks::Yes } else { Asks::No })
    }

    fn hear_names(&mut self, conn: ConnId, payload: &[u8], now: UnixTime) -> Asks {
        let (mut last, mut is_clear) = (None, true);
        let entries = entries(payload, 36).unwrap_or_default();
        for entry in entries.into_iter().filter(|entry| entry[..4] == [2, 0, 0, 0]) {
            let hash = entry[4..].try_into().expect("32 bytes");
            let height = self.height(&hash);
            if height.is_none() {
                is_clear &= !self.branch.is_there;
                self.branch.name(conn, hash);
            }
            if height.is_none_or(|height| height > self.headers) {
                last = Some(hash);
            }
            self.note_spoken_of(conn, height);
        }
        let Some(last) = last else { return Asks::No };
        let early = self.early;
        let peer = self.peer(conn);
        let may_be_asked = peer.may_be_asked(now);
        if !peer.is_started() {
            if peer.asked_early || early == Some(last) {
                return Asks::No;
            }
            peer.asked_early = true;
            self.early = Some(last);
        }
        match (may_be_asked, is_clear) {
            (false, _) => Asks::No,
            (true, false) => Asks::Perhaps,
            (true, true) => Asks::Yes,
        }
    }

    fn hear_block(
        &mut self,
        conn: ConnId,
        payload: &[u8],
        is_taken: bool,
        now: UnixTime,
    ) -> Result<(), String> {
        let Some((height, is_whole)) = self.block(payload) else {
            self.hear_branch(conn, payload, is_taken);
            return Ok(());
        };
        // It is known, or its header is one to take.
        let has_work = height >= self.least;
        let is_placed = height <= self.headers
            || height == self.headers + 1 && has_work && !self.is_of_the_future(height, now);
        let is_near = height <= self.upto.saturating_add(UNREQUESTED_ABOVE_MAX);
        let is_asked = self.has_unsent || self.asked.contains_key(&height);
        let is_wanted = is_asked || is_near && has_work;
        let is_new = height > self.upto && !self.above.contains(&height);
        let is_to_be_taken = is_whole && is_placed && is_new && is_wanted;
        if is_taken && !is_to_be_taken && !self.branch.is_there {
            return Err(format!("block {height} was taken"));
        }
        // One that cannot be read is not given.
        let is_read = is_whole || Block::decode(payload).is_ok();
        let is_owed = self.asked.get(&height).is_some_and(|asked| asked.of == conn);
        if is_owed && is_read || is_taken && is_whole {
            self.note_given(height, now);
        }
        if is_whole && is_placed {
            self.note_header(height);
        }
        if is_taken && is_whole {
            self.above.insert(height);
            while self.above.remove(&(self.upto + 1)) {
                self.upto += 1;
                self.stalling.decay();
            }
        }
        Ok(())
    }

    /// A block came, from whomever: nobody owes it any more.
    fn note_given(&mut self, height: u32, now: UnixTime) {
        if let Some(asked) = self.asked.remove(&height) {
            self.peer(asked.of).give(height, now);
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

    /// The node has a question for headers, of which this says whether the peer's last word is the
    /// reason. Otherwise the first sync with the peer begins, or its chain lags.
    pub(super) fn ask_headers(
        &mut self,
        there: &[There],
        one: &There,
        asks: Asks,
        now: UnixTime,
    ) -> Result<(), String> {
        self.at_rest = None;
        let before = self.moment(there, now);
        for other in there {
            self.peer(other.conn).let_go(other, before);
        }
        let moment = self.moment(there, now);
        let peer = self.peers.entry(one.conn).or_default();
        let is_first = !peer.is_started();
        let may = match asks {
            Asks::Yes | Asks::Perhaps => true,
            Asks::No if is_first => peer.is_to_be_started(one, moment) || self.branch.is_there,
            Asks::No => peer.may_lag(one, now) || self.branch.is_there,
        };
        if !may {
            return Err("it is asked for headers without a reason".to_owned());
        }
        if asks == Asks::No && is_first {
            peer.start(moment.best, now);
        }
        peer.ask_headers(now);
        Ok(())
    }

    /// The node is to ask a peer for blocks; whether other questions wait to be sent.
    pub(super) fn begin_to_ask(&mut self, conn: ConnId, others_wait: bool, now: UnixTime) {
        let peer = self.peer(conn);
        if peer.owes.is_empty() && !others_wait {
            peer.begin_to_owe(now);
        }
    }

    /// The node has asked a peer for blocks.
    pub(super) fn ask(
        &mut self,
        conn: ConnId,
        payload: &[u8],
        now: UnixTime,
        is_over: impl Fn(ConnId) -> bool,
    ) -> Result<(), String> {
        self.at_rest = None;
        let owners = self.asked.values().chain(self.branch.asked.values());
        let over: BTreeSet<_> = owners.map(|asked| asked.of).filter(|of| is_over(*of)).collect();
        over.into_iter().for_each(|conn| self.forget_asked(conn));
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
            self.peer(conn).need_not(now);
            return Ok(());
        }
        if let Some(asked) = self.asked.insert(height, Asked { of: conn, at: now }) {
            return Err(format!("block {height} was asked for from {:?} already", asked.of));
        }
        self.peer(conn).owes.push_back(height);
        Ok(())
    }

    /// For what somebody may be given up now.
    pub(super) fn may_go_for(
        &self,
        there: &[There],
        one: &There,
        now: UnixTime,
    ) -> Vec<&'static str> {
        let moment = self.moment(there, now);
        let told = self.told.get(&one.conn).copied();
        let exactly = self.peers.get(&one.conn).map(|peer| peer.may_go_for(one, told, moment));
        let mut may = exactly.unwrap_or_default();
        if self.branch.is_there {
            let since = self.owed(one.conn).min().map_or(Duration::ZERO, |first| now - first);
            may.extend((since > STALLING_MIN).then_some("block-stalling"));
            may.extend((since > BLOCK_MIN).then_some("block-timeout"));
            may.push("headers-timeout");
            may.extend((one.lagging != Lagging::Kept).then_some("chain-lags"));
        }
        may
    }

    /// Somebody was given up.
    pub(super) fn give_up(&mut self, reason: &str) {
        if reason == "block-stalling" {
            self.stalling.double();
        }
    }

    fn moment(&self, there: &[There], now: UnixTime) -> Moment {
        let owes = |one: &There| {
            one.is_being_asked
                || self.peers.get(&one.conn).is_some_and(|peer| !peer.owes.is_empty())
        };
        let is_syncing =
            |one: &There| self.peers.get(&one.conn).is_some_and(|peer| peer.is_started());
        let standing = Standing {
            preferred: there.iter().filter(|one| one.is_preferred).count(),
            syncing: there.iter().filter(|one| is_syncing(one)).count(),
            owing: there.iter().filter(|one| owes(one)).count(),
        };
        let best = self.mined.time(self.headers);
        Moment { now, standing, best, upto: self.upto, stalling: self.stalling.time() }
    }

    /// Whether so many blocks of the window are asked for or here that somebody may hold it up.
    pub(super) fn may_be_held_up(&self) -> bool {
        self.above.len() + self.asked.len() >= WINDOW as usize
    }

    /// Notes who holds up the window now, if somebody does: who owes the lowest block, while
    /// another one has nothing to do and would have more.
    pub(super) fn note_stalling(&mut self, there: &[There], now: UnixTime, is_certain: bool) {
        let end = self.upto + WINDOW;
        let told = |conn| self.told.get(&conn).is_some_and(|told| *told > end);
        if !there.iter().any(|one| told(one.conn)) || !(self.upto + 1..=end).all(|h| self.has(h)) {
            return;
        }
        let Some((_, asked)) = self.asked.first_key_value() else { return };
        let (staller, standing) = (asked.of, self.moment(there, now).standing);
        let is_idle = |one: &&There| {
            let owes = self.peers.get(&one.conn).is_some_and(|peer| !peer.owes.is_empty());
            let may = standing.may_ask_blocks(one, self.is_initial);
            told(one.conn) && may && one.has_witnesses && !owes && !one.is_being_asked
        };
        let idle: Vec<_> = there.iter().filter(is_idle).collect();
        let is_certain = is_certain && idle.iter().any(|one| one.serves == Serves::All);
        if !idle.is_empty() {
            self.peer(staller).hold_up(now, is_certain);
        }
    }

    /// Whether a block of the window is here or asked for.
    fn has(&self, height: u32) -> bool {
        self.above.contains(&height) || self.asked.contains_key(&height)
    }

    /// At rest everybody is asked who may be, and nobody is there whose time is over.
    pub(super) fn check_rest(&mut self, there: &[There], now: UnixTime) -> Result<(), String> {
        let is_there = |conn| there.iter().any(|one| one.conn == conn);
        let over: Vec<_> = self.peers.keys().copied().filter(|conn| !is_there(*conn)).collect();
        over.into_iter().for_each(|conn| self.forget_asked(conn));
        if self.branch.is_there {
            return Ok(());
        }
        if self.at_rest != Some(there.len()) {
            self.note_age(now);
        }
        self.at_rest = Some(there.len());
        self.note_stalling(there, now, true);
        let moment = self.moment(there, now);
        for one in there {
            let told = self.told.get(&one.conn).copied();
            self.peers.entry(one.conn).or_default().check_rest(one, told, moment)?;
        }
        // Somebody may have been asked anew meanwhile.
        let moment = self.moment(there, now);
        for one in there {
            if self.peers[&one.conn].is_to_be_started(one, moment) {
                return Err(format!("{:?} is not asked for headers", one.conn));
            }
            self.check_asked(there, one, moment)?;
        }
        Ok(())
    }

    /// Who may be asked for blocks, and has some of those that are missing, owes as many as may be.
    fn check_asked(&self, there: &[There], one: &There, moment: Moment) -> Result<(), String> {
        let told = self.told.get(&one.conn).copied().unwrap_or(0);
        let owed = self.peers[&one.conn].owes.len();
        let may = moment.standing.may_ask_blocks(one, self.is_initial);
        let is_one = may && one.serves == Serves::All && one.has_witnesses;
        let is_worth_it = told > self.upto && told >= self.least;
        if !is_one || one.is_being_asked || owed >= IN_FLIGHT_MAX || !is_worth_it {
            return Ok(());
        }
        // So many may be in questions that wait.
        let unseen = IN_FLIGHT_MAX * there.iter().filter(|one| one.is_being_asked).count();
        let window = self.upto + 1..=told.min(self.upto + WINDOW);
        match window.filter(|height| !self.has(*height)).nth(unseen) {
            None => Ok(()),
            Some(height) => {
                let (upto, conn) = (self.upto, one.conn);
                Err(format!(
                    "blocks are here up to {upto}; {conn:?} has told of {told}, owes {owed}, and \
                     is not asked for block {height}"
                ))
            }
        }
    }

    fn height(&mut self, hash: &[u8; 32]) -> Option<u32> {
        let found = self.mined.height(hash, HEIGHT_MAX);
        let Some(other) = self.other.filter(|_| found != Some(0)) else { return found };
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
