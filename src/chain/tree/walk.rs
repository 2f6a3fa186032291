//! Ways through the tree: down to a height, to where two chains part, and what a locator says.
//!
//! Sources: Core chain.cpp, `GetAncestor`, `LastCommonAncestor` and `LocatorEntries`;
//! validation.cpp, `FindForkInGlobalIndex`; net_processing.cpp on `getheaders`.

use super::{HEADERS_PER_MESSAGE_MAX, HeaderId, HeaderTree};
use crate::chain::{BlockHash, Header};

/// How many hashes of a locator come before the steps begin to double. Core: `LocatorEntries`.
pub const LOCATOR_SINGLE_STEPS: usize = 10;

/// [`HEADERS_PER_MESSAGE_MAX`] as a difference of heights.
const RUN_MAX: u32 = 2000;

const _: () = assert!(RUN_MAX as usize == HEADERS_PER_MESSAGE_MAX);

/// How far down the second link of a header leads: to its height without its lowest bits, so that
/// a walk to any height takes steps like the number's digits. Core: `GetSkipHeight`.
pub(super) const fn skip_height(height: u32) -> u32 {
    match height {
        0 | 1 => 0,
        even if even.is_multiple_of(2) => without_lowest_bit(even),
        odd => without_lowest_bit(without_lowest_bit(odd - 1)) + 1,
    }
}

const fn without_lowest_bit(number: u32) -> u32 {
    number & number.wrapping_sub(1)
}

/// Whether the way from one height down to another goes by the second link of what is there, or by
/// a single step, where the link behind that leads much further down.
const fn may_skip(from: u32, height: u32) -> bool {
    let (far, next_far) = (skip_height(from), skip_height(from - 1));
    let behind_is_better = next_far >= height && next_far + 2 < far;
    far == height || far > height && !behind_is_better
}

impl HeaderTree {
    /// What lies at `height` below a header, or the header itself. `None` if that is higher. Takes
    /// at most 110 steps from 2^18 down, and a few more for each bit beyond.
    #[must_use]
    pub fn ancestor(&self, id: HeaderId, height: u32) -> Option<HeaderId> {
        let (mut at, mut at_height) = (id, self.height(id));
        if height > at_height {
            return None;
        }
        while at_height > height {
            let node = self.node(at);
            let may_skip = may_skip(at_height, height);
            (at, at_height) = if may_skip {
                (node.skip, skip_height(at_height))
            } else {
                (node.parent, at_height - 1)
            };
        }
        Some(at)
    }

    /// Whether a header lies on the way from `tip` down, itself included.
    #[must_use]
    pub fn is_in_chain(&self, id: HeaderId, tip: HeaderId) -> bool {
        self.ancestor(tip, self.height(id)) == Some(id)
    }

    /// Where two chains part: the highest header below both, or one of them.
    #[must_use]
    pub fn last_common_ancestor(&self, one: HeaderId, other: HeaderId) -> HeaderId {
        let height = self.height(one).min(self.height(other));
        let at = |id| self.ancestor(id, height).expect("no higher than either");
        let (mut one, mut other) = (at(one), at(other));
        // At one height links are equally long.
        while one != other {
            let (left, right) = (self.node(one), self.node(other));
            (one, other) = if left.skip == right.skip {
                (left.parent, right.parent)
            } else {
                (left.skip, right.skip)
            };
        }
        one
    }

    /// What tells another node where our chain is: single steps down from `tip`, then doubling
    /// ones, and the first header. At most 10 and one for each bit of the height, and two more.
    #[must_use]
    pub fn locator(&self, tip: HeaderId) -> Vec<BlockHash> {
        let (mut hashes, mut at, mut step) = (Vec::new(), tip, 1);
        loop {
            hashes.push(self.hash(at));
            let height = self.height(at);
            if height == 0 {
                return hashes;
            }
            let lower = height.saturating_sub(step);
            at = self.ancestor(at, lower).expect("it is below");
            if hashes.len() > LOCATOR_SINGLE_STEPS {
                step = step.saturating_mul(2);
            }
        }
    }

    /// The first header of a locator that lies in the chain of `tip`; `tip` if the locator knows it
    /// and more; the first of all if there is none.
    #[must_use]
    pub fn fork_point(&self, tip: HeaderId, locator: &[BlockHash]) -> HeaderId {
        let in_chain = |hash| {
            let id = self.find(hash)?;
            let is_above = self.is_in_chain(tip, id);
            (is_above || self.is_in_chain(id, tip)).then_some(if is_above { tip } else { id })
        };
        locator.iter().find_map(in_chain).unwrap_or(HeaderId::GENESIS)
    }

    /// What a `getheaders` is answered with: the headers of the chain of `tip` above the fork with
    /// the locator, up to that named `stop`, at most 2,000. Without a locator, that named `stop`
    /// alone, if it is in that chain: who could ask for others would learn what we have seen.
    #[must_use]
    pub fn headers_after(
        &self,
        tip: HeaderId,
        locator: &[BlockHash],
        stop: &BlockHash,
    ) -> Vec<Header> {
        if locator.is_empty() {
            let stop = self.find(stop).filter(|id| self.is_in_chain(*id, tip));
            return stop.map(|id| self.header(id)).into_iter().collect();
        }
        let from = self.height(self.fork_point(tip, locator)) + 1;
        let last = self.height(tip).min(from.saturating_add(RUN_MAX - 1));
        let stop_height = self.find(stop).filter(|id| self.is_in_chain(*id, tip));
        let stop_height = stop_height.map(|id| self.height(id)).filter(|at| *at >= from);
        let last = last.min(stop_height.unwrap_or(u32::MAX));
        self.run(tip, from, last).into_iter().map(|id| self.header(id)).collect()
    }

    /// The headers of the chain of `tip` from one height to another, both included, upwards.
    /// Nothing where the first is above the second or the second above `tip`.
    #[must_use]
    pub fn run(&self, tip: HeaderId, from: u32, last: u32) -> Vec<HeaderId> {
        let top = self.ancestor(tip, last).filter(|_| from <= last);
        let down = std::iter::successors(top, |id| self.parent(*id));
        let mut ids: Vec<_> = down.take_while(|id| self.height(*id) >= from).collect();
        ids.reverse();
        ids
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Core: chain.cpp, `GetSkipHeight`.
    #[test]
    fn ways_down_are_short() {
        let top = 1 << 18;
        let steps = |height| {
            let lower = |at: &u32| {
                let skips = may_skip(*at, height);
                if skips { skip_height(*at) } else { at - 1 }
            };
            std::iter::successors(Some(top), |at| (*at > height).then(|| lower(at))).count() - 1
        };
        let most = (0..top).map(steps).max();
        assert!(most.is_some_and(|most| (100..=110).contains(&most)), "{most:?}");
    }

    #[test]
    fn second_links_lead_further_down() {
        let heights = [0, 0, 0, 1, 0, 1, 4, 1, 0, 1, 8, 1, 8, 1, 12, 9, 0];
        for (height, expected) in (0..).zip(heights) {
            assert_eq!(skip_height(height), expected, "{height}");
        }
    }
}
