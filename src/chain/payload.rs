//! Payloads of the messages that carry headers: `getheaders` and `headers`.
//!
//! Sources: docs/behaviour.md, chain 3; Core net_processing.cpp, `ProcessMessage`; chain.h,
//! `CBlockLocator`.

use super::{BlockHash, HEADERS_PER_MESSAGE_MAX, Header};
use crate::codec::{COMPACT_SIZE_MAX, DecodeError, DecodeWhy, Reader, push_compact_size};

/// The longest locator that anybody takes. Core: `MAX_LOCATOR_SZ`.
pub const LOCATOR_HASHES_MAX: usize = 101;

/// A `getheaders`, and a `getblocks` likewise.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GetHeaders {
    /// The sender's protocol version, which nobody looks at.
    pub version: u32,
    /// Blocks that the sender has, the highest first; at most [`LOCATOR_HASHES_MAX`].
    pub locator: Vec<BlockHash>,
    /// Where to stop. Zeros: after as many as may be.
    pub stop: BlockHash,
}

impl GetHeaders {
    /// Reads one. What follows is ignored.
    ///
    /// # Errors
    ///
    /// A field is cut off, or the locator is too long, for which Core disconnects.
    pub fn decode(payload: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(payload);
        let version = reader.u32("version")?;
        let offset = reader.offset();
        let count = reader.compact_size("locator length", COMPACT_SIZE_MAX)?;
        let locator = (0..count).map(|_| reader.array("locator hash").map(BlockHash));
        let locator = locator.collect::<Result<_, _>>()?;
        let stop = BlockHash(reader.array("stop hash")?);
        // Counted once it is read, so that one that is cut off is no more than that.
        if count > LOCATOR_HASHES_MAX {
            let why = DecodeWhy::TooLong { length: count as u64, max: LOCATOR_HASHES_MAX as u64 };
            return Err(DecodeError { field: "locator length", offset, why });
        }
        Ok(Self { version, locator, stop })
    }

    /// The payload.
    ///
    /// # Panics
    ///
    /// The locator is longer than [`LOCATOR_HASHES_MAX`], which none of
    /// [`super::HeaderTree::locator`] is.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        assert!(self.locator.len() <= LOCATOR_HASHES_MAX, "nobody takes a longer one");
        let mut bytes = self.version.to_le_bytes().to_vec();
        push_compact_size(&mut bytes, self.locator.len());
        self.locator.iter().for_each(|hash| bytes.extend_from_slice(&hash.0));
        bytes.extend_from_slice(&self.stop.0);
        bytes
    }
}

/// The headers of a `headers`. Each is followed by a number of transactions, which says nothing.
/// What follows the last is ignored.
///
/// # Errors
///
/// A field is cut off, or there are more than [`HEADERS_PER_MESSAGE_MAX`], which is misbehaviour.
pub fn decode_headers(payload: &[u8]) -> Result<Vec<Header>, DecodeError> {
    let mut reader = Reader::new(payload);
    let count = reader.compact_size("header count", HEADERS_PER_MESSAGE_MAX as u64)?;
    let headers = (0..count).map(|_| {
        let header = reader.array("header").map(|bytes| Header::decode(&bytes))?;
        reader.compact_size("transaction count", COMPACT_SIZE_MAX)?;
        Ok(header)
    });
    headers.collect()
}

/// The payload of a `headers`.
///
/// # Panics
///
/// There are more than [`HEADERS_PER_MESSAGE_MAX`].
#[must_use]
pub fn encode_headers(headers: &[Header]) -> Vec<u8> {
    assert!(headers.len() <= HEADERS_PER_MESSAGE_MAX, "nobody takes more");
    let mut bytes = Vec::with_capacity(3 + (Header::BYTES + 1) * headers.len());
    push_compact_size(&mut bytes, headers.len());
    for header in headers {
        bytes.extend_from_slice(&header.encode());
        bytes.push(0);
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(mark: u32) -> Header {
        Header { nonce: mark, time: 7, ..Header::default() }
    }

    #[test]
    fn locators_come_back_and_have_a_bound() {
        for count in [0, 1, 100, 101] {
            let locator = vec![BlockHash([7; 32]); count];
            let sent = GetHeaders { version: 70016, locator, stop: BlockHash([9; 32]) };
            let bytes = sent.encode();
            assert_eq!(bytes.len(), 4 + 1 + 32 * count + 32);
            assert_eq!(GetHeaders::decode(&bytes), Ok(sent));
            for end in [0, 3, 4, bytes.len() - 1] {
                let error = GetHeaders::decode(&bytes[..end]).expect_err("it is cut off");
                assert_eq!(error.why, DecodeWhy::Truncated, "{count} to {end}");
            }
        }
        let mut long = vec![0; 4];
        long.extend([102; 1 + 103 * 32]);
        let why = DecodeWhy::TooLong { length: 102, max: 101 };
        let error = DecodeError { field: "locator length", offset: 4, why };
        assert_eq!(GetHeaders::decode(&long), Err(error));
        let error = GetHeaders::decode(&long[..long.len() - 1]).expect_err("it is cut off");
        assert_eq!(error.why, DecodeWhy::Truncated, "whatever it announces");
    }

    /// Core: `MAX_HEADERS_RESULTS`; the number of transactions is read and thrown away.
    #[test]
    fn headers_come_back_and_have_a_bound() {
        for count in [0, 1, 2000] {
            let headers: Vec<_> = (0..count).map(header).collect();
            let bytes = encode_headers(&headers);
            assert_eq!(decode_headers(&bytes), Ok(headers));
            let cut = decode_headers(&bytes[..bytes.len() - 1]);
            assert!(cut.is_err(), "{count}");
        }
        let why = DecodeWhy::TooLong { length: 2001, max: 2000 };
        let error = DecodeError { field: "header count", offset: 0, why };
        assert_eq!(decode_headers(&[0xfd, 0xd1, 0x07]), Err(error));
        let mut counted = vec![1];
        counted.extend(header(3).encode());
        counted.extend([0xfd, 0xff, 0xff, 5, 5]);
        assert_eq!(decode_headers(&counted), Ok(vec![header(3)]));
        counted.truncate(82);
        let error = decode_headers(&counted).expect_err("cut off");
        assert_eq!((error.field, error.offset), ("transaction count", 82));
    }
}
