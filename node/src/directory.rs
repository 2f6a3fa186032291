//! The data directory: where files go, a directory for each chain.
//!
//! Source: Core: common/args.cpp, `ArgsManager::GetDataDir`; chainparamsbase.cpp.

use std::fs::{File, OpenOptions, TryLockError};
use std::path::{Path, PathBuf};
use std::{fmt, fs, io};

use sockman::transport::Network;

use crate::options::CLIENT_NAME;

/// What is locked in a directory. Core: init.cpp, `LockDirectory`.
const LOCK_FILE: &str = ".lock";

/// Why there is none.
#[derive(Debug)]
pub(crate) enum DirectoryError {
    /// The one that was named.
    Missing(PathBuf),
    /// The chain's own cannot be made.
    NotMade(PathBuf, io::Error),
    /// Another node has it.
    Locked(PathBuf),
    /// Nobody can tell whether another node has it.
    NotLocked(PathBuf, io::Error),
}

impl fmt::Display for DirectoryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing(path) => {
                write!(f, "Specified data directory \"{}\" does not exist.", path.display())
            }
            Self::NotMade(path, error) => {
                write!(f, "Cannot create directory \"{}\" ({error}).", path.display())
            }
            Self::Locked(path) => write!(
                f,
                "Cannot obtain a lock on directory {}. {CLIENT_NAME} is probably already running.",
                path.display()
            ),
            Self::NotLocked(path, error) => {
                write!(f, "Cannot lock directory {} ({error}).", path.display())
            }
        }
    }
}

/// A directory that no other node uses while this is there.
pub(crate) struct Lock {
    _file: File,
}

/// Keeps a directory for this node. The file stays when the node ends; what holds is the lock on
/// it, which ends with the process, however that ends. Core: util/fs_helpers.cpp, `LockDirectory`.
///
/// # Errors
///
/// Another node has it, or it cannot be locked.
pub(crate) fn lock(directory: &Path) -> Result<Lock, DirectoryError> {
    let not_locked = |error| DirectoryError::NotLocked(directory.to_owned(), error);
    let mut options = OpenOptions::new();
    let file = options.create(true).truncate(false).write(true).open(directory.join(LOCK_FILE));
    let file = file.map_err(not_locked)?;
    match file.try_lock() {
        Ok(()) => Ok(Lock { _file: file }),
        Err(TryLockError::WouldBlock) => Err(DirectoryError::Locked(directory.to_owned())),
        Err(TryLockError::Error(error)) => Err(not_locked(error)),
    }
}

/// The chain's part of a data directory; made if it is missing.
///
/// # Errors
///
/// There is no such directory, or the chain's cannot be made.
pub(crate) fn of_chain(directory: &Path, network: Network) -> Result<PathBuf, DirectoryError> {
    if !directory.is_dir() {
        return Err(DirectoryError::Missing(directory.to_owned()));
    }
    let path = directory.join(match network {
        Network::Main => "",
        Network::Testnet3 => "testnet3",
        Network::Testnet4 => "testnet4",
        Network::Signet => "signet",
        Network::Regtest => "regtest",
    });
    match fs::create_dir_all(&path) {
        Ok(()) => Ok(path),
        Err(error) => Err(DirectoryError::NotMade(path, error)),
    }
}
