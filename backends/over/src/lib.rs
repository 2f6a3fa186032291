//! What backends over other libraries share.
//!
//! A [`Library`] watches descriptors and tells which are ready: libuv, libevent, libev. [`Over`]
//! makes it a way to wait, and `OsSockets<Over<L>>` is the whole backend. [`Deadline`] is for every
//! wait that has to go on after its library has ended it, [`wakeups`] for measuring.

#[cfg(target_os = "linux")]
mod aside;
mod clock;
pub mod wakeups;

#[cfg(target_os = "linux")]
pub use aside::{Library, Over, Told};
pub use clock::Deadline;
