//! Networks of whole nodes: they find each other, and the same plan goes the same way.

use std::time::Duration;

use sockman::time::Instant;
use sockman_sim::nodes::{Network, Plan};

const MINUTE: Duration = Duration::from_secs(60);

fn run(plan: Plan) -> Network {
    let end = Instant::START + plan.time;
    let mut network = Network::new(plan);
    network.run_until(end);
    network.check_invariants();
    network
}

#[test]
fn nodes_find_each_other_and_hear_of_who_joins() {
    let network = run(Plan::new(30, MINUTE * 40));
    let sample = network.sample();
    assert_eq!((sample.up, sample.components, sample.largest_thousandths), (30, 1, 1000));
    assert!(sample.full_relay_hundredths > 790, "{sample:?}");
    assert!(sample.block_relay_hundredths >= 190, "{sample:?}");
    assert!(sample.distance_most <= 3, "{sample:?}");
    assert!(sample.newcomer_thousandths > 500, "{sample:?}");
    let full = network.newcomer_full_after().expect("it has twenty minutes");
    assert!(full < MINUTE, "ten connections, half a second from one attempt to the next: {full:?}");
}

#[test]
fn same_plan_goes_the_same_way_and_another_seed_another() {
    let plan = Plan { uptime: Some(MINUTE * 10), v2: true, ..Plan::new(12, MINUTE * 20) };
    let (one, two) = (run(plan.clone()), run(plan.clone()));
    assert_eq!((one.hash(), one.counts(), one.sample()), (two.hash(), two.counts(), two.sample()));
    assert_ne!(one.hash(), run(Plan { seed: 1, ..plan }).hash());
}

#[test]
fn network_that_was_cut_is_one_again() {
    let cut = MINUTE * 10..MINUTE * 50;
    let plan = Plan { cut: Some(cut), ..Plan::new(24, MINUTE * 90) };
    let mut network = Network::new(plan);
    network.run_until(Instant::START + MINUTE * 10);
    assert!(network.sample().crossing > 20, "who is where makes no difference");
    network.run_until(Instant::START + MINUTE * 49);
    let cut = network.sample();
    assert_eq!((cut.crossing, cut.components), (0, 2), "unanswered pings end connections");
    network.run_until(Instant::START + MINUTE * 90);
    let whole = network.sample();
    assert_eq!(whole.components, 1);
    assert!(whole.crossing > 0);
}

#[test]
fn node_that_comes_back_knows_whom_it_knew() {
    let plan = Plan { uptime: Some(MINUTE * 15), known: 4, ..Plan::new(20, MINUTE * 120) };
    let sample = run(plan).sample();
    // Four addresses to begin with, none of them the DNS seed's any more.
    assert!(sample.known_hundredths > 1000, "{sample:?}");
}
