//! What lives on the socket manager: a P2P connection manager, an HTTP server, an echo.

use std::fmt;

use super::{Action, Conns, Event, Slices};
use crate::files::{FileCompletion, FileRequest};
use crate::sockets::{ConnId, ConnectError, ListenerId, More};
use crate::time::{Instant, Now};

/// One of a tenant's own tasks: its place in [`Tenant::TASKS`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TaskId(pub u8);

/// What a step is about, in the words of a schedule: `handles verack from` a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StepName<'a> {
    /// What is done: `handles`, `fires`.
    pub verb: &'static str,
    /// To what: a message's command, a timer's name; may be empty.
    pub object: &'a str,
    /// The connection concerned, if there is one.
    pub conn: Option<ConnId>,
}

impl fmt::Display for StepName<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.verb)?;
        if !self.object.is_empty() {
            write!(f, " {}", self.object)?;
        }
        match self.conn {
            Some(conn) => write!(f, " {conn}"),
            None => Ok(()),
        }
    }
}

/// A state machine on top of the socket manager: events in, actions out.
///
/// It makes no system call and reads no clock. Its state per connection lives in the manager's
/// table, which is passed to every call. Its queue of unsent bytes is its own: an [`Action::Send`]
/// names a connection, the driver then asks [`gather`](Self::gather) for the bytes, offers them to
/// the kernel, and reports with [`handle_sent`](Self::handle_sent) how many were taken.
///
/// What would be several threads elsewhere is several tasks here, each a sequence of steps. The
/// driver chooses between them; the actions of a step are steps of the same task, and come before
/// its next one. A tenant that only answers has no task, dials nobody, and leaves those methods
/// out.
pub trait Tenant {
    /// State per connection.
    type Conn: fmt::Debug;
    /// What other threads may ask of it.
    type Command: fmt::Debug;
    /// What it tells the application and whoever watches: data, not log lines.
    type Notice: fmt::Debug;

    /// Names of its tasks, as schedules write them.
    const TASKS: &'static [&'static str] = &[];

    /// Takes in an event other than [`Event::Received`] and [`Event::Writable`].
    fn handle_event(
        &mut self,
        now: Now,
        event: &Event,
        conns: &mut Conns<Self::Conn>,
        actions: &mut Vec<Action<Self::Conn>>,
    );

    /// Takes in bytes, at least one. The connection may be one that the tenant has ended since they
    /// were read.
    fn handle_received(
        &mut self,
        now: Now,
        conn: ConnId,
        bytes: &[u8],
        conns: &mut Conns<Self::Conn>,
        actions: &mut Vec<Action<Self::Conn>>,
    );

    /// Whether bytes of this connection are wanted now. Asked when an [`Action::Receive`] is
    /// executed.
    fn reads(conn: &Self::Conn) -> bool;

    /// The bytes that are next to be sent, without copying them; and whether more follows at once,
    /// for which the driver asks again as soon as these are taken.
    fn gather<'a>(conn: &'a Self::Conn, slices: &mut Slices<'a>) -> More;

    /// Hears that the kernel took `count` bytes from the front, perhaps zero.
    fn handle_sent(
        &mut self,
        now: Now,
        conn: ConnId,
        count: usize,
        conns: &mut Conns<Self::Conn>,
        actions: &mut Vec<Action<Self::Conn>>,
    );

    /// Hears that its [`Action::Dial`] was begun, and under which id.
    fn handle_dialing(&mut self, now: Now, conn: ConnId, conns: &mut Conns<Self::Conn>) {
        let _ = (now, conn, conns);
    }

    /// Hears that its [`Action::Dial`] could not be begun; its state comes back.
    fn handle_dial_failed(
        &mut self,
        now: Now,
        state: Self::Conn,
        error: ConnectError,
        actions: &mut Vec<Action<Self::Conn>>,
    ) {
        let _ = (now, state, error, actions);
    }

    /// Hears that its [`Action::Close`] was carried out; its state comes back. The last that it
    /// hears of a connection.
    fn handle_closed(
        &mut self,
        now: Now,
        conn: ConnId,
        state: Option<Self::Conn>,
        actions: &mut Vec<Action<Self::Conn>>,
    ) {
        let _ = (now, conn, state, actions);
    }

    /// Hears that it listens.
    fn handle_listening(&mut self, now: Now, listener: ListenerId) {
        let _ = (now, listener);
    }

    /// Takes in what another thread asks.
    fn handle_command(
        &mut self,
        now: Now,
        command: Self::Command,
        conns: &mut Conns<Self::Conn>,
        actions: &mut Vec<Action<Self::Conn>>,
    ) {
        let _ = (now, command, conns, actions);
    }

    /// Hears that the run is over: every connection is closed, and no step follows. Whoever keeps
    /// something asks for what is left to be written, and hears what came of it. It may hear of the
    /// end more than once.
    fn handle_shutdown(&mut self, now: Now) {
        let _ = now;
    }

    /// Hears what came of an operation on files that it has asked for.
    fn handle_file_completed(&mut self, now: Now, completion: FileCompletion) {
        let _ = (now, completion);
    }

    /// Moves the operations on files that it asks for to the end of `requests`. Asked after every
    /// step and after whatever it hears of files, if there are files. At most
    /// [`UNDER_WAY_MAX`](crate::files::UNDER_WAY_MAX) of them are not completed.
    fn take_file_requests(&mut self, requests: &mut Vec<FileRequest>) {
        let _ = requests;
    }

    /// What the next step of a task would be about; `None` if it has nothing to do now.
    fn next_step<'a>(
        &'a self,
        now: Now,
        task: TaskId,
        conns: &'a Conns<Self::Conn>,
    ) -> Option<StepName<'a>> {
        let _ = (now, task, conns);
        None
    }

    /// Makes the next step of a task, which has something to do: handles one message, fires one
    /// timer, opens one connection.
    fn step(
        &mut self,
        now: Now,
        task: TaskId,
        conns: &mut Conns<Self::Conn>,
        actions: &mut Vec<Action<Self::Conn>>,
    ) {
        let _ = (now, task, conns, actions);
    }

    /// When a task of its own will have something to do, if nothing happens before.
    fn next_wakeup(&self, now: Now) -> Option<Instant> {
        let _ = now;
        None
    }

    /// Moves what it has to tell to the end of `notices`, in the order in which it happened. Asked
    /// after every step.
    fn take_notices(&mut self, notices: &mut Vec<Self::Notice>) {
        let _ = notices;
    }

    /// Checks what must always hold.
    fn check_invariants(&self, conns: &Conns<Self::Conn>) {
        let _ = conns;
    }
}
