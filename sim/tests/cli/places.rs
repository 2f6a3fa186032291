//! `--on`: another place than the virtual network.

use super::{Folder, stdout};
use serde_json::Value;

const PASSES: &str = "format 1\n\n0ms      p1 dials\n         p1 is honest\n\
                      expect   node connects p1 within 1s\n";
const INNER: &str = "format 1\n\n0ms      p1 dials\n+1s      link p1 latency 1s\n\
                     +1s      p1 vanishes\n";
const FAILS: &str = "format 1\n\n0ms      p1 dials\n\
                     expect   node connects p1 within 1s\n";

#[test]
fn replay_on_tcp_skips_what_only_the_mock_can_and_counts_it_apart() {
    let folder = Folder::new("places-skips");
    folder.write("passes.case", PASSES);
    folder.write("inner.case", INNER);
    let output = folder.sim(&["replay", "--on", "tcp", "."]);
    let said = stdout(&output);
    assert_eq!(output.status.code(), Some(0), "{said}");
    assert!(said.contains("inner.case: skipped: link latency, bandwidth, chunks"), "{said}");
    assert!(said.contains("passes.case: passed on tcp as on mock"), "{said}");
    assert!(said.contains("1 agree, 0 differ, 0 fail alike, 1 skipped"), "{said}");
}

#[test]
fn replay_on_tcp_tells_a_script_the_same() {
    let folder = Folder::new("places-json");
    folder.write("inner.case", INNER);
    folder.write("passes.case", PASSES);
    let output = folder.sim(&["replay", "--on", "tcp", "--json", "."]);
    let lines: Vec<Value> =
        stdout(&output).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let [inner, passes, sum] = lines.as_slice() else { panic!("{lines:?}") };
    assert_eq!((&inner["result"], &inner["tier"]), (&"skipped".into(), &"inner".into()));
    assert_eq!(inner["skipped"][0], "link latency, bandwidth, chunks");
    assert_eq!((&passes["result"], &passes["tier"]), (&"agrees".into(), &"call".into()));
    assert_eq!((&sum["agree"], &sum["skipped"]), (&1.into(), &1.into()));
}

#[test]
fn replay_on_tcp_fails_what_fails_in_both_places() {
    let folder = Folder::new("places-fails");
    let case = folder.write("fails.case", FAILS);
    let output = folder.sim(&["replay", "--on", "tcp", case.to_str().unwrap()]);
    let said = stdout(&output);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("expectation not met"), "{said}");
    assert!(said.contains("0 agree, 0 differ, 1 fail alike"), "{said}");
}

#[test]
fn campaign_on_tcp_compares_each_seed() {
    let folder = Folder::new("places-campaign");
    let output = folder.sim(&["run", "--on", "tcp", "--seeds", "0..3"]);
    let said = stdout(&output);
    assert_eq!(output.status.code(), Some(0), "{said}");
    assert!(said.contains("seeds 0..3"), "{said}");
    assert!(said.contains("0 differ"), "{said}");
    let part = ["--subject", "echo", "--shard", "1/2", "--seeds", "0..4", "--json"];
    let output = folder.sim(&[&["run", "--on", "tcp"][..], &part].concat());
    let sum: Value = serde_json::from_slice(&output.stdout).unwrap();
    let all = ["agree", "differ", "failed", "skipped"].map(|key| sum[key].as_u64().unwrap());
    assert_eq!(all.iter().sum::<u64>(), 2, "{sum}");
    let endless = ["run", "--on", "tcp", "--subject", "echo", "--seeds", "0..", "--time", "1s"];
    assert_eq!(folder.sim(&endless).status.code(), Some(0));
}
