//! A block's bytes, and whether they are those that its header stands for.
//!
//! What its transactions do is not looked at. Sources: Core validation.cpp, `CheckBlock`,
//! `IsBlockMutated`, `CheckWitnessMalleation`, `ContextualCheckBlock`; BIP 141.

use std::fmt;

use super::hash::double_sha256;
use super::transaction::{Transaction, TransactionError};
use super::{Doubling, Hash, Header, merkle};
use crate::codec::{COMPACT_SIZE_MAX, DecodeError, Reader, push_compact_size};

/// The most that a block weighs: bytes without witnesses count four times, others once. BIP 141;
/// Core: `MAX_BLOCK_WEIGHT`.
pub const BLOCK_WEIGHT_MAX: usize = 4_000_000;

/// What a byte without witnesses weighs. Core: `WITNESS_SCALE_FACTOR`.
const SCALE: usize = 4;

/// A transaction of 64 bytes looks like two hashes of the merkle tree. Core: `IsBlockMutated`.
const NODE_BYTES: usize = 64;

/// What the output script of a commitment begins with: OP_RETURN, a push of 36, a mark. BIP 141.
const COMMITMENT_MARK: [u8; 6] = [0x6a, 0x24, 0xaa, 0x21, 0xa9, 0xed];

/// The least length of such a script, in bytes. Core: `MINIMUM_WITNESS_COMMITMENT`.
const COMMITMENT_BYTES: usize = 38;

/// Whether a block may carry witnesses: [`super::Params::segwit_height`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Segwit {
    /// It may, with a commitment to them.
    Active,
    /// It may not yet.
    NotYet,
}

/// A block taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Block<'a> {
    /// Its header.
    pub header: Header,
    /// What it has, in its order.
    pub transactions: Vec<Transaction<'a>>,
}

/// Whether somebody on the way may have changed a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Mutated {
    /// Nobody can have: the header stands for what came.
    No,
    /// Somebody can, so that the header may stand for another block.
    Yes,
}

impl Mutated {
    const fn only_if(changed: bool) -> Self {
        if changed { Self::Yes } else { Self::No }
    }
}

/// Why bytes are not the block of their header.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum BlockError {
    /// They are no block.
    Field(DecodeError),
    /// They are none because of a transaction.
    Transaction {
        /// Which, from 0.
        index: usize,
        /// What is wrong with it; offsets count from the start of the block.
        error: TransactionError,
    },
    /// Something follows the last transaction.
    Surplus {
        /// Where it begins.
        offset: usize,
    },
    /// The transactions have another root. Core: bad-txnmrklroot.
    MerkleRoot {
        /// The one that they have.
        found: Hash,
    },
    /// Some are there twice, so that the root says nothing. Core: bad-txns-duplicate.
    Doubled,
    /// There are no transactions, or too much of them. Core: bad-blk-length, bad-blk-weight.
    Weight {
        /// What it weighs.
        weight: usize,
    },
    /// The first one is no coinbase. Core: bad-cb-missing.
    NoCoinbase,
    /// A later one is. Core: bad-cb-multiple.
    SecondCoinbase {
        /// Which, from 0.
        index: usize,
    },
    /// The witness of the coinbase is not one item of 32 bytes. Core: bad-witness-nonce-size.
    WitnessNonce,
    /// The witnesses are not those that the coinbase commits to. Core: bad-witness-merkle-match.
    WitnessCommitment {
        /// What they hash to.
        found: Hash,
    },
    /// There is a witness without a commitment. Core: unexpected-witness.
    UnexpectedWitness {
        /// Which transaction has it, from 0.
        index: usize,
    },
}

impl fmt::Display for BlockError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Field(error) => error.fmt(f),
            Self::Transaction { index, error } => write!(f, "transaction {index}: {error}"),
            Self::Surplus { offset } => write!(f, "bytes at offset {offset} belong to nothing"),
            Self::MerkleRoot { found } => write!(f, "transactions have the merkle root {found}"),
            Self::Doubled => f.write_str("transactions are there twice"),
            Self::Weight { weight } => {
                write!(f, "weight {weight}, over {BLOCK_WEIGHT_MAX} or none")
            }
            Self::NoCoinbase => f.write_str("transaction 0 is no coinbase"),
            Self::SecondCoinbase { index } => write!(f, "transaction {index} is a coinbase"),
            Self::WitnessNonce => f.write_str("witness of the coinbase is not 32 bytes"),
            Self::WitnessCommitment { found } => {
                write!(f, "witnesses hash to {found}, and the coinbase says otherwise")
            }
            Self::UnexpectedWitness { index } => {
                write!(f, "transaction {index} has a witness that nothing commits to")
            }
        }
    }
}

impl std::error::Error for BlockError {}

impl<'a> Block<'a> {
    /// Takes a block apart: the payload of a `block` message.
    ///
    /// # Errors
    ///
    /// A field is cut off or announces more than it may, or bytes follow the last transaction.
    pub fn decode(bytes: &'a [u8]) -> Result<Self, BlockError> {
        let mut reader = Reader::new(bytes);
        let header = reader.array("header").map_err(BlockError::Field)?;
        let count = reader.compact_size("transaction count", COMPACT_SIZE_MAX);
        let count = count.map_err(BlockError::Field)?;
        let mut transactions = Vec::new();
        for index in 0..count {
            let transaction = Transaction::read(bytes, &mut reader);
            let error = |error| BlockError::Transaction { index, error };
            transactions.push(transaction.map_err(error)?);
        }
        if !reader.is_empty() {
            return Err(BlockError::Surplus { offset: reader.offset() });
        }
        Ok(Self { header: Header::decode(&header), transactions })
    }

    /// What it would weigh without witnesses.
    fn stripped_weight(&self) -> usize {
        let around = Header::BYTES + compact_bytes(self.transactions.len());
        let stripped: usize = self.transactions.iter().map(Transaction::stripped_bytes).sum();
        SCALE * (around + stripped)
    }

    /// What it weighs. BIP 141.
    #[must_use]
    pub fn weight(&self) -> usize {
        let around = Header::BYTES + compact_bytes(self.transactions.len());
        let of = |tx: &Transaction<'_>| (SCALE - 1) * tx.stripped_bytes() + tx.bytes().len();
        SCALE * around + self.transactions.iter().map(of).sum::<usize>()
    }

    /// Its bytes as they are for who knows no witnesses. BIP 144.
    #[must_use]
    pub fn without_witnesses(&self) -> Vec<u8> {
        let mut bytes = self.header.encode().to_vec();
        push_compact_size(&mut bytes, self.transactions.len());
        let parts = self.transactions.iter().flat_map(Transaction::parts_without_witness);
        parts.for_each(|part| bytes.extend_from_slice(part));
        bytes
    }

    /// Whether it is the block that its header stands for, by what can be said without any other
    /// block. The header's own work is not looked at.
    ///
    /// # Errors
    ///
    /// The first rule that it breaks. [`judge`](Self::judge) says whether the header may stand for
    /// another block, so that nothing is said against it.
    pub fn check(&self, segwit: Segwit) -> Result<(), BlockError> {
        self.judge(segwit).map_err(|(error, _)| error)
    }

    /// As [`check`](Self::check), and what is to be thought of a block that breaks a rule. Each
    /// part of it is hashed once.
    ///
    /// # Errors
    ///
    /// The first rule that it breaks, and whether somebody on the way may have changed it, so that
    /// whoever sent it misbehaves and the header may be good. Core: `IsBlockMutated`.
    pub fn judge(&self, segwit: Segwit) -> Result<(), (BlockError, Mutated)> {
        self.check_merkle_root().map_err(|error| (error, Mutated::Yes))?;
        let form = self.check_form();
        if !self.transactions.first().is_some_and(Transaction::is_coinbase) {
            let is_node = |tx: &Transaction<'_>| tx.stripped_bytes() == NODE_BYTES;
            let mutated = Mutated::only_if(self.transactions.iter().any(is_node));
            return form.map_err(|error| (error, mutated));
        }
        let witnesses = self.check_witnesses(segwit);
        let mutated = Mutated::only_if(witnesses.is_err());
        form.and(witnesses).map_err(|error| (error, mutated))?;
        // Not before: to witnesses that the header does not stand for anybody can add.
        // Core: `ContextualCheckBlock`.
        let weight = self.weight();
        if weight > BLOCK_WEIGHT_MAX {
            return Err((BlockError::Weight { weight }, Mutated::No));
        }
        Ok(())
    }

    /// What a block has whatever its transactions are.
    fn check_form(&self) -> Result<(), BlockError> {
        let weight = self.stripped_weight();
        if self.transactions.is_empty() || weight > BLOCK_WEIGHT_MAX {
            return Err(BlockError::Weight { weight });
        }
        if !self.transactions[0].is_coinbase() {
            return Err(BlockError::NoCoinbase);
        }
        let later = self.transactions.iter().skip(1);
        match later.clone().position(Transaction::is_coinbase) {
            Some(index) => Err(BlockError::SecondCoinbase { index: index + 1 }),
            None => Ok(()),
        }
    }

    /// Core: `CheckMerkleRoot`.
    fn check_merkle_root(&self) -> Result<(), BlockError> {
        let merkle = merkle(self.transactions.iter().map(Transaction::txid).collect());
        if merkle.root != self.header.merkle_root {
            return Err(BlockError::MerkleRoot { found: merkle.root });
        }
        match merkle.doubling {
            Doubling::No => Ok(()),
            Doubling::Possible => Err(BlockError::Doubled),
        }
    }

    /// Core: `CheckWitnessMalleation`.
    fn check_witnesses(&self, segwit: Segwit) -> Result<(), BlockError> {
        let commitment = self.transactions.first().and_then(commitment);
        if let (Segwit::Active, Some(commitment)) = (segwit, commitment) {
            let nonce = self.transactions[0].only_witness_item();
            let nonce = nonce.and_then(|item| <[u8; 32]>::try_from(item).ok());
            let nonce = nonce.ok_or(BlockError::WitnessNonce)?;
            let found = witness_commitment(&self.transactions, &nonce);
            let is_right = found.0 == commitment;
            return is_right.then_some(()).ok_or(BlockError::WitnessCommitment { found });
        }
        match self.transactions.iter().position(Transaction::has_witness) {
            Some(index) => Err(BlockError::UnexpectedWitness { index }),
            None => Ok(()),
        }
    }
}

/// What a coinbase commits to: the last output of that form. Core: `GetWitnessCommitmentIndex`.
fn commitment<'a>(coinbase: &Transaction<'a>) -> Option<&'a [u8]> {
    let mut last = None;
    coinbase.each_output_script(|script| {
        if script.len() >= COMMITMENT_BYTES && script.starts_with(&COMMITMENT_MARK) {
            last = Some(&script[COMMITMENT_MARK.len()..COMMITMENT_BYTES]);
        }
    });
    last
}

/// The hash over the root of all transactions with their witnesses and a nonce. The coinbase, which
/// has the result in it, counts as zeros. BIP 141.
pub(super) fn witness_commitment(transactions: &[Transaction<'_>], nonce: &[u8; 32]) -> Hash {
    let later = transactions.iter().skip(1).map(Transaction::wtxid);
    let root = merkle(std::iter::once(Hash::default()).chain(later).collect()).root;
    Hash(double_sha256([&root.0, nonce]))
}

/// The output script that commits to witnesses.
pub(super) fn commitment_script(commitment: Hash) -> Vec<u8> {
    [&COMMITMENT_MARK[..], &commitment.0].concat()
}

/// Bytes of a number in its shortest form.
const fn compact_bytes(number: usize) -> usize {
    match number {
        0..=0xfc => 1,
        0xfd..=0xffff => 3,
        _ => 5,
    }
}

#[cfg(test)]
mod tests;
