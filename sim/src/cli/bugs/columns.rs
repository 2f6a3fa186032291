//! Who looks for a bug, and what came of it.

use std::fmt;
use std::path::Path;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::workshop::{TestBinary, Workshop, in_time, ran_out};
use sockman_sim::bugs::Level;

use crate::cli::campaign::FAILURES;
use crate::cli::{Error, files};

/// Modules of tests that are left out of the column `tests`, because they look with the means of
/// the others: cases and witnesses replayed, generated worlds, the command over both; and those
/// that judge the text of the sources, in which a bug has no part.
const SKIPPED_TESTS: [&str; 7] =
    ["corpus::", "bugs::", "worlds::", "guided::", "canaries::", "cli::", "tidy::"];

/// Seconds after which a test binary, and a campaign, is taken to hang. Each takes a minute or so,
/// campaigns for deep bugs some ten.
const TESTS_SECONDS: u32 = 600;
const CAMPAIGN_SECONDS: u32 = 3600;

/// What an oracle is called that is a clock on the wall.
const HANGS: &str = "hangs";

/// Who looks.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, clap::ValueEnum, Serialize, Deserialize,
)]
#[serde(rename_all = "lowercase")]
pub(super) enum Column {
    /// `cargo test`, without what replays schedules or generates worlds. Once, not in campaigns.
    Tests,
    /// Campaigns through the seam, with everything that they may do there.
    Seam,
    /// Campaigns that exchange messages alone.
    Messages,
    /// Campaigns that exchange bytes alone.
    Bytes,
    /// For information: campaigns through the seam that are guided by what they reach.
    Guided,
    /// For information: campaigns through the seam in which PCT has every order.
    Pct,
}

impl Column {
    /// Those that are compared.
    pub(super) const FINDERS: [Self; 4] = [Self::Tests, Self::Seam, Self::Messages, Self::Bytes];

    /// Whether it looks as another column does, with one thing changed: it is no finder of its own.
    pub(super) fn is_variant(self) -> bool {
        !Self::FINDERS.contains(&self)
    }

    /// What `sim run` is asked for.
    pub(super) const fn arguments(self) -> &'static [&'static str] {
        match self {
            Self::Tests | Self::Seam => &[],
            Self::Messages => &["--driver", "messages"],
            Self::Bytes => &["--driver", "bytes"],
            Self::Guided => &["--guided"],
            Self::Pct => &["--scheduler", "pct:3"],
        }
    }
}

impl fmt::Display for Column {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Tests => "tests",
            Self::Seam => "seam",
            Self::Messages => "messages",
            Self::Bytes => "bytes",
            Self::Guided => "guided",
            Self::Pct => "pct",
        })
    }
}

/// What is tried.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Experiment {
    pub(super) columns: Vec<Column>,
    /// Campaigns of each column, from 1; `tests` has one.
    pub(super) campaigns: u16,
    /// Socket events of each campaign: in them the columns are compared.
    pub(super) events: u64,
}

/// How many times the budget is spent on a deep bug through the seam, beyond what is compared.
pub(super) const DEEP_TIMES: u64 = 10;

impl Experiment {
    /// Socket events of each campaign of a column for a bug of a level.
    pub(super) const fn events_for(&self, column: Column, level: Level) -> u64 {
        match (column, level) {
            (Column::Seam, Level::Deep) => self.events.saturating_mul(DEEP_TIMES),
            _ => self.events,
        }
    }

    /// Whether the campaigns of a column that are still to come cannot change what more than half
    /// of them say, in the budget that is compared and in all of it.
    pub(super) fn is_decided(&self, column: Column, findings: &[Finding]) -> bool {
        let most = usize::from(self.times(column)) / 2;
        let is_one_sided = |found: usize| found > most || findings.len() - found > most;
        let in_all = findings.iter().filter(|finding| finding.found).count();
        let compared = findings.iter().filter(|finding| finding.is_within(self.events)).count();
        is_one_sided(in_all) && is_one_sided(compared)
    }

    /// How often a column looks.
    pub(super) const fn times(&self, column: Column) -> u16 {
        if matches!(column, Column::Tests) { 1 } else { self.campaigns }
    }
}

/// What one look came to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Finding {
    pub(super) found: bool,
    /// The oracle that noticed, or the first test that failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) oracle: Option<String>,
    /// Socket events up to then, and seconds in the worlds; `None` for tests, and if it hangs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) events: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) virtual_seconds: Option<u64>,
    /// The smallest schedule that fails in the same way, and how many operations it has; only
    /// schedules shrink.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) shrunk: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) operations: Option<u64>,
    /// The key of the question that this answers: see [`Question`](super::results::Question).
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(super) key: String,
}

impl Finding {
    /// Whether it was found in so many socket events; who does not count them was in time.
    pub(super) fn is_within(&self, events: u64) -> bool {
        self.found && self.events.is_none_or(|found| found <= events)
    }

    fn by(oracle: &str) -> Self {
        Self { found: true, oracle: Some(oracle.to_owned()), ..Self::default() }
    }
}

/// Runs test binaries up to the first that fails.
pub(super) fn run_tests(workshop: &Workshop, tests: &[TestBinary]) -> Result<Finding, Error> {
    for test in tests {
        let mut command = in_time(TESTS_SECONDS, &test.path);
        command.args(SKIPPED_TESTS.iter().flat_map(|name| ["--skip", *name]));
        command.current_dir(&test.folder);
        let output = workshop.run(&mut command)?;
        if ran_out(&output) {
            return Ok(Finding::by(HANGS));
        }
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stdout);
            let failed = |line: &str| {
                Some(line.strip_prefix("test ")?.strip_suffix(" ... FAILED")?.to_owned())
            };
            let first = said.lines().find_map(failed);
            return Ok(Finding::by(first.as_deref().unwrap_or("the process")));
        }
    }
    Ok(Finding::default())
}

/// A campaign of a `sim` command.
pub(super) struct Campaign<'a> {
    /// From 1: the seeds of all its runs.
    pub(super) number: u16,
    /// Its budget, in socket events.
    pub(super) events: u64,
    /// What `sim run` is asked for besides.
    pub(super) arguments: &'a [&'a str],
}

impl Campaign<'_> {
    /// Runs it, up to its first failure.
    pub(super) fn run(&self, workshop: &Workshop, sim: &Path) -> Result<Finding, Error> {
        let Self { number, events, arguments } = self;
        // Another bug or campaign may have failed in the same way: its schedule would stay.
        let _ = std::fs::remove_dir_all(workshop.tree().join(FAILURES));
        let mut command = in_time(CAMPAIGN_SECONDS, sim);
        command.args(["run", "--json", "--campaign", &number.to_string()]);
        command.args(["--events", &events.to_string()]).args(*arguments);
        let output = workshop.run(&mut command)?;
        if ran_out(&output) {
            return Ok(Finding::by(HANGS));
        }
        // 1 is a failure found. Anything else but 0 is none of the bug's.
        if !matches!(output.status.code(), Some(0 | 1)) {
            let said = String::from_utf8_lossy(&output.stderr);
            let command = format!("sim run --campaign {number} {}", arguments.join(" "));
            return Err(Error::Tool(format!("{command}: {}\n{}", output.status, said.trim())));
        }
        let summary: Value = serde_json::from_slice(&output.stdout)
            .map_err(|error| Error::Tool(format!("sim run --json: {error}")))?;
        let mut finding = finding_of(&summary)?;
        if let Some(folder) = summary["first_failure"]["folder"].as_str() {
            let path = workshop.tree().join(folder).join(files::SHRUNK_SCHEDULE);
            // There is none if the failure does not replay.
            finding.shrunk = std::fs::read_to_string(path).ok().filter(|_| finding.found);
        }
        Ok(finding)
    }
}

/// What the summary of a campaign says was found.
fn finding_of(summary: &Value) -> Result<Finding, Error> {
    let missing = |field: &str| Error::Tool(format!("sim run --json: no {field} in {summary}"));
    let failures = summary["failures"].as_u64().ok_or_else(|| missing("failures"))?;
    if failures == 0 {
        return Ok(Finding::default());
    }
    let first = &summary["first_failure"];
    let oracle = first["oracle"].as_str().or_else(|| first["kind"].as_str());
    Ok(Finding {
        events: Some(first["events"].as_u64().ok_or_else(|| missing("first_failure.events"))?),
        virtual_seconds: first["virtual_seconds"].as_u64(),
        operations: first["operations"].as_u64(),
        ..Finding::by(oracle.ok_or_else(|| missing("first_failure.oracle"))?)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn column_is_decided_once_more_than_half_of_its_campaigns_agree() {
        let experiment = Experiment { columns: vec![Column::Seam], campaigns: 5, events: 20 };
        let check = |events: &[u64], decided: bool| {
            let finding = |&events: &u64| Finding {
                found: events > 0,
                events: Some(events),
                ..Finding::default()
            };
            let findings: Vec<_> = events.iter().map(finding).collect();
            assert_eq!(experiment.is_decided(Column::Seam, &findings), decided, "{events:?}");
        };
        check(&[], false);
        check(&[0, 0], false);
        check(&[0, 0, 0], true);
        check(&[5, 0, 5], false);
        check(&[5, 0, 5, 20], true);
        // Found in all of the budget, and not yet decided in what is compared.
        check(&[5, 21, 5], false);
        check(&[5, 21, 21, 99], true);
        let tests = [Finding { found: true, ..Finding::default() }];
        assert!(experiment.is_decided(Column::Tests, &tests));
    }

    #[test]
    fn first_failure_of_a_campaign_is_read() {
        let summary = serde_json::json!({"runs": 9, "failures": 0, "events": 5});
        assert_eq!(finding_of(&summary).unwrap(), Finding::default());
        let first = serde_json::json!({
            "seed": 4, "oracle": "byte streams", "kind": "failed", "events": 77,
            "virtual_seconds": 3, "operations": 6,
        });
        let summary = serde_json::json!({"runs": 9, "failures": 1, "first_failure": first});
        let finding = finding_of(&summary).unwrap();
        assert_eq!(finding.oracle.as_deref(), Some("byte streams"));
        let Finding { events, virtual_seconds, operations, .. } = finding;
        assert_eq!((events, virtual_seconds, operations), (Some(77), Some(3), Some(6)));
        assert!(finding_of(&serde_json::json!({"runs": 9, "failures": 1})).is_err());
    }
}
