//! Backends that break the contract, each in one way: canaries for the acceptor and the comparison.
//!
//! Each wears a good backend and spoils what passes through. One that is not noticed shows that the
//! harness is broken.

use std::collections::{BTreeMap, BTreeSet};
use std::io::IoSlice;
use std::time::Duration;

use sockman::sockets::{
    AcceptError, Accepted, Closing, ConnError, ConnId, ConnectError, ConnectStatus, Direction,
    Endpoint, Event, Failure, Interest, ListenError, ListenerId, More, Received, Sent, Sockets,
    Source, Stale, Wait, WaitError,
};

/// What is wrong with a [`Broken`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The last byte of a read of more than one is lost.
    ByteLost,
    /// Once bytes were read, the end of the stream is told, though more may follow.
    EofBeforeData,
    /// An orderly close resets.
    ResetForFin,
    /// A wait does not report that bytes are there.
    ReadinessMissed,
    /// A closed id works again: it stands for the connection opened last.
    IdReused,
    /// Once a send has said "would block", or taken less than offered, `writable` never returns.
    WritableNeverReturns,
    /// A failure is told twice.
    ErrorToldTwice,
    /// A read gives the bytes of two sends in the wrong order.
    BytesSwapped,
    /// A send says that it took all, and takes half.
    HalfTaken,
}

impl Fault {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::ByteLost,
        Self::EofBeforeData,
        Self::ResetForFin,
        Self::ReadinessMissed,
        Self::IdReused,
        Self::WritableNeverReturns,
        Self::ErrorToldTwice,
        Self::BytesSwapped,
        Self::HalfTaken,
    ];
}

/// A backend with a fault.
#[derive(Clone, Debug)]
pub struct Broken<S> {
    inner: S,
    fault: Fault,
    last_opened: Option<ConnId>,
    closed: BTreeSet<ConnId>,
    /// Connections that a read has given bytes on.
    read_from: BTreeSet<ConnId>,
    /// Connections that have said that they are full.
    full: BTreeSet<ConnId>,
    told: BTreeMap<ConnId, Failure>,
}

impl<S: Sockets> Broken<S> {
    /// Spoils a backend.
    pub const fn new(inner: S, fault: Fault) -> Self {
        Self {
            inner,
            fault,
            last_opened: None,
            closed: BTreeSet::new(),
            read_from: BTreeSet::new(),
            full: BTreeSet::new(),
            told: BTreeMap::new(),
        }
    }

    fn is(&self, fault: Fault) -> bool {
        self.fault == fault
    }

    /// The id that a call is made with.
    fn id(&self, conn: ConnId) -> ConnId {
        match self.last_opened {
            Some(last) if self.is(Fault::IdReused) && self.closed.contains(&conn) => last,
            Some(_) | None => conn,
        }
    }

    /// Tells a failure again, once.
    fn again(&mut self, conn: ConnId) -> Option<ConnError> {
        let failure = self.told.remove(&conn)?;
        self.is(Fault::ErrorToldTwice).then_some(ConnError::Failed(failure))
    }

    fn note(&mut self, conn: ConnId, error: ConnError) -> ConnError {
        if let ConnError::Failed(failure @ (Failure::Reset | Failure::Refused)) = error {
            self.told.insert(conn, failure);
        }
        error
    }
}

impl<S: Sockets> Sockets for Broken<S> {
    fn listen(&mut self, at: &Endpoint) -> Result<ListenerId, ListenError> {
        self.inner.listen(at)
    }

    fn accept(&mut self, listener: ListenerId) -> Result<Accepted, AcceptError> {
        let accepted = self.inner.accept(listener);
        if let Ok(Accepted::Conn { conn, .. }) = accepted {
            self.last_opened = Some(conn);
        }
        accepted
    }

    fn connect(&mut self, to: &Endpoint) -> Result<ConnId, ConnectError> {
        let conn = self.inner.connect(to)?;
        self.last_opened = Some(conn);
        Ok(conn)
    }

    fn connect_status(&mut self, conn: ConnId) -> Result<ConnectStatus, ConnectError> {
        self.inner.connect_status(self.id(conn))
    }

    fn send(
        &mut self,
        conn: ConnId,
        slices: &[IoSlice<'_>],
        more: More,
    ) -> Result<Sent, ConnError> {
        let conn = self.id(conn);
        if let Some(error) = self.again(conn) {
            return Err(error);
        }
        let offered: usize = slices.iter().map(|slice| slice.len()).sum();
        if self.is(Fault::HalfTaken) && slices.len() > 1 && !slices[0].is_empty() {
            self.inner.send(conn, &slices[..1], more)?;
            return Ok(Sent::Bytes(offered));
        }
        let sent = self.inner.send(conn, slices, more);
        if sent.is_ok_and(|sent| sent != Sent::Bytes(offered)) {
            self.full.insert(conn);
        }
        sent.map_err(|error| self.note(conn, error))
    }

    fn recv(&mut self, conn: ConnId, buffer: &mut [u8]) -> Result<Received, ConnError> {
        let conn = self.id(conn);
        if let Some(error) = self.again(conn) {
            return Err(error);
        }
        if self.is(Fault::EofBeforeData) && self.read_from.contains(&conn) {
            return Ok(Received::Eof);
        }
        let received = self.inner.recv(conn, buffer);
        let Ok(Received::Bytes(count)) = received else {
            return received.map_err(|error| self.note(conn, error));
        };
        self.read_from.insert(conn);
        if self.is(Fault::BytesSwapped) {
            buffer[..count].reverse();
        }
        let lost = self.is(Fault::ByteLost) && count > 1;
        Ok(Received::Bytes(if lost { count - 1 } else { count }))
    }

    fn shutdown(&mut self, conn: ConnId, direction: Direction) -> Result<(), ConnError> {
        self.inner.shutdown(self.id(conn), direction)
    }

    fn close(&mut self, conn: ConnId, how: Closing) -> Result<(), Stale> {
        let how = if self.is(Fault::ResetForFin) { Closing::Reset } else { how };
        let closed = self.inner.close(self.id(conn), how);
        self.closed.insert(conn);
        closed
    }

    fn close_listener(&mut self, listener: ListenerId) -> Result<(), Stale> {
        self.inner.close_listener(listener)
    }

    fn set_interest(&mut self, source: Source, interest: Interest) -> Result<(), Stale> {
        let source = match source {
            Source::Conn(conn) => Source::Conn(self.id(conn)),
            Source::Listener(_) => source,
        };
        self.inner.set_interest(source, interest)
    }

    fn take_error(&mut self, conn: ConnId) -> Result<Option<Failure>, Stale> {
        self.inner.take_error(self.id(conn))
    }

    fn local_endpoint(&self, conn: ConnId) -> Result<Endpoint, ConnError> {
        self.inner.local_endpoint(self.id(conn))
    }

    fn peer_endpoint(&self, conn: ConnId) -> Result<Endpoint, ConnError> {
        self.inner.peer_endpoint(self.id(conn))
    }

    fn listener_endpoint(&self, listener: ListenerId) -> Result<Endpoint, Stale> {
        self.inner.listener_endpoint(listener)
    }
}

impl<S: Sockets + Wait> Wait for Broken<S> {
    type Waker = S::Waker;

    fn wait(
        &mut self,
        timeout: Option<Duration>,
        events: &mut Vec<Event>,
    ) -> Result<(), WaitError> {
        self.inner.wait(timeout, events)?;
        for event in events.iter_mut() {
            if self.is(Fault::ReadinessMissed) {
                event.readiness.readable = false;
            }
            let full = matches!(event.source, Source::Conn(conn) if self.full.contains(&conn));
            if self.is(Fault::WritableNeverReturns) && full {
                event.readiness.writable = false;
            }
        }
        events.retain(|event| !event.readiness.is_none());
        Ok(())
    }

    fn waker(&self) -> S::Waker {
        self.inner.waker()
    }
}
