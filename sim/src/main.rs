//! The `sim` command: campaigns, replays, and views of what happened.

use std::io::{self, ErrorKind, Write};
use std::process::ExitCode;

use clap::Parser;

mod cli;

fn main() -> ExitCode {
    let command = cli::Command::parse();
    sockman_sim::panics::note_quietly();
    cli::subscribe();
    let stdout = io::stdout();
    match cli::execute(command, &mut stdout.lock()) {
        Ok(code) => code,
        // Whoever read our output has seen enough.
        Err(cli::Error::Output(error)) if error.kind() == ErrorKind::BrokenPipe => {
            ExitCode::SUCCESS
        }
        Err(error) => {
            // There is nowhere left to report to if this fails as well.
            let _ = writeln!(io::stderr(), "sim: {error}");
            ExitCode::from(2)
        }
    }
}
