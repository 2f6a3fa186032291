//! Any bytes, read as a schedule, drive a whole simulated network.
#![cfg_attr(fuzzing, no_main)]
#[cfg(not(fuzzing))]
fn main() {}
