//! Double SHA-256, by which blocks and transactions are named.

use std::fmt;

use sha2::{Digest, Sha256};

/// The double SHA-256 of a header: the name of a block.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BlockHash(
    /// As on the wire; people write the bytes in the other order.
    pub [u8; 32],
);

impl BlockHash {
    /// What the first block has in place of a parent, and a `getheaders` that stops nowhere.
    pub const ZERO: Self = Self([0; 32]);
}

/// The double SHA-256 of a transaction, or of two hashes in a merkle tree.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Hash(
    /// As on the wire; people write the bytes in the other order.
    pub [u8; 32],
);

impl Hash {
    /// Of some bytes.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        Self(double_sha256([bytes]))
    }
}

/// The double SHA-256 of some parts, one behind the other.
pub(super) fn double_sha256<const N: usize>(parts: [&[u8]; N]) -> [u8; 32] {
    let mut hasher = Sha256::new();
    parts.into_iter().for_each(|part| hasher.update(part));
    Sha256::digest(hasher.finalize()).into()
}

impl fmt::Display for BlockHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        reversed(&self.0, f)
    }
}

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        reversed(&self.0, f)
    }
}

/// Hexadecimal digits, the last byte first. Core: uint256.cpp, `GetHex`.
fn reversed(bytes: &[u8], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    bytes.iter().rev().try_for_each(|byte| write!(f, "{byte:02x}"))
}
