//! The drivers that do without a network: they raise no false alarm, go the same way each time, and
//! find what can be found without one.

use sockman_sim::drivers::{bytes, messages};
use sockman_sim::run::{Options, Report, SetupError};
use sockman_sim::subjects::connman::Connman;
use sockman_sim::subjects::echo::Echo;
use sockman_sim::subjects::http::Http;

use crate::canaries::broken::{Broken, Fault};

/// A driver, on some subject.
type Drive = fn(u64, &[(String, String)], &Options) -> Result<Report, SetupError>;

#[track_caller]
fn check_clean(drive: Drive, seeds: std::ops::Range<u64>) {
    for seed in seeds {
        let report = drive(seed, &[], &Options::default()).unwrap();
        assert!(report.verdict.is_passed(), "seed {seed}: {}", report.verdict);
        let again = drive(seed, &[], &Options::default()).unwrap();
        assert_eq!(again.hash, report.hash, "seed {seed}");
        assert_eq!(again.stats, report.stats, "seed {seed}");
    }
}

#[test]
fn whole_messages_raise_no_false_alarm_and_go_the_same_way_twice() {
    check_clean(messages::<Connman>, 0..300);
    check_clean(messages::<Echo>, 0..50);
    check_clean(messages::<Http>, 0..50);
}

#[test]
fn invented_bytes_raise_no_false_alarm_and_go_the_same_way_twice() {
    check_clean(bytes::<Connman>, 0..300);
    check_clean(bytes::<Echo>, 0..50);
    check_clean(bytes::<Http>, 0..50);
}

#[test]
fn a_refused_setting_is_an_error() {
    let unknown = [("colour".to_owned(), "blue".to_owned())];
    let refused = bytes::<Connman>(1, &unknown, &Options::default());
    assert!(matches!(refused, Err(SetupError::Setting(_))));
}

#[test]
fn seeds_go_different_ways() {
    let hash = |seed| bytes::<Connman>(seed, &[], &Options::default()).unwrap().hash;
    assert_ne!(hash(1), hash(2));
}

/// Seeds in which a fault has to be found.
const SEEDS: std::ops::Range<u64> = 0..60;

/// The oracle that notices a fault first.
fn found(drive: Drive, fault: Fault) -> Option<&'static str> {
    SEEDS.into_iter().find_map(|seed| {
        let node = [("fault".to_owned(), fault.name())];
        // Honest runs end far below this many steps.
        let options = Options { steps_max: 1_000_000, ..Options::default() };
        let report = drive(seed, &node, &options).unwrap();
        (!report.verdict.is_passed()).then(|| report.verdict.kind())
    })
}

#[track_caller]
fn check_found(fault: Fault, by_messages: Option<&str>, by_bytes: Option<&str>) {
    assert_eq!(found(messages::<Broken>, fault), by_messages, "messages: {fault:?}");
    assert_eq!(found(bytes::<Broken>, fault), by_bytes, "bytes: {fault:?}");
}

/// What one side shows is found by either; what takes a short count, a pause or junk, by invented
/// bytes alone.
#[test]
fn faults_are_found_without_a_network_where_one_side_shows_them() {
    let both = |fault, oracle| check_found(fault, Some(oracle), Some(oracle));
    both(Fault::ForgetsToSend, "latency and work");
    both(Fault::SendsLater, "latency and work");
    both(Fault::NeverReads, "latency and work");
    both(Fault::NeverFinishes, "latency and work");
    both(Fault::IsDueForNothing, "latency and work");
    both(Fault::IgnoresNewcomers, "lifecycle");
    both(Fault::KeepsTheDead, "lifecycle");
    both(Fault::TellsUpTwice, "lifecycle");
    both(Fault::NeverTellsDown, "lifecycle");
    both(Fault::NeverTellsUp, "lifecycle");
    both(Fault::CountsTooMuch, "accounting");
    both(Fault::AltersBytes, "protocol");
    both(Fault::NeverReady, "protocol");
    both(Fault::Spins, "latency and work");

    check_found(Fault::LosesAByte, None, Some("accounting"));
    check_found(Fault::RepeatsAByte, None, Some("accounting"));
    check_found(Fault::ForgetsToResume, None, Some("latency and work"));
    check_found(Fault::NeverPauses, None, Some("bounds"));
    check_found(Fault::Panics, None, Some("panic"));
}
