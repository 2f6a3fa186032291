//! The calls of `Sockets` on a host without a network.

use std::io::IoSlice;

use sockman::sockets::{
    AcceptError, Accepted, Closing, ConnError, ConnId, ConnectError, ConnectStatus,
    DescriptorLimit, Direction, Endpoint, Failure, Interest, ListenError, ListenerId, More,
    Received, Sent, Sockets, Source, Stale,
};
use sockman::sockman::Initiator;

use super::{Attempt, DESCRIPTORS_MAX, End, IN_VAIN_MAX, Invention, Island, Listener, draw_peer};
use crate::host::Host as _;
use crate::subject::Dialect;
use crate::world::NODE_ADDRESS;

impl<D: Dialect, I: Invention> Island<D, I> {
    fn descriptor_left(&self) -> Result<(), DescriptorLimit> {
        if self.open_descriptors() < DESCRIPTORS_MAX {
            Ok(())
        } else {
            Err(DescriptorLimit::Process)
        }
    }

    /// What was drawn, unless it is nothing once too often.
    fn unless_in_vain<T, E>(
        &mut self,
        drawn: Result<Option<T>, E>,
        least: T,
    ) -> Result<Option<T>, E> {
        match drawn {
            Ok(None) if self.in_vain < IN_VAIN_MAX => {
                self.in_vain += 1;
                Ok(None)
            }
            Ok(count) => {
                self.in_vain = 0;
                Ok(Some(count.unwrap_or(least)))
            }
            Err(error) => Err(error),
        }
    }
}

impl<D: Dialect, I: Invention> Sockets for Island<D, I> {
    /// Succeeds, because no world begins without it.
    fn listen(&mut self, at: &Endpoint) -> Result<ListenerId, ListenError> {
        self.descriptor_left().map_err(ListenError::OutOfDescriptors)?;
        self.totals.opened += 1;
        let at = at.clone();
        Ok(self.listeners.insert(Listener { at, interest: Interest::READ, waiting: 0 }))
    }

    fn accept(&mut self, listener: ListenerId) -> Result<Accepted, AcceptError> {
        let waiting = self.listeners.get(listener).ok_or(AcceptError::Stale)?.waiting;
        self.descriptor_left().map_err(AcceptError::OutOfDescriptors)?;
        if waiting == 0 {
            return Ok(Accepted::WouldBlock);
        }
        let drawn = self.invention.accept(&mut self.draws).map(|comes| comes.then_some(()));
        let comes = self.unless_in_vain(drawn, ());
        let leaves = !matches!(comes, Ok(None) | Err(AcceptError::OutOfDescriptors(_)));
        let entry = self.listeners.get_mut(listener).ok_or(AcceptError::Stale)?;
        entry.waiting -= usize::from(leaves);
        if comes?.is_none() {
            return Ok(Accepted::WouldBlock);
        }
        let peer = Endpoint::Ip(draw_peer(&mut self.draws));
        let conn = self.begin(peer.clone(), Initiator::Us, Attempt::Made);
        Ok(Accepted::Conn { conn, peer })
    }

    fn connect(&mut self, to: &Endpoint) -> Result<ConnId, ConnectError> {
        self.descriptor_left().map_err(ConnectError::OutOfDescriptors)?;
        if self.is_calm {
            return Err(ConnectError::Failed(Failure::Refused));
        }
        let attempt = self.invention.connect(&mut self.draws)?;
        Ok(self.begin(to.clone(), Initiator::Peer, attempt))
    }

    fn connect_status(&mut self, conn: ConnId) -> Result<ConnectStatus, ConnectError> {
        let far = self.conns.get_mut(conn).ok_or(ConnectError::Stale)?;
        match far.attempt {
            Attempt::Pending => Ok(ConnectStatus::InProgress),
            Attempt::Made => Ok(ConnectStatus::Established),
            Attempt::Failed(failure) => {
                far.attempt = Attempt::Failed(Failure::NotConnected);
                Err(ConnectError::Failed(failure))
            }
        }
    }

    fn send(&mut self, conn: ConnId, slices: &[IoSlice<'_>], _: More) -> Result<Sent, ConnError> {
        let offered: usize = slices.iter().map(|slice| slice.len()).sum();
        let far = self.conns.get_mut(conn).ok_or(ConnError::Stale)?;
        match far.end {
            Some(End::Failure(failure)) => {
                far.end = Some(End::Told);
                return Err(ConnError::Failed(failure));
            }
            Some(End::Told) => return Err(ConnError::Failed(Failure::BrokenPipe)),
            Some(End::Eof) | None => {}
        }
        if offered == 0 {
            return Ok(Sent::Bytes(0));
        }
        if far.attempt != Attempt::Made || !far.has_room {
            return Ok(Sent::WouldBlock);
        }
        let whole = Ok(Some(offered));
        let is_calm = self.is_calm;
        let drawn = if is_calm { whole } else { self.invention.send(&mut self.draws, offered) };
        let result = self.unless_in_vain(drawn, 1);
        let far = self.conns.get_mut(conn).ok_or(ConnError::Stale)?;
        far.has_room = result == whole;
        match result {
            Ok(None) => Ok(Sent::WouldBlock),
            Ok(Some(count)) => {
                let count = count.clamp(1, offered);
                far.has_room = count == offered;
                self.listen_to(conn, slices, count);
                Ok(Sent::Bytes(count))
            }
            Err(failure) => {
                far.end = Some(End::Told);
                Err(ConnError::Failed(failure))
            }
        }
    }

    fn recv(&mut self, conn: ConnId, buffer: &mut [u8]) -> Result<Received, ConnError> {
        let far = self.conns.get_mut(conn).ok_or(ConnError::Stale)?;
        if far.inbox.is_empty() {
            return match far.end {
                None => Ok(Received::WouldBlock),
                Some(End::Eof | End::Told) => Ok(Received::Eof),
                Some(End::Failure(failure)) => {
                    far.end = Some(End::Told);
                    Err(ConnError::Failed(failure))
                }
            };
        }
        let most = far.inbox.len().min(buffer.len());
        let drawn =
            if self.is_calm { Ok(Some(most)) } else { self.invention.recv(&mut self.draws, far) };
        let result = self.unless_in_vain(drawn, 1);
        let far = self.conns.get_mut(conn).ok_or(ConnError::Stale)?;
        match result {
            Ok(None) => Ok(Received::WouldBlock),
            Ok(Some(count)) => {
                let count = count.clamp(1, most);
                far.take(&mut buffer[..count]);
                far.dialect.said(&buffer[..count]);
                Ok(Received::Bytes(count))
            }
            Err(failure) => {
                far.inbox.clear();
                far.end = Some(End::Told);
                Err(ConnError::Failed(failure))
            }
        }
    }

    fn shutdown(&mut self, conn: ConnId, _: Direction) -> Result<(), ConnError> {
        let far = self.conns.get_mut(conn).ok_or(ConnError::Stale)?;
        match far.end {
            Some(End::Told) => Err(ConnError::Failed(Failure::NotConnected)),
            Some(End::Eof | End::Failure(_)) | None => Ok(()),
        }
    }

    fn close(&mut self, conn: ConnId, _: Closing) -> Result<(), Stale> {
        self.conns.remove(conn).ok_or(Stale)?;
        self.totals.closed += 1;
        Ok(())
    }

    fn close_listener(&mut self, listener: ListenerId) -> Result<(), Stale> {
        self.listeners.remove(listener).ok_or(Stale)?;
        self.totals.closed += 1;
        Ok(())
    }

    fn set_interest(&mut self, source: Source, interest: Interest) -> Result<(), Stale> {
        match source {
            Source::Listener(id) => self.listeners.get_mut(id).ok_or(Stale)?.interest = interest,
            Source::Conn(id) => self.conns.get_mut(id).ok_or(Stale)?.interest = interest,
        }
        Ok(())
    }

    fn take_error(&mut self, conn: ConnId) -> Result<Option<Failure>, Stale> {
        let far = self.conns.get_mut(conn).ok_or(Stale)?;
        let Some(End::Failure(failure)) = far.end else { return Ok(None) };
        far.end = Some(End::Told);
        Ok(Some(failure))
    }

    fn local_endpoint(&self, conn: ConnId) -> Result<Endpoint, ConnError> {
        self.conns.get(conn).ok_or(ConnError::Stale)?;
        Ok(Endpoint::Ip(NODE_ADDRESS))
    }

    fn peer_endpoint(&self, conn: ConnId) -> Result<Endpoint, ConnError> {
        let far = self.conns.get(conn).ok_or(ConnError::Stale)?;
        match far.attempt {
            Attempt::Made => Ok(far.peer.clone()),
            Attempt::Pending | Attempt::Failed(_) => Err(ConnError::Failed(Failure::NotConnected)),
        }
    }

    fn listener_endpoint(&self, listener: ListenerId) -> Result<Endpoint, Stale> {
        Ok(self.listeners.get(listener).ok_or(Stale)?.at.clone())
    }
}
