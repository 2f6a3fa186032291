//! Words are checked before a run; what the subject does not have is named with its place.

use sockman_sim::run::SetupError;
use sockman_sim::schedule::{Place, Word};
use sockman_sim::subject::{Dialect, Usage};

use super::*;

/// Sets a script up; gives what is said of it, up to the excerpt.
fn said_of<X: Subject>(script: &str) -> Option<String> {
    let text = format!("format 1\nsubject {}\n{script}\n", X::NAME);
    let (schedule, source) = Schedule::parse_with_source("a.case", &text).unwrap();
    let error = Run::<X>::new(&schedule, &Options::default()).err()?;
    let placed = error.in_text(&schedule, &source).expect("it was read from there");
    let said = placed.to_string().lines().next().unwrap().to_owned();
    let unplaced = error.to_string();
    let SetupError::Word(misspoken) = error else { panic!("{unplaced}") };
    let op = &schedule.script[misspoken.line].op;
    assert_eq!(unplaced, format!("{op}: {}", misspoken.problem), "without a text");
    Some(said)
}

#[track_caller]
fn check_word<X: Subject>(script: &str, said: &str) {
    assert_eq!(said_of::<X>(script).as_deref(), Some(said));
}

#[track_caller]
fn check_fine<X: Subject>(script: &str) {
    assert_eq!(said_of::<X>(script), None);
}

const ANY_NUMBER: &str = "expected a number from 0 to 18446744073709551615";

#[test]
fn a_setting_with_another_value_is_placed() {
    let connman = check_word::<Connman>;
    connman("p1 sends ping nonce=x", &format!("a.case:3:15: ping nonce=x: {ANY_NUMBER}"));
    let third = "0ms p1 dials\n# A comment.\n\n  p1 sends verack, ping nonce=1 x7, 9 bytes of \
                 pong nonce=-1";
    connman(third, &format!("a.case:6:53: pong nonce=-1: {ANY_NUMBER}"));
    let bad = "a.case:3:22: ping magic=good: expected \"bad\"";
    connman("p1 sends ping type=bad magic=good", &bad.replace("22", "24"));
    let long = "a.case:3:15: ping length=4100001: expected a number from 0 to 4100000";
    connman("p1 sends ping length=4100001", long);
    let range = "expected a number from -2147483648 to 2147483647";
    let version = format!("a.case:3:18: version protocol=2147483648: {range}");
    connman("p1 sends version protocol=2147483648", &version);
    check_fine::<Connman>("p1 sends version protocol=-1, ping claims=4294967295 checksum=bad");
}

#[test]
fn a_setting_that_nobody_knows_is_placed() {
    check_word::<Connman>(
        "p1 sends ping nonse=7",
        "a.case:3:15: ping nonse=7: expected one of nonce, length, claims, magic, type, checksum, \
         tag, decoy, id",
    );
    check_word::<Connman>("p1 sends ping nonce=1 nonce=2", {
        "a.case:3:23: ping nonce=2: expected each setting once"
    });
    check_word::<Echo>("p1 sends line number=1", "a.case:3:15: line number=1: expected length");
}

#[test]
fn a_word_that_nobody_says_is_placed() {
    check_word::<Echo>("p1 sends line, verack", "a.case:3:16: verack: expected line");
    let long = "a.case:3:10: longer-than-twelve: expected a name of at most 12 bytes";
    check_word::<Connman>("p1 sends longer-than-twelve", long);
    check_fine::<Connman>("p1 sends anything");
}

#[test]
fn a_word_that_nobody_hears_is_placed() {
    let heard = said_of::<Connman>("expect p1 receives verack, pnog, within 1s").unwrap();
    assert!(heard.starts_with("a.case:3:28: pnog: expected one of version, verack,"), "{heard}");
    check_word::<Connman>(
        "expect p1 never receives verack nonce=7",
        "a.case:3:33: verack nonce=7: expected length",
    );
    check_word::<Echo>(
        "expect p1 receives line number=0 x2, line length=3, in order, within 1s",
        "a.case:3:43: line length=3: expected number",
    );
    check_fine::<Connman>("expect p1 receives other, ping length=0, in any order, within 1s");
}

#[test]
fn a_setting_of_the_node_is_placed() {
    for (settings, said) in [
        ("node     colour  blue", "a.case:3:10: node colour blue: expected no setting"),
        ("node seed 1\nnode seed 2", "a.case:4:6: node seed 2: expected each setting once"),
        ("node backlog", "a.case:3:6: node backlog: expected a number from 1 to"),
    ] {
        let text = format!("format 1\nsubject echo\n{settings}\n");
        let (schedule, source) = Schedule::parse_with_source("a.case", &text).unwrap();
        let error = Run::<Echo>::new(&schedule, &Options::default()).unwrap_err();
        let placed = error.in_text(&schedule, &source).unwrap().to_string();
        assert!(placed.starts_with(said), "{placed}");
    }
}

/// A word that passes the check is said: at every bound of every setting.
fn check_agreement<X: Subject>(names: &[&str]) {
    let keys = [
        "length",
        "claims",
        "magic",
        "type",
        "checksum",
        "protocol",
        "services",
        "nonce",
        "relay",
        "agent-bytes",
        "cut",
        "announce",
        "version",
        "rate",
        "number",
        "other",
    ];
    let values = ["", "x", "bad", "-1", "0", "1", "65535", "65536", "2147483647", "2147483648"]
        .into_iter()
        .chain(["4100000", "4294967295", "4294967296", "18446744073709551615", "-2147483648"])
        .chain(["18446744073709551616", "-99999999999999999999999999999999999999999"]);
    let (mut said, mut refused) = (0, 0);
    for value in values {
        for (name, key) in names.iter().flat_map(|name| keys.map(|key| (name, key))) {
            let settings = vec![(key.to_owned(), value.to_owned())];
            let word = Word { name: (*name).to_owned(), settings };
            let checked = X::Dialect::check(&word, Usage::Said);
            let mut out = Vec::new();
            let encoded = X::Dialect::new(1).encode(Default::default(), &word, &mut out);
            assert_eq!(encoded, checked);
            *(if checked.is_ok() { &mut said } else { &mut refused }) += 1;
        }
    }
    assert!(said > 3 && refused > 3, "{said} said, {refused} refused");
}

#[test]
fn what_passes_the_check_is_said() {
    check_agreement::<Echo>(&["line", "verack"]);
    check_agreement::<Connman>(&["version", "ping", "pong", "sendcmpct", "feefilter", "hello"]);
}

#[test]
fn where_a_schedule_was_read_is_no_part_of_it() {
    let script = "0ms p1 dials\np1 sends line\n\norder at node's 1st recv from p1: gets 1 byte";
    let text = format!("format 1\nsubject echo\n{script}\n");
    let (schedule, _) = Schedule::parse_with_source("one", &text).unwrap();
    let spaced = text.replace('\n', "\n\n\n");
    let (other, source) = Schedule::parse_with_source("two", &spaced).unwrap();
    assert_eq!(schedule, other);
    assert_eq!(Schedule::from_bytes(&other.to_bytes()), schedule);
    let lines =
        [Place::Script(0), Place::Script(1), Place::Order(0)].map(|place| source.line(place));
    assert_eq!(lines.map(|line| line.unwrap().0), [7, 10, 16]);
    assert_eq!(lines[1].unwrap().1, "p1 sends line");
    assert_eq!((source.line(Place::Head), source.line(Place::Script(2))), (None, None));
}

#[test]
fn an_address_that_no_host_can_have_is_a_mistake_in_its_place() {
    for (line, column, expected) in [
        ("p1 dials from 127.0.1.1:5", 21, "an address that a host of a network has"),
        ("p1 listens at 0.0.0.0:5", 21, "an address that a host of a network has"),
        ("p1 dials from 203.0.113.2:5", 21, "an address that no other party has"),
        ("p1 dials from 192.0.2.1:5", 21, "an address that no other party has"),
    ] {
        let text = format!("format 1\n0ms   {line}\n      p2 dials from 203.0.113.2:5\n");
        let (schedule, source) = Schedule::parse_with_source("test", &text).unwrap();
        let error = Run::<Connman>::new(&schedule, &Options::default()).unwrap_err();
        let placed = error.in_text(&schedule, &source).unwrap().to_string();
        let at = if line.contains("203.") { 3 } else { 2 };
        assert!(placed.starts_with(&format!("test:{at}:{column}: ")), "{placed}");
        assert!(placed.contains(expected), "{placed}");
    }
}
