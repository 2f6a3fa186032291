//! What a fuzz target does with its bytes: any bytes are a schedule, and every schedule must pass
//! the oracles.
//!
//! The bodies are here, where stable Rust compiles and tests them. Expectations are left out: bytes
//! that nobody wrote expect nothing that would be true. So are the verdicts on lines that were
//! never reached, for the same reason.

use crate::oracles::Violation;
use crate::run::{Options, Report, Run, Verdict};
use crate::schedule::{Op, Schedule, Word};
use crate::subject::{Dialect as _, Subject, Usage};
use crate::subjects::connman::Connman;

/// Most steps of one input. Beyond it the input is abandoned as too slow to be worth it; the
/// oracle on steps that lead nowhere is a different one, and stays.
const STEPS_MAX: u64 = 200_000;

/// Most repeats of one word, and bytes of junk, in one input: more of the same is slow, and no more
/// telling.
const REPEAT_MAX: u32 = 300;

/// What became of an input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Judged {
    /// It ran to its end.
    Passed,
    /// It makes no sense, or is too long: nothing was learnt.
    Abandoned,
}

/// Runs any bytes as a schedule for the connection manager, under all oracles.
///
/// # Panics
///
/// An oracle noticed something. The message has the node's connections, the schedule as text, and
/// how to replay it.
pub fn connman(bytes: &[u8]) -> Judged {
    judge::<Connman>(&tame(Schedule::from_bytes(bytes)))
}

/// Runs a schedule and panics with its text if an oracle notices something.
fn judge<X: Subject>(schedule: &Schedule) -> Judged {
    let options = Options { steps_max: STEPS_MAX, ..Options::default() };
    let Ok(run) = Run::<X>::new(schedule, &options) else { return Judged::Abandoned };
    let report = run.finish();
    match &report.verdict {
        Verdict::Passed | Verdict::Drifted(_) | Verdict::NotExercised(_) => Judged::Passed,
        Verdict::Misspoken(_) | Verdict::Unmet(_) | Verdict::TooLong(_) => Judged::Abandoned,
        Verdict::Failed(violation) => panic!("{}", found(violation, &report, schedule)),
    }
}

/// What a panic says of a failure: all that its artifact does not.
fn found(violation: &Violation, report: &Report, schedule: &Schedule) -> String {
    let connections = report.connections.iter().map(|conn| format!("  {conn}\n"));
    let connections: String = connections.collect();
    format!(
        "{violation}\n\nthe node's connections then:\n{connections}\n{schedule}\nreplay: cargo sim \
         replay ARTIFACT\nkeep: cargo sim promote ARTIFACT NAME --why ... --source ...\n"
    )
}

/// Takes out what costs much and finds nothing, and what no peer can say: this is what a target
/// runs.
#[must_use]
pub fn tame(mut schedule: Schedule) -> Schedule {
    use crate::schedule::Item;
    schedule.subject = crate::schedule::SUBJECT_DEFAULT.to_owned();
    schedule.script.retain(|line| !matches!(line.op, Op::Expect(_)));
    for line in &mut schedule.script {
        let Op::Send { items, .. } = &mut line.op else { continue };
        items.retain_mut(|item| match item {
            Item::Word { word, .. } | Item::Part { word, .. } => make_sayable(word),
            Item::Rest | Item::Bytes(_) | Item::Junk(_) => true,
        });
        for item in items {
            match item {
                Item::Word { times, .. } => *times = (*times).min(REPEAT_MAX),
                Item::Junk(count) => *count = (*count).min(REPEAT_MAX * 100),
                Item::Part { .. } | Item::Rest | Item::Bytes(_) => {}
            }
        }
    }
    schedule.script.retain(|line| !matches!(&line.op, Op::Send { items, .. } if items.is_empty()));
    schedule
}

/// Takes settings off a word until a peer can say it; whether it can in the end.
fn make_sayable(word: &mut Word) -> bool {
    while let Err(problem) = <Connman as Subject>::Dialect::check(word, Usage::Said) {
        let Some(setting) = problem.setting else { return false };
        word.settings.remove(setting);
    }
    true
}

#[cfg(test)]
mod tests {
    use sockman::time::Instant;

    use super::*;

    #[test]
    fn what_was_found_comes_with_the_connections_of_the_node() {
        let text = "format 1\n\n0ms      p1 dials\n";
        let schedule = Schedule::parse("found", text).unwrap();
        let mut run = Run::<Connman>::new(&schedule, &Options::default()).unwrap();
        while run.world().machine().sockman().inspect().is_empty() {
            run.step().unwrap();
        }
        let violation = Violation {
            oracle: "liveness",
            what: "it stands still".into(),
            since: Instant::START,
            at: Instant::START,
            rule: "simulator",
        };
        let report = run.report(Verdict::Failed(violation.clone()));
        let said = found(&violation, &report, &schedule);
        let connections = said.split_once("the node's connections then:\n").unwrap().1;
        assert!(connections.starts_with("  c0.0 "), "{said}");
        assert!(connections.contains("203.0.113.1:"), "{said}");
        assert!(connections.contains(text), "{said}");
    }
}
