//! What happens to the node itself, or to all of its links at once.

use std::time::Duration;

use super::{Author, parts, weights};
use crate::schedule::{Jump, LinkChange, Op, Word};
use crate::subject::Subject;
use crate::worlds::NodeTurn;

/// The longest that a partition lasts.
const PARTITION_SECS_MAX: u32 = 20;

/// How far a wall clock is set, at most.
const JUMP_SECS_MAX: u32 = 7200;

impl<X: Subject> Author<'_, X> {
    /// Something happens to the node, in a stretch of so long.
    pub(super) fn take_node_turn(&mut self, at: Duration, within: Duration) {
        let op = match self.draws.pick_weighted(weights(&self.table.turns.node_sorts)) {
            NodeTurn::Told => return self.tell_node(at),
            NodeTurn::DialsItself => Op::NodeDialsItself,
            NodeTurn::WallJumps => {
                let direction = *self.draws.pick(&[Jump::Forward, Jump::Back]);
                let secs = *self.draws.pick(&[60, JUMP_SECS_MAX]);
                let by = Duration::from_secs(u64::from(self.draws.below(secs)));
                Op::WallJump { direction, by }
            }
            NodeTurn::Restarts => Op::NodeRestarts,
            NodeTurn::Crashes => Op::NodeCrashes,
            NodeTurn::Stalls => {
                let most = *self.draws.pick(&[Duration::from_secs(1), within / 8, within]);
                Op::NodeStalls { by: self.time_below(most) }
            }
            NodeTurn::Partition => return self.partition(at),
            NodeTurn::FileFault => Op::Fault(parts::file_fault(&mut self.draws)),
            NodeTurn::Fault => Op::Fault(parts::fault(&mut self.draws, None)),
        };
        self.add(at, op);
    }

    /// An operator tells the node something; now and then two do, at the same instant. Whoever ends
    /// it has it begin again a moment later.
    fn tell_node(&mut self, at: Duration) {
        let word = match self.draws.below(16) {
            0 => Word::plain("stop"),
            1 => Word::plain("inspect"),
            _ => {
                let commands = X::commands();
                if commands.is_empty() {
                    return;
                }
                self.draws.pick(&commands).clone()
            }
        };
        let ends = word.name == "stop";
        self.add(at, Op::NodeTold { word });
        if self.draws.once_in(4) {
            self.add(at, Op::NodeTold { word: Word::plain("inspect") });
        }
        if ends {
            let again = at + self.time_below(Duration::from_secs(1));
            self.add(again, Op::NodeRestarts);
        }
    }

    /// Who is on the other side falls silent at once, and is back at once: everybody, or a part.
    fn partition(&mut self, at: Duration) {
        let silences =
            [LinkChange::SwallowAll, LinkChange::SwallowToNode, LinkChange::SwallowFromNode];
        let change = *self.draws.pick(&silences);
        let secs = u64::from(1 + self.draws.below(PARTITION_SECS_MAX));
        let healed = at + Duration::from_secs(secs);
        let is_whole = self.draws.once_in(2);
        for actor in self.cast.clone() {
            if !is_whole && self.draws.once_in(2) {
                continue;
            }
            self.add(at, Op::Link { actor: actor.id, change });
            self.add(healed, Op::Link { actor: actor.id, change: LinkChange::Heal });
        }
    }
}
