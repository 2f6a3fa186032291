//! Waiting with epoll, level-triggered. Linux only.
//!
//! The kernel keeps what is watched; a wait costs one call and looks at nothing that is not ready.
//!
//! epoll's timeout counts milliseconds. (`epoll_pwait2` would count nanoseconds, but neither
//! valgrind, which our instruction counts come from, nor a kernel before 5.11 knows it.) So the
//! rest below a millisecond is waited for with `ppoll` on epoll's own descriptor. That is a second
//! call only where nothing happened in the first, or where the timeout is all rest.

use std::fmt;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::Duration;

use rustix::buffer::spare_capacity;
use rustix::event::epoll::{self, EventData, EventFlags};
use rustix::event::{PollFd, PollFlags, poll};
use rustix::io;

use super::super::{Errno, Event, Interest, Readiness, Source, WAIT_EVENTS_MAX};
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
    fn new() -> Result<Self, Errno> {
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        let waker = PollerWaker::new()?;
        epoll::add(&epoll, waker.watched(), EventData::new_u64(WAKER_TOKEN), EventFlags::IN)?;
        // The waker needs a place of its own, so that sockets that are always ready leave it one.
        Ok(Self { epoll, waker, ready: Vec::with_capacity(WAIT_EVENTS_MAX + 1) })
    }

    fn add(&mut self, watched: Watched<'_>) -> Result<(), Errno> {
        let (data, flags) = (data(watched.source), flags(watched.interest));
        Ok(epoll::add(&self.epoll, watched.socket, data, flags)?)
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
    ) -> Result<(), Errno> {
        self.ready.clear();
        let (millis, rest) = split(timeout);
        let only_rest = millis == Some(Duration::ZERO) && !rest.is_zero();
        if !only_rest {
            self.collect(millis)?;
        }
        if self.ready.is_empty() && !rest.is_zero() && self.anything_within(rest)? {
            self.collect(Some(Duration::ZERO))?;
        }
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

impl Epoll {
    /// Asks epoll what is ready, waiting for whole milliseconds at most.
    fn collect(&mut self, timeout: Option<Duration>) -> io::Result<()> {
        let timeout = timeout.map(timespec);
        epoll::wait(&self.epoll, spare_capacity(&mut self.ready), timeout.as_ref())?;
        Ok(())
    }

    /// Waits with the precision of `ppoll`. Whether something is ready.
    fn anything_within(&self, timeout: Duration) -> io::Result<bool> {
        let mut fds = [PollFd::new(&self.epoll, PollFlags::IN)];
        Ok(poll(&mut fds, Some(&timespec(timeout)))? > 0)
    }
}

/// A timeout in whole milliseconds, and the rest.
fn split(timeout: Option<Duration>) -> (Option<Duration>, Duration) {
    let Some(timeout) = timeout else { return (None, Duration::ZERO) };
    if timeout > TIMEOUT_MAX {
        return (Some(TIMEOUT_MAX), Duration::ZERO);
    }
    let rest = Duration::from_nanos(u64::from(timeout.subsec_nanos() % 1_000_000));
    (Some(timeout - rest), rest)
}

/// Longest that epoll waits: 24 days, since it counts milliseconds in an `i32`.
const TIMEOUT_MAX: Duration = Duration::from_millis(i32::MAX.unsigned_abs() as u64);

/// Readable whenever a wait would bring something, so that it can itself be watched by another
/// library: docs/backends.md has the use of it.
impl AsFd for Epoll {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.epoll.as_fd()
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

    #[test]
    fn timeout_is_split_and_nothing_of_it_lost() {
        let (millis, nanos) = (Duration::from_millis, Duration::from_nanos);
        assert_eq!(split(None), (None, Duration::ZERO));
        assert_eq!(split(Some(Duration::ZERO)), (Some(Duration::ZERO), Duration::ZERO));
        assert_eq!(split(Some(nanos(1))), (Some(Duration::ZERO), nanos(1)));
        assert_eq!(split(Some(millis(1500))), (Some(millis(1500)), Duration::ZERO));
        assert_eq!(split(Some(nanos(2_999_999))), (Some(millis(2)), nanos(999_999)));
        assert_eq!(split(Some(Duration::MAX)), (Some(TIMEOUT_MAX), Duration::ZERO));
    }
}
