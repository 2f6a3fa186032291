//! Packets: what is between the length and the tag, taken in any pieces.
//!
//! | offset | bytes | field                                                       |
//! |--------|-------|-------------------------------------------------------------|
//! | 0      | 3     | length of the contents, little endian, encrypted by itself   |
//! | 3      | 1     | header: the highest bit says that the packet is a decoy      |
//! | 4      | n     | contents: a message type, and the payload                    |
//! | 4 + n  | 16    | tag                                                         |

use super::V2Error;
use super::cipher::OnePacket;
use super::contents::{CONTENTS_BYTES_MAX, LONG_TYPE_BYTES, type_bytes};
use super::keys::Ciphers;

/// Bytes of the encrypted length.
pub(super) const LENGTH_BYTES: usize = 3;

/// Bytes of a tag (Poly1305).
pub(super) const TAG_BYTES: usize = 16;

/// Bytes of the header.
const HEADER_BYTES: usize = 1;

/// The bit of the header that makes a decoy. BIP 324: `IGNORE_BIT_POS`. Others mean nothing.
pub(super) const IGNORE_BIT: u8 = 0x80;

/// Header and the longest type.
const HEAD_BYTES_MAX: usize = HEADER_BYTES + LONG_TYPE_BYTES;

/// How far a payload's buffer grows ahead of what came: as in v1.
const GROW_AHEAD_BYTES: usize = 256 * 1024;

/// A packet whose tag is right.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Packet {
    head: [u8; HEAD_BYTES_MAX],
    head_bytes: usize,
    /// What follows the message type.
    pub(super) payload: Vec<u8>,
}

impl Packet {
    /// Whether it is to be ignored.
    pub(super) const fn is_decoy(&self) -> bool {
        self.head[0] & IGNORE_BIT != 0
    }

    /// The bytes of the message type, as many of them as there are.
    pub(super) fn message_type(&self) -> &[u8] {
        &self.head[HEADER_BYTES..self.head_bytes]
    }

    /// Bytes of its contents.
    pub(super) fn contents_bytes(&self) -> usize {
        self.head_bytes - HEADER_BYTES + self.payload.len()
    }
}

/// Takes bytes, gives packets.
#[derive(Clone, Debug)]
pub(super) struct PacketReceiver {
    ciphers: Ciphers,
    /// What the tag of the next packet covers beside it: the garbage, for the first.
    aad: Vec<u8>,
    length: [u8; LENGTH_BYTES],
    length_count: usize,
    /// Once its length is known.
    partial: Option<Partial>,
}

/// A packet that has begun.
///
/// Header and message type lie apart from the payload, which therefore is where it stays: whoever
/// receives the message gets this very buffer. How long the type is shows in its first byte, which
/// is decrypted as it comes; nothing else depends on a byte before the tag is checked.
#[derive(Clone, Debug)]
struct Partial {
    index: u64,
    contents_bytes: usize,
    cipher: OnePacket,
    /// Encrypted.
    head: [u8; HEAD_BYTES_MAX],
    head_count: usize,
    /// Bytes of header and type, as far as known.
    head_bytes: usize,
    /// As much of the head as had to be decrypted.
    plain: [u8; HEAD_BYTES_MAX],
    payload: Vec<u8>,
    tag: [u8; TAG_BYTES],
    tag_count: usize,
}

impl PacketReceiver {
    pub(super) const fn new(ciphers: Ciphers) -> Self {
        Self { ciphers, aad: Vec::new(), length: [0; LENGTH_BYTES], length_count: 0, partial: None }
    }

    /// Bytes of the packet that has begun.
    pub(super) fn partial_bytes(&self) -> usize {
        let body = |partial: &Partial| {
            LENGTH_BYTES + partial.head_count + partial.payload.len() + partial.tag_count
        };
        self.partial.as_ref().map_or(self.length_count, body)
    }

    /// Bytes of memory that are set aside for its payload.
    pub(super) fn reserved_bytes(&self) -> usize {
        self.partial.as_ref().map_or(0, |partial| partial.payload.capacity())
    }

    /// The first packet's tag covers these bytes too.
    pub(super) fn authenticate_with_first(&mut self, garbage: Vec<u8>) {
        self.aad = garbage;
    }

    /// Consumes from the front of `input`, at most to the end of one packet.
    pub(super) fn receive(&mut self, input: &mut &[u8]) -> Result<Option<Packet>, V2Error> {
        let partial = match &mut self.partial {
            Some(partial) => partial,
            None => {
                fill(input, &mut self.length, &mut self.length_count);
                if self.length_count < LENGTH_BYTES {
                    return Ok(None);
                }
                self.length_count = 0;
                let mut length = self.length;
                self.ciphers.length.apply(&mut length);
                self.partial.insert(Partial::begin(length, &mut self.ciphers)?)
            }
        };
        if !partial.take(input) {
            return Ok(None);
        }
        let packet = self.partial.take().map(|partial| partial.finish(&self.aad)).transpose()?;
        self.aad = Vec::new();
        Ok(packet)
    }
}

impl Partial {
    fn begin(length: [u8; LENGTH_BYTES], ciphers: &mut Ciphers) -> Result<Self, V2Error> {
        let index = ciphers.packet.packet_index();
        let bytes = u32::from_le_bytes([length[0], length[1], length[2], 0]) as usize;
        if bytes > CONTENTS_BYTES_MAX {
            return Err(V2Error::ContentsTooLong { packet: index, bytes });
        }
        Ok(Self {
            index,
            contents_bytes: bytes,
            cipher: ciphers.packet.next_packet(),
            head: [0; HEAD_BYTES_MAX],
            head_count: 0,
            head_bytes: HEADER_BYTES + bytes.min(1),
            plain: [0; HEAD_BYTES_MAX],
            payload: Vec::new(),
            tag: [0; TAG_BYTES],
            tag_count: 0,
        })
    }

    /// Takes what belongs to it; whether it is whole.
    fn take(&mut self, input: &mut &[u8]) -> bool {
        self.take_head(input);
        if self.head_count < self.head_bytes {
            return false;
        }
        let payload_bytes = HEADER_BYTES + self.contents_bytes - self.head_bytes;
        let have = self.payload.len();
        let (taken, rest) = input.split_at(input.len().min(payload_bytes - have));
        if have + taken.len() > self.payload.capacity() {
            let room = payload_bytes.min(have + taken.len() + GROW_AHEAD_BYTES);
            self.payload.reserve_exact(room - have);
        }
        self.payload.extend_from_slice(taken);
        *input = rest;
        if self.payload.len() < payload_bytes {
            return false;
        }
        fill(input, &mut self.tag, &mut self.tag_count);
        self.tag_count == TAG_BYTES
    }

    /// Header and first byte of the type, then the rest of a long one.
    fn take_head(&mut self, input: &mut &[u8]) {
        while self.head_count < self.head_bytes && !input.is_empty() {
            let decrypted = self.head_count;
            fill(input, &mut self.head[..self.head_bytes], &mut self.head_count);
            let new = decrypted..self.head_count;
            self.plain[new.clone()].copy_from_slice(&self.head[new.clone()]);
            self.cipher.apply(&mut self.plain[new]);
            if self.head_count == HEADER_BYTES + 1 {
                let bytes = type_bytes(self.plain[HEADER_BYTES]).min(self.contents_bytes);
                self.head_bytes = HEADER_BYTES + bytes;
            }
        }
    }

    fn finish(mut self, aad: &[u8]) -> Result<Packet, V2Error> {
        let head = &self.head[..self.head_bytes];
        if !self.cipher.verifies(aad, head, &self.payload, self.tag) {
            return Err(V2Error::Tag { packet: self.index, bytes: self.contents_bytes });
        }
        self.cipher.apply(&mut self.payload);
        Ok(Packet { head: self.plain, head_bytes: self.head_bytes, payload: self.payload })
    }
}

/// Takes from the front of `input` until `field` is full.
fn fill(input: &mut &[u8], field: &mut [u8], count: &mut usize) {
    let (taken, rest) = input.split_at(input.len().min(field.len() - *count));
    field[*count..*count + taken.len()].copy_from_slice(taken);
    *count += taken.len();
    *input = rest;
}

/// Appends a packet whose contents lie in two pieces: copied once, then encrypted where they are.
pub(super) fn encrypt(
    ciphers: &mut Ciphers,
    header: u8,
    aad: &[u8],
    contents: [&[u8]; 2],
    out: &mut Vec<u8>,
) {
    let bytes = contents[0].len() + contents[1].len();
    let length = u32::try_from(bytes).expect("whoever encrypts knows the bound").to_le_bytes();
    let mut length = [length[0], length[1], length[2]];
    ciphers.length.apply(&mut length);
    out.reserve_exact(LENGTH_BYTES + HEADER_BYTES + bytes + TAG_BYTES);
    out.extend_from_slice(&length);
    let start = out.len();
    out.push(header);
    out.extend_from_slice(contents[0]);
    out.extend_from_slice(contents[1]);
    let mut cipher = ciphers.packet.next_packet();
    cipher.apply(&mut out[start..]);
    let tag = cipher.tag(aad, &[], &out[start..]);
    out.extend_from_slice(&tag);
}
