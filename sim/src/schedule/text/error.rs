//! What is wrong with a text: where, what was found, and what was expected instead.

use std::fmt;

use super::super::{FORMAT, TIME_MAX};

/// Letters of a word or a line that an error quotes; what follows is left out.
const QUOTE_CHARS_MAX: usize = 60;

/// Letters of a line that an error shows before the place, so that the caret is in sight.
const CONTEXT_CHARS_MAX: usize = 50;

/// What some editors put before the first letter, and no terminal shows.
pub(super) const BYTE_ORDER_MARK: char = '\u{feff}';

/// A text that is no schedule, or none for its subject.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParseError {
    /// The name of the text, as it was given.
    pub file: Box<str>,
    /// The line, from 1.
    pub line: usize,
    /// The column, in characters from 1.
    pub column: usize,
    /// What is wrong there.
    pub mistake: Mistake,
    /// Part of the line, and the columns in it that are meant.
    excerpt: Box<Excerpt>,
}

/// What is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Mistake {
    /// Something else should stand here.
    Unexpected {
        /// What stands here.
        found: Found,
        /// What may stand here, at least one.
        expected: Vec<Expected>,
    },
    /// A number is too small or too large.
    OutOfRange {
        /// What it counts.
        what: &'static str,
        /// The number, as it stands.
        found: String,
        /// The least that is allowed.
        least: u64,
        /// The most that is allowed.
        most: u64,
    },
    /// A time is longer than [`TIME_MAX`].
    TimeTooLong {
        /// The time, as it stands.
        found: String,
    },
    /// There are more of something than is allowed.
    TooMany {
        /// Of what.
        what: &'static str,
        /// The most that is allowed.
        most: usize,
    },
    /// A word of the language stands where a name is free.
    Reserved {
        /// The word.
        name: String,
    },
    /// The text has a format that is not known here.
    UnknownFormat {
        /// Its number, as it stands.
        found: String,
    },
    /// Something stands in the wrong part of the text.
    Misplaced {
        /// What.
        what: &'static str,
        /// Where it belongs, or why not here.
        rule: &'static str,
    },
    /// A character that is not shown, such as a bell.
    ControlCharacter(char),
    /// U+FEFF, which some editors put before the first letter.
    ByteOrderMark,
    /// A quotation mark has no counterpart in its line.
    OpenQuote,
    /// A backslash in quotes begins nothing that is known.
    Escape,
    /// A message, or a setting, that the subject does not have. Only who knows the subject says so.
    Misspoken {
        /// The message or the setting.
        said: String,
        /// What may stand here.
        expected: String,
    },
}

/// What stands in a place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found {
    /// This, shortened if it is long.
    Text(String),
    /// Nothing: the line ends.
    EndOfLine,
    /// Nothing: the text ends.
    EndOfText,
}

/// What may stand in a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expected {
    /// These words.
    Words(&'static str),
    /// Something of this description.
    Sort(&'static str),
}

/// A mistake and its place in a line, in bytes.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Problem {
    at: usize,
    length: usize,
    /// The line, from 1, if it is not the one that was being read.
    line: Option<usize>,
    mistake: Box<Mistake>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Excerpt {
    text: String,
    /// Characters before the caret.
    indent: usize,
    /// Carets, at least one.
    width: usize,
}

impl Problem {
    pub(super) fn new(at: usize, length: usize, mistake: Mistake) -> Self {
        Self { at, length, line: None, mistake: Box::new(mistake) }
    }

    /// The same in a line of which the old one is a part that begins at `by`.
    pub(super) fn moved(mut self, by: usize) -> Self {
        self.at += by;
        self
    }

    /// The same in another line.
    pub(super) fn on_line(mut self, line: usize) -> Self {
        self.line = Some(line);
        self
    }

    /// Says it with the name of the text, and the line that was being read.
    pub(super) fn in_text(self, file: &str, number: usize, text: &str) -> ParseError {
        let number = self.line.unwrap_or(number);
        let line = text.lines().nth(number.saturating_sub(1)).unwrap_or("");
        let (before, rest) = line.split_at_checked(self.at).unwrap_or((line, ""));
        let column = before.chars().count() + 1;
        let meant = rest.get(..self.length).unwrap_or(rest).chars().count();
        ParseError {
            file: file.into(),
            line: number,
            column,
            mistake: *self.mistake,
            excerpt: Box::new(Excerpt::new(before, rest, meant)),
        }
    }
}

impl Excerpt {
    fn new(before: &str, rest: &str, meant: usize) -> Self {
        let column = before.chars().count();
        let left_out = column.saturating_sub(CONTEXT_CHARS_MAX);
        let mut text = String::from(if left_out > 0 { "..." } else { "" });
        text.extend(before.chars().skip(left_out).map(visible));
        let indent = text.chars().count();
        text.extend(rest.chars().take(QUOTE_CHARS_MAX).map(visible));
        if rest.chars().nth(QUOTE_CHARS_MAX).is_some() {
            text.push_str("...");
        }
        Self { text, indent, width: meant.clamp(1, QUOTE_CHARS_MAX) }
    }
}

/// One column for each character, so that the caret stands right.
fn visible(c: char) -> char {
    match c {
        '\t' => ' ',
        c if c.is_control() || c == BYTE_ORDER_MARK => char::REPLACEMENT_CHARACTER,
        c => c,
    }
}

impl Found {
    pub(super) fn text(text: &str) -> Self {
        Self::Text(shorten(text))
    }
}

/// The front of a text that is too long to quote.
pub(super) fn shorten(text: &str) -> String {
    match text.char_indices().nth(QUOTE_CHARS_MAX) {
        Some((at, _)) => format!("{}...", &text[..at]),
        None => text.to_owned(),
    }
}

impl std::error::Error for ParseError {}

impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { file, line, column, mistake, excerpt } = self;
        let Excerpt { text, indent, width } = &**excerpt;
        writeln!(f, "{file}:{line}:{column}: {mistake}")?;
        writeln!(f, "{line:5} | {}", text.trim_end())?;
        write!(f, "      | {:indent$}{:^<width$}", "", "")?;
        match mistake.suggestion() {
            Some(words) => write!(f, " did you mean \"{words}\"?"),
            None => Ok(()),
        }
    }
}

impl Mistake {
    /// The expected words that what was found resembles most, if any are close.
    #[must_use]
    pub fn suggestion(&self) -> Option<&'static str> {
        let Self::Unexpected { found: Found::Text(found), expected } = self else { return None };
        let words = expected.iter().filter_map(|expected| match expected {
            Expected::Words(words) => Some(*words),
            Expected::Sort(_) => None,
        });
        words
            .filter_map(|words| {
                let first = words.split(' ').next().unwrap_or(words);
                let far = distance(&found.to_lowercase(), first);
                // A third of the letters may be wrong: more would be a guess.
                (far * 3 <= first.len()).then_some((far, words))
            })
            .min_by_key(|(far, _)| *far)
            .map(|(_, words)| words)
    }
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unexpected { found, expected } => {
                f.write_str("expected ")?;
                write_choice(f, expected)?;
                write!(f, ", found {found}")
            }
            Self::OutOfRange { what, found, least, most } => {
                write!(f, "{what} is from {least} to {most}, found {found}")
            }
            Self::TimeTooLong { found } => {
                write!(f, "a time is at most {} days, found {found}", TIME_MAX.as_secs() / 86_400)
            }
            Self::TooMany { what, most } => write!(f, "more than {most} {what}"),
            Self::Reserved { name } => {
                write!(f, "\"{name}\" is a word of the language and cannot be a name here")
            }
            Self::UnknownFormat { found } => write!(
                f,
                "format {found} is not known; known is {FORMAT}: write the text anew in that \
                 format, or take the build that knows the other"
            ),
            Self::Misplaced { what, rule } => write!(f, "{what} cannot stand here: {rule}"),
            Self::ControlCharacter(c) => {
                write!(f, "the control character U+{:04X} cannot stand in a text", u32::from(*c))
            }
            Self::ByteOrderMark => f.write_str(
                "a byte order mark (U+FEFF) cannot stand in a text: save it as UTF-8 without one",
            ),
            Self::OpenQuote => f.write_str("a quotation mark has no counterpart in its line"),
            Self::Misspoken { said, expected } => {
                write!(f, "{}: expected {expected}", shorten(said))
            }
            Self::Escape => f.write_str("expected \\\", \\\\ or \\u{...} after a backslash"),
        }
    }
}

/// `a`, `a or b`, `a, b or c`.
fn write_choice(f: &mut fmt::Formatter<'_>, choices: &[Expected]) -> fmt::Result {
    for (index, choice) in choices.iter().enumerate() {
        if index > 0 {
            f.write_str(if index + 1 == choices.len() { " or " } else { ", " })?;
        }
        write!(f, "{choice}")?;
    }
    Ok(())
}

impl fmt::Display for Expected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Words(words) => write!(f, "\"{words}\""),
            Self::Sort(sort) => f.write_str(sort),
        }
    }
}

impl fmt::Display for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) if text.starts_with('"') => f.write_str(text),
            Self::Text(text) => write!(f, "\"{text}\""),
            Self::EndOfLine => f.write_str("the end of the line"),
            Self::EndOfText => f.write_str("the end of the text"),
        }
    }
}

/// How many letters must be put in, taken out, exchanged or swapped with the next to make one word
/// of the other.
fn distance(left: &str, right: &str) -> usize {
    let left: Vec<char> = left.chars().collect();
    let right: Vec<char> = right.chars().collect();
    let mut before: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=right.len()).collect();
    for (row, letter) in left.iter().enumerate() {
        let mut this = vec![row + 1];
        for (column, other) in right.iter().enumerate() {
            let exchanged = last[column] + usize::from(letter != other);
            let mut least = exchanged.min(last[column + 1] + 1).min(this[column] + 1);
            let is_swap =
                row > 0 && column > 0 && left[row - 1] == *other && right[column - 1] == *letter;
            if is_swap {
                least = least.min(before[column - 1] + 1);
            }
            this.push(least);
        }
        before = std::mem::replace(&mut last, this);
    }
    last[right.len()]
}
