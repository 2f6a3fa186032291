//! Any bytes, read as a schedule, are what clients do to an HTTP server.
#![cfg_attr(fuzzing, no_main)]
#[cfg(not(fuzzing))]
fn main() {}

#[cfg(fuzzing)]
sockman_fuzz::schedule_target!("http_server", sockman_sim::fuzz::http_server);
