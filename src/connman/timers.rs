//! The task `timers`: what happens to a peer because time has passed.
//!
//! Every timer of a peer is computed from its state ([`Timer::at`]) and stands in one table of
//! deadlines, which is kept exact: a timer that fires has something to do. All of them run on the
//! wall clock, as in the reference, where `setmocktime` moves them; when that clock is set forward
//! they fire at once, when it is set back they wait the longer.
//!
//! Sources: docs/behaviour.md, connman 9, handshake 6 and addresses 2; Core: net.cpp,
//! `InactivityCheck`, which looks at whole seconds, and net_processing.cpp, `MaybeSendPing` and
//! `MaybeSendAddr`, which do not.

use std::time::Duration;

use super::peer::{Peer, Stage};
use super::ping::TIMEOUT_INTERVAL;
use super::reasons::DisconnectReason;
use super::{Config, ConnMan};
use crate::sockets::ConnId;
use crate::sockman::{Action, Conns, Deadlines, StepName};
use crate::time::{Now, UnixTime};

/// What may fall due for a peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Timer {
    /// It is disconnected: its handshake is late, or no byte went one way for too long. Wall clock.
    Inactivity,
    /// It is sent a ping. Wall clock.
    Ping,
    /// It is disconnected: a ping was not answered. Wall clock.
    PingTimeout,
    /// It is told addresses. Wall clock.
    Addresses,
    /// It is told our own address again. Wall clock.
    OwnAddress,
}

impl Timer {
    /// Every timer.
    pub const ALL: [Self; 5] =
        [Self::Inactivity, Self::Ping, Self::PingTimeout, Self::Addresses, Self::OwnAddress];

    /// Its name in traces and schedules.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Inactivity => "inactivity",
            Self::Ping => "ping",
            Self::PingTimeout => "ping-timeout",
            Self::Addresses => "addresses",
            Self::OwnAddress => "own-address",
        }
    }

    /// When it falls due for a peer, if nothing happens before; `None`: never.
    fn at(self, peer: &Peer, config: &Config) -> Option<UnixTime> {
        if !peer.is_live() {
            return None;
        }
        match self {
            Self::Inactivity => Some(inactivity_at(peer, config)),
            Self::Ping if peer.is_ready() && !peer.ping.is_queued() => peer.ping.interval_ends(),
            Self::Ping => None,
            // A young connection is not judged. Core: `ShouldRunInactivityChecks`.
            Self::PingTimeout => Some(peer.ping.timeout_at()?.max(judged_from(peer, config))),
            Self::Addresses => peer.addresses.as_ref().filter(|_| peer.is_ready())?.due_at(),
            Self::OwnAddress => peer.addresses.as_ref()?.own_due_at(),
        }
    }
}

/// When each timer of a peer stands in the table, by the order of [`Timer::ALL`].
pub(super) type Armed = [Option<UnixTime>; Timer::ALL.len()];

/// The table of deadlines.
pub(super) type Timers = Deadlines<(ConnId, Timer), UnixTime>;

/// Brings the table up to date with a peer.
pub(super) fn arm(timers: &mut Timers, conn: ConnId, peer: &mut Peer, config: &Config) {
    for (place, timer) in Timer::ALL.into_iter().enumerate() {
        let at = timer.at(peer, config);
        if at == peer.armed[place] {
            continue;
        }
        peer.armed[place] = at;
        match at {
            Some(at) => timers.set((conn, timer), at),
            None => timers.clear((conn, timer)),
        }
    }
}

/// Checks that the table is up to date: it has what the peers have, each as it follows from their
/// state, and nothing else.
pub(super) fn check_invariants(timers: &Timers, conns: &Conns<Peer>, config: &Config) {
    let mut count = 0;
    for (_, peer) in conns.iter() {
        for (place, timer) in Timer::ALL.into_iter().enumerate() {
            let at = timer.at(peer, config);
            assert_eq!(peer.armed[place], at, "{}: {} is known", peer.id, timer.name());
            count += usize::from(at.is_some());
        }
    }
    for ((conn, timer), at) in timers.iter() {
        let peer = conns.get(conn).expect("timers go with their peers");
        let armed = peer.armed[timer as usize];
        assert_eq!(armed, Some(at), "{}: {} is exact", peer.id, timer.name());
    }
    assert_eq!(timers.count(), count, "timers go with their peers");
}

impl ConnMan {
    /// Which timer fires next. Silence is judged once what has come is known, as the reference
    /// reads from a socket before it asks how long it was silent.
    pub(super) fn next_timer_step(
        &self,
        now: Now,
        conns: &Conns<Peer>,
    ) -> Option<StepName<'static>> {
        let (conn, timer) = self.timers.due(now.wall)?;
        if timer == Timer::Inactivity && conns.has_news(conn) {
            return None;
        }
        Some(StepName { verb: "fires", object: timer.name(), conn: Some(conn) })
    }

    /// One timer fires.
    pub(super) fn step_timers(
        &mut self,
        now: Now,
        conns: &mut Conns<Peer>,
        actions: &mut Vec<Action<Peer>>,
    ) {
        let (conn, timer) = self.timers.due(now.wall).expect("the task is runnable");
        let peer = conns.get_mut(conn).expect("timers go with their peers");
        match timer {
            Timer::Inactivity => {
                let reason = inactivity(peer, now.wall, &self.config);
                self.end(conn, reason, conns, actions);
            }
            Timer::PingTimeout => {
                let waited = peer.ping.waited(now.wall);
                self.end(conn, DisconnectReason::PingTimeout { waited }, conns, actions);
            }
            // What follows is written by the message handler, in its turn.
            Timer::OwnAddress => {
                peer.addresses.as_mut().expect("who was told takes part").note_own_due();
                self.settle(conn, conns);
            }
            Timer::Addresses => {
                peer.addresses.as_mut().expect("who is to be told some takes part").note_due();
                self.settle(conn, conns);
            }
            Timer::Ping => {
                peer.ping.queue();
                self.settle(conn, conns);
            }
        }
    }
}

/// The moment from which on somebody who looks at whole seconds sees more than `after` passed.
const fn seconds_after(since: UnixTime, after: Duration) -> UnixTime {
    UnixTime::from_secs(since.as_secs().saturating_add(after.as_secs()).saturating_add(1))
}

/// From when on a peer's silence is judged.
const fn judged_from(peer: &Peer, config: &Config) -> UnixTime {
    seconds_after(peer.connected_at, config.peer_timeout)
}

/// From when on a peer is too silent.
fn inactivity_at(peer: &Peer, config: &Config) -> UnixTime {
    assert!(peer.stage == Stage::Open, "the caller saw it live");
    let judged_from = judged_from(peer, config);
    match (peer.received_at, peer.sent_at) {
        (Some(received), Some(sent)) if peer.is_ready() => {
            judged_from.max(seconds_after(received.min(sent), TIMEOUT_INTERVAL))
        }
        _ => judged_from,
    }
}

/// What a peer that is too silent is told off for, in the order of the reference.
fn inactivity(peer: &Peer, now: UnixTime, config: &Config) -> DisconnectReason {
    assert!(now >= inactivity_at(peer, config), "a timer fires when it is due");
    let (Some(received), Some(sent)) = (peer.received_at, peer.sent_at) else {
        let received = peer.received_at.is_some();
        return DisconnectReason::HandshakeNoTraffic { received, sent: peer.sent_at.is_some() };
    };
    if now >= seconds_after(sent, TIMEOUT_INTERVAL) {
        return DisconnectReason::SendTimeout { seconds: now.as_secs() - sent.as_secs() };
    }
    if now >= seconds_after(received, TIMEOUT_INTERVAL) {
        return DisconnectReason::ReceiveTimeout { seconds: now.as_secs() - received.as_secs() };
    }
    assert!(!peer.is_ready(), "a ready peer is judged by its traffic alone");
    DisconnectReason::HandshakeTimeout
}
