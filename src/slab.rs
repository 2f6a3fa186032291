//! A table whose keys are never used twice: index and generation.
//!
//! Looking a key up costs one bounds check and one comparison. A stale key is an ordinary answer:
//! it finds nothing. A slot whose generations are spent is retired, so that this stays true for
//! ever.

use std::marker::PhantomData;

/// A key of a [`Slab`]: which slot, and the how-manieth occupant of it.
pub trait Key: Copy + Eq {
    /// Puts a key together.
    fn new(index: u32, generation: u32) -> Self;
    /// The slot.
    fn index(self) -> u32;
    /// The occupant's number within the slot, from 0.
    fn generation(self) -> u32;
}

/// Declares a key type: `index` and `generation`, shown as `name index.generation`.
macro_rules! key {
    ($(#[$doc:meta])* $vis:vis $name:ident, $prefix:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        $vis struct $name {
            index: u32,
            generation: u32,
        }

        impl $crate::slab::Key for $name {
            fn new(index: u32, generation: u32) -> Self {
                Self { index, generation }
            }

            fn index(self) -> u32 {
                self.index
            }

            fn generation(self) -> u32 {
                self.generation
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                write!(f, concat!($prefix, "{}.{}"), self.index, self.generation)
            }
        }
    };
}
pub(crate) use key;

/// A table of `V`, keyed by `K`.
#[derive(Clone, Debug)]
pub struct Slab<K, V> {
    slots: Vec<Slot<V>>,
    /// Indices of empty slots, the one freed last on top.
    free: Vec<u32>,
    count: usize,
    key: PhantomData<K>,
}

#[derive(Clone, Debug)]
struct Slot<V> {
    /// Of the occupant; of the next one while the slot is empty.
    generation: u32,
    value: Option<V>,
}

impl<K: Key, V> Slab<K, V> {
    /// An empty table.
    #[must_use]
    pub const fn new() -> Self {
        Self { slots: Vec::new(), free: Vec::new(), count: 0, key: PhantomData }
    }

    /// Stores a value under a key that was never used before.
    pub fn insert(&mut self, value: V) -> K {
        self.count += 1;
        if let Some(index) = self.free.pop() {
            let slot = &mut self.slots[index as usize];
            assert!(slot.value.is_none(), "a free slot is empty");
            slot.value = Some(value);
            return K::new(index, slot.generation);
        }
        let index = u32::try_from(self.slots.len()).expect("fewer than 2^32 slots");
        self.slots.push(Slot { generation: 0, value: Some(value) });
        K::new(index, 0)
    }

    /// Takes a value out; `None` if the key is stale.
    pub fn remove(&mut self, key: K) -> Option<V> {
        let slot = self.slots.get_mut(key.index() as usize)?;
        if slot.generation != key.generation() {
            return None;
        }
        let value = slot.value.take()?;
        self.count -= 1;
        // A spent slot stays empty for good, so that no key comes back.
        if let Some(next) = slot.generation.checked_add(1) {
            slot.generation = next;
            self.free.push(key.index());
        }
        Some(value)
    }

    /// The value under a key; `None` if the key is stale.
    #[must_use]
    pub fn get(&self, key: K) -> Option<&V> {
        let slot = self.slots.get(key.index() as usize)?;
        if slot.generation == key.generation() { slot.value.as_ref() } else { None }
    }

    /// The value under a key, to change; `None` if the key is stale.
    pub fn get_mut(&mut self, key: K) -> Option<&mut V> {
        let slot = self.slots.get_mut(key.index() as usize)?;
        if slot.generation == key.generation() { slot.value.as_mut() } else { None }
    }

    /// How many values there are.
    #[must_use]
    pub const fn count(&self) -> usize {
        self.count
    }

    /// Every value with its key, by index.
    pub fn iter(&self) -> impl Iterator<Item = (K, &V)> {
        self.slots.iter().enumerate().filter_map(|(index, slot)| {
            let value = slot.value.as_ref()?;
            Some((K::new(index_of(index), slot.generation), value))
        })
    }

    /// Every value with its key, by index, to change.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = (K, &mut V)> {
        self.slots.iter_mut().enumerate().filter_map(|(index, slot)| {
            let generation = slot.generation;
            let value = slot.value.as_mut()?;
            Some((K::new(index_of(index), generation), value))
        })
    }

    /// Keys of all values, by index.
    pub fn keys(&self) -> impl Iterator<Item = K> {
        self.iter().map(|(key, _)| key)
    }
}

impl<K: Key, V> Default for Slab<K, V> {
    fn default() -> Self {
        Self::new()
    }
}

/// A slot's position as the key carries it.
fn index_of(position: usize) -> u32 {
    u32::try_from(position).expect("insert keeps the table below 2^32 slots")
}

#[cfg(test)]
mod tests {
    use super::*;

    key!(
        /// A key for the tests.
        pub(super) TestId,
        "t"
    );

    #[test]
    fn stale_key_finds_nothing_after_its_slot_is_taken_again() {
        let mut slab: Slab<TestId, &str> = Slab::new();
        let first = slab.insert("first");
        assert_eq!(slab.remove(first), Some("first"));
        let second = slab.insert("second");
        assert_eq!(second.index(), first.index());
        assert_ne!(second, first);
        assert_eq!(slab.get(first), None);
        assert_eq!(slab.remove(first), None);
        assert_eq!(slab.get(second), Some(&"second"));
        assert_eq!(slab.count(), 1);
    }

    #[test]
    fn spent_slot_is_retired() {
        let mut slab: Slab<TestId, u8> = Slab::new();
        let id = slab.insert(1);
        slab.slots[0].generation = u32::MAX;
        let last = TestId::new(id.index(), u32::MAX);
        assert_eq!(slab.remove(last), Some(1));
        assert_eq!(slab.insert(2).index(), 1);
        assert_eq!(slab.get(last), None);
    }
}
