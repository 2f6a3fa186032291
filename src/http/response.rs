//! An answer, and its bytes.

use std::fmt;
use std::sync::Arc;

use super::date::imf_fixdate;
use super::parse::is_token;
use super::request::{Method, Persistence, Version};
use super::status::Status;
use crate::time::UnixTime;

/// Tells a client that its body is wanted. RFC 9110 section 15.2.1.
pub(super) const CONTINUE: &[u8] = b"HTTP/1.1 100 Continue\r\n\r\n";

/// Fields by which the message itself is delimited, and its date, which are the server's to write.
const RESERVED: [&str; 4] = ["content-length", "transfer-encoding", "connection", "date"];

/// The content of an answer. It is never copied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Body {
    /// Made for this answer.
    Owned(Vec<u8>),
    /// Shared with others.
    Shared(Arc<[u8]>),
    /// Part of the program.
    Static(&'static [u8]),
}

impl Body {
    /// Its bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        match self {
            Self::Owned(bytes) => bytes,
            Self::Shared(bytes) => bytes,
            Self::Static(bytes) => bytes,
        }
    }
}

impl From<Vec<u8>> for Body {
    fn from(bytes: Vec<u8>) -> Self {
        Self::Owned(bytes)
    }
}

impl From<String> for Body {
    fn from(text: String) -> Self {
        Self::Owned(text.into_bytes())
    }
}

impl From<Arc<[u8]>> for Body {
    fn from(bytes: Arc<[u8]>) -> Self {
        Self::Shared(bytes)
    }
}

impl From<&'static str> for Body {
    fn from(text: &'static str) -> Self {
        Self::Static(text.as_bytes())
    }
}

/// An answer: a status, fields, and the content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Response {
    status: Status,
    /// Lines, as the wire has them.
    fields: Vec<u8>,
    body: Body,
    persistence: Persistence,
}

impl Response {
    /// An answer without fields and content.
    #[must_use]
    pub const fn new(status: Status) -> Self {
        let body = Body::Static(&[]);
        Self { status, fields: Vec::new(), body, persistence: Persistence::KeepAlive }
    }

    /// An answer in words.
    #[must_use]
    pub fn text(status: Status, text: impl Into<Body>) -> Self {
        let fields = b"Content-Type: text/plain; charset=utf-8\r\n".to_vec();
        Self { fields, ..Self::new(status) }.with_body(text)
    }

    /// With this content. To HEAD, and with 204 and 304, it is not sent.
    #[must_use]
    pub fn with_body(self, body: impl Into<Body>) -> Self {
        Self { body: body.into(), ..self }
    }

    /// With one more field.
    ///
    /// # Errors
    ///
    /// It is none, or not the application's to write.
    pub fn with_field(mut self, name: &str, value: &str) -> Result<Self, FieldError> {
        if !is_token(name.as_bytes()) {
            return Err(FieldError::Name);
        }
        if RESERVED.iter().any(|reserved| name.eq_ignore_ascii_case(reserved)) {
            return Err(FieldError::Reserved);
        }
        if value.bytes().any(|byte| byte.is_ascii_control() && byte != b'\t') {
            return Err(FieldError::Value);
        }
        push(&mut self.fields, &[name, ": ", value, "\r\n"]);
        Ok(self)
    }

    /// The connection ends with this answer, whatever the client wishes.
    #[must_use]
    pub fn and_close(self) -> Self {
        Self { persistence: Persistence::Close, ..self }
    }

    /// What is said.
    #[must_use]
    pub const fn status(&self) -> Status {
        self.status
    }

    /// Whether the connection ends with this answer, whatever the client wishes.
    #[must_use]
    pub const fn persistence(&self) -> Persistence {
        self.persistence
    }

    /// Its bytes: head and content, which may be empty.
    pub(super) fn encode(
        self,
        asked: Asked,
        persistence: Persistence,
        date: UnixTime,
    ) -> [Body; 2] {
        let mut head = Vec::with_capacity(160 + self.fields.len());
        let code = self.status.code().to_string();
        push(&mut head, &["HTTP/1.1 ", &code, " ", self.status.reason(), "\r\n"]);
        push(&mut head, &["Date: ", &imf_fixdate(date), "\r\n"]);
        head.extend_from_slice(&self.fields);
        let length = self.body.as_bytes().len();
        // RFC 9110 section 8.6: none with 204, and with 304 that of a 200, or none.
        let has_length = match self.status {
            Status::NO_CONTENT => false,
            Status::NOT_MODIFIED => length > 0,
            _ => true,
        };
        if has_length {
            push(&mut head, &["Content-Length: ", &length.to_string(), "\r\n"]);
        }
        match (persistence, asked.version) {
            (Persistence::Close, _) => push(&mut head, &["Connection: close\r\n"]),
            (Persistence::KeepAlive, Version::Http10) => {
                push(&mut head, &["Connection: keep-alive\r\n"]);
            }
            (Persistence::KeepAlive, Version::Http11) => {}
        }
        push(&mut head, &["\r\n"]);
        let is_bare = matches!(self.status, Status::NO_CONTENT | Status::NOT_MODIFIED);
        let is_bare = is_bare || asked.method == Method::Head;
        [Body::Owned(head), if is_bare { Body::Static(&[]) } else { self.body }]
    }
}

/// What the form of an answer depends on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Asked {
    pub(super) method: Method,
    pub(super) version: Version,
    pub(super) persistence: Persistence,
}

impl Asked {
    /// Of what could not be read.
    pub(super) const UNKNOWN: Self =
        Self { method: Method::Get, version: Version::Http11, persistence: Persistence::Close };
}

/// A field that is not written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FieldError {
    /// Its name is no token.
    Name,
    /// Its value has a control character.
    Value,
    /// It delimits or dates the message, which is the server's affair.
    Reserved,
}

impl fmt::Display for FieldError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Name => "name of the field is no token",
            Self::Value => "value of the field has a control character",
            Self::Reserved => "field is the server's to write",
        })
    }
}

impl std::error::Error for FieldError {}

fn push(bytes: &mut Vec<u8>, parts: &[&str]) {
    for part in parts {
        bytes.extend_from_slice(part.as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GET: Asked = Asked { persistence: Persistence::KeepAlive, ..Asked::UNKNOWN };

    #[track_caller]
    fn check(response: Response, asked: Asked, persistence: Persistence, expected: &str) {
        let parts = response.encode(asked, persistence, UnixTime::from_secs(784_111_777));
        let bytes: Vec<u8> = parts.iter().flat_map(Body::as_bytes).copied().collect();
        let text = String::from_utf8(bytes).unwrap().replace("\r\n", "$");
        let (status, rest) = text.split_once('$').unwrap();
        let dated = rest.strip_prefix("Date: Sun, 06 Nov 1994 08:49:37 GMT$").unwrap();
        assert_eq!(format!("{status}${dated}"), expected);
    }

    #[test]
    fn answer_has_the_length_of_its_content() {
        let (stay, close) = (Persistence::KeepAlive, Persistence::Close);
        let old = Asked { version: Version::Http10, ..GET };
        let head = Asked { method: Method::Head, ..GET };
        let hello = || Response::new(Status::OK).with_body("hello");
        check(hello(), GET, stay, "HTTP/1.1 200 OK$Content-Length: 5$$hello");
        check(hello(), GET, close, "HTTP/1.1 200 OK$Content-Length: 5$Connection: close$$hello");
        check(
            hello(),
            old,
            stay,
            "HTTP/1.1 200 OK$Content-Length: 5$Connection: keep-alive$$hello",
        );
        check(hello(), head, stay, "HTTP/1.1 200 OK$Content-Length: 5$$");
        let empty = Response::new(Status::NOT_FOUND);
        check(empty, GET, stay, "HTTP/1.1 404 Not Found$Content-Length: 0$$");
        let with = |status| Response::new(status).with_body("hello");
        check(with(Status::NO_CONTENT), GET, stay, "HTTP/1.1 204 No Content$$");
        check(
            with(Status::NOT_MODIFIED),
            GET,
            stay,
            "HTTP/1.1 304 Not Modified$Content-Length: 5$$",
        );
        check(Response::new(Status::NOT_MODIFIED), GET, stay, "HTTP/1.1 304 Not Modified$$");
        let unnamed = Response::new(Status::from_code(299).unwrap());
        check(unnamed, GET, stay, "HTTP/1.1 299 $Content-Length: 0$$");
    }

    #[test]
    fn field_cannot_split_an_answer() {
        let with = |name: &str, value: &str| Response::new(Status::OK).with_field(name, value);
        assert_eq!(with("A", "b\r\nC: d").unwrap_err(), FieldError::Value);
        assert_eq!(with("A", "b\0").unwrap_err(), FieldError::Value);
        assert_eq!(with("A: b\r\nC", "d").unwrap_err(), FieldError::Name);
        assert_eq!(with("", "d").unwrap_err(), FieldError::Name);
        assert_eq!(with("content-Length", "1").unwrap_err(), FieldError::Reserved);
        assert_eq!(with("Connection", "close").unwrap_err(), FieldError::Reserved);
        assert_eq!(with("Date", "today").unwrap_err(), FieldError::Reserved);
        let fine = with("WWW-Authenticate", "Basic realm=\"jsonrpc\"").unwrap();
        let expected = "HTTP/1.1 200 OK$WWW-Authenticate: Basic realm=\"jsonrpc\"$\
                        Content-Length: 0$$";
        check(fine, GET, Persistence::KeepAlive, expected);
    }

    #[test]
    fn content_is_not_copied() {
        let shared: Arc<[u8]> = vec![7; 1000].into();
        let response = Response::new(Status::OK).with_body(Arc::clone(&shared));
        let [_, body] = response.encode(GET, Persistence::KeepAlive, UnixTime::EPOCH);
        assert!(std::ptr::eq(body.as_bytes(), &raw const *shared));
    }
}
