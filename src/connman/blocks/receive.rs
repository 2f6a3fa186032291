//! What a peer tells of its chain: headers, names of blocks, and blocks.
//!
//! Sources: docs/behaviour.md, chain 9 and 10; Core: net_processing.cpp, `ProcessHeadersMessage`
//! and what it does with `inv` and `block`; validation.cpp, `AcceptBlock`.

use super::super::handshake::malformed;
use super::super::misbehaviour::{Misbehaviour, judge};
use super::super::peer::{Context, Peer};
use super::super::reasons::{DisconnectReason, Ignored, Verdict};
use super::serve::BLOCK;
use super::{BlockSync, ask_for_blocks, ask_for_headers};
use crate::chain::download::Lagging;
use crate::chain::{
    Block, BlockError, BlockHash, CheckedHeaders, HeaderId, InsertError, InsertWhy, LinkedHeaders,
    Mutated, decode_headers,
};
use crate::codec::{COMPACT_SIZE_MAX, DecodeError, Reader};
use crate::sockets::ConnId;

/// How far above the chain a block may lie that nobody asked for. Core: `MIN_BLOCKS_TO_KEEP`.
const UNREQUESTED_ABOVE_MAX: u32 = 288;

/// What becomes of a message, or for what the connection ends.
pub(super) type Handled = Result<Verdict, DisconnectReason>;

pub(super) const UNWANTED: Handled = Ok(Verdict::Ignored(Ignored::Unwanted));

/// What is known of the work in the chain of some headers.
#[derive(Clone, Copy, PartialEq, Eq)]
enum HasWork {
    /// What they and those below claim.
    AsClaimed,
    /// There is enough above them: they were told twice.
    Shown,
}

/// One message of a peer.
pub(super) struct Telling<'a, 'b> {
    pub(super) sync: &'a mut BlockSync,
    pub(super) conn: ConnId,
    pub(super) peer: &'a mut Peer,
    pub(super) cx: &'a Context<'b>,
}

impl Telling<'_, '_> {
    /// A `headers`.
    pub(super) fn headers(&mut self, payload: &[u8]) -> Handled {
        let headers = match decode_headers(payload) {
            Ok(headers) => headers,
            Err(error) => return Ok(malformed(error)),
        };
        let params = self.sync.chain.tree.params();
        let linked = match LinkedHeaders::link(params, &headers) {
            Ok(Some(linked)) => linked,
            // It has no more than we know.
            Ok(None) => {
                super::state(self.peer).presync = None;
                self.sync.downloads.handle_headers(self.conn);
                return Ok(Verdict::Taken);
            }
            Err(error) => return self.blame(error),
        };
        let may_have_more = linked.is_full();
        match self.continue_presync(&linked) {
            None => self.linked_headers(linked, HasWork::AsClaimed, may_have_more),
            Some(Some(released)) => self.linked_headers(released, HasWork::Shown, may_have_more),
            Some(None) => Ok(Verdict::Taken),
        }
    }

    fn linked_headers(
        &mut self,
        linked: LinkedHeaders<'_>,
        has_work: HasWork,
        may_have_more: bool,
    ) -> Handled {
        let last = linked.last_hash();
        let Ok(checked) = self.sync.chain.tree.place(linked) else {
            self.unconnected(last);
            return Ok(Verdict::Taken);
        };
        self.sync.downloads.handle_headers(self.conn);
        self.connecting_headers(&checked, has_work, may_have_more)
    }

    /// Somebody announced blocks upon one that we do not know: what lies between is asked for.
    fn unconnected(&mut self, last: BlockHash) {
        let from = self.sync.chain.tree.tip();
        if self.sync.downloads.ask_headers(self.conn, self.cx.now.wall) {
            ask_for_headers(&self.sync.chain, self.peer, self.cx, from);
        }
        self.sync.downloads.handle_announced(&self.sync.chain.tree, self.conn, &last);
    }

    fn connecting_headers(
        &mut self,
        checked: &CheckedHeaders<'_>,
        has_work: HasWork,
        may_have_more: bool,
    ) -> Handled {
        let (tree, offer) = (&self.sync.chain.tree, super::offer(self.peer));
        let known = tree.find(&checked.last_hash());
        let is_ours =
            |id| tree.is_in_chain(id, tree.tip()) || tree.is_in_chain(id, tree.active_tip());
        let least = tree.work_worth_keeping(self.sync.chain.minimum_work());
        let may_enter = has_work == HasWork::Shown || offer.noban || known.is_some_and(is_ours);
        if checked.work() < least && !may_enter {
            return self.begin_presync(checked, least);
        }
        let inserted = self.sync.chain.tree.insert_checked(checked, self.cx.now.wall);
        let last = match inserted {
            Ok(inserted) => inserted.last.expect("there are some"),
            Err(error) => return self.blame(error),
        };
        // A chain that is told twice was asked on already.
        let is_told_twice = super::state(self.peer).presync.is_some();
        let asks_on = may_have_more && !is_told_twice;
        if asks_on && self.sync.downloads.ask_headers(self.conn, self.cx.now.wall) {
            ask_for_headers(&self.sync.chain, self.peer, self.cx, last);
        }
        self.note_headers(last, known.is_none());
        if !may_have_more {
            self.judge_work()?;
        }
        self.sync.downloads.protect(&self.sync.chain.tree, self.conn);
        let (cx, downloads) = self.sync.split(self.cx.now.wall);
        let blocks = downloads.take_direct(&cx, self.conn, last);
        ask_for_blocks(&self.sync.chain, self.peer, self.cx, &blocks);
        Ok(Verdict::Taken)
    }

    /// What its last header says of a peer. Core: `UpdatePeerStateForReceivedHeaders`.
    fn note_headers(&mut self, last: HeaderId, is_new: bool) {
        let tree = &self.sync.chain.tree;
        self.sync.downloads.handle_announced(tree, self.conn, &tree.hash(last));
        if is_new && tree.work(last) > tree.work(tree.active_tip()) {
            super::state(self.peer).announced_at = Some(self.cx.now.wall.second());
        }
    }

    /// During the first download whom we chose should have a chain worth having: this was all.
    fn judge_work(&self) -> Result<(), DisconnectReason> {
        let chain = &self.sync.chain;
        let best = self.sync.downloads.best_known(self.conn);
        let is_short = best.is_some_and(|best| chain.tree.work(best) < chain.minimum_work());
        let is_chosen = super::offer(self.peer).lagging != Lagging::Kept;
        if self.sync.is_initial_download && is_short && is_chosen {
            return Err(DisconnectReason::ChainTooShort);
        }
        Ok(())
    }

    /// What follows for who told a header that has no place. Core: `MaybePunishNodeForBlock`.
    fn blame(&self, error: InsertError) -> Handled {
        let InsertError { index, why } = error;
        let what = match why {
            InsertWhy::TooMany { .. } | InsertWhy::TooNew { .. } | InsertWhy::Full => {
                return UNWANTED;
            }
            // Who came to us may have it from elsewhere, and not know.
            InsertWhy::KnownInvalid if self.peer.conn_type.is_inbound() => return UNWANTED,
            InsertWhy::Pow(_) => Misbehaviour::HeaderWithoutWork { index },
            InsertWhy::NotContinuous => Misbehaviour::HeadersNotContinuous { index },
            InsertWhy::Unconnected { .. }
            | InsertWhy::KnownInvalid
            | InsertWhy::InvalidParent
            | InsertWhy::WrongBits { .. }
            | InsertWhy::TooOld { .. }
            | InsertWhy::Timewarp { .. } => Misbehaviour::HeaderInvalid { index },
        };
        judge(self.peer, what)
    }

    /// An `inv`, of which blocks count.
    pub(super) fn inv(&mut self, payload: &[u8]) -> Handled {
        let hashes = match blocks_of(payload) {
            Ok(hashes) if hashes.is_empty() => {
                return Ok(Verdict::Ignored(Ignored::NotImplemented));
            }
            Ok(hashes) => hashes,
            Err(error) => return Ok(malformed(error)),
        };
        let (cx, downloads) = self.sync.split(self.cx.now.wall);
        if let Some(from) = downloads.handle_inv(&cx, self.conn, &hashes) {
            ask_for_headers(&self.sync.chain, self.peer, self.cx, from);
        }
        Ok(Verdict::Taken)
    }

    /// A `block`.
    pub(super) fn block(&mut self, payload: &[u8]) -> Handled {
        let block = match Block::decode(payload) {
            Ok(block) => block,
            Err(BlockError::Field(error)) => return Ok(malformed(error)),
            Err(error) => return Ok(Verdict::Ignored(Ignored::BlockMalformed(error))),
        };
        let tree = &self.sync.chain.tree;
        let (known, parent) = (tree.find(&block.header.hash()), tree.find(&block.header.previous));
        let asked_from = known.and_then(|id| self.sync.downloads.asked_from(id));
        let segwit = parent.map(|parent| self.sync.chain.segwit_at(tree.height(parent) + 1));
        let judged = segwit.map_or(Ok(()), |segwit| block.judge(segwit));
        // What it owed it has given, good or bad.
        if let Some(id) = known.filter(|_| asked_from == Some(self.conn)) {
            self.sync.downloads.handle_block(id, self.cx.now.wall);
        }
        if matches!(judged, Err((_, Mutated::Yes))) {
            return judge(self.peer, Misbehaviour::BlockMutated);
        }
        // Also the first block of the network, which follows none.
        if known.is_some_and(|id| tree.has_block(id)) {
            return Ok(Verdict::Ignored(Ignored::Redundant));
        }
        let headers = [block.header];
        let checked = match self.sync.chain.tree.check(&headers) {
            Ok(checked) => checked.expect("there is one"),
            Err(error) => return self.blame(error),
        };
        let least = self.sync.chain.tree.work_worth_keeping(self.sync.chain.minimum_work());
        if known.is_none() && checked.work() < least {
            return UNWANTED;
        }
        let inserted = self.sync.chain.tree.insert_checked(&checked, self.cx.now.wall);
        let id = match inserted {
            Ok(inserted) => inserted.last.expect("there is one"),
            Err(error) => return self.blame(error),
        };
        self.keep(id, judged.is_ok(), asked_from.is_some(), payload)
    }

    /// Keeps a block whose header has its place, if it is one to keep. Core: `AcceptBlock`.
    fn keep(&mut self, id: HeaderId, is_good: bool, is_requested: bool, payload: &[u8]) -> Handled {
        let tree = &self.sync.chain.tree;
        let active = tree.active_tip();
        let is_near = tree.height(id) <= tree.height(active).saturating_add(UNREQUESTED_ABOVE_MAX);
        let least = tree.work(active).max(self.sync.chain.minimum_work());
        if !is_requested && (!is_near || tree.work(id) < least) {
            return UNWANTED;
        }
        if !is_good {
            self.sync.chain.tree.invalidate(id);
            return judge(self.peer, Misbehaviour::BlockInvalid);
        }
        super::state(self.peer).block_at = Some(self.cx.now.wall.second());
        self.sync.keep(id, payload.into(), self.cx.now.wall);
        Ok(Verdict::Taken)
    }
}

/// The blocks that an `inv` names, in its order.
fn blocks_of(payload: &[u8]) -> Result<Vec<BlockHash>, DecodeError> {
    let mut reader = Reader::new(payload);
    let count = reader.compact_size("entry count", COMPACT_SIZE_MAX)?;
    let mut hashes = Vec::new();
    for _ in 0..count {
        let kind = reader.u32("kind")?;
        let hash = BlockHash(reader.array("hash")?);
        if kind == BLOCK {
            hashes.push(hash);
        }
    }
    Ok(hashes)
}
