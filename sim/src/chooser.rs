//! Asks a scheduler at every choice point, counts the steps by name, and records what was decided
//! against the default as deviations, each anchored by the name of the step that the default would
//! have made.

use crate::schedule::{ActorId, Anchor, Deviation};
use crate::schedulers::{Offer, Recorded, Scheduler, TaskIndex, TaskSet, Told};

/// How often each step was made, by its name. A node has a few dozen names, the frequent ones
/// first, so that going through them costs less than a tree of strings.
#[derive(Clone, Debug, Default)]
struct Counts {
    /// Arrivals by actor: as many as all the others together, so that they are not searched for.
    arrivals: Vec<u32>,
    names: Vec<(&'static str, String)>,
    /// By name and actor; without an actor at 0.
    made: Vec<Vec<u32>>,
}

impl Counts {
    fn of(&mut self, point: &Point<'_>) -> &mut u32 {
        let Point { default, verb, object, actor } = *point;
        let made = if default == TaskIndex::ARRIVAL {
            &mut self.arrivals
        } else {
            // The same verb is nearly always the same string in memory, too, and most have no
            // object.
            let is_verb = |known: &str| std::ptr::eq(known, verb) || known == verb;
            let is_object = |known: &str| match known.is_empty() || object.is_empty() {
                true => known.len() == object.len(),
                false => known == object,
            };
            let known = self.names.iter().position(|(v, o)| is_verb(v) && is_object(o));
            let name = known.unwrap_or_else(|| {
                self.names.push((verb, object.to_owned()));
                self.made.push(Vec::new());
                self.names.len() - 1
            });
            // Whoever is asked for moves up a place.
            let place = name.saturating_sub(1);
            self.names.swap(place, name);
            self.made.swap(place, name);
            &mut self.made[place]
        };
        let place = actor.map_or(0, |actor| usize::from(actor.0));
        if place >= made.len() {
            made.resize(place + 1, 0);
        }
        &mut made[place]
    }
}

/// What the default would do at a choice point.
#[derive(Clone, Copy, Debug)]
pub struct Point<'a> {
    /// The default's task.
    pub default: TaskIndex,
    /// Its step, by name.
    pub verb: &'static str,
    /// To what.
    pub object: &'a str,
    /// On the connection with whom.
    pub actor: Option<ActorId>,
}

/// Decides, counts and records.
#[derive(Clone, Debug)]
pub struct Chooser {
    scheduler: Scheduler,
    counts: Counts,
    recorded: Vec<Deviation>,
}

impl Chooser {
    /// With nothing decided yet.
    #[must_use]
    pub fn new(scheduler: Scheduler) -> Self {
        Self { scheduler, counts: Counts::default(), recorded: Vec::new() }
    }

    /// Whether it needs the names of steps at all.
    #[must_use]
    pub fn is_default(&self) -> bool {
        match &self.scheduler {
            Scheduler::Default => true,
            Scheduler::Recorded(recorded) => recorded.is_empty(),
            Scheduler::Told(_)
            | Scheduler::RoundRobin(_)
            | Scheduler::NowAndThen(_)
            | Scheduler::Walk(_)
            | Scheduler::Pct(_) => false,
        }
    }

    /// Decides at a choice point. Who could go is asked only if that matters.
    pub fn choose(
        &mut self,
        point: Point<'_>,
        name: impl Fn(TaskIndex) -> &'static str,
        runnable: impl FnOnce() -> TaskSet,
    ) -> TaskIndex {
        let Point { default, verb, object, actor } = point;
        let made = self.counts.of(&point);
        let done = *made;
        let anchor =
            || Anchor { verb: verb.into(), object: object.to_owned(), actor, nth: done + 1 };
        let choice = match &mut self.scheduler {
            Scheduler::Default => None,
            Scheduler::Recorded(recorded) => recorded.choose(&anchor(), &name, runnable),
            Scheduler::Told(told) => told.choose(Offer { default, actor, runnable: runnable() }),
            Scheduler::RoundRobin(round_robin) => round_robin.choose(runnable()),
            Scheduler::NowAndThen(now_and_then) => now_and_then.choose(default, runnable),
            Scheduler::Walk(walk) => walk.choose(runnable()),
            Scheduler::Pct(pct) => pct.choose(runnable()),
        };
        match choice {
            Some(task) if task != default => {
                let run = name(task).into();
                self.recorded.push(Deviation::Before { anchor: anchor(), run });
                task
            }
            Some(_) | None => {
                *made += 1;
                default
            }
        }
    }

    /// Lets another scheduler decide from here on.
    pub fn replace(&mut self, scheduler: Scheduler) {
        self.scheduler = scheduler;
    }

    /// Stops deviating.
    pub fn calm(&mut self) {
        if self.lines().is_none() {
            self.scheduler = Scheduler::Default;
        }
    }

    /// What was decided against the default so far.
    #[must_use]
    pub fn recorded(&self) -> &[Deviation] {
        &self.recorded
    }

    /// What somebody says, if it decides.
    #[must_use]
    pub const fn told(&self) -> Option<&Told> {
        match &self.scheduler {
            Scheduler::Told(told) => Some(told),
            Scheduler::Default
            | Scheduler::Recorded(_)
            | Scheduler::RoundRobin(_)
            | Scheduler::NowAndThen(_)
            | Scheduler::Walk(_)
            | Scheduler::Pct(_) => None,
        }
    }

    /// The lines of the schedule, if they decide.
    #[must_use]
    pub const fn lines(&self) -> Option<&Recorded> {
        match &self.scheduler {
            Scheduler::Recorded(recorded) => Some(recorded),
            Scheduler::Default
            | Scheduler::Told(_)
            | Scheduler::RoundRobin(_)
            | Scheduler::NowAndThen(_)
            | Scheduler::Walk(_)
            | Scheduler::Pct(_) => None,
        }
    }
}
