//! One end of a connection, and what is on the way to it.

use std::collections::VecDeque;

use sockman::sockets::{Failure, Readiness};

use crate::contract::transition::Transition;

/// On the way to an end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Item {
    SynAck,
    Data(u64),
    /// Bytes sent before the reader gave up reading and writing: had there been room for them by
    /// then, they are there to be read; if not, they find nobody. Some may be one, the rest the
    /// other.
    Unsure(u64),
    Fin,
    Reset,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum State {
    SynSent,
    Open,
    Closed,
}

/// One end; the names of the fields are those of TCP 10.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct End {
    pub(super) state: State,
    pub(super) held: bool,
    pub(super) gone: bool,
    /// Bytes that are there for certain.
    pub(super) rx: u64,
    /// Bytes that were on the way when a reset overtook them: there, or lost.
    pub(super) rx_maybe: u64,
    pub(super) read: u64,
    pub(super) accepted: u64,
    pub(super) eof: bool,
    pub(super) fin: bool,
    pub(super) fin_arrived: bool,
    pub(super) rd: bool,
    pub(super) wr: bool,
    pub(super) err: Option<Failure>,
    pub(super) inbox: VecDeque<Item>,
    /// Whether more was on the way at some time than is prompt, and not all of it has been read.
    pub(super) late: bool,
}

impl End {
    pub(super) const fn new(state: State, held: bool) -> Self {
        Self {
            state,
            held,
            gone: false,
            rx: 0,
            rx_maybe: 0,
            read: 0,
            accepted: 0,
            eof: false,
            fin: false,
            fin_arrived: false,
            rd: false,
            wr: false,
            err: None,
            inbox: VecDeque::new(),
            late: false,
        }
    }

    pub(super) fn die(&mut self) {
        self.state = State::Closed;
        self.rd = true;
        self.wr = true;
    }

    pub(super) fn fail(&mut self, failure: Failure) {
        if !self.gone {
            self.err = Some(failure);
        }
        self.die();
    }

    /// Nobody will read what comes from now on; what has come can still be read.
    pub(super) fn doubt(&mut self) {
        for item in &mut self.inbox {
            if let Item::Data(count) = *item {
                *item = Item::Unsure(count);
            }
        }
    }

    /// Bytes at the front of what is on the way: they may be there already.
    pub(super) fn coming(&self) -> u64 {
        let data = self.inbox.iter().map_while(|item| match item {
            Item::Data(count) | Item::Unsure(count) => Some(*count),
            Item::SynAck | Item::Fin | Item::Reset => None,
        });
        data.sum()
    }
}

/// Both ends: the one that connected first.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Pair {
    /// The number of the connecting end.
    pub(super) client: usize,
    pub(super) listener: Option<usize>,
    pub(super) syn_on_the_way: bool,
    pub(super) ends: [End; 2],
}

/// How prompt and how roomy the backend is that is judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Promptness {
    /// So many unread bytes of a direction are visible when the call that sent them returns, and so
    /// is whatever follows them. `None`: anything may be late.
    pub window_bytes: Option<u64>,
    /// Whether nothing moves but by calls. A kernel's timers and acknowledgements move bytes that
    /// found no room when the kernel likes, also between two calls: so once more than the window
    /// was unread, nothing is certain until all of it is read.
    pub stands_still: bool,
    /// With no more than so many bytes taken and not yet read by the other end, a writer is
    /// writable when the call returns. `None`: it may be late.
    pub writable_bytes: Option<u64>,
}

/// Takes `taken` bytes for a read of at most `count`; `None` if there may not have been so many, or
/// more must have been given.
pub(super) fn take_bytes(end: &mut End, count: u64, taken: u64) -> Option<Transition> {
    let certain = end.rx.min(count);
    let possible = (end.rx + end.rx_maybe + end.coming()).min(count);
    if taken == 0 || taken < certain || taken > possible {
        return None;
    }
    end.read += taken;
    let mut rest = taken - taken.min(end.rx);
    end.rx -= taken - rest;
    let from_maybe = rest.min(end.rx_maybe);
    end.rx_maybe -= from_maybe;
    rest -= from_maybe;
    while rest > 0 {
        let Some(Item::Data(first) | Item::Unsure(first)) = end.inbox.front_mut() else {
            unreachable!("what is coming is bytes at the front");
        };
        let now = rest.min(*first);
        *first -= now;
        rest -= now;
        if *first == 0 {
            end.inbox.pop_front();
        }
    }
    Some(if end.rx == 0 { Transition::RecvAll } else { Transition::RecvPart })
}

pub(super) fn must_be_ready(end: &End, peer: &End, promptness: Promptness) -> Readiness {
    if end.state == State::SynSent {
        return Readiness::NONE;
    }
    let closed = end.state == State::Closed;
    let unread = end.accepted.saturating_sub(peer.read);
    Readiness {
        readable: end.rx > 0 || end.rd,
        writable: end.wr || closed || promptness.writable_bytes.is_some_and(|most| unread <= most),
        error: end.err.is_some() || closed || (end.rd && end.wr),
    }
}
