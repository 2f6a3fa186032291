//! A line of a case that does nothing is named; in what chance makes it is none of anybody's
//! concern.

use sockman_sim::schedule::Place;
use sockman_sim::subject::Dialect as _;

use super::*;

/// What makes a case of the echo's script without being about anything.
const CASE: &str = "expect p9 never receives line\n0ms";

/// Fails unless the last line is named, and only in a case.
#[track_caller]
fn check_in_vain<X: Subject>(script: &str, why: &str) {
    let last = script.trim().lines().count();
    let (name, word) = (X::NAME, X::Dialect::vocabulary()[0]);
    let case = format!("expect p9 never receives {word}\n0ms {}", script.trim());
    let text = format!("format 1\nsubject {name}\n{case}\n");
    let schedule = Schedule::parse("case", &text).unwrap();
    let verdict = run::<X>(&schedule, &Options::default()).unwrap().verdict;
    assert_eq!(verdict.kind(), "not exercised", "{verdict}");
    assert_eq!(verdict.place(), Some(Place::Script(last)), "{verdict}");
    assert!(verdict.to_string().ends_with(&format!("\n  {why}")), "{verdict}");

    let mut schedule = schedule;
    schedule.script.remove(0);
    let verdict = run::<X>(&schedule, &Options::default()).unwrap().verdict;
    assert_eq!(verdict, Verdict::Passed, "no case: {verdict}");
}

/// Passes as a case.
#[track_caller]
fn check_done(script: &str) {
    check(&format!("{CASE} {script}"), &Verdict::Passed);
}

const NONE: &str = "it has no connection";

#[test]
fn what_needs_a_connection_does_nothing_without() {
    let echo = check_in_vain::<Echo>;
    for line in ["resets", "closes", "half-closes", "sends line", "sends 2 bytes of junk"] {
        echo(&format!("p1 {line}"), NONE);
        echo(&format!("p1 dials\n+1s p1 closes\n+1s p1 {line}"), NONE);
        echo(&format!("p1 listens\np1 {line}"), NONE);
    }
    echo("p1 dials\np1 sends 2 bytes of line\n+1s p1 resets\np1 sends the rest", NONE);
    check_done("p1 dials\n+1s p1 resets\np1 dials\np1 closes\np1 dials\np1 half-closes");
}

#[test]
fn what_waits_for_the_connection_is_done() {
    let slow = "link p1 latency 50ms\np1 dials\n";
    check_done(&format!("{slow}p1 sends line\nexpect p1 receives line, within 1s"));
    check_done(&format!("{slow}p1 half-closes\nexpect node drops p1 within 1s"));
    check_done(&format!("{slow}p1 stops reading"));
}

#[test]
fn a_rest_needs_a_part() {
    let none = "there is no part of which a rest is left";
    check_in_vain::<Echo>("p1 dials\np1 sends the rest", none);
    check_in_vain::<Echo>("p1 dials\np1 sends line, the rest", none);
    check_in_vain::<Echo>("p1 dials\np1 sends 3 bytes of line\np1 sends the rest", none);
    check_in_vain::<Echo>("p1 dials\np1 sends 1 byte of line, the rest\np1 sends the rest", none);
    check_done("p1 dials\np1 sends 2 bytes of line\np1 sends the rest");
}

#[test]
fn reading_is_stopped_and_begun_once() {
    check_in_vain::<Echo>("p1 dials\np1 stops reading\np1 stops reading", "it does not read");
    check_in_vain::<Echo>("p1 dials\np1 reads again", "it reads already");
    check_in_vain::<Echo>("p1 stops reading", "it has no connection, and gets none");
    let over = "p1 dials\n+1s p1 closes\np1 stops reading";
    check_in_vain::<Echo>(over, "it has no connection, and gets none");
    check_done("p1 stops reading\np1 dials");
    check_done("p1 dials\np1 stops reading\np1 closes\np1 reads again\np1 dials");
}

#[test]
fn what_is_so_already_is_not_done_again() {
    check_in_vain::<Echo>("p1 dials\np1 half-closes\np1 half-closes", "it has half-closed already");
    check_in_vain::<Echo>("p1 listens\np1 listens at 203.0.113.1:80", "it listens already");
    let link = "the link is so already";
    check_in_vain::<Echo>("link p1 heals", link);
    check_in_vain::<Echo>("link p1 latency 5ms\nlink p1 latency 5ms", link);
    check_in_vain::<Echo>("link p1 swallows all\nlink p1 swallows to node", link);
    check_in_vain::<Echo>("wall jumps +0s", "the clock shows that already");
    check_done("link p1 swallows to node\nlink p1 swallows all\nlink p1 heals\nlink p1 chunks 1");
    check_done("wall jumps -1ns");
}

#[test]
fn the_node_is_asked_for_what_it_can_do() {
    let nobody = "the node has no connection with it";
    check_in_vain::<Connman>("node drops p1", nobody);
    check_in_vain::<Connman>("p1 dials\nnode drops p1", nobody);
    check_in_vain::<Echo>("p1 listens\nnode dials p1", "this subject dials nobody");
    let drops = "p1 dials\n+1s node drops p1";
    check_in_vain::<Echo>(drops, "this subject drops nobody when asked");
    let full = format!("p1 dials{}", "\nnode dials p1".repeat(1025));
    check_in_vain::<Connman>(&full, "the node's queue of commands is full");
}

#[test]
fn the_first_line_that_does_nothing_is_named_after_everything_else() {
    let verdict = replay(&parse(&format!("{CASE} p1 closes\np1 resets"))).verdict;
    assert_eq!(verdict.place(), Some(Place::Script(1)), "{verdict}");
    let unmet = replay(&parse("0ms p1 closes\nexpect node keeps p1")).verdict;
    assert_eq!(unmet.kind(), "expectation", "{unmet}");
    let fault = "0ms p1 closes\nfault node's next accept fails: aborted";
    let drifted = replay(&parse(fault)).verdict;
    assert_eq!((drifted.kind(), drifted.place()), ("drifted", Some(Place::Script(1))));
    let order = format!("{CASE} p1 closes\n\norder at node's 1st accept: would block");
    let drifted = replay(&parse(&order)).verdict;
    assert_eq!((drifted.kind(), drifted.place()), ("drifted", Some(Place::Order(0))));
    // Without an expectation it is a record, and in records much is in vain.
    let reached = "0ms p1 dials\nfault node's next accept fails: aborted\n+1s p2 closes";
    assert_eq!(replay(&parse(reached)).verdict.place(), None);
}
