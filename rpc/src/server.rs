//! The HTTP server with the desk behind it, and what passes between the desk and the node: a tenant
//! around a tenant, as [`Node`](crate::Node) is.

use std::time::Duration;

use sockman::http::{self, Config, Connection};
use sockman::sockets::{ConnId, ListenerId, More};
use sockman::sockman::{Action, Conns, Event, Slices, StepName, TaskId, Tenant};
use sockman::time::{Instant, Now};

use crate::desk::{Desk, DeskNotice};
use crate::methods::Call;
use crate::node::Ticket;
use crate::protocol::Outcome;

/// What other threads may ask.
#[derive(Clone, Debug)]
pub enum ServerCommand {
    /// Take in what the node has answered. An answer that nobody waits for is no error.
    Answered {
        /// Under which ticket it was asked.
        ticket: Ticket,
        /// What came of it.
        outcome: Outcome,
    },
    /// Stop in order: see [`http::Command::Shutdown`].
    Shutdown {
        /// When whatever is left is closed.
        within: Duration,
    },
}

/// What it tells.
#[derive(Clone, Debug)]
pub enum ServerNotice {
    /// The node is asked something, once. Whoever watches brings it there, and the answer back.
    Ask {
        /// Under which ticket.
        ticket: Ticket,
        /// What.
        call: Call,
    },
    /// Something of the desk.
    Desk(DeskNotice),
    /// Something of the HTTP server.
    Http(http::Notice),
}

/// The tenant. See the head of the module.
#[derive(Clone, Debug)]
pub struct Server {
    http: http::Server<Desk>,
    /// Where notices pass through, reused.
    told: Vec<http::Notice>,
}

impl Server {
    /// A server without connections.
    #[must_use]
    pub fn new(config: Config, desk: Desk) -> Self {
        Self { http: http::Server::new(config, desk), told: Vec::new() }
    }

    /// The desk.
    #[must_use]
    pub const fn desk(&self) -> &Desk {
        self.http.application()
    }
}

impl Tenant for Server {
    type Conn = Connection;
    type Command = ServerCommand;
    type Notice = ServerNotice;

    const TASKS: &'static [&'static str] = <http::Server<Desk> as Tenant>::TASKS;

    fn handle_event(
        &mut self,
        now: Now,
        event: &Event,
        conns: &mut Conns<Connection>,
        actions: &mut Vec<Action<Connection>>,
    ) {
        self.http.handle_event(now, event, conns, actions);
    }

    fn handle_received(
        &mut self,
        now: Now,
        conn: ConnId,
        bytes: &[u8],
        conns: &mut Conns<Connection>,
        actions: &mut Vec<Action<Connection>>,
    ) {
        self.http.handle_received(now, conn, bytes, conns, actions);
    }

    fn reads(conn: &Connection) -> bool {
        http::Server::<Desk>::reads(conn)
    }

    fn gather<'a>(conn: &'a Connection, slices: &mut Slices<'a>) -> More {
        http::Server::<Desk>::gather(conn, slices)
    }

    fn handle_sent(
        &mut self,
        now: Now,
        conn: ConnId,
        count: usize,
        conns: &mut Conns<Connection>,
        actions: &mut Vec<Action<Connection>>,
    ) {
        self.http.handle_sent(now, conn, count, conns, actions);
    }

    fn handle_closed(
        &mut self,
        now: Now,
        conn: ConnId,
        state: Option<Connection>,
        actions: &mut Vec<Action<Connection>>,
    ) {
        self.http.handle_closed(now, conn, state, actions);
    }

    fn handle_listening(&mut self, now: Now, listener: ListenerId) {
        self.http.handle_listening(now, listener);
    }

    fn handle_command(
        &mut self,
        now: Now,
        command: ServerCommand,
        conns: &mut Conns<Connection>,
        actions: &mut Vec<Action<Connection>>,
    ) {
        match command {
            ServerCommand::Answered { ticket, outcome } => {
                let desk = self.http.application_mut();
                let Some((id, response)) = desk.handle_answer(now, ticket, outcome) else { return };
                self.http.respond(now, id, response, conns, actions);
            }
            ServerCommand::Shutdown { within } => {
                let command = http::Command::Shutdown { within };
                self.http.handle_command(now, command, conns, actions);
            }
        }
    }

    fn next_step<'a>(
        &'a self,
        now: Now,
        task: TaskId,
        conns: &'a Conns<Connection>,
    ) -> Option<StepName<'a>> {
        self.http.next_step(now, task, conns)
    }

    fn step(
        &mut self,
        now: Now,
        task: TaskId,
        conns: &mut Conns<Connection>,
        actions: &mut Vec<Action<Connection>>,
    ) {
        self.http.step(now, task, conns, actions);
    }

    fn next_wakeup(&self, now: Now) -> Option<Instant> {
        self.http.next_wakeup(now)
    }

    fn take_notices(&mut self, notices: &mut Vec<ServerNotice>) {
        let desk = self.http.application_mut();
        notices.extend(desk.take_notices().map(ServerNotice::Desk));
        let asks = desk.take_asks().map(|(ticket, call)| ServerNotice::Ask { ticket, call });
        notices.extend(asks);
        self.http.take_notices(&mut self.told);
        notices.extend(self.told.drain(..).map(ServerNotice::Http));
    }

    fn check_invariants(&self, conns: &Conns<Connection>) {
        self.http.check_invariants(conns);
        self.desk().check_invariants();
    }
}
