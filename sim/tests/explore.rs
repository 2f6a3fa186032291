//! All orders of a small world: planted races are found, and what is left out comes to the same.

use sockman_sim::explore::{Budget, Explored, Reduction, explore};
use sockman_sim::run::{Options, Run, run};
use sockman_sim::schedule::Schedule;
use sockman_sim::subject::Subject;
use sockman_sim::subjects::connman::Connman;
use sockman_sim::subjects::echo::Echo;

use crate::why::racy::{Race, Racy};
use crate::why::scripted;

/// Two peers that both want something at once.
const PAIR: &str = "
0ms      p1 dials
         p2 dials
+100ms   p1 sends SAID
         p2 sends SAID
";

fn explored<X: Subject>(
    schedule: &Schedule,
    from: u64,
    depth: u32,
    reduction: Reduction,
) -> Explored {
    let budget = Budget { from, depth, reduction, transitions: 1_000_000 };
    explore::<X>(schedule, budget, &|| true).unwrap()
}

/// Shortly before the race begins in the usual order.
fn before_the_race(schedule: &Schedule) -> u64 {
    let mut run = Run::<Racy>::new(schedule, &Options::default()).unwrap();
    let mut steps = 0;
    while run.world().machine().tenant().chunks() < 5 {
        steps += 1;
        assert!(run.advance().is_none());
    }
    steps - 2
}

#[track_caller]
fn check_found(race: Race) {
    let schedule = scripted(race);
    let explored = explored::<Racy>(&schedule, before_the_race(&schedule), 5, Reduction::SleepSets);
    println!("{race:?}: {explored}");
    let [failure] = &explored.failures[..] else { panic!("{race:?}: {explored:?}") };
    assert!(explored.is_exhausted);
    let replayed = run::<Racy>(&failure.schedule, &Options::default()).unwrap();
    assert_eq!(replayed.verdict, failure.verdict, "it replays");
    assert!(!failure.schedule.order.is_empty());
}

#[test]
fn planted_races_are_found() {
    check_found(Race::BytesInBetween);
    check_found(Race::SecondBeforeFirst);
}

#[track_caller]
fn check_reduction<X: Subject>(schedule: &Schedule, from: u64) -> u64 {
    let reduced = explored::<X>(schedule, from, 8, Reduction::SleepSets);
    let all = explored::<X>(schedule, from, 8, Reduction::Nothing);
    println!("{}, from {from}:\n{reduced}\nunreduced:\n{all}", X::NAME);
    assert!(reduced.is_exhausted && all.is_exhausted);
    assert!(all.finals > 1, "there is something to choose");
    assert_eq!(reduced.finals, all.finals, "from {from}");
    assert!(reduced.orders <= all.orders);
    assert!(reduced.failures.is_empty() && all.failures.is_empty());
    reduced.slept
}

fn pair(subject: &str, said: &str) -> Schedule {
    let script = PAIR.replace("SAID", said);
    Schedule::parse("pair", &format!("format 1\nsubject {subject}\n{script}")).unwrap()
}

#[test]
fn what_is_left_out_comes_to_the_same_final_states() {
    let mut slept = 0;
    slept += check_reduction::<Echo>(&pair("echo", "line"), 20);
    let shaken = pair("connman", "version, verack, ping nonce=7");
    for from in [20, 40] {
        slept += check_reduction::<Connman>(&shaken, from);
    }
    assert!(slept > 0, "it leaves something out");
}

#[test]
fn an_exploration_goes_the_same_way_each_time_and_ends_with_its_budget() {
    let schedule = pair("echo", "line");
    let budget = Budget { depth: 8, transitions: 40, ..Budget::default() };
    let explore = |budget| explore::<Echo>(&schedule, budget, &|| true).unwrap();
    let (one, other) = (explore(budget), explore(budget));
    assert_eq!(one.to_string(), other.to_string());
    assert!(!one.is_exhausted && one.transitions < 60, "{one}");
}
