//! Lists and questions of one peer, handled by themselves.

use std::net::{Ipv4Addr, SocketAddr};

use super::*;
use crate::connman::addrman::{Key, NetGroups, NetService, Table};
use crate::connman::bans::{BAN_TIME_DEFAULT, BanTime, Subnet};
use crate::connman::handshake::OwnNonces;
use crate::connman::host::Cjdns;
use crate::connman::peer::Origin;
use crate::connman::{Config, PeerId};
use crate::slab::Key as _;
use crate::sockets::{Endpoint, ListenerId};
use crate::transport::Network;

const START: UnixTime = UnixTime::from_secs(1_700_000_000);

/// What a manager has, at some time.
struct Desk {
    config: Config,
    seed: Seed,
    own_nonces: OwnNonces,
    addrman: AddrMan,
    relay: AddrRelay,
    bans: BanList,
    discouraged: Discouraged,
    now: Now,
}

impl Desk {
    fn new() -> Self {
        let seed = Seed::from_number(1);
        let config = Config::new(Network::Regtest);
        Self {
            own_nonces: OwnNonces::default(),
            addrman: AddrMan::new(Key::new([7; 32]), NetGroups),
            relay: AddrRelay::new(&config, &seed),
            bans: BanList::new(BAN_TIME_DEFAULT),
            discouraged: Discouraged::new(&seed),
            now: Now { wall: START, ..Now::default() },
            config,
            seed,
        }
    }

    fn with<T>(&mut self, act: impl FnOnce(&Context<'_>, &mut AddrBook<'_>) -> T) -> T {
        let Self { config, seed, own_nonces, addrman, relay, bans, discouraged, now } = self;
        let cx = Context { config, seed, now: *now, own_nonces, start_height: 0 };
        act(&cx, &mut AddrBook { addrman, relay, bans, discouraged })
    }

    fn hear(&mut self, peer: &mut Peer, records: &[AddrRecord]) -> Verdict {
        let payload = encode(records, AddrForm::V2);
        let list = MessageType::ADDRV2;
        self.with(|cx, book| handle_list(peer, cx, book, list, &payload)).unwrap()
    }

    fn hear_bytes(
        &mut self,
        peer: &mut Peer,
        list: MessageType,
        payload: &[u8],
    ) -> Result<Verdict, DisconnectReason> {
        self.with(|cx, book| handle_list(peer, cx, book, list, payload))
    }

    fn asked(&mut self, peer: &mut Peer) -> Verdict {
        self.with(|cx, book| handle_getaddr(peer, cx, book))
    }

    /// What a peer is told next.
    fn told(&self, peer: &mut Peer) -> Vec<AddrRecord> {
        let begun = peer.addresses.as_mut().expect("it takes part");
        begun.note_due();
        begun.take_due(self.now.wall, &self.seed)
    }

    fn relayed(&mut self) -> Vec<AddrRecord> {
        std::mem::take(&mut self.relay.relayed)
    }
}

fn peer(id: u64, conn_type: ConnType, permissions: Permissions) -> Peer {
    let (config, seed) = (Config::new(Network::Regtest), Seed::from_number(1));
    let endpoint = Endpoint::Ip(SocketAddr::from(([203, 0, 113, 7], 8333)));
    let mut peer = Peer::new(PeerId(id), conn_type, endpoint, Origin::Peer, &config, &seed);
    peer.connected_at = START;
    peer.permissions = permissions;
    peer.listener = conn_type.is_inbound().then(|| ListenerId::new(0, 0));
    peer
}

fn stranger() -> Peer {
    peer(1, ConnType::Inbound, Permissions::NONE)
}

/// An address that was seen just now, in a netgroup of its own for every 256 of them.
fn record(n: u16) -> AddrRecord {
    let [high, low] = n.to_be_bytes();
    let addr = NetAddr::Ipv4(Ipv4Addr::new(32, low, high, 1));
    let service = NetService { addr, port: 8333 };
    AddrRecord { service, services: Services::NETWORK, time: START }
}

fn counts(peer: &Peer) -> (u64, u64) {
    let counts = peer.addr_counts().unwrap();
    (counts.processed, counts.rate_limited)
}

/// A list of 1001 addresses that nobody sends.
fn too_long() -> Vec<u8> {
    let entries = &encode(&[record(1)], AddrForm::V1)[1..];
    [&[0xfd, 0xe9, 3], entries.repeat(1001).as_slice()].concat()
}

#[test]
fn longer_list_than_anybody_sends_is_misbehaviour() {
    let (mut desk, list) = (Desk::new(), MessageType::ADDR);
    let max = ADDR_TO_SEND_MAX;
    let what = Misbehaviour::TooMany { message_type: list, count: max + 1, max };
    let result = desk.hear_bytes(&mut stranger(), list, &too_long());
    assert_eq!(result, Err(DisconnectReason::Misbehaved(what)));
    let mut friend = peer(1, ConnType::Inbound, Permissions::NOBAN);
    let result = desk.hear_bytes(&mut friend, list, &too_long());
    assert_eq!(result, Ok(Verdict::Pardoned(what)));
    assert_eq!(desk.addrman.size(None, None), 0, "nothing is made of it");
}

#[test]
fn list_that_cannot_be_read_is_ignored_whatever_it_announces() {
    let mut desk = Desk::new();
    let (v1, v2) = (MessageType::ADDR, MessageType::ADDRV2);
    let mut malformed = |list, payload: &[u8]| {
        let result = desk.hear_bytes(&mut stranger(), list, payload);
        matches!(result, Ok(Verdict::Ignored(Ignored::Malformed(_))))
    };
    let records = [record(1), record(2)];
    for (list, form) in [(v1, AddrForm::V1), (v2, AddrForm::V2)] {
        let whole = encode(&records, form);
        assert!((0..whole.len()).all(|length| malformed(list, &whole[..length])));
        assert!(!malformed(list, &[&whole[..], &[1]].concat()), "bytes behind are ignored");
    }
    let long = too_long();
    assert!(malformed(v1, &long[..long.len() - 1]));
    assert!(malformed(v1, &[0xfe, 0xff, 0xff, 0xff, 0xff]), "more than any message can hold");
}

/// BIP 155: networks that are known have addresses of a length.
#[test]
fn addrv2_entries_have_the_length_of_their_network() {
    let entry = |network: u8, length: u16| {
        let [low, high] = length.to_le_bytes();
        let length_bytes = if length < 0xfd { vec![low] } else { vec![0xfd, low, high] };
        let address = vec![0xfd; usize::from(length)];
        [&[0, 0, 0, 0, 0, network][..], &length_bytes, &address, &[0, 1]].concat()
    };
    for (network, length, is_right) in [
        (1, 4, true),
        (1, 5, false),
        (2, 16, true),
        (2, 4, false),
        (4, 32, true),
        (4, 10, false),
        (5, 32, true),
        (6, 16, true),
        (6, 15, false),
        // Networks that nobody knows, or any more.
        (3, 10, true),
        (0, 0, true),
        (7, 512, true),
        (7, 513, false),
    ] {
        let payload = [&[2][..], &entry(network, length), &entry(1, 4)].concat();
        let result = Desk::new().hear_bytes(&mut stranger(), MessageType::ADDRV2, &payload);
        assert_eq!(result == Ok(Verdict::Taken), is_right, "{network} of {length}: {result:?}");
        let malformed = matches!(result, Ok(Verdict::Ignored(Ignored::Malformed(_))));
        assert_eq!(malformed, !is_right, "{network} of {length}: {result:?}");
    }
}

#[test]
fn who_relays_blocks_alone_exchanges_no_addresses() {
    let mut desk = Desk::new();
    let mut one = peer(1, ConnType::BlockRelay, Permissions::NONE);
    let ignored = Verdict::Ignored(Ignored::Unsolicited);
    assert_eq!(desk.hear(&mut one, &[record(1)]), ignored);
    let result = desk.hear_bytes(&mut one, MessageType::ADDR, &too_long());
    assert_eq!(result, Ok(ignored), "it is not even counted");
    assert_eq!(desk.asked(&mut one), ignored);
    assert!(one.addresses.is_none(), "nothing is kept of it");
}

#[test]
fn addresses_are_looked_at_as_far_as_there_are_tokens() {
    let mut desk = Desk::new();
    let mut one = stranger();
    let many: Vec<_> = (0..100).map(record).collect();
    desk.hear(&mut one, &many);
    assert_eq!(counts(&one), (1, 99));
    desk.now.wall = START + Duration::from_secs(100);
    desk.hear(&mut one, &many);
    assert_eq!(counts(&one), (11, 189));
    let mut friend = peer(2, ConnType::Inbound, Permissions::ADDR);
    desk.hear(&mut friend, &many);
    assert_eq!(counts(&friend), (100, 0));
}

#[test]
fn which_addresses_are_looked_at_is_drawn() {
    let first: std::collections::BTreeSet<_> = (0..20)
        .map(|n| {
            let mut desk = Desk::new();
            desk.relay.messages = n;
            desk.hear(&mut stranger(), &(0..10).map(record).collect::<Vec<_>>());
            desk.relayed()[0].service
        })
        .collect();
    assert!(first.len() > 3, "{first:?}");
}

#[test]
fn fresh_addresses_in_short_lists_are_passed_on() {
    let friend = || peer(1, ConnType::Inbound, Permissions::ADDR);
    let relayed = |records: &[AddrRecord]| {
        let mut desk = Desk::new();
        desk.hear(&mut friend(), records);
        desk.relayed().len()
    };
    let ten: Vec<_> = (0..10).map(record).collect();
    let eleven: Vec<_> = (0..11).map(record).collect();
    assert_eq!((relayed(&ten), relayed(&eleven)), (10, 0));
    let at = |seconds: i64| AddrRecord {
        time: UnixTime::from_secs(START.as_secs().strict_add_signed(seconds)),
        ..record(1)
    };
    assert_eq!([-600, -599, 600, 601].map(|seconds| relayed(&[at(seconds)])), [0, 1, 1, 0]);
    let nowhere = NetAddr::Ipv4(Ipv4Addr::new(10, 0, 0, 1));
    let service = NetService { addr: nowhere, ..record(1).service };
    assert_eq!(relayed(&[AddrRecord { service, ..record(1) }]), 0);
    assert_eq!(relayed(&[AddrRecord { services: Services::WITNESS, ..record(1) }]), 0);
    assert_eq!(relayed(&[AddrRecord { services: Services::NETWORK_LIMITED, ..record(1) }]), 1);
}

#[test]
fn answer_to_our_question_is_learned_and_not_passed_on() {
    let mut desk = Desk::new();
    let mut one = peer(1, ConnType::Manual, Permissions::NONE);
    desk.with(|_, book| begin(&mut one, book).unwrap().ask());
    let full: Vec<_> = (0..1_000).map(record).collect();
    desk.hear(&mut one, &full);
    assert_eq!(counts(&one), (1_000, 0));
    assert!(desk.addrman.size(None, Some(Table::New)) > 700);
    desk.hear(&mut one, &[record(1_000)]);
    assert_eq!(desk.relayed(), [], "the answer may go on");
    desk.now.wall = START + Duration::from_secs(10);
    desk.hear(&mut one, &[record(1_001)]);
    assert_eq!(desk.relayed().len(), 1, "it is over with a message that is not full");
}

#[test]
fn time_of_no_use_is_five_days_ago() {
    let mut desk = Desk::new();
    let friend = &mut peer(1, ConnType::Inbound, Permissions::ADDR);
    for (n, seconds) in [(1, 0), (2, 100_000_000), (3, START.as_secs() + 601)] {
        desk.hear(friend, &[AddrRecord { time: UnixTime::from_secs(seconds), ..record(n) }]);
        let known = desk.addrman.find(&record(n).service).unwrap().record();
        let penalty = 2 * 3600;
        assert_eq!(START.as_secs() - known.time.as_secs(), 5 * 24 * 3600 + penalty, "{n}");
    }
}

#[test]
fn banned_and_discouraged_addresses_are_neither_learned_nor_told() {
    let mut desk = Desk::new();
    let friend = &mut peer(1, ConnType::Inbound, Permissions::ADDR);
    let many: Vec<_> = (0..500).map(record).collect();
    desk.hear(friend, &many);
    let subnet = Subnet::parse("32.1.0.0/16", Cjdns::Unreachable).unwrap();
    desk.bans.ban(START, subnet, BanTime::Default);
    desk.discouraged.add(&Host::of_addr(&record(2).service.addr).unwrap());
    let before = counts(friend);
    desk.hear(friend, &[record(1), record(2), record(3)]);
    assert_eq!(counts(friend).0, before.0 + 1);
    assert_eq!(desk.relayed(), [record(3)]);
    let mut asker = stranger();
    desk.asked(&mut asker);
    let is_banned = |record: &AddrRecord| record.service.addr.key_bytes()[12..14] == [32, 1];
    let told = desk.told(&mut asker);
    assert!(told.len() > 50);
    assert!(!told.iter().any(|one| is_banned(one) || one.service == record(2).service));
}

#[test]
fn question_is_answered_once_and_to_who_dialled_us() {
    let mut desk = Desk::new();
    let full: Vec<_> = (0..1_000).map(record).collect();
    desk.hear(&mut peer(1, ConnType::Inbound, Permissions::ADDR), &full);
    let size = desk.addrman.size(None, None);
    let (mut one, mut other) = (stranger(), peer(2, ConnType::Inbound, Permissions::NONE));
    assert_eq!(desk.asked(&mut one), Verdict::Taken);
    let answer = desk.told(&mut one);
    assert_eq!(answer.len(), size * 23 / 100);
    assert_eq!(desk.asked(&mut one), Verdict::Ignored(Ignored::Redundant));
    assert_eq!(desk.told(&mut one), []);
    assert_eq!(desk.asked(&mut other), Verdict::Taken);
    assert_eq!(desk.told(&mut other), answer, "who comes the same way hears the same");
    let mut friend = peer(3, ConnType::Inbound, Permissions::ADDR);
    desk.asked(&mut friend);
    assert_ne!(desk.told(&mut friend), answer, "who is trusted hears of others");
    let mut dialled = peer(4, ConnType::Manual, Permissions::NONE);
    assert_eq!(desk.asked(&mut dialled), Verdict::Ignored(Ignored::Unsolicited));
}

#[test]
fn what_fits_into_no_message_of_a_peer_is_not_told_it() {
    let mut desk = Desk::new();
    let friend = &mut peer(1, ConnType::Inbound, Permissions::ADDR);
    let onion = NetService { addr: NetAddr::Onion([9; 32]), port: 8333 };
    desk.hear(friend, &[AddrRecord { service: onion, ..record(1) }]);
    assert_eq!(desk.relayed().len(), 1, "also what we cannot reach is passed on");
    assert_eq!(desk.addrman.size(None, None), 0, "but not kept");
}

#[test]
fn address_fetch_is_over_with_more_than_one_address() {
    let mut desk = Desk::new();
    let mut one = peer(1, ConnType::AddrFetch, Permissions::NONE);
    assert_eq!(desk.hear(&mut one, &[record(1)]), Verdict::Taken);
    let payload = encode(&[record(1), record(2)], AddrForm::V2);
    let result = desk.hear_bytes(&mut one, MessageType::ADDRV2, &payload);
    assert_eq!(result, Err(DisconnectReason::AddrFetchDone));
}
