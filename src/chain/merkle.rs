//! One hash for many: the merkle root, and whether a list was doubled to give the same one.
//!
//! Sources: Core consensus/merkle.cpp; CVE-2012-2459.

use super::Hash;
use super::hash::double_sha256;

/// The root over some hashes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Merkle {
    /// Of no hash at all it is zeros.
    pub root: Hash,
    /// Whether another list may have the same root.
    pub doubling: Doubling,
}

/// Whether two neighbours are equal: a list that ends oddly has the root of one in which the end is
/// there twice, so that a block with such a list may be a good one in disguise. CVE-2012-2459.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Doubling {
    /// No two are.
    No,
    /// Two are, which no honest block has.
    Possible,
}

/// The root over hashes in their order. Core: `ComputeMerkleRoot`.
#[must_use]
pub fn merkle(mut level: Vec<Hash>) -> Merkle {
    let mut doubling = Doubling::No;
    while level.len() > 1 {
        if level.chunks_exact(2).any(|pair| pair[0] == pair[1]) {
            doubling = Doubling::Possible;
        }
        let upper = level.chunks(2).map(|pair| {
            // The last one stands for its missing neighbour.
            let right = pair.get(1).unwrap_or(&pair[0]);
            Hash(double_sha256([&pair[0].0, &right.0]))
        });
        level = upper.collect();
    }
    Merkle { root: level.first().copied().unwrap_or_default(), doubling }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hashes(marks: &[u8]) -> Vec<Hash> {
        marks.iter().map(|mark| Hash([*mark; 32])).collect()
    }

    #[test]
    fn root_of_one_is_itself_and_of_none_zeros() {
        assert_eq!(merkle(hashes(&[7])).root, Hash([7; 32]));
        assert_eq!(merkle(Vec::new()).root, Hash([0; 32]));
        let two = merkle(hashes(&[1, 2]));
        assert_eq!(two.root, Hash::of(&[[1; 32], [2; 32]].concat()));
    }

    /// CVE-2012-2459.
    #[test]
    fn doubled_ends_have_the_same_root_and_are_noticed() {
        for (list, doubled) in [
            (&[1, 2, 3][..], &[1, 2, 3, 3][..]),
            (&[1, 2, 3, 4, 5], &[1, 2, 3, 4, 5, 5]),
            (&[1, 2, 3, 4, 5, 6], &[1, 2, 3, 4, 5, 6, 5, 6]),
            (&[1, 2, 3, 4, 5], &[1, 2, 3, 4, 5, 5, 5, 5]),
        ] {
            let (one, other) = (merkle(hashes(list)), merkle(hashes(doubled)));
            assert_eq!(one.root, other.root, "{doubled:?}");
            assert_eq!(one.doubling, Doubling::No, "{list:?}");
            assert_eq!(other.doubling, Doubling::Possible, "{doubled:?}");
        }
        assert_eq!(merkle(hashes(&[1, 2, 2, 3])).doubling, Doubling::No, "no pair of a level");
    }
}
