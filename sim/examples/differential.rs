//! Random call sequences on the simulated kernel and on the real one: `ci/differential.sh`. To a
//! hundred of them there is one of full buffers, which take their time to settle.
//!
//! Arguments: how many sequences, the first seed, `epoll` or `poll`.

use std::io::{self, Write as _};
use std::ops::Range;
use std::process::ExitCode;

use sockman::driver::{Clock as _, SystemClock};
use sockman::sockets::{Epoll, OsSockets, Poll, Sockets, Wait};
use sockman_sim::contract::differential::{Side, differential};
use sockman_sim::contract::full::differences;

/// One sequence of full buffers to so many others.
const FULL_EVERY: u64 = 100;

/// Below so many, a rare transition may fail to occur.
const ALL_SEEN_FROM: u64 = 1_000;

fn main() -> ExitCode {
    match run(std::env::args().skip(1)) {
        Ok(code) => code,
        Err(problem) => {
            // There is nowhere left to report to if this fails as well.
            let _ = writeln!(io::stderr(), "differential: {problem}");
            ExitCode::from(2)
        }
    }
}

fn run(mut arguments: impl Iterator<Item = String>) -> Result<ExitCode, String> {
    let mut number = |name: &str, default| match arguments.next() {
        None => Ok(default),
        Some(text) => text.parse::<u64>().map_err(|error| format!("{name} {text:?}: {error}")),
    };
    let count = number("count", 10_000)?;
    let first = number("first seed", 0)?;
    let end = first.checked_add(count).ok_or("that seed is too large")?;
    match arguments.next().as_deref() {
        None | Some("epoll") => compare(first..end, || {
            OsSockets::<Epoll>::new().expect("descriptors suffice for a few backends at a time")
        }),
        Some("poll") => compare(first..end, || {
            OsSockets::<Poll>::new().expect("descriptors suffice for a few backends at a time")
        }),
        Some(other) => Err(format!("{other:?} is neither epoll nor poll")),
    }
}

fn compare<R: Sockets + Wait>(
    seeds: Range<u64>,
    make_real: impl Fn() -> R + Sync,
) -> Result<ExitCode, String> {
    let clock = SystemClock::start();
    let began = clock.now().steady;
    let report = differential(seeds.clone(), &make_real);
    let millis = clock.now().steady.since(began).as_millis().max(1);
    let rate = u128::from(report.sequences) * 1_000 / millis;
    let filling = seeds.start..seeds.start + report.sequences.div_ceil(FULL_EVERY);
    let parted = differences(filling.clone(), &make_real);
    let mut told = format!("{report}\n{rate} sequences a second\n");
    let full = filling.end - filling.start;
    told.push_str(&format!("full buffers {full} sequences, {} differences\n", parted.len()));
    for parted in &parted {
        told.push_str(&format!("  {parted}\n"));
    }
    io::stdout().write_all(told.as_bytes()).map_err(|error| error.to_string())?;
    let unseen = report.sequences >= ALL_SEEN_FROM && !report.never_seen(Side::Real).is_empty();
    let is_clean = report.is_clean() && !unseen && parted.is_empty();
    Ok(if is_clean { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
