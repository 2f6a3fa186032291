//! The sending half: what is unsent, and whose bytes it is.

use super::keys::{Ciphers, KEY_BYTES, Secrets};
use super::{TERMINATOR_BYTES, contents, packet};
use crate::transport::MessageType;
use crate::transport::v1::{self, PAYLOAD_BYTES_MAX};

/// Buffers up to this size are kept for the next message.
const KEPT_BYTES_MAX: usize = 4096;

/// Where it is.
#[derive(Clone, Debug)]
enum Sending {
    /// Nothing may be said yet.
    Silent,
    /// Key and garbage are on their way; the peer's key is missing.
    AwaitingKey { public_key: [u8; KEY_BYTES] },
    /// Packets can be encrypted.
    Ready(Box<Ciphers>),
}

/// The sending half.
#[derive(Clone, Debug)]
pub(super) struct Sender {
    sending: Sending,
    bytes: Vec<u8>,
    /// Bytes at the front that are sent; less than all of them, unless there are none.
    offset: usize,
    /// Whose bytes they are, if they are a message's.
    message_type: Option<MessageType>,
    /// Bytes sent in all, counted up to a v1 header.
    sent_bytes: usize,
}

impl Sender {
    pub(super) const fn new() -> Self {
        let sending = Sending::Silent;
        Self { sending, bytes: Vec::new(), offset: 0, message_type: None, sent_bytes: 0 }
    }

    /// Our key and garbage go out.
    pub(super) fn start(&mut self, secrets: &Secrets) {
        let public_key = secrets.public_key();
        self.bytes.extend_from_slice(&public_key);
        self.bytes.extend_from_slice(&secrets.garbage());
        self.sending = Sending::AwaitingKey { public_key };
    }

    /// Our key, while it waits for the peer's.
    pub(super) const fn public_key(&self) -> Option<[u8; KEY_BYTES]> {
        match self.sending {
            Sending::AwaitingKey { public_key } => Some(public_key),
            Sending::Silent | Sending::Ready(_) => None,
        }
    }

    /// The terminator and the version packet go out, whose tag covers our garbage.
    pub(super) fn ready(
        &mut self,
        ciphers: Ciphers,
        terminator: &[u8; TERMINATOR_BYTES],
        garbage: &[u8],
    ) {
        let mut ciphers = Box::new(ciphers);
        self.bytes.extend_from_slice(terminator);
        packet::encrypt(&mut ciphers, 0, garbage, [&[], &[]], &mut self.bytes);
        self.sending = Sending::Ready(ciphers);
    }

    pub(super) const fn is_ready(&self) -> bool {
        matches!(self.sending, Sending::Ready(_))
    }

    pub(super) fn send(&mut self, message_type: MessageType, payload: &[u8]) {
        assert!(payload.len() <= PAYLOAD_BYTES_MAX, "nobody would take a longer payload");
        let (type_bytes, count) = contents::encode(message_type);
        self.encrypt(0, [&type_bytes[..count], payload]);
        self.message_type = Some(message_type);
    }

    pub(super) fn send_decoy(&mut self, contents: &[u8]) {
        assert!(
            contents.len() <= contents::CONTENTS_BYTES_MAX,
            "nobody would take longer contents"
        );
        self.encrypt(packet::IGNORE_BIT, [contents, &[]]);
    }

    fn encrypt(&mut self, header: u8, contents: [&[u8]; 2]) {
        let Sending::Ready(ciphers) = &mut self.sending else {
            unreachable!("the transport accepts no packet before the keys are there")
        };
        packet::encrypt(ciphers, header, &[], contents, &mut self.bytes);
    }

    pub(super) fn unsent(&self) -> &[u8] {
        &self.bytes[self.offset..]
    }

    pub(super) fn advance(
        &mut self,
        count: usize,
        sent: impl FnOnce(Option<MessageType>, usize, bool),
    ) {
        assert!(count <= self.unsent().len(), "what was sent was unsent");
        self.offset += count;
        self.sent_bytes = v1::HEADER_BYTES.min(self.sent_bytes + count);
        let whole = self.offset == self.bytes.len();
        if count > 0 {
            sent(self.message_type, count, whole);
        }
        if whole {
            self.offset = 0;
            self.message_type = None;
            self.bytes.clear();
            self.bytes.shrink_to(KEPT_BYTES_MAX);
        }
    }

    /// Whether a v1 peer has had the bytes of a whole header from us, and could have answered.
    pub(super) const fn sent_v1_header_worth(&self) -> bool {
        self.sent_bytes == v1::HEADER_BYTES
    }
}
