//! Whole schedules: any bytes are one, and every one must pass the oracles.
//!
//! Expectations are left out: bytes that nobody wrote expect nothing that would be true. So are the
//! verdicts on lines that were never reached, for the same reason. How many steps a run may take
//! follows from its script, and one that takes more has failed: no clock decides.

use super::Judged;
use super::tame::{steps_allowed, tame};
use crate::oracles::Violation;
use crate::run::{Options, Report, Run, Verdict};
use crate::schedule::Schedule;
use crate::subject::Subject;
use crate::subjects::connman::Connman;
use crate::subjects::echo::Echo;
use crate::subjects::http::Http;

/// Most steps that an input may be allowed: what may take more is not run.
const STEPS_MAX: u64 = 400_000;

/// Most steps that are made of one input. What needs more, and may take more, is given up: a
/// thousand others can be run meanwhile.
const RUN_STEPS_MAX: u64 = 20_000;

/// Most steps of an input that a fuzzer keeps. Longer ones are judged all the same; but what is
/// made of them is as long, and soon there is nothing else. A handshake is some fifty steps.
const KEPT_STEPS_MAX: u64 = 2_000;

/// Runs any bytes as a schedule for the connection manager, under all oracles.
///
/// # Panics
///
/// An oracle noticed something. The message has the node's connections, the schedule as text, and
/// how to replay it.
pub fn connman(bytes: &[u8]) -> Judged {
    judge::<Connman>(&schedule_for::<Connman>(bytes))
}

/// Runs any bytes as a schedule for the socket manager with an echo on it: each byte that a peer
/// has sent comes back, in order, whatever happens to the connection.
///
/// # Panics
///
/// As [`connman`].
pub fn sockman(bytes: &[u8]) -> Judged {
    judge::<Echo>(&schedule_for::<Echo>(bytes))
}

/// Runs any bytes as a schedule for the HTTP server, whose clients know what each answer must be.
///
/// # Panics
///
/// As [`connman`].
pub fn http_server(bytes: &[u8]) -> Judged {
    judge::<Http>(&schedule_for::<Http>(bytes))
}

/// The schedule that the target of this name runs for these bytes; `None` if it runs none.
#[must_use]
pub fn schedule_of(target: &str, bytes: &[u8]) -> Option<Schedule> {
    match target {
        "connman" => Some(schedule_for::<Connman>(bytes)),
        "sockman" => Some(schedule_for::<Echo>(bytes)),
        "http_server" => Some(schedule_for::<Http>(bytes)),
        _ => None,
    }
}

fn schedule_for<X: Subject>(bytes: &[u8]) -> Schedule {
    let mut schedule = Schedule::from_bytes(bytes);
    X::NAME.clone_into(&mut schedule.subject);
    tame(schedule)
}

/// Runs a tame schedule and panics with its text if an oracle notices something.
fn judge<X: Subject>(schedule: &Schedule) -> Judged {
    let allowed = steps_allowed(schedule);
    if allowed > STEPS_MAX {
        return Judged::Abandoned;
    }
    let options = Options { steps_max: allowed.min(RUN_STEPS_MAX), ..Options::default() };
    let Ok(run) = Run::<X>::new(schedule, &options) else { return Judged::Abandoned };
    let report = run.finish();
    match &report.verdict {
        Verdict::Passed | Verdict::Drifted(_) | Verdict::NotExercised(_) => {
            if !schedule.script.iter().any(|line| line.op.is_attempt()) {
                Judged::Trivial
            } else if report.stats.steps > KEPT_STEPS_MAX {
                Judged::Long
            } else {
                Judged::Passed
            }
        }
        Verdict::Misspoken(_) | Verdict::Unmet(_) => Judged::Abandoned,
        Verdict::TooLong(steps) if *steps < allowed => Judged::Abandoned,
        Verdict::TooLong(_) => {
            let text = text_of(schedule);
            panic!("{}: its script has no work for so many\n\n{text}", report.verdict)
        }
        Verdict::Failed(violation) => panic!("{}", found(violation, &report, schedule)),
    }
}

/// What a panic says of a failure: all that its artifact does not.
fn found(violation: &Violation, report: &Report, schedule: &Schedule) -> String {
    let connections = report.connections.iter().map(|conn| format!("  {conn}\n"));
    let connections: String = connections.collect();
    let text = text_of(schedule);
    format!("{violation}\n\nthe node's connections then:\n{connections}\n{text}")
}

/// A schedule, and how to run it again from the file that libFuzzer is about to write.
fn text_of(schedule: &Schedule) -> String {
    format!(
        "{schedule}\nreplay: cargo sim replay ARTIFACT\nkeep: cargo sim promote ARTIFACT NAME \
         --why ... --source ...\n"
    )
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
