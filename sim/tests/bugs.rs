//! The bugs: every file is well made and applies, and every witness passes where there is no bug.

use std::collections::BTreeSet;
use std::path::Path;

use sockman_sim::bugs::{Bug, FOLDER, load_all, mutants};

use crate::corpus::{cases, check_all, fails, is_printed_otherwise, says_too_little};

fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}

fn bugs() -> Vec<Bug> {
    load_all(&root().join(FOLDER)).unwrap_or_else(|error| panic!("{error}"))
}

#[test]
fn every_change_applies() {
    for bug in bugs() {
        let changed = bug.apply(root()).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(changed.is_empty(), bug.state.changes().is_empty(), "{}", bug.id);
    }
}

#[test]
fn every_number_from_the_first_has_a_bug() {
    let bugs = bugs();
    for (index, bug) in bugs.iter().enumerate() {
        assert_eq!(bug.id, format!("B{:03}", index + 1));
    }
}

#[test]
fn every_bug_that_can_be_put_back_has_a_witness_or_says_why_not() {
    let witnesses: BTreeSet<_> =
        cases(FOLDER).into_iter().map(|case| Path::new(FOLDER).join(case.path)).collect();
    let mut claimed = BTreeSet::new();
    for bug in bugs() {
        let can = !bug.state.changes().is_empty() && bug.no_witness.is_none();
        assert_eq!(witnesses.contains(&bug.witness()), can, "{}", bug.witness().display());
        claimed.insert(bug.witness());
    }
    let lost: Vec<_> = witnesses.difference(&claimed).collect();
    assert!(lost.is_empty(), "they witness nothing: {lost:?}");
}

#[test]
fn every_witness_passes_where_there_is_no_bug() {
    check_all(&cases(FOLDER), fails);
}

#[test]
fn every_witness_says_what_it_is_and_is_written_as_it_would_be_printed() {
    check_all(&cases(FOLDER), says_too_little);
    check_all(&cases(FOLDER), is_printed_otherwise);
}

#[test]
fn every_mutant_applies_and_turns_round_a_rule_that_is_written_down() {
    let document = std::fs::read_to_string(root().join("docs/behaviour.md")).unwrap();
    let mutants = mutants::load_all(&root().join(mutants::FOLDER));
    for mutant in mutants.unwrap_or_else(|error| panic!("{error}")) {
        let changed = mutant.apply(root()).unwrap_or_else(|error| panic!("{error}"));
        assert!(!changed.is_empty(), "{}", mutant.name);
        let heading = format!("# {}: ", mutant.rule);
        let is_rule = mutant.rule == mutants::SIMULATOR || document.contains(&heading);
        assert!(is_rule, "{}: docs/behaviour.md has no {}", mutant.name, mutant.rule);
    }
}
