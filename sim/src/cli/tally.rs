//! What commands that compare two places count, and how they tell it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::io::Write;
use std::process::ExitCode;

use super::{Error, exit};

/// What came of all schedules together.
#[derive(Default)]
pub(super) struct Tally {
    /// What is wanted in both places, and the same.
    pub(super) agree: usize,
    /// Not the same.
    pub(super) differ: usize,
    /// The same in both, and not what the schedule wants.
    pub(super) failed: usize,
    pub(super) unreadable: usize,
    /// By the operation that a place does not have. One schedule may be under several.
    skipped: BTreeMap<&'static str, usize>,
    skipped_count: usize,
}

impl Tally {
    /// A schedule is skipped for these operations; gives them in order.
    pub(super) fn skip(&mut self, names: &BTreeSet<&'static str>) -> Vec<&'static str> {
        self.skipped_count += 1;
        names.iter().for_each(|name| *self.skipped.entry(*name).or_default() += 1);
        names.iter().copied().collect()
    }

    /// How a command ends that was not interrupted.
    pub(super) fn status(&self) -> ExitCode {
        match self.unreadable {
            0 => exit(self.differ + self.failed > 0),
            _ => ExitCode::from(2),
        }
    }

    /// For scripts; a caller adds its own.
    pub(super) fn json(&self) -> serde_json::Value {
        serde_json::json!({
            "agree": self.agree,
            "differ": self.differ,
            "failed": self.failed,
            "skipped": self.skipped_count,
            "skipped_by": self.skipped,
            "unreadable": self.unreadable,
        })
    }

    /// For people.
    pub(super) fn tell(&self, place: &dyn fmt::Display, out: &mut impl Write) -> Result<(), Error> {
        let Self { agree, differ, failed, unreadable, skipped, skipped_count } = self;
        write!(out, "mock and {place}: {agree} agree, {differ} differ, {failed} fail alike")?;
        write!(out, ", {skipped_count} skipped")?;
        match unreadable {
            0 => writeln!(out)?,
            _ => writeln!(out, ", {unreadable} could not be run")?,
        }
        for (name, count) in skipped {
            writeln!(out, "  skipped for {name}: {count}")?;
        }
        Ok(())
    }
}
