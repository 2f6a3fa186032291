//! Readiness is a level, and interest is state.

use std::time::Duration;

use sockman::sockets::{
    Closing, ConnId, Direction, Interest, Readiness, Received, Sockets, Source, Wait,
};

use super::fixture::{ERROR, Fixture, Pair, READABLE, WRITABLE};

pub(super) fn level_is_reported_at_every_wait<S: Sockets + Wait>(f: &mut Fixture<S>) {
    let Pair { client, server, .. } = f.pair();
    f.send_across(client, server, b"hello");
    f.set_interest(server, Interest::READ);
    for _ in 0..5 {
        assert_eq!(f.look(server), READABLE);
    }
}

pub(super) fn partial_read_stays_readable<S: Sockets + Wait>(f: &mut Fixture<S>) {
    let Pair { client, server, .. } = f.pair();
    f.set_interest(server, Interest::READ);
    f.send_all(client, b"hello");
    f.wait_for(server, READABLE);
    for _ in 0..4 {
        assert_eq!(f.s.recv(server, &mut [0; 1]), Ok(Received::Bytes(1)));
        assert_eq!(f.look(server), READABLE);
    }
}

pub(super) fn drained_connection_is_not_readable<S: Sockets + Wait>(f: &mut Fixture<S>) {
    let Pair { client, server, .. } = f.pair();
    f.set_interest(server, Interest::READ);
    for _ in 0..3 {
        f.send_all(client, b"hello");
        f.expect_bytes_with_interest(server, b"hello");
        assert_eq!(f.recv(server), Ok(Received::WouldBlock));
        assert_eq!(f.look(server), Readiness::NONE);
    }
}

pub(super) fn idle_connection_is_writable<S: Sockets + Wait>(f: &mut Fixture<S>) {
    let Pair { client, server, .. } = f.pair();
    for conn in [client, server] {
        f.set_interest(conn, Interest::BOTH);
        assert_eq!(f.look(conn), WRITABLE);
        assert_eq!(f.look(conn), WRITABLE);
    }
}

pub(super) fn new_connection_has_no_interest<S: Sockets + Wait>(f: &mut Fixture<S>) {
    let (listener, at) = f.listen();
    let client = f.s.connect(&at).unwrap();
    let (server, _) = f.accept(listener);
    assert_eq!(f.look(client), Readiness::NONE);
    assert_eq!(f.look(server), Readiness::NONE);
}

pub(super) fn interest_hides_what_it_does_not_name<S: Sockets + Wait>(f: &mut Fixture<S>) {
    let Pair { client, server, .. } = f.pair();
    f.send_across(client, server, b"hello");
    let both = READABLE.or(WRITABLE);
    for (interest, seen) in [
        (Interest::NONE, Readiness::NONE),
        (Interest::READ, READABLE),
        (Interest::WRITE, WRITABLE),
        (Interest::BOTH, both),
        (Interest::WRITE, WRITABLE),
        (Interest::NONE, Readiness::NONE),
    ] {
        f.set_interest(server, interest);
        assert_eq!(f.look(server), seen);
    }
}

pub(super) fn interest_none_hides_a_fin<S: Sockets + Wait>(f: &mut Fixture<S>) {
    let Pair { client, server, .. } = f.pair();
    f.s.shutdown(client, Direction::Write).unwrap();
    f.until_readable(server);
    assert_eq!(f.look(server), Readiness::NONE);
    f.set_interest(server, Interest::WRITE);
    assert_eq!(f.look(server), WRITABLE);
}

pub(super) fn interest_none_shows_a_reset<S: Sockets + Wait>(f: &mut Fixture<S>) {
    let Pair { client, server, .. } = f.pair();
    f.s.close(client, Closing::Reset).unwrap();
    f.wait_for(server, ERROR);
    assert_eq!(f.look(server), ERROR);
}

pub(super) fn interest_none_shows_that_both_directions_are_over<S: Sockets + Wait>(
    f: &mut Fixture<S>,
) {
    let Pair { client, server, .. } = f.pair();
    f.s.shutdown(client, Direction::Write).unwrap();
    f.s.shutdown(server, Direction::Write).unwrap();
    f.wait_for(client, ERROR);
    f.wait_for(server, ERROR);
}

pub(super) fn interest_set_again_is_the_same<S: Sockets + Wait>(f: &mut Fixture<S>) {
    let Pair { client, server, .. } = f.pair();
    f.send_across(client, server, b"hello");
    for _ in 0..3 {
        f.set_interest(server, Interest::READ);
        f.set_interest(server, Interest::READ);
        assert_eq!(f.look(server), READABLE);
    }
}

pub(super) fn interest_gained_later_reports_what_is_there<S: Sockets + Wait>(f: &mut Fixture<S>) {
    let Pair { client, server, .. } = f.pair();
    f.set_interest(server, Interest::WRITE);
    f.wait_for(server, WRITABLE);
    f.send_all(client, b"hello");
    assert_eq!(f.look(server), WRITABLE);
    f.set_interest(server, Interest::BOTH);
    f.wait_for(server, READABLE.or(WRITABLE));
}

pub(super) fn error_stays_until_the_close<S: Sockets + Wait>(f: &mut Fixture<S>) {
    let Pair { client, server, .. } = f.pair();
    f.s.close(client, Closing::Reset).unwrap();
    f.wait_for(server, ERROR);
    assert!(f.s.take_error(server).unwrap().is_some());
    f.set_interest(server, Interest::BOTH);
    let all = ERROR.or(READABLE).or(WRITABLE);
    assert_eq!(f.look(server), all);
    assert_eq!(f.recv(server), Ok(Received::Eof));
    assert_eq!(f.look(server), all);
    f.s.close(server, Closing::Orderly).unwrap();
    assert_eq!(f.look(server), Readiness::NONE);
}

pub(super) fn failure_stays_readable_until_it_is_told<S: Sockets + Wait>(f: &mut Fixture<S>) {
    let Pair { client, server, .. } = f.pair();
    f.set_interest(server, Interest::READ);
    f.s.close(client, Closing::Reset).unwrap();
    f.wait_for(server, READABLE.or(ERROR));
    for _ in 0..3 {
        assert_eq!(f.look(server), READABLE.or(ERROR));
    }
}

pub(super) fn end_of_stream_stays_readable<S: Sockets + Wait>(f: &mut Fixture<S>) {
    let Pair { client, server, .. } = f.pair();
    f.set_interest(server, Interest::READ);
    f.send_all(client, b"bye");
    f.s.close(client, Closing::Orderly).unwrap();
    f.expect_bytes_with_interest(server, b"bye");
    f.wait_for(server, READABLE);
    for _ in 0..3 {
        assert_eq!(f.recv(server), Ok(Received::Eof));
        assert_eq!(f.look(server), READABLE);
    }
}

pub(super) fn own_shutdowns_are_reported<S: Sockets + Wait>(f: &mut Fixture<S>) {
    let Pair { client, server, .. } = f.pair();
    f.set_interest(server, Interest::READ);
    f.s.shutdown(server, Direction::Read).unwrap();
    f.wait_for(server, READABLE);
    // Otherwise every wait returns at once, and virtual time stands still.
    f.set_interest(server, Interest::NONE);
    f.fill(client);
    f.set_interest(client, Interest::WRITE);
    f.s.shutdown(client, Direction::Write).unwrap();
    f.wait_for(client, WRITABLE);
    f.s.shutdown(client, Direction::Both).unwrap();
    f.wait_for(client, ERROR);
}

pub(super) fn closed_socket_is_not_reported<S: Sockets + Wait>(f: &mut Fixture<S>) {
    let Pair { client, server, listener } = f.pair();
    f.send_across(client, server, b"hello");
    f.set_interest(server, Interest::BOTH);
    f.wait_for(server, READABLE);
    for conn in [client, server] {
        f.s.close(conn, Closing::Orderly).unwrap();
    }
    f.s.close_listener(listener).unwrap();
    assert!(f.wait(Duration::ZERO).is_empty());
}

pub(super) fn each_socket_is_reported_once<S: Sockets + Wait>(f: &mut Fixture<S>) {
    let (listener, at) = f.listen();
    let pairs: Vec<Pair> = (0..10).map(|_| f.pair_through(listener, &at)).collect();
    let all: Vec<ConnId> = pairs.iter().flat_map(|pair| [pair.client, pair.server]).collect();
    for &conn in &all {
        f.send_all(conn, b"x");
    }
    for &conn in &all {
        f.until_readable(conn);
    }
    for &conn in &all {
        f.set_interest(conn, Interest::BOTH);
    }
    let mut seen: Vec<Source> = f.wait(Duration::ZERO).iter().map(|event| event.source).collect();
    seen.sort_unstable();
    let mut expected: Vec<Source> = all.into_iter().map(Source::Conn).collect();
    expected.sort_unstable();
    assert_eq!(seen, expected);
}

impl<S: Sockets + Wait> Fixture<S> {
    /// Reads exactly these bytes under the interest that is set, which is not changed.
    #[track_caller]
    fn expect_bytes_with_interest(&mut self, conn: ConnId, expected: &[u8]) {
        for &byte in expected {
            self.wait_for(conn, READABLE);
            let mut one = [0];
            assert_eq!(self.s.recv(conn, &mut one), Ok(Received::Bytes(1)));
            assert_eq!(one, [byte]);
        }
    }
}
