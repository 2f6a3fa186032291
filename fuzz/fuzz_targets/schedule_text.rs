//! Any bytes go through every form of a schedule.
#![cfg_attr(fuzzing, no_main)]
#[cfg(not(fuzzing))]
fn main() {}

#[cfg(fuzzing)]
sockman_fuzz::target!(sockman_sim::fuzz::schedule_text);
