//! What a crash may leave, and what it may not.

use std::collections::BTreeSet;

use sockman::files::{Access, FileAnswer, FileError, FileName, FileOp, Part};
use sockman_sim::files::{Disk, Fault, SECTOR_BYTES};

const A: FileName = FileName::fixed("a");
const B: FileName = FileName::fixed("b");
const SEEDS: u64 = 500;

fn create(name: FileName) -> FileOp {
    FileOp::Create { name, access: Access::Owner }
}

fn append(name: FileName, bytes: &[u8]) -> FileOp {
    FileOp::Append { name, part: Part::new(bytes.into()) }
}

fn sync(name: FileName) -> FileOp {
    FileOp::Sync { name }
}

fn rename(from: FileName, to: FileName) -> FileOp {
    FileOp::Rename { from, to }
}

/// New bytes of a file, over three sectors.
fn new() -> Vec<u8> {
    vec![b'n'; 2 * SECTOR_BYTES + 1]
}

/// A folder with an old file, after some operations.
fn after(ops: &[FileOp]) -> Disk {
    let mut disk = Disk::new();
    disk.put(&A, b"old");
    for op in ops {
        disk.carry_out(op).unwrap_or_else(|error| panic!("{op:?}: {error}"));
        disk.check_invariants();
    }
    disk
}

/// What crashes leave of two files, over many seeds.
fn left(disk: &Disk) -> BTreeSet<[Option<Vec<u8>>; 2]> {
    let crashed = |seed| {
        let mut disk = disk.clone();
        disk.crash(seed);
        disk.check_invariants();
        assert!(disk.is_durable(), "a crash leaves what another one leaves too");
        [A, B].map(|name| disk.get(&name).map(<[u8]>::to_vec))
    };
    (0..SEEDS).map(crashed).collect()
}

fn both(a: &[u8], b: Option<&[u8]>) -> [Option<Vec<u8>>; 2] {
    [Some(a.to_vec()), b.map(<[u8]>::to_vec)]
}

#[test]
fn what_was_synced_is_there() {
    let disk = after(&[create(B), append(B, &new()), sync(B), FileOp::SyncFolder]);
    assert!(disk.is_durable());
    assert_eq!(left(&disk), [both(b"old", Some(&new()))].into());
}

#[test]
fn bytes_that_were_not_synced_may_be_lost_in_part() {
    let disk = after(&[create(B), FileOp::SyncFolder, append(B, &new())]);
    let left = left(&disk);
    let b: BTreeSet<_> = left.iter().map(|[_, b]| b.clone().unwrap()).collect();
    assert!(b.contains(&new()) && b.contains(&Vec::new()));
    assert!(b.contains(&vec![0; new().len()]), "its length is there, and its bytes are not");
    assert!(b.iter().any(|b| b.len() < new().len() && !b.is_empty()), "a part is there");
    assert!(b.iter().any(|b| b.contains(&0) && b.contains(&b'n')), "some sectors are there");
    assert!(left.iter().all(|[a, _]| a.as_deref() == Some(b"old")), "another file is not harmed");
}

#[test]
fn names_that_were_not_synced_may_be_lost_in_any_combination() {
    let disk = after(&[create(B), append(B, b"new"), sync(B), rename(B, A)]);
    let allowed = [both(b"old", None), both(b"new", None), both(b"old", Some(b"new"))];
    assert_eq!(
        left(&disk),
        allowed.into(),
        "a rename is whole, and may come without the first name"
    );
}

#[test]
fn removal_that_was_not_synced_may_be_undone() {
    let disk = after(&[FileOp::Remove { name: A }]);
    assert_eq!(left(&disk), [both(b"old", None), [None, None]].into());
}

/// The failed one has dropped what was to be written, and the next has nothing to do (`fsync(2)`).
#[test]
fn sync_that_failed_is_not_made_good_by_the_next() {
    let mut disk = after(&[create(B), FileOp::SyncFolder, append(B, b"new")]);
    disk.put_fault(disk.carried_out(), Fault::Fails(FileError::NoSpace));
    assert_eq!(disk.carry_out(&sync(B)), Err(FileError::NoSpace));
    assert_eq!(disk.carry_out(&sync(B)), Ok(FileAnswer::Done));
    assert!(left(&disk).contains(&both(b"old", Some(b""))));
    for op in [create(B), append(B, b"again"), sync(B)] {
        disk.carry_out(&op).unwrap();
    }
    assert_eq!(left(&disk), [both(b"old", Some(b"again"))].into());
}

#[test]
fn disk_is_full_when_nothing_fits() {
    let mut disk = after(&[create(B)]);
    disk.limit(Some(5));
    assert_eq!(disk.carry_out(&append(B, b"new")), Ok(FileAnswer::Appended(2)));
    assert_eq!(disk.carry_out(&append(B, b"w")), Err(FileError::NoSpace));
    assert_eq!(disk.carry_out(&append(B, b"")), Ok(FileAnswer::Appended(0)));
}

#[test]
fn faults_come_where_they_are_put() {
    let mut disk = after(&[]);
    disk.put_fault(1, Fault::Short(0));
    disk.put_fault(2, Fault::FailsLate(FileError::ReadOnly));
    disk.put_fault(3, Fault::Fails(FileError::ReadOnly));
    assert_eq!(disk.carry_out(&create(B)), Ok(FileAnswer::Done));
    assert_eq!(disk.carry_out(&append(B, b"new")), Ok(FileAnswer::Appended(1)), "at least one");
    assert_eq!(disk.carry_out(&rename(B, A)), Err(FileError::ReadOnly));
    assert_eq!(disk.get(&A), Some(&b"n"[..]));
    assert_eq!(disk.carry_out(&FileOp::Remove { name: A }), Err(FileError::ReadOnly));
    assert_eq!(disk.get(&A), Some(&b"n"[..]));
}
