//! What every backend is put through, over a library of a few lines that waits with `poll(2)`.
#![cfg(target_os = "linux")]

use std::collections::BTreeMap;
use std::os::fd::{AsRawFd as _, BorrowedFd, OwnedFd, RawFd};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use sockman::sockets::{Errno, Interest, OsSockets, Readiness};
use sockman_over::{Library, Over, Told};

mod trials;

/// Has what the libraries have, and their manners: it shows an error as readiness, is not to be
/// asked for errors alone, and ends a wait too early.
#[derive(Debug, Default)]
struct Plain {
    watched: BTreeMap<RawFd, Watched>,
}

#[derive(Debug)]
struct Watched {
    /// A descriptor of our own for the same socket, which `poll` borrows.
    socket: OwnedFd,
    token: u64,
    interest: Interest,
}

/// It never waits longer: three milliseconds.
const PATIENCE: Timespec = Timespec { tv_sec: 0, tv_nsec: 3_000_000 };

impl Library for Plain {
    fn new() -> Result<Self, Errno> {
        Ok(Self::default())
    }

    fn add(&mut self, socket: BorrowedFd<'_>, token: u64, interest: Interest) -> Result<(), Errno> {
        let key = socket.as_raw_fd();
        let socket = socket.try_clone_to_owned().expect("descriptors are left");
        let before = self.watched.insert(key, Watched { socket, token, interest });
        assert!(before.is_none(), "it is added once");
        Ok(())
    }

    fn modify(&mut self, socket: BorrowedFd<'_>, interest: Interest) {
        self.watched.get_mut(&socket.as_raw_fd()).expect("it was added").interest = interest;
    }

    fn remove(&mut self, socket: BorrowedFd<'_>) {
        self.watched.remove(&socket.as_raw_fd()).expect("it was added");
    }

    fn run(&mut self, timeout: Option<Duration>, told: &mut Vec<Told>) -> Result<(), Errno> {
        let watched = self.watched.values().filter(|watched| watched.interest != Interest::NONE);
        let (watched, mut fds): (Vec<&Watched>, Vec<PollFd<'_>>) =
            watched.map(|watched| (watched, poll_fd(watched))).unzip();
        let now = Timespec { tv_sec: 0, tv_nsec: 0 };
        poll(&mut fds, Some(if timeout == Some(Duration::ZERO) { &now } else { &PATIENCE }))?;
        for (&Watched { token, interest, .. }, fd) in watched.into_iter().zip(fds) {
            let over = PollFlags::ERR | PollFlags::HUP;
            let has = |flag: PollFlags| fd.revents().intersects(flag | over);
            let readiness = Readiness {
                readable: has(PollFlags::IN),
                writable: has(PollFlags::OUT),
                error: false,
            };
            let readiness = readiness.seen_by(interest);
            if !readiness.is_none() {
                told.push(Told { token, readiness });
            }
        }
        Ok(())
    }
}

fn poll_fd(watched: &Watched) -> PollFd<'_> {
    let mut flags = PollFlags::empty();
    flags.set(PollFlags::IN, watched.interest.readable);
    flags.set(PollFlags::OUT, watched.interest.writable);
    PollFd::new(&watched.socket, flags)
}

fn make() -> OsSockets<Over<Plain>> {
    OsSockets::new().expect("the system has descriptors left")
}

#[test]
fn plain_library_keeps_the_contract() {
    trials::keeps_the_contract("over", make);
}

#[test]
fn nodes_shake_hands_over_a_plain_library() {
    trials::nodes_shake_hands(make);
}

#[test]
fn sockets_and_loops_come_and_go() {
    trials::come_and_go(make);
}
