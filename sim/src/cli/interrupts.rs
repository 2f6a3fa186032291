//! Ctrl-C and SIGTERM: a command that takes long ends early, and says what it has done so far.
//!
//! The first of them is caught and noted, and looked at where the command could stop; a SIGINT
//! after it ends the process at once. Commands that are over soon catch none of them.

use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;
use sockman::driver::{Clock as _, SystemClock};
use sockman::time::Instant;

use super::Error;

/// The signals that end a command early.
pub(super) const ENDING: [i32; 2] = [SIGINT, SIGTERM];

/// Added to the number of a signal in an exit status, as shells do.
const STATUS_OF_SIGNALS: u8 = 128;

/// Whether somebody wants the command to end. Copies are of the same one.
#[derive(Clone, Default)]
pub(super) struct Interrupts {
    came: Arc<AtomicBool>,
    /// The last one; 0 is none.
    signal: Arc<AtomicUsize>,
}

impl Interrupts {
    /// Catches the signals from now on.
    pub(super) fn catch() -> Result<Self, Error> {
        let interrupts = Self::default();
        interrupts.register().map_err(Error::Signals)?;
        Ok(interrupts)
    }

    /// Handlers run in the order of their registration.
    fn register(&self) -> std::io::Result<()> {
        // Asked before it is set, so that it is the second one that ends the process.
        flag::register_conditional_default(SIGINT, Arc::clone(&self.came))?;
        for signal in ENDING {
            let number = usize::try_from(signal).expect("signals have small numbers");
            // Set before the other, so that whoever sees that one came sees which.
            flag::register_usize(signal, Arc::clone(&self.signal), number)?;
            flag::register(signal, Arc::clone(&self.came))?;
        }
        Ok(())
    }

    /// Whether one has come.
    pub(super) fn came(&self) -> bool {
        self.came.load(Ordering::SeqCst)
    }

    /// Whether to go on: none has come, and of the time that there is, counted from now on, some is
    /// left.
    pub(super) fn goes_on_within(&self, limit: Option<Duration>) -> impl Fn() -> bool + use<> {
        let (interrupts, clock) = (self.clone(), SystemClock::start());
        let passed = move || clock.now().steady.since(Instant::START);
        move || !interrupts.came() && limit.is_none_or(|limit| passed() < limit)
    }

    /// What says whether one has come, for who knows nothing of signals.
    pub(super) fn flag(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.came)
    }

    /// The exit status, if one has come: 130 or 143.
    pub(super) fn status(&self) -> Option<ExitCode> {
        let signal = u8::try_from(self.signal.load(Ordering::SeqCst)).ok()?;
        self.came().then(|| ExitCode::from(STATUS_OF_SIGNALS + signal))
    }
}
