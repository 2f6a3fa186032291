//! How many short schedules a second one core runs: what a fuzzer of the whole node can hope for.
//!
//! ```text
//! cargo bench -p sockman-sim                              runs a second
//! cargo bench -p sockman-sim -- --instructions 100        the first 100 alone, to be counted
//! cargo bench -p sockman-sim -- --show 7                  one of the schedules, as text
//! cargo bench -p sockman-sim -- --write FOLDER            all of them, as inputs of a fuzz target
//! ```
//!
//! A thousand schedules of 20 operations each, over transport v1, in this process, under all
//! oracles. They are made from seeds and frozen: a change to how they are made is noticed, because
//! figures of other schedules are other figures.

use std::ops::ControlFlow;
use std::process::ExitCode;
use std::time::Duration;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng as _, SeedableRng as _};
use sockman::driver::{Clock as _, SystemClock};
use sockman_sim::run::{self, Options};
use sockman_sim::schedule::{ActorId, Call, Effect, Fault, Item, Line, Op, Schedule, When, Word};
use sockman_sim::subjects::connman::Connman;
use sockman_sim::trace::TraceHash;

/// Schedules of the measure, as the design defines it.
const SCHEDULES: u64 = 1000;

/// Operations of each: lines by one actor. A handshake counts as one.
const OPERATIONS: usize = 20;

/// Actors of a schedule, at most.
const ACTORS_MAX: u32 = 4;

/// Rounds of the measure; each runs every schedule once.
const ROUNDS: usize = 30;

/// The hash of all schedules as text. Another one: they are not the frozen ones any more.
const FROZEN: &str = "b507ad68119c1252";

struct Draws(ChaCha8Rng);

impl Draws {
    fn below(&mut self, bound: u32) -> u32 {
        self.0.next_u32() % bound
    }

    fn word(&mut self) -> Word {
        const WORDS: [&str; 8] =
            ["ping", "ping", "pong", "verack", "sendheaders", "feefilter", "getaddr", "inv"];
        Word::plain(WORDS[self.below(8) as usize])
    }

    fn items(&mut self) -> Vec<Item> {
        let item = match self.below(6) {
            0 => Item::Part { bytes: 1 + self.below(30), word: self.word() },
            1 => Item::Rest,
            2 => Item::Junk(1 + self.below(30)),
            _ => Item::Word { word: self.word(), times: 1 },
        };
        vec![item]
    }

    /// Something that an actor does on its connection, or that is done to it.
    fn operation(&mut self, actor: ActorId) -> Op {
        match self.below(16) {
            0 => Op::Close { actor },
            1 => Op::Reset { actor },
            2 => Op::HalfClose { actor },
            3 => Op::StopReading { actor },
            4 => Op::ReadAgain { actor },
            5 => Op::Dial { actor, from: None },
            6 => {
                let call = if self.below(2) == 0 { Call::Send } else { Call::Recv };
                let effect = Effect::Bytes(1 + self.below(40));
                Op::Fault(Fault { call, actor: Some(actor), nth: 1, times: 1, effect })
            }
            _ => Op::Send { actor, items: self.items() },
        }
    }
}

/// The schedule of a seed: a few actors dial and shake hands, the rest is theirs to do.
fn schedule(seed: u64) -> Schedule {
    let mut draws = Draws(ChaCha8Rng::seed_from_u64(seed));
    let count = u16::try_from(1 + draws.below(ACTORS_MAX)).expect("a few");
    let mut operations = Vec::new();
    for actor in (1..=count).map(ActorId) {
        let word = |name| Item::Word { word: Word::plain(name), times: 1 };
        operations.push(Op::Dial { actor, from: None });
        operations.push(Op::Send { actor, items: vec![word("version"), word("verack")] });
    }
    while operations.len() < OPERATIONS {
        let actor = ActorId(1 + u16::try_from(draws.below(count.into())).expect("a few"));
        operations.push(draws.operation(actor));
    }
    let mut schedule = Schedule::new("connman");
    for op in operations {
        let pause = Duration::from_millis(u64::from(draws.below(20)));
        let at = if pause.is_zero() { When::Same } else { When::After(pause) };
        schedule.script.push(Line { at, op, comment: Vec::new() });
    }
    schedule
}

/// All of them, if they are the frozen ones.
fn schedules() -> Vec<Schedule> {
    let schedules: Vec<_> = (0..SCHEDULES).map(schedule).collect();
    let mut hash = TraceHash::new();
    for schedule in &schedules {
        assert_eq!(schedule.script.len(), OPERATIONS);
        hash.add_bytes(schedule.to_string().as_bytes());
    }
    assert_eq!(hash.to_string(), FROZEN, "these are other schedules than those of the figures");
    schedules
}

/// One run, from the schedule to the verdict. Counting instructions begins on entering it and ends
/// on leaving.
#[inline(never)]
fn counted_run(schedule: &Schedule) {
    let report = run::run::<Connman>(schedule, &Options::default());
    let verdict = report.expect("they are schedules of connman").verdict;
    // A fault whose call never came is no mistake here.
    assert!(!matches!(verdict, run::Verdict::Failed(_)), "{verdict}\n{schedule}");
}

/// Schedules a second in one round.
fn rate(schedules: &[Schedule]) -> u64 {
    let clock = SystemClock::start();
    schedules.iter().for_each(counted_run);
    SCHEDULES * 1_000_000_000 / clock.now().steady.as_nanos().max(1)
}

/// Writes each schedule as bytes to a file of the folder.
fn write(folder: &str) {
    std::fs::create_dir_all(folder).expect("the folder can be made");
    for (seed, schedule) in schedules().iter().enumerate() {
        let path = format!("{folder}/{seed:03}");
        std::fs::write(path, schedule.to_bytes()).expect("the folder can be written to");
    }
}

fn measure() {
    let schedules = schedules();
    // The first round warms caches and buffers.
    rate(&schedules);
    let mut rates: Vec<u64> = (0..ROUNDS).map(|_| rate(&schedules)).collect();
    rates.sort_unstable();
    println!(
        "{SCHEDULES} schedules of {OPERATIONS} operations, {ROUNDS} rounds: median {} runs/s on \
         one core, from {} to {}",
        rates[ROUNDS / 2],
        rates[0],
        rates[ROUNDS - 1]
    );
}

/// Does what the words say; `Break` if nobody understands them.
fn obey(words: &[String]) -> ControlFlow<()> {
    let number = |text: &String| match text.parse::<usize>() {
        Ok(number) if number < schedules().len() => ControlFlow::Continue(number),
        Ok(_) | Err(_) => ControlFlow::Break(()),
    };
    match words {
        [] => measure(),
        [option, count] if option == "--instructions" => {
            let count = number(count)?;
            schedules()[..count].iter().for_each(counted_run);
        }
        [option, seed] if option == "--show" => print!("{}", schedules()[number(seed)?]),
        [option, folder] if option == "--write" => write(folder),
        _ => return ControlFlow::Break(()),
    }
    ControlFlow::Continue(())
}

fn main() -> ExitCode {
    // `cargo bench` adds `--bench` of its own.
    let words: Vec<String> = std::env::args().skip(1).filter(|word| word != "--bench").collect();
    if obey(&words).is_break() {
        eprintln!(
            "usage: fuzz_rate [--instructions COUNT | --show SEED | --write FOLDER], \
             numbers below {SCHEDULES}"
        );
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}
