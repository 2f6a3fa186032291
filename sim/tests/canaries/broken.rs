//! The echo, wearing one fault: a tenant that each oracle has something to say about.
//!
//! The fault is a setting of the node, `node fault forgets-to-send`, so that a schedule in text
//! says what is wrong with its node. Without the setting it is the echo.

use std::cell::Cell;
use std::time::Duration;

use sockman::sockets::{ConnId, ConnectError, Endpoint, More};
use sockman::sockman::{Action, Conns, Event, Slices, StepName, TaskId, Tenant};
use sockman::time::{Instant, Now};
use sockman_sim::subject::{
    ByteTotals, Fact, Objection, Resource, SettingError, Setup, Sight, Subject, Watch,
};
use sockman_sim::subjects::connman::HandshakeWatch;
use sockman_sim::subjects::echo::{Echo, Lines, Never, Notice, Peer, Server};
use sockman_sim::world::Step;

/// One way to misbehave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// None.
    None,
    /// After a short count, drops the first byte that was not taken.
    LosesAByte,
    /// After a short count, begins again with what was taken.
    RepeatsAByte,
    /// Asks for no send.
    ForgetsToSend,
    /// Asks for each send with a later step, another task's.
    SendsLater,
    /// Does not begin to read.
    NeverReads,
    /// Does not read on once its queue has drained.
    ForgetsToResume,
    /// Reads on however long its queue grows.
    NeverPauses,
    /// Does not adopt what is accepted, nor close it.
    IgnoresNewcomers,
    /// Does not close what has failed.
    KeepsTheDead,
    /// Does not end what the peer has ended.
    NeverFinishes,
    /// Tells of each peer twice.
    TellsUpTwice,
    /// Tells of no end.
    NeverTellsDown,
    /// Tells only of ends.
    NeverTellsUp,
    /// Counts a byte too much per read.
    CountsTooMuch,
    /// Sends back other bytes.
    AltersBytes,
    /// Panics on a byte that only junk contains.
    Panics,
    /// Has a task that always has something to do, and does nothing.
    Spins,
    /// Is due since the start.
    IsDueForNothing,
    /// Does something else in every other run.
    RemembersRuns,
    /// Completes no handshake, and lets nobody go for it.
    NeverReady,
}

impl Fault {
    /// All but none.
    pub(crate) const ALL: [Self; 20] = [
        Self::LosesAByte,
        Self::RepeatsAByte,
        Self::ForgetsToSend,
        Self::SendsLater,
        Self::NeverReads,
        Self::ForgetsToResume,
        Self::NeverPauses,
        Self::IgnoresNewcomers,
        Self::KeepsTheDead,
        Self::NeverFinishes,
        Self::TellsUpTwice,
        Self::NeverTellsDown,
        Self::NeverTellsUp,
        Self::CountsTooMuch,
        Self::AltersBytes,
        Self::Panics,
        Self::Spins,
        Self::IsDueForNothing,
        Self::RemembersRuns,
        Self::NeverReady,
    ];

    /// As schedules write it: `LosesAByte` is `loses-a-byte`.
    pub(crate) fn name(self) -> String {
        hyphenated(&format!("{self:?}"))
    }
}

/// A name of Rust's as schedules write it.
pub(super) fn hyphenated(camel: &str) -> String {
    let mut name = String::new();
    for letter in camel.chars() {
        if letter.is_ascii_uppercase() && !name.is_empty() {
            name.push('-');
        }
        name.push(letter.to_ascii_lowercase());
    }
    name
}

thread_local! {
    /// What [`Fault::RemembersRuns`] remembers: state that outlives a run.
    static RAN_BEFORE: Cell<bool> = const { Cell::new(false) };
}

/// The broken echo as a subject.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Broken;

/// The server's side.
#[derive(Clone, Debug)]
pub(crate) struct BrokenServer {
    server: Server,
    fault: Fault,
    notices: Vec<Notice>,
    /// Bytes that were counted and never read.
    invented: u64,
    /// What it found when it was made.
    ran_before: bool,
    /// Sends that its task will ask for.
    later: Vec<ConnId>,
}

impl BrokenServer {
    fn has(&self, fault: Fault) -> bool {
        self.fault == fault
    }

    /// What is left of what the server asks for.
    ///
    /// `forgotten` is the fault of who would not set reading here.
    fn twist(&mut self, forgotten: Fault, actions: &mut Vec<Action<Peer>>) {
        if self.has(Fault::SendsLater) {
            let sends = actions.extract_if(.., |action| matches!(action, Action::Send(_)));
            self.later.extend(sends.filter_map(|action| action.conn()));
        }
        actions.retain(|action| match action {
            Action::Send(_) => !self.has(Fault::ForgetsToSend),
            Action::Receive(_) => !self.has(forgotten),
            Action::Close(_) => !self.has(Fault::KeepsTheDead),
            Action::Finish { .. } => !self.has(Fault::NeverFinishes),
            Action::Dial(_) | Action::StopListening(_) => true,
        });
    }
}

impl Tenant for BrokenServer {
    type Conn = Peer;
    type Command = Never;
    type Notice = Fact;

    const TASKS: &'static [&'static str] = &["worker"];

    fn handle_event(
        &mut self,
        now: Now,
        event: &Event,
        conns: &mut Conns<Peer>,
        actions: &mut Vec<Action<Peer>>,
    ) {
        if self.has(Fault::IgnoresNewcomers) && matches!(event, Event::Accepted { .. }) {
            return;
        }
        self.server.handle_event(now, event, conns, actions);
        self.twist(Fault::NeverReads, actions);
    }

    fn handle_received(
        &mut self,
        now: Now,
        conn: ConnId,
        bytes: &[u8],
        conns: &mut Conns<Peer>,
        actions: &mut Vec<Action<Peer>>,
    ) {
        assert!(!self.has(Fault::Panics) || bytes.is_ascii(), "bytes that nobody expected");
        self.invented += u64::from(self.has(Fault::CountsTooMuch));
        let mut altered = bytes.to_vec();
        if self.has(Fault::AltersBytes) {
            altered.iter_mut().for_each(|byte| *byte ^= 1);
        }
        self.server.handle_received(now, conn, &altered, conns, actions);
        self.twist(Fault::NeverPauses, actions);
        if self.has(Fault::RemembersRuns) && self.ran_before {
            actions.push(Action::Send(conn));
        }
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
        let in_part = 0 < count && count < unsent;
        let heard = if in_part && self.has(Fault::LosesAByte) {
            count + 1
        } else if in_part && self.has(Fault::RepeatsAByte) {
            count - 1
        } else {
            count
        };
        self.server.handle_sent(now, conn, heard, conns, actions);
        self.twist(Fault::ForgetsToResume, actions);
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

    fn next_step<'a>(&'a self, _: Now, _: TaskId, _: &'a Conns<Peer>) -> Option<StepName<'a>> {
        let step = StepName { verb: "spins", object: "", conn: None };
        let runs = self.has(Fault::Spins) || !self.later.is_empty();
        runs.then_some(step)
    }

    fn step(&mut self, _: Now, _: TaskId, _: &mut Conns<Peer>, actions: &mut Vec<Action<Peer>>) {
        actions.extend(self.later.drain(..).map(Action::Send));
    }

    fn next_wakeup(&self, _: Now) -> Option<Instant> {
        self.has(Fault::IsDueForNothing).then_some(Instant::START)
    }

    fn take_notices(&mut self, notices: &mut Vec<Fact>) {
        self.server.take_notices(&mut self.notices);
        for notice in self.notices.drain(..) {
            match notice {
                Notice::Up(conn) if self.fault == Fault::NeverReady => notices.push(Fact::Up(conn)),
                Notice::Up(_) if self.fault == Fault::NeverTellsUp => {}
                Notice::Up(conn) if self.fault == Fault::TellsUpTwice => {
                    notices.extend([Fact::Up(conn), Fact::Up(conn)]);
                }
                Notice::Up(conn) => notices.extend([Fact::Up(conn), Fact::Ready(conn)]),
                Notice::Down(_) if self.fault == Fault::NeverTellsDown => {}
                Notice::Down(conn) => notices.push(Fact::Down(conn, "closed")),
            }
        }
    }
}

/// The watch over handshakes is the connection manager's; an echo can be held to it as well.
impl Watch<Broken> for HandshakeWatch {
    fn look(&mut self, sight: &Sight<'_, Broken>) -> Result<(), Objection> {
        self.hear(sight.now, sight.facts());
        let at_rest = matches!(sight.step, Step::Idle(_));
        if at_rest { self.check(Duration::from_secs(60), sight.now) } else { Ok(()) }
    }
}

impl Subject for Broken {
    const NAME: &'static str = "broken";

    type Tenant = BrokenServer;
    type Dialect = Lines;
    // Who connects is ready at once, or has to be soon.
    type Watch = HandshakeWatch;

    const SHAKES_HANDS: bool = true;

    fn tenant(setup: &Setup<'_>) -> Result<BrokenServer, SettingError> {
        let server = Echo::tenant(&Setup { settings: &[], seed: setup.seed.clone() })?;
        let mut fault = Fault::None;
        for (key, value) in setup.settings {
            let named = Fault::ALL.iter().find(|fault| key == "fault" && fault.name() == *value);
            fault = *named.ok_or_else(|| SettingError {
                key: key.clone(),
                value: value.clone(),
                expected: "the name of a fault",
            })?;
        }
        let ran_before = RAN_BEFORE.get();
        RAN_BEFORE.set(!ran_before);
        Ok(BrokenServer {
            server,
            fault,
            notices: Vec::new(),
            invented: 0,
            ran_before,
            later: Vec::new(),
        })
    }

    fn dial_command(_: Endpoint) -> Option<Never> {
        None
    }

    fn drop_command(_: &BrokenServer, _: &Conns<Peer>, _: ConnId) -> Option<Never> {
        None
    }

    fn fact(notice: &Fact) -> Option<Fact> {
        Some(*notice)
    }

    fn totals(broken: &BrokenServer, conns: &Conns<Peer>) -> Option<ByteTotals> {
        let totals = Echo::totals(&broken.server, conns)?;
        Some(ByteTotals { received: totals.received + broken.invented, ..totals })
    }

    fn resources(
        broken: &BrokenServer,
        conns: &Conns<Peer>,
        conn: Option<ConnId>,
        check: impl FnMut(Resource),
    ) {
        Echo::resources(&broken.server, conns, conn, check);
    }

    fn stuck(peer: &Peer, receive_paused: bool) -> Option<&'static str> {
        Echo::stuck(peer, receive_paused)
    }
}
