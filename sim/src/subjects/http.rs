//! The HTTP server, with a desk behind it that answers at once, later or by workers, and clients
//! that know what each answer must be.
//!
//! The clients' side is written apart from the library's, so that a mistake in one does not hide
//! behind the same mistake in the other.

use std::time::Duration;

use sockman::http::{Command, Config, Connection, Notice, RequestId, Response, Server, Status};
use sockman::slab::Key as _;
use sockman::sockets::{ConnId, ConnectError, ListenerId, More};
use sockman::sockman::{Action, Conns, Event, RECEIVE_BYTES_MAX, Slices, StepName, TaskId, Tenant};
use sockman::time::{Instant, Now};

use crate::lexicon::{self, Known, Setting};
use crate::schedule::Word;
use crate::subject::{ByteTotals, Fact, Resource, SettingError, Setup, Subject, UnknownWord};

mod client;
mod desk;
mod line;
mod watch;

pub use client::Client;
pub use desk::Desk;
pub use watch::HttpWatch;

use line::{Line, Next, WORKERS_MAX};

/// What a server and its clients know.
pub(crate) const KNOWN: Known = Known {
    said: client::WORDS,
    said_with: client::said_with,
    heard: client::HEARD,
    heard_with: client::heard_with,
    commands: &[("answer", None), ("shutdown", None)],
    node: &[
        Setting::from_one("max-connections"),
        lexicon::HOST[0],
        lexicon::HOST[1],
        lexicon::HOST[2],
        lexicon::HOST[3],
        lexicon::HOST[4],
        Setting::from_one("max-requests"),
        Setting::from_one("max-head"),
        Setting::from_one("max-body"),
        Setting::from_one("timeout"),
        Setting::from_one("workers"),
        Setting::from_one("work-queue"),
    ],
};

/// How long a server that is told to stop goes on at most.
const STOP_WITHIN: Duration = Duration::from_secs(5);

/// More than the fields of any answer here.
const ANSWER_HEAD_BYTES_MAX: u64 = 1024;

/// The server as a subject.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Http;

/// The server and its desk. Late answers are a task of their own, and so is each worker: what other
/// threads would do in production. What a worker has answered comes back as a command.
#[derive(Clone, Debug)]
pub struct Node {
    server: Server<Desk>,
}

/// The task that answers what was to be answered later.
const ANSWERS: TaskId = TaskId(2);

/// The task of the first worker, which those of the others follow.
const FIRST_WORKER: u8 = 3;

/// Which worker's task it is, if it is one's.
fn worker(task: TaskId) -> Option<usize> {
    task.0.checked_sub(FIRST_WORKER).map(usize::from)
}

impl Node {
    /// The server.
    #[must_use]
    pub const fn server(&self) -> &Server<Desk> {
        &self.server
    }
}

impl Tenant for Node {
    type Conn = Connection;
    type Command = Command;
    type Notice = Notice;

    const TASKS: &'static [&'static str] =
        &["requests", "timers", "answers", "worker-1", "worker-2", "worker-3"];

    fn handle_event(
        &mut self,
        now: Now,
        event: &Event,
        conns: &mut Conns<Connection>,
        actions: &mut Vec<Action<Connection>>,
    ) {
        self.server.handle_event(now, event, conns, actions);
    }

    fn handle_received(
        &mut self,
        now: Now,
        conn: ConnId,
        bytes: &[u8],
        conns: &mut Conns<Connection>,
        actions: &mut Vec<Action<Connection>>,
    ) {
        self.server.handle_received(now, conn, bytes, conns, actions);
    }

    fn reads(connection: &Connection) -> bool {
        Server::<Desk>::reads(connection)
    }

    fn gather<'a>(connection: &'a Connection, slices: &mut Slices<'a>) -> More {
        Server::<Desk>::gather(connection, slices)
    }

    fn handle_sent(
        &mut self,
        now: Now,
        conn: ConnId,
        count: usize,
        conns: &mut Conns<Connection>,
        actions: &mut Vec<Action<Connection>>,
    ) {
        self.server.handle_sent(now, conn, count, conns, actions);
    }

    fn handle_dial_failed(
        &mut self,
        _: Now,
        _: Connection,
        _: ConnectError,
        _: &mut Vec<Action<Connection>>,
    ) {
        unreachable!("a server dials nobody");
    }

    fn handle_closed(
        &mut self,
        now: Now,
        conn: ConnId,
        state: Option<Connection>,
        actions: &mut Vec<Action<Connection>>,
    ) {
        self.server.handle_closed(now, conn, state, actions);
    }

    fn handle_listening(&mut self, now: Now, listener: ListenerId) {
        self.server.handle_listening(now, listener);
    }

    fn handle_command(
        &mut self,
        now: Now,
        command: Command,
        conns: &mut Conns<Connection>,
        actions: &mut Vec<Action<Connection>>,
    ) {
        self.server.handle_command(now, command, conns, actions);
    }

    fn next_step<'a>(
        &'a self,
        now: Now,
        task: TaskId,
        conns: &'a Conns<Connection>,
    ) -> Option<StepName<'a>> {
        if let Some(worker) = worker(task) {
            let next = self.server.application().line().next(worker, now.steady)?;
            let (Next::Take(id) | Next::Finish(id)) = next;
            let verb = if matches!(next, Next::Take(_)) { "takes" } else { "works" };
            return Some(StepName { verb, object: "job", conn: Some(id.conn) });
        }
        if task != ANSWERS {
            return self.server.next_step(now, task, conns);
        }
        let id = self.server.application().due(now.steady)?;
        Some(StepName { verb: "answers", object: "request", conn: Some(id.conn) })
    }

    fn step(
        &mut self,
        now: Now,
        task: TaskId,
        conns: &mut Conns<Connection>,
        actions: &mut Vec<Action<Connection>>,
    ) {
        if let Some(worker) = worker(task) {
            let answer = self.server.application_mut().work(worker, now.steady);
            let Some((id, response)) = answer else { return };
            let command = Command::Respond { id, response };
            return self.server.handle_command(now, command, conns, actions);
        }
        if task != ANSWERS {
            return self.server.step(now, task, conns, actions);
        }
        let answer = self.server.application_mut().take_due(now.steady);
        let (id, response) = answer.expect("the task is runnable");
        self.server.respond(now, id, response, conns, actions);
    }

    fn next_wakeup(&self, now: Now) -> Option<Instant> {
        let desk = self.server.application();
        let line = desk.line().next_wakeup(now.steady);
        [self.server.next_wakeup(now), desk.next(), line].into_iter().flatten().min()
    }

    fn take_notices(&mut self, notices: &mut Vec<Notice>) {
        self.server.take_notices(notices);
    }

    fn check_invariants(&self, conns: &Conns<Connection>) {
        self.server.check_invariants(conns);
        self.server.application().check_invariants(conns);
    }
}

impl Subject for Http {
    const NAME: &'static str = "http";

    type Tenant = Node;
    type Dialect = Client;
    type Watch = HttpWatch;

    fn tenant(setup: &Setup<'_>) -> Result<Node, SettingError> {
        let mut config = Config::DEFAULT;
        let (mut workers, mut work_queue) = (1, 4);
        for (key, value) in setup.settings {
            let refused =
                |expected| SettingError { key: key.clone(), value: value.clone(), expected };
            let number = value.parse::<u32>().ok().filter(|number| *number > 0);
            let number = number.ok_or_else(|| refused("a number from 1 to 4294967295"))?;
            match key.as_str() {
                "max-connections" => config.connections_max = number,
                "max-requests" => config.requests_max = number.min(64) as usize,
                "max-head" => config.request.head_bytes_max = number.clamp(64, 1 << 20) as usize,
                "max-body" => config.request.body_bytes_max = number.min(1 << 24) as usize,
                "workers" => workers = (number as usize).min(WORKERS_MAX),
                "work-queue" => work_queue = number.min(64) as usize,
                "timeout" => {
                    let time = Duration::from_secs(u64::from(number));
                    let timeouts = &mut config.timeouts;
                    let all = [&mut timeouts.idle, &mut timeouts.head, &mut timeouts.body];
                    all.into_iter().for_each(|timeout| *timeout = time);
                    timeouts.write = time;
                }
                _ => {
                    return Err(refused(
                        "one of max-connections, max-requests, max-head, max-body, timeout, \
                         workers, work-queue, and of the host's: seed, send-buffer, \
                         receive-buffer, descriptors, backlog",
                    ));
                }
            }
        }
        Ok(Node { server: Server::new(config, Desk::new(Line::new(workers, work_queue))) })
    }

    fn peer(settings: &[(String, String)], number: u16) -> Client {
        let limits = settings.iter().any(|(key, _)| key == "max-head" || key == "max-body");
        Client::of(number, limits)
    }

    fn draw_settings(in_256: u8, below: &mut dyn FnMut(u32) -> u32) -> Vec<(String, String)> {
        let table: [(&str, &[u32]); 7] = [
            ("max-connections", &[2, 4, 8]),
            ("max-requests", &[2, 3, 16]),
            ("max-head", &[64, 100]),
            ("max-body", &[1, 1000, 20_000]),
            ("timeout", &[1, 3, 10]),
            ("workers", &[2, 3]),
            ("work-queue", &[1, 2, 8]),
        ];
        lexicon::draw_numbers(&table, in_256, below)
    }

    fn command(word: &Word) -> Result<Command, UnknownWord> {
        match (word.name.as_str(), word.settings.as_slice()) {
            // One for which nobody waits.
            ("answer", []) => Ok(Command::Respond {
                id: RequestId { conn: ConnId::new(0, 0), number: u64::MAX },
                response: Response::new(Status::OK),
            }),
            ("shutdown", []) => Ok(Command::Shutdown { within: STOP_WITHIN }),
            _ => Err(UnknownWord::new(word, None, "answer or shutdown")),
        }
    }

    fn commands() -> Vec<Word> {
        Word::all_plain(&["answer", "answer", "answer", "answer", "shutdown"])
    }

    fn command_name(command: &Command) -> &'static str {
        match command {
            Command::Respond { .. } => "answer",
            Command::Shutdown { .. } => "shutdown",
            Command::Inspect { .. } => "inspect",
        }
    }

    fn is_message(notice: &Notice) -> bool {
        matches!(notice, Notice::RequestTaken { .. })
    }

    fn fact(notice: &Notice) -> Option<Fact> {
        match notice {
            Notice::Connected { conn, .. } => Some(Fact::Up(*conn)),
            Notice::Disconnected { conn, reason } => Some(Fact::Down(*conn, reason.name())),
            Notice::Refused { .. }
            | Notice::AcceptFailed { .. }
            | Notice::RequestTaken { .. }
            | Notice::Answered { .. }
            | Notice::Stopped => None,
        }
    }

    fn totals(node: &Node, conns: &Conns<Connection>) -> Option<ByteTotals> {
        let totals = node.server.totals(conns);
        Some(ByteTotals { received: totals.bytes_received, sent: totals.bytes_sent })
    }

    fn resources(
        node: &Node,
        conns: &Conns<Connection>,
        conn: Option<ConnId>,
        mut check: impl FnMut(Resource),
    ) {
        let config = node.server.config();
        let requests = config.requests_max as u64;
        let body = config.request.body_bytes_max as u64;
        let Some(conn) = conn else {
            let connections = u64::from(config.connections_max);
            check(Resource {
                name: "connections",
                used: u64::from(node.server.connection_count()),
                limit: connections,
                derivation: "the setting",
            });
            check(Resource {
                name: "late answers",
                used: node.server.application().count() as u64,
                limit: connections * requests,
                derivation: "the requests that the desk may have",
            });
            let line = node.server.application().line();
            check(Resource {
                name: "jobs that wait",
                used: line.waiting() as u64,
                limit: line.queue_max() as u64,
                derivation: "the setting",
            });
            return;
        };
        let Some(load) = conns.get(conn).map(Connection::load) else { return };
        check(Resource {
            name: "requests",
            used: load.requests as u64,
            limit: requests,
            derivation: "the setting",
        });
        // Memory grows by doubling; a head keeps where its fields are, too: four places each.
        let fields = config.request.fields_max as u64 * 32;
        let request = 2 * (2 * config.request.head_bytes_max as u64 + body) + fields;
        check(Resource {
            name: "held bytes",
            used: load.held_bytes as u64,
            limit: (requests + 1) * request + RECEIVE_BYTES_MAX as u64,
            derivation: "twice the requests, one that is not whole, and what one read brought",
        });
        let answer = body.max(u64::from(desk::LENGTH_MAX)) + ANSWER_HEAD_BYTES_MAX;
        check(Resource {
            name: "unsent bytes",
            used: load.unsent_bytes as u64,
            limit: requests * answer,
            derivation: "an answer to each request",
        });
    }

    fn has_unsent(connection: &Connection) -> bool {
        connection.load().unsent_bytes > 0
    }

    fn stuck(connection: &Connection, receive_paused: bool) -> Option<&'static str> {
        let load = connection.load();
        if load.is_over {
            return None;
        }
        if load.requests_ready > 0 {
            return Some("a request waits, and nobody has it");
        }
        let answered = load.requests == load.requests_open;
        if !answered && load.requests_open == 0 && load.unsent_bytes == 0 {
            return Some("an answer waits for none before it");
        }
        let idle = load.requests == 0 && load.unsent_bytes == 0;
        (receive_paused && idle).then_some("reading is paused without a reason")
    }

    fn is_at_work(connection: &Connection) -> bool {
        connection.load().requests_open > 0
    }
}

#[cfg(test)]
mod tests {
    use sockman::rng::Seed;

    use super::*;

    const PAGE: &str = include_str!("../../../corpus/README.md");

    #[test]
    fn every_word_and_setting_of_the_http_server_is_on_the_page() {
        let (_, page) = PAGE.split_once("## Words of the HTTP server\n").expect("it has one");
        let page = page.split("\n## ").next().expect("it has an end");
        let settings = [("colour".to_owned(), "1".to_owned())];
        let setup = Setup { settings: &settings, seed: Seed::new([0; 32]) };
        let expected = Http::tenant(&setup).expect_err("it has no such setting").expected;
        let own = expected.split(", and").next().expect("the host's come last");
        let own = own.trim_start_matches("one of ").split(", ");
        let told = Http::commands();
        let told = told.iter().map(|word| word.name.as_str());
        let words = client::WORDS.iter().chain(client::HEARD).copied();
        for name in own.chain(told).chain(words).chain(["length", "ms", "number", "status"]) {
            assert!(page.contains(&format!("`{name}`")), "{name}");
        }
    }
}
