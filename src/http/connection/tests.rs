//! One connection without a socket: bytes in, requests out, answers in, bytes out.

use super::*;
use crate::http::{Config, Method, Status};
use crate::rng::{Draws, Purpose, Seed};
use crate::slab::Key as _;
use crate::sockman::Slices;

const NOW: Instant = Instant::START;

/// What every answer has behind its first line here.
const DATE: &str = "Date: Thu, 01 Jan 1970 00:00:00 GMT$";

/// A connection, and the client's end of it.
struct Pair {
    connection: Connection,
    requests_max: usize,
    /// What the client has received.
    received: Vec<u8>,
}

impl Pair {
    fn new(requests_max: usize) -> Self {
        let config = Config { requests_max, ..Config::DEFAULT };
        let endpoint = Endpoint::Unix("".into());
        let connection = Connection::new(NOW, endpoint, &config);
        Self { connection, requests_max, received: Vec::new() }
    }

    fn send(&mut self, bytes: &[u8]) {
        self.connection.receive(NOW, bytes, self.requests_max);
        self.connection.pump(Now::default());
    }

    /// The next request that the application gets: its number and its target.
    fn take(&mut self) -> Option<(u64, String)> {
        let (id, request) = self.connection.take_ready(ConnId::new(0, 0))?;
        Some((id.number, request.target().to_owned()))
    }

    /// Answers with a text.
    fn answer(&mut self, number: u64, text: &str) {
        let response = Response::new(Status::OK).with_body(text.to_owned());
        assert!(self.connection.answer(number, response), "somebody waits for it");
        self.connection.pump(Now::default());
    }

    /// The kernel takes at most so many bytes at once, until nothing waits.
    fn drain(&mut self, bytes_max: usize) {
        while !self.connection.outbox.is_empty() {
            let mut slices = Slices::new();
            let _ = self.connection.outbox.gather(&mut slices);
            let offered: Vec<u8> =
                slices.as_slice().iter().flat_map(|slice| slice.to_vec()).collect();
            let count = offered.len().min(bytes_max);
            self.received.extend_from_slice(&offered[..count]);
            self.connection.note_sent(NOW, count, self.requests_max);
            self.connection.pump(Now::default());
        }
    }

    /// What the client has received since it was asked last, with `$` for CR LF, and without dates.
    fn received(&mut self) -> String {
        self.drain(usize::MAX);
        let bytes = std::mem::take(&mut self.received);
        let text = String::from_utf8(bytes).expect("answers are text here").replace("\r\n", "$");
        text.replace(DATE, "")
    }
}

fn get(target: &str) -> String {
    format!("GET {target} HTTP/1.1\r\nHost: h\r\n\r\n")
}

#[test]
fn second_request_waits_for_the_first_answer() {
    let mut pair = Pair::new(1);
    pair.send((get("/a") + &get("/b")).as_bytes());
    assert_eq!(pair.take(), Some((0, "/a".to_owned())));
    assert_eq!(pair.take(), None);
    assert!(!pair.connection.wants_bytes(), "what has come lies here");
    pair.answer(0, "A");
    assert_eq!(pair.take(), None, "the answer is not out");
    assert_eq!(pair.received(), "HTTP/1.1 200 OK$Content-Length: 1$$A");
    assert!(pair.connection.wants_bytes());
    assert_eq!(pair.take(), Some((1, "/b".to_owned())));
}

#[test]
fn answers_leave_in_the_order_of_the_requests() {
    let mut pair = Pair::new(3);
    pair.send((get("/a") + &get("/b") + &get("/c") + &get("/d")).as_bytes());
    for (number, target) in [(0, "/a"), (1, "/b"), (2, "/c")] {
        assert_eq!(pair.take(), Some((number, target.to_owned())));
    }
    assert_eq!(pair.take(), None);
    pair.answer(2, "C");
    pair.answer(1, "B");
    assert_eq!(pair.received(), "");
    pair.answer(0, "A");
    let answer = |text: &str| format!("HTTP/1.1 200 OK$Content-Length: 1$${text}");
    assert_eq!(pair.received(), answer("A") + &answer("B") + &answer("C"));
    assert_eq!(pair.take(), Some((3, "/d".to_owned())));
}

#[test]
fn second_answer_to_a_request_is_nobodys() {
    let mut pair = Pair::new(1);
    pair.send(get("/a").as_bytes());
    let answer = || Response::new(Status::OK);
    assert!(!pair.connection.answer(0, answer()), "the application does not have it yet");
    pair.take();
    assert!(pair.connection.answer(0, answer()));
    assert!(!pair.connection.answer(0, answer()));
    assert!(!pair.connection.answer(1, answer()));
}

#[test]
fn body_is_asked_for_once_and_in_its_turn() {
    let post = "POST / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n";
    let mut pair = Pair::new(1);
    pair.send(post.as_bytes());
    assert_eq!(pair.received(), "HTTP/1.1 100 Continue$$");
    pair.send(b"x");
    assert_eq!(pair.received(), "");
    pair.send(b"y");
    assert_eq!(pair.take(), Some((0, "/".to_owned())));

    // Whoever sends the body with the head does not wait.
    let mut pair = Pair::new(1);
    pair.send(&[post.as_bytes(), b"x"].concat());
    assert_eq!(pair.received(), "");

    // Behind the answer to the request before.
    let mut pair = Pair::new(2);
    pair.send((get("/a") + post).as_bytes());
    assert_eq!(pair.received(), "");
    pair.take();
    pair.answer(0, "A");
    assert_eq!(pair.received(), "HTTP/1.1 200 OK$Content-Length: 1$$AHTTP/1.1 100 Continue$$");

    // And not any more once the body comes.
    let mut pair = Pair::new(2);
    pair.send((get("/a") + post).as_bytes());
    pair.send(b"x");
    pair.take();
    pair.answer(0, "A");
    assert_eq!(pair.received(), "HTTP/1.1 200 OK$Content-Length: 1$$A");
}

#[test]
fn last_answer_says_so() {
    let close = "Connection: close$";
    let last = |pair: &mut Pair| {
        let came = pair.received();
        assert!(pair.connection.is_done(), "nothing follows: {came}");
        came
    };
    // The client wishes so; what it sends behind is nobody's.
    let mut pair = Pair::new(4);
    let ask = "GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n";
    pair.send((ask.to_owned() + &get("/b")).as_bytes());
    pair.take();
    assert_eq!(pair.take(), None);
    pair.answer(0, "A");
    assert_eq!(last(&mut pair), format!("HTTP/1.1 200 OK$Content-Length: 1${close}$A"));

    // It is no request, and the one before is answered first.
    let mut pair = Pair::new(4);
    pair.send((get("/a") + "nonsense\r\n").as_bytes());
    pair.take();
    assert_eq!(pair.received(), "");
    pair.answer(0, "A");
    let came = last(&mut pair);
    let rest = came.strip_prefix("HTTP/1.1 200 OK$Content-Length: 1$$A").expect("it is first");
    assert!(rest.starts_with("HTTP/1.1 400 Bad Request$"), "{rest}");
    assert!(rest.contains(close), "{rest}");

    // The client sends no more: all of it is answered, and only the last answer says so.
    let mut pair = Pair::new(1);
    pair.send((get("/a") + &get("/b")).as_bytes());
    pair.connection.end_input();
    pair.take();
    pair.answer(0, "A");
    assert_eq!(pair.received(), "HTTP/1.1 200 OK$Content-Length: 1$$A");
    pair.take();
    pair.answer(1, "B");
    assert_eq!(last(&mut pair), format!("HTTP/1.1 200 OK$Content-Length: 1${close}$B"));

    // What it has not finished is not answered, whether it was looked at or not.
    for (requests_max, fragment) in [(1, "GET /c"), (2, "GET /c"), (1, "\r\n"), (1, "PUT / H")] {
        let mut pair = Pair::new(requests_max);
        pair.send((get("/a") + fragment).as_bytes());
        pair.connection.end_input();
        pair.take();
        pair.answer(0, "A");
        assert_eq!(last(&mut pair), format!("HTTP/1.1 200 OK$Content-Length: 1${close}$A"));
    }

    // Of several that are whole, the last says so, and a refusal is the last itself.
    let mut pair = Pair::new(1);
    pair.send((get("/a") + &get("/b") + "GET /c").as_bytes());
    pair.connection.end_input();
    for (number, close) in [(0, ""), (1, close)] {
        pair.take();
        pair.answer(number, "A");
        let expected = format!("HTTP/1.1 200 OK$Content-Length: 1${close}$A");
        assert_eq!(pair.received(), expected);
    }
    assert!(pair.connection.is_done());
    let mut pair = Pair::new(1);
    pair.send((get("/a") + "nonsense\r\n").as_bytes());
    pair.connection.end_input();
    pair.take();
    pair.answer(0, "A");
    let came = last(&mut pair);
    let rest = came.strip_prefix("HTTP/1.1 200 OK$Content-Length: 1$$A").expect("it is not last");
    assert!(rest.starts_with("HTTP/1.1 400 Bad Request$") && rest.contains(close), "{rest}");

    // The application wishes so, and what is behind is not answered.
    let mut pair = Pair::new(3);
    pair.send((get("/a") + &get("/b") + &get("/c")).as_bytes());
    pair.take();
    pair.take();
    assert!(pair.connection.answer(0, Response::new(Status::OK).and_close()));
    pair.connection.pump(Now::default());
    assert_eq!(pair.take(), None);
    assert_eq!(last(&mut pair), format!("HTTP/1.1 200 OK$Content-Length: 0${close}$"));
}

fn draws(number: u64) -> Draws {
    Seed::from_number(number).draws(Purpose::PingNonce, 0)
}

/// Requests in pieces, answers in any order, a kernel that takes a little at a time.
#[test]
fn each_request_has_one_answer_in_its_order() {
    for number in 0..2_000 {
        let mut draws = draws(number);
        let count = 1 + draws.below(6);
        let mut pair = Pair::new(1 + draws.index(4));
        let wire: String = (0..count).map(|n| get(&format!("/{n}"))).collect();
        let mut wire = wire.as_bytes();
        let mut open = Vec::new();
        let mut taken = 0;
        let config = Config { requests_max: pair.requests_max, ..Config::DEFAULT };
        let mut idle = 0;
        while idle < 200 {
            idle += 1;
            match draws.below(4) {
                0 if pair.connection.wants_bytes() && !wire.is_empty() => {
                    let (piece, rest) = wire.split_at((1 + draws.index(90)).min(wire.len()));
                    wire = rest;
                    pair.send(piece);
                }
                1 => match pair.take() {
                    Some((number, target)) => {
                        assert_eq!(target, format!("/{number}"));
                        assert_eq!(number, taken);
                        taken += 1;
                        open.push(number);
                    }
                    None => continue,
                },
                2 if !open.is_empty() => {
                    let number = open.swap_remove(draws.index(open.len()));
                    pair.answer(number, &format!("({number})"));
                }
                3 if !pair.connection.outbox.is_empty() => pair.drain(1 + draws.index(30)),
                _ => continue,
            }
            idle = 0;
            pair.connection.has_turn = pair.connection.has_ready();
            pair.connection.reading = pair.connection.wants_bytes();
            pair.connection.check_invariants(&config);
        }
        let expected: String =
            (0..count).map(|n| format!("HTTP/1.1 200 OK$Content-Length: 3$$({n})")).collect();
        assert_eq!(pair.received(), expected, "{number}");
        assert_eq!(pair.connection.traffic.responses, count);
        assert!(pair.connection.is_idle());
    }
}

#[test]
fn head_gets_no_content() {
    let mut pair = Pair::new(1);
    pair.send(b"HEAD / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
    let (id, request) = pair.connection.take_ready(ConnId::new(0, 0)).expect("it is whole");
    assert_eq!(request.method(), Method::Head);
    pair.answer(id.number, "A");
    let expected = "HTTP/1.1 200 OK$Content-Length: 1$Connection: keep-alive$$";
    assert_eq!(pair.received(), expected);
}
