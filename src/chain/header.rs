//! Headers of blocks, and the work that was put into them.
//!
//! | offset | bytes | field                                          |
//! |--------|-------|------------------------------------------------|
//! | 0      | 4     | version                                        |
//! | 4      | 32    | hash of the header before                      |
//! | 36     | 32    | merkle root of the transactions                |
//! | 68     | 4     | time, s since 1970                             |
//! | 72     | 4     | target in its compact form                     |
//! | 76     | 4     | nonce                                          |
//!
//! Numbers are little endian. Sources: Core primitives/block.h, pow.cpp `CheckProofOfWork`.

use std::fmt;

use super::hash::double_sha256;
use super::{Bits, BlockHash, Hash, TargetError, U256, work};

/// A header.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Header {
    /// What its miner signals; any number.
    pub version: i32,
    /// The block before, by name. Zeros for the first.
    pub previous: BlockHash,
    /// What its transactions hash to.
    pub merkle_root: Hash,
    /// When it was made, as its miner says: s since 1970.
    pub time: u32,
    /// The target that its hash does not exceed.
    pub bits: Bits,
    /// What its miner varied.
    pub nonce: u32,
}

/// Why there is not enough work in a header.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PowError {
    /// The compact form (offset 72) is no target.
    Target(TargetError),
    /// The target is easier than the network allows.
    AboveLimit {
        /// The target of the header.
        bits: Bits,
    },
    /// The hash is above the target.
    HighHash {
        /// The target of the header.
        bits: Bits,
    },
}

impl fmt::Display for PowError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Target(error) => error.fmt(f),
            Self::AboveLimit { bits } => write!(f, "target {bits} is above the limit"),
            Self::HighHash { bits } => write!(f, "hash is above target {bits}"),
        }
    }
}

impl std::error::Error for PowError {}

impl Header {
    /// Its length in bytes.
    pub const BYTES: usize = 80;

    /// Any 80 bytes are a header.
    #[must_use]
    pub fn decode(bytes: &[u8; Self::BYTES]) -> Self {
        Self {
            version: i32::from_le_bytes(array(bytes, 0)),
            previous: BlockHash(array(bytes, 4)),
            merkle_root: Hash(array(bytes, 36)),
            time: u32::from_le_bytes(array(bytes, 68)),
            bits: Bits(u32::from_le_bytes(array(bytes, 72))),
            nonce: u32::from_le_bytes(array(bytes, 76)),
        }
    }

    /// As it travels.
    #[must_use]
    pub fn encode(&self) -> [u8; Self::BYTES] {
        let mut bytes = [0; Self::BYTES];
        bytes[..4].copy_from_slice(&self.version.to_le_bytes());
        bytes[4..36].copy_from_slice(&self.previous.0);
        bytes[36..68].copy_from_slice(&self.merkle_root.0);
        bytes[68..72].copy_from_slice(&self.time.to_le_bytes());
        bytes[72..76].copy_from_slice(&self.bits.0.to_le_bytes());
        bytes[76..].copy_from_slice(&self.nonce.to_le_bytes());
        bytes
    }

    /// The name of its block.
    #[must_use]
    pub fn hash(&self) -> BlockHash {
        BlockHash(double_sha256([&self.encode()]))
    }

    /// How many hashes its target takes on average; none for a target that is none. Core:
    /// `GetBlockProof`.
    #[must_use]
    pub fn claimed_work(&self) -> U256 {
        self.bits.target().map_or(U256::ZERO, work)
    }

    /// Whether its hash shows the work that its target asks for, and that is at least the least of
    /// the network.
    ///
    /// # Errors
    ///
    /// It does not.
    pub fn check_pow(&self, pow_limit: U256) -> Result<(), PowError> {
        self.check_pow_of(self.hash(), pow_limit)
    }

    /// The same with its hash at hand.
    pub(super) fn check_pow_of(&self, hash: BlockHash, pow_limit: U256) -> Result<(), PowError> {
        let bits = self.bits;
        let target = bits.target().map_err(PowError::Target)?;
        if target > pow_limit {
            return Err(PowError::AboveLimit { bits });
        }
        if U256::from_le_bytes(hash.0) > target {
            return Err(PowError::HighHash { bits });
        }
        Ok(())
    }
}

/// `N` bytes of a header from `at`.
fn array<const N: usize>(bytes: &[u8; Header::BYTES], at: usize) -> [u8; N] {
    let mut field = [0; N];
    field.copy_from_slice(&bytes[at..at + N]);
    field
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chain::Params;
    use crate::transport::Network;

    #[test]
    fn any_bytes_are_a_header_and_come_back() {
        let bytes = std::array::from_fn(|at| u8::try_from(at * 3).unwrap());
        let header = Header::decode(&bytes);
        assert_eq!(header.encode(), bytes);
        assert_eq!(header.version, 0x0906_0300);
        assert_eq!(header.time, u32::from_le_bytes([204, 207, 210, 213]));
        assert_eq!(header.nonce, u32::from_le_bytes([228, 231, 234, 237]));
    }

    #[test]
    fn work_is_asked_for_by_the_header_and_by_the_network() {
        let params = Params::of(Network::Main);
        let check = |change: fn(&mut Header)| {
            let mut header = params.genesis;
            change(&mut header);
            header.check_pow(params.pow_limit)
        };
        let bits = params.genesis.bits;
        assert_eq!(check(|_| ()), Ok(()));
        assert_eq!(check(|header| header.nonce += 1), Err(PowError::HighHash { bits }));
        let harder = Bits(0x1b04_04cb);
        assert_eq!(
            check(|header| header.bits = Bits(0x1b04_04cb)),
            Err(PowError::HighHash { bits: harder })
        );
        let easier = Bits(0x1d01_0000);
        assert_eq!(
            check(|header| header.bits = Bits(0x1d01_0000)),
            Err(PowError::AboveLimit { bits: easier })
        );
        assert_eq!(
            check(|header| header.bits = Bits(0x1d80_ffff)),
            Err(PowError::Target(TargetError::Negative))
        );
    }

    /// A hash at its target is enough: `>` and not `>=` in `CheckProofOfWork`.
    #[test]
    fn hash_may_be_equal_to_its_target() {
        let header = Header { bits: Bits(0x0300_1234), ..Header::default() };
        let mut hash = BlockHash::ZERO;
        hash.0[..2].copy_from_slice(&[0x34, 0x12]);
        assert_eq!(header.check_pow_of(hash, U256::MAX), Ok(()));
        hash.0[0] += 1;
        let error = PowError::HighHash { bits: header.bits };
        assert_eq!(header.check_pow_of(hash, U256::MAX), Err(error));
    }
}
