//! Programs that are run, of which none outlives this one: if a signal ends it early, they go
//! first.
//!
//! Each is a group of processes of its own, with all that it starts. So Ctrl-C at a terminal
//! reaches this process alone, which has to pass it on; nothing can be done about a SIGKILL.

use std::io;
use std::os::unix::process::CommandExt as _;
use std::process::{Command, Output, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;

use rustix::process::{Pid, Signal, kill_process_group};
use signal_hook::iterator::Signals;

use crate::cli::Error;
use crate::cli::interrupts::{ENDING, Interrupts};

/// What is run, one after another.
pub(super) struct Children {
    interrupts: Interrupts,
    running: Running,
}

/// The group that runs now.
#[derive(Clone, Default)]
struct Running(Arc<Mutex<Option<Pid>>>);

impl Running {
    /// OK to go on after a panic: every change is whole.
    fn lock(&self) -> MutexGuard<'_, Option<Pid>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Children {
    /// Nothing runs yet. From now on a signal ends what does.
    pub(super) fn new(interrupts: Interrupts) -> Result<Self, Error> {
        let running = Running::default();
        // After `interrupts`: when this thread hears of a signal, no further child begins.
        let mut signals = Signals::new(ENDING).map_err(Error::Signals)?;
        let ended = running.clone();
        let end = move || {
            for _ in signals.forever() {
                if let Some(group) = *ended.lock() {
                    // None of them has anything to lose. OK to fail: then it is over already.
                    let _ = kill_process_group(group, Signal::KILL);
                }
            }
        };
        let spawned = thread::Builder::new().name("signals".to_owned()).spawn(end);
        spawned.map_err(Error::Signals)?;
        Ok(Self { interrupts, running })
    }

    /// Runs a command to its end; `None` if a signal came first.
    pub(super) fn output(&self, command: &mut Command) -> io::Result<Option<Output>> {
        command.process_group(0).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut running = self.running.lock();
        // Asked with the lock held: either this sees the signal, or its thread sees the child.
        if self.interrupts.came() {
            return Ok(None);
        }
        let child = command.spawn()?;
        *running = Some(Pid::from_child(&child));
        drop(running);
        let output = child.wait_with_output();
        *self.running.lock() = None;
        Ok(Some(output?).filter(|_| !self.interrupts.came()))
    }
}
