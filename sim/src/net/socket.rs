//! One end of one TCP connection: the state machine of docs/behaviour.md, TCP 10, in its words.
//!
//! It knows no other socket, no table and no clock; what it has to say to the far end goes into a
//! [`Wire`]. After each change the kernel looks at it again (`Kernel::settle`) and brings its
//! tables up to date.

use std::collections::VecDeque;
use std::io::IoSlice;
use std::time::Duration;

use sockman::sockets::{
    Closing, ConnError, ConnectError, ConnectStatus, Direction, Failure, Interest, ListenerId,
    Readiness, Received, SEND_SLICES_MAX, Sent,
};
use sockman::time::Instant;

use super::segment::{Flow, SEGMENT_BYTES_MAX, SegmentKind, Wire};

mod arrivals;

use arrivals::SYN_AGAIN_AT;

/// How long bytes may stay unacknowledged before the connection is given up. Linux'
/// `tcp_retries2` of 15 amounts to 924.6 s (Documentation/networking/ip-sysctl.rst).
const RETRANSMISSION_TIMEOUT: Duration = Duration::from_millis(924_600);

/// How long a closed socket waits for the peer's FIN once its own was acknowledged: Linux'
/// `tcp_fin_timeout`.
const ORPHAN_TIMEOUT: Duration = Duration::from_secs(60);

/// Who can call on a socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// Nobody yet: it waits to be accepted.
    Queued(ListenerId),
    /// The owner of the kernel's descriptors.
    Held,
    /// Nobody any more: the descriptor is closed, bytes and FIN are still to be delivered.
    Gone,
}

/// `st` of TCP 10. Listening sockets are another type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// Waiting for an answer to the SYN.
    SynSent {
        /// When the first SYN was sent.
        since: Instant,
        /// How often it was sent again.
        repeats: usize,
    },
    /// Live, whoever has shut what.
    Open,
    /// Never connected, or dead.
    Closed,
}

/// One end. Counters of bytes are totals since the beginning, and the FIN counts as one more where
/// it says "with FIN".
#[derive(Clone, Debug)]
pub(super) struct Socket {
    pub(super) flow: Flow,
    pub(super) stage: Stage,
    pub(super) state: State,
    pub(super) interest: Interest,
    /// When [`handle_timer`](Self::handle_timer) is to be called; `None` is never.
    pub(super) deadline: Option<Instant>,
    /// The deadline as the kernel's table has it.
    pub(super) armed: Option<Instant>,
    /// Bytes taken by `send`.
    pub(super) accepted: u64,
    /// Bytes given out by `recv`.
    pub(super) read: u64,
    rx: VecDeque<u8>,
    /// Bytes taken, not yet sent: the peer's window is closed.
    tx: VecDeque<u8>,
    /// The peer's FIN has arrived.
    eof: bool,
    /// The own FIN was sent, or waits behind `tx`.
    fin: bool,
    fin_sent: bool,
    read_over: bool,
    write_over: bool,
    error: Option<Failure>,
    /// With FIN.
    sent: u64,
    /// With FIN.
    acked: u64,
    /// Up to where the peer lets us send.
    peer_window_end: u64,
    received: u64,
    /// Up to where we have let the peer send.
    window_end: u64,
    send_buffer_bytes: u64,
    receive_buffer_bytes: u64,
}

/// Sizes of a new socket's buffers, in bytes; neither is zero.
#[derive(Clone, Copy, Debug)]
pub(super) struct Buffers {
    pub(super) send_bytes: u64,
    pub(super) receive_bytes: u64,
}

impl Socket {
    /// The connecting end; sends the SYN.
    pub(super) fn connecting(flow: Flow, buffers: Buffers, now: Instant, wire: &mut Wire) -> Self {
        let state = State::SynSent { since: now, repeats: 0 };
        let mut socket = Self::new(flow, Stage::Held, state, buffers);
        socket.deadline = Some(now + Duration::from_secs(SYN_AGAIN_AT[0]));
        wire.push(&socket.flow, SegmentKind::Syn { window_end: socket.window_end });
        socket
    }

    /// The end that a SYN has made; answers it.
    pub(super) fn child(
        flow: Flow,
        listener: ListenerId,
        buffers: Buffers,
        peer_window_end: u64,
        wire: &mut Wire,
    ) -> Self {
        let mut socket = Self::new(flow, Stage::Queued(listener), State::Open, buffers);
        socket.peer_window_end = peer_window_end;
        socket.answer_syn(wire);
        socket
    }

    fn new(flow: Flow, stage: Stage, state: State, buffers: Buffers) -> Self {
        Self {
            flow,
            stage,
            state,
            interest: Interest::NONE,
            deadline: None,
            armed: None,
            accepted: 0,
            read: 0,
            rx: VecDeque::new(),
            tx: VecDeque::new(),
            eof: false,
            fin: false,
            fin_sent: false,
            read_over: false,
            write_over: false,
            error: None,
            sent: 0,
            acked: 0,
            peer_window_end: 0,
            received: 0,
            window_end: buffers.receive_bytes,
            send_buffer_bytes: buffers.send_bytes,
            receive_buffer_bytes: buffers.receive_bytes,
        }
    }

    /// Says SYN-ACK, also to a SYN that was sent again.
    pub(super) fn answer_syn(&self, wire: &mut Wire) {
        wire.push(&self.flow, SegmentKind::SynAck { window_end: self.window_end });
    }

    /// What is true of it, whatever anybody's interest.
    pub(super) fn readiness(&self) -> Readiness {
        if matches!(self.state, State::SynSent { .. }) {
            return Readiness::NONE;
        }
        let closed = self.state == State::Closed;
        Readiness {
            readable: !self.rx.is_empty() || self.read_over,
            // TCP 9: sndbuf - queued >= queued / 2.
            writable: self.write_over || closed || self.queued() * 3 <= self.send_buffer_bytes * 2,
            error: self.error.is_some() || closed || (self.read_over && self.write_over),
        }
    }

    /// Bytes taken and not yet acknowledged.
    pub(super) fn queued(&self) -> u64 {
        self.accepted.saturating_sub(self.acked)
    }

    /// Bytes that have arrived and are unread.
    pub(super) fn unread(&self) -> usize {
        self.rx.len()
    }

    pub(super) fn is_open(&self) -> bool {
        self.state == State::Open
    }

    pub(super) fn connect_status(&mut self) -> Result<ConnectStatus, ConnectError> {
        if matches!(self.state, State::SynSent { .. }) {
            return Ok(ConnectStatus::InProgress);
        }
        match self.error.take() {
            Some(failure) => Err(ConnectError::Failed(failure)),
            None if self.state == State::Open => Ok(ConnectStatus::Established),
            None => Err(ConnectError::Failed(Failure::NotConnected)),
        }
    }

    pub(super) fn take_error(&mut self) -> Option<Failure> {
        self.error.take()
    }

    pub(super) fn send(
        &mut self,
        slices: &[IoSlice<'_>],
        now: Instant,
        wire: &mut Wire,
    ) -> Result<Sent, ConnError> {
        let slices = &slices[..slices.len().min(SEND_SLICES_MAX)];
        let offered: usize = slices.iter().map(|slice| slice.len()).sum();
        if offered == 0 {
            // Not as TCP 4: a backend does not ask the kernel.
            return Ok(Sent::Bytes(0));
        }
        if matches!(self.state, State::SynSent { .. }) {
            return Ok(Sent::WouldBlock);
        }
        if self.state == State::Closed || self.write_over {
            return Err(ConnError::Failed(self.error.take().unwrap_or(Failure::BrokenPipe)));
        }
        let taken = offered.min(to_usize(self.send_buffer_bytes - self.queued()));
        if taken == 0 {
            return Ok(Sent::WouldBlock);
        }
        self.accepted += taken as u64;
        // What may leave at once does not go through the queue: one copy less.
        let direct = if self.tx.is_empty() { taken.min(self.sendable_bytes()) } else { 0 };
        let mut buffer = wire.buffer();
        gather(slices, 0, direct, |part| buffer.extend_from_slice(part));
        gather(slices, direct, taken, |part| self.tx.extend(part));
        self.send_data(buffer, wire);
        self.pump(now, wire);
        Ok(Sent::Bytes(taken))
    }

    pub(super) fn recv(
        &mut self,
        buffer: &mut [u8],
        wire: &mut Wire,
    ) -> Result<Received, ConnError> {
        assert!(!buffer.is_empty(), "a read into nothing asks nothing");
        if matches!(self.state, State::SynSent { .. }) {
            return Ok(Received::WouldBlock);
        }
        if !self.rx.is_empty() {
            let count = self.read_into(buffer);
            self.update_window(wire);
            return Ok(Received::Bytes(count));
        }
        if self.eof {
            return Ok(Received::Eof);
        }
        match self.error.take() {
            Some(failure) => Err(ConnError::Failed(failure)),
            None if self.read_over => Ok(Received::Eof),
            None if self.state == State::Closed => Err(ConnError::Failed(Failure::NotConnected)),
            None => Ok(Received::WouldBlock),
        }
    }

    pub(super) fn shutdown(
        &mut self,
        direction: Direction,
        now: Instant,
        wire: &mut Wire,
    ) -> Result<(), ConnError> {
        if matches!(self.state, State::SynSent { .. }) {
            // TCP 2.3: gives up, and is no reader's or writer's end.
            self.state = State::Closed;
            self.deadline = None;
            self.error = Some(Failure::Reset);
            return Ok(());
        }
        self.read_over |= direction != Direction::Write;
        self.write_over |= direction != Direction::Read;
        if self.state == State::Closed {
            return Err(ConnError::Failed(Failure::NotConnected));
        }
        if direction != Direction::Read {
            self.fin = true;
            self.pump(now, wire);
        }
        Ok(())
    }

    /// The descriptor is closed, or nobody will accept it any more.
    pub(super) fn close(&mut self, how: Closing, now: Instant, wire: &mut Wire) {
        self.stage = Stage::Gone;
        match self.state {
            State::SynSent { .. } => self.die(),
            State::Closed => {}
            State::Open if how == Closing::Reset || !self.rx.is_empty() => self.reset(wire),
            State::Open => {
                self.read_over = true;
                self.write_over = true;
                self.fin = true;
                self.pump(now, wire);
            }
        }
    }

    /// Ends a live connection with RST.
    pub(super) fn reset(&mut self, wire: &mut Wire) {
        self.die();
        wire.push(&self.flow, SegmentKind::Reset);
    }

    /// `die` of TCP 10: unread bytes and the error stay.
    fn die(&mut self) {
        self.state = State::Closed;
        self.read_over = true;
        self.write_over = true;
        self.tx.clear();
        self.deadline = None;
    }

    /// Both FINs are exchanged, and ours is acknowledged: there is no connection any more.
    fn die_if_both_over(&mut self) {
        if self.eof && self.fin_acked() {
            self.die();
        }
    }

    fn fin_acked(&self) -> bool {
        self.fin_sent && self.acked == self.accepted + 1
    }

    /// How many of the next bytes the peer's window and the size of a segment allow.
    fn sendable_bytes(&self) -> usize {
        to_usize(self.peer_window_end.saturating_sub(self.sent)).min(SEGMENT_BYTES_MAX)
    }

    /// Sends what the window allows, and the FIN behind the last byte.
    fn pump(&mut self, now: Instant, wire: &mut Wire) {
        loop {
            let count = self.tx.len().min(self.sendable_bytes());
            if count == 0 {
                break;
            }
            let mut bytes = wire.buffer();
            let (front, back) = self.tx.as_slices();
            let from_front = count.min(front.len());
            bytes.extend_from_slice(&front[..from_front]);
            bytes.extend_from_slice(&back[..count - from_front]);
            self.tx.drain(..count);
            self.send_data(bytes, wire);
        }
        if self.fin && !self.fin_sent && self.tx.is_empty() {
            self.fin_sent = true;
            self.sent += 1;
            wire.push(&self.flow, SegmentKind::Fin);
        }
        self.rearm(now);
    }

    fn send_data(&mut self, bytes: Vec<u8>, wire: &mut Wire) {
        if bytes.is_empty() {
            wire.recycle(bytes);
            return;
        }
        assert!(!self.fin_sent, "no byte follows the FIN");
        self.sent += bytes.len() as u64;
        wire.push(&self.flow, SegmentKind::Data(bytes));
    }

    /// Sets the deadline that the state calls for, if none is set.
    fn rearm(&mut self, now: Instant) {
        if self.state != State::Open || self.deadline.is_some() {
            return;
        }
        if self.sent > self.acked {
            self.deadline = Some(now + RETRANSMISSION_TIMEOUT);
        } else if self.stage == Stage::Gone && self.fin_acked() && !self.eof {
            self.deadline = Some(now + ORPHAN_TIMEOUT);
        }
    }

    fn read_into(&mut self, buffer: &mut [u8]) -> usize {
        let count = buffer.len().min(self.rx.len());
        let (front, back) = self.rx.as_slices();
        let from_front = count.min(front.len());
        buffer[..from_front].copy_from_slice(&front[..from_front]);
        buffer[from_front..count].copy_from_slice(&back[..count - from_front]);
        self.rx.drain(..count);
        self.read += count as u64;
        count
    }

    fn acknowledge(&mut self, wire: &mut Wire) {
        self.window_end = self.read + self.receive_buffer_bytes;
        let received = self.received + u64::from(self.eof);
        wire.push(&self.flow, SegmentKind::Ack { received, window_end: self.window_end });
    }

    /// Tells the peer of the room that reading made, once it is worth a segment: half of the
    /// buffer. A reader who empties the buffer thus never leaves the peer with less than half.
    fn update_window(&mut self, wire: &mut Wire) {
        let grown = self.read + self.receive_buffer_bytes - self.window_end;
        let worth = (self.receive_buffer_bytes / 2).max(1);
        if self.state == State::Open && !self.eof && grown >= worth {
            self.acknowledge(wire);
        }
    }

    /// What must hold between two calls.
    pub(super) fn check_invariants(&self) {
        assert!(self.acked <= self.sent);
        assert!(self.sent <= self.accepted + u64::from(self.fin_sent));
        assert!(self.queued() <= self.send_buffer_bytes);
        assert!(self.rx.len() as u64 == self.received - self.read);
        assert!(self.rx.len() as u64 <= self.receive_buffer_bytes);
        if self.eof {
            assert!(self.read_over);
        }
        if self.fin_sent {
            assert!(self.fin && self.write_over && self.tx.is_empty());
        }
        match self.state {
            State::SynSent { .. } => assert!(self.deadline.is_some() && self.accepted == 0),
            State::Open => {
                let unsent = self.accepted + u64::from(self.fin_sent) - self.sent;
                assert_eq!(self.tx.len() as u64, unsent);
                assert!(self.sent == self.acked || self.deadline.is_some());
            }
            State::Closed => assert!(self.deadline.is_none() && self.tx.is_empty()),
        }
        if self.stage == Stage::Gone {
            assert!(self.error.is_none() || self.state == State::Closed);
        }
    }
}

/// Hands the bytes from offset `from` to offset `to` of the slices, taken as one, to `sink`.
fn gather(slices: &[IoSlice<'_>], from: usize, to: usize, mut sink: impl FnMut(&[u8])) {
    let mut at = 0;
    for slice in slices {
        let start = from.saturating_sub(at).min(slice.len());
        let end = to.saturating_sub(at).min(slice.len());
        if start < end {
            sink(&slice[start..end]);
        }
        at += slice.len();
    }
}

/// A count of bytes that is bounded by a buffer in memory.
fn to_usize(bytes: u64) -> usize {
    usize::try_from(bytes).unwrap_or(usize::MAX)
}
