//! Messages as bytes: what a word says in a frame of v1 or a packet of v2, and back.

use sha2::{Digest as _, Sha256};
use sockman::time::Now;

use super::settings::{NAMES, OTHER};
use super::v2;
use crate::bip324::{Damage, type_bytes};
use crate::schedule::Word;

/// Regtest's first four bytes of each message. Core: `CRegTestParams`, `pchMessageStart`.
pub(in crate::subjects::connman) const MAGIC: [u8; 4] = [0xfa, 0xbf, 0xb5, 0xda];

/// What begins a connection of v1: the magic, `version` and five zeros.
pub(in crate::subjects::connman) const V1_PREFIX: [u8; 16] = [
    MAGIC[0], MAGIC[1], MAGIC[2], MAGIC[3], b'v', b'e', b'r', b's', b'i', b'o', b'n', 0, 0, 0, 0, 0,
];

/// magic 4, type 12, length 4, checksum 4.
pub(crate) const HEADER_BYTES: usize = 24;

/// The longest payload that anybody takes, in bytes. Core: `MAX_PROTOCOL_MESSAGE_LENGTH`.
pub(super) const PAYLOAD_BYTES_MAX: usize = 4_000_000;

/// The protocol version that a peer claims unless told otherwise.
pub(super) const PROTOCOL: i32 = 70016;

/// NODE_NETWORK | NODE_WITNESS.
pub(super) const SERVICES: u64 = 1 | 1 << 3;

/// Longest name of a message, in bytes: its place in the header.
pub(in crate::subjects::connman) const NAME_BYTES_MAX: usize = 12;

/// A node's version is whole and speaks a protocol of this century.
pub(super) fn check_version(payload: &[u8]) -> Result<(), String> {
    if payload.len() < 86 {
        return Err(format!("a version of {} bytes", payload.len()));
    }
    let protocol = i32::from_le_bytes(payload[..4].try_into().expect("four bytes"));
    if protocol < PROTOCOL {
        return Err(format!("a version with protocol {protocol}"));
    }
    Ok(())
}

/// The payload of `version`, as docs/behaviour.md, handshake 3 lays it out.
pub(super) fn version(now: Now, word: &Word, own_nonce: u64) -> Vec<u8> {
    let protocol = word.setting("protocol").map_or(PROTOCOL, |text| {
        text.parse().expect("what is said was checked: it is a protocol's number")
    });
    let services = number(word, "services").unwrap_or(SERVICES);
    let nonce = number(word, "nonce").unwrap_or(own_nonce);
    let relay = u8::from(number(word, "relay").unwrap_or(1) != 0);
    let agent_bytes = number(word, "agent-bytes").unwrap_or(12);
    let agent_bytes = u16::try_from(agent_bytes).expect("what is said was checked: it is so long");
    let mut payload = Vec::with_capacity(128);
    payload.extend_from_slice(&i32::to_le_bytes(protocol));
    payload.extend_from_slice(&services.to_le_bytes());
    payload.extend_from_slice(&now.wall.as_secs().to_le_bytes());
    // Two addresses of 26 bytes: services, 16 bytes, port. Nobody needs them.
    payload.resize(payload.len() + 52, 0);
    payload.extend_from_slice(&nonce.to_le_bytes());
    if agent_bytes < 253 {
        payload.push(agent_bytes.to_le_bytes()[0]);
    } else {
        payload.push(253);
        payload.extend_from_slice(&agent_bytes.to_le_bytes());
    }
    payload.resize(payload.len() + usize::from(agent_bytes), b'a');
    payload.extend_from_slice(&0_i32.to_le_bytes());
    payload.push(relay);
    if let Some(cut) = number(word, "cut") {
        payload.truncate(to_usize(cut));
    }
    payload
}

/// The header of a message.
pub(super) fn header(name: &str, payload: &[u8]) -> [u8; HEADER_BYTES] {
    let mut header = [0; HEADER_BYTES];
    header[..4].copy_from_slice(&MAGIC);
    header[4..4 + name.len()].copy_from_slice(name.as_bytes());
    let length = u32::try_from(payload.len()).expect("payloads are bounded");
    header[16..20].copy_from_slice(&length.to_le_bytes());
    header[20..].copy_from_slice(&checksum(payload));
    header
}

/// Makes a header wrong, as a word asks: `magic=bad`, `checksum=bad`, `claims=N` bytes.
pub(super) fn damage(word: &Word, header: &mut [u8; HEADER_BYTES]) {
    if let Some(claimed) = number(word, "claims") {
        let claimed = u32::try_from(claimed).expect("what is said was checked: it is a length");
        header[16..20].copy_from_slice(&claimed.to_le_bytes());
    }
    for (setting, at) in [("magic", 0), ("type", 15), ("checksum", 20)] {
        if word.setting(setting).is_some() {
            header[at] ^= 0x55;
        }
    }
}

/// How a `key` is said.
pub(super) fn handshake_of(word: &Word) -> v2::Handshake {
    v2::Handshake {
        garbage: to_usize(number(word, "garbage").unwrap_or(0)),
        bad_terminator: word.setting("terminator").is_some(),
        vouches_for_nothing: word.setting("tag").is_some(),
    }
}

/// What is in a packet of v2.
pub(super) fn contents_of(word: &Word, payload: &[u8]) -> Vec<u8> {
    let mut contents = match number(word, "id") {
        Some(id) => vec![id.to_le_bytes()[0]],
        None => type_bytes(&word.name),
    };
    if word.setting("type").is_some() {
        // The long form, which does not end in zeros.
        contents = vec![0];
        contents.extend(word.name.bytes().take(10));
        contents.resize(12, 0);
        contents.push(0x55);
    }
    contents.extend_from_slice(payload);
    contents
}

/// What is wrong with a packet of v2.
pub(super) fn damage_of(word: &Word) -> Damage {
    Damage {
        tag: word.setting("tag").is_some(),
        claims: number(word, "claims").and_then(|claims| u32::try_from(claims).ok()),
        decoy: word.setting("decoy").is_some(),
    }
}

/// The word for a message type.
pub(super) fn known_name(name: &[u8; NAME_BYTES_MAX]) -> &'static str {
    let name = name.split(|byte| *byte == 0).next().unwrap_or_default();
    NAMES.iter().find(|known| known.as_bytes() == name).copied().unwrap_or(OTHER)
}

/// Why bytes are not taken for a message.
pub(super) enum Unheard {
    /// Another network's, or no message's.
    Magic([u8; 4]),
    /// What no node may say.
    Wrong(&'static str),
}

/// The first frame in `bytes`: its name and payload; `None` if it is not whole yet.
pub(super) fn frame(bytes: &[u8]) -> Result<Option<(&'static str, &[u8])>, Unheard> {
    let Frame { name, payload, checksum: claimed } = match split(bytes) {
        Ok(frame) => frame,
        Err(Unframed::Part) => return Ok(None),
        Err(Unframed::Magic) => {
            return Err(Unheard::Magic([bytes[0], bytes[1], bytes[2], bytes[3]]));
        }
        Err(Unframed::TooLong) => return Err(Unheard::Wrong("a payload that nobody takes")),
    };
    if claimed != checksum(payload) {
        return Err(Unheard::Wrong("a wrong checksum"));
    }
    Ok(Some((known_name(&name), payload)))
}

/// A whole message on the wire.
pub(crate) struct Frame<'a> {
    /// Its name, filled up with zeros as a rule.
    pub(crate) name: [u8; NAME_BYTES_MAX],
    pub(crate) payload: &'a [u8],
    /// The checksum that its header claims.
    pub(crate) checksum: [u8; 4],
}

/// Why there is no whole message.
pub(crate) enum Unframed {
    /// More of it is to come.
    Part,
    /// Its header is of another network.
    Magic,
    /// Its header claims more than [`PAYLOAD_BYTES_MAX`].
    TooLong,
}

/// The first message in `bytes`. A header is judged once it is whole.
pub(crate) fn split(bytes: &[u8]) -> Result<Frame<'_>, Unframed> {
    let (header, rest) = bytes.split_first_chunk::<HEADER_BYTES>().ok_or(Unframed::Part)?;
    let [m0, m1, m2, m3, name @ .., l0, l1, l2, l3, c0, c1, c2, c3] = *header;
    if [m0, m1, m2, m3] != MAGIC {
        return Err(Unframed::Magic);
    }
    let length = u32::from_le_bytes([l0, l1, l2, l3]) as usize;
    if length > PAYLOAD_BYTES_MAX {
        return Err(Unframed::TooLong);
    }
    let payload = rest.get(..length).ok_or(Unframed::Part)?;
    Ok(Frame { name, payload, checksum: [c0, c1, c2, c3] })
}

/// The number by which settings tell messages of one name apart.
pub(super) fn detail(name: &str, payload: &[u8]) -> u64 {
    match (name, payload.first_chunk::<8>()) {
        ("ping" | "pong", Some(nonce)) => u64::from_le_bytes(*nonce),
        _ => payload.len() as u64,
    }
}

/// The first four bytes of the payload's double SHA-256.
pub(in crate::subjects::connman) fn checksum(payload: &[u8]) -> [u8; 4] {
    let digest = Sha256::digest(Sha256::digest(payload));
    [digest[0], digest[1], digest[2], digest[3]]
}

/// A setting that is a number.
pub(super) fn number(word: &Word, key: &str) -> Option<u64> {
    let number = |text: &str| text.parse().expect("what is said was checked: it is a number");
    word.setting(key).map(number)
}

/// A number of bytes that was checked.
pub(super) fn to_usize(bytes: u64) -> usize {
    usize::try_from(bytes).unwrap_or(usize::MAX)
}
