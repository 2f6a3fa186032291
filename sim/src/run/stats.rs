//! What a run did, in numbers.

use std::time::Duration;

use crate::actor::Saw;
use crate::host::Host;
use crate::subject::Subject;
use crate::world::World;

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
    /// Counts a step of the world, and what was seen of it.
    pub fn note<X: Subject, K: Host>(&mut self, world: &World<X, K>) {
        self.steps += 1;
        if !world.has_seen() {
            return;
        }
        let heard = world.saw().iter().filter(|(_, saw)| matches!(saw, Saw::Heard(_))).count();
        let handled = world.notices().iter().filter(|notice| X::is_message(notice)).count();
        self.messages += (heard + handled) as u64;
        let calls = world.machine().sockman().sockets().calls();
        self.events += calls.iter().filter(|call| call.what.is_event()).count() as u64;
    }
}
