//! The door for other threads, limits, and the ways in which connections end.

use std::sync::mpsc::sync_channel;

use sockman::connman::{DialFailure, EndedBy, Limits, NetworkState, Outbound, Refusal};
use sockman::sockets::Failure;

use super::*;

/// connman.md 4, as long as there is no eviction: a full house lets nobody in.
#[test]
fn full_house_closes_without_a_byte() {
    let mut world = World::with(|config| {
        config.limits = Limits { inbound_max: 2, ..Limits::for_connections(125) };
    });
    let first = world.dial();
    let _second = world.dial();
    let third = world.dial();
    assert_eq!(world.end_of(third), Some(End::Fin));
    assert_eq!(world.remotes[third.0].bytes_received, 0);
    let refused = |notice: &Notice| {
        matches!(notice, Notice::InboundRefused { refusal: Refusal::InboundFull, .. })
    };
    assert!(world.notices.iter().any(refused));
    // A slot is free again once its connection is closed.
    world.close(first, Closing::Orderly);
    let fourth = world.dial();
    assert_eq!(world.end_of(fourth), None);
}

#[test]
fn nobody_is_let_in_without_inbound_slots() {
    let mut world = World::with(|config| config.limits = Limits::for_connections(0));
    let peer = world.dial();
    assert_eq!(world.end_of(peer), Some(End::Fin));
}

#[test]
fn each_end_has_its_reason() {
    let mut world = World::new();
    let orderly = world.ready_peer();
    world.close(orderly, Closing::Orderly);
    let reset = world.ready_peer();
    world.close(reset, Closing::Reset);
    let mid_message = world.ready_peer();
    world.send_bytes(mid_message, &wire(MessageType::PING, &[1; 8])[..30]);
    world.close(mid_message, Closing::Orderly);
    let ours = world.ready_peer();
    world.command(Command::Disconnect { peer: PeerId(3) });
    assert_eq!(world.end_of(ours), Some(End::Fin));
    let expected = [
        DisconnectReason::PeerClosed,
        DisconnectReason::Lost(Failure::Reset),
        DisconnectReason::PeerClosedMidMessage { bytes: 30 },
        DisconnectReason::Requested,
    ];
    assert_eq!(world.reasons(), expected);
    let enders = expected.map(DisconnectReason::ended_by);
    assert_eq!(enders, [EndedBy::Peer, EndedBy::Network, EndedBy::Peer, EndedBy::Command]);
}

#[test]
fn notices_of_a_peer_are_paired() {
    let mut world = World::new();
    for _ in 0..3 {
        let peer = world.ready_peer();
        world.close(peer, Closing::Reset);
    }
    let mut live = Vec::new();
    for notice in &world.notices {
        if let Notice::PeerConnected { peer, .. } = notice {
            live.push(*peer);
        }
        if let Some(peer) = notice.peer() {
            assert_eq!(live, [peer], "{notice:?}");
        }
        if let Notice::PeerDisconnected { .. } = notice {
            live.clear();
        }
    }
    assert_eq!(live, []);
}

#[test]
fn network_switched_off_ends_everything_and_lets_nobody_in() {
    let mut world = World::with(|config| {
        config.outbound = Outbound::List(vec![Endpoint::Ip("127.0.0.1:9".parse().unwrap())]);
    });
    let peer = world.ready_peer();
    world.command(Command::SetNetworkActive(NetworkState::Inactive));
    assert_eq!(world.end_of(peer), Some(End::Fin));
    assert_eq!(world.reasons(), [DisconnectReason::NetworkInactive]);
    let refused = world.dial();
    assert_eq!(world.end_of(refused), Some(End::Fin));
    let (_, endpoint) = world.listen(0);
    world.command(Command::Connect { endpoint });
    let off = |notice: &&Notice| {
        let failure = DialFailure::NetworkInactive;
        matches!(notice, Notice::DialFailed { failure: found, .. } if *found == failure)
    };
    assert_eq!(world.notices.iter().filter(off).count(), 1);
    assert_eq!(world.node.next_wakeup(world.now()), None, "nothing is dialled");
    world.command(Command::SetNetworkActive(NetworkState::Active));
    let _ = world.ready_peer();
}

#[test]
fn shutdown_ends_connections_and_listening() {
    let mut world = World::new();
    let peer = world.ready_peer();
    world.command(Command::Shutdown);
    assert_eq!(world.end_of(peer), Some(End::Fin));
    assert_eq!(world.reasons(), [DisconnectReason::Shutdown]);
    assert_eq!(world.node.sockman().open_count(), 0);
    world.command(Command::SetNetworkActive(NetworkState::Active));
    assert_eq!(world.inspect().network, NetworkState::Inactive);
}

#[test]
fn inspection_is_answered_without_blocking() {
    let mut world = World::new();
    let _ = world.ready_peer();
    let (reply, answers) = sync_channel(1);
    for _ in 0..3 {
        world.command(Command::Inspect { reply: reply.clone() });
    }
    let inspection = answers.recv().unwrap();
    assert_eq!(inspection.peers.len(), 1);
    assert_eq!(inspection.peers[0].version.as_ref().unwrap().user_agent, "/remote:1/");
    assert!(answers.try_recv().is_err(), "there was room for one");
    drop(answers);
    world.command(Command::Inspect { reply });
}

#[test]
fn ping_by_command_replaces_the_outstanding_one() {
    let mut world = World::new();
    let peer = world.ready_peer();
    world.command(Command::Ping);
    let pings = world.take_messages(peer);
    let [ping] = &pings[..] else { panic!("one ping: {pings:?}") };
    world.send(peer, MessageType::PONG, &ping.payload);
    assert!(world.only().ping_last.is_some());
}
