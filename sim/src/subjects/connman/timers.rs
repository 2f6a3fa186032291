//! Timers: each fires when it is due on its own clock, and not before (docs/behaviour.md, connman 9
//! and handshake 6; sockets 2 for attempts).
//!
//! ```text
//! wall clock    a handshake, or any traffic at all    peer_timeout, in whole seconds, strictly
//!               silence in one direction              20 min, likewise
//!               the next ping                         2 min after the last was sent, strictly
//!               a pong                                20 min after its ping, strictly
//! steady clock  an attempt to connect                 its timeout
//! ```
//!
//! What was told must have been due at the instant at which it was told; what is due must have
//! happened once the node is at rest. Where somebody sets the wall clock in the middle of an
//! instant, everything that it has shown within the instant counts as its time.

#![expect(clippy::wildcard_enum_match_arm, reason = "an oracle looks at what concerns it")]

use std::time::Duration;

use sockman::connman::{Config, DisconnectReason};
use sockman::time::{Instant, Now, UnixTime};

use super::side::Side;

/// The time from one ping to the next (handshake 1, `PING_INTERVAL`).
const PING_INTERVAL: Duration = Duration::from_secs(120);

/// How long an answer may take, and a connection be silent (handshake 1, `TIMEOUT_INTERVAL`).
const TIMEOUT_INTERVAL: Duration = Duration::from_secs(1200);

/// Who is too silent is asked first.
const UNHEARD: &str = "although something was reported that nobody had looked at";

/// The least that is more than none: what is due strictly after a moment is due by so much.
const JUST_AFTER: Duration = Duration::from_nanos(1);

/// When things happened on a connection.
#[derive(Clone, Debug)]
pub(super) struct Times {
    /// When it was dialled, or accepted.
    pub(super) begun: Instant,
    /// When the node told that it is there.
    pub(super) opened: UnixTime,
    pub(super) received: Moved,
    pub(super) sent: Moved,
    pub(super) ping: Ping,
}

impl Times {
    pub(super) fn new(begun: Instant) -> Self {
        let (received, sent) = (Moved::default(), Moved::default());
        Self { begun, opened: UnixTime::EPOCH, received, sent, ping: Ping::default() }
    }
}

/// When bytes last moved one way.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Moved {
    last: Option<Now>,
    /// The last before that instant: what was decided within it may have come first.
    before: Option<Now>,
}

impl Moved {
    pub(super) fn note(&mut self, now: Now) {
        if self.last.is_none_or(|last| last.steady != now.steady) {
            self.before = self.last;
        }
        self.last = Some(now);
    }

    fn last(self) -> Option<UnixTime> {
        self.last.map(|now| now.wall)
    }

    /// What it may have been for who decided at this instant.
    fn seen_at(self, now: Instant) -> [Option<UnixTime>; 2] {
        let fresh = self.last.is_some_and(|last| last.steady == now);
        let other = if fresh { self.before } else { self.last };
        [self.last(), other.map(|now| now.wall)]
    }
}

/// The pings of the node on one connection.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Ping {
    /// When the last was queued.
    started: Option<UnixTime>,
    is_outstanding: bool,
    /// Whether somebody has asked for one.
    is_asked: bool,
    /// The nonce of the last, once that has left; those before it need none.
    nonce: Option<u64>,
    queued: u32,
    left: u32,
}

impl Ping {
    pub(super) const fn ask(&mut self) {
        self.is_asked = true;
    }

    /// One is queued. Gives why it may not be.
    pub(super) fn start(&mut self, clock: &Clock, has_nonce: bool) -> Result<(), String> {
        let may = self.is_asked || clock.showed(|wall| self.is_due(wall));
        let since = self.started.map_or(Duration::ZERO, |started| clock.now.wall - started);
        *self = Self {
            started: Some(clock.now.wall),
            is_outstanding: has_nonce,
            is_asked: false,
            nonce: None,
            queued: self.queued + 1,
            left: self.left,
        };
        if may { Ok(()) } else { Err(format!("a ping was sent {since:?} after the last")) }
    }

    fn is_due(&self, wall: UnixTime) -> bool {
        match self.started {
            None => true,
            Some(started) => !self.is_outstanding && wall > started + PING_INTERVAL,
        }
    }

    /// One has left.
    pub(super) fn leave(&mut self, nonce: Option<u64>) {
        self.left += 1;
        if self.left == self.queued {
            self.nonce = nonce;
        }
    }

    /// A pong was handled; whether it is the right one. One without a nonce, or with zero, ends the
    /// wait too.
    pub(super) fn answer(&mut self, nonce: Option<u64>) -> bool {
        let is_right = self.is_outstanding && nonce.is_some() && nonce == self.nonce;
        if is_right || matches!(nonce, None | Some(0)) {
            self.is_outstanding = false;
        }
        is_right
    }
}

/// What the clocks show, and have shown at this instant.
#[derive(Clone, Debug, Default)]
pub(super) struct Clock {
    pub(super) now: Now,
    /// What the wall clock has shown, since it was set; as a rule nothing else.
    others: Vec<UnixTime>,
}

impl Clock {
    pub(super) fn set(&mut self, now: Now) {
        if self.now.steady != now.steady {
            self.others.clear();
        } else if self.now.wall != now.wall {
            self.others.push(self.now.wall);
        }
        self.now = now;
    }

    fn showed(&self, holds: impl Fn(UnixTime) -> bool) -> bool {
        holds(self.now.wall) || self.others.iter().any(|wall| holds(*wall))
    }
}

/// The moment from which on somebody who looks at whole seconds sees more than `after` passed.
fn seconds_after(since: UnixTime, after: Duration) -> UnixTime {
    UnixTime::from_secs(since.as_secs() + after.as_secs() + 1)
}

/// What a connection is to be ended for because of its silence, the first that holds.
fn silence(
    side: &Side,
    wall: UnixTime,
    received: Option<UnixTime>,
    sent: Option<UnixTime>,
    config: &Config,
) -> Option<&'static str> {
    if wall < seconds_after(side.times.opened, config.peer_timeout) {
        return None;
    }
    let (Some(received), Some(sent)) = (received, sent) else {
        return Some("handshake-no-traffic");
    };
    if wall >= seconds_after(sent, TIMEOUT_INTERVAL) {
        Some("send-timeout")
    } else if wall >= seconds_after(received, TIMEOUT_INTERVAL) {
        Some("receive-timeout")
    } else if !side.is_ready() {
        Some("handshake-timeout")
    } else {
        None
    }
}

/// From when on a pong is late enough to end the connection.
fn pong_is_late_at(side: &Side, config: &Config) -> Option<UnixTime> {
    let started = side.times.ping.started.filter(|_| side.times.ping.is_outstanding)?;
    let judged = seconds_after(side.times.opened, config.peer_timeout);
    Some(judged.max(started + TIMEOUT_INTERVAL + JUST_AFTER))
}

/// Whether a reason that was told is one of these, and was true at this instant: what is wrong with
/// it. `None`: it is none of these.
pub(super) fn check_told(
    side: &Side,
    reason: &DisconnectReason,
    clock: &Clock,
    config: &Config,
) -> Option<Result<(), String>> {
    let steady = clock.now.steady;
    let name = reason.name();
    let is_true = match reason {
        DisconnectReason::PingTimeout { waited } => clock.showed(|wall| {
            let started = side.times.ping.started.unwrap_or(wall);
            pong_is_late_at(side, config).is_some_and(|at| wall >= at) && wall - started == *waited
        }),
        DisconnectReason::HandshakeNoTraffic { .. }
        | DisconnectReason::HandshakeTimeout
        | DisconnectReason::SendTimeout { .. }
        | DisconnectReason::ReceiveTimeout { .. }
            if side.is_judged_unheard =>
        {
            return Some(Err(format!("it was ended for {name} {UNHEARD}")));
        }
        DisconnectReason::HandshakeNoTraffic { .. }
        | DisconnectReason::HandshakeTimeout
        | DisconnectReason::SendTimeout { .. }
        | DisconnectReason::ReceiveTimeout { .. } => clock.showed(|wall| {
            let holds = |received: Option<UnixTime>, sent: Option<UnixTime>| {
                let told = match reason {
                    DisconnectReason::HandshakeNoTraffic { received: r, sent: s } => {
                        *r == received.is_some() && *s == sent.is_some()
                    }
                    DisconnectReason::SendTimeout { seconds } => {
                        sent.is_some_and(|at| at.as_secs() + seconds == wall.as_secs())
                    }
                    DisconnectReason::ReceiveTimeout { seconds } => {
                        received.is_some_and(|at| at.as_secs() + seconds == wall.as_secs())
                    }
                    _ => true,
                };
                told && silence(side, wall, received, sent, config) == Some(name)
            };
            let sent = side.times.sent.seen_at(steady);
            let received = side.times.received.seen_at(steady);
            received.iter().any(|received| sent.iter().any(|sent| holds(*received, *sent)))
        }),
        _ => return None,
    };
    let wall = clock.now.wall.as_secs() - side.times.opened.as_secs().min(clock.now.wall.as_secs());
    Some(if is_true {
        Ok(())
    } else {
        Err(format!("it was ended for {name}, {wall} s after it came up, and that is not so"))
    })
}

/// What should have happened on a connection by now, at rest.
pub(super) fn check_rest(side: &Side, now: Now, config: &Config) -> Result<(), String> {
    if !side.is_up {
        let late = side.by_node && now.steady >= side.times.begun + config.dial_timeout;
        return if late { Err("an attempt to connect has not ended".to_owned()) } else { Ok(()) };
    }
    let (received, sent) = (side.times.received.last(), side.times.sent.last());
    if let Some(reason) = silence(side, now.wall, received, sent, config) {
        return Err(format!("it is due to be ended for {reason}, and goes on"));
    }
    if pong_is_late_at(side, config).is_some_and(|at| now.wall >= at) {
        return Err("it is due to be ended for ping-timeout, and goes on".to_owned());
    }
    let ping = &side.times.ping;
    if side.is_ready() && (ping.is_asked || ping.is_due(now.wall)) {
        return Err("a ping is due, and was not queued".to_owned());
    }
    Ok(())
}

/// Before this moment of the wall clock, and of the steady one, nothing falls due on a connection
/// on which nothing happens.
pub(super) fn next_due(side: &Side, config: &Config) -> (UnixTime, Instant) {
    let never = (UnixTime::from_nanos(u64::MAX), Instant::from_nanos(u64::MAX));
    if !side.is_up {
        return (never.0, side.times.begun + config.dial_timeout);
    }
    let judged = seconds_after(side.times.opened, config.peer_timeout);
    let silent = match (side.times.received.last(), side.times.sent.last()) {
        (Some(received), Some(sent)) if side.is_ready() => {
            judged.max(seconds_after(received.min(sent), TIMEOUT_INTERVAL))
        }
        _ => judged,
    };
    let pong = pong_is_late_at(side, config).unwrap_or(never.0);
    let ping = side.times.ping.started.filter(|_| !side.times.ping.is_outstanding);
    let ping = ping.map_or(never.0, |started| started + PING_INTERVAL + JUST_AFTER);
    (silent.min(pong).min(ping), never.1)
}

/// An attempt was given up because it took too long: whether it did.
pub(super) fn check_given_up(side: &Side, now: Instant, config: &Config) -> Result<(), String> {
    let took = now.since(side.times.begun);
    if side.is_judged_unheard {
        return Err(format!("an attempt was given up {UNHEARD}"));
    }
    if took >= config.dial_timeout {
        return Ok(());
    }
    Err(format!("an attempt to connect was given up after {took:?}"))
}
