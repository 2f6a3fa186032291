//! Full buffers: the simulated kernel and the real one settle alike.

use std::collections::BTreeMap;

use sockman::sockets::{Epoll, OsSockets, Readiness};
use sockman_sim::contract::broken::{Broken, Fault};
use sockman_sim::contract::differential::SMALL_BUFFERS;
use sockman_sim::contract::full::{Move, Said, compare, differences, draw, on_mock, run};
use sockman_sim::net::Loopback;

#[test]
fn simulated_kernel_settles_like_the_real_one() {
    let parted = differences(0..48, || OsSockets::<Epoll>::new().unwrap());
    let told: Vec<_> = parted.iter().map(ToString::to_string).collect();
    assert!(told.is_empty(), "{} differences:\n{}", told.len(), told.join("\n"));
}

#[test]
fn full_writer_is_not_writable_and_its_reader_readable_until_it_has_read_everything() {
    let (full, rest) = (Move::Fill(0), Readiness::NONE);
    let (readable, writable) =
        (Readiness { readable: true, ..rest }, Readiness { writable: true, ..rest });
    let both = readable.or(writable);
    let expected = [
        (full, Said::WouldBlock, rest, both),
        (full, Said::WouldBlock, rest, both),
        (Move::Sip(1), Said::Done, rest, both),
        (full, Said::WouldBlock, rest, both),
        (Move::Fill(1), Said::WouldBlock, readable, readable),
        (Move::Drain(1), Said::WouldBlock, both, rest),
        (Move::Drain(0), Said::WouldBlock, writable, writable),
    ];
    let moves = expected.map(|(what, ..)| what);
    let settled = on_mock(&moves);
    let settled =
        settled.iter().map(|s| (s.what, s.said, s.ready[0].unwrap(), s.ready[1].unwrap()));
    assert_eq!(settled.collect::<Vec<_>>(), expected);
}

/// The sequences say everything that there is to say, often.
#[test]
fn every_way_to_settle_is_drawn() {
    let mut seen: BTreeMap<String, u32> = BTreeMap::new();
    for settled in (0..1_000).flat_map(|seed| on_mock(&draw(seed))) {
        assert!(!settled.is_broken(), "{settled:?}");
        let what = format!("{:?}", settled.what);
        let what = what.split(['(', ' ']).next().unwrap();
        *seen.entry(format!("{what} {:?}", settled.said)).or_default() += 1;
    }
    for what in [
        "Fill WouldBlock",
        "Fill Failed(Reset)",
        "Fill Failed(BrokenPipe)",
        "Drain WouldBlock",
        "Drain Eof",
        "Drain EofTooEarly",
        "Drain Failed(Reset)",
    ] {
        assert!(seen.get(what).is_some_and(|count| *count >= 10), "{what}: {seen:#?}");
    }
}

#[test]
fn each_broken_backend_that_breaks_streams_is_noticed() {
    let parted = |fault, seed| {
        let moves = draw(seed);
        let broken = run(Broken::new(Loopback::new(SMALL_BUFFERS), fault), &moves, || {});
        compare(&on_mock(&moves), &broken).is_some()
    };
    for fault in Fault::ALL {
        let noticed = (0..100).find(|seed| parted(fault, *seed));
        // Nothing is called by an id that is closed.
        assert_eq!(noticed.is_some(), fault != Fault::IdReused, "{fault:?}");
    }
}
