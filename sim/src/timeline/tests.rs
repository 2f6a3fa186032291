//! What a trace has, and that it is one.

use std::collections::BTreeSet;

use super::*;
use crate::run::{Options, Report};
use crate::schedule::Schedule;
use crate::subjects::timeline_named;

fn timeline(script: &str) -> (Report, Timeline) {
    let schedule = Schedule::parse("test", &format!("format 1\n\n{script}")).unwrap();
    timeline_named(&schedule, &Options::default()).unwrap()
}

const CONVERSATION: &str = "0ms p1 dials\np1 sends version, verack, ping nonce=7\n\
    +1s p2 dials\np2 is honest\n+1s p1 closes\n";

fn events(json: &str) -> Vec<Value> {
    let trace: Value = serde_json::from_str(json).unwrap();
    trace["traceEvents"].as_array().unwrap().clone()
}

fn of_phase<'a>(events: &'a [Value], phase: &'a str) -> impl Iterator<Item = &'a Value> {
    events.iter().filter(move |event| event["ph"] == phase)
}

/// Whether it is a trace that shows what it says: every event has a lane with a name, times do not
/// go back, nothing on a lane overlaps, and each arrow has two ends, on things that are drawn.
#[expect(clippy::float_arithmetic, reason = "the format has it")]
fn check(json: &str) {
    let events = events(json);
    let named = |event: &&Value| event["ph"] == "M" && event["name"] == "thread_name";
    let lanes: BTreeSet<_> =
        events.iter().filter(named).map(|event| event["tid"].as_u64().unwrap()).collect();
    let drawn: BTreeSet<_> = of_phase(&events, "X")
        .map(|event| (event["tid"].as_u64().unwrap(), event["ts"].to_string()))
        .collect();
    let (mut last, mut ends) = (0.0, BTreeMap::<u64, f64>::new());
    let (mut open, mut flows) = (BTreeMap::new(), 0);
    for event in events.iter().filter(|event| event["ph"] != "M") {
        let (lane, at) = (event["tid"].as_u64().unwrap(), event["ts"].as_f64().unwrap());
        assert!(at >= last, "{event} is before {last}");
        last = at;
        let place = (lane, event["ts"].to_string());
        match event["ph"].as_str().unwrap() {
            "C" => assert!(event["args"]["value"].is_u64(), "{event}"),
            "X" => {
                assert!(lanes.contains(&lane), "{event}");
                let end = ends.insert(lane, at + event["dur"].as_f64().unwrap());
                assert!(end.is_none_or(|end| end <= at + 1e-6), "{event} overlaps");
            }
            "s" => {
                assert!(drawn.contains(&place), "{event} begins nowhere");
                assert_eq!(open.insert(event["id"].to_string(), event["name"].clone()), None);
                flows += 1;
            }
            "f" => {
                assert!(drawn.contains(&place), "{event} ends nowhere");
                assert_eq!(open.remove(&event["id"].to_string()), Some(event["name"].clone()));
            }
            phase => panic!("{phase}: {event}"),
        }
    }
    assert!(open.is_empty(), "{open:?}");
    assert!(flows > 0, "no message has arrived");
}

#[test]
fn every_event_has_a_lane_and_every_arrow_two_ends() {
    let pauses = "0ms p1 dials\np1 sends version, verack\n+10ms p1 stops reading\n\
        p1 sends ping x200\nfault node's next send to p1 takes 40 bytes\n+1s p1 reads again\n";
    let echo = "subject echo\n0ms p1 dials\np1 is chatty\n+1min p1 closes\n";
    let v2 = "node v2 on\nnode v2-peers p1\n0ms p1 is honest\np1 dials\n+1min p1 closes\n";
    let restart = "0ms p1 is honest\np1 dials\n+1s node restarts\n+1s p1 dials\n+1s p1 closes\n";
    for script in [CONVERSATION, pauses, echo, v2, restart] {
        let (_, timeline) = timeline(script);
        check(&timeline.json("A <title>", "passed"));
    }
}

#[test]
fn messages_go_from_lane_to_lane() {
    let events = events(&timeline(CONVERSATION).1.json("", ""));
    let lane_named = |name: &str| {
        let is_it = |event: &&Value| event["args"]["name"] == name;
        of_phase(&events, "M").find(is_it).map(|event| event["tid"].clone()).unwrap()
    };
    let (p1, calls) = (lane_named("p1"), lane_named("node, calls"));
    for (message, from, to) in
        [("ping nonce=7", &p1, &calls), ("pong nonce=7", &calls, &p1), ("verack", &p1, &calls)]
    {
        let on = |phase: &str, lane: &Value| {
            let is_it = |event: &&Value| event["name"] == message && event["tid"] == *lane;
            of_phase(&events, phase).find(is_it).map(|event| event["id"].clone())
        };
        let id = on("s", from);
        assert!(id.is_some(), "{message}");
        assert_eq!(id, on("f", to), "{message}");
    }
    let says = |lane: &Value, name: &str| {
        of_phase(&events, "X").any(|event| event["tid"] == *lane && event["name"] == name)
    };
    assert!(says(&p1, "connected") && says(&lane_named("script"), "p2 dials"));
    assert!(says(&lane_named("node, task socket"), "[socket] delivered accepted"));
}

#[test]
fn curves_end_where_they_began() {
    let events = events(&timeline(CONVERSATION).1.json("", ""));
    let curve = |name: &str| -> Vec<u64> {
        let of = of_phase(&events, "C").filter(|event| event["name"] == name);
        of.map(|event| event["args"]["value"].as_u64().unwrap()).collect()
    };
    assert_eq!(curve("connections").iter().max(), Some(&2));
    for name in ["connections", "bytes that wait to be read", "memory of unsent messages"] {
        let curve = curve(name);
        assert_eq!(curve.first(), Some(&0), "{name}");
        assert!(curve.windows(2).all(|pair| pair[0] != pair[1]), "{name}: {curve:?}");
    }
    assert!(curve("memory of received messages").iter().any(|bytes| *bytes > 0));
}

#[test]
fn what_happens_at_one_instant_has_its_time_beside_it() {
    let (report, timeline) = timeline(CONVERSATION);
    assert!(report.verdict.is_passed());
    let events = events(&timeline.json("", ""));
    let dials = of_phase(&events, "X").find(|event| event["name"] == "p2 dials").unwrap();
    assert_eq!(dials["args"]["at"], "1.000000s");
    let is_in_time = of_phase(&events, "X").all(|event| {
        let exactly = event["args"]["at"].as_str().unwrap().trim_end_matches('s');
        let exactly = exactly.parse::<f64>().unwrap() * 1e6;
        // Nothing is shown before its time, nor long after it.
        (0.0..1000.0).contains(&(event["ts"].as_f64().unwrap() - exactly))
    });
    assert!(is_in_time, "{events:#?}");
}

#[test]
fn trace_of_a_long_run_has_its_beginning() {
    let mut timeline = Timeline::default();
    for number in 0..EVENTS_MAX + 10 {
        timeline.draw(Lane::Script, Instant::START, None, number.to_string());
    }
    assert_eq!((timeline.event_count(), timeline.left_out), (EVENTS_MAX, 10));
    let lane = timeline.lane(Lane::Script);
    let came = UnderWay { name: "ping".to_owned(), end: 7, from: (lane, 0), is_message: true };
    timeline.arrive(vec![came], (lane, 0));
    assert_eq!((timeline.event_count(), timeline.left_out), (EVENTS_MAX, 12));
}
