//! A body in chunks. RFC 9112 section 7.1.
//!
//! Extensions and trailers are checked and dropped, which the RFC leaves to us (sections 7.1.1 and
//! 7.1.2).

use super::MessageLimits;
use super::fault::Fault;
use super::head::fields;
use super::section::{Broken, Section};

/// Most digits of a chunk's size: those of a 64-bit number.
const SIZE_DIGITS_MAX: u32 = 16;

/// How far the chunks have got.
#[derive(Clone, Debug)]
pub(super) struct Chunked {
    phase: Phase,
    /// Of the chunk's data, what is still to come.
    left: usize,
    /// Bytes of all extensions.
    extension_bytes: usize,
}

#[derive(Clone, Debug)]
enum Phase {
    /// In the size, behind so many digits.
    Size {
        digits: u32,
    },
    /// In the space behind it, which nothing but an extension may follow.
    Space,
    Extension,
    /// Behind the CR of the line.
    SizeEnd,
    Data,
    /// Behind the data.
    DataEnd,
    /// Behind the CR that is behind the data.
    DataCr,
    /// Behind the last chunk.
    Trailer(Section),
}

/// A fault, and how many bytes ago.
pub(super) type Ago = (Fault, usize);

/// Whether the body is complete.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Progress {
    /// All bytes were taken, and more belong to it.
    Partial,
    /// It is.
    Complete,
}

impl Chunked {
    pub(super) const fn new() -> Self {
        Self { phase: Phase::Size { digits: 0 }, left: 0, extension_bytes: 0 }
    }

    /// Takes bytes, and adds those of the content to `body`. An error comes with how many bytes
    /// before what is left of `bytes` it lies.
    pub(super) fn take(
        &mut self,
        bytes: &mut &[u8],
        body: &mut Vec<u8>,
        limits: &MessageLimits,
    ) -> Result<Progress, Ago> {
        while let Some((&byte, rest)) = bytes.split_first() {
            match &mut self.phase {
                Phase::Data => {
                    let (data, rest) = bytes.split_at(self.left.min(bytes.len()));
                    body.extend_from_slice(data);
                    *bytes = rest;
                    self.left -= data.len();
                    if self.left == 0 {
                        self.phase = Phase::DataEnd;
                    }
                }
                Phase::Trailer(section) => {
                    if trailer(section, bytes, limits)? == Progress::Complete {
                        return Ok(Progress::Complete);
                    }
                }
                Phase::Size { .. }
                | Phase::Space
                | Phase::Extension
                | Phase::SizeEnd
                | Phase::DataEnd
                | Phase::DataCr => {
                    let next = self.after(byte, body.len(), limits);
                    self.phase = next.map_err(|fault| (fault, 0))?;
                    *bytes = rest;
                }
            }
        }
        Ok(Progress::Partial)
    }

    /// What follows a byte of a chunk's framing.
    fn after(
        &mut self,
        byte: u8,
        body_bytes: usize,
        limits: &MessageLimits,
    ) -> Result<Phase, Fault> {
        match (&self.phase, byte) {
            (Phase::Size { digits }, _) if byte.is_ascii_hexdigit() => {
                let digits = digits + 1;
                self.count_digit(byte, digits, limits.body_bytes_max - body_bytes)?;
                Ok(Phase::Size { digits })
            }
            (Phase::Size { digits: 0 }, _) => Err(Fault::ChunkSize),
            (Phase::Size { .. } | Phase::Extension, b'\r') => Ok(Phase::SizeEnd),
            (Phase::Size { .. } | Phase::Space, b';')
            | (Phase::Extension, b'\t' | b' '..=b'~' | 0x80..) => {
                self.count_extension(limits)?;
                Ok(Phase::Extension)
            }
            (Phase::Size { .. } | Phase::Space, b' ' | b'\t') => {
                self.count_extension(limits)?;
                Ok(Phase::Space)
            }
            (Phase::Size { .. } | Phase::Space, _) => Err(Fault::ChunkSize),
            (Phase::Extension, b'\n') => Err(Fault::BareLf),
            (Phase::Extension, _) => Err(Fault::ControlByte(byte)),
            (Phase::SizeEnd, b'\n') if self.left == 0 => Ok(Phase::Trailer(Section::new())),
            (Phase::SizeEnd, b'\n') => Ok(Phase::Data),
            (Phase::SizeEnd, _) => Err(Fault::BareCr),
            (Phase::DataEnd, b'\r') => Ok(Phase::DataCr),
            (Phase::DataCr, b'\n') => Ok(Phase::Size { digits: 0 }),
            (Phase::DataEnd | Phase::DataCr, _) => Err(Fault::ChunkEnd),
            (Phase::Data | Phase::Trailer(_), _) => unreachable!("these are no single bytes"),
        }
    }

    /// A digit of the size, which is never over what the body may still take.
    fn count_digit(&mut self, byte: u8, digits: u32, left_max: usize) -> Result<(), Fault> {
        if digits > SIZE_DIGITS_MAX {
            return Err(Fault::ChunkSize);
        }
        let digit = char::from(byte).to_digit(16).expect("the caller saw a digit");
        let size = (self.left as u64) << 4 | u64::from(digit);
        let size = usize::try_from(size).ok().filter(|size| *size <= left_max);
        self.left = size.ok_or(Fault::BodyTooLong)?;
        Ok(())
    }

    const fn count_extension(&mut self, limits: &MessageLimits) -> Result<(), Fault> {
        if self.extension_bytes == limits.head_bytes_max {
            return Err(Fault::ExtensionsTooLong);
        }
        self.extension_bytes += 1;
        Ok(())
    }

    /// Bytes of memory for its trailer.
    pub(super) const fn trailer_bytes(&self) -> usize {
        if let Phase::Trailer(section) = &self.phase { section.bytes.capacity() } else { 0 }
    }
}

fn trailer(
    section: &mut Section,
    bytes: &mut &[u8],
    limits: &MessageLimits,
) -> Result<Progress, Ago> {
    let before = section.count();
    let line = section.take_line(bytes, limits.head_bytes_max).map_err(|broken| {
        *bytes = &bytes[section.count() - before..];
        match broken {
            Broken::TooLong => (Fault::HeadTooLong, 0),
            Broken::Byte(fault) => (fault, 0),
        }
    })?;
    match line {
        Some(line) if line.is_empty() => {
            let read = fields(&section.bytes, 0, limits.fields_max);
            read.map_err(|(fault, place)| (fault, section.count() - place))?;
            Ok(Progress::Complete)
        }
        Some(_) | None => Ok(Progress::Partial),
    }
}
