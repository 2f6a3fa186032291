//! Schedules from seeds: what a campaign runs.
//!
//! A seed makes a script and the chances of one run. What is possible at all in a run is itself
//! drawn (swarm testing): some runs have no faults, some have one kind of them and a lot of it, for
//! all faults a little at a time hide each other.

use std::time::Duration;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng as _, SeedableRng as _};

use crate::faulty::Weights;
use crate::run::Chance;
use crate::schedule::{ActorId, Item, Jump, Line, LinkChange, Manner, Op, Schedule, When, Word};
use crate::subject::{Dialect as _, Subject};

/// Actors that follow the protocol and say something five times a second: at least so many.
const CHATTY_MIN: u32 = 8;

/// Further actors, at most.
const OTHERS_MAX: u32 = 4;

/// How further actors behave.
const OTHERS: [Manner; 6] = [
    Manner::Scripted,
    Manner::Silent,
    Manner::Slow,
    Manner::Honest,
    Manner::Hostile,
    Manner::Flooding,
];

/// How long a generated script goes on.
const SCRIPT: Duration = Duration::from_secs(20);

/// How long a world goes on after that, once in a while: long enough for every timer of a P2P
/// connection (twenty minutes) to fire. Everybody is quiet then, so that it costs little.
const LONG_AFTER: Duration = Duration::from_secs(45 * 60);

/// One world in so many goes on for long.
const LONG_ONCE_IN: u32 = 8;

/// Lines that others get between the greeting and the end, at most each.
const LINES_EACH_MAX: u32 = 8;

/// Everything that a seed decides.
#[derive(Clone, Debug)]
pub struct Generated {
    /// The script, without an order.
    pub schedule: Schedule,
    /// What chance does to its run.
    pub chance: Chance,
}

/// Draws below a bound, and the like.
struct Draws(ChaCha8Rng);

impl Draws {
    fn below(&mut self, bound: u32) -> u32 {
        let wide = u64::from(self.0.next_u32()) * u64::from(bound);
        u32::try_from(wide >> 32).expect("the high half of a product is below its factor")
    }

    /// True once in `times`.
    fn once_in(&mut self, times: u32) -> bool {
        self.below(times) == 0
    }

    fn pick<'a, T>(&mut self, of: &'a [T]) -> &'a T {
        let count = u32::try_from(of.len()).expect("a short list");
        &of[self.below(count) as usize]
    }

    /// A chance in 256: mostly none, sometimes a little, rarely a lot.
    fn weight(&mut self) -> u8 {
        let bound = *self.pick(&[0, 0, 0, 4, 16, 64]);
        if bound == 0 { 0 } else { u8::try_from(self.below(bound)).expect("below 64") }
    }
}

/// What the default campaign runs for a seed: the default world.
#[must_use]
pub fn generate<X: Subject>(seed: u64) -> Generated {
    let mut draws = Draws(ChaCha8Rng::seed_from_u64(seed));
    let mut schedule = Schedule::new(X::NAME);
    let node_seed = draws.0.next_u32().max(1);
    schedule.node.push(("seed".to_owned(), node_seed.to_string()));
    if draws.once_in(4) {
        let bytes = draws.pick(&[600_u32, 4096, 16_384]).to_string();
        schedule.node.push(("send-buffer".to_owned(), bytes));
    }
    schedule.node.extend(X::draw_settings(&mut |bound| draws.below(bound)));
    let mut lines = Vec::new();
    let chatty = CHATTY_MIN + draws.below(3);
    let others = draws.below(OTHERS_MAX + 1);
    for number in 1..=chatty + others {
        let actor = ActorId(u16::try_from(number).expect("a dozen actors"));
        let manner = if number <= chatty { Manner::Chatty } else { *draws.pick(&OTHERS) };
        introduce(&mut draws, actor, manner, &mut lines);
        let turns = if number <= chatty { draws.below(2) } else { draws.below(LINES_EACH_MAX) };
        for _ in 0..turns {
            let at = below_time(&mut draws, SCRIPT);
            let op = turn::<X>(&mut draws, actor);
            lines.push((at, op));
        }
    }
    crowd(&mut draws, &mut lines);
    lines.sort_by_key(|(at, _)| *at);
    schedule.script = lines
        .into_iter()
        .map(|(at, op)| Line { at: When::At(at), op, comment: Vec::new() })
        .collect();
    let actors = (1..=chatty + others).map(|n| ActorId(u16::try_from(n).expect("a dozen")));
    schedule.script.extend(ending(&mut draws, actors));
    Generated { schedule, chance: chance(&mut draws) }
}

/// In some worlds many things happen at the same instants, so that the order decides.
fn crowd(draws: &mut Draws, lines: &mut [(Duration, Op)]) {
    let instants = *draws.pick(&[1, 1, 200, 2000]);
    for (at, _) in lines {
        let millis = u32::try_from(at.as_millis()).expect("a script goes on for seconds");
        *at = Duration::from_millis(u64::from(millis - millis % instants));
    }
}

/// The last lines: they say how long the world goes on.
fn ending(draws: &mut Draws, actors: impl Iterator<Item = ActorId>) -> Vec<Line> {
    let line = |at, op| Line { at, op, comment: Vec::new() };
    let quiet = |actor| Op::Behave { actor, manner: Manner::Honest };
    if !draws.once_in(LONG_ONCE_IN) {
        return vec![line(
            When::At(SCRIPT),
            Op::Behave { actor: ActorId(1), manner: Manner::Chatty },
        )];
    }
    let mut lines: Vec<_> = actors.map(|actor| line(When::At(SCRIPT), quiet(actor))).collect();
    if draws.once_in(4) {
        let direction = if draws.once_in(2) { Jump::Forward } else { Jump::Back };
        let by = Duration::from_secs(u64::from(draws.below(7200)));
        let at = When::After(below_time(draws, LONG_AFTER));
        lines.push(line(at, Op::WallJump { direction, by }));
    }
    lines.push(line(When::After(LONG_AFTER), quiet(ActorId(1))));
    lines
}

fn chance(draws: &mut Draws) -> Chance {
    let calm = draws.once_in(4);
    let weights = if calm {
        Weights::default()
    } else {
        Weights {
            short_send: draws.weight(),
            send_would_block: draws.weight(),
            short_recv: draws.weight(),
            recv_would_block: draws.weight(),
            reset: if draws.once_in(8) { 1 } else { 0 },
            accept_fails: draws.weight(),
            connect_fails: draws.weight(),
        }
    };
    Chance { seed: draws.0.next_u64(), deviate: if calm { 0 } else { draws.weight() }, weights }
}

/// An actor arrives, over a link of its own.
fn introduce(draws: &mut Draws, actor: ActorId, manner: Manner, lines: &mut Vec<(Duration, Op)>) {
    let at = below_time(draws, Duration::from_secs(2));
    let change = match draws.below(4) {
        0 => Some(LinkChange::Latency(Duration::from_millis(u64::from(1 + draws.below(300))))),
        1 => Some(LinkChange::Chunks(1 + draws.below(1500))),
        _ => None,
    };
    lines.extend(change.map(|change| (at, Op::Link { actor, change })));
    lines.push((at, Op::Behave { actor, manner }));
    if draws.once_in(6) {
        lines.push((at, Op::Listen { actor, at: None }));
        lines.push((at, Op::NodeDials { actor }));
    } else {
        lines.push((at, Op::Dial { actor, from: None }));
    }
}

/// Something that an actor, or the world around it, does.
fn turn<X: Subject>(draws: &mut Draws, actor: ActorId) -> Op {
    match draws.below(17) {
        16 => Op::NodeDials { actor },
        0 => Op::Close { actor },
        1 => Op::Reset { actor },
        2 => Op::HalfClose { actor },
        3 => Op::StopReading { actor },
        4 => Op::ReadAgain { actor },
        5 | 6 => Op::Dial { actor, from: None },
        7 => Op::NodeDrops { actor },
        8 => Op::Behave { actor, manner: Manner::Honest },
        9 => {
            let changes = [
                LinkChange::SwallowAll,
                LinkChange::SwallowToNode,
                LinkChange::SwallowFromNode,
                LinkChange::Heal,
                LinkChange::Heal,
                LinkChange::Chunks(1),
            ];
            Op::Link { actor, change: *draws.pick(&changes) }
        }
        _ => Op::Send { actor, items: items::<X>(draws) },
    }
}

fn items<X: Subject>(draws: &mut Draws) -> Vec<Item> {
    let count = 1 + draws.below(4);
    let item = |draws: &mut Draws| {
        let word = Word::plain(draws.pick::<&str>(X::Dialect::vocabulary()));
        match draws.below(12) {
            0 => Item::Part { bytes: 1 + draws.below(40), word },
            1 => Item::Rest,
            2 => {
                // Rarely so much that it fills buffers.
                let bound = *draws.pick(&[100, 100, 100_000]);
                Item::Junk(1 + draws.below(bound))
            }
            3 => Item::Word { word, times: 1 + draws.below(500) },
            _ => Item::Word { word, times: 1 },
        }
    };
    (0..count).map(|_| item(draws)).collect()
}

/// A time below a bound, in whole milliseconds so that lines read well.
fn below_time(draws: &mut Draws, bound: Duration) -> Duration {
    let millis = u32::try_from(bound.as_millis()).unwrap_or(u32::MAX);
    Duration::from_millis(u64::from(draws.below(millis)))
}
