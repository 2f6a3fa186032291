//! Which blocks to ask a peer for.

use std::time::Duration;

use super::{Context, Downloads, HeaderId, Serves};
use crate::chain::{HeaderTree, Validity};

/// The most blocks that one peer owes. Core: `MAX_BLOCKS_IN_TRANSIT_PER_PEER`.
pub const BLOCKS_IN_FLIGHT_MAX: usize = 16;

/// How far above the last common block blocks are asked for, so that little has to be kept out of
/// order. Core: `BLOCK_DOWNLOAD_WINDOW`.
pub const BLOCK_DOWNLOAD_WINDOW: u32 = 1024;

/// How many blocks below its best somebody with few is asked for: two fewer than it keeps, since it
/// may be ahead. Core: `NODE_NETWORK_LIMITED_MIN_BLOCKS` - 2.
pub const LIMITED_BLOCKS: u32 = 288 - 2;

/// Of how many blocks the time may have passed since the last for new ones to be asked for at once.
/// Core: `CanDirectFetch`, 20.
const DIRECT_FETCH_BLOCKS: u32 = 20;

/// How many headers are walked at once. Core: `FindNextBlocks`, 128.
const WALK: u32 = 128;

/// What a walk found.
struct Found<P> {
    blocks: Vec<HeaderId>,
    /// Who owes the lowest block, if there would be more but for the end of the window.
    staller: Option<P>,
}

impl<P: Copy + Ord> Downloads<P> {
    /// Asks a peer for as many as it may owe, and notes if there are none because of somebody.
    pub(super) fn next_blocks(&mut self, cx: &Context<'_>, id: P) -> Vec<HeaderId> {
        let peer = self.peer(id);
        let room = BLOCKS_IN_FLIGHT_MAX - peer.in_flight.len();
        if !self.standing().may_ask_blocks(cx, peer) || room == 0 {
            return Vec::new();
        }
        let Some(best) = self.meet(cx, id) else { return Vec::new() };
        let found = self.walk(cx.tree, id, best, room);
        for block in &found.blocks {
            self.ask(cx, id, *block);
        }
        // Who owes nothing and found nothing waits for another.
        if let Some(staller) = found.staller.filter(|_| self.peer(id).in_flight.is_empty()) {
            assert!(staller != id, "who holds the window up owes something");
            self.peer_mut(staller).stalling_since.get_or_insert(cx.now);
        }
        found.blocks
    }

    /// The blocks to ask a peer for at once, now that it said that its best is `last`: near the end
    /// of the chain, those that are missing up to there, if they are few. They are asked for from
    /// now on. Core: `HeadersDirectFetchBlocks`.
    pub fn take_direct(&mut self, cx: &Context<'_>, id: P, last: HeaderId) -> Vec<HeaderId> {
        let (tree, active) = (cx.tree, cx.tree.active_tip());
        let spacing = Duration::from_secs(u64::from(tree.params().spacing_secs));
        let is_near = tree.unix_time(active) + spacing * DIRECT_FETCH_BLOCKS > cx.now;
        let is_better = tree.work(last) >= tree.work(active);
        if !is_near || !is_better || !self.peers.contains_key(&id) {
            return Vec::new();
        }
        let (mut blocks, mut at) = (Vec::new(), last);
        while !tree.is_in_chain(at, active) {
            if blocks.len() > BLOCKS_IN_FLIGHT_MAX {
                // So much is left to the parallel download.
                return Vec::new();
            }
            let is_wanted = !tree.has_block(at) && !self.in_flight.contains_key(&at);
            if is_wanted && !self.lacks_witnesses(tree, id, at) {
                blocks.push(at);
            }
            at = tree.parent(at).expect("the first block is in every chain");
        }
        blocks.reverse();
        blocks.truncate(BLOCKS_IN_FLIGHT_MAX - self.peer(id).in_flight.len());
        blocks.iter().for_each(|block| self.ask(cx, id, *block));
        blocks
    }

    /// Core: `BlockRequested`.
    fn ask(&mut self, cx: &Context<'_>, id: P, block: HeaderId) {
        let before = self.in_flight.insert(block, id);
        assert!(before.is_none(), "a block is asked for once");
        let peer = self.peer_mut(id);
        peer.in_flight.push_back(block);
        if peer.in_flight.len() == 1 {
            peer.downloading_since = cx.now;
        }
    }

    /// Brings up to date what a peer has, and what of it we have. Gives its best block, if that is
    /// worth asking for. Core: `FindNextBlocksToDownload`.
    fn meet(&mut self, cx: &Context<'_>, id: P) -> Option<HeaderId> {
        let (tree, active) = (cx.tree, cx.tree.active_tip());
        let peer = self.peer_mut(id);
        peer.look_up_unknown(tree);
        let best = peer.best_known?;
        let least = tree.work(active).max(cx.minimum_work);
        if tree.work(best) < least {
            return None;
        }
        let fork = tree.last_common_ancestor(best, active);
        let is_right =
            |last: &HeaderId| tree.is_in_chain(*last, best) && tree.work(*last) >= tree.work(fork);
        peer.last_common = Some(peer.last_common.filter(is_right).unwrap_or(fork));
        Some(best)
    }

    /// Core: `FindNextBlocks`.
    fn walk(&mut self, tree: &HeaderTree, id: P, best: HeaderId, room: usize) -> Found<P> {
        let start = self.peer(id).last_common.expect("it was met");
        let window_end = tree.height(start).saturating_add(BLOCK_DOWNLOAD_WINDOW);
        // One beyond shows whether there would be more.
        let last = tree.height(best).min(window_end.saturating_add(1));
        let mut found = Found { blocks: Vec::new(), staller: None };
        let mut waiting_for = None;
        let mut from = tree.height(start) + 1;
        while from <= last {
            let to = last.min(from.saturating_add(WALK - 1));
            for block in tree.run(best, from, to) {
                if self.is_dead_end(tree, id, block) {
                    return found;
                }
                if tree.has_block(block) {
                    if tree.is_complete(block) {
                        self.peer_mut(id).last_common = Some(block);
                    }
                } else if let Some(owner) = self.asked_from(block) {
                    waiting_for.get_or_insert(owner);
                } else if tree.height(block) > window_end {
                    found.staller = waiting_for;
                    return found;
                } else if self.has_kept(tree, id, best, block) {
                    found.blocks.push(block);
                    if found.blocks.len() == room {
                        return found;
                    }
                }
            }
            from = to + 1;
        }
        found
    }

    /// Whether nothing is to be had from a peer from a block on.
    fn is_dead_end(&self, tree: &HeaderTree, id: P, block: HeaderId) -> bool {
        tree.validity(block) == Validity::Invalid || self.lacks_witnesses(tree, id, block)
    }

    /// Whether a block has witnesses that a peer does not give.
    fn lacks_witnesses(&self, tree: &HeaderTree, id: P, block: HeaderId) -> bool {
        tree.height(block) >= tree.params().segwit_height && !self.peer(id).offer.has_witnesses
    }

    /// Whether a peer still has a block that lies below its best.
    fn has_kept(&self, tree: &HeaderTree, id: P, best: HeaderId, block: HeaderId) -> bool {
        let below = tree.height(best) - tree.height(block);
        self.peer(id).offer.serves == Serves::All || below < LIMITED_BLOCKS
    }
}
