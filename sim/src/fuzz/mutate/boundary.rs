//! Values at and beside a bound, for every number in a line; and faults that are stronger.

use std::time::Duration;

use crate::schedule::{Call, Effect, Fault, Item, LinkChange, Op, When};
use crate::schedulers::Draws;

/// Where the rules of the node part: docs/behaviour.md, connman 9 (60 s to shake hands, 2 min
/// between pings, 20 min of silence).
pub(super) const TIMES: [Duration; 9] = [
    Duration::ZERO,
    Duration::from_nanos(1),
    Duration::from_millis(1),
    Duration::from_secs(1),
    Duration::from_secs(59),
    Duration::from_secs(60),
    Duration::from_secs(61),
    Duration::from_secs(120),
    Duration::from_secs(1200),
];

/// Where sizes part: bytes of a header before and after its end, a segment, what is read at once.
const COUNTS: [u32; 14] = [1, 2, 4, 16, 23, 24, 25, 32, 100, 255, 256, 1460, 16_384, 65_536];

/// Where settings of messages part: docs/behaviour.md, handshake 3 (protocol versions), transport 2
/// (length of a payload), and the edges of integers.
const SETTINGS: [&str; 16] = [
    "0",
    "1",
    "2",
    "8",
    "209",
    "31799",
    "31800",
    "60001",
    "70016",
    "65535",
    "4000000",
    "4000001",
    "2147483647",
    "4294967295",
    "9223372036854775808",
    "18446744073709551615",
];

/// Gives a number of a line another value, if the line has one.
pub(super) fn set(draws: &mut Draws, at: &mut When, op: &mut Op) {
    if draws.once_in(3) {
        let time = *draws.pick(&TIMES);
        *at = *draws.pick(&[When::Same, When::After(time), When::At(time)]);
        return;
    }
    let count = *draws.pick(&COUNTS);
    #[expect(clippy::wildcard_enum_match_arm, reason = "all other lines have no number")]
    match op {
        Op::Send { items, .. } if !items.is_empty() => set_item(draws, items, count),
        Op::Fault(fault) => set_fault(draws, fault, count),
        Op::Link { change: LinkChange::Chunks(bytes), .. } => *bytes = count,
        Op::Link { change: LinkChange::Bandwidth(bytes), .. } => *bytes = count.into(),
        Op::Link { change: LinkChange::Latency(time), .. }
        | Op::WallJump { by: time, .. }
        | Op::NodeStalls { by: time } => *time = *draws.pick(&TIMES),
        _ => {}
    }
}

fn set_item(draws: &mut Draws, items: &mut [Item], count: u32) {
    let which = draws.below(u32::try_from(items.len()).unwrap_or(u32::MAX)) as usize;
    match &mut items[which] {
        Item::Word { word, .. } | Item::Part { word, .. }
            if !word.settings.is_empty() && draws.once_in(2) =>
        {
            let settings = u32::try_from(word.settings.len()).unwrap_or(u32::MAX);
            let setting = draws.below(settings) as usize;
            (*draws.pick(&SETTINGS)).clone_into(&mut word.settings[setting].1);
        }
        Item::Word { times: number, .. }
        | Item::Part { bytes: number, .. }
        | Item::Junk(number) => {
            *number = count;
        }
        Item::Rest | Item::Bytes(_) => {}
    }
}

fn set_fault(draws: &mut Draws, fault: &mut Fault, count: u32) {
    match (draws.below(3), &mut fault.effect) {
        (0, _) => fault.nth = *draws.pick(&[1, 2, 3, 10]),
        (1, Effect::Bytes(bytes)) => *bytes = count,
        _ => fault.times = *draws.pick(&[1, 2, 10, 100]),
    }
}

/// Effects, each followed by a stronger one.
const STRONGER: [Effect; 9] = [
    Effect::Bytes(1),
    Effect::WouldBlock,
    Effect::Aborted,
    Effect::OutOfMemory,
    Effect::OutOfDescriptors,
    Effect::NoSpace,
    Effect::Io,
    Effect::TimedOut,
    Effect::Reset,
];

/// Makes of what disturbs something that disturbs more; whether there is such a thing.
#[expect(clippy::wildcard_enum_match_arm, reason = "all other lines disturb nothing")]
pub(super) fn strengthen(draws: &mut Draws, op: &mut Op) -> bool {
    match op {
        Op::Fault(fault) => {
            if draws.once_in(2) {
                fault.times = fault.times.saturating_mul(4).min(100).max(fault.times);
            } else {
                fault.effect = stronger(fault.call, fault.effect);
            }
        }
        Op::Link { change, .. } => {
            *change = match *change {
                LinkChange::Latency(time) => LinkChange::Latency(time.saturating_mul(10)),
                LinkChange::Bandwidth(bytes) => LinkChange::Bandwidth((bytes / 10).max(1)),
                LinkChange::Chunks(bytes) => LinkChange::Chunks((bytes / 10).max(1)),
                LinkChange::Heal => LinkChange::SwallowFromNode,
                LinkChange::SwallowAll
                | LinkChange::SwallowToNode
                | LinkChange::SwallowFromNode => LinkChange::SwallowAll,
            };
        }
        Op::HalfClose { actor } => *op = Op::Close { actor: *actor },
        Op::Close { actor } => *op = Op::Reset { actor: *actor },
        Op::Reset { actor } => *op = Op::Vanish { actor: *actor },
        _ => return false,
    }
    true
}

/// The next effect that such a call can have.
fn stronger(call: Call, effect: Effect) -> Effect {
    let place = STRONGER.iter().position(|other| match (other, effect) {
        (Effect::Bytes(_), Effect::Bytes(_)) => true,
        (other, effect) => *other == effect,
    });
    let rest = &STRONGER[place.map_or(STRONGER.len(), |place| place + 1)..];
    if let Effect::Bytes(bytes @ 2..) = effect {
        return Effect::Bytes(bytes / 2);
    }
    rest.iter().copied().find(|other| other.fits(call)).unwrap_or(effect)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_effect_grows_until_it_is_a_reset() {
        let mut seen = vec![Effect::Bytes(4)];
        while seen.last() != Some(&Effect::Reset) {
            seen.push(stronger(Call::Recv, *seen.last().unwrap()));
        }
        let expected = [
            Effect::Bytes(4),
            Effect::Bytes(2),
            Effect::Bytes(1),
            Effect::WouldBlock,
            Effect::TimedOut,
            Effect::Reset,
        ];
        assert_eq!(seen, expected);
        assert_eq!(stronger(Call::Connect, Effect::Unreachable), Effect::Unreachable);
    }
}
