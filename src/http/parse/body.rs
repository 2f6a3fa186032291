//! The body of a message while it comes: by its length, in chunks, or up to the end of the stream.

use super::MessageLimits;
use super::chunked::{Ago, Chunked, Progress};
use super::fault::Fault;
use super::framing::Length;

/// Bytes that are reserved when only the length has come: whoever claims more than it sends costs
/// us no more. Ours: what one read brings.
const RESERVED_BYTES_MAX: usize = 0x10000;

/// What has come, and what is still to come.
#[derive(Clone, Debug)]
pub(super) struct Body {
    bytes: Vec<u8>,
    rest: Rest,
}

#[derive(Clone, Debug)]
enum Rest {
    /// So many bytes.
    Known(usize),
    Chunked(Chunked),
    /// Whatever comes.
    UntilEnd,
}

impl Body {
    /// Nothing has come. One without bytes is complete already.
    pub(super) fn new(length: Length) -> Self {
        match length {
            Length::Known(left) => {
                let bytes = Vec::with_capacity(left.min(RESERVED_BYTES_MAX));
                Self { bytes, rest: Rest::Known(left) }
            }
            Length::Chunked => Self { bytes: Vec::new(), rest: Rest::Chunked(Chunked::new()) },
        }
    }

    /// One that goes on up to the end of the stream.
    pub(super) const fn until_end() -> Self {
        Self { bytes: Vec::new(), rest: Rest::UntilEnd }
    }

    /// Takes bytes. An error comes with how many bytes before what is left of `bytes` it lies.
    pub(super) fn take(
        &mut self,
        bytes: &mut &[u8],
        limits: &MessageLimits,
    ) -> Result<Progress, Ago> {
        match &mut self.rest {
            Rest::Known(left) => {
                let (taken, rest) = bytes.split_at((*left).min(bytes.len()));
                if self.bytes.capacity() - self.bytes.len() < taken.len() {
                    // Twice as much as before, and never more than is still to come.
                    self.bytes.reserve_exact(self.bytes.len().max(taken.len()).min(*left));
                }
                self.bytes.extend_from_slice(taken);
                *bytes = rest;
                *left -= taken.len();
                Ok(if *left == 0 { Progress::Complete } else { Progress::Partial })
            }
            Rest::Chunked(chunked) => chunked.take(bytes, &mut self.bytes, limits),
            Rest::UntilEnd => {
                let room = limits.body_bytes_max - self.bytes.len();
                let (taken, rest) = bytes.split_at(room.min(bytes.len()));
                *bytes = rest;
                if !rest.is_empty() {
                    return Err((Fault::BodyTooLong, 0));
                }
                self.bytes.extend_from_slice(taken);
                Ok(Progress::Partial)
            }
        }
    }

    /// Whether the end of the stream is its own.
    pub(super) const fn ends_with_stream(&self) -> bool {
        matches!(self.rest, Rest::UntilEnd)
    }

    /// What has come.
    pub(super) fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }

    /// Bytes of memory.
    pub(super) const fn byte_count(&self) -> usize {
        self.bytes.capacity()
            + match &self.rest {
                Rest::Chunked(chunked) => chunked.trailer_bytes(),
                Rest::Known(_) | Rest::UntilEnd => 0,
            }
    }
}
