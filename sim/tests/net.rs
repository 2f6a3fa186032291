//! The simulated kernel does what docs/behaviour.md, TCP, says of Linux; each test names the
//! section.

use std::io::IoSlice;
use std::net::SocketAddr;
use std::time::Duration;

use sockman::sockets::{
    AcceptError, Accepted, Closing, ConnError, ConnId, ConnectError, ConnectStatus,
    DescriptorLimit, Direction, Endpoint, Event, Failure, Interest, ListenError, ListenerId, More,
    Readiness, Received, Sent, Sockets, Source, Wait, Wake,
};
use sockman_sim::contract::cases::{Capabilities, run_all};
use sockman_sim::net::{KernelConfig, Loopback};

/// Two ends of a connection over a loopback, and the listener.
struct Pair {
    net: Loopback,
    listener: ListenerId,
    client: ConnId,
    server: ConnId,
}

impl Pair {
    fn new() -> Self {
        Self::with(KernelConfig::default())
    }

    fn with(config: KernelConfig) -> Self {
        let mut net = Loopback::new(config);
        let listener = net.listen(&at("127.0.0.1:0")).unwrap();
        let to = net.listener_endpoint(listener).unwrap();
        let client = net.connect(&to).unwrap();
        let server = accept(&mut net, listener);
        Self { net, listener, client, server }
    }

    fn send(&mut self, conn: ConnId, count: usize) -> Result<Sent, ConnError> {
        let bytes = vec![7; count];
        let sent = self.net.send(conn, &[IoSlice::new(&bytes)], More::No);
        self.net.kernel().check_invariants();
        sent
    }

    fn recv(&mut self, conn: ConnId, count: usize) -> Result<Received, ConnError> {
        let received = self.net.recv(conn, &mut vec![0; count]);
        self.net.kernel().check_invariants();
        received
    }

    fn shutdown(&mut self, conn: ConnId, direction: Direction) -> Result<(), ConnError> {
        self.net.shutdown(conn, direction)
    }

    fn close(&mut self, conn: ConnId, how: Closing) {
        self.net.close(conn, how).unwrap();
        self.net.kernel().check_invariants();
    }

    /// `r`, `w` and `e` for what is true of a connection.
    fn bits(&self, conn: ConnId) -> String {
        letters(self.net.kernel().readiness(Source::Conn(conn)).unwrap())
    }
}

fn letters(readiness: Readiness) -> String {
    let all = [(readiness.readable, 'r'), (readiness.writable, 'w'), (readiness.error, 'e')];
    all.iter().filter(|(on, _)| *on).map(|(_, letter)| letter).collect()
}

fn at(address: &str) -> Endpoint {
    Endpoint::Ip(address.parse::<SocketAddr>().unwrap())
}

fn accept(net: &mut Loopback, listener: ListenerId) -> ConnId {
    match net.accept(listener).unwrap() {
        Accepted::Conn { conn, .. } => conn,
        Accepted::WouldBlock => panic!("nobody waits"),
    }
}

fn wait_now(net: &mut Loopback) -> Vec<Event> {
    let mut events = Vec::new();
    net.wait(Some(Duration::ZERO), &mut events).unwrap();
    events
}

const RESET: ConnError = ConnError::Failed(Failure::Reset);
const BROKEN_PIPE: ConnError = ConnError::Failed(Failure::BrokenPipe);
const NOT_CONNECTED: ConnError = ConnError::Failed(Failure::NotConnected);

#[test]
fn loopback_keeps_the_contract() {
    let now = |net: &Loopback| net.now().since(sockman::time::Instant::START);
    let unix_directory = Some("virtual".into());
    run_all(Loopback::default, &Capabilities { now, unix_directory, threads: false });
}

// TCP 2: connect.

#[test]
fn connect_to_a_listener_is_established_when_it_returns() {
    let mut net = Loopback::default();
    let listener = net.listen(&at("[::1]:0")).unwrap();
    let to = net.listener_endpoint(listener).unwrap();
    let client = net.connect(&to).unwrap();
    assert_eq!(net.connect_status(client), Ok(ConnectStatus::Established));
    assert_eq!(net.peer_endpoint(client), Ok(to));
    let server = accept(&mut net, listener);
    assert_eq!(net.peer_endpoint(server), net.local_endpoint(client));
    assert_eq!(net.local_endpoint(server), net.peer_endpoint(client));
}

#[test]
fn refused_connect_tells_once_and_is_then_an_ended_stream() {
    let mut net = Loopback::default();
    let client = net.connect(&at("127.0.0.1:1")).unwrap();
    assert_eq!(net.peer_endpoint(client), Err(NOT_CONNECTED));
    let told = net.recv(client, &mut [0; 8]);
    assert_eq!(told, Err(ConnError::Failed(Failure::Refused)));
    assert_eq!(net.recv(client, &mut [0; 8]), Ok(Received::Eof));
    assert_eq!(net.send(client, &[IoSlice::new(b"x")], More::No), Err(BROKEN_PIPE));
    assert_eq!(net.take_error(client), Ok(None));
}

#[test]
fn full_backlog_drops_the_syn_and_the_client_gets_in_with_its_first_repeat() {
    let mut net = Loopback::new(KernelConfig { backlog: 1, ..KernelConfig::default() });
    let listener = net.listen(&at("127.0.0.1:8333")).unwrap();
    let clients: Vec<_> = (0..3).map(|_| net.connect(&at("127.0.0.1:8333")).unwrap()).collect();
    net.set_interest(Source::Listener(listener), Interest::NONE).unwrap();
    assert_eq!(net.connect_status(clients[1]), Ok(ConnectStatus::Established));
    assert_eq!(net.connect_status(clients[2]), Ok(ConnectStatus::InProgress));
    assert_eq!(net.recv(clients[2], &mut [0]), Ok(Received::WouldBlock));
    accept(&mut net, listener);
    net.set_interest(Source::Conn(clients[2]), Interest::WRITE).unwrap();
    let mut events = Vec::new();
    net.wait(None, &mut events).unwrap();
    assert_eq!(net.now().as_nanos(), 1_000_000_000);
    assert_eq!(events.len(), 1);
    assert_eq!(net.connect_status(clients[2]), Ok(ConnectStatus::Established));
}

#[test]
fn unanswered_connect_times_out_in_the_end() {
    let mut net = Loopback::new(KernelConfig { backlog: 0, ..KernelConfig::default() });
    net.listen(&at("127.0.0.1:8333")).unwrap();
    net.connect(&at("127.0.0.1:8333")).unwrap();
    let second = net.connect(&at("127.0.0.1:8333")).unwrap();
    let mut events = Vec::new();
    net.wait(Some(Duration::ZERO), &mut events).unwrap();
    while net.connect_status(second) == Ok(ConnectStatus::InProgress) {
        let next = net.kernel().next_timer().unwrap();
        let rest = next.since(net.now());
        // The listener is ready all along, so that a wait alone would not move on.
        let listener_is_ready = events.len();
        assert_eq!(listener_is_ready, 1);
        net.set_interest(events[0].source, Interest::NONE).unwrap();
        let mut none = Vec::new();
        net.wait(Some(rest), &mut none).unwrap();
    }
    assert_eq!(net.now().as_nanos(), 134_000_000_000);
}

#[test]
fn shutdown_while_connecting_gives_up() {
    let mut net = Loopback::new(KernelConfig { backlog: 0, ..KernelConfig::default() });
    net.listen(&at("127.0.0.1:8333")).unwrap();
    net.connect(&at("127.0.0.1:8333")).unwrap();
    let second = net.connect(&at("127.0.0.1:8333")).unwrap();
    assert_eq!(net.shutdown(second, Direction::Read), Ok(()));
    assert_eq!(net.recv(second, &mut [0]), Err(RESET));
    assert_eq!(net.recv(second, &mut [0]), Err(NOT_CONNECTED));
    assert_eq!(net.send(second, &[IoSlice::new(b"x")], More::No), Err(BROKEN_PIPE));
}

#[test]
fn attempt_takes_no_bytes_and_can_be_closed() {
    let mut net = Loopback::new(KernelConfig { backlog: 0, ..KernelConfig::default() });
    let listener = net.listen(&at("127.0.0.1:8333")).unwrap();
    net.connect(&at("127.0.0.1:8333")).unwrap();
    let second = net.connect(&at("127.0.0.1:8333")).unwrap();
    let sent = net.send(second, &[IoSlice::new(b"x")], More::No);
    assert_eq!(sent, Ok(Sent::WouldBlock));
    net.close(second, Closing::Orderly).unwrap();
    net.kernel().check_invariants();
    assert_eq!(net.kernel().next_timer(), None);
    accept(&mut net, listener);
    assert_eq!(net.accept(listener), Ok(Accepted::WouldBlock), "it never got in");
}

// TCP 1.3: addresses.

#[test]
fn address_in_use_is_refused_and_free_again_after_close() {
    let mut net = Loopback::default();
    let wildcard = net.listen(&at("0.0.0.0:8333")).unwrap();
    assert_eq!(net.listen(&at("127.0.0.1:8333")), Err(ListenError::AddressInUse));
    net.listen(&at("[::]:8333")).unwrap();
    assert_eq!(net.listen(&at("192.0.2.1:8333")), Err(ListenError::AddressNotAvailable));
    net.close_listener(wildcard).unwrap();
    net.listen(&at("127.0.0.1:8333")).unwrap();
    net.listen(&at("127.0.0.2:8333")).unwrap();
}

#[test]
fn wildcard_listener_takes_any_own_address() {
    let mut net = Loopback::default();
    let listener = net.listen(&at("0.0.0.0:8333")).unwrap();
    let client = net.connect(&at("127.9.8.7:8333")).unwrap();
    let server = accept(&mut net, listener);
    assert_eq!(net.local_endpoint(server), Ok(at("127.9.8.7:8333")));
    let own = net.local_endpoint(client).unwrap().ip().unwrap();
    assert_eq!(own.ip().to_string(), "127.0.0.1");
}

#[test]
fn no_route_is_told_at_once() {
    let mut net = Loopback::default();
    let failed = Err(ConnectError::Failed(Failure::NetworkUnreachable));
    assert_eq!(net.connect(&at("192.0.2.1:8333")), failed);
    assert_eq!(net.connect(&at("224.0.0.1:8333")), failed);
    assert_eq!(net.kernel().open_descriptors(), 0);
}

#[test]
fn ports_of_one_destination_run_out() {
    let config = KernelConfig { descriptors_max: 100_000, ..KernelConfig::default() };
    let mut net = Loopback::new(KernelConfig { backlog: 20_000, ..config });
    net.listen(&at("127.0.0.1:8333")).unwrap();
    let ids: Vec<_> = (0..14_116).map(|_| net.connect(&at("127.0.0.1:8333")).unwrap()).collect();
    assert_eq!(net.connect(&at("127.0.0.1:8333")), Err(ConnectError::OutOfPorts));
    assert!(net.connect(&at("127.0.0.1:8334")).is_ok());
    net.close(ids[5], Closing::Reset).unwrap();
    assert!(net.connect(&at("127.0.0.1:8333")).is_ok());
}

#[test]
fn unix_endpoints_connect() {
    let mut net = Loopback::default();
    let path = Endpoint::Unix("node.sock".into());
    let listener = net.listen(&path).unwrap();
    assert_eq!(net.listen(&path), Err(ListenError::AddressInUse));
    let client = net.connect(&path).unwrap();
    let other = net.connect(&path).unwrap();
    let server = accept(&mut net, listener);
    assert_eq!(net.local_endpoint(server), Ok(path));
    net.send(client, &[IoSlice::new(b"one")], More::No).unwrap();
    net.send(other, &[IoSlice::new(b"three")], More::No).unwrap();
    assert_eq!(net.recv(server, &mut [0; 9]), Ok(Received::Bytes(3)));
}

// TCP 3: accept.

#[test]
fn accept_without_descriptors_says_so_even_when_nobody_waits() {
    let mut net = Loopback::new(KernelConfig { descriptors_max: 2, ..KernelConfig::default() });
    let listener = net.listen(&at("127.0.0.1:8333")).unwrap();
    let client = net.connect(&at("127.0.0.1:8333")).unwrap();
    let out = AcceptError::OutOfDescriptors(DescriptorLimit::Process);
    assert_eq!(net.accept(listener), Err(out));
    assert_eq!(wait_now(&mut net).len(), 1, "the listener stays ready");
    net.close(client, Closing::Orderly).unwrap();
    let server = accept(&mut net, listener);
    assert_eq!(net.accept(listener), Err(out), "though nobody waits");
    assert_eq!(net.recv(server, &mut [0]), Ok(Received::Eof));
}

#[test]
fn client_that_reset_is_accepted_with_its_bytes() {
    let mut net = Loopback::default();
    let listener = net.listen(&at("127.0.0.1:8333")).unwrap();
    let client = net.connect(&at("127.0.0.1:8333")).unwrap();
    net.send(client, &[IoSlice::new(b"hello")], More::No).unwrap();
    net.close(client, Closing::Reset).unwrap();
    let server = accept(&mut net, listener);
    assert_eq!(net.peer_endpoint(server), Err(NOT_CONNECTED));
    assert_eq!(net.recv(server, &mut [0; 9]), Ok(Received::Bytes(5)));
    assert_eq!(net.recv(server, &mut [0; 9]), Err(RESET));
    assert_eq!(net.recv(server, &mut [0; 9]), Ok(Received::Eof));
}

#[test]
fn closing_a_listener_resets_who_waits_and_nobody_else() {
    let Pair { mut net, listener, client, server } = Pair::new();
    let to = net.listener_endpoint(listener).unwrap();
    let waiting = net.connect(&to).unwrap();
    net.close_listener(listener).unwrap();
    assert_eq!(net.recv(waiting, &mut [0]), Err(RESET));
    assert_eq!(net.recv(client, &mut [0]), Ok(Received::WouldBlock));
    assert_eq!(net.recv(server, &mut [0]), Ok(Received::WouldBlock));
    net.kernel().check_invariants();
}

// TCP 4 and 5: send and recv.

#[test]
fn sends_are_merged_and_read_in_order() {
    let Pair { mut net, client, server, .. } = Pair::new();
    net.send(client, &[IoSlice::new(b"one "), IoSlice::new(b"two ")], More::Yes).unwrap();
    net.send(client, &[IoSlice::new(b"three")], More::No).unwrap();
    let mut buffer = [0; 64];
    assert_eq!(net.recv(server, &mut buffer), Ok(Received::Bytes(13)));
    assert_eq!(&buffer[..13], b"one two three");
    assert_eq!(net.recv(server, &mut buffer), Ok(Received::WouldBlock));
}

#[test]
fn first_send_after_the_peers_close_is_taken_and_the_next_is_a_broken_pipe() {
    let mut pair = Pair::new();
    let (client, server) = (pair.client, pair.server);
    pair.close(server, Closing::Orderly);
    assert_eq!(pair.bits(client), "rw");
    assert_eq!(pair.send(client, 5), Ok(Sent::Bytes(5)));
    assert_eq!(pair.bits(client), "rwe");
    assert_eq!(pair.recv(client, 5), Ok(Received::Eof));
    assert_eq!(pair.send(client, 5), Err(BROKEN_PIPE));
    assert_eq!(pair.net.take_error(client), Ok(None), "the send was told");
}

#[test]
fn sending_to_who_shut_both_ways_resets_both() {
    let mut pair = Pair::new();
    let (client, server) = (pair.client, pair.server);
    pair.shutdown(server, Direction::Both).unwrap();
    assert_eq!(pair.send(client, 5), Ok(Sent::Bytes(5)));
    assert_eq!(pair.recv(server, 5), Err(RESET));
    assert_eq!(pair.recv(server, 5), Ok(Received::Eof));
    assert_eq!(pair.net.take_error(client), Ok(Some(Failure::BrokenPipe)));
}

#[test]
fn reset_before_fin_is_told_once_after_the_unread_bytes() {
    let mut pair = Pair::new();
    let (client, server) = (pair.client, pair.server);
    pair.send(server, 5).unwrap();
    pair.close(server, Closing::Reset);
    assert_eq!(pair.bits(client), "rwe");
    assert_eq!(pair.recv(client, 2), Ok(Received::Bytes(2)));
    assert_eq!(pair.recv(client, 9), Ok(Received::Bytes(3)));
    assert_eq!(pair.recv(client, 9), Err(RESET));
    assert_eq!(pair.recv(client, 9), Ok(Received::Eof));
    assert_eq!(pair.send(client, 9), Err(BROKEN_PIPE));
    assert_eq!(pair.shutdown(client, Direction::Both), Err(NOT_CONNECTED));
}

#[test]
fn send_that_is_told_of_a_reset_leaves_the_unread_bytes_and_a_clean_end() {
    let mut pair = Pair::new();
    let (client, server) = (pair.client, pair.server);
    pair.send(server, 5).unwrap();
    pair.close(server, Closing::Reset);
    assert_eq!(pair.send(client, 1), Err(RESET));
    assert_eq!(pair.recv(client, 9), Ok(Received::Bytes(5)));
    assert_eq!(pair.recv(client, 9), Ok(Received::Eof));
}

#[test]
fn reader_of_fin_then_reset_sees_a_clean_end_for_ever() {
    let mut pair = Pair::new();
    let (client, server) = (pair.client, pair.server);
    pair.shutdown(server, Direction::Write).unwrap();
    pair.close(server, Closing::Reset);
    assert_eq!(pair.recv(client, 9), Ok(Received::Eof));
    assert_eq!(pair.recv(client, 9), Ok(Received::Eof));
    assert_eq!(pair.bits(client), "rwe");
    assert_eq!(pair.send(client, 9), Err(BROKEN_PIPE));
}

#[test]
fn closing_with_unread_bytes_is_a_reset() {
    let mut pair = Pair::new();
    let (client, server) = (pair.client, pair.server);
    pair.send(client, 5).unwrap();
    pair.close(server, Closing::Orderly);
    assert_eq!(pair.recv(client, 9), Err(RESET));
}

#[test]
fn half_close_goes_on_reading_until_both_are_over() {
    let mut pair = Pair::new();
    let (client, server) = (pair.client, pair.server);
    pair.shutdown(client, Direction::Write).unwrap();
    assert_eq!(pair.bits(client), "w");
    assert_eq!(pair.bits(server), "rw");
    pair.send(server, 5).unwrap();
    assert_eq!(pair.recv(client, 9), Ok(Received::Bytes(5)));
    pair.shutdown(server, Direction::Write).unwrap();
    assert_eq!(pair.bits(client), "rwe");
    assert_eq!(pair.net.peer_endpoint(client), Err(NOT_CONNECTED));
    assert_eq!(pair.net.take_error(server), Ok(None));
}

#[test]
fn own_shutdown_of_reading_lets_bytes_through() {
    let mut pair = Pair::new();
    let (client, server) = (pair.client, pair.server);
    pair.shutdown(client, Direction::Read).unwrap();
    assert_eq!(pair.bits(server), "w", "the peer cannot tell");
    pair.send(server, 5).unwrap();
    assert_eq!(pair.recv(client, 9), Ok(Received::Bytes(5)));
    assert_eq!(pair.recv(client, 9), Ok(Received::Eof));
}

// TCP 9: buffers.

const SMALL: KernelConfig = KernelConfig {
    addresses: Vec::new(),
    send_buffer_bytes: 300,
    receive_buffer_bytes: 100,
    backlog: 16,
    descriptors_max: 64,
};

#[test]
fn full_buffers_take_less_then_nothing_and_writable_returns_below_two_thirds() {
    let mut pair = Pair::with(SMALL);
    let (client, server) = (pair.client, pair.server);
    assert_eq!(pair.send(client, 301), Ok(Sent::Bytes(300)));
    // 100 are at the receiver, acknowledged; 200 wait: two thirds.
    assert_eq!(pair.bits(client), "w");
    assert_eq!(pair.send(client, 50), Ok(Sent::Bytes(50)));
    assert_eq!(pair.bits(client), "", "off, though a send would be taken");
    assert_eq!(pair.send(client, 51), Ok(Sent::Bytes(50)));
    assert_eq!(pair.send(client, 1), Ok(Sent::WouldBlock));
    assert_eq!(pair.send(client, 0), Ok(Sent::Bytes(0)));
    assert_eq!(pair.recv(server, 1000), Ok(Received::Bytes(100)));
    assert_eq!(pair.bits(client), "w");
    let mut total = 100;
    while let Ok(Received::Bytes(count)) = pair.recv(server, 7) {
        total += count;
    }
    assert_eq!(total, 400);
}

#[test]
fn close_with_a_full_buffer_delivers_every_byte_then_fin() {
    let mut pair = Pair::with(SMALL);
    let (client, server) = (pair.client, pair.server);
    assert_eq!(pair.send(client, 400), Ok(Sent::Bytes(300)));
    pair.close(client, Closing::Orderly);
    let mut total = 0;
    while let Ok(Received::Bytes(count)) = pair.recv(server, 64) {
        total += count;
    }
    assert_eq!(total, 300);
    assert_eq!(pair.recv(server, 1), Ok(Received::Eof));
}

#[test]
fn reset_with_a_full_buffer_loses_what_has_not_arrived() {
    let mut pair = Pair::with(SMALL);
    let (client, server) = (pair.client, pair.server);
    pair.send(client, 300).unwrap();
    pair.close(client, Closing::Reset);
    assert_eq!(pair.recv(server, 1000), Ok(Received::Bytes(100)));
    assert_eq!(pair.recv(server, 1000), Err(RESET));
}

// TCP 7: waiting.

#[test]
fn wait_reports_levels_masked_by_interest() {
    let mut pair = Pair::new();
    let (client, server) = (pair.client, pair.server);
    assert_eq!(wait_now(&mut pair.net), [], "a new connection has no interest");
    pair.net.set_interest(Source::Conn(client), Interest::READ).unwrap();
    assert_eq!(wait_now(&mut pair.net), []);
    pair.send(server, 1).unwrap();
    for _ in 0..2 {
        let events = wait_now(&mut pair.net);
        assert_eq!(events.len(), 1);
        assert_eq!(letters(events[0].readiness), "r");
    }
    pair.net.set_interest(Source::Conn(client), Interest::NONE).unwrap();
    assert_eq!(wait_now(&mut pair.net), []);
    pair.close(server, Closing::Reset);
    assert_eq!(letters(wait_now(&mut pair.net)[0].readiness), "e", "a reset is seen by all");
}

#[test]
fn waker_ends_one_wait() {
    let mut net = Loopback::default();
    net.waker().wake();
    net.waker().wake();
    let mut events = Vec::new();
    net.wait(Some(Duration::from_secs(1)), &mut events).unwrap();
    assert_eq!(net.now().as_nanos(), 0);
    net.wait(Some(Duration::from_secs(1)), &mut events).unwrap();
    assert_eq!(net.now().as_nanos(), 1_000_000_000);
}

#[test]
fn closed_ids_are_stale_for_every_call() {
    let mut pair = Pair::new();
    let (client, listener) = (pair.client, pair.listener);
    pair.close(client, Closing::Orderly);
    pair.net.close_listener(listener).unwrap();
    assert_eq!(pair.send(client, 1), Err(ConnError::Stale));
    assert_eq!(pair.recv(client, 1), Err(ConnError::Stale));
    assert_eq!(pair.shutdown(client, Direction::Both), Err(ConnError::Stale));
    assert!(pair.net.close(client, Closing::Reset).is_err());
    assert!(pair.net.take_error(client).is_err());
    assert!(pair.net.set_interest(Source::Conn(client), Interest::READ).is_err());
    assert_eq!(pair.net.connect_status(client), Err(ConnectError::Stale));
    assert_eq!(pair.net.accept(listener), Err(AcceptError::Stale));
    assert!(pair.net.close_listener(listener).is_err());
}

/// For whoever takes the time: 12 million calls that move bytes, and as many waits.
#[test]
#[ignore = "a measurement, to run by hand in release: it takes seconds"]
fn twelve_million_socket_calls() {
    const ROUNDS: usize = 1_000_000;
    let mut net = Loopback::default();
    let listener = net.listen(&at("127.0.0.1:0")).unwrap();
    let to = net.listener_endpoint(listener).unwrap();
    let clients: Vec<_> = (0..100).map(|_| net.connect(&to).unwrap()).collect();
    let servers: Vec<_> = (0..100).map(|_| accept(&mut net, listener)).collect();
    for &server in &servers {
        net.set_interest(Source::Conn(server), Interest::READ).unwrap();
    }
    let (bytes, mut buffer) = ([7; 100], [0; 1000]);
    let mut events = Vec::new();
    for round in 0..ROUNDS {
        let (client, server) = (clients[round % 100], servers[round % 100]);
        for (from, to) in [(client, server), (server, client)] {
            for _ in 0..4 {
                net.send(from, &[IoSlice::new(&bytes)], More::No).unwrap();
            }
            net.wait(Some(Duration::ZERO), &mut events).unwrap();
            assert_eq!(net.recv(to, &mut buffer), Ok(Received::Bytes(400)));
            assert_eq!(net.recv(to, &mut buffer), Ok(Received::WouldBlock));
        }
    }
}
