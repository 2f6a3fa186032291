//! How the lines of a schedule are expressed to a node in another process, and which are not.
//!
//! docs/reviewing.md repeats the table, and a test compares.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::net::name_of;
use crate::places::tier;
use crate::run::addresses_of;
use crate::schedule::{Manner, Op, Schedule, Word};

/// What a node can do for us.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Abilities {
    /// It is started by us, so that it takes settings.
    pub starts: bool,
    /// It can be asked by JSON-RPC.
    pub rpc: bool,
    /// It dials through our proxy.
    pub proxy: bool,
}

impl Abilities {
    /// Everything.
    pub const ALL: Self = Self { starts: true, rpc: true, proxy: true };
}

/// What a line or a setting becomes, and what it takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Row {
    /// The line, as reports name it.
    pub line: &'static str,
    /// What it becomes; `None`: it cannot be expressed.
    pub becomes: Option<&'static str>,
    /// What the node must have for it.
    needs: Needs,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Needs {
    Nothing,
    Start,
    Rpc,
    RpcAndProxy,
    StartAndProxy,
}

impl Row {
    const fn new(line: &'static str, becomes: &'static str, needs: Needs) -> Self {
        Self { line, becomes: Some(becomes), needs }
    }

    const fn never(line: &'static str) -> Self {
        Self { line, becomes: None, needs: Needs::Nothing }
    }

    /// What it takes, for people.
    #[must_use]
    pub const fn needs(&self) -> &'static str {
        match (self.becomes, self.needs) {
            (None, _) => "skipped",
            (_, Needs::Nothing) => "-",
            (_, Needs::Start) => "exec",
            (_, Needs::Rpc) => "RPC",
            (_, Needs::RpcAndProxy) => "RPC, proxy",
            (_, Needs::StartAndProxy) => "exec, proxy",
        }
    }

    const fn is_for(&self, has: Abilities) -> bool {
        self.becomes.is_some()
            && match self.needs {
                Needs::Nothing => true,
                Needs::Start => has.starts,
                Needs::Rpc => has.rpc,
                Needs::RpcAndProxy => has.rpc && has.proxy,
                Needs::StartAndProxy => has.starts && has.proxy,
            }
    }
}

const DIALS: Row = Row::new(
    "dials",
    "a connection from an address in 127/8 that stands for the schedule's",
    Needs::Nothing,
);
const LISTENS: Row = Row::new(
    "listens",
    "whoever asks the proxy for it is connected; everybody else is refused",
    Needs::Nothing,
);
const ACTS: Row = Row::new(
    "sends, is ..., stops reading, reads again, half-closes, closes, resets",
    "the same",
    Needs::Nothing,
);
const VANISHES: Row =
    Row::new("vanishes", "what still comes is answered by a reset", Needs::Nothing);
const SEEN: Row =
    Row::new("expect, of what a peer sees", "the same, with times as below", Needs::Nothing);
const DROPS: Row = Row::new(
    "expect node drops",
    "the peer sees its connection end; the reason is the node's own word and not looked at",
    Needs::Nothing,
);
const CONNECTS: Row = Row::new(
    "expect node connects",
    "the peer hears what follows a complete handshake",
    Needs::Nothing,
);
const NODE_DIALS: Row =
    Row::new("node dials", "`addnode NAME onetry`, which comes to the proxy", Needs::RpcAndProxy);
const NODE_DIALS_ITSELF: Row =
    Row::new("node dials itself", "`addnode 127.0.0.1:PORT onetry`", Needs::Rpc);
const NODE_DROPS: Row = Row::new("node drops", "`disconnectnode`", Needs::Rpc);
const NODE_PING: Row = Row::new("node is told ping", "`ping`", Needs::Rpc);
const NODE_NETWORK: Row = Row::new("node is told network", "`setnetworkactive`", Needs::Rpc);
const MAX_INBOUND: Row = Row::new(
    "node max-inbound N",
    "`-maxconnections=N+11`: 8, 2 and 1 are kept for outbound ones",
    Needs::Start,
);
const PEER_TIMEOUT: Row = Row::new("node peer-timeout N", "`-peertimeout=N`", Needs::Start);
const MAX_BUFFER: Row = Row::new(
    "node max-receive-buffer N, max-send-buffer N",
    "`-maxreceivebuffer`, `-maxsendbuffer`, in thousands",
    Needs::Start,
);
const CONNECT: Row =
    Row::new("node connect", "`-connect=NAME`, which comes to the proxy", Needs::StartAndProxy);
const V2: Row = Row::new(
    "node v2 on, v2 off",
    "`-v2transport`, behind the options of the command, which have it off",
    Needs::Start,
);
const V2_PEERS: Row =
    Row::new("node v2-peers", "nothing: it is how our peers speak", Needs::Nothing);
const SEED: Row = Row::new("node seed", "nothing: no expectation may depend on it", Needs::Nothing);
const WHITELIST: Row = Row::never("node whitelist, external");
const CHAIN: Row = Row::never("node blocks, minimum-work, holders");
const CHOOSES: Row = Row::never(
    "node automatic, knows, seed-nodes, added, max-full-relay, max-block-relay: what is drawn is \
     the node's own",
);
const ODD_BUFFER: Row = Row::never("a message buffer that is no multiple of 1000");
const KERNEL_BUFFERS: Row =
    Row::never("node send-buffer, receive-buffer, descriptors, backlog, directory, disk-latency");
const TOLD_MORE: Row = Row::never("node is told something else");
const PROCESS: Row = Row::never("node restarts, crashes, stalls");
const CLOCK: Row = Row::never("wall jumps");
const FAULT: Row = Row::never("fault");
const LINK: Row = Row::never("link");
const SLOW: Row = Row::never("is slow");
const ORDER: Row = Row::never("order");
const NOBODY: Row = Row::never("connect to nobody");
const LATE_LISTENER: Row =
    Row::never("node connect to who listens later: when it tries again is the node's own pace");
const DISCOURAGED: Row =
    Row::never("what follows for a host that misbehaved: ours is the node's own");
const EVICTED: Row =
    Row::never("expect node drops because evicted: on the loopback all are of one netgroup");
const OTHER_SUBJECT: Row = Row::never("another subject than connman");
const TOO_LONG: Row = Row::never("more time than there is, of a node whose clock is its own");

/// All of it.
pub const TABLE: [Row; 37] = [
    DIALS,
    LISTENS,
    ACTS,
    VANISHES,
    SEEN,
    DROPS,
    CONNECTS,
    NODE_DIALS,
    NODE_DIALS_ITSELF,
    NODE_DROPS,
    NODE_PING,
    NODE_NETWORK,
    MAX_INBOUND,
    PEER_TIMEOUT,
    MAX_BUFFER,
    CONNECT,
    V2,
    V2_PEERS,
    SEED,
    WHITELIST,
    CHAIN,
    CHOOSES,
    ODD_BUFFER,
    KERNEL_BUFFERS,
    TOLD_MORE,
    PROCESS,
    CLOCK,
    FAULT,
    LINK,
    SLOW,
    ORDER,
    NOBODY,
    LATE_LISTENER,
    DISCOURAGED,
    EVICTED,
    OTHER_SUBJECT,
    TOO_LONG,
];

/// Connections that a node of this many keeps for outbound ones. Core:
/// `MAX_OUTBOUND_FULL_RELAY_CONNECTIONS`, `MAX_BLOCK_RELAY_ONLY_CONNECTIONS`,
/// `MAX_FEELER_CONNECTIONS`.
const OUTBOUND_MAX: u64 = 8 + 2 + 1;

/// The row of a line of a script.
fn row_of(op: &Op) -> Row {
    use crate::schedule::Expect;
    match op {
        Op::Dial { .. } => DIALS,
        Op::Listen { .. } => LISTENS,
        Op::Behave { manner: Manner::Slow, .. } => SLOW,
        Op::Send { .. }
        | Op::Behave { .. }
        | Op::StopReading { .. }
        | Op::ReadAgain { .. }
        | Op::HalfClose { .. }
        | Op::Close { .. }
        | Op::Reset { .. } => ACTS,
        Op::Vanish { .. } => VANISHES,
        Op::Expect(Expect::Drops { because, .. }) => match because.as_deref() {
            Some("evicted") => EVICTED,
            _ => DROPS,
        },
        Op::Expect(Expect::Connects { .. }) => CONNECTS,
        Op::Expect(
            Expect::Receives { .. } | Expect::NeverReceives { .. } | Expect::Keeps { .. },
        ) => SEEN,
        Op::NodeDials { .. } => NODE_DIALS,
        Op::NodeDialsItself => NODE_DIALS_ITSELF,
        Op::NodeDrops { .. } => NODE_DROPS,
        Op::NodeTold { word } => match word.name.as_str() {
            "ping" => NODE_PING,
            "network" => NODE_NETWORK,
            _ => TOLD_MORE,
        },
        Op::NodeRestarts | Op::NodeCrashes | Op::NodeStalls { .. } => PROCESS,
        Op::WallJump { .. } => CLOCK,
        Op::Fault(_) => FAULT,
        Op::Link { .. } => LINK,
    }
}

/// The row of a setting.
fn row_of_setting(schedule: &Schedule, key: &str, value: &str) -> Row {
    match key {
        "max-inbound" => MAX_INBOUND,
        "peer-timeout" => PEER_TIMEOUT,
        "max-receive-buffer" | "max-send-buffer" => match value.parse::<u64>() {
            Ok(bytes) if bytes % 1000 == 0 => MAX_BUFFER,
            Ok(_) | Err(_) => ODD_BUFFER,
        },
        "connect" if tier::connects_to_nobody(schedule, value) => NOBODY,
        "connect" if listens_later(schedule) => LATE_LISTENER,
        "connect" => CONNECT,
        "v2" => V2,
        "v2-peers" => V2_PEERS,
        "seed" => SEED,
        "whitelist" | "external" => WHITELIST,
        "blocks" | "minimum-work" | "holders" => CHAIN,
        "automatic" | "knows" | "seed-nodes" | "added" | "max-full-relay" | "max-block-relay" => {
            CHOOSES
        }
        _ => KERNEL_BUFFERS,
    }
}

/// Whether somebody begins to listen after the start.
fn listens_later(schedule: &Schedule) -> bool {
    let mut lines = schedule.times().into_iter().zip(&schedule.script);
    lines.any(|(at, line)| !at.is_zero() && matches!(line.op, Op::Listen { .. }))
}

/// Whether somebody is expected to be kept out or sent away because its host has misbehaved.
fn discourages(schedule: &Schedule) -> bool {
    use crate::schedule::Expect;
    let reasons = schedule.script.iter().filter_map(|line| {
        let Op::Expect(Expect::Drops { because, .. }) = &line.op else { return None };
        because.as_deref()
    });
    let mut later = reasons.skip_while(|reason| *reason != "misbehaved");
    later.any(|reason| matches!(reason, "refused" | "evicted"))
}

/// Every row that a schedule needs, and how many lines need it. `patience` is how much time may
/// pass where the node's clock cannot be set.
fn rows(schedule: &Schedule, has: Abilities, patience: Duration) -> BTreeMap<&'static str, Row> {
    let settings = schedule.node.iter().map(|(key, value)| row_of_setting(schedule, key, value));
    let lines = schedule.script.iter().map(|line| row_of(&line.op));
    let order = schedule.order.iter().map(|_| ORDER);
    let subject = (schedule.subject != crate::schedule::SUBJECT_DEFAULT).then_some(OTHER_SUBJECT);
    let discouraged = discourages(schedule).then_some(DISCOURAGED);
    let too_long = (!has.rpc && length(schedule) > patience).then_some(TOO_LONG);
    let all = settings.chain(lines).chain(order).chain(subject).chain(discouraged).chain(too_long);
    all.map(|row| (row.line, row)).collect()
}

/// When the last line of a schedule is due, or the last window of an expectation closes.
pub(super) fn length(schedule: &Schedule) -> Duration {
    let ends = schedule.times().into_iter().zip(&schedule.script).map(|(at, line)| {
        let Op::Expect(expect) = &line.op else { return at };
        at + crate::expect::window(expect)
    });
    ends.max().unwrap_or_default()
}

/// Names of what a schedule has that cannot be expressed.
#[must_use]
pub fn skipped(schedule: &Schedule, has: Abilities, patience: Duration) -> BTreeSet<&'static str> {
    let rows = rows(schedule, has, patience).into_values();
    rows.filter(|row| !row.is_for(has)).map(|row| row.line).collect()
}

/// The options by which a node has a schedule's settings.
#[must_use]
pub fn options(schedule: &Schedule, has: Abilities) -> Vec<String> {
    let number = |value: &str| value.parse::<u64>().unwrap_or_default();
    let mut options = Vec::new();
    let mut connects = false;
    for (key, value) in &schedule.node {
        match key.as_str() {
            "max-inbound" => {
                options.push(format!("-maxconnections={}", number(value) + OUTBOUND_MAX))
            }
            "v2" => options.push(format!("-v2transport={}", u8::from(value == "on"))),
            "peer-timeout" => options.push(format!("-peertimeout={value}")),
            "max-receive-buffer" => {
                options.push(format!("-maxreceivebuffer={}", number(value) / 1000));
            }
            "max-send-buffer" => options.push(format!("-maxsendbuffer={}", number(value) / 1000)),
            "connect" => {
                connects = true;
                options.extend(names(schedule, value).map(|name| format!("-connect={name}")));
            }
            _ => {}
        }
    }
    if has.starts && !connects {
        // Nobody is dialled of whom the schedule does not speak.
        options.push("-connect=0".to_owned());
    }
    options
}

/// The names under which the proxy knows the hosts of a list.
fn names(schedule: &Schedule, list: &str) -> impl Iterator<Item = String> {
    let hosts = addresses_of(schedule).unwrap_or_default();
    let ends: Vec<std::net::SocketAddr> =
        list.split_whitespace().filter_map(|end| end.parse().ok()).collect();
    ends.into_iter().filter_map(move |at| {
        let (actor, _) = hosts.iter().find(|(_, own)| own.contains(&at.ip()))?;
        Some(name_of(*actor, at.port()))
    })
}

/// The question that a command becomes: its method and whether it is switched on.
pub(super) fn told(word: &Word) -> (&'static str, Option<bool>) {
    match word.setting("active") {
        Some(active) => ("setnetworkactive", Some(active == "on")),
        None => ("ping", None),
    }
}
