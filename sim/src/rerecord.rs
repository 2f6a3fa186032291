//! A case whose order has drifted, recorded again: the same script, the same deviations, counted
//! anew.
//!
//! An order line names a step and counts it. A change that makes a step more or less before it
//! leaves the line behind: it is never reached, or comes where it changes nothing. Other counts are
//! tried then, the nearest first, until every line does something again and the case passes. What a
//! step is called is not guessed: whoever has renamed one knows the new name.

use crate::run::{Options, Report, SetupError, Verdict};
use crate::schedule::{Deviation, Place, Schedule};
use crate::shrink::{nth_of, with_nth};
use crate::subjects::run_named;

/// How far from its old count a line is sought.
const COUNTS_AWAY_MAX: u32 = 12;

/// Most order lines of a case that is recorded again: a person has to read the difference.
const LINES_MAX: usize = 100;

/// What came of it.
#[derive(Clone, Debug)]
pub enum Rerecorded {
    /// The order does what it says: there is nothing to do.
    Fits,
    /// With other counts it does, and the case passes.
    Anew(Box<Schedule>),
    /// No counts were found with which it does. What it comes to as it is.
    NotFound(Box<Report>),
}

/// Records the order of a schedule again, if it has drifted.
///
/// # Errors
///
/// The schedule makes no sense for its subject.
pub fn rerecord(schedule: &Schedule) -> Result<Rerecorded, SetupError> {
    let options = Options::default();
    let before = run_named(schedule, &options)?;
    let Some(first) = lost_line(&before.verdict) else { return Ok(Rerecorded::Fits) };
    let not_found = || Ok(Rerecorded::NotFound(Box::new(before.clone())));
    if schedule.order.len() > LINES_MAX {
        return not_found();
    }
    let (mut best, mut lost) = (schedule.clone(), first);
    // Each round brings the first line that is lost further down, so there are no more than lines.
    for _ in 0..schedule.order.len() {
        let mut next = None;
        for candidate in candidates(&best, lost) {
            let verdict = run_named(&candidate, &options)?.verdict;
            if verdict.is_passed() {
                return Ok(Rerecorded::Anew(Box::new(candidate)));
            }
            let later = lost_line(&verdict).filter(|line| *line > lost);
            if next.is_none() {
                next = later.map(|line| (candidate, line));
            }
        }
        let Some(found) = next else { return not_found() };
        (best, lost) = found;
    }
    not_found()
}

/// The order line that a verdict is about.
const fn lost_line(verdict: &Verdict) -> Option<usize> {
    match verdict {
        Verdict::Drifted(lost) | Verdict::NotExercised(lost) => match lost.place {
            Place::Order(line) => Some(line),
            Place::Head | Place::Script(_) => None,
        },
        Verdict::Passed
        | Verdict::Failed(_)
        | Verdict::Unmet(_)
        | Verdict::Misspoken(_)
        | Verdict::TooLong(_) => None,
    }
}

/// A schedule with other counts for an order line, the nearest first. Lines with the same step go
/// with it: they say what comes one after the other before it.
fn candidates(schedule: &Schedule, lost: usize) -> impl Iterator<Item = Schedule> {
    let line = &schedule.order[lost];
    let nth = nth_of(line);
    let counts = (1..=COUNTS_AWAY_MAX).flat_map(move |away| {
        [nth.checked_sub(away).filter(|count| *count > 0), nth.checked_add(away)]
    });
    counts.flatten().map(move |count| {
        let moved = |other: &Deviation| match has_same_step(line, other) {
            true => with_nth(other, count),
            false => other.clone(),
        };
        Schedule { order: schedule.order.iter().map(moved).collect(), ..schedule.clone() }
    })
}

/// Whether two lines are anchored by the same step.
fn has_same_step(one: &Deviation, other: &Deviation) -> bool {
    match (one, other) {
        (Deviation::Before { anchor, .. }, Deviation::Before { anchor: same, .. }) => {
            anchor == same
        }
        (
            Deviation::At { call, actor, nth, .. },
            Deviation::At { call: same_call, actor: same_actor, nth: same_nth, .. },
        ) => (call, actor, nth) == (same_call, same_actor, same_nth),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CASE: &str = "format 1\nsubject  echo\n\n0ms      p1 dials\n         p1 sends line x2\n\
                        expect   p1 receives line x2, in order, within 1s\n\n\
                        order    at node's 1st recv from p1: gets 1 byte\n";

    fn schedule(text: &str) -> Schedule {
        Schedule::parse("case", text).unwrap()
    }

    #[test]
    fn order_that_fits_is_left_alone() {
        assert!(matches!(rerecord(&schedule(CASE)).unwrap(), Rerecorded::Fits));
    }

    #[test]
    fn order_that_has_drifted_is_counted_anew() {
        let drifted = schedule(&CASE.replace("1st recv", "9th recv"));
        let Rerecorded::Anew(anew) = rerecord(&drifted).unwrap() else { panic!("not found") };
        assert_eq!(anew.script, drifted.script);
        assert_ne!(anew.order, drifted.order);
        assert!(run_named(&anew, &Options::default()).unwrap().verdict.is_passed());
    }

    #[test]
    fn order_that_no_count_brings_back_is_said_to_be_lost() {
        let lost = schedule(&CASE.replace("recv from p1: gets", "send to p7: takes"));
        let Rerecorded::NotFound(report) = rerecord(&lost).unwrap() else { panic!("found") };
        assert_eq!(report.verdict.kind(), "drifted");
    }
}
