//! One file that follows what it keeps: when it is due, and which change it has.

use std::sync::Arc;

use super::{DUMP_INTERVAL, Revision};
use crate::files::{Access, FileName, FileOp, FileOpId, FileResult, Replace, ReplaceError};
use crate::time::Instant;

/// How soon a change is to be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Urgency {
    /// As soon as what is being written is.
    AtOnce,
    /// Within [`DUMP_INTERVAL`].
    InTime,
}

/// One file. At most one writing is under way.
#[derive(Clone, Debug, Default)]
pub(super) struct Dump {
    /// The last change of what it keeps.
    changed: Revision,
    /// The last change that the file has for sure.
    saved: Revision,
    /// When a change that is not saved is to be written. Steady clock, as Core's scheduler. `None`:
    /// there is none, or it was tried for the last time.
    due: Option<Instant>,
    writing: Option<Writing>,
    /// Nothing waits any more.
    stopping: bool,
}

#[derive(Clone, Debug)]
struct Writing {
    replace: Replace,
    /// The last change that was copied.
    revision: Revision,
    /// The operation under way.
    awaits: Option<FileOpId>,
    /// Whether the run was over when it began, so that nothing is tried after it.
    is_last: bool,
}

impl Dump {
    pub(super) fn note_changed(&mut self, now: Instant, urgency: Urgency) -> Revision {
        self.changed.0 += 1;
        let at = match urgency {
            Urgency::AtOnce => now,
            Urgency::InTime => now + DUMP_INTERVAL,
        };
        // Of several changes the first that is due counts.
        self.due = Some(self.due.map_or(at, |due| due.min(at)));
        self.changed
    }

    /// From now on what is due is due at once, and tried in vain no more than once.
    pub(super) fn stop(&mut self) {
        self.stopping = true;
        self.due = self.due.map(|_| Instant::START);
    }

    pub(super) fn is_due(&self, now: Instant) -> bool {
        self.due().is_some_and(|due| due <= now)
    }

    /// Begins to write a copy of what it keeps now.
    pub(super) fn begin(&mut self, now: Instant, name: FileName, bytes: Arc<[u8]>) {
        assert!(self.is_due(now), "it is written when it is due");
        let replace = Replace::new(name, Access::Owner, bytes);
        let (revision, is_last) = (self.changed, self.stopping);
        self.writing = Some(Writing { replace, revision, awaits: None, is_last });
        // The mark goes with the copy (Core: `BanMan::DumpBanlist`): whatever changes from here on
        // is not in it.
        self.due = None;
    }

    /// The operation that is next.
    pub(super) fn ask(&mut self, id: FileOpId) -> FileOp {
        let writing = self.writing.as_mut().expect("a writing is under way");
        assert_eq!(writing.awaits, None, "one operation after the other");
        writing.awaits = Some(id);
        writing.replace.op()
    }

    pub(super) fn awaits(&self, id: FileOpId) -> bool {
        self.writing.as_ref().is_some_and(|writing| writing.awaits == Some(id))
    }

    /// The operation under way is over. `None`: there is another one. Otherwise this writing is
    /// over: the last change that is saved now, or why not.
    pub(super) fn handle(
        &mut self,
        now: Instant,
        result: FileResult,
    ) -> Option<Result<Revision, ReplaceError>> {
        let writing = self.writing.as_mut().expect("a writing is under way");
        writing.awaits = None;
        let end = writing.replace.handle(result)?;
        let (revision, is_last) = (writing.revision, writing.is_last);
        self.writing = None;
        if let Err(error) = end {
            // The mark comes back, and a full disk is not tried again and again.
            let at = if self.stopping { now } else { now + DUMP_INTERVAL };
            if !is_last {
                self.due = Some(self.due.map_or(at, |due| due.min(at)));
            }
            return Some(Err(error));
        }
        self.saved = revision;
        Some(Ok(revision))
    }

    /// When to begin; never while a writing is under way.
    pub(super) fn due(&self) -> Option<Instant> {
        if self.is_busy() { None } else { self.due }
    }

    pub(super) const fn saved(&self) -> Revision {
        self.saved
    }

    pub(super) const fn is_busy(&self) -> bool {
        self.writing.is_some()
    }

    pub(super) fn check_invariants(&self) {
        let copied = self.writing.as_ref().map_or(self.saved, |writing| writing.revision);
        assert!(self.saved <= copied && copied <= self.changed, "nothing is saved before it is");
        if copied < self.changed && !self.stopping {
            assert!(self.due.is_some(), "what is not being saved is due");
        }
    }
}
