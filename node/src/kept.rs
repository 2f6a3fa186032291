//! What is kept in the data directory from one run to the next, read before anything else begins.

use std::fmt;
use std::path::{Path, PathBuf};

use sockman::connman::stores::{LoadError, Loaded, Loading};
use sockman::driver::OsFiles;
use sockman::files::FileError;
use sockman::sockets::Wake;
use sockman::time::Now;

use crate::report;

/// Why there is nothing to begin with.
#[derive(Debug)]
pub(crate) enum KeptError {
    /// The directory cannot be read.
    Directory(PathBuf, FileError),
    /// A file in it; it is as it was.
    File(PathBuf, LoadError),
}

impl fmt::Display for KeptError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Directory(path, error) => {
                write!(f, "Cannot open directory \"{}\" ({error}).", path.display())
            }
            Self::File(directory, LoadError { file, why }) => {
                let path = directory.join(file.name().as_str());
                write!(
                    f,
                    "Cannot use \"{}\" ({why}). It is left as it is; without it a new one is made.",
                    path.display()
                )
            }
        }
    }
}

/// The files of a chain's directory, and what they had in them. What completes on them later goes
/// to `waker`.
///
/// # Errors
///
/// The directory or a file in it cannot be read, or is not what it should be.
pub(crate) fn load(
    directory: &Path,
    waker: impl Wake,
    loading: Loading,
    now: Now,
) -> Result<(OsFiles, Loaded), KeptError> {
    let files = OsFiles::open(directory, waker);
    let mut files = files.map_err(|error| KeptError::Directory(directory.to_owned(), error))?;
    let loaded = loading.complete(&mut files, now);
    let mut loaded = loaded.map_err(|error| KeptError::File(directory.to_owned(), error))?;
    let mut notices = Vec::new();
    loaded.stores.take_notices(&mut notices);
    notices.iter().for_each(report::stored);
    Ok((files, loaded))
}
