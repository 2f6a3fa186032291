//! What of a source file is code: neither comment nor literal.

/// The text with comments and the content of literals blanked, line by line as before.
///
/// Knows line comments, strings with their escapes, raw strings and characters. Block comments are
/// not written in this house.
pub(super) fn code_only(text: &str) -> String {
    let mut code = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(next) = rest.chars().next() {
        let literal = literal_bytes(rest, code.chars().next_back());
        if literal == 0 {
            code.push(next);
            rest = &rest[next.len_utf8()..];
            continue;
        }
        let (skipped, after) = rest.split_at(literal);
        code.push(' ');
        code.extend(skipped.chars().filter(|&c| c == '\n'));
        rest = after;
    }
    code
}

/// How many bytes of a comment or literal a text begins with; 0 if it begins with code.
fn literal_bytes(text: &str, before: Option<char>) -> usize {
    if text.starts_with("//") {
        return text.find('\n').unwrap_or(text.len());
    }
    if text.starts_with('"') {
        return string_bytes(text, '"');
    }
    if text.starts_with('\'') {
        return char_bytes(text);
    }
    let in_name = before.is_some_and(|c| c.is_alphanumeric() || c == '_');
    if in_name { 0 } else { raw_string_bytes(text) }
}

/// A string, or a character, up to the quote that ends it.
fn string_bytes(text: &str, quote: char) -> usize {
    let mut escaped = false;
    for (at, c) in text.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            c if c == quote => return at + c.len_utf8(),
            _ => {}
        }
    }
    text.len()
}

/// A character; a lifetime is code.
fn char_bytes(text: &str) -> usize {
    let mut chars = text.chars().skip(1);
    let first = chars.next();
    if first == Some('\\') || chars.next() == Some('\'') { string_bytes(text, '\'') } else { 0 }
}

fn raw_string_bytes(text: &str) -> usize {
    let after = text.strip_prefix("br").or_else(|| text.strip_prefix('r')).unwrap_or_default();
    let opened = after.trim_start_matches('#');
    let Some(content) = opened.strip_prefix('"') else { return 0 };
    let end = format!("\"{}", "#".repeat(after.len() - opened.len()));
    let head = text.len() - content.len();
    content.find(&end).map_or(text.len(), |at| head + at + end.len())
}

/// What follows each place where a line of code has `name` as a whole word.
pub(super) fn names<'a>(line: &'a str, name: &'a str) -> impl Iterator<Item = &'a str> {
    let in_word = |c: char| c.is_alphanumeric() || c == '_';
    line.match_indices(name).filter_map(move |(at, _)| {
        let (before, after) = (&line[..at], &line[at + name.len()..]);
        let whole = !before.ends_with(in_word) && !after.starts_with(in_word);
        whole.then_some(after)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &str) {
        assert_eq!(code_only(text), expected);
    }

    #[test]
    fn comments_and_literals_are_blanked() {
        check("a // b\nc", "a  \nc");
        check(r#"f("a // \" b", 'c', '\'')"#, "f( ,  ,  )");
        check("r\"a\\\" b; r#\"c\" d\"# e; br\"f\"", "  b;   e;  ");
        check("\"a\nb\" c", " \n c");
        check("fn f<'a>(x: &'a str)", "fn f<'a>(x: &'a str)");
        check("for r in r_all {}", "for r in r_all {}");
    }

    #[test]
    fn names_are_whole_words() {
        assert_eq!(
            names("Wait::wait(Waiter, &Wait)", "Wait").collect::<Vec<_>>(),
            ["::wait(Waiter, &Wait)", ")"]
        );
    }
}
