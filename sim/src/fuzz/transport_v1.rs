//! Two v1 transports with what is on its way between them: any bytes say what each sends, and how
//! much moves when.
//!
//! Whatever the pieces, every message arrives, whole, once, in order; each call that is given bytes
//! takes some; and memory stays in proportion to what has come.

use std::collections::VecDeque;

use arbitrary::Unstructured;
use sockman::transport::{Frame, Incoming, Message, MessageType, Network, SendQueue, V1Receiver};

use super::Judged;
use super::draw::{below, index, pick};

/// Most messages of one input.
const MESSAGES_MAX: usize = 64;

/// The longest payload: longer than a receiver reserves at once (256 KiB; docs/behaviour.md,
/// transport 2).
const PAYLOAD_BYTES_MAX: usize = 300_000;

/// Payloads of one input together, in bytes: hashing more is slow, and no more telling.
const BYTES_MAX: usize = 1_000_000;

/// What a receiver may reserve beyond what has come. Core: `V1Transport::readData`.
const RESERVED_AHEAD_BYTES: usize = 256 * 1024;

/// One direction: who sends, what is on its way, who receives.
struct Direction {
    queue: SendQueue,
    on_the_way: VecDeque<u8>,
    receiver: V1Receiver,
    /// Sent and not yet received, in order.
    owed: VecDeque<Message>,
    received: usize,
}

/// Lets two transports talk as any bytes say.
///
/// # Panics
///
/// A message was lost, damaged or overtaken, or nothing moved.
pub fn transport_v1(bytes: &[u8]) -> Judged {
    let mut bytes = Unstructured::new(bytes);
    let magic = pick(&mut bytes, &Network::ALL).magic();
    let direction = || Direction {
        queue: SendQueue::new(),
        on_the_way: VecDeque::new(),
        receiver: V1Receiver::new(magic),
        owed: VecDeque::new(),
        received: 0,
    };
    let mut both = [direction(), direction()];
    let (mut messages, mut total) = (0, 0);
    while !bytes.is_empty() {
        let which = &mut both[index(&mut bytes, 2)];
        match below(&mut bytes, 4) {
            0 if messages < MESSAGES_MAX && total < BYTES_MAX => {
                let message = message(&mut bytes);
                messages += 1;
                total += message.payload.len();
                let payload = message.payload.clone().into();
                which.queue.push(Frame::v1(magic, message.message_type, payload));
                which.owed.push_back(message);
            }
            0 | 1 => which.leave(amount(&mut bytes)),
            _ => which.arrive(amount(&mut bytes)),
        }
        which.queue.check_invariants();
    }
    for mut direction in both {
        direction.leave(usize::MAX);
        direction.arrive(usize::MAX);
        assert!(direction.owed.is_empty(), "{} messages were lost", direction.owed.len());
        assert!(!direction.receiver.is_mid_message(), "nothing is half there");
        assert!(direction.queue.is_empty(), "everything was taken");
        assert_eq!(direction.queue.memory_usage(), 0, "nothing counts once it is sent");
    }
    if messages == 0 { Judged::Trivial } else { Judged::Passed }
}

impl Direction {
    /// The sender's kernel takes so many bytes, from as many runs as it likes.
    fn leave(&mut self, most: usize) {
        let before = self.queue.byte_count();
        let taken: Vec<u8> = self.queue.runs().flatten().copied().take(most).collect();
        assert_eq!(taken.len(), most.min(before), "runs have every byte that is unsent");
        self.on_the_way.extend(&taken);
        let mut told = 0;
        self.queue.advance(taken.len(), |_, bytes, _| told += bytes);
        assert_eq!(told, taken.len(), "each byte belongs to a message");
        assert_eq!(self.queue.byte_count(), before - taken.len(), "the rest is unsent");
    }

    /// So many bytes arrive together.
    fn arrive(&mut self, most: usize) {
        let count = most.min(self.on_the_way.len());
        let piece: Vec<u8> = self.on_the_way.drain(..count).collect();
        let mut rest = piece.as_slice();
        while !rest.is_empty() {
            let before = rest.len();
            let incoming = self.receiver.receive(&mut rest);
            assert!(rest.len() < before, "a receiver takes something of what it is given");
            match incoming.expect("what a sender frames is a frame") {
                Some(Incoming::Message(message)) => {
                    assert_eq!(Some(message), self.owed.pop_front(), "whole and in order");
                    self.received += 1;
                }
                Some(Incoming::Rejected(rejected)) => panic!("rejected: {rejected:?}"),
                None => assert!(rest.is_empty(), "it has taken everything"),
            }
        }
        let ahead = self.receiver.reserved_bytes().saturating_sub(self.receiver.partial_bytes());
        assert!(ahead <= RESERVED_AHEAD_BYTES, "{ahead} bytes are reserved for nothing");
    }
}

/// A message: of a known type, or of any valid one.
fn message(bytes: &mut Unstructured<'_>) -> Message {
    let known = pick(bytes, &MessageType::KNOWN);
    let message_type = match below(bytes, 4) {
        0 => MessageType::from_wire(bytes.arbitrary().unwrap_or_default()).unwrap_or(known),
        _ => known,
    };
    let length = match below(bytes, 16) {
        0 => index(bytes, PAYLOAD_BYTES_MAX),
        _ => below(bytes, 256) as usize,
    };
    let mut payload = bytes.bytes(length.min(bytes.len() / 2)).unwrap_or_default().to_vec();
    let filler = payload.last().copied().unwrap_or_default();
    payload.resize(length, filler);
    Message { message_type, payload }
}

/// How much moves: few bytes, the edges of a header, or all.
fn amount(bytes: &mut Unstructured<'_>) -> usize {
    match below(bytes, 8) {
        0 => usize::MAX,
        1 => pick(bytes, &[1, 4, 16, 20, 23, 24, 25, 262_144]),
        2 => index(bytes, PAYLOAD_BYTES_MAX),
        _ => below(bytes, 256) as usize,
    }
}

#[cfg(test)]
mod tests {
    use super::super::draw::random_bytes;
    use super::*;

    /// Measured: all send something.
    #[test]
    fn random_bytes_are_a_conversation_in_which_everything_arrives() {
        let judged = (0..1_000).map(|seed| transport_v1(&random_bytes(seed, 200)));
        let passed = judged.filter(|judged| *judged == Judged::Passed).count();
        println!("{passed} of 1000");
        assert!(passed > 950);
    }

    #[test]
    fn no_bytes_say_nothing() {
        assert_eq!(transport_v1(&[]), Judged::Trivial);
    }
}
