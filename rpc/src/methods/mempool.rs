//! Methods about transactions that are in no block: there are none here. Core: rpc/mempool.cpp.

use super::{Answer, Args, AtNode};
use crate::error::RpcError;
use crate::json::Json;

/// Bytes that the reference would take for them. Core: `DEFAULT_MAX_MEMPOOL_SIZE_MB`.
const BYTES_MAX: u64 = 300_000_000;

/// Decimals of an amount.
pub(super) const AMOUNT_DIGITS: u32 = 8;

/// Satoshis for 1000 bytes. Core: `DEFAULT_MIN_RELAY_TX_FEE`, `DEFAULT_INCREMENTAL_RELAY_FEE`.
pub(super) const RELAY_FEE: u64 = 100;

pub(super) fn info(_: &mut AtNode<'_>, _: &Args) -> Result<Answer, RpcError> {
    let fee = || Json::fixed(RELAY_FEE, AMOUNT_DIGITS);
    let info = Json::object([
        ("loaded", true.into()),
        ("size", 0.into()),
        ("bytes", 0.into()),
        ("usage", 0.into()),
        ("total_fee", Json::fixed(0, AMOUNT_DIGITS)),
        ("maxmempool", BYTES_MAX.into()),
        ("mempoolminfee", fee()),
        ("minrelaytxfee", fee()),
        ("incrementalrelayfee", fee()),
        ("unbroadcastcount", 0.into()),
        ("fullrbf", true.into()),
    ]);
    Ok(info.into())
}

pub(super) fn names(_: &mut AtNode<'_>, args: &Args) -> Result<Answer, RpcError> {
    let is_verbose = args.flag(0) == Some(true);
    let none = if is_verbose { Json::Object(Vec::new()) } else { Json::Array(Vec::new()) };
    Ok(none.into())
}

/// What was asked before has had its effect: a call is a step of its own.
pub(super) fn sync(_: &mut AtNode<'_>, _: &Args) -> Result<Answer, RpcError> {
    Ok(Json::Null.into())
}
