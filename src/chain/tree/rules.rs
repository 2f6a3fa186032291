//! What the headers below ask of a header: its target and its time.
//!
//! Sources: Core pow.cpp, `GetNextWorkRequired` and `CalculateNextWorkRequired`; validation.cpp,
//! `ContextualCheckBlockHeader`; BIP 94.

use std::time::Duration;

use super::{HeaderId, HeaderTree, InsertWhy};
use crate::chain::{Bits, Header, MinDifficulty, Params, Retarget, U256};
use crate::time::UnixTime;

/// Over how many blocks the median of times is taken. Core: `nMedianTimeSpan`.
pub const MEDIAN_TIME_BLOCKS: usize = 11;

/// How far ahead a block's time may be, in seconds. Core: `MAX_FUTURE_BLOCK_TIME`.
pub const FUTURE_SECS_MAX: u64 = 2 * 60 * 60;

/// How far back the first block of a period may go, in seconds. BIP 94; Core: `MAX_TIMEWARP`.
pub const TIMEWARP_SECS_MAX: u32 = 600;

/// In one period difficulty moves by this factor at most.
const RETARGET_FACTOR_MAX: i64 = 4;

/// The target of a period, from that of the last one and the seconds from its first block to its
/// last. Core: `CalculateNextWorkRequired`. Four times the limit's target, in seconds of a period,
/// has room in 256 bits on every network where difficulty moves.
#[must_use]
pub fn retargeted(params: &Params, bits: Bits, took_secs: i64) -> Bits {
    let wanted = i64::from(params.timespan_secs);
    let took = took_secs.clamp(wanted / RETARGET_FACTOR_MAX, wanted * RETARGET_FACTOR_MAX);
    let took = u64::try_from(took).expect("clamped to what is above zero");
    let target = bits.target().unwrap_or(params.pow_limit).saturating_mul(took);
    let target = target.divided_by(U256::from_u64(u64::from(params.timespan_secs)));
    Bits::of(target.min(params.pow_limit))
}

/// Whether a chain may go from one target to the next so high, as far as can be told without the
/// times of the period before: within a period there is one target, and from one to the next it
/// moves by a factor of four at most. Core: `PermittedDifficultyTransition`.
#[must_use]
pub fn may_follow(params: &Params, height: u64, before: Bits, bits: Bits) -> bool {
    if params.min_difficulty == MinDifficulty::Allowed {
        return true;
    }
    if !height.is_multiple_of(u64::from(params.period_blocks())) {
        return bits == before;
    }
    // The quickest period and the slowest; as compact targets, since those are rounded.
    let bounds = [0, i64::MAX].map(|took| retargeted(params, before, took).target());
    let [Ok(hardest), Ok(easiest)] = bounds else { return false };
    bits.target().is_ok_and(|target| hardest <= target && target <= easiest)
}

impl HeaderTree {
    /// The target that a header must have upon `parent`, with its `time` in s since 1970.
    #[must_use]
    pub fn next_bits(&self, parent: HeaderId, time: u32) -> Bits {
        let (params, below) = (self.params(), self.node(parent));
        let period = params.period_blocks();
        if (below.height + 1).is_multiple_of(period) {
            return self.period_bits(parent);
        }
        if params.min_difficulty == MinDifficulty::Forbidden {
            return below.bits;
        }
        if u64::from(time) > u64::from(below.time) + 2 * u64::from(params.spacing_secs) {
            return params.pow_limit_bits();
        }
        // The last one that was no exception, within the period.
        let mut at = parent;
        while let Some(lower) = self.parent(at) {
            let node = self.node(at);
            if node.height.is_multiple_of(period) || node.bits != params.pow_limit_bits() {
                break;
            }
            at = lower;
        }
        self.node(at).bits
    }

    /// The target of the period that begins upon `last`.
    fn period_bits(&self, last: HeaderId) -> Bits {
        let (params, node) = (self.params(), self.node(last));
        let first_height = node.height + 1 - params.period_blocks();
        let first = self.node(self.ancestor(last, first_height).expect("it is below"));
        let bits = match params.retarget {
            Retarget::Never => return node.bits,
            Retarget::Last => node.bits,
            Retarget::First => first.bits,
        };
        retargeted(params, bits, i64::from(node.time) - i64::from(first.time))
    }

    /// The median of the times of a header and the ten below it, s since 1970; of fewer near the
    /// first. Core: `GetMedianTimePast`.
    #[must_use]
    pub fn median_time_past(&self, id: HeaderId) -> u32 {
        let below = std::iter::successors(Some(id), |id| self.parent(*id));
        let mut times: Vec<_> = below.take(MEDIAN_TIME_BLOCKS).map(|id| self.time(id)).collect();
        times.sort_unstable();
        times[times.len() / 2]
    }

    pub(super) fn check_rules(
        &self,
        parent: HeaderId,
        header: &Header,
        now: UnixTime,
    ) -> Result<(), InsertWhy> {
        let (time, below) = (header.time, self.node(parent));
        let expected = self.next_bits(parent, time);
        if header.bits != expected {
            return Err(InsertWhy::WrongBits { found: header.bits, expected });
        }
        let median = self.median_time_past(parent);
        if time <= median {
            return Err(InsertWhy::TooOld { time, median });
        }
        let begins_period = (below.height + 1).is_multiple_of(self.params().period_blocks());
        let earliest = below.time.saturating_sub(TIMEWARP_SECS_MAX);
        if self.params().retarget == Retarget::First && begins_period && time < earliest {
            return Err(InsertWhy::Timewarp { time, previous: below.time });
        }
        let latest = now + Duration::from_secs(FUTURE_SECS_MAX);
        if UnixTime::from_secs(u64::from(time)) > latest {
            return Err(InsertWhy::TooNew { time, now: now.as_secs() });
        }
        Ok(())
    }
}
