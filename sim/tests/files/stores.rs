//! What is saved outlives a crash: after each operation of a run, with each of many seeds, and with
//! each operation failing in each way.

use std::time::Duration;

use sockman::connman::Services;
use sockman::connman::addrman::disk::{encode_anchors, encode_peers};
use sockman::connman::addrman::{AddrMan, AddrRecord, Key, NetAddr, NetGroups, NetService};
use sockman::connman::bans::{BAN_TIME_DEFAULT, BanList, BanTime, Subnet, file};
use sockman::connman::host::Cjdns;
use sockman::connman::stores::{
    AnchorUse, Contents, DUMP_INTERVAL, LoadError, Loaded, Loading, Revision, StoreConfig,
    StoredFile, Stores,
};
use sockman::driver::OsFiles;
use sockman::files::{FileError, FileName, FileOpId, FileRequest, Files};
use sockman::rng::{Purpose, Seed};
use sockman::time::{Instant, Now, UnixTime};
use sockman::transport::{Magic, Network};
use sockman_sim::files::{Disk, Fault, VirtualFiles};

use super::{Nobody, Place};

const MAIN: Magic = Network::Main.magic();
const PROGRAM: &str = "a test";
const WALL: UnixTime = UnixTime::from_secs(1_700_000_000);
const ASIDE: FileName = FileName::fixed("peers.dat.bak");

/// Crashes after each operation of a run in which nothing else fails.
const SEEDS: u64 = 60;
/// Crashes after each operation of a run in which one failed.
const SEEDS_AFTER_FAULT: u64 = 6;

fn record(last: u8) -> AddrRecord {
    let addr = NetAddr::from_ip([20, 0, 0, last].into());
    let service = NetService { addr, port: 8333 };
    AddrRecord { service, services: Services::NETWORK, time: WALL }
}

fn addrman(known: u8) -> AddrMan {
    let mut addrman = AddrMan::new(Key::new([1; 32]), NetGroups);
    (1..=known).for_each(|last| learn(&mut addrman, last));
    addrman
}

fn learn(addrman: &mut AddrMan, last: u8) {
    let source = NetAddr::from_ip([30, 0, 0, 1].into());
    let mut draws = Seed::from_number(1).draws(Purpose::AddrMan, u64::from(last));
    assert_eq!(addrman.add(&[record(last)], &source, Duration::ZERO, WALL, &mut draws), 1);
}

fn subnet(last: u8) -> Subnet {
    Subnet::parse(&format!("1.2.3.{last}"), Cjdns::Unreachable).unwrap()
}

fn bans(banned: u8) -> BanList {
    let mut bans = BanList::new(BAN_TIME_DEFAULT);
    for last in 1..=banned {
        bans.ban(WALL, subnet(last), BanTime::Default);
    }
    bans
}

/// A folder that a run has left.
fn old_disk() -> Disk {
    let mut disk = Disk::new();
    disk.put(&StoredFile::Bans.name(), file::encode(&bans(1), PROGRAM).as_bytes());
    disk.put(&StoredFile::Peers.name(), &encode_peers(&addrman(1), MAIN));
    disk.put(&StoredFile::Anchors.name(), &encode_anchors(&[record(9)], MAIN));
    disk
}

/// A `peers.dat` of a later version.
fn too_new() -> Vec<u8> {
    let mut file = encode_peers(&addrman(1), MAIN);
    file[5] = 32 + 111;
    file
}

/// What a file had in it, or should have, after each change; `None`: it is not there.
#[derive(Clone, Debug)]
struct History(Vec<(Revision, Option<Vec<u8>>)>);

impl History {
    fn push(&mut self, revision: Revision, bytes: Option<Vec<u8>>) {
        self.0.push((revision, bytes));
    }

    /// A file is what it was after some change, and all that is said to be saved is in it.
    #[track_caller]
    fn check(&self, found: Option<&[u8]>, stores: &Stores, file: StoredFile) {
        let least = self.0.iter().rposition(|(revision, _)| stores.is_saved(file, *revision));
        let mut allowed = self.0[least.expect("the first is the disk's own")..].iter();
        let is_one = allowed.any(|(_, bytes)| bytes.as_deref() == found);
        assert!(is_one, "{file}: neither whole nor new enough: {:?}", found.map(<[u8]>::len));
    }
}

/// A node's files, from its start on.
#[derive(Clone)]
struct Run {
    files: VirtualFiles,
    bans: BanList,
    addrman: AddrMan,
    stores: Stores,
    seconds: u64,
    banlist: History,
    peers: History,
}

fn now(seconds: u64) -> Now {
    let after = Duration::from_secs(seconds);
    Now { steady: Instant::START + after, wall: WALL }
}

fn loading() -> Loading {
    let program = PROGRAM.to_owned();
    let config = StoreConfig { magic: MAIN, program, cjdns: Cjdns::Unreachable };
    Loading::new(config, AnchorUse::Used, bans(0), addrman(0))
}

/// Reads the files; `each` sees them after each operation.
fn load(
    files: &mut VirtualFiles,
    mut each: impl FnMut(&VirtualFiles),
) -> Result<Loaded, LoadError> {
    let mut loading = loading();
    while let Some(op) = loading.op() {
        files.begin(FileRequest { id: FileOpId(0), op }).unwrap();
        assert!(files.step());
        each(files);
        loading.handle(now(0), files.take_completed().unwrap().result)?;
    }
    Ok(loading.finish())
}

impl Run {
    fn start(disk: Disk) -> Self {
        let mut files = VirtualFiles::new(disk);
        let Loaded { bans, addrman, stores, .. } = load(&mut files, |_| {}).unwrap();
        let [banlist, peers] = [StoredFile::Bans, StoredFile::Peers].map(|file| {
            let found = files.disk().get(&file.name()).map(<[u8]>::to_vec);
            History(vec![(Revision::default(), found)])
        });
        let mut run = Self { files, bans, addrman, stores, seconds: 0, banlist, peers };
        // What was missing is made, without a change of ours.
        run.note(StoredFile::Bans);
        run.note(StoredFile::Peers);
        run
    }

    fn note(&mut self, file: StoredFile) {
        let revision = self.stores.note_changed(now(self.seconds).steady, file);
        match file {
            StoredFile::Bans => {
                let text = file::encode(&self.bans, PROGRAM);
                self.banlist.push(revision, Some(text.into_bytes()));
            }
            StoredFile::Peers => {
                self.peers.push(revision, Some(encode_peers(&self.addrman, MAIN)));
            }
            StoredFile::Anchors => panic!("only the end changes them"),
        }
    }

    /// What happens before the `turn`-th look at what is due.
    fn happen(&mut self, turn: u64) {
        match turn {
            1 => {
                self.bans.ban(WALL, subnet(2), BanTime::Default);
                self.note(StoredFile::Bans);
            }
            // While the ban before is being written, and again.
            3 | 5 | 6 => {
                let last = u8::try_from(turn).unwrap();
                self.bans.ban(WALL, subnet(last), BanTime::Default);
                self.note(StoredFile::Bans);
                learn(&mut self.addrman, last);
                self.note(StoredFile::Peers);
            }
            8 => {
                self.bans.unban(&subnet(2));
                self.note(StoredFile::Bans);
            }
            20 => self.seconds += DUMP_INTERVAL.as_secs(),
            23 => {
                learn(&mut self.addrman, 23);
                self.note(StoredFile::Peers);
            }
            30 => self.stores.stop(now(self.seconds).steady, Some(vec![record(9)])),
            _ => {}
        }
    }

    /// Begins what is due, and lets one operation be carried out; whether there was one.
    fn turn(&mut self) -> bool {
        let mut requests = Vec::new();
        let contents = Contents { bans: &self.bans, addrman: &self.addrman };
        let now = now(self.seconds).steady;
        self.stores.begin_due(now, contents, &mut requests);
        requests.drain(..).for_each(|request| self.files.begin(request).unwrap());
        let went_on = self.files.step();
        self.stores.check_invariants();
        self.files.disk().check_invariants();
        went_on
    }

    /// Hears what has come of it.
    fn hear(&mut self) {
        let mut requests = Vec::new();
        while let Some(completion) = self.files.take_completed() {
            let now = now(self.seconds).steady;
            self.stores.handle_completed(now, completion, &mut requests);
        }
        requests.drain(..).for_each(|request| self.files.begin(request).unwrap());
    }

    /// The whole run; `each` sees it after each operation, before and after it is heard of.
    fn finish(&mut self, mut each: impl FnMut(&Self)) {
        for turn in 0.. {
            self.happen(turn);
            if self.turn() {
                each(self);
                self.hear();
                each(self);
            }
            if self.stores.has_finished() {
                return;
            }
            assert!(turn < 1000, "the end is reached");
        }
    }

    /// The machine goes down here: the next start finds everything that was said to be saved.
    fn check_crash(&self, seed: u64) {
        let mut files = self.files.clone();
        files.crash(seed);
        self.check(files);
    }

    fn check(&self, mut files: VirtualFiles) {
        let get = |files: &VirtualFiles, file: StoredFile| {
            files.disk().get(&file.name()).map(<[u8]>::to_vec)
        };
        let (banlist, peers) = (get(&files, StoredFile::Bans), get(&files, StoredFile::Peers));
        self.banlist.check(banlist.as_deref(), &self.stores, StoredFile::Bans);
        self.peers.check(peers.as_deref(), &self.stores, StoredFile::Peers);
        let loaded = load(&mut files, |_| {}).unwrap();
        if let Some(banlist) = banlist {
            assert_eq!(file::encode(&loaded.bans, PROGRAM).as_bytes(), banlist);
        }
        if let Some(peers) = peers {
            let known = loaded.addrman.size(None, None);
            assert_eq!(encode_peers(&loaded.addrman, MAIN).len(), peers.len(), "{known}");
        }
        assert!(loaded.anchors.is_empty() || loaded.anchors == [record(9)]);
    }

    /// After the end nothing is left to lose.
    fn check_end(&self) {
        for (file, history) in [(StoredFile::Bans, &self.banlist), (StoredFile::Peers, &self.peers)]
        {
            let (revision, _) = history.0.last().unwrap();
            assert!(self.stores.is_saved(file, *revision), "{file}");
        }
        let mut files = self.files.clone();
        files.crash(1);
        assert_eq!(files.disk().iter().count(), 3, "no temporary file stays");
        let loaded = load(&mut files, |_| {}).unwrap();
        assert_eq!(loaded.bans, self.bans);
        assert_eq!(loaded.anchors, [record(9)]);
    }
}

#[test]
fn saved_outlives_a_crash_after_any_operation() {
    for disk in [Disk::new(), old_disk()] {
        let mut run = Run::start(disk);
        let mut crashes = 0;
        run.finish(|run| {
            for seed in 0..SEEDS {
                run.check_crash(seed);
                crashes += 1;
            }
            // The process alone ends.
            let mut files = run.files.clone();
            files.kill();
            run.check(files);
        });
        assert!(crashes > 40 * SEEDS, "{crashes}");
        run.check_end();
    }
}

#[test]
fn saved_outlives_a_crash_when_any_operation_has_failed() {
    let mut unharmed = Run::start(old_disk());
    let first = unharmed.files.disk().carried_out();
    unharmed.finish(|_| {});
    let last = unharmed.files.disk().carried_out();
    for nth in first..last {
        let error = FileError::NoSpace;
        for fault in [Fault::Fails(error), Fault::FailsLate(error), Fault::Short(1)] {
            let mut run = Run::start(old_disk());
            run.files.disk_mut().put_fault(nth, fault);
            run.finish(|run| {
                if run.files.disk().carried_out() > nth {
                    (0..SEEDS_AFTER_FAULT).for_each(|seed| run.check_crash(seed));
                }
            });
            run.check_crash(0);
        }
    }
}

/// A file that is for later versions alone is there under one name or the other, whatever happens.
#[test]
fn file_that_is_put_aside_outlives_a_crash() {
    let mut disk = Disk::new();
    disk.put(&StoredFile::Peers.name(), &too_new());
    let check = |files: &VirtualFiles| {
        for seed in 0..SEEDS {
            let mut files = files.clone();
            files.crash(seed);
            let names = [StoredFile::Peers.name(), ASIDE];
            let kept = names.iter().any(|name| files.disk().get(name) == Some(&too_new()[..]));
            assert!(kept, "{seed}");
        }
    };
    let mut files = VirtualFiles::new(disk.clone());
    load(&mut files, check).unwrap();
    let mut run = Run::start(disk);
    run.finish(|run| check(&run.files));
    assert_eq!(run.files.disk().get(&ASIDE), Some(&too_new()[..]));
}

/// A crash in the middle of reading leaves everything to be read, or the anchors gone.
#[test]
fn reading_loses_nothing_but_the_anchors() {
    let mut files = VirtualFiles::new(old_disk());
    let loaded = load(&mut files, |files| {
        for seed in 0..SEEDS {
            let mut files = files.clone();
            files.crash(seed);
            let again = load(&mut files, |_| {}).unwrap();
            assert_eq!((again.bans, again.addrman.size(None, None)), (bans(1), 1));
        }
    });
    assert_eq!(loaded.unwrap().anchors, [record(9)]);
    for seed in 0..SEEDS {
        let mut files = files.clone();
        files.crash(seed);
        assert_eq!(load(&mut files, |_| {}).unwrap().anchors, [], "they are read once");
    }
}

/// Reads the files of a folder on a real disk.
fn load_real(files: &mut OsFiles) -> Loaded {
    loading().complete(files, now(0)).unwrap()
}

/// As a driver does it: before its loop begins, and after it has ended.
#[test]
fn what_is_saved_is_read_from_a_real_disk() {
    let place = Place::new();
    let mut files = OsFiles::open(&place.0, Nobody).unwrap();
    let Loaded { mut bans, mut addrman, mut stores, .. } = load_real(&mut files);
    bans.ban(WALL, subnet(7), BanTime::Default);
    learn(&mut addrman, 7);
    for file in [StoredFile::Bans, StoredFile::Peers] {
        stores.note_changed(now(1).steady, file);
    }
    stores.stop(now(2).steady, Some(vec![record(9)]));
    let mut requests = Vec::new();
    while !stores.has_finished() {
        let contents = Contents { bans: &bans, addrman: &addrman };
        stores.begin_due(now(2).steady, contents, &mut requests);
        requests.drain(..).for_each(|request| files.begin(request).unwrap());
        let completion = files.wait().expect("something is under way until it has finished");
        stores.handle_completed(now(2).steady, completion, &mut requests);
    }
    let names: Vec<_> = place.contents().into_keys().collect();
    assert_eq!(names, ["anchors.dat", "banlist.json", "peers.dat"]);
    let mut files = OsFiles::open(&place.0, Nobody).unwrap();
    let loaded = load_real(&mut files);
    assert_eq!((loaded.bans, loaded.anchors), (bans, vec![record(9)]));
    assert_eq!(loaded.addrman.size(None, None), 1);
    let names: Vec<_> = place.contents().into_keys().collect();
    assert_eq!(names, ["banlist.json", "peers.dat"]);
}
