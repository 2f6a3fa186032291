//! What lies behind the mailbox: a bounded queue of commands, and what is asked for once.
//!
//! A door is a value. Production shares one between threads, by [`Mailbox`](super::Mailbox); a
//! simulator owns one and takes the threads' steps in whatever order it likes. It wakes nobody
//! itself: what is left to do is the answer, [`Then`].

use std::collections::VecDeque;
use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::COMMANDS_MAX;

/// What whoever has left something at a door does next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "a driver that sleeps does not see what was left"]
pub enum Then {
    /// Wake the driver.
    Wake,
    /// Nothing: somebody has asked for the same before, and wakes it for both.
    Nothing,
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

/// The queue and the flags. See the head of the module.
#[derive(Debug)]
pub struct Door<C> {
    queue: Mutex<VecDeque<C>>,
    /// Commands that were pushed and are not carried out yet, wherever they lie.
    waiting: AtomicUsize,
    stop: AtomicBool,
    inspect: AtomicBool,
    /// Nobody takes anything in any more.
    closed: AtomicBool,
}

impl<C> Door<C> {
    /// A door behind which nothing lies, of a driver that has so many commands already.
    #[must_use]
    pub const fn new(waiting: usize) -> Self {
        Self {
            queue: Mutex::new(VecDeque::new()),
            waiting: AtomicUsize::new(waiting),
            stop: AtomicBool::new(false),
            inspect: AtomicBool::new(false),
            closed: AtomicBool::new(false),
        }
    }

    // The outside.

    /// Leaves a command. Waits for nobody but who takes or leaves another at this moment.
    ///
    /// # Errors
    ///
    /// It was not taken.
    pub fn push(&self, command: C) -> Result<Then, PushError<C>> {
        let mut queue = self.queue();
        // Asked with the queue in hand, as it is closed, so that nothing is left to nobody.
        if self.closed.load(Ordering::Acquire) {
            return Err(PushError::Stopped(command));
        }
        if self.waiting() >= COMMANDS_MAX {
            return Err(PushError::Full(command));
        }
        self.waiting.fetch_add(1, Ordering::AcqRel);
        queue.push_back(command);
        Ok(Then::Wake)
    }

    /// Asks for the end. Asking twice is once.
    pub fn stop(&self) -> Then {
        if self.stop.swap(true, Ordering::AcqRel) { Then::Nothing } else { Then::Wake }
    }

    /// Asks to be shown the machine. Asking again before that is once.
    pub fn inspect(&self) -> Then {
        if self.inspect.swap(true, Ordering::AcqRel) { Then::Nothing } else { Then::Wake }
    }

    // The inside.

    /// Takes the command that was left first.
    pub fn take(&self) -> Option<C> {
        self.queue().pop_front()
    }

    /// Makes room for as many as were carried out.
    ///
    /// # Panics
    ///
    /// If so many were never taken.
    pub fn carried_out(&self, count: usize) {
        let before = self.waiting.fetch_sub(count, Ordering::AcqRel);
        assert!(before >= count, "a command is carried out once");
    }

    /// Whether somebody asked for the end.
    #[must_use]
    pub fn is_stopping(&self) -> bool {
        self.stop.load(Ordering::Acquire)
    }

    /// Whether somebody asked to be shown the machine since that was last done.
    #[must_use]
    pub fn is_inspected(&self) -> bool {
        self.inspect.load(Ordering::Acquire)
    }

    /// Notes that it is shown now.
    pub fn note_shown(&self) {
        self.inspect.store(false, Ordering::Release);
    }

    /// Takes in nothing any more: who pushes is told why in vain.
    pub fn close(&self) {
        let mut queue = self.queue();
        self.closed.store(true, Ordering::Release);
        queue.clear();
    }

    // Getters.

    /// Commands that were left and not taken.
    #[must_use]
    pub fn left(&self) -> usize {
        self.queue().len()
    }

    /// Commands that were left and are not carried out, at most [`COMMANDS_MAX`].
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.waiting.load(Ordering::Acquire)
    }

    /// Whether something lies here that the driver has not looked at.
    #[must_use]
    pub fn has_news(&self) -> bool {
        self.is_stopping() || self.is_inspected() || self.left() > 0
    }

    fn queue(&self) -> MutexGuard<'_, VecDeque<C>> {
        // OK because no push and no take can end halfway.
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<C: Clone> Clone for Door<C> {
    /// Another door, with the same behind it.
    fn clone(&self) -> Self {
        let flag = |flag: &AtomicBool| AtomicBool::new(flag.load(Ordering::Acquire));
        Self {
            queue: Mutex::new(self.queue().clone()),
            waiting: AtomicUsize::new(self.waiting()),
            stop: flag(&self.stop),
            inspect: flag(&self.inspect),
            closed: flag(&self.closed),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_more_is_taken_than_may_wait_until_something_is_carried_out() {
        let door = Door::new(1);
        let taken = (1..).take_while(|n| door.push(*n) == Ok(Then::Wake)).count();
        assert_eq!(taken, COMMANDS_MAX - 1);
        assert_eq!(door.take(), Some(1));
        assert_eq!(door.push(0), Err(PushError::Full(0)), "taken is not carried out");
        door.carried_out(1);
        assert_eq!(door.push(0), Ok(Then::Wake));
    }

    #[test]
    fn who_asks_first_wakes() {
        let door = Door::<u8>::new(0);
        assert_eq!([door.stop(), door.stop()], [Then::Wake, Then::Nothing]);
        assert_eq!([door.inspect(), door.inspect()], [Then::Wake, Then::Nothing]);
        door.note_shown();
        assert_eq!(door.inspect(), Then::Wake);
    }

    #[test]
    fn a_clone_is_a_door_of_its_own() {
        let door = Door::new(0);
        assert_eq!(door.push(7), Ok(Then::Wake));
        let other = door.clone();
        door.close();
        assert_eq!(door.push(8), Err(PushError::Stopped(8)));
        assert_eq!((door.take(), other.take()), (None, Some(7)));
        assert_eq!(other.waiting(), 1);
    }
}
