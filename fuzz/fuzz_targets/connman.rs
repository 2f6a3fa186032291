//! Any bytes, read as a schedule, drive a whole simulated network.
#![cfg_attr(fuzzing, no_main)]
#[cfg(not(fuzzing))]
fn main() {}

#[cfg(fuzzing)]
sockman_fuzz::schedule_target!("connman", sockman_sim::fuzz::connman);
