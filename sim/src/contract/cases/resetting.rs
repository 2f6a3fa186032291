//! RST: who causes one, and who is told when.

use sockman::sockets::{
    Closing, ConnError, ConnId, Direction, Failure, Received, Sent, Sockets, Wait,
};

use super::fixture::{Fixture, Pair, pattern};

const BROKEN_PIPE: Result<Sent, ConnError> = Err(ConnError::Failed(Failure::BrokenPipe));
const RESET: ConnError = ConnError::Failed(Failure::Reset);

/// A connection that the peer has reset, having sent `bytes`; nobody has been told yet.
#[track_caller]
fn reset<S: Sockets + Wait>(f: &mut Fixture<S>, bytes: &[u8]) -> ConnId {
    let Pair { client, server, .. } = f.pair();
    if !bytes.is_empty() {
        f.send_across(client, server, bytes);
    }
    f.s.close(client, Closing::Reset).unwrap();
    f.until_error(server);
    server
}

/// A connection whose peer sent FIN and, later, RST.
#[track_caller]
fn reset_after_fin<S: Sockets + Wait>(f: &mut Fixture<S>) -> ConnId {
    let Pair { client, server, .. } = f.pair();
    f.s.shutdown(client, Direction::Write).unwrap();
    f.until_readable(server);
    f.s.close(client, Closing::Reset).unwrap();
    f.until_error(server);
    server
}

#[track_caller]
fn is_over_and_told<S: Sockets + Wait>(f: &mut Fixture<S>, conn: ConnId) {
    assert_eq!(f.recv(conn), Ok(Received::Eof));
    assert_eq!(f.send(conn, b"x"), BROKEN_PIPE);
    assert_eq!(f.s.take_error(conn), Ok(None));
}

pub(super) fn close_with_unread_bytes_resets<S: Sockets + Wait>(f: &mut Fixture<S>) {
    let Pair { client, server, .. } = f.pair();
    f.send_across(client, server, b"unread");
    f.s.close(server, Closing::Orderly).unwrap();
    f.until_error(client);
    assert_eq!(f.recv(client), Err(RESET));
}

pub(super) fn closing_by_reset_resets<S: Sockets + Wait>(f: &mut Fixture<S>) {
    let Pair { client, server, .. } = f.pair();
    f.s.close(server, Closing::Reset).unwrap();
    f.until_error(client);
    assert_eq!(f.recv(client), Err(RESET));
}

pub(super) fn reset_is_told_once_by_recv<S: Sockets + Wait>(f: &mut Fixture<S>) {
    let conn = reset(f, b"");
    assert_eq!(f.recv(conn), Err(RESET));
    is_over_and_told(f, conn);
}

pub(super) fn reset_is_told_once_by_send<S: Sockets + Wait>(f: &mut Fixture<S>) {
    let conn = reset(f, b"");
    assert_eq!(f.send(conn, b"x"), Err(RESET));
    is_over_and_told(f, conn);
}

pub(super) fn reset_is_told_once_by_take_error<S: Sockets + Wait>(f: &mut Fixture<S>) {
    let conn = reset(f, b"");
    assert_eq!(f.s.take_error(conn), Ok(Some(Failure::Reset)));
    is_over_and_told(f, conn);
}

pub(super) fn unread_bytes_come_before_the_reset<S: Sockets + Wait>(f: &mut Fixture<S>) {
    let conn = reset(f, b"hello");
    f.expect_bytes(conn, b"hello");
    assert_eq!(f.recv(conn), Err(RESET));
    is_over_and_told(f, conn);
}

pub(super) fn reset_told_by_send_leaves_the_unread_bytes<S: Sockets + Wait>(f: &mut Fixture<S>) {
    let conn = reset(f, b"hello");
    assert_eq!(f.send(conn, b"x"), Err(RESET));
    f.expect_bytes(conn, b"hello");
    is_over_and_told(f, conn);
}

pub(super) fn reset_after_fin_is_a_clean_end_for_the_reader<S: Sockets + Wait>(f: &mut Fixture<S>) {
    let conn = reset_after_fin(f);
    f.expect_eof(conn);
    assert_eq!(f.s.take_error(conn), Ok(Some(Failure::BrokenPipe)));
    is_over_and_told(f, conn);
}

pub(super) fn reset_after_fin_is_a_broken_pipe_for_the_writer<S: Sockets + Wait>(
    f: &mut Fixture<S>,
) {
    let conn = reset_after_fin(f);
    assert_eq!(f.send(conn, b"x"), BROKEN_PIPE);
    is_over_and_told(f, conn);
}

pub(super) fn reset_connection_has_a_local_endpoint_and_no_peer<S: Sockets + Wait>(
    f: &mut Fixture<S>,
) {
    let Pair { client, server, .. } = f.pair();
    let local = f.s.local_endpoint(server);
    f.s.close(client, Closing::Reset).unwrap();
    f.until_error(server);
    assert_eq!(f.s.local_endpoint(server), local);
    assert_eq!(f.s.peer_endpoint(server), Err(ConnError::Failed(Failure::NotConnected)));
}

pub(super) fn reset_with_a_full_buffer_loses_the_rest<S: Sockets + Wait>(f: &mut Fixture<S>) {
    let Pair { client, server, .. } = f.pair();
    let count = f.fill(client);
    f.s.close(client, Closing::Reset).unwrap();
    let (read, end) = f.read_to_end(server);
    assert!(read == pattern(0, read.len()), "what arrived is in order");
    assert!(read.len() < count, "what had not arrived is lost");
    assert_eq!(end, Err(RESET));
}
