//! Signals that end a command early.

use std::fs::{self, File};
use std::io::{BufRead as _, BufReader, Read as _};
use std::os::unix::fs::PermissionsExt as _;
use std::process::{Child, Command, Output, Stdio};

use rustix::process::{Pid, Signal, kill_process};

use super::{Folder, GREETING, LONG, ended, json, stdout};

fn send(child: &Child, signal: Signal) {
    kill_process(Pid::from_child(child), signal).unwrap();
}

/// What a command comes to that gets a signal once it is at work.
pub(super) fn interrupted(folder: &Folder, arguments: &[&str], signal: Signal) -> Output {
    let mut child = folder
        .command(arguments)
        // The first event is of the first run.
        .env("RUST_LOG", "trace")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut events = BufReader::new(child.stderr.take().unwrap());
    events.read_line(&mut String::new()).unwrap();
    send(&child, signal);
    let mut further = Vec::new();
    events.read_to_end(&mut further).unwrap();
    let output = child.wait_with_output().unwrap();
    Output { stderr: further, ..output }
}

#[test]
fn an_interrupted_campaign_tells_what_it_has_run() {
    let folder = Folder::new("interrupted-run");
    const ECHO: [&str; 5] = ["run", "--subject", "echo", "--json", "--seeds"];
    for (signal, status) in [(Signal::INT, 130), (Signal::TERM, 143)] {
        let output = interrupted(&folder, &[&ECHO[..], &["0..1000000"]].concat(), signal);
        ended(&output, status);
        let report = json(&output);
        assert_eq!(report["interrupted"], true);
        // As if no more had been asked for.
        let output = folder.sim(&[&ECHO[..], &[&format!("0..{}", report["runs"])]].concat());
        ended(&output, 0);
        assert_eq!(json(&output)["trace_hash"], report["trace_hash"]);
        assert_eq!(json(&output)["interrupted"], false);
    }
    let told = interrupted(&folder, &["run", "--seeds", "5..1000000"], Signal::INT);
    ended(&told, 130);
    let said = stdout(&told);
    let (first, rest) = said.split_once('\n').unwrap();
    let runs = first.strip_prefix("interrupted: ").unwrap();
    let runs = runs.strip_suffix(" of 999995 runs").unwrap();
    assert!(rest.starts_with(&format!("{runs} runs, 0 failures")), "{said}");
}

#[test]
fn an_interrupted_guided_campaign_tells_what_it_has_reached() {
    let folder = Folder::new("interrupted-guided");
    let output = interrupted(&folder, &["run", "--guided", "--json"], Signal::INT);
    ended(&output, 130);
    let report = json(&output);
    assert_eq!(report["interrupted"], true);
    assert!(report["runs"].as_u64().unwrap() > 0, "{report}");
    assert!(report["reached"]["transitions"].as_u64().unwrap() > 0, "{report}");
}

#[test]
fn an_interrupted_replay_counts_what_it_has_replayed() {
    let folder = Folder::new("interrupted-replay");
    folder.write("a.case", GREETING);
    let all = 20_000;
    let paths = vec!["a.case"; all];
    let output = interrupted(&folder, &[&["replay"][..], &paths].concat(), Signal::INT);
    let said = ended(&output, 130);
    let mut last = stdout(&output).lines().rev();
    let passed = last.next().unwrap().strip_suffix(" passed, 0 failed").unwrap();
    let counted = format!("interrupted: {passed} of {all} schedules");
    assert_eq!(last.next(), Some(counted.as_str()), "{said}");
    let output = interrupted(&folder, &[&["replay", "--json"][..], &paths].concat(), Signal::INT);
    ended(&output, 130);
    let last: serde_json::Value =
        serde_json::from_str(stdout(&output).lines().last().unwrap()).unwrap();
    assert_eq!((&last["interrupted"], &last["of"]), (&true.into(), &all.into()));
}

#[test]
fn an_interrupted_shrink_writes_a_schedule_that_fails_all_the_same() {
    let folder = Folder::new("interrupted-shrink");
    folder.write("a.case", LONG);
    let output = interrupted(&folder, &["shrink", "a.case", "--output", "b.case"], Signal::INT);
    // It may have been ready.
    assert!(matches!(output.status.code(), Some(0 | 130)), "{:?}", output.status);
    ended(&folder.sim(&["replay", "b.case"]), 1);
    assert!(!folder.0.join("b.case.tmp").exists());
}

#[test]
fn a_second_interrupt_ends_a_command_at_once() {
    use std::os::unix::process::ExitStatusExt as _;
    let folder = Folder::new("interrupted-twice");
    folder.write("long.case", "format 1\n\n0ms p1 is flooding\np1 dials\n+1h p1 closes\n");
    // Nobody reads its log, which is far longer than what a pipe takes: so it never comes to look
    // at the first.
    let mut child = folder
        .command(&["replay", "long.case"])
        .env("RUST_LOG", "trace")
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut events = BufReader::new(child.stderr.take().unwrap());
    events.read_line(&mut String::new()).unwrap();
    let status = loop {
        send(&child, Signal::INT);
        if let Some(status) = child.try_wait().unwrap() {
            break status;
        }
    };
    assert_eq!(status.signal(), Some(Signal::INT.as_raw()), "{status}");
}

#[test]
fn bugs_leave_nothing_running_behind() {
    let folder = Folder::new("interrupted-bugs");
    folder.write("Cargo.toml", "");
    fs::create_dir(folder.0.join("bugs")).unwrap();
    let made = Command::new("mkfifo").arg(folder.0.join("alive")).status().unwrap();
    assert!(made.success());
    // Stands for what never ends: as long as any of it is alive, the pipe has no end.
    let alive = folder.0.join("alive");
    let script = "#!/bin/sh\nexec 3>\"$ALIVE\"\necho begun >&3\n\
                  (sleep 30; echo survived >&3) &\nwait\n";
    let cargo = folder.write("cargo", script);
    fs::set_permissions(&cargo, fs::Permissions::from_mode(0o755)).unwrap();
    for (signal, status) in [(Signal::INT, 130), (Signal::TERM, 143)] {
        let child = folder
            .command(&["bugs", "--state", "state", "--json"])
            .env("CARGO", &cargo)
            .env("ALIVE", &alive)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut pipe = BufReader::new(File::open(&alive).unwrap());
        let mut said = String::new();
        pipe.read_line(&mut said).unwrap();
        assert_eq!(said, "begun\n");
        send(&child, signal);
        let mut further = String::new();
        pipe.read_to_string(&mut further).unwrap();
        assert_eq!(further, "", "nobody is left to say anything");
        let output = child.wait_with_output().unwrap();
        ended(&output, status);
        assert_eq!(json(&output)["interrupted"], true);
    }
}
