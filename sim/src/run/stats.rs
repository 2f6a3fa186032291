//! What a run did, in numbers.

use std::time::Duration;

use sockman::driver::Did;
use sockman::sockets::{Accepted, Received, Sent};

use crate::faulty::{CallRecord, CallResult};
use crate::world::Step;

/// What a run did, in numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Steps of the world.
    pub steps: u64,
    /// Socket events: completed accepts, connects, sends and receives of at least a byte, ends of
    /// stream, resets and closes made by the node.
    pub events: u64,
    /// Words that actors heard, and messages that the node handled.
    pub messages: u64,
    /// How much time passed in the world.
    pub virtual_time: Duration,
}

impl Stats {
    /// Counts a step, and the calls that were made in it.
    pub fn note(&mut self, calls: &[CallRecord], step: &Step) {
        self.steps += 1;
        self.messages += u64::from(matches!(step, Step::Node(_, Did::Stepped(_))));
        self.events += calls.iter().map(|call| u64::from(is_event(&call.what))).sum::<u64>();
    }
}

/// Whether a call is a socket event.
const fn is_event(what: &CallResult) -> bool {
    match what {
        CallResult::Accept(Ok(Accepted::Conn { .. }))
        | CallResult::Status(_)
        | CallResult::Close(Ok(())) => true,
        CallResult::Send(result) => matches!(result, Ok(Sent::Bytes(1..)) | Err(_)),
        CallResult::Recv(result) => !matches!(result, Ok(Received::WouldBlock)),
        CallResult::Listen(_)
        | CallResult::Accept(_)
        | CallResult::Connect(..)
        | CallResult::Shutdown(_)
        | CallResult::Close(_)
        | CallResult::CloseListener(_)
        | CallResult::Interest(..)
        | CallResult::TakeError(_) => false,
    }
}
