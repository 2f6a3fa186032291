//! What the manager shows of itself, and what must always hold.

use crate::sockets::{ConnId, Sockets, Source};

use super::conns::{Conn, ConnSnapshot, ConnView};
use super::{Phase, SockMan};

impl<S: Sockets, T> SockMan<S, T> {
    /// Every connection as it stands, by index of its id.
    #[must_use]
    pub fn inspect(&self) -> Vec<ConnSnapshot> {
        let snapshot = |conn: &Conn<T>| ConnSnapshot {
            conn: conn.id,
            initiator: conn.initiator,
            peer: conn.peer.clone(),
            phase: conn.phase,
            interest: conn.interest,
            ready: conn.ready,
            receive_paused: conn.receive_paused,
            send_blocked: conn.send_blocked,
            deadline: self.deadlines.at(Source::Conn(conn.id)),
            bytes_received: conn.bytes_received,
            bytes_sent: conn.bytes_sent,
            last_failure: conn.last_failure,
        };
        self.conns.all().map(snapshot).collect()
    }

    /// Every connection in short, by index of its id, those that are over last. Nothing is copied,
    /// so that one may look at all of them after each step.
    pub fn views(&self) -> impl Iterator<Item = ConnView<'_, T>> {
        self.conns.all().map(Conn::view)
    }

    /// One connection in short; `None` if the id is stale.
    #[must_use]
    pub fn view(&self, conn: ConnId) -> Option<ConnView<'_, T>> {
        self.conns.conn(conn).map(Conn::view)
    }

    /// Sockets that wait to be served, those among them that were closed meanwhile included.
    #[must_use]
    pub fn ready_count(&self) -> usize {
        self.ready.len()
    }

    /// How many sockets the manager believes open; a simulator compares with its kernel.
    #[must_use]
    pub const fn open_count(&self) -> usize {
        self.listeners.len() + self.conns.living_count()
    }

    /// Checks what must always hold.
    pub fn check_invariants(&self) {
        let living = self.conns.all().filter(|conn| conn.phase != Phase::Dead).count();
        assert_eq!(self.conns.living_count(), living, "the dead are set apart, and only they");
        let queued = self.conns.all().filter(|conn| conn.queued).count();
        assert!(queued <= self.ready.len(), "whoever is marked as queued stands in the queue");
        for conn in self.conns.all() {
            let expected = conn.wanted_interest();
            assert_eq!(conn.interest, expected, "{}: interest follows from the state", conn.id);
            let timed = self.deadlines.at(Source::Conn(conn.id)).is_some();
            if conn.phase == Phase::Dead {
                assert!(!timed, "{}: a closed socket has no deadline", conn.id);
            }
            if conn.phase == Phase::Dialing {
                assert!(timed, "{}: an attempt ends in time", conn.id);
            }
        }
    }
}
