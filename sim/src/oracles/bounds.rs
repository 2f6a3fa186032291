//! Bounds: every resource stays within a number that follows from the configuration. The table is
//! the subject's own ([`Subject::resources`]); a resource without a number is a defect.

use super::{Violation, violation};
use crate::host::Host;
use crate::subject::{Resource, Subject};
use crate::world::{Step, World};
use sockman::driver::Did;
use sockman::sockets::ConnId;

const NAME: &str = "bounds";
const RULE: &str = "docs/behaviour.md, connman 7: queues and their limits";

/// After a step of the node's: its queue of commands, and the resources of the connection that the
/// step was about.
pub(super) fn check<X: Subject, K: Host>(
    world: &World<X, K>,
    step: &Step,
) -> Result<(), Violation> {
    check_commands(world)?;
    let conn = match step {
        Step::Node(_, Did::Delivered(event)) => event.conn(),
        Step::Node(_, Did::Executed { conn, .. }) => *conn,
        Step::Node(_, Did::Stepped(_)) => return check_all(world),
        Step::Node(_, Did::Called { .. } | Did::Commanded)
        | Step::Outside
        | Step::Arrived
        | Step::Polled(_)
        | Step::Looked(_)
        | Step::Idle(_) => None,
    };
    conn.map_or(Ok(()), |conn| check_one(world, Some(conn)))
}

/// At rest: the node's own.
pub(super) fn check_whole<X: Subject, K: Host>(world: &World<X, K>) -> Result<(), Violation> {
    check_one(world, None)
}

/// Commands are counted on both sides of their queue, which bounds itself: none is lost on the way,
/// and none handled twice.
fn check_commands<X: Subject, K: Host>(world: &World<X, K>) -> Result<(), Violation> {
    let (given, held) = (world.commands_waiting(), world.machine().command_count());
    if given == held {
        return Ok(());
    }
    let what = format!("the queue holds {held} commands, of those it took {given} are unhandled");
    Err(violation(world, NAME, RULE, what))
}

/// A task of the tenant's may have touched any connection.
fn check_all<X: Subject, K: Host>(world: &World<X, K>) -> Result<(), Violation> {
    world.machine().sockman().conns().iter().try_for_each(|(conn, _)| check_one(world, Some(conn)))
}

fn check_one<X: Subject, K: Host>(
    world: &World<X, K>,
    conn: Option<ConnId>,
) -> Result<(), Violation> {
    let machine = world.machine();
    let mut exceeded: Option<Resource> = None;
    X::resources(machine.tenant(), machine.sockman().conns(), conn, |resource| {
        if resource.used > resource.limit {
            exceeded.get_or_insert(resource);
        }
    });
    let Some(Resource { name, used, limit, derivation }) = exceeded else { return Ok(()) };
    let actor = conn.and_then(|conn| machine.sockman().sockets().actor(conn));
    let of = actor.map_or_else(String::new, |actor| format!(" of {actor}"));
    let what = format!("{name}{of}: {used}, at most {limit} ({derivation})");
    Err(violation(world, NAME, RULE, what))
}
