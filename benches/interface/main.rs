//! What the interface costs: one server, driven three ways, over memory and over the kernel.
//!
//! ```text
//! cargo bench --bench interface                       a table of times, as ratios within one run
//! cargo bench --bench interface -- --instructions static memory small 1000
//!                                                     that one alone, 1000 messages a peer, to be
//!                                                     counted: ci/interface.sh does
//! ```
//!
//! Every way has the same duties and the same code for them (`session.rs`): send offsets, pause,
//! receive budget, readiness. Messages have no checksum; the server sends each back.

use std::hint::black_box;
use std::net::Ipv4Addr;
use std::process::ExitCode;

use sockman::driver::{Clock as _, SystemClock};
use sockman::sockets::{Endpoint, Sockets, Wait, Wake};
use sockman::time::{Instant, Now, UnixTime};

mod boxed;
mod by_hand;
mod kernel;
mod memory;
mod session;
mod tenant;

use boxed::Boxed;
use kernel::Kernel;
use memory::Memory;
use session::Load;

/// Rounds of the table: the design's definition of a figure. Each makes every run once.
const ROUNDS: usize = 30;

/// Peers of each server: as many as a node has outbound full-relay connections.
const CONNS: usize = 8;

/// How the server is driven.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Variant {
    /// A loop directly on the calls.
    ByHand,
    /// The socket manager and its machine, compiled for the backend.
    Static,
    /// The same over a boxed backend.
    Boxed,
}

const VARIANTS: [Variant; 3] = [Variant::ByHand, Variant::Static, Variant::Boxed];

/// What stands below.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Below {
    /// Two buffers a connection.
    Memory,
    /// Loopback TCP.
    Kernel,
}

/// What is exchanged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Size {
    /// Messages of 32 bytes, one a read: the worst case for whoever stands in between.
    Small,
    /// Blocks of 1 MB.
    Block,
}

impl Variant {
    const fn name(self) -> &'static str {
        match self {
            Self::ByHand => "by-hand",
            Self::Static => "static",
            Self::Boxed => "boxed",
        }
    }
}

impl Below {
    const fn name(self) -> &'static str {
        match self {
            Self::Memory => "memory",
            Self::Kernel => "kernel",
        }
    }
}

impl Size {
    const fn name(self) -> &'static str {
        match self {
            Self::Small => "small",
            Self::Block => "block",
        }
    }

    fn load(self, messages: u64) -> Load {
        match self {
            Self::Small => Load { conns: CONNS, message_bytes: 32, in_flight: 1, messages },
            Self::Block => Load { conns: CONNS, message_bytes: 1_000_000, in_flight: 2, messages },
        }
    }

    /// Messages a peer and run, so that a run takes some tens of milliseconds.
    const fn messages(self, below: Below) -> u64 {
        match (self, below) {
            (Self::Small, Below::Memory) => 20_000,
            (Self::Small, Below::Kernel) => 1_000,
            (Self::Block, _) => 8,
        }
    }
}

/// Nobody wakes a server of this bench from another thread: its waits are short.
#[derive(Clone, Copy, Debug)]
struct NoWaker;

impl Wake for NoWaker {
    fn wake(&self) {}
}

/// The time at which a server begins to listen, which it makes nothing of.
fn start() -> Now {
    Now { steady: Instant::from_nanos(0), wall: UnixTime::from_nanos(0) }
}

/// One run. Counting instructions begins on entering it and ends on leaving.
#[inline(never)]
fn counted_run<S>(variant: Variant, sockets: S, load: &Load)
where
    S: Sockets + Wait<Waker = NoWaker> + 'static,
{
    let at = Endpoint::Ip((Ipv4Addr::LOCALHOST, 0).into());
    match variant {
        Variant::ByHand => by_hand::serve(sockets, &at, load),
        Variant::Static => tenant::serve(sockets, &at, load),
        Variant::Boxed => tenant::serve(Boxed(black_box(Box::new(sockets))), &at, load),
    }
}

fn run(variant: Variant, below: Below, load: &Load) {
    match below {
        Below::Memory => counted_run(variant, Memory::new(load), load),
        Below::Kernel => counted_run(variant, Kernel::new(load), load),
    }
}

/// Nanoseconds of one run.
fn timed(variant: Variant, below: Below, load: &Load) -> u64 {
    let clock = SystemClock::start();
    run(variant, below, load);
    clock.now().steady.as_nanos()
}

fn median(values: &mut [u64]) -> u64 {
    values.sort_unstable();
    values[values.len() / 2]
}

/// A ratio in thousandths.
const fn per_mille(part: u64, whole: u64) -> u64 {
    part * 1000 / whole
}

/// A row of the table: all rounds of one load over one backend.
fn row(below: Below, size: Size) {
    let load = size.load(size.messages(below));
    // The first run of each warms caches and buffers.
    for variant in VARIANTS {
        timed(variant, below, &load);
    }
    let mut rounds = [const { Vec::new() }; VARIANTS.len()];
    for round in 0..ROUNDS {
        for turn in 0..VARIANTS.len() {
            // Who comes first changes, so that nobody always follows the same one.
            let place = (round + turn) % VARIANTS.len();
            rounds[place].push(timed(VARIANTS[place], below, &load));
        }
    }
    let ratio = |variant: usize, base: usize| {
        let pairs = rounds[variant].iter().zip(&rounds[base]);
        let mut ratios: Vec<u64> = pairs.map(|(time, base)| per_mille(*time, *base)).collect();
        let median = median(&mut ratios);
        let decile = ratios.len() / 10;
        let (low, high) = (ratios[decile], ratios[ratios.len() - 1 - decile]);
        format!("{} ({}..{})", decimal(median), decimal(low), decimal(high))
    };
    let messages = load.messages_total();
    let base = median(&mut rounds[0].clone()) / messages;
    println!(
        "| {} | {} | {base} | {} | {} | {} |",
        size.name(),
        below.name(),
        ratio(1, 0),
        ratio(2, 0),
        ratio(2, 1)
    );
}

/// Thousandths as a decimal number.
fn decimal(per_mille: u64) -> String {
    format!("{}.{:03}", per_mille / 1000, per_mille % 1000)
}

fn table() {
    println!("Median of {ROUNDS} pair ratios of time, and (lowest..highest tenth); {CONNS} peers.");
    println!(
        "| message | below | by hand, ns | static / by hand | boxed / by hand | boxed / static |"
    );
    println!("|---|---|---|---|---|---|");
    for below in [Below::Memory, Below::Kernel] {
        for size in [Size::Small, Size::Block] {
            row(below, size);
        }
    }
}

/// Which run to make alone, if the words name one.
fn parse(words: &[String]) -> Option<(Variant, Below, Load)> {
    let [variant, below, size, messages] = words else { return None };
    let variant = VARIANTS.into_iter().find(|value| value.name() == variant)?;
    let below = [Below::Memory, Below::Kernel].into_iter().find(|value| value.name() == below)?;
    let size = [Size::Small, Size::Block].into_iter().find(|value| value.name() == size)?;
    Some((variant, below, size.load(messages.parse().ok().filter(|count| *count > 0)?)))
}

fn main() -> ExitCode {
    // `cargo bench` adds `--bench` of its own.
    let words: Vec<String> = std::env::args().skip(1).filter(|word| word != "--bench").collect();
    match words.split_first() {
        None => table(),
        Some((option, rest)) if option == "--instructions" => match parse(rest) {
            Some((variant, below, load)) => run(variant, below, &load),
            None => return usage(),
        },
        Some(_) => return usage(),
    }
    ExitCode::SUCCESS
}

fn usage() -> ExitCode {
    eprintln!(
        "usage: interface [--instructions by-hand|static|boxed memory|kernel small|block COUNT]"
    );
    ExitCode::FAILURE
}
