//! A queue of bits, eight to a byte: what is remembered of the headers of a chain.

/// Bits in the order of their headers. Nothing is given back before all of it is, since it does not
/// grow any more once the first is taken.
#[derive(Clone, Debug, Default)]
pub(super) struct Commitments {
    words: Vec<u64>,
    pushed: u64,
    popped: u64,
}

/// By how many words there is room for more at a time, so that hardly any is without a bit: 8 kB,
/// of which the longest chain takes some hundred.
const WORDS_STEP: usize = 1024;

/// The word of a bit, and its place there.
const fn place(at: u64) -> (u64, u64) {
    (at / 64, at % 64)
}

impl Commitments {
    pub(super) const fn len(&self) -> u64 {
        self.pushed - self.popped
    }

    pub(super) fn push(&mut self, bit: bool) {
        let (_, shift) = place(self.pushed);
        if shift == 0 {
            if self.words.len() == self.words.capacity() {
                self.words.reserve_exact(WORDS_STEP);
            }
            self.words.push(0);
        }
        let last = self.words.last_mut().expect("there is one for each 64 bits begun");
        *last |= u64::from(bit) << shift;
        self.pushed += 1;
    }

    /// The first that was not taken.
    pub(super) fn pop(&mut self) -> Option<bool> {
        if self.popped == self.pushed {
            return None;
        }
        let (word, shift) = place(self.popped);
        let word = usize::try_from(word).ok().and_then(|word| self.words.get(word))?;
        self.popped += 1;
        Some(word >> shift & 1 == 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_come_out_as_they_went_in() {
        let bit = |at: u64| at.is_multiple_of(3) || at % 7 == 2;
        let mut bits = Commitments::default();
        (0..1_000).for_each(|at| bits.push(bit(at)));
        assert_eq!((bits.len(), bits.words.len()), (1_000, 16), "eight to a byte");
        assert!(bits.words.capacity() < 2 * WORDS_STEP);
        for at in 0..1_000 {
            assert_eq!(bits.pop(), Some(bit(at)), "{at}");
            assert_eq!(bits.len(), 999 - at);
        }
        assert_eq!(bits.pop(), None);
    }
}
