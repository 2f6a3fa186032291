//! Dialing: attempts to connect, each with a deadline.

use std::time::Duration;

use crate::sockets::{ConnId, ConnectError, ConnectStatus, Endpoint, Sockets, Source};
use crate::time::Instant;

use super::conns::Conn;
use super::{ConnFailure, Event, Initiator, Phase, SockMan};

impl<S: Sockets, T> SockMan<S, T> {
    /// Begins to connect; [`Event::Connected`] or [`Event::Failed`] will follow.
    ///
    /// # Errors
    ///
    /// Nothing was opened; the tenant's state comes back.
    pub fn dial(
        &mut self,
        now: Instant,
        to: Endpoint,
        timeout: Duration,
        state: T,
    ) -> Result<ConnId, (T, ConnectError)> {
        let id = match self.sockets.connect(&to) {
            Ok(id) => id,
            Err(error) => return Err((state, error)),
        };
        self.conns.insert(Conn::new(id, Phase::Dialing, Initiator::Us, to, Some(state)));
        self.deadlines.set(Source::Conn(id), now + timeout);
        self.update_interest(id);
        Ok(id)
    }

    pub(super) fn step_dialing(&mut self, id: ConnId) -> Option<Event> {
        match self.sockets.connect_status(id) {
            Ok(ConnectStatus::InProgress) => None,
            Ok(ConnectStatus::Established) => {
                let conn = self.conns.conn_mut(id).expect("the caller found it");
                conn.phase = Phase::Open;
                self.deadlines.clear(Source::Conn(id));
                self.update_interest(id);
                Some(Event::Connected { conn: id })
            }
            Err(error) => {
                self.kill(id, None);
                Some(Event::Failed { conn: id, error: ConnFailure::Dial(error) })
            }
        }
    }
}
