//! A way to wait, out of a library that watches for readiness.
//!
//! Two things are asked of a backend that libuv, libevent and libev have not. None of them can be
//! asked for errors alone, so that a reader who is paused would hear of a FIN over and over, or of
//! a reset never. And what wakes them from another thread must be gone before they are, where a
//! [`Wake`](sockman::sockets::Wake) may outlive its backend. Both stand aside, in an [`Epoll`]: it
//! has every socket, without interest, and a waker. The library watches its descriptor as one more
//! socket, and it is asked when the library says so.

use std::fmt;
use std::iter;
use std::os::fd::{AsFd as _, BorrowedFd};
use std::time::Duration;

use sockman::sockets::{
    Epoll, Errno, Event, Interest, Poller, PollerWaker, Readiness, Source, WAIT_EVENTS_MAX, Watched,
};

use super::Deadline;

/// Stands for the epoll aside where a source's token would. [`Source::token`] never gives it.
const ASIDE: u64 = u64::MAX;

/// What a library tells of a descriptor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Told {
    /// The number that the descriptor was added with.
    pub token: u64,
    /// Whether it is readable or writable, of what was asked. An error is both.
    pub readiness: Readiness,
}

/// A library that watches descriptors, level-triggered.
///
/// Between `add` and `remove` a descriptor is open, and the interest in it is that of the last
/// `add` or `modify`. With no interest it is not watched at all.
pub trait Library: Sized {
    /// One that watches nothing.
    ///
    /// # Errors
    ///
    /// The system has no descriptor or no memory left.
    fn new() -> Result<Self, Errno>;

    /// Begins to watch a descriptor, which is told of by its token.
    ///
    /// # Errors
    ///
    /// The system has no memory left for it; it is not watched.
    fn add(&mut self, socket: BorrowedFd<'_>, token: u64, interest: Interest) -> Result<(), Errno>;

    /// Changes the interest in a descriptor.
    fn modify(&mut self, socket: BorrowedFd<'_>, interest: Interest);

    /// Stops watching a descriptor, which is about to close.
    fn remove(&mut self, socket: BorrowedFd<'_>);

    /// Waits until something is ready, or for `timeout`, and adds what is ready to `told`. Zero
    /// looks and returns, `None` waits without end. May end too early with nothing: it is then
    /// called again.
    ///
    /// # Errors
    ///
    /// What the system said.
    fn run(&mut self, timeout: Option<Duration>, told: &mut Vec<Told>) -> Result<(), Errno>;
}

/// A way to wait over a library.
pub struct Over<L> {
    /// Before `aside`, so that it is gone when the descriptor closes that it watches.
    library: L,
    /// Tells errors, and wakes.
    aside: Epoll,
    /// What the library told of the last wait; kept for its memory, as is `errors`.
    told: Vec<Told>,
    errors: Vec<Event>,
    /// The socket reported last, if more were ready than a wait may report. The next report begins
    /// behind it, because otherwise those at the end would starve.
    last: Option<Source>,
}

impl<L: Library> Poller for Over<L> {
    fn new() -> Result<Self, Errno> {
        let aside = Epoll::new()?;
        let mut library = L::new()?;
        library.add(aside.as_fd(), ASIDE, Interest::READ)?;
        Ok(Self { library, aside, told: Vec::new(), errors: Vec::new(), last: None })
    }

    fn add(&mut self, watched: Watched<'_>) -> Result<(), Errno> {
        let Watched { socket, source, interest } = watched;
        self.aside.add(Watched { interest: Interest::NONE, ..watched })?;
        let added = self.library.add(socket, source.token(), interest);
        added.inspect_err(|_| self.aside.remove(socket))
    }

    fn modify(&mut self, watched: Watched<'_>) {
        self.library.modify(watched.socket, watched.interest);
    }

    fn remove(&mut self, socket: BorrowedFd<'_>) {
        self.library.remove(socket);
        self.aside.remove(socket);
    }

    fn wait<'a>(
        &mut self,
        timeout: Option<Duration>,
        _watched: impl Iterator<Item = Watched<'a>>,
        events: &mut Vec<Event>,
    ) -> Result<(), Errno> {
        self.told.clear();
        let deadline = Deadline::after(timeout);
        loop {
            let left = deadline.left();
            self.library.run(left, &mut self.told)?;
            if !self.told.is_empty() || left == Some(Duration::ZERO) {
                return self.report(events);
            }
        }
    }

    fn waker(&self) -> &PollerWaker {
        self.aside.waker()
    }
}

impl<L: Library> Over<L> {
    /// Reports what was told, and errors if there are any.
    fn report(&mut self, events: &mut Vec<Event>) -> Result<(), Errno> {
        let mut is_aside_ready = false;
        for Told { token, readiness } in self.told.drain(..) {
            if token == ASIDE {
                is_aside_ready = true;
            } else {
                events.push(Event { source: Source::from_token(token), readiness });
            }
        }
        if is_aside_ready {
            self.aside.wait(Some(Duration::ZERO), iter::empty(), &mut self.errors)?;
            events.append(&mut self.errors);
        }
        one_each(events);
        self.last = take_turns(events, self.last);
        Ok(())
    }
}

impl<L: fmt::Debug> fmt::Debug for Over<L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { library, aside, .. } = self;
        f.debug_struct("Over")
            .field("library", library)
            .field("aside", aside)
            .finish_non_exhaustive()
    }
}

/// Makes of all events of a source one, in the order of sources.
fn one_each(events: &mut Vec<Event>) {
    events.sort_unstable_by_key(|event| event.source);
    events.dedup_by(|later, earlier| {
        let is_same = later.source == earlier.source;
        if is_same {
            earlier.readiness = earlier.readiness.or(later.readiness);
        }
        is_same
    });
}

/// Leaves as many events as a wait may report, from the first behind `last` on and around. Says who
/// was last.
fn take_turns(events: &mut Vec<Event>, last: Option<Source>) -> Option<Source> {
    if events.len() <= WAIT_EVENTS_MAX {
        return None;
    }
    let first = last.map_or(0, |last| events.partition_point(|event| event.source <= last));
    events.rotate_left(first);
    events.truncate(WAIT_EVENTS_MAX);
    events.last().map(|event| event.source)
}

#[cfg(test)]
mod tests {
    use super::*;

    const READABLE: Readiness = Readiness { readable: true, ..Readiness::NONE };
    const ERROR: Readiness = Readiness { error: true, ..Readiness::NONE };

    fn conn(index: u64) -> Source {
        Source::from_token(index << 33)
    }

    #[test]
    fn what_was_told_of_a_socket_is_one_event() {
        let event = |index, readiness| Event { source: conn(index), readiness };
        let mut events =
            vec![event(2, READABLE), event(1, READABLE), event(2, ERROR), event(2, READABLE)];
        one_each(&mut events);
        assert_eq!(events, [event(1, READABLE), event(2, READABLE.or(ERROR))]);
    }

    #[test]
    fn everybody_has_a_turn_when_more_are_ready_than_are_reported() {
        // A third more than fit: four reports have everybody three times.
        let count = WAIT_EVENTS_MAX + WAIT_EVENTS_MAX / 3;
        let ready: Vec<Event> = (0..count as u64)
            .map(|index| Event { source: conn(index), readiness: READABLE })
            .collect();
        let mut reported = vec![0; count];
        let mut last = None;
        for _ in 0..4 {
            let mut events = ready.clone();
            last = take_turns(&mut events, last);
            assert_eq!(events.len(), WAIT_EVENTS_MAX);
            for event in &events {
                reported[ready.binary_search_by_key(&event.source, |e| e.source).unwrap()] += 1;
            }
        }
        let (least, most) = (reported.iter().min().unwrap(), reported.iter().max().unwrap());
        assert!(*least >= 3 && *most <= 4, "between {least} and {most} times");
    }

    #[test]
    fn few_are_all_reported_wherever_the_last_report_ended() {
        let mut events = vec![Event { source: conn(1), readiness: READABLE }];
        assert_eq!(take_turns(&mut events, Some(conn(7))), None);
        assert_eq!(events.len(), 1);
    }
}
