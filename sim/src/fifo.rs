//! Bytes that come in at the back and go at the front, in one run of memory.

use std::ops::Deref;

/// The bytes. What has gone is cut off once it is half of all, so that no more bytes are moved than
/// go, however slowly they do.
#[derive(Clone, Debug, Default)]
pub struct Fifo {
    bytes: Vec<u8>,
    gone: usize,
}

impl Fifo {
    /// Without any.
    #[must_use]
    pub const fn new() -> Self {
        Self { bytes: Vec::new(), gone: 0 }
    }

    /// How many there are.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.bytes.len() - self.gone
    }

    /// Whether there are none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Where more are put. They are for who adds at the end alone: what has gone may still stand in
    /// front.
    pub const fn back(&mut self) -> &mut Vec<u8> {
        &mut self.bytes
    }

    /// Takes the first ones out.
    ///
    /// # Panics
    ///
    /// If there are not as many.
    pub fn take(&mut self, count: usize) {
        assert!(count <= self.len(), "{count} of {} bytes are taken", self.len());
        self.gone += count;
        if self.gone * 2 >= self.bytes.len() {
            self.bytes.drain(..self.gone);
            self.gone = 0;
        }
    }

    /// Takes all out.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.gone = 0;
    }
}

impl Deref for Fifo {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes[self.gone..]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_go_in_the_order_in_which_they_came() {
        let mut fifo = Fifo::new();
        let (mut came, mut went) = (0_u8, 0_u8);
        for count in [7, 0, 3, 11, 1, 1, 1, 20] {
            fifo.back().extend((0..count).map(|nth: u8| came + nth));
            came += count;
            let taken = fifo.len() / 3;
            assert!(fifo.iter().copied().eq(went..came));
            fifo.take(taken);
            went += u8::try_from(taken).expect("a few");
            assert_eq!(fifo.len(), usize::from(came - went));
        }
        fifo.take(fifo.len());
        assert!(fifo.is_empty() && fifo.back().is_empty());
    }

    #[test]
    fn what_has_gone_is_never_more_than_half() {
        let mut fifo = Fifo::new();
        fifo.back().extend([0; 1000]);
        for _ in 0..1000 {
            fifo.take(1);
            assert!(fifo.back().len() <= 2 * fifo.len());
        }
    }
}
