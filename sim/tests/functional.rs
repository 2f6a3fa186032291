//! Schedules as tests for Bitcoin Core's functional test framework: what is written, and what is
//! not. That they run there, and agree, is docs/reviewing.md's.

use sockman_sim::functional::export;
use sockman_sim::schedule::Schedule;

use super::corpus::cases;

fn parse(script: &str) -> Schedule {
    Schedule::parse("test", &format!("# A title.\nformat 1\n\n{script}")).unwrap()
}

#[test]
fn steps_are_those_of_the_script() {
    let script = "0ms p1 is honest\np1 dials\n+1500ms p1 sends hex 0a0b, pong xor=3\n\
                  expect p1 receives pong nonce=7 x2, verack, in order, within 1s\n\
                  expect p1 never receives inv\nexpect node drops p1 within 20ms\n\
                  expect node keeps p1\n";
    let text = export(&parse(script)).unwrap();
    for line in [
        "# A title.",
        "    (0.000, \"p1\", \"is\", \"honest\"),",
        "    (0.000, \"p1\", \"dials\"),",
        "    (1.500, \"p1\", \"sends\", \"0a0b\", 3, \"\"),",
        "    (1.500, \"p1\", \"receives\", 1.000, \
         [(\"pong\", 7, 2), (\"verack\", None, 1)], True),",
        "    (1.500, \"p1\", \"never receives\", \"inv\", None, 1),",
        "    (1.500, \"p1\", \"drops\", 0.020),",
        "    (1.500, \"p1\", \"keeps\"),",
    ] {
        assert!(text.lines().any(|own| own == line), "no line {line} in\n{text}");
    }
}

#[test]
fn what_cannot_be_written_is_named() {
    for (script, name) in [
        ("0ms p1 dials\np1 is chatty\n", "is chatty, flooding, hostile, deaf, trickling"),
        ("0ms p1 listens\n", "listens, vanishes"),
        ("0ms link p1 latency 1s\n", "link"),
        ("0ms p1 dials\np1 sends 5 bytes of junk\n", "junk"),
        ("0ms p1 dials\np1 sends hello length=200000\n", "more than 100 kB in one line"),
    ] {
        assert!(export(&parse(script)).unwrap_err().contains(name), "{script}");
    }
}

#[test]
fn a_part_of_the_corpus_can_be_written() {
    let cases = cases("corpus/connman");
    let written = cases.iter().filter(|case| export(&case.schedule).is_ok()).count();
    assert!(written >= 40, "{written} of {}", cases.len());
}
