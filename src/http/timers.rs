//! Deadlines of connections, all on the steady clock.
//!
//! Sources: docs/behaviour.md, http 3. There is no tick: each connection's deadlines follow from
//! its state, and stand in one table.

use std::time::Duration;

use super::config::{Config, Timeouts};
use super::connection::Connection;
use super::notice::EndReason;
use super::parse::ParseStage;
use super::response::Response;
use super::status::Status;
use super::{Application, Server};
use crate::sockets::ConnId;
use crate::sockman::{Action, Conns, Deadlines, StepName};
use crate::time::{Instant, Now};

/// What may fall due for a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Timer {
    /// It ends: no request came.
    Idle,
    /// It is answered with 408: the head of a request is late.
    Head,
    /// It is answered with 408: the body is late.
    Body,
    /// It ends: an answer was not taken.
    Write,
}

impl Timer {
    /// Every timer.
    pub const ALL: [Self; 4] = [Self::Idle, Self::Head, Self::Body, Self::Write];

    /// Its name in traces and schedules.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Idle => "idle",
            Self::Head => "head",
            Self::Body => "body",
            Self::Write => "write",
        }
    }

    /// When it falls due, if nothing happens before; `None`: never.
    fn at(self, connection: &Connection, timeouts: &Timeouts) -> Option<Instant> {
        if !connection.is_live() {
            return None;
        }
        let stage = connection.reading_stage();
        match self {
            Self::Idle if connection.is_idle() => Some(connection.quiet_since + timeouts.idle),
            Self::Head if stage == ParseStage::Head => Some(connection.head_began + timeouts.head),
            Self::Body if stage == ParseStage::Body && !connection.is_continue_due() => {
                let rate = timeouts.body_bytes_per_sec_min;
                let silent = connection.body.went + timeouts.body;
                Some(silent.min(connection.body.slow_at(timeouts.body, rate)))
            }
            Self::Write if !connection.outbox.is_empty() => {
                let rate = timeouts.answer_bytes_per_sec_min;
                Some(connection.write.slow_at(timeouts.write, rate))
            }
            Self::Idle | Self::Head | Self::Body | Self::Write => None,
        }
    }
}

/// How something that is to go on goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Progress {
    began: Instant,
    /// When bytes last went.
    went: Instant,
    bytes: u64,
}

impl Progress {
    pub(super) const fn new(now: Instant) -> Self {
        Self { began: now, went: now, bytes: 0 }
    }

    pub(super) const fn note(&mut self, now: Instant, bytes: usize) {
        if bytes > 0 {
            self.went = now;
            self.bytes += bytes as u64;
        }
    }

    /// When it is slower than a rate in all, beyond a time that it has anyway.
    fn slow_at(&self, timeout: Duration, bytes_per_sec: u32) -> Instant {
        let earned = Duration::from_millis(self.bytes * 1000 / u64::from(bytes_per_sec));
        self.began + timeout + earned
    }
}

/// When each timer of a connection stands in the table, by the order of [`Timer::ALL`].
pub(super) type Armed = [Option<Instant>; Timer::ALL.len()];

/// The table of deadlines.
pub(super) type Timers = Deadlines<(ConnId, Timer)>;

/// Brings the table up to date with a connection.
pub(super) fn arm(timers: &mut Timers, conn: ConnId, of: &mut Connection, config: &Config) {
    for (place, timer) in Timer::ALL.into_iter().enumerate() {
        let at = timer.at(of, &config.timeouts);
        if at == of.armed[place] {
            continue;
        }
        of.armed[place] = at;
        match at {
            Some(at) => timers.set((conn, timer), at),
            None => timers.clear((conn, timer)),
        }
    }
}

/// Checks that the table is up to date: it has what the connections have, each as it follows from
/// their state, and nothing else.
pub(super) fn check_invariants(timers: &Timers, conns: &Conns<Connection>, config: &Config) {
    let mut count = 0;
    for (conn, connection) in conns.iter() {
        for (place, timer) in Timer::ALL.into_iter().enumerate() {
            let at = timer.at(connection, &config.timeouts);
            assert_eq!(connection.armed[place], at, "{conn}: {} is known", timer.name());
            assert_eq!(timers.at((conn, timer)), at, "{conn}: {} is exact", timer.name());
            count += usize::from(at.is_some());
        }
    }
    assert_eq!(timers.count(), count, "timers go with their connections");
}

impl<A: Application> Server<A> {
    /// Which timer fires next. Nobody is judged unheard: what was reported is looked at first.
    pub(super) fn next_timer_step(
        &self,
        now: Now,
        conns: &Conns<Connection>,
    ) -> Option<StepName<'static>> {
        if self.stop_by.is_some_and(|by| by <= now.steady) {
            return Some(StepName { verb: "fires", object: "stop", conn: None });
        }
        if self.is_application_due(now) {
            return Some(StepName { verb: "fires", object: "application", conn: None });
        }
        let (conn, timer) = self.timers.due(now.steady)?;
        if conns.has_news(conn) {
            return None;
        }
        Some(StepName { verb: "fires", object: timer.name(), conn: Some(conn) })
    }

    fn is_application_due(&self, now: Now) -> bool {
        self.application.next_wakeup().is_some_and(|at| at <= now.steady)
    }

    /// One timer fires.
    pub(super) fn step_timers(
        &mut self,
        now: Now,
        conns: &mut Conns<Connection>,
        actions: &mut Vec<Action<Connection>>,
    ) {
        if self.stop_by.is_some_and(|by| by <= now.steady) {
            self.stop_now(now, conns, actions);
            return;
        }
        if self.is_application_due(now) {
            self.wake_application(now, conns, actions);
            return;
        }
        let (conn, timer) = self.timers.due(now.steady).expect("the task is runnable");
        let connection = conns.get_mut(conn).expect("timers go with their connections");
        match timer {
            Timer::Idle => self.finish(now, conn, EndReason::IdleTimeout, conns, actions),
            Timer::Head | Timer::Body => {
                let text = format!("the {} is late\n", timer.name());
                connection.give_up(Response::text(Status::REQUEST_TIMEOUT, text));
                self.settle(now, conn, conns, actions);
            }
            Timer::Write => self.close(now, conn, EndReason::WriteTimeout, conns, actions),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn progress_is_late_with_too_few_bytes() {
        let at = |millis: u64| Instant::from_nanos(millis * 1_000_000);
        let timeout = Duration::from_secs(30);
        let mut progress = Progress::new(at(1000));
        assert_eq!(progress.slow_at(timeout, 1000), at(31_000));
        // A byte now and then earns next to nothing, and many at once do not last for ever.
        progress.note(at(20_000), 5);
        assert_eq!(progress.slow_at(timeout, 1000), at(31_005));
        progress.note(at(21_000), 1_000_000);
        assert_eq!(progress.slow_at(timeout, 1000), at(1_031_005));
        assert_eq!(progress.went, at(21_000));
        progress.note(at(22_000), 0);
        assert_eq!(progress.went, at(21_000));
    }
}
