//! Rules of docs/behaviour.md by their names.

use sockman::driver::Outcome;

use super::*;

/// What the first message says that a peer receives.
fn version_received(world: &mut World, peer: P) -> Version {
    let messages = world.take_messages(peer);
    assert_eq!(messages[0].message_type, MessageType::VERSION);
    Version::decode(&messages[0].payload).unwrap()
}

#[test]
fn version_names_its_receiver_if_others_could_reach_him() {
    for (address, named) in [("8.8.8.8", true), ("2a00::1", true), ("10.0.0.1", false)] {
        let mut world = World::on(address, v1_config());
        let peer = world.dial();
        world.send(peer, MessageType::VERSION, &version(70016).encode());
        let receiver = version_received(&mut world, peer).head.receiver;
        let net = world.node.sockman().sockets();
        let Endpoint::Ip(theirs) = net.local_endpoint(world.remotes[peer.0].conn).unwrap() else {
            panic!("it is an address");
        };
        assert_eq!(receiver, if named { theirs } else { UNSPECIFIED }, "{address}");
    }
}

/// The 26 bytes of the sender's address: its services, and no address.
#[test]
fn version_hides_our_address() {
    let mut world = World::on("8.8.8.8", v1_config());
    let peer = world.dial();
    world.send(peer, MessageType::VERSION, &version(70016).encode());
    let payload = &world.take_messages(peer)[0].payload;
    assert_eq!(payload[46..54], payload[4..12], "its services, again");
    assert_eq!(payload[54..72], [0; 18]);
}

/// Whom we have dialled may say what he likes: only who dials us can be ourselves.
#[test]
fn nonce_of_ours_says_nothing_of_whom_we_dialled() {
    let mut world = World::new();
    let (listener, endpoint) = world.listen(0);
    world.command(Command::Connect { endpoint });
    let peer = world.accept(listener);
    let mut echoed = version(70016);
    echoed.tail.nonce = version_received(&mut world, peer).tail.nonce;
    world.send(peer, MessageType::VERSION, &echoed.encode());
    world.send(peer, MessageType::VERACK, &[]);
    assert_eq!(world.end_of(peer), None);
    assert!(world.only().is_ready);
}

#[test]
fn lower_of_both_versions_is_spoken() {
    for (theirs, common) in [(70_015, 70_015), (70_016, 70_016), (70_020, 70_016)] {
        let mut world = World::new();
        let peer = world.dial();
        world.send(peer, MessageType::VERSION, &version(theirs).encode());
        let seen = world.only().version.unwrap();
        assert_eq!((seen.version, seen.common_version), (theirs, common));
    }
}

/// A checksum that is wrong, and a type that cannot be: neither counts for the type that it claims.
#[test]
fn rejected_message_counts_as_other() {
    let mut world = World::new();
    let peer = world.ready_peer();
    let mut wrong_checksum = wire(MessageType::PING, &[1; 8]);
    wrong_checksum[20] ^= 1;
    let mut wrong_type = wire(MessageType::PING, &[1; 8]);
    wrong_type[15] = b'g';
    for bytes in [wrong_checksum, wrong_type] {
        world.send_bytes(peer, &bytes);
    }
    let received = world.only().traffic.received;
    assert_eq!(received.other().messages, 2);
    assert_eq!(received.other().bytes, 64);
    assert_eq!(received.of(MessageType::PING).messages, 0);
}

/// A FIN, or a reset if bytes of the peer's are unread; no time passes.
#[test]
fn disconnect_is_seen_at_once() {
    let mut world = World::new();
    let heard = world.ready_peer();
    let begun = world.now();
    world.command(Command::Disconnect { peer: PeerId(0) });
    assert_eq!(world.end_of(heard), Some(End::Fin));
    let unheard = world.ready_peer();
    world.offer(unheard, &wire(MessageType::PING, &[1; 8]));
    world.command(Command::Disconnect { peer: PeerId(1) });
    assert_eq!(world.end_of(unheard), Some(End::Failed));
    assert_eq!(world.now(), begun);
}

/// Nothing is held back for a fuller segment: what a peer is sent comes with one call.
#[test]
fn header_and_payload_leave_together() {
    let mut world = World::new();
    let peer = world.ready_peer();
    world.offer(peer, &wire(MessageType::PING, &[1; 8]));
    world.look(Duration::ZERO);
    let mut sent = Vec::new();
    while let Choice::Step(task) = world.node.default_next(world.now()) {
        if let Did::Executed { outcome: Outcome::Sent(count), .. } = world.step(task) {
            sent.push(count);
        }
    }
    assert_eq!(sent, [24 + 8]);
}
