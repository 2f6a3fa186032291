//! The task `stores`: what outlives the run, written as it changes.
//!
//! A step copies what is due and asks for the first operations; what comes of these is heard
//! between steps, and is answered with the next ones. Bans and addresses are the manager's own.
//!
//! Blocks are the chain's (`blocks/keep.rs`).
//!
//! docs/behaviour.md, files 2 and 3. Core: the scheduler runs `BanMan::DumpBanlist` and
//! `CConnman::DumpAddresses`.

use super::addrman::AddrMan;
use super::bans::BanList;
use super::host::Cjdns;
use super::stores::{AnchorUse, Contents, Loaded, Loading, StoreConfig, StoredFile, Stores};
use super::{ConnMan, Notice, Outbound};
use crate::files::{FileCompletion, FileRequest};
use crate::sockman::StepName;
use crate::time::{Instant, Now};

/// How what outlives the run is written.
#[derive(Clone, Debug)]
pub(super) struct Kept {
    stores: Stores,
    /// What is asked for and was not taken yet, at most one operation a file.
    requests: Vec<FileRequest>,
}

impl Kept {
    pub(super) fn next_wakeup(&self) -> Option<Instant> {
        self.stores.next_wakeup()
    }

    pub(super) fn take_requests(&mut self, requests: &mut Vec<FileRequest>) {
        requests.append(&mut self.requests);
    }

    pub(super) fn check_invariants(&self) {
        assert!(self.requests.len() <= StoredFile::ALL.len(), "one operation a file at a time");
        self.stores.check_invariants();
    }

    fn begin_due(&mut self, now: Now, bans: &BanList, addrman: &AddrMan) {
        let contents = Contents { bans, addrman };
        self.stores.begin_due(now.steady, contents, &mut self.requests);
    }
}

impl ConnMan {
    /// What the run before has kept for this one, to be read. `program` is who writes the ban list,
    /// as it says.
    #[must_use]
    pub fn loading(&self, program: &str) -> Loading {
        let config = &self.config;
        let stores = StoreConfig {
            magic: config.network.magic(),
            program: program.to_owned(),
            cjdns: Cjdns::Unreachable,
        };
        let bans = BanList::new(config.ban_time);
        let anchors = match config.outbound {
            Outbound::Automatic { .. } => AnchorUse::Used,
            Outbound::None | Outbound::List(_) => AnchorUse::Unused,
        };
        Loading::new(stores, anchors, bans, self.addrman.clone())
    }

    /// The same with what was kept, and keeping what changes from here on. Its driver has files.
    ///
    /// # Panics
    ///
    /// If somebody is banned or known already, or there are anchors and connections are not ours to
    /// choose.
    #[must_use]
    pub fn with_loaded(mut self, loaded: Loaded) -> Self {
        let Loaded { bans, addrman, anchors, stores } = loaded;
        assert_eq!(self.bans.count(), 0, "bans come from their file");
        assert_eq!(self.addrman.size(None, None), 0, "addresses come from their file");
        self.bans = bans;
        self.addrman = addrman;
        self.opener.use_anchors(anchors);
        self.kept = Some(Kept { stores, requests: Vec::new() });
        self.tell_of_stores();
        self
    }

    /// The list of bans has changed.
    pub(super) fn bans_changed(&mut self, now: Now) {
        if let Some(kept) = &mut self.kept {
            kept.stores.note_changed(now.steady, StoredFile::Bans);
        }
    }

    /// The known addresses have changed.
    pub(super) fn addresses_changed(&mut self, now: Now) {
        if let Some(kept) = &mut self.kept {
            kept.stores.note_changed(now.steady, StoredFile::Peers);
        }
    }

    /// When something begins to be written.
    pub(super) fn next_stores_wakeup(&self) -> Option<Instant> {
        let kept = self.kept.as_ref().and_then(Kept::next_wakeup);
        let blocks = self.chain.as_ref().and_then(|sync| sync.next_save());
        [kept, blocks].into_iter().flatten().min()
    }

    pub(super) fn next_stores_step(&self, now: Now) -> Option<StepName<'static>> {
        let due = self.next_stores_wakeup()?;
        (due <= now.steady).then_some(StepName { verb: "saves", object: "", conn: None })
    }

    /// Everything that is due begins to be written.
    pub(super) fn step_stores(&mut self, now: Now) {
        if let Some(kept) = &mut self.kept {
            kept.begin_due(now, &self.bans, &self.addrman);
        }
        if let Some(sync) = &mut self.chain {
            sync.begin_due(now, &mut self.block_requests);
        }
    }

    /// What is asked of files, by whatever keeps something.
    pub(super) fn take_requests(&mut self, requests: &mut Vec<FileRequest>) {
        if let Some(kept) = &mut self.kept {
            kept.take_requests(requests);
        }
        requests.append(&mut self.block_requests);
        if let Some(sync) = &mut self.chain {
            sync.take_read(requests);
        }
    }

    /// An operation is over.
    pub(super) fn file_completed(&mut self, now: Now, completion: FileCompletion) {
        if let Some(sync) = &mut self.chain {
            let told = sync.file_completed(now, completion.clone(), &mut self.block_requests);
            self.notices.extend(told.map(Notice::Blocks));
        }
        let Some(kept) = &mut self.kept else { return };
        kept.stores.handle_completed(now.steady, completion, &mut kept.requests);
        // What has changed meanwhile is due now, and no step follows the end.
        if kept.stores.is_stopping() {
            kept.begin_due(now, &self.bans, &self.addrman);
        }
        self.tell_of_stores();
    }

    /// The run is over: what is not saved begins to be written.
    pub(super) fn stop_stores(&mut self, now: Now) {
        if let Some(sync) = &mut self.chain {
            sync.stop(now, &mut self.block_requests);
        }
        let Some(kept) = &mut self.kept else { return };
        if !kept.stores.is_stopping() {
            kept.stores.stop(now.steady, self.opener.take_anchors());
            kept.begin_due(now, &self.bans, &self.addrman);
        }
    }

    fn tell_of_stores(&mut self) {
        let mut told = Vec::new();
        if let Some(kept) = &mut self.kept {
            kept.stores.take_notices(&mut told);
        }
        self.notices.extend(told.into_iter().map(Notice::Store));
    }
}
