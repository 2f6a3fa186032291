//! The log's file: debug.log in the data directory, or another.
//!
//! Every line is written at once, so that whoever reads the file sees an event as soon as its
//! effect. What cannot be written, as on a full disk, is lost; stderr hears of it once, the file
//! itself as soon as there is room. The node goes on in any case.
//!
//! Source: Core: logging.cpp, `Logger::StartLogging`, `Logger::ShrinkDebugFile`.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use super::tell_lost;

/// What is left of a file that is shrunk, in bytes. Core: `RECENT_DEBUG_HISTORY_SIZE`.
const RECENT_BYTES: u64 = 10_000_000;

/// A file that is larger is shrunk: a tenth more, so that it is not done at every start.
const SHRUNK_BYTES_MIN: u64 = RECENT_BYTES / 10 * 11;

/// A file that lines are added to.
pub(super) struct LogFile {
    path: PathBuf,
    /// Set when the file is to be opened anew, because somebody has moved it away.
    reopens: Arc<AtomicBool>,
    open: Mutex<Open>,
}

/// The file that lines go to now.
struct Open {
    file: File,
    state: State,
}

/// What could not be written.
#[derive(Default)]
struct State {
    /// Lines lost since the last one that is there.
    lost: u64,
    /// Whether the file ends within a line.
    is_torn: bool,
    /// Whether stderr has heard of it.
    is_told: bool,
}

impl LogFile {
    /// Opens a file at its end; makes it if it is missing.
    ///
    /// # Errors
    ///
    /// The system does not let us.
    pub(super) fn open(path: PathBuf, shrinks: bool, reopens: Arc<AtomicBool>) -> io::Result<Self> {
        let file = open(&path)?;
        if shrinks {
            // OK to go on: then it is long.
            let _ = shrink(&path);
        }
        let open = Mutex::new(Open { file, state: State::default() });
        Ok(Self { path, reopens, open })
    }

    /// Adds a line.
    pub(super) fn add(&self, line: &[u8], lost_line: impl FnOnce(u64) -> String) {
        // OK to go on after a panic: no change of it is made by halves.
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if self.reopens.swap(false, Ordering::Relaxed) {
            open.reopen(&self.path);
        }
        let Open { file, state } = &mut *open;
        if let Err(error) = state.write(&*file, line, lost_line) {
            state.lost += 1;
            if !state.is_told {
                state.is_told = true;
                tell_lost(&self.path.display(), &error);
            }
        }
    }
}

impl Open {
    /// Goes on in the file that has the path now. Where it cannot be opened, the one that was moved
    /// away takes the lines.
    fn reopen(&mut self, path: &Path) {
        if let Ok(file) = open(path) {
            self.file = file;
            self.state.is_torn = false;
        }
    }
}

impl State {
    fn write(
        &mut self,
        mut file: impl Write,
        line: &[u8],
        lost_line: impl FnOnce(u64) -> String,
    ) -> io::Result<()> {
        if self.lost > 0 {
            let end = if self.is_torn { "\n" } else { "" };
            self.write_whole(&mut file, format!("{end}{}", lost_line(self.lost)).as_bytes())?;
            self.lost = 0;
        }
        self.write_whole(&mut file, line)
    }

    /// Writes lines, or notes that the last one lacks its end.
    fn write_whole(&mut self, file: &mut impl Write, mut lines: &[u8]) -> io::Result<()> {
        while !lines.is_empty() {
            match file.write(lines) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(count) => {
                    self.is_torn = count < lines.len();
                    lines = &lines[count..];
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

fn open(path: &Path) -> io::Result<File> {
    OpenOptions::new().append(true).create(true).open(path)
}

/// Leaves the last lines of a file that has become long.
fn shrink(path: &Path) -> io::Result<()> {
    let mut file = File::open(path)?;
    let metadata = file.metadata()?;
    if !metadata.is_file() || metadata.len() <= SHRUNK_BYTES_MIN {
        return Ok(());
    }
    file.seek(SeekFrom::End(-RECENT_BYTES.cast_signed()))?;
    let mut recent = Vec::new();
    file.read_to_end(&mut recent)?;
    let first = recent.iter().position(|byte| *byte == b'\n').map_or(0, |place| place + 1);
    fs::write(path, &recent[first..])
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Takes so many bytes.
    struct Disk {
        content: Vec<u8>,
        room: usize,
    }

    impl Write for &mut Disk {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let count = bytes.len().min(self.room);
            if count == 0 {
                return Err(io::ErrorKind::StorageFull.into());
            }
            self.content.extend_from_slice(&bytes[..count]);
            self.room -= count;
            Ok(count)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn lines_that_do_not_fit_are_counted_and_told_of_when_there_is_room() {
        let mut disk = Disk { content: Vec::new(), room: 9 };
        let mut state = State::default();
        let mut add = |disk: &mut Disk, line: &str| {
            let lost_line = |lost| format!("{lost} lost\n");
            let written = state.write(disk, line.as_bytes(), lost_line);
            state.lost += u64::from(written.is_err());
        };
        for line in ["one\n", "two and more\n", "three\n"] {
            add(&mut disk, line);
        }
        assert_eq!(disk.content, b"one\ntwo a");
        disk.room = 100;
        add(&mut disk, "four\n");
        add(&mut disk, "five\n");
        assert_eq!(disk.content, b"one\ntwo a\n2 lost\nfour\nfive\n");
    }

    #[test]
    fn a_long_file_is_left_with_its_last_lines() {
        let path = std::env::temp_dir().join(format!("sockmand-shrink-{}", std::process::id()));
        let line = [&[b'a'; 999][..], b"\n"].concat();
        for (lines, left) in [(11_000, 11_000), (11_001, 9_999)] {
            fs::write(&path, line.repeat(lines)).unwrap();
            shrink(&path).unwrap();
            let content = fs::read(&path).unwrap();
            assert_eq!(content.len(), left * line.len());
            assert!(content.ends_with(&line));
        }
        fs::remove_file(&path).unwrap();
    }
}
