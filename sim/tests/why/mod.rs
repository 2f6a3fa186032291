//! When a failure became inevitable: on bugs whose cause is known by construction, the step that is
//! named is the cause, however much later something is noticed.

use sockman_sim::run::{Chance, Options, Run, run};
use sockman_sim::schedule::Schedule;
use sockman_sim::schedulers::Strategy;
use sockman_sim::why::{Budget, End, Why, why};

use racy::{Race, Racy};

pub(crate) mod racy;

/// Two peers that say lines at the same instants; what was broken is noticed two seconds later.
const SCRIPT: &str = "
0ms      p1 dials
         p2 dials
+100ms   p1 sends line
         p2 sends line
+100ms   p1 sends line
         p2 sends line
+100ms   p1 sends line
         p1 half-closes
         p2 sends line
         p3 dials
+500ms   p2 sends line x3
+2s      p2 sends line
+100ms   p2 sends line
";

/// How far from its cause a step may be that is named, and how many of the races may miss that.
const STEPS_BESIDE_MAX: u64 = 3;
const MISSED_MAX: usize = 1;

pub(crate) fn scripted(race: Race) -> Schedule {
    let text = format!("format 1\nsubject racy\nnode race {}\n{SCRIPT}", race.name());
    Schedule::parse("race", &text).unwrap()
}

fn budget() -> Budget {
    Budget { runs: 48, ..Budget::default() }
}

/// The first run of some that loses the race, as a schedule.
fn lost(race: Race) -> Schedule {
    let schedule = scripted(race);
    let honest = run::<Racy>(&schedule, &Options::default()).unwrap();
    assert!(honest.verdict.is_passed(), "{race:?} in the usual order: {}", honest.verdict);
    let recorded = (0..4000).find_map(|seed| {
        let weights = race.weights();
        let chance = Chance { seed, strategy: Strategy::NowAndThen(16), weights };
        let options = Options { chance: Some(chance), ..Options::default() };
        let report = run::<Racy>(&schedule, &options).unwrap();
        (!report.verdict.is_passed()).then_some(report.recorded)
    });
    recorded.unwrap_or_else(|| panic!("{race:?} is lost by no seed"))
}

/// The step with which the race was lost: the tenant knows.
fn cause(schedule: &Schedule) -> u64 {
    let mut run = Run::<Racy>::new(schedule, &Options::default()).unwrap();
    let mut steps = 0;
    while !run.world().machine().tenant().is_lost() {
        steps += 1;
        assert!(run.advance().is_none(), "it is lost before it is noticed");
    }
    steps
}

fn explained(schedule: &Schedule) -> Why {
    why::<Racy>(schedule, budget(), || true).unwrap()
}

#[test]
fn the_step_that_is_named_is_the_cause() {
    let mut missed = Vec::new();
    for race in Race::ALL {
        let schedule = lost(race);
        let cause = cause(&schedule);
        let why = explained(&schedule);
        let jump = why.jump.expect("some orders win it");
        println!("{race:?}: cause {cause}, named {}, noticed {}", jump.step, why.steps);
        assert!(why.steps > cause + 20, "{race:?} is noticed much later");
        assert_eq!(why.end, End::Found);
        if jump.step.abs_diff(cause) > STEPS_BESIDE_MAX {
            missed.push((race, cause, jump));
        } else {
            assert!(jump.is_clear(), "{race:?}: {jump:?}");
        }
    }
    assert!(missed.len() <= MISSED_MAX, "{missed:#?}");
}

#[test]
fn the_same_schedule_has_the_same_answer() {
    let schedule = lost(Race::ALL[0]);
    let (one, other) = (explained(&schedule), explained(&schedule));
    assert_eq!(one.curve, other.curve);
    assert_eq!(one.jump, other.jump);
    assert_eq!((one.runs, one.events), (other.runs, other.events));
}

#[test]
fn a_failure_that_the_script_decides_was_always_inevitable() {
    let text = "format 1\nsubject racy\n0ms p1 dials\nexpect p1 receives line, within 1s\n";
    let schedule = Schedule::parse("scripted", text).unwrap();
    let why = explained(&schedule);
    assert_eq!((why.jump, why.certain_from, why.end), (None, 0, End::Found));
}

#[test]
fn who_has_no_time_is_told_what_was_found_by_then() {
    let schedule = lost(Race::ALL[0]);
    let little = Budget { events: 1, ..budget() };
    let found = why::<Racy>(&schedule, little, || true).unwrap();
    assert_eq!(found.end, End::Spent);
    assert_eq!(found.curve.len(), 2, "one prefix and the whole run");
    let found = why::<Racy>(&schedule, budget(), || false).unwrap();
    assert_eq!((found.end, found.curve.len()), (End::Stopped, 1));
}

#[test]
fn what_passes_is_not_explained() {
    let refused = why::<Racy>(&scripted(Race::ALL[0]), budget(), || true).unwrap_err();
    assert_eq!(refused.to_string(), "it passes; expected a schedule that fails");
}
