//! A schedule with a node in another process: any node that listens for Bitcoin's v1 protocol on
//! regtest.
//!
//! ```text
//!   script --> player --> actors --> sockets on loopback --> the node
//!                 |          '------ SOCKS5 proxy <--------- where it dials
//!                 '-- setmocktime, addnode, ... (JSON-RPC) ->
//! ```
//!
//! Actors and their language are those of the simulator; expectations are judged by what peers see.
//! Lines of one instant are carried out together; then it is waited until nothing has moved for a
//! moment of real time, and only then goes the schedule's clock on. Where the node's clock can be
//! set it is told whole seconds, at most [`STEP`] at a time, so that what is due every two minutes
//! is done every two minutes; else a second is a second.
//!
//! Every address that is connected to is on loopback, but for a node's that was named by its own.

use std::collections::BTreeSet;
use std::fmt;
use std::net::SocketAddr;
use std::time::Duration;

use sockman::sockets::{ConnectError, Errno, ListenError};

mod host;
mod judge;
mod net;
mod outcome;
mod player;
mod process;
mod questions;
mod rpc;
mod socks;
mod table;

pub use outcome::{ConnectionName, NORMALISED, Outcome, SideBySide, aligned};
pub use process::{PLACEHOLDERS, ProcessError, Program, USUAL_ARGUMENTS};
pub use table::{Abilities, Row, TABLE, options, skipped};

use crate::run::{SetupError, Verdict};
use crate::schedule::Schedule;

/// Most time that a node's clock is told at once.
pub const STEP: Duration = Duration::from_secs(60);

/// How long everybody must be quiet before time goes on, unless it is said otherwise: more than the
/// 100 ms that Bitcoin Core's message handler may sleep (`ThreadMessageHandler`).
pub const QUIET: Duration = Duration::from_millis(250);

/// How much real time an expectation has beyond its own: more than the pause between attempts of
/// Bitcoin Core's `-connect`, which is 500 ms and grows by as much with each.
pub const GRACE: Duration = Duration::from_secs(5);

/// The longest schedule that is run where a second is a second.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// How long one schedule may take altogether, in real time.
pub const REAL_TIME_MAX: Duration = Duration::from_secs(180);

/// Where a node is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// Somebody has started it: it listens there, and keeps its state between schedules.
    At(SocketAddr),
    /// It is started for each schedule.
    Exec(Program),
}

impl Target {
    /// What it can do for us.
    #[must_use]
    pub fn abilities(&self) -> Abilities {
        match self {
            Self::At(_) => Abilities { starts: false, rpc: false, proxy: false },
            Self::Exec(program) => {
                Abilities { starts: true, rpc: program.has_rpc(), proxy: program.has_proxy() }
            }
        }
    }

    /// Whether it is on this machine.
    #[must_use]
    pub fn is_loopback(&self) -> bool {
        match self {
            Self::At(at) => at.ip().is_loopback(),
            Self::Exec(_) => true,
        }
    }
}

impl fmt::Display for Target {
    /// As it is read.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::At(at) => at.fmt(f),
            Self::Exec(program) => write!(f, "exec: {program}"),
        }
    }
}

impl std::str::FromStr for Target {
    type Err = String;

    /// `127.0.0.1:18444`, or `exec: COMMAND`.
    fn from_str(text: &str) -> Result<Self, String> {
        if let Some(command) = text.strip_prefix("exec:") {
            return Program::new(command).map(Self::Exec);
        }
        let at = text.replace("localhost:", "127.0.0.1:").parse();
        let expected = "an address with a port (127.0.0.1:18444) or 'exec: COMMAND'";
        at.map(Self::At).map_err(|_| format!("expected {expected}"))
    }
}

/// How to play.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LiveOptions {
    /// How long everybody must be quiet.
    pub quiet: Duration,
    /// How much real time an expectation has beyond its own.
    pub grace: Duration,
    /// The longest schedule where a second is a second.
    pub patience: Duration,
}

impl Default for LiveOptions {
    fn default() -> Self {
        Self { quiet: QUIET, grace: GRACE, patience: PATIENCE }
    }
}

/// What came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Live {
    /// It was not run: what it has that cannot be expressed.
    Skipped(BTreeSet<&'static str>),
    /// It was.
    Played {
        /// Whether every expectation was met.
        verdict: Verdict,
        /// What peers saw.
        outcome: Outcome,
    },
}

/// Why a schedule could not be played.
#[derive(Debug)]
pub enum LiveError {
    /// It makes no sense.
    Setup(SetupError),
    /// The system gives no sockets.
    NoSockets(Errno),
    /// The proxy cannot listen.
    Proxy(ListenError),
    /// The node's process.
    Process(ProcessError),
    /// The node's server cannot be asked, or objects.
    Question(&'static str, String),
    /// The same: there is no connection.
    NoServer(ConnectError),
    /// It takes longer than [`REAL_TIME_MAX`].
    TooLong,
    /// Somebody wants us to end.
    Interrupted,
}

impl fmt::Display for LiveError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Setup(error) => error.fmt(f),
            Self::NoSockets(errno) => write!(f, "the system gives no sockets: {errno}"),
            Self::Proxy(error) => write!(f, "the proxy cannot listen: {error}"),
            Self::Process(error) => error.fmt(f),
            Self::Question(method, said) => write!(f, "the node was asked {method}: {said}"),
            Self::NoServer(error) => write!(f, "the node cannot be asked: {error}"),
            Self::TooLong => write!(f, "given up after {} s", REAL_TIME_MAX.as_secs()),
            Self::Interrupted => f.write_str("interrupted"),
        }
    }
}

impl std::error::Error for LiveError {}

impl From<ProcessError> for LiveError {
    fn from(error: ProcessError) -> Self {
        Self::Process(error)
    }
}

/// Plays a schedule with a node. `interrupted` is asked now and then.
///
/// # Errors
///
/// It makes no sense, or the node or the system does not play along.
pub fn play(
    schedule: &Schedule,
    target: &Target,
    options: &LiveOptions,
    interrupted: &dyn Fn() -> bool,
) -> Result<Live, LiveError> {
    let skipped = skipped(schedule, target.abilities(), options.patience);
    if !skipped.is_empty() {
        return Ok(Live::Skipped(skipped));
    }
    player::Player::new(schedule, target, options, interrupted)?.play()
}
