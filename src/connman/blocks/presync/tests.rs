//! Peers that tell chains with too little work.

use std::net::SocketAddr;

use super::super::super::handshake::OwnNonces;
use super::super::super::misbehaviour::Misbehaviour;
use super::super::super::peer::{Context, Origin, Peer};
use super::super::super::permissions::Permissions;
use super::super::super::reasons::{DisconnectReason, Ignored};
use super::super::super::{Config, ConnType, PeerId, Stage};
use super::super::{BlockSync, Chain, handle, offer, state};
use super::*;
use crate::chain::{
    BlockHash, GetHeaders, HEADERS_PER_MESSAGE_MAX, Header, HeaderId, Params, PresyncParams,
    encode_headers, solve,
};
use crate::rng::Seed;
use crate::slab::Key as _;
use crate::sockets::{ConnId, Endpoint};
use crate::time::{Instant, Now, UnixTime};
use crate::transport::{Incoming, MessageType, Network, V1Receiver};

const FULL: usize = HEADERS_PER_MESSAGE_MAX;
fn conn() -> ConnId {
    ConnId::new(1, 0)
}

/// When every chain below may have come to be.
const NOW: UnixTime = UnixTime::from_secs(1_700_000_000);

/// Of each header of regtest.
const PROOF: u64 = 2;

/// `count` headers upon one, a second apart, each with a mark.
fn headers_upon(below: &Header, count: usize, mark: i32) -> Vec<Header> {
    let mut below = *below;
    let headers = (0..count).map(|_| {
        let (previous, time) = (below.hash(), below.time + 1);
        below = solve(Header { version: mark, previous, time, ..below }).unwrap();
        below
    });
    headers.collect()
}

/// A node with a chain that needs work, and one peer.
struct Node {
    config: Config,
    seed: Seed,
    sync: BlockSync,
    peer: Peer,
}

impl Node {
    /// It holds back 3,000 headers.
    fn new(conn_type: ConnType, permissions: Permissions, minimum_headers: u64) -> Self {
        let presync = PresyncParams { commitment_period: 10, redownload_buffer: 3_000 };
        let params = Params { presync, ..Params::of(Network::Regtest) };
        let minimum = U256::from_u64(PROOF * (1 + minimum_headers));
        let sync = BlockSync::new(Chain::new(params, 100_000).with_minimum_work(minimum));
        let mut config = Config::new(Network::Regtest);
        config.services = config.services.without(super::super::Services::P2P_V2);
        let seed = Seed::from_number(1);
        let endpoint = Endpoint::Ip(SocketAddr::from(([203, 0, 113, 7], 8333)));
        let mut peer = Peer::new(PeerId(1), conn_type, endpoint, Origin::Peer, &config, &seed);
        peer.stage = Stage::Open;
        peer.permissions = permissions;
        peer.chain = Some(Box::default());
        let mut node = Self { config, seed, sync, peer };
        node.sync.downloads.handle_connected(conn(), offer(&node.peer));
        node
    }

    fn genesis(&self) -> Header {
        self.sync.chain.tree.header(HeaderId::GENESIS)
    }

    /// One `headers`.
    fn hear(&mut self, headers: &[Header]) -> Handled {
        let now = Now { steady: Instant::START, wall: NOW };
        let own_nonces = OwnNonces::default();
        let Self { config, seed, sync, peer } = self;
        let cx = Context { config, seed, now, own_nonces: &own_nonces, start_height: 0 };
        let payload = encode_headers(headers);
        handle(sync, conn(), peer, &cx, MessageType::HEADERS, &payload).expect("it is for us")
    }

    /// The locators of the questions that it was asked since it was last looked.
    fn asked(&mut self) -> Vec<Vec<BlockHash>> {
        let bytes: Vec<u8> = self.peer.transport.runs().flatten().copied().collect();
        self.peer.transport.advance(bytes.len(), |_, _, _| {});
        let mut receiver = V1Receiver::new(Network::Regtest.magic());
        let (mut rest, mut locators) = (bytes.as_slice(), Vec::new());
        while let Some(Incoming::Message(message)) = receiver.receive(&mut rest).unwrap() {
            assert_eq!(message.message_type, MessageType::GETHEADERS);
            locators.push(GetHeaders::decode(&message.payload).unwrap().locator);
        }
        locators
    }

    fn presynced(&self) -> Option<u64> {
        self.peer.chain.as_ref().unwrap().presynced()
    }

    /// How many headers the tree has beside the first.
    fn known(&self) -> usize {
        self.sync.chain.tree.len() - 1
    }
}

fn inbound(minimum_headers: u64) -> Node {
    Node::new(ConnType::Inbound, Permissions::NONE, minimum_headers)
}

#[test]
fn full_headers_with_too_little_work_are_told_twice() {
    let mut node = inbound(5_000);
    let genesis = node.genesis().hash();
    let headers = headers_upon(&node.genesis(), 5_500, 1);
    for (message, upto) in headers.chunks(FULL).zip([2_000, 4_000, 5_500]) {
        assert_eq!(node.hear(message), Ok(Verdict::Taken));
        let last = if upto < 5_500 { headers[upto - 1].hash() } else { genesis };
        assert_eq!(node.asked(), [[last, genesis]], "{upto}");
        assert_eq!((node.presynced(), node.known()), (Some(upto as u64), 0));
    }
    for (message, upto) in headers.chunks(FULL).zip([2_000, 4_000]) {
        assert_eq!(node.hear(message), Ok(Verdict::Taken));
        assert_eq!(node.asked(), [[headers[upto - 1].hash(), genesis]], "{upto}");
        assert_eq!((node.presynced(), node.known()), (Some(5_500), upto.saturating_sub(3_000)));
    }
    assert_eq!(node.hear(&headers[4_000..]), Ok(Verdict::Taken));
    assert!(node.asked().is_empty(), "that was all");
    assert_eq!((node.presynced(), node.known()), (None, 5_500), "it is over, with more than fits");
    let best = node.sync.downloads.best_known(conn()).unwrap();
    assert_eq!(node.sync.chain.tree.hash(best), headers[5_499].hash());
}

/// The last of it may come in a full message: then there may be more.
#[test]
fn headers_above_those_told_twice_are_asked_for() {
    let mut node = inbound(4_000);
    let headers = headers_upon(&node.genesis(), 4_000, 1);
    for message in headers.chunks(FULL).chain(headers.chunks(FULL)) {
        assert_eq!(node.hear(message), Ok(Verdict::Taken));
    }
    assert_eq!((node.presynced(), node.known()), (None, 4_000));
    let locators = node.asked();
    assert_eq!(locators.len(), 4);
    assert_eq!(locators[3][..2], [headers[3_999].hash(), headers[3_998].hash()]);
}

#[test]
fn short_headers_with_too_little_work_are_ignored() {
    for conn_type in [ConnType::Inbound, ConnType::OutboundFullRelay] {
        let mut node = Node::new(conn_type, Permissions::NONE, 5_000);
        let headers = headers_upon(&node.genesis(), FULL + 100, 1);
        assert_eq!(node.hear(&headers[..FULL - 1]), Ok(Verdict::Ignored(Ignored::Unwanted)));
        assert!(node.asked().is_empty() && node.presynced().is_none());
        // The same where the chain ends in the first round.
        assert_eq!(node.hear(&headers[..FULL]), Ok(Verdict::Taken));
        assert_eq!((node.asked().len(), node.presynced()), (1, Some(2_000)));
        assert_eq!(node.hear(&headers[FULL..]), Ok(Verdict::Taken));
        assert_eq!((node.asked().len(), node.presynced(), node.known()), (0, None, 0));
    }
}

#[test]
fn headers_of_who_may_do_more_enter_at_once() {
    let mut node = Node::new(ConnType::Inbound, Permissions::NOBAN, 5_000);
    let headers = headers_upon(&node.genesis(), FULL, 1);
    assert_eq!(node.hear(&headers), Ok(Verdict::Taken));
    assert_eq!((node.presynced(), node.known()), (None, FULL));
    assert_eq!(node.asked().len(), 1);
    // What is known already costs nothing, whoever tells it.
    node.peer.permissions = Permissions::NONE;
    assert_eq!(node.hear(&headers), Ok(Verdict::Taken));
    assert_eq!((node.presynced(), node.known()), (None, FULL));
}

/// Core: `GetAntiDoSWorkThreshold`.
#[test]
fn chain_a_day_behind_is_told_twice() {
    let mut node = inbound(0);
    let genesis = node.genesis();
    let ours = headers_upon(&genesis, 3_000, 1);
    let tree = &mut node.sync.chain.tree;
    for message in ours.chunks(FULL) {
        tree.insert(message, NOW).unwrap();
    }
    let tip = tree.tip();
    for id in tree.run(tip, 1, 3_000) {
        tree.take_block(id);
    }
    tree.activate(tip);
    let least = 3_000 - 144;
    let theirs = headers_upon(&ours[least - FULL - 2], FULL, 2);
    let before = node.known();
    assert_eq!(node.hear(&theirs), Ok(Verdict::Taken));
    assert_eq!((node.presynced(), node.known()), (Some(least as u64 - 1), before));
    let near = headers_upon(&ours[least - FULL - 1], FULL, 3);
    assert_eq!(node.hear(&near), Ok(Verdict::Taken), "what does not go on with it is as any other");
    assert_eq!((node.presynced(), node.known()), (None, before + FULL));
}

#[test]
fn empty_headers_and_the_end_leave_nothing() {
    let mut node = inbound(5_000);
    let headers = headers_upon(&node.genesis(), FULL, 1);
    assert_eq!(node.hear(&headers), Ok(Verdict::Taken));
    assert!(node.presynced().is_some());
    assert_eq!(node.hear(&[]), Ok(Verdict::Taken));
    assert_eq!(node.presynced(), None, "it has no more");
    assert_eq!(node.hear(&headers), Ok(Verdict::Taken));
    assert!(node.presynced().is_some());
    state(&mut node.peer).clear();
    assert_eq!(node.presynced(), None, "it is gone");
}

#[test]
fn headers_that_do_not_go_on_are_as_any_other() {
    let mut node = inbound(5_000);
    let headers = headers_upon(&node.genesis(), 2 * FULL, 1);
    assert_eq!(node.hear(&headers[..FULL]), Ok(Verdict::Taken));
    let asked = node.asked();
    // An announcement of a block far above: it follows nothing that is known.
    assert_eq!(node.hear(&headers[2 * FULL - 1..]), Ok(Verdict::Taken));
    assert_eq!((node.presynced(), node.known()), (None, 0));
    assert!(node.asked().is_empty(), "the last question counts for two minutes");
    // The first of all again: it begins once more, under other secrets.
    assert_eq!(node.hear(&headers[..FULL]), Ok(Verdict::Taken));
    assert_eq!((node.presynced(), node.asked()), (Some(2_000), asked));
    assert_eq!(node.sync.presyncs_begun, 2);
}

/// What is wrong with headers themselves is looked at before.
#[test]
fn headers_told_twice_must_have_work_and_follow_each_other() {
    let mut node = Node::new(ConnType::OutboundFullRelay, Permissions::NONE, 5_000);
    let mut headers = headers_upon(&node.genesis(), 2 * FULL, 1);
    assert_eq!(node.hear(&headers[..FULL]), Ok(Verdict::Taken));
    headers.swap(FULL + 4, FULL + 5);
    let end = node.hear(&headers[FULL..]).unwrap_err();
    let what = Misbehaviour::HeadersNotContinuous { index: 4 };
    assert_eq!(end, DisconnectReason::Misbehaved(what));
}

/// Secrets are not those of another chain, nor of another node.
#[test]
fn secrets_are_drawn_anew() {
    let (mut one, mut other) = (inbound(5_000), inbound(5_000));
    other.seed = Seed::from_number(2);
    let headers = headers_upon(&one.genesis(), FULL, 1);
    let debug = |node: &mut Node| {
        node.hear(&headers).unwrap();
        format!("{:?}", state(&mut node.peer).presync.take().unwrap())
    };
    let drawn = [debug(&mut one), debug(&mut one), debug(&mut other)];
    assert!(drawn[0] != drawn[1] && drawn[0] != drawn[2]);
}
