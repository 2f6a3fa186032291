//! What can be wrong with a file.

use std::fmt;

use super::super::Inconsistency;
use crate::codec::DecodeError;
use crate::connman::message::DecodeWhy;
use crate::transport::Magic;

/// Why a file is not what it should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileError {
    /// The field that is wrong.
    pub field: &'static str,
    /// Where it begins, in bytes from the start of the file.
    pub offset: usize,
    /// What is wrong with it.
    pub why: FileWhy,
}

/// What is wrong with a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileWhy {
    /// It cannot be read.
    Unreadable(DecodeWhy),
    /// The file belongs to another network.
    WrongMagic {
        /// What it begins with.
        found: Magic,
        /// What it should begin with.
        expected: Magic,
    },
    /// The file is not what was written.
    WrongChecksum,
    /// Less than any version may write there.
    CompatTooLow(u8),
    /// A later version wrote it, which says that we cannot read it. Core renames such a file and
    /// begins anew; with every other error it does not start.
    TooNew {
        /// Its version.
        format: u8,
        /// The least version that can read it.
        lowest_compatible: u8,
    },
    /// A number of entries below zero, or above what the table holds.
    Count {
        /// What the file says.
        found: i32,
        /// What the table holds.
        max: i32,
    },
    /// A form of an address that nobody writes there.
    RecordForm(u32),
    /// It can be read, and contradicts itself.
    Inconsistent(Inconsistency),
}

impl From<DecodeError> for FileError {
    fn from(error: DecodeError) -> Self {
        let why = FileWhy::Unreadable(error.why);
        Self { field: error.field, offset: error.offset, why }
    }
}

impl fmt::Display for FileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { field, offset, why } = *self;
        write!(f, "{field} at offset {offset}")?;
        match why {
            FileWhy::Unreadable(why) => write!(f, " {why}"),
            FileWhy::WrongMagic { found, expected } => write!(f, " is {found}, not {expected}"),
            FileWhy::WrongChecksum => f.write_str(" does not match what it follows"),
            FileWhy::CompatTooLow(found) => write!(f, " is {found}, below 32"),
            FileWhy::TooNew { format, lowest_compatible } => {
                write!(f, " is {format}, for versions from {lowest_compatible} on")
            }
            FileWhy::Count { found, max } => write!(f, " is {found}, not in 0 to {max}"),
            FileWhy::RecordForm(found) => write!(f, " is {found:#010x}, an unknown form"),
            FileWhy::Inconsistent(inconsistency) => write!(f, ": {inconsistency}"),
        }
    }
}

impl std::error::Error for FileError {}
