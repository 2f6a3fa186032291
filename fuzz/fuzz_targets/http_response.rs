//! Any bytes are an answer of HTTP/1.1, in whatever pieces they come.
#![cfg_attr(fuzzing, no_main)]
#[cfg(not(fuzzing))]
fn main() {}

#[cfg(fuzzing)]
sockman_fuzz::target!(sockman_sim::fuzz::http_response);
