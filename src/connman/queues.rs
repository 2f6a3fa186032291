//! The messages of a peer that wait to be handled, with the memory that they count for and the
//! pause that follows. Those that wait to be sent are its transport's.
//!
//! Sources: docs/behaviour.md, connman 7; Core: net.cpp, `MarkReceivedMsgsForProcessing`,
//! `PollMessage`.

use std::collections::VecDeque;

use crate::time::UnixTime;
use crate::transport::{COUNTED_MESSAGES_MAX, Message, MessageType};

/// A message that waits to be handled.
#[derive(Clone, Debug)]
pub(super) struct Received {
    pub(super) message: Message,
    /// When its last byte was delivered.
    pub(super) at: UnixTime,
}

/// Whole messages that wait to be handled. One that has arrived in part does not count.
#[derive(Clone, Debug, Default)]
pub(super) struct Inbox {
    queue: VecDeque<Received>,
    memory_usage: usize,
    /// Whether the connection is not read from.
    pub(super) paused: bool,
}

impl Inbox {
    pub(super) fn push(&mut self, message: Message, at: UnixTime) {
        self.memory_usage += message.memory_usage();
        self.queue.push_back(Received { message, at });
    }

    pub(super) fn pop(&mut self) -> Option<Received> {
        let received = self.queue.pop_front()?;
        self.memory_usage -= received.message.memory_usage();
        Some(received)
    }

    pub(super) fn clear(&mut self) {
        self.queue.clear();
        self.memory_usage = 0;
    }

    /// The type of the message that comes next.
    pub(super) fn next_type(&self) -> Option<&MessageType> {
        Some(&self.queue.front()?.message.message_type)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    pub(super) fn count(&self) -> usize {
        self.queue.len()
    }

    pub(super) const fn memory_usage(&self) -> usize {
        self.memory_usage
    }

    pub(super) fn check_invariants(&self) {
        assert_eq!(self.memory_usage == 0, self.queue.is_empty(), "every message counts");
        // A long queue is not counted after every step, which would take for ever.
        if self.queue.len() <= COUNTED_MESSAGES_MAX {
            let memory: usize = self.queue.iter().map(|one| one.message.memory_usage()).sum();
            assert_eq!(self.memory_usage, memory, "memory is counted once per message");
        }
    }
}
