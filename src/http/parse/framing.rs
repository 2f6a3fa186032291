//! Where a request ends, and what becomes of the connection: what the fields say. RFC 9112
//! sections 6 and 9.3.
//!
//! Whatever two readers might take for two different lengths is refused, because one of them may
//! stand between the client and us (RFC 9112 section 11.2).

use std::net::Ipv6Addr;

use super::fault::Fault;
use super::head::At;
use crate::http::request::{Field, Persistence, Version};

/// How the body is delimited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Length {
    /// So many bytes; without either field, none.
    Known(usize),
    /// In chunks.
    Chunked,
}

/// What the fields say of the message itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Framing {
    pub(super) length: Length,
    pub(super) persistence: Persistence,
    /// Whether the client waits for a 100 before it sends the body.
    pub(super) expects_continue: bool,
}

/// What was found so far.
struct Found {
    lengths: Lengths,
    hosts: u32,
    close: bool,
    keep_alive: bool,
    expects_continue: bool,
}

/// What the fields of a message say of its length so far.
#[derive(Clone, Copy, Debug)]
pub(super) struct Lengths {
    /// `Content-Length`, and where it stood first.
    pub(super) length: Option<(u64, usize)>,
    pub(super) codings: Codings,
}

/// Transfer codings, in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Codings {
    /// No such field.
    None,
    /// Fields, and not a coding yet.
    Empty,
    /// The last one was `chunked`, and the only one.
    Chunked,
    /// The last one was `chunked`, and another one came before.
    OtherThenChunked,
    /// Another one, which `chunked` may still follow.
    Other,
}

/// Reads the fields of a head that have to do with the message itself.
pub(super) fn framing(
    bytes: &[u8],
    fields: &[Field],
    version: Version,
    body_bytes_max: usize,
) -> Result<Framing, At> {
    let mut found = Found {
        lengths: Lengths::NONE,
        hosts: 0,
        close: false,
        keep_alive: false,
        expects_continue: false,
    };
    for field in fields {
        let (name, value) = (&bytes[field.name.clone()], &bytes[field.value.clone()]);
        let at = field.name.start;
        note(&mut found, name, value, at, version).map_err(|fault| (fault, at))?;
    }
    if version == Version::Http11 && found.hosts == 0 {
        return Err((Fault::Host, bytes.len()));
    }
    // RFC 9112 section 9.3: `close` is the last word.
    let stays = !found.close && (version == Version::Http11 || found.keep_alive);
    let persistence = if stays { Persistence::KeepAlive } else { Persistence::Close };
    let length = found.lengths.length(version, bytes.len(), body_bytes_max)?;
    let is_empty = length == Length::Known(0);
    // RFC 9110 section 10.1.1: HTTP/1.0 knows no 100, and nobody waits with an empty body.
    let expects_continue = found.expects_continue && version == Version::Http11 && !is_empty;
    Ok(Framing { length, persistence, expects_continue })
}

fn note(
    found: &mut Found,
    name: &[u8],
    value: &[u8],
    at: usize,
    version: Version,
) -> Result<(), Fault> {
    found.lengths.note(name, value, at)?;
    let is = |other: &str| name.eq_ignore_ascii_case(other.as_bytes());
    if is("host") {
        found.hosts += 1;
        if found.hosts > 1 || !is_host(value) {
            return Err(Fault::Host);
        }
    } else if is("connection") {
        for option in elements(value) {
            found.close |= option.eq_ignore_ascii_case(b"close");
            found.keep_alive |= option.eq_ignore_ascii_case(b"keep-alive");
        }
    } else if is("expect") && version == Version::Http11 {
        if elements(value).any(|option| !option.eq_ignore_ascii_case(b"100-continue")) {
            return Err(Fault::Expectation);
        }
        found.expects_continue = true;
    }
    Ok(())
}

impl Lengths {
    /// Nothing yet.
    pub(super) const NONE: Self = Self { length: None, codings: Codings::None };

    /// Takes a field in, if it is one of these.
    pub(super) fn note(&mut self, name: &[u8], value: &[u8], at: usize) -> Result<(), Fault> {
        if name.eq_ignore_ascii_case(b"content-length") {
            let length = content_length(value)?;
            if self.length.is_some_and(|(other, _)| other != length) {
                return Err(Fault::ContentLength);
            }
            self.length.get_or_insert((length, at));
        } else if name.eq_ignore_ascii_case(b"transfer-encoding") {
            self.codings = codings(self.codings, value)?;
        }
        Ok(())
    }

    /// RFC 9112 section 6.3, of a request. So it is of an answer with one of the fields, but that
    /// codings other than chunked alone are refused there too: nobody here could undo them.
    pub(super) fn length(
        &self,
        version: Version,
        end: usize,
        bytes_max: usize,
    ) -> Result<Length, At> {
        if self.codings == Codings::None {
            let Some((length, at)) = self.length else { return Ok(Length::Known(0)) };
            let length = usize::try_from(length).ok().filter(|length| *length <= bytes_max);
            return length.map(Length::Known).ok_or((Fault::BodyTooLong, at));
        }
        if version == Version::Http10 {
            return Err((Fault::CodingInHttp10, end));
        }
        if let Some((_, at)) = self.length {
            return Err((Fault::LengthAndCoding, at));
        }
        match self.codings {
            Codings::Chunked => Ok(Length::Chunked),
            Codings::OtherThenChunked => Err((Fault::CodingUnknown, end)),
            Codings::None | Codings::Empty | Codings::Other => Err((Fault::TransferEncoding, end)),
        }
    }
}

/// The codings of one more field. RFC 9112 section 6.1: several fields are one list.
fn codings(before: Codings, value: &[u8]) -> Result<Codings, Fault> {
    let mut codings = if before == Codings::None { Codings::Empty } else { before };
    for coding in elements(value) {
        let is_chunked = coding.eq_ignore_ascii_case(b"chunked");
        codings = match (codings, is_chunked) {
            (Codings::None | Codings::Empty, true) => Codings::Chunked,
            (Codings::Other, true) => Codings::OtherThenChunked,
            (Codings::None | Codings::Empty | Codings::Other, false) => Codings::Other,
            // Nothing may follow `chunked`, and not that itself.
            (Codings::Chunked | Codings::OtherThenChunked, _) => {
                return Err(Fault::TransferEncoding);
            }
        };
    }
    Ok(codings)
}

/// RFC 9110 section 8.6: digits; several equal numbers are one.
fn content_length(value: &[u8]) -> Result<u64, Fault> {
    let mut length = None;
    for element in value.split(|byte| *byte == b',') {
        let digits = element.trim_ascii();
        if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
            return Err(Fault::ContentLength);
        }
        let number = digits.iter().try_fold(0_u64, |number, digit| {
            number.checked_mul(10)?.checked_add(u64::from(digit - b'0'))
        });
        // A number over any limit is one all the same.
        let number = number.unwrap_or(u64::MAX);
        if *length.get_or_insert(number) != number {
            return Err(Fault::ContentLength);
        }
    }
    length.ok_or(Fault::ContentLength)
}

/// Elements of a list; RFC 9110 section 5.6.1.2 has us pass over empty ones.
fn elements(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    let elements = value.split(|byte| *byte == b',').map(<[u8]>::trim_ascii);
    elements.filter(|element| !element.is_empty())
}

/// RFC 9110 section 7.2, RFC 3986 section 3.2.2: a host and perhaps a port; empty where the target
/// has no authority.
pub(in crate::http) fn is_host(value: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(value) else { return false };
    let (is_one, port) = match text.strip_prefix('[') {
        Some(rest) => match rest.split_once(']') {
            Some((literal, rest)) => (is_ip_literal(literal), rest),
            None => return false,
        },
        None => {
            let (name, port) = text.split_at(text.find(':').unwrap_or(text.len()));
            (is_reg_name(name), port)
        }
    };
    let is_port = port.is_empty()
        || port.strip_prefix(':').is_some_and(|digits| digits.bytes().all(|b| b.is_ascii_digit()));
    is_one && is_port
}

/// What stands in brackets: IPv6, or the form that is kept for later.
fn is_ip_literal(text: &str) -> bool {
    let later = text.strip_prefix(['v', 'V']).and_then(|rest| rest.split_once('.'));
    match later {
        Some((version, address)) => {
            let is_version =
                !version.is_empty() && version.bytes().all(|byte| byte.is_ascii_hexdigit());
            let is_one = |byte| byte == b':' || is_unreserved_or_sub_delim(byte);
            is_version && !address.is_empty() && address.bytes().all(is_one)
        }
        None => text.parse::<Ipv6Addr>().is_ok(),
    }
}

/// A name, an IPv4 address among them: any of its bytes may be written as a percent sign and two
/// hexadecimal digits.
fn is_reg_name(text: &str) -> bool {
    let mut pieces = text.split('%');
    let plain = |piece: &str| piece.bytes().all(is_unreserved_or_sub_delim);
    let first = pieces.next().unwrap_or_default();
    plain(first)
        && pieces.all(|piece| {
            let (code, rest) = piece.split_at_checked(2).unwrap_or_default();
            code.len() == 2 && code.bytes().all(|byte| byte.is_ascii_hexdigit()) && plain(rest)
        })
}

/// RFC 3986 sections 2.2 and 2.3.
const fn is_unreserved_or_sub_delim(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(
            byte,
            b'-' | b'.'
                | b'_'
                | b'~'
                | b'!'
                | b'$'
                | b'&'
                | b'\''
                | b'('
                | b')'
                | b'*'
                | b'+'
                | b','
                | b';'
                | b'='
        )
}
