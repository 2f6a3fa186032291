//! The chain: what the connection manager needs to serve and to download headers and blocks.
//!
//! ```text
//!   `headers` --> tree: checked, linked, the tip of most work --> locators, `headers`
//!                   |
//!               download: whom to ask for what, whom to give up --> `getheaders`, `getdata`
//!                   |
//!   `block` ----> block: is it what its header stands for? --> store: bytes of a file
//! ```
//!
//! [`HeaderTree`] has every header, and knows which blocks are here; [`presync::Presync`] stands
//! before it where a chain has shown too little work; [`download::Downloads`] is the state machine
//! over peers; [`Block`] takes a block's bytes apart; [`store`] puts them one behind the other.
//! [`mine()`] makes blocks of regtest.
//!
//! Everything here is pure: no socket, no file, and time is an argument. What a block *means* is
//! not known: proof of work, difficulty and times are checked, scripts, amounts and signatures are
//! not. Who validates does so between [`HeaderTree::best_complete`] and [`HeaderTree::activate`].
//! Facts: Core pow.cpp, chain.cpp, validation.cpp, net_processing.cpp, kernel/chainparams.cpp;
//! docs/behaviour.md, chain 1 to 7 and 12.

mod block;
pub mod download;
mod hash;
mod header;
mod merkle;
mod mine;
mod params;
mod payload;
pub mod presync;
pub mod store;
mod target;
mod transaction;
mod tree;
mod u256;

pub use block::{BLOCK_WEIGHT_MAX, Block, BlockError, Mutated, Segwit};
pub use hash::{BlockHash, Hash};
pub use header::{Header, PowError};
pub use merkle::{Doubling, Merkle, merkle};
pub use mine::{BLOCK_BYTES_MAX, MineError, Template, mine, mine_to, solve};
pub use params::{MinDifficulty, Params, PresyncParams, Retarget};
pub use payload::{GetHeaders, LOCATOR_HASHES_MAX, decode_headers, encode_headers};
pub use target::{Bits, TargetError, work};
pub use transaction::{Transaction, TransactionError};
pub use tree::{
    ANTI_DOS_BLOCKS, CheckedHeaders, FUTURE_SECS_MAX, HEADERS_PER_MESSAGE_MAX, HeaderId,
    HeaderTree, InsertError, InsertWhy, Inserted, LOCATOR_SINGLE_STEPS, LinkedHeaders,
    MEDIAN_TIME_BLOCKS, TIMEWARP_SECS_MAX, Validity, may_follow, retargeted,
};
pub use u256::U256;
