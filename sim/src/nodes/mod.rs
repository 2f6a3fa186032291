//! Many whole nodes on one network: each is the code of production, with a kernel, files and
//! randomness of its own, and whom it connects to it finds out by itself.
//!
//! ```text
//!  wires: what is on its way, by arrival -->  node: kernel --> machine --> what it sends --> wires
//!  clocks: when a node goes on by itself -->
//! ```
//!
//! There is one clock. At each moment whatever arrives is delivered in the order in which it was
//! sent, and whoever was told something works until nothing is left to do; nothing else makes time
//! pass. So a run follows from its [`Plan`] alone.
//!
//! Hosts lie in a square and segments take as long as the way is far. There is no limit on what a
//! link carries, and nothing is lost but by a [cut](Plan::cut).
//!
//! In a world of schedules one node is looked at by oracles after each step, and its peers are
//! scripted. Here nobody looks, but at what a network of them comes to.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::ops::Range;
use std::time::Duration;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng as _, SeedableRng as _};
use serde::Serialize;
use sockman::connman::addrman::{AddrRecord, NetService};
use sockman::connman::{Notice, Services, is_routable};
use sockman::sockets::Event;
use sockman::time::{Instant, Now};

use crate::net::Segment;
use crate::trace::TraceHash;
use crate::world::WALL_START;

mod node;
mod sample;
mod wires;

pub use node::drive;
pub use sample::Sample;
pub use wires::LATENCY_LEAST;

use node::Node;
use wires::{Side, Wires};

/// Most nodes of one network: each has a netgroup of its own.
pub const NODES_MAX: u32 = 20_000;

/// The port at which each listens: that of regtest.
const PORT: u16 = 18_444;

/// In which time from the start all nodes are begun.
const STARTS_WITHIN: Duration = Duration::from_secs(60);

/// What a network is, and what becomes of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// How many nodes, at least 2 and at most [`NODES_MAX`]. The last one joins half way.
    pub nodes: u32,
    /// For how long.
    pub time: Duration,
    /// What everything that is drawn follows from.
    pub seed: u64,
    /// How many addresses a node begins with, drawn from all: what a DNS seed tells it.
    pub known: u32,
    /// From one end of the square to the other, beyond [`LATENCY_LEAST`].
    pub latency: Duration,
    /// For how long a node is up, in the mean; it is down for a tenth of that. `None`: for ever.
    pub uptime: Option<Duration>,
    /// When the west does not reach the east, since the start.
    pub cut: Option<Range<Duration>>,
    /// Whether nodes speak v2.
    pub v2: bool,
}

impl Plan {
    /// So many nodes for so long; all else as it usually is.
    #[must_use]
    pub const fn new(nodes: u32, time: Duration) -> Self {
        let latency = Duration::from_millis(200);
        Self { nodes, time, seed: 0, known: 32, latency, uptime: None, cut: None, v2: false }
    }
}

/// What has passed since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// Steps of machines.
    pub steps: u64,
    /// Messages that nodes have handled.
    pub messages: u64,
    /// Segments that have arrived.
    pub segments: u64,
    /// Bytes of payload in them.
    pub bytes: u64,
    /// Readiness that nodes were told of.
    #[serde(rename = "socket_events")]
    pub events: u64,
}

/// What is to be done to the network itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Change {
    Start(u32),
    Stop(u32),
    Cut,
    Mend,
}

/// See the head of the module.
#[derive(Debug)]
pub struct Network {
    plan: Plan,
    now: Instant,
    nodes: Vec<Node>,
    by_address: BTreeMap<IpAddr, u32>,
    wires: Wires,
    /// When nodes go on by themselves; what a node has forgotten since counts for nothing.
    clocks: BinaryHeap<Reverse<(Instant, u32)>>,
    changes: BTreeSet<(Instant, Change)>,
    rng: ChaCha8Rng,
    /// Since when the last node had all connections that it opens, if it has.
    newcomer_full: Option<Instant>,
    counts: Counts,
    hash: TraceHash,
    // Reused.
    events: Vec<Event>,
    segments: Vec<Segment>,
    notices: Vec<Notice>,
}

impl Network {
    /// A network in which nothing has happened.
    ///
    /// # Panics
    ///
    /// If there are fewer than 2 nodes, or more than [`NODES_MAX`].
    #[must_use]
    pub fn new(plan: Plan) -> Self {
        assert!((2..=NODES_MAX).contains(&plan.nodes), "nodes are 2 to {NODES_MAX}");
        let mut rng = ChaCha8Rng::seed_from_u64(plan.seed);
        let addresses: Vec<IpAddr> = addresses().take(plan.nodes as usize).collect();
        let wires = Wires::new(plan.nodes, plan.latency, &mut rng);
        let mut nodes = Vec::with_capacity(addresses.len());
        for &address in &addresses {
            let known = (0..plan.known).map(|_| addresses[below(&mut rng, plan.nodes) as usize]);
            let known = known.filter(|other| *other != address).map(record).collect();
            nodes.push(Node::new(at(address), rng.next_u64(), known, plan.v2));
        }
        let (by_address, changes) = (BTreeMap::new(), BTreeSet::new());
        let mut network = Self {
            now: Instant::START,
            nodes,
            by_address,
            wires,
            clocks: BinaryHeap::new(),
            changes,
            rng,
            newcomer_full: None,
            counts: Counts::default(),
            hash: TraceHash::new(),
            events: Vec::new(),
            segments: Vec::new(),
            notices: Vec::new(),
            plan,
        };
        network.by_address.extend(addresses.into_iter().zip(0..));
        network.plan_changes();
        network
    }

    /// When each node begins, and the network is cut.
    fn plan_changes(&mut self) {
        let within = u32::try_from(STARTS_WITHIN.as_millis()).expect("a minute");
        for node in 0..self.plan.nodes - 1 {
            let after = Duration::from_millis(below(&mut self.rng, within).into());
            self.changes.insert((Instant::START + after, Change::Start(node)));
        }
        let half = Instant::START + self.plan.time / 2;
        self.changes.insert((half, Change::Start(self.newcomer())));
        if let Some(Range { start, end }) = self.plan.cut.clone() {
            self.changes.insert((Instant::START + start, Change::Cut));
            self.changes.insert((Instant::START + end, Change::Mend));
        }
    }

    // Moving.

    /// Lets everything happen that happens until then, that moment included.
    pub fn run_until(&mut self, end: Instant) {
        while let Some(next) = self.next_due().filter(|next| *next <= end) {
            self.now = next;
            self.step();
        }
        self.now = end;
    }

    fn next_due(&self) -> Option<Instant> {
        let change = self.changes.first().map(|(at, _)| *at);
        let clock = self.clocks.peek().map(|Reverse((at, _))| *at);
        [change, clock, self.wires.next_due()].into_iter().flatten().min()
    }

    /// One thing that is due: a change, an arrival, or a clock.
    fn step(&mut self) {
        if let Some(&(at, change)) = self.changes.first()
            && at <= self.now
        {
            self.changes.pop_first();
            return self.change(change);
        }
        if let Some((to, segment)) = self.wires.pop_due(self.now) {
            self.counts.segments += 1;
            self.counts.bytes += segment.bytes() as u64;
            self.hash.add(u64::from(to));
            self.hash.add(segment.bytes() as u64 | segment.connection << 32);
            self.nodes[to as usize].receive(self.now, segment);
            return self.work(to);
        }
        let Some(Reverse((at, node))) = self.clocks.pop() else { return };
        let wakes_at = &mut self.nodes[node as usize].wakes_at;
        if *wakes_at == Some(at) {
            // Taken, so that it is noted anew whatever it is next.
            *wakes_at = None;
            self.work(node);
        }
    }

    fn change(&mut self, change: Change) {
        let now = self.time();
        match change {
            Change::Start(node) => {
                self.nodes[node as usize].start(now);
                self.plan_change(node, 10, Change::Stop);
                self.work(node);
            }
            Change::Stop(node) => {
                self.nodes[node as usize].stop(now);
                self.plan_change(node, 1, Change::Start);
                // Its host goes on.
                self.note_clock(node);
                self.carry(node);
            }
            Change::Cut => self.wires.cut(),
            Change::Mend => self.wires.mend(self.now),
        }
    }

    /// What comes next of a node that comes and goes; the newcomer stays, to be looked at.
    fn plan_change(&mut self, node: u32, tenths: u32, change: fn(u32) -> Change) {
        let Some(uptime) = self.plan.uptime.filter(|_| node != self.newcomer()) else { return };
        // Between none and twice the mean, each as likely.
        let millis = u64::try_from((uptime * tenths / 5).as_millis()).unwrap_or(u64::MAX);
        let after = Duration::from_millis(1 + self.rng.next_u64() % millis.max(1));
        self.changes.insert((self.now + after, change(node)));
    }

    /// A node works until nothing is left to do.
    fn work(&mut self, index: u32) {
        let now = self.time();
        let node = &mut self.nodes[index as usize];
        node.work(now, &mut self.events, &mut self.notices, &mut self.counts);
        self.note_clock(index);
        let is_ready = |notice: &Notice| matches!(notice, Notice::PeerReady { .. });
        if index == self.newcomer()
            && self.newcomer_full.is_none()
            && self.notices.iter().any(is_ready)
            && self.nodes[index as usize].has_all()
        {
            self.newcomer_full = Some(self.now);
        }
        self.notices.clear();
        self.carry(index);
    }

    /// Notes when a node goes on by itself, if that is another moment than before.
    fn note_clock(&mut self, index: u32) {
        let now = self.time();
        let node = &mut self.nodes[index as usize];
        let wakes_at = node.next_wakeup(now);
        if let Some(at) = wakes_at.filter(|_| wakes_at != node.wakes_at) {
            self.clocks.push(Reverse((at, index)));
        }
        node.wakes_at = wakes_at;
    }

    fn carry(&mut self, index: u32) {
        self.nodes[index as usize].take_segments(&mut self.segments);
        for segment in self.segments.drain(..) {
            let to = segment.to.ip().and_then(|to| self.by_address.get(&to.ip()));
            // Nobody is elsewhere.
            let Some(&to) = to else { continue };
            self.wires.send(self.now, index, to, segment);
        }
    }

    // Getters.

    /// What time it is.
    #[must_use]
    pub fn time(&self) -> Now {
        let wall = WALL_START + self.now.since(Instant::START);
        Now { steady: self.now, wall }
    }

    /// What it was made from.
    #[must_use]
    pub const fn plan(&self) -> &Plan {
        &self.plan
    }

    /// What has passed.
    #[must_use]
    pub const fn counts(&self) -> &Counts {
        &self.counts
    }

    /// A number that two runs have in common if the same has passed in them.
    #[must_use]
    pub const fn hash(&self) -> TraceHash {
        self.hash
    }

    /// How long after it joined the last node had all the connections that it opens.
    #[must_use]
    pub fn newcomer_full_after(&self) -> Option<Duration> {
        Some(self.newcomer_full?.since(Instant::START + self.plan.time / 2))
    }

    const fn newcomer(&self) -> u32 {
        self.plan.nodes - 1
    }

    fn side(&self, node: u32) -> Side {
        self.wires.side(node)
    }

    fn service(&self, node: u32) -> NetService {
        NetService::from(self.nodes[node as usize].at)
    }

    /// Checks every node.
    pub fn check_invariants(&self) {
        self.nodes.iter().for_each(Node::check_invariants);
    }
}

fn below(rng: &mut ChaCha8Rng, bound: u32) -> u32 {
    u32::try_from(rng.next_u64() % u64::from(bound)).expect("below a u32")
}

/// An address in each netgroup that everybody can reach.
fn addresses() -> impl Iterator<Item = IpAddr> {
    let pairs = (1..=223_u8).flat_map(|a| (0..=255_u8).map(move |b| (a, b)));
    pairs.map(|(a, b)| IpAddr::V4(Ipv4Addr::new(a, b, 1, 1))).filter(|ip| is_routable(*ip))
}

const fn at(address: IpAddr) -> SocketAddr {
    SocketAddr::new(address, PORT)
}

/// What a DNS seed tells of a node.
fn record(address: IpAddr) -> AddrRecord {
    let service = NetService::from(at(address));
    AddrRecord { service, services: Services::DESIRABLE, time: WALL_START }
}
