//! The tree once more, as a list and without a thought for speed.

use super::*;
use crate::chain::{MinDifficulty, Retarget};

/// A header of the list.
#[derive(Clone, Debug)]
pub(super) struct Item {
    pub(super) header: Header,
    pub(super) hash: BlockHash,
    pub(super) parent: Option<usize>,
    pub(super) work: U256,
    pub(super) invalid: bool,
    pub(super) has_block: bool,
    /// Which block became complete before which, from 1.
    pub(super) completed: Option<usize>,
}

/// Every header in the order of coming, the first one first.
#[derive(Clone, Debug)]
pub(super) struct Model {
    params: Params,
    pub(super) items: Vec<Item>,
    completed_count: usize,
}

impl Model {
    pub(super) fn new(params: Params) -> Self {
        let header = params.genesis;
        let genesis = Item {
            header,
            hash: header.hash(),
            parent: None,
            work: work(header.bits.target().unwrap()),
            invalid: false,
            has_block: true,
            completed: Some(1),
        };
        Self { params, items: vec![genesis], completed_count: 1 }
    }

    pub(super) fn find(&self, hash: BlockHash) -> Option<usize> {
        self.items.iter().position(|item| item.hash == hash)
    }

    /// From a header down to the first.
    pub(super) fn way_down(&self, at: usize) -> Vec<usize> {
        std::iter::successors(Some(at), |at| self.items[*at].parent).collect()
    }

    pub(super) fn height(&self, at: usize) -> usize {
        self.way_down(at).len() - 1
    }

    pub(super) fn median(&self, at: usize) -> u32 {
        let mut times: Vec<_> =
            self.way_down(at).iter().take(11).map(|at| self.items[*at].header.time).collect();
        times.sort_unstable();
        times[times.len() / 2]
    }

    /// The target upon `at`, for a header of that time.
    pub(super) fn next_bits(&self, at: usize, time: u32) -> Bits {
        let params = &self.params;
        let (down, easiest) = (self.way_down(at), Bits::of(params.pow_limit));
        let header = |at: usize| self.items[at].header;
        let period = (params.timespan_secs / params.spacing_secs) as usize;
        if down.len() % period == 0 {
            let (first, last) = (header(down[period - 1]), header(at));
            let took = i64::from(last.time) - i64::from(first.time);
            return match params.retarget {
                Retarget::Never => last.bits,
                Retarget::Last => retargeted(params, last.bits, took),
                Retarget::First => retargeted(params, first.bits, took),
            };
        }
        if params.min_difficulty == MinDifficulty::Forbidden {
            return header(at).bits;
        }
        if i64::from(time) - i64::from(header(at).time) > 2 * i64::from(params.spacing_secs) {
            return easiest;
        }
        let is_rule =
            |at: &usize| header(*at).bits != easiest || self.height(*at).is_multiple_of(period);
        header(down.into_iter().find(is_rule).unwrap_or(0)).bits
    }

    pub(super) fn insert(
        &mut self,
        batch: &[Header],
        now: UnixTime,
    ) -> Result<Option<usize>, (usize, &'static str)> {
        if batch.len() > 2000 {
            return Err((2000, "many"));
        }
        let limit = self.params.pow_limit;
        if let Some(bad) = batch.iter().position(|header| header.check_pow(limit).is_err()) {
            return Err((bad, "pow"));
        }
        let follows = |pair: &[Header]| pair[1].previous == pair[0].hash();
        if let Some(gap) = batch.windows(2).position(|pair| !follows(pair)) {
            return Err((gap + 1, "gap"));
        }
        let mut last = None;
        for (index, header) in batch.iter().enumerate() {
            last = Some(self.insert_one(header, now).map_err(|why| (index, why))?);
        }
        Ok(last)
    }

    fn insert_one(&mut self, header: &Header, now: UnixTime) -> Result<usize, &'static str> {
        let parent = self.find(header.previous).ok_or("unconnected")?;
        if let Some(known) = self.find(header.hash()) {
            return if self.items[known].invalid { Err("known invalid") } else { Ok(known) };
        }
        if self.items[parent].invalid {
            return Err("invalid parent");
        }
        if header.bits != self.next_bits(parent, header.time) {
            return Err("bits");
        }
        if header.time <= self.median(parent) {
            return Err("old");
        }
        let period = (self.params.timespan_secs / self.params.spacing_secs) as usize;
        let begins = (self.height(parent) + 1).is_multiple_of(period);
        let back = i64::from(self.items[parent].header.time) - i64::from(header.time);
        if self.params.retarget == Retarget::First && begins && back > 600 {
            return Err("timewarp");
        }
        if u64::from(header.time) > now.as_secs() + 7_200 {
            return Err("new");
        }
        let proof = work(header.bits.target().unwrap());
        self.items.push(Item {
            header: *header,
            hash: header.hash(),
            parent: Some(parent),
            work: self.items[parent].work.saturating_add(proof),
            invalid: false,
            has_block: false,
            completed: None,
        });
        Ok(self.items.len() - 1)
    }

    pub(super) fn invalidate(&mut self, bad: usize) {
        for at in 0..self.items.len() {
            if self.way_down(at).contains(&bad) {
                self.items[at].invalid = true;
            }
        }
    }

    /// Gives what is complete with it.
    pub(super) fn take_block(&mut self, at: usize) -> Vec<usize> {
        self.items[at].has_block = true;
        let mut complete = Vec::new();
        loop {
            // Level by level, as they lie above what came.
            let is_next = |at: &usize| {
                let item = &self.items[*at];
                let below = item.parent.and_then(|below| self.items[below].completed);
                item.has_block && item.completed.is_none() && below.is_some()
            };
            let rank = |at: &usize| {
                (self.height(*at), self.items[self.items[*at].parent.unwrap()].completed, *at)
            };
            let Some(next) = (0..self.items.len()).filter(is_next).min_by_key(rank) else {
                return complete;
            };
            self.completed_count += 1;
            self.items[next].completed = Some(self.completed_count);
            complete.push(next);
        }
    }

    /// The best by work, and by rank among those of as much.
    fn best(&self, rank: impl Fn(usize) -> Option<usize>) -> usize {
        let mut best: Option<(usize, usize)> = None;
        for at in 0..self.items.len() {
            let Some(its) = rank(at).filter(|_| !self.items[at].invalid) else { continue };
            let work = self.items[at].work;
            let is_better = best.is_none_or(|(best, rank)| {
                let most = self.items[best].work;
                work > most || work == most && its < rank
            });
            if is_better {
                best = Some((at, its));
            }
        }
        best.map_or(0, |(at, _)| at)
    }

    pub(super) fn tip(&self) -> usize {
        self.best(Some)
    }

    pub(super) fn best_complete(&self) -> usize {
        self.best(|at| self.items[at].completed)
    }

    pub(super) fn last_common_ancestor(&self, one: usize, other: usize) -> usize {
        let others = self.way_down(other);
        self.way_down(one).into_iter().find(|at| others.contains(at)).unwrap()
    }

    /// Heights of a locator.
    pub(super) fn locator(&self, tip: usize) -> Vec<BlockHash> {
        let mut chain = self.way_down(tip);
        chain.reverse();
        let top = chain.len() - 1;
        let steps = (0..11).chain((1..32).map(|n| 10 + (2_usize.pow(n) - 1)));
        let mut heights: Vec<_> = steps.filter_map(|down| top.checked_sub(down)).collect();
        if heights.last() != Some(&0) {
            heights.push(0);
        }
        heights.into_iter().map(|height| self.items[chain[height]].hash).collect()
    }

    pub(super) fn headers_after(
        &self,
        tip: usize,
        locator: &[BlockHash],
        stop: BlockHash,
    ) -> Vec<Header> {
        let mut chain = self.way_down(tip);
        chain.reverse();
        let fork = locator.iter().find_map(|hash| {
            let at = self.find(*hash)?;
            if self.way_down(at).contains(&tip) {
                return Some(tip);
            }
            chain.contains(&at).then_some(at)
        });
        let above = chain.into_iter().skip(self.height(fork.unwrap_or(0)) + 1).take(2000);
        let mut headers = Vec::new();
        for at in above {
            headers.push(self.items[at].header);
            if self.items[at].hash == stop {
                break;
            }
        }
        headers
    }
}
