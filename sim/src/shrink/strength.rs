//! Weaker faults and links: a short count before none at all, a close before a reset, silence in
//! one direction before silence in both.

use crate::schedule::{Call, Deviation, Effect, Fault, LinkChange, Op};

use super::ddmin::smallest;
use super::draft::Draft;
use super::search::Search;
use super::size::strength;

/// All effects, the weakest first.
const EFFECTS: [Effect; 10] = [
    Effect::Bytes(1),
    Effect::WouldBlock,
    Effect::Aborted,
    Effect::OutOfMemory,
    Effect::OutOfDescriptors,
    Effect::NoSpace,
    Effect::Unreachable,
    Effect::Io,
    Effect::TimedOut,
    Effect::Reset,
];

/// Chunks and rates that say something about a link, the weakest first.
const CHUNKS: [u32; 4] = [1000, 100, 10, 1];
const RATES: [u64; 4] = [1_000_000, 100_000, 10_000, 1_000];

/// Weakens faults, links, ends, and results of calls in the order.
pub(super) fn weaken(search: &mut Search<'_>) {
    for line in 0..search.best().lines.len() {
        let op = search.best().lines[line].op.clone();
        if !search.is_free(&op) {
            continue;
        }
        if let Op::Fault(fault) = op {
            weaken_effect(search, fault.call, fault.effect, &|draft, effect| {
                draft.lines[line].op = Op::Fault(Fault { effect, ..fault });
            });
        } else {
            for weaker in weaker(&op) {
                if search.attempt(search.best().with_op(line, weaker)) {
                    break;
                }
            }
        }
    }
    for line in 0..search.best().order.len() {
        let Deviation::At { call, actor, nth, effect } = search.best().order[line] else {
            continue;
        };
        weaken_effect(search, call, effect, &|draft, effect| {
            draft.order[line] = Deviation::At { call, actor, nth, effect };
        });
    }
}

fn weaken_effect(
    search: &mut Search<'_>,
    call: Call,
    effect: Effect,
    set: &dyn Fn(&mut Draft, Effect),
) {
    let mut attempt = |effect| {
        let mut draft = search.best().clone();
        set(&mut draft, effect);
        search.attempt(draft)
    };
    if let Effect::Bytes(bytes) = effect {
        let narrow = |bytes| Effect::Bytes(u32::try_from(bytes).unwrap_or(u32::MAX));
        smallest(bytes.into(), 1, |bytes| attempt(narrow(bytes)));
        return;
    }
    let weaker = EFFECTS.into_iter().filter(|other| strength(*other) < strength(effect));
    weaker.filter(|other| other.fits(call)).any(attempt);
}

/// What disturbs less than this, the least first.
fn weaker(op: &Op) -> Vec<Op> {
    match *op {
        Op::Reset { actor } => vec![Op::Close { actor }, Op::HalfClose { actor }],
        Op::Vanish { actor } => vec![Op::Close { actor }, Op::Reset { actor }],
        Op::HalfClose { actor } => vec![Op::Close { actor }],
        Op::Link { actor, change } => {
            let changes = match change {
                LinkChange::SwallowAll => {
                    vec![LinkChange::SwallowToNode, LinkChange::SwallowFromNode]
                }
                LinkChange::Chunks(_) => CHUNKS.map(LinkChange::Chunks).to_vec(),
                LinkChange::Bandwidth(_) => RATES.map(LinkChange::Bandwidth).to_vec(),
                LinkChange::Latency(_)
                | LinkChange::SwallowToNode
                | LinkChange::SwallowFromNode
                | LinkChange::Heal => Vec::new(),
            };
            changes.into_iter().map(|change| Op::Link { actor, change }).collect()
        }
        Op::Dial { .. }
        | Op::Listen { .. }
        | Op::NodeDials { .. }
        | Op::NodeDrops { .. }
        | Op::NodeDialsItself
        | Op::NodeTold { .. }
        | Op::NodeRestarts
        | Op::NodeCrashes
        | Op::NodeStalls { .. }
        | Op::Send { .. }
        | Op::Behave { .. }
        | Op::StopReading { .. }
        | Op::ReadAgain { .. }
        | Op::Close { .. }
        | Op::WallJump { .. }
        | Op::Fault(_)
        | Op::Expect(_) => Vec::new(),
    }
}
