//! The HTTP server and the HTTP client on the virtual network.

use sockman_sim::generate::generate;
use sockman_sim::run::{Options, Report, run};
use sockman_sim::schedule::Schedule;
use sockman_sim::subject::Subject;
use sockman_sim::subjects::http::Http;
use sockman_sim::subjects::http_client::HttpClient;

fn run_of<X: Subject>(seed: u64) -> Report {
    let generated = generate::<X>(seed);
    let options = Options { chance: Some(generated.chance), ..Options::default() };
    run::<X>(&generated.schedule, &options).unwrap()
}

fn run_seed(seed: u64) -> Report {
    run_of::<Http>(seed)
}

#[test]
fn campaign_on_the_http_server() {
    let mut messages = 0;
    for seed in 0..400 {
        let report = run_seed(seed);
        assert!(report.verdict.is_passed(), "{seed}: {}\n{}", report.verdict, report.recorded);
        messages += report.stats.messages;
    }
    assert!(messages > 20_000, "{messages} requests and answers");
}

#[test]
fn campaign_on_the_http_client() {
    let mut outcomes = 0;
    for seed in 0..400 {
        let report = run_of::<HttpClient>(seed);
        assert!(report.verdict.is_passed(), "{seed}: {}\n{}", report.verdict, report.recorded);
        outcomes += report.stats.messages;
    }
    assert!(outcomes > 500, "{outcomes} outcomes");
}

#[test]
fn recorded_run_of_the_http_server_replays_from_text_and_bytes() {
    for seed in 0..60 {
        let report = run_seed(seed);
        assert_eq!(run_seed(seed).hash, report.hash, "{seed}: it is the same run twice");
        let parsed = Schedule::parse("recorded", &report.recorded.to_string()).unwrap();
        assert!(parsed == report.recorded, "{seed}: text and value are the same");
        assert!(Schedule::from_bytes(&report.recorded.to_bytes()) == parsed, "{seed}: bytes too");
        let replayed = run::<Http>(&parsed, &Options::default()).unwrap();
        assert_eq!((replayed.hash, replayed.verdict), (report.hash, report.verdict), "{seed}");
    }
}
