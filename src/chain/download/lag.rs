//! Whom we chose and whose chain stays behind ours.
//!
//! A peer that we dialled should have a chain like ours, or we might hear of no better one. It has
//! 20 minutes to catch up with what ours was when it was seen to lag, is asked for headers then,
//! and goes 2 minutes later. Four of those for everything that once had as much as we are left
//! alone, so that somebody who feeds us a chain of his own cannot drive all others away. Whole
//! seconds of the wall clock count. Sources: docs/behaviour.md, eviction 3; Core:
//! net_processing.cpp, `ConsiderEviction`.

use std::time::Duration;

use super::timeouts::HEADERS_RESPONSE_TIME;
use super::{Context, Downloads, HeaderId, HeadersSync, Peer, Timeout};
use crate::chain::HeaderTree;
use crate::time::UnixTime;

/// How long somebody may stay behind before he is asked. Core: `CHAIN_SYNC_TIMEOUT`.
pub const CHAIN_SYNC_TIMEOUT: Duration = Duration::from_secs(20 * 60);

/// How many peers are left alone. Core: `MAX_OUTBOUND_PEERS_TO_PROTECT_FROM_DISCONNECT`.
pub const PROTECTED_MAX: usize = 4;

/// What follows for somebody whose chain stays behind ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Lagging {
    /// Nothing: it is not we who chose it.
    Kept,
    /// It is given up.
    GivenUp,
    /// The same, unless it is one of [`PROTECTED_MAX`].
    Protectable,
}

/// A chain that is behind ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Behind {
    /// The first second in which something follows, s since 1970.
    due_secs: u64,
    /// What it should have as much work as.
    least: HeaderId,
    is_asked: bool,
}

impl Behind {
    /// Behind what is active now, for longer than it may from now on.
    const fn new(cx: &Context<'_>) -> Self {
        Self {
            due_secs: after(cx, CHAIN_SYNC_TIMEOUT),
            least: cx.tree.active_tip(),
            is_asked: false,
        }
    }
}

/// The first second that is later than now by more than this.
const fn after(cx: &Context<'_>, time: Duration) -> u64 {
    cx.now.as_secs().saturating_add(time.as_secs()).saturating_add(1)
}

impl Peer {
    /// Whether it may be given up because its chain lags.
    fn is_judged(&self) -> bool {
        let is_chosen = self.offer.lagging != Lagging::Kept;
        is_chosen && !self.is_protected && self.headers != HeadersSync::NotStarted
    }

    fn has_work_of(&self, tree: &HeaderTree, least: HeaderId) -> bool {
        self.best_known.is_some_and(|best| tree.work(best) >= tree.work(least))
    }

    /// What is to be noted of its chain, if that is something else than what is.
    fn seen_behind(&self, cx: &Context<'_>) -> Option<Option<Behind>> {
        if !self.is_judged() {
            return None;
        }
        if self.has_work_of(cx.tree, cx.tree.active_tip()) {
            return self.behind.is_some().then_some(None);
        }
        // Once it has caught up with what was asked of it, it has as long for what there is now.
        let is_new = self.behind.is_none_or(|behind| self.has_work_of(cx.tree, behind.least));
        is_new.then(|| Some(Behind::new(cx)))
    }

    /// Whether what is noted of its chain is not up to date.
    pub(super) fn is_seen_anew(&self, cx: &Context<'_>) -> bool {
        self.seen_behind(cx).is_some()
    }

    /// When something follows from its being behind.
    pub(super) fn lag_due_at(&self) -> Option<UnixTime> {
        self.behind.filter(|_| self.is_judged()).map(|behind| UnixTime::from_secs(behind.due_secs))
    }
}

impl<P: Copy + Ord> Downloads<P> {
    /// Notes how a peer's chain stands to ours, and whether it is given up for that.
    pub(super) fn lagged(&mut self, cx: &Context<'_>, id: P) -> Option<Timeout> {
        let peer = self.peer_mut(id);
        if let Some(behind) = peer.seen_behind(cx) {
            peer.behind = behind;
        }
        let is_due = peer.lag_due_at().is_some_and(|at| at <= cx.now);
        let is_asked = peer.behind.is_some_and(|behind| behind.is_asked);
        (is_due && is_asked).then_some(Timeout::Lagging { best_known: peer.best_known })
    }

    /// Where the locator for a peer begins that had its time to catch up. A question that is under
    /// way counts as this one.
    pub(super) fn ask_who_lags(&mut self, cx: &Context<'_>, id: P) -> Option<HeaderId> {
        let peer = self.peer_mut(id);
        peer.lag_due_at().filter(|at| *at <= cx.now)?;
        let behind = peer.behind.as_mut().expect("it has a time");
        behind.is_asked = true;
        behind.due_secs = after(cx, HEADERS_RESPONSE_TIME);
        let least = behind.least;
        let is_sent = self.ask_headers(id, cx.now);
        is_sent.then(|| cx.tree.parent(least).unwrap_or(least))
    }

    /// A peer's headers were taken: if its best has as much work as our chain it may be one of
    /// those that are left alone.
    pub fn protect(&mut self, tree: &HeaderTree, id: P) {
        let count = self.peers.values().filter(|peer| peer.is_protected).count();
        let Some(peer) = self.peers.get_mut(&id) else { return };
        let has_work = peer.has_work_of(tree, tree.active_tip());
        if count < PROTECTED_MAX && peer.offer.lagging == Lagging::Protectable && has_work {
            peer.is_protected = true;
        }
    }
}
