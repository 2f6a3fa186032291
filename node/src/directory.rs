//! The data directory: where files go, a directory for each chain, which one node at a time has.
//!
//! Source: Core: common/args.cpp, `ArgsManager::GetDataDir`; chainparamsbase.cpp; init.cpp,
//! `LockDirectory`.

use std::fs::{self, File, OpenOptions};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::{fmt, io};

use rustix::fs::{FlockOperation, Mode, OFlags, fcntl_lock};
use rustix::io::Errno;
use sockman::transport::Network;

use crate::options::CLIENT_NAME;

/// The file by which a node has its directory. It stays there when the node has gone.
const LOCK: &str = ".lock";

/// A chain's part of a data directory, which no other node has as long as this is there.
#[derive(Debug)]
pub(crate) struct Directory {
    path: PathBuf,
    /// A lock of `fcntl(2)`, as the reference's: each keeps the other out. It ends with any
    /// descriptor of the file that this process closes, and nothing else opens it.
    _lock: File,
}

impl Directory {
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

/// Why there is none.
#[derive(Debug)]
pub(crate) enum DirectoryError {
    /// The one that was named.
    Missing(PathBuf),
    /// The chain's own cannot be made.
    NotMade(PathBuf, io::Error),
    /// Another node has it.
    Locked(PathBuf),
    /// Its lock cannot be taken.
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
                write!(f, "Cannot lock directory \"{}\" ({error}).", path.display())
            }
        }
    }
}

/// The chain's part of a data directory; made if it is missing, and locked.
///
/// # Errors
///
/// There is no such directory, the chain's cannot be made, or another node has it.
pub(crate) fn of_chain(directory: &Path, network: Network) -> Result<Directory, DirectoryError> {
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
        Ok(()) => lock(path),
        Err(error) => Err(DirectoryError::NotMade(path, error)),
    }
}

fn lock(path: PathBuf) -> Result<Directory, DirectoryError> {
    let nofollow = i32::try_from(OFlags::NOFOLLOW.bits()).expect("flags are small");
    let mut options = OpenOptions::new();
    options.append(true).create(true).mode(Mode::RUSR.union(Mode::WUSR).bits());
    let lock = match options.custom_flags(nofollow).open(path.join(LOCK)) {
        Ok(lock) => lock,
        Err(error) => return Err(DirectoryError::NotLocked(path, error)),
    };
    match fcntl_lock(&lock, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(Directory { path, _lock: lock }),
        Err(Errno::AGAIN | Errno::ACCESS) => Err(DirectoryError::Locked(path)),
        Err(error) => Err(DirectoryError::NotLocked(path, error.into())),
    }
}
