//! The v1 transport: a header of 24 bytes, then the payload.
//!
//! | offset | bytes | field                                                        |
//! |--------|-------|--------------------------------------------------------------|
//! | 0      | 4     | magic of the network                                         |
//! | 4      | 12    | message type                                                 |
//! | 16     | 4     | length of the payload, little endian                         |
//! | 20     | 4     | start of SHA256(SHA256(payload))                             |
//! | 24     |       | payload                                                      |
//!
//! Sources: docs/behaviour.md, transport 2; Core: net.cpp, `V1Transport`.

use std::fmt;

use sha2::{Digest, Sha256};

use super::{ClaimedType, Magic, MessageType, MessageTypeError, malloc_usage};

/// Bytes of a header. Core: `CMessageHeader::HEADER_SIZE`.
pub const HEADER_BYTES: usize = 24;

/// The longest payload that anybody takes. Core: net.h, `MAX_PROTOCOL_MESSAGE_LENGTH`.
pub const PAYLOAD_BYTES_MAX: usize = 4_000_000;

/// How far a payload's buffer grows ahead of what was received, so that a header alone costs a
/// peer more than it costs us. Core: `V1Transport::readData`.
const GROW_AHEAD_BYTES: usize = 256 * 1024;

/// What the reference counts for a received message beside its payload: `sizeof(CNetMessage)`, 80,
/// and once more its `DataStream`, 32, with libstdc++ on 64-bit systems.
const MESSAGE_OVERHEAD_BYTES: usize = 112;

const _: () = assert!(GROW_AHEAD_BYTES < PAYLOAD_BYTES_MAX);

/// A received message, whole and with the right checksum. What its payload says is not known yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// Which message it is, perhaps one that nobody knows.
    pub message_type: MessageType,
    /// Its payload, at most [`PAYLOAD_BYTES_MAX`].
    pub payload: Vec<u8>,
}

impl Message {
    /// Bytes that it took on the wire, header included.
    #[must_use]
    pub const fn raw_bytes(&self) -> usize {
        HEADER_BYTES + self.payload.len()
    }

    /// Bytes of memory that it counts for. Core: `CNetMessage::GetMemoryUsage`.
    #[must_use]
    pub const fn memory_usage(&self) -> usize {
        MESSAGE_OVERHEAD_BYTES + malloc_usage(self.payload.len())
    }
}

/// A message that is dropped; the connection goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Rejected {
    /// Bytes that it took on the wire, header included.
    pub raw_bytes: usize,
    /// Which message it says that it is.
    pub claimed: ClaimedType,
    /// What is wrong with it.
    pub why: RejectedWhy,
}

/// What is wrong with a message that is dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RejectedWhy {
    /// The payload does not have the checksum of the header (offset 20).
    Checksum {
        /// What the header says.
        claimed: [u8; 4],
        /// What the payload has.
        computed: [u8; 4],
    },
    /// The message type (offset 4) is not valid.
    MessageType(MessageTypeError),
}

impl fmt::Display for RejectedWhy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Checksum { claimed, computed } => write!(
                f,
                "checksum at offset 20 is {:08x}, payload has {:08x}",
                u32::from_be_bytes(*claimed),
                u32::from_be_bytes(*computed)
            ),
            Self::MessageType(error) => error.fmt(f),
        }
    }
}

/// What came of some bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Incoming {
    /// A message.
    Message(Message),
    /// A message that is dropped.
    Rejected(Rejected),
}

/// A header that ends the connection: from here on nobody knows where a message begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FrameError {
    /// Another network, or no Bitcoin at all (offset 0).
    Magic {
        /// What came instead.
        found: Magic,
    },
    /// A payload longer than [`PAYLOAD_BYTES_MAX`] (offset 16).
    PayloadTooLong {
        /// Which message it says that it is.
        claimed: ClaimedType,
        /// How long it would be.
        bytes: u32,
    },
}

impl fmt::Display for FrameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Magic { found } => write!(f, "wrong magic {found} at offset 0"),
            Self::PayloadTooLong { bytes, .. } => {
                write!(f, "payload length {bytes} at offset 16 is over {PAYLOAD_BYTES_MAX}")
            }
        }
    }
}

impl std::error::Error for FrameError {}

/// A header whose magic and length are right.
#[derive(Clone, Copy, Debug)]
struct Header {
    claimed: ClaimedType,
    length: usize,
    checksum: [u8; 4],
}

impl Header {
    /// The decision that falls with the 24th byte, before any of the payload.
    fn parse(bytes: &[u8; HEADER_BYTES], magic: Magic) -> Result<Self, FrameError> {
        let found = Magic(array(bytes, 0));
        if found != magic {
            return Err(FrameError::Magic { found });
        }
        let claimed = ClaimedType(array(bytes, 4));
        let bytes_claimed = u32::from_le_bytes(array(bytes, 16));
        let length = bytes_claimed as usize;
        if length > PAYLOAD_BYTES_MAX {
            return Err(FrameError::PayloadTooLong { claimed, bytes: bytes_claimed });
        }
        Ok(Self { claimed, length, checksum: array(bytes, 20) })
    }
}

/// `N` bytes of a header from `at`.
fn array<const N: usize>(bytes: &[u8; HEADER_BYTES], at: usize) -> [u8; N] {
    let mut field = [0; N];
    field.copy_from_slice(&bytes[at..at + N]);
    field
}

/// The receiving half: takes bytes in any pieces, gives messages.
#[derive(Clone, Debug)]
pub struct V1Receiver {
    magic: Magic,
    header_bytes: [u8; HEADER_BYTES],
    header_count: usize,
    /// Once the header is complete.
    header: Option<Header>,
    payload: Vec<u8>,
    hasher: Sha256,
    /// The end, if it has come.
    failed: Option<FrameError>,
}

impl V1Receiver {
    /// A receiver before the first byte.
    #[must_use]
    pub fn new(magic: Magic) -> Self {
        Self {
            magic,
            header_bytes: [0; HEADER_BYTES],
            header_count: 0,
            header: None,
            payload: Vec::new(),
            hasher: Sha256::new(),
            failed: None,
        }
    }

    /// Consumes from the front of `bytes`, at most to the end of one message. `None`: all of them
    /// were consumed, and no message has ended.
    ///
    /// # Errors
    ///
    /// The stream is no v1 stream of this network. Every later call says so again.
    pub fn receive(&mut self, bytes: &mut &[u8]) -> Result<Option<Incoming>, FrameError> {
        if let Some(error) = self.failed {
            return Err(error);
        }
        let header = match self.header {
            Some(header) => header,
            None => match self.receive_header(bytes)? {
                Some(header) => header,
                None => return Ok(None),
            },
        };
        self.receive_payload(header, bytes);
        if self.payload.len() < header.length {
            assert!(bytes.is_empty(), "an unfinished message has taken every byte");
            return Ok(None);
        }
        Ok(Some(self.complete(header)))
    }

    /// Whether a message has begun and not ended.
    #[must_use]
    pub const fn is_mid_message(&self) -> bool {
        self.header_count > 0
    }

    /// Bytes of the message that has begun, header included.
    #[must_use]
    pub const fn partial_bytes(&self) -> usize {
        self.header_count + self.payload.len()
    }

    /// Bytes of memory that are set aside for the payload of a message that has begun: at most 256
    /// KiB more than have come of it.
    #[must_use]
    pub const fn reserved_bytes(&self) -> usize {
        self.payload.capacity()
    }

    fn receive_header(&mut self, bytes: &mut &[u8]) -> Result<Option<Header>, FrameError> {
        let count = bytes.len().min(HEADER_BYTES - self.header_count);
        let (taken, rest) = bytes.split_at(count);
        self.header_bytes[self.header_count..self.header_count + count].copy_from_slice(taken);
        self.header_count += count;
        *bytes = rest;
        if self.header_count < HEADER_BYTES {
            return Ok(None);
        }
        match Header::parse(&self.header_bytes, self.magic) {
            Ok(header) => {
                self.header = Some(header);
                Ok(Some(header))
            }
            Err(error) => {
                self.failed = Some(error);
                Err(error)
            }
        }
    }

    fn receive_payload(&mut self, header: Header, bytes: &mut &[u8]) {
        let have = self.payload.len();
        let count = bytes.len().min(header.length - have);
        if have + count > self.payload.capacity() {
            let room = header.length.min(have + count + GROW_AHEAD_BYTES);
            self.payload.reserve_exact(room - have);
        }
        let (taken, rest) = bytes.split_at(count);
        self.hasher.update(taken);
        self.payload.extend_from_slice(taken);
        *bytes = rest;
    }

    /// Judges a message that has ended, and makes ready for the next. The checksum comes first, as
    /// in `V1Transport::GetReceivedMessage`.
    fn complete(&mut self, header: Header) -> Incoming {
        let payload = std::mem::take(&mut self.payload);
        let computed = checksum_of(&Sha256::digest(self.hasher.finalize_reset()));
        self.header = None;
        self.header_count = 0;
        let (raw_bytes, claimed) = (HEADER_BYTES + payload.len(), header.claimed);
        if computed != header.checksum {
            let why = RejectedWhy::Checksum { claimed: header.checksum, computed };
            return Incoming::Rejected(Rejected { raw_bytes, claimed, why });
        }
        match MessageType::from_wire(claimed.0) {
            Ok(message_type) => Incoming::Message(Message { message_type, payload }),
            Err(error) => {
                let why = RejectedWhy::MessageType(error);
                Incoming::Rejected(Rejected { raw_bytes, claimed, why })
            }
        }
    }
}

/// The checksum of a payload.
pub(super) fn checksum(payload: &[u8]) -> [u8; 4] {
    checksum_of(&Sha256::digest(Sha256::digest(payload)))
}

/// The first four bytes of a hash.
fn checksum_of(hash: &[u8]) -> [u8; 4] {
    [hash[0], hash[1], hash[2], hash[3]]
}

/// A header for the wire.
pub(super) fn header(
    magic: Magic,
    message_type: MessageType,
    length: usize,
    checksum: [u8; 4],
) -> [u8; HEADER_BYTES] {
    let length = u32::try_from(length).expect("the caller checked the length");
    let mut bytes = [0; HEADER_BYTES];
    bytes[..4].copy_from_slice(&magic.0);
    bytes[4..16].copy_from_slice(&message_type.to_wire());
    bytes[16..20].copy_from_slice(&length.to_le_bytes());
    bytes[20..].copy_from_slice(&checksum);
    bytes
}

#[cfg(test)]
mod tests;
