//! Shorter and rounder times.

use std::time::Duration;

use crate::schedule::{LinkChange, Op};

use super::draft::Draft;
use super::search::Search;
use super::size::digits_of_time;

/// Times that read well, in milliseconds.
const ROUND: [u64; 11] =
    [1, 10, 100, 1_000, 10_000, 60_000, 120_000, 600_000, 1_800_000, 3_600_000, 36_000_000];

/// Makes waits none, or short, or round; the same for latencies, jumps of the clock and stalls.
pub(super) fn simplify(search: &mut Search<'_>) {
    if !search.is_all_free() {
        return;
    }
    let mut at_once = search.best().clone();
    at_once.lines.iter_mut().for_each(|line| line.at = Duration::ZERO);
    if !search.attempt(at_once) {
        for line in 0..search.best().lines.len() {
            simplify_wait(search, line);
        }
    }
    for line in 0..search.best().lines.len() {
        let op = &search.best().lines[line].op;
        if let Op::Link { actor, change: LinkChange::Latency(time) } = *op {
            let op = |time| Op::Link { actor, change: LinkChange::Latency(time) };
            simplify_op(search, line, time, &op);
        } else if let Op::WallJump { direction, by } = *op {
            simplify_op(search, line, by, &|by| Op::WallJump { direction, by });
        } else if let Op::NodeStalls { by } = *op {
            simplify_op(search, line, by, &|by| Op::NodeStalls { by });
        }
    }
}

fn simplify_wait(search: &mut Search<'_>, line: usize) {
    let wait = search.best().wait(line);
    for shorter in plainer(wait) {
        if search.attempt(with_wait(search.best(), line, shorter)) {
            return;
        }
    }
    // With the line above, and what follows when it did before.
    let mut early = search.best().clone();
    early.lines[line].at -= wait;
    search.attempt(early);
}

/// What follows moves along.
fn with_wait(draft: &Draft, line: usize, wait: Duration) -> Draft {
    let before = draft.wait(line);
    let mut draft = draft.clone();
    for line in &mut draft.lines[line..] {
        line.at = line.at.saturating_sub(before).saturating_add(wait);
    }
    draft
}

fn simplify_op(search: &mut Search<'_>, line: usize, time: Duration, op: &dyn Fn(Duration) -> Op) {
    for plainer in plainer(time) {
        if search.attempt(search.best().with_op(line, op(plainer))) {
            return;
        }
    }
}

/// Times that are plainer than this one, the plainest first: none; round ones that are shorter, and
/// the next longer one; the same with fewer digits, cut and rounded up.
fn plainer(time: Duration) -> Vec<Duration> {
    let mut times = vec![Duration::ZERO];
    let round = ROUND.map(Duration::from_millis);
    let shorter = round.iter().take_while(|round| **round < time).count();
    times.extend(&round[..shorter]);
    let nanos = time.as_nanos();
    for kept in 1..digits_of_time(time) {
        // From one digit on, in the unit of its own.
        let units = [60_000_000_000_u128, 1_000_000_000, 1_000_000, 1];
        let unit = units.into_iter().find(|unit| *unit <= nanos).unwrap_or(1);
        let whole = nanos / unit;
        let scale = 10_u128.pow(whole.max(1).ilog10().saturating_sub(kept - 1)) * unit;
        for count in [nanos / scale, nanos.div_ceil(scale)] {
            times.extend(u64::try_from(count * scale).ok().map(Duration::from_nanos));
        }
    }
    times.extend(round.get(shorter));
    times.retain(|other| *other != time);
    times
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plainer_times_are_tried_from_the_plainest() {
        let millis = Duration::from_millis;
        assert_eq!(plainer(millis(1)), [millis(0)]);
        let tried = plainer(millis(1427));
        let expected = [0, 1, 10, 100, 1000, 1000, 2000, 10_000];
        assert_eq!(tried[..6], expected.map(millis)[..6], "{tried:?}");
        assert!(tried.contains(&millis(2000)) && tried.contains(&millis(10_000)), "{tried:?}");
        assert!(!plainer(millis(1000)).contains(&millis(1000)));
    }
}
