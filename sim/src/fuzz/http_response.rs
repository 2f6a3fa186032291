//! Any bytes are the answer to a request, in whatever pieces they come.
//!
//! The first byte says into how long pieces the others are cut, and whether the request was HEAD.
//! What comes of them must be what comes of them in one piece, and no more is held in memory than
//! the limits allow.

use sockman::http::Method;
use sockman::http::client::Answer;
use sockman::http::parse::{MessageLimits, ResponseError, ResponseParser};

use super::Judged;

/// Limits that few bytes reach.
const LIMITS: MessageLimits =
    MessageLimits { head_bytes_max: 400, fields_max: 8, body_bytes_max: 300 };

/// Memory for where a field is: four places in a head.
const FIELD_BYTES: usize = 4 * size_of::<usize>();

/// Takes an answer out of bytes, behind which the stream ends.
///
/// # Panics
///
/// What came of them depends on where they were cut, takes too much memory, or is no single
/// outcome.
pub fn http_response(bytes: &[u8]) -> Judged {
    let Some((&first, bytes)) = bytes.split_first() else { return Judged::Trivial };
    let method = if first & 0x80 == 0 { Method::Get } else { Method::Head };
    let cut = usize::from(first & 0x7f).max(1);
    let whole = outcome(method, [bytes]);
    assert_eq!(outcome(method, bytes.chunks(cut)), whole, "in pieces of {cut}");
    if whole.is_ok() { Judged::Passed } else { Judged::Trivial }
}

/// The one outcome of pieces.
fn outcome<'a>(
    method: Method,
    pieces: impl IntoIterator<Item = &'a [u8]>,
) -> Result<Answer, ResponseError> {
    let mut parser = ResponseParser::new(LIMITS, method);
    let mut outcome = None;
    for mut piece in pieces {
        match parser.receive(&mut piece) {
            Ok(None) => assert!(piece.is_empty(), "all was taken"),
            Ok(Some(answer)) => assert!(outcome.replace(Ok(answer)).is_none(), "a second one"),
            Err(error) => assert!(outcome.replace(Err(error)).is_none(), "a second one"),
        }
        // Memory grows by doubling; a head keeps where its fields are, too.
        let most = 2 * (2 * LIMITS.head_bytes_max + LIMITS.body_bytes_max)
            + LIMITS.fields_max * FIELD_BYTES;
        assert!(parser.byte_count() <= most, "{} bytes are held", parser.byte_count());
    }
    match (parser.end(), outcome) {
        (Ok(None), Some(outcome)) => outcome,
        (Ok(Some(answer)), None) => Ok(answer),
        (Err(error), None) => Err(error),
        (end, outcome) => panic!("{outcome:?}, and then {end:?}"),
    }
}

#[cfg(test)]
mod tests {
    use super::super::draw::random_bytes;
    use super::*;

    #[test]
    fn answers_are_found_in_any_pieces() {
        let answers = [
            "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc",
            "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n\r\nabc",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
        ];
        for answer in answers.map(str::as_bytes) {
            for cut in 0..=u8::MAX {
                let bytes = [&[cut][..], answer].concat();
                assert_eq!(http_response(&bytes), Judged::Passed, "{cut}");
                assert_eq!(http_response(&bytes[..answer.len() / 3]), Judged::Trivial, "{cut}");
            }
        }
    }

    #[test]
    fn random_bytes_are_no_answers() {
        for seed in 0..2_000 {
            let mut bytes = random_bytes(seed, 200);
            http_response(&bytes);
            // Behind a head that leaves it to the stream, or to chunks, where they end.
            let coding = if seed % 2 == 0 { "" } else { "Transfer-Encoding: chunked\r\n" };
            let head = format!("\u{7}HTTP/1.1 200 OK\r\n{coding}\r\n");
            bytes.splice(..0, head.bytes());
            http_response(&bytes);
        }
    }
}
