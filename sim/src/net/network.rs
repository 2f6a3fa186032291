//! What lies between hosts: who has which address, and links with a latency, a bandwidth and
//! faults.
//!
//! It carries segments and owns no kernel: a world gives it what a kernel sent, and takes what is
//! due to the host that it is for. One direction of a link never reorders, whatever is changed on
//! the way, because a TCP stream does not either.
//!
//! A link that is silent loses what TCP would not repeat for ever (SYN, which the kernel's own
//! timer sends again, and RST) and keeps the rest until it is up again, as if it had been sent
//! again at that moment.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

use sockman::sockets::{Endpoint, Failure};
use sockman::time::Instant;

use super::segment::{Segment, SegmentKind};

/// Bytes of headers that a segment costs on a link besides its payload: IPv4 and TCP without
/// options, 20 each (RFC 791, RFC 9293).
const HEADER_BYTES: u64 = 40;

/// How long the own host asks for a neighbour that is not there. docs/behaviour.md, TCP 2.3.
const HOST_UNREACHABLE_AFTER: Duration = Duration::from_millis(3_100);

/// A host: the how-manieth that was added.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HostId(pub u32);

impl fmt::Display for HostId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "h{}", self.0)
    }
}

/// One direction between two hosts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LinkConfig {
    /// From the last byte sent to its arrival. Zero: it is due at the same instant.
    pub latency: Duration,
    /// How fast bytes leave, headers included; at least 1. `None`: at once.
    pub bytes_per_second: Option<u64>,
    /// Most bytes that arrive together, at least 1. `None`: as they were sent.
    pub chunk_bytes_max: Option<usize>,
}

/// Whether a direction works.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LinkState {
    /// It does.
    #[default]
    Up,
    /// Nothing that is sent arrives, and nobody is told. What was on the way before still arrives.
    Silent,
}

/// What becomes of a segment for an address that no host has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum NoSuchHost {
    /// Nothing, for ever.
    #[default]
    Swallowed,
    /// An RST, after one latency there and one back.
    Refused,
    /// "Host unreachable", after 3.1 seconds.
    Unreachable,
}

/// Addresses, links, and what is on the way.
#[derive(Clone, Debug, Default)]
pub struct Network {
    default_link: LinkConfig,
    no_such_host: NoSuchHost,
    host_count: u32,
    addresses: BTreeMap<IpAddr, HostId>,
    /// By number of the sender and of the receiver; those beyond the end are as `default_link`.
    links: Vec<Vec<Link>>,
    /// In the order of arrival: by time, then by when it was put on its way.
    due: VecDeque<Due>,
    /// The segments themselves, by place, so that those which arrive later are not moved each time
    /// that one is put before them; and which places are free.
    segments: Vec<Option<Segment>>,
    free: Vec<u32>,
}

/// A segment on its way.
#[derive(Clone, Copy, Debug)]
struct Due {
    at: Instant,
    to: HostId,
    place: u32,
}

/// One direction: how it is, and what it is doing.
#[derive(Clone, Debug)]
struct Link {
    config: LinkConfig,
    state: LinkState,
    /// When the last byte that was sent has left.
    busy_until: Instant,
    /// When the last segment arrives: no later one before it.
    last_due: Instant,
    /// Sent while silent, kept until it is up. Bounded by the windows of the connections.
    held: VecDeque<Segment>,
}

impl Link {
    const fn new(config: LinkConfig) -> Self {
        Self {
            config,
            state: LinkState::Up,
            busy_until: Instant::START,
            last_due: Instant::START,
            held: VecDeque::new(),
        }
    }
}

impl Network {
    /// A network without hosts. `default_link` is between each two of which nothing else is said.
    #[must_use]
    pub fn new(default_link: LinkConfig, no_such_host: NoSuchHost) -> Self {
        check_link(default_link);
        Self { default_link, no_such_host, ..Self::default() }
    }

    /// Adds a host with these addresses, which nobody else has.
    pub fn add_host(&mut self, addresses: &[IpAddr]) -> HostId {
        let host = HostId(self.host_count);
        self.host_count += 1;
        for &address in addresses {
            assert!(!address.is_loopback(), "each host has the loopback addresses");
            let before = self.addresses.insert(address, host);
            assert!(before.is_none(), "an address belongs to one host");
        }
        host
    }

    /// Who has an address.
    #[must_use]
    pub fn host_at(&self, address: IpAddr) -> Option<HostId> {
        self.addresses.get(&address).copied()
    }

    /// Sets one direction; what is on the way already is not touched.
    pub fn set_link(&mut self, from: HostId, to: HostId, config: LinkConfig) {
        check_link(config);
        self.link_mut(from, to).config = config;
    }

    /// Cuts one direction, or mends it; then what was kept is on its way again.
    pub fn set_link_state(&mut self, now: Instant, from: HostId, to: HostId, state: LinkState) {
        let link = self.link_mut(from, to);
        link.state = state;
        if state == LinkState::Up {
            for segment in std::mem::take(&mut link.held) {
                self.carry(now, from, to, segment);
            }
        }
    }

    /// How a direction is set.
    #[must_use]
    pub fn link(&self, from: HostId, to: HostId) -> LinkConfig {
        let link = self.links.get(from.0 as usize).and_then(|links| links.get(to.0 as usize));
        link.map_or(self.default_link, |link| link.config)
    }

    /// Whether a direction works.
    #[must_use]
    pub fn link_state(&self, from: HostId, to: HostId) -> LinkState {
        let link = self.links.get(from.0 as usize).and_then(|links| links.get(to.0 as usize));
        link.map_or(LinkState::Up, |link| link.state)
    }

    /// Takes what a host's kernel has sent.
    pub fn send(&mut self, now: Instant, from: HostId, segment: Segment) {
        let to = match &segment.to {
            Endpoint::Unix(_) => Some(from),
            Endpoint::Ip(to) if to.ip().is_loopback() => Some(from),
            Endpoint::Ip(to) => self.host_at(to.ip()),
        };
        match to {
            Some(to) if to == from => self.put(now, to, segment),
            Some(to) if self.link_state(from, to) == LinkState::Silent => {
                let repeated =
                    !matches!(segment.kind, SegmentKind::Syn { .. } | SegmentKind::Reset);
                if repeated {
                    self.link_mut(from, to).held.push_back(segment);
                }
            }
            Some(to) => self.carry(now, from, to, segment),
            None => self.answer_for_nobody(now, from, segment),
        }
    }

    /// When the next segment arrives; `None` if none is on the way.
    #[must_use]
    pub fn next_due(&self) -> Option<Instant> {
        self.due.front().map(|due| due.at)
    }

    /// The next segment that has arrived by `now`, and for whom, left where it is.
    #[must_use]
    pub fn peek_due(&self, now: Instant) -> Option<(HostId, &Segment)> {
        let first = self.due.front().filter(|first| first.at <= now)?;
        Some((first.to, self.segment(*first)))
    }

    /// The next segment that has arrived by `now`, and for whom.
    pub fn pop_due(&mut self, now: Instant) -> Option<(HostId, Segment)> {
        let Due { to, place, .. } = self.due.pop_front_if(|due| due.at <= now)?;
        self.free.push(place);
        let segment = self.segments[place as usize].take();
        Some((to, segment.expect("what is due is kept")))
    }

    fn segment(&self, due: Due) -> &Segment {
        self.segments[due.place as usize].as_ref().expect("what is due is kept")
    }

    /// When the last segment arrives that is on the way to or from one of these addresses now.
    #[must_use]
    pub fn last_due(&self, addresses: &[IpAddr]) -> Option<Instant> {
        let concerns = |end: &Endpoint| end.ip().is_some_and(|end| addresses.contains(&end.ip()));
        let mut latest_first = self.due.iter().rev();
        let last = latest_first.find(|due| {
            let segment = self.segment(**due);
            concerns(&segment.from) || concerns(&segment.to)
        });
        last.map(|due| due.at)
    }

    /// How many segments are on the way.
    #[must_use]
    pub fn segments_count(&self) -> usize {
        self.due.len()
    }

    /// Stops if something is on the way that should not be.
    pub fn check_invariants(&self) {
        for link in self.links.iter().flatten() {
            if link.state == LinkState::Up {
                assert!(link.held.is_empty(), "a link that works keeps nothing");
            }
            assert!(link.last_due >= link.busy_until);
        }
        assert!(self.due.iter().is_sorted_by_key(|due| due.at));
        assert!(self.due.iter().all(|due| due.to.0 < self.host_count));
        assert!(self.due.iter().all(|due| self.segments[due.place as usize].is_some()));
        assert_eq!(self.due.len() + self.free.len(), self.segments.len());
    }

    /// Puts a segment on a link that works, in pieces if the link says so.
    fn carry(&mut self, now: Instant, from: HostId, to: HostId, segment: Segment) {
        let chunk_bytes_max = self.link_mut(from, to).config.chunk_bytes_max.unwrap_or(usize::MAX);
        let SegmentKind::Data(bytes) = &segment.kind else {
            return self.carry_whole(now, from, to, segment);
        };
        if bytes.len() <= chunk_bytes_max {
            return self.carry_whole(now, from, to, segment);
        }
        // Each piece has room for itself alone: there may be thousands under way.
        for piece in bytes.chunks(chunk_bytes_max) {
            let (one, other) = (segment.from.clone(), segment.to.clone());
            let kind = SegmentKind::Data(piece.to_vec());
            let piece = Segment { from: one, to: other, connection: segment.connection, kind };
            self.carry_whole(now, from, to, piece);
        }
    }

    fn carry_whole(&mut self, now: Instant, from: HostId, to: HostId, segment: Segment) {
        let link = self.link_mut(from, to);
        let bytes = segment.bytes() as u64 + HEADER_BYTES;
        link.busy_until = link.busy_until.max(now) + sending_time(bytes, link.config);
        let at = (link.busy_until + link.config.latency).max(link.last_due);
        link.last_due = at;
        self.put(at, to, segment);
    }

    fn put(&mut self, at: Instant, to: HostId, segment: Segment) {
        // Nearly all are the last or the first to arrive, so that few others are moved.
        let order = self.due.partition_point(|due| due.at <= at);
        let place = self.free.pop().unwrap_or_else(|| {
            self.segments.push(None);
            u32::try_from(self.segments.len() - 1).expect("windows bound what is on the way")
        });
        self.segments[place as usize] = Some(segment);
        self.due.insert(order, Due { at, to, place });
    }

    fn answer_for_nobody(&mut self, now: Instant, from: HostId, segment: Segment) {
        match (&segment.kind, self.no_such_host) {
            (SegmentKind::Reset | SegmentKind::Ack { .. } | SegmentKind::Unreachable(_), _)
            | (_, NoSuchHost::Swallowed) => {}
            (_, NoSuchHost::Refused) => {
                let at = now + self.default_link.latency * 2;
                self.put(at, from, segment.reply(SegmentKind::Reset));
            }
            (_, NoSuchHost::Unreachable) => {
                let kind = SegmentKind::Unreachable(Failure::HostUnreachable);
                self.put(now + HOST_UNREACHABLE_AFTER, from, segment.reply(kind));
            }
        }
    }

    fn link_mut(&mut self, from: HostId, to: HostId) -> &mut Link {
        let (from, to) = (from.0 as usize, to.0 as usize);
        if from >= self.links.len() {
            self.links.resize_with(from + 1, Vec::new);
        }
        let links = &mut self.links[from];
        if to >= links.len() {
            links.resize_with(to + 1, || Link::new(self.default_link));
        }
        &mut links[to]
    }
}

fn check_link(config: LinkConfig) {
    assert!(config.bytes_per_second != Some(0), "a link that carries nothing is a silent one");
    assert!(config.chunk_bytes_max != Some(0), "a chunk holds something");
}

/// How long it takes for so many bytes to leave, rounded up to a nanosecond.
fn sending_time(bytes: u64, config: LinkConfig) -> Duration {
    let Some(rate) = config.bytes_per_second else {
        return Duration::ZERO;
    };
    let nanos = (u128::from(bytes) * 1_000_000_000).div_ceil(u128::from(rate));
    Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: &str = "203.0.113.1";
    const B: &str = "203.0.113.2";

    fn segment(kind: SegmentKind) -> Segment {
        let end = |address: &str| Endpoint::Ip((address.parse::<IpAddr>().unwrap(), 8333).into());
        Segment { from: end(A), to: end(B), connection: 1, kind }
    }

    fn data(count: usize) -> Segment {
        segment(SegmentKind::Data(vec![1; count]))
    }

    fn network(link: LinkConfig) -> (Network, HostId, HostId) {
        let mut network = Network::new(link, NoSuchHost::Swallowed);
        let a = network.add_host(&[A.parse().unwrap()]);
        let b = network.add_host(&[B.parse().unwrap()]);
        (network, a, b)
    }

    fn arrivals(network: &mut Network) -> Vec<(u64, usize)> {
        let mut arrivals = Vec::new();
        while let Some(at) = network.next_due() {
            network.check_invariants();
            let (_, segment) = network.pop_due(at).unwrap();
            arrivals.push((at.as_nanos() / 1_000_000, segment.bytes()));
        }
        arrivals
    }

    #[test]
    fn bytes_take_their_time_to_leave_and_to_travel() {
        let latency = Duration::from_millis(50);
        let link = LinkConfig { latency, bytes_per_second: Some(1000), chunk_bytes_max: Some(60) };
        let (mut network, a, _) = network(link);
        network.send(Instant::START, a, data(120));
        network.send(Instant::START, a, segment(SegmentKind::Fin));
        assert_eq!(arrivals(&mut network), [(150, 60), (250, 60), (290, 0)]);
    }

    #[test]
    fn a_link_that_gets_faster_does_not_reorder() {
        let slow = LinkConfig { latency: Duration::from_millis(50), ..LinkConfig::default() };
        let (mut network, a, b) = network(slow);
        network.send(Instant::START, a, data(1));
        network.set_link(a, b, LinkConfig::default());
        network.send(Instant::START, a, data(2));
        assert_eq!(arrivals(&mut network), [(50, 1), (50, 2)]);
    }

    #[test]
    fn silence_loses_syn_and_reset_and_keeps_the_stream() {
        let (mut network, a, b) = network(LinkConfig::default());
        network.set_link_state(Instant::START, a, b, LinkState::Silent);
        network.send(Instant::START, a, segment(SegmentKind::Syn { window_end: 1 }));
        network.send(Instant::START, a, data(3));
        network.send(Instant::START, a, segment(SegmentKind::Reset));
        network.send(Instant::START, a, segment(SegmentKind::Fin));
        assert_eq!(network.next_due(), None);
        network.set_link_state(Instant::from_nanos(7_000_000), a, b, LinkState::Up);
        assert_eq!(arrivals(&mut network), [(7, 3), (7, 0)]);
    }

    #[test]
    fn nobody_answers_as_configured() {
        for (answer, arrival) in [
            (NoSuchHost::Swallowed, None),
            (NoSuchHost::Refused, Some((0, SegmentKind::Reset))),
            (
                NoSuchHost::Unreachable,
                Some((3_100_000_000, SegmentKind::Unreachable(Failure::HostUnreachable))),
            ),
        ] {
            let mut network = Network::new(LinkConfig::default(), answer);
            let a = network.add_host(&[A.parse().unwrap()]);
            network.send(Instant::START, a, segment(SegmentKind::Syn { window_end: 1 }));
            let at = network.next_due();
            let got = at.and_then(|at| network.pop_due(at)).map(|(host, segment)| {
                assert_eq!(host, a);
                (at.unwrap().as_nanos(), segment.kind)
            });
            assert_eq!(got, arrival);
        }
    }
}
