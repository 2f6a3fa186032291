//! Contents of packets: a message type, short or long, then the payload.
//!
//! Sources: BIP 324, "v2 Bitcoin P2P message structure"; Core: net.cpp, `V2_MESSAGE_IDS` and
//! `V2Transport::GetMessageType`.

use super::packet::Packet;
use super::{PACKET_OVERHEAD_BYTES, V2Incoming, V2Message, V2Rejected, V2RejectedWhy};
use crate::transport::{MESSAGE_TYPE_BYTES, Message, MessageType, PAYLOAD_BYTES_MAX};

/// A zero, and the type as v1 has it.
pub(super) const LONG_TYPE_BYTES: usize = 1 + MESSAGE_TYPE_BYTES;

/// The longest contents that anybody takes. Core: `MAX_CONTENTS_LEN`.
pub(super) const CONTENTS_BYTES_MAX: usize = LONG_TYPE_BYTES + PAYLOAD_BYTES_MAX;

/// Contents have a length of three bytes.
const _: () = assert!(CONTENTS_BYTES_MAX < 1 << 24);

/// Types with a short id, which is their place, from 1.
const SHORT_IDS: [MessageType; 28] = [
    MessageType::ADDR,
    MessageType::BLOCK,
    MessageType::BLOCKTXN,
    MessageType::CMPCTBLOCK,
    MessageType::FEEFILTER,
    MessageType::FILTERADD,
    MessageType::FILTERCLEAR,
    MessageType::FILTERLOAD,
    MessageType::GETBLOCKS,
    MessageType::GETBLOCKTXN,
    MessageType::GETDATA,
    MessageType::GETHEADERS,
    MessageType::HEADERS,
    MessageType::INV,
    MessageType::MEMPOOL,
    MessageType::MERKLEBLOCK,
    MessageType::NOTFOUND,
    MessageType::PING,
    MessageType::PONG,
    MessageType::SENDCMPCT,
    MessageType::TX,
    MessageType::GETCFILTERS,
    MessageType::CFILTER,
    MessageType::GETCFHEADERS,
    MessageType::CFHEADERS,
    MessageType::GETCFCHECKPT,
    MessageType::CFCHECKPT,
    MessageType::ADDRV2,
];

/// Short ids up to here that stand for nothing yet are taken as the empty type, which nobody
/// knows. Core: the unimplemented entries of `V2_MESSAGE_IDS`.
const SHORT_ID_MAX: u8 = 32;

/// Bytes of the type that begins with `first`.
pub(super) const fn type_bytes(first: u8) -> usize {
    if first == 0 { LONG_TYPE_BYTES } else { 1 }
}

/// A type as contents begin with it: the array, and how much of it.
pub(super) fn encode(message_type: MessageType) -> ([u8; LONG_TYPE_BYTES], usize) {
    let mut bytes = [0; LONG_TYPE_BYTES];
    let place = SHORT_IDS.iter().position(|known| *known == message_type);
    if let Some(id) = place.and_then(|place| u8::try_from(place + 1).ok()) {
        bytes[0] = id;
        return (bytes, 1);
    }
    bytes[1..].copy_from_slice(&message_type.to_wire());
    (bytes, LONG_TYPE_BYTES)
}

/// A message from an authentic packet.
pub(super) fn decode(packet: Packet) -> V2Incoming {
    let raw_bytes = packet.contents_bytes() + PACKET_OVERHEAD_BYTES;
    match decode_type(packet.message_type()) {
        Ok(message_type) => {
            let message = Message { message_type, payload: packet.payload };
            V2Incoming::Message(V2Message { message, raw_bytes })
        }
        Err(why) => V2Incoming::Rejected(V2Rejected { raw_bytes, why }),
    }
}

fn decode_type(bytes: &[u8]) -> Result<MessageType, V2RejectedWhy> {
    match bytes {
        [] => Err(V2RejectedWhy::Empty),
        [0, long @ ..] => {
            let cut = |_| V2RejectedWhy::TypeCut { bytes: long.len() };
            let long = long.try_into().map_err(cut)?;
            MessageType::from_wire(long).map_err(V2RejectedWhy::MessageType)
        }
        [id, ..] => match SHORT_IDS.get(usize::from(*id) - 1) {
            Some(known) => Ok(*known),
            None if *id <= SHORT_ID_MAX => Ok(MessageType::EMPTY),
            None => Err(V2RejectedWhy::ShortId(*id)),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(bytes: &[u8], expected: Result<&str, V2RejectedWhy>) {
        let found = decode_type(bytes);
        assert_eq!(found.as_ref().map(MessageType::as_str).map_err(|why| *why), expected);
    }

    #[test]
    fn types_are_short_or_long() {
        check(b"\x01", Ok("addr"));
        check(b"\x12", Ok("ping"));
        check(b"\x1c", Ok("addrv2"));
        check(b"\0version\0\0\0\0\0", Ok("version"));
        // A type that has a short id may come in the long form.
        check(b"\0ping\0\0\0\0\0\0\0\0", Ok("ping"));
        check(b"\x1d", Ok(""));
        check(b"\x20", Ok(""));
        check(b"\x21", Err(V2RejectedWhy::ShortId(33)));
        check(b"\xff", Err(V2RejectedWhy::ShortId(255)));
        check(b"", Err(V2RejectedWhy::Empty));
        check(b"\0", Err(V2RejectedWhy::TypeCut { bytes: 0 }));
        check(b"\0version\0\0\0\0", Err(V2RejectedWhy::TypeCut { bytes: 11 }));
    }

    #[test]
    fn every_known_type_comes_back() {
        for known in MessageType::KNOWN {
            let (bytes, count) = encode(known);
            assert_eq!(count, type_bytes(bytes[0]));
            assert_eq!(decode_type(&bytes[..count]), Ok(known));
        }
    }
}
