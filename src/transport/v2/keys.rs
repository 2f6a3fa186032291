//! Keys: our secrets, and what both sides derive from their two public keys.
//!
//! Sources: BIP 324, "Shared secret computation"; Core: bip324.cpp, `BIP324Cipher::Initialize`.

use std::borrow::Cow;
use std::fmt;

use hkdf::Hkdf;
use secp256k1::ellswift::{ElligatorSwift, ElligatorSwiftParty};
use secp256k1::{Secp256k1, SecretKey};
use sha2::Sha256;

use super::cipher::{LengthCipher, PacketCipher};
use super::{Role, SecretsError, TERMINATOR_BYTES};
use crate::rng::{Purpose, Seed};
use crate::transport::Magic;

/// Bytes of a public key on the wire (ElligatorSwift).
pub const KEY_BYTES: usize = 64;

/// The most garbage that may follow a key. Core: `V2Transport::MAX_GARBAGE_LEN`.
pub const GARBAGE_BYTES_MAX: usize = 4095;

/// What both sides of a session can compare over another channel to know that nobody sits between
/// them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SessionId(pub [u8; 32]);

impl fmt::Display for SessionId {
    /// In hexadecimal digits, as Core shows it in `getpeerinfo`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// What one connection needs of randomness.
#[derive(Clone)]
pub struct Secrets {
    key: SecretKey,
    /// Chooses among the many encodings of our public key.
    encoding: [u8; 32],
    garbage: Garbage,
}

/// What follows our key, made when it is said: most peers speak v1, and never hear it.
#[derive(Clone)]
enum Garbage {
    Given(Vec<u8>),
    /// So many bytes that follow from a key.
    Drawn {
        seed: Seed,
        bytes: usize,
    },
}

impl Secrets {
    /// Secrets from their parts: a secret key, what chooses the encoding of its public key, and
    /// the garbage that follows it.
    ///
    /// # Errors
    ///
    /// The key is none, or the garbage longer than [`GARBAGE_BYTES_MAX`].
    pub fn new(key: [u8; 32], encoding: [u8; 32], garbage: Vec<u8>) -> Result<Self, SecretsError> {
        let bytes = garbage.len();
        if bytes > GARBAGE_BYTES_MAX {
            return Err(SecretsError::GarbageTooLong { bytes });
        }
        let key = SecretKey::from_slice(&key).map_err(|_| SecretsError::NoKey)?;
        Ok(Self { key, encoding, garbage: Garbage::Given(garbage) })
    }

    /// The secrets of a connection, `subject` its number. Each length of garbage is as likely.
    ///
    /// # Panics
    ///
    /// Once in 2^127 draws, which are no keys.
    #[must_use]
    pub fn draw(seed: &Seed, subject: u64) -> Self {
        let mut drawn = [0; 32 + 32 + 32 + 2];
        seed.fill(Purpose::TransportSecrets, subject, &mut drawn);
        let ([key, encoding, garbage], length) = parts_of(&drawn);
        let key = SecretKey::from_slice(&key).expect("a draw is no key once in 2^127 times");
        let bytes = usize::from(length) % (GARBAGE_BYTES_MAX + 1);
        Self { key, encoding, garbage: Garbage::Drawn { seed: Seed::new(garbage), bytes } }
    }

    /// What follows our key.
    pub(super) fn garbage(&self) -> Cow<'_, [u8]> {
        match &self.garbage {
            Garbage::Given(garbage) => Cow::Borrowed(garbage),
            Garbage::Drawn { seed, bytes } => {
                let mut garbage = vec![0; *bytes];
                seed.fill(Purpose::TransportSecrets, 0, &mut garbage);
                Cow::Owned(garbage)
            }
        }
    }

    const fn garbage_bytes(&self) -> usize {
        match &self.garbage {
            Garbage::Given(garbage) => garbage.len(),
            Garbage::Drawn { bytes, .. } => *bytes,
        }
    }

    /// Our public key, as it goes out.
    pub(super) fn public_key(&self) -> [u8; KEY_BYTES] {
        ElligatorSwift::from_seckey(&Secp256k1::new(), self.key, Some(self.encoding)).to_array()
    }
}

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Secrets")
            .field("garbage_bytes", &self.garbage_bytes())
            .finish_non_exhaustive()
    }
}

/// Three times 32 bytes, and a number of two.
fn parts_of(drawn: &[u8; 32 + 32 + 32 + 2]) -> ([[u8; 32]; 3], u16) {
    let mut parts = [[0; 32]; 3];
    for (part, bytes) in parts.iter_mut().zip(drawn.chunks_exact(32)) {
        part.copy_from_slice(bytes);
    }
    (parts, u16::from_le_bytes([drawn[96], drawn[97]]))
}

/// The ciphers of one direction.
#[derive(Clone, Debug)]
pub(super) struct Ciphers {
    pub(super) length: LengthCipher,
    pub(super) packet: PacketCipher,
}

/// What follows from both public keys.
#[derive(Debug)]
pub(super) struct Session {
    pub(super) id: SessionId,
    pub(super) send: Ciphers,
    pub(super) receive: Ciphers,
    pub(super) send_terminator: [u8; TERMINATOR_BYTES],
    pub(super) receive_terminator: [u8; TERMINATOR_BYTES],
}

impl Session {
    /// Derives everything; any 64 bytes of a peer are a key.
    pub(super) fn derive(
        magic: Magic,
        role: Role,
        secrets: &Secrets,
        ours: [u8; KEY_BYTES],
        theirs: &[u8; KEY_BYTES],
    ) -> Self {
        let (ours, theirs) =
            (ElligatorSwift::from_array(ours), ElligatorSwift::from_array(*theirs));
        let (initiator, responder, party) = match role {
            Role::Initiator => (ours, theirs, ElligatorSwiftParty::A),
            Role::Responder => (theirs, ours, ElligatorSwiftParty::B),
        };
        let shared = ElligatorSwift::shared_secret(initiator, responder, secrets.key, party, None);
        let salt = [b"bitcoin_v2_shared_secret".as_slice(), &magic.0].concat();
        let hkdf = Hkdf::<Sha256>::new(Some(&salt), shared.as_secret_bytes());
        let initiator = Ciphers {
            length: LengthCipher::new(expand(&hkdf, b"initiator_L")),
            packet: PacketCipher::new(expand(&hkdf, b"initiator_P")),
        };
        let responder = Ciphers {
            length: LengthCipher::new(expand(&hkdf, b"responder_L")),
            packet: PacketCipher::new(expand(&hkdf, b"responder_P")),
        };
        let terminators = expand(&hkdf, b"garbage_terminators");
        let (mut of_initiator, mut of_responder) = ([0; TERMINATOR_BYTES], [0; TERMINATOR_BYTES]);
        of_initiator.copy_from_slice(&terminators[..TERMINATOR_BYTES]);
        of_responder.copy_from_slice(&terminators[TERMINATOR_BYTES..]);
        let (send, receive, send_terminator, receive_terminator) = match role {
            Role::Initiator => (initiator, responder, of_initiator, of_responder),
            Role::Responder => (responder, initiator, of_responder, of_initiator),
        };
        let id = SessionId(expand(&hkdf, b"session_id"));
        Self { id, send, receive, send_terminator, receive_terminator }
    }
}

/// 32 bytes for a label.
fn expand(hkdf: &Hkdf<Sha256>, label: &[u8]) -> [u8; 32] {
    let mut bytes = [0; 32];
    hkdf.expand(label, &mut bytes).expect("32 bytes are one block");
    bytes
}
