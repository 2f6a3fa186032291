//! Every sentence, every leniency, every mistake.

mod errors;
mod page;

use super::super::Schedule;
use super::super::random::Random;

/// A case as a person writes it, and as it is printed.
const PARTIAL_SEND: &str = "\
# A partial send leaves write interest armed.
# Source: OpenEthereum PR 4102 (bugs/B006); docs/behaviour.md, sockets 5.1.
format 1
node     max-inbound 8

0ms      p1 dials from 203.0.113.7:40000
         p1 sends version, verack
+10ms    p1 stops reading
         p1 sends ping x200
# The first call after the pings takes a part of a pong.
fault    node's next send to p1 takes 40 bytes
+1s      p1 reads again
expect   p1 receives pong x200, in order, within 1s
expect   node keeps p1

order    before node handles verack from p1 for the 2nd time: run opener
order    at node's 2nd recv from p1: gets 40 bytes
";

/// Each line as it is printed: all sentences.
const CANONICAL: [&str; 77] = [
    "         p1 dials",
    "         p1 dials from 203.0.113.7:40000",
    "         p64 dials from [2001:db8::1]:8333",
    "         p2 listens",
    "         p2 listens at 198.51.100.2:8333",
    "         node dials p2",
    "         node drops p1",
    "         node dials itself",
    "         node is told network active=off",
    "         node restarts",
    "         p1 sends version, verack, ping x200",
    "         p1 sends version protocol=31799 agent=/x:0.1/, ping nonce=7 x2",
    "         p1 sends 10 bytes of ping, the rest",
    "         p1 sends 1 byte of ping nonce=7",
    "         p1 sends hex 00ff, 500 bytes of junk",
    "         p1 sends key a=b:",
    "         p1 is scripted",
    "         p1 is honest",
    "         p1 is silent",
    "         p1 is slow",
    "         p1 stops reading",
    "         p1 reads again",
    "         p1 half-closes",
    "         p1 closes",
    "         p1 resets",
    "         p1 vanishes",
    "         p1 is chatty",
    "         p1 is flooding",
    "         p1 is hostile",
    "         p1 is deaf",
    "         p1 is trickling",
    "         link p1 latency 50ms",
    "         link p1 bandwidth 10000",
    "         link p1 chunks 100",
    "         link p1 swallows all",
    "         link p1 swallows to node",
    "         link p1 swallows from node",
    "         link p1 heals",
    "         wall jumps +1h",
    "         wall jumps -90s",
    "0ms      p1 closes",
    "1500us   p1 closes",
    "+3ns     p1 closes",
    "+34559999999999us p1 closes",
    "fault    node's next send to p1 takes 40 bytes",
    "fault    node's next recv gets 1 byte",
    "fault    node's next 3 sends to p1 would block",
    "fault    node's 2nd recv from p1 fails: reset",
    "fault    node's 2nd to 4th sends to p1 fail: out of memory",
    "fault    node's next 2 sends take 1 byte",
    "fault    node's next 3 recvs from p1 get 40 bytes",
    "fault    node's next accept fails: out of descriptors",
    "fault    node's next accept from p1 fails: aborted",
    "fault    node's next connect to p2 fails: unreachable",
    "fault    node's 11th connect fails: timed out",
    "+1s      fault node's next accept would block",
    "expect   p1 receives pong x200, in order, within 1s",
    "expect   p1 receives verack, pong nonce=7, in any order, within 1s",
    "expect   p1 receives verack, within 1min",
    "expect   p1 never receives inv",
    "expect   node keeps p1",
    "expect   node drops p1 within 61s",
    "expect   node drops p1 within 61s because handshake-timeout",
    "expect   node connects p2 within 1s",
    "+2h      expect node keeps p1",
    "order    before node handles verack from p1: run opener",
    "order    before node handles verack from p1 for the 22nd time: run opener",
    "order    before node handles \"we ird\" from p1: run opener",
    "order    before node sends ping to p1: run socket",
    "order    before node delivers received from p1: run messages",
    "order    before node fires ping-timeout for p1: run messages",
    "order    before node's 1st send to p1: run messages",
    "order    before node's 3rd dial: run messages",
    "order    before node's 2nd close of p1: run messages",
    "order    before node serves p1 for the 3rd time: run messages",
    "order    before node is commanded: run messages",
    "order    at node's 1st accept: fails: out of descriptors",
];

#[test]
fn a_case_is_printed_as_it_was_written() {
    assert_eq!(canonical(PARTIAL_SEND), PARTIAL_SEND);
}

#[test]
fn every_sentence_is_printed_as_it_was_written() {
    for line in CANONICAL {
        let text = format!("format 1\n\n{line}\n");
        assert_eq!(canonical(&text), text);
    }
}

#[test]
fn other_ways_to_write_are_understood() {
    check_line("p1 dials", "         p1 dials");
    check_line("1000ms p1 closes", "1s       p1 closes");
    check_line("+0s\tp1   closes  ", "+0ms     p1 closes");
    check_line("60min p1 closes", "1h       p1 closes");
    check_line("  expect node keeps p1", "expect   node keeps p1");
    check_line("p1 sends ping x1,pong x02", "         p1 sends ping, pong x2");
    check_line("p1 sends hex 00FF", "         p1 sends hex 00ff");
    check_line("fault node's 1st send would block", "fault    node's next send would block");
    check_line("fault node's next 1 send would block", "fault    node's next send would block");
    check_line(
        "fault node's 1st to 3rd sends would block",
        "fault    node's next 3 sends would block",
    );
    check_line(
        "expect p1 receives pong x2 within 1s",
        "expect   p1 receives pong x2, in any order, within 1s",
    );
    check_line(
        "expect p1 receives pong, in any order within 1s",
        "expect   p1 receives pong, within 1s",
    );
    check_line("node dials p1", "         node dials p1");
    check_line("# Why.\n\np1 closes", "# Why.\n         p1 closes");
    check_line("#Why.\n#\np1 closes", "# Why.\n#\n         p1 closes");
    check_line(
        "order before node serves p1 for the 1st time: run opener",
        "order    before node serves p1: run opener",
    );
    check_line(
        "order before node handles verack of p1: run opener",
        "order    before node handles verack from p1: run opener",
    );
    check_line(
        "order before node send to p1 for the 2nd time: run opener",
        "order    before node's 2nd send to p1: run opener",
    );
    check_line(
        "order before node handles \"verack\" from p1: run opener",
        "order    before node handles verack from p1: run opener",
    );
}

#[test]
fn head_may_be_written_in_any_layout() {
    let text = "\n# A.\n\n#  B.\r\nformat  1\r\nnode seed 7\nsubject echo\n\
                node tor [::1]:9050, x # y\nnode listen";
    let printed = "# A.\n#  B.\nformat 1\nsubject  echo\nnode     seed 7\n\
                   node     tor [::1]:9050, x # y\nnode     listen\n";
    assert_eq!(canonical(text), printed);
}

#[test]
fn any_valid_schedule_comes_back_from_its_text() {
    for seed in 0..4_000 {
        let schedule = Random::new(seed).schedule();
        let text = schedule.to_string();
        let parsed = Schedule::parse("random", &text).unwrap_or_else(|e| panic!("{seed}: {e}"));
        assert_eq!(parsed, schedule, "seed {seed}");
        assert_eq!(parsed.to_string(), text, "seed {seed}");
    }
}

#[test]
fn any_text_is_a_valid_schedule_or_an_error_in_its_place() {
    let all = all_sentences();
    let mut parsed = 0;
    for seed in 0..20_000 {
        let mut random = Random::new(seed);
        let original = match seed % 3 {
            0 => PARTIAL_SEND.to_owned(),
            1 => random.pick(&all),
            _ => random.schedule().to_string(),
        };
        parsed += usize::from(check_any(&random.mutated(&original)));
    }
    // Some changes do no harm, but not most.
    assert!((1_000..15_000).contains(&parsed), "{parsed} of 20000 are schedules");
}

#[test]
fn any_prefix_is_a_valid_schedule_or_an_error_in_its_place() {
    for text in all_sentences().iter().chain([&PARTIAL_SEND.to_owned()]) {
        for end in (0..=text.len()).filter(|end| text.is_char_boundary(*end)) {
            check_any(&text[..end]);
        }
    }
}

/// A text for each sentence.
fn all_sentences() -> Vec<String> {
    CANONICAL.iter().map(|line| format!("# T\nformat 1\nnode     seed 7\n\n{line}\n")).collect()
}

/// Whether it is a schedule; then it is valid and its text canonical, else the error is shown and
/// points into the text.
#[track_caller]
fn check_any(text: &str) -> bool {
    match Schedule::parse("any", text) {
        Ok(schedule) => {
            assert_eq!(schedule.check(), Ok(()), "{text}");
            assert_eq!(Schedule::parse("again", &schedule.to_string()), Ok(schedule), "{text}");
            true
        }
        Err(error) => {
            let lines: Vec<_> = text.lines().chain([""]).collect();
            assert!((1..=lines.len()).contains(&error.line), "{text}\n{error}");
            let line = lines[error.line - 1];
            assert!((1..=line.chars().count() + 1).contains(&error.column), "{text}\n{error}");
            assert!(error.to_string().starts_with("any:"));
            false
        }
    }
}

#[track_caller]
fn check_line(written: &str, printed: &str) {
    assert_eq!(canonical(&format!("format 1\n{written}")), format!("format 1\n\n{printed}\n"));
}

#[track_caller]
fn canonical(text: &str) -> String {
    Schedule::parse("text", text).unwrap_or_else(|error| panic!("{error}")).to_string()
}
