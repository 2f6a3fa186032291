//! Any bytes are a schedule; any schedule is bytes.

use super::super::random::Random;
use super::super::{Line, Schedule};
use crate::run::{Options, Run};
use crate::subject::Subject as _;
use crate::subjects::connman::Connman;
use crate::subjects::echo::Echo;

#[test]
fn no_bytes_are_the_empty_schedule() {
    assert_eq!(Schedule::from_bytes(&[]), Schedule::new("connman"));
    assert_eq!(Schedule::new("connman").to_bytes().len(), 0);
}

#[test]
fn any_bytes_are_a_valid_schedule_that_both_forms_hold() {
    for seed in 0..4_000 {
        let mut random = Random::new(seed);
        let count = random.below(400);
        let mut bytes = random.bytes(count);
        if let Some(first) = bytes.first_mut().filter(|_| seed % 4 == 0) {
            *first = super::HEAD;
        }
        let schedule = Schedule::from_bytes(&bytes);
        assert_eq!(schedule.check(), Ok(()), "seed {seed}");
        assert_eq!(Schedule::from_bytes(&schedule.to_bytes()), schedule, "seed {seed}");
        let text = schedule.to_string();
        let parsed = Schedule::parse("random", &text).unwrap_or_else(|e| panic!("{seed}: {e}"));
        assert_eq!(parsed, schedule, "seed {seed}");
    }
}

#[test]
fn any_valid_schedule_comes_back_without_its_comments() {
    for seed in 0..4_000 {
        let schedule = Random::new(seed).schedule();
        let decoded = Schedule::from_bytes(&schedule.to_bytes());
        assert_eq!(decoded, schedule.without_comments(), "seed {seed}");
    }
}

#[test]
fn a_shorter_input_is_the_same_schedule_with_lines_missing_at_the_end() {
    for seed in 0..300 {
        let mut random = Random::new(seed);
        let bytes = if seed % 2 == 0 { random.bytes(200) } else { random.schedule().to_bytes() };
        let whole = Schedule::from_bytes(&bytes);
        for length in 0..bytes.len() {
            let part = Schedule::from_bytes(&bytes[..length]);
            assert!(whole.node.starts_with(&part.node), "seed {seed}, length {length}");
            assert!(whole.script.starts_with(&part.script), "seed {seed}, length {length}");
            assert!(whole.order.starts_with(&part.order), "seed {seed}, length {length}");
        }
    }
}

#[test]
fn most_random_inputs_do_several_things() {
    const INPUTS: usize = 10_000;
    let schedules: Vec<_> =
        (0..).map(|seed| Schedule::from_bytes(&Random::new(seed).bytes(64))).take(INPUTS).collect();
    let share = |wanted: &dyn Fn(&Schedule) -> bool| {
        schedules.iter().filter(|schedule| wanted(schedule)).count() * 100 / INPUTS
    };
    let three_lines = share(&|schedule| schedule.script.len() >= 3);
    let connects = share(&|schedule| schedule.script.iter().any(makes_a_connection));
    let lines: usize = schedules.iter().map(|schedule| schedule.script.len()).sum();
    println!("{three_lines} % have three lines or more, {connects} % make a connection");
    println!("{} lines on average", lines / INPUTS);
    assert!(three_lines > 80);
    assert!(connects > 70);
}

fn makes_a_connection(line: &Line) -> bool {
    use super::super::Op;
    matches!(line.op, Op::Dial { .. } | Op::NodeDials { .. })
}

#[test]
fn common_lines_are_a_few_bytes() {
    check_size("p1 dials", 3);
    check_size("p1 sends version, verack", 6);
    check_size("p1 sends ping x200", 8);
    check_size("+10ms p4 stops reading", 3);
    check_size("+1234567ns p5 closes", 7);
    check_size("fault node's next send to p1 takes 40 bytes", 8);
    check_size("expect node keeps p1", 2);
    check_size("order before node handles verack from p1: run opener", 6);
}

#[track_caller]
fn check_size(line: &str, bytes: usize) {
    let schedule = Schedule::parse("line", &format!("format 1\n{line}\n")).unwrap();
    assert_eq!(schedule.to_bytes().len(), bytes, "{line}");
    assert_eq!(Schedule::from_bytes(&schedule.to_bytes()), schedule);
}

/// What random bytes are can be run: words, settings and commands are those that the subject has.
/// The rest is spelled out, one name in 64, or an address that somebody else has.
#[test]
fn most_random_inputs_can_be_run() {
    for (bytes, least) in [(60, 85), (200, 70)] {
        let can_run = |seed: &u64| {
            let schedule = Schedule::from_bytes(&Random::new(*seed).bytes(bytes));
            Run::<Connman>::new(&schedule, &Options::default()).is_ok()
        };
        let runs = (0..1_000).filter(can_run).count() / 10;
        println!("{runs} % of those of {bytes} bytes");
        assert!(runs >= least, "{runs} % of those of {bytes} bytes");
    }
}

/// Every word of the tables is one of the subject's, with every setting of it.
#[test]
fn what_is_drawn_is_known() {
    let mut lead = [super::HEAD, 0, 0];
    for tag in 0..=u8::MAX {
        for place in 0..0xFC {
            let bytes =
                [&lead[..], &[tag, 0, 4, place, 0xC1, place, 1, place / 2, 1, 1, 1]].concat();
            let schedule = Schedule::from_bytes(&bytes);
            let made = Run::<Connman>::new(&schedule, &Options::default());
            assert_eq!(made.err(), None, "{schedule}");
        }
    }
    lead[1] = 1;
    for place in 0..0xFC {
        let bytes = [&lead[..], &[1, 0, 4, place, 0xC1, place, 1, place, 1, 1]].concat();
        let schedule = Schedule::from_bytes(&bytes);
        assert_eq!(schedule.subject, Echo::NAME);
        let made = Run::<Echo>::new(&schedule, &Options::default());
        assert_eq!(made.err(), None, "{schedule}");
    }
}
