//! `replay --on HOST:PORT` and `replay --on 'exec: COMMAND'`: schedules with a node in another
//! process.

use std::collections::BTreeMap;
use std::fmt;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use sockman_sim::places::Place;
use sockman_sim::places::live::{
    GRACE, Live, LiveError, LiveOptions, PATIENCE, QUIET, Target, play,
};
use sockman_sim::run::{Options, Verdict};
use sockman_sim::schedule::Schedule;
use sockman_sim::subjects::run_named;

use super::files::Read;
use super::interrupts::Interrupts;
use super::tally::Tally;
use super::{Error, files};

/// How often a schedule whose node does not start, or is given up, is tried.
const TRIES: usize = 2;

/// Where schedules run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Where {
    /// In this process.
    Here(Place),
    /// With a node in another one.
    Live(Target),
}

impl Default for Where {
    fn default() -> Self {
        Self::Here(Place::default())
    }
}

impl fmt::Display for Where {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Here(place) => place.fmt(f),
            Self::Live(Target::At(at)) => at.fmt(f),
            Self::Live(Target::Exec(_)) => f.write_str("exec"),
        }
    }
}

impl std::str::FromStr for Where {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Ok(place) = text.parse() {
            return Ok(Self::Here(place));
        }
        let target = text.parse().map(Self::Live);
        target.map_err(|problem| format!("mock, tcp, or a node: {problem}"))
    }
}

/// How schedules run with nodes.
#[derive(clap::Args, Clone, Copy, Debug)]
pub(super) struct Manner {
    /// With a node: so many schedules at once (default: four times the processors)
    #[arg(long)]
    jobs: Option<usize>,
    /// With a node: how long nothing must move before time goes on
    #[arg(long, value_name = "MS", default_value_t = QUIET.as_millis() as u64)]
    quiet_ms: u64,
    /// With a node whose clock cannot be set: skip schedules that take longer
    #[arg(long, value_name = "SECONDS", default_value_t = PATIENCE.as_secs())]
    patience: u64,
    /// Allow a node that is not on this machine
    #[arg(long)]
    allow_remote: bool,
}

impl Manner {
    pub(super) fn options(&self) -> LiveOptions {
        LiveOptions {
            quiet: Duration::from_millis(self.quiet_ms),
            grace: GRACE,
            patience: Duration::from_secs(self.patience),
        }
    }

    /// How many schedules run at once with a node: one that was started for all is not shared.
    pub(super) fn jobs(&self, target: &Target) -> usize {
        let processors = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        match target {
            Target::At(_) => 1,
            Target::Exec(_) => self.jobs.unwrap_or(4 * processors).max(1),
        }
    }

    /// Refuses a node elsewhere, unless it is allowed.
    pub(super) fn check(&self, target: &Target) -> Result<(), Error> {
        if target.is_loopback() || self.allow_remote {
            return Ok(());
        }
        Err(Error::Usage("the node is not on this machine: --allow-remote allows it".to_owned()))
    }
}

/// Plays one schedule. What has to do with a busy machine is tried again.
pub(super) fn play_one(
    schedule: &Schedule,
    target: &Target,
    options: &LiveOptions,
    interrupts: &Interrupts,
) -> Result<Live, LiveError> {
    let mut tries = 0;
    loop {
        tries += 1;
        let result = play(schedule, target, options, &|| interrupts.came());
        let may_be_chance = matches!(
            result,
            Err(LiveError::Process(_) | LiveError::NoServer(_) | LiveError::Question(..))
        );
        if !may_be_chance || tries == TRIES || interrupts.came() {
            return result;
        }
    }
}

/// Does work on each of so many things, some at once; what came of each, in order. Of what was not
/// begun when somebody wanted the command to end, nothing came.
pub(super) fn each<T: Send>(
    count: usize,
    jobs: usize,
    interrupts: &Interrupts,
    work: impl Fn(usize) -> T + Sync,
) -> Vec<Option<T>> {
    let next = AtomicUsize::new(0);
    let results = Mutex::new(BTreeMap::new());
    std::thread::scope(|scope| {
        for _ in 0..jobs.min(count) {
            scope.spawn(|| {
                while !interrupts.came() {
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    if index >= count {
                        break;
                    }
                    let result = work(index);
                    results.lock().expect("no thread panics here").insert(index, result);
                }
            });
        }
    });
    let mut results = results.into_inner().expect("no thread panics here");
    (0..count).map(|index| results.remove(&index)).collect()
}

/// Runs each schedule with the node and on the virtual network, and compares the verdicts.
pub(super) fn replay(
    paths: &[PathBuf],
    target: &Target,
    arguments: &Manner,
    json: bool,
    out: &mut impl Write,
) -> Result<ExitCode, Error> {
    arguments.check(target)?;
    let interrupts = Interrupts::catch()?;
    let found = files::find_all(paths)?;
    let mut tally = Tally::default();
    let options = arguments.options();
    let results = each(found.len(), arguments.jobs(target), &interrupts, |index| {
        let read = files::read(&found[index])?;
        let live = play_one(&read.schedule, target, &options, &interrupts);
        Ok::<_, Error>((read, live))
    });
    for (file, result) in found.iter().zip(results) {
        match result {
            None | Some(Ok((_, Err(LiveError::Interrupted)))) => {}
            Some(Ok((read, Ok(live)))) => tell_one(file, &read, &live, json, &mut tally, out)?,
            Some(Ok((_, Err(error)))) => {
                tally.unreadable += 1;
                tell_error(file, &error, json, out)?;
            }
            Some(Err(error)) => {
                tally.unreadable += 1;
                tell_error(file, &error, json, out)?;
            }
        }
    }
    if json {
        writeln!(out, "{}", tally.json())?;
    } else {
        tally.tell(&"the node", out)?;
    }
    Ok(interrupts.status().unwrap_or(tally.status()))
}

fn tell_error(
    file: &Path,
    error: &dyn fmt::Display,
    json: bool,
    out: &mut impl Write,
) -> Result<(), Error> {
    if json {
        let error = error.to_string();
        let told = serde_json::json!({ "schedule": file, "result": "error", "error": error });
        writeln!(out, "{told}")?;
    } else {
        writeln!(out, "{}: {error}", file.display())?;
    }
    Ok(())
}

fn tell_one(
    file: &Path,
    read: &Read,
    live: &Live,
    json: bool,
    tally: &mut Tally,
    out: &mut impl Write,
) -> Result<(), Error> {
    let (verdict, outcome) = match live {
        Live::Skipped(names) => {
            let names = tally.skip(names);
            if json {
                let told = serde_json::json!({
                    "schedule": file, "result": "skipped", "skipped": names,
                });
                writeln!(out, "{told}")?;
            } else {
                writeln!(out, "{}: skipped: {}", file.display(), names.join("; "))?;
            }
            return Ok(());
        }
        Live::Played { verdict, outcome } => (verdict, outcome),
    };
    let mock = run_named(&read.schedule, &Options::default());
    let mock = mock.map_err(|error| read.setup_error(file, error))?;
    let result = match (mock.verdict.is_passed(), verdict.is_passed()) {
        (true, true) => "agrees",
        (false, false) => "fails",
        (true, false) | (false, true) => "differs",
    };
    match result {
        "agrees" => tally.agree += 1,
        "fails" => tally.failed += 1,
        _ => tally.differ += 1,
    }
    let told = told(file, read, verdict);
    if json {
        let told = serde_json::json!({
            "schedule": file,
            "result": result,
            "verdict": verdict.kind(),
            "detail": told,
            "outcome": outcome.to_string(),
        });
        writeln!(out, "{told}")?;
    } else if result == "agrees" {
        writeln!(out, "{told}")?;
    } else {
        writeln!(out, "{told}\n  on mock: {}", mock.told(None))?;
        for line in outcome.to_string().lines() {
            writeln!(out, "    {line}")?;
        }
    }
    Ok(())
}

/// A verdict with the line that it is about, quoted from its file.
fn told(file: &Path, read: &Read, verdict: &Verdict) -> String {
    let place = verdict.place();
    let line = read.source.as_ref().zip(place).and_then(|(source, place)| source.line(place));
    let said = verdict.to_string();
    match line {
        Some((number, text)) => format!("{}:{number}: {text}\n  {said}", file.display()),
        None => format!("{}: {said}", file.display()),
    }
}
