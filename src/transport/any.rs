//! The transport of one connection, whichever it is: v1, v2, or v2 until the peer shows that it
//! speaks v1.
//!
//! ```text
//!   bytes read  --> receive --> Received: a message, or one that was dropped
//!   messages    --> push, prepare --> runs of bytes --> advance, with whose bytes were sent
//! ```
//!
//! A v1 message is offered to the kernel from where it lies. A v2 message is copied once, into the
//! packet in which it is encrypted, when everything before it is sent. Facts: docs/behaviour.md,
//! transport 1, 4 and 5; Core: net.h, `Transport`, and net.cpp, `SocketSendData`.

use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;

use super::v2::{
    AfterClose, Detected, Role, Secrets, V2Error, V2Incoming, V2Rejected, V2Transport,
};
use super::{
    FRAME_OVERHEAD_BYTES, Frame, FrameError, Incoming, Magic, Message, MessageType, Rejected,
    SendQueue, V1Receiver, malloc_usage,
};

/// What came of some bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Received {
    /// A message.
    Message {
        /// What it is.
        message: Message,
        /// Bytes that it took on the wire, all that wraps it included.
        raw_bytes: usize,
    },
    /// A message that is dropped; the connection goes on.
    Dropped(Dropped),
}

/// A message that is dropped, and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Dropped {
    /// By v1.
    V1(Rejected),
    /// By v2.
    V2(V2Rejected),
}

impl Dropped {
    /// Bytes that it took on the wire.
    #[must_use]
    pub const fn raw_bytes(&self) -> usize {
        match self {
            Self::V1(rejected) => rejected.raw_bytes,
            Self::V2(rejected) => rejected.raw_bytes,
        }
    }
}

/// Bytes that end the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TransportError {
    /// In v1.
    V1(FrameError),
    /// In v2.
    V2(V2Error),
}

impl fmt::Display for TransportError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::V1(error) => error.fmt(f),
            Self::V2(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for TransportError {}

/// A message that waits to be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unsent {
    /// Which.
    pub message_type: MessageType,
    /// How long its payload is, in bytes.
    pub payload_bytes: usize,
}

/// Which transport a connection speaks, or begins with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TransportKind {
    /// v1.
    V1,
    /// v2; an inbound connection may still turn out to speak v1.
    V2,
}

impl fmt::Display for TransportKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::V1 => "v1",
            Self::V2 => "v2",
        })
    }
}

/// The transport of one connection, both directions.
#[derive(Clone, Debug)]
pub struct Transport(Kind);

#[derive(Clone, Debug)]
#[expect(clippy::large_enum_variant, reason = "most peers speak v1, and a box would be one more")]
enum Kind {
    V1 { receiver: V1Receiver, queue: SendQueue },
    V2(Box<V2>),
}

/// A v2 transport, and the messages that wait until they can be encrypted.
#[derive(Clone, Debug)]
struct V2 {
    magic: Magic,
    transport: V2Transport,
    waiting: VecDeque<Waiting>,
    /// Memory that the message counts for that is encrypted and not fully sent.
    encrypted_memory: usize,
    /// Memory of all messages that are not fully sent.
    memory_usage: usize,
}

/// A message that is not encrypted yet. Its payload may be shared by many peers.
#[derive(Clone, Debug)]
struct Waiting {
    message_type: MessageType,
    payload: Arc<[u8]>,
}

impl Waiting {
    /// As much as a v1 frame counts for, so that queues pause alike.
    fn memory_usage(&self) -> usize {
        FRAME_OVERHEAD_BYTES + malloc_usage(self.payload.len())
    }
}

impl Transport {
    /// A transport that speaks v1 from the start.
    #[must_use]
    pub fn v1(magic: Magic) -> Self {
        Self(Kind::V1 { receiver: V1Receiver::new(magic), queue: SendQueue::new() })
    }

    /// A transport that speaks v2; as a responder, v1 with a peer that does.
    #[must_use]
    pub fn v2(magic: Magic, role: Role, secrets: Secrets) -> Self {
        let transport = match role {
            Role::Initiator => V2Transport::initiator(magic, secrets),
            Role::Responder => V2Transport::responder(magic, secrets),
        };
        let waiting = VecDeque::new();
        Self(Kind::V2(Box::new(V2 {
            magic,
            transport,
            waiting,
            encrypted_memory: 0,
            memory_usage: 0,
        })))
    }

    /// Consumes from the front of `bytes`, at most to the end of one message. `None`: all of them
    /// were consumed, and no message has ended. There may be something new to send afterwards.
    ///
    /// # Errors
    ///
    /// The stream cannot go on. Every later call says so again.
    pub fn receive(&mut self, bytes: &mut &[u8]) -> Result<Option<Received>, TransportError> {
        loop {
            let v2 = match &mut self.0 {
                Kind::V1 { receiver, .. } => return receive_v1(receiver, bytes),
                Kind::V2(v2) => v2,
            };
            let incoming = v2.transport.receive(bytes).map_err(TransportError::V2)?;
            return Ok(Some(match incoming {
                None => return Ok(None),
                Some(V2Incoming::Message(whole)) => {
                    Received::Message { message: whole.message, raw_bytes: whole.raw_bytes }
                }
                Some(V2Incoming::Rejected(rejected)) => Received::Dropped(Dropped::V2(rejected)),
                Some(V2Incoming::PeerSpeaksV1(receiver)) => {
                    let mut queue = SendQueue::new();
                    for Waiting { message_type, payload } in std::mem::take(&mut v2.waiting) {
                        queue.push(Frame::v1(v2.magic, message_type, payload));
                    }
                    self.0 = Kind::V1 { receiver, queue };
                    continue;
                }
            }));
        }
    }

    /// Bytes of what has begun to come and not ended: a message, or a part of a v2 handshake.
    #[must_use]
    pub fn partial_bytes(&self) -> usize {
        match &self.0 {
            Kind::V1 { receiver, .. } => receiver.partial_bytes(),
            Kind::V2(v2) => v2.transport.partial_bytes(),
        }
    }

    /// Bytes of memory that are set aside for the payload of a message that has begun.
    #[must_use]
    pub fn reserved_bytes(&self) -> usize {
        match &self.0 {
            Kind::V1 { receiver, .. } => receiver.reserved_bytes(),
            Kind::V2(v2) => v2.transport.reserved_bytes(),
        }
    }

    /// Adds a message behind the others.
    ///
    /// # Panics
    ///
    /// If the payload is longer than [`PAYLOAD_BYTES_MAX`](super::PAYLOAD_BYTES_MAX): whoever makes
    /// one knows its bound.
    pub fn push(&mut self, magic: Magic, message_type: MessageType, payload: Arc<[u8]>) {
        match &mut self.0 {
            Kind::V1 { queue, .. } => queue.push(Frame::v1(magic, message_type, payload)),
            Kind::V2(v2) => {
                let waiting = Waiting { message_type, payload };
                v2.memory_usage += waiting.memory_usage();
                v2.waiting.push_back(waiting);
            }
        }
    }

    /// Encrypts the next message, if it is its turn. Whoever has pushed, received or advanced calls
    /// it before the bytes are asked for.
    pub fn prepare(&mut self) {
        let Kind::V2(v2) = &mut self.0 else { return };
        if !v2.transport.accepts_message() {
            return;
        }
        if let Some(next) = v2.waiting.pop_front() {
            v2.encrypted_memory = next.memory_usage();
            v2.transport.send(next.message_type, &next.payload);
        }
    }

    /// Bytes for the kernel as runs, in order, none of them empty. In v2 they are those of one
    /// message at most.
    pub fn runs(&self) -> impl Iterator<Item = &[u8]> {
        let (frames, packet) = match &self.0 {
            Kind::V1 { queue, .. } => (Some(queue.runs()), None),
            Kind::V2(v2) => (None, Some(v2.transport.unsent())),
        };
        frames.into_iter().flatten().chain(packet.filter(|bytes| !bytes.is_empty()))
    }

    /// Whether there is more to send at once, when those runs are sent.
    #[must_use]
    pub fn more_follows(&self) -> bool {
        match &self.0 {
            Kind::V1 { .. } => false,
            Kind::V2(v2) => v2.transport.is_ready() && !v2.waiting.is_empty(),
        }
    }

    /// The kernel took `count` bytes; tells `sent` for each message among them how many of its
    /// bytes they are, and whether that was the last of it. `None`: bytes of a handshake.
    ///
    /// # Panics
    ///
    /// If that is more than was offered.
    pub fn advance(
        &mut self,
        count: usize,
        mut sent: impl FnMut(Option<MessageType>, usize, bool),
    ) {
        match &mut self.0 {
            Kind::V1 { queue, .. } => {
                queue.advance(count, |message, bytes, whole| sent(Some(message), bytes, whole));
            }
            Kind::V2(v2) => {
                let V2 { transport, encrypted_memory, memory_usage, .. } = &mut **v2;
                transport.advance(count, |message_type, bytes, whole| {
                    if whole {
                        *memory_usage -= std::mem::take(encrypted_memory);
                    }
                    sent(message_type, bytes, whole);
                });
            }
        }
    }

    /// Messages that no byte of was offered yet, in v1 those that are not fully sent, in order;
    /// without the first so many, which cost nothing.
    ///
    /// # Panics
    ///
    /// If there are fewer.
    pub fn unsent_from(&self, first: usize) -> impl Iterator<Item = Unsent> {
        let (frames, waiting) = match &self.0 {
            Kind::V1 { queue, .. } => (Some(queue.frames_from(first)), None),
            Kind::V2(v2) => (None, Some(v2.waiting.range(first..))),
        };
        let frames = frames.into_iter().flatten().map(|frame| Unsent {
            message_type: frame.message_type(),
            payload_bytes: frame.payload_bytes(),
        });
        frames.chain(waiting.into_iter().flatten().map(|waiting| Unsent {
            message_type: waiting.message_type,
            payload_bytes: waiting.payload.len(),
        }))
    }

    /// How many [`unsent_from`](Self::unsent_from) the first gives.
    #[must_use]
    pub fn unsent_count(&self) -> usize {
        match &self.0 {
            Kind::V1 { queue, .. } => queue.frame_count(),
            Kind::V2(v2) => v2.waiting.len(),
        }
    }

    /// Bytes that are ready for the kernel.
    #[must_use]
    pub fn ready_bytes(&self) -> usize {
        match &self.0 {
            Kind::V1 { queue, .. } => queue.byte_count(),
            Kind::V2(v2) => v2.transport.unsent().len(),
        }
    }

    /// Bytes of memory that the messages count for which are not fully sent. Bytes of a handshake
    /// count for nothing: there are at most 4195 of them.
    #[must_use]
    pub const fn memory_usage(&self) -> usize {
        match &self.0 {
            Kind::V1 { queue, .. } => queue.memory_usage(),
            Kind::V2(v2) => v2.memory_usage,
        }
    }

    /// Which it is.
    #[must_use]
    pub const fn kind(&self) -> TransportKind {
        match &self.0 {
            Kind::V1 { .. } => TransportKind::V1,
            Kind::V2(_) => TransportKind::V2,
        }
    }

    /// What is known of the peer's transport.
    #[must_use]
    pub fn detected(&self) -> Detected {
        match &self.0 {
            Kind::V1 { .. } => Detected::V1,
            Kind::V2(v2) => v2.transport.detected(),
        }
    }

    /// What to do once the connection is gone.
    #[must_use]
    pub fn after_close(&self) -> AfterClose {
        match &self.0 {
            Kind::V1 { .. } => AfterClose::Nothing,
            Kind::V2(v2) => v2.transport.after_close(),
        }
    }

    /// Checks what must always hold between two steps.
    pub fn check_invariants(&self) {
        let v2 = match &self.0 {
            Kind::V1 { queue, .. } => return queue.check_invariants(),
            Kind::V2(v2) => v2,
        };
        let is_idle = v2.transport.accepts_message();
        assert!(!is_idle || v2.waiting.is_empty(), "what can be encrypted is");
        assert!(!is_idle || v2.encrypted_memory == 0, "what is sent counts no more");
        // A long queue is not counted after every step, which would take for ever.
        if v2.waiting.len() <= COUNTED_MESSAGES_MAX {
            let waiting: usize = v2.waiting.iter().map(Waiting::memory_usage).sum();
            let memory = waiting + v2.encrypted_memory;
            assert_eq!(v2.memory_usage, memory, "memory is counted once per message");
        }
    }
}

/// Most messages in a queue that a check of invariants goes through.
pub(crate) const COUNTED_MESSAGES_MAX: usize = 64;

fn receive_v1(
    receiver: &mut V1Receiver,
    bytes: &mut &[u8],
) -> Result<Option<Received>, TransportError> {
    let incoming = receiver.receive(bytes).map_err(TransportError::V1)?;
    Ok(incoming.map(|incoming| match incoming {
        Incoming::Message(message) => {
            let raw_bytes = message.raw_bytes();
            Received::Message { message, raw_bytes }
        }
        Incoming::Rejected(rejected) => Received::Dropped(Dropped::V1(rejected)),
    }))
}

#[cfg(test)]
mod tests;
