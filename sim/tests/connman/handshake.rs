//! docs/behaviour.md, handshake 3 to 6.

use sockman::connman::{Ignored, Verdict};
use sockman::transport::MessageTypeError;

use super::*;

#[test]
fn inbound_peer_hears_nothing_before_its_version() {
    let mut world = World::new();
    let peer = world.dial();
    assert_eq!(world.take(peer), [""; 0]);
    world.send(peer, MessageType::VERSION, &version(70016).encode());
    assert_eq!(world.take(peer), ["version", "wtxidrelay", "sendaddrv2", "verack"]);
    world.send(peer, MessageType::VERACK, &[]);
    assert_eq!(world.take(peer), ["sendcmpct", "ping"]);
    let ready = Notice::PeerReady {
        peer: PeerId(0),
        conn: world.only().conn,
        version: 70016,
        services: Services::NETWORK | Services::WITNESS,
        user_agent: "/remote:1/".to_owned(),
        start_height: 5,
        relay: Relay::Wanted,
        transport: sockman::transport::TransportKind::V1,
    };
    assert!(world.notices.contains(&ready), "{:?}", world.notices);
    assert!(world.only().is_ready);
}

#[test]
fn outbound_peer_hears_our_version_first_and_is_asked_for_addresses() {
    let mut world = World::new();
    let (listener, endpoint) = world.listen(0);
    world.command(Command::Connect { endpoint });
    let peer = world.accept(listener);
    assert_eq!(world.take(peer), ["version"]);
    world.send(peer, MessageType::VERSION, &version(70016).encode());
    assert_eq!(world.take(peer), ["wtxidrelay", "sendaddrv2", "verack", "getaddr"]);
    world.send(peer, MessageType::VERACK, &[]);
    assert_eq!(world.take(peer), ["sendcmpct", "ping"]);
}

#[test]
fn our_version_says_what_the_reference_says() {
    let mut world = World::with(|config| config.start_height = 9);
    let peer = world.dial();
    world.send(peer, MessageType::VERSION, &version(70016).encode());
    let ours = Version::decode(&world.take_messages(peer)[0].payload).unwrap();
    assert_eq!(ours.head.version, 70016);
    assert_eq!(ours.head.time, 1_700_000_000);
    assert_eq!(ours.head.services, Services::NETWORK_LIMITED | Services::WITNESS);
    assert_eq!(ours.head.receiver_services, Services::NONE);
    assert_eq!(ours.head.receiver, UNSPECIFIED, "127.0.0.1 is not routable");
    assert_eq!(ours.tail.start_height, 9);
    assert_eq!(ours.tail.relay, Relay::Wanted);
}

/// What each version of a peer makes us say: to its version, then to its verack.
#[test]
fn old_versions_are_spoken_to_as_they_understand() {
    check(31_800, &["version", "verack", "alert"], &["ping"]);
    check(60_000, &["version", "verack", "alert"], &["ping"]);
    check(70_012, &["version", "verack", "alert"], &["ping"]);
    check(70_013, &["version", "verack"], &["ping"]);
    check(70_014, &["version", "verack"], &["sendcmpct", "ping"]);
    check(70_015, &["version", "verack"], &["sendcmpct", "ping"]);
    check(70_016, &["version", "wtxidrelay", "sendaddrv2", "verack"], &["sendcmpct", "ping"]);
    check(i32::MAX, &["version", "wtxidrelay", "sendaddrv2", "verack"], &["sendcmpct", "ping"]);

    #[track_caller]
    fn check(theirs: i32, to_version: &[&str], to_verack: &[&str]) {
        let mut world = World::new();
        let peer = world.dial();
        world.send(peer, MessageType::VERSION, &version(theirs).encode());
        assert_eq!(world.take(peer), to_version, "{theirs}");
        world.send(peer, MessageType::VERACK, &[]);
        let messages = world.take_messages(peer);
        let names: Vec<_> = messages.iter().map(|one| one.message_type.as_str()).collect();
        assert_eq!(names, to_verack, "{theirs}");
        // BIP 31: no nonce up to 60000, and a ping without it is not answered.
        let nonce_bytes = messages.last().map(|ping| ping.payload.len());
        assert_eq!(nonce_bytes, Some(if theirs > 60_000 { 8 } else { 0 }), "{theirs}");
        world.send(peer, MessageType::PING, &[1; 8]);
        assert_eq!(world.take(peer).len(), usize::from(theirs > 60_000), "{theirs}");
    }
}

#[test]
fn obsolete_version_is_disconnected_before_we_answer() {
    for theirs in [31_799, 0, -1, i32::MIN] {
        let mut world = World::new();
        let peer = world.dial();
        // What is wrong with the tail does not matter any more.
        world.send(peer, MessageType::VERSION, &version(theirs).encode()[..47]);
        assert_eq!(world.take(peer), [""; 0]);
        assert_eq!(world.end_of(peer), Some(End::Fin));
        assert_eq!(world.reasons(), [DisconnectReason::VersionTooOld { version: theirs }]);
    }
}

#[test]
fn truncated_version_is_dropped_and_the_next_one_counts() {
    let mut world = World::new();
    let peer = world.dial();
    let whole = version(70016).encode();
    for length in [0, 45, 47, whole.len() - 2] {
        world.send(peer, MessageType::VERSION, &whole[..length]);
        assert_eq!(world.take(peer), [""; 0], "{length}");
    }
    world.send(peer, MessageType::VERSION, &whole[..46]);
    assert_eq!(world.take(peer).len(), 4);
}

#[test]
fn second_version_and_second_verack_are_ignored() {
    let mut world = World::new();
    let peer = world.ready_peer();
    world.send(peer, MessageType::VERSION, &version(1).encode());
    world.send(peer, MessageType::VERACK, &[]);
    assert_eq!(world.take(peer), [""; 0]);
    assert_eq!(world.only().version.unwrap().version, 70016);
    let redundant = Verdict::Ignored(Ignored::Redundant);
    let count = world.notices.iter().filter(
        |notice| matches!(notice, Notice::MessageHandled { verdict, .. } if *verdict == redundant),
    );
    assert_eq!(count.count(), 2);
}

#[test]
fn nothing_but_version_counts_before_version() {
    let mut world = World::new();
    let peer = world.dial();
    for message_type in MessageType::KNOWN {
        if message_type != MessageType::VERSION {
            world.send(peer, message_type, &[1; 9]);
        }
    }
    assert_eq!(world.take(peer), [""; 0]);
    let peer = world.only();
    assert!(!peer.wtxid_relay && !peer.wants_addrv2 && !peer.prefers_headers && !peer.is_ready);
}

#[test]
fn features_are_negotiated_between_version_and_verack() {
    let mut world = World::new();
    let peer = world.dial();
    world.send(peer, MessageType::VERSION, &version(70016).encode());
    world.take(peer);
    for message_type in [MessageType::WTXIDRELAY, MessageType::SENDADDRV2] {
        world.send(peer, message_type, &[]);
        world.send(peer, message_type, &[]);
    }
    world.send(peer, MessageType::SENDHEADERS, &[]);
    world.send(peer, MessageType::SENDCMPCT, &[1, 2, 0, 0, 0, 0, 0, 0, 0]);
    world.send(peer, MessageType::SENDTXRCNCL, &[0; 12]);
    // Any other is lost: a ping too.
    world.send(peer, MessageType::PING, &[1; 8]);
    world.send(peer, MessageType::GETADDR, &[]);
    assert_eq!(world.take(peer), [""; 0]);
    world.send(peer, MessageType::VERACK, &[]);
    assert_eq!(world.take(peer), ["sendcmpct", "ping"]);
    let peer = world.only();
    assert!(peer.wtxid_relay && peer.wants_addrv2 && peer.prefers_headers);
    assert!(peer.compact_blocks.is_some());
}

#[test]
fn late_negotiation_is_disconnected() {
    for (message_type, reason) in [
        (MessageType::WTXIDRELAY, DisconnectReason::WtxidRelayAfterVerack),
        (MessageType::SENDADDRV2, DisconnectReason::SendAddrV2AfterVerack),
    ] {
        let mut world = World::new();
        let peer = world.ready_peer();
        world.send(peer, message_type, &[]);
        assert_eq!(world.end_of(peer), Some(End::Fin));
        assert_eq!(world.reasons(), [reason]);
    }
    // What may come later does no harm.
    let mut world = World::new();
    let peer = world.ready_peer();
    for message_type in [MessageType::SENDHEADERS, MessageType::SENDCMPCT, MessageType::FEEFILTER] {
        world.send(peer, message_type, &[]);
    }
    assert_eq!(world.end_of(peer), None);
}

#[test]
fn node_that_dials_itself_notices() {
    let mut world = World::new();
    let endpoint = world.node.sockman().sockets().listener_endpoint(world.listener).unwrap();
    world.command(Command::Connect { endpoint });
    let reasons = world.reasons();
    assert!(reasons.contains(&DisconnectReason::SelfConnection), "{reasons:?}");
    assert_eq!(reasons.len(), 2, "both ends are closed: {reasons:?}");
    assert_eq!(world.inspect().totals.sent.of(MessageType::VERSION).messages, 1);
}

#[test]
fn unknown_messages_are_ignored() {
    let mut world = World::new();
    let peer = world.ready_peer();
    let mut unknown = wire(MessageType::PING, &[1; 8]);
    unknown[4..16].copy_from_slice(b"whatever\0\0\0\0");
    world.send_bytes(peer, &unknown);
    world.send(peer, MessageType::PING, &[2; 8]);
    assert_eq!(world.take(peer), ["pong"]);
    assert_eq!(world.only().traffic.received.other().messages, 1);
}

#[test]
fn rejected_messages_cost_nothing_but_themselves() {
    let mut world = World::new();
    let peer = world.ready_peer();
    let mut bad_checksum = wire(MessageType::PING, &[1; 8]);
    bad_checksum[23] ^= 1;
    world.send_bytes(peer, &bad_checksum);
    let mut bad_type = wire(MessageType::PING, &[1; 8]);
    bad_type[4] = 0x1f;
    world.send_bytes(peer, &bad_type);
    world.send(peer, MessageType::PING, &[2; 8]);
    assert_eq!(world.take(peer), ["pong"]);
    let error = MessageTypeError { offset: 0, byte: 0x1f };
    let why = sockman::transport::RejectedWhy::MessageType(error);
    let claimed = sockman::transport::ClaimedType(*b"\x1fing\0\0\0\0\0\0\0\0");
    let rejected = sockman::transport::Rejected { raw_bytes: 32, claimed, why };
    let dropped = sockman::transport::Dropped::V1(rejected);
    let notice = Notice::MessageRejected { peer: PeerId(0), dropped };
    assert!(world.notices.contains(&notice));
}

#[test]
fn wrong_magic_ends_the_connection_with_the_header() {
    let mut world = World::new();
    let peer = world.ready_peer();
    let mut bytes = wire(MessageType::PING, &[1; 8]);
    bytes[0] ^= 1;
    world.send_bytes(peer, &bytes[..23]);
    assert_eq!(world.end_of(peer), None);
    world.send_bytes(peer, &bytes[23..24]);
    assert_eq!(world.end_of(peer), Some(End::Fin));
    assert!(matches!(world.reasons()[..], [DisconnectReason::FrameInvalid(_)]));
}

#[test]
fn pong_repeats_the_nonce_of_the_ping() {
    let mut world = World::new();
    let peer = world.ready_peer();
    world.send(peer, MessageType::PING, &[1, 2, 3, 4, 5, 6, 7, 8, 9]);
    world.send(peer, MessageType::PING, &[1; 7]);
    let pongs = world.take_messages(peer);
    let pong = Message { message_type: MessageType::PONG, payload: vec![1, 2, 3, 4, 5, 6, 7, 8] };
    assert_eq!(pongs, [pong]);
}
