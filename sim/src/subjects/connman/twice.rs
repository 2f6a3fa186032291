//! Model: which headers of the one chain enter the tree of a node that wants more work than they
//! have (docs/behaviour.md, chain 9 and 12).
//!
//! What a node holds back of the second round is more than all headers that schedules speak of, so
//! that they enter together, with the one that brings the work.

use std::collections::BTreeMap;

use sockman::chain::{HEADERS_PER_MESSAGE_MAX, Params};
use sockman::sockets::ConnId;
use sockman::transport::Network;

use super::downloads::There;
use super::mined::HEIGHT_MAX;

/// Headers of a full message.
const FULL: u32 = 2_000;
const _: () = assert!(FULL as usize == HEADERS_PER_MESSAGE_MAX);

/// A chain that a peer tells twice.
#[derive(Clone, Copy, Debug)]
struct Telling {
    /// The header that the first follows.
    start: u32,
    upto: u32,
    is_second: bool,
}

/// What becomes of headers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// The node knows all up to the last.
    Enter,
    /// They follow none that it knows.
    Unconnected,
    /// They are held back, and more are asked for.
    HeldBack,
    /// They ended a chain that was being told twice, and are forgotten with it.
    Over,
    /// It is as if they had not been told.
    Ignored,
}

/// The model. See the head of the module.
#[derive(Clone, Debug)]
pub(super) struct Twice {
    /// How many blocks of the chain have as much work as is wanted.
    least: u32,
    telling: BTreeMap<ConnId, Telling>,
}

impl Twice {
    /// The node wants the work of so many blocks.
    pub(super) fn new(least: u32) -> Self {
        let params = Params::of(Network::Regtest);
        assert!(params.presync.redownload_buffer > HEIGHT_MAX as usize, "all of it is held back");
        Self { least, telling: BTreeMap::new() }
    }

    /// A peer is gone.
    pub(super) fn forget(&mut self, conn: ConnId) {
        self.telling.remove(&conn);
    }

    /// A peer has told no headers: it has no more.
    pub(super) fn hear_none(&mut self, conn: ConnId) {
        self.telling.remove(&conn);
    }

    /// A peer has told headers from one to another, and the node knows those up to `known`. The
    /// first block of the network follows none.
    pub(super) fn hear(&mut self, one: &There, run: (u32, u32), known: u32) -> Fate {
        let (first, last) = run;
        let is_full = last + 1 - first == FULL;
        let has_work = last >= self.least;
        let (start, is_second, goes_on) = match self.telling.remove(&one.conn) {
            Some(telling) if telling.upto + 1 == first => (telling.start, telling.is_second, true),
            _ if first == 0 || first > known + 1 => return Fate::Unconnected,
            _ if one.has_noban || last <= known || has_work => return Fate::Enter,
            _ => (first - 1, false, false),
        };
        let next = match (has_work, is_second) {
            (true, true) => return Fate::Enter,
            (true, false) => Some(Telling { start, upto: start, is_second: true }),
            (false, _) => is_full.then_some(Telling { start, upto: last, is_second }),
        };
        match (next, goes_on) {
            (Some(telling), _) => {
                self.telling.insert(one.conn, telling);
                Fate::HeldBack
            }
            (None, true) => Fate::Over,
            (None, false) => Fate::Ignored,
        }
    }
}
