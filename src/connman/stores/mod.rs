//! What is kept from one run to the next: the ban list, the known addresses, the anchors.
//!
//! ```text
//!   Loading: banlist.json, peers.dat, anchors.dat --> bans, addresses, anchors, Stores
//!
//!   changes, the clock --> Stores --> operations on files
//!          completions ------^   '--> notices: saved, not saved
//! ```
//!
//! Neither opens a file: they say which operation is next, and hear what came of it. What is to be
//! written is copied when its writing begins; a change that comes later makes the file due again.
//! docs/behaviour.md, files 2 and 3. Core: banman.cpp, addrdb.cpp, net.cpp.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::addrman::disk::{encode_anchors, encode_peers};
use super::addrman::{AddrMan, AddrRecord};
use super::bans::{BanList, file};
use super::host::Cjdns;
use crate::files::{FileCompletion, FileName, FileOpId, FileRequest, ReplaceError};
use crate::time::Instant;
use crate::transport::Magic;

mod dump;
mod load;
mod notice;
#[cfg(test)]
mod tests;

pub use load::{AnchorUse, LoadError, LoadWhy, Loaded, Loading};
pub use notice::StoreNotice;

use dump::{Dump, Urgency};

/// How long a change may wait to be written. Core: net.cpp, `DUMP_PEERS_INTERVAL`; banman.h,
/// `DUMP_BANS_INTERVAL`; both 15 minutes.
pub const DUMP_INTERVAL: Duration = Duration::from_secs(15 * 60);

/// A file that is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum StoredFile {
    /// Who is banned: `banlist.json`.
    Bans,
    /// The known addresses: `peers.dat`.
    Peers,
    /// Whom to connect to first: `anchors.dat`. It is there only between two runs.
    Anchors,
}

impl StoredFile {
    /// All of them, in the order in which they are loaded.
    pub const ALL: [Self; 3] = [Self::Bans, Self::Peers, Self::Anchors];

    /// Its name in the folder of the network.
    #[must_use]
    pub const fn name(self) -> FileName {
        FileName::fixed(match self {
            Self::Bans => "banlist.json",
            Self::Peers => "peers.dat",
            Self::Anchors => "anchors.dat",
        })
    }

    /// More bytes are not read: ours. The largest that is written has some 230 MB of bans
    /// ([`BANS_MAX`](super::bans::BANS_MAX)), 10 MB of addresses
    /// ([`ENTRIES_MAX`](super::addrman::ENTRIES_MAX)), or two anchors.
    #[must_use]
    pub const fn bytes_max(self) -> usize {
        match self {
            Self::Bans => 1 << 28,
            Self::Peers => 1 << 26,
            Self::Anchors => 1 << 16,
        }
    }

    /// How soon a change is to be written. Core writes its ban list with every change of it.
    const fn urgency(self) -> Urgency {
        match self {
            Self::Bans | Self::Anchors => Urgency::AtOnce,
            Self::Peers => Urgency::InTime,
        }
    }
}

impl fmt::Display for StoredFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.name().fmt(f)
    }
}

/// What files have in them besides their contents.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoreConfig {
    /// Whose addresses they are.
    pub magic: Magic,
    /// Who writes them, as the ban list says. Core's is "Bitcoin Core".
    pub program: String,
    /// What an address of fc00::/8 in the ban list is.
    pub cjdns: Cjdns,
}

/// How often a file's contents had changed: what is saved of it, or asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Revision(u64);

/// What is to be saved, as it is now.
#[derive(Clone, Copy, Debug)]
pub struct Contents<'a> {
    /// Who is banned.
    pub bans: &'a BanList,
    /// The known addresses.
    pub addrman: &'a AddrMan,
}

/// Keeps the files up to date. See the head of the module.
///
/// Whoever changes what is kept calls [`note_changed`](Self::note_changed). When
/// [`next_wakeup`](Self::next_wakeup) has come, [`begin_due`](Self::begin_due) puts out operations,
/// and [`handle_completed`](Self::handle_completed) hears of each. At the end comes
/// [`stop`](Self::stop), and all of that until it [has finished](Self::has_finished).
#[derive(Clone, Debug)]
pub struct Stores {
    config: StoreConfig,
    /// By the number of the file.
    dumps: [Dump; 3],
    /// What was asked to be written at the end, at most as many as
    /// [`ANCHORS_MAX`](super::addrman::disk::ANCHORS_MAX) of which are.
    anchors: Vec<AddrRecord>,
    /// Operations there ever were; the number of the next one.
    ops_begun: u64,
    stopping: bool,
    notices: Vec<StoreNotice>,
}

impl Stores {
    /// With files that say what is there.
    fn new(config: StoreConfig) -> Self {
        Self {
            config,
            dumps: Default::default(),
            anchors: Vec::new(),
            ops_begun: 0,
            stopping: false,
            notices: Vec::new(),
        }
    }

    // Inputs.

    /// What a file keeps has changed. The answer tells this change from later ones.
    pub fn note_changed(&mut self, now: Instant, file: StoredFile) -> Revision {
        let urgency = if self.stopping { Urgency::AtOnce } else { file.urgency() };
        self.dump_mut(file).note_changed(now, urgency)
    }

    /// The run is over: everything that is not saved is due. `anchors` are for the next one, the
    /// best first; `None` if connections are not ours to choose. Core: `CConnman::StopNodes`.
    ///
    /// # Panics
    ///
    /// If it was called before.
    pub fn stop(&mut self, now: Instant, anchors: Option<Vec<AddrRecord>>) {
        assert!(!self.stopping, "it ends once");
        self.stopping = true;
        for dump in &mut self.dumps {
            dump.stop();
        }
        if let Some(anchors) = anchors {
            self.anchors = anchors;
            self.note_changed(now, StoredFile::Anchors);
        }
    }

    /// Copies what is due, and puts out the first operation on each of these files.
    pub fn begin_due(
        &mut self,
        now: Instant,
        contents: Contents<'_>,
        requests: &mut Vec<FileRequest>,
    ) {
        for file in StoredFile::ALL {
            if self.dump(file).is_due(now) {
                let bytes = self.encode(file, contents);
                self.dump_mut(file).begin(now, file.name(), bytes);
                self.request(file, requests);
            }
        }
    }

    /// An operation is over; puts out the next one on its file, if there is one. One that this did
    /// not ask for is passed over.
    pub fn handle_completed(
        &mut self,
        now: Instant,
        completion: FileCompletion,
        requests: &mut Vec<FileRequest>,
    ) {
        let FileCompletion { id, result } = completion;
        let mut files = StoredFile::ALL.into_iter();
        let Some(file) = files.find(|file| self.dump(*file).awaits(id)) else { return };
        match self.dump_mut(file).handle(now, result) {
            None => self.request(file, requests),
            Some(Ok(revision)) => self.notices.push(StoreNotice::Saved { file, revision }),
            Some(Err(error)) => self.notices.push(StoreNotice::NotSaved { file, error }),
        }
    }

    // Getters.

    /// When something is to be begun, if nothing changes before. A moment already past is now.
    #[must_use]
    pub fn next_wakeup(&self) -> Option<Instant> {
        self.dumps.iter().filter_map(Dump::due).min()
    }

    /// Whether this change of a file, or a later one, outlives a crash from here on.
    #[must_use]
    pub fn is_saved(&self, file: StoredFile, revision: Revision) -> bool {
        self.dump(file).saved() >= revision
    }

    /// Whether it was [stopped](Self::stop).
    #[must_use]
    pub const fn is_stopping(&self) -> bool {
        self.stopping
    }

    /// Whether it was stopped and nothing is left to do: everything is saved, or was tried in vain
    /// after the stop.
    #[must_use]
    pub fn has_finished(&self) -> bool {
        self.stopping && self.dumps.iter().all(|dump| !dump.is_busy() && dump.due().is_none())
    }

    /// What it has to tell, in order.
    pub fn take_notices(&mut self, into: &mut Vec<StoreNotice>) {
        into.append(&mut self.notices);
    }

    /// What must hold after each step.
    ///
    /// # Panics
    ///
    /// If it does not.
    pub fn check_invariants(&self) {
        for dump in &self.dumps {
            dump.check_invariants();
        }
    }

    /// A file is not there, or not under its name any more: it is made.
    fn note_missing(&mut self, now: Instant, file: StoredFile) {
        self.dump_mut(file).note_changed(now, Urgency::AtOnce);
    }

    const fn dump(&self, file: StoredFile) -> &Dump {
        &self.dumps[file as usize]
    }

    const fn dump_mut(&mut self, file: StoredFile) -> &mut Dump {
        &mut self.dumps[file as usize]
    }

    fn request(&mut self, file: StoredFile, requests: &mut Vec<FileRequest>) {
        let id = FileOpId(self.ops_begun);
        self.ops_begun += 1;
        let op = self.dump_mut(file).ask(id);
        requests.push(FileRequest { id, op });
    }

    fn encode(&self, file: StoredFile, contents: Contents<'_>) -> Arc<[u8]> {
        match file {
            StoredFile::Bans => {
                file::encode(contents.bans, &self.config.program).into_bytes().into()
            }
            StoredFile::Peers => encode_peers(contents.addrman, self.config.magic).into(),
            StoredFile::Anchors => encode_anchors(&self.anchors, self.config.magic).into(),
        }
    }
}
