//! Who decides the order: the default, a seed, or the deviations of a schedule.
//!
//! A choice point lies before every step of the node's. The default names a step; a deviation lets
//! another task go first. Whatever decides, what was decided is recorded as deviations, anchored by
//! the name of the step that the default would have made.

use std::collections::BTreeMap;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::Rng as _;

use crate::schedule::{ActorId, Anchor, Deviation};

/// What decides.
#[derive(Clone, Debug)]
pub enum Policy {
    /// The default order.
    Default,
    /// A seed: with this chance in 256, another runnable task goes first.
    Random {
        /// Where the draws come from.
        rng: Box<ChaCha8Rng>,
        /// Chance in 256.
        deviate: u8,
    },
    /// The `before` lines of a schedule.
    Recorded(Recorded),
}

/// The `before` lines of a schedule: by anchor, which tasks go first, in order.
#[derive(Clone, Debug, Default)]
pub struct Recorded {
    lines: BTreeMap<Anchor, Vec<(usize, String)>>,
    /// How many of an anchor's lines were used, and which lines of the order those are.
    used: BTreeMap<Anchor, usize>,
    reached: Vec<usize>,
    /// A line whose task had nothing to do when its anchor came.
    refused: Vec<usize>,
}

impl Recorded {
    /// From the order of a schedule; other deviations than `before` are left to the sockets.
    #[must_use]
    pub fn new(order: &[Deviation]) -> Self {
        let mut recorded = Self::default();
        for (index, deviation) in order.iter().enumerate() {
            if let Deviation::Before { anchor, run } = deviation {
                let lines = recorded.lines.entry(anchor.clone()).or_default();
                lines.push((index, run.clone()));
            }
        }
        recorded
    }

    /// Lines of the order that were carried out.
    #[must_use]
    pub fn reached(&self) -> &[usize] {
        &self.reached
    }

    /// Lines of the order whose task had nothing to do.
    #[must_use]
    pub fn refused(&self) -> &[usize] {
        &self.refused
    }

    fn choose(&mut self, anchor: &Anchor, offered: &[&'static str]) -> Option<usize> {
        let lines = self.lines.get(anchor)?;
        loop {
            let used = self.used.entry(anchor.clone()).or_insert(0);
            let (line, run) = lines.get(*used)?;
            *used += 1;
            if let Some(position) = offered.iter().position(|name| name == run) {
                self.reached.push(*line);
                return Some(position);
            }
            self.refused.push(*line);
        }
    }
}

/// The name of a step, without its number.
type Name = (&'static str, String, Option<ActorId>);

/// Decides, counts and records.
#[derive(Clone, Debug)]
pub struct Chooser {
    policy: Policy,
    counts: BTreeMap<Name, u32>,
    recorded: Vec<Deviation>,
}

impl Chooser {
    /// With nothing decided yet.
    #[must_use]
    pub const fn new(policy: Policy) -> Self {
        Self { policy, counts: BTreeMap::new(), recorded: Vec::new() }
    }

    /// Whether it needs the names of steps at all.
    #[must_use]
    pub fn is_default(&self) -> bool {
        match &self.policy {
            Policy::Default => true,
            Policy::Random { deviate, .. } => *deviate == 0,
            Policy::Recorded(recorded) => recorded.lines.is_empty(),
        }
    }

    /// Decides at a choice point: the default's step, and the names of the other tasks that could
    /// go first. `None` is the default.
    pub fn choose(
        &mut self,
        verb: &'static str,
        object: &str,
        actor: Option<ActorId>,
        offered: &[&'static str],
    ) -> Option<usize> {
        let name = (verb, object.to_owned(), actor);
        let done = self.counts.get(&name).copied().unwrap_or(0);
        let anchor =
            || Anchor { verb: verb.to_owned(), object: object.to_owned(), actor, nth: done + 1 };
        let choice = match &mut self.policy {
            Policy::Default => None,
            Policy::Random { rng, deviate } => {
                let draw = rng.next_u32();
                if offered.is_empty() || draw % 256 >= u32::from(*deviate) {
                    None
                } else {
                    Some((draw >> 8) as usize % offered.len())
                }
            }
            Policy::Recorded(recorded) => recorded.choose(&anchor(), offered),
        };
        match choice {
            None => {
                *self.counts.entry(name).or_insert(0) += 1;
            }
            Some(position) => {
                let run = offered[position].to_owned();
                self.recorded.push(Deviation::Before { anchor: anchor(), run });
            }
        }
        choice
    }

    /// Stops deviating.
    pub fn calm(&mut self) {
        if let Policy::Random { deviate, .. } = &mut self.policy {
            *deviate = 0;
        }
    }

    /// What was decided against the default so far.
    #[must_use]
    pub fn recorded(&self) -> &[Deviation] {
        &self.recorded
    }

    /// The lines of the schedule, if they decide.
    #[must_use]
    pub const fn lines(&self) -> Option<&Recorded> {
        match &self.policy {
            Policy::Recorded(recorded) => Some(recorded),
            Policy::Default | Policy::Random { .. } => None,
        }
    }
}
