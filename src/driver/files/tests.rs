//! What only a real disk shows: modes, what is no file, and who is woken. That it does what the
//! virtual one does is tested with that.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::{self, Command};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;
use crate::files::{FileOpId, Part};

/// A folder of its own, which goes with the test.
pub(in crate::driver) struct Place(PathBuf);

impl Place {
    pub(in crate::driver) fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("sockman-{}-{name}", process::id()));
        fs::create_dir(&path).unwrap();
        Self(path)
    }

    pub(in crate::driver) fn path(&self) -> &Path {
        &self.0
    }

    pub(in crate::driver) fn text(&self, name: &str) -> String {
        fs::read_to_string(self.0.join(name)).unwrap()
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _gone = fs::remove_dir_all(&self.0);
    }
}

/// Counts how often it was told to wake somebody.
#[derive(Clone, Default)]
pub(in crate::driver) struct Wakes(Arc<AtomicUsize>);

impl Wake for Wakes {
    fn wake(&self) {
        self.0.fetch_add(1, Ordering::AcqRel);
    }
}

const A: FileName = FileName::fixed("a");
const B: FileName = FileName::fixed("b");

fn open(place: &Place) -> OsFiles {
    OsFiles::open(&place.0, Wakes::default()).unwrap()
}

/// One operation from its beginning to its end.
fn carry_out(files: &mut OsFiles, op: FileOp) -> FileResult {
    let id = FileOpId(7);
    files.begin(FileRequest { id, op }).unwrap();
    let completion = files.wait().unwrap();
    assert_eq!(completion.id, id);
    completion.result
}

fn create(name: FileName, access: Access) -> FileOp {
    FileOp::Create { name, access }
}

fn append(name: FileName, bytes: &[u8]) -> FileOp {
    FileOp::Append { name, part: Part::new(bytes.into()) }
}

fn read(name: FileName) -> FileOp {
    FileOp::Read { name, bytes_max: 1000 }
}

/// Core: common/system.cpp, `SetupEnvironment`.
#[test]
fn private_file_is_its_owners_alone() {
    let place = Place::new("modes");
    let mode = |name: &str| fs::metadata(place.0.join(name)).unwrap().permissions().mode() & 0o777;
    fs::write(place.0.join("a"), "everybody's").unwrap();
    fs::set_permissions(place.0.join("a"), fs::Permissions::from_mode(0o644)).unwrap();
    let mut files = open(&place);
    assert_eq!(carry_out(&mut files, create(A, Access::Owner)), Ok(FileAnswer::Done));
    assert_eq!(mode("a"), 0o600);
    fs::write(place.0.join("usual"), "").unwrap();
    assert_eq!(carry_out(&mut files, create(B, Access::Default)), Ok(FileAnswer::Done));
    assert_eq!(mode("b"), mode("usual"));
}

/// A pipe would keep whoever opens it waiting for its other end.
#[test]
fn what_is_no_file_is_neither_read_nor_written() {
    let place = Place::new("kinds");
    fs::create_dir(place.0.join("a")).unwrap();
    let made = Command::new("mkfifo").arg(place.0.join("b")).status().unwrap();
    assert!(made.success());
    let mut files = open(&place);
    for name in [A, B] {
        for op in [
            read(name.clone()),
            create(name.clone(), Access::Default),
            append(name.clone(), b"x"),
            FileOp::Sync { name },
        ] {
            assert_eq!(carry_out(&mut files, op.clone()), Err(FileError::NotAFile), "{op:?}");
        }
    }
    let missing = OsFiles::open(&place.0.join("c"), Wakes::default());
    assert_eq!(missing.unwrap_err(), FileError::NotFound);
    fs::write(place.0.join("d"), "").unwrap();
    let file = OsFiles::open(&place.0.join("d"), Wakes::default());
    assert_eq!(file.unwrap_err(), FileError::NotAFile);
}

/// docs/behaviour.md, files 1. Where it leads to stays as it was, and so does the link.
#[test]
fn links_are_no_files_of_the_folder() {
    let place = Place::new("links");
    let elsewhere = Place::new("links-elsewhere");
    fs::write(elsewhere.0.join("target"), "somebody's").unwrap();
    symlink(elsewhere.0.join("target"), place.0.join("a")).unwrap();
    symlink(elsewhere.0.join("nothing"), place.0.join("b")).unwrap();
    let mut files = open(&place);
    for name in [A, B] {
        for op in [
            read(name.clone()),
            create(name.clone(), Access::Owner),
            append(name.clone(), b"x"),
            FileOp::Truncate { name: name.clone(), length: 0 },
            FileOp::Sync { name },
        ] {
            assert_eq!(carry_out(&mut files, op.clone()), Err(FileError::NotAFile), "{op:?}");
        }
    }
    assert_eq!(elsewhere.text("target"), "somebody's");
    assert!(!elsewhere.0.join("nothing").exists());
    assert_eq!(carry_out(&mut files, FileOp::Remove { name: A }), Ok(FileAnswer::Done));
    assert_eq!(elsewhere.text("target"), "somebody's");
}

#[test]
fn written_file_is_found_under_the_name_that_it_gets() {
    let place = Place::new("renamed");
    let mut files = open(&place);
    for op in [
        create(A, Access::Owner),
        append(A, b"one"),
        create(B, Access::Owner),
        FileOp::Rename { from: A, to: B },
        append(B, b" two"),
        FileOp::Sync { name: B },
        FileOp::SyncFolder,
    ] {
        assert!(carry_out(&mut files, op.clone()).is_ok(), "{op:?}");
    }
    assert_eq!(carry_out(&mut files, read(B)), Ok(FileAnswer::Read(b"one two".to_vec())));
    assert_eq!(carry_out(&mut files, append(A, b"x")), Err(FileError::NotFound));
}

#[test]
fn one_append_takes_no_more_than_it_may() {
    let place = Place::new("large");
    let mut files = open(&place);
    let bytes = vec![1; APPEND_BYTES_MAX + 1];
    carry_out(&mut files, create(A, Access::Owner)).unwrap();
    let taken = carry_out(&mut files, append(A, &bytes));
    assert_eq!(taken, Ok(FileAnswer::Appended(APPEND_BYTES_MAX)));
}

/// docs/behaviour.md, files 1.
#[test]
fn each_completion_wakes_and_comes_in_order() {
    let place = Place::new("order");
    let wakes = Wakes::default();
    let mut files = OsFiles::open(&place.0, wakes.clone()).unwrap();
    assert_eq!(files.wait(), None);
    let request = |id| FileRequest { id: FileOpId(id), op: read(A) };
    let most = u64::try_from(UNDER_WAY_MAX).unwrap();
    for id in 0..most {
        files.begin(request(id)).unwrap();
    }
    assert_eq!(files.begin(request(99)), Err(Full(request(99))));
    for id in 0..most {
        let completion = files.wait().unwrap();
        let result = Err(FileError::NotFound);
        assert_eq!(completion, FileCompletion { id: FileOpId(id), result });
    }
    assert_eq!(files.take_completed(), None);
    drop(files);
    assert_eq!(wakes.0.load(Ordering::Acquire), UNDER_WAY_MAX);
}

#[test]
fn what_was_begun_is_done_before_it_is_gone() {
    let place = Place::new("dropped");
    let mut files = open(&place);
    for op in [create(A, Access::Owner), append(A, b"x"), FileOp::Rename { from: A, to: B }] {
        files.begin(FileRequest { id: FileOpId(1), op }).unwrap();
    }
    drop(files);
    assert_eq!(fs::read(place.0.join("b")).unwrap(), b"x");
}

#[test]
fn errors_have_names_where_there_are_some() {
    for (errno, expected) in [
        (SystemErrno::NOENT, FileError::NotFound),
        (SystemErrno::ISDIR, FileError::NotAFile),
        (SystemErrno::NXIO, FileError::NotAFile),
        (SystemErrno::NOSPC, FileError::NoSpace),
        (SystemErrno::DQUOT, FileError::NoSpace),
        (SystemErrno::ACCESS, FileError::PermissionDenied),
        (SystemErrno::ROFS, FileError::ReadOnly),
        (SystemErrno::MFILE, FileError::OutOfDescriptors),
        (SystemErrno::IO, FileError::Io(Errno(SystemErrno::IO.raw_os_error()))),
    ] {
        assert_eq!(from_errno(errno), expected);
        assert_eq!(from_io(&io::Error::from_raw_os_error(errno.raw_os_error())), expected);
    }
}
