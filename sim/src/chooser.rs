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

    fn choose(
        &mut self,
        anchor: &Anchor,
        offered: impl FnOnce() -> Vec<&'static str>,
    ) -> Option<&'static str> {
        let lines = self.lines.get(anchor)?;
        let offered = offered();
        loop {
            let used = self.used.entry(anchor.clone()).or_insert(0);
            let (line, run) = lines.get(*used)?;
            *used += 1;
            if let Some(task) = offered.iter().find(|name| *name == run) {
                self.reached.push(*line);
                return Some(task);
            }
            self.refused.push(*line);
        }
    }
}

/// How often each step was made, by its name. A node has a few dozen names, so that going through
/// them costs less than a tree of strings.
#[derive(Clone, Debug, Default)]
struct Counts {
    names: Vec<(&'static str, String)>,
    /// By name and actor; without an actor at 0.
    made: Vec<Vec<u32>>,
}

impl Counts {
    fn of(&mut self, verb: &'static str, object: &str, actor: Option<ActorId>) -> &mut u32 {
        let known = self.names.iter().position(|(v, o)| *v == verb && o == object);
        let name = known.unwrap_or_else(|| {
            self.names.push((verb, object.to_owned()));
            self.made.push(Vec::new());
            self.names.len() - 1
        });
        let made = &mut self.made[name];
        let place = actor.map_or(0, |actor| usize::from(actor.0));
        if place >= made.len() {
            made.resize(place + 1, 0);
        }
        &mut made[place]
    }
}

/// Decides, counts and records.
#[derive(Clone, Debug)]
pub struct Chooser {
    policy: Policy,
    counts: Counts,
    recorded: Vec<Deviation>,
}

impl Chooser {
    /// With nothing decided yet.
    #[must_use]
    pub fn new(policy: Policy) -> Self {
        Self { policy, counts: Counts::default(), recorded: Vec::new() }
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
    /// go first, which are asked for only if that matters. `None` is the default.
    pub fn choose(
        &mut self,
        verb: &'static str,
        object: &str,
        actor: Option<ActorId>,
        offered: impl FnOnce() -> Vec<&'static str>,
    ) -> Option<&'static str> {
        let made = self.counts.of(verb, object, actor);
        let done = *made;
        let anchor =
            || Anchor { verb: verb.to_owned(), object: object.to_owned(), actor, nth: done + 1 };
        let choice = match &mut self.policy {
            Policy::Default => None,
            Policy::Random { rng, deviate } => {
                let draw = rng.next_u32();
                let deviates = draw % 256 < u32::from(*deviate);
                let offered = if deviates { offered() } else { Vec::new() };
                offered.get((draw >> 8) as usize % offered.len().max(1)).copied()
            }
            Policy::Recorded(recorded) => recorded.choose(&anchor(), offered),
        };
        match choice {
            None => *made += 1,
            Some(run) => {
                let run = run.to_owned();
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
