//! A request that we make, and its bytes.

use std::fmt;

use crate::http::parse::{is_host, is_target, is_token};
use crate::http::request::Method;
use crate::http::response::Body;

/// Fields that are the client's to write, because they delimit the message or say what becomes of
/// the connection.
const RESERVED: [&str; 7] =
    ["connection", "content-length", "expect", "host", "te", "transfer-encoding", "upgrade"];

/// A request: what is asked of whom, fields, and the content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outgoing {
    method: Method,
    host: String,
    target: String,
    /// Lines, as the wire has them.
    fields: Vec<u8>,
    body: Body,
}

impl Outgoing {
    /// A request without fields and content. `host` is the name or address that the server goes by,
    /// with its port unless that is 80; `target` a path with its query, or `*` for OPTIONS.
    ///
    /// # Errors
    ///
    /// One of them is none.
    pub fn new(method: Method, host: &str, target: &str) -> Result<Self, OutgoingError> {
        if host.is_empty() || !is_host(host.as_bytes()) {
            return Err(OutgoingError::Host);
        }
        if !is_target(method, target.as_bytes()) {
            return Err(OutgoingError::Target);
        }
        let (host, target) = (host.to_owned(), target.to_owned());
        Ok(Self { method, host, target, fields: Vec::new(), body: Body::Static(&[]) })
    }

    /// With this content.
    #[must_use]
    pub fn with_body(self, body: impl Into<Body>) -> Self {
        Self { body: body.into(), ..self }
    }

    /// With one more field.
    ///
    /// # Errors
    ///
    /// It is none, or not the caller's to write.
    pub fn with_field(mut self, name: &str, value: &str) -> Result<Self, OutgoingError> {
        if !is_token(name.as_bytes()) {
            return Err(OutgoingError::FieldName);
        }
        if RESERVED.iter().any(|reserved| name.eq_ignore_ascii_case(reserved)) {
            return Err(OutgoingError::FieldReserved);
        }
        if value.bytes().any(|byte| byte.is_ascii_control() && byte != b'\t') {
            return Err(OutgoingError::FieldValue);
        }
        self.fields.extend_from_slice(format!("{name}: {value}\r\n").as_bytes());
        Ok(self)
    }

    /// What is asked for.
    #[must_use]
    pub const fn method(&self) -> Method {
        self.method
    }

    /// Its bytes: head and content, which may be empty.
    pub(super) fn encode(self) -> [Body; 2] {
        let Self { method, host, target, fields, body } = self;
        let start = format!("{method} {target} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n");
        let mut head = start.into_bytes();
        head.extend_from_slice(&fields);
        let length = body.as_bytes().len();
        // RFC 9110 section 8.6: these have a content, if an empty one.
        let has_content = matches!(method, Method::Post | Method::Put | Method::Patch);
        if has_content || length > 0 {
            head.extend_from_slice(format!("Content-Length: {length}\r\n").as_bytes());
        }
        head.extend_from_slice(b"\r\n");
        [Body::Owned(head), body]
    }
}

/// A request that is not made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum OutgoingError {
    /// The host is neither a name nor an address, perhaps with a port.
    Host,
    /// The target is none for this method.
    Target,
    /// The name of a field is no token.
    FieldName,
    /// The value of a field has a control character.
    FieldValue,
    /// The field delimits the message, or says what becomes of the connection.
    FieldReserved,
}

impl fmt::Display for OutgoingError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Host => "host is none",
            Self::Target => "target is none for this method",
            Self::FieldName => "name of the field is no token",
            Self::FieldValue => "value of the field has a control character",
            Self::FieldReserved => "field is the client's to write",
        })
    }
}

impl std::error::Error for OutgoingError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(request: Outgoing, expected: &str) {
        let bytes: Vec<u8> = request.encode().iter().flat_map(Body::as_bytes).copied().collect();
        assert_eq!(String::from_utf8(bytes).unwrap().replace("\r\n", "$"), expected);
    }

    #[test]
    fn request_says_how_long_it_is_and_that_no_other_follows() {
        let get = Outgoing::new(Method::Get, "h:81", "/a?b").unwrap();
        check(get, "GET /a?b HTTP/1.1$Host: h:81$Connection: close$$");
        let post = || Outgoing::new(Method::Post, "[::1]", "/").unwrap();
        let start = "POST / HTTP/1.1$Host: [::1]$Connection: close$";
        check(post(), &format!("{start}Content-Length: 0$$"));
        let with = post().with_field("Content-Type", "text/plain").unwrap().with_body("hello");
        check(with, &format!("{start}Content-Type: text/plain$Content-Length: 5$$hello"));
    }

    #[test]
    fn nothing_of_a_request_can_split_it() {
        let new = |host, target| Outgoing::new(Method::Get, host, target).map(drop);
        assert_eq!(new("h\r\nA: b", "/"), Err(OutgoingError::Host));
        assert_eq!(new("", "/"), Err(OutgoingError::Host));
        assert_eq!(new("h", "/ HTTP/1.1\r\nA: b"), Err(OutgoingError::Target));
        assert_eq!(new("h", "*"), Err(OutgoingError::Target));
        let get = || Outgoing::new(Method::Get, "h", "/").unwrap();
        let with = |name: &str, value| get().with_field(name, value).map(drop);
        assert_eq!(with("A", "b\r\nC: d"), Err(OutgoingError::FieldValue));
        assert_eq!(with("A: b\r\nC", "d"), Err(OutgoingError::FieldName));
        for name in RESERVED {
            assert_eq!(with(&name.to_uppercase(), "1"), Err(OutgoingError::FieldReserved));
        }
    }
}
