//! The loop of production: the machine's default order, and waiting when there is nothing to do.
//! What the tenant asks of files is handed over after each step, and comes back after a look at the
//! sockets.

use std::sync::Arc;
use std::time::Duration;

use super::{Clock, Door, Machine, Mailbox, OsFiles, Task, Turn, Turns};
use crate::files::{FileRequest, Files};
use crate::sockets::{Event, Sockets, Wait, WaitError};
use crate::sockman::Tenant;
use crate::time::Now;

#[cfg(test)]
mod tests;

/// Who watches a driver. Called on its thread, between two steps.
pub trait Observer<S: Sockets, P: Tenant> {
    /// Hears what the tenant has to tell, in order, right after the step that caused it.
    fn handle_notice(&mut self, now: Now, notice: P::Notice);

    /// Sees the machine as it stands, because somebody [asked](Mailbox::inspect).
    fn handle_inspect(&mut self, now: Now, machine: &Machine<S, P>);
}

/// A machine with a backend to wait on, a clock, a mailbox, and files if its tenant keeps some.
#[derive(Debug)]
pub struct Driver<S: Sockets, P: Tenant, C, F = OsFiles> {
    machine: Machine<S, P>,
    clock: C,
    /// `None`: what the tenant asks of files is not done.
    files: Option<F>,
    /// Where operations on files pass through, reused.
    requests: Vec<FileRequest>,
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
    /// A driver without files, and the mailbox by which other threads reach its tenant.
    pub fn new(machine: Machine<S, P>, clock: C) -> (Self, Mailbox<P::Command, S::Waker>) {
        Self::with_files(machine, clock, None)
    }
}

impl<S: Sockets + Wait, P: Tenant, C: Clock, F: Files> Driver<S, P, C, F> {
    /// A driver with files, and the mailbox by which other threads reach its tenant. What completes
    /// on the files wakes whoever waits on the machine's backend, and nothing is under way on them.
    pub fn with_files(
        machine: Machine<S, P>,
        clock: C,
        files: Option<F>,
    ) -> (Self, Mailbox<P::Command, S::Waker>) {
        let waker = machine.sockman().sockets().waker();
        let door = Arc::new(Door::new(machine.command_count()));
        let mailbox = Mailbox::new(Arc::clone(&door), waker);
        let turns = Turns::default();
        let (requests, events, notices) = (Vec::new(), Vec::new(), Vec::new());
        let driver =
            Self { machine, clock, files, requests, door, turns, events, notices, now: None };
        (driver, mailbox)
    }

    /// Runs until somebody [stops](Mailbox::stop) it, then closes every socket, and waits until
    /// what the tenant keeps is saved or was tried in vain.
    ///
    /// # Errors
    ///
    /// Waiting failed. Every socket is closed and everything saved in this case too.
    pub fn run(&mut self, observer: &mut impl Observer<S, P>) -> Result<(), WaitError> {
        let mut result = Ok(true);
        while result == Ok(true) {
            result = self.turn(observer);
        }
        let now = self.clock.now();
        self.machine.shutdown(now);
        self.report(now, observer);
        self.begin_on_files();
        while let Some(completion) = self.files.as_mut().and_then(Files::wait) {
            let now = self.clock.now();
            self.machine.handle_file_completed(now, completion);
            self.report(now, observer);
            self.begin_on_files();
        }
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
            Turn::Poll => self.wait(Some(Duration::ZERO), observer)?,
            Turn::Wait => {
                // The steps since the last reading have taken their time.
                let now = self.clock.now();
                let timeout = self.machine.next_wakeup(now).map(|at| at.since(now.steady));
                self.wait(timeout, observer)?;
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
        self.begin_on_files();
    }

    /// Waits for sockets, files, the mailbox, or the time, and takes in what there is.
    fn wait(
        &mut self,
        timeout: Option<Duration>,
        observer: &mut impl Observer<S, P>,
    ) -> Result<(), WaitError> {
        self.machine.sockets_mut().wait(timeout, &mut self.events)?;
        self.turns.looked();
        self.now = None;
        self.machine.handle_ready(&self.events);
        // What is asked for in answer is begun below, so that a fast disk does not keep us here.
        while let Some(completion) = self.files.as_mut().and_then(Files::take_completed) {
            let now = *self.now.get_or_insert_with(|| self.clock.now());
            self.machine.handle_file_completed(now, completion);
            self.report(now, observer);
        }
        self.begin_on_files();
        Ok(())
    }

    /// Hands over what the tenant asks of files, if there are any. Never waits for them.
    #[inline]
    fn begin_on_files(&mut self) {
        if self.files.is_some() {
            self.hand_over();
        }
    }

    fn hand_over(&mut self) {
        let Some(files) = &mut self.files else { return };
        self.machine.take_file_requests(&mut self.requests);
        for request in self.requests.drain(..) {
            files.begin(request).expect("a tenant knows how many may be under way");
        }
    }

    /// Tells what there is to tell. Most steps have nothing.
    #[inline]
    fn report(&mut self, now: Now, observer: &mut impl Observer<S, P>) {
        self.machine.take_notices(&mut self.notices);
        if !self.notices.is_empty() {
            self.tell(now, observer);
        }
    }

    fn tell(&mut self, now: Now, observer: &mut impl Observer<S, P>) {
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

impl<S: Sockets, P: Tenant, C, F> Drop for Driver<S, P, C, F> {
    fn drop(&mut self) {
        self.door.close();
    }
}
