//! An HTTP/1.1 server: a second tenant of the socket manager, beside P2P and without its shape.
//!
//! ```text
//!   accepted, bytes, FIN, failures --> Server --> send, read or not, finish, close
//!               commands, the clock --^ |  ^ \--> notices
//!                               request v  | respond, now or later
//!                                   Application
//! ```
//!
//! [`Server`] is a [`Tenant`]: events in, actions out. It makes no system call, reads no clock, and
//! draws no random number. [`parse`] makes requests of bytes; who answers them is an
//! [`Application`].
//!
//! | task       | a step                                            |
//! |------------|---------------------------------------------------|
//! | `requests` | the application gets one request of one connection |
//! | `timers`   | one timer                                         |
//!
//! A connection is *over* from the moment at which its [`Action::Finish`] or [`Action::Close`] is
//! pushed: nothing more is taken or answered, and its place is free once it is closed.
//!
//! Sources: docs/behaviour.md, http 1 to 4; RFC 9110 and RFC 9112; Bitcoin Core, httpserver.cpp,
//! for limits and for what its clients are used to. There is no TLS, no upgrade, no tunnel and no
//! file.

use std::collections::VecDeque;

use crate::sockets::{ConnId, ListenerId, More};
use crate::sockman::{Action, ConnFailure, Conns, Event, Slices, StepName, TaskId, Tenant};
use crate::time::{Instant, Now};

mod application;
pub mod client;
mod config;
mod connection;
mod date;
mod inspect;
mod life;
mod notice;
mod outbox;
pub mod parse;
mod pooled;
mod request;
mod response;
mod status;
mod timers;

pub use application::{Application, Replies, RequestId};
pub use config::{Config, Timeouts};
pub use connection::{Connection, Load};
pub use inspect::{Command, ConnectionSnapshot, Inspection, Traffic};
pub use notice::{EndReason, Notice, Refusal};
pub use pooled::{Job, Pooled, SubmitError, Workers};
pub use request::{Method, Persistence, Request, Version};
pub use response::{Body, FieldError, Response};
pub use status::Status;
pub use timers::Timer;

use connection::Input;
use timers::Timers;

/// The task that hands requests to the application.
const REQUESTS: TaskId = TaskId(0);
/// The task that fires timers.
const TIMERS: TaskId = TaskId(1);

/// The server. See the head of the module.
#[derive(Clone, Debug)]
pub struct Server<A> {
    config: Config,
    application: A,
    listeners: Vec<ListenerId>,
    /// Connections that were taken, also those that are over and not closed yet.
    connection_count: u32,
    connections_made: u64,
    /// Bytes of requests that all connections hold, at most `held_bytes_max` and what each had read
    /// when that was reached.
    held_bytes: usize,
    /// Who has a request for the application, each once.
    turns: VecDeque<ConnId>,
    timers: Timers,
    /// Whether it was told to stop.
    stopping: bool,
    /// When whatever is left is closed then; `None` once it was, or nothing is left.
    stop_by: Option<Instant>,
    /// Traffic of connections that are closed.
    closed: Traffic,
    notices: Vec<Notice>,
}

impl<A: Application> Server<A> {
    /// A server without connections.
    #[must_use]
    pub fn new(config: Config, application: A) -> Self {
        config.check_invariants();
        Self {
            config,
            application,
            listeners: Vec::new(),
            connection_count: 0,
            connections_made: 0,
            held_bytes: 0,
            turns: VecDeque::new(),
            timers: Timers::new(),
            stopping: false,
            stop_by: None,
            closed: Traffic::default(),
            notices: Vec::new(),
        }
    }

    // Getters.

    /// The choices it was made with.
    #[must_use]
    pub const fn config(&self) -> &Config {
        &self.config
    }

    /// Who answers.
    #[must_use]
    pub const fn application(&self) -> &A {
        &self.application
    }

    /// Who answers, to change.
    pub const fn application_mut(&mut self) -> &mut A {
        &mut self.application
    }

    /// Connections, also those that are over and not closed yet.
    #[must_use]
    pub const fn connection_count(&self) -> u32 {
        self.connection_count
    }
}

impl<A: Application> Tenant for Server<A> {
    type Conn = Connection;
    type Command = Command;
    type Notice = Notice;

    const TASKS: &'static [&'static str] = &["requests", "timers"];

    fn handle_event(
        &mut self,
        now: Now,
        event: &Event,
        conns: &mut Conns<Connection>,
        actions: &mut Vec<Action<Connection>>,
    ) {
        match event {
            Event::Accepted { conn, peer, .. } => {
                self.accept(now, *conn, peer.clone(), conns, actions);
            }
            Event::AcceptFailed { error, .. } => {
                self.notices.push(Notice::AcceptFailed { error: *error });
            }
            Event::Eof { conn } => {
                let Some(connection) = conns.get_mut(*conn) else { return };
                connection.end_input();
                self.settle(now, *conn, conns, actions);
            }
            Event::Failed { conn, error: ConnFailure::Lost(failure) } => {
                self.close(now, *conn, EndReason::Lost(*failure), conns, actions);
            }
            Event::Finished { conn, .. } => {
                self.close(now, *conn, EndReason::Answered, conns, actions);
            }
            Event::Connected { .. }
            | Event::Failed { error: ConnFailure::Dial(_) | ConnFailure::DialTimeout, .. }
            | Event::Received { .. }
            | Event::Writable { .. } => {
                unreachable!("bytes and room come by another way, and nobody is dialled")
            }
        }
    }

    fn handle_received(
        &mut self,
        now: Now,
        conn: ConnId,
        bytes: &[u8],
        conns: &mut Conns<Connection>,
        actions: &mut Vec<Action<Connection>>,
    ) {
        let Some(connection) = conns.get_mut(conn) else {
            // They were read, and then it was closed.
            self.closed.bytes_received += bytes.len() as u64;
            return;
        };
        connection.traffic.bytes_received += bytes.len() as u64;
        if connection.is_live() {
            connection.receive(now.steady, bytes, self.config.requests_max);
            life::account(&mut self.held_bytes, connection);
            if self.held_bytes > self.config.held_bytes_max && connection.is_reading() {
                let text = "too much is being received\n";
                connection.give_up(Response::text(Status::SERVICE_UNAVAILABLE, text));
            }
            self.settle(now, conn, conns, actions);
        }
    }

    fn reads(connection: &Connection) -> bool {
        connection.wants_bytes()
    }

    fn gather<'a>(connection: &'a Connection, slices: &mut Slices<'a>) -> More {
        connection.outbox.gather(slices)
    }

    fn handle_sent(
        &mut self,
        now: Now,
        conn: ConnId,
        count: usize,
        conns: &mut Conns<Connection>,
        actions: &mut Vec<Action<Connection>>,
    ) {
        let Some(connection) = conns.get_mut(conn) else { return };
        if count > 0 {
            connection.note_sent(now.steady, count, self.config.requests_max);
            self.settle(now, conn, conns, actions);
        }
    }

    fn handle_closed(
        &mut self,
        now: Now,
        conn: ConnId,
        state: Option<Connection>,
        _actions: &mut Vec<Action<Connection>>,
    ) {
        // One that was not let in.
        let Some(connection) = state else { return };
        for timer in Timer::ALL {
            self.timers.clear((conn, timer));
        }
        if connection.has_turn {
            self.turns.retain(|other| *other != conn);
        }
        for number in connection.open() {
            self.application.handle_dropped(now, RequestId { conn, number });
        }
        self.closed.add(&connection.traffic);
        self.held_bytes -= connection.held;
        self.connection_count -= 1;
        let reason = connection.ended.unwrap_or(EndReason::ShutdownDeadline);
        self.notices.push(Notice::Disconnected { conn, reason });
        self.note_stopped();
    }

    fn handle_listening(&mut self, _now: Now, listener: ListenerId) {
        self.listeners.push(listener);
    }

    fn handle_command(
        &mut self,
        now: Now,
        command: Command,
        conns: &mut Conns<Connection>,
        actions: &mut Vec<Action<Connection>>,
    ) {
        match command {
            Command::Respond { id, response } => self.respond(now, id, response, conns, actions),
            Command::Shutdown { within } => self.stop(now, within, conns, actions),
            // Whoever asked and left, or has an answer unread, needs none.
            Command::Inspect { reply } => drop(reply.try_send(self.inspect(conns))),
        }
    }

    fn next_step<'a>(
        &'a self,
        now: Now,
        task: TaskId,
        conns: &'a Conns<Connection>,
    ) -> Option<StepName<'a>> {
        match task {
            REQUESTS => self.next_request_step(),
            TIMERS => self.next_timer_step(now, conns),
            TaskId(n) => unreachable!("there is no task {n}"),
        }
    }

    fn step(
        &mut self,
        now: Now,
        task: TaskId,
        conns: &mut Conns<Connection>,
        actions: &mut Vec<Action<Connection>>,
    ) {
        match task {
            REQUESTS => self.step_requests(now, conns, actions),
            TIMERS => self.step_timers(now, conns, actions),
            TaskId(n) => unreachable!("there is no task {n}"),
        }
    }

    fn next_wakeup(&self, now: Now) -> Option<Instant> {
        let requests = (!self.turns.is_empty()).then_some(now.steady);
        let application = self.application.next_wakeup();
        [requests, application, self.timers.next(), self.stop_by].into_iter().flatten().min()
    }

    fn take_notices(&mut self, notices: &mut Vec<Notice>) {
        notices.append(&mut self.notices);
    }

    fn check_invariants(&self, conns: &Conns<Connection>) {
        let (mut count, mut turns, mut held) = (0, 0, 0);
        for (conn, connection) in conns.iter() {
            connection.check_invariants(&self.config);
            count += 1;
            held += connection.held;
            turns += usize::from(connection.has_turn);
            if connection.has_turn {
                assert!(self.turns.contains(&conn), "{conn}: who has a turn stands in the queue");
            }
            let awaited = connection.input == Input::Closed || !self.stopping;
            assert!(awaited, "{conn}: nothing new is taken while the server stops");
        }
        assert!(self.stopping || self.stop_by.is_none(), "a deadline is one of stopping");
        assert_eq!(self.connection_count, count, "connections are counted");
        assert!(self.connection_count <= self.config.connections_max, "connections are limited");
        assert_eq!(self.held_bytes, held, "what is held is counted");
        assert_eq!(self.turns.len(), turns, "each has one turn");
        timers::check_invariants(&self.timers, conns, &self.config);
    }
}
