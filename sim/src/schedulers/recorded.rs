//! The `before` lines of a schedule decide.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use super::{TaskIndex, TaskSet};
use crate::schedule::{Anchor, Deviation};

/// The `before` lines of a schedule: by anchor, which tasks go first, in order.
#[derive(Clone, Debug, Default)]
pub struct Recorded {
    lines: BTreeMap<Anchor, Vec<(usize, Cow<'static, str>)>>,
    /// How many of an anchor's lines were used, and which lines of the order those are.
    used: BTreeMap<Anchor, usize>,
    reached: BTreeSet<usize>,
    /// A line whose task had nothing to do when its anchor came.
    refused: BTreeSet<usize>,
}

impl Recorded {
    /// From the order of a schedule; other deviations than `before` are left to the sockets.
    #[must_use]
    pub fn new(order: &[Deviation]) -> Self {
        let mut recorded = Self::default();
        for (index, deviation) in order.iter().enumerate() {
            if let Deviation::Before { anchor, run } = deviation {
                let lines = recorded.lines.entry(anchor.clone()).or_default();
                lines.push((index, run.clone()));
            }
        }
        recorded
    }

    /// Whether there is no line at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }

    /// Lines of the order that were carried out.
    #[must_use]
    pub const fn reached(&self) -> &BTreeSet<usize> {
        &self.reached
    }

    /// Lines of the order whose task had nothing to do.
    #[must_use]
    pub const fn refused(&self) -> &BTreeSet<usize> {
        &self.refused
    }

    pub(crate) fn choose(
        &mut self,
        anchor: &Anchor,
        name: impl Fn(TaskIndex) -> &'static str,
        runnable: impl FnOnce() -> TaskSet,
    ) -> Option<TaskIndex> {
        let lines = self.lines.get(anchor)?;
        let runnable = runnable();
        loop {
            let used = self.used.entry(anchor.clone()).or_insert(0);
            let (line, run) = lines.get(*used)?;
            *used += 1;
            if let Some(task) = runnable.iter().find(|task| name(*task) == run) {
                self.reached.insert(*line);
                return Some(task);
            }
            self.refused.insert(*line);
        }
    }
}
