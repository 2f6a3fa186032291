//! Difficulty: the compact form of a target, and how much work a target stands for.
//!
//! Sources: Core arith_uint256.cpp, `SetCompact` and `GetCompact`; chain.cpp, `GetBlockProof`.

use std::fmt;

use super::U256;

/// A target as a header has it (`nBits`): a byte for the length, three for the first digits in base
/// 256, of which the highest bit is a sign.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Bits(pub u32);

/// Why a compact form is no target.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TargetError {
    /// It is below zero.
    Negative,
    /// No hash would be below it.
    Zero,
    /// It is 2^256 or more.
    Overflow,
}

impl fmt::Display for TargetError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Negative => "target is below zero",
            Self::Zero => "target is zero",
            Self::Overflow => "target is over 256 bits",
        })
    }
}

impl std::error::Error for TargetError {}

const SIGN: u32 = 0x0080_0000;

impl Bits {
    /// The number that a hash must not exceed.
    ///
    /// # Errors
    ///
    /// There is no such number.
    pub fn target(self) -> Result<U256, TargetError> {
        let Self(compact) = self;
        let bytes = compact >> 24;
        let digits = compact & (SIGN - 1);
        // Digits behind the point are cut off, and a sign without digits is none.
        let digits = if bytes < 3 { digits >> (8 * (3 - bytes)) } else { digits };
        if digits == 0 {
            return Err(TargetError::Zero);
        }
        if compact & SIGN != 0 {
            return Err(TargetError::Negative);
        }
        let digits = U256::from_u64(u64::from(digits));
        let shift = 8 * bytes.saturating_sub(3);
        if digits.bits() + shift > 256 {
            return Err(TargetError::Overflow);
        }
        Ok(digits.shifted_left(shift))
    }

    /// The compact form of a target; digits behind the third are cut off.
    #[must_use]
    pub fn of(target: U256) -> Self {
        let mut bytes = target.bits().div_ceil(8);
        let mut digits = match bytes.checked_sub(3) {
            Some(more) => target.shifted_right(8 * more).low_u64(),
            None => target.low_u64() << (8 * (3 - bytes)),
        };
        // The highest bit would be taken for the sign.
        if digits & u64::from(SIGN) != 0 {
            digits >>= 8;
            bytes += 1;
        }
        Self(u32::try_from(digits).expect("three bytes") | bytes << 24)
    }
}

impl fmt::Display for Bits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:08x}", self.0)
    }
}

/// How many hashes it takes on average to be at or below a target: 2^256 / (target + 1), rounded
/// down.
#[must_use]
pub fn work(target: U256) -> U256 {
    // 2^256 has no room, but (2^256 - 1 - target) / (target + 1) is one less.
    let divisor = target.saturating_add(U256::ONE);
    if divisor == U256::MAX {
        return U256::ONE;
    }
    target.complement().divided_by(divisor).saturating_add(U256::ONE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(compact: u32, expected: Result<&str, TargetError>) {
        let target = Bits(compact).target();
        let expected = expected.map(|hex| format!("{hex:0>64}"));
        assert_eq!(target.map(|target| target.to_string()), expected);
    }

    fn with_zeros(digits: &str, zeros: usize) -> String {
        format!("{digits}{}", "0".repeat(zeros))
    }

    /// Core: test/arith_uint256_tests.cpp, `bignum_SetCompact`.
    #[test]
    fn compact_targets_are_read_as_the_reference_reads_them() {
        for zero in [0, 0x0012_3456, 0x0100_3456, 0x0200_0056, 0x0300_0000, 0x0400_0000] {
            check(zero, Err(TargetError::Zero));
        }
        for zero in [0x0092_3456, 0x0180_3456, 0x0280_0056, 0x0380_0000, 0x0480_0000] {
            check(zero, Err(TargetError::Zero));
        }
        check(0x0112_3456, Ok("12"));
        check(0x0212_3456, Ok("1234"));
        check(0x0312_3456, Ok("123456"));
        check(0x0412_3456, Ok("12345600"));
        check(0x0500_9234, Ok("92340000"));
        check(0x2012_3456, Ok(&with_zeros("123456", 58)));
        check(0x01fe_dcba, Err(TargetError::Negative));
        check(0x0492_3456, Err(TargetError::Negative));
        check(0xff12_3456, Err(TargetError::Overflow));
        // The edges of 256 bits.
        check(0x2100_ffff, Ok(&with_zeros("ffff", 60)));
        check(0x2200_00ff, Ok(&with_zeros("ff", 62)));
        check(0x2101_0000, Err(TargetError::Overflow));
        check(0x2200_0100, Err(TargetError::Overflow));
        check(0x2300_0001, Err(TargetError::Overflow));
    }

    #[test]
    fn compact_form_keeps_three_bytes_and_no_sign() {
        for (number, compact) in [
            (0, 0),
            (0x12, 0x0112_0000),
            (0x80, 0x0200_8000),
            (0x1234, 0x0212_3400),
            (0x0012_3456, 0x0312_3456),
            (0x1234_5600, 0x0412_3456),
            (0x1234_56ff, 0x0412_3456),
            (0x9234_0000, 0x0500_9234),
        ] {
            assert_eq!(Bits::of(U256::from_u64(number)), Bits(compact), "{number:x}");
        }
        assert_eq!(Bits::of(U256::MAX), Bits(0x2100_ffff));
    }

    /// Of the first blocks of the main network, of regtest and of signet.
    #[test]
    fn work_is_what_a_target_takes_on_average() {
        for (compact, expected) in
            [(0x1d00_ffff_u32, 0x1_0001_0001_u64), (0x207f_ffff, 2), (0x1e03_77ae, 4_838_420)]
        {
            let target = Bits(compact).target().expect("a target");
            assert_eq!(work(target), U256::from_u64(expected), "{compact:x}");
        }
        assert_eq!(work(U256::ZERO), U256::MAX, "2^256 has no room");
        assert_eq!(work(U256::MAX), U256::ONE);
        assert_eq!(work(U256::MAX.saturating_sub(U256::ONE)), U256::ONE);
        assert_eq!(work(U256::ONE), U256::ONE.shifted_left(255));
    }
}
