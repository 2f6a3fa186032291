//! The way from an operator's threads to the node: what is left there is seen, in whatever order.

use sockman::driver::COMMANDS_MAX;
use sockman_sim::generate::{Plan, generate_by};
use sockman_sim::trace::Story;
use sockman_sim::worlds;

use super::*;

/// Seeds of the campaign that has to find a fault.
const SEEDS: std::ops::Range<u64> = 0..300;

#[track_caller]
fn check_connman(text: &str) {
    let schedule = Schedule::parse("mailbox", &format!("format 1\n{text}")).unwrap();
    let report = run::<Connman>(&schedule, &Options::default()).unwrap();
    assert_eq!(report.verdict, Verdict::Passed, "{}", report.verdict);
}

#[test]
fn a_node_that_is_stopped_closes_everything_and_begins_again() {
    for text in [
        "0ms p1 is honest\np1 dials\n+1s node is told stop\nexpect node drops p1 within 0ms\n",
        "0ms p1 is honest\np1 dials\n+1s node is told stop\n+1s node restarts\np1 dials\n\
         expect node connects p1 within 1s\nexpect node keeps p1\n",
        // What is asked for together with its end is left to nobody.
        "0ms p1 is honest\np1 dials\n\
         +1s node is told ping\nnode is told stop\nnode is told inspect\n",
    ] {
        check_connman(text);
    }
}

#[test]
fn nothing_can_be_left_with_a_node_that_has_stopped() {
    for line in ["is told stop", "is told inspect", "is told ping", "dials itself"] {
        let text = format!(
            "format 1\nexpect p9 never receives ping\n0ms node is told stop\n+1s node {line}\n"
        );
        let schedule = Schedule::parse("stopped", &text).unwrap();
        let verdict = run::<Connman>(&schedule, &Options::default()).unwrap().verdict;
        assert_eq!(verdict.kind(), "not exercised", "{line}: {verdict}");
        assert!(verdict.to_string().ends_with("\n  somebody has stopped the node"), "{verdict}");
    }
}

#[test]
fn every_node_is_told_to_stop_and_shown() {
    check("0ms p1 dials\n+1s node is told inspect\nnode is told inspect\n", &Verdict::Passed);
    check("0ms p1 dials\n+1s node is told stop\n", &Verdict::Passed);
    // The echo has no commands of its own.
    let other = parse("0ms node is told ping");
    assert!(run::<Echo>(&other, &Options::default()).is_err());
}

/// What the operator's thread, the driver and its machine do after the first push, up to the end.
fn sayings(order: &str) -> Vec<String> {
    let text = format!("format 1\n0ms p1 is silent\np1 dials\nnode is told ping\n\n{order}");
    let schedule = Schedule::parse("steps", &text).unwrap();
    let options = Options { story: Story::Keep, ..Options::default() };
    let report = run::<Connman>(&schedule, &options).unwrap();
    assert_eq!(report.verdict, Verdict::Passed, "{order}: {}", report.verdict);
    let said = report.story.iter().map(|entry| entry.what.clone());
    let is_one = |what: &String| {
        ["operator", "[driver]", "[commands]"].iter().any(|start| what.starts_with(start))
    };
    said.filter(is_one).collect()
}

#[test]
fn another_thread_and_the_driver_go_in_the_order_that_a_schedule_says() {
    let [leaves, wakes] = ["operator leaves it at the door", "operator wakes the node"];
    let one = "[driver] took in 1";
    let handled = "[commands] handled a command";
    let busy = "order before node's 1st push: run arrival\n\
                order before node's 1st push: run arrival\n\
                order before node's 1st push: run poll\n";
    assert_eq!(sayings(""), [leaves, wakes, one, handled]);
    // It is busy with p1, and looks at its door in between.
    let early = format!("{busy}order before node's 1st wake: run driver\n");
    assert_eq!(sayings(&early), [leaves, one, wakes, handled]);
    let before = format!("{busy}order before node's 1st push: run socket\n");
    assert_eq!(sayings(&before), [leaves, wakes, one, handled]);
}

#[test]
fn no_more_waits_at_the_door_than_may() {
    let lines = "node is told ping\n".repeat(COMMANDS_MAX);
    check_connman(&format!("0ms p1 is honest\np1 dials\n+1s {lines}"));
}

/// The first seed of the default campaign whose run fails if nobody wakes the node, which replays.
#[track_caller]
fn check_found<X: Subject>() {
    let careless = Options { is_operator_careless: true, ..Options::default() };
    for seed in SEEDS {
        let generated = generate::<X>(seed);
        let options = Options { is_operator_careless: true, ..options(&generated) };
        let report = run::<X>(&generated.schedule, &options).unwrap();
        let Verdict::Failed(violation) = &report.verdict else { continue };
        println!("{}: first found by seed {seed}", X::NAME);
        assert_eq!(violation.oracle, "latency and work", "seed {seed}: {violation}");
        let replayed = run::<X>(&report.recorded, &careless).unwrap();
        assert_eq!((replayed.verdict, replayed.hash), (report.verdict, report.hash), "{seed}");
        return;
    }
    panic!("{}: it is not found by {SEEDS:?}", X::NAME);
}

#[test]
fn the_default_campaign_finds_a_wake_that_is_lost() {
    check_found::<Connman>();
    check_found::<Echo>();
}

/// Whoever waits for its turn does not let the driver look and wait, look and wait.
#[test]
fn a_driver_that_goes_first_comes_to_an_end() {
    let world = worlds::named("operator").unwrap();
    let plan = Plan { world: Some(world), strategy: None };
    for seed in 0..60 {
        let generated = generate_by::<Connman>(&plan, seed);
        // Far above what an honest one takes; one went on for 106,409.
        let options = Options { steps_max: 100_000, ..options(&generated) };
        let report = run::<Connman>(&generated.schedule, &options).unwrap();
        assert_eq!(report.verdict, Verdict::Passed, "seed {seed}: {}", report.verdict);
    }
}
