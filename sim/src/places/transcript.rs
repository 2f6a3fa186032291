//! What can be compared of a run wherever it took place: what actors saw of each connection, and
//! what the node told, with their times on the schedule's clock.
//!
//! A connection is named by its actor and a number: the how-manieth it was as that one counts, and
//! as the node counts. What happens at one instant to two connections has no order here, because
//! no place promises one. Addresses and ports are not in it, nor is how bytes were cut.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use sockman::sockets::ConnId;
use sockman::time::Instant;

use crate::actor::{Ending, Saw, Way};
use crate::host::Host;
use crate::run::Onlooker;
use crate::schedule::ActorId;
use crate::subject::{Fact, Subject};
use crate::trace::TraceHash;
use crate::world::{Step, World};

/// Columns of the left side, where two are printed side by side.
const COLUMN: usize = 48;

/// Lines before and after the first difference that are printed.
const AROUND: usize = 4;

/// Whose account of what.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Account {
    /// An actor's, of its nth connection; 0 is what it saw before the first.
    Actor(ActorId, u32),
    /// The node's, of its nth connection with an actor; `None` is somebody else.
    Node(Option<ActorId>, u32),
    /// The node's, of everything that it told.
    Told,
}

impl fmt::Display for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Actor(actor, nth) => write!(f, "{actor}, connection {nth}"),
            Self::Node(Some(actor), nth) => write!(f, "the node, connection {nth} with {actor}"),
            Self::Node(None, nth) => write!(f, "the node, connection {nth} with somebody else"),
            Self::Told => f.write_str("the node, all that it told"),
        }
    }
}

/// One thing in an account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Moment {
    /// When, since the start.
    pub at: Duration,
    /// What.
    pub what: What,
}

/// What an account can have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum What {
    /// The connection came about.
    Connected,
    /// A message came: its name, and the number by which settings tell it apart.
    Heard(&'static str, u64),
    /// Something came that is not of the language, at this offset.
    Garbled(String, u64),
    /// It ended so.
    Ended(Ending),
    /// The handshake is complete.
    Ready,
    /// The node has ended it, for this reason.
    Dropped(&'static str),
    /// The node told this so many times at this instant.
    Told(String, u32),
    /// The last word on a connection: how many bytes were read, and their hash.
    Read(u64, TraceHash),
}

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !matches!(self.what, What::Read(..)) {
            write!(f, "{:?} ", self.at)?;
        }
        match &self.what {
            What::Connected => f.write_str("connected"),
            What::Heard(name, detail) => write!(f, "heard {name} ({detail})"),
            What::Garbled(problem, offset) => write!(f, "garbled at {offset}: {problem}"),
            What::Ended(ending) => write!(f, "ended: {ending:?}"),
            What::Ready => f.write_str("ready"),
            What::Dropped(reason) => write!(f, "dropped: {reason}"),
            What::Told(what, times) => write!(f, "{what} x{times}"),
            What::Read(bytes, hash) => write!(f, "in all {bytes} bytes read, hash {hash}"),
        }
    }
}

/// All accounts of a run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Transcript {
    /// By whose they are.
    pub accounts: BTreeMap<Account, Vec<Moment>>,
}

impl Transcript {
    /// Where two part first, in the order of time.
    #[must_use]
    pub fn difference<'a>(&'a self, other: &'a Self) -> Option<Difference<'a>> {
        let names = self.accounts.keys().chain(other.accounts.keys());
        let differences = names.filter_map(|account| {
            let left = self.accounts.get(account).map_or(&[][..], Vec::as_slice);
            let right = other.accounts.get(account).map_or(&[][..], Vec::as_slice);
            let common = left.iter().zip(right).take_while(|(one, other)| one == other).count();
            let same = common == left.len() && common == right.len();
            (!same).then_some(Difference { account: *account, common, left, right })
        });
        differences.min_by_key(Difference::at)
    }
}

/// Where two transcripts part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Difference<'a> {
    /// In which account.
    pub account: Account,
    /// So many moments are the same.
    pub common: usize,
    left: &'a [Moment],
    right: &'a [Moment],
}

impl Difference<'_> {
    /// When.
    #[must_use]
    pub fn at(&self) -> Duration {
        let at = |side: &[Moment]| side.get(self.common).map(|moment| moment.at);
        let both = [at(self.left), at(self.right)];
        both.into_iter().flatten().min().unwrap_or(Duration::MAX)
    }
}

impl fmt::Display for Difference<'_> {
    /// Side by side, from a few lines before.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:", self.account)?;
        let first = self.common.saturating_sub(AROUND);
        let longest = self.left.len().max(self.right.len());
        for index in first..longest.min(self.common + AROUND + 1) {
            let (left, right) = (self.left.get(index), self.right.get(index));
            let mark = if left == right { ' ' } else { '|' };
            let say = |moment: Option<&Moment>| moment.map_or("-".to_owned(), ToString::to_string);
            write!(f, "\n  {:COLUMN$} {mark} {}", say(left), say(right))?;
        }
        Ok(())
    }
}

/// Writes a transcript while a run goes on.
#[derive(Clone, Debug, Default)]
pub struct Recorder {
    transcript: Transcript,
    /// Connections of each actor's so far.
    actors: BTreeMap<ActorId, u32>,
    /// What each has read on the present one.
    read: BTreeMap<ActorId, (u64, TraceHash)>,
    /// The node's connections, and how many it has had with whom.
    conns: BTreeMap<ConnId, Account>,
    counts: BTreeMap<Option<ActorId>, u32>,
    told: BTreeMap<(Duration, String), u32>,
}

impl Recorder {
    /// What was recorded.
    #[must_use]
    pub fn finish(mut self) -> Transcript {
        let actors: Vec<_> = self.read.keys().copied().collect();
        actors.into_iter().for_each(|actor| self.close_reading(actor));
        let told = self.told.into_iter();
        let told = told.map(|((at, what), times)| Moment { at, what: What::Told(what, times) });
        let told: Vec<_> = told.collect();
        if !told.is_empty() {
            self.transcript.accounts.insert(Account::Told, told);
        }
        self.transcript
    }

    fn note(&mut self, account: Account, at: Duration, what: What) {
        self.transcript.accounts.entry(account).or_default().push(Moment { at, what });
    }

    /// The last word on what an actor read.
    fn close_reading(&mut self, actor: ActorId) {
        let Some((bytes, hash)) = self.read.remove(&actor) else { return };
        let nth = self.actors.get(&actor).copied().unwrap_or(0);
        // No moment of its own: how far a read went at which instant is not compared.
        self.note(Account::Actor(actor, nth), Duration::MAX, What::Read(bytes, hash));
    }

    fn look<X: Subject, K: Host>(&mut self, world: &World<X, K>) {
        if !world.has_seen() {
            return;
        }
        let at = world.now().steady.since(Instant::START);
        for moved in world.moved().filter(|moved| moved.way == Way::Read) {
            let (bytes, hash) = self.read.entry(moved.actor).or_default();
            *bytes += moved.bytes.len() as u64;
            moved.bytes.iter().for_each(|byte| hash.add(u64::from(*byte)));
        }
        self.look_at_actors(world, at);
        self.look_at_node(world, at);
    }

    fn look_at_actors<X: Subject, K: Host>(&mut self, world: &World<X, K>, at: Duration) {
        for (actor, saw) in world.saw() {
            let count = self.actors.entry(*actor).or_insert(0);
            *count += u32::from(*saw == Saw::Connected);
            let account = Account::Actor(*actor, *count);
            let what = match saw {
                Saw::Connected => What::Connected,
                Saw::Heard(heard) => What::Heard(heard.name, heard.detail),
                Saw::Garbled(garbled) => What::Garbled(garbled.problem.clone(), garbled.offset),
                Saw::Ended(ending) => What::Ended(*ending),
            };
            self.note(account, at, what);
            if matches!(saw, Saw::Ended(_)) {
                self.close_reading(*actor);
            }
        }
    }

    fn look_at_node<X: Subject, K: Host>(&mut self, world: &World<X, K>, at: Duration) {
        let sockets = world.machine().sockman().sockets();
        for notice in world.notices() {
            if let Some(told) = X::told(notice) {
                let what = (at, told.outcome.to_string());
                *self.told.entry(what).or_insert(0) += 1;
            }
            let Some(fact) = X::fact(notice) else { continue };
            let (conn, what) = match fact {
                Fact::Up(conn) => {
                    let actor = sockets.actor(conn);
                    let nth = self.counts.entry(actor).or_insert(0);
                    *nth += 1;
                    self.conns.insert(conn, Account::Node(actor, *nth));
                    (conn, What::Connected)
                }
                Fact::Ready(conn) => (conn, What::Ready),
                Fact::Down(conn, reason) => (conn, What::Dropped(reason)),
            };
            let account = self.conns.get(&conn).copied().unwrap_or(Account::Node(None, 0));
            // Of a connection with itself either end may be served first, and the other is closed.
            let is_own = matches!(account, Account::Node(None, 1..));
            let is_closed = is_own && what == What::Dropped("peer-closed");
            let what = if is_closed { What::Dropped("self-connection") } else { what };
            self.note(account, at, what);
        }
    }
}

impl<X: Subject, K: Host> Onlooker<X, K> for Recorder {
    fn before_step(&mut self, _: &World<X, K>) {}

    fn after_step(&mut self, world: &World<X, K>, _: &Step) {
        self.look(world);
    }

    fn after_line(&mut self, world: &World<X, K>) {
        self.look(world);
    }
}
