//! Campaigns that find something: what they leave behind, whatever happens to them. They run the
//! canary, an echo with known bugs.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead as _, BufReader, Read as _};
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use super::interrupts::interrupted;
use super::{Folder, GREETING, check_refused, ended, json, stderr, stdout};

const FAILURES: &str = "target/sim/failures";

/// A campaign that finds four kinds of failure.
const CANARY: [&str; 4] = ["run", "--canary", "--seeds", "0..60"];

fn canary(further: &[&str]) -> Vec<&'static str> {
    // Leaked: a test has a dozen of them.
    let further: Vec<&'static str> = further.iter().map(|word| &*word.to_string().leak()).collect();
    [&CANARY[..], &further].concat()
}

/// The folders of failures, by name.
fn kept(folder: &Folder, below: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder.0.join(below)).unwrap();
    let mut kept: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    kept.sort();
    kept
}

fn names(folder: &Folder, below: &str) -> Vec<String> {
    let name = |path: &PathBuf| path.file_name().unwrap().to_str().unwrap().to_owned();
    kept(folder, below).iter().map(name).collect()
}

/// What campaigns have written down in a folder.
fn history(failure: &std::path::Path) -> Vec<Value> {
    let text = fs::read_to_string(failure.join("history.jsonl")).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// How often each was seen in all, by name.
fn times(folder: &Folder, below: &str) -> BTreeMap<String, u64> {
    let all = names(folder, below).into_iter().zip(kept(folder, below));
    let sum =
        |path: PathBuf| history(&path).iter().map(|seen| seen["times"].as_u64().unwrap()).sum();
    all.map(|(name, path)| (name, sum(path))).collect()
}

/// Whether every folder has everything, of which each fails again, step by step.
#[track_caller]
fn check_whole(folder: &Folder) {
    for failure in kept(folder, FAILURES) {
        for name in ["schedule.case", "story.txt", "shrunk.case", "report.txt", "history.jsonl"] {
            assert!(failure.join(name).is_file(), "{}: {name}", failure.display());
        }
        let path = failure.to_str().unwrap();
        let replayed = folder.sim(&["replay", "--json", path]);
        ended(&replayed, 1);
        assert_eq!(json(&replayed)["diverges"], Value::Null);
        ended(&folder.sim(&["replay", &format!("{path}/shrunk.case")]), 1);
        let entries = fs::read_dir(&failure).unwrap().count();
        assert_eq!(entries, 5, "nothing half written stays: {path}");
    }
}

// Folders.

#[test]
fn each_failure_has_one_folder_that_says_how_to_repeat_it() {
    let folder = Folder::new("canary");
    let output = folder.sim(&canary(&["--jobs", "2", "--json"]));
    ended(&output, 1);
    let report = json(&output);
    let kinds = kept(&folder, FAILURES);
    assert!(kinds.len() >= 3, "{kinds:?}");
    assert_eq!(report["kinds"], kinds.len());
    assert!(report["failures"].as_u64().unwrap() > kinds.len() as u64, "{report}");
    check_whole(&folder);
    assert_eq!(times(&folder, FAILURES).values().sum::<u64>(), report["failures"]);
    for failure in kinds {
        let report = fs::read_to_string(failure.join("report.txt")).unwrap();
        let again = report.lines().find_map(|line| line.strip_prefix("again ")).unwrap();
        let words: Vec<_> = again.trim().strip_prefix("cargo sim ").unwrap().split(' ').collect();
        ended(&folder.sim(&words), 1);
        for named in ["commit ", "campaign  cargo sim run --canary", "connections then:"] {
            assert!(report.contains(named), "{report}");
        }
    }
}

#[test]
fn the_same_campaign_again_adds_to_the_history() {
    let folder = Folder::new("canary-again");
    let first = folder.sim(&canary(&[]));
    let once = (names(&folder, FAILURES), times(&folder, FAILURES));
    let said = ended(&first, 1);
    assert!(said.contains(" times, by seeds ") && said.contains(" in "), "{said}");
    let schedule = |failure: &PathBuf| fs::read(failure.join("schedule.case")).unwrap();
    let schedules: Vec<_> = kept(&folder, FAILURES).iter().map(schedule).collect();
    let said = ended(&folder.sim(&canary(&[])), 1);
    assert!(said.contains("shrunk.case (before)"), "{said}");
    assert_eq!(names(&folder, FAILURES), once.0);
    assert_eq!(kept(&folder, FAILURES).iter().map(schedule).collect::<Vec<_>>(), schedules);
    for (name, count) in times(&folder, FAILURES) {
        assert_eq!(count, 2 * once.1[&name], "{name}");
    }
    for failure in kept(&folder, FAILURES) {
        let seen = history(&failure);
        assert_eq!(seen.len(), 2);
        assert_eq!(seen[0]["seeds"], seen[1]["seeds"]);
        assert_ne!(seen[0]["run"], seen[1]["run"]);
    }
}

#[test]
fn parts_of_a_campaign_share_a_folder_at_once() {
    let folder = Folder::new("canary-shards");
    ended(&folder.sim(&canary(&["--failures", "whole"])), 1);
    let part = |shard: &str| {
        let words = canary(&["--failures", "shared", "--jobs", "1", "--shard", shard]);
        folder.command(&words).stdout(Stdio::null()).spawn().unwrap()
    };
    let parts = ["0/3", "1/3", "2/3"].map(part);
    for mut part in parts {
        assert_eq!(part.wait().unwrap().code(), Some(1));
    }
    assert_eq!(times(&folder, "shared"), times(&folder, "whole"));
}

#[test]
fn what_no_longer_fails_is_replaced_by_what_does() {
    let folder = Folder::new("canary-stale");
    ended(&folder.sim(&canary(&[])), 1);
    let failure = kept(&folder, FAILURES).remove(0);
    fs::write(failure.join("schedule.case"), GREETING).unwrap();
    fs::remove_file(failure.join("report.txt")).unwrap();
    ended(&folder.sim(&canary(&[])), 1);
    check_whole(&folder);
    assert_eq!(history(&failure).len(), 2, "who saw it before is not forgotten");
}

// What goes wrong.

#[test]
fn a_failure_that_cannot_be_written_is_told_all_the_same() {
    let folder = Folder::new("canary-unwritable");
    folder.write("target", "a file is in the way");
    let output = folder.sim(&canary(&[]));
    ended(&output, 1);
    let said = stdout(&output);
    assert!(said.starts_with("seed ") && said.contains("byte streams"), "{said}");
    assert!(said.contains("  replay: cargo sim run --canary --seeds "), "{said}");
    let problem = "is not written: target/sim/failures/echo-";
    assert!(stderr(&output).contains(problem), "{}", stderr(&output));
    let report = json(&folder.sim(&canary(&["--json"])));
    assert_eq!(report["first_failure"]["folder"], Value::Null);
    assert!(report["first_failure"]["connections"].is_array(), "{report}");
}

/// Of a disk on which no file has room.
#[test]
fn a_full_disk_keeps_the_campaign_going() {
    let folder = Folder::new("canary-full");
    let sim = env!("CARGO_BIN_EXE_sim");
    let limited = format!("trap '' XFSZ; ulimit -f 0; exec {sim} {}", CANARY.join(" "));
    let mut shell = Command::new("sh");
    let output = shell.args(["-c", &limited]).current_dir(&folder.0).output().unwrap();
    ended(&output, 1);
    assert!(stdout(&output).contains("60 runs, "), "{}", stdout(&output));
    assert!(stderr(&output).contains("schedule.case: File too large"), "{}", stderr(&output));
    // As soon as there is room.
    ended(&folder.sim(&canary(&[])), 1);
    check_whole(&folder);
}

#[test]
fn a_folder_whose_history_is_no_history_is_not_written_over() {
    let folder = Folder::new("canary-foreign");
    ended(&folder.sim(&canary(&[])), 1);
    let failure = kept(&folder, FAILURES).remove(0);
    fs::write(failure.join("history.jsonl"), "my notes\n").unwrap();
    let output = folder.sim(&canary(&[]));
    ended(&output, 1);
    assert!(stderr(&output).contains("history.jsonl:1: is no line of a history"));
    assert_eq!(fs::read_to_string(failure.join("history.jsonl")).unwrap(), "my notes\n");
    let output = folder.sim(&["failures"]);
    let said = ended(&output, 2);
    assert!(said.contains("history.jsonl:1: is no line of a history"), "{said}");
    assert!(said.contains(" times by 2 campaigns since "), "the others are told: {said}");
}

#[test]
fn a_reader_who_leaves_does_not_make_it_a_campaign_without_failures() {
    let folder = Folder::new("canary-pipe");
    let mut command = folder.command(&canary(&[]));
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!((output.status.code(), stderr(&output)), (Some(1), ""));
    check_whole(&folder);
}

#[test]
fn a_full_disk_under_the_report_leaves_what_was_found() {
    let folder = Folder::new("canary-report");
    let full = fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let output = folder.command(&canary(&[])).stdout(full).output().unwrap();
    assert!(ended(&output, 2).contains("cannot write"), "{}", stderr(&output));
    check_whole(&folder);
}

#[test]
fn an_interrupt_loses_nothing_that_was_found() {
    let folder = Folder::new("canary-interrupted");
    let endless = ["run", "--canary", "--seeds", "0..", "--json"];
    let output = interrupted(&folder, &endless, Signal::INT);
    ended(&output, 130);
    let report = json(&output);
    assert_eq!(report["interrupted"], true);
    if report["failures"] != 0 {
        check_whole(&folder);
        assert_eq!(times(&folder, FAILURES).values().sum::<u64>(), report["failures"]);
    }
}

// Watching.

/// A watch that has told of one failure, and what it said of it.
fn watched(folder: &Folder, further: &[&str], then: impl FnOnce(&std::process::Child)) -> Output {
    let words = [&["run", "--watch", "--canary", "--jobs", "2"][..], further].concat();
    let mut command = folder.command(&words);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut said = BufReader::new(child.stdout.take().unwrap());
    let mut line = Vec::new();
    said.read_until(b'\n', &mut line).unwrap();
    then(&child);
    said.read_to_end(&mut line).unwrap();
    let output = child.wait_with_output().unwrap();
    Output { stdout: line, ..output }
}

#[test]
fn a_watch_tells_of_each_failure_once_and_ends_well() {
    let folder = Folder::new("watch");
    let stop = |child: &_| kill_process(Pid::from_child(child), Signal::INT).unwrap();
    let output = watched(&folder, &[], stop);
    ended(&output, 130);
    assert!(stderr(&output).contains("sim: from seed "), "{}", stderr(&output));
    let said = stdout(&output);
    let (new, rest) = said.split_once("\nseed ").map_or((said, ""), |(new, rest)| (new, rest));
    assert!(new.starts_with("seed ") && new.contains(" -> target/sim/failures/echo-"), "{said}");
    assert!(rest.contains(" runs, ") && rest.contains("virtual seconds"), "{said}");
    for name in names(&folder, FAILURES) {
        assert_eq!(said.matches(&format!(" -> {FAILURES}/{name}\n")).count(), 1, "{name}: {said}");
    }
    check_whole(&folder);
}

#[test]
fn a_watch_says_it_in_json_too() {
    let folder = Folder::new("watch-json");
    let stop = |child: &_| kill_process(Pid::from_child(child), Signal::TERM).unwrap();
    let output = watched(&folder, &["--json"], stop);
    ended(&output, 143);
    let lines: Vec<Value> =
        stdout(&output).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let (last, new) = lines.split_last().unwrap();
    assert!(new.iter().all(|line| line["new"]["oracle"].is_string()), "{lines:?}");
    assert_eq!((&last["kinds"], &last["interrupted"]), (&new.len().into(), &true.into()));
}

#[test]
fn a_watch_ends_when_nobody_reads() {
    let folder = Folder::new("watch-pipe");
    let sim = env!("CARGO_BIN_EXE_sim");
    let piped = format!("{{ {sim} run --watch --canary; echo ended $? >&2; }} | head -n 1");
    let mut shell = Command::new("sh");
    let output = shell.args(["-c", &piped]).current_dir(&folder.0).output().unwrap();
    assert_eq!(stdout(&output).lines().count(), 1);
    assert!(stderr(&output).contains("ended 1"), "{}", stderr(&output));
    assert!(!stderr(&output).contains("panicked"), "{}", stderr(&output));
    check_whole(&folder);
}

#[test]
fn a_watch_ends_with_its_time_and_its_seeds() {
    let folder = Folder::new("watch-time");
    let words = ["run", "--watch", "--subject", "echo", "--seeds", "0..20"];
    let said = ended(&folder.sim(&words), 0);
    assert!(said.contains("20 runs, 0 failures"), "{said}");
    ended(&folder.sim(&["run", "--watch", "--subject", "echo", "--time", "1s"]), 0);
}

// The list.

#[test]
fn what_was_found_is_listed_with_its_history() {
    let folder = Folder::new("failures");
    assert_eq!(ended(&folder.sim(&["failures"]), 0), format!("0 failures in {FAILURES}\n"));
    ended(&folder.sim(&["failures", "nowhere"]), 2);
    ended(&folder.sim(&canary(&[])), 1);
    ended(&folder.sim(&canary(&["--failures", "other"])), 1);
    let kinds = kept(&folder, FAILURES).len();
    let said = ended(&folder.sim(&["failures"]), 0);
    assert!(said.starts_with(&format!("{kinds} failures in {FAILURES}\n\n")), "{said}");
    for part in ["byte streams: ", " times by 1 campaigns since ", " operations", "commit "] {
        assert!(said.contains(part), "{part}: {said}");
    }
    let output = folder.sim(&["failures", "--json", FAILURES, "other"]);
    let lines: Vec<Value> =
        stdout(&output).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), 2 * kinds);
    assert!(lines.iter().all(|line| line["times"].as_u64() > Some(0)), "{lines:?}");
    let one = format!("{FAILURES}/{}", names(&folder, FAILURES)[0]);
    let said = ended(&folder.sim(&["failures", &one]), 0);
    assert!(said.starts_with("1 failures in "), "{said}");
}

#[test]
fn the_page_of_failures_needs_nothing_else() {
    let folder = Folder::new("failures-page");
    ended(&folder.sim(&canary(&[])), 1);
    let said = ended(&folder.sim(&["failures", "--html", "all.html"]), 0);
    assert!(said.starts_with("all.html: "), "{said}");
    let page = folder.read("all.html");
    for needs in ["http:", "https:", "src=", "href=", "@import", "url("] {
        assert!(!page.contains(needs), "{needs}");
    }
    let start = page.find("const data = ").unwrap() + "const data = ".len();
    let end = page[start..].find(";\n").unwrap();
    let data: Value = serde_json::from_str(&page[start..start + end]).unwrap();
    let failures = data["failures"].as_array().unwrap();
    assert_eq!(failures.len(), kept(&folder, FAILURES).len());
    for failure in failures {
        assert!(failure["shrunk"].as_str().unwrap().contains("format "), "{failure}");
        assert!(failure["report"].as_str().unwrap().contains("cargo sim replay"), "{failure}");
        assert!(failure["history"][0]["first"].as_str().unwrap().ends_with(" UTC"), "{failure}");
    }
}

// Arguments.

#[test]
fn bad_arguments_are_answered_with_what_would_have_been_right() {
    check_refused(&["run", "--shard", "0/0"], "there is at least one part, which is 0/1");
    check_refused(&["run", "--shard", "4/4"], "the parts are 0/4 to 3/4");
    check_refused(&["run", "--shard", "4"], "expected INDEX/COUNT, such as 0/4");
    check_refused(&["run", "--time", "xyz"], "expected a time such as 90s, 10m, 8h");
    check_refused(&["run", "--events", "few"], "expected a number such as 500000, 500k, 20M");
    check_refused(&["run", "--seeds", ".."], "as in 7, 0..1000 or 5000..");
    check_refused(&["run", "--world", "flat"], "full-house");
    check_refused(&["run", "--scheduler", "coin"], "round-robin");
    check_refused(&["run", "--watch", "--guided"], "--watch");
    check_refused(&["run", "--canary", "--subject", "http"], "--canary");
    check_refused(&["run", "--watch", "--on", "tcp"], "--watch");
    check_refused(&["failures", "nowhere"], "nowhere");
}
