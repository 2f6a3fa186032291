//! What a word of a language may be followed by: its settings, and what these take.
//!
//! A dialect has tables of them; [`check`] compares a word of a script with these.

use std::fmt;

use crate::schedule::Word;
use crate::subject::{UnknownWord, Usage};

/// A setting that a word may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Setting {
    /// Its key: `nonce`.
    pub key: &'static str,
    /// What stands behind the `=`.
    pub takes: Takes,
}

/// What a setting takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Takes {
    /// A whole number of these.
    Number {
        /// The least that is taken.
        least: i64,
        /// The most that is taken.
        most: u64,
    },
    /// This word and no other.
    Word(&'static str),
}

impl Setting {
    /// A setting that takes a number of 32 bits from 1.
    #[must_use]
    pub const fn from_one(key: &'static str) -> Self {
        Self { key, takes: Takes::Number { least: 1, most: u32::MAX as u64 } }
    }

    /// A setting that takes a number from 0.
    #[must_use]
    pub const fn up_to(key: &'static str, most: u64) -> Self {
        Self { key, takes: Takes::Number { least: 0, most } }
    }
}

impl Takes {
    /// Whether it takes this.
    #[must_use]
    pub fn fits(self, value: &str) -> bool {
        match self {
            Self::Number { least, most } => value
                .parse()
                .is_ok_and(|number: i128| (i128::from(least)..=i128::from(most)).contains(&number)),
            Self::Word(word) => value == word,
        }
    }
}

impl fmt::Display for Takes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number { least, most } => write!(f, "a number from {least} to {most}"),
            Self::Word(word) => write!(f, "\"{word}\""),
        }
    }
}

/// The settings of a word, in three tables.
pub type Settings = [&'static [Setting]; 3];

/// Settings of the host of any node: numbers from 1.
pub const HOST: [Setting; 5] = [
    Setting::from_one("seed"),
    Setting::from_one("send-buffer"),
    Setting::from_one("receive-buffer"),
    Setting::from_one("descriptors"),
    Setting::from_one("backlog"),
];

/// What a subject knows, so that what is drawn for it can be run. What is likelier comes first, or
/// more than once; a table has at most 252 entries.
#[derive(Clone, Copy, Debug)]
pub struct Known {
    /// Words that its peers say.
    pub said: &'static [&'static str],
    /// What each of these can be said with.
    pub said_with: fn(&str) -> Settings,
    /// Words that its peers can hear.
    pub heard: &'static [&'static str],
    /// By what each of these can be told from others.
    pub heard_with: fn(&str) -> Settings,
    /// Commands that it takes, each with one setting or none.
    pub commands: &'static [(&'static str, Option<(&'static str, &'static str)>)],
    /// Settings of the node that are numbers.
    pub node: &'static [Setting],
}

impl Known {
    /// Checks that its peers can say or hear a word, with its settings.
    ///
    /// # Errors
    ///
    /// They know no such word, or the word has no such setting.
    pub fn check(&self, word: &Word, usage: Usage) -> Result<(), UnknownWord> {
        let (names, settings) = match usage {
            Usage::Said => (self.said, (self.said_with)(&word.name)),
            Usage::Heard => (self.heard, (self.heard_with)(&word.name)),
        };
        if !names.contains(&word.name.as_str()) {
            let mut names = names.to_vec();
            names.sort_unstable();
            names.dedup();
            return Err(UnknownWord::new(word, None, names.join(", ")));
        }
        check(word, settings)
    }
}

/// Settings of a node for a campaign: each of a table now and then, with one of its numbers.
pub fn draw_numbers(
    table: &[(&str, &[u32])],
    in_256: u8,
    below: &mut dyn FnMut(u32) -> u32,
) -> Vec<(String, String)> {
    let mut settings = Vec::new();
    for (key, values) in table {
        if below(256) < u32::from(in_256) {
            let count = u32::try_from(values.len()).expect("a few");
            let value = values[below(count) as usize];
            settings.push(((*key).to_owned(), value.to_string()));
        }
    }
    settings
}

/// Checks that each setting of a word is in one of the tables, takes its value, and stands once.
///
/// # Errors
///
/// The first that does not.
pub fn check<const N: usize>(word: &Word, tables: [&[Setting]; N]) -> Result<(), UnknownWord> {
    for (index, (key, value)) in word.settings.iter().enumerate() {
        let refuse = |expected| Err(UnknownWord::new(word, Some(index), expected));
        let Some(known) = tables.into_iter().flatten().find(|known| known.key == key) else {
            return refuse(one_of(tables.into_iter().flatten().map(|known| known.key)));
        };
        if !known.takes.fits(value) {
            return refuse(known.takes.to_string());
        }
        if word.settings[..index].iter().any(|(earlier, _)| earlier == key) {
            return refuse("each setting once".to_owned());
        }
    }
    Ok(())
}

/// `one of a, b, c`, or what else there is to expect.
#[must_use]
pub fn one_of<'a>(names: impl Iterator<Item = &'a str>) -> String {
    let names: Vec<_> = names.collect();
    match names.as_slice() {
        [] => "no setting".to_owned(),
        [name] => (*name).to_owned(),
        names => format!("one of {}", names.join(", ")),
    }
}
