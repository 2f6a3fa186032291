//! The one place that touches files: a folder on a disk, perhaps another one for blocks, and a
//! thread that may wait for them.
//!
//! ```text
//!   begin --> bounded queue --> thread: one after the other --> completions --> take_completed
//!                                                   '--> waker: ends the wait of the loop
//! ```
//!
//! Calls are made relative to a folder as it was opened, so that neither a change of the working
//! directory nor a rename of the folder sends them elsewhere.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::os::fd::OwnedFd;
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::thread::{self, JoinHandle};

use rustix::fs::{AtFlags, Mode, OFlags, openat, renameat, unlinkat};
use rustix::io::Errno as SystemErrno;

use crate::files::{
    APPEND_BYTES_MAX, Access, FileAnswer, FileCompletion, FileError, FileName, FileOp, FileRequest,
    FileResult, Files, Full, UNDER_WAY_MAX,
};
use crate::sockets::{Errno, Wake};

/// What opening never does: outlive an `exec`, wait for the other end of a pipe, or make this
/// process somebody's terminal's.
const OPEN: OFlags = OFlags::CLOEXEC.union(OFlags::NONBLOCK).union(OFlags::NOCTTY);

/// What opening a file never does, too: follow a link. Whoever followed one would write to what is
/// not of the folder, and saving would put a file in the place of the link.
const OPEN_FILE: OFlags = OPEN.union(OFlags::NOFOLLOW);

/// The files of a folder on a disk. Dropping it waits until everything that was begun is done.
#[derive(Debug)]
pub struct OsFiles {
    /// `None` once it is being dropped.
    requests: Option<SyncSender<FileRequest>>,
    completions: Receiver<FileCompletion>,
    thread: Option<JoinHandle<()>>,
    /// Operations that were begun and whose completion was not taken.
    under_way: usize,
}

impl OsFiles {
    /// The files of the folder at `path`. After each completion `waker` ends the wait of whoever
    /// is to take it.
    ///
    /// # Errors
    ///
    /// There is no such folder, it may not be read, or the system has no descriptor or no thread
    /// left.
    pub fn open(path: &Path, waker: impl Wake) -> Result<Self, FileError> {
        Self::start(
            Folder { folder: open_folder(path)?, blocks: None, written: BTreeMap::new() },
            waker,
        )
    }

    /// The same, with the folder at `blocks` for the names that begin with
    /// [`BLOCKS_FOLDER`](crate::files::BLOCKS_FOLDER). Without it there are no such files.
    ///
    /// # Errors
    ///
    /// As [`open`](Self::open), of either.
    pub fn open_with_blocks(
        path: &Path,
        blocks: &Path,
        waker: impl Wake,
    ) -> Result<Self, FileError> {
        let (folder, blocks) = (open_folder(path)?, Some(open_folder(blocks)?));
        Self::start(Folder { folder, blocks, written: BTreeMap::new() }, waker)
    }

    fn start(folder: Folder, waker: impl Wake) -> Result<Self, FileError> {
        let (requests, queue) = sync_channel(UNDER_WAY_MAX);
        let (done, completions) = channel();
        let work = move || folder.work(&queue, &done, &waker);
        let thread = thread::Builder::new().name("files".to_owned()).spawn(work);
        let thread = Some(thread.map_err(|error| from_io(&error))?);
        Ok(Self { requests: Some(requests), completions, thread, under_way: 0 })
    }
}

fn open_folder(path: &Path) -> Result<File, FileError> {
    let flags = OPEN | OFlags::DIRECTORY | OFlags::RDONLY;
    rustix::fs::open(path, flags, Mode::empty()).map(File::from).map_err(from_errno)
}

impl Files for OsFiles {
    fn begin(&mut self, request: FileRequest) -> Result<(), Full> {
        if self.under_way == UNDER_WAY_MAX {
            return Err(Full(request));
        }
        self.under_way += 1;
        let requests = self.requests.as_ref().expect("it is not being dropped");
        // Does not wait: the queue has a place for each that may be under way.
        requests.send(request).expect("the thread lives as long as this");
        Ok(())
    }

    fn take_completed(&mut self) -> Option<FileCompletion> {
        let completion = self.completions.try_recv().ok()?;
        self.under_way -= 1;
        Some(completion)
    }

    fn wait(&mut self) -> Option<FileCompletion> {
        if self.under_way == 0 {
            return None;
        }
        let completion = self.completions.recv();
        self.under_way -= 1;
        Some(completion.expect("the thread lives as long as this"))
    }
}

impl Drop for OsFiles {
    fn drop(&mut self) {
        self.requests = None;
        if let Some(thread) = self.thread.take() {
            // OK to ignore: a thread that panicked has said so itself.
            let _panicked = thread.join();
        }
    }
}

/// What the thread has.
#[derive(Debug)]
struct Folder {
    folder: File,
    blocks: Option<File>,
    /// Files that were written and not synced since. They stay open, because an error in writing
    /// back can be lost with the last descriptor of its file (`fsync(2)`).
    written: BTreeMap<FileName, File>,
}

impl Folder {
    fn work(
        mut self,
        requests: &Receiver<FileRequest>,
        completions: &Sender<FileCompletion>,
        waker: &impl Wake,
    ) {
        for FileRequest { id, op } in requests {
            let result = self.carry_out(&op);
            // OK to ignore: whoever is dropping the other end wants no answer.
            let _unheard = completions.send(FileCompletion { id, result });
            waker.wake();
        }
    }

    fn carry_out(&mut self, op: &FileOp) -> FileResult {
        match op {
            FileOp::Read { name, bytes_max } => return self.read(name, *bytes_max),
            FileOp::ReadAt { name, offset, bytes_max } => {
                return self.read_at(name, *offset, *bytes_max);
            }
            FileOp::Create { name, access } => self.create(name, *access)?,
            FileOp::Append { name, part } => return self.append(name, part.as_slice()),
            FileOp::Truncate { name, length } => {
                self.written(name)?.set_len(*length).map_err(|error| from_io(&error))?;
            }
            FileOp::Sync { name } => {
                let synced = self.written(name)?.sync_all();
                self.written.remove(name);
                synced.map_err(|error| from_io(&error))?;
            }
            FileOp::Rename { from, to } => {
                let ((from_folder, old), (to_folder, new)) = (self.place(from)?, self.place(to)?);
                renameat(from_folder, old, to_folder, new).map_err(from_errno)?;
                // Whoever had the name has none any more; the one renamed is found under the new.
                self.written.remove(to);
                if let Some(file) = self.written.remove(from) {
                    self.written.insert(to.clone(), file);
                }
            }
            FileOp::Remove { name } => {
                let (folder, file) = self.place(name)?;
                unlinkat(folder, file, AtFlags::empty()).map_err(from_errno)?;
                self.written.remove(name);
            }
            FileOp::SyncFolder => self.sync_folders()?,
        }
        Ok(FileAnswer::Done)
    }

    fn read(&self, name: &FileName, bytes_max: usize) -> FileResult {
        let file = self.open(name, OFlags::RDONLY)?;
        // One byte more tells a file that is too large, however it grows meanwhile.
        let limit = u64::try_from(bytes_max).unwrap_or(u64::MAX).saturating_add(1);
        let mut bytes = Vec::new();
        file.take(limit).read_to_end(&mut bytes).map_err(|error| from_io(&error))?;
        if bytes.len() > bytes_max {
            return Err(FileError::TooLarge { bytes_max });
        }
        Ok(FileAnswer::Read(bytes))
    }

    fn read_at(&self, name: &FileName, offset: u64, bytes_max: usize) -> FileResult {
        let file = self.open(name, OFlags::RDONLY)?;
        let mut bytes = vec![0; bytes_max];
        let mut filled = 0;
        while filled < bytes_max {
            match file.read_at(&mut bytes[filled..], offset.saturating_add(filled as u64)) {
                Ok(0) => break,
                Ok(count) => filled += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(from_io(&error)),
            }
        }
        bytes.truncate(filled);
        Ok(FileAnswer::Read(bytes))
    }

    /// The folder of a file, and its name there.
    fn place<'a>(&'a self, name: &'a FileName) -> Result<(&'a File, &'a str), FileError> {
        match name.in_blocks() {
            None => Ok((&self.folder, name.as_str())),
            Some(name) => Ok((self.blocks.as_ref().ok_or(FileError::NotFound)?, name)),
        }
    }

    fn create(&mut self, name: &FileName, access: Access) -> Result<(), FileError> {
        let mode = match access {
            Access::Owner => Mode::RUSR | Mode::WUSR,
            Access::Default => Mode::from_raw_mode(0o666),
        };
        let make = OFlags::WRONLY | OFlags::APPEND | OFlags::CREATE | OFlags::TRUNC;
        let flags = OPEN_FILE | make;
        let (folder, in_folder) = self.place(name)?;
        let file = retry(|| openat(folder, in_folder, flags, mode))?;
        let file = regular(file)?;
        if access == Access::Owner {
            // One that was there may have been anybody's to read.
            rustix::fs::fchmod(&file, mode).map_err(from_errno)?;
        }
        self.written.insert(name.clone(), file);
        Ok(())
    }

    fn append(&mut self, name: &FileName, bytes: &[u8]) -> FileResult {
        let bytes = &bytes[..bytes.len().min(APPEND_BYTES_MAX)];
        let file = self.written(name)?;
        loop {
            match file.write(bytes) {
                // A disk that takes nothing is full, whatever it calls that.
                Ok(0) if !bytes.is_empty() => return Err(FileError::NoSpace),
                Ok(count) => return Ok(FileAnswer::Appended(count)),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(from_io(&error)),
            }
        }
    }

    fn sync_folders(&self) -> Result<(), FileError> {
        for folder in [Some(&self.folder), self.blocks.as_ref()].into_iter().flatten() {
            match folder.sync_all() {
                // File systems without such a thing say so (`fsync(2)`), and nothing else can be
                // done.
                Err(error) if error.raw_os_error() == Some(SystemErrno::INVAL.raw_os_error()) => {}
                synced => synced.map_err(|error| from_io(&error))?,
            }
        }
        Ok(())
    }

    /// A file to be written or synced.
    fn written(&mut self, name: &FileName) -> Result<&mut File, FileError> {
        if !self.written.contains_key(name) {
            let file = self.open(name, OFlags::WRONLY | OFlags::APPEND)?;
            self.written.insert(name.clone(), file);
        }
        Ok(self.written.get_mut(name).expect("it was put there"))
    }

    fn open(&self, name: &FileName, flags: OFlags) -> Result<File, FileError> {
        let (folder, name) = self.place(name)?;
        regular(retry(|| openat(folder, name, OPEN_FILE | flags, Mode::empty()))?)
    }
}

fn retry(call: impl FnMut() -> rustix::io::Result<OwnedFd>) -> Result<OwnedFd, FileError> {
    rustix::io::retry_on_intr(call).map_err(from_errno)
}

/// A file, if it is one and not a folder, a pipe, or a device.
fn regular(file: OwnedFd) -> Result<File, FileError> {
    let file = File::from(file);
    let metadata = file.metadata().map_err(|error| from_io(&error))?;
    if metadata.is_file() { Ok(file) } else { Err(FileError::NotAFile) }
}

fn from_io(error: &io::Error) -> FileError {
    // Errors without a number are the library's own, of which these calls have none.
    from_errno(SystemErrno::from_raw_os_error(error.raw_os_error().unwrap_or_default()))
}

fn from_errno(errno: SystemErrno) -> FileError {
    match errno {
        SystemErrno::NOENT => FileError::NotFound,
        SystemErrno::ISDIR | SystemErrno::NOTDIR | SystemErrno::LOOP | SystemErrno::NXIO => {
            FileError::NotAFile
        }
        SystemErrno::NOSPC | SystemErrno::DQUOT | SystemErrno::FBIG => FileError::NoSpace,
        SystemErrno::ACCESS | SystemErrno::PERM => FileError::PermissionDenied,
        SystemErrno::ROFS => FileError::ReadOnly,
        SystemErrno::MFILE | SystemErrno::NFILE => FileError::OutOfDescriptors,
        errno => FileError::Io(Errno(errno.raw_os_error())),
    }
}

#[cfg(test)]
pub(super) mod tests;
