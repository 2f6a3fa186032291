//! Two nodes, and what they log of each other.

use std::net::{Ipv4Addr, TcpListener};

use rustix::process::Signal;

use super::process::{Node, free_port};

/// Two nodes, the second of which connects to the first; and where the first listens.
fn pair() -> (Node, Node, String) {
    let (listener, at) = Node::listening(&["-uacomment=listener"]);
    let dialer = Node::start(&[&format!("-connect={at}"), "-uacomment=dialer"]);
    (listener, dialer, at)
}

#[test]
fn nodes_complete_the_handshake_both_ways() {
    let (mut listener, mut dialer, at) = pair();
    dialer.expect(&format!("trying v2 connection (manual) to {at}"));
    dialer.expect("Added connection peer=0");
    let ready = dialer.expect("New manual v2 peer connected: version=70016");
    assert!(ready.contains("(listener)/"), "{ready}");
    listener.expect("connection from 127.0.0.1:");
    listener.expect("Added connection peer=0");
    let ready = listener.expect("New inbound v2 peer connected: version=70016");
    assert!(ready.contains("(dialer)/"), "{ready}");
    dialer.stop().assert_clean();
    listener.stop().assert_clean();
}

/// Beside whoever is on the list, or nobody.
#[test]
fn added_node_is_connected_to() {
    let (listener, at) = Node::listening(&[]);
    let mut dialer = Node::start(&["-connect=0", &format!("-addnode={at}")]);
    dialer.expect(&format!("trying v2 connection (manual) to {at}"));
    dialer.expect("New manual v2 peer connected: version=70016");
    dialer.stop().assert_clean();
    listener.stop().assert_clean();
}

/// Who knows nobody asks whom it was told of.
#[test]
fn seed_node_is_asked_by_who_knows_nobody() {
    let (listener, at) = Node::listening(&[]);
    let mut dialer = Node::start(&["-listen=0", &format!("-seednode={at}")]);
    dialer.expect(&format!("trying v2 connection (addr-fetch) to {at}"));
    dialer.expect("New addr-fetch v2 peer connected");
    dialer.rewind().expect("sending getaddr (0 bytes)");
    dialer.stop().assert_clean();
    listener.stop().assert_clean();
}

/// The first ping goes out with the end of the handshake, so that nobody has to ask for it.
#[test]
fn nodes_ping_each_other_right_after_the_handshake() {
    let (mut listener, mut dialer, _) = pair();
    for node in [&mut listener, &mut dialer] {
        node.expect("received: verack (0 bytes) peer=0");
        node.expect("sending ping (8 bytes) peer=0");
        node.expect("received: ping (8 bytes) peer=0");
        // The pong to our own may come before or after the peer's ping.
        node.rewind().expect("received: pong (8 bytes) peer=0");
        node.rewind().expect("ping answered after");
    }
    dialer.stop().assert_clean();
    listener.stop().assert_clean();
}

/// Each side shows what both can compare.
#[test]
fn nodes_speak_v2_and_agree_on_their_session() {
    let (mut listener, mut dialer, _) = pair();
    let mut sessions = Vec::new();
    for node in [&mut listener, &mut dialer] {
        node.expect("ping answered after");
        node.signal(Signal::USR1);
        let peer = node.expect("transport v2, session ");
        sessions.push(peer.rsplit(' ').next().map(str::to_owned));
    }
    assert_eq!(sessions[0], sessions[1]);
    assert!(sessions[0].as_ref().is_some_and(|session| session.len() == 64));
    dialer.stop().assert_clean();
    listener.stop().assert_clean();
}

#[test]
fn node_falls_back_to_v1_with_one_that_speaks_nothing_else() {
    let (mut listener, at) = Node::listening(&["-v2transport=0"]);
    let mut dialer = Node::start(&[&format!("-connect={at}")]);
    dialer.expect(&format!("trying v2 connection (manual) to {at}"));
    dialer.expect("retrying with v1 transport protocol for peer=0");
    dialer.expect(&format!("trying v1 connection (manual) to {at}"));
    dialer.expect("New manual v1 peer connected: version=70016");
    listener.expect("Header error: Wrong MessageStart");
    listener.expect("New inbound v1 peer connected: version=70016");
    dialer.stop().assert_clean();
    listener.stop().assert_clean();
}

#[test]
fn node_that_speaks_v2_takes_in_one_that_does_not() {
    let (mut listener, at) = Node::listening(&[]);
    let mut dialer = Node::start(&[&format!("-connect={at}"), "-v2transport=0"]);
    dialer.expect("New manual v1 peer connected: version=70016");
    listener.expect("New inbound v1 peer connected: version=70016");
    dialer.stop().assert_clean();
    listener.stop().assert_clean();
}

#[test]
fn reference_behaviour_connects_as_well() {
    let (mut listener, at) = Node::listening(&["-reference"]);
    let mut dialer = Node::start(&[&format!("-connect={at}"), "-reference"]);
    listener.expect("ping answered after");
    dialer.expect("ping answered after");
    dialer.stop().assert_clean();
    listener.stop().assert_clean();
}

#[test]
fn node_knows_itself() {
    let both = |port| vec![format!("-bind=127.0.0.1:{port}"), format!("-connect=127.0.0.1:{port}")];
    let (mut node, _) = Node::on_free_port(both, &[]);
    let line = node.expect("connected to self at 127.0.0.1:");
    assert!(line.ends_with(", disconnecting"), "{line}");
    node.stop().assert_clean();
}

/// Of 12 connections one is left for others: 8, 2 and 1 are kept for those that we begin.
#[test]
fn full_node_lets_nobody_in() {
    let (mut listener, at) = Node::listening(&["-maxconnections=12"]);
    let connect = format!("-connect={at}");
    let first = Node::start(&[&connect]);
    listener.expect("New inbound v2 peer connected");
    let second = Node::start(&[&connect]);
    listener.expect("dropped (full)");
    first.stop().assert_clean();
    // The place is free again, and the second tries again, with one transport or the other.
    listener.expect("New inbound");
    second.stop().assert_clean();
    listener.stop().assert_clean();
}

#[test]
fn snapshot_shows_each_connection() {
    let (mut listener, mut dialer, _) = pair();
    for node in [&mut dialer, &mut listener] {
        node.expect("ping answered after");
        // Nothing else is under way then.
        node.rewind().expect("received: headers (1 bytes)");
    }
    listener.signal(Signal::USR1);
    listener.expect("snapshot: 1 connections, 1 peers, 1 listeners, 0 commands waiting");
    let socket = listener.expect("socket from 127.0.0.1:");
    assert!(socket.contains("Open, interest read,"), "{socket}");
    let peer = listener.expect("peer=0 inbound: handshake complete, version=70016");
    assert!(peer.contains("(dialer)/"), "{peer}");
    listener.expect("queues: 0 messages of 0 bytes to handle, 0 messages and 0 bytes to send");
    let times = listener.expect("times: connected");
    assert!(times.contains(", inactivity in ") && times.contains(", ping in "), "{times}");
    dialer.stop().assert_clean();
    listener.stop().assert_clean();
}

#[test]
fn lost_connection_is_made_again() {
    let (mut listener, mut dialer, at) = pair();
    dialer.expect("New manual v2 peer connected");
    listener.expect("New inbound v2 peer connected");
    listener.stop().assert_clean();
    dialer.expect(", disconnecting peer=0");
    dialer.expect(&format!("trying v2 connection (manual) to {at}"));
    let mut again = Node::start(&[&format!("-bind={at}")]);
    again.expect("Done loading");
    again.expect("New inbound v2 peer connected");
    dialer.expect("New manual v2 peer connected");
    dialer.stop().assert_clean();
    again.stop().assert_clean();
}

#[test]
fn closed_port_is_tried_again_and_again() {
    let at = format!("127.0.0.1:{}", free_port());
    let mut node = Node::start(&[&format!("-connect={at}")]);
    for _ in 0..3 {
        node.expect(&format!("trying v2 connection (manual) to {at}"));
        node.expect(&format!("connection to {at} failed: connection refused"));
    }
    node.stop().assert_clean();
}

/// The time for a handshake is the option's, and its end the line's that tools look for.
#[test]
fn silent_peer_is_disconnected_in_time() {
    let silent = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let at = silent.local_addr().unwrap();
    let mut node = Node::start(&[&format!("-connect={at}"), "-peertimeout=1"]);
    node.expect("Added connection peer=0");
    node.expect(
        "socket no message in first 1 seconds, never received from peer, disconnecting peer=0",
    );
    node.stop().assert_clean();
}

#[test]
fn network_that_is_off_connects_to_nobody() {
    let (listener, at) = Node::listening(&["-networkactive=0"]);
    let mut dialer = Node::start(&[&format!("-connect={at}")]);
    // It is accepted, and closed at once.
    dialer.expect(", disconnecting peer=0");
    let exit = listener.stop();
    exit.assert_clean();
    let has = |part: &str| exit.stdout.iter().any(|line| line.contains(part));
    assert!(has("SetNetworkActive: false"), "{:#?}", exit.stdout);
    assert!(has("dropped (network inactive)"), "{:#?}", exit.stdout);
    dialer.stop().assert_clean();
}
