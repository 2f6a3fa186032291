//! What the bytes of a fuzzer stand for: what its target ran.
//!
//! A target takes out of its bytes what no peer can say and what nobody can expect before it runs
//! them. Bytes may as well be those of a text, exported to be a seed, of which nothing is taken
//! out. So they stand for the first if that fails as a target fails, and otherwise for the second.

use sockman_sim::fuzz;
use sockman_sim::run::{Options, Verdict};
use sockman_sim::schedule::Schedule;
use sockman_sim::subjects::run_named;

/// The schedule that some bytes stand for.
pub(super) fn schedule_of(bytes: &[u8]) -> Schedule {
    let schedule = Schedule::from_bytes(bytes);
    let tame = fuzz::tame(schedule.clone());
    let fails = run_named(&tame, &Options::default())
        .is_ok_and(|report| matches!(report.verdict, Verdict::Failed(_)));
    if fails { tame } else { schedule }
}
