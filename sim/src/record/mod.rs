//! A session of two real nodes as a schedule: what one of them says becomes the script, what the
//! other says what is expected.
//!
//! ```text
//!   client --> proxy --> node     tape: who said what, and when --> schedule
//!          <--       <--                                              p1 sends ...
//!                                                                     expect p1 receives ...
//! ```
//!
//! v1 alone: what is said over v2 the proxy cannot read.

use std::fmt;
use std::time::Duration;

use sockman::sockets::Failure;

use crate::schedule::{ActorId, Expect, Item, Line, Op, Ordering, SUBJECT_DEFAULT, Schedule, When};
use crate::schedule::{ITEMS_MAX, LINES_MAX, Word};
use crate::subjects::connman::{self, Named, Opening};

mod proxy;

pub use proxy::{Half, Heard, Never, Proxy, Side};

/// Who the client becomes.
const ACTOR: ActorId = ActorId(1);

/// The least time that an expectation gives: who carries it out may be slower than the record.
const WITHIN_MIN: Duration = Duration::from_secs(1);

/// Most bytes of a session that are kept.
pub const TAPE_BYTES_MAX: usize = 32 << 20;

/// Each becomes one line at most; there is one before them, and one behind.
const ENTRIES_MAX: usize = LINES_MAX - 2;

/// Why a session is no schedule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotRecorded {
    /// The client speaks v2.
    Encrypted,
    /// The client speaks to another network than regtest; its first four bytes.
    OtherNetwork([u8; 4]),
    /// Nobody said a whole message.
    Nothing,
}

impl fmt::Display for NotRecorded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Encrypted => f.write_str(
                "the client speaks v2, which cannot be read on its way: start both nodes with \
                 -v2transport=0",
            ),
            Self::OtherNetwork([a, b, c, d]) => write!(
                f,
                "the client begins with {a:02x}{b:02x}{c:02x}{d:02x}, which is not regtest: start \
                 both nodes with -regtest"
            ),
            Self::Nothing => f.write_str("nothing was said"),
        }
    }
}

impl std::error::Error for NotRecorded {}

/// What was heard of a session so far.
#[derive(Clone, Debug)]
pub struct Tape {
    entries: Vec<Entry>,
    bytes: usize,
    /// What the client says that is not a whole message yet.
    client: Vec<u8>,
    /// What the node says; `None` once it is no message any more.
    node: Option<Vec<u8>>,
    /// The nonce of the node's last ping.
    pinged: Option<u64>,
    /// Nonces of pings of the client's, whose answers say which they are for.
    asked: Vec<u64>,
    is_cut: bool,
}

#[derive(Clone, Debug)]
struct Entry {
    at: Duration,
    what: What,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum What {
    Sends(Item),
    Receives(Word),
    Ends(Side, Option<Failure>),
}

impl Default for Tape {
    fn default() -> Self {
        Self {
            entries: Vec::new(),
            bytes: 0,
            client: Vec::new(),
            node: Some(Vec::new()),
            pinged: None,
            asked: Vec::new(),
            is_cut: false,
        }
    }
}

impl Tape {
    /// Takes in what was heard, so long after the session began.
    ///
    /// # Errors
    ///
    /// The client speaks what cannot be recorded.
    pub fn note(&mut self, at: Duration, heard: &Heard) -> Result<(), NotRecorded> {
        match heard {
            Heard::Said(side, bytes) => {
                self.bytes = self.bytes.saturating_add(bytes.len());
                // What is too long is cut where it is too long.
                self.is_cut |= self.bytes > TAPE_BYTES_MAX;
                match side {
                    _ if self.is_cut => Ok(()),
                    Side::Client => self.client_said(at, bytes),
                    Side::Node => {
                        self.node_said(at, bytes);
                        Ok(())
                    }
                }
            }
            Heard::Ended(side, failure) if !self.is_cut => {
                self.rest_of_client(at);
                self.push(at, What::Ends(*side, *failure));
                Ok(())
            }
            Heard::Ended(..) | Heard::NotReached(_) | Heard::Over => Ok(()),
        }
    }

    /// Whether the session went on when the tape was full.
    #[must_use]
    pub const fn is_cut(&self) -> bool {
        self.is_cut
    }

    fn push(&mut self, at: Duration, what: What) {
        if self.entries.len() < ENTRIES_MAX {
            self.entries.push(Entry { at, what });
        } else {
            self.is_cut = true;
        }
    }

    fn client_said(&mut self, at: Duration, bytes: &[u8]) -> Result<(), NotRecorded> {
        let mut buffer = std::mem::take(&mut self.client);
        buffer.extend_from_slice(bytes);
        if self.entries.is_empty() {
            match connman::opening(&buffer) {
                Opening::V1 | Opening::Part => {}
                Opening::OtherNetwork(magic) => return Err(NotRecorded::OtherNetwork(magic)),
                Opening::Encrypted => return Err(NotRecorded::Encrypted),
            }
        }
        let mut read = 0;
        while read < buffer.len() {
            let item = match connman::named(&buffer[read..], self.pinged) {
                Named::Part => break,
                Named::Word(word, count) => {
                    read += count;
                    if let ("ping", Some(nonce)) = (word.name.as_str(), word.setting("nonce")) {
                        self.asked.extend(nonce.parse::<u64>());
                    }
                    Item::Word { word, times: 1 }
                }
                Named::Bytes(count) => {
                    let bytes = buffer[read..read + count].to_vec();
                    read += count;
                    Item::Bytes(bytes)
                }
            };
            self.push(at, What::Sends(item));
        }
        buffer.drain(..read);
        self.client = buffer;
        Ok(())
    }

    /// What the client has begun to say and never ended.
    fn rest_of_client(&mut self, at: Duration) {
        let rest = std::mem::take(&mut self.client);
        if !rest.is_empty() {
            self.push(at, What::Sends(Item::Bytes(rest)));
        }
    }

    fn node_said(&mut self, at: Duration, bytes: &[u8]) {
        let Some(mut buffer) = self.node.take() else { return };
        buffer.extend_from_slice(bytes);
        let mut read = 0;
        while let Some(frame) = connman::frame_of(&buffer[read..]) {
            let Ok((word, count)) = frame else { return };
            read += count;
            let nonce = word.setting("nonce").and_then(|nonce| nonce.parse().ok());
            let word = match word.name.as_str() {
                "ping" => {
                    self.pinged = nonce;
                    Word::plain("ping")
                }
                "pong" if nonce.is_some_and(|nonce| self.asked.contains(&nonce)) => word,
                "pong" => Word::plain("pong"),
                _ => word,
            };
            self.push(at, What::Receives(word));
        }
        buffer.drain(..read);
        self.node = Some(buffer);
    }

    /// The session as a schedule, with a title of the caller's. A session that did not end is kept.
    ///
    /// # Errors
    ///
    /// Nobody said anything.
    pub fn schedule(mut self, title: Vec<String>) -> Result<Schedule, NotRecorded> {
        let last = self.entries.last().map_or(Duration::ZERO, |entry| entry.at);
        if !self.is_cut {
            self.rest_of_client(last);
        }
        if self.entries.is_empty() {
            return Err(NotRecorded::Nothing);
        }
        let mut script = Script::default();
        script.push(When::At(Duration::ZERO), Op::Dial { actor: ACTOR, from: None });
        for Entry { at, what } in self.entries {
            match what {
                What::Sends(item) => script.sends(at, item),
                What::Receives(word) => script.receives(at, word),
                What::Ends(side, failure) => script.ends(at, side, failure),
            }
        }
        let mut schedule = Schedule::new(SUBJECT_DEFAULT);
        schedule.title = title;
        schedule.script = script.finish();
        Ok(schedule)
    }
}

/// A script while it is written.
#[derive(Debug, Default)]
struct Script {
    lines: Vec<Line>,
    /// When the last line of the client's was.
    at: Duration,
    /// What is expected of it, and when the last of that came.
    expected: Vec<(Word, u32)>,
    answered_at: Duration,
    has_ended: bool,
}

impl Script {
    fn push(&mut self, at: When, op: Op) {
        self.lines.push(Line { at, op, comment: Vec::new() });
    }

    /// A new line of the client's begins: what was expected of the last one is written down.
    fn settle(&mut self) {
        let mut words = std::mem::take(&mut self.expected).into_iter().peekable();
        while words.peek().is_some() {
            let words: Vec<_> = words.by_ref().take(ITEMS_MAX).collect();
            let waited = self.answered_at.saturating_sub(self.at);
            let within = whole_seconds(waited).max(WITHIN_MIN);
            let order = Ordering::InOrder;
            let expect = Expect::Receives { actor: ACTOR, words, order, within };
            self.push(When::Same, Op::Expect(expect));
        }
    }

    /// When the client's next line is. What was answered meanwhile is expected before, and lies
    /// between: lines of one instant would be carried out together.
    fn time_of(&mut self, at: Duration) -> Duration {
        let at = Duration::from_millis(u64::try_from(at.as_millis()).unwrap_or(u64::MAX));
        if self.expected.is_empty() {
            return at.max(self.at);
        }
        self.settle();
        at.max(self.at + Duration::from_millis(1))
    }

    fn sends(&mut self, at: Duration, item: Item) {
        let at = self.time_of(at);
        let when = if self.at == at { When::Same } else { When::At(at) };
        if let Some(Line { op: Op::Send { items, .. }, .. }) = self.lines.last_mut()
            && self.at == at
            && items.len() < ITEMS_MAX
        {
            match (items.last_mut(), item) {
                (Some(Item::Word { word, times }), Item::Word { word: next, .. })
                    if *word == next =>
                {
                    *times += 1;
                }
                (_, item) => items.push(item),
            }
            return;
        }
        self.at = at;
        self.push(when, Op::Send { actor: ACTOR, items: vec![item] });
    }

    fn receives(&mut self, at: Duration, word: Word) {
        self.answered_at = at.max(self.at);
        match self.expected.last_mut() {
            Some((last, times)) if *last == word => *times += 1,
            _ => self.expected.push((word, 1)),
        }
    }

    fn ends(&mut self, at: Duration, side: Side, failure: Option<Failure>) {
        if self.has_ended {
            return;
        }
        self.has_ended = true;
        let (actor, closed_at) = (ACTOR, at);
        let at = self.time_of(at);
        match (side, failure) {
            (Side::Client, None) => {
                self.push(When::At(at), Op::Close { actor });
            }
            (Side::Client, Some(_)) => {
                self.push(When::At(at), Op::Reset { actor });
            }
            (Side::Node, _) => {
                let within = whole_seconds(closed_at.saturating_sub(self.at)).max(WITHIN_MIN);
                let expect = Expect::Drops { actor, within, because: None };
                self.push(When::Same, Op::Expect(expect));
            }
        }
    }

    fn finish(mut self) -> Vec<Line> {
        self.settle();
        if !self.has_ended {
            self.push(When::Same, Op::Expect(Expect::Keeps { actor: ACTOR }));
        }
        self.lines
    }
}

/// The next whole second.
fn whole_seconds(time: Duration) -> Duration {
    Duration::from_secs(time.as_secs() + u64::from(time.subsec_nanos() > 0))
}

#[cfg(test)]
mod tests;
