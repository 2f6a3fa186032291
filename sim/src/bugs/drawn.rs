//! Mutants that nobody chose: as `cargo mutants --list --json` lists them, drawn by a seed.
//!
//! The mutants of corpus/mutants/ are rules turned round by who knows the rules. These are what a
//! program makes of each function, so that what nobody thought of is asked about, too.

use std::collections::BTreeMap;
use std::fmt;

use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::{Rng as _, SeedableRng as _};
use serde::Deserialize;

/// A mutant of a list.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Drawn {
    /// What it does and where, as the list has it.
    pub name: String,
    /// From the root of the repository, with slashes.
    pub file: String,
    /// What stands in place of the span.
    pub replacement: String,
    span: Span,
}

/// A piece of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
struct Span {
    start: Place,
    end: Place,
}

/// A place in a file: line and column from 1, the column in characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
struct Place {
    line: usize,
    column: usize,
}

/// The span of a mutant is not in its file: the list is of another tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Misplaced {
    /// The mutant's name.
    pub name: String,
}

impl fmt::Display for Misplaced {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: the file has no such place; is the list of other sources?", self.name)
    }
}

impl std::error::Error for Misplaced {}

/// The mutants of a list.
///
/// # Errors
///
/// It is not JSON as `cargo mutants --list --json` writes it: where and how.
pub fn parse(json: &str) -> Result<Vec<Drawn>, serde_json::Error> {
    serde_json::from_str(json)
}

/// As many of `all` as `count` says, in the list's order: of each room as many as of any other that
/// has so many left, and there each as likely as any other.
#[must_use]
pub fn draw(all: Vec<Drawn>, count: usize, seed: u64) -> Vec<Drawn> {
    let mut rng = ChaCha20Rng::seed_from_u64(seed);
    let mut keyed: Vec<_> = all.into_iter().enumerate().map(|one| (rng.next_u64(), one)).collect();
    keyed.sort_by_key(|(key, (place, _))| (*key, *place));
    let mut counts = BTreeMap::new();
    let mut rounds: Vec<_> = Vec::new();
    for (_, (place, mutant)) in keyed {
        let round = counts.entry(mutant.room().to_owned()).or_insert(0_usize);
        rounds.push((*round, place, mutant));
        *round += 1;
    }
    rounds.sort_by_key(|(round, _, _)| *round);
    rounds.truncate(count);
    rounds.sort_by_key(|(_, place, _)| *place);
    rounds.into_iter().map(|(_, _, mutant)| mutant).collect()
}

impl Drawn {
    /// The room that it is in: `sockman` of `src/sockman/stream.rs`; the file itself elsewhere.
    #[must_use]
    pub fn room(&self) -> &str {
        let inside = self.file.strip_prefix("src/").unwrap_or(&self.file);
        inside.split_once('/').map_or(inside, |(room, _)| room)
    }

    /// The text of its file with it.
    ///
    /// # Errors
    ///
    /// The file has no such place.
    pub fn apply(&self, text: &str) -> Result<String, Misplaced> {
        let misplaced = || Misplaced { name: self.name.clone() };
        let start = offset(text, self.span.start).ok_or_else(misplaced)?;
        let end = offset(text, self.span.end).ok_or_else(misplaced)?;
        if start > end {
            return Err(misplaced());
        }
        Ok([&text[..start], &self.replacement, &text[end..]].concat())
    }
}

/// The place in bytes.
fn offset(text: &str, place: Place) -> Option<usize> {
    let Place { line, column } = place;
    let mut lines = text.split_inclusive('\n');
    let before: usize = lines.by_ref().take(line.checked_sub(1)?).map(str::len).sum();
    let line = lines.next()?;
    let column = column.checked_sub(1)?;
    let ends = line.char_indices().map(|(at, _)| at).chain([line.len()]);
    Some(before + ends.take(column + 1).nth(column)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIST: &str = r#"[{
        "name": "src/sockman/stream.rs:2:5: replace twice with 0",
        "package": "sockman", "file": "src/sockman/stream.rs", "genre": "FnValue",
        "function": {"function_name": "twice", "return_type": "-> u32"},
        "span": {"start": {"line": 2, "column": 5}, "end": {"line": 2, "column": 10}},
        "replacement": "0"
    }]"#;

    #[test]
    fn mutant_is_put_where_the_list_says_and_nowhere_else() {
        let mutant = &parse(LIST).unwrap()[0];
        assert_eq!(mutant.room(), "sockman");
        let text = "fn twice(a: u32) -> u32 {\n    a + a\n}\n";
        assert_eq!(mutant.apply(text).unwrap(), "fn twice(a: u32) -> u32 {\n    0\n}\n");
        assert_eq!(mutant.apply("fn twice() {}\n"), Err(Misplaced { name: mutant.name.clone() }));
        assert!(mutant.apply("\na\n").is_err(), "the line is shorter");
    }

    #[test]
    fn columns_are_characters() {
        let at = |line, column| offset("ä = ö\nü", Place { line, column });
        assert_eq!((at(1, 1), at(1, 2), at(1, 6)), (Some(0), Some(2), Some(7)));
        assert_eq!((at(2, 1), at(2, 2), at(2, 3), at(3, 1)), (Some(8), Some(10), None, None));
        assert_eq!((at(0, 1), at(1, 0)), (None, None));
    }

    #[test]
    fn draw_is_the_same_for_a_seed_and_keeps_the_order() {
        let one = parse(LIST).unwrap().remove(0);
        let all: Vec<_> =
            (0..50).map(|n| Drawn { name: format!("{n:02}"), ..one.clone() }).collect();
        let names = |seed| -> Vec<_> {
            draw(all.clone(), 5, seed).into_iter().map(|mutant| mutant.name).collect()
        };
        assert_eq!(names(1), names(1));
        assert_ne!(names(1), names(2));
        assert!(names(1).is_sorted());
        assert_eq!(draw(all.clone(), 99, 1), all);
        let other = Drawn { file: "src/http/parse.rs".to_owned(), ..one };
        let mixed: Vec<_> = all.into_iter().chain([other.clone(), other]).collect();
        let rooms: Vec<_> = draw(mixed, 6, 1).iter().map(|mutant| mutant.room().len()).collect();
        assert_eq!(rooms, [7, 7, 7, 7, 4, 4], "two rooms, and one has but two");
    }
}
