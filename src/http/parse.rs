//! Requests of one connection, and [the answer to one](ResponseParser), taken apart in whatever
//! pieces their bytes come.
//!
//! ```text
//!   empty lines --> head --> (100 is due) --> body by length, or chunks and trailer --> Request
//!        '------------'------------------------'--> ParseError, and nothing any more
//! ```
//!
//! The outcome depends on the bytes alone, never on where they were cut. Fields are taken apart by
//! `httparse`, once a head is whole; lines, limits and framing are ours. Sources: RFC 9112, and RFC
//! 9110 for what fields mean.

use super::request::{Head, Request};

mod body;
mod chunked;
mod fault;
mod framing;
mod head;
mod response;
mod section;
#[cfg(test)]
mod tests;

pub use fault::{Fault, ParseError};
pub(super) use framing::is_host;
pub(super) use head::{is_target, is_token};
pub use response::{INTERIM_MAX, ResponseError, ResponseFault, ResponseParser, ResponseStage};

use body::Body;
use chunked::Progress;
use framing::{Length, framing};
use head::{FIELDS_MAX, RequestLine, fields, request_line};
use section::{Broken, Section};

/// How much a request or an answer may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MessageLimits {
    /// Bytes of a head, and of a trailer, and of all chunk extensions, at least 64 and at most 1
    /// MiB. Empty lines before the head count. Core: `MAX_HEADERS_SIZE` in httpserver.cpp.
    pub head_bytes_max: usize,
    /// Fields of a head, and of a trailer, 1 to 128. Ours: the reference has none.
    pub fields_max: usize,
    /// Bytes of a body, its framing not counted, at most 1 GiB. Core: `MAX_SIZE`, 32 MiB.
    pub body_bytes_max: usize,
}

impl MessageLimits {
    /// Those of the reference for a request, where it has them.
    pub const DEFAULT: Self =
        Self { head_bytes_max: 8192, fields_max: 100, body_bytes_max: 0x0200_0000 };

    fn check_invariants(&self) {
        assert!((64..=1 << 20).contains(&self.head_bytes_max), "a head has a line, and an end");
        assert!((1..=FIELDS_MAX).contains(&self.fields_max), "fields are taken apart on the stack");
        assert!(self.body_bytes_max <= 1 << 30, "a body is held in memory");
    }
}

/// What came of bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Parsed {
    /// A head whose client waits for a 100 before it sends the body.
    ContinueDue,
    /// A whole request.
    Request(Request),
}

/// How far a request has got.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ParseStage {
    /// Nothing has come of it, but perhaps empty lines.
    Between,
    /// In the head.
    Head,
    /// Behind the head.
    Body,
    /// It was none, and nothing is taken any more.
    Failed,
}

/// The requests of one connection. See the head of the module.
#[derive(Clone, Debug)]
pub struct Parser {
    limits: MessageLimits,
    state: State,
    /// Bytes taken of the request, from the end of its head on.
    at: u64,
}

#[derive(Clone, Debug)]
enum State {
    Head { section: Section, line: Option<RequestLine> },
    Body { head: Head, body: Body },
    Failed(ParseError),
}

impl State {
    const fn new() -> Self {
        Self::Head { section: Section::new(), line: None }
    }
}

impl Parser {
    /// One that has taken nothing.
    #[must_use]
    pub fn new(limits: MessageLimits) -> Self {
        limits.check_invariants();
        Self { limits, state: State::new(), at: 0 }
    }

    /// Takes bytes up to the next thing that comes of them; `None`: all were taken.
    ///
    /// # Errors
    ///
    /// They are no request, or none that is served. It says so for ever.
    pub fn receive(&mut self, bytes: &mut &[u8]) -> Result<Option<Parsed>, ParseError> {
        let result = self.advance(bytes);
        if let Err(error) = result {
            self.state = State::Failed(error);
        }
        result
    }

    fn advance(&mut self, bytes: &mut &[u8]) -> Result<Option<Parsed>, ParseError> {
        loop {
            let parsed = match std::mem::replace(&mut self.state, State::new()) {
                State::Head { section, line } => self.take_head(section, line, bytes)?,
                State::Body { head, body } => self.take_body(head, body, bytes)?,
                State::Failed(error) => return Err(error),
            };
            if parsed.is_some() || bytes.is_empty() {
                return Ok(parsed);
            }
        }
    }

    fn take_head(
        &mut self,
        mut section: Section,
        mut line: Option<RequestLine>,
        bytes: &mut &[u8],
    ) -> Result<Option<Parsed>, ParseError> {
        loop {
            let taken = section.take_line(bytes, self.limits.head_bytes_max);
            let taken = taken.map_err(|broken| {
                let fault = match broken {
                    Broken::TooLong if line.is_none() => Fault::RequestLineTooLong,
                    Broken::TooLong => Fault::HeadTooLong,
                    Broken::Byte(fault) => fault,
                };
                ParseError { fault, at: section.count() as u64 }
            })?;
            let Some(place) = taken else {
                self.state = State::Head { section, line };
                return Ok(None);
            };
            match line.take() {
                // RFC 9112 section 2.2: empty lines before a request.
                None if place.is_empty() => section.drop_lines(),
                None => {
                    let read = request_line(&section.bytes[place]);
                    line = Some(read.map_err(|found| section.error(found))?);
                }
                Some(whole) if place.is_empty() => return self.end_head(section, whole),
                Some(first) => line = Some(first),
            }
        }
    }

    fn end_head(
        &mut self,
        section: Section,
        line: RequestLine,
    ) -> Result<Option<Parsed>, ParseError> {
        let RequestLine { method, target, version, end } = line;
        let fields = fields(&section.bytes, end, self.limits.fields_max);
        let fields = fields.map_err(|found| section.error(found))?;
        let framing = framing(&section.bytes, &fields, version, self.limits.body_bytes_max);
        let framing = framing.map_err(|found| section.error(found))?;
        self.at = section.count() as u64;
        let persistence = framing.persistence;
        let head = Head { bytes: section.bytes, method, target, version, fields, persistence };
        if framing.length == Length::Known(0) {
            return Ok(Some(self.whole(head, Vec::new())));
        }
        self.state = State::Body { head, body: Body::new(framing.length) };
        Ok(framing.expects_continue.then_some(Parsed::ContinueDue))
    }

    fn take_body(
        &mut self,
        head: Head,
        mut body: Body,
        bytes: &mut &[u8],
    ) -> Result<Option<Parsed>, ParseError> {
        let offered = bytes.len();
        let taken = body.take(bytes, &self.limits);
        self.at += (offered - bytes.len()) as u64;
        let error = |(fault, ago)| ParseError { fault, at: self.at - ago as u64 };
        match taken.map_err(error)? {
            Progress::Complete => Ok(Some(self.whole(head, body.into_bytes()))),
            Progress::Partial => {
                self.state = State::Body { head, body };
                Ok(None)
            }
        }
    }

    fn whole(&mut self, head: Head, body: Vec<u8>) -> Parsed {
        self.state = State::new();
        self.at = 0;
        Parsed::Request(Request::new(head, body))
    }

    /// Forgets what has come, and its memory.
    pub(super) fn clear(&mut self) {
        *self = Self::new(self.limits);
    }

    /// How far the request has got.
    #[must_use]
    pub const fn stage(&self) -> ParseStage {
        match &self.state {
            State::Head { section, .. } if section.is_empty() => ParseStage::Between,
            State::Head { .. } => ParseStage::Head,
            State::Body { .. } => ParseStage::Body,
            State::Failed(_) => ParseStage::Failed,
        }
    }

    /// Bytes of memory for the request that is not whole: at most twice what it may be, since
    /// memory grows by doubling.
    #[must_use]
    pub const fn byte_count(&self) -> usize {
        match &self.state {
            State::Head { section, .. } => section.bytes.capacity(),
            State::Body { head, body } => head.byte_count() + body.byte_count(),
            State::Failed(_) => 0,
        }
    }
}
