//! Bytes: what is sent, what is read, and when neither is wanted.

use crate::sockets::{ConnError, ConnId, Failure, More, Received, Sent, Sockets, Stale};

use super::{Conns, Event, Phase, SendOutcome, Slices, SockMan};

/// Bytes that one receive takes at most: the reference reads 64 KiB a socket and turn
/// (`SocketHandlerConnected`, `pchBuf[0x10000]`).
pub const RECEIVE_BYTES_MAX: usize = 0x10000;

impl<S: Sockets, T> SockMan<S, T> {
    /// Offers what `gather` finds in the tenant's state to the kernel, in one call. A short count
    /// makes the connection wait for room.
    ///
    /// `gather` returns whether more follows at once.
    pub fn send<F>(&mut self, id: ConnId, gather: F) -> SendOutcome
    where
        F: for<'a> FnOnce(&'a T, &mut Slices<'a>) -> More,
    {
        let Some(conn) = self.conns.conn_mut(id) else { return SendOutcome::Gone };
        match conn.phase {
            Phase::Open | Phase::PeerFinished => {}
            // Nothing can be sent yet; the tenant's bytes stay with it until `Connected`.
            Phase::Dialing => return SendOutcome::Accepted(0),
            Phase::Finishing | Phase::Dead => return SendOutcome::Gone,
        }
        let Some(state) = conn.state.as_ref() else { return SendOutcome::Gone };
        let mut slices = Slices::new();
        let more = gather(state, &mut slices);
        let offered = slices.byte_count();
        let result = if offered == 0 {
            Ok(Sent::Bytes(0))
        } else {
            self.sockets.send(id, slices.as_slice(), more)
        };
        let accepted = match result {
            Ok(Sent::Bytes(count)) => count,
            Ok(Sent::WouldBlock) => 0,
            Err(ConnError::Stale) => unreachable!("the manager alone closes its sockets"),
            Err(ConnError::Failed(failure)) => {
                self.kill(id, Some(failure));
                return SendOutcome::Failed(failure);
            }
        };
        assert!(accepted <= offered, "a kernel takes no more than it is offered");
        conn.bytes_sent += accepted as u64;
        conn.send_blocked = accepted < offered;
        // A peer that takes our bytes slowly is not read from in the same turn: so the two
        // directions share the turn, and neither waits for the other (connman.md 5.4).
        if accepted > 0 && conn.send_blocked {
            conn.ready.readable = false;
        }
        self.update_interest(id);
        SendOutcome::Accepted(accepted)
    }

    /// Reads from a connection from now on.
    pub fn resume(&mut self, id: ConnId) {
        self.set_receive_paused(id, false);
    }

    /// Stops reading from a connection.
    pub fn pause(&mut self, id: ConnId) {
        self.set_receive_paused(id, true);
    }

    /// The bytes of the last [`Event::Received`], and the table of connections.
    pub fn received(&mut self, count: usize) -> (&[u8], &mut Conns<T>) {
        (&self.buffer[..count], &mut self.conns)
    }

    pub(super) fn step_receive(&mut self, id: ConnId) -> Option<Event> {
        let result = self.sockets.recv(id, &mut self.buffer);
        let conn = self.conns.conn_mut(id).expect("the caller found it");
        match result {
            Ok(Received::WouldBlock) => None,
            Ok(Received::Bytes(count)) => {
                assert!(count > 0, "an end of stream is not an empty read");
                conn.bytes_received += count as u64;
                Some(Event::Received { conn: id, count })
            }
            Ok(Received::Eof) if conn.phase == Phase::PeerFinished => {
                // Reading is over and was told; what is reported is the other direction's end.
                let failure = self.sockets.take_error(id).ok().flatten();
                let failure = failure.unwrap_or(Failure::BrokenPipe);
                Some(self.fail(id, failure))
            }
            Ok(Received::Eof) => {
                conn.phase = Phase::PeerFinished;
                self.update_interest(id);
                Some(Event::Eof { conn: id })
            }
            Err(ConnError::Failed(failure)) => Some(self.fail(id, failure)),
            Err(ConnError::Stale) => unreachable!("the manager alone closes its sockets"),
        }
    }

    /// An error of a connection that is not read from. The error is asked for: to learn of it by
    /// reading would take whatever the kernel still holds, past any bound of the tenant's.
    ///
    /// Where none is pending, both directions are over. Then no call but a read gets on (a pause
    /// does not mask the report), and a peer that has closed a Unix socket in order has a right to
    /// what it sent.
    pub(super) fn step_paused_error(&mut self, id: ConnId) -> Option<Event> {
        match self.sockets.take_error(id) {
            Ok(Some(failure)) => Some(self.fail(id, failure)),
            Ok(None) => self.step_receive(id),
            Err(Stale) => unreachable!("the manager alone closes its sockets"),
        }
    }

    fn set_receive_paused(&mut self, id: ConnId, paused: bool) {
        let Some(conn) = self.conns.conn_mut(id) else { return };
        conn.receive_paused = paused;
        self.update_interest(id);
    }
}
