//! Messages: decoded and encoded by us and by rust-bitcoin, which must agree wherever both speak.
//!
//! Where they part is listed at each comparison: the reference takes a `version` that ends early
//! and a user agent of any bytes, and so do we.

use arbitrary::Unstructured;
use bitcoin::consensus::encode::{Error, deserialize_partial};
use bitcoin::consensus::{deserialize, serialize};
use bitcoin::p2p::message::{NetworkMessage, RawNetworkMessage};
use bitcoin::p2p::message_compact_blocks;
use bitcoin::p2p::message_network::VersionMessage;
use sockman::connman::message::{
    Bandwidth, Relay, SendCmpct, USER_AGENT_BYTES_MAX, Version, decode_feefilter, decode_ping,
    decode_pong,
};
use sockman::transport::{
    Frame, Incoming, Magic, MessageType, Network, RejectedWhy, SendQueue, V1Receiver,
};

use super::Judged;
use super::draw::{below, pick};

/// Reads any bytes as messages with both codecs.
///
/// # Panics
///
/// They do not agree, or one does not read what the other wrote.
pub fn message(bytes: &[u8]) -> Judged {
    let mut input = Unstructured::new(bytes);
    let sort = below(&mut input, 8);
    let known = pick(&mut input, &MessageType::KNOWN);
    let bytes = input.take_rest();
    match sort {
        0..4 => version(bytes),
        4 => short_ones(bytes),
        5 => frame(known, bytes),
        _ => stream(bytes),
    }
}

fn version(bytes: &[u8]) -> Judged {
    let ours = Version::decode(bytes);
    if let Ok((theirs, _)) = deserialize_partial::<VersionMessage>(bytes) {
        let is_long = theirs.user_agent.len() > USER_AGENT_BYTES_MAX;
        assert_eq!(ours.is_err(), is_long, "a user agent is too long, or it is not: {ours:?}");
        if let Ok(ours) = &ours {
            assert_same(ours, &theirs);
        }
    }
    // One that ends early, whose user agent is no UTF-8, or whose flag is above 1 is for us alone.
    let Ok(ours) = ours else { return Judged::Trivial };
    let encoded = ours.encode();
    assert_eq!(Version::decode(&encoded).as_ref(), Ok(&ours), "we read what we write");
    let theirs: VersionMessage = deserialize(&encoded).expect("they read what we write");
    assert_same(&ours, &theirs);
    assert_eq!(serialize(&theirs), encoded, "they write what they read");
    Judged::Passed
}

#[track_caller]
fn assert_same(ours: &Version, theirs: &VersionMessage) {
    // What is signed for us is not for them.
    assert_eq!(ours.head.version.cast_unsigned(), theirs.version, "version");
    assert_eq!(ours.head.services.0, theirs.services.to_u64(), "services");
    // A clock before 1970 reads as 1970, as in the reference.
    assert_eq!(ours.head.time, theirs.timestamp.max(0), "time");
    assert_eq!(ours.head.receiver_services.0, theirs.receiver.services.to_u64(), "services");
    let ip = std::net::Ipv6Addr::from(theirs.receiver.address);
    let receiver = (std::net::IpAddr::V6(ip).to_canonical(), theirs.receiver.port).into();
    assert_eq!(ours.head.receiver, receiver, "receiver");
    assert_eq!(ours.tail.nonce, theirs.nonce, "nonce");
    // We keep of a user agent what is safe to show.
    let mut rest = theirs.user_agent.chars();
    let is_part = ours.tail.user_agent.chars().all(|ours| rest.any(|theirs| theirs == ours));
    assert!(is_part, "{:?} is no part of {:?}", ours.tail.user_agent, theirs.user_agent);
    assert_eq!(ours.tail.start_height, theirs.start_height, "start height");
    assert_eq!(ours.tail.relay == Relay::Wanted, theirs.relay, "relay");
}

/// Messages of a few numbers; what follows them is ignored by both.
fn short_ones(bytes: &[u8]) -> Judged {
    let nonce = deserialize_partial::<u64>(bytes).ok().map(|(nonce, _)| nonce);
    assert_eq!(decode_ping(bytes).ok(), nonce, "ping");
    assert_eq!(decode_pong(bytes), nonce, "pong");
    let rate = deserialize_partial::<i64>(bytes).ok().map(|(rate, _)| rate);
    assert_eq!(decode_feefilter(bytes).ok(), rate, "feefilter");
    let theirs = deserialize_partial::<message_compact_blocks::SendCmpct>(bytes);
    let ours = SendCmpct::decode(bytes);
    // Any flag but 0 is 1 for the reference and for us; they take no others.
    if bytes.first().is_none_or(|flag| *flag <= 1) {
        assert_eq!(ours.is_ok(), theirs.is_ok(), "sendcmpct: {ours:?}");
    }
    let (Ok(ours), Ok((theirs, _))) = (ours, theirs) else { return Judged::Trivial };
    assert_eq!(ours.bandwidth == Bandwidth::High, theirs.send_compact, "sendcmpct");
    assert_eq!(ours.version, theirs.version, "sendcmpct");
    assert_eq!(ours.encode().as_slice(), serialize(&theirs), "sendcmpct");
    assert_eq!(SendCmpct::decode(&ours.encode()), Ok(ours), "sendcmpct");
    Judged::Passed
}

/// Any payload in a frame of ours: they find it whole, whatever they think of what is in it.
fn frame(message_type: MessageType, payload: &[u8]) -> Judged {
    let mut queue = SendQueue::new();
    queue.push(Frame::v1(Network::Main.magic(), message_type, payload.into()));
    let wire: Vec<u8> = queue.runs().flatten().copied().collect();
    stream(&wire)
}

/// Any bytes as what comes from the wire, up to the end of one message.
fn stream(bytes: &[u8]) -> Judged {
    // Their reader takes the bytes of every network.
    let Some(magic) = bytes.first_chunk().copied() else { return Judged::Trivial };
    let mut rest = bytes;
    let received = V1Receiver::new(Magic(magic)).receive(&mut rest);
    let Ok(Some(incoming)) = received else { return Judged::Trivial };
    let theirs = deserialize_partial::<RawNetworkMessage>(bytes);
    let taken = bytes.len() - rest.len();
    match (incoming, theirs) {
        (Incoming::Message(ours), Ok((theirs, their_taken))) => {
            assert_eq!(their_taken, taken, "where a message ends");
            assert_eq!(theirs.magic().to_bytes(), magic, "magic");
            assert_eq!(theirs.command().as_ref(), ours.message_type.as_str(), "type");
            if let NetworkMessage::Unknown { payload, .. } = theirs.payload() {
                assert_eq!(payload, &ours.payload, "payload");
            }
            Judged::Passed
        }
        (Incoming::Message(_), Err(error)) => {
            assert!(!matches!(error, Error::InvalidChecksum { .. }), "checksum: {error}");
            Judged::Passed
        }
        (Incoming::Rejected(rejected), theirs) => {
            // A type with rubbish in it is good enough for them.
            if matches!(rejected.why, RejectedWhy::Checksum { .. }) {
                assert!(theirs.is_err(), "a checksum that is wrong for us is for them");
            }
            Judged::Trivial
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::draw::random_bytes;
    use super::*;

    /// Measured: 24 % of random bytes are read as something.
    #[test]
    fn random_bytes_are_read_alike() {
        let judged = (0..4_000).map(|seed| message(&random_bytes(seed, 150)));
        let passed = judged.filter(|judged| *judged == Judged::Passed).count();
        println!("{passed} of 4000");
        assert!(passed > 800);
    }

    #[test]
    fn a_damaged_version_is_read_alike() {
        let plain = random_bytes(1, 85);
        let mut payload = [&plain[..80], &[5], b"/a:1/", &[1, 2, 3, 4, 1]].concat();
        assert_eq!(version(&payload), Judged::Passed);
        for at in 0..payload.len() {
            for value in [0, 1, 0x7F, 0x80, 0xFC, 0xFD, 0xFF] {
                let before = std::mem::replace(&mut payload[at], value);
                version(&payload);
                payload[at] = before;
            }
            version(&payload[..at]);
        }
    }
}
