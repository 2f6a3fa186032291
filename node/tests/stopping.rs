//! How a node ends, and what does not end it.

use std::io::{BufRead as _, BufReader};
use std::os::unix::process::ExitStatusExt as _;
use std::process::Stdio;

use rustix::process::{Pid, Signal, kill_process};

use super::process::{Node, command};

#[test]
fn signals_end_a_node_in_order() {
    for signal in [Signal::INT, Signal::TERM] {
        let (node, _) = Node::listening(&[]);
        node.signal(signal);
        let exit = node.wait();
        exit.assert_clean();
        assert!(exit.stdout.iter().any(|line| line.ends_with("Shutdown done")));
    }
}

#[test]
fn peers_are_told_of_the_end() {
    let (mut listener, at) = Node::listening(&[]);
    let mut dialer = Node::start(&[&format!("-connect={at}")]);
    listener.expect("ping answered after");
    dialer.expect("ping answered after");
    let exit = dialer.stop();
    exit.assert_clean();
    assert!(exit.stdout.iter().any(|line| line.ends_with("shutting down, disconnecting peer=0")));
    listener.expect(", disconnecting peer=0");
    listener.stop().assert_clean();
}

/// A log that nobody reads keeps no node from its work, and its end waits for no reader for long.
#[test]
fn unread_log_costs_lines_alone() {
    let (mut listener, at) = Node::listening(&[]);
    // More than a pipe takes, so that the log stands still from the start.
    let (long, connect) = (format!("-uacomment={}", "a".repeat(100_000)), format!("-connect={at}"));
    let mut unread = command(&[&long, "-nouacomment", &connect]);
    let mut unread = unread.stdout(Stdio::piped()).spawn().unwrap();
    listener.expect("New inbound v2 peer connected");
    listener.expect("ping answered after");
    kill_process(Pid::from_child(&unread), Signal::INT).unwrap();
    listener.expect(", disconnecting peer=0");
    assert_eq!(unread.wait().unwrap().code(), Some(0));
    listener.stop().assert_clean();
}

/// Who reads late misses nothing, in order, up to the bound of what waits.
#[test]
fn log_that_is_read_late_is_whole() {
    let long = format!("-uacomment={}", "a".repeat(100_000));
    let mut node = command(&[&long, "-nouacomment", "-listen=0"]);
    let mut node = node.stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(node.stdout.take().unwrap()).lines().map(Result::unwrap);
    assert!(lines.next().unwrap().contains("Sockman version"));
    kill_process(Pid::from_child(&node), Signal::TERM).unwrap();
    let rest: Vec<_> = lines.collect();
    assert!(rest.iter().any(|line| line.len() > 100_000), "the long line");
    let done = rest.iter().position(|line| line.ends_with("init message: Done loading"));
    assert!(done.is_some_and(|place| place > 3), "{:?}", rest.last());
    assert!(rest.last().unwrap().ends_with("Shutdown done"), "{:?}", rest.last());
    assert_eq!(node.wait().unwrap().code(), Some(0));
}

/// Lines beyond the bound are lost, and a line says how many.
#[test]
fn lost_lines_are_told_of() {
    let (mut listener, at) = Node::listening(&[]);
    let (long, connect) = (format!("-uacomment={}", "a".repeat(100_000)), format!("-connect={at}"));
    let mut args = vec![long.as_str(); 15];
    args.extend(["-nouacomment", &connect]);
    let mut late = command(&args).stdout(Stdio::piped()).spawn().unwrap();
    // All that is said at the start has been said.
    listener.expect("New inbound v2 peer connected");
    kill_process(Pid::from_child(&late), Signal::TERM).unwrap();
    let lines = BufReader::new(late.stdout.take().unwrap()).lines().map(Result::unwrap);
    let lines: Vec<_> = lines.collect();
    let kept = lines.iter().filter(|line| line.len() > 100_000).count();
    assert!(kept < 15, "{kept} long lines are there");
    let told = lines.iter().find(|line| line.contains(" lines are missing here: "));
    assert!(told.is_some(), "{:?}", lines.last());
    assert_eq!(late.wait().unwrap().code(), Some(0));
    listener.stop().assert_clean();
}

/// A node that hangs, here at its end over a log that nobody reads, does not keep its user waiting.
#[test]
fn second_interrupt_ends_a_node_at_once() {
    let long = format!("-uacomment={}", "a".repeat(100_000));
    let mut node = command(&[&long, "-nouacomment", "-listen=0"]);
    let mut node = node.stdout(Stdio::piped()).spawn().unwrap();
    let mut stdout = BufReader::new(node.stdout.take().unwrap());
    let mut first = String::new();
    stdout.read_line(&mut first).unwrap();
    assert!(first.contains("Sockman version"), "{first}");
    let pid = Pid::from_child(&node);
    let status = loop {
        // Two that come before the first is handled are one, so there may be more of them.
        kill_process(pid, Signal::INT).unwrap();
        if let Some(status) = node.try_wait().unwrap() {
            break status;
        }
    };
    assert_eq!(status.signal(), Some(Signal::INT.as_raw()));
}

/// Nobody reads the log, and both pipes are closed: the node does what it did.
#[test]
fn closed_pipes_do_not_end_a_node() {
    let (mut listener, at) = Node::listening(&[]);
    let connect = format!("-connect={at}");
    let mut deaf = command(&[&connect]);
    let mut deaf = deaf.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop((deaf.stdout.take(), deaf.stderr.take()));
    listener.expect("New inbound v2 peer connected");
    let pid = Pid::from_child(&deaf);
    kill_process(pid, Signal::USR1).unwrap();
    // It connects again, so it logs again.
    drop(listener);
    let mut again = Node::start(&[&format!("-bind={at}")]);
    again.expect("New inbound v2 peer connected");
    kill_process(pid, Signal::INT).unwrap();
    let status = deaf.wait().unwrap();
    assert_eq!((status.code(), status.signal()), (Some(0), None));
    again.expect(", disconnecting peer=0");
    again.stop().assert_clean();
}
