//! What is no bug's file, and what is said of it.

use super::*;

const HEAD: &str = "\
name = \"partial-write-counted-as-whole\"
class = \"partial-io\"
level = \"shallow\"
source = \"somewhere\"
wrong = \"It is so.\"
right = \"It is otherwise.\"
";

const CHANGE: &str = "
[[change]]
file = \"src/transport/send_queue.rs\"
inside = \"fn advance\"
find = \"a\"
replace = \"b\"
";

#[track_caller]
fn check_refused(text: &str, said: &str) {
    let problem = parse("B008", text).unwrap_err();
    assert!(problem.contains(said), "{problem}");
}

#[test]
fn three_states_are_told_apart() {
    let state = |more: &str| parse("B008", &format!("{HEAD}{more}")).unwrap().state;
    assert!(matches!(state(CHANGE), State::Expressible(changes) if changes.len() == 1));
    let stand_in = format!("stand_in = \"why\"\n{CHANGE}");
    assert!(matches!(state(&stand_in), State::StandIn(why, _) if why == "why"));
    assert!(matches!(state("waits_for = \"http\"\n"), State::WaitsFor(part) if part == "http"));
}

#[test]
fn field_that_is_wrong_is_named() {
    check_refused(HEAD, "field change");
    check_refused(&format!("{HEAD}colour = \"red\"\n{CHANGE}"), "colour");
    check_refused(&HEAD.replace("shallow", "abysmal"), "abysmal");
    check_refused(&HEAD.replace("partial-io", "patience"), "field class");
    check_refused(&HEAD.replace("somewhere", " "), "field source");
    check_refused(&format!("{HEAD}waits_for = \"http\"\n{CHANGE}"), "field change");
    check_refused(&format!("{HEAD}stand_in = \"why\"\nwaits_for = \"http\"\n"), "waits_for");
    check_refused(&format!("{HEAD}{}", CHANGE.replace("src/", "sim/src/")), "field file");
    check_refused(&format!("{HEAD}{}", CHANGE.replace("\"b\"", "\"a\"")), "field find");
    check_refused(&format!("{HEAD}{CHANGE}why = 1\n"), "why");
}

#[test]
fn file_is_called_by_its_number() {
    for id in ["B8", "b008", "B0081", "Bxyz", ""] {
        assert!(parse(id, &format!("{HEAD}{CHANGE}")).is_err(), "{id}");
    }
}
