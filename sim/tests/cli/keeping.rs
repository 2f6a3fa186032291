//! From a failure to a case of the corpus, and what keeps cases readable: `promote`, `migrate`,
//! `re-record`.

use std::fs;
use std::path::Path;

use sockman_sim::schedule::{FORMAT, Schedule};

use super::{FAILING, Folder, GREETING, LONG, ended, json, stdout};

/// Promotes what is at a path, with a corpus in the folder.
fn promote(folder: &Folder, path: &str, name: &str) -> std::process::Output {
    fs::create_dir_all(folder.0.join("corpus")).unwrap();
    let why =
        "A line was waited for in vain, and whoever waited was not told that it would not come";
    folder.sim(&["promote", path, name, "--why", why, "--source", "found here"])
}

const PROMOTED: &str = "\
# Line that never comes is waited for.
# A line was waited for in vain, and whoever waited was not told that it would not come.
# Source: found here.
format 1
subject  echo

0ms      p1 dials
expect   p1 receives line, within 1s
";

// Promoting.

#[test]
fn what_fails_becomes_a_case_with_a_head() {
    let folder = Folder::new("promote");
    folder.write("a.case", LONG);
    let said = ended(&promote(&folder, "a.case", "line_that_never_comes_is_waited_for"), 0);
    let case = "corpus/echo/line_that_never_comes_is_waited_for.case";
    assert_eq!(folder.read(case), PROMOTED);
    assert!(said.contains(&format!("{case}: written, 2 lines\n")), "{said}");
    assert!(said.contains("it fails here: expectation not met"), "{said}");
    assert!(said.contains("`cargo test` fails"), "{said}");
    ended(&folder.sim(&["replay", case]), 1);
    let left: Vec<_> = fs::read_dir(folder.0.join("corpus/echo")).unwrap().collect();
    assert_eq!(left.len(), 1, "nothing half written stays: {left:?}");
}

#[test]
fn a_failure_folder_and_an_artifact_are_promoted_as_texts_are() {
    let folder = Folder::new("promote-others");
    folder.write("found/schedule.case", LONG);
    ended(&folder.sim(&["export", "found", "--to", "bytes"]), 0);
    for (path, name) in [("found", "one"), ("bytes/found", "other")] {
        ended(&promote(&folder, path, name), 0);
        let text = folder.read(&format!("corpus/echo/{name}.case"));
        let (_, schedule) = text.split_once("format 1").unwrap();
        assert_eq!(schedule, PROMOTED.split_once("format 1").unwrap().1);
    }
}

#[test]
fn a_text_that_passes_is_promoted_as_it_is_and_said_to_pass() {
    let folder = Folder::new("promote-passes");
    folder.write("a.case", GREETING);
    let said = ended(&promote(&folder, "a.case", "somebody_comes"), 0);
    assert!(said.contains("it passes here: see that it fails where"), "{said}");
    let case = folder.read("corpus/echo/somebody_comes.case");
    assert!(case.ends_with(GREETING.split_once("format 1").unwrap().1), "{case}");
    // Bytes that pass may mean something else by now.
    ended(&folder.sim(&["export", "a.case", "--to", "bytes"]), 0);
    let said = ended(&promote(&folder, "bytes/a", "somebody_else_comes"), 2);
    assert!(said.contains("bytes/a: it passes here"), "{said}");
    assert!(!folder.0.join("corpus/echo/somebody_else_comes.case").exists());
}

#[test]
fn what_cannot_be_promoted_is_refused_and_nothing_is_written() {
    let folder = Folder::new("promote-not");
    folder.write("a.case", FAILING);
    folder.write("bad.case", "format 1\n0ms p1 flies\n");
    folder.write("more/a.case", FAILING);
    folder.write("more/b.case", FAILING);
    for name in ["Capital", "with-hyphen", "with space", "../up", "9lives", "", "a.case"] {
        let said = ended(&promote(&folder, "a.case", name), 2);
        assert!(said.contains("is no name of a case"), "{said}");
    }
    for (path, named) in [
        ("bad.case", "bad.case:2:8"),
        ("more", "more: 2 schedules; promote one at a time"),
        ("missing", "missing"),
    ] {
        let said = ended(&promote(&folder, path, "a_name"), 2);
        assert!(said.contains(named), "{said}");
    }
    assert_eq!(fs::read_dir(folder.0.join("corpus")).unwrap().count(), 0);
    let all = ["promote", "a.case", "a_name", "--why", " ", "--source", "x"];
    assert!(ended(&folder.sim(&all), 2).contains("--why: nothing is said"));
    let all = ["promote", "a.case", "a_name", "--why", "x\u{7}y", "--source", "x"];
    assert!(ended(&folder.sim(&all), 2).contains("U+0007"));
    assert!(ended(&folder.sim(&all[..5]), 2).contains("--source"));
    let all = ["promote", "a.case", "a_name", "--why", "x", "--source", "x", "--corpus", "no"];
    assert!(ended(&folder.sim(&all), 2).contains("no: there is no such folder"));
}

#[test]
fn a_case_that_is_there_is_not_written_over() {
    let folder = Folder::new("promote-taken");
    folder.write("a.case", FAILING);
    // The name is taken whatever the subject.
    for case in ["corpus/echo/taken.case", "corpus/connman/also_taken.case"] {
        folder.write(case, "mine");
        let name = Path::new(case).file_stem().unwrap().to_str().unwrap();
        let said = ended(&promote(&folder, "a.case", name), 2);
        assert!(said.contains(&format!("{case}: exists already")), "{said}");
        assert_eq!(folder.read(case), "mine");
    }
}

// Artifacts.

#[test]
fn bytes_mean_the_same_to_every_command() {
    let folder = Folder::new("bytes");
    folder.write("a.case", FAILING);
    ended(&folder.sim(&["export", "a.case", "--to", "bytes"]), 0);
    let imported = stdout(&folder.sim(&["import", "bytes/a"])).to_owned();
    folder.write("imported.case", &imported);
    let verdict = |path| json(&folder.sim(&["replay", "--json", path]))["trace_hash"].clone();
    assert_eq!(verdict("bytes/a"), verdict("imported.case"));
    let shrunk = |path| stdout(&folder.sim(&["shrink", path])).to_owned();
    assert_eq!(shrunk("bytes/a"), shrunk("imported.case"));
}

// Formats.

#[test]
fn every_format_has_a_text_that_is_kept_and_still_passes() {
    let folder = Folder::new("formats");
    for format in 1..=FORMAT {
        let kept =
            Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/formats/{format}.case"));
        let text = fs::read_to_string(&kept).unwrap_or_else(|e| panic!("{}: {e}", kept.display()));
        assert!(text.lines().any(|line| line == format!("format {format}")), "{text}");
        let name = format!("{format}.case");
        folder.write(&name, &text);
        ended(&folder.sim(&["migrate", &name]), 0);
        ended(&folder.sim(&["replay", &name]), 0);
        let migrated = folder.read(&name);
        let comments = |text: &str| -> Vec<String> {
            text.lines().filter(|line| line.starts_with('#')).map(str::to_owned).collect()
        };
        assert_eq!(comments(&migrated), comments(&text));
        assert_eq!(migrated == text, format == FORMAT, "an earlier one is written anew");
        Schedule::parse(&name, &migrated).unwrap();
    }
}

#[test]
fn a_text_of_the_present_format_is_rewritten_only_if_asked_for() {
    let folder = Folder::new("canonical");
    folder.write("texts/a.case", GREETING);
    folder.write("texts/b.case", FAILING);
    let said = ended(&folder.sim(&["migrate", "texts"]), 0);
    assert_eq!(said, "0 written anew, 2 as they should be\n");
    assert_eq!(folder.read("texts/b.case"), FAILING);
    let said = ended(&folder.sim(&["migrate", "--canonical", "--check", "texts"]), 1);
    assert_eq!(said, "texts/b.case: would change\n1 would change, 1 as they should be\n");
    assert_eq!(folder.read("texts/b.case"), FAILING);
    let said = ended(&folder.sim(&["migrate", "--canonical", "texts"]), 0);
    assert_eq!(said, "texts/b.case: written anew\n1 written anew, 1 as they should be\n");
    let printed = stdout(&folder.sim(&["import", "texts/b.case"])).to_owned();
    assert_eq!(folder.read("texts/b.case"), printed);
    ended(&folder.sim(&["migrate", "--canonical", "--check", "texts"]), 0);
    let left: Vec<_> = fs::read_dir(folder.0.join("texts")).unwrap().collect();
    assert_eq!(left.len(), 2, "nothing half written stays: {left:?}");
}

#[test]
fn what_cannot_be_migrated_is_said_and_keeps_nobody_from_the_others() {
    let folder = Folder::new("migrate-not");
    folder.write("texts/a.case", "format 99\n");
    folder.write("texts/b.case", FAILING);
    let said = ended(&folder.sim(&["migrate", "--canonical", "texts"]), 2);
    assert!(said.contains("texts/a.case:1:8") && said.contains("take the build"), "{said}");
    assert!(said.ends_with("1 written anew, 0 as they should be, 1 could not be\n"), "{said}");
    folder.write("bytes", b"\x00\xff");
    ended(&folder.sim(&["migrate", "bytes"]), 2);
    folder.write("letters", "abc");
    let said = ended(&folder.sim(&["migrate", "letters"]), 2);
    assert!(said.contains("letters: these are bytes"), "{said}");
}

// Orders.

const DRIFTED: &str = "# It says so.\nformat 1\nsubject  echo\n\n0ms      p1 dials\n\
                       # Two of them.\n         p1 sends line x2\n\
                       expect   p1 receives line x2, in order, within 1s\n\n\
                       order    at node's 9th recv from p1: gets 1 byte\n";

#[test]
fn an_order_that_has_drifted_is_counted_anew_and_nothing_else_changes() {
    let folder = Folder::new("drifted");
    folder.write("a.case", DRIFTED);
    ended(&folder.sim(&["replay", "a.case"]), 1);
    let said = ended(&folder.sim(&["re-record", "--check", "a.case"]), 1);
    assert!(said.starts_with("a.case: would change\n"), "{said}");
    assert_eq!(folder.read("a.case"), DRIFTED);
    ended(&folder.sim(&["re-record", "a.case"]), 0);
    ended(&folder.sim(&["replay", "a.case"]), 0);
    let anew = folder.read("a.case");
    let differ = anew.lines().zip(DRIFTED.lines()).filter(|(one, other)| one != other);
    let differ: Vec<_> = differ.map(|(one, _)| one).collect();
    assert!(matches!(differ[..], [line] if line.starts_with("order    at node's ")), "{anew}");
    let said = ended(&folder.sim(&["re-record", "a.case"]), 0);
    assert_eq!(said, "0 written anew, 1 as they should be\n");
}

#[test]
fn an_order_that_no_count_brings_back_is_left_and_explained() {
    let folder = Folder::new("lost-order");
    let lost = DRIFTED.replace("recv from p1: gets", "send to p7: takes");
    folder.write("a.case", &lost);
    let said = ended(&folder.sim(&["re-record", "a.case"]), 2);
    assert!(said.contains("drifted") && said.contains("cargo sim show"), "{said}");
    assert_eq!(folder.read("a.case"), lost);
}
