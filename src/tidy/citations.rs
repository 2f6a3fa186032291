//! A cited section of docs/behaviour.md is there.

use std::collections::BTreeSet;

use super::Finding;

/// Where the sections are.
pub(super) const DOCUMENT: &str = "docs/behaviour.md";

/// Its parts. A part's name before a number is a citation, wherever it stands.
const PARTS: [&str; 12] = [
    "TCP",
    "sockets",
    "connman",
    "transport",
    "handshake",
    "addrman",
    "eviction",
    "bans",
    "files",
    "chain",
    "http",
    "rpc",
];

/// A number above is no section: `TCP 8333`.
const SECTION_MAX: u32 = 99;

/// The sections that a document has, as they are cited: each heading that begins with a part's name
/// and a number.
pub(super) fn sections(document: &str) -> Vec<String> {
    let headings = document.lines().filter(|line| line.starts_with('#'));
    headings
        .filter_map(|line| {
            let mut words = line.trim_start_matches('#').split_whitespace();
            let part = words.next().filter(|part| PARTS.contains(part))?;
            Some(format!("{part} {}", section(words.next()?)?))
        })
        .collect()
}

/// Citations of sections that are not there.
pub(super) fn unresolved(text: &str, sections: &BTreeSet<String>) -> Vec<Finding> {
    let cited = citations(text).into_iter().filter(|(_, cited)| !sections.contains(cited));
    cited
        .map(|(line, cited)| Finding { line, problem: format!("{DOCUMENT} has no {cited}") })
        .collect()
}

/// Rules of the document whose name another one has already.
pub(super) fn repeated_rules(document: &str) -> Vec<Finding> {
    let mut seen = BTreeSet::new();
    let repeated = rules(document).filter(|(_, name, _)| !seen.insert(name.to_owned()));
    repeated
        .map(|(line, name, _)| Finding { line, problem: format!("a second rule `{name}`") })
        .collect()
}

/// Rules of the document that neither a case of the corpus nor a function among `files` (path and
/// text) is named after. Those that are not built yet say so.
pub(super) fn unheld_rules<'a>(
    document: &str,
    files: impl Iterator<Item = (&'a str, &'a str)>,
) -> Vec<Finding> {
    let mut held = BTreeSet::new();
    for (path, text) in files {
        if let Some(name) = path.rsplit('/').next().and_then(|name| name.strip_suffix(".case")) {
            held.insert(name);
        } else if super::is_rust(path) {
            held.extend(functions(text));
        }
    }
    let unheld = rules(document)
        .filter(|(_, name, rest)| !rest.starts_with(UNBUILT) && !held.contains(name));
    unheld
        .map(|(line, name, _)| Finding { line, problem: format!("no case or test `{name}`") })
        .collect()
}

/// What follows the name of a rule that nothing can see yet.
const UNBUILT: &str = " (**later**)";

/// The rules of the document, which have an arrow each: line, name, and what follows it there.
fn rules(document: &str) -> impl Iterator<Item = (usize, &str, &str)> {
    document.lines().enumerate().filter_map(|(index, line)| {
        let (name, rest) = line.strip_prefix("* ⇒ `")?.split_once('`')?;
        Some((index + 1, name, rest))
    })
}

/// Names of the functions of a source file.
fn functions(text: &str) -> impl Iterator<Item = &str> {
    text.lines().filter_map(|line| {
        let (_, rest) = line.split_once("fn ")?;
        rest.split(|c: char| !c.is_alphanumeric() && c != '_').next()
    })
}

/// Every citation, with its line from 1. A part's name may end one line and its number begin the
/// next; after the first number, "and" or "to" leads to another.
fn citations(text: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    let mut words = words(text).peekable();
    while let Some((_, word)) = words.next() {
        let part = word.trim_start_matches(|c: char| !c.is_alphanumeric());
        if !PARTS.contains(&part) {
            continue;
        }
        while let Some(&(line, number)) = words.peek() {
            let Some(section) = section(number) else { break };
            found.push((line, format!("{part} {section}")));
            words.next();
            let goes_on = number.ends_with(|c: char| c.is_ascii_digit())
                && words.peek().is_some_and(|(_, word)| matches!(*word, "and" | "to"));
            if !goes_on {
                break;
            }
            words.next();
        }
    }
    found
}

/// The words of a text with their lines, without what marks a comment.
fn words(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.lines().enumerate().flat_map(|(index, line)| {
        let line = line.trim_start().trim_start_matches(['/', '!', '#']);
        line.split_whitespace().map(move |word| (index + 1, word))
    })
}

/// The number that a word begins with, if it can be a section's: `2`, `2.1`.
fn section(word: &str) -> Option<String> {
    let number = word.trim_end_matches(|c: char| !c.is_ascii_digit());
    // A time of a schedule, as in `0ms`, is none.
    if word[number.len()..].starts_with(char::is_alphabetic) {
        return None;
    }
    let levels: Option<Vec<u32>> = number.split('.').map(|level| level.parse().ok()).collect();
    let levels = levels?;
    let plausible = levels.len() <= 2 && levels.iter().all(|level| *level <= SECTION_MAX);
    plausible.then(|| number.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cited(text: &str) -> Vec<(usize, String)> {
        citations(text)
    }

    #[test]
    fn headings_are_sections() {
        let headings = ["# Behaviour", "## TCP", "### TCP 1: fresh", "#### TCP 1.2: listening"];
        let document = format!("{}\nTCP 1.3\n", headings.join("\n"));
        assert_eq!(sections(&document), ["TCP 1", "TCP 1.2"]);
    }

    #[test]
    fn citation_of_a_missing_section_is_rejected() {
        let sections = BTreeSet::from([format!("{} 2.1", "TCP")]);
        let text = concat!("// docs/behaviour.md, TC", "P 2.1.\n// TC", "P 2.2: it is late.\n");
        let lines: Vec<_> = unresolved(text, &sections).iter().map(|f| f.line).collect();
        assert_eq!(lines, [2]);
    }

    #[test]
    fn rule_with_a_taken_name_is_rejected() {
        let document = "* ⇒ `a_is_b`: as it is.\n* ⇒ `b_is_c`\n* ⇒ `a_is_b`: again.\n";
        let lines: Vec<_> = repeated_rules(document).iter().map(|f| f.line).collect();
        assert_eq!(lines, [3]);
    }

    #[test]
    fn rule_that_nothing_is_named_after_is_rejected() {
        let document = "* ⇒ `in_a_case`\n* ⇒ `in_a_test`: so.\n* ⇒ `in_nothing`: so.\n\
                        * ⇒ `in_time` (**later**): so.\n";
        let files = [
            ("corpus/connman/in_a_case.case", ""),
            ("sim/tests/main.rs", "    fn in_a_test() {\n"),
            ("docs/notes.md", "fn in_nothing() {\n"),
        ];
        let lines: Vec<_> =
            unheld_rules(document, files.into_iter()).iter().map(|f| f.line).collect();
        assert_eq!(lines, [3]);
    }

    #[test]
    fn citations_are_found_in_prose() {
        let connman = |line, number| (line, format!("connman {number}"));
        assert_eq!(cited(concat!("(conn", "man 4),")), [connman(1, "4")]);
        assert_eq!(cited(concat!("//! conn", "man\n//! 5)")), [connman(2, "5")]);
        let several = concat!("conn", "man 3 to 6 and 2.1, and 7");
        assert_eq!(cited(several), [connman(1, "3"), connman(1, "6"), connman(1, "2.1")]);
    }

    #[test]
    fn other_numbers_are_no_citations() {
        for text in
            ["TCP 127.0.0.1:8333", "TCP 8333", "connman takes 2", "sockets, 3", "http\n\n0ms"]
        {
            assert_eq!(cited(text), [], "{text}");
        }
    }
}
