//! Every header that is known, each linked to the one before.
//!
//! ```text
//!   genesis --o--o--o--o  tip: the most work, and of two that have it the first that came
//!              \
//!               o--o
//! ```
//!
//! Headers come in batches ([`HeaderTree::insert`]) and are checked in the order of the reference:
//! work, continuity, a known parent, then what the parents ask for ([`InsertWhy`]). Blocks follow
//! in any order ([`HeaderTree::take_block`]); whoever validates them does so between
//! [`HeaderTree::best_complete`] and [`HeaderTree::activate`], or calls
//! [`HeaderTree::invalidate`].
//!
//! A header takes 136 bytes, and 36 to 70 for finding it by its hash. Sources: Core chain.h,
//! chain.cpp, validation.cpp `AcceptBlockHeader` and `ContextualCheckBlockHeader`;
//! docs/behaviour.md, chain 2 and 3.

use std::collections::{BTreeMap, BTreeSet};

use super::{Bits, BlockHash, Hash, Header, Params, U256, work};
use crate::time::UnixTime;

mod batch;
mod blocks;
mod error;
mod rules;
mod walk;

pub use batch::{CheckedHeaders, LinkedHeaders};
pub use error::{InsertError, InsertWhy};
pub use rules::{FUTURE_SECS_MAX, MEDIAN_TIME_BLOCKS, TIMEWARP_SECS_MAX, may_follow, retargeted};
pub use walk::LOCATOR_SINGLE_STEPS;

/// The most headers that one message brings. Core: `MAX_HEADERS_RESULTS`.
pub const HEADERS_PER_MESSAGE_MAX: usize = 2000;

/// Blocks that a chain may lack of the active one's work and still be worth keeping. Core:
/// net_processing.cpp, `GetAntiDoSWorkThreshold`.
pub const ANTI_DOS_BLOCKS: u32 = 144;

/// A header of one tree: how many came before it. A parent's is below its children's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HeaderId(u32);

impl HeaderId {
    /// The first header of the network.
    pub const GENESIS: Self = Self(0);

    const fn index(self) -> usize {
        self.0 as usize
    }
}

/// Whether a block can be in the best chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Validity {
    /// As far as anybody knows.
    Possible,
    /// It, or one below it, was found to break a rule.
    Invalid,
}

/// A header with its place. The hash before is the parent's, and not kept twice.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Node {
    hash: BlockHash,
    merkle_root: Hash,
    /// Of it and everything below.
    work: U256,
    version: i32,
    time: u32,
    bits: Bits,
    nonce: u32,
    /// Itself for the first.
    parent: HeaderId,
    /// An ancestor far below, by which walks are short.
    skip: HeaderId,
    height: u32,
    /// Which block became complete before which: from 1 on; 0 for one that is not.
    completed: u32,
    validity: Validity,
    has_block: bool,
}

/// What a batch did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Inserted {
    /// The last header of the batch, known before or not. `None` if the batch was empty.
    pub last: Option<HeaderId>,
    /// How many were not known before.
    pub new_count: usize,
}

/// The tree. See the head of the module.
///
/// A [`HeaderId`] is good for the tree that gave it; with that of another one methods panic or
/// speak of another header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeaderTree {
    params: Params,
    headers_max: usize,
    /// By [`HeaderId`]; never empty.
    nodes: Vec<Node>,
    ids: BTreeMap<BlockHash, HeaderId>,
    /// The header of most work that is not invalid.
    tip: HeaderId,
    /// The same of those whose blocks are here, down to the first.
    best_complete: HeaderId,
    /// The chain that the node stands for.
    active_tip: HeaderId,
    /// Parent and child, where the child's block is here and the parent is not complete.
    waiting: BTreeSet<(HeaderId, HeaderId)>,
    completed_count: u32,
}

impl HeaderTree {
    /// A tree of the first header alone, which takes at most `headers_max`, 1 to 2^32 - 1.
    ///
    /// # Panics
    ///
    /// The bound is not within its own.
    #[must_use]
    pub fn new(params: Params, headers_max: usize) -> Self {
        assert!(headers_max >= 1, "the first header has a place");
        assert!(u32::try_from(headers_max).is_ok(), "an id has 32 bits");
        let genesis = params.genesis;
        let node = Node {
            hash: genesis.hash(),
            merkle_root: genesis.merkle_root,
            work: genesis.claimed_work(),
            version: genesis.version,
            time: genesis.time,
            bits: genesis.bits,
            nonce: genesis.nonce,
            parent: HeaderId::GENESIS,
            skip: HeaderId::GENESIS,
            height: 0,
            completed: 1,
            validity: Validity::Possible,
            has_block: true,
        };
        Self {
            params,
            headers_max,
            ids: BTreeMap::from([(node.hash, HeaderId::GENESIS)]),
            nodes: vec![node],
            tip: HeaderId::GENESIS,
            best_complete: HeaderId::GENESIS,
            active_tip: HeaderId::GENESIS,
            waiting: BTreeSet::new(),
            completed_count: 1,
        }
    }

    /// The rules of its network.
    #[must_use]
    pub const fn params(&self) -> &Params {
        &self.params
    }

    /// How many headers there are, at least one.
    #[must_use]
    #[expect(clippy::len_without_is_empty, reason = "it never is")]
    pub const fn len(&self) -> usize {
        self.nodes.len()
    }

    /// The header of that name.
    #[must_use]
    pub fn find(&self, hash: &BlockHash) -> Option<HeaderId> {
        self.ids.get(hash).copied()
    }

    /// The header of most work, of which nothing is known against; of several the first that came.
    /// Its block need not be here.
    #[must_use]
    pub const fn tip(&self) -> HeaderId {
        self.tip
    }

    /// The header itself.
    #[must_use]
    pub fn header(&self, id: HeaderId) -> Header {
        let node = self.node(id);
        let previous = self.parent(id).map_or(BlockHash::ZERO, |parent| self.hash(parent));
        Header {
            version: node.version,
            previous,
            merkle_root: node.merkle_root,
            time: node.time,
            bits: node.bits,
            nonce: node.nonce,
        }
    }

    /// Its name.
    #[must_use]
    pub fn hash(&self, id: HeaderId) -> BlockHash {
        self.node(id).hash
    }

    /// How many lie below it.
    #[must_use]
    pub fn height(&self, id: HeaderId) -> u32 {
        self.node(id).height
    }

    /// The work in it and in everything below. At the end of 256 bits it stays.
    #[must_use]
    pub fn work(&self, id: HeaderId) -> U256 {
        self.node(id).work
    }

    /// The time that its miner gave it, s since 1970.
    #[must_use]
    pub fn time(&self, id: HeaderId) -> u32 {
        self.node(id).time
    }

    /// The same, as a moment.
    #[must_use]
    pub fn unix_time(&self, id: HeaderId) -> UnixTime {
        UnixTime::from_secs(u64::from(self.time(id)))
    }

    /// The one below. `None` for the first.
    #[must_use]
    pub fn parent(&self, id: HeaderId) -> Option<HeaderId> {
        (id != HeaderId::GENESIS).then(|| self.node(id).parent)
    }

    /// Whether anything is known against it.
    #[must_use]
    pub fn validity(&self, id: HeaderId) -> Validity {
        self.node(id).validity
    }

    /// The least work of a chain that is worth its memory: that of the active one without
    /// [`ANTI_DOS_BLOCKS`] like its last, and at least `minimum`. What has less is not to be
    /// inserted, since it costs nobody anything. Core: `GetAntiDoSWorkThreshold`.
    #[must_use]
    pub fn work_worth_keeping(&self, minimum: U256) -> U256 {
        let tip = self.node(self.active_tip);
        let proof = tip.bits.target().map_or(U256::ZERO, work);
        tip.work.saturating_sub(proof.saturating_mul(u64::from(ANTI_DOS_BLOCKS))).max(minimum)
    }

    /// Takes the headers of one message, each of which follows the one before. `now` is what the
    /// network's time is believed to be.
    ///
    /// # Errors
    ///
    /// The first header with which something is wrong. Of a batch that is no chain with work in
    /// it, or has no place here, nothing is taken; otherwise the headers before that one are.
    pub fn insert(&mut self, batch: &[Header], now: UnixTime) -> Result<Inserted, InsertError> {
        match self.check(batch)? {
            Some(checked) => self.insert_checked(&checked, now),
            None => Ok(Inserted { last: None, new_count: 0 }),
        }
    }

    /// The same as [`Self::insert`] for a batch that this tree has checked.
    ///
    /// # Errors
    ///
    /// The first header that breaks what the ones before it ask for. Those are taken.
    pub fn insert_checked(
        &mut self,
        checked: &CheckedHeaders<'_>,
        now: UnixTime,
    ) -> Result<Inserted, InsertError> {
        let (before, mut last) = (self.nodes.len(), checked.parent);
        for (index, (header, hash)) in checked.linked.iter().enumerate() {
            let inserted = self.insert_one(last, header, hash, now);
            last = inserted.map_err(|why| InsertError { index, why })?;
        }
        Ok(Inserted { last: Some(last), new_count: self.nodes.len() - before })
    }

    /// Core: `AcceptBlockHeader`.
    fn insert_one(
        &mut self,
        parent: HeaderId,
        header: &Header,
        hash: BlockHash,
        now: UnixTime,
    ) -> Result<HeaderId, InsertWhy> {
        if let Some(known) = self.find(&hash) {
            return match self.validity(known) {
                Validity::Possible => Ok(known),
                Validity::Invalid => Err(InsertWhy::KnownInvalid),
            };
        }
        if self.validity(parent) == Validity::Invalid {
            return Err(InsertWhy::InvalidParent);
        }
        self.check_rules(parent, header, now)?;
        if self.nodes.len() == self.headers_max {
            return Err(InsertWhy::Full);
        }
        Ok(self.push(parent, header, hash))
    }

    fn push(&mut self, parent: HeaderId, header: &Header, hash: BlockHash) -> HeaderId {
        let id = HeaderId(u32::try_from(self.nodes.len()).expect("at most `headers_max`"));
        let below = self.node(parent);
        assert_eq!(below.hash, header.previous, "a header lies on its parent");
        let height = below.height + 1;
        let node = Node {
            hash,
            merkle_root: header.merkle_root,
            work: below.work.saturating_add(header.claimed_work()),
            version: header.version,
            time: header.time,
            bits: header.bits,
            nonce: header.nonce,
            parent,
            skip: self.ancestor(parent, walk::skip_height(height)).expect("it is below"),
            height,
            completed: 0,
            validity: Validity::Possible,
            has_block: false,
        };
        let is_best = node.work > self.work(self.tip);
        self.nodes.push(node);
        self.ids.insert(hash, id);
        if is_best {
            self.tip = id;
        }
        id
    }

    /// A block turned out to break a rule: it and everything above it is out, for good. What was
    /// the tip before may be so no more, nor may the active chain be whole: it ends below then.
    ///
    /// # Panics
    ///
    /// It is the first block, which is taken for granted.
    pub fn invalidate(&mut self, id: HeaderId) {
        assert_ne!(id, HeaderId::GENESIS, "the first block is valid by definition");
        self.nodes[id.index()].validity = Validity::Invalid;
        for index in id.index() + 1..self.nodes.len() {
            let parent = self.nodes[index].parent;
            if self.validity(parent) == Validity::Invalid {
                self.nodes[index].validity = Validity::Invalid;
            }
        }
        while self.validity(self.active_tip) == Validity::Invalid {
            self.active_tip = self.node(self.active_tip).parent;
        }
        (self.tip, self.best_complete) = (self.best_header(), self.best_block());
    }

    /// The tip, looked for among all. Ids are in the order of coming.
    fn best_header(&self) -> HeaderId {
        self.best(|node| Some(std::cmp::Reverse(node.0.0)))
    }

    /// The best of those for which there is a rank, first by work and then by it.
    fn best<R: Ord>(&self, rank: impl Fn((HeaderId, &Node)) -> Option<R>) -> HeaderId {
        let ranked = self.each().filter_map(|(id, node)| {
            let possible = node.validity == Validity::Possible;
            Some(((node.work, rank((id, node)).filter(|_| possible)?), id))
        });
        ranked.max().map_or(HeaderId::GENESIS, |(_, id)| id)
    }

    fn each(&self) -> impl Iterator<Item = (HeaderId, &Node)> {
        (0..).map(HeaderId).zip(&self.nodes)
    }

    fn node(&self, id: HeaderId) -> &Node {
        &self.nodes[id.index()]
    }

    /// What must hold between any two calls. As slow as looking at every header.
    ///
    /// # Panics
    ///
    /// It does not hold.
    pub fn check_invariants(&self) {
        assert_eq!(self.nodes.len(), self.ids.len(), "every header is found by its hash");
        assert!(self.nodes.len() <= self.headers_max, "the tree keeps its bound");
        for (id, node) in self.each().skip(1) {
            let below = self.node(node.parent);
            assert!(node.parent < id, "a parent comes before its children");
            assert_eq!(node.height, below.height + 1, "heights go up by one");
            assert!(node.work >= below.work, "work only grows");
            if below.validity == Validity::Invalid {
                assert_eq!(
                    node.validity,
                    Validity::Invalid,
                    "nothing valid is above an invalid one"
                );
            }
            let is_complete = node.has_block && below.completed > 0;
            assert_eq!(node.completed > 0, is_complete, "complete is a block above complete ones");
            let waits = node.has_block && !is_complete;
            assert_eq!(self.waiting.contains(&(node.parent, id)), waits, "who waits is noted");
        }
        assert_eq!(self.tip, self.best_header(), "the tip is the best header");
        assert_eq!(self.best_complete, self.best_block(), "and so among blocks");
        assert!(self.is_complete(self.active_tip), "the active chain is complete");
        assert_eq!(self.validity(self.active_tip), Validity::Possible, "and not invalid");
    }
}

#[cfg(test)]
mod model;
#[cfg(test)]
mod tests;
