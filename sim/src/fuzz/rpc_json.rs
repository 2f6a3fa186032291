//! Any bytes are the content of a request to the RPC server, from somebody who may call.
//!
//! They go the whole way in virtual time: a client's bytes on a host that talks to itself, the HTTP
//! server with its desk, calls to a node on another host, and answers back. What is no JSON is
//! refused by us as by `serde_json`; each request that waits for an answer has one; what is
//! answered is JSON.

use std::io::IoSlice;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use sockman::connman::{Config, ConnMan};
use sockman::driver::{Choice, Machine};
use sockman::http;
use sockman::rng::Seed;
use sockman::sockets::{ConnId, Endpoint, More, Received, Sockets as _, Source, Wait as _};
use sockman::sockman::{SockMan, Tenant};
use sockman::time::{Now, UnixTime};
use sockman::transport::Network;
use sockman_rpc::auth::{Access, User};
use sockman_rpc::protocol::Content;
use sockman_rpc::{About, Command, Desk, Json, Node, Notice, Server, ServerCommand, ServerNotice};

use super::Judged;
use crate::net::Loopback;

/// `user:pass`
const LOGIN: &str = "dXNlcjpwYXNz";

/// Turns of both loops before an answer is overdue: an attempt to connect takes a few.
const TURNS_MAX: u32 = 1_000;

/// Most requests of a batch that is sent: each is a turn.
const BATCH_MAX: usize = 100;

/// Time that passes in a turn in which nothing is ready.
const TICK: Duration = Duration::from_millis(100);

/// Calls with what is in bytes.
///
/// # Panics
///
/// What came of it is not what it should be.
pub fn rpc_json(bytes: &[u8]) -> Judged {
    let read = Json::parse(bytes);
    let theirs = serde_json::from_slice::<serde_json::Value>(bytes);
    assert_eq!(read.is_ok(), theirs.is_ok(), "read alike: {read:?}, {theirs:?}");
    if let Ok(json) = &read {
        let again = Json::parse(json.to_string().as_bytes());
        assert_eq!(again.as_ref(), Ok(json), "what is written is what was read");
    }
    let content = Content::parse(bytes);
    let requests = content.requests();
    if requests.len() > BATCH_MAX {
        return Judged::Abandoned;
    }
    let (status, answer) = Pair::new().ask(bytes);
    let waiting = requests.iter().filter(|request| !request.asked.is_notification());
    match (&content, waiting.count()) {
        (Content::Single(_), 0) => assert_eq!((status, answer.as_str()), (204, "")),
        (Content::Batch(all), 0) if !all.is_empty() => {
            assert_eq!((status, answer.as_str()), (204, ""));
        }
        (Content::Batch(_), count) => {
            assert_eq!(status, 200, "a batch is answered: {answer}");
            let Ok(Json::Array(answers)) = Json::parse(answer.as_bytes()) else {
                panic!("{answer} is no array");
            };
            assert_eq!(answers.len(), count, "each that waits has an answer: {answer}");
        }
        (Content::Single(request), _) => {
            assert!([200, 400, 404, 500].contains(&status), "{status}: {answer}");
            let answered = Json::parse(answer.as_bytes()).expect("an answer is JSON");
            assert_eq!(answered.get("id"), request.asked.id.as_ref(), "it has its name");
        }
    }
    assert!(status == 204 || answer.ends_with('\n'), "a line has an end");
    let is_call = requests.iter().any(|request| request.call.is_ok());
    if is_call { Judged::Passed } else { Judged::Trivial }
}

/// Two loops, each on a host of its own.
struct Pair {
    server: Machine<Loopback, Server>,
    node: Machine<Loopback, Node>,
    at: Endpoint,
}

impl Pair {
    fn new() -> Self {
        let users = vec![User::with_password("user", "pass", [0; 16])];
        let desk = Desk::new(Access::new(users, Vec::new()), About::default(), 1);
        let mut server = machine(Server::new(http::Config::DEFAULT, desk));
        let connman = ConnMan::new(Config::new(Network::Regtest), Seed::from_number(0));
        let node = machine(Node::new(connman, 1));
        let at = Endpoint::Ip(SocketAddr::from((Ipv4Addr::LOCALHOST, 8332)));
        server.listen(Now::default(), &at).expect("nobody else is there");
        Self { server, node, at }
    }

    /// The status and the content of the answer to a request.
    fn ask(&mut self, content: &[u8]) -> (u16, String) {
        let head = format!(
            "POST / HTTP/1.1\r\nHost: h\r\nAuthorization: Basic {LOGIN}\r\nConnection: close\r\n\
             Content-Length: {}\r\n\r\n",
            content.len()
        );
        let host = self.server.sockets_mut();
        let client = host.connect(&self.at).expect("the server listens");
        let mut unsent = [head.as_bytes(), content].concat();
        let mut answer = Vec::new();
        for _ in 0..TURNS_MAX {
            let host = self.server.sockets_mut();
            if !unsent.is_empty() {
                let sent = host.send(client, &[IoSlice::new(&unsent)], More::No);
                if let Ok(sockman::sockets::Sent::Bytes(count)) = sent {
                    unsent.drain(..count);
                }
            }
            if self.turn(client, &mut answer) {
                return taken_apart(&answer);
            }
        }
        panic!("no answer in time to {}", content.escape_ascii());
    }

    /// A turn of both loops; whether the answer is there.
    fn turn(&mut self, client: ConnId, answer: &mut Vec<u8>) -> bool {
        for notice in run(&mut self.server, Some(client)) {
            if let ServerNotice::Ask { ticket, call } = notice {
                let command = Command::Call { ticket, call };
                self.node.push_command(command).expect("one at a time");
            }
        }
        for notice in run(&mut self.node, None) {
            if let Notice::Answered { ticket, outcome } = notice {
                let command = ServerCommand::Answered { ticket, outcome };
                self.server.push_command(command).expect("one at a time");
            }
        }
        let mut buffer = [0; 4096];
        loop {
            match self.server.sockets_mut().recv(client, &mut buffer) {
                Ok(Received::Bytes(count)) => answer.extend_from_slice(&buffer[..count]),
                Ok(Received::WouldBlock) => return false,
                Ok(Received::Eof) => return true,
                Err(error) => panic!("the server ends in order: {error:?}"),
            }
        }
    }
}

fn machine<P: Tenant>(tenant: P) -> Machine<Loopback, P> {
    let config = sockman::sockman::Config::default();
    Machine::new(SockMan::new(Loopback::default(), config), tenant)
}

/// Everything that can be done now, behind a look at the sockets but for the client's.
fn run<P: Tenant>(machine: &mut Machine<Loopback, P>, client: Option<ConnId>) -> Vec<P::Notice> {
    let (mut events, mut told) = (Vec::new(), Vec::new());
    machine.sockets_mut().wait(Some(TICK), &mut events).expect("a virtual wait does not fail");
    let is_clients = |source| client.is_some_and(|client| source == Source::Conn(client));
    events.retain(|event| !is_clients(event.source));
    machine.handle_ready(&events);
    loop {
        let steady = machine.sockman().sockets().now();
        let now = Now { steady, wall: UnixTime::from_secs(1_700_000_000) };
        match machine.default_next(now) {
            Choice::Step(task) => {
                machine.step(now, task);
                machine.take_notices(&mut told);
            }
            Choice::Poll | Choice::Wait => break,
        }
    }
    machine.check_invariants();
    told
}

/// Status and content of an answer.
fn taken_apart(answer: &[u8]) -> (u16, String) {
    let text = String::from_utf8(answer.to_vec()).expect("an answer is text");
    let (head, content) = text.split_once("\r\n\r\n").expect("a head has an end");
    let status = head.split(' ').nth(1).and_then(|code| code.parse().ok());
    (status.expect("an answer has a status"), content.to_owned())
}

#[cfg(test)]
mod tests {
    use super::super::draw::random_bytes;
    use super::*;

    /// What the targets start from: a call a line.
    const SEEDS: &str = include_str!("../../../corpus/rpc/calls.txt");

    #[test]
    fn calls_go_the_whole_way() {
        let mut calls = 0;
        for line in SEEDS.lines().filter(|line| !line.starts_with('#')) {
            calls += u32::from(rpc_json(line.as_bytes()) == Judged::Passed);
        }
        assert!(calls > 20, "{calls} are calls");
    }

    #[test]
    fn damaged_calls_are_answered_or_refused() {
        let lines: Vec<_> = SEEDS.lines().filter(|line| !line.starts_with('#')).collect();
        for (number, line) in (0..500).zip(lines.iter().cycle()) {
            let mut bytes = line.as_bytes().to_vec();
            let noise = random_bytes(number, 3);
            if let [place, value, ..] = noise[..] {
                let place = usize::from(place) % bytes.len();
                bytes[place] = value & 0x7f;
            }
            rpc_json(&bytes);
        }
    }
}
