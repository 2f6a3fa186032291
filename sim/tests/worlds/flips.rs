//! A canary of the trace hash: another result of one socket call, whichever, is another hash.

use std::collections::BTreeMap;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng as _, SeedableRng as _};
use sockman::sockets::{Accepted, Received, Sent};
use sockman_sim::faulty::CallResult;
use sockman_sim::generate::{Plan, generate_by};
use sockman_sim::schedule::{ActorId, Call, Effect, Line};
use sockman_sim::worlds;

use super::*;

/// The seed of the draws.
const DRAWS: u64 = 20;

/// Dials that the world has to have, so that there are enough to flip.
const DIALS_MIN: usize = 6;

/// What the environment can make of a call, one kind a row, each flipped twice: twenty flips.
const KINDS: [(Call, Flip); 10] = [
    (Call::Send, Flip::Short),
    (Call::Send, Flip::To(&[Effect::WouldBlock])),
    (Call::Send, Flip::To(&[Effect::Reset, Effect::TimedOut, Effect::OutOfMemory])),
    (Call::Recv, Flip::Short),
    (Call::Recv, Flip::To(&[Effect::WouldBlock])),
    (Call::Recv, Flip::To(&[Effect::Reset, Effect::TimedOut])),
    (Call::Accept, Flip::To(&[Effect::OutOfDescriptors, Effect::Aborted])),
    (Call::Accept, Flip::To(&[Effect::WouldBlock])),
    (Call::Connect, Flip::To(&[Effect::Reset, Effect::TimedOut, Effect::Unreachable])),
    (Call::Connect, Flip::To(&[Effect::OutOfDescriptors])),
];

/// How a result becomes another.
#[derive(Clone, Copy, Debug)]
enum Flip {
    /// Fewer bytes than were moved.
    Short,
    /// One of these.
    To(&'static [Effect]),
}

/// One call of the plain run that succeeded: everything that a flip can change is one of these.
#[derive(Clone, Copy, Debug)]
struct Made {
    call: Call,
    actor: Option<ActorId>,
    nth: u32,
    /// What it moved.
    bytes: u32,
}

/// Every call of the plain run that did not fail or block.
fn calls_of(schedule: &Schedule) -> Vec<Made> {
    let mut run = Run::<Connman>::new(schedule, &Options::default()).unwrap();
    let mut counts: BTreeMap<(Call, Option<ActorId>), u32> = BTreeMap::new();
    let mut made = Vec::new();
    while run.step().unwrap() == Progress::Going {
        let faulty = run.world().machine().sockman().sockets();
        for record in faulty.calls() {
            let actor = record.conn.and_then(|conn| faulty.actor(conn));
            let (call, actor, moved) = match &record.what {
                CallResult::Send(Ok(Sent::Bytes(count))) => (Call::Send, actor, Some(*count)),
                CallResult::Send(_) => (Call::Send, actor, None),
                CallResult::Recv(Ok(Received::Bytes(count))) => (Call::Recv, actor, Some(*count)),
                CallResult::Recv(_) => (Call::Recv, actor, None),
                CallResult::Accept(Ok(Accepted::Conn { .. })) => (Call::Accept, None, Some(0)),
                CallResult::Accept(_) => (Call::Accept, None, None),
                CallResult::Connect(_, result) => (Call::Connect, actor, result.ok().map(|_| 0)),
                CallResult::Listen(_)
                | CallResult::Status(_)
                | CallResult::Shutdown(_)
                | CallResult::Close(_)
                | CallResult::CloseListener(_)
                | CallResult::Interest(..)
                | CallResult::TakeError(_) => continue,
            };
            let nth = counts.entry((call, actor)).or_default();
            *nth += 1;
            let bytes = moved.map(|count| u32::try_from(count).unwrap());
            made.extend(bytes.map(|bytes| Made { call, actor, nth: *nth, bytes }));
        }
    }
    made
}

/// The first default world in which the node dials often enough.
fn a_world_with_dials() -> Schedule {
    let plan = Plan { world: worlds::named("default"), ..Plan::default() };
    let dials = |schedule: &Schedule| {
        let is_dial = |line: &&Line| matches!(line.op, Op::NodeDials { .. });
        schedule.script.iter().filter(is_dial).count()
    };
    let schedules = (0..).map(|seed| generate_by::<Connman>(&plan, seed).schedule);
    let mut enough = schedules.filter(|schedule| dials(schedule) >= DIALS_MIN);
    enough.next().expect("some world has them")
}

/// Another result for one of the calls, drawn among all that can have it; no call twice.
fn draw(rng: &mut ChaCha8Rng, calls: &mut Vec<Made>, (call, flip): (Call, Flip)) -> Deviation {
    let least = if matches!(flip, Flip::Short) { 2 } else { 0 };
    let fits = |at: &usize| calls[*at].call == call && calls[*at].bytes >= least;
    let fitting: Vec<_> = (0..calls.len()).filter(fits).collect();
    assert!(!fitting.is_empty(), "the world makes too few calls for {flip:?} of {call:?}");
    let at = fitting[rng.next_u32() as usize % fitting.len()];
    let Made { actor, nth, bytes, .. } = calls.remove(at);
    let effect = match flip {
        Flip::Short => Effect::Bytes(1 + rng.next_u32() % (bytes - 1)),
        Flip::To(effects) => effects[rng.next_u32() as usize % effects.len()],
    };
    Deviation::At { call, actor, nth, effect }
}

#[test]
fn another_result_of_one_call_gives_another_hash() {
    let plain = a_world_with_dials();
    let usual = run::<Connman>(&plain, &Options::default()).unwrap();
    assert_eq!(usual.verdict, Verdict::Passed);
    let mut calls = calls_of(&plain);
    let mut rng = ChaCha8Rng::seed_from_u64(DRAWS);
    let mut hashes = BTreeMap::from([(usual.hash.value(), "nothing".to_owned())]);
    for kind in KINDS.into_iter().chain(KINDS) {
        let flip = draw(&mut rng, &mut calls, kind);
        let schedule = Schedule { order: vec![flip.clone()], ..plain.clone() };
        let report = run::<Connman>(&schedule, &Options::default()).unwrap();
        assert_eq!(report.verdict, Verdict::Passed, "{flip}: {}", report.verdict);
        let other = hashes.insert(report.hash.value(), flip.to_string());
        assert_eq!(other, None, "{flip}: the hash of another run");
    }
    assert_eq!(hashes.len(), 1 + 20);
}
