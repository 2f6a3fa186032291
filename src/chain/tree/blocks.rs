//! Which blocks are here, and which chain of them the node stands for.
//!
//! A block that came is *complete* once every one below it is here too. What blocks say is not
//! looked at: who validates does so before [`HeaderTree::activate`].
//!
//! Sources: Core validation.cpp, `ReceivedBlockTransactions`, `FindMostWorkChain`; chain.h,
//! `HaveNumChainTxs`.

use std::cmp::Reverse;

use super::{HeaderId, HeaderTree, Validity};

impl HeaderTree {
    /// The block of a header is here now. Gives those that are complete with it, lower ones first;
    /// none if it was here before or one below is missing.
    pub fn take_block(&mut self, id: HeaderId) -> Vec<HeaderId> {
        if self.has_block(id) {
            return Vec::new();
        }
        self.nodes[id.index()].has_block = true;
        let parent = self.node(id).parent;
        if !self.is_complete(parent) {
            self.waiting.insert((parent, id));
            return Vec::new();
        }
        let mut complete = vec![id];
        let mut at = 0;
        while let Some(&lower) = complete.get(at) {
            self.complete(lower);
            complete.extend(self.take_waiting(lower));
            at += 1;
        }
        complete
    }

    fn complete(&mut self, id: HeaderId) {
        self.completed_count += 1;
        self.nodes[id.index()].completed = self.completed_count;
        let is_possible = self.validity(id) == Validity::Possible;
        if is_possible && self.work(id) > self.work(self.best_complete) {
            self.best_complete = id;
        }
    }

    /// Those who wait for a block alone, in the order in which their headers came.
    fn take_waiting(&mut self, parent: HeaderId) -> Vec<HeaderId> {
        let all = (parent, HeaderId(0))..=(parent, HeaderId(u32::MAX));
        let children: Vec<_> = self.waiting.range(all).map(|(_, child)| *child).collect();
        for child in &children {
            self.waiting.remove(&(parent, *child));
        }
        children
    }

    /// Whether its block is here.
    #[must_use]
    pub fn has_block(&self, id: HeaderId) -> bool {
        self.node(id).has_block
    }

    /// Whether its block is here and every one below it.
    #[must_use]
    pub fn is_complete(&self, id: HeaderId) -> bool {
        self.node(id).completed > 0
    }

    /// The complete block of most work, of which nothing is known against; of several the first
    /// that was complete. The active chain should lead there, once it is validated.
    #[must_use]
    pub const fn best_complete(&self) -> HeaderId {
        self.best_complete
    }

    /// The last block of the chain that the node stands for and serves.
    #[must_use]
    pub const fn active_tip(&self) -> HeaderId {
        self.active_tip
    }

    /// The node stands for the chain up to `id` from now on.
    ///
    /// # Panics
    ///
    /// That block is not complete, or invalid.
    pub fn activate(&mut self, id: HeaderId) {
        assert!(self.is_complete(id), "a node stands for blocks that it has");
        assert_eq!(self.validity(id), Validity::Possible, "and for none that is invalid");
        self.active_tip = id;
    }

    /// What [`Self::best_complete`] is, looked for among all.
    pub(super) fn best_block(&self) -> HeaderId {
        self.best(|(_, node)| (node.completed > 0).then_some(Reverse(node.completed)))
    }
}
