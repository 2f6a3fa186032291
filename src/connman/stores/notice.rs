//! What loading and saving have to tell, and how it reads.

use std::fmt;

use super::{LoadWhy, ReplaceError, Revision, StoredFile};
use crate::connman::addrman::disk::FileError as FormatError;
use crate::files::{FileError, FileName, TEMPORARY};

/// What happened to a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StoreNotice {
    /// It was read.
    Loaded {
        /// Which.
        file: StoredFile,
        /// How many bans, addresses or anchors it had that are of use.
        count: usize,
    },
    /// It is not there, so that one begins with nothing, and it is made.
    Missing(StoredFile),
    /// It is for later versions alone, got another name, and one begins with nothing.
    SetAside {
        /// Which.
        file: StoredFile,
        /// Its name from now on.
        backup: FileName,
        /// What says so in it.
        error: FormatError,
    },
    /// The anchors cannot be read, so that there are none.
    AnchorsLost(LoadWhy),
    /// The anchors were read, and may be read again: their file could not be removed.
    AnchorsLeft(FileError),
    /// It has everything up to this change.
    Saved {
        /// Which.
        file: StoredFile,
        /// The last change that is in it.
        revision: Revision,
    },
    /// It is as it was, or of a writing that failed at its last step as it should be.
    NotSaved {
        /// Which.
        file: StoredFile,
        /// What failed.
        error: ReplaceError,
    },
}

impl fmt::Display for StoreNotice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Loaded { file, count } => write!(f, "{count} entries of {file}"),
            Self::Missing(file) => write!(f, "{file} was not found"),
            Self::SetAside { file, backup, error } => {
                write!(f, "{file} is now {backup}: {error}")
            }
            Self::AnchorsLost(why) => write!(f, "{}: {why}", StoredFile::Anchors),
            Self::AnchorsLeft(error) => {
                write!(f, "{} cannot be removed: {error}", StoredFile::Anchors)
            }
            Self::Saved { file, revision: Revision(number) } => {
                write!(f, "{file} saved with change {number}")
            }
            Self::NotSaved { file, error } => {
                write!(f, "{file} not saved by way of {file}{TEMPORARY}: {error}")
            }
        }
    }
}
