//! What the cases notice, as a page: docs/corpus.md.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::Path;

use super::{Broken, Case, Kills};
use crate::cli::{Error, files};

const HEAD: &str = "\
# What the corpus notices

Each bug of bugs/ and each mutant of corpus/mutants/ is put into the product, one at a time, and
the corpus is replayed. *Alone*: no other case notices it. *First*: of those that notice it, this
one has the shortest run. *Shared*: others are first. A case that drifts, or does not come to its
point, has noticed nothing of the product; of the simulator it has. ci/corpus.sh writes this page.

";

/// One case in so many may notice nothing.
const IDLE_ONE_IN: usize = 10;

/// What was asked about.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(in crate::cli::bugs) enum Asked {
    /// Every bug and every mutant.
    All,
    /// Some of them.
    Some,
}

/// What a case notices.
#[derive(Default)]
struct Row<'a> {
    alone: Vec<&'a str>,
    first: Vec<&'a str>,
    shared: Vec<&'a str>,
}

impl<'a> Row<'a> {
    /// Everything, in order.
    fn all(&self) -> BTreeSet<&'a str> {
        [&self.alone, &self.first, &self.shared].into_iter().flatten().copied().collect()
    }
}

/// The figures, and what is wrong with the corpus.
pub(in crate::cli::bugs) struct Page<'a> {
    cases: &'a [Case],
    broken: &'a [Broken<'a>],
    kills: &'a Kills,
    asked: Asked,
    rows: BTreeMap<&'a str, Row<'a>>,
}

impl<'a> Page<'a> {
    pub(in crate::cli::bugs) fn new(
        cases: &'a [Case],
        broken: &'a [Broken<'a>],
        kills: &'a Kills,
        asked: Asked,
    ) -> Self {
        let mut rows: BTreeMap<_, Row<'_>> =
            cases.iter().map(|case| (case.name.as_str(), Row::default())).collect();
        for one in broken {
            let noticed = kills.noticed.get(one.id).map(Vec::as_slice).unwrap_or_default();
            for (place, name) in noticed.iter().enumerate() {
                let Some(row) = rows.get_mut(name.as_str()) else { continue };
                let list = match (place, noticed.len()) {
                    (0, 1) => &mut row.alone,
                    (0, _) => &mut row.first,
                    _ => &mut row.shared,
                };
                list.push(one.id);
            }
        }
        Self { cases, broken, kills, asked, rows }
    }

    /// Whether everything was measured: only then it is known what is wrong.
    fn is_complete(&self) -> bool {
        let is_known = |one: &Broken<'_>| self.kills.noticed.contains_key(one.id);
        self.asked == Asked::All && self.broken.iter().all(is_known)
    }

    /// Cases that notice nothing.
    fn idle(&self) -> Vec<&'a Case> {
        self.cases.iter().filter(|case| self.rows[case.name.as_str()].all().is_empty()).collect()
    }

    /// What is wrong with the corpus, a line each; what cannot be known yet is not said.
    pub(in crate::cli::bugs) fn problems(&self) -> Vec<String> {
        let unbuilt = &self.kills.unbuilt;
        let mut problems: Vec<_> = unbuilt
            .iter()
            .map(|(id, problem)| format!("{id} cannot be put in: {problem}"))
            .collect();
        if !self.is_complete() {
            return problems;
        }
        let idle = self.idle();
        if idle.len() * IDLE_ONE_IN > self.cases.len() {
            let (idle, all) = (idle.len(), self.cases.len());
            problems.push(format!("{idle} of {all} cases notice nothing, more than one in ten"));
        }
        let unexcused = idle.iter().filter(|case| case.excuse.is_none());
        problems.extend(
            unexcused.map(|case| format!("{} notices nothing, and does not say why", case.name)),
        );
        let excused = self.cases.iter().filter(|case| case.excuse.is_some());
        let busy = excused.filter(|case| !self.rows[case.name.as_str()].all().is_empty());
        problems.extend(
            busy.map(|case| format!("{} says that it notices nothing, and does", case.name)),
        );
        problems.extend(self.twins());
        problems
    }

    /// Pairs of cases that notice the same and cite the same sections.
    fn twins(&self) -> Vec<String> {
        let mut seen: BTreeMap<_, &str> = BTreeMap::new();
        let mut twins = Vec::new();
        for case in self.cases {
            let kills = self.rows[case.name.as_str()].all();
            if kills.is_empty() {
                continue;
            }
            if let Some(other) = seen.insert((kills, &case.sections), &case.name) {
                twins.push(format!("{other} and {} notice the same by one rule", case.name));
            }
        }
        twins
    }

    /// The page.
    pub(in crate::cli::bugs) fn markdown(&self) -> String {
        let mut page = HEAD.to_owned();
        self.push_sum(&mut page);
        push(&mut page, "| case | rule | alone | first | shared |");
        push(&mut page, "| --- | --- | --- | --- | --- |");
        for case in self.cases {
            let row = &self.rows[case.name.as_str()];
            let (alone, first) = (row.alone.join(", "), row.first.join(", "));
            let (name, rules) = (&case.name, case.sections.join(", "));
            let shared = row.shared.len();
            push(&mut page, &format!("| {name} | {rules} | {alone} | {first} | {shared} |"));
        }
        push(&mut page, "\n## Cases that notice nothing\n");
        if !self.is_complete() {
            push(&mut page, "That is not known before everything is measured.");
        }
        for case in self.idle().into_iter().filter(|_| self.is_complete()) {
            let reason = case.excuse.as_deref().unwrap_or("it does not say why.");
            push(&mut page, &format!("* {}: {reason}", case.name));
        }
        push(&mut page, "\n## What no case notices\n");
        for one in self.broken {
            if self.kills.noticed.get(one.id).is_some_and(Vec::is_empty) {
                push(&mut page, &format!("* {}: {}", one.id, one.what));
            }
        }
        page
    }

    fn push_sum(&self, page: &mut String) {
        let (measured, all) = (self.kills.noticed.len(), self.broken.len());
        let lists = self.kills.noticed.values();
        let (found, alone) = (
            lists.clone().filter(|cases| !cases.is_empty()).count(),
            lists.filter(|cases| cases.len() == 1).count(),
        );
        let (cases, idle) = (self.cases.len(), self.idle().len());
        let sum = format!(
            "Of {all} bugs and mutants {measured} are measured; {found} of these are noticed, \
             {alone} by one case alone."
        );
        push(page, &sum);
        if self.is_complete() {
            push(page, &format!("Of {cases} cases {idle} notice nothing."));
        }
        push(page, "");
    }

    /// As JSON: by case, what it notices.
    pub(in crate::cli::bugs) fn json(&self) -> serde_json::Value {
        let cases = self.cases.iter().map(|case| {
            let Row { alone, first, shared } = &self.rows[case.name.as_str()];
            let (sections, excuse) = (&case.sections, &case.excuse);
            let row = serde_json::json!({
                "rules": sections, "alone": alone, "first": first, "shared": shared,
                "notices_no_mutant": excuse,
            });
            (case.name.clone(), row)
        });
        serde_json::json!({
            "of": self.broken.len(),
            "measured": self.kills.noticed.len(),
            "cases": cases.collect::<serde_json::Map<_, _>>(),
            "problems": self.problems(),
        })
    }
}

/// Writes the page.
pub(in crate::cli::bugs) fn write(docs: &Path, page: &Page<'_>) -> Result<(), Error> {
    files::write_whole(&docs.join("corpus.md"), page.markdown().as_bytes())
}

fn push(page: &mut String, line: &str) {
    writeln!(page, "{line}").expect("a string takes whatever is written");
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use sockman_sim::bugs::mutants::Mutant;

    use super::*;

    fn case(name: &str, section: &str, excuse: Option<&str>) -> Case {
        let (path, hash) = (PathBuf::new(), String::new());
        let (sections, excuse) = (vec![section.to_owned()], excuse.map(str::to_owned));
        Case { path, name: name.to_owned(), hash, sections, excuse }
    }

    fn mutants<const N: usize>(names: [&str; N]) -> [Mutant; N] {
        names.map(|name| Mutant {
            name: name.to_owned(),
            rule: "connman 1".to_owned(),
            inverts: "It is otherwise.".to_owned(),
            changes: Vec::new(),
        })
    }

    fn kills<const N: usize>(noticed: [(&str, &[&str]); N]) -> Kills {
        let noticed = noticed.map(|(id, cases)| {
            (id.to_owned(), cases.iter().map(|case| (*case).to_owned()).collect())
        });
        Kills { noticed: noticed.into(), unbuilt: Vec::new() }
    }

    #[test]
    fn each_case_has_what_it_notices_alone_first_and_with_others() {
        let cases = ["a", "b", "c"].map(|name| case(name, "connman 1", None));
        let mutants = mutants(["one", "two", "none"]);
        let broken: Vec<_> = mutants.iter().map(Broken::mutant).collect();
        let kills = kills([("one", &["a"]), ("two", &["b", "a"]), ("none", &[])]);
        let page = Page::new(&cases, &broken, &kills, Asked::All).markdown();
        assert!(page.contains("| a | connman 1 | one |  | 1 |\n"), "{page}");
        assert!(page.contains("| b | connman 1 |  | two | 0 |\n"), "{page}");
        assert!(page.contains("\n* c: it does not say why.\n"), "{page}");
        assert!(page.contains("\n* none: It is otherwise.\n"), "{page}");
    }

    #[test]
    fn idle_cases_without_a_reason_and_twins_are_problems() {
        let said = Some("it is about the simulator.");
        let cases = [
            case("a", "connman 1", None),
            case("b", "connman 1", None),
            case("c", "connman 2", None),
            case("d", "connman 1", None),
            case("e", "connman 1", said),
            case("f", "connman 3", said),
        ];
        let mutants = mutants(["one", "two"]);
        let broken: Vec<_> = mutants.iter().map(Broken::mutant).collect();
        let kills = kills([("one", &["a", "b", "c"]), ("two", &["f"])]);
        let problems = Page::new(&cases, &broken, &kills, Asked::All).problems();
        assert_eq!(
            problems,
            [
                "2 of 6 cases notice nothing, more than one in ten",
                "d notices nothing, and does not say why",
                "f says that it notices nothing, and does",
                "a and b notice the same by one rule",
            ]
        );
    }

    #[test]
    fn what_is_not_measured_yet_is_not_judged() {
        let cases = [case("a", "connman 1", None)];
        let mutants = mutants(["one", "two"]);
        let broken: Vec<_> = mutants.iter().map(Broken::mutant).collect();
        let kills = kills([("one", &[])]);
        let page = Page::new(&cases, &broken, &kills, Asked::All);
        assert_eq!(page.problems(), Vec::<String>::new());
        assert!(page.markdown().contains("That is not known before"), "{}", page.markdown());
        let page = Page::new(&cases, &broken[..1], &kills, Asked::Some);
        assert_eq!(page.problems(), Vec::<String>::new(), "others may be noticed");
    }
}
