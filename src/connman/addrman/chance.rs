//! How likely an address is chosen once the choice fell on it: fixed point, no floats.
//!
//! A chance is a number of 2^60ths. Core (addrman.cpp, `GetChance` and `Select_`) has doubles
//! there.

use crate::rng::Draws;

/// What makes up one.
pub(super) const ONE: u64 = 1 << 60;

/// More failures than this make an address no less likely. Core: `GetChance`, the bound in `pow`.
const FAILURES_COUNTED: usize = 8;

/// Chances by how many failures there were, without and with an attempt just now.
const TABLE: [[u64; FAILURES_COUNTED + 1]; 2] = [row(1), row(100)];

/// A factor is a number of 2^32ds.
const FACTOR_ONE: u64 = 1 << 32;

/// At this factor the least chance is above one, so that no greater one is needed.
const FACTOR_MAX: u64 = FACTOR_ONE << 12;
const _: () = assert!((TABLE[1][FAILURES_COUNTED] as u128) << 12 > ONE as u128);

/// How fine the draw is: Core draws 30 bits.
const DRAW_BITS: u32 = 30;

/// 0.66 to the power of 0 to 8, each divided by `divisor`, to the nearest.
const fn row(divisor: u128) -> [u64; FAILURES_COUNTED + 1] {
    let mut row = [0; FAILURES_COUNTED + 1];
    let (mut above, mut below, mut n) = (1_u128, divisor, 0);
    while n <= FAILURES_COUNTED {
        let nearest = ((above << 60) + below / 2) / below;
        assert!(nearest <= ONE as u128);
        #[expect(clippy::cast_possible_truncation, reason = "at most 2^60, as just asserted")]
        {
            row[n] = nearest as u64;
        }
        (above, below, n) = (above * 33, below * 50, n + 1);
    }
    row
}

/// Whether somebody tried an address in the last 10 minutes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tried {
    /// Longer ago, or never.
    LongAgo,
    /// Just now: a hundredth of the chance.
    JustNow,
}

/// The chance of an address after `failures` failed attempts.
pub(super) fn chance(failures: u32, tried: Tried) -> u64 {
    let failures = usize::try_from(failures).unwrap_or(FAILURES_COUNTED).min(FAILURES_COUNTED);
    match tried {
        Tried::LongAgo => TABLE[0][failures],
        Tried::JustNow => TABLE[1][failures],
    }
}

/// What multiplies chances: it grows by a fifth with each address that was passed over, so that a
/// choice among bad ones ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Factor(u64);

impl Factor {
    /// At the start, one.
    pub(super) const START: Self = Self(FACTOR_ONE);

    /// Whether an address of this chance is taken.
    pub(super) fn takes(self, chance: u64, draws: &mut Draws) -> bool {
        let drawn = u128::from(draws.below(1 << DRAW_BITS));
        drawn << (60 + 32 - DRAW_BITS) < u128::from(self.0) * u128::from(chance)
    }

    /// After one more was passed over.
    pub(super) fn grown(self) -> Self {
        Self((self.0 + self.0 / 5).min(FACTOR_MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::{Purpose, Seed};

    /// Rounded from exact fractions of 2^60, computed apart from this program.
    #[test]
    fn chances_keep_their_golden_values() {
        let golden = [
            [
                1_152_921_504_606_846_976,
                760_928_193_040_519_004,
                502_212_607_406_742_543,
                62_893_720_833_336_257,
                41_509_855_750_001_930,
                41_509_855_750_001_930,
                41_509_855_750_001_930,
            ],
            [
                11_529_215_046_068_470,
                7_609_281_930_405_190,
                5_022_126_074_067_425,
                628_937_208_333_363,
                415_098_557_500_019,
                415_098_557_500_019,
                415_098_557_500_019,
            ],
        ];
        let failures = [0, 1, 2, 7, 8, 9, u32::MAX];
        assert_eq!(failures.map(|n| chance(n, Tried::LongAgo)), golden[0]);
        assert_eq!(failures.map(|n| chance(n, Tried::JustNow)), golden[1]);
    }

    #[test]
    fn factor_grows_by_a_fifth_up_to_its_bound() {
        assert_eq!(Factor::START.grown().0, 5_153_960_755);
        assert_eq!(Factor::START.grown().grown().0, 6_184_752_906);
        let mut factor = Factor::START;
        for _ in 0..46 {
            factor = factor.grown();
        }
        assert_eq!(factor.0, FACTOR_MAX);
        assert_eq!(factor.grown(), factor);
    }

    #[test]
    fn certain_is_always_taken_and_rare_is_rarely() {
        let mut draws = Seed::from_number(1).draws(Purpose::AddrMan, 0);
        assert!((0..1000).all(|_| Factor::START.takes(ONE, &mut draws)));
        let least = chance(8, Tried::JustNow);
        assert!((0..1000).all(|_| Factor(FACTOR_MAX).takes(least, &mut draws)));
        let taken = (0..10_000).filter(|_| Factor::START.takes(ONE / 100, &mut draws)).count();
        assert!((60..150).contains(&taken), "{taken} of 10000 at a hundredth");
    }
}
