//! Two transports, what may come between them, and the vectors of BIP 324.

mod vectors;

use super::contents::CONTENTS_BYTES_MAX;
use super::packet::encrypt;
use super::*;
use crate::rng::{OrderKey, Purpose, Seed};
use crate::transport::{Frame, Incoming, Network, PAYLOAD_BYTES_MAX, SendQueue};
use vectors::VECTORS;

const MAGIC: Magic = Network::Regtest.magic();

fn secrets(number: u8, garbage: usize) -> Secrets {
    Secrets::new([number; 32], [number; 32], vec![number; garbage]).expect("a key")
}

fn initiator(garbage: usize) -> V2Transport {
    V2Transport::initiator(MAGIC, secrets(1, garbage))
}

fn responder(garbage: usize) -> V2Transport {
    V2Transport::responder(MAGIC, secrets(2, garbage))
}

/// Everything unsent, as sent.
fn flush(transport: &mut V2Transport) -> Vec<u8> {
    let bytes = transport.unsent().to_vec();
    transport.advance(bytes.len(), |_, _, _| {});
    bytes
}

/// What came, in a form that compares.
#[derive(Debug, PartialEq)]
enum Came {
    Message(MessageType, Vec<u8>, usize),
    Rejected(V2Rejected),
    V1,
}

/// Feeds a stream, in pieces of `piece` bytes, until it ends or fails.
fn receive(to: &mut V2Transport, stream: &[u8], piece: usize) -> (Vec<Came>, Option<V2Error>) {
    let mut came = Vec::new();
    for mut bytes in stream.chunks(piece) {
        while !bytes.is_empty() {
            came.extend(match to.receive(&mut bytes) {
                Err(error) => return (came, Some(error)),
                Ok(None) => None,
                Ok(Some(V2Incoming::Message(V2Message { message, raw_bytes }))) => {
                    Some(Came::Message(message.message_type, message.payload, raw_bytes))
                }
                Ok(Some(V2Incoming::Rejected(rejected))) => Some(Came::Rejected(rejected)),
                Ok(Some(V2Incoming::PeerSpeaksV1(_))) => Some(Came::V1),
            });
        }
    }
    (came, None)
}

#[track_caller]
fn pass(from: &mut V2Transport, to: &mut V2Transport) -> Vec<Came> {
    let (came, error) = receive(to, &flush(from), usize::MAX);
    assert_eq!(error, None);
    came
}

/// Both sides, after a handshake with that much garbage.
fn pair(garbage: [usize; 2]) -> (V2Transport, V2Transport) {
    let (mut one, mut other) = (initiator(garbage[0]), responder(garbage[1]));
    assert_eq!(pass(&mut one, &mut other), []);
    assert_eq!(pass(&mut other, &mut one), []);
    assert_eq!(pass(&mut one, &mut other), []);
    (one, other)
}

fn unhex<const N: usize>(text: &str) -> [u8; N] {
    bytes_of(text).try_into().expect("a field of this size")
}

fn bytes_of(text: &str) -> Vec<u8> {
    let byte = |at| u8::from_str_radix(&text[at..at + 2], 16).expect("hexadecimal");
    (0..text.len()).step_by(2).map(byte).collect()
}

/// BIP 324: packet encoding test vectors.
#[test]
fn packets_are_those_of_the_vectors() {
    for vector in VECTORS {
        let [key, ours, theirs] = vector.keys;
        let secrets = Secrets::new(unhex(key), [0; 32], Vec::new()).expect("a key");
        let role = if vector.initiator { Role::Initiator } else { Role::Responder };
        let magic = Network::Main.magic();
        let mut session = Session::derive(magic, role, &secrets, unhex(ours), &unhex(theirs));
        assert_eq!(session.id.0, unhex(vector.session_id));
        let terminators = [session.send_terminator, session.receive_terminator];
        assert_eq!(terminators, vector.terminators.map(unhex));
        for _ in 0..vector.index {
            encrypt(&mut session.send, 0, &[], [&[], &[]], &mut Vec::new());
        }
        let contents = bytes_of(vector.contents.0).repeat(vector.contents.1);
        let header = if vector.ignore { packet::IGNORE_BIT } else { 0 };
        let mut out = Vec::new();
        encrypt(&mut session.send, header, &bytes_of(vector.aad), [&contents, &[]], &mut out);
        assert!(out.ends_with(&bytes_of(vector.ciphertext_end)));
        assert!(vector.ciphertext.is_empty() || out == bytes_of(vector.ciphertext));
    }
}

#[test]
fn messages_come_out_whole_however_the_stream_is_cut() {
    let long = vec![7; 300_000];
    let sent = [
        (MessageType::VERSION, vec![3; 100], 13 + 100 + 20),
        (MessageType::VERACK, vec![], 13 + 20),
        (MessageType::PING, vec![5; 8], 1 + 8 + 20),
        (MessageType::MEMPOOL, vec![], 1 + 20),
        (MessageType::BLOCK, long.clone(), 1 + 300_000 + 20),
    ];
    let key = OrderKey::new(&Seed::from_number(1), Purpose::PassOrder);
    for piece in (1..40)
        .chain((0..20).map(|n| 40 + usize::try_from(key.draw(0, n) % 5000).expect("it fits")))
    {
        let (mut one, mut other) = (initiator(60), responder(100));
        assert_eq!(receive(&mut other, &flush(&mut one), piece), (vec![], None));
        assert_eq!(receive(&mut one, &flush(&mut other), piece), (vec![], None));
        let mut stream = flush(&mut one);
        for (message_type, payload, _) in &sent {
            one.send(*message_type, payload);
            stream.extend(flush(&mut one));
        }
        let (came, error) = receive(&mut other, &stream, piece);
        assert_eq!(error, None);
        let expected = sent.clone().map(|(t, payload, raw)| Came::Message(t, payload, raw));
        assert!(came == expected, "in pieces of {piece}");
        assert_eq!(one.session_id, other.session_id);
    }
}

#[test]
fn a_clone_in_mid_packet_goes_on_alike() {
    let (mut one, mut other) = pair([0, 0]);
    one.send(MessageType::TX, &[9; 200]);
    let stream = flush(&mut one);
    for cut in 0..stream.len() {
        let mut first = other.clone();
        assert_eq!(receive(&mut first, &stream[..cut], 64), (vec![], None));
        let mut second = first.clone();
        assert_eq!(
            receive(&mut first, &stream[cut..], 64),
            receive(&mut second, &stream[cut..], 64)
        );
    }
    assert_eq!(receive(&mut other, &stream, 64).0.len(), 1);
}

#[test]
fn keys_change_after_224_packets_in_both_directions() {
    let (mut one, mut other) = pair([10, 20]);
    for n in 0..500_u16 {
        let payload = n.to_le_bytes();
        one.send(MessageType::PING, &payload);
        let ping = Came::Message(MessageType::PING, payload.to_vec(), 1 + 2 + 20);
        assert_eq!(pass(&mut one, &mut other), [ping]);
        other.send(MessageType::PONG, &payload);
        let pong = Came::Message(MessageType::PONG, payload.to_vec(), 1 + 2 + 20);
        assert_eq!(pass(&mut other, &mut one), [pong]);
    }
}

#[test]
fn v2_initiator_begins_with_key_and_garbage() {
    for garbage in [0, 1, GARBAGE_BYTES_MAX] {
        let transport = initiator(garbage);
        assert_eq!(transport.unsent().len(), KEY_BYTES + garbage);
        assert_eq!(transport.unsent()[KEY_BYTES..], vec![1; garbage]);
        assert!(!transport.is_ready());
    }
}

#[test]
fn garbage_of_any_allowed_length_is_passed_over() {
    for garbage in [[0, 0], [GARBAGE_BYTES_MAX, 0], [0, GARBAGE_BYTES_MAX], [16, 4094]] {
        let (one, other) = pair(garbage);
        assert!(matches!(one.detected(), Detected::V2(_)));
        assert_eq!(one.detected(), other.detected());
    }
    let error = Secrets::new([1; 32], [1; 32], vec![0; GARBAGE_BYTES_MAX + 1]).map(|_| ());
    assert_eq!(error, Err(SecretsError::GarbageTooLong { bytes: 4096 }));
    assert_eq!(Secrets::new([0; 32], [1; 32], vec![]).map(|_| ()), Err(SecretsError::NoKey));
    assert_eq!(Secrets::new([255; 32], [1; 32], vec![]).map(|_| ()), Err(SecretsError::NoKey));
}

#[test]
fn v2_garbage_without_terminator_closes_at_its_last_byte() {
    let mut one = initiator(0);
    let key = flush(&mut responder_that_speaks());
    let stream = [&key[..KEY_BYTES], &[0; GARBAGE_BYTES_MAX + TERMINATOR_BYTES]].concat();
    let (last, before) = stream.split_last().expect("bytes");
    assert_eq!(receive(&mut one, before, 1000), (vec![], None));
    assert_eq!(receive(&mut one, &[*last], 1), (vec![], Some(V2Error::NoTerminator)));
    assert_eq!(receive(&mut one, &[0], 1), (vec![], Some(V2Error::NoTerminator)), "for ever");
}

fn responder_that_speaks() -> V2Transport {
    let mut other = responder(0);
    assert_eq!(receive(&mut other, &[0xee], 1), (vec![], None));
    other
}

#[test]
fn v2_responder_is_silent_until_a_byte_differs() {
    let prefix = [&MAGIC.0[..], V1_PREFIX_TYPE].concat();
    for same in 0..V1_PREFIX_BYTES {
        let mut other = responder(7);
        assert_eq!(receive(&mut other, &prefix[..same], 1), (vec![], None));
        assert!(other.unsent().is_empty());
        assert_eq!(other.detected(), Detected::Detecting);
        assert_eq!(receive(&mut other, &[!prefix[same]], 1), (vec![], None));
        assert_eq!(other.unsent().len(), KEY_BYTES + 7);
    }
}

#[test]
fn v1_peer_is_handed_over_at_every_split() {
    let mut queue = SendQueue::new();
    queue.push(Frame::v1(MAGIC, MessageType::VERSION, vec![4; 86].into()));
    let stream: Vec<u8> = queue.runs().flatten().copied().collect();
    for cut in 0..=stream.len() {
        let mut other = responder(7);
        let mut v1 = None;
        let mut came = Vec::new();
        for mut bytes in [&stream[..cut], &stream[cut..]] {
            while !bytes.is_empty() {
                let Some(receiver) = &mut v1 else {
                    if let Some(V2Incoming::PeerSpeaksV1(receiver)) =
                        other.receive(&mut bytes).expect("v1")
                    {
                        v1 = Some(receiver);
                    }
                    continue;
                };
                came.extend(receiver.receive(&mut bytes).expect("v1"));
            }
        }
        let message = Message { message_type: MessageType::VERSION, payload: vec![4; 86] };
        assert_eq!(came, [Incoming::Message(message)], "cut at {cut}");
        assert_eq!(other.detected(), Detected::V1);
        assert!(other.unsent().is_empty());
    }
}

#[test]
fn v1_peer_of_another_network_is_refused_at_its_17th_byte() {
    let found = Network::Main.magic();
    let stream = [&found.0[..], V1_PREFIX_TYPE, &[0]].concat();
    let mut other = responder(0);
    assert_eq!(receive(&mut other, &stream[..16], 16), (vec![], None));
    assert_eq!(other.unsent().len(), KEY_BYTES);
    assert_eq!(receive(&mut other, &stream[16..], 1).1, Some(V2Error::OtherNetwork { found }));
    // An initiator takes any bytes for a key.
    assert_eq!(receive(&mut initiator(0), &stream, 17), (vec![], None));
}

#[test]
fn v2_terminator_and_empty_version_packet_follow_the_peers_key() {
    let (mut one, mut other) = (initiator(0), responder(3));
    pass(&mut one, &mut other);
    assert_eq!(other.unsent().len(), KEY_BYTES + 3 + TERMINATOR_BYTES + PACKET_OVERHEAD_BYTES);
    assert!(other.is_ready());
    assert!(!other.accepts_message(), "what is unsent goes first");
    // Messages may go out before the peer's version packet has come.
    let mut stream = flush(&mut other);
    assert!(other.accepts_message());
    other.send(MessageType::VERACK, &[]);
    stream.extend(flush(&mut other));
    let expected = Came::Message(MessageType::VERACK, vec![], 33);
    assert_eq!(receive(&mut one, &stream, usize::MAX), (vec![expected], None));
}

#[test]
fn decoys_are_ignored_anywhere() {
    let mut one = initiator(5);
    // By hand, because our side sends its version packet at once: a decoy takes the garbage.
    let [ours, theirs] = [secrets(2, 6).public_key(), secrets(1, 5).public_key()];
    let mut session = Session::derive(MAGIC, Role::Responder, &secrets(2, 6), ours, &theirs);
    let ciphers = &mut session.send;
    let mut stream = [&ours[..], &[2; 6], &session.send_terminator].concat();
    let decoy = packet::IGNORE_BIT | 1;
    encrypt(ciphers, decoy, &[2; 6], [&[], &[]], &mut stream);
    encrypt(ciphers, decoy, &[], [&[1, 2, 3], &[]], &mut stream);
    assert_eq!(receive(&mut one, &stream, 7), (vec![], None));
    assert_eq!(one.detected(), Detected::Detecting);
    stream.clear();
    // The contents of the version packet mean nothing.
    encrypt(ciphers, 0, &[], [&[0; 50], &[]], &mut stream);
    encrypt(ciphers, decoy, &[], [&[0; 1000], &[]], &mut stream);
    encrypt(ciphers, 0, &[], [&[], &[]], &mut stream);
    encrypt(ciphers, decoy, &[], [&[], &[]], &mut stream);
    encrypt(ciphers, 1, &[], [&[18], &[8; 8]], &mut stream);
    let (came, error) = receive(&mut one, &stream, 7);
    let empty = V2Rejected { raw_bytes: 20, why: V2RejectedWhy::Empty };
    let ping = Came::Message(MessageType::PING, vec![8; 8], 29);
    assert_eq!((came, error), (vec![Came::Rejected(empty), ping], None));
}

#[test]
fn v2_authentication_error_closes_without_a_reply() {
    let (mut one, mut other) = pair([0, 0]);
    one.send(MessageType::VERSION, &[1; 40]);
    let stream = flush(&mut one);
    for at in 3..stream.len() {
        let mut other = other.clone();
        let mut stream = stream.clone();
        stream[at] ^= 1;
        let (came, error) = receive(&mut other, &[&stream[..], &[0; 64]].concat(), 9);
        assert!(came.is_empty());
        assert!(matches!(error, Some(V2Error::Tag { packet: 1, .. })));
        assert!(other.unsent().is_empty());
    }
    assert_eq!(receive(&mut other, &stream, 9).0.len(), 1);
}

#[test]
fn garbage_that_was_changed_is_noticed() {
    let (mut one, mut other) = (initiator(8), responder(0));
    let mut stream = flush(&mut one);
    stream[KEY_BYTES + 3] ^= 1;
    assert_eq!(receive(&mut other, &stream, 9), (vec![], None));
    assert_eq!(pass(&mut other, &mut one), []);
    let error = V2Error::Tag { packet: 0, bytes: 0 };
    assert_eq!(receive(&mut other, &flush(&mut one), 9), (vec![], Some(error)));
}

#[test]
fn a_stream_that_ends_at_any_byte_waits() {
    let (mut one, mut other) = (initiator(30), responder(0));
    let mut stream = flush(&mut one);
    receive(&mut other, &stream, usize::MAX);
    pass(&mut other, &mut one);
    stream.extend(flush(&mut one));
    one.send(MessageType::PING, &[1; 8]);
    stream.extend(flush(&mut one));
    for end in 0..stream.len() {
        let mut other = responder(0);
        assert_eq!(receive(&mut other, &stream[..end], usize::MAX), (vec![], None), "at {end}");
    }
}

#[test]
fn longest_contents_are_taken_and_longer_ones_refused_by_their_length() {
    let (mut one, mut other) = pair([0, 0]);
    one.send(MessageType::VERSION, &vec![9; PAYLOAD_BYTES_MAX]);
    let came = pass(&mut one, &mut other);
    assert!(
        matches!(&came[..], [Came::Message(_, payload, _)] if payload.len() == PAYLOAD_BYTES_MAX)
    );
    let [ours, theirs] = [secrets(1, 0).public_key(), secrets(2, 0).public_key()];
    let mut ciphers = Session::derive(MAGIC, Role::Initiator, &secrets(1, 0), ours, &theirs).send;
    for _ in 0..2 {
        encrypt(&mut ciphers, 0, &[], [&[], &[]], &mut Vec::new());
    }
    let bytes = CONTENTS_BYTES_MAX + 1;
    let mut stream = Vec::new();
    encrypt(&mut ciphers, 0, &[], [&vec![0; bytes], &[]], &mut stream);
    let error = V2Error::ContentsTooLong { packet: 2, bytes };
    assert_eq!(receive(&mut other, &stream[..2], 1), (vec![], None));
    assert_eq!(receive(&mut other, &stream[2..3], 1), (vec![], Some(error)));
}

#[test]
fn v2_silence_after_our_key_asks_for_v1() {
    let mut one = initiator(0);
    one.advance(23, |_, _, _| {});
    assert_eq!(one.after_close(), AfterClose::Nothing);
    one.advance(1, |_, _, _| {});
    assert_eq!(one.after_close(), AfterClose::ReconnectV1);
    assert_eq!(receive(&mut one, &[0], 1), (vec![], None));
    assert_eq!(one.after_close(), AfterClose::Nothing);
    assert_eq!(responder_that_speaks().after_close(), AfterClose::Nothing);
}

#[test]
fn sent_bytes_are_told_per_message() {
    let (mut one, _) = pair([0, 0]);
    let mut told = Vec::new();
    one.send(MessageType::PING, &[0; 8]);
    one.advance(20, |t, bytes, whole| told.push((t, bytes, whole)));
    one.advance(9, |t, bytes, whole| told.push((t, bytes, whole)));
    one.send_decoy(&[0; 8]);
    one.advance(28, |t, bytes, whole| told.push((t, bytes, whole)));
    let ping = Some(MessageType::PING);
    assert_eq!(told, [(ping, 20, false), (ping, 9, true), (None, 28, true)]);
    assert!(one.unsent().is_empty());
}

#[test]
fn drawn_secrets_differ_by_subject_alone() {
    let seed = Seed::from_number(7);
    let keys = |subject| Secrets::draw(&seed, subject).public_key();
    assert_eq!(keys(1), keys(1));
    assert_ne!(keys(1), keys(2));
}
