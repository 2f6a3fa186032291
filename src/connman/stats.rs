//! What went over the wire, in numbers.

use crate::transport::MessageType;

/// Places in a table by message type: the known ones, and one for all others. Core: `*other*`.
const PLACES: usize = MessageType::KNOWN.len() + 1;

/// Messages of one type in one direction.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Count {
    /// Whole messages.
    pub messages: u64,
    /// Bytes, headers included. Received: of whole messages. Sent: as they went.
    pub bytes: u64,
}

/// One direction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Flow {
    bytes: u64,
    by_type: [Count; PLACES],
}

impl Flow {
    /// Nothing yet.
    const NONE: Self = Self { bytes: 0, by_type: [Count { messages: 0, bytes: 0 }; PLACES] };

    /// Bytes in all, also of messages that were never whole.
    #[must_use]
    pub const fn bytes(&self) -> u64 {
        self.bytes
    }

    /// One message type; unknown types share one count.
    #[must_use]
    pub fn of(&self, message_type: MessageType) -> Count {
        self.by_type[place(Some(message_type))]
    }

    /// What has no known type: unknown types, and messages that were rejected.
    #[must_use]
    pub const fn other(&self) -> Count {
        self.by_type[PLACES - 1]
    }

    /// Known types that occurred, in the order of [`MessageType::KNOWN`].
    pub fn known(&self) -> impl Iterator<Item = (MessageType, Count)> {
        let counts = MessageType::KNOWN.into_iter().zip(self.by_type);
        counts.filter(|(_, count)| *count != Count::default())
    }

    /// Whole messages in all.
    #[must_use]
    pub fn messages(&self) -> u64 {
        self.by_type.iter().map(|count| count.messages).sum()
    }

    /// Sums wrap, because a check of them may not cost more than what it checks: without a look
    /// at each for overflow they are made several at a time. No count comes near 2^64.
    fn add(&mut self, other: &Self) {
        self.bytes += other.bytes;
        for (mine, others) in self.by_type.iter_mut().zip(&other.by_type) {
            mine.messages = mine.messages.wrapping_add(others.messages);
            mine.bytes = mine.bytes.wrapping_add(others.bytes);
        }
    }

    /// Bytes of all types together, summed as in [`add`](Self::add).
    fn bytes_by_type(&self) -> u64 {
        self.by_type.iter().fold(0, |sum, count| sum.wrapping_add(count.bytes))
    }
}

/// Both directions, of one peer or of all. Never runs backwards.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Traffic {
    /// From the peer, as read off the socket.
    pub received: Flow,
    /// To the peer, as the kernel took it.
    pub sent: Flow,
}

impl Traffic {
    /// Nothing yet.
    pub(super) const NONE: Self = Self { received: Flow::NONE, sent: Flow::NONE };

    /// Bytes were read.
    pub(super) const fn add_received_bytes(&mut self, bytes: usize) {
        self.received.bytes += bytes as u64;
    }

    /// Among the bytes read was the end of a message; `None` if it was rejected.
    pub(super) fn add_received(&mut self, message_type: Option<MessageType>, raw_bytes: usize) {
        let count = &mut self.received.by_type[place(message_type)];
        count.messages += 1;
        count.bytes += raw_bytes as u64;
    }

    /// The kernel took bytes of a message, perhaps the last.
    pub(super) fn add_sent(&mut self, message_type: MessageType, bytes: usize, whole: bool) {
        self.sent.bytes += bytes as u64;
        let count = &mut self.sent.by_type[place(Some(message_type))];
        count.messages += u64::from(whole);
        count.bytes += bytes as u64;
    }

    /// Adds somebody else's.
    pub(super) fn add(&mut self, other: &Self) {
        self.received.add(&other.received);
        self.sent.add(&other.sent);
    }

    pub(super) fn check_invariants(&self) {
        let received = self.received.bytes_by_type();
        assert!(received <= self.received.bytes, "whole messages were read");
        let sent = self.sent.bytes_by_type();
        assert_eq!(sent, self.sent.bytes, "every byte sent is one of a message");
    }
}

/// Where a type is counted.
fn place(message_type: Option<MessageType>) -> usize {
    message_type.and_then(MessageType::known_index).unwrap_or(PLACES - 1)
}
