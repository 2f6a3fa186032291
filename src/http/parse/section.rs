//! Lines up to an empty one: a head, or a trailer.
//!
//! RFC 9112 section 2.2 lets a recipient take a lone LF for a line's end. We do not: who stands
//! between the client and us might not, and then reads another request than we do.

use super::fault::{Fault, ParseError};
use super::head::At;

/// A section that is being read.
#[derive(Clone, Debug)]
pub(super) struct Section {
    /// Its bytes so far, but for empty lines that were dropped.
    pub(super) bytes: Vec<u8>,
    /// Where the line begins that is being read.
    line_start: usize,
    /// Whether the last byte was CR.
    after_cr: bool,
    /// Bytes so far, with what was dropped.
    count: usize,
}

impl Section {
    pub(super) const fn new() -> Self {
        Self { bytes: Vec::new(), line_start: 0, after_cr: false, count: 0 }
    }

    /// A fault at a place in `self.bytes`.
    pub(super) const fn error(&self, (fault, place): At) -> ParseError {
        let dropped = self.count - self.bytes.len();
        ParseError { fault, at: (dropped + place) as u64 }
    }

    /// Whether not a byte of it is there that counts.
    pub(super) const fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// Bytes so far, with what was dropped.
    pub(super) const fn count(&self) -> usize {
        self.count
    }

    /// Forgets the lines so far, which still count towards the limit.
    pub(super) fn drop_lines(&mut self) {
        self.bytes.clear();
        self.line_start = 0;
    }

    /// Takes bytes up to the end of a line, which is given without CR and LF as its place in
    /// `self.bytes`; `None`: all were taken and no line has ended.
    pub(super) fn take_line(
        &mut self,
        bytes: &mut &[u8],
        bytes_max: usize,
    ) -> Result<Option<std::ops::Range<usize>>, Broken> {
        for (place, &byte) in bytes.iter().enumerate() {
            if self.count == bytes_max {
                return Err(Broken::TooLong);
            }
            if let Some(fault) = self.fault_of(byte) {
                return Err(Broken::Byte(fault));
            }
            self.count += 1;
            let ends = self.after_cr;
            self.after_cr = byte == b'\r';
            if ends {
                let (line, rest) = bytes.split_at(place + 1);
                self.bytes.extend_from_slice(line);
                *bytes = rest;
                let range = self.line_start..self.bytes.len() - 2;
                self.line_start = self.bytes.len();
                return Ok(Some(range));
            }
        }
        self.bytes.extend_from_slice(bytes);
        *bytes = &[];
        Ok(None)
    }

    /// What is wrong with the next byte.
    const fn fault_of(&self, byte: u8) -> Option<Fault> {
        match byte {
            b'\n' if self.after_cr => None,
            _ if self.after_cr => Some(Fault::BareCr),
            b'\n' => Some(Fault::BareLf),
            b'\r' | b'\t' => None,
            0..0x20 | 0x7f => Some(Fault::ControlByte(byte)),
            _ => None,
        }
    }
}

/// Why a section is none; the byte is the one after those that count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Broken {
    /// It has no end within the limit.
    TooLong,
    /// A byte that cannot stand there.
    Byte(Fault),
}
