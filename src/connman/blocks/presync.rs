//! A peer whose chain has shown too little work: it is told twice, so that nothing is remembered
//! of it before the work is there.
//!
//! Sources: docs/behaviour.md, chain 9 and 12; Core: net_processing.cpp, `TryLowWorkHeadersSync`
//! and `IsContinuationOfLowWorkHeadersSync`.

use super::getheaders;
use super::receive::{Handled, Telling, UNWANTED};
use crate::chain::presync::{Next, Presync, Secrets};
use crate::chain::{CheckedHeaders, LinkedHeaders, U256};
use crate::connman::reasons::Verdict;
use crate::rng::Purpose;

/// What may enter the tree, if anything.
type Released = Option<LinkedHeaders<'static>>;

impl Telling<'_, '_> {
    /// Goes on with a chain that is told twice. `None` if the peer tells none such, or these
    /// headers do not go on with it: then they are like any others, and it is over.
    pub(super) fn continue_presync(&mut self, headers: &LinkedHeaders<'_>) -> Option<Released> {
        let presync = super::state(self.peer).presync.take()?;
        self.advance(presync, headers)
    }

    /// Headers of a chain with less work than `least` have come, of which the tree has what the
    /// first follows.
    pub(super) fn begin_presync(&mut self, headers: &CheckedHeaders<'_>, least: U256) -> Handled {
        if !headers.linked().is_full() {
            return UNWANTED;
        }
        let tree = &self.sync.chain.tree;
        let secrets = self.secrets(tree.params().presync.commitment_period);
        let presync = Presync::begin(tree, headers.parent(), least, self.cx.now.wall, secrets);
        self.sync.presyncs_begun += 1;
        self.advance(presync, headers.linked());
        Ok(Verdict::Taken)
    }

    /// New ones for each time.
    fn secrets(&self, commitment_period: u32) -> Secrets {
        let draws = &mut self.cx.seed.draws(Purpose::Presync, self.sync.presyncs_begun);
        let offset = u32::try_from(draws.below(u64::from(commitment_period)));
        let salt = [draws.below(u64::MAX), draws.below(u64::MAX)];
        Secrets { offset: offset.expect("below a u32"), salt }
    }

    fn advance(&mut self, presync: Box<Presync>, headers: &LinkedHeaders<'_>) -> Option<Released> {
        let tree = &self.sync.chain.tree;
        let step = presync.handle_headers(tree.params(), headers).ok()?;
        self.sync.downloads.handle_headers(self.conn);
        if let Next::Ask(presync) = step.next {
            // It is, because the last question has just been answered.
            if self.sync.downloads.ask_headers(self.conn, self.cx.now.wall) {
                getheaders(self.peer, self.cx, presync.locator(tree));
            }
            super::state(self.peer).presync = Some(presync);
        }
        Some(step.released)
    }
}

#[cfg(test)]
mod tests;
