//! The socket traits over libuv, whose loop waits for the sockets of `OsSockets`.
//!
//! [`UvSockets`] is made of the library's calls and of [`Uv`], which tells it what is ready.
//! `ffi.rs` has all that is unsafe. Linux only, as the epoll aside is.
#![cfg(target_os = "linux")]

use sockman::sockets::OsSockets;
use sockman_over::Over;

mod ffi;

pub use ffi::Uv;

/// The sockets of this machine's kernel, waited for with libuv.
pub type UvSockets = OsSockets<Over<Uv>>;
