//! The sockets that somebody would be told of now: updated on change, so that a wait looks at these
//! and at no others.

use sockman::slab::Key as _;
use sockman::sockets::Source;

/// "Not in the set", in the table of positions.
const ABSENT: u32 = u32::MAX;

/// A set of sources with constant-time changes and no allocation once it has grown.
///
/// The order is that of becoming ready, disturbed by removals; it depends on nothing but the calls.
#[derive(Clone, Debug, Default)]
pub(super) struct ReadySet {
    members: Vec<Source>,
    listener_positions: Vec<u32>,
    conn_positions: Vec<u32>,
    /// Where the next report starts, so that with more members than one report holds each gets its
    /// turn.
    next: usize,
}

impl ReadySet {
    /// Puts `source` in or takes it out.
    pub(super) fn set(&mut self, source: Source, ready: bool) {
        let at = *self.position(source);
        if ready && at == ABSENT {
            let end = u32::try_from(self.members.len()).expect("fewer sockets than 2^32");
            *self.position(source) = end;
            self.members.push(source);
        } else if !ready && at != ABSENT {
            *self.position(source) = ABSENT;
            self.members.swap_remove(at as usize);
            if let Some(&moved) = self.members.get(at as usize) {
                *self.position(moved) = at;
            }
        }
    }

    /// Whether `source` is in it.
    pub(super) fn contains(&self, source: Source) -> bool {
        let (positions, index) = match source {
            Source::Listener(id) => (&self.listener_positions, id.index() as usize),
            Source::Conn(id) => (&self.conn_positions, id.index() as usize),
        };
        let at = positions.get(index).filter(|at| **at != ABSENT);
        at.is_some_and(|at| self.members[*at as usize] == source)
    }

    /// How many are in it.
    pub(super) const fn count(&self) -> usize {
        self.members.len()
    }

    /// At most `count_max` members, other ones with each call if there are more.
    pub(super) fn take_turn(&mut self, count_max: usize) -> impl Iterator<Item = Source> {
        let start =
            if self.members.len() <= count_max { 0 } else { self.next % self.members.len() };
        self.next = start + count_max;
        self.members.iter().cycle().skip(start).take(self.members.len().min(count_max)).copied()
    }

    /// Where a source's position is noted. A slot is shared by its occupants, one after the other:
    /// each is taken out before the next is put in.
    fn position(&mut self, source: Source) -> &mut u32 {
        let (positions, index) = match source {
            Source::Listener(id) => (&mut self.listener_positions, id.index() as usize),
            Source::Conn(id) => (&mut self.conn_positions, id.index() as usize),
        };
        if positions.len() <= index {
            positions.resize(index + 1, ABSENT);
        }
        &mut positions[index]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sockman::sockets::ConnId;

    fn source(index: u32) -> Source {
        Source::Conn(ConnId::new(index, 0))
    }

    #[test]
    fn removal_keeps_the_others() {
        let mut set = ReadySet::default();
        for index in 0..5 {
            set.set(source(index), true);
            set.set(source(index), true);
        }
        set.set(source(1), false);
        set.set(source(1), false);
        set.set(source(4), false);
        let mut left: Vec<_> = set.take_turn(9).collect();
        left.sort_unstable();
        assert_eq!(left, [source(0), source(2), source(3)]);
    }

    #[test]
    fn everybody_gets_a_turn_when_a_report_is_too_short() {
        let mut set = ReadySet::default();
        for index in 0..5 {
            set.set(source(index), true);
        }
        let mut seen: Vec<_> = (0..3).flat_map(|_| set.take_turn(2).collect::<Vec<_>>()).collect();
        seen.sort_unstable();
        seen.dedup();
        assert_eq!(seen.len(), 5);
    }
}
