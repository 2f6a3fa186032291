//! Any bytes go to everything that parses.
#![cfg_attr(fuzzing, no_main)]
#[cfg(not(fuzzing))]
fn main() {}

#[cfg(fuzzing)]
sockman_fuzz::target!(sockman_sim::fuzz::parsers);
