//! What the parts of a schedule are about: whom they name, what they say, when they happen.

use std::time::Duration;

use super::{ActorId, Expect, Item, Op, Schedule, When, Word};

impl Schedule {
    /// Whether it is a case: its script says what must be seen. Somebody has written that. What
    /// chance makes, and what is recorded of it, expects nothing.
    #[must_use]
    pub fn is_case(&self) -> bool {
        self.script.iter().any(|line| matches!(line.op, Op::Expect(_)))
    }

    /// The actors that it names, each once, by number.
    #[must_use]
    pub fn actors(&self) -> Vec<ActorId> {
        let mut actors: Vec<_> = self.script.iter().filter_map(|line| line.op.actor()).collect();
        actors.sort_unstable();
        actors.dedup();
        actors
    }

    /// When each line of the script is due, from the start: never before the one above it.
    #[must_use]
    pub fn times(&self) -> Vec<Duration> {
        let mut now = Duration::ZERO;
        let time = |at: &When| {
            now = match at {
                When::Same => now,
                When::After(wait) => now.saturating_add(*wait),
                When::At(at) => now.max(*at),
            };
            now
        };
        self.script.iter().map(|line| &line.at).map(time).collect()
    }
}

impl Op {
    /// Whether somebody tries to connect.
    #[must_use]
    pub const fn is_attempt(&self) -> bool {
        matches!(self, Self::Dial { .. } | Self::NodeDials { .. } | Self::NodeDialsItself)
    }

    /// The messages that it names, in the order of the text.
    #[must_use]
    pub fn words(&self) -> Vec<&Word> {
        match self {
            Self::Send { items, .. } => items.iter().filter_map(Item::word).collect(),
            Self::Expect(Expect::Receives { words, .. }) => {
                words.iter().map(|(word, _)| word).collect()
            }
            Self::Expect(Expect::NeverReceives { word, .. }) | Self::NodeTold { word } => {
                vec![word]
            }
            Self::Expect(Expect::Keeps { .. } | Expect::Drops { .. } | Expect::Connects { .. })
            | Self::Dial { .. }
            | Self::Listen { .. }
            | Self::NodeDials { .. }
            | Self::NodeDrops { .. }
            | Self::NodeDialsItself
            | Self::NodeRestarts
            | Self::NodeCrashes
            | Self::NodeStalls { .. }
            | Self::Vanish { .. }
            | Self::Behave { .. }
            | Self::StopReading { .. }
            | Self::ReadAgain { .. }
            | Self::HalfClose { .. }
            | Self::Close { .. }
            | Self::Reset { .. }
            | Self::Link { .. }
            | Self::WallJump { .. }
            | Self::Fault(_) => Vec::new(),
        }
    }

    /// The actor that it is about.
    #[must_use]
    pub const fn actor(&self) -> Option<ActorId> {
        match self {
            Self::Dial { actor, .. }
            | Self::Listen { actor, .. }
            | Self::NodeDials { actor }
            | Self::NodeDrops { actor }
            | Self::Send { actor, .. }
            | Self::Behave { actor, .. }
            | Self::StopReading { actor }
            | Self::ReadAgain { actor }
            | Self::HalfClose { actor }
            | Self::Close { actor }
            | Self::Reset { actor }
            | Self::Vanish { actor }
            | Self::Link { actor, .. } => Some(*actor),
            Self::Fault(fault) => fault.actor,
            Self::Expect(expect) => Some(expect.actor()),
            Self::NodeDialsItself
            | Self::NodeTold { .. }
            | Self::NodeRestarts
            | Self::NodeCrashes
            | Self::NodeStalls { .. }
            | Self::WallJump { .. } => None,
        }
    }

    /// The same, to name another.
    pub const fn actor_mut(&mut self) -> Option<&mut ActorId> {
        match self {
            Self::Dial { actor, .. }
            | Self::Listen { actor, .. }
            | Self::NodeDials { actor }
            | Self::NodeDrops { actor }
            | Self::Send { actor, .. }
            | Self::Behave { actor, .. }
            | Self::StopReading { actor }
            | Self::ReadAgain { actor }
            | Self::HalfClose { actor }
            | Self::Close { actor }
            | Self::Reset { actor }
            | Self::Vanish { actor }
            | Self::Link { actor, .. } => Some(actor),
            Self::Fault(fault) => fault.actor.as_mut(),
            Self::Expect(expect) => Some(expect.actor_mut()),
            Self::NodeDialsItself
            | Self::NodeTold { .. }
            | Self::NodeRestarts
            | Self::NodeCrashes
            | Self::NodeStalls { .. }
            | Self::WallJump { .. } => None,
        }
    }
}

impl Expect {
    /// The actor that it is about.
    #[must_use]
    pub const fn actor(&self) -> ActorId {
        match self {
            Self::Receives { actor, .. }
            | Self::NeverReceives { actor, .. }
            | Self::Keeps { actor }
            | Self::Drops { actor, .. }
            | Self::Connects { actor, .. } => *actor,
        }
    }

    /// The same, to name another.
    pub const fn actor_mut(&mut self) -> &mut ActorId {
        match self {
            Self::Receives { actor, .. }
            | Self::NeverReceives { actor, .. }
            | Self::Keeps { actor }
            | Self::Drops { actor, .. }
            | Self::Connects { actor, .. } => actor,
        }
    }
}

impl Item {
    /// The message that it is, or is a part of.
    #[must_use]
    pub const fn word(&self) -> Option<&Word> {
        match self {
            Self::Word { word, .. } | Self::Part { word, .. } => Some(word),
            Self::Rest | Self::Bytes(_) | Self::Junk(_) => None,
        }
    }
}

impl Word {
    /// A message as it usually is.
    #[must_use]
    pub fn plain(name: &str) -> Self {
        Self { name: name.to_owned(), settings: Vec::new() }
    }

    /// Messages as they usually are.
    #[must_use]
    pub fn all_plain(names: &[&str]) -> Vec<Self> {
        names.iter().map(|name| Self::plain(name)).collect()
    }

    /// The value of a setting.
    #[must_use]
    pub fn setting(&self, key: &str) -> Option<&str> {
        self.settings.iter().find(|(name, _)| name == key).map(|(_, value)| value.as_str())
    }
}
