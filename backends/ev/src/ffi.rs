//! All that is unsafe: the calls of libev, declared as in its `ev.h` (4.33, with the features that
//! it has unless told otherwise), and what keeps to its rules.
//!
//! libev lets its callers make the watchers, so that their layout is part of its interface; a test
//! compares ours with the header's. A loop stays on the thread that made it, as `Ev` is not `Send`.
#![expect(unsafe_code, reason = "libev is a library in C")]
#![warn(clippy::undocumented_unsafe_blocks)]

use std::collections::BTreeMap;
use std::ffi::{c_int, c_uint, c_void};
use std::os::fd::{AsRawFd as _, BorrowedFd, RawFd};
use std::ptr;
use std::time::Duration;

use sockman::sockets::{Errno, Interest, Readiness};
use sockman_over::{Library, Told};

/// `struct ev_loop`, of whose inside we know nothing.
#[repr(C)]
struct Loop([u8; 0]);

/// `struct ev_io`. After it was made, the library's but for `events` of one that is stopped.
#[repr(C)]
#[derive(Debug)]
struct Io {
    active: c_int,
    pending: c_int,
    priority: c_int,
    data: *mut c_void,
    callback: extern "C" fn(*mut Loop, *mut Io, c_int),
    next: *mut c_void,
    fd: c_int,
    events: c_int,
}

/// `struct ev_timer`.
#[repr(C)]
#[derive(Debug)]
struct Timer {
    active: c_int,
    pending: c_int,
    priority: c_int,
    data: *mut c_void,
    callback: extern "C" fn(*mut Loop, *mut Timer, c_int),
    at: f64,
    repeat: f64,
}

/// `EVBACKEND_EPOLL`.
const EPOLL: c_uint = 0x4;
/// `EVFLAG_NOENV`: no environment variable changes what waits.
const NO_ENVIRONMENT: c_uint = 0x0100_0000;
/// `EVRUN_NOWAIT`.
const NO_WAIT: c_int = 1;
/// `EVRUN_ONCE`.
const ONCE: c_int = 2;
/// `EV_READ`.
const READ: c_int = 0x01;
/// `EV_WRITE`.
const WRITE: c_int = 0x02;
/// `EV__IOFDSET`: the descriptor may be another one of the same number.
const IS_NEW: c_int = 0x80;

const _: () = assert!(size_of::<*mut c_void>() == size_of::<u64>(), "a pointer holds a token");

#[link(name = "ev")]
unsafe extern "C" {
    fn ev_loop_new(flags: c_uint) -> *mut Loop;
    fn ev_loop_destroy(ev: *mut Loop);
    fn ev_run(ev: *mut Loop, flags: c_int) -> c_int;
    fn ev_now_update(ev: *mut Loop);
    fn ev_set_userdata(ev: *mut Loop, data: *mut c_void);
    fn ev_userdata(ev: *mut Loop) -> *mut c_void;
    fn ev_io_start(ev: *mut Loop, io: *mut Io);
    fn ev_io_stop(ev: *mut Loop, io: *mut Io);
    fn ev_timer_start(ev: *mut Loop, timer: *mut Timer);
    fn ev_timer_stop(ev: *mut Loop, timer: *mut Timer);
}

/// A loop of libev's.
#[derive(Debug)]
pub struct Ev {
    ev: *mut Loop,
    /// Made by `Box`, as are the watchers in the table: the loop knows them by their address.
    timer: *mut Timer,
    watched: BTreeMap<RawFd, *mut Io>,
}

impl Library for Ev {
    fn new() -> Result<Self, Errno> {
        // SAFETY: the flags are two that it knows.
        let ev = unsafe { ev_loop_new(EPOLL | NO_ENVIRONMENT) };
        if ev.is_null() {
            return Err(Errno(std::io::Error::last_os_error().raw_os_error().unwrap_or_default()));
        }
        let timer = Box::into_raw(Box::new(Timer {
            active: 0,
            pending: 0,
            priority: 0,
            data: ptr::null_mut(),
            callback: due,
            at: 0.0,
            repeat: 0.0,
        }));
        Ok(Self { ev, timer, watched: BTreeMap::new() })
    }

    fn add(&mut self, socket: BorrowedFd<'_>, token: u64, interest: Interest) -> Result<(), Errno> {
        let fd = socket.as_raw_fd();
        let io = Box::into_raw(Box::new(Io {
            active: 0,
            pending: 0,
            priority: 0,
            data: ptr::without_provenance_mut(usize::try_from(token).expect("as wide, see above")),
            callback: ready,
            next: ptr::null_mut(),
            fd,
            events: 0,
        }));
        let before = self.watched.insert(fd, io);
        assert!(before.is_none(), "a descriptor is added once");
        // SAFETY: it was just made, and lives while it stands in the table.
        unsafe { start(self.ev, io, interest) };
        Ok(())
    }

    fn modify(&mut self, socket: BorrowedFd<'_>, interest: Interest) {
        let &io = self.watched.get(&socket.as_raw_fd()).expect("it was added");
        // SAFETY: it lives while it stands in the table.
        unsafe {
            ev_io_stop(self.ev, io);
            start(self.ev, io, interest);
        }
    }

    fn remove(&mut self, socket: BorrowedFd<'_>) {
        let io = self.watched.remove(&socket.as_raw_fd()).expect("it was added");
        // SAFETY: it was made by `Box`, and the loop knows it no more once it is stopped.
        unsafe {
            ev_io_stop(self.ev, io);
            drop(Box::from_raw(io));
        }
    }

    fn run(&mut self, timeout: Option<Duration>, told: &mut Vec<Told>) -> Result<(), Errno> {
        let flags = if timeout == Some(Duration::ZERO) { NO_WAIT } else { ONCE };
        // SAFETY: the loop and its watchers live. What its data points to outlives the call, in
        // which nobody but `ready` uses it; the loop calls back from nowhere else.
        unsafe {
            ev_set_userdata(self.ev, ptr::from_mut(told).cast());
            if let Some(timeout) = timeout.filter(|timeout| !timeout.is_zero()) {
                ev_now_update(self.ev);
                (*self.timer).at = timeout.as_secs_f64();
                ev_timer_start(self.ev, self.timer);
            }
            ev_run(self.ev, flags);
            ev_timer_stop(self.ev, self.timer);
            ev_set_userdata(self.ev, ptr::null_mut());
        }
        Ok(())
    }
}

impl Drop for Ev {
    fn drop(&mut self) {
        // SAFETY: the loop is destroyed once all watchers are stopped, and they are dropped then.
        unsafe {
            for io in std::mem::take(&mut self.watched).into_values() {
                ev_io_stop(self.ev, io);
                drop(Box::from_raw(io));
            }
            ev_loop_destroy(self.ev);
            drop(Box::from_raw(self.timer));
        }
    }
}

/// Watches for what somebody is interested in, if anything.
///
/// # Safety
///
/// The watcher lives, and is stopped.
unsafe fn start(ev: *mut Loop, io: *mut Io, interest: Interest) {
    let Interest { readable, writable } = interest;
    let events = if readable { READ } else { 0 } | if writable { WRITE } else { 0 };
    if events != 0 {
        // SAFETY: as the caller says.
        unsafe {
            (*io).events = events | IS_NEW;
            ev_io_start(ev, io);
        }
    }
}

extern "C" fn ready(ev: *mut Loop, io: *mut Io, events: c_int) {
    // SAFETY: the loop calls from `run` alone, which has set its data, and for watchers that live.
    // Nobody else holds a reference to either.
    let (io, told) = unsafe { (&mut *io, &mut *ev_userdata(ev).cast::<Vec<Told>>()) };
    let events = events & io.events;
    let readiness =
        Readiness { readable: events & READ != 0, writable: events & WRITE != 0, error: false };
    told.push(Told { token: io.data.addr() as u64, readiness });
    if io.active == 0 {
        // The kernel had no room for it, so that it was stopped. Whoever looks at the socket
        // meanwhile loses nothing but time.
        io.events |= IS_NEW;
        // SAFETY: it lives, and is stopped.
        unsafe { ev_io_start(ev, io) };
    }
}

/// That it is due is all there is to it: the loop's wait is over.
extern "C" fn due(_ev: *mut Loop, _timer: *mut Timer, _events: c_int) {}

#[cfg(test)]
mod tests {
    use std::mem::offset_of;
    use std::os::fd::AsFd as _;
    use std::os::unix::net::UnixStream;
    use std::process::Command;
    use std::{env, fs, process};

    use super::*;

    /// Prints what the compiler makes of the header.
    const LAYOUT: &str = r#"
#include <ev.h>
#include <stddef.h>
#include <stdio.h>
#define IO(field) (int) offsetof(ev_io, field)
#define TIMER(field) (int) offsetof(ev_timer, field)
int main(void) {
    printf("%d %d %d %d %d %d %d %d %d\n", (int) sizeof(ev_io), IO(active), IO(pending),
        IO(priority), IO(data), IO(cb), IO(next), IO(fd), IO(events));
    printf("%d %d %d %d %d %d %d %d\n", (int) sizeof(ev_timer), TIMER(active), TIMER(pending),
        TIMER(priority), TIMER(data), TIMER(cb), TIMER(at), TIMER(repeat));
    printf("%d %d %d %d\n", EVBACKEND_EPOLL, EVFLAG_NOENV, EVRUN_NOWAIT, EVRUN_ONCE);
    printf("%d %d %d\n", EV_READ, EV_WRITE, EV__IOFDSET);
}
"#;

    #[test]
    fn layout_is_that_of_the_header() {
        let program = env::temp_dir().join(format!("sockman-{}-layout", process::id()));
        let source = program.with_extension("c");
        fs::write(&source, LAYOUT).unwrap();
        let built = Command::new("cc").arg("-o").args([&program, &source]).status().unwrap();
        assert!(built.success(), "a compiler for C is needed");
        let printed = Command::new(&program).output().unwrap().stdout;
        for file in [&program, &source] {
            fs::remove_file(file).unwrap();
        }
        macro_rules! offsets {
            ($t:ident: $($field:ident)+) => { vec![size_of::<$t>(), $(offset_of!($t, $field)),+] };
        }
        let rows = [
            offsets!(Io: active pending priority data callback next fd events),
            offsets!(Timer: active pending priority data callback at repeat),
            [EPOLL, NO_ENVIRONMENT].map(|flag| flag as usize).into_iter().chain([1, 2]).collect(),
            vec![READ as usize, WRITE as usize, IS_NEW as usize],
        ];
        assert_eq!((NO_WAIT, ONCE), (1, 2));
        let row = |row: &Vec<usize>| row.iter().map(usize::to_string).collect::<Vec<_>>().join(" ");
        let expected: Vec<String> = rows.iter().map(row).collect();
        assert_eq!(String::from_utf8(printed).unwrap().trim_end(), expected.join("\n"));
    }

    unsafe extern "C" {
        fn ev_feed_event(ev: *mut Loop, io: *mut Io, events: c_int);
    }

    /// What libev does when the kernel has no room to watch a descriptor.
    #[test]
    fn socket_that_libev_has_given_up_is_told_of_and_watched_again() {
        let (socket, _peer) = UnixStream::pair().unwrap();
        let mut ev = Ev::new().unwrap();
        ev.add(socket.as_fd(), 7, Interest::WRITE).unwrap();
        let io = ev.watched[&socket.as_raw_fd()];
        // SAFETY: it lives, and is fed as libev does it.
        unsafe {
            ev_io_stop(ev.ev, io);
            ev_feed_event(ev.ev, io, c_int::MIN | READ | WRITE);
        }
        let readiness = Readiness { writable: true, ..Readiness::NONE };
        for _ in 0..3 {
            let mut told = Vec::new();
            ev.run(None, &mut told).unwrap();
            told.dedup();
            assert_eq!(told, [Told { token: 7, readiness }]);
        }
        ev.remove(socket.as_fd());
    }
}
