//! Payloads at their edges.

use super::*;

fn version() -> Version {
    Version {
        head: VersionHead {
            version: 70016,
            services: Services::NETWORK | Services::WITNESS,
            time: 1_700_000_000,
            receiver_services: Services::NONE,
            receiver: "1.2.3.4:8333".parse().unwrap(),
        },
        tail: VersionTail {
            nonce: 0x0102_0304_0506_0708,
            user_agent: "/sockman:0.1.0/".to_owned(),
            start_height: 7,
            relay: Relay::Wanted,
        },
    }
}

#[test]
fn version_comes_back_as_it_was() {
    let version = version();
    let bytes = version.encode();
    assert_eq!(bytes.len(), 80 + 1 + 15 + 4 + 1);
    assert_eq!(Version::decode(&bytes), Ok(version));
}

#[test]
fn version_has_its_fields_where_the_wire_wants_them() {
    let bytes = version().encode();
    assert_eq!(bytes[..4], 70016_i32.to_le_bytes());
    assert_eq!(bytes[4..12], 9_u64.to_le_bytes());
    assert_eq!(bytes[12..20], 1_700_000_000_i64.to_le_bytes());
    assert_eq!(bytes[20..28], [0; 8]);
    assert_eq!(bytes[28..46], *b"\0\0\0\0\0\0\0\0\0\0\xff\xff\x01\x02\x03\x04\x20\x8d");
    assert_eq!(bytes[46..54], 9_u64.to_le_bytes());
    assert_eq!(bytes[54..72], [0; 18]);
    assert_eq!(bytes[72..80], 0x0102_0304_0506_0708_u64.to_le_bytes());
}

/// The tail may be absent from any of its fields on, but no field may be cut.
#[test]
fn version_may_end_after_any_field_of_its_tail() {
    let bytes = version().encode();
    let user_agent_at = 80;
    let height_at = 96;
    let relay_at = 100;
    for length in 0..=bytes.len() {
        let whole = [46, user_agent_at, height_at, relay_at, bytes.len()].contains(&length);
        let decoded = Version::decode(&bytes[..length]);
        assert_eq!(decoded.is_ok(), whole, "{length} bytes: {decoded:?}");
        let Ok(Version { tail, .. }) = decoded else { continue };
        assert_eq!(tail.nonce == 1, length < user_agent_at);
        assert_eq!(tail.user_agent.is_empty(), length < height_at);
        assert_eq!(tail.start_height == -1, length < relay_at);
        assert_eq!(tail.relay, Relay::Wanted);
    }
}

#[test]
fn version_ignores_what_follows_it() {
    let mut bytes = version().encode();
    bytes.extend_from_slice(&[9; 100]);
    assert_eq!(Version::decode(&bytes), Ok(version()));
}

#[test]
fn user_agent_is_bounded_and_sanitised() {
    let with_agent = |agent: &[u8]| {
        let mut bytes = version().encode()[..80].to_vec();
        push_compact_size(&mut bytes, agent.len());
        bytes.extend_from_slice(agent);
        Version::decode(&bytes).map(|version| version.tail.user_agent)
    };
    assert_eq!(with_agent(b"/a b.1,;-_:?@()/").as_deref(), Ok("/a b.1,;-_:?@()/"));
    assert_eq!(with_agent(b"/\x00<b>\xff\"'\n/").as_deref(), Ok("/b/"));
    assert_eq!(with_agent(&[b'x'; 256]).map(|agent| agent.len()), Ok(256));
    let why = DecodeWhy::TooLong { length: 257, max: 256 };
    let error = DecodeError { field: "user agent length", offset: 80, why };
    assert_eq!(with_agent(&[b'x'; 257]), Err(error));
}

#[test]
fn negative_time_reads_as_zero() {
    let mut bytes = version().encode();
    bytes[12..20].copy_from_slice(&(-1_i64).to_le_bytes());
    assert_eq!(Version::decode(&bytes).map(|version| version.head.time), Ok(0));
}

#[test]
fn any_relay_byte_but_zero_wants_transactions() {
    let mut bytes = version().encode();
    for (byte, relay) in [(0, Relay::Unwanted), (1, Relay::Wanted), (0x80, Relay::Wanted)] {
        *bytes.last_mut().unwrap() = byte;
        assert_eq!(Version::decode(&bytes).map(|version| version.tail.relay), Ok(relay));
    }
}

#[test]
fn small_payloads_read_from_the_front() {
    assert_eq!(decode_ping(&[1, 0, 0, 0, 0, 0, 0, 0, 9]), Ok(1));
    assert!(decode_ping(&[1; 7]).is_err());
    assert_eq!(decode_pong(&[0; 8]), Some(0));
    assert_eq!(decode_pong(&[0; 7]), None);
    let sent = SendCmpct { bandwidth: Bandwidth::High, version: 2 };
    assert_eq!(SendCmpct::decode(&sent.encode()), Ok(sent));
    let error = DecodeError { field: "version", offset: 1, why: DecodeWhy::Truncated };
    assert_eq!(SendCmpct::decode(&[1; 8]), Err(error));
    assert_eq!(decode_feefilter(&[0xff; 8]), Ok(-1));
}
