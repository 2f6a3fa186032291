//! Waiting with epoll, level-triggered. Linux only.
//!
//! The kernel keeps what is watched; a wait costs one call and looks at nothing that is not ready.
//! Needs Linux 5.11 for `epoll_pwait2`, whose timeout counts nanoseconds.

use std::fmt;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::time::Duration;

use rustix::buffer::spare_capacity;
use rustix::event::epoll::{self, EventData, EventFlags};
use rustix::io;

use super::super::{Event, Interest, Readiness, Source, WAIT_EVENTS_MAX};
use super::{Poller, PollerWaker, Watched, timespec};

/// Stands for the waker where a source's token would. [`Source::token`] never gives it.
const WAKER_TOKEN: u64 = u64::MAX;

/// Waits with epoll.
pub struct Epoll {
    epoll: OwnedFd,
    waker: PollerWaker,
    /// What the kernel said of the last wait; kept for its memory.
    ready: Vec<epoll::Event>,
}

impl Poller for Epoll {
    fn new() -> io::Result<Self> {
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        let waker = PollerWaker::new()?;
        epoll::add(&epoll, waker.watched(), EventData::new_u64(WAKER_TOKEN), EventFlags::IN)?;
        // The waker needs a place of its own, so that sockets that are always ready leave it one.
        Ok(Self { epoll, waker, ready: Vec::with_capacity(WAIT_EVENTS_MAX + 1) })
    }

    fn add(&mut self, watched: Watched<'_>) -> io::Result<()> {
        epoll::add(&self.epoll, watched.socket, data(watched.source), flags(watched.interest))
    }

    fn modify(&mut self, watched: Watched<'_>) {
        epoll::modify(&self.epoll, watched.socket, data(watched.source), flags(watched.interest))
            .expect("the socket is open and was added; a change needs no memory");
    }

    fn remove(&mut self, socket: BorrowedFd<'_>) {
        // Not left to close: a child between fork and exec would keep the registration alive, and
        // its events would spin this loop.
        epoll::delete(&self.epoll, socket).expect("the socket is open and was added");
    }

    fn wait<'a>(
        &mut self,
        timeout: Option<Duration>,
        _watched: impl Iterator<Item = Watched<'a>>,
        events: &mut Vec<Event>,
    ) -> io::Result<()> {
        self.ready.clear();
        let timeout = timeout.map(timespec);
        epoll::wait(&self.epoll, spare_capacity(&mut self.ready), timeout.as_ref())?;
        for &epoll::Event { flags, data, .. } in &self.ready {
            match data.u64() {
                WAKER_TOKEN => self.waker.drain(),
                token if events.len() < WAIT_EVENTS_MAX => events
                    .push(Event { source: Source::from_token(token), readiness: readiness(flags) }),
                _later => {}
            }
        }
        Ok(())
    }

    fn waker(&self) -> &PollerWaker {
        &self.waker
    }
}

impl fmt::Debug for Epoll {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Epoll").field("epoll", &self.epoll).finish_non_exhaustive()
    }
}

fn data(source: Source) -> EventData {
    EventData::new_u64(source.token())
}

/// What to ask for. The kernel adds `ERR` and `HUP`, which cannot be masked.
fn flags(interest: Interest) -> EventFlags {
    let mut flags = EventFlags::empty();
    flags.set(EventFlags::IN, interest.readable);
    flags.set(EventFlags::OUT, interest.writable);
    flags
}

fn readiness(flags: EventFlags) -> Readiness {
    Readiness {
        readable: flags.contains(EventFlags::IN),
        writable: flags.contains(EventFlags::OUT),
        error: flags.intersects(EventFlags::ERR | EventFlags::HUP),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hang_up_and_error_are_errors_and_nothing_else() {
        for bit in [EventFlags::ERR, EventFlags::HUP, EventFlags::ERR | EventFlags::HUP] {
            assert_eq!(readiness(bit), Readiness { error: true, ..Readiness::NONE });
        }
        assert_eq!(readiness(EventFlags::IN).seen_by(Interest::READ), readiness(EventFlags::IN));
        assert_eq!(readiness(EventFlags::RDHUP), Readiness::NONE);
    }

    #[test]
    fn interest_asks_for_its_bits_only() {
        assert_eq!(flags(Interest::NONE), EventFlags::empty());
        assert_eq!(flags(Interest::READ), EventFlags::IN);
        assert_eq!(flags(Interest::WRITE), EventFlags::OUT);
        assert_eq!(flags(Interest::BOTH), EventFlags::IN | EventFlags::OUT);
    }
}
