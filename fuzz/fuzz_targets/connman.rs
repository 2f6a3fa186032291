//! Any bytes, read as a schedule, drive a whole simulated network.
#![cfg_attr(fuzzing, no_main)]
#[cfg(not(fuzzing))]
fn main() {}

#[cfg(fuzzing)]
libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let _ = sockman_sim::fuzz::connman(bytes);
});
