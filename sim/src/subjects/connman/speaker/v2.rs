//! A peer's transport when it speaks v2: what it says is sealed, or waits until it can be.
//!
//! A peer says nothing before it is asked to, so that a script can say the first bytes itself. With
//! the node's key its terminator and version packet are owed, and whatever waited for them.

use sha2::{Digest as _, Sha256};
use sockman::sockman::Initiator;

use super::{MAGIC, V1_PREFIX};
use crate::bip324::{Damage, KEY_BYTES, Opened, Role, Secret, Session, Stream};

/// How a peer's handshake differs from the usual.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Handshake {
    /// How much garbage there is.
    pub(super) garbage: usize,
    /// Whether its end is not where it is.
    pub(super) bad_terminator: bool,
    /// Whether the tag of the version packet does not cover it.
    pub(super) vouches_for_nothing: bool,
}

/// What came of some bytes of the node's.
#[derive(Clone, Debug)]
pub(super) enum Came {
    /// Its key.
    Key,
    /// The end of its garbage, of which there were so many bytes.
    Terminator(usize),
    /// Its version packet, with so many bytes of contents.
    Version(usize),
    /// The contents of a packet.
    Contents(Vec<u8>),
    /// It speaks v1: all that it has said.
    SpeaksV1(Vec<u8>),
}

/// The transport. See the head of the module.
#[derive(Clone, Debug)]
pub(super) struct V2 {
    role: Role,
    secret: Secret,
    /// How its own key went out, if it has.
    said: Option<Handshake>,
    /// Bytes of the node's up to its key.
    early: Vec<u8>,
    session: Option<(Box<Session>, Stream)>,
    /// Contents that wait for the keys.
    waiting: Vec<(Vec<u8>, Damage)>,
    /// Bytes that are to be sent as soon as somebody asks.
    owed: Vec<u8>,
    /// Whether terminator and version packet have been owed.
    is_sealed: bool,
}

impl V2 {
    /// A transport of a connection, by who peers are and which of their connections it is.
    pub(super) fn new(number: u16, connection: u64, began: Initiator) -> Self {
        let name = format!("peer {number}, connection {connection}");
        let bytes = Sha256::digest(name.as_bytes()).into();
        Self {
            role: if began == Initiator::Us { Role::Initiator } else { Role::Responder },
            secret: Secret::new(bytes, None).expect("a hash is no key once in 2^127 times"),
            said: None,
            early: Vec::new(),
            session: None,
            waiting: Vec::new(),
            owed: Vec::new(),
            is_sealed: false,
        }
    }

    /// Says its key, and garbage behind it.
    pub(super) fn say_key(&mut self, handshake: Handshake, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.secret.public());
        out.extend(garbage(handshake.garbage));
        // A second key is no more than bytes.
        self.said.get_or_insert(handshake);
        self.seal();
    }

    /// Whether it has said its key.
    pub(super) const fn has_said_key(&self) -> bool {
        self.said.is_some()
    }

    /// Says a message, or keeps it until it can be said.
    pub(super) fn say(&mut self, contents: Vec<u8>, damage: Damage, out: &mut Vec<u8>) {
        self.settle(out);
        match &mut self.session {
            Some((session, _)) if self.is_sealed => {
                out.extend(session.sends.seal(&contents, &[], damage));
            }
            _ => self.waiting.push((contents, damage)),
        }
    }

    /// Appends what is owed.
    pub(super) fn settle(&mut self, out: &mut Vec<u8>) {
        out.append(&mut self.owed);
    }

    /// What follows the node's key: terminator, version packet, and what waited.
    fn seal(&mut self) {
        let (Some(handshake), Some((session, _)), false) =
            (self.said, &mut self.session, self.is_sealed)
        else {
            return;
        };
        self.is_sealed = true;
        let mut terminator = session.sends_terminator;
        terminator[0] ^= u8::from(handshake.bad_terminator);
        self.owed.extend_from_slice(&terminator);
        let count = if handshake.vouches_for_nothing { 0 } else { handshake.garbage };
        let aad: Vec<u8> = garbage(count).collect();
        self.owed.extend(session.sends.seal(&[], &aad, Damage::default()));
        for (contents, damage) in self.waiting.drain(..) {
            self.owed.extend(session.sends.seal(&contents, &[], damage));
        }
    }

    /// Takes in bytes of the node's.
    pub(super) fn hear(&mut self, bytes: &[u8]) -> Result<Vec<Came>, String> {
        let mut came = Vec::new();
        let mut bytes = bytes;
        if self.session.is_none() {
            let count = bytes.len().min(KEY_BYTES - self.early.len());
            self.early.extend_from_slice(&bytes[..count]);
            bytes = &bytes[count..];
            // Who did not begin waits for the first byte that no v1 node says.
            if self.role == Role::Responder && self.early.starts_with(&V1_PREFIX) {
                let mut all = std::mem::take(&mut self.early);
                all.extend_from_slice(bytes);
                return Ok(vec![Came::SpeaksV1(all)]);
            }
            let Some(theirs) = self.early.first_chunk::<KEY_BYTES>() else { return Ok(came) };
            let session = Session::new(MAGIC, self.role, &self.secret, *theirs);
            let stream = Stream::new(session.receives.clone(), session.receives_terminator);
            self.session = Some((Box::new(session), stream));
            came.push(Came::Key);
            self.seal();
        }
        let Some((_, stream)) = &mut self.session else { return Ok(came) };
        stream.push(bytes);
        loop {
            let opened =
                stream.open_next().map_err(|broken| format!("a v2 stream that is {broken:?}"))?;
            came.push(match opened {
                None => return Ok(came),
                Some(Opened::Terminator(garbage)) => Came::Terminator(garbage),
                Some(Opened::Version(bytes)) => Came::Version(bytes),
                Some(Opened::Contents(contents)) => Came::Contents(contents),
                Some(Opened::Decoy) => return Err("a decoy, which no node sends".to_owned()),
            });
        }
    }
}

/// Bytes of garbage that are the same each time, and no terminator.
fn garbage(count: usize) -> impl Iterator<Item = u8> {
    (0..count).map(|place| (place * 7 + 1).to_le_bytes()[0])
}
