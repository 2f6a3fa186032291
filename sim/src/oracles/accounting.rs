//! Accounting: the tenant's totals equal what its kernel took and gave, on live connections and on
//! closed ones, and never run backwards. What is read and dropped behind our FIN is not the
//! tenant's.

use std::collections::BTreeSet;

use super::{Violation, violation};
use crate::faulty::CallResult;
use crate::host::Host;
use crate::subject::{ByteTotals, Subject};
use crate::world::World;
use sockman::sockets::{ConnId, Received, Sent};

const NAME: &str = "accounting";
const RULE: &str = "docs/behaviour.md, connman 12: totals of bytes sent and received";

/// What passed the seam so far.
#[derive(Clone, Debug, Default)]
pub(super) struct Accounting {
    passed: ByteTotals,
    /// Whose bytes are dropped.
    finishing: BTreeSet<ConnId>,
    /// What the tenant told last.
    told: ByteTotals,
}

impl Accounting {
    pub(super) fn note<X: Subject, K: Host>(&mut self, world: &World<X, K>) {
        for call in world.machine().sockman().sockets().calls() {
            let is_dropped = call.conn.is_some_and(|conn| self.finishing.contains(&conn));
            match call.what {
                CallResult::Send(Ok(Sent::Bytes(count))) => self.passed.sent += count as u64,
                CallResult::Recv(Ok(Received::Bytes(count))) if !is_dropped => {
                    self.passed.received += count as u64;
                }
                CallResult::Shutdown(_) => self.finishing.extend(call.conn),
                CallResult::Close(_) => {
                    call.conn.map(|conn| self.finishing.remove(&conn));
                }
                CallResult::Listen(_)
                | CallResult::Accept(_)
                | CallResult::Connect(..)
                | CallResult::Status(_)
                | CallResult::Send(_)
                | CallResult::Recv(_)
                | CallResult::CloseListener(_)
                | CallResult::Interest(..)
                | CallResult::TakeError(_) => {}
            }
        }
    }

    /// At rest: what was read has been delivered, so that both counts must agree.
    pub(super) fn check<X: Subject, K: Host>(
        &mut self,
        world: &World<X, K>,
    ) -> Result<(), Violation> {
        let machine = world.machine();
        let Some(told) = X::totals(machine.tenant(), machine.sockman().conns()) else {
            return Ok(());
        };
        let before = std::mem::replace(&mut self.told, told);
        if told.received < before.received || told.sent < before.sent {
            let what = format!("the tenant's totals ran back from {before:?} to {told:?}");
            return Err(violation(world, NAME, RULE, what));
        }
        if told == self.passed {
            return Ok(());
        }
        let what = format!("the tenant counts {told:?}, at the seam passed {:?}", self.passed);
        Err(violation(world, NAME, RULE, what))
    }
}
