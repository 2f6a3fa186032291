//! Who listens in on a connection of the node's over v2: the messages that it reads and sends.
//!
//! It knows the node's secret, because that follows from the node's seed, and both streams as they
//! pass the node's socket; so it says what the node has to make of them, byte by byte
//! (docs/behaviour.md, transport 3). It shares no code with the library but the draw of the secret.

use sockman::connman::PeerId;
use sockman::rng::{Purpose, Seed};

use super::speaker::{MAGIC, NAME_BYTES_MAX, V1_PREFIX};
use crate::bip324::{Broken, GARBAGE_BYTES_MAX, KEY_BYTES, Opened, Role, Secret, Session, Stream};

/// Bytes after which the silence of a peer may be that of one that speaks v1: a header of v1.
const V1_HEADER_BYTES: usize = 24;

/// What a peer has said.
pub(super) enum Said {
    /// A message, or what would be one.
    Contents(Vec<u8>),
    /// It speaks v1: everything so far.
    V1(Vec<u8>),
}

/// The connection. See the head of the module.
#[derive(Clone, Debug)]
pub(super) struct Tap {
    role: Role,
    /// What the node's secret is drawn from, until a key is needed, and the secret then.
    drawn: [u8; 64],
    secret: Option<Secret>,
    /// The peer's bytes up to its key, and whether they are known to be no v1.
    early: Vec<u8>,
    is_v2: bool,
    /// The node's, until both keys are known.
    sent: Vec<u8>,
    sent_bytes: usize,
    /// The peer's and the node's stream behind the keys.
    streams: Option<[Stream; 2]>,
}

impl Tap {
    pub(super) fn new(seed: &Seed, peer: PeerId, by_node: bool) -> Self {
        let mut drawn = [0; 64];
        seed.fill(Purpose::TransportSecrets, peer.0, &mut drawn);
        Self {
            role: if by_node { Role::Initiator } else { Role::Responder },
            drawn,
            secret: None,
            early: Vec::new(),
            is_v2: by_node,
            sent: Vec::new(),
            sent_bytes: 0,
            streams: None,
        }
    }

    /// Whether the node has to begin anew with v1 once this is over.
    pub(super) fn asks_for_v1(&self) -> bool {
        let heard_nothing = self.early.is_empty() && self.streams.is_none();
        self.role == Role::Initiator && heard_nothing && self.sent_bytes >= V1_HEADER_BYTES
    }

    /// Bytes of what has begun to come and not ended.
    pub(super) fn partial_bytes(&self) -> usize {
        self.streams.as_ref().map_or(self.early.len(), |[peers, _]| peers.partial_bytes())
    }

    /// Whether the node has begun a packet behind its version packet.
    pub(super) fn is_sending(&self) -> bool {
        let sends = |[_, nodes]: &[Stream; 2]| nodes.is_open() && nodes.partial_bytes() > 0;
        self.streams.as_ref().is_some_and(sends)
    }

    /// The node has read bytes; what they say, up to where the stream is broken.
    pub(super) fn read(&mut self, bytes: &[u8]) -> (Vec<Said>, Result<(), ()>) {
        let mut said = Vec::new();
        let mut rest = bytes;
        if !self.is_v2 {
            self.take(&mut rest, V1_PREFIX.len());
            self.is_v2 = !V1_PREFIX.starts_with(&self.early);
            if self.early.len() == V1_PREFIX.len() && !self.is_v2 {
                let all = [&self.early, rest].concat();
                return (vec![Said::V1(all)], Ok(()));
            }
        }
        if self.is_v2 && self.streams.is_none() && !rest.is_empty() {
            self.take(&mut rest, KEY_BYTES);
            // Of another network: of the prefix all but the magic.
            let of_any = MAGIC.len()..V1_PREFIX.len();
            let is_v1 = self.early.get(of_any.clone()) == Some(&V1_PREFIX[of_any]);
            if self.role == Role::Responder && is_v1 {
                return (said, Err(()));
            }
            if let Some(theirs) = self.early.first_chunk::<KEY_BYTES>() {
                let secret = secret_of(&mut self.secret, &self.drawn);
                let session = Session::new(MAGIC, self.role, secret, *theirs);
                let peers = Stream::new(session.receives, session.receives_terminator);
                let nodes = Stream::new(session.sends, session.sends_terminator);
                self.streams = Some([peers, nodes]);
            }
        }
        let Some([peers, _]) = &mut self.streams else { return (said, Ok(())) };
        peers.push(rest);
        loop {
            match peers.open_next() {
                Ok(None) => return (said, Ok(())),
                Ok(Some(Opened::Contents(contents))) => said.push(Said::Contents(contents)),
                Ok(Some(Opened::Terminator(_) | Opened::Version(_) | Opened::Decoy)) => {}
                Err(Broken::Garbage | Broken::Length | Broken::Tag) => return (said, Err(())),
            }
        }
    }

    fn take(&mut self, rest: &mut &[u8], until: usize) {
        let (taken, left) = rest.split_at(rest.len().min(until.saturating_sub(self.early.len())));
        self.early.extend_from_slice(taken);
        *rest = left;
    }

    /// The node has sent bytes: the contents of its packets, or what is wrong.
    pub(super) fn send(&mut self, bytes: &[u8]) -> Result<Vec<Vec<u8>>, String> {
        if !self.is_v2 {
            return Err("bytes were sent to who may be a v1 peer, and has said nothing".to_owned());
        }
        let had_key = self.sent_bytes >= KEY_BYTES;
        self.sent_bytes += bytes.len();
        self.sent.extend_from_slice(bytes);
        if !had_key && self.sent_bytes >= KEY_BYTES {
            if self.sent[..KEY_BYTES] != secret_of(&mut self.secret, &self.drawn).public() {
                return Err("what was sent first is not the key of its secret".to_owned());
            }
            self.sent.drain(..KEY_BYTES);
        }
        let Some([_, nodes]) = &mut self.streams else {
            return match self.sent.len() <= KEY_BYTES.max(GARBAGE_BYTES_MAX) {
                true => Ok(Vec::new()),
                false => Err("more was sent than a key and garbage".to_owned()),
            };
        };
        if self.sent_bytes < KEY_BYTES {
            return Ok(Vec::new());
        }
        nodes.push(&std::mem::take(&mut self.sent));
        let mut contents = Vec::new();
        loop {
            match nodes.open_next() {
                Ok(None) => return Ok(contents),
                Ok(Some(Opened::Contents(one))) => contents.push(one),
                Ok(Some(Opened::Terminator(_) | Opened::Version(0))) => {}
                Ok(Some(Opened::Version(bytes))) => {
                    return Err(format!("a version packet with {bytes} bytes was sent"));
                }
                Ok(Some(Opened::Decoy)) => return Err("a decoy was sent".to_owned()),
                Err(broken) => return Err(format!("what was sent is no v2 stream: {broken:?}")),
            }
        }
    }
}

/// The node's secret, made once: its public key costs as much as everything else here.
fn secret_of<'a>(secret: &'a mut Option<Secret>, drawn: &[u8; 64]) -> &'a Secret {
    secret.get_or_insert_with(|| {
        let [mut key, mut encoding] = [[0; 32]; 2];
        key.copy_from_slice(&drawn[..32]);
        encoding.copy_from_slice(&drawn[32..]);
        Secret::new(key, Some(encoding)).expect("it was drawn")
    })
}

/// The type of a message, and its payload; `None`: it is dropped.
pub(super) fn message(contents: &[u8]) -> Option<([u8; NAME_BYTES_MAX], &[u8])> {
    crate::bip324::split(contents)
}
