//! Waiting with `poll(2)`. Works on every Unix.
//!
//! The kernel keeps nothing: each wait builds the array anew from the sockets that are open, which
//! costs time in proportion to their number. Where the system has `ppoll`, the timeout counts
//! nanoseconds.

use std::os::fd::BorrowedFd;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, poll};

use super::super::{Errno, Event, Interest, Readiness, Source, WAIT_EVENTS_MAX};
use super::{Poller, PollerWaker, Watched, timespec};

/// Waits with `poll(2)`.
#[derive(Debug)]
pub struct Poll {
    waker: PollerWaker,
    /// Whose descriptor stands at which place of the array; kept for its memory.
    sources: Vec<Source>,
    /// Where in the array to begin looking: after the socket reported last, if the last wait
    /// reported as many as it may. Otherwise those at the end of the array would starve.
    first: usize,
}

impl Poller for Poll {
    fn new() -> Result<Self, Errno> {
        Ok(Self { waker: PollerWaker::new()?, sources: Vec::new(), first: 0 })
    }

    fn add(&mut self, _: Watched<'_>) -> Result<(), Errno> {
        Ok(())
    }

    fn modify(&mut self, _: Watched<'_>) {}

    fn remove(&mut self, _: BorrowedFd<'_>) {}

    fn wait<'a>(
        &mut self,
        timeout: Option<Duration>,
        watched: impl Iterator<Item = Watched<'a>>,
        events: &mut Vec<Event>,
    ) -> Result<(), Errno> {
        self.sources.clear();
        let mut fds = Vec::with_capacity(self.sources.capacity() + 1);
        fds.push(PollFd::from_borrowed_fd(self.waker.watched(), PollFlags::IN));
        for Watched { socket, source, interest } in watched {
            self.sources.push(source);
            fds.push(PollFd::from_borrowed_fd(socket, flags(interest)));
        }
        let timeout = timeout.map(timespec);
        if poll(&mut fds, timeout.as_ref())? == 0 {
            return Ok(());
        }
        if !fds[0].revents().is_empty() {
            self.waker.drain();
        }
        self.first = report(&self.sources, &fds[1..], self.first, events);
        Ok(())
    }

    fn waker(&self) -> &PollerWaker {
        &self.waker
    }
}

/// Reports what is ready, in the order of the array, from `first` on and around. Says where the
/// next report begins.
fn report(sources: &[Source], fds: &[PollFd<'_>], first: usize, events: &mut Vec<Event>) -> usize {
    assert_eq!(sources.len(), fds.len(), "one source a descriptor");
    let first = if first < fds.len() { first } else { 0 };
    for place in (first..fds.len()).chain(0..first) {
        let readiness = readiness(fds[place].revents());
        if readiness.is_none() {
            continue;
        }
        if events.len() == WAIT_EVENTS_MAX {
            return place;
        }
        events.push(Event { source: sources[place], readiness });
    }
    0
}

/// What to ask for. The kernel adds `ERR` and `HUP`, which cannot be masked.
fn flags(interest: Interest) -> PollFlags {
    let mut flags = PollFlags::empty();
    flags.set(PollFlags::IN, interest.readable);
    flags.set(PollFlags::OUT, interest.writable);
    flags
}

fn readiness(flags: PollFlags) -> Readiness {
    assert!(!flags.contains(PollFlags::NVAL), "every descriptor in the array is open");
    Readiness {
        readable: flags.contains(PollFlags::IN),
        writable: flags.contains(PollFlags::OUT),
        error: flags.intersects(PollFlags::ERR | PollFlags::HUP),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hang_up_and_error_are_errors_and_nothing_else() {
        for bit in [PollFlags::ERR, PollFlags::HUP, PollFlags::ERR | PollFlags::HUP] {
            assert_eq!(readiness(bit), Readiness { error: true, ..Readiness::NONE });
        }
    }

    #[test]
    fn interest_asks_for_its_bits_only() {
        assert_eq!(flags(Interest::NONE), PollFlags::empty());
        assert_eq!(flags(Interest::READ), PollFlags::IN);
        assert_eq!(flags(Interest::WRITE), PollFlags::OUT);
        assert_eq!(flags(Interest::BOTH), PollFlags::IN | PollFlags::OUT);
    }
}
