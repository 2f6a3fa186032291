//! Expectations of a node in another process: what its peers see.
//!
//! They are those of a simulated run, with two differences. What only the node knows is taken from
//! what it does: a peer is dropped when its connection ends, and connected when it hears what
//! follows a complete handshake. And a node has a moment of real time more for everything, because
//! its clock, its processor and ours are not one.

use std::collections::BTreeMap;

use sockman::time::Instant;

use super::host::LiveHost;
use crate::actor::{Actor, Ending, Link, Saw};
use crate::expect::{Unmet, deadline, find};
use crate::schedule::{ActorId, Expect};
use crate::subject::Dialect as _;
use crate::subjects::connman::Speaker;

/// A peer.
pub(super) type Peer = Actor<Speaker, LiveHost>;

/// Words that a node says before a handshake is complete, or around its end.
const EARLY: [&str; 10] = [
    "key",
    "terminator",
    "version-packet",
    "version",
    "verack",
    "wtxidrelay",
    "sendaddrv2",
    "sendtxrcncl",
    "getaddr",
    "alert",
];

/// An expectation that is open.
#[derive(Clone, Debug)]
struct Open {
    line: usize,
    expect: Expect,
    since: Instant,
    until: Instant,
    /// Where to look from in what the actor heard.
    from: usize,
}

/// What counts as an end or a beginning, in order.
#[derive(Clone, Copy, Debug)]
enum Turn {
    Connected,
    Ready,
    Ended(Ending),
}

/// Watches for what is expected.
#[derive(Clone, Debug, Default)]
pub(super) struct Judge {
    open: Vec<Open>,
    unmet: Option<Unmet>,
    used: BTreeMap<ActorId, usize>,
    turns: Vec<(Instant, ActorId, Turn)>,
    /// Lines that are about what no peer can see: how the node takes an end that was the peer's
    /// own.
    unseen: Vec<usize>,
}

impl Judge {
    /// Takes an expectation on.
    pub(super) fn expect(&mut self, line: usize, expect: &Expect, now: Instant, peer: &Peer) {
        let ended_itself = matches!(peer.link(), Link::Ended(Ending::Own, _));
        if matches!(expect, Expect::Drops { .. }) && ended_itself {
            self.unseen.push(line);
            return;
        }
        let until = deadline(expect, now);
        let from = match expect {
            Expect::Receives { actor, .. } => self.used.get(actor).copied().unwrap_or(0),
            Expect::NeverReceives { .. } => peer.heard().len(),
            Expect::Drops { .. } | Expect::Connects { .. } | Expect::Keeps { .. } => 0,
        };
        self.open.push(Open { line, expect: expect.clone(), since: now, until, from });
    }

    /// Lines that no peer can see the truth of.
    pub(super) fn unseen(&self) -> &[usize] {
        &self.unseen
    }

    /// Takes in what peers saw.
    pub(super) fn see(&mut self, now: Instant, saw: &[(ActorId, Saw)]) {
        for (actor, saw) in saw {
            let turn = match saw {
                Saw::Connected => Turn::Connected,
                Saw::Heard(heard) if !EARLY.contains(&heard.name) => Turn::Ready,
                Saw::Ended(ending) => Turn::Ended(*ending),
                Saw::Heard(_) | Saw::Garbled(_) => continue,
            };
            // Of a conversation the first word counts.
            let last = self.turns.iter().rev().find(|(_, who, _)| who == actor);
            let goes_on = matches!((last, turn), (Some((_, _, Turn::Ready)), Turn::Ready));
            if !goes_on {
                self.turns.push((now, *actor, turn));
            }
        }
    }

    /// The next time at which an expectation runs out.
    pub(super) fn next_deadline(&self, now: Instant) -> Option<Instant> {
        let later = self.open.iter().map(|open| open.until).filter(|until| *until > now);
        later.filter(|until| *until < Instant::from_nanos(u64::MAX)).min()
    }

    /// Puts away what is met; says whether something that should be met by now is not.
    pub(super) fn is_overdue(&mut self, now: Instant, peers: &[Peer]) -> bool {
        let open = std::mem::take(&mut self.open);
        for one in open {
            if !self.is_met(peers, &one) {
                self.open.push(one);
            }
        }
        self.open.iter().any(|open| open.until <= now)
    }

    /// Gives up on what is overdue.
    pub(super) fn give_up(&mut self, now: Instant, peers: &[Peer]) {
        let (late, open): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.open).into_iter().partition(|open: &Open| open.until <= now);
        self.open = open;
        for open in late {
            let saw = explain(peers, &open);
            self.note(Unmet { line: open.line, saw });
        }
    }

    /// The first expectation that was not met, now that all is over.
    pub(super) fn close(&mut self, now: Instant, peers: &[Peer]) -> Option<Unmet> {
        self.is_overdue(now, peers);
        for open in std::mem::take(&mut self.open) {
            let saw = match &open.expect {
                Expect::NeverReceives { actor, word } => {
                    let Some(peer) = peer_of(peers, *actor) else { continue };
                    let heard = &peer.heard()[open.from..];
                    let found =
                        heard.iter().find(|(_, heard)| peer.dialect().matches(word, *heard));
                    let Some((at, heard)) = found else { continue };
                    format!("it received {} at {at}", heard.name)
                }
                Expect::Keeps { actor }
                    if peer_of(peers, *actor).map(Actor::link) == Some(Link::Open) =>
                {
                    continue;
                }
                Expect::Keeps { .. }
                | Expect::Receives { .. }
                | Expect::Drops { .. }
                | Expect::Connects { .. } => explain(peers, &open),
            };
            self.note(Unmet { line: open.line, saw });
        }
        self.unmet.take()
    }

    fn note(&mut self, unmet: Unmet) {
        let is_first = self.unmet.as_ref().is_none_or(|first| unmet.line < first.line);
        if is_first {
            self.unmet = Some(unmet);
        }
    }

    fn is_met(&mut self, peers: &[Peer], open: &Open) -> bool {
        let since = |wanted: fn(Turn) -> bool, actor: ActorId| {
            let mut turns = self.turns.iter();
            turns.any(|(at, who, turn)| *at >= open.since && *who == actor && wanted(*turn))
        };
        match &open.expect {
            Expect::Receives { actor, words, order, .. } => {
                let peer = peer_of(peers, *actor);
                let end = peer.and_then(|peer| find(peer, words, *order, open.from));
                let Some(end) = end else { return false };
                let used = self.used.entry(*actor).or_insert(0);
                *used = (*used).max(end);
                true
            }
            Expect::Drops { actor, .. } => since(
                |turn| {
                    matches!(turn, Turn::Ended(Ending::Closed | Ending::Reset | Ending::Refused))
                },
                *actor,
            ),
            Expect::Connects { actor, .. } => since(|turn| matches!(turn, Turn::Ready), *actor),
            Expect::NeverReceives { .. } | Expect::Keeps { .. } => false,
        }
    }
}

fn peer_of(peers: &[Peer], actor: ActorId) -> Option<&Peer> {
    peers.iter().find(|peer| peer.id() == actor)
}

fn explain(peers: &[Peer], open: &Open) -> String {
    let id = open.expect.actor();
    let Some(peer) = peer_of(peers, id) else { return format!("{id} does not exist") };
    let heard = peer.heard()[open.from..].iter().take(12).map(|(_, heard)| heard.name);
    let heard: Vec<_> = heard.collect();
    format!("{id} is {:?}, heard [{}]", peer.link(), heard.join(", "))
}
