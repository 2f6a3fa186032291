//! Guided search: what a run is seen as, what mutations make, and what a search finds.

use std::collections::BTreeSet;

use sockman_sim::generate::{Generated, Plan, generate};
use sockman_sim::guided::language::observe;
use sockman_sim::guided::mutate::mutate;
use sockman_sim::guided::search::Taken;
use sockman_sim::guided::{Budget, Language, Search, Transition};
use sockman_sim::run::{Options, Report, run};
use sockman_sim::schedule::Schedule;
use sockman_sim::shrink::FailureKey;
use sockman_sim::subject::Subject;
use sockman_sim::subjects::connman::Connman;
use sockman_sim::subjects::echo::Echo;
use sockman_sim::trace::TraceHash;

use crate::canaries::broken::{Broken, Fault};

// What a run is seen as.

fn transitions<X: Subject>(script: &str) -> Vec<String> {
    let text = format!("format 1\nsubject {}\n{script}", X::NAME);
    let schedule = Schedule::parse("guided", &text).unwrap();
    let (_, seen) = observe::<X>(&schedule, &Options::default()).unwrap();
    seen.iter().map(ToString::to_string).collect()
}

#[test]
fn a_handshake_and_a_ping_are_these_transitions() {
    let script = "0ms p1 dials\np1 sends version, verack\n+10ms p1 sends ping\n+10ms p1 closes\n";
    let expected = [
        "node: calls accept -> connection",
        "node: calls accept -> would block",
        "awaits-verack inbound: calls send -> all",
        "awaits-version inbound: calls recv -> bytes",
        "ready inbound: calls recv -> bytes",
        "ready inbound: calls recv -> end of stream",
        "ready inbound: calls send -> all",
        "half-closed ready inbound, over: calls close -> done",
        "open inbound, paused: delivers accepted -> up",
        "open inbound, paused: delivers accepted -> wants to be read from",
        "awaits-version inbound: delivers received -> nothing",
        "ready inbound: delivers received -> nothing",
        "half-closed ready inbound: delivers eof -> becomes over",
        "awaits-verack inbound: send -> sends",
        "awaits-version inbound, to be read from: receive -> is read from",
        "ready inbound: send -> sends",
        "half-closed ready inbound, over: close -> down peer-closed",
        "awaits-verack inbound: handles verack -> queues ping",
        "awaits-verack inbound: handles verack -> queues sendcmpct",
        "awaits-verack inbound: handles verack -> ready",
        "awaits-verack inbound: handles verack -> taken",
        "awaits-version inbound: handles version -> queues sendaddrv2",
        "awaits-version inbound: handles version -> queues verack",
        "awaits-version inbound: handles version -> queues version",
        "awaits-version inbound: handles version -> queues wtxidrelay",
        "awaits-version inbound: handles version -> taken",
        "ready inbound: handles ping -> queues pong",
        "ready inbound: handles ping -> taken",
    ];
    assert_eq!(transitions::<Connman>(script), expected);
}

#[test]
fn a_protocol_without_words_of_its_own_has_the_general_transitions() {
    let script = "0ms p1 dials\np1 sends line\n+10ms p1 half-closes\n";
    let expected = [
        "node: calls accept -> connection",
        "node: calls accept -> would block",
        "up inbound: calls recv -> bytes",
        "up inbound: calls recv -> end of stream",
        "up inbound: calls send -> all",
        "half-closed up inbound: calls shutdown -> done",
        "finishing up inbound: calls close -> done",
        "finishing up inbound: calls recv -> end of stream",
        "open inbound, paused: delivers accepted -> up",
        "open inbound, paused: delivers accepted -> wants to be read from",
        "up inbound: delivers received -> nothing",
        "half-closed up inbound: delivers eof -> nothing",
        "dead up inbound: delivers finished -> nothing",
        "up inbound: send -> sends",
        "up inbound, to be read from: receive -> is read from",
        "half-closed up inbound: finish -> becomes finishing",
        "dead up inbound: close -> down closed",
    ];
    assert_eq!(transitions::<Echo>(script), expected);
}

#[test]
fn another_order_and_a_command_are_transitions() {
    let script = "0ms p1 dials\nnode is told ping\n\norder before node is commanded: run socket\n";
    let seen = transitions::<Connman>(script);
    for one in ["node: before commanded -> run socket", "node: commanded ping -> nothing"] {
        assert!(seen.iter().any(|transition| transition == one), "{one} is not in {seen:#?}");
    }
}

#[test]
fn what_is_expected_is_coarse_and_named_apart() {
    let language = Language::of::<Connman>();
    let list = language.expected();
    assert!(list.iter().all(|one| one.coarse() == *one));
    let names: BTreeSet<_> = list.iter().map(ToString::to_string).collect();
    assert_eq!(names.len(), list.len());
    // Nobody is dialled by an echo.
    let language = Language::of::<Echo>();
    let echo = language.expected();
    assert!(!echo.is_empty() && echo.iter().all(|one| !one.to_string().contains("outbound")));
}

#[test]
fn looking_at_a_run_changes_nothing_of_it() {
    for seed in 0..20 {
        let generated = generate::<Connman>(seed);
        let options = Options { chance: Some(generated.chance), ..Options::default() };
        let plain = run::<Connman>(&generated.schedule, &options).unwrap();
        let (observed, seen) = observe::<Connman>(&generated.schedule, &options).unwrap();
        assert_eq!((plain.hash, plain.stats), (observed.hash, observed.stats));
        assert!(!seen.is_empty());
    }
}

// Mutations.

/// Mutates mutations of a seed, again and again.
fn check_mutations<X: Subject>(seed: u64) {
    let (language, plan) = (Language::of::<X>(), Plan::default());
    let mut parent = generate::<X>(seed);
    for number in 0..300 {
        let child = mutate(&language, &plan, &parent, number);
        let text = child.schedule.to_string();
        let parsed = Schedule::parse("mutated", &text).unwrap();
        assert!(parsed == child.schedule, "mutation {number}: text and value are the same");
        assert_eq!(parsed.to_string(), text, "mutation {number} is written as it is read");
        assert!(child.schedule.script.len() <= 300, "mutation {number} is bounded");
        let again = mutate(&language, &plan, &parent, number);
        assert!(again.schedule == child.schedule && again.chance == child.chance);
        if number % 10 == 0 {
            parent = child;
        }
    }
}

#[test]
fn mutations_are_schedules_that_can_be_said() {
    for seed in 0..6 {
        check_mutations::<Connman>(seed);
        check_mutations::<Echo>(seed);
    }
}

fn options(generated: &Generated) -> Options {
    Options { chance: Some(generated.chance.clone()), ..Options::default() }
}

#[test]
fn what_chance_decides_of_a_mutation_is_written_down_and_replays() {
    let (language, plan) = (Language::of::<Connman>(), Plan::default());
    for seed in 0..20 {
        let child = mutate(&language, &plan, &generate::<Connman>(seed), seed);
        let report = run::<Connman>(&child.schedule, &options(&child)).unwrap();
        let text = report.recorded.to_string();
        let parsed = Schedule::parse("recorded", &text).unwrap();
        assert_eq!(parsed.to_string(), text);
        let replayed = run::<Connman>(&parsed, &Options::default()).unwrap();
        assert_eq!((replayed.verdict, replayed.hash), (report.verdict, report.hash), "{seed}");
    }
}

// Searches.

fn budget(campaign: u64, runs: u64) -> Budget {
    let first = campaign << 32;
    Budget { seeds: first..first + runs, events: None, stops_at_failure: false }
}

/// A search at its end, and the hash of all that it ran.
fn search<X: Subject>(budget: Budget, is_reversed: bool) -> (Search, TraceHash) {
    let language = Language::of::<X>();
    let mut search = Search::new(language.clone(), Plan::default(), budget);
    let mut hash = TraceHash::new();
    loop {
        let mut round = search.round();
        if round.is_empty() {
            return (search, hash);
        }
        if is_reversed {
            round.reverse();
        }
        let mut done: Vec<_> = round.into_iter().map(|one| (one.run(&language), one)).collect();
        done.sort_by_key(|(_, asked)| asked.seed);
        for ((report, seen), asked) in done {
            if search.take(&asked, &report, &seen).is_some() {
                hash.add(report.hash.value());
            }
        }
    }
}

#[test]
fn a_search_goes_the_same_way_in_whatever_order_its_runs_are_made() {
    let reached = |campaign, is_reversed| {
        let (search, hash) = search::<Connman>(budget(campaign, 100), is_reversed);
        (hash, search.kept_count(), search.reached())
    };
    let one = reached(3, false);
    assert_eq!(one, reached(3, true));
    assert_ne!(one.0, reached(4, false).0);
}

/// What the first runs of a search for a fault came to: all of them, or up to the first failure.
fn failures(stops_at_failure: bool) -> Vec<(Taken, Report)> {
    let language = Language::of::<Broken>();
    let budget = Budget { stops_at_failure, ..budget(1, 80) };
    let mut search = Search::new(language.clone(), Plan::default(), budget);
    let mut failures = Vec::new();
    loop {
        let round = search.round();
        if round.is_empty() {
            return failures;
        }
        for mut asked in round {
            let node = &mut asked.generated.schedule.node;
            if node.iter().all(|(key, _)| key != "fault") {
                node.push(("fault".to_owned(), Fault::Panics.name()));
            }
            let (report, seen) = asked.run(&language);
            match search.take(&asked, &report, &seen) {
                Some(taken @ (Taken::FailedAnew | Taken::FailedAgain)) => {
                    failures.push((taken, report));
                }
                Some(Taken::Passed | Taken::GivenUp) | None => {}
            }
        }
    }
}

#[test]
fn a_search_ends_with_its_first_failure_if_it_is_to() {
    let found = failures(true);
    assert_eq!(found.len(), 1);
    let (taken, report) = &found[0];
    assert_eq!(*taken, Taken::FailedAnew);
    let replayed = run::<Broken>(&report.recorded, &Options::default()).unwrap();
    assert_eq!((&replayed.verdict, replayed.hash), (&report.verdict, report.hash));
}

#[test]
fn the_same_failure_is_new_once() {
    let found = failures(false);
    let mut known = Vec::new();
    for (taken, report) in &found {
        let key = FailureKey::of(&report.verdict, &report.recorded).unwrap();
        assert_eq!(*taken == Taken::FailedAgain, known.contains(&key), "{key}");
        known.push(key);
    }
    assert!(found.iter().any(|(taken, _)| *taken == Taken::FailedAgain));
}

/// What seeds reach without a guide, up to the run that spends the budget.
fn reached_by_seeds<X: Subject>(campaign: u64, events: u64) -> BTreeSet<Transition> {
    let mut reached = BTreeSet::new();
    let mut spent = 0;
    for seed in campaign << 32.. {
        let generated = generate::<X>(seed);
        let (report, seen) = observe::<X>(&generated.schedule, &options(&generated)).unwrap();
        reached.extend(seen);
        spent += report.stats.events;
        if spent >= events {
            break;
        }
    }
    reached
}

#[test]
fn a_guide_reaches_half_as_much_again_for_the_same_socket_events() {
    let events = 60_000;
    let language = Language::of::<Connman>();
    let as_expected = |reached: &BTreeSet<Transition>| {
        let coarse: BTreeSet<_> = reached.iter().map(|one| one.coarse()).collect();
        language.expected().intersection(&coarse).count()
    };
    for campaign in 1..=2 {
        let seeds = reached_by_seeds::<Connman>(campaign, events);
        let budget = Budget { events: Some(events), ..budget(campaign, 1 << 32) };
        let guided = search::<Connman>(budget, false).0.reached();
        let expected = (as_expected(&seeds), as_expected(&guided));
        println!("campaign {campaign}: seeds {}, guided {}", seeds.len(), guided.len());
        println!("of those expected: seeds {}, guided {}", expected.0, expected.1);
        assert!(guided.len() * 2 > seeds.len() * 3, "{} and {}", guided.len(), seeds.len());
        assert!(expected.1 > expected.0);
    }
}
