//! What every server here does with bytes, however it is driven: so that only the driving differs.

use std::collections::VecDeque;
use std::mem;

/// Unsent bytes of a connection above which no more is read from it: a block, so that the second
/// one in flight pauses its peer.
const UNSENT_BYTES_PAUSE: usize = 1_000_000;

/// What is exchanged. Each peer keeps `in_flight` messages on their way; the server sends every
/// message back once it is whole.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Load {
    /// Peers, at least 1.
    pub(crate) conns: usize,
    /// Size of each message; there is no header and no checksum.
    pub(crate) message_bytes: usize,
    /// Messages that a peer sends before it has the first of them back, at least 1.
    pub(crate) in_flight: u64,
    /// Messages of one peer in a run.
    pub(crate) messages: u64,
}

impl Load {
    /// Messages of all peers in a run.
    pub(crate) fn messages_total(&self) -> u64 {
        self.messages * self.conns as u64
    }

    /// How many bytes a peer may have sent once so many have come back to it.
    pub(crate) fn bytes_allowed(&self, returned: u64) -> u64 {
        let size = self.message_bytes as u64;
        (returned / size + self.in_flight).min(self.messages) * size
    }
}

/// One connection of a server: a message that is not whole yet, and those that go back.
#[derive(Debug)]
pub(crate) struct Session {
    message_bytes: usize,
    partial: Vec<u8>,
    queue: VecDeque<Vec<u8>>,
    /// Bytes of the first message in the queue that were sent.
    offset: usize,
    unsent: usize,
    /// Buffers of messages that were sent, to be used again.
    spare: Vec<Vec<u8>>,
}

impl Session {
    pub(crate) fn new(load: &Load) -> Self {
        Self {
            message_bytes: load.message_bytes,
            partial: Vec::with_capacity(load.message_bytes),
            queue: VecDeque::new(),
            offset: 0,
            unsent: 0,
            spare: Vec::new(),
        }
    }

    /// Takes bytes in; each message that is whole stands in the queue.
    pub(crate) fn take_in(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let missing = self.message_bytes - self.partial.len();
            let (part, rest) = bytes.split_at(missing.min(bytes.len()));
            self.partial.extend_from_slice(part);
            bytes = rest;
            if self.partial.len() == self.message_bytes {
                let empty = self.spare.pop();
                let empty = empty.unwrap_or_else(|| Vec::with_capacity(self.message_bytes));
                self.queue.push_back(mem::replace(&mut self.partial, empty));
                self.unsent += self.message_bytes;
            }
        }
    }

    /// Whether anything is to be sent.
    pub(crate) fn has_unsent(&self) -> bool {
        self.unsent > 0
    }

    /// Whether there are too many unsent bytes to read more.
    pub(crate) fn is_paused(&self) -> bool {
        self.unsent > UNSENT_BYTES_PAUSE
    }

    /// What is to be sent, in order.
    pub(crate) fn unsent(&self) -> impl Iterator<Item = &[u8]> {
        let skips = [self.offset].into_iter().chain(std::iter::repeat(0));
        self.queue.iter().zip(skips).map(|(message, skip)| &message[skip..])
    }

    /// Notes that so many bytes were taken from the front; how many messages went out whole.
    pub(crate) fn taken(&mut self, count: usize) -> u64 {
        self.unsent -= count;
        self.offset += count;
        let mut whole = 0;
        while self.offset >= self.message_bytes {
            let Some(mut message) = self.queue.pop_front() else { break };
            self.offset -= self.message_bytes;
            message.clear();
            self.spare.push(message);
            whole += 1;
        }
        whole
    }
}
