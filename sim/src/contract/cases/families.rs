//! IPv6 and Unix sockets.

use std::net::{Ipv4Addr, Ipv6Addr};
use std::path::PathBuf;

use sockman::sockets::{
    Closing, ConnectError, Endpoint, Failure, ListenError, Received, Sockets, Wait,
};

use super::fixture::{Fixture, Pair};

/// Ports that the wildcard is tried with: somebody else on this machine may have one of them over
/// IPv4, but not all.
const PORTS_TRIED: usize = 8;

pub(super) fn ipv6_connects<S: Sockets + Wait>(f: &mut Fixture<S>) {
    let (listener, at) = f.listen_at(&Endpoint::Ip((Ipv6Addr::LOCALHOST, 0).into()));
    let Pair { client, server, .. } = f.pair_through(listener, &at);
    assert_eq!(f.s.peer_endpoint(client), Ok(at));
    f.send_all(client, b"hello");
    f.expect_bytes(server, b"hello");
}

pub(super) fn ipv6_wildcard_leaves_ipv4_alone<S: Sockets + Wait>(f: &mut Fixture<S>) {
    for _ in 0..PORTS_TRIED {
        let (v6, at) = f.listen_at(&Endpoint::Ip((Ipv6Addr::UNSPECIFIED, 0).into()));
        let port = at.ip().expect("an IP address").port();
        match f.s.listen(&Endpoint::Ip((Ipv4Addr::LOCALHOST, port).into())) {
            Ok(v4) => {
                let dialled = f.s.listener_endpoint(v4).unwrap();
                f.pair_through(v4, &dialled);
                return;
            }
            Err(error) => assert_eq!(error, ListenError::AddressInUse),
        }
        f.s.close_listener(v6).unwrap();
    }
    panic!("no port of {PORTS_TRIED} that [::] has is free at 127.0.0.1");
}

pub(super) fn unix_path_connects<S: Sockets + Wait>(f: &mut Fixture<S>) {
    let at = f.unix_endpoint();
    let (listener, endpoint) = f.listen_at(&at);
    assert_eq!(endpoint, at);
    let client = f.connect(&at);
    let (server, peer) = f.accept(listener);
    let nameless = Endpoint::Unix(PathBuf::new());
    assert_eq!(peer, nameless);
    assert_eq!(f.s.local_endpoint(client), Ok(nameless));
    assert_eq!(f.s.peer_endpoint(client), Ok(at));
    f.send_all(server, b"hello");
    f.expect_bytes(client, b"hello");
}

pub(super) fn unix_path_in_use_is_not_taken<S: Sockets + Wait>(f: &mut Fixture<S>) {
    let at = f.unix_endpoint();
    let (listener, _) = f.listen_at(&at);
    assert_eq!(f.s.listen(&at), Err(ListenError::AddressInUse));
    f.pair_through(listener, &at);
}

pub(super) fn unix_path_is_removed_with_its_listener<S: Sockets + Wait>(f: &mut Fixture<S>) {
    let at = f.unix_endpoint();
    for _ in 0..3 {
        let (listener, _) = f.listen_at(&at);
        f.s.close_listener(listener).unwrap();
    }
}

pub(super) fn unix_path_where_nobody_listens_is_refused<S: Sockets + Wait>(f: &mut Fixture<S>) {
    let at = f.unix_endpoint();
    assert_eq!(f.s.connect(&at), Err(ConnectError::Failed(Failure::Refused)));
}

pub(super) fn unix_end_of_stream_comes_after_the_bytes<S: Sockets + Wait>(f: &mut Fixture<S>) {
    let at = f.unix_endpoint();
    let (listener, _) = f.listen_at(&at);
    let Pair { client, server, .. } = f.pair_through(listener, &at);
    f.send_all(client, b"hello");
    f.s.close(client, Closing::Orderly).unwrap();
    assert_eq!(f.read_to_end(server), (b"hello".to_vec(), Ok(())));
    assert_eq!(f.recv(server), Ok(Received::Eof));
}

pub(super) fn unix_path_too_long_or_empty_is_refused<S: Sockets + Wait>(f: &mut Fixture<S>) {
    for path in [String::new(), "/".repeat(4096)] {
        let nowhere = Endpoint::Unix(path.into());
        assert!(f.s.listen(&nowhere).is_err());
        assert!(f.s.connect(&nowhere).is_err());
    }
}
