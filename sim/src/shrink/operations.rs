//! How long a schedule is for whoever reads it.

use std::collections::BTreeMap;

use crate::schedule::{ActorId, Item, Manner, Op, Schedule};

/// Words of which a handshake consists.
pub(super) const HANDSHAKE: [&str; 2] = ["version", "verack"];

/// Parts of a handshake, as bits.
const HONEST: u8 = 1;
const LISTENS: u8 = 2;
const CONNECTS: u8 = 4;

/// The operations of a schedule: each line of the script or of the order is one, also a fault and
/// an expectation. Two things count less.
///
/// A whole handshake is one: the lines of one actor that only bring a connection about, each kind
/// of them once and no other of its lines between them. These are `is honest`, `listens`, `dials`
/// or `node dials`, and `sends` with nothing but `version` and `verack`. Who is chatty does more.
///
/// A repeat (`ping x200`) is one, because shrinking leaves no count that could be smaller; where
/// its budget was spent first, its [`Stats`](super::Stats) say so.
#[must_use]
pub fn operations(schedule: &Schedule) -> usize {
    let mut open: BTreeMap<ActorId, u8> = BTreeMap::new();
    let mut count = schedule.order.len();
    for line in &schedule.script {
        let parts = parts_of(&line.op);
        let Some(actor) = line.op.actor() else {
            count += 1;
            continue;
        };
        let begun = open.get(&actor).copied().unwrap_or(0);
        let goes_on = parts != 0 && begun != 0 && begun & parts == 0;
        count += usize::from(!goes_on);
        open.insert(actor, if goes_on { begun | parts } else { parts });
    }
    count
}

/// The parts of a handshake that a line is; none if it is something else, or more.
fn parts_of(op: &Op) -> u8 {
    match op {
        Op::Behave { manner: Manner::Honest, .. } => HONEST,
        Op::Listen { .. } => LISTENS,
        Op::Dial { .. } | Op::NodeDials { .. } => CONNECTS,
        Op::Send { items, .. } => items.iter().try_fold(0, add_word).unwrap_or(0),
        Op::Behave { .. }
        | Op::NodeDrops { .. }
        | Op::NodeDialsItself
        | Op::NodeTold { .. }
        | Op::NodeRestarts
        | Op::NodeCrashes
        | Op::NodeStalls { .. }
        | Op::Vanish { .. }
        | Op::StopReading { .. }
        | Op::ReadAgain { .. }
        | Op::HalfClose { .. }
        | Op::Close { .. }
        | Op::Reset { .. }
        | Op::Link { .. }
        | Op::WallJump { .. }
        | Op::Fault(_)
        | Op::Expect(_) => 0,
    }
}

/// The parts with those of one more item: the words of a handshake as they usually are, each once.
fn add_word(parts: u8, item: &Item) -> Option<u8> {
    let Item::Word { word, times: 1 } = item else { return None };
    let place = HANDSHAKE.iter().position(|name| *name == word.name)?;
    let part = CONNECTS << (place + 1);
    (word.settings.is_empty() && parts & part == 0).then_some(parts | part)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(script: &str, expected: usize) {
        let schedule = Schedule::parse("counted", &format!("format 1\n\n{script}")).unwrap();
        assert_eq!(operations(&schedule), expected, "{script}");
    }

    #[test]
    fn every_line_counts() {
        check("", 0);
        check("p1 dials\np1 closes\n", 2);
        check("p1 dials\np2 dials\n", 2);
        check("wall jumps +1h\nfault node's next accept fails: aborted\nexpect node keeps p1\n", 3);
        check("p1 dials\norder before node accepts: run commands\n", 2);
        check("link p1 latency 1s\nlink p1 heals\n", 2);
    }

    #[test]
    fn a_handshake_counts_once() {
        check("p1 dials\np1 sends version, verack\n", 1);
        check("p1 sends version\np1 dials\n+1s p1 sends verack\n", 1);
        check("p1 is honest\np1 dials\n", 1);
        check("p1 dials\np1 is honest\n", 1);
        check("p1 is honest\np1 listens\nnode dials p1\n", 1);
        check("p1 dials\np2 dials\np1 is honest\np2 is honest\n", 2);
    }

    #[test]
    fn what_is_more_than_a_handshake_counts_by_itself() {
        check("p1 dials\np1 sends version, verack, ping\n", 2);
        check("p1 dials\np1 sends version protocol=1\n", 2);
        check("p1 dials\np1 sends version x2\n", 2);
        check("p1 dials\np1 sends version, version\n", 2);
        check("p1 is chatty\np1 dials\n", 2);
        check("p1 dials\np1 closes\np1 is honest\n", 3);
        check("p1 is honest\np1 dials\np1 dials\n", 2);
        check("p1 is honest\np1 dials\np1 closes\np1 dials\n", 3);
    }
}
