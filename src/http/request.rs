//! A request as the application gets it: head and body, both whole.

use std::fmt;
use std::ops::Range;

/// What is asked for. RFC 9110 section 9.3, and PATCH of RFC 5789. CONNECT is not among them: there
/// are no tunnels here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Method {
    /// The representation.
    Get,
    /// What GET would answer, without the content.
    Head,
    /// To be processed.
    Post,
    /// To be stored.
    Put,
    /// To be removed.
    Delete,
    /// What is possible.
    Options,
    /// The request, sent back.
    Trace,
    /// To be changed.
    Patch,
}

impl Method {
    /// Every method.
    pub const ALL: [Self; 8] = [
        Self::Get,
        Self::Head,
        Self::Post,
        Self::Put,
        Self::Delete,
        Self::Options,
        Self::Trace,
        Self::Patch,
    ];

    /// As the wire has it; case counts.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Head => "HEAD",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Delete => "DELETE",
            Self::Options => "OPTIONS",
            Self::Trace => "TRACE",
            Self::Patch => "PATCH",
        }
    }

    /// The method of that name.
    #[must_use]
    pub fn from_name(name: &[u8]) -> Option<Self> {
        Self::ALL.into_iter().find(|method| method.name().as_bytes() == name)
    }
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Which HTTP the client speaks, as far as it makes a difference.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Version {
    /// HTTP/1.0: no chunks, no 100, and an end after each answer unless asked otherwise.
    Http10,
    /// HTTP/1.1. A higher minor version counts as this one (RFC 9110 section 2.5).
    Http11,
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Http10 => "HTTP/1.0",
            Self::Http11 => "HTTP/1.1",
        })
    }
}

/// What becomes of the connection after the answer. RFC 9112 section 9.3.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Persistence {
    /// The next request may come.
    KeepAlive,
    /// It ends.
    Close,
}

/// The request line and the fields, in the bytes in which they came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Head {
    /// From the first byte of the request line to the empty line.
    pub(super) bytes: Vec<u8>,
    pub(super) method: Method,
    /// Visible ASCII.
    pub(super) target: Range<usize>,
    pub(super) version: Version,
    pub(super) fields: Vec<Field>,
    pub(super) persistence: Persistence,
}

impl Head {
    /// Bytes of memory that it holds.
    pub(super) const fn byte_count(&self) -> usize {
        self.bytes.capacity() + self.fields.capacity() * size_of::<Field>()
    }
}

/// Where a field stands in the bytes of its head.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Field {
    /// A token: ASCII.
    pub(super) name: Range<usize>,
    /// Without the space around it.
    pub(super) value: Range<usize>,
}

/// A request, complete.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    head: Head,
    body: Vec<u8>,
}

impl Request {
    pub(super) const fn new(head: Head, body: Vec<u8>) -> Self {
        Self { head, body }
    }

    /// What is asked for.
    #[must_use]
    pub const fn method(&self) -> Method {
        self.head.method
    }

    /// The request target as it came: a path with its query, an absolute URI, or `*`.
    #[must_use]
    pub fn target(&self) -> &str {
        ascii(&self.head.bytes[self.head.target.clone()])
    }

    /// The path of the target, without query and authority; `*` if it is that.
    #[must_use]
    pub fn path(&self) -> &str {
        let target = self.target();
        let local = match target.split_once("://") {
            Some((_, rest)) if !target.starts_with('/') => {
                rest.find('/').map_or("/", |at| &rest[at..])
            }
            _ => target,
        };
        local.split('?').next().unwrap_or_default()
    }

    /// Which HTTP the client speaks.
    #[must_use]
    pub const fn version(&self) -> Version {
        self.head.version
    }

    /// Whether the client goes on after the answer.
    #[must_use]
    pub const fn persistence(&self) -> Persistence {
        self.head.persistence
    }

    /// Every field: name and value, in the order in which they came. A value may be of any bytes
    /// but control characters.
    pub fn fields(&self) -> impl Iterator<Item = (&str, &[u8])> {
        let bytes = &self.head.bytes;
        let fields = self.head.fields.iter();
        fields.map(|field| (ascii(&bytes[field.name.clone()]), &bytes[field.value.clone()]))
    }

    /// The first field of a name, in whatever case.
    #[must_use]
    pub fn field(&self, name: &str) -> Option<&[u8]> {
        self.fields().find_map(|(of, value)| of.eq_ignore_ascii_case(name).then_some(value))
    }

    /// The content, without its framing.
    #[must_use]
    pub fn body(&self) -> &[u8] {
        &self.body
    }

    /// The content, to keep.
    #[must_use]
    pub fn into_body(self) -> Vec<u8> {
        self.body
    }

    /// Bytes of memory that it holds.
    #[must_use]
    pub const fn byte_count(&self) -> usize {
        self.head.byte_count() + self.body.capacity()
    }
}

fn ascii(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).expect("it was parsed as ASCII")
}
