//! The blocks that schedules speak of: one chain of regtest, the same in every run.
//!
//! Block n of it is always the same one, whoever gives it, so that a script names blocks by their
//! heights. It is a chain of these days, or one that ends long ago.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use sha2::{Digest as _, Sha256};
use sockman::chain::{BlockHash, Params, Template, mine};
use sockman::transport::Network;

use crate::world::WALL_START;

/// The highest block that there is: more than one `headers` tells, and than a window has.
pub(super) const HEIGHT_MAX: u32 = 2_500;

/// How long before the start of a run the first block of a chain of these days is, in seconds.
const AGE_SECS: u64 = 7_200;
const _: () = assert!(HEIGHT_MAX as u64 <= AGE_SECS, "no block is of the future");

pub(super) const HEADER_BYTES: usize = 80;

/// When its blocks are: a second apart.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Era {
    /// Within two hours before the start.
    #[default]
    Recent,
    /// After the first block of the network, in 2011.
    Old,
}

impl Era {
    /// When the block below its first is, s since 1970.
    fn first(self) -> u64 {
        match self {
            Self::Recent => WALL_START.as_secs() - AGE_SECS,
            Self::Old => u64::from(Params::of(Network::Regtest).genesis.time),
        }
    }
}

/// All of it. A constant of the program, made once for each era that somebody speaks of.
#[derive(Debug)]
struct Table {
    /// From height 1 on.
    blocks: Vec<Arc<[u8]>>,
    heights: BTreeMap<[u8; 32], u32>,
}

static RECENT: LazyLock<Table> = LazyLock::new(|| Table::new(Era::Recent));
static OLD: LazyLock<Table> = LazyLock::new(|| Table::new(Era::Old));

impl Table {
    fn new(era: Era) -> Self {
        let genesis = Params::of(Network::Regtest).genesis;
        let mut table = Self { blocks: Vec::new(), heights: BTreeMap::new() };
        let mut previous = genesis.hash();
        table.heights.insert(previous.0, 0);
        for height in 1..=HEIGHT_MAX {
            let block: Arc<[u8]> = made(era, height, previous, 0).into();
            previous = BlockHash(hash(&block[..HEADER_BYTES]));
            table.heights.insert(previous.0, height);
            table.blocks.push(block);
        }
        table
    }
}

/// A block in its place, which a mark tells from others there.
fn made(era: Era, height: u32, previous: BlockHash, mark: u64) -> Vec<u8> {
    let bits = Params::of(Network::Regtest).genesis.bits;
    let first = u32::try_from(era.first()).expect("of this century");
    let template = Template { previous, height, time: first + height, bits, mark, bytes: None };
    mine(&template).expect("it is an easy one")
}

/// Work of each block, in hashes: every second one has it. And of the first.
const WORK: u64 = 2;

/// The chain of an era.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Mined {
    era: Era,
}

impl Mined {
    pub(super) const fn new(era: Era) -> Self {
        Self { era }
    }

    fn table(self) -> &'static Table {
        match self.era {
            Era::Recent => &RECENT,
            Era::Old => &OLD,
        }
    }

    /// The name of a block; of height 0 the first of the network.
    pub(super) fn hash(self, height: u32) -> [u8; 32] {
        match height {
            0 => Params::of(Network::Regtest).genesis.hash().0,
            height => hash(&self.block(height)[..HEADER_BYTES]),
        }
    }

    /// A block, 1 to [`HEIGHT_MAX`]; beyond it is the last one.
    pub(super) fn block(self, height: u32) -> Arc<[u8]> {
        let height = height.clamp(1, HEIGHT_MAX);
        Arc::clone(&self.table().blocks[height as usize - 1])
    }

    /// A block in its place that breaks a rule: it has a second coinbase, which its header stands
    /// for.
    pub(super) fn invalid(self, height: u32) -> Vec<u8> {
        let height = height.clamp(1, HEIGHT_MAX);
        let previous = BlockHash(self.hash(height - 1));
        let [mut block, other] = [0, 1].map(|mark| made(self.era, height, previous, mark));
        let coinbase = &other[HEADER_BYTES + 1..];
        let root = hash(&[hash(&block[HEADER_BYTES + 1..]), hash(coinbase)].concat());
        block[36..68].copy_from_slice(&root);
        block[HEADER_BYTES] = 2;
        block.extend_from_slice(coinbase);
        // A nonce with which it has work.
        while hash(&block[..HEADER_BYTES])[31] >= 0x80 {
            block[HEADER_BYTES - 4] = block[HEADER_BYTES - 4].wrapping_add(1);
        }
        block
    }

    /// When it is, s since 1970; of height 0 the first of the network.
    pub(super) fn time(self, height: u32) -> u64 {
        match height {
            0 => u64::from(Params::of(Network::Regtest).genesis.time),
            height => self.era.first() + u64::from(height),
        }
    }

    /// How high a block lies, of those up to `most`.
    pub(super) fn height(self, hash: &[u8; 32], most: u32) -> Option<u32> {
        self.table().heights.get(hash).copied().filter(|height| *height <= most)
    }
}

/// The name that a header has.
pub(super) fn hash(header: &[u8]) -> [u8; 32] {
    Sha256::digest(Sha256::digest(header)).into()
}

/// What the settings of a node say of its chain.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Setup {
    /// How many blocks it has, and of when; `None`: it knows of no chain.
    pub(super) chain: Option<(u32, Era)>,
    /// Chains with less work are not worth asking for, in hashes.
    pub(super) least_work: u64,
}

impl Setup {
    /// Takes a setting in. Else says what it takes.
    pub(super) fn set(&mut self, key: &str, value: &str) -> Result<(), &'static str> {
        match key {
            "blocks" => self.chain = Some(chain(value).ok_or(CHAIN)?),
            "minimum-work" => self.least_work = work(minimum(value).ok_or(MINIMUM)?),
            _ => drop(holders(value).ok_or(HOLDERS)?),
        }
        Ok(())
    }
}

/// What a setting `blocks` has.
const CHAIN: &str = "a number of blocks from 0 to 2500, perhaps with old behind it";

/// How many blocks the node has, and of when.
pub(super) fn chain(value: &str) -> Option<(u32, Era)> {
    let (count, era) = match value.split_once(' ') {
        Some((count, "old")) => (count, Era::Old),
        Some(_) => return None,
        None => (value, Era::Recent),
    };
    Some((count.parse().ok().filter(|count| *count <= HEIGHT_MAX)?, era))
}

/// The work of the first blocks, up to that height, in hashes.
fn work(height: u32) -> u64 {
    WORK * (u64::from(height) + 1)
}

/// The least height at which there is as much work.
pub(super) fn height_of(work: u64) -> u32 {
    u32::try_from(work.div_ceil(WORK).saturating_sub(1)).unwrap_or(u32::MAX)
}

/// What a setting `minimum-work` has.
const MINIMUM: &str = "a number of blocks from 0 to 2500";

/// Which block there has to be at least for a chain to be worth asking for.
fn minimum(value: &str) -> Option<u32> {
    value.parse().ok().filter(|height| *height <= HEIGHT_MAX)
}

/// What a setting `holders` has.
const HOLDERS: &str = "peers with the height of their chain, as in p1/300 p2/2100";

/// Who has how many blocks.
pub(super) fn holders(value: &str) -> Option<Vec<(u16, u32)>> {
    let one = |word: &str| {
        let (peer, count) = word.strip_prefix('p')?.split_once('/')?;
        let count = count.parse().ok().filter(|count| *count <= HEIGHT_MAX)?;
        Some((peer.parse().ok()?, count))
    };
    value.split_whitespace().map(one).collect()
}

#[cfg(test)]
mod tests {
    use sockman::chain::{Block, BlockError, Mutated, Segwit};

    use super::*;

    #[test]
    fn block_that_breaks_a_rule_is_the_one_of_its_header() {
        for height in [1, 6, HEIGHT_MAX] {
            let mined = Mined::new(Era::Recent);
            let bytes = mined.invalid(height);
            let block = Block::decode(&bytes).unwrap();
            assert_eq!(block.header.previous.0, mined.hash(height - 1));
            assert_eq!(block.header.check_pow(sockman::chain::U256::MAX), Ok(()));
            let second = BlockError::SecondCoinbase { index: 1 };
            assert_eq!(block.judge(Segwit::Active), Err((second, Mutated::No)));
        }
    }

    #[test]
    fn chain_of_so_much_work_is_so_high() {
        assert_eq!(height_of(0), 0);
        for height in [0, 1, 143, HEIGHT_MAX] {
            assert_eq!(height_of(work(height)), height);
            assert_eq!(height_of(work(height) + 1), height + 1);
        }
    }
}
