//! Shrinking: what fails becomes short, and goes on failing in the same way.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use sockman::time::Instant;
use sockman_sim::generate::generate;
use sockman_sim::oracles::Violation;
use sockman_sim::run::{Options, Report, Verdict, run, twice};
use sockman_sim::schedule::{Deviation, Schedule, When};
use sockman_sim::shrink::{
    Budget, End, FailureKey, NotShrunk, Shrunk, is_mark, operations, shrink, shrink_with,
};
use sockman_sim::subjects::echo::Echo;

use crate::canaries::broken::{Broken, Fault};

/// Seeds in which a planted fault is looked for.
const SEEDS: std::ops::Range<u64> = 0..600;

/// A run of a test may take so many steps. Honest runs end far below; a node that spins would go
/// on.
const STEPS_MAX: u64 = 100_000;

const BUDGET: Budget = Budget { runs: 2_000, steps: 200_000_000, steps_max: STEPS_MAX, stop: None };

/// Most operations of a shrunk schedule, and of the middle one of all faults.
const OPERATIONS_MAX: usize = 25;
const OPERATIONS_MEDIAN_MAX: usize = 8;

fn run_broken(fault: Fault, schedule: &Schedule, options: &Options) -> Report {
    // Memory from run to run shows only where something is run twice.
    let once = || run::<Broken>(schedule, options);
    if fault == Fault::RemembersRuns { twice(once).unwrap() } else { once().unwrap() }
}

/// The first failure of the default campaign, as it replays.
fn first_found(fault: Fault) -> Schedule {
    let found = SEEDS.into_iter().find_map(|seed| {
        let generated = generate::<Broken>(seed);
        let mut schedule = generated.schedule;
        schedule.node.push(("fault".to_owned(), fault.name()));
        let chance = Some(generated.chance);
        let options = Options { chance, steps_max: STEPS_MAX, ..Options::default() };
        let report = run_broken(fault, &schedule, &options);
        // A long run is given up, which is no failure of those who do not spin.
        let given_up = fault != Fault::Spins && report.verdict.kind() == "too long";
        (!report.verdict.is_passed() && !given_up).then_some(report.recorded)
    });
    found.unwrap_or_else(|| panic!("{fault:?} is not found by {SEEDS:?}"))
}

fn shrink_broken(fault: Fault, schedule: &Schedule) -> Shrunk {
    let mut run = |schedule: &Schedule, options: &Options| Ok(run_broken(fault, schedule, options));
    shrink_with(schedule, &BUDGET, &["line"], &mut run).unwrap()
}

#[test]
fn every_planted_fault_shrinks_to_a_few_operations() {
    let mut counts = Vec::new();
    for fault in Fault::ALL {
        let found = first_found(fault);
        let options = Options { steps_max: STEPS_MAX, ..Options::default() };
        let verdict = run_broken(fault, &found, &options).verdict;
        let shrunk = shrink_broken(fault, &found);
        println!("{fault:?}: {}\n{}", shrunk.stats, shrunk.schedule);
        let text = shrunk.schedule.to_string();

        assert_eq!(FailureKey::of(&verdict, &found), Some(shrunk.key.clone()), "{fault:?}");
        let again = run_broken(fault, &shrunk.schedule, &options).verdict;
        assert_eq!(again, shrunk.verdict, "{fault:?}: it replays");
        assert_eq!(FailureKey::of(&again, &shrunk.schedule), Some(shrunk.key), "{fault:?}");
        assert_eq!(Schedule::parse("shrunk", &text).unwrap(), shrunk.schedule);
        assert_eq!(text, shrink_broken(fault, &found).schedule.to_string(), "{fault:?}: twice");
        assert_eq!(shrunk.stats.end, End::Minimal, "{fault:?}");
        assert_eq!(shrunk.stats.operations_after, operations(&shrunk.schedule));
        counts.push(shrunk.stats.operations_after);

        let mut clean = shrunk.schedule;
        clean.node.retain(|(key, _)| key != "fault");
        let verdict = run::<Broken>(&clean, &options).unwrap().verdict;
        // An order line may name a step that there is with the fault alone.
        let drifted = !clean.order.is_empty() && matches!(verdict, Verdict::Drifted(_));
        assert!(verdict.is_passed() || drifted, "{fault:?}: without it: {verdict}\n{clean}");
    }
    counts.sort_unstable();
    println!("operations: {counts:?}");
    assert!(counts.iter().all(|count| *count <= OPERATIONS_MAX), "{counts:?}");
    assert!(counts[counts.len() / 2] <= OPERATIONS_MEDIAN_MAX, "{counts:?}");
}

/// Shrinks a schedule of the echo whose runs fail if the schedule is like this.
fn shrink_where(text: &str, fails: impl Fn(&Schedule) -> bool) -> Shrunk {
    let schedule = Schedule::parse("where", text).unwrap();
    let mut run = |schedule: &Schedule, options: &Options| {
        let mut report = run::<Echo>(schedule, options)?;
        let at = Instant::START;
        let what = "it is so".to_owned();
        let violation = Violation { oracle: "test", what, since: at, at, rule: "it is not so" };
        let failed = Verdict::Failed(violation);
        report.verdict = if fails(schedule) { failed } else { Verdict::Passed };
        Ok(report)
    };
    shrink_with(&schedule, &BUDGET, &["line"], &mut run).unwrap()
}

/// What a schedule says, without its mark.
fn script_of(shrunk: &Shrunk) -> String {
    let text = shrunk.schedule.to_string();
    let lines = text.lines().filter(|line| !line.strip_prefix("# ").is_some_and(is_mark));
    lines.skip_while(|line| !line.is_empty()).skip(1).map(|line| format!("{line}\n")).collect()
}

#[test]
fn an_order_line_that_is_needed_stays_and_follows_the_script() {
    let text = "format 1\nsubject echo\n0ms p1 dials\np2 dials\n+1s p3 dials\np4 dials\n\
                order before node accepts: run commands\n\
                order before node accepts for the 4th time: run commands\n\
                order at node's 1st recv from p2: would block\n";
    let shrunk = shrink_where(text, |schedule| {
        schedule.order.iter().any(|line| {
            let Deviation::Before { anchor, .. } = line else { return false };
            anchor.verb == "accepts" && anchor.nth as usize == schedule.script.len()
        })
    });
    let expected = "0ms      p1 dials\n\norder    before node accepts: run commands\n";
    assert_eq!(script_of(&shrunk), expected);
}

/// Of p3 nothing is left but a step of its own.
#[test]
fn an_order_line_may_name_an_actor_without_lines() {
    let text = "format 1\nsubject echo\n0ms p2 dials\np3 dials\n\
                order before node's 1st arrival from p3: run poll\n";
    let shrunk = shrink_where(text, |schedule| {
        schedule.order.iter().any(|line| line.to_string().contains("from p3"))
    });
    let order = "order    before node's 1st arrival from p3: run poll\n";
    assert!(script_of(&shrunk).ends_with(order), "{}", shrunk.schedule);
}

#[test]
fn a_result_of_a_call_becomes_a_fault_of_the_script() {
    let text = "format 1\nsubject echo\n0ms p1 is honest\np1 dials\n+1s p1 sends line x3\n\
                order at node's 2nd send to p1: fails: reset\n\
                order at node's 3rd send to p1: would block\n";
    let shrunk = shrink_where(text, |schedule| {
        let text = schedule.to_string();
        text.contains("send to p1") && text.contains("sends line")
    });
    let expected = "0ms      p1 sends line\nfault    node's next send to p1 takes 1 byte\n";
    assert_eq!(script_of(&shrunk), expected);
}

#[test]
fn times_become_round_and_names_the_first() {
    let text = "format 1\nsubject echo\n437ms p7 dials from 198.51.100.9:4000\n+1427ms p9 closes\n";
    let shrunk = shrink_where(text, |schedule| {
        let text = schedule.to_string();
        text.contains("dials") && text.contains("closes") && schedule.actors().len() == 2
    });
    assert_eq!(script_of(&shrunk), "0ms      p1 dials\n         p2 closes\n");
    let shrunk = shrink_where(text, |schedule| {
        let waits = schedule.script.iter().map(|line| match line.at {
            When::After(wait) => wait,
            When::Same | When::At(_) => Duration::ZERO,
        });
        waits.sum::<Duration>() >= Duration::from_millis(1200)
    });
    assert_eq!(script_of(&shrunk), "0ms      p1 dials\n+2s      p1 closes\n");
}

#[test]
fn what_an_expectation_is_about_stays() {
    let text = "# A title.\nformat 1\nsubject echo\n\n0ms p1 is honest\np1 dials\np2 is chatty\n\
                p2 dials\n+3s p1 sends line\nexpect p1 receives line x9, in order, within 7s\n\
                +5s p2 closes\n";
    let schedule = Schedule::parse("expectation", text).unwrap();
    let shrunk = shrink::<Echo>(&schedule, &BUDGET).unwrap();
    let expected = "0ms      p1 is honest\n         p1 dials\n+3s      p1 sends line\n\
                    expect   p1 receives line x9, in order, within 7s\n";
    assert_eq!(script_of(&shrunk), expected);
    let text = shrunk.schedule.to_string();
    assert!(text.starts_with("# A title.\nformat 1\n"), "{text}");
    let (before, _) = text.split_once("expect   p1").unwrap();
    let mark = before.lines().last().unwrap();
    assert!(mark.starts_with("# fails here: expectation not met: p"), "{text}");
    let again = shrink::<Echo>(&shrunk.schedule, &BUDGET).unwrap();
    assert_eq!(again.schedule.to_string(), text, "shrinking again changes nothing");
}

#[test]
fn what_passes_or_cannot_be_run_is_not_shrunk() {
    let parse = |text: &str| Schedule::parse("not shrunk", text).unwrap();
    let passes = shrink::<Echo>(&parse("format 1\nsubject echo\n0ms p1 dials\n"), &BUDGET);
    assert_eq!(passes.unwrap_err(), NotShrunk::Passes);
    let colour = "format 1\nsubject echo\nnode colour blue\n0ms p1 dials\n";
    assert!(matches!(shrink::<Echo>(&parse(colour), &BUDGET), Err(NotShrunk::Setup(_))));
}

#[test]
fn a_spent_budget_gives_what_was_found_so_far() {
    let found = first_found(Fault::NeverPauses);
    let mut left = Vec::new();
    for runs in [1, 2, 5, 10, 20] {
        let budget = Budget { runs, ..BUDGET };
        let shrunk = shrink::<Broken>(&found, &budget).unwrap();
        assert!(shrunk.stats.runs <= runs, "{}", shrunk.stats);
        assert_eq!(shrunk.stats.end, End::Spent);
        let options = Options { steps_max: STEPS_MAX, ..Options::default() };
        let verdict = run::<Broken>(&shrunk.schedule, &options).unwrap().verdict;
        assert_eq!(FailureKey::of(&verdict, &shrunk.schedule), Some(shrunk.key));
        left.push(shrunk.stats.operations_after);
    }
    assert_eq!(left[0], operations(&found), "one run is for the failure itself");
    assert!(left.is_sorted_by(|before, after| before >= after), "{left:?}");
    let few = Budget { steps: 1, ..BUDGET };
    assert_eq!(shrink::<Broken>(&found, &few).unwrap().stats.runs, 1);
}

#[test]
fn a_shrink_that_is_stopped_gives_what_was_found_by_then() {
    let found = first_found(Fault::NeverPauses);
    let stop = Arc::new(AtomicBool::new(false));
    let budget = Budget { stop: Some(Arc::clone(&stop)), ..BUDGET };
    let mut runs = 0;
    let mut run_and_stop = |schedule: &Schedule, options: &Options| {
        runs += 1;
        stop.store(runs == 10, Ordering::Relaxed);
        run::<Broken>(schedule, options)
    };
    let shrunk = shrink_with(&found, &budget, &[], &mut run_and_stop).unwrap();
    assert_eq!((shrunk.stats.runs, shrunk.stats.end), (10, End::Stopped));
    let verdict = run::<Broken>(&shrunk.schedule, &Options::default()).unwrap().verdict;
    assert_eq!(FailureKey::of(&verdict, &shrunk.schedule), Some(shrunk.key));
}
