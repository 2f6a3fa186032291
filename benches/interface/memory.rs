//! A backend without a kernel: a pair of buffers a connection, filled and emptied at each wait.
//!
//! It copies as a kernel does, and does nothing else, so that whoever calls it stands out. It keeps
//! as much of the contract as the servers here ask for.

use std::io::IoSlice;
use std::net::Ipv4Addr;
use std::time::Duration;

use sockman::slab::Key as _;
use sockman::sockets::{
    AcceptError, Accepted, Closing, ConnError, ConnId, ConnectError, ConnectStatus, Direction,
    Endpoint, Event, Failure, Interest, ListenError, ListenerId, More, Readiness, Received, Sent,
    Sockets, Source, Stale, Wait, WaitError,
};

use crate::NoWaker;
use crate::session::Load;

/// What a direction of a connection holds: in the middle of what Linux gives a loopback socket.
const BUFFER_BYTES: usize = 256 << 10;

/// The backend, with the peers behind it.
pub(crate) struct Memory {
    load: Load,
    pipes: Vec<Pipe>,
    accepted: usize,
    /// What all peers say.
    speech: Box<[u8]>,
}

/// One connection, with the peer's side of it.
struct Pipe {
    id: ConnId,
    interest: Interest,
    /// Bytes that lie here for the server to read.
    readable: usize,
    /// Bytes that the peer has sent.
    spoken: u64,
    /// What the server has sent and the peer has not taken.
    outbox: Box<[u8]>,
    outbox_bytes: usize,
    /// Bytes that came back to the peer.
    returned: u64,
}

impl Memory {
    pub(crate) fn new(load: &Load) -> Self {
        let pipe = |index| Pipe {
            id: ConnId::new(index, 0),
            interest: Interest::NONE,
            readable: 0,
            spoken: 0,
            outbox: vec![0; BUFFER_BYTES].into_boxed_slice(),
            outbox_bytes: 0,
            returned: 0,
        };
        let conns = u32::try_from(load.conns).expect("a handful of peers");
        let speech = vec![0x5a; BUFFER_BYTES].into_boxed_slice();
        Self { load: *load, pipes: (0..conns).map(pipe).collect(), accepted: 0, speech }
    }

    fn pipe(&mut self, conn: ConnId) -> Result<&mut Pipe, Stale> {
        let pipe = self.pipes.get_mut(conn.index() as usize).ok_or(Stale)?;
        if pipe.id == conn { Ok(pipe) } else { Err(Stale) }
    }

    /// Every peer takes what came, and says what it may. No part of any figure in instructions.
    #[inline(never)]
    fn play_peers(&mut self) {
        for pipe in &mut self.pipes {
            pipe.returned += pipe.outbox_bytes as u64;
            pipe.outbox_bytes = 0;
            let unsaid = self.load.bytes_allowed(pipe.returned) - pipe.spoken;
            let said = unsaid.min((BUFFER_BYTES - pipe.readable) as u64);
            pipe.spoken += said;
            pipe.readable += usize::try_from(said).expect("less than the buffer");
        }
    }
}

const LISTENER: (u32, u32) = (0, 0);

fn nowhere() -> Endpoint {
    Endpoint::Ip((Ipv4Addr::LOCALHOST, 1).into())
}

impl Sockets for Memory {
    fn listen(&mut self, _: &Endpoint) -> Result<ListenerId, ListenError> {
        Ok(ListenerId::new(LISTENER.0, LISTENER.1))
    }

    fn accept(&mut self, _: ListenerId) -> Result<Accepted, AcceptError> {
        let Some(pipe) = self.pipes.get(self.accepted) else { return Ok(Accepted::WouldBlock) };
        self.accepted += 1;
        Ok(Accepted::Conn { conn: pipe.id, peer: nowhere() })
    }

    fn connect(&mut self, _: &Endpoint) -> Result<ConnId, ConnectError> {
        Err(ConnectError::Failed(Failure::NetworkUnreachable))
    }

    fn connect_status(&mut self, _: ConnId) -> Result<ConnectStatus, ConnectError> {
        Ok(ConnectStatus::Established)
    }

    fn send(&mut self, conn: ConnId, slices: &[IoSlice<'_>], _: More) -> Result<Sent, ConnError> {
        let pipe = self.pipe(conn).map_err(|Stale| ConnError::Stale)?;
        let before = pipe.outbox_bytes;
        for slice in slices {
            let room = &mut pipe.outbox[pipe.outbox_bytes..];
            let count = room.len().min(slice.len());
            room[..count].copy_from_slice(&slice[..count]);
            pipe.outbox_bytes += count;
        }
        let taken = pipe.outbox_bytes - before;
        Ok(if taken == 0 { Sent::WouldBlock } else { Sent::Bytes(taken) })
    }

    fn recv(&mut self, conn: ConnId, buffer: &mut [u8]) -> Result<Received, ConnError> {
        let pipe = self.pipes.get_mut(conn.index() as usize).filter(|pipe| pipe.id == conn);
        let pipe = pipe.ok_or(ConnError::Stale)?;
        let count = pipe.readable.min(buffer.len());
        buffer[..count].copy_from_slice(&self.speech[..count]);
        pipe.readable -= count;
        Ok(if count == 0 { Received::WouldBlock } else { Received::Bytes(count) })
    }

    fn shutdown(&mut self, _: ConnId, _: Direction) -> Result<(), ConnError> {
        Ok(())
    }

    fn close(&mut self, conn: ConnId, _: Closing) -> Result<(), Stale> {
        self.pipe(conn).map(|_| ())
    }

    fn close_listener(&mut self, _: ListenerId) -> Result<(), Stale> {
        Ok(())
    }

    fn set_interest(&mut self, source: Source, interest: Interest) -> Result<(), Stale> {
        if let Source::Conn(conn) = source {
            self.pipe(conn)?.interest = interest;
        }
        Ok(())
    }

    fn take_error(&mut self, _: ConnId) -> Result<Option<Failure>, Stale> {
        Ok(None)
    }

    fn local_endpoint(&self, _: ConnId) -> Result<Endpoint, ConnError> {
        Ok(nowhere())
    }

    fn peer_endpoint(&self, _: ConnId) -> Result<Endpoint, ConnError> {
        Ok(nowhere())
    }

    fn listener_endpoint(&self, _: ListenerId) -> Result<Endpoint, Stale> {
        Ok(nowhere())
    }
}

impl Wait for Memory {
    type Waker = NoWaker;

    fn wait(&mut self, _: Option<Duration>, events: &mut Vec<Event>) -> Result<(), WaitError> {
        self.play_peers();
        events.clear();
        if self.accepted < self.pipes.len() {
            let source = Source::Listener(ListenerId::new(LISTENER.0, LISTENER.1));
            let readiness = Readiness { readable: true, ..Readiness::NONE };
            events.push(Event { source, readiness });
        }
        for pipe in &self.pipes {
            let readable = pipe.readable > 0;
            let writable = pipe.outbox_bytes < pipe.outbox.len();
            let readiness = Readiness { readable, writable, error: false }.seen_by(pipe.interest);
            if !readiness.is_none() {
                events.push(Event { source: Source::Conn(pipe.id), readiness });
            }
        }
        Ok(())
    }

    fn waker(&self) -> NoWaker {
        NoWaker
    }
}
