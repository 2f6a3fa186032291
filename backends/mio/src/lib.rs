//! The socket traits over mio: an edge-triggered library under a level-triggered contract.
//!
//! [`MioSockets`] is there to show what such a backend takes, and is held to the same cases as the
//! others. `level.rs` has the conversion. A wait polls without waiting if some level is on that
//! somebody is interested in, and its cost follows the number of such sockets, not of all.
//!
//! mio can be asked for neither errors alone nor nothing, so it may end a poll for what nobody is
//! interested in; the wait then goes on for the time that is left.

use std::collections::VecDeque;
use std::io::{self, IoSlice};
use std::net::Shutdown;
use std::sync::Arc;
use std::time::Duration;

use mio::{Events, Poll, Token};
use sockman::slab::Slab;
use sockman::sockets::{
    AcceptError, Accepted, Closing, ConnError, ConnId, ConnectError, ConnectStatus, Direction,
    Endpoint, Errno, Event, Failure, Interest, ListenError, ListenerId, More, Received,
    SEND_SLICES_MAX, Sent, Sockets, Source, Stale, WAIT_EVENTS_MAX, Wait, WaitError, Wake,
};
use sockman_over::Deadline;

mod level;
mod stream;

use level::{Level, asked};
use stream::{Acceptor, Stream};

/// Stands for the waker where a source's token would. [`Source::token`] never gives it.
const WAKER_TOKEN: Token = Token(usize::MAX);

const _: () = assert!(size_of::<usize>() == size_of::<u64>(), "a token holds a source");

/// The sockets of this machine's kernel, through mio.
#[derive(Debug)]
pub struct MioSockets {
    poll: Poll,
    /// What mio said of the last poll; kept for its memory.
    ready: Events,
    waker: MioWaker,
    conns: Slab<ConnId, Conn>,
    listeners: Slab<ListenerId, Listener>,
    /// Every socket of which something is to be reported, and perhaps some more. A socket stands
    /// here at most once, and has `queued` set while it does. Reported ones go to the end, so that
    /// all have their turn.
    active: VecDeque<Source>,
}

#[derive(Debug)]
struct Conn {
    stream: Stream,
    level: Level,
}

#[derive(Debug)]
struct Listener {
    acceptor: Acceptor,
    endpoint: Endpoint,
    level: Level,
}

/// Ends waits of one [`MioSockets`]. Outlives it without harm.
#[derive(Clone, Debug)]
pub struct MioWaker(Arc<mio::Waker>);

impl Wake for MioWaker {
    fn wake(&self) {
        // OK to ignore because a waker that is full, mio's only failure, is emptied and tried again
        // by mio itself.
        let _pending_already = self.0.wake();
    }
}

impl MioSockets {
    /// No socket is open yet.
    ///
    /// # Errors
    ///
    /// The system has no descriptor or no memory left for the poll.
    pub fn new() -> Result<Self, Errno> {
        let poll = Poll::new().map_err(errno)?;
        let waker = mio::Waker::new(poll.registry(), WAKER_TOKEN).map_err(errno)?;
        Ok(Self {
            poll,
            // The waker needs a place of its own.
            ready: Events::with_capacity(WAIT_EVENTS_MAX + 1),
            waker: MioWaker(Arc::new(waker)),
            conns: Slab::new(),
            listeners: Slab::new(),
            active: VecDeque::new(),
        })
    }

    fn conn(&self, conn: ConnId) -> Result<&Stream, Stale> {
        self.conns.get(conn).map(|conn| &conn.stream).ok_or(Stale)
    }

    /// Gives a connection an id and registers it. If that fails, it is closed.
    fn insert_conn(&mut self, stream: Stream) -> io::Result<ConnId> {
        let level = Level::new(Interest::NONE);
        let id = self.conns.insert(Conn { stream, level });
        let conn = self.conns.get_mut(id).expect("just inserted");
        let source = conn.stream.source();
        if let Err(error) = self.poll.registry().register(source, token(id), asked(level.interest))
        {
            self.conns.remove(id);
            return Err(error);
        }
        Ok(id)
    }

    fn listen_at(&mut self, at: &Endpoint) -> io::Result<ListenerId> {
        let acceptor = Acceptor::listen(at)?;
        let endpoint = acceptor.endpoint()?;
        let level = Level::new(Interest::READ);
        let id = self.listeners.insert(Listener { acceptor, endpoint, level });
        let source = self.listeners.get_mut(id).expect("just inserted").acceptor.source();
        if let Err(error) = self.poll.registry().register(source, token(id), asked(level.interest))
        {
            self.listeners.remove(id);
            return Err(error);
        }
        Ok(id)
    }

    fn accept_from(&mut self, listener: ListenerId) -> io::Result<Option<Accepted>> {
        let Some(listener) = self.listeners.get_mut(listener) else { return Ok(None) };
        match listener.acceptor.accept() {
            Ok((stream, peer)) => {
                let conn = self.insert_conn(stream)?;
                Ok(Some(Accepted::Conn { conn, peer }))
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                listener.level.drained();
                Ok(Some(Accepted::WouldBlock))
            }
            Err(error) => Err(error),
        }
    }

    /// How an attempt stands that has no peer and no pending error: it goes on, or its end was told
    /// already.
    fn unconnected_status(&self, conn: ConnId) -> Result<ConnectStatus, ConnectError> {
        let stream = self.conn(conn).map_err(|Stale| ConnectError::Stale)?;
        if stream.is_over().map_err(errno)? {
            return Err(ConnectError::Failed(Failure::NotConnected));
        }
        Ok(ConnectStatus::InProgress)
    }

    fn level(&mut self, source: Source) -> Option<&mut Level> {
        match source {
            Source::Conn(id) => self.conns.get_mut(id).map(|conn| &mut conn.level),
            Source::Listener(id) => self.listeners.get_mut(id).map(|listener| &mut listener.level),
        }
    }

    /// Puts a socket into the queue if there is something to report of it.
    fn enqueue(&mut self, source: Source) {
        if self.level(source).is_some_and(Level::enqueue) {
            self.active.push_back(source);
        }
    }

    /// Whether something is to be reported. Drops those from the head of the queue of which nothing
    /// is.
    fn has_active(&mut self) -> bool {
        while let Some(&source) = self.active.front() {
            match self.level(source) {
                Some(level) if !level.visible().is_none() => return true,
                Some(level) => level.queued = false,
                None => {}
            }
            self.active.pop_front();
        }
        false
    }

    /// Polls once and takes in what mio says. Whether the waker was used.
    fn poll(&mut self, timeout: Option<Duration>) -> io::Result<Woken> {
        self.poll.poll(&mut self.ready, timeout)?;
        let mut woken = Woken::No;
        let mut ready = std::mem::replace(&mut self.ready, Events::with_capacity(0));
        for event in &ready {
            if event.token() == WAKER_TOKEN {
                woken = Woken::Yes;
                continue;
            }
            let source = Source::from_token(event.token().0 as u64);
            if let Some(level) = self.level(source) {
                level.set(event);
                self.enqueue(source);
            }
        }
        ready.clear();
        self.ready = ready;
        Ok(woken)
    }

    /// Reports from the queue, at most as many as a wait may.
    fn report(&mut self, events: &mut Vec<Event>) {
        for _ in 0..self.active.len().min(WAIT_EVENTS_MAX) {
            let Some(source) = self.active.pop_front() else { return };
            let Some(level) = self.level(source) else { continue };
            let readiness = level.visible();
            if readiness.is_none() {
                level.queued = false;
            } else {
                events.push(Event { source, readiness });
                self.active.push_back(source);
            }
        }
    }
}

/// Whether a wait was ended from outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Woken {
    Yes,
    No,
}

impl Sockets for MioSockets {
    fn listen(&mut self, at: &Endpoint) -> Result<ListenerId, ListenError> {
        Ok(self.listen_at(at).map_err(errno)?)
    }

    fn accept(&mut self, listener: ListenerId) -> Result<Accepted, AcceptError> {
        self.accept_from(listener).map_err(errno)?.ok_or(AcceptError::Stale)
    }

    fn connect(&mut self, to: &Endpoint) -> Result<ConnId, ConnectError> {
        let conn = Stream::connect(to).and_then(|stream| self.insert_conn(stream));
        Ok(conn.map_err(errno)?)
    }

    fn connect_status(&mut self, conn: ConnId) -> Result<ConnectStatus, ConnectError> {
        if let Some(failure) = self.take_error(conn).map_err(|Stale| ConnectError::Stale)? {
            return Err(ConnectError::Failed(failure));
        }
        match self.peer_endpoint(conn) {
            Ok(_) => Ok(ConnectStatus::Established),
            Err(ConnError::Failed(Failure::NotConnected)) => self.unconnected_status(conn),
            Err(ConnError::Failed(failure)) => Err(ConnectError::Failed(failure)),
            Err(ConnError::Stale) => Err(ConnectError::Stale),
        }
    }

    fn send(
        &mut self,
        conn: ConnId,
        slices: &[IoSlice<'_>],
        more: More,
    ) -> Result<Sent, ConnError> {
        let Conn { stream, level } = self.conns.get_mut(conn).ok_or(ConnError::Stale)?;
        let slices = &slices[..slices.len().min(SEND_SLICES_MAX)];
        let offered: usize = slices.iter().map(|slice| slice.len()).sum();
        if offered == 0 {
            return Ok(Sent::Bytes(0));
        }
        match stream.send(slices, more) {
            Ok(count) => {
                if count < offered {
                    level.filled();
                }
                Ok(Sent::Bytes(count))
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                level.filled();
                Ok(Sent::WouldBlock)
            }
            Err(error) => Err(errno(error).into()),
        }
    }

    fn recv(&mut self, conn: ConnId, buffer: &mut [u8]) -> Result<Received, ConnError> {
        assert!(!buffer.is_empty(), "a buffer without room cannot tell bytes from their end");
        let Conn { stream, level } = self.conns.get_mut(conn).ok_or(ConnError::Stale)?;
        match stream.recv(buffer) {
            Ok(0) => Ok(Received::Eof),
            Ok(count) => {
                if count < buffer.len() {
                    level.drained();
                }
                Ok(Received::Bytes(count))
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                level.drained();
                Ok(Received::WouldBlock)
            }
            Err(error) => Err(errno(error).into()),
        }
    }

    fn shutdown(&mut self, conn: ConnId, direction: Direction) -> Result<(), ConnError> {
        let how = match direction {
            Direction::Read => Shutdown::Read,
            Direction::Write => Shutdown::Write,
            Direction::Both => Shutdown::Both,
        };
        let Conn { stream, level } = self.conns.get_mut(conn).ok_or(ConnError::Stale)?;
        stream.shutdown(how).map_err(errno)?;
        level.shut(direction);
        self.enqueue(Source::Conn(conn));
        Ok(())
    }

    fn close(&mut self, conn: ConnId, how: Closing) -> Result<(), Stale> {
        let Conn { mut stream, .. } = self.conns.remove(conn).ok_or(Stale)?;
        self.poll.registry().deregister(stream.source()).expect("it was registered");
        if how == Closing::Reset {
            stream.reset_at_close();
        }
        Ok(())
    }

    fn close_listener(&mut self, listener: ListenerId) -> Result<(), Stale> {
        let Listener { mut acceptor, .. } = self.listeners.remove(listener).ok_or(Stale)?;
        self.poll.registry().deregister(acceptor.source()).expect("it was registered");
        Ok(())
    }

    fn set_interest(&mut self, source: Source, interest: Interest) -> Result<(), Stale> {
        let level = self.level(source).ok_or(Stale)?;
        let before = std::mem::replace(&mut level.interest, interest);
        // A listener is always asked whether somebody waits.
        if let Source::Conn(id) = source
            && asked(before) != asked(interest)
        {
            let stream = &mut self.conns.get_mut(id).expect("found above").stream;
            // Which also has mio tell anew what is true now.
            let registry = self.poll.registry();
            registry
                .reregister(stream.source(), token(id), asked(interest))
                .expect("it was registered; a change needs no memory");
        }
        self.enqueue(source);
        Ok(())
    }

    fn take_error(&mut self, conn: ConnId) -> Result<Option<Failure>, Stale> {
        // The call itself cannot fail on an open socket; if it does, that is the error.
        let pending = self.conn(conn)?.take_error().unwrap_or_else(Some);
        Ok(pending.map(|error| errno(error).into()))
    }

    fn local_endpoint(&self, conn: ConnId) -> Result<Endpoint, ConnError> {
        Ok(self.conn(conn)?.local_endpoint().map_err(errno)?)
    }

    fn peer_endpoint(&self, conn: ConnId) -> Result<Endpoint, ConnError> {
        Ok(self.conn(conn)?.peer_endpoint().map_err(errno)?)
    }

    fn listener_endpoint(&self, listener: ListenerId) -> Result<Endpoint, Stale> {
        self.listeners.get(listener).map(|listener| listener.endpoint.clone()).ok_or(Stale)
    }
}

impl Wait for MioSockets {
    type Waker = MioWaker;

    fn wait(
        &mut self,
        timeout: Option<Duration>,
        events: &mut Vec<Event>,
    ) -> Result<(), WaitError> {
        events.clear();
        let deadline = Deadline::after(timeout);
        loop {
            let left = if self.has_active() { Some(Duration::ZERO) } else { deadline.left() };
            let woken = match self.poll(left) {
                Ok(woken) => woken,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => return Ok(()),
                Err(error) => return Err(errno(error).into()),
            };
            self.report(events);
            if woken == Woken::Yes || !events.is_empty() || left == Some(Duration::ZERO) {
                return Ok(());
            }
        }
    }

    fn waker(&self) -> MioWaker {
        self.waker.clone()
    }
}

fn token(source: impl Into<Source>) -> Token {
    let token = usize::try_from(source.into().token()).expect("checked above: they are as wide");
    Token(token)
}

/// The system's number of an error; that of a wrong argument if mio found it wrong by itself.
fn errno(error: io::Error) -> Errno {
    Errno(error.raw_os_error().unwrap_or_else(|| rustix::io::Errno::INVAL.raw_os_error()))
}
