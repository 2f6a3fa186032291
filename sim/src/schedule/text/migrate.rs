//! Texts of an earlier format, written in the present one.
//!
//! A format number changes when old texts change meaning. Each step here takes a text one format
//! further, as text, so that comments and spacing stay; what a step has to know of its format is in
//! it alone, for the parser knows the present one only. A new format is one function more in
//! [`STEPS`], and a text of the old one that is kept in sim/tests/formats.

use super::super::{FORMAT, Schedule};
use super::error::ParseError;

/// From format 1 to 2, from 2 to 3, and so on. What a step is given may be wrong in any way; what
/// it does not understand it leaves as it is, for the parser to say what is wrong.
const STEPS: [Step; FORMAT as usize - 1] = [];

/// One format further. The line that names the format is not its affair.
type Step = fn(&str) -> String;

impl Schedule {
    /// A text of this format or an earlier one, in this format; `name` is for errors. A text that
    /// is of this format comes back as it is.
    ///
    /// # Errors
    ///
    /// What comes of it is no schedule: the first mistake and its place, in the text that was given
    /// if that is of this format or a later one, and otherwise in the one that came of it.
    pub fn migrate(name: &str, text: &str) -> Result<String, ParseError> {
        let text = further(text, &STEPS);
        Self::parse(name, &text)?;
        Ok(text)
    }
}

/// A text taken through the steps that are after its format, each of which is one format.
fn further(text: &str, steps: &[Step]) -> String {
    let mut text = text.to_owned();
    let Some(format) = format_of(&text) else { return text };
    for (index, step) in steps.iter().enumerate().skip(format - 1) {
        text = with_format(&step(&text), index + 2);
    }
    text
}

/// The number of a text's format, from 1; `None` if it does not name one.
fn format_of(text: &str) -> Option<usize> {
    let number = format_line(text)?.trim_start().strip_prefix("format")?.trim();
    number.parse().ok().filter(|number| *number > 0)
}

/// The first line that says anything.
fn format_line(text: &str) -> Option<&str> {
    text.lines().find(|line| !line.trim().is_empty() && !line.trim_start().starts_with('#'))
}

/// A text with another number of a format.
fn with_format(text: &str, number: usize) -> String {
    let Some(line) = format_line(text) else { return text.to_owned() };
    let mut done = false;
    let mut lines = String::with_capacity(text.len());
    for each in text.split_inclusive('\n') {
        if !done && each.trim_end_matches(['\n', '\r']) == line {
            done = true;
            lines.push_str(&each.replacen(line, &format!("format {number}"), 1));
        } else {
            lines.push_str(each);
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "# It says so: format 1.\n\nformat   1\n\n# Why.\n0ms p1 calls\n";

    #[test]
    fn text_goes_through_the_steps_after_its_format_and_keeps_the_rest() {
        let steps: [Step; 3] = [
            |text| text.replace("calls", "rings"),
            |text| text.replace("rings", "dials"),
            |text| format!("{text}p1 closes\n"),
        ];
        let expected = "# It says so: format 1.\n\nformat 4\n\n# Why.\n0ms p1 dials\np1 closes\n";
        assert_eq!(further(TEXT, &steps), expected);
        let third = TEXT.replace("format   1", "format 3").replace("calls", "rings");
        let expected = third.replace("format 3", "format 4") + "p1 closes\n";
        assert_eq!(further(&third, &steps), expected, "the first two are not for it");
    }

    #[test]
    fn text_of_this_format_a_later_one_or_none_is_left_alone() {
        let steps: [Step; 1] = [|text| text.replace("calls", "dials")];
        for format in ["format 2", "format 99", "format 0", "format x", "", "formats 1"] {
            let text = TEXT.replace("format   1", format);
            assert_eq!(further(&text, &steps), text);
        }
    }

    #[test]
    fn what_no_step_makes_a_schedule_of_is_refused_as_any_text() {
        let text = "format 1\n\n0ms      p1 dials\n";
        assert_eq!(Schedule::migrate("a", text).unwrap(), text);
        for (text, said) in [("format 99\n", "99"), ("format 1\n\np1 flies\n", "a:3:4"), ("", "a:")]
        {
            let error = Schedule::migrate("a", text).unwrap_err().to_string();
            assert!(error.contains(said), "{error}");
        }
    }
}
