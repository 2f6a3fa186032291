//! Any bytes, cut anyhow: never a panic, and the outcome does not depend on the cuts.

use super::{LIMITS, outcome};
use crate::http::Request;
use crate::http::parse::{Parsed, Parser};
use crate::http::request::Field;
use crate::rng::{Draws, Purpose, Seed};

/// Request lines, then fields, then what else there is, and what smuggles.
const TOKENS: [&[u8]; 38] = [
    b"GET / HTTP/1.1\r\nHost: h\r\n",
    b"POST /a HTTP/1.1\r\nHost: h\r\n",
    b"POST /b HTTP/1.0\r\n",
    b"Content-Length: 3\r\n",
    b"Content-Length: 3, 4\r\n",
    b"Content-Length : 3\r\n",
    b"Transfer-Encoding: chunked\r\n",
    b"Transfer-Encoding: gzip\r\n",
    b"Expect: 100-continue\r\n",
    b"Connection: close\r\n",
    b"Connection: keep-alive\r\n",
    b"A: b\r\n",
    b"A:\r\n",
    b" folded\r\n",
    b"\r\n",
    b"\r\n\r\n",
    b"0\r\n\r\n",
    b"3\r\nabc\r\n",
    b"3;x=y\r\nabc\r\n",
    b"1f\r\n",
    b"FFFFFFFFFFFFFFFF\r\n",
    b"\r",
    b"\n",
    b"\0",
    b" ",
    b"\t",
    b":",
    b",",
    b";",
    b"GET",
    b"/",
    b"HTTP/1.1",
    b"HTTP/2.0",
    b"abc",
    b"0",
    b"\xff",
    b"\xc3\xa4",
    b"x",
];

fn draws(number: u64) -> Draws {
    Seed::from_number(number).draws(Purpose::PingNonce, 0)
}

/// Mostly a request with what might be its body, now and then with a byte amiss; or tokens in any
/// order.
fn drawn_bytes(draws: &mut Draws) -> Vec<u8> {
    let mut bytes = Vec::new();
    for _ in 0..1 + draws.below(3) {
        if draws.below(4) > 0 {
            bytes.extend_from_slice(TOKENS[draws.index(3)]);
            for _ in 0..draws.below(3) {
                bytes.extend_from_slice(TOKENS[3 + draws.index(10)]);
            }
            bytes.extend_from_slice(b"\r\n");
        }
        for _ in 0..draws.below(6) {
            bytes.extend_from_slice(TOKENS[draws.index(TOKENS.len())]);
        }
    }
    if !bytes.is_empty() && draws.below(3) == 0 {
        let at = draws.index(bytes.len());
        bytes[at] = u8::try_from(draws.below(256)).expect("a byte");
    }
    bytes
}

/// Pieces, some of them empty.
fn drawn_pieces<'a>(draws: &mut Draws, mut bytes: &'a [u8]) -> Vec<&'a [u8]> {
    let mut pieces = Vec::new();
    while !bytes.is_empty() {
        let most = [1, 4, 40][draws.index(3)];
        let (piece, rest) = bytes.split_at(draws.index(most + 1).min(bytes.len()));
        pieces.push(piece);
        bytes = rest;
    }
    pieces
}

#[test]
fn outcome_does_not_depend_on_cuts() {
    let (mut requests, mut refused) = (0, 0);
    for number in 0..20_000 {
        let mut draws = draws(number);
        let bytes = drawn_bytes(&mut draws);
        let expected = outcome([&bytes[..]]);
        requests += expected.iter().filter(|line| line.contains('[')).count();
        refused += expected.iter().filter(|line| line.contains(" at ")).count();
        for _ in 0..4 {
            let pieces = drawn_pieces(&mut draws, &bytes);
            let lengths: Vec<_> = pieces.iter().map(|piece| piece.len()).collect();
            let text = bytes.escape_ascii();
            assert_eq!(outcome(pieces), expected, "{number}: {text} as {lengths:?}");
        }
    }
    assert!(requests > 5_000 && refused > 5_000, "{requests} requests, {refused} refused");
}

#[test]
fn memory_of_a_request_is_limited() {
    let most = 2 * (2 * LIMITS.head_bytes_max + LIMITS.body_bytes_max)
        + LIMITS.fields_max * size_of::<Field>();
    for number in 0..5_000 {
        let mut draws = draws(number);
        let mut parser = Parser::new(LIMITS);
        let bytes = drawn_bytes(&mut draws);
        'pieces: for mut piece in drawn_pieces(&mut draws, &bytes) {
            loop {
                let parsed = parser.receive(&mut piece);
                assert!(parser.byte_count() <= most, "{number}: {}", parser.byte_count());
                match parsed {
                    Ok(None) => break,
                    Ok(Some(_)) => {}
                    Err(_) => break 'pieces,
                }
            }
        }
    }
}

fn first_request(mut bytes: &[u8]) -> Option<Request> {
    let mut parser = Parser::new(LIMITS);
    loop {
        match parser.receive(&mut bytes) {
            Ok(Some(Parsed::ContinueDue)) => {}
            Ok(Some(Parsed::Request(request))) => return Some(request),
            Ok(None) | Err(_) => return None,
        }
    }
}

/// A head that we take means to `httparse` alone what it means to us.
#[test]
fn accepted_heads_are_read_alike_by_others() {
    let mut compared = 0;
    for number in 0..20_000 {
        let bytes = drawn_bytes(&mut draws(number));
        let Some(request) = first_request(&bytes) else { continue };
        let mut fields = [httparse::EMPTY_HEADER; 16];
        let mut other = httparse::Request::new(&mut fields);
        match other.parse(&bytes) {
            // A minor version ahead is another matter there.
            Err(httparse::Error::Version) => continue,
            parsed => assert!(parsed.is_ok_and(|status| status.is_complete()), "{number}"),
        }
        assert_eq!(other.method, Some(request.method().name()));
        assert_eq!(other.path, Some(request.target()));
        let others: Vec<_> = other.headers.iter().map(|field| (field.name, field.value)).collect();
        assert_eq!(request.fields().collect::<Vec<_>>(), others);
        compared += 1;
    }
    assert!(compared > 2_000, "{compared} heads");
}
