//! What a node says when it starts, or does not.

use std::net::{Ipv4Addr, TcpListener};

use super::process::{Node, command, free_port, limited};

#[test]
fn taken_port_is_an_error() {
    let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let at = taken.local_addr().unwrap();
    Node::start(&[&format!("-bind={at}")]).wait().assert_error(&format!(
        "Unable to bind to {at} on this computer. Sockman is probably already running."
    ));
    // Without a log too.
    let exit =
        Node::start(&[&format!("-bind={at}"), "-printtoconsole=0", "-nodebuglogfile"]).wait();
    assert_eq!(exit.stdout, [""; 0]);
    exit.assert_error(&format!(
        "Unable to bind to {at} on this computer. Sockman is probably already running."
    ));
}

#[test]
fn every_place_to_listen_must_work() {
    let (first, at) = Node::listening(&[]);
    let free = format!("-bind=127.0.0.1:{}", free_port());
    Node::start(&[&free, &format!("-bind={at}")]).wait().assert_error(&format!(
        "Unable to bind to {at} on this computer. Sockman is probably already running."
    ));
    first.stop().assert_clean();
}

/// Without IPv6 on this host the log says so, and IPv4 is all there is.
#[test]
fn all_addresses_are_listened_on_unless_told_otherwise() {
    let (node, port) = Node::on_free_port(|port| vec![format!("-port={port}")], &[]);
    let exit = node.stop();
    exit.assert_clean();
    let has = |end: String| exit.stdout.iter().any(|line| line.ends_with(&end));
    assert!(has(format!("Bound to 0.0.0.0:{port}")), "{:#?}", exit.stdout);
    if !has(format!("Bound to [::]:{port}")) {
        eprintln!("skipped: this host has no IPv6");
        let refused = |line: &String| line.contains(&format!("Unable to bind to [::]:{port}"));
        assert!(exit.stdout.iter().any(refused), "{:#?}", exit.stdout);
    }
}

#[test]
fn unknown_option_is_an_error() {
    Node::start(&["-nonsense=1"])
        .wait()
        .assert_error("Error parsing command line arguments: Invalid parameter -nonsense=1");
}

#[test]
fn option_of_a_later_version_is_an_error() {
    Node::start(&["-pid=x"]).wait().assert_error("-pid is not supported yet.");
}

#[test]
fn wrong_filter_of_the_log_is_an_error() {
    let output = command(&["-listen=0"]).env("RUST_LOG", "net=loud").output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert!(stderr.starts_with("Error: RUST_LOG: "), "{stderr}");
}

/// Core: `RaiseFileDescriptorLimit`: what the hard limit allows is taken.
#[test]
fn soft_limit_of_descriptors_is_raised() {
    let mut node = Node::spawn(&mut limited("-S -n 100", &["-listen=0", "-maxconnections=40"]));
    node.expect("Using at most 40 automatic connections (200 file descriptors available)");
    node.stop().assert_clean();
}

/// 200 less 160: 150 and 1 for the node, 8 for manual connections, 1 for a listener.
#[test]
fn connections_are_reduced_to_the_descriptors_there_are() {
    let mut node = Node::spawn(&mut limited("-n 200", &["-listen=0"]));
    let warning = "Reducing -maxconnections from 125 to 40, because of system limitations.";
    node.expect(&format!("Warning: {warning}"));
    node.expect("Using at most 40 automatic connections (200 file descriptors available)");
    node.expect("Done loading");
    let exit = node.stop();
    assert_eq!(exit.status.code(), Some(0));
    assert_eq!(exit.stderr, [format!("Warning: {warning}")]);
}

#[test]
fn too_few_descriptors_are_an_error() {
    Node::spawn(&mut limited("-n 159", &["-listen=0"]))
        .wait()
        .assert_error("Not enough file descriptors available. 159 available, 160 required.");
}

#[test]
fn texts_go_to_stdout() {
    for (option, part) in [("-version", "Sockman daemon version v"), ("-help", "\nOptions:\n")] {
        let output = command(&[option]).output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{option}");
        let stdout = String::from_utf8(output.stdout).unwrap();
        assert!(stdout.contains(part), "{stdout}");
        assert_eq!(output.stderr, b"", "{option}");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn text_that_cannot_be_written_is_an_error() {
    for option in ["-version", "-help"] {
        let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
        let output = command(&[option]).stdout(full).output().unwrap();
        assert_eq!(output.status.code(), Some(1), "{option}");
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(said.starts_with("Error: Cannot write to stdout: "), "{option}: {said}");
    }
}

#[test]
fn start_is_told_in_order() {
    let (node, at) = Node::listening(&[]);
    let exit = node.stop();
    exit.assert_clean();
    let mut lines = exit.stdout.iter();
    for end in ["SetNetworkActive: true", &format!("Bound to {at}"), "init message: Done loading"] {
        assert!(lines.any(|line| line.ends_with(end)), "{end}: {:#?}", exit.stdout);
    }
}
