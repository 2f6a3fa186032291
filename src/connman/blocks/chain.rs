//! Headers, the blocks of those that came, and which chain the node stands for.
//!
//! Nobody validates transactions: a block is taken if it is the one that its header stands for.
//! Sources: docs/behaviour.md, chain 2, 4 and 9; Core: validation.cpp, `AcceptBlock`.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::chain::download::RECENT_AGE;
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
    /// How old the last block may be of a chain that is not missing most of it. Core: `-maxtipage`.
    tip_age_max: Duration,
    /// All but the first block of the network.
    blocks: BTreeMap<HeaderId, Held>,
    /// Bytes of all of them.
    block_bytes: u64,
    /// Those in memory that are in a file, too, in the order in which they came to be.
    cached: VecDeque<HeaderId>,
    /// Bytes of those.
    cached_bytes: usize,
    /// Beyond that only the last of them stays.
    cache_bytes_max: usize,
}

/// A block that is here: in memory, in a file, or both.
#[derive(Clone, Debug)]
struct Held {
    /// As a `block` has them, with their witnesses.
    bytes: Option<Arc<[u8]>>,
    place: Option<BlockPlace>,
    transactions: usize,
}

/// Where the record of a block is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BlockPlace {
    /// The number of the file.
    pub file: u32,
    /// Where the record begins, in bytes from the start.
    pub offset: u64,
    /// Its length in bytes.
    pub bytes: usize,
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
        let (minimum_work, tip_age_max) = (U256::ZERO, RECENT_AGE);
        Self {
            tree,
            minimum_work,
            tip_age_max,
            blocks: BTreeMap::new(),
            block_bytes: 0,
            cached: VecDeque::new(),
            cached_bytes: 0,
            cache_bytes_max: usize::MAX,
        }
    }

    /// The same, which keeps no more than so many bytes of blocks in memory that are in a file,
    /// too, and at least one block.
    #[must_use]
    pub const fn with_cache(mut self, bytes_max: usize) -> Self {
        self.cache_bytes_max = bytes_max;
        self
    }

    /// The same, of which the first download is over once its last block is at most so old, and not
    /// [`RECENT_AGE`]. Core: `-maxtipage`.
    #[must_use]
    pub const fn with_tip_age_max(mut self, tip_age_max: Duration) -> Self {
        self.tip_age_max = tip_age_max;
        self
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

    /// How old its last block may be, and the first download is over all the same.
    #[must_use]
    pub const fn tip_age_max(&self) -> Duration {
        self.tip_age_max
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

    /// How many blocks are here, besides the first of the network.
    #[must_use]
    pub fn block_count(&self) -> usize {
        self.blocks.len()
    }

    /// Bytes of all blocks that are here.
    #[must_use]
    pub const fn block_bytes(&self) -> u64 {
        self.block_bytes
    }

    /// The bytes of a block, if they are in memory, whatever chain it is of.
    #[must_use]
    pub fn block(&self, id: HeaderId) -> Option<&Arc<[u8]>> {
        self.blocks.get(&id)?.bytes.as_ref()
    }

    /// Where a block is that is in a file.
    #[must_use]
    pub fn block_place(&self, id: HeaderId) -> Option<BlockPlace> {
        self.blocks.get(&id)?.place
    }

    /// How many transactions a block has; `None`: it is not here, or the first of the network.
    #[must_use]
    pub fn transaction_count(&self, id: HeaderId) -> Option<usize> {
        Some(self.blocks.get(&id)?.transactions)
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
        let id = self.place(&bytes, now)?;
        if !self.tree.has_block(id) {
            self.keep(id, bytes);
        }
        Ok(id)
    }

    /// Where a block belongs, whose header is known from then on.
    ///
    /// # Errors
    ///
    /// As [`take`](Self::take).
    pub(super) fn place(&mut self, bytes: &[u8], now: UnixTime) -> Result<HeaderId, TakeError> {
        let block = Block::decode(bytes).map_err(TakeError::Block)?;
        self.tree.insert(&[block.header], now).map_err(TakeError::Header)?;
        let id = self.tree.find(&block.header.hash()).expect("it was put there");
        block.check(self.segwit_at(self.tree.height(id))).map_err(TakeError::Block)?;
        Ok(id)
    }

    /// Keeps a block that is the one of a header, and stands for it if it is the best.
    ///
    /// # Panics
    ///
    /// It is here already.
    pub(super) fn keep(&mut self, id: HeaderId, bytes: Arc<[u8]>) {
        self.tree.take_block(id);
        self.block_bytes += bytes.len() as u64;
        let block = Block::decode(&bytes).expect("it is the one of its header");
        let transactions = block.transactions.len();
        self.blocks.insert(id, Held { bytes: Some(bytes), place: None, transactions });
        self.tree.activate(self.tree.best_complete());
    }

    /// A block that is in memory is in a file from now on, too.
    pub(super) fn note_saved(&mut self, id: HeaderId, place: BlockPlace) {
        let Some(held) = self.blocks.get_mut(&id) else { return };
        held.place = Some(place);
        self.cache(id);
    }

    /// A block was read from its file.
    pub(super) fn put_back(&mut self, id: HeaderId, bytes: Arc<[u8]>) {
        let Some(held) = self.blocks.get_mut(&id).filter(|held| held.bytes.is_none()) else {
            return;
        };
        held.bytes = Some(bytes);
        self.cache(id);
    }

    /// A block that came into memory, or into a file, may have others leave memory.
    fn cache(&mut self, id: HeaderId) {
        let bytes_of = |chain: &Self, id| chain.block(id).map_or(0, |bytes| bytes.len());
        self.cached.push_back(id);
        self.cached_bytes += bytes_of(self, id);
        while self.cached_bytes > self.cache_bytes_max && self.cached.len() > 1 {
            let Some(first) = self.cached.pop_front() else { return };
            self.cached_bytes -= bytes_of(self, first);
            if let Some(held) = self.blocks.get_mut(&first) {
                held.bytes = None;
            }
        }
    }

    /// Whether a block so high may carry witnesses.
    pub(super) fn segwit_at(&self, height: u32) -> Segwit {
        let is_active = height >= self.tree.params().segwit_height;
        if is_active { Segwit::Active } else { Segwit::NotYet }
    }

    /// A block of the active chain, if it is here.
    pub(super) fn served(&self, hash: &BlockHash) -> Option<HeaderId> {
        let id = self.tree.find(hash)?;
        let is_active = self.tree.is_in_chain(id, self.tree.active_tip());
        (is_active && self.blocks.contains_key(&id)).then_some(id)
    }
}
