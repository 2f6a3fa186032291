//! The machine: a socket manager and its tenant as a set of tasks, each a sequence of steps.
//!
//! ```text
//!  wait --> handle_ready --> Socket: one socket call | deliver its event --.
//!  mailbox --> push_command --> Commands: one command ---------------------+--> actions, each a
//!  clock --> Tenant(n): one message, one timer, one dial ------------------'    step of that task
//! ```
//!
//! What stands between two steps of a task (an event read but not delivered, actions not yet
//! executed) is state of the task, so that any order of the others in between can be explored. The
//! driver of production runs [`Machine::default_next`]; the simulator chooses freely among what is
//! [runnable](Machine::next_step). There is no other code path.

use std::collections::VecDeque;

use crate::files::{FileCompletion, FileRequest};
use crate::sockets::{ConnId, ConnectError, More, Sockets, Source};
use crate::sockman::{
    Action, ConnFailure, Dial, Event, SendOutcome, SockMan, StepName, TaskId, Tenant,
};
use crate::time::{Instant, Now};

/// Most commands that wait; a push beyond is refused.
pub const COMMANDS_MAX: usize = 1024;

/// Steps that the default order makes before it looks at the sockets again, so that no amount of
/// queued messages keeps a new connection waiting for longer.
pub const STEPS_PER_POLL_MAX: u32 = 64;

/// One of a machine's tasks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Task {
    /// All socket calls, and the delivery of what they bring.
    Socket,
    /// What other threads ask.
    Commands,
    /// One of the tenant's own.
    Tenant(TaskId),
}

impl Task {
    /// Its place in the order of [`Machine::tasks`].
    #[must_use]
    pub const fn place(self) -> u8 {
        match self {
            Self::Socket => 0,
            Self::Commands => 1,
            Self::Tenant(TaskId(n)) => 2 + n,
        }
    }

    /// The task at a place.
    #[must_use]
    pub const fn at(place: u8) -> Self {
        match place {
            0 => Self::Socket,
            1 => Self::Commands,
            n => Self::Tenant(TaskId(n - 2)),
        }
    }
}

/// What the default order does next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Choice {
    /// Make a step of this task.
    Step(Task),
    /// Look at the sockets without waiting, because some time has passed since the last look.
    Poll,
    /// Nothing to do before [`Machine::next_wakeup`] or an event: wait.
    Wait,
}

/// What a step did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Did {
    /// Made a socket call; its event, if it brought one, is held until the task's next step.
    Called {
        /// On which socket.
        source: Source,
        /// What it brought.
        event: Option<&'static str>,
    },
    /// Delivered the event of the last call.
    Delivered(Event),
    /// Executed an action.
    Executed {
        /// Its name.
        action: &'static str,
        /// The connection concerned.
        conn: Option<ConnId>,
        /// What came of it.
        outcome: Outcome,
    },
    /// Handed a command to the tenant.
    Commanded,
    /// Let a task of the tenant's make a step.
    Stepped(TaskId),
}

/// What came of an action.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It was done.
    Done,
    /// The connection was gone already.
    Gone,
    /// The kernel took this many bytes.
    Sent(usize),
    /// An attempt to connect could not begin.
    DialFailed(ConnectError),
    /// The connection failed.
    Failed(crate::sockets::Failure),
}

/// A socket manager with its tenant. See the head of the module.
#[derive(Clone, Debug)]
pub struct Machine<S: Sockets, P: Tenant> {
    sockman: SockMan<S, P::Conn>,
    tenant: P,
    /// The event of a socket call that was made and not yet delivered.
    held: Option<Event>,
    commands: VecDeque<P::Command>,
    /// Per task, in the order of [`Machine::tasks`]: what its last step asked for.
    pending: Vec<VecDeque<Action<P::Conn>>>,
    /// Where a step leaves its actions, reused.
    actions: Vec<Action<P::Conn>>,
    /// The task that made the last step.
    last: Task,
    steps_since_poll: u32,
}

impl<S: Sockets, P: Tenant> Machine<S, P> {
    /// A machine at rest.
    pub fn new(sockman: SockMan<S, P::Conn>, tenant: P) -> Self {
        let tasks = 2 + P::TASKS.len();
        Self {
            sockman,
            tenant,
            held: None,
            commands: VecDeque::new(),
            pending: (0..tasks).map(|_| VecDeque::new()).collect(),
            actions: Vec::new(),
            last: Task::Socket,
            steps_since_poll: 0,
        }
    }

    // Inputs.

    /// Takes in what a wait reported.
    pub fn handle_ready(&mut self, events: &[crate::sockets::Event]) {
        self.steps_since_poll = 0;
        self.sockman.handle_ready(events);
    }

    /// Takes in what another thread asks.
    ///
    /// # Errors
    ///
    /// The command comes back: [`COMMANDS_MAX`] wait already.
    pub fn push_command(&mut self, command: P::Command) -> Result<(), P::Command> {
        if self.commands.len() >= COMMANDS_MAX {
            return Err(command);
        }
        self.commands.push_back(command);
        Ok(())
    }

    /// Listens, before the first step.
    ///
    /// # Errors
    ///
    /// Nothing was opened.
    pub fn listen(
        &mut self,
        now: Now,
        at: &crate::sockets::Endpoint,
    ) -> Result<crate::sockets::ListenerId, crate::sockets::ListenError> {
        let listener = self.sockman.listen(at)?;
        self.tenant.handle_listening(now, listener);
        Ok(listener)
    }

    /// Takes in what came of an operation on files that the tenant has asked for.
    pub fn handle_file_completed(&mut self, now: Now, completion: FileCompletion) {
        self.tenant.handle_file_completed(now, completion);
    }

    /// Closes everything and tells the tenant, which makes no step any more. What it keeps may ask
    /// for operations on files until all of it is saved.
    pub fn shutdown(&mut self, now: Now) {
        self.held = None;
        self.sockman.note_told();
        for queue in &mut self.pending {
            queue.clear();
        }
        for (conn, state) in self.sockman.shutdown() {
            self.tenant.handle_closed(now, conn, state, &mut self.actions);
        }
        self.actions.clear();
        self.tenant.handle_shutdown(now);
    }

    // The choice.

    /// All tasks, in the order in which the default takes turns.
    pub fn tasks() -> impl Iterator<Item = Task> {
        (0..Self::task_count()).map(Task::at)
    }

    fn task_count() -> u8 {
        let own = u8::try_from(P::TASKS.len()).expect("a tenant has a handful of tasks");
        Task::Tenant(TaskId(own)).place()
    }

    /// A task's name, as schedules write it.
    #[must_use]
    pub fn task_name(task: Task) -> &'static str {
        match task {
            Task::Socket => "socket",
            Task::Commands => "commands",
            Task::Tenant(TaskId(n)) => P::TASKS[usize::from(n)],
        }
    }

    /// What the next step of a task would be about; `None` if it has nothing to do now.
    pub fn next_step(&self, now: Now, task: Task) -> Option<StepName<'_>> {
        if let Some(action) = self.pending[usize::from(task.place())].front() {
            return Some(StepName { verb: action.name(), object: "", conn: action.conn() });
        }
        match task {
            Task::Socket => {
                if let Some(event) = &self.held {
                    return Some(StepName {
                        verb: "delivers",
                        object: event.name(),
                        conn: event.conn(),
                    });
                }
                let source = self.sockman.next_source(now.steady)?;
                Some(match source {
                    Source::Listener(_) => StepName { verb: "accepts", object: "", conn: None },
                    Source::Conn(conn) => StepName { verb: "serves", object: "", conn: Some(conn) },
                })
            }
            Task::Commands => {
                self.commands.front()?;
                Some(StepName { verb: "commanded", object: "", conn: None })
            }
            Task::Tenant(id) => self.tenant.next_step(now, id, self.sockman.conns()),
        }
    }

    /// What production does next: the actions of the last step first, then the tasks in turn, one
    /// step each; and after some steps a look at the sockets.
    #[must_use]
    pub fn default_next(&self, now: Now) -> Choice {
        let polls = self.steps_since_poll >= STEPS_PER_POLL_MAX;
        match self.default_task(now) {
            None => Choice::Wait,
            Some(_) if polls => Choice::Poll,
            Some(task) => Choice::Step(task),
        }
    }

    /// The task whose turn it is, among those that have a step.
    fn default_task(&self, now: Now) -> Option<Task> {
        if self.pending_count(self.last) > 0 {
            return Some(self.last);
        }
        let last = self.last.place();
        let has_step = |place: &u8| self.has_step(now, Task::at(*place));
        let next = (last + 1..Self::task_count()).find(has_step);
        next.or_else(|| (0..=last).find(has_step)).map(Task::at)
    }

    /// Whether there is a [next step](Self::next_step), without its name.
    fn has_step(&self, now: Now, task: Task) -> bool {
        let has = self.pending_count(task) > 0
            || match task {
                Task::Socket => self.held.is_some() || self.sockman.has_work(now.steady),
                Task::Commands => !self.commands.is_empty(),
                Task::Tenant(id) => self.tenant.next_step(now, id, self.sockman.conns()).is_some(),
            };
        debug_assert_eq!(has, self.next_step(now, task).is_some(), "a step has a name");
        has
    }

    /// When a step will be due, if nothing happens before: now, if one is due already.
    #[must_use]
    pub fn next_wakeup(&self, now: Now) -> Option<Instant> {
        let sockets = self.sockman.next_wakeup();
        let tenant = self.tenant.next_wakeup(now);
        [sockets, tenant].into_iter().flatten().min()
    }

    // The work.

    /// Makes the next step of a task.
    ///
    /// # Panics
    ///
    /// If it has none: [`next_step`](Self::next_step) says so.
    pub fn step(&mut self, now: Now, task: Task) -> Did {
        let index = usize::from(task.place());
        self.last = task;
        self.steps_since_poll = self.steps_since_poll.saturating_add(1);
        let did = match self.pending[index].pop_front() {
            Some(action) => self.execute(now, action),
            None => self.advance(now, task),
        };
        // Most steps ask for nothing, and most others for one thing.
        if let Some(last) = self.actions.pop() {
            let pending = &mut self.pending[index];
            if !self.actions.is_empty() {
                pending.extend(self.actions.drain(..));
            }
            pending.push_back(last);
        }
        tracing::trace!(at = %now.steady, task = Self::task_name(task), ?did, "step");
        did
    }

    /// The task's own next step.
    fn advance(&mut self, now: Now, task: Task) -> Did {
        match task {
            Task::Socket => match self.held.take() {
                Some(event) => self.deliver(now, event),
                None => self.call(now),
            },
            Task::Commands => {
                let command = self.commands.pop_front().expect("the task is runnable");
                let conns = self.sockman.conns_mut();
                self.tenant.handle_command(now, command, conns, &mut self.actions);
                Did::Commanded
            }
            Task::Tenant(id) => {
                self.tenant.step(now, id, self.sockman.conns_mut(), &mut self.actions);
                Did::Stepped(id)
            }
        }
    }

    /// One socket call. Being writable is no news to the tenant: it is answered with the send.
    fn call(&mut self, now: Now) -> Did {
        let source = self.sockman.next_source(now.steady).expect("the task is runnable");
        let event = self.sockman.step(now.steady);
        if let Some(Event::Writable { conn }) = event {
            self.sockman.note_told();
            return self.send(now, conn);
        }
        let name = event.as_ref().map(Event::name);
        self.held = event;
        Did::Called { source, event: name }
    }

    fn deliver(&mut self, now: Now, event: Event) -> Did {
        self.sockman.note_told();
        let actions = &mut self.actions;
        if let Event::Received { conn, count } = event {
            let (bytes, conns) = self.sockman.received(count);
            self.tenant.handle_received(now, conn, bytes, conns, actions);
        } else {
            self.tenant.handle_event(now, &event, self.sockman.conns_mut(), actions);
        }
        Did::Delivered(event)
    }

    fn execute(&mut self, now: Now, action: Action<P::Conn>) -> Did {
        let name = action.name();
        let conn = action.conn();
        let outcome = match action {
            Action::Send(conn) => return self.send(now, conn),
            Action::Dial(dial) => return self.dial(now, *dial),
            Action::Receive(conn) => self.set_receiving(conn),
            Action::Close(conn) => match self.sockman.close(conn) {
                Ok(state) => {
                    self.tenant.handle_closed(now, conn, state, &mut self.actions);
                    Outcome::Done
                }
                Err(crate::sockets::Stale) => Outcome::Gone,
            },
            Action::Finish { conn, within } => {
                self.sockman.finish(conn, now.steady + within);
                Outcome::Done
            }
            Action::StopListening(listener) => match self.sockman.stop_listening(listener) {
                Ok(()) => Outcome::Done,
                Err(crate::sockets::Stale) => Outcome::Gone,
            },
        };
        Did::Executed { action: name, conn, outcome }
    }

    fn set_receiving(&mut self, conn: ConnId) -> Outcome {
        match self.sockman.conns().get(conn).map(P::reads) {
            None => return Outcome::Gone,
            Some(true) => self.sockman.resume(conn),
            Some(false) => self.sockman.pause(conn),
        }
        Outcome::Done
    }

    fn dial(&mut self, now: Now, dial: Dial<P::Conn>) -> Did {
        let Dial { to, timeout, state } = dial;
        let (conn, outcome) = match self.sockman.dial(now.steady, to, timeout, state) {
            Ok(conn) => {
                self.tenant.handle_dialing(now, conn, self.sockman.conns_mut());
                (Some(conn), Outcome::Done)
            }
            Err((state, error)) => {
                self.tenant.handle_dial_failed(now, state, error, &mut self.actions);
                (None, Outcome::DialFailed(error))
            }
        };
        Did::Executed { action: "dial", conn, outcome }
    }

    fn send(&mut self, now: Now, conn: ConnId) -> Did {
        let actions = &mut self.actions;
        let (mut more, mut offered) = (More::No, 0);
        let sent = self.sockman.send(conn, |state, slices| {
            more = P::gather(state, slices);
            offered = slices.byte_count();
            more
        });
        let outcome = match sent {
            SendOutcome::Accepted(count) => {
                let conns = self.sockman.conns_mut();
                self.tenant.handle_sent(now, conn, count, conns, actions);
                // After a short count the socket manager waits for room.
                if more == More::Yes && count > 0 && count == offered {
                    actions.push(Action::Send(conn));
                }
                Outcome::Sent(count)
            }
            SendOutcome::Gone => Outcome::Gone,
            SendOutcome::Failed(failure) => {
                let event = Event::Failed { conn, error: ConnFailure::Lost(failure) };
                self.tenant.handle_event(now, &event, self.sockman.conns_mut(), actions);
                Outcome::Failed(failure)
            }
        };
        Did::Executed { action: "send", conn: Some(conn), outcome }
    }

    /// Moves what the tenant has to tell to the end of `notices`. Asked after every step.
    pub fn take_notices(&mut self, notices: &mut Vec<P::Notice>) {
        self.tenant.take_notices(notices);
    }

    /// Moves the operations on files that the tenant asks for to the end of `requests`. Asked after
    /// every step, after each completion, and after the end, by a driver that has files.
    pub fn take_file_requests(&mut self, requests: &mut Vec<FileRequest>) {
        self.tenant.take_file_requests(requests);
    }

    // Getters.

    /// The socket manager.
    #[must_use]
    pub const fn sockman(&self) -> &SockMan<S, P::Conn> {
        &self.sockman
    }

    /// The backend, for who waits on it.
    pub const fn sockets_mut(&mut self) -> &mut S {
        self.sockman.sockets_mut()
    }

    /// The tenant.
    #[must_use]
    pub const fn tenant(&self) -> &P {
        &self.tenant
    }

    /// How many commands wait.
    #[must_use]
    pub fn command_count(&self) -> usize {
        self.commands.len()
    }

    /// How many actions a task has asked for that were not executed.
    #[must_use]
    pub fn pending_count(&self, task: Task) -> usize {
        self.pending[usize::from(task.place())].len()
    }

    /// Checks what must always hold.
    pub fn check_invariants(&self) {
        self.sockman.check_invariants();
        self.tenant.check_invariants(self.sockman.conns());
        assert!(self.commands.len() <= COMMANDS_MAX, "the queue of commands is bounded");
        assert!(self.actions.is_empty(), "actions are moved to their task with each step");
    }
}
