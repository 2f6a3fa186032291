//! `sim why`, as a script meets it.

use super::{FAILING, Folder, GREETING, check_refused, ended, json, stdout};

/// Enough for what always fails.
const BUDGET: [&str; 2] = ["--runs", "8"];

#[test]
fn what_the_script_decides_is_said_to_be_always_so() {
    let folder = Folder::new("why");
    folder.write("a.case", FAILING);
    let said = ended(&folder.sim(&["why", "a.case", "--runs", "8"]), 0);
    assert!(said.starts_with("a.case: expectation not met: "), "{said}");
    assert!(said.contains("8/8"), "{said}");
    assert!(said.contains("it always fails: the script alone decides"), "{said}");
}

#[test]
fn two_answers_to_why_are_the_same() {
    let folder = Folder::new("why-twice");
    folder.write("a.case", FAILING);
    for form in [&[][..], &["--json"]] {
        let ask = || folder.sim(&[&["why", "a.case"][..], &BUDGET, form].concat());
        let (one, other) = (ask(), ask());
        ended(&one, 0);
        assert_eq!(stdout(&one), stdout(&other));
    }
}

#[test]
fn why_answers_as_json() {
    let folder = Folder::new("why-json");
    folder.write("a.case", FAILING);
    let output = folder.sim(&["why", "a.case", "--runs", "8", "--json"]);
    ended(&output, 0);
    let why = json(&output);
    assert_eq!((&why["verdict"], &why["end"]), (&"expectation".into(), &"found".into()));
    let curve = why["curve"].as_array().unwrap();
    assert_eq!((&curve[0]["step"], &curve[0]["failed"]), (&0.into(), &8.into()));
    assert_eq!(curve.last().unwrap()["step"], why["steps"]);
}

#[test]
fn why_ends_with_its_budget() {
    let folder = Folder::new("why-budget");
    folder.write("a.case", FAILING);
    let said = ended(&folder.sim(&["why", "a.case", "--runs", "1", "--events", "1"]), 0);
    assert!(said.contains("the budget is spent: --events allows more"), "{said}");
}

#[test]
fn why_refuses_what_does_not_fail_and_bad_arguments() {
    let folder = Folder::new("why-refused");
    folder.write("a.case", GREETING);
    let said = ended(&folder.sim(&["why", "a.case"]), 2);
    assert!(said.contains("a.case: it passes; expected a schedule that fails"), "{said}");
    check_refused(&["why"], "PATH");
    check_refused(&["why", "missing.case"], "missing.case");
    check_refused(&["why", "a.case", "--runs", "0"], "1..=1000000");
    check_refused(&["why", "a.case", "--time", "5"], "90s");
    check_refused(&["show", "a.case", "--why"], "--html");
}

#[test]
fn the_page_of_a_failure_has_the_curve() {
    let folder = Folder::new("why-html");
    folder.write("a.case", FAILING);
    let arguments = ["show", "a.case", "--html", "a.html", "--why", "--runs", "4"];
    ended(&folder.sim(&arguments), 0);
    assert!(folder.read("a.html").contains(r#""certain_from":0"#));
    ended(&folder.sim(&["show", "a.case", "--html", "b.html"]), 0);
    assert!(folder.read("b.html").contains(r#""why":null"#));
}
