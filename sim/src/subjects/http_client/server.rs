//! Servers: they know what a request of this client looks like, and answer it in one of the ways
//! that RFC 9112 has, or in one that it has not.

use sockman::sockman::Initiator;
use sockman::time::Now;

use super::CONTENT_BYTES;
use crate::lexicon::{Setting, Settings};
use crate::schedule::Word;
use crate::subject::{Dialect, Garbled, Heard, UnknownWord, Usage};

/// What a server says, likelier words more than once.
pub(super) const WORDS: &[&str] = &[
    "answer",
    "chunks",
    "answer",
    "until-end",
    "continue",
    "empty",
    "redirect",
    "lengths",
    "both",
    "head",
    "short",
    "noise",
];

/// What it hears.
pub(super) const HEARD: &[&str] = &["get", "post", "head"];

/// Longest content or field that is said, in bytes.
const LENGTH_MAX: u64 = 1_000_000;

/// Bytes of a chunk, so that a content has several.
const CHUNK_BYTES: usize = 700;

/// No request of this client has a longer head.
const HEAD_BYTES_MAX: usize = 200;

const SAID: [Setting; 1] = [Setting::up_to("length", LENGTH_MAX)];

/// What a word can be said with.
pub(super) fn said_with(name: &str) -> Settings {
    match name {
        "answer" | "chunks" | "until-end" | "head" | "short" => [&SAID, &[], &[]],
        _ => [&[], &[], &[]],
    }
}

/// By what a word can be told from others: nothing.
pub(super) fn heard_with(_: &str) -> Settings {
    [&[], &[], &[]]
}

/// A server's side of a connection.
#[derive(Clone, Debug)]
pub struct Server {
    number: u16,
    reading: Reading,
    offset: u64,
}

#[derive(Clone, Debug)]
enum Reading {
    Head(Vec<u8>),
    Content { left: usize, heard: Heard },
    Over,
}

impl Server {
    fn garbled(&self, problem: String) -> Garbled {
        Garbled { problem, offset: self.offset }
    }

    fn take(&mut self, byte: u8, heard: &mut Vec<Heard>) -> Result<(), Garbled> {
        match &mut self.reading {
            Reading::Over => Err(self.garbled(format!("{byte:#04x} behind the request"))),
            Reading::Head(head) => {
                head.push(byte);
                let (is_whole, is_long) =
                    (head.ends_with(b"\r\n\r\n"), head.len() > HEAD_BYTES_MAX);
                if is_long {
                    return Err(self.garbled("a head without an end".to_owned()));
                }
                if is_whole {
                    let head = std::mem::take(head);
                    return self.end_head(&head, heard);
                }
                Ok(())
            }
            Reading::Content { left, heard: whole } => {
                *left -= 1;
                let (is_last, whole) = (*left == 0, *whole);
                if byte != b'x' {
                    return Err(self.garbled(format!("{byte:#04x} in the content")));
                }
                if is_last {
                    self.reading = Reading::Over;
                    heard.push(whole);
                }
                Ok(())
            }
        }
    }

    fn end_head(&mut self, head: &[u8], heard: &mut Vec<Heard>) -> Result<(), Garbled> {
        let rest = " /a HTTP/1.1\r\nHost: sim\r\nConnection: close\r\n";
        let length = format!("Content-Length: {CONTENT_BYTES}\r\n");
        for (name, method, length) in
            [("get", "GET", ""), ("head", "HEAD", ""), ("post", "POST", &length)]
        {
            if head == format!("{method}{rest}{length}\r\n").as_bytes() {
                let whole = Heard { name, detail: 0 };
                if name == "post" {
                    self.reading = Reading::Content { left: CONTENT_BYTES, heard: whole };
                } else {
                    self.reading = Reading::Over;
                    heard.push(whole);
                }
                return Ok(());
            }
        }
        Err(self.garbled(format!("{} is no request", head.escape_ascii())))
    }
}

/// An answer's bytes.
fn answer(name: &str, length: usize, out: &mut Vec<u8>) {
    let ok = "HTTP/1.1 200 OK\r\n";
    let text = match name {
        "answer" => format!("{ok}X-Length: {length}\r\nContent-Length: {length}\r\n\r\n"),
        "short" => format!("{ok}X-Length: {0}\r\nContent-Length: {0}\r\n\r\n", length + 10),
        "chunks" => format!("{ok}Transfer-Encoding: chunked\r\n\r\n"),
        "until-end" => format!("{ok}\r\n"),
        "continue" => "HTTP/1.1 100 Continue\r\n\r\n".to_owned(),
        "empty" => "HTTP/1.1 204 No Content\r\n\r\n".to_owned(),
        "redirect" => "HTTP/1.1 302 Found\r\nLocation: http://p9/\r\n\r\n".to_owned(),
        "lengths" => format!("{ok}Content-Length: 3\r\nContent-Length: 4\r\n\r\nabcd"),
        "both" => {
            format!("{ok}Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n")
        }
        "head" => format!("{ok}X: {}\r\nContent-Length: 0\r\n\r\n", "y".repeat(length)),
        _ => "SSH-2.0-sim\r\n".to_owned(),
    };
    out.extend_from_slice(text.as_bytes());
    match name {
        "answer" | "short" | "until-end" => out.resize(out.len() + length, b'z'),
        "chunks" => {
            for chunk in vec![b'z'; length].chunks(CHUNK_BYTES) {
                out.extend_from_slice(format!("{:x}\r\n", chunk.len()).as_bytes());
                out.extend_from_slice(chunk);
                out.extend_from_slice(b"\r\n");
            }
            out.extend_from_slice(b"0\r\n\r\n");
        }
        _ => {}
    }
}

impl Dialect for Server {
    fn new(number: u16) -> Self {
        Self { number, reading: Reading::Head(Vec::new()), offset: 0 }
    }

    fn begin(&mut self, _: Initiator) {
        *self = Self::new(self.number);
    }

    fn check(word: &Word, usage: Usage) -> Result<(), UnknownWord> {
        super::KNOWN.check(word, usage)
    }

    fn encode(&mut self, _: Now, word: &Word, out: &mut Vec<u8>) -> Result<(), UnknownWord> {
        Self::check(word, Usage::Said)?;
        let length = word.setting("length").and_then(|text| text.parse().ok()).unwrap_or(0);
        answer(&word.name, length, out);
        Ok(())
    }

    fn decode(&mut self, bytes: &[u8], heard: &mut Vec<Heard>) -> Result<(), Garbled> {
        for byte in bytes {
            self.take(*byte, heard)?;
            self.offset += 1;
        }
        Ok(())
    }

    fn answer(&mut self, _: Now, heard: Heard, out: &mut Vec<u8>) {
        let length = usize::from(self.number) * 631 % 5000;
        match (heard.name, self.number % 4) {
            ("head", _) => answer("answer", 0, out),
            (_, 0) => answer("empty", 0, out),
            (_, 1) => answer("answer", length, out),
            (_, 2) => {
                answer("continue", 0, out);
                answer("answer", length, out);
            }
            _ => answer("chunks", length, out),
        }
    }

    /// Who was asked nothing says nothing.
    fn chat(&mut self, _: Now, _: &mut Vec<u8>) {}

    fn provoke(&mut self, _: Now, n: u64, out: &mut Vec<u8>) {
        let wrong = ["lengths", "both", "noise", "short", "redirect", "until-end"];
        let place = usize::try_from(n % wrong.len() as u64).expect("a handful");
        answer(wrong[place], 5, out);
    }

    fn draw_word(below: &mut dyn FnMut(u32) -> u32) -> Word {
        let count = u32::try_from(WORDS.len()).expect("a handful");
        let mut word = Word::plain(WORDS[below(count) as usize]);
        if said_with(&word.name)[0].len() == 1 && below(2) == 0 {
            let most = [10, 300, 5_000, 50_000][below(4) as usize];
            let length = below(most);
            word.settings.push(("length".to_owned(), length.to_string()));
        }
        word
    }

    fn vocabulary() -> &'static [&'static str] {
        WORDS
    }
}
