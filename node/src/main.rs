//! `sockmand`: a Bitcoin node that is a connection manager and nothing else.
//!
//! ```text
//! command line --> options --> node: sockets, sockman, connman, driver <--> kept: files
//!                                |  ^                      ^
//!                        notices |  | stop, inspect        | calls and answers
//!                                v  |                      v
//!                   log <-- report  signals    rpc: sockets, sockman, http, driver
//! ```
//!
//! Nothing in this package decides anything about the network. It knows the library through its
//! public face alone.

use std::fmt;
use std::io::{self, ErrorKind, Write as _};
use std::process::ExitCode;

mod descriptors;
mod directory;
mod kept;
mod log;
mod node;
mod options;
mod report;
mod rpc;
mod signals;
mod snapshot;

use options::Request;

fn main() -> ExitCode {
    let args = std::env::args_os().skip(1).map(|arg| arg.to_string_lossy().into_owned());
    match options::parse(args) {
        Ok(Request::Show(text)) => show(&text),
        Ok(Request::Run(options)) => match node::run(*options) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => fail(&error),
        },
        Err(error) => fail(&error),
    }
}

fn show(text: &str) -> ExitCode {
    let mut out = io::stdout();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Ok(()) => ExitCode::SUCCESS,
        // Whoever closed the pipe has seen enough; nobody is left to be told.
        Err(error) if error.kind() == ErrorKind::BrokenPipe => ExitCode::FAILURE,
        Err(error) => fail(&format_args!("Cannot write to stdout: {error}")),
    }
}

/// Core: `InitError`: one message on stderr.
fn fail(error: &dyn fmt::Display) -> ExitCode {
    // OK to ignore: the exit status says the same.
    let _unseen = writeln!(io::stderr(), "Error: {error}");
    ExitCode::FAILURE
}
