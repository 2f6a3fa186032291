//! The experiment: every bug, every column, every campaign; and what it says beside what it said.

use std::collections::BTreeMap;
use std::fs;
use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sockman_sim::bugs::{Bug, Level};

use super::columns::{Campaign, Column, Experiment, Finding, run_tests};
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
    /// By bug, and what is looked for in the tree without one: [`CLEAN`], [`CLEAN_DEEP`].
    pub(super) bugs: BTreeMap<String, Looks>,
}

/// What the tree without a bug is called, in the budget of all bugs and in that of deep ones.
pub(super) const CLEAN: &str = "clean";
pub(super) const CLEAN_DEEP: &str = "clean-deep";

/// How many of a column's campaigns are run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Extent {
    /// All of them.
    All,
    /// As many as it takes until more than half agree.
    UntilDecided,
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
    pub(super) fn measure(
        &mut self,
        workshop: &Workshop,
        bugs: &[&Bug],
        extent: Extent,
    ) -> Result<(), Error> {
        for tree in trees(bugs) {
            let measure = Measure::of(workshop, tree, &self.experiment, extent)?;
            let looks = measure.all()?;
            if matches!(tree, Tree::Clean(_)) {
                check_clean(&looks)?;
            }
            self.bugs.insert(tree.id().to_owned(), looks);
        }
        workshop.set_up(None)
    }

    /// Takes what was measured before, and measures nothing.
    pub(super) fn gather(&mut self, workshop: &Workshop, bugs: &[&Bug]) -> Result<(), Error> {
        for tree in trees(bugs) {
            let looks = Measure::of(workshop, tree, &self.experiment, Extent::All)?.known();
            if !looks.is_empty() {
                self.bugs.insert(tree.id().to_owned(), looks);
            }
        }
        Ok(())
    }

    /// Makes these figures known to a workshop that has not measured them itself. What they depend
    /// on is in their keys, so that those of another tree answer nothing.
    pub(super) fn recall(&self, workshop: &Workshop) -> Result<(), Error> {
        for (id, looks) in &self.bugs {
            for (column, findings) in looks {
                for (campaign, finding) in (1..).zip(findings) {
                    let name = name_of(id, *column, campaign);
                    let question = Question::keyed(workshop, &name, finding.key.clone());
                    if question.known::<Finding>().is_none() {
                        question.keep(finding)?;
                    }
                }
            }
        }
        Ok(())
    }

    /// Takes over what was known and was not measured anew.
    pub(super) fn carry_over(&mut self, known: &Self) {
        for (id, looks) in &known.bugs {
            let mine = self.bugs.entry(id.clone()).or_default();
            for (column, findings) in looks {
                mine.entry(*column).or_insert_with(|| findings.clone());
            }
        }
        let columns = known.experiment.columns.iter().copied();
        self.experiment.columns.extend(columns);
        self.experiment.columns.sort_unstable();
        self.experiment.columns.dedup();
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

/// A tree that is looked at.
#[derive(Clone, Copy)]
enum Tree<'a> {
    /// Without a bug, in the budget of a level.
    Clean(Level),
    Bug(&'a Bug),
}

impl<'a> Tree<'a> {
    fn id(self) -> &'a str {
        match self {
            Self::Clean(Level::Deep) => CLEAN_DEEP,
            Self::Clean(Level::Shallow | Level::Medium) => CLEAN,
            Self::Bug(bug) => &bug.id,
        }
    }

    const fn level(self) -> Level {
        match self {
            Self::Clean(level) => level,
            Self::Bug(bug) => bug.level,
        }
    }

    const fn bug(self) -> Option<&'a Bug> {
        match self {
            Self::Clean(_) => None,
            Self::Bug(bug) => Some(bug),
        }
    }
}

/// All that is looked at for some bugs, in its order.
fn trees<'a>(bugs: &[&'a Bug]) -> Vec<Tree<'a>> {
    let expressible = bugs.iter().filter(|bug| !bug.state.changes().is_empty());
    let mut trees: Vec<_> = expressible.map(|bug| Tree::Bug(bug)).collect();
    // It takes as long as all the others, so it comes last.
    trees.push(Tree::Clean(Level::Shallow));
    if bugs.iter().any(|bug| bug.level == Level::Deep) {
        trees.push(Tree::Clean(Level::Deep));
    }
    trees
}

/// Whoever finds something where nothing is has found nothing elsewhere.
fn check_clean(looks: &Looks) -> Result<(), Error> {
    for (column, findings) in looks {
        if let Some(finding) = findings.iter().find(|finding| finding.found) {
            let by = finding.oracle.as_deref().unwrap_or_default();
            let problem = format!("{column}: {by} finds something without any bug");
            return Err(Error::Tool(problem));
        }
    }
    Ok(())
}

/// What a look is called.
fn name_of(id: &str, column: Column, campaign: u16) -> String {
    format!("{id}-{column}-{campaign}")
}

/// The measuring of one tree: what is needed is built once, and only if something is not known.
struct Measure<'a> {
    workshop: &'a Workshop,
    tree: Tree<'a>,
    experiment: &'a Experiment,
    extent: Extent,
    file: Vec<u8>,
    sim: Option<PathBuf>,
    tests: Option<Vec<TestBinary>>,
}

impl<'a> Measure<'a> {
    fn of(
        workshop: &'a Workshop,
        tree: Tree<'a>,
        experiment: &'a Experiment,
        extent: Extent,
    ) -> Result<Self, Error> {
        let (extent, file) = match tree {
            Tree::Clean(_) => (Extent::All, Vec::new()),
            Tree::Bug(bug) => (extent, text_of(workshop.root(), bug)?),
        };
        Ok(Self { workshop, tree, experiment, extent, file, sim: None, tests: None })
    }

    /// Every look, those that are known among them.
    fn all(mut self) -> Result<Looks, Error> {
        let mut looks = Looks::new();
        for column in self.columns() {
            let mut findings = Vec::new();
            for campaign in 1..=self.experiment.times(column) {
                findings.push(self.one(column, campaign)?);
                let is_decided = self.experiment.is_decided(column, &findings);
                if self.extent == Extent::UntilDecided && is_decided {
                    break;
                }
            }
            looks.insert(column, findings);
        }
        Ok(looks)
    }

    /// The looks that are known, up to the first of a column that is not.
    fn known(&self) -> Looks {
        let mut looks = Looks::new();
        for column in self.columns() {
            let answers = (1..=self.experiment.times(column))
                .map(|campaign| self.question(column, campaign))
                .map_while(|question| question.known::<Finding>().map(|f| f.keyed(&question)));
            let findings: Vec<_> = answers.collect();
            if !findings.is_empty() {
                looks.insert(column, findings);
            }
        }
        looks
    }

    /// Who looks: the budget of deep bugs is the seam's alone.
    fn columns(&self) -> Vec<Column> {
        let is_asked = |column: &Column| match self.tree {
            Tree::Clean(Level::Deep) => *column == Column::Seam,
            Tree::Clean(Level::Shallow | Level::Medium) | Tree::Bug(_) => true,
        };
        self.experiment.columns.iter().copied().filter(is_asked).collect()
    }

    fn question(&self, column: Column, campaign: u16) -> Question {
        let (budget, sources) = match column {
            Column::Tests => (0, &self.workshop.test_sources),
            Column::Seam | Column::Messages | Column::Bytes | Column::Guided | Column::Pct => {
                (self.budget(column), &self.workshop.sources)
            }
        };
        let name = name_of(self.tree.id(), column, campaign);
        let parts: [&[u8]; 2] = [&self.file, &budget.to_le_bytes()];
        Question::new(self.workshop, sources, &name, &parts)
    }

    fn budget(&self, column: Column) -> u64 {
        self.experiment.events_for(column, self.tree.level())
    }

    fn one(&mut self, column: Column, campaign: u16) -> Result<Finding, Error> {
        let question = self.question(column, campaign);
        if let Some(known) = question.known::<Finding>() {
            return Ok(known.keyed(&question));
        }
        let finding = if column == Column::Tests {
            run_tests(self.workshop, self.tests()?)?
        } else {
            let (sim, budget) = (self.sim()?, self.budget(column));
            let arguments = column.arguments();
            Campaign { number: campaign, events: budget, arguments }.run(self.workshop, &sim)?
        };
        question.keep(&finding)?;
        tell(&name_of(self.tree.id(), column, campaign), &finding);
        Ok(finding.keyed(&question))
    }

    fn sim(&mut self) -> Result<PathBuf, Error> {
        if let Some(sim) = &self.sim {
            return Ok(sim.clone());
        }
        self.workshop.set_up(self.tree.bug())?;
        Ok(self.sim.insert(self.workshop.build_sim()?).clone())
    }

    fn tests(&mut self) -> Result<&[TestBinary], Error> {
        if self.tests.is_none() {
            self.workshop.set_up(self.tree.bug())?;
            self.tests = Some(self.workshop.build_tests()?);
        }
        Ok(self.tests.as_deref().unwrap_or_default())
    }
}

impl Finding {
    /// With the key of the question that it answers.
    fn keyed(mut self, question: &Question) -> Self {
        self.key.clone_from(&question.key);
        self
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

#[cfg(test)]
mod tests {
    use super::*;

    fn figures(looks: &[(&str, Column, bool)]) -> Figures {
        let columns = looks.iter().map(|(_, column, _)| *column).collect();
        let mut figures = Figures::none(Experiment { columns, campaigns: 3, events: 20 });
        for (id, column, found) in looks {
            let looks = figures.bugs.entry((*id).to_owned()).or_default();
            looks.insert(*column, vec![Finding { found: *found, ..Finding::default() }]);
        }
        figures
    }

    #[test]
    fn what_was_not_measured_anew_stays_as_it_was_known() {
        let known = [("B001", Column::Seam, true), ("B002", Column::Seam, true)];
        let mut anew = figures(&[("B002", Column::Seam, false), ("B002", Column::Bytes, true)]);
        anew.carry_over(&figures(&known));
        let expected = figures(&[
            ("B001", Column::Seam, true),
            ("B002", Column::Seam, false),
            ("B002", Column::Bytes, true),
        ]);
        assert_eq!(anew.bugs, expected.bugs);
        assert_eq!(anew.experiment.columns, [Column::Seam, Column::Bytes]);
    }
}
