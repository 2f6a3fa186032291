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

/// A node that hangs, here in a log that nobody reads, does not keep its user waiting.
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
    listener.expect("New inbound v1 peer connected");
    let pid = Pid::from_child(&deaf);
    kill_process(pid, Signal::USR1).unwrap();
    // It connects again, so it logs again.
    drop(listener);
    let mut again = Node::start(&[&format!("-bind={at}")]);
    again.expect("New inbound v1 peer connected");
    kill_process(pid, Signal::INT).unwrap();
    let status = deaf.wait().unwrap();
    assert_eq!((status.code(), status.signal()), (Some(0), None));
    again.expect(", disconnecting peer=0");
    again.stop().assert_clean();
}
