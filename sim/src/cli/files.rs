//! Schedules in files: texts, artifacts, failure folders; and files that are written whole or not
//! at all.

use std::fs;
use std::io::{self, ErrorKind, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::string::FromUtf8Error;

use sockman_sim::fuzz;
use sockman_sim::run::SetupError;
use sockman_sim::schedule::{Schedule, Source};

use super::{Error, artifacts};

/// How the text of a schedule is named.
pub(super) const EXTENSION: &str = "case";

/// The schedule in a failure folder, and the story that an exact replay must repeat.
pub(super) const FAILED_SCHEDULE: &str = "schedule.case";
pub(super) const FAILED_STORY: &str = "story.txt";

/// Bytes of a schedule at most: more than any that a campaign has written, less than memory. What
/// is named may be a device that never ends.
const BYTES_MAX: u64 = 1 << 28;

/// Files and folders that are looked at below one folder, at most: far more than a corpus has, and
/// a second's work. Whoever names more, such as the root of a system, has named the wrong one.
const ENTRIES_MAX: usize = 200_000;

/// The smallest schedule that fails in the same way, beside them.
pub(super) const SHRUNK_SCHEDULE: &str = "shrunk.case";

/// Every schedule under some paths, in their order.
pub(super) fn find_all(paths: &[PathBuf]) -> Result<Vec<PathBuf>, Error> {
    let mut found = Vec::new();
    for path in paths {
        found.extend(find(path)?);
    }
    Ok(found)
}

/// Every schedule under a path: the file itself, a failure folder's, or all texts of a folder, in
/// the order of their names. Links to folders are not followed, so that none is entered twice.
pub(super) fn find(path: &Path) -> Result<Vec<PathBuf>, Error> {
    find_among(path, ENTRIES_MAX)
}

fn find_among(path: &Path, entries_max: usize) -> Result<Vec<PathBuf>, Error> {
    // Also a pipe: who names one, as a shell does for `<(…)`, has something in it.
    if !fs::metadata(path).map_err(Error::file(path))?.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let mut found = Vec::new();
    let mut left = entries_max;
    collect(path, &mut found, &mut left)?;
    found.sort();
    if found.is_empty() { Err(Error::NoSchedules(path.to_owned())) } else { Ok(found) }
}

/// The one schedule under a path; `verb` is what is to be done with it.
pub(super) fn find_one(path: &Path, verb: &str) -> Result<PathBuf, Error> {
    let mut files = find(path)?;
    match (files.pop(), files.len()) {
        (Some(file), 0) => Ok(file),
        (_, others) => {
            let (path, count) = (path.display(), others + 1);
            Err(Error::Usage(format!("{path}: {count} schedules; {verb} one at a time")))
        }
    }
}

/// Adds the schedules of a folder, which may have `left` entries.
fn collect(folder: &Path, found: &mut Vec<PathBuf>, left: &mut usize) -> Result<(), Error> {
    let failed = folder.join(FAILED_SCHEDULE);
    if failed.is_file() {
        found.push(failed);
        return Ok(());
    }
    for entry in fs::read_dir(folder).map_err(Error::file(folder))? {
        let entry = entry.map_err(Error::file(folder))?;
        *left = left.checked_sub(1).ok_or_else(|| {
            let problem = "too many files to look at; name a smaller folder";
            Error::Usage(format!("{}: {problem}", folder.display()))
        })?;
        let path = entry.path();
        if entry.file_type().map_err(Error::file(&path))?.is_dir() {
            collect(&path, found, left)?;
        } else if path.extension().is_some_and(|extension| extension == EXTENSION)
            // What is missing is for whoever reads it to tell; a pipe would never end.
            && fs::metadata(&path).map_or(true, |metadata| metadata.is_file())
        {
            found.push(path);
        }
    }
    Ok(())
}

/// What a file holds.
fn read_bytes(path: &Path) -> Result<Vec<u8>, Error> {
    let mut bytes = Vec::new();
    let file = fs::File::open(path).map_err(Error::file(path))?;
    file.take(BYTES_MAX + 1).read_to_end(&mut bytes).map_err(Error::file(path))?;
    if bytes.len() as u64 > BYTES_MAX {
        let problem = "no schedule is as long as that";
        return Err(Error::Usage(format!("{}: {problem}", path.display())));
    }
    Ok(bytes)
}

/// A schedule, and its text if it was one.
pub(super) struct Read {
    pub(super) schedule: Schedule,
    pub(super) source: Option<Source>,
}

impl Read {
    /// An error of it, with its place where its line is known.
    pub(super) fn setup_error(&self, file: &Path, error: SetupError) -> Error {
        let source = self.source.as_ref();
        match source.and_then(|source| error.in_text(&self.schedule, source)) {
            Some(placed) => Error::Parse(Box::new(placed)),
            None => Error::Setup(file.to_owned(), error),
        }
    }
}

/// The schedule in a file. A file that is not text is a fuzzer's.
pub(super) fn read(path: &Path) -> Result<Read, Error> {
    let bytes = read_bytes(path)?;
    let named_as_text = path.extension().is_some_and(|extension| extension == EXTENSION);
    match String::from_utf8(bytes) {
        Ok(text) if named_as_text || looks_like_text(&text) => {
            let name = path.display().to_string();
            let (schedule, source) = Schedule::parse_with_source(&name, &text)
                .map_err(|error| Error::Parse(Box::new(error)))?;
            Ok(Read { schedule, source: Some(source) })
        }
        Ok(text) => Ok(artifact(path, text.as_bytes())),
        Err(error) if named_as_text => Err(not_text(path, &error)),
        Err(error) => Ok(artifact(path, error.as_bytes())),
    }
}

/// The text of a schedule in a file, whatever it says. A fuzzer's bytes are none.
pub(super) fn read_text(path: &Path) -> Result<String, Error> {
    let bytes = read_bytes(path)?;
    let text = String::from_utf8(bytes).map_err(|error| not_text(path, &error))?;
    let named_as_text = path.extension().is_some_and(|extension| extension == EXTENSION);
    if named_as_text || looks_like_text(&text) {
        return Ok(text);
    }
    let problem = "these are bytes, not the text of a schedule; `sim import` writes them as one";
    Err(Error::Usage(format!("{}: {problem}", path.display())))
}

/// Says where a text stops to be one, as a mistake in it is said.
fn not_text(path: &Path, error: &FromUtf8Error) -> Error {
    let (good, rest) = error.as_bytes().split_at(error.utf8_error().valid_up_to());
    let good = String::from_utf8_lossy(good);
    let line = good.split('\n').count();
    let column = good.chars().rev().take_while(|c| *c != '\n').count() + 1;
    let path = path.display();
    Error::Usage(format!(
        "{path}:{line}:{column}: expected UTF-8, found the byte 0x{:02x}",
        rest[0]
    ))
}

/// A fuzzer's bytes: as the target runs them whose name their folder in `fuzz/artifacts` has.
fn artifact(path: &Path, bytes: &[u8]) -> Read {
    let mut folders = path.ancestors().skip(1).filter_map(|folder| folder.file_name()?.to_str());
    let target = folders.next().filter(|_| folders.next() == Some("artifacts"));
    let as_run = target.and_then(|target| fuzz::schedule_of(target, bytes));
    Read { schedule: as_run.unwrap_or_else(|| artifacts::schedule_of(bytes)), source: None }
}

/// Whether somebody wrote this: its first line that says anything is a format.
fn looks_like_text(text: &str) -> bool {
    let text = text.trim_start_matches('\u{feff}');
    let mut lines = text.lines().filter(|line| !line.starts_with('#') && !line.trim().is_empty());
    lines.next().is_some_and(|line| line.starts_with("format"))
}

/// Writes a file so that whoever reads it sees all of it or none. What a link stands for is
/// written, not the link; and a pipe or a device is written into: no file in its place is meant.
pub(super) fn write_whole(path: &Path, content: &[u8]) -> Result<(), Error> {
    let is_special = |found: &fs::Metadata| !found.is_file() && !found.is_dir();
    if fs::metadata(path).as_ref().is_ok_and(is_special) {
        let special = fs::File::options().write(true).open(path);
        let written = special.and_then(|mut special| special.write_all(content));
        return written.map_err(Error::file(path));
    }
    let resolved = fs::canonicalize(path);
    let place = resolved.as_deref().unwrap_or(path);
    let temporary = temporary(place);
    let written = write_to(&temporary, content).and_then(|()| fs::rename(&temporary, place));
    written.map_err(|error| {
        // What is half written is of no use to anybody; if it stays, so be it.
        let _ = fs::remove_file(&temporary);
        Error::File(path.to_owned(), error)
    })
}

/// The same for a file that must not be there yet; its folder is made if it is missing.
pub(super) fn write_new(path: &Path, content: &[u8]) -> Result<(), Error> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).map_err(Error::file(folder))?;
    }
    let temporary = temporary(path);
    // Unlike a renaming, a link fails if somebody was faster.
    let written = write_to(&temporary, content).and_then(|()| fs::hard_link(&temporary, path));
    // Whether it is half written or has another name now.
    let _ = fs::remove_file(&temporary);
    written.map_err(|error| {
        let is_taken = error.kind() == ErrorKind::AlreadyExists;
        if is_taken { exists_already(path) } else { Error::File(path.to_owned(), error) }
    })
}

/// Says that a file is not written over.
pub(super) fn exists_already(path: &Path) -> Error {
    Error::Usage(format!("{}: exists already, and is not written over", path.display()))
}

/// Where a file is until it is whole.
fn temporary(path: &Path) -> PathBuf {
    let mut temporary = path.as_os_str().to_owned();
    temporary.push(".tmp");
    PathBuf::from(temporary)
}

fn write_to(path: &Path, content: &[u8]) -> io::Result<()> {
    let mut file = fs::File::create(path)?;
    file.write_all(content)?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_has_so_many_entries_and_no_more() {
        let folder = std::env::temp_dir().join(format!("sim-entries-{}", std::process::id()));
        fs::create_dir_all(folder.join("inside")).unwrap();
        for name in ["a.case", "inside/b.case", "inside/c.txt"] {
            fs::write(folder.join(name), "").unwrap();
        }
        let found = |entries_max| find_among(&folder, entries_max).map_err(|e| e.to_string());
        assert_eq!(found(4).unwrap(), [folder.join("a.case"), folder.join("inside/b.case")]);
        assert!(found(3).unwrap_err().ends_with("name a smaller folder"));
        fs::remove_dir_all(&folder).unwrap();
    }
}
