//! Who answers: each a thread that is never stopped, since the process ends.

use std::io::IoSlice;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::mpsc;
use std::thread;

use sockman::connman::{Config, ConnMan};
use sockman::driver::{Driver, Machine, Observer, SystemClock};
use sockman::http::{self, Replies, Request, RequestId, Response, Status};
use sockman::rng::Seed;
use sockman::sockets::{
    Accepted, Endpoint, Epoll, Interest, More, OsSockets, Received, Sent, Sockets, Source, Wait,
};
use sockman::sockman::{SockMan, Tenant};
use sockman::time::Now;
use sockman::transport::Network;

use crate::client::HTTP_ANSWER;
use crate::late::Late;

/// Which of them.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Server {
    /// A loop directly on the calls.
    Echo,
    /// The whole node.
    Node,
    /// The HTTP server.
    Http,
    /// The loop, over late calls.
    LateEcho,
    /// The node, over late calls.
    LateNode,
}

/// Starts one; where it listens.
pub(crate) fn start(server: Server) -> SocketAddr {
    let (told, hears) = mpsc::channel();
    let tell = move |at: SocketAddr| told.send(at).expect("somebody waits to hear it");
    let os = || OsSockets::<Epoll>::new().expect("descriptors are left");
    let run = move || match server {
        Server::Echo => echo(os(), tell),
        Server::Node => node(os(), tell),
        Server::Http => http(os(), tell),
        Server::LateEcho => echo(Late::new(os()), tell),
        Server::LateNode => node(Late::new(os()), tell),
    };
    thread::Builder::new().spawn(run).expect("there is room for a thread");
    hears.recv().expect("the server listens")
}

fn any_port() -> Endpoint {
    Endpoint::Ip(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))
}

fn echo<S: Sockets + Wait>(mut sockets: S, tell: impl FnOnce(SocketAddr)) {
    let listener = sockets.listen(&any_port()).expect("a port is free");
    let at = sockets.listener_endpoint(listener).expect("it is open");
    tell(at.ip().expect("it listens on TCP"));
    let mut events = Vec::new();
    sockets.wait(None, &mut events).expect("waiting works");
    let Ok(Accepted::Conn { conn, .. }) = sockets.accept(listener) else { return };
    let mut interest = Interest::READ;
    sockets.set_interest(Source::Conn(conn), interest).expect("it is open");
    let (mut unsent, mut buffer) = (Vec::new(), [0; 4096]);
    loop {
        sockets.wait(None, &mut events).expect("waiting works");
        let Some(event) = events.iter().find(|event| event.source == Source::Conn(conn)) else {
            continue;
        };
        if event.readiness.readable {
            match sockets.recv(conn, &mut buffer) {
                Ok(Received::Bytes(count)) => unsent.extend_from_slice(&buffer[..count]),
                Ok(Received::WouldBlock) => {}
                Ok(Received::Eof) | Err(_) => return,
            }
        }
        match sockets.send(conn, &[IoSlice::new(&unsent)], More::No) {
            Ok(Sent::Bytes(count)) => drop(unsent.drain(..count)),
            Ok(Sent::WouldBlock) => {}
            Err(_) => return,
        }
        let wanted = Interest { readable: true, writable: !unsent.is_empty() };
        if wanted != interest {
            interest = wanted;
            sockets.set_interest(Source::Conn(conn), interest).expect("it is open");
        }
    }
}

fn node<S: Sockets + Wait>(sockets: S, tell: impl FnOnce(SocketAddr)) {
    let sockman = SockMan::new(sockets, sockman::sockman::Config::default());
    let connman = ConnMan::new(Config::new(Network::Regtest), Seed::from_number(7));
    let mut machine = Machine::new(sockman, connman);
    let listener = machine.listen(Now::default(), &any_port()).expect("a port is free");
    let at = machine.sockman().sockets().listener_endpoint(listener).expect("it is open");
    tell(at.ip().expect("it listens on TCP"));
    let (mut driver, _mailbox) = Driver::new(machine, SystemClock::start());
    driver.run(&mut Nobody).expect("waiting works");
}

fn http<S: Sockets + Wait>(sockets: S, tell: impl FnOnce(SocketAddr)) {
    let sockman = SockMan::new(sockets, sockman::sockman::Config::default());
    let server = http::Server::new(http::Config::DEFAULT, Ponger);
    let mut machine = Machine::new(sockman, server);
    let listener = machine.listen(Now::default(), &any_port()).expect("a port is free");
    let at = machine.sockman().sockets().listener_endpoint(listener).expect("it is open");
    tell(at.ip().expect("it listens on TCP"));
    let (mut driver, _mailbox) = Driver::new(machine, SystemClock::start());
    driver.run(&mut Nobody).expect("waiting works");
}

/// Answers every request alike, at once.
struct Ponger;

impl http::Application for Ponger {
    fn handle_request(
        &mut self,
        _: Now,
        id: RequestId,
        _: &Endpoint,
        _: Request,
        replies: &mut Replies,
    ) {
        replies.respond(id, Response::new(Status::OK).with_body(HTTP_ANSWER));
    }
}

struct Nobody;

impl<S: Sockets, T: Tenant> Observer<S, T> for Nobody {
    fn handle_notice(&mut self, _: Now, _: T::Notice) {}

    fn handle_inspect(&mut self, _: Now, _: &Machine<S, T>) {}
}
