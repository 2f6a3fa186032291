//! What is kept over runs: a manager on a driver with files.

use std::collections::VecDeque;

use super::*;
use crate::connman::bans::{BanList, BanTime, Subnet};
use crate::connman::host::Cjdns;
use crate::connman::stores::{DUMP_INTERVAL, Loaded, StoreNotice, StoredFile};
use crate::connman::{Command, Config, ConnMan, Notice};
use crate::driver::files::tests::{Place, Wakes};
use crate::driver::{Choice, SystemClock, system_seed};
use crate::files::{
    FileCompletion, FileError, FileOp, FileOpId, FileResult, Full, ReplaceError, ReplaceStep,
};
use crate::sockets::{OsSockets, Wake};
use crate::sockman::{self, SockMan};
use crate::time::{Instant, UnixTime};
use crate::transport::Network;

/// When nobody's ban is over.
const WALL: UnixTime = UnixTime::from_secs(3_900_000_000);

/// A disk on which nothing is and nothing can be made.
struct FullDisk<W> {
    under_way: VecDeque<FileOpId>,
    waker: W,
}

impl<W: Wake> Files for FullDisk<W> {
    fn begin(&mut self, request: FileRequest) -> Result<(), Full> {
        assert!(matches!(request.op, FileOp::Create { .. } | FileOp::Remove { .. }));
        self.under_way.push_back(request.id);
        self.waker.wake();
        Ok(())
    }

    fn take_completed(&mut self) -> Option<FileCompletion> {
        let id = self.under_way.pop_front()?;
        Some(FileCompletion { id, result: Err(FileError::NoSpace) })
    }

    fn wait(&mut self) -> Option<FileCompletion> {
        self.take_completed()
    }
}

/// Stops a driver when it hears what it waits for.
struct Listener<W> {
    mailbox: Mailbox<Command, W>,
    is_end: fn(&Notice) -> bool,
    heard: Vec<Notice>,
}

impl<W: Wake> Observer<OsSockets, ConnMan> for Listener<W> {
    fn handle_notice(&mut self, _: Now, notice: Notice) {
        if (self.is_end)(&notice) {
            self.mailbox.stop();
        }
        self.heard.push(notice);
    }

    fn handle_inspect(&mut self, _: Now, _: &Machine<OsSockets, ConnMan>) {}
}

fn connman() -> ConnMan {
    ConnMan::new(Config::new(Network::Regtest), system_seed().unwrap())
}

/// What a run finds, if operations come to this.
fn load(mut carry_out: impl FnMut(FileOp) -> FileResult) -> Loaded {
    let mut loading = connman().loading("a test");
    while let Some(op) = loading.op() {
        loading.handle(SystemClock::start().now(), carry_out(op)).unwrap();
    }
    loading.finish()
}

/// A run on these files with these commands, until something is heard; and all that was.
fn run<F: Files>(
    sockets: OsSockets,
    files: F,
    loaded: Loaded,
    commands: &[Command],
    is_end: fn(&Notice) -> bool,
) -> Vec<Notice> {
    let connman = connman().with_loaded(loaded);
    let machine = Machine::new(SockMan::new(sockets, sockman::Config::default()), connman);
    let (mut driver, mailbox) = Driver::with_files(machine, SystemClock::start(), Some(files));
    commands.iter().for_each(|command| mailbox.push(command.clone()).unwrap());
    let mut listener = Listener { mailbox, is_end, heard: Vec::new() };
    driver.run(&mut listener).unwrap();
    driver.machine().check_invariants();
    listener.heard
}

/// The files of a folder, what a run finds there, and what it waits on.
fn open(place: &Place) -> (OsSockets, OsFiles, Loaded) {
    // What is read wakes somebody else, who could hide that a later wake is missing.
    let mut files = OsFiles::open(place.path(), Wakes::default()).unwrap();
    let loaded = load(|op| {
        files.begin(FileRequest { id: FileOpId(0), op }).unwrap();
        files.wait().unwrap().result
    });
    let sockets: OsSockets = OsSockets::new().unwrap();
    let files = OsFiles::open(place.path(), sockets.waker()).unwrap();
    (sockets, files, loaded)
}

/// A run in a folder.
fn run_in(place: &Place, commands: &[Command], is_end: fn(&Notice) -> bool) -> Vec<Notice> {
    let (sockets, files, loaded) = open(place);
    run(sockets, files, loaded, commands, is_end)
}

fn subnet(text: &str) -> Subnet {
    Subnet::parse(text, Cjdns::Unreachable).unwrap()
}

fn ban(text: &str) -> Command {
    Command::Ban { subnet: subnet(text), time: BanTime::Until(UnixTime::from_secs(4_000_000_000)) }
}

fn asked(notice: &Notice) -> bool {
    matches!(notice, Notice::BanAsked { .. } | Notice::UnbanAsked { .. })
}

fn is_saved(notice: &Notice) -> bool {
    matches!(notice, Notice::Store(StoreNotice::Saved { file: StoredFile::Bans, .. }))
}

/// Whom a run that begins with this folder keeps out.
fn bans_in(place: &Place) -> BanList {
    open(place).2.bans
}

fn is_banned(place: &Place, text: &str) -> bool {
    bans_in(place).is_subnet_banned(WALL, &subnet(text))
}

#[test]
fn bans_outlive_the_run() {
    let place = Place::new("outlive");
    // What ends the run comes with the ban, so that the end has to save it.
    let heard = run_in(&place, &[ban("192.0.2.0/24")], asked);
    assert!(heard.iter().any(is_saved), "{heard:?}");
    assert!(is_banned(&place, "192.0.2.0/24"));
    let text = place.text("banlist.json");
    let unban = Command::Unban { subnet: subnet("192.0.2.0/24") };
    // A run without a change leaves the file alone, also one that is asked for none.
    let heard = run_in(&place, &[ban("192.0.2.0/24")], asked);
    assert!(!heard.iter().any(is_saved), "{heard:?}");
    assert_eq!(place.text("banlist.json"), text);
    run_in(&place, std::slice::from_ref(&unban), asked);
    assert!(!is_banned(&place, "192.0.2.0/24"));
    assert_ne!(place.text("banlist.json"), text);
}

#[test]
fn bans_that_are_cleared_do_not_come_back() {
    let place = Place::new("cleared");
    run_in(&place, &[ban("192.0.2.1")], asked);
    // The last command lifts nothing: it tells when the one before was carried out.
    let commands = [Command::ClearBans, Command::Unban { subnet: subnet("192.0.2.2") }];
    run_in(&place, &commands, asked);
    assert!(!is_banned(&place, "192.0.2.1"));
}

/// It is saved by the loop, without an end.
#[test]
fn ban_is_saved_while_the_node_runs() {
    let place = Place::new("while");
    run_in(&place, &[], is_saved);
    let heard = run_in(&place, &[ban("192.0.2.0/24")], is_saved);
    let saved = heard.iter().filter(|notice| is_saved(notice)).count();
    assert_eq!(saved, 1, "{heard:?}");
    assert!(is_banned(&place, "192.0.2.0/24"));
}

/// bugs/B059. Completions come after a look at the sockets, of which there is none between the
/// commands: the file that is missing, or has the first ban, is being written.
#[test]
fn ban_during_a_dump_is_saved() {
    for end in [asked, is_saved] {
        let place = Place::new("during");
        for bans in [["192.0.2.1", "192.0.2.2"], ["192.0.2.3", "192.0.2.4"]] {
            let heard = run_in(&place, &bans.map(ban), end);
            let saved = heard.iter().position(is_saved);
            let first = heard.iter().position(asked);
            assert!(first < saved, "{heard:?}");
            for text in bans.map(subnet) {
                // The second comes after the stop, if the first ends the run.
                let was_asked = heard
                    .iter()
                    .any(|n| matches!(n, Notice::BanAsked { subnet, .. } if *subnet == text));
                assert_eq!(bans_in(&place).is_subnet_banned(WALL, &text), was_asked, "{heard:?}");
            }
        }
    }
}

#[test]
fn full_disk_keeps_no_run_from_its_end() {
    let not_saved = |n: &Notice| matches!(n, Notice::Store(StoreNotice::NotSaved { .. }));
    let sockets: OsSockets = OsSockets::new().unwrap();
    let files = FullDisk { under_way: VecDeque::new(), waker: sockets.waker() };
    let loaded = load(|_| Err(FileError::NotFound));
    let heard = run(sockets, files, loaded, &[ban("192.0.2.0/24")], not_saved);
    let error = ReplaceError { step: ReplaceStep::Create, error: FileError::NoSpace };
    let told = Notice::Store(StoreNotice::NotSaved { file: StoredFile::Bans, error });
    assert!(heard.contains(&told), "{heard:?}");
    assert!(heard.len() < 12, "it is not tried again and again: {heard:?}");
}

/// Core: `DUMP_BANS_INTERVAL`.
#[test]
fn driver_wakes_to_save_again_what_was_not_saved() {
    let at = |seconds| Now { steady: Instant::START + Duration::from_secs(seconds), wall: WALL };
    let loaded = load(|_| Err(FileError::NotFound));
    let sockets: OsSockets = OsSockets::new().unwrap();
    let sockman = SockMan::new(sockets, sockman::Config::default());
    let mut machine = Machine::new(sockman, connman().with_loaded(loaded));
    let Choice::Step(stores) = machine.default_next(at(60)) else { panic!("files are made") };
    assert!(machine.next_wakeup(at(60)) <= Some(at(60).steady));
    machine.step(at(60), stores);
    assert_eq!(machine.next_wakeup(at(60)), None, "the disk is waited for");
    let mut requests = Vec::new();
    machine.take_file_requests(&mut requests);
    while let Some(FileRequest { id, .. }) = requests.pop() {
        let completion = FileCompletion { id, result: Err(FileError::NoSpace) };
        machine.handle_file_completed(at(60), completion);
        machine.take_file_requests(&mut requests);
    }
    let again = at(60 + DUMP_INTERVAL.as_secs());
    assert_eq!(machine.default_next(at(60)), Choice::Wait);
    assert_eq!(machine.next_wakeup(at(60)), Some(again.steady));
    assert_eq!(machine.default_next(again), Choice::Step(stores));
}
