//! Behaviour on the virtual network, in one binary.

#![expect(clippy::unwrap_used, reason = "a failed helper is a failed test")]

mod connman;
mod differential;
mod net;
mod network;
mod wire;
