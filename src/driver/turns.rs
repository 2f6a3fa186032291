//! The loop of a driver, cut where another thread may come in between.
//!
//! ```text
//!  .-> stop? --> inspect? --> machine: step ----------------------------------.
//!  |                                   poll --> drain --> look ---> drain ----+
//!  |                                   wait --> drain --> any? ---------------+
//!  |                                               '-----> wait ---> drain ---+
//!  '--------------------------------------------------------------------------'
//! ```
//!
//! The door is emptied before the machine goes on after a look at the sockets: a command that came
//! with other work takes its turn with it, and does not wait until all of that is done.
//!
//! Whoever leaves something at the [`Door`] leaves it first and wakes then. A wake also ends the
//! wait that comes after it, so that nothing is left lying between the last look at the door and
//! the wait.

use super::{COMMANDS_MAX, Choice, Door, Task};

#[cfg(test)]
mod tests;

/// What a driver does next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    /// Close everything and end.
    Stop,
    /// Show the machine to whoever asked.
    Inspect,
    /// Let a task make a step.
    Step(Task),
    /// Take in what was left at the door.
    Drain,
    /// Look at the sockets without waiting.
    Poll,
    /// Wait: the last look at the door was in vain.
    Wait,
}

/// Where a driver stands in its loop.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Turns {
    /// Whether nothing was done since the door was last emptied.
    drained: bool,
    /// Whether nothing was done since the machine was last shown.
    shown: bool,
    /// Whether the sockets were looked at, and the door not yet.
    is_due: bool,
}

impl Turns {
    /// What comes next, by what lies at the door and what the machine would do.
    pub fn next<C>(&self, door: &Door<C>, machine: impl FnOnce() -> Choice) -> Turn {
        if door.is_stopping() {
            return Turn::Stop;
        }
        if !self.shown && door.is_inspected() {
            return Turn::Inspect;
        }
        if self.is_due {
            return Turn::Drain;
        }
        match machine() {
            Choice::Step(task) => Turn::Step(task),
            Choice::Poll | Choice::Wait if !self.drained => Turn::Drain,
            Choice::Poll => Turn::Poll,
            Choice::Wait => Turn::Wait,
        }
    }

    /// Notes that the machine is shown now, which is once for all who have asked.
    pub fn show<C>(&mut self, door: &Door<C>) {
        door.note_shown();
        self.shown = true;
    }

    /// Takes all that was left at the door, in order; how many. There is room for it, since the
    /// door counts what is not carried out.
    pub fn drain<C>(&mut self, door: &Door<C>, mut take: impl FnMut(C)) -> usize {
        *self = Self { drained: true, shown: false, is_due: false };
        let mut count = 0;
        // Bounded, so that whoever pushes without a pause does not keep the driver here.
        while count < COMMANDS_MAX {
            let Some(command) = door.take() else { break };
            take(command);
            count += 1;
        }
        count
    }

    /// Notes that the machine has made a step: before the next wait the door is due again.
    pub const fn went_on(&mut self) {
        self.drained = false;
        self.shown = false;
    }

    /// Notes that the sockets were looked at, after a wait or without one: the door is due now.
    pub const fn looked(&mut self) {
        *self = Self { drained: false, shown: false, is_due: true };
    }
}
