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
    /// Where the files of blocks are.
    blocks: PathBuf,
    /// A lock of `fcntl(2)`, as the reference's: each keeps the other out. It ends with any
    /// descriptor of the file that this process closes, and nothing else opens it.
    _lock: File,
    /// The same for a folder of blocks that is elsewhere.
    _blocks_lock: Option<File>,
}

impl Directory {
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn blocks(&self) -> &Path {
        &self.blocks
    }
}

/// Why there is none.
#[derive(Debug)]
pub(crate) enum DirectoryError {
    /// The one that was named.
    Missing(PathBuf),
    /// The one that was named for blocks.
    MissingBlocks(PathBuf),
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
            Self::MissingBlocks(path) => {
                write!(f, "Specified blocks directory \"{}\" does not exist.", path.display())
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

/// Folders of a chain's part, as the reference has them: programs look for those that are empty
/// here, too.
const FOLDERS: [&str; 3] = ["blocks/index", "chainstate", "wallets"];

/// The chain's part of a data directory; made if it is missing, and locked. `blocks` is another
/// directory in which the chain's blocks are to be.
///
/// # Errors
///
/// There is no such directory, the chain's cannot be made, or another node has it.
pub(crate) fn of_chain(
    directory: &Path,
    blocks: Option<&Path>,
    network: Network,
) -> Result<Directory, DirectoryError> {
    if !directory.is_dir() {
        return Err(DirectoryError::Missing(directory.to_owned()));
    }
    if let Some(blocks) = blocks.filter(|blocks| !blocks.is_dir()) {
        return Err(DirectoryError::MissingBlocks(blocks.to_owned()));
    }
    let chain = match network {
        Network::Main => "",
        Network::Testnet3 => "testnet3",
        Network::Testnet4 => "testnet4",
        Network::Signet => "signet",
        Network::Regtest => "regtest",
    };
    let path = directory.join(chain);
    make(&path)?;
    let held = lock(&path)?;
    FOLDERS.iter().try_for_each(|folder| make(&path.join(folder)))?;
    let elsewhere = blocks.map(|blocks| blocks.join(chain).join("blocks"));
    let blocks_lock = elsewhere.as_ref().map(|blocks| make(blocks).and_then(|()| lock(blocks)));
    let blocks = elsewhere.clone().unwrap_or_else(|| path.join("blocks"));
    Ok(Directory { path, blocks, _lock: held, _blocks_lock: blocks_lock.transpose()? })
}

fn make(path: &Path) -> Result<(), DirectoryError> {
    let made = fs::create_dir_all(path);
    made.map_err(|error| DirectoryError::NotMade(path.to_owned(), error))
}

fn lock(path: &Path) -> Result<File, DirectoryError> {
    let nofollow = i32::try_from(OFlags::NOFOLLOW.bits()).expect("flags are small");
    let mut options = OpenOptions::new();
    options.append(true).create(true).mode(Mode::RUSR.union(Mode::WUSR).bits());
    let lock = match options.custom_flags(nofollow).open(path.join(LOCK)) {
        Ok(lock) => lock,
        Err(error) => return Err(DirectoryError::NotLocked(path.to_owned(), error)),
    };
    match fcntl_lock(&lock, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(lock),
        Err(Errno::AGAIN | Errno::ACCESS) => Err(DirectoryError::Locked(path.to_owned())),
        Err(error) => Err(DirectoryError::NotLocked(path.to_owned(), error.into())),
    }
}
