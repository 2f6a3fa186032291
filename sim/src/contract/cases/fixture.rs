//! A backend, the few moves that most cases begin with, and bounded waits.

use std::io::IoSlice;
use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::time::Duration;

use sockman::sockets::{
    Accepted, ConnError, ConnId, ConnectStatus, Endpoint, Event, Interest, ListenerId, More,
    Readiness, Received, Sent, Sockets, Source, Wait,
};

use super::Capabilities;

/// Longest that a case waits for anything. The kernel's answers on loopback come within the call or
/// after an acknowledgement (60 ms); the rest is room for a machine that is busy with other things.
pub const DEADLINE: Duration = Duration::from_secs(5);

/// For how long a full buffer must stay full, so that what is still under way has been
/// acknowledged.
const QUIET: Duration = Duration::from_millis(100);

/// Most looks at a time that does not pass, as when another socket is always ready on a virtual
/// network. Far more than a kernel can be asked for within the deadline.
const LOOKS_MAX: u32 = 50_000_000;

/// Most bytes that a direction may hold: far above what any kernel buffers.
const FILL_BYTES_MAX: usize = 256 << 20;

/// `readable` alone.
pub(super) const READABLE: Readiness = Readiness { readable: true, ..Readiness::NONE };
/// `writable` alone.
pub(super) const WRITABLE: Readiness = Readiness { writable: true, ..Readiness::NONE };
/// `error` alone.
pub(super) const ERROR: Readiness = Readiness { error: true, ..Readiness::NONE };

/// A backend under test.
#[derive(Debug)]
pub struct Fixture<S> {
    /// The backend.
    pub s: S,
    now: fn(&S) -> Duration,
    unix_path: Option<PathBuf>,
    events: Vec<Event>,
}

/// Two ends of one connection, and where it was accepted.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pair {
    pub(super) client: ConnId,
    pub(super) server: ConnId,
    pub(super) listener: ListenerId,
}

impl<S: Sockets + Wait> Fixture<S> {
    /// For the case of this name.
    pub fn new(s: S, capabilities: &Capabilities<S>, case: &str) -> Self {
        // A socket's path has about a hundred bytes; the name's hash is unlike that of any other.
        let file = case.bytes().fold(0_u64, |hash, byte| {
            hash.wrapping_mul(31).wrapping_add(u64::from(byte)) // As good as any for 100 names.
        });
        let unix_path =
            capabilities.unix_directory.as_ref().map(|d| d.join(format!("{file:016x}")));
        Self { s, now: capabilities.now, unix_path, events: Vec::new() }
    }

    /// A path where nobody listens yet.
    pub(super) fn unix_endpoint(&self) -> Endpoint {
        Endpoint::Unix(self.unix_path.clone().expect("the case says that it needs one"))
    }

    /// Time on the backend's clock.
    pub(super) fn now(&self) -> Duration {
        (self.now)(&self.s)
    }

    /// One wait.
    #[track_caller]
    pub(super) fn wait(&mut self, timeout: Duration) -> &[Event] {
        self.s.wait(Some(timeout), &mut self.events).expect("waiting works");
        &self.events
    }

    /// What a wait that does not wait reports of a socket, under the interest that it has.
    #[track_caller]
    pub(super) fn look(&mut self, source: impl Into<Source>) -> Readiness {
        let source = source.into();
        let events = self.wait(Duration::ZERO);
        let event = events.iter().find(|event| event.source == source);
        event.map_or(Readiness::NONE, |event| event.readiness)
    }

    /// Whether all that is `wanted` is reported before the time is over.
    #[track_caller]
    pub(super) fn comes(
        &mut self,
        source: impl Into<Source>,
        wanted: Readiness,
        within: Duration,
    ) -> bool {
        let source = source.into();
        let end = self.now() + within;
        for _ in 0..LOOKS_MAX {
            let left = end.saturating_sub(self.now());
            let holds = |event: &Event| event.source == source && covers(event.readiness, wanted);
            if self.wait(left).iter().any(holds) {
                return true;
            }
            if left.is_zero() {
                return false;
            }
        }
        panic!("time does not pass while {source:?} is waited for");
    }

    /// Waits, under the interest that is set, until all that is `wanted` is reported.
    #[track_caller]
    pub(super) fn wait_for(&mut self, source: impl Into<Source>, wanted: Readiness) {
        let source = source.into();
        assert!(self.comes(source, wanted, DEADLINE), "{source:?} never became {wanted:?}");
    }

    /// Waits for `readable`, and leaves no interest behind.
    #[track_caller]
    pub(super) fn until_readable(&mut self, conn: ConnId) {
        self.until(conn, Interest::READ, READABLE);
    }

    /// Waits for `writable`, and leaves no interest behind.
    #[track_caller]
    pub(super) fn until_writable(&mut self, conn: ConnId) {
        self.until(conn, Interest::WRITE, WRITABLE);
    }

    /// Waits for `error`, and leaves no interest behind.
    #[track_caller]
    pub(super) fn until_error(&mut self, conn: ConnId) {
        self.until(conn, Interest::NONE, ERROR);
    }

    #[track_caller]
    fn until(&mut self, conn: ConnId, interest: Interest, wanted: Readiness) {
        self.set_interest(conn, interest);
        self.wait_for(conn, wanted);
        self.set_interest(conn, Interest::NONE);
    }

    #[track_caller]
    pub(super) fn set_interest(&mut self, source: impl Into<Source>, interest: Interest) {
        self.s.set_interest(source.into(), interest).expect("the socket is open");
    }

    /// Listens on a port of the kernel's choice, on the IPv4 loopback address.
    #[track_caller]
    pub(super) fn listen(&mut self) -> (ListenerId, Endpoint) {
        self.listen_at(&Endpoint::Ip((Ipv4Addr::LOCALHOST, 0).into()))
    }

    #[track_caller]
    pub(super) fn listen_at(&mut self, at: &Endpoint) -> (ListenerId, Endpoint) {
        let listener = self.s.listen(at).expect("listening works");
        let endpoint = self.s.listener_endpoint(listener).expect("the listener is open");
        (listener, endpoint)
    }

    /// Waits for somebody and accepts them.
    #[track_caller]
    pub(super) fn accept(&mut self, listener: ListenerId) -> (ConnId, Endpoint) {
        self.wait_for(listener, READABLE);
        match self.s.accept(listener).expect("accepting works") {
            Accepted::Conn { conn, peer } => (conn, peer),
            Accepted::WouldBlock => panic!("the listener was reported as readable"),
        }
    }

    /// Connects and waits until the attempt has succeeded.
    #[track_caller]
    pub(super) fn connect(&mut self, to: &Endpoint) -> ConnId {
        let conn = self.s.connect(to).expect("connecting begins");
        self.until_writable(conn);
        assert_eq!(self.s.connect_status(conn), Ok(ConnectStatus::Established));
        conn
    }

    /// A connection over IPv4.
    #[track_caller]
    pub(super) fn pair(&mut self) -> Pair {
        let (listener, at) = self.listen();
        self.pair_through(listener, &at)
    }

    #[track_caller]
    pub(super) fn pair_through(&mut self, listener: ListenerId, at: &Endpoint) -> Pair {
        let client = self.connect(at);
        let (server, _) = self.accept(listener);
        // Nobody else waits. Until it is asked, a backend may report the listener all the same.
        assert_eq!(self.s.accept(listener), Ok(Accepted::WouldBlock));
        Pair { client, server, listener }
    }

    /// Where nobody listens, nor will: a client's own port, taken as long as the client lives.
    #[track_caller]
    pub(super) fn nobody(&mut self) -> Endpoint {
        let Pair { client, .. } = self.pair();
        self.s.local_endpoint(client).expect("the client is open")
    }

    /// A connection that was refused, which nobody has been told yet.
    #[track_caller]
    pub(super) fn refused(&mut self) -> ConnId {
        let nobody = self.nobody();
        let conn = self.s.connect(&nobody).expect("connecting begins");
        self.until_error(conn);
        conn
    }

    #[track_caller]
    pub(super) fn send(&mut self, conn: ConnId, bytes: &[u8]) -> Result<Sent, ConnError> {
        self.s.send(conn, &[IoSlice::new(bytes)], More::No)
    }

    /// Sends a few bytes, for which there is room.
    #[track_caller]
    pub(super) fn send_all(&mut self, conn: ConnId, bytes: &[u8]) {
        assert_eq!(self.send(conn, bytes), Ok(Sent::Bytes(bytes.len())));
    }

    /// Sends a few bytes and waits until some can be read at the other end.
    #[track_caller]
    pub(super) fn send_across(&mut self, from: ConnId, to: ConnId, bytes: &[u8]) {
        self.send_all(from, bytes);
        self.until_readable(to);
    }

    /// Sends until nothing more goes in, and says how much did: the first bytes of [`pattern`].
    #[track_caller]
    pub(super) fn fill(&mut self, conn: ConnId) -> usize {
        self.set_interest(conn, Interest::WRITE);
        let mut count = 0;
        while count < FILL_BYTES_MAX {
            let bytes = pattern(count, 1 << 16);
            match self.send(conn, &bytes).expect("the connection lives") {
                Sent::Bytes(taken) => count += taken,
                Sent::WouldBlock if self.comes(conn, WRITABLE, QUIET) => {}
                Sent::WouldBlock => {
                    self.set_interest(conn, Interest::NONE);
                    return count;
                }
            }
        }
        panic!("{conn} took {count} bytes that nobody reads");
    }

    #[track_caller]
    pub(super) fn recv(&mut self, conn: ConnId) -> Result<Received, ConnError> {
        self.s.recv(conn, &mut [0; 1024])
    }

    /// Reads exactly these bytes.
    #[track_caller]
    pub(super) fn expect_bytes(&mut self, conn: ConnId, expected: &[u8]) {
        let mut bytes = vec![0; expected.len()];
        let mut count = 0;
        while count < bytes.len() {
            match self.s.recv(conn, &mut bytes[count..]).expect("bytes come first") {
                Received::Bytes(more) => count += more,
                Received::WouldBlock => self.until_readable(conn),
                Received::Eof => panic!("{conn} ended after {count} bytes"),
            }
        }
        assert!(bytes == expected, "{conn} brought other bytes than were sent");
    }

    /// Reads everything up to the end, and says how it ended.
    #[track_caller]
    pub(super) fn read_to_end(&mut self, conn: ConnId) -> (Vec<u8>, Result<(), ConnError>) {
        let mut all = Vec::new();
        let mut buffer = vec![0; 1 << 16];
        loop {
            match self.s.recv(conn, &mut buffer) {
                Ok(Received::Bytes(count)) => all.extend_from_slice(&buffer[..count]),
                Ok(Received::WouldBlock) => self.until_readable(conn),
                Ok(Received::Eof) => return (all, Ok(())),
                Err(error) => return (all, Err(error)),
            }
        }
    }

    /// The end of the stream, now and when asked again.
    #[track_caller]
    pub(super) fn expect_eof(&mut self, conn: ConnId) {
        self.until_readable(conn);
        assert_eq!(self.recv(conn), Ok(Received::Eof));
        assert_eq!(self.recv(conn), Ok(Received::Eof));
    }
}

/// A stretch of bytes of which each place can be told from its neighbours.
pub(super) fn pattern(from: usize, count: usize) -> Vec<u8> {
    // A prime below 256, so that no power of two hides a shift.
    (from..from + count).map(|at| u8::try_from(at % 251).expect("below 251")).collect()
}

fn covers(readiness: Readiness, wanted: Readiness) -> bool {
    readiness.or(wanted) == readiness
}
