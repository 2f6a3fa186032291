//! Two transports that meet, whichever they are.

use super::*;
use crate::transport::{HEADER_BYTES, Network};

const MAGIC: Magic = Network::Regtest.magic();

fn secrets(number: u8) -> Secrets {
    Secrets::new([number; 32], [number; 32], vec![number; 100]).expect("a key")
}

fn v2(role: Role) -> Transport {
    Transport::v2(MAGIC, role, secrets(if role == Role::Initiator { 1 } else { 2 }))
}

fn push(transport: &mut Transport, message_type: MessageType, payload: &[u8]) {
    transport.push(MAGIC, message_type, payload.into());
    transport.prepare();
}

/// Sends everything, in pieces of `piece` bytes, and tells what came; the other side's answers go
/// back until both are silent.
fn talk(one: &mut Transport, other: &mut Transport, piece: usize) -> Vec<Received> {
    let mut came = Vec::new();
    while one.ready_bytes() + other.ready_bytes() > 0 {
        came.extend(pass(one, other, piece));
        came.extend(pass(other, one, piece));
    }
    came
}

fn pass(from: &mut Transport, to: &mut Transport, piece: usize) -> Vec<Received> {
    let mut came = Vec::new();
    while from.ready_bytes() > 0 {
        let bytes: Vec<u8> = from.runs().flatten().copied().take(piece).collect();
        from.advance(bytes.len(), |_, _, _| {});
        from.prepare();
        from.check_invariants();
        let mut rest = bytes.as_slice();
        while !rest.is_empty() {
            came.extend(to.receive(&mut rest).expect("a stream that can go on"));
            to.prepare();
            to.check_invariants();
        }
    }
    came
}

fn message(message_type: MessageType, payload: &[u8], raw_bytes: usize) -> Received {
    Received::Message { message: Message { message_type, payload: payload.to_vec() }, raw_bytes }
}

#[test]
fn messages_wait_for_the_keys_and_keep_their_order() {
    for piece in [1, 7, 64, usize::MAX] {
        let (mut one, mut other) = (v2(Role::Initiator), v2(Role::Responder));
        push(&mut one, MessageType::VERSION, &[1; 90]);
        push(&mut one, MessageType::VERACK, &[]);
        push(&mut one, MessageType::PING, &[2; 8]);
        assert_eq!(one.unsent_count(), 3);
        assert!(!one.more_follows(), "nobody knows when");
        let came = talk(&mut one, &mut other, piece);
        let expected = [
            message(MessageType::VERSION, &[1; 90], 13 + 90 + 20),
            message(MessageType::VERACK, &[], 13 + 20),
            message(MessageType::PING, &[2; 8], 1 + 8 + 20),
        ];
        assert_eq!(came, expected, "in pieces of {piece}");
        assert!(matches!(one.detected(), Detected::V2(_)));
        assert_eq!(one.detected(), other.detected());
        assert_eq!((one.memory_usage(), one.unsent_count()), (0, 0));
    }
}

#[test]
fn v2_responder_speaks_v1_with_a_v1_peer() {
    for piece in [1, 15, 16, 17, usize::MAX] {
        let (mut one, mut other) = (Transport::v1(MAGIC), v2(Role::Responder));
        assert_eq!(other.kind(), TransportKind::V2);
        push(&mut one, MessageType::VERSION, &[1; 90]);
        assert_eq!(
            talk(&mut one, &mut other, piece),
            [message(MessageType::VERSION, &[1; 90], 114)]
        );
        assert_eq!(other.kind(), TransportKind::V1);
        assert_eq!(other.detected(), Detected::V1);
        push(&mut other, MessageType::VERACK, &[]);
        let verack = message(MessageType::VERACK, &[], HEADER_BYTES);
        assert_eq!(talk(&mut other, &mut one, piece), [verack]);
    }
}

#[test]
fn memory_of_both_transports_is_alike() {
    let (mut one, mut other) = (Transport::v1(MAGIC), v2(Role::Initiator));
    for payload in [vec![], vec![0; 1], vec![0; 17], vec![0; 4000]] {
        push(&mut one, MessageType::TX, &payload);
        push(&mut other, MessageType::TX, &payload);
        assert_eq!(one.memory_usage(), other.memory_usage());
    }
}

#[test]
fn bytes_of_a_handshake_are_no_messages() {
    let (mut one, mut other) = (v2(Role::Initiator), v2(Role::Responder));
    push(&mut one, MessageType::PING, &[0; 8]);
    let mut told = Vec::new();
    one.advance(one.ready_bytes(), |message_type, bytes, _| told.push((message_type, bytes)));
    // The other side has seen nothing of it; its own key will do.
    let mut key = vec![0xee];
    assert_eq!(other.receive(&mut key.as_slice()), Ok(None));
    key = other.runs().flatten().copied().collect();
    assert_eq!(one.receive(&mut key.as_slice()), Ok(None));
    one.prepare();
    assert!(one.more_follows(), "terminator and version packet go first");
    while one.ready_bytes() > 0 {
        one.advance(one.ready_bytes(), |message_type, bytes, _| told.push((message_type, bytes)));
        one.prepare();
    }
    assert_eq!(told, [(None, 164), (None, 36), (Some(MessageType::PING), 29)]);
}

#[test]
fn a_v2_payload_is_copied_once() {
    // It is shared as it waits, and let go of as it is encrypted.
    let payload: Arc<[u8]> = vec![7; 1000].into();
    let mut one = v2(Role::Initiator);
    one.push(MAGIC, MessageType::BLOCK, Arc::clone(&payload));
    one.prepare();
    assert_eq!(Arc::strong_count(&payload), 2, "nothing is copied as long as it waits");
}
