//! Bytes that wait for the kernel, offered without copying.

use std::collections::VecDeque;

use super::response::Body;
use crate::sockets::More;
use crate::sockman::Slices;

/// Answers in the order in which they go out, in parts. The first may have gone out in part.
#[derive(Clone, Debug, Default)]
pub(super) struct Outbox {
    /// None of them empty.
    parts: VecDeque<Body>,
    /// Bytes of the first part that were taken; less than its length.
    offset: usize,
    byte_count: usize,
}

impl Outbox {
    pub(super) fn push(&mut self, part: Body) {
        let bytes = part.as_bytes().len();
        if bytes > 0 {
            self.byte_count += bytes;
            self.parts.push_back(part);
        }
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.byte_count == 0
    }

    /// Bytes that wait.
    pub(super) const fn byte_count(&self) -> usize {
        self.byte_count
    }

    /// Offers what waits, as far as one send takes it.
    pub(super) fn gather<'a>(&'a self, slices: &mut Slices<'a>) -> More {
        let mut offset = self.offset;
        for part in &self.parts {
            if slices.push(&part.as_bytes()[offset..]).is_err() {
                return More::Yes;
            }
            offset = 0;
        }
        More::No
    }

    /// The kernel took `count` bytes from the front.
    pub(super) fn advance(&mut self, count: usize) {
        assert!(count <= self.byte_count, "what was sent was there");
        self.byte_count -= count;
        self.offset += count;
        while let Some(part) = self.parts.front() {
            let bytes = part.as_bytes().len();
            if self.offset < bytes {
                break;
            }
            self.offset -= bytes;
            self.parts.pop_front();
        }
    }

    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }

    pub(super) fn check_invariants(&self) {
        let bytes: usize = self.parts.iter().map(|part| part.as_bytes().len()).sum();
        assert_eq!(self.byte_count + self.offset, bytes, "sent and unsent make the parts");
        let first = self.parts.front().map_or(1, |part| part.as_bytes().len());
        assert!(self.offset < first, "a part that was sent is gone");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unsent(outbox: &Outbox) -> Vec<u8> {
        let mut slices = Slices::new();
        let _ = outbox.gather(&mut slices);
        slices.as_slice().iter().flat_map(|slice| slice.to_vec()).collect()
    }

    #[test]
    fn every_short_count_leaves_the_rest() {
        let filled = || {
            let mut outbox = Outbox::default();
            for part in ["head", "", "content", "head"] {
                outbox.push(part.into());
            }
            outbox
        };
        let whole = unsent(&filled());
        assert_eq!(whole, b"headcontenthead");
        for count in 0..=whole.len() {
            let mut outbox = filled();
            outbox.advance(count);
            outbox.check_invariants();
            assert_eq!(unsent(&outbox), whole[count..]);
            outbox.advance(outbox.byte_count());
            outbox.check_invariants();
            assert!(outbox.is_empty());
        }
    }

    #[test]
    fn more_parts_than_one_send_takes_follow_at_once() {
        let mut outbox = Outbox::default();
        for _ in 0..1000 {
            outbox.push("x".into());
        }
        let mut slices = Slices::new();
        assert_eq!(outbox.gather(&mut slices), More::Yes);
        let count = slices.byte_count();
        outbox.advance(1000 - count);
        assert_eq!(outbox.gather(&mut Slices::new()), More::No);
        assert_eq!(outbox.byte_count(), count);
    }
}
