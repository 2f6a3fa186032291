//! The data directory: where files go, a directory for each chain.
//!
//! Source: Core: common/args.cpp, `ArgsManager::GetDataDir`; chainparamsbase.cpp.

use std::path::{Path, PathBuf};
use std::{fmt, fs, io};

use sockman::transport::Network;

/// Why there is none.
#[derive(Debug)]
pub(crate) enum DirectoryError {
    /// The one that was named.
    Missing(PathBuf),
    /// The chain's own cannot be made.
    NotMade(PathBuf, io::Error),
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
        }
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
