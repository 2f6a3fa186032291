//! Deadlines by key: the earliest first, equal ones in the order in which they were set.

use std::collections::{BTreeMap, BTreeSet};

use crate::time::Instant;

/// At most one deadline a key, on one clock: `T` is [`Instant`] or
/// [`UnixTime`](crate::time::UnixTime). Setting, clearing and taking cost the logarithm of their
/// number.
#[derive(Clone, Debug)]
pub struct Deadlines<K, T = Instant> {
    queue: BTreeSet<(T, u64, K)>,
    by_key: BTreeMap<K, (T, u64)>,
    /// Of the next one set; breaks ties.
    sequence: u64,
}

impl<K: Copy + Ord, T: Copy + Ord> Deadlines<K, T> {
    /// None yet.
    #[must_use]
    pub const fn new() -> Self {
        Self { queue: BTreeSet::new(), by_key: BTreeMap::new(), sequence: 0 }
    }

    /// Sets the deadline of `key`, in place of the one it had.
    pub fn set(&mut self, key: K, at: T) {
        if self.at(key) == Some(at) {
            return;
        }
        self.clear(key);
        self.queue.insert((at, self.sequence, key));
        self.by_key.insert(key, (at, self.sequence));
        self.sequence += 1;
    }

    /// Takes the deadline of `key` away, if it has one.
    pub fn clear(&mut self, key: K) {
        if let Some((at, sequence)) = self.by_key.remove(&key) {
            let removed = self.queue.remove(&(at, sequence, key));
            assert!(removed, "both tables hold the same deadlines");
        }
    }

    /// The deadline of `key`.
    #[must_use]
    pub fn at(&self, key: K) -> Option<T> {
        self.by_key.get(&key).map(|(at, _)| *at)
    }

    /// The earliest deadline.
    #[must_use]
    pub fn next(&self) -> Option<T> {
        self.queue.first().map(|(at, ..)| *at)
    }

    /// The key that is due first, at `now` or before; stays until it is set anew or cleared.
    #[must_use]
    pub fn due(&self, now: T) -> Option<K> {
        self.queue.first().filter(|(at, ..)| *at <= now).map(|(.., key)| *key)
    }

    /// Every deadline, by key.
    pub fn iter(&self) -> impl Iterator<Item = (K, T)> {
        self.by_key.iter().map(|(key, (at, _))| (*key, *at))
    }

    /// How many deadlines there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.by_key.len()
    }
}

impl<K: Copy + Ord, T: Copy + Ord> Default for Deadlines<K, T> {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_deadlines_come_in_the_order_set() {
        let mut deadlines = Deadlines::new();
        let at = Instant::from_nanos(5);
        for key in [3, 1, 2] {
            deadlines.set(key, at);
        }
        assert_eq!(deadlines.due(Instant::from_nanos(4)), None);
        for key in [3, 1, 2] {
            assert_eq!(deadlines.due(at), Some(key));
            deadlines.clear(key);
        }
        assert_eq!(deadlines.next(), None);
    }

    #[test]
    fn setting_again_replaces() {
        let mut deadlines = Deadlines::new();
        deadlines.set('a', Instant::from_nanos(1));
        deadlines.set('a', Instant::from_nanos(9));
        assert_eq!(deadlines.next(), Some(Instant::from_nanos(9)));
        assert_eq!(deadlines.count(), 1);
    }
}
