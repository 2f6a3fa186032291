//! Faults and deviations do what they say, and a line that does nothing is named.

use sockman_sim::run::Verdict;
use sockman_sim::schedule::Place;

use super::*;

/// Two peers, each of which says a line and has it back.
const TALK: &str = "
0ms      p1 is honest
         p1 dials
         p2 is honest
         p2 dials
";

/// Runs the talk with more lines; `line` counts from the first of these.
#[track_caller]
fn check_more(lines: &str, verdict: &Verdict) {
    check(&format!("{TALK}{lines}"), verdict);
}

/// The same, where a line is named by a verdict of this kind.
#[track_caller]
fn check_lost(lines: &str, kind: &str, place: Place) {
    let verdict = replay(&parse(&format!("{TALK}{lines}"))).verdict;
    assert_eq!((verdict.kind(), verdict.place()), (kind, Some(place)), "{verdict}");
}

/// The nth line after the talk.
const fn script(line: usize) -> Place {
    Place::Script(3 + line)
}

#[test]
fn a_fault_that_is_never_reached_has_drifted() {
    check_lost("fault node's 2nd send to p1 takes 1 byte", "drifted", script(1));
    check_more("fault node's next 2 sends to p1 take 1 byte\n+1s p2 closes", &Verdict::Passed);
    check_lost("fault node's next 9 sends to p1 take 1 byte", "drifted", script(1));
    check_lost("fault node's next connect to p1 fails: unreachable", "drifted", script(1));
    check_lost("fault node's 9th accept fails: aborted", "drifted", script(1));
    let later = "+1s p1 sends line\nfault node's 2nd send to p1 takes 1 byte";
    check_lost(later, "drifted", script(2));
}

#[test]
fn a_fault_without_effect_is_not_exercised() {
    check_lost("fault node's next send to p1 takes 3 bytes", "not exercised", script(1));
    check_lost("fault node's next recv from p1 gets 100 bytes", "not exercised", script(1));
    check_more("fault node's next send to p1 takes 2 bytes", &Verdict::Passed);
    check_more("fault node's next recv from p1 gets 1 byte", &Verdict::Passed);
}

#[test]
fn every_fault_that_a_text_can_say_takes_effect() {
    for effect in ["takes 1 byte", "would block", "fails: reset", "fails: timed out"] {
        check_more(&format!("fault node's next send to p1 {effect}"), &Verdict::Passed);
    }
    check_more("fault node's next send to p1 fails: out of memory", &Verdict::Passed);
    for effect in ["gets 1 byte", "would block", "fails: reset", "fails: timed out"] {
        check_more(&format!("fault node's next recv from p1 {effect}"), &Verdict::Passed);
    }
    for effect in ["would block", "fails: out of descriptors", "fails: aborted"] {
        check_more(&format!("fault node's next accept {effect}"), &Verdict::Passed);
    }
}

#[test]
fn every_failure_of_a_connect_takes_effect() {
    for effect in ["reset", "timed out", "out of descriptors", "unreachable"] {
        let text = format!(
            "format 1\n0ms p1 listens\nfault node's next connect to p1 fails: {effect}\n\
             node dials p1\nexpect p1 never receives version\n"
        );
        let schedule = Schedule::parse("connects", &text).unwrap();
        let report = run::<Connman>(&schedule, &Options::default()).unwrap();
        assert_eq!(report.verdict, Verdict::Passed, "{effect}: {}", report.verdict);
    }
}

#[test]
fn a_fault_for_anybody_counts_every_call() {
    // The first is p1's, as planned for it; the second is p2's.
    let lines = "fault node's next send to p1 takes 1 byte\nfault node's 2nd send takes 2 bytes";
    check_more(lines, &Verdict::Passed);
}

#[test]
fn a_deviation_that_is_never_reached_has_drifted() {
    check_lost("\norder at node's 9th recv from p1: gets 1 byte", "drifted", Place::Order(0));
    check_lost(
        "\norder at node's 1st connect to p1: fails: unreachable",
        "drifted",
        Place::Order(0),
    );
    check_lost(
        "\norder before node serves p1 for the 99th time: run commands",
        "drifted",
        Place::Order(0),
    );
    check_lost("\norder before node serves p3: run socket", "drifted", Place::Order(0));
    let reached = "\norder at node's 1st recv from p1: gets 1 byte\n";
    let second = format!("{reached}order at node's 1st recv from p3: gets 1 byte");
    check_lost(&second, "drifted", Place::Order(1));
}

#[test]
fn a_deviation_whose_task_has_nothing_to_do_has_drifted() {
    let text = "\norder before node serves p1: run commands";
    check_lost(text, "drifted", Place::Order(0));
}

#[test]
fn more_than_an_actor_can_keep_is_misspoken() {
    let report = replay(&parse("0ms p1 dials\np1 stops reading\np1 sends line length=1000000 x99"));
    assert_eq!(report.verdict.kind(), "misspoken");
    assert_eq!(report.verdict.place(), Some(Place::Script(2)), "{}", report.verdict);
}
