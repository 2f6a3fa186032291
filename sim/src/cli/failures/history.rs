//! When a failure was seen: a line of JSON for each campaign that met it.
//!
//! A campaign rewrites its own line while it goes on, and nobody else's. The file is always whole,
//! and of several processes one at a time touches a folder.

use std::fs::{self, File};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::cli::{Error, files};

/// The name of the file, in the folder of a failure.
pub(in crate::cli) const HISTORY: &str = "history.jsonl";

/// Seeds that a campaign names; further ones it counts.
const SEEDS_NAMED: usize = 16;

/// What one campaign saw of a failure.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::cli) struct Seen {
    /// Which campaign: when it began, in seconds since 1970, and the number of its process.
    pub(in crate::cli) run: String,
    /// The command that it was.
    pub(in crate::cli) command: String,
    /// The commit of the source.
    pub(in crate::cli) commit: String,
    /// When it saw it first and last, in seconds since 1970.
    pub(in crate::cli) first: u64,
    pub(in crate::cli) last: u64,
    /// How often.
    pub(in crate::cli) times: u64,
    /// By which seeds: the first ones.
    pub(in crate::cli) seeds: Vec<u64>,
}

impl Seen {
    /// Adds a sighting, `now` in seconds since 1970.
    pub(in crate::cli) fn add(&mut self, seed: u64, now: u64) {
        self.times += 1;
        self.last = self.last.max(now);
        if self.seeds.len() < SEEDS_NAMED {
            self.seeds.push(seed);
            self.seeds.sort_unstable();
        }
    }

    /// Whether it is time to write it down again: at first always, later seldom, for there may be
    /// very many.
    pub(in crate::cli) const fn is_worth_writing(&self) -> bool {
        self.times <= SEEDS_NAMED as u64 || self.times.is_power_of_two()
    }
}

/// Keeps other processes away from a folder until it is dropped.
pub(in crate::cli) struct Lock(#[expect(dead_code, reason = "held, not used")] File);

/// Waits until nobody else is at work in a folder.
pub(in crate::cli) fn lock(folder: &Path) -> Result<Lock, Error> {
    let held = File::open(folder).map_err(Error::file(folder))?;
    match held.lock() {
        // Some file systems have no locks: who has one of these runs one campaign at a time.
        Err(error) if error.kind() != ErrorKind::Unsupported => {
            Err(Error::File(folder.to_owned(), error))
        }
        Ok(()) | Err(_) => Ok(Lock(held)),
    }
}

/// What is known of a failure, in the order in which campaigns began to see it; nothing if nobody
/// has written anything down.
pub(in crate::cli) fn read(folder: &Path) -> Result<Vec<Seen>, Error> {
    let path = folder.join(HISTORY);
    let text = match fs::read_to_string(&path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        text => text.map_err(Error::file(&path))?,
    };
    let line = |(number, line)| {
        serde_json::from_str(line).map_err(|error| {
            let problem = "is no line of a history; move the file away to begin anew";
            Error::Usage(format!("{}:{number}: {problem} ({error})", path.display()))
        })
    };
    (1..).zip(text.lines()).map(line).collect()
}

/// Writes down what a campaign has seen; `_lock` is held on the folder.
pub(in crate::cli) fn write(folder: &Path, seen: &Seen, _lock: &Lock) -> Result<(), Error> {
    let mut all = read(folder)?;
    match all.iter_mut().find(|earlier| earlier.run == seen.run) {
        Some(own) => own.clone_from(seen),
        None => all.push(seen.clone()),
    }
    let mut text = String::new();
    for seen in &all {
        text.push_str(&serde_json::to_string(seen).expect("it has strings and numbers"));
        text.push('\n');
    }
    files::write_whole(&path_in(folder), text.as_bytes())
}

fn path_in(folder: &Path) -> PathBuf {
    folder.join(HISTORY)
}

/// Seconds since 1970 for a person: `2026-11-28 02:16 UTC`.
pub(in crate::cli) fn date(seconds: u64) -> String {
    let (days, of_day) = (seconds / 86_400, seconds % 86_400);
    let (mut year, mut left) = (1970, days);
    let is_leap = |year: u64| {
        year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400))
    };
    while left >= 365 + u64::from(is_leap(year)) {
        left -= 365 + u64::from(is_leap(year));
        year += 1;
    }
    let february = 28 + u64::from(is_leap(year));
    let mut month = 1;
    for length in [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30] {
        if left < length {
            break;
        }
        left -= length;
        month += 1;
    }
    let (hour, minute) = (of_day / 3600, of_day / 60 % 60);
    format!("{year:04}-{month:02}-{:02} {hour:02}:{minute:02} UTC", left + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_those_of_the_calendar() {
        for (seconds, expected) in [
            (0, "1970-01-01 00:00 UTC"),
            (951_782_399, "2000-02-28 23:59 UTC"),
            (951_782_400, "2000-02-29 00:00 UTC"),
            (1_230_768_000, "2009-01-01 00:00 UTC"),
            (1_798_675_199, "2026-12-30 23:59 UTC"),
            (4_107_542_400, "2100-03-01 00:00 UTC"),
        ] {
            assert_eq!(date(seconds), expected, "{seconds}");
        }
    }

    fn seen(run: &str) -> Seen {
        let (run, command, commit) = (run.to_owned(), "sim run".to_owned(), "abc".to_owned());
        Seen { run, command, commit, first: 7, last: 7, times: 0, seeds: Vec::new() }
    }

    #[test]
    fn a_campaign_rewrites_its_own_line_alone() {
        let folder = std::env::temp_dir().join(format!("sim-history-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let held = lock(&folder).unwrap();
        assert_eq!(read(&folder).unwrap(), []);
        let (mut one, other) = (seen("one"), seen("other"));
        for (campaign, count) in [(&one, 1), (&other, 2), (&one, 2)] {
            write(&folder, campaign, &held).unwrap();
            assert_eq!(read(&folder).unwrap().len(), count);
        }
        one.add(41, 9);
        write(&folder, &one, &held).unwrap();
        assert_eq!(read(&folder).unwrap(), [one, other]);
        fs::write(folder.join(HISTORY), "{}\n").unwrap();
        let problem = write(&folder, &seen("one"), &held).unwrap_err().to_string();
        assert!(problem.contains("history.jsonl:1: is no line of a history"), "{problem}");
        fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn of_many_seeds_the_first_are_named_and_all_counted() {
        let mut seen = seen("one");
        (0..100).for_each(|seed| seen.add(seed, 10 + seed));
        assert_eq!((seen.times, seen.seeds.len(), seen.last), (100, SEEDS_NAMED, 109));
    }
}
