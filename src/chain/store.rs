//! Blocks one behind the other, as bytes of a file that only grows.
//!
//! | offset | bytes | field                                                      |
//! |--------|-------|------------------------------------------------------------|
//! | 0      | 4     | magic of the network                                       |
//! | 4      | 4     | length of the block, little endian                         |
//! | 8      |       | the block                                                  |
//! |        | 4     | start of the double SHA-256 of everything before           |
//!
//! Whoever stops in the middle of writing leaves a record that is *torn*. A reader takes what comes
//! before it and says how far that goes; [`is_unwritten`] tells such an end from what a disk or
//! somebody else has changed. This knows bytes and no file. The format is ours; magic and length
//! are Core's (node/blockstorage.cpp, `STORAGE_HEADER_BYTES`).

use std::fmt;

use sha2::{Digest, Sha256};

use super::Header;
use crate::transport::{Magic, PAYLOAD_BYTES_MAX};

/// Bytes of a record beside its block.
pub const RECORD_OVERHEAD_BYTES: usize = HEAD_BYTES + CHECKSUM_BYTES;

/// A shorter block is none: header and number of transactions.
pub const STORED_BYTES_MIN: usize = Header::BYTES + 1;

/// A longer one could not have come over the wire.
pub const STORED_BYTES_MAX: usize = PAYLOAD_BYTES_MAX;

/// Bytes that a disk writes wholly or not at all, at least: no disk has smaller sectors.
pub const SECTOR_BYTES: u64 = 512;

/// Bytes of a record in front of its block.
pub const RECORD_HEAD_BYTES: u64 = HEAD_BYTES as u64;

const HEAD_BYTES: usize = 8;
const CHECKSUM_BYTES: usize = 4;

/// A block of a length that no record has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WrongLength {
    /// Its length in bytes, not within [`STORED_BYTES_MIN`] and [`STORED_BYTES_MAX`].
    pub bytes: usize,
}

impl fmt::Display for WrongLength {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { bytes } = self;
        write!(f, "{bytes} bytes, not within {STORED_BYTES_MIN} and {STORED_BYTES_MAX}")
    }
}

impl std::error::Error for WrongLength {}

/// Appends the record of a block.
///
/// # Errors
///
/// No record has that length; nothing is appended.
pub fn push_record(bytes: &mut Vec<u8>, magic: Magic, block: &[u8]) -> Result<(), WrongLength> {
    let error = WrongLength { bytes: block.len() };
    if !(STORED_BYTES_MIN..=STORED_BYTES_MAX).contains(&block.len()) {
        return Err(error);
    }
    let start = bytes.len();
    bytes.reserve(block.len() + RECORD_OVERHEAD_BYTES);
    bytes.extend_from_slice(&magic.0);
    bytes.extend_from_slice(&u32::try_from(block.len()).map_err(|_| error)?.to_le_bytes());
    bytes.extend_from_slice(block);
    let checksum = checksum(&bytes[start..]);
    bytes.extend_from_slice(&checksum);
    Ok(())
}

fn checksum(record: &[u8]) -> [u8; CHECKSUM_BYTES] {
    let hash = Sha256::digest(Sha256::digest(record));
    [hash[0], hash[1], hash[2], hash[3]]
}

/// A block that was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored {
    /// Where it begins, in bytes from the start: that of its record and 8.
    pub offset: u64,
    /// The block.
    pub block: Vec<u8>,
}

/// Where the good records end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Torn {
    /// Where the record begins that is none; as many bytes are good.
    pub offset: u64,
    /// What is wrong with it.
    pub why: TornWhy,
}

/// What is wrong with a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TornWhy {
    /// The bytes end within it.
    CutOff {
        /// How much of it is there, at least 1.
        bytes: usize,
    },
    /// It is of another network, or nothing.
    Magic {
        /// What is there instead.
        found: Magic,
    },
    /// No block is as long.
    Length {
        /// How long it would be.
        bytes: u32,
    },
    /// It was changed.
    Checksum {
        /// What it says.
        claimed: [u8; CHECKSUM_BYTES],
        /// What it has.
        computed: [u8; CHECKSUM_BYTES],
    },
}

impl fmt::Display for Torn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "record at offset {} ", self.offset)?;
        match self.why {
            TornWhy::CutOff { bytes } => write!(f, "ends after {bytes} bytes"),
            TornWhy::Magic { found } => write!(f, "has magic {found}"),
            TornWhy::Length { bytes } => write!(f, "has a block of {bytes} bytes"),
            TornWhy::Checksum { claimed, computed } => {
                let [claimed, computed] = [claimed, computed].map(u32::from_be_bytes);
                write!(f, "has checksum {claimed:08x} in place of {computed:08x}")
            }
        }
    }
}

impl std::error::Error for Torn {}

/// Whether a record is torn because the writing of it did not come to its end, and was not changed
/// afterwards. `tail` is everything from that record on.
///
/// Of what was not synced a crash leaves a beginning, and in it zeros in place of whole sectors. So
/// either a sector of the record is missing, or it is the last there is.
#[must_use]
pub fn is_unwritten(torn: &Torn, magic: Magic, tail: &[u8]) -> bool {
    let span = match torn.why {
        TornWhy::Magic { .. } | TornWhy::Length { .. } => HEAD_BYTES,
        TornWhy::CutOff { .. } => tail.len(),
        TornWhy::Checksum { .. } => claimed_bytes(tail),
    };
    if has_lost_sector(torn.offset, tail, span) {
        return true;
    }
    // A record cannot lie behind the end of the file; one that does not know its length may.
    matches!(torn.why, TornWhy::CutOff { .. }) && !has_record(magic, &tail[1..])
}

/// How long a record is, as its head says.
fn claimed_bytes(record: &[u8]) -> usize {
    let length = record.get(4..HEAD_BYTES).and_then(|bytes| <[u8; 4]>::try_from(bytes).ok());
    let length = length.map_or(0, |bytes| u32::from_le_bytes(bytes) as usize);
    length.saturating_add(RECORD_OVERHEAD_BYTES)
}

/// Whether all of a sector is zeros, as far as it belongs to `tail`, which begins at an offset, and
/// to the `span` of it that counts.
fn has_lost_sector(offset: u64, tail: &[u8], span: usize) -> bool {
    let mut begin = 0;
    while begin < span.min(tail.len()) {
        let left = SECTOR_BYTES - (offset + begin as u64) % SECTOR_BYTES;
        let end = tail.len().min(begin + usize::try_from(left).expect("a sector is small"));
        if tail[begin..end].iter().all(|byte| *byte == 0) {
            return true;
        }
        begin = end;
    }
    false
}

/// Whether a whole record lies anywhere in some bytes.
fn has_record(magic: Magic, bytes: &[u8]) -> bool {
    let starts = bytes.windows(magic.0.len()).enumerate().filter(|(_, four)| **four == magic.0);
    starts.into_iter().any(|(at, _)| {
        let mut rest = &bytes[at..];
        matches!(StoreReader::new(magic).read(&mut rest), Ok(Some(_)))
    })
}

/// Reads records from bytes in any pieces, up to the first that is torn.
#[derive(Clone, Debug)]
pub struct StoreReader {
    magic: Magic,
    /// Of whole records.
    good_bytes: u64,
    /// What has come of the next one, at most a whole record.
    record: Vec<u8>,
    torn: Option<Torn>,
}

impl StoreReader {
    /// A reader at the start.
    #[must_use]
    pub const fn new(magic: Magic) -> Self {
        Self { magic, good_bytes: 0, record: Vec::new(), torn: None }
    }

    /// How many bytes lie before the first record that is torn or has not ended.
    #[must_use]
    pub const fn good_bytes(&self) -> u64 {
        self.good_bytes
    }

    /// Consumes from the front of `bytes`, at most to the end of one record. `None`: all of them
    /// were consumed, and no record has ended.
    ///
    /// # Errors
    ///
    /// A record is torn. Every later call says so again.
    pub fn read(&mut self, bytes: &mut &[u8]) -> Result<Option<Stored>, Torn> {
        if let Some(torn) = self.torn {
            return Err(torn);
        }
        self.fill(bytes, HEAD_BYTES);
        let Some(length) = self.length()? else { return Ok(None) };
        let whole = length + RECORD_OVERHEAD_BYTES;
        self.fill(bytes, whole);
        if self.record.len() < whole {
            return Ok(None);
        }
        self.complete(length).map(Some)
    }

    /// The bytes are at their end.
    ///
    /// # Errors
    ///
    /// They end within a record, or one was torn.
    pub fn finish(&self) -> Result<(), Torn> {
        match (self.torn, self.record.len()) {
            (Some(torn), _) => Err(torn),
            (None, 0) => Ok(()),
            (None, bytes) => {
                let why = TornWhy::CutOff { bytes };
                Err(Torn { offset: self.good_bytes, why })
            }
        }
    }

    /// Takes what is missing to so many bytes of a record, as far as there is.
    fn fill(&mut self, bytes: &mut &[u8], length: usize) {
        let count = bytes.len().min(length.saturating_sub(self.record.len()));
        let (taken, rest) = bytes.split_at(count);
        self.record.extend_from_slice(taken);
        *bytes = rest;
    }

    /// How long the block is. `None` before that has come.
    fn length(&mut self) -> Result<Option<usize>, Torn> {
        let Some(head) = self.record.first_chunk::<HEAD_BYTES>() else { return Ok(None) };
        let [a, b, c, d, length @ ..] = *head;
        let found = Magic([a, b, c, d]);
        if found != self.magic {
            return Err(self.tear(TornWhy::Magic { found }));
        }
        let bytes = u32::from_le_bytes(length);
        let length = bytes as usize;
        if !(STORED_BYTES_MIN..=STORED_BYTES_MAX).contains(&length) {
            return Err(self.tear(TornWhy::Length { bytes }));
        }
        Ok(Some(length))
    }

    /// Judges a record that has come whole.
    fn complete(&mut self, length: usize) -> Result<Stored, Torn> {
        let (before, end) = self.record.split_at(HEAD_BYTES + length);
        let computed = checksum(before);
        if end != computed {
            let claimed = <[u8; CHECKSUM_BYTES]>::try_from(end).expect("it is whole");
            return Err(self.tear(TornWhy::Checksum { claimed, computed }));
        }
        let mut block = std::mem::take(&mut self.record);
        let record_bytes = block.len() as u64;
        block.truncate(HEAD_BYTES + length);
        block.drain(..HEAD_BYTES);
        let offset = self.good_bytes + HEAD_BYTES as u64;
        self.good_bytes += record_bytes;
        Ok(Stored { offset, block })
    }

    /// From here on nobody knows where a record begins.
    fn tear(&mut self, why: TornWhy) -> Torn {
        let torn = Torn { offset: self.good_bytes, why };
        self.torn = Some(torn);
        torn
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transport::Network;

    const MAGIC: Magic = Network::Regtest.magic();

    /// Three blocks of 81, 200 and 85 bytes, and the bytes of their records.
    fn three() -> (Vec<Vec<u8>>, Vec<u8>) {
        let blocks: Vec<_> = [(81, 1), (200, 2), (85, 3)].map(|(n, byte)| vec![byte; n]).into();
        let mut bytes = Vec::new();
        blocks.iter().for_each(|block| push_record(&mut bytes, MAGIC, block).unwrap());
        assert_eq!(bytes.len(), 81 + 200 + 85 + 3 * RECORD_OVERHEAD_BYTES);
        (blocks, bytes)
    }

    /// Reads in pieces of that size: the blocks, and how it ended.
    fn read(bytes: &[u8], piece: usize) -> (Vec<Stored>, u64, Result<(), Torn>) {
        let (mut reader, mut stored) = (StoreReader::new(MAGIC), Vec::new());
        for mut piece in bytes.chunks(piece) {
            while let Ok(Some(block)) = reader.read(&mut piece) {
                stored.push(block);
            }
        }
        (stored, reader.good_bytes(), reader.finish())
    }

    #[test]
    fn blocks_come_back_in_whatever_pieces_they_are_read() {
        let (blocks, bytes) = three();
        for piece in 1..=bytes.len() {
            let (stored, good, end) = read(&bytes, piece);
            let read: Vec<_> = stored.iter().map(|stored| stored.block.clone()).collect();
            assert_eq!((read, good, end), (blocks.clone(), bytes.len() as u64, Ok(())));
            for stored in stored {
                let at = usize::try_from(stored.offset).unwrap();
                assert_eq!(bytes[at..at + stored.block.len()], stored.block);
            }
        }
    }

    #[test]
    fn torn_end_costs_the_last_record_alone() {
        let (_, bytes) = three();
        let ends = [0, 93, 305, 402];
        for end in 0..bytes.len() {
            let (stored, good, result) = read(&bytes[..end], 64);
            let whole = ends.iter().filter(|at| **at <= end).count() - 1;
            assert_eq!((stored.len(), good), (whole, ends[whole] as u64), "{end}");
            let left = end - ends[whole];
            let why = TornWhy::CutOff { bytes: left };
            let torn = Torn { offset: good, why };
            assert_eq!(result, if left == 0 { Ok(()) } else { Err(torn) }, "{end}");
        }
    }

    #[test]
    fn changed_byte_ends_what_is_good() {
        let (_, bytes) = three();
        for at in 93..305 {
            let mut changed = bytes.clone();
            changed[at] ^= 0x10;
            let (stored, good, result) = read(&changed, 50);
            assert_eq!((stored.len(), good), (1, 93), "{at}");
            let why = result.expect_err("it is torn").why;
            let is_right = match at - 93 {
                0..4 => matches!(why, TornWhy::Magic { .. }),
                // A length of 216 or 4,296 reaches into the next record, or past its end.
                4..6 => matches!(why, TornWhy::Checksum { .. } | TornWhy::CutOff { .. }),
                6 => matches!(why, TornWhy::CutOff { .. }),
                7 => matches!(why, TornWhy::Length { .. }),
                _ => matches!(why, TornWhy::Checksum { .. }),
            };
            assert!(is_right, "{at}: {why:?}");
        }
    }

    /// The end of the good records, and whether what is behind was never written.
    fn is_unfinished(bytes: &[u8]) -> bool {
        let torn = read(bytes, 4096).2.expect_err("it is torn");
        is_unwritten(&torn, MAGIC, &bytes[usize::try_from(torn.offset).unwrap()..])
    }

    #[test]
    fn what_was_not_written_is_told_from_what_was_changed() {
        let (_, bytes) = three();
        for end in (1..bytes.len()).filter(|end| ![93, 305].contains(end)) {
            assert!(is_unfinished(&bytes[..end]), "cut off at {end}");
        }
        // Of the last record a longer one may have been the beginning.
        for at in (0..bytes.len()).filter(|at| !(305 + 5..305 + 8).contains(at)) {
            let mut changed = bytes.clone();
            changed[at] ^= 0x10;
            assert!(!is_unfinished(&changed), "changed at {at}");
        }
        // The second record claims to be longer than the file, and the third is whole.
        let mut longer = bytes;
        longer[93 + 6] ^= 0x10;
        assert!(!is_unfinished(&longer));
    }

    #[test]
    fn lost_sector_is_not_written_wherever_it_lies() {
        let mut bytes = Vec::new();
        for (length, byte) in [(700, 1), (1_500, 2), (300, 3)] {
            push_record(&mut bytes, MAGIC, &vec![byte; length]).unwrap();
        }
        // The first record was synced, and ends in the second sector.
        for sector in 1..bytes.len().div_ceil(512) {
            let mut lost = bytes.clone();
            let end = lost.len().min((sector + 1) * 512);
            lost[(sector * 512).max(712)..end].fill(0);
            assert!(is_unfinished(&lost), "{sector}");
        }
        let mut none = bytes;
        none[712..].fill(0);
        assert!(is_unfinished(&none));
    }

    #[test]
    fn torn_reader_stays_torn_and_takes_nothing_more() {
        let (_, bytes) = three();
        let mut reader = StoreReader::new(Network::Main.magic());
        let first = reader.read(&mut &bytes[..]).expect_err("another network");
        assert_eq!(first.why, TornWhy::Magic { found: MAGIC });
        let mut rest = &bytes[..];
        assert_eq!(reader.read(&mut rest), Err(first));
        assert_eq!((rest.len(), reader.finish()), (bytes.len(), Err(first)));
    }

    #[test]
    fn lengths_have_bounds() {
        let mut bytes = Vec::new();
        for length in [0, STORED_BYTES_MIN - 1, STORED_BYTES_MAX + 1] {
            let error = WrongLength { bytes: length };
            assert_eq!(push_record(&mut bytes, MAGIC, &vec![0; length]), Err(error));
            assert!(bytes.is_empty());
            let length = u32::try_from(length).unwrap();
            let head = [MAGIC.0, length.to_le_bytes()].concat();
            let why = TornWhy::Length { bytes: length };
            assert_eq!(read(&head, 8).2, Err(Torn { offset: 0, why }));
        }
        for length in [STORED_BYTES_MIN, STORED_BYTES_MAX] {
            bytes.clear();
            push_record(&mut bytes, MAGIC, &vec![7; length]).unwrap();
            let (stored, _, end) = read(&bytes, 100_000);
            assert_eq!((stored.len(), end), (1, Ok(())), "{length}");
        }
    }
}
