//! The chain of a manager that keeps it: its files are read at the start and written as it grows,
//! and whoever is at our own side gives it blocks and headers.
//!
//! Sources: docs/behaviour.md, chain 7; Core: rpc/mining.cpp, `submitblock`, `submitheader`.

use std::fmt;

use super::keep::SaveOutcome;
use super::{BlockSync, Chain, ConnMan, LoadedBlocks, LoadingBlocks, SaveError, TakeError};
use crate::chain::store::Torn;
use crate::chain::{Header, HeaderId, InsertError};
use crate::connman::Notice;
use crate::files::{FileCompletion, FileName, FileRequest};
use crate::time::{Instant, Now};

/// What happened to the files of blocks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BlockNotice {
    /// They were read.
    Loaded {
        /// How many blocks they had that have their place in a chain.
        count: usize,
        /// How many blocks lie below the one that the node stands for.
        height: u32,
    },
    /// The end of a file was never written whole. It is left, and another file goes on.
    Torn {
        /// Which file.
        file: FileName,
        /// Where, and what is there.
        torn: Torn,
    },
    /// So many blocks of this run outlive a crash from here on.
    Saved {
        /// How many, in the order in which they came.
        count: u64,
    },
    /// Some blocks are not saved, and are written again later to another file.
    NotSaved {
        /// To which file they were to go.
        file: FileName,
        /// Why.
        error: SaveError,
    },
    /// A block was read from its file, and is in memory now.
    Read {
        /// Which.
        id: HeaderId,
    },
    /// A block cannot be read from its file, or was changed there. Who waited has no answer.
    NotRead {
        /// Which.
        id: HeaderId,
        /// Where it should be.
        file: FileName,
        /// Where its record begins, in bytes from the start.
        offset: u64,
    },
}

impl fmt::Display for BlockNotice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Loaded { count, height } => write!(f, "{count} blocks, up to height {height}"),
            Self::Torn { file, torn } => write!(f, "{file}: {torn}; it is left as it is"),
            Self::Saved { count } => write!(f, "{count} blocks saved"),
            Self::NotSaved { file, error } => write!(f, "{file}: blocks not saved: it {error}"),
            Self::Read { .. } => f.write_str("a block was read"),
            Self::NotRead { file, offset, .. } => {
                write!(f, "{file}: the block at offset {offset} cannot be read")
            }
        }
    }
}

/// What became of a block that was given from our own side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Submitted {
    /// It was here.
    Known,
    /// It is the end of the chain that the node stands for, or below it.
    Active(HeaderId),
    /// It is kept, and the node stands for another chain.
    Aside(HeaderId),
}

impl ConnMan {
    /// The files of blocks, to be read for this chain. It has its first block alone.
    #[must_use]
    pub fn loading_blocks(&self, chain: Chain) -> LoadingBlocks {
        LoadingBlocks::new(self.config().network.magic(), chain)
    }

    /// [With a chain](Self::with_chain) whose blocks were read from files, and are written to them.
    /// Its driver has files.
    #[must_use]
    pub fn with_loaded_blocks(self, loaded: LoadedBlocks) -> Self {
        let LoadedBlocks { chain, store, count, torn } = loaded;
        let height = chain.height();
        let mut manager = self.with_chain(chain);
        manager.chain.as_mut().expect("it was given").store = Some(store);
        let torn = torn.into_iter().map(|(file, torn)| BlockNotice::Torn { file, torn });
        let told = torn.chain([BlockNotice::Loaded { count, height }]);
        manager.notices.extend(told.map(Notice::Blocks));
        manager
    }

    /// Takes a block of our own side's, as if a peer had been asked for it: it is stood for if it
    /// is the best, announced and saved. Nobody validates its transactions.
    ///
    /// # Errors
    ///
    /// It is none, or its header has no place here.
    ///
    /// # Panics
    ///
    /// There is no chain.
    pub fn submit_block(&mut self, now: Now, bytes: &[u8]) -> Result<Submitted, TakeError> {
        let sync = self.chain.as_mut().expect("a manager with a chain is given blocks");
        let id = sync.chain.place(bytes, now.wall)?;
        if sync.chain.tree().has_block(id) {
            return Ok(Submitted::Known);
        }
        sync.keep(id, bytes.into(), now.wall);
        sync.is_changed = true;
        let tree = sync.chain.tree();
        let is_active = tree.is_in_chain(id, tree.active_tip());
        Ok(if is_active { Submitted::Active(id) } else { Submitted::Aside(id) })
    }

    /// Takes a header of our own side's: its block is asked for like any other.
    ///
    /// # Errors
    ///
    /// It has no place here.
    ///
    /// # Panics
    ///
    /// There is no chain.
    pub fn submit_header(&mut self, now: Now, header: &Header) -> Result<(), InsertError> {
        let sync = self.chain.as_mut().expect("a manager with a chain is given headers");
        sync.chain.tree.insert(&[*header], now.wall)?;
        sync.is_changed = true;
        Ok(())
    }

    /// Has a block read that is in a file and not in memory: [`BlockNotice::Read`] or
    /// [`BlockNotice::NotRead`] follows.
    ///
    /// # Panics
    ///
    /// There is no chain, or the block is in no file.
    pub fn read_block(&mut self, id: HeaderId) {
        let sync = self.chain.as_mut().expect("a manager with a chain has blocks");
        assert!(sync.chain.block_place(id).is_some(), "what is read is in a file");
        sync.want_block(id);
    }

    /// Whether most of the chain is still missing. Core: `IsInitialBlockDownload`.
    #[must_use]
    pub fn is_initial_download(&self) -> bool {
        self.chain.as_ref().is_none_or(|sync| sync.is_initial_download)
    }

    /// How many blocks of this run there are to be saved; `None`: all that are ever saved are.
    /// [`BlockNotice::Saved`] says when.
    #[must_use]
    pub fn blocks_to_save(&self) -> Option<u64> {
        let store = self.chain.as_ref()?.store.as_ref()?;
        (store.saved() < store.pushed()).then(|| store.pushed())
    }
}

impl BlockSync {
    /// When blocks are to be written. A moment already past is now.
    pub(in crate::connman) fn next_save(&self) -> Option<Instant> {
        self.store.as_ref()?.due()
    }

    pub(in crate::connman) fn begin_due(&mut self, now: Now, requests: &mut Vec<FileRequest>) {
        if let Some(store) = &mut self.store {
            store.begin_due(now.steady, requests);
        }
    }

    /// The run is over: what is not saved begins to be written.
    pub(in crate::connman) fn stop(&mut self, now: Now, requests: &mut Vec<FileRequest>) {
        if let Some(store) = self.store.as_mut().filter(|store| !store.is_stopping()) {
            store.stop();
            store.begin_due(now.steady, requests);
        }
    }

    /// An operation on files is over, perhaps one of the store's.
    pub(in crate::connman) fn file_completed(
        &mut self,
        now: Now,
        completion: FileCompletion,
        requests: &mut Vec<FileRequest>,
    ) -> Option<BlockNotice> {
        if let Some(told) = self.read_completed(&completion) {
            return Some(told);
        }
        let store = self.store.as_mut()?;
        let outcome = store.handle_completed(now.steady, completion, requests)?;
        if store.is_stopping() {
            store.begin_due(now.steady, requests);
        }
        Some(match outcome {
            SaveOutcome::Saved { count, places } => {
                for (id, place) in places {
                    self.chain.note_saved(id, place);
                }
                BlockNotice::Saved { count }
            }
            SaveOutcome::NotSaved(file, error) => BlockNotice::NotSaved { file, error },
        })
    }
}
