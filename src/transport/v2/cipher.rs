//! The two ciphers of a direction, which change their key every 224 packets.
//!
//! Sources: BIP 324, "Packet encryption", `FSChaCha20` and `FSChaCha20Poly1305`; RFC 8439.

use std::fmt;

use chacha20::ChaCha20;
use chacha20::cipher::{KeyIvInit as _, StreamCipher as _, StreamCipherSeek as _};
use poly1305::Poly1305;
use poly1305::universal_hash::{KeyInit as _, UniversalHash as _};

use super::packet::{LENGTH_BYTES, TAG_BYTES};

/// Packets under one key. BIP 324: `REKEY_INTERVAL`.
pub(super) const REKEY_PACKETS: u32 = 224;

/// Keystream that encrypts the lengths under one key, and then is the next key.
const LENGTHS_BYTES: usize = REKEY_PACKETS as usize * LENGTH_BYTES;

/// Encrypts lengths: one keystream goes on from packet to packet.
#[derive(Clone)]
pub(super) struct LengthCipher {
    /// All of this key's keystream that is ever used.
    keystream: [u8; LENGTHS_BYTES + 32],
    packets: usize,
    rekeys: u64,
}

impl LengthCipher {
    pub(super) fn new(key: [u8; 32]) -> Self {
        let mut cipher = Self { keystream: [0; LENGTHS_BYTES + 32], packets: 0, rekeys: 0 };
        stream(&key, 0, 0).apply_keystream(&mut cipher.keystream);
        cipher
    }

    /// Encrypts or decrypts the length of the next packet.
    pub(super) fn apply(&mut self, length: &mut [u8; LENGTH_BYTES]) {
        let keystream = &self.keystream[self.packets * LENGTH_BYTES..];
        for (byte, key) in length.iter_mut().zip(keystream) {
            *byte ^= key;
        }
        self.packets += 1;
        if self.packets == REKEY_PACKETS as usize {
            let mut key = [0; 32];
            key.copy_from_slice(&self.keystream[LENGTHS_BYTES..]);
            self.packets = 0;
            self.rekeys += 1;
            self.keystream.fill(0);
            stream(&key, 0, self.rekeys).apply_keystream(&mut self.keystream);
        }
    }
}

/// Encrypts and authenticates packets, each under a nonce of its own.
#[derive(Clone)]
pub(super) struct PacketCipher {
    key: [u8; 32],
    packets: u32,
    rekeys: u64,
}

impl PacketCipher {
    pub(super) const fn new(key: [u8; 32]) -> Self {
        Self { key, packets: 0, rekeys: 0 }
    }

    /// Which packet is next, from 0.
    pub(super) fn packet_index(&self) -> u64 {
        self.rekeys * u64::from(REKEY_PACKETS) + u64::from(self.packets)
    }

    /// What the next packet is encrypted with.
    pub(super) fn next_packet(&mut self) -> OnePacket {
        let packet = OnePacket::new(self.key, self.packets, self.rekeys);
        self.packets += 1;
        if self.packets == REKEY_PACKETS {
            // The key is what would encrypt zeros: the block after that of the tag's key.
            let mut blocks = [0; 64 + 32];
            stream(&self.key, u32::MAX, self.rekeys).apply_keystream(&mut blocks);
            self.key.copy_from_slice(&blocks[64..]);
            self.packets = 0;
            self.rekeys += 1;
        }
        packet
    }
}

/// The cipher of one packet: ChaCha20-Poly1305, its two halves apart, so that bytes that lie in
/// several places need not be brought together.
pub(super) struct OnePacket {
    stream: ChaCha20,
    mac: Poly1305,
    key: [u8; 32],
    packet: u32,
    rekeys: u64,
}

impl Clone for OnePacket {
    /// The library's cipher has no clone, but a place to go to.
    fn clone(&self) -> Self {
        let mut stream = stream(&self.key, self.packet, self.rekeys);
        stream.seek(self.stream.current_pos::<u64>());
        Self { stream, mac: self.mac.clone(), ..*self }
    }
}

impl OnePacket {
    fn new(cipher_key: [u8; 32], packet: u32, rekeys: u64) -> Self {
        let mut stream = stream(&cipher_key, packet, rekeys);
        let mut block = [0; 64];
        stream.apply_keystream(&mut block);
        let mut key = [0; 32];
        key.copy_from_slice(&block[..32]);
        Self { stream, mac: Poly1305::new(&key.into()), key: cipher_key, packet, rekeys }
    }

    /// Encrypts or decrypts what follows in the packet.
    pub(super) fn apply(&mut self, bytes: &mut [u8]) {
        self.stream.apply_keystream(bytes);
    }

    /// The tag of ciphertext that lies in two pieces, the first of at most 16 bytes.
    pub(super) fn tag(&self, aad: &[u8], head: &[u8], rest: &[u8]) -> [u8; TAG_BYTES] {
        self.mac_of(aad, head, rest).finalize().into()
    }

    /// Whether a tag is that of the ciphertext, in a time that does not tell where it is not.
    pub(super) fn verifies(
        &self,
        aad: &[u8],
        head: &[u8],
        rest: &[u8],
        tag: [u8; TAG_BYTES],
    ) -> bool {
        self.mac_of(aad, head, rest).verify(&tag.into()).is_ok()
    }

    fn mac_of(&self, aad: &[u8], head: &[u8], rest: &[u8]) -> Poly1305 {
        let mut mac = self.mac.clone();
        mac.update_padded(aad);
        let mut block = [0; TAG_BYTES];
        let fill = rest.len().min(TAG_BYTES - head.len());
        block[..head.len()].copy_from_slice(head);
        block[head.len()..head.len() + fill].copy_from_slice(&rest[..fill]);
        mac.update_padded(&block[..head.len() + fill]);
        mac.update_padded(&rest[fill..]);
        let mut lengths = [0; 16];
        lengths[..8].copy_from_slice(&(aad.len() as u64).to_le_bytes());
        lengths[8..].copy_from_slice(&((head.len() + rest.len()) as u64).to_le_bytes());
        mac.update(&[lengths.into()]);
        mac
    }
}

/// The keystream under a nonce of two numbers.
fn stream(key: &[u8; 32], packet: u32, rekeys: u64) -> ChaCha20 {
    let mut nonce = [0; 12];
    nonce[..4].copy_from_slice(&packet.to_le_bytes());
    nonce[4..].copy_from_slice(&rekeys.to_le_bytes());
    ChaCha20::new(&(*key).into(), &nonce.into())
}

/// Shows how far a cipher is, and no key.
macro_rules! debug_without_key {
    ($($name:ident { $($field:ident),* }),+ $(,)?) => {$(
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_struct(stringify!($name))
                    $(.field(stringify!($field), &self.$field))*
                    .finish_non_exhaustive()
            }
        }
    )+};
}

debug_without_key! {
    LengthCipher { packets, rekeys },
    PacketCipher { packets, rekeys },
    OnePacket { packet, rekeys },
}
