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
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Flow {
    bytes: u64,
    /// The places that are not zero, a bit each. They are few, and most peers are idle.
    used: u64,
    /// The counts of these places, in their order.
    counts: Vec<Count>,
    /// Bytes of ours that are no message's.
    handshake_bytes: u64,
}

impl Flow {
    /// Nothing yet.
    const NONE: Self = Self { bytes: 0, used: 0, counts: Vec::new(), handshake_bytes: 0 };

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
        self.at(place(Some(message_type)))
    }

    /// What has no known type: unknown types, and messages that were rejected.
    #[must_use]
    pub fn other(&self) -> Count {
        self.at(PLACES - 1)
    }

    /// Known types that occurred, in the order of [`MessageType::KNOWN`].
    pub fn known(&self) -> impl Iterator<Item = (MessageType, Count)> {
        let counts = self.places().zip(&self.counts);
        counts.filter_map(|(place, count)| Some((*MessageType::KNOWN.get(place)?, *count)))
    }

    /// Whole messages in all.
    #[must_use]
    pub fn messages(&self) -> u64 {
        self.counts.iter().map(|count| count.messages).sum()
    }

    fn at(&self, place: usize) -> Count {
        let is_used = self.used & 1 << place != 0;
        if is_used { self.counts[self.rank(place)] } else { Count::default() }
    }

    /// The count of a place, which will not be zero.
    fn count_mut(&mut self, place: usize) -> &mut Count {
        let rank = self.rank(place);
        if self.used & 1 << place == 0 {
            self.used |= 1 << place;
            self.counts.insert(rank, Count::default());
        }
        &mut self.counts[rank]
    }

    /// How many places before this one are not zero.
    const fn rank(&self, place: usize) -> usize {
        (self.used & ((1 << place) - 1)).count_ones() as usize
    }

    fn add(&mut self, other: &Self) {
        self.bytes += other.bytes;
        self.handshake_bytes += other.handshake_bytes;
        for (place, others) in other.places().zip(&other.counts) {
            let mine = self.count_mut(place);
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
        self.counts.iter().map(|count| count.bytes).sum()
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
        let count = self.received.count_mut(place(message_type));
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
        let count = self.sent.count_mut(place(Some(message_type)));
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
