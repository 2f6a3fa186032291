//! Numbers of 256 bits: targets and work. Only what those two need.

use std::fmt;

/// A number below 2^256.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
// The most significant limb comes first, so that the derived order is that of numbers.
pub struct U256([u64; 4]);

impl U256 {
    /// Nothing.
    pub const ZERO: Self = Self([0; 4]);
    /// One.
    pub const ONE: Self = Self([0, 0, 0, 1]);
    /// 2^256 - 1.
    pub const MAX: Self = Self([u64::MAX; 4]);

    /// A number from its 64-bit limbs, the most significant first.
    #[must_use]
    pub const fn from_limbs(limbs: [u64; 4]) -> Self {
        Self(limbs)
    }

    /// A small number.
    #[must_use]
    pub const fn from_u64(number: u64) -> Self {
        Self([0, 0, 0, number])
    }

    /// A number from its bytes, the least significant first, as a hash is read for its work.
    #[must_use]
    pub fn from_le_bytes(bytes: [u8; 32]) -> Self {
        let mut limbs = [0; 4];
        for (limb, chunk) in limbs.iter_mut().rev().zip(bytes.chunks_exact(8)) {
            *limb = chunk.iter().rev().fold(0, |limb, byte| limb << 8 | u64::from(*byte));
        }
        Self(limbs)
    }

    /// Its bytes, the most significant first.
    #[must_use]
    pub fn to_be_bytes(self) -> [u8; 32] {
        let mut bytes = [0; 32];
        for (chunk, limb) in bytes.chunks_exact_mut(8).zip(self.0) {
            chunk.copy_from_slice(&limb.to_be_bytes());
        }
        bytes
    }

    /// The lowest 64 bits.
    #[must_use]
    pub const fn low_u64(self) -> u64 {
        self.0[3]
    }

    /// How many bits it needs; zero needs none.
    #[must_use]
    pub fn bits(self) -> u32 {
        let mut bits = 256;
        for limb in self.0 {
            if limb != 0 {
                return bits - limb.leading_zeros();
            }
            bits -= u64::BITS;
        }
        bits
    }

    /// The sum, or [`Self::MAX`] where it has no room.
    #[must_use]
    pub fn saturating_add(self, other: Self) -> Self {
        let (sum, overflow) = self.add(other);
        if overflow { Self::MAX } else { sum }
    }

    /// The difference, or zero where there is none.
    #[must_use]
    pub fn saturating_sub(self, other: Self) -> Self {
        if self < other { Self::ZERO } else { self.minus(other) }
    }

    /// The product, or [`Self::MAX`] where it has no room.
    #[must_use]
    pub fn saturating_mul(self, factor: u64) -> Self {
        let mut limbs = self.0;
        let mut carry = 0;
        for limb in limbs.iter_mut().rev() {
            let wide = u128::from(*limb) * u128::from(factor) + carry;
            *limb = low(wide);
            carry = wide >> u64::BITS;
        }
        if carry > 0 { Self::MAX } else { Self(limbs) }
    }

    /// The quotient, rounded down.
    ///
    /// # Panics
    ///
    /// The divisor is zero.
    #[must_use]
    pub fn divided_by(self, divisor: Self) -> Self {
        assert!(divisor != Self::ZERO, "nothing is divided by zero");
        let Some(most) = self.bits().checked_sub(divisor.bits()) else { return Self::ZERO };
        let (mut rest, mut quotient) = (self, Self::ZERO);
        for shift in (0..=most).rev() {
            let part = divisor.shifted_left(shift);
            quotient = quotient.shifted_left(1);
            if rest >= part {
                rest = rest.minus(part);
                quotient.0[3] |= 1;
            }
        }
        assert!(rest < divisor, "the rest is smaller than what divides");
        quotient
    }

    /// Every bit turned round: 2^256 - 1 - self.
    #[must_use]
    pub fn complement(self) -> Self {
        Self(self.0.map(|limb| !limb))
    }

    /// Moved to the left by `count` bits, below 256; what has no room is lost.
    #[must_use]
    pub fn shifted_left(self, count: u32) -> Self {
        let (limbs, bits) = limbs_and_bits(count);
        let at = |index: usize| self.0.get(index).copied().unwrap_or(0);
        Self(std::array::from_fn(|index| {
            let wide =
                u128::from(at(index + limbs)) << u64::BITS | u128::from(at(index + limbs + 1));
            low(wide << bits >> u64::BITS)
        }))
    }

    /// Moved to the right by `count` bits, below 256.
    #[must_use]
    pub fn shifted_right(self, count: u32) -> Self {
        let (limbs, bits) = limbs_and_bits(count);
        let at = |index: usize, less: usize| index.checked_sub(less).map_or(0, |at| self.0[at]);
        Self(std::array::from_fn(|index| {
            let upper = u128::from(at(index, limbs + 1)) << u64::BITS;
            low((upper | u128::from(at(index, limbs))) >> bits)
        }))
    }

    /// The sum without what has no room, and whether there was such.
    fn add(self, other: Self) -> (Self, bool) {
        let mut limbs = self.0;
        let mut carry = false;
        for (limb, added) in limbs.iter_mut().zip(other.0).rev() {
            let (sum, first) = limb.overflowing_add(added);
            let (sum, second) = sum.overflowing_add(u64::from(carry));
            (*limb, carry) = (sum, first || second);
        }
        (Self(limbs), carry)
    }

    /// The difference of a number and one that is not larger.
    fn minus(self, other: Self) -> Self {
        // 2^256 is added and carried away.
        self.add(other.complement().add(Self::ONE).0).0
    }
}

/// The lower half.
fn low(wide: u128) -> u64 {
    u64::try_from(wide & u128::from(u64::MAX)).expect("the upper half is masked")
}

/// A shift as whole limbs and the bits beyond them.
fn limbs_and_bits(count: u32) -> (usize, u32) {
    assert!(count < 256, "a shift is shorter than the number");
    (count as usize / 64, count % 64)
}

impl fmt::Display for U256 {
    /// 64 hexadecimal digits, the most significant first.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|limb| write!(f, "{limb:016x}"))
    }
}

#[cfg(test)]
mod tests {
    use rand_chacha::ChaCha8Rng;
    use rand_chacha::rand_core::{Rng as _, SeedableRng as _};

    use super::*;

    fn number(limbs: [u64; 4]) -> U256 {
        U256::from_limbs(limbs)
    }

    #[test]
    fn numbers_are_ordered_by_their_most_significant_part() {
        assert!(number([1, 0, 0, 0]) > number([0, u64::MAX, u64::MAX, u64::MAX]));
        assert!(U256::from_u64(2) > U256::ONE);
    }

    #[test]
    fn sums_and_differences_saturate() {
        let half = number([1 << 63, 0, 0, 0]);
        assert_eq!(half.saturating_add(half), U256::MAX);
        assert_eq!(number([0, 0, 0, u64::MAX]).saturating_add(U256::ONE), number([0, 0, 1, 0]));
        assert_eq!(number([0, 1, 0, 0]).saturating_sub(U256::ONE), number([0, 0, !0, !0]));
        assert_eq!(U256::ONE.saturating_sub(U256::from_u64(2)), U256::ZERO);
        assert_eq!(U256::MAX.saturating_mul(2), U256::MAX);
        assert_eq!(number([0, 0, 0, 1 << 63]).saturating_mul(6), number([0, 0, 3, 0]));
    }

    #[test]
    fn shifts_pass_limbs() {
        for count in [0, 1, 63, 64, 65, 127, 128, 200, 255] {
            let moved = U256::ONE.shifted_left(count);
            assert_eq!(moved.bits(), count + 1, "{count}");
            assert_eq!(moved.shifted_right(count), U256::ONE, "{count}");
            assert_eq!(U256::MAX.shifted_right(count).bits(), 256 - count, "{count}");
        }
        assert_eq!(U256::ZERO.bits(), 0);
    }

    #[test]
    fn quotients_times_divisors_come_back() {
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        for _ in 0..2_000 {
            let mut drawn = || {
                let limbs = std::array::from_fn(|_| rng.next_u64());
                number(limbs).shifted_right(rng.next_u32() % 256)
            };
            let (dividend, divisor) = (drawn(), drawn().saturating_add(U256::ONE));
            let quotient = dividend.divided_by(divisor);
            let mut rest = dividend;
            for bit in 0..quotient.bits() {
                if quotient.shifted_right(bit).low_u64() & 1 == 1 {
                    rest = rest.minus(divisor.shifted_left(bit));
                }
            }
            assert!(rest < divisor, "{dividend} / {divisor} = {quotient}");
        }
    }

    #[test]
    fn bytes_are_read_from_the_least() {
        let bytes: [u8; 32] = std::array::from_fn(|at| u8::try_from(at).unwrap());
        let read = U256::from_le_bytes(bytes);
        let mut turned = read.to_be_bytes();
        assert_eq!(format!("{read}").get(..8), Some("1f1e1d1c"));
        turned.reverse();
        assert_eq!(turned, bytes);
    }
}
