//! `sim record`: two real nodes, and what one of them said as a schedule that replays.

use std::io::{BufRead as _, BufReader, Read as _};
use std::net::SocketAddr;
use std::process::{Child, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use sockman::connman::{Config, Outbound, Services};
use sockman::sockets::Endpoint;
use sockman_sim::run::Options;
use sockman_sim::schedule::Schedule;
use sockman_sim::subjects::run_named;

use super::{Folder, check_refused};
use crate::live::Node;

fn without_v2(config: &mut Config) {
    config.services = config.services.without(Services::P2P_V2);
}

/// A node that connects there.
fn client(at: SocketAddr, change: impl FnOnce(&mut Config)) -> Node {
    Node::start(|config| {
        change(config);
        config.outbound = Outbound::List(vec![Endpoint::Ip(at)]);
    })
}

/// A recorder in front of a node, and where it listens.
fn recorder(folder: &Folder, node: SocketAddr) -> (Child, SocketAddr) {
    let to = node.to_string();
    let mut command = folder.command(&["record", "--listen", "127.0.0.1:0", "--to", &to]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    let mut stderr = BufReader::new(child.stderr.take().unwrap());
    stderr.read_line(&mut line).unwrap();
    let at = line.split("connect to ").nth(1).unwrap().split(';').next().unwrap();
    let at = at.parse().unwrap();
    // What is said later is read with the end.
    child.stderr = Some(stderr.into_inner());
    (child, at)
}

#[test]
fn session_of_two_nodes_replays() {
    let folder = Folder::new("record");
    let node = Node::start(without_v2);
    let (mut child, at) = recorder(&folder, node.at());
    let client = client(at, without_v2);
    client.expect_ready();
    drop(client);
    let output = said(&mut child);
    assert!(output.contains("p1 sends version services=1032 agent-bytes="), "{output}");
    assert!(output.contains("pong xor=0"), "{output}");
    assert!(output.trim_end().ends_with("p1 closes"), "{output}");
    let schedule = Schedule::parse("recorded", &output).unwrap();
    let report = run_named(&schedule, &Options::default()).unwrap();
    assert!(report.verdict.is_passed(), "{}\n{output}", report.told(None));
}

#[test]
fn record_that_is_interrupted_has_what_was_said() {
    let folder = Folder::new("record-interrupted");
    let node = Node::start(without_v2);
    let (mut child, at) = recorder(&folder, node.at());
    let client = client(at, without_v2);
    client.expect_ready();
    kill_process(Pid::from_child(&child), Signal::INT).unwrap();
    let output = said(&mut child);
    assert!(output.contains("sendaddrv2, verack, getaddr"), "{output}");
    assert!(output.trim_end().ends_with("expect   node keeps p1"), "{output}");
}

#[test]
fn session_over_v2_is_refused_with_the_option_that_turns_it_off() {
    let folder = Folder::new("record-v2");
    let node = Node::start(|_| {});
    let (mut child, at) = recorder(&folder, node.at());
    let _client = client(at, |_| {});
    let status = child.wait().unwrap();
    let mut told = String::new();
    child.stderr.take().unwrap().read_to_string(&mut told).unwrap();
    assert_eq!(status.code(), Some(2), "{told}");
    assert!(told.contains("-v2transport=0"), "{told}");
}

#[test]
fn nothing_is_recorded_of_nobody() {
    check_refused(&["record", "--listen", "203.0.113.1:1", "--to", "127.0.0.1:1"], "cannot listen");
    check_refused(&["record", "--listen", "nowhere", "--to", "127.0.0.1:1"], "--listen");
}

/// What a process has said on stdout, once it has ended.
fn said(child: &mut Child) -> String {
    let mut text = String::new();
    child.stdout.take().unwrap().read_to_string(&mut text).unwrap();
    child.wait().unwrap();
    text
}
