//! All that is unsafe: the calls of libevent, declared as in its `event2/event.h` (2.1), and what
//! keeps to its rules.
//!
//! Bases and events are memory of libevent's. A base stays on the thread that made it, as `Event`
//! is not `Send`.
#![expect(unsafe_code, reason = "libevent is a library in C")]
#![warn(clippy::undocumented_unsafe_blocks)]

use std::collections::BTreeMap;
use std::ffi::{c_int, c_long, c_short, c_void};
use std::os::fd::{AsRawFd as _, BorrowedFd, RawFd};
use std::ptr;
use std::time::Duration;

use sockman::sockets::{Errno, Interest, Readiness};
use sockman_over::{Library, Told};

/// `struct event_config`, of whose inside we know nothing.
#[repr(C)]
struct Configuration([u8; 0]);

/// `struct event_base`.
#[repr(C)]
struct Base([u8; 0]);

/// `struct event`.
#[repr(C)]
struct Handle([u8; 0]);

/// `struct timeval`.
#[repr(C)]
struct TimeVal {
    seconds: c_long,
    micros: c_long,
}

type Callback = extern "C" fn(c_int, c_short, *mut c_void);

/// `EVENT_BASE_FLAG_NOLOCK`: one thread alone uses a base.
const NO_LOCK: c_int = 0x01;
/// `EVENT_BASE_FLAG_IGNORE_ENV`: no environment variable changes what waits.
const IGNORE_ENVIRONMENT: c_int = 0x02;
/// `EVENT_BASE_FLAG_PRECISE_TIMER`: a clock that moves between two ticks of the kernel. Without it
/// a wait of a millisecond took four.
const PRECISE_TIMER: c_int = 0x20;
/// `EVLOOP_ONCE`: until something was told.
const ONCE: c_int = 0x01;
/// `EVLOOP_NONBLOCK`: look and return. Alone it looks again for as long as something is ready.
const NON_BLOCK: c_int = 0x02;
/// `EV_READ`.
const READ: c_short = 0x02;
/// `EV_WRITE`.
const WRITE: c_short = 0x04;
/// `EV_PERSIST`: until it is deleted, and not just once.
const PERSIST: c_short = 0x10;

#[link(name = "event_core")]
unsafe extern "C" {
    fn event_config_new() -> *mut Configuration;
    fn event_config_set_flag(configuration: *mut Configuration, flag: c_int) -> c_int;
    fn event_config_free(configuration: *mut Configuration);
    fn event_base_new_with_config(configuration: *const Configuration) -> *mut Base;
    fn event_base_free(base: *mut Base);
    fn event_base_loop(base: *mut Base, flags: c_int) -> c_int;
    fn event_new(
        base: *mut Base,
        fd: c_int,
        events: c_short,
        callback: Callback,
        argument: *mut c_void,
    ) -> *mut Handle;
    fn event_assign(
        event: *mut Handle,
        base: *mut Base,
        fd: c_int,
        events: c_short,
        callback: Callback,
        argument: *mut c_void,
    ) -> c_int;
    fn event_add(event: *mut Handle, timeout: *const TimeVal) -> c_int;
    fn event_del(event: *mut Handle) -> c_int;
    fn event_free(event: *mut Handle);
}

/// A base of libevent's.
#[derive(Debug)]
pub struct Event {
    base: *mut Base,
    timer: *mut Handle,
    /// What was told in the wait under way: made by `Box`, as each callback finds its way to it.
    told: *mut Vec<Told>,
    watched: BTreeMap<RawFd, *mut Watched>,
}

/// The argument of a callback: made by `Box`, dropped when its event is freed.
#[derive(Debug)]
struct Watched {
    event: *mut Handle,
    token: u64,
    /// Where to tell: the base's.
    told: *mut Vec<Told>,
}

impl Library for Event {
    fn new() -> Result<Self, Errno> {
        let base = new_base()?;
        let told = Box::into_raw(Box::default());
        let (timer, watched) = (ptr::null_mut(), BTreeMap::new());
        let mut this = Self { base, timer, told, watched };
        // SAFETY: the base lives until `this` is dropped; the callback takes any argument.
        this.timer = checked(unsafe { event_new(base, -1, 0, due, ptr::null_mut()) })?;
        Ok(this)
    }

    fn add(&mut self, socket: BorrowedFd<'_>, token: u64, interest: Interest) -> Result<(), Errno> {
        let fd = socket.as_raw_fd();
        let told = self.told;
        let watched = Box::into_raw(Box::new(Watched { event: ptr::null_mut(), token, told }));
        // SAFETY: the base lives, and the argument until the event is freed: here, if it cannot be
        // added, or else in `remove` or `drop`, where it is taken out of the table.
        unsafe {
            let event = event_new(self.base, fd, events(interest), ready, watched.cast());
            let event = checked(event).inspect_err(|_| drop(Box::from_raw(watched)))?;
            (*watched).event = event;
            start(event, interest).inspect_err(|_| forget(watched))?;
        }
        let before = self.watched.insert(fd, watched);
        assert!(before.is_none(), "a descriptor is added once");
        Ok(())
    }

    fn modify(&mut self, socket: BorrowedFd<'_>, interest: Interest) {
        let fd = socket.as_raw_fd();
        let &watched = self.watched.get(&fd).expect("it was added");
        // SAFETY: it lives while it stands in the table, as does its event, which is not waited for
        // while it is assigned anew.
        unsafe {
            let event = (*watched).event;
            event_del(event);
            event_assign(event, self.base, fd, events(interest), ready, watched.cast());
            start(event, interest).expect("there was room for it just now");
        }
    }

    fn remove(&mut self, socket: BorrowedFd<'_>) {
        let watched = self.watched.remove(&socket.as_raw_fd()).expect("it was added");
        // SAFETY: it stood in the table, and stands there no more.
        unsafe { forget(watched) };
    }

    fn run(&mut self, timeout: Option<Duration>, told: &mut Vec<Told>) -> Result<(), Errno> {
        let flags = if timeout == Some(Duration::ZERO) { ONCE | NON_BLOCK } else { ONCE };
        // SAFETY: the base and its events live. Callbacks come from the loop alone, and nobody else
        // looks at what they tell before it is over.
        unsafe {
            if let Some(timeout) = timeout.filter(|timeout| !timeout.is_zero()) {
                failed(event_add(self.timer, &time_val(timeout)))?;
            }
            let ended = failed(event_base_loop(self.base, flags));
            event_del(self.timer);
            told.append(&mut *self.told);
            ended
        }
    }
}

impl Drop for Event {
    fn drop(&mut self) {
        // SAFETY: each event is freed once, and the base after all of them; no callback is left
        // that could tell anything.
        unsafe {
            std::mem::take(&mut self.watched).into_values().for_each(|watched| forget(watched));
            if !self.timer.is_null() {
                event_free(self.timer);
            }
            event_base_free(self.base);
            drop(Box::from_raw(self.told));
        }
    }
}

fn new_base() -> Result<*mut Base, Errno> {
    // SAFETY: what is made here is freed here, but for the base.
    unsafe {
        let configuration = checked(event_config_new())?;
        let flags = NO_LOCK | IGNORE_ENVIRONMENT | PRECISE_TIMER;
        let set = failed(event_config_set_flag(configuration, flags));
        let base = set.and_then(|()| checked(event_base_new_with_config(configuration)));
        event_config_free(configuration);
        base
    }
}

/// Waits for an event, if anybody is interested in it.
///
/// # Safety
///
/// It lives, and was assigned with this interest.
unsafe fn start(event: *mut Handle, interest: Interest) -> Result<(), Errno> {
    if interest == Interest::NONE {
        return Ok(());
    }
    // SAFETY: as the caller says.
    failed(unsafe { event_add(event, ptr::null()) })
}

/// Frees an event and what its argument points to.
///
/// # Safety
///
/// It is used no more.
unsafe fn forget(watched: *mut Watched) {
    // SAFETY: as the caller says; an event that is freed calls back no more.
    unsafe {
        let Watched { event, .. } = *Box::from_raw(watched);
        event_free(event);
    }
}

extern "C" fn ready(_fd: c_int, events: c_short, watched: *mut c_void) {
    let readiness =
        Readiness { readable: events & READ != 0, writable: events & WRITE != 0, error: false };
    // SAFETY: it is the argument of an event that was not freed, as is the vector behind it, of
    // which nobody holds a reference while the loop calls back.
    unsafe {
        let &Watched { token, told, .. } = &*watched.cast::<Watched>();
        (*told).push(Told { token, readiness });
    }
}

/// That it is due is all there is to it: the loop has told something.
extern "C" fn due(_fd: c_int, _events: c_short, _argument: *mut c_void) {}

const fn events(interest: Interest) -> c_short {
    let Interest { readable, writable } = interest;
    PERSIST | if readable { READ } else { 0 } | if writable { WRITE } else { 0 }
}

/// What a call made. It gives nothing if memory or descriptors are out.
fn checked<T>(made: *mut T) -> Result<*mut T, Errno> {
    if made.is_null() { Err(last_error()) } else { Ok(made) }
}

/// What a call returned: -1 is a failure.
fn failed(status: c_int) -> Result<(), Errno> {
    if status < 0 { Err(last_error()) } else { Ok(()) }
}

fn last_error() -> Errno {
    Errno(std::io::Error::last_os_error().raw_os_error().unwrap_or_default())
}

/// A timeout in microseconds, rounded up; at most 68 years, since it may be any time it likes.
fn time_val(timeout: Duration) -> TimeVal {
    let micros = timeout.as_nanos().div_ceil(1_000);
    let longest = u128::from(i32::MAX.unsigned_abs());
    let seconds = (micros / 1_000_000).min(longest);
    let part = |part: u128| c_long::try_from(part).expect("it fits into 32 bits");
    TimeVal { seconds: part(seconds), micros: part(micros % 1_000_000) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timeout_is_never_rounded_down() {
        let check = |timeout, seconds, micros| {
            let value = time_val(timeout);
            assert_eq!((value.seconds, value.micros), (seconds, micros), "{timeout:?}");
        };
        check(Duration::from_nanos(1), 0, 1);
        check(Duration::from_nanos(1_000_001), 0, 1_001);
        check(Duration::new(1, 999_999_001), 2, 0);
        assert_eq!(time_val(Duration::MAX).seconds, c_long::from(i32::MAX));
    }
}
