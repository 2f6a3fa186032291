//! Any bytes, read as a schedule, are what peers do to a socket manager with an echo on it.
#![cfg_attr(fuzzing, no_main)]
#[cfg(not(fuzzing))]
fn main() {}

#[cfg(fuzzing)]
sockman_fuzz::schedule_target!("sockman", sockman_sim::fuzz::sockman);
