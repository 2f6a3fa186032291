//! Delta debugging: fewer things, and smaller numbers.
//!
//! The source is Zeller and Hildebrandt, "Simplifying and Isolating Failure-Inducing Input" (2002),
//! without its test of subsets alone: what fails here seldom does so with a half of its lines, and
//! all at once is tried first.

/// Which of `count` things are needed for `fails` to hold, as it does for all of them: it takes out
/// everything, then halves, quarters, down to single ones, the last ones first, until no single one
/// can go. It asks with their places, so that many things are not copied for every question.
pub(super) fn ddmin(count: usize, mut fails: impl FnMut(&[usize]) -> bool) -> Vec<usize> {
    let mut left: Vec<_> = (0..count).collect();
    if left.is_empty() || fails(&[]) {
        return Vec::new();
    }
    let mut size = left.len().div_ceil(2);
    loop {
        let before = left.len();
        let mut end = left.len();
        while end > 0 {
            let start = end.saturating_sub(size);
            let kept = [&left[..start], &left[end..]].concat();
            if !kept.is_empty() && fails(&kept) {
                left = kept;
            }
            end = start;
        }
        if size == 1 && left.len() == before {
            return left;
        }
        size = size.min(left.len()).div_ceil(2);
    }
}

/// The smallest number for which `fails` holds, as far as halving finds it: `floor`, or one whose
/// predecessor does not do. `fails` holds for `value`.
pub(super) fn smallest(value: u64, floor: u64, mut fails: impl FnMut(u64) -> bool) -> u64 {
    if value <= floor || fails(floor) {
        return value.min(floor);
    }
    let (mut below, mut least) = (floor, value);
    while least - below > 1 {
        let middle = below + (least - below) / 2;
        if fails(middle) {
            least = middle;
        } else {
            below = middle;
        }
    }
    least
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is left of so many items if these are needed, and how often it asked.
    fn left_of(count: usize, needed: &[usize]) -> (Vec<usize>, u32) {
        let mut asked = 0;
        let left = ddmin(count, |kept| {
            asked += 1;
            needed.iter().all(|item| kept.contains(item))
        });
        (left, asked)
    }

    #[test]
    fn only_what_is_needed_is_left() {
        assert_eq!(left_of(0, &[]), (vec![], 0));
        assert_eq!(left_of(1, &[]), (vec![], 1));
        assert_eq!(left_of(1, &[0]).0, [0]);
        assert_eq!(left_of(1000, &[]), (vec![], 1));
        for needed in [&[0][..], &[999], &[500], &[0, 999], &[3, 4, 5, 700]] {
            assert_eq!(left_of(1000, needed).0, needed);
        }
        let all: Vec<_> = (0..40).collect();
        assert_eq!(left_of(40, &all).0, all);
    }

    #[test]
    fn few_questions_find_few_items() {
        assert!(left_of(1000, &[617]).1 <= 30, "{:?}", left_of(1000, &[617]));
        assert!(left_of(1000, &[17, 617]).1 <= 60, "{:?}", left_of(1000, &[17, 617]));
    }

    #[test]
    fn no_single_item_can_go_from_what_does_not_shrink_evenly() {
        let fails = |kept: &[usize]| kept.iter().sum::<usize>() >= 100 && kept.len() % 3 == 1;
        assert!(fails(&(0..64).collect::<Vec<_>>()));
        let left = ddmin(64, fails);
        for without in 0..left.len() {
            let mut fewer = left.clone();
            fewer.remove(without);
            assert!(fewer.is_empty() || !fails(&fewer), "{left:?} without its {without}th");
        }
    }

    #[test]
    fn the_smallest_number_is_found_by_halving() {
        for (value, floor, least) in [(1, 1, 1), (200, 1, 1), (200, 1, 137), (200, 1, 200)] {
            assert_eq!(smallest(value, floor, |number| number >= least), least);
        }
        let mut asked = 0;
        let found = smallest(1_000_000, 1, |number| {
            asked += 1;
            number >= 777_777
        });
        assert_eq!(found, 777_777);
        assert!(asked <= 21, "{asked}");
        // Where only some numbers do, the one below the result does not.
        let found = smallest(100, 1, |number| number % 7 == 2);
        assert_ne!((found - 1) % 7, 2);
    }
}
