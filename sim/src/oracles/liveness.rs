//! Liveness: once faults stop, what can go on has gone on.
//!
//! Asked when a world has been left alone for a while, without chance and without faults. For
//! actors that follow the protocol, read, and have a link that works: everything queued has
//! arrived, in both directions, or the connection has ended.

use std::time::Duration;

use super::{Violation, violation};
use crate::actor::{Actor, Link};
use crate::schedule::Manner;
use crate::subject::Subject;
use crate::world::World;
use sockman::sockman::{Slices, Tenant};

const NAME: &str = "liveness";
const RULE: &str = "docs/behaviour.md, connman 7: queues drain when the peer reads";

pub(super) fn check<X: Subject>(world: &World<X>) -> Result<(), Violation> {
    world.actors().iter().filter(|actor| is_lively(world, actor)).try_for_each(|actor| {
        let problem = problem_of(world, actor);
        problem.map_or(Ok(()), |problem| {
            let what = format!("{}: {problem}", actor.id());
            Err(violation(world, NAME, RULE, what))
        })
    })
}

/// What is on the way for longer than this is kept up by the link, not by the node.
const ON_THE_WAY_MAX: Duration = Duration::from_secs(1);

/// Whether nothing outside keeps the connection from going on.
fn is_lively<X: Subject>(world: &World<X>, actor: &Actor<X::Dialect>) -> bool {
    let speaks = matches!(actor.manner(), Manner::Honest | Manner::Chatty);
    let soon = world.now().steady + ON_THE_WAY_MAX;
    let link_is_slow = world.last_due(actor.id()).is_some_and(|at| at > soon);
    speaks && actor.is_reading() && world.is_link_up(actor.id()) && !link_is_slow
}

fn problem_of<X: Subject>(world: &World<X>, actor: &Actor<X::Dialect>) -> Option<String> {
    if actor.link() == Link::Connecting {
        return Some("still connecting".to_owned());
    }
    if actor.link() != Link::Open {
        return None;
    }
    if actor.unsent_bytes() > 0 {
        return Some(format!("{} bytes wait to be taken", actor.unsent_bytes()));
    }
    let sockman = world.machine().sockman();
    let kernel = sockman.sockets().inner();
    let Some(conn) = world.conn_with(actor.id()) else {
        let full = kernel.open_descriptors() >= kernel.config().descriptors_max;
        return (!full).then(|| "connected, and the node has not taken it in".to_owned());
    };
    let unread = kernel.unread_bytes(conn).unwrap_or(0);
    if unread > 0 {
        return Some(format!("{unread} of its bytes wait to be read by the node"));
    }
    let state = sockman.conns().get(conn)?;
    let mut slices = Slices::new();
    let _ = <X::Tenant as Tenant>::gather(state, &mut slices);
    let unsent = slices.byte_count();
    (unsent > 0).then(|| format!("{unsent} bytes for it wait to be sent by the node"))
}
