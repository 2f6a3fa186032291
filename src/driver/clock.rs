//! The one place that reads the operating system's clocks.
#![expect(clippy::disallowed_methods, reason = "this file is where time enters")]

use std::time::{Instant as SystemInstant, SystemTime, UNIX_EPOCH};

use crate::time::{Instant, Now, UnixTime};

/// Where a driver takes the time from.
pub trait Clock {
    /// What time it is.
    fn now(&self) -> Now;
}

/// The machine's clocks. The steady one counts from the moment at which this value was made.
#[derive(Clone, Copy, Debug)]
pub struct SystemClock {
    start: SystemInstant,
}

impl SystemClock {
    /// A clock that starts now.
    #[must_use]
    pub fn start() -> Self {
        Self { start: SystemInstant::now() }
    }
}

impl Clock for SystemClock {
    fn now(&self) -> Now {
        let steady = u64::try_from(self.start.elapsed().as_nanos()).unwrap_or(u64::MAX);
        // A wall clock set before 1970 shows as 1970.
        let wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let wall = u64::try_from(wall.as_nanos()).unwrap_or(u64::MAX);
        Now { steady: Instant::from_nanos(steady), wall: UnixTime::from_nanos(wall) }
    }
}
