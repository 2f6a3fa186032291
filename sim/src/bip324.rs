//! BIP 324 as its text has it: keys, packets and message types, for the peers of a simulation and
//! for who listens in on the node.
//!
//! It is written apart from the library's transport, with other ciphers and a buffer for
//! everything, so that a mistake in one does not hide behind the same mistake in the other; only
//! the curve is the same. It knows bytes of one direction at a time, and neither sockets nor
//! messages. Source: BIP 324; docs/behaviour.md, transport 3.

use std::fmt;

use chacha20_poly1305::chacha20::ChaCha20;
use chacha20_poly1305::{ChaCha20Poly1305, Key, Nonce};
use hkdf::Hkdf;
use secp256k1::ellswift::{ElligatorSwift, ElligatorSwiftParty};
use secp256k1::{Secp256k1, SecretKey};
use sha2::Sha256;

use crate::fifo::Fifo;

/// Bytes of a public key.
pub const KEY_BYTES: usize = 64;

/// Most bytes of garbage.
pub const GARBAGE_BYTES_MAX: usize = 4095;

/// Bytes that end the garbage.
pub const TERMINATOR_BYTES: usize = 16;

/// Bytes of an encrypted length, of a header, of a tag.
const LENGTH_BYTES: usize = 3;
const HEADER_BYTES: usize = 1;
const TAG_BYTES: usize = 16;

/// The longest contents: a long type and the longest payload.
const CONTENTS_BYTES_MAX: usize = 1 + 12 + 4_000_000;

/// The bit of a header that makes a decoy.
const DECOY: u8 = 0x80;

/// Packets under one key.
const REKEY_EVERY: u64 = 224;

/// Types by their short ids, from 1.
const SHORT: [&str; 28] = [
    "addr",
    "block",
    "blocktxn",
    "cmpctblock",
    "feefilter",
    "filteradd",
    "filterclear",
    "filterload",
    "getblocks",
    "getblocktxn",
    "getdata",
    "getheaders",
    "headers",
    "inv",
    "mempool",
    "merkleblock",
    "notfound",
    "ping",
    "pong",
    "sendcmpct",
    "tx",
    "getcfilters",
    "cfilter",
    "getcfheaders",
    "cfheaders",
    "getcfcheckpt",
    "cfcheckpt",
    "addrv2",
];

/// The highest short id that is taken; those without a type are the empty one.
const SHORT_MAX: u8 = 32;

/// One side's secret, and its public key as it goes out.
#[derive(Clone, Copy)]
pub struct Secret {
    key: SecretKey,
    public: [u8; KEY_BYTES],
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}

impl Secret {
    /// A secret of these bytes, nearly all of which are one; `encoding` chooses among the many
    /// forms of its public key.
    #[must_use]
    pub fn new(bytes: [u8; 32], encoding: Option<[u8; 32]>) -> Option<Self> {
        let key = SecretKey::from_slice(&bytes).ok()?;
        let public = ElligatorSwift::from_seckey(&Secp256k1::new(), key, encoding).to_array();
        Some(Self { key, public })
    }

    /// The public key.
    #[must_use]
    pub const fn public(&self) -> [u8; KEY_BYTES] {
        self.public
    }
}

/// Who began.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// This side.
    Initiator,
    /// The other one.
    Responder,
}

/// Both directions of a session, as one side has them.
#[derive(Clone, Debug)]
pub struct Session {
    /// What this side sends with.
    pub sends: Direction,
    /// What ends its garbage.
    pub sends_terminator: [u8; TERMINATOR_BYTES],
    /// What it receives with.
    pub receives: Direction,
    /// What ends the other side's garbage.
    pub receives_terminator: [u8; TERMINATOR_BYTES],
}

impl Session {
    /// Derives everything from one secret and the other side's public key.
    #[must_use]
    pub fn new(magic: [u8; 4], role: Role, secret: &Secret, theirs: [u8; KEY_BYTES]) -> Self {
        let keys = [secret.public, theirs].map(ElligatorSwift::from_array);
        let shared = match role {
            Role::Initiator => ElligatorSwift::shared_secret(
                keys[0],
                keys[1],
                secret.key,
                ElligatorSwiftParty::A,
                None,
            ),
            Role::Responder => ElligatorSwift::shared_secret(
                keys[1],
                keys[0],
                secret.key,
                ElligatorSwiftParty::B,
                None,
            ),
        };
        let salt = [b"bitcoin_v2_shared_secret".as_slice(), &magic].concat();
        let hkdf = Hkdf::<Sha256>::new(Some(&salt), shared.as_secret_bytes());
        let derive = |label: &str| {
            let mut bytes = [0; 32];
            hkdf.expand(label.as_bytes(), &mut bytes).expect("32 bytes can be derived");
            bytes
        };
        let direction = |of: &str| Direction {
            length_key: derive(&format!("{of}_L")),
            packet_key: derive(&format!("{of}_P")),
            lengths: 0,
            packets: 0,
        };
        let (initiators, responders) = (direction("initiator"), direction("responder"));
        let mut terminators = [[0; TERMINATOR_BYTES]; 2];
        let both = derive("garbage_terminators");
        terminators[0].copy_from_slice(&both[..TERMINATOR_BYTES]);
        terminators[1].copy_from_slice(&both[TERMINATOR_BYTES..]);
        let [ours, theirs] = match role {
            Role::Initiator => [(initiators, terminators[0]), (responders, terminators[1])],
            Role::Responder => [(responders, terminators[1]), (initiators, terminators[0])],
        };
        Self {
            sends: ours.0,
            sends_terminator: ours.1,
            receives: theirs.0,
            receives_terminator: theirs.1,
        }
    }
}

/// The keys of one direction, and how far it is.
#[derive(Clone)]
pub struct Direction {
    length_key: [u8; 32],
    packet_key: [u8; 32],
    lengths: u64,
    packets: u64,
}

impl fmt::Debug for Direction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Direction({} packets)", self.packets)
    }
}

/// What is to be wrong with a packet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Damage {
    /// Its tag.
    pub tag: bool,
    /// What its length says, instead of the truth.
    pub claims: Option<u32>,
    /// It is a decoy, which is not wrong.
    pub decoy: bool,
}

impl Direction {
    /// A packet.
    #[must_use]
    pub fn seal(&mut self, contents: &[u8], aad: &[u8], damage: Damage) -> Vec<u8> {
        let length = u32::try_from(contents.len()).expect("contents are bounded");
        let [a, b, c, _] = damage.claims.unwrap_or(length).to_le_bytes();
        let mut packet = self.crypt_length([a, b, c]).to_vec();
        packet.push(if damage.decoy { DECOY } else { 0 });
        packet.extend_from_slice(contents);
        let mut tag = self.next_packet().encrypt(&mut packet[LENGTH_BYTES..], Some(aad));
        tag[0] ^= u8::from(damage.tag);
        packet.extend_from_slice(&tag);
        packet
    }

    /// Header and contents from what follows a length, if the tag is right.
    fn open(&mut self, body: &[u8], aad: &[u8]) -> Option<(u8, Vec<u8>)> {
        let (sealed, tag) = body.split_last_chunk::<TAG_BYTES>()?;
        let mut plain = sealed.to_vec();
        self.next_packet().decrypt(&mut plain, *tag, Some(aad)).ok()?;
        let header = plain.remove(0);
        Some((header, plain))
    }

    fn crypt_length(&mut self, mut length: [u8; LENGTH_BYTES]) -> [u8; LENGTH_BYTES] {
        let (key, place) = (self.lengths / REKEY_EVERY, self.lengths % REKEY_EVERY);
        let at = |place: u64| {
            let byte = u32::try_from(place * LENGTH_BYTES as u64).expect("a key's few bytes");
            ChaCha20::new(Key::new(self.length_key), nonce(0, key), byte)
        };
        at(place).apply_keystream(&mut length);
        if place + 1 == REKEY_EVERY {
            let mut next = [0; 32];
            at(REKEY_EVERY).apply_keystream(&mut next);
            self.length_key = next;
        }
        self.lengths += 1;
        length
    }

    fn next_packet(&mut self) -> ChaCha20Poly1305 {
        let (key, place) = (self.packets / REKEY_EVERY, self.packets % REKEY_EVERY);
        let number = u32::try_from(place).expect("a remainder of 224");
        let cipher = ChaCha20Poly1305::new(Key::new(self.packet_key), nonce(number, key));
        if place + 1 == REKEY_EVERY {
            // The text has it so: what encrypts 32 zeros is the next key.
            let last = ChaCha20Poly1305::new(Key::new(self.packet_key), nonce(u32::MAX, key));
            let mut next = [0; 32];
            let _ = last.encrypt(&mut next, None);
            self.packet_key = next;
        }
        self.packets += 1;
        cipher
    }
}

fn nonce(number: u32, key: u64) -> Nonce {
    let mut bytes = [0; 12];
    bytes[..4].copy_from_slice(&number.to_le_bytes());
    bytes[4..].copy_from_slice(&key.to_le_bytes());
    Nonce::new(bytes)
}

/// What came out of a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Opened {
    /// The end of so many bytes of garbage.
    Terminator(usize),
    /// The first packet that is no decoy, with so many bytes of contents.
    Version(usize),
    /// One that is to be ignored.
    Decoy,
    /// What a later one has in it.
    Contents(Vec<u8>),
}

/// Why a stream cannot go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Broken {
    /// There is no terminator where the longest garbage has one.
    Garbage,
    /// A length that nobody takes.
    Length,
    /// A wrong tag.
    Tag,
}

/// Everything that follows one side's public key.
#[derive(Clone, Debug)]
pub struct Stream {
    direction: Direction,
    terminator: [u8; TERMINATOR_BYTES],
    buffer: Fifo,
    /// Before the terminator; afterwards, what the first packet is authenticated with.
    in_garbage: bool,
    garbage: Vec<u8>,
    /// Of the packet that has begun, without its length.
    body_bytes: Option<usize>,
    had_version: bool,
}

impl Stream {
    /// A stream before its first byte.
    #[must_use]
    pub const fn new(direction: Direction, terminator: [u8; TERMINATOR_BYTES]) -> Self {
        Self {
            direction,
            terminator,
            buffer: Fifo::new(),
            in_garbage: true,
            garbage: Vec::new(),
            body_bytes: None,
            had_version: false,
        }
    }

    /// Adds bytes.
    pub fn push(&mut self, bytes: &[u8]) {
        self.buffer.back().extend_from_slice(bytes);
    }

    /// Bytes of what has begun and not ended.
    #[must_use]
    pub fn partial_bytes(&self) -> usize {
        self.buffer.len() + self.body_bytes.map_or(0, |_| LENGTH_BYTES)
    }

    /// Whether the version packet has come.
    #[must_use]
    pub const fn is_open(&self) -> bool {
        self.had_version
    }

    /// The next that is whole.
    ///
    /// # Errors
    ///
    /// The stream cannot go on.
    pub fn open_next(&mut self) -> Result<Option<Opened>, Broken> {
        if self.in_garbage {
            return self.next_terminator();
        }
        let body_bytes = match self.body_bytes {
            Some(bytes) => bytes,
            None => {
                let Some(length) = self.buffer.first_chunk().copied() else { return Ok(None) };
                self.buffer.take(LENGTH_BYTES);
                let [a, b, c] = self.direction.crypt_length(length);
                let contents = u32::from_le_bytes([a, b, c, 0]) as usize;
                if contents > CONTENTS_BYTES_MAX {
                    return Err(Broken::Length);
                }
                *self.body_bytes.insert(HEADER_BYTES + contents + TAG_BYTES)
            }
        };
        if self.buffer.len() < body_bytes {
            return Ok(None);
        }
        self.body_bytes = None;
        let aad = std::mem::take(&mut self.garbage);
        let opened = self.direction.open(&self.buffer[..body_bytes], &aad);
        self.buffer.take(body_bytes);
        let (header, contents) = opened.ok_or(Broken::Tag)?;
        Ok(Some(if header & DECOY != 0 {
            Opened::Decoy
        } else if std::mem::replace(&mut self.had_version, true) {
            Opened::Contents(contents)
        } else {
            Opened::Version(contents.len())
        }))
    }

    fn next_terminator(&mut self) -> Result<Option<Opened>, Broken> {
        let longest = GARBAGE_BYTES_MAX + TERMINATOR_BYTES;
        let within = &self.buffer[..self.buffer.len().min(longest)];
        let place = within.windows(TERMINATOR_BYTES).position(|bytes| bytes == self.terminator);
        let Some(place) = place else {
            return if within.len() == longest { Err(Broken::Garbage) } else { Ok(None) };
        };
        self.garbage = within[..place].to_vec();
        self.buffer.take(place);
        self.buffer.take(TERMINATOR_BYTES);
        self.in_garbage = false;
        Ok(Some(Opened::Terminator(place)))
    }
}

/// The message type as contents begin with it.
#[must_use]
pub fn type_bytes(name: &str) -> Vec<u8> {
    if let Some(place) = SHORT.iter().position(|short| *short == name) {
        return vec![u8::try_from(place + 1).expect("a short list")];
    }
    let mut bytes = vec![0; 13];
    bytes[1..1 + name.len()].copy_from_slice(name.as_bytes());
    bytes
}

/// The type of contents, filled up with zeros, and the payload; `None`: a message that is dropped.
#[must_use]
pub fn split(contents: &[u8]) -> Option<([u8; 12], &[u8])> {
    let (&id, rest) = contents.split_first()?;
    let mut name = [0; 12];
    if id == 0 {
        let (long, payload) = rest.split_first_chunk::<12>()?;
        return Some((*long, payload));
    }
    if id > SHORT_MAX {
        return None;
    }
    let short = SHORT.get(usize::from(id) - 1).copied().unwrap_or_default();
    name[..short.len()].copy_from_slice(short.as_bytes());
    Some((name, rest))
}
