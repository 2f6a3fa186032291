//! Mutations are deterministic, can be written down, and get somewhere.

use super::super::draw::random_bytes;
use super::super::tame::steps_allowed;
use super::*;
use crate::run::{Options, Progress, Run};
use crate::subject::Fact;

/// Most bytes of an input, as libFuzzer has it unless told otherwise.
const MOST: usize = 4096;

/// What libFuzzer does, in short: changes, adds and removes bytes.
fn tool(seed: u64) -> impl FnMut(&mut Vec<u8>) {
    move |bytes| {
        let noise = random_bytes(seed, 3);
        match noise[0] % 3 {
            0 => bytes.push(noise[1]),
            1 => drop(bytes.pop()),
            _ => {
                let count = bytes.len().max(1);
                if let Some(byte) = bytes.get_mut(usize::from(noise[1]) % count) {
                    *byte ^= noise[2];
                }
            }
        }
    }
}

/// Inputs as a fuzzer has them that keeps some of what it made: mutations of mutations.
fn population(target: &str, count: u64) -> Vec<Vec<u8>> {
    let mut inputs: Vec<Vec<u8>> = vec![Vec::new()];
    for seed in 0..count {
        let parent = &inputs[usize::try_from(seed * 7919).unwrap() % inputs.len()];
        let made = match seed % 8 {
            0 => {
                let other = &inputs[usize::try_from(seed).unwrap() % inputs.len()];
                crossover(target, parent, other, MOST, seed)
            }
            _ => mutate(target, parent, MOST, seed, &mut tool(seed)),
        };
        inputs.push(made);
    }
    inputs.split_off(1)
}

#[test]
fn a_seed_gives_one_mutation() {
    for target in ["connman", "sockman", "http_server"] {
        assert_eq!(population(target, 300), population(target, 300));
    }
}

#[test]
fn every_mutation_fits_and_round_trips() {
    for target in ["connman", "sockman", "http_server"] {
        for (number, bytes) in population(target, 2_000).into_iter().enumerate() {
            assert!(bytes.len() <= MOST, "{target} {number}");
            let schedule = Schedule::from_bytes(&bytes);
            assert_eq!(schedule.check(), Ok(()), "{target} {number}");
            assert_eq!(schedule.to_bytes(), bytes, "{target} {number}");
            assert_eq!(tame(schedule.clone()), schedule, "{target} {number}: what is kept is run");
            let text = schedule.to_string();
            let parsed = Schedule::parse("mutated", &text).unwrap();
            assert_eq!(parsed, schedule, "{target} {number}");
        }
    }
}

#[test]
fn what_does_not_fit_is_cut() {
    for seed in 0..200 {
        let bytes = Schedule::from_bytes(&random_bytes(seed, 500)).to_bytes();
        for most in [0, 1, 3, 20, 100] {
            assert!(mutate("connman", &bytes, most, seed, &mut |_| {}).len() <= most);
            assert!(crossover("connman", &bytes, &bytes, most, seed).len() <= most);
        }
    }
}

#[test]
fn any_bytes_can_be_mutated() {
    for seed in 0..500 {
        let bytes = random_bytes(seed, 200);
        for target in ["connman", "sockman", "http_server"] {
            let made = mutate(target, &bytes, MOST, seed, &mut tool(seed));
            let crossed = crossover(target, &bytes, &random_bytes(!seed, 100), MOST, seed);
            assert!(made.len().max(crossed.len()) <= MOST, "{target} {seed}");
        }
    }
}

/// One call in four, less those on scripts in which nobody says anything.
#[test]
fn one_mutation_in_four_is_the_tools() {
    let inputs = population("connman", 1_000);
    let mut called = 0;
    for (seed, bytes) in (0..).zip(&inputs) {
        mutate("connman", bytes, MOST, seed, &mut |_| called += 1);
    }
    println!("{called} of 1000");
    assert!((180..=260).contains(&called), "{called}");
}

/// How many of so many inputs: have three lines and an attempt to connect; complete a handshake.
fn reach<X: Subject>(target: &str, count: u64) -> [u64; 2] {
    let mut reached = [0, 0];
    for bytes in population(target, count) {
        let schedule = Schedule::from_bytes(&bytes);
        let mut ops = schedule.script.iter().map(|line| &line.op);
        let connects = ops.any(|op| matches!(op, Op::Dial { .. } | Op::NodeDials { .. }));
        reached[0] += u64::from(connects && schedule.script.len() >= 3);
        let options = Options { steps_max: steps_allowed(&schedule), ..Options::default() };
        let mut run = Run::<X>::new(&schedule, &options).unwrap();
        let is_ready = |run: &Run<X>| {
            let mut facts = run.world().notices().iter().filter_map(X::fact);
            facts.any(|fact| matches!(fact, Fact::Ready(_)))
        };
        let mut ready = false;
        while !ready && run.step().unwrap_or_else(|v| panic!("{v}\n{schedule}")) == Progress::Going
        {
            ready = is_ready(&run);
        }
        reached[1] += u64::from(ready);
    }
    reached
}

/// Measured: 948 and 702 of 1000; 849 on the echo, where two lines are a whole conversation.
#[test]
fn most_mutations_are_more_than_trivial_and_get_past_the_handshake() {
    let [decoded, ready] = reach::<Connman>("connman", 1_000);
    println!("{decoded} of 1000 are more than trivial, {ready} get past the handshake");
    assert!(decoded > 900, "{decoded}");
    assert!(ready > 650, "{ready}");
    let [decoded, _] = reach::<Echo>("sockman", 1_000);
    println!("{decoded} of 1000 are more than trivial on the echo");
    assert!(decoded > 800, "{decoded}");
    let [decoded, _] = reach::<Http>("http_server", 1_000);
    println!("{decoded} of 1000 are more than trivial on the HTTP server");
    assert!(decoded > 800, "{decoded}");
}
