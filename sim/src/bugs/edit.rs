//! Replacing a piece of Rust inside a named item, or saying why not.
//!
//! An item is found by the start of its text and ends with its braces, so that a change keeps its
//! place while the file around it moves. Whatever is not there, or there twice, is an error.

use std::fmt;
use std::ops::Range;

use super::Change;

/// Why a change does not apply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EditError {
    /// How often the item is there, which should be once.
    Item(String, usize),
    /// The item never ends.
    Endless(String),
    /// How often the text is there, which should be once.
    Text(String, usize),
}

impl fmt::Display for EditError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Item(item, count) => {
                write!(f, "field inside: {item:?} is there {count} times, not once")
            }
            Self::Endless(item) => write!(f, "field inside: {item:?} does not end"),
            Self::Text(inside, count) => {
                write!(f, "field find: the text is {count} times in {inside:?}, not once")
            }
        }
    }
}

/// A file's text with a change made.
///
/// # Errors
///
/// The item or the text is not there exactly once.
pub fn replace(text: &str, change: &Change) -> Result<String, EditError> {
    let mut item = 0..text.len();
    for name in change.inside.split(" > ") {
        item = find_item(text, item, name.trim())?;
    }
    let inside = &text[item.clone()];
    let count = inside.matches(&change.find).count();
    if count != 1 {
        return Err(EditError::Text(change.inside.clone(), count));
    }
    let changed = inside.replacen(&change.find, &change.replace, 1);
    Ok([&text[..item.start], &changed, &text[item.end..]].concat())
}

/// Where the item is whose text begins with `name`, within a range.
fn find_item(text: &str, within: Range<usize>, name: &str) -> Result<Range<usize>, EditError> {
    let area = &text[within.clone()];
    let blanked = blank(area);
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    let starts: Vec<_> = blanked
        .match_indices(name)
        .map(|(at, _)| at)
        .filter(|at| !blanked[..*at].ends_with(is_word))
        .filter(|at| !blanked[at + name.len()..].starts_with(is_word))
        .collect();
    let [start] = starts[..] else {
        return Err(EditError::Item(name.to_owned(), starts.len()));
    };
    let end = end_of(&blanked, start).ok_or_else(|| EditError::Endless(name.to_owned()))?;
    Ok(within.start + start..within.start + end)
}

/// Where an item ends: with the brace that closes its body, or with a semicolon before any.
fn end_of(blanked: &str, start: usize) -> Option<usize> {
    let mut depth = 0_usize;
    for (at, byte) in blanked.bytes().enumerate().skip(start) {
        match byte {
            b'(' | b'[' | b'{' => depth += 1,
            b')' | b']' => depth = depth.checked_sub(1)?,
            b'}' => {
                depth = depth.checked_sub(1)?;
                if depth == 0 {
                    return Some(at + 1);
                }
            }
            b';' if depth == 0 => return Some(at + 1),
            _ => {}
        }
    }
    None
}

/// The text with comments and the contents of literals blanked, byte for byte.
fn blank(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = bytes.to_vec();
    let mut at = 0;
    while at < bytes.len() {
        let end = literal_end(bytes, at);
        match end {
            Some(end) => {
                out[at..end].iter_mut().filter(|b| **b != b'\n').for_each(|b| *b = b' ');
                at = end;
            }
            None => at += 1,
        }
    }
    // Whole characters were blanked, since what delimits them is ASCII.
    String::from_utf8(out).unwrap_or_default()
}

/// Where the comment or literal ends that begins here; `None` if none does.
fn literal_end(bytes: &[u8], at: usize) -> Option<usize> {
    let rest = &bytes[at..];
    let to = |end: Option<usize>| at + end.unwrap_or(rest.len());
    if rest.starts_with(b"//") {
        return Some(to(rest.iter().position(|byte| *byte == b'\n')));
    }
    match rest {
        [b'"', ..] => {
            let mut escaped = false;
            let end = rest[1..].iter().position(|byte| {
                let ends = *byte == b'"' && !escaped;
                escaped = *byte == b'\\' && !escaped;
                ends
            });
            Some(to(end.map(|end| end + 2)))
        }
        // Not a lifetime, which has no second quote so near.
        [b'\'', b'\\', _, ..] => {
            Some(to(rest[3..].iter().position(|byte| *byte == b'\'').map(|end| end + 4)))
        }
        [b'\'', _, b'\'', ..] => Some(at + 3),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "\
struct Rest { a: u8 }

impl Inbox {
    /// Not fn push, which } is below.
    fn push(&mut self) {
        if a == '}' { self.count += 1; }
        let said = \"a } and \\\" too\";
    }

    fn push_all<'a>(&'a mut self) { self.count += 1; }
}

impl Outbox {
    fn push(&mut self) {
        self.count += 2;
    }
}

const LEFT: [u8; 2] = [1, 2];
";

    #[track_caller]
    fn check(inside: &str, find: &str, expected: Result<&str, EditError>) {
        let (file, replace_with) = (String::new(), "NEW".to_owned());
        let (inside, find) = (inside.to_owned(), find.to_owned());
        let change = Change { file, inside, find, replace: replace_with };
        let changed = replace(FILE, &change);
        match expected {
            Ok(line) => {
                let changed = changed.unwrap();
                let differs: Vec<_> =
                    changed.lines().filter(|line| !FILE.lines().any(|old| old == *line)).collect();
                assert_eq!(differs, [line]);
            }
            Err(error) => assert_eq!(changed, Err(error)),
        }
    }

    #[test]
    fn text_is_replaced_inside_its_item() {
        check("impl Inbox > fn push", "self.count += 1;", Ok("        if a == '}' { NEW }"));
        check("impl Outbox > fn push", "self.count += 2;", Ok("        NEW"));
        check("fn push_all", "self.count += 1;", {
            Ok("    fn push_all<'a>(&'a mut self) { NEW }")
        });
        check("const LEFT", "[1, 2]", Ok("const LEFT: [u8; 2] = NEW;"));
        check("struct Rest", "a: u8", Ok("struct Rest { NEW }"));
    }

    #[test]
    fn item_or_text_that_is_not_there_once_is_told() {
        check("fn push", "self", Err(EditError::Item("fn push".to_owned(), 2)));
        check("fn pop", "self", Err(EditError::Item("fn pop".to_owned(), 0)));
        let inbox = || "impl Inbox".to_owned();
        check("impl Inbox", "self.count += 1;", Err(EditError::Text(inbox(), 2)));
        check("impl Inbox", "self.count += 2;", Err(EditError::Text(inbox(), 0)));
    }
}
