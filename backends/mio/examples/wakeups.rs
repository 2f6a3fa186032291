//! What a wake-up costs under each backend: one byte is sent, waited for and read, beside
//! connections on which nothing happens.
//!
//! `wakeups epoll|poll|mio IDLE ROUNDS` prints nothing; it is there to be counted from outside.
//! docs/backends.md has the commands and the figures.

use std::io::IoSlice;

use sockman::sockets::{
    Accepted, ConnId, Endpoint, Epoll, Interest, More, OsSockets, Poll, Sockets, Source, Wait,
};
use sockman_mio::MioSockets;

const USAGE: &str = "wakeups epoll|poll|mio IDLE ROUNDS";

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let [_, backend, idle, rounds] = &arguments[..] else { panic!("{USAGE}") };
    let (idle, rounds) = (idle.parse().expect(USAGE), rounds.parse().expect(USAGE));
    match backend.as_str() {
        "epoll" => run(OsSockets::<Epoll>::new().expect("descriptors are left"), idle, rounds),
        "poll" => run(OsSockets::<Poll>::new().expect("descriptors are left"), idle, rounds),
        "mio" => run(MioSockets::new().expect("descriptors are left"), idle, rounds),
        _ => panic!("{USAGE}"),
    }
}

fn run<S: Sockets + Wait>(mut s: S, idle: usize, rounds: usize) {
    let listener = s.listen(&Endpoint::Ip(([127, 0, 0, 1], 0).into())).expect("a port is free");
    let at = s.listener_endpoint(listener).expect("it is open");
    let conns: Vec<ConnId> = (0..=idle)
        .map(|_| {
            let client = s.connect(&at).expect("loopback is there");
            let Ok(Accepted::Conn { conn, .. }) = s.accept(listener) else {
                panic!("on loopback a client waits once connect has returned")
            };
            s.set_interest(Source::Conn(conn), Interest::READ).expect("it is open");
            client
        })
        .collect();
    assert_eq!(s.accept(listener), Ok(Accepted::WouldBlock));
    let mut events = Vec::new();
    for _ in 0..rounds {
        s.send(conns[0], &[IoSlice::new(b"x")], More::No).expect("it lives");
        s.wait(None, &mut events).expect("waiting works");
        for event in &events {
            let Source::Conn(conn) = event.source else { continue };
            s.recv(conn, &mut [0; 64]).expect("it lives");
        }
    }
}
