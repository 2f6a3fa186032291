//! The receiver over whole, broken, and oddly cut streams.

use super::*;
use crate::transport::{Frame, Network, SendQueue};

const MAGIC: Magic = Network::Regtest.magic();

fn wire(message_type: MessageType, payload: &[u8]) -> Vec<u8> {
    let mut queue = SendQueue::new();
    queue.push(Frame::v1(MAGIC, message_type, payload.into()));
    queue.runs().flatten().copied().collect()
}

fn message(message_type: MessageType, payload: &[u8]) -> Incoming {
    Incoming::Message(Message { message_type, payload: payload.to_vec() })
}

/// Feeds a stream in pieces of `piece` bytes, until it ends or fails.
fn receive(stream: &[u8], piece: usize) -> (Vec<Incoming>, Option<FrameError>) {
    let mut receiver = V1Receiver::new(MAGIC);
    let mut incoming = Vec::new();
    for mut bytes in stream.chunks(piece) {
        while !bytes.is_empty() {
            match receiver.receive(&mut bytes) {
                Ok(one) => incoming.extend(one),
                Err(error) => return (incoming, Some(error)),
            }
        }
    }
    (incoming, None)
}

/// The bytes of a well-known frame: a `verack` on the main network.
#[test]
fn verack_has_its_well_known_bytes() {
    let bytes = header(Network::Main.magic(), MessageType::VERACK, 0, checksum(&[]));
    let known = b"\xf9\xbe\xb4\xd9verack\0\0\0\0\0\0\0\0\0\0\x5d\xf6\xe0\xe2";
    assert_eq!(&bytes, known);
}

#[test]
fn messages_come_out_whole_however_the_stream_is_cut() {
    let stream = [
        wire(MessageType::PING, &[5; 8]),
        wire(MessageType::VERACK, &[]),
        wire(MessageType::TX, &[6; 300]),
    ]
    .concat();
    let expected = [
        message(MessageType::PING, &[5; 8]),
        message(MessageType::VERACK, &[]),
        message(MessageType::TX, &[6; 300]),
    ];
    for piece in 1..=stream.len() {
        let (incoming, error) = receive(&stream, piece);
        assert_eq!(error, None);
        assert_eq!(incoming, expected, "in pieces of {piece}");
    }
}

#[test]
fn one_call_consumes_one_message_at_most() {
    let stream = [wire(MessageType::PING, &[5; 8]), wire(MessageType::PONG, &[5; 8])].concat();
    let mut bytes = stream.as_slice();
    let mut receiver = V1Receiver::new(MAGIC);
    let first = receiver.receive(&mut bytes).expect("a right frame");
    assert_eq!(first, Some(message(MessageType::PING, &[5; 8])));
    assert_eq!(bytes.len(), 32);
    assert!(!receiver.is_mid_message());
}

#[test]
fn wrong_checksum_or_type_drops_the_message_only() {
    let mut bad_checksum = wire(MessageType::PING, &[5; 8]);
    bad_checksum[20] ^= 1;
    let mut bad_type = wire(MessageType::PING, &[5; 8]);
    bad_type[15] = b'x';
    let mut both = bad_type.clone();
    both[31] ^= 1;
    let stream = [bad_checksum, bad_type, both, wire(MessageType::PONG, &[])].concat();
    let (incoming, error) = receive(&stream, stream.len());
    assert_eq!(error, None);
    let [one, two, three, four] = &incoming[..] else { panic!("four messages: {incoming:?}") };
    let rejected = |incoming: &Incoming| match incoming {
        Incoming::Rejected(rejected) => {
            assert_eq!(rejected.raw_bytes, 32);
            assert_eq!(rejected.claimed.to_string(), "ping");
            rejected.why
        }
        Incoming::Message(message) => panic!("{message:?} is accepted"),
    };
    assert!(matches!(rejected(one), RejectedWhy::Checksum { .. }));
    let error = MessageTypeError { offset: 11, byte: b'x' };
    assert_eq!(rejected(two), RejectedWhy::MessageType(error));
    assert!(matches!(rejected(three), RejectedWhy::Checksum { .. }));
    assert_eq!(*four, message(MessageType::PONG, &[]));
}

#[test]
fn wrong_magic_fails_with_the_last_byte_of_the_header() {
    let mut stream = wire(MessageType::PING, &[5; 8]);
    stream[3] ^= 1;
    let found = Magic([0xfa, 0xbf, 0xb5, 0xdb]);
    let mut receiver = V1Receiver::new(MAGIC);
    assert_eq!(receiver.receive(&mut &stream[..23]), Ok(None));
    let error = FrameError::Magic { found };
    assert_eq!(receiver.receive(&mut &stream[23..24]), Err(error));
    assert_eq!(receiver.receive(&mut &stream[24..]), Err(error), "and for ever");
}

#[test]
fn length_is_judged_before_the_payload() {
    let longest = u32::try_from(PAYLOAD_BYTES_MAX).expect("it fits");
    for (bytes, fails) in [(longest, false), (longest + 1, true), (u32::MAX, true)] {
        let claimed = ClaimedType(MessageType::BLOCK.to_wire());
        let mut stream = wire(MessageType::BLOCK, &[]);
        stream[16..20].copy_from_slice(&bytes.to_le_bytes());
        let mut receiver = V1Receiver::new(MAGIC);
        let result = receiver.receive(&mut stream.as_slice());
        let expected =
            if fails { Err(FrameError::PayloadTooLong { claimed, bytes }) } else { Ok(None) };
        assert_eq!(result, expected);
        assert!(receiver.payload.capacity() <= GROW_AHEAD_BYTES);
    }
}

#[test]
fn buffer_grows_little_ahead_of_what_came() {
    let mut stream = wire(MessageType::BLOCK, &[]);
    stream[16..20].copy_from_slice(&4_000_000_u32.to_le_bytes());
    let mut receiver = V1Receiver::new(MAGIC);
    assert_eq!(receiver.receive(&mut stream.as_slice()), Ok(None));
    for _ in 0..60 {
        assert_eq!(receiver.receive(&mut [0; 0x10000].as_slice()), Ok(None));
        assert!(receiver.payload.capacity() <= receiver.payload.len() + GROW_AHEAD_BYTES);
    }
}

#[test]
fn longest_payload_arrives() {
    let payload = vec![9; PAYLOAD_BYTES_MAX];
    let stream = wire(MessageType::BLOCK, &payload);
    let (incoming, error) = receive(&stream, 0x10000);
    assert_eq!(error, None);
    assert_eq!(incoming, [message(MessageType::BLOCK, &payload)]);
}

#[test]
fn memory_counts_as_in_the_reference() {
    let message = Message { message_type: MessageType::PING, payload: vec![0; 8] };
    assert_eq!(message.memory_usage(), 112 + 32);
    assert_eq!(message.raw_bytes(), 32);
}
