//! `peers.dat` and `anchors.dat` as bytes, as Bitcoin Core reads and writes them.
//!
//! ```text
//!   magic (4) | data | double SHA-256 of all before it (32)
//! ```
//!
//! Opens no file. What is read is bounded by what is there: nothing is reserved for a number that a
//! file announces. Facts: Core addrdb.cpp, `SerializeDB`, `DeserializeDB`.

use sha2::{Digest as _, Sha256};

use crate::codec::Reader;
use crate::transport::Magic;

mod anchors;
mod error;
mod peers;
mod record;

pub use anchors::{ANCHORS_MAX, decode_anchors, encode_anchors};
pub use error::{FileError, FileWhy};
pub use peers::{Loaded, PEERS_FORMAT, decode_peers, encode_peers};

/// The beginning of a file.
fn begin(magic: Magic) -> Vec<u8> {
    magic.0.to_vec()
}

/// A file with its end, the checksum.
fn finish(mut bytes: Vec<u8>) -> Vec<u8> {
    let checksum = Sha256::digest(Sha256::digest(&bytes));
    bytes.extend_from_slice(&checksum);
    bytes
}

/// Reads the beginning of a file.
fn check_magic(reader: &mut Reader<'_>, expected: Magic) -> Result<(), FileError> {
    let offset = reader.offset();
    let found = Magic(reader.array("magic")?);
    let why = FileWhy::WrongMagic { found, expected };
    if found == expected { Ok(()) } else { Err(FileError { field: "magic", offset, why }) }
}

/// Reads the end of a file; bytes behind it are ignored, as Core does.
fn check_checksum(reader: &mut Reader<'_>, file: &[u8]) -> Result<(), FileError> {
    let offset = reader.offset();
    let found: [u8; 32] = reader.array("checksum")?;
    let sum = Sha256::digest(Sha256::digest(&file[..offset]));
    let why = FileWhy::WrongChecksum;
    if found[..] == sum[..] { Ok(()) } else { Err(FileError { field: "checksum", offset, why }) }
}

#[cfg(test)]
mod tests;
