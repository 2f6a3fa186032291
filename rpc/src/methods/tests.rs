//! What calls answer, a row each: by a node that nobody is connected with.

use sockman::chain::Params;
use sockman::connman::blocks::Chain;
use sockman::connman::{Config, ConnMan};
use sockman::driver::{Machine, Task};
use sockman::rng::Seed;
use sockman::sockets::OsSockets;
use sockman::sockman::SockMan;
use sockman::time::{Instant, UnixTime};
use sockman::transport::Network;

use super::*;
use crate::desk::About;
use crate::node::{self, Node, Ticket};

/// The wall clock of these tests, in seconds.
const WALL: u64 = 1_700_000_000;

fn now() -> Now {
    Now { steady: Instant::from_nanos(5_000_000), wall: UnixTime::from_secs(WALL) }
}

/// A node without peers.
struct Bench {
    machine: Machine<OsSockets, Node>,
    tickets: u64,
}

impl Bench {
    fn new() -> Self {
        Self::of(ConnMan::new(Config::new(Network::Regtest), Seed::from_number(1)))
    }

    fn of(connman: ConnMan) -> Self {
        let sockets = OsSockets::new().expect("the system has sockets");
        let sockman = SockMan::new(sockets, sockman::sockman::Config::default());
        Self { machine: Machine::new(sockman, Node::new(connman, 10_203)), tickets: 0 }
    }

    /// The same with a chain of the first block.
    fn with_chain() -> Self {
        let params = Params::of(Network::Regtest);
        let connman = ConnMan::new(Config::new(Network::Regtest), Seed::from_number(1));
        Self::of(connman.with_chain(Chain::new(params, 1_000)))
    }

    fn call(&mut self, method: &str, params: &str) -> Result<String, RpcError> {
        let params = Json::parse(params.as_bytes()).expect("parameters are JSON");
        let call = Call::prepare(RawCall { method: method.to_owned(), params })?;
        let about = About {
            client_name: "Sockman".to_owned(),
            log_path: "/debug.log".to_owned(),
            started: UnixTime::from_secs(WALL - 60),
        };
        let active = || vec![(call.method().name, Instant::START)];
        let mut desktop = Desktop { now: now(), about: &about, active: &active, stops: false };
        let outcome = match call.run_at_desk(&mut desktop) {
            Some(outcome) => outcome,
            None => self.ask(call),
        };
        outcome.map(|result| result.to_string())
    }

    /// What the node answers, before it does anything else.
    fn ask(&mut self, call: Call) -> Outcome {
        let ticket = Ticket(self.tickets);
        self.tickets += 1;
        let command = node::Command::Call { ticket, call };
        self.machine.push_command(command).expect("there is room");
        self.machine.step(now(), Task::Commands);
        let mut notices = Vec::new();
        loop {
            self.machine.take_notices(&mut notices);
            let answer = notices.drain(..).find_map(|notice| match notice {
                node::Notice::Answered { ticket: of, outcome } if of == ticket => Some(outcome),
                node::Notice::Answered { .. } | node::Notice::ConnMan(_) => None,
            });
            if let Some(outcome) = answer {
                return outcome;
            }
            assert!(self.machine.pending_count(Task::Commands) > 0, "every call is answered");
            self.machine.step(now(), Task::Commands);
        }
    }

    /// What a call answers, or fails with.
    #[track_caller]
    fn check(&mut self, method: &str, params: &str, expected: &str) {
        let shown = match self.call(method, params) {
            Ok(result) => result,
            Err(error) => {
                let first = error.message.lines().next().unwrap_or_default();
                format!("{}: {first}", error.code as i32)
            }
        };
        assert_eq!(shown, expected, "{method} {params}");
    }
}

#[test]
fn calls_that_are_none_have_errors_of_the_reference() {
    let mut bench = Bench::new();
    bench.check("nonsense", "[]", "-32601: Method not found");
    bench.check("ping", "[1]", "-1: ping");
    bench.check(
        "setban",
        "[\"1.2.3.4\"]",
        "-1: setban \"subnet\" \"command\" ( bantime absolute )",
    );
    bench.check("disconnectnode", "[1,2,3]", "-1: disconnectnode ( \"address\" nodeid )");
    bench.check("addnode", "[1,\"add\"]", "-3: Wrong type passed:");
    bench.check("ping", "{\"x\":1}", "-8: Unknown named parameter x");
    let error = bench.call("addnode", "[1,null,\"x\"]").unwrap_err();
    assert_eq!(
        error.message,
        "Wrong type passed:\n{\n    \"Position 1 (node)\": \"JSON value of type number is not of \
         expected type string\",\n    \"Position 2 (command)\": \"JSON value of type null is not \
         of expected type string\",\n    \"Position 3 (v2transport)\": \"JSON value of type string \
         is not of expected type bool\"\n}"
    );
}

#[test]
fn program_is_told_about_and_stopped() {
    let mut bench = Bench::new();
    bench.check("uptime", "[]", "60");
    bench.check("stop", "[]", "\"Sockman stopping\"");
    bench.check("stop", "[10]", "\"Sockman stopping\"");
    bench.check("stop", "[1.5]", "-1: JSON integer out of range");
    let active = r#"{"active_commands":[{"method":"getrpcinfo","duration":5000}],"#;
    bench.check("getrpcinfo", "[]", &format!(r#"{active}"logpath":"/debug.log"}}"#));
    bench.check("echo", "[1,\"x\",null]", "[1,\"x\",null]");
    bench.check("echo", "{\"arg2\":{}}", "[null,null,{}]");
}

#[test]
fn bans_are_made_listed_and_lifted() {
    let mut bench = Bench::new();
    let past = WALL - 1;
    for (params, expected) in [
        (r#"["1.2.3.4","add",100]"#.to_owned(), "null"),
        (r#"["1.2.3.4","add"]"#.to_owned(), "-23: Error: IP/Subnet already banned"),
        (r#"["1.2.3.4/32","add"]"#.to_owned(), "-23: Error: IP/Subnet already banned"),
        (r#"["1.2.3.0/24","add"]"#.to_owned(), "null"),
        (r#"["1.2.3.5","add"]"#.to_owned(), "-23: Error: IP/Subnet already banned"),
        (r#"["2a00::/16","add",1700000100,true]"#.to_owned(), "null"),
        (
            format!(r#"["9.9.9.9","add",{past},true]"#),
            "-8: Error: Absolute timestamp is in the past",
        ),
        (r#"["9.9.9.9/40","add"]"#.to_owned(), "-30: Error: Invalid IP/Subnet"),
        (r#"["nobody","remove"]"#.to_owned(), "-30: Error: Invalid IP/Subnet"),
        (
            r#"["9.9.9.9","remove"]"#.to_owned(),
            "-30: Error: Unban failed. Requested address/subnet was not previously manually \
             banned.",
        ),
        (
            r#"["9.9.9.9","list"]"#.to_owned(),
            "-1: setban \"subnet\" \"command\" ( bantime absolute )",
        ),
    ] {
        bench.check("setban", &params, expected);
    }
    let ban = |address: &str, duration: u64| {
        format!(
            "{{\"address\":\"{address}\",\"ban_created\":{WALL},\"banned_until\":{},\
             \"ban_duration\":{duration},\"time_remaining\":{duration}}}",
            WALL + duration
        )
    };
    let three = [ban("1.2.3.0/24", 86_400), ban("1.2.3.4/32", 100), ban("2a00::/16", 100)];
    bench.check("listbanned", "[]", &format!("[{}]", three.join(",")));
    bench.check("setban", r#"["1.2.3.0/24","remove"]"#, "null");
    bench.check("listbanned", "[]", &format!("[{},{}]", three[1], three[2]));
    bench.check("clearbanned", "[]", "null");
    bench.check("listbanned", "[]", "[]");
}

#[test]
fn peers_that_are_not_there_are_told_of() {
    let mut bench = Bench::new();
    bench.check("getpeerinfo", "[]", "[]");
    bench.check("getconnectioncount", "[]", "0");
    bench.check("ping", "[]", "null");
    let gone = "-29: Node not found in connected nodes";
    bench.check("disconnectnode", r#"["1.2.3.4:5"]"#, gone);
    bench.check("disconnectnode", r#"["",7]"#, gone);
    bench.check("disconnectnode", r#"{"nodeid":7}"#, gone);
    let both = "-32602: Only one of address and nodeid should be provided.";
    bench.check("disconnectnode", r#"["1.2.3.4:5",7]"#, both);
    bench.check("disconnectnode", "[]", both);
}

#[test]
fn attempt_that_is_none_is_refused() {
    let mut bench = Bench::new();
    bench.check("addnode", r#"["x","try"]"#, "-1: addnode \"node\" \"command\" ( v2transport )");
    let name = "-8: Error: node is no address in numbers; names are not looked up yet";
    bench.check("addnode", r#"["localhost","onetry"]"#, name);
    let v1 = "-8: Error: v2transport=false is not supported yet (see -v2transport)";
    bench.check("addnode", r#"["127.0.0.1","onetry",false]"#, v1);
    // Without a network it is over before it began.
    bench.check("setnetworkactive", "[false]", "false");
    bench.check("addnode", r#"["127.0.0.1:9","onetry"]"#, "null");
}

#[test]
fn nodes_are_added_once_and_removed_once() {
    let mut bench = Bench::new();
    let absent = "-24: Error: Node could not be removed. It has not been added previously.";
    bench.check("addnode", r#"["127.0.0.1:9","remove"]"#, absent);
    bench.check("addnode", r#"["127.0.0.1:9","add"]"#, "null");
    bench.check("addnode", r#"["127.0.0.1:9","add"]"#, "-23: Error: Node already added");
    bench.check("addnode", r#"["127.0.0.1:9","remove"]"#, "null");
    bench.check("addnode", r#"["127.0.0.1:9","remove"]"#, absent);
    bench.check("addnode", r#"["127.0.0.1:9","add"]"#, "null");
}

#[test]
fn network_is_told_about_and_switched() {
    let mut bench = Bench::new();
    let info = bench.call("getnetworkinfo", "[]").unwrap();
    for part in [
        r#"{"version":10203,"subversion":"/sockman:"#,
        r#""protocolversion":70016,"localservices":"0000000000000c08","#,
        r#""localservicesnames":["WITNESS","NETWORK_LIMITED","P2P_V2"]"#,
        r#""networkactive":true,"connections":0,"connections_in":0,"connections_out":0,"#,
        r#"{"name":"onion","limited":true,"reachable":false,"proxy":"","#,
    ] {
        assert!(info.contains(part), "{part} in {info}");
    }
    bench.check("setnetworkactive", "[false]", "false");
    assert!(bench.call("getnetworkinfo", "[]").unwrap().contains(r#""networkactive":false"#));
    bench.check("setnetworkactive", "[true]", "true");
    bench.check("setnetworkactive", "[]", "-1: setnetworkactive state");
    let totals = bench.call("getnettotals", "[]").unwrap();
    let start =
        r#"{"totalbytesrecv":0,"totalbytessent":0,"timemillis":1700000000000,"uploadtarget":{"#;
    assert!(totals.starts_with(start), "{totals}");
}

#[test]
fn addresses_are_counted_and_asked_for_in_order() {
    let mut bench = Bench::new();
    let info = bench.call("getaddrmaninfo", "[]").unwrap();
    assert!(info.starts_with(r#"{"ipv4":{"new":0,"tried":0,"total":0},"ipv6":"#), "{info}");
    assert!(info.ends_with(r#""all_networks":{"new":0,"tried":0,"total":0}}"#), "{info}");
    bench.check("getnodeaddresses", "[]", "[]");
    bench.check("getnodeaddresses", "[0,\"IPv4\"]", "[]");
    bench.check("addpeeraddress", "[\"name\",1]", "-30: Invalid IP address");
    bench.check("addpeeraddress", "[\"20.0.0.1\",8333]", "{\"success\":true}");
    let again = "{\"success\":false,\"error\":\"failed-adding-to-new\"}";
    bench.check("addpeeraddress", "[\"20.0.0.1\",8333]", again);
    bench.check("addpeeraddress", "[\"127.0.0.1\",8333]", again);
    let known = bench.call("getnodeaddresses", "[0]").unwrap();
    assert!(known.contains("\"services\":9,\"address\":\"20.0.0.1\",\"port\":8333,"), "{known}");
    bench.check("getnodeaddresses", "[-1]", "-8: Address count out of range");
    bench.check("getnodeaddresses", "[1,\"ip\"]", "-8: Network not recognized: ip");
}

/// The first block of regtest, by its name.
const GENESIS: &str = "0f9188f13cb7b2c71f2a335e3a4fc328bf5beb436012afca590b1a11466e2206";

/// Core: rpc/blockchain.cpp; test/functional/rpc_blockchain.py has the names and their order.
#[test]
fn chain_is_told_about() {
    let mut bench = Bench::with_chain();
    bench.check("getblockcount", "[]", "0");
    bench.check("getbestblockhash", "[]", &format!("\"{GENESIS}\""));
    bench.check("getblockhash", "[0]", &format!("\"{GENESIS}\""));
    bench.check("getblockhash", "[1]", "-8: Block height out of range");
    bench.check("getblockhash", "[-1]", "-8: Block height out of range");
    bench.check("getdifficulty", "[]", "4.656542373906925e-10");
    let target = format!("7fffff{}", "0".repeat(58));
    let info = format!(
        "{{\"chain\":\"regtest\",\"blocks\":0,\"headers\":0,\"bestblockhash\":\"{GENESIS}\",\
         \"bits\":\"207fffff\",\"target\":\"{target}\",\"difficulty\":4.656542373906925e-10,\
         \"time\":1296688602,\"mediantime\":1296688602,\"verificationprogress\":1.000000,\
         \"initialblockdownload\":true,\"chainwork\":\"{:064x}\",\"size_on_disk\":0,\
         \"pruned\":false,\"warnings\":[]}}",
        2
    );
    bench.check("getblockchaininfo", "[]", &info);
    let header = bench.call("getblockheader", &format!("[\"{GENESIS}\"]")).unwrap();
    let start = format!(
        "{{\"hash\":\"{GENESIS}\",\"confirmations\":1,\"height\":0,\"version\":1,\
         \"versionHex\":\"00000001\",\"merkleroot\":\"4a5e1e4baab89f3a32518a88c31bc87f618f7667\
         3e2cc77ab2127b7afdeda33b\",\"time\":1296688602,\"mediantime\":1296688602,\"nonce\":2,\
         \"bits\":\"207fffff\",\"target\":\"{target}\",\"difficulty\":4.656542373906925e-10,\
         \"chainwork\":\"{:064x}\",\"nTx\":1}}",
        2
    );
    assert_eq!(header, start);
    let block = bench.call("getblock", &format!("[\"{GENESIS}\"]")).unwrap();
    let end = "\"nTx\":1,\"strippedsize\":285,\"size\":285,\"weight\":1140,\"tx\":[\"4a5e1e4baab8\
               9f3a32518a88c31bc87f618f76673e2cc77ab2127b7afdeda33b\"]}";
    assert!(block.ends_with(end), "{block}");
    let none = "0".repeat(64);
    bench.check("getblock", &format!("[\"{none}\"]"), "-5: Block not found");
    bench.check(
        "getblockheader",
        "[\"00\"]",
        "-8: blockhash must be of length 64 (not 2, for '00')",
    );
    Bench::new().check("getblockcount", "[]", "-1: This node has no chain");
}

/// Core: rpc/mining.cpp.
#[test]
fn blocks_are_made_and_handed_in() {
    let mut bench = Bench::with_chain();
    let address = "[2,\"mjTkW3DjgyZck4KbiRusZsqTgaYTxdSz6z\"]";
    let made = bench.call("generatetoaddress", address).unwrap();
    let best = bench.call("getbestblockhash", "[]").unwrap();
    assert!(made.ends_with(&format!(",{best}]")), "{made}");
    bench.check("generatetoaddress", "[1,\"nobody\"]", "-5: Error: Invalid address");
    assert!(bench.call("generatetodescriptor", "[1,\"raw(51)\"]").is_ok());
    let made = bench.call("generateblock", "[\"raw(51)\",[],false]").unwrap();
    bench.check("getblockcount", "[]", "3");
    let block = Json::parse(made.as_bytes()).unwrap().get("hex").unwrap().to_string();
    let (header, changed) = (&block[..161], format!("{}01\"", &block[..block.len() - 3]));
    bench.check("submitheader", &format!("[{header}\"]"), "null");
    bench.check("submitblock", &format!("[{changed}]"), "\"bad-txnmrklroot\"");
    bench.check("submitblock", &format!("[{block}]"), "null");
    bench.check("submitblock", &format!("[{block}]"), "\"duplicate\"");
    bench.check("submitblock", "[\"00\"]", "-22: Block decode failed");
    bench.check("submitheader", "[\"00\"]", "-22: Block header decode failed");
    let orphan = format!("[\"{}\"]", "11".repeat(80));
    let first = format!("-25: Must submit previous header ({}) first", "11".repeat(32));
    bench.check("submitheader", &orphan, &first);
    bench.check("getblockcount", "[]", "4");
    let best = bench.call("getbestblockhash", "[]").unwrap();
    bench.check("getblock", &format!("[{best},0]"), &block);
    let below = bench.call("getblockhash", "[3]").unwrap();
    let header = bench.call("getblockheader", &format!("[{below}]")).unwrap();
    assert!(header.contains("\"confirmations\":2,\"height\":3,"), "{header}");
    assert!(header.ends_with(&format!(",\"nextblockhash\":{best}}}")), "{header}");
    let raw = bench.call("getblockheader", &format!("[{best},false]")).unwrap();
    assert_eq!(raw.len(), 162);
}

#[test]
fn no_transactions_are_kept() {
    let mut bench = Bench::with_chain();
    let info = bench.call("getmempoolinfo", "[]").unwrap();
    let start = r#"{"loaded":true,"size":0,"bytes":0,"usage":0,"total_fee":0.00000000,"#;
    assert!(info.starts_with(start), "{info}");
    bench.check("getrawmempool", "[]", "[]");
    bench.check("getrawmempool", "[true]", "{}");
    bench.check("syncwithvalidationinterfacequeue", "[]", "null");
}

#[test]
fn every_method_has_help() {
    let mut bench = Bench::new();
    let list = Json::parse(bench.call("help", "[]").unwrap().as_bytes()).unwrap();
    let Json::String(list) = list else { panic!("a text") };
    assert!(list.starts_with("== Blockchain ==\ngetbestblockhash\n"), "{list}");
    assert!(list.contains("\n\n== Control ==\ngetrpcinfo\nhelp ( \"command\" )\n"), "{list}");
    assert!(list.contains("\n\n== Network ==\naddnode \"node\" \"command\" ( v2transport )\n"));
    for method in ALL {
        let signature = help::signature(method);
        let is_listed = list.lines().any(|line| line == signature);
        assert_eq!(is_listed, method.category != Category::Hidden, "{signature}");
        let text = bench.call("help", &format!("[\"{}\"]", method.name)).unwrap();
        assert!(text.starts_with(&Json::from(signature.as_str()).to_string()[..signature.len()]));
    }
    bench.check("help", "[\"x\"]", "\"help: unknown command: x\"");
    bench.check("help", "[1]", "-3: Wrong type passed:");
    bench.check("help", "[\"x\",\"y\"]", "-1: help ( \"command\" )");
    let names: Vec<_> = ALL.iter().map(|method| (method.category, method.name)).collect();
    assert!(names.is_sorted(), "by heading and name");
    let conversions = bench.call("help", "[\"dump_all_command_conversions\"]").unwrap();
    assert!(conversions.contains(r#"["setban",2,"bantime",false]"#), "{conversions}");
}
