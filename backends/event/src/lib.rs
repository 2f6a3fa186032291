//! The socket traits over libevent, whose loop waits for the sockets of `OsSockets`.
//!
//! [`EventSockets`] is made of the library's calls and of [`Event`], which tells it what is ready.
//! `ffi.rs` has all that is unsafe. Linux only, as the epoll aside is.
#![cfg(target_os = "linux")]

use sockman::sockets::OsSockets;
use sockman_over::Over;

mod ffi;

pub use ffi::Event;

/// The sockets of this machine's kernel, waited for with libevent.
pub type EventSockets = OsSockets<Over<Event>>;
