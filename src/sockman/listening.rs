//! Listeners: who is let in, and what happens when descriptors run out.

use std::time::Duration;

use crate::sockets::{
    AcceptError, Accepted, Endpoint, Interest, ListenError, ListenerId, Sockets, Source, Stale,
};
use crate::time::Instant;

use super::conns::Conn;
use super::{AcceptBackoff, Event, Initiator, Phase, SockMan};

/// The first pause after descriptors ran out; each further failure doubles it.
const ACCEPT_BACKOFF_FIRST: Duration = Duration::from_millis(10);

/// The longest such pause: somebody who waits to be accepted notices a second at the most.
const ACCEPT_BACKOFF_MAX: Duration = Duration::from_secs(1);

const _: () = assert!(ACCEPT_BACKOFF_FIRST.as_nanos() < ACCEPT_BACKOFF_MAX.as_nanos());

/// One listening socket.
#[derive(Clone, Debug)]
pub(super) struct Listener {
    id: ListenerId,
    /// Accepts left in this turn; zero when nothing was reported.
    accepts_left: u32,
    /// The next rest, if it is not the first in a row.
    backoff: Option<Duration>,
}

impl<S: Sockets, T> SockMan<S, T> {
    /// Listens.
    ///
    /// # Errors
    ///
    /// Nothing was opened.
    pub fn listen(&mut self, at: &Endpoint) -> Result<ListenerId, ListenError> {
        let id = self.sockets.listen(at)?;
        self.listeners.push(Listener { id, accepts_left: 0, backoff: None });
        Ok(id)
    }

    /// Stops listening at one place. Whoever waits there to be accepted is reset.
    ///
    /// # Errors
    ///
    /// It was closed before.
    pub fn stop_listening(&mut self, id: ListenerId) -> Result<(), Stale> {
        let position = self.listeners.iter().position(|l| l.id == id).ok_or(Stale)?;
        self.listeners.remove(position);
        self.deadlines.clear(Source::Listener(id));
        self.sockets.close_listener(id)
    }

    /// Where it listens.
    pub fn listeners(&self) -> impl Iterator<Item = ListenerId> {
        self.listeners.iter().map(|listener| listener.id)
    }

    /// How many listeners rest after a failed accept.
    #[must_use]
    pub fn resting_count(&self) -> usize {
        let rests =
            |listener: &&Listener| self.deadlines.at(Source::Listener(listener.id)).is_some();
        self.listeners.iter().filter(rests).count()
    }

    pub(super) fn mark_listener_ready(&mut self, id: ListenerId) {
        let budget = self.config.accepts_per_turn_max;
        let Some(listener) = self.listeners.iter_mut().find(|l| l.id == id) else { return };
        if listener.accepts_left == 0 {
            self.ready.push_back(Source::Listener(id));
        }
        listener.accepts_left = budget;
    }

    pub(super) fn step_listener(&mut self, now: Instant, id: ListenerId) -> Option<Event> {
        let listener = self.listeners.iter_mut().find(|l| l.id == id)?;
        listener.accepts_left -= 1;
        match self.sockets.accept(id) {
            Ok(Accepted::WouldBlock) => {
                listener.accepts_left = 0;
                None
            }
            Ok(Accepted::Conn { conn, peer }) => {
                listener.backoff = None;
                if listener.accepts_left > 0 {
                    self.ready.push_back(Source::Listener(id));
                }
                let entry = Conn::new(conn, Phase::Open, Initiator::Peer, peer.clone(), None);
                self.conns.insert(entry);
                Some(Event::Accepted { conn, listener: id, peer })
            }
            Err(error) => {
                listener.accepts_left = 0;
                let retry_at = self.rest_listener(now, id, error);
                Some(Event::AcceptFailed { listener: id, error, retry_at })
            }
        }
    }

    /// Keeps a listener from being reported for a while, unless its error went with one client.
    fn rest_listener(
        &mut self,
        now: Instant,
        id: ListenerId,
        error: AcceptError,
    ) -> Option<Instant> {
        let one_client = error == AcceptError::Aborted;
        if one_client || self.config.accept_backoff == AcceptBackoff::Off {
            return None;
        }
        let listener = self.listeners.iter_mut().find(|l| l.id == id)?;
        let rest = listener.backoff.unwrap_or(ACCEPT_BACKOFF_FIRST);
        listener.backoff = Some((rest * 2).min(ACCEPT_BACKOFF_MAX));
        let until = now + rest;
        self.deadlines.set(Source::Listener(id), until);
        self.set_interest(Source::Listener(id), Interest::NONE);
        Some(until)
    }

    pub(super) fn rearm_listener(&mut self, id: ListenerId) {
        self.deadlines.clear(Source::Listener(id));
        self.set_interest(Source::Listener(id), Interest::READ);
    }

    /// Has a listener that rests try again: a descriptor is free.
    pub(super) fn rearm_one(&mut self) {
        let resting = |listener: &Listener| {
            self.deadlines.at(Source::Listener(listener.id)).map(|_| listener.id)
        };
        let resting: Option<ListenerId> = self.listeners.iter().find_map(resting);
        if let Some(listener) = resting {
            self.rearm_listener(listener);
        }
    }
}
