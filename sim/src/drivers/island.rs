//! A host without a network: nobody is at the far end of its sockets, and what they answer is made
//! up by an [`Invention`].
//!
//! What is here is the bookkeeping that any such host needs to keep the contract of `Sockets`:
//! descriptors, interest, readiness as a level, bytes before the end, a failure that is told once.
//! Now and then something happens by itself: somebody comes, or something arrives on a connection.
//! It happens so many times; after that everybody closes, and nothing happens any more.

use std::collections::VecDeque;
use std::io::IoSlice;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use sockman::slab::Slab;
use sockman::sockets::{
    AcceptError, ConnId, ConnectError, Endpoint, Event, Failure, Interest, ListenerId, Readiness,
    Source, Stale, WAIT_EVENTS_MAX,
};
use sockman::sockman::Initiator;
use sockman::time::{Instant, Now};

use crate::host::Host;
use crate::net::{Kernel, KernelConfig, Segment, Totals};
use crate::run::ACTOR_PORT;
use crate::schedulers::Draws;
use crate::subject::{Dialect, Garbled, Heard};
use crate::world::WALL_START;

mod calls;

/// Sockets open at once, as in a world on the network.
const DESCRIPTORS_MAX: usize = 1024;

/// Calls in a row that come to nothing although readiness was reported: half as many as a node may
/// be woken for nothing.
const IN_VAIN_MAX: u32 = 2;

/// Addresses of peers: so few that some come twice.
const PEERS: u16 = 12;

/// What becomes of calls, and what happens at the far ends. What has a default never goes wrong.
pub(super) trait Invention: Clone + std::fmt::Debug + Send {
    /// What is possible in one run is drawn for it.
    fn draw(draws: &mut Draws) -> Self;

    /// Somebody waits: whether the accept brings them.
    fn accept(&self, draws: &mut Draws) -> Result<bool, AcceptError> {
        let _ = draws;
        Ok(true)
    }

    /// An attempt to connect begins.
    fn connect(&self, draws: &mut Draws) -> Result<Attempt, ConnectError> {
        let _ = draws;
        Ok(Attempt::Made)
    }

    /// What becomes of an attempt that is under way.
    fn settle(&self, draws: &mut Draws) -> Attempt {
        let _ = draws;
        Attempt::Made
    }

    /// So many bytes are offered: how many are taken, or "would block".
    fn send(&self, draws: &mut Draws, offered: usize) -> Result<Option<usize>, Failure> {
        let _ = draws;
        Ok(Some(offered))
    }

    /// Bytes are there: how many are read, or "would block".
    fn recv<D>(&self, draws: &mut Draws, far: &Far<D>) -> Result<Option<usize>, Failure>;

    /// Something happens at a far end.
    fn happen<D: Dialect>(&self, draws: &mut Draws, now: Now, far: &mut Far<D>);

    /// A connection has come about.
    fn opened<D: Dialect>(&self, draws: &mut Draws, now: Now, far: &mut Far<D>) {
        let _ = (draws, now, far);
    }

    /// The node has said something.
    fn heard<D: Dialect>(&self, now: Now, far: &mut Far<D>, heard: &[Heard]) {
        let _ = (now, far, heard);
    }
}

/// How an attempt to connect stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Attempt {
    Pending,
    Made,
    Failed(Failure),
}

/// How the stream to the node ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    Eof,
    Failure(Failure),
    /// A failure that was told.
    Told,
}

/// A connection, with what was made up of its far end.
#[derive(Clone, Debug)]
pub(super) struct Far<D> {
    peer: Endpoint,
    interest: Interest,
    attempt: Attempt,
    /// Bytes that the node can read, before the end if there is one.
    inbox: VecDeque<u8>,
    /// The lengths of what has arrived together, of which the first may have been read in part.
    pieces: VecDeque<usize>,
    pub(super) end: Option<End>,
    /// Whether a send would be taken.
    pub(super) has_room: bool,
    /// Knows the language, and hears what the node says.
    pub(super) dialect: D,
    /// Whether it answers what it hears.
    pub(super) answers: bool,
    /// What was said and has not arrived.
    pub(super) under_way: VecDeque<u8>,
}

impl<D> Far<D> {
    /// These bytes arrive together.
    pub(super) fn arrive(&mut self, bytes: impl IntoIterator<Item = u8>) {
        let before = self.inbox.len();
        if self.end.is_none() {
            self.inbox.extend(bytes);
        }
        let count = self.inbox.len() - before;
        self.pieces.extend((count > 0).then_some(count));
    }

    /// How long the first is of what has arrived together.
    pub(super) fn first_piece(&self) -> usize {
        self.pieces.front().copied().unwrap_or(0)
    }

    fn take(&mut self, buffer: &mut [u8]) {
        let mut left = buffer.len();
        buffer.iter_mut().zip(self.inbox.drain(..left)).for_each(|(to, byte)| *to = byte);
        while let Some(piece) = self.pieces.front_mut() {
            if *piece > left {
                *piece -= left;
                return;
            }
            left -= *piece;
            self.pieces.pop_front();
        }
    }

    fn readiness(&self) -> Readiness {
        let over = matches!(self.end, Some(End::Failure(_) | End::Told));
        match self.attempt {
            Attempt::Pending => Readiness::NONE,
            Attempt::Failed(_) => Readiness { readable: true, writable: true, error: true },
            Attempt::Made => Readiness {
                readable: !self.inbox.is_empty() || self.end.is_some(),
                writable: self.has_room || over,
                error: over,
            },
        }
    }
}

/// A listening socket.
#[derive(Clone, Debug)]
struct Listener {
    at: Endpoint,
    interest: Interest,
    /// How many wait to be accepted.
    waiting: usize,
}

impl Listener {
    const fn readiness(&self) -> Readiness {
        Readiness { readable: self.waiting > 0, writable: false, error: false }
    }
}

/// How things happen in one run.
#[derive(Clone, Debug)]
struct Pace {
    /// How often still.
    left: u32,
    /// The longest pause, which is rare.
    pause_secs_max: u32,
    /// How often it is that somebody comes.
    newcomer_in_256: u8,
    /// Connections beyond which nobody comes.
    crowd: usize,
}

/// A host without a network. See the head of the module.
#[derive(Clone, Debug)]
pub(super) struct Island<D, I> {
    invention: I,
    draws: Draws,
    now: Now,
    conns: Slab<ConnId, Far<D>>,
    listeners: Slab<ListenerId, Listener>,
    totals: Totals,
    pace: Pace,
    /// When something happens next.
    next: Option<Instant>,
    in_vain: u32,
    /// Connections so far.
    begun: u16,
    garbled: Option<(ConnId, Garbled)>,
    heard: Vec<Heard>,
    is_calm: bool,
}

/// Where some peer is.
pub(super) fn draw_peer(draws: &mut Draws) -> SocketAddr {
    let number = 1 + u16::try_from(draws.below(u32::from(PEERS))).expect("a small number");
    let ip = if draws.once_in(4) {
        IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 1, 0, 0, 0, 0, number))
    } else {
        IpAddr::V4(Ipv4Addr::new(203, 0, 113, number.to_le_bytes()[0]))
    };
    SocketAddr::new(ip, ACTOR_PORT)
}

impl<D: Dialect, I: Invention> Island<D, I> {
    pub(super) fn new(mut draws: Draws) -> Self {
        let most = *draws.pick(&[100, 1000, 1000, 3000]);
        let pace = Pace {
            left: draws.within(20, most),
            pause_secs_max: *draws.pick(&[2, 90, 90, 1500]),
            newcomer_in_256: *draws.pick(&[4, 16, 64]),
            crowd: *draws.pick(&[1, 3, 8, 8, 20]),
        };
        Self {
            invention: I::draw(&mut draws),
            draws,
            now: Now { steady: Instant::START, wall: WALL_START },
            conns: Slab::new(),
            listeners: Slab::new(),
            totals: Totals::default(),
            pace,
            next: Some(Instant::START),
            in_vain: 0,
            begun: 0,
            garbled: None,
            heard: Vec::new(),
            is_calm: false,
        }
    }

    /// Whether something will still happen.
    pub(super) const fn is_going(&self) -> bool {
        self.next.is_some()
    }

    /// From here on every call succeeds, nobody comes, and who is there has closed.
    pub(super) fn calm(&mut self) {
        self.is_calm = true;
        self.next = None;
        self.listeners.iter_mut().for_each(|(_, listener)| listener.waiting = 0);
        for (_, far) in self.conns.iter_mut() {
            if far.attempt == Attempt::Pending {
                far.attempt = Attempt::Made;
            }
            far.has_room = true;
            far.end.get_or_insert(End::Eof);
        }
    }

    /// One thing happens.
    fn happen(&mut self) {
        let waiting: usize = self.listeners.iter().map(|(_, listener)| listener.waiting).sum();
        let is_crowded = self.conns.count() + waiting >= self.pace.crowd;
        let newcomer_in_256 = if self.conns.count() == 0 { 64 } else { self.pace.newcomer_in_256 };
        if !is_crowded && self.draws.in_256(newcomer_in_256) {
            self.listeners.iter_mut().take(1).for_each(|(_, listener)| listener.waiting += 1);
            return;
        }
        let Ok(count) = u32::try_from(self.conns.count()) else { return };
        let chosen = self.draws.below(count) as usize;
        let Some((_, far)) = self.conns.iter_mut().nth(chosen) else { return };
        if far.attempt == Attempt::Pending {
            far.attempt = self.invention.settle(&mut self.draws);
        } else {
            self.invention.happen(&mut self.draws, self.now, far);
        }
    }

    /// Mostly none, rarely minutes.
    fn draw_pause(&mut self) -> Duration {
        let millis = match self.draws.below(64) {
            0 => self.draws.below(1000 * self.pace.pause_secs_max),
            1..8 => self.draws.below(2000),
            8..24 => self.draws.below(100),
            _ => 0,
        };
        Duration::from_millis(u64::from(millis))
    }

    fn begin(&mut self, peer: Endpoint, initiator: Initiator, attempt: Attempt) -> ConnId {
        self.begun = self.begun.wrapping_add(1);
        let mut far = Far {
            peer,
            interest: Interest::NONE,
            attempt,
            inbox: VecDeque::new(),
            pieces: VecDeque::new(),
            end: self.is_calm.then_some(End::Eof),
            has_room: true,
            dialect: D::new(self.begun),
            answers: false,
            under_way: VecDeque::new(),
        };
        far.dialect.begin(initiator);
        self.invention.opened(&mut self.draws, self.now, &mut far);
        self.totals.opened += 1;
        self.conns.insert(far)
    }

    /// The far end hears what was taken, as a peer would.
    fn listen_to(&mut self, conn: ConnId, slices: &[IoSlice<'_>], count: usize) {
        let Some(far) = self.conns.get_mut(conn) else { return };
        let mut left = count;
        for slice in slices {
            let taken = left.min(slice.len());
            left -= taken;
            if let Err(garbled) = far.dialect.decode(&slice[..taken], &mut self.heard) {
                self.garbled.get_or_insert((conn, garbled));
            }
        }
        if !self.is_calm {
            self.invention.heard(self.now, far, &self.heard);
        }
        self.heard.clear();
    }
}

impl<D: Dialect, I: Invention> Host for Island<D, I> {
    /// Nobody asks for one.
    type Peer = Kernel;

    fn peer(&mut self, config: KernelConfig) -> Kernel {
        Kernel::new(config)
    }

    fn set_now(&mut self, now: Instant) {
        self.now = Now { steady: now, wall: WALL_START + now.since(Instant::START) };
    }

    /// There is nothing that it could have come from.
    fn handle_segment(&mut self, _: Instant, _: Segment) {}

    fn next_timer(&self) -> Option<Instant> {
        self.next
    }

    fn handle_timer(&mut self, now: Instant) {
        self.set_now(now);
        self.happen();
        self.pace.left = self.pace.left.saturating_sub(1);
        let pause = self.draw_pause();
        self.next = (self.pace.left > 0).then(|| now + pause);
    }

    fn has_segments(&self) -> bool {
        false
    }

    fn take_segments(&mut self, _: &mut Vec<Segment>) {}

    fn poll(&mut self, events: &mut Vec<Event>) {
        let listeners = self.listeners.iter().map(|(id, listener)| {
            (Source::Listener(id), listener.readiness().seen_by(listener.interest))
        });
        let conns = self.conns.iter();
        let conns =
            conns.map(|(id, far)| (Source::Conn(id), far.readiness().seen_by(far.interest)));
        let ready = listeners.chain(conns).filter(|(_, readiness)| !readiness.is_none());
        events.clear();
        events.extend(
            ready.take(WAIT_EVENTS_MAX).map(|(source, readiness)| Event { source, readiness }),
        );
    }

    fn end_process(&mut self) {
        self.totals.closed += self.open_descriptors() as u64;
        (self.conns, self.listeners) = (Slab::new(), Slab::new());
    }

    fn has_ready(&self) -> bool {
        let mut listeners = self.listeners.iter();
        let mut conns = self.conns.iter();
        listeners.any(|(_, one)| !one.readiness().seen_by(one.interest).is_none())
            || conns.any(|(_, far)| !far.readiness().seen_by(far.interest).is_none())
    }

    fn readiness(&self, source: Source) -> Result<Readiness, Stale> {
        match source {
            Source::Listener(id) => Ok(self.listeners.get(id).ok_or(Stale)?.readiness()),
            Source::Conn(id) => Ok(self.conns.get(id).ok_or(Stale)?.readiness()),
        }
    }

    fn open_descriptors(&self) -> usize {
        self.conns.count() + self.listeners.count()
    }

    fn descriptors_max(&self) -> usize {
        DESCRIPTORS_MAX
    }

    fn totals(&self) -> Totals {
        self.totals
    }

    /// Nobody is at the other end.
    fn connection_number(&self, _: ConnId) -> Result<u64, Stale> {
        Err(Stale)
    }

    fn unread_bytes(&self, conn: ConnId) -> Result<usize, Stale> {
        Ok(self.conns.get(conn).ok_or(Stale)?.inbox.len())
    }

    fn unaccepted_count(&self) -> usize {
        self.listeners.iter().map(|(_, listener)| listener.waiting).sum()
    }

    fn garbled(&self) -> Option<(ConnId, &Garbled)> {
        self.garbled.as_ref().map(|(conn, garbled)| (*conn, garbled))
    }
}
