//! The comparison that the design asks for: a backend behind a virtual call.

use std::io::IoSlice;
use std::time::Duration;

use sockman::sockets::{
    AcceptError, Accepted, Closing, ConnError, ConnId, ConnectError, ConnectStatus, Direction,
    Endpoint, Event, Failure, Interest, ListenError, ListenerId, More, Received, Sent, Sockets,
    Source, Stale, Wait, WaitError,
};

use crate::NoWaker;

/// Any backend of this bench.
pub(crate) trait Backend: Sockets + Wait<Waker = NoWaker> {}

impl<S: Sockets + Wait<Waker = NoWaker>> Backend for S {}

/// A backend whose calls are looked up at run time.
pub(crate) struct Boxed(pub(crate) Box<dyn Backend>);

impl Sockets for Boxed {
    fn listen(&mut self, at: &Endpoint) -> Result<ListenerId, ListenError> {
        self.0.listen(at)
    }

    fn accept(&mut self, listener: ListenerId) -> Result<Accepted, AcceptError> {
        self.0.accept(listener)
    }

    fn connect(&mut self, to: &Endpoint) -> Result<ConnId, ConnectError> {
        self.0.connect(to)
    }

    fn connect_status(&mut self, conn: ConnId) -> Result<ConnectStatus, ConnectError> {
        self.0.connect_status(conn)
    }

    fn send(
        &mut self,
        conn: ConnId,
        slices: &[IoSlice<'_>],
        more: More,
    ) -> Result<Sent, ConnError> {
        self.0.send(conn, slices, more)
    }

    fn recv(&mut self, conn: ConnId, buffer: &mut [u8]) -> Result<Received, ConnError> {
        self.0.recv(conn, buffer)
    }

    fn shutdown(&mut self, conn: ConnId, direction: Direction) -> Result<(), ConnError> {
        self.0.shutdown(conn, direction)
    }

    fn close(&mut self, conn: ConnId, how: Closing) -> Result<(), Stale> {
        self.0.close(conn, how)
    }

    fn close_listener(&mut self, listener: ListenerId) -> Result<(), Stale> {
        self.0.close_listener(listener)
    }

    fn set_interest(&mut self, source: Source, interest: Interest) -> Result<(), Stale> {
        self.0.set_interest(source, interest)
    }

    fn take_error(&mut self, conn: ConnId) -> Result<Option<Failure>, Stale> {
        self.0.take_error(conn)
    }

    fn local_endpoint(&self, conn: ConnId) -> Result<Endpoint, ConnError> {
        self.0.local_endpoint(conn)
    }

    fn peer_endpoint(&self, conn: ConnId) -> Result<Endpoint, ConnError> {
        self.0.peer_endpoint(conn)
    }

    fn listener_endpoint(&self, listener: ListenerId) -> Result<Endpoint, Stale> {
        self.0.listener_endpoint(listener)
    }
}

impl Wait for Boxed {
    type Waker = NoWaker;

    fn wait(
        &mut self,
        timeout: Option<Duration>,
        events: &mut Vec<Event>,
    ) -> Result<(), WaitError> {
        self.0.wait(timeout, events)
    }

    fn waker(&self) -> NoWaker {
        self.0.waker()
    }
}
