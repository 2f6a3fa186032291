//! `run`: a campaign over seeds.

use std::io::{self, Write};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use sockman::driver::{Clock as _, SystemClock};
use sockman_sim::drivers::Driver;
use sockman_sim::generate::Plan;
use sockman_sim::places::Place;
use sockman_sim::run::{self, Options, Report, SetupError, Stats, Verdict};
use sockman_sim::schedule::Schedule;
use sockman_sim::schedulers::Strategy;
use sockman_sim::shrink::{self, Budget};
use sockman_sim::subjects::{self, NAMES, drive_named, generate_for, run_named, shrink_named};
use sockman_sim::trace::{Story, TraceHash};
use sockman_sim::worlds::{self, World};

use super::interrupts::Interrupts;
use super::{Error, exit, files, places, texts};

mod guided;
mod seeds;
#[cfg(test)]
mod tests;

use guided::Reached;
use seeds::{Shard, parse_seeds};
pub(super) use seeds::{parse_count, parse_time};

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
pub(super) const FAILURES: &str = "target/sim/failures";

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// What to simulate [default: one run in eight echo, the others connman]
    #[arg(long, value_parser = clap::builder::PossibleValuesParser::new(NAMES))]
    subject: Option<String>,
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
    /// What finds failures: network, or what does without one for a comparison: messages (whole
    /// ones, injected), bytes (socket calls return what is drawn)
    #[arg(long, default_value_t, value_name = "DRIVER")]
    driver: Driver,
    /// One world for every run [default: drawn by weight; `cargo sim worlds` lists them]
    #[arg(long, value_parser = parse_world, value_name = "NAME")]
    world: Option<&'static World>,
    /// One scheduler for every run: default, round-robin, now-and-then:CHANCE, walk, pct:DEPTH
    /// [default: drawn]
    #[arg(long, value_name = "STRATEGY")]
    scheduler: Option<Strategy>,
    /// Campaign number N: seeds of its own, up to the first failure
    #[arg(long, value_name = "N", conflicts_with = "seeds", requires = "events",
          value_parser = clap::value_parser!(u32))]
    campaign: Option<u32>,
    /// Stop after so many socket events, in the order of the seeds: 500k, 20M
    #[arg(long, value_parser = parse_count, value_name = "COUNT")]
    events: Option<u64>,
    /// Stop after so long: 90s, 10m, 8h
    #[arg(long, value_parser = parse_time, value_name = "TIME")]
    time: Option<Duration>,
    /// Only part INDEX (from 0) of COUNT of the seeds, so that several machines share a campaign
    #[arg(long, value_name = "INDEX/COUNT", conflicts_with_all = ["campaign", "guided"])]
    shard: Option<Shard>,
    /// Keep what reaches something new and mutate it, one run a seed, all of one subject; list what
    /// was never reached
    #[arg(long, conflicts_with = "twice")]
    guided: bool,
    /// Where: mock, or tcp, which is compared with mock, one thread, what only mock has left out
    #[arg(long, default_value_t, value_name = "PLACE",
          conflicts_with_all = ["twice", "guided", "driver", "scheduler", "campaign", "events"])]
    on: Place,
}

impl Arguments {
    /// The seeds that may be run.
    fn range(&self) -> Range<u64> {
        match (self.campaign, &self.seeds, self.events) {
            (Some(number), _, _) => {
                let first = u64::from(number) << 32;
                first..first + (1 << 32)
            }
            (None, Some(seeds), _) => seeds.clone(),
            (None, None, Some(_)) => 0..u64::MAX,
            (None, None, None) if self.guided || self.time.is_some() => 0..u64::MAX,
            (None, None, None) => DEFAULT_SEEDS,
        }
    }

    /// How long it may take, if nothing else ends it.
    fn limit(&self) -> Option<Duration> {
        let is_limited = self.seeds.is_none() && self.events.is_none();
        self.time.or(is_limited.then_some(DEFAULT_TIME))
    }

    fn shard(&self) -> Shard {
        self.shard.unwrap_or(Shard::WHOLE)
    }

    fn jobs(&self) -> usize {
        self.jobs.map_or_else(processors, usize::from)
    }

    /// Without a network there are no worlds, one order, and nothing to mutate.
    fn check(&self) -> Result<(), Error> {
        let is_of_network = self.world.is_some() || self.scheduler.is_some() || self.guided;
        if self.driver == Driver::Network || !is_of_network {
            return Ok(());
        }
        let driver = self.driver;
        let problem = format!("--world, --scheduler and --guided are not for --driver {driver}");
        Err(Error::Usage(problem))
    }

    /// What the run of a seed simulates.
    fn subject(&self, seed: u64) -> &str {
        let usual = || if self.guided { NAMES[0] } else { subjects::usual(seed) };
        self.subject.as_deref().unwrap_or_else(usual)
    }

    /// How far a campaign has come with so many runs, if it is known where it was to end.
    fn progress(&self, runs: usize) -> String {
        let is_counted = self.events.is_none() && self.campaign.is_none();
        let seeds = self.range();
        match self.shard().share_of(&seeds) {
            all if is_counted && seeds.end < u64::MAX => format!("{runs} of {all} runs"),
            _ => format!("{runs} runs"),
        }
    }

    fn plan(&self) -> Plan {
        Plan { world: self.world, strategy: self.scheduler }
    }

    /// What runs a seed alone, where there is no folder to replay.
    fn replaying(&self, seed: u64) -> String {
        let (subject, driver) = (self.subject(seed), self.driver);
        let mut by = format!("--subject {subject} --driver {driver}");
        if let Some(world) = self.world {
            by.push_str(&format!(" --world {}", world.name));
        }
        if let Some(strategy) = self.scheduler {
            by.push_str(&format!(" --scheduler {strategy}"));
        }
        if self.guided {
            // What was reached before decides what it is.
            return format!("--guided {by} --seeds {}..{}", self.range().start, seed + 1);
        }
        format!("{by} --seeds {seed}")
    }
}

/// What one seed came to.
struct Outcome {
    seed: u64,
    world: &'static str,
    hash: TraceHash,
    stats: Stats,
    failure: Option<Verdict>,
    /// All about the failure, if it was one of the first: there may be very many.
    found: Option<Box<Found>>,
}

/// One of the first failures.
struct Found {
    report: Report,
    /// Where it was written. A campaign loses nothing by a folder that cannot be written to.
    written: Result<Written, Error>,
}

/// A failure as it lies in its folder.
struct Written {
    /// None where nothing but the seed is known.
    folder: Option<PathBuf>,
    /// The text of the smallest schedule that fails in the same way, and what it took; nothing if
    /// the failure does not replay.
    shrunk: Option<(String, shrink::Stats)>,
}

pub(super) fn execute(arguments: &Arguments, out: &mut impl Write) -> Result<ExitCode, Error> {
    arguments.check()?;
    if arguments.on != Place::Mock {
        let (seeds, plan) = (arguments.range(), arguments.plan());
        let subject = |seed| arguments.subject(seed).to_owned();
        return places::campaign(subject, seeds, &plan, arguments.on, arguments.json, out);
    }
    if arguments.guided {
        return guided::execute(arguments, out);
    }
    let interrupts = Interrupts::catch()?;
    let clock = SystemClock::start();
    let mut outcomes = run_all(arguments, clock, &interrupts);
    let wall = clock.now().steady.since(sockman::time::Instant::START);
    outcomes.sort_by_key(|outcome| outcome.seed);
    cut(arguments, &mut outcomes);
    tell(out, arguments, &outcomes, wall, None, &interrupts)
}

/// Tells what a campaign came to, and what it has reached if it was guided; last, what could not be
/// written, which changes nothing about it.
fn tell(
    out: &mut impl Write,
    arguments: &Arguments,
    outcomes: &[Outcome],
    wall: Duration,
    reached: Option<&Reached<'_>>,
    interrupts: &Interrupts,
) -> Result<ExitCode, Error> {
    let summary = Summary::of(outcomes, wall);
    let found = || outcomes.iter().filter_map(|one| Some((one, one.found.as_deref()?)));
    if arguments.json {
        let mut json = summary.json();
        json["interrupted"] = interrupts.came().into();
        if let Some(reached) = reached {
            json["reached"] = reached.json();
        }
        writeln!(out, "{json}")?;
    } else {
        for (outcome, found) in found() {
            tell_failure(out, arguments, outcome, found)?;
        }
        let told = found().count();
        if summary.failures > told {
            writeln!(out, "and {} further failures", summary.failures - told)?;
        }
        if interrupts.came() {
            writeln!(out, "interrupted: {}", arguments.progress(summary.runs))?;
        }
        writeln!(out, "{summary}")?;
        if let Some(reached) = reached {
            write!(out, "{reached}")?;
        }
    }
    for (outcome, found) in found() {
        if let Err(error) = &found.written {
            // There is nowhere left to report to if this fails as well.
            let _ = writeln!(io::stderr(), "sim: seed {} is not written: {error}", outcome.seed);
        }
    }
    Ok(interrupts.status().unwrap_or(exit(summary.failures > 0)))
}

/// `worlds`: the table of worlds.
pub(super) fn list_worlds(out: &mut impl Write) -> Result<ExitCode, Error> {
    writeln!(out, "{:12} {:3}  what it is like", "name", "of")?;
    for world in worlds::all() {
        writeln!(out, "{world}")?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Leaves out what was run beyond the end of the campaign, so that its end does not depend on how
/// many threads there were.
fn cut(arguments: &Arguments, outcomes: &mut Vec<Outcome>) {
    let mut events = 0;
    let last = outcomes.iter().position(|outcome| {
        events += outcome.stats.events;
        arguments.events.is_some_and(|budget| events >= budget)
            || arguments.campaign.is_some() && outcome.failure.is_some()
    });
    if let Some(last) = last {
        outcomes.truncate(last + 1);
    }
}

fn run_all(arguments: &Arguments, clock: SystemClock, interrupts: &Interrupts) -> Vec<Outcome> {
    let (seeds, shard) = (arguments.range(), arguments.shard());
    let next = AtomicU64::new(seeds.start.saturating_add(shard.index));
    let late = AtomicBool::new(false);
    let failures = AtomicUsize::new(0);
    let events = AtomicU64::new(0);
    let outcomes = Mutex::new(Vec::new());
    let progress = progress_line(shard.share_of(&seeds));
    std::thread::scope(|scope| {
        for _ in 0..arguments.jobs() {
            scope.spawn(|| {
                while !late.load(Ordering::Relaxed) && !interrupts.came() {
                    let take =
                        |seed: u64| seed.checked_add(shard.count).filter(|_| seed < seeds.end);
                    let taken = next.fetch_update(Ordering::Relaxed, Ordering::Relaxed, take);
                    let Ok(seed) = taken else { break };
                    let (mut outcome, report) = run_seed(arguments, seed);
                    let so_far = events.fetch_add(outcome.stats.events, Ordering::Relaxed);
                    let enough = arguments.events.is_some_and(|budget| so_far >= budget)
                        || arguments.campaign.is_some() && outcome.failure.is_some();
                    // Seeds are taken in order, so that all those before this one are under way.
                    late.fetch_or(enough, Ordering::Relaxed);
                    if outcome.failure.is_some()
                        && failures.fetch_add(1, Ordering::Relaxed) < FAILURES_WRITTEN_MAX
                    {
                        // At once, so that an interrupt loses none.
                        let written = write_failure(arguments, &outcome, &report, interrupts);
                        outcome.found = Some(Box::new(Found { report, written }));
                    }
                    outcomes.lock().expect("no thread panics here").push(outcome);
                    progress.inc(1);
                    let wall = clock.now().steady.since(sockman::time::Instant::START);
                    if arguments.limit().is_some_and(|limit| wall > limit) {
                        late.store(true, Ordering::Relaxed);
                    }
                }
            });
        }
    });
    progress.finish_and_clear();
    outcomes.into_inner().expect("no thread panics here")
}

fn run_seed(arguments: &Arguments, seed: u64) -> (Outcome, Report) {
    let subject = arguments.subject(seed);
    if arguments.driver != Driver::Network {
        let drive = || drive_named(subject, arguments.driver, seed, &Options::default());
        return run_once(arguments, seed, arguments.driver.name(), drive);
    }
    let generated = generate_for(subject, &arguments.plan(), seed);
    let generated = generated.expect("the argument was checked");
    let options = Options { chance: Some(generated.chance), ..Options::default() };
    run_once(arguments, seed, generated.world, || run_named(&generated.schedule, &options))
}

fn run_once(
    arguments: &Arguments,
    seed: u64,
    world: &'static str,
    run: impl Fn() -> Result<Report, SetupError>,
) -> (Outcome, Report) {
    let report = if arguments.twice { run::twice(run) } else { run() };
    let report = report.expect("what we generate makes sense for its subject");
    let (hash, stats) = (report.hash, report.stats);
    let failure = (!report.verdict.is_passed()).then(|| report.verdict.clone());
    (Outcome { seed, world, hash, stats, failure, found: None }, report)
}

/// Writes a failure's schedule and story, then the shrunk schedule, which takes longer. What was
/// found without a network has none of them.
fn write_failure(
    arguments: &Arguments,
    outcome: &Outcome,
    report: &Report,
    interrupts: &Interrupts,
) -> Result<Written, Error> {
    if arguments.driver != Driver::Network {
        return Ok(Written { folder: None, shrunk: None });
    }
    let subject = arguments.subject(outcome.seed);
    let (of, guided) = if arguments.guided { ("a guided", "guided-") } else { ("a", "") };
    let folder = Path::new(FAILURES).join(format!("{subject}-{guided}{}", outcome.seed));
    std::fs::create_dir_all(&folder).map_err(Error::file(&folder))?;
    let mut schedule = report.recorded.clone();
    schedule.title = vec![
        format!(
            "Found by seed {} of {of} campaign on {subject}, in the world {}.",
            outcome.seed, outcome.world
        ),
        report.told(None).line(),
    ];
    let shrunk = write_found(&folder, &schedule, interrupts)?;
    Ok(Written { folder: Some(folder), shrunk })
}

/// Writes a failure into its folder: its schedule, its story, and the shrunk schedule, whose text
/// and figures it gives.
pub(super) fn write_found(
    folder: &Path,
    schedule: &Schedule,
    interrupts: &Interrupts,
) -> Result<Option<(String, shrink::Stats)>, Error> {
    let text = schedule.to_string();
    files::write_whole(&folder.join(files::FAILED_SCHEDULE), text.as_bytes())?;
    let options = Options { story: Story::Keep, ..Options::default() };
    if let Ok(replayed) = run_named(schedule, &options) {
        let mut story = String::new();
        for entry in &replayed.story {
            story.push_str(&entry.to_string());
            story.push('\n');
        }
        files::write_whole(&folder.join(files::FAILED_STORY), story.as_bytes())?;
    }
    write_shrunk(folder, schedule, interrupts)
}

/// Shrinks a failure and writes what came of it: text and figures.
fn write_shrunk(
    folder: &Path,
    schedule: &Schedule,
    interrupts: &Interrupts,
) -> Result<Option<(String, shrink::Stats)>, Error> {
    let path = folder.join(files::SHRUNK_SCHEDULE);
    // What an earlier campaign has left there is of another failure; perhaps there is nothing.
    let _ = std::fs::remove_file(&path);
    let (runs, steps, stop) = (SHRINK_RUNS, SHRINK_STEPS, Some(interrupts.flag()));
    let budget = Budget { runs, steps, stop, ..Budget::default() };
    let Ok(shrunk) = shrink_named(schedule, &budget) else { return Ok(None) };
    let text = shrunk.schedule.to_string();
    files::write_whole(&path, text.as_bytes())?;
    Ok(Some((text, shrunk.stats)))
}

fn tell_failure(
    out: &mut impl Write,
    arguments: &Arguments,
    outcome: &Outcome,
    Found { report, written }: &Found,
) -> Result<(), Error> {
    let written = written.as_ref().ok();
    let folder = written.and_then(|written| written.folder.as_ref());
    let shrunk = written.and_then(|written| written.shrunk.as_ref());
    let Outcome { seed, world, .. } = outcome;
    let subject = arguments.subject(*seed);
    writeln!(out, "seed {seed}, {subject}, world {world}: {}", report.told(None))?;
    if let Some(folder) = folder {
        writeln!(out, "  replay: cargo sim replay {}", folder.display())?;
        writeln!(out, "  look:   cargo sim show {}", folder.display())?;
    } else {
        let by = arguments.replaying(*seed);
        writeln!(out, "  replay: cargo sim run {by}")?;
    }
    writeln!(out, "  the node's connections then:")?;
    for conn in &report.connections {
        writeln!(out, "    {conn}")?;
    }
    if let (Some(folder), Some((text, stats))) = (folder, shrunk) {
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
    /// The first failures, for scripts.
    found: Vec<serde_json::Value>,
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
            found: Vec::new(),
        };
        for outcome in outcomes {
            summary.failures += usize::from(outcome.failure.is_some());
            summary.steps += outcome.stats.steps;
            summary.events += outcome.stats.events;
            summary.messages += outcome.stats.messages;
            summary.virtual_time += outcome.stats.virtual_time;
            if let Some(verdict) = &outcome.failure
                && (summary.found.is_empty() || outcome.found.is_some())
            {
                let failure = summary.failure(outcome, verdict);
                summary.found.push(failure);
            }
            // By seed, so that the number of threads does not matter.
            summary.hash.add(outcome.hash.value());
        }
        summary
    }

    /// A failure, with the figures of the campaign up to and with its run.
    fn failure(&self, outcome: &Outcome, verdict: &Verdict) -> serde_json::Value {
        let found = outcome.found.as_ref();
        let written = found.and_then(|found| found.written.as_ref().ok());
        let shrunk = written.and_then(|one| one.shrunk.as_ref()).map(|(_, stats)| stats);
        let connections = found.map(|found| &found.report.connections);
        serde_json::json!({
            "seed": outcome.seed,
            "world": outcome.world,
            "oracle": verdict.kind(),
            "what": verdict.to_string(),
            "events": self.events,
            "virtual_seconds": self.virtual_time.as_secs(),
            "folder": written.and_then(|written| written.folder.as_ref()),
            "operations": shrunk.map(|stats| stats.operations_after),
            // The node's, as they stood then.
            "connections": connections.map(|all| texts(all)),
        })
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
            "first_failure": self.found.first(),
            "further_failures": self.found.get(1..).unwrap_or_default(),
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

fn parse_world(name: &str) -> Result<&'static World, String> {
    let names = || worlds::all().iter().map(|world| world.name).collect::<Vec<_>>().join(", ");
    worlds::named(name).ok_or_else(|| format!("there are {}", names()))
}
