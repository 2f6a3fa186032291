//! `shrink`: the smallest schedule that fails in the same way.

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use sockman_sim::shrink::{Budget, NotShrunk};
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
    let file = files::find_one(&arguments.path, "shrink")?;
    let schedule = files::read(&file)?.schedule;
    let interrupts = Interrupts::catch()?;
    let stop = Some(interrupts.flag());
    let budget = Budget { runs: arguments.runs, stop, ..Budget::default() };
    let shrunk = shrink_named(&schedule, &budget).map_err(|error| match error {
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
