//! All orders of a small world up to a depth.
//!
//! ```text
//!  script --> world --> whoever can go first, in turn --> ... depth steps --> final state
//!                                                                                |
//!                           in the usual order to the end, under all oracles
//! ```
//!
//! Orders that only swap neighbours which do not concern each other come to the same state, so one
//! of them is enough: sleep sets (Godefroid, "Partial-Order Methods", 1996). A step that was tried
//! first sleeps below its siblings for as long as what goes on concerns other connections; and
//! because that is not seen from the names alone, each such pair is also carried out both ways, and
//! only sleeps if both come to the same state. What oracles remember is no part of a state.
//!
//! Nothing is drawn here: calls go as the network and the script have them.

use std::collections::BTreeSet;
use std::fmt;

use sockman::driver::Task;

use crate::host::Host;
use crate::run::{Options, Run, SetupError, Verdict};
use crate::schedule::{ActorId, Schedule};
use crate::schedulers::{Offer, TaskIndex, Told};
use crate::shrink::FailureKey;
use crate::subject::Subject;
use crate::world::World;

/// Failures of different kinds that are kept.
pub const FAILURES_MAX: usize = 10;

/// Whether orders are left out that come to the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reduction {
    /// Sleep sets.
    SleepSets,
    /// None: every order, to compare with.
    Nothing,
}

/// What is explored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Budget {
    /// Steps that are taken in the usual order before anything is tried.
    pub from: u64,
    /// Steps after that, or after those in which there is nothing to choose yet.
    pub depth: u32,
    /// Steps in all while trying, at most.
    pub transitions: u64,
    /// Whether it is reduced.
    pub reduction: Reduction,
}

/// A failure, as a schedule that replays.
#[derive(Clone, Debug)]
pub struct Failure {
    /// What failed.
    pub verdict: Verdict,
    /// The script, with the order in which it failed.
    pub schedule: Schedule,
}

impl Default for Budget {
    /// A minute at the worst on a script with two peers.
    fn default() -> Self {
        let reduction = Reduction::SleepSets;
        Self { from: 0, depth: 10, transitions: 50_000, reduction }
    }
}

/// What was explored.
#[derive(Clone, Debug, Default)]
pub struct Explored {
    /// Steps before the first choice.
    pub from: u64,
    /// Different states that were seen.
    pub states: u64,
    /// Steps taken between them.
    pub transitions: u64,
    /// Orders of the whole depth, or to an earlier end.
    pub orders: u64,
    /// Different states at their ends.
    pub finals: u64,
    /// Steps that were not taken because they would have come to the same.
    pub slept: u64,
    /// Whether that is all there is.
    pub is_exhausted: bool,
    /// The first failure of each kind.
    pub failures: Vec<Failure>,
}

impl fmt::Display for Explored {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { from, states, transitions, orders, finals, slept, .. } = self;
        writeln!(
            f,
            "{states} states, {transitions} transitions after the first {from} steps; \
             {slept} slept"
        )?;
        write!(f, "{orders} orders to {finals} final states; ")?;
        f.write_str(if self.is_exhausted { "exhausted" } else { "not exhausted" })
    }
}

/// Explores a script.
///
/// `goes_on` is asked now and then whether there is time left.
///
/// # Errors
///
/// It makes no sense for this subject.
pub fn explore<X: Subject>(
    schedule: &Schedule,
    budget: Budget,
    goes_on: &dyn Fn() -> bool,
) -> Result<Explored, SetupError> {
    let mut run = Run::<X>::new(schedule, &Options::default())?;
    run.be_told(None);
    let mut search = Search {
        schedule,
        budget,
        goes_on,
        states: BTreeSet::new(),
        finals: BTreeSet::new(),
        keys: Vec::new(),
        found: Explored { is_exhausted: true, ..Explored::default() },
    };
    // What nobody can choose is not counted into the depth.
    loop {
        let before = run.clone();
        if let Some(verdict) = run.advance() {
            search.ended(run, verdict);
            break;
        }
        let has_choice = offer(&run).is_some_and(|offer| offer.runnable.count() > 1);
        if has_choice && search.found.from >= budget.from {
            search.visit(&before, budget.depth, Vec::new());
            break;
        }
        search.found.from += 1;
        run.be_told(None);
    }
    let mut found = search.found;
    found.states = search.states.len() as u64;
    found.finals = search.finals.len() as u64;
    Ok(found)
}

/// What could go first at the step that a run has just made.
fn offer<X: Subject, K: Host>(run: &Run<X, K>) -> Option<Offer> {
    run.world().chooser().told().and_then(Told::offer)
}

/// A step that was tried, and whom it concerned; `None`: perhaps everybody.
#[derive(Clone, Debug)]
struct Tried {
    task: TaskIndex,
    touched: Option<BTreeSet<ActorId>>,
}

impl Tried {
    fn is_apart_from(&self, other: &Self) -> bool {
        match (&self.touched, &other.touched) {
            (Some(mine), Some(theirs)) => mine.is_disjoint(theirs),
            (None, _) | (_, None) => false,
        }
    }
}

struct Search<'a> {
    schedule: &'a Schedule,
    budget: Budget,
    goes_on: &'a dyn Fn() -> bool,
    states: BTreeSet<u64>,
    finals: BTreeSet<u64>,
    keys: Vec<FailureKey>,
    found: Explored,
}

impl Search<'_> {
    /// Tries everything from here on, but for what sleeps.
    fn visit<X: Subject>(&mut self, at: &Run<X>, depth: u32, asleep: Vec<Tried>) {
        self.states.insert(at.world().fingerprint().value());
        if depth == 0 {
            self.go_to_the_end(at);
            return;
        }
        let (default, ended) = self.step(at, None);
        let Some(offer) = offer(&default) else {
            // Nobody chooses here; and time that passes concerns everybody.
            match ended {
                Some(verdict) => self.end_with(default, verdict),
                None => self.visit(&default, depth - 1, Vec::new()),
            }
            return;
        };
        let mut usual = Some((default, ended));
        let mut asleep = asleep;
        let others = offer.runnable.iter().filter(|task| *task != offer.default);
        for task in [offer.default].into_iter().chain(others) {
            if asleep.iter().any(|tried| tried.task == task) {
                self.found.slept += 1;
                continue;
            }
            if self.is_over() {
                return;
            }
            let is_usual = task == offer.default;
            let (child, ended) = match usual.take_if(|_| is_usual) {
                Some(usual) => usual,
                None => self.step(at, Some(task)),
            };
            let tried = Tried { task, touched: touched(at.world(), child.world(), task, &offer) };
            match ended {
                Some(verdict) => self.end_with(child, verdict),
                None => {
                    let below = self.still_asleep(at, &child, &tried, &asleep);
                    self.visit(&child, depth - 1, below);
                }
            }
            if self.budget.reduction == Reduction::SleepSets {
                asleep.push(tried);
            }
        }
    }

    /// Of those that sleep, which still do after a step.
    fn still_asleep<X: Subject>(
        &self,
        at: &Run<X>,
        child: &Run<X>,
        taken: &Tried,
        asleep: &[Tried],
    ) -> Vec<Tried> {
        let sleeps = |tried: &&Tried| {
            tried.is_apart_from(taken) && {
                let one = one_step(child, Some(tried.task));
                let other = one_step(at, Some(tried.task));
                let other = other.and_then(|other| one_step(&other, Some(taken.task)));
                let both = one.zip(other);
                both.is_some_and(|(one, other)| {
                    one.world().fingerprint() == other.world().fingerprint()
                })
            }
        };
        asleep.iter().filter(sleeps).cloned().collect()
    }

    /// Makes a step, and counts it.
    fn step<X: Subject>(
        &mut self,
        at: &Run<X>,
        task: Option<TaskIndex>,
    ) -> (Run<X>, Option<Verdict>) {
        self.found.transitions += 1;
        let mut run = at.clone();
        run.be_told(task);
        let ended = run.advance();
        (run, ended)
    }

    fn is_over(&mut self) -> bool {
        let is_spent = self.found.transitions >= self.budget.transitions;
        let is_over = is_spent || self.found.failures.len() >= FAILURES_MAX || !(self.goes_on)();
        self.found.is_exhausted &= !is_over;
        is_over
    }

    /// A final state: what comes of it in the usual order, unless that is known.
    fn go_to_the_end<X: Subject>(&mut self, at: &Run<X>) {
        self.found.orders += 1;
        if !self.finals.insert(at.world().fingerprint().value()) {
            return;
        }
        let mut run = at.clone();
        run.be_told(None);
        let verdict = run.advance_to_the_end();
        self.ended(run, verdict);
    }

    /// A run has ended on the way, which is a final state, too.
    fn end_with<X: Subject>(&mut self, run: Run<X>, verdict: Verdict) {
        self.found.orders += 1;
        self.finals.insert(run.world().fingerprint().value());
        self.ended(run, verdict);
    }

    fn ended<X: Subject>(&mut self, run: Run<X>, verdict: Verdict) {
        let Some(key) = FailureKey::of(&verdict, self.schedule) else { return };
        if !self.keys.contains(&key) {
            self.keys.push(key);
            let report = run.report(verdict);
            let (verdict, schedule) = (report.verdict, report.recorded);
            self.found.failures.push(Failure { verdict, schedule });
        }
    }
}

/// A run one step further, if that step can be made and does not end it.
fn one_step<X: Subject>(at: &Run<X>, task: Option<TaskIndex>) -> Option<Run<X>> {
    let mut run = at.clone();
    run.be_told(task);
    let has_ended = run.advance().is_some();
    let offer = offer(&run)?;
    let is_made = task.is_none_or(|task| offer.runnable.contains(task));
    (is_made && !has_ended).then_some(run)
}

/// Whom a step has concerned.
fn touched<X: Subject, K: Host>(
    before: &World<X, K>,
    after: &World<X, K>,
    task: TaskIndex,
    offer: &Offer,
) -> Option<BTreeSet<ActorId>> {
    let sockets = before.machine().sockman().sockets();
    let own = match task {
        TaskIndex::ARRIVAL if offer.default == task => offer.actor?,
        TaskIndex::ARRIVAL
        | TaskIndex::POLL
        | TaskIndex::DISK
        | TaskIndex::DRIVER
        | TaskIndex::PUSH
        | TaskIndex::WAKE => return None,
        TaskIndex(place) => {
            let step = before.machine().next_step(before.now(), Task::at(place))?;
            sockets.actor(step.conn?)?
        }
    };
    let mut touched = BTreeSet::from([own]);
    let sockets = after.machine().sockman().sockets();
    for call in sockets.calls() {
        touched.insert(call.conn.and_then(|conn| sockets.actor(conn))?);
    }
    Some(touched)
}
