//! Which of two schedules is the smaller one: an order in which every pass goes downwards.

use std::time::Duration;

use crate::schedule::{Deviation, Effect, Item, LITERAL_BYTES_MAX, LinkChange, Manner, Op, Word};

use super::draft::{Draft, nth_of};
use super::operations::operations;

/// What makes a schedule long or hard to read, the worst first. Compared field by field.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Size {
    /// Lines of the order: they tie the schedule to the node's inner steps.
    order: usize,
    operations: usize,
    lines: usize,
    actors: usize,
    settings: usize,
    manners: u32,
    payload: Payload,
    /// Significant digits of all times, rates and chunks.
    digits: u32,
    time: Duration,
    strength: u64,
    /// Counts that one has to keep, of faults and order lines.
    counts: u64,
    /// Addresses that are written out, and the numbers of the actors.
    names: (usize, u32),
}

/// What is said and how much of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
struct Payload {
    items: u64,
    /// Settings of words.
    settings: u64,
    repeats: u64,
    bytes: u64,
}

impl Size {
    pub(super) fn of(draft: &Draft) -> Self {
        let actors = draft.actors();
        let mut size = Self {
            order: draft.order.len(),
            operations: operations(&draft.schedule()),
            lines: draft.lines.len(),
            actors: actors.len(),
            settings: draft.node.len(),
            manners: 0,
            payload: Payload::default(),
            digits: 0,
            time: Duration::ZERO,
            strength: 0,
            counts: 0,
            names: (0, actors.iter().map(|actor| u32::from(actor.0)).sum()),
        };
        for (index, line) in draft.lines.iter().enumerate() {
            size.add_time(draft.wait(index));
            size.add_op(&line.op);
        }
        for deviation in &draft.order {
            size.counts += u64::from(nth_of(deviation));
            if let Deviation::At { effect, .. } = deviation {
                size.strength += strength(*effect);
            }
        }
        size
    }

    fn add_time(&mut self, time: Duration) {
        self.digits += digits_of_time(time);
        self.time = self.time.saturating_add(time);
    }

    fn add_op(&mut self, op: &Op) {
        match op {
            Op::Send { items, .. } => items.iter().for_each(|item| self.payload.add(item)),
            Op::Behave { manner, .. } => self.manners += manner_rank(*manner),
            Op::Dial { from: address, .. } | Op::Listen { at: address, .. } => {
                self.names.0 += usize::from(address.is_some());
            }
            Op::Link { change, .. } => self.add_link(*change),
            Op::WallJump { by, .. } | Op::NodeStalls { by } => self.add_time(*by),
            Op::Fault(fault) => {
                self.payload.repeats += u64::from(fault.times);
                self.counts += u64::from(fault.nth);
                self.strength += strength(fault.effect);
            }
            Op::HalfClose { .. } => self.strength += 1,
            Op::Reset { .. } => self.strength += 2,
            Op::Vanish { .. } => self.strength += 3,
            Op::NodeRestarts => self.strength += 4,
            Op::NodeCrashes => self.strength += 5,
            Op::NodeTold { word } => self.payload.add_word(word),
            // Who is dialled needs a line more than who dials, which counts already.
            Op::NodeDials { .. }
            | Op::NodeDrops { .. }
            | Op::NodeDialsItself
            | Op::StopReading { .. }
            | Op::ReadAgain { .. }
            | Op::Close { .. }
            | Op::Expect(_) => {}
        }
    }

    fn add_link(&mut self, change: LinkChange) {
        match change {
            LinkChange::Latency(time) => self.add_time(time),
            LinkChange::Bandwidth(rate) => {
                self.digits += digits(u128::from(rate));
                self.strength += (u64::MAX - rate) >> 20;
            }
            LinkChange::Chunks(bytes) => {
                self.digits += digits(u128::from(bytes));
                self.strength += u64::from(LITERAL_BYTES_MAX.saturating_sub(bytes));
            }
            LinkChange::SwallowToNode | LinkChange::SwallowFromNode => self.strength += 1,
            LinkChange::SwallowAll => self.strength += 2,
            LinkChange::Heal => {}
        }
    }
}

impl Payload {
    fn add(&mut self, item: &Item) {
        self.items += 1;
        match item {
            Item::Word { word, times } => {
                self.repeats += u64::from(*times);
                self.add_word(word);
            }
            Item::Part { bytes, word } => {
                self.add_word(word);
                self.bytes += u64::from(*bytes);
                // A whole word is simpler, however long.
                self.settings += 1;
            }
            Item::Rest => {}
            Item::Bytes(bytes) => self.bytes += bytes.len() as u64,
            Item::Junk(bytes) => self.bytes += u64::from(*bytes),
        }
    }

    fn add_word(&mut self, word: &Word) {
        self.settings += word.settings.len() as u64;
        let numbers = word.settings.iter().filter_map(|(_, value)| value.parse::<u32>().ok());
        self.bytes += numbers.map(u64::from).sum::<u64>();
    }
}

/// From who does nothing by itself to who does harm.
pub(super) const fn manner_rank(manner: Manner) -> u32 {
    match manner {
        Manner::Scripted => 0,
        Manner::Silent => 1,
        Manner::Honest => 2,
        Manner::Slow => 3,
        Manner::Trickling => 4,
        Manner::Deaf => 5,
        Manner::Chatty => 6,
        Manner::Flooding => 7,
        Manner::Hostile => 8,
    }
}

/// How much an effect disturbs: a short count less than none, and the end of a connection most.
pub(super) const fn strength(effect: Effect) -> u64 {
    let rank = match effect {
        // One byte is the plainest part.
        Effect::Bytes(bytes) => return bytes as u64,
        Effect::WouldBlock => 1,
        Effect::Aborted | Effect::OutOfMemory => 2,
        Effect::OutOfDescriptors | Effect::NoSpace => 3,
        Effect::Unreachable | Effect::Io => 4,
        Effect::TimedOut => 5,
        Effect::Reset => 6,
    };
    rank * LITERAL_BYTES_MAX as u64 * 2
}

/// Digits that one has to read of a time, in the unit that holds it exactly: 1 for `10min`, 4 for
/// `1427ms`; none for no time.
pub(super) fn digits_of_time(time: Duration) -> u32 {
    const UNITS: [u128; 6] =
        [3_600_000_000_000, 60_000_000_000, 1_000_000_000, 1_000_000, 1_000, 1];
    let nanos = time.as_nanos();
    let exact = UNITS.iter().find(|unit| nanos.is_multiple_of(**unit));
    exact.map_or(0, |unit| digits(nanos / unit))
}

/// Digits before the zeros at the end.
fn digits(number: u128) -> u32 {
    let mut number = number;
    if number == 0 {
        return 0;
    }
    while number.is_multiple_of(10) {
        number /= 10;
    }
    number.ilog10() + 1
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schedule::Schedule;

    #[track_caller]
    fn check_smaller(small: &str, large: &str) {
        let size = |text: &str| {
            let schedule = Schedule::parse("sized", &format!("format 1\n{text}")).unwrap();
            Size::of(&Draft::new(&schedule))
        };
        assert!(size(small) < size(large), "{small} < {large}");
    }

    #[test]
    fn sizes_go_by_what_a_reader_minds_most() {
        check_smaller("p1 dials\np1 closes\n", "p1 dials\norder before node accepts: run commands");
        check_smaller("p1 dials\np1 is honest\n", "p1 dials\np1 closes\n");
        check_smaller("p1 dials\np1 closes\n", "p1 dials\np2 dials\n");
        check_smaller("p1 is honest\n", "p1 is chatty\n");
        check_smaller("p1 sends ping x3\n", "p1 sends ping x4\n");
        check_smaller("p1 sends ping x4\n", "p1 sends ping, ping\n");
        check_smaller("10min p1 dials\n", "1427ms p1 dials\n");
        check_smaller("1s p1 dials\n", "10min p1 dials\n");
        check_smaller("link p1 chunks 1000\n", "link p1 chunks 10\n");
        check_smaller(
            "fault node's next send takes 9 bytes\n",
            "fault node's next send would block\n",
        );
        check_smaller(
            "fault node's next send would block\n",
            "fault node's next send fails: reset\n",
        );
        check_smaller("p1 dials\n", "p2 dials\n");
        check_smaller("p1 dials\n", "p1 dials from 203.0.113.1:7\n");
    }

    #[test]
    fn round_numbers_have_few_digits() {
        assert_eq!([0, 7, 10, 1200, 1201].map(digits), [0, 1, 1, 2, 4]);
        assert_eq!(digits_of_time(Duration::from_secs(600)), 1);
        assert_eq!(digits_of_time(Duration::from_millis(1427)), 4);
    }
}
