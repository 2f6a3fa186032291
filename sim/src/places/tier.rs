//! How much of a node's surroundings a line of a schedule needs, and so where it can be carried
//! out.
//!
//! The tier of a schedule is the highest of its lines. Nobody writes it down: it follows from the
//! table here, which corpus/README.md repeats and a test compares.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::net::SocketAddr;
use std::time::Duration;

use crate::run::addresses_of;
use crate::schedule::{Deviation, Expect, Manner, Op, Schedule, When};
use crate::world::NODE_ADDRESSES;

/// How much later a restart is than what was before it.
const APART: Duration = Duration::from_millis(1);

/// Where something can be carried out; the later ones are in fewer places.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Tier {
    /// Bytes, closes and times, which any peer of any node has in hand: everywhere.
    Peer,
    /// The node's calls, clock, commands and process, which are in hand where it runs in this
    /// process: on the virtual network and on loopback TCP.
    Call,
    /// What is inside of a network or between the node's tasks: on the virtual network alone.
    Inner,
}

impl Tier {
    /// Its name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Peer => "peer",
            Self::Call => "call",
            Self::Inner => "inner",
        }
    }
}

impl fmt::Display for Tier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A sort of line, with its tier.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Operation {
    /// Its name, as reports have it.
    pub name: &'static str,
    /// Where it can be carried out.
    pub tier: Tier,
}

const fn peer(name: &'static str) -> Operation {
    Operation { name, tier: Tier::Peer }
}

const fn call(name: &'static str) -> Operation {
    Operation { name, tier: Tier::Call }
}

const fn inner(name: &'static str) -> Operation {
    Operation { name, tier: Tier::Inner }
}

const DIALS: Operation = peer("dials");
const LISTENS: Operation = peer("listens");
const SENDS: Operation = peer("sends");
const BEHAVES: Operation = peer("is ...");
const READS: Operation = peer("stops reading, reads again");
const CLOSES: Operation = peer("half-closes, closes, resets");
const VANISHES: Operation = peer("vanishes");
const SEEN: Operation = peer("expect, of what a peer sees");
const SETTING: Operation = peer("a setting of the subject's");
const ASKED: Operation = call("node dials, drops, is told");
const PROCESS: Operation = call("node restarts, crashes, stalls");
const CLOCK: Operation = call("wall jumps");
const FAULT: Operation = call("fault");
const ORDER_AT: Operation = call("order at a call");
const OWN_WORD: Operation = call("expect, of what the node says itself");
const HOST_SETTING: Operation =
    call("send-buffer, receive-buffer, descriptors, directory, disk-latency, seed");
const LINK_PACE: Operation = inner("link latency, bandwidth, chunks");
const LINK_SILENCE: Operation = inner("link swallows, heals");
const SILENCE: Operation = inner("connect to nobody");
const SLOW: Operation = inner("is slow");
const BACKLOG: Operation = inner("backlog");
const ORDER_BEFORE: Operation = inner("order before a step");

/// Every sort of line there is.
pub const TABLE: [Operation; 22] = [
    DIALS,
    LISTENS,
    SENDS,
    BEHAVES,
    READS,
    CLOSES,
    VANISHES,
    SEEN,
    SETTING,
    ASKED,
    PROCESS,
    CLOCK,
    FAULT,
    ORDER_AT,
    OWN_WORD,
    HOST_SETTING,
    LINK_PACE,
    LINK_SILENCE,
    SILENCE,
    SLOW,
    BACKLOG,
    ORDER_BEFORE,
];

/// The sort of a line of a script.
#[must_use]
pub const fn of_line(op: &Op) -> Operation {
    use crate::schedule::LinkChange as Change;
    match op {
        Op::Dial { .. } => DIALS,
        Op::Listen { .. } => LISTENS,
        Op::Send { .. } => SENDS,
        // It writes whenever a segment arrives, so that its pace is that of the virtual network.
        Op::Behave { manner: Manner::Slow, .. } => SLOW,
        Op::Behave { .. } => BEHAVES,
        Op::StopReading { .. } | Op::ReadAgain { .. } => READS,
        Op::HalfClose { .. } | Op::Close { .. } | Op::Reset { .. } => CLOSES,
        Op::Vanish { .. } => VANISHES,
        Op::NodeDials { .. } | Op::NodeDrops { .. } | Op::NodeDialsItself | Op::NodeTold { .. } => {
            ASKED
        }
        Op::NodeRestarts | Op::NodeCrashes | Op::NodeStalls { .. } => PROCESS,
        Op::WallJump { .. } => CLOCK,
        Op::Fault(_) => FAULT,
        Op::Link { change, .. } => match change {
            Change::Latency(_) | Change::Bandwidth(_) | Change::Chunks(_) => LINK_PACE,
            Change::SwallowAll | Change::SwallowToNode | Change::SwallowFromNode | Change::Heal => {
                LINK_SILENCE
            }
        },
        Op::Expect(Expect::Connects { .. } | Expect::Drops { because: Some(_), .. }) => OWN_WORD,
        Op::Expect(
            Expect::Receives { .. }
            | Expect::NeverReceives { .. }
            | Expect::Keeps { .. }
            | Expect::Drops { because: None, .. },
        ) => SEEN,
    }
}

/// The sort of a line of an order.
#[must_use]
pub const fn of_deviation(deviation: &Deviation) -> Operation {
    match deviation {
        Deviation::Before { .. } => ORDER_BEFORE,
        Deviation::At { .. } => ORDER_AT,
    }
}

/// The sort of a setting of the node's.
fn of_setting(schedule: &Schedule, key: &str, value: &str) -> Operation {
    match key {
        "send-buffer" | "receive-buffer" | "descriptors" | "directory" | "disk-latency"
        | "seed" => HOST_SETTING,
        "backlog" => BACKLOG,
        "connect" | "knows" | "added" | "seed-nodes" if connects_to_nobody(schedule, value) => {
            SILENCE
        }
        "automatic" if is_told_of_nobody(schedule) => SILENCE,
        _ => SETTING,
    }
}

/// Whether somebody tells of addresses that nobody has, as who talks of his own accord does: a node
/// that chooses among those it knows dials them.
fn is_told_of_nobody(schedule: &Schedule) -> bool {
    let is_talker =
        |op: &Op| matches!(op, Op::Behave { manner: Manner::Chatty | Manner::Hostile, .. });
    schedule.script.iter().any(|line| is_talker(&line.op))
}

/// Whether a list has an address that no host of the schedule has: there a dial meets silence.
pub(crate) fn connects_to_nobody(schedule: &Schedule, list: &str) -> bool {
    let Ok(hosts) = addresses_of(schedule) else { return false };
    let is_known = |at: &SocketAddr| hosts.values().flatten().any(|own| *own == at.ip());
    // What is offered there stands behind a slash.
    let without = |word: &str| word.split('/').next().map(str::parse::<SocketAddr>);
    let ends = list.split_whitespace().filter_map(without);
    ends.flatten().any(|at| !is_known(&at) && !NODE_ADDRESSES.contains(&at.ip()))
}

/// Every sort of line that a schedule has, and how many of each.
#[must_use]
pub fn operations(schedule: &Schedule) -> BTreeMap<Operation, usize> {
    let settings = schedule.node.iter().map(|(key, value)| of_setting(schedule, key, value));
    let lines = schedule.script.iter().map(|line| of_line(&line.op));
    let order = schedule.order.iter().map(of_deviation);
    let mut counts = BTreeMap::new();
    for operation in settings.chain(lines).chain(order) {
        *counts.entry(operation).or_insert(0) += 1;
    }
    counts
}

/// The tier of a schedule.
#[must_use]
pub fn of(schedule: &Schedule) -> Tier {
    let tiers = operations(schedule).into_keys().map(|operation| operation.tier);
    tiers.max().unwrap_or(Tier::Peer)
}

/// Names of what a schedule has that is above a tier.
#[must_use]
pub fn above(schedule: &Schedule, tier: Tier) -> BTreeSet<&'static str> {
    let operations = operations(schedule).into_keys();
    operations.filter(|operation| operation.tier > tier).map(|operation| operation.name).collect()
}

/// The same schedule without what is above a tier. What is left happens when it would have.
#[must_use]
pub fn without_above(schedule: &Schedule, tier: Tier) -> Schedule {
    let mut rest = schedule.clone();
    for (line, at) in rest.script.iter_mut().zip(schedule.times()) {
        line.at = When::At(at);
    }
    rest.script.retain(|line| of_line(&line.op).tier <= tier);
    rest.order.retain(|deviation| of_deviation(deviation).tier <= tier);
    // Last, because somebody may be gone by now.
    let left = rest.clone();
    rest.node.retain(|(key, value)| of_setting(&left, key, value).tier <= tier);
    rest
}

/// What of a schedule that was drawn is comparable in a place of this tier: what it can carry out,
/// with restarts apart, and without a chain. Of several peers who come at once one is asked for
/// headers, and which of them depends on whom the kernel names first.
#[must_use]
pub fn of_drawn(schedule: &Schedule, tier: Tier) -> Schedule {
    let mut comparable = restarts_apart(&without_above(schedule, tier));
    comparable.node.retain(|(key, _)| !matches!(key.as_str(), "blocks" | "holders"));
    comparable
}

/// The same schedule with each restart of the node's a little later than what is before it: a real
/// kernel has carried out by then what was asked of it at the same instant.
fn restarts_apart(schedule: &Schedule) -> Schedule {
    let mut apart = schedule.clone();
    let mut later = Duration::ZERO;
    let mut before = None;
    for (line, at) in apart.script.iter_mut().zip(schedule.times()) {
        if matches!(line.op, Op::NodeRestarts | Op::NodeCrashes) && before == Some(at) {
            later += APART;
        }
        before = Some(at);
        line.at = When::At(at + later);
    }
    apart
}
