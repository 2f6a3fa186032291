//! Headers of a chain that has shown too little work so far: they are told twice, so that nothing
//! has to be remembered of them before the work is there.
//!
//! ```text
//!   presync:     start --o--o--o--o--o--o--o--o--o--o--o   the work is there: from the start again
//!                           1        0        1        0   a bit every `commitment_period` headers
//!
//!   redownload:  start --o--o--o--o--o--o--o  compared with the bits
//!                        released |[ held back ]
//! ```
//!
//! A chain costs somebody as much as the work in it, and it has to be remembered before it is
//! known how much that is. So in the first round, *presync*, the last header is remembered, the
//! work, and a bit of every so many headers, by a hash whose salt the peer does not know. A peer
//! whose chain gets to the least work is asked for it again, the *redownload*. Nothing makes it
//! tell the same chain; but one that differs gets each later bit right by chance. So headers are
//! held back until some 20 bits above each were right, and only then released into the tree.
//!
//! Which offset the bits have is a secret as well, so that nobody builds a chain of which no bit is
//! remembered. How long a chain can be in the first round follows from time: six blocks a second
//! is the most that the median of times allows.
//!
//! A state machine, which knows neither peers nor clocks. Once it is over it is gone: it is handed
//! to [`Presync::handle_headers`], and comes back as long as it goes on. Sources: Core
//! headerssync.h and headerssync.cpp (pull request 25717); docs/behaviour.md, chain 12.

use std::collections::VecDeque;
use std::fmt;
use std::hash::Hasher as _;

use siphasher::sip::SipHasher24;

use super::tree::{FUTURE_SECS_MAX, may_follow};
use super::{
    Bits, BlockHash, HEADERS_PER_MESSAGE_MAX, Hash, Header, HeaderId, HeaderTree, LinkedHeaders,
    Params, U256,
};
use crate::time::UnixTime;

mod commitments;

use commitments::Commitments;

/// Blocks by which a chain can grow in a second, on and on: the time of each is above the median of
/// the 11 before it, so that six share one at most. Core: `m_max_commitments`.
pub const BLOCKS_PER_SEC_MAX: u64 = 6;

/// What the peer must not know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Secrets {
    /// Which heights are remembered: those that leave this rest, divided by the network's
    /// `commitment_period`. Below that. Core: `m_commit_offset`.
    pub offset: u32,
    /// The key of the hash of which a bit is remembered. Core: `m_hasher`.
    pub salt: [u64; 2],
}

impl Secrets {
    /// What is remembered of a header. SipHash-2-4.
    fn bit(&self, hash: BlockHash) -> bool {
        let [low, high] = self.salt;
        let mut hasher = SipHasher24::new_with_keys(low, high);
        hasher.write(&hash.0);
        hasher.finish() & 1 == 1
    }
}

/// How far a chain has been followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Reached {
    height: u64,
    hash: BlockHash,
    bits: Bits,
    /// Of this header and everything below.
    work: U256,
}

impl Reached {
    /// One header further.
    fn next(self, params: &Params, header: &Header, hash: BlockHash) -> Result<Self, PresyncError> {
        let height = self.height + 1;
        if header.previous != self.hash {
            return Err(PresyncError::NotContinuous { height });
        }
        let (bits, before) = (header.bits, self.bits);
        if !may_follow(params, height, before, bits) {
            return Err(PresyncError::Difficulty { height, before, found: bits });
        }
        Ok(Self { height, hash, bits, work: self.work.saturating_add(header.claimed_work()) })
    }
}

/// A header without the hash before it, which follows from the header before it. 48 bytes.
#[derive(Clone, Copy, Debug)]
struct Stripped {
    version: i32,
    merkle_root: Hash,
    time: u32,
    bits: Bits,
    nonce: u32,
}

impl Stripped {
    const fn of(header: &Header) -> Self {
        let Header { version, previous: _, merkle_root, time, bits, nonce } = *header;
        Self { version, merkle_root, time, bits, nonce }
    }

    const fn upon(self, previous: BlockHash) -> Header {
        let Self { version, merkle_root, time, bits, nonce } = self;
        Header { version, previous, merkle_root, time, bits, nonce }
    }
}

/// The second round.
#[derive(Clone, Debug)]
struct Redownload {
    reached: Reached,
    /// What was not released yet, upwards.
    held_back: VecDeque<Stripped>,
    /// What the first of those follows.
    released_upto: BlockHash,
    /// Whether the work is there a second time, so that nothing has to be held back.
    is_proven: bool,
}

impl Redownload {
    /// So many of those that are held back, the lowest first.
    fn release(&mut self, count: usize) -> Option<LinkedHeaders<'static>> {
        let (mut headers, mut hashes) = (Vec::with_capacity(count), Vec::with_capacity(count));
        for stripped in self.held_back.drain(..count) {
            let header = stripped.upon(self.released_upto);
            self.released_upto = header.hash();
            headers.push(header);
            hashes.push(self.released_upto);
        }
        LinkedHeaders::again(headers, hashes)
    }
}

#[derive(Clone, Debug)]
enum Phase {
    Presync(Reached),
    Redownload(Redownload),
}

/// A chain whose headers are told twice. See the head of the module.
#[derive(Clone, Debug)]
pub struct Presync {
    secrets: Secrets,
    /// What the chain begins upon, and what is known of it.
    start: HeaderId,
    bottom: Reached,
    /// What the chain must have for its headers to be released.
    minimum_work: U256,
    commitments: Commitments,
    commitments_max: u64,
    /// How high the first round has got.
    presynced: u64,
    phase: Phase,
}

/// What a message brought.
#[derive(Clone, Debug)]
pub struct Step {
    /// Headers that may enter the tree, the first upon what was released last or upon the start;
    /// `None`: none yet. There may be more than one message brings. What the ones below ask of
    /// each was not looked at.
    pub released: Option<LinkedHeaders<'static>>,
    /// What follows.
    pub next: Next,
}

/// What follows a message.
#[derive(Clone, Debug)]
pub enum Next {
    /// More is to be asked for, above [`Presync::locator`].
    Ask(Box<Presync>),
    /// It is over: the chain has the work, and all of it up to there is released.
    Complete,
    /// It is over: the peer has no more. In the first round it has too little work; in the second
    /// it does not tell again what it told.
    Short,
}

/// Why headers do not go on with what was told before. It is over, and they were not looked at any
/// further. Nobody is to be blamed: the peer may have changed to another chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PresyncError {
    /// The first does not follow the last one.
    NotContinuous {
        /// Of the first.
        height: u64,
    },
    /// A target is not within a factor of four of the one before, or moves within a period.
    Difficulty {
        /// Of the header.
        height: u64,
        /// The target of the one before.
        before: Bits,
        /// Its own.
        found: Bits,
    },
    /// No chain can be that long by now. Core: `m_max_commitments`.
    TooLong {
        /// Of the header that is too much.
        height: u64,
    },
    /// In the second round a header is not the one of the first.
    OtherChain {
        /// Of the header.
        height: u64,
    },
    /// The second round is longer than the first, and has less work.
    LongerChain {
        /// Of the header of which nothing is remembered.
        height: u64,
    },
}

impl fmt::Display for PresyncError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotContinuous { height } => {
                write!(f, "header {height} does not follow the last one")
            }
            Self::Difficulty { height, before, found } => {
                write!(f, "header {height} has target {found} after {before}")
            }
            Self::TooLong { height } => write!(f, "no chain has {height} headers by now"),
            Self::OtherChain { height } => write!(f, "header {height} is not the one told before"),
            Self::LongerChain { height } => write!(f, "header {height} was not told before"),
        }
    }
}

impl std::error::Error for PresyncError {}

impl Presync {
    /// Begins upon a header of the tree: what comes is released once it has `minimum_work`, that
    /// of the start included. `now` is what the network's time is believed to be.
    ///
    /// # Panics
    ///
    /// The offset is not below the network's `commitment_period`.
    #[must_use]
    pub fn begin(
        tree: &HeaderTree,
        start: HeaderId,
        minimum_work: U256,
        now: UnixTime,
        secrets: Secrets,
    ) -> Box<Self> {
        let period = tree.params().presync.commitment_period;
        assert!(secrets.offset < period, "a rest is below what is divided by");
        let bottom = Reached {
            height: u64::from(tree.height(start)),
            hash: tree.hash(start),
            bits: tree.header(start).bits,
            work: tree.work(start),
        };
        let median = u64::from(tree.median_time_past(start));
        let secs = now.as_secs().saturating_add(FUTURE_SECS_MAX).saturating_sub(median);
        Box::new(Self {
            secrets,
            start,
            bottom,
            minimum_work,
            commitments: Commitments::default(),
            commitments_max: secs.saturating_mul(BLOCKS_PER_SEC_MAX) / u64::from(period),
            presynced: bottom.height,
            phase: Phase::Presync(bottom),
        })
    }

    /// Takes the headers of one message; `params` are those of the tree that it began with.
    ///
    /// # Errors
    ///
    /// They do not go on with what was told before.
    pub fn handle_headers(
        mut self: Box<Self>,
        params: &Params,
        headers: &LinkedHeaders<'_>,
    ) -> Result<Step, PresyncError> {
        let (is_told, released) = match &mut self.phase {
            Phase::Presync(_) => (self.presync(params, headers)?, None),
            Phase::Redownload(_) => (false, self.redownload(params, headers)?),
        };
        let next = if self.is_proven() {
            Next::Complete
        } else if is_told || headers.is_full() {
            Next::Ask(self)
        } else {
            Next::Short
        };
        Ok(Step { released, next })
    }

    /// The first round. Gives whether it is over.
    fn presync(
        &mut self,
        params: &Params,
        headers: &LinkedHeaders<'_>,
    ) -> Result<bool, PresyncError> {
        let Phase::Presync(mut reached) = self.phase else { return Ok(false) };
        for (header, hash) in headers.iter() {
            reached = reached.next(params, header, hash)?;
            if self.is_remembered(params, reached.height) {
                if self.commitments.len() == self.commitments_max {
                    return Err(PresyncError::TooLong { height: reached.height });
                }
                self.commitments.push(self.secrets.bit(hash));
            }
        }
        self.presynced = reached.height;
        let is_over = reached.work >= self.minimum_work;
        self.phase = if is_over {
            // Room for all that there may be: what grows by itself takes up to twice as much.
            let most = params.presync.redownload_buffer + HEADERS_PER_MESSAGE_MAX;
            Phase::Redownload(Redownload {
                reached: self.bottom,
                held_back: VecDeque::with_capacity(most),
                released_upto: self.bottom.hash,
                is_proven: false,
            })
        } else {
            Phase::Presync(reached)
        };
        Ok(is_over)
    }

    /// The second. Gives what may enter the tree.
    fn redownload(
        &mut self,
        params: &Params,
        headers: &LinkedHeaders<'_>,
    ) -> Result<Option<LinkedHeaders<'static>>, PresyncError> {
        for (header, hash) in headers.iter() {
            let Phase::Redownload(again) = &mut self.phase else { break };
            let reached = again.reached.next(params, header, hash)?;
            // From there on nothing is compared: the chain may have grown meanwhile.
            again.is_proven |= reached.work >= self.minimum_work;
            let is_proven = again.is_proven;
            again.reached = reached;
            again.held_back.push_back(Stripped::of(header));
            if !is_proven && self.is_remembered(params, reached.height) {
                self.compare(reached)?;
            }
        }
        let Phase::Redownload(again) = &mut self.phase else { return Ok(None) };
        let kept = if again.is_proven { 0 } else { params.presync.redownload_buffer };
        Ok(again.release(again.held_back.len().saturating_sub(kept)))
    }

    /// Whether what was told the second time is what is remembered of the first.
    fn compare(&mut self, reached: Reached) -> Result<(), PresyncError> {
        let Reached { height, hash, .. } = reached;
        match self.commitments.pop() {
            Some(bit) if bit == self.secrets.bit(hash) => Ok(()),
            Some(_) => Err(PresyncError::OtherChain { height }),
            None => Err(PresyncError::LongerChain { height }),
        }
    }

    /// Whether a bit is remembered of the header at a height.
    fn is_remembered(&self, params: &Params, height: u64) -> bool {
        height % u64::from(params.presync.commitment_period) == u64::from(self.secrets.offset)
    }

    const fn is_proven(&self) -> bool {
        match &self.phase {
            Phase::Presync(_) => false,
            Phase::Redownload(again) => again.is_proven,
        }
    }

    /// Where to go on: above the last header that was told in this round, and where the peer does
    /// not know that any more, above the start. Core: `NextHeadersRequestLocator`.
    #[must_use]
    pub fn locator(&self, tree: &HeaderTree) -> Vec<BlockHash> {
        let last = match &self.phase {
            Phase::Presync(reached) => reached,
            Phase::Redownload(again) => &again.reached,
        };
        let mut locator = vec![last.hash];
        locator.extend(tree.locator(self.start));
        locator
    }

    /// The height that the first round has got to, also during the second. Core:
    /// `GetPresyncHeight`.
    #[must_use]
    pub const fn presynced(&self) -> u64 {
        self.presynced
    }

    /// How many headers are held back, between two messages at most the network's
    /// `redownload_buffer`. They take 48 bytes each.
    #[must_use]
    pub fn held_back_count(&self) -> usize {
        match &self.phase {
            Phase::Presync(_) => 0,
            Phase::Redownload(again) => again.held_back.len(),
        }
    }

    /// How many bits are remembered that nothing was compared with yet.
    #[must_use]
    pub const fn commitments_count(&self) -> u64 {
        self.commitments.len()
    }

    /// The most that may be.
    #[must_use]
    pub const fn commitments_max(&self) -> u64 {
        self.commitments_max
    }

    /// What must hold between any two calls.
    ///
    /// # Panics
    ///
    /// It does not hold.
    pub fn check_invariants(&self, params: &Params) {
        assert!(self.secrets.offset < params.presync.commitment_period, "an offset is a rest");
        assert!(self.commitments.len() <= self.commitments_max, "bits keep their bound");
        assert!(self.presynced >= self.bottom.height, "a chain lies above its start");
        match &self.phase {
            Phase::Presync(reached) => {
                assert_eq!(reached.height, self.presynced, "the first round is how far it got");
                assert!(reached.work < self.minimum_work, "it is over once the work is there");
            }
            Phase::Redownload(again) => {
                assert!(!again.is_proven, "the second round is over once the work is there");
                let held_back = again.held_back.len();
                assert!(held_back <= params.presync.redownload_buffer, "few are held back");
                let above = again.reached.height - self.bottom.height;
                assert!(held_back as u64 <= above, "and only what was told");
            }
        }
    }
}

#[cfg(test)]
mod tests;
