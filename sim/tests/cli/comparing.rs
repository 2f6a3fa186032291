//! `sim diff --html`: two nodes beside each other, as a page.

use serde_json::Value;

use super::{Folder, check_refused, ended};
use crate::live::Node;

const GREETS: &str = "# A peer shakes hands.\nformat 1\n\n0ms      p1 is honest\n         \
                      p1 dials\nexpect   node connects p1 within 100ms\n";

/// What no node in another process can be given.
const LATENCY: &str = "format 1\n\n0ms      link p1 latency 10ms\n         p1 dials\n";

#[test]
fn the_page_of_two_nodes_has_both_sides_of_each_schedule() {
    let folder = Folder::new("diff-page");
    folder.write("cases/greets.case", GREETS);
    folder.write("cases/latency.case", LATENCY);
    let (one, other) = (Node::start(|_| {}), Node::start(|config| config.start_height = 3));
    let (left, right) = (one.at().to_string(), other.at().to_string());
    let words = ["diff", "--times", "1", "--quiet-ms", "100", "--left", &left, "--right", &right];
    let diff = |further: &[&str]| folder.sim(&[&words[..], &["cases", "--html"], further].concat());
    let said = ended(&diff(&["a.html"]), 1);
    assert!(said.contains("left with right: 1 different, 0 unstable, 0 the same, 1 skipped"));
    let page = folder.read("a.html");
    for needs in ["http:", "https:", "src=", "href=", "@import", "url("] {
        assert!(!page.contains(needs), "{needs}");
    }
    let start = page.find("const data = ").unwrap() + "const data = ".len();
    let end = page[start..].find(";\n").unwrap();
    let data: Value = serde_json::from_str(&page[start..start + end]).unwrap();
    assert_eq!((data["left"].as_str(), data["right"].as_str()), (Some(&*left), Some(&*right)));
    assert!(data["controls"][0].as_str().unwrap().contains("0 different"), "{data}");
    let [greets, latency] = data["schedules"].as_array().unwrap().as_slice() else {
        panic!("{data}");
    };
    assert_eq!(
        (&greets["result"], &greets["title"]),
        (&"different".into(), &"A peer shakes hands.".into())
    );
    assert!(greets["text"].as_str().unwrap().contains("p1 is honest"));
    let connection = &greets["pairs"][0]["connections"][0];
    assert_eq!(connection["name"], "p1, connection 1");
    let rows = connection["rows"].as_array().unwrap();
    let unlike: Vec<_> = rows.iter().filter(|row| row[0] != row[1]).collect();
    let has = |side: usize, height: &str| {
        unlike.iter().any(|row| row[side].as_str().is_some_and(|line| line.contains(height)))
    };
    assert!(has(0, "height 0") && has(1, "height 3"), "{unlike:?}");
    assert!(rows.len() > unlike.len(), "what is alike is there as well: {rows:?}");
    assert_eq!(
        (&latency["result"], latency["pairs"].as_array().unwrap().len()),
        (&"skipped".into(), 0)
    );
    // Where it cannot be written, what was seen is told first.
    let said = ended(&diff(&["nowhere/a.html", "--no-null"]), 2);
    assert!(said.contains("left with right: 1 different") && said.contains("nowhere/a.html"));
}

#[test]
fn a_comparison_needs_two_nodes() {
    check_refused(&["diff", "corpus", "--left", "127.0.0.1:1"], "--right");
    check_refused(&["diff", "corpus", "--left", "here", "--right", "there"], "exec: COMMAND");
}
