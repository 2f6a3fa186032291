//! The loop of production: the machine's default order, and waiting when there is nothing to do.

use std::time::Duration;

use super::mailbox::{Inbox, mailbox};
use super::{COMMANDS_MAX, Choice, Clock, Machine, Mailbox};
use crate::sockets::{Event, Sockets, Wait, WaitError};
use crate::sockman::Tenant;
use crate::time::Now;

/// Who watches a driver. Called on its thread, between two steps.
pub trait Observer<S: Sockets, P: Tenant> {
    /// Hears what the tenant has to tell, in order, right after the step that caused it.
    fn handle_notice(&mut self, now: Now, notice: P::Notice);

    /// Sees the machine as it stands, because somebody [asked](Mailbox::inspect).
    fn handle_inspect(&mut self, now: Now, machine: &Machine<S, P>);
}

/// A machine with a backend to wait on, a clock, and a mailbox.
#[derive(Debug)]
pub struct Driver<S: Sockets, P: Tenant, C> {
    machine: Machine<S, P>,
    clock: C,
    inbox: Inbox<P::Command>,
    events: Vec<Event>,
    notices: Vec<P::Notice>,
    /// What time it was at the last look at the sockets. All steps up to the next look are made at
    /// this time, as in a simulation: reading two clocks costs as much as a step. `None`: to be
    /// read.
    now: Option<Now>,
}

impl<S: Sockets + Wait, P: Tenant, C: Clock> Driver<S, P, C> {
    /// A driver, and the mailbox by which other threads reach its tenant.
    pub fn new(machine: Machine<S, P>, clock: C) -> (Self, Mailbox<P::Command, S::Waker>) {
        let waker = machine.sockman().sockets().waker();
        let (mailbox, inbox) = mailbox(waker, machine.command_count());
        let (events, notices) = (Vec::new(), Vec::new());
        (Self { machine, clock, inbox, events, notices, now: None }, mailbox)
    }

    /// Runs until somebody [stops](Mailbox::stop) it, then closes every socket.
    ///
    /// # Errors
    ///
    /// Waiting failed. Every socket is closed in this case too.
    pub fn run(&mut self, observer: &mut impl Observer<S, P>) -> Result<(), WaitError> {
        let mut result = Ok(());
        while result.is_ok() && !self.inbox.is_stopping() {
            result = self.turn(observer);
        }
        let now = self.clock.now();
        self.machine.shutdown(now);
        self.report(now, observer);
        result
    }

    /// Makes one step, or looks at the sockets, or waits for them.
    fn turn(&mut self, observer: &mut impl Observer<S, P>) -> Result<(), WaitError> {
        let now = *self.now.get_or_insert_with(|| self.clock.now());
        if self.inbox.take_inspect() {
            observer.handle_inspect(now, &self.machine);
        }
        match self.machine.default_next(now) {
            Choice::Step(task) => {
                let before = self.machine.command_count();
                self.machine.step(now, task);
                let carried_out = before - self.machine.command_count();
                if carried_out > 0 {
                    self.inbox.carried_out(carried_out);
                }
                self.report(now, observer);
                Ok(())
            }
            Choice::Poll => {
                self.drain();
                self.wait(Some(Duration::ZERO))
            }
            Choice::Wait if self.drain() => Ok(()),
            Choice::Wait => {
                // The steps since the last reading have taken their time.
                let now = self.clock.now();
                let timeout = self.machine.next_wakeup(now).map(|at| at.since(now.steady));
                self.wait(timeout)
            }
        }
    }

    fn wait(&mut self, timeout: Option<Duration>) -> Result<(), WaitError> {
        self.machine.sockets_mut().wait(timeout, &mut self.events)?;
        self.now = None;
        self.machine.handle_ready(&self.events);
        Ok(())
    }

    /// Moves commands to the machine; whether there were any.
    fn drain(&mut self) -> bool {
        let before = self.machine.command_count();
        while self.machine.command_count() < COMMANDS_MAX {
            let Some(command) = self.inbox.take() else { break };
            self.machine.push_command(command).expect("there was room");
        }
        self.machine.command_count() > before
    }

    fn report(&mut self, now: Now, observer: &mut impl Observer<S, P>) {
        self.machine.take_notices(&mut self.notices);
        // Most steps have nothing to tell.
        if self.notices.is_empty() {
            return;
        }
        for notice in self.notices.drain(..) {
            tracing::debug!(at = %now.steady, ?notice, "notice");
            observer.handle_notice(now, notice);
        }
    }

    /// The machine, to look at.
    #[must_use]
    pub const fn machine(&self) -> &Machine<S, P> {
        &self.machine
    }
}
