//! Random call sequences on the simulated kernel and on the real one: `ci/differential.sh`.
//!
//! Arguments: how many sequences, the first seed, `epoll` or `poll`.

use std::io::{self, Write as _};
use std::process::ExitCode;

use sockman::driver::{Clock as _, SystemClock};
use sockman::sockets::{Epoll, OsSockets, Poll};
use sockman_sim::contract::differential::{Side, differential};

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
    let clock = SystemClock::start();
    let began = clock.now().steady;
    let report = match arguments.next().as_deref() {
        None | Some("epoll") => differential(first..end, || {
            OsSockets::<Epoll>::new().expect("descriptors suffice for one backend at a time")
        }),
        Some("poll") => differential(first..end, || {
            OsSockets::<Poll>::new().expect("descriptors suffice for one backend at a time")
        }),
        Some(other) => return Err(format!("{other:?} is neither epoll nor poll")),
    };
    let millis = clock.now().steady.since(began).as_millis().max(1);
    let rate = u128::from(report.sequences) * 1_000 / millis;
    let mut out = io::stdout().lock();
    writeln!(out, "{report}\n{rate} sequences a second").map_err(|error| error.to_string())?;
    let unseen = count >= ALL_SEEN_FROM && !report.never_seen(Side::Real).is_empty();
    Ok(if report.is_clean() && !unseen { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
