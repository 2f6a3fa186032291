//! The chain as another implementation has it: rust-bitcoin hashes and takes apart the same.

use bitcoin::consensus::{deserialize, serialize};
use bitcoin::hashes::Hash as _;
use bitcoin::p2p::message::{NetworkMessage, RawNetworkMessage};
use bitcoin::p2p::message_blockdata::GetHeadersMessage;
use bitcoin::{CompactTarget, Target, TxMerkleNode};
use sockman::chain::{
    Bits, Block, BlockHash, GetHeaders, Hash, Header, Params, Segwit, Template, U256,
    decode_headers, encode_headers, merkle, mine, retargeted, work,
};
use sockman::rng::{Draws, Purpose, Seed};
use sockman::transport::Network;

const ROUNDS: u64 = 2_000;

fn draws(round: u64) -> Draws {
    Seed::from_number(round).draws(Purpose::AddrMan, round)
}

fn u32_of(draws: &mut Draws) -> u32 {
    u32::try_from(draws.below(1 << 32)).unwrap()
}

fn bytes_of<const N: usize>(draws: &mut Draws) -> [u8; N] {
    std::array::from_fn(|_| u8::try_from(draws.below(256)).unwrap())
}

/// A target that is one, of any size.
fn bits_of(draws: &mut Draws) -> Bits {
    let length = u32::try_from(3 + draws.below(30)).unwrap();
    Bits(length << 24 | u32::try_from(1 + draws.below(0x007f_ffff)).unwrap())
}

fn theirs(number: U256) -> Target {
    Target::from_be_bytes(number.to_be_bytes())
}

#[test]
fn headers_are_hashed_as_elsewhere() {
    for round in 0..ROUNDS {
        let bytes = bytes_of::<{ Header::BYTES }>(&mut draws(round));
        let ours = Header::decode(&bytes);
        let their: bitcoin::block::Header = deserialize(&bytes).unwrap();
        assert_eq!(ours.hash().0, their.block_hash().to_byte_array());
        assert_eq!(ours.hash().to_string(), their.block_hash().to_string());
        assert_eq!(ours.previous.0, their.prev_blockhash.to_byte_array());
        assert_eq!((ours.time, ours.nonce), (their.time, their.nonce));
        assert_eq!(ours.encode(), serialize(&their)[..]);
    }
}

#[test]
fn headers_travel_as_elsewhere() {
    for round in 0..200 {
        let mut draws = draws(round);
        let count = draws.index(102);
        let locator: Vec<_> = (0..count).map(|_| BlockHash(bytes_of(&mut draws))).collect();
        let ours = GetHeaders { version: 70016, locator, stop: BlockHash(bytes_of(&mut draws)) };
        let their: GetHeadersMessage = deserialize(&ours.encode()).unwrap();
        assert_eq!(serialize(&their), ours.encode());
        assert_eq!(their.locator_hashes.len(), count);
        assert_eq!(GetHeaders::decode(&serialize(&their)), Ok(ours));

        let headers = (0..count).map(|_| Header::decode(&bytes_of(&mut draws)));
        let headers: Vec<_> = headers.collect();
        let decoded = |header: &Header| deserialize(&header.encode()).unwrap();
        let message = NetworkMessage::Headers(headers.iter().map(decoded).collect());
        let raw = RawNetworkMessage::new(bitcoin::p2p::Magic::REGTEST, message);
        // The payload lies behind a header of 24 bytes.
        assert_eq!(serialize(&raw)[24..], encode_headers(&headers));
        assert_eq!(decode_headers(&serialize(&raw)[24..]), Ok(headers));
    }
}

#[test]
fn targets_and_work_are_those_of_elsewhere() {
    for round in 0..ROUNDS {
        let mut draws = draws(round);
        let bits = bits_of(&mut draws);
        let Ok(target) = bits.target() else { continue };
        let their = Target::from_compact(CompactTarget::from_consensus(bits.0));
        assert_eq!(theirs(target), their, "{bits}");
        assert_eq!(work(target).to_be_bytes(), their.to_work().to_be_bytes(), "{bits}");
        let any = U256::from_le_bytes(bytes_of(&mut draws)).shifted_right(u32_of(&mut draws) % 256);
        assert_eq!(Bits::of(any).0, theirs(any).to_compact_lossy().to_consensus(), "{any}");
    }
}

#[test]
fn difficulty_moves_as_elsewhere() {
    let ours = Params::of(Network::Main);
    let their = bitcoin::params::Params::MAINNET;
    for round in 0..ROUNDS {
        let mut draws = draws(round);
        let target = ours.pow_limit.shifted_right(u32_of(&mut draws) % 180);
        let bits = Bits::of(target.saturating_sub(U256::from_u64(draws.below(u64::MAX))));
        if bits.target().is_err() {
            // No header has it, since nothing could lie below.
            continue;
        }
        let took = draws.below(12_000_000);
        let last = CompactTarget::from_consensus(bits.0);
        let expected = CompactTarget::from_next_work_required(last, took, &their).to_consensus();
        let found = retargeted(&ours, bits, i64::try_from(took).unwrap());
        assert_eq!(found.0, expected, "{bits} in {took} s");
    }
}

#[test]
fn first_blocks_and_limits_are_those_of_elsewhere() {
    for (network, their) in [
        (Network::Main, bitcoin::Network::Bitcoin),
        (Network::Testnet3, bitcoin::Network::Testnet),
        (Network::Testnet4, bitcoin::Network::Testnet4),
        (Network::Signet, bitcoin::Network::Signet),
        (Network::Regtest, bitcoin::Network::Regtest),
    ] {
        let ours = Params::of(network);
        let genesis = bitcoin::blockdata::constants::genesis_block(their);
        assert_eq!(ours.genesis.encode(), serialize(&genesis.header)[..], "{network}");
        let limit = bitcoin::params::Params::new(their).max_attainable_target;
        let easiest = Bits(limit.to_compact_lossy().to_consensus());
        assert_eq!(ours.pow_limit_bits(), easiest, "{network}");
        let bytes = serialize(&genesis);
        assert_eq!(Block::decode(&bytes).unwrap().check(Segwit::NotYet), Ok(()), "{network}");
    }
}

#[test]
fn merkle_roots_are_those_of_elsewhere() {
    for count in 1..200 {
        let mut draws = draws(count);
        let hashes: Vec<_> = (0..count).map(|_| Hash(bytes_of(&mut draws))).collect();
        let nodes = hashes.iter().map(|hash| TxMerkleNode::from_byte_array(hash.0));
        let expected = bitcoin::merkle_tree::calculate_root(nodes).unwrap();
        assert_eq!(merkle(hashes).root.0, expected.to_byte_array(), "{count}");
    }
}

/// What is mined is taken apart by both, and by both found whole.
#[test]
fn mined_blocks_are_whole_elsewhere() {
    let params = Params::of(Network::Regtest);
    let mut previous: BlockHash = params.genesis.hash();
    let blocks = [
        (17, None),
        (127, Some(300)),
        (128, Some(444)),
        (32_768, Some(70_000)),
        (840_000, Some(1_000_000)),
        (8_388_608, Some(3_998_000)),
    ];
    for (height, bytes) in blocks {
        let time = params.genesis.time + height;
        let bits = params.genesis.bits;
        let template = Template { previous, height, time, bits, mark: 5, bytes };
        let mined = mine(&template).unwrap();
        let ours = Block::decode(&mined).unwrap();
        let their: bitcoin::Block = deserialize(&mined).unwrap();
        assert!(their.check_merkle_root(), "{bytes:?}");
        assert!(their.check_witness_commitment(), "{bytes:?}");
        assert!(their.header.validate_pow(their.header.target()).is_ok(), "{bytes:?}");
        assert_eq!(their.bip34_block_height(), Ok(u64::from(height)));
        assert_eq!(their.weight().to_wu(), ours.weight() as u64);
        for (our, their) in ours.transactions.iter().zip(&their.txdata) {
            assert_eq!(our.txid().0, their.compute_txid().to_byte_array());
            assert_eq!(our.wtxid().0, their.compute_wtxid().to_byte_array());
            assert_eq!(our.is_coinbase(), their.is_coinbase());
        }
        previous = ours.header.hash();
    }
}

/// Mined blocks with a byte changed, cut or put in: whatever both take they see alike.
#[test]
fn changed_blocks_are_taken_apart_alike() {
    let params = Params::of(Network::Regtest);
    let previous = params.genesis.hash();
    let (time, bits) = (params.genesis.time + 1, params.genesis.bits);
    let template = Template { previous, height: 1, time, bits, mark: 5, bytes: Some(400) };
    let plain = mine(&template).unwrap();
    let large = mine(&Template { bytes: Some(1_000_100), ..template }).unwrap();
    // Its witness is cut to a few bytes, and says so.
    let at = large.windows(5).position(|w| w[0] == 0xfe && w[4] == 0 && w[3] == 0x0f).unwrap();
    let tail = &large[large.len() - 4..];
    let witnessed = [&large[..at], &[3, 1, 2, 3], tail].concat();
    let (mut taken, mut refused) = (0, 0);
    for round in 0..20 * ROUNDS {
        let mut draws = draws(round);
        let mut bytes = if draws.below(2) == 0 { plain.clone() } else { witnessed.clone() };
        let at = 80 + draws.index(bytes.len() - 80);
        match draws.below(3) {
            0 => bytes[at] = bytes_of::<1>(&mut draws)[0],
            1 => _ = bytes.remove(at),
            _ => bytes.insert(at, bytes_of::<1>(&mut draws)[0]),
        }
        let their = deserialize::<bitcoin::Block>(&bytes);
        let ours = Block::decode(&bytes);
        assert_eq!(ours.is_ok(), their.is_ok(), "round {round}: {ours:?}, {their:?}");
        let (Ok(ours), Ok(their)) = (ours, their) else {
            refused += 1;
            continue;
        };
        taken += 1;
        for (our, their) in ours.transactions.iter().zip(&their.txdata) {
            assert_eq!(our.txid().0, their.compute_txid().to_byte_array(), "round {round}");
            assert_eq!(our.wtxid().0, their.compute_wtxid().to_byte_array(), "round {round}");
        }
    }
    assert!(taken > 1_000 && refused > 1_000, "{taken} and {refused}");
}
