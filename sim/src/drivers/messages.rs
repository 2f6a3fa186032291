//! *Messages only*: whole messages injected into the node, as the target `process_messages` of
//! Bitcoin Core does (src/test/fuzz/process_messages.cpp).
//!
//! Connections are there at once and never fail; each read brings one message, well formed and
//! varied in what it means; what the node sends is taken whole at once. So nothing is ever split,
//! delayed or lost, and no end comes before the end of the run. A share of the peers answers what
//! it hears; the others say what they like, mostly a handshake first.

use sockman::sockets::Failure;
use sockman::time::Now;

use super::island::{Far, Invention};
use crate::schedulers::Draws;
use crate::subject::{Dialect, Heard};

/// What is possible in one run.
#[derive(Clone, Debug)]
pub(super) struct Messages {
    /// How many of the peers answer what they hear.
    answers_in_256: u8,
    /// Messages that come at one time, at most, if there are many of them.
    flood_max: u32,
}

impl Invention for Messages {
    fn draw(draws: &mut Draws) -> Self {
        let answers_in_256 = *draws.pick(&[0, 64, 128, 192]);
        Self { answers_in_256, flood_max: *draws.pick(&[1, 4, 50]) }
    }

    fn recv<D>(&self, _: &mut Draws, far: &Far<D>) -> Result<Option<usize>, Failure> {
        Ok(Some(far.first_piece()))
    }

    fn opened<D: Dialect>(&self, draws: &mut Draws, now: Now, far: &mut Far<D>) {
        far.answers = draws.in_256(self.answers_in_256);
        if far.answers {
            let mut said = Vec::new();
            far.dialect.greet(now, &mut said);
            far.arrive(said);
        }
    }

    fn heard<D: Dialect>(&self, now: Now, far: &mut Far<D>, heard: &[Heard]) {
        if !far.answers {
            return;
        }
        for heard in heard {
            let mut said = Vec::new();
            far.dialect.answer(now, *heard, &mut said);
            far.arrive(said);
        }
    }

    fn happen<D: Dialect>(&self, draws: &mut Draws, now: Now, far: &mut Far<D>) {
        let count = if draws.once_in(8) { draws.within(1, self.flood_max) } else { 1 };
        for _ in 0..count {
            let mut said = Vec::new();
            far.dialect.vary(now, &mut |bound| draws.below(bound), &mut said);
            far.arrive(said);
        }
    }
}
