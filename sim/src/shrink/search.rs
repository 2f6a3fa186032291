//! Which candidates count: the smaller ones that fail in the same way, as long as the budget lasts.

use std::collections::BTreeSet;
use std::sync::atomic::Ordering;

use crate::run::{Options, Report, Verdict};
use crate::schedule::{ActorId, Op, Schedule};

use super::draft::Draft;
use super::failure::{FailureKey, mark};
use super::size::Size;
use super::{Budget, NotShrunk, Runner};

/// A candidate may take so many times the steps of the schedule that was given, and so many more:
/// one that takes longer is no simpler.
const STEPS_TIMES: u64 = 4;
const STEPS_MORE: u64 = 10_000;

/// The smallest so far.
pub(super) struct Search<'a> {
    run: &'a mut Runner<'a>,
    vocabulary: &'static [&'static str],
    key: FailureKey,
    best: Draft,
    size: Size,
    verdict: Verdict,
    /// Lines of its script that were carried out before the failure.
    carried_out: usize,
    /// Candidates that were run, so that none is run twice.
    tried: BTreeSet<Vec<u8>>,
    options: Options,
    budget: Budget,
    runs: u32,
    steps: u64,
}

impl<'a> Search<'a> {
    /// Runs what is to be shrunk.
    pub(super) fn new<'b>(
        schedule: &Schedule,
        budget: Budget,
        vocabulary: &'static [&'static str],
        run: &'a mut Runner<'b>,
    ) -> Result<Self, NotShrunk>
    where
        'b: 'a,
    {
        let options = Options { steps_max: budget.steps_max, ..Options::default() };
        let Report { verdict, stats, carried_out, .. } =
            run(schedule, &options).map_err(NotShrunk::Setup)?;
        let key = FailureKey::of(&verdict, schedule).ok_or(NotShrunk::Passes)?;
        let enough = stats.steps.saturating_mul(STEPS_TIMES).saturating_add(STEPS_MORE);
        let steps_max = enough.min(budget.steps_max);
        let mut best = Draft::new(schedule);
        // The verdict of the first run tells its numbers, which the smallest one does not have.
        best.title.retain(|line| *line != verdict.line());
        Ok(Self {
            run,
            vocabulary,
            key,
            size: Size::of(&best),
            best,
            verdict,
            carried_out,
            tried: BTreeSet::new(),
            options: Options { steps_max, ..options },
            budget,
            runs: 1,
            steps: stats.steps,
        })
    }

    /// Takes a candidate for the best if it is smaller and fails in the same way; whether it is so.
    pub(super) fn attempt(&mut self, candidate: Draft) -> bool {
        if self.is_over() {
            return false;
        }
        // A long candidate is work also if it is not run.
        self.steps = self.steps.saturating_add(candidate.order.len() as u64);
        let size = Size::of(&candidate);
        if size >= self.size {
            return false;
        }
        let schedule = candidate.schedule();
        if schedule.check().is_err() || !self.tried.insert(schedule.to_bytes()) {
            return false;
        }
        self.runs += 1;
        let Ok(report) = (self.run)(&schedule, &self.options) else { return false };
        self.steps = self.steps.saturating_add(report.stats.steps);
        if FailureKey::of(&report.verdict, &schedule).as_ref() != Some(&self.key) {
            return false;
        }
        self.best = candidate;
        self.size = size;
        self.verdict = report.verdict;
        self.carried_out = report.carried_out;
        true
    }

    /// The smallest so far.
    pub(super) const fn best(&self) -> &Draft {
        &self.best
    }

    /// How small it is.
    pub(super) const fn size(&self) -> &Size {
        &self.size
    }

    /// How many of its lines were carried out before the failure.
    pub(super) const fn carried_out(&self) -> usize {
        self.carried_out
    }

    /// Words that actors may say, each once.
    pub(super) fn vocabulary(&self) -> BTreeSet<&'static str> {
        self.vocabulary.iter().copied().collect()
    }

    /// Whether nothing more may be tried.
    pub(super) fn is_over(&self) -> bool {
        let is_spent = self.runs >= self.budget.runs || self.steps >= self.budget.steps;
        is_spent || self.is_stopped()
    }

    /// Whether somebody stopped it.
    pub(super) fn is_stopped(&self) -> bool {
        self.budget.stop.as_ref().is_some_and(|stop| stop.load(Ordering::Relaxed))
    }

    /// Runs and steps so far.
    pub(super) const fn spent(&self) -> (u32, u64) {
        (self.runs, self.steps)
    }

    /// Whether a line may be changed or taken out.
    ///
    /// An expectation is about what was done before it: without that it would not be met either,
    /// and would say nothing. So the script is left alone, but for actors that no expectation
    /// names.
    pub(super) fn is_free(&self, op: &Op) -> bool {
        !self.is_unmet() || op.actor().is_some_and(|actor| !self.expected().contains(&actor))
    }

    /// Whether everything may be changed: settings, times, what is done to all.
    pub(super) const fn is_all_free(&self) -> bool {
        !self.is_unmet()
    }

    const fn is_unmet(&self) -> bool {
        matches!(self.verdict, Verdict::Unmet(_))
    }

    fn expected(&self) -> Vec<ActorId> {
        let ops = self.best.lines.iter().map(|line| &line.op);
        ops.filter_map(|op| if let Op::Expect(expect) = op { Some(expect.actor()) } else { None })
            .collect()
    }

    /// The smallest schedule with its mark, its verdict, and what it shares with the first.
    pub(super) fn into_result(self) -> (Schedule, Verdict, FailureKey) {
        let mut schedule = self.best.schedule();
        let unmet = if let Verdict::Unmet(unmet) = &self.verdict { Some(unmet.line) } else { None };
        let line = unmet.or_else(|| self.carried_out.checked_sub(1));
        let comment = mark(&self.verdict);
        match line.and_then(|line| schedule.script.get_mut(line)) {
            Some(line) => line.comment.push(comment),
            // It fails before anything is done.
            None => schedule.title.push(comment),
        }
        (schedule, self.verdict, self.key)
    }
}
