//! What is kept in the data directory from one run to the next, read before anything else begins.

use std::fmt;
use std::path::PathBuf;

use sockman::connman::ConnMan;
use sockman::connman::blocks::{Chain, LoadBlocksError};
use sockman::connman::stores::LoadError;
use sockman::driver::OsFiles;
use sockman::files::FileError;
use sockman::sockets::Wake;
use sockman::time::Now;

use crate::directory::Directory;
use crate::options::CLIENT_NAME;
use crate::report;

/// Why there is nothing to begin with.
#[derive(Debug)]
pub(crate) enum KeptError {
    /// The directory cannot be read.
    Directory(PathBuf, FileError),
    /// A file in it; it is as it was.
    File(PathBuf, LoadError),
    /// A file of blocks; it is as it was.
    Blocks(PathBuf, LoadBlocksError),
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
            Self::Blocks(directory, LoadBlocksError { file, why }) => {
                let path = directory.join(file.in_blocks().unwrap_or(file.as_str()));
                write!(
                    f,
                    "Cannot use \"{}\" ({why}). It is left as it is; without the files of blocks \
                     they are downloaded again.",
                    path.display()
                )
            }
        }
    }
}

/// The connection manager with what a chain's directory has kept, blocks among it, and the files.
/// What completes on them later goes to `waker`.
///
/// # Errors
///
/// A directory or a file in it cannot be read, or is not what it should be.
pub(crate) fn load(
    directory: &Directory,
    waker: impl Wake,
    connman: ConnMan,
    chain: Chain,
    now: Now,
) -> Result<(OsFiles, ConnMan), KeptError> {
    let (path, blocks) = (directory.path(), directory.blocks());
    let files = OsFiles::open_with_blocks(path, blocks, waker);
    let mut files = files.map_err(|error| KeptError::Directory(path.to_owned(), error))?;
    let loaded = connman.loading(CLIENT_NAME).complete(&mut files, now);
    let mut loaded = loaded.map_err(|error| KeptError::File(path.to_owned(), error))?;
    let mut notices = Vec::new();
    loaded.stores.take_notices(&mut notices);
    notices.iter().for_each(report::stored);
    let read = connman.loading_blocks(chain).complete(&mut files, now);
    let read = read.map_err(|error| KeptError::Blocks(blocks.to_owned(), error))?;
    Ok((files, connman.with_loaded(loaded).with_loaded_blocks(read)))
}
