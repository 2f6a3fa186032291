//! `run`: a campaign over seeds.

use std::fmt;
use std::io::{self, Write};
use std::ops::Range;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use sockman::driver::{Clock as _, SystemClock};
use sockman::time::Instant;
use sockman_sim::drivers::Driver;
use sockman_sim::generate::Plan;
use sockman_sim::places::Place;
use sockman_sim::run::{self, Options, Report, SetupError};
use sockman_sim::schedulers::Strategy;
use sockman_sim::subjects::{self, NAMES, drive_named, echo, generate_for, run_named};
use sockman_sim::worlds::{self, World};

use super::interrupts::Interrupts;
use super::{Error, places};

mod guided;
mod kinds;
mod seeds;
mod summary;

use kinds::Kinds;
use seeds::{Shard, parse_seeds};
pub(super) use seeds::{parse_count, parse_time};
use summary::{Failure, InOrder, Outcome, Summary, tell, tell_new, tell_unwritten};

/// Seeds of the default campaign, and how long it may take.
const DEFAULT_SEEDS: Range<u64> = 0..200;
const DEFAULT_TIME: Duration = Duration::from_secs(30);

/// A watch begins at the seed of its second, so that no two have seeds in common: no machine draws
/// as many a second.
const WATCH_SEEDS_A_SECOND: u64 = 1_000_000;

/// How often a watch says on stderr how far it is, where nobody sees its status line.
const STATUS_EVERY: Duration = Duration::from_secs(60);

/// How often a status line moves at least.
const TICK: Duration = Duration::from_millis(500);

/// Where failures go, below the folder that the command runs in.
pub(super) const FAILURES: &str = "target/sim/failures";

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// What to simulate [default: one run in eight echo, the others connman]
    #[arg(long, value_parser = clap::builder::PossibleValuesParser::new(NAMES))]
    subject: Option<String>,
    /// Seeds: one, a range without its end, or all from one on [default: 0..200, or as many as 30 s
    /// allow]
    #[arg(long, value_parser = parse_seeds, value_name = "N|FROM..TO|FROM..")]
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
    /// Go on until Ctrl-C, from seeds that nobody has had; a line for each failure that is new
    #[arg(long, conflicts_with_all = ["guided", "campaign"])]
    watch: bool,
    /// Where failures are kept, one folder each; campaigns may share it
    #[arg(long, default_value = FAILURES, value_name = "FOLDER")]
    failures: PathBuf,
    /// Run an echo with known bugs: a campaign that must fail, to see who hears of it
    #[arg(long, conflicts_with_all = ["subject", "guided", "driver"])]
    canary: bool,
    /// Where: mock, or tcp, which is compared with mock, one thread, what only mock has left out
    #[arg(long, default_value_t, value_name = "PLACE",
          conflicts_with_all = ["twice", "guided", "driver", "scheduler", "campaign", "events",
                                "watch", "canary", "failures"])]
    on: Place,
}

impl Arguments {
    /// The seeds that may be run. What a watch begins with is decided when it begins.
    fn range(&self) -> Range<u64> {
        match (self.campaign, &self.seeds, self.events) {
            (Some(number), _, _) => {
                let first = u64::from(number) << 32;
                first..first + (1 << 32)
            }
            (None, Some(seeds), _) => seeds.clone(),
            (None, None, Some(_)) => 0..u64::MAX,
            (None, None, None) if self.guided || self.watch || self.time.is_some() => 0..u64::MAX,
            (None, None, None) => DEFAULT_SEEDS,
        }
    }

    /// How long it may take, if nothing else ends it.
    fn limit(&self) -> Option<Duration> {
        let is_limited = self.seeds.is_none() && self.events.is_none() && !self.watch;
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
        if self.canary {
            return <echo::Echo as sockman_sim::subject::Subject>::NAME;
        }
        let usual = || if self.guided { NAMES[0] } else { subjects::usual(seed) };
        self.subject.as_deref().unwrap_or_else(usual)
    }

    /// How far a campaign has come with so many runs, if it is known where it was to end.
    fn progress(&self, runs: u64) -> String {
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

    /// What runs a seed alone.
    fn replaying(&self, seed: u64) -> String {
        let (subject, driver) = (self.subject(seed), self.driver);
        let mut by = String::new();
        if self.canary {
            by.push_str("--canary");
        } else {
            by.push_str(&format!("--subject {subject}"));
        }
        if driver != Driver::Network {
            by.push_str(&format!(" --driver {driver}"));
        }
        if let Some(world) = self.world {
            by.push_str(&format!(" --world {}", world.name));
        }
        if let Some(strategy) = self.scheduler {
            by.push_str(&format!(" --scheduler {strategy}"));
        }
        if self.twice {
            by.push_str(" --twice");
        }
        if self.guided {
            // What was reached before decides what it is.
            return format!("--guided {by} --seeds {}..{}", self.range().start, seed + 1);
        }
        format!("{by} --seeds {seed}")
    }

    /// What was asked for, as one would say it again.
    fn command() -> String {
        let words: Vec<_> = std::env::args().skip(1).collect();
        format!("cargo sim {}", words.join(" "))
    }
}

pub(super) fn execute(arguments: &Arguments, out: &mut impl Write) -> Result<ExitCode, Error> {
    arguments.check()?;
    if arguments.on != Place::Mock {
        let Arguments { on, json, .. } = *arguments;
        let seeds = arguments.shard().of(arguments.range());
        let (limit, plan) = (arguments.limit(), arguments.plan());
        let subject = |seed| arguments.subject(seed).to_owned();
        return places::campaign(subject, seeds, limit, &plan, on, json, out);
    }
    if arguments.guided {
        return guided::execute(arguments, out);
    }
    let interrupts = Interrupts::catch()?;
    let clock = SystemClock::start();
    let kinds = Kinds::new(arguments, clock);
    let campaign = Campaign::new(arguments, clock, &interrupts, &kinds);
    let (summary, watched) = campaign.run(out);
    // Whoever read a watch has seen enough, and what comes at the end goes nowhere either.
    let told = watched.and_then(|()| tell(out, arguments, &summary, &kinds, None, &interrupts));
    match told {
        Err(Error::Output(error)) if error.kind() == io::ErrorKind::BrokenPipe => {
            kinds.finish();
            Ok(super::exit(summary.failures > 0))
        }
        told => told,
    }
}

/// `worlds`: the table of worlds.
pub(super) fn list_worlds(out: &mut impl Write) -> Result<ExitCode, Error> {
    writeln!(out, "{:12} {:3}  what it is like", "name", "of")?;
    for world in worlds::all() {
        writeln!(out, "{world}")?;
    }
    Ok(ExitCode::SUCCESS)
}

/// A campaign under way: threads run seeds, and this one takes in what they come to.
struct Campaign<'a> {
    arguments: &'a Arguments,
    clock: SystemClock,
    interrupts: &'a Interrupts,
    kinds: &'a Kinds<'a>,
    seeds: Range<u64>,
    /// The next seed that nobody has taken.
    next: AtomicU64,
    /// Whether nobody is to take another one.
    is_late: AtomicBool,
}

impl<'a> Campaign<'a> {
    fn new(
        arguments: &'a Arguments,
        clock: SystemClock,
        interrupts: &'a Interrupts,
        kinds: &'a Kinds<'a>,
    ) -> Self {
        let mut seeds = arguments.range();
        if arguments.watch && arguments.seeds.is_none() {
            seeds.start = clock.now().wall.as_secs().saturating_mul(WATCH_SEEDS_A_SECOND);
        }
        let next = AtomicU64::new(seeds.start.saturating_add(arguments.shard().index));
        let is_late = AtomicBool::new(false);
        Self { arguments, clock, interrupts, kinds, seeds, next, is_late }
    }

    fn passed(&self) -> Duration {
        self.clock.now().steady.since(Instant::START)
    }

    /// Runs it to its end; an error is one of writing what a watch sees.
    fn run(&self, out: &mut impl Write) -> (Summary, Result<(), Error>) {
        let (says, hears) = mpsc::channel();
        let (mut summary, watched) = std::thread::scope(|scope| {
            for _ in 0..self.arguments.jobs() {
                let says = says.clone();
                scope.spawn(move || self.run_seeds(&says));
            }
            // So that it ends when they have.
            drop(says);
            self.take_in(&hears, out)
        });
        summary.wall = self.passed();
        (summary, watched)
    }

    /// What one thread does.
    fn run_seeds(&self, says: &Sender<Outcome>) {
        let Shard { count, .. } = self.arguments.shard();
        while !self.is_late.load(Ordering::Relaxed) && !self.interrupts.came() {
            let take = |seed: u64| seed.checked_add(count).filter(|_| seed < self.seeds.end);
            let taken = self.next.fetch_update(Ordering::Relaxed, Ordering::Relaxed, take);
            let Ok(seed) = taken else { break };
            let outcome = self.run_seed(seed);
            if says.send(outcome).is_err() {
                break;
            }
            if self.arguments.limit().is_some_and(|limit| self.passed() > limit) {
                self.is_late.store(true, Ordering::Relaxed);
            }
        }
    }

    fn run_seed(&self, seed: u64) -> Outcome {
        let (world, report) = run_seed(self.arguments, seed);
        outcome(seed, world, report, self.kinds, self.interrupts)
    }

    /// Takes in outcomes by seed, so that what they come to does not depend on the number of
    /// threads: what was run beyond the end of the campaign is left out.
    fn take_in(
        &self,
        hears: &Receiver<Outcome>,
        out: &mut impl Write,
    ) -> (Summary, Result<(), Error>) {
        let shard = self.arguments.shard();
        let first = self.seeds.start.saturating_add(shard.index);
        let (mut in_order, mut summary) = (InOrder::new(first, shard.count), Summary::new());
        let mut status = Status::new(self);
        let mut watched = Ok(());
        let mut is_over = false;
        loop {
            match hears.recv_timeout(TICK) {
                Ok(outcome) => in_order.add(outcome),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break,
            }
            while !is_over && let Some(outcome) = in_order.next() {
                let new = summary.take(outcome);
                if let Some(kind) = new.filter(|_| self.arguments.watch && watched.is_ok()) {
                    watched = status.line.suspend(|| self.tell_new(kind, out));
                }
                is_over = self.is_over(&summary) || watched.is_err();
                // Seeds are taken in order, so that all those before this one are under way.
                self.is_late.fetch_or(is_over, Ordering::Relaxed);
            }
            status.show(self, &summary);
        }
        status.line.finish_and_clear();
        (summary, watched.map_err(Error::Output))
    }

    fn is_over(&self, summary: &Summary) -> bool {
        let Arguments { events, campaign, .. } = self.arguments;
        events.is_some_and(|budget| summary.events >= budget)
            || campaign.is_some() && summary.failures > 0
    }

    /// A failure that a watch has not seen before.
    fn tell_new(&self, kind: usize, out: &mut impl Write) -> io::Result<()> {
        let kinds = self.kinds.all();
        tell_unwritten(&kinds[kind]);
        if self.arguments.json {
            let kind = &kinds[kind];
            let told = serde_json::json!({
                "seed": kind.seed,
                "world": kind.world,
                "oracle": kind.report.verdict.kind(),
                "what": kind.report.told(None).line(),
                "folder": kind.folder,
            });
            writeln!(out, "{}", serde_json::json!({ "new": told }))?;
        } else {
            tell_new(out, self.arguments, &kinds[kind])?;
        }
        out.flush()
    }
}

/// How far a campaign is, on stderr: a line that moves if that is a terminal. Of a watch lines now
/// and then if it is none, so that a log has them.
struct Status {
    line: ProgressBar,
    /// When the next one is due.
    due: Duration,
}

impl Status {
    fn new(campaign: &Campaign<'_>) -> Self {
        let Campaign { arguments, seeds, .. } = campaign;
        let (count, template) = match arguments.shard().share_of(seeds) {
            _ if seeds.end == u64::MAX => (None, "{msg}, {elapsed}"),
            count => (Some(count), "{pos}/{len} runs, {elapsed}, {eta} left"),
        };
        let style = ProgressStyle::with_template(template).expect("the template is a constant");
        let line = count.map_or_else(ProgressBar::new_spinner, ProgressBar::new).with_style(style);
        if arguments.watch {
            let jobs = arguments.jobs();
            say(&format_args!("from seed {} on, {jobs} threads, until Ctrl-C", seeds.start));
        }
        Self { line, due: STATUS_EVERY }
    }

    fn show(&mut self, campaign: &Campaign<'_>, summary: &Summary) {
        let told = || {
            let (runs, failures, kinds) = (summary.runs, summary.failures, summary.kinds());
            format!("{runs} runs, {failures} failures of {kinds} kinds")
        };
        if !self.line.is_hidden() {
            self.line.set_message(told());
            self.line.set_position(summary.runs);
        } else if campaign.arguments.watch && campaign.passed() >= self.due {
            self.due = campaign.passed() + STATUS_EVERY;
            say(&told());
        }
    }
}

/// Says something on stderr, if there is somebody.
fn say(what: &dyn fmt::Display) {
    let _ = writeln!(io::stderr(), "sim: {what}");
}

/// Runs a seed: in which world, and what became of it.
fn run_seed(arguments: &Arguments, seed: u64) -> (&'static str, Report) {
    let subject = arguments.subject(seed);
    if arguments.driver != Driver::Network {
        let drive = || drive_named(subject, arguments.driver, seed, &Options::default());
        return (arguments.driver.name(), run_once(arguments, drive));
    }
    let generated = generate_for(subject, &arguments.plan(), seed);
    let mut generated = generated.expect("the argument was checked");
    if arguments.canary {
        let (key, value) = echo::CANARY;
        generated.schedule.node.push((key.to_owned(), value.to_owned()));
    }
    let options = Options { chance: Some(generated.chance), ..Options::default() };
    (generated.world, run_once(arguments, || run_named(&generated.schedule, &options)))
}

fn run_once(arguments: &Arguments, run: impl Fn() -> Result<Report, SetupError>) -> Report {
    let report = if arguments.twice { run::twice(run) } else { run() };
    report.expect("what we generate makes sense for its subject")
}

/// What a run came to; what has failed is taken in, and written if it is the first of its kind.
fn outcome(
    seed: u64,
    world: &'static str,
    report: Report,
    kinds: &Kinds<'_>,
    interrupts: &Interrupts,
) -> Outcome {
    let (hash, stats) = (report.hash, report.stats);
    let failure = (!report.verdict.is_passed()).then(|| {
        let (verdict, connections) = (report.verdict.clone(), report.connections.clone());
        Box::new(Failure {
            verdict,
            connections,
            kind: kinds.take(seed, world, report, interrupts),
        })
    });
    Outcome { seed, world, hash, stats, failure }
}

fn processors() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
}

fn parse_world(name: &str) -> Result<&'static World, String> {
    let names = || worlds::all().iter().map(|world| world.name).collect::<Vec<_>>().join(", ");
    worlds::named(name).ok_or_else(|| format!("there are {}", names()))
}
