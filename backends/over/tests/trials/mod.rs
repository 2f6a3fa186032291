//! What every backend is put through: the same code for each of them.
#![expect(clippy::disallowed_methods, reason = "the kernel's waits take the kernel's time")]

use std::fs;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::os::fd::AsRawFd as _;
use std::process;
use std::sync::LazyLock;
use std::sync::mpsc::{self, Sender};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use sockman::connman::{Command, Config, ConnMan, Notice};
use sockman::driver::{Driver, Machine, Mailbox, Observer, SystemClock};
use sockman::rng::Seed;
use sockman::sockets::{
    Accepted, Closing, Endpoint, Interest, Sockets, Source, Stale, Wait, Wake as _,
};
use sockman::sockman::SockMan;
use sockman::time::Now;
use sockman::transport::Network;
use sockman_sim::contract::cases::{Capabilities, DEADLINE, run_all};

static START: LazyLock<Instant> = LazyLock::new(Instant::now);

/// The contract's cases.
pub(crate) fn keeps_the_contract<S: Sockets + Wait>(name: &str, make: fn() -> S) {
    let directory = std::env::temp_dir().join(format!("sockman-{}-{name}", process::id()));
    fs::create_dir_all(&directory).expect("the temporary directory is ours to use");
    let unix_directory = Some(directory.clone());
    let capabilities = Capabilities { now: |_| START.elapsed(), unix_directory, threads: true };
    run_all(make, &capabilities);
    fs::remove_dir(&directory).expect("every path was removed");
}

/// Two nodes, each with its driver on a thread of its own: one dials the other when it is told to.
pub(crate) fn nodes_shake_hands<S: Sockets + Wait + 'static>(make: fn() -> S) {
    let (tell, notices) = mpsc::channel();
    let (server, client) = (Node::start(make, tell.clone()), Node::start(make, tell));
    let endpoint = Endpoint::Ip(server.at);
    client.mailbox.push(Command::Connect { endpoint }).expect("it runs");
    let mut ready = 0;
    while ready < 2 {
        let notice = notices.recv_timeout(DEADLINE).expect("both complete the handshake");
        ready += usize::from(matches!(notice, Notice::PeerReady { .. }));
    }
    for node in [client, server] {
        node.mailbox.stop();
        node.thread.join().expect("it ends by itself");
    }
}

/// A node that runs until it is told to stop.
struct Node<S: Wait> {
    at: SocketAddr,
    mailbox: Mailbox<Command, S::Waker>,
    thread: JoinHandle<()>,
}

impl<S: Sockets + Wait + 'static> Node<S> {
    fn start(make: fn() -> S, tell: Sender<Notice>) -> Self {
        let (started, hears) = mpsc::channel();
        let run = move || {
            let sockman = SockMan::new(make(), sockman::sockman::Config::default());
            let connman = ConnMan::new(Config::new(Network::Regtest), Seed::from_number(7));
            let mut machine = Machine::new(sockman, connman);
            let listener = machine.listen(Now::default(), &any_port()).expect("a port is free");
            let at = machine.sockman().sockets().listener_endpoint(listener).expect("it is open");
            let (mut driver, mailbox) = Driver::new(machine, SystemClock::start());
            started.send((at.ip().expect("it is TCP"), mailbox)).expect("somebody waits for it");
            driver.run(&mut Teller(tell)).expect("waiting works");
        };
        let thread = thread::Builder::new().spawn(run).expect("there is room for a thread");
        let (at, mailbox) = hears.recv().expect("it listens");
        Self { at, mailbox, thread }
    }
}

/// Passes on what a node has to tell.
struct Teller(Sender<Notice>);

impl<S: Sockets> Observer<S, ConnMan> for Teller {
    fn handle_notice(&mut self, _: Now, notice: Notice) {
        // OK to ignore: whoever has heard enough listens no more.
        let _gone = self.0.send(notice);
    }

    fn handle_inspect(&mut self, _: Now, _: &Machine<S, ConnMan>) {}
}

/// Backends are made and dropped, with sockets of which some were closed before and some were not,
/// waited for and not, and their numbers used again; a waker outlives its backend. No descriptor
/// may stay open; what stays in memory valgrind tells (`ci/backends.sh --memory`).
pub(crate) fn come_and_go<S: Sockets + Wait>(make: fn() -> S) {
    for round in 0..ROUNDS {
        let mut s = make();
        let waker = s.waker();
        let listener = s.listen(&any_port()).expect("a port is free");
        let at = s.listener_endpoint(listener).expect("it is open");
        for turn in 0..4 {
            let client = s.connect(&at).expect("loopback is there");
            s.set_interest(Source::Conn(client), Interest::BOTH).expect("it is open");
            s.wait(Some(DEADLINE), &mut Vec::new()).expect("waiting works");
            let Ok(Accepted::Conn { conn, .. }) = s.accept(listener) else {
                panic!("on loopback a client waits once connect has returned")
            };
            s.set_interest(Source::Conn(conn), Interest::READ).expect("it is open");
            if turn < 2 {
                s.close(client, Closing::Orderly).expect("it is open");
                s.close(conn, Closing::Reset).expect("it is open");
                assert_eq!(s.close(conn, Closing::Reset), Err(Stale));
            }
        }
        if round % 2 == 0 {
            s.wait(Some(Duration::ZERO), &mut Vec::new()).expect("waiting works");
        }
        drop(s);
        waker.wake();
    }
    // The kernel gives the lowest number that is free. Other tests have a few dozen beside this
    // one.
    let next = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("descriptors are left");
    assert!(next.as_raw_fd() < ROUNDS, "a descriptor stays open each time");
}

/// How many backends are made and dropped.
const ROUNDS: i32 = 600;

fn any_port() -> Endpoint {
    Endpoint::Ip(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))
}
