//! Liveness: once faults stop, what can go on has gone on.
//!
//! Asked when a world has been left alone for a while, without chance and without faults. For
//! actors that follow the protocol, read, and have a link that works: everything queued has
//! arrived, in both directions, and the handshake is complete, or the connection has ended. For
//! what reason it may end, and whom a newcomer finds at the door, is the subject's own.

use std::collections::BTreeSet;
use std::time::Duration;

use super::{Violation, violation};
use crate::actor::{Actor, Dialled, Link, Way};
use crate::faulty::{CallRecord, CallResult};
use crate::host::Host;
use crate::schedule::{ActorId, Manner};
use crate::subject::{Fact, Subject};
use crate::world::World;
use sockman::sockets::{AcceptError, ConnId, Received, Sent};
use sockman::sockman::{ConnView, Initiator, Phase, Slices, Tenant};
use sockman::time::Instant;

const NAME: &str = "liveness";
const RULE: &str = "docs/behaviour.md, connman 7: queues drain when the peer reads";

/// How long a connection on which something waits may stand still, beside a round trip of its link:
/// more than a peer waits before its next move.
const STANDSTILL_MAX: Duration = Duration::from_secs(2);

/// How long an acceptor rests at most that was told that there are no descriptors
/// (docs/behaviour.md, sockets 4).
const ACCEPT_REST_MAX: Duration = Duration::from_secs(1);

/// When bytes last passed, for each actor: into it or into the node's kernel for it, and from it
/// into the node; at first, when its connection came up.
#[derive(Clone, Debug, Default)]
pub(super) struct Liveness {
    into_actor: Passed,
    into_node: Passed,
    /// Whose handshake is complete.
    ready: BTreeSet<ConnId>,
    /// Whether the node has all the descriptors that it may have, and until when it had, or was
    /// told so.
    is_short: bool,
    short_until: Instant,
}

/// By number of the actor; the start of the clock where nothing has passed.
#[derive(Clone, Debug, Default)]
struct Passed(Vec<Instant>);

impl Passed {
    fn note(&mut self, actor: ActorId, at: Instant) {
        let place = usize::from(actor.0);
        if place >= self.0.len() {
            self.0.resize(place + 1, Instant::START);
        }
        self.0[place] = at;
    }

    fn last(&self, actor: ActorId) -> Instant {
        self.0.get(usize::from(actor.0)).copied().unwrap_or(Instant::START)
    }
}

impl Liveness {
    /// The node's process has ended: its ids mean nothing any more.
    pub(super) fn forget_node(&mut self) {
        self.ready.clear();
    }

    pub(super) fn note<X: Subject, K: Host>(&mut self, world: &World<X, K>) {
        let now = world.now().steady;
        let faulty = world.machine().sockman().sockets();
        for fact in world.notices().iter().filter_map(X::fact) {
            match fact {
                Fact::Ready(conn) => {
                    self.ready.insert(conn);
                }
                Fact::Down(conn, _) => {
                    self.ready.remove(&conn);
                }
                // Nothing has waited for longer.
                Fact::Up(conn) => {
                    if let Some(actor) = faulty.actor(conn) {
                        self.into_actor.note(actor, now);
                        self.into_node.note(actor, now);
                    }
                }
            }
        }
        let is_short = has_no_descriptor(world);
        let told_so = |call: &CallRecord| {
            matches!(call.what, CallResult::Accept(Err(AcceptError::OutOfDescriptors(_))))
        };
        if is_short || self.is_short || faulty.calls().iter().any(told_so) {
            self.short_until = now;
        }
        self.is_short = is_short;
        for moved in world.moved() {
            if moved.way == Way::Read {
                self.into_actor.note(moved.actor, now);
            }
        }
        for call in faulty.calls() {
            let Some(actor) = call.conn.and_then(|conn| faulty.actor(conn)) else { continue };
            if matches!(call.what, CallResult::Recv(Ok(Received::Bytes(_)))) {
                self.into_node.note(actor, now);
            }
            // On their way, which takes a round trip until there is room again.
            if matches!(call.what, CallResult::Send(Ok(Sent::Bytes(1..)))) {
                self.into_actor.note(actor, now);
            }
        }
    }

    /// What waits on a connection that goes on is on its way: a narrow one takes its time.
    pub(super) fn check<X: Subject, K: Host>(&self, world: &World<X, K>) -> Result<(), Violation> {
        let now = world.now().steady;
        if world.machine().sockman().sockets().has_faults_left() {
            return Ok(());
        }
        world.actors().iter().filter(|actor| is_lively(world, actor)).try_for_each(|actor| {
            let unready = || self.unready_problem(world, actor);
            let Some((waits, problem)) = problem_of(world, actor).or_else(unready) else {
                return Ok(());
            };
            let into_node = self.into_node.last(actor.id());
            let into_actor = self.into_actor.last(actor.id());
            let since = match waits {
                // A node that does not read until its answers are taken goes on while they are.
                Waits::ForNode if is_paused(world, actor) => into_node.max(into_actor),
                Waits::ForNode => into_node,
                Waits::ForActor => into_actor,
                Waits::Between => into_node.max(into_actor),
            };
            let rested = self.short_until + ACCEPT_REST_MAX;
            let is_let_in = conn_of(world, actor).is_some();
            let since = if is_let_in { since } else { since.max(rested) };
            if since + world.round_trip(actor.id()) + STANDSTILL_MAX >= now {
                return Ok(());
            }
            let what = format!("{}: {problem}", actor.id());
            Err(Violation { since, ..violation(world, NAME, RULE, what) })
        })
    }
}

impl Liveness {
    /// Who has done nothing but follow the protocol has shaken hands.
    fn unready_problem<X: Subject, K: Host>(
        &self,
        world: &World<X, K>,
        actor: &Actor<X::Dialect, K::Peer>,
    ) -> Option<(Waits, String)> {
        if !X::SHAKES_HANDS || !actor.is_proper() || actor.link() != Link::Open {
            return None;
        }
        let open = conn_of(world, actor).filter(|view| view.phase == Phase::Open)?;
        let unready = !self.ready.contains(&open.conn);
        unready.then(|| (Waits::Between, "its handshake is not complete".to_owned()))
    }
}

/// Who has to take what waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Waits {
    ForNode,
    ForActor,
    /// Neither alone.
    Between,
}

/// What is on the way for longer than this is kept up by the link, not by the node. On a narrow
/// link that holds for all that is on the way.
const ON_THE_WAY_MAX: Duration = Duration::from_secs(1);

/// Whether nothing outside keeps the connection from going on.
fn is_lively<X: Subject, K: Host>(world: &World<X, K>, actor: &Actor<X::Dialect, K::Peer>) -> bool {
    let speaks = matches!(actor.manner(), Manner::Honest | Manner::Chatty);
    let most = if world.is_link_narrow(actor.id()) { Duration::ZERO } else { ON_THE_WAY_MAX };
    let soon = world.now().steady + most;
    let link_is_slow = world.last_due(actor.id()).is_some_and(|at| at > soon);
    speaks && actor.is_reading() && world.is_link_up(actor.id()) && !link_is_slow
}

/// The node's end of an actor's present connection. It may have others with the same actor, of
/// which that one knows nothing any more.
fn conn_of<'a, X: Subject, K: Host>(
    world: &'a World<X, K>,
    actor: &Actor<X::Dialect, K::Peer>,
) -> Option<ConnView<'a, <X::Tenant as Tenant>::Conn>> {
    let sockman = world.machine().sockman();
    let faulty = sockman.sockets();
    sockman.views().find(|view| {
        let by_actor = view.initiator == Initiator::Peer;
        let number = faulty.inner().connection_number(view.conn);
        let dialled = number.map(|number| Dialled { by_actor, number });
        faulty.actor(view.conn) == Some(actor.id()) && dialled == Ok(actor.dialled())
    })
}

/// Whether the node does not read from an actor at present.
fn is_paused<X: Subject, K: Host>(world: &World<X, K>, actor: &Actor<X::Dialect, K::Peer>) -> bool {
    conn_of(world, actor).is_some_and(|view| view.receive_paused)
}

/// Whether the node cannot take anybody in.
fn has_no_descriptor<X: Subject, K: Host>(world: &World<X, K>) -> bool {
    let kernel = world.machine().sockman().sockets().inner();
    kernel.open_descriptors() >= kernel.descriptors_max()
}

fn problem_of<X: Subject, K: Host>(
    world: &World<X, K>,
    actor: &Actor<X::Dialect, K::Peer>,
) -> Option<(Waits, String)> {
    if actor.link() == Link::Connecting {
        // Whoever is not in a queue waits for its own kernel, which tries again in its time.
        let waits = world.machine().sockman().sockets().inner().unaccepted_count() > 0;
        return (waits && !has_no_descriptor(world))
            .then(|| (Waits::ForNode, "still connecting".to_owned()));
    }
    if actor.link() != Link::Open {
        return None;
    }
    let kernel = world.machine().sockman().sockets().inner();
    let Some(view) = conn_of(world, actor) else {
        // Of a connection that the node has ended it may not have heard, if the link was silent.
        let waits = kernel.unaccepted_count() > 0 && !has_no_descriptor(world);
        let problem = "connected, and the node has not taken it in".to_owned();
        return waits.then_some((Waits::ForNode, problem));
    };
    if view.receive_paused && view.state.is_some_and(X::is_at_work) {
        return None;
    }
    if actor.unsent_bytes() > 0 {
        let problem = format!("{} bytes wait to be taken", actor.unsent_bytes());
        return Some((Waits::ForNode, problem));
    }
    let unread = kernel.unread_bytes(view.conn).unwrap_or(0);
    if unread > 0 {
        let problem = format!("{unread} of its bytes wait to be read by the node");
        return Some((Waits::ForNode, problem));
    }
    let mut slices = Slices::new();
    let _ = <X::Tenant as Tenant>::gather(view.state?, &mut slices);
    let unsent = slices.byte_count();
    let problem = || format!("{unsent} bytes for it wait to be sent by the node");
    (unsent > 0).then(|| (Waits::ForActor, problem()))
}
