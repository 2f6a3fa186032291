//! Draws below a bound from one stream, the same on every machine.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::Rng as _;

/// A stream of draws.
#[derive(Clone, Debug)]
pub(crate) struct Draws(Box<ChaCha8Rng>);

impl Draws {
    pub(crate) fn new(rng: ChaCha8Rng) -> Self {
        Self(Box::new(rng))
    }

    /// A number below `bound`; 0 where there is none.
    pub(crate) fn below(&mut self, bound: u32) -> u32 {
        let wide = u64::from(self.0.next_u32()) * u64::from(bound);
        u32::try_from(wide >> 32).expect("the high half of a product is below its factor")
    }

    /// A number from `least` to `most`.
    pub(crate) fn within(&mut self, least: u32, most: u32) -> u32 {
        least + self.below(most.saturating_sub(least).saturating_add(1))
    }

    /// True once in `times`; never if that is 0.
    pub(crate) fn once_in(&mut self, times: u32) -> bool {
        times > 0 && self.below(times) == 0
    }

    /// True with this chance in 256.
    pub(crate) fn in_256(&mut self, chance: u8) -> bool {
        self.below(256) < u32::from(chance)
    }

    pub(crate) fn pick<'a, T>(&mut self, of: &'a [T]) -> &'a T {
        let count = u32::try_from(of.len()).expect("a short list");
        &of[self.below(count) as usize]
    }

    /// One of these, by weight.
    pub(crate) fn pick_weighted<T, I>(&mut self, of: I) -> T
    where
        I: IntoIterator<Item = (T, u32), IntoIter: Clone>,
    {
        let of = of.into_iter();
        let mut draw = self.below(of.clone().map(|(_, weight)| weight).sum());
        for (one, weight) in of {
            if draw < weight {
                return one;
            }
            draw -= weight;
        }
        unreachable!("a draw below the sum falls on one of them")
    }

    pub(crate) fn seed(&mut self) -> u64 {
        self.0.next_u64()
    }
}
