//! The chain: what the connection manager needs to serve and to download headers and blocks.
//!
//! ```text
//!   a `headers` message --> tree: checked, linked, the tip of most work --> locators, headers
//! ```
//!
//! Everything here is pure: no socket, no file, and time is an argument. What a block *means* is
//! not known: proof of work, difficulty and times are checked, scripts, amounts and signatures are
//! not. Facts: Core pow.cpp, chain.cpp, validation.cpp, kernel/chainparams.cpp;
//! docs/behaviour.md, chain 1.

mod block;
pub mod download;
mod hash;
mod header;
mod merkle;
mod mine;
mod params;
mod target;
mod transaction;
mod tree;
mod u256;

pub use block::{BLOCK_WEIGHT_MAX, Block, BlockError, Segwit};
pub use hash::{BlockHash, Hash};
pub use header::{Header, PowError};
pub use merkle::{Doubling, Merkle, merkle};
pub use mine::{BLOCK_BYTES_MAX, MineError, Template, mine, solve};
pub use params::{MinDifficulty, Params, Retarget};
pub use target::{Bits, TargetError, work};
pub use transaction::{Transaction, TransactionError};
pub use tree::{
    ANTI_DOS_BLOCKS, FUTURE_SECS_MAX, HEADERS_PER_MESSAGE_MAX, HeaderId, HeaderTree, InsertError,
    InsertWhy, Inserted, LOCATOR_SINGLE_STEPS, MEDIAN_TIME_BLOCKS, TIMEWARP_SECS_MAX, Validity,
    retargeted,
};
pub use u256::U256;
