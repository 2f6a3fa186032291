//! What the socket manager does with the calls of a kernel: docs/behaviour.md, sockets and connman.

use std::io::IoSlice;
use std::time::Duration;

use sockman::sockets::{
    Closing, ConnId, Direction, Endpoint, Event as Report, Failure, ListenerId, More, Readiness,
    Received, Sockets as _, Source,
};
use sockman::sockman::{
    AcceptBackoff, Config, ConnFailure, Event, FinishEnd, SendOutcome, SockMan,
};
use sockman::time::Instant;
use sockman_sim::faulty::{CallResult, Faulty};
use sockman_sim::net::{Kernel, KernelConfig};
use sockman_sim::schedule::{Call, Effect};

mod driver;
mod machine;
#[cfg(unix)]
mod unix;

const NODE: &str = "192.0.2.1:18444";
const PEER: &str = "203.0.113.1:18444";
const NOBODY: &str = "203.0.113.99:18444";

/// Bytes that a direction of a host holds, unless a test says otherwise.
const BUFFERS: usize = 4096;

/// Steps in which everything here has fallen quiet.
const STEPS_MAX: usize = 1000;

fn at(address: &str) -> Endpoint {
    Endpoint::Ip(address.parse().unwrap())
}

fn host(address: &str, descriptors_max: usize, buffers: usize) -> Kernel {
    let addresses = vec![at(address).ip().unwrap().ip()];
    Kernel::new(KernelConfig {
        addresses,
        descriptors_max,
        send_buffer_bytes: buffers,
        receive_buffer_bytes: buffers,
        ..KernelConfig::default()
    })
}

/// Carries whatever two hosts have sent each other, until both are silent; what is for others is
/// lost.
fn carry(now: Instant, node: &mut Kernel, peer: &mut Kernel) {
    let mut segments = Vec::new();
    while node.has_segments() || peer.has_segments() {
        node.take_segments(&mut segments);
        let to_peer = |segment: &sockman_sim::net::Segment| {
            segment.to.ip().map(|address| address.ip()) == at(PEER).ip().map(|address| address.ip())
        };
        segments.retain(to_peer);
        segments.drain(..).for_each(|segment| peer.handle_segment(now, segment));
        peer.take_segments(&mut segments);
        segments.drain(..).for_each(|segment| node.handle_segment(now, segment));
    }
}

/// A manager that listens, and a host that plays its peers. The tenant's state of a connection is
/// what it wants to send.
struct Pair {
    man: SockMan<Faulty<Kernel>, Vec<u8>>,
    listener: ListenerId,
    peer: Kernel,
    now: Instant,
}

impl Pair {
    fn new() -> Self {
        Self::with(Config::default(), 1024)
    }

    fn with(config: Config, descriptors_max: usize) -> Self {
        Self::between(host(NODE, descriptors_max, BUFFERS), host(PEER, 1024, BUFFERS), config)
    }

    fn between(node: Kernel, peer: Kernel, config: Config) -> Self {
        let sockets = Faulty::new(node, std::iter::empty().collect());
        let mut man = SockMan::new(sockets, config);
        let listener = man.listen(&at(NODE)).unwrap();
        Self { man, listener, peer, now: Instant::START }
    }

    /// With room for one connection besides the listener.
    fn full() -> Self {
        Self::with(Config { accepts_per_turn_max: 1, ..Config::default() }, 2)
    }

    /// A peer dials; its end.
    fn dialled(&mut self) -> ConnId {
        let conn = self.peer.connect(&at(NODE)).unwrap();
        self.carry();
        conn
    }

    /// A peer dials and is accepted and adopted: its end, and ours.
    fn connected(&mut self) -> (ConnId, ConnId) {
        let theirs = self.dialled();
        match self.drive().as_slice() {
            [Event::Accepted { conn, .. }] => {
                self.man.conns_mut().adopt(*conn, Vec::new());
                (theirs, *conn)
            }
            events => panic!("one is accepted: {events:?}"),
        }
    }

    fn carry(&mut self) {
        carry(self.now, self.man.sockets_mut().inner_mut(), &mut self.peer);
    }

    /// Looks at the sockets; whether there was news.
    fn poll(&mut self) -> bool {
        let reports = self.reports();
        self.man.handle_ready(&reports);
        !reports.is_empty()
    }

    fn reports(&mut self) -> Vec<Report> {
        self.carry();
        let mut reports = Vec::new();
        self.man.sockets_mut().inner_mut().poll(&mut reports);
        reports
    }

    fn step(&mut self) -> Option<Event> {
        let event = self.man.step(self.now);
        self.man.check_invariants();
        let kernel = self.man.sockets().inner();
        assert_eq!(self.man.open_count(), kernel.open_descriptors());
        self.carry();
        event
    }

    /// One look at the sockets, and all the steps that follow from it.
    fn turn(&mut self) -> Vec<Event> {
        self.poll();
        let mut events = Vec::new();
        for _ in 0..STEPS_MAX {
            if !self.man.has_work(self.now) {
                return events;
            }
            events.extend(self.step());
        }
        panic!("the turn does not end: {events:?}");
    }

    /// Turns until there is no news.
    fn drive(&mut self) -> Vec<Event> {
        let mut events = Vec::new();
        for _ in 0..STEPS_MAX {
            let new = self.turn();
            if new.is_empty() && !self.poll() {
                return events;
            }
            events.extend(new);
        }
        panic!("it does not fall quiet: {events:?}");
    }

    /// Lets time pass.
    fn pass(&mut self, time: Duration) {
        self.now = self.now + time;
        self.man.sockets_mut().inner_mut().handle_timer(self.now);
        self.peer.handle_timer(self.now);
        self.carry();
    }

    /// Adds to what the tenant wants to send, and offers it all.
    fn send(&mut self, conn: ConnId, count: usize) -> SendOutcome {
        let state = self.man.conns_mut().get_mut(conn).unwrap();
        state.resize(state.len() + count, b'.');
        self.offer(conn)
    }

    /// Offers what the tenant wants to send.
    fn offer(&mut self, conn: ConnId) -> SendOutcome {
        let outcome = self.man.send(conn, |bytes: &Vec<u8>, slices| {
            slices.push(bytes).unwrap();
            More::No
        });
        if let SendOutcome::Accepted(count) = outcome {
            self.man.conns_mut().get_mut(conn).unwrap().drain(..count);
        }
        self.man.check_invariants();
        self.carry();
        outcome
    }

    /// Offers something on a connection of which the tenant has no state to gather from.
    fn offer_gone(&mut self, conn: ConnId) -> SendOutcome {
        self.man.send(conn, |_, _| unreachable!("there is nothing to gather from"))
    }

    fn peer_sends(&mut self, conn: ConnId, count: usize) {
        self.peer.send(conn, &[IoSlice::new(&vec![b'.'; count])], More::No).unwrap();
        self.carry();
    }

    /// The peer reads all there is; how much, and how it ends.
    fn peer_reads(&mut self, conn: ConnId) -> (usize, Option<Received>) {
        let mut total = 0;
        let mut buffer = [0; 4096];
        loop {
            let received = self.peer.recv(conn, &mut buffer);
            self.carry();
            match received {
                Ok(Received::Bytes(count)) => total += count,
                Ok(end) => return (total, Some(end)),
                Err(_) => return (total, None),
            }
        }
    }

    fn peer_closes(&mut self, conn: ConnId, how: Closing) {
        self.peer.close(conn, how).unwrap();
        self.carry();
    }

    /// How often the backend was told of an interest, since the last time somebody asked.
    fn interest_calls(&mut self) -> usize {
        let calls = self.man.sockets().calls();
        let count = calls.iter().filter(|call| matches!(call.what, CallResult::Interest(..)));
        let count = count.count();
        self.man.sockets_mut().forget();
        count
    }
}

fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

fn names(events: &[Event]) -> Vec<&'static str> {
    events.iter().map(Event::name).collect()
}

/// When a listener that could not accept tries again, after so long.
#[track_caller]
fn rest(pair: &Pair, events: &[Event]) -> Option<Duration> {
    match events {
        [Event::AcceptFailed { retry_at, .. }] => retry_at.map(|at| at.since(pair.now)),
        _ => panic!("one accept fails: {events:?}"),
    }
}

// Accepting.

#[test]
fn a_turn_accepts_so_many_and_no_more() {
    let config = Config { accepts_per_turn_max: 3, ..Config::default() };
    let mut pair = Pair::with(config, 1024);
    for _ in 0..5 {
        pair.dialled();
    }
    assert_eq!(names(&pair.turn()), ["accepted"; 3]);
    assert_eq!(names(&pair.turn()), ["accepted"; 2]);
    assert_eq!(names(&pair.turn()), [""; 0]);
}

#[test]
fn a_listener_without_descriptors_rests_for_10_ms_to_1_s() {
    let mut pair = Pair::full();
    pair.connected();
    pair.dialled();
    for expected in [10, 20, 40, 80, 160, 320, 640, 1000, 1000, 1000] {
        let events = pair.drive();
        assert_eq!(rest(&pair, &events), Some(millis(expected)));
        let due = pair.now + millis(expected);
        assert_eq!(pair.man.next_wakeup(), Some(due));
        pair.pass(millis(expected) - Duration::from_nanos(1));
        assert_eq!(pair.drive(), [], "it rests");
        pair.pass(Duration::from_nanos(1));
    }
}

#[test]
fn a_resting_listener_goes_on_when_a_connection_is_closed() {
    let mut pair = Pair::full();
    let (_, first) = pair.connected();
    pair.dialled();
    let events = pair.drive();
    assert_eq!(rest(&pair, &events), Some(millis(10)));
    pair.man.close(first).unwrap();
    assert_eq!(names(&pair.drive()), ["accepted"], "at the same instant");
    pair.dialled();
    let events = pair.drive();
    assert_eq!(rest(&pair, &events), Some(millis(10)), "a success ends the doubling");
}

#[test]
fn the_reference_spins_without_descriptors() {
    assert_eq!(Config::REFERENCE.accept_backoff, AcceptBackoff::Off);
    let mut pair = Pair::with(Config::REFERENCE, 2);
    pair.connected();
    pair.dialled();
    for _ in 0..10 {
        let events = pair.turn();
        assert_eq!(rest(&pair, &events), None);
        assert_eq!(pair.man.next_wakeup(), None);
    }
}

#[test]
fn a_listener_does_not_rest_after_a_client_that_gave_up() {
    let config = Config { accepts_per_turn_max: 1, ..Config::default() };
    let mut pair = Pair::with(config, 1024);
    pair.man.sockets_mut().plan(Call::Accept, None, 1, Effect::Aborted);
    pair.dialled();
    pair.dialled();
    let events = pair.turn();
    assert_eq!(rest(&pair, &events), None);
    assert_eq!((pair.man.resting_count(), pair.man.next_wakeup()), (0, None));
    assert_eq!(names(&pair.turn()), ["accepted"], "the next one, at the same instant");
}

#[test]
fn who_waits_where_nobody_listens_any_more_is_reset() {
    let mut pair = Pair::new();
    let theirs = pair.dialled();
    pair.poll();
    pair.man.stop_listening(pair.listener).unwrap();
    pair.carry();
    assert_eq!(pair.peer_reads(theirs), (0, None));
    assert_eq!(pair.drive(), [], "the report of before is stale");
    assert_eq!(pair.man.stop_listening(pair.listener), Err(sockman::sockets::Stale));
}

// Dialling.

#[test]
fn a_dial_succeeds_and_its_deadline_goes() {
    let mut pair = Pair::new();
    pair.peer.listen(&at(PEER)).unwrap();
    let conn = pair.man.dial(pair.now, at(PEER), millis(5000), Vec::new()).unwrap();
    assert_eq!(pair.offer(conn), SendOutcome::Accepted(0), "bytes wait for the connection");
    assert_eq!(pair.drive(), [Event::Connected { conn }]);
    assert_eq!(pair.man.next_wakeup(), None);
    assert_eq!(pair.send(conn, 5), SendOutcome::Accepted(5));
}

#[test]
fn a_dial_that_is_refused_fails_at_once() {
    let mut pair = Pair::new();
    let conn = pair.man.dial(pair.now, at(PEER), millis(5000), Vec::new()).unwrap();
    let error = sockman::sockets::ConnectError::Failed(Failure::Refused);
    assert_eq!(pair.drive(), [Event::Failed { conn, error: ConnFailure::Dial(error) }]);
    assert_eq!(pair.man.next_wakeup(), None);
    assert_eq!(pair.man.close(conn), Ok(Some(Vec::new())));
}

#[test]
fn a_dial_that_nobody_answers_is_given_up_in_time() {
    let mut pair = Pair::new();
    let conn = pair.man.dial(pair.now, at(NOBODY), millis(5000), Vec::new()).unwrap();
    pair.pass(millis(4999));
    assert_eq!(pair.drive(), []);
    pair.pass(millis(1));
    assert_eq!(pair.drive(), [Event::Failed { conn, error: ConnFailure::DialTimeout }]);
    assert_eq!(pair.man.sockets().inner().open_descriptors(), 1, "the socket is closed already");
    assert_eq!(pair.man.conns().count(), 1, "and the entry waits for the tenant");
}

#[test]
fn a_dial_that_cannot_begin_gives_the_state_back() {
    let mut pair = Pair::with(Config::default(), 1);
    let failed = pair.man.dial(pair.now, at(PEER), millis(5000), vec![7]);
    assert_eq!(failed.unwrap_err().0, [7]);
    assert_eq!(pair.man.conns().count(), 0);
}

// Receiving.

#[test]
fn nothing_is_read_before_the_tenant_asks() {
    let mut pair = Pair::new();
    let (theirs, ours) = pair.connected();
    pair.peer_sends(theirs, 10);
    assert_eq!(pair.drive(), []);
    pair.man.resume(ours);
    assert_eq!(pair.drive(), [Event::Received { conn: ours, count: 10 }], "at the same instant");
}

#[test]
fn a_pause_hides_bytes_and_an_end() {
    let mut pair = Pair::new();
    let (theirs, ours) = pair.connected();
    pair.man.resume(ours);
    pair.man.pause(ours);
    pair.peer_sends(theirs, 10);
    pair.peer.shutdown(theirs, Direction::Write).unwrap();
    assert_eq!(pair.drive(), []);
    pair.man.resume(ours);
    assert_eq!(names(&pair.drive()), ["received", "eof"]);
}

#[test]
fn a_pause_does_not_hide_a_reset() {
    let mut pair = Pair::new();
    let (theirs, ours) = pair.connected();
    pair.peer_closes(theirs, Closing::Reset);
    let error = ConnFailure::Lost(Failure::Reset);
    assert_eq!(pair.drive(), [Event::Failed { conn: ours, error }]);
}

#[test]
fn a_reset_while_paused_is_told_without_a_read() {
    let mut pair = Pair::new();
    let (theirs, ours) = pair.connected();
    pair.peer_sends(theirs, 10);
    pair.peer_closes(theirs, Closing::Reset);
    let error = ConnFailure::Lost(Failure::Reset);
    assert_eq!(pair.drive(), [Event::Failed { conn: ours, error }]);
}

#[test]
fn a_report_from_before_a_pause_reads_nothing() {
    let mut pair = Pair::new();
    let (theirs, ours) = pair.connected();
    pair.man.resume(ours);
    pair.peer_sends(theirs, 10);
    pair.poll();
    pair.man.pause(ours);
    assert_eq!(pair.step(), None);
}

#[test]
fn a_report_of_a_closed_connection_is_ignored() {
    let mut pair = Pair::new();
    let (theirs, ours) = pair.connected();
    pair.man.resume(ours);
    pair.peer_sends(theirs, 10);
    let reports = pair.reports();
    pair.poll();
    pair.man.close(ours).unwrap();
    assert_eq!(pair.drive(), [], "one that was queued");
    pair.man.handle_ready(&reports);
    assert_eq!(pair.drive(), [], "one that came late");
    assert_eq!(pair.offer_gone(ours), SendOutcome::Gone);
}

#[test]
fn a_receive_takes_64_kib_and_the_next_one_is_in_a_later_turn() {
    let buffers = 0x2_0000;
    let (node, peer) = (host(NODE, 1024, buffers), host(PEER, 1024, buffers));
    let mut pair = Pair::between(node, peer, Config::default());
    let (theirs, ours) = pair.connected();
    pair.man.resume(ours);
    pair.peer_sends(theirs, 0x1_0000 + 7);
    assert_eq!(pair.turn(), [Event::Received { conn: ours, count: 0x1_0000 }]);
    assert_eq!(pair.turn(), [Event::Received { conn: ours, count: 7 }]);
}

#[test]
fn an_end_of_stream_is_told_once_and_sending_goes_on() {
    let mut pair = Pair::new();
    let (theirs, ours) = pair.connected();
    pair.man.resume(ours);
    pair.peer_sends(theirs, 3);
    pair.peer.shutdown(theirs, Direction::Write).unwrap();
    assert_eq!(names(&pair.drive()), ["received", "eof"]);
    assert_eq!(pair.send(ours, 10), SendOutcome::Accepted(10));
    assert_eq!(pair.peer_reads(theirs), (10, Some(Received::WouldBlock)));
    assert_eq!(pair.drive(), []);
}

// Sending.

#[test]
fn a_connection_that_takes_bytes_again_sends_before_it_receives() {
    let mut pair = Pair::new();
    let (theirs, ours) = pair.connected();
    pair.man.resume(ours);
    assert_eq!(pair.send(ours, 10_000), SendOutcome::Accepted(4096));
    pair.peer_reads(theirs);
    pair.peer_sends(theirs, 10);
    pair.poll();
    assert_eq!(pair.step(), Some(Event::Writable { conn: ours }));
    assert!(!pair.man.sockets().calls().is_empty());
    assert_eq!(pair.step(), Some(Event::Received { conn: ours, count: 10 }));
}

#[test]
fn a_connection_that_takes_some_bytes_receives_in_a_later_turn() {
    let mut pair = Pair::new();
    let (theirs, ours) = pair.connected();
    pair.man.resume(ours);
    pair.send(ours, 20_000);
    pair.peer_reads(theirs);
    pair.peer_sends(theirs, 10);
    pair.poll();
    assert_eq!(pair.step(), Some(Event::Writable { conn: ours }));
    assert!(matches!(pair.offer(ours), SendOutcome::Accepted(1..)));
    assert_eq!(pair.step(), None, "the turn was the sender's");
    assert_eq!(names(&pair.turn()), ["writable", "received"]);
}

/// Two peers who both wait for room would otherwise wait for each other.
#[test]
fn a_connection_that_takes_no_bytes_receives_in_the_same_turn() {
    let mut pair = Pair::new();
    let (theirs, ours) = pair.connected();
    pair.man.resume(ours);
    pair.send(ours, 20_000);
    // Until both kernels are full.
    while pair.offer(ours) != SendOutcome::Accepted(0) {}
    pair.peer_sends(theirs, 10);
    // Spurious: there is no room.
    let readiness = Readiness { readable: true, writable: true, error: false };
    pair.man.handle_ready(&[Report { source: Source::Conn(ours), readiness }]);
    assert_eq!(pair.step(), Some(Event::Writable { conn: ours }));
    assert_eq!(pair.offer(ours), SendOutcome::Accepted(0));
    assert_eq!(pair.step(), Some(Event::Received { conn: ours, count: 10 }));
}

#[test]
fn an_error_is_read_in_the_turn_of_a_partial_send() {
    let mut pair = Pair::new();
    let (theirs, ours) = pair.connected();
    pair.man.resume(ours);
    pair.send(ours, 20_000);
    pair.peer_reads(theirs);
    pair.peer_sends(theirs, 10);
    let readiness = Readiness { readable: true, writable: true, error: true };
    pair.man.handle_ready(&[Report { source: Source::Conn(ours), readiness }]);
    assert_eq!(pair.step(), Some(Event::Writable { conn: ours }));
    assert!(matches!(pair.offer(ours), SendOutcome::Accepted(1..)));
    assert_eq!(pair.step(), Some(Event::Received { conn: ours, count: 10 }));
}

#[test]
fn an_empty_offer_makes_no_call() {
    let mut pair = Pair::new();
    let (_, ours) = pair.connected();
    pair.man.sockets_mut().forget();
    assert_eq!(pair.offer(ours), SendOutcome::Accepted(0));
    assert_eq!(pair.man.sockets().calls(), []);
}

#[test]
fn a_send_on_a_reset_connection_closes_it() {
    let mut pair = Pair::new();
    let (theirs, ours) = pair.connected();
    pair.peer_closes(theirs, Closing::Reset);
    assert_eq!(pair.send(ours, 1), SendOutcome::Failed(Failure::Reset));
    assert_eq!(pair.man.sockets().inner().open_descriptors(), 1);
    assert_eq!(pair.offer_gone(ours), SendOutcome::Gone);
    assert_eq!(pair.drive(), [], "the failure was told already");
    pair.man.close(ours).unwrap();
}

#[test]
fn the_backend_is_told_of_an_interest_only_when_it_changes() {
    let mut pair = Pair::new();
    let (theirs, ours) = pair.connected();
    pair.interest_calls();
    let mut check = |what: &str, calls: usize, act: &mut dyn FnMut(&mut Pair)| {
        act(&mut pair);
        assert_eq!(pair.interest_calls(), calls, "{what}");
    };
    check("already paused", 0, &mut |pair| pair.man.pause(ours));
    check("resumed", 1, &mut |pair| pair.man.resume(ours));
    check("already resumed", 0, &mut |pair| pair.man.resume(ours));
    check("sent whole", 0, &mut |pair| _ = pair.send(ours, 10));
    check("received", 0, &mut |pair| {
        pair.peer_sends(theirs, 10);
        pair.drive();
    });
    check("sent in part", 1, &mut |pair| _ = pair.send(ours, 10_000));
    check("still in part", 0, &mut |pair| _ = pair.send(ours, 1));
    check("closed", 0, &mut |pair| drop(pair.man.close(ours)));
}

// Ending.

#[test]
fn an_orderly_end_sends_what_was_taken_and_waits_for_the_peer() {
    let mut pair = Pair::new();
    let (theirs, ours) = pair.connected();
    assert_eq!(pair.send(ours, 3000), SendOutcome::Accepted(3000));
    pair.man.finish(ours, pair.now + millis(10_000));
    pair.carry();
    assert_eq!(pair.offer_gone(ours), SendOutcome::Gone, "what was not sent by now is not");
    assert_eq!(pair.peer_reads(theirs), (3000, Some(Received::Eof)));
    pair.peer_sends(theirs, 500);
    assert_eq!(pair.drive(), [], "what still comes is discarded");
    pair.peer_closes(theirs, Closing::Orderly);
    assert_eq!(pair.drive(), [Event::Finished { conn: ours, end: FinishEnd::PeerClosed }]);
    assert_eq!(pair.man.next_wakeup(), None);
}

#[test]
fn an_orderly_end_has_a_deadline() {
    let mut pair = Pair::new();
    let (_, ours) = pair.connected();
    pair.man.finish(ours, pair.now + millis(10_000));
    pair.pass(millis(9999));
    assert_eq!(pair.drive(), []);
    pair.pass(millis(1));
    assert_eq!(pair.drive(), [Event::Finished { conn: ours, end: FinishEnd::Deadline }]);
}

#[test]
fn an_orderly_end_can_fail() {
    let mut pair = Pair::new();
    let (theirs, ours) = pair.connected();
    pair.man.finish(ours, pair.now + millis(10_000));
    pair.carry();
    pair.peer_closes(theirs, Closing::Reset);
    let events = pair.drive();
    assert!(
        matches!(events.as_slice(), [Event::Finished { end: FinishEnd::Failed(_), .. }]),
        "{events:?}"
    );
}

#[test]
fn a_shutdown_closes_everything_once() {
    let mut pair = Pair::new();
    let (theirs, ours) = pair.connected();
    let (_, failed) = pair.connected();
    let dialling = pair.man.dial(pair.now, at(NOBODY), millis(5000), Vec::new()).unwrap();
    pair.peer_sends(theirs, 10);
    pair.man.resume(ours);
    pair.poll();
    let states: Vec<_> = pair.man.shutdown().into_iter().map(|(conn, _)| conn).collect();
    assert_eq!(states, [ours, failed, dialling]);
    let kernel = pair.man.sockets().inner();
    assert_eq!(kernel.open_descriptors(), 0);
    assert_eq!(kernel.totals().opened, kernel.totals().closed);
    assert_eq!(pair.man.next_wakeup(), None);
    assert!(!pair.man.has_work(pair.now));
    assert_eq!(pair.man.shutdown(), []);
}
