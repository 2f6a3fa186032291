//! A scripted peer: a host of its own on the virtual network, one connection at a time, and as much
//! of the protocol as its manner asks for.

use std::io::IoSlice;
use std::net::IpAddr;
use std::time::Duration;

use sockman::sockets::{
    Accepted, Closing, ConnId, ConnectStatus, Direction, Event, Interest, ListenerId, More,
    Received, Sent, Source,
};
use sockman::sockman::Initiator;
use sockman::time::{Instant, Now};

use crate::fifo::Fifo;
use crate::host::PeerHost;
use crate::net::Kernel;
use crate::schedule::{ActorId, Manner};
use crate::subject::{Dialect, Garbled, Heard};

mod asked;

pub use asked::Unsaid;

mod moved;

pub use moved::{Dialled, Moved, Passage, Way};

/// How many bytes a slow actor reads or writes at a time, and how often it does so.
const SLOW_BYTES: usize = 64;
const SLOW_EVERY: Duration = Duration::from_millis(20);

/// How often a chatty actor says something.
const CHAT_EVERY: Duration = Duration::from_millis(200);

/// How often a flooding actor says how much, unless so many bytes wait to be taken already.
const FLOOD_EVERY: Duration = Duration::from_millis(50);
const FLOOD_WORDS: u32 = 20;
const FLOOD_BYTES_MAX: usize = 16_384;

/// How often a deaf actor says something, and how long it listens before.
const DEAF_EVERY: Duration = Duration::from_secs(30);

/// How often a trickling actor sends its byte.
const TRICKLE_EVERY: Duration = Duration::from_secs(1);

/// How often a hostile actor says something wrong.
const PROVOKE_EVERY: Duration = Duration::from_millis(100);

/// Bytes that an actor reads at a time otherwise.
const READ_BYTES_MAX: usize = 0x10000;

/// How an actor's connection stands, as it sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Link {
    /// None was tried yet.
    None,
    /// Dialling.
    Connecting,
    /// Connected.
    Open,
    /// The node sent its FIN.
    NodeFinished,
    /// Over, since a moment.
    Ended(Ending, Instant),
}

/// How an actor's connection ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Ending {
    /// It never came about.
    Refused,
    /// The node closed it in order.
    Closed,
    /// It was reset.
    Reset,
    /// The actor ended it itself.
    Own,
}

/// Something that happened to an actor, for the trace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Saw {
    /// Its connection came about.
    Connected,
    /// It heard a word.
    Heard(Heard),
    /// The node sent something that is not of the language.
    Garbled(Garbled),
    /// Its connection ended.
    Ended(Ending),
}

/// A scripted peer. Its host is a [`Kernel`] on the network, unless its world is elsewhere.
#[derive(Clone, Debug)]
pub struct Actor<D, K = Kernel> {
    id: ActorId,
    address: IpAddr,
    kernel: K,
    dialect: D,
    manner: Manner,
    link: Link,
    listener: Option<ListenerId>,
    conn: Option<ConnId>,
    /// What its kernel was last told about `conn`.
    interest: Interest,
    reading: bool,
    /// Whether FIN is to follow what is unsent.
    finishing: bool,
    /// Whether it was asked for.
    half_closed: bool,
    /// Bytes that the kernel has not taken yet.
    unsent: Fifo,
    /// What is left of the last part that was sent.
    rest: Vec<u8>,
    /// Everything heard on the connections so far, with its time.
    heard: Vec<(Instant, Heard)>,
    /// What the last read brought; empty between two.
    fresh: Vec<Heard>,
    saw: Vec<Saw>,
    /// Whether it has stopped answering on this connection.
    deaf: bool,
    /// Whether all that was said on this connection was its manner's, which follows the protocol.
    proper: bool,
    /// Wrong things said so far.
    provocations: u64,
    /// When an actor that moves by itself moves again.
    next_move: Option<Instant>,
    /// Connections so far.
    incarnation: u32,
    /// On all of its connections.
    bytes_read: u64,
    /// What names the present one.
    dialled: Dialled,
    scratch: Vec<u8>,
    events: Vec<Event>,
    /// What its kernel took and gave since somebody last looked.
    moved: Passage,
}

impl<D: Dialect, K: PeerHost> Actor<D, K> {
    /// An actor without a connection, on its host.
    #[must_use]
    pub fn new(id: ActorId, dialect: D, kernel: K) -> Self {
        let address = *kernel.addresses().first().expect("an actor has an address");
        Self {
            id,
            address,
            kernel,
            dialect,
            manner: Manner::Scripted,
            link: Link::None,
            listener: None,
            conn: None,
            interest: Interest::NONE,
            reading: true,
            finishing: false,
            half_closed: false,
            unsent: Fifo::new(),
            rest: Vec::new(),
            heard: Vec::new(),
            fresh: Vec::new(),
            saw: Vec::new(),
            deaf: false,
            proper: true,
            provocations: 0,
            next_move: None,
            incarnation: 0,
            bytes_read: 0,
            dialled: Dialled { by_actor: true, number: 0 },
            scratch: Vec::new(),
            events: Vec::new(),
            moved: Passage::default(),
        }
    }

    // What it does by itself.

    /// Does what its sockets are ready for.
    pub fn work(&mut self, now: Now) {
        self.kernel.set_now(now.steady);
        loop {
            let mut events = std::mem::take(&mut self.events);
            self.kernel.poll(&mut events);
            let before = self.progress();
            for event in &events {
                match event.source {
                    Source::Listener(listener) => self.accept(now, listener),
                    Source::Conn(conn) => self.serve(now, conn),
                }
            }
            self.events = events;
            self.flush(now);
            if self.events.is_empty() || self.progress() == before {
                return;
            }
        }
    }

    /// When it has something to do by itself: a slow actor's next bytes, its kernel's timers.
    #[must_use]
    pub fn next_wakeup(&self) -> Option<Instant> {
        let own = self.next_move.filter(|_| self.conn.is_some());
        [own, self.kernel.next_timer()].into_iter().flatten().min()
    }

    /// Does what is due.
    pub fn wake(&mut self, now: Now) {
        self.kernel.handle_timer(now.steady);
        if self.next_move.is_some_and(|at| at <= now.steady) {
            self.make_move(now);
        }
        self.work(now);
    }

    fn make_move(&mut self, now: Now) {
        let Some(conn) = self.conn.filter(|_| self.link == Link::Open) else {
            self.next_move = None;
            return;
        };
        match self.manner {
            Manner::Slow => {
                self.next_move = Some(now.steady + SLOW_EVERY);
                if self.reading {
                    self.read_once(now, conn, SLOW_BYTES);
                }
            }
            Manner::Chatty => {
                self.next_move = Some(now.steady + CHAT_EVERY);
                self.dialect.chat(now, self.unsent.back());
            }
            Manner::Flooding => {
                self.next_move = Some(now.steady + FLOOD_EVERY);
                if self.unsent.len() < FLOOD_BYTES_MAX {
                    (0..FLOOD_WORDS).for_each(|_| self.dialect.chat(now, self.unsent.back()));
                }
            }
            Manner::Hostile => {
                self.next_move = Some(now.steady + PROVOKE_EVERY);
                self.provocations += 1;
                self.dialect.provoke(now, self.provocations, self.unsent.back());
            }
            Manner::Deaf => {
                self.next_move = Some(now.steady + DEAF_EVERY);
                self.deaf = true;
                self.dialect.chat(now, self.unsent.back());
            }
            Manner::Trickling => {
                self.next_move = Some(now.steady + TRICKLE_EVERY);
                self.flush_at_most(now, 1);
            }
            Manner::Scripted | Manner::Honest | Manner::Silent => self.next_move = None,
        }
    }

    fn begin(&mut self, conn: ConnId, link: Link) {
        let by_actor = link == Link::Connecting;
        let number = self.kernel.connection_number(conn).expect("it was opened just now");
        self.dialled = Dialled { by_actor, number };
        self.dialect.begin(if by_actor { Initiator::Us } else { Initiator::Peer });
        self.conn = Some(conn);
        self.interest = Interest::NONE;
        self.link = link;
        self.finishing = false;
        self.deaf = false;
        self.proper = is_proper(self.manner);
        self.half_closed = false;
        self.unsent.clear();
        self.rest.clear();
        self.incarnation += 1;
    }

    fn opened(&mut self, now: Now) {
        self.link = Link::Open;
        self.saw.push(Saw::Connected);
        if speaks(self.manner) {
            self.dialect.greet(now, self.unsent.back());
        }
        self.next_move = first_move(now.steady, self.manner);
        self.set_interest();
    }

    fn end(&mut self, now: Now, ending: Ending) {
        self.link = Link::Ended(ending, now.steady);
        self.saw.push(Saw::Ended(ending));
        self.unsent.clear();
        self.rest.clear();
        self.next_move = None;
    }

    fn accept(&mut self, now: Now, listener: ListenerId) {
        match self.kernel.accept(listener) {
            Ok(Accepted::Conn { conn, .. }) if self.conn.is_some() => {
                // One connection at a time: the second is turned away.
                self.kernel.close(conn, Closing::Orderly).expect("it was accepted just now");
            }
            Ok(Accepted::Conn { conn, .. }) => {
                self.begin(conn, Link::Open);
                self.opened(now);
            }
            Ok(Accepted::WouldBlock) | Err(_) => {}
        }
    }

    fn serve(&mut self, now: Now, conn: ConnId) {
        if self.conn != Some(conn) {
            return;
        }
        if self.link == Link::Connecting {
            match self.kernel.connect_status(conn) {
                Ok(ConnectStatus::InProgress) => {}
                Ok(ConnectStatus::Established) => self.opened(now),
                Err(_) => self.lose(now, Ending::Refused),
            }
            return;
        }
        let readiness = self.kernel.readiness(Source::Conn(conn)).unwrap_or_default();
        if readiness.error || readiness.readable && self.reads_when_ready() {
            self.read_once(now, conn, READ_BYTES_MAX);
        }
    }

    fn read_once(&mut self, now: Now, conn: ConnId, most: usize) {
        // No more room than there are bytes for: most reads are short, and so is the life of many
        // an actor. One byte is for the news that there are none.
        let room = self.kernel.unread_bytes(conn).unwrap_or(0).clamp(1, most);
        if self.scratch.len() < room {
            self.scratch.resize(room, 0);
        }
        match self.kernel.recv(conn, &mut self.scratch[..room]) {
            Ok(Received::WouldBlock) => {}
            Ok(Received::Bytes(count)) => {
                self.bytes_read += count as u64;
                let (actor, dialled, way) = (self.id, self.dialled, Way::Read);
                let bytes = &self.scratch[..count];
                self.moved.push(Moved { actor, dialled, way, bytes });
                self.hear(now, count);
            }
            Ok(Received::Eof) if self.link == Link::NodeFinished => self.lose(now, Ending::Closed),
            Ok(Received::Eof) => {
                self.link = Link::NodeFinished;
                // Nobody here has anything to say to a node that has closed.
                self.lose(now, Ending::Closed);
            }
            Err(_) => self.lose(now, Ending::Reset),
        }
    }

    fn hear(&mut self, now: Now, count: usize) {
        let result = self.dialect.decode(&self.scratch[..count], &mut self.fresh);
        for heard in self.fresh.drain(..) {
            self.heard.push((now.steady, heard));
            self.saw.push(Saw::Heard(heard));
            if speaks(self.manner) && !self.deaf {
                self.dialect.answer(now, heard, self.unsent.back());
            }
        }
        self.dialect.settle(self.unsent.back());
        if let Err(garbled) = result {
            self.saw.push(Saw::Garbled(garbled));
        }
        if self.dialect.gives_up() && speaks(self.manner) && !self.deaf {
            self.lose(now, Ending::Own);
        }
    }

    fn lose(&mut self, now: Now, ending: Ending) {
        if let Some(conn) = self.conn.take() {
            self.kernel.close(conn, Closing::Orderly).expect("it was open");
        }
        self.end(now, ending);
    }

    fn flush(&mut self, now: Now) {
        let most = match self.manner {
            Manner::Slow => SLOW_BYTES,
            Manner::Trickling => 0,
            Manner::Scripted
            | Manner::Honest
            | Manner::Silent
            | Manner::Chatty
            | Manner::Flooding
            | Manner::Hostile
            | Manner::Deaf => usize::MAX,
        };
        self.flush_at_most(now, most);
    }

    fn flush_at_most(&mut self, now: Now, most: usize) {
        let Some(conn) = self.conn.filter(|_| self.link == Link::Open) else { return };
        let count = self.unsent.len().min(most);
        if count > 0 {
            let slices = [IoSlice::new(&self.unsent[..count])];
            match self.kernel.send(conn, &slices, More::No) {
                Ok(Sent::Bytes(taken)) => {
                    let (actor, dialled, way) = (self.id, self.dialled, Way::Sent);
                    let bytes = &self.unsent[..taken];
                    self.dialect.said(bytes);
                    self.moved.push(Moved { actor, dialled, way, bytes });
                    self.unsent.take(taken);
                }
                Ok(Sent::WouldBlock) => {}
                Err(_) => return self.lose(now, Ending::Reset),
            }
        }
        if self.finishing && self.unsent.is_empty() {
            self.finishing = false;
            // A connection that is over by now says so at the next read.
            let _ = self.kernel.shutdown(conn, Direction::Write);
        }
        self.set_interest();
    }

    fn reads_when_ready(&self) -> bool {
        self.reading && self.manner != Manner::Slow
    }

    fn set_interest(&mut self) {
        let Some(conn) = self.conn else { return };
        let interest = match self.link {
            Link::Connecting => Interest::WRITE,
            Link::Open => Interest {
                readable: self.reads_when_ready(),
                writable: !self.unsent.is_empty() && !paces_itself(self.manner),
            },
            Link::None | Link::NodeFinished | Link::Ended(..) => Interest::NONE,
        };
        if interest != self.interest {
            self.interest = interest;
            self.kernel.set_interest(Source::Conn(conn), interest).expect("it is open");
        }
    }

    /// What changes whenever something moves.
    fn progress(&self) -> (usize, u64, usize, u32, Link) {
        (self.unsent.len(), self.bytes_read, self.saw.len(), self.incarnation, self.link)
    }

    // Getters.

    /// Who it is.
    #[must_use]
    pub const fn id(&self) -> ActorId {
        self.id
    }

    /// Its first address.
    #[must_use]
    pub const fn address(&self) -> IpAddr {
        self.address
    }

    /// Its host.
    pub const fn kernel_mut(&mut self) -> &mut K {
        &mut self.kernel
    }

    /// Its host.
    #[must_use]
    pub const fn kernel(&self) -> &K {
        &self.kernel
    }

    /// How its connection stands.
    #[must_use]
    pub const fn link(&self) -> Link {
        self.link
    }

    /// How it behaves.
    #[must_use]
    pub const fn manner(&self) -> Manner {
        self.manner
    }

    /// Whether it has followed the protocol since its connection began, and said nothing else.
    #[must_use]
    pub const fn is_proper(&self) -> bool {
        self.proper
    }

    /// Whether it reads what arrives.
    #[must_use]
    pub const fn is_reading(&self) -> bool {
        self.reading
    }

    /// What names its present or last connection.
    #[must_use]
    pub const fn dialled(&self) -> Dialled {
        self.dialled
    }

    /// Its connection.
    #[must_use]
    pub const fn conn(&self) -> Option<ConnId> {
        self.conn
    }

    /// How many connections it has had, attempts of its own included.
    #[must_use]
    pub const fn connections(&self) -> u32 {
        self.incarnation
    }

    /// Everything heard so far.
    #[must_use]
    pub fn heard(&self) -> &[(Instant, Heard)] {
        &self.heard
    }

    /// Its speaker.
    #[must_use]
    pub const fn dialect(&self) -> &D {
        &self.dialect
    }

    /// Moves the bytes that passed since the last call to the end of `moved`.
    pub fn take_moved(&mut self, moved: &mut Passage) {
        self.moved.move_to(moved);
    }

    /// Bytes that it wants to send and its kernel has not taken.
    #[must_use]
    pub const fn unsent_bytes(&self) -> usize {
        self.unsent.len()
    }

    /// Moves what it saw to the end of `saw`.
    pub fn take_saw(&mut self, saw: &mut Vec<(ActorId, Saw)>) {
        saw.extend(self.saw.drain(..).map(|one| (self.id, one)));
    }
}

/// When a manner that moves by itself moves first.
fn first_move(now: Instant, manner: Manner) -> Option<Instant> {
    match manner {
        Manner::Slow => Some(now),
        Manner::Chatty => Some(now + CHAT_EVERY),
        Manner::Flooding => Some(now + FLOOD_EVERY),
        Manner::Hostile => Some(now + PROVOKE_EVERY),
        Manner::Deaf => Some(now + DEAF_EVERY),
        Manner::Trickling => Some(now + TRICKLE_EVERY),
        Manner::Scripted | Manner::Honest | Manner::Silent => None,
    }
}

/// Whether a manner does nothing but follow the protocol, without delay.
const fn is_proper(manner: Manner) -> bool {
    matches!(manner, Manner::Honest | Manner::Chatty)
}

/// Whether a manner follows the protocol by itself.
const fn speaks(manner: Manner) -> bool {
    match manner {
        Manner::Honest
        | Manner::Slow
        | Manner::Chatty
        | Manner::Flooding
        | Manner::Hostile
        | Manner::Deaf
        | Manner::Trickling => true,
        Manner::Scripted | Manner::Silent => false,
    }
}

/// Whether a manner decides by itself when its bytes go out.
const fn paces_itself(manner: Manner) -> bool {
    matches!(manner, Manner::Slow | Manner::Trickling)
}
