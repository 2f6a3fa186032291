//! Time as an argument: two clocks, neither of which this crate's logic ever reads.
//!
//! [`Instant`] counts on the steady clock, [`UnixTime`] on the wall clock, which may jump. Only a
//! driver (`src/driver/`) knows where their values come from; the simulator makes them up.

use std::fmt;
use std::ops::{Add, Sub};
use std::time::Duration;

/// A moment on the steady clock, in nanoseconds from an arbitrary start.
///
/// Ours, because the standard library's cannot be made at a chosen value. The range is 584 years;
/// sums saturate at its end, which is how "never" may be written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Instant(u64);

impl Instant {
    /// The start of the clock.
    pub const START: Self = Self(0);

    /// The moment `nanos` nanoseconds after the start.
    #[must_use]
    pub const fn from_nanos(nanos: u64) -> Self {
        Self(nanos)
    }

    /// Nanoseconds since the start.
    #[must_use]
    pub const fn as_nanos(self) -> u64 {
        self.0
    }

    /// Time passed since `earlier`; zero if `earlier` is in fact later.
    #[must_use]
    pub const fn since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }
}

impl Add<Duration> for Instant {
    type Output = Self;

    fn add(self, after: Duration) -> Self {
        Self(self.0.saturating_add(saturating_nanos(after)))
    }
}

impl fmt::Display for Instant {
    /// Seconds with six decimals, as in `12.000250s`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:06}s", self.0 / 1_000_000_000, self.0 % 1_000_000_000 / 1_000)
    }
}

/// A moment on the wall clock, in nanoseconds since 1970-01-01 UTC, leap seconds not counted.
///
/// Later is not always after: the clock is set by people and by NTP. Times before 1970 do not occur
/// (zero stands for them), times after 2554 saturate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UnixTime(u64);

impl UnixTime {
    /// 1970-01-01 00:00 UTC.
    pub const EPOCH: Self = Self(0);

    /// The moment `seconds` after 1970.
    #[must_use]
    pub const fn from_secs(seconds: u64) -> Self {
        Self(seconds.saturating_mul(1_000_000_000))
    }

    /// The moment `nanos` nanoseconds after 1970.
    #[must_use]
    pub const fn from_nanos(nanos: u64) -> Self {
        Self(nanos)
    }

    /// Whole seconds since 1970, as the wire carries them.
    #[must_use]
    pub const fn as_secs(self) -> u64 {
        self.0 / 1_000_000_000
    }

    /// The second in which it lies: what is left where only whole seconds are kept.
    #[must_use]
    pub const fn second(self) -> Self {
        Self::from_secs(self.as_secs())
    }

    /// Nanoseconds since 1970.
    #[must_use]
    pub const fn as_nanos(self) -> u64 {
        self.0
    }
}

impl Add<Duration> for UnixTime {
    type Output = Self;

    fn add(self, after: Duration) -> Self {
        Self(self.0.saturating_add(saturating_nanos(after)))
    }
}

impl Sub for UnixTime {
    type Output = Duration;

    /// Time from `earlier` to `self`; zero if `earlier` is in fact later.
    fn sub(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }
}

/// What time it is, on both clocks at once.
///
/// Every entry point that can depend on time takes one. A timer's declaration says which of the two
/// it runs on; mock time replaces `wall` alone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Now {
    /// The clock that never jumps.
    pub steady: Instant,
    /// The clock on the wall.
    pub wall: UnixTime,
}

impl Now {
    /// When the wall clock will show `at`, on the steady clock, if nobody sets it meanwhile.
    /// A moment already past is now.
    #[must_use]
    pub fn steady_at(self, at: UnixTime) -> Instant {
        self.steady + (at - self.wall)
    }
}

/// A duration's nanoseconds, at most `u64::MAX`.
fn saturating_nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_saturate_rather_than_wrap() {
        let end = Instant::from_nanos(u64::MAX);
        assert_eq!(end + Duration::from_secs(1), end);
        assert_eq!(UnixTime::from_secs(u64::MAX).as_nanos(), u64::MAX);
        assert_eq!(Instant::START.since(end), Duration::ZERO);
    }

    #[test]
    fn wall_deadline_already_past_is_due_now() {
        let now = Now { steady: Instant::from_nanos(5), wall: UnixTime::from_secs(100) };
        assert_eq!(now.steady_at(UnixTime::from_secs(99)), now.steady);
        assert_eq!(now.steady_at(UnixTime::from_secs(101)), now.steady + Duration::from_secs(1));
    }
}
