//! docs/behaviour.md, connman 7 and 8.

use super::*;

const PING_BYTES: usize = 32;

/// Sends pings until nothing more is taken, or `bytes` are through.
fn flood(world: &mut World, peer: P, bytes: usize) -> usize {
    let pings = wire(MessageType::PING, &[3; 8]).repeat(1024);
    let mut sent = 0;
    while sent < bytes {
        let from = sent % PING_BYTES;
        let count = world.offer(peer, &pings[from..pings.len().min(from + bytes - sent)]);
        world.drive();
        if count == 0 {
            break;
        }
        sent += count;
    }
    sent
}

#[test]
fn peer_that_does_not_read_is_not_served_and_then_not_read() {
    let mut world = World::new();
    let peer = world.ready_peer();
    world.remotes[peer.0].reads = false;
    let sent = flood(&mut world, peer, 64_000_000);
    assert!(sent < 64_000_000, "the window closes");
    let snapshot = world.only();
    assert!(snapshot.send_paused && snapshot.receive_paused, "{snapshot:?}");
    // A limit, one message, one read. connman.md 7.1.
    assert!(snapshot.inbox_bytes > 5_000_000);
    assert!(snapshot.inbox_bytes < 5_000_000 + 0x10000 * 5, "{}", snapshot.inbox_bytes);
    // A limit and one reply. connman.md 7.3.
    assert!(snapshot.outbox_bytes < 1_000_000, "{}", snapshot.outbox_bytes);
    // It reads again: every ping is answered.
    world.remotes[peer.0].reads = true;
    world.drive();
    let rest = (PING_BYTES - sent % PING_BYTES) % PING_BYTES;
    let ping = wire(MessageType::PING, &[3; 8]);
    world.send_bytes(peer, &ping[PING_BYTES - rest..]);
    let pongs = world.take(peer);
    assert_eq!(pongs.len(), (sent + rest) / PING_BYTES);
    assert!(pongs.iter().all(|name| name == "pong"));
    let snapshot = world.only();
    assert!(!snapshot.send_paused && !snapshot.receive_paused);
    assert_eq!((snapshot.inbox_bytes, snapshot.outbox_bytes), (0, 0));
}

#[test]
fn flood_of_one_peer_does_not_keep_another_waiting() {
    let mut world = World::new();
    let flooder = world.ready_peer();
    let other = world.ready_peer();
    let pings = wire(MessageType::PING, &[3; 8]).repeat(1000);
    assert_eq!(world.offer(flooder, &pings), pings.len());
    assert_eq!(world.offer(other, &wire(MessageType::PING, &[4; 8])), PING_BYTES);
    let handled_before = world.notices.len();
    world.drive();
    let handled = |notice: &&Notice| matches!(notice, Notice::MessageHandled { .. });
    let notices: Vec<_> = world.notices[handled_before..].iter().filter(handled).collect();
    let of_other =
        |notice: &&Notice| matches!(notice, Notice::MessageHandled { peer: PeerId(1), .. });
    let place = notices.iter().position(of_other).unwrap();
    assert!(place < 100, "answered after {place} messages of the flooder");
    assert_eq!(notices.len(), 1001);
    assert_eq!(world.take(other), ["pong"]);
}

#[test]
fn answers_come_in_the_order_of_the_requests() {
    let mut world = World::new();
    let peer = world.ready_peer();
    let pings: Vec<u8> =
        (1..=200_u64).flat_map(|n| wire(MessageType::PING, &n.to_le_bytes())).collect();
    world.send_bytes(peer, &pings);
    let nonces: Vec<_> =
        world.take_messages(peer).iter().map(|pong| pong.payload.clone()).collect();
    let expected: Vec<_> = (1..=200_u64).map(|n| n.to_le_bytes().to_vec()).collect();
    assert_eq!(nonces, expected);
}

#[test]
fn traffic_is_counted_by_message_type() {
    let mut world = World::new();
    let peer = world.ready_peer();
    world.send(peer, MessageType::PING, &[1; 8]);
    world.send_bytes(peer, &wire(MessageType::PING, &[1; 8])[..10]);
    let snapshot = world.only();
    let version_bytes = wire(MessageType::VERSION, &version(70016).encode()).len() as u64;
    assert_eq!(snapshot.traffic.received.bytes(), version_bytes + 24 + 32 + 10);
    assert_eq!(snapshot.traffic.received.of(MessageType::PING).bytes, 32);
    assert_eq!(snapshot.traffic.sent.of(MessageType::PONG).messages, 1);
    let read = world.remotes[peer.0].bytes_received as u64;
    assert_eq!(snapshot.traffic.sent.bytes(), read);
    world.close(peer, Closing::Orderly);
    assert_eq!(world.inspect().peers, []);
    assert_eq!(world.inspect().totals, snapshot.traffic, "and stays counted");
}

#[test]
fn long_message_arrives_whole_in_many_reads() {
    let mut world = World::new();
    let peer = world.ready_peer();
    let block = vec![7; 3_000_000];
    world.send(peer, MessageType::BLOCK, &block);
    assert_eq!(world.only().traffic.received.of(MessageType::BLOCK).bytes, 3_000_024);
    world.send(peer, MessageType::PING, &[1; 8]);
    assert_eq!(world.take(peer), ["pong"]);
}
