//! What a peer is told of the chain.

use std::net::SocketAddr;

use super::super::handshake::OwnNonces;
use super::super::peer::Origin;
use super::super::{Config, PeerId, Stage};
use super::*;
use crate::chain::{
    Block, HEADERS_PER_MESSAGE_MAX, Header, Template, Transaction, decode_headers, mine,
};
use crate::rng::Seed;
use crate::sockets::Endpoint;
use crate::time::Now;
use crate::transport::{Incoming, Message, MessageType, Network, V1Receiver};

const NOW: UnixTime = UnixTime::from_secs(1_700_000_000);

/// A chain of so many small blocks, and their bytes.
fn mined(count: u32) -> (Chain, Vec<Vec<u8>>) {
    mined_of(count, None)
}

/// The same of blocks of this size.
fn mined_of(count: u32, bytes: Option<usize>) -> (Chain, Vec<Vec<u8>>) {
    let params = Params::of(Network::Regtest);
    let Header { time, bits, .. } = params.genesis;
    let mut chain = Chain::new(params, 10_000);
    let blocks = (1..=count).map(|height| {
        let previous = chain.tree.hash(chain.tree.active_tip());
        let mark = 0;
        let template = Template { previous, height, time: time + height, bits, mark, bytes };
        let block = mine(&template).unwrap();
        chain.take(block.clone(), NOW).unwrap();
        block
    });
    let blocks = blocks.collect();
    (chain, blocks)
}

/// One peer that asks.
struct Asking {
    config: Config,
    seed: Seed,
    peer: Peer,
}

impl Asking {
    fn new() -> Self {
        let mut config = Config::new(Network::Regtest);
        config.services = config.services.without(Services::P2P_V2);
        let seed = Seed::from_number(1);
        let endpoint = Endpoint::Ip(SocketAddr::from(([203, 0, 113, 7], 8333)));
        let (id, inbound) = (PeerId(1), ConnType::Inbound);
        let mut peer = Peer::new(id, inbound, endpoint, Origin::Peer, &config, &seed);
        peer.stage = Stage::Open;
        peer.chain = Some(Box::default());
        Self { config, seed, peer }
    }

    fn with<T>(&mut self, act: impl FnOnce(&mut Peer, &Context<'_>) -> T) -> T {
        let own_nonces = OwnNonces::default();
        let Self { config, seed, peer } = self;
        let cx =
            Context { config, seed, now: Now::default(), own_nonces: &own_nonces, start_height: 0 };
        act(peer, &cx)
    }

    fn ask(&mut self, chain: &Chain, message_type: MessageType, payload: &[u8]) -> Option<Verdict> {
        self.with(|peer, cx| serve::handle(chain, peer, cx, message_type, payload))
    }

    /// What it was answered since it was last looked.
    fn answers(&mut self) -> Vec<Message> {
        let bytes: Vec<u8> = self.peer.transport.runs().flatten().copied().collect();
        self.peer.transport.advance(bytes.len(), |_, _, _| {});
        let mut receiver = V1Receiver::new(Network::Regtest.magic());
        let (mut rest, mut messages) = (bytes.as_slice(), Vec::new());
        while let Some(Incoming::Message(message)) = receiver.receive(&mut rest).unwrap() {
            messages.push(message);
        }
        messages
    }

    /// The headers that it is told, if it is told any.
    fn headers(&mut self, chain: &Chain, locator: Vec<BlockHash>, stop: BlockHash) -> Headers {
        let payload = GetHeaders { version: 70016, locator, stop }.encode();
        let verdict = self.ask(chain, MessageType::GETHEADERS, &payload);
        assert_eq!(verdict, Some(Verdict::Taken));
        let answers = self.answers();
        assert!(answers.len() <= 1);
        answers.first().map(|answer| decode_headers(&answer.payload).unwrap())
    }
}

type Headers = Option<Vec<Header>>;

fn getdata(entries: &[(u32, BlockHash)]) -> Vec<u8> {
    let mut payload = vec![u8::try_from(entries.len()).unwrap()];
    for (kind, hash) in entries {
        payload.extend(kind.to_le_bytes());
        payload.extend(hash.0);
    }
    payload
}

fn hash(block: &[u8]) -> BlockHash {
    Block::decode(block).unwrap().header.hash()
}

#[test]
fn headers_follow_the_locator_up_to_the_stop() {
    let (chain, blocks) = mined(2_100);
    let mut asking = Asking::new();
    let first = vec![chain.tree.hash(HeaderId::GENESIS)];
    let told = asking.headers(&chain, first.clone(), BlockHash::ZERO).unwrap();
    assert_eq!(told.len(), HEADERS_PER_MESSAGE_MAX);
    assert_eq!(told[0].hash(), hash(&blocks[0]));
    let more = asking.headers(&chain, vec![told[1_999].hash()], BlockHash::ZERO).unwrap();
    assert_eq!(more.len(), 100);
    assert_eq!(more[99].hash(), hash(&blocks[2_099]));
    assert_eq!(asking.headers(&chain, first, hash(&blocks[4])).unwrap().len(), 5);
    let tip = chain.tree.locator(chain.tree.active_tip());
    assert_eq!(asking.headers(&chain, tip, BlockHash::ZERO), Some(Vec::new()));
    assert_eq!(asking.headers(&chain, Vec::new(), hash(&blocks[4])).unwrap().len(), 1);
    assert_eq!(asking.headers(&chain, Vec::new(), BlockHash([7; 32])), None);
}

#[test]
fn blocks_are_served_one_a_visit_in_the_order_asked() {
    let (chain, blocks) = mined(3);
    let mut asking = Asking::new();
    let unknown = (BLOCK, BlockHash([7; 32]));
    let wanted = [2, 0, 1].map(|at: usize| (WITNESS_BLOCK, hash(&blocks[at])));
    let entries = [&[unknown, (1, hash(&blocks[0]))], &wanted[..]].concat();
    asking.ask(&chain, MessageType::GETDATA, &getdata(&entries));
    for at in [2, 0, 1] {
        let answers = asking.answers();
        assert_eq!(answers.len(), 1);
        assert_eq!(answers[0].message_type, MessageType::BLOCK);
        assert_eq!(answers[0].payload, blocks[at]);
        assert_eq!(asking.peer.may_serve(), at != 1, "{at}");
        asking.with(|peer, cx| serve::serve_next(&chain, peer, cx));
    }
    assert!(asking.answers().is_empty(), "who asks for what is not here has no answer");
    asking.ask(&chain, MessageType::GETDATA, &getdata(&[(WITNESS_BLOCK, hash(&blocks[0]))]));
    let runs: Vec<&[u8]> = asking.peer.transport.runs().collect();
    let kept = chain.block(chain.served(&hash(&blocks[0])).unwrap()).unwrap();
    assert!(std::ptr::eq(runs[1], &raw const **kept), "it is sent from where it lies");
}

/// BIP 144.
#[test]
fn block_without_witnesses_is_for_who_knows_none() {
    // A block that is larger than one without witnesses may be.
    let (chain, blocks) = mined_of(1, Some(1_500_000));
    let whole = Block::decode(&blocks[0]).unwrap();
    let mut asking = Asking::new();
    asking.ask(&chain, MessageType::GETDATA, &getdata(&[(BLOCK, hash(&blocks[0]))]));
    let answers = asking.answers();
    let stripped = Block::decode(&answers[0].payload).unwrap();
    assert_eq!(stripped.header, whole.header);
    assert!(whole.transactions.iter().any(Transaction::has_witness));
    assert!(!stripped.transactions.iter().any(Transaction::has_witness));
    let txids =
        |block: &Block<'_>| block.transactions.iter().map(Transaction::txid).collect::<Vec<_>>();
    assert_eq!(txids(&stripped), txids(&whole));
}

#[test]
fn chain_is_offered_by_who_has_one() {
    let config = Config::new(Network::Regtest);
    let before = ConnMan::new(config, Seed::from_number(1));
    assert!(!before.config().services.contains(Services::NETWORK));
    let after = before.with_chain(mined(3).0);
    assert!(after.config().services.contains(Services::NETWORK | Services::WITNESS));
    assert_eq!(after.chain().unwrap().height(), 3);
}

#[test]
fn block_that_is_none_is_not_taken() {
    let (mut chain, blocks) = mined(1);
    let mut damaged = blocks[0].clone();
    *damaged.last_mut().unwrap() ^= 1;
    assert!(matches!(chain.take(damaged, NOW), Err(TakeError::Block(_))));
    let mut orphan = blocks[0].clone();
    orphan[4] ^= 1;
    assert!(matches!(chain.take(orphan, NOW), Err(TakeError::Header(_))));
    assert_eq!(chain.height(), 1);
}

/// Has a block in a file, too.
fn save(chain: &mut Chain, block: &[u8]) -> HeaderId {
    let id = chain.tree.find(&hash(block)).unwrap();
    chain.note_saved(id, BlockPlace { file: 0, offset: 0, bytes: block.len() });
    id
}

#[test]
fn saved_blocks_leave_memory_and_others_stay() {
    let (chain, blocks) = mined_of(6, Some(1_000));
    let mut chain = chain.with_cache(2_500);
    let ids: Vec<_> = blocks[..4].iter().map(|block| save(&mut chain, block)).collect();
    let in_memory = |chain: &Chain| ids.iter().map(|id| chain.block(*id).is_some()).collect();
    let is_there: Vec<bool> = in_memory(&chain);
    assert_eq!(is_there, [false, false, true, true]);
    for block in &blocks[4..] {
        let id = chain.tree.find(&hash(block)).unwrap();
        assert!(chain.block(id).is_some(), "what is not saved stays");
    }
    chain.put_back(ids[0], blocks[0].as_slice().into());
    let is_there: Vec<bool> = in_memory(&chain);
    assert_eq!(is_there, [true, false, false, true]);
    assert_eq!((chain.block_count(), chain.block_bytes()), (6, 6_000));
    assert_eq!(chain.transaction_count(ids[1]), Some(1));
    // One stays, however large it is.
    let mut chain = chain.with_cache(1);
    let last = save(&mut chain, &blocks[4]);
    assert!(chain.block(last).is_some());
}

#[test]
fn block_that_is_not_in_memory_is_waited_for() {
    let (chain, blocks) = mined_of(3, Some(1_000));
    let mut chain = chain.with_cache(1);
    let ids: Vec<_> = blocks.iter().map(|block| save(&mut chain, block)).collect();
    let mut asking = Asking::new();
    let wanted = [0, 1].map(|at: usize| (WITNESS_BLOCK, hash(&blocks[at])));
    asking.ask(&chain, MessageType::GETDATA, &getdata(&wanted));
    let awaits = |asking: &mut Asking| state(&mut asking.peer).wanted.awaits();
    assert!(asking.answers().is_empty());
    assert_eq!((awaits(&mut asking), asking.peer.may_serve()), (Some(ids[0]), false));
    assert!(!state(&mut asking.peer).wanted.note_read(&chain, ids[1]), "it is for another one");
    chain.put_back(ids[0], blocks[0].as_slice().into());
    assert!(state(&mut asking.peer).wanted.note_read(&chain, ids[0]));
    assert!(asking.peer.may_serve());
    asking.with(|peer, cx| serve::serve_next(&chain, peer, cx));
    assert_eq!(asking.answers()[0].payload, blocks[0]);
    // The second cannot be read: who asked for it has no answer, and nothing else is wanted.
    asking.with(|peer, cx| serve::serve_next(&chain, peer, cx));
    assert_eq!(awaits(&mut asking), Some(ids[1]));
    assert!(state(&mut asking.peer).wanted.note_read(&chain, ids[1]));
    assert!(asking.answers().is_empty() && !asking.peer.may_serve());
    assert!(state(&mut asking.peer).wanted.is_empty());
}
