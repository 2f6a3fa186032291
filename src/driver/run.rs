//! The loop of production: the machine's default order, and waiting when there is nothing to do.

use std::sync::Arc;
use std::time::Duration;

use super::{Clock, Door, Machine, Mailbox, Task, Turn, Turns};
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
    door: Arc<Door<P::Command>>,
    turns: Turns,
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
        let door = Arc::new(Door::new(machine.command_count()));
        let mailbox = Mailbox::new(Arc::clone(&door), waker);
        let turns = Turns::default();
        let (events, notices) = (Vec::new(), Vec::new());
        (Self { machine, clock, door, turns, events, notices, now: None }, mailbox)
    }

    /// Runs until somebody [stops](Mailbox::stop) it, then closes every socket.
    ///
    /// # Errors
    ///
    /// Waiting failed. Every socket is closed in this case too.
    pub fn run(&mut self, observer: &mut impl Observer<S, P>) -> Result<(), WaitError> {
        let mut result = Ok(true);
        while result == Ok(true) {
            result = self.turn(observer);
        }
        let now = self.clock.now();
        self.machine.shutdown(now);
        self.report(now, observer);
        result.map(drop)
    }

    /// One turn of the loop; whether there is another.
    fn turn(&mut self, observer: &mut impl Observer<S, P>) -> Result<bool, WaitError> {
        let now = *self.now.get_or_insert_with(|| self.clock.now());
        match self.turns.next(&self.door, || self.machine.default_next(now)) {
            Turn::Stop => return Ok(false),
            Turn::Inspect => {
                self.turns.show(&self.door);
                observer.handle_inspect(now, &self.machine);
            }
            Turn::Step(task) => self.step(now, task, observer),
            Turn::Drain => {
                let machine = &mut self.machine;
                self.turns.drain(&self.door, |command| {
                    machine.push_command(command).expect("the door counts what waits");
                });
            }
            Turn::Poll => self.wait(Some(Duration::ZERO))?,
            Turn::Wait => {
                // The steps since the last reading have taken their time.
                let now = self.clock.now();
                let timeout = self.machine.next_wakeup(now).map(|at| at.since(now.steady));
                self.wait(timeout)?;
            }
        }
        Ok(true)
    }

    fn step(&mut self, now: Now, task: Task, observer: &mut impl Observer<S, P>) {
        let before = self.machine.command_count();
        self.machine.step(now, task);
        let carried_out = before - self.machine.command_count();
        if carried_out > 0 {
            self.door.carried_out(carried_out);
        }
        self.turns.went_on();
        self.report(now, observer);
    }

    fn wait(&mut self, timeout: Option<Duration>) -> Result<(), WaitError> {
        self.machine.sockets_mut().wait(timeout, &mut self.events)?;
        self.turns.looked();
        self.now = None;
        self.machine.handle_ready(&self.events);
        Ok(())
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

impl<S: Sockets, P: Tenant, C> Drop for Driver<S, P, C> {
    fn drop(&mut self) {
        self.door.close();
    }
}
