//! What a valid schedule is: the bounds, and the shapes of names, that text and bytes share.
//!
//! A parsed text and decoded bytes are valid by construction. A value that was built or changed by
//! hand is valid if [`Schedule::check`] says so; only then do the other forms hold it exactly.

use std::fmt;
use std::net::SocketAddr;
use std::time::Duration;

use super::{
    ACTORS_MAX, ActorId, Anchor, COMMENT_LINES_MAX, Call, Deviation, Effect, Expect, Fault,
    ITEMS_MAX, Item, LINES_MAX, LITERAL_BYTES_MAX, Line, LinkChange, NAME_BYTES_MAX,
    ORDER_LINES_MAX, Op, REPEAT_MAX, SETTINGS_MAX, Schedule, TIME_MAX, VALUE_BYTES_MAX, When, Word,
};

/// Words that no message can have for a name, because a sentence goes on with them.
pub(super) const RESERVED_WORDS: [&str; 5] = ["hex", "in", "junk", "the", "within"];

/// Words that no setting of the node can have for a key, because `node dials p1` is a sentence; and
/// `expect node keeps p1` is often begun without its first word.
pub(super) const RESERVED_KEYS: [&str; 8] =
    ["connects", "crashes", "dials", "drops", "is", "keeps", "restarts", "stalls"];

/// The word that no step can have for a verb, because `node is commanded` has it before the verb.
pub(super) const RESERVED_VERB: &str = "is";

/// Why a schedule is not valid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Invalid {
    /// Where.
    pub place: Place,
    /// Which rule it breaks.
    pub rule: &'static str,
}

/// A part of a schedule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// The title, the subject or the settings of the node.
    Head,
    /// This line of the script, from 0.
    Script(usize),
    /// This line of the order, from 0.
    Order(usize),
}

impl fmt::Display for Invalid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.place {
            Place::Head => write!(f, "head of the schedule: {}", self.rule),
            Place::Script(index) => write!(f, "script line {}: {}", index + 1, self.rule),
            Place::Order(index) => write!(f, "order line {}: {}", index + 1, self.rule),
        }
    }
}

impl std::error::Error for Invalid {}

type Checked = Result<(), &'static str>;

impl Schedule {
    /// Checks that text and bytes can hold it exactly.
    ///
    /// # Errors
    ///
    /// The first rule that it breaks, and where.
    pub fn check(&self) -> Result<(), Invalid> {
        self.check_head().map_err(|rule| Invalid { place: Place::Head, rule })?;
        for (index, line) in self.script.iter().enumerate() {
            check_line(line).map_err(|rule| Invalid { place: Place::Script(index), rule })?;
        }
        for (index, deviation) in self.order.iter().enumerate() {
            check_deviation(deviation)
                .map_err(|rule| Invalid { place: Place::Order(index), rule })?;
        }
        Ok(())
    }

    fn check_head(&self) -> Checked {
        check_comment(&self.title)?;
        ensure(is_name(&self.subject), "the subject is a name")?;
        ensure(self.node.len() <= SETTINGS_MAX, "too many settings of the node")?;
        for (key, value) in &self.node {
            ensure(is_node_key(key), "the key of a setting is a name")?;
            ensure(is_node_value(value), "a setting's value is one line, trimmed")?;
        }
        ensure(self.script.len() <= LINES_MAX, "too many lines in the script")?;
        ensure(self.order.len() <= ORDER_LINES_MAX, "too many lines in the order")
    }
}

impl Effect {
    /// Whether the environment can do this to such a call.
    #[must_use]
    pub const fn fits(self, call: Call) -> bool {
        match self {
            Self::Bytes(_) => matches!(call, Call::Send | Call::Recv | Call::Append),
            Self::WouldBlock => matches!(call, Call::Accept | Call::Send | Call::Recv),
            Self::Reset | Self::TimedOut => matches!(call, Call::Connect | Call::Send | Call::Recv),
            Self::OutOfDescriptors => matches!(call, Call::Accept | Call::Connect),
            Self::OutOfMemory => matches!(call, Call::Send),
            Self::Unreachable => matches!(call, Call::Connect),
            Self::Aborted => matches!(call, Call::Accept),
            Self::NoSpace => matches!(call, Call::Append),
            Self::Io => matches!(call, Call::Append | Call::Sync),
        }
    }
}

/// Lower-case letters, digits and `-`; a letter first; not too long.
pub(super) fn is_name(text: &str) -> bool {
    text.len() <= NAME_BYTES_MAX
        && text.starts_with(|c: char| c.is_ascii_lowercase())
        && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
}

/// The name of a message.
pub(super) fn is_word_name(text: &str) -> bool {
    is_name(text) && !RESERVED_WORDS.contains(&text)
}

/// The key of a setting of the node.
pub(super) fn is_node_key(text: &str) -> bool {
    is_name(text) && !RESERVED_KEYS.contains(&text)
}

/// The value of a setting of the node: the rest of its line, which may be empty.
pub(super) fn is_node_value(text: &str) -> bool {
    text.len() <= VALUE_BYTES_MAX && text.trim() == text && text.chars().all(is_comment_char)
}

/// Whether a value of a message's setting may contain this.
pub(super) fn is_value_char(c: char) -> bool {
    !c.is_whitespace() && !c.is_control() && c != ','
}

/// Whether a comment or a setting of the node may contain this.
pub(super) fn is_comment_char(c: char) -> bool {
    c == '\t' || !c.is_control()
}

/// An address that a sentence can name: an IPv6 one without scope and flow.
pub(super) const fn is_plain_address(address: &SocketAddr) -> bool {
    match address {
        SocketAddr::V4(_) => true,
        SocketAddr::V6(v6) => v6.flowinfo() == 0 && v6.scope_id() == 0,
    }
}

const fn ensure(holds: bool, rule: &'static str) -> Checked {
    if holds { Ok(()) } else { Err(rule) }
}

fn check_line(line: &Line) -> Checked {
    check_comment(&line.comment)?;
    match line.at {
        When::Same => {}
        When::After(time) | When::At(time) => check_time(time)?,
    }
    check_op(&line.op)
}

fn check_comment(lines: &[String]) -> Checked {
    ensure(lines.len() <= COMMENT_LINES_MAX, "a comment has too many lines")?;
    let fine = |line: &String| line.trim_end() == line && line.chars().all(is_comment_char);
    ensure(lines.iter().all(fine), "a comment line ends at its last letter")
}

fn check_time(time: Duration) -> Checked {
    ensure(time <= TIME_MAX, "a time is too long")
}

fn check_actor(actor: ActorId) -> Checked {
    ensure((1..=ACTORS_MAX).contains(&actor.0), "actors are p1 to p64")
}

fn check_name(name: &str) -> Checked {
    ensure(is_name(name), "a name has lower-case letters, digits and hyphens, letters first")
}

fn check_repeat(times: u32) -> Checked {
    ensure((1..=REPEAT_MAX).contains(&times), "a count is from 1 to 1000000")
}

fn check_byte_count(bytes: u32) -> Checked {
    ensure((1..=LITERAL_BYTES_MAX).contains(&bytes), "a number of bytes is from 1 to 8000000")
}

fn check_word(word: &Word) -> Checked {
    ensure(is_word_name(&word.name), "a message's name is a name and not a word of the language")?;
    ensure(word.settings.len() <= SETTINGS_MAX, "a message has too many settings")?;
    for (key, value) in &word.settings {
        check_name(key)?;
        ensure(value.len() <= VALUE_BYTES_MAX, "a setting's value is too long")?;
        ensure(value.chars().all(is_value_char), "a setting's value has no space and no comma")?;
    }
    Ok(())
}

fn check_op(op: &Op) -> Checked {
    if let Some(actor) = op.actor() {
        check_actor(actor)?;
    }
    match op {
        Op::Dial { from: address, .. } | Op::Listen { at: address, .. } => {
            let plain = address.as_ref().is_none_or(is_plain_address);
            ensure(plain, "an address has neither scope nor flow")
        }
        Op::Send { items, .. } => {
            ensure((1..=ITEMS_MAX).contains(&items.len()), "a line sends 1 to 1000 things")?;
            items.iter().try_for_each(check_item)
        }
        Op::Link { change, .. } => check_link(*change),
        Op::WallJump { by, .. } | Op::NodeStalls { by } => check_time(*by),
        Op::Fault(fault) => check_fault(fault),
        Op::Expect(expect) => check_expect(expect),
        Op::NodeTold { word } => check_word(word),
        Op::NodeDials { .. }
        | Op::NodeDrops { .. }
        | Op::NodeDialsItself
        | Op::NodeRestarts
        | Op::NodeCrashes
        | Op::Vanish { .. }
        | Op::Behave { .. }
        | Op::StopReading { .. }
        | Op::ReadAgain { .. }
        | Op::HalfClose { .. }
        | Op::Close { .. }
        | Op::Reset { .. } => Ok(()),
    }
}

fn check_item(item: &Item) -> Checked {
    match item {
        Item::Word { word, times } => {
            check_word(word)?;
            check_repeat(*times)
        }
        Item::Part { bytes, word } => {
            check_word(word)?;
            check_byte_count(*bytes)
        }
        Item::Rest => Ok(()),
        Item::Bytes(bytes) => {
            let count = u32::try_from(bytes.len()).map_err(|_| "a literal is too long")?;
            check_byte_count(count)
        }
        Item::Junk(bytes) => check_byte_count(*bytes),
    }
}

fn check_link(change: LinkChange) -> Checked {
    match change {
        LinkChange::Latency(time) => check_time(time),
        LinkChange::Bandwidth(bytes) => ensure(bytes > 0, "a bandwidth is at least 1"),
        LinkChange::Chunks(bytes) => check_byte_count(bytes),
        LinkChange::SwallowAll
        | LinkChange::SwallowToNode
        | LinkChange::SwallowFromNode
        | LinkChange::Heal => Ok(()),
    }
}

fn check_effect(effect: Effect, call: Call) -> Checked {
    ensure(effect.fits(call), "this cannot happen to this call")?;
    match effect {
        Effect::Bytes(bytes) => check_byte_count(bytes),
        Effect::WouldBlock
        | Effect::Reset
        | Effect::TimedOut
        | Effect::OutOfDescriptors
        | Effect::OutOfMemory
        | Effect::Unreachable
        | Effect::Aborted
        | Effect::NoSpace
        | Effect::Io => Ok(()),
    }
}

fn check_fault(fault: &Fault) -> Checked {
    check_repeat(fault.nth)?;
    check_repeat(fault.times)?;
    check_party(fault.actor, fault.call)?;
    check_effect(fault.effect, fault.call)
}

fn check_party(actor: Option<ActorId>, call: Call) -> Checked {
    ensure(actor.is_none() || !call.is_on_files(), "a call on a file is with nobody")
}

fn check_expect(expect: &Expect) -> Checked {
    match expect {
        Expect::Receives { words, within, .. } => {
            ensure((1..=ITEMS_MAX).contains(&words.len()), "1 to 1000 words are expected")?;
            for (word, times) in words {
                check_word(word)?;
                check_repeat(*times)?;
            }
            check_time(*within)
        }
        Expect::NeverReceives { word, .. } => check_word(word),
        Expect::Keeps { .. } => Ok(()),
        Expect::Drops { within, because, .. } => {
            because.as_deref().map_or(Ok(()), check_name)?;
            check_time(*within)
        }
        Expect::Connects { within, .. } => check_time(*within),
    }
}

fn check_deviation(deviation: &Deviation) -> Checked {
    match deviation {
        Deviation::Before { anchor, run } => {
            check_anchor(anchor)?;
            check_name(run)
        }
        Deviation::At { call, actor, nth, effect } => {
            actor.map_or(Ok(()), check_actor)?;
            check_party(*actor, *call)?;
            ensure(*nth > 0, "the first is number 1")?;
            check_effect(*effect, *call)
        }
    }
}

fn check_anchor(anchor: &Anchor) -> Checked {
    check_name(&anchor.verb)?;
    ensure(anchor.verb != RESERVED_VERB, "no step is called `is`")?;
    ensure(anchor.object.len() <= VALUE_BYTES_MAX, "an object is too long")?;
    anchor.actor.map_or(Ok(()), check_actor)?;
    ensure(anchor.nth > 0, "the first is number 1")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_no_text_can_say_is_not_valid() {
        let actor = ActorId(1);
        check_refused(Op::Close { actor: ActorId(0) }, "actors are p1 to p64");
        check_refused(Op::Close { actor: ActorId(65) }, "actors are p1 to p64");
        check_refused(Op::Send { actor, items: vec![] }, "a line sends 1 to 1000 things");
        let junk = Item::Junk(0);
        check_refused(
            Op::Send { actor, items: vec![junk] },
            "a number of bytes is from 1 to 8000000",
        );
        let word = Word::plain("within");
        check_refused(
            Op::Expect(Expect::NeverReceives { actor, word }),
            "a message's name is a name and not a word of the language",
        );
        let within = TIME_MAX + Duration::from_nanos(1);
        check_refused(Op::Expect(Expect::Connects { actor, within }), "a time is too long");
        let effect = Effect::Aborted;
        let fault = Fault { call: Call::Send, nth: 1, times: 1, actor: None, effect };
        check_refused(Op::Fault(fault), "this cannot happen to this call");
        let from = "[fe80::1%3]:80".parse().ok();
        check_refused(Op::Dial { actor, from }, "an address has neither scope nor flow");
    }

    #[track_caller]
    fn check_refused(op: Op, rule: &'static str) {
        let mut schedule = Schedule::new("connman");
        schedule.script.push(Line { at: When::Same, op, comment: Vec::new() });
        assert_eq!(schedule.check(), Err(Invalid { place: Place::Script(0), rule }));
        // The other forms hold something else, but nothing breaks.
        let _ = Schedule::parse("refused", &schedule.to_string());
        assert_eq!(Schedule::from_bytes(&schedule.to_bytes()).check(), Ok(()));
    }
}
