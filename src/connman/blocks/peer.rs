//! What is kept of a peer by a manager with a chain, beside what it may be asked for
//! ([`crate::chain::download`]).

use super::announce::Announced;
use super::serve::Wanted;
use crate::chain::presync::Presync;
use crate::time::UnixTime;

/// The exchange of blocks with one peer.
#[derive(Clone, Debug, Default)]
pub(in crate::connman) struct ChainPeer {
    /// What it asked for and was not given yet.
    pub(super) wanted: Wanted,
    /// What it is to be told, and was.
    pub(super) announced: Announced,
    /// Whether it was told that we prefer headers. BIP 130.
    pub(super) sendheaders_sent: bool,
    /// What is remembered of a chain that it tells twice. Core: `m_headers_sync`.
    pub(super) presync: Option<Box<Presync>>,
    /// Whether something may be due to it, which its next visit sees to.
    pub(super) turn_is_due: bool,
    /// When it last gave a block that nobody else had given. Core: `m_last_block_time`.
    pub(in crate::connman) block_at: Option<UnixTime>,
    /// When it last was the first to speak of a block better than ours, in whole seconds. Core:
    /// `m_last_block_announcement`.
    pub(in crate::connman) announced_at: Option<UnixTime>,
}

impl ChainPeer {
    /// Whether a visit would do something for it.
    pub(in crate::connman) const fn is_due(&self) -> bool {
        self.turn_is_due
    }

    /// Whether a block is to be sent that it asked for, once it is read.
    pub(in crate::connman) fn wants_blocks(&self) -> bool {
        !self.wanted.is_empty()
    }

    /// How high a chain has got that it tells twice; `None`: it tells none such. Core:
    /// `presync_height`.
    pub(in crate::connman) fn presynced(&self) -> Option<u64> {
        self.presync.as_ref().map(|presync| presync.presynced())
    }

    /// Whether a block can be sent that it asked for.
    pub(in crate::connman) fn may_serve(&self) -> bool {
        !self.wanted.is_empty() && self.wanted.awaits().is_none()
    }

    /// How many blocks it asked for and was not sent.
    pub(in crate::connman) fn wanted_count(&self) -> usize {
        self.wanted.count()
    }

    /// How many new blocks it is to be told of.
    pub(in crate::connman) const fn announced_count(&self) -> usize {
        self.announced.count()
    }

    /// It is over: nothing more is sent.
    pub(in crate::connman) fn clear(&mut self) {
        self.wanted.clear();
        self.presync = None;
        self.turn_is_due = false;
    }
}
