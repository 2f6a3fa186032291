//! What is wrong with a batch of headers.

use std::fmt;

use super::{FUTURE_SECS_MAX, HEADERS_PER_MESSAGE_MAX, TIMEWARP_SECS_MAX};
use crate::chain::{Bits, BlockHash, PowError};

/// The first header with which something is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InsertError {
    /// Which of the batch, from 0.
    pub index: usize,
    /// What it is.
    pub why: InsertWhy,
}

/// What is wrong with a header, or with a batch from it on. In the order in which it is looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InsertWhy {
    /// More than [`HEADERS_PER_MESSAGE_MAX`].
    TooMany {
        /// How many there are.
        count: usize,
    },
    /// There is not enough work in it.
    Pow(PowError),
    /// It does not follow the one before.
    NotContinuous,
    /// Nobody knows what the batch begins upon.
    Unconnected {
        /// What that would be.
        previous: BlockHash,
    },
    /// It is known, and invalid. Core: `BLOCK_CACHED_INVALID`.
    KnownInvalid,
    /// It lies upon a block that is invalid. Core: bad-prevblk.
    InvalidParent,
    /// Its target is not the one that the blocks below ask for. Core: bad-diffbits.
    WrongBits {
        /// Its target.
        found: Bits,
        /// The one that it should have.
        expected: Bits,
    },
    /// Its time is not after the median of the last 11. Core: time-too-old.
    TooOld {
        /// Its time, s since 1970.
        time: u32,
        /// The median.
        median: u32,
    },
    /// It begins a period, and its time is more than 10 minutes before that of the last one. BIP
    /// 94; Core: time-timewarp-attack.
    Timewarp {
        /// Its time, s since 1970.
        time: u32,
        /// That of the block below.
        previous: u32,
    },
    /// Its time is more than 2 hours ahead. Core: time-too-new. It may be good later.
    TooNew {
        /// Its time, s since 1970.
        time: u32,
        /// What the time is, s since 1970.
        now: u64,
    },
    /// The tree has as many headers as it may.
    Full,
}

impl fmt::Display for InsertError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "header {} of the batch: {}", self.index, self.why)
    }
}

impl fmt::Display for InsertWhy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooMany { count } => write!(f, "one of {count}, over {HEADERS_PER_MESSAGE_MAX}"),
            Self::Pow(error) => error.fmt(f),
            Self::NotContinuous => f.write_str("does not follow the one before"),
            Self::Unconnected { previous } => write!(f, "follows {previous}, which is not known"),
            Self::KnownInvalid => f.write_str("is known to be invalid"),
            Self::InvalidParent => f.write_str("follows an invalid one"),
            Self::WrongBits { found, expected } => {
                write!(f, "has target {found} in place of {expected}")
            }
            Self::TooOld { time, median } => write!(f, "time {time} is not after {median}"),
            Self::Timewarp { time, previous } => {
                write!(f, "time {time} is over {TIMEWARP_SECS_MAX} s before {previous}")
            }
            Self::TooNew { time, now } => {
                write!(f, "time {time} is over {FUTURE_SECS_MAX} s after {now}")
            }
            Self::Full => f.write_str("finds no place any more"),
        }
    }
}

impl std::error::Error for InsertError {}
