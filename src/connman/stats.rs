//! What went over the wire, in numbers.

use crate::transport::MessageType;

/// Places in a table by message type: the known ones, and one for all others. Core: `*other*`.
const PLACES: usize = MessageType::KNOWN.len() + 1;
const _: () = assert!(PLACES <= u64::BITS as usize, "there is a bit for each place");

/// Messages of one type in one direction.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Count {
    /// Whole messages.
    pub messages: u64,
    /// Bytes, headers included. Received: of whole messages. Sent: as they went.
    pub bytes: u64,
}

/// One direction.
#[derive(Clone, Debug, Eq)]
pub struct Flow {
    bytes: u64,
    by_type: [Count; PLACES],
    /// The places that are not zero, a bit each: few of them, and sums pass over the others.
    used: u64,
    /// Bytes of ours that are no message's.
    handshake_bytes: u64,
}

impl PartialEq for Flow {
    /// Passes over what is zero in both, which is nearly all: it is asked of after each step.
    fn eq(&self, other: &Self) -> bool {
        self.bytes == other.bytes
            && self.used == other.used
            && self.places().all(|place| self.by_type[place] == other.by_type[place])
    }
}

impl Flow {
    /// Nothing yet.
    const NONE: Self = Self {
        bytes: 0,
        by_type: [Count { messages: 0, bytes: 0 }; PLACES],
        used: 0,
        handshake_bytes: 0,
    };

    /// Bytes in all, also of messages that were never whole.
    #[must_use]
    pub const fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Bytes sent that are no message's: the key exchange of v2, up to our version packet. Of what
    /// is received they are not counted apart.
    #[must_use]
    pub const fn handshake_bytes(&self) -> u64 {
        self.handshake_bytes
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
        self.places().map(|place| self.by_type[place].messages).sum()
    }

    /// The count of a type, which will not be zero.
    fn count_mut(&mut self, message_type: Option<MessageType>) -> &mut Count {
        let place = place(message_type);
        self.used |= 1 << place;
        &mut self.by_type[place]
    }

    fn add(&mut self, other: &Self) {
        self.bytes += other.bytes;
        self.used |= other.used;
        self.handshake_bytes += other.handshake_bytes;
        for place in other.places() {
            let (mine, others) = (&mut self.by_type[place], &other.by_type[place]);
            mine.messages += others.messages;
            mine.bytes += others.bytes;
        }
    }

    /// Places that are not zero.
    fn places(&self) -> impl Iterator<Item = usize> + use<> {
        let mut left = self.used;
        std::iter::from_fn(move || {
            let place = left.trailing_zeros() as usize;
            left &= left.wrapping_sub(1);
            (place < PLACES).then_some(place)
        })
    }

    /// Bytes of all types together.
    fn bytes_by_type(&self) -> u64 {
        self.places().map(|place| self.by_type[place].bytes).sum()
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
        let count = self.received.count_mut(message_type);
        count.messages += 1;
        count.bytes += raw_bytes as u64;
    }

    /// The kernel took bytes of a message, perhaps the last; or of no message.
    pub(super) fn add_sent(
        &mut self,
        message_type: Option<MessageType>,
        bytes: usize,
        whole: bool,
    ) {
        self.sent.bytes += bytes as u64;
        let Some(message_type) = message_type else {
            self.sent.handshake_bytes += bytes as u64;
            return;
        };
        let count = self.sent.count_mut(Some(message_type));
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
        let sent = sent + self.sent.handshake_bytes;
        assert_eq!(sent, self.sent.bytes, "every byte sent is one of a message or of a handshake");
    }
}

/// Where a type is counted.
fn place(message_type: Option<MessageType>) -> usize {
    message_type.and_then(MessageType::known_index).unwrap_or(PLACES - 1)
}
