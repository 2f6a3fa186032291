//! A Bitcoin connection manager, split at the socket boundary.
//!
//! ```text
//!    kernel, or a                   Sockets               connections,          messages
//!  simulated network <-- bytes -->   trait  <-- -->  sockman <-- by id --> connman <-- --> you
//!                                  sockets/             |                     |
//!                                                 other tenants          transport/
//! ```
//!
//! [`sockets`] is the trait and the kernel behind it. [`sockman`] keeps connections by id and no
//! payload. [`transport`] makes messages of bytes, and knows nothing else. [`connman`] is P2P
//! policy on top of both; [`http`] is a server beside it, which knows no P2P; [`chain`] keeps
//! headers and blocks. The rooms know only what stands to their left or below; time ([`time`]),
//! randomness ([`rng`]) and file work ([`files`]) are arguments everywhere. Nothing in this crate
//! knows the simulator, which implements [`sockets::Sockets`] like any other backend.

pub mod chain;
mod codec;
pub mod connman;
pub mod driver;
pub mod files;
pub mod http;
pub mod rng;
pub mod slab;
pub mod sockets;
pub mod sockman;
pub mod time;
pub mod transport;

#[cfg(test)]
mod tidy;
