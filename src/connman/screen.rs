//! What is asked of messages that connman makes nothing of yet: that their lists are no longer
//! than anybody's, and that they come from who may send them.
//!
//! A list is read as the reference reads it, to its last entry where it does so before it counts:
//! one that is cut off is ignored, however much it announces. Nothing is allocated for it. Sources:
//! docs/behaviour.md, handshake 7 and 12; Core: net_processing.cpp, `ProcessMessage`.

use super::Services;
use super::handshake::malformed;
use super::misbehaviour::{Misbehaviour, judge};
use super::peer::{Context, Peer};
use super::permissions::Permissions;
use super::reasons::{DisconnectReason, Ignored, Verdict};
use crate::codec::{COMPACT_SIZE_MAX, DecodeError, Reader};
use crate::transport::MessageType;

/// Most entries of an `inv` or a `getdata`. Core: `MAX_INV_SZ`.
pub const INVENTORY_MAX: usize = 50_000;

/// Most headers in one message. Core: `MAX_HEADERS_RESULTS`.
pub const HEADERS_MAX: usize = crate::chain::HEADERS_PER_MESSAGE_MAX;

/// Most hashes of a locator. Core: `MAX_LOCATOR_SZ`.
pub const LOCATOR_MAX: usize = crate::chain::LOCATOR_HASHES_MAX;

/// A hash.
const HASH_BYTES: usize = 32;

/// What kind of thing an entry of an `inv` is: a transaction by its txid, by its wtxid, or, which
/// nobody announces, with its witness. Core: protocol.h, `GetDataMsg`.
const TX: u32 = 1;
const WTX: u32 = 5;
const WITNESS_TX: u32 = 1 << 30 | TX;

/// Looks at a message of a peer whose handshake is complete.
pub(super) fn screen(
    peer: &Peer,
    cx: &Context<'_>,
    message_type: MessageType,
    payload: &[u8],
) -> Result<Verdict, DisconnectReason> {
    let mut reader = Reader::new(payload);
    let looked = match message_type {
        MessageType::INV | MessageType::GETDATA => inventory(peer, message_type, &mut reader),
        MessageType::HEADERS => headers(peer, &mut reader),
        MessageType::GETHEADERS | MessageType::GETBLOCKS => locator(&mut reader),
        MessageType::TX if !peer.conn_type.wants_transactions() => {
            Ok(Err(DisconnectReason::TransactionUnwanted))
        }
        MessageType::MEMPOOL => Ok(mempool(peer, cx)),
        MessageType::FILTERLOAD | MessageType::FILTERADD | MessageType::FILTERCLEAR => {
            Ok(offered(peer, cx, Services::BLOOM, message_type))
        }
        MessageType::GETCFILTERS | MessageType::GETCFHEADERS | MessageType::GETCFCHECKPT => {
            block_filters(peer, cx, message_type, &mut reader)
        }
        _ => Ok(NOT_USED),
    };
    looked.unwrap_or_else(|error| Ok(malformed(error)))
}

/// What was looked at: what becomes of it, unless it cannot be read.
type Looked = Result<Result<Verdict, DisconnectReason>, DecodeError>;

/// Nothing is wrong with it, and nothing is made of it.
const NOT_USED: Result<Verdict, DisconnectReason> = Ok(Verdict::Ignored(Ignored::NotImplemented));

/// A list is counted against what it may have.
fn counted(
    peer: &Peer,
    message_type: MessageType,
    count: usize,
    max: usize,
) -> Result<Verdict, DisconnectReason> {
    if count > max {
        judge(peer, Misbehaviour::TooMany { message_type, count, max })
    } else {
        NOT_USED
    }
}

fn inventory(peer: &Peer, message_type: MessageType, reader: &mut Reader<'_>) -> Looked {
    let count = reader.compact_size("entry count", COMPACT_SIZE_MAX)?;
    let rejects_tx = message_type == MessageType::INV && !peer.conn_type.wants_transactions();
    let mut has_tx = false;
    for _ in 0..count {
        let kind = reader.u32("kind")?;
        reader.bytes("hash", HASH_BYTES)?;
        has_tx |= match kind {
            // Announced in the way that was not agreed on, which counts for nothing.
            TX => !peer.handshake.wtxid_relay,
            WTX => peer.handshake.wtxid_relay,
            WITNESS_TX => true,
            _ => false,
        };
    }
    let verdict = counted(peer, message_type, count, INVENTORY_MAX);
    if verdict == NOT_USED && rejects_tx && has_tx {
        return Ok(Err(DisconnectReason::TransactionUnwanted));
    }
    Ok(verdict)
}

/// Headers are counted before any is read.
fn headers(peer: &Peer, reader: &mut Reader<'_>) -> Looked {
    let count = reader.compact_size("header count", COMPACT_SIZE_MAX)?;
    Ok(counted(peer, MessageType::HEADERS, count, HEADERS_MAX))
}

fn locator(reader: &mut Reader<'_>) -> Looked {
    reader.i32("version")?;
    let count = reader.compact_size("locator length", COMPACT_SIZE_MAX)?;
    for _ in 0..count {
        reader.bytes("locator hash", HASH_BYTES)?;
    }
    reader.bytes("stop hash", HASH_BYTES)?;
    if count > LOCATOR_MAX {
        return Ok(Err(DisconnectReason::LocatorTooLong { count }));
    }
    Ok(NOT_USED)
}

/// BIP 35, which asks for a service or a permission.
fn mempool(peer: &Peer, cx: &Context<'_>) -> Result<Verdict, DisconnectReason> {
    if peer.permissions.has(Permissions::MEMPOOL) {
        return NOT_USED;
    }
    match offered(peer, cx, Services::BLOOM, MessageType::MEMPOOL) {
        Err(_) if peer.permissions.has(Permissions::NOBAN) => {
            Ok(Verdict::Ignored(Ignored::Unsupported))
        }
        verdict => verdict,
    }
}

/// BIP 157: the kind of filter, a height but for checkpoints, and a hash.
fn block_filters(
    peer: &Peer,
    cx: &Context<'_>,
    message_type: MessageType,
    reader: &mut Reader<'_>,
) -> Looked {
    reader.u8("filter type")?;
    if message_type != MessageType::GETCFCHECKPT {
        reader.u32("start height")?;
    }
    reader.bytes("stop hash", HASH_BYTES)?;
    Ok(offered(peer, cx, Services::COMPACT_FILTERS, message_type))
}

/// Nobody asks for what we do not offer him.
fn offered(
    peer: &Peer,
    cx: &Context<'_>,
    service: Services,
    message_type: MessageType,
) -> Result<Verdict, DisconnectReason> {
    if peer.offered(cx.config).contains(service) {
        return NOT_USED;
    }
    Err(DisconnectReason::NotOffered { message_type })
}

#[cfg(test)]
mod tests;
