//! `shrink`: the smallest schedule that fails in the same way.

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use sockman_sim::fuzz;
use sockman_sim::run::Verdict;
use sockman_sim::shrink::{Budget, NotShrunk, Shrunk};
use sockman_sim::subjects::shrink_named;

use super::interrupts::Interrupts;
use super::{Error, files};

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// A text, a failure folder or an artifact
    path: PathBuf,
    /// Runs that it may take, at most
    #[arg(long, default_value_t = Budget::default().runs, value_name = "N")]
    #[arg(value_parser = clap::value_parser!(u32).range(1..))]
    runs: u32,
    /// Where the text goes [default: standard output]
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
}

pub(super) fn execute(arguments: &Arguments, out: &mut impl Write) -> Result<ExitCode, Error> {
    let files = files::find(&arguments.path)?;
    let [file] = files.as_slice() else {
        let (path, count) = (arguments.path.display(), files.len());
        return Err(Error::Usage(format!("{path}: {count} schedules; shrink one at a time")));
    };
    let files::Read { schedule, source } = files::read(file)?;
    let interrupts = Interrupts::catch()?;
    let stop = Some(interrupts.flag());
    let budget = Budget { runs: arguments.runs, stop, ..Budget::default() };
    // What is not text is a fuzzer's, and is run as its target runs it.
    let as_fuzzed = match source {
        None => fails(shrink_named(&fuzz::tame(schedule.clone()), &budget)),
        Some(_) => None,
    };
    let shrunk = as_fuzzed.map_or_else(|| shrink_named(&schedule, &budget), Ok);
    let shrunk = shrunk.map_err(|error| match error {
        NotShrunk::Passes => Error::Usage(format!("{}: {error}", file.display())),
        NotShrunk::Setup(error) => Error::Setup(file.clone(), error),
    })?;
    let text = shrunk.schedule.to_string();
    match &arguments.output {
        Some(path) => files::write_whole(path, text.as_bytes())?,
        None => out.write_all(text.as_bytes())?,
    }
    // Beside the text, so that the text can go into a file.
    writeln!(io::stderr(), "{}", shrunk.stats)?;
    Ok(interrupts.status().unwrap_or(ExitCode::SUCCESS))
}

/// What a fuzz target would have stopped at.
fn fails(shrunk: Result<Shrunk, NotShrunk>) -> Option<Shrunk> {
    shrunk.ok().filter(|shrunk| matches!(shrunk.verdict, Verdict::Failed(_)))
}
