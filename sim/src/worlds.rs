//! Worlds: what the surroundings of a node are like, as tables that a campaign draws from.
//!
//! Each is a file in `sim/worlds/`, named after the world: how many actors there are and what they
//! do, what their links are like, what the node's host has, how long it goes on. A seed chooses a
//! world by its weight and draws a script in it ([`generate`](crate::generate)). No world is made
//! for one bug: each is a place where a node may find itself.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::LazyLock;

use serde::Deserialize;

use crate::schedule::{ActorId, Manner};

/// Most worlds: more than a reader goes through make a table that nobody believes.
pub const WORLDS_MAX: usize = 12;

/// The files, in the order of the table that `cargo sim worlds` prints; the first is the default
/// world, in which rates are measured.
const FILES: [(&str, &str); 12] = [
    ("default", include_str!("../worlds/default.toml")),
    ("pair", include_str!("../worlds/pair.toml")),
    ("syncing", include_str!("../worlds/syncing.toml")),
    ("narrow", include_str!("../worlds/narrow.toml")),
    ("full-house", include_str!("../worlds/full-house.toml")),
    ("poor-host", include_str!("../worlds/poor-host.toml")),
    ("dialling", include_str!("../worlds/dialling.toml")),
    ("hours", include_str!("../worlds/hours.toml")),
    ("crowd", include_str!("../worlds/crowd.toml")),
    ("bad-links", include_str!("../worlds/bad-links.toml")),
    ("rough", include_str!("../worlds/rough.toml")),
    ("operator", include_str!("../worlds/operator.toml")),
];

const _: () = assert!(FILES.len() <= WORLDS_MAX, "a dozen worlds");

/// Every world. A constant of the program, read once.
static WORLDS: LazyLock<Vec<World>> = LazyLock::new(|| {
    let read = |(name, text): &(&'static str, &str)| {
        let table = toml::from_str(text).expect("the tests read every world");
        World { name, table }
    };
    FILES.iter().map(read).collect()
});

/// All worlds, the default one first.
#[must_use]
pub fn all() -> &'static [World] {
    &WORLDS
}

/// A world by name.
#[must_use]
pub fn named(name: &str) -> Option<&'static World> {
    all().iter().find(|world| world.name == name)
}

/// A place where a node may find itself.
#[derive(Clone, Debug)]
pub struct World {
    /// Its name: that of its file.
    pub name: &'static str,
    /// What it is like.
    pub table: Table,
}

/// From the first number to the second, both included.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(from = "[u32; 2]")]
pub struct Span {
    /// The least.
    pub least: u32,
    /// The most.
    pub most: u32,
}

impl From<[u32; 2]> for Span {
    fn from([least, most]: [u32; 2]) -> Self {
        Self { least, most: most.max(least) }
    }
}

/// What a world is like.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Table {
    /// What it is, in a sentence.
    pub summary: String,
    /// How often a seed takes it: in so many of all weights together.
    pub weight: u32,
    /// How long its script goes on.
    pub seconds: Span,
    /// Who is there.
    pub actors: Actors,
    /// What they do, beside what their manner asks for.
    #[serde(default)]
    pub turns: Turns,
    /// What the node's host and its settings are.
    #[serde(default)]
    pub node: Node,
    /// What the links are at the start.
    #[serde(default)]
    pub links: Links,
    /// What the environment makes of the node's calls, in the runs in which it does at all.
    #[serde(default)]
    pub calls: Calls,
    /// What comes after the script.
    #[serde(default)]
    pub after: After,
}

/// Who is there.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Actors {
    /// How many talk all the time: five messages a second each.
    pub chatty: Span,
    /// How many others there are.
    pub others: Span,
    /// Their manners, likelier ones more than once.
    pub manners: Vec<MannerName>,
    /// Chance in 256 that the node dials an actor, rather than the other way round.
    #[serde(default)]
    pub dialled_in_256: u8,
    /// Chance in 256 that an actor is on the list of those to which the node connects by itself.
    #[serde(default)]
    pub listed_in_256: u8,
    /// Chance in 256 that the node connects to none of a list, but chooses among those of whom it
    /// knows: those that would be on the list, and live where the public can reach them.
    #[serde(default)]
    pub chosen_in_256: u8,
    /// Chance in 256 that an actor that listens begins to do so only in the course of the script.
    #[serde(default)]
    pub late_in_256: u8,
    /// Chance in 256 that an actor dials from an IPv6 address.
    #[serde(default)]
    pub v6_in_256: u8,
}

/// A manner, as the tables write it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct MannerName(pub Manner);

impl TryFrom<String> for MannerName {
    type Error = String;

    fn try_from(name: String) -> Result<Self, String> {
        let known = Manner::ALL.into_iter().find(|manner| manner.to_string() == name);
        known.map(Self).ok_or_else(|| format!("no manner {name:?}"))
    }
}

/// What actors do, and what happens around them.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Turns {
    /// How many turns each chatty actor has.
    #[serde(default)]
    pub chatty: Span,
    /// How many each other actor has.
    #[serde(default)]
    pub others: Span,
    /// How many times each actor tells something of its chain, or asks for something of the node's,
    /// if that has one.
    #[serde(default)]
    pub chain: Span,
    /// How likely each sort is: in so many of all together.
    #[serde(default)]
    pub sorts: BTreeMap<Turn, u32>,
    /// How many things happen to the node itself, whoever is there.
    #[serde(default)]
    pub node: Span,
    /// How likely each sort of these is.
    #[serde(default)]
    pub node_sorts: BTreeMap<NodeTurn, u32>,
    /// Chance in 256 that everything happens at few instants, so that the order decides.
    #[serde(default)]
    pub crowded_in_256: u8,
}

/// A sort of thing that an actor does, or that happens to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Turn {
    /// It says something, whole or in part, sense or nonsense.
    Sends,
    /// It dials; a connection that it has is closed first.
    Dials,
    /// FIN and gone.
    Closes,
    /// RST.
    Resets,
    /// FIN, and goes on reading.
    HalfCloses,
    /// Its host forgets everything.
    Vanishes,
    /// It stops reading.
    StopsReading,
    /// It stops reading, and asks for much that it has no use for.
    AsksInVain,
    /// It reads again.
    ReadsAgain,
    /// It becomes honest.
    Reforms,
    /// The node is asked to dial it.
    Dialled,
    /// The node is asked to drop it.
    Dropped,
    /// Its link changes: narrow, in pieces, silent one way or both.
    LinkChanges,
    /// Its link is as it was at the start.
    LinkHeals,
    /// A named fault of the node's calls for it.
    Fault,
}

/// A sort of thing that happens to the node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NodeTurn {
    /// It is told something by its operator.
    Told,
    /// It is asked to dial itself.
    DialsItself,
    /// Somebody sets its wall clock.
    WallJumps,
    /// Its process ends and begins again.
    Restarts,
    /// Its machine goes down and comes up again.
    Crashes,
    /// A named fault of its disk.
    FileFault,
    /// Its process gets no processor, for a while.
    Stalls,
    /// Every link falls silent, for a while.
    Partition,
    /// A named fault of its calls, for whomever they are.
    Fault,
}

/// The node's host and settings.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Node {
    /// Chance in 256 of small buffers in its kernel.
    #[serde(default)]
    pub small_buffers_in_256: u8,
    /// Descriptors that it may have; zero for the usual thousand.
    #[serde(default)]
    pub descriptors: Span,
    /// Chance in 256 of each of its limits to be small.
    #[serde(default)]
    pub small_limits_in_256: u8,
    /// Chance in 256 that it and some of its peers speak otherwise than they usually do: v2.
    #[serde(default)]
    pub speech_in_256: u8,
    /// Chance in 256 that it keeps files.
    #[serde(default)]
    pub files_in_256: u8,
    /// Chance in 256 that it has a chain.
    #[serde(default)]
    pub chain_in_256: u8,
}

/// Links at the start.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Links {
    /// Chance in 256 of a latency, each.
    #[serde(default)]
    pub slow_in_256: u8,
    /// The longest latency.
    #[serde(default)]
    pub latency_ms_max: u32,
    /// Chance in 256 that bytes arrive in small pieces, each.
    #[serde(default)]
    pub chunks_in_256: u8,
    /// Chance in 256 of little bandwidth, each.
    #[serde(default)]
    pub narrow_in_256: u8,
}

/// What the environment makes of the node's calls.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Calls {
    /// Chance in 256 that calls go otherwise than the network would have it in a run at all.
    #[serde(default)]
    pub in_256: u8,
    /// Chance in 256 of resets out of nowhere in such a run.
    #[serde(default)]
    pub resets_in_256: u8,
}

/// What comes after the script.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct After {
    /// Chance in 256 that the world goes on for long.
    #[serde(default)]
    pub long_in_256: u8,
    /// For how long then.
    #[serde(default)]
    pub minutes: Span,
    /// How actors behave in that time, likelier manners more than once. Chatty ones would cost much
    /// and show little.
    #[serde(default)]
    pub manners: Vec<MannerName>,
    /// How many turns each actor has in that time, of the script's sorts.
    #[serde(default)]
    pub turns: Span,
    /// How many things happen to the node in that time, of the script's sorts.
    #[serde(default)]
    pub node: Span,
    /// Chance in 256 that somebody new comes when all faults are over.
    #[serde(default)]
    pub newcomer_in_256: u8,
    /// Chance in 256 that links heal when all faults are over; otherwise they stay as they are.
    #[serde(default)]
    pub heals_in_256: u8,
}

impl Table {
    /// What is wrong with it, if anything.
    ///
    /// # Errors
    ///
    /// Which key, and why.
    pub fn check(&self) -> Result<(), &'static str> {
        let ensure = |holds, rule| if holds { Ok(()) } else { Err(rule) };
        let actors = u64::from(self.actors.chatty.most) + u64::from(self.actors.others.most);
        ensure(self.weight > 0, "weight: somebody comes here")?;
        ensure(self.seconds.least > 0, "seconds: it goes on for a while")?;
        ensure(actors > 0, "actors: somebody is there")?;
        // One place is the newcomer's.
        ensure(actors < u64::from(ActorId::MAX.0), "actors: more than names")?;
        ensure(
            self.actors.others.most == 0 || !self.actors.manners.is_empty(),
            "actors.manners: others behave somehow",
        )?;
        let turns = [self.turns.chatty, self.turns.others, self.after.turns];
        let has_turns = turns.iter().any(|span| span.most > 0);
        let sorts: u64 = self.turns.sorts.values().map(|weight| u64::from(*weight)).sum();
        ensure(!has_turns || sorts > 0, "turns.sorts: turns are of some sort")?;
        let node_sorts: u64 = self.turns.node_sorts.values().map(|weight| u64::from(*weight)).sum();
        ensure(self.turns.node.most == 0 || node_sorts > 0, "turns.node-sorts: of some sort")?;
        ensure(self.after.node.most == 0 || node_sorts > 0, "turns.node-sorts: of some sort")?;
        let long = self.after.long_in_256 > 0;
        ensure(!long || self.after.minutes.least > 0, "after.minutes: how long")?;
        ensure(!long || !self.after.manners.is_empty(), "after.manners: they behave somehow")
    }
}

impl fmt::Display for World {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:12} {:3}  {}", self.name, self.table.weight, self.table.summary)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_world_makes_sense() {
        for (name, text) in FILES {
            let table: Table = toml::from_str(text).unwrap_or_else(|e| panic!("{name}: {e}"));
            table.check().unwrap_or_else(|rule| panic!("{name}: {rule}"));
        }
    }

    /// Design: at least 8 peers, each at least 5 messages a second.
    #[test]
    fn the_default_world_is_as_busy_as_figures_assume() {
        let default = &all()[0];
        assert_eq!(default.name, "default");
        assert!(default.table.actors.chatty.least >= 8);
    }
}
