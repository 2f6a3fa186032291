//! What passed between actors and their kernels, for whoever watches a world.

use std::ops::Range;

use crate::schedule::ActorId;

/// How a connection with an actor is named from both ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Dialled {
    /// Whether the actor did.
    pub by_actor: bool,
    /// Which attempt of the one that dialled it was.
    pub number: u64,
}

/// Which way bytes passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// From the actor to its kernel.
    Sent,
    /// From its kernel to the actor.
    Read,
}

/// Bytes that passed between an actor and its kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moved<'a> {
    /// Whose.
    pub actor: ActorId,
    /// Which connection.
    pub dialled: Dialled,
    /// Which way.
    pub way: Way,
    /// What.
    pub bytes: &'a [u8],
}

/// All that passed since somebody last looked, in order. Its buffers are used again.
#[derive(Clone, Debug, Default)]
pub struct Passage {
    entries: Vec<(ActorId, Dialled, Way, Range<usize>)>,
    bytes: Vec<u8>,
}

impl Passage {
    /// Notes what passed.
    pub fn push(&mut self, moved: Moved<'_>) {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(moved.bytes);
        let place = start..self.bytes.len();
        self.entries.push((moved.actor, moved.dialled, moved.way, place));
    }

    /// Moves everything to the end of another one.
    pub fn move_to(&mut self, other: &mut Self) {
        self.iter().for_each(|moved| other.push(moved));
        self.clear();
    }

    /// Whether nothing passed.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Everything.
    pub fn iter(&self) -> impl Iterator<Item = Moved<'_>> {
        self.entries.iter().map(|(actor, dialled, way, place)| Moved {
            actor: *actor,
            dialled: *dialled,
            way: *way,
            bytes: &self.bytes[place.clone()],
        })
    }

    /// Forgets everything.
    pub fn clear(&mut self) {
        self.entries.clear();
        self.bytes.clear();
    }
}
