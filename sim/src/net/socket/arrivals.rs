//! What happens to a connection from outside: segments that arrive, and time that passes.

use std::time::Duration;

use sockman::sockets::Failure;
use sockman::time::Instant;

use super::{Socket, Stage, State};
use crate::net::segment::{SegmentKind, Wire};

/// When a SYN is sent again, in seconds after the first. docs/behaviour.md, TCP 2.3: measured with
/// `tcp_syn_retries` 6 and `tcp_syn_linear_timeouts` 4, the defaults.
pub(super) const SYN_AGAIN_AT: [u64; 10] = [1, 2, 3, 4, 5, 7, 11, 19, 35, 70];

/// When an unanswered attempt ends, in seconds after the first SYN. docs/behaviour.md, TCP 2.3:
/// 134 to 135 s.
const SYN_GIVEN_UP_AT: u64 = 134;

impl Socket {
    /// Takes in what the far end, or the network, says.
    pub(in crate::net) fn handle(&mut self, kind: SegmentKind, now: Instant, wire: &mut Wire) {
        assert!(self.state != State::Closed, "a dead socket is not found by its flow");
        match kind {
            SegmentKind::Syn { .. } => self.answer_syn(wire),
            SegmentKind::SynAck { window_end } => self.handle_syn_ack(window_end, now),
            SegmentKind::Reset => self.handle_reset(),
            SegmentKind::Data(bytes) => self.handle_data(bytes, now, wire),
            SegmentKind::Fin => self.handle_fin(wire),
            SegmentKind::Ack { received, window_end } => {
                self.handle_ack(received, window_end, now, wire);
            }
            // On an open connection it is what Linux calls a soft error: tried again, not told.
            SegmentKind::Unreachable(failure) if self.state != State::Open => {
                self.error = Some(failure);
                self.die();
            }
            SegmentKind::Unreachable(_) => {}
        }
    }

    fn handle_syn_ack(&mut self, window_end: u64, now: Instant) {
        self.peer_window_end = self.peer_window_end.max(window_end);
        if matches!(self.state, State::SynSent { .. }) {
            self.state = State::Open;
            self.deadline = None;
            self.rearm(now);
        }
    }

    fn handle_reset(&mut self) {
        if self.stage != Stage::Gone {
            self.error = Some(match self.state {
                State::SynSent { .. } => Failure::Refused,
                // docs/behaviour.md, TCP 10, the refinement: after the peer's FIN (CLOSE_WAIT);
                // with bytes still queued behind our own (LAST_ACK) it is a reset again.
                State::Open | State::Closed if self.eof && !self.fin => Failure::BrokenPipe,
                State::Open | State::Closed => Failure::Reset,
            });
        }
        self.die();
    }

    fn handle_data(&mut self, bytes: Vec<u8>, now: Instant, wire: &mut Wire) {
        // TCP 4.2: nobody is left to read, so both ends die.
        if self.fin && (self.read_over || self.stage == Stage::Gone) {
            if self.stage != Stage::Gone {
                self.error = Some(Failure::Reset);
            }
            self.reset(wire);
        } else {
            self.received += bytes.len() as u64;
            assert!(self.received <= self.window_end, "a sender keeps to the window");
            self.rx.extend(&bytes);
            self.acknowledge(wire);
            self.rearm(now);
        }
        wire.recycle(bytes);
    }

    fn handle_fin(&mut self, wire: &mut Wire) {
        self.eof = true;
        self.read_over = true;
        self.acknowledge(wire);
        self.die_if_both_over();
    }

    fn handle_ack(&mut self, received: u64, window_end: u64, now: Instant, wire: &mut Wire) {
        assert!(received <= self.sent, "nothing is acknowledged before it was sent");
        self.peer_window_end = self.peer_window_end.max(window_end);
        if received > self.acked {
            self.acked = received;
            self.deadline = None;
        }
        self.pump(now, wire);
        self.die_if_both_over();
    }

    /// The deadline has come.
    pub(in crate::net) fn handle_timer(&mut self, now: Instant, wire: &mut Wire) {
        self.deadline = None;
        match self.state {
            State::SynSent { since, repeats } if repeats < SYN_AGAIN_AT.len() => {
                let repeats = repeats + 1;
                let next = SYN_AGAIN_AT.get(repeats).copied().unwrap_or(SYN_GIVEN_UP_AT);
                self.state = State::SynSent { since, repeats };
                self.deadline = Some((since + Duration::from_secs(next)).max(now));
                wire.push(&self.flow, SegmentKind::Syn { window_end: self.window_end });
            }
            State::SynSent { .. } => self.time_out(),
            State::Open if self.sent > self.acked => self.time_out(),
            State::Open => self.die(),
            State::Closed => unreachable!("a dead socket has no deadline"),
        }
    }

    fn time_out(&mut self) {
        if self.stage != Stage::Gone {
            self.error = Some(Failure::TimedOut);
        }
        self.die();
    }
}
