//! Random sequences: the simulated kernel keeps the contract, broken backends do not, and a clone
//! goes on like its original.

use sockman::sockets::{Epoll, OsSockets, Poll};
use sockman_sim::contract::acceptor::{Coverage, Promptness, Transition, accept};
use sockman_sim::contract::broken::{Broken, Fault};
use sockman_sim::contract::differential::{
    NOT_SEEN, PROMPT, PROMPT_SMALL, SMALL_BUFFERS, differential, filling_mock,
};
use sockman_sim::contract::sequences::{Runner, Sequence, Volume, compare, run};
use sockman_sim::contract::trace::TraceStep;
use sockman_sim::net::Loopback;

/// Nothing is promised but order.
const LATE: Promptness =
    Promptness { window_bytes: None, stands_still: false, writable_bytes: None };

#[track_caller]
fn assert_accepted(seed: u64, trace: &[TraceStep], promptness: Promptness) {
    let mut coverage = Coverage::new();
    if let Err(rejection) = accept(trace, promptness, &mut coverage) {
        for (number, step) in trace.iter().enumerate().take(rejection.step + 1) {
            println!("{number:3} {step:?}");
        }
        panic!("seed {seed}, {rejection}");
    }
}

#[test]
fn simulated_kernel_keeps_the_contract() {
    for seed in 0..1000 {
        let sequence = Sequence::draw(seed, Volume::Small);
        assert_accepted(seed, &run(Loopback::default(), &sequence), PROMPT);
    }
}

#[test]
fn simulated_kernel_with_full_buffers_keeps_the_contract() {
    for seed in 0..1000 {
        assert_accepted(seed, &filling_mock(seed), PROMPT_SMALL);
    }
}

#[test]
fn every_transition_is_seen_on_the_simulated_kernel() {
    let mut coverage = Coverage::new();
    for seed in 0..400 {
        let small = run(Loopback::default(), &Sequence::draw(seed, Volume::Small));
        accept(&small, PROMPT, &mut coverage).unwrap();
        accept(&filling_mock(seed), PROMPT_SMALL, &mut coverage).unwrap();
    }
    for transition in Transition::ALL {
        let listed = NOT_SEEN.iter().any(|(listed, _)| *listed == transition);
        assert_ne!(coverage.contains_key(&transition), listed, "{transition:?}");
    }
}

/// Whoever is prompt is also allowed where nobody has to be.
#[test]
fn judge_of_late_backends_accepts_prompt_ones_too() {
    for seed in 0..100 {
        let mut sequence = Sequence::draw(seed, Volume::Small);
        // What may be late may be so in many ways at once: short sequences suffice.
        sequence.calls.truncate(14);
        assert_accepted(seed, &run(Loopback::default(), &sequence), LATE);
    }
}

/// How many seeds until somebody notices; all of them are tried if nobody does.
fn seeds_until_noticed(fault: Fault) -> Option<u64> {
    (0..200).find(|&seed| {
        let mut coverage = Coverage::new();
        let sequence = Sequence::draw(seed, Volume::Small);
        let broken = run(Broken::new(Loopback::default(), fault), &sequence);
        if accept(&broken, PROMPT, &mut coverage).is_err() {
            return true;
        }
        let sequence = Sequence::draw(seed, Volume::Filling(SMALL_BUFFERS.send_buffer_bytes));
        let broken = run(Broken::new(Loopback::new(SMALL_BUFFERS), fault), &sequence);
        accept(&broken, PROMPT_SMALL, &mut coverage).is_err()
    })
}

#[test]
fn each_broken_backend_is_refused() {
    for fault in Fault::ALL {
        let noticed = seeds_until_noticed(fault);
        assert!(noticed.is_some_and(|seed| seed < 100), "{fault:?}: {noticed:?}");
    }
}

#[test]
fn comparison_notices_what_parts_two_backends() {
    let parted = |fault| {
        (0..100).any(|seed| {
            let sequence = Sequence::draw(seed, Volume::Small);
            let good = run(Loopback::default(), &sequence);
            let broken = run(Broken::new(Loopback::default(), fault), &sequence);
            compare(&good, &broken).is_some()
        })
    };
    for fault in Fault::ALL {
        // It needs a full buffer, which small sequences do not make.
        assert_eq!(parted(fault), fault != Fault::WritableNeverReturns, "{fault:?}");
    }
}

#[test]
fn clone_at_any_step_goes_on_like_its_original() {
    for seed in 0..50 {
        let volume = Volume::Filling(SMALL_BUFFERS.send_buffer_bytes);
        let sequence = Sequence::draw(seed, volume);
        let whole = run(Loopback::new(SMALL_BUFFERS), &sequence);
        let mut original = Runner::new(Loopback::new(SMALL_BUFFERS), sequence.address);
        for (at, &call) in sequence.calls.iter().enumerate() {
            let mut clone = original.clone();
            for &call in &sequence.calls[at..] {
                clone.step(call);
            }
            assert_eq!(compare(&clone.finish(), &whole), None, "seed {seed}, cloned at {at}");
            original.step(call);
            original.sockets().kernel().check_invariants();
        }
    }
}

#[test]
fn simulated_kernel_agrees_with_the_real_one() {
    let report = differential(0..200, || OsSockets::<Epoll>::new().unwrap());
    assert!(report.is_clean(), "{report}");
    let report = differential(200..300, || OsSockets::<Poll>::new().unwrap());
    assert!(report.is_clean(), "{report}");
}
