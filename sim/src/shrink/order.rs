//! Fewer and plainer order lines.

use crate::schedule::{ActorId, Call, Deviation, Fault, Op};

use super::ddmin::ddmin;
use super::draft::{Draft, Timed, nth_of, with_nth};
use super::search::Search;

/// With more order lines than this, counts are not guessed: it would cost too many runs.
const REANCHORED_MAX: usize = 8;

/// In a longer script, faults stay where they are; and where one goes, it counts to this at most.
/// It costs a run for each place and count.
const MOVED_LINES_MAX: usize = 8;
const COUNTS_MOVED: u32 = 3;

/// A step that was counted up to this is sought among the first so many as well.
const COUNTS_TRIED: u32 = 6;

/// Takes out order lines: all, halves, quarters, single ones.
pub(super) fn remove(search: &mut Search<'_>) {
    let order = search.best().order.clone();
    let effects: Vec<_> = order.iter().map(counted_call).collect();
    ddmin(order.len(), |kept| {
        if search.is_over() {
            return false;
        }
        let plain: Vec<_> = kept.iter().map(|line| order[*line].clone()).collect();
        let fewer = fewer_calls(&effects, kept.iter().copied());
        let less = |(deviation, fewer): (&Deviation, u32)| {
            with_nth(deviation, nth_of(deviation).saturating_sub(fewer).max(1))
        };
        let shifted: Vec<_> = plain.iter().zip(fewer).map(less).collect();
        search.attempt(search.best().with_order(&plain))
            || search.attempt(search.best().with_order(&shifted))
    });
}

/// A call that something is done to: which, with whom, and the how-manieth.
pub(super) type CountedCall = (Call, Option<ActorId>, u32);

fn counted_call(deviation: &Deviation) -> Option<CountedCall> {
    match deviation {
        Deviation::At { call, actor, nth, .. } => Some((*call, *actor, *nth)),
        Deviation::Before { .. } => None,
    }
}

/// By how much each of the lines that are kept counts too far, once others are gone: a send that is
/// cut short makes one more send of it. `calls` are those of all lines, `kept` numbers of them.
pub(super) fn fewer_calls(
    calls: &[Option<CountedCall>],
    kept: impl Iterator<Item = usize>,
) -> Vec<u32> {
    let kept: Vec<_> = kept.collect();
    let gone = calls.iter().enumerate().filter(|(line, _)| kept.binary_search(line).is_err());
    let gone: Vec<_> = gone.filter_map(|(_, call)| *call).collect();
    let fewer = |line: &usize| {
        let Some((call, actor, nth)) = calls[*line] else { return 0 };
        let before = gone.iter().filter(|(c, a, n)| (*c, *a) == (call, actor) && *n < nth);
        u32::try_from(before.count()).unwrap_or(u32::MAX)
    };
    kept.iter().map(fewer).collect()
}

/// Says what becomes of a call in the script, where it reads as `node's next send to p1 would
/// block`, in place of the order.
pub(super) fn turn_into_faults(search: &mut Search<'_>) {
    if !search.is_all_free() {
        return;
    }
    for line in (0..search.best().order.len()).rev() {
        let Deviation::At { call, actor, nth, effect } = search.best().order[line] else {
            continue;
        };
        let fault = Op::Fault(Fault { call, nth, times: 1, actor, effect });
        let mut draft = search.best().clone();
        draft.order.remove(line);
        let at = draft.lines.first().map(|first| first.at).unwrap_or_default();
        // Counted from the start, as the order counts.
        draft.lines.insert(0, Timed::new(at, fault));
        search.attempt(draft);
    }
}

/// Names steps by smaller counts; a fault stands where its call is the next.
pub(super) fn move_up(search: &mut Search<'_>) {
    for line in 0..search.best().order.len() {
        let deviation = search.best().order[line].clone();
        let nth = nth_of(&deviation);
        for fewer in 1..nth.min(COUNTS_TRIED + 1) {
            // A copy of a long order is work too.
            if search.is_over() {
                return;
            }
            let mut draft = search.best().clone();
            draft.order[line] = with_nth(&deviation, fewer);
            if search.attempt(draft) {
                break;
            }
        }
    }
    for line in 0..search.best().lines.len() {
        move_fault(search, line);
    }
}

fn move_fault(search: &mut Search<'_>, line: usize) {
    let lines = &search.best().lines;
    if lines.len() > MOVED_LINES_MAX {
        return;
    }
    let Op::Fault(fault) = lines[line].op else { return };
    if !search.is_free(&lines[line].op) {
        return;
    }
    let others: Vec<_> = [&lines[..line], &lines[line + 1..]].concat();
    for nth in 1..fault.nth.min(COUNTS_MOVED + 1) {
        for place in (0..=others.len()).rev() {
            // With the line below, or with the line above.
            let near = [others.get(place), place.checked_sub(1).and_then(|at| others.get(at))];
            for at in near.into_iter().flatten().map(|line| line.at) {
                let mut moved = others.clone();
                moved.insert(place, Timed::new(at, Op::Fault(Fault { nth, ..fault })));
                if search.attempt(search.best().with_lines(&moved)) {
                    return;
                }
            }
        }
    }
}

/// The same with other counts in the order: with fewer lines in the script, what was the third time
/// may be the second.
pub(super) fn reanchored(draft: &Draft) -> Vec<Draft> {
    if draft.order.is_empty() || draft.order.len() > REANCHORED_MAX {
        return Vec::new();
    }
    let mut others = Vec::new();
    let less = |by: u32| move |nth: u32| nth.saturating_sub(by).max(1);
    for (line, deviation) in draft.order.iter().enumerate() {
        for by in [1, 2] {
            let mut order = draft.order.clone();
            order[line] = with_nth(deviation, less(by)(nth_of(deviation)));
            others.push(draft.with_order(&order));
        }
    }
    for by in [1, 2, u32::MAX] {
        let counted = |deviation| with_nth(deviation, less(by)(nth_of(deviation)));
        let order: Vec<_> = draft.order.iter().map(counted).collect();
        others.push(draft.with_order(&order));
    }
    others.retain(|other| other != draft);
    others.dedup();
    others
}
