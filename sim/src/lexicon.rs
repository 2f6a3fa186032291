//! What a word of a language may be followed by: its settings, and what these take.
//!
//! A dialect has tables of them; [`check`] compares a word of a script with these.

use std::fmt;

use crate::schedule::Word;
use crate::subject::UnknownWord;

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
    /// A setting that takes a number from 0.
    #[must_use]
    pub const fn up_to(key: &'static str, most: u64) -> Self {
        Self { key, takes: Takes::Number { least: 0, most } }
    }
}

impl Takes {
    fn fits(self, value: &str) -> bool {
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
