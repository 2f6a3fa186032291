//! The connection manager, wearing one fault: for the oracles that are its own.
//!
//! The fault is a setting of the node, `node wears hurries-its-timers`. What is under test cannot
//! be changed from outside, so a fault is one of what it hears, of the clocks that it is shown, of
//! the settings that it really has, or of what it tells and asks for.

#![expect(clippy::wildcard_enum_match_arm, reason = "a fault is about what it is about")]

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use sockman::connman::addrman::AddrMan;
use sockman::connman::bans::BanList;
use sockman::connman::blocks::Chain;
use sockman::connman::{Command, Config, ConnMan, NetworkState, Notice, Peer};
use sockman::files::{FileCompletion, FileRequest};
use sockman::rng::Seed;
use sockman::sockets::{ConnId, ConnectError, Endpoint, ListenerId, More};
use sockman::sockman::{Action, Conns, Event, Slices, StepName, TaskId, Tenant};
use sockman::time::{Instant, Now, UnixTime};
use sockman_sim::files::VirtualFiles;
use sockman_sim::schedule::Word;
use sockman_sim::subject::{
    ByteTotals, DiskConfig, Fact, Resource, SettingError, Setup, Subject, UnknownWord,
};
use sockman_sim::subjects::connman::{Configured, Connman, ConnmanWatch, Speaker};

/// One way to misbehave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wear {
    /// Takes each ping for a pong.
    MishearsPings,
    /// Does not mind that a peer has finished.
    IgnoresTheEnd,
    /// Drops nobody when asked to.
    DropsNobody,
    /// Handles messages however much waits to be sent.
    AnswersOnAndOn,
    /// Reads however much waits to be handled.
    ReadsOnAndOn,
    /// Tells of a message once more after its sender has gone.
    TellsAfterTheEnd,
    /// Shows its timers a wall clock that is half a minute fast.
    HurriesItsTimers,
    /// One that is half a minute slow.
    DelaysItsTimers,
    /// Gives up attempts to connect after a second.
    GivesUpEarly,
    /// Or after half a minute.
    GivesUpLate,
    /// Makes no pause between attempts to connect.
    DialsWithoutAPause,
    /// Or too long a one.
    DialsTooLate,
    /// Lets one peer in too many.
    LetsOneMoreIn,
    /// Or one too few.
    RefusesOneMore,
    /// Does not hear that the network is off.
    StaysOnline,
    /// Does not hear that somebody is banned.
    BansNobody,
    /// Forgets at once who is banned.
    ForgetsBans,
    /// Or when somebody comes.
    LetsTheBannedIn,
    /// Does not read what the process before it has kept.
    BeginsWithNothing,
    /// Writes nothing of what it keeps.
    SavesNothing,
    /// Dials whom it was not asked to.
    DialsSomebodyElse,
    /// Tells nobody anything.
    KeepsItsNotices,
    /// Handles all that one peer says before anything of another's.
    FavoursTheFirst,
    /// Handles one message of each in turn, always in the same order.
    KeepsToAnOrder,
}

impl Wear {
    pub(crate) const ALL: [Self; 24] = [
        Self::MishearsPings,
        Self::IgnoresTheEnd,
        Self::DropsNobody,
        Self::AnswersOnAndOn,
        Self::ReadsOnAndOn,
        Self::TellsAfterTheEnd,
        Self::HurriesItsTimers,
        Self::DelaysItsTimers,
        Self::GivesUpEarly,
        Self::GivesUpLate,
        Self::DialsWithoutAPause,
        Self::DialsTooLate,
        Self::LetsOneMoreIn,
        Self::RefusesOneMore,
        Self::StaysOnline,
        Self::BansNobody,
        Self::ForgetsBans,
        Self::LetsTheBannedIn,
        Self::BeginsWithNothing,
        Self::SavesNothing,
        Self::DialsSomebodyElse,
        Self::KeepsItsNotices,
        Self::FavoursTheFirst,
        Self::KeepsToAnOrder,
    ];

    /// As schedules write it: `DropsNobody` is `drops-nobody`.
    pub(crate) fn name(self) -> String {
        super::broken::hyphenated(&format!("{self:?}"))
    }

    /// The settings that it really has.
    fn config(self, stated: &Config) -> Config {
        let mut config = stated.clone();
        match self {
            Self::AnswersOnAndOn => config.send_buffer_bytes_max *= 100,
            Self::ReadsOnAndOn => config.receive_buffer_bytes_max *= 100,
            Self::GivesUpEarly => config.dial_timeout = Duration::from_secs(1),
            Self::GivesUpLate => config.dial_timeout = Duration::from_secs(30),
            Self::LetsOneMoreIn => config.limits.inbound_max += 1,
            Self::RefusesOneMore => {
                config.limits.inbound_max = config.limits.inbound_max.saturating_sub(1);
            }
            _ => {}
        }
        config
    }
}

/// The worn connection manager as a subject.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Worn;

/// The connection manager and what it wears.
#[derive(Clone, Debug)]
pub(crate) struct WornConnman {
    inner: ConnMan,
    stated: Config,
    wear: Option<Wear>,
    /// The last notice of a message.
    handled: Option<Notice>,
    /// Messages kept from it, and after whose the next comes.
    kept: BTreeMap<ConnId, VecDeque<Vec<u8>>>,
    last: Option<ConnId>,
}

const MESSAGES: TaskId = TaskId(0);
const TIMERS: TaskId = TaskId(1);
const OPENER: TaskId = TaskId(2);
const ADDED: TaskId = TaskId(4);

impl WornConnman {
    fn has(&self, wear: Wear) -> bool {
        self.wear == Some(wear)
    }

    /// Keeps what was heard, message by message.
    fn keep(&mut self, conn: ConnId, mut bytes: &[u8]) {
        let kept = self.kept.entry(conn).or_default();
        while !bytes.is_empty() {
            let length = bytes.get(16..20).and_then(<[u8]>::first_chunk);
            let length = length.map_or(0, |length| u32::from_le_bytes(*length));
            let whole = usize::try_from(length).unwrap() + 24;
            let (message, rest) = bytes.split_at(whole.min(bytes.len()));
            kept.push_back(message.to_vec());
            bytes = rest;
        }
    }

    /// The next of what was kept, and whose it is.
    fn next_kept(&mut self) -> (ConnId, Vec<u8>) {
        let after = self.last.filter(|_| self.has(Wear::KeepsToAnOrder));
        let next = self.kept.keys().find(|conn| Some(**conn) > after);
        let conn = *next.or_else(|| self.kept.keys().next()).unwrap();
        let messages = self.kept.get_mut(&conn).unwrap();
        let message = messages.pop_front().unwrap();
        if messages.is_empty() {
            self.kept.remove(&conn);
        }
        self.last = (!self.kept.is_empty()).then_some(conn);
        (conn, message)
    }

    /// The clocks as a task is shown them.
    fn shown(&self, now: Now, task: TaskId) -> Now {
        let half_a_minute = Duration::from_secs(30);
        let behind =
            |wall: UnixTime| UnixTime::from_nanos(wall.as_nanos().saturating_sub(30_000_000_000));
        match (self.wear, task) {
            (Some(Wear::HurriesItsTimers), TIMERS) => Now { wall: now.wall + half_a_minute, ..now },
            (Some(Wear::DelaysItsTimers), TIMERS) => Now { wall: behind(now.wall), ..now },
            (Some(Wear::DialsWithoutAPause), OPENER | ADDED) => {
                Now { steady: now.steady + half_a_minute, ..now }
            }
            (Some(Wear::DialsTooLate), OPENER) => {
                let late = now.steady.as_nanos().saturating_sub(7_000_000_000);
                Now { steady: Instant::from_nanos(late), ..now }
            }
            _ => now,
        }
    }
}

impl Tenant for WornConnman {
    type Conn = Peer;
    type Command = Command;
    type Notice = Notice;

    const TASKS: &'static [&'static str] = ConnMan::TASKS;

    fn handle_event(
        &mut self,
        now: Now,
        event: &Event,
        conns: &mut Conns<Peer>,
        actions: &mut Vec<Action<Peer>>,
    ) {
        if self.has(Wear::IgnoresTheEnd) && matches!(event, Event::Eof { .. }) {
            return;
        }
        if self.has(Wear::LetsTheBannedIn) && matches!(event, Event::Accepted { .. }) {
            self.inner.handle_command(now, Command::ClearBans, conns, actions);
        }
        self.inner.handle_event(now, event, conns, actions);
    }

    fn handle_received(
        &mut self,
        now: Now,
        conn: ConnId,
        bytes: &[u8],
        conns: &mut Conns<Peer>,
        actions: &mut Vec<Action<Peer>>,
    ) {
        if self.has(Wear::FavoursTheFirst) || self.has(Wear::KeepsToAnOrder) {
            self.keep(conn, bytes);
            return;
        }
        let mut heard = bytes.to_vec();
        if self.has(Wear::MishearsPings) {
            let pings = bytes.windows(12).enumerate();
            let pings = pings.filter(|(_, name)| *name == b"ping\0\0\0\0\0\0\0\0");
            pings.for_each(|(at, _)| heard[at + 1] = b'o');
        }
        self.inner.handle_received(now, conn, &heard, conns, actions);
    }

    fn reads(peer: &Peer) -> bool {
        ConnMan::reads(peer)
    }

    fn gather<'a>(peer: &'a Peer, slices: &mut Slices<'a>) -> More {
        ConnMan::gather(peer, slices)
    }

    fn handle_sent(
        &mut self,
        now: Now,
        conn: ConnId,
        count: usize,
        conns: &mut Conns<Peer>,
        actions: &mut Vec<Action<Peer>>,
    ) {
        self.inner.handle_sent(now, conn, count, conns, actions);
    }

    fn handle_dialing(&mut self, now: Now, conn: ConnId, conns: &mut Conns<Peer>) {
        self.inner.handle_dialing(now, conn, conns);
    }

    fn handle_dial_failed(
        &mut self,
        now: Now,
        state: Peer,
        error: ConnectError,
        actions: &mut Vec<Action<Peer>>,
    ) {
        self.inner.handle_dial_failed(now, state, error, actions);
    }

    fn handle_closed(
        &mut self,
        now: Now,
        conn: ConnId,
        state: Option<Peer>,
        actions: &mut Vec<Action<Peer>>,
    ) {
        self.inner.handle_closed(now, conn, state, actions);
    }

    fn handle_listening(&mut self, now: Now, listener: ListenerId) {
        self.inner.handle_listening(now, listener);
    }

    fn handle_command(
        &mut self,
        now: Now,
        command: Command,
        conns: &mut Conns<Peer>,
        actions: &mut Vec<Action<Peer>>,
    ) {
        let is_missed = match command {
            Command::Disconnect { .. } => self.has(Wear::DropsNobody),
            Command::SetNetworkActive(NetworkState::Inactive) => self.has(Wear::StaysOnline),
            Command::Ban { .. } => self.has(Wear::BansNobody),
            _ => false,
        };
        if is_missed {
            return;
        }
        self.inner.handle_command(now, command, conns, actions);
        if self.has(Wear::ForgetsBans) {
            self.inner.handle_command(now, Command::ClearBans, conns, actions);
        }
        if self.has(Wear::DialsSomebodyElse) {
            for action in actions {
                if let Action::Dial(dial) = action {
                    dial.to = Endpoint::Ip("198.51.100.77:1".parse().unwrap());
                }
            }
        }
    }

    fn next_step<'a>(
        &'a self,
        now: Now,
        task: TaskId,
        conns: &'a Conns<Peer>,
    ) -> Option<StepName<'a>> {
        let kept = StepName { verb: "hears", object: "", conn: None };
        let hears = task == MESSAGES && !self.kept.is_empty();
        self.inner.next_step(self.shown(now, task), task, conns).or(hears.then_some(kept))
    }

    fn step(
        &mut self,
        now: Now,
        task: TaskId,
        conns: &mut Conns<Peer>,
        actions: &mut Vec<Action<Peer>>,
    ) {
        let shown = self.shown(now, task);
        if task == MESSAGES && self.inner.next_step(now, task, conns).is_none() {
            let (conn, message) = self.next_kept();
            self.inner.handle_received(now, conn, &message, conns, actions);
        } else {
            self.inner.step(shown, task, conns, actions);
        }
    }

    fn next_wakeup(&self, now: Now) -> Option<Instant> {
        if !self.kept.is_empty() {
            return Some(now.steady);
        }
        // The moments of what goes by another clock are the other clock's.
        let wakeup = self.inner.next_wakeup(self.shown(now, TIMERS))?;
        let is_late = self.has(Wear::DialsTooLate);
        Some(if is_late { wakeup + Duration::from_secs(7) } else { wakeup })
    }

    fn take_notices(&mut self, notices: &mut Vec<Notice>) {
        if self.has(Wear::KeepsItsNotices) {
            return;
        }
        let told = notices.len();
        self.inner.take_notices(notices);
        for place in told..notices.len() {
            match notices[place] {
                Notice::MessageHandled { .. } => self.handled = Some(notices[place].clone()),
                Notice::PeerDisconnected { peer, .. } if self.has(Wear::TellsAfterTheEnd) => {
                    let once_more = self.handled.take().filter(|one| one.peer() == Some(peer));
                    notices.extend(once_more);
                }
                _ => {}
            }
        }
    }

    fn handle_file_completed(&mut self, now: Now, completion: FileCompletion) {
        self.inner.handle_file_completed(now, completion);
    }

    fn take_file_requests(&mut self, requests: &mut Vec<FileRequest>) {
        if !self.has(Wear::SavesNothing) {
            self.inner.take_file_requests(requests);
        }
    }

    fn handle_shutdown(&mut self, now: Now) {
        self.inner.handle_shutdown(now);
    }

    fn check_invariants(&self, conns: &Conns<Peer>) {
        self.inner.check_invariants(conns);
    }
}

impl Configured for WornConnman {
    fn config(&self) -> &Config {
        &self.stated
    }

    fn seed(&self) -> &Seed {
        self.inner.seed()
    }

    fn addrman(&self) -> &AddrMan {
        self.inner.addrman()
    }

    fn bans(&self) -> &BanList {
        self.inner.bans()
    }

    fn chain(&self) -> Option<&Chain> {
        self.inner.chain()
    }
}

impl Subject for Worn {
    const NAME: &'static str = "worn";

    type Tenant = WornConnman;
    type Dialect = Speaker;
    type Watch = ConnmanWatch;

    fn tenant(setup: &Setup<'_>) -> Result<WornConnman, SettingError> {
        let (wears, settings): (Vec<_>, Vec<_>) =
            setup.settings.iter().cloned().partition(|(key, _)| key == "wears");
        let sound = Connman::tenant(&Setup { settings: &settings, seed: setup.seed.clone() })?;
        let stated = sound.config().clone();
        let named = |name: &String| Wear::ALL.into_iter().find(|wear| wear.name() == *name);
        let wear = wears.first().and_then(|(_, name)| named(name));
        let inner =
            wear.map_or(sound, |wear| ConnMan::new(wear.config(&stated), setup.seed.clone()));
        let kept = BTreeMap::new();
        Ok(WornConnman { inner, stated, wear, handled: None, kept, last: None })
    }

    fn disk(settings: &[(String, String)]) -> Option<DiskConfig> {
        Connman::disk(settings)
    }

    fn load(
        tenant: WornConnman,
        files: &mut VirtualFiles,
        now: Now,
    ) -> Result<WornConnman, String> {
        let nothing = &mut VirtualFiles::default();
        let files = if tenant.has(Wear::BeginsWithNothing) { nothing } else { files };
        let inner = Connman::load(tenant.inner, files, now)?;
        Ok(WornConnman { inner, ..tenant })
    }

    fn draw_files(below: &mut dyn FnMut(u32) -> u32) -> Vec<(String, String)> {
        Connman::draw_files(below)
    }

    const CONNECTS_BY_ITSELF: bool = true;
    const SHAKES_HANDS: bool = true;

    fn draw_settings(in_256: u8, below: &mut dyn FnMut(u32) -> u32) -> Vec<(String, String)> {
        Connman::draw_settings(in_256, below)
    }

    fn peer(settings: &[(String, String)], number: u16) -> Speaker {
        Connman::peer(settings, number)
    }

    fn draw_speech(peers: &[u16], below: &mut dyn FnMut(u32) -> u32) -> Vec<(String, String)> {
        Connman::draw_speech(peers, below)
    }

    fn dial_command(to: Endpoint) -> Option<Command> {
        Connman::dial_command(to)
    }

    fn drop_command(tenant: &WornConnman, conns: &Conns<Peer>, conn: ConnId) -> Option<Command> {
        Connman::drop_command(&tenant.inner, conns, conn)
    }

    fn command(word: &Word) -> Result<Command, UnknownWord> {
        Connman::command(word)
    }

    fn commands() -> Vec<Word> {
        Connman::commands()
    }

    fn fact(notice: &Notice) -> Option<Fact> {
        Connman::fact(notice)
    }

    fn totals(tenant: &WornConnman, conns: &Conns<Peer>) -> Option<ByteTotals> {
        Connman::totals(&tenant.inner, conns)
    }

    fn resources(
        tenant: &WornConnman,
        conns: &Conns<Peer>,
        conn: Option<ConnId>,
        check: impl FnMut(Resource),
    ) {
        Connman::resources(&tenant.inner, conns, conn, check);
    }

    fn stuck(peer: &Peer, receive_paused: bool) -> Option<&'static str> {
        Connman::stuck(peer, receive_paused)
    }
}
