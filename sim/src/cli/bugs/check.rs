//! `--check`: each change applies and builds, and its witness fails with it and passes without.

use std::fs;
use std::io::Write;
use std::path::Path;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use sockman_sim::bugs::Bug;
use sockman_sim::run::Options;
use sockman_sim::subjects::run_named;

use super::results::Question;
use super::workshop::{Workshop, in_time, ran_out, text_of};
use crate::cli::{Error, files};

/// Seconds after which the replay of a witness is taken to hang. It takes less than one.
const REPLAY_SECONDS: u32 = 60;

/// Verdicts that say nothing of the bug: the witness did not get where it wants to be.
const BESIDE_THE_POINT: [&str; 4] = ["drifted", "not exercised", "misspoken", "too long"];

/// What the check of one bug came to.
#[derive(Serialize, Deserialize)]
struct Checked {
    /// Who noticed; `None` if the witness did not fail.
    noticed: Option<String>,
    /// What is wrong with the bug's files, if something is.
    problem: Option<String>,
}

/// Checks bugs that can be put back; how many are not as they should be.
pub(super) fn execute(
    workshop: &Workshop,
    bugs: &[&Bug],
    json: bool,
    out: &mut impl Write,
) -> Result<usize, Error> {
    let (mut count, mut bad) = (0, 0);
    let expressible: Vec<_> = bugs.iter().filter(|bug| !bug.state.changes().is_empty()).collect();
    for bug in &expressible {
        let checked = match check(workshop, bug) {
            Err(Error::Interrupted) => break,
            checked => checked?,
        };
        count += 1;
        bad += usize::from(checked.problem.is_some());
        let Checked { noticed, problem } = checked;
        if json {
            let line = serde_json::json!({
                "bug": bug.id, "name": bug.name, "noticed": noticed, "problem": problem,
            });
            writeln!(out, "{line}")?;
        } else {
            let said = match (&problem, &noticed) {
                (Some(problem), _) => format!("FAILED: {problem}"),
                (None, Some(noticed)) => format!("its witness fails: {noticed}"),
                (None, None) => "applies and builds; no schedule can witness it".to_owned(),
            };
            writeln!(out, "{} {}: {said}", bug.id, bug.name)?;
        }
        out.flush()?;
    }
    workshop.set_up(None)?;
    let all = expressible.len();
    if count < all {
        if json {
            let line = serde_json::json!({"interrupted": true, "bugs": count, "of": all});
            writeln!(out, "{line}")?;
        } else {
            writeln!(out, "interrupted: {count} of {all} bugs")?;
        }
    }
    if !json {
        let waiting = bugs.len() - all;
        writeln!(out, "{} as they should be, {bad} not, {waiting} wait", count - bad)?;
    }
    Ok(bad)
}

fn check(workshop: &Workshop, bug: &Bug) -> Result<Checked, Error> {
    let witness = workshop.root().join(bug.witness());
    let problem = |problem: String| Checked { noticed: None, problem: Some(problem) };
    let text = match (fs::read(&witness), &bug.no_witness) {
        (Ok(text), None) => text,
        (Err(_), Some(_)) => Vec::new(),
        (Err(error), None) => {
            return Ok(problem(format!("{}: {error}", bug.witness().display())));
        }
        (Ok(_), Some(_)) => {
            return Ok(problem("it has a witness, and says that there can be none".to_owned()));
        }
    };
    let file = text_of(workshop.root(), bug)?;
    let question =
        Question::new(workshop, &workshop.sources, &format!("{}-check", bug.id), &[&file, &text]);
    if let Some(known) = question.known() {
        return Ok(known);
    }
    let checked = match look(workshop, bug, &witness) {
        // What is wrong with the machine is not the bug's fault.
        Err(error @ (Error::Output(_) | Error::File(..) | Error::Interrupted)) => {
            return Err(error);
        }
        Err(error) => problem(error.to_string()),
        Ok(checked) => checked,
    };
    if checked.problem.is_none() {
        question.keep(&checked)?;
    }
    Ok(checked)
}

fn look(workshop: &Workshop, bug: &Bug, witness: &Path) -> Result<Checked, Error> {
    if bug.no_witness.is_some() {
        workshop.set_up(Some(bug))?;
        workshop.build_sim()?;
        return Ok(Checked { noticed: None, problem: None });
    }
    let schedule = files::read(witness)?;
    let clean = run_named(&schedule.schedule, &Options::default())
        .map_err(|error| Error::Setup(witness.to_owned(), error))?;
    if !clean.verdict.is_passed() {
        let problem = format!("its witness does not pass without it: {}", clean.verdict);
        return Ok(Checked { noticed: None, problem: Some(problem) });
    }
    workshop.set_up(Some(bug))?;
    let sim = workshop.build_sim()?;
    let mut command = in_time(REPLAY_SECONDS, &sim);
    let output = workshop.run(command.args(["replay", "--json"]).arg(witness))?;
    if ran_out(&output) {
        return Ok(Checked { noticed: Some("hangs".to_owned()), problem: None });
    }
    let report: Value = serde_json::from_slice(&output.stdout).map_err(|error| {
        let said = String::from_utf8_lossy(&output.stderr);
        Error::Tool(format!("sim replay --json: {error}: {}", said.trim()))
    })?;
    let verdict = report["verdict"].as_str().unwrap_or("nothing").to_owned();
    let detail = report["detail"].as_str().unwrap_or_default();
    let problem = match verdict.as_str() {
        "passed" => Some("its witness passes with it".to_owned()),
        beside if BESIDE_THE_POINT.contains(&beside) => {
            Some(format!("its witness does not come to the point with it: {detail}"))
        }
        _ => None,
    };
    let first = detail.lines().next().unwrap_or_default();
    Ok(Checked { noticed: Some(first.to_owned()), problem })
}
