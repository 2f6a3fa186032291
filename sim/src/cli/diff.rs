//! `diff`: the same schedules with two nodes, and where they behave differently.
//!
//! Each schedule runs several times with each node. What peers saw, normalised, is an outcome. A
//! schedule is *different* if no outcome of one side is one of the other's, *unstable* if a side
//! has several and they are not apart. Controls come first: a side against itself, where nothing
//! may be different; and, where they are given, nodes with a known change, each of which must be
//! found.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use sockman_sim::places::live::{Live, LiveError, Outcome, SideBySide, Target};
use sockman_sim::schedule::Schedule;

use super::interrupts::Interrupts;
use super::live::{each, play_one};
use super::{Error, exit, files, live};

mod page;

/// How often each schedule runs with each node, unless it is said otherwise.
const TIMES: usize = 5;

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Texts, failure folders, artifacts, or folders of texts
    #[arg(required = true)]
    paths: Vec<PathBuf>,
    /// A node: HOST:PORT or 'exec: COMMAND'
    #[arg(long, value_name = "NODE")]
    left: Target,
    /// The other node
    #[arg(long, value_name = "NODE")]
    right: Target,
    /// How often each schedule runs with each node
    #[arg(long, default_value_t = TIMES)]
    times: usize,
    /// A node like the left one but for a change that must be found; may be given several times
    #[arg(long, value_name = "NODE")]
    changed: Vec<Target>,
    /// Do without the control in which the left node is compared with itself
    #[arg(long)]
    no_null: bool,
    /// One JSON object a schedule
    #[arg(long)]
    json: bool,
    /// Write a page that a browser shows, with both sides of each schedule (HTML)
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    #[command(flatten)]
    live: live::Manner,
}

/// What a schedule is on two sides.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Relation {
    Same,
    Unstable,
    Different,
}

impl Relation {
    const fn name(self) -> &'static str {
        match self {
            Self::Same => "same",
            Self::Unstable => "unstable",
            Self::Different => "different",
        }
    }
}

/// What came of the runs of one schedule with one node.
#[derive(Clone, Debug, Default)]
struct Side {
    /// Every outcome, and how often it came.
    outcomes: BTreeMap<Outcome, usize>,
    skipped: BTreeSet<&'static str>,
    error: Option<String>,
}

impl Side {
    fn take(&mut self, result: Result<Live, LiveError>) {
        match result {
            Ok(Live::Played { outcome, .. }) => *self.outcomes.entry(outcome).or_default() += 1,
            Ok(Live::Skipped(names)) => self.skipped.extend(names),
            Err(error) => self.error = Some(error.to_string()),
        }
    }
}

impl Side {
    /// What came of most runs.
    fn usual(&self) -> Outcome {
        let most = self.outcomes.iter().max_by_key(|(_, times)| **times);
        most.map(|(outcome, _)| outcome.clone()).unwrap_or_default()
    }
}

/// How two sets of outcomes are to each other.
fn compare(left: &Side, right: &Side) -> Relation {
    let common = left.outcomes.keys().any(|outcome| right.outcomes.contains_key(outcome));
    match (common, left.outcomes.len(), right.outcomes.len()) {
        (false, ..) => Relation::Different,
        (true, 1, 1) => Relation::Same,
        (true, ..) => Relation::Unstable,
    }
}

/// What came of a schedule on two sides.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Judged {
    Compared(Relation),
    /// For these operations.
    Skipped(BTreeSet<&'static str>),
    /// Why not.
    NotRun(String),
}

impl Judged {
    fn of(left: &Side, right: &Side) -> Self {
        let skipped: BTreeSet<_> = left.skipped.union(&right.skipped).copied().collect();
        match left.error.as_ref().or(right.error.as_ref()) {
            Some(error) => Self::NotRun(error.clone()),
            None if !skipped.is_empty() => Self::Skipped(skipped),
            None => Self::Compared(compare(left, right)),
        }
    }
}

impl fmt::Display for Judged {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Compared(relation) => f.write_str(relation.name()),
            Self::Skipped(names) => {
                write!(f, "skipped: {}", names.iter().copied().collect::<Vec<_>>().join("; "))
            }
            Self::NotRun(error) => write!(f, "could not be run: {error}"),
        }
    }
}

/// Counts of results.
#[derive(Clone, Copy, Debug, Default)]
struct Counts {
    same: usize,
    unstable: usize,
    different: usize,
    skipped: usize,
    errors: usize,
}

impl Counts {
    const fn add(&mut self, result: &Judged) {
        match result {
            Judged::Compared(Relation::Same) => self.same += 1,
            Judged::Compared(Relation::Unstable) => self.unstable += 1,
            Judged::Compared(Relation::Different) => self.different += 1,
            Judged::Skipped(_) => self.skipped += 1,
            Judged::NotRun(_) => self.errors += 1,
        }
    }
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { same, unstable, different, skipped, errors } = self;
        write!(f, "{different} different, {unstable} unstable, {same} the same")?;
        write!(f, ", {skipped} skipped, {errors} could not be run")
    }
}

/// All schedules, and everything that runs them.
struct Bench<'a> {
    files: Vec<PathBuf>,
    schedules: Vec<Schedule>,
    arguments: &'a Arguments,
    interrupts: &'a Interrupts,
}

impl Bench<'_> {
    /// Runs each schedule so many times with a node. Runs of one schedule are apart in time, so
    /// that a busy moment of the machine does not meet all of them.
    fn run(&self, target: &Target) -> Result<Vec<Side>, Error> {
        let live = &self.arguments.live;
        let options = live.options();
        let count = self.schedules.len();
        let runs = count * self.arguments.times;
        let results = each(runs, live.jobs(target), self.interrupts, |run| {
            play_one(&self.schedules[run % count], target, &options, self.interrupts)
        });
        let mut sides = vec![Side::default(); count];
        for (run, result) in results.into_iter().enumerate() {
            sides[run % count].take(result.ok_or(Error::Interrupted)?);
        }
        if self.interrupts.came() { Err(Error::Interrupted) } else { Ok(sides) }
    }

    /// Tells of each schedule; only of what is not the same where `control` has a name.
    fn tell(
        &self,
        left: &[Side],
        right: &[Side],
        control: Option<&str>,
        out: &mut impl Write,
    ) -> Result<Counts, Error> {
        let mut counts = Counts::default();
        for ((file, left), right) in self.files.iter().zip(left).zip(right) {
            let result = Judged::of(left, right);
            counts.add(&result);
            if self.arguments.json {
                let sets = |side: &Side| -> Vec<_> {
                    let outcomes = side.outcomes.iter();
                    let told = outcomes.map(|(outcome, times)| {
                        serde_json::json!({ "times": times, "saw": outcome.to_string() })
                    });
                    told.collect()
                };
                let told = serde_json::json!({
                    "control": control,
                    "schedule": file,
                    "result": result.to_string(),
                    "left": sets(left),
                    "right": sets(right),
                });
                writeln!(out, "{told}")?;
            } else if control.is_none() || result == Judged::Compared(Relation::Different) {
                writeln!(out, "{}: {result}", file.display())?;
                if control.is_none() {
                    tell_outcomes(&result, left, right, out)?;
                }
            }
        }
        Ok(counts)
    }
}

fn tell_outcomes(
    result: &Judged,
    left: &Side,
    right: &Side,
    out: &mut impl Write,
) -> Result<(), Error> {
    match result {
        Judged::Compared(Relation::Different) => {
            write!(out, "{}", SideBySide(&left.usual(), &right.usual()))?;
        }
        Judged::Compared(Relation::Unstable) => {
            for (name, side) in [("left", left), ("right", right)] {
                let mut outcomes = side.outcomes.iter();
                let Some((first, times)) = outcomes.next() else { continue };
                writeln!(out, "  {name}: one outcome {times} times")?;
                for (other, times) in outcomes {
                    writeln!(out, "  {name}: another {times} times, beside the first")?;
                    write!(out, "{}", SideBySide(first, other))?;
                }
            }
        }
        Judged::Compared(Relation::Same) | Judged::Skipped(_) | Judged::NotRun(_) => {}
    }
    Ok(())
}

fn tell_counts(what: &str, counts: &Counts, json: bool, out: &mut impl Write) -> Result<(), Error> {
    if json {
        let Counts { same, unstable, different, skipped, errors } = *counts;
        let told = serde_json::json!({
            "sum": what, "same": same, "unstable": unstable, "different": different,
            "skipped": skipped, "errors": errors,
        });
        writeln!(out, "{told}")?;
        return Ok(());
    }
    writeln!(out, "{what}: {counts}")?;
    Ok(())
}

pub(super) fn execute(arguments: &Arguments, out: &mut impl Write) -> Result<ExitCode, Error> {
    let targets = [&arguments.left, &arguments.right].into_iter().chain(&arguments.changed);
    targets.clone().try_for_each(|target| arguments.live.check(target))?;
    if arguments.times == 0 {
        return Err(Error::Usage("--times 0 compares nothing".to_owned()));
    }
    let interrupts = Interrupts::catch()?;
    let files = files::find_all(&arguments.paths)?;
    let schedules = files.iter().map(|file| files::read(file).map(|read| read.schedule));
    let schedules = schedules.collect::<Result<_, _>>()?;
    let bench = Bench { files, schedules, arguments, interrupts: &interrupts };
    let json = arguments.json;
    let left = bench.run(&arguments.left)?;
    let mut controls = Vec::new();
    let mut controls_hold = true;
    if !arguments.no_null {
        let again = bench.run(&arguments.left)?;
        let counts = bench.tell(&left, &again, Some("null"), out)?;
        let name = "control, left with itself";
        tell_counts(name, &counts, json, out)?;
        controls.push(format!("{name}: {counts}"));
        controls_hold &= counts.different == 0 && counts.same + counts.unstable > 0;
    }
    for (number, changed) in (1..).zip(&arguments.changed) {
        let name = format!("control, left with change {number}");
        let sides = bench.run(changed)?;
        let counts = bench.tell(&left, &sides, Some(&name), out)?;
        tell_counts(&name, &counts, json, out)?;
        controls.push(format!("{name}: {counts}"));
        controls_hold &= counts.different > 0;
    }
    if !controls_hold {
        writeln!(out, "a control failed: what follows would mean nothing")?;
        return Ok(ExitCode::from(2));
    }
    let right = bench.run(&arguments.right)?;
    let counts = bench.tell(&left, &right, None, out)?;
    tell_counts("left with right", &counts, json, out)?;
    if let Some(target) = &arguments.html {
        let page = page::page(&bench, &left, &right, &counts, &controls);
        files::write_whole(target, page.as_bytes())?;
    }
    let status = if counts.errors > 0 { ExitCode::from(2) } else { exit(counts.different > 0) };
    Ok(interrupts.status().unwrap_or(status))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn side(outcomes: &[&str]) -> Side {
        let outcome = |name: &&str| {
            let connections = [((sockman_sim::schedule::ActorId(1), 1), vec![(*name).to_owned()])];
            (Outcome { connections: connections.into() }, 1)
        };
        Side { outcomes: outcomes.iter().map(outcome).collect(), ..Side::default() }
    }

    #[test]
    fn different_are_only_sets_that_have_nothing_in_common() {
        assert_eq!(compare(&side(&["a"]), &side(&["a"])), Relation::Same);
        assert_eq!(compare(&side(&["a"]), &side(&["b"])), Relation::Different);
        assert_eq!(compare(&side(&["a", "b"]), &side(&["b"])), Relation::Unstable);
        assert_eq!(compare(&side(&["a", "b"]), &side(&["a", "b"])), Relation::Unstable);
        assert_eq!(compare(&side(&["a", "b"]), &side(&["c", "d"])), Relation::Different);
    }
}
