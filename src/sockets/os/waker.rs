//! Ending a wait from another thread: a descriptor that the poller watches beside the sockets.
//!
//! On Linux an eventfd, elsewhere a pipe. Both are non-blocking; one that is full has a wake
//! pending, so nothing is lost when a write to it would block.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;

use rustix::io;

use super::super::Wake;

/// Ends waits of one [`OsSockets`](super::OsSockets). Outlives it without harm.
#[derive(Clone, Debug)]
pub struct PollerWaker {
    /// Both ends in one place, so that nobody can write into a pipe without a reader, which would
    /// raise `SIGPIPE`.
    ends: Arc<Ends>,
}

#[derive(Debug)]
struct Ends {
    read: OwnedFd,
    /// `None` if one descriptor is both ends.
    write: Option<OwnedFd>,
}

impl PollerWaker {
    /// A waker with no wake pending.
    pub(super) fn new() -> io::Result<Self> {
        Ok(Self { ends: Arc::new(open()?) })
    }

    /// What to watch for being readable.
    pub(super) fn watched(&self) -> BorrowedFd<'_> {
        self.ends.read.as_fd()
    }

    /// Takes all pending wakes.
    pub(super) fn drain(&self) {
        // An eventfd gives its 8 bytes once; what a pipe may still hold ends one more wait.
        let mut bytes = [0; 1024];
        let _nothing_pending = io::retry_on_intr(|| io::read(&self.ends.read, &mut bytes));
    }
}

impl Wake for PollerWaker {
    fn wake(&self) {
        let end = self.ends.write.as_ref().unwrap_or(&self.ends.read);
        // OK to ignore because the only failure is "would block", which says that it is full of
        // wakes already.
        let _pending_already = io::retry_on_intr(|| io::write(end, &1_u64.to_ne_bytes()));
    }
}

#[cfg(target_os = "linux")]
fn open() -> io::Result<Ends> {
    use rustix::event::{EventfdFlags, eventfd};

    let both = eventfd(0, EventfdFlags::NONBLOCK | EventfdFlags::CLOEXEC)?;
    Ok(Ends { read: both, write: None })
}

#[cfg(any(not(target_os = "linux"), test))]
fn open_pipe() -> io::Result<Ends> {
    let (read, write) = rustix::pipe::pipe()?;
    for end in [&read, &write] {
        io::fcntl_setfd(end, io::FdFlags::CLOEXEC)?;
        io::ioctl_fionbio(end, true)?;
    }
    Ok(Ends { read, write: Some(write) })
}

#[cfg(not(target_os = "linux"))]
use open_pipe as open;

#[cfg(test)]
mod tests {
    use rustix::event::{PollFd, PollFlags, Timespec, poll};

    use super::*;

    fn is_pending(waker: &PollerWaker) -> bool {
        let watched = waker.watched();
        let mut fds = [PollFd::from_borrowed_fd(watched, PollFlags::IN)];
        poll(&mut fds, Some(&Timespec { tv_sec: 0, tv_nsec: 0 })).unwrap() == 1
    }

    fn each_kind() -> [PollerWaker; 2] {
        [open(), open_pipe()].map(|ends| PollerWaker { ends: Arc::new(ends.unwrap()) })
    }

    #[test]
    fn many_wakes_are_drained_as_one() {
        for waker in each_kind() {
            assert!(!is_pending(&waker));
            (0..100).for_each(|_| waker.wake());
            assert!(is_pending(&waker));
            waker.drain();
            assert!(!is_pending(&waker));
            waker.drain();
        }
    }

    #[test]
    fn full_waker_does_not_block() {
        // A pipe holds 65,536 bytes on Linux, eight a wake.
        for waker in each_kind() {
            (0..10_000).for_each(|_| waker.wake());
            assert!(is_pending(&waker));
        }
    }
}
