//! The corpus: every case is well made, passes, and passes in the same way twice.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

use sockman_sim::run::Options;
use sockman_sim::schedule::{Op, Schedule, Source};
use sockman_sim::subjects::run_named;

/// How a case's file ends.
const EXTENSION: &str = "case";

/// One file.
pub(super) struct Case {
    pub(super) path: PathBuf,
    text: String,
    pub(super) schedule: Schedule,
    source: Source,
}

fn corpus() -> Vec<Case> {
    cases("corpus")
}

/// Every case below a folder of the repository, in the order of paths.
pub(super) fn cases(folder: &str) -> Vec<Case> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(folder);
    let mut paths = Vec::new();
    find(&root, &mut paths);
    paths.sort();
    assert!(!paths.is_empty(), "there are no cases in {}", root.display());
    let read = |path: &PathBuf| {
        let text = fs::read_to_string(path).unwrap();
        let name = path.strip_prefix(&root).unwrap().display().to_string();
        let (schedule, source) =
            Schedule::parse_with_source(&name, &text).unwrap_or_else(|error| panic!("{error}"));
        Case { path: PathBuf::from(name), text, schedule, source }
    };
    paths.iter().map(read).collect()
}

fn find(folder: &Path, paths: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            find(&path, paths);
        } else if path.extension() == Some(OsStr::new(EXTENSION)) {
            paths.push(path);
        }
    }
}

/// Fails with everything that is wrong, a line each.
#[track_caller]
fn none_is_wrong(wrong: impl Iterator<Item = (PathBuf, String)>) {
    let lines: Vec<_> =
        wrong.map(|(path, problem)| format!("{}: {problem}", path.display())).collect();
    assert!(lines.is_empty(), "{}", lines.join("\n"));
}

/// Fails for each case of which `problem` tells one.
#[track_caller]
fn check(problem: impl Fn(&Case) -> Option<String>) {
    check_all(&corpus(), problem);
}

/// The same for these cases.
#[track_caller]
pub(super) fn check_all(cases: &[Case], problem: impl Fn(&Case) -> Option<String>) {
    none_is_wrong(cases.iter().filter_map(|case| Some((case.path.clone(), problem(case)?))));
}

#[test]
fn every_case_passes_and_is_the_same_twice() {
    check(fails);
}

/// How a case fails, or takes another way the second time.
pub(super) fn fails(case: &Case) -> Option<String> {
    let options = Options::default();
    let report = match run_named(&case.schedule, &options) {
        Err(error) => {
            let placed = error.in_text(&case.schedule, &case.source);
            return Some(placed.map_or_else(|| error.to_string(), |error| error.to_string()));
        }
        Ok(report) => report,
    };
    if !report.verdict.is_passed() {
        return Some(report.told(Some(&case.source)).to_string());
    }
    let again = run_named(&case.schedule, &options).unwrap();
    let same = again.hash == report.hash && again.verdict == report.verdict;
    (!same).then(|| format!("trace {}, then {}", report.hash, again.hash))
}

#[test]
fn every_case_says_what_it_is_and_where_it_comes_from() {
    check(says_too_little);
}

/// What a case does not say of itself.
pub(super) fn says_too_little(case: &Case) -> Option<String> {
    let title = &case.schedule.title;
    if !title.first().is_some_and(|line| line.ends_with('.')) {
        return Some("the first line is no sentence that says what it is".to_owned());
    }
    let has_source = title
        .iter()
        .any(|line| line.strip_prefix("Source:").is_some_and(|source| !source.trim().is_empty()));
    (!has_source).then(|| "the title has no line `Source: ...`".to_owned())
}

#[test]
fn every_case_is_written_as_it_would_be_printed() {
    check(is_printed_otherwise);
}

/// Where a case is written otherwise than it would be printed.
pub(super) fn is_printed_otherwise(case: &Case) -> Option<String> {
    let printed = case.schedule.to_string();
    if printed == case.text {
        return None;
    }
    let differs = printed.lines().zip(case.text.lines()).position(|(one, other)| one != other);
    let line = differs.unwrap_or(printed.lines().count().min(case.text.lines().count()));
    let expected = printed.lines().nth(line).unwrap_or("the end");
    Some(format!("line {} would be printed as: {expected}", line + 1))
}

#[test]
fn every_case_can_fail() {
    check(|case| {
        let mut ops = case.schedule.script.iter().map(|line| &line.op);
        let judges = ops.any(|op| matches!(op, Op::Expect(_) | Op::Fault(_)));
        // One that was promoted before anybody knew what to expect names who failed it.
        let judged = case.schedule.title.iter().find_map(|line| line.strip_prefix("Judged by:"));
        let is_judged = judged.is_some_and(|by| !by.trim().is_empty());
        let problem = "it expects nothing, has no fault, and does not say who judges it";
        (!judges && !is_judged).then(|| problem.to_owned())
    });
}

#[test]
fn every_case_has_a_name_of_its_own() {
    let mut names = BTreeSet::new();
    let cases = corpus();
    none_is_wrong(cases.iter().filter_map(|case| {
        let name = case.path.file_stem().unwrap().to_str().unwrap().to_owned();
        let letter = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
        let problem = if !name.bytes().all(letter) {
            "its name has other letters than a-z, 0-9 and _"
        } else if !names.insert(name) {
            "another case has this name"
        } else {
            return None;
        };
        Some((case.path.clone(), problem.to_owned()))
    }));
}
