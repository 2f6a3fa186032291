//! Where one may listen.

use std::net::Ipv4Addr;

use sockman::sockets::{Endpoint, ListenError, Sockets, Wait};

use super::fixture::Fixture;

pub(super) fn port_zero_is_replaced_by_the_one_chosen<S: Sockets + Wait>(f: &mut Fixture<S>) {
    let (first, at) = f.listen();
    let (_, elsewhere) = f.listen();
    let address = at.ip().expect("an IP address was asked for");
    assert_eq!(address.ip(), Ipv4Addr::LOCALHOST);
    assert_ne!(address.port(), 0);
    assert_ne!(at, elsewhere);
    assert_eq!(f.s.listener_endpoint(first), Ok(at));
}

pub(super) fn address_that_is_listened_on_is_in_use<S: Sockets + Wait>(f: &mut Fixture<S>) {
    let (_, at) = f.listen();
    assert_eq!(f.s.listen(&at), Err(ListenError::AddressInUse));
    let port = at.ip().expect("an IP address").port();
    let everywhere = Endpoint::Ip((Ipv4Addr::UNSPECIFIED, port).into());
    assert_eq!(f.s.listen(&everywhere), Err(ListenError::AddressInUse));
}

pub(super) fn address_of_another_host_is_not_available<S: Sockets + Wait>(f: &mut Fixture<S>) {
    // RFC 5737: 192.0.2.0/24 is for documentation, so no host has it.
    let elsewhere = Endpoint::Ip((Ipv4Addr::new(192, 0, 2, 1), 0).into());
    assert_eq!(f.s.listen(&elsewhere), Err(ListenError::AddressNotAvailable));
}

pub(super) fn port_is_free_again_while_an_accepted_connection_lives<S: Sockets + Wait>(
    f: &mut Fixture<S>,
) {
    let (listener, at) = f.listen();
    let pair = f.pair_through(listener, &at);
    f.s.close_listener(listener).unwrap();
    let (again, _) = f.listen_at(&at);
    f.pair_through(again, &at);
    f.send_across(pair.client, pair.server, b"still here");
}

pub(super) fn different_addresses_share_a_port<S: Sockets + Wait>(f: &mut Fixture<S>) {
    let (first, at) = f.listen();
    let port = at.ip().expect("an IP address").port();
    let beside = Endpoint::Ip((Ipv4Addr::new(127, 0, 0, 2), port).into());
    let (second, _) = f.listen_at(&beside);
    f.pair_through(second, &beside);
    f.pair_through(first, &at);
}
