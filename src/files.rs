//! File work as an argument: operations are handed over, and their completions come back later.
//!
//! ```text
//!   logic --> FileRequest { id, op } --> Files --> FileCompletion { id, result } --> logic
//! ```
//!
//! An operation is one primitive: to make a file, to add a part to it, to make it durable, to
//! rename it. What takes several of them is written once above the seam ([`Replace`]), so that a
//! twin of it can stop between any two, and what is tested is the order that production takes.
//! [`OsFiles`](crate::driver::OsFiles) is the real twin, with a thread that may block.
//!
//! This room knows the folder of a network, in it the one of its blocks, and no path to either. Of
//! other rooms it takes the number of an error. docs/behaviour.md, files 1.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use crate::sockets::Errno;

mod replace;

pub use replace::{Replace, ReplaceError, ReplaceStep, TEMPORARY};

/// Operations that may be under way at once, those whose completion was not taken among them. Ours:
/// a store has one at a time, and there are four; and one block at a time is read.
pub const UNDER_WAY_MAX: usize = 16;

/// Bytes of a name, at most: ours, far below what file systems permit (255).
pub const NAME_BYTES_MAX: usize = 64;

/// Bytes that one [`FileOp::Append`] takes, at most: ours, so that whoever waits behind it does not
/// wait long.
pub const APPEND_BYTES_MAX: usize = 1 << 20;

/// The folder of blocks, in front of the names of what is in it. Core: `-blocksdir`, which may be
/// on another disk.
pub const BLOCKS_FOLDER: &str = "blocks/";

/// Work on the files of one folder, and of the one of blocks in it, which are nobody else's.
///
/// Operations are carried out one after the other, in the order in which they were handed over, and
/// completed in this order, each exactly once, whether the one before failed or not.
///
/// What is *durable* outlives a crash of the machine. Bytes of a file are, after
/// [`FileOp::Sync`]; which name stands for which file is, after [`FileOp::SyncFolder`]. Of what
/// came since, a crash leaves anything: of a file some of the changes, and zeros for bytes that
/// were not written in time; of the folder some of the names that were made, changed or removed, in
/// whatever combination. A rename happens wholly or not at all.
pub trait Files {
    /// Hands an operation over, and never waits for it.
    ///
    /// # Errors
    ///
    /// [`UNDER_WAY_MAX`] are under way; the request comes back.
    fn begin(&mut self, request: FileRequest) -> Result<(), Full>;

    /// The oldest completion that was not taken yet.
    fn take_completed(&mut self) -> Option<FileCompletion>;

    /// Waits for the oldest completion that was not taken yet; `None` if nothing is under way. For
    /// before a loop begins and after it has ended.
    fn wait(&mut self) -> Option<FileCompletion>;
}

/// As many operations are under way as may be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Full(pub FileRequest);

/// Which operation: whoever asks gives it a number of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FileOpId(pub u64);

/// An operation that is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileRequest {
    /// What its completion will be known by.
    pub id: FileOpId,
    /// What is to be done.
    pub op: FileOp,
}

/// An operation that is over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileCompletion {
    /// Which.
    pub id: FileOpId,
    /// What came of it.
    pub result: FileResult,
}

/// One operation. Unless it says otherwise it is answered with [`FileAnswer::Done`], and with
/// [`FileError::NotFound`] if a file that it names is not there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FileOp {
    /// Reads a whole file; [`FileAnswer::Read`].
    Read {
        /// Which.
        name: FileName,
        /// If it is larger it is not read: [`FileError::TooLarge`].
        bytes_max: usize,
    },
    /// Reads a part of a file; [`FileAnswer::Read`], with fewer bytes at its end and none behind.
    ReadAt {
        /// Which.
        name: FileName,
        /// Where the part begins, in bytes from the start.
        offset: u64,
        /// How many bytes it has.
        bytes_max: usize,
    },
    /// Makes an empty file, or empties the one that is there.
    Create {
        /// Which.
        name: FileName,
        /// Who may read and write it.
        access: Access,
    },
    /// Adds to the end of a file; [`FileAnswer::Appended`].
    Append {
        /// Which.
        name: FileName,
        /// What. It may take less than that: at least one byte, if there is any, and at most
        /// [`APPEND_BYTES_MAX`].
        part: Part,
    },
    /// Cuts a file to a length, or fills it up with zeros.
    Truncate {
        /// Which.
        name: FileName,
        /// Its length in bytes.
        length: u64,
    },
    /// Makes the bytes of a file durable. When this fails, what was written since it was made is
    /// lost, and may be missing although a later one succeeds: begin again with
    /// [`FileOp::Create`].
    Sync {
        /// Which.
        name: FileName,
    },
    /// Gives a file another name, which it takes from whoever has it.
    Rename {
        /// Its name until now.
        from: FileName,
        /// Its name from now on.
        to: FileName,
    },
    /// Takes a name away, and its file with it.
    Remove {
        /// Which.
        name: FileName,
    },
    /// Makes durable which names there are, in both folders.
    SyncFolder,
}

/// What an operation answers that succeeded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FileAnswer {
    /// It is done.
    Done,
    /// The bytes of the file, or of the part of it.
    Read(Vec<u8>),
    /// So many bytes were added: all of the part or its beginning.
    Appended(usize),
}

/// What came of an operation.
pub type FileResult = Result<FileAnswer, FileError>;

/// Why an operation failed. Except for [`FileOp::Sync`], which says so, it has then done nothing or
/// everything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileError {
    /// There is no such file (`ENOENT`).
    NotFound,
    /// The file has more bytes than were asked for.
    TooLarge {
        /// How many may be read.
        bytes_max: usize,
    },
    /// The name stands for something else than a file (`EISDIR`, `ENOTDIR`, `ENXIO`), also for a
    /// link to one (`ELOOP`).
    NotAFile,
    /// No room on the disk, or none for this user (`ENOSPC`, `EDQUOT`, `EFBIG`).
    NoSpace,
    /// This user may not (`EACCES`, `EPERM`).
    PermissionDenied,
    /// Nothing can be written here (`EROFS`).
    ReadOnly,
    /// No descriptor is left (`EMFILE`, `ENFILE`).
    OutOfDescriptors,
    /// Anything else; most of all `EIO`, a disk that fails.
    Io(Errno),
}

/// Who may read and write a file that is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Its owner alone. Core: common/system.cpp, `SetupEnvironment`: a umask of 0077, so that this
    /// holds for every file that it makes.
    Owner,
    /// Whoever may by the rules of this process (its umask).
    Default,
}

/// The name of a file in the folder: 1 to [`NAME_BYTES_MAX`] of `a-z A-Z 0-9 . _ -`, not dots
/// alone; or [`BLOCKS_FOLDER`] and such a name.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FileName(Cow<'static, str>);

impl FileName {
    /// A name that the program has in it.
    ///
    /// # Panics
    ///
    /// If it is none. In a constant this does not compile.
    #[must_use]
    pub const fn fixed(name: &'static str) -> Self {
        assert!(is_name(name.as_bytes()), "this is no file's name");
        Self(Cow::Borrowed(name))
    }

    /// A name that was put together; `None` if it is none.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        is_name(name.as_bytes()).then(|| Self(Cow::Owned(name.to_owned())))
    }

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The name within the folder of blocks, if the file is there.
    #[must_use]
    pub fn in_blocks(&self) -> Option<&str> {
        self.0.strip_prefix(BLOCKS_FOLDER)
    }
}

/// Whether this names a file in the folder or in that of blocks, and none elsewhere.
const fn is_name(bytes: &[u8]) -> bool {
    let folder = BLOCKS_FOLDER.as_bytes();
    let mut same = 0;
    while same < folder.len() && same < bytes.len() && bytes[same] == folder[same] {
        same += 1;
    }
    is_plain_name(if same == folder.len() { bytes.split_at(same).1 } else { bytes })
}

const fn is_plain_name(bytes: &[u8]) -> bool {
    let mut dots = 0;
    let mut at = 0;
    while at < bytes.len() {
        match bytes[at] {
            b'.' => dots += 1,
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'_' | b'-' => {}
            _ => return false,
        }
        at += 1;
    }
    // What is all dots is empty, or leads out of the folder.
    dots < bytes.len() && bytes.len() <= NAME_BYTES_MAX
}

impl fmt::Debug for FileName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for FileName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Bytes to be written, from some place on. Cheap to clone.
#[derive(Clone, PartialEq, Eq)]
pub struct Part {
    bytes: Arc<[u8]>,
    /// At most as many as there are.
    from: usize,
}

impl Part {
    /// All of them.
    #[must_use]
    pub const fn new(bytes: Arc<[u8]>) -> Self {
        Self { bytes, from: 0 }
    }

    /// What is left after so many more of them.
    ///
    /// # Panics
    ///
    /// If there are not so many.
    #[must_use]
    pub fn after(&self, count: usize) -> Self {
        assert!(count <= self.as_slice().len(), "no more is written than there is");
        Self { bytes: Arc::clone(&self.bytes), from: self.from + count }
    }

    /// The bytes.
    #[must_use]
    pub fn as_slice(&self) -> &[u8] {
        &self.bytes[self.from..]
    }

    /// Whether nothing is left.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.as_slice().is_empty()
    }
}

impl fmt::Debug for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {} bytes", self.as_slice().len(), self.bytes.len())
    }
}

impl fmt::Display for FileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotFound => f.write_str("no such file"),
            Self::TooLarge { bytes_max } => write!(f, "more than {bytes_max} bytes"),
            Self::NotAFile => f.write_str("not a file, but a link, a folder or a device"),
            Self::NoSpace => f.write_str("no space left on the disk"),
            Self::PermissionDenied => f.write_str("permission denied"),
            Self::ReadOnly => f.write_str("nothing can be written here"),
            Self::OutOfDescriptors => f.write_str("out of descriptors"),
            Self::Io(errno) => errno.fmt(f),
        }
    }
}

impl std::error::Error for FileError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn name_stays_in_its_folder() {
        let longest = "a".repeat(NAME_BYTES_MAX);
        let block = "blocks/blk00000.dat";
        for name in ["banlist.json", ".lock", "blocks", block, "..a", "-", longest.as_str()] {
            let parsed = FileName::parse(name);
            assert_eq!(parsed.as_ref().map(FileName::as_str), Some(name));
        }
        let longer = "a".repeat(NAME_BYTES_MAX + 1);
        for name in ["", ".", "..", "...", "a/b", "/a", "a b", "ä", "a\0", longer.as_str()] {
            assert_eq!(FileName::parse(name), None, "{name:?}");
            let name = format!("{BLOCKS_FOLDER}{name}");
            assert_eq!(FileName::parse(&name), None, "{name:?}");
        }
        let in_blocks = |name| FileName::fixed(name).in_blocks().map(str::to_owned);
        assert_eq!(in_blocks(block), Some("blk00000.dat".to_owned()));
        assert_eq!(in_blocks("blocks"), None);
    }

    #[test]
    fn part_goes_on_where_it_was_left() {
        let part = Part::new([1, 2, 3].into());
        assert_eq!(part.after(1).after(1).as_slice(), [3]);
        assert!(part.after(3).is_empty());
        assert!(!part.is_empty());
    }
}
