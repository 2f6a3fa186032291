//! What came of a schedule with a node in another process, such that two runs can be compared:
//! what each peer saw on each connection, without what differs by chance.
//!
//! docs/reviewing.md repeats the table of what is left out, and a test compares.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use crate::actor::{Ending, Passage, Saw, Way};
use crate::schedule::ActorId;
use crate::subjects::connman::{Frame, HEADER_BYTES, Unframed, split};
use crate::trace::TraceHash;

/// What is kept and what is left out, by message.
pub const NORMALISED: [(&str, &str, &str); 8] = [
    ("version", "protocol, services, height, relay flag", "time, addresses, nonce, user agent"),
    ("ping", "length", "nonce"),
    ("pong", "nonce: it is the script's", "-"),
    ("addr, addrv2", "how many entries", "times, services, addresses, ports"),
    ("any other message", "length, hash of the payload", "-"),
    ("bytes that are no message", "that they are none", "which"),
    ("the end of a connection", "closed, reset or refused; or the peer's own", "-"),
    ("everything", "the order on one connection", "times, the order between connections"),
];

/// Columns of the left side, where two are printed side by side.
const COLUMN: usize = 52;

/// A connection: whose, and the how-manieth of that peer's.
pub type ConnectionName = (ActorId, u32);

/// What peers saw, by connection, a line each. Alike lines that follow each other are one.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Outcome {
    /// In the order of names.
    pub connections: BTreeMap<ConnectionName, Vec<String>>,
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for ((actor, nth), lines) in &self.connections {
            writeln!(f, "{actor}, connection {nth}:")?;
            lines.iter().try_for_each(|line| writeln!(f, "  {line}"))?;
        }
        Ok(())
    }
}

impl Outcome {
    /// Connections that two have not alike.
    #[must_use]
    pub fn unlike(&self, other: &Self) -> BTreeSet<ConnectionName> {
        let names = self.connections.keys().chain(other.connections.keys());
        names
            .filter(|name| self.connections.get(name) != other.connections.get(name))
            .copied()
            .collect()
    }
}

/// Two outcomes side by side, as far as they differ.
#[derive(Clone, Copy, Debug)]
pub struct SideBySide<'a>(pub &'a Outcome, pub &'a Outcome);

impl fmt::Display for SideBySide<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for name in self.0.unlike(self.1) {
            let lines =
                |outcome: &Outcome| outcome.connections.get(&name).cloned().unwrap_or_default();
            let (left, right) = (lines(self.0), lines(self.1));
            writeln!(f, "  {}, connection {}:", name.0, name.1)?;
            for (left, right) in aligned(&left, &right) {
                let mark = if left == right { ' ' } else { '|' };
                let say = |line: Option<&String>| line.map_or("-", String::as_str).to_owned();
                writeln!(f, "    {:COLUMN$} {mark} {}", say(left), say(right))?;
            }
        }
        Ok(())
    }
}

/// Lines of two sides, equal ones beside each other where that costs the fewest gaps.
#[must_use]
pub fn aligned<'a>(
    left: &'a [String],
    right: &'a [String],
) -> Vec<(Option<&'a String>, Option<&'a String>)> {
    // The longest common subsequence, from the end.
    let mut best = vec![vec![0_u32; right.len() + 1]; left.len() + 1];
    for (i, one) in left.iter().enumerate().rev() {
        for (j, other) in right.iter().enumerate().rev() {
            best[i][j] = match one == other {
                true => best[i + 1][j + 1] + 1,
                false => best[i + 1][j].max(best[i][j + 1]),
            };
        }
    }
    let (mut i, mut j) = (0, 0);
    let mut rows = Vec::new();
    while i < left.len() || j < right.len() {
        let (one, other) = (left.get(i), right.get(j));
        if one.is_some() && one == other {
            rows.push((one, other));
            (i, j) = (i + 1, j + 1);
        } else if other.is_none() || one.is_some() && best[i + 1][j] >= best[i][j + 1] {
            rows.push((one, None));
            i += 1;
        } else {
            rows.push((None, other));
            j += 1;
        }
    }
    rows
}

/// What is neither a message of v1 nor a key of v2.
const NO_MESSAGE: &str = "bytes that are no message";

/// A connection while it is written down.
#[derive(Clone, Debug, Default)]
struct Open {
    /// Its number among all, once something was read on it.
    number: Option<u64>,
    /// Bytes of a message that is not whole.
    buffer: Vec<u8>,
    is_garbled: bool,
    /// Whether both speak v2: then what the peer has heard is written down, by name.
    is_v2: bool,
    /// Lines, and how many times in a row.
    lines: Vec<(String, u32)>,
}

impl Open {
    fn note(&mut self, line: String) {
        match self.lines.last_mut() {
            Some((last, times)) if *last == line => *times += 1,
            _ => self.lines.push((line, 1)),
        }
    }

    /// What a peer hears, which only counts over v2: of that it begins with the node's key.
    fn hear(&mut self, name: &str) {
        if name == "key" {
            self.is_v2 = true;
            // The beginning of the key, if it came in pieces.
            self.lines.retain(|(line, _)| line != NO_MESSAGE);
        }
        if self.is_v2 {
            self.note(format!("over v2: {name}"));
        }
    }

    fn read(&mut self, bytes: &[u8]) {
        if self.is_garbled || self.is_v2 {
            return;
        }
        self.buffer.extend_from_slice(bytes);
        let mut read = 0;
        loop {
            match split(&self.buffer[read..]) {
                Ok(Frame { name, payload, .. }) => {
                    let name = String::from_utf8_lossy(&name);
                    let line = normalised(name.trim_end_matches('\0'), payload);
                    read += HEADER_BYTES + payload.len();
                    self.note(line);
                }
                Err(Unframed::Part) => break,
                Err(Unframed::Magic | Unframed::TooLong) => {
                    self.is_garbled = true;
                    self.note(NO_MESSAGE.to_owned());
                    break;
                }
            }
        }
        self.buffer.drain(..read);
    }
}

/// Writes an outcome while a run goes on.
#[derive(Clone, Debug, Default)]
pub(super) struct Recorder {
    actors: BTreeMap<ActorId, Vec<Open>>,
}

impl Recorder {
    /// Takes in what peers saw and read since it last looked.
    pub(super) fn note(&mut self, saw: &[(ActorId, Saw)], moved: &Passage) {
        let mut read: Vec<_> = moved.iter().filter(|moved| moved.way == Way::Read).collect();
        for (actor, saw) in saw {
            let own = self.actors.entry(*actor).or_default();
            match saw {
                Saw::Connected => own.push(Open::default()),
                Saw::Ended(Ending::Refused) => {
                    own.push(Open { lines: vec![("refused".to_owned(), 1)], ..Open::default() });
                }
                Saw::Ended(ending) => {
                    // What it read before comes before.
                    read.retain(|moved| {
                        moved.actor != *actor || !take(own, moved.dialled.number, moved.bytes)
                    });
                    let last = own.last_mut();
                    last.into_iter().for_each(|last| last.note(ended(*ending).to_owned()));
                }
                Saw::Heard(heard) => own.last_mut().into_iter().for_each(|o| o.hear(heard.name)),
                Saw::Garbled(_) => {}
            }
        }
        for moved in read {
            let own = self.actors.entry(moved.actor).or_default();
            take(own, moved.dialled.number, moved.bytes);
        }
    }

    pub(super) fn finish(self) -> Outcome {
        let mut connections = BTreeMap::new();
        for (actor, own) in self.actors {
            for (nth, open) in (1..).zip(own) {
                let say = |(line, times): (String, u32)| match times {
                    1 => line,
                    _ => format!("{line} x{times}"),
                };
                connections.insert((actor, nth), open.lines.into_iter().map(say).collect());
            }
        }
        Outcome { connections }
    }
}

/// Gives bytes to the last connection, if they are of that one.
fn take(own: &mut [Open], number: u64, bytes: &[u8]) -> bool {
    let Some(last) = own.last_mut() else { return false };
    let is_its = *last.number.get_or_insert(number) == number;
    if is_its {
        last.read(bytes);
    }
    is_its
}

const fn ended(ending: Ending) -> &'static str {
    match ending {
        Ending::Refused => "refused",
        Ending::Closed => "the node closes",
        Ending::Reset => "the node resets",
        Ending::Own => "it ends itself",
    }
}

/// A message without what differs by chance.
fn normalised(name: &str, payload: &[u8]) -> String {
    let length = payload.len();
    match name {
        "version" => {
            format!("version {}", version(payload).unwrap_or_else(|| format!("of {length} bytes")))
        }
        "ping" => format!("ping of {length} bytes"),
        "pong" => match payload.first_chunk() {
            Some(nonce) if length == 8 => format!("pong {}", u64::from_le_bytes(*nonce)),
            _ => format!("pong of {length} bytes"),
        },
        "addr" | "addrv2" => format!("{name} of {} entries", entries(payload)),
        _ if length == 0 => name.to_owned(),
        _ => {
            let mut hash = TraceHash::default();
            payload.iter().for_each(|byte| hash.add(u64::from(*byte)));
            format!("{name} of {length} bytes, hash {hash}")
        }
    }
}

/// Protocol, services, height and relay flag of a version. Its layout: docs/behaviour.md,
/// handshake 3.
fn version(payload: &[u8]) -> Option<String> {
    let protocol = i32::from_le_bytes(*payload.first_chunk()?);
    let services = u64::from_le_bytes(*payload.get(4..)?.first_chunk()?);
    let agent = payload.get(80..)?;
    let (agent_bytes, rest) = match agent {
        [253, low, high, rest @ ..] => (usize::from(u16::from_le_bytes([*low, *high])), rest),
        [count, rest @ ..] => (usize::from(*count), rest),
        [] => return None,
    };
    let rest = rest.get(agent_bytes..)?;
    let height = i32::from_le_bytes(*rest.first_chunk()?);
    let relay = rest.get(4..)?;
    Some(format!("{protocol}, services {services:#x}, height {height}, relay {relay:?}"))
}

/// The number at the head of a list.
fn entries(payload: &[u8]) -> u64 {
    match payload {
        [253, low, high, ..] => u64::from(u16::from_le_bytes([*low, *high])),
        [count, ..] => u64::from(*count),
        [] => 0,
    }
}
