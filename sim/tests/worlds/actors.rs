//! Actors keep their manners, and links do what the script says of them.

use std::time::Duration;

use sockman_sim::actor::{Ending, Link};
use sockman_sim::schedule::ActorId;

use super::*;

/// Where a script leaves the world after it has settled; it must go well until then.
fn settled(script: &str) -> Run<Echo> {
    let mut run = Run::<Echo>::new(&parse(script), &Options::default()).unwrap();
    while run.step().unwrap() == Progress::Going {}
    run
}

/// When `p1` heard lines, in milliseconds.
fn heard_at(script: &str) -> Vec<u128> {
    let run = settled(script);
    let start = sockman::time::Instant::START;
    let heard = run.world().actor(ActorId(1)).unwrap().heard().to_vec();
    heard.iter().map(|(at, _)| at.since(start).as_millis()).collect()
}

/// How `p1`'s connection stands at the end.
fn link(script: &str) -> Link {
    settled(script).world().actor(ActorId(1)).unwrap().link()
}

#[track_caller]
fn ending(script: &str) -> Ending {
    let link = link(script);
    let Link::Ended(ending, _) = link else { panic!("it has not ended: {link:?}") };
    ending
}

#[test]
fn a_scripted_actor_says_only_what_it_is_told() {
    assert_eq!(heard_at("0ms p1 dials"), [0; 0]);
    assert_eq!(heard_at("0ms p1 dials\n+5ms p1 sends line"), [5]);
}

#[test]
fn an_honest_actor_greets_once() {
    assert_eq!(heard_at("0ms p1 is honest\np1 dials"), [0]);
    assert_eq!(heard_at("0ms p1 dials\n+5ms p1 is honest"), [5], "also when it becomes honest");
}

#[test]
fn a_silent_actor_stays() {
    assert_eq!(heard_at("0ms p1 is silent\np1 dials"), [0; 0]);
    assert_eq!(link("0ms p1 is silent\np1 dials"), Link::Open);
}

#[test]
fn a_slow_actor_reads_64_bytes_every_20_ms() {
    let script = "0ms p1 is slow\np1 dials\n+1ms p1 sends line length=150";
    let heard = heard_at(script);
    assert_eq!(heard.len(), 2, "the greeting and the line: {heard:?}");
    assert!((60..=120).contains(&heard[1]), "153 bytes take three moves: {heard:?}");
}

#[test]
fn a_chatty_actor_speaks_five_times_a_second() {
    let heard = heard_at("0ms p1 is chatty\np1 dials\n+1100ms p1 is silent");
    assert_eq!(heard, [0, 200, 400, 600, 800, 1000]);
}

#[test]
fn an_actor_that_stops_reading_reads_later() {
    let script = "0ms p1 dials\np1 stops reading\np1 sends line x3\n+1s p1 reads again";
    assert_eq!(heard_at(script), [1000; 3]);
}

#[test]
fn a_part_and_its_rest_make_a_whole() {
    assert_eq!(heard_at("0ms p1 dials\np1 sends 2 bytes of line\n+1s p1 sends the rest"), [1000]);
    assert_eq!(heard_at("0ms p1 dials\np1 sends 2 bytes of line"), [0; 0]);
}

#[test]
fn a_connection_ends_as_it_was_ended() {
    assert_eq!(ending("0ms p1 dials\n+1s p1 closes"), Ending::Own);
    assert_eq!(ending("0ms p1 dials\n+1s p1 resets"), Ending::Own);
    assert_eq!(ending("0ms p1 dials\n+1s p1 half-closes"), Ending::Closed, "the echo closes too");
    let reset = "0ms p1 dials\nfault node's next recv from p1 fails: reset\np1 sends line x2";
    assert_eq!(ending(reset), Ending::Reset, "bytes that nobody has read make it a reset");
}

#[test]
fn an_actor_has_one_connection_at_a_time() {
    let script = "0ms p1 dials\np1 sends line\n+1s p1 dials\np1 sends line";
    assert_eq!(heard_at(script), [0, 1000]);
    let run = settled(script);
    assert_eq!(run.world().machine().sockman().conns().count(), 1);
}

// Links.

#[test]
fn latency_is_each_way() {
    let script = "0ms link p1 latency 50ms\np1 dials\n+1s p1 sends line";
    assert_eq!(heard_at(script), [1100]);
}

#[test]
fn latency_holds_from_its_line_on() {
    let script = "0ms p1 dials\np1 sends line\n+1ms link p1 latency 50ms\n+1s p1 sends line";
    assert_eq!(heard_at(script), [0, 1101]);
}

#[test]
fn silence_holds_bytes_back_until_it_ends() {
    let around = |silence: &str| {
        heard_at(&format!("0ms p1 dials\nlink p1 {silence}\n+1s p1 sends line\n+1s link p1 heals"))
    };
    assert_eq!(around("swallows all"), [2000]);
    assert_eq!(around("swallows to node"), [2000]);
    assert_eq!(around("swallows from node"), [2000]);
}

#[test]
fn silence_to_one_side_lets_the_other_speak() {
    let unread = |silence: &str| {
        let run = settled(&format!("0ms p1 dials\n+1s link p1 {silence}\np1 sends line"));
        let sockets = run.world().machine().sockman().inspect();
        sockets[0].bytes_received
    };
    assert_eq!(unread("swallows to node"), 0);
    assert_eq!(unread("swallows from node"), 3);
}

#[test]
fn chunks_arrive_one_by_one_and_nothing_is_lost() {
    let script = "0ms link p1 chunks 1\np1 dials\np1 sends line length=300 x2";
    assert_eq!(heard_at(script).len(), 2);
    let run = settled(script);
    let whole = settled("0ms p1 dials\np1 sends line length=300 x2");
    let steps = |run: &Run<Echo>| run.stats().steps;
    assert!(steps(&run) > steps(&whole) + 600, "{} and {}", steps(&run), steps(&whole));
}

#[test]
fn bandwidth_takes_its_time() {
    // 10,003 bytes there and back at 10,000 bytes a second each way, the echo beginning at once.
    let script = "0ms link p1 bandwidth 10000\np1 dials\np1 sends line length=10000";
    let heard = heard_at(script);
    assert!((1000..=2100).contains(&heard[0]), "{heard:?}");
}

#[test]
fn a_world_settles_for_ten_seconds_after_its_last_line() {
    let run = settled("0ms p1 dials\n+3s p1 closes");
    assert_eq!(run.stats().virtual_time, Duration::from_secs(13));
}
