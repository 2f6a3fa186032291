//! The lines of the script as bytes.

use super::super::{
    ActorId, Expect, Jump, LITERAL_BYTES_MAX, Line, LinkChange, Manner, Op, Ordering, When,
};
use super::plain::{Reader, Writer};
use super::{EXPECTATION, order, words};
use crate::subject::Usage;

/// The sorts of lines.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Sort {
    Dial,
    Listen,
    NodeDials,
    NodeDrops,
    Send,
    Behave,
    StopReading,
    ReadAgain,
    HalfClose,
    Close,
    Reset,
    Link,
    WallJump,
    Fault,
    NodeDialsItself,
    NodeTold,
    NodeRestarts,
    Vanish,
    NodeStalls,
    NodeCrashes,
}

/// What a tag says.
enum Tag {
    Op(Sort),
    Expectation(u8),
}

/// The sort of each tag: as often as it should come in a run.
const OPS: [Sort; 32] = [
    Sort::Dial,
    Sort::Send,
    Sort::NodeDials,
    Sort::Behave,
    Sort::Fault,
    Sort::Link,
    Sort::StopReading,
    Sort::ReadAgain,
    Sort::HalfClose,
    Sort::Close,
    Sort::Reset,
    Sort::Listen,
    Sort::NodeDrops,
    Sort::WallJump,
    Sort::Dial,
    Sort::Dial,
    Sort::Dial,
    Sort::Send,
    Sort::Send,
    Sort::Send,
    Sort::Send,
    Sort::Send,
    Sort::Send,
    Sort::Send,
    Sort::Send,
    Sort::NodeStalls,
    Sort::NodeDialsItself,
    Sort::NodeTold,
    Sort::NodeRestarts,
    Sort::Vanish,
    Sort::Link,
    Sort::NodeCrashes,
];

/// The sorts of expectations, by tag.
const RECEIVES: u8 = 0;
const NEVER_RECEIVES: u8 = 1;
const KEEPS: u8 = 2;
const DROPS: u8 = 3;
const CONNECTS: u8 = 4;
const EXPECTATIONS: u8 = 5;

/// The low bits of a lead; zero and one are with the line before.
const SAME: u8 = 0;
const AFTER: u8 = 2;
const AT: u8 = 3;

const MANNERS: [Manner; 9] = [
    Manner::Honest,
    Manner::Slow,
    Manner::Silent,
    Manner::Scripted,
    Manner::Chatty,
    Manner::Flooding,
    Manner::Hostile,
    Manner::Deaf,
    Manner::Trickling,
];

/// The changes of a link; those with a number have any here.
const CHANGES: [LinkChange; 7] = [
    LinkChange::SwallowAll,
    LinkChange::SwallowToNode,
    LinkChange::SwallowFromNode,
    LinkChange::Heal,
    LinkChange::Latency(std::time::Duration::ZERO),
    LinkChange::Bandwidth(1),
    LinkChange::Chunks(1),
];

const JUMPS: [Jump; 2] = [Jump::Forward, Jump::Back];

/// The node's reasons, so far as they are common.
const REASONS: [&str; 3] = ["handshake-timeout", "ping-timeout", "closed-by-peer"];

pub(super) fn read_line(input: &mut Reader<'_>, tag: u8) -> Option<Line> {
    let lead = input.byte()?;
    let actor = input.actor_from(lead >> 2)?;
    let at = match lead & 3 {
        AFTER => When::After(input.time()?),
        AT.. => When::At(input.time()?),
        _ => When::Same,
    };
    let op = match tag.checked_sub(EXPECTATION) {
        Some(sort) => Op::Expect(read_expect(input, sort % EXPECTATIONS, actor)?),
        None => read_op(input, OPS[usize::from(tag) % OPS.len()], actor)?,
    };
    Some(Line { at, op, comment: Vec::new() })
}

pub(super) fn write_line(output: &mut Writer, line: &Line) {
    match tag(&line.op) {
        Tag::Op(sort) => output.pick(&OPS, &sort),
        Tag::Expectation(sort) => output.byte(EXPECTATION + sort),
    }
    let (low, time) = match line.at {
        When::Same => (SAME, None),
        When::After(time) => (AFTER, Some(time)),
        When::At(time) => (AT, Some(time)),
    };
    // A line about nobody leads with anybody. A fault says who later, because it may be nobody.
    let actor = if matches!(line.op, Op::Fault(_)) { None } else { line.op.actor() };
    output.actor_above(low, actor.unwrap_or(ActorId(1)));
    if let Some(time) = time {
        output.time(time);
    }
    write_op(output, &line.op);
}

fn read_op(input: &mut Reader<'_>, sort: Sort, actor: ActorId) -> Option<Op> {
    Some(match sort {
        Sort::Dial => Op::Dial { actor, from: input.address_option()? },
        Sort::Listen => Op::Listen { actor, at: input.address_option()? },
        Sort::NodeDials => Op::NodeDials { actor },
        Sort::NodeDrops => Op::NodeDrops { actor },
        Sort::Send => Op::Send { actor, items: words::read_items(input)? },
        Sort::Behave => Op::Behave { actor, manner: input.pick(&MANNERS)? },
        Sort::StopReading => Op::StopReading { actor },
        Sort::ReadAgain => Op::ReadAgain { actor },
        Sort::HalfClose => Op::HalfClose { actor },
        Sort::Close => Op::Close { actor },
        Sort::Reset => Op::Reset { actor },
        Sort::Link => Op::Link { actor, change: read_change(input)? },
        Sort::WallJump => {
            let direction = input.pick(&JUMPS)?;
            Op::WallJump { direction, by: input.time()? }
        }
        Sort::Fault => Op::Fault(order::read_fault(input)?),
        Sort::NodeDialsItself => Op::NodeDialsItself,
        Sort::NodeTold => words::read_command(input, actor)?,
        Sort::NodeRestarts => Op::NodeRestarts,
        Sort::NodeCrashes => Op::NodeCrashes,
        Sort::NodeStalls => Op::NodeStalls { by: input.time()? },
        Sort::Vanish => Op::Vanish { actor },
    })
}

/// What stands behind the lead.
fn write_op(output: &mut Writer, op: &Op) {
    match op {
        Op::Dial { from: address, .. } | Op::Listen { at: address, .. } => {
            output.address_option(*address);
        }
        Op::Send { items, .. } => words::write_items(output, items),
        Op::Behave { manner, .. } => output.pick(&MANNERS, manner),
        Op::Link { change, .. } => write_change(output, *change),
        Op::WallJump { direction, by } => {
            output.pick(&JUMPS, direction);
            output.time(*by);
        }
        Op::NodeStalls { by } => output.time(*by),
        Op::Fault(fault) => order::write_fault(output, fault),
        Op::Expect(expect) => write_expect(output, expect),
        Op::NodeTold { word } => words::write_command(output, word),
        Op::NodeDials { .. }
        | Op::NodeDrops { .. }
        | Op::NodeDialsItself
        | Op::NodeRestarts
        | Op::NodeCrashes
        | Op::Vanish { .. }
        | Op::StopReading { .. }
        | Op::ReadAgain { .. }
        | Op::HalfClose { .. }
        | Op::Close { .. }
        | Op::Reset { .. } => {}
    }
}

const fn tag(op: &Op) -> Tag {
    Tag::Op(match op {
        Op::Dial { .. } => Sort::Dial,
        Op::Listen { .. } => Sort::Listen,
        Op::NodeDials { .. } => Sort::NodeDials,
        Op::NodeDrops { .. } => Sort::NodeDrops,
        Op::Send { .. } => Sort::Send,
        Op::Behave { .. } => Sort::Behave,
        Op::StopReading { .. } => Sort::StopReading,
        Op::ReadAgain { .. } => Sort::ReadAgain,
        Op::HalfClose { .. } => Sort::HalfClose,
        Op::Close { .. } => Sort::Close,
        Op::Reset { .. } => Sort::Reset,
        Op::Link { .. } => Sort::Link,
        Op::WallJump { .. } => Sort::WallJump,
        Op::Fault(_) => Sort::Fault,
        Op::NodeDialsItself => Sort::NodeDialsItself,
        Op::NodeTold { .. } => Sort::NodeTold,
        Op::NodeRestarts => Sort::NodeRestarts,
        Op::NodeCrashes => Sort::NodeCrashes,
        Op::NodeStalls { .. } => Sort::NodeStalls,
        Op::Vanish { .. } => Sort::Vanish,
        Op::Expect(Expect::Receives { .. }) => return Tag::Expectation(RECEIVES),
        Op::Expect(Expect::NeverReceives { .. }) => return Tag::Expectation(NEVER_RECEIVES),
        Op::Expect(Expect::Keeps { .. }) => return Tag::Expectation(KEEPS),
        Op::Expect(Expect::Drops { .. }) => return Tag::Expectation(DROPS),
        Op::Expect(Expect::Connects { .. }) => return Tag::Expectation(CONNECTS),
    })
}

fn read_change(input: &mut Reader<'_>) -> Option<LinkChange> {
    Some(match input.pick(&CHANGES)? {
        LinkChange::Latency(_) => LinkChange::Latency(input.time()?),
        LinkChange::Bandwidth(_) => LinkChange::Bandwidth(input.number(1, u64::MAX)?),
        LinkChange::Chunks(_) => LinkChange::Chunks(input.number_u32(1, LITERAL_BYTES_MAX)?),
        change @ (LinkChange::SwallowAll
        | LinkChange::SwallowToNode
        | LinkChange::SwallowFromNode
        | LinkChange::Heal) => change,
    })
}

fn write_change(output: &mut Writer, change: LinkChange) {
    let same_sort =
        |other: &LinkChange| std::mem::discriminant(other) == std::mem::discriminant(&change);
    let index = CHANGES.iter().position(same_sort).unwrap_or(0);
    output.byte(u8::try_from(index).unwrap_or(0));
    match change {
        LinkChange::Latency(time) => output.time(time),
        LinkChange::Bandwidth(bytes) => output.number(1, bytes),
        LinkChange::Chunks(bytes) => output.number(1, bytes.into()),
        LinkChange::SwallowAll
        | LinkChange::SwallowToNode
        | LinkChange::SwallowFromNode
        | LinkChange::Heal => {}
    }
}

fn read_expect(input: &mut Reader<'_>, sort: u8, actor: ActorId) -> Option<Expect> {
    Some(match sort {
        RECEIVES => {
            let order = input.pick(&[Ordering::InOrder, Ordering::AnyOrder])?;
            let within = input.time()?;
            Expect::Receives { actor, words: words::read_expected(input)?, order, within }
        }
        NEVER_RECEIVES => {
            Expect::NeverReceives { actor, word: words::read_word(input, Usage::Heard)? }
        }
        KEEPS => Expect::Keeps { actor },
        DROPS => {
            let within = input.time()?;
            let because = match input.byte()? & 1 {
                0 => None,
                _ => Some(words::read_name(input, &REASONS)?),
            };
            Expect::Drops { actor, within, because }
        }
        CONNECTS.. => Expect::Connects { actor, within: input.time()? },
    })
}

fn write_expect(output: &mut Writer, expect: &Expect) {
    match expect {
        Expect::Receives { words, order, within, .. } => {
            output.pick(&[Ordering::InOrder, Ordering::AnyOrder], order);
            output.time(*within);
            words::write_expected(output, words);
        }
        Expect::NeverReceives { word, .. } => words::write_word(output, word, Usage::Heard),
        Expect::Keeps { .. } => {}
        Expect::Drops { within, because, .. } => {
            output.time(*within);
            output.byte(because.is_some().into());
            if let Some(reason) = because {
                words::write_name(output, &REASONS, reason);
            }
        }
        Expect::Connects { within, .. } => output.time(*within),
    }
}
