//! The experiment: every bug, every column, every campaign; and what it says beside what it said.

use std::collections::BTreeMap;
use std::fs;
use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sockman_sim::bugs::{Bug, Level};

use super::columns::{Column, Experiment, Finding, run_campaign, run_tests};
use super::results::Question;
use super::workshop::{TestBinary, Workshop, text_of};
use crate::cli::Error;

/// The figures that are committed.
pub(super) const DOCUMENT: &str = "docs/bugs.json";

/// What every look at one bug came to, by column.
pub(super) type Looks = BTreeMap<Column, Vec<Finding>>;

/// All figures.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Figures {
    pub(super) experiment: Experiment,
    /// By bug.
    pub(super) bugs: BTreeMap<String, Looks>,
}

/// Reads figures; `None` if there are none yet.
pub(super) fn read(path: &Path) -> Result<Option<Figures>, Error> {
    let text = match fs::read_to_string(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        text => text.map_err(Error::file(path))?,
    };
    let figures = serde_json::from_str(&text);
    figures.map(Some).map_err(|error| Error::Tool(format!("{}: {error}", path.display())))
}

impl Figures {
    /// Of no bug yet.
    pub(super) const fn none(experiment: Experiment) -> Self {
        Self { experiment, bugs: BTreeMap::new() }
    }

    /// Measures, or takes what was measured before. What is known by then stays if it fails.
    pub(super) fn measure(&mut self, workshop: &Workshop, bugs: &[&Bug]) -> Result<(), Error> {
        check_clean(workshop, &self.experiment, Level::Shallow)?;
        for bug in bugs.iter().filter(|bug| !bug.state.changes().is_empty()) {
            let looks = Measure::of(workshop, Some(bug), &self.experiment, bug.level)?.all()?;
            self.bugs.insert(bug.id.clone(), looks);
        }
        // It takes as long as all the others, so it comes last.
        if bugs.iter().any(|bug| bug.level == Level::Deep) {
            check_clean(workshop, &self.experiment, Level::Deep)?;
        }
        workshop.set_up(None)
    }

    /// What used to be found, and is not any more. Figures of another experiment say nothing.
    pub(super) fn lost_since(&self, known: &Self) -> Vec<(String, Column)> {
        let (mine, theirs) = (&self.experiment, &known.experiment);
        if (mine.campaigns, mine.events) != (theirs.campaigns, theirs.events) {
            return Vec::new();
        }
        let found = |findings: &Vec<Finding>| findings.iter().any(|finding| finding.found);
        let mut lost = Vec::new();
        for (id, looks) in &self.bugs {
            for (column, findings) in looks {
                let before = known.bugs.get(id).and_then(|looks| looks.get(column));
                if before.is_some_and(found) && !found(findings) {
                    lost.push((id.clone(), *column));
                }
            }
        }
        lost
    }

    /// As JSON, a line a bug so that differences can be read; without the schedules, which are
    /// cases of their own.
    pub(super) fn json(&self) -> Result<String, Error> {
        let tool = |error: serde_json::Error| Error::Tool(error.to_string());
        let experiment = serde_json::to_string(&self.experiment).map_err(tool)?;
        let mut lines = Vec::new();
        let mut bugs = self.bugs.clone();
        for finding in bugs.values_mut().flat_map(BTreeMap::values_mut).flatten() {
            finding.shrunk = None;
        }
        for (id, looks) in &bugs {
            lines.push(format!("\"{id}\": {}", serde_json::to_string(looks).map_err(tool)?));
        }
        Ok(format!("{{\"experiment\": {experiment},\n\"bugs\": {{\n{}\n}}}}\n", lines.join(",\n")))
    }
}

/// Whoever finds something where nothing is, in the budget of a level, has found nothing elsewhere.
fn check_clean(workshop: &Workshop, experiment: &Experiment, level: Level) -> Result<(), Error> {
    for (column, findings) in Measure::of(workshop, None, experiment, level)?.all()? {
        if let Some(finding) = findings.iter().find(|finding| finding.found) {
            let by = finding.oracle.as_deref().unwrap_or_default();
            let problem = format!("{column}: {by} finds something without any bug");
            return Err(Error::Tool(problem));
        }
    }
    Ok(())
}

/// The measuring of one tree: what is needed is built once, and only if something is not known.
struct Measure<'a> {
    workshop: &'a Workshop,
    bug: Option<&'a Bug>,
    experiment: &'a Experiment,
    /// Socket events of each campaign.
    events: u64,
    file: Vec<u8>,
    sim: Option<PathBuf>,
    tests: Option<Vec<TestBinary>>,
}

impl<'a> Measure<'a> {
    fn of(
        workshop: &'a Workshop,
        bug: Option<&'a Bug>,
        experiment: &'a Experiment,
        level: Level,
    ) -> Result<Self, Error> {
        let file = match bug {
            Some(bug) => text_of(workshop.root(), bug)?,
            None => Vec::new(),
        };
        let events = experiment.events_for(level);
        Ok(Self { workshop, bug, experiment, events, file, sim: None, tests: None })
    }

    fn all(mut self) -> Result<Looks, Error> {
        let mut looks = Looks::new();
        for &column in &self.experiment.columns {
            let campaigns = 1..=self.experiment.times(column);
            let findings = campaigns.map(|campaign| self.one(column, campaign));
            looks.insert(column, findings.collect::<Result<_, _>>()?);
        }
        Ok(looks)
    }

    fn one(&mut self, column: Column, campaign: u16) -> Result<Finding, Error> {
        let id = self.bug.map_or("clean", |bug| bug.id.as_str());
        let name = format!("{id}-{column}-{campaign}");
        let (budget, sources) = match column {
            Column::Tests => (0, &self.workshop.test_sources),
            Column::Seam | Column::Messages | Column::Bytes | Column::Guided | Column::Pct => {
                (self.events, &self.workshop.sources)
            }
        };
        let parts: [&[u8]; 2] = [&self.file, &budget.to_le_bytes()];
        let question = Question::new(self.workshop, sources, &name, &parts);
        if let Some(known) = question.known() {
            return Ok(known);
        }
        let finding = if column == Column::Tests {
            run_tests(self.workshop, self.tests()?)?
        } else {
            let sim = self.sim()?;
            run_campaign(self.workshop, &sim, column, campaign, self.events)?
        };
        question.keep(&finding)?;
        tell(&name, &finding);
        Ok(finding)
    }

    fn sim(&mut self) -> Result<PathBuf, Error> {
        if let Some(sim) = &self.sim {
            return Ok(sim.clone());
        }
        self.workshop.set_up(self.bug)?;
        Ok(self.sim.insert(self.workshop.build_sim()?).clone())
    }

    fn tests(&mut self) -> Result<&[TestBinary], Error> {
        if self.tests.is_none() {
            self.workshop.set_up(self.bug)?;
            self.tests = Some(self.workshop.build_tests()?);
        }
        Ok(self.tests.as_deref().unwrap_or_default())
    }
}

/// Says how far it has come; who cannot hear it misses nothing.
fn tell(name: &str, finding: &Finding) {
    let what = match (&finding.oracle, finding.events) {
        (Some(oracle), Some(events)) => format!("{oracle}, after {events} socket events"),
        (Some(oracle), None) => oracle.clone(),
        (None, _) => "nothing".to_owned(),
    };
    let _ = writeln!(std::io::stderr(), "{name}: {what}");
}
