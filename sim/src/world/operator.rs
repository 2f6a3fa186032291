//! An operator's threads: what they are about to leave at the node's door, and what became of it.

use std::collections::VecDeque;

use crate::schedule::Word;
use crate::schedulers::TaskIndex;
use crate::subject::UnknownWord;

/// What somebody leaves at the node's door.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Letter<C> {
    /// Something that its tenant is to do.
    Command(C),
    /// The wish that the driver ends.
    Stop,
    /// The wish to be shown the machine.
    Inspect,
}

impl<C> Letter<C> {
    /// What `node is told` a word leaves; `command` knows the tenant's own words.
    ///
    /// # Errors
    ///
    /// Nobody knows the word.
    pub fn of(
        word: &Word,
        command: impl FnOnce(&Word) -> Result<C, UnknownWord>,
    ) -> Result<Self, UnknownWord> {
        match (word.name.as_str(), word.settings.as_slice()) {
            ("inspect", []) => Ok(Self::Inspect),
            ("stop", []) => Ok(Self::Stop),
            _ => command(word).map(Self::Command).map_err(|unknown| match unknown.setting {
                // The word is known, and only said wrong.
                Some(_) => unknown,
                None => UnknownWord {
                    expected: format!("{}, or inspect or stop", unknown.expected),
                    ..unknown
                },
            }),
        }
    }
}

/// What the operator's threads are about to do, and what became of it.
#[derive(Clone, Debug)]
pub(super) struct Operator<C> {
    /// Letters in hand, by number, the first to be left in front.
    pub(super) in_hand: VecDeque<(u64, Letter<C>)>,
    /// Letters so far.
    pub(super) count: u64,
    /// Threads that have left something, and are about to wake the driver.
    pub(super) wakes_owed: u32,
    /// Letters that were not taken, and why not.
    pub(super) refused: Vec<(u64, &'static str)>,
    /// Whether no thread wakes anybody: there to be noticed.
    pub(super) is_careless: bool,
    /// Commands that the node took and has not handled, counted from outside of it.
    pub(super) commands_waiting: usize,
    /// Those commands, in order, and the one that the last step handled.
    pub(super) commands: VecDeque<C>,
    pub(super) commanded: Option<C>,
}

impl<C> Operator<C> {
    pub(super) const fn new() -> Self {
        Self {
            in_hand: VecDeque::new(),
            count: 0,
            wakes_owed: 0,
            refused: Vec::new(),
            is_careless: false,
            commands_waiting: 0,
            commands: VecDeque::new(),
            commanded: None,
        }
    }

    /// Its next step by default: whoever has left something wakes before another leaves something.
    pub(super) fn next(&self) -> Option<TaskIndex> {
        if self.wakes_owed > 0 {
            return Some(TaskIndex::WAKE);
        }
        (!self.in_hand.is_empty()).then_some(TaskIndex::PUSH)
    }

    /// All steps that one of its threads could make.
    pub(super) fn steps(&self) -> impl Iterator<Item = TaskIndex> {
        let push = (!self.in_hand.is_empty()).then_some(TaskIndex::PUSH);
        let wake = (self.wakes_owed > 0).then_some(TaskIndex::WAKE);
        [push, wake].into_iter().flatten()
    }

    /// Its node's process has ended, and its threads with it; so has what they had left.
    pub(super) fn end_process(&mut self) {
        self.in_hand.clear();
        self.wakes_owed = 0;
        self.commands_waiting = 0;
        self.commands.clear();
    }

    /// Notes that the node has handled a command.
    pub(super) fn note_commanded(&mut self) {
        // OK to wrap: the oracle then sees that one was handled which nobody gave.
        self.commands_waiting = self.commands_waiting.wrapping_sub(1);
        self.commanded = self.commands.pop_front();
    }

    /// The command that the last step handled.
    pub(super) const fn commanded(&self) -> Option<&C> {
        self.commanded.as_ref()
    }

    pub(super) fn forget(&mut self) {
        self.commanded = None;
    }
}
