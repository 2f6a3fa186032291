//! When files are written, what of, and what happens to those that cannot be read. What crashes
//! leave of them is tested with the virtual disk.

use std::collections::BTreeMap;

use super::*;
use crate::connman::Services;
use crate::connman::addrman::disk::{FileError as FormatError, FileWhy};
use crate::connman::addrman::{Key, NetAddr, NetGroups, NetService};
use crate::connman::bans::file::BanFileError;
use crate::connman::bans::{BAN_TIME_DEFAULT, BanTime, Subnet};
use crate::files::{FileAnswer, FileError, FileOp, FileResult, ReplaceStep};
use crate::time::{Now, UnixTime};
use crate::transport::Network;

const MAIN: Magic = Network::Main.magic();
const WALL: UnixTime = UnixTime::from_secs(1_700_000_000);

/// A folder that does what it is asked at once, or fails.
#[derive(Clone, Default)]
struct Folder {
    files: BTreeMap<FileName, Vec<u8>>,
    /// How the operations of which this is the name fail.
    fails: Option<(&'static str, FileError)>,
    /// Operations that there were, by name.
    ops: Vec<String>,
}

impl Folder {
    fn with(file: StoredFile, bytes: &[u8]) -> Self {
        Self { files: [(file.name(), bytes.to_vec())].into(), ..Self::default() }
    }

    fn carry_out(&mut self, op: &FileOp) -> FileResult {
        let name = format!("{op:?}");
        let name = name.split([' ', '{']).next().unwrap().to_owned();
        self.ops.push(name.clone());
        if let Some((fails, error)) = self.fails
            && fails == name
        {
            return Err(error);
        }
        match op {
            FileOp::Read { name, .. } => {
                let bytes = self.files.get(name).cloned();
                return bytes.map(FileAnswer::Read).ok_or(FileError::NotFound);
            }
            FileOp::Create { name, .. } => {
                self.files.insert(name.clone(), Vec::new());
            }
            FileOp::Append { name, part } => {
                self.files.get_mut(name).unwrap().extend_from_slice(part.as_slice());
                return Ok(FileAnswer::Appended(part.as_slice().len()));
            }
            FileOp::Rename { from, to } => {
                let bytes = self.files.remove(from).ok_or(FileError::NotFound)?;
                self.files.insert(to.clone(), bytes);
            }
            FileOp::Remove { name } => {
                self.files.remove(name).ok_or(FileError::NotFound)?;
            }
            FileOp::Sync { .. }
            | FileOp::SyncFolder
            | FileOp::Truncate { .. }
            | FileOp::ReadAt { .. } => {}
        }
        Ok(FileAnswer::Done)
    }

    fn text(&self, file: StoredFile) -> String {
        String::from_utf8_lossy(self.files.get(&file.name()).map_or(&[], Vec::as_slice)).into()
    }
}

fn now(seconds: u64) -> Now {
    let after = Duration::from_secs(seconds);
    Now { steady: Instant::START + after, wall: WALL + after }
}

fn at(seconds: u64) -> Instant {
    now(seconds).steady
}

const INTERVAL_SECS: u64 = DUMP_INTERVAL.as_secs();

fn record(last: u8) -> AddrRecord {
    let addr = NetAddr::from_ip([20, 0, 0, last].into());
    let service = NetService { addr, port: 8333 };
    AddrRecord { service, services: Services::NETWORK, time: WALL }
}

fn addrman() -> AddrMan {
    AddrMan::new(Key::new([1; 32]), NetGroups)
}

fn subnet(text: &str) -> Subnet {
    Subnet::parse(text, Cjdns::Unreachable).unwrap()
}

fn load(folder: &mut Folder) -> Result<Loaded, LoadError> {
    load_with(folder, AnchorUse::Used)
}

fn load_with(folder: &mut Folder, anchor_use: AnchorUse) -> Result<Loaded, LoadError> {
    let config =
        StoreConfig { magic: MAIN, program: "a test".to_owned(), cjdns: Cjdns::Unreachable };
    let bans = BanList::new(BAN_TIME_DEFAULT);
    let mut loading = Loading::new(config, anchor_use, bans, addrman());
    while let Some(op) = loading.op() {
        loading.handle(now(0), folder.carry_out(&op))?;
    }
    Ok(loading.finish())
}

/// A run: stores, what they keep, their files, and the operations that are under way.
struct Run {
    folder: Folder,
    bans: BanList,
    addrman: AddrMan,
    stores: Stores,
    under_way: Vec<FileRequest>,
    notices: Vec<StoreNotice>,
}

impl Run {
    /// With files that are there already.
    fn new() -> Self {
        let mut run = Self::on(Folder::default());
        run.work(0);
        run.folder.ops.clear();
        run
    }

    fn on(mut folder: Folder) -> Self {
        let Loaded { bans, addrman, anchors: _, stores } = load(&mut folder).unwrap();
        Self { folder, bans, addrman, stores, under_way: Vec::new(), notices: Vec::new() }
    }

    fn begin_due(&mut self, seconds: u64) {
        let contents = Contents { bans: &self.bans, addrman: &self.addrman };
        self.stores.begin_due(at(seconds), contents, &mut self.under_way);
        self.stores.check_invariants();
    }

    /// One operation is carried out; whether there was one.
    fn step(&mut self, seconds: u64) -> bool {
        if self.under_way.is_empty() {
            return false;
        }
        let FileRequest { id, op } = self.under_way.remove(0);
        let completion = FileCompletion { id, result: self.folder.carry_out(&op) };
        self.stores.handle_completed(at(seconds), completion, &mut self.under_way);
        self.stores.check_invariants();
        true
    }

    /// Everything that is due is written.
    fn work(&mut self, seconds: u64) {
        self.begin_due(seconds);
        while self.step(seconds) {
            self.begin_due(seconds);
        }
        self.stores.take_notices(&mut self.notices);
    }

    fn ban(&mut self, seconds: u64, text: &str) -> Revision {
        self.bans.ban(now(seconds).wall, subnet(text), BanTime::Default);
        self.stores.note_changed(at(seconds), StoredFile::Bans)
    }

    fn file_has(&self, text: &str) -> bool {
        self.folder.text(StoredFile::Bans).contains(text)
    }
}

/// Core: `BanMan::LoadBanlist`, `LoadAddrman`.
#[test]
fn missing_files_are_made_at_the_start() {
    let mut run = Run::on(Folder::default());
    run.work(0);
    let made: Vec<_> = run.folder.files.keys().map(FileName::as_str).collect();
    assert_eq!(made, ["banlist.json", "peers.dat"]);
    let missing = [StoredFile::Bans, StoredFile::Peers].map(StoreNotice::Missing);
    assert_eq!(run.notices[..2], missing);
    assert_eq!(run.stores.next_wakeup(), None);
    let again = load(&mut run.folder).unwrap();
    assert_eq!(again.stores.next_wakeup(), None, "what is there is left alone");
}

#[test]
fn ban_is_written_at_once_and_read_at_the_next_start() {
    let mut run = Run::new();
    let revision = run.ban(5, "1.2.3.0/24");
    assert!(run.stores.next_wakeup() <= Some(at(5)));
    assert!(!run.stores.is_saved(StoredFile::Bans, revision));
    run.work(5);
    assert!(run.stores.is_saved(StoredFile::Bans, revision));
    let loaded = load(&mut run.folder).unwrap();
    assert!(loaded.bans.is_subnet_banned(WALL, &subnet("1.2.3.0/24")));
}

/// bugs/B059.
#[test]
fn ban_asked_for_during_a_dump_is_saved_by_the_next() {
    // However far the first dump has come.
    for steps in 0..5 {
        let mut run = Run::new();
        let first = run.ban(1, "1.2.3.4");
        run.begin_due(1);
        for _ in 0..steps {
            assert!(run.step(1));
        }
        let second = run.ban(2, "5.6.7.8");
        assert_eq!(run.stores.next_wakeup(), None, "one dump after the other");
        while run.step(2) {}
        assert!(run.stores.is_saved(StoredFile::Bans, first));
        assert!(!run.stores.is_saved(StoredFile::Bans, second), "{steps}");
        assert!(run.file_has("1.2.3.4/32") && !run.file_has("5.6.7.8/32"), "{steps}");
        assert!(run.stores.next_wakeup() <= Some(at(2)), "{steps}");
        run.work(2);
        assert!(run.stores.is_saved(StoredFile::Bans, second));
        assert!(run.file_has("1.2.3.4/32") && run.file_has("5.6.7.8/32"), "{steps}");
    }
}

#[test]
fn dump_that_failed_is_tried_again_after_a_quarter_of_an_hour() {
    let mut run = Run::new();
    run.folder.fails = Some(("Append", FileError::NoSpace));
    let before = run.folder.text(StoredFile::Bans);
    let revision = run.ban(1, "1.2.3.4");
    run.work(1);
    let error = ReplaceError { step: ReplaceStep::Append, error: FileError::NoSpace };
    let told = StoreNotice::NotSaved { file: StoredFile::Bans, error };
    assert_eq!(run.notices.last(), Some(&told));
    assert_eq!(run.folder.text(StoredFile::Bans), before);
    assert!(!run.stores.is_saved(StoredFile::Bans, revision));
    assert_eq!(run.stores.next_wakeup(), Some(at(1 + INTERVAL_SECS)));
    run.work(INTERVAL_SECS);
    assert!(!run.file_has("1.2.3.4"));
    run.folder.fails = None;
    run.work(1 + INTERVAL_SECS);
    assert!(run.stores.is_saved(StoredFile::Bans, revision) && run.file_has("1.2.3.4"));
    assert_eq!(run.stores.next_wakeup(), None);
}

/// Core: net.cpp, `DUMP_PEERS_INTERVAL`.
#[test]
fn addresses_are_written_every_quarter_of_an_hour_if_they_changed() {
    let mut run = Run::new();
    run.stores.note_changed(at(100), StoredFile::Peers);
    run.stores.note_changed(at(200), StoredFile::Peers);
    assert_eq!(run.stores.next_wakeup(), Some(at(100 + INTERVAL_SECS)));
    run.work(99 + INTERVAL_SECS);
    assert!(run.folder.ops.is_empty());
    run.work(100 + INTERVAL_SECS);
    assert_eq!(run.folder.ops, ["Create", "Append", "Sync", "Rename", "SyncFolder"]);
    assert_eq!(run.stores.next_wakeup(), None, "without a change there is nothing to do");
}

#[test]
fn everything_is_saved_at_the_end() {
    let mut run = Run::new();
    let addresses = run.stores.note_changed(at(1), StoredFile::Peers);
    let first = run.ban(1, "1.2.3.4");
    run.begin_due(1);
    run.step(1);
    let second = run.ban(1, "5.6.7.8");
    run.stores.stop(at(2), Some(vec![record(1), record(2), record(3)]));
    assert!(!run.stores.has_finished());
    run.work(2);
    assert!(run.stores.has_finished());
    for (file, revision) in
        [(StoredFile::Peers, addresses), (StoredFile::Bans, first), (StoredFile::Bans, second)]
    {
        assert!(run.stores.is_saved(file, revision), "{file}");
    }
    let loaded = load(&mut run.folder).unwrap();
    assert_eq!(loaded.anchors, [record(1), record(2)]);
    assert_eq!(loaded.bans.count(), 2);
}

#[test]
fn end_does_not_wait_for_a_disk_that_fails() {
    // Also if a dump was under way that fails.
    for under_way in [false, true] {
        let mut run = Run::new();
        run.folder.fails = Some(("Sync", FileError::ReadOnly));
        run.ban(1, "1.2.3.4");
        if under_way {
            run.begin_due(1);
        }
        run.stores.stop(at(2), None);
        run.work(2);
        assert!(run.stores.has_finished(), "{under_way}");
        let tries = run.folder.ops.iter().filter(|op| *op == "Sync").count();
        assert_eq!(tries, if under_way { 2 } else { 1 }, "what the end began is tried once");
        assert_eq!(run.stores.next_wakeup(), None);
    }
}

#[test]
fn completion_of_somebody_elses_is_passed_over() {
    let mut run = Run::new();
    run.ban(1, "1.2.3.4");
    run.begin_due(1);
    let others = FileCompletion { id: FileOpId(9999), result: Ok(FileAnswer::Done) };
    run.stores.handle_completed(at(1), others, &mut run.under_way);
    assert_eq!(run.under_way.len(), 1);
}

/// Core: `LoadAddrman`, with every error but one, starts no node. **Ours** for the ban list, too.
#[test]
fn file_that_cannot_be_read_is_refused_and_left_as_it_is() {
    let foreign = encode_peers(&addrman(), Network::Signet.magic());
    let mut cut = encode_peers(&addrman(), MAIN);
    cut.truncate(20);
    let (bans, peers) = (StoredFile::Bans, StoredFile::Peers);
    for (file, bytes, expected) in [
        (bans, &b"{\"banned_nets\": ["[..], "banlist.json: no JSON at line 1 column 17"),
        (bans, b"", "banlist.json: no JSON at line 1 column 0"),
        (bans, b"{}\xff", "banlist.json: no text at offset 2"),
        (
            bans,
            b"{\"banned_nets\": [{\"version\": 1, \"address\": \"::1\"}]}",
            "banlist.json: no ban_created in entry 0",
        ),
        (bans, b"{\"banned_nets\": [{\"version\": 2}]}", "banlist.json: version 2 in entry 0"),
        (
            bans,
            b"{\"banned_nets\": [{\"version\": 1, \"address\": \"::1/999\"}]}",
            "banlist.json: no subnet as address in entry 0",
        ),
        (peers, &foreign, "peers.dat: magic at offset 0 is 0a03cf40, not f9beb4d9"),
        (peers, &cut, "peers.dat: key at offset 6 is cut off"),
        (peers, b"", "peers.dat: magic at offset 0 is cut off"),
    ] {
        let mut folder = Folder::with(file, bytes);
        let before = folder.files.clone();
        assert_eq!(load(&mut folder).unwrap_err().to_string(), expected);
        assert_eq!(folder.files, before, "{expected}");
    }
}

#[test]
fn file_that_the_disk_does_not_give_is_refused() {
    for error in [FileError::PermissionDenied, FileError::TooLarge { bytes_max: 1 }] {
        let mut folder = Folder { fails: Some(("Read", error)), ..Folder::default() };
        let expected = LoadError { file: StoredFile::Bans, why: LoadWhy::Read(error) };
        assert_eq!(load(&mut folder).unwrap_err(), expected);
    }
}

/// A `peers.dat` that says that only a later version can read it.
fn too_new() -> Vec<u8> {
    let mut file = encode_peers(&addrman(), MAIN);
    file[5] = 32 + 111;
    file
}

/// Core: `LoadAddrman`, `InvalidAddrManVersionError`.
#[test]
fn addresses_for_later_versions_are_put_aside() {
    let mut run = Run::on(Folder::with(StoredFile::Peers, &too_new()));
    let ops = ["Read", "Read", "Rename", "SyncFolder", "Read"];
    assert_eq!(run.folder.ops, ops, "it is durable before another takes its name");
    run.work(0);
    let aside = FileName::fixed("peers.dat.bak");
    assert_eq!(run.folder.files.get(&aside), Some(&too_new()));
    assert!(run.folder.files.contains_key(&StoredFile::Peers.name()));
    let why = FileWhy::TooNew { format: 4, lowest_compatible: 111 };
    let error = FormatError { field: "version", offset: 4, why };
    let told = StoreNotice::SetAside { file: StoredFile::Peers, backup: aside, error };
    assert!(run.notices.contains(&told), "{:?}", run.notices);
}

#[test]
fn addresses_that_cannot_be_put_aside_are_refused() {
    for fails in ["Rename", "SyncFolder"] {
        let mut folder = Folder::with(StoredFile::Peers, &too_new());
        folder.fails = Some((fails, FileError::ReadOnly));
        let error = load(&mut folder).unwrap_err().to_string();
        let expected = "peers.dat: cannot be renamed to peers.dat.bak: nothing can be written here";
        assert_eq!(error, expected);
    }
}

/// Core: `ReadAnchors`.
#[test]
fn anchors_are_read_once() {
    let file = encode_anchors(&[record(1)], MAIN);
    for (bytes, expected) in [(&file[..], vec![record(1)]), (&file[..9], vec![])] {
        let mut folder = Folder::with(StoredFile::Anchors, bytes);
        let loaded = load(&mut folder).unwrap();
        assert_eq!(loaded.anchors, expected);
        assert!(folder.files.is_empty());
        assert_eq!(folder.ops, ["Read", "Read", "Read", "Remove", "SyncFolder"]);
    }
    let mut folder = Folder::with(StoredFile::Anchors, &file);
    folder.fails = Some(("Remove", FileError::ReadOnly));
    let mut loaded = load(&mut folder).unwrap();
    assert_eq!(loaded.anchors, [record(1)]);
    let mut notices = Vec::new();
    loaded.stores.take_notices(&mut notices);
    assert_eq!(notices.last(), Some(&StoreNotice::AnchorsLeft(FileError::ReadOnly)));
}

/// Core: net.cpp, `CConnman::Start`, which reads them if `m_use_addrman_outgoing`.
#[test]
fn anchors_that_nobody_uses_are_left_alone() {
    let mut folder = Folder::with(StoredFile::Anchors, &encode_anchors(&[record(1)], MAIN));
    let before = folder.files.clone();
    assert_eq!(load_with(&mut folder, AnchorUse::Unused).unwrap().anchors, []);
    assert_eq!(folder.files, before);
}

/// Core: `BanMan::LoadBanlist`, `SweepBanned`.
#[test]
fn bans_that_are_over_are_swept_at_the_start() {
    let mut bans = BanList::new(BAN_TIME_DEFAULT);
    bans.ban(UnixTime::from_secs(1), subnet("1.2.3.4"), BanTime::For(Duration::from_secs(1)));
    bans.ban(WALL, subnet("5.6.7.8"), BanTime::Default);
    let text = file::encode(&bans, "a test");
    let mut run = Run::on(Folder::with(StoredFile::Bans, text.as_bytes()));
    assert_eq!(run.bans.count(), 1);
    run.work(0);
    assert!(!run.file_has("1.2.3.4") && run.file_has("5.6.7.8"));
}

#[test]
fn error_keeps_its_cause() {
    let mut folder = Folder::with(StoredFile::Bans, b"[]");
    let why = LoadWhy::Bans(BanFileError::Field { field: "banned_nets" });
    assert_eq!(load(&mut folder).unwrap_err().why, why);
}
