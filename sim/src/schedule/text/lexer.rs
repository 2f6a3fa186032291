//! A line of text to tokens. Knows quotes, commas and colons; no word.

use super::error::{BYTE_ORDER_MARK, Mistake, Problem};

/// A piece of a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Token<'a> {
    /// Which sort.
    pub(super) kind: Kind,
    /// As it stands in the line.
    pub(super) text: &'a str,
    /// Where it begins, in bytes.
    pub(super) at: usize,
}

/// The sorts of tokens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Letters without a space: `p1`, `+10ms`, `nonce=7`, `203.0.113.7:40000`.
    Word,
    /// `,`.
    Comma,
    /// `:` at the end of a word.
    Colon,
    /// `"..."`, and what it stands for.
    Quoted(String),
}

/// Splits a line.
pub(super) fn split(line: &str) -> Result<Vec<Token<'_>>, Problem> {
    refuse_control(line)?;
    let mut tokens = Vec::new();
    let mut at = 0;
    while let Some(c) = line[at..].chars().next() {
        let rest = &line[at..];
        if c.is_whitespace() {
            at += c.len_utf8();
        } else if c == ',' {
            tokens.push(Token { kind: Kind::Comma, text: &rest[..1], at });
            at += 1;
        } else if c == '"' {
            let (value, length) = unquote(rest).map_err(|problem| problem.moved(at))?;
            tokens.push(Token { kind: Kind::Quoted(value), text: &rest[..length], at });
            at += length;
        } else {
            let length = rest.find(|c: char| c.is_whitespace() || c == ',').unwrap_or(rest.len());
            push_word(&mut tokens, &rest[..length], at);
            at += length;
        }
    }
    Ok(tokens)
}

/// Refuses what a terminal would not show; a tab is a space.
pub(super) fn refuse_control(line: &str) -> Result<(), Problem> {
    let is_refused = |c: char| c.is_control() && c != '\t' || c == BYTE_ORDER_MARK;
    let Some((at, c)) = line.char_indices().find(|(_, c)| is_refused(*c)) else { return Ok(()) };
    let mistake = match c {
        BYTE_ORDER_MARK => Mistake::ByteOrderMark,
        c => Mistake::ControlCharacter(c),
    };
    Err(Problem::new(at, c.len_utf8(), mistake))
}

/// A colon at the end is a token of its own, except in a setting, whose value may end so.
fn push_word<'a>(tokens: &mut Vec<Token<'a>>, text: &'a str, at: usize) {
    let Some(stem) = text.strip_suffix(':').filter(|stem| !stem.contains('=')) else {
        tokens.push(Token { kind: Kind::Word, text, at });
        return;
    };
    if !stem.is_empty() {
        tokens.push(Token { kind: Kind::Word, text: stem, at });
    }
    tokens.push(Token { kind: Kind::Colon, text: &text[stem.len()..], at: at + stem.len() });
}

/// What a quoted text at the front stands for, and its length with quotes.
fn unquote(text: &str) -> Result<(String, usize), Problem> {
    let mut value = String::new();
    let mut chars = text.char_indices().skip(1);
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return Ok((value, at + 1)),
            '\\' => {
                let (c, length) = unescape(&text[at..])
                    .ok_or_else(|| Problem::new(at, escape_length(&text[at..]), Mistake::Escape))?;
                value.push(c);
                // The backslash is taken already.
                for _ in 1..length {
                    chars.next();
                }
            }
            c => value.push(c),
        }
    }
    Err(Problem::new(0, text.len(), Mistake::OpenQuote))
}

/// The character of an escape at the front, and the length of the escape: all of it is ASCII.
fn unescape(text: &str) -> Option<(char, usize)> {
    let rest = text.strip_prefix('\\')?;
    match rest.chars().next()? {
        c @ ('"' | '\\') => Some((c, 2)),
        'u' => {
            let digits = rest.strip_prefix("u{")?.split_once('}')?.0;
            let fine = (1..=6).contains(&digits.len())
                && digits.bytes().all(|digit| digit.is_ascii_hexdigit());
            let number = u32::from_str_radix(digits, 16).ok().filter(|_| fine)?;
            Some((char::from_u32(number)?, "\\u{}".len() + digits.len()))
        }
        _ => None,
    }
}

/// The backslash and the character after it.
fn escape_length(text: &str) -> usize {
    text.chars().take(2).map(char::len_utf8).sum()
}
