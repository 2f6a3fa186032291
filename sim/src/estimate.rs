//! How often something was seen, and between which bounds its probability lies: Wilson's interval
//! ("Probable inference", 1927), in whole numbers, so that it is the same everywhere.

use std::fmt;

/// How often something was seen, of how often it could have been.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Estimate {
    /// How often it was.
    pub hits: u32,
    /// How often one looked; at least once.
    pub trials: u32,
}

/// One, in which the terms of the interval are counted.
const UNIT: u128 = 1_000_000;

/// z = 1.96 for 95 %: z in hundredths; half its square and the square in millionths, and a fourth
/// of the square in units squared.
const Z_HUNDREDTHS: u128 = 196;
const HALF_Z2: u128 = 1_920_800;
const Z2: u128 = 3_841_600;
const QUARTER_Z2_SQUARED: u128 = 960_400_000_000;

impl Estimate {
    /// Between which the probability lies, in thousandths: with 95 %, were it asked often.
    #[must_use]
    pub fn interval(self) -> (u32, u32) {
        let (hits, trials) = (u128::from(self.hits), u128::from(self.trials));
        let spread = hits * (trials - hits) * UNIT * UNIT / trials + QUARTER_Z2_SQUARED;
        let reach = Z_HUNDREDTHS * spread.isqrt() / 100;
        let (centre, all) = (hits * UNIT + HALF_Z2, trials * UNIT + Z2);
        let thousandths = |part: u128| u32::try_from(part).expect("at most a thousand");
        let low = centre.saturating_sub(reach) * 1000 / all;
        let high = ((centre + reach) * 1000).div_ceil(all).min(1000);
        (thousandths(low), thousandths(high))
    }

    /// The share, in thousandths.
    #[must_use]
    pub fn thousandths(self) -> u32 {
        let share = u64::from(self.hits) * 1000 / u64::from(self.trials);
        u32::try_from(share).expect("at most a thousand")
    }

    /// Whether it was seen each time.
    #[must_use]
    pub const fn is_certain(self) -> bool {
        self.hits == self.trials
    }
}

impl fmt::Display for Estimate {
    /// Such as `3 of 64 (1..13 %)`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (low, high) = self.interval();
        write!(f, "{} of {} ({}..{} %)", self.hits, self.trials, low / 10, high.div_ceil(10))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Computed apart, with real numbers.
    #[test]
    fn intervals_are_those_of_wilson() {
        let known = [(0, 64, 0, 57), (64, 64, 943, 1000), (32, 64, 381, 619), (3, 64, 16, 130)];
        for (hits, trials, low, high) in known {
            let (is_low, is_high) = Estimate { hits, trials }.interval();
            assert!(is_low.abs_diff(low) <= 1 && is_high.abs_diff(high) <= 1, "{hits}/{trials}");
        }
        assert_eq!(Estimate { hits: 3, trials: 64 }.to_string(), "3 of 64 (1..13 %)");
    }
}
