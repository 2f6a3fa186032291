//! Bounds: every resource stays within a number that follows from the configuration. The table is
//! the subject's own ([`Subject::resources`]); a resource without a number is a defect.

use super::{Violation, violation};
use crate::host::Host;
use crate::subject::{Resource, Subject};
use crate::world::{NODE_DESCRIPTORS_MAX, Step, World};
use sockman::driver::{COMMANDS_MAX, Did};
use sockman::sockets::ConnId;

const NAME: &str = "bounds";
const RULE: &str = "docs/behaviour.md, connman 7: queues and their limits";

/// Most entries of a queue that has one for each socket: with those that were closed while they
/// waited, two for each descriptor.
const QUEUED_MAX: usize = 2 * NODE_DESCRIPTORS_MAX;

/// After a step of the node's: its queue of commands, and the resources of the connection that the
/// step was about.
pub(super) fn check<X: Subject, K: Host>(
    world: &World<X, K>,
    step: &Step,
) -> Result<(), Violation> {
    check_commands(world)?;
    check_queues(world, step)?;
    let conn = match step {
        Step::Node(_, Did::Delivered(event)) => event.conn(),
        Step::Node(_, Did::Executed { conn, .. }) => *conn,
        Step::Node(_, Did::Stepped(_)) => return check_all(world),
        Step::Node(_, Did::Called { .. } | Did::Commanded)
        | Step::Outside
        | Step::Arrived
        | Step::Polled(_)
        | Step::Looked(_)
        | Step::Left
        | Step::Woke
        | Step::Filed
        | Step::Driven(_)
        | Step::Idle(_)
        | Step::Stalled(_) => None,
    };
    conn.map_or(Ok(()), |conn| check_one(world, Some(conn)))
}

/// At rest: the node's own.
pub(super) fn check_whole<X: Subject, K: Host>(world: &World<X, K>) -> Result<(), Violation> {
    check_one(world, None)
}

/// Commands are counted on both sides of the node's door, which bounds itself: none is lost on the
/// way, none handled twice, and no more wait than may.
pub(super) fn check_commands<X: Subject, K: Host>(world: &World<X, K>) -> Result<(), Violation> {
    let (given, door) = (world.commands_waiting(), world.door());
    let (left, held) = (door.left(), world.machine().command_count());
    if given == left + held && door.waiting() == given && given <= COMMANDS_MAX {
        return Ok(());
    }
    let what = format!(
        "{left} commands lie at the door, and {held} in the queue behind it; of those that were \
         taken {given} are unhandled, and the door counts {}, at most {COMMANDS_MAX}",
        door.waiting()
    );
    Err(violation(world, NAME, RULE, what))
}

/// The queues of the node's that no tenant sees.
fn check_queues<X: Subject, K: Host>(world: &World<X, K>, step: &Step) -> Result<(), Violation> {
    let Step::Node(task, _) = step else { return Ok(()) };
    let machine = world.machine();
    let queues = [
        ("the list of ready sockets", machine.sockman().ready_count()),
        ("the actions that a task has asked for", machine.pending_count(*task)),
    ];
    match queues.into_iter().find(|(_, used)| *used > QUEUED_MAX) {
        None => Ok(()),
        Some((name, used)) => {
            let what = format!(
                "{name}: {used}, at most {QUEUED_MAX} (two for each descriptor: one that is open, \
                 and one that was closed while it waited)"
            );
            Err(violation(world, NAME, RULE, what))
        }
    }
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
