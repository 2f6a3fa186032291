//! One schedule in two places: the virtual network and this machine's loopback.

use std::fs;
use std::path::Path;

use sockman_sim::generate::Plan;
use sockman_sim::places::{Compared, Disagreement, Place, Shortcomings, Tier, play, tier};
use sockman_sim::run::Options;
use sockman_sim::schedule::Schedule;
use sockman_sim::schedulers::Strategy;
use sockman_sim::subjects::connman::Connman;
use sockman_sim::subjects::{NAMES, compare_named, generate_for, run_named};

use super::corpus::{Case, cases, check_all};

/// Schedules that are drawn for both places, of each subject; ci/two-places.sh draws more.
const SEEDS: u64 = 15;

fn parse(script: &str) -> Schedule {
    Schedule::parse("test", &format!("format 1\n\n{script}")).unwrap()
}

fn compare(schedule: &Schedule) -> Compared {
    compare_named(schedule, Place::Tcp, &Options::default()).unwrap()
}

fn is_for_tcp(case: &Case) -> bool {
    tier::of(&case.schedule) <= Place::Tcp.tier()
}

#[test]
fn every_case_that_loopback_tcp_can_carry_out_passes_there_and_looks_the_same() {
    let cases: Vec<_> = cases("corpus").into_iter().filter(is_for_tcp).collect();
    check_all(&cases, |case| {
        let compared = compare(&case.schedule);
        let unlike = compared.disagreement().map(|disagreement| disagreement.to_string());
        let report = &compared.right.report;
        let told = || report.told(None).to_string();
        unlike.or_else(|| (!report.verdict.is_passed()).then(told))
    });
}

#[test]
fn three_in_four_cases_of_the_connection_manager_run_on_loopback_tcp() {
    let cases = cases("corpus/connman");
    let on_tcp = cases.iter().filter(|case| is_for_tcp(case)).count();
    assert!(on_tcp * 4 >= cases.len() * 3, "{on_tcp} of {}", cases.len());
}

#[test]
fn drawn_schedules_look_the_same_in_both_places() {
    for subject in NAMES {
        for seed in 0..SEEDS {
            let plan = Plan { strategy: Some(Strategy::Default), ..Plan::default() };
            let generated = generate_for(subject, &plan, seed).unwrap();
            let options = Options { chance: Some(generated.chance), ..Options::default() };
            let schedule = tier::of_drawn(&generated.schedule, Place::Tcp.tier());
            let recorded = run_named(&schedule, &options).unwrap().recorded;
            let compared = compare(&recorded);
            if let Some(disagreement) = compared.disagreement() {
                panic!("{subject}, seed {seed}: {disagreement}\n{recorded}");
            }
        }
    }
}

#[test]
fn what_differs_is_noticed() {
    let one = parse("0ms p1 dials\np1 is honest\n+1s p1 sends ping nonce=7\n");
    let other = parse("0ms p1 dials\np1 is honest\n+1s p1 sends ping nonce=8\n");
    let late = parse("0ms p1 dials\np1 is honest\n+1100ms p1 sends ping nonce=7\n");
    let left = play::<Connman>(&one, Place::Mock, &Options::default()).unwrap();
    for changed in [other, late] {
        let right = play::<Connman>(&changed, Place::Tcp, &Options::default()).unwrap();
        let compared = Compared { left: left.clone(), right };
        assert!(matches!(compared.disagreement(), Some(Disagreement::Transcript(_))));
    }
    let right = play::<Connman>(&one, Place::Tcp, &Options::default()).unwrap();
    assert!(!right.transcript.accounts.is_empty());
    assert_eq!(right.transcript, left.transcript);
}

#[test]
fn every_sort_of_ending_looks_the_same_in_both_places() {
    let endings = [
        "p1 closes",
        "p1 resets",
        "p1 half-closes",
        "node drops p1",
        "node restarts",
        "p1 vanishes\n+1s node is told ping",
        "p1 stops reading\np1 sends ping x3\n+1s p1 resets",
    ];
    for ending in endings {
        let schedule = parse(&format!("0ms p1 dials\np1 is honest\n+1s {ending}\n"));
        let compared = compare(&schedule);
        let unlike = compared.disagreement().map(|disagreement| disagreement.to_string());
        assert_eq!(unlike, None, "{ending}");
        assert_eq!(compared.right.shortcomings, Shortcomings::default(), "{ending}");
    }
}

#[test]
fn full_buffers_look_the_same_in_both_places() {
    let settings = "format 1\nnode send-buffer 4096\nnode receive-buffer 1000\n\n";
    let script = "0ms p1 dials\np1 is honest\n+1s p1 stops reading\np1 sends ping x2300\n\
                  +1s p1 reads again\n";
    let schedule = Schedule::parse("test", &format!("{settings}{script}")).unwrap();
    let compared = compare(&schedule);
    let unlike = compared.disagreement().map(|disagreement| disagreement.to_string());
    assert_eq!(unlike, None);
}

#[test]
fn tier_is_that_of_the_highest_line() {
    for (script, expected) in [
        ("0ms p1 dials\np1 vanishes\n", Tier::Peer),
        ("0ms p1 dials\nnode drops p1\n", Tier::Call),
        ("0ms p1 dials\nexpect node drops p1 within 1s\n", Tier::Peer),
        ("0ms p1 dials\nexpect node drops p1 within 1s because peer-closed\n", Tier::Call),
        ("0ms p1 dials\nlink p1 latency 1s\nnode drops p1\n", Tier::Inner),
    ] {
        assert_eq!(tier::of(&parse(script)), expected, "{script}");
    }
    let to = |node: &str| {
        let text = format!("format 1\nnode connect {node}\n\n0ms p1 dials\n");
        tier::of(&Schedule::parse("test", &text).unwrap())
    };
    assert_eq!(to("203.0.113.1:18444"), Tier::Peer);
    assert_eq!(to("203.0.113.1:18444 198.51.100.9:18444"), Tier::Inner);
}

#[test]
fn what_is_left_of_a_schedule_happens_when_it_would_have() {
    let schedule = parse("0ms p1 dials\n+1s link p1 latency 1s\n+2s p1 closes\n");
    let rest = tier::without_above(&schedule, Tier::Call);
    assert_eq!(rest.times(), [0, 3].map(std::time::Duration::from_secs));
    assert_eq!(tier::above(&schedule, Tier::Call).len(), 1);
}

#[test]
fn page_about_the_corpus_lists_every_operation_with_its_tier() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../corpus/README.md");
    let page = fs::read_to_string(page).unwrap();
    for operation in tier::TABLE {
        let row = format!("| {} | {} |", operation.name, operation.tier);
        assert!(page.contains(&row), "no row: {row}");
    }
}
