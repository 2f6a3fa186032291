//! What a peer may ask of the chain, and the answers.
//!
//! Sources: docs/behaviour.md, chain 8; Core: net_processing.cpp, `ProcessGetData`,
//! `ProcessGetBlockData`; BIP 144.

use std::collections::VecDeque;
use std::sync::Arc;

use super::super::handshake::malformed;
use super::super::peer::{Context, Peer};
use super::super::reasons::Verdict;
use super::{Chain, state};
use crate::chain::{Block, BlockHash, GetHeaders, HeaderId, Transaction, encode_headers};
use crate::codec::{COMPACT_SIZE_MAX, DecodeError, Reader};
use crate::transport::MessageType;

/// Entries of a `getdata`: a block without its witnesses, with them, or in a compact form. Core:
/// protocol.h, `MSG_BLOCK`, `MSG_WITNESS_BLOCK`, `MSG_CMPCT_BLOCK`.
pub(super) const BLOCK: u32 = 2;
pub(super) const WITNESS_BLOCK: u32 = 1 << 30 | BLOCK;
const COMPACT_BLOCK: u32 = 4;

/// Blocks that a peer asked for and was not answered yet, in its order. No message of its is
/// handled while there are some, so there are never more than one `getdata` has. Core:
/// `m_getdata_requests`.
#[derive(Clone, Debug, Default)]
pub(super) struct Wanted {
    entries: VecDeque<Entry>,
    /// The block of the first of them, while it is being read from its file.
    awaits: Option<HeaderId>,
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    hash: BlockHash,
    with_witnesses: bool,
}

impl Wanted {
    pub(super) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    pub(super) fn count(&self) -> usize {
        self.entries.len()
    }

    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }

    /// What has to be read before the next one can be sent.
    pub(super) const fn awaits(&self) -> Option<HeaderId> {
        self.awaits
    }

    /// A read is over; whether it was waited for. What could not be read has no answer.
    pub(super) fn note_read(&mut self, chain: &Chain, id: HeaderId) -> bool {
        if self.awaits != Some(id) {
            return false;
        }
        self.awaits = None;
        if chain.block(id).is_none() {
            self.entries.pop_front();
        }
        true
    }
}

/// Handles a message that was screened, if it asks for what a chain has.
pub(super) fn handle(
    chain: &Chain,
    peer: &mut Peer,
    cx: &Context<'_>,
    message_type: MessageType,
    payload: &[u8],
) -> Option<Verdict> {
    let handled = match message_type {
        MessageType::GETHEADERS => getheaders(chain, peer, cx, payload),
        MessageType::GETDATA => getdata(chain, peer, cx, payload),
        _ => return None,
    };
    Some(handled.map_or_else(malformed, |()| Verdict::Taken))
}

fn getheaders(
    chain: &Chain,
    peer: &mut Peer,
    cx: &Context<'_>,
    payload: &[u8],
) -> Result<(), DecodeError> {
    let asked = GetHeaders::decode(payload)?;
    let tip = chain.tree.active_tip();
    let headers = chain.tree.headers_after(tip, &asked.locator, &asked.stop);
    // Who asks for one header that is not here has no answer; with a locator, an empty one.
    if !asked.locator.is_empty() || !headers.is_empty() {
        let last = headers.last().and_then(|header| chain.tree.find(&header.hash()));
        state(peer).announced.note_told(last.unwrap_or(tip));
        peer.queue(cx, MessageType::HEADERS, encode_headers(&headers));
    }
    Ok(())
}

/// Notes what is asked for, and answers the first of it. Transactions are passed over.
fn getdata(
    chain: &Chain,
    peer: &mut Peer,
    cx: &Context<'_>,
    payload: &[u8],
) -> Result<(), DecodeError> {
    let mut reader = Reader::new(payload);
    let count = reader.compact_size("entry count", COMPACT_SIZE_MAX)?;
    for _ in 0..count {
        let kind = reader.u32("kind")?;
        let hash = BlockHash(reader.array("hash")?);
        // Who asks for a block that is not here has no answer. In place of a compact block, which
        // Core has for the last few alone, there is the whole one.
        let is_block = matches!(kind, BLOCK | WITNESS_BLOCK | COMPACT_BLOCK);
        if is_block && chain.served(&hash).is_some() {
            state(peer).wanted.entries.push_back(Entry { hash, with_witnesses: kind != BLOCK });
        }
    }
    serve_next(chain, peer, cx);
    Ok(())
}

/// Sends the next block that the peer asked for, if there is one and it is in memory. Otherwise it
/// waits until that was read.
pub(super) fn serve_next(chain: &Chain, peer: &mut Peer, cx: &Context<'_>) {
    let wanted = &mut state(peer).wanted;
    let Some(Entry { hash, with_witnesses }) = wanted.entries.front().copied() else { return };
    // The chain may have gone elsewhere since it was asked for.
    let served = chain.served(&hash);
    if let Some(id) = served.filter(|id| chain.block(*id).is_none()) {
        wanted.awaits = Some(id);
        return;
    }
    wanted.entries.pop_front();
    let Some(bytes) = served.and_then(|id| chain.block(id)) else { return };
    let payload = if with_witnesses { Arc::clone(bytes) } else { without_witnesses(bytes) };
    peer.queue(cx, MessageType::BLOCK, payload);
}

/// A block for who knows no witnesses: the same bytes, if it has none.
fn without_witnesses(bytes: &Arc<[u8]>) -> Arc<[u8]> {
    let block = Block::decode(bytes).expect("it was one when it was taken");
    if block.transactions.iter().any(Transaction::has_witness) {
        block.without_witnesses().into()
    } else {
        Arc::clone(bytes)
    }
}
