//! This machine's kernel over loopback TCP, with the peers in the same thread: they play at each
//! wait, so that one run needs one processor and no luck.

use std::io::{ErrorKind, IoSlice, Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use sockman::sockets::{
    AcceptError, Accepted, Closing, ConnError, ConnId, ConnectError, ConnectStatus, Direction,
    Endpoint, Event, Failure, Interest, ListenError, ListenerId, More, OsSockets, Received, Sent,
    Sockets, Source, Stale, Wait, WaitError,
};

use crate::NoWaker;
use crate::session::Load;

/// Longest wait before the peers look again: the kernel's acknowledgements may come later than a
/// call of theirs.
const LOOK_AGAIN: Duration = Duration::from_millis(1);

/// The kernel's sockets, with the peers that connect to the listener.
pub(crate) struct Kernel {
    sockets: OsSockets,
    load: Load,
    peers: Vec<Peer>,
    buffer: Box<[u8]>,
}

/// One peer.
struct Peer {
    stream: TcpStream,
    spoken: u64,
    returned: u64,
}

impl Kernel {
    pub(crate) fn new(load: &Load) -> Self {
        let sockets = OsSockets::new().expect("descriptors are left");
        let buffer = vec![0x5a; 256 << 10].into_boxed_slice();
        Self { sockets, load: *load, peers: Vec::new(), buffer }
    }

    fn connect_peers(&mut self, listener: ListenerId) {
        let at = self.sockets.listener_endpoint(listener).expect("it is open");
        let at = at.ip().expect("the bench listens on TCP");
        for _ in 0..self.load.conns {
            let stream = TcpStream::connect(at).expect("the listener has a queue");
            stream.set_nodelay(true).expect("TCP has the option");
            stream.set_nonblocking(true).expect("a socket can be set so");
            self.peers.push(Peer { stream, spoken: 0, returned: 0 });
        }
    }

    /// Every peer takes what came, and says what it may. No part of any figure in instructions.
    #[inline(never)]
    fn play_peers(&mut self) {
        for peer in &mut self.peers {
            peer.listen(&mut self.buffer);
            peer.speak(&self.load, &self.buffer);
        }
    }
}

impl Peer {
    fn listen(&mut self, buffer: &mut [u8]) {
        while self.returned < self.spoken {
            match self.stream.read(buffer) {
                Ok(0) => panic!("the server does not close first"),
                Ok(count) => self.returned += count as u64,
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) => panic!("the server's end fails: {error}"),
            }
        }
    }

    fn speak(&mut self, load: &Load, speech: &[u8]) {
        loop {
            let unsaid = load.bytes_allowed(self.returned) - self.spoken;
            let unsaid = usize::try_from(unsaid).expect("a few messages").min(speech.len());
            if unsaid == 0 {
                return;
            }
            match self.stream.write(&speech[..unsaid]) {
                Ok(count) => self.spoken += count as u64,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                Err(error) => panic!("the server's end fails: {error}"),
            }
        }
    }
}

impl Sockets for Kernel {
    fn listen(&mut self, at: &Endpoint) -> Result<ListenerId, ListenError> {
        let listener = self.sockets.listen(at)?;
        self.connect_peers(listener);
        Ok(listener)
    }

    fn accept(&mut self, listener: ListenerId) -> Result<Accepted, AcceptError> {
        self.sockets.accept(listener)
    }

    fn connect(&mut self, to: &Endpoint) -> Result<ConnId, ConnectError> {
        self.sockets.connect(to)
    }

    fn connect_status(&mut self, conn: ConnId) -> Result<ConnectStatus, ConnectError> {
        self.sockets.connect_status(conn)
    }

    fn send(
        &mut self,
        conn: ConnId,
        slices: &[IoSlice<'_>],
        more: More,
    ) -> Result<Sent, ConnError> {
        self.sockets.send(conn, slices, more)
    }

    fn recv(&mut self, conn: ConnId, buffer: &mut [u8]) -> Result<Received, ConnError> {
        self.sockets.recv(conn, buffer)
    }

    fn shutdown(&mut self, conn: ConnId, direction: Direction) -> Result<(), ConnError> {
        self.sockets.shutdown(conn, direction)
    }

    fn close(&mut self, conn: ConnId, how: Closing) -> Result<(), Stale> {
        self.sockets.close(conn, how)
    }

    fn close_listener(&mut self, listener: ListenerId) -> Result<(), Stale> {
        self.sockets.close_listener(listener)
    }

    fn set_interest(&mut self, source: Source, interest: Interest) -> Result<(), Stale> {
        self.sockets.set_interest(source, interest)
    }

    fn take_error(&mut self, conn: ConnId) -> Result<Option<Failure>, Stale> {
        self.sockets.take_error(conn)
    }

    fn local_endpoint(&self, conn: ConnId) -> Result<Endpoint, ConnError> {
        self.sockets.local_endpoint(conn)
    }

    fn peer_endpoint(&self, conn: ConnId) -> Result<Endpoint, ConnError> {
        self.sockets.peer_endpoint(conn)
    }

    fn listener_endpoint(&self, listener: ListenerId) -> Result<Endpoint, Stale> {
        self.sockets.listener_endpoint(listener)
    }
}

impl Wait for Kernel {
    type Waker = NoWaker;

    fn wait(
        &mut self,
        timeout: Option<Duration>,
        events: &mut Vec<Event>,
    ) -> Result<(), WaitError> {
        self.play_peers();
        let timeout = timeout.map_or(LOOK_AGAIN, |timeout| timeout.min(LOOK_AGAIN));
        self.sockets.wait(Some(timeout), events)
    }

    fn waker(&self) -> NoWaker {
        NoWaker
    }
}
