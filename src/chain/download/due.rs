//! To whom something may be due: now, or when the clock gets there.

use super::timeouts::{HeadersSync, JUST_AFTER, block_timeout, is_recent};
use super::{
    BLOCKS_IN_FLIGHT_MAX, Context, Downloads, HEADERS_RESPONSE_TIME, HeaderTree, Peer, Serves,
};
use crate::time::UnixTime;

/// How many peers are in what state, of which what is due to one depends.
#[derive(Clone, Copy, Debug)]
pub(super) struct Standing {
    /// Core: `m_num_preferred_download_peers`.
    preferred: usize,
    /// With whom the sync of headers has begun. Core: `nSyncStarted`.
    syncing: usize,
    /// Who owes blocks. Core: `m_peers_downloading_from`.
    owing: usize,
}

impl Standing {
    /// Whether a peer is one to sync from: who is preferred; others where nobody is, or where no
    /// block is under way. Core: `sync_blocks_and_headers_from_peer`.
    fn is_to_sync_from(self, peer: &Peer) -> bool {
        let no_better = self.preferred == 0 || self.owing == 0;
        peer.offer.is_preferred || peer.offer.serves != Serves::Nothing && no_better
    }

    /// Whether the sync of headers with a peer may begin.
    pub(super) fn may_start_headers(self, cx: &Context<'_>, peer: &Peer) -> bool {
        let is_started = peer.headers != HeadersSync::NotStarted;
        if is_started || peer.offer.serves == Serves::Nothing {
            return false;
        }
        self.syncing == 0 && self.is_to_sync_from(peer) || is_recent(cx)
    }

    /// Whether a peer may be asked for blocks.
    pub(super) fn may_ask_blocks(self, cx: &Context<'_>, peer: &Peer) -> bool {
        let serves = peer.offer.serves;
        self.is_to_sync_from(peer) && serves == Serves::All
            || serves != Serves::Nothing && !cx.is_initial_download
    }

    /// Whether a peer is the only one to sync headers from, and there is another preferred one.
    pub(super) fn is_replaceable(self, peer: &Peer) -> bool {
        let others = self.preferred - usize::from(peer.offer.is_preferred);
        self.syncing == 1 && others > 0
    }

    /// How long the first block that a peer owes may take.
    pub(super) fn block_timeout(self, tree: &HeaderTree) -> std::time::Duration {
        block_timeout(tree.params().spacing_secs, self.owing.saturating_sub(1))
    }
}

impl Peer {
    /// Until when it is not asked for headers again. Core: `MaybeSendGetHeaders`.
    pub(super) fn asked_headers_until(&self) -> Option<UnixTime> {
        Some(self.getheaders_at? + HEADERS_RESPONSE_TIME + JUST_AFTER)
    }

    /// Whether it may have a block that is missing, and may owe one more.
    fn may_give_blocks(&self, cx: &Context<'_>) -> bool {
        let active = cx.tree.active_tip();
        let has_more = |best| {
            best != active && cx.tree.work(best) >= cx.tree.work(active).max(cx.minimum_work)
        };
        self.in_flight.len() < BLOCKS_IN_FLIGHT_MAX && self.best_known.is_some_and(has_more)
    }
}

impl<P: Copy + Ord> Downloads<P> {
    pub(super) fn standing(&self) -> Standing {
        let count = |is: fn(&Peer) -> bool| self.peers.values().filter(|peer| is(peer)).count();
        Standing {
            preferred: count(|peer| peer.offer.is_preferred),
            syncing: count(|peer| peer.headers != HeadersSync::NotStarted),
            owing: count(|peer| !peer.in_flight.is_empty()),
        }
    }

    /// To whom something may be due, whose turn is to come. To nobody else anything is.
    #[must_use]
    pub fn turns_due(&self, cx: &Context<'_>) -> Vec<P> {
        let standing = self.standing();
        let is_due = |peer: &Peer| self.is_due(cx, standing, peer);
        self.peers.iter().filter_map(|(id, peer)| is_due(peer).then_some(*id)).collect()
    }

    fn is_due(&self, cx: &Context<'_>, standing: Standing, peer: &Peer) -> bool {
        let may_ask_headers = peer.asked_headers_until().is_none_or(|until| until <= cx.now);
        let has_caught_up = matches!(peer.headers, HeadersSync::Until(_)) && is_recent(cx);
        peer.unknown.is_some_and(|hash| cx.tree.find(&hash).is_some())
            || may_ask_headers && standing.may_start_headers(cx, peer)
            || has_caught_up
            || peer.is_seen_anew(cx)
            || standing.may_ask_blocks(cx, peer) && peer.may_give_blocks(cx)
            || self.due_at(cx, standing, peer).is_some_and(|at| at <= cx.now)
    }

    /// When something is due to a peer if nothing happens.
    fn due_at(&self, cx: &Context<'_>, standing: Standing, peer: &Peer) -> Option<UnixTime> {
        let stalling = peer.stalling_since.map(|since| since + self.stalling_timeout + JUST_AFTER);
        let owes = !peer.in_flight.is_empty();
        let timeout = standing.block_timeout(cx.tree);
        let block = owes.then(|| peer.downloading_since + timeout + JUST_AFTER);
        let headers = match peer.headers {
            HeadersSync::Until(at) if !is_recent(cx) && standing.is_replaceable(peer) => {
                Some(at + JUST_AFTER)
            }
            // Once the last question counts no more; at once, if there is none.
            HeadersSync::NotStarted if standing.may_start_headers(cx, peer) => {
                Some(peer.asked_headers_until().unwrap_or(cx.now))
            }
            HeadersSync::NotStarted | HeadersSync::Until(_) | HeadersSync::Recent => None,
        };
        [stalling, block, headers, peer.lag_due_at()].into_iter().flatten().min()
    }

    /// When something is due to a peer if nothing happens, and to whom. `None`: never. May lie in
    /// the past.
    #[must_use]
    pub fn next_wakeup(&self, cx: &Context<'_>) -> Option<(UnixTime, P)> {
        let standing = self.standing();
        let due = |(id, peer): (&P, &Peer)| Some((self.due_at(cx, standing, peer)?, *id));
        self.peers.iter().filter_map(due).min()
    }
}
