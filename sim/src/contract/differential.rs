//! The simulated kernel against a real one: the same random sequences on both, judged and compared.

use std::fmt;
use std::ops::Range;

use sockman::sockets::{Sockets, Wait};

use super::acceptor::{Coverage, Promptness, Rejection, Transition, accept};
use super::sequences::{Sequence, Volume, compare, run};
use super::trace::TraceStep;
use crate::net::{KernelConfig, Loopback};

/// Below so many unread bytes, everything is visible when a call returns, and a writer is writable:
/// docs/behaviour.md, TCP 8.
pub(crate) const VISIBLE_BYTES: u64 = 16_384;

/// Every how-manieth seed also fills buffers. It is the slowest part, and has fewer ways to go.
const FILLING_EVERY: u64 = 20;

/// Of what size the large sends of a filling sequence are: up to twice this. One or two go past
/// both buffers of a Linux connection (2.6 MB and 0.1 MB; docs/behaviour.md, TCP 9).
const FILLING_REAL_BYTES: usize = 2_000_000;

/// Differences and rejections that a report keeps; it counts all.
const EXAMPLES_MAX: usize = 10;

/// Buffers so small that the sequences of [`filling_mock`] fill them.
pub const SMALL_BUFFERS: KernelConfig = KernelConfig {
    addresses: Vec::new(),
    send_buffer_bytes: 4096,
    receive_buffer_bytes: 2048,
    backlog: 64,
    descriptors_max: 64,
};

/// What may be relied on with little unread, on a loopback of whatever kernel.
pub const PROMPT: Promptness = Promptness {
    window_bytes: Some(VISIBLE_BYTES),
    stands_still: true,
    writable_bytes: Some(VISIBLE_BYTES),
};

/// What may be relied on with [`SMALL_BUFFERS`]: the window is told anew once half of it is free,
/// and a writer with nothing unread is writable.
pub const PROMPT_SMALL: Promptness =
    Promptness { window_bytes: Some(1024), stands_still: true, writable_bytes: Some(0) };

/// What may be relied on with full buffers on Linux, where acknowledgements take up to 60 ms and a
/// reader tells of its window when that pays.
const PROMPT_READERS: Promptness =
    Promptness { window_bytes: Some(VISIBLE_BYTES), stands_still: false, writable_bytes: None };

/// What no sequence can provoke on a loopback, and why. At most ten.
///
/// Each is tested on the simulated kernel by name, in `sim/tests/net.rs` and `network.rs`.
pub const NOT_SEEN: [(Transition, &str); 5] = [
    (Transition::SendConnecting, CONNECTED_AT_ONCE),
    (Transition::RecvConnecting, CONNECTED_AT_ONCE),
    (Transition::ShutdownConnecting, CONNECTED_AT_ONCE),
    (Transition::CloseConnecting, CONNECTED_AT_ONCE),
    (Transition::StatusInProgress, CONNECTED_AT_ONCE),
];

const CONNECTED_AT_ONCE: &str = "docs/behaviour.md, TCP 2.1: on a loopback a connect is answered \
    within the call, unless the backlog is full, and `listen` asks for the longest there is";

/// Where one sequence went two ways.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// The sequence.
    pub seed: u64,
    /// The step at which the traces part, from 0.
    pub step: usize,
    /// What the simulated kernel did there; `None` if it made fewer steps.
    pub mock: Option<TraceStep>,
    /// What the real one did.
    pub real: Option<TraceStep>,
}

/// Which of the two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// The simulated kernel.
    Mock,
    /// The real one.
    Real,
}

/// What a comparison found.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// Sequences that ran on both.
    pub sequences: u64,
    /// Calls that were made on each side.
    pub calls: u64,
    /// Sequences that went two ways.
    pub differences: u64,
    /// The first of them.
    pub examples: Vec<Difference>,
    /// Traces that the acceptor refused.
    pub rejections: u64,
    /// The first of them, by seed.
    pub rejected: Vec<(u64, Side, Rejection)>,
    /// Transitions of the simulated kernel.
    pub seen_on_mock: Coverage,
    /// Transitions of the real one.
    pub seen_on_real: Coverage,
}

impl Report {
    /// Transitions that were never seen on one side, and are not listed in [`NOT_SEEN`].
    #[must_use]
    pub fn never_seen(&self, side: Side) -> Vec<Transition> {
        let coverage = match side {
            Side::Mock => &self.seen_on_mock,
            Side::Real => &self.seen_on_real,
        };
        let listed = |t: &Transition| NOT_SEEN.iter().any(|(listed, _)| listed == t);
        let unseen = |t: &Transition| !coverage.contains_key(t) && !listed(t);
        Transition::ALL.into_iter().filter(unseen).collect()
    }

    /// Whether both agree and keep the contract.
    #[must_use]
    pub const fn is_clean(&self) -> bool {
        self.differences == 0 && self.rejections == 0
    }

    fn judge(&mut self, seed: u64, side: Side, trace: &[TraceStep], promptness: Promptness) {
        let coverage = match side {
            Side::Mock => &mut self.seen_on_mock,
            Side::Real => &mut self.seen_on_real,
        };
        if let Err(rejection) = accept(trace, promptness, coverage) {
            self.rejections += 1;
            if self.rejected.len() < EXAMPLES_MAX {
                self.rejected.push((seed, side, rejection));
            }
        }
    }

    fn compare(&mut self, seed: u64, mock: &[TraceStep], real: &[TraceStep]) {
        if let Some(step) = compare(mock, real) {
            self.differences += 1;
            if self.examples.len() < EXAMPLES_MAX {
                let (mock, real) = (mock.get(step).cloned(), real.get(step).cloned());
                self.examples.push(Difference { seed, step, mock, real });
            }
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "sequences    {}", self.sequences)?;
        writeln!(f, "calls        {}", self.calls)?;
        writeln!(f, "differences  {}", self.differences)?;
        for Difference { seed, step, mock, real } in &self.examples {
            writeln!(f, "  seed {seed}, step {step}\n    mock {mock:?}\n    real {real:?}")?;
        }
        writeln!(f, "rejections   {}", self.rejections)?;
        for (seed, side, rejection) in &self.rejected {
            writeln!(f, "  seed {seed}, {side:?}, {rejection}")?;
        }
        let (mock, real) = (&self.seen_on_mock, &self.seen_on_real);
        writeln!(
            f,
            "transitions  of {}: mock {}, real {}",
            Transition::ALL.len(),
            mock.len(),
            real.len()
        )?;
        for transition in Transition::ALL {
            let count = |coverage: &Coverage| coverage.get(&transition).copied().unwrap_or(0);
            writeln!(f, "  {transition:?}: mock {}, real {}", count(mock), count(real))?;
        }
        let unseen = |side| self.never_seen(side);
        write!(f, "never seen   mock {:?}, real {:?}", unseen(Side::Mock), unseen(Side::Real))
    }
}

/// Runs the sequences of `seeds` on a fresh simulated kernel and on a fresh `make_real()` each.
///
/// Sequences with little unread are compared step by step; those that fill buffers are judged by
/// the acceptor alone, since short counts differ: [`full`](super::full) compares where they settle.
/// Takes real time only where the real backend does.
pub fn differential<R: Sockets + Wait>(seeds: Range<u64>, make_real: impl Fn() -> R) -> Report {
    let mut report = Report::default();
    for seed in seeds {
        let sequence = Sequence::draw(seed, Volume::Small);
        let mock = run(Loopback::default(), &sequence);
        let real = run(make_real(), &sequence);
        report.sequences += 1;
        report.calls += mock.len() as u64;
        report.compare(seed, &mock, &real);
        report.judge(seed, Side::Mock, &mock, PROMPT);
        report.judge(seed, Side::Real, &real, PROMPT);
        if seed % FILLING_EVERY == 0 {
            report.judge(seed, Side::Mock, &filling_mock(seed), PROMPT_SMALL);
            let sequence = Sequence::draw(seed, Volume::Filling(FILLING_REAL_BYTES));
            report.judge(seed, Side::Real, &run(make_real(), &sequence), PROMPT_READERS);
        }
    }
    report
}

/// A sequence that fills the buffers of a simulated kernel.
#[must_use]
pub fn filling_mock(seed: u64) -> Vec<TraceStep> {
    let sequence = Sequence::draw(seed, Volume::Filling(SMALL_BUFFERS.send_buffer_bytes));
    run(Loopback::new(SMALL_BUFFERS), &sequence)
}
