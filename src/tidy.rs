//! Reads our own files, and fails on what a reviewer should not have to look for.
//!
//! A rule is a function over one file, except where it has to see all of them. Each has a test that
//! shows what it rejects. To add one: write the function, name it in [`RULES`].

use std::collections::BTreeSet;
use std::fmt;
use std::path::Path;

mod arrows;
mod citations;
mod code;
mod tree;

use code::{code_only, names};

/// Files that are larger do not belong here.
const FILE_BYTES_MAX: usize = 200 * 1024;

/// The width of the house.
const LINE_COLUMNS_MAX: usize = 100;

/// In two pieces, so that this file may lie in the house that it inspects.
const UNFINISHED: &str = concat!("FIX", "ME");
const LATER: &str = concat!("TO", "DO");

/// Fewer words after the mark are no reason.
const REASON_WORDS_MIN: usize = 4;

/// What a rule found in a file.
#[derive(Debug, PartialEq, Eq)]
struct Finding {
    /// From 1.
    line: usize,
    problem: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.line, self.problem)
    }
}

/// A rule: what it finds in a file, by its path from the root and its text.
type Rule = fn(&str, &str) -> Vec<Finding>;

const RULES: [Rule; 13] = [
    trailing_space,
    tab,
    long_line,
    head,
    unfinished,
    todo_without_reason,
    panicking_macro,
    unsafe_code,
    clock,
    arrows::room,
    arrows::simulator,
    arrows::wait,
    arrows::disk,
];

/// A finding for each line that has a problem.
fn each_line(text: &str, problem: impl Fn(&str) -> Option<String>) -> Vec<Finding> {
    let finding = |(index, line)| problem(line).map(|problem| Finding { line: index + 1, problem });
    text.lines().enumerate().filter_map(finding).collect()
}

fn is_rust(path: &str) -> bool {
    path.ends_with(".rs")
}

/// Whether the spaces of a file are somebody else's.
fn is_patch(path: &str) -> bool {
    path.ends_with(".patch") || path.ends_with(".diff")
}

fn trailing_space(path: &str, text: &str) -> Vec<Finding> {
    if is_patch(path) {
        return Vec::new();
    }
    each_line(text, |line| (line != line.trim_end()).then(|| "space at the end".to_owned()))
}

fn tab(path: &str, text: &str) -> Vec<Finding> {
    if is_patch(path) {
        return Vec::new();
    }
    each_line(text, |line| line.contains('\t').then(|| "a tab".to_owned()))
}

fn long_line(path: &str, text: &str) -> Vec<Finding> {
    if !is_rust(path) {
        return Vec::new();
    }
    each_line(text, |line| {
        let columns = line.chars().count();
        // A row of a table cannot be broken.
        let is_row = line.starts_with("//! |") || line.trim_start().starts_with("/// |");
        (columns > LINE_COLUMNS_MAX && !is_row).then(|| format!("{columns} columns"))
    })
}

/// A source file says what it is; a script too, below the line that names its shell.
fn head(path: &str, text: &str) -> Vec<Finding> {
    let (line, start) = if is_rust(path) {
        (1, "//! ")
    } else if path.ends_with(".sh") {
        (if text.starts_with("#!") { 2 } else { 1 }, "# ")
    } else {
        return Vec::new();
    };
    let said = text.lines().nth(line - 1).is_some_and(|first| first.starts_with(start));
    let finding = || Finding { line, problem: format!("no `{start}` that says what this is") };
    if said { Vec::new() } else { vec![finding()] }
}

fn unfinished(_: &str, text: &str) -> Vec<Finding> {
    each_line(text, |line| line.contains(UNFINISHED).then(|| "not before merge".to_owned()))
}

fn todo_without_reason(_: &str, text: &str) -> Vec<Finding> {
    each_line(text, |line| {
        let (_, after) = line.split_once(LATER)?;
        let reason = after.strip_prefix(": ").unwrap_or_default();
        let words = reason.split_whitespace().count();
        (words < REASON_WORDS_MIN).then(|| format!("a {LATER} without `: ` and a reason"))
    })
}

fn panicking_macro(path: &str, text: &str) -> Vec<Finding> {
    if !is_rust(path) {
        return Vec::new();
    }
    each_line(&code_only(text), |line| {
        let found = ["todo", "unimplemented", "dbg"]
            .into_iter()
            .find(|name| names(line, name).any(|after| after.starts_with('!')))?;
        Some(format!("`{found}!`"))
    })
}

/// Foreign code is called by one file of a backend, which has the lints that ask for reasons.
fn unsafe_code(path: &str, text: &str) -> Vec<Finding> {
    let is_foreign = path.starts_with("backends/") && path.ends_with("/src/ffi.rs");
    if !is_rust(path) || is_foreign && text.contains(UNSAFE_WITH_REASONS) {
        return Vec::new();
    }
    each_line(&code_only(text), |line| {
        names(line, "unsafe").next().map(|_| "unsafe code, of which there is none here".to_owned())
    })
}

const UNSAFE_WITH_REASONS: &str = "\n#![warn(clippy::undocumented_unsafe_blocks)]\n";

/// House rule 8.1: time is an argument.
fn clock(path: &str, text: &str) -> Vec<Finding> {
    if !is_rust(path) || may_read_the_clock(path) {
        return Vec::new();
    }
    each_line(&code_only(text), |line| {
        let reads = ["Instant::now", "SystemTime::now", ".elapsed()"];
        let found = reads.into_iter().find(|read| line.contains(read))?;
        Some(format!("`{found}` reads the clock, which only drivers and backends may"))
    })
}

/// A driver's or a backend's `clock.rs`, and what times the real world from outside.
fn may_read_the_clock(path: &str) -> bool {
    let in_backend = path.starts_with("backends/") && path.ends_with("/src/clock.rs");
    let outside = ["tests", "benches"].iter().any(|folder| path.split('/').any(|p| p == *folder));
    path == "src/driver/clock.rs" || in_backend || outside
}

#[test]
fn house_is_tidy() {
    let files = tree::files(Path::new(env!("CARGO_MANIFEST_DIR")));
    let document = files.iter().find(|file| file.path == citations::DOCUMENT);
    let document = document.map(tree::File::text).unwrap_or_default();
    let sections: BTreeSet<_> = citations::sections(document).into_iter().collect();
    let mut problems = tree::blobs(&files);
    problems.extend(tree::unnamed_modules(&files));
    let mut tell = |path: &str, findings: Vec<Finding>| {
        problems.extend(findings.iter().map(|finding| format!("{path}:{finding}")));
    };
    tell(citations::DOCUMENT, citations::repeated_rules(document));
    let texts = files.iter().map(|file| (file.path.as_str(), file.text()));
    tell(citations::DOCUMENT, citations::unheld_rules(document, texts));
    for file in &files {
        for rule in RULES {
            tell(&file.path, rule(&file.path, file.text()));
        }
        tell(&file.path, citations::unresolved(file.text(), &sections));
    }
    let listed = problems.join("\n");
    assert!(problems.is_empty(), "{} problems:\n{listed}", problems.len());
}

#[cfg(test)]
mod tests {
    use super::*;

    const NONE: [usize; 0] = [];

    /// The lines of `text` that a rule finds fault with.
    fn lines(rule: Rule, path: &str, text: &str) -> Vec<usize> {
        rule(path, text).iter().map(|finding| finding.line).collect()
    }

    #[test]
    fn trailing_space_is_rejected() {
        assert_eq!(lines(trailing_space, "README.md", "a\nb \n\nc\t\n"), [2, 4]);
        assert_eq!(lines(trailing_space, "bugs/B001.patch", "a \n"), NONE);
    }

    #[test]
    fn tab_is_rejected() {
        assert_eq!(lines(tab, "ci/test.sh", "a\n\tb\n"), [2]);
        assert_eq!(lines(tab, "bugs/B001.patch", "\ta\n"), NONE);
    }

    #[test]
    fn long_line_is_rejected() {
        let text = format!("{}\n{}\n", "ä".repeat(100), "a".repeat(101));
        assert_eq!(lines(long_line, "src/a.rs", &text), [2]);
        assert_eq!(lines(long_line, "src/a.rs", &format!("//! | {text}")), [2]);
        assert_eq!(lines(long_line, "README.md", &text), NONE);
    }

    #[test]
    fn file_without_a_head_is_rejected() {
        assert_eq!(lines(head, "src/a.rs", "//! What it is.\n"), NONE);
        assert_eq!(lines(head, "src/a.rs", "\n//! What it is.\n"), [1]);
        assert_eq!(lines(head, "src/a.rs", "use std::fmt;\n"), [1]);
        assert_eq!(lines(head, "ci/a.sh", "#!/bin/sh\n# What it does.\n"), NONE);
        assert_eq!(lines(head, "ci/a.sh", "#!/bin/sh\nset -e\n"), [2]);
        assert_eq!(lines(head, "Cargo.toml", "[package]\n"), NONE);
    }

    #[test]
    fn unfinished_work_is_rejected() {
        assert_eq!(lines(unfinished, "src/a.rs", &format!("// {UNFINISHED}: it fails.\n")), [1]);
    }

    #[test]
    fn todo_needs_a_reason() {
        let reason = "wait for the kernel's fix.";
        let text = format!("// {LATER}\n// {LATER}: later\n// {LATER}: {reason}\n");
        assert_eq!(lines(todo_without_reason, "src/a.rs", &text), [1, 2]);
    }

    #[test]
    fn panicking_macro_is_rejected() {
        let text = "todo!();\nlet todo = 1; // todo!()\nlet x = dbg!(y);\nunimplemented!()\n";
        assert_eq!(lines(panicking_macro, "src/a.rs", text), [1, 3, 4]);
    }

    #[test]
    fn unsafe_is_rejected() {
        let text = "//! Without unsafe code.\nunsafe { f() }\nlet unsafely = \"unsafe\";\n";
        assert_eq!(lines(unsafe_code, "src/a.rs", text), [2]);
        let foreign = "backends/uv/src/ffi.rs";
        assert_eq!(lines(unsafe_code, foreign, text), [2], "no reason is asked for");
        let text = format!("//! Calls.{UNSAFE_WITH_REASONS}{text}");
        assert_eq!(lines(unsafe_code, foreign, &text), NONE);
        assert_eq!(lines(unsafe_code, "backends/uv/src/lib.rs", &text), [4]);
    }

    #[test]
    fn clock_is_read_in_few_places() {
        let text = "let a = Instant::now();\nlet b = now.steady;\na.elapsed();\n";
        for path in ["src/connman/mod.rs", "sim/src/world.rs", "backends/mio/src/lib.rs"] {
            assert_eq!(lines(clock, path, text), [1, 3], "{path}");
        }
        for path in ["src/driver/clock.rs", "backends/over/src/clock.rs", "sim/tests/net.rs"] {
            assert_eq!(lines(clock, path, text), NONE, "{path}");
        }
    }
}
