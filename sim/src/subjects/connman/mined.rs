//! The blocks that schedules speak of: one chain of regtest, the same in every run, made as far as
//! somebody needs it.
//!
//! Block n of it is always the same one, whoever gives it, so that a script names blocks by their
//! heights. It is a chain of these days, or one that ends long ago.

use std::collections::BTreeMap;
use std::sync::Arc;

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

/// The chain, as far as it is made.
#[derive(Clone, Debug, Default)]
pub(super) struct Mined {
    era: Era,
    /// From height 1 on.
    blocks: Vec<Arc<[u8]>>,
    heights: BTreeMap<[u8; 32], u32>,
}

impl Mined {
    pub(super) fn new(era: Era) -> Self {
        Self { era, ..Self::default() }
    }

    /// The name of a block; of height 0 the first of the network.
    pub(super) fn hash(&mut self, height: u32) -> [u8; 32] {
        match height {
            0 => Params::of(Network::Regtest).genesis.hash().0,
            height => hash(&self.block(height)[..HEADER_BYTES]),
        }
    }

    /// A block, 1 to [`HEIGHT_MAX`]; beyond it is the last one.
    pub(super) fn block(&mut self, height: u32) -> Arc<[u8]> {
        let height = height.clamp(1, HEIGHT_MAX);
        let params = Params::of(Network::Regtest);
        let first = match self.era {
            Era::Recent => u32::try_from(WALL_START.as_secs() - AGE_SECS).expect("of this century"),
            Era::Old => params.genesis.time,
        };
        let (mut at, bits) =
            (u32::try_from(self.blocks.len()).expect("a few"), params.genesis.bits);
        while at < height {
            let previous = BlockHash(self.hash(at));
            at += 1;
            let (time, mark) = (first + at, 0);
            let template = Template { previous, height: at, time, bits, mark, bytes: None };
            let block: Arc<[u8]> = mine(&template).expect("it is an easy one").into();
            self.heights.insert(hash(&block[..HEADER_BYTES]), at);
            self.blocks.push(block);
        }
        Arc::clone(&self.blocks[height as usize - 1])
    }

    /// How high a block lies, of those up to `most`.
    pub(super) fn height(&mut self, hash: &[u8; 32], most: u32) -> Option<u32> {
        if most > 0 {
            self.block(most);
        }
        let height = if *hash == self.hash(0) { 0 } else { *self.heights.get(hash)? };
        (height <= most).then_some(height)
    }
}

/// The name that a header has.
pub(super) fn hash(header: &[u8]) -> [u8; 32] {
    Sha256::digest(Sha256::digest(header)).into()
}

/// What a setting `blocks` has.
pub(super) const CHAIN: &str = "a number of blocks from 0 to 2500, perhaps with old behind it";

/// How many blocks the node has, and of when.
pub(super) fn chain(value: &str) -> Option<(u32, Era)> {
    let (count, era) = match value.split_once(' ') {
        Some((count, "old")) => (count, Era::Old),
        Some(_) => return None,
        None => (value, Era::Recent),
    };
    Some((count.parse().ok().filter(|count| *count <= HEIGHT_MAX)?, era))
}

/// What a setting `holders` has.
pub(super) const HOLDERS: &str = "peers with the height of their chain, as in p1/300 p2/2100";

/// Who has how many blocks.
pub(super) fn holders(value: &str) -> Option<Vec<(u16, u32)>> {
    let one = |word: &str| {
        let (peer, count) = word.strip_prefix('p')?.split_once('/')?;
        let count = count.parse().ok().filter(|count| *count <= HEIGHT_MAX)?;
        Some((peer.parse().ok()?, count))
    };
    value.split_whitespace().map(one).collect()
}
