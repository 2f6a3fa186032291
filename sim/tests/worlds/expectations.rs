//! Expectations are met up to the end of their window, and named when they are not.

use super::*;

/// The verdict of a schedule: which line of its script was not met, from 1.
#[track_caller]
fn check_line<X: Subject>(script: &str, unmet: Option<usize>) {
    let text = format!("format 1\nsubject {}\n{script}", X::NAME);
    let report = run::<X>(&Schedule::parse("expectation", &text).unwrap(), &Options::default());
    let verdict = report.unwrap().verdict;
    let line = match &verdict {
        Verdict::Unmet(unmet) => Some(unmet.line + 1),
        Verdict::Passed => None,
        Verdict::Failed(_)
        | Verdict::Drifted(_)
        | Verdict::NotExercised(_)
        | Verdict::Misspoken(_)
        | Verdict::TooLong(_) => panic!("{verdict}"),
    };
    assert_eq!(line, unmet, "{verdict}");
}

#[track_caller]
fn met(script: &str) {
    check_line::<Echo>(script, None);
}

/// The last line of the script is not met.
#[track_caller]
fn unmet(script: &str) {
    check_line::<Echo>(script, Some(script.trim().lines().count()));
}

/// Over a link with 50 ms each way, a line comes back after 100 ms, once the connection is there.
const SLOW_LINK: &str = "0ms link p1 latency 50ms\np1 dials\n+1s p1 sends line x2\n";

#[test]
fn what_is_received_in_time_is_met_to_the_nanosecond() {
    met(&format!("{SLOW_LINK}expect p1 receives line, within 100ms"));
    met(&format!("{SLOW_LINK}expect p1 receives line x2, within 100ms"));
    unmet(&format!("{SLOW_LINK}expect p1 receives line, within 99999999ns"));
    unmet(&format!("{SLOW_LINK}expect p1 receives line x3, within 1s"));
}

#[test]
fn the_order_matters_where_it_is_asked_for() {
    let both = |rest: &str| format!("{SLOW_LINK}expect p1 receives {rest}");
    met(&both("line number=0, line number=1, in order, within 1s"));
    unmet(&both("line number=1, line number=0, in order, within 1s"));
    met(&both("line number=1, line number=0, in any order, within 1s"));
    unmet(&both("line number=2, in any order, within 1s"));
}

#[test]
fn what_was_received_is_used_up() {
    let twice = "0ms p1 dials\np1 sends line x2\n+1s expect p1 receives line x2, within 1s\n";
    met(twice);
    unmet(&format!("{twice}expect p1 receives line, within 1s"));
    met(&format!("{twice}+1s p1 sends line\nexpect p1 receives line, within 1s"));
}

#[test]
fn what_is_never_received_counts_from_its_line() {
    let dialled = "0ms p1 dials\n";
    met(&format!("{dialled}expect p1 never receives line"));
    met(&format!("{dialled}p1 sends line\n+1s expect p1 never receives line"));
    check_line::<Echo>(&format!("{dialled}expect p1 never receives line\np1 sends line"), Some(2));
}

#[test]
fn who_is_kept_is_connected_at_the_end() {
    met("0ms p1 dials\n+1s expect node keeps p1");
    met("0ms expect node keeps p1\n+1s p1 dials");
    check_line::<Echo>("0ms p1 dials\nexpect node keeps p1\n+1s p1 closes", Some(2));
    unmet("0ms p1 listens\n expect node keeps p1");
}

#[test]
fn who_is_dropped_is_dropped_in_the_window() {
    let close = "+1s p1 closes";
    met(&format!("0ms p1 dials\nexpect node drops p1 within 1s\n{close}"));
    met(&format!("0ms p1 dials\n{close}\nexpect node drops p1 within 0s"));
    unmet("0ms p1 dials\nexpect node drops p1 within 1s");
    let early = format!("0ms p1 dials\nexpect node drops p1 within 999ms\n{close}");
    check_line::<Echo>(&early, Some(2));
    unmet(&format!("0ms p1 dials\n{close}\n+1s expect node drops p1 within 1s"));
    met(&format!("0ms p1 dials\nexpect node drops p1 within 1s because closed\n{close}"));
    let other = format!("0ms p1 dials\nexpect node drops p1 within 1s because boredom\n{close}");
    check_line::<Echo>(&other, Some(2));
}

#[test]
fn who_connects_has_shaken_hands_in_the_window() {
    let connman = check_line::<Connman>;
    connman("0ms p1 is honest\np1 dials\nexpect node connects p1 within 0s", None);
    let slow = "0ms p1 is honest\nlink p1 latency 50ms\np1 dials\nexpect node connects p1 within";
    connman(&format!("{slow} 1s"), None);
    connman(&format!("{slow} 49ms"), Some(4));
    connman("0ms p1 is silent\np1 dials\nexpect node connects p1 within 10s", Some(3));
}

#[test]
fn a_reason_is_the_nodes_own() {
    let silent = "0ms p1 is silent\np1 dials\nexpect node drops p1 within 61s because";
    check_line::<Connman>(&format!("{silent} handshake-no-traffic"), None);
    check_line::<Connman>(&format!("{silent} ping-timeout"), Some(3));
}

#[test]
fn the_first_line_that_is_not_met_is_named() {
    let script = "0ms p1 dials\nexpect p1 receives line, within 2s\n\
                  expect node drops p1 within 1s";
    check_line::<Echo>(script, Some(2));
}
