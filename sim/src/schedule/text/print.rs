//! A schedule to text: the one canonical way.

use std::fmt::{Display, Formatter, Result};
use std::time::Duration;

use super::super::{
    ActorId, Anchor, Call, Deviation, Effect, Expect, FORMAT, Fault, Item, Jump, Line, LinkChange,
    Manner, Op, Ordering, SUBJECT_DEFAULT, Schedule, When, Word,
};
use super::cursor::UNITS;
use super::order::{ACTIONS, call_preposition, is_bare_object, step_preposition};

/// Columns before a sentence: a time or a word, and a space at least.
const MARGIN: usize = 9;

impl Display for Schedule {
    /// The text, up to the end of its last line.
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        write_comment(f, &self.title)?;
        writeln!(f, "format {FORMAT}")?;
        if self.subject != SUBJECT_DEFAULT {
            writeln!(f, "{:MARGIN$}{}", "subject", self.subject)?;
        }
        for (key, value) in &self.node {
            let space = if value.is_empty() { "" } else { " " };
            writeln!(f, "{:MARGIN$}{key}{space}{value}", "node")?;
        }
        if !self.script.is_empty() {
            writeln!(f)?;
        }
        for line in &self.script {
            writeln!(f, "{line}")?;
        }
        if !self.order.is_empty() {
            writeln!(f)?;
        }
        for deviation in &self.order {
            writeln!(f, "{:MARGIN$}{deviation}", "order")?;
        }
        Ok(())
    }
}

impl Display for Line {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        write_comment(f, &self.comment)?;
        match (self.at, &self.op) {
            // The word takes the place of the time.
            (When::Same, Op::Fault(fault)) => write!(f, "{:MARGIN$}{fault}", "fault"),
            (When::Same, Op::Expect(expect)) => write!(f, "{:MARGIN$}{expect}", "expect"),
            (When::Same, op) => write!(f, "{:MARGIN$}{op}", ""),
            (at @ (When::After(_) | When::At(_)), op) => {
                write!(f, "{:<width$} {op}", at.to_string(), width = MARGIN - 1)
            }
        }
    }
}

fn write_comment(f: &mut Formatter<'_>, lines: &[String]) -> Result {
    for line in lines {
        let space = if line.is_empty() { "" } else { " " };
        writeln!(f, "#{space}{line}")?;
    }
    Ok(())
}

impl Display for When {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        match self {
            Self::Same => Ok(()),
            Self::After(time) => write!(f, "+{}", Time(*time)),
            Self::At(time) => write!(f, "{}", Time(*time)),
        }
    }
}

/// A time in the largest unit that holds it exactly.
struct Time(Duration);

impl Display for Time {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        let nanos = self.0.as_nanos();
        let exact = UNITS.iter().find(|(_, unit)| nanos.is_multiple_of(*unit));
        match exact {
            Some((name, unit)) if nanos > 0 => write!(f, "{}{name}", nanos / unit),
            Some(_) | None => f.write_str("0ms"),
        }
    }
}

impl Display for Op {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        match self {
            Self::Dial { actor, from: None } => write!(f, "{actor} dials"),
            Self::Dial { actor, from: Some(from) } => write!(f, "{actor} dials from {from}"),
            Self::Listen { actor, at: None } => write!(f, "{actor} listens"),
            Self::Listen { actor, at: Some(at) } => write!(f, "{actor} listens at {at}"),
            Self::NodeDials { actor } => write!(f, "node dials {actor}"),
            Self::NodeDrops { actor } => write!(f, "node drops {actor}"),
            Self::NodeDialsItself => f.write_str("node dials itself"),
            Self::NodeTold { word } => write!(f, "node is told {word}"),
            Self::NodeRestarts => f.write_str("node restarts"),
            Self::NodeCrashes => f.write_str("node crashes"),
            Self::NodeStalls { by } => write!(f, "node stalls {}", Time(*by)),
            Self::Send { actor, items } => {
                write!(f, "{actor} sends ")?;
                write_list(f, items)
            }
            Self::Behave { actor, manner } => write!(f, "{actor} is {manner}"),
            Self::StopReading { actor } => write!(f, "{actor} stops reading"),
            Self::ReadAgain { actor } => write!(f, "{actor} reads again"),
            Self::HalfClose { actor } => write!(f, "{actor} half-closes"),
            Self::Close { actor } => write!(f, "{actor} closes"),
            Self::Reset { actor } => write!(f, "{actor} resets"),
            Self::Vanish { actor } => write!(f, "{actor} vanishes"),
            Self::Link { actor, change } => write!(f, "link {actor} {change}"),
            Self::WallJump { direction, by } => {
                let sign = match direction {
                    Jump::Forward => '+',
                    Jump::Back => '-',
                };
                write!(f, "wall jumps {sign}{}", Time(*by))
            }
            Self::Fault(fault) => write!(f, "fault {fault}"),
            Self::Expect(expect) => write!(f, "expect {expect}"),
        }
    }
}

fn write_list<T: Display>(f: &mut Formatter<'_>, items: impl IntoIterator<Item = T>) -> Result {
    for (index, item) in items.into_iter().enumerate() {
        let comma = if index > 0 { ", " } else { "" };
        write!(f, "{comma}{item}")?;
    }
    Ok(())
}

impl Display for Item {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        match self {
            Self::Word { word, times } => Repeated(word, *times).fmt(f),
            Self::Part { bytes, word } => write!(f, "{} of {word}", Bytes(*bytes)),
            Self::Rest => f.write_str("the rest"),
            Self::Bytes(bytes) => {
                f.write_str("hex ")?;
                bytes.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
            }
            Self::Junk(bytes) => write!(f, "{} of junk", Bytes(*bytes)),
        }
    }
}

impl Display for Word {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        f.write_str(&self.name)?;
        self.settings.iter().try_for_each(|(key, value)| write!(f, " {key}={value}"))
    }
}

/// `ping x200`.
struct Repeated<'a>(&'a Word, u32);

impl Display for Repeated<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        match self {
            Self(word, 1) => word.fmt(f),
            Self(word, times) => write!(f, "{word} x{times}"),
        }
    }
}

/// `40 bytes`.
struct Bytes(u32);

impl Display for Bytes {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        let plural = if self.0 == 1 { "" } else { "s" };
        write!(f, "{} byte{plural}", self.0)
    }
}

/// `1st`, `2nd`, `13th`.
struct Ordinal(u32);

impl Display for Ordinal {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        let ending = match (self.0 % 100, self.0 % 10) {
            (11..=13, _) => "th",
            (_, 1) => "st",
            (_, 2) => "nd",
            (_, 3) => "rd",
            _ => "th",
        };
        write!(f, "{}{ending}", self.0)
    }
}

impl Display for Manner {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        f.write_str(match self {
            Self::Scripted => "scripted",
            Self::Honest => "honest",
            Self::Silent => "silent",
            Self::Slow => "slow",
            Self::Chatty => "chatty",
            Self::Flooding => "flooding",
            Self::Hostile => "hostile",
            Self::Deaf => "deaf",
            Self::Trickling => "trickling",
        })
    }
}

impl Display for LinkChange {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        match self {
            Self::Latency(time) => write!(f, "latency {}", Time(*time)),
            Self::Bandwidth(bytes) => write!(f, "bandwidth {bytes}"),
            Self::Chunks(bytes) => write!(f, "chunks {bytes}"),
            Self::SwallowAll => f.write_str("swallows all"),
            Self::SwallowToNode => f.write_str("swallows to node"),
            Self::SwallowFromNode => f.write_str("swallows from node"),
            Self::Heal => f.write_str("heals"),
        }
    }
}

impl Display for Call {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        f.write_str(match self {
            Self::Accept => "accept",
            Self::Connect => "connect",
            Self::Send => "send",
            Self::Recv => "recv",
            Self::Append => "append",
            Self::Sync => "sync",
        })
    }
}

impl Display for Fault {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        let Self { call, nth, times, actor, effect } = self;
        match (nth, times) {
            (1, 1) => write!(f, "node's next {call}")?,
            (1, _) => write!(f, "node's next {times} {call}s")?,
            (_, 1) => write!(f, "node's {} {call}", Ordinal(*nth))?,
            _ => {
                let last = nth.saturating_add(*times).saturating_sub(1);
                write!(f, "node's {} to {} {call}s", Ordinal(*nth), Ordinal(last))?;
            }
        }
        write_party(f, *call, *actor)?;
        write!(f, " ")?;
        write_effect(f, *effect, *call, *times)
    }
}

/// With whom a call is, if that is said.
fn write_party(f: &mut Formatter<'_>, call: Call, actor: Option<ActorId>) -> Result {
    match (call_preposition(call), actor) {
        (Some(word), Some(actor)) => write!(f, " {word} {actor}"),
        (None, _) | (_, None) => Ok(()),
    }
}

/// What happens to so many calls: `takes 40 bytes`, or `take 40 bytes` for more than one.
fn write_effect(f: &mut Formatter<'_>, effect: Effect, call: Call, times: u32) -> Result {
    let s = if times == 1 { "s" } else { "" };
    let how = match effect {
        Effect::Bytes(bytes) => {
            let verb = if call == Call::Recv { "get" } else { "take" };
            return write!(f, "{verb}{s} {}", Bytes(bytes));
        }
        Effect::WouldBlock => return f.write_str("would block"),
        Effect::Reset => "reset",
        Effect::TimedOut => "timed out",
        Effect::OutOfDescriptors => "out of descriptors",
        Effect::OutOfMemory => "out of memory",
        Effect::Unreachable => "unreachable",
        Effect::Aborted => "aborted",
        Effect::NoSpace => "no space",
        Effect::Io => "io",
    };
    write!(f, "fail{s}: {how}")
}

impl Display for Expect {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        match self {
            Self::Receives { actor, words, order, within } => {
                write!(f, "{actor} receives ")?;
                write_list(f, words.iter().map(|(word, times)| Repeated(word, *times)))?;
                f.write_str(match (order, words.as_slice()) {
                    (Ordering::InOrder, _) => ", in order",
                    // One thing has no order.
                    (Ordering::AnyOrder, [(_, 1)]) => "",
                    (Ordering::AnyOrder, _) => ", in any order",
                })?;
                write!(f, ", within {}", Time(*within))
            }
            Self::NeverReceives { actor, word } => write!(f, "{actor} never receives {word}"),
            Self::Keeps { actor } => write!(f, "node keeps {actor}"),
            Self::Drops { actor, within, because } => {
                write!(f, "node drops {actor} within {}", Time(*within))?;
                match because {
                    Some(reason) => write!(f, " because {reason}"),
                    None => Ok(()),
                }
            }
            Self::Connects { actor, within } => {
                write!(f, "node connects {actor} within {}", Time(*within))
            }
        }
    }
}

impl Display for Deviation {
    /// The line without the word `order`.
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        match self {
            Self::Before { anchor, run } => write!(f, "before {anchor}: run {run}"),
            Self::At { call, actor, nth, effect } => {
                write!(f, "at node's {} {call}", Ordinal(*nth))?;
                write_party(f, *call, *actor)?;
                f.write_str(": ")?;
                write_effect(f, *effect, *call, 1)
            }
        }
    }
}

impl Display for Anchor {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        let Self { verb, object, actor, nth } = self;
        let is_action = object.is_empty() && ACTIONS.contains(&&**verb);
        if is_action {
            write!(f, "node's {} {verb}", Ordinal(*nth))?;
        } else {
            let passive = if verb == "commanded" { "is " } else { "" };
            write!(f, "node {passive}{verb}")?;
        }
        if !object.is_empty() {
            f.write_str(" ")?;
            write_object(f, object)?;
        }
        if let Some(actor) = actor {
            write!(f, " {}{actor}", step_preposition(verb))?;
        }
        if !is_action && *nth != 1 {
            write!(f, " for the {} time", Ordinal(*nth))?;
        }
        Ok(())
    }
}

/// As it is, or in quotes where a sentence would be misread.
fn write_object(f: &mut Formatter<'_>, object: &str) -> Result {
    if is_bare_object(object) {
        return f.write_str(object);
    }
    f.write_str("\"")?;
    for c in object.chars() {
        match c {
            '"' | '\\' => write!(f, "\\{c}")?,
            c if c.is_control() => write!(f, "\\u{{{:x}}}", u32::from(c))?,
            c => write!(f, "{c}")?,
        }
    }
    f.write_str("\"")
}
