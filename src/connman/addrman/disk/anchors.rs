//! `anchors.dat`: whom to connect to first after a restart. Facts: Core addrdb.cpp, `DumpAnchors`,
//! `ReadAnchors`.

use super::super::AddrRecord;
use super::record::{Form, push_record, record};
use super::{FileError, begin, check_checksum, check_magic, finish};
use crate::codec::{COMPACT_SIZE_MAX, Reader, push_compact_size};
use crate::transport::Magic;

/// Anchors that are used. Core: net.h, `MAX_BLOCK_RELAY_ONLY_ANCHORS`.
pub const ANCHORS_MAX: usize = 2;

/// The file; of more than [`ANCHORS_MAX`] anchors the first.
#[must_use]
pub fn encode_anchors(anchors: &[AddrRecord], magic: Magic) -> Vec<u8> {
    let anchors = &anchors[..anchors.len().min(ANCHORS_MAX)];
    let mut bytes = begin(magic);
    push_compact_size(&mut bytes, anchors.len());
    for anchor in anchors {
        push_record(&mut bytes, anchor);
    }
    finish(bytes)
}

/// The anchors of a file; of more than [`ANCHORS_MAX`] the first.
///
/// # Errors
///
/// The first field that is wrong. Core goes on without anchors then.
pub fn decode_anchors(bytes: &[u8], magic: Magic) -> Result<Vec<AddrRecord>, FileError> {
    let mut reader = Reader::new(bytes);
    check_magic(&mut reader, magic)?;
    let count = reader.compact_size("number of anchors", COMPACT_SIZE_MAX)?;
    let mut anchors = Vec::new();
    for _ in 0..count {
        let anchor = record(&mut reader, Form::V2)?;
        if anchors.len() < ANCHORS_MAX {
            anchors.push(anchor);
        }
    }
    check_checksum(&mut reader, bytes)?;
    Ok(anchors)
}
