//! Draws from a fuzzer's bytes. Where they end, each draw is the first of its choices.

use arbitrary::Unstructured;
#[cfg(test)]
use rand_chacha::{
    ChaCha8Rng,
    rand_core::{Rng as _, SeedableRng as _},
};

/// A number below `bound`, which is at least 1.
pub(super) fn below(bytes: &mut Unstructured<'_>, bound: u32) -> u32 {
    // OK because the range is not empty, which is the only error.
    bytes.int_in_range(0..=bound.saturating_sub(1)).unwrap_or(0)
}

/// The same for a place or a count.
pub(super) fn index(bytes: &mut Unstructured<'_>, bound: usize) -> usize {
    bytes.int_in_range(0..=bound.saturating_sub(1)).unwrap_or(0)
}

/// One of these.
pub(super) fn pick<T: Copy>(bytes: &mut Unstructured<'_>, of: &[T]) -> T {
    of[index(bytes, of.len())]
}

/// Bytes for tests: the same for each seed.
#[cfg(test)]
pub(super) fn random_bytes(seed: u64, count: usize) -> Vec<u8> {
    let mut bytes = vec![0; count];
    ChaCha8Rng::seed_from_u64(seed).fill_bytes(&mut bytes);
    bytes
}
