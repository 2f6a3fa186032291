//! `--corpus`: which cases of the corpus notice which bugs and mutants.
//!
//! Every bug that can be put back and every mutant is applied to the copy of the sources, one at a
//! time, and the corpus is replayed with what is built from it. What each case came to is kept, by
//! a hash of the sources, of the changes and of the case, and so is what was built: a case that is
//! new or altered costs its own replays, which are seconds.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::Path;
use std::process::Output;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use sockman_sim::bugs::mutants::{Mutant, SIMULATOR};
use sockman_sim::bugs::{Bug, BugError, Change};
use sockman_sim::run::Options;
use sockman_sim::subjects::run_named;

use super::results::Question;
use super::workshop::{Workshop, hash, in_time, ran_out};
use crate::cli::{Error, files};

mod cases;
mod page;

pub(super) use cases::{Case, load};
pub(super) use page::{Asked, Page, write};

/// Where the cases are.
pub(super) const FOLDER: &str = "corpus";

/// Seconds after which a replay of the corpus is taken to hang. It takes a few.
const REPLAY_SECONDS: u32 = 60;

/// Verdicts that notice nothing. But for the first, they say that the case did not come to its
/// point, or was not judged.
const UNNOTICED: [&str; 5] = ["passed", "drifted", "not exercised", "misspoken", "too long"];

/// A bug or a mutant: what is changed.
pub(super) struct Broken<'a> {
    /// `B008`, or a mutant's name.
    pub(super) id: &'a str,
    /// In a few words.
    pub(super) what: &'a str,
    changes: &'a [Change],
    source: Source<'a>,
}

/// Where it is from.
#[derive(Clone, Copy)]
enum Source<'a> {
    Bug(&'a Bug),
    Mutant(&'a Mutant),
}

impl<'a> Broken<'a> {
    /// A bug, if it can be put back.
    pub(super) fn bug(bug: &'a Bug) -> Option<Self> {
        let changes = bug.state.changes();
        let source = Source::Bug(bug);
        (!changes.is_empty()).then_some(Self { id: &bug.id, what: &bug.name, changes, source })
    }

    pub(super) fn mutant(mutant: &'a Mutant) -> Self {
        let Mutant { name, inverts, changes, .. } = mutant;
        Self { id: name, what: inverts, changes, source: Source::Mutant(mutant) }
    }

    fn apply(&self, root: &Path) -> Result<Vec<(String, String)>, BugError> {
        match self.source {
            Source::Bug(bug) => bug.apply(root),
            Source::Mutant(mutant) => mutant.apply(root),
        }
    }

    /// Whether an outcome says that a case has noticed it. That a line is never reached says
    /// nothing of the product; whether it is told so is the simulator's affair.
    fn is_noticed(&self, outcome: &Outcome) -> bool {
        match self.source {
            Source::Mutant(mutant) if mutant.rule == SIMULATOR => outcome.verdict != UNNOTICED[0],
            Source::Mutant(_) | Source::Bug(_) => !UNNOTICED.contains(&outcome.verdict.as_str()),
        }
    }

    /// What a hash of it is made of.
    fn parts(&self) -> Vec<&[u8]> {
        let texts = self.changes.iter().flat_map(|change| {
            let Change { file, inside, find, replace } = change;
            [file.as_bytes(), inside.as_bytes(), find.as_bytes(), replace.as_bytes()]
        });
        texts.collect()
    }
}

/// What a case came to with something broken.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Outcome {
    /// Of the case's text.
    hash: String,
    /// The kind of verdict, or that it hung or ended the process.
    verdict: String,
    /// Steps of its run up to then; `None` if nobody counted them.
    steps: Option<u64>,
}

/// By case, what it came to.
type Outcomes = BTreeMap<String, Outcome>;

/// What the cases notice.
#[derive(Default)]
pub(super) struct Kills {
    /// By bug or mutant: the cases that notice it, the one with the shortest run first.
    pub(super) noticed: BTreeMap<String, Vec<String>>,
    /// What cannot be built, and why.
    pub(super) unbuilt: Vec<(String, String)>,
}

impl Kills {
    /// Measures, or takes what was measured before. What is known by then stays if it fails.
    pub(super) fn measure(
        &mut self,
        workshop: &Workshop,
        broken: &[Broken<'_>],
        cases: &[Case],
    ) -> Result<(), Error> {
        check_clean(cases)?;
        for (index, one) in broken.iter().enumerate() {
            let progress = format!("{}/{} {}", index + 1, broken.len(), one.id);
            match outcomes(workshop, one, cases) {
                // What is wrong with the machine is not the mutant's fault.
                Err(error @ (Error::Output(_) | Error::File(..) | Error::Interrupted)) => {
                    return Err(error);
                }
                Err(error) => {
                    tell(&format!("{progress}: {error}"));
                    self.unbuilt.push((one.id.to_owned(), error.to_string()));
                }
                Ok(outcomes) => {
                    let noticed = in_order(one, &outcomes, cases);
                    tell(&format!("{progress}: noticed by {} cases", noticed.len()));
                    self.noticed.insert(one.id.to_owned(), noticed);
                }
            }
        }
        workshop.set_up(None)
    }
}

/// A case that fails where nothing is broken says nothing about what is.
fn check_clean(cases: &[Case]) -> Result<(), Error> {
    for case in cases {
        let read = files::read(&case.path)?;
        let report = run_named(&read.schedule, &Options::default())
            .map_err(|error| Error::Setup(case.path.clone(), error))?;
        if !report.verdict.is_passed() {
            let told = report.told(read.source.as_ref());
            return Err(Error::Usage(format!("{} fails as it is: {told}", case.name)));
        }
    }
    Ok(())
}

/// What every case came to. Those of which it is not known are replayed.
fn outcomes(workshop: &Workshop, broken: &Broken<'_>, cases: &[Case]) -> Result<Outcomes, Error> {
    let name = format!("{}-corpus", broken.id);
    let question = Question::new(workshop, &workshop.sources, &name, &broken.parts());
    let mut outcomes: Outcomes = question.known().unwrap_or_default();
    let is_known = |case: &&Case| {
        let known = outcomes.get(&case.name);
        known.is_none_or(|outcome| outcome.hash != case.hash)
    };
    let mut left: Vec<_> = cases.iter().filter(is_known).collect();
    if left.is_empty() {
        return Ok(outcomes);
    }
    let build = format!("{}-{}", broken.id, hash(broken.parts().into_iter()));
    let sim = workshop.kept_sim(&build, || broken.apply(workshop.root()).map_err(Error::Bug))?;
    while !left.is_empty() {
        let told = replay(workshop, &sim, &left)?;
        for (case, outcome) in left.drain(..told.len()).zip(told) {
            outcomes.insert(case.name.clone(), outcome);
        }
    }
    question.keep(&outcomes)?;
    Ok(outcomes)
}

/// The first case that notices what a `sim` command was built with, if any does. A case that drifts
/// has noticed nothing.
pub(super) fn first_that_notices(
    workshop: &Workshop,
    sim: &Path,
    cases: &[Case],
) -> Result<Option<String>, Error> {
    let mut left: Vec<_> = cases.iter().collect();
    while !left.is_empty() {
        let outcomes = replay(workshop, sim, &left)?;
        for (case, outcome) in left.drain(..outcomes.len()).zip(outcomes) {
            if !UNNOTICED.contains(&outcome.verdict.as_str()) {
                return Ok(Some(case.name.clone()));
            }
        }
    }
    Ok(None)
}

/// Replays cases up to the first that hangs or ends the process.
fn replay(workshop: &Workshop, sim: &Path, cases: &[&Case]) -> Result<Vec<Outcome>, Error> {
    let mut command = in_time(REPLAY_SECONDS, sim);
    command.args(["replay", "--json"]).args(cases.iter().map(|case| &case.path));
    // Those of the copy may be older.
    command.current_dir(workshop.root());
    let outcomes = told(&workshop.run(&mut command)?, cases);
    assert!(!outcomes.is_empty(), "each replay tells of one case at least");
    Ok(outcomes)
}

/// What a replay tells of the first of some cases. One that hangs or ends the process is the last.
fn told(output: &Output, cases: &[&Case]) -> Vec<Outcome> {
    let text = String::from_utf8_lossy(&output.stdout);
    let mut lines = text.lines().map(serde_json::from_str::<Value>);
    let mut outcomes = Vec::new();
    for case in cases {
        let report = lines.next().and_then(Result::ok);
        let end = report.is_none();
        let (verdict, steps) = match report {
            Some(report) => {
                let verdict = report["verdict"].as_str().unwrap_or("unreadable").to_owned();
                (verdict, report["steps"].as_u64())
            }
            None if ran_out(output) => ("hangs".to_owned(), None),
            None => ("ends the process".to_owned(), None),
        };
        outcomes.push(Outcome { hash: case.hash.clone(), verdict, steps });
        if end {
            break;
        }
    }
    outcomes
}

/// The cases that notice something, the one with the shortest run first.
fn in_order(broken: &Broken<'_>, outcomes: &Outcomes, cases: &[Case]) -> Vec<String> {
    let noticed = cases.iter().filter_map(|case| {
        let outcome = outcomes.get(&case.name).filter(|outcome| broken.is_noticed(outcome))?;
        Some((outcome.steps.unwrap_or(u64::MAX), case.name.clone()))
    });
    let mut noticed: Vec<_> = noticed.collect();
    noticed.sort();
    noticed.into_iter().map(|(_, name)| name).collect()
}

/// The hash of a case's text.
fn hash_of(text: &[u8]) -> String {
    hash([text].into_iter())
}

/// Says how far it has come; who cannot hear it misses nothing.
fn tell(line: &str) {
    let _ = writeln!(std::io::stderr(), "{line}");
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::ExitStatusExt as _;
    use std::process::ExitStatus;

    use super::*;

    fn case(name: &str) -> Case {
        let (name, hash) = (name.to_owned(), String::new());
        Case { path: name.clone().into(), name, hash, sections: Vec::new(), excuse: None }
    }

    fn output(code: i32, stdout: &str) -> Output {
        let status = ExitStatus::from_raw(code << 8);
        Output { status, stdout: stdout.into(), stderr: Vec::new() }
    }

    #[test]
    fn case_that_ends_the_replay_is_told_of_and_the_next_are_not() {
        let all = ["a", "b", "c"].map(case);
        let cases: Vec<_> = all.iter().collect();
        let said = "{\"verdict\":\"passed\",\"steps\":3}\n";
        let verdicts = |output: &Output| -> Vec<_> {
            told(output, &cases).into_iter().map(|outcome| outcome.verdict).collect()
        };
        assert_eq!(verdicts(&output(124, said)), ["passed", "hangs"]);
        assert_eq!(verdicts(&output(134, said)), ["passed", "ends the process"]);
        assert_eq!(verdicts(&output(1, &said.repeat(3))), ["passed"; 3]);
    }

    #[test]
    fn cases_that_notice_stand_in_the_order_of_their_steps_and_a_drift_is_the_simulators() {
        let cases = ["a", "b", "c", "d", "e"].map(case);
        let verdicts =
            [("expectation", 9), ("bounds", 5), ("drifted", 1), ("passed", 2), ("panic", 5)];
        let outcomes = cases.iter().zip(verdicts).map(|(case, (verdict, steps))| {
            let (verdict, steps) = (verdict.to_owned(), Some(steps));
            (case.name.clone(), Outcome { hash: String::new(), verdict, steps })
        });
        let outcomes = outcomes.collect();
        let of_rule = |rule: &str| Mutant {
            name: "one".to_owned(),
            rule: rule.to_owned(),
            inverts: String::new(),
            changes: Vec::new(),
        };
        let product = of_rule("connman 1");
        assert_eq!(in_order(&Broken::mutant(&product), &outcomes, &cases), ["b", "e", "a"]);
        let simulator = of_rule(SIMULATOR);
        assert_eq!(in_order(&Broken::mutant(&simulator), &outcomes, &cases), ["c", "b", "e", "a"]);
    }
}
