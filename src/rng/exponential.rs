//! Waiting times that are as likely to end in any moment as in any other.
//!
//! The logarithm is fixed point, so that a draw gives the same time on every machine. Core:
//! random.cpp, `MakeExponentiallyDistributed`, -ln(1 - u) of 53 bits, in floating point.

use std::time::Duration;

/// Bits of a draw that count. Core: likewise, as many as a double has.
const DRAW_BITS: u32 = 53;
/// Bits behind the point of a logarithm.
const FRACTION_BITS: u32 = 48;
/// The natural logarithm of 2, with [`FRACTION_BITS`] behind the point.
const LN_2: u128 = 195_103_586_505_167;

/// A time of this mean, exponentially distributed, from a draw of 64 bits. At most 36.8 times the
/// mean, and less than 584 years.
#[must_use]
pub fn exponential(draw: u64, mean: Duration) -> Duration {
    // 1 - u, in units of 2^-53: from 1 to 2^53.
    let rest = (1 << DRAW_BITS) - (draw >> (u64::BITS - DRAW_BITS));
    let log = u128::from(DRAW_BITS) << FRACTION_BITS;
    let nats = ((log - log2(rest)) * LN_2) >> FRACTION_BITS;
    let nanos = nats.saturating_mul(mean.as_nanos()) >> FRACTION_BITS;
    Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
}

/// The binary logarithm of a number above zero, bit by bit: a square at or above 2 has another one.
fn log2(number: u64) -> u128 {
    let whole = number.ilog2();
    // From 1 to below 2, with 63 bits behind the point.
    let mut mantissa = number << (63 - whole);
    let mut log = u128::from(whole);
    for _ in 0..FRACTION_BITS {
        let square = (u128::from(mantissa) * u128::from(mantissa)) >> 63;
        let carry = square >> 64;
        log = log << 1 | carry;
        mantissa = u64::try_from(square >> carry).expect("below 2, with 63 bits behind the point");
    }
    log
}

#[cfg(test)]
mod tests {
    use super::*;

    const MEAN: Duration = Duration::from_secs(30);

    /// Against -ln(1 - u) in floating point, to the microsecond.
    #[test]
    fn draws_become_golden_times() {
        for (draw, nanos) in [
            (0, 0),
            (1 << 63, 20_794_415_417),
            (3 << 62, 41_588_830_833),
            (1 << 62, 8_630_462_173),
            (u64::MAX, 1_102_104_017_090),
            (u64::MAX - (1 << 12), 1_069_145_648_430),
        ] {
            let found = exponential(draw, MEAN);
            assert!(found.as_nanos().abs_diff(nanos) < 1_000, "{draw}: {found:?}");
        }
    }

    #[test]
    fn times_of_many_draws_have_their_mean() {
        let total: Duration = (0..1 << 12).map(|n| exponential((n << 52) | 1 << 51, MEAN)).sum();
        let mean = total / (1 << 12);
        assert!(mean > MEAN * 99 / 100 && mean < MEAN * 101 / 100, "{mean:?}");
    }

    #[test]
    fn long_means_saturate() {
        assert_eq!(exponential(u64::MAX, Duration::MAX), Duration::from_nanos(u64::MAX));
    }
}
