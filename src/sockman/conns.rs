//! The table of connections: the socket manager's part of each, and the tenant's beside it.

use std::fmt;

use crate::slab::Key;
use crate::sockets::{ConnId, Endpoint, Failure, Interest, Readiness};
use crate::time::Instant;

/// Which side began.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Initiator {
    /// The peer dialled us.
    Peer,
    /// We dialled the peer.
    Us,
}

/// How far a connection has got, as the socket manager sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Phase {
    /// Connecting.
    Dialing,
    /// Connected.
    Open,
    /// The peer has sent its FIN, and the tenant was told.
    PeerFinished,
    /// We sent FIN, and read and discard until the peer's.
    Finishing,
    /// The socket is closed; the tenant was told, or is about to be, and has not closed yet.
    Dead,
}

/// One connection.
#[derive(Clone, Debug)]
pub(super) struct Conn<T> {
    pub(super) id: ConnId,
    pub(super) phase: Phase,
    pub(super) initiator: Initiator,
    pub(super) peer: Endpoint,
    /// What the backend was last told.
    pub(super) interest: Interest,
    /// What the last wait said and no step has used up.
    pub(super) ready: Readiness,
    /// Whether it stands in the queue of ready sources.
    pub(super) queued: bool,
    /// Whether the tenant wants no more bytes for now.
    pub(super) receive_paused: bool,
    /// Whether bytes of the tenant's wait for room in the kernel.
    pub(super) send_blocked: bool,
    pub(super) bytes_received: u64,
    pub(super) bytes_sent: u64,
    pub(super) last_failure: Option<Failure>,
    /// The tenant's; `None` until it adopts an accepted connection.
    pub(super) state: Option<T>,
}

impl<T> Conn<T> {
    pub(super) fn new(
        id: ConnId,
        phase: Phase,
        initiator: Initiator,
        peer: Endpoint,
        state: Option<T>,
    ) -> Self {
        Self {
            id,
            phase,
            initiator,
            peer,
            interest: Interest::NONE,
            ready: Readiness::NONE,
            queued: false,
            receive_paused: true,
            send_blocked: false,
            bytes_received: 0,
            bytes_sent: 0,
            last_failure: None,
            state,
        }
    }

    /// Interest as it follows from the state.
    pub(super) const fn wanted_interest(&self) -> Interest {
        match self.phase {
            Phase::Dialing => Interest::WRITE,
            Phase::Open => Interest { readable: !self.receive_paused, writable: self.send_blocked },
            Phase::PeerFinished => Interest { readable: false, writable: self.send_blocked },
            Phase::Finishing => Interest::READ,
            Phase::Dead => Interest::NONE,
        }
    }

    pub(super) const fn view(&self) -> ConnView<'_, T> {
        ConnView {
            conn: self.id,
            initiator: self.initiator,
            phase: self.phase,
            receive_paused: self.receive_paused,
            send_blocked: self.send_blocked,
            state: self.state.as_ref(),
        }
    }
}

/// All connections, by id. The tenant gets it with each event, to find its own state in.
#[derive(Clone, Debug)]
pub struct Conns<T> {
    /// By index of the id; ids come from the backend, which reuses an index only with a new
    /// generation.
    slots: Vec<Option<Conn<T>>>,
    /// Connections whose socket is closed and whose tenant has not closed them yet. They are few
    /// and soon gone, and apart, because the backend may give their index to the next connection.
    dead: Vec<Conn<T>>,
    count: usize,
    /// Whom the last event is about, until the tenant has it.
    pub(super) untold: Option<ConnId>,
}

impl<T> Conns<T> {
    pub(super) const fn new() -> Self {
        Self { slots: Vec::new(), dead: Vec::new(), count: 0, untold: None }
    }

    pub(super) fn insert(&mut self, conn: Conn<T>) {
        let index = conn.id.index() as usize;
        if index >= self.slots.len() {
            self.slots.resize_with(index + 1, || None);
        }
        let slot = &mut self.slots[index];
        assert!(slot.is_none(), "a backend gives an index again only after its socket was closed");
        *slot = Some(conn);
        self.count += 1;
    }

    pub(super) fn remove(&mut self, id: ConnId) -> Option<Conn<T>> {
        let conn = self.take_living(id).or_else(|| {
            let place = self.dead.iter().position(|conn| conn.id == id)?;
            Some(self.dead.remove(place))
        })?;
        self.count -= 1;
        Some(conn)
    }

    /// Sets a connection apart whose socket is closed.
    pub(super) fn bury(&mut self, id: ConnId) {
        let conn = self.take_living(id).expect("a connection ends once");
        assert!(conn.phase == Phase::Dead, "only the dead are buried");
        self.dead.push(conn);
    }

    fn take_living(&mut self, id: ConnId) -> Option<Conn<T>> {
        self.slots.get_mut(id.index() as usize)?.take_if(|conn| conn.id == id)
    }

    pub(super) fn conn(&self, id: ConnId) -> Option<&Conn<T>> {
        let living = self.slots.get(id.index() as usize).and_then(Option::as_ref);
        living.filter(|conn| conn.id == id).or_else(|| self.dead.iter().find(|conn| conn.id == id))
    }

    pub(super) fn conn_mut(&mut self, id: ConnId) -> Option<&mut Conn<T>> {
        let living = self.slots.get_mut(id.index() as usize).and_then(Option::as_mut);
        living
            .filter(|conn| conn.id == id)
            .or_else(|| self.dead.iter_mut().find(|conn| conn.id == id))
    }

    pub(super) fn all(&self) -> impl Iterator<Item = &Conn<T>> {
        self.slots.iter().flatten().chain(&self.dead)
    }

    /// Gives an accepted connection the tenant's state.
    ///
    /// # Panics
    ///
    /// If there is no such connection, or it has a state: only the tenant closes, so it knows.
    pub fn adopt(&mut self, id: ConnId, state: T) {
        let conn =
            self.conn_mut(id).expect("an accepted connection lasts until the tenant closes it");
        assert!(conn.state.is_none(), "a connection is adopted once");
        conn.state = Some(state);
    }

    /// The tenant's state of a connection; `None` if the id is stale or was not adopted.
    #[must_use]
    pub fn get(&self, id: ConnId) -> Option<&T> {
        self.conn(id)?.state.as_ref()
    }

    /// The tenant's state of a connection, to change.
    pub fn get_mut(&mut self, id: ConnId) -> Option<&mut T> {
        self.conn_mut(id)?.state.as_mut()
    }

    /// How far a connection has got; `None` if the id is stale.
    #[must_use]
    pub fn phase(&self, id: ConnId) -> Option<Phase> {
        Some(self.conn(id)?.phase)
    }

    /// Whether a wait has reported something of a connection that the tenant has not heard yet: a
    /// call is still to be made for it, or its result to be delivered. Who judges that nothing has
    /// come waits until then; nobody waits for longer than a turn of each socket.
    #[must_use]
    pub fn has_news(&self, id: ConnId) -> bool {
        self.untold == Some(id) || self.conn(id).is_some_and(|conn| conn.queued)
    }

    /// Every adopted connection: by index of its id, those that are over last.
    pub fn iter(&self) -> impl Iterator<Item = (ConnId, &T)> {
        self.all().filter_map(|conn| Some((conn.id, conn.state.as_ref()?)))
    }

    /// Every adopted connection, to change: by index of its id, those that are over last.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = (ConnId, &mut T)> {
        let all = self.slots.iter_mut().flatten().chain(&mut self.dead);
        all.filter_map(|conn| Some((conn.id, conn.state.as_mut()?)))
    }

    /// How many connections there are, adopted or not, open or not yet closed by the tenant.
    #[must_use]
    pub const fn count(&self) -> usize {
        self.count
    }

    /// How many of them have a socket.
    pub(super) const fn living_count(&self) -> usize {
        self.count - self.dead.len()
    }
}

/// One connection in short: what decides whether something is to be done about it.
#[derive(Clone, Copy, Debug)]
pub struct ConnView<'a, T> {
    /// Its id.
    pub conn: ConnId,
    /// Who began.
    pub initiator: Initiator,
    /// How far it has got.
    pub phase: Phase,
    /// Whether the tenant paused reading.
    pub receive_paused: bool,
    /// Whether the tenant has bytes that wait for room in the kernel.
    pub send_blocked: bool,
    /// The tenant's state; `None` until it adopts an accepted connection.
    pub state: Option<&'a T>,
}

/// One connection as a person may see it: everything that decides what happens to it next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConnSnapshot {
    /// Its id.
    pub conn: ConnId,
    /// Who began.
    pub initiator: Initiator,
    /// The other end.
    pub peer: Endpoint,
    /// How far it has got.
    pub phase: Phase,
    /// What waits report of it.
    pub interest: Interest,
    /// What the last wait reported and no step has used yet.
    pub ready: Readiness,
    /// Whether the tenant paused reading.
    pub receive_paused: bool,
    /// Whether the tenant has bytes that wait for room in the kernel.
    pub send_blocked: bool,
    /// When the attempt, or the orderly end, is given up.
    pub deadline: Option<Instant>,
    /// Bytes read so far.
    pub bytes_received: u64,
    /// Bytes that the kernel took so far.
    pub bytes_sent: u64,
    /// What ended it, if it failed.
    pub last_failure: Option<Failure>,
}

impl fmt::Display for ConnSnapshot {
    /// One line: `c3.0 to 203.0.113.4:32768: Open, interest rw, ready -, sent 97, received 122`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let letters = |readable, writable| match (readable, writable) {
            (false, false) => "-",
            (true, false) => "r",
            (false, true) => "w",
            (true, true) => "rw",
        };
        let interest = letters(self.interest.readable, self.interest.writable);
        let ready = letters(self.ready.readable, self.ready.writable);
        write!(f, "{} to {}: {:?}", self.conn, self.peer, self.phase)?;
        write!(f, ", interest {interest}, ready {ready}")?;
        write!(f, ", sent {}, received {}", self.bytes_sent, self.bytes_received)?;
        if self.receive_paused {
            f.write_str(", not read from")?;
        }
        if self.send_blocked {
            f.write_str(", bytes wait for room")?;
        }
        if let Some(deadline) = self.deadline {
            write!(f, ", given up at {deadline}")?;
        }
        match self.last_failure {
            Some(failure) => write!(f, ", failed: {failure}"),
            None => Ok(()),
        }
    }
}
