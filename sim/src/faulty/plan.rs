//! What comes of a call instead of what the backend says: planned by its name, or drawn.

use std::ops::Range;

use rand_chacha::ChaCha8Rng;
use sockman::sockets::Sockets;

use crate::schedule::{ActorId, Call, Deviation, Effect, Fault};

use super::{Faulty, Weights};

/// A call, with whom, and the how-manieth it is.
pub(crate) type PlanName = (Call, Option<ActorId>, u32);

/// Which entry of the plan is at work, if it was not a draw.
pub(crate) type PlanKey = Option<PlanName>;

/// An entry of the plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Planned {
    effect: Effect,
    state: Reach,
}

/// How far an entry of the plan has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reach {
    /// No such call was made.
    Never,
    /// The call was made, and would have had the same result anyway.
    WithoutEffect,
    /// It made a difference.
    Effective,
}

impl<S: Sockets> Faulty<S> {
    /// Draws results for calls that the plan does not name.
    pub fn randomise(&mut self, rng: ChaCha8Rng, weights: Weights) {
        self.random = Some((rng, weights));
    }

    /// Plans a deviation: the nth such call of the run.
    pub fn plan(&mut self, call: Call, actor: Option<ActorId>, nth: u32, effect: Effect) {
        self.planned.insert((call, actor, nth), Planned { effect, state: Reach::Never });
    }

    /// Plans a fault: counted from here. Gives the numbers, for [`reach`](Self::reach).
    pub fn plan_fault(&mut self, fault: &Fault) -> Range<u32> {
        let made = *self.count_mut(fault.call, fault.actor);
        let first = made.saturating_add(fault.nth);
        let end = first.saturating_add(fault.times);
        for nth in first..end {
            self.plan(fault.call, fault.actor, nth, fault.effect);
        }
        first..end
    }

    /// How far an entry of the plan has come.
    #[must_use]
    pub fn reach(&self, call: Call, actor: Option<ActorId>, nth: u32) -> Reach {
        self.planned.get(&(call, actor, nth)).map_or(Reach::Never, |planned| planned.state)
    }

    /// Whether the plan has something for a call that was not made yet: then faults are not over.
    #[must_use]
    pub fn has_faults_left(&self) -> bool {
        self.planned.values().any(|planned| planned.state == Reach::Never)
    }

    /// What was drawn so far.
    #[must_use]
    pub fn drawn(&self) -> &[Deviation] {
        &self.drawn
    }

    /// Takes what was never reached out of the plan: faults are over.
    pub fn give_up_plan(&mut self) {
        self.planned.retain(|_, planned| planned.state != Reach::Never);
    }

    /// Takes one entry out of the plan, if it was never reached.
    pub fn give_up(&mut self, call: Call, actor: Option<ActorId>, nth: u32) {
        let name = (call, actor, nth);
        self.planned.retain(|key, planned| *key != name || planned.state != Reach::Never);
    }

    /// Stops drawing: what comes after goes through.
    pub fn calm(&mut self) {
        self.random = None;
    }

    /// What the plan, or a draw, has for the call about to be made.
    pub(crate) fn effect(
        &mut self,
        call: Call,
        actor: Option<ActorId>,
    ) -> Option<(Effect, PlanKey)> {
        let own = (call, actor, self.count(call, actor));
        // A call for somebody is one for anybody too, whoever planned for it.
        let any = actor.map(|_| (call, None, self.count(call, None)));
        if let Some(planned) = self.take_planned(own, any) {
            return Some(planned);
        }
        let (rng, weights) = self.random.as_mut()?;
        let effect = weights.draw(call, rng)?;
        let nth = own.2;
        self.drawn.push(Deviation::At { call, actor, nth, effect });
        Some((effect, None))
    }

    /// What the plan has for a call by either of its names. The first wins; the call was made for
    /// the other as well.
    fn take_planned(&mut self, own: PlanName, any: Option<PlanName>) -> Option<(Effect, PlanKey)> {
        if self.planned.is_empty() {
            return None;
        }
        let mut taken = None;
        for name in [Some(own), any].into_iter().flatten() {
            let Some(planned) = self.planned.get_mut(&name) else { continue };
            match taken {
                None => taken = Some((planned.effect, Some(name))),
                Some(_) => planned.state = planned.state.max(Reach::WithoutEffect),
            }
        }
        taken
    }

    /// Counts a call; its number.
    fn count(&mut self, call: Call, actor: Option<ActorId>) -> u32 {
        let count = self.count_mut(call, actor);
        *count += 1;
        *count
    }

    fn count_mut(&mut self, call: Call, actor: Option<ActorId>) -> &mut u32 {
        let counts = &mut self.counts[call as usize];
        let place = actor.map_or(0, |actor| usize::from(actor.0));
        if place >= counts.len() {
            counts.resize(place + 1, 0);
        }
        &mut counts[place]
    }

    /// Notes what an entry of the plan, or a draw, came to. A draw that changed nothing is no
    /// deviation.
    pub(crate) fn reached(&mut self, key: PlanKey, made: Reach) {
        let Some(key) = key else {
            if made == Reach::WithoutEffect {
                self.drawn.pop();
            }
            return;
        };
        if let Some(planned) = self.planned.get_mut(&key) {
            planned.state = planned.state.max(made);
        }
    }

    /// Notes that the call went to a connection that is over already.
    pub(super) fn reached_in_vain(&mut self, planned: Option<(Effect, PlanKey)>) {
        if let Some((_, key)) = planned {
            self.reached(key, Reach::WithoutEffect);
        }
    }
}
