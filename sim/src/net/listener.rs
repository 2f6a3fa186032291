//! A listening socket: who waits, and how many may.

use std::collections::VecDeque;

use sockman::sockets::{ConnId, Endpoint, Interest, Readiness};

/// A listening socket. Its children live in the kernel's table; it knows them by id.
#[derive(Clone, Debug)]
pub(super) struct Listener {
    pub(super) at: Endpoint,
    pub(super) interest: Interest,
    /// In the order in which their SYNs came.
    pub(super) queue: VecDeque<ConnId>,
}

impl Listener {
    pub(super) const fn new(at: Endpoint) -> Self {
        Self { at, interest: Interest::READ, queue: VecDeque::new() }
    }

    /// docs/behaviour.md, TCP 2.3: a backlog of `b` lets `b` + 1 in.
    pub(super) fn is_full(&self, backlog: usize) -> bool {
        self.queue.len() > backlog
    }

    /// docs/behaviour.md, TCP 1.2: readable while somebody waits, and never anything else.
    pub(super) fn readiness(&self) -> Readiness {
        Readiness { readable: !self.queue.is_empty(), writable: false, error: false }
    }
}
