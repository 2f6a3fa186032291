//! docs/behaviour.md, connman 9 and handshake 6.

use sockman::connman::{PING_INTERVAL, TIMEOUT_INTERVAL};

use super::*;

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);

#[test]
fn silent_inbound_peer_is_cut_just_after_a_minute() {
    let mut world = World::new();
    let peer = world.dial();
    world.pass(MINUTE);
    assert_eq!(world.end_of(peer), None);
    world.pass(SECOND);
    assert_eq!(world.end_of(peer), Some(End::Fin));
    let reason = DisconnectReason::HandshakeNoTraffic { received: false, sent: false };
    assert_eq!(world.reasons(), [reason]);
}

#[test]
fn trickling_bytes_do_not_save_a_handshake() {
    let mut world = World::new();
    let peer = world.dial();
    for byte in &wire(MessageType::VERSION, &version(70016).encode())[..60] {
        world.send_bytes(peer, &[*byte]);
        world.pass(SECOND);
    }
    assert_eq!(world.end_of(peer), None);
    world.pass(SECOND);
    let reason = DisconnectReason::HandshakeNoTraffic { received: true, sent: false };
    assert_eq!(world.reasons(), [reason]);
}

/// bugs.md, B030.
#[test]
fn traffic_without_verack_does_not_save_a_handshake() {
    let mut world = World::new();
    let peer = world.dial();
    world.send(peer, MessageType::VERSION, &version(70016).encode());
    for _ in 0..60 {
        world.send(peer, MessageType::PING, &[1; 8]);
        world.pass(SECOND);
    }
    assert_eq!(world.end_of(peer), None);
    world.pass(SECOND);
    assert_eq!(world.reasons(), [DisconnectReason::HandshakeTimeout]);
}

#[test]
fn outbound_peer_that_says_nothing_is_cut_too() {
    let mut world = World::new();
    let (listener, endpoint) = world.listen(0);
    world.command(Command::Connect { endpoint });
    let _ = world.accept(listener);
    world.pass(MINUTE + SECOND);
    let reason = DisconnectReason::HandshakeNoTraffic { received: false, sent: true };
    assert_eq!(world.reasons(), [reason]);
}

#[test]
fn pings_are_two_minutes_apart_while_they_are_answered() {
    let mut world = World::new();
    let peer = world.dial();
    world.send(peer, MessageType::VERSION, &version(70016).encode());
    world.send(peer, MessageType::VERACK, &[]);
    for _ in 0..5 {
        let messages = world.take_messages(peer);
        let ping = messages.last().expect("a ping is sent");
        assert_eq!(ping.message_type, MessageType::PING);
        let nonce = ping.payload.clone();
        world.pass(SECOND);
        world.send(peer, MessageType::PONG, &nonce);
        world.pass(PING_INTERVAL - SECOND);
        assert_eq!(world.take(peer), [""; 0], "not before the interval is over");
        world.pass(Duration::from_nanos(1));
    }
    assert_eq!(world.only().ping_last, Some(SECOND));
    assert_eq!(world.only().ping_least, Some(SECOND));
}

#[test]
fn unanswered_ping_ends_the_connection_after_twenty_minutes() {
    let mut world = World::new();
    let peer = world.ready_peer();
    // It sends, but no pong.
    for _ in 0..20 {
        world.pass(MINUTE);
        world.send(peer, MessageType::PING, &[1; 8]);
    }
    assert_eq!(world.end_of(peer), None);
    world.pass(Duration::from_nanos(1));
    let waited = TIMEOUT_INTERVAL + Duration::from_nanos(1);
    assert_eq!(world.reasons(), [DisconnectReason::PingTimeout { waited }]);
}

#[test]
fn wrong_pong_leaves_the_ping_outstanding() {
    let mut world = World::new();
    let peer = world.ready_peer();
    world.send(peer, MessageType::PONG, &[9; 8]);
    world.pass(PING_INTERVAL + SECOND);
    assert_eq!(world.take(peer), [""; 0], "one ping at a time");
    // Nonce zero, from software that does not know better, is taken for an answer.
    world.send(peer, MessageType::PONG, &[0; 8]);
    assert_eq!(world.take(peer), ["ping"]);
    world.send(peer, MessageType::PONG, &[]);
    world.pass(PING_INTERVAL + SECOND);
    assert_eq!(world.take(peer), ["ping"]);
}

#[test]
fn peer_that_sends_nothing_more_is_cut_after_twenty_minutes() {
    let mut world = World::new();
    let peer = world.ready_peer();
    // Old software: no pong is expected, and none comes, so only its silence counts.
    world.send(peer, MessageType::PONG, &[]);
    let start = world.now().steady;
    while world.reasons().is_empty() {
        world.pass(MINUTE);
        // Our pings go out, since zero-length pongs are not what came.
        assert!(world.now().steady.since(start) < 2 * TIMEOUT_INTERVAL);
    }
    // Of two timers that fall due within two minutes, the earlier one acts.
    assert_eq!(world.reasons(), [DisconnectReason::ReceiveTimeout { seconds: 1_201 }]);
}

#[test]
fn idle_node_sleeps_until_the_next_ping() {
    let mut world = World::new();
    let peer = world.dial();
    world.send(peer, MessageType::VERSION, &version(70016).encode());
    world.send(peer, MessageType::VERACK, &[]);
    let nonce = world.take_messages(peer).last().unwrap().payload.clone();
    world.send(peer, MessageType::PONG, &nonce);
    let now = world.now();
    let wakeup = world.node.next_wakeup(now).unwrap();
    assert_eq!(wakeup.since(now.steady), PING_INTERVAL + Duration::from_nanos(1));
}

#[test]
fn wall_clock_set_forward_fires_what_it_passes() {
    let mut world = World::new();
    let peer = world.dial();
    world.wall_skew_secs = 61;
    world.drive();
    assert_eq!(world.end_of(peer), Some(End::Fin));
}

#[test]
fn wall_clock_set_back_makes_timers_wait() {
    let mut world = World::new();
    let peer = world.dial();
    world.wall_skew_secs = -100;
    world.pass(2 * MINUTE);
    assert_eq!(world.end_of(peer), None);
    world.pass(41 * SECOND);
    assert_eq!(world.end_of(peer), Some(End::Fin));
}

#[test]
fn wall_clock_set_back_between_messages_keeps_timers_exact() {
    let mut world = World::new();
    let peer = world.ready_peer();
    for skew in [-50, 1000, -5000, 0, 70, -3] {
        world.wall_skew_secs = skew;
        world.send(peer, MessageType::PING, &[1; 8]);
        world.pass(SECOND);
    }
}
