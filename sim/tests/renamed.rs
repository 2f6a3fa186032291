//! A schedule's addresses on real sockets, and the same plan of faults over mock and kernel.
#![expect(clippy::disallowed_methods, reason = "the kernel's waits take the kernel's time")]

use std::collections::BTreeMap;
use std::io::IoSlice;
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use sockman::sockets::{
    Accepted, ConnError, ConnId, ConnectStatus, Endpoint, Interest, ListenerId, More, OsSockets,
    Sockets, Source, Wait,
};
use sockman_sim::contract::cases::{Capabilities, DEADLINE, run_all};
use sockman_sim::faulty::{CallResult, Faulty, Reach};
use sockman_sim::net::Loopback;
use sockman_sim::renamed::{Ports, Renamed, Renaming};
use sockman_sim::schedule::{ActorId, Call, Effect};

/// Hosts of a schedule.
const NODE: &str = "198.51.100.1:8333";
const PEER: &str = "203.0.113.7:40000";
const PEER_V6: &str = "[2001:db8::7]:8333";
/// No host of the schedule, and nobody's (RFC 5737).
const STRANGER: &str = "192.0.2.1:8333";

const ONE: ActorId = ActorId(1);

static START: LazyLock<Instant> = LazyLock::new(Instant::now);

fn end(text: &str) -> Endpoint {
    Endpoint::Ip(text.parse().unwrap())
}

fn address(text: &str) -> IpAddr {
    text.parse::<SocketAddr>().unwrap().ip()
}

fn renaming() -> Renaming {
    Renaming::new([NODE, PEER, PEER_V6].map(address))
}

fn os() -> OsSockets {
    OsSockets::new().unwrap()
}

/// Calls, each after the wait that makes its result certain.
trait Calls: Sockets + Wait {
    /// Waits until something that is named by the interest is true of the source.
    #[track_caller]
    fn until(&mut self, source: Source, interest: Interest) {
        self.set_interest(source, interest).unwrap();
        let mut events = Vec::new();
        self.wait(Some(DEADLINE), &mut events).unwrap();
        assert!(events.iter().any(|event| event.source == source), "{source:?} is silent");
        self.set_interest(source, Interest::NONE).unwrap();
    }

    #[track_caller]
    fn dial(&mut self, to: &str) -> ConnId {
        let conn = self.connect(&end(to)).unwrap();
        self.until(Source::Conn(conn), Interest::WRITE);
        assert_eq!(self.connect_status(conn), Ok(ConnectStatus::Established));
        conn
    }

    #[track_caller]
    fn take(&mut self, listener: ListenerId) -> (ConnId, Endpoint) {
        self.until(Source::Listener(listener), Interest::READ);
        match self.accept(listener) {
            Ok(Accepted::Conn { conn, peer }) => (conn, peer),
            other => panic!("{other:?} in place of a connection"),
        }
    }
}

impl<S: Sockets + Wait> Calls for S {}

// The contract, where the schedule's hosts happen to have the addresses of its cases.

/// The addresses that the cases use, so that every call of theirs is renamed.
fn renaming_of_the_cases() -> Renaming {
    Renaming::new(["127.0.0.1", "127.0.0.2"].map(|text| text.parse().unwrap()))
}

#[test]
fn renamed_kernel_keeps_the_contract() {
    let make = || Renamed::new(os(), renaming_of_the_cases(), Ports::Chosen);
    let now = |_: &Renamed<OsSockets>| START.elapsed();
    run_all(make, &Capabilities { now, unix_directory: None, threads: true });
}

#[test]
fn renamed_faulty_loopback_keeps_the_contract() {
    let make = || {
        let faulty = Faulty::new(Loopback::default(), BTreeMap::new());
        Renamed::new(faulty, renaming_of_the_cases(), Ports::Kept)
    };
    let now =
        |s: &Renamed<Faulty<Loopback>>| Duration::from_nanos(s.inner().inner().now().as_nanos());
    run_all(make, &Capabilities { now, unix_directory: None, threads: false });
}

// Addresses.

/// Somebody dials a host of the schedule; all four answers speak the schedule's language.
fn both_ends_are_called_by_the_schedule<S: Sockets + Wait>(sockets: S, at: &str) {
    let mut s = Renamed::new(sockets, renaming(), Ports::Chosen);
    let listener = s.listen(&end(at)).unwrap();
    assert_eq!(s.listener_endpoint(listener), Ok(end(at)));
    let client = s.dial(at);
    // The one who dials has no name of the schedule's until one is taught.
    let unnamed = s.local_endpoint(client).unwrap();
    assert!(unnamed.ip().unwrap().ip().is_loopback());
    let (server, peer) = s.take(listener);
    assert_eq!(peer, unnamed);
    assert_eq!(s.peer_endpoint(client), Ok(end(at)));
    assert_eq!(s.local_endpoint(server), Ok(end(at)));
    assert_eq!(s.peer_endpoint(server), Ok(unnamed));
}

#[test]
fn ends_are_called_by_the_schedule_on_the_kernel() {
    both_ends_are_called_by_the_schedule(os(), NODE);
    both_ends_are_called_by_the_schedule(os(), PEER_V6);
}

#[test]
fn ends_are_called_by_the_schedule_on_the_virtual_kernel() {
    both_ends_are_called_by_the_schedule(Loopback::default(), NODE);
    both_ends_are_called_by_the_schedule(Loopback::default(), PEER_V6);
}

#[test]
fn peer_whose_end_is_taught_is_called_by_the_schedule() {
    let mut s = Renamed::new(os(), renaming(), Ports::Chosen);
    let listener = s.listen(&end(NODE)).unwrap();
    let stream = TcpStream::connect(s.renaming().real(NODE.parse().unwrap())).unwrap();
    s.renaming_mut().teach(PEER.parse().unwrap(), stream.local_addr().unwrap());
    let (server, peer) = s.take(listener);
    assert_eq!(peer, end(PEER));
    assert_eq!(s.peer_endpoint(server), Ok(end(PEER)));
}

#[test]
fn listening_again_is_at_the_same_port() {
    let mut s = Renamed::new(os(), renaming(), Ports::Chosen);
    let first = s.listen(&end(NODE)).unwrap();
    let real = s.inner().listener_endpoint(first).unwrap();
    assert!(s.listen(&end(NODE)).is_err(), "the schedule's address is in use");
    s.close_listener(first).unwrap();
    let second = s.listen(&end(NODE)).unwrap();
    assert_eq!(s.inner().listener_endpoint(second), Ok(real));
}

#[test]
fn two_runs_side_by_side_listen_at_the_same_address() {
    let mut one = Renamed::new(os(), renaming(), Ports::Chosen);
    let mut other = Renamed::new(os(), renaming(), Ports::Chosen);
    assert!(one.listen(&end(NODE)).is_ok());
    assert!(other.listen(&end(NODE)).is_ok());
}

#[test]
fn unknown_address_passes_unchanged() {
    let mut s = Renamed::new(os(), renaming(), Ports::Chosen);
    assert_eq!(s.listen(&end(STRANGER)), Err(sockman::sockets::ListenError::AddressNotAvailable));
}

// The same plan over the virtual kernel and the real one.

/// One connection under a plan that touches every call, and what each call brought.
fn calls_under_the_plan<S: Sockets + Wait>(sockets: S) -> Vec<CallResult> {
    let renamed = Renamed::new(sockets, renaming(), Ports::Chosen);
    let mut s = Faulty::new(renamed, BTreeMap::from([(address(NODE), ONE)]));
    let plan = [
        (Call::Connect, Some(ONE), 1, Effect::Unreachable),
        (Call::Connect, Some(ONE), 2, Effect::OutOfDescriptors),
        (Call::Accept, None, 1, Effect::OutOfDescriptors),
        (Call::Accept, None, 2, Effect::Aborted),
        (Call::Send, Some(ONE), 1, Effect::Bytes(3)),
        (Call::Send, Some(ONE), 2, Effect::WouldBlock),
        (Call::Recv, Some(ONE), 1, Effect::WouldBlock),
        (Call::Recv, Some(ONE), 2, Effect::Bytes(2)),
        (Call::Recv, Some(ONE), 4, Effect::Reset),
    ];
    for (call, actor, nth, effect) in plan {
        s.plan(call, actor, nth, effect);
    }
    converse(&mut s);
    for (call, actor, nth, effect) in plan {
        assert_eq!(s.reach(call, actor, nth), Reach::Effective, "{call:?} {nth}: {effect:?}");
    }
    s.calls().iter().map(|record| without_port(&record.what)).collect()
}

/// The calls of both sides. What they bring is looked at by the caller.
fn converse<S: Sockets + Wait>(s: &mut S) {
    let listener = s.listen(&end(NODE)).unwrap();
    for _ in 0..2 {
        s.connect(&end(NODE)).unwrap_err();
    }
    let client = s.dial(NODE);
    for _ in 0..2 {
        s.until(Source::Listener(listener), Interest::READ);
        s.accept(listener).unwrap_err();
    }
    let (server, _) = s.take(listener);
    assert!(matches!(s.accept(listener), Ok(Accepted::WouldBlock)));

    let mut buffer = [0; 64];
    for slices in [[&b"head"[..], b"tail"], [b"all", b"of it"], [b"all", b"of it"]] {
        s.until(Source::Conn(client), Interest::WRITE);
        s.send(client, &slices.map(IoSlice::new), More::No).unwrap();
    }
    s.until(Source::Conn(server), Interest::READ);
    s.recv(server, &mut buffer).unwrap();
    assert_eq!(&buffer[..11], b"heaallof it");

    s.send(server, &[IoSlice::new(b"answer")], More::No).unwrap();
    for _ in 0..3 {
        s.until(Source::Conn(client), Interest::READ);
        s.recv(client, &mut buffer).unwrap();
    }
    s.send(server, &[IoSlice::new(b"unread")], More::No).unwrap();
    s.until(Source::Conn(client), Interest::READ);
    let failure = s.recv(client, &mut buffer).unwrap_err();
    assert!(matches!(failure, ConnError::Failed(_)));
    // The connection is over for the side that the plan has reset, whatever the kernel thinks.
    s.until(Source::Conn(client), Interest::NONE);
    s.recv(client, &mut buffer).unwrap();
    s.send(client, &[IoSlice::new(b"lost")], More::No).unwrap_err();
    s.close(client, sockman::sockets::Closing::Orderly).unwrap();

    // Unread bytes were left behind, so the kernel answers with a reset of its own.
    s.until(Source::Conn(server), Interest::READ);
    s.recv(server, &mut buffer).unwrap_err();
    s.recv(server, &mut buffer).unwrap();
    s.close(server, sockman::sockets::Closing::Orderly).unwrap();
    s.close_listener(listener).unwrap();
}

/// A result without the one port that a kernel chose.
fn without_port(result: &CallResult) -> CallResult {
    let CallResult::Accept(Ok(Accepted::Conn { conn, peer: Endpoint::Ip(peer) })) = result else {
        return result.clone();
    };
    let peer = Endpoint::Ip(SocketAddr::new(peer.ip(), 0));
    CallResult::Accept(Ok(Accepted::Conn { conn: *conn, peer }))
}

#[test]
fn same_plan_brings_the_same_results_over_mock_and_kernel() {
    let over_mock = calls_under_the_plan(Loopback::default());
    let over_kernel = calls_under_the_plan(os());
    for (index, (mock, kernel)) in over_mock.iter().zip(&over_kernel).enumerate() {
        assert_eq!(mock, kernel, "call {index}");
    }
    assert_eq!(over_mock.len(), over_kernel.len());
}
