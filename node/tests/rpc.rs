//! The node as programs drive it: by JSON-RPC over HTTP.

use std::fs;
use std::net::{Ipv4Addr, Ipv6Addr, TcpListener};
use std::os::unix::fs::PermissionsExt as _;

use super::called::{Called, answer};
use super::directory::Directory;
use super::process::Node;

#[test]
fn node_is_driven_by_calls_from_start_to_stop() {
    let (other, at) = Node::listening(&[]);
    let mut called = Called::start("driven", &["-listen=0", "-uacomment=driven"]);
    let info = called.call("getnetworkinfo", "[]");
    assert!(info.contains("\"subversion\":\"/sockman:0.1.0(driven)/\""), "{info}");
    assert_eq!(called.call("addnode", &format!("[\"{at}\",\"onetry\"]")), NULL);
    // The attempt has come to a connection: it is there with the answer.
    let peers = called.call("getpeerinfo", "[]");
    assert!(peers.contains(&format!("{{\"id\":0,\"addr\":\"{at}\",")), "{peers}");
    assert!(peers.contains("\"connection_type\":\"manual\""), "{peers}");
    // Before its handshake is complete, an end would have the node try v1.
    called.node.expect("New manual v2 peer connected");
    assert_eq!(called.call("setban", "[\"127.0.0.1\",\"add\"]"), NULL);
    assert_eq!(called.call("getconnectioncount", "[]"), "{\"result\":0,\"error\":null}\n");
    let stopping = called.call("stop", "[]");
    assert_eq!(stopping, "{\"result\":\"Sockman stopping\",\"error\":null}\n");
    called.node.wait().assert_clean();
    // What was asked for is kept, and what was for this run is gone.
    let bans = fs::read_to_string(called.directory.path("regtest/banlist.json")).unwrap();
    assert!(bans.contains("127.0.0.1/32"), "{bans}");
    assert!(!called.directory.path("regtest/.cookie").exists());
    other.stop().assert_clean();
}

const NULL: &str = "{\"result\":null,\"error\":null}\n";

#[test]
fn cookie_is_new_with_each_start_and_goes_at_the_end() {
    let called = Called::start("cookie", &["-listen=0"]);
    let path = called.directory.path("regtest/.cookie");
    let cookie = called.cookie();
    let secret = cookie.strip_prefix("__cookie__:").unwrap();
    assert!(secret.len() == 64 && secret.bytes().all(|byte| byte.is_ascii_hexdigit()), "{cookie}");
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    called.node.stop().assert_clean();
    assert!(!path.exists());

    let called = Called::start("cookie", &["-listen=0", "-rpccookieperms=group"]);
    assert_ne!(called.cookie(), cookie);
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o640);
    let (head, content) = called.post(&cookie, "ping", "[]");
    assert!(head.starts_with("HTTP/1.1 401 Unauthorized\r\n"), "{head}");
    assert_eq!(content, "");
    called.node.stop().assert_clean();
}

#[test]
fn users_log_in_by_password() {
    // From the reference's rpc_users.py.
    let auth = "-rpcauth=rt:93648e835a54c573682c2eb19f882535\
                $7681e9c5b74bdd85e78166031d2058e1069b3ed7ed967c93fc63abba06f31144";
    let args = ["-listen=0", "-rpcuser=u", "-rpcpassword=hidden", "-rpcwhitelist=rt:ping", auth];
    let called = Called::start("password", &[&args[..], &["-rpcwhitelistdefault=0"]].concat());
    assert!(!called.directory.path("regtest/.cookie").exists(), "nobody logs in by it");
    let rt = "rt:cA773lm788buwYe4g4WT+05pKyNruVKjQ25x3n0DQcM=";
    for (login, method, status) in [
        ("u:hidden", "getrpcinfo", 200),
        (rt, "ping", 200),
        (rt, "getrpcinfo", 403),
        ("u:wrong", "ping", 401),
        ("__cookie__:", "ping", 401),
    ] {
        let (head, _) = called.post(login, method, "[]");
        assert!(head.starts_with(&format!("HTTP/1.1 {status} ")), "{login}: {head}");
    }
    let exit = called.node.stop();
    exit.assert_clean();
    assert!(exit.stdout.iter().all(|line| !line.contains("hidden")), "{:#?}", exit.stdout);
}

/// A signal ends it as `stop` does: what is under way is answered before, here after 250 ms.
#[test]
fn request_under_way_is_answered_before_the_end() {
    let mut called = Called::start("under-way", &["-listen=0"]);
    let stream = called.send("u:wrong", "ping", "[]");
    called.node.expect("incorrect password attempt");
    called.node.stop().assert_clean();
    let (head, _) = answer(stream);
    assert!(head.starts_with("HTTP/1.1 401 Unauthorized\r\n"), "{head}");
}

#[test]
fn server_that_cannot_listen_keeps_the_node_from_starting() {
    let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = taken.local_addr().unwrap().port();
    // Where there is no IPv6, one of the two is none anyway.
    let other = TcpListener::bind((Ipv6Addr::LOCALHOST, port));
    if other.is_err() && TcpListener::bind((Ipv6Addr::LOCALHOST, 0)).is_ok() {
        eprintln!("skipped: somebody has this port");
        return;
    }
    let directory = Directory::new("no-port");
    let args = ["-server", "-listen=0", "-nodebuglogfile", &directory.option()];
    let port = format!("-rpcport={port}");
    let exit = Node::start(&[&args[..], &[&port]].concat()).wait();
    exit.assert_error("Unable to start HTTP server. See debug log for details.");
    assert!(!directory.path("regtest/.cookie").exists(), "it goes with who made it");
}
