//! How many descriptors the process may have, and how many connections that leaves.
//!
//! It asks the system for as many as the options want. This file opens nothing.
//!
//! Sources: docs/behaviour.md, connman 2; Core: init.cpp, `AppInitParameterInteraction`, and
//! util/fs_helpers.cpp, `RaiseFileDescriptorLimit`.

use std::fmt;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Descriptors that are nobody's connection. Core: `MIN_CORE_FDS`: 150 for the block store and one
/// for captured messages. We have neither yet; a log, a poller and signals take a dozen.
const NODE_DESCRIPTORS: u64 = 150 + 1;

/// Connections that an operator adds by hand, beside the automatic ones. Core:
/// `MAX_ADDNODE_CONNECTIONS`.
const MANUAL_CONNECTIONS: u64 = 8;

/// What the process may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Descriptors {
    /// In all.
    pub(crate) available: u64,
    /// The connections, at most as many as were wanted, that this leaves.
    pub(crate) connections_max: u32,
}

/// Not even a node without connections can run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NotEnough {
    /// Descriptors that there are.
    pub(crate) available: u64,
    /// Descriptors that it takes.
    pub(crate) required: u64,
}

impl fmt::Display for NotEnough {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { available, required } = self;
        write!(
            f,
            "Not enough file descriptors available. {available} available, {required} required."
        )
    }
}

impl std::error::Error for NotEnough {}

/// Makes sure of descriptors for so many connections and listeners, or for fewer connections.
///
/// # Errors
///
/// There are too few for any.
pub(crate) fn claim(connections: u32, listeners: usize) -> Result<Descriptors, NotEnough> {
    let wanted = required(listeners).saturating_add(connections.into());
    share(raise(wanted), connections, listeners)
}

/// What is needed before the first connection. Core counts one listener if there is none.
fn required(listeners: usize) -> u64 {
    NODE_DESCRIPTORS + MANUAL_CONNECTIONS + listeners.max(1) as u64
}

/// What so many descriptors are enough for.
fn share(available: u64, connections: u32, listeners: usize) -> Result<Descriptors, NotEnough> {
    let required = required(listeners);
    let Some(left) = available.checked_sub(required) else {
        return Err(NotEnough { available, required });
    };
    let connections_max = u32::try_from(left).map_or(connections, |left| left.min(connections));
    Ok(Descriptors { available, connections_max })
}

/// Raises the soft limit of the process to `wanted`, as far as the hard one lets it; says what it
/// is.
fn raise(wanted: u64) -> u64 {
    // Without a limit there is as much as was wanted.
    let soft = |limit: Rlimit| limit.current.unwrap_or(u64::MAX);
    let limit = getrlimit(Resource::Nofile);
    if soft(limit) < wanted {
        let current = limit.maximum.map_or(wanted, |maximum| wanted.min(maximum));
        // OK to ignore: then the limit stays, and is asked for again.
        let _refused = setrlimit(Resource::Nofile, Rlimit { current: Some(current), ..limit });
    }
    soft(getrlimit(Resource::Nofile))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_get_what_the_node_leaves() {
        let left = |available, connections, listeners| {
            share(available, connections, listeners).map(|shared| shared.connections_max)
        };
        assert_eq!(left(1024, 125, 0), Ok(125));
        assert_eq!(left(285, 125, 1), Ok(125));
        assert_eq!(left(284, 125, 1), Ok(124));
        // Without a listener as with one; each further one takes a connection's.
        assert_eq!(left(284, 125, 0), Ok(124));
        assert_eq!(left(284, 125, 3), Ok(122));
        assert_eq!(left(160, 125, 1), Ok(0));
        assert_eq!(left(159, 125, 1), Err(NotEnough { available: 159, required: 160 }));
        assert_eq!(left(159, 0, 1), Err(NotEnough { available: 159, required: 160 }));
        assert_eq!(left(u64::MAX, u32::MAX, 1), Ok(u32::MAX));
    }
}
