//! The folder of a failure: what it is, how to repeat it, and who has seen it.
//!
//! ```text
//! connman-byte-streams-3fa92c1b/
//!   schedule.case   a run that failed so
//!   story.txt       what happened in it, step by step
//!   shrunk.case     the smallest schedule that fails in the same way
//!   report.txt      the verdict, the commit, commands that repeat it
//!   history.jsonl   which campaigns saw it, and when
//! ```
//!
//! Its name follows from what the failure is ([`FailureKey`]), so that all campaigns, on whatever
//! machine, have one folder for one failure.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use sockman_sim::run::{Options, Report};
use sockman_sim::schedule::Schedule;
use sockman_sim::shrink::{self, Budget, FailureKey, operations};
use sockman_sim::subjects::{run_named, shrink_named};
use sockman_sim::trace::{Story, TraceHash};

use super::history::{self, Seen};
use crate::cli::interrupts::Interrupts;
use crate::cli::{Error, files};

/// What the shrinking of a failure may take: a few seconds at the worst. `cargo sim shrink` goes
/// further.
const SHRINK_RUNS: u32 = 500;
const SHRINK_STEPS: u64 = 10_000_000;

/// What a person reads first.
pub(in crate::cli) const REPORT: &str = "report.txt";

/// A failure that somebody has found.
pub(in crate::cli) struct Found<'a> {
    pub(in crate::cli) key: &'a FailureKey,
    /// Its run, written out; the title says where it is from.
    pub(in crate::cli) schedule: &'a Schedule,
    pub(in crate::cli) report: &'a Report,
    /// The command that comes upon it again.
    pub(in crate::cli) again: &'a str,
    pub(in crate::cli) seen: &'a Seen,
}

/// The smallest schedule with the same failure.
#[derive(Clone, Debug)]
pub(in crate::cli) struct Shrunk {
    pub(in crate::cli) text: String,
    /// Its length; see [`operations()`].
    pub(in crate::cli) operations: usize,
    /// What it took; `None`: it was there already.
    pub(in crate::cli) stats: Option<shrink::Stats>,
}

/// The name of the folder of a failure.
pub(in crate::cli) fn name_of(subject: &str, kind: &str, key: &FailureKey) -> String {
    let mut hash = TraceHash::new();
    hash.add_bytes(key.to_string().as_bytes());
    format!("{subject}-{}-{:08x}", kind.replace(' ', "-"), hash.value() >> 32)
}

/// Writes a failure into its folder: the schedule and who has seen it at once, then the rest, which
/// takes longer. What lies there of the same failure stays, as long as it still fails.
pub(in crate::cli) fn keep(
    folder: &Path,
    found: &Found<'_>,
    interrupts: &Interrupts,
) -> Result<Option<Shrunk>, Error> {
    fs::create_dir_all(folder).map_err(Error::file(folder))?;
    let held = history::lock(folder)?;
    let kept = kept(folder, found.key);
    if kept.is_none() {
        // Whatever else is there is of a run that no longer fails; perhaps there is nothing.
        for name in [files::FAILED_STORY, files::SHRUNK_SCHEDULE, REPORT] {
            let _ = fs::remove_file(folder.join(name));
        }
        write_text(folder, files::FAILED_SCHEDULE, &found.schedule.to_string())?;
    }
    history::write(folder, found.seen, &held)?;
    let schedule = kept.as_ref().unwrap_or(found.schedule);
    if !folder.join(files::FAILED_STORY).exists() {
        write_story(folder, schedule)?;
    }
    let shrunk = match kept_shrunk(folder) {
        Some(shrunk) => Some(shrunk),
        None => write_shrunk(folder, schedule, interrupts)?,
    };
    if !folder.join(REPORT).exists() {
        write_text(folder, REPORT, &told(folder, found, shrunk.as_ref()))?;
    }
    Ok(shrunk)
}

/// The same for what has no history: its schedule, its story, and the shrunk schedule.
pub(in crate::cli) fn write_found(
    folder: &Path,
    schedule: &Schedule,
    interrupts: &Interrupts,
) -> Result<(), Error> {
    write_text(folder, files::FAILED_SCHEDULE, &schedule.to_string())?;
    write_story(folder, schedule)?;
    // What was left there is of another failure; perhaps there is nothing.
    let _ = fs::remove_file(folder.join(files::SHRUNK_SCHEDULE));
    write_shrunk(folder, schedule, interrupts)?;
    Ok(())
}

fn write_text(folder: &Path, name: &str, text: &str) -> Result<(), Error> {
    files::write_whole(&folder.join(name), text.as_bytes())
}

/// The schedule that lies in a folder, if it still fails in this way.
fn kept(folder: &Path, key: &FailureKey) -> Option<Schedule> {
    let schedule = files::read(&folder.join(files::FAILED_SCHEDULE)).ok()?.schedule;
    let report = run_named(&schedule, &Options::default()).ok()?;
    (FailureKey::of(&report.verdict, &schedule).as_ref() == Some(key)).then_some(schedule)
}

fn kept_shrunk(folder: &Path) -> Option<Shrunk> {
    let path = folder.join(files::SHRUNK_SCHEDULE);
    let text = files::read_text(&path).ok()?;
    let operations = operations(&files::read(&path).ok()?.schedule);
    Some(Shrunk { text, operations, stats: None })
}

/// What happened. What does not replay has no story.
fn write_story(folder: &Path, schedule: &Schedule) -> Result<(), Error> {
    let options = Options { story: Story::Keep, ..Options::default() };
    let Ok(replayed) = run_named(schedule, &options) else { return Ok(()) };
    let mut story = String::new();
    for entry in &replayed.story {
        story.push_str(&entry.to_string());
        story.push('\n');
    }
    write_text(folder, files::FAILED_STORY, &story)
}

/// Shrinks a failure and writes what came of it; nothing if it does not replay.
fn write_shrunk(
    folder: &Path,
    schedule: &Schedule,
    interrupts: &Interrupts,
) -> Result<Option<Shrunk>, Error> {
    let (runs, steps, stop) = (SHRINK_RUNS, SHRINK_STEPS, Some(interrupts.flag()));
    let budget = Budget { runs, steps, stop, ..Budget::default() };
    let Ok(shrunk) = shrink_named(schedule, &budget) else { return Ok(None) };
    let text = shrunk.schedule.to_string();
    write_text(folder, files::SHRUNK_SCHEDULE, &text)?;
    let operations = shrunk.stats.operations_after;
    Ok(Some(Shrunk { text, operations, stats: Some(shrunk.stats) }))
}

/// The report.
fn told(folder: &Path, found: &Found<'_>, shrunk: Option<&Shrunk>) -> String {
    let Found { key, schedule, report, again, seen } = found;
    let folder = folder.display();
    let mut text = format!("{}\n\n", report.told(None));
    let mut line = |name: &str, what: &dyn std::fmt::Display| {
        writeln!(text, "{name:9} {what}").expect("a text takes everything");
    };
    line("failure", key);
    line("subject", &schedule.subject);
    line("found", &schedule.title.first().map_or("", String::as_str));
    line("commit", &seen.commit);
    line("campaign", &seen.command);
    line("again", again);
    line("replay", &format_args!("cargo sim replay {folder}"));
    line("look", &format_args!("cargo sim show {folder}"));
    line("length", &format_args!("{} operations", operations(schedule)));
    match shrunk {
        Some(Shrunk { operations, .. }) => line("shrunk", &format_args!("{operations} operations")),
        None => line("shrunk", &"no: it does not fail again by its schedule alone"),
    }
    text.push_str("\nThe node's connections then:\n");
    for conn in &report.connections {
        writeln!(text, "  {conn}").expect("a text takes everything");
    }
    text
}
