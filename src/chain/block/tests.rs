//! What makes a block another one than its header stands for.

use super::*;
use crate::chain::{Params, Template, mine, solve};
use crate::transport::Network;

/// The first block of the main network, but for its header.
fn genesis_body() -> Vec<u8> {
    let mut body = vec![1, 1, 0, 0, 0, 1];
    body.extend([0; 32]);
    body.extend([0xff; 4]);
    let headline = b"The Times 03/Jan/2009 Chancellor on brink of second bailout for banks";
    body.extend([77, 4, 0xff, 0xff, 0, 0x1d, 1, 4, 69]);
    body.extend(headline);
    body.extend([0xff; 4]);
    body.push(1);
    body.extend(5_000_000_000_u64.to_le_bytes());
    body.extend([67, 65]);
    let key = "04678afdb0fe5548271967f1a67130b7105cd6a828e03909a67962e0ea1f61deb649f6bc3f4cef38\
               c4f35504e51ec112de5c384df7ba0b8d578a4c702b6bf11d5f";
    let digit = |at: usize| u8::from_str_radix(&key[at..at + 2], 16).unwrap();
    body.extend((0..key.len()).step_by(2).map(digit));
    body.extend([0xac, 0, 0, 0, 0]);
    body
}

fn template(bytes: Option<usize>) -> Template {
    let genesis = Params::of(Network::Regtest).genesis;
    let (previous, time, bits) = (genesis.hash(), genesis.time + 1, genesis.bits);
    Template { previous, height: 1, time, bits, mark: 0, bytes }
}

/// A block of transactions as they are given, under the header that stands for them.
fn block(transactions: &[&[u8]]) -> Vec<u8> {
    let count = u8::try_from(transactions.len()).unwrap();
    let body = [&[count], &transactions.concat()[..]].concat();
    let unsolved = [&[0; Header::BYTES], &body[..]].concat();
    let read = Block::decode(&unsolved).unwrap();
    let merkle_root = merkle(read.transactions.iter().map(Transaction::txid).collect()).root;
    let header = Header { merkle_root, ..Params::of(Network::Regtest).genesis };
    [&solve(header).unwrap().encode(), &body[..]].concat()
}

/// The transactions of a block of more than a megabyte: the second one has a large witness.
fn witnessed() -> [Vec<u8>; 2] {
    let bytes = mine(&template(Some(1_000_001))).unwrap();
    let block = Block::decode(&bytes).unwrap();
    [block.transactions[0].bytes().to_vec(), block.transactions[1].bytes().to_vec()]
}

#[track_caller]
fn check(bytes: &[u8], segwit: Segwit, expected: Result<(), BlockError>, is_mutated: bool) {
    let block = Block::decode(bytes).unwrap();
    assert_eq!(block.check(segwit), expected);
    let judged = block.judge(segwit).err();
    assert_eq!(judged.is_some_and(|(_, mutated)| mutated == Mutated::Yes), is_mutated);
}

#[test]
fn first_block_of_the_main_network_is_whole() {
    let header = Params::of(Network::Main).genesis;
    let bytes = [&header.encode(), &genesis_body()[..]].concat();
    assert_eq!(bytes.len(), 285);
    let block = Block::decode(&bytes).unwrap();
    assert_eq!(block.header, header);
    assert_eq!(block.check(Segwit::NotYet), Ok(()));
    assert_eq!(block.weight(), 4 * 285);
    assert_eq!(block.transactions[0].txid(), header.merkle_root);
}

#[test]
fn cut_or_lengthened_blocks_are_refused_with_the_place() {
    let bytes = mine(&template(None)).unwrap();
    for end in 0..bytes.len() {
        assert!(Block::decode(&bytes[..end]).is_err(), "{end}");
    }
    let longer = [&bytes[..], &[0]].concat();
    assert_eq!(Block::decode(&longer), Err(BlockError::Surplus { offset: bytes.len() }));
    let error = Block::decode(&bytes[..100]).expect_err("it is cut off");
    assert_eq!(error.to_string(), "transaction 0: outpoint at offset 86 is cut off");
}

#[test]
fn changed_transactions_have_another_root() {
    let mut bytes = mine(&template(None)).unwrap();
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    let found = merkle(vec![Block::decode(&bytes).unwrap().transactions[0].txid()]).root;
    check(&bytes, Segwit::Active, Err(BlockError::MerkleRoot { found }), true);
}

/// CVE-2012-2459.
#[test]
fn doubled_transactions_are_noticed_under_the_same_root() {
    let [coinbase, spender] = witnessed();
    let honest = block(&[&coinbase, &spender, &coinbase]);
    let doubled = block(&[&coinbase, &spender, &coinbase, &coinbase]);
    assert_eq!(honest[36..68], doubled[36..68]);
    check(&doubled, Segwit::Active, Err(BlockError::Doubled), true);
}

#[test]
fn first_transaction_is_the_coinbase_and_no_other() {
    let [coinbase, spender] = witnessed();
    let other = mine(&template(None)).unwrap();
    let other = Block::decode(&other).unwrap().transactions[0].bytes().to_vec();
    check(&block(&[&spender]), Segwit::Active, Err(BlockError::NoCoinbase), false);
    let second = BlockError::SecondCoinbase { index: 2 };
    let bytes = block(&[&coinbase, &spender, &other]);
    assert_eq!(Block::decode(&bytes).unwrap().check(Segwit::Active), Err(second));
    let none = [&[0; Header::BYTES][..], &[0]].concat();
    check(&none, Segwit::Active, Err(BlockError::Weight { weight: 324 }), false);
}

/// A transaction of 64 bytes can be taken for two hashes. Core: `IsBlockMutated`.
#[test]
fn block_without_coinbase_may_be_a_branch_of_another_tree() {
    let mut short = vec![2, 0, 0, 0, 1];
    short.extend([0x22; 36]);
    short.extend([0; 5]);
    short.extend([1, 0, 0, 0, 0, 0, 0, 0, 0, 4, 1, 1, 1, 1, 0, 0, 0, 0]);
    assert_eq!(short.len(), 64);
    check(&block(&[&short]), Segwit::Active, Err(BlockError::NoCoinbase), true);
}

/// BIP 141.
#[test]
fn witnesses_are_those_that_the_coinbase_commits_to() {
    let [coinbase, spender] = witnessed();
    check(&block(&[&coinbase, &spender]), Segwit::Active, Ok(()), false);
    let index = 0;
    let early = BlockError::UnexpectedWitness { index };
    check(&block(&[&coinbase, &spender]), Segwit::NotYet, Err(early), true);

    let mut changed = spender.clone();
    changed[5_000] ^= 1;
    let bytes = block(&[&coinbase, &changed]);
    let result = Block::decode(&bytes).unwrap().check(Segwit::Active);
    assert!(matches!(result, Err(BlockError::WitnessCommitment { .. })), "{result:?}");
    check(&bytes, Segwit::Active, result, true);

    let plain = mine(&template(None)).unwrap();
    let plain = Block::decode(&plain).unwrap().transactions[0].bytes().to_vec();
    let uncommitted = BlockError::UnexpectedWitness { index: 1 };
    check(&block(&[&plain, &spender]), Segwit::Active, Err(uncommitted), true);

    // The nonce: a count of 1 and 32 bytes before the lock time. Its length becomes 31.
    let mut short = coinbase.clone();
    let at = short.len() - 4 - 33;
    assert_eq!(short[at], 32);
    short[at] = 31;
    short.remove(at + 1);
    check(&block(&[&short, &spender]), Segwit::Active, Err(BlockError::WitnessNonce), true);
}

/// The header says nothing of witnesses: one that somebody has stuffed is no reason to condemn it.
#[test]
fn stuffed_witness_is_no_weight_of_the_block() {
    let [mut coinbase, spender] = witnessed();
    let at = coinbase.len() - 4 - 33;
    let stuffing = vec![7; BLOCK_WEIGHT_MAX];
    let length = u32::try_from(stuffing.len()).unwrap().to_le_bytes();
    coinbase.splice(at..at + 33, [&[0xfe][..], &length, &stuffing].concat());
    let stuffed = block(&[&coinbase, &spender]);
    assert!(Block::decode(&stuffed).unwrap().weight() > BLOCK_WEIGHT_MAX);
    check(&stuffed, Segwit::Active, Err(BlockError::WitnessNonce), true);
}

#[test]
fn weight_has_a_bound() {
    let heavy = mine(&template(Some(1_000_000))).unwrap();
    assert_eq!(Block::decode(&heavy).unwrap().weight(), BLOCK_WEIGHT_MAX);
    // One byte more in the filler, whose length is a number of five bytes.
    let mut coinbase = Block::decode(&heavy).unwrap().transactions[0].bytes().to_vec();
    let at = coinbase.windows(2).position(|pair| pair == [0x6a, 0x6a]).unwrap();
    let length = u32::from_le_bytes(coinbase[at - 4..at].try_into().unwrap()) + 1;
    coinbase[at - 4..at].copy_from_slice(&length.to_le_bytes());
    coinbase.insert(at, 0x6a);
    let weight = BLOCK_WEIGHT_MAX + 4;
    check(&block(&[&coinbase]), Segwit::Active, Err(BlockError::Weight { weight }), false);
}
