//! `run`: a campaign over seeds.

use std::io::Write;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use sockman::driver::{Clock as _, SystemClock};
use sockman_sim::run::{self, Options, Report, Stats};
use sockman_sim::schedule::Schedule;
use sockman_sim::shrink::{self, Budget};
use sockman_sim::subjects::{NAMES, generate_for, run_named, shrink_named};
use sockman_sim::trace::{Story, TraceHash};

use super::{Error, exit, files};

/// Seeds of the default campaign, and how long it may take.
const DEFAULT_SEEDS: Range<u64> = 0..200;
const DEFAULT_TIME: Duration = Duration::from_secs(30);

/// Failures that are written out in full; further ones are counted.
const FAILURES_WRITTEN_MAX: usize = 10;

/// What the shrinking of one of them may take: a few seconds at the worst. `cargo sim shrink` goes
/// further.
const SHRINK_RUNS: u32 = 500;
const SHRINK_STEPS: u64 = 10_000_000;

/// Lines of a shrunk schedule that are shown; few have more.
const SHRUNK_LINES_SHOWN: usize = 40;

/// Where failures go, below the folder that the command runs in.
const FAILURES: &str = "target/sim/failures";

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// What to simulate
    #[arg(
        long,
        default_value = NAMES[0],
        value_parser = clap::builder::PossibleValuesParser::new(NAMES)
    )]
    subject: String,
    /// Seeds: one, or a range without its end [default: 0..200, or as many as 30 s allow]
    #[arg(long, value_parser = parse_seeds, value_name = "N|FROM..TO")]
    seeds: Option<Range<u64>>,
    /// Threads [default: as many as there are processors]
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..=256))]
    jobs: Option<u16>,
    /// One JSON object in place of the report
    #[arg(long)]
    json: bool,
    /// Run each seed twice, and fail if the hashes differ
    #[arg(long)]
    twice: bool,
}

/// What one seed came to.
struct Outcome {
    seed: u64,
    hash: TraceHash,
    stats: Stats,
    failure: Option<Box<Report>>,
    /// Where it was written, if it was one of the first to fail.
    written: Option<Result<Written, Error>>,
}

/// A failure as it lies in its folder.
struct Written {
    folder: PathBuf,
    /// The text of the smallest schedule that fails in the same way, and what it took; nothing if
    /// the failure does not replay.
    shrunk: Option<(String, shrink::Stats)>,
}

pub(super) fn execute(arguments: &Arguments, out: &mut impl Write) -> Result<ExitCode, Error> {
    let seeds = arguments.seeds.clone().unwrap_or(DEFAULT_SEEDS);
    let limit = arguments.seeds.is_none().then_some(DEFAULT_TIME);
    let jobs = arguments.jobs.map_or_else(processors, usize::from);
    let clock = SystemClock::start();
    let mut outcomes = run_all(arguments, &seeds, jobs, limit, clock);
    let wall = clock.now().steady.since(sockman::time::Instant::START);
    outcomes.sort_by_key(|outcome| outcome.seed);
    let summary = Summary::of(&outcomes, wall);
    let mut written = 0;
    for outcome in &mut outcomes {
        let Some(failure) = outcome.written.take() else { continue };
        let failure = failure?;
        written += 1;
        if !arguments.json {
            tell_failure(out, outcome, &failure)?;
        }
    }
    if arguments.json {
        writeln!(out, "{}", summary.json())?;
    } else {
        if summary.failures > written {
            writeln!(out, "and {} further failures", summary.failures - written)?;
        }
        writeln!(out, "{summary}")?;
    }
    Ok(exit(summary.failures > 0))
}

fn run_all(
    arguments: &Arguments,
    seeds: &Range<u64>,
    jobs: usize,
    limit: Option<Duration>,
    clock: SystemClock,
) -> Vec<Outcome> {
    let next = AtomicU64::new(seeds.start);
    let late = AtomicBool::new(false);
    let failures = AtomicUsize::new(0);
    let outcomes = Mutex::new(Vec::new());
    let progress = progress_line(seeds.end.saturating_sub(seeds.start));
    std::thread::scope(|scope| {
        for _ in 0..jobs {
            scope.spawn(|| {
                while !late.load(Ordering::Relaxed) {
                    let take = |seed: u64| seed.checked_add(1).filter(|_| seed < seeds.end);
                    let taken = next.fetch_update(Ordering::Relaxed, Ordering::Relaxed, take);
                    let Ok(seed) = taken else { break };
                    let mut outcome = run_seed(&arguments.subject, seed, arguments.twice);
                    if outcome.failure.is_some()
                        && failures.fetch_add(1, Ordering::Relaxed) < FAILURES_WRITTEN_MAX
                    {
                        // At once, so that an interrupt loses none.
                        outcome.written = Some(write_failure(&arguments.subject, &outcome));
                    }
                    outcomes.lock().expect("no thread panics here").push(outcome);
                    progress.inc(1);
                    let wall = clock.now().steady.since(sockman::time::Instant::START);
                    if limit.is_some_and(|limit| wall > limit) {
                        late.store(true, Ordering::Relaxed);
                    }
                }
            });
        }
    });
    progress.finish_and_clear();
    outcomes.into_inner().expect("no thread panics here")
}

fn run_seed(subject: &str, seed: u64, twice: bool) -> Outcome {
    let generated = generate_for(subject, seed).expect("the argument was checked");
    let options = Options { chance: Some(generated.chance), ..Options::default() };
    let run = || run_named(&generated.schedule, &options);
    let report = if twice { run::twice(run) } else { run() };
    let report = report.expect("what we generate makes sense for its subject");
    let (hash, stats) = (report.hash, report.stats);
    let failure = (!report.verdict.is_passed()).then(|| Box::new(report));
    Outcome { seed, hash, stats, failure, written: None }
}

/// Writes a failure's schedule and story, then the shrunk schedule, which takes longer.
fn write_failure(subject: &str, outcome: &Outcome) -> Result<Written, Error> {
    let report = outcome.failure.as_ref().expect("the caller chose failures");
    let folder = Path::new(FAILURES).join(format!("{subject}-{}", outcome.seed));
    std::fs::create_dir_all(&folder).map_err(Error::file(&folder))?;
    let mut schedule = report.recorded.clone();
    schedule.title = vec![
        format!("Found by seed {} of a campaign on {subject}.", outcome.seed),
        report.verdict.line(),
    ];
    let text = schedule.to_string();
    files::write_whole(&folder.join(files::FAILED_SCHEDULE), text.as_bytes())?;
    let options = Options { story: Story::Keep, ..Options::default() };
    if let Ok(replayed) = run_named(&schedule, &options) {
        let mut story = String::new();
        for entry in &replayed.story {
            story.push_str(&entry.to_string());
            story.push('\n');
        }
        files::write_whole(&folder.join(files::FAILED_STORY), story.as_bytes())?;
    }
    let shrunk = write_shrunk(&folder, &schedule)?;
    Ok(Written { folder, shrunk })
}

/// Shrinks a failure and writes what came of it: text and figures.
fn write_shrunk(
    folder: &Path,
    schedule: &Schedule,
) -> Result<Option<(String, shrink::Stats)>, Error> {
    let path = folder.join(files::SHRUNK_SCHEDULE);
    // What an earlier campaign has left there is of another failure; perhaps there is nothing.
    let _ = std::fs::remove_file(&path);
    let budget = Budget { runs: SHRINK_RUNS, steps: SHRINK_STEPS, ..Budget::default() };
    let Ok(shrunk) = shrink_named(schedule, &budget) else { return Ok(None) };
    let text = shrunk.schedule.to_string();
    files::write_whole(&path, text.as_bytes())?;
    Ok(Some((text, shrunk.stats)))
}

fn tell_failure(out: &mut impl Write, outcome: &Outcome, failure: &Written) -> Result<(), Error> {
    let report = outcome.failure.as_ref().expect("the caller chose failures");
    let Written { folder, shrunk } = failure;
    writeln!(out, "seed {}: {}", outcome.seed, report.verdict)?;
    writeln!(out, "  replay: cargo sim replay {}", folder.display())?;
    writeln!(out, "  look:   cargo sim show {}", folder.display())?;
    writeln!(out, "  the node's connections then:")?;
    for conn in &report.connections {
        writeln!(out, "    {conn}")?;
    }
    if let Some((text, stats)) = shrunk {
        let path = folder.join(files::SHRUNK_SCHEDULE);
        writeln!(out, "  shrunk: {} ({stats})", path.display())?;
        for line in text.lines().take(SHRUNK_LINES_SHOWN) {
            writeln!(out, "    {line}")?;
        }
    }
    Ok(())
}

/// The figures of a campaign.
struct Summary {
    runs: usize,
    failures: usize,
    steps: u64,
    events: u64,
    messages: u64,
    virtual_time: Duration,
    wall: Duration,
    hash: TraceHash,
}

impl Summary {
    fn of(outcomes: &[Outcome], wall: Duration) -> Self {
        let mut summary = Self {
            runs: outcomes.len(),
            failures: 0,
            steps: 0,
            events: 0,
            messages: 0,
            virtual_time: Duration::ZERO,
            wall,
            hash: TraceHash::new(),
        };
        for outcome in outcomes {
            summary.failures += usize::from(outcome.failure.is_some());
            summary.steps += outcome.stats.steps;
            summary.events += outcome.stats.events;
            summary.messages += outcome.stats.messages;
            summary.virtual_time += outcome.stats.virtual_time;
            // By seed, so that the number of threads does not matter.
            summary.hash.add(outcome.hash.value());
        }
        summary
    }

    fn per_second(&self, count: u64) -> u64 {
        let rate = u128::from(count) * 1_000_000 / self.wall.as_micros().max(1);
        u64::try_from(rate).unwrap_or(u64::MAX)
    }

    fn json(&self) -> serde_json::Value {
        serde_json::json!({
            "runs": self.runs,
            "failures": self.failures,
            "steps": self.steps,
            "events": self.events,
            "messages": self.messages,
            "virtual_seconds": self.virtual_time.as_secs(),
            "wall_seconds": self.wall.as_secs_f64(),
            "events_per_second": self.per_second(self.events),
            "messages_per_second": self.per_second(self.messages),
            "trace_hash": self.hash.to_string(),
        })
    }
}

impl std::fmt::Display for Summary {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let speed = self.virtual_time.as_micros() / self.wall.as_micros().max(1);
        writeln!(
            f,
            "{} runs, {} failures: {} socket events, {} messages, {} steps",
            self.runs, self.failures, self.events, self.messages, self.steps
        )?;
        write!(
            f,
            "{} virtual seconds in {}.{:01} s ({speed} times as fast), {} events/s, {} messages/s; \
             trace {}",
            self.virtual_time.as_secs(),
            self.wall.as_secs(),
            self.wall.subsec_millis() / 100,
            self.per_second(self.events),
            self.per_second(self.messages),
            self.hash
        )
    }
}

fn progress_line(count: u64) -> ProgressBar {
    let style = ProgressStyle::with_template("{pos}/{len} runs, {elapsed}, {eta} left");
    ProgressBar::new(count).with_style(style.expect("the template is a constant"))
}

fn processors() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
}

fn parse_seeds(text: &str) -> Result<Range<u64>, String> {
    let number = |text: &str| text.parse::<u64>().map_err(|error| format!("{text:?}: {error}"));
    match text.split_once("..") {
        None => {
            let seed = number(text)?;
            Ok(seed..seed.checked_add(1).ok_or("that seed is too large")?)
        }
        Some((from, to)) => {
            let range = number(from)?..number(to)?;
            if range.is_empty() { Err(format!("{text}: no seed lies in it")) } else { Ok(range) }
        }
    }
}
