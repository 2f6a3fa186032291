//! What a schedule must be before it can run: its settings, its addresses, its times.

use std::collections::BTreeMap;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr};

use sockman::sockets::Errno;
use sockman::time::Instant;

use crate::host::Host;
use crate::schedule::text::Mistake;
use crate::schedule::{ActorId, Call, Deviation, Effect, Op, ParseError, Schedule, Source, Word};
use crate::subject::{Dialect as _, SettingError, Subject, UnknownWord, Usage};
use crate::world::{Letter, NODE_ADDRESS, NODE_ADDRESS_V6, World, WorldConfig};

/// Why a schedule cannot be run at all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SetupError {
    /// A `node` line.
    Setting(SettingError),
    /// A word of the script.
    Word(Box<Misspoken>),
    /// An actor cannot have this address.
    Address {
        /// Which.
        address: IpAddr,
        /// The line of the script that gives it, from 0; `None`: it is the usual one.
        line: Option<usize>,
        /// What would have been taken.
        expected: &'static str,
    },
    /// Nobody knows how to simulate this.
    NoSuchSubject(String),
    /// It was to run on real ones.
    NoSockets(Errno),
}

impl fmt::Display for SetupError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Setting(error) => error.fmt(f),
            Self::Word(misspoken) => misspoken.fmt(f),
            Self::NoSockets(errno) => write!(f, "the system gives no sockets: {errno}"),
            Self::Address { address, expected, .. } => write!(f, "{address}: expected {expected}"),
            Self::NoSuchSubject(name) => {
                write!(f, "no subject {name}; there are {}", crate::subjects::NAMES.join(", "))
            }
        }
    }
}

impl std::error::Error for SetupError {}

impl SetupError {
    /// The same with its place in the text that the schedule was read from, if it has one there.
    #[must_use]
    pub fn in_text(&self, schedule: &Schedule, source: &Source) -> Option<ParseError> {
        match self {
            Self::Setting(SettingError { key, value, expected }) => {
                let is_it = |(one, other): &(String, String)| one == key && other == value;
                let said = format!("node {key} {value}").trim_end().to_owned();
                let mistake = Mistake::Misspoken { said, expected: (*expected).to_owned() };
                // Of one that stands twice the later is meant.
                source.mistake_in_setting(schedule.node.iter().rposition(is_it)?, mistake)
            }
            Self::Word(misspoken) => {
                let Misspoken { line, word, problem, .. } = &**misspoken;
                let UnknownWord { said, setting, expected } = problem.clone();
                let mistake = Mistake::Misspoken { said, expected };
                source.mistake_in_word(schedule, *line, *word, setting, mistake)
            }
            Self::Address { address, line, expected } => {
                let (said, expected) = (address.to_string(), (*expected).to_owned());
                let mistake = Mistake::Misspoken { said: said.clone(), expected };
                source.mistake_in_line((*line)?, &said, mistake)
            }
            Self::NoSuchSubject(_) | Self::NoSockets(_) => None,
        }
    }
}

/// A word of the script that the subject's peers do not know, or not so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Misspoken {
    /// The line of the script, from 0.
    pub line: usize,
    /// Which of the words in it, from 0.
    pub word: usize,
    /// What is wrong with it.
    pub problem: UnknownWord,
    /// The whole line, as it would be printed.
    op: String,
}

impl fmt::Display for Misspoken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.op, self.problem)
    }
}

/// Checks that the subject's peers have every word of the script.
pub(crate) fn check_words<X: Subject>(schedule: &Schedule) -> Result<(), SetupError> {
    for (line, op) in schedule.script.iter().map(|line| &line.op).enumerate() {
        let check = |word: &Word| {
            if matches!(op, Op::NodeTold { .. }) {
                return Letter::of(word, X::command).map(drop);
            }
            let is_said = matches!(op, Op::Send { .. });
            X::Dialect::check(word, if is_said { Usage::Said } else { Usage::Heard })
        };
        for (word, spoken) in op.words().into_iter().enumerate() {
            check(spoken).map_err(|problem| {
                let op = op.to_string();
                SetupError::Word(Box::new(Misspoken { line, word, problem, op }))
            })?;
        }
    }
    Ok(())
}

/// The address of an actor that the script gives none: 203.0.113.1 for `p1` (RFC 5737).
#[must_use]
pub fn usual_address(actor: ActorId) -> IpAddr {
    let last = u8::try_from(actor.0).unwrap_or(u8::MAX);
    IpAddr::V4(Ipv4Addr::new(203, 0, 113, last))
}

/// Every address that the script gives an actor; the usual one if it gives none.
pub(crate) fn addresses_of(
    schedule: &Schedule,
) -> Result<BTreeMap<ActorId, Vec<IpAddr>>, SetupError> {
    let mut addresses: BTreeMap<ActorId, Vec<IpAddr>> = BTreeMap::new();
    for actor in schedule.actors() {
        addresses.insert(actor, Vec::new());
    }
    for (actor, address) in schedule.script.iter().filter_map(|line| given(&line.op)) {
        let own = addresses.get_mut(&actor).expect("it was named");
        if !own.contains(&address) {
            own.push(address);
        }
    }
    let mut taken = vec![NODE_ADDRESS.ip(), NODE_ADDRESS_V6.ip()];
    for (actor, own) in &mut addresses {
        if own.is_empty() {
            own.push(usual_address(*actor));
        }
        for address in own {
            let expected = if taken.contains(address) {
                "an address that no other party has"
            } else if !can_be_a_hosts(*address) {
                "an address that a host of a network has"
            } else {
                taken.push(*address);
                continue;
            };
            let is_its = Some((*actor, *address));
            let line = schedule.script.iter().position(|line| given(&line.op) == is_its);
            return Err(SetupError::Address { address: *address, line, expected });
        }
    }
    Ok(addresses)
}

/// Whether a host of a network can have this address.
pub(crate) const fn can_be_a_hosts(address: IpAddr) -> bool {
    !(address.is_loopback() || address.is_unspecified() || address.is_multicast())
}

/// The address that a line gives an actor.
fn given(op: &Op) -> Option<(ActorId, IpAddr)> {
    let (Op::Dial { actor, from: Some(at) } | Op::Listen { actor, at: Some(at) }) = op else {
        return None;
    };
    Some((*actor, at.ip()))
}

/// Takes the settings of the host out of the `node` lines: its buffers, its descriptors, the seed.
pub(super) fn host_settings(
    schedule: &Schedule,
    config: &mut WorldConfig,
) -> Result<(Vec<(String, String)>, u64), SettingError> {
    let mut rest = Vec::new();
    let mut seed = 0;
    for (index, (key, value)) in schedule.node.iter().enumerate() {
        if schedule.node[..index].iter().any(|(earlier, _)| earlier == key) {
            let (key, value) = (key.clone(), value.clone());
            return Err(SettingError { key, value, expected: "each setting once" });
        }
        let number = || {
            value.parse::<u32>().ok().filter(|number| *number > 0).ok_or_else(|| SettingError {
                key: key.clone(),
                value: value.clone(),
                expected: "a number from 1 to 4294967295",
            })
        };
        match key.as_str() {
            "seed" => seed = u64::from(number()?),
            "send-buffer" => config.node_kernel.send_buffer_bytes = number()? as usize,
            "receive-buffer" => config.node_kernel.receive_buffer_bytes = number()? as usize,
            "descriptors" => config.node_kernel.descriptors_max = number()? as usize,
            "backlog" => config.node_kernel.backlog = number()? as usize,
            _ => rest.push((key.clone(), value.clone())),
        }
    }
    Ok((rest, seed))
}

/// Plans the socket calls of a recorded order.
pub(super) fn plan<X: Subject, K: Host>(world: &mut World<X, K>, order: &[Deviation]) {
    for deviation in order {
        if let Deviation::At { call, actor, nth, effect } = deviation {
            let (call, actor, nth, effect): (Call, Option<ActorId>, u32, Effect) =
                (*call, *actor, *nth, *effect);
            world.faulty_mut().plan(call, actor, nth, effect);
        }
    }
}

/// When the last window of an expectation closes, or the last stall of the node's ends.
pub(super) fn longest_window(schedule: &Schedule, due: &[Instant]) -> Instant {
    #[expect(clippy::wildcard_enum_match_arm, reason = "all other lines are over at once")]
    let windows = schedule.script.iter().zip(due).filter_map(|(line, at)| match &line.op {
        Op::Expect(expect) => Some(*at + crate::expect::window(expect)),
        Op::NodeStalls { by } => Some(*at + *by),
        _ => None,
    });
    windows.max().unwrap_or(Instant::START)
}
