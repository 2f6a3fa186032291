//! Clients: requests that are numbered on each connection, and answers whose content says to which
//! of them they belong.

use std::collections::VecDeque;

use sockman::sockman::Initiator;
use sockman::time::Now;

use super::desk::{LATER_MS_MAX, LENGTH_MAX, letters};
use crate::lexicon::{Setting, Settings};
use crate::schedule::Word;
use crate::subject::{Dialect, Garbled, Heard, UnknownWord, Usage};

/// What a client says, likelier words more than once.
pub(super) const WORDS: &[&str] =
    &["get", "post", "work", "late", "head", "chunks", "post", "expect", "last", "old", "bad"];

/// What it hears.
pub(super) const HEARD: &[&str] = &["answer", "refused", "continue"];

/// Longest content of a request, in bytes.
const CONTENT_MAX: u32 = 1_000_000;

/// The head of any answer is shorter.
const HEAD_BYTES_MAX: usize = 1024;

/// Bytes of a chunk, so that a content has several.
const CHUNK_BYTES: usize = 700;

const ASKED: [Setting; 1] = [Setting::up_to("length", LENGTH_MAX as u64)];
const ASKED_LATE: [Setting; 1] = [Setting::up_to("ms", LATER_MS_MAX as u64)];
const BROUGHT: [Setting; 1] = [Setting::up_to("length", CONTENT_MAX as u64)];
const NUMBERED: [Setting; 1] = [Setting::up_to("number", u64::MAX)];
const STATUS: [Setting; 1] = [Setting::up_to("status", 599)];

/// What a word can be said with.
pub(super) fn said_with(name: &str) -> Settings {
    match name {
        "get" | "head" | "last" | "old" => [&ASKED, &[], &[]],
        "late" | "work" => [&ASKED, &ASKED_LATE, &[]],
        "post" | "chunks" | "expect" => [&BROUGHT, &[], &[]],
        _ => [&[], &[], &[]],
    }
}

/// By what a word can be told from others.
pub(super) fn heard_with(name: &str) -> Settings {
    match name {
        "answer" => [&NUMBERED, &[], &[]],
        "refused" => [&STATUS, &[], &[]],
        _ => [&[], &[], &[]],
    }
}

/// A client's side of a connection.
#[derive(Clone, Debug)]
pub struct Client {
    /// Whether the server may find requests too large.
    has_limits: bool,
    /// Of the next request.
    next: u64,
    /// Requests to which an answer has yet to come.
    owed: VecDeque<Owed>,
    /// Whether it has said that no request follows.
    has_said_last: bool,
    /// What it is about to say.
    to_say: VecDeque<u8>,
    /// Whether something else was said, to which it does not know the answer.
    is_unsure: bool,
    /// Whether the server has said that no answer follows.
    is_over: bool,
    reading: Reading,
    offset: u64,
}

/// An answer that has yet to come.
#[derive(Clone, Debug)]
struct Owed {
    number: u64,
    length: usize,
    sort: Sort,
    /// Whether the connection ends with it.
    is_last: bool,
    /// Whether a 100 may come before.
    may_continue: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sort {
    /// It has a content.
    Whole,
    /// It has none, and a length all the same.
    Head,
    /// It has a content, unless too many others wait for workers.
    Work,
    /// It is a refusal.
    Refusal,
}

#[derive(Clone, Debug)]
enum Reading {
    Head(Vec<u8>),
    /// A content: so many bytes are left, and if they are letters, which comes next.
    Content {
        left: usize,
        letter: Option<u64>,
        heard: Heard,
    },
}

/// What the head of an answer says.
struct Answer {
    status: u64,
    length: Option<usize>,
    closes: bool,
}

impl Client {
    /// A client of a server with or without limits that its requests may pass.
    pub(super) fn of(number: u16, has_limits: bool) -> Self {
        Self { has_limits, ..Self::new(number) }
    }

    fn garbled(&self, problem: String) -> Garbled {
        Garbled { problem, offset: self.offset }
    }

    fn owe(&mut self, length: usize, sort: Sort) -> u64 {
        let number = self.next;
        self.next += 1;
        if !self.has_said_last {
            let owed = Owed { number, length, sort, is_last: false, may_continue: false };
            self.owed.push_back(owed);
        }
        number
    }

    /// The request that was said last says something more of itself.
    fn with_last(&mut self, change: impl FnOnce(&mut Owed)) {
        if !self.has_said_last
            && let Some(owed) = self.owed.back_mut()
        {
            change(owed);
        }
    }

    fn ask(&mut self, word: &Word, out: &mut Vec<u8>) {
        let sort = match word.name.as_str() {
            "head" => Sort::Head,
            "work" => Sort::Work,
            _ => Sort::Whole,
        };
        let number_of = |key| word.setting(key).and_then(|text| text.parse().ok());
        let length: usize = number_of("length").unwrap_or(0);
        let number = self.owe(length, sort);
        let method = if sort == Sort::Head { "HEAD" } else { "GET" };
        let target = match word.name.as_str() {
            name @ ("late" | "work") => {
                format!("/{name}/{number}/{length}/{}", number_of("ms").unwrap_or(100))
            }
            _ => format!("/now/{number}/{length}"),
        };
        let rest = match word.name.as_str() {
            "old" => "HTTP/1.0\r\n\r\n",
            "last" => "HTTP/1.1\r\nHost: sim\r\nConnection: close\r\n\r\n",
            _ => "HTTP/1.1\r\nHost: sim\r\n\r\n",
        };
        out.extend_from_slice(format!("{method} {target} {rest}").as_bytes());
        if matches!(word.name.as_str(), "old" | "last") {
            self.with_last(|owed| owed.is_last = true);
            self.has_said_last = true;
        }
    }

    fn bring(&mut self, word: &Word, out: &mut Vec<u8>) {
        let length = word.setting("length").and_then(|text| text.parse().ok()).unwrap_or(0);
        let number = self.owe(length, Sort::Whole);
        let content = letters(number, length);
        out.extend_from_slice(b"POST /echo HTTP/1.1\r\nHost: sim\r\n");
        if word.name == "chunks" {
            out.extend_from_slice(b"Transfer-Encoding: chunked\r\n\r\n");
            for chunk in content.chunks(CHUNK_BYTES) {
                out.extend_from_slice(format!("{:x}\r\n", chunk.len()).as_bytes());
                out.extend_from_slice(chunk);
                out.extend_from_slice(b"\r\n");
            }
            out.extend_from_slice(b"0\r\n\r\n");
            return;
        }
        if word.name == "expect" {
            self.with_last(|owed| owed.may_continue = true);
            out.extend_from_slice(b"Expect: 100-continue\r\n");
        }
        out.extend_from_slice(format!("Content-Length: {length}\r\n\r\n").as_bytes());
        out.extend_from_slice(&content);
    }

    fn take(&mut self, byte: u8, heard: &mut Vec<Heard>) -> Result<(), Garbled> {
        match &mut self.reading {
            Reading::Head(_) if self.is_over => {
                Err(self.garbled(format!("byte {byte:#04x} behind the last answer")))
            }
            Reading::Head(bytes) => {
                bytes.push(byte);
                if bytes.ends_with(b"\r\n\r\n") {
                    let bytes = std::mem::take(bytes);
                    return self.end_head(&bytes, heard);
                }
                if bytes.len() > HEAD_BYTES_MAX {
                    return Err(self.garbled("a head without an end".to_owned()));
                }
                Ok(())
            }
            Reading::Content { left, letter, heard: whole } => {
                if let Some(letter) = letter {
                    let expected = letters(*letter, 1)[0];
                    *letter += 1;
                    if byte != expected {
                        let problem = format!("{byte:#04x} in place of {expected:#04x}");
                        return Err(self.garbled(problem));
                    }
                }
                *left -= 1;
                if *left == 0 {
                    heard.push(*whole);
                    self.reading = Reading::Head(Vec::new());
                }
                Ok(())
            }
        }
    }

    fn end_head(&mut self, bytes: &[u8], heard: &mut Vec<Heard>) -> Result<(), Garbled> {
        let text = bytes.escape_ascii();
        let Some(answer) = read_head(bytes) else {
            return Err(self.garbled(format!("{text} is no head of an answer")));
        };
        if answer.status == 100 {
            let may =
                self.owed.front_mut().is_some_and(|owed| std::mem::take(&mut owed.may_continue));
            heard.push(Heard { name: "continue", detail: 0 });
            return if may { Ok(()) } else { Err(self.garbled("a 100 to nothing".to_owned())) };
        }
        let Some(owed) = self.owed.pop_front() else {
            return Err(self.garbled(format!("{text} answers nothing")));
        };
        let is_refusal = answer.status != 200;
        let fits = match answer.status {
            200 => answer.length == Some(owed.length) && owed.sort != Sort::Refusal,
            408 => answer.closes,
            413 | 414 | 431 => answer.closes && self.has_limits,
            400 | 501 => answer.closes && owed.sort == Sort::Refusal,
            503 => owed.sort == Sort::Work,
            _ => false,
        };
        if !fits {
            return Err(self.garbled(format!("{text} to request {owed:?}")));
        }
        if owed.is_last && !answer.closes {
            return Err(self.garbled(format!("{text}, and it is the last")));
        }
        self.is_over |= answer.closes;
        let said = match is_refusal {
            true => Heard { name: "refused", detail: answer.status },
            false => Heard { name: "answer", detail: owed.number },
        };
        let Some(length) = answer.length else {
            return Err(self.garbled(format!("{text} has no length")));
        };
        // A refusal of what was not read as HEAD has a content.
        let left = if owed.sort == Sort::Head && !is_refusal { 0 } else { length };
        if left == 0 {
            heard.push(said);
        } else {
            let letter = (!is_refusal).then_some(owed.number);
            self.reading = Reading::Content { left, letter, heard: said };
        }
        Ok(())
    }
}

/// Reads the head of an answer, in the few forms that it can have here.
fn read_head(bytes: &[u8]) -> Option<Answer> {
    let text = std::str::from_utf8(bytes).ok()?.strip_suffix("\r\n\r\n")?;
    let mut lines = text.split("\r\n");
    let (status, _) = lines.next()?.strip_prefix("HTTP/1.1 ")?.split_once(' ')?;
    let mut answer = Answer { status: status.parse().ok()?, length: None, closes: false };
    let mut dated = false;
    for line in lines {
        match line.split_once(": ")? {
            ("Content-Length", length) if answer.length.is_none() => {
                answer.length = Some(length.parse().ok()?);
            }
            ("Connection", "close") => answer.closes = true,
            ("Content-Type", _) => {}
            // RFC 9110 section 6.6.1: when it was made, once.
            ("Date", date) if !dated && date.ends_with(" GMT") => dated = true,
            _ => return None,
        }
    }
    (dated || answer.status < 200).then_some(answer)
}

impl Dialect for Client {
    /// Of a server of which nothing is known.
    fn new(_: u16) -> Self {
        Self {
            has_limits: true,
            next: 0,
            owed: VecDeque::new(),
            has_said_last: false,
            to_say: VecDeque::new(),
            is_unsure: false,
            is_over: false,
            reading: Reading::Head(Vec::new()),
            offset: 0,
        }
    }

    fn begin(&mut self, _: Initiator) {
        *self = Self::of(0, self.has_limits);
    }

    fn check(word: &Word, usage: Usage) -> Result<(), UnknownWord> {
        super::KNOWN.check(word, usage)
    }

    fn encode(&mut self, _: Now, word: &Word, out: &mut Vec<u8>) -> Result<(), UnknownWord> {
        Self::check(word, Usage::Said)?;
        let before = out.len();
        match word.name.as_str() {
            "post" | "chunks" | "expect" => self.bring(word, out),
            "bad" => {
                self.owe(0, Sort::Refusal);
                self.has_said_last = true;
                out.extend_from_slice(b"GET / HTTP/1.1\r\nHost : sim\r\n\r\n");
            }
            _ => self.ask(word, out),
        }
        self.to_say.extend(&out[before..]);
        Ok(())
    }

    fn said(&mut self, bytes: &[u8]) {
        let is_other = bytes.iter().any(|byte| self.to_say.pop_front() != Some(*byte));
        self.is_unsure |= is_other;
    }

    fn says_bytes(&mut self) {
        self.is_unsure = true;
    }

    fn says_fragment(&mut self) {
        self.is_unsure = true;
    }

    fn decode(&mut self, bytes: &[u8], heard: &mut Vec<Heard>) -> Result<(), Garbled> {
        if self.is_unsure {
            return Ok(());
        }
        for byte in bytes {
            self.take(*byte, heard)?;
            self.offset += 1;
        }
        Ok(())
    }

    fn greet(&mut self, now: Now, out: &mut Vec<u8>) {
        self.chat(now, out);
    }

    fn chat(&mut self, now: Now, out: &mut Vec<u8>) {
        let name = ["get", "work", "get", "late"][(self.next % 4) as usize];
        let length = ("length".to_owned(), (self.next * 37 % 300).to_string());
        let word = Word { name: name.to_owned(), settings: vec![length] };
        self.encode(now, &word, out).expect("it is a word of this language");
    }

    fn provoke(&mut self, _: Now, n: u64, out: &mut Vec<u8>) {
        self.is_unsure = true;
        let wrong = [
            "GET / HTTP/1.1\n\n",
            "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
            "\u{16}\u{3}\u{1}",
            "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n",
            "GET / HTTP/9.9\r\n\r\n",
        ];
        let place = usize::try_from(n % wrong.len() as u64).expect("a handful");
        out.extend_from_slice(wrong[place].as_bytes());
    }

    fn draw_word(below: &mut dyn FnMut(u32) -> u32) -> Word {
        let count = u32::try_from(WORDS.len()).expect("a handful");
        let mut word = Word::plain(WORDS[below(count) as usize]);
        if word.name != "bad" && below(2) == 0 {
            let most = [10, 300, 5_000, 50_000][below(4) as usize];
            let length = below(most);
            word.settings.push(("length".to_owned(), length.to_string()));
        }
        if matches!(word.name.as_str(), "late" | "work") {
            let most = [10, 500, 3_000][below(3) as usize];
            let ms = below(most);
            word.settings.push(("ms".to_owned(), ms.to_string()));
        }
        word
    }

    fn ask_much(below: &mut dyn FnMut(u32) -> u32) -> (Word, u32) {
        let length = ("length".to_owned(), (1 + below(30_000)).to_string());
        (Word { name: "get".to_owned(), settings: vec![length] }, 1 + below(12))
    }

    fn matches(&self, word: &Word, heard: Heard) -> bool {
        let detail = word.settings.first().and_then(|(_, value)| value.parse().ok());
        word.name == heard.name && detail.is_none_or(|detail: u64| detail == heard.detail)
    }

    fn vocabulary() -> &'static [&'static str] {
        WORDS
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What each answer has as well.
    const DATE: &str = "Date: Thu, 01 Jan 1970 00:00:00 GMT$";

    /// A client that has said these words, and what it makes of an answer.
    fn heard(words: &[&str], answer: &str) -> Result<Vec<Heard>, String> {
        let mut client = Client::of(1, false);
        let mut said = Vec::new();
        for word in words {
            let mut word = Word::plain(word);
            if word.name != "bad" {
                word.settings.push(("length".to_owned(), "2".to_owned()));
            }
            client.encode(Now::default(), &word, &mut said).expect("it is one of its words");
        }
        let mut heard = Vec::new();
        let dated = "Content-Length: ";
        let answer = answer.replace(dated, &format!("{DATE}{dated}"));
        let bytes = answer.replace('$', "\r\n").into_bytes();
        match client.decode(&bytes, &mut heard) {
            Ok(()) => Ok(heard),
            Err(Garbled { problem, offset }) => Err(format!("{offset}: {problem}")),
        }
    }

    #[track_caller]
    fn check(words: &[&str], answer: &str, numbers: &[u64]) {
        let heard = heard(words, answer).expect("it is an answer");
        assert_eq!(heard.iter().map(|heard| heard.detail).collect::<Vec<_>>(), numbers);
    }

    const OK: &str = "HTTP/1.1 200 OK$Content-Length: 2$";

    #[test]
    fn right_answers_are_heard() {
        check(&["get", "post"], &format!("{OK}$ab{OK}$bc"), &[0, 1]);
        check(&["head", "get"], &format!("{OK}${OK}$bc"), &[0, 1]);
        check(&["expect"], &format!("HTTP/1.1 100 Continue$${OK}$ab"), &[0, 0]);
        let close = "Content-Length: 1$Connection: close$$x";
        check(&["get", "get"], &format!("{OK}$abHTTP/1.1 408 Late${close}"), &[0, 408]);
        check(&["bad"], &format!("HTTP/1.1 400 Bad${close}"), &[400]);
        check(&["last", "get"], &format!("{OK}Connection: close$$ab"), &[0]);
    }

    #[test]
    fn wrong_answers_are_noticed() {
        let closed = format!("{OK}Connection: close$$ab");
        for (words, answer) in [
            // Of another request, too long, too many, to nothing.
            (&["get"][..], format!("{OK}$bc")),
            (&["get", "get"], format!("{OK}$ab{OK}$ab")),
            (&["get"], "HTTP/1.1 200 OK$Content-Length: 3$$abc".to_owned()),
            (&["get"], format!("{OK}$abx$$$$")),
            (&["get"], format!("{OK}$ab{OK}$bc")),
            (&[], format!("{OK}$ab")),
            // It is the last, or is not.
            (&["last"], format!("{OK}$ab")),
            (&["last", "get"], format!("{closed}{OK}$bc")),
            (&["get", "get"], format!("{closed}H")),
            // A refusal that is none, or of what was right.
            (&["get"], "HTTP/1.1 408 Late$Content-Length: 0$$".to_owned()),
            (&["get"], "HTTP/1.1 400 Bad$Content-Length: 0$Connection: close$$".to_owned()),
            (&["get"], "HTTP/1.1 413 Large$Content-Length: 0$Connection: close$$".to_owned()),
            (&["bad"], format!("{OK}$ab")),
            // A 100 that nobody waits for, and no answer at all.
            (&["post"], format!("HTTP/1.1 100 Continue$${OK}$ab")),
            (&["expect"], "HTTP/1.1 100 Continue$$".repeat(2)),
            (&["get"], "HTTP/1.1 200 OK$$".to_owned()),
            (&["get"], "nonsense$$".to_owned()),
            // It has no date, or two.
            (&["get"], "HTTP/1.1 200 OK$content-length: 2$$ab".to_owned()),
            (&["get"], format!("HTTP/1.1 200 OK${DATE}Content-Length: 2$$ab")),
        ] {
            assert!(heard(words, &answer).is_err(), "{words:?}: {answer}");
        }
    }
}
