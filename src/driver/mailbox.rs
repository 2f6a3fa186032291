//! The one door between threads: a bounded queue of commands, and a waker.
//!
//! A sender pushes, then wakes. The driver drains, looks once more, then waits. Since a wake also
//! ends the wait that comes after it, no command is left lying in between.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};

use super::COMMANDS_MAX;
use crate::sockets::Wake;

/// What is asked for once, however often it is asked; and how many commands wait.
#[derive(Debug, Default)]
struct Flags {
    stop: AtomicBool,
    inspect: AtomicBool,
    /// Commands that were pushed and are not carried out yet, wherever they lie.
    waiting: AtomicUsize,
}

/// The senders' end. Cheap to clone.
#[derive(Debug)]
pub struct Mailbox<C, W> {
    sender: SyncSender<C>,
    flags: Arc<Flags>,
    waker: W,
}

impl<C, W: Clone> Clone for Mailbox<C, W> {
    fn clone(&self) -> Self {
        Self {
            sender: self.sender.clone(),
            flags: Arc::clone(&self.flags),
            waker: self.waker.clone(),
        }
    }
}

/// Why a command was not taken. It comes back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PushError<C> {
    /// As many wait as may: [`COMMANDS_MAX`].
    Full(C),
    /// The driver is gone.
    Stopped(C),
}

impl<C> fmt::Display for PushError<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Full(_) => write!(f, "{COMMANDS_MAX} commands wait already"),
            Self::Stopped(_) => f.write_str("the driver has stopped"),
        }
    }
}

impl<C: fmt::Debug> std::error::Error for PushError<C> {}

impl<C, W: Wake> Mailbox<C, W> {
    /// Hands a command over. Never blocks.
    ///
    /// # Errors
    ///
    /// It was not taken.
    pub fn push(&self, command: C) -> Result<(), PushError<C>> {
        let count = |waiting: usize| (waiting < COMMANDS_MAX).then_some(waiting + 1);
        let counted = &self.flags.waiting;
        if counted.fetch_update(Ordering::AcqRel, Ordering::Acquire, count).is_err() {
            return Err(PushError::Full(command));
        }
        self.sender.try_send(command).map_err(|error| match error {
            TrySendError::Full(command) => PushError::Full(command),
            TrySendError::Disconnected(command) => {
                // Nobody carries anything out any more, so that nothing waits.
                counted.store(0, Ordering::Release);
                PushError::Stopped(command)
            }
        })?;
        self.waker.wake();
        Ok(())
    }

    /// Asks the driver to end after the step under way. Asking twice is once.
    pub fn stop(&self) {
        self.flags.stop.store(true, Ordering::Release);
        self.waker.wake();
    }

    /// Asks the driver to show its observer the machine, after the step under way. It needs no
    /// room in the queue, so that a node which is drowning can be looked at. Asking again before
    /// it was shown is once.
    pub fn inspect(&self) {
        self.flags.inspect.store(true, Ordering::Release);
        self.waker.wake();
    }
}

/// The driver's end.
#[derive(Debug)]
pub(super) struct Inbox<C> {
    receiver: Receiver<C>,
    flags: Arc<Flags>,
}

impl<C> Inbox<C> {
    pub(super) fn take(&self) -> Option<C> {
        // Without a sender left nothing will ever come, which is the same as nothing now.
        self.receiver.try_recv().ok()
    }

    /// Makes room for as many as were carried out.
    pub(super) fn carried_out(&self, count: usize) {
        let before = self.flags.waiting.fetch_sub(count, Ordering::AcqRel);
        assert!(before >= count, "a command is carried out once");
    }

    pub(super) fn is_stopping(&self) -> bool {
        self.flags.stop.load(Ordering::Acquire)
    }

    /// Whether somebody asked to see the machine since the last time.
    pub(super) fn take_inspect(&self) -> bool {
        // The load alone is what nearly every step pays.
        let inspect = &self.flags.inspect;
        inspect.load(Ordering::Acquire) && inspect.swap(false, Ordering::AcqRel)
    }
}

impl<C> Drop for Inbox<C> {
    /// Nothing waits any more, so that who pushes is told why in vain.
    fn drop(&mut self) {
        self.flags.waiting.store(0, Ordering::Release);
    }
}

/// Both ends, where so many commands wait already.
pub(super) fn mailbox<C, W: Wake>(waker: W, waiting: usize) -> (Mailbox<C, W>, Inbox<C>) {
    let (sender, receiver) = sync_channel(COMMANDS_MAX);
    let flags = Arc::new(Flags { waiting: AtomicUsize::new(waiting), ..Flags::default() });
    let inbox = Inbox { receiver, flags: Arc::clone(&flags) };
    (Mailbox { sender, flags, waker }, inbox)
}
