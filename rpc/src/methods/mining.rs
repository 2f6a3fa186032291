//! Methods that make blocks, or hand them in. Core: rpc/mining.cpp.

use sockman::chain::{
    Block, BlockError, Header, InsertError, InsertWhy, PowError, Template, mine_to,
};
use sockman::connman::blocks::{Submitted, TakeError};
use sockman::rng::Purpose;
use sockman::transport::Network;

use super::{Answer, Args, AtNode, chain};
use crate::auth::hex;
use crate::error::{Code, RpcError};
use crate::json::Json;
use crate::script::{bytes_of_hex, of_address, of_descriptor};

/// Blocks that one call makes, at most: ours, so that no call holds everybody up for long.
const BLOCKS_MAX: i64 = 10_000;

pub(super) fn to_address(node: &mut AtNode<'_>, args: &Args) -> Result<Answer, RpcError> {
    let network = node.connman.config().network;
    let script = of_address(args.text(1).unwrap_or_default(), network);
    let script = script.ok_or_else(|| RpcError::new(Code::NotFound, "Error: Invalid address"))?;
    generate(node, args, &script)
}

pub(super) fn to_descriptor(node: &mut AtNode<'_>, args: &Args) -> Result<Answer, RpcError> {
    let network = node.connman.config().network;
    let script = descriptor(args.text(1).unwrap_or_default(), network)?;
    generate(node, args, &script)
}

/// One block, perhaps without handing it in. There are no transactions that it could have.
pub(super) fn one(node: &mut AtNode<'_>, args: &Args) -> Result<Answer, RpcError> {
    let network = node.connman.config().network;
    let output = args.text(0).unwrap_or_default();
    let script = match of_address(output, network) {
        Some(script) => script,
        None => descriptor(output, network)?,
    };
    match args.values().get(1) {
        Some(Json::Array(wanted)) if wanted.is_empty() => {}
        Some(_) | None => {
            let message = "Transactions are not kept yet: blocks have none but their own";
            return Err(RpcError::new(Code::NotFound, message));
        }
    }
    let block = next_block(node, 0, &script)?;
    let hash = Block::decode(&block).expect("we have just made it").header.hash();
    let named = Json::object([("hash", hash.to_string().into())]);
    if args.flag(2) == Some(false) {
        let whole = [("hash", hash.to_string().into()), ("hex", hex(&block).into())];
        return Ok(Json::object(whole).into());
    }
    take(node, &block)?;
    Ok(Answer::WhenSaved(named))
}

pub(super) fn submit_block(node: &mut AtNode<'_>, args: &Args) -> Result<Answer, RpcError> {
    chain::of(node)?;
    let undecoded = || RpcError::new(Code::Deserialization, "Block decode failed");
    let bytes = bytes_of_hex(args.text(0).unwrap_or_default()).ok_or_else(undecoded)?;
    let told = match node.connman.submit_block(node.now, &bytes) {
        Ok(Submitted::Known) => "duplicate",
        Ok(Submitted::Aside(_)) => "inconclusive",
        Ok(Submitted::Active(_)) => return Ok(Answer::WhenSaved(Json::Null)),
        Err(error) => reject_reason(&error).ok_or_else(undecoded)?,
    };
    Ok(Answer::WhenSaved(told.into()))
}

pub(super) fn submit_header(node: &mut AtNode<'_>, args: &Args) -> Result<Answer, RpcError> {
    let tree = chain::of(node)?.tree();
    let bytes = bytes_of_hex(args.text(0).unwrap_or_default());
    let header = bytes.and_then(|bytes| Some(Header::decode(bytes.first_chunk()?)));
    let header =
        header.ok_or_else(|| RpcError::new(Code::Deserialization, "Block header decode failed"))?;
    if tree.find(&header.previous).is_none() {
        let message = format!("Must submit previous header ({}) first", header.previous);
        return Err(RpcError::new(Code::Verify, message));
    }
    match node.connman.submit_header(node.now, &header) {
        Ok(()) => Ok(Json::Null.into()),
        Err(error) => Err(RpcError::new(Code::Verify, reason_of_header(&error))),
    }
}

fn descriptor(text: &str, network: Network) -> Result<Vec<u8>, RpcError> {
    let message = "Error: Invalid address or descriptor: known are raw(HEX) and addr(ADDRESS)";
    of_descriptor(text, network).ok_or_else(|| RpcError::new(Code::NotFound, message))
}

/// As many blocks as the first parameter says, each on top of the one before.
fn generate(node: &mut AtNode<'_>, args: &Args, script: &[u8]) -> Result<Answer, RpcError> {
    let count = args.integer(0)?.unwrap_or(0);
    if count > BLOCKS_MAX {
        let message = format!("No more than {BLOCKS_MAX} blocks at a time");
        return Err(RpcError::new(Code::InvalidParameter, message));
    }
    let mut hashes = Vec::new();
    for n in 0..u64::try_from(count).unwrap_or(0) {
        let block = next_block(node, n, script)?;
        let hash = Block::decode(&block).expect("we have just made it").header.hash();
        take(node, &block)?;
        hashes.push(hash.to_string().into());
    }
    Ok(Answer::WhenSaved(Json::Array(hashes)))
}

/// A block on top of the active chain; the `n`-th of this call. Core: node/miner.cpp,
/// `CreateNewBlock`, `UpdateTime`.
fn next_block(node: &AtNode<'_>, n: u64, script: &[u8]) -> Result<Vec<u8>, RpcError> {
    let tree = chain::of(node)?.tree();
    if tree.params().network != Network::Regtest {
        return Err(RpcError::new(Code::Misc, "Blocks are made on regtest alone"));
    }
    let tip = tree.active_tip();
    let now = u32::try_from(node.now.wall.as_secs()).unwrap_or(u32::MAX);
    let time = now.max(tree.median_time_past(tip).saturating_add(1));
    let template = Template {
        previous: tree.hash(tip),
        height: tree.height(tip) + 1,
        time,
        bits: tree.next_bits(tip, time),
        mark: node.connman.seed().draw(Purpose::BlockMark, node.number, n),
        bytes: None,
    };
    mine_to(&template, script).map_err(|error| RpcError::new(Code::Misc, error.to_string()))
}

/// Takes a block that we have made.
fn take(node: &mut AtNode<'_>, block: &[u8]) -> Result<(), RpcError> {
    let taken = node.connman.submit_block(node.now, block);
    taken.map(drop).map_err(|error| RpcError::new(Code::Misc, error.to_string()))
}

/// Why a block is not taken, in the reference's words; `None`: it is no block. Core:
/// `BIP22ValidationResult`.
const fn reject_reason(error: &TakeError) -> Option<&'static str> {
    Some(match error {
        TakeError::Block(error) => match error {
            BlockError::Field(_) | BlockError::Transaction { .. } | BlockError::Surplus { .. } => {
                return None;
            }
            BlockError::MerkleRoot { .. } => "bad-txnmrklroot",
            BlockError::Doubled => "bad-txns-duplicate",
            BlockError::Weight { .. } => "bad-blk-length",
            BlockError::NoCoinbase => "bad-cb-missing",
            BlockError::SecondCoinbase { .. } => "bad-cb-multiple",
            BlockError::WitnessNonce => "bad-witness-nonce-size",
            BlockError::WitnessCommitment { .. } => "bad-witness-merkle-match",
            BlockError::UnexpectedWitness { .. } => "unexpected-witness",
        },
        TakeError::Header(error) => reason_of_header(error),
    })
}

const fn reason_of_header(error: &InsertError) -> &'static str {
    match error.why {
        InsertWhy::Pow(
            PowError::Target(_) | PowError::AboveLimit { .. } | PowError::HighHash { .. },
        ) => "high-hash",
        InsertWhy::NotContinuous | InsertWhy::Unconnected { .. } => "prev-blk-not-found",
        InsertWhy::KnownInvalid => "duplicate-invalid",
        InsertWhy::InvalidParent => "bad-prevblk",
        InsertWhy::WrongBits { .. } => "bad-diffbits",
        InsertWhy::TooOld { .. } => "time-too-old",
        InsertWhy::Timewarp { .. } => "time-timewarp-attack",
        InsertWhy::TooNew { .. } => "time-too-new",
        InsertWhy::TooMany { .. } | InsertWhy::Full => "rejected",
    }
}
