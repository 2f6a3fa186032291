//! Drivers that do without a network, to compare the one with it: the same node on the same clock
//! under the same oracles, and the same budget of socket events.
//!
//! | | the network | [`messages()`] | [`bytes()`] |
//! |---|---|---|---|
//! | as | this crate's campaigns | Bitcoin Core's `process_messages` | Core's `FuzzedSock` |
//! | product code, clock, oracles, events counted | the same | the same | the same |
//! | settings of the node | drawn from its limits | the same | the same |
//! | commands, jumps of the wall clock | lines of the script | between two happenings | as messages |
//! | restarts of the node | yes | no | no |
//! | order of the node's tasks | a scheduler's | production's | production's |
//! | at the far end | actors with a TCP of their own | who says whole messages | nobody |
//! | what is said | the dialect's words | those, with settings at their edges | the same, damaged |
//! | who listens to the node | actors, who answer | some, who answer | only the oracle |
//! | how bytes arrive | as links and windows have it | one message a read | in drawn pieces |
//! | faults of calls | drawn or planned | none | drawn |
//! | byte streams: far end to node | compared | nobody knows what was sent | nobody knows |
//! | byte streams: the rest of a short send | compared | no send is short | compared |
//! | liveness | honest actors | holds of nobody | holds of nobody |
//! | protocol: what the node says | actors hear it | the far end hears it | the far end hears it |
//! | panics, bounds, descriptors, accounting, lifecycle, latency and work, watches | on | on | on |
//! | schedules, exact replay, shrinking | yes | the seed | the seed |
//!
//! Both are built as well as we know how, because a comparison with less would show nothing. What
//! they share is in `island.rs`: sockets that keep their contract with nobody behind them.

use std::fmt;
use std::str::FromStr;

use crate::run::{Options, Report, SetupError};
use crate::subject::Subject;

mod bytes;
mod driven;
mod island;
mod messages;

/// What a campaign finds its failures with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Driver {
    /// The virtual network: schedules.
    #[default]
    Network,
    /// Whole messages, injected.
    Messages,
    /// Socket calls that return what is drawn.
    Bytes,
}

impl Driver {
    /// All of them, the usual one first.
    pub const ALL: [Self; 3] = [Self::Network, Self::Messages, Self::Bytes];

    /// Its name on the command line.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Network => "network",
            Self::Messages => "messages",
            Self::Bytes => "bytes",
        }
    }
}

impl fmt::Display for Driver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Driver {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        let names = Self::ALL.map(Self::name).join(", ");
        let known = Self::ALL.into_iter().find(|driver| driver.name() == name);
        known.ok_or_else(|| format!("there are {names}"))
    }
}

/// Runs a seed with whole messages. The report's schedule has the node's settings and no script:
/// what happened is the seed's. `node` are settings beside those that the seed draws.
///
/// # Errors
///
/// The subject does not take a setting.
pub fn messages<X: Subject>(
    seed: u64,
    node: &[(String, String)],
    options: &Options,
) -> Result<Report, SetupError> {
    Ok(driven::Driven::<X, messages::Messages>::new(seed, node, options)?.finish())
}

/// Runs a seed with socket calls that return what is drawn. Otherwise as [`messages()`].
///
/// # Errors
///
/// The subject does not take a setting.
pub fn bytes<X: Subject>(
    seed: u64,
    node: &[(String, String)],
    options: &Options,
) -> Result<Report, SetupError> {
    Ok(driven::Driven::<X, bytes::Bytes>::new(seed, node, options)?.finish())
}
