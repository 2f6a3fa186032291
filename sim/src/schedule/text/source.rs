//! Where the parts of a schedule stand in the text that they were read from.
//!
//! A table beside the value: the same schedule is the same value, wherever it was read. What is
//! found to be wrong with a part later on can so be said with file, line and column.

use super::super::{Place, Schedule};
use super::error::{Mistake, ParseError, Problem};

/// A text, and where in it each part of its schedule stands.
#[derive(Clone, Debug, Default)]
pub struct Source {
    file: Box<str>,
    text: Box<str>,
    /// Per setting of the node: its line, from 1, and its key.
    node: Vec<(usize, Span)>,
    /// Per line of the script: its line, from 1, and its words.
    script: Vec<(usize, Vec<Span>)>,
    /// Per line of the order: its line, from 1.
    order: Vec<usize>,
}

/// A part of a line, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) at: usize,
    pub(super) length: usize,
}

impl Source {
    pub(super) fn new(file: &str, text: &str) -> Self {
        Self { file: file.into(), text: text.into(), ..Self::default() }
    }

    pub(super) fn push_node(&mut self, line: usize, key: Option<Span>) {
        self.node.push((line, key.unwrap_or(Span { at: 0, length: 0 })));
    }

    /// `words` has a span for each message that the line names, and one for each of its settings,
    /// in the order of the text.
    pub(super) fn push_script(&mut self, line: usize, words: Vec<Span>) {
        self.script.push((line, words));
    }

    pub(super) fn push_order(&mut self, line: usize) {
        self.order.push(line);
    }

    /// The name of the text, as it was given.
    #[must_use]
    pub fn file(&self) -> &str {
        &self.file
    }

    /// The line in which a part stands: its number, from 1, and what it says. The head has none.
    #[must_use]
    pub fn line(&self, place: Place) -> Option<(usize, &str)> {
        let number = match place {
            Place::Head => return None,
            Place::Script(index) => self.script.get(index)?.0,
            Place::Order(index) => *self.order.get(index)?,
        };
        Some((number, self.text.lines().nth(number - 1)?.trim()))
    }

    /// A mistake in a word: the `word`th that a line of the script names, or this setting of it.
    /// `None` if that was not read from here.
    #[must_use]
    pub fn mistake_in_word(
        &self,
        schedule: &Schedule,
        line: usize,
        word: usize,
        setting: Option<usize>,
        mistake: Mistake,
    ) -> Option<ParseError> {
        let (number, spans) = self.script.get(line)?;
        let words = schedule.script.get(line)?.op.words();
        let before: usize = words.iter().take(word).map(|word| 1 + word.settings.len()).sum();
        let span = spans.get(before + setting.map_or(0, |setting| 1 + setting))?;
        Some(self.mistake(*number, *span, mistake))
    }

    /// A mistake in a setting of the node, by its place among them.
    #[must_use]
    pub fn mistake_in_setting(&self, index: usize, mistake: Mistake) -> Option<ParseError> {
        let (number, key) = self.node.get(index)?;
        Some(self.mistake(*number, *key, mistake))
    }

    /// A mistake in a line of the script, at the first place where this part of it stands.
    #[must_use]
    pub fn mistake_in_line(&self, line: usize, part: &str, mistake: Mistake) -> Option<ParseError> {
        let (number, _) = self.script.get(line)?;
        let at = self.text.lines().nth(number - 1)?.find(part)?;
        Some(self.mistake(*number, Span { at, length: part.len() }, mistake))
    }

    fn mistake(&self, number: usize, span: Span, mistake: Mistake) -> ParseError {
        Problem::new(span.at, span.length, mistake).in_text(&self.file, number, &self.text)
    }
}
