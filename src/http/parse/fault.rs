//! What can be wrong with a request, and which status says so.

use std::fmt;

use crate::http::Status;

/// A request that is not served, and after which the stream has no meaning any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ParseError {
    /// What is wrong.
    pub fault: Fault,
    /// Where: bytes from the first one of the request, empty lines before it included. Of a byte
    /// that byte, of a field the start of its line, of what is missing where it should be.
    pub at: u64,
}

impl ParseError {
    /// The status that says so.
    #[must_use]
    pub const fn status(self) -> Status {
        self.fault.status()
    }
}

impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at offset {}", self.fault, self.at)
    }
}

impl std::error::Error for ParseError {}

/// What can be wrong. Sections are those of RFC 9112, unless another RFC is named.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Fault {
    /// A control character in the head (section 3; RFC 9110 section 5.5).
    ControlByte(u8),
    /// CR without LF (section 2.2).
    BareCr,
    /// LF without CR (section 2.2, which lets us take it for a line's end; others might not).
    BareLf,
    /// The request line is not a method, a target and a version with one space between (section 3).
    RequestLine,
    /// A method that nobody here knows (RFC 9110 section 9.1).
    MethodUnknown,
    /// The target has none of the forms, or not the one for its method (section 3.2).
    Target,
    /// The request line is longer than any head (section 3).
    RequestLineTooLong,
    /// The version is none (section 2.3).
    Version,
    /// HTTP of another major version (RFC 9110 section 15.6.6).
    VersionUnsupported,
    /// A field that is not a token, a colon at once, and a value on the same line (section 5).
    Field,
    /// The head is over its limit (RFC 6585 section 5).
    HeadTooLong,
    /// More fields than the limit (RFC 6585 section 5).
    TooManyFields,
    /// HTTP/1.1 without `Host`, or with several, or with one that is none (section 3.2).
    Host,
    /// `Content-Length` is no number, or several that differ (section 6.3).
    ContentLength,
    /// Both `Content-Length` and `Transfer-Encoding` (section 6.1).
    LengthAndCoding,
    /// `Transfer-Encoding` in HTTP/1.0 (section 6.1).
    CodingInHttp10,
    /// `Transfer-Encoding` is no list of codings, or `chunked` is not once and last (section 6.3).
    TransferEncoding,
    /// A coding before `chunked` that nobody here knows (section 6.1).
    CodingUnknown,
    /// The body is over its limit, or its length over any number (RFC 9110 section 15.5.14).
    BodyTooLong,
    /// An expectation other than `100-continue` (RFC 9110 section 10.1.1).
    Expectation,
    /// A chunk's size is no hexadecimal number with a line's end or an extension behind it
    /// (section 7.1).
    ChunkSize,
    /// A chunk is longer than its size (section 7.1).
    ChunkEnd,
    /// The chunk extensions together are over the limit (section 7.1.1).
    ExtensionsTooLong,
}

impl Fault {
    /// The status that says so.
    #[must_use]
    pub const fn status(self) -> Status {
        match self {
            Self::MethodUnknown | Self::CodingUnknown => Status::NOT_IMPLEMENTED,
            Self::RequestLineTooLong => Status::URI_TOO_LONG,
            Self::VersionUnsupported => Status::VERSION_NOT_SUPPORTED,
            Self::HeadTooLong | Self::TooManyFields => Status::FIELDS_TOO_LARGE,
            Self::BodyTooLong | Self::ExtensionsTooLong => Status::CONTENT_TOO_LARGE,
            Self::Expectation => Status::EXPECTATION_FAILED,
            Self::ControlByte(_)
            | Self::BareCr
            | Self::BareLf
            | Self::RequestLine
            | Self::Target
            | Self::Version
            | Self::Field
            | Self::Host
            | Self::ContentLength
            | Self::LengthAndCoding
            | Self::CodingInHttp10
            | Self::TransferEncoding
            | Self::ChunkSize
            | Self::ChunkEnd => Status::BAD_REQUEST,
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ControlByte(byte) => return write!(f, "control character {byte:#04x}"),
            Self::BareCr => "carriage return without line feed",
            Self::BareLf => "line feed without carriage return",
            Self::RequestLine => "request line is not method, target and version",
            Self::MethodUnknown => "unknown method",
            Self::Target => "target is none for this method",
            Self::RequestLineTooLong => "request line is over the limit",
            Self::Version => "version is none",
            Self::VersionUnsupported => "version is not 1",
            Self::Field => "field is not name, colon and value",
            Self::HeadTooLong => "head or trailer is over the limit",
            Self::TooManyFields => "more fields than the limit",
            Self::Host => "host is missing, repeated or none",
            Self::ContentLength => "content length is no number, or several",
            Self::LengthAndCoding => "both content length and transfer encoding",
            Self::CodingInHttp10 => "transfer encoding in HTTP/1.0",
            Self::TransferEncoding => "transfer encoding without chunked once and last",
            Self::CodingUnknown => "unknown transfer coding",
            Self::BodyTooLong => "body is over the limit",
            Self::Expectation => "unknown expectation",
            Self::ChunkSize => "chunk size is no hexadecimal number",
            Self::ChunkEnd => "chunk is longer than its size",
            Self::ExtensionsTooLong => "chunk extensions are over the limit",
        })
    }
}
