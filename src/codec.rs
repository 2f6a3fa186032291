//! Fields of a payload, read from the front; every error says which field and at what offset.

use std::fmt;

/// The largest number that a CompactSize may carry. Core: serialize.h, `MAX_SIZE`.
pub const COMPACT_SIZE_MAX: u64 = 0x0200_0000;

/// Why a payload is not what its message type says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DecodeError {
    /// The field that could not be read.
    pub field: &'static str,
    /// Where it begins, in bytes from the start of the payload.
    pub offset: usize,
    /// What is wrong with it.
    pub why: DecodeWhy,
}

/// What is wrong with a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DecodeWhy {
    /// The payload ends before it does.
    Truncated,
    /// A CompactSize is longer than its number needs.
    NotCanonical,
    /// It announces more than it may.
    TooLong {
        /// What it announces.
        length: u64,
        /// The most that it may.
        max: u64,
    },
    /// An address has not the length of its network.
    Address(WrongLength),
}

/// An address of a known network that has not its length. BIP 155.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WrongLength {
    /// The network's number in BIP 155.
    pub network: u8,
    /// How long the address is, in bytes.
    pub length: usize,
    /// How long it should be.
    pub expected: usize,
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at offset {} {}", self.field, self.offset, self.why)
    }
}

impl fmt::Display for DecodeWhy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Truncated => f.write_str("is cut off"),
            Self::NotCanonical => f.write_str("is not the shortest form of its number"),
            Self::TooLong { length, max } => write!(f, "is {length} long, over {max}"),
            Self::Address(WrongLength { network, length, expected }) => {
                write!(f, "of network {network} has {length} bytes, not {expected}")
            }
        }
    }
}

impl std::error::Error for DecodeError {}

/// A payload, and how much of it was read.
#[derive(Clone, Debug)]
pub(crate) struct Reader<'a> {
    bytes: &'a [u8],
    offset: usize,
}

impl<'a> Reader<'a> {
    pub(crate) const fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, offset: 0 }
    }

    /// How much was read, in bytes.
    pub(crate) const fn offset(&self) -> usize {
        self.offset
    }

    /// Whether everything was read.
    pub(crate) const fn is_empty(&self) -> bool {
        self.offset == self.bytes.len()
    }

    /// The next `count` bytes.
    pub(crate) fn bytes(
        &mut self,
        field: &'static str,
        count: usize,
    ) -> Result<&'a [u8], DecodeError> {
        let rest = &self.bytes[self.offset..];
        let taken = rest.get(..count).ok_or_else(|| self.error(field, DecodeWhy::Truncated))?;
        self.offset += count;
        Ok(taken)
    }

    /// The next `N` bytes, as an array.
    pub(crate) fn array<const N: usize>(
        &mut self,
        field: &'static str,
    ) -> Result<[u8; N], DecodeError> {
        let mut array = [0; N];
        array.copy_from_slice(self.bytes(field, N)?);
        Ok(array)
    }

    /// One byte.
    pub(crate) fn u8(&mut self, field: &'static str) -> Result<u8, DecodeError> {
        self.array(field).map(u8::from_le_bytes)
    }

    /// Two bytes, big endian, as ports are.
    pub(crate) fn u16_be(&mut self, field: &'static str) -> Result<u16, DecodeError> {
        self.array(field).map(u16::from_be_bytes)
    }

    /// Four bytes, little endian.
    pub(crate) fn u32(&mut self, field: &'static str) -> Result<u32, DecodeError> {
        self.array(field).map(u32::from_le_bytes)
    }

    /// Four bytes, little endian, signed.
    pub(crate) fn i32(&mut self, field: &'static str) -> Result<i32, DecodeError> {
        self.array(field).map(i32::from_le_bytes)
    }

    /// Eight bytes, little endian, signed.
    pub(crate) fn i64(&mut self, field: &'static str) -> Result<i64, DecodeError> {
        self.array(field).map(i64::from_le_bytes)
    }

    /// Eight bytes, little endian.
    pub(crate) fn u64(&mut self, field: &'static str) -> Result<u64, DecodeError> {
        self.array(field).map(u64::from_le_bytes)
    }

    /// A number of 1, 3, 5 or 9 bytes, canonical, of any size: service bits travel so (BIP 155).
    pub(crate) fn compact_u64(&mut self, field: &'static str) -> Result<u64, DecodeError> {
        let start = self.clone();
        let (number, least) = match self.u8(field)? {
            0xfd => (u64::from(u16::from_le_bytes(self.array(field)?)), 0xfd),
            0xfe => (u64::from(u32::from_le_bytes(self.array(field)?)), 0x1_0000),
            0xff => (self.u64(field)?, 0x1_0000_0000),
            short => (u64::from(short), 0),
        };
        if number < least {
            return Err(start.error(field, DecodeWhy::NotCanonical));
        }
        Ok(number)
    }

    /// A length of 1, 3, 5 or 9 bytes, canonical and at most `max`, which is at most
    /// [`COMPACT_SIZE_MAX`]. Core: serialize.h, `ReadCompactSize`.
    pub(crate) fn compact_size(
        &mut self,
        field: &'static str,
        max: u64,
    ) -> Result<usize, DecodeError> {
        let start = self.clone();
        let length = self.compact_u64(field)?;
        let max = max.min(COMPACT_SIZE_MAX);
        if length > max {
            return Err(start.error(field, DecodeWhy::TooLong { length, max }));
        }
        Ok(usize::try_from(length).expect("at most COMPACT_SIZE_MAX"))
    }

    /// An error about the field that comes next.
    const fn error(&self, field: &'static str, why: DecodeWhy) -> DecodeError {
        DecodeError { field, offset: self.offset, why }
    }
}

/// Appends a length in its shortest form.
pub(crate) fn push_compact_size(bytes: &mut Vec<u8>, length: usize) {
    push_compact_u64(bytes, u64::try_from(length).expect("a usize has at most 64 bits"));
}

/// Appends a number in its shortest form.
pub(crate) fn push_compact_u64(bytes: &mut Vec<u8>, number: u64) {
    let (mark, length) = match number {
        0..=0xfc => (None, 1),
        0xfd..=0xffff => (Some(0xfd), 2),
        0x1_0000..=0xffff_ffff => (Some(0xfe), 4),
        0x1_0000_0000.. => (Some(0xff), 8),
    };
    bytes.extend(mark);
    bytes.extend_from_slice(&number.to_le_bytes()[..length]);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(bytes: &[u8], expected: Result<usize, DecodeWhy>) {
        let read = Reader::new(bytes).compact_size("length", COMPACT_SIZE_MAX);
        assert_eq!(read.map_err(|error| error.why), expected);
        if let Ok(length) = read {
            let mut written = Vec::new();
            push_compact_size(&mut written, length);
            assert_eq!(written, bytes);
        }
    }

    #[test]
    fn numbers_of_any_size_are_read_as_written() {
        for number in [0, 0xfc, 0xfd, 0xffff, 0x1_0000, 0xffff_ffff, 0x1_0000_0000, u64::MAX] {
            let mut written = Vec::new();
            push_compact_u64(&mut written, number);
            assert_eq!(Reader::new(&written).compact_u64("number"), Ok(number));
        }
    }

    #[test]
    fn lengths_are_canonical_and_bounded() {
        check(&[], Err(DecodeWhy::Truncated));
        check(&[0], Ok(0));
        check(&[0xfc], Ok(0xfc));
        check(&[0xfd, 0xfd, 0], Ok(0xfd));
        check(&[0xfd, 0xff, 0xff], Ok(0xffff));
        check(&[0xfe, 0, 0, 1, 0], Ok(0x1_0000));
        check(&[0xfe, 0, 0, 0, 2], Ok(0x0200_0000));
        // Longer than needed.
        check(&[0xfd, 0xfc, 0], Err(DecodeWhy::NotCanonical));
        check(&[0xfe, 0xff, 0xff, 0, 0], Err(DecodeWhy::NotCanonical));
        check(&[0xff, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0], Err(DecodeWhy::NotCanonical));
        // Over the bound.
        let max = COMPACT_SIZE_MAX;
        check(&[0xfe, 1, 0, 0, 2], Err(DecodeWhy::TooLong { length: max + 1, max }));
        check(&[0xff; 9], Err(DecodeWhy::TooLong { length: u64::MAX, max }));
        // Cut off.
        check(&[0xfd, 0xfd], Err(DecodeWhy::Truncated));
        check(&[0xfe, 0, 0, 1], Err(DecodeWhy::Truncated));
        check(&[0xff; 8], Err(DecodeWhy::Truncated));
    }
}
