//! What is on its way between hosts, and how long it takes.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::time::Duration;

use rand_chacha::ChaCha8Rng;
use sockman::time::Instant;

use super::below;
use crate::net::{Segment, SegmentKind};

/// What the way to the nearest neighbour takes.
pub const LATENCY_LEAST: Duration = Duration::from_millis(5);

/// How long the sides of the square are in which hosts lie.
const SIDE: u32 = 1000;
/// How far it is from corner to corner, rounded up.
const DIAGONAL: u32 = 1415;

/// On which side of a cut a host lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    West,
    East,
}

#[derive(Debug)]
struct Due {
    at: Instant,
    /// The how-manieth that was sent: what is sent first arrives first, of what arrives together.
    number: u64,
    to: u32,
    segment: Segment,
}

impl PartialEq for Due {
    fn eq(&self, other: &Self) -> bool {
        self.number == other.number
    }
}

impl Eq for Due {}

impl PartialOrd for Due {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Due {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.at, self.number).cmp(&(other.at, other.number))
    }
}

/// Hosts in a square, and what is between them. The way between two takes the same time both ways
/// and always, so that nothing overtakes.
#[derive(Debug)]
pub(super) struct Wires {
    places: Vec<(u32, u32)>,
    latency: Duration,
    due: BinaryHeap<Reverse<Due>>,
    sent: u64,
    is_cut: bool,
    /// What was sent across the cut and TCP sends again, until it is mended.
    held: VecDeque<(u32, u32, Segment)>,
}

impl Wires {
    pub(super) fn new(hosts: u32, latency: Duration, rng: &mut ChaCha8Rng) -> Self {
        let places = (0..hosts).map(|_| (below(rng, SIDE), below(rng, SIDE))).collect();
        let (due, held) = (BinaryHeap::new(), VecDeque::new());
        Self { places, latency, due, sent: 0, is_cut: false, held }
    }

    pub(super) fn side(&self, host: u32) -> Side {
        if self.places[host as usize].0 < SIDE / 2 { Side::West } else { Side::East }
    }

    fn latency(&self, from: u32, to: u32) -> Duration {
        let ((a, b), (c, d)) = (self.places[from as usize], self.places[to as usize]);
        let (x, y) = (a.abs_diff(c), b.abs_diff(d));
        LATENCY_LEAST + self.latency * (x * x + y * y).isqrt() / DIAGONAL
    }

    /// Takes what a host has sent.
    pub(super) fn send(&mut self, now: Instant, from: u32, to: u32, segment: Segment) {
        if self.is_cut && self.side(from) != self.side(to) {
            // As on a link that is silent: a SYN is repeated by its kernel, a reset never.
            if !matches!(segment.kind, SegmentKind::Syn { .. } | SegmentKind::Reset) {
                self.held.push_back((from, to, segment));
            }
            return;
        }
        let at = now + self.latency(from, to);
        let number = self.sent;
        self.sent += 1;
        self.due.push(Reverse(Due { at, number, to, segment }));
    }

    /// From now on the west does not reach the east. What is on its way arrives.
    pub(super) fn cut(&mut self) {
        self.is_cut = true;
    }

    /// It does again, and hears what it was told meanwhile.
    pub(super) fn mend(&mut self, now: Instant) {
        self.is_cut = false;
        for (from, to, segment) in std::mem::take(&mut self.held) {
            self.send(now, from, to, segment);
        }
    }

    pub(super) fn next_due(&self) -> Option<Instant> {
        self.due.peek().map(|Reverse(due)| due.at)
    }

    pub(super) fn pop_due(&mut self, now: Instant) -> Option<(u32, Segment)> {
        if self.due.peek()?.0.at > now {
            return None;
        }
        self.due.pop().map(|Reverse(due)| (due.to, due.segment))
    }
}
