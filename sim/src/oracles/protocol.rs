//! Protocol: everything that the node says is of the language, and said when it may be.
//!
//! The actors listen: their dialects read every byte, and know what may follow what. Where there
//! are none, the node's host does.

use super::{Violation, violation};
use crate::actor::Saw;
use crate::host::Host;
use crate::subject::Subject;
use crate::world::World;

const NAME: &str = "protocol";
const RULE: &str = "docs/behaviour.md, handshake 4: what is sent in which state";

pub(super) fn check<X: Subject, K: Host>(world: &World<X, K>) -> Result<(), Violation> {
    for (actor, saw) in world.saw() {
        if let Saw::Garbled(garbled) = saw {
            let what = format!("{actor} heard {} at byte {}", garbled.problem, garbled.offset);
            return Err(violation(world, NAME, RULE, what));
        }
    }
    let host = world.machine().sockman().sockets().inner();
    if let Some((conn, garbled)) = host.garbled() {
        let what = format!("{conn} heard {} at byte {}", garbled.problem, garbled.offset);
        return Err(violation(world, NAME, RULE, what));
    }
    Ok(())
}
