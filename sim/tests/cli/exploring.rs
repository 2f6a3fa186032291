//! `sim explore`, as a script meets it.

use super::{FAILING, Folder, GREETING, check_refused, ended, json, stdout};

#[test]
fn an_exploration_says_how_much_there_is() {
    let folder = Folder::new("explore");
    folder.write("a.case", GREETING);
    let arguments = ["explore", "a.case", "--depth", "6"];
    let (one, other) = (folder.sim(&arguments), folder.sim(&arguments));
    let said = ended(&one, 0);
    assert!(said.contains(" states, ") && said.ends_with("; exhausted\n"), "{said}");
    assert_eq!(stdout(&one), stdout(&other));
    let explored = json(&folder.sim(&[&arguments[..], &["--json"]].concat()));
    assert_eq!(explored["exhausted"], true);
    assert!(explored["final_states"].as_u64().unwrap() > 0, "{explored}");
    let little = ["explore", "a.case", "--transitions", "1"];
    let said = ended(&folder.sim(&little), 0);
    assert!(said.ends_with("; not exhausted\n"), "{said}");
}

#[test]
fn a_failure_that_was_explored_replays() {
    let folder = Folder::new("explore-fails");
    folder.write("a.case", FAILING);
    let said = ended(&folder.sim(&["explore", "a.case", "--depth", "3"]), 1);
    let failure = "target/sim/failures/explored-a-1";
    assert!(said.contains(&format!("replay: cargo sim replay {failure}")), "{said}");
    assert!(folder.read(&format!("{failure}/shrunk.case")).contains("p1 dials"));
    let said = ended(&folder.sim(&["replay", failure]), 1);
    assert!(!said.contains("diverges"), "{said}");
}

#[test]
fn an_exploration_refuses_bad_arguments_and_an_order() {
    check_refused(&["explore"], "PATH");
    check_refused(&["explore", "missing.case"], "missing.case");
    check_refused(&["explore", "a.case", "--depth", "0"], "1..=1000");
    let folder = Folder::new("explore-order");
    folder.write(
        "a.case",
        format!("{GREETING}\norder before node handles verack from p1: run opener\n"),
    );
    let said = ended(&folder.sim(&["explore", "a.case"]), 2);
    assert!(said.contains("a.case: it has an order; expected a script alone"), "{said}");
}
