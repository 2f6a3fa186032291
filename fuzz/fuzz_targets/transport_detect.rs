//! Any bytes come to a v2 responder, which tells a v1 peer by the first of them.
#![cfg_attr(fuzzing, no_main)]
#[cfg(not(fuzzing))]
fn main() {}

#[cfg(fuzzing)]
sockman_fuzz::target!(sockman_sim::fuzz::transport_detect);
