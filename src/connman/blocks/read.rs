//! Blocks that are read from their files, because somebody asks for them and they are not in
//! memory.
//!
//! One after the other, in the order in which they were first asked for. Each is held against the
//! checksum of its record. Sources: docs/behaviour.md, chain 7; Core: node/blockstorage.cpp,
//! `ReadBlock`.

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;

use super::keep::block_file;
use super::{BlockNotice, BlockSync, Chain, Peer};
use crate::chain::HeaderId;
use crate::chain::store::StoreReader;
use crate::files::{FileAnswer, FileCompletion, FileOp, FileOpId, FileRequest, FileResult};

/// The numbers of operations begin here, so that they are told from those of what writes.
const OPS_FROM: u64 = 1 << 62;

/// What is to be read.
#[derive(Clone, Debug, Default)]
pub(super) struct Reads {
    /// In the order of being asked for; the first is under way if there is an operation.
    queue: VecDeque<HeaderId>,
    /// The same, to be found.
    queued: BTreeSet<HeaderId>,
    under_way: Option<FileOpId>,
    /// Operations there ever were.
    begun: u64,
    /// Those that are over, in vain or not, since somebody looked.
    done: Vec<HeaderId>,
}

impl Reads {
    fn want(&mut self, id: HeaderId) {
        if self.queued.insert(id) {
            self.queue.push_back(id);
        }
    }

    /// Those that are over since the last call.
    pub(super) fn take_done(&mut self) -> Vec<HeaderId> {
        std::mem::take(&mut self.done)
    }

    fn take_request(&mut self, chain: &Chain) -> Option<FileRequest> {
        let first = self.queue.front().filter(|_| self.under_way.is_none())?;
        let place = chain.block_place(*first).expect("what is asked for is in a file");
        let id = FileOpId(OPS_FROM + self.begun);
        self.begun += 1;
        self.under_way = Some(id);
        let (name, offset, bytes_max) = (block_file(place.file), place.offset, place.bytes);
        Some(FileRequest { id, op: FileOp::ReadAt { name, offset, bytes_max } })
    }

    fn complete(&mut self, id: FileOpId) -> Option<HeaderId> {
        self.under_way.filter(|under_way| *under_way == id)?;
        self.under_way = None;
        let first = self.queue.pop_front()?;
        self.queued.remove(&first);
        self.done.push(first);
        Some(first)
    }
}

impl BlockSync {
    /// Whatever a peer waits for is read.
    pub(super) fn want_read(&mut self, peer: &mut Peer) {
        if let Some(id) = super::state(peer).wanted.awaits() {
            self.reads.want(id);
        }
    }

    /// A block is read for somebody at our own side.
    pub(super) fn want_block(&mut self, id: HeaderId) {
        self.reads.want(id);
    }

    /// What is to be read next, if nothing is being read.
    pub(in crate::connman) fn take_read(&mut self, requests: &mut Vec<FileRequest>) {
        requests.extend(self.reads.take_request(&self.chain));
    }

    /// An operation is over, perhaps the one that reads.
    pub(super) fn read_completed(&mut self, completion: &FileCompletion) -> Option<BlockNotice> {
        let id = self.reads.complete(completion.id)?;
        // Somebody has a turn now.
        self.is_changed = true;
        let place = self.chain.block_place(id)?;
        let file = block_file(place.file);
        match block_of(&completion.result, self.chain.tree().params().network.magic()) {
            Some(bytes) => {
                self.chain.put_back(id, bytes);
                Some(BlockNotice::Read { id })
            }
            None => Some(BlockNotice::NotRead { id, file, offset: place.offset }),
        }
    }
}

/// The block of a record, if it was read whole and is as it was written.
fn block_of(result: &FileResult, magic: crate::transport::Magic) -> Option<Arc<[u8]>> {
    let Ok(FileAnswer::Read(bytes)) = result else { return None };
    let stored = StoreReader::new(magic).read(&mut &bytes[..]).ok()??;
    Some(stored.block.into())
}
