//! What a crash leaves of files and names that were not durable: anything that `src/files.rs`
//! permits.
//!
//! Of a file its changes up to some point, the last of them perhaps in part; and zeros in some
//! sectors that were written since the last sync. Of a folder any of the changes since.

use std::collections::BTreeMap;

use sockman::files::FileName;

use crate::schedulers::Draws;

/// Bytes that are written wholly or not at all: few, so that small files have several. (Disks have
/// 512 or 4096.)
pub const SECTOR_BYTES: usize = 32;

/// A file apart from its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct NodeId(pub(super) u64);

/// Which name stands for which file.
pub(super) type Names = BTreeMap<FileName, NodeId>;

/// A change of the names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum FolderChange {
    /// A file has a name, its first or instead of the one that it had.
    Named(FileName, NodeId),
    /// A name stands for nothing.
    Removed(FileName),
}

impl FolderChange {
    fn apply(&self, names: &mut Names) {
        match self {
            Self::Named(name, node) => {
                // A rename is whole: whatever name it had, it has none but this.
                names.retain(|_, named| named != node);
                names.insert(name.clone(), *node);
            }
            Self::Removed(name) => {
                names.remove(name);
            }
        }
    }
}

/// A change of a file since it was last synced.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Change {
    Appended(Vec<u8>),
    Length(usize),
}

/// What a file has in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Content {
    /// As calls see it.
    bytes: Vec<u8>,
    durable: Vec<u8>,
    changes: Vec<Change>,
    /// A sync has failed: what was written before it is not durable after the next one either.
    spoilt: bool,
}

impl Content {
    pub(super) fn durable(bytes: &[u8]) -> Self {
        Self { bytes: bytes.into(), durable: bytes.into(), changes: Vec::new(), spoilt: false }
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    pub(super) const fn is_durable(&self) -> bool {
        self.changes.is_empty()
    }

    pub(super) fn append(&mut self, bytes: &[u8]) {
        if !bytes.is_empty() {
            self.bytes.extend_from_slice(bytes);
            self.changes.push(Change::Appended(bytes.into()));
        }
    }

    pub(super) fn set_length(&mut self, length: usize) {
        if length != self.bytes.len() {
            self.bytes.resize(length, 0);
            self.changes.push(Change::Length(length));
        }
        // Nothing is left of what was lost.
        self.spoilt &= length > 0;
    }

    pub(super) fn sync(&mut self) {
        if !self.spoilt {
            self.durable.clone_from(&self.bytes);
            self.changes.clear();
        }
    }

    pub(super) fn spoil(&mut self) {
        self.spoilt |= !self.changes.is_empty();
    }

    /// Becomes what a crash leaves of it.
    pub(super) fn crash(&mut self, sector_bytes: usize, draws: &mut Draws) {
        let kept = draws.below(count(&self.changes) + 1) as usize;
        let mut bytes = self.durable.clone();
        // Which bytes may not have been written.
        let mut fresh = vec![false; bytes.len()];
        for (index, change) in self.changes.iter().take(kept + 1).enumerate() {
            match change {
                Change::Appended(appended) => {
                    let whole = index < kept;
                    let most = count(appended);
                    let length = if whole { most } else { draws.below(most) } as usize;
                    bytes.extend_from_slice(&appended[..length]);
                    fresh.resize(bytes.len(), true);
                }
                Change::Length(length) if index < kept => {
                    bytes.resize(*length, 0);
                    fresh.resize(*length, false);
                }
                Change::Length(_) => {}
            }
        }
        lose_sectors(&mut bytes, &fresh, sector_bytes, draws);
        *self = Self::durable(&bytes);
    }
}

/// Puts zeros where nothing was written in time: nowhere, everywhere, or here and there.
fn lose_sectors(bytes: &mut [u8], fresh: &[bool], sector_bytes: usize, draws: &mut Draws) {
    let chance = [0, 255, 128][draws.below(3) as usize];
    for (sector, fresh) in bytes.chunks_mut(sector_bytes).zip(fresh.chunks(sector_bytes)) {
        if draws.in_256(chance) {
            for (byte, fresh) in sector.iter_mut().zip(fresh) {
                *byte = if *fresh { 0 } else { *byte };
            }
        }
    }
}

/// The names that a crash leaves: of the changes none, all, those up to some point, or any.
pub(super) fn surviving_names(
    durable: &Names,
    changes: &[FolderChange],
    draws: &mut Draws,
) -> Names {
    let many = count(changes);
    let (until, chance) = match draws.below(4) {
        0 => (0, 0),
        1 => (many, 0),
        2 => (draws.below(many + 1), 0),
        _ => (0, 128),
    };
    let mut names = durable.clone();
    for (index, change) in changes.iter().enumerate() {
        if index < until as usize || draws.in_256(chance) {
            change.apply(&mut names);
        }
    }
    names
}

fn count<T>(of: &[T]) -> u32 {
    u32::try_from(of.len()).expect("files here are small")
}
