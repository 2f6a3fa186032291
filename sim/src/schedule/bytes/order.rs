//! Faults and deviations as bytes.

use super::super::limits::RESERVED_VERB;
use super::super::{
    Anchor, Call, Deviation, Effect, Fault, LITERAL_BYTES_MAX, REPEAT_MAX, VALUE_BYTES_MAX,
};
use super::plain::{Reader, Writer};
use super::{DEVIATION, words};

const CALLS: [Call; 6] =
    [Call::Send, Call::Recv, Call::Accept, Call::Connect, Call::Append, Call::Sync];

/// What can happen; an effect with a number has any here.
const EFFECTS: [Effect; 10] = [
    Effect::Bytes(1),
    Effect::WouldBlock,
    Effect::Reset,
    Effect::TimedOut,
    Effect::OutOfDescriptors,
    Effect::OutOfMemory,
    Effect::Unreachable,
    Effect::Aborted,
    Effect::NoSpace,
    Effect::Io,
];

/// What steps do.
const VERBS: [&str; 22] = [
    "handles",
    "delivers",
    "serves",
    "accepts",
    "fires",
    "sends",
    "commanded",
    "opens",
    "send",
    "dial",
    "close",
    "receive",
    "finish",
    "stop-listening",
    "arrival",
    "poll",
    "push",
    "wake",
    "create",
    "append",
    "sync",
    "rename",
];

/// To what they do it; nothing for most.
const OBJECTS: [&str; 16] = [
    "",
    "version",
    "verack",
    "ping",
    "pong",
    "accepted",
    "accept-failed",
    "connected",
    "writable",
    "received",
    "eof",
    "failed",
    "finished",
    "handshake-timeout",
    "ping-timeout",
    "dial-timeout",
];

/// From here on an object is spelled out.
const SPELLED: u8 = 0xF0;

/// The tasks of a machine, those of a connection manager, and what else may go next.
const TASKS: [&str; 13] = [
    "socket",
    "commands",
    "messages",
    "opener",
    "poll",
    "addresses",
    "timers",
    "driver",
    "push",
    "wake",
    "added",
    "disk",
    "stores",
];

pub(super) fn read_fault(input: &mut Reader<'_>) -> Option<Fault> {
    let call = input.pick(&CALLS)?;
    let actor = input.actor_option()?.filter(|_| !call.is_on_files());
    let nth = input.number_u32(1, REPEAT_MAX)?;
    let times = input.number_u32(1, REPEAT_MAX)?;
    Some(Fault { call, nth, times, actor, effect: read_effect(input, call)? })
}

pub(super) fn write_fault(output: &mut Writer, fault: &Fault) {
    output.pick(&CALLS, &fault.call);
    output.actor_option(fault.actor);
    output.number(1, fault.nth.into());
    output.number(1, fault.times.into());
    write_effect(output, fault.effect, fault.call);
}

/// One of the effects that such a call can have.
fn read_effect(input: &mut Reader<'_>, call: Call) -> Option<Effect> {
    match input.pick(&fitting(call))? {
        Effect::Bytes(_) => Some(Effect::Bytes(input.number_u32(1, LITERAL_BYTES_MAX)?)),
        effect @ (Effect::WouldBlock
        | Effect::Reset
        | Effect::TimedOut
        | Effect::OutOfDescriptors
        | Effect::OutOfMemory
        | Effect::Unreachable
        | Effect::Aborted
        | Effect::NoSpace
        | Effect::Io) => Some(effect),
    }
}

fn write_effect(output: &mut Writer, effect: Effect, call: Call) {
    match effect {
        Effect::Bytes(bytes) => {
            output.pick(&fitting(call), &Effect::Bytes(1));
            output.number(1, bytes.into());
        }
        Effect::WouldBlock
        | Effect::Reset
        | Effect::TimedOut
        | Effect::OutOfDescriptors
        | Effect::OutOfMemory
        | Effect::Unreachable
        | Effect::Aborted
        | Effect::NoSpace
        | Effect::Io => output.pick(&fitting(call), &effect),
    }
}

fn fitting(call: Call) -> Vec<Effect> {
    EFFECTS.into_iter().filter(|effect| effect.fits(call)).collect()
}

pub(super) fn read_deviation(input: &mut Reader<'_>, tag: u8) -> Option<Deviation> {
    if tag & 1 == 1 {
        let call = input.pick(&CALLS)?;
        let actor = input.actor_option()?.filter(|_| !call.is_on_files());
        let nth = input.number_u32(1, u32::MAX)?;
        return Some(Deviation::At { call, actor, nth, effect: read_effect(input, call)? });
    }
    let verb = words::other_than(words::read_name(input, &VERBS)?, &[RESERVED_VERB]).into();
    let object = match input.byte()? {
        SPELLED.. => input.text(VALUE_BYTES_MAX, |_| true)?,
        byte => OBJECTS[usize::from(byte) % OBJECTS.len()].to_owned(),
    };
    let actor = input.actor_option()?;
    let nth = input.number_u32(1, u32::MAX)?;
    let run = words::read_name(input, &TASKS)?.into();
    Some(Deviation::Before { anchor: Anchor { verb, object, actor, nth }, run })
}

pub(super) fn write_deviation(output: &mut Writer, deviation: &Deviation) {
    match deviation {
        Deviation::At { call, actor, nth, effect } => {
            output.byte(DEVIATION | 1);
            output.pick(&CALLS, call);
            output.actor_option(*actor);
            output.number(1, (*nth).into());
            write_effect(output, *effect, *call);
        }
        Deviation::Before { anchor, run } => {
            output.byte(DEVIATION);
            words::write_name(output, &VERBS, &anchor.verb);
            if OBJECTS.contains(&anchor.object.as_str()) {
                output.pick(&OBJECTS, &anchor.object.as_str());
            } else {
                output.byte(SPELLED);
                output.text(&anchor.object);
            }
            output.actor_option(anchor.actor);
            output.number(1, anchor.nth.into());
            words::write_name(output, &TASKS, run);
        }
    }
}
