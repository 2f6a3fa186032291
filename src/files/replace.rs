//! A whole file in place of another, such that after a crash there is either of them, whole.
//!
//! ```text
//!   create temporary --> append ... --> sync --> rename --> sync folder --> saved
//!          |               |             |          |            |
//!          '------ fails: remove temporary ---------'            '--> not saved, and may be there
//! ```
//!
//! The bytes are durable before the name stands for them, and it is saved once the name is durable
//! too. Core: addrdb.cpp, `SerializeFileDB`, which leaves out the last step.

use std::fmt;
use std::sync::Arc;

use super::{Access, FileAnswer, FileError, FileName, FileOp, FileResult, Part};

/// What is added to the name of the file while it is being written. Core: four hexadecimal digits,
/// drawn each time, so that those of a process that was killed stay for ever.
pub const TEMPORARY: &str = ".tmp";

/// A replacement under way: [`op`](Self::op) says what to begin, [`handle`](Self::handle) hears
/// what came of it.
#[derive(Clone, Debug)]
pub struct Replace {
    target: FileName,
    temporary: FileName,
    access: Access,
    /// What is not written yet.
    rest: Part,
    step: ReplaceStep,
    /// Why it is being given up.
    failed: Option<ReplaceError>,
}

/// Where a replacement stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReplaceStep {
    /// The temporary file is made.
    Create,
    /// It is written.
    Append,
    /// Its bytes are made durable.
    Sync,
    /// It gets the name.
    Rename,
    /// The name is made durable.
    SyncFolder,
    /// It failed, and the temporary file goes.
    CleanUp,
}

/// Why a file was not replaced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReplaceError {
    /// At which step.
    pub step: ReplaceStep,
    /// What happened there.
    pub error: FileError,
}

impl Replace {
    /// A replacement that has not begun.
    ///
    /// # Panics
    ///
    /// If the name leaves no room for [`TEMPORARY`].
    #[must_use]
    pub fn new(target: FileName, access: Access, bytes: Arc<[u8]>) -> Self {
        let temporary = FileName::parse(&format!("{target}{TEMPORARY}"));
        let temporary = temporary.expect("our names are short");
        let rest = Part::new(bytes);
        Self { target, temporary, access, rest, step: ReplaceStep::Create, failed: None }
    }

    /// What is to be done now.
    #[must_use]
    pub fn op(&self) -> FileOp {
        let name = self.temporary.clone();
        match self.step {
            ReplaceStep::Create => FileOp::Create { name, access: self.access },
            ReplaceStep::Append => FileOp::Append { name, part: self.rest.clone() },
            ReplaceStep::Sync => FileOp::Sync { name },
            ReplaceStep::Rename => FileOp::Rename { from: name, to: self.target.clone() },
            ReplaceStep::SyncFolder => FileOp::SyncFolder,
            ReplaceStep::CleanUp => FileOp::Remove { name },
        }
    }

    /// Hears what came of it. `None`: there is more to do. Otherwise it is over, and saved or not.
    ///
    /// # Panics
    ///
    /// If the answer is not one to [`op`](Self::op) as [`FileOp`] says.
    #[must_use]
    pub fn handle(&mut self, result: FileResult) -> Option<Result<(), ReplaceError>> {
        if let Some(failed) = self.failed {
            // OK to ignore what became of the temporary file: the next replacement empties it.
            return Some(Err(failed));
        }
        let answer = match result {
            Ok(answer) => answer,
            Err(error) => return self.fail(error),
        };
        if let (ReplaceStep::Append, FileAnswer::Appended(count)) = (self.step, &answer) {
            assert!(*count > 0, "at least one byte is taken");
            self.rest = self.rest.after(*count);
        } else {
            assert_eq!(answer, FileAnswer::Done, "the answer is one to what was asked");
        }
        self.step = match self.step {
            ReplaceStep::Create | ReplaceStep::Append if !self.rest.is_empty() => {
                ReplaceStep::Append
            }
            ReplaceStep::Create | ReplaceStep::Append => ReplaceStep::Sync,
            ReplaceStep::Sync => ReplaceStep::Rename,
            ReplaceStep::Rename => ReplaceStep::SyncFolder,
            ReplaceStep::SyncFolder | ReplaceStep::CleanUp => return Some(Ok(())),
        };
        None
    }

    fn fail(&mut self, error: FileError) -> Option<Result<(), ReplaceError>> {
        let failed = ReplaceError { step: self.step, error };
        if self.step == ReplaceStep::SyncFolder {
            // There is no temporary file any more.
            return Some(Err(failed));
        }
        self.failed = Some(failed);
        self.step = ReplaceStep::CleanUp;
        None
    }
}

impl fmt::Display for ReplaceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match self.step {
            ReplaceStep::Create => "cannot make a temporary file",
            ReplaceStep::Append => "cannot write the temporary file",
            ReplaceStep::Sync => "cannot flush the temporary file",
            ReplaceStep::Rename => "cannot rename the temporary file",
            ReplaceStep::SyncFolder => "cannot flush the folder",
            ReplaceStep::CleanUp => "cannot remove the temporary file",
        };
        write!(f, "{what}: {}", self.error)
    }
}

impl std::error::Error for ReplaceError {}

#[cfg(test)]
mod tests {
    use super::*;

    fn replace(bytes: &[u8]) -> Replace {
        Replace::new(FileName::fixed("a"), Access::Owner, bytes.into())
    }

    /// How the operations read, until it is over or `fails` says how one of them fails.
    fn ops(mut replace: Replace, fails: Option<ReplaceStep>) -> (String, Result<(), ReplaceError>) {
        let mut ops = Vec::new();
        loop {
            let op = replace.op();
            let (text, answer) = match &op {
                FileOp::Create { name, .. } => (format!("create {name}"), FileAnswer::Done),
                FileOp::Append { part, .. } => {
                    let count = part.as_slice().len().min(2);
                    (format!("append {count}"), FileAnswer::Appended(count))
                }
                FileOp::Sync { name } => (format!("sync {name}"), FileAnswer::Done),
                FileOp::Rename { from, to } => (format!("{from} to {to}"), FileAnswer::Done),
                FileOp::SyncFolder => ("sync folder".to_owned(), FileAnswer::Done),
                FileOp::Remove { name } => (format!("remove {name}"), FileAnswer::Done),
                FileOp::Read { .. } | FileOp::ReadAt { .. } | FileOp::Truncate { .. } => {
                    panic!("{op:?}")
                }
            };
            ops.push(text);
            let fails = fails == Some(replace.step);
            let result = if fails { Err(FileError::NoSpace) } else { Ok(answer) };
            if let Some(end) = replace.handle(result) {
                return (ops.join(", "), end);
            }
        }
    }

    #[test]
    fn bytes_are_durable_before_the_name_stands_for_them() {
        let (ops, end) = ops(replace(b"abc"), None);
        let steps = "create a.tmp, append 2, append 1, sync a.tmp, a.tmp to a, sync folder";
        assert_eq!((ops.as_str(), end), (steps, Ok(())));
    }

    #[test]
    fn empty_file_is_one_too() {
        let (ops, end) = ops(replace(b""), None);
        assert_eq!(
            (ops.as_str(), end),
            ("create a.tmp, sync a.tmp, a.tmp to a, sync folder", Ok(()))
        );
    }

    #[test]
    fn what_failed_leaves_no_temporary_file() {
        for (step, expected) in [
            (ReplaceStep::Create, "create a.tmp, remove a.tmp"),
            (ReplaceStep::Append, "create a.tmp, append 2, remove a.tmp"),
            (ReplaceStep::Sync, "create a.tmp, append 2, sync a.tmp, remove a.tmp"),
            (ReplaceStep::Rename, "create a.tmp, append 2, sync a.tmp, a.tmp to a, remove a.tmp"),
            (
                ReplaceStep::SyncFolder,
                "create a.tmp, append 2, sync a.tmp, a.tmp to a, sync folder",
            ),
        ] {
            let (ops, end) = ops(replace(b"ab"), Some(step));
            assert_eq!(ops, expected);
            assert_eq!(end, Err(ReplaceError { step, error: FileError::NoSpace }));
        }
    }
}
