//! Headers of one message, by what is known of them so far: types that say what was looked at.
//!
//! ```text
//!   headers --> `LinkedHeaders`: work, each upon the one before --> `CheckedHeaders`: a place here
//! ```
//!
//! Source: Core net_processing.cpp, `ProcessHeadersMessage`, `CheckHeadersPoW`,
//! `CalculateClaimedHeadersWork`.

use std::borrow::Cow;

use super::{HEADERS_PER_MESSAGE_MAX, HeaderId, HeaderTree, InsertError, InsertWhy};
use crate::chain::{BlockHash, Header, Params, U256};

/// Headers, at least one, each of which has the work that it claims and follows the one before.
/// Whether they claim enough, and upon what the first lies, is not known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LinkedHeaders<'a> {
    batch: Cow<'a, [Header]>,
    /// Theirs.
    hashes: Vec<BlockHash>,
}

impl<'a> LinkedHeaders<'a> {
    /// What can be said of the headers of one message without a tree. `None` for an empty one.
    ///
    /// # Errors
    ///
    /// There are too many, or one of them has no work or does not follow the one before.
    pub fn link(params: &Params, batch: &'a [Header]) -> Result<Option<Self>, InsertError> {
        if batch.len() > HEADERS_PER_MESSAGE_MAX {
            let why = InsertWhy::TooMany { count: batch.len() };
            return Err(InsertError { index: HEADERS_PER_MESSAGE_MAX, why });
        }
        let hashes: Vec<_> = batch.iter().map(Header::hash).collect();
        for (index, (header, hash)) in batch.iter().zip(&hashes).enumerate() {
            let checked = header.check_pow_of(*hash, params.pow_limit);
            checked.map_err(|error| InsertError { index, why: InsertWhy::Pow(error) })?;
        }
        let gap = batch.iter().skip(1).zip(&hashes).position(|(next, hash)| next.previous != *hash);
        match gap {
            Some(before) => Err(InsertError { index: before + 1, why: InsertWhy::NotContinuous }),
            None => Ok((!batch.is_empty()).then_some(Self { batch: Cow::Borrowed(batch), hashes })),
        }
    }
}

impl LinkedHeaders<'static> {
    /// Headers that were looked at before, and their names. `None` if there are none.
    pub(in crate::chain) fn again(batch: Vec<Header>, hashes: Vec<BlockHash>) -> Option<Self> {
        assert_eq!(batch.len(), hashes.len(), "each header has its name");
        (!batch.is_empty()).then_some(Self { batch: Cow::Owned(batch), hashes })
    }
}

impl LinkedHeaders<'_> {
    /// The headers, upwards.
    #[must_use]
    pub fn headers(&self) -> &[Header] {
        &self.batch
    }

    /// The headers and their names, upwards.
    pub fn iter(&self) -> impl Iterator<Item = (&Header, BlockHash)> {
        self.batch.iter().zip(self.hashes.iter().copied())
    }

    /// What the first follows.
    #[must_use]
    pub fn previous(&self) -> BlockHash {
        self.batch.first().expect("there are some").previous
    }

    /// The name of the last.
    #[must_use]
    pub fn last_hash(&self) -> BlockHash {
        *self.hashes.last().expect("there are some")
    }

    /// Whether there are as many as one message brings, so that there may be more.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.batch.len() == HEADERS_PER_MESSAGE_MAX
    }
}

/// Headers of one message of which the first follows one that is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckedHeaders<'a> {
    pub(super) linked: LinkedHeaders<'a>,
    pub(super) parent: HeaderId,
    work: U256,
}

impl<'a> CheckedHeaders<'a> {
    /// The work in them and in everything below, as they claim it.
    #[must_use]
    pub const fn work(&self) -> U256 {
        self.work
    }

    /// What the first follows.
    #[must_use]
    pub const fn parent(&self) -> HeaderId {
        self.parent
    }

    /// The name of the last.
    #[must_use]
    pub fn last_hash(&self) -> BlockHash {
        self.linked.last_hash()
    }

    /// The headers, whatever they follow.
    #[must_use]
    pub const fn linked(&self) -> &LinkedHeaders<'a> {
        &self.linked
    }
}

impl HeaderTree {
    /// Whether a batch is a chain with work in it that has its place here; how much it would come
    /// to is known then. `None` for an empty one.
    ///
    /// # Errors
    ///
    /// It is none.
    pub fn check<'a>(
        &self,
        batch: &'a [Header],
    ) -> Result<Option<CheckedHeaders<'a>>, InsertError> {
        let linked = LinkedHeaders::link(self.params(), batch)?;
        linked.map(|linked| self.place(linked)).transpose()
    }

    /// The same for headers that are known to be a chain with work in it.
    ///
    /// # Errors
    ///
    /// Nobody knows what they begin upon.
    pub fn place<'a>(&self, linked: LinkedHeaders<'a>) -> Result<CheckedHeaders<'a>, InsertError> {
        let previous = linked.previous();
        let why = InsertWhy::Unconnected { previous };
        let parent = self.find(&previous).ok_or(InsertError { index: 0, why })?;
        let add = |sum: U256, header: &Header| sum.saturating_add(header.claimed_work());
        let work = linked.batch.iter().fold(self.work(parent), add);
        Ok(CheckedHeaders { linked, parent, work })
    }
}
