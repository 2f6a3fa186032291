//! What the terminal, `kill` and service managers ask of the node.
//!
//! | signal            | effect                                                        |
//! |-------------------|---------------------------------------------------------------|
//! | SIGINT, SIGTERM   | an orderly end; a second SIGINT ends the process at once      |
//! | SIGUSR1           | every connection is written to the log                        |
//!
//! A thread of its own waits for them, asleep, and passes them on by the mailbox. SIGPIPE is
//! ignored, as in every program of Rust's: a closed pipe is an error of the write.

use std::{io, thread};

use signal_hook::consts::{SIGINT, SIGTERM, SIGUSR1};
use signal_hook::iterator::Signals;
use signal_hook::low_level::emulate_default_handler;
use sockman::driver::Mailbox;
use sockman::sockets::Wake;

/// The signals that are caught from now on, and kept until they are passed on.
pub(crate) struct Caught(Signals);

/// Catches the signals, before there is anybody to tell.
///
/// # Errors
///
/// The system has no descriptor left, or forbids it.
pub(crate) fn catch() -> io::Result<Caught> {
    Ok(Caught(Signals::new([SIGINT, SIGTERM, SIGUSR1])?))
}

impl Caught {
    /// Passes signals on for as long as the process lives.
    ///
    /// # Errors
    ///
    /// The system has no thread left.
    pub(crate) fn forward<C, W>(mut self, mailbox: Mailbox<C, W>) -> io::Result<()>
    where
        C: Send + 'static,
        W: Wake + Send + 'static,
    {
        let forward = move || {
            let mut stopping = false;
            for signal in self.0.forever() {
                match signal {
                    SIGUSR1 => mailbox.inspect(),
                    SIGINT if stopping => {
                        // OK to ignore: it does not come back for a signal that kills.
                        let _unreached = emulate_default_handler(SIGINT);
                    }
                    _ => {
                        stopping = true;
                        mailbox.stop();
                    }
                }
            }
        };
        thread::Builder::new().name("signals".to_owned()).spawn(forward)?;
        Ok(())
    }
}
