//! What fails in a campaign, by kind: the same failure is met by many seeds, and written once.

use std::path::PathBuf;
use std::process::Command;
use std::sync::{Mutex, MutexGuard, OnceLock};

use sockman::driver::{Clock as _, SystemClock};
use sockman_sim::drivers::Driver;
use sockman_sim::run::Report;
use sockman_sim::shrink::FailureKey;

use super::Arguments;
use crate::cli::Error;
use crate::cli::failures::folder::{self, Found, Shrunk};
use crate::cli::failures::history::{self, Seen};
use crate::cli::interrupts::Interrupts;

/// Kinds that are written down; of further ones it is only counted how often they came. Nobody
/// reads as many, and each takes seconds to shrink.
const KINDS_WRITTEN_MAX: usize = 50;

/// Everything that has failed in a campaign. Threads share it.
pub(super) struct Kinds<'a> {
    arguments: &'a Arguments,
    clock: SystemClock,
    run: String,
    kinds: Mutex<Vec<Kind>>,
}

/// A failure, with whatever is known of it.
pub(super) struct Kind {
    subject: String,
    key: FailureKey,
    /// Where it is written; `None` where nothing but the seed is known, or there are very many.
    pub(super) folder: Option<PathBuf>,
    /// What lies there by now: an error if it cannot be written, of which a campaign loses nothing.
    pub(super) written: Result<Option<Shrunk>, Error>,
    /// The first of its runs that came: the one that is written unless one was there already.
    pub(super) seed: u64,
    pub(super) world: &'static str,
    pub(super) report: Report,
    pub(super) seen: Seen,
    /// Whether its folder is being written.
    is_under_way: bool,
}

impl<'a> Kinds<'a> {
    /// Nothing has failed.
    pub(super) fn new(arguments: &'a Arguments, clock: SystemClock) -> Self {
        let (began, process) = (clock.now().wall.as_secs(), std::process::id());
        let (run, kinds) = (format!("{began}-{process}"), Mutex::new(Vec::new()));
        Self { arguments, clock, run, kinds }
    }

    /// All of them, by number.
    pub(super) fn all(&self) -> MutexGuard<'_, Vec<Kind>> {
        self.kinds.lock().expect("no thread panics here")
    }

    /// Takes in a failed run, and gives the number of its kind. The first of a kind is written at
    /// once, so that an interrupt loses none, which takes seconds.
    pub(super) fn take(
        &self,
        seed: u64,
        world: &'static str,
        report: Report,
        interrupts: &Interrupts,
    ) -> usize {
        let subject = self.arguments.subject(seed);
        let key = FailureKey::of(&report.verdict, &report.recorded);
        let key = key.expect("only what has failed is taken in");
        let now = self.clock.now().wall.as_secs();
        let mut kinds = self.all();
        let is_it = |kind: &Kind| kind.subject == subject && kind.key == key;
        if let Some(number) = kinds.iter().position(is_it) {
            kinds[number].meet_again(seed, now);
            return number;
        }
        let is_written =
            self.arguments.driver == Driver::Network && kinds.len() < KINDS_WRITTEN_MAX;
        let name = || folder::name_of(subject, report.verdict.kind(), &key);
        let folder = is_written.then(|| self.arguments.failures.join(name()));
        let mut seen = self.unseen(now);
        seen.add(seed, now);
        let is_under_way = folder.is_some();
        let subject = subject.to_owned();
        let written = Ok(None);
        kinds.push(Kind { subject, key, folder, written, seed, world, report, seen, is_under_way });
        let number = kinds.len() - 1;
        drop(kinds);
        self.write(number, interrupts);
        number
    }

    /// A campaign that has not seen it.
    fn unseen(&self, now: u64) -> Seen {
        let (run, command) = (self.run.clone(), Arguments::command());
        let commit = commit().to_owned();
        Seen { run, command, commit, first: now, last: now, times: 0, seeds: Vec::new() }
    }

    /// Writes the folder of a kind, while other threads may meet it again.
    fn write(&self, number: usize, interrupts: &Interrupts) {
        let kinds = self.all();
        let Kind { folder: Some(folder), key, seed, world, report, seen, .. } = &kinds[number]
        else {
            return;
        };
        let (folder, key, seed, world) = (folder.clone(), key.clone(), *seed, *world);
        let (report, seen) = (report.clone(), seen.clone());
        drop(kinds);
        let mut schedule = report.recorded.clone();
        let of = if self.arguments.guided { "a guided" } else { "a" };
        let subject = self.arguments.subject(seed);
        schedule.title = vec![
            format!("Found by seed {seed} of {of} campaign on {subject}, in the world {world}."),
            report.told(None).line(),
        ];
        let again = format!("cargo sim run {}", self.arguments.replaying(seed));
        let (key, schedule) = (&key, &schedule);
        let found = Found { key, schedule, report: &report, again: &again, seen: &seen };
        let written = folder::keep(&folder, &found, interrupts);
        let kind = &mut self.all()[number];
        kind.written = written;
        kind.is_under_way = false;
        if kind.seen != seen {
            kind.write_history();
        }
    }

    /// Writes down how often each was met in all.
    pub(super) fn finish(&self) {
        self.all().iter_mut().for_each(Kind::write_history);
    }
}

impl Kind {
    fn meet_again(&mut self, seed: u64, now: u64) {
        self.seen.add(seed, now);
        if !self.is_under_way && self.seen.is_worth_writing() {
            self.write_history();
        }
    }

    /// Where something could not be written before, this is not tried.
    fn write_history(&mut self) {
        let (Some(folder), Ok(_)) = (&self.folder, &self.written) else { return };
        let written = history::lock(folder);
        let written = written.and_then(|held| history::write(folder, &self.seen, &held));
        if let Err(error) = written {
            self.written = Err(error);
        }
    }
}

/// The commit of the source: as it was built in where there is no repository, otherwise what Git
/// says of this folder. It is asked once.
fn commit() -> &'static str {
    static COMMIT: OnceLock<String> = OnceLock::new();
    let asked = || {
        let mut git = Command::new("git");
        git.args(["describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"]);
        let output = git.output().ok().filter(|output| output.status.success())?;
        let said = String::from_utf8(output.stdout).ok()?;
        Some(said.trim().to_owned()).filter(|said| !said.is_empty())
    };
    COMMIT.get_or_init(|| {
        let built_in = option_env!("SIM_COMMIT").map(str::to_owned);
        built_in.or_else(asked).unwrap_or_else(|| "not known".to_owned())
    })
}
