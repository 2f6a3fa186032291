//! An HTTP server with a desk, a node, and clients, which a test drives step by step.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::time::Duration;

use sockman::connman::{Config, ConnMan};
use sockman::driver::{Choice, Machine};
use sockman::http;
use sockman::rng::Seed;
use sockman::sockets::{OsSockets, Sockets as _, Wait as _};
use sockman::sockman::{SockMan, Tenant};
use sockman::time::{Instant, Now, UnixTime};
use sockman::transport::Network;
use sockman_rpc::auth::Access;
use sockman_rpc::{
    About, Command, Desk, DeskNotice, Node, Notice, Server, ServerCommand, ServerNotice,
};

/// Turns in which nothing happens, before a test gives up: a second of waiting.
const IDLE_TURNS_MAX: u32 = 1_000;

/// Both ends of what is asked and answered.
pub(crate) struct Pair {
    pub(crate) server: Machine<OsSockets, Server>,
    pub(crate) node: Machine<OsSockets, Node>,
    /// Where clients connect to.
    pub(crate) at: SocketAddr,
    /// Where peers connect to.
    pub(crate) node_at: SocketAddr,
    pub(crate) now: Now,
    /// What the desk has told.
    pub(crate) told: Vec<DeskNotice>,
    /// Whether what the desk asks is left lying.
    pub(crate) holds: bool,
    held: Vec<Command>,
}

fn machine<P: Tenant>(tenant: P) -> (Machine<OsSockets, P>, SocketAddr) {
    let sockets = OsSockets::new().unwrap();
    let sockman = SockMan::new(sockets, sockman::sockman::Config::default());
    let mut machine = Machine::new(sockman, tenant);
    let anywhere = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let listener = machine.listen(Now::default(), &anywhere.into()).unwrap();
    let at = machine.sockets_mut().listener_endpoint(listener).unwrap();
    (machine, at.ip().unwrap())
}

impl Pair {
    pub(crate) fn new(access: Access, work_queue: usize) -> Self {
        let about = About { client_name: "Sockman".to_owned(), ..About::default() };
        let desk = Desk::new(access, about, work_queue);
        let (server, at) = machine(Server::new(http::Config::DEFAULT, desk));
        let connman = ConnMan::new(Config::new(Network::Regtest), Seed::from_number(1));
        let (node, node_at) = machine(Node::new(connman, 100));
        let now = Now { steady: Instant::START, wall: UnixTime::from_secs(1_700_000_000) };
        let (told, held) = (Vec::new(), Vec::new());
        Self { server, node, at, node_at, now, told, holds: false, held }
    }

    pub(crate) fn connect(&self) -> Client {
        let stream = TcpStream::connect(self.at).unwrap();
        stream.set_nodelay(true).unwrap();
        stream.set_nonblocking(true).unwrap();
        Client { stream, unread: Vec::new() }
    }

    /// Lets time pass, and what is due happen.
    pub(crate) fn pass(&mut self, time: Duration) {
        self.now = Now { steady: self.now.steady + time, wall: self.now.wall + time };
        self.turn();
    }

    /// Hands over what was held.
    pub(crate) fn release(&mut self) {
        self.holds = false;
        for command in self.held.drain(..) {
            self.node.push_command(command).unwrap();
        }
    }

    /// Everything that can be done at this time, and a look at the sockets.
    pub(crate) fn turn(&mut self) {
        let now = self.now;
        let mut asked = Vec::new();
        run(&mut self.server, now, &mut asked);
        for notice in asked {
            match notice {
                ServerNotice::Ask { ticket, call } => {
                    self.held.push(Command::Call { ticket, call })
                }
                ServerNotice::Desk(notice) => self.told.push(notice),
                ServerNotice::Http(_) => {}
            }
        }
        if !self.holds {
            self.release();
        }
        let mut answered = Vec::new();
        run(&mut self.node, now, &mut answered);
        for notice in answered {
            if let Notice::Answered { ticket, outcome } = notice {
                let command = ServerCommand::Answered { ticket, outcome };
                self.server.push_command(command).unwrap();
            }
        }
    }

    /// Goes on until something is there.
    #[track_caller]
    pub(crate) fn until<T>(&mut self, mut found: impl FnMut(&mut Self) -> Option<T>) -> T {
        for _ in 0..IDLE_TURNS_MAX {
            self.turn();
            if let Some(found) = found(self) {
                return found;
            }
        }
        panic!("it does not come")
    }

    /// What a client is answered: status, fields and content.
    #[track_caller]
    pub(crate) fn answer(&mut self, client: &mut Client) -> (u16, String, String) {
        self.until(|_| client.take_answer())
    }

    /// Asks something on a connection of its own.
    #[track_caller]
    pub(crate) fn ask(&mut self, request: &str) -> (u16, String, String) {
        let mut client = self.connect();
        client.send(request);
        self.answer(&mut client)
    }
}

fn run<P: Tenant>(machine: &mut Machine<OsSockets, P>, now: Now, told: &mut Vec<P::Notice>) {
    let mut events = Vec::new();
    machine.sockets_mut().wait(Some(Duration::from_millis(1)), &mut events).unwrap();
    machine.handle_ready(&events);
    loop {
        match machine.default_next(now) {
            Choice::Step(task) => {
                machine.step(now, task);
                machine.take_notices(told);
                machine.check_invariants();
            }
            Choice::Poll => {
                machine.sockets_mut().wait(Some(Duration::ZERO), &mut events).unwrap();
                machine.handle_ready(&events);
            }
            Choice::Wait => return,
        }
    }
}

/// A client of HTTP.
pub(crate) struct Client {
    stream: TcpStream,
    unread: Vec<u8>,
}

impl Client {
    pub(crate) fn send(&mut self, text: &str) {
        self.stream.write_all(text.as_bytes()).unwrap();
    }

    /// The next answer, if it is whole.
    pub(crate) fn take_answer(&mut self) -> Option<(u16, String, String)> {
        let mut buffer = [0; 0x10000];
        match self.stream.read(&mut buffer) {
            Ok(count) => self.unread.extend_from_slice(&buffer[..count]),
            Err(error) => assert_eq!(error.kind(), ErrorKind::WouldBlock),
        }
        let head_end = self.unread.windows(4).position(|window| window == b"\r\n\r\n")? + 4;
        let head = String::from_utf8(self.unread[..head_end].to_vec()).unwrap();
        let length = head.split("Content-Length: ").nth(1);
        let length = length.and_then(|rest| rest.split("\r\n").next());
        let length: usize = length.map_or(0, |digits| digits.parse().unwrap());
        if self.unread.len() < head_end + length {
            return None;
        }
        let content = self.unread[head_end..head_end + length].to_vec();
        self.unread.drain(..head_end + length);
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        Some((status, head, String::from_utf8(content).unwrap()))
    }
}
