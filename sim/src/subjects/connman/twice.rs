//! Model: which headers of the one chain enter the tree of a node that wants more work than they
//! have (docs/behaviour.md, chain 9 and 12).
//!
//! What a node holds back of the second round is more than all headers that schedules speak of, so
//! that they enter together, with the one that brings the work.

use std::collections::{BTreeMap, BTreeSet};

use sockman::chain::{HEADERS_PER_MESSAGE_MAX, Params, U256};
use sockman::sockets::ConnId;
use sockman::transport::Network;

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
    /// It is as if they had not been told.
    Outside,
}

/// The model. See the head of the module.
#[derive(Clone, Debug, Default)]
pub(super) struct Twice {
    /// How many blocks of the chain have as much work as is wanted.
    minimum: u32,
    telling: BTreeMap<ConnId, Telling>,
    /// Of whom everything enters.
    trusted: BTreeSet<ConnId>,
}

impl Twice {
    /// The node wants so much work.
    pub(super) fn new(minimum: U256) -> Self {
        let params = Params::of(Network::Regtest);
        assert!(params.presync.redownload_buffer > HEIGHT_MAX as usize, "all of it is held back");
        let each = params.genesis.claimed_work();
        let blocks =
            (0..=HEIGHT_MAX).find(|blocks| each.saturating_mul(u64::from(*blocks) + 1) >= minimum);
        Self { minimum: blocks.unwrap_or(u32::MAX), ..Self::default() }
    }

    /// Whether a chain with so many blocks has the work.
    pub(super) const fn has_work(&self, height: u32) -> bool {
        height >= self.minimum
    }

    /// A peer has noban.
    pub(super) fn trust(&mut self, conn: ConnId) {
        self.trusted.insert(conn);
    }

    /// A peer is gone.
    pub(super) fn forget(&mut self, conn: ConnId) {
        self.telling.remove(&conn);
        self.trusted.remove(&conn);
    }

    /// A peer has told no headers: it has no more.
    pub(super) fn hear_none(&mut self, conn: ConnId) {
        self.telling.remove(&conn);
    }

    /// A peer has told headers from one to another, and the node knows those up to `known`.
    pub(super) fn hear(&mut self, conn: ConnId, run: (u32, u32), known: u32) -> Fate {
        let (first, last) = run;
        let is_full = last + 1 - first == FULL;
        let (start, is_second) = match self.telling.remove(&conn) {
            Some(telling) if telling.upto + 1 == first => (telling.start, telling.is_second),
            _ if first > known + 1 => return Fate::Unconnected,
            _ if self.trusted.contains(&conn) => return Fate::Enter,
            _ if last <= known || self.has_work(last) => return Fate::Enter,
            _ => (first - 1, false),
        };
        let has_work = self.has_work(last);
        let next = match (has_work, is_second) {
            (true, true) => return Fate::Enter,
            (true, false) => Some(Telling { start, upto: start, is_second: true }),
            (false, _) => is_full.then_some(Telling { start, upto: last, is_second }),
        };
        next.map(|telling| self.telling.insert(conn, telling));
        Fate::Outside
    }
}
