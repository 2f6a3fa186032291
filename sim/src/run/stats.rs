//! What a run did, in numbers.

use std::time::Duration;

use sockman::driver::Did;

use crate::faulty::CallRecord;
use crate::world::Step;

/// What a run did, in numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Steps of the world.
    pub steps: u64,
    /// Socket events that the node made: see [`CallResult::is_event`](crate::faulty::CallResult).
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
        self.events += calls.iter().map(|call| u64::from(call.what.is_event())).sum::<u64>();
    }
}
