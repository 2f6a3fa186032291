//! Which failures are the same, and how the text of one is marked.

use std::fmt;

use crate::run::Verdict;
use crate::schedule::{Place, Schedule};

/// How the comment begins that marks where a schedule fails.
const MARK: &str = "fails here: ";

/// What two failures share if they are the same: the kind of verdict, the rule that was broken, and
/// what was said of it without its numbers and names. `p7: 46 bytes lie unsent` and `p1: 2 bytes
/// lie unsent` are one failure; bytes that lie unread are another, though the same oracle notices
/// both.
///
/// A panic is told by its place as well, where that is known. An expectation is told by its
/// sentence and by what was seen instead, a line that was never reached by its sentence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FailureKey {
    kind: &'static str,
    rule: &'static str,
    what: String,
}

impl FailureKey {
    /// Of a verdict on this schedule; `None` if it passed.
    #[must_use]
    pub fn of(verdict: &Verdict, schedule: &Schedule) -> Option<Self> {
        let sentence = |line: usize| {
            let sentence = schedule.script.get(line).map(|line| line.op.to_string());
            sentence.unwrap_or_default()
        };
        let (rule, what) = match verdict {
            Verdict::Passed => return None,
            Verdict::Failed(violation) if violation.oracle == "panic" => {
                (violation.rule, shape_of_panic(&violation.what))
            }
            Verdict::Failed(violation) => (violation.rule, shape(&violation.what)),
            Verdict::Unmet(unmet) => {
                ("", format!("{}: {}", shape(&sentence(unmet.line)), shape(&unmet.saw)))
            }
            Verdict::Drifted(lost) | Verdict::NotExercised(lost) | Verdict::Misspoken(lost) => {
                let line = match lost.place {
                    Place::Script(line) => sentence(line),
                    Place::Order(line) => {
                        schedule.order.get(line).map(ToString::to_string).unwrap_or_default()
                    }
                    Place::Head => String::new(),
                };
                ("", format!("{}: {}", shape(&line), shape(&lost.why)))
            }
            Verdict::TooLong(_) => ("", String::new()),
        };
        Some(Self { kind: verdict.kind(), rule, what })
    }
}

impl fmt::Display for FailureKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.kind, self.what)?;
        if self.rule.is_empty() { Ok(()) } else { write!(f, "; {}", self.rule) }
    }
}

/// A message with each word that has a digit in it written `#`: numbers, actors, ids, hashes.
fn shape(message: &str) -> String {
    let mut shape = String::new();
    let mut word = String::new();
    // A space at the end closes the last word.
    for letter in message.chars().chain([' ']) {
        if letter.is_alphanumeric() {
            word.push(letter);
            continue;
        }
        let has_digit = word.contains(|letter: char| letter.is_ascii_digit());
        shape.push_str(if has_digit { "#" } else { &word });
        shape.push(letter);
        word.clear();
    }
    shape.pop();
    shape
}

/// The same for `panicked at src/x.rs:12: it said`, whose place is kept.
fn shape_of_panic(message: &str) -> String {
    match message.split_once(": ") {
        Some((place, said)) => format!("{place}: {}", shape(said)),
        None => shape(message),
    }
}

/// A verdict as a comment of one line. The rule is left to the replay.
pub(super) fn mark(verdict: &Verdict) -> String {
    // The line that is not met stands below the mark.
    let line = match verdict {
        Verdict::Unmet(unmet) => format!("expectation not met: {}", unmet.saw),
        Verdict::Passed
        | Verdict::Failed(_)
        | Verdict::Drifted(_)
        | Verdict::NotExercised(_)
        | Verdict::Misspoken(_)
        | Verdict::TooLong(_) => verdict.line(),
    };
    let said = match verdict {
        Verdict::Failed(violation) => {
            let said = line.strip_prefix("failed: ").unwrap_or(&line);
            said.strip_suffix(&format!("; {}", violation.rule)).unwrap_or(said)
        }
        Verdict::Unmet(_)
        | Verdict::Passed
        | Verdict::Drifted(_)
        | Verdict::NotExercised(_)
        | Verdict::Misspoken(..)
        | Verdict::TooLong(_) => &line,
    };
    format!("{MARK}{said}")
}

/// Whether a line of a comment marks where a schedule fails.
#[must_use]
pub fn is_mark(comment: &str) -> bool {
    comment.starts_with(MARK)
}

#[cfg(test)]
mod tests {
    use sockman::time::Instant;

    use super::*;
    use crate::oracles::Violation;

    #[test]
    fn a_shape_has_neither_numbers_nor_names() {
        assert_eq!(shape("46 bytes for p1 lie unsent"), "# bytes for # lie unsent");
        assert_eq!(shape("v2.7: Some(0a)"), "#.#: Some(#)");
        assert_eq!(shape(""), "");
    }

    fn failed(oracle: &'static str, what: &str) -> FailureKey {
        let (at, rule) = (Instant::START, "a rule");
        let violation = Violation { oracle, what: what.to_owned(), since: at, at, rule };
        FailureKey::of(&Verdict::Failed(violation), &Schedule::new("connman")).unwrap()
    }

    #[test]
    fn failures_are_the_same_in_kind_and_message() {
        let key = failed("bounds", "unsent of p3: 7, at most 5");
        assert_eq!(key, failed("bounds", "unsent of p1: 700, at most 500"));
        assert_ne!(key, failed("bounds", "unread of p3: 7, at most 5"));
        assert_ne!(key, failed("latency", "unsent of p3: 7, at most 5"));
    }

    #[test]
    fn panics_are_the_same_at_one_place() {
        let key = failed("panic", "panicked at a.rs:12: left 3, right 4");
        assert_eq!(key, failed("panic", "panicked at a.rs:12: left 0, right 1"));
        assert_ne!(key, failed("panic", "panicked at a.rs:13: left 3, right 4"));
    }

    #[test]
    fn a_mark_is_one_line() {
        let (at, rule) = (Instant::START, "a rule");
        let what = "one\n two\t\u{7}three ".to_owned();
        let violation = Violation { oracle: "panic", what, since: at, at, rule };
        let mark = mark(&Verdict::Failed(violation));
        assert_eq!(mark, "fails here: panic: one two three at 0.000000s");
        assert!(is_mark(&mark) && !is_mark("it fails here"));
    }
}
