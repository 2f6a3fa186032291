//! Fewer lines of the script, and fewer settings of the node.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::schedule::Op;

use super::ddmin::ddmin;
use super::draft::Timed;
use super::order::{CountedCall, fewer_calls, reanchored};
use super::search::Search;

/// In a script of at most so many lines, any two may be taken out together: `stops reading` and
/// `reads again`. A run for each pair of 16 lines is 120 runs.
const PAIRS_LINES_MAX: usize = 16;

/// Takes out what comes after the failure.
pub(super) fn cut(search: &mut Search<'_>) {
    let lines = search.best().lines.clone();
    let carried_out = search.carried_out();
    if !search.is_all_free() || search.attempt(search.best().with_lines(&lines[..carried_out])) {
        return;
    }
    // The time until the next line may have mattered, and what follows it did not.
    let next = lines.len().min(carried_out + 1);
    search.attempt(search.best().with_lines(&lines[..next]));
}

/// Takes out lines.
pub(super) fn remove(search: &mut Search<'_>) {
    let lines = search.best().lines.clone();
    let is_free: Vec<_> = lines.iter().map(|line| search.is_free(&line.op)).collect();
    let free: Vec<_> = (0..lines.len()).filter(|index| is_free[*index]).collect();
    let calls: Vec<_> = lines.iter().map(|line| counted_call(&line.op)).collect();
    ddmin(free.len(), |kept| {
        if search.is_over() {
            return false;
        }
        let kept: BTreeSet<_> = kept.iter().map(|place| free[*place]).collect();
        let stays = |index: &usize| !is_free[*index] || kept.contains(index);
        let kept: Vec<_> = (0..lines.len()).filter(stays).collect();
        let plain: Vec<_> = kept.iter().map(|index| lines[*index].clone()).collect();
        let fewer = fewer_calls(&calls, kept.iter().copied());
        let mut shifted = plain.clone();
        for (line, fewer) in shifted.iter_mut().zip(fewer) {
            if let Op::Fault(fault) = &mut line.op {
                fault.nth = fault.nth.saturating_sub(fewer).max(1);
            }
        }
        attempt_lines(search, &plain) || attempt_lines(search, &shifted)
    });
}

/// The call that a fault is about, which is counted from the line on.
const fn counted_call(op: &Op) -> Option<CountedCall> {
    if let Op::Fault(fault) = op { Some((fault.call, fault.actor, fault.nth)) } else { None }
}

/// Takes out two lines at once.
pub(super) fn remove_pairs(search: &mut Search<'_>) {
    let count = search.best().lines.len();
    if count > PAIRS_LINES_MAX {
        return;
    }
    for first in 0..count {
        for second in first + 1..count {
            let mut lines = search.best().lines.clone();
            let pair = [lines.remove(second), lines.remove(first)];
            if pair.iter().all(|line| search.is_free(&line.op)) && attempt_lines(search, &lines) {
                return;
            }
        }
    }
}

/// Takes these lines for the script; where counts of the order have changed thereby, also with
/// other counts.
fn attempt_lines(search: &mut Search<'_>, lines: &[Timed]) -> bool {
    let draft = search.best().with_lines(lines);
    let others = reanchored(&draft);
    search.attempt(draft) || others.into_iter().any(|draft| search.attempt(draft))
}

/// Takes out settings of the node.
pub(super) fn remove_settings(search: &mut Search<'_>) {
    if !search.is_all_free() {
        return;
    }
    let settings = search.best().node.clone();
    ddmin(settings.len(), |kept| {
        let mut draft = search.best().clone();
        draft.node = kept.iter().map(|place| settings[*place].clone()).collect();
        search.attempt(draft)
    });
}

/// Makes one line of two in which the same actor says something.
pub(super) fn merge(search: &mut Search<'_>) {
    let mut line = 0;
    while line < search.best().lines.len() {
        if !merge_next(search, line) {
            line += 1;
        }
    }
}

/// Lets a line say what the same actor says next.
fn merge_next(search: &mut Search<'_>, line: usize) -> bool {
    let lines = &search.best().lines;
    let Op::Send { actor, items } = &lines[line].op else { return false };
    if !search.is_free(&lines[line].op) {
        return false;
    }
    let said_next = |at: &usize| matches!(&lines[*at].op, Op::Send { actor: a, .. } if a == actor);
    let Some(next) = (line + 1..lines.len()).find(said_next) else { return false };
    let Op::Send { items: more, .. } = &lines[next].op else { return false };
    let op = Op::Send { actor: *actor, items: [&items[..], more].concat() };
    // Into the first, or into the second.
    let mut early = search.best().with_op(line, op.clone());
    early.lines.remove(next);
    let mut late = search.best().with_op(next, op);
    late.lines.remove(line);
    if late.lines.first().is_some_and(|first| first.at > Duration::ZERO) && line == 0 {
        // What stands first begins at the start.
        let start = late.lines[0].at;
        late.lines.iter_mut().for_each(|line| line.at -= start);
    }
    search.attempt(early) || search.attempt(late)
}
