//! What is told of a campaign that found something. Its schedule is one that nobody could meet.

use clap::Parser as _;

use super::*;

const FAILING: &str = "format 1\nsubject echo\n0ms p1 dials\nexpect p1 receives line, within 1s\n";

const SEED: u64 = 41;

#[derive(clap::Parser)]
struct Line {
    #[command(flatten)]
    arguments: Arguments,
}

fn failed(written: Result<Written, Error>) -> Outcome {
    let schedule = Schedule::parse("failing", FAILING).unwrap();
    let report = run_named(&schedule, &Options::default()).unwrap();
    let (hash, stats) = (report.hash, report.stats);
    let failure = Some(report.verdict.clone());
    let found = Some(Box::new(Found { report, written }));
    Outcome { seed: SEED, world: "pair", hash, stats, failure, found }
}

fn unwritable() -> Result<Written, Error> {
    let error = io::Error::from(io::ErrorKind::NotADirectory);
    Err(Error::File(PathBuf::from("target/sim/failures"), error))
}

/// What is told with these options, having ended as a campaign that has found something.
#[track_caller]
fn told(options: &[&str], outcomes: &[Outcome]) -> String {
    let line = Line::parse_from([&["run", "--subject", "echo"], options].concat());
    let mut out = Vec::new();
    let code = tell(
        &mut out,
        &line.arguments,
        outcomes,
        Duration::from_secs(1),
        None,
        &Interrupts::default(),
    );
    assert_eq!(code.unwrap(), exit(true));
    String::from_utf8(out).unwrap()
}

#[test]
fn a_failure_that_cannot_be_written_is_told_all_the_same() {
    let said = told(&["--world", "pair"], &[failed(unwritable())]);
    let verdict = "seed 41, echo, world pair: expectation not met: ";
    assert!(said.starts_with(verdict), "{said}");
    let replay = "replay: cargo sim run --subject echo --driver network --world pair --seeds 41\n";
    assert!(said.contains(replay), "{said}");
    assert!(said.contains("\n1 runs, 1 failures: "), "{said}");
    let said = told(&["--json"], &[failed(unwritable())]);
    let report: serde_json::Value = serde_json::from_str(&said).unwrap();
    assert_eq!((&report["failures"], &report["first_failure"]["seed"]), (&1.into(), &SEED.into()));
    assert_eq!(report["first_failure"]["folder"], serde_json::Value::Null);
}

#[test]
fn only_the_first_failures_are_told_and_the_others_counted() {
    let written = || Ok(Written { folder: Some(PathBuf::from("here")), shrunk: None });
    let further = Outcome { found: None, ..failed(written()) };
    let said = told(&[], &[failed(written()), further]);
    assert_eq!(said.matches("seed 41").count(), 1, "{said}");
    assert!(said.contains("replay: cargo sim replay here\n"), "{said}");
    assert!(said.contains("and 1 further failures\n"), "{said}");
}

#[test]
fn every_failure_comes_with_the_connections_of_the_node() {
    let written = || Ok(Written { folder: None, shrunk: None });
    let said = told(&["--json"], &[failed(written()), failed(written())]);
    let report: serde_json::Value = serde_json::from_str(&said).unwrap();
    for failure in [&report["first_failure"], &report["further_failures"][0]] {
        let connections = failure["connections"].as_array().unwrap();
        assert_eq!(connections.len(), 1, "{report}");
        assert!(connections[0].as_str().unwrap().contains("203.0.113.1"), "{report}");
    }
}
