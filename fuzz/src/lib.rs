//! What the targets share: how libFuzzer calls a body, and what is told of its inputs.
//!
//! A body is in `sockman_sim::fuzz`; nothing here knows what it does.
#![cfg(fuzzing)]

use std::sync::atomic::{AtomicU64, Ordering};

use libfuzzer_sys::{Corpus, fuzzer_mutate};
use sockman_sim::fuzz::Judged;

/// Inputs so far, and those that were more than trivial: a process fuzzes one target.
static INPUTS: AtomicU64 = AtomicU64::new(0);
static DECODED: AtomicU64 = AtomicU64::new(0);

/// By how much libFuzzer may let a payload grow at once, in bytes.
const GROWTH_BYTES: usize = 64;

/// A target that gives each input to a body.
#[macro_export]
macro_rules! target {
    ($body:path) => {
        libfuzzer_sys::fuzz_target!(
            // A panic of a simulated node is a finding, to be told with its schedule: libFuzzer
            // would end the process first.
            init: sockman_sim::panics::note_quietly(),
            |bytes: &[u8]| -> libfuzzer_sys::Corpus { $crate::count($body(bytes)) }
        );
    };
}

/// The same for schedules, with mutations of their own.
#[macro_export]
macro_rules! schedule_target {
    ($name:literal, $body:path) => {
        $crate::target!($body);

        libfuzzer_sys::fuzz_mutator!(|bytes: &mut [u8], size: usize, most: usize, seed: u32| {
            $crate::mutate($name, bytes, size, most, seed)
        });

        libfuzzer_sys::fuzz_crossover!(|one: &[u8], other: &[u8], out: &mut [u8], seed: u32| {
            $crate::crossover($name, one, other, out, seed)
        });
    };
}

/// Counts an input, and tells the counts whenever there are twice as many.
pub fn count(judged: Judged) -> Corpus {
    let inputs = INPUTS.fetch_add(1, Ordering::Relaxed) + 1;
    let is_decoded = u64::from(matches!(judged, Judged::Passed | Judged::Long));
    let decoded = DECODED.fetch_add(is_decoded, Ordering::Relaxed) + is_decoded;
    // The order matters, because ci/fuzzing.sh compares what is seen of the first inputs.
    if inputs >= 256 && inputs.is_power_of_two() {
        eprintln!("decoded: {decoded} of {inputs} inputs are more than trivial");
    }
    match judged {
        Judged::Passed | Judged::Trivial => Corpus::Keep,
        Judged::Long | Judged::Abandoned => Corpus::Reject,
    }
}

/// Mutates the schedule in the first `size` bytes; how many bytes it has then.
pub fn mutate(target: &str, bytes: &mut [u8], size: usize, most: usize, seed: u32) -> usize {
    let mut tool = |payload: &mut Vec<u8>| {
        let size = payload.len();
        payload.resize(size + GROWTH_BYTES, 0);
        let room = payload.len();
        let size = fuzzer_mutate(payload, size, room);
        payload.truncate(size);
    };
    let made = sockman_sim::fuzz::mutate(target, &bytes[..size], most, seed.into(), &mut tool);
    bytes[..made.len()].copy_from_slice(&made);
    made.len()
}

/// Puts two schedules together; how many bytes the result has.
pub fn crossover(target: &str, one: &[u8], other: &[u8], out: &mut [u8], seed: u32) -> usize {
    let made = sockman_sim::fuzz::crossover(target, one, other, out.len(), seed.into());
    out[..made.len()].copy_from_slice(&made);
    made.len()
}
