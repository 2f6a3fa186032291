//! The chain that a node stands for and what it says of it to others. A manager without one says
//! nothing of chains.
//!
//! ```text
//!   getheaders --> the tree's active chain --> headers
//!   getdata ----> `Wanted`, of each peer ---> block, one a visit, shared and not copied
//! ```
//!
//! Sources: docs/behaviour.md, chain 8; Core: net_processing.cpp, `ProcessGetData` and what it
//! does with `getheaders`.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use super::{ConnMan, Services};
use crate::chain::{
    Block, BlockError, BlockHash, HeaderId, HeaderTree, InsertError, Params, Segwit,
};
use crate::time::UnixTime;

mod serve;

pub(super) use serve::{Wanted, handle, serve_next};

/// Headers, and the blocks of those that came.
#[derive(Clone, Debug)]
pub struct Chain {
    tree: HeaderTree,
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
        Self { tree: HeaderTree::new(params, headers_max), blocks: BTreeMap::new() }
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
        let has_witnesses = self.tree.height(id) >= self.tree.params().segwit_height;
        let segwit = if has_witnesses { Segwit::Active } else { Segwit::NotYet };
        block.check(segwit).map_err(TakeError::Block)?;
        if !self.tree.has_block(id) {
            self.tree.take_block(id);
            self.blocks.insert(id, bytes);
            self.tree.activate(self.tree.best_complete());
        }
        Ok(id)
    }

    /// The bytes of a block of the active chain.
    fn served(&self, hash: &BlockHash) -> Option<&Arc<[u8]>> {
        let id = self.tree.find(hash)?;
        let is_active = self.tree.is_in_chain(id, self.tree.active_tip());
        self.blocks.get(&id).filter(|_| is_active)
    }
}

impl ConnMan {
    /// With a chain, which it serves, so that it offers all blocks and their witnesses, and says
    /// how many it has.
    ///
    /// # Panics
    ///
    /// The chain is another network's.
    #[must_use]
    pub fn with_chain(mut self, chain: Chain) -> Self {
        let params = Params::of(self.config.network);
        let is_its = params.genesis.hash() == chain.tree.hash(HeaderId::GENESIS);
        assert!(is_its, "the chain is of the network that is spoken");
        self.config.services = self.config.services | Services::NETWORK | Services::WITNESS;
        self.config.start_height = i32::try_from(chain.height()).unwrap_or(i32::MAX);
        self.chain = Some(Box::new(chain));
        self
    }

    /// The chain that it serves, if it has one.
    #[must_use]
    pub fn chain(&self) -> Option<&Chain> {
        self.chain.as_deref()
    }
}

#[cfg(test)]
mod tests;
