//! Frames to be sent: what was queued and not yet taken by the kernel, offered without copying.

use std::collections::VecDeque;
use std::sync::Arc;

use super::v1::{HEADER_BYTES, PAYLOAD_BYTES_MAX, checksum, header};
use super::{FRAME_OVERHEAD_BYTES, Magic, MessageType, malloc_usage};

/// Most frames in a queue that a check of invariants goes through.
const COUNTED_FRAMES_MAX: usize = 64;

/// One message, ready for the wire. Its payload may be shared by many peers.
#[derive(Clone, Debug)]
pub struct Frame {
    message_type: MessageType,
    header: [u8; HEADER_BYTES],
    payload: Arc<[u8]>,
}

impl Frame {
    /// A v1 frame.
    ///
    /// # Panics
    ///
    /// If the payload is longer than [`PAYLOAD_BYTES_MAX`]: whoever makes one knows its bound.
    #[must_use]
    pub fn v1(magic: Magic, message_type: MessageType, payload: Arc<[u8]>) -> Self {
        assert!(payload.len() <= PAYLOAD_BYTES_MAX, "nobody would take a longer payload");
        let header = header(magic, message_type, payload.len(), checksum(&payload));
        Self { message_type, header, payload }
    }

    /// Which message it is.
    #[must_use]
    pub const fn message_type(&self) -> MessageType {
        self.message_type
    }

    /// Bytes of its payload.
    #[must_use]
    pub fn payload_bytes(&self) -> usize {
        self.payload.len()
    }

    /// Bytes on the wire, header included.
    #[must_use]
    pub fn byte_count(&self) -> usize {
        HEADER_BYTES + self.payload.len()
    }

    /// Bytes of memory that it counts for, whoever else shares the payload.
    #[must_use]
    pub fn memory_usage(&self) -> usize {
        FRAME_OVERHEAD_BYTES + malloc_usage(self.payload.len())
    }

    /// What is left of it after `offset` bytes: header and payload, each perhaps empty.
    fn runs_from(&self, offset: usize) -> [&[u8]; 2] {
        let header = &self.header[offset.min(HEADER_BYTES)..];
        let payload = &self.payload[offset.saturating_sub(HEADER_BYTES)..];
        [header, payload]
    }
}

/// Frames in the order in which they go out. The first may have gone out in part.
#[derive(Clone, Debug, Default)]
pub struct SendQueue {
    frames: VecDeque<Frame>,
    /// Bytes of the first frame that were taken; less than its length.
    offset: usize,
    byte_count: usize,
    memory_usage: usize,
}

impl SendQueue {
    /// An empty queue.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a frame behind the others.
    pub fn push(&mut self, frame: Frame) {
        self.byte_count += frame.byte_count();
        self.memory_usage += frame.memory_usage();
        self.frames.push_back(frame);
    }

    /// Unsent bytes as runs, in order, none of them empty.
    pub fn runs(&self) -> impl Iterator<Item = &[u8]> {
        let offsets = std::iter::once(self.offset).chain(std::iter::repeat(0));
        let runs = self.frames.iter().zip(offsets).flat_map(|(frame, at)| frame.runs_from(at));
        runs.filter(|run| !run.is_empty())
    }

    /// Takes `count` bytes from the front; tells `sent` of each frame that they belong to: its
    /// type, how many of its bytes, and whether that was the last of it.
    ///
    /// # Panics
    ///
    /// If there are fewer.
    pub fn advance(&mut self, count: usize, mut sent: impl FnMut(MessageType, usize, bool)) {
        assert!(count <= self.byte_count, "what was sent was in the queue");
        let mut left = count;
        while left > 0 {
            let frame = self.frames.front().expect("the queue holds its byte count");
            let rest = frame.byte_count() - self.offset;
            let taken = rest.min(left);
            let whole = taken == rest;
            sent(frame.message_type, taken, whole);
            left -= taken;
            self.byte_count -= taken;
            if whole {
                self.memory_usage -= frame.memory_usage();
                self.frames.pop_front();
                self.offset = 0;
            } else {
                self.offset += taken;
            }
        }
    }

    /// Frames that are not fully sent, in order, without the first so many.
    ///
    /// # Panics
    ///
    /// If there are fewer.
    pub fn frames_from(&self, first: usize) -> impl Iterator<Item = &Frame> {
        self.frames.range(first..)
    }

    /// Whether everything is sent.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.frames.is_empty()
    }

    /// Frames that are not fully sent.
    #[must_use]
    pub fn frame_count(&self) -> usize {
        self.frames.len()
    }

    /// Bytes that are not sent.
    #[must_use]
    pub const fn byte_count(&self) -> usize {
        self.byte_count
    }

    /// Bytes of memory that the frames count for, the first one in full until it is sent.
    #[must_use]
    pub const fn memory_usage(&self) -> usize {
        self.memory_usage
    }

    /// Checks what must always hold.
    pub fn check_invariants(&self) {
        match self.frames.front() {
            Some(frame) => assert!(self.offset < frame.byte_count(), "a sent frame is gone"),
            None => assert_eq!(self.offset, 0, "an offset is one into a frame"),
        }
        // A long queue is not counted after every step, which would take for ever.
        if self.frames.len() <= COUNTED_FRAMES_MAX {
            let bytes: usize = self.frames.iter().map(Frame::byte_count).sum();
            assert_eq!(self.byte_count + self.offset, bytes, "sent and unsent make the frames");
            let memory: usize = self.frames.iter().map(Frame::memory_usage).sum();
            assert_eq!(self.memory_usage, memory, "memory is counted once per frame");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transport::Network;

    fn frame(message_type: MessageType, payload: &[u8]) -> Frame {
        Frame::v1(Network::Regtest.magic(), message_type, payload.into())
    }

    fn queue() -> SendQueue {
        let mut queue = SendQueue::new();
        queue.push(frame(MessageType::PING, &[1; 8]));
        queue.push(frame(MessageType::VERACK, &[]));
        queue.push(frame(MessageType::TX, &[2; 100]));
        queue
    }

    fn unsent(queue: &SendQueue) -> Vec<u8> {
        queue.runs().flatten().copied().collect()
    }

    #[test]
    fn every_partial_send_leaves_the_rest() {
        let whole = unsent(&queue());
        assert_eq!(whole.len(), 24 + 8 + 24 + 24 + 100);
        for first in 0..=whole.len() {
            let mut queue = queue();
            queue.advance(first, |_, _, _| {});
            queue.check_invariants();
            assert_eq!(unsent(&queue), whole[first..]);
            assert_eq!(queue.byte_count(), whole.len() - first);
            queue.advance(queue.byte_count(), |_, _, _| {});
            queue.check_invariants();
            assert!(queue.is_empty());
            assert_eq!(queue.memory_usage(), 0);
        }
    }

    #[test]
    fn sent_bytes_are_told_per_message() {
        let mut queue = queue();
        let mut told = Vec::new();
        queue.advance(30, |message_type, bytes, whole| told.push((message_type, bytes, whole)));
        queue.advance(30, |message_type, bytes, whole| told.push((message_type, bytes, whole)));
        let expected = [
            (MessageType::PING, 30, false),
            (MessageType::PING, 2, true),
            (MessageType::VERACK, 24, true),
            (MessageType::TX, 4, false),
        ];
        assert_eq!(told, expected);
    }

    #[test]
    fn memory_counts_as_in_the_reference() {
        // Core: 56 for the message, and the payload as malloc rounds it.
        assert_eq!(frame(MessageType::VERACK, &[]).memory_usage(), 56);
        assert_eq!(frame(MessageType::PING, &[0; 1]).memory_usage(), 56 + 32);
        assert_eq!(frame(MessageType::PING, &[0; 16]).memory_usage(), 56 + 32);
        assert_eq!(frame(MessageType::PING, &[0; 17]).memory_usage(), 56 + 48);
    }

    #[test]
    fn shared_payload_is_not_copied() {
        let payload: Arc<[u8]> = vec![7; 1000].into();
        let mut queue = SendQueue::new();
        queue.push(Frame::v1(Network::Main.magic(), MessageType::BLOCK, Arc::clone(&payload)));
        let runs: Vec<&[u8]> = queue.runs().collect();
        assert!(std::ptr::eq(runs[1], &raw const *payload));
    }
}
