//! Every rule on both of its edges, and every message cut off at every byte.

use std::net::SocketAddr;

use super::*;
use crate::connman::handshake::OwnNonces;
use crate::connman::peer::Origin;
use crate::connman::{Config, ConnType, PeerId};
use crate::rng::Seed;
use crate::sockets::Endpoint;
use crate::time::Now;
use crate::transport::Network;

/// A peer from elsewhere.
fn peer(conn_type: ConnType, permissions: Permissions) -> Peer {
    let (config, seed) = (Config::new(Network::Regtest), Seed::from_number(1));
    let endpoint = Endpoint::Ip(SocketAddr::from(([203, 0, 113, 7], 8333)));
    let mut peer = Peer::new(PeerId(1), conn_type, endpoint, Origin::Peer, &config, &seed);
    peer.permissions = permissions;
    peer
}

/// What becomes of a message.
fn look(peer: &Peer, name: &str, payload: &[u8]) -> Result<Verdict, DisconnectReason> {
    let (config, seed) = (Config::new(Network::Regtest), Seed::from_number(1));
    let (now, own_nonces) = (Now::default(), OwnNonces::default());
    let cx =
        Context { config: &config, seed: &seed, now, own_nonces: &own_nonces, start_height: 0 };
    let of_name = |known: &MessageType| known.as_str() == name;
    screen(peer, &cx, MessageType::KNOWN.into_iter().find(of_name).unwrap(), payload)
}

/// A number below 65536 in its shortest form.
fn compact(count: usize) -> Vec<u8> {
    let low = u16::try_from(count).unwrap();
    if count < 0xfd {
        vec![low.to_le_bytes()[0]]
    } else {
        [&[0xfd], &low.to_le_bytes()[..]].concat()
    }
}

/// A message with so many entries, each of these bytes.
fn list(head: &[u8], count: usize, entry: &[u8], tail: &[u8]) -> Vec<u8> {
    [head, &compact(count), &entry.repeat(count), tail].concat()
}

/// What a peer may send, with `count` entries.
fn message(name: &str, count: usize) -> Vec<u8> {
    match name {
        "inv" | "getdata" => list(&[], count, &[[2, 0, 0, 0].as_slice(), &[7; 32]].concat(), &[]),
        "headers" => list(&[], count, &[0; 81], &[]),
        "getblocks" | "getheaders" => list(&[1, 0, 0, 0], count, &[7; 32], &[0; 32]),
        name => unreachable!("{name} is no list"),
    }
}

const LISTS: [(&str, usize); 5] = [
    ("inv", 50_000),
    ("getdata", 50_000),
    ("headers", 2_000),
    ("getblocks", 101),
    ("getheaders", 101),
];

#[test]
fn longer_lists_than_anybody_sends_end_the_connection() {
    let stranger = peer(ConnType::Inbound, Permissions::NONE);
    for (name, max) in LISTS {
        assert_eq!(look(&stranger, name, &message(name, 0)), NOT_USED, "{name}");
        assert_eq!(look(&stranger, name, &message(name, max)), NOT_USED, "{name}");
        let result = look(&stranger, name, &message(name, max + 1));
        let count = max + 1;
        match result {
            Err(DisconnectReason::LocatorTooLong { count: told }) => {
                assert_eq!((told, max), (count, LOCATOR_MAX), "{name}");
            }
            Err(DisconnectReason::Misbehaved(Misbehaviour::TooMany {
                message_type,
                count: n,
                max: most,
            })) => {
                assert_eq!((message_type.as_str(), n, most), (name, count, max));
            }
            other => panic!("{name}: {other:?}"),
        }
    }
}

#[test]
fn who_is_vouched_for_is_pardoned() {
    for (conn_type, permissions, is_pardoned) in [
        (ConnType::Inbound, Permissions::NOBAN, true),
        (ConnType::Manual, Permissions::NONE, true),
        (ConnType::Inbound, Permissions::RELAY, false),
        (ConnType::OutboundFullRelay, Permissions::NONE, false),
        (ConnType::BlockRelay, Permissions::NONE, false),
    ] {
        let one = peer(conn_type, permissions);
        let result = look(&one, "inv", &message("inv", INVENTORY_MAX + 1));
        assert_eq!(matches!(result, Ok(Verdict::Pardoned(_))), is_pardoned, "{conn_type:?}");
        assert_eq!(result.is_ok(), is_pardoned, "{conn_type:?}");
        // That a locator is too long is no misbehaviour.
        let result = look(&one, "getblocks", &message("getblocks", LOCATOR_MAX + 1));
        assert_eq!(result, Err(DisconnectReason::LocatorTooLong { count: 102 }), "{conn_type:?}");
    }
}

#[test]
fn list_that_is_cut_off_is_ignored_whatever_it_announces() {
    let stranger = peer(ConnType::Inbound, Permissions::NONE);
    for (name, max) in LISTS {
        for (count, cuts) in [(3, 0..message(name, 3).len()), (max + 1, 3..40)] {
            let whole = message(name, count);
            for length in cuts {
                // Headers are counted before they are read.
                let is_counted = name == "headers" && length >= compact(count).len();
                let result = look(&stranger, name, &whole[..length]);
                let malformed = matches!(result, Ok(Verdict::Ignored(Ignored::Malformed(_))));
                assert_eq!(malformed, !is_counted, "{name} of {count}, {length}: {result:?}");
            }
        }
        // More than any message can hold.
        let claims = [[0; 4].as_slice(), &[0xfe, 0xff, 0xff, 0xff, 0xff]].concat();
        let head = if name.starts_with("get") && name != "getdata" { 0 } else { 4 };
        let result = look(&stranger, name, &claims[head..]);
        assert!(
            matches!(result, Ok(Verdict::Ignored(Ignored::Malformed(_)))),
            "{name}: {result:?}"
        );
    }
}

#[test]
fn who_relays_blocks_alone_sends_no_transactions() {
    let entry = |kind: u32| list(&[], 1, &[&kind.to_le_bytes()[..], &[7; 32]].concat(), &[]);
    let unwanted = Err(DisconnectReason::TransactionUnwanted);
    let mut one = peer(ConnType::BlockRelay, Permissions::NONE);
    assert_eq!(look(&one, "tx", &[]), unwanted);
    for (kind, before, after) in [
        (TX, unwanted, NOT_USED),
        (WTX, NOT_USED, unwanted),
        (WITNESS_TX, unwanted, unwanted),
        (2, NOT_USED, NOT_USED),
        (0, NOT_USED, NOT_USED),
    ] {
        one.handshake.wtxid_relay = false;
        assert_eq!(look(&one, "inv", &entry(kind)), before, "{kind}");
        one.handshake.wtxid_relay = true;
        assert_eq!(look(&one, "inv", &entry(kind)), after, "{kind}");
        // To ask for one is another matter.
        assert_eq!(look(&one, "getdata", &entry(kind)), NOT_USED, "{kind}");
        let other = peer(ConnType::Inbound, Permissions::NONE);
        assert_eq!(look(&other, "inv", &entry(kind)), NOT_USED, "{kind}");
    }
    let other = peer(ConnType::Inbound, Permissions::NONE);
    assert_eq!(look(&other, "tx", &[]), NOT_USED);
}

#[test]
fn what_is_not_offered_is_not_asked_for() {
    for (name, payload) in [
        ("filterload", 0),
        ("filteradd", 0),
        ("filterclear", 0),
        ("getcfilters", 37),
        ("getcfheaders", 37),
        ("getcfcheckpt", 33),
    ] {
        for permissions in [Permissions::NONE, Permissions::NOBAN, Permissions::MEMPOOL] {
            let one = peer(ConnType::Inbound, permissions);
            let result = look(&one, name, &vec![0; payload]);
            let is_it = matches!(result, Err(DisconnectReason::NotOffered { message_type })
                if message_type.as_str() == name);
            assert!(is_it, "{name}: {result:?}");
            if payload > 0 {
                let result = look(&one, name, &vec![0; payload - 1]);
                assert!(matches!(result, Ok(Verdict::Ignored(Ignored::Malformed(_)))), "{name}");
            }
        }
    }
}

#[test]
fn mempool_takes_a_service_or_a_permission() {
    let not_offered = Err(DisconnectReason::NotOffered { message_type: MessageType::MEMPOOL });
    for (permissions, expected) in [
        (Permissions::NONE, not_offered),
        (Permissions::RELAY, not_offered),
        (Permissions::NOBAN, Ok(Verdict::Ignored(Ignored::Unsupported))),
        (Permissions::MEMPOOL, NOT_USED),
        (Permissions::BLOOM_FILTER, NOT_USED),
    ] {
        assert_eq!(look(&peer(ConnType::Inbound, permissions), "mempool", &[]), expected);
    }
}

#[test]
fn permission_offers_bloom_filters_and_no_others_to_who_comes() {
    let granted = Permissions::BLOOM_FILTER | Permissions::RELAY;
    for name in ["filterload", "filteradd", "filterclear"] {
        assert_eq!(look(&peer(ConnType::Inbound, granted), name, &[]), NOT_USED, "{name}");
        let result = look(&peer(ConnType::Manual, granted), name, &[]);
        assert!(matches!(result, Err(DisconnectReason::NotOffered { .. })), "{name}: {result:?}");
    }
    let result = look(&peer(ConnType::Inbound, granted), "getcfcheckpt", &[0; 33]);
    assert!(matches!(result, Err(DisconnectReason::NotOffered { .. })), "{result:?}");
}
