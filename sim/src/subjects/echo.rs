//! An echo: everything that a peer sends comes back, in order, and nothing else.
//!
//! The smallest tenant that uses all of the socket manager: it pauses a peer that does not take its
//! bytes back, and ends a connection in order when the peer does. Peers speak in numbered lines, so
//! that a lost, repeated or altered byte is noticed at once.

use std::collections::VecDeque;
use std::time::Duration;

use sockman::sockets::{ConnId, More};
use sockman::sockman::{Action, Conns, Event, Initiator, Slices, Tenant};
use sockman::time::Now;

use crate::lexicon::{self, Known, Setting};
use crate::schedule::Word;
use crate::subject::{
    ByteTotals, Dialect, Fact, Garbled, Heard, NoWatch, Resource, SettingError, Setup, Subject,
    UnknownWord, Usage,
};

/// What an echo and its peers know.
pub(crate) const KNOWN: Known = Known {
    said: &["line"],
    said_with: |_| [&SAID, &[], &[]],
    heard: &["line"],
    heard_with: |_| [&HEARD, &[], &[]],
    commands: &[],
    node: &lexicon::HOST,
};

/// Unsent bytes of one peer above which no more is read from it.
const UNSENT_BYTES_PAUSE: usize = 16_384;

/// How long a peer may take to close after us.
const FINISH_WITHIN: Duration = Duration::from_secs(10);

/// What a peer can say of a line: how much padding it has, in bytes.
const SAID: [Setting; 1] = [Setting::up_to("length", 1_000_000)];

/// What a peer can be expected to hear of it: its number.
const HEARD: [Setting; 1] = [Setting::up_to("number", u64::MAX)];

/// The echo as a subject.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Echo;

/// The setting of a node that has bugs, and what it takes: a canary. A campaign over such nodes
/// must fail, so that whoever runs campaigns sees that they hear of it. What is
/// [`known`](crate::subjects::known) leaves it out: nobody comes upon it by chance.
pub const CANARY: (&str, &str) = ("canary", "sings");

/// A byte that no line contains.
const NEVER_IN_A_LINE: u8 = 0xff;

/// The server's side.
#[derive(Clone, Debug, Default)]
pub struct Server {
    notices: Vec<Notice>,
    /// Whether it has bugs, three of them: see where this is looked at.
    is_canary: bool,
    /// Of connections that are closed.
    closed: ByteTotals,
}

/// One connection.
#[derive(Clone, Debug, Default)]
pub struct Peer {
    unsent: Vec<u8>,
    totals: ByteTotals,
    paused: bool,
    /// The peer has sent everything; we close once it has it all back.
    ending: bool,
}

/// What the server tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Notice {
    /// A peer is there.
    Up(ConnId),
    /// A peer is gone.
    Down(ConnId),
}

/// Nobody asks an echo for anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Never {}

impl Tenant for Server {
    type Conn = Peer;
    type Command = Never;
    type Notice = Notice;

    fn handle_event(
        &mut self,
        _: Now,
        event: &Event,
        conns: &mut Conns<Peer>,
        actions: &mut Vec<Action<Peer>>,
    ) {
        match *event {
            Event::Accepted { conn, .. } => {
                conns.adopt(conn, Peer::default());
                self.notices.push(Notice::Up(conn));
                actions.push(Action::Receive(conn));
            }
            Event::Eof { conn } => {
                let Some(peer) = conns.get_mut(conn) else { return };
                peer.ending = true;
                if peer.unsent.is_empty() {
                    actions.push(Action::Finish { conn, within: FINISH_WITHIN });
                }
            }
            Event::Failed { conn, .. } | Event::Finished { conn, .. } => {
                actions.push(Action::Close(conn));
            }
            Event::AcceptFailed { .. }
            | Event::Connected { .. }
            | Event::Writable { .. }
            | Event::Received { .. } => {}
        }
    }

    fn handle_received(
        &mut self,
        _: Now,
        conn: ConnId,
        bytes: &[u8],
        conns: &mut Conns<Peer>,
        actions: &mut Vec<Action<Peer>>,
    ) {
        let Some(peer) = conns.get_mut(conn) else { return };
        if self.is_canary {
            assert!(!bytes.contains(&NEVER_IN_A_LINE), "the canary takes every byte for a letter");
        }
        peer.totals.received += bytes.len() as u64;
        let was_idle = peer.unsent.is_empty();
        peer.unsent.extend_from_slice(bytes);
        if was_idle {
            actions.push(Action::Send(conn));
        }
        if peer.unsent.len() > UNSENT_BYTES_PAUSE && !peer.paused {
            peer.paused = true;
            actions.push(Action::Receive(conn));
        }
    }

    fn reads(peer: &Peer) -> bool {
        !peer.paused
    }

    fn gather<'a>(peer: &'a Peer, slices: &mut Slices<'a>) -> More {
        slices.push(&peer.unsent).expect("one slice always fits");
        More::No
    }

    fn handle_sent(
        &mut self,
        _: Now,
        conn: ConnId,
        count: usize,
        conns: &mut Conns<Peer>,
        actions: &mut Vec<Action<Peer>>,
    ) {
        let Some(peer) = conns.get_mut(conn) else { return };
        peer.unsent.drain(..count);
        peer.totals.sent += count as u64;
        if self.is_canary {
            // After a short count it loses a byte; and it never reads on.
            peer.unsent.drain(..peer.unsent.len().min(1));
            peer.paused = false;
        }
        if peer.paused && peer.unsent.len() <= UNSENT_BYTES_PAUSE {
            peer.paused = false;
            actions.push(Action::Receive(conn));
        }
        if peer.ending && peer.unsent.is_empty() {
            actions.push(Action::Finish { conn, within: FINISH_WITHIN });
        }
    }

    fn handle_closed(
        &mut self,
        _: Now,
        conn: ConnId,
        peer: Option<Peer>,
        _: &mut Vec<Action<Peer>>,
    ) {
        // A connection that ends between its accept and the delivery of it was never adopted.
        let Some(peer) = peer else { return };
        self.closed.received += peer.totals.received;
        self.closed.sent += peer.totals.sent;
        self.notices.push(Notice::Down(conn));
    }

    fn handle_command(
        &mut self,
        _: Now,
        command: Never,
        _: &mut Conns<Peer>,
        _: &mut Vec<Action<Peer>>,
    ) {
        match command {}
    }

    fn take_notices(&mut self, notices: &mut Vec<Notice>) {
        notices.append(&mut self.notices);
    }
}

impl Subject for Echo {
    const NAME: &'static str = "echo";

    type Tenant = Server;
    type Dialect = Lines;
    type Watch = NoWatch;

    fn tenant(setup: &Setup<'_>) -> Result<Server, SettingError> {
        match setup.settings {
            [] => Ok(Server::default()),
            [(key, value)] if (key.as_str(), value.as_str()) == CANARY => {
                Ok(Server { is_canary: true, ..Server::default() })
            }
            [(key, value), ..] => Err(SettingError {
                key: key.clone(),
                value: value.clone(),
                expected: "no setting: an echo has none, but for canary sings",
            }),
        }
    }

    fn fact(notice: &Notice) -> Option<Fact> {
        Some(match *notice {
            Notice::Up(conn) => Fact::Up(conn),
            Notice::Down(conn) => Fact::Down(conn, "closed"),
        })
    }

    fn totals(server: &Server, conns: &Conns<Peer>) -> Option<ByteTotals> {
        let mut totals = server.closed;
        for (_, peer) in conns.iter() {
            totals.received += peer.totals.received;
            totals.sent += peer.totals.sent;
        }
        Some(totals)
    }

    fn resources(
        _: &Server,
        conns: &Conns<Peer>,
        conn: Option<ConnId>,
        mut check: impl FnMut(Resource),
    ) {
        let Some(peer) = conn.and_then(|conn| conns.get(conn)) else { return };
        check(Resource {
            name: "unsent bytes",
            used: peer.unsent.len() as u64,
            limit: (UNSENT_BYTES_PAUSE + sockman::sockman::RECEIVE_BYTES_MAX) as u64,
            derivation: "the pause, and one read beyond it",
        });
    }

    fn stuck(peer: &Peer, receive_paused: bool) -> Option<&'static str> {
        if peer.ending {
            return peer.unsent.is_empty().then_some("everything came back, and nobody ends it");
        }
        let over = peer.unsent.len() > UNSENT_BYTES_PAUSE;
        (receive_paused && !over).then_some("reading is paused without a reason")
    }
}

/// Numbered lines, as a peer of the echo speaks them.
#[derive(Clone, Debug, Default)]
pub struct Lines {
    next_said: u64,
    /// What went out and has not come back.
    owed: VecDeque<u8>,
    line: Vec<u8>,
    offset: u64,
}

impl Dialect for Lines {
    fn new(_: u16) -> Self {
        Self::default()
    }

    fn begin(&mut self, _: Initiator) {
        *self = Self::default();
    }

    fn check(word: &Word, usage: Usage) -> Result<(), UnknownWord> {
        if word.name != "line" {
            return Err(UnknownWord::new(word, None, "line"));
        }
        let settings: &[_] = match usage {
            Usage::Said => &SAID,
            Usage::Heard => &HEARD,
        };
        lexicon::check(word, [settings, &[]])
    }

    fn encode(&mut self, _: Now, word: &Word, out: &mut Vec<u8>) -> Result<(), UnknownWord> {
        Self::check(word, Usage::Said)?;
        let padding = word.setting("length").and_then(|text| text.parse().ok()).unwrap_or(0);
        out.extend_from_slice(format!("{} ", self.next_said).as_bytes());
        out.resize(out.len() + padding, b'.');
        out.push(b'\n');
        self.next_said += 1;
        Ok(())
    }

    fn said(&mut self, bytes: &[u8]) {
        self.owed.extend(bytes);
    }

    fn decode(&mut self, bytes: &[u8], heard: &mut Vec<Heard>) -> Result<(), Garbled> {
        for &byte in bytes {
            let owed = self.owed.pop_front();
            if owed != Some(byte) {
                let problem = format!("byte {byte:#04x} came back in place of {owed:02x?}");
                return Err(Garbled { problem, offset: self.offset });
            }
            self.offset += 1;
            if byte == b'\n' {
                heard.push(Heard { name: "line", detail: number_of(&self.line) });
                self.line.clear();
            } else {
                self.line.push(byte);
            }
        }
        Ok(())
    }

    fn greet(&mut self, now: Now, out: &mut Vec<u8>) {
        self.chat(now, out);
    }

    fn chat(&mut self, now: Now, out: &mut Vec<u8>) {
        self.encode(now, &Word::plain("line"), out).expect("it is a word of this dialect");
    }

    fn ask_much(below: &mut dyn FnMut(u32) -> u32) -> (Word, u32) {
        let length = ("length".to_owned(), (1 + below(30_000)).to_string());
        (Word { name: "line".to_owned(), settings: vec![length] }, 1 + below(12))
    }

    fn vary(&mut self, now: Now, below: &mut dyn FnMut(u32) -> u32, out: &mut Vec<u8>) {
        let longest = [0, 0, 0, 0, 1, 100, 5_000, 30_000][below(8) as usize];
        let length = below(longest + 1);
        let settings = vec![("length".to_owned(), length.to_string())];
        let line = Word { name: "line".to_owned(), settings };
        self.encode(now, &line, out).expect("it is a word of this dialect");
    }

    fn matches(&self, word: &Word, heard: Heard) -> bool {
        let number = word.setting("number").and_then(|text| text.parse().ok());
        word.name == heard.name && number.is_none_or(|number: u64| number == heard.detail)
    }

    fn vocabulary() -> &'static [&'static str] {
        &["line"]
    }
}

/// The number at the head of a line; junk has none and counts as zero.
fn number_of(line: &[u8]) -> u64 {
    let digits = line.split(|byte| *byte == b' ').next().unwrap_or_default();
    std::str::from_utf8(digits).ok().and_then(|text| text.parse().ok()).unwrap_or(0)
}
