//! What a peer may do wrong, and what we may.

use std::fmt;

use super::super::{Magic, MessageTypeError};
use super::contents::CONTENTS_BYTES_MAX;
use super::{GARBAGE_BYTES_MAX, PACKET_OVERHEAD_BYTES, TERMINATOR_BYTES};

/// Bytes that end the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum V2Error {
    /// A v1 peer of another network (offsets 0 to 15 of the stream).
    OtherNetwork {
        /// Its magic.
        found: Magic,
    },
    /// No terminator where the longest garbage has one (offset 64 of the stream on).
    NoTerminator,
    /// The length of a packet (its offset 0) is over what the longest message takes.
    ContentsTooLong {
        /// Which packet of the peer, from 0.
        packet: u64,
        /// How long its contents would be.
        bytes: usize,
    },
    /// The tag of a packet, its last 16 bytes, is not that of its bytes, or of the garbage for the
    /// first.
    Tag {
        /// Which packet of the peer, from 0.
        packet: u64,
        /// How long its contents were.
        bytes: usize,
    },
}

impl fmt::Display for V2Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OtherNetwork { found } => write!(f, "v1 peer with magic {found} at offset 0"),
            Self::NoTerminator => write!(
                f,
                "no garbage terminator in {} bytes at offset 64",
                GARBAGE_BYTES_MAX + TERMINATOR_BYTES
            ),
            Self::ContentsTooLong { packet, bytes } => write!(
                f,
                "length {bytes} at offset 0 of packet {packet} is over {CONTENTS_BYTES_MAX}"
            ),
            Self::Tag { packet, bytes } => write!(
                f,
                "wrong tag at offset {} of packet {packet}",
                bytes + PACKET_OVERHEAD_BYTES - super::packet::TAG_BYTES
            ),
        }
    }
}

impl std::error::Error for V2Error {}

/// A message that is dropped; the connection goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct V2Rejected {
    /// Bytes that it took on the wire.
    pub raw_bytes: usize,
    /// What is wrong with it.
    pub why: V2RejectedWhy,
}

/// What is wrong with the contents of an authentic packet. Offsets are into the contents.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum V2RejectedWhy {
    /// They are empty, so there is no type.
    Empty,
    /// A short id (offset 0) that stands for nothing.
    ShortId(u8),
    /// They end in the middle of a long type (offset 1).
    TypeCut {
        /// How many of its 12 bytes are there.
        bytes: usize,
    },
    /// The long type (offset 1) is not valid.
    MessageType(MessageTypeError),
}

impl fmt::Display for V2RejectedWhy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("no message type at offset 0 of empty contents"),
            Self::ShortId(id) => write!(f, "short id {id} at offset 0 stands for no type"),
            Self::TypeCut { bytes } => {
                write!(f, "message type at offset 1 ends after {bytes} bytes")
            }
            Self::MessageType(error) => error.fmt(f),
        }
    }
}

/// Secrets that are none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SecretsError {
    /// Zero, or not below the order of the curve.
    NoKey,
    /// More garbage than a peer would take.
    GarbageTooLong {
        /// How much it is.
        bytes: usize,
    },
}

impl fmt::Display for SecretsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoKey => f.write_str("secret key is zero or over the order of the curve"),
            Self::GarbageTooLong { bytes } => {
                write!(f, "garbage of {bytes} bytes is over {GARBAGE_BYTES_MAX}")
            }
        }
    }
}

impl std::error::Error for SecretsError {}
