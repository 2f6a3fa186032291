//! The connection manager as somebody who is called: a tenant around a tenant.
//!
//! ```text
//!   Command::Call { ticket, call } --> Node --> Notice::Answered { ticket, outcome }
//!                    everything else --> ConnMan --> Notice::ConnMan
//! ```
//!
//! A call is carried out in one step, as any command. Its answer is a notice: whoever watches the
//! driver brings it to where the ticket came from, and wakes whoever waits there. Nothing is locked
//! and nobody waits, so that a simulator could run both ends, and whatever lies between.

use sockman::chain::HeaderId;
use sockman::connman;
use sockman::connman::blocks::BlockNotice;
use sockman::connman::{ConnMan, Peer};
use sockman::files::{FileCompletion, FileRequest};
use sockman::sockets::{ConnId, ConnectError, Endpoint, ListenerId, More};
use sockman::sockman::{Action, Conns, Event, Slices, StepName, TaskId, Tenant};
use sockman::time::{Instant, Now};

use crate::error::{Code, RpcError};
use crate::json::Json;
use crate::methods::{self, Answer, AtNode, BlockForm, Call};
use crate::protocol::Outcome;

/// What a call is known by, from when it is made until it is answered. Never used twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ticket(pub u64);

/// What other threads may ask.
#[derive(Clone, Debug)]
pub enum Command {
    /// Carry a call out, and answer it: once, also if it fails.
    Call {
        /// What to answer it under.
        ticket: Ticket,
        /// What.
        call: Call,
    },
    /// Something of the connection manager itself.
    ConnMan(connman::Command),
}

/// What it tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Notice {
    /// A call was carried out. What the connection manager has to tell of it comes before.
    Answered {
        /// Which.
        ticket: Ticket,
        /// What came of it.
        outcome: Outcome,
    },
    /// Something of the connection manager itself.
    ConnMan(connman::Notice),
}

/// The tenant. See the head of the module.
#[derive(Clone, Debug)]
pub struct Node {
    connman: ConnMan,
    client_version: u32,
    /// Calls there ever were.
    calls: u64,
    /// Who waits for an attempt to connect: as many as calls are under way.
    waiting: Vec<(Endpoint, Ticket)>,
    /// Who waits for what came of a list, which is told behind the same step.
    listing: Option<Ticket>,
    /// Who waits until so many blocks are saved, and for what: as many as calls are under way.
    saving: Vec<(u64, Ticket, Json)>,
    /// Who waits for a block to be read, and how much of it he wants.
    reading: Vec<(HeaderId, Ticket, BlockForm)>,
    answers: Vec<(Ticket, Outcome)>,
    /// Where notices pass through, reused.
    told: Vec<connman::Notice>,
}

impl Node {
    /// A connection manager that can be called, and the version of the program as a number (Core:
    /// `CLIENT_VERSION`).
    #[must_use]
    pub const fn new(connman: ConnMan, client_version: u32) -> Self {
        Self {
            connman,
            client_version,
            calls: 0,
            waiting: Vec::new(),
            listing: None,
            saving: Vec::new(),
            reading: Vec::new(),
            answers: Vec::new(),
            told: Vec::new(),
        }
    }

    /// The connection manager.
    #[must_use]
    pub const fn connman(&self) -> &ConnMan {
        &self.connman
    }

    fn call(
        &mut self,
        now: Now,
        ticket: Ticket,
        call: &Call,
        conns: &mut Conns<Peer>,
        actions: &mut Vec<Action<Peer>>,
    ) {
        let (number, client_version) = (self.calls, self.client_version);
        self.calls += 1;
        let connman = &mut self.connman;
        let mut node = AtNode { now, number, client_version, connman, conns, actions };
        match call.run_at_node(&mut node) {
            Ok(Answer::Now(result)) => self.answers.push((ticket, Ok(result))),
            Ok(Answer::WhenTried(endpoint)) => self.waiting.push((endpoint, ticket)),
            Ok(Answer::WhenListed) => {
                let before = self.listing.replace(ticket);
                assert!(before.is_none(), "each is told behind its own step");
            }
            Ok(Answer::WhenSaved(result)) => match self.connman.blocks_to_save() {
                None => self.answers.push((ticket, Ok(result))),
                Some(count) => self.saving.push((count, ticket, result)),
            },
            Ok(Answer::WhenRead(id, form)) => self.reading.push((id, ticket, form)),
            Err(error) => self.answers.push((ticket, Err(error))),
        }
    }

    /// Answers whoever waited for a block, if it was read; and if it was not.
    fn answer_reading(&mut self, read: HeaderId) {
        let Self { connman, reading, answers, .. } = self;
        let Some(chain) = connman.chain() else { return };
        reading.retain(|(id, ticket, form)| {
            if *id == read {
                answers.push((*ticket, methods::block_as(chain, *id, *form)));
            }
            *id != read
        });
    }

    /// Answers whoever waited for blocks to be saved, if they are or cannot be; or for one to be
    /// read.
    fn answer_saving(&mut self, notice: &BlockNotice) {
        let (saved, failed) = match notice {
            BlockNotice::Saved { count } => (*count, None),
            BlockNotice::NotSaved { .. } => (u64::MAX, Some(notice.to_string())),
            BlockNotice::Read { id } | BlockNotice::NotRead { id, .. } => {
                return self.answer_reading(*id);
            }
            BlockNotice::Loaded { .. } | BlockNotice::Torn { .. } => return,
        };
        let answers = &mut self.answers;
        self.saving.retain(|(count, ticket, result)| {
            let waits = *count > saved;
            if !waits {
                let failed = failed.as_ref().map(|told| RpcError::new(Code::Misc, told.as_str()));
                answers.push((*ticket, failed.map_or_else(|| Ok(result.clone()), Err)));
            }
            waits
        });
    }

    /// Answers whoever waited for what a notice tells.
    fn answer_waiting(&mut self, notice: &connman::Notice) {
        if let connman::Notice::Blocks(notice) = notice {
            self.answer_saving(notice);
        }
        let listed = if let connman::Notice::AddNodeAsked { outcome, .. } = notice {
            Some(methods::added(*outcome))
        } else if let connman::Notice::RemoveNodeAsked { was_there, .. } = notice {
            Some(methods::removed(*was_there))
        } else {
            None
        };
        // One that was not asked for by a call is nobody's answer.
        if let Some(outcome) = listed
            && let Some(ticket) = self.listing.take()
        {
            self.answers.push((ticket, outcome));
        }
        let (connman::Notice::PeerConnected { endpoint: at, .. }
        | connman::Notice::DialFailed { endpoint: at, .. }) = notice
        else {
            return;
        };
        let answers = &mut self.answers;
        self.waiting.retain(|(endpoint, ticket)| {
            let waits = endpoint != at;
            if !waits {
                answers.push((*ticket, Ok(Json::Null)));
            }
            waits
        });
    }
}

impl Tenant for Node {
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
        self.connman.handle_event(now, event, conns, actions);
    }

    fn handle_received(
        &mut self,
        now: Now,
        conn: ConnId,
        bytes: &[u8],
        conns: &mut Conns<Peer>,
        actions: &mut Vec<Action<Peer>>,
    ) {
        self.connman.handle_received(now, conn, bytes, conns, actions);
    }

    fn reads(conn: &Peer) -> bool {
        ConnMan::reads(conn)
    }

    fn gather<'a>(conn: &'a Peer, slices: &mut Slices<'a>) -> More {
        ConnMan::gather(conn, slices)
    }

    fn handle_sent(
        &mut self,
        now: Now,
        conn: ConnId,
        count: usize,
        conns: &mut Conns<Peer>,
        actions: &mut Vec<Action<Peer>>,
    ) {
        self.connman.handle_sent(now, conn, count, conns, actions);
    }

    fn handle_dialing(&mut self, now: Now, conn: ConnId, conns: &mut Conns<Peer>) {
        self.connman.handle_dialing(now, conn, conns);
    }

    fn handle_dial_failed(
        &mut self,
        now: Now,
        state: Peer,
        error: ConnectError,
        actions: &mut Vec<Action<Peer>>,
    ) {
        self.connman.handle_dial_failed(now, state, error, actions);
    }

    fn handle_closed(
        &mut self,
        now: Now,
        conn: ConnId,
        state: Option<Peer>,
        actions: &mut Vec<Action<Peer>>,
    ) {
        self.connman.handle_closed(now, conn, state, actions);
    }

    fn handle_listening(&mut self, now: Now, listener: ListenerId) {
        self.connman.handle_listening(now, listener);
    }

    fn handle_command(
        &mut self,
        now: Now,
        command: Command,
        conns: &mut Conns<Peer>,
        actions: &mut Vec<Action<Peer>>,
    ) {
        match command {
            Command::Call { ticket, call } => self.call(now, ticket, &call, conns, actions),
            Command::ConnMan(command) => {
                self.connman.handle_command(now, command, conns, actions);
            }
        }
    }

    fn handle_shutdown(&mut self, now: Now) {
        self.connman.handle_shutdown(now);
    }

    fn handle_file_completed(&mut self, now: Now, completion: FileCompletion) {
        self.connman.handle_file_completed(now, completion);
    }

    fn take_file_requests(&mut self, requests: &mut Vec<FileRequest>) {
        self.connman.take_file_requests(requests);
    }

    fn next_step<'a>(
        &'a self,
        now: Now,
        task: TaskId,
        conns: &'a Conns<Peer>,
    ) -> Option<StepName<'a>> {
        self.connman.next_step(now, task, conns)
    }

    fn step(
        &mut self,
        now: Now,
        task: TaskId,
        conns: &mut Conns<Peer>,
        actions: &mut Vec<Action<Peer>>,
    ) {
        self.connman.step(now, task, conns, actions);
    }

    fn next_wakeup(&self, now: Now) -> Option<Instant> {
        self.connman.next_wakeup(now)
    }

    fn take_notices(&mut self, notices: &mut Vec<Notice>) {
        let mut told = std::mem::take(&mut self.told);
        self.connman.take_notices(&mut told);
        for notice in told.drain(..) {
            self.answer_waiting(&notice);
            notices.push(Notice::ConnMan(notice));
        }
        self.told = told;
        let answers = self.answers.drain(..);
        notices.extend(answers.map(|(ticket, outcome)| Notice::Answered { ticket, outcome }));
    }

    fn check_invariants(&self, conns: &Conns<Peer>) {
        self.connman.check_invariants(conns);
        assert!(self.told.is_empty(), "notices pass through");
    }
}
