//! What `-help` and `-version` show.

use super::table::{EFFECTIVE, LATER, LATER_UNLESS_OFF, NO_EFFECT, Section, Spec};
use super::{CLIENT_NAME, VERSION};

/// The width of the text, in columns, as in the reference.
const COLUMNS: usize = 79;

/// How far the words about an option are from the left.
const INDENT: usize = 7;

/// The text of `-version`.
pub(super) fn version() -> String {
    format!("{CLIENT_NAME} daemon version v{VERSION} sockmand\n")
}

/// The text of `-help`.
pub(super) fn text() -> String {
    let mut text = version();
    text += "\nThe connection manager of a Bitcoin node, on its own. It connects, listens and\n\
             keeps connections as a node does; it has no blocks and no transactions.\n";
    text += "\nUsage: sockmand [options]\n";
    for section in Section::ALL {
        text += "\n";
        text += section.heading();
        text += "\n";
        for spec in EFFECTIVE.iter().filter(|spec| spec.section == section) {
            add_option(&mut text, spec);
        }
    }
    let later = [LATER_UNLESS_OFF, LATER].concat();
    add_names(&mut text, "Accepted without effect:", NO_EFFECT);
    add_names(&mut text, "Not supported yet:", &later);
    text
}

fn add_option(text: &mut String, spec: &Spec) {
    text.push_str("\n  -");
    text.push_str(spec.name);
    text.push_str(spec.value);
    text.push('\n');
    add_words(text, spec.help.split(' '));
}

fn add_names(text: &mut String, heading: &str, names: &[&str]) {
    let mut names = names.to_vec();
    names.sort_unstable();
    text.push('\n');
    text.push_str(heading);
    text.push_str("\n\n");
    let names: Vec<_> = names.iter().map(|name| format!("-{name}")).collect();
    add_words(text, names.iter().map(String::as_str));
}

/// Adds words in lines that are not too long.
fn add_words<'a>(text: &mut String, words: impl Iterator<Item = &'a str>) {
    let mut column = 0;
    for word in words {
        if column > 0 && column + 1 + word.len() > COLUMNS {
            text.push('\n');
            column = 0;
        }
        if column == 0 {
            text.push_str(&" ".repeat(INDENT));
            column = INDENT;
        } else {
            text.push(' ');
            column += 1;
        }
        text.push_str(word);
        column += word.len();
    }
    text.push('\n');
}
