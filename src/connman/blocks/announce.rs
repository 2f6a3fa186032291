//! How a peer is told that our chain has grown.
//!
//! By headers, if it prefers them, and if they connect to what it is known to have; else by the
//! name of the last block. Sources: docs/behaviour.md, chain 11; BIP 130; Core: net_processing.cpp,
//! `UpdatedBlockTip` and `SendMessages`.

use crate::chain::{HeaderId, HeaderTree};

/// The most blocks that are announced by their headers. Core: `MAX_BLOCKS_TO_ANNOUNCE`.
pub(super) const ANNOUNCED_MAX: usize = 8;

/// What a peer is to be told, and was.
#[derive(Clone, Debug, Default)]
pub(super) struct Announced {
    /// New blocks, the lowest first, as [`add_new`] leaves them. Core:
    /// `m_blocks_for_headers_relay`.
    pending: Vec<HeaderId>,
    /// The best header that we have told it. Core: `pindexBestHeaderSent`.
    told: Option<HeaderId>,
}

/// In what form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Announcement {
    /// Headers, each upon the one before.
    Headers(Vec<HeaderId>),
    /// A block's name.
    Inv(HeaderId),
}

/// Adds new blocks to others. One more than can be announced stands for any number more.
pub(super) fn add_new(pending: &mut Vec<HeaderId>, blocks: &[HeaderId]) {
    pending.extend_from_slice(blocks);
    let surplus = pending.len().saturating_sub(ANNOUNCED_MAX + 1);
    pending.drain(..surplus);
}

impl Announced {
    /// How many new blocks there are to tell of.
    pub(super) const fn count(&self) -> usize {
        self.pending.len()
    }

    /// The chain has grown by these.
    pub(super) fn note_new(&mut self, blocks: &[HeaderId]) {
        add_new(&mut self.pending, blocks);
    }

    /// It was told headers up to this one, because it asked.
    pub(super) const fn note_told(&mut self, last: HeaderId) {
        self.told = Some(last);
    }

    /// Takes what there is to be told. `best_known` is the best that the peer is known to have.
    pub(super) fn take(
        &mut self,
        tree: &HeaderTree,
        best_known: Option<HeaderId>,
        prefers_headers: bool,
    ) -> Option<Announcement> {
        let pending = std::mem::take(&mut self.pending);
        let last = *pending.last()?;
        let told = self.told;
        let has =
            |id| [best_known, told].into_iter().flatten().any(|top| tree.is_in_chain(id, top));
        let may_be_headers = prefers_headers && pending.len() <= ANNOUNCED_MAX;
        let headers = may_be_headers.then(|| connecting(tree, &pending, has)).flatten();
        match headers {
            Some(headers) if headers.is_empty() => None,
            Some(headers) => {
                self.told = Some(last);
                Some(Announcement::Headers(headers))
            }
            None if has(last) => None,
            None => Some(Announcement::Inv(last)),
        }
    }
}

/// Those of new blocks that somebody has not, if they lie one upon another and upon what he has.
/// Otherwise, and if the chain has gone elsewhere, there are none that he could make use of.
fn connecting(
    tree: &HeaderTree,
    blocks: &[HeaderId],
    has: impl Fn(HeaderId) -> bool,
) -> Option<Vec<HeaderId>> {
    let is_run = blocks.windows(2).all(|pair| tree.parent(pair[1]) == Some(pair[0]));
    let is_active = |id: &HeaderId| tree.is_in_chain(*id, tree.active_tip());
    if !is_run || !blocks.iter().all(is_active) {
        return None;
    }
    let new: Vec<_> = blocks.iter().copied().skip_while(|id| has(*id)).collect();
    let below = new.first().and_then(|first| tree.parent(*first));
    below.is_none_or(has).then_some(new)
}

#[cfg(test)]
mod tests;
