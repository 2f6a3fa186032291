//! Makes blocks of regtest, so that simulated nodes and tests have a chain to talk about.
//!
//! Equal templates give equal bytes. Up to a megabyte a block is one that any node takes; above,
//! its witnesses belong to a transaction that spends what nobody has, so that only those take it
//! who do not validate. Sources: Core rpc/mining.cpp, `generateblock`; node/miner.cpp; BIP 34, BIP
//! 141.

use std::fmt;

use super::block::{commitment_script, witness_commitment};
use super::transaction::{NOWHERE, Transaction};
use super::{Bits, BlockHash, Hash, Header, PowError, U256, merkle};
use crate::codec::{Reader, push_compact_size};

/// The largest block that [`mine`] makes, in bytes: hardly more has room in the weight that a block
/// may have, since a few hundred of them count four times.
pub const BLOCK_BYTES_MAX: usize = 3_998_000;

/// Up to this size a block has no witnesses. BIP 141: without them a byte weighs 4 of 4,000,000.
const PLAIN_BYTES_MAX: usize = 1_000_000;

/// Coins of a first block, and after how many blocks there are half as many. Core:
/// `GetBlockSubsidy` and regtest's `nSubsidyHalvingInterval`.
const SUBSIDY: u64 = 50 * 100_000_000;
const HALVING_BLOCKS: u32 = 150;

/// The least script that anybody may spend (OP_TRUE), and one that nobody may (OP_RETURN).
const ANYBODY: [u8; 1] = [0x51];
const NOBODY: u8 = 0x6a;

/// What a block is to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Template {
    /// The block below.
    pub previous: BlockHash,
    /// How many lie below it; its coinbase says so (BIP 34).
    pub height: u32,
    /// Its time, s since 1970.
    pub time: u32,
    /// Its target, which should be an easy one.
    pub bits: Bits,
    /// Tells it from another one in its place.
    pub mark: u64,
    /// How large it is to be, at most [`BLOCK_BYTES_MAX`]. `None`: as small as may be.
    pub bytes: Option<usize>,
}

/// Why there is no such block.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum MineError {
    /// It would be smaller or larger than a block can be.
    Size {
        /// How large it was to be, in bytes.
        bytes: usize,
    },
    /// Its target is none, or no nonce reaches it.
    Pow(PowError),
}

impl fmt::Display for MineError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Size { bytes } => write!(f, "no block has {bytes} bytes"),
            Self::Pow(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for MineError {}

/// Looks for the first nonce with which a header has work.
///
/// # Errors
///
/// Its target is none, or all 2^32 nonces are in vain.
pub fn solve(header: Header) -> Result<Header, PowError> {
    let mut last = header.check_pow(U256::MAX);
    for nonce in 0..=u32::MAX {
        let tried = Header { nonce, ..header };
        match tried.check_pow(U256::MAX) {
            Ok(()) => return Ok(tried),
            Err(error @ PowError::HighHash { .. }) => last = Err(error),
            Err(error) => return Err(error),
        }
    }
    last.map(|()| header)
}

/// Makes a block: what a `block` message has for a payload.
///
/// # Errors
///
/// The template asks for what no block is.
pub fn mine(template: &Template) -> Result<Vec<u8>, MineError> {
    mine_to(template, &ANYBODY)
}

/// The same, with a script that says who may spend its coins.
///
/// # Errors
///
/// As [`mine`].
pub fn mine_to(template: &Template, script: &[u8]) -> Result<Vec<u8>, MineError> {
    let parts = fill(template, script)?;
    let transactions = parts.transactions();
    let read: Vec<_> = transactions.iter().map(|bytes| whole(bytes)).collect();
    let merkle_root = merkle(read.iter().map(Transaction::txid).collect()).root;
    let header = Header {
        // BIP 9: no softfork is signalled.
        version: 0x2000_0000,
        previous: template.previous,
        merkle_root,
        time: template.time,
        bits: template.bits,
        nonce: 0,
    };
    let mut block = solve(header).map_err(MineError::Pow)?.encode().to_vec();
    push_compact_size(&mut block, transactions.len());
    block.extend(transactions.concat());
    Ok(block)
}

/// A transaction that we have just made.
fn whole(bytes: &[u8]) -> Transaction<'_> {
    Transaction::read(bytes, &mut Reader::new(bytes)).expect("what we write can be read")
}

/// What a block is made of, beside its header.
#[derive(Clone, Debug)]
struct Parts {
    /// In the coinbase's input: height, mark, and what was missing to the size.
    script: Vec<u8>,
    subsidy: u64,
    /// Who may spend it.
    owner: Vec<u8>,
    /// The script of an output of no value, if there is one.
    filler: Option<Vec<u8>>,
    /// The witness of a second transaction, if there is one.
    witness: Option<Vec<u8>>,
}

/// Parts that make a block of the size that is asked for.
fn fill(template: &Template, owner: &[u8]) -> Result<Parts, MineError> {
    let halvings = template.height / HALVING_BLOCKS;
    let mut parts = Parts {
        script: coinbase_script(template.height, template.mark),
        subsidy: SUBSIDY.checked_shr(halvings).unwrap_or(0),
        owner: owner.to_vec(),
        filler: None,
        witness: None,
    };
    let Some(bytes) = template.bytes else { return Ok(parts) };
    let error = MineError::Size { bytes };
    if bytes == parts.block_bytes() {
        return Ok(parts);
    }
    if bytes > BLOCK_BYTES_MAX {
        return Err(error);
    }
    let with = |parts: &mut Parts, length: usize| {
        if bytes <= PLAIN_BYTES_MAX {
            parts.filler = Some(vec![NOBODY; length]);
        } else {
            parts.witness = Some(vec![0; length]);
        }
        bytes.checked_sub(parts.block_bytes())
    };
    // The length's own length grows with it, so that some sizes fall between two: the coinbase's
    // script takes what is missing, 4 bytes at most.
    let mut length = with(&mut parts, 0).ok_or(error)?;
    while with(&mut parts, length).is_none() {
        length -= 1;
    }
    let missing = bytes - parts.block_bytes();
    parts.script.resize(parts.script.len() + missing, 0);
    assert_eq!(parts.block_bytes(), bytes, "a block has the size that it should have");
    Ok(parts)
}

impl Parts {
    fn block_bytes(&self) -> usize {
        Header::BYTES + 1 + self.transactions().iter().map(Vec::len).sum::<usize>()
    }

    fn transactions(&self) -> Vec<Vec<u8>> {
        let Some(witness) = &self.witness else { return vec![self.coinbase(None)] };
        let nonce = [0; 32];
        let spender = spender(witness);
        let placeholder = self.coinbase(Some(Hash::default()));
        let both = [whole(&placeholder), whole(&spender)];
        let commitment = witness_commitment(&both, &nonce);
        vec![self.coinbase(Some(commitment)), spender]
    }

    fn coinbase(&self, commitment: Option<Hash>) -> Vec<u8> {
        let mut outputs = vec![(self.subsidy, self.owner.clone())];
        outputs.extend(self.filler.iter().map(|script| (0, script.clone())));
        outputs.extend(commitment.map(|hash| (0, commitment_script(hash))));
        let nonce = commitment.map(|_| &[0; 32][..]);
        transaction(NOWHERE, &self.script, &outputs, nonce)
    }
}

/// A transaction with a large witness, which spends what nobody has.
fn spender(witness: &[u8]) -> Vec<u8> {
    let mut outpoint = [0x11; NOWHERE.len()];
    outpoint[32..].fill(0);
    transaction(outpoint, &[], &[(0, ANYBODY.to_vec())], Some(witness))
}

/// A transaction with one input, whose witness, if it has one, is one item.
fn transaction(
    outpoint: [u8; NOWHERE.len()],
    script: &[u8],
    outputs: &[(u64, Vec<u8>)],
    witness: Option<&[u8]>,
) -> Vec<u8> {
    let mut bytes = 2_i32.to_le_bytes().to_vec();
    if witness.is_some() {
        // Marker and flag of BIP 144.
        bytes.extend([0, 1]);
    }
    push_compact_size(&mut bytes, 1);
    bytes.extend(outpoint);
    push_sized(&mut bytes, script);
    bytes.extend(u32::MAX.to_le_bytes());
    push_compact_size(&mut bytes, outputs.len());
    for (amount, script) in outputs {
        bytes.extend(amount.to_le_bytes());
        push_sized(&mut bytes, script);
    }
    if let Some(item) = witness {
        push_compact_size(&mut bytes, 1);
        push_sized(&mut bytes, item);
    }
    bytes.extend(0_u32.to_le_bytes());
    bytes
}

fn push_sized(bytes: &mut Vec<u8>, what: &[u8]) {
    push_compact_size(bytes, what.len());
    bytes.extend_from_slice(what);
}

/// The height as BIP 34 has it, in the shortest form of a script's numbers, then the mark.
fn coinbase_script(height: u32, mark: u64) -> Vec<u8> {
    let mut script = match height {
        0 => vec![0],
        // OP_1 to OP_16.
        1..=16 => vec![0x50 + height.to_le_bytes()[0]],
        _ => {
            let bytes = u64::from(height).to_le_bytes();
            // One bit more for the sign.
            let length = (32 - height.leading_zeros() + 1).div_ceil(8);
            let digits = &bytes[..length as usize];
            [&[length.to_le_bytes()[0]], digits].concat()
        }
    };
    script.push(8);
    script.extend(mark.to_le_bytes());
    script
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chain::{Block, Params, Segwit};
    use crate::transport::Network;

    fn template(bytes: Option<usize>) -> Template {
        let params = Params::of(Network::Regtest);
        let time = params.genesis.time + 600;
        let (previous, bits) = (params.genesis.hash(), params.genesis.bits);
        Template { previous, height: 1, time, bits, mark: 7, bytes }
    }

    #[test]
    fn blocks_have_the_size_that_is_asked_for_and_are_whole() {
        let least = mine(&template(None)).unwrap().len();
        let sizes = [least, least + 9, least + 10, 251, 440, 441, 442, 443, 444, 65_900, 999_999];
        let large = [1_000_000, 1_000_001, 2_000_000, 3_997_999, BLOCK_BYTES_MAX];
        for bytes in sizes.into_iter().chain(large) {
            let block = mine(&template(Some(bytes))).unwrap();
            assert_eq!(block.len(), bytes);
            let block = Block::decode(&block).unwrap();
            assert_eq!(block.check(Segwit::Active), Ok(()), "{bytes}");
            assert_eq!(block.header.check_pow(U256::MAX.shifted_right(1)), Ok(()));
            let has_witness = block.transactions.iter().any(Transaction::has_witness);
            assert_eq!(has_witness, bytes > PLAIN_BYTES_MAX, "{bytes}");
        }
    }

    #[test]
    fn no_block_is_smaller_or_larger_than_blocks_are() {
        let least = mine(&template(None)).unwrap().len();
        for bytes in [0, least - 1, least + 8, BLOCK_BYTES_MAX + 1] {
            assert_eq!(mine(&template(Some(bytes))), Err(MineError::Size { bytes }));
        }
        let easy = Template { bits: Bits(0), ..template(None) };
        assert!(matches!(mine(&easy), Err(MineError::Pow(PowError::Target(_)))));
    }

    #[test]
    fn equal_templates_give_equal_blocks_and_marks_tell_others_apart() {
        let (one, same) = (mine(&template(None)).unwrap(), mine(&template(None)).unwrap());
        assert_eq!(one, same);
        let other = Template { mark: 8, ..template(None) };
        assert_ne!(one, mine(&other).unwrap());
    }

    /// BIP 34; Core: script.h, `operator<<` of a number.
    #[test]
    fn height_is_the_shortest_number_of_a_script() {
        for (height, start) in [
            (0, &[0][..]),
            (1, &[0x51]),
            (16, &[0x60]),
            (17, &[1, 17]),
            (127, &[1, 127]),
            (128, &[2, 128, 0]),
            (255, &[2, 255, 0]),
            (256, &[2, 0, 1]),
            (32_767, &[2, 255, 127]),
            (32_768, &[3, 0, 128, 0]),
            (227_836, &[3, 0xfc, 0x79, 3]),
            (u32::MAX, &[5, 255, 255, 255, 255, 0]),
        ] {
            let script = coinbase_script(height, 0);
            assert_eq!(script[..script.len() - 9], *start, "{height}");
        }
    }
}
