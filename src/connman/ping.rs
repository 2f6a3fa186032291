//! Ping and pong: is somebody there, and how far away. BIP 31.
//!
//! Sources: docs/behaviour.md, handshake 6; Core: net_processing.cpp, `MaybeSendPing` and the
//! handling of `pong`. All times are the wall clock's, as there.

use std::time::Duration;

use super::reasons::{Ignored, Verdict};
use crate::time::UnixTime;

/// The time from one ping to the next. Core: `PING_INTERVAL`.
pub const PING_INTERVAL: Duration = Duration::from_secs(2 * 60);

/// How long an answer may take, and a connection be silent. Core: `TIMEOUT_INTERVAL`.
pub const TIMEOUT_INTERVAL: Duration = Duration::from_secs(20 * 60);

/// Versions up to this one know no nonce, and send no pong. BIP 31; Core: `BIP0031_VERSION`.
pub(super) const BIP31_VERSION: i32 = 60_000;

const _: () = assert!(PING_INTERVAL.as_secs() < TIMEOUT_INTERVAL.as_secs());

/// The pings of one peer. At most one is outstanding.
#[derive(Clone, Debug, Default)]
pub(super) struct Ping {
    /// Of the ping that was not answered yet; never zero.
    outstanding: Option<u64>,
    /// When the last one was sent; 1970 before the first, so that it is due at once.
    started: UnixTime,
    /// Whether one is to be sent whatever else holds.
    queued: bool,
    /// How many were sent; the next one's nonce is drawn with it.
    count: u64,
    /// The last round trip, and the least.
    pub(super) last: Option<Duration>,
    pub(super) least: Option<Duration>,
}

impl Ping {
    /// Asks for a ping with the next turn.
    pub(super) const fn queue(&mut self) {
        self.queued = true;
    }

    /// Whether one was asked for.
    pub(super) const fn is_queued(&self) -> bool {
        self.queued
    }

    /// Whether one is to be sent now.
    pub(super) fn is_due(&self, now: UnixTime) -> bool {
        self.queued || self.interval_ends().is_some_and(|at| at <= now)
    }

    /// From when on the next one is due: more than the interval after the last, strictly. `None`
    /// while one is outstanding.
    pub(super) fn interval_ends(&self) -> Option<UnixTime> {
        match self.outstanding {
            Some(_) => None,
            None => Some(self.started + PING_INTERVAL + JUST_AFTER),
        }
    }

    /// From when on the peer has failed to answer.
    pub(super) fn timeout_at(&self) -> Option<UnixTime> {
        self.outstanding.map(|_| self.started + TIMEOUT_INTERVAL + JUST_AFTER)
    }

    /// When the ping was sent that was not answered yet.
    pub(super) fn outstanding_since(&self) -> Option<UnixTime> {
        self.outstanding.map(|_| self.started)
    }

    /// How long ago the last ping was sent.
    pub(super) fn waited(&self, now: UnixTime) -> Duration {
        now - self.started
    }

    /// A ping goes out: gives its nonce, which `draw` makes from a count. `None` if the peer's
    /// version knows none; no pong will come then.
    pub(super) fn start(
        &mut self,
        now: UnixTime,
        common_version: i32,
        draw: impl Fn(u64) -> u64,
    ) -> Option<u64> {
        self.queued = false;
        self.started = now;
        let nonce = loop {
            let nonce = draw(self.count);
            self.count += 1;
            if nonce != 0 {
                break nonce;
            }
        };
        self.outstanding = (common_version > BIP31_VERSION).then_some(nonce);
        self.outstanding
    }

    /// A pong came in; `nonce` is `None` if it was too short to have one. Gives the round trip if
    /// it is the right one.
    pub(super) fn answer(
        &mut self,
        nonce: Option<u64>,
        received: UnixTime,
    ) -> (Verdict, Option<Duration>) {
        let unsolicited = (Verdict::Ignored(Ignored::Unsolicited), None);
        let Some(outstanding) = self.outstanding else { return unsolicited };
        match nonce {
            Some(nonce) if nonce == outstanding => {
                self.outstanding = None;
                (Verdict::Taken, self.measure(received))
            }
            // A bug of other implementations: the ping is taken for answered, and not measured.
            Some(0) | None => {
                self.outstanding = None;
                unsolicited
            }
            // Of an earlier ping, perhaps: the outstanding one stays.
            Some(_) => unsolicited,
        }
    }

    /// The round trip, unless the wall clock was set back meanwhile.
    fn measure(&mut self, received: UnixTime) -> Option<Duration> {
        if received < self.started {
            return None;
        }
        let trip = received - self.started;
        self.last = Some(trip);
        self.least = Some(self.least.map_or(trip, |least| least.min(trip)));
        Some(trip)
    }
}

/// "More than" an interval is this much more: the least that the clock can show.
pub(super) const JUST_AFTER: Duration = Duration::from_nanos(1);

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: UnixTime = UnixTime::from_secs(1_700_000_000);
    const TAKEN: Verdict = Verdict::Taken;
    const UNSOLICITED: Verdict = Verdict::Ignored(Ignored::Unsolicited);

    fn started() -> Ping {
        let mut ping = Ping::default();
        assert!(ping.is_due(NOW), "the first one is due at once");
        assert_eq!(ping.start(NOW, 70016, |n| n + 7), Some(7));
        ping
    }

    #[test]
    fn least_round_trip_is_kept_beside_the_last() {
        let mut ping = Ping::default();
        for (at, trip) in [(0, 30), (200, 20), (400, 40)] {
            let sent = NOW + Duration::from_secs(at);
            let nonce = ping.start(sent, 70016, |n| n + 1);
            let trip = Duration::from_millis(trip);
            assert_eq!(ping.answer(nonce, sent + trip), (TAKEN, Some(trip)));
            assert_eq!(ping.last, Some(trip));
        }
        assert_eq!(ping.least, Some(Duration::from_millis(20)));
    }

    #[test]
    fn next_ping_is_due_more_than_the_interval_after_the_last() {
        let mut ping = started();
        let later = NOW + PING_INTERVAL;
        assert!(!ping.is_due(later + PING_INTERVAL), "one is outstanding");
        let trip = Duration::from_millis(5);
        assert_eq!(ping.answer(Some(7), NOW + trip), (TAKEN, Some(trip)));
        assert!(!ping.is_due(later));
        assert!(ping.is_due(later + JUST_AFTER));
    }

    #[test]
    fn pongs_are_judged_by_their_nonce() {
        for (nonce, verdict, still_outstanding) in [
            (Some(7), TAKEN, false),
            (Some(8), UNSOLICITED, true),
            (Some(0), UNSOLICITED, false),
            (None, UNSOLICITED, false),
        ] {
            let mut ping = started();
            assert_eq!(ping.answer(nonce, NOW).0, verdict, "{nonce:?}");
            assert_eq!(ping.timeout_at().is_some(), still_outstanding, "{nonce:?}");
        }
        assert_eq!(Ping::default().answer(Some(0), NOW), (UNSOLICITED, None));
    }

    #[test]
    fn old_versions_are_pinged_without_nonce() {
        let mut ping = Ping::default();
        assert_eq!(ping.start(NOW, BIP31_VERSION, |_| 7), None);
        assert_eq!(ping.timeout_at(), None);
        assert!(ping.is_due(NOW + PING_INTERVAL + JUST_AFTER));
        assert_eq!(ping.start(NOW, BIP31_VERSION + 1, |_| 7), Some(7));
    }

    #[test]
    fn nonce_is_never_zero() {
        let mut ping = Ping::default();
        assert_eq!(ping.start(NOW, 70016, |n| n.saturating_sub(3)), Some(1));
    }

    #[test]
    fn clock_set_back_spoils_the_measure_only() {
        let mut ping = started();
        let before = UnixTime::from_secs(NOW.as_secs() - 1);
        assert_eq!(ping.answer(Some(7), before), (TAKEN, None));
        assert_eq!(ping.last, None);
    }
}
