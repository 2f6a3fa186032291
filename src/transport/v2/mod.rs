//! The v2 transport (BIP 324): the same messages, encrypted, with nothing on the wire to know
//! them by.
//!
//! ```text
//!   initiator    key, garbage ------------------------------->
//!                <---------- key, garbage, terminator, version packet, messages ...
//!                terminator, version packet, messages ... --->
//!
//!   receiving    MaybeV1 --other bytes--> Key --64 bytes--> Garbage --terminator--> Version -> App
//!                   '--16 bytes of v1--> V1                     (any of them may end in Failed)
//!   sending      Silent --------------> AwaitingKey ---------> Ready
//! ```
//!
//! A responder begins in `MaybeV1` and stays silent there; an initiator begins in `Key`. There is
//! no socket, clock or source of randomness in here: keys and garbage are arguments ([`Secrets`]).
//! Facts: docs/behaviour.md, transport 3; BIP 324; Core: net.cpp, `V2Transport`.

mod cipher;
mod contents;
mod error;
mod keys;
mod packet;
mod sender;

use super::{Magic, Message, MessageType, V1Receiver};
use keys::Session;
use packet::PacketReceiver;
use sender::Sender;

pub use error::{SecretsError, V2Error, V2Rejected, V2RejectedWhy};
pub use keys::{GARBAGE_BYTES_MAX, KEY_BYTES, Secrets, SessionId};

/// Bytes of a packet beside its contents: length, header, tag. Core: `BIP324Cipher::EXPANSION`.
pub const PACKET_OVERHEAD_BYTES: usize = 3 + 1 + packet::TAG_BYTES;

/// Bytes that end the garbage. Core: `BIP324Cipher::GARBAGE_TERMINATOR_LEN`.
pub const TERMINATOR_BYTES: usize = 16;

/// Bytes by which a v1 peer is known: magic and the type `version`. Core: `V1_PREFIX_LEN`.
pub const V1_PREFIX_BYTES: usize = 16;

/// What follows the magic in the first bytes of a v1 peer.
const V1_PREFIX_TYPE: &[u8; 12] = b"version\0\0\0\0\0";

/// Who speaks first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// We dialled.
    Initiator,
    /// We were dialled.
    Responder,
}

/// What came of some bytes.
#[derive(Clone, Debug)]
pub enum V2Incoming {
    /// A message.
    Message(V2Message),
    /// A message that is dropped; the connection goes on.
    Rejected(V2Rejected),
    /// The peer speaks v1. This receiver has had all that was read so far, and gets what follows;
    /// the v2 transport is over and has sent nothing.
    PeerSpeaksV1(V1Receiver),
}

/// A received message, whole and authentic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct V2Message {
    /// What it is.
    pub message: Message,
    /// Bytes that it took on the wire: contents, type included, and [`PACKET_OVERHEAD_BYTES`].
    pub raw_bytes: usize,
}

/// What is known of the peer's transport. Core: `Transport::Info`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Detected {
    /// The peer has not shown yet what it speaks.
    Detecting,
    /// It speaks v1.
    V1,
    /// Its version packet was authentic.
    V2(SessionId),
}

/// What to do once the connection is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AfterClose {
    /// Nothing on account of the transport.
    Nothing,
    /// Dial again with v1: the peer took our key and answered with no byte.
    ReconnectV1,
}

/// The v2 transport of one connection, both directions.
#[derive(Clone, Debug)]
pub struct V2Transport {
    magic: Magic,
    role: Role,
    secrets: Secrets,
    receiving: Receiving,
    /// Once the peer's key is there.
    session_id: Option<SessionId>,
    sender: Sender,
}

/// Where the receiving half is.
#[derive(Clone, Debug)]
enum Receiving {
    /// A responder, while all bytes so far are those of a v1 peer.
    MaybeV1(Early),
    /// The peer's key.
    Key(Early),
    /// The peer's garbage, terminator included as far as it came.
    Garbage { bytes: Vec<u8>, terminator: [u8; TERMINATOR_BYTES], packets: Box<PacketReceiver> },
    /// Packets until one is no decoy: the peer's version packet.
    Version(Box<PacketReceiver>),
    /// Messages.
    App(Box<PacketReceiver>),
    /// The v1 transport has taken over.
    V1,
    /// The end, and what was wrong.
    Failed(V2Error),
}

/// The first bytes of a peer.
#[derive(Clone, Copy, Debug)]
struct Early {
    bytes: [u8; KEY_BYTES],
    count: usize,
}

impl Early {
    const NONE: Self = Self { bytes: [0; KEY_BYTES], count: 0 };

    /// Takes from the front of `input` until there are `until` bytes.
    fn take(&mut self, input: &mut &[u8], until: usize) {
        let (taken, rest) = input.split_at(input.len().min(until - self.count));
        self.bytes[self.count..self.count + taken.len()].copy_from_slice(taken);
        self.count += taken.len();
        *input = rest;
    }

    fn bytes(&self) -> &[u8] {
        &self.bytes[..self.count]
    }
}

impl V2Transport {
    /// The transport of a connection that we dialled. Its key and garbage are ready to be sent.
    #[must_use]
    pub fn initiator(magic: Magic, secrets: Secrets) -> Self {
        let mut transport = Self::new(magic, Role::Initiator, secrets);
        transport.receiving = Receiving::Key(Early::NONE);
        transport.sender.start(&transport.secrets);
        transport
    }

    /// The transport of a connection that was accepted. It is silent until the peer has sent a
    /// byte that no v1 peer would.
    #[must_use]
    pub fn responder(magic: Magic, secrets: Secrets) -> Self {
        Self::new(magic, Role::Responder, secrets)
    }

    fn new(magic: Magic, role: Role, secrets: Secrets) -> Self {
        let receiving = Receiving::MaybeV1(Early::NONE);
        Self { magic, role, secrets, receiving, session_id: None, sender: Sender::new() }
    }

    /// Consumes from the front of `bytes`, at most to the end of one message. `None`: all of them
    /// were consumed, and no message has ended. There may be something new to send afterwards.
    ///
    /// # Errors
    ///
    /// The stream is no v2 stream of this network, or was tampered with. Every later call says so
    /// again.
    ///
    /// # Panics
    ///
    /// If v1 has taken over.
    pub fn receive(&mut self, bytes: &mut &[u8]) -> Result<Option<V2Incoming>, V2Error> {
        match self.receive_some(bytes) {
            Err(error) => {
                self.receiving = Receiving::Failed(error);
                Err(error)
            }
            Ok(incoming) => Ok(incoming),
        }
    }

    fn receive_some(&mut self, bytes: &mut &[u8]) -> Result<Option<V2Incoming>, V2Error> {
        if let Receiving::Failed(error) = self.receiving {
            return Err(error);
        }
        while !bytes.is_empty() {
            let incoming = match &mut self.receiving {
                Receiving::MaybeV1(_) => self.receive_maybe_v1(bytes),
                Receiving::Key(_) => self.receive_key(bytes)?,
                Receiving::Garbage { .. } => self.receive_garbage(bytes)?,
                Receiving::Version(packets) => {
                    if packets.receive(bytes)?.is_some_and(|packet| !packet.is_decoy()) {
                        let packets = packets.clone();
                        self.receiving = Receiving::App(packets);
                    }
                    None
                }
                Receiving::App(packets) => match packets.receive(bytes)? {
                    Some(packet) if !packet.is_decoy() => Some(contents::decode(packet)),
                    Some(_) | None => None,
                },
                Receiving::V1 => panic!("v1 has taken over, and its receiver takes the bytes"),
                Receiving::Failed(error) => return Err(*error),
            };
            if incoming.is_some() {
                return Ok(incoming);
            }
        }
        Ok(None)
    }

    fn receive_maybe_v1(&mut self, bytes: &mut &[u8]) -> Option<V2Incoming> {
        let Receiving::MaybeV1(early) = &mut self.receiving else { return None };
        early.take(bytes, V1_PREFIX_BYTES);
        let mut prefix = [0; V1_PREFIX_BYTES];
        prefix[..4].copy_from_slice(&self.magic.0);
        prefix[4..].copy_from_slice(V1_PREFIX_TYPE);
        if !prefix.starts_with(early.bytes()) {
            self.receiving = Receiving::Key(*early);
            self.sender.start(&self.secrets);
        } else if early.count == V1_PREFIX_BYTES {
            self.receiving = Receiving::V1;
            let mut receiver = V1Receiver::new(self.magic);
            let taken = receiver.receive(&mut prefix.as_slice());
            assert_eq!(taken, Ok(None), "a header of this network has begun");
            return Some(V2Incoming::PeerSpeaksV1(receiver));
        }
        None
    }

    /// A v1 peer of another network is refused here, from the first byte on that is taken as part
    /// of a key. Core: `V2Transport::ProcessReceivedKeyBytes`.
    fn receive_key(&mut self, bytes: &mut &[u8]) -> Result<Option<V2Incoming>, V2Error> {
        let Receiving::Key(early) = &mut self.receiving else { return Ok(None) };
        early.take(bytes, KEY_BYTES);
        let is_v1 = early.bytes().get(4..V1_PREFIX_BYTES).is_some_and(|t| t == V1_PREFIX_TYPE);
        if self.role == Role::Responder && is_v1 {
            let [a, b, c, d, ..] = early.bytes;
            return Err(V2Error::OtherNetwork { found: Magic([a, b, c, d]) });
        }
        if early.count == KEY_BYTES {
            let theirs = early.bytes;
            self.start_session(&theirs);
        }
        Ok(None)
    }

    fn start_session(&mut self, theirs: &[u8; KEY_BYTES]) {
        let ours = self.sender.public_key().expect("our key goes out before theirs is taken");
        let session = Session::derive(self.magic, self.role, &self.secrets, ours, theirs);
        self.session_id = Some(session.id);
        self.receiving = Receiving::Garbage {
            bytes: Vec::new(),
            terminator: session.receive_terminator,
            packets: Box::new(PacketReceiver::new(session.receive)),
        };
        let garbage = self.secrets.garbage();
        self.sender.ready(session.send, &session.send_terminator, &garbage);
    }

    fn receive_garbage(&mut self, input: &mut &[u8]) -> Result<Option<V2Incoming>, V2Error> {
        let Receiving::Garbage { bytes, terminator, packets } = &mut self.receiving else {
            return Ok(None);
        };
        // One at a time, because what follows the terminator is a packet.
        while let Some((first, rest)) = input.split_first() {
            bytes.push(*first);
            *input = rest;
            if bytes.ends_with(terminator) {
                bytes.truncate(bytes.len() - TERMINATOR_BYTES);
                let mut packets = packets.clone();
                packets.authenticate_with_first(std::mem::take(bytes));
                self.receiving = Receiving::Version(packets);
                return Ok(None);
            }
            if bytes.len() == GARBAGE_BYTES_MAX + TERMINATOR_BYTES {
                return Err(V2Error::NoTerminator);
            }
        }
        Ok(None)
    }

    /// Whether [`send`](Self::send) takes a message now: the keys are there, and everything before
    /// it is sent.
    #[must_use]
    pub fn accepts_message(&self) -> bool {
        self.sender.is_ready() && self.unsent().is_empty()
    }

    /// Whether messages can follow what is unsent now. Together with a waiting message it is what
    /// the reference calls `more`.
    #[must_use]
    pub const fn is_ready(&self) -> bool {
        self.sender.is_ready()
    }

    /// Encrypts a message. The payload is copied once, into what [`unsent`](Self::unsent) offers.
    ///
    /// # Panics
    ///
    /// If no message is [accepted](Self::accepts_message), or the payload is longer than
    /// [`PAYLOAD_BYTES_MAX`](super::PAYLOAD_BYTES_MAX).
    pub fn send(&mut self, message_type: MessageType, payload: &[u8]) {
        assert!(self.accepts_message(), "messages wait until those before them are sent");
        self.sender.send(message_type, payload);
    }

    /// Encrypts a packet that the peer will ignore. Our side has no use for one; a test has.
    ///
    /// # Panics
    ///
    /// As [`send`](Self::send).
    pub fn send_decoy(&mut self, contents: &[u8]) {
        assert!(self.accepts_message(), "packets wait until those before them are sent");
        self.sender.send_decoy(contents);
    }

    /// Bytes for the kernel.
    #[must_use]
    pub fn unsent(&self) -> &[u8] {
        self.sender.unsent()
    }

    /// The kernel took `count` of the unsent bytes; tells `sent` the message that they belong to,
    /// how many they are, and whether that was the last of it. `None`: handshake and decoys are no
    /// message's.
    ///
    /// # Panics
    ///
    /// If there are fewer.
    pub fn advance(&mut self, count: usize, sent: impl FnOnce(Option<MessageType>, usize, bool)) {
        self.sender.advance(count, sent);
    }

    /// Bytes of what has begun to come and not ended: key, garbage with its terminator, or packet.
    #[must_use]
    pub fn partial_bytes(&self) -> usize {
        match &self.receiving {
            Receiving::MaybeV1(early) | Receiving::Key(early) => early.count,
            Receiving::Garbage { bytes, .. } => bytes.len(),
            Receiving::Version(packets) | Receiving::App(packets) => packets.partial_bytes(),
            Receiving::V1 | Receiving::Failed(_) => 0,
        }
    }

    /// Bytes of memory that are set aside for the payload of a packet that has begun: at most 256
    /// KiB more than have come of it.
    #[must_use]
    pub fn reserved_bytes(&self) -> usize {
        match &self.receiving {
            Receiving::Version(packets) | Receiving::App(packets) => packets.reserved_bytes(),
            Receiving::MaybeV1(_)
            | Receiving::Key(_)
            | Receiving::Garbage { .. }
            | Receiving::V1
            | Receiving::Failed(_) => 0,
        }
    }

    /// What is known of the peer's transport.
    #[must_use]
    pub fn detected(&self) -> Detected {
        match (&self.receiving, self.session_id) {
            (Receiving::V1, _) => Detected::V1,
            (Receiving::App(_), Some(id)) => Detected::V2(id),
            _ => Detected::Detecting,
        }
    }

    /// What to do once the connection is gone. Core: `V2Transport::ShouldReconnectV1`.
    #[must_use]
    pub fn after_close(&self) -> AfterClose {
        let heard_nothing = matches!(&self.receiving, Receiving::Key(early) if early.count == 0);
        if self.role == Role::Initiator && heard_nothing && self.sender.sent_v1_header_worth() {
            AfterClose::ReconnectV1
        } else {
            AfterClose::Nothing
        }
    }
}

#[cfg(test)]
mod tests;
