//! The socket traits over libev, whose loop waits for the sockets of `OsSockets`.
//!
//! [`EvSockets`] is made of the library's calls and of [`Ev`], which tells it what is ready.
//! `ffi.rs` has all that is unsafe. Linux only, as the epoll aside is.
#![cfg(target_os = "linux")]

use sockman::sockets::OsSockets;
use sockman_over::Over;

mod ffi;

pub use ffi::Ev;

/// The sockets of this machine's kernel, waited for with libev.
pub type EvSockets = OsSockets<Over<Ev>>;
