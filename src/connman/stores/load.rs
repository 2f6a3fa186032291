//! The files at the start: read one after the other, and never changed because they cannot be read.
//!
//! ```text
//!   banlist.json: read
//!   peers.dat:    read --> for later versions alone: rename to peers.dat.bak --> sync folder
//!   anchors.dat:  read --> remove --> sync folder
//! ```

use std::fmt;

use super::{StoreConfig, StoreNotice, StoredFile, Stores};
use crate::connman::addrman::disk::{
    FileError as FormatError, FileWhy, decode_anchors, decode_peers,
};
use crate::connman::addrman::{AddrMan, AddrRecord, NetGroups};
use crate::connman::bans::BanList;
use crate::connman::bans::file::{self, BanFileError};
use crate::files::{
    FileAnswer, FileError, FileName, FileOp, FileOpId, FileRequest, FileResult, Files,
};
use crate::time::Now;

/// The name that a `peers.dat` gets that is for later versions alone. Core: addrdb.cpp,
/// `LoadAddrman`.
const PEERS_BACKUP: FileName = FileName::fixed("peers.dat.bak");

/// Whether connections are ours to choose, which is what anchors are for. Core: net.cpp,
/// `m_use_addrman_outgoing`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AnchorUse {
    /// They are read, and removed.
    Used,
    /// Their file is left alone.
    Unused,
}

/// Why a node does not start. The file is as it was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoadError {
    /// Which file.
    pub file: StoredFile,
    /// What is wrong with it.
    pub why: LoadWhy,
}

/// What is wrong with a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LoadWhy {
    /// It is there and cannot be read.
    Read(FileError),
    /// The ban list is no text (UTF-8).
    NotText {
        /// Where that begins, in bytes from the start of the file.
        offset: usize,
    },
    /// A field of the ban list.
    Bans(BanFileError),
    /// A field of the addresses or anchors.
    Format(FormatError),
    /// It is for later versions alone, and cannot be put aside.
    NotSetAside(FileError),
}

/// What the files had in them.
#[derive(Debug)]
pub struct Loaded {
    /// Who is banned; nobody whose ban is over.
    pub bans: BanList,
    /// The known addresses.
    pub addrman: AddrMan,
    /// Whom to connect to first.
    pub anchors: Vec<AddrRecord>,
    /// What keeps the files from here on, with notices of how they were found.
    pub stores: Stores,
}

/// The files while they are being read.
#[derive(Clone, Debug)]
pub struct Loading {
    stage: Stage,
    anchor_use: AnchorUse,
    bans: BanList,
    addrman: AddrMan,
    anchors: Vec<AddrRecord>,
    stores: Stores,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    ReadBans,
    ReadPeers,
    SetPeersAside,
    /// Before anything takes its name: otherwise a crash could leave the new file and not the old.
    SyncPeersAside,
    ReadAnchors,
    RemoveAnchors,
    SyncAnchorsRemoved,
    Over,
}

impl Loading {
    /// Nothing is read yet. `bans` and `addrman` are empty; what files say comes in their place.
    #[must_use]
    pub fn new(
        config: StoreConfig,
        anchor_use: AnchorUse,
        bans: BanList,
        addrman: AddrMan,
    ) -> Self {
        assert_eq!(bans.count(), 0, "bans come from their file");
        assert_eq!(addrman.size(None, None), 0, "addresses come from their file");
        let stores = Stores::new(config);
        Self { stage: Stage::ReadBans, anchor_use, bans, addrman, anchors: Vec::new(), stores }
    }

    /// What is to be done now; `None` when everything is read.
    #[must_use]
    pub fn op(&self) -> Option<FileOp> {
        let read =
            |file: StoredFile| FileOp::Read { name: file.name(), bytes_max: file.bytes_max() };
        Some(match self.stage {
            Stage::ReadBans => read(StoredFile::Bans),
            Stage::ReadPeers => read(StoredFile::Peers),
            Stage::SetPeersAside => {
                FileOp::Rename { from: StoredFile::Peers.name(), to: PEERS_BACKUP }
            }
            Stage::ReadAnchors => read(StoredFile::Anchors),
            Stage::RemoveAnchors => FileOp::Remove { name: StoredFile::Anchors.name() },
            Stage::SyncPeersAside | Stage::SyncAnchorsRemoved => FileOp::SyncFolder,
            Stage::Over => return None,
        })
    }

    /// Hears what came of it.
    ///
    /// # Errors
    ///
    /// A file is there, and cannot be read or is not what it should be. A node that went on would
    /// write over it.
    ///
    /// # Panics
    ///
    /// If there was nothing to be done, or this is no answer to it.
    pub fn handle(&mut self, now: Now, result: FileResult) -> Result<(), LoadError> {
        self.stage = match self.stage {
            Stage::ReadBans => {
                self.bans_read(now, result).map_err(|why| why.of(StoredFile::Bans))?;
                Stage::ReadPeers
            }
            Stage::ReadPeers => {
                self.peers_read(now, result).map_err(|why| why.of(StoredFile::Peers))?
            }
            Stage::SetPeersAside => {
                set_aside(result)?;
                Stage::SyncPeersAside
            }
            Stage::SyncPeersAside => {
                set_aside(result)?;
                self.after_peers()
            }
            Stage::ReadAnchors => self.anchors_read(result),
            Stage::RemoveAnchors | Stage::SyncAnchorsRemoved => self.anchors_removed(result),
            Stage::Over => panic!("everything is read"),
        };
        Ok(())
    }

    /// Reads everything from files on which nothing is under way, waiting for each.
    ///
    /// # Errors
    ///
    /// As [`handle`](Self::handle).
    pub fn complete(mut self, files: &mut impl Files, now: Now) -> Result<Loaded, LoadError> {
        while let Some(op) = self.op() {
            let begun = files.begin(FileRequest { id: FileOpId(0), op });
            begun.expect("nothing is under way");
            let completion = files.wait().expect("something is under way");
            self.handle(now, completion.result)?;
        }
        Ok(self.finish())
    }

    /// What was read.
    ///
    /// # Panics
    ///
    /// If something is still to be done.
    #[must_use]
    pub fn finish(self) -> Loaded {
        assert_eq!(self.stage, Stage::Over, "everything is read");
        let Self { bans, addrman, anchors, stores, .. } = self;
        Loaded { bans, addrman, anchors, stores }
    }

    /// Core: `BanMan::LoadBanlist`, which begins with nothing if it cannot read the file.
    fn bans_read(&mut self, now: Now, result: FileResult) -> Result<(), LoadWhy> {
        let file = StoredFile::Bans;
        let Some(bytes) = found(result)? else {
            self.begin_with_nothing(now, file);
            return Ok(());
        };
        let text = std::str::from_utf8(&bytes);
        let text = text.map_err(|error| LoadWhy::NotText { offset: error.valid_up_to() })?;
        let read = file::decode(text, self.bans.clone(), self.stores.config.cjdns);
        self.bans = read.map_err(LoadWhy::Bans)?;
        if self.bans.sweep(now.wall) {
            self.stores.note_changed(now.steady, file);
        }
        self.stores.notices.push(StoreNotice::Loaded { file, count: self.bans.count() });
        Ok(())
    }

    /// Core: addrdb.cpp, `LoadAddrman`.
    fn peers_read(&mut self, now: Now, result: FileResult) -> Result<Stage, LoadWhy> {
        let file = StoredFile::Peers;
        let Some(bytes) = found(result)? else {
            self.begin_with_nothing(now, file);
            return Ok(self.after_peers());
        };
        match decode_peers(&bytes, self.stores.config.magic, NetGroups) {
            Ok(loaded) => self.addrman = loaded.addrman,
            Err(error @ FormatError { why: FileWhy::TooNew { .. }, .. }) => {
                let backup = PEERS_BACKUP;
                self.stores.notices.push(StoreNotice::SetAside { file, backup, error });
                self.stores.note_missing(now.steady, file);
                return Ok(Stage::SetPeersAside);
            }
            Err(error) => return Err(LoadWhy::Format(error)),
        }
        let count = self.addrman.size(None, None);
        self.stores.notices.push(StoreNotice::Loaded { file, count });
        Ok(self.after_peers())
    }

    /// A file that is not there is made.
    fn begin_with_nothing(&mut self, now: Now, file: StoredFile) {
        self.stores.notices.push(StoreNotice::Missing(file));
        self.stores.note_missing(now.steady, file);
    }

    const fn after_peers(&self) -> Stage {
        match self.anchor_use {
            AnchorUse::Used => Stage::ReadAnchors,
            AnchorUse::Unused => Stage::Over,
        }
    }

    /// Core: addrdb.cpp, `ReadAnchors`: whatever is wrong with them, there are none, and the file
    /// goes.
    fn anchors_read(&mut self, result: FileResult) -> Stage {
        let file = StoredFile::Anchors;
        let read = match found(result) {
            Ok(None) => return Stage::Over,
            Ok(Some(bytes)) => {
                decode_anchors(&bytes, self.stores.config.magic).map_err(LoadWhy::Format)
            }
            Err(why) => Err(why),
        };
        self.stores.notices.push(match read {
            Ok(anchors) => {
                self.anchors = anchors;
                StoreNotice::Loaded { file, count: self.anchors.len() }
            }
            Err(why) => StoreNotice::AnchorsLost(why),
        });
        Stage::RemoveAnchors
    }

    fn anchors_removed(&mut self, result: FileResult) -> Stage {
        if let Err(error) = result {
            self.stores.notices.push(StoreNotice::AnchorsLeft(error));
            return Stage::Over;
        }
        if self.stage == Stage::RemoveAnchors { Stage::SyncAnchorsRemoved } else { Stage::Over }
    }
}

/// The bytes of a file, if it is there.
fn found(result: FileResult) -> Result<Option<Vec<u8>>, LoadWhy> {
    match result {
        Ok(FileAnswer::Read(bytes)) => Ok(Some(bytes)),
        Ok(FileAnswer::Done | FileAnswer::Appended(_)) => panic!("a read is answered with bytes"),
        Err(FileError::NotFound) => Ok(None),
        Err(error) => Err(LoadWhy::Read(error)),
    }
}

fn set_aside(result: FileResult) -> Result<(), LoadError> {
    let failed = |error| LoadWhy::NotSetAside(error).of(StoredFile::Peers);
    result.map(drop).map_err(failed)
}

impl LoadWhy {
    const fn of(self, file: StoredFile) -> LoadError {
        LoadError { file, why: self }
    }
}

impl fmt::Display for LoadWhy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Read(error) => write!(f, "cannot be read: {error}"),
            Self::NotText { offset } => write!(f, "no text at offset {offset}"),
            Self::Bans(error) => error.fmt(f),
            Self::Format(error) => error.fmt(f),
            Self::NotSetAside(error) => write!(f, "cannot be renamed to {PEERS_BACKUP}: {error}"),
        }
    }
}

impl fmt::Display for LoadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.file, self.why)
    }
}

impl std::error::Error for LoadError {}
