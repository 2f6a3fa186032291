//! What the terminal, `kill` and service managers ask of the node.
//!
//! | signal            | effect                                                                 |
//! |-------------------|------------------------------------------------------------------------|
//! | SIGINT, SIGTERM   | an orderly end; a SIGINT after either ends the process at once         |
//! | SIGUSR1           | every connection is written to the log                                 |
//! | SIGHUP            | the log's file is opened anew, as after it was moved away              |
//!
//! A thread of its own waits for them, asleep, and passes them on by mailboxes. Only the end at
//! once is the handler's own, so that it needs no thread that still works. SIGPIPE is ignored, as
//! in every program of Rust's: a closed pipe is an error of the write.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::{io, thread};

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGUSR1};
use signal_hook::flag;
use signal_hook::iterator::Signals;

use crate::rpc::Stop;

/// The signals that are caught from now on, and kept until they are passed on.
pub(crate) struct Caught(Signals);

/// Catches the signals, before there is anybody to tell. SIGHUP sets `reopens_log`.
///
/// # Errors
///
/// The system has no descriptor left, or forbids it.
pub(crate) fn catch(reopens_log: Arc<AtomicBool>) -> io::Result<Caught> {
    let is_stopping = Arc::new(AtomicBool::new(false));
    // Asked before it is set: handlers run in the order in which they were registered.
    flag::register_conditional_default(SIGINT, Arc::clone(&is_stopping))?;
    flag::register(SIGINT, Arc::clone(&is_stopping))?;
    flag::register(SIGTERM, is_stopping)?;
    flag::register(SIGHUP, reopens_log)?;
    Ok(Caught(Signals::new([SIGINT, SIGTERM, SIGUSR1])?))
}

impl Caught {
    /// Passes signals on for as long as the process lives.
    ///
    /// # Errors
    ///
    /// The system has no thread left.
    pub(crate) fn forward(mut self, to: Stop) -> io::Result<()> {
        let forward = move || {
            for signal in self.0.forever() {
                match signal {
                    SIGUSR1 => to.node.inspect(),
                    _ => to.stop(),
                }
            }
        };
        thread::Builder::new().name("signals".to_owned()).spawn(forward)?;
        Ok(())
    }
}
