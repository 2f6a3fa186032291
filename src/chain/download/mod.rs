//! Whom to ask for headers and for blocks, and whom to give up.
//!
//! ```text
//!   active chain --o--o--o [ window of 1024 above what we have in common ] --o-- peer's best
//!                            |      |
//!                        in flight: one peer each, 16 a peer
//! ```
//!
//! Headers are asked from one peer at first and from everybody once they are recent. Blocks are
//! asked from all who have them, in order, as far as the window goes; who holds the lowest one back
//! while somebody else has nothing to do is given up after a while ([`Timeout`]).
//!
//! A state machine: what happened comes in by `handle_*`, and [`Downloads::handle_turn`] says what
//! is due to a peer. It knows peers by their ids alone. All times are the wall clock's, as in the
//! reference. Sources: Core net_processing.cpp, `SendMessages`, `FindNextBlocksToDownload`,
//! `BlockRequested`, `RemoveBlockRequest`; docs/behaviour.md, chain 5 and 6.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use super::{BlockHash, HeaderId, HeaderTree, U256};
use crate::time::UnixTime;

mod due;
mod lag;
mod pick;
mod timeouts;

pub use lag::{CHAIN_SYNC_TIMEOUT, Lagging, PROTECTED_MAX};
pub use pick::{BLOCK_DOWNLOAD_WINDOW, BLOCKS_IN_FLIGHT_MAX, LIMITED_BLOCKS};
pub use timeouts::{
    HEADERS_RESPONSE_TIME, HEADERS_TIMEOUT_BASE, HEADERS_TIMEOUT_PER_HEADER, RECENT_AGE,
    STALLING_TIMEOUT_DEFAULT, STALLING_TIMEOUT_MAX, Timeout, block_timeout,
};

use lag::Behind;
use timeouts::HeadersSync;

/// What somebody is good for, from what was said in the handshake.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Offer {
    /// Which blocks it serves.
    pub serves: Serves,
    /// Whether it is asked first: outbound or with noban, and serves blocks. Core:
    /// `fPreferredDownload`.
    pub is_preferred: bool,
    /// Whether its blocks have their witnesses (NODE_WITNESS).
    pub has_witnesses: bool,
    /// Whether it is kept though it does not answer.
    pub noban: bool,
    /// What follows if its chain stays behind ours.
    pub lagging: Lagging,
}

/// Which blocks somebody serves. Core: `CanServeBlocks`, `IsLimitedPeer`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Serves {
    /// None.
    Nothing,
    /// The last 288 (NODE_NETWORK_LIMITED, BIP 159).
    Recent,
    /// All (NODE_NETWORK).
    All,
}

/// What the node knows when it decides.
#[derive(Clone, Copy, Debug)]
pub struct Context<'a> {
    /// Every header and what is here of the blocks.
    pub tree: &'a HeaderTree,
    /// The time.
    pub now: UnixTime,
    /// Whether most of the chain is still missing. Core: `IsInitialBlockDownload`.
    pub is_initial_download: bool,
    /// Chains with less work are not worth asking for. Core: `MinimumChainWork`.
    pub minimum_work: U256,
}

/// What is to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action<P> {
    /// Ask for the headers above the locator of `from`.
    GetHeaders {
        /// Whom.
        peer: P,
        /// Where the locator begins.
        from: HeaderId,
    },
    /// Ask for blocks, in this order.
    GetBlocks {
        /// Whom.
        peer: P,
        /// 1 to [`BLOCKS_IN_FLIGHT_MAX`] of them.
        blocks: Vec<HeaderId>,
    },
    /// Give somebody up.
    Disconnect {
        /// Whom.
        peer: P,
        /// For what.
        why: Timeout,
    },
}

/// What is known of one peer.
#[derive(Clone, Debug)]
struct Peer {
    offer: Offer,
    /// The header of most work that it is known to have. Core: `pindexBestKnownBlock`.
    best_known: Option<HeaderId>,
    /// What it spoke of last and we did not know. Core: `hashLastUnknownBlock`.
    unknown: Option<BlockHash>,
    /// The last block that both have. Core: `pindexLastCommonBlock`.
    last_common: Option<HeaderId>,
    /// What it was asked for and has not given, in that order; at most [`BLOCKS_IN_FLIGHT_MAX`].
    in_flight: VecDeque<HeaderId>,
    /// Since when it owes the first of them. Core: `m_downloading_since`.
    downloading_since: UnixTime,
    /// Since when others wait for it. Core: `m_stalling_since`.
    stalling_since: Option<UnixTime>,
    headers: HeadersSync,
    /// When it was asked for headers, if it has not answered. Core:
    /// `m_last_getheaders_timestamp`.
    getheaders_at: Option<UnixTime>,
    /// Whether it was asked because of what it spoke of, before the sync with it began. Core:
    /// `m_inv_triggered_getheaders_before_sync`.
    asked_early: bool,
    /// Since when its chain has less work than ours, if that counts.
    behind: Option<Behind>,
    /// Whether it does not count any more. Core: `m_protect`.
    is_protected: bool,
}

/// Who was asked for what. See the head of the module. `P` is the id of a peer.
#[derive(Clone, Debug)]
pub struct Downloads<P> {
    peers: BTreeMap<P, Peer>,
    /// Whom each block was asked from.
    in_flight: BTreeMap<HeaderId, P>,
    /// How long somebody may hold others up. Core: `m_block_stalling_timeout`.
    stalling_timeout: Duration,
    /// For what block somebody was last asked for headers before the sync with him began. Core:
    /// `m_last_block_inv_triggering_headers_sync`.
    early_block: Option<BlockHash>,
}

impl<P: Copy + Ord> Default for Downloads<P> {
    fn default() -> Self {
        Self::new()
    }
}

impl<P: Copy + Ord> Downloads<P> {
    /// Without peers.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            peers: BTreeMap::new(),
            in_flight: BTreeMap::new(),
            stalling_timeout: STALLING_TIMEOUT_DEFAULT,
            early_block: None,
        }
    }

    /// The handshake with a peer is over.
    ///
    /// # Panics
    ///
    /// There is one of that id.
    pub fn handle_connected(&mut self, id: P, offer: Offer) {
        let peer = Peer {
            offer,
            best_known: None,
            unknown: None,
            last_common: None,
            in_flight: VecDeque::new(),
            downloading_since: UnixTime::EPOCH,
            stalling_since: None,
            headers: HeadersSync::NotStarted,
            getheaders_at: None,
            asked_early: false,
            behind: None,
            is_protected: false,
        };
        let before = self.peers.insert(id, peer);
        assert!(before.is_none(), "an id is one peer's");
    }

    /// Whether there is a peer of that id.
    #[must_use]
    pub fn contains(&self, id: P) -> bool {
        self.peers.contains_key(&id)
    }

    /// A peer is gone; what it was asked for may be asked from others. Nothing for one that was
    /// never here.
    pub fn handle_disconnected(&mut self, id: P) {
        let peer = self.peers.remove(&id);
        for block in peer.iter().flat_map(|peer| &peer.in_flight) {
            self.in_flight.remove(block);
        }
    }

    /// A peer spoke of a block: by `inv`, or as the last of its headers. Core:
    /// `UpdateBlockAvailability`.
    pub fn handle_announced(&mut self, tree: &HeaderTree, id: P, hash: &BlockHash) {
        let Some(peer) = self.peers.get_mut(&id) else { return };
        peer.look_up_unknown(tree);
        match tree.find(hash) {
            Some(header) => peer.has(tree, header),
            None => peer.unknown = Some(*hash),
        }
    }

    /// A peer spoke of blocks by `inv`, in this order. Gives where the locator begins if it is to
    /// be asked for headers, because it spoke of one that nobody knows. Before the sync with it has
    /// begun it is asked once, and nobody else for the same block.
    pub fn handle_inv(
        &mut self,
        cx: &Context<'_>,
        id: P,
        hashes: &[BlockHash],
    ) -> Option<HeaderId> {
        hashes.iter().for_each(|hash| self.handle_announced(cx.tree, id, hash));
        let last = hashes.iter().rev().find(|hash| cx.tree.find(hash).is_none())?;
        let early_block = self.early_block;
        let peer = self.peers.get(&id)?;
        let is_started = peer.headers != HeadersSync::NotStarted;
        if !is_started && (peer.asked_early || early_block == Some(*last)) {
            return None;
        }
        if !is_started {
            self.peer_mut(id).asked_early = true;
            self.early_block = Some(*last);
        }
        self.ask_headers(id, cx.now).then(|| cx.tree.tip())
    }

    /// The header of most work that a peer is known to have. `None`: none is, or it is not here.
    #[must_use]
    pub fn best_known(&self, id: P) -> Option<HeaderId> {
        self.peers.get(&id)?.best_known
    }

    /// The last block that a peer and we are known to have both.
    #[must_use]
    pub fn last_common(&self, id: P) -> Option<HeaderId> {
        self.peers.get(&id)?.last_common
    }

    /// What a peer was asked for and has not given, in that order.
    pub fn in_flight(&self, id: P) -> impl Iterator<Item = HeaderId> + '_ {
        self.peers.get(&id).into_iter().flat_map(|peer| peer.in_flight.iter().copied())
    }

    /// A peer answered a `getheaders`, so that it may be asked again. With the last of its headers
    /// it has said more: [`Self::handle_announced`].
    pub fn handle_headers(&mut self, id: P) {
        if let Some(peer) = self.peers.get_mut(&id) {
            peer.getheaders_at = None;
        }
    }

    /// A block came that is the right one for its header, from whomever: nobody owes it any more.
    /// Gives who did. Core: `RemoveBlockRequest`.
    pub fn handle_block(&mut self, block: HeaderId, now: UnixTime) -> Option<P> {
        let id = self.in_flight.remove(&block)?;
        let peer = self.peers.get_mut(&id).expect("only peers owe blocks");
        if peer.in_flight.front() == Some(&block) {
            // The time of the next one begins.
            peer.downloading_since = peer.downloading_since.max(now);
        }
        peer.in_flight.retain(|other| *other != block);
        peer.stalling_since = None;
        Some(id)
    }

    /// Whom a block was asked from, if it has not come.
    #[must_use]
    pub fn asked_from(&self, block: HeaderId) -> Option<P> {
        self.in_flight.get(&block).copied()
    }

    /// How many blocks a peer owes.
    #[must_use]
    pub fn in_flight_count(&self, id: P) -> usize {
        self.peers.get(&id).map_or(0, |peer| peer.in_flight.len())
    }

    /// How many blocks were asked for and have not come.
    #[must_use]
    pub fn asked_count(&self) -> usize {
        self.in_flight.len()
    }

    /// The most blocks that one peer owes.
    #[must_use]
    pub fn owed_most(&self) -> usize {
        self.peers.values().map(|peer| peer.in_flight.len()).max().unwrap_or(0)
    }

    /// Appends what is due to a peer: headers that it is to be asked for, that it is given up, or
    /// the blocks that it is to be asked for. In this order, as in the reference; nothing follows
    /// where it is given up. Nothing for one that is not here.
    pub fn handle_turn(&mut self, cx: &Context<'_>, id: P, actions: &mut Vec<Action<P>>) {
        self.handle_headers_turn(cx, id, actions);
        self.handle_blocks_turn(cx, id, actions);
    }

    /// The first part of [`Self::handle_turn`]: the headers with which the sync begins. The
    /// reference announces its own blocks between the two.
    pub fn handle_headers_turn(&mut self, cx: &Context<'_>, id: P, actions: &mut Vec<Action<P>>) {
        let Some(peer) = self.peers.get_mut(&id) else { return };
        peer.look_up_unknown(cx.tree);
        if let Some(from) = self.start_headers(cx, id) {
            actions.push(Action::GetHeaders { peer: id, from });
        }
    }

    /// The rest of it.
    pub fn handle_blocks_turn(&mut self, cx: &Context<'_>, id: P, actions: &mut Vec<Action<P>>) {
        if !self.peers.contains_key(&id) {
            return;
        }
        if let Some(why) = self.timed_out(cx, id).or_else(|| self.lagged(cx, id)) {
            actions.push(Action::Disconnect { peer: id, why });
            return;
        }
        if let Some(from) = self.ask_who_lags(cx, id) {
            actions.push(Action::GetHeaders { peer: id, from });
        }
        let blocks = self.next_blocks(cx, id);
        if !blocks.is_empty() {
            actions.push(Action::GetBlocks { peer: id, blocks });
        }
    }

    fn peer(&self, id: P) -> &Peer {
        self.peers.get(&id).expect("callers have looked")
    }

    fn peer_mut(&mut self, id: P) -> &mut Peer {
        self.peers.get_mut(&id).expect("callers have looked")
    }

    /// What must hold between any two calls.
    ///
    /// # Panics
    ///
    /// It does not hold.
    pub fn check_invariants(&self) {
        let owed: usize = self.peers.values().map(|peer| peer.in_flight.len()).sum();
        assert_eq!(owed, self.in_flight.len(), "each block is owed once");
        for (block, id) in &self.in_flight {
            assert!(self.peers[id].in_flight.contains(block), "by whom it was asked from");
        }
        for peer in self.peers.values() {
            assert!(peer.in_flight.len() <= BLOCKS_IN_FLIGHT_MAX, "a peer owes few");
            if peer.stalling_since.is_some() {
                assert!(!peer.in_flight.is_empty(), "who holds others up owes something");
            }
        }
        let protected_count = self.peers.values().filter(|peer| peer.is_protected).count();
        assert!(protected_count <= PROTECTED_MAX, "few are protected");
        let timeouts = STALLING_TIMEOUT_DEFAULT..=STALLING_TIMEOUT_MAX;
        assert!(timeouts.contains(&self.stalling_timeout), "the timeout keeps its bounds");
    }
}

impl Peer {
    /// Core: `ProcessBlockAvailability`.
    fn look_up_unknown(&mut self, tree: &HeaderTree) {
        if let Some(header) = self.unknown.and_then(|hash| tree.find(&hash)) {
            self.unknown = None;
            self.has(tree, header);
        }
    }

    /// It has that header's block. Of two with as much work the later counts.
    fn has(&mut self, tree: &HeaderTree, header: HeaderId) {
        let is_best = |best| tree.work(header) >= tree.work(best);
        if self.best_known.is_none_or(is_best) {
            self.best_known = Some(header);
        }
    }
}

#[cfg(test)]
mod tests;
