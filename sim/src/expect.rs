//! Expectations: what a script says must be seen from outside, and in what time.

use std::collections::BTreeMap;
use std::time::Duration;

use sockman::sockets::ConnId;
use sockman::time::Instant;

use crate::actor::{Actor, Link, Saw};
use crate::host::{Host, PeerHost};
use crate::schedule::{ActorId, Expect, Ordering, Word};
use crate::subject::{Dialect, Fact, Heard, Subject};
use crate::world::World;

/// An expectation that was not met.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unmet {
    /// The line of the script, from 0.
    pub line: usize,
    /// What was seen instead.
    pub saw: String,
}

/// Watches for what is expected.
#[derive(Clone, Debug, Default)]
pub struct Judge {
    open: Vec<Open>,
    unmet: Option<Unmet>,
    /// Per actor: how many of the words it heard were used up by expectations.
    used: BTreeMap<ActorId, usize>,
    /// What became of the node's connections, in order, by actor.
    ended: Vec<(Instant, ActorId, &'static str)>,
    ready: Vec<(Instant, ActorId)>,
    /// Who is at the other end of a connection, kept beyond its end.
    actors: BTreeMap<ConnId, ActorId>,
    /// Which of an actor's own connections the node took on last.
    taken_on: BTreeMap<ActorId, u32>,
}

/// An expectation whose time has not run out.
#[derive(Clone, Debug)]
struct Open {
    line: usize,
    expect: Expect,
    since: Instant,
    until: Instant,
    /// Where to look from in what the actor heard.
    from: usize,
}

/// How long an expectation may take to be met.
#[must_use]
pub const fn window(expect: &Expect) -> Duration {
    match expect {
        Expect::Receives { within, .. }
        | Expect::Drops { within, .. }
        | Expect::Connects { within, .. } => *within,
        Expect::NeverReceives { .. } | Expect::Keeps { .. } => Duration::ZERO,
    }
}

/// Until when an expectation that is taken on may be met. What must never be, or must last, is
/// judged when the run ends.
pub(crate) fn deadline(expect: &Expect, since: Instant) -> Instant {
    match expect {
        Expect::Receives { .. } | Expect::Drops { .. } | Expect::Connects { .. } => {
            since + window(expect)
        }
        Expect::NeverReceives { .. } | Expect::Keeps { .. } => Instant::from_nanos(u64::MAX),
    }
}

impl Judge {
    /// Takes an expectation on.
    pub fn expect<X: Subject, K: Host>(
        &mut self,
        line: usize,
        expect: &Expect,
        world: &World<X, K>,
    ) {
        let since = world.now().steady;
        let until = deadline(expect, since);
        let from = match expect {
            Expect::Receives { actor, .. } => self.used.get(actor).copied().unwrap_or(0),
            // From this line on.
            Expect::NeverReceives { actor, .. } => {
                world.actor(*actor).map_or(0, |actor| actor.heard().len())
            }
            Expect::Drops { .. } | Expect::Connects { .. } | Expect::Keeps { .. } => 0,
        };
        self.open.push(Open { line, expect: expect.clone(), since, until, from });
    }

    /// Whether an expectation is open.
    #[must_use]
    pub const fn is_waiting(&self) -> bool {
        !self.open.is_empty()
    }

    /// Looks at what a step of the world brought.
    pub fn look<X: Subject, K: Host>(&mut self, world: &World<X, K>) {
        let at = world.now().steady;
        let faulty = world.machine().sockman().sockets();
        for fact in world.notices().iter().filter_map(X::fact) {
            match fact {
                Fact::Up(conn) => {
                    if let Some(actor) = faulty.actor(conn) {
                        self.actors.insert(conn, actor);
                        let number = world.actor(actor).map(Actor::connections);
                        self.taken_on.extend(number.map(|number| (actor, number)));
                    }
                }
                Fact::Ready(conn) => {
                    self.ready.extend(self.actors.get(&conn).map(|actor| (at, *actor)));
                }
                Fact::Down(conn, reason) => {
                    self.ended.extend(self.actors.remove(&conn).map(|who| (at, who, reason)));
                }
            }
        }
        for (actor, saw) in world.saw() {
            if matches!(saw, Saw::Ended(_)) && !self.actors.values().any(|known| known == actor) {
                // The node never took it on, or has told its end already.
                if !self.has_told_end(world, *actor) {
                    self.ended.push((at, *actor, "refused"));
                }
            }
        }
        if !self.open.is_empty() {
            self.settle(world, at);
        }
    }

    /// Whether the connection that an actor has lost is one whose end the node has told, because it
    /// had taken it on.
    fn has_told_end<X: Subject, K: Host>(&self, world: &World<X, K>, actor: ActorId) -> bool {
        match world.actor(actor) {
            Some(own) if own.dialled().by_actor => {
                self.taken_on.get(&actor) == Some(&own.connections())
            }
            Some(_) | None => self.ended.iter().any(|(_, who, _)| *who == actor),
        }
    }

    /// When the next window closes, if one is open at `now`.
    #[must_use]
    pub fn next_deadline(&self, now: Instant) -> Option<Instant> {
        let open = self.open.iter().map(|open| open.until);
        open.filter(|until| *until > now && *until < Instant::from_nanos(u64::MAX)).min()
    }

    /// The first expectation that was not met, now that the run is over.
    pub fn close<X: Subject, K: Host>(&mut self, world: &World<X, K>) -> Option<Unmet> {
        self.settle(world, world.now().steady);
        let open = std::mem::take(&mut self.open);
        let early = self.unmet.take();
        let late = open.iter().filter_map(|open| self.verdict_at_end(world, open));
        early.into_iter().chain(late).min_by_key(|unmet| unmet.line)
    }

    fn settle<X: Subject, K: Host>(&mut self, world: &World<X, K>, now: Instant) {
        let mut open = std::mem::take(&mut self.open);
        open.retain(|expectation| {
            if self.is_met(world, expectation) {
                return false;
            }
            if expectation.until >= now {
                return true;
            }
            let saw = self.explain(world, expectation);
            let unmet = Unmet { line: expectation.line, saw };
            let first = self.unmet.take().unwrap_or_else(|| unmet.clone());
            self.unmet = Some(if unmet.line < first.line { unmet } else { first });
            false
        });
        self.open = open;
    }

    fn is_met<X: Subject, K: Host>(&mut self, world: &World<X, K>, open: &Open) -> bool {
        match &open.expect {
            Expect::Receives { actor, words, order, .. } => {
                let actor_there = world.actor(*actor);
                let end = actor_there.and_then(|actor| find(actor, words, *order, open.from));
                let Some(end) = end else { return false };
                let used = self.used.entry(*actor).or_insert(0);
                *used = (*used).max(end);
                true
            }
            Expect::Drops { actor, because, .. } => self.ended.iter().any(|(at, who, reason)| {
                let reason_fits = because.as_ref().is_none_or(|because| because == reason);
                *at >= open.since && who == actor && reason_fits
            }),
            Expect::Connects { actor, .. } => {
                self.ready.iter().any(|(at, who)| *at >= open.since && who == actor)
            }
            Expect::NeverReceives { .. } | Expect::Keeps { .. } => false,
        }
    }

    fn verdict_at_end<X: Subject, K: Host>(
        &self,
        world: &World<X, K>,
        open: &Open,
    ) -> Option<Unmet> {
        let unmet = |saw| Some(Unmet { line: open.line, saw });
        match &open.expect {
            Expect::NeverReceives { actor, word } => {
                let actor = world.actor(*actor)?;
                let heard = &actor.heard()[open.from..];
                let found = heard.iter().find(|(_, heard)| actor.dialect().matches(word, *heard));
                let (at, heard) = found?;
                unmet(format!("it received {} at {at}", heard.name))
            }
            Expect::Keeps { actor } => {
                let link = world.actor(*actor).map(Actor::link);
                if link == Some(Link::Open) && world.conn_with(*actor).is_some() {
                    return None;
                }
                unmet(self.explain(world, open))
            }
            Expect::Receives { .. } | Expect::Drops { .. } | Expect::Connects { .. } => {
                unmet(self.explain(world, open))
            }
        }
    }

    fn explain<X: Subject, K: Host>(&self, world: &World<X, K>, open: &Open) -> String {
        let id = open.expect.actor();
        let Some(actor) = world.actor(id) else { return format!("{id} does not exist") };
        let heard: Vec<_> =
            actor.heard()[open.from..].iter().take(12).map(|(_, heard)| heard.name).collect();
        let ended = self.ended.iter().rfind(|(_, who, _)| *who == id);
        let ended = ended.map_or_else(
            || "the node has not ended it".to_owned(),
            |(at, _, reason)| format!("the node ended it at {at} because {reason}"),
        );
        format!("{id} is {:?}, heard [{}], {ended}", actor.link(), heard.join(", "))
    }
}

/// Where, in what an actor heard, the words come to an end; `None` if they are not all there.
pub(crate) fn find<D: Dialect, K: PeerHost>(
    actor: &Actor<D, K>,
    words: &[(Word, u32)],
    order: Ordering,
    from: usize,
) -> Option<usize> {
    let matches = |word: &Word, heard: Heard| actor.dialect().matches(word, heard);
    let heard = actor.heard().get(from..)?;
    let mut end = 0;
    let mut position = 0;
    for (word, times) in words {
        let mut left = *times;
        let start = if order == Ordering::InOrder { position } else { 0 };
        for (index, (_, heard)) in heard.iter().enumerate().skip(start) {
            if left > 0 && matches(word, *heard) {
                left -= 1;
                position = index + 1;
                end = end.max(position);
            }
        }
        if left > 0 {
            return None;
        }
    }
    Some(from + end)
}
