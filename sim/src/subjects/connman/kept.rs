//! Which lists of bans the next process may begin with: none that is older than the last one of
//! which the node has said that it is saved, and none that nobody has asked for.
//!
//! docs/behaviour.md, files 2. A node without a directory begins with nobody.

use std::collections::VecDeque;

use sockman::connman::Notice;
use sockman::connman::stores::{DUMP_INTERVAL, StoreNotice, StoredFile};
use sockman::files::FileOp;
use sockman::time::{Instant, UnixTime};

use super::banned::Bans;
use super::model::Wears;
use crate::subject::Sight;
use crate::world::Step;

/// The file in which a list is written, before it gets its name.
const TEMPORARY: &str = "banlist.json.tmp";

/// The lists that may be on the disk.
#[derive(Clone, Debug)]
pub(super) struct KeptBans {
    /// The last that is saved for sure; behind it those that were asked for since, in order.
    lists: VecDeque<Bans>,
    /// Which of them is being written.
    writing: Option<usize>,
    /// Whether the last of them has yet to be written.
    is_due: bool,
    /// When that is tried again, where it was tried in vain.
    again: Option<Instant>,
}

impl Default for KeptBans {
    fn default() -> Self {
        let lists = VecDeque::from([Bans::default()]);
        Self { lists, writing: None, is_due: false, again: None }
    }
}

impl KeptBans {
    /// The list is another one now.
    pub(super) fn note_changed(&mut self, bans: &Bans) {
        if self.lists.back() != Some(bans) {
            self.lists.push_back(bans.clone());
            self.is_due = true;
            self.again = None;
        }
    }

    /// Hears what is told of the file, sees what is asked for, and that nothing is left undone.
    pub(super) fn look<X: Wears>(&mut self, sight: &Sight<'_, X>) -> Result<(), String> {
        let Some(asked) = sight.asked_of_files else { return Ok(()) };
        for notice in sight.notices {
            let Notice::Store(notice) = notice else { continue };
            match notice {
                StoreNotice::Saved { file: StoredFile::Bans, .. } => self.saved()?,
                StoreNotice::NotSaved { file: StoredFile::Bans, .. } => {
                    self.writing = None;
                    self.is_due = true;
                    self.again = Some(sight.now.steady + DUMP_INTERVAL);
                }
                StoreNotice::Saved { .. }
                | StoreNotice::NotSaved { .. }
                | StoreNotice::Loaded { .. }
                | StoreNotice::Missing(_)
                | StoreNotice::SetAside { .. }
                | StoreNotice::AnchorsLost(_)
                | StoreNotice::AnchorsLeft(_) => {}
            }
        }
        let begins =
            |op: &FileOp| matches!(op, FileOp::Create { name, .. } if name.as_str() == TEMPORARY);
        if asked.iter().any(|request| begins(&request.op)) {
            self.writing = Some(self.lists.len() - 1);
            self.is_due = false;
        }
        let is_late = self.is_due && self.again.is_none_or(|at| at <= sight.now.steady);
        if matches!(sight.step, Step::Idle(_)) && is_late && self.writing.is_none() {
            return Err("the list of bans has changed, and is not saved".to_owned());
        }
        Ok(())
    }

    /// The node says that the list which it was writing outlives a crash.
    fn saved(&mut self) -> Result<(), String> {
        let writing = self.writing.take().ok_or("the list of bans was not being written")?;
        self.lists.drain(..writing);
        Ok(())
    }

    /// The next process lists these; whom that leaves banned. What it was not told is lost.
    pub(super) fn begin_again(
        &mut self,
        now: UnixTime,
        listed: &[(String, i64)],
    ) -> Result<Bans, String> {
        let read = |bans: &Bans| {
            let mut swept = bans.clone();
            swept.sweep(now);
            swept.check_list(listed.to_vec()).is_ok().then_some(swept)
        };
        let found = self.lists.iter().enumerate().rev();
        let found = found.filter_map(|(place, bans)| Some((place, read(bans)?))).next();
        let Some((place, bans)) = found else {
            let (oldest, latest) = (self.lists.front(), self.lists.back());
            return Err(format!(
                "after the restart {listed:?} is listed; saved was {oldest:?}, asked for {latest:?}"
            ));
        };
        // After a restart without a crash, an older one may still come back with the next crash.
        self.lists.truncate(place + 1);
        self.note_changed(&bans);
        // Nobody can tell a list whose bans are over from one that had none: whether it is written
        // anew is not looked at.
        self.writing = None;
        self.is_due = false;
        Ok(bans)
    }
}
