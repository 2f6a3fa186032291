//! The figures as a page: docs/bugs.md.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use sockman_sim::bugs::{Bug, CLASSES, Level, State};

use super::columns::{Column, DEEP_TIMES, Finding};
use super::figures::{CLEAN, CLEAN_DEEP, Figures};
use crate::cli::{Error, files};

const HEAD: &str = "\
# What is found

Each bug of bugs/ is put back into the product, one at a time, and looked for in several ways:

* `tests`: `cargo test`, without what replays cases or runs generated worlds;
* `seam`: campaigns of `cargo sim run`, through the socket traits;
* `messages`, `bytes`: the same campaigns without what the seam adds;
* `guided`, `pct`: the seam again, for information: with `--guided`, and with `--scheduler pct:3`.

A cell says in how many of the campaigns it was found, after how many socket events (the median over
the campaigns that found it), and who noticed. A dash is what was not measured. ci/bugs.sh writes
this page and docs/bugs.json. What it does not measure again stays, also of sources that have
changed since: the key of a figure in docs/bugs.json is a hash of what it was measured on.

";

/// Writes the page, and the figures beside it.
pub(super) fn write(docs: &Path, bugs: &[Bug], figures: &Figures) -> Result<(), Error> {
    files::write_whole(&docs.join("bugs.json"), figures.json()?.as_bytes())?;
    files::write_whole(&docs.join("bugs.md"), markdown(bugs, figures).as_bytes())
}

/// The page.
pub(super) fn markdown(bugs: &[Bug], figures: &Figures) -> String {
    let columns = &figures.experiment.columns;
    let mut page = HEAD.to_owned();
    page.push_str(&extent(bugs, figures));
    row(&mut page, ["bug", "level", "class"].map(str::to_owned), columns, |c| c.to_string());
    row(&mut page, ["---", "---", "---"].map(str::to_owned), columns, |_| "---".to_owned());
    let measured = |bug: &&Bug| figures.bugs.contains_key(&bug.id);
    for bug in bugs.iter().filter(measured) {
        let stands_in = if matches!(bug.state, State::StandIn(..)) { " (stand-in)" } else { "" };
        let name = format!("{} {}{stands_in}", bug.id, bug.name);
        let first = [name, bug.level.name().to_owned(), bug.class.clone()];
        row(&mut page, first, columns, |column| cell(findings(figures, bug, column)));
    }
    line(&mut page, "\n## Found by more than half of the campaigns\n");
    totals(&mut page, bugs, figures);
    line(&mut page, &deep(bugs, figures));
    line(&mut page, "\n## How small they shrink\n");
    line(&mut page, &shrunk(figures));
    line(&mut page, "\n## Found by one alone, by more than half of its campaigns\n");
    alone(&mut page, bugs, figures);
    page
}

/// Which of the bugs that all have looked for are found by one column alone, and which by none.
fn alone(page: &mut String, bugs: &[Bug], figures: &Figures) {
    let columns = &figures.experiment.columns;
    let finders: Vec<_> = columns.iter().copied().filter(|column| !column.is_variant()).collect();
    let all_looked = |bug: &&Bug| finders.iter().all(|column| is_measured(figures, bug, *column));
    let looked_for: Vec<_> = bugs.iter().filter(all_looked).collect();
    line(page, &format!("Of the {} bugs that all of these looked for:\n", looked_for.len()));
    let found_by = |wanted: &[Column]| {
        let found_by = |bug: &&Bug| {
            let finders = finders.iter().copied();
            finders.filter(|column| is_usual(figures, bug, *column)).eq(wanted.iter().copied())
        };
        let ids = looked_for.iter().copied().filter(found_by);
        listed(&ids.map(|bug| bug.id.as_str()).collect::<Vec<_>>())
    };
    for &column in &finders {
        line(page, &format!("* `{column}`: {}", found_by(&[column])));
    }
    line(page, &format!("* nobody: {}", found_by(&[])));
}

/// How much was tried, and what of it is missing.
fn extent(bugs: &[Bug], figures: &Figures) -> String {
    let (campaigns, events) = (figures.experiment.campaigns, figures.experiment.events);
    let mut text = format!(
        "{campaigns} campaigns of {events} socket events each. In these all columns are compared; \
         for a deep bug the seam goes on to {DEEP_TIMES} times as many. "
    );
    let there = bugs.iter().filter(|bug| !bug.state.changes().is_empty()).count();
    let measured = bugs.iter().filter(|bug| figures.bugs.contains_key(&bug.id)).count();
    if measured < there {
        text += &format!("Measured so far: {measured} of {there} bugs. ");
    }
    let is_short = |(column, findings): (&Column, &Vec<Finding>)| {
        findings.len() < usize::from(figures.experiment.times(*column))
    };
    if figures.bugs.values().flatten().any(is_short) {
        text += "Where fewer campaigns stand, those to come could not change what more than half \
                 say, or were not run yet. ";
    }
    for (id, budget) in [(CLEAN, "In"), (CLEAN_DEEP, "In the largest of")] {
        if figures.bugs.contains_key(id) {
            text += &format!("{budget} these budgets nothing is found in the tree without a bug. ");
        }
    }
    format!("{}\n\n", text.trim_end())
}

/// How many bugs each column has found, in all and by groups.
fn totals(page: &mut String, bugs: &[Bug], figures: &Figures) {
    let columns = &figures.experiment.columns;
    let measured = |bug: &&Bug| figures.bugs.contains_key(&bug.id);
    row(page, ["", "", "bugs"].map(str::to_owned), columns, |c| c.to_string());
    row(page, ["---", "---", "---"].map(str::to_owned), columns, |_| "---".to_owned());
    let mut total = |group: &str, of: &str, belongs: &dyn Fn(&Bug) -> bool| {
        let group_of: Vec<_> = bugs.iter().filter(measured).filter(|bug| belongs(bug)).collect();
        if group_of.is_empty() {
            return;
        }
        let first = [of.to_owned(), group.to_owned(), group_of.len().to_string()];
        row(page, first, columns, |column| {
            let measured = group_of.iter().filter(|bug| is_measured(figures, bug, column)).count();
            let found = group_of.iter().filter(|bug| is_usual(figures, bug, column)).count();
            if measured == group_of.len() {
                found.to_string()
            } else {
                format!("{found} of {measured}")
            }
        });
    };
    total("", "all", &|_| true);
    for level in Level::ALL {
        total(level.name(), "level", &|bug| bug.level == level);
    }
    for class in CLASSES {
        total(class, "class", &|bug| bug.class == class);
    }
}

/// What becomes of deep bugs in the larger budget.
fn deep(bugs: &[Bug], figures: &Figures) -> String {
    let is_asked =
        |bug: &&Bug| bug.level == Level::Deep && !findings(figures, bug, Column::Seam).is_empty();
    let asked: Vec<_> = bugs.iter().filter(is_asked).collect();
    let most = usize::from(figures.experiment.times(Column::Seam)) / 2;
    let found =
        asked.iter().filter(|bug| found_count(findings(figures, bug, Column::Seam)) > most).count();
    format!(
        "\nOf {} deep bugs, the seam finds {found} in {DEEP_TIMES} times the budget, in more than \
         half of its campaigns.",
        asked.len()
    )
}

/// Operations of the shrunk schedules.
fn shrunk(figures: &Figures) -> String {
    let all = figures.bugs.values().flat_map(BTreeMap::values).flatten();
    let mut operations: Vec<_> = all.filter_map(|finding| finding.operations).collect();
    operations.sort_unstable();
    let Some(longest) = operations.last() else { return "Nothing was shrunk.".to_owned() };
    let median = operations[operations.len() / 2];
    format!(
        "{} schedules were shrunk: median {median} operations, the longest {longest}. The smallest \
         of each bug is in corpus/found/.",
        operations.len()
    )
}

fn listed(ids: &[&str]) -> String {
    if ids.is_empty() { "none".to_owned() } else { ids.join(", ") }
}

fn line(page: &mut String, text: &str) {
    page.push_str(text);
    page.push('\n');
}

fn row(page: &mut String, first: [String; 3], columns: &[Column], cell: impl Fn(Column) -> String) {
    page.push('|');
    for text in first.into_iter().chain(columns.iter().map(|column| cell(*column))) {
        write!(page, " {text} |").expect("a string takes whatever is written");
    }
    page.push('\n');
}

fn findings<'a>(figures: &'a Figures, bug: &Bug, column: Column) -> &'a [Finding] {
    let looks = figures.bugs.get(&bug.id).and_then(|looks| looks.get(&column));
    looks.map(Vec::as_slice).unwrap_or_default()
}

fn is_measured(figures: &Figures, bug: &Bug, column: Column) -> bool {
    !findings(figures, bug, column).is_empty()
}

fn found_count(findings: &[Finding]) -> usize {
    findings.iter().filter(|finding| finding.found).count()
}

/// Whether more than half of a column's campaigns find a bug in the budget that is compared.
fn is_usual(figures: &Figures, bug: &Bug, column: Column) -> bool {
    let budget = figures.experiment.events;
    let found = findings(figures, bug, column).iter().filter(|f| f.is_within(budget)).count();
    found > usize::from(figures.experiment.times(column)) / 2
}

/// `5/5, 1234, byte streams`; a dash if nobody has looked.
fn cell(findings: &[Finding]) -> String {
    if findings.is_empty() {
        return "-".to_owned();
    }
    let found: Vec<_> = findings.iter().filter(|finding| finding.found).collect();
    let mut text = format!("{}/{}", found.len(), findings.len());
    let mut events: Vec<_> = found.iter().filter_map(|finding| finding.events).collect();
    events.sort_unstable();
    if let Some(median) = events.get(events.len() / 2) {
        text += &format!(", {median}");
    }
    let mut oracles: Vec<_> = found.iter().filter_map(|f| f.oracle.as_deref()).collect();
    oracles.sort_unstable();
    oracles.dedup();
    if !oracles.is_empty() {
        text += &format!(", {}", oracles.join("; "));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(events: u64, oracle: &str) -> Finding {
        let oracle = Some(oracle.to_owned());
        Finding { found: true, oracle, events: Some(events), ..Finding::default() }
    }

    #[test]
    fn cell_has_count_median_and_oracles() {
        let nothing = Finding::default;
        assert_eq!(cell(&[]), "-");
        assert_eq!(cell(&[nothing(), nothing()]), "0/2");
        let three = [found(9, "panic"), nothing(), found(1, "bounds"), found(5, "panic")];
        assert_eq!(cell(&three), "3/4, 5, bounds; panic");
        let test = Finding { events: None, ..found(0, "queues::a_test") };
        assert_eq!(cell(&[test]), "1/1, queues::a_test");
    }
}
