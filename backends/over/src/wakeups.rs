//! What a wake-up costs: one byte is sent, waited for and read, beside connections on which nothing
//! happens.
//!
//! The examples `wakeups` of the backends call it and print nothing; they are there to be counted
//! from outside. docs/backends.md has the figures, `ci/backends.sh --figures` makes them again.

use std::io::IoSlice;

use sockman::sockets::{Accepted, ConnId, Endpoint, Errno, Interest, More, Sockets, Source, Wait};

/// As the first of the command's arguments that are left says how many idle connections there are,
/// and the second how many rounds.
///
/// # Panics
///
/// They are not two numbers, or the kernel has not what it takes.
pub fn run<S: Sockets + Wait>(
    make: impl FnOnce() -> Result<S, Errno>,
    mut arguments: impl Iterator<Item = String>,
) {
    let mut number = || {
        let argument = arguments.next().expect("IDLE and ROUNDS are given");
        argument.parse().expect("IDLE and ROUNDS are numbers")
    };
    let (idle, rounds) = (number(), number());
    let mut s = make().expect("descriptors are left");
    let conns = connect(&mut s, idle);
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

/// The clients of one connection more than so many, each of whose other ends is waited for.
fn connect<S: Sockets>(s: &mut S, idle: usize) -> Vec<ConnId> {
    let listener = s.listen(&Endpoint::Ip(([127, 0, 0, 1], 0).into())).expect("a port is free");
    let at = s.listener_endpoint(listener).expect("it is open");
    let conns = (0..=idle).map(|_| {
        let client = s.connect(&at).expect("loopback is there");
        let Ok(Accepted::Conn { conn, .. }) = s.accept(listener) else {
            panic!("on loopback a client waits once connect has returned")
        };
        s.set_interest(Source::Conn(conn), Interest::READ).expect("it is open");
        client
    });
    let conns = conns.collect();
    assert_eq!(s.accept(listener), Ok(Accepted::WouldBlock));
    conns
}
