//! Cases of the framing of answers, each whole, cut in two at every byte, and byte by byte.

use super::LIMITS;
use crate::http::parse::{ResponseError, ResponseParser, ResponseStage};
use crate::http::request::Method;

/// A case: what it is about, its section (of RFC 9112 unless another is named), the bytes, and what
/// comes of them. A head may have 128 bytes and 4 fields here, a body 32 bytes. Behind a `|` comes
/// the end of the stream.
type Case = (&'static str, &'static str, &'static str, &'static str);

/// What stands for what in the bytes of a case.
const SHORT: [(char, &str); 3] = [
    ('^', "HTTP/1.1 200 OK$"),
    ('~', "HTTP/1.1 200 OK$Transfer-Encoding: chunked$$"),
    ('$', "\r\n"),
];

const CASES: &[Case] = &[
    // The status line.
    ("phrase", "4", "HTTP/1.1 404 Not Found$Content-Length: 0$$", "404 []"),
    ("phrase of any bytes", "4", "HTTP/1.1 404 ü\tx$Content-Length: 0$$", "404 []"),
    ("empty phrase", "4", "HTTP/1.1 200 $Content-Length: 0$$", "200 []"),
    ("no space behind the code", "4", "HTTP/1.1 200$Content-Length: 0$$", "200 []"),
    ("code of four digits", "4", "HTTP/1.1 2000 OK$$", "StatusLine at 9"),
    ("code of two digits", "4", "HTTP/1.1 20 OK$$", "StatusLine at 9"),
    ("code that is no number", "4", "HTTP/1.1 +20 OK$$", "StatusLine at 9"),
    ("code below 100", "RFC 9110 15", "HTTP/1.1 099 OK$$", "StatusLine at 9"),
    ("code above 599", "RFC 9110 15", "HTTP/1.1 600 OK$$", "StatusLine at 9"),
    ("two spaces", "4", "HTTP/1.1  200 OK$$", "StatusLine at 9"),
    ("no code", "4", "HTTP/1.1$$", "StatusLine at 0"),
    ("HTTP/0.9", "4", "<p>hello$|", "StatusLine at 0"),
    ("version that is none", "2.3", "HTTP/1.x 200 OK$$", "Message(Version) at 0"),
    ("version in lower case", "2.3", "http/1.1 200 OK$$", "Message(Version) at 0"),
    ("HTTP/2", "2.3", "HTTP/2.0 200 OK$$", "Message(VersionUnsupported) at 0"),
    ("minor version ahead", "RFC 9110 2.5", "HTTP/1.2 200 OK$Content-Length: 0$$", "200 []"),
    ("empty line before", "2.2", "$^$", "StatusLine at 0"),
    ("another protocol", "4", "SSH-2.0-x$", "StatusLine at 0"),
    ("TLS alert", "4", "\u{15}\u{3}\u{1}", "Message(ControlByte(21)) at 0"),
    // Lines and fields.
    ("bare LF ends the status line", "2.2", "HTTP/1.1 200 OK\n$", "Message(BareLf) at 15"),
    ("bare LF ends a field", "2.2", "^A: b\n$", "Message(BareLf) at 21"),
    ("bare CR", "2.2", "^A: b\rc$", "Message(BareCr) at 22"),
    ("NUL in a value", "RFC 9110 5.5", "^A: \0$$", "Message(ControlByte(0)) at 20"),
    ("space before the colon", "5.1", "^A : b$$", "Message(Field) at 17"),
    ("folded line", "5.2", "^A: b$ c$$", "Message(Field) at 23"),
    ("no colon", "5", "^A$$", "Message(Field) at 17"),
    ("five fields", "5.4", "^A:$A:$A:$A:$A:$$", "Message(TooManyFields) at 39"),
    // 1: no content, whatever the fields say.
    ("204", "6.3, 1", "HTTP/1.1 204 No Content$$", "204 []"),
    ("204 with a length", "6.3, 1", "HTTP/1.1 204 X$Content-Length: 5$$hello", "204 [], 5 left"),
    ("304 with a length", "6.3, 1", "HTTP/1.1 304 X$Content-Length: 99$$", "304 []"),
    ("304 in chunks", "6.3, 1", "HTTP/1.1 304 X$Transfer-Encoding: chunked$$", "304 []"),
    ("100 before", "6.3, 1", "HTTP/1.1 100 Continue$$^Content-Length: 1$$a", "200 [a]"),
    (
        "103 and 102 before",
        "RFC 9110 15.2",
        "HTTP/1.1 103 X$Link: a$$HTTP/1.1 102 Y$Content-Length: 9$$^Content-Length: 1$$a",
        "200 [a]",
    ),
    ("100 and nothing", "8", "HTTP/1.1 100 Continue$$|", "CutShort at 25"),
    ("fault behind a 100", "4", "HTTP/1.1 100 Continue$$x$", "StatusLine at 25"),
    ("101", "RFC 9110 15.2.2", "HTTP/1.1 101 X$Upgrade: h2c$$", "SwitchingProtocols at 0"),
    // 3: both.
    (
        "length, then chunks",
        "6.3, 3",
        "^Content-Length: 5$Transfer-Encoding: chunked$$0$$",
        "Message(LengthAndCoding) at 17",
    ),
    (
        "chunks, then length",
        "6.3, 3",
        "^Transfer-Encoding: chunked$Content-Length: 5$$0$$",
        "Message(LengthAndCoding) at 45",
    ),
    // 4: codings.
    ("chunks", "6.3, 4", "~2$ab$1;x=y$c$0$$", "200 [abc]"),
    ("chunks with a trailer", "7.1.2", "~1$a$0$A: b$$", "200 [a]"),
    ("chunks in capitals", "7", "^Transfer-Encoding: CHUNKED$$1$a$0$$", "200 [a]"),
    ("no chunk", "7.1", "~0$$", "200 []"),
    ("something behind the chunks", "9.4", "~0$$more", "200 [], 4 left"),
    ("chunks that are cut", "8", "~5$ab|", "CutShort at 52"),
    ("chunks without the last", "8", "~2$ab$|", "CutShort at 54"),
    ("chunks without the end", "8", "~2$ab$0$|", "CutShort at 57"),
    ("chunk longer than its size", "7.1", "~1$ab$", "Message(ChunkEnd) at 51"),
    ("size that is none", "7.1", "~x$", "Message(ChunkSize) at 47"),
    ("negative size", "7.1", "~-1$", "Message(ChunkSize) at 47"),
    ("size over 64 bits", "7.1", "~00000000000000001$", "Message(ChunkSize) at 63"),
    ("chunks over the limit", "6.2", "~21$", "Message(BodyTooLong) at 48"),
    (
        "chunked twice",
        "6.1",
        "^Transfer-Encoding: chunked, chunked$$",
        "Message(TransferEncoding) at 17",
    ),
    (
        "chunked, and not last",
        "6.3, 4",
        "^Transfer-Encoding: chunked, gzip$$",
        "Message(TransferEncoding) at 17",
    ),
    (
        "gzip, then chunked",
        "6.1",
        "^Transfer-Encoding: gzip, chunked$$",
        "Message(CodingUnknown) at 53",
    ),
    ("gzip alone", "6.3, 4", "^Transfer-Encoding: gzip$$", "Message(TransferEncoding) at 44"),
    (
        "chunks in HTTP/1.0",
        "6.1",
        "HTTP/1.0 200 OK$Transfer-Encoding: chunked$$0$$",
        "Message(CodingInHttp10) at 47",
    ),
    // 5: lengths that are none.
    (
        "two lengths",
        "6.3, 5",
        "^Content-Length: 1$Content-Length: 2$$a",
        "Message(ContentLength) at 36",
    ),
    ("two lengths in one", "6.3, 5", "^Content-Length: 1, 2$$", "Message(ContentLength) at 17"),
    ("two equal lengths", "6.3, 5", "^Content-Length: 1, 1$$a", "200 [a]"),
    ("length with a sign", "6.3, 5", "^Content-Length: +1$$", "Message(ContentLength) at 17"),
    ("negative length", "6.3, 5", "^Content-Length: -1$$", "Message(ContentLength) at 17"),
    ("hexadecimal length", "6.3, 5", "^Content-Length: 0x1$$", "Message(ContentLength) at 17"),
    ("empty length", "6.3, 5", "^Content-Length:$$", "Message(ContentLength) at 17"),
    // 6: a length.
    ("length", "6.3, 6", "^Content-Length: 5$$hello", "200 [hello]"),
    ("length in HTTP/1.0", "6.3, 6", "HTTP/1.0 200 OK$Content-Length: 1$$a", "200 [a]"),
    ("length, and more", "9.4", "^Content-Length: 2$$hello", "200 [he], 3 left"),
    ("length, and less", "8", "^Content-Length: 5$$hell|", "CutShort at 42"),
    ("length at the limit", "6.2", "^Content-Length: 32$$", "Body"),
    ("length over the limit", "6.2", "^Content-Length: 33$$", "Message(BodyTooLong) at 17"),
    (
        "length over any number",
        "6.2",
        "^Content-Length: 99999999999999999999$$",
        "Message(BodyTooLong) at 17",
    ),
    // 8: up to the end.
    ("up to the end", "6.3, 8", "^$hello|", "200 [hello]"),
    ("nothing up to the end", "6.3, 8", "^$|", "200 []"),
    ("no end yet", "6.3, 8", "^$hello", "Body"),
    (
        "up to the end at the limit",
        "6.3, 8",
        "^$0123456789abcdef0123456789abcdef|",
        "200 [0123456789abcdef0123456789abcdef]",
    ),
    (
        "over the limit without an end",
        "6.3, 8",
        "^$0123456789abcdef0123456789abcdefg",
        "Message(BodyTooLong) at 51",
    ),
    // Ends too early.
    ("nothing", "8", "|", "CutShort at 0"),
    ("not a line", "8", "HTTP/1.1 200|", "CutShort at 12"),
    ("not a head", "8", "^A: b$|", "CutShort at 23"),
    ("not a line yet", "4", "HTTP", "Head"),
    ("nothing yet", "4", "", "Awaited"),
    // Redirects end with their head.
    ("redirect", "RFC 9110 15.4", "HTTP/1.1 301 X$Location: /$$more", "301 [], 4 left"),
];

/// What comes of the pieces of a stream, and whether it ends behind them.
fn outcome<'a>(method: Method, pieces: impl IntoIterator<Item = &'a [u8]>, ends: bool) -> String {
    let mut parser = ResponseParser::new(LIMITS, method);
    let told = |ResponseError { fault, at }| format!("{fault:?} at {at}");
    let mut done = None;
    let mut left = 0;
    for mut piece in pieces {
        if done.is_some() {
            left += piece.len();
            continue;
        }
        match parser.receive(&mut piece) {
            Ok(None) => assert!(piece.is_empty(), "all bytes were taken"),
            Ok(Some(answer)) => {
                let body = answer.body().escape_ascii();
                done = Some(format!("{} [{body}]", answer.status().code()));
                left += piece.len();
            }
            Err(error) => {
                assert_eq!(parser.stage(), ResponseStage::Over);
                return told(error);
            }
        }
    }
    match (done, ends) {
        (Some(done), _) if left == 0 => done,
        (Some(done), _) => format!("{done}, {left} left"),
        (None, false) => format!("{:?}", parser.stage()),
        (None, true) => match parser.end() {
            Ok(answer) => {
                let answer = answer.expect("it was not over");
                format!("{} [{}]", answer.status().code(), answer.body().escape_ascii())
            }
            Err(error) => told(error),
        },
    }
}

#[track_caller]
fn check(method: Method, name: &str, bytes: &str, expected: &str) {
    let (bytes, ends) = match bytes.strip_suffix('|') {
        Some(bytes) => (bytes, true),
        None => (bytes, false),
    };
    let bytes = SHORT.iter().fold(bytes.to_owned(), |text, (c, long)| text.replace(*c, long));
    let bytes = bytes.as_bytes();
    assert_eq!(outcome(method, [bytes], ends), expected, "{name}");
    assert_eq!(outcome(method, bytes.chunks(1), ends), expected, "{name}, byte by byte");
    for cut in 0..bytes.len() {
        let (first, rest) = bytes.split_at(cut);
        assert_eq!(outcome(method, [first, rest], ends), expected, "{name}, cut at {cut}");
    }
}

#[test]
fn framing_of_answers_is_that_of_the_rfc() {
    for (name, _, bytes, expected) in CASES {
        check(Method::Get, name, bytes, expected);
    }
}

#[test]
fn answer_to_head_has_no_content() {
    let head = |bytes, expected| check(Method::Head, "HEAD", bytes, expected);
    head("^Content-Length: 99$$", "200 []");
    head("^Transfer-Encoding: chunked$$", "200 []");
    head("^$", "200 []");
    head("^Content-Length: 1$Content-Length: 2$$", "Message(ContentLength) at 36");
}

#[test]
fn interim_answers_do_not_go_on_for_ever() {
    let last = "^Content-Length: 1$$a";
    let interims = |count| "HTTP/1.1 102 X$$".repeat(count);
    check(Method::Get, "at the limit", &(interims(8) + last), "200 [a]");
    check(Method::Get, "over it", &(interims(9) + last), "TooManyInterim at 144");
}

#[test]
fn head_of_an_answer_is_limited_to_the_byte() {
    let head = |length: usize| {
        let name = "x".repeat(length);
        format!("HTTP/1.1 204 X${name}:$$")
    };
    let bytes = |text: &str| text.replace('$', "\r\n").len();
    let spare = LIMITS.head_bytes_max - bytes(&head(1));
    check(Method::Get, "at the limit", &head(1 + spare), "204 []");
    let expected = format!("Message(HeadTooLong) at {}", LIMITS.head_bytes_max);
    check(Method::Get, "over it", &head(2 + spare), &expected);
}
