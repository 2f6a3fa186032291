//! Any bytes are the content of a request to the RPC server, and go the whole way to the node.
#![cfg_attr(fuzzing, no_main)]
#[cfg(not(fuzzing))]
fn main() {}

#[cfg(fuzzing)]
sockman_fuzz::target!(sockman_sim::fuzz::rpc_json);
