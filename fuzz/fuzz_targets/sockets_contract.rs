//! Any bytes are calls on the simulated kernel, which the acceptor of the contract judges.
#![cfg_attr(fuzzing, no_main)]
#[cfg(not(fuzzing))]
fn main() {}

#[cfg(fuzzing)]
sockman_fuzz::target!(sockman_sim::fuzz::sockets_contract);
