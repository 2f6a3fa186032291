//! How the steps of a world enter its trace: as numbers for the hash, as sentences for the story.

use sockman::driver::{Did, Machine, Outcome, Task};
use sockman::sockets::{Accepted, ConnId, More, Received, Sent, Source};

use super::World;
use crate::actor::Saw;
use crate::faulty::{CallRecord, CallResult, Faulty};
use crate::host::Host;
use crate::schedule::ActorId;
use crate::subject::Subject;
use crate::trace::{Trace, Who};

impl<X: Subject, K: Host> World<X, K> {
    pub(super) fn hash_step(&mut self, task: Task, did: &Did) {
        let faulty = self.machine.sockman().sockets();
        let hash = self.trace.hash_mut();
        let task_number = match task {
            Task::Socket => 0,
            Task::Commands => 1,
            Task::Tenant(id) => 2 + u64::from(id.0),
        };
        hash.add(self.now.steady.as_nanos());
        hash.add(task_number | 2 << 32);
        hash_did(&mut self.trace, did, |conn| faulty.actor(conn));
        for call in faulty.calls() {
            hash_call(&mut self.trace, call, faulty.bytes(), |conn| faulty.actor(conn));
        }
        if self.trace.is_kept() {
            self.tell_step(task, did);
        }
    }

    fn tell_step(&mut self, task: Task, did: &Did) {
        let at = self.now.steady;
        let faulty = self.machine.sockman().sockets();
        for call in faulty.calls() {
            let actor = call.conn.and_then(|conn| faulty.actor(conn));
            if let Some(what) = describe_call(call) {
                self.trace.tell(at, Who::Node, actor, || what);
            }
        }
        let name = Machine::<Faulty<K>, X::Tenant>::task_name(task);
        let (what, conn) = describe_did(did, name);
        let actor = conn.and_then(|conn| faulty.actor(conn));
        self.trace.tell(at, Who::Node, actor, || what);
        for notice in &self.notices {
            self.trace.tell(at, Who::Node, None, || format!("! {notice:?}"));
        }
    }

    pub(super) fn actor_of_source(&self, source: Source) -> u64 {
        match source {
            Source::Listener(_) => u64::MAX >> 32,
            Source::Conn(conn) => {
                self.machine.sockman().sockets().actor(conn).map_or(0, |actor| u64::from(actor.0))
            }
        }
    }
}

pub(super) fn hash_saw(trace: &mut Trace, actor: ActorId, saw: &Saw) {
    let hash = trace.hash_mut();
    hash.add(u64::from(actor.0) | 3 << 32);
    match saw {
        Saw::Connected => hash.add(1),
        Saw::Heard(heard) => {
            hash.add_bytes(heard.name.as_bytes());
            hash.add(heard.detail);
        }
        Saw::Garbled(garbled) => hash.add(garbled.offset),
        Saw::Ended(ending) => hash.add(*ending as u64 | 1 << 16),
    }
}

pub(super) fn describe_saw(saw: &Saw) -> String {
    match saw {
        Saw::Connected => "connected".to_owned(),
        Saw::Heard(heard) => format!("<- {}", heard.name),
        Saw::Garbled(garbled) => format!("?? {} at byte {}", garbled.problem, garbled.offset),
        Saw::Ended(ending) => format!("ended: {ending:?}"),
    }
}

fn hash_did(trace: &mut Trace, did: &Did, actor: impl Fn(ConnId) -> Option<ActorId>) {
    let hash = trace.hash_mut();
    let number = |conn: ConnId| actor(conn).map_or(0, |actor| u64::from(actor.0));
    match did {
        Did::Called { event, .. } => hash.add_bytes(event.unwrap_or("nothing").as_bytes()),
        Did::Delivered(event) => {
            hash.add_bytes(event.name().as_bytes());
            hash.add(event.conn().map_or(0, number));
        }
        Did::Executed { action, conn, outcome } => {
            hash.add_bytes(action.as_bytes());
            hash.add(conn.map_or(0, number));
            hash.add(match outcome {
                Outcome::Done => 1,
                Outcome::Gone => 2,
                Outcome::Sent(count) => *count as u64 | 1 << 40,
                Outcome::DialFailed(_) => 3,
                Outcome::Failed(_) => 4,
            });
        }
        Did::Commanded => hash.add(5),
        Did::Stepped(id) => hash.add(u64::from(id.0) | 1 << 41),
    }
}

fn hash_call(
    trace: &mut Trace,
    call: &CallRecord,
    bytes: &[u8],
    actor: impl Fn(ConnId) -> Option<ActorId>,
) {
    let hash = trace.hash_mut();
    hash.add(call.conn.and_then(actor).map_or(0, |actor| u64::from(actor.0)) | 4 << 32);
    let (kind, result): (u64, u64) = match &call.what {
        CallResult::Listen(result) => (1, u64::from(result.is_ok())),
        CallResult::Accept(Ok(Accepted::Conn { .. })) => (2, 0),
        CallResult::Accept(Ok(Accepted::WouldBlock)) => (2, 1),
        CallResult::Accept(Err(_)) => (2, 2),
        CallResult::Connect(_, result) => (3, u64::from(result.is_ok())),
        CallResult::Status(Ok(status)) => (4, *status as u64),
        CallResult::Status(Err(_)) => (4, 9),
        CallResult::Send(Ok(Sent::Bytes(count))) if call.more == More::Yes => (12, *count as u64),
        CallResult::Send(Ok(Sent::Bytes(count))) => (5, *count as u64),
        CallResult::Send(Ok(Sent::WouldBlock)) => (5, u64::MAX),
        CallResult::Send(Err(_)) => (5, u64::MAX - 1),
        CallResult::Recv(Ok(Received::Bytes(count))) => (6, *count as u64),
        CallResult::Recv(Ok(Received::WouldBlock)) => (6, u64::MAX),
        CallResult::Recv(Ok(Received::Eof)) => (6, u64::MAX - 1),
        CallResult::Recv(Err(_)) => (6, u64::MAX - 2),
        CallResult::Shutdown(result) => (7, u64::from(result.is_ok())),
        CallResult::Close(result) => (8, u64::from(result.is_ok())),
        CallResult::CloseListener(result) => (9, u64::from(result.is_ok())),
        CallResult::Interest(interest, _) => {
            (10, u64::from(interest.readable) | u64::from(interest.writable) << 1)
        }
        CallResult::TakeError(result) => (11, u64::from(result.is_ok())),
    };
    hash.add(kind);
    hash.add(result);
    if let Some(error) = error_of(&call.what) {
        trace.hash_mut().add_bytes(error.as_bytes());
    }
    let hash = trace.hash_mut();
    if !call.bytes.is_empty() {
        hash.add_bytes(&bytes[call.bytes.clone()]);
    }
}

/// The error that a call ended with. Rare, so that writing it out is no cost.
fn error_of(what: &CallResult) -> Option<String> {
    match what {
        CallResult::Listen(Err(error)) => Some(format!("{error:?}")),
        CallResult::Accept(Err(error)) => Some(format!("{error:?}")),
        CallResult::Connect(_, Err(error)) | CallResult::Status(Err(error)) => {
            Some(format!("{error:?}"))
        }
        CallResult::Send(Err(error))
        | CallResult::Recv(Err(error))
        | CallResult::Shutdown(Err(error)) => Some(format!("{error:?}")),
        CallResult::TakeError(Ok(Some(failure))) => Some(format!("{failure:?}")),
        CallResult::Listen(Ok(_))
        | CallResult::Accept(Ok(_))
        | CallResult::Connect(_, Ok(_))
        | CallResult::Status(Ok(_))
        | CallResult::Send(Ok(_))
        | CallResult::Recv(Ok(_))
        | CallResult::Shutdown(Ok(()))
        | CallResult::Close(_)
        | CallResult::CloseListener(_)
        | CallResult::Interest(..)
        | CallResult::TakeError(_) => None,
    }
}

/// A call in the story; calls that only set a state are left out.
fn describe_call(call: &CallRecord) -> Option<String> {
    let planned = if call.planned { "  (as planned)" } else { "" };
    let what = match &call.what {
        CallResult::Accept(result) => format!("accept: {}", show(result)),
        CallResult::Connect(to, result) => format!("connect to {to}: {}", show(result)),
        CallResult::Send(result) => format!("send of {}: {}", call.bytes.len(), show(result)),
        CallResult::Recv(result) => format!("recv: {}", show(result)),
        CallResult::Shutdown(result) => format!("shutdown: {}", show(result)),
        CallResult::Close(result) => format!("close: {}", show(result)),
        CallResult::Interest(interest, _) => {
            let reads = if interest.readable { "r" } else { "-" };
            let writes = if interest.writable { "w" } else { "-" };
            format!("interest {reads}{writes}")
        }
        CallResult::Listen(_)
        | CallResult::Status(_)
        | CallResult::CloseListener(_)
        | CallResult::TakeError(_) => return None,
    };
    Some(what + planned)
}

fn show<T: std::fmt::Debug, E: std::fmt::Display>(result: &Result<T, E>) -> String {
    match result {
        Ok(value) => format!("{value:?}"),
        Err(error) => error.to_string(),
    }
}

fn describe_did(did: &Did, task: &str) -> (String, Option<ConnId>) {
    match did {
        Did::Called { event, .. } => {
            (format!("[{task}] called: {}", event.unwrap_or("nothing")), None)
        }
        Did::Delivered(event) => (format!("[{task}] delivered {}", event.name()), event.conn()),
        Did::Executed { action, conn, outcome } => {
            (format!("[{task}] {action}: {outcome:?}"), *conn)
        }
        Did::Commanded => (format!("[{task}] handled a command"), None),
        Did::Stepped(_) => (format!("[{task}] made a step"), None),
    }
}
