//! Who is accepted, in which order and in which state.

use std::net::Ipv4Addr;

use sockman::sockets::{
    Accepted, Closing, ConnError, ConnId, Direction, Endpoint, Failure, Interest, ListenerId,
    Readiness, Received, Sockets, Wait,
};

use super::fixture::{Fixture, Pair, READABLE};

const RESET: Result<Received, ConnError> = Err(ConnError::Failed(Failure::Reset));

pub(super) fn nobody_waiting_would_block<S: Sockets + Wait>(f: &mut Fixture<S>) {
    let (listener, at) = f.listen();
    assert_eq!(f.look(listener), Readiness::NONE);
    assert_eq!(f.s.accept(listener), Ok(Accepted::WouldBlock));
    f.pair_through(listener, &at);
    assert_eq!(f.look(listener), Readiness::NONE);
}

pub(super) fn order_is_that_of_connecting<S: Sockets + Wait>(f: &mut Fixture<S>) {
    let (listener, at) = f.listen();
    let clients: Vec<ConnId> = (0..20).map(|_| f.connect(&at)).collect();
    for client in clients {
        let (_, peer) = f.accept(listener);
        assert_eq!(f.s.local_endpoint(client), Ok(peer));
    }
}

pub(super) fn listener_stays_readable_while_more_wait<S: Sockets + Wait>(f: &mut Fixture<S>) {
    let (listener, at) = f.listen();
    f.connect(&at);
    f.connect(&at);
    f.accept(listener);
    assert_eq!(f.look(listener), READABLE);
    assert_eq!(f.look(listener), READABLE);
    f.accept(listener);
    assert_eq!(f.s.accept(listener), Ok(Accepted::WouldBlock));
    assert_eq!(f.look(listener), Readiness::NONE);
}

pub(super) fn listener_without_interest_is_not_reported<S: Sockets + Wait>(f: &mut Fixture<S>) {
    let (listener, at) = f.listen();
    f.connect(&at);
    f.wait_for(listener, READABLE);
    f.set_interest(listener, Interest::NONE);
    assert_eq!(f.look(listener), Readiness::NONE);
    f.connect(&at);
    assert_eq!(f.look(listener), Readiness::NONE);
    f.set_interest(listener, Interest::READ);
    f.accept(listener);
    f.accept(listener);
}

pub(super) fn client_that_closed_is_accepted_with_its_bytes<S: Sockets + Wait>(f: &mut Fixture<S>) {
    let (listener, at) = f.listen();
    let client = f.connect(&at);
    f.send_all(client, b"hello");
    f.s.close(client, Closing::Orderly).unwrap();
    let (server, _) = f.accept(listener);
    assert_eq!(f.read_to_end(server), (b"hello".to_vec(), Ok(())));
}

pub(super) fn client_that_shut_its_writing_is_accepted<S: Sockets + Wait>(f: &mut Fixture<S>) {
    let (listener, at) = f.listen();
    let client = f.connect(&at);
    f.s.shutdown(client, Direction::Write).unwrap();
    let (server, _) = f.accept(listener);
    f.expect_eof(server);
    f.send_all(server, b"answer");
    f.expect_bytes(client, b"answer");
}

/// Accepts a client that has sent `bytes` and then reset.
#[track_caller]
fn accept_reset<S: Sockets + Wait>(f: &mut Fixture<S>, bytes: &[u8]) -> ConnId {
    let (listener, at) = f.listen();
    let client = f.connect(&at);
    let from = f.s.local_endpoint(client).unwrap();
    if !bytes.is_empty() {
        f.send_all(client, bytes);
    }
    f.s.close(client, Closing::Reset).unwrap();
    let (server, peer) = f.accept(listener);
    assert_eq!(peer, from);
    f.until_error(server);
    server
}

pub(super) fn client_that_reset_is_accepted<S: Sockets + Wait>(f: &mut Fixture<S>) {
    let server = accept_reset(f, b"");
    assert_eq!(f.s.peer_endpoint(server), Err(ConnError::Failed(Failure::NotConnected)));
    assert_eq!(f.recv(server), RESET);
    assert_eq!(f.recv(server), Ok(Received::Eof));
    assert_eq!(f.send(server, b"x"), Err(ConnError::Failed(Failure::BrokenPipe)));
}

pub(super) fn client_that_reset_leaves_its_bytes<S: Sockets + Wait>(f: &mut Fixture<S>) {
    let server = accept_reset(f, b"hello");
    f.expect_bytes(server, b"hello");
    assert_eq!(f.recv(server), RESET);
    assert_eq!(f.recv(server), Ok(Received::Eof));
}

pub(super) fn closing_the_listener_resets_who_waits<S: Sockets + Wait>(f: &mut Fixture<S>) {
    let (listener, at) = f.listen();
    let clients = [f.connect(&at), f.connect(&at), f.connect(&at)];
    f.send_all(clients[1], b"hello");
    f.s.shutdown(clients[2], Direction::Write).unwrap();
    f.s.close_listener(listener).unwrap();
    for client in clients {
        f.until_error(client);
        assert_eq!(f.recv(client), RESET);
        assert_eq!(f.recv(client), Ok(Received::Eof));
    }
}

pub(super) fn closing_the_listener_leaves_who_was_accepted<S: Sockets + Wait>(f: &mut Fixture<S>) {
    let Pair { client, server, listener } = f.pair();
    f.s.close_listener(listener).unwrap();
    f.send_all(client, b"to");
    f.expect_bytes(server, b"to");
    f.send_all(server, b"fro");
    f.expect_bytes(client, b"fro");
}

pub(super) fn wildcard_listener_gives_the_address_that_was_dialled<S: Sockets + Wait>(
    f: &mut Fixture<S>,
) {
    let everywhere = Endpoint::Ip((Ipv4Addr::UNSPECIFIED, 0).into());
    let (listener, at): (ListenerId, _) = f.listen_at(&everywhere);
    let port = at.ip().expect("an IP address").port();
    let dialled = Endpoint::Ip((Ipv4Addr::new(127, 9, 8, 7), port).into());
    let Pair { server, .. } = f.pair_through(listener, &dialled);
    assert_eq!(f.s.local_endpoint(server), Ok(dialled));
}
