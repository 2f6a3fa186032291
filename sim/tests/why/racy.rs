//! The echo with a race in it: `node race eof-in-between`. In the usual order nobody loses it. Who
//! loses it knows the step, and says nothing of it for two seconds.

use std::time::Duration;

use sockman::sockets::{ConnId, ConnectError, More};
use sockman::sockman::{Action, Conns, Event, Slices, StepName, TaskId, Tenant};
use sockman::time::{Instant, Now};
use sockman_sim::faulty::Weights;
use sockman_sim::subject::{NoWatch, SettingError, Setup, Subject};
use sockman_sim::subjects::echo::{Lines, Never, Notice, Peer, Server};

/// Where two things may come in the wrong order, or a call may go otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Race {
    /// Bytes of another peer are taken in between the two halves of an update.
    BytesInBetween,
    /// A peer's end is, between the two halves of what it asked for.
    EofInBetween,
    /// What is to be set up by one task is used by another before.
    SecondBeforeFirst,
    /// A short send is taken for a whole one.
    ShortSend,
    /// A newcomer is forgotten who could not be accepted at first.
    FailedAccept,
}

impl Race {
    pub(crate) const ALL: [Self; 5] = [
        Self::BytesInBetween,
        Self::EofInBetween,
        Self::SecondBeforeFirst,
        Self::ShortSend,
        Self::FailedAccept,
    ];

    /// As a schedule says it.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::BytesInBetween => "bytes-in-between",
            Self::EofInBetween => "eof-in-between",
            Self::SecondBeforeFirst => "second-before-first",
            Self::ShortSend => "short-send",
            Self::FailedAccept => "failed-accept",
        }
    }

    /// What has to happen to calls for it to be lost.
    pub(crate) fn weights(self) -> Weights {
        match self {
            Self::ShortSend => Weights { short_send: 24, ..Weights::default() },
            Self::FailedAccept => Weights { accept_fails: 24, ..Weights::default() },
            Self::BytesInBetween | Self::EofInBetween | Self::SecondBeforeFirst => {
                Weights::default()
            }
        }
    }
}

/// The chunk of bytes, of all peers, with which the race begins.
const RACY_CHUNK: u32 = 5;

/// When it is noticed who has lost it.
const NOTICED: Duration = Duration::from_secs(2);

/// The subject.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Racy;

/// Its tenant.
#[derive(Clone, Debug)]
pub(crate) struct RacyServer {
    server: Server,
    race: Option<Race>,
    chunks: u32,
    /// Steps that the first task has to make, and whether the second one has to.
    first: u32,
    second: bool,
    is_lost: bool,
}

impl RacyServer {
    /// Whether the race was lost, whatever anybody has noticed.
    pub(crate) const fn is_lost(&self) -> bool {
        self.is_lost
    }

    /// Chunks of bytes that it has taken so far.
    pub(crate) const fn chunks(&self) -> u32 {
        self.chunks
    }

    fn lose(&mut self, race: Race, lost: bool) {
        self.is_lost |= lost && self.race == Some(race);
    }

    const fn is_in_between(&self) -> bool {
        self.first == 1
    }
}

impl Tenant for RacyServer {
    type Conn = Peer;
    type Command = Never;
    type Notice = Notice;

    const TASKS: &'static [&'static str] = &["first", "second"];

    fn handle_event(
        &mut self,
        now: Now,
        event: &Event,
        conns: &mut Conns<Peer>,
        actions: &mut Vec<Action<Peer>>,
    ) {
        let is_end = matches!(event, Event::Eof { .. });
        self.lose(Race::EofInBetween, is_end && self.is_in_between());
        self.lose(Race::FailedAccept, matches!(event, Event::AcceptFailed { .. }));
        self.server.handle_event(now, event, conns, actions);
    }

    fn handle_received(
        &mut self,
        now: Now,
        conn: ConnId,
        bytes: &[u8],
        conns: &mut Conns<Peer>,
        actions: &mut Vec<Action<Peer>>,
    ) {
        let is_noticed = now.steady.since(Instant::START) >= NOTICED;
        assert!(!(is_noticed && self.is_lost), "something was broken long ago");
        self.lose(Race::BytesInBetween, self.is_in_between());
        self.chunks += 1;
        if self.chunks == RACY_CHUNK {
            self.first = 2;
            self.second = self.race == Some(Race::SecondBeforeFirst);
        }
        self.server.handle_received(now, conn, bytes, conns, actions);
    }

    fn gather<'a>(peer: &'a Peer, slices: &mut Slices<'a>) -> More {
        Server::gather(peer, slices)
    }

    fn handle_sent(
        &mut self,
        now: Now,
        conn: ConnId,
        count: usize,
        conns: &mut Conns<Peer>,
        actions: &mut Vec<Action<Peer>>,
    ) {
        let unsent = conns.get(conn).map_or(0, |peer| {
            let mut slices = Slices::new();
            let _ = Server::gather(peer, &mut slices);
            slices.byte_count()
        });
        self.lose(Race::ShortSend, 0 < count && count < unsent);
        self.server.handle_sent(now, conn, count, conns, actions);
    }

    fn reads(peer: &Peer) -> bool {
        Server::reads(peer)
    }

    fn handle_dialing(&mut self, _: Now, _: ConnId, _: &mut Conns<Peer>) {}

    fn handle_dial_failed(&mut self, _: Now, _: Peer, _: ConnectError, _: &mut Vec<Action<Peer>>) {}

    fn handle_closed(
        &mut self,
        now: Now,
        conn: ConnId,
        peer: Option<Peer>,
        actions: &mut Vec<Action<Peer>>,
    ) {
        self.server.handle_closed(now, conn, peer, actions);
    }

    fn handle_command(
        &mut self,
        _: Now,
        command: Never,
        _: &mut Conns<Peer>,
        _: &mut Vec<Action<Peer>>,
    ) {
        match command {}
    }

    fn next_step<'a>(&'a self, _: Now, id: TaskId, _: &'a Conns<Peer>) -> Option<StepName<'a>> {
        let (verb, runs) = match id {
            TaskId(0) => ("updates", self.first > 0),
            TaskId(_) => ("uses", self.second),
        };
        runs.then_some(StepName { verb, object: "", conn: None })
    }

    fn step(&mut self, _: Now, id: TaskId, _: &mut Conns<Peer>, _: &mut Vec<Action<Peer>>) {
        match id {
            TaskId(0) => self.first -= 1,
            TaskId(_) => {
                self.second = false;
                self.lose(Race::SecondBeforeFirst, self.first == 2);
            }
        }
    }

    fn take_notices(&mut self, notices: &mut Vec<Notice>) {
        self.server.take_notices(notices);
    }
}

impl Subject for Racy {
    const NAME: &'static str = "racy";

    type Tenant = RacyServer;
    type Dialect = Lines;
    type Watch = NoWatch;

    fn tenant(setup: &Setup<'_>) -> Result<RacyServer, SettingError> {
        let setting = setup.settings.first();
        let named = |name: &str| Race::ALL.into_iter().find(|race| race.name() == name);
        let race = setting.and_then(|(_, name)| named(name));
        let server = Server::default();
        Ok(RacyServer { server, race, chunks: 0, first: 0, second: false, is_lost: false })
    }
}
