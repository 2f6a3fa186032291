//! Blocks that are saved outlive a crash: after each operation of a run, with each of many seeds,
//! and with each operation failing in each way. What was changed in a file is refused, and left.

use std::sync::Arc;
use std::time::Duration;

use sockman::chain::store::{RECORD_OVERHEAD_BYTES, SECTOR_BYTES};
use sockman::chain::{Block, BlockHash, HeaderId, Params, Template, mine};
use sockman::connman::blocks::{
    BlockStore, Chain, LoadBlocksError, LoadedBlocks, LoadingBlocks, SaveOutcome, block_file,
};
use sockman::connman::stores::DUMP_INTERVAL;
use sockman::driver::OsFiles;
use sockman::files::{FileError, FileOpId, FileRequest, Files as _};
use sockman::time::{Instant, Now, UnixTime};
use sockman::transport::{Magic, Network};
use sockman_sim::files::{Disk, Fault, VirtualFiles};

use super::{Nobody, Place};

const MAGIC: Magic = Network::Regtest.magic();
const SEEDS: u64 = 40;
const SEEDS_AFTER_FAULT: u64 = 5;

/// The blocks of a run, in the order in which they come: some before the one below them, and one of
/// another branch.
struct Blocks {
    bytes: Vec<Arc<[u8]>>,
    hashes: Vec<BlockHash>,
}

fn blocks() -> Blocks {
    let params = Params::of(Network::Regtest);
    let (mut previous, mut time) = (params.genesis.hash(), params.genesis.time);
    let mut made = Vec::new();
    let sizes = [None, Some(700), Some(1_500), None, Some(3_000), None, Some(500), Some(900)];
    for (height, bytes) in (1..).zip(sizes) {
        time += 600;
        let template =
            Template { previous, height, time, bits: params.genesis.bits, mark: 0, bytes };
        if height == 4 {
            made.push(mine(&Template { mark: 1, ..template }).unwrap());
        }
        made.push(mine(&template).unwrap());
        previous = Block::decode(made.last().unwrap()).unwrap().header.hash();
    }
    let order = [0, 2, 1, 3, 4, 6, 7, 5, 8];
    let bytes: Vec<Arc<[u8]>> = order.map(|place| made[place].as_slice().into()).into();
    let hash = |bytes: &Arc<[u8]>| Block::decode(bytes).unwrap().header.hash();
    let hashes = bytes.iter().map(hash).collect();
    Blocks { bytes, hashes }
}

fn now(seconds: u64) -> Now {
    let after = Duration::from_secs(seconds);
    // The clock may have been set back since the blocks came.
    Now { steady: Instant::START + after, wall: UnixTime::from_secs(1) }
}

fn disk() -> Disk {
    let mut disk = Disk::new();
    disk.set_sectors(usize::try_from(SECTOR_BYTES).unwrap());
    disk
}

fn loading() -> LoadingBlocks {
    LoadingBlocks::new(MAGIC, Chain::new(Params::of(Network::Regtest), 100))
}

fn load(files: &mut VirtualFiles) -> Result<LoadedBlocks, LoadBlocksError> {
    let loaded = loading().complete(files, now(0));
    files.disk().check_invariants();
    loaded
}

/// A node's blocks on their way to the disk.
#[derive(Clone)]
struct Run {
    files: VirtualFiles,
    store: BlockStore,
    /// How many of the blocks have come, and how many are said to be saved.
    come: usize,
    saved: usize,
    seconds: u64,
}

impl Run {
    fn start(disk: Disk) -> Self {
        let mut files = VirtualFiles::new(disk);
        let store = load(&mut files).unwrap().store;
        Self { files, store, come: 0, saved: 0, seconds: 0 }
    }

    fn begin(&mut self, requests: Vec<FileRequest>) {
        requests.into_iter().for_each(|request| self.files.begin(request).unwrap());
    }

    /// One look at what is due, and one operation; whether there was one.
    fn turn(&mut self) -> bool {
        let mut requests = Vec::new();
        self.store.begin_due(now(self.seconds).steady, &mut requests);
        self.begin(requests);
        let went_on = self.files.step();
        self.store.check_invariants();
        went_on
    }

    fn hear(&mut self) {
        let mut requests = Vec::new();
        while let Some(completion) = self.files.take_completed() {
            let now = now(self.seconds).steady;
            match self.store.handle_completed(now, completion, &mut requests) {
                Some(SaveOutcome::Saved { count, .. }) => {
                    self.saved = usize::try_from(count).unwrap()
                }
                Some(SaveOutcome::NotSaved(..)) => self.seconds += DUMP_INTERVAL.as_secs(),
                None => {}
            }
        }
        self.begin(requests);
    }

    /// The whole run; `each` sees it after each operation, before and after it is heard of.
    fn finish(&mut self, blocks: &Blocks, mut each: impl FnMut(&Self)) {
        for turn in 0.. {
            // One, and then some while the first is being written.
            if turn % 3 == 0 && self.come < blocks.bytes.len() {
                self.store.push(HeaderId::GENESIS, Arc::clone(&blocks.bytes[self.come]));
                self.come += 1;
            }
            if self.turn() {
                each(self);
                self.hear();
                each(self);
            } else if self.come == blocks.bytes.len() {
                return;
            }
            assert!(turn < 1_000, "the end is reached");
        }
    }

    /// The machine goes down here: the next start has every block that was said to be saved, and a
    /// run after it saves the rest.
    fn check_crash(&self, blocks: &Blocks, seed: u64) {
        let mut files = self.files.clone();
        files.crash(seed);
        let LoadedBlocks { chain, .. } = load(&mut files).unwrap();
        // Of the blocks up to there each has those below it, but for a child without its parent.
        let known = |hash| chain.tree().find(hash).is_some_and(|id| chain.tree().has_block(id));
        let missing = blocks.hashes[..self.saved].iter().filter(|hash| !known(hash)).count();
        let orphans = match self.saved {
            2 | 6 => 1,
            7 => 2,
            _ => 0,
        };
        assert!(missing <= orphans, "seed {seed}: {missing} of {} are lost", self.saved);
    }

    fn check_end(&self, blocks: &Blocks) {
        assert_eq!(self.saved, blocks.bytes.len());
        for seed in 0..SEEDS {
            let mut files = self.files.clone();
            files.crash(seed);
            let chain = load(&mut files).unwrap().chain;
            assert_eq!((chain.height(), chain.block_count()), (8, 9));
        }
    }
}

#[test]
fn blocks_that_are_saved_outlive_a_crash_after_any_operation() {
    let blocks = blocks();
    let mut run = Run::start(disk());
    let mut crashes = 0;
    run.finish(&blocks, |run| {
        for seed in 0..SEEDS {
            run.check_crash(&blocks, seed);
            crashes += 1;
        }
    });
    assert!(crashes > 20 * SEEDS, "{crashes}");
    run.check_end(&blocks);
}

#[test]
fn blocks_that_are_saved_outlive_a_crash_when_any_operation_has_failed() {
    let blocks = blocks();
    let mut unharmed = Run::start(disk());
    let first = unharmed.files.disk().carried_out();
    unharmed.finish(&blocks, |_| {});
    let last = unharmed.files.disk().carried_out();
    for nth in first..last {
        let error = FileError::NoSpace;
        for fault in [Fault::Fails(error), Fault::FailsLate(error), Fault::Short(1)] {
            let mut disk = disk();
            disk.put_fault(nth, fault);
            let mut run = Run::start(disk);
            run.finish(&blocks, |run| {
                if run.files.disk().carried_out() > nth {
                    (0..SEEDS_AFTER_FAULT).for_each(|seed| run.check_crash(&blocks, seed));
                }
            });
            run.check_end(&blocks);
        }
    }
}

/// What was torn stays where it is, and the next file goes on.
#[test]
fn torn_end_of_a_file_is_passed_over() {
    let blocks = blocks();
    let mut run = Run::start(disk());
    run.finish(&blocks, |_| {});
    let whole = run.files.disk().get(&block_file(0)).unwrap().to_vec();
    for cut in 1..blocks.bytes[8].len() + RECORD_OVERHEAD_BYTES {
        let mut disk = disk();
        disk.put(&block_file(0), &whole[..whole.len() - cut]);
        let mut files = VirtualFiles::new(disk);
        let loaded = load(&mut files).unwrap();
        assert_eq!((loaded.chain.height(), loaded.torn.len()), (7, 1), "{cut}");
        let mut run = Run { files, store: loaded.store, come: 8, saved: 0, seconds: 0 };
        run.finish(&blocks, |_| {});
        let torn = run.files.disk().get(&block_file(0));
        assert_eq!(torn, Some(&whole[..whole.len() - cut]));
        let again = load(&mut run.files).unwrap();
        assert_eq!((again.chain.height(), again.torn.len()), (8, 1), "{cut}");
    }
}

/// However it was changed: before the last record it is told, and nothing is written.
#[test]
fn file_of_blocks_that_was_changed_is_refused_and_left_as_it_is() {
    let blocks = blocks();
    let mut run = Run::start(disk());
    run.finish(&blocks, |_| {});
    let whole = run.files.disk().get(&block_file(0)).unwrap().to_vec();
    let last = whole.len() - blocks.bytes[8].len() - RECORD_OVERHEAD_BYTES;
    let refused = |bytes: &[u8]| {
        let mut disk = disk();
        disk.put(&block_file(0), bytes);
        let before = disk.clone();
        let mut files = VirtualFiles::new(disk);
        let error = load(&mut files).map(|loaded| loaded.torn).expect_err("it was changed");
        let kept = files.disk().get(&block_file(0)) == before.get(&block_file(0));
        assert!(kept && files.disk().iter().count() == 1, "it is left as it is");
        error.to_string()
    };
    for at in 0..last {
        let mut changed = whole.clone();
        changed[at] ^= 0x04;
        let told = refused(&changed);
        assert!(told.starts_with("blocks/blk00000.dat: record at offset "), "{at}: {told}");
    }
    assert_eq!(
        refused(b"something else"),
        "blocks/blk00000.dat: record at offset 0 has magic 736f6d65"
    );
    let mut other = whole;
    other[..4].copy_from_slice(&Network::Main.magic().0);
    refused(&other);
}

/// As a driver does it, on a real disk, with a folder of its own for blocks.
#[test]
fn blocks_that_are_saved_are_read_from_a_real_disk() {
    let (blocks, place, folder) = (blocks(), Place::new(), Place::new());
    let open = || OsFiles::open_with_blocks(&place.0, &folder.0, Nobody).unwrap();
    let mut files = open();
    let LoadedBlocks { mut store, count, .. } = loading().complete(&mut files, now(0)).unwrap();
    assert_eq!(count, 0);
    blocks.bytes.iter().for_each(|bytes| store.push(HeaderId::GENESIS, Arc::clone(bytes)));
    let mut requests = Vec::new();
    while store.saved() < store.pushed() {
        store.begin_due(now(0).steady, &mut requests);
        requests.drain(..).for_each(|request| files.begin(request).unwrap());
        let completion = files.wait().expect("something is under way until all are saved");
        assert_ne!(completion.id, FileOpId(0));
        store.handle_completed(now(0).steady, completion, &mut requests);
    }
    let names: Vec<_> = folder.contents().into_keys().collect();
    assert_eq!((names, place.contents().len()), (vec!["blk00000.dat".to_owned()], 0));
    let loaded = loading().complete(&mut open(), now(0)).unwrap();
    assert_eq!((loaded.chain.height(), loaded.count, loaded.torn.len()), (8, 9, 0));
}
