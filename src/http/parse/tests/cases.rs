//! Cases of framing, each whole, cut in two at every byte, and byte by byte.

use super::outcome;

/// A case: what it is about, its section (of RFC 9112 unless another is named), the bytes, and what
/// comes of them. A head may have 128 bytes and 4 fields here, a body 32 bytes.
type Case = (&'static str, &'static str, &'static str, &'static [&'static str]);

/// What stands for what in the bytes of a case.
const SHORT: [(char, &str); 4] = [
    ('~', "POST / HTTP/1.1$@Transfer-Encoding: chunked$$"),
    ('^', "POST / HTTP/1.1$@Content-Length: "),
    ('@', "Host: h$"),
    ('$', "\r\n"),
];

const CASES: &[Case] = &[
    // The request line.
    ("get", "3", "GET / HTTP/1.1$@$", &["GET / []"]),
    ("path and query", "3.2.1", "GET /a/b?c=d%20&e HTTP/1.1$@$", &["GET /a/b?c=d%20&e []"]),
    ("absolute form", "3.2.2", "GET http://h/a HTTP/1.1$@$", &["GET http://h/a []"]),
    ("absolute form without host", "3.2.2", "GET http:///a HTTP/1.1$@$", &["400 Target at 4"]),
    ("authority form", "3.2.3", "GET h:80 HTTP/1.1$@$", &["400 Target at 4"]),
    ("connect", "3.2.3", "CONNECT h:80 HTTP/1.1$@$", &["501 MethodUnknown at 0"]),
    ("asterisk", "3.2.4", "OPTIONS * HTTP/1.1$@$", &["OPTIONS * []"]),
    ("asterisk of another method", "3.2.4", "GET * HTTP/1.1$@$", &["400 Target at 4"]),
    ("fragment", "3.2", "GET /a#b HTTP/1.1$@$", &["400 Target at 4"]),
    ("target beyond ASCII", "3.2", "GET /ä HTTP/1.1$@$", &["400 Target at 4"]),
    ("unknown method", "3.1", "BREW / HTTP/1.1$@$", &["501 MethodUnknown at 0"]),
    ("method in lower case", "3.1", "get / HTTP/1.1$@$", &["501 MethodUnknown at 0"]),
    ("method that is no token", "3.1", "GE(T / HTTP/1.1$@$", &["400 RequestLine at 2"]),
    ("no method", "3", " / HTTP/1.1$@$", &["400 RequestLine at 0"]),
    ("no target", "3", "GET  HTTP/1.1$@$", &["400 RequestLine at 4"]),
    ("two spaces", "3", "GET /  HTTP/1.1$@$", &["400 Version at 6"]),
    ("tab for a space", "3", "GET\t/ HTTP/1.1$@$", &["400 RequestLine at 14"]),
    ("space at the end", "3", "GET / HTTP/1.1 $@$", &["400 Version at 6"]),
    ("HTTP/0.9", "3", "GET /$", &["400 RequestLine at 5"]),
    ("no version", "2.3", "GET / $", &["400 Version at 6"]),
    ("version in lower case", "2.3", "GET / http/1.1$@$", &["400 Version at 6"]),
    ("version with two digits", "2.3", "GET / HTTP/1.10$@$", &["400 Version at 6"]),
    ("minor version ahead", "RFC 9110 2.5", "GET / HTTP/1.2$@$", &["GET / []"]),
    ("HTTP/2", "RFC 9110 15.6.6", "PRI * HTTP/2.0$$", &["505 VersionUnsupported at 6"]),
    ("HTTP/0.1", "RFC 9110 15.6.6", "GET / HTTP/0.1$@$", &["505 VersionUnsupported at 6"]),
    ("TLS", "3", "\u{16}\u{3}\u{1}", &["400 ControlByte(22) at 0"]),
    // Lines.
    ("empty lines before", "2.2", "$$GET / HTTP/1.1$@$", &["GET / []"]),
    ("nothing but empty lines", "2.2", "$$", &[]),
    ("bare LF ends the request line", "2.2", "GET / HTTP/1.1\n@$", &["400 BareLf at 14"]),
    ("bare LF ends a field", "2.2", "GET / HTTP/1.1$Host: h\n$", &["400 BareLf at 23"]),
    ("bare LF ends the head", "2.2", "GET / HTTP/1.1$@\n", &["400 BareLf at 25"]),
    ("bare LF before", "2.2", "\nGET / HTTP/1.1$@$", &["400 BareLf at 0"]),
    ("bare CR in a line", "2.2", "GET /\r HTTP/1.1$@$", &["400 BareCr at 6"]),
    ("bare CR in a value", "2.2", "GET / HTTP/1.1$Host: h\rX: y$$", &["400 BareCr at 24"]),
    ("two CR", "2.2", "GET / HTTP/1.1\r$@$", &["400 BareCr at 15"]),
    ("NUL in a value", "RFC 9110 5.5", "GET / HTTP/1.1$A: \0$$", &["400 ControlByte(0) at 19"]),
    ("no end yet", "3", "GET / HTTP/1.1$@", &["in the head"]),
    ("not a line yet", "3", "G", &["in the head"]),
    // Fields.
    ("space around a value", "5.1", "GET / HTTP/1.1$Host: \t h \t$$", &["GET / []"]),
    ("space before the colon", "5.1", "GET / HTTP/1.1$@A : b$$", &["400 Field at 25"]),
    ("tab before the colon", "5.1", "GET / HTTP/1.1$@A\t: b$$", &["400 Field at 25"]),
    ("folded line", "5.2", "GET / HTTP/1.1$@A: b$ c$$", &["400 Field at 31"]),
    ("folded first line", "5.2", "GET / HTTP/1.1$ @$", &["400 Field at 16"]),
    ("no colon", "5", "GET / HTTP/1.1$@A$$", &["400 Field at 25"]),
    ("no name", "5", "GET / HTTP/1.1$@: b$$", &["400 Field at 25"]),
    ("name that is no token", "5", "GET / HTTP/1.1$@A(: b$$", &["400 Field at 25"]),
    ("value beyond ASCII", "RFC 9110 5.5", "GET / HTTP/1.1$@A: ä$$", &["GET / []"]),
    ("empty value", "5", "GET / HTTP/1.1$@A:$$", &["GET / []"]),
    ("four fields", "5.4", "GET / HTTP/1.1$@A:$A:$A:$$", &["GET / []"]),
    ("five fields", "5.4", "GET / HTTP/1.1$@A:$A:$A:$A:$$", &["431 TooManyFields at 43"]),
    // Host.
    ("no host", "3.2", "GET / HTTP/1.1$$", &["400 Host at 18"]),
    ("no host in HTTP/1.0", "3.2", "GET / HTTP/1.0$$", &["1.0 GET / [], close"]),
    ("empty host", "3.2", "GET / HTTP/1.1$Host:$$", &["GET / []"]),
    ("two hosts", "3.2", "GET / HTTP/1.1$@@$", &["400 Host at 25"]),
    ("host that is none", "3.2", "GET / HTTP/1.1$Host: a/b$$", &["400 Host at 16"]),
    ("host with address and port", "3.2", "GET / HTTP/1.1$Host: [::1]:80$$", &["GET / []"]),
    ("host with an empty port", "3.2", "GET / HTTP/1.1$Host: h:$$", &["GET / []"]),
    ("host of later addresses", "3.2", "GET / HTTP/1.1$Host: [v7.a:b]$$", &["GET / []"]),
    ("host with a code", "3.2", "GET / HTTP/1.1$Host: a%2eb,c:1$$", &["GET / []"]),
    ("host with half a code", "3.2", "GET / HTTP/1.1$Host: a%2$$", &["400 Host at 16"]),
    ("host with a code that is none", "3.2", "GET / HTTP/1.1$Host: %zz$$", &["400 Host at 16"]),
    ("host with two ports", "3.2", "GET / HTTP/1.1$Host: h:1:2$$", &["400 Host at 16"]),
    ("host with a port that is none", "3.2", "GET / HTTP/1.1$Host: h:x$$", &["400 Host at 16"]),
    ("host in half brackets", "3.2", "GET / HTTP/1.1$Host: [::1$$", &["400 Host at 16"]),
    ("host in empty brackets", "3.2", "GET / HTTP/1.1$Host: []$$", &["400 Host at 16"]),
    ("IPv4 in brackets", "3.2", "GET / HTTP/1.1$Host: [1.2.3.4]$$", &["400 Host at 16"]),
    ("host behind brackets", "3.2", "GET / HTTP/1.1$Host: [::1]h$$", &["400 Host at 16"]),
    ("bracket in a host", "3.2", "GET / HTTP/1.1$Host: h]$$", &["400 Host at 16"]),
    // Length.
    ("body", "6.2", "^5$$hello", &["POST / [hello]"]),
    ("cut body", "6.2", "^5$$hell", &["in the body"]),
    ("length zero", "6.3", "^0$$", &["POST / []"]),
    ("no length is no body", "6.3", "POST / HTTP/1.1$@$", &["POST / []"]),
    ("body of a GET", "6", "GET / HTTP/1.1$@Content-Length: 1$$x", &["GET / [x]"]),
    ("zeros before a length", "6.2", "^0001$$x", &["POST / [x]"]),
    (
        "longest body",
        "RFC 9110 15.5.14",
        "^32$$0123456789abcdef0123456789abcdef",
        &["POST / [0123456789abcdef0123456789abcdef]"],
    ),
    ("body over the limit", "RFC 9110 15.5.14", "^33$$", &["413 BodyTooLong at 26"]),
    ("length over any number", "6.3", "^18446744073709551617$$", &["413 BodyTooLong at 26"]),
    ("same length twice", "6.3", "^1$Content-Length: 1$$x", &["POST / [x]"]),
    ("same length in a list", "6.3", "^1, 01$$x", &["POST / [x]"]),
    ("two lengths", "6.3", "^1$Content-Length: 2$$x", &["400 ContentLength at 45"]),
    ("two lengths in a list", "6.3", "^1,2$$x", &["400 ContentLength at 26"]),
    ("length with a sign", "6.3", "^+1$$x", &["400 ContentLength at 26"]),
    ("negative length", "6.3", "^-1$$x", &["400 ContentLength at 26"]),
    ("hexadecimal length", "6.3", "^0x1$$x", &["400 ContentLength at 26"]),
    ("length in two words", "6.3", "^1 1$$x", &["400 ContentLength at 26"]),
    ("empty length", "6.3", "^$$", &["400 ContentLength at 26"]),
    ("length with a comma", "6.3", "^1,$$x", &["400 ContentLength at 26"]),
    // Transfer codings.
    ("chunks", "7.1", "~2$he$3$llo$0$$", &["POST / [hello]"]),
    (
        "coding in any case",
        "7",
        "POST / HTTP/1.1$@transfer-encoding: ChunKed$$1$x$0$$",
        &["POST / [x]"],
    ),
    (
        "empty elements",
        "RFC 9110 5.6.1.2",
        "POST / HTTP/1.1$@Transfer-Encoding: , chunked,$$0$$",
        &["POST / []"],
    ),
    (
        "length and coding",
        "6.1",
        "^5$Transfer-Encoding: chunked$$0$$",
        &["400 LengthAndCoding at 26"],
    ),
    (
        "coding and length",
        "6.3",
        "POST / HTTP/1.1$@Transfer-Encoding: chunked$Content-Length: 5$$0$$",
        &["400 LengthAndCoding at 54"],
    ),
    (
        "coding in HTTP/1.0",
        "6.1",
        "POST / HTTP/1.0$@Transfer-Encoding: chunked$$0$$",
        &["400 CodingInHttp10 at 56"],
    ),
    (
        "chunked not last",
        "6.3",
        "POST / HTTP/1.1$@Transfer-Encoding: chunked, gzip$$",
        &["400 TransferEncoding at 26"],
    ),
    (
        "chunked twice",
        "7.1",
        "POST / HTTP/1.1$@Transfer-Encoding: chunked$Transfer-Encoding: chunked$$",
        &["400 TransferEncoding at 54"],
    ),
    (
        "no chunked",
        "6.3",
        "POST / HTTP/1.1$@Transfer-Encoding: gzip$$",
        &["400 TransferEncoding at 53"],
    ),
    (
        "identity",
        "6.3",
        "POST / HTTP/1.1$@Transfer-Encoding: identity$$",
        &["400 TransferEncoding at 57"],
    ),
    (
        "empty coding",
        "6.3",
        "POST / HTTP/1.1$@Transfer-Encoding:$$",
        &["400 TransferEncoding at 48"],
    ),
    (
        "coding with a parameter",
        "7.1",
        "POST / HTTP/1.1$@Transfer-Encoding: chunked;a=b$$",
        &["400 TransferEncoding at 60"],
    ),
    (
        "vertical tab at a coding",
        "6.3",
        "POST / HTTP/1.1$@Transfer-Encoding: \u{b}chunked$$",
        &["400 ControlByte(11) at 45"],
    ),
    (
        "unknown coding, chunked",
        "6.1",
        "POST / HTTP/1.1$@Transfer-Encoding: gzip, chunked$$",
        &["501 CodingUnknown at 62"],
    ),
    (
        "two fields are one list",
        "6.1",
        "POST / HTTP/1.1$@Transfer-Encoding: gzip$Transfer-Encoding: chunked$$",
        &["501 CodingUnknown at 81"],
    ),
    // Chunks.
    ("last chunk with many zeros", "7.1", "~0000$$", &["POST / []"]),
    (
        "size in both cases",
        "7.1",
        "~a$0123456789$B$0123456789a$0$$",
        &["POST / [01234567890123456789a]"],
    ),
    ("chunk extensions", "7.1.1", "~1;a=\"b;c\" ;d$x$0;e$$", &["POST / [x]"]),
    ("space before an extension", "7.1.1", "~1 \t;a$x$0$$", &["POST / [x]"]),
    ("space behind a size", "7.1", "~1 $x$0$$", &["400 ChunkSize at 58"]),
    ("space before a size", "7.1", "~ 1$x$0$$", &["400 ChunkSize at 56"]),
    ("no size", "7.1", "~$", &["400 ChunkSize at 56"]),
    ("extension without a size", "7.1", "~;a$", &["400 ChunkSize at 56"]),
    ("size with a prefix", "7.1", "~0x1$x$0$$", &["400 ChunkSize at 57"]),
    ("size over any number", "7.1", "~10000000000000001$x", &["413 BodyTooLong at 58"]),
    ("size of 17 digits", "7.1", "~00000000000000001$x", &["400 ChunkSize at 72"]),
    (
        "chunks over the limit",
        "RFC 9110 15.5.14",
        "~1f$0123456789abcdef0123456789abcde$2$xy$0$$",
        &["413 BodyTooLong at 93"],
    ),
    ("bare LF behind a size", "7.1", "~1\nx$0$$", &["400 ChunkSize at 57"]),
    ("bare CR behind a size", "7.1", "~1\rx$0$$", &["400 BareCr at 58"]),
    ("bare LF in an extension", "7.1.1", "~1;a\nx$0$$", &["400 BareLf at 59"]),
    ("NUL in an extension", "7.1.1", "~1;\0$x$0$$", &["400 ControlByte(0) at 58"]),
    ("chunk over its size", "7.1", "~1$xy$0$$", &["400 ChunkEnd at 60"]),
    ("bare LF behind a chunk", "7.1", "~1$x\n0$$", &["400 ChunkEnd at 60"]),
    ("bare CR behind a chunk", "7.1", "~1$x\r0$$", &["400 ChunkEnd at 61"]),
    ("chunk under its size", "7.1", "~3$x$0$$", &["400 ChunkEnd at 62"]),
    ("trailer", "7.1.2", "~0$A: b$C: d$$", &["POST / []"]),
    ("trailer that is none", "7.1.2", "~0$A : b$$", &["400 Field at 59"]),
    ("trailer with five fields", "7.1.2", "~0$A:$A:$A:$A:$A:$$", &["431 TooManyFields at 81"]),
    ("bare LF in a trailer", "7.1.2", "~0$A: b\n$", &["400 BareLf at 63"]),
    ("no end of a trailer", "7.1.2", "~0$A: b$", &["in the body"]),
    ("length in a trailer", "7.1.2", "~0$Content-Length: 9$$", &["POST / []"]),
    // One request after the other.
    ("two requests", "9.3.2", "GET /a HTTP/1.1$@$GET /b HTTP/1.1$@$", &["GET /a []", "GET /b []"]),
    ("a body, then a request", "6.3", "^3$$GETGET /b HTTP/1.1$@$", &["POST / [GET]", "GET /b []"]),
    ("chunks, then a request", "6.3", "~0$$GET /b HTTP/1.1$@$", &["POST / []", "GET /b []"]),
    ("offsets begin anew", "3", "GET /a HTTP/1.1$@$GET\n", &["GET /a []", "400 BareLf at 3"]),
    // Persistence.
    ("close", "9.6", "GET / HTTP/1.1$@Connection: close$$", &["GET / [], close"]),
    ("close in a list", "9.6", "GET / HTTP/1.1$@Connection: a, CLOSE$$", &["GET / [], close"]),
    (
        "close and keep-alive",
        "9.3",
        "GET / HTTP/1.1$@Connection: close, keep-alive$$",
        &["GET / [], close"],
    ),
    ("keep-alive in HTTP/1.0", "9.3", "GET / HTTP/1.0$Connection: Keep-Alive$$", &["1.0 GET / []"]),
    ("HTTP/1.0", "9.3", "GET / HTTP/1.0$@$", &["1.0 GET / [], close"]),
    // Expectations.
    ("100", "RFC 9110 10.1.1", "^1$Expect: 100-continue$$", &["100", "in the body"]),
    ("100 with the body", "RFC 9110 10.1.1", "^1$Expect: 100-Continue$$x", &["100", "POST / [x]"]),
    ("100 without a body", "RFC 9110 10.1.1", "^0$Expect: 100-continue$$", &["POST / []"]),
    (
        "100 in HTTP/1.0",
        "RFC 9110 10.1.1",
        "POST / HTTP/1.0$@Expect: 100-continue$Content-Length: 1$$x",
        &["1.0 POST / [x], close"],
    ),
    (
        "100 and a body over the limit",
        "RFC 9110 10.1.1",
        "^99$Expect: 100-continue$$",
        &["413 BodyTooLong at 26"],
    ),
    ("another expectation", "RFC 9110 10.1.1", "^1$Expect: 200-ok$$", &["417 Expectation at 45"]),
];

fn bytes_of(text: &str) -> Vec<u8> {
    let long = |text: String, (short, long): (char, &str)| text.replace(short, long);
    SHORT.into_iter().fold(text.to_owned(), long).into_bytes()
}

#[test]
fn framing_is_that_of_the_rfc() {
    let mut wrong = Vec::new();
    for (name, section, text, expected) in CASES {
        let bytes = bytes_of(text);
        let mut check = |pieces: &[&[u8]]| {
            let came = outcome(pieces.iter().copied());
            if came != *expected {
                let lengths: Vec<_> = pieces.iter().map(|piece| piece.len()).collect();
                wrong.push(format!("{section}: {name}, as {lengths:?}: {came:?}"));
            }
        };
        check(&[&bytes]);
        for cut in 0..=bytes.len() {
            check(&[&bytes[..cut], &bytes[cut..]]);
        }
        check(&bytes.chunks(1).collect::<Vec<_>>());
    }
    assert!(wrong.is_empty(), "{} outcomes differ:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn cases_are_many_and_their_names_differ() {
    let mut names: Vec<_> = CASES.iter().map(|(name, ..)| *name).collect();
    names.sort_unstable();
    assert!(names.windows(2).all(|pair| pair[0] != pair[1]), "{names:?}");
    assert!(names.len() >= 60, "{} cases", names.len());
}

/// A head of so many bytes.
#[track_caller]
fn check_head(bytes: usize, expected: &[&str]) {
    let mut head = bytes_of("GET / HTTP/1.1$@A: ");
    head.resize(bytes - 4, b'x');
    head.extend_from_slice(b"\r\n\r\n");
    for cut in [0, 1, 40, bytes - 5, bytes - 1] {
        assert_eq!(outcome([&head[..cut], &head[cut..]]), expected);
    }
}

#[test]
fn head_is_limited_to_the_byte() {
    check_head(128, &["GET / []"]);
    check_head(129, &["431 HeadTooLong at 128"]);
    let line = [b'A'; 129];
    assert_eq!(outcome([&line[..128]]), ["in the head"]);
    assert_eq!(outcome([&line[..]]), ["414 RequestLineTooLong at 128"]);
    let empty = b"\r\n".repeat(65);
    assert_eq!(outcome([&empty[..128]]), [""; 0]);
    assert_eq!(outcome([&empty[..]]), ["414 RequestLineTooLong at 128"]);
}

#[test]
fn trailer_and_extensions_are_limited_to_the_byte() {
    let with =
        |text: &str, fill: usize| outcome([&bytes_of(&text.replace('*', &"x".repeat(fill)))[..]]);
    // Before the fill three bytes, and behind it four.
    assert_eq!(with("~0$A: *$$", 121), ["POST / []"]);
    assert_eq!(with("~0$A: *$$", 122), ["431 HeadTooLong at 187"]);
    assert_eq!(with("~0;*$$", 127), ["POST / []"]);
    assert_eq!(with("~0;*$$", 128), ["413 ExtensionsTooLong at 185"]);
    assert_eq!(with("~1;*$x$0;$$", 126), ["POST / [x]"]);
    assert_eq!(with("~1;*$x$0;$$", 127), ["413 ExtensionsTooLong at 191"]);
}
