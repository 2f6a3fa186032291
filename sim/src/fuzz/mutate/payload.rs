//! The bytes of one thing that is said, for somebody else to change: a fuzzer that has seen with
//! what they are compared.

use sockman::time::Now;
use sockman::transport::{Frame, HEADER_BYTES, MessageType, Network, SendQueue};

use crate::schedule::{Item, LITERAL_BYTES_MAX};
use crate::subject::{Dialect as _, Subject};

/// Of what was in a frame, one in so many is left without a right length and checksum.
const UNSEALED_ONCE_IN: u8 = 16;

/// What is longer is left alone, in bytes: more than a fuzzer's input holds.
const CHANGED_BYTES_MAX: usize = 65_536;

/// Has the payload of an item changed, and puts it into a frame again if it came out of one: with
/// its length and its checksum. What is left is the item as bytes.
pub(super) fn change<X: Subject>(item: &Item, tool: &mut dyn FnMut(&mut Vec<u8>)) -> Option<Item> {
    let mut bytes = bytes_of::<X>(item).filter(|bytes| bytes.len() <= CHANGED_BYTES_MAX)?;
    let changed = match payload_of(&bytes) {
        Some(message_type) => {
            let mut payload = bytes.split_off(HEADER_BYTES);
            tool(&mut payload);
            let sum = payload.iter().fold(0_u8, |sum, byte| sum.wrapping_add(*byte));
            if sum.is_multiple_of(UNSEALED_ONCE_IN) {
                bytes.append(&mut payload);
                bytes
            } else {
                sealed(message_type, &payload)
            }
        }
        None => {
            tool(&mut bytes);
            bytes
        }
    };
    let fits = (1..=LITERAL_BYTES_MAX as usize).contains(&changed.len());
    fits.then_some(Item::Bytes(changed))
}

/// What is said with an item, once.
fn bytes_of<X: Subject>(item: &Item) -> Option<Vec<u8>> {
    match item {
        Item::Bytes(bytes) => Some(bytes.clone()),
        Item::Word { word, .. } => {
            let mut bytes = Vec::new();
            X::Dialect::new(1).encode(Now::default(), word, &mut bytes).ok()?;
            Some(bytes)
        }
        Item::Part { .. } | Item::Rest | Item::Junk(_) => None,
    }
}

/// The type of the one message that these bytes are, if they are one.
fn payload_of(bytes: &[u8]) -> Option<MessageType> {
    let (header, payload) = bytes.split_first_chunk::<HEADER_BYTES>()?;
    let (magic, rest) = header.split_first_chunk::<4>()?;
    let (message_type, rest) = rest.split_first_chunk::<12>()?;
    let length = u32::from_le_bytes(*rest.first_chunk()?);
    let is_frame = *magic == Network::Regtest.magic().0 && length as usize == payload.len();
    MessageType::from_wire(*message_type).ok().filter(|_| is_frame)
}

/// A payload in a frame.
fn sealed(message_type: MessageType, payload: &[u8]) -> Vec<u8> {
    let mut queue = SendQueue::new();
    queue.push(Frame::v1(Network::Regtest.magic(), message_type, payload.into()));
    queue.runs().flatten().copied().collect()
}

#[cfg(test)]
mod tests {
    use sockman::transport::{Incoming, V1Receiver};

    use super::*;
    use crate::schedule::Word;
    use crate::subjects::connman::Connman;

    #[test]
    fn what_is_longer_than_an_item_is_left_alone() {
        let length = ("length".to_owned(), "4100000".to_owned());
        let word = Word { name: "tx".to_owned(), settings: vec![length] };
        let item = Item::Word { word, times: 1 };
        assert_eq!(change::<Connman>(&item, &mut |_| panic!("it does not fit")), None);
    }

    #[test]
    fn a_changed_payload_has_its_length_and_its_checksum() {
        let mut item = Item::Word { word: Word::plain("ping"), times: 3 };
        let mut sealed = 0;
        for byte in 1..40 {
            let mut tool = |payload: &mut Vec<u8>| payload.push(byte);
            item = change::<Connman>(&item, &mut tool).unwrap();
            let Item::Bytes(bytes) = &item else { panic!("{item:?}") };
            let mut rest = bytes.as_slice();
            let incoming = V1Receiver::new(Network::Regtest.magic()).receive(&mut rest).unwrap();
            let Some(Incoming::Message(message)) = incoming else { panic!("{incoming:?}") };
            if message.raw_bytes() != bytes.len() {
                // It was left without a right length, for once.
                break;
            }
            assert_eq!(message.message_type, MessageType::PING);
            assert_eq!(message.payload.last(), Some(&byte));
            sealed += 1;
        }
        assert!(sealed >= 5, "{sealed} payloads were sealed");
    }
}
