//! A Unix socket's path in the file system, removed when its listener closes.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

/// A path that a listener made. Dropping it removes the path, if it is still the one that was made:
/// what somebody else has put there since stays.
#[derive(Debug)]
pub struct BoundPath {
    path: PathBuf,
    /// Device and inode, which tell one file from another of the same name. `None` if the path was
    /// gone by the time we looked.
    identity: Option<(u64, u64)>,
}

impl BoundPath {
    /// To be called right after a bind has made `path`.
    #[must_use]
    pub fn made(path: &Path) -> Self {
        Self { path: path.to_owned(), identity: identity(path) }
    }
}

impl Drop for BoundPath {
    fn drop(&mut self) {
        if self.identity.is_some() && self.identity == identity(&self.path) {
            // OK to ignore because a path that cannot be removed harms nobody but the next
            // listener there, which is told that it is in use.
            let _left_behind = fs::remove_file(&self.path);
        }
    }
}

fn identity(path: &Path) -> Option<(u64, u64)> {
    let metadata = fs::symlink_metadata(path).ok()?;
    Some((metadata.dev(), metadata.ino()))
}
