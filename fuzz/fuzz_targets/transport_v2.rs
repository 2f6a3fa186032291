//! Any bytes say what two v2 transports send, how much of it arrives when, and what is changed on
//! the way.
#![cfg_attr(fuzzing, no_main)]
#[cfg(not(fuzzing))]
fn main() {}

#[cfg(fuzzing)]
sockman_fuzz::target!(sockman_sim::fuzz::transport_v2);
