//! What clients are answered.

use std::net::TcpStream;
use std::time::Duration;

use sockman::sockets::Endpoint;
use sockman_rpc::auth::{Access, User};
use sockman_rpc::{DeskNotice, REFUSAL_DELAY};

use super::pair::Pair;

/// `user:pass`, and another password.
const LOGIN: &str = "Authorization: Basic dXNlcjpwYXNz\r\n";
const WRONG: &str = "Authorization: Basic dXNlcjpwYXNzMg==\r\n";

fn access() -> Access {
    let users = vec![User::with_password("user", "pass", [1; 16])];
    Access::new(users, Vec::new())
}

fn pair() -> Pair {
    Pair::new(access(), 16)
}

fn post(fields: &str, content: &str) -> String {
    let length = content.len();
    format!("POST / HTTP/1.1\r\nHost: h\r\n{fields}Content-Length: {length}\r\n\r\n{content}")
}

#[track_caller]
fn check(pair: &mut Pair, content: &str, status: u16, expected: &str) {
    let (code, head, answer) = pair.ask(&post(LOGIN, content));
    assert_eq!((code, answer.as_str()), (status, expected), "{content}");
    let is_json = head.contains("\r\nContent-Type: application/json\r\n");
    assert_eq!(is_json, status != 204, "{head}");
}

#[test]
fn call_is_answered_by_the_desk_or_by_the_node() {
    let mut pair = pair();
    let count = "{\"result\":0,\"error\":null,\"id\":1}\n";
    check(&mut pair, r#"{"method":"getconnectioncount","id":1}"#, 200, count);
    let echo = "{\"jsonrpc\":\"2.0\",\"result\":[7],\"id\":1}\n";
    check(&mut pair, r#"{"jsonrpc":"2.0","method":"echo","params":[7],"id":1}"#, 200, echo);
    check(&mut pair, r#"{"jsonrpc":"2.0","method":"setnetworkactive","params":[false]}"#, 204, "");
    let state = "{\"result\":false,\"error\":null,\"id\":1}\n";
    check(&mut pair, r#"{"method":"setnetworkactive","params":[false],"id":1}"#, 200, state);
    let error = "{\"result\":null,\"error\":{\"code\":-32601,\"message\":\"Method not found\"},\
                 \"id\":1}\n";
    check(&mut pair, r#"{"method":"x","id":1}"#, 404, error);
    assert_eq!(pair.told, []);
}

#[test]
fn batch_is_carried_out_in_order_and_answered_at_once() {
    let mut pair = pair();
    check(&mut pair, "[]", 200, "[]\n");
    let all = r#"[{"method":"setban","params":["1.2.3.4","add"],"id":1},
        {"jsonrpc":"2.0","method":"clearbanned"},
        {"method":"echo","params":["x"],"id":2},
        {"method":"listbanned","id":3}, 4]"#;
    let expected = "[{\"result\":null,\"error\":null,\"id\":1},\
                    {\"result\":[\"x\"],\"error\":null,\"id\":2},\
                    {\"result\":[],\"error\":null,\"id\":3},\
                    {\"result\":null,\"error\":{\"code\":-32600,\
                    \"message\":\"Invalid Request object\"},\"id\":null}]\n";
    check(&mut pair, all, 200, expected);
    check(&mut pair, r#"[{"jsonrpc":"2.0","method":"ping"}]"#, 204, "");
}

#[test]
fn nobody_calls_without_a_password() {
    let mut pair = pair();
    let ping = r#"{"method":"ping"}"#;
    let (code, head, content) = pair.ask(&post("", ping));
    assert_eq!((code, content.as_str()), (401, ""));
    assert!(head.contains("\r\nWWW-Authenticate: Basic realm=\"jsonrpc\"\r\n"), "{head}");
    // A wrong one is refused after a while, and holds up nobody.
    let mut client = pair.connect();
    client.send(&post(WRONG, ping));
    let told = pair.until(|pair| pair.told.pop());
    assert!(matches!(told, DeskNotice::WrongPassword { .. }));
    let millisecond = Duration::from_millis(1);
    pair.pass(REFUSAL_DELAY - millisecond);
    assert_eq!(pair.ask(&post(LOGIN, ping)).0, 200);
    assert_eq!(client.take_answer(), None);
    pair.pass(millisecond);
    assert_eq!(pair.answer(&mut client).0, 401);
    // The connection stays, and the next password may be the right one.
    client.send(&post(LOGIN, ping));
    assert_eq!(pair.answer(&mut client).0, 200);
}

#[test]
fn only_what_may_be_called_is_called() {
    let mut access = access();
    access.add_whitelist("user:ping,echo");
    access.users.push(User::with_password("none", "pass", [2; 16]));
    access.whitelisted_only = true;
    let mut pair = Pair::new(access, 16);
    let none = "Authorization: Basic bm9uZTpwYXNz\r\n";
    for (fields, content, code) in [
        (LOGIN, r#"{"method":"ping"}"#, 200),
        (LOGIN, r#"[{"method":"ping"},{"method":"echo"}]"#, 200),
        (LOGIN, r#"{"method":"stop"}"#, 403),
        (LOGIN, r#"[{"method":"ping"},{"method":"stop"}]"#, 403),
        (LOGIN, "", 500),
        (none, r#"{"method":"ping"}"#, 403),
    ] {
        let (status, _, answer) = pair.ask(&post(fields, content));
        assert_eq!(status, code, "{content}");
        assert_eq!(answer.is_empty(), code == 403, "{answer}");
    }
    assert_eq!(pair.told.len(), 3);
}

#[test]
fn other_requests_are_none_of_the_desks() {
    let mut pair = pair();
    let get = |line: &str| format!("{line} HTTP/1.1\r\nHost: h\r\n{LOGIN}\r\n");
    let (code, head, text) = pair.ask(&get("GET /"));
    assert_eq!((code, text.as_str()), (405, "JSONRPC server handles only POST requests"));
    assert!(head.contains("\r\nAllow: POST\r\n"), "{head}");
    assert_eq!(pair.ask(&get("DELETE /")).0, 405);
    assert_eq!(pair.ask(&get("POST /wallet/")).0, 404);
}

#[test]
fn only_so_many_requests_wait_for_the_node() {
    let mut pair = Pair::new(access(), 2);
    pair.holds = true;
    let ping = post(LOGIN, r#"{"method":"ping"}"#);
    let mut clients = [pair.connect(), pair.connect()];
    for client in &mut clients {
        client.send(&ping);
    }
    pair.until(|pair| (pair.server.tenant().desk().pending_count() == 2).then_some(()));
    let (code, _, text) = pair.ask(&ping);
    assert_eq!((code, text.as_str()), (503, "Work queue depth exceeded"));
    pair.release();
    for client in &mut clients {
        assert_eq!(pair.answer(client).0, 200);
    }
    assert_eq!(pair.ask(&ping).0, 200);
}

#[test]
fn answer_for_who_has_left_is_nobodys() {
    let mut pair = pair();
    pair.holds = true;
    let mut client = pair.connect();
    client.send(&post(LOGIN, r#"{"method":"clearbanned"}"#));
    pair.until(|pair| (pair.server.tenant().desk().pending_count() == 1).then_some(()));
    // A reset: what was asked for is not waited for any more.
    client.send("x");
    drop(client);
    pair.pass(Duration::from_secs(60));
    pair.release();
    pair.until(|pair| (pair.server.tenant().desk().pending_count() == 0).then_some(()));
    assert_eq!(pair.ask(&post(LOGIN, r#"{"method":"ping"}"#)).0, 200);
}

#[test]
fn peers_are_shown_and_ended() {
    let mut pair = pair();
    let peer = TcpStream::connect(pair.node_at).unwrap();
    let at = peer.local_addr().unwrap();
    pair.until(|pair| (pair.node.sockman().conns().count() == 1).then_some(()));
    let (_, _, info) = pair.ask(&post(LOGIN, r#"{"method":"getpeerinfo"}"#));
    let start = format!(
        "{{\"result\":[{{\"id\":0,\"addr\":\"{at}\",\"network\":\"not_publicly_routable\",\
         \"services\":\"0000000000000000\",\"servicesnames\":[],\"relaytxes\":false,"
    );
    assert!(info.starts_with(&start), "{info}");
    let end = "\"permissions\":[],\"bytessent_per_msg\":{},\"bytesrecv_per_msg\":{},\
               \"connection_type\":\"inbound\",\"transport_protocol_type\":\"detecting\",\
               \"session_id\":\"\"}],\"error\":null}\n";
    assert!(info.ends_with(end), "{info}");
    let end = post(LOGIN, &format!(r#"{{"method":"disconnectnode","params":["{at}"]}}"#));
    assert_eq!(pair.ask(&end).0, 200);
    let count = post(LOGIN, r#"{"method":"getconnectioncount"}"#);
    assert_eq!(pair.ask(&count).2, "{\"result\":0,\"error\":null}\n");
}

#[test]
fn attempt_is_answered_when_it_has_come_to_something() {
    let mut pair = pair();
    let null = "{\"result\":null,\"error\":null}\n";
    let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let at = listener.local_addr().unwrap();
    let onetry = format!(r#"{{"method":"addnode","params":["{at}","onetry"]}}"#);
    check(&mut pair, &onetry, 200, null);
    let peers = pair.node.sockman().conns().iter();
    let endpoints: Vec<_> = peers.map(|(_, peer)| peer.endpoint().clone()).collect();
    assert_eq!(endpoints, [Endpoint::Ip(at)]);
    // Twice is once, and nobody is there any more the next time: both are answered.
    check(&mut pair, &onetry, 200, null);
    drop(listener);
    check(&mut pair, &onetry, 200, null);
}

#[test]
fn stop_is_answered_and_told() {
    let mut pair = pair();
    check(
        &mut pair,
        r#"{"method":"stop"}"#,
        200,
        "{\"result\":\"Sockman stopping\",\"error\":null}\n",
    );
    assert_eq!(pair.told, [DeskNotice::StopAsked]);
}
