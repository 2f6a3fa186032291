//! The one door between threads: a bounded queue of commands, and a waker.
//!
//! A sender pushes, then wakes. The driver drains, looks once more, then waits. Since a wake also
//! ends the wait that comes after it, no command is left lying in between.

use std::sync::Arc;

use super::{Door, PushError, Then};
use crate::sockets::Wake;

/// The senders' end. Cheap to clone.
#[derive(Debug)]
pub struct Mailbox<C, W> {
    door: Arc<Door<C>>,
    waker: W,
}

impl<C, W: Clone> Clone for Mailbox<C, W> {
    fn clone(&self) -> Self {
        Self { door: Arc::clone(&self.door), waker: self.waker.clone() }
    }
}

impl<C, W: Wake> Mailbox<C, W> {
    /// The end of a door whose driver waits on what this waker wakes.
    pub(super) const fn new(door: Arc<Door<C>>, waker: W) -> Self {
        Self { door, waker }
    }

    /// Hands a command over. Never waits for the driver.
    ///
    /// # Errors
    ///
    /// It was not taken.
    pub fn push(&self, command: C) -> Result<(), PushError<C>> {
        let then = self.door.push(command)?;
        self.go_on(then);
        Ok(())
    }

    /// Asks the driver to end after the step under way. Asking twice is once.
    pub fn stop(&self) {
        self.go_on(self.door.stop());
    }

    /// Asks the driver to show its observer the machine, after the step under way. It needs no
    /// room in the queue, so that a node which is drowning can be looked at. Asking again before
    /// it was shown is once.
    pub fn inspect(&self) {
        self.go_on(self.door.inspect());
    }

    fn go_on(&self, then: Then) {
        match then {
            Then::Wake => self.waker.wake(),
            Then::Nothing => {}
        }
    }
}
