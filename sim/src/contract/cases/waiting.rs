//! When a wait ends, and who may end it.

use std::sync::Barrier;
use std::thread;
use std::time::Duration;

use sockman::sockets::{ConnId, Event, Interest, Readiness, Sockets, Source, Wait, Wake as _};

use super::fixture::{DEADLINE, Fixture, Pair, READABLE};

pub(super) fn zero_looks_and_returns<S: Sockets + Wait>(f: &mut Fixture<S>) {
    let start = f.now();
    for _ in 0..100 {
        assert!(f.wait(Duration::ZERO).is_empty());
    }
    assert!(f.now() - start < DEADLINE);
}

pub(super) fn timeout_is_not_cut_short<S: Sockets + Wait>(f: &mut Fixture<S>) {
    f.pair();
    for nanos in [1, 999, 1_000_001, 1_500_000, 20_000_001] {
        let timeout = Duration::from_nanos(nanos);
        let start = f.now();
        assert!(f.wait(timeout).is_empty());
        let taken = f.now() - start;
        assert!(taken >= timeout, "{timeout:?} took {taken:?}");
    }
}

pub(super) fn events_of_an_earlier_wait_are_replaced<S: Sockets + Wait>(f: &mut Fixture<S>) {
    let Pair { server, .. } = f.pair();
    let old = Event { source: Source::Conn(server), readiness: Readiness::NONE };
    let mut events = vec![old; 3];
    f.s.wait(Some(Duration::ZERO), &mut events).unwrap();
    assert!(events.is_empty());
}

pub(super) fn wake_before_the_wait_ends_it<S: Sockets + Wait>(f: &mut Fixture<S>) {
    f.s.waker().wake();
    let start = f.now();
    assert!(f.wait(2 * DEADLINE).is_empty());
    assert!(f.now() - start < DEADLINE);
}

pub(super) fn many_wakes_count_as_one<S: Sockets + Wait>(f: &mut Fixture<S>) {
    let (waker, other) = (f.s.waker(), f.s.waker());
    for _ in 0..1000 {
        waker.wake();
        other.clone().wake();
    }
    let start = f.now();
    assert!(f.wait(2 * DEADLINE).is_empty());
    assert!(f.now() - start < DEADLINE);
    let timeout = Duration::from_millis(5);
    let start = f.now();
    assert!(f.wait(timeout).is_empty());
    assert!(f.now() - start >= timeout);
}

pub(super) fn wake_does_not_hide_events<S: Sockets + Wait>(f: &mut Fixture<S>) {
    let Pair { client, server, .. } = f.pair();
    f.send_across(client, server, b"hello");
    f.set_interest(server, Interest::READ);
    f.s.waker().wake();
    is_seen_twice(f, server);
}

#[track_caller]
fn is_seen_twice<S: Sockets + Wait>(f: &mut Fixture<S>, conn: ConnId) {
    f.wait_for(conn, READABLE);
    assert_eq!(f.look(conn), READABLE);
}

pub(super) fn wake_from_another_thread_ends_the_wait<S: Sockets + Wait>(f: &mut Fixture<S>) {
    // Some of the wakes come before the wait, some during it; both must end it.
    for _ in 0..50 {
        let waker = f.s.waker();
        let together = Barrier::new(2);
        let start = f.now();
        thread::scope(|scope| {
            scope.spawn(|| {
                together.wait();
                waker.wake();
            });
            together.wait();
            assert!(f.wait(2 * DEADLINE).is_empty());
        });
        assert!(f.now() - start < DEADLINE);
    }
}
