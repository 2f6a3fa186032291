//! Places in which a schedule can run, and how what comes of it in two of them is compared.
//!
//! A world is the same code everywhere: script, actors, expectations, oracles, the node on its
//! machine. A place is what lies under it. [`tier`] says which lines a place can carry out, and a
//! [`Transcript`] is what two places have to agree on.

use std::fmt;

use crate::run::{Options, Report, Run, SetupError};
use crate::schedule::Schedule;
use crate::subject::Subject;

pub mod live;
pub mod tcp;
pub mod tier;
pub mod transcript;

pub use tier::Tier;
pub use transcript::{Difference, Recorder, Transcript};

use tcp::TcpHost;

/// Where.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Place {
    /// On the virtual network.
    #[default]
    Mock,
    /// On this machine's loopback.
    Tcp,
}

impl Place {
    /// All of them, the usual one first.
    pub const ALL: [Self; 2] = [Self::Mock, Self::Tcp];

    /// Its name on the command line.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Mock => "mock",
            Self::Tcp => "tcp",
        }
    }

    /// The highest tier that can be carried out there.
    #[must_use]
    pub const fn tier(self) -> Tier {
        match self {
            Self::Mock => Tier::Inner,
            Self::Tcp => Tier::Call,
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl std::str::FromStr for Place {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        let names = Self::ALL.map(Self::name).join(", ");
        let known = Self::ALL.into_iter().find(|place| place.name() == name);
        known.ok_or_else(|| format!("there are {names}"))
    }
}

/// What came of a schedule in one place.
#[derive(Clone, Debug)]
pub struct Played {
    /// As everywhere. Its hash is comparable in one place alone.
    pub report: Report,
    /// What other places have to agree on.
    pub transcript: Transcript,
    /// Where a real kernel fell short.
    pub shortcomings: Shortcomings,
}

/// How often a real kernel was not what the schedule's hosts are. All zero where time is virtual.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Shortcomings {
    /// Something that was sent did not come in all the time that was given.
    pub waits_in_vain: u64,
    /// It held less than the schedule's buffers do: it counts what it keeps of each segment besides
    /// the bytes, too (docs/behaviour.md, TCP 9).
    pub lacked_room: u64,
}

/// Runs a schedule in a place, with what is above its tier left out.
///
/// # Errors
///
/// The schedule makes no sense for this subject, or the system has no sockets for it.
pub fn play<X: Subject>(
    schedule: &Schedule,
    place: Place,
    options: &Options,
) -> Result<Played, SetupError> {
    let mut recorder = Recorder::default();
    let (report, shortcomings) = match place {
        Place::Mock => {
            let report = Run::<X>::new(schedule, options)?.finish_before(&mut recorder);
            (report, Shortcomings::default())
        }
        Place::Tcp => {
            let schedule = &tier::without_above(schedule, place.tier());
            let mut kept = None;
            let run = Run::<X, TcpHost>::on(schedule, options, |world, actors| {
                let own = world.node_kernel.clone();
                let all = own.addresses.iter().chain(actors.values().flatten()).copied();
                let all: Vec<_> = all.collect();
                let host = TcpHost::new(own, actors.len(), all).map_err(SetupError::NoSockets)?;
                kept = Some(host.clone());
                Ok(host)
            })?;
            let report = run.finish_before(&mut recorder);
            (report, kept.map(|host| host.shortcomings()).unwrap_or_default())
        }
    };
    Ok(Played { report, transcript: recorder.finish(), shortcomings })
}

/// What came of a schedule in two places.
#[derive(Clone, Debug)]
pub struct Compared {
    /// In one.
    pub left: Played,
    /// In the other.
    pub right: Played,
}

/// How two places disagree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Disagreement<'a> {
    /// On what there was to see.
    Transcript(Difference<'a>),
    /// On the verdict alone.
    Verdict(&'static str, &'static str),
}

impl fmt::Display for Disagreement<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Transcript(difference) => difference.fmt(f),
            Self::Verdict(left, right) => write!(f, "verdict: {left}, {right}"),
        }
    }
}

impl Compared {
    /// How they disagree; `None`: they do not.
    #[must_use]
    pub fn disagreement(&self) -> Option<Disagreement<'_>> {
        if let Some(difference) = self.left.transcript.difference(&self.right.transcript) {
            return Some(Disagreement::Transcript(difference));
        }
        let (left, right) = (self.left.report.verdict.kind(), self.right.report.verdict.kind());
        (left != right).then_some(Disagreement::Verdict(left, right))
    }
}

/// Runs a schedule on the virtual network and somewhere else, and what is above the other place's
/// tier in neither.
///
/// # Errors
///
/// As [`play`].
pub fn compare<X: Subject>(
    schedule: &Schedule,
    place: Place,
    options: &Options,
) -> Result<Compared, SetupError> {
    let schedule = &tier::without_above(schedule, place.tier());
    let left = play::<X>(schedule, Place::Mock, options)?;
    let right = play::<X>(schedule, place, options)?;
    Ok(Compared { left, right })
}
