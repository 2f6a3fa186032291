//! Who waits for its turn, and how often others have had theirs meanwhile.
//!
//! Nothing here knows what a turn is. A competitor begins to wait, is served, and waits again or
//! does not; whoever is served once too often while the longest waiter waits is noticed. So a step
//! costs what it touches, however many there are.

use std::collections::{BTreeMap, BTreeSet};

/// Turns of competitors. See the head of the module.
#[derive(Clone, Debug)]
pub struct Turns<K> {
    /// How often one may be served while another waits.
    most: usize,
    /// Services and waits so far.
    count: u64,
    since: BTreeMap<K, u64>,
    waiting: BTreeSet<(u64, K)>,
    /// The last services of each, no more than one over the most.
    served: BTreeMap<K, Vec<u64>>,
}

impl<K: Copy + Ord> Turns<K> {
    /// Nobody waits. While one does, another may be served `most` times.
    #[must_use]
    pub const fn new(most: usize) -> Self {
        Self {
            most,
            count: 0,
            since: BTreeMap::new(),
            waiting: BTreeSet::new(),
            served: BTreeMap::new(),
        }
    }

    /// Somebody waits from now on, if it did not before.
    pub fn wait(&mut self, who: K) {
        if self.since.contains_key(&who) {
            return;
        }
        self.count += 1;
        self.since.insert(who, self.count);
        self.waiting.insert((self.count, who));
    }

    /// Somebody does not wait any more.
    pub fn leave(&mut self, who: K) {
        if let Some(since) = self.since.remove(&who) {
            self.waiting.remove(&(since, who));
        }
    }

    /// Somebody is gone.
    pub fn forget(&mut self, who: K) {
        self.leave(who);
        self.served.remove(&who);
    }

    /// Nobody waits, and nobody was served.
    pub fn clear(&mut self) {
        self.since.clear();
        self.waiting.clear();
        self.served.clear();
    }

    /// Whether anybody waits.
    #[must_use]
    pub fn has_waiting(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// Who waits, the longest first.
    pub fn waiting(&self) -> impl Iterator<Item = K> {
        self.waiting.iter().map(|(_, who)| *who)
    }

    /// Keeps those waiting of whom it is still true.
    pub fn retain(&mut self, waits: impl Fn(K) -> bool) {
        self.waiting.retain(|(_, who)| {
            let stays = waits(*who);
            if !stays {
                self.since.remove(who);
            }
            stays
        });
    }

    /// Somebody is served, and does not wait any more.
    ///
    /// # Errors
    ///
    /// It was served once too often while another waited: that one.
    pub fn serve(&mut self, who: K) -> Result<(), K> {
        self.leave(who);
        // If nobody waits, nothing can be held against it later.
        let Some((since, waiting)) = self.waiting.first() else { return Ok(()) };
        self.count += 1;
        let served = self.served.entry(who).or_default();
        if served.len() > self.most {
            served.remove(0);
        }
        served.push(self.count);
        let is_too_often = served.len() > self.most && served[0] > *since;
        if is_too_often { Err(*waiting) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_is_served_once_too_often_is_noticed() {
        let mut turns = Turns::new(2);
        turns.serve('a').unwrap();
        turns.wait('b');
        turns.serve('a').unwrap();
        turns.serve('c').unwrap();
        turns.serve('a').unwrap();
        assert_eq!(turns.serve('a'), Err('b'));
    }

    #[test]
    fn who_was_served_may_wait_as_long_again() {
        let mut turns = Turns::new(1);
        for _ in 0..10 {
            turns.wait('a');
            turns.wait('b');
            turns.serve('a').unwrap();
            turns.wait('a');
            turns.serve('b').unwrap();
        }
        turns.wait('b');
        turns.serve('a').unwrap();
        turns.leave('b');
        turns.serve('a').unwrap();
        turns.wait('b');
        turns.serve('a').unwrap();
        assert_eq!(turns.serve('a'), Err('b'));
    }
}
