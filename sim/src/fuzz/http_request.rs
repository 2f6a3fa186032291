//! Any bytes are requests of a connection, in whatever pieces they come.
//!
//! The first byte says into how long pieces the others are cut. What comes of them must be what
//! comes of them in one piece, and no more is held in memory than the limits allow.

use sockman::http::parse::{MessageLimits, ParseError, Parsed, Parser};

use super::Judged;

/// Limits that few bytes reach.
const LIMITS: MessageLimits =
    MessageLimits { head_bytes_max: 400, fields_max: 8, body_bytes_max: 300 };

/// Memory for where a field is: four places in a head.
const FIELD_BYTES: usize = 4 * size_of::<usize>();

/// Takes requests out of bytes.
///
/// # Panics
///
/// What came of them depends on where they were cut, or takes too much memory.
pub fn http_request(bytes: &[u8]) -> Judged {
    let Some((&cut, bytes)) = bytes.split_first() else { return Judged::Trivial };
    let whole = outcome([bytes]);
    let cut = usize::from(cut).max(1);
    assert_eq!(outcome(bytes.chunks(cut)), whole, "in pieces of {cut}");
    let is_request = |parsed: &Parsed| matches!(parsed, Parsed::Request(_));
    if whole.0.iter().any(is_request) { Judged::Passed } else { Judged::Trivial }
}

/// What comes of pieces, up to the first that is refused.
fn outcome<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> (Vec<Parsed>, Option<ParseError>) {
    let mut parser = Parser::new(LIMITS);
    let mut all = Vec::new();
    for mut piece in pieces {
        loop {
            let parsed = parser.receive(&mut piece);
            // Memory grows by doubling; a head keeps where its fields are, too.
            let most = 2 * (2 * LIMITS.head_bytes_max + LIMITS.body_bytes_max)
                + LIMITS.fields_max * FIELD_BYTES;
            assert!(parser.byte_count() <= most, "{} bytes are held", parser.byte_count());
            match parsed {
                Ok(None) => break,
                Ok(Some(parsed)) => all.push(parsed),
                Err(error) => return (all, Some(error)),
            }
        }
    }
    (all, None)
}

#[cfg(test)]
mod tests {
    use super::super::draw::random_bytes;
    use super::*;

    #[test]
    fn requests_are_found_in_any_pieces() {
        let request = b"POST /a HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc";
        for cut in 0..=u8::MAX {
            let bytes = [&[cut][..], request, request].concat();
            assert_eq!(http_request(&bytes), Judged::Passed, "{cut}");
            assert_eq!(http_request(&bytes[..request.len()]), Judged::Trivial, "{cut}");
        }
    }

    #[test]
    fn random_bytes_are_requests_or_refused() {
        for seed in 0..2_000 {
            http_request(&random_bytes(seed, 200));
        }
    }
}
