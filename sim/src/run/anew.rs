//! A run one step at a time, to its verdict; and the same from some step on with other chances.

use super::{Chance, Onlooker, Run, Verdict};
use crate::host::Host;
use crate::schedule::Deviation;
use crate::schedulers::TaskIndex;
use crate::subject::Subject;

impl<X: Subject, K: Host> Run<X, K> {
    /// Does one thing, as [`finish`](Self::finish) does; the verdict, if the run has ended with it.
    pub fn advance(&mut self) -> Option<Verdict> {
        self.advance_before(&mut ())
    }

    /// Does everything that is left; the verdict.
    pub fn advance_to_the_end(&mut self) -> Verdict {
        loop {
            if let Some(verdict) = self.advance() {
                return verdict;
            }
        }
    }

    /// The same as [`advance`](Self::advance), with somebody looking on.
    pub fn advance_before(&mut self, onlooker: &mut impl Onlooker<X, K>) -> Option<Verdict> {
        let advanced = crate::panics::catch(|| self.go_on_before(onlooker));
        advanced
            .unwrap_or_else(|payload| Some(Verdict::panicked(&*payload, self.world.now().steady)))
    }

    /// From here on the order is drawn anew, and what comes of calls. The script stays, with the
    /// faults that it has; of the recorded order nothing more is carried out. As in a campaign,
    /// chance ends with the script.
    pub fn draw_anew(&mut self, chance: &Chance) {
        for deviation in &self.schedule.order {
            let Deviation::At { call, actor, nth, .. } = deviation else { continue };
            let is_scripted = self.faults.iter().any(|(_, fault, numbers)| {
                fault.call == *call && fault.actor == *actor && numbers.contains(nth)
            });
            if !is_scripted {
                self.world.faulty_mut().give_up(*call, *actor, *nth);
            }
        }
        self.world.draw_anew(chance.scheduler());
        if self.calm {
            self.world.calm();
        } else {
            self.world.randomise(chance.calls(), chance.weights.clone());
        }
    }

    /// The next choice is this one, if it can be made; `None`: what goes by itself.
    pub fn be_told(&mut self, next: Option<TaskIndex>) {
        self.world.be_told(next);
    }

    /// It may have so many steps in all.
    pub const fn limit_steps(&mut self, steps_max: u64) {
        self.steps_max = steps_max;
    }
}
