//! Transitions: in which state a connection was, what happened, and one thing that came of it.
//!
//! `ready inbound: handles ping -> queues pong`. They are small values of constants of the program,
//! so that nothing of one run (an id, a number, a name that a peer made up) makes two of them
//! differ, and there are only so many. Their order is that of their fields.

use std::cmp::Ordering;
use std::fmt;

use sockman::sockman::{Initiator, Phase};

/// One thing that came of something that happened in a state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Transition {
    /// What sort of thing happened.
    pub kind: Kind,
    /// In which state.
    pub state: State,
    /// What happened.
    pub event: Label,
    /// What came of it. Several things are several transitions.
    pub outcome: Label,
}

/// What sort of thing happens to a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// A call on a socket, with its result.
    Call,
    /// An event is delivered to the tenant.
    Delivery,
    /// An action of the tenant's is carried out.
    Action,
    /// A task of the tenant's makes a step: it handles a message, fires a timer.
    Step,
    /// A command is handled.
    Command,
    /// Another step goes first than the default's, which is the event.
    Order,
}

/// The state of a connection as it can be told from outside and from what the tenant says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct State {
    /// Who began; `None`: it is about no connection.
    pub side: Option<Initiator>,
    /// How far the connection has got, as the socket manager has it.
    pub phase: Phase,
    /// How far the tenant is with it, in its own words; nothing before it has said any.
    pub stage: Name,
    /// What else matters of the tenant's state, in its own words; mostly nothing.
    pub condition: Name,
    /// Whether it is read from.
    pub reading: Reading,
    /// Whether bytes wait for room in the kernel.
    pub blocked: bool,
}

/// Whether a connection is read from: as the tenant wants it, and as it was carried out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reading {
    /// It is.
    On,
    /// It is, and is wanted no more.
    Pausing,
    /// It is not.
    Off,
    /// It is not yet, or not any more, and is wanted.
    Resuming,
}

impl Reading {
    /// From what the tenant wants and what was carried out.
    #[must_use]
    pub const fn of(wanted: bool, paused: bool) -> Self {
        match (wanted, paused) {
            (true, false) => Self::On,
            (false, false) => Self::Pausing,
            (false, true) => Self::Off,
            (true, true) => Self::Resuming,
        }
    }
}

impl State {
    /// Of no connection.
    pub const NODE: Self = Self { side: None, ..Self::of(Initiator::Us, Phase::Dialing, "") };

    /// The usual one in a phase: read from, with room in the kernel.
    #[must_use]
    pub const fn of(side: Initiator, phase: Phase, stage: &'static str) -> Self {
        let (side, reading) = (Some(side), Reading::On);
        let (stage, condition) = (Name(stage), Name::NONE);
        Self { side, phase, stage, condition, reading, blocked: false }
    }
}

/// A constant of the program. Equal ones nearly always lie at the same place, so that their letters
/// are rarely looked at: this is done in every step.
#[derive(Clone, Copy, Debug)]
pub struct Name(pub &'static str);

impl Name {
    /// No name.
    pub const NONE: Self = Self("");

    /// Whether it is none.
    #[must_use]
    pub const fn is_none(self) -> bool {
        self.0.is_empty()
    }
}

impl PartialEq for Name {
    fn eq(&self, other: &Self) -> bool {
        std::ptr::eq(self.0, other.0) || self.0 == other.0
    }
}

impl Eq for Name {}

impl Ord for Name {
    fn cmp(&self, other: &Self) -> Ordering {
        if std::ptr::eq(self.0, other.0) { Ordering::Equal } else { self.0.cmp(other.0) }
    }
}

impl PartialOrd for Name {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

/// A name made of constants: `handles ping`, `down peer-closed`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Label {
    /// What.
    pub verb: Name,
    /// To what, or how; may be empty.
    pub object: Name,
}

impl Label {
    /// What came of something, if nothing did.
    pub const NOTHING: Self = Self::plain("nothing");

    /// A name.
    #[must_use]
    pub const fn new(verb: &'static str, object: &'static str) -> Self {
        Self { verb: Name(verb), object: Name(object) }
    }

    /// A name without an object.
    #[must_use]
    pub const fn plain(verb: &'static str) -> Self {
        Self::new(verb, "")
    }
}

/// What a notice of the tenant's tells of the connection that the step is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Told {
    /// What came of the step.
    pub outcome: Label,
    /// How far the tenant is with the connection from now on, if that has changed.
    pub stage: Option<&'static str>,
}

impl Told {
    /// Something that changes no stage.
    #[must_use]
    pub const fn only(verb: &'static str, object: &'static str) -> Self {
        Self { outcome: Label::new(verb, object), stage: None }
    }

    /// Something after which the tenant is so far.
    #[must_use]
    pub const fn stage(verb: &'static str, stage: &'static str) -> Self {
        Self { outcome: Label::plain(verb), stage: Some(stage) }
    }
}

impl Transition {
    /// The same without what comes and goes, queues and pauses; of a call also without the tenant's
    /// stage, which it knows nothing of. Lists of what is expected are of these.
    #[must_use]
    pub const fn coarse(self) -> Self {
        let Self { kind, state: State { side, phase, stage, .. }, event, outcome } = self;
        let stage = if matches!(kind, Kind::Call) { Name::NONE } else { stage };
        let state = State { side, stage, ..State::of(Initiator::Us, phase, "") };
        Self { kind, state, event, outcome }
    }
}

impl fmt::Display for Label {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.verb.fmt(f)?;
        if self.object.is_none() { Ok(()) } else { write!(f, " {}", self.object) }
    }
}

/// A phase in a word.
pub(super) const fn name_of_phase(phase: Phase) -> &'static str {
    match phase {
        Phase::Dialing => "dialling",
        Phase::Open => "open",
        Phase::PeerFinished => "half-closed",
        Phase::Finishing => "finishing",
        Phase::Dead => "dead",
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let side = match self.side {
            None => return f.write_str("node"),
            Some(Initiator::Peer) => "inbound",
            Some(Initiator::Us) => "outbound",
        };
        if self.phase != Phase::Open || self.stage.is_none() {
            write!(f, "{} ", name_of_phase(self.phase))?;
        }
        if !self.stage.is_none() {
            write!(f, "{} ", self.stage)?;
        }
        f.write_str(side)?;
        if !self.condition.is_none() {
            write!(f, ", {}", self.condition)?;
        }
        f.write_str(match self.reading {
            Reading::On => "",
            Reading::Pausing => ", to be paused",
            Reading::Off => ", paused",
            Reading::Resuming => ", to be read from",
        })?;
        if self.blocked { f.write_str(", blocked") } else { Ok(()) }
    }
}

impl fmt::Display for Transition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { kind, state, event, outcome } = self;
        let how = match kind {
            Kind::Order => "before ",
            Kind::Command => "commanded ",
            Kind::Call => "calls ",
            Kind::Delivery => "delivers ",
            Kind::Action | Kind::Step => "",
        };
        write!(f, "{state}: {how}{event} -> {outcome}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_transition_reads_as_a_sentence() {
        let state = State::of(Initiator::Peer, Phase::Open, "ready");
        let event = Label::new("handles", "ping");
        let outcome = Label::new("queues", "pong");
        let mut transition = Transition { kind: Kind::Step, state, event, outcome };
        assert_eq!(transition.to_string(), "ready inbound: handles ping -> queues pong");
        transition.state.reading = Reading::Off;
        transition.state.blocked = true;
        let sentence = "ready inbound, paused, blocked: handles ping -> queues pong";
        assert_eq!(transition.to_string(), sentence);
        assert_eq!(transition.coarse().state, state);
        let outcome = Label::new("run", "timers");
        let order = Transition { kind: Kind::Order, state: State::NODE, event, outcome };
        assert_eq!(order.to_string(), "node: before handles ping -> run timers");
    }

    #[test]
    fn reading_is_what_is_wanted_and_what_was_done() {
        assert_eq!(Reading::of(true, false), Reading::On);
        assert_eq!(Reading::of(false, false), Reading::Pausing);
        assert_eq!(Reading::of(false, true), Reading::Off);
        assert_eq!(Reading::of(true, true), Reading::Resuming);
    }
}
