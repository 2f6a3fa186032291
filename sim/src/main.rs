//! The `sim` command: campaigns, replays, and views of what happened.

use std::io::{self, ErrorKind, Write};
use std::process::ExitCode;

use clap::Parser;

mod cli;

fn main() -> ExitCode {
    let command = match cli::Command::try_parse() {
        Ok(command) => command,
        Err(answer) => return show(&answer),
    };
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

/// Help that was asked for, on stdout; or what is wrong with the arguments, on stderr.
fn show(answer: &clap::Error) -> ExitCode {
    match answer.print().and_then(|()| io::stdout().flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            let _ = writeln!(io::stderr(), "sim: {}", cli::Error::Output(error));
            ExitCode::from(2)
        }
        Ok(()) | Err(_) if answer.use_stderr() => ExitCode::from(2),
        Ok(()) | Err(_) => ExitCode::SUCCESS,
    }
}
