//! FIN: shutting a direction, closing, and what the other end is told.

use sockman::sockets::{
    Closing, ConnError, ConnId, Direction, Failure, Received, Sent, Sockets, Wait,
};

use super::fixture::{Fixture, Pair, pattern};

const BROKEN_PIPE: Result<Sent, ConnError> = Err(ConnError::Failed(Failure::BrokenPipe));

pub(super) fn eof_is_said_again_and_again<S: Sockets + Wait>(f: &mut Fixture<S>) {
    let Pair { client, server, .. } = f.pair();
    f.s.close(client, Closing::Orderly).unwrap();
    for _ in 0..3 {
        f.expect_eof(server);
    }
}

pub(super) fn bytes_come_before_the_eof<S: Sockets + Wait>(f: &mut Fixture<S>) {
    let Pair { client, server, .. } = f.pair();
    f.send_all(server, b"bye");
    f.s.close(server, Closing::Orderly).unwrap();
    f.expect_bytes(client, b"bye");
    f.expect_eof(client);
}

pub(super) fn client_shuts_writing_and_goes_on_reading<S: Sockets + Wait>(f: &mut Fixture<S>) {
    let Pair { client, server, .. } = f.pair();
    half_close(f, client, server);
}

pub(super) fn server_shuts_writing_and_goes_on_reading<S: Sockets + Wait>(f: &mut Fixture<S>) {
    let Pair { client, server, .. } = f.pair();
    half_close(f, server, client);
}

#[track_caller]
fn half_close<S: Sockets + Wait>(f: &mut Fixture<S>, first: ConnId, second: ConnId) {
    f.send_all(first, b"question");
    f.s.shutdown(first, Direction::Write).unwrap();
    f.expect_bytes(second, b"question");
    f.expect_eof(second);
    assert_eq!(f.recv(first), Ok(Received::WouldBlock));
    f.send_all(second, b"answer");
    f.s.shutdown(second, Direction::Write).unwrap();
    f.expect_bytes(first, b"answer");
    f.expect_eof(first);
}

pub(super) fn both_sides_shut_is_over<S: Sockets + Wait>(f: &mut Fixture<S>) {
    let Pair { client, server, .. } = f.pair();
    for conn in [client, server] {
        f.s.shutdown(conn, Direction::Write).unwrap();
    }
    for conn in [client, server] {
        f.until_error(conn);
        f.expect_eof(conn);
        assert_eq!(f.send(conn, b"x"), BROKEN_PIPE);
        assert_eq!(f.s.take_error(conn), Ok(None));
        assert_eq!(f.s.peer_endpoint(conn), Err(ConnError::Failed(Failure::NotConnected)));
    }
}

pub(super) fn shutting_twice_is_no_error<S: Sockets + Wait>(f: &mut Fixture<S>) {
    let Pair { client, server, .. } = f.pair();
    for _ in 0..2 {
        assert_eq!(f.s.shutdown(client, Direction::Write), Ok(()));
        assert_eq!(f.s.shutdown(server, Direction::Read), Ok(()));
    }
}

pub(super) fn shutting_what_is_over_is_not_connected<S: Sockets + Wait>(f: &mut Fixture<S>) {
    let Pair { client, server, .. } = f.pair();
    f.s.close(client, Closing::Reset).unwrap();
    f.until_error(server);
    for direction in [Direction::Read, Direction::Write, Direction::Both] {
        let not_connected = Err(ConnError::Failed(Failure::NotConnected));
        assert_eq!(f.s.shutdown(server, direction), not_connected);
    }
}

pub(super) fn send_after_own_shutdown_is_a_broken_pipe<S: Sockets + Wait>(f: &mut Fixture<S>) {
    let Pair { client, server, .. } = f.pair();
    f.s.shutdown(client, Direction::Write).unwrap();
    assert_eq!(f.send(client, b"x"), BROKEN_PIPE);
    assert_eq!(f.send(client, b"x"), BROKEN_PIPE);
    assert_eq!(f.s.take_error(client), Ok(None));
    f.expect_eof(server);
}

pub(super) fn own_shut_reading_gives_what_is_unread_and_eof<S: Sockets + Wait>(f: &mut Fixture<S>) {
    let Pair { client, server, .. } = f.pair();
    f.send_across(client, server, b"hello");
    f.s.shutdown(server, Direction::Read).unwrap();
    f.expect_bytes(server, b"hello");
    f.expect_eof(server);
    f.send_all(server, b"still");
    f.expect_bytes(client, b"still");
}

pub(super) fn own_shut_reading_cannot_be_told_by_the_peer<S: Sockets + Wait>(f: &mut Fixture<S>) {
    let Pair { client, server, .. } = f.pair();
    f.s.shutdown(server, Direction::Read).unwrap();
    assert_eq!(f.recv(client), Ok(Received::WouldBlock));
    f.send_all(client, b"hello");
    assert_eq!(f.recv(client), Ok(Received::WouldBlock));
    assert_eq!(f.s.take_error(client), Ok(None));
}

pub(super) fn first_send_after_the_peers_close_is_taken<S: Sockets + Wait>(f: &mut Fixture<S>) {
    let Pair { client, server, .. } = f.pair();
    f.s.close(client, Closing::Orderly).unwrap();
    f.until_readable(server);
    f.send_all(server, b"too late");
    f.until_error(server);
    assert_eq!(f.send(server, b"x"), BROKEN_PIPE);
    assert_eq!(f.recv(server), Ok(Received::Eof));
}

pub(super) fn sending_to_one_who_shut_both_resets_it<S: Sockets + Wait>(f: &mut Fixture<S>) {
    let Pair { client, server, .. } = f.pair();
    f.s.shutdown(client, Direction::Both).unwrap();
    f.until_readable(server);
    f.send_all(server, b"too late");
    f.until_error(server);
    assert_eq!(f.s.take_error(server), Ok(Some(Failure::BrokenPipe)));
    assert_eq!(f.s.take_error(client), Ok(Some(Failure::Reset)));
    assert_eq!(f.recv(client), Ok(Received::Eof));
}

pub(super) fn full_buffer_is_delivered_after_close<S: Sockets + Wait>(f: &mut Fixture<S>) {
    let Pair { client, server, .. } = f.pair();
    let count = f.fill(client);
    f.s.close(client, Closing::Orderly).unwrap();
    delivered(f, server, count);
}

pub(super) fn full_buffer_is_delivered_after_own_shutdown<S: Sockets + Wait>(f: &mut Fixture<S>) {
    let Pair { client, server, .. } = f.pair();
    let count = f.fill(client);
    f.s.shutdown(client, Direction::Write).unwrap();
    assert_eq!(f.send(client, b"x"), BROKEN_PIPE);
    delivered(f, server, count);
}

#[track_caller]
fn delivered<S: Sockets + Wait>(f: &mut Fixture<S>, conn: ConnId, count: usize) {
    let (read, end) = f.read_to_end(conn);
    assert!(read == pattern(0, count), "{count} bytes were taken, {} arrived", read.len());
    assert_eq!(end, Ok(()));
}

pub(super) fn close_after_the_peers_fin_is_orderly<S: Sockets + Wait>(f: &mut Fixture<S>) {
    let Pair { client, server, .. } = f.pair();
    f.s.shutdown(client, Direction::Write).unwrap();
    f.until_readable(server);
    f.s.close(server, Closing::Orderly).unwrap();
    f.until_error(client);
    f.expect_eof(client);
    assert_eq!(f.s.take_error(client), Ok(None));
}
