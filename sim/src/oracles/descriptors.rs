//! Descriptors: each socket opened is closed exactly once, none is used after its close, and at the
//! end none is left. Two counts are kept apart, the socket manager's and the kernel's, and compared
//! after each step.

use super::{Violation, violation};
use crate::faulty::CallResult;
use crate::host::Host;
use crate::subject::Subject;
use crate::world::World;
use sockman::sockets::{AcceptError, ConnError, ConnectError};

const NAME: &str = "descriptors";
const RULE: &str = "docs/behaviour.md, sockets 7: only the upper layer closes, once";

/// Remembers nothing.
#[derive(Clone, Copy, Debug)]
pub(super) struct Descriptors;

impl Descriptors {
    pub(super) fn check<X: Subject, K: Host>(self, world: &World<X, K>) -> Result<(), Violation> {
        let sockman = world.machine().sockman();
        let faulty = sockman.sockets();
        if let Some(call) = faulty.calls().iter().find(|call| is_stale(&call.what)) {
            let what = format!("a call on a socket that is closed: {:?}", call.what);
            return Err(violation(world, NAME, RULE, what));
        }
        let (believed, open) = (sockman.open_count(), faulty.inner().open_descriptors());
        if believed != open {
            let what = format!("the manager believes {believed} sockets open, the kernel {open}");
            return Err(violation(world, NAME, RULE, what));
        }
        Ok(())
    }

    pub(super) fn check_end<X: Subject, K: Host>(
        self,
        world: &World<X, K>,
    ) -> Result<(), Violation> {
        let kernel = world.machine().sockman().sockets().inner();
        let totals = kernel.totals();
        if kernel.open_descriptors() != 0 || totals.opened != totals.closed {
            let open = kernel.open_descriptors();
            let what = format!(
                "after shutdown {open} sockets are open; {} were opened, {} closed",
                totals.opened, totals.closed
            );
            return Err(violation(world, NAME, RULE, what));
        }
        Ok(())
    }
}

fn is_stale(what: &CallResult) -> bool {
    match what {
        CallResult::Accept(result) => *result == Err(AcceptError::Stale),
        CallResult::Status(result) => *result == Err(ConnectError::Stale),
        CallResult::Send(result) => *result == Err(ConnError::Stale),
        CallResult::Recv(result) => *result == Err(ConnError::Stale),
        CallResult::Shutdown(result) => *result == Err(ConnError::Stale),
        CallResult::Close(result)
        | CallResult::CloseListener(result)
        | CallResult::Interest(_, result) => result.is_err(),
        CallResult::TakeError(result) => result.is_err(),
        CallResult::Listen(_) | CallResult::Connect(..) => false,
    }
}
