//! The contract of `Sockets` as a judge: reads a trace, and says whether a backend may behave so.
//!
//! The contract leaves things open: when bytes arrive, how many a send takes. So the judge keeps
//! every way in which things may stand after the steps so far (`model.rs`), and drops those that
//! the next step contradicts. A trace is accepted while one is left.

use std::collections::BTreeMap;
use std::fmt;

use sockman::sockets::Interest;

pub use super::model::Promptness;
use super::model::World;
use super::sequences::LISTENERS;
use super::trace::{Call, Outcome, TraceStep};
pub use super::transition::Transition;

/// Most ways to stand that are kept. With everything prompt there is one; a full buffer adds a
/// few for each end of a stream behind it.
const WORLDS_MAX: usize = 4096;

/// How often each transition was seen.
pub type Coverage = BTreeMap<Transition, u64>;

/// Why a trace is not allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rejection {
    /// The step, from 0.
    pub step: usize,
    /// What was asked in it.
    pub call: Call,
    /// What was wrong with it.
    pub why: Why,
}

/// What is wrong with a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// The call may not have said that.
    Outcome,
    /// The look that followed left something out, or reported what is closed.
    Readiness,
    /// Nothing, but there are too many ways to stand to go on.
    TooManyWorlds,
}

impl fmt::Display for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let why = match self.why {
            Why::Outcome => "the call may not have said that",
            Why::Readiness => "the readiness afterwards is not allowed",
            Why::TooManyWorlds => "too many possibilities to go on",
        };
        write!(f, "step {}, {:?}: {why}", self.step, self.call)
    }
}

/// Judges a trace of [`sequences::run`](super::sequences::run).
///
/// # Errors
///
/// The first step that is not allowed.
pub fn accept(
    trace: &[TraceStep],
    promptness: Promptness,
    coverage: &mut Coverage,
) -> Result<(), Rejection> {
    let mut worlds = vec![World::new(LISTENERS)];
    let mut interests: Vec<Interest> = Vec::new();
    for (number, step) in trace.iter().enumerate() {
        let reject = |why| Rejection { step: number, call: step.call, why };
        let mut transition = None;
        if !promptness.stands_still {
            worlds = arrivals(worlds, promptness, coverage).ok_or(reject(Why::TooManyWorlds))?;
        }
        worlds.retain_mut(|world| {
            let taken = world.step(step.call, &step.outcome);
            transition = transition.or(taken);
            taken.is_some()
        });
        let transition = transition.ok_or(reject(Why::Outcome))?;
        *coverage.entry(transition).or_default() += 1;
        worlds = arrivals(worlds, promptness, coverage).ok_or(reject(Why::TooManyWorlds))?;
        note_interest(&mut interests, step);
        worlds.retain(|world| world.allows(&step.ready, &interests, promptness));
        if worlds.is_empty() {
            return Err(reject(Why::Readiness));
        }
    }
    Ok(())
}

/// A new connection is interested in everything, for so the sequences set it.
fn note_interest(interests: &mut Vec<Interest>, step: &TraceStep) {
    match (step.call, &step.outcome) {
        (Call::Connect(_), Outcome::Done) | (Call::Accept(_), Outcome::Accepted { .. }) => {
            interests.push(Interest::BOTH);
        }
        (Call::SetInterest(conn, interest), Outcome::Done) => interests[conn] = interest,
        _ => {}
    }
}

/// Every way to stand that arrivals may have led to; `None` if they are too many.
fn arrivals(
    worlds: Vec<World>,
    promptness: Promptness,
    coverage: &mut Coverage,
) -> Option<Vec<World>> {
    let mut seen = |transition| *coverage.entry(transition).or_default() += 1;
    let mut open = worlds;
    let mut done = Vec::new();
    while let Some(mut world) = open.pop() {
        while world.arrive_promptly(promptness, &mut seen) {}
        // What was found already has its successors here too.
        if done.contains(&world) {
            continue;
        }
        open.extend(world.successors(&mut seen));
        done.push(world);
        if done.len() > WORLDS_MAX {
            return None;
        }
    }
    if promptness.window_bytes.is_some() {
        done.retain(|world| !world.reset_on_the_way());
    }
    Some(done)
}
