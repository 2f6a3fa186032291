//! A run is data: the same schedule is the same run, a clone goes on alike, and what chance has
//! decided can be written down and replayed.

use sockman_sim::generate::{Generated, generate};
use sockman_sim::run::{Options, Progress, Report, Run, Verdict, run};
use sockman_sim::schedule::{Deviation, Op, Schedule, When};
use sockman_sim::subject::Subject;
use sockman_sim::subjects::connman::Connman;
use sockman_sim::subjects::echo::Echo;

mod actors;
mod expectations;
mod faults;
mod flips;
mod in_vain;
mod mailbox;
mod words;

/// What a campaign runs for a seed.
fn options(generated: &Generated) -> Options {
    Options { chance: Some(generated.chance.clone()), ..Options::default() }
}

fn run_seed<X: Subject>(seed: u64) -> Report {
    let generated = generate::<X>(seed);
    run::<X>(&generated.schedule, &options(&generated)).unwrap()
}

/// A schedule of the echo, from its script.
fn parse(script: &str) -> Schedule {
    Schedule::parse("test", &format!("format 1\nsubject echo\n{script}")).unwrap()
}

fn replay(schedule: &Schedule) -> Report {
    run::<Echo>(schedule, &Options::default()).unwrap()
}

#[track_caller]
fn check(script: &str, verdict: &Verdict) {
    let report = replay(&parse(script));
    assert_eq!(&report.verdict, verdict, "{}", report.verdict);
}

// Determinism.

/// Of the usual world, the first few actors and moments: few enough steps that their number can be
/// squared.
fn small<X: Subject>(seed: u64) -> Generated {
    let mut generated = generate::<X>(seed);
    generated.schedule.script.retain(|line| {
        let early = matches!(line.at, When::At(at) if at.as_millis() < 3000);
        let few = line.op.actor().is_some_and(|actor| actor.0 <= 3 || actor.0 > 8);
        early && few
    });
    // Latency and repeats make a run long, not different.
    generated.schedule.script.retain(|line| !matches!(line.op, Op::Send { .. } | Op::Link { .. }));
    generated
}

/// Clones a run at every step, and lets the clone go on to the end.
fn check_clones<X: Subject>(seed: u64) {
    let generated = small::<X>(seed);
    let whole = run::<X>(&generated.schedule, &options(&generated)).unwrap();
    let mut going = Run::<X>::new(&generated.schedule, &options(&generated)).unwrap();
    let mut steps = 0_u64;
    while going.step().unwrap() == Progress::Going {
        steps += 1;
        // Every step is followed by the next, and some by all.
        let mut clone = going.clone();
        if steps.is_multiple_of(61) {
            let report = clone.finish();
            assert_eq!((report.hash, &report.verdict), (whole.hash, &whole.verdict));
        } else {
            let mut other = going.clone();
            assert_eq!(clone.step(), other.step());
            assert_eq!(clone.world().trace().hash(), other.world().trace().hash());
        }
    }
    assert!(steps > 10, "{steps} steps");
}

#[test]
fn a_clone_of_a_run_goes_on_alike() {
    (0..4).for_each(check_clones::<Echo>);
    (0..4).for_each(check_clones::<Connman>);
}

/// A hundred seeds that nothing else runs, twice each.
fn check_fresh_seeds<X: Subject>() {
    for seed in 1_000_000..1_000_100 {
        assert_eq!(run_seed::<X>(seed).hash, run_seed::<X>(seed).hash, "{} {seed}", X::NAME);
    }
}

#[test]
fn fresh_seeds_of_the_echo_give_the_same_run_twice() {
    check_fresh_seeds::<Echo>();
}

#[test]
fn fresh_seeds_of_connman_give_the_same_run_twice() {
    check_fresh_seeds::<Connman>();
}

// Data.

/// Runs a seed, writes down what happened, and runs that.
fn check_recorded<X: Subject>(seed: u64) {
    let report = run_seed::<X>(seed);
    let text = report.recorded.to_string();
    let parsed =
        Schedule::parse("recorded", &text).unwrap_or_else(|error| panic!("{seed}: {error}"));
    assert!(parsed == report.recorded, "{seed}: text and value are the same");
    let bytes = report.recorded.to_bytes();
    assert!(Schedule::from_bytes(&bytes) == report.recorded, "{seed}: bytes and value too");
    let replayed = run::<X>(&parsed, &Options::default()).unwrap();
    assert_eq!(replayed.verdict, report.verdict, "{} {seed}: {}", X::NAME, replayed.verdict);
    assert_eq!(replayed.hash, report.hash, "{} {seed}", X::NAME);
    assert!(replayed.recorded == report.recorded, "{seed}: it is its own record");
}

#[test]
fn a_recorded_run_of_the_echo_replays_from_text_and_bytes() {
    (0..100).for_each(check_recorded::<Echo>);
}

#[test]
fn a_recorded_run_of_connman_replays_from_text_and_bytes() {
    (0..40).for_each(check_recorded::<Connman>);
}

#[test]
fn a_replay_records_nothing_new() {
    let schedule =
        parse("0ms p1 is honest\np1 dials\n\norder at node's 1st recv from p1: gets 1 byte\n");
    let report = replay(&schedule);
    assert_eq!(report.verdict, Verdict::Passed);
    assert!(matches!(report.recorded.order.as_slice(), [Deviation::At { .. }]));
    assert_eq!(report.recorded, schedule);
}
