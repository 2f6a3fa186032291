//! The blocks of the runs before: read one file after the other, and never changed.
//!
//! What a crash left torn at the end of a file is passed over, and the next blocks go to another
//! file. What was changed in a file keeps the node from starting. Blocks are in the order in which
//! they came, so that one may lie before the one below it; one whose parents are not there is left
//! alone, and comes again from peers. Sources: docs/behaviour.md, chain 7.

use std::collections::BTreeMap;
use std::fmt;

use super::keep::{BATCH_BYTES_MAX, BlockStore, Current, block_file};
use super::{BlockPlace, Chain, TakeError};
use crate::chain::store::{
    RECORD_HEAD_BYTES, RECORD_OVERHEAD_BYTES, StoreReader, Stored, Torn, is_unwritten,
};
use crate::chain::{BlockHash, Header, HeaderId, InsertError, InsertWhy};
use crate::files::{
    FileAnswer, FileError, FileName, FileOp, FileOpId, FileRequest, FileResult, Files,
};
use crate::time::{Now, UnixTime};
use crate::transport::Magic;

/// How much of a file is read at a time.
const PIECE_BYTES: usize = 1 << 20;

/// Why a node does not start. The files are as they were.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoadBlocksError {
    /// Which file.
    pub file: FileName,
    /// What is wrong with it.
    pub why: LoadBlocksWhy,
}

/// What is wrong with a file of blocks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LoadBlocksWhy {
    /// It is there and cannot be read.
    Read(FileError),
    /// What stands there is no record of ours, and none that a crash left behind.
    Record(Torn),
    /// What stands there is no block of this network.
    Block {
        /// Where it begins, in bytes from the start.
        offset: u64,
        /// What is wrong with it.
        error: TakeError,
    },
}

impl fmt::Display for LoadBlocksWhy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Read(error) => write!(f, "cannot be read: {error}"),
            Self::Record(torn) => torn.fmt(f),
            Self::Block { offset, error } => write!(f, "block at offset {offset}: {error}"),
        }
    }
}

impl fmt::Display for LoadBlocksError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.file, self.why)
    }
}

impl std::error::Error for LoadBlocksError {}

/// A chain with the blocks of its files, which goes on to write them.
#[derive(Clone, Debug)]
pub struct LoadedBlocks {
    /// The chain.
    pub chain: Chain,
    /// What writes its next blocks.
    pub store: BlockStore,
    /// Blocks that have their place in the chain.
    pub count: usize,
    /// Ends of files that were never written whole.
    pub torn: Vec<(FileName, Torn)>,
}

/// The files of blocks while they are being read.
#[derive(Clone, Debug)]
pub struct LoadingBlocks {
    magic: Magic,
    chain: Chain,
    number: u32,
    reader: StoreReader,
    stage: Stage,
    /// By the block below, which has not come.
    parentless: BTreeMap<BlockHash, Vec<(BlockPlace, Stored)>>,
    count: usize,
    torn: Vec<(FileName, Torn)>,
    /// The last file that is whole, if it is the last of all.
    current: Option<Current>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// From this offset on.
    Read(u64),
    /// The rest of a file from a torn record on.
    ReadTail(Torn),
    Over,
}

impl LoadingBlocks {
    /// Nothing is read yet, and the chain has its first block alone.
    #[must_use]
    pub const fn new(magic: Magic, chain: Chain) -> Self {
        Self {
            magic,
            chain,
            number: 0,
            reader: StoreReader::new(magic),
            stage: Stage::Read(0),
            parentless: BTreeMap::new(),
            count: 0,
            torn: Vec::new(),
            current: None,
        }
    }

    /// What is to be done now; `None` when everything is read.
    #[must_use]
    pub fn op(&self) -> Option<FileOp> {
        let (offset, bytes_max) = match self.stage {
            Stage::Read(offset) => (offset, PIECE_BYTES),
            Stage::ReadTail(torn) => (torn.offset, BATCH_BYTES_MAX + 1),
            Stage::Over => return None,
        };
        Some(FileOp::ReadAt { name: block_file(self.number), offset, bytes_max })
    }

    /// Hears what came of it.
    ///
    /// # Errors
    ///
    /// A file is there, and cannot be read or is not what it should be.
    ///
    /// # Panics
    ///
    /// If there was nothing to be done, or this is no answer to it.
    pub fn handle(&mut self, now: Now, result: FileResult) -> Result<(), LoadBlocksError> {
        let read = self.read(now.wall, result);
        read.map_err(|why| LoadBlocksError { file: block_file(self.number), why })
    }

    /// Reads everything from files on which nothing is under way, waiting for each.
    ///
    /// # Errors
    ///
    /// As [`handle`](Self::handle).
    pub fn complete(
        mut self,
        files: &mut impl Files,
        now: Now,
    ) -> Result<LoadedBlocks, LoadBlocksError> {
        while let Some(op) = self.op() {
            let begun = files.begin(FileRequest { id: FileOpId(0), op });
            begun.expect("nothing is under way");
            let completion = files.wait().expect("something is under way");
            self.handle(now, completion.result)?;
        }
        Ok(self.finish())
    }

    /// What was read.
    ///
    /// # Panics
    ///
    /// If something is still to be done.
    #[must_use]
    pub fn finish(self) -> LoadedBlocks {
        assert_eq!(self.stage, Stage::Over, "everything is read");
        let Self { magic, chain, number, count, torn, current, .. } = self;
        let current = current.unwrap_or(Current { number, bytes: 0 });
        LoadedBlocks { chain, store: BlockStore::new(magic, current), count, torn }
    }

    fn read(&mut self, now: UnixTime, result: FileResult) -> Result<(), LoadBlocksWhy> {
        let bytes = match result {
            Ok(FileAnswer::Read(bytes)) => bytes,
            Ok(FileAnswer::Done | FileAnswer::Appended(_)) => panic!("a read brings bytes"),
            Err(FileError::NotFound) if self.stage == Stage::Read(0) => {
                self.stage = Stage::Over;
                return Ok(());
            }
            Err(error) => return Err(LoadBlocksWhy::Read(error)),
        };
        match self.stage {
            Stage::Read(offset) => self.piece(now, offset, &bytes),
            Stage::ReadTail(torn) => {
                let is_batch = bytes.len() <= BATCH_BYTES_MAX;
                if !is_batch || !is_unwritten(&torn, self.magic, &bytes) {
                    return Err(LoadBlocksWhy::Record(torn));
                }
                self.torn.push((block_file(self.number), torn));
                self.next_file(None);
                Ok(())
            }
            Stage::Over => panic!("everything is read"),
        }
    }

    /// The next piece of a file, which is at its end if the piece is not full.
    fn piece(&mut self, now: UnixTime, offset: u64, bytes: &[u8]) -> Result<(), LoadBlocksWhy> {
        let mut rest = bytes;
        let torn = loop {
            match self.reader.read(&mut rest) {
                Ok(Some(stored)) => self.block(now, stored)?,
                Ok(None) if bytes.len() == PIECE_BYTES => {
                    self.stage = Stage::Read(offset + bytes.len() as u64);
                    return Ok(());
                }
                Ok(None) => break self.reader.finish().err(),
                Err(torn) => break Some(torn),
            }
        };
        match torn {
            Some(torn) => self.stage = Stage::ReadTail(torn),
            None => {
                let bytes = self.reader.good_bytes();
                self.next_file(Some(Current { number: self.number, bytes }));
            }
        }
        Ok(())
    }

    fn next_file(&mut self, current: Option<Current>) {
        self.current = current;
        self.number += 1;
        self.reader = StoreReader::new(self.magic);
        self.stage = Stage::Read(0);
    }

    /// Takes a block, and those that have waited for it.
    fn block(&mut self, now: UnixTime, stored: Stored) -> Result<(), LoadBlocksWhy> {
        let (file, offset) = (self.number, stored.offset - RECORD_HEAD_BYTES);
        let bytes = stored.block.len() + RECORD_OVERHEAD_BYTES;
        let mut ready = vec![(BlockPlace { file, offset, bytes }, stored)];
        while let Some(placed) = ready.pop() {
            let Some(id) = self.take(now, &placed)? else {
                let previous = header(&placed.1).previous;
                self.parentless.entry(previous).or_default().push(placed);
                continue;
            };
            let above = self.parentless.remove(&self.chain.tree.hash(id));
            // The first that came is the first again.
            ready.extend(above.into_iter().flatten().rev());
        }
        Ok(())
    }

    /// `None`: the block below has not come.
    fn take(
        &mut self,
        now: UnixTime,
        (place, stored): &(BlockPlace, Stored),
    ) -> Result<Option<HeaderId>, LoadBlocksWhy> {
        // It was not ahead of its time when it came, whatever the clock says now.
        let now = now.max(UnixTime::from_secs(u64::from(header(stored).time)));
        let before = self.chain.block_count();
        match self.chain.take(&stored.block[..], now) {
            Ok(id) => {
                if self.chain.block_count() > before {
                    self.count += 1;
                    self.chain.note_saved(id, *place);
                }
                Ok(Some(id))
            }
            Err(TakeError::Header(InsertError { why: InsertWhy::Unconnected { .. }, .. })) => {
                Ok(None)
            }
            Err(error) => Err(LoadBlocksWhy::Block { offset: stored.offset, error }),
        }
    }
}

/// The header of a block, which no record is shorter than.
fn header(stored: &Stored) -> Header {
    let bytes = stored.block.first_chunk().expect("a record has a header");
    Header::decode(bytes)
}
