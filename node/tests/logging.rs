//! The log as a file.

use std::path::Path;
use std::process::Stdio;
use std::{fs, thread};

use rustix::process::{Pid, Signal, kill_process};

use super::directory::Directory;
use super::process::{Node, command};

#[test]
fn debug_log_is_in_the_directory_of_the_chain_and_grows() {
    let directory = Directory::new("usual");
    let datadir = directory.option();
    let mut node = Node::start(&["-listen=0", &datadir]);
    node.expect("Done loading");
    let exit = node.stop();
    exit.assert_clean();
    // What stdout says, the file says.
    assert_eq!(directory.lines("regtest/debug.log"), exit.stdout);
    let (mut peer, at) = Node::listening(&[]);
    let quiet = Node::start(&[&datadir, &format!("-connect={at}"), "-printtoconsole=0"]);
    peer.expect("ping answered after");
    let exit = quiet.stop();
    exit.assert_clean();
    assert_eq!(exit.stdout, [""; 0]);
    peer.stop().assert_clean();
    let lines = directory.lines("regtest/debug.log");
    let started = lines.iter().filter(|line| line.ends_with("Done loading")).count();
    assert_eq!(started, 2);
    assert!(lines.last().unwrap().ends_with("Shutdown done"), "{lines:#?}");
}

#[test]
fn file_of_the_log_can_be_named() {
    let directory = Directory::new("named");
    let datadir = directory.option();
    let start = |file: &str| {
        let file = format!("-debuglogfile={file}");
        let args = ["-listen=0", &datadir, &file, "-logtimestamps=0", "-nodebug"];
        Node::start(&args)
    };
    for file in ["other.log".to_owned(), directory.path("regtest/third.log").display().to_string()]
    {
        let mut node = start(&file);
        node.expect("Done loading");
        node.stop().assert_clean();
    }
    for file in ["regtest/other.log", "regtest/third.log"] {
        let lines = directory.lines(file);
        assert!(lines.contains(&"init message: Done loading".to_owned()), "{lines:#?}");
    }
    assert!(!directory.path("regtest/debug.log").exists());
    let nowhere = directory.path("regtest/no/such.log");
    start("no/such.log")
        .wait()
        .assert_error(&format!("Could not open debug log file {}", nowhere.display()));
}

#[test]
fn data_directory_that_is_missing_is_an_error() {
    Node::start(&["-datadir=/no/such/directory"])
        .wait()
        .assert_error("Specified data directory \"/no/such/directory\" does not exist.");
}

#[test]
fn no_log_at_all_has_to_be_asked_for() {
    Node::start(&["-printtoconsole=0"]).wait().assert_error(
        "-printtoconsole=0 leaves no log: give -datadir or -debuglogfile as well, or \
         -nodebuglogfile if there is to be none.",
    );
}

/// A node whose disk is full goes on, and says so once.
#[cfg(target_os = "linux")]
#[test]
fn log_that_cannot_be_written_is_told_of_once() {
    let (mut node, at) = Node::listening(&["-debuglogfile=/dev/full"]);
    let mut peer = Node::start(&[&format!("-connect={at}")]);
    peer.expect("ping answered after");
    node.expect("ping answered after");
    peer.stop().assert_clean();
    let exit = node.stop();
    assert_eq!(exit.status.code(), Some(0));
    let [told] = exit.stderr.as_slice() else { panic!("{:#?}", exit.stderr) };
    let expected = "Warning: Lines of the log are lost: /dev/full: No space left on device";
    assert!(told.starts_with(expected), "{told}");
}

/// Stdout that takes nothing is told of as well: a service whose log is a file on a full disk.
#[cfg(target_os = "linux")]
#[test]
fn console_that_cannot_be_written_is_told_of_once() {
    let full = fs::File::options().write(true).open("/dev/full").unwrap();
    let directory = Directory::new("full-console");
    let mut node = command(&["-listen=0", &directory.option()]);
    let node = node.stdout(full).stderr(Stdio::piped()).spawn().unwrap();
    let log = Path::new("regtest/debug.log");
    while !fs::read_to_string(directory.path(log)).is_ok_and(|log| log.contains("Done loading")) {
        thread::yield_now();
    }
    kill_process(Pid::from_child(&node), Signal::TERM).unwrap();
    let output = node.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    let expected =
        "Warning: Lines of the log are lost: stdout: No space left on device (os error 28)";
    assert_eq!(String::from_utf8_lossy(&output.stderr).trim_end(), expected);
}

/// As after a rotation of logs: what comes next is in a new file.
#[test]
fn moved_file_is_opened_anew_on_a_hangup() {
    let directory = Directory::new("moved");
    let (mut node, at) = Node::listening(&[&directory.option()]);
    let log = directory.path("regtest/debug.log");
    fs::rename(&log, directory.path("old.log")).unwrap();
    node.signal(Signal::HUP);
    let mut peer = Node::start(&[&format!("-connect={at}")]);
    node.expect("New inbound v2 peer connected");
    peer.expect("ping answered after");
    peer.stop().assert_clean();
    node.stop().assert_clean();
    let has = |file: &str, part: &str| directory.lines(file).iter().any(|line| line.contains(part));
    assert!(has("old.log", "Done loading") && !has("old.log", "Shutdown done"));
    assert!(has("regtest/debug.log", "Shutdown done"));
}
