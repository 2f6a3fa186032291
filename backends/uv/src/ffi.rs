//! All that is unsafe: the calls of libuv, declared as in its `uv.h` (1.44), and what keeps to its
//! rules.
//!
//! The memory of the loop and of its handles is as large as libuv says, and the C library's. A
//! handle is freed by the loop, once it has closed. A loop stays on the thread that made it, as
//! `Uv` is not `Send`.
#![expect(unsafe_code, reason = "libuv is a library in C")]
#![warn(clippy::undocumented_unsafe_blocks)]

use std::collections::BTreeMap;
use std::ffi::{c_int, c_void};
use std::os::fd::{AsRawFd as _, BorrowedFd, RawFd};
use std::ptr;
use std::time::Duration;

use sockman::sockets::{Errno, Interest, Readiness};
use sockman_over::{Library, Told};

/// `uv_loop_t`, of whose inside we know nothing.
#[repr(C)]
struct Loop([u8; 0]);

/// `uv_handle_t`, and what extends it: `uv_poll_t` and `uv_timer_t`.
#[repr(C)]
struct Handle([u8; 0]);

type PollCallback = extern "C" fn(*mut Handle, c_int, c_int);
type Callback = extern "C" fn(*mut Handle);

/// `uv_handle_type`.
const POLL: c_int = 8;
const TIMER: c_int = 13;
/// `uv_run_mode`.
const DEFAULT: c_int = 0;
const ONCE: c_int = 1;
const NOWAIT: c_int = 2;
/// `uv_poll_event`.
const READABLE: c_int = 1;
const WRITABLE: c_int = 2;

#[link(name = "uv")]
unsafe extern "C" {
    fn uv_loop_size() -> usize;
    fn uv_loop_init(uv: *mut Loop) -> c_int;
    fn uv_loop_close(uv: *mut Loop) -> c_int;
    fn uv_loop_get_data(uv: *const Loop) -> *mut c_void;
    fn uv_loop_set_data(uv: *mut Loop, data: *mut c_void);
    fn uv_run(uv: *mut Loop, mode: c_int) -> c_int;
    fn uv_update_time(uv: *mut Loop);
    fn uv_handle_size(kind: c_int) -> usize;
    fn uv_handle_get_data(handle: *const Handle) -> *mut c_void;
    fn uv_handle_set_data(handle: *mut Handle, data: *mut c_void);
    fn uv_handle_get_loop(handle: *const Handle) -> *mut Loop;
    fn uv_close(handle: *mut Handle, closed: Option<Callback>);
    fn uv_poll_init(uv: *mut Loop, poll: *mut Handle, fd: c_int) -> c_int;
    fn uv_poll_start(poll: *mut Handle, events: c_int, ready: PollCallback) -> c_int;
    fn uv_timer_init(uv: *mut Loop, timer: *mut Handle) -> c_int;
    fn uv_timer_start(timer: *mut Handle, due: Callback, after: u64, again: u64) -> c_int;
    fn uv_timer_stop(timer: *mut Handle) -> c_int;
}

unsafe extern "C" {
    fn malloc(size: usize) -> *mut c_void;
    fn free(memory: *mut c_void);
}

/// A loop of libuv's.
#[derive(Debug)]
pub struct Uv {
    uv: *mut Loop,
    timer: *mut Handle,
    watched: BTreeMap<RawFd, *mut Watched>,
}

/// What a handle's data points to: made by `Box`, dropped when the handle begins to close.
#[derive(Debug)]
struct Watched {
    poll: *mut Handle,
    token: u64,
    interest: Interest,
}

impl Library for Uv {
    fn new() -> Result<Self, Errno> {
        // SAFETY: the memory is as large as a loop, and freed if it has not become one.
        let uv = unsafe {
            let uv = allocate(uv_loop_size())?.cast();
            checked(uv_loop_init(uv)).inspect_err(|_| free(uv.cast()))?;
            uv
        };
        let mut this = Self { uv, timer: ptr::null_mut(), watched: BTreeMap::new() };
        // SAFETY: the memory is as large as a timer; the loop lives until `this` is dropped.
        unsafe {
            let timer = allocate(uv_handle_size(TIMER))?.cast();
            checked(uv_timer_init(uv, timer)).inspect_err(|_| free(timer.cast()))?;
            this.timer = timer;
        }
        Ok(this)
    }

    fn add(&mut self, socket: BorrowedFd<'_>, token: u64, interest: Interest) -> Result<(), Errno> {
        let fd = socket.as_raw_fd();
        // SAFETY: the memory is as large as a handle, and freed if it has not become one. What its
        // data points to is dropped when it closes, and not before.
        unsafe {
            let poll = allocate(uv_handle_size(POLL))?.cast();
            checked(uv_poll_init(self.uv, poll, fd)).inspect_err(|_| free(poll.cast()))?;
            let watched = Box::into_raw(Box::new(Watched { poll, token, interest }));
            uv_handle_set_data(poll, watched.cast());
            let before = self.watched.insert(fd, watched);
            assert!(before.is_none(), "a descriptor is added once");
            start(&*watched);
        }
        Ok(())
    }

    fn modify(&mut self, socket: BorrowedFd<'_>, interest: Interest) {
        let &watched = self.watched.get(&socket.as_raw_fd()).expect("it was added");
        // SAFETY: it lives while it stands in the table, and nobody else looks at it outside `run`.
        unsafe {
            (*watched).interest = interest;
            start(&*watched);
        }
    }

    fn remove(&mut self, socket: BorrowedFd<'_>) {
        let watched = self.watched.remove(&socket.as_raw_fd()).expect("it was added");
        // SAFETY: it stood in the table, and stands there no more.
        unsafe { close(watched) };
    }

    fn run(&mut self, timeout: Option<Duration>, told: &mut Vec<Told>) -> Result<(), Errno> {
        let mode = if timeout == Some(Duration::ZERO) { NOWAIT } else { ONCE };
        // SAFETY: the loop lives. What its data points to outlives the call, in which nobody but
        // `ready` uses it; the loop calls back from nowhere else.
        unsafe {
            uv_loop_set_data(self.uv, ptr::from_mut(told).cast());
            if let Some(timeout) = timeout.filter(|timeout| !timeout.is_zero()) {
                uv_update_time(self.uv);
                checked(uv_timer_start(self.timer, due, millis(timeout), 0))
                    .expect("it has a callback and is not closing");
            }
            uv_run(self.uv, mode);
            uv_timer_stop(self.timer);
            uv_loop_set_data(self.uv, ptr::null_mut());
        }
        Ok(())
    }
}

impl Drop for Uv {
    fn drop(&mut self) {
        // SAFETY: each handle is closed once, the loop once all of them have closed.
        unsafe {
            std::mem::take(&mut self.watched).into_values().for_each(|watched| close(watched));
            if !self.timer.is_null() {
                uv_close(self.timer, Some(closed));
            }
            uv_run(self.uv, DEFAULT);
            checked(uv_loop_close(self.uv)).expect("every handle has closed");
            free(self.uv.cast());
        }
    }
}

/// Asks for what somebody is interested in, in place of what was asked before.
///
/// # Safety
///
/// Its handle was made for it, and is not closing.
unsafe fn start(watched: &Watched) {
    let Interest { readable, writable } = watched.interest;
    let events = if readable { READABLE } else { 0 } | if writable { WRITABLE } else { 0 };
    // SAFETY: as the caller says. Without events it is a stop.
    let started = unsafe { uv_poll_start(watched.poll, events, ready) };
    checked(started).expect("no other handle has its descriptor");
}

/// Closes a handle; the loop frees its memory.
///
/// # Safety
///
/// It is used no more.
unsafe fn close(watched: *mut Watched) {
    // SAFETY: as the caller says; a handle that closes calls `ready` no more.
    unsafe {
        let Watched { poll, .. } = *Box::from_raw(watched);
        uv_close(poll, Some(closed));
    }
}

extern "C" fn ready(poll: *mut Handle, status: c_int, events: c_int) {
    // SAFETY: the loop calls from `run` alone, which has set the loop's data, and for handles that
    // are not closing, whose data `add` has set. Nobody else holds a reference to either.
    let (watched, told) = unsafe {
        let told = uv_loop_get_data(uv_handle_get_loop(poll)).cast::<Vec<Told>>();
        (&*uv_handle_get_data(poll).cast::<Watched>(), &mut *told)
    };
    let failed = status < 0;
    if failed {
        // SAFETY: it is not closing. An error has stopped it, but is a level as others are.
        unsafe { start(watched) };
    }
    let all = Readiness {
        readable: failed || events & READABLE != 0,
        writable: failed || events & WRITABLE != 0,
        error: false,
    };
    told.push(Told { token: watched.token, readiness: all.seen_by(watched.interest) });
}

/// That it is due is all there is to it: the loop's wait is over.
extern "C" fn due(_timer: *mut Handle) {}

extern "C" fn closed(handle: *mut Handle) {
    // SAFETY: each handle is memory of `allocate`, and is told to have closed once, when the loop
    // lets go of it.
    unsafe { free(handle.cast()) };
}

fn allocate(size: usize) -> Result<*mut c_void, Errno> {
    // SAFETY: `malloc` takes any size.
    let memory = unsafe { malloc(size) };
    if memory.is_null() { Err(OUT_OF_MEMORY) } else { Ok(memory) }
}

/// `ENOMEM`, the same on every Linux.
const OUT_OF_MEMORY: Errno = Errno(12);

/// What a call returned: libuv gives the system's number with its sign turned.
const fn checked(status: c_int) -> Result<(), Errno> {
    if status < 0 { Err(Errno(-status)) } else { Ok(()) }
}

/// A timeout in the loop's milliseconds, rounded up, and one more because the loop's clock has
/// counted the one under way as a whole.
fn millis(timeout: Duration) -> u64 {
    let millis = timeout.as_nanos().div_ceil(1_000_000) + 1;
    u64::try_from(millis).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timeout_is_never_rounded_down() {
        assert_eq!(millis(Duration::from_nanos(1)), 2);
        assert_eq!(millis(Duration::from_millis(1)), 2);
        assert_eq!(millis(Duration::from_nanos(1_000_001)), 3);
        assert_eq!(millis(Duration::MAX), u64::MAX);
    }
}
