//! A host that talks to itself: the virtual twin of real sockets over 127.0.0.1.
//!
//! Whatever a call sends has arrived, and was answered, when the call returns (docs/behaviour.md,
//! TCP 8). Time is virtual: a wait with nothing to report moves on to the next timer of the kernel,
//! or to the timeout.

use std::io::IoSlice;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use sockman::sockets::{
    AcceptError, Accepted, Closing, ConnError, ConnId, ConnectError, ConnectStatus, Direction,
    Endpoint, Event, Failure, Interest, ListenError, ListenerId, More, Received, Sent, Sockets,
    Source, Stale, Wait, WaitError, Wake,
};
use sockman::time::Instant;

use super::kernel::{Kernel, KernelConfig};
use super::segment::Segment;

/// One kernel, connected with itself. Clones share the waker and nothing else.
#[derive(Clone, Debug)]
pub struct Loopback {
    kernel: Kernel,
    waker: LoopbackWaker,
    /// On the way; empty between calls.
    segments: Vec<Segment>,
}

impl Loopback {
    /// A host without sockets, at the start of the clock.
    #[must_use]
    pub fn new(config: KernelConfig) -> Self {
        Self { kernel: Kernel::new(config), waker: LoopbackWaker::default(), segments: Vec::new() }
    }

    /// The kernel, to ask it what no call tells.
    #[must_use]
    pub const fn kernel(&self) -> &Kernel {
        &self.kernel
    }

    /// What time it is here: it passes in waits alone.
    #[must_use]
    pub const fn now(&self) -> Instant {
        self.kernel.now()
    }

    /// Delivers until nothing is under way. It ends, because an answer is to bytes, a window or an
    /// end of stream, each of which there is less of afterwards.
    fn deliver(&mut self) {
        let now = self.now();
        while self.kernel.has_segments() {
            self.kernel.take_segments(&mut self.segments);
            for segment in self.segments.drain(..) {
                self.kernel.handle_segment(now, segment);
            }
        }
    }

    /// Moves to `at` and does what is due by then.
    fn advance(&mut self, at: Instant) {
        self.kernel.handle_timer(at.max(self.now()));
        self.deliver();
    }
}

impl Default for Loopback {
    fn default() -> Self {
        Self::new(KernelConfig::default())
    }
}

impl Sockets for Loopback {
    fn listen(&mut self, at: &Endpoint) -> Result<ListenerId, ListenError> {
        self.kernel.listen(at)
    }

    fn accept(&mut self, listener: ListenerId) -> Result<Accepted, AcceptError> {
        self.kernel.accept(listener)
    }

    fn connect(&mut self, to: &Endpoint) -> Result<ConnId, ConnectError> {
        let conn = self.kernel.connect(to);
        self.deliver();
        conn
    }

    fn connect_status(&mut self, conn: ConnId) -> Result<ConnectStatus, ConnectError> {
        self.kernel.connect_status(conn)
    }

    fn send(
        &mut self,
        conn: ConnId,
        slices: &[IoSlice<'_>],
        more: More,
    ) -> Result<Sent, ConnError> {
        let sent = self.kernel.send(conn, slices, more);
        self.deliver();
        sent
    }

    fn recv(&mut self, conn: ConnId, buffer: &mut [u8]) -> Result<Received, ConnError> {
        let received = self.kernel.recv(conn, buffer);
        self.deliver();
        received
    }

    fn shutdown(&mut self, conn: ConnId, direction: Direction) -> Result<(), ConnError> {
        let shut = self.kernel.shutdown(conn, direction);
        self.deliver();
        shut
    }

    fn close(&mut self, conn: ConnId, how: Closing) -> Result<(), Stale> {
        let closed = self.kernel.close(conn, how);
        self.deliver();
        closed
    }

    fn close_listener(&mut self, listener: ListenerId) -> Result<(), Stale> {
        let closed = self.kernel.close_listener(listener);
        self.deliver();
        closed
    }

    fn set_interest(&mut self, source: Source, interest: Interest) -> Result<(), Stale> {
        self.kernel.set_interest(source, interest)
    }

    fn take_error(&mut self, conn: ConnId) -> Result<Option<Failure>, Stale> {
        self.kernel.take_error(conn)
    }

    fn local_endpoint(&self, conn: ConnId) -> Result<Endpoint, ConnError> {
        self.kernel.local_endpoint(conn)
    }

    fn peer_endpoint(&self, conn: ConnId) -> Result<Endpoint, ConnError> {
        self.kernel.peer_endpoint(conn)
    }

    fn listener_endpoint(&self, listener: ListenerId) -> Result<Endpoint, Stale> {
        self.kernel.listener_endpoint(listener)
    }
}

impl Wait for Loopback {
    type Waker = LoopbackWaker;

    /// As the trait says, in virtual time. Without a timeout, and with nothing left that could
    /// happen, it returns early with nothing.
    fn wait(
        &mut self,
        timeout: Option<Duration>,
        events: &mut Vec<Event>,
    ) -> Result<(), WaitError> {
        let until = timeout.map(|timeout| self.now() + timeout);
        loop {
            self.kernel.poll(events);
            let woken = self.waker.0.swap(false, Ordering::AcqRel);
            if woken || !events.is_empty() {
                return Ok(());
            }
            match (self.kernel.next_timer(), until) {
                (Some(at), until) if until.is_none_or(|until| at <= until) => self.advance(at),
                (_, Some(until)) => {
                    self.advance(until);
                    return Ok(());
                }
                (_, None) => return Ok(()),
            }
        }
    }

    fn waker(&self) -> LoopbackWaker {
        self.waker.clone()
    }
}

/// Ends a wait of a [`Loopback`].
#[derive(Clone, Debug, Default)]
pub struct LoopbackWaker(Arc<AtomicBool>);

impl Wake for LoopbackWaker {
    fn wake(&self) {
        self.0.store(true, Ordering::Release);
    }
}
