//! Headers, the blocks of those that came, and which chain the node stands for.
//!
//! Nobody validates transactions: a block is taken if it is the one that its header stands for.
//! Sources: docs/behaviour.md, chain 2, 4 and 9; Core: validation.cpp, `AcceptBlock`.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use crate::chain::{
    Block, BlockError, BlockHash, HeaderId, HeaderTree, InsertError, Params, Segwit, U256,
};
use crate::time::UnixTime;

/// Headers, and the blocks of those that came.
#[derive(Clone, Debug)]
pub struct Chain {
    pub(super) tree: HeaderTree,
    /// Chains with less work are not worth asking for. Core: `nMinimumChainWork`.
    minimum_work: U256,
    /// As a `block` has them, with their witnesses. The first block of the network is not here.
    blocks: BTreeMap<HeaderId, Arc<[u8]>>,
}

/// Why a block is not taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TakeError {
    /// Its bytes are no block, or not the one that its header stands for.
    Block(BlockError),
    /// Its header has no place in the tree.
    Header(InsertError),
}

impl fmt::Display for TakeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Block(error) => error.fmt(f),
            Self::Header(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for TakeError {}

impl Chain {
    /// A chain of the first block alone, of at most `headers_max` headers, 1 to 2^32 - 1.
    ///
    /// # Panics
    ///
    /// The bound is not within its own.
    #[must_use]
    pub fn new(params: Params, headers_max: usize) -> Self {
        let tree = HeaderTree::new(params, headers_max);
        Self { tree, minimum_work: U256::ZERO, blocks: BTreeMap::new() }
    }

    /// The same, for which chains with less work than this are not worth asking for. Core:
    /// `-minimumchainwork`.
    #[must_use]
    pub const fn with_minimum_work(mut self, minimum_work: U256) -> Self {
        self.minimum_work = minimum_work;
        self
    }

    /// The work below which a chain is not worth asking for.
    #[must_use]
    pub const fn minimum_work(&self) -> U256 {
        self.minimum_work
    }

    /// The headers.
    #[must_use]
    pub const fn tree(&self) -> &HeaderTree {
        &self.tree
    }

    /// How many blocks lie below the one that the node stands for.
    #[must_use]
    pub fn height(&self) -> u32 {
        self.tree.height(self.tree.active_tip())
    }

    /// Takes a block, the payload of a `block`, and stands for it if it is the best. Nobody
    /// validates its transactions.
    ///
    /// # Errors
    ///
    /// It is none, or its header has no place here; nothing has changed then but that the header
    /// may be known.
    pub fn take(
        &mut self,
        bytes: impl Into<Arc<[u8]>>,
        now: UnixTime,
    ) -> Result<HeaderId, TakeError> {
        let bytes = bytes.into();
        let block = Block::decode(&bytes).map_err(TakeError::Block)?;
        self.tree.insert(&[block.header], now).map_err(TakeError::Header)?;
        let id = self.tree.find(&block.header.hash()).expect("it was put there");
        block.check(self.segwit_at(self.tree.height(id))).map_err(TakeError::Block)?;
        if !self.tree.has_block(id) {
            self.keep(id, bytes);
        }
        Ok(id)
    }

    /// Keeps a block that is the one of a header, and stands for it if it is the best.
    ///
    /// # Panics
    ///
    /// It is here already.
    pub(super) fn keep(&mut self, id: HeaderId, bytes: Arc<[u8]>) {
        self.tree.take_block(id);
        self.blocks.insert(id, bytes);
        self.tree.activate(self.tree.best_complete());
    }

    /// Whether a block so high may carry witnesses.
    pub(super) fn segwit_at(&self, height: u32) -> Segwit {
        let is_active = height >= self.tree.params().segwit_height;
        if is_active { Segwit::Active } else { Segwit::NotYet }
    }

    /// The bytes of a block of the active chain.
    pub(super) fn served(&self, hash: &BlockHash) -> Option<&Arc<[u8]>> {
        let id = self.tree.find(hash)?;
        let is_active = self.tree.is_in_chain(id, self.tree.active_tip());
        self.blocks.get(&id).filter(|_| is_active)
    }
}
