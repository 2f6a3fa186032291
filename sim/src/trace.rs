//! What happened in a run: a hash of all of it, and on request the story.
//!
//! The hash covers every call with its arguments, bytes and result, every event, action and timer.
//! It is comparable at one commit only.

use std::fmt;

use sockman::time::Instant;

use crate::schedule::ActorId;

/// A running hash. Not for secrets: it tells runs apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TraceHash(u64);

impl TraceHash {
    /// Of nothing.
    #[must_use]
    pub const fn new() -> Self {
        Self(0x9e37_79b9_7f4a_7c15)
    }

    /// Adds a number.
    pub const fn add(&mut self, value: u64) {
        let mixed = (self.0.rotate_left(23) ^ value).wrapping_mul(0xff51_afd7_ed55_8ccd);
        self.0 = mixed ^ (mixed >> 29);
    }

    /// Adds bytes, and how many there are.
    pub fn add_bytes(&mut self, bytes: &[u8]) {
        self.add(bytes.len() as u64);
        let mut chunks = bytes.chunks_exact(8);
        for chunk in &mut chunks {
            self.add(u64::from_le_bytes(chunk.try_into().expect("a chunk has eight bytes")));
        }
        let mut last = [0; 8];
        last[..chunks.remainder().len()].copy_from_slice(chunks.remainder());
        self.add(u64::from_le_bytes(last));
    }

    /// The value.
    #[must_use]
    pub const fn value(self) -> u64 {
        self.0
    }
}

impl Default for TraceHash {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Display for TraceHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

/// Who did something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Who {
    /// The script.
    Script,
    /// The node.
    Node,
    /// An actor.
    Actor(ActorId),
}

/// One line of the story.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// When.
    pub at: Instant,
    /// Who.
    pub who: Who,
    /// With whom, where it is about a connection.
    pub with: Option<ActorId>,
    /// What.
    pub what: String,
}

impl fmt::Display for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:>14}  ", self.at.to_string())?;
        match (self.who, self.with) {
            (Who::Script, _) => write!(f, "-- {}", self.what),
            (Who::Node, Some(actor)) => write!(f, "node     {actor:<4} {}", self.what),
            (Who::Node, None) => write!(f, "node          {}", self.what),
            (Who::Actor(actor), _) => write!(f, "    {actor:<9} {}", self.what),
        }
    }
}

/// A hash, and a story if one was asked for.
#[derive(Clone, Debug, Default)]
pub struct Trace {
    hash: TraceHash,
    story: Option<Vec<Entry>>,
}

/// Whether to keep the story.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Story {
    /// Only the hash.
    Drop,
    /// Every entry, for a person or for an exact replay.
    Keep,
}

impl Trace {
    /// Nothing has happened.
    #[must_use]
    pub fn new(story: Story) -> Self {
        let story = match story {
            Story::Drop => None,
            Story::Keep => Some(Vec::new()),
        };
        Self { hash: TraceHash::new(), story }
    }

    /// The hash, to add to.
    pub const fn hash_mut(&mut self) -> &mut TraceHash {
        &mut self.hash
    }

    /// The hash so far.
    #[must_use]
    pub const fn hash(&self) -> TraceHash {
        self.hash
    }

    /// Adds an entry to the story; `what` is asked only if there is one.
    pub fn tell(
        &mut self,
        at: Instant,
        who: Who,
        with: Option<ActorId>,
        what: impl FnOnce() -> String,
    ) {
        if let Some(story) = self.story.as_mut() {
            story.push(Entry { at, who, with, what: what() });
        }
    }

    /// Whether there is a story.
    #[must_use]
    pub const fn is_kept(&self) -> bool {
        self.story.is_some()
    }

    /// The story so far; empty if none is kept.
    #[must_use]
    pub fn story(&self) -> &[Entry] {
        self.story.as_deref().unwrap_or_default()
    }
}
