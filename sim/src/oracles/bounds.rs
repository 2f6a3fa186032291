//! Bounds: every resource stays within a number that follows from the configuration. The table is
//! the subject's own ([`Subject::resources`]); a resource without a number is a defect.

use super::{Violation, violation};
use crate::subject::{Resource, Subject};
use crate::world::{Step, World};
use sockman::driver::{COMMANDS_MAX, Did};
use sockman::sockets::ConnId;

const NAME: &str = "bounds";
const RULE: &str = "docs/behaviour.md, connman 7: queues and their limits";

/// After a step that was about one connection: that connection's resources.
pub(super) fn check<X: Subject>(world: &World<X>, step: &Step) -> Result<(), Violation> {
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
pub(super) fn check_whole<X: Subject>(world: &World<X>) -> Result<(), Violation> {
    let commands = world.machine().command_count();
    if commands > COMMANDS_MAX {
        let what = format!("{commands} commands wait, at most {COMMANDS_MAX} may");
        return Err(violation(world, NAME, RULE, what));
    }
    check_one(world, None)
}

/// A task of the tenant's may have touched any connection.
fn check_all<X: Subject>(world: &World<X>) -> Result<(), Violation> {
    world.machine().sockman().conns().iter().try_for_each(|(conn, _)| check_one(world, Some(conn)))
}

fn check_one<X: Subject>(world: &World<X>, conn: Option<ConnId>) -> Result<(), Violation> {
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
