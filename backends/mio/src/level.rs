//! Levels out of edges: what is remembered of one socket between its events.
//!
//! mio tells what has changed. A level is set by an event, and cleared by the call that finds it
//! gone: one that would block, or that did less than it was offered. The kernel promises another
//! event after either. What is over stays over.

use mio::event;
use sockman::sockets::{Direction, Interest, Readiness};

/// What was told of a socket, and what to report of it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Level {
    /// What to report.
    pub(crate) interest: Interest,
    /// Whether the socket stands in the queue of those to report.
    pub(crate) queued: bool,
    readable: bool,
    writable: bool,
    /// Reading is over: the peer's FIN, a reset, or our own shutdown.
    read_over: bool,
    /// Writing is over: a reset, or our own shutdown.
    write_over: bool,
    error: bool,
}

impl Level {
    /// Nothing was told yet.
    pub(crate) const fn new(interest: Interest) -> Self {
        Self {
            interest,
            queued: false,
            readable: false,
            writable: false,
            read_over: false,
            write_over: false,
            error: false,
        }
    }

    /// Takes in what an event says.
    pub(crate) fn set(&mut self, event: &event::Event) {
        self.readable |= event.is_readable();
        self.writable |= event.is_writable();
        self.read_over |= event.is_read_closed();
        self.write_over |= event.is_write_closed();
        self.error |= event.is_error();
    }

    /// A read found less than it had room for.
    pub(crate) const fn drained(&mut self) {
        self.readable = false;
    }

    /// A write was taken in part, or not at all.
    pub(crate) const fn filled(&mut self) {
        self.writable = false;
    }

    /// We shut a direction. Not left to the event, which not every system sends.
    pub(crate) const fn shut(&mut self, direction: Direction) {
        self.read_over |= matches!(direction, Direction::Read | Direction::Both);
        self.write_over |= matches!(direction, Direction::Write | Direction::Both);
    }

    /// What to report now.
    pub(crate) const fn visible(&self) -> Readiness {
        let now = Readiness {
            readable: self.readable || self.read_over,
            writable: self.writable || self.write_over,
            error: self.error || (self.read_over && self.write_over),
        };
        now.seen_by(self.interest)
    }

    /// Whether the socket has to be put into the queue; it then counts as being there.
    pub(crate) const fn enqueue(&mut self) -> bool {
        let enters = !self.queued && !self.visible().is_none();
        self.queued |= enters;
        enters
    }
}

/// What to ask mio for. It cannot be asked for errors alone; somebody who is interested in nothing
/// asks for room to send, which changes least while nothing is sent.
pub(crate) const fn asked(interest: Interest) -> mio::Interest {
    match (interest.readable, interest.writable) {
        (true, true) => mio::Interest::READABLE.add(mio::Interest::WRITABLE),
        (true, false) => mio::Interest::READABLE,
        (false, _) => mio::Interest::WRITABLE,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const READABLE: Readiness = Readiness { readable: true, ..Readiness::NONE };

    #[test]
    fn level_is_cleared_by_the_call_that_finds_it_gone() {
        let mut level = Level { readable: true, ..Level::new(Interest::BOTH) };
        assert_eq!(level.visible(), READABLE);
        level.drained();
        assert_eq!(level.visible(), Readiness::NONE);
    }

    #[test]
    fn what_is_over_stays_over() {
        let mut level = Level { readable: true, read_over: true, ..Level::new(Interest::READ) };
        level.drained();
        assert_eq!(level.visible(), READABLE);
        level.shut(Direction::Write);
        level.filled();
        assert!(level.visible().error);
    }

    #[test]
    fn interest_hides_all_but_errors() {
        let mut level = Level { readable: true, writable: true, ..Level::new(Interest::NONE) };
        assert!(!level.enqueue());
        level.error = true;
        assert!(level.enqueue());
        assert!(!level.enqueue(), "it is in the queue already");
    }
}
