//! The request line and the fields of a section. RFC 9112 sections 3 and 5.

use std::ops::Range;

use super::fault::Fault;
use crate::http::request::{Field, Method, Version};

/// Most fields in a head or a trailer, whatever the limit: they are taken apart on the stack.
pub(super) const FIELDS_MAX: usize = 128;

/// A request line, with the target as a place in its bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct RequestLine {
    pub(super) method: Method,
    pub(super) target: Range<usize>,
    pub(super) version: Version,
    /// Its bytes, with CR and LF: where the fields begin.
    pub(super) end: usize,
}

/// A fault, and at which offset.
pub(super) type At = (Fault, usize);

/// Takes a request line apart, without its CR and LF.
pub(super) fn request_line(line: &[u8]) -> Result<RequestLine, At> {
    let space = |from: usize| {
        let found = line[from..].iter().position(|byte| *byte == b' ');
        found.map(|at| from + at).ok_or((Fault::RequestLine, line.len()))
    };
    let method_end = space(0)?;
    let target = method_end + 1..space(method_end + 1)?;
    if method_end == 0 {
        return Err((Fault::RequestLine, 0));
    }
    if target.is_empty() {
        return Err((Fault::RequestLine, target.start));
    }
    if let Some(at) = line[..method_end].iter().position(|byte| !is_token_byte(*byte)) {
        return Err((Fault::RequestLine, at));
    }
    let version_start = target.end + 1;
    let version = version(&line[version_start..]).map_err(|fault| (fault, version_start))?;
    let method = Method::from_name(&line[..method_end]).ok_or((Fault::MethodUnknown, 0))?;
    if !is_target(method, &line[target.clone()]) {
        return Err((Fault::Target, target.start));
    }
    Ok(RequestLine { method, target, version, end: line.len() + 2 })
}

/// The version of a message. RFC 9112 section 2.3.
pub(super) fn version(bytes: &[u8]) -> Result<Version, Fault> {
    match bytes {
        b"HTTP/1.0" => Ok(Version::Http10),
        [b'H', b'T', b'T', b'P', b'/', b'1', b'.', b'1'..=b'9'] => Ok(Version::Http11),
        [b'H', b'T', b'T', b'P', b'/', b'0'..=b'9', b'.', b'0'..=b'9'] => {
            Err(Fault::VersionUnsupported)
        }
        _ => Err(Fault::Version),
    }
}

/// RFC 9112 section 3.2: origin form, absolute form, and the asterisk for OPTIONS alone.
pub(in crate::http) fn is_target(method: Method, target: &[u8]) -> bool {
    let is_visible = target.iter().all(|byte| byte.is_ascii_graphic() && *byte != b'#');
    let has_scheme = |scheme: &[u8]| {
        target.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme))
            && target.get(scheme.len()).is_some_and(|byte| !b"/?".contains(byte))
    };
    is_visible
        && match target {
            [b'/', ..] => true,
            [b'*'] => method == Method::Options,
            _ => has_scheme(b"http://") || has_scheme(b"https://"),
        }
}

/// RFC 9110 section 5.6.2.
fn is_token_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

/// Whether it is a token.
pub(in crate::http) fn is_token(bytes: &[u8]) -> bool {
    !bytes.is_empty() && bytes.iter().all(|byte| is_token_byte(*byte))
}

/// Takes the fields of a section apart, from `start` to its empty line.
pub(super) fn fields(section: &[u8], start: usize, fields_max: usize) -> Result<Vec<Field>, At> {
    let mut found = [httparse::EMPTY_HEADER; FIELDS_MAX];
    let found = &mut found[..fields_max.min(FIELDS_MAX)];
    match httparse::parse_headers(&section[start..], found) {
        Ok(httparse::Status::Complete((count, fields))) => {
            assert_eq!(start + count, section.len(), "a section ends at its first empty line");
            let place = |part: &[u8]| place_in(section, part);
            let field = |field: &httparse::Header<'_>| Field {
                name: place(field.name.as_bytes()),
                value: place(field.value),
            };
            Ok(fields.iter().map(field).collect())
        }
        Ok(httparse::Status::Partial) => unreachable!("the section has its empty line"),
        Err(httparse::Error::TooManyHeaders) => Err((Fault::TooManyFields, section.len())),
        Err(_) => Err((Fault::Field, broken_line(section, start))),
    }
}

/// Where a part lies of what it was cut from.
fn place_in(whole: &[u8], part: &[u8]) -> Range<usize> {
    let start = part.as_ptr().addr() - whole.as_ptr().addr();
    // OK for an empty value, which may lie anywhere in its line.
    assert!(start + part.len() <= whole.len(), "a part lies within the whole");
    start..start + part.len()
}

/// Where the first line begins that is no field.
fn broken_line(section: &[u8], start: usize) -> usize {
    let mut at = start;
    for line in section[start..].split_inclusive(|byte| *byte == b'\n') {
        if httparse::parse_headers(line, &mut [httparse::EMPTY_HEADER]).is_err() {
            break;
        }
        at += line.len();
    }
    at
}
