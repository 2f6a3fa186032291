//! Ends: at once, in order, or because the socket has failed.

use crate::sockets::{
    Closing, ConnError, ConnId, Direction, Failure, Interest, Received, Sockets, Source, Stale,
};
use crate::time::Instant;

use super::{ConnFailure, Event, FinishEnd, Phase, SockMan};

impl<S: Sockets, T> SockMan<S, T> {
    /// Closes a connection now and forgets it; the tenant's state comes back. Unsent bytes of the
    /// tenant are the tenant's affair; what the kernel has taken goes out, unless bytes of the
    /// peer's were unread.
    ///
    /// # Errors
    ///
    /// It was closed before.
    pub fn close(&mut self, id: ConnId) -> Result<Option<T>, Stale> {
        let conn = self.conns.remove(id).ok_or(Stale)?;
        self.deadlines.clear(Source::Conn(id));
        if conn.phase != Phase::Dead {
            self.close_socket(id);
        }
        Ok(conn.state)
    }

    /// Ends a connection in order; [`Event::Finished`] will follow, at `deadline` at the latest.
    /// Whatever the tenant has not sent by now is not sent.
    pub fn finish(&mut self, id: ConnId, deadline: Instant) {
        let Some(conn) = self.conns.conn_mut(id) else { return };
        match conn.phase {
            Phase::Open | Phase::PeerFinished => {}
            Phase::Dialing | Phase::Finishing | Phase::Dead => return,
        }
        conn.phase = Phase::Finishing;
        conn.receive_paused = false;
        conn.send_blocked = false;
        // A connection that is over already answers with an error here, and with its end below.
        if let Err(ConnError::Stale) = self.sockets.shutdown(id, Direction::Write) {
            unreachable!("the manager alone closes its sockets");
        }
        self.deadlines.set(Source::Conn(id), deadline);
        self.update_interest(id);
    }

    /// Closes everything; the tenant's states come back, by index of their ids.
    pub fn shutdown(&mut self) -> Vec<(ConnId, Option<T>)> {
        let listeners: Vec<_> = self.listeners().collect();
        for id in listeners {
            self.stop_listening(id).expect("it was in the list");
        }
        let ids: Vec<_> = self.conns.all().map(|conn| conn.id).collect();
        let states = ids.into_iter().map(|id| (id, self.close(id).expect("it was in the table")));
        let states = states.collect();
        self.ready.clear();
        states
    }

    pub(super) fn step_finishing(&mut self, id: ConnId) -> Option<Event> {
        let end = match self.sockets.recv(id, &mut self.buffer) {
            Ok(Received::WouldBlock | Received::Bytes(_)) => return None,
            Ok(Received::Eof) => FinishEnd::PeerClosed,
            Err(ConnError::Failed(failure)) => FinishEnd::Failed(failure),
            Err(ConnError::Stale) => unreachable!("the manager alone closes its sockets"),
        };
        self.kill(id, None);
        Some(Event::Finished { conn: id, end })
    }

    pub(super) fn fail(&mut self, id: ConnId, failure: Failure) -> Event {
        self.kill(id, Some(failure));
        Event::Failed { conn: id, error: ConnFailure::Lost(failure) }
    }

    /// Closes the socket and leaves the entry for the tenant to close.
    pub(super) fn kill(&mut self, id: ConnId, failure: Option<Failure>) {
        let conn = self.conns.conn_mut(id).expect("the caller found it");
        assert!(conn.phase != Phase::Dead, "a connection ends once");
        conn.phase = Phase::Dead;
        conn.interest = Interest::NONE;
        conn.last_failure = failure;
        self.conns.bury(id);
        self.deadlines.clear(Source::Conn(id));
        self.close_socket(id);
    }

    /// Closes a socket, which frees a descriptor for whoever waits to be accepted.
    fn close_socket(&mut self, id: ConnId) {
        self.sockets.close(id, Closing::Orderly).expect("the manager alone closes its sockets");
        self.rearm_one();
    }
}
