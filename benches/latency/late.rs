//! Calls that are late as in the loop that was asked about: what is to be sent is first noticed
//! when a wait is over.
//!
//! There the loop waits at most 50 ms (Core: `SELECT_TIMEOUT_MILLISECONDS`) for what its sockets
//! were last asked for. Who has something to send while it waits neither tries at once nor wakes
//! it, so that it lies there until the wait is over, and goes with the next one.

use std::io::IoSlice;
use std::time::Duration;

use sockman::sockets::{
    AcceptError, Accepted, Closing, ConnError, ConnId, ConnectError, ConnectStatus, Direction,
    Endpoint, Event, Failure, Interest, ListenError, ListenerId, More, Received, Sent, Sockets,
    Source, Stale, Wait, WaitError,
};

/// The longest wait.
const TICK: Duration = Duration::from_millis(50);

/// The calls of another backend, late.
pub(crate) struct Late<S> {
    inner: S,
    /// What was asked for since the wait before: it counts from the next one on.
    asked: Vec<(Source, Interest)>,
    /// Who was said to be writable.
    writable: Vec<ConnId>,
}

impl<S> Late<S> {
    pub(crate) const fn new(inner: S) -> Self {
        Self { inner, asked: Vec::new(), writable: Vec::new() }
    }
}

impl<S: Wait + Sockets> Wait for Late<S> {
    type Waker = S::Waker;

    fn wait(
        &mut self,
        timeout: Option<Duration>,
        events: &mut Vec<Event>,
    ) -> Result<(), WaitError> {
        let asked = std::mem::take(&mut self.asked);
        let timeout = if asked.is_empty() {
            timeout
        } else {
            Some(timeout.map_or(TICK, |timeout| timeout.min(TICK)))
        };
        self.inner.wait(timeout, events)?;
        for (source, interest) in asked {
            // OK to ignore: it may have been closed since.
            let _ = self.inner.set_interest(source, interest);
        }
        self.writable.clear();
        for event in events.iter().filter(|event| event.readiness.writable) {
            if let Source::Conn(conn) = event.source {
                self.writable.push(conn);
            }
        }
        Ok(())
    }

    fn waker(&self) -> S::Waker {
        self.inner.waker()
    }
}

impl<S: Sockets> Sockets for Late<S> {
    fn send(
        &mut self,
        conn: ConnId,
        slices: &[IoSlice<'_>],
        more: More,
    ) -> Result<Sent, ConnError> {
        if self.writable.contains(&conn) {
            self.inner.send(conn, slices, more)
        } else {
            Ok(Sent::WouldBlock)
        }
    }

    fn set_interest(&mut self, source: Source, interest: Interest) -> Result<(), Stale> {
        if interest.writable {
            self.asked.push((source, interest));
            return Ok(());
        }
        self.asked.retain(|(asked, _)| *asked != source);
        self.inner.set_interest(source, interest)
    }

    fn listen(&mut self, at: &Endpoint) -> Result<ListenerId, ListenError> {
        self.inner.listen(at)
    }

    fn accept(&mut self, listener: ListenerId) -> Result<Accepted, AcceptError> {
        self.inner.accept(listener)
    }

    fn connect(&mut self, to: &Endpoint) -> Result<ConnId, ConnectError> {
        self.inner.connect(to)
    }

    fn connect_status(&mut self, conn: ConnId) -> Result<ConnectStatus, ConnectError> {
        self.inner.connect_status(conn)
    }

    fn recv(&mut self, conn: ConnId, buffer: &mut [u8]) -> Result<Received, ConnError> {
        self.inner.recv(conn, buffer)
    }

    fn shutdown(&mut self, conn: ConnId, direction: Direction) -> Result<(), ConnError> {
        self.inner.shutdown(conn, direction)
    }

    fn close(&mut self, conn: ConnId, how: Closing) -> Result<(), Stale> {
        self.inner.close(conn, how)
    }

    fn close_listener(&mut self, listener: ListenerId) -> Result<(), Stale> {
        self.inner.close_listener(listener)
    }

    fn take_error(&mut self, conn: ConnId) -> Result<Option<Failure>, Stale> {
        self.inner.take_error(conn)
    }

    fn local_endpoint(&self, conn: ConnId) -> Result<Endpoint, ConnError> {
        self.inner.local_endpoint(conn)
    }

    fn peer_endpoint(&self, conn: ConnId) -> Result<Endpoint, ConnError> {
        self.inner.peer_endpoint(conn)
    }

    fn listener_endpoint(&self, listener: ListenerId) -> Result<Endpoint, Stale> {
        self.inner.listener_endpoint(listener)
    }
}
