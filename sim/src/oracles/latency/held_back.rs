//! Who says that more bytes follow says them: until then the kernel may hold back those it has
//! taken, for 0.2 s on Linux.

use sockman::sockets::{ConnId, More, Sent};

use super::{NAME, RULE_MORE};
use crate::faulty::{CallRecord, CallResult};
use crate::host::Host;
use crate::oracles::{Violation, violation};
use crate::subject::Subject;
use crate::world::World;

/// Connections whose last bytes went with the word that more follow.
#[derive(Clone, Debug, Default)]
pub(super) struct HeldBack(Vec<ConnId>);

impl HeldBack {
    pub(super) fn hear(&mut self, calls: &[CallRecord]) {
        for call in calls {
            let Some(conn) = call.conn else { continue };
            let has_sent = matches!(call.what, CallResult::Send(Ok(Sent::Bytes(1..))));
            let ends =
                matches!(call.what, CallResult::Shutdown(Ok(())) | CallResult::Close(Ok(())));
            if has_sent || ends {
                self.0.retain(|held| *held != conn);
            }
            if has_sent && call.more == More::Yes {
                self.0.push(conn);
            }
        }
    }

    /// The node waits: what is to follow can only be what its kernel had no room for.
    pub(super) fn check<X: Subject, K: Host>(&self, world: &World<X, K>) -> Result<(), Violation> {
        let sockman = world.machine().sockman();
        let state = |conn: ConnId| sockman.conns().get(conn);
        let is_held = |conn: &&ConnId| state(**conn).is_some_and(|state| !X::has_unsent(state));
        let Some(conn) = self.0.iter().find(is_held) else { return Ok(()) };
        let who = sockman.sockets().actor(*conn);
        let who = who.map_or_else(|| conn.to_string(), |actor| actor.to_string());
        let what =
            format!("{who} was sent bytes behind which more were to follow, and none are left");
        Err(violation(world, NAME, RULE_MORE, what))
    }
}
