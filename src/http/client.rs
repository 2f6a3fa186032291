//! An HTTP/1.1 client: a third tenant of the socket manager.
//!
//! ```text
//!   Fetch --> dial --> send, receive --> Done, with an answer or why there is none
//!     '--------'------------'------------> once for each, whatever happens
//! ```
//!
//! Each request has a connection of its own, which says so and ends with the answer. Names are
//! looked up by others: who asks says where to connect, and how the server is called. Redirects are
//! told and not followed. No TLS, no proxy, no cookies, no content coding.
//!
//! Sources: docs/behaviour.md, http 6; RFC 9110 and RFC 9112.

use std::collections::VecDeque;
use std::time::Duration;

use crate::sockets::{ConnId, ConnectError, Endpoint, More};
use crate::sockman::{
    Action, ConnFailure, Conns, Deadlines, Event, Slices, StepName, TaskId, Tenant,
};
use crate::time::{Instant, Now};

use super::outbox::Outbox;
use super::parse::{ResponseParser, ResponseStage};

mod answer;
mod config;
mod outcome;
mod outgoing;

pub use answer::Answer;
pub(super) use answer::AnswerHead;
pub use config::{ClientConfig, ClientTimeouts, ClientTimer};
pub use outcome::{FetchError, FetchId};
pub use outgoing::{Outgoing, OutgoingError};

/// The task that fires timers.
const TIMERS: TaskId = TaskId(0);

/// What came of a request.
pub type Outcome = Result<Answer, FetchError>;

/// What other threads may ask.
#[derive(Clone, Debug)]
pub enum ClientCommand {
    /// Make a request.
    Fetch {
        /// What the outcome is told under.
        id: FetchId,
        /// Where to connect.
        to: Endpoint,
        /// What to ask.
        request: Outgoing,
    },
    /// Begin nothing more, and end once nothing is under way. Asking again can only bring the end
    /// nearer.
    Shutdown {
        /// When whatever is left is given up.
        within: Duration,
    },
}

/// What it tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClientNotice {
    /// There is a connection for a request.
    Connected {
        /// For which.
        id: FetchId,
        /// Which.
        conn: ConnId,
    },
    /// A request is over. Told once for each that was taken in, also if the driver ends.
    Done {
        /// Which.
        id: FetchId,
        /// Its connection, which is about to be closed; `None`: it had none.
        conn: Option<ConnId>,
        /// What came of it.
        outcome: Outcome,
    },
    /// The client was told to stop, and nothing is under way.
    Stopped,
}

/// One request and its connection.
#[derive(Clone, Debug)]
pub struct Exchange {
    id: FetchId,
    outbox: Outbox,
    parser: ResponseParser,
    phase: Phase,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Dialing,
    Open {
        /// When it was connected.
        began: Instant,
        /// When bytes last went either way.
        went: Instant,
    },
    /// The outcome is told.
    Over,
}

impl Exchange {
    /// Bytes that wait for the kernel.
    #[must_use]
    pub const fn unsent_bytes(&self) -> usize {
        self.outbox.byte_count()
    }

    /// Bytes of memory for what has come of the answer.
    #[must_use]
    pub const fn held_bytes(&self) -> usize {
        self.parser.byte_count()
    }

    /// Whether its outcome is told, and only its closing is still to come.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.phase == Phase::Over
    }

    /// When it is given up if no byte goes, and why.
    fn deadline(&self, timeouts: &ClientTimeouts) -> Option<(Instant, ClientTimer)> {
        let Phase::Open { began, went } = self.phase else { return None };
        let (idle, whole) = (went + timeouts.idle, began + timeouts.whole);
        let timer = if whole <= idle { ClientTimer::Whole } else { ClientTimer::Idle };
        Some((whole.min(idle), timer))
    }
}

/// The client. See the head of the module.
#[derive(Clone, Debug)]
pub struct Client {
    config: ClientConfig,
    /// Requests whose connection is not closed yet.
    count: u32,
    /// Those of them whose dial is not begun yet, in the order in which they came.
    undialled: VecDeque<FetchId>,
    deadlines: Deadlines<ConnId>,
    stopping: bool,
    stop_by: Option<Instant>,
    bytes_received: u64,
    bytes_sent: u64,
    notices: Vec<ClientNotice>,
}

impl Client {
    /// A client with nothing to do.
    #[must_use]
    pub fn new(config: ClientConfig) -> Self {
        config.check_invariants();
        Self {
            config,
            count: 0,
            undialled: VecDeque::new(),
            deadlines: Deadlines::new(),
            stopping: false,
            stop_by: None,
            bytes_received: 0,
            bytes_sent: 0,
            notices: Vec::new(),
        }
    }

    /// The choices it was made with.
    #[must_use]
    pub const fn config(&self) -> &ClientConfig {
        &self.config
    }

    /// Requests under way, and those that are over and not closed yet.
    #[must_use]
    pub const fn count(&self) -> u32 {
        self.count
    }

    fn fetch(
        &mut self,
        id: FetchId,
        to: Endpoint,
        request: Outgoing,
        actions: &mut Vec<Action<Exchange>>,
    ) {
        let refusal = if self.stopping {
            Some(FetchError::Stopping)
        } else if self.count >= self.config.fetches_max {
            Some(FetchError::TooMany)
        } else {
            None
        };
        if let Some(error) = refusal {
            self.notices.push(ClientNotice::Done { id, conn: None, outcome: Err(error) });
            return;
        }
        self.count += 1;
        self.undialled.push_back(id);
        let parser = ResponseParser::new(self.config.answer, request.method());
        let mut outbox = Outbox::default();
        request.encode().into_iter().for_each(|part| outbox.push(part));
        let exchange = Exchange { id, outbox, parser, phase: Phase::Dialing };
        actions.push(Action::dial(to, self.config.timeouts.connect, exchange));
    }

    /// There is a connection.
    fn begin(
        &mut self,
        now: Now,
        conn: ConnId,
        conns: &mut Conns<Exchange>,
        actions: &mut Vec<Action<Exchange>>,
    ) {
        let Some(exchange) = conns.get_mut(conn) else { return };
        if exchange.is_over() {
            return;
        }
        exchange.phase = Phase::Open { began: now.steady, went: now.steady };
        self.notices.push(ClientNotice::Connected { id: exchange.id, conn });
        actions.extend([Action::Send(conn), Action::Receive(conn)]);
        self.arm(conn, exchange);
    }

    /// Bytes went either way.
    fn went(&mut self, now: Now, conn: ConnId, exchange: &mut Exchange) {
        if let Phase::Open { went, .. } = &mut exchange.phase {
            *went = now.steady;
        }
        self.arm(conn, exchange);
    }

    fn arm(&mut self, conn: ConnId, exchange: &Exchange) {
        match exchange.deadline(&self.config.timeouts) {
            Some((at, _)) => self.deadlines.set(conn, at),
            None => self.deadlines.clear(conn),
        }
    }

    /// Tells the outcome of a request, once, and closes its connection.
    fn finish(
        &mut self,
        conn: ConnId,
        outcome: Outcome,
        conns: &mut Conns<Exchange>,
        actions: &mut Vec<Action<Exchange>>,
    ) {
        let Some(exchange) = conns.get_mut(conn).filter(|of| !of.is_over()) else { return };
        self.tell(conn, exchange, outcome);
        self.arm(conn, exchange);
        actions.push(Action::Close(conn));
    }

    fn tell(&mut self, conn: ConnId, exchange: &mut Exchange, outcome: Outcome) {
        let id = exchange.id;
        let conn = matches!(exchange.phase, Phase::Open { .. }).then_some(conn);
        exchange.phase = Phase::Over;
        exchange.outbox.clear();
        self.notices.push(ClientNotice::Done { id, conn, outcome });
    }

    /// The dial that was asked for first is begun, or was tried in vain.
    fn note_dialled(&mut self) -> FetchId {
        self.undialled.pop_front().expect("dials are begun in the order in which they came")
    }

    fn note_closed(&mut self) {
        self.count -= 1;
        self.note_stopped();
    }

    fn note_stopped(&mut self) {
        if self.stopping && self.count == 0 {
            self.stop_by = None;
            self.notices.push(ClientNotice::Stopped);
        }
    }

    fn stop(&mut self, now: Now, within: Duration) {
        let by = now.steady + within;
        let is_first = !self.stopping;
        self.stopping = true;
        if is_first && self.count == 0 {
            self.note_stopped();
        } else if self.count > 0 {
            self.stop_by = Some(self.stop_by.map_or(by, |before| before.min(by)));
        }
    }

    /// Whether the time to stop in order is over, and something goes on. What is about to be
    /// dialled is no connection yet, and given up as soon as it is one.
    fn stops_now(&self, now: Now, conns: &Conns<Exchange>) -> bool {
        self.stop_by.is_some_and(|by| by <= now.steady)
            && conns.iter().any(|(_, exchange)| !exchange.is_over())
    }

    fn stop_now(&mut self, conns: &mut Conns<Exchange>, actions: &mut Vec<Action<Exchange>>) {
        let ids: Vec<_> = conns.iter().map(|(conn, _)| conn).collect();
        for conn in ids {
            self.finish(conn, Err(FetchError::Stopping), conns, actions);
        }
    }

    /// Bytes read from all connections there ever were.
    #[must_use]
    pub const fn bytes_received(&self) -> u64 {
        self.bytes_received
    }

    /// Bytes that the kernel took for them.
    #[must_use]
    pub const fn bytes_sent(&self) -> u64 {
        self.bytes_sent
    }
}

/// What an answer means to whoever asked.
fn judged(answer: Answer) -> Outcome {
    let status = answer.status();
    if !status.is_redirect() {
        return Ok(answer);
    }
    let location = answer.field("Location").map(<[u8]>::to_vec);
    Err(FetchError::Redirected { status, location })
}

impl Tenant for Client {
    type Conn = Exchange;
    type Command = ClientCommand;
    type Notice = ClientNotice;

    const TASKS: &'static [&'static str] = &["timers"];

    fn handle_event(
        &mut self,
        now: Now,
        event: &Event,
        conns: &mut Conns<Exchange>,
        actions: &mut Vec<Action<Exchange>>,
    ) {
        match event {
            Event::Connected { conn } => self.begin(now, *conn, conns, actions),
            Event::Eof { conn } => {
                let Some(exchange) = conns.get_mut(*conn) else { return };
                match exchange.parser.end() {
                    Ok(None) => {}
                    Ok(Some(answer)) => self.finish(*conn, judged(answer), conns, actions),
                    Err(error) => {
                        self.finish(*conn, Err(FetchError::Response(error)), conns, actions);
                    }
                }
            }
            Event::Failed { conn, error } => {
                let Some(exchange) = conns.get_mut(*conn) else { return };
                if exchange.is_over() {
                    return;
                }
                let error = match *error {
                    ConnFailure::Dial(error) => FetchError::Connect(error),
                    ConnFailure::DialTimeout => FetchError::ConnectTimeout,
                    ConnFailure::Lost(failure) => {
                        FetchError::Lost { failure, stage: exchange.parser.stage() }
                    }
                };
                self.finish(*conn, Err(error), conns, actions);
            }
            // Nobody is let in by whoever only asks.
            Event::Accepted { conn, .. } => actions.push(Action::Close(*conn)),
            Event::AcceptFailed { .. } => {}
            Event::Finished { .. } | Event::Received { .. } | Event::Writable { .. } => {
                unreachable!("bytes and room come by another way, and nothing is finished")
            }
        }
    }

    fn handle_received(
        &mut self,
        now: Now,
        conn: ConnId,
        bytes: &[u8],
        conns: &mut Conns<Exchange>,
        actions: &mut Vec<Action<Exchange>>,
    ) {
        self.bytes_received += bytes.len() as u64;
        let Some(exchange) = conns.get_mut(conn).filter(|of| !of.is_over()) else { return };
        let mut rest = bytes;
        match exchange.parser.receive(&mut rest) {
            Ok(None) => self.went(now, conn, exchange),
            Ok(Some(answer)) => self.finish(conn, judged(answer), conns, actions),
            Err(error) => self.finish(conn, Err(FetchError::Response(error)), conns, actions),
        }
    }

    fn reads(exchange: &Exchange) -> bool {
        !exchange.is_over()
    }

    fn gather<'a>(exchange: &'a Exchange, slices: &mut Slices<'a>) -> More {
        exchange.outbox.gather(slices)
    }

    fn handle_sent(
        &mut self,
        now: Now,
        conn: ConnId,
        count: usize,
        conns: &mut Conns<Exchange>,
        _: &mut Vec<Action<Exchange>>,
    ) {
        self.bytes_sent += count as u64;
        let Some(exchange) = conns.get_mut(conn).filter(|_| count > 0) else { return };
        exchange.outbox.advance(count);
        self.went(now, conn, exchange);
    }

    fn handle_dialing(&mut self, _: Now, conn: ConnId, conns: &mut Conns<Exchange>) {
        let id = self.note_dialled();
        let is_it = conns.get(conn).is_some_and(|exchange| exchange.id == id);
        assert!(is_it, "dials are begun in the order in which they came");
    }

    fn handle_dial_failed(
        &mut self,
        _: Now,
        state: Exchange,
        error: ConnectError,
        _: &mut Vec<Action<Exchange>>,
    ) {
        let id = self.note_dialled();
        assert_eq!(id, state.id, "dials are begun in the order in which they came");
        let outcome = Err(FetchError::Connect(error));
        self.notices.push(ClientNotice::Done { id, conn: None, outcome });
        self.note_closed();
    }

    fn handle_closed(
        &mut self,
        _: Now,
        conn: ConnId,
        state: Option<Exchange>,
        _: &mut Vec<Action<Exchange>>,
    ) {
        // One that was not let in.
        let Some(mut exchange) = state else { return };
        if !exchange.is_over() {
            // The driver has ended.
            self.tell(conn, &mut exchange, Err(FetchError::Stopping));
        }
        self.deadlines.clear(conn);
        self.note_closed();
    }

    fn handle_shutdown(&mut self, _: Now) {
        // What was about to be dialled is not.
        while let Some(id) = self.undialled.pop_front() {
            let outcome = Err(FetchError::Stopping);
            self.notices.push(ClientNotice::Done { id, conn: None, outcome });
            self.note_closed();
        }
    }

    fn handle_command(
        &mut self,
        now: Now,
        command: ClientCommand,
        _: &mut Conns<Exchange>,
        actions: &mut Vec<Action<Exchange>>,
    ) {
        match command {
            ClientCommand::Fetch { id, to, request } => self.fetch(id, to, request, actions),
            ClientCommand::Shutdown { within } => self.stop(now, within),
        }
    }

    fn next_step<'a>(
        &'a self,
        now: Now,
        task: TaskId,
        conns: &'a Conns<Exchange>,
    ) -> Option<StepName<'a>> {
        assert_eq!(task, TIMERS, "there is no other task");
        if self.stops_now(now, conns) {
            return Some(StepName { verb: "fires", object: "stop", conn: None });
        }
        let conn = self.deadlines.due(now.steady)?;
        // Nobody is judged unheard: what was reported is looked at first.
        let exchange = conns.get(conn).filter(|_| !conns.has_news(conn))?;
        let (_, timer) = exchange.deadline(&self.config.timeouts)?;
        Some(StepName { verb: "fires", object: timer.name(), conn: Some(conn) })
    }

    fn step(
        &mut self,
        now: Now,
        _: TaskId,
        conns: &mut Conns<Exchange>,
        actions: &mut Vec<Action<Exchange>>,
    ) {
        if self.stops_now(now, conns) {
            self.stop_now(conns, actions);
            return;
        }
        let conn = self.deadlines.due(now.steady).expect("the task is runnable");
        let exchange = conns.get(conn).expect("deadlines go with their connections");
        let (_, timer) = exchange.deadline(&self.config.timeouts).expect("it is due");
        let stage: ResponseStage = exchange.parser.stage();
        self.finish(conn, Err(FetchError::Timeout { timer, stage }), conns, actions);
    }

    fn next_wakeup(&self, _: Now) -> Option<Instant> {
        [self.deadlines.next(), self.stop_by].into_iter().flatten().min()
    }

    fn take_notices(&mut self, notices: &mut Vec<ClientNotice>) {
        notices.append(&mut self.notices);
    }

    fn check_invariants(&self, conns: &Conns<Exchange>) {
        let (mut open, mut all) = (0, 0);
        for (conn, exchange) in conns.iter() {
            exchange.outbox.check_invariants();
            all += 1;
            let at = exchange.deadline(&self.config.timeouts).map(|(at, _)| at);
            assert_eq!(self.deadlines.at(conn), at, "{conn}: its deadline is exact");
            open += usize::from(at.is_some());
            if exchange.is_over() {
                assert!(exchange.outbox.is_empty(), "{conn}: nothing is sent once it is over");
            }
        }
        assert_eq!(self.deadlines.count(), open, "deadlines go with their connections");
        let undialled = u32::try_from(self.undialled.len()).expect("they are limited");
        assert_eq!(self.count, all + undialled, "requests are counted");
        assert!(self.count <= self.config.fetches_max, "requests are limited");
        assert!(self.stopping || self.stop_by.is_none(), "a deadline is one of stopping");
    }
}
