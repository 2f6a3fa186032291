//! The `sim` command, as a script meets it: its output, its exit status, its files.

use std::fs;
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;

mod campaigns;
mod comparing;
mod exploring;
mod interrupts;
mod keeping;
mod places;
mod recording;
mod why;

/// A folder of one test's own, gone when the test is over.
struct Folder(PathBuf);

impl Folder {
    fn new(test: &str) -> Self {
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("cli-{test}"));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn write(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.0.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, content).unwrap();
        path
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.0.join(name)).unwrap()
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_sim"));
        command.args(arguments).current_dir(&self.0).env_remove("RUST_LOG");
        command
    }

    fn sim(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn stdout(output: &Output) -> &str {
    std::str::from_utf8(&output.stdout).unwrap()
}

fn stderr(output: &Output) -> &str {
    std::str::from_utf8(&output.stderr).unwrap()
}

/// What a command said, having ended with this status and without a panic.
#[track_caller]
fn ended(output: &Output, status: i32) -> String {
    let said = format!("{}{}", stdout(output), stderr(output));
    assert_eq!(output.status.code(), Some(status), "{said}");
    assert!(!stderr(output).contains("panicked"), "{said}");
    said
}

#[track_caller]
fn check_refused(arguments: &[&str], named: &str) {
    let folder = Folder::new(&format!("refused-{}", arguments.join("-").replace('/', "-")));
    let output = folder.sim(arguments);
    ended(&output, 2);
    assert_eq!(stdout(&output), "", "errors go to stderr");
    assert!(stderr(&output).contains(named), "{named}: {}", stderr(&output));
}

fn json(output: &Output) -> Value {
    serde_json::from_str(stdout(output)).unwrap()
}

const GREETING: &str = "format 1\nsubject  echo\n\n0ms      p1 is honest\n         p1 dials\n";

/// What nobody can meet: a failure for who needs one.
const FAILING: &str = "format 1\nsubject echo\n0ms p1 dials\nexpect p1 receives line, within 1s\n";

// Campaigns.

#[test]
fn a_campaign_without_a_network_goes_the_same_way_in_any_number_of_jobs() {
    let folder = Folder::new("drivers");
    for driver in ["messages", "bytes"] {
        let trace = |jobs: &str| {
            let range = ["--seeds", "0..30", "--jobs", jobs, "--json"];
            let output = folder.sim(&[&["run", "--driver", driver][..], &range].concat());
            ended(&output, 0);
            json(&output)["trace_hash"].clone()
        };
        assert_eq!(trace("1"), trace("3"), "{driver}");
    }
}

#[test]
fn a_driver_that_has_no_worlds_refuses_one() {
    check_refused(&["run", "--driver", "bytes", "--world", "pair"], "--world");
    check_refused(&["run", "--driver", "carrier-pigeon"], "messages");
}

#[test]
fn a_guided_campaign_goes_the_same_way_in_any_number_of_jobs() {
    let folder = Folder::new("guided");
    let run = |jobs: &str| {
        let range = ["--campaign", "1", "--events", "30k", "--json", "--jobs", jobs];
        let output = folder.sim(&[&["run", "--guided"][..], &range].concat());
        ended(&output, 0);
        let mut report = json(&output);
        let by_wall = |key: &str| key == "wall_seconds" || key.ends_with("_per_second");
        report.as_object_mut().unwrap().retain(|key, _| !by_wall(key));
        report
    };
    let one = run("1");
    assert_eq!(one, run("2"));
    assert!(one["events"].as_u64().unwrap() >= 30_000, "{one}");
    let reached = &one["reached"];
    let unreached = reached["unreached"].as_array().unwrap().len() as u64;
    let (all, some) = (reached["expected"].as_u64(), reached["expected_reached"].as_u64());
    assert_eq!(all.unwrap() - some.unwrap(), unreached);
    check_refused(&["run", "--guided", "--twice"], "--guided");
    check_refused(&["run", "--guided", "--driver", "bytes"], "--guided");
}

#[test]
fn a_guided_campaign_ends_with_what_it_never_reached() {
    let folder = Folder::new("unreached");
    let output = folder.sim(&["run", "--guided", "--subject", "echo", "--seeds", "0..20"]);
    let said = ended(&output, 0);
    assert!(said.starts_with("20 runs, 0 failures"), "{said}");
    let (_, listed) = said.split_once("never reached:\n").unwrap();
    assert!(listed.lines().all(|line| line.starts_with("  ")), "{listed}");
    assert!(listed.contains(" -> "), "{listed}");
}

#[test]
fn a_campaign_reports_its_figures_as_json() {
    let folder = Folder::new("json");
    let output = folder.sim(&["run", "--subject", "echo", "--seeds", "0..5", "--json"]);
    ended(&output, 0);
    let report = json(&output);
    assert_eq!(report["runs"], 5);
    assert_eq!(report["failures"], 0);
    for key in ["steps", "events", "virtual_seconds"] {
        assert!(report[key].as_u64().unwrap() > 0, "{key}: {report}");
    }
    assert!(report["messages"].as_u64().unwrap() > 0, "lines that were echoed: {report}");
    assert!(report["wall_seconds"].is_f64());
    assert_eq!(report["trace_hash"].as_str().unwrap().len(), 16);
}

#[test]
fn the_number_of_jobs_does_not_change_the_hash() {
    let folder = Folder::new("jobs");
    let hash = |jobs: &str| {
        let arguments = ["run", "--subject", "echo", "--seeds", "0..12", "--json", "--jobs", jobs];
        json(&folder.sim(&arguments))["trace_hash"].clone()
    };
    assert_eq!(hash("1"), hash("2"));
}

#[test]
fn one_seed_is_a_campaign_and_twice_gives_the_same() {
    let folder = Folder::new("twice");
    let arguments = ["run", "--subject", "connman", "--seeds", "7", "--json"];
    let once = json(&folder.sim(&arguments));
    let twice = json(&folder.sim(&[&arguments[..], &["--twice"]].concat()));
    assert_eq!((&once["runs"], &once["trace_hash"]), (&twice["runs"], &twice["trace_hash"]));
    assert_eq!((&once["runs"], &twice["failures"]), (&Value::from(1), &Value::from(0)));
}

#[test]
fn a_campaign_without_failures_writes_no_files() {
    let folder = Folder::new("no-files");
    ended(&folder.sim(&["run", "--subject", "echo", "--seeds", "0..2"]), 0);
    assert_eq!(fs::read_dir(&folder.0).unwrap().count(), 0);
}

// Arguments.

#[test]
fn a_bad_argument_is_named() {
    check_refused(&["run", "--seeds", "many"], "--seeds");
    check_refused(&["run", "--seeds", "5..5"], "no seed lies in it");
    check_refused(&["run", "--seeds", "9..3"], "9..3");
    check_refused(&["run", "--seeds", "-1"], "-1");
    check_refused(&["run", "--seeds", "18446744073709551615"], "too large");
    check_refused(&["run", "--jobs", "0"], "--jobs");
    check_refused(&["run", "--jobs", "257"], "--jobs");
    check_refused(&["run", "--subject", "gopher"], "gopher");
    check_refused(&["run", "extra"], "extra");
    check_refused(&["replay"], "PATHS");
    check_refused(&["export", "a.case"], "--to");
    check_refused(&["bugs", "--class", "bad-luck"], "bad-luck");
    check_refused(&["bugs", "--campaigns", "0"], "--campaigns");
    check_refused(&["bugs", "--columns", "ears"], "ears");
    check_refused(&["bugs", "--list"], "root of the repository");
    check_refused(&["network", "--nodes", "1"], "2..=20000");
    check_refused(&["network", "--time", "1d"], "expected a time such as 90s, 10m, 8h");
    check_refused(&["network", "--cut", "8h"], "expected two times as in 6h..8h");
    check_refused(&["network", "--cut", "8h..6h"], "it ends before it begins");
    check_refused(&["frobnicate"], "frobnicate");
    check_refused(&["replay", "missing.case"], "missing.case");
    check_refused(&["show", "missing.case"], "missing.case");
    check_refused(&["import", "missing"], "missing");
    check_refused(&["shrink", "missing.case"], "missing.case");
    check_refused(&["shrink", "a.case", "--runs", "0"], "--runs");
    check_refused(&["shrink"], "PATH");
}

#[test]
fn every_command_explains_itself_with_an_example() {
    let folder = Folder::new("help");
    let commands = [
        "run", "failures", "replay", "show", "why", "explore", "shrink", "import", "export", "bugs",
    ];
    for command in commands.into_iter().chain(["network", "promote", "migrate", "re-record"]) {
        let said = ended(&folder.sim(&[command, "--help"]), 0);
        assert!(said.contains("Example: cargo sim"), "{said}");
    }
}

// Files.

#[test]
fn a_folder_without_schedules_is_said_to_have_none() {
    let folder = Folder::new("empty");
    fs::create_dir(folder.0.join("nothing")).unwrap();
    let said = ended(&folder.sim(&["replay", "nothing"]), 2);
    assert!(said.contains("nothing: no schedules here"), "{said}");
}

#[cfg(unix)]
#[test]
fn links_to_folders_are_not_followed() {
    use std::os::unix::fs::symlink;
    let folder = Folder::new("links");
    folder.write("texts/a.case", GREETING);
    folder.write("elsewhere/b.case", GREETING);
    for (to, name) in [(".", "texts/here"), ("../texts", "texts/up"), ("../elsewhere", "texts/x")] {
        symlink(to, folder.0.join(name)).unwrap();
    }
    // A folder with the name of a text, and a link to a text.
    symlink("..", folder.0.join("texts/c.case")).unwrap();
    symlink("../elsewhere/b.case", folder.0.join("texts/d.case")).unwrap();
    let said = ended(&folder.sim(&["replay", "texts"]), 0);
    assert!(said.ends_with("d.case: passed\n2 passed, 0 failed\n"), "{said}");
    // One that is named is meant.
    let said = ended(&folder.sim(&["replay", "texts/x"]), 0);
    assert_eq!(said, "texts/x/b.case: passed\n");
    symlink("nowhere", folder.0.join("texts/e.case")).unwrap();
    let said = ended(&folder.sim(&["replay", "texts"]), 2);
    assert!(said.ends_with("2 passed, 0 failed, 1 could not be read\n"), "{said}");
}

#[test]
fn a_mistake_in_a_text_is_placed() {
    let folder = Folder::new("mistake");
    folder.write("bad.case", "format 1\nsubject echo\n\n0ms p1 flies\n");
    let said = ended(&folder.sim(&["replay", "bad.case"]), 2);
    assert!(said.contains("bad.case:4:8"), "{said}");
}

#[test]
fn a_word_that_the_subject_does_not_know_is_placed_and_keeps_nobody_from_the_others() {
    let folder = Folder::new("misspoken");
    folder
        .write("a.case", "format 1\n\n0ms      p1 dials\n+1s      p1 sends verack, ping nonce=x\n");
    folder.write("b.case", GREETING);
    let said = ended(&folder.sim(&["replay", "."]), 2);
    let expected =
        "./a.case:4:32: ping nonce=x: expected a number from 0 to 18446744073709551615\n";
    assert!(said.starts_with(expected), "{said}");
    assert!(said.contains("    4 | +1s      p1 sends verack, ping nonce=x\n"), "{said}");
    assert!(said.contains("      |                                ^^^^^^^"), "{said}");
    assert!(said.contains("b.case: passed"), "{said}");
}

#[test]
fn a_line_that_is_lost_is_quoted() {
    let folder = Folder::new("lost");
    let text = "# It says so.\nformat 1\nsubject  echo\n\n0ms      p1 dials\n\n\
                order    at node's 9th recv from p1: gets 1 byte\n";
    folder.write("a.case", text);
    let said = ended(&folder.sim(&["replay", "a.case"]), 1);
    let line = "a.case:7: drifted: order    at node's 9th recv from p1: gets 1 byte\n  the run";
    assert!(said.starts_with(line), "{said}");
    ended(&folder.sim(&["export", "a.case", "--to", "bytes"]), 0);
    let said = ended(&folder.sim(&["replay", "bytes/a"]), 1);
    let line = "bytes/a: drifted: order at node's 9th recv from p1: gets 1 byte\n  the run never";
    assert!(said.starts_with(line), "as it would be printed, where there is no text: {said}");
}

#[test]
fn an_unknown_format_is_explained() {
    let folder = Folder::new("format");
    folder.write("new.case", "format 99\n0ms p1 dials\n");
    let said = ended(&folder.sim(&["replay", "new.case"]), 2);
    assert!(said.contains("new.case:1:8") && said.contains("99"), "{said}");
}

#[test]
fn a_text_that_is_not_utf8_is_refused_and_other_bytes_are_an_artifact() {
    let folder = Folder::new("utf8");
    folder.write("bad.case", b"format 1\n# \xc3\xa9 \xff\n");
    let said = ended(&folder.sim(&["replay", "bad.case"]), 2);
    assert_eq!(said, "bad.case:2:5: expected UTF-8, found the byte 0xff\n");
    folder.write("artifact", b"\x00\xff\x17\x80");
    ended(&folder.sim(&["show", "artifact"]), 0);
    folder.write("nothing", b"");
    ended(&folder.sim(&["replay", "nothing"]), 0);
}

#[test]
fn a_byte_order_mark_is_said_to_be_one() {
    let folder = Folder::new("mark");
    for name in ["marked.case", "marked"] {
        folder.write(name, format!("\u{feff}{GREETING}"));
        let said = ended(&folder.sim(&["replay", name]), 2);
        assert!(said.starts_with(&format!("{name}:1:1: a byte order mark (U+FEFF)")), "{said}");
    }
}

#[test]
fn files_that_cannot_be_read_are_counted() {
    let folder = Folder::new("unreadable");
    folder.write("a.case", "format 99\n");
    folder.write("b.case", GREETING);
    folder.write("c.case", FAILING);
    folder.write("d.case", b"\xff");
    let said = ended(&folder.sim(&["replay", "."]), 2);
    assert!(said.ends_with("\n1 passed, 1 failed, 2 could not be read\n"), "{said}");
}

#[test]
fn a_setting_that_the_subject_does_not_take_is_named() {
    let folder = Folder::new("setting");
    folder.write("a.case", "format 1\nsubject echo\nnode colour blue\n\n0ms p1 dials\n");
    let said = ended(&folder.sim(&["replay", "a.case"]), 2);
    assert!(said.contains("a.case:3:6: node colour blue: expected no setting"), "{said}");
    folder.write("b.case", "format 1\nsubject gopher\n\n0ms p1 dials\n");
    let said = ended(&folder.sim(&["replay", "b.case"]), 2);
    assert!(said.contains("b.case") && said.contains("no subject gopher"), "{said}");
}

#[test]
fn a_folder_is_replayed_in_the_order_of_its_names() {
    let folder = Folder::new("order");
    for name in ["b.case", "a.case", "c/a.case"] {
        folder.write(name, GREETING);
    }
    folder.write("notes.txt", "not a schedule");
    let output = folder.sim(&["replay", "--json", "."]);
    ended(&output, 0);
    let names: Vec<_> = stdout(&output)
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap()["schedule"].clone())
        .collect();
    assert_eq!(names, ["./a.case", "./b.case", "./c/a.case"]);
    let said = ended(&folder.sim(&["replay", "."]), 0);
    assert!(said.ends_with("3 passed, 0 failed\n"), "{said}");
}

#[test]
fn events_and_messages_are_counted() {
    let folder = Folder::new("counts");
    let pings = "format 1\n\n0ms      p1 is honest\n         p1 dials\n+1s      p1 sends ping x3\n";
    folder.write("pings.case", pings);
    folder.write("silence.case", "format 1\n\n0ms      p1 dials\n+1min    p1 closes\n");
    let counts = |case| {
        let report = json(&folder.sim(&["replay", "--json", case]));
        (report["events"].as_u64().unwrap(), report["messages"].as_u64().unwrap())
    };
    // An accept, four reads, and five sends: the handshake's two, and each pong by itself. The node
    // handles version, verack, a pong and three pings; p1 hears four words, two, and three pongs.
    assert_eq!(counts("pings.case"), (10, 15));
    assert_eq!(counts("silence.case"), (3, 0));
}

#[test]
fn a_failing_schedule_fails_the_replay_and_is_shown() {
    let folder = Folder::new("failing");
    folder.write("a.case", FAILING);
    let said = ended(&folder.sim(&["replay", "a.case"]), 1);
    let line = "a.case:4: expectation not met: expect p1 receives line, within 1s\n  p1 is ";
    assert!(said.starts_with(line), "{said}");
    let report = json(&folder.sim(&["replay", "--json", "a.case"]));
    assert_eq!((&report["verdict"], &report["line"]), (&"expectation".into(), &4.into()));
    ended(&folder.sim(&["show", "a.case"]), 0);
}

#[test]
fn import_and_export_are_each_others_inverse() {
    let folder = Folder::new("convert");
    folder.write("texts/greeting.case", GREETING);
    let said = ended(&folder.sim(&["export", "texts", "--to", "new/bytes"]), 0);
    assert!(said.contains("1 written"), "{said}");
    let output = folder.sim(&["import", "new/bytes/greeting"]);
    ended(&output, 0);
    assert_eq!(stdout(&output), GREETING);
}

#[test]
fn a_target_that_cannot_be_written_is_an_error() {
    let folder = Folder::new("unwritable");
    folder.write("a.case", GREETING);
    folder.write("file", "in the way");
    let said = ended(&folder.sim(&["export", "a.case", "--to", "file"]), 2);
    assert!(said.contains("file"), "{said}");
    fs::create_dir_all(folder.0.join("to/a/full")).unwrap();
    let said = ended(&folder.sim(&["export", "a.case", "--to", "to"]), 2);
    assert!(said.contains("to/a"), "{said}");
    let left: Vec<_> = fs::read_dir(folder.0.join("to")).unwrap().collect();
    assert_eq!(left.len(), 1, "nothing half written stays: {left:?}");
}

// Failure folders.

/// A failure folder with a story, as a campaign leaves it.
fn recorded(folder: &Folder) {
    let schedule = folder.write("found/schedule.case", FAILING);
    let output = folder.sim(&["show", schedule.to_str().unwrap()]);
    let story =
        stdout(&output).lines().filter(|line| line.starts_with("     ")).collect::<Vec<_>>();
    folder.write("found/story.txt", story.join("\n") + "\n");
}

#[test]
fn a_failure_folder_replays_exactly() {
    let folder = Folder::new("exact");
    recorded(&folder);
    let report = json(&folder.sim(&["replay", "--json", "found"]));
    assert_eq!(report["verdict"], "expectation");
    assert_eq!(report["diverges"], Value::Null);
}

#[test]
fn a_run_that_leaves_its_recorded_story_says_where() {
    let folder = Folder::new("diverges");
    recorded(&folder);
    let story = folder.read("found/story.txt");
    let mut lines: Vec<_> = story.lines().collect();
    lines[3] = "something else";
    folder.write("found/story.txt", lines.join("\n"));
    let said = ended(&folder.sim(&["replay", "found"]), 1);
    assert!(said.contains("diverges at step 4"), "{said}");
    assert!(said.contains("recorded: something else"), "{said}");
    let report = json(&folder.sim(&["replay", "--json", "--script", "found"]));
    assert_eq!(report["diverges"], Value::Null, "the script alone knows nothing of it");
    folder.write("found/story.txt", format!("{story}one more\n"));
    let said = ended(&folder.sim(&["replay", "found"]), 1);
    assert!(said.contains("now:      the end of the run"), "{said}");
    folder.write("found/story.txt", "");
    let said = ended(&folder.sim(&["replay", "found"]), 1);
    assert!(said.contains("diverges at step 1"), "{said}");
}

// Shrinking.

/// Fails as [`FAILING`], with much that has nothing to do with it.
const LONG: &str = "format 1\nsubject echo\n0ms p1 dials\nexpect p1 receives line, within 1s\n\
                    p2 is chatty\np2 dials\n+1s p3 dials\n+1s p2 closes\n";

const SHRUNK: &str = "format 1\nsubject  echo\n\n0ms      p1 dials\n\
                      # fails here: expectation not met: p1 is Open, heard \
                      [], the node has not ended it\n\
                      expect   p1 receives line, within 1s\n";

#[test]
fn what_fails_is_shrunk_to_a_text_that_fails_in_the_same_way() {
    let folder = Folder::new("shrink");
    folder.write("a.case", LONG);
    let output = folder.sim(&["shrink", "a.case"]);
    ended(&output, 0);
    assert_eq!(stdout(&output), SHRUNK);
    assert!(stderr(&output).contains("6 operations before, 2 after"), "{}", stderr(&output));
    let output = folder.sim(&["shrink", "a.case", "--output", "b.case"]);
    ended(&output, 0);
    assert_eq!(stdout(&output), "");
    assert_eq!(folder.read("b.case"), SHRUNK);
    ended(&folder.sim(&["replay", "b.case"]), 1);
}

#[test]
fn a_failure_folder_and_an_artifact_are_shrunk_as_texts_are() {
    let folder = Folder::new("shrink-others");
    folder.write("found/schedule.case", LONG);
    assert_eq!(stdout(&folder.sim(&["shrink", "found"])), SHRUNK);
    ended(&folder.sim(&["export", "found", "--to", "bytes"]), 0);
    assert_eq!(stdout(&folder.sim(&["shrink", "bytes/found"])), SHRUNK);
    // What lies beside the recorded schedule is not what the folder stands for.
    folder.write("found/shrunk.case", GREETING);
    let report = json(&folder.sim(&["replay", "--json", "found"]));
    assert_eq!(report["verdict"], "expectation");
}

#[test]
fn what_cannot_be_shrunk_is_said_to_be_so() {
    let folder = Folder::new("shrink-not");
    folder.write("a.case", GREETING);
    let said = ended(&folder.sim(&["shrink", "a.case", "--output", "b.case"]), 2);
    assert!(said.contains("a.case: it passes"), "{said}");
    folder.write("more/a.case", FAILING);
    folder.write("more/b.case", FAILING);
    let said = ended(&folder.sim(&["shrink", "more"]), 2);
    assert!(said.contains("more: 2 schedules"), "{said}");
    folder.write("c.case", "format 1\nsubject gopher\n\n0ms p1 dials\n");
    let said = ended(&folder.sim(&["shrink", "c.case"]), 2);
    assert!(said.contains("c.case: no subject gopher"), "{said}");
    let said = ended(&folder.sim(&["shrink", "more/a.case", "--output", "no/b.case"]), 2);
    assert!(said.contains("no/b.case"), "{said}");
    assert!(!folder.0.join("b.case").exists());
}

// Output.

#[test]
fn a_reader_who_leaves_ends_the_command_quietly() {
    let folder = Folder::new("pipe");
    folder.write("a.case", GREETING);
    folder.write("b.case", FAILING);
    for arguments in [
        &["show", "a.case"][..],
        &["why", "b.case", "--runs", "1"],
        &["explore", "a.case", "--depth", "2"],
    ] {
        let piped = || Stdio::piped();
        let mut child = folder.command(arguments).stdout(piped()).stderr(piped()).spawn().unwrap();
        drop(child.stdout.take());
        let mut said = String::new();
        child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
        assert_eq!((child.wait().unwrap().code(), said.as_str()), (Some(0), ""));
    }
}

#[test]
fn a_log_that_is_no_terminal_has_no_colours() {
    let folder = Folder::new("colours");
    folder.write("a.case", GREETING);
    let output = folder.command(&["replay", "a.case"]).env("RUST_LOG", "trace").output().unwrap();
    ended(&output, 0);
    assert!(stderr(&output).contains("p1 dials"), "{}", stderr(&output));
    assert!(!stderr(&output).contains('\u{1b}'), "{}", stderr(&output));
}

#[test]
fn a_full_disk_under_the_output_is_an_error() {
    let folder = Folder::new("full");
    folder.write("a.case", GREETING);
    folder.write("failing.case", FAILING);
    let artifact = folder.write("artifact", b"");
    let artifact = artifact.to_str().unwrap();
    let commands: [&[&str]; 6] = [
        &["--help"],
        &["run", "--subject", "echo", "--seeds", "0"],
        &["replay", "a.case"],
        &["show", "a.case"],
        &["shrink", "failing.case"],
        &["import", artifact],
    ];
    for arguments in commands {
        let full = fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
        let output = folder.command(arguments).stdout(full).output().unwrap();
        let said = ended(&output, 2);
        assert!(said.contains("cannot write"), "{arguments:?}: {said}");
    }
}

/// A device that is named as a file to write is written into, and stays; so does a link.
#[test]
fn what_is_no_file_is_not_put_aside() {
    let folder = Folder::new("special");
    folder.write("a.case", GREETING);
    folder.write("old", "");
    for (to, name) in [("/dev/full", "device"), ("old", "link")] {
        std::os::unix::fs::symlink(to, folder.0.join(name)).unwrap();
    }
    let said = ended(&folder.sim(&["show", "a.case", "--pcap", "device"]), 2);
    assert!(said.contains("device: No space left on device"), "{said}");
    ended(&folder.sim(&["show", "a.case", "--pcap", "link"]), 0);
    for name in ["device", "link"] {
        assert!(folder.0.join(name).is_symlink(), "{name}");
    }
    assert!(fs::read(folder.0.join("old")).unwrap().starts_with(&[0x0a, 0x0d]));
}

#[test]
fn a_capture_is_of_one_schedule_and_says_how_it_ended() {
    let folder = Folder::new("pcap");
    folder.write("cases/a.case", GREETING);
    let said = ended(&folder.sim(&["show", "cases/a.case", "--pcap", "a.pcapng"]), 0);
    assert!(said.contains("a.pcapng: ") && said.contains("passed"), "{said}");
    let file = fs::read(folder.0.join("a.pcapng")).unwrap();
    assert_eq!(file[..4], [0x0a, 0x0d, 0x0d, 0x0a]);
    assert!(file.windows(6).any(|bytes| bytes == b"passed"), "a comment says so");
    folder.write("cases/b.case", GREETING);
    let said = ended(&folder.sim(&["show", "cases/a.case", "--html", "a.html"]), 0);
    assert!(said.contains("a.html: ") && said.contains("passed"), "{said}");
    assert!(folder.read("a.html").starts_with("<!DOCTYPE html>"));
    let said = ended(&folder.sim(&["show", "cases/a.case", "--perfetto", "a.json"]), 0);
    assert!(said.contains("a.json: ") && said.contains("passed"), "{said}");
    let trace: Value = serde_json::from_str(&folder.read("a.json")).unwrap();
    assert_eq!(trace["otherData"]["verdict"], "cases/a.case: passed");
    let said = ended(&folder.sim(&["show", "cases", "--pcap", "b.pcapng"]), 2);
    assert!(said.contains("2 schedules; capture one at a time"), "{said}");
    assert!(!folder.0.join("b.pcapng").exists());
    ended(&folder.sim(&["show", "cases/a.case", "--pcap", "missing/a.pcapng"]), 2);
}

/// As a shell names what another command writes: `sim replay <(…)`.
#[cfg(unix)]
#[test]
fn a_schedule_comes_from_a_pipe() {
    let folder = Folder::new("from-a-pipe");
    let mut replay = folder.command(&["replay", "/dev/stdin"]);
    let mut child = replay.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(GREETING.as_bytes()).unwrap();
    let said = ended(&child.wait_with_output().unwrap(), 0);
    assert!(said.contains("/dev/stdin: passed"), "{said}");
}
