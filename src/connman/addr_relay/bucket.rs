//! How many addresses of a peer are looked at: a bucket of tokens that fills with time.
//!
//! Core: net_processing.cpp, `ProcessAddrs`; on the wall clock, as there. Whole numbers: ours.

use std::time::Duration;

use super::ADDR_TO_SEND_MAX;
use crate::time::UnixTime;

/// The time in which a token comes. Core: `MAX_ADDR_RATE_PER_SECOND`, 0.1.
pub const TOKEN_INTERVAL: Duration = Duration::from_secs(10);

/// Tokens up to which time fills the bucket. Core: `MAX_ADDR_PROCESSING_TOKEN_BUCKET`, as many as
/// addresses fit into a message.
pub const TOKENS_MAX: usize = ADDR_TO_SEND_MAX;

/// The tokens of one peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct TokenBucket {
    /// The time in which what is there has come.
    credit: Duration,
    /// When time was last counted.
    counted_at: UnixTime,
}

impl TokenBucket {
    /// One token, for who has just come; it lets in what a peer says of itself.
    pub(super) const fn new(since: UnixTime) -> Self {
        Self { credit: TOKEN_INTERVAL, counted_at: since }
    }

    /// Counts the time that has passed. A clock that is set back takes nothing away.
    pub(super) fn refill(&mut self, now: UnixTime) {
        let most = tokens(TOKENS_MAX);
        if self.credit < most {
            self.credit = self.credit.saturating_add(now - self.counted_at).min(most);
        }
        self.counted_at = now;
    }

    /// Adds as many as fit into an answer that we have asked for, over what time gives.
    pub(super) fn grant_answer(&mut self) {
        self.credit = self.credit.saturating_add(tokens(ADDR_TO_SEND_MAX));
    }

    /// Takes a token, if there is a whole one.
    pub(super) fn take(&mut self) -> bool {
        let left = self.credit.checked_sub(TOKEN_INTERVAL);
        self.credit = left.unwrap_or(self.credit);
        left.is_some()
    }
}

/// The time in which so many tokens come.
fn tokens(count: usize) -> Duration {
    TOKEN_INTERVAL * u32::try_from(count).expect("a bucket holds few tokens")
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: UnixTime = UnixTime::from_secs(1_700_000_000);

    fn after(seconds: u64) -> UnixTime {
        START + Duration::from_secs(seconds)
    }

    fn count(bucket: &mut TokenBucket) -> usize {
        std::iter::from_fn(|| bucket.take().then_some(())).count()
    }

    #[test]
    fn a_token_is_there_at_first_and_one_comes_every_ten_seconds() {
        let mut bucket = TokenBucket::new(START);
        assert_eq!(count(&mut bucket), 1);
        bucket.refill(after(9));
        assert_eq!(count(&mut bucket), 0);
        bucket.refill(after(10));
        assert_eq!(count(&mut bucket), 1);
        bucket.refill(after(45));
        assert_eq!(count(&mut bucket), 3);
        bucket.refill(after(50));
        assert_eq!(count(&mut bucket), 1, "parts of tokens add up");
    }

    #[test]
    fn time_fills_a_thousand_and_an_answer_comes_on_top() {
        let mut bucket = TokenBucket::new(START);
        bucket.refill(after(1_000_000));
        assert_eq!(count(&mut bucket.clone()), 1_000);
        bucket.grant_answer();
        bucket.refill(after(2_000_000));
        assert_eq!(count(&mut bucket), 2_000, "what is over the brim stays");
    }

    #[test]
    fn clock_set_back_takes_nothing_and_gives_nothing() {
        let mut bucket = TokenBucket::new(after(100));
        bucket.refill(START);
        assert_eq!(count(&mut bucket), 1);
        bucket.refill(after(10));
        assert_eq!(count(&mut bucket), 1);
    }
}
