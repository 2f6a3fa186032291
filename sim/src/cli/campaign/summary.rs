//! What a campaign comes to, in numbers, and how it is told.

use std::collections::BTreeMap;
use std::fmt;
use std::io::{self, Write};
use std::process::ExitCode;
use std::time::Duration;

use sockman::sockman::ConnSnapshot;
use sockman_sim::run::{Stats, Verdict};
use sockman_sim::trace::TraceHash;

use super::Arguments;
use super::guided::Reached;
use super::kinds::{Kind, Kinds};
use crate::cli::interrupts::Interrupts;
use crate::cli::{Error, exit, files, texts};

/// Failures that are told in full; of further ones only what and where.
const FAILURES_TOLD_MAX: usize = 10;

/// Lines of a shrunk schedule that are shown; few have more.
const SHRUNK_LINES_SHOWN: usize = 40;

/// Seeds of a failure that are shown; its folder has more.
const SEEDS_SHOWN: usize = 6;

/// What one seed came to.
pub(super) struct Outcome {
    pub(super) seed: u64,
    pub(super) world: &'static str,
    pub(super) hash: TraceHash,
    pub(super) stats: Stats,
    pub(super) failure: Option<Box<Failure>>,
}

/// How it failed.
pub(super) struct Failure {
    pub(super) verdict: Verdict,
    /// The node's, as they stood then.
    pub(super) connections: Vec<ConnSnapshot>,
    /// The number of its kind.
    pub(super) kind: usize,
}

/// The figures of a campaign, taken in by seed, so that the number of threads does not matter.
pub(super) struct Summary {
    pub(super) runs: u64,
    pub(super) failures: u64,
    pub(super) events: u64,
    steps: u64,
    messages: u64,
    virtual_time: Duration,
    pub(super) wall: Duration,
    hash: TraceHash,
    /// The first run of each kind of failure.
    found: Vec<First>,
}

/// The first run of a kind, with the figures of the campaign up to and with it.
struct First {
    seed: u64,
    world: &'static str,
    failure: Box<Failure>,
    events: u64,
    virtual_time: Duration,
}

impl Summary {
    pub(super) fn new() -> Self {
        Self {
            runs: 0,
            failures: 0,
            events: 0,
            steps: 0,
            messages: 0,
            virtual_time: Duration::ZERO,
            wall: Duration::ZERO,
            hash: TraceHash::new(),
            found: Vec::new(),
        }
    }

    /// Takes in a run; gives the number of its kind if it is the first that fails so.
    pub(super) fn take(&mut self, outcome: Outcome) -> Option<usize> {
        let Outcome { seed, world, hash, stats, failure } = outcome;
        self.runs += 1;
        self.steps += stats.steps;
        self.events += stats.events;
        self.messages += stats.messages;
        self.virtual_time += stats.virtual_time;
        self.hash.add(hash.value());
        let failure = failure?;
        self.failures += 1;
        let kind = failure.kind;
        if self.found.iter().any(|first| first.failure.kind == kind) {
            return None;
        }
        let (events, virtual_time) = (self.events, self.virtual_time);
        self.found.push(First { seed, world, failure, events, virtual_time });
        Some(kind)
    }

    /// How many kinds of failures were met.
    pub(super) const fn kinds(&self) -> usize {
        self.found.len()
    }

    fn per_second(&self, count: u64) -> u64 {
        let rate = u128::from(count) * 1_000_000 / self.wall.as_micros().max(1);
        u64::try_from(rate).unwrap_or(u64::MAX)
    }

    fn json(&self, kinds: &[Kind]) -> serde_json::Value {
        let found: Vec<_> = self.found.iter().map(|first| first.json(kinds)).collect();
        serde_json::json!({
            "runs": self.runs,
            "failures": self.failures,
            "kinds": self.kinds(),
            "steps": self.steps,
            "events": self.events,
            "messages": self.messages,
            "virtual_seconds": self.virtual_time.as_secs(),
            "wall_seconds": self.wall.as_secs_f64(),
            "events_per_second": self.per_second(self.events),
            "messages_per_second": self.per_second(self.messages),
            "trace_hash": self.hash.to_string(),
            "first_failure": found.first(),
            "further_failures": found.get(1..).unwrap_or_default(),
        })
    }
}

impl First {
    fn json(&self, kinds: &[Kind]) -> serde_json::Value {
        let Failure { verdict, connections, kind } = &*self.failure;
        let kind = &kinds[*kind];
        let written = kind.written.as_ref().ok();
        let shrunk = written.and_then(|shrunk| shrunk.as_ref());
        serde_json::json!({
            "seed": self.seed,
            "world": self.world,
            "oracle": verdict.kind(),
            "what": verdict.to_string(),
            "events": self.events,
            "virtual_seconds": self.virtual_time.as_secs(),
            "folder": kind.folder.as_ref().filter(|_| written.is_some()),
            "operations": shrunk.map(|shrunk| shrunk.operations),
            "times": kind.seen.times,
            "seeds": kind.seen.seeds,
            // The node's, as they stood then.
            "connections": texts(connections),
        })
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let speed = self.virtual_time.as_micros() / self.wall.as_micros().max(1);
        write!(f, "{} runs, {} failures", self.runs, self.failures)?;
        if self.failures > 0 {
            write!(f, " of {} kinds", self.kinds())?;
        }
        writeln!(
            f,
            ": {} socket events, {} messages, {} steps",
            self.events, self.messages, self.steps
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

/// Tells what a campaign came to, and what it has reached if it was guided; last, what could not be
/// written, which changes nothing about it.
pub(super) fn tell(
    out: &mut impl Write,
    arguments: &Arguments,
    summary: &Summary,
    kinds: &Kinds<'_>,
    reached: Option<&Reached<'_>>,
    interrupts: &Interrupts,
) -> Result<ExitCode, Error> {
    kinds.finish();
    let kinds = kinds.all();
    // Before anything else, since whoever reads the rest may leave.
    for first in &summary.found {
        tell_unwritten(&kinds[first.failure.kind]);
    }
    let told = tell_to(out, arguments, summary, &kinds, reached, interrupts);
    let found = exit(summary.failures > 0);
    match told {
        // Whoever read has seen enough, which does not make it a campaign without failures.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(found),
        Err(error) => Err(Error::Output(error)),
        Ok(()) => Ok(interrupts.status().unwrap_or(found)),
    }
}

fn tell_to(
    out: &mut impl Write,
    arguments: &Arguments,
    summary: &Summary,
    kinds: &[Kind],
    reached: Option<&Reached<'_>>,
    interrupts: &Interrupts,
) -> io::Result<()> {
    if arguments.json {
        let mut json = summary.json(kinds);
        json["interrupted"] = interrupts.came().into();
        if let Some(reached) = reached {
            json["reached"] = reached.json();
        }
        return writeln!(out, "{json}");
    }
    for first in summary.found.iter().take(FAILURES_TOLD_MAX) {
        tell_failure(out, arguments, &kinds[first.failure.kind])?;
    }
    for first in summary.found.iter().skip(FAILURES_TOLD_MAX) {
        tell_new(out, arguments, &kinds[first.failure.kind])?;
    }
    if interrupts.came() && !arguments.watch {
        writeln!(out, "interrupted: {}", arguments.progress(summary.runs))?;
    }
    writeln!(out, "{summary}")?;
    reached.map_or(Ok(()), |reached| write!(out, "{reached}"))
}

/// Says on stderr that a failure could not be written, if so.
pub(super) fn tell_unwritten(kind: &Kind) {
    if let Err(error) = &kind.written {
        // There is nowhere left to report to if this fails as well.
        let _ = writeln!(io::stderr(), "sim: seed {} is not written: {error}", kind.seed);
    }
}

/// One line for a failure: what and where.
pub(super) fn tell_new(out: &mut impl Write, arguments: &Arguments, kind: &Kind) -> io::Result<()> {
    let Kind { seed, world, report, folder, .. } = kind;
    let (subject, verdict) = (arguments.subject(*seed), report.told(None).line());
    let place = match folder {
        Some(folder) => folder.display().to_string(),
        None => format!("cargo sim run {}", arguments.replaying(*seed)),
    };
    writeln!(out, "seed {seed}, {subject}, world {world}: {verdict} -> {place}")
}

fn tell_failure(out: &mut impl Write, arguments: &Arguments, kind: &Kind) -> io::Result<()> {
    let Kind { seed, world, report, seen, .. } = kind;
    let folder = kind.folder.as_ref().filter(|_| kind.written.is_ok());
    let subject = arguments.subject(*seed);
    writeln!(out, "seed {seed}, {subject}, world {world}: {}", report.told(None))?;
    if seen.times > 1 {
        let seeds = seen.seeds.iter().take(SEEDS_SHOWN);
        let mut seeds: Vec<_> = seeds.map(u64::to_string).collect();
        if seen.times > seeds.len() as u64 {
            seeds.push("...".to_owned());
        }
        writeln!(out, "  seen:   {} times, by seeds {}", seen.times, seeds.join(", "))?;
    }
    if let Some(folder) = folder {
        writeln!(out, "  replay: cargo sim replay {}", folder.display())?;
        writeln!(out, "  look:   cargo sim show {}", folder.display())?;
    } else {
        writeln!(out, "  replay: cargo sim run {}", arguments.replaying(*seed))?;
    }
    writeln!(out, "  the node's connections then:")?;
    for conn in &report.connections {
        writeln!(out, "    {conn}")?;
    }
    let shrunk = kind.written.as_ref().ok().and_then(|shrunk| shrunk.as_ref());
    if let (Some(folder), Some(shrunk)) = (folder, shrunk) {
        let path = folder.join(files::SHRUNK_SCHEDULE);
        match &shrunk.stats {
            Some(stats) => writeln!(out, "  shrunk: {} ({stats})", path.display())?,
            None => writeln!(out, "  shrunk: {} (before)", path.display())?,
        }
        for line in shrunk.text.lines().take(SHRUNK_LINES_SHOWN) {
            writeln!(out, "    {line}")?;
        }
    }
    Ok(())
}

/// Puts outcomes in the order of their seeds, so that what they come to does not depend on the
/// number of threads.
pub(super) struct InOrder {
    next: u64,
    step: u64,
    /// Those that came before others that are still under way.
    early: BTreeMap<u64, Outcome>,
}

impl InOrder {
    /// Seeds from `next` on, each so many after the last.
    pub(super) const fn new(next: u64, step: u64) -> Self {
        Self { next, step, early: BTreeMap::new() }
    }

    pub(super) fn add(&mut self, outcome: Outcome) {
        self.early.insert(outcome.seed, outcome);
    }

    /// The next one, if it is there.
    pub(super) fn next(&mut self) -> Option<Outcome> {
        let outcome = self.early.remove(&self.next)?;
        self.next = self.next.saturating_add(self.step);
        Some(outcome)
    }
}
