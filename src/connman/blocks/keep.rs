//! Blocks on their way to the disk: written one behind the other, in the order in which they came.
//!
//! ```text
//!   create --> append ... --> sync --> sync folder --> saved
//!   '- a new file alone ------------------'
//!                fails: the same blocks again, in the next file
//! ```
//!
//! Some of them are one *batch*, and nothing is written behind a batch before it is saved. So what
//! a crash may leave torn is the last batch of a file, and what follows a failure is in another
//! file: nothing is ever cut or written over. It says which operation is next, and hears what came
//! of it. Sources: docs/behaviour.md, chain 7; Core: node/blockstorage.cpp.

use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;

use super::BlockPlace;
use crate::chain::HeaderId;
use crate::chain::store::{RECORD_OVERHEAD_BYTES, STORED_BYTES_MAX, push_record};
use crate::connman::stores::DUMP_INTERVAL;
use crate::files::{
    Access, FileAnswer, FileCompletion, FileError, FileName, FileOp, FileOpId, FileRequest,
    FileResult, Part,
};
use crate::time::Instant;
use crate::transport::Magic;

/// Bytes of a batch, at most: two of the largest blocks, so that an `fsync` has something to do.
pub const BATCH_BYTES_MAX: usize = 2 * (STORED_BYTES_MAX + RECORD_OVERHEAD_BYTES);

/// No batch begins in a file that has so many bytes. Core: `MAX_BLOCKFILE_SIZE`.
pub const FILE_BYTES_MAX: u64 = 128 << 20;

/// The numbers of operations begin here, so that they are told from those of other stores.
const OPS_FROM: u64 = 1 << 63;

/// The name of the file with a number. Core: `BlockManager::GetBlockPosFilename`.
#[must_use]
pub fn block_file(number: u32) -> FileName {
    FileName::parse(&format!("blocks/blk{number:05}.dat")).expect("our names are short")
}

/// What is done to save a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SaveStep {
    /// A file is made.
    Create,
    /// Records are added to it.
    Append,
    /// Its bytes are made durable.
    Sync,
    /// Its name is.
    SyncFolder,
}

/// Why a batch was not saved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SaveError {
    /// At which step.
    pub step: SaveStep,
    /// What happened there.
    pub error: FileError,
}

impl fmt::Display for SaveError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match self.step {
            SaveStep::Create => "cannot be made",
            SaveStep::Append => "cannot be written",
            SaveStep::Sync => "cannot be flushed",
            SaveStep::SyncFolder => "cannot be made to stay in its folder",
        };
        write!(f, "{what}: {}", self.error)
    }
}

impl std::error::Error for SaveError {}

/// The file that is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Current {
    pub(super) number: u32,
    /// Of whole batches that are saved; a file of none is made anew.
    pub(super) bytes: u64,
}

#[derive(Clone, Debug)]
struct Writing {
    step: SaveStep,
    /// As they came, so that they can be written again.
    blocks: Vec<(HeaderId, Arc<[u8]>)>,
    /// What is not written yet.
    rest: Part,
    awaits: Option<FileOpId>,
    /// Whether the run was over when it began, so that nothing is tried after it.
    is_last: bool,
}

/// What came of a batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SaveOutcome {
    /// A batch is saved.
    Saved {
        /// So many blocks are by now, of all that there were in this run.
        count: u64,
        /// Where those of the batch are.
        places: Vec<(HeaderId, BlockPlace)>,
    },
    /// The blocks are to be written again; this is where they did not get to.
    NotSaved(FileName, SaveError),
}

/// See the head of the module.
///
/// Whoever keeps a block [pushes](Self::push) it. When [`due`](Self::due) has come,
/// [`begin_due`](Self::begin_due) puts out an operation, and
/// [`handle_completed`](Self::handle_completed) hears of each.
#[derive(Clone, Debug)]
pub struct BlockStore {
    magic: Magic,
    current: Current,
    waiting: VecDeque<(HeaderId, Arc<[u8]>)>,
    writing: Option<Writing>,
    /// After a failure: when the next attempt is, on the steady clock.
    retry: Option<Instant>,
    pushed: u64,
    saved: u64,
    /// Operations there ever were.
    ops_begun: u64,
    stopping: bool,
}

impl BlockStore {
    pub(super) const fn new(magic: Magic, current: Current) -> Self {
        Self {
            magic,
            current,
            waiting: VecDeque::new(),
            writing: None,
            retry: None,
            pushed: 0,
            saved: 0,
            ops_begun: 0,
            stopping: false,
        }
    }

    /// Takes the bytes of a block, which wait to be written.
    pub fn push(&mut self, id: HeaderId, block: Arc<[u8]>) {
        self.pushed += 1;
        self.waiting.push_back((id, block));
    }

    /// How many blocks there were.
    #[must_use]
    pub const fn pushed(&self) -> u64 {
        self.pushed
    }

    /// How many of them outlive a crash from here on.
    #[must_use]
    pub const fn saved(&self) -> u64 {
        self.saved
    }

    /// When to begin. A moment already past is now.
    #[must_use]
    pub fn due(&self) -> Option<Instant> {
        let is_idle = self.writing.is_none() && !self.waiting.is_empty();
        is_idle.then(|| self.retry.unwrap_or(Instant::START))
    }

    /// From now on what waits is due at once, and tried in vain no more than once.
    pub const fn stop(&mut self) {
        self.stopping = true;
        self.retry = None;
    }

    /// Whether it was [stopped](Self::stop).
    #[must_use]
    pub const fn is_stopping(&self) -> bool {
        self.stopping
    }

    /// Begins with what waits, if it is time; puts out the first operation.
    pub fn begin_due(&mut self, now: Instant, requests: &mut Vec<FileRequest>) {
        if self.due().is_none_or(|due| due > now) {
            return;
        }
        let (mut blocks, mut bytes) = (Vec::new(), Vec::new());
        while let Some((_, block)) = self.waiting.front() {
            let more = bytes.len() + block.len() + RECORD_OVERHEAD_BYTES;
            if !blocks.is_empty() && more > BATCH_BYTES_MAX {
                break;
            }
            push_record(&mut bytes, self.magic, block).expect("it came as a block");
            blocks.extend(self.waiting.pop_front());
        }
        if self.current.bytes >= FILE_BYTES_MAX {
            self.next_file();
        }
        let step = if self.current.bytes == 0 { SaveStep::Create } else { SaveStep::Append };
        let is_last = self.stopping;
        let rest = Part::new(bytes.into());
        self.writing = Some(Writing { step, blocks, rest, awaits: None, is_last });
        self.ask(requests);
    }

    const fn next_file(&mut self) {
        self.current = Current { number: self.current.number + 1, bytes: 0 };
    }

    fn ask(&mut self, requests: &mut Vec<FileRequest>) {
        let writing = self.writing.as_mut().expect("a batch is being written");
        let id = FileOpId(OPS_FROM + self.ops_begun);
        self.ops_begun += 1;
        writing.awaits = Some(id);
        let name = block_file(self.current.number);
        let op = match writing.step {
            SaveStep::Create => FileOp::Create { name, access: Access::Owner },
            SaveStep::Append => FileOp::Append { name, part: writing.rest.clone() },
            SaveStep::Sync => FileOp::Sync { name },
            SaveStep::SyncFolder => FileOp::SyncFolder,
        };
        requests.push(FileRequest { id, op });
    }

    /// An operation is over; puts out the next one, if there is one. One that this did not ask for
    /// is passed over.
    pub fn handle_completed(
        &mut self,
        now: Instant,
        completion: FileCompletion,
        requests: &mut Vec<FileRequest>,
    ) -> Option<SaveOutcome> {
        let writing =
            self.writing.as_mut().filter(|writing| writing.awaits == Some(completion.id))?;
        writing.awaits = None;
        match next_step(writing, self.current, completion.result) {
            Ok(Some(step)) => {
                writing.step = step;
                self.ask(requests);
                None
            }
            Ok(None) => {
                let Writing { blocks, .. } = self.writing.take()?;
                self.saved += blocks.len() as u64;
                self.retry = None;
                let mut places = Vec::new();
                for (id, block) in blocks {
                    let Current { number: file, bytes: offset } = self.current;
                    let bytes = block.len() + RECORD_OVERHEAD_BYTES;
                    self.current.bytes += bytes as u64;
                    places.push((id, BlockPlace { file, offset, bytes }));
                }
                Some(SaveOutcome::Saved { count: self.saved, places })
            }
            Err(error) => Some(self.give_up(now, error)),
        }
    }

    /// What became of the batch nobody knows: it is written again, elsewhere.
    fn give_up(&mut self, now: Instant, error: SaveError) -> SaveOutcome {
        let Writing { blocks, is_last, .. } = self.writing.take().expect("a batch was written");
        let name = block_file(self.current.number);
        if is_last {
            self.waiting.clear();
        } else {
            blocks.into_iter().rev().for_each(|block| self.waiting.push_front(block));
            self.retry = (!self.stopping).then(|| now + DUMP_INTERVAL);
        }
        if self.current.bytes > 0 {
            self.next_file();
        }
        SaveOutcome::NotSaved(name, error)
    }

    /// What must hold between any two calls.
    ///
    /// # Panics
    ///
    /// It does not hold.
    pub fn check_invariants(&self) {
        let writing = self.writing.as_ref().map_or(0, |writing| writing.blocks.len());
        let rest = (writing + self.waiting.len()) as u64;
        assert!(self.saved + rest <= self.pushed, "no block is there twice");
        if !self.stopping {
            assert_eq!(self.saved + rest, self.pushed, "a block waits until it is saved");
        }
    }
}

/// What follows a step; `None`: it is saved.
fn next_step(
    writing: &mut Writing,
    current: Current,
    result: FileResult,
) -> Result<Option<SaveStep>, SaveError> {
    let step = writing.step;
    let answer = result.map_err(|error| SaveError { step, error })?;
    if let FileAnswer::Appended(count) = answer {
        writing.rest = writing.rest.after(count);
    }
    Ok(match step {
        SaveStep::Create | SaveStep::Append if !writing.rest.is_empty() => Some(SaveStep::Append),
        SaveStep::Create | SaveStep::Append => Some(SaveStep::Sync),
        SaveStep::Sync if current.bytes == 0 => Some(SaveStep::SyncFolder),
        SaveStep::Sync | SaveStep::SyncFolder => None,
    })
}
