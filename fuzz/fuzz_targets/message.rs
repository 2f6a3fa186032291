//! Any bytes are messages, to our codec and to rust-bitcoin's.
#![cfg_attr(fuzzing, no_main)]
#[cfg(not(fuzzing))]
fn main() {}

#[cfg(fuzzing)]
sockman_fuzz::target!(sockman_sim::fuzz::message);
