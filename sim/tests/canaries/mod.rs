//! A planted fault for each oracle, which it must notice: an oracle that notices nothing proves
//! nothing.
//!
//! Most faults are a tenant's (`broken.rs`). What no tenant can do wrong is done behind the node's
//! back, in its kernel, or told to the oracles as a lie.

use sockman_sim::generate::generate;
use sockman_sim::run::{Options, Report, Verdict, run, twice};
use sockman_sim::schedule::Schedule;

use broken::{Broken, Fault};

mod behind;
pub(crate) mod broken;

/// Peers that give every fault an occasion: bytes that come in pieces, a pause and its end, an end
/// in order and one by a reset.
const OCCASION: &str = "
0ms      p1 is honest
         p1 dials
         p2 is honest
         p2 dials
+10ms    p1 sends line x3
fault    node's next send to p1 takes 2 bytes
         p1 sends line
+10ms    p1 stops reading
         p1 sends line length=200000 x3
+1s      p1 reads again
         p2 resets
+1s      p1 half-closes
";

/// Somebody says what nobody expects.
const JUNK: &str = "
0ms      p1 dials
         p1 sends 200 bytes of junk
";

/// Somebody stays for longer than a handshake may take.
const LONG_STAY: &str = "
0ms      p1 dials
+70s     p1 closes
";

/// Seeds of the campaign that has to find a fault.
const SEEDS: std::ops::Range<u64> = 0..200;

fn schedule(fault: Option<Fault>, script: &str) -> Schedule {
    let setting = fault.map_or_else(String::new, |fault| format!("node fault {}\n", fault.name()));
    let text = format!("format 1\nsubject broken\n{setting}node send-buffer 4096\n{script}");
    Schedule::parse("canary", &text).unwrap()
}

/// Twice, as far as it gets: after a run that has failed the second says nothing new.
fn run_broken(schedule: &Schedule, options: &Options) -> Report {
    twice(|| run::<Broken>(schedule, options)).unwrap()
}

#[track_caller]
fn check(fault: Fault, script: &str, oracle: &str) {
    let report = run_broken(&schedule(Some(fault), script), &Options::default());
    assert_eq!(report.verdict.kind(), oracle, "{}", report.verdict);
    let report = run_broken(&schedule(None, script), &Options::default());
    assert_eq!(report.verdict, Verdict::Passed, "without the fault");
}

#[test]
fn every_fault_of_a_tenant_is_noticed_by_its_oracle() {
    check(Fault::LosesAByte, OCCASION, "byte streams");
    check(Fault::RepeatsAByte, OCCASION, "byte streams");
    check(Fault::ForgetsToSend, OCCASION, "latency and work");
    check(Fault::NeverReads, OCCASION, "latency and work");
    check(Fault::ForgetsToResume, OCCASION, "latency and work");
    check(Fault::IsDueForNothing, OCCASION, "latency and work");
    check(Fault::NeverFinishes, OCCASION, "latency and work");
    check(Fault::NeverPauses, OCCASION, "bounds");
    check(Fault::IgnoresNewcomers, OCCASION, "lifecycle");
    check(Fault::KeepsTheDead, OCCASION, "lifecycle");
    check(Fault::TellsUpTwice, OCCASION, "lifecycle");
    check(Fault::NeverTellsDown, OCCASION, "lifecycle");
    check(Fault::NeverTellsUp, OCCASION, "lifecycle");
    check(Fault::CountsTooMuch, OCCASION, "accounting");
    check(Fault::AltersBytes, OCCASION, "protocol");
    check(Fault::NeverReady, LONG_STAY, "protocol");
    check(Fault::Panics, JUNK, "panic");
    check(Fault::RemembersRuns, OCCASION, "determinism");
}

#[test]
fn a_node_that_spins_is_noticed_by_its_steps() {
    let spinning = schedule(Some(Fault::Spins), OCCASION);
    let report = run_broken(&spinning, &Options { steps_max: 10_000, ..Options::default() });
    assert_eq!(report.verdict.kind(), "too long", "it is not passed: {}", report.verdict);
    let report = run_broken(&spinning, &Options::default());
    assert_eq!(report.verdict.kind(), "latency and work", "{}", report.verdict);
}

/// The first seed of the default campaign whose run fails.
fn first_found(fault: Fault) -> Option<u64> {
    SEEDS.into_iter().find(|seed| {
        let generated = generate::<Broken>(*seed);
        let mut schedule = generated.schedule;
        schedule.node.push(("fault".to_owned(), fault.name()));
        // Honest runs end far below this many steps.
        let chance = Some(generated.chance);
        let options = Options { chance, steps_max: 1_000_000, ..Options::default() };
        let report = if fault == Fault::RemembersRuns {
            run_broken(&schedule, &options)
        } else {
            run::<Broken>(&schedule, &options).unwrap()
        };
        !report.verdict.is_passed()
    })
}

#[test]
fn the_default_campaign_finds_every_fault() {
    for fault in Fault::ALL {
        let seed = first_found(fault);
        println!("{fault:?}: first found by seed {seed:?}");
        assert!(seed.is_some(), "{fault:?} is not found by {SEEDS:?}");
    }
}
