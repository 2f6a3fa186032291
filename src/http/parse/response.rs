//! The answer to one request, taken apart in whatever pieces its bytes come.
//!
//! ```text
//!   heads of 1xx --> head --> body by length, in chunks, or up to the end --> Answer
//!        '------------'-----------'--> ResponseError, and nothing any more
//! ```
//!
//! Sources: RFC 9112, sections 4 and 6.3, and RFC 9110, section 15. What two readers might delimit
//! otherwise is refused, as in a request. Bytes behind an answer are not looked at.

use std::fmt;

use super::MessageLimits;
use super::body::Body;
use super::chunked::Progress;
use super::fault::Fault;
use super::framing::{Codings, Length, Lengths};
use super::head::{At, fields, version};
use super::section::{Broken, Section};
use crate::http::client::{Answer, AnswerHead};
use crate::http::request::{Method, Version};
use crate::http::status::Status;

/// Most interim answers before the final one, so that they do not go on for ever. Ours: RFC 9110
/// section 15.2 has no bound.
pub const INTERIM_MAX: u32 = 8;

/// An answer that is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ResponseError {
    /// What is wrong.
    pub fault: ResponseFault,
    /// Where: bytes from the first one that the server has sent. Of a byte that byte, of a field
    /// the start of its line, of what is missing where it should be.
    pub at: u64,
}

impl fmt::Display for ResponseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at offset {}", self.fault, self.at)
    }
}

impl std::error::Error for ResponseError {}

/// What can be wrong with an answer. Sections are those of RFC 9112, unless another RFC is named.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ResponseFault {
    /// What can be wrong with any message.
    Message(Fault),
    /// The first line is not a version, a code of three digits from 100 to 599 and perhaps a phrase
    /// (section 4; RFC 9110 section 15).
    StatusLine,
    /// 101, and nothing else was offered (RFC 9110 section 15.2.2).
    SwitchingProtocols,
    /// More than [`INTERIM_MAX`] interim answers.
    TooManyInterim,
    /// The server sent its FIN before the end (section 8).
    CutShort,
}

impl fmt::Display for ResponseFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Message(fault) => fault.fmt(f),
            Self::StatusLine => f.write_str("status line is not version and code"),
            Self::SwitchingProtocols => f.write_str("another protocol, and none was offered"),
            Self::TooManyInterim => f.write_str("too many interim answers"),
            Self::CutShort => f.write_str("end of the stream before that of the answer"),
        }
    }
}

/// How far an answer has got.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ResponseStage {
    /// Not a byte has come of it, but perhaps interim ones.
    Awaited,
    /// In the head.
    Head,
    /// Behind the head.
    Body,
    /// It is complete, or was none; nothing is taken any more.
    Over,
}

impl fmt::Display for ResponseStage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Awaited => "before the answer",
            Self::Head => "in its head",
            Self::Body => "in its body",
            Self::Over => "behind it",
        })
    }
}

/// A status line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct StatusLine {
    code: u16,
    version: Version,
    /// Its bytes, with CR and LF: where the fields begin.
    end: usize,
}

/// The answer to one request. See the head of the module.
#[derive(Clone, Debug)]
pub struct ResponseParser {
    limits: MessageLimits,
    /// Whether the request was HEAD, to which an answer has no content.
    is_bare: bool,
    state: State,
    /// Bytes taken before what `state` counts itself.
    at: u64,
    interims: u32,
}

#[derive(Clone, Debug)]
enum State {
    Head { section: Section, line: Option<StatusLine> },
    Body { head: AnswerHead, body: Body },
    Over,
}

impl State {
    const fn new() -> Self {
        Self::Head { section: Section::new(), line: None }
    }
}

type Taken = Result<Option<Answer>, ResponseError>;

impl ResponseParser {
    /// Of the answer to a request with this method.
    #[must_use]
    pub fn new(limits: MessageLimits, method: Method) -> Self {
        limits.check_invariants();
        let is_bare = method == Method::Head;
        Self { limits, is_bare, state: State::new(), at: 0, interims: 0 }
    }

    /// Takes bytes up to the end of the answer; `None`: all were taken, and it is not complete. Of
    /// a redirect the content is not read.
    ///
    /// # Errors
    ///
    /// They are no answer. Whatever comes then is passed over.
    pub fn receive(&mut self, bytes: &mut &[u8]) -> Taken {
        loop {
            let taken = match std::mem::replace(&mut self.state, State::Over) {
                State::Head { section, line } => self.take_head(section, line, bytes)?,
                State::Body { head, body } => self.take_body(head, body, bytes)?,
                State::Over => {
                    *bytes = &[];
                    return Ok(None);
                }
            };
            if taken.is_some() || bytes.is_empty() {
                return Ok(taken);
            }
        }
    }

    /// The server sends nothing more: the answer, if it goes up to the end; `None`: it was over.
    ///
    /// # Errors
    ///
    /// It is not complete.
    pub fn end(&mut self) -> Taken {
        match std::mem::replace(&mut self.state, State::Over) {
            State::Body { head, body } if body.ends_with_stream() => {
                Ok(Some(Answer { head, body: body.into_bytes() }))
            }
            State::Over => Ok(None),
            State::Head { section, .. } => {
                let at = self.at + section.count() as u64;
                Err(ResponseError { fault: ResponseFault::CutShort, at })
            }
            State::Body { .. } => {
                Err(ResponseError { fault: ResponseFault::CutShort, at: self.at })
            }
        }
    }

    fn take_head(
        &mut self,
        mut section: Section,
        mut line: Option<StatusLine>,
        bytes: &mut &[u8],
    ) -> Taken {
        loop {
            let taken = section.take_line(bytes, self.limits.head_bytes_max);
            let taken = taken.map_err(|broken| {
                let fault = match broken {
                    Broken::TooLong => Fault::HeadTooLong,
                    Broken::Byte(fault) => fault,
                };
                self.error((fault, section.count()))
            })?;
            let Some(place) = taken else {
                self.state = State::Head { section, line };
                return Ok(None);
            };
            match line {
                None => {
                    let read = status_line(&section.bytes[place]);
                    line = Some(read.map_err(|(fault, at)| self.response_error(fault, at))?);
                }
                Some(line) if place.is_empty() => return self.end_head(section, line),
                Some(_) => {}
            }
        }
    }

    fn end_head(&mut self, section: Section, line: StatusLine) -> Taken {
        let fields = fields(&section.bytes, line.end, self.limits.fields_max);
        let fields = fields.map_err(|found| self.error(found))?;
        let Some(status) = Status::from_code(line.code) else {
            return self.end_interim(&section, line.code);
        };
        let mut lengths = Lengths::NONE;
        for field in &fields {
            let (name, value) =
                (&section.bytes[field.name.clone()], &section.bytes[field.value.clone()]);
            let at = field.name.start;
            lengths.note(name, value, at).map_err(|fault| self.error((fault, at)))?;
        }
        let ends = self.is_bare || status.has_no_content() || status.is_redirect();
        let length = match (ends, lengths.codings, lengths.length) {
            (true, ..) => Some(Length::Known(0)),
            // RFC 9112 section 6.3, 8: neither says where it ends.
            (false, Codings::None, None) => None,
            (false, ..) => {
                let (end, most) = (section.count(), self.limits.body_bytes_max);
                let length = lengths.length(line.version, end, most);
                Some(length.map_err(|found| self.error(found))?)
            }
        };
        self.at += section.count() as u64;
        let head = AnswerHead { bytes: section.bytes, status, fields };
        if length == Some(Length::Known(0)) {
            return Ok(Some(Answer { head, body: Vec::new() }));
        }
        let body = length.map_or_else(Body::until_end, Body::new);
        self.state = State::Body { head, body };
        Ok(None)
    }

    /// RFC 9110 section 15.2: it has no content, and another one follows.
    fn end_interim(&mut self, section: &Section, code: u16) -> Taken {
        if code == 101 {
            return Err(self.response_error(ResponseFault::SwitchingProtocols, 0));
        }
        if self.interims == INTERIM_MAX {
            return Err(self.response_error(ResponseFault::TooManyInterim, 0));
        }
        self.interims += 1;
        self.at += section.count() as u64;
        self.state = State::new();
        Ok(None)
    }

    fn take_body(&mut self, head: AnswerHead, mut body: Body, bytes: &mut &[u8]) -> Taken {
        let offered = bytes.len();
        let taken = body.take(bytes, &self.limits);
        self.at += (offered - bytes.len()) as u64;
        let error = |(fault, ago)| ResponseError {
            fault: ResponseFault::Message(fault),
            at: self.at - ago as u64,
        };
        match taken.map_err(error)? {
            Progress::Complete => Ok(Some(Answer { head, body: body.into_bytes() })),
            Progress::Partial => {
                self.state = State::Body { head, body };
                Ok(None)
            }
        }
    }

    const fn error(&self, (fault, place): At) -> ResponseError {
        self.response_error(ResponseFault::Message(fault), place)
    }

    const fn response_error(&self, fault: ResponseFault, place: usize) -> ResponseError {
        ResponseError { fault, at: self.at + place as u64 }
    }

    /// How far the answer has got.
    #[must_use]
    pub const fn stage(&self) -> ResponseStage {
        match &self.state {
            State::Head { section, .. } if section.is_empty() => ResponseStage::Awaited,
            State::Head { .. } => ResponseStage::Head,
            State::Body { .. } => ResponseStage::Body,
            State::Over => ResponseStage::Over,
        }
    }

    /// Bytes of memory for what has come: at most twice what it may be, since memory grows by
    /// doubling.
    #[must_use]
    pub const fn byte_count(&self) -> usize {
        match &self.state {
            State::Head { section, .. } => section.bytes.capacity(),
            State::Body { head, body } => head.byte_count() + body.byte_count(),
            State::Over => 0,
        }
    }
}

/// Takes a status line apart, without its CR and LF. RFC 9112 section 4; as others do, we also take
/// one without the space before an empty phrase.
fn status_line(line: &[u8]) -> Result<StatusLine, (ResponseFault, usize)> {
    let none = |at| (ResponseFault::StatusLine, at);
    let space = line.iter().position(|byte| *byte == b' ').ok_or_else(|| none(0))?;
    let version = version(&line[..space]).map_err(|fault| (ResponseFault::Message(fault), 0))?;
    let rest = &line[space + 1..];
    let (digits, phrase) = rest.split_at(rest.len().min(3));
    let is_code = digits.len() == 3
        && digits.iter().all(u8::is_ascii_digit)
        && matches!(phrase.first(), None | Some(b' '));
    let code = digits.iter().fold(0, |code, digit| code * 10 + u16::from(digit.wrapping_sub(b'0')));
    if !is_code || !(100..=599).contains(&code) {
        return Err(none(space + 1));
    }
    Ok(StatusLine { code, version, end: line.len() + 2 })
}
