//! `network`: many whole nodes on one network, and what becomes of it.

use std::io::Write;
use std::ops::Range;
use std::process::ExitCode;
use std::time::Duration;

use serde::Serialize;
use sockman::driver::{Clock as _, SystemClock};
use sockman::time::Instant;
use sockman_sim::nodes::{Counts, NODES_MAX, Network, Plan, Sample};

use super::Error;
use super::campaign::parse_time;
use super::interrupts::Interrupts;

/// How much simulated time passes between two looks at whether somebody wants an end.
const SLICE: Duration = Duration::from_secs(10);

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// How many nodes; the last one joins half way
    #[arg(long, default_value_t = 100,
          value_parser = clap::value_parser!(u32).range(2..=i64::from(NODES_MAX)))]
    nodes: u32,
    /// For how long, in simulated time
    #[arg(long, default_value = "24h", value_parser = parse_time, value_name = "TIME")]
    time: Duration,
    /// How often to look, in simulated time
    #[arg(long, default_value = "1h", value_parser = parse_time, value_name = "TIME")]
    every: Duration,
    /// What everything that is drawn follows from
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// How many addresses each node begins with
    #[arg(long, default_value_t = 32, value_parser = clap::value_parser!(u32).range(1..=1000))]
    known: u32,
    /// What the way from corner to corner takes, in milliseconds
    #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u32).range(0..=10_000))]
    latency: u32,
    /// Nodes come and go, and are up for so long in the mean
    #[arg(long, value_parser = parse_time, value_name = "TIME")]
    uptime: Option<Duration>,
    /// From when to when the west does not reach the east, since the start
    #[arg(long, value_parser = parse_cut, value_name = "FROM..TO")]
    cut: Option<Range<Duration>>,
    /// Nodes speak v2
    #[arg(long)]
    v2: bool,
    /// JSON in place of the table
    #[arg(long)]
    json: bool,
}

/// What a run comes to. Times of the machine's are beside what follows from the plan.
#[derive(Serialize)]
struct Report {
    nodes: u32,
    seed: u64,
    simulated_secs: u64,
    samples: Vec<Sample>,
    /// After which time the last node had all the connections that it opens.
    newcomer_full_after_millis: Option<u64>,
    #[serde(flatten)]
    counts: Counts,
    trace: String,
    /// Thousandths of a second of this machine's.
    took_millis: u64,
    /// Of this process's memory; none where that is not known.
    bytes_a_node: Option<u64>,
}

pub(super) fn execute(arguments: &Arguments, out: &mut impl Write) -> Result<ExitCode, Error> {
    let latency = Duration::from_millis(arguments.latency.into());
    let plan = Plan {
        seed: arguments.seed,
        known: arguments.known,
        latency,
        uptime: arguments.uptime,
        cut: arguments.cut.clone(),
        v2: arguments.v2,
        ..Plan::new(arguments.nodes, arguments.time)
    };
    let interrupts = Interrupts::catch()?;
    let (clock, memory) = (SystemClock::start(), resident_bytes());
    let mut network = Network::new(plan);
    if !arguments.json {
        writeln!(out, "{HEAD}")?;
    }
    let (mut samples, mut at) = (Vec::new(), Duration::ZERO);
    let mut next = arguments.every;
    while at < arguments.time && !interrupts.came() {
        at = (at + SLICE).min(next).min(arguments.time);
        network.run_until(Instant::START + at);
        if at < next && at < arguments.time {
            continue;
        }
        next += arguments.every;
        let sample = network.sample();
        if !arguments.json {
            write_row(out, &sample)?;
        }
        samples.push(sample);
    }
    let used = memory.zip(resident_bytes()).map(|(before, now)| now.saturating_sub(before));
    let report = report(&network, samples, at, clock.now().steady.since(Instant::START), used);
    if arguments.json {
        let text = serde_json::to_string_pretty(&report);
        writeln!(out, "{}", text.map_err(|error| Error::Output(error.into()))?)?;
    } else {
        write_end(out, &report)?;
    }
    Ok(interrupts.status().unwrap_or(ExitCode::SUCCESS))
}

fn report(
    network: &Network,
    samples: Vec<Sample>,
    at: Duration,
    took: Duration,
    used: Option<u64>,
) -> Report {
    let Plan { nodes, seed, .. } = *network.plan();
    Report {
        nodes,
        seed,
        simulated_secs: at.as_secs(),
        samples,
        newcomer_full_after_millis: network.newcomer_full_after().map(millis),
        counts: *network.counts(),
        trace: network.hash().to_string(),
        took_millis: millis(took),
        bytes_a_node: used.map(|used| used / u64::from(nodes)),
    }
}

const HEAD: &str = "\
   time     up  full  block  most  sets  largest  steps  far  cross   known   tried  known  newest
         nodes  relay  relay    in        in 1000   mean       east   addresses a node   in 1000";

fn write_row(out: &mut impl Write, sample: &Sample) -> std::io::Result<()> {
    let hours = format!("{}:{:02}", sample.at_secs / 3600, sample.at_secs / 60 % 60);
    writeln!(
        out,
        "{hours:>7} {:>6} {:>5} {:>6} {:>5} {:>5} {:>8} {:>6} {:>4} {:>6} {:>7} {:>7} {:>6} {:>7}",
        sample.up,
        hundredths(sample.full_relay_hundredths),
        hundredths(sample.block_relay_hundredths),
        sample.inbound_most,
        sample.components,
        sample.largest_thousandths,
        hundredths(sample.distance_hundredths),
        sample.distance_most,
        sample.crossing,
        hundredths(sample.known_hundredths),
        hundredths(sample.tried_hundredths),
        sample.known_thousandths,
        sample.newcomer_thousandths,
    )
}

fn write_end(out: &mut impl Write, report: &Report) -> std::io::Result<()> {
    match report.newcomer_full_after_millis {
        Some(millis) => {
            let (secs, rest) = (millis / 1000, millis % 1000);
            writeln!(out, "the last node had all its connections after {secs}.{rest:03} s")?;
        }
        None => writeln!(out, "the last node has not all its connections")?,
    }
    let Report { counts, trace, took_millis, .. } = report;
    let Counts { segments, messages, steps, events, .. } = counts;
    let took = (*took_millis).max(1);
    writeln!(
        out,
        "{segments} segments, {messages} messages, {events} socket events, {steps} steps; \
         trace {trace}"
    )?;
    write!(
        out,
        "{} s in {}.{:03} s ({} times as fast), {} socket events/s",
        report.simulated_secs,
        took / 1000,
        took % 1000,
        report.simulated_secs * 1000 / took,
        events * 1000 / took,
    )?;
    match report.bytes_a_node {
        Some(bytes) => writeln!(out, ", {} KiB a node", bytes >> 10),
        None => writeln!(out),
    }
}

fn hundredths(number: u32) -> String {
    format!("{}.{:02}", number / 100, number % 100)
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

/// What this process holds of memory; `None` where there is no such file.
fn resident_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kibibytes: u64 = line.trim().strip_suffix(" kB")?.parse().ok()?;
    Some(kibibytes << 10)
}

/// Two times since the start, as in `6h..8h`.
fn parse_cut(text: &str) -> Result<Range<Duration>, String> {
    let expected = || format!("{text:?}: expected two times as in 6h..8h");
    let (from, to) = text.split_once("..").ok_or_else(expected)?;
    let range = parse_time(from)?..parse_time(to)?;
    if range.is_empty() { Err(format!("{text}: it ends before it begins")) } else { Ok(range) }
}
