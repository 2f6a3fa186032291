//! A run as a page that one can look at: who did what, in order, what passed between them, and how
//! the node's connections stood at each moment.
//!
//! ```text
//! run --> Chart (looks on): rows, packets between them, states --> page: one file of HTML
//! ```
//!
//! The page has everything in itself: no other file, no address, no time at which it was made. Rows
//! are data in it, drawn by its own script, as many as are in sight.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use sockman::sockets::Endpoint;

use crate::actor::Actor;
use crate::host::{Host, PeerHost as _};
use crate::net::{Segment, SegmentKind};
use crate::page::filled;
use crate::run::Onlooker;
use crate::schedule::ActorId;
use crate::subject::Subject;
use crate::trace::{Entry, Who};
use crate::why::Why;
use crate::world::{NODE_ADDRESSES, Step, World};

mod stream;

pub(crate) use stream::{Brought, Stream};

/// Rows that a page has at most: of a longer run the beginning and the end, where it failed.
pub const ROWS_MAX: usize = 40_000;

/// Of these, how many are of the beginning.
const ROWS_OF_THE_BEGINNING: usize = 10_000;

/// Bytes of a segment that are shown.
const HEX_BYTES_MAX: usize = 512;

/// The page, but for its data.
const PAGE: &str = include_str!("page.html");

/// What was seen of a run.
#[derive(Clone, Debug, Default)]
pub struct Chart {
    rows: Vec<Row>,
    /// Rows that were left out in the middle.
    left_out: usize,
    /// How connections stood after each change: before which row, counting those left out.
    states: Vec<(usize, Vec<String>)>,
    /// Of the story and the packets, how much is here.
    entries: usize,
    packets: usize,
    /// What has come of a message that is not whole, by connection and direction.
    streams: BTreeMap<(u64, Endpoint), Stream>,
    /// When it became inevitable; null if nobody has asked.
    why: Value,
}

/// One line of the chart.
#[derive(Clone, Debug)]
enum Row {
    /// Somebody did something.
    Did(Entry),
    /// Something passed the node's host.
    Passed(Passed),
}

#[derive(Clone, Debug)]
struct Passed {
    at: String,
    /// Whose; `None`: nobody's that the schedule names.
    actor: Option<ActorId>,
    from_node: bool,
    text: String,
    hex: String,
}

impl Chart {
    fn push(&mut self, row: Row) {
        if self.rows.len() == ROWS_MAX {
            // A whole half at once, so that it costs little.
            let middle = ROWS_OF_THE_BEGINNING..(ROWS_MAX + ROWS_OF_THE_BEGINNING) / 2;
            self.left_out += middle.len();
            self.rows.drain(middle);
        }
        self.rows.push(row);
    }

    fn take_in<X: Subject, K: Host>(&mut self, world: &World<X, K>) {
        for entry in &world.trace().story()[self.entries..] {
            self.push(Row::Did(entry.clone()));
        }
        self.entries = world.trace().story().len();
        let actors = world.actors();
        let owner = |end: &Endpoint| {
            let ip = end.ip()?.ip();
            let is_of =
                |actor: &&Actor<X::Dialect, K::Peer>| actor.kernel().addresses().contains(&ip);
            actors.iter().find(is_of).map(Actor::id)
        };
        for packet in &world.packets()[self.packets..] {
            let Segment { from, to, .. } = &packet.segment;
            let from_node = from.ip().is_some_and(|end| NODE_ADDRESSES.contains(&end.ip()));
            let actor = owner(if from_node { to } else { from });
            let (text, hex) = self.told(&packet.segment, from_node);
            let at = packet.at.to_string();
            self.push(Row::Passed(Passed { at, actor, from_node, text, hex }));
        }
        self.packets = world.packets().len();
        let sockets = world.machine().sockman();
        let named = |conn: sockman::sockman::ConnSnapshot| {
            let actor = sockets.sockets().actor(conn.conn);
            format!("{}{conn}", actor.map(|actor| format!("{actor}  ")).unwrap_or_default())
        };
        let state: Vec<_> = sockets.inspect().into_iter().map(named).collect();
        if self.states.last().is_none_or(|(_, last)| *last != state) {
            self.states.push((self.left_out + self.rows.len(), state));
        }
    }

    /// How a segment reads, and its bytes.
    fn told(&mut self, segment: &Segment, from_node: bool) -> (String, String) {
        let text = match &segment.kind {
            SegmentKind::Syn { .. } => "SYN".to_owned(),
            SegmentKind::SynAck { .. } => "SYN ACK".to_owned(),
            SegmentKind::Reset => "RST".to_owned(),
            SegmentKind::Fin => "FIN".to_owned(),
            SegmentKind::Ack { received, window_end } => {
                format!("ACK {received}, window to {window_end}")
            }
            SegmentKind::Unreachable(failure) => failure.to_string(),
            SegmentKind::Data(bytes) => {
                let dialler = if from_node { &segment.to } else { &segment.from };
                let key = (segment.connection << 1 | u64::from(from_node), dialler.clone());
                let stream = self.streams.entry(key).or_default();
                return (stream.take(bytes).told(bytes.len()), hex(bytes));
            }
        };
        (text, String::new())
    }

    /// Shows in the page, too, when the failure became inevitable.
    pub fn explain(&mut self, why: &Why) {
        self.why = why.to_json();
    }

    /// Rows that the page has.
    #[must_use]
    pub const fn row_count(&self) -> usize {
        self.rows.len()
    }

    /// The page. `title` and `schedule` are shown as they are; `verdict` is what became of the run,
    /// and `failed` whether that is bad.
    #[must_use]
    pub fn page(&self, title: &str, schedule: &str, verdict: &str, failed: bool) -> String {
        let rows: Vec<_> = self.rows.iter().map(Row::to_json).collect();
        let states: Vec<_> = self.states.iter().map(|(row, lines)| json!([row, lines])).collect();
        let mut actors: Vec<_> = self.rows.iter().filter_map(Row::actor).collect();
        actors.sort_unstable();
        actors.dedup();
        let actors: Vec<_> = actors.iter().map(ToString::to_string).collect();
        let data = json!({
            "title": title,
            "schedule": schedule,
            "verdict": verdict,
            "failed": failed,
            "actors": actors,
            "rows": rows,
            "states": states,
            "leftOut": self.left_out,
            "leftOutAt": ROWS_OF_THE_BEGINNING,
            "why": self.why,
        });
        filled(PAGE, &data)
    }
}

impl<X: Subject, K: Host> Onlooker<X, K> for Chart {
    fn before_step(&mut self, _: &World<X, K>) {}

    fn after_step(&mut self, world: &World<X, K>, _: &Step) {
        self.take_in(world);
    }

    fn after_line(&mut self, world: &World<X, K>) {
        self.take_in(world);
    }
}

impl Row {
    fn actor(&self) -> Option<ActorId> {
        match self {
            Self::Did(Entry { who: Who::Actor(actor), .. }) => Some(*actor),
            Self::Did(Entry { with, .. }) => *with,
            Self::Passed(passed) => passed.actor,
        }
    }

    /// `[time, kind, actor, text, hex]`.
    fn to_json(&self) -> Value {
        let actor = self.actor().map(|actor| actor.to_string());
        match self {
            Self::Did(entry) => {
                let kind = match entry.who {
                    Who::Script => "script",
                    Who::Node => "node",
                    Who::Actor(_) => "actor",
                };
                json!([entry.at.to_string(), kind, actor, entry.what, ""])
            }
            Self::Passed(passed) => {
                let kind = if passed.from_node { "out" } else { "in" };
                json!([passed.at, kind, actor, passed.text, passed.hex])
            }
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    let shown = &bytes[..bytes.len().min(HEX_BYTES_MAX)];
    let digits: String = shown.iter().map(|byte| format!("{byte:02x}")).collect();
    if shown.len() < bytes.len() { digits + "..." } else { digits }
}

#[cfg(test)]
mod tests;
