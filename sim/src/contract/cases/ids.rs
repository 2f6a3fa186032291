//! Ids: never reused, and stale ones are told so by every call.

use std::collections::BTreeSet;
use std::io::IoSlice;

use sockman::sockets::{
    AcceptError, Closing, ConnError, ConnectError, Direction, Interest, More, Sockets, Source,
    Stale, Wait,
};

use super::fixture::{Fixture, Pair};

pub(super) fn stale_connection_is_told_by_every_call<S: Sockets + Wait>(f: &mut Fixture<S>) {
    let Pair { client: stale, server, .. } = f.pair();
    f.s.close(stale, Closing::Orderly).unwrap();
    // Somebody else may sit in its place by now.
    f.pair();
    f.s.close(server, Closing::Orderly).unwrap();
    let none: [IoSlice<'_>; 0] = [];
    for slices in [&none[..], &[IoSlice::new(b"x")]] {
        assert_eq!(f.s.send(stale, slices, More::No), Err(ConnError::Stale));
    }
    assert_eq!(f.recv(stale), Err(ConnError::Stale));
    assert_eq!(f.s.connect_status(stale), Err(ConnectError::Stale));
    for direction in [Direction::Read, Direction::Write, Direction::Both] {
        assert_eq!(f.s.shutdown(stale, direction), Err(ConnError::Stale));
    }
    for how in [Closing::Orderly, Closing::Reset] {
        assert_eq!(f.s.close(stale, how), Err(Stale));
    }
    for interest in [Interest::NONE, Interest::BOTH] {
        assert_eq!(f.s.set_interest(Source::Conn(stale), interest), Err(Stale));
    }
    assert_eq!(f.s.take_error(stale), Err(Stale));
    assert_eq!(f.s.local_endpoint(stale), Err(ConnError::Stale));
    assert_eq!(f.s.peer_endpoint(stale), Err(ConnError::Stale));
}

pub(super) fn stale_listener_is_told_by_every_call<S: Sockets + Wait>(f: &mut Fixture<S>) {
    let (stale, _) = f.listen();
    f.s.close_listener(stale).unwrap();
    f.listen();
    assert_eq!(f.s.accept(stale), Err(AcceptError::Stale));
    assert_eq!(f.s.close_listener(stale), Err(Stale));
    assert_eq!(f.s.set_interest(Source::Listener(stale), Interest::READ), Err(Stale));
    assert_eq!(f.s.listener_endpoint(stale), Err(Stale));
}

pub(super) fn thousand_connections_have_ids_of_their_own<S: Sockets + Wait>(f: &mut Fixture<S>) {
    let (listener, at) = f.listen();
    let mut seen = BTreeSet::new();
    for _ in 0..500 {
        let Pair { client, server, .. } = f.pair_through(listener, &at);
        for conn in [client, server] {
            assert!(seen.insert(conn), "{conn} was given twice");
            // By reset, so that no port stays behind in TIME_WAIT.
            f.s.close(conn, Closing::Reset).unwrap();
        }
    }
}

pub(super) fn thousand_listeners_have_ids_of_their_own<S: Sockets + Wait>(f: &mut Fixture<S>) {
    let mut seen = BTreeSet::new();
    for _ in 0..1000 {
        let (listener, _) = f.listen();
        assert!(seen.insert(listener), "{listener} was given twice");
        f.s.close_listener(listener).unwrap();
    }
}

pub(super) fn closing_one_leaves_the_others<S: Sockets + Wait>(f: &mut Fixture<S>) {
    let (listener, at) = f.listen();
    let pairs = [0; 3].map(|_| f.pair_through(listener, &at));
    f.s.close(pairs[1].client, Closing::Reset).unwrap();
    f.s.close(pairs[1].server, Closing::Reset).unwrap();
    for Pair { client, server, .. } in [pairs[0], pairs[2]] {
        f.send_all(client, b"hello");
        f.expect_bytes(server, b"hello");
    }
}
