//! The words of one line, taken one after the other: the parts that all sentences are made of.

use std::net::SocketAddr;
use std::time::Duration;

use super::super::limits::{is_name, is_plain_address};
use super::super::{ACTORS_MAX, ActorId, LITERAL_BYTES_MAX, NAME_BYTES_MAX, REPEAT_MAX, TIME_MAX};
use super::error::{Expected, Found, Mistake, Problem, shorten};
use super::lexer::{self, Kind, Token};
use super::source::Span;

pub(super) type Parsed<T> = Result<T, Problem>;

pub(super) const ACTOR: Expected = Expected::Sort("an actor (p1 to p64)");
pub(super) const TIME: Expected =
    Expected::Sort("a time (a whole number and ns, us, ms, s, min or h, as in 10ms)");
const END: Expected = Expected::Sort("the end of the line");
const ORDINAL: Expected = Expected::Sort("an ordinal (1st, 2nd, 3rd, 4th ...)");

/// The units of time, largest first, in nanoseconds.
pub(super) const UNITS: [(&str, u128); 6] = [
    ("h", 3_600_000_000_000),
    ("min", 60_000_000_000),
    ("s", 1_000_000_000),
    ("ms", 1_000_000),
    ("us", 1_000),
    ("ns", 1),
];

/// A place in a line.
pub(super) struct Cursor<'a> {
    line: &'a str,
    tokens: Vec<Token<'a>>,
    next: usize,
    /// Places that were marked.
    marks: Vec<Span>,
}

impl<'a> Cursor<'a> {
    pub(super) fn new(line: &'a str) -> Parsed<Self> {
        Ok(Self { line, tokens: lexer::split(line)?, next: 0, marks: Vec::new() })
    }

    // Looking.

    pub(super) fn peek(&self) -> Option<&Token<'a>> {
        self.tokens.get(self.next)
    }

    /// The next token, if it is a word.
    pub(super) fn peek_word(&self) -> Option<&'a str> {
        self.peek_word_after(0)
    }

    /// The word behind so many tokens.
    pub(super) fn peek_word_after(&self, skipped: usize) -> Option<&'a str> {
        let token = self.tokens.get(self.next + skipped)?;
        (token.kind == Kind::Word).then_some(token.text)
    }

    pub(super) fn is_at_actor(&self) -> bool {
        self.peek_word().is_some_and(looks_like_actor)
    }

    // Marking.

    /// Marks the next token's place, if there is one.
    pub(super) fn mark(&mut self) {
        let span = self.peek().map(|token| Span { at: token.at, length: token.text.len() });
        self.marks.extend(span);
    }

    /// The marks so far, in order.
    pub(super) fn take_marks(&mut self) -> Vec<Span> {
        std::mem::take(&mut self.marks)
    }

    // Taking.

    pub(super) fn skip(&mut self) {
        self.next += 1;
    }

    /// Takes this word, if it is next.
    pub(super) fn eat(&mut self, word: &str) -> bool {
        let is_next = self.peek_word() == Some(word);
        self.next += usize::from(is_next);
        is_next
    }

    pub(super) fn eat_comma(&mut self) -> bool {
        let is_next = self.peek().is_some_and(|token| token.kind == Kind::Comma);
        self.next += usize::from(is_next);
        is_next
    }

    /// Takes this word, or these.
    pub(super) fn words(&mut self, words: &'static str) -> Parsed<()> {
        self.choose(&[(words, ())], &[])
    }

    /// Takes the words of one of the choices; `others` are what else could stand here.
    pub(super) fn choose<T: Copy>(
        &mut self,
        choices: &[(&'static str, T)],
        others: &[Expected],
    ) -> Parsed<T> {
        let mut open: Vec<(&'static str, T)> = choices.to_vec();
        let mut depth = 0;
        loop {
            let found = self.peek_word();
            let fits = |words: &&'static str| found.is_some() && words.split(' ').next() == found;
            if !open.iter().any(|(words, _)| fits(words)) {
                let others = if depth == 0 { others } else { &[] };
                let words = open.iter().map(|(words, _)| Expected::Words(words));
                return Err(self.unexpected(others.iter().copied().chain(words).collect()));
            }
            open.retain(|(words, _)| fits(words));
            self.skip();
            depth += 1;
            for (words, choice) in &mut open {
                match words.split_once(' ') {
                    Some((_, rest)) => *words = rest,
                    None => return Ok(*choice),
                }
            }
        }
    }

    pub(super) fn colon(&mut self) -> Parsed<()> {
        if self.peek().is_some_and(|token| token.kind == Kind::Colon) {
            self.skip();
            return Ok(());
        }
        Err(self.unexpected(vec![Expected::Words(":")]))
    }

    pub(super) fn end(&self) -> Parsed<()> {
        self.end_or(&[])
    }

    /// Nothing more may stand here; `others` are what could.
    pub(super) fn end_or(&self, others: &[Expected]) -> Parsed<()> {
        if self.peek().is_none() {
            return Ok(());
        }
        Err(self.unexpected(others.iter().copied().chain([END]).collect()))
    }

    pub(super) fn actor(&mut self) -> Parsed<ActorId> {
        let Some(digits) = self.peek_word().filter(|word| looks_like_actor(word)) else {
            return Err(self.unexpected(vec![ACTOR]));
        };
        let number = &digits[1..];
        let range = (1, u64::from(ACTORS_MAX));
        let actor = self.in_range("the number of an actor", number, range)?;
        let actor = u16::try_from(actor).map_err(|_| self.unexpected(vec![ACTOR]))?;
        self.skip();
        Ok(ActorId(actor))
    }

    pub(super) fn name(&mut self, what: &'static str) -> Parsed<String> {
        match self.peek_word() {
            Some(word) if is_name(word) => {
                self.skip();
                Ok(word.to_owned())
            }
            Some(word) if word.len() > NAME_BYTES_MAX => {
                Err(self.too_many("letters in a name", NAME_BYTES_MAX))
            }
            Some(_) | None => Err(self.unexpected(vec![Expected::Sort(what)])),
        }
    }

    /// A number of bytes and the word `bytes`.
    pub(super) fn byte_count(&mut self) -> Parsed<u32> {
        let count = self.number("a number of bytes", LITERAL_BYTES_MAX)?;
        self.words(if count == 1 { "byte" } else { "bytes" })?;
        Ok(count)
    }

    /// A whole number from 1.
    pub(super) fn number(&mut self, what: &'static str, most: u32) -> Parsed<u32> {
        let number = self.long_number(what, u64::from(most))?;
        u32::try_from(number).map_err(|_| self.unexpected(vec![Expected::Sort(what)]))
    }

    /// A whole number from 1, of any size.
    pub(super) fn long_number(&mut self, what: &'static str, most: u64) -> Parsed<u64> {
        let Some(digits) = self.peek_word().filter(|word| is_digits(word)) else {
            return Err(self.unexpected(vec![Expected::Sort(what)]));
        };
        let number = self.in_range(what, digits, (1, most))?;
        self.skip();
        Ok(number)
    }

    /// `1st`, `2nd` and so on.
    pub(super) fn ordinal(&mut self, most: u32) -> Parsed<u32> {
        let digits = self.peek_word().and_then(|word| {
            let (digits, ending) = word.split_at_checked(word.len().checked_sub(2)?)?;
            (is_digits(digits) && ["st", "nd", "rd", "th"].contains(&ending)).then_some(digits)
        });
        let Some(digits) = digits else { return Err(self.unexpected(vec![ORDINAL])) };
        let number = self.in_range("an ordinal", digits, (1, u64::from(most)))?;
        self.skip();
        u32::try_from(number).map_err(|_| self.unexpected(vec![ORDINAL]))
    }

    /// `x200` at this place; 1 if there is none.
    pub(super) fn repeat(&mut self) -> Parsed<u32> {
        let digits = self.peek_word().and_then(|word| word.strip_prefix('x'));
        let Some(digits) = digits.filter(|digits| is_digits(digits)) else { return Ok(1) };
        let times = self.in_range("a repeat", digits, (1, u64::from(REPEAT_MAX)))?;
        self.skip();
        u32::try_from(times).map_err(|_| self.unexpected(vec![END]))
    }

    pub(super) fn time(&mut self) -> Parsed<Duration> {
        let time = self.peek_word().and_then(|word| self.duration(word).transpose());
        let Some(time) = time else { return Err(self.unexpected(vec![TIME])) };
        let time = time?;
        self.skip();
        Ok(time)
    }

    /// A time with `+` or `-` before it: whether it is `+`, and the time.
    pub(super) fn signed_time(&mut self) -> Parsed<(bool, Duration)> {
        let split = |word: &'a str| match word.as_bytes().first() {
            Some(b'+') => Some((true, &word[1..])),
            Some(b'-') => Some((false, &word[1..])),
            Some(_) | None => None,
        };
        let expected = Expected::Sort("a time with a sign (as in +1h or -90s)");
        let signed = self.peek_word().and_then(split);
        let Some((forward, rest)) = signed else { return Err(self.unexpected(vec![expected])) };
        let time = self.duration(rest)?.ok_or_else(|| self.unexpected(vec![expected]))?;
        self.skip();
        Ok((forward, time))
    }

    /// The time that a word is, if it is one. Taken by the caller.
    pub(super) fn duration(&self, word: &str) -> Parsed<Option<Duration>> {
        let digits = word.bytes().take_while(u8::is_ascii_digit).count();
        let (number, unit) = word.split_at(digits);
        let Some((_, nanos)) = UNITS.iter().find(|(name, _)| *name == unit) else {
            return Ok(None);
        };
        if number.is_empty() {
            return Ok(None);
        }
        let time = number.parse::<u128>().ok().and_then(|number| number.checked_mul(*nanos));
        match time.filter(|time| *time <= TIME_MAX.as_nanos()).map(u64::try_from) {
            Some(Ok(time)) => Ok(Some(Duration::from_nanos(time))),
            Some(Err(_)) | None => Err(self.problem(Mistake::TimeTooLong { found: shorten(word) })),
        }
    }

    pub(super) fn address(&mut self) -> Parsed<SocketAddr> {
        let address = self.peek_word().and_then(|word| word.parse().ok());
        let Some(address) = address.filter(is_plain_address) else {
            let sort = "an address and port (203.0.113.7:8333 or [2001:db8::1]:8333)";
            return Err(self.unexpected(vec![Expected::Sort(sort)]));
        };
        self.skip();
        Ok(address)
    }

    // Complaining, about the next token.

    pub(super) fn problem(&self, mistake: Mistake) -> Problem {
        let end = self.line.trim_end().len();
        let (at, length) = self.peek().map_or((end, 0), |token| (token.at, token.text.len()));
        Problem::new(at, length, mistake)
    }

    pub(super) fn unexpected(&self, expected: Vec<Expected>) -> Problem {
        if self.peek_word().is_some_and(|word| word.starts_with('#')) {
            let (what, rule) = ("a comment", "it has a line of its own");
            return self.problem(Mistake::Misplaced { what, rule });
        }
        let found = self.peek().map_or(Found::EndOfLine, |token| Found::text(token.text));
        self.problem(Mistake::Unexpected { found, expected })
    }

    pub(super) fn too_many(&self, what: &'static str, most: usize) -> Problem {
        self.problem(Mistake::TooMany { what, most })
    }

    fn in_range(&self, what: &'static str, digits: &str, range: (u64, u64)) -> Parsed<u64> {
        let (least, most) = range;
        match digits.parse::<u64>() {
            Ok(number) if (least..=most).contains(&number) => Ok(number),
            Ok(_) | Err(_) => {
                let found = shorten(digits);
                Err(self.problem(Mistake::OutOfRange { what, found, least, most }))
            }
        }
    }
}

/// `p` and a number without a leading zero, of any size.
pub(super) fn looks_like_actor(word: &str) -> bool {
    let digits = word.strip_prefix('p').unwrap_or("");
    is_digits(digits) && (digits == "0" || !digits.starts_with('0'))
}

pub(super) fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}
