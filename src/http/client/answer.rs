//! An answer as whoever asked gets it: head and body, both whole.

use crate::http::request::Field;
use crate::http::status::Status;

/// The status and the fields, in the bytes in which they came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::http) struct AnswerHead {
    /// From the first byte of the status line to the empty line.
    pub(in crate::http) bytes: Vec<u8>,
    pub(in crate::http) status: Status,
    pub(in crate::http) fields: Vec<Field>,
}

impl AnswerHead {
    /// Bytes of memory that it holds.
    pub(in crate::http) const fn byte_count(&self) -> usize {
        self.bytes.capacity() + self.fields.capacity() * size_of::<Field>()
    }
}

/// An answer, complete.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    pub(in crate::http) head: AnswerHead,
    pub(in crate::http) body: Vec<u8>,
}

impl Answer {
    /// What was said.
    #[must_use]
    pub const fn status(&self) -> Status {
        self.head.status
    }

    /// Every field: name and value, in the order in which they came. A value may be of any bytes
    /// but control characters.
    pub fn fields(&self) -> impl Iterator<Item = (&str, &[u8])> {
        let bytes = &self.head.bytes;
        self.head.fields.iter().map(|field| {
            let name = std::str::from_utf8(&bytes[field.name.clone()]);
            (name.expect("it was parsed as ASCII"), &bytes[field.value.clone()])
        })
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
}
