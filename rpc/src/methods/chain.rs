//! Methods about the chain. Core: rpc/blockchain.cpp.

use sockman::chain::{Bits, Block, BlockHash, HeaderId, HeaderTree, U256};
use sockman::connman::blocks::Chain;

use super::{Answer, Args, AtNode};
use crate::auth::hex;
use crate::error::{Code, RpcError};
use crate::json::Json;
use crate::protocol::Outcome;
use crate::script::bytes_of_hex;

/// What a byte without witnesses weighs. Core: `WITNESS_SCALE_FACTOR`.
const SCALE: usize = 4;

/// Digits behind the point of how far a download has come.
const PROGRESS_DIGITS: u32 = 6;

/// The chain of the node.
pub(super) fn of<'a>(node: &'a AtNode<'_>) -> Result<&'a Chain, RpcError> {
    node.connman.chain().ok_or_else(|| RpcError::new(Code::Misc, "This node has no chain"))
}

pub(super) fn count(node: &mut AtNode<'_>, _: &Args) -> Result<Answer, RpcError> {
    Ok(Json::from(of(node)?.height()).into())
}

pub(super) fn best_hash(node: &mut AtNode<'_>, _: &Args) -> Result<Answer, RpcError> {
    let tree = of(node)?.tree();
    Ok(Json::from(tree.hash(tree.active_tip()).to_string()).into())
}

pub(super) fn hash_at(node: &mut AtNode<'_>, args: &Args) -> Result<Answer, RpcError> {
    let tree = of(node)?.tree();
    let height = args.integer(0)?.and_then(|height| u32::try_from(height).ok());
    let found = height.and_then(|height| tree.ancestor(tree.active_tip(), height));
    let outside = || RpcError::new(Code::InvalidParameter, "Block height out of range");
    Ok(Json::from(tree.hash(found.ok_or_else(outside)?).to_string()).into())
}

pub(super) fn difficulty(node: &mut AtNode<'_>, _: &Args) -> Result<Answer, RpcError> {
    let tree = of(node)?.tree();
    Ok(difficulty_of(tree.header(tree.active_tip()).bits).into())
}

pub(super) fn header(node: &mut AtNode<'_>, args: &Args) -> Result<Answer, RpcError> {
    let chain = of(node)?;
    let id = named(chain.tree(), args)?;
    if args.flag(1) == Some(false) {
        return Ok(Json::from(hex(&chain.tree().header(id).encode())).into());
    }
    Ok(Json::Object(header_members(chain, id)).into())
}

pub(super) fn block(node: &mut AtNode<'_>, args: &Args) -> Result<Answer, RpcError> {
    let chain = of(node)?;
    let id = named(chain.tree(), args)?;
    let verbosity = match args.flag(1) {
        Some(flag) => i64::from(flag),
        None => args.integer(1)?.unwrap_or(1),
    };
    let form = match verbosity {
        ..=0 => BlockForm::Bytes,
        1 => BlockForm::Named,
        _ => {
            let message = "Transactions are not taken apart yet: verbosity is 0 or 1";
            return Err(RpcError::new(Code::InvalidParameter, message));
        }
    };
    if chain.block(id).is_none() && chain.block_place(id).is_some() {
        node.connman.read_block(id);
        return Ok(Answer::WhenRead(id, form));
    }
    block_as(chain, id, form).map(Answer::Now)
}

/// How much of a block is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BlockForm {
    /// Its bytes.
    Bytes,
    /// What it says, with the names of its transactions.
    Named,
}

/// A block that is in memory.
pub(crate) fn block_as(chain: &Chain, id: HeaderId, form: BlockForm) -> Outcome {
    let unavailable = || RpcError::new(Code::Misc, "Block not available (not fully downloaded)");
    let bytes = bytes_of(chain, id).ok_or_else(unavailable)?;
    Ok(match form {
        BlockForm::Bytes => hex(&bytes).into(),
        BlockForm::Named => block_json(chain, id, &bytes),
    })
}

pub(super) fn info(node: &mut AtNode<'_>, _: &Args) -> Result<Answer, RpcError> {
    let is_initial = node.connman.is_initial_download();
    let chain = of(node)?;
    let tree = chain.tree();
    let tip = tree.active_tip();
    let bits = tree.header(tip).bits;
    let (blocks, headers) = (tree.height(tip), tree.height(tree.tip()));
    let unit = 10_u64.pow(PROGRESS_DIGITS);
    let progress = match headers {
        0 => unit,
        headers => u64::from(blocks.min(headers)) * unit / u64::from(headers),
    };
    let info = Json::object([
        ("chain", tree.params().network.name().into()),
        ("blocks", blocks.into()),
        ("headers", headers.into()),
        ("bestblockhash", tree.hash(tip).to_string().into()),
        ("bits", bits.to_string().into()),
        ("target", number(bits.target().unwrap_or(U256::ZERO))),
        ("difficulty", difficulty_of(bits)),
        ("time", tree.time(tip).into()),
        ("mediantime", tree.median_time_past(tip).into()),
        ("verificationprogress", Json::fixed(progress, PROGRESS_DIGITS)),
        ("initialblockdownload", is_initial.into()),
        ("chainwork", number(tree.work(tip))),
        ("size_on_disk", chain.block_bytes().into()),
        ("pruned", false.into()),
        ("warnings", Vec::new().into()),
    ]);
    Ok(info.into())
}

/// The header that is named by the first parameter.
fn named(tree: &HeaderTree, args: &Args) -> Result<HeaderId, RpcError> {
    let text = args.text(0).unwrap_or_default();
    let hash = parse_hash("blockhash", text)?;
    let found = tree.find(&hash);
    found.ok_or_else(|| RpcError::new(Code::NotFound, "Block not found"))
}

/// Core: rpc/util.cpp, `ParseHashV`.
fn parse_hash(name: &str, text: &str) -> Result<BlockHash, RpcError> {
    let wrong = |message: String| RpcError::new(Code::InvalidParameter, message);
    if text.len() != 64 {
        let length = text.len();
        return Err(wrong(format!("{name} must be of length 64 (not {length}, for '{text}')")));
    }
    let bytes = bytes_of_hex(text).and_then(|bytes| <[u8; 32]>::try_from(bytes).ok());
    let no_hex = || wrong(format!("{name} must be hexadecimal string (not '{text}')"));
    let mut bytes = bytes.ok_or_else(no_hex)?;
    bytes.reverse();
    Ok(BlockHash(bytes))
}

/// A block's bytes, also of the first of the network.
fn bytes_of(chain: &Chain, id: HeaderId) -> Option<Vec<u8>> {
    match id {
        HeaderId::GENESIS => chain.tree().params().genesis_block(),
        id => chain.block(id).map(|bytes| bytes.to_vec()),
    }
}

/// Core: `blockheaderToJSON`.
fn header_members(chain: &Chain, id: HeaderId) -> Vec<(String, Json)> {
    let (tree, header) = (chain.tree(), chain.tree().header(id));
    let (tip, height) = (tree.active_tip(), tree.height(id));
    let is_active = tree.is_in_chain(id, tip);
    let confirmations = if is_active { i64::from(tree.height(tip) - height) + 1 } else { -1 };
    let transactions = match id {
        HeaderId::GENESIS => 1,
        id => chain.transaction_count(id).unwrap_or(0),
    };
    let target = header.bits.target().unwrap_or(U256::ZERO);
    let mut members = vec![
        ("hash", tree.hash(id).to_string().into()),
        ("confirmations", confirmations.into()),
        ("height", height.into()),
        ("version", header.version.into()),
        ("versionHex", format!("{:08x}", header.version).into()),
        ("merkleroot", header.merkle_root.to_string().into()),
        ("time", header.time.into()),
        ("mediantime", tree.median_time_past(id).into()),
        ("nonce", header.nonce.into()),
        ("bits", header.bits.to_string().into()),
        ("target", number(target)),
        ("difficulty", difficulty_of(header.bits)),
        ("chainwork", number(tree.work(id))),
        ("nTx", transactions.into()),
    ];
    if let Some(parent) = tree.parent(id) {
        members.push(("previousblockhash", tree.hash(parent).to_string().into()));
    }
    if let Some(next) = is_active.then(|| tree.ancestor(tip, height + 1)).flatten() {
        members.push(("nextblockhash", tree.hash(next).to_string().into()));
    }
    members.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

/// Core: `blockToJSON`, of which transactions are named alone.
fn block_json(chain: &Chain, id: HeaderId, bytes: &[u8]) -> Json {
    let block = Block::decode(bytes).expect("it was one when it was taken");
    let weight = block.weight();
    let stripped = (weight - bytes.len()) / (SCALE - 1);
    let names = block.transactions.iter().map(|transaction| transaction.txid().to_string().into());
    let mut members = header_members(chain, id);
    let more = [
        ("strippedsize", stripped.into()),
        ("size", bytes.len().into()),
        ("weight", weight.into()),
        ("tx", Json::Array(names.collect())),
    ];
    members.extend(more.map(|(name, value)| (name.to_owned(), value)));
    Json::Object(members)
}

/// A number of 256 bits, in hexadecimal digits.
fn number(value: U256) -> Json {
    hex(&value.to_be_bytes()).into()
}

/// How many times harder than the easiest target of the main network. Core: `GetDifficulty`.
#[expect(clippy::float_arithmetic, reason = "a figure for people, which nothing follows from")]
fn difficulty_of(Bits(bits): Bits) -> Json {
    // OK because the digits have 24 bits.
    let mut difficulty = f64::from(0xffff_u32) / f64::from(bits & 0x00ff_ffff);
    let length = bits >> 24;
    for _ in length..29 {
        difficulty *= 256.0;
    }
    for _ in 29..length {
        difficulty /= 256.0;
    }
    Json::Number(sixteen_digits(difficulty))
}

/// A number above zero in 16 digits, without the zeros at their end. Core: univalue, `setFloat`;
/// printf(3), `%.16g`.
fn sixteen_digits(number: f64) -> String {
    let scientific = format!("{number:.15e}");
    let (digits, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    let shorter = |digits: &str| digits.trim_end_matches('0').trim_end_matches('.').to_owned();
    match usize::try_from(15 - exponent) {
        Ok(decimals) if exponent >= -4 => shorter(&format!("{number:.decimals$}")),
        Ok(_) | Err(_) => {
            let sign = if exponent < 0 { '-' } else { '+' };
            format!("{}e{sign}{:02}", shorter(digits), exponent.unsigned_abs())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Core: test/blockchain_tests.cpp.
    #[test]
    fn difficulty_is_that_of_the_reference() {
        for (bits, expected) in [
            (0x1d00_ffff, "1"),
            (0x207f_ffff, "4.656542373906925e-10"),
            (0x1b04_04cb, "16307.42093852398"),
        ] {
            assert_eq!(difficulty_of(Bits(bits)).to_string(), expected);
        }
    }

    #[test]
    fn hashes_are_read_as_people_write_them() {
        let text = "0f9188f13cb7b2c71f2a335e3a4fc328bf5beb436012afca590b1a11466e2206";
        assert_eq!(parse_hash("x", text).map(|hash| hash.to_string()), Ok(text.to_owned()));
        let told = |text| parse_hash("x", text).map_err(|error| error.message).unwrap_err();
        assert_eq!(told("0f"), "x must be of length 64 (not 2, for '0f')");
        let no_hex = "g".repeat(64);
        assert_eq!(told(&no_hex), format!("x must be hexadecimal string (not '{no_hex}')"));
    }
}
