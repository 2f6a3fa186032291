//! The command line: one module a command.
//!
//! Exit status: 0 all is well, 1 something was found, 2 the command could not be carried out, 130
//! SIGINT ended it early, 143 SIGTERM did. A campaign that has found something says 1 also if it
//! could not write it down, which it then says on stderr: what was found is in its report. So it
//! is if it was interrupted.

use std::fmt;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use sockman_sim::bugs::BugError;
use sockman_sim::run::SetupError;
use sockman_sim::schedule::ParseError;

mod artifacts;
mod bugs;
mod campaign;
mod convert;
mod diff;
mod explore;
mod failures;
mod files;
mod interrupts;
mod live;
mod migrate;
mod network;
mod places;
mod promote;
mod prose;
mod record;
mod replay;
mod shrink;
mod tally;
mod why;

const RUN_EXAMPLE: &str = "\
Example: cargo sim run --seeds 0..1000 --jobs 2
         cargo sim run --time 10m --failures shared/failures
         cargo sim run --seeds 0..4000 --shard 0/4
         cargo sim run --watch
         cargo sim run --canary

Exit status: 0 no failure, 1 some, 2 not carried out, 130 or 143 a signal ended it early";

const FAILURES_EXAMPLE: &str = "\
Example: cargo sim failures
         cargo sim failures from-machine-1 from-machine-2 --html failures.html

Exit status: 0 all of them were read, 2 some could not be";

const SHOW_EXAMPLE: &str = "\
Example: cargo sim show corpus/connman/unknown_message_is_ignored.case
         cargo sim show target/sim/failures/connman-bounds-3fa92c1b --html run.html
         cargo sim show target/sim/failures/connman-bounds-3fa92c1b --pcap run.pcapng
         cargo sim show target/sim/failures/connman-bounds-3fa92c1b --perfetto run.json";

const PROMOTE_EXAMPLE: &str = "\
Example: cargo sim promote fuzz/artifacts/connman/crash-1 short_send_loses_no_byte \\
             --why 'The rest of a chunk was lost after a short send.' \\
             --source 'found by fuzzing; docs/behaviour.md, connman 7.5'";

const EXPLORE_EXAMPLE: &str = "\
Example: cargo sim explore corpus/connman/unknown_message_is_ignored.case
         cargo sim explore small.case --from 40 --depth 14 --transitions 5M

Exit status: 0 no order fails, 1 some do, 2 it could not be explored";

const WHY_EXAMPLE: &str = "\
Example: cargo sim why target/sim/failures/connman-bounds-3fa92c1b
         cargo sim why target/sim/failures/connman-bounds-3fa92c1b/shrunk.case --runs 256 --json
         cargo sim show target/sim/failures/connman-bounds-3fa92c1b --html a.html --why";

const RECORD_EXAMPLE: &str = "\
Example: cargo sim record --listen 127.0.0.1:18555 --to 127.0.0.1:18444 --out session.case
         and then let the other node connect to 127.0.0.1:18555, with -v2transport=0";

const DIFF_EXAMPLE: &str = "\
Example: cargo sim diff --left 'exec: before/bitcoind' --right 'exec: after/bitcoind' corpus
         cargo sim diff --left 127.0.0.1:18444 --right 127.0.0.1:18445 corpus --html diff.html

Exit status: 0 no schedule is different, 1 some are, 2 a control failed or one could not be run";

const MUTANTS_EXAMPLE: &str = "\
Example: cargo mutants --list --json --file 'src/sockman/**' > list.json
         cargo sim mutants list.json --draw 20 --seed 7

Exit status: 0 enough are noticed in each room, 1 they are not, 2 it could not be seen";

/// Deterministic simulation of a Bitcoin connection manager.
#[derive(Parser)]
#[command(name = "sim", version, arg_required_else_help = true)]
pub(crate) struct Command {
    #[command(subcommand)]
    action: Action,
}

#[derive(Subcommand)]
enum Action {
    /// Run a campaign over seeds
    #[command(after_help = RUN_EXAMPLE)]
    Run(campaign::Arguments),
    /// List what campaigns have found: how often, since when, by which seeds
    #[command(after_help = FAILURES_EXAMPLE)]
    Failures(failures::Arguments),
    /// List the worlds that a campaign draws from
    #[command(after_help = "Example: cargo sim run --world narrow")]
    Worlds,
    /// Run schedules: texts, failure folders, libFuzzer artifacts
    #[command(after_help = "Example: cargo sim replay corpus/connman")]
    Replay(replay::Arguments),
    /// Run schedules with two nodes and show where they behave differently
    #[command(after_help = DIFF_EXAMPLE)]
    Diff(diff::Arguments),
    /// Show what happens in a schedule, as a timeline
    #[command(after_help = SHOW_EXAMPLE)]
    Show(replay::ShowArguments),
    /// Make a schedule that fails as small as it fails in the same way
    #[command(after_help = "Example: cargo sim shrink target/sim/failures/connman-bounds-3fa92c1b")]
    Shrink(shrink::Arguments),
    /// Run a small script in all orders, up to a depth
    #[command(after_help = EXPLORE_EXAMPLE)]
    Explore(explore::Arguments),
    /// Find out when a failure became inevitable, and by which step
    #[command(after_help = WHY_EXAMPLE)]
    Why(why::Arguments),
    /// Turn bytes (a libFuzzer artifact) into the text of a schedule
    #[command(after_help = "Example: cargo sim import fuzz/artifacts/connman/crash-1 > new.case")]
    Import(convert::ImportArguments),
    /// Turn the text of a schedule into bytes for a fuzzer, or into a test of Bitcoin Core's
    #[command(after_help = "Example: cargo sim export corpus/connman --to fuzz/corpus/connman")]
    Export(convert::ExportArguments),
    /// Record what a node says to another, as a schedule
    #[command(after_help = RECORD_EXAMPLE)]
    Record(record::Arguments),
    /// Make a case of the corpus of what fails
    #[command(after_help = PROMOTE_EXAMPLE)]
    Promote(promote::Arguments),
    /// Rewrite texts of an earlier format in the present one, in place
    #[command(after_help = "Example: cargo sim migrate corpus bugs")]
    Migrate(migrate::Arguments),
    /// Count the order lines anew of cases that have drifted, in place
    #[command(after_help = "Example: cargo sim re-record corpus && git diff corpus")]
    ReRecord(migrate::RerecordArguments),
    /// Run many whole nodes on one network, and see what it comes to
    #[command(after_help = "Example: cargo sim network --nodes 100 --time 6h --every 30m")]
    Network(network::Arguments),
    /// Put real bugs back, one at a time, and see who finds them
    #[command(after_help = "Example: cargo sim bugs --check --only B006,B008")]
    Bugs(bugs::Arguments),
    /// Put in mutants that a program has drawn up, one at a time, and see who notices
    #[command(after_help = MUTANTS_EXAMPLE)]
    Mutants(bugs::mutants::Arguments),
}

/// Why a command could not be carried out.
#[derive(Debug)]
pub(crate) enum Error {
    /// Writing what it has to say.
    Output(io::Error),
    /// Reading or writing a file.
    File(PathBuf, io::Error),
    /// A text that is not a schedule.
    Parse(Box<ParseError>),
    /// A schedule that makes no sense, and has no place in a text for it.
    Setup(PathBuf, SetupError),
    /// Nothing to do.
    NoSchedules(PathBuf),
    /// Catching signals.
    Signals(io::Error),
    /// A signal came first; see [`interrupts`].
    Interrupted,
    /// A bug's file, or a change in it.
    Bug(BugError),
    /// Another program, or what it said.
    Tool(String),
    /// An argument that makes no sense.
    Usage(String),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Output(error) => write!(f, "cannot write: {error}"),
            Self::File(path, error) => write!(f, "{}: {error}", path.display()),
            Self::Parse(error) => error.fmt(f),
            Self::Setup(path, error) => write!(f, "{}: {error}", path.display()),
            Self::NoSchedules(path) => write!(f, "{}: no schedules here", path.display()),
            Self::Signals(error) => write!(f, "signals cannot be caught: {error}"),
            Self::Interrupted => f.write_str("interrupted"),
            Self::Bug(error) => error.fmt(f),
            Self::Tool(problem) | Self::Usage(problem) => f.write_str(problem),
        }
    }
}

impl From<io::Error> for Error {
    fn from(error: io::Error) -> Self {
        Self::Output(error)
    }
}

impl Error {
    fn file(path: &Path) -> impl FnOnce(io::Error) -> Self + '_ {
        move |error| Self::File(path.to_owned(), error)
    }
}

/// Does what was asked.
pub(crate) fn execute(command: Command, out: &mut impl Write) -> Result<ExitCode, Error> {
    match command.action {
        Action::Run(arguments) => campaign::execute(&arguments, out),
        Action::Failures(arguments) => failures::execute(&arguments, out),
        Action::Worlds => campaign::list_worlds(out),
        Action::Replay(arguments) => replay::execute(&arguments, out),
        Action::Diff(arguments) => diff::execute(&arguments, out),
        Action::Show(arguments) => replay::show(&arguments, out),
        Action::Shrink(arguments) => shrink::execute(&arguments, out),
        Action::Explore(arguments) => explore::execute(&arguments, out),
        Action::Why(arguments) => why::execute(&arguments, out),
        Action::Import(arguments) => convert::import(&arguments, out),
        Action::Export(arguments) => convert::export(&arguments, out),
        Action::Promote(arguments) => promote::execute(&arguments, out),
        Action::Record(arguments) => record::execute(&arguments, out),
        Action::Migrate(arguments) => migrate::execute(&arguments, out),
        Action::ReRecord(arguments) => migrate::execute_rerecord(&arguments, out),
        Action::Network(arguments) => network::execute(&arguments, out),
        Action::Bugs(arguments) => bugs::execute(&arguments, out),
        Action::Mutants(arguments) => bugs::mutants::execute(&arguments, out),
    }
}

/// Shows `tracing` events on stderr as `RUST_LOG` asks; nothing without it.
pub(crate) fn subscribe() {
    use std::io::IsTerminal as _;

    use tracing_subscriber::EnvFilter;
    let filter = EnvFilter::builder()
        .with_default_directive(tracing_subscriber::filter::LevelFilter::OFF.into())
        .from_env_lossy();
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(io::stderr)
        // Colours are for people; a file or another program has them in its way.
        .with_ansi(io::stderr().is_terminal())
        // The events carry the time of their world.
        .without_time()
        .init();
}

/// Each as it is shown.
fn texts(all: &[impl fmt::Display]) -> Vec<String> {
    all.iter().map(ToString::to_string).collect()
}

/// Found, or not.
fn exit(found: bool) -> ExitCode {
    if found { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}
