//! How an attempt to connect goes, and how it fails.

use std::net::Ipv4Addr;

use sockman::sockets::{
    ConnError, ConnId, ConnectError, ConnectStatus, Endpoint, Failure, Interest, Received, Sockets,
    Wait,
};

use super::fixture::{ERROR, Fixture, Pair, WRITABLE};

pub(super) fn both_ends_know_each_other<S: Sockets + Wait>(f: &mut Fixture<S>) {
    let (listener, at) = f.listen();
    let client = f.connect(&at);
    let (server, peer) = f.accept(listener);
    let from = f.s.local_endpoint(client).unwrap();
    assert_eq!(peer, from);
    assert_eq!(f.s.peer_endpoint(client), Ok(at.clone()));
    assert_eq!(f.s.local_endpoint(server), Ok(at));
    assert_eq!(f.s.peer_endpoint(server), Ok(from));
}

pub(super) fn end_of_the_attempt_is_reported_as_writable<S: Sockets + Wait>(f: &mut Fixture<S>) {
    let (_, at) = f.listen();
    let client = f.s.connect(&at).unwrap();
    f.set_interest(client, Interest::WRITE);
    f.wait_for(client, WRITABLE);
    assert_eq!(f.look(client), WRITABLE);
}

pub(super) fn established_is_said_again_and_again<S: Sockets + Wait>(f: &mut Fixture<S>) {
    let Pair { client, server, .. } = f.pair();
    for conn in [client, client, server, server] {
        assert_eq!(f.s.connect_status(conn), Ok(ConnectStatus::Established));
    }
}

pub(super) fn bytes_sent_before_the_accept_wait_for_it<S: Sockets + Wait>(f: &mut Fixture<S>) {
    let (listener, at) = f.listen();
    let client = f.connect(&at);
    f.send_all(client, b"early");
    let (server, _) = f.accept(listener);
    f.expect_bytes(server, b"early");
}

pub(super) fn nobody_there_is_refused<S: Sockets + Wait>(f: &mut Fixture<S>) {
    let nobody = f.nobody();
    let conn = f.s.connect(&nobody).expect("a refusal comes later than the call");
    f.set_interest(conn, Interest::BOTH);
    f.wait_for(conn, ERROR.or(WRITABLE));
    assert_eq!(f.s.connect_status(conn), Err(ConnectError::Failed(Failure::Refused)));
}

pub(super) fn refusal_is_told_once_by_connect_status<S: Sockets + Wait>(f: &mut Fixture<S>) {
    let conn = f.refused();
    assert_eq!(f.s.connect_status(conn), Err(ConnectError::Failed(Failure::Refused)));
    assert_eq!(f.s.connect_status(conn), Err(ConnectError::Failed(Failure::NotConnected)));
    is_over_and_told(f, conn);
}

pub(super) fn refusal_is_told_once_by_recv<S: Sockets + Wait>(f: &mut Fixture<S>) {
    let conn = f.refused();
    assert_eq!(f.recv(conn), Err(ConnError::Failed(Failure::Refused)));
    is_over_and_told(f, conn);
}

pub(super) fn refusal_is_told_once_by_send<S: Sockets + Wait>(f: &mut Fixture<S>) {
    let conn = f.refused();
    assert_eq!(f.send(conn, b"x"), Err(ConnError::Failed(Failure::Refused)));
    is_over_and_told(f, conn);
}

pub(super) fn refusal_is_told_once_by_take_error<S: Sockets + Wait>(f: &mut Fixture<S>) {
    let conn = f.refused();
    assert_eq!(f.s.take_error(conn), Ok(Some(Failure::Refused)));
    is_over_and_told(f, conn);
}

#[track_caller]
fn is_over_and_told<S: Sockets + Wait>(f: &mut Fixture<S>, conn: ConnId) {
    assert_eq!(f.recv(conn), Ok(Received::Eof));
    assert_eq!(f.send(conn, b"x"), Err(ConnError::Failed(Failure::BrokenPipe)));
    assert_eq!(f.s.take_error(conn), Ok(None));
    assert_eq!(f.s.connect_status(conn), Err(ConnectError::Failed(Failure::NotConnected)));
}

pub(super) fn refused_connection_has_a_local_endpoint_and_no_peer<S: Sockets + Wait>(
    f: &mut Fixture<S>,
) {
    let conn = f.refused();
    let local = f.s.local_endpoint(conn).unwrap().ip().expect("an IP address");
    assert_ne!(local.port(), 0);
    assert_eq!(f.s.peer_endpoint(conn), Err(ConnError::Failed(Failure::NotConnected)));
}

pub(super) fn port_zero_is_refused<S: Sockets + Wait>(f: &mut Fixture<S>) {
    let conn = f.s.connect(&Endpoint::Ip((Ipv4Addr::LOCALHOST, 0).into())).unwrap();
    f.until_error(conn);
    assert_eq!(f.s.take_error(conn), Ok(Some(Failure::Refused)));
}
