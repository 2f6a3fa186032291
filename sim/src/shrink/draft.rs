//! A schedule while it is being shrunk: its lines know when they happen, so that one can be taken
//! out without moving the others.

use std::time::Duration;

use crate::schedule::{ActorId, Anchor, Deviation, Line, Op, Schedule, When};

use super::failure::is_mark;

/// See the head of the module.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Draft {
    pub(super) title: Vec<String>,
    subject: String,
    pub(super) node: Vec<(String, String)>,
    pub(super) lines: Vec<Timed>,
    pub(super) order: Vec<Deviation>,
}

/// A line of the script.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Timed {
    /// When it happens, from the start; not before the line above.
    pub(super) at: Duration,
    pub(super) op: Op,
    /// What stands above it.
    comment: Vec<String>,
}

impl Timed {
    pub(super) fn new(at: Duration, op: Op) -> Self {
        Self { at, op, comment: Vec::new() }
    }
}

impl Draft {
    pub(super) fn new(schedule: &Schedule) -> Self {
        let timed = |(line, at): (&Line, Duration)| {
            let mut comment = line.comment.clone();
            comment.retain(|line| !is_mark(line));
            Timed { at, op: line.op.clone(), comment }
        };
        let mut title = schedule.title.clone();
        title.retain(|line| !is_mark(line));
        Self {
            title,
            subject: schedule.subject.clone(),
            node: schedule.node.clone(),
            lines: schedule.script.iter().zip(schedule.times()).map(timed).collect(),
            order: schedule.order.clone(),
        }
    }

    /// As a schedule: each time counts from the line above, and what is together with it has none.
    pub(super) fn schedule(&self) -> Schedule {
        let mut last = None;
        let line = |line: &Timed| {
            let at = match last {
                None => When::At(line.at),
                Some(last) if last == line.at => When::Same,
                Some(last) => When::After(line.at.saturating_sub(last)),
            };
            last = Some(line.at);
            Line { at, op: line.op.clone(), comment: line.comment.clone() }
        };
        Schedule {
            title: self.title.clone(),
            subject: self.subject.clone(),
            node: self.node.clone(),
            script: self.lines.iter().map(line).collect(),
            order: self.order.clone(),
        }
    }

    /// The same with other lines.
    pub(super) fn with_lines(&self, lines: &[Timed]) -> Self {
        Self { lines: lines.to_vec(), ..self.clone() }
    }

    /// The same with another order.
    pub(super) fn with_order(&self, order: &[Deviation]) -> Self {
        Self { order: order.to_vec(), ..self.clone() }
    }

    /// The same with something else done by a line.
    pub(super) fn with_op(&self, line: usize, op: Op) -> Self {
        let mut draft = self.clone();
        draft.lines[line].op = op;
        draft
    }

    /// How long a line waits for the one above.
    pub(super) fn wait(&self, line: usize) -> Duration {
        let before = line.checked_sub(1).map_or(Duration::ZERO, |above| self.lines[above].at);
        self.lines[line].at.saturating_sub(before)
    }

    /// The actors that it names, by the line that does so first.
    pub(super) fn actors(&self) -> Vec<ActorId> {
        let mut actors = Vec::new();
        for actor in self.lines.iter().filter_map(|line| line.op.actor()) {
            if !actors.contains(&actor) {
                actors.push(actor);
            }
        }
        actors
    }

    /// The same with other names for the actors.
    pub(super) fn renamed(&self, rename: impl Fn(ActorId) -> ActorId) -> Self {
        let mut draft = self.clone();
        for line in &mut draft.lines {
            if let Some(actor) = line.op.actor_mut() {
                *actor = rename(*actor);
            }
        }
        for deviation in &mut draft.order {
            let (Deviation::Before { anchor: Anchor { actor, .. }, .. }
            | Deviation::At { actor, .. }) = deviation;
            *actor = actor.map(&rename);
        }
        draft
    }
}

/// The actor that a deviation is about, if it is about one.
pub(super) const fn actor_of(deviation: &Deviation) -> Option<ActorId> {
    match deviation {
        Deviation::Before { anchor, .. } => anchor.actor,
        Deviation::At { actor, .. } => *actor,
    }
}

/// The count by which a deviation names its step.
pub(crate) const fn nth_of(deviation: &Deviation) -> u32 {
    match deviation {
        Deviation::Before { anchor, .. } => anchor.nth,
        Deviation::At { nth, .. } => *nth,
    }
}

/// The same, for another count.
pub(crate) fn with_nth(deviation: &Deviation, nth: u32) -> Deviation {
    let mut moved = deviation.clone();
    match &mut moved {
        Deviation::Before { anchor, .. } => anchor.nth = nth,
        Deviation::At { nth: number, .. } => *number = nth,
    }
    moved
}

#[cfg(test)]
mod tests {
    use super::*;

    const SCRIPT: &str = "format 1\n\n10ms p3 dials\np7 dials\n+1s p3 closes\n500ms p7 closes\n";

    #[test]
    fn lines_keep_their_times_when_others_go() {
        let schedule = Schedule::parse("draft", SCRIPT).unwrap();
        let mut draft = Draft::new(&schedule);
        assert_eq!(draft.schedule().script[3].at, When::Same, "earlier than above is at once");
        draft.lines.remove(0);
        draft.lines.remove(1);
        let text = draft.schedule().to_string();
        assert_eq!(text, "format 1\n\n10ms     p7 dials\n+1s      p7 closes\n");
    }

    #[test]
    fn everything_that_names_an_actor_is_renamed() {
        let order = "order before node accepts for the 2nd time: run commands\n\
                     order at node's 1st send to p3: would block\n";
        let schedule = Schedule::parse("draft", &format!("{SCRIPT}{order}")).unwrap();
        let draft = Draft::new(&schedule);
        assert_eq!(draft.actors(), [ActorId(3), ActorId(7)]);
        let renamed = draft.renamed(|actor| ActorId(actor.0 * 2));
        let expected = format!("{SCRIPT}{order}").replace("p7", "p14").replace("p3", "p6");
        let expected = Draft::new(&Schedule::parse("renamed", &expected).unwrap());
        assert_eq!(renamed, expected);
    }
}
