//! `why`: when did a failure become inevitable?

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use sockman_sim::subjects::why_named;
use sockman_sim::why::{Budget, NotExplained, Why};

use super::campaign::{parse_count, parse_time};
use super::files::Read;
use super::interrupts::Interrupts;
use super::{Error, files};

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// A text, a failure folder or an artifact, that fails
    path: PathBuf,
    #[command(flatten)]
    manner: Manner,
    /// One JSON object in place of the plot
    #[arg(long)]
    json: bool,
}

/// How much is tried.
#[derive(clap::Args)]
pub(crate) struct Manner {
    /// Runs that go on from each prefix of the run that fails: more of them, narrower intervals
    #[arg(long, default_value_t = Budget::default().runs, value_name = "N")]
    #[arg(value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    runs: u32,
    /// Stop after so many socket events of these runs: 500k, 20M [default: 10M]
    #[arg(long, value_parser = parse_count, value_name = "COUNT")]
    events: Option<u64>,
    /// Stop after so long, wherever that is: 90s, 10m
    #[arg(long, value_parser = parse_time, value_name = "TIME")]
    time: Option<Duration>,
}

pub(super) fn execute(arguments: &Arguments, out: &mut impl Write) -> Result<ExitCode, Error> {
    let file = files::find_one(&arguments.path, "explain")?;
    let read = files::read(&file)?;
    let interrupts = Interrupts::catch()?;
    let why = explain(&file, &read, &arguments.manner, &interrupts)?;
    if arguments.json {
        let mut json = why.to_json();
        json["schedule"] = file.display().to_string().into();
        json["interrupted"] = interrupts.came().into();
        writeln!(out, "{json}")?;
    } else {
        writeln!(out, "{}: {}", file.display(), why.verdict.line())?;
        writeln!(out, "{why}")?;
    }
    Ok(interrupts.status().unwrap_or(ExitCode::SUCCESS))
}

/// Finds it out.
pub(super) fn explain(
    file: &Path,
    read: &Read,
    manner: &Manner,
    interrupts: &Interrupts,
) -> Result<Why, Error> {
    let default = Budget::default();
    let events = manner.events.unwrap_or(default.events);
    let budget = Budget { runs: manner.runs, events, ..default };
    let goes_on = interrupts.goes_on_within(manner.time);
    let why = why_named(&read.schedule, budget, goes_on);
    why.map_err(|error| match error {
        NotExplained::Setup(error) => read.setup_error(file, error),
        NotExplained::NoFailure(_) => Error::Usage(format!("{}: {error}", file.display())),
    })
}
