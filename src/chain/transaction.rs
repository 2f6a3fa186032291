//! Transactions without their meaning: where each begins and ends, and what it hashes to.
//!
//! ```text
//!   version | 00 01 | inputs | outputs | witnesses | lock time
//!             '-- both, or neither (BIP 144) --'
//! ```
//!
//! Sources: Core primitives/transaction.h, `UnserializeTransaction`; BIP 144.

use std::fmt;

use super::Hash;
use super::hash::double_sha256;
use crate::codec::{COMPACT_SIZE_MAX, DecodeError, Reader};

/// Bytes of an outpoint: the hash of a transaction and the index of an output.
const OUTPOINT_BYTES: usize = 36;

/// What an outpoint is that points nowhere, by which a coinbase is known. Core:
/// `COutPoint::IsNull`.
pub(super) const NOWHERE: [u8; OUTPOINT_BYTES] = {
    let mut bytes = [0; OUTPOINT_BYTES];
    let mut at = 32;
    while at < OUTPOINT_BYTES {
        bytes[at] = 0xff;
        at += 1;
    }
    bytes
};

/// A transaction among other bytes. All its offsets count from the start of those.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Transaction<'a> {
    bytes: &'a [u8],
    /// Inputs and outputs, within `bytes`.
    body: (usize, usize),
    coinbase: bool,
    has_witness: bool,
}

/// Why bytes are no transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TransactionError {
    /// A field cannot be read.
    Field(DecodeError),
    /// The byte after the marker announces what nobody knows. Core: "Unknown transaction optional
    /// data".
    UnknownFlag {
        /// Where it is.
        offset: usize,
        /// What it is.
        flag: u8,
    },
    /// It announces witnesses, and every one of them is empty. Core: "Superfluous witness record".
    EmptyWitness {
        /// Where they begin.
        offset: usize,
    },
}

impl fmt::Display for TransactionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Field(error) => error.fmt(f),
            Self::UnknownFlag { offset, flag } => {
                write!(f, "flag {flag:#04x} at offset {offset} is not known")
            }
            Self::EmptyWitness { offset } => {
                write!(f, "witnesses at offset {offset} are all empty")
            }
        }
    }
}

impl std::error::Error for TransactionError {}

impl From<DecodeError> for TransactionError {
    fn from(error: DecodeError) -> Self {
        Self::Field(error)
    }
}

impl<'a> Transaction<'a> {
    /// The next transaction of `bytes`, of which `reader` has read some.
    pub(super) fn read(bytes: &'a [u8], reader: &mut Reader<'a>) -> Result<Self, TransactionError> {
        let start = reader.offset();
        reader.bytes("version", 4)?;
        let mut body_start = reader.offset();
        let mut inputs = read_inputs(reader)?;
        let mut flag = 0;
        if inputs.count == 0 {
            // No inputs are the marker of BIP 144. With a flag of zero they are just none, and it
            // is the number of the outputs.
            let flag_offset = reader.offset();
            flag = reader.u8("flag")?;
            if flag > 1 {
                return Err(TransactionError::UnknownFlag { offset: flag_offset, flag });
            }
            if flag == 1 {
                body_start = reader.offset();
                inputs = read_inputs(reader)?;
            }
        }
        if inputs.count > 0 || flag == 1 {
            read_outputs(reader, |_| ())?;
        }
        let body_end = reader.offset();
        if flag == 1 && !read_witnesses(reader, inputs.count)? {
            return Err(TransactionError::EmptyWitness { offset: body_end });
        }
        reader.bytes("lock time", 4)?;
        Ok(Self {
            bytes: &bytes[start..reader.offset()],
            body: (body_start - start, body_end - start),
            coinbase: inputs.count == 1 && inputs.first_is_null,
            has_witness: flag == 1,
        })
    }

    /// As it travels, with its witnesses.
    #[must_use]
    pub const fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// How long it is without its witnesses, in bytes.
    #[must_use]
    pub const fn stripped_bytes(&self) -> usize {
        4 + (self.body.1 - self.body.0) + 4
    }

    /// Whether it makes coins: its only input spends nothing. Core: `CTransaction::IsCoinBase`.
    #[must_use]
    pub const fn is_coinbase(&self) -> bool {
        self.coinbase
    }

    /// Whether any of its inputs has a witness.
    #[must_use]
    pub const fn has_witness(&self) -> bool {
        self.has_witness
    }

    /// Its name: what it hashes to without its witnesses.
    #[must_use]
    pub fn txid(&self) -> Hash {
        Hash(double_sha256(self.parts_without_witness()))
    }

    /// What it hashes to with its witnesses. BIP 141.
    #[must_use]
    pub fn wtxid(&self) -> Hash {
        Hash::of(self.bytes)
    }

    /// Its bytes but for marker, flag and witnesses.
    pub(super) fn parts_without_witness(&self) -> [&'a [u8]; 3] {
        [&self.bytes[..4], self.body(), &self.bytes[self.bytes.len() - 4..]]
    }

    /// Inputs and outputs.
    fn body(&self) -> &'a [u8] {
        &self.bytes[self.body.0..self.body.1]
    }

    /// The scripts of its outputs, shown one after the other.
    pub(super) fn each_output_script(&self, show: impl FnMut(&'a [u8])) {
        let mut reader = Reader::new(self.body());
        let read = read_inputs(&mut reader).and_then(|_| read_outputs(&mut reader, show));
        read.expect("it was read before");
    }

    /// What lies on the stack of its first input's witness, if that is one thing.
    pub(super) fn only_witness_item(&self) -> Option<&'a [u8]> {
        if !self.has_witness {
            return None;
        }
        let mut reader = Reader::new(&self.bytes[self.body.1..]);
        let mut last = None;
        let count = read_stack(&mut reader, |item| last = Some(item));
        last.filter(|_| count == Ok(1))
    }
}

/// What matters of inputs.
struct Inputs {
    count: usize,
    first_is_null: bool,
}

fn read_inputs(reader: &mut Reader<'_>) -> Result<Inputs, DecodeError> {
    let count = reader.compact_size("input count", COMPACT_SIZE_MAX)?;
    let mut inputs = Inputs { count, first_is_null: false };
    // Each takes bytes, so that a count without them ends the loop.
    for index in 0..count {
        let outpoint = reader.bytes("outpoint", OUTPOINT_BYTES)?;
        inputs.first_is_null |= index == 0 && outpoint == NOWHERE;
        read_sized(reader, "input script")?;
        reader.bytes("sequence", 4)?;
    }
    Ok(inputs)
}

/// Scripts are shown rather than kept, since a list of empty ones is larger than what it came from.
fn read_outputs<'a>(
    reader: &mut Reader<'a>,
    mut show: impl FnMut(&'a [u8]),
) -> Result<(), DecodeError> {
    for _ in 0..reader.compact_size("output count", COMPACT_SIZE_MAX)? {
        reader.bytes("amount", 8)?;
        show(read_sized(reader, "output script")?);
    }
    Ok(())
}

/// The witnesses of so many inputs, and whether any of them has something in it.
fn read_witnesses(reader: &mut Reader<'_>, inputs: usize) -> Result<bool, DecodeError> {
    let mut any = false;
    for _ in 0..inputs {
        any |= read_stack(reader, |_| ())? > 0;
    }
    Ok(any)
}

/// Shows the items of one witness, and gives their number.
fn read_stack<'a>(
    reader: &mut Reader<'a>,
    mut show: impl FnMut(&'a [u8]),
) -> Result<usize, DecodeError> {
    let count = reader.compact_size("witness count", COMPACT_SIZE_MAX)?;
    for _ in 0..count {
        show(read_sized(reader, "witness item")?);
    }
    Ok(count)
}

fn read_sized<'a>(reader: &mut Reader<'a>, field: &'static str) -> Result<&'a [u8], DecodeError> {
    let length = reader.compact_size(field, COMPACT_SIZE_MAX)?;
    reader.bytes(field, length)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::DecodeWhy;

    /// Version, marker and flag where asked for, one input and one output with short scripts.
    fn transaction(witness: Option<&[u8]>, outpoint: [u8; OUTPOINT_BYTES]) -> Vec<u8> {
        let mut bytes = vec![2, 0, 0, 0];
        if witness.is_some() {
            bytes.extend([0, 1]);
        }
        bytes.push(1);
        bytes.extend(outpoint);
        bytes.extend([2, 0x51, 0x52, 0xff, 0xff, 0xff, 0xff]);
        bytes.extend([1, 7, 0, 0, 0, 0, 0, 0, 0, 1, 0x51]);
        bytes.extend(witness.into_iter().flatten());
        bytes.extend([9, 0, 0, 0]);
        bytes
    }

    fn read(bytes: &[u8]) -> Result<Transaction<'_>, TransactionError> {
        Transaction::read(bytes, &mut Reader::new(bytes))
    }

    fn scripts<'a>(transaction: &Transaction<'a>) -> Vec<&'a [u8]> {
        let mut scripts = Vec::new();
        transaction.each_output_script(|script| scripts.push(script));
        scripts
    }

    #[test]
    fn witnesses_are_no_part_of_the_name() {
        let plain = transaction(None, [3; OUTPOINT_BYTES]);
        let segwit = transaction(Some(&[2, 0, 3, 1, 2, 3]), [3; OUTPOINT_BYTES]);
        let (plain, segwit) = (read(&plain).unwrap(), read(&segwit).unwrap());
        assert_eq!(plain.txid(), segwit.txid());
        assert_eq!(plain.txid(), plain.wtxid());
        assert_ne!(segwit.txid(), segwit.wtxid());
        assert_eq!(segwit.stripped_bytes(), plain.bytes().len());
        assert_eq!((plain.has_witness(), segwit.has_witness()), (false, true));
        assert_eq!(scripts(&segwit), [[0x51]]);
        assert_eq!((plain.only_witness_item(), segwit.only_witness_item()), (None, None));
        let single = transaction(Some(&[1, 3, 1, 2, 3]), [3; OUTPOINT_BYTES]);
        assert_eq!(read(&single).unwrap().only_witness_item(), Some(&[1, 2, 3][..]));
    }

    #[test]
    fn coinbase_spends_nothing() {
        let mut outpoint = NOWHERE;
        assert!(read(&transaction(None, outpoint)).unwrap().is_coinbase());
        outpoint[35] = 0;
        assert!(!read(&transaction(None, outpoint)).unwrap().is_coinbase());
        let mut two = transaction(None, NOWHERE);
        two[4] = 2;
        let input = two[5..5 + OUTPOINT_BYTES + 7].to_vec();
        two.splice(5..5, input);
        assert!(!read(&two).unwrap().is_coinbase(), "it has another input");
        outpoint = NOWHERE;
        outpoint[0] = 1;
        assert!(!read(&transaction(None, outpoint)).unwrap().is_coinbase());
    }

    #[test]
    fn every_cut_is_told_with_its_place() {
        let bytes = transaction(Some(&[1, 1, 7]), NOWHERE);
        for end in 0..bytes.len() {
            let error = read(&bytes[..end]).expect_err("it is cut off");
            let TransactionError::Field(error) = error else { panic!("{error}") };
            assert_eq!(error.why, DecodeWhy::Truncated, "{end}");
            assert!(error.offset <= end, "{end}: {error}");
        }
        assert_eq!(read(&bytes).unwrap().bytes(), bytes);
    }

    #[test]
    fn flags_and_witnesses_say_something() {
        let mut bytes = transaction(Some(&[1, 1, 7]), NOWHERE);
        bytes[5] = 3;
        let error = TransactionError::UnknownFlag { offset: 5, flag: 3 };
        assert_eq!(read(&bytes), Err(error));
        let empty = transaction(Some(&[0]), NOWHERE);
        let error = read(&empty).expect_err("its witness is empty");
        assert_eq!(error, TransactionError::EmptyWitness { offset: empty.len() - 5 });
        // Neither inputs nor outputs: well formed, though no block may have it.
        let nothing = [1, 0, 0, 0, 0, 0, 4, 0, 0, 0];
        let nothing = read(&nothing).unwrap();
        assert_eq!(nothing.stripped_bytes(), 10);
        assert!(scripts(&nothing).is_empty());
    }

    #[test]
    fn counts_without_bytes_cost_nothing() {
        let huge = [1, 0, 0, 0, 0xfe, 0, 0, 0, 2];
        let error = read(&huge).expect_err("nothing follows");
        assert_eq!(error.to_string(), "outpoint at offset 9 is cut off");
        let longer = [1, 0, 0, 0, 0xfe, 1, 0, 0, 2];
        let error = read(&longer).expect_err("over the bound");
        assert_eq!(error.to_string(), "input count at offset 4 is 33554433 long, over 33554432");
    }
}
