//! Payloads of the messages that connman itself reads and writes.
//!
//! Each type decodes with the tolerance of the reference: what it ignores is ignored, what makes
//! it drop a message is a [`DecodeError`]. Sources: docs/behaviour.md, handshake 3 to 6; Core:
//! net_processing.cpp, `ProcessMessage`.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use super::Services;
pub use crate::codec::{COMPACT_SIZE_MAX, DecodeError, DecodeWhy, WrongLength};
use crate::codec::{Reader, push_compact_size};

/// The longest user agent that anybody takes, in bytes. Core: net.h, `MAX_SUBVERSION_LENGTH`.
pub const USER_AGENT_BYTES_MAX: usize = 256;

/// The version of compact blocks that carries witnesses, the only one still spoken. BIP 152; Core:
/// `CMPCTBLOCKS_VERSION`.
pub const CMPCTBLOCKS_VERSION: u64 = 2;

/// The first 46 bytes of a `version`, which every peer sends.
///
/// The reference acts on them before it reads on, and so do we.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VersionHead {
    /// The highest protocol version that the sender speaks.
    pub version: i32,
    /// What the sender offers.
    pub services: Services,
    /// The sender's clock, seconds since 1970. Negative reads as zero.
    pub time: i64,
    /// What the sender believes the receiver to offer. Ignored when received.
    pub receiver_services: Services,
    /// How the sender sees the receiver's address.
    pub receiver: SocketAddr,
}

/// The rest of a `version`, which may end after any of its fields.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VersionTail {
    /// By which a node knows itself; 1 if absent.
    pub nonce: u64,
    /// The sender's software, at most [`USER_AGENT_BYTES_MAX`] bytes, sanitised when received;
    /// empty if absent.
    pub user_agent: String,
    /// The height of the sender's best block; -1 if absent.
    pub start_height: i32,
    /// Whether transactions may be announced; so if absent. BIP 37.
    pub relay: Relay,
}

/// A whole `version`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Version {
    /// What every peer sends.
    pub head: VersionHead,
    /// What may be absent.
    pub tail: VersionTail,
}

/// Whether the sender of a `version` wants transactions announced. BIP 37.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Relay {
    /// It does.
    Wanted,
    /// It does not, or not yet.
    Unwanted,
}

impl VersionHead {
    /// Its length in bytes.
    pub const BYTES: usize = 46;

    pub(super) fn read(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let version = reader.i32("version")?;
        let services = Services(reader.u64("services")?);
        let time = reader.i64("time")?.max(0);
        let receiver_services = Services(reader.u64("receiver services")?);
        let receiver = read_address(reader, "receiver address")?;
        Ok(Self { version, services, time, receiver_services, receiver })
    }
}

impl VersionTail {
    pub(super) fn read(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let mut tail =
            Self { nonce: 1, user_agent: String::new(), start_height: -1, relay: Relay::Wanted };
        if !reader.is_empty() {
            reader.bytes("sender address", 26)?;
            tail.nonce = reader.u64("nonce")?;
        }
        if !reader.is_empty() {
            let length = reader.compact_size("user agent length", USER_AGENT_BYTES_MAX as u64)?;
            tail.user_agent = sanitise(reader.bytes("user agent", length)?);
        }
        if !reader.is_empty() {
            tail.start_height = reader.i32("start height")?;
        }
        if !reader.is_empty() && reader.u8("relay")? == 0 {
            tail.relay = Relay::Unwanted;
        }
        Ok(tail)
    }
}

impl Version {
    /// Reads a whole one. What follows its last field is ignored.
    ///
    /// # Errors
    ///
    /// A field is cut off, or the user agent is too long.
    pub fn decode(payload: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(payload);
        let head = VersionHead::read(&mut reader)?;
        Ok(Self { head, tail: VersionTail::read(&mut reader)? })
    }

    /// The payload. The sender's own address is zeros, as the reference sends it.
    ///
    /// # Panics
    ///
    /// If the user agent is longer than [`USER_AGENT_BYTES_MAX`].
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let Self { head, tail } = self;
        assert!(tail.user_agent.len() <= USER_AGENT_BYTES_MAX, "nobody takes a longer one");
        let mut bytes = Vec::with_capacity(86 + tail.user_agent.len());
        bytes.extend_from_slice(&head.version.to_le_bytes());
        bytes.extend_from_slice(&head.services.0.to_le_bytes());
        bytes.extend_from_slice(&head.time.to_le_bytes());
        bytes.extend_from_slice(&head.receiver_services.0.to_le_bytes());
        push_address(&mut bytes, head.receiver);
        assert_eq!(bytes.len(), VersionHead::BYTES, "the head has its length");
        bytes.extend_from_slice(&head.services.0.to_le_bytes());
        push_address(&mut bytes, UNSPECIFIED);
        bytes.extend_from_slice(&tail.nonce.to_le_bytes());
        push_compact_size(&mut bytes, tail.user_agent.len());
        bytes.extend_from_slice(tail.user_agent.as_bytes());
        bytes.extend_from_slice(&tail.start_height.to_le_bytes());
        bytes.push(u8::from(tail.relay == Relay::Wanted));
        bytes
    }
}

/// The address that stands for none.
pub const UNSPECIFIED: SocketAddr = SocketAddr::new(IpAddr::V6(Ipv6Addr::UNSPECIFIED), 0);

/// An address in its first form: 16 bytes, IPv4 mapped into IPv6, then the port, big endian.
fn read_address(reader: &mut Reader<'_>, field: &'static str) -> Result<SocketAddr, DecodeError> {
    let ip = Ipv6Addr::from(reader.array::<16>(field)?);
    let port = u16::from_be_bytes(reader.array(field)?);
    Ok(SocketAddr::new(IpAddr::V6(ip).to_canonical(), port))
}

fn push_address(bytes: &mut Vec<u8>, address: SocketAddr) {
    let ip = match address.ip() {
        IpAddr::V4(ip) => ip.to_ipv6_mapped(),
        IpAddr::V6(ip) => ip,
    };
    bytes.extend_from_slice(&ip.octets());
    bytes.extend_from_slice(&address.port().to_be_bytes());
}

/// What a user agent may show: letters, digits, and a few signs. Core: strencodings.cpp,
/// `SanitizeString` with `SAFE_CHARS_DEFAULT`.
fn sanitise(bytes: &[u8]) -> String {
    let safe = |byte: &&u8| byte.is_ascii_alphanumeric() || b" .,;-_/:?@()".contains(byte);
    bytes.iter().filter(safe).map(|byte| char::from(*byte)).collect()
}

/// The nonce of a `ping` (BIP 31): its first 8 bytes; more are ignored.
///
/// # Errors
///
/// There are fewer.
pub fn decode_ping(payload: &[u8]) -> Result<u64, DecodeError> {
    Reader::new(payload).u64("nonce")
}

/// The nonce of a `pong` (BIP 31); `None` if there are fewer than 8 bytes, which has a meaning of
/// its own.
#[must_use]
pub fn decode_pong(payload: &[u8]) -> Option<u64> {
    Reader::new(payload).u64("nonce").ok()
}

/// A `sendcmpct` (BIP 152).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SendCmpct {
    /// Whether new blocks are to be announced as compact blocks, without asking.
    pub bandwidth: Bandwidth,
    /// The version of compact blocks.
    pub version: u64,
}

/// How a peer wants new blocks announced. BIP 152.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Bandwidth {
    /// As compact blocks, without asking.
    High,
    /// By header or hash.
    Low,
}

impl SendCmpct {
    /// Reads one; any flag but zero counts as one.
    ///
    /// # Errors
    ///
    /// There are fewer than 9 bytes.
    pub fn decode(payload: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(payload);
        let bandwidth = match reader.u8("announce")? {
            0 => Bandwidth::Low,
            1.. => Bandwidth::High,
        };
        Ok(Self { bandwidth, version: reader.u64("version")? })
    }

    /// The payload.
    #[must_use]
    pub fn encode(self) -> [u8; 9] {
        let mut bytes = [0; 9];
        bytes[0] = u8::from(self.bandwidth == Bandwidth::High);
        bytes[1..].copy_from_slice(&self.version.to_le_bytes());
        bytes
    }
}

/// The fee rate of a `feefilter` (BIP 133), in satoshi per 1000 virtual bytes, as sent: it may be
/// out of the range of money, in which case the receiver ignores it.
///
/// # Errors
///
/// There are fewer than 8 bytes.
pub fn decode_feefilter(payload: &[u8]) -> Result<i64, DecodeError> {
    Reader::new(payload).i64("fee rate")
}

#[cfg(test)]
mod tests;
