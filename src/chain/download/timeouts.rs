//! How long who was asked may take, and whom to ask for headers.

use std::fmt;
use std::time::Duration;

use super::{Context, Downloads, HeaderId};
use crate::chain::HeaderTree;
use crate::time::UnixTime;

/// How long somebody may hold others up at first. Core: `BLOCK_STALLING_TIMEOUT_DEFAULT`.
pub const STALLING_TIMEOUT_DEFAULT: Duration = Duration::from_secs(2);

/// How long at most: it doubles each time that somebody is given up, so that not everybody is where
/// it is our own line that is slow. Core: `BLOCK_STALLING_TIMEOUT_MAX`.
pub const STALLING_TIMEOUT_MAX: Duration = Duration::from_secs(64);

/// What is left of that time with each block that is connected, in percent; whole seconds count.
/// Core: `BlockConnected`, 0.85.
const STALLING_DECAY_PERCENT: u64 = 85;

/// A block may take as long as blocks are apart, and half of that more for each other peer that
/// owes some, in halves. Core: `BLOCK_DOWNLOAD_TIMEOUT_BASE` 1, `BLOCK_DOWNLOAD_TIMEOUT_PER_PEER`
/// 0.5.
const BLOCK_TIMEOUT_BASE_HALVES: u32 = 2;
const BLOCK_TIMEOUT_PER_PEER_HALVES: u32 = 1;

/// How long the first sync of headers may take, whatever their number. Core:
/// `HEADERS_DOWNLOAD_TIMEOUT_BASE`.
pub const HEADERS_TIMEOUT_BASE: Duration = Duration::from_secs(15 * 60);

/// And for each header that is expected. Core: `HEADERS_DOWNLOAD_TIMEOUT_PER_HEADER`.
pub const HEADERS_TIMEOUT_PER_HEADER: Duration = Duration::from_millis(1);

/// How long a `getheaders` goes unanswered before there is another. Core:
/// `HEADERS_RESPONSE_TIME`.
pub const HEADERS_RESPONSE_TIME: Duration = Duration::from_secs(2 * 60);

/// How old the best header may be for headers to be asked from everybody. Core: `SendMessages`, 24
/// h.
pub const RECENT_AGE: Duration = Duration::from_secs(24 * 60 * 60);

/// "More than" a time is this much more: the least that the clock can show.
pub(super) const JUST_AFTER: Duration = Duration::from_nanos(1);

const _: () = assert!(STALLING_TIMEOUT_DEFAULT.as_secs() < STALLING_TIMEOUT_MAX.as_secs());

/// For what a peer is given up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Timeout {
    /// It owes the block for which everybody waits.
    Stalling {
        /// Since when.
        since: UnixTime,
        /// How long it might.
        timeout: Duration,
    },
    /// The first block that it owes takes too long.
    Block {
        /// Which.
        block: HeaderId,
        /// Since when it owes it.
        since: UnixTime,
        /// How long it might.
        timeout: Duration,
    },
    /// It alone was asked for headers, and they are not recent yet.
    Headers {
        /// Until when they should have been.
        deadline: UnixTime,
    },
    /// Its chain has less work than ours had when that was noticed, and it was asked.
    Lagging {
        /// The best that it is known to have.
        best_known: Option<HeaderId>,
    },
}

impl fmt::Display for Timeout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stalling { since, timeout } => {
                write!(f, "holds up the download since {}, over {timeout:?}", since.as_secs())
            }
            Self::Block { since, timeout, .. } => {
                write!(f, "owes a block since {}, over {timeout:?}", since.as_secs())
            }
            Self::Headers { deadline } => {
                write!(f, "headers are not recent at {}", deadline.as_secs())
            }
            Self::Lagging { .. } => f.write_str("has an old chain"),
        }
    }
}

/// How far the first sync of headers with a peer is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum HeadersSync {
    /// It was not asked.
    NotStarted,
    /// It was, and its headers should be recent by then.
    Until(UnixTime),
    /// It was, and headers have been recent since.
    Recent,
}

/// How long a block may take, where blocks are `spacing_secs` apart and so many other peers owe
/// some.
#[must_use]
pub fn block_timeout(spacing_secs: u32, others: usize) -> Duration {
    let others = u32::try_from(others).unwrap_or(u32::MAX);
    let halves = others.saturating_mul(BLOCK_TIMEOUT_PER_PEER_HALVES);
    let halves = halves.saturating_add(BLOCK_TIMEOUT_BASE_HALVES);
    Duration::from_secs(u64::from(spacing_secs)).saturating_mul(halves) / 2
}

/// Until when headers should be recent. Core: `m_headers_sync_timeout`, in microseconds.
fn headers_deadline(tree: &HeaderTree, now: UnixTime) -> UnixTime {
    let age = now - tree.unix_time(tree.tip());
    let spacing = u64::from(tree.params().spacing_secs);
    let per_header = u64::try_from(HEADERS_TIMEOUT_PER_HEADER.as_micros()).expect("a constant");
    let more = Duration::from_micros(per_header.saturating_mul(age.as_secs()) / spacing);
    now + HEADERS_TIMEOUT_BASE + more
}

/// Whether the best header is younger than a day.
pub(super) fn is_recent(cx: &Context<'_>) -> bool {
    cx.tree.unix_time(cx.tree.tip()) + RECENT_AGE > cx.now
}

impl<P: Copy + Ord> Downloads<P> {
    /// Where the locator for a peer begins that is to be asked for headers first. One below the
    /// best, so that even who has no more answers with something.
    pub(super) fn start_headers(&mut self, cx: &Context<'_>, id: P) -> Option<HeaderId> {
        let is_turn = self.standing().may_start_headers(cx, self.peer(id));
        if !is_turn || !self.ask_headers(id, cx.now) {
            return None;
        }
        self.peer_mut(id).headers = HeadersSync::Until(headers_deadline(cx.tree, cx.now));
        let tip = cx.tree.tip();
        Some(cx.tree.parent(tip).unwrap_or(tip))
    }

    /// Whether a peer may be asked for headers now, and notes that it is. Not while an earlier
    /// question is younger than [`HEADERS_RESPONSE_TIME`]. Core: `MaybeSendGetHeaders`.
    pub fn ask_headers(&mut self, id: P, now: UnixTime) -> bool {
        let Some(peer) = self.peers.get_mut(&id) else { return false };
        if peer.asked_headers_until().is_some_and(|until| now < until) {
            return false;
        }
        peer.getheaders_at = Some(now);
        true
    }

    /// A block was connected to the active chain: stalling is forgiven more slowly than it was
    /// learned. Core: `BlockConnected`.
    pub fn handle_block_connected(&mut self) {
        let left = self.stalling_timeout.as_secs() * STALLING_DECAY_PERCENT / 100;
        self.stalling_timeout = Duration::from_secs(left).max(STALLING_TIMEOUT_DEFAULT);
    }

    /// How long somebody may hold others up now.
    #[must_use]
    pub const fn stalling_timeout(&self) -> Duration {
        self.stalling_timeout
    }

    /// For what a peer is given up now.
    pub(super) fn timed_out(&mut self, cx: &Context<'_>, id: P) -> Option<Timeout> {
        let peer = self.peer(id);
        let timeout = self.stalling_timeout;
        if let Some(since) = peer.stalling_since.filter(|since| cx.now > *since + timeout) {
            self.stalling_timeout = (timeout * 2).min(STALLING_TIMEOUT_MAX);
            return Some(Timeout::Stalling { since, timeout });
        }
        if let Some(block) = peer.in_flight.front() {
            let since = peer.downloading_since;
            let timeout = self.standing().block_timeout(cx.tree);
            if cx.now > since + timeout {
                return Some(Timeout::Block { block: *block, since, timeout });
            }
        }
        self.headers_timed_out(cx, id)
    }

    fn headers_timed_out(&mut self, cx: &Context<'_>, id: P) -> Option<Timeout> {
        let HeadersSync::Until(deadline) = self.peer(id).headers else { return None };
        if is_recent(cx) {
            // Once it has caught up it is never asked to hurry again.
            self.peer_mut(id).headers = HeadersSync::Recent;
            return None;
        }
        if cx.now <= deadline || !self.standing().is_replaceable(self.peer(id)) {
            return None;
        }
        if self.peer(id).offer.noban {
            // Somebody else may be asked now.
            self.peer_mut(id).headers = HeadersSync::NotStarted;
            return None;
        }
        Some(Timeout::Headers { deadline })
    }
}
