//! Somebody outside says what goes first, one choice at a time, and is told what could.

use super::{TaskIndex, TaskSet};
use crate::schedule::ActorId;

/// What the next choice is, and what the last one was among.
#[derive(Clone, Debug, Default)]
pub struct Told {
    next: Option<TaskIndex>,
    offer: Option<Offer>,
}

/// What could go first at a choice point.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Offer {
    /// What would by itself.
    pub default: TaskIndex,
    /// Whom that concerns.
    pub actor: Option<ActorId>,
    /// All that could.
    pub runnable: TaskSet,
}

impl Told {
    /// At the next choice point this goes first, if it can; `None`: what does by itself.
    #[must_use]
    pub const fn next(next: Option<TaskIndex>) -> Self {
        Self { next, offer: None }
    }

    /// What could go first at the last choice point; `None` if there was none.
    #[must_use]
    pub const fn offer(&self) -> Option<Offer> {
        self.offer
    }

    pub(crate) fn choose(&mut self, offer: Offer) -> Option<TaskIndex> {
        self.offer = Some(offer);
        self.next.take().filter(|next| offer.runnable.contains(*next))
    }
}
