//! What an IOMMU remembers: a set-associative cache with true LRU inside a set, as hardware builds them.
//!
//! A cache of up to [`WAYS`] entries is fully associative. A larger one has capacity / [`WAYS`] sets, the set
//! chosen by a hash of the key, so that a lookup costs the same at any capacity. Specifications leave size and
//! replacement to the implementation; this is ours, and the documentation says so.

use alloc::vec::Vec;
use core::num::NonZeroU64;

/// Entries in a set of a large cache.
pub const WAYS: usize = 8;

/// A key: what an entry is tagged with.
pub trait Key: Copy + Eq {
    /// Returns a number that spreads keys over sets.
    fn hash(&self) -> u64;
}

/// Mixes words into a hash for [`Key::hash`]: multiply and fold, enough to spread page numbers over sets.
#[inline]
pub const fn mix(a: u64, b: u64) -> u64 {
    let x = (a ^ b.rotate_left(32)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    x ^ x >> 29
}

#[derive(Clone, Copy, Debug)]
struct Slot<K, V> {
    key: K,
    value: V,
    /// When it was last used; larger is later. Never 0, so that an empty slot takes no more room.
    used: NonZeroU64,
}

/// A cache of values by key.
#[derive(Clone, Debug)]
pub struct Cache<K, V> {
    slots: Vec<Option<Slot<K, V>>>,
    /// For each set, a part of the hash of each entry's key; 0 where there is none. Compared all at once: which way
    /// an entry is in cannot be guessed, and a loop that ends there is a branch that is mispredicted.
    tags: Vec<[u32; WAYS]>,
    ways: usize,
    set_mask: u64,
    clock: NonZeroU64,
    live: usize,
}

/// An entry that left a cache, with the slot it was in.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Removed<K, V> {
    /// The slot.
    pub slot: u32,
    /// The key.
    pub key: K,
    /// The value.
    pub value: V,
}

impl<K: Key, V: Copy> Cache<K, V> {
    /// Returns an empty cache for `capacity` entries. Above [`WAYS`], rounded up to a power of two; 0 remembers nothing.
    pub fn new(capacity: usize) -> Self {
        let capacity = capacity.min(1 << 20);
        let (sets, ways) = if capacity <= WAYS {
            (1, capacity)
        } else {
            (capacity.div_ceil(WAYS).next_power_of_two(), WAYS)
        };
        let mut slots = Vec::new();
        slots.resize_with(sets * ways, || None);
        Cache {
            slots,
            tags: alloc::vec![[0; WAYS]; sets],
            ways,
            set_mask: sets as u64 - 1,
            clock: NonZeroU64::MIN,
            live: 0,
        }
    }

    /// Returns how many entries fit.
    pub fn capacity(&self) -> usize {
        self.slots.len()
    }
    /// Returns how many entries there are.
    pub fn len(&self) -> usize {
        self.live
    }
    /// Returns whether there are none.
    pub fn is_empty(&self) -> bool {
        self.live == 0
    }

    /// Returns the set of a key, and the tag that its entry has there.
    #[inline]
    fn set(&self, key: &K) -> (usize, u32) {
        let hash = key.hash();
        ((hash & self.set_mask) as usize, (hash >> 32) as u32 | 1)
    }

    /// Returns the slot of a key.
    #[inline]
    fn find(&self, key: &K) -> Option<usize> {
        let (set, tag) = self.set(key);
        let mut same = 0u32;
        for (way, t) in self.tags.get(set)?.iter().enumerate() {
            same |= u32::from(*t == tag) << way;
        }
        // Bounded: one bit of 64 each turn.
        while same != 0 {
            let slot = set * self.ways + same.trailing_zeros() as usize;
            if matches!(self.slots.get(slot), Some(Some(e)) if e.key == *key) {
                return Some(slot);
            }
            same &= same - 1;
        }
        None
    }

    /// Finds an entry and marks it as just used.
    #[inline]
    pub fn get(&mut self, key: &K) -> Option<(u32, V)> {
        let slot = self.find(key)?;
        self.clock = self.clock.saturating_add(1);
        let entry = self.slots[slot].as_mut()?;
        entry.used = self.clock;
        Some((slot as u32, entry.value))
    }

    /// Finds an entry without touching the order of use.
    pub fn peek(&self, key: &K) -> Option<V> {
        self.slots[self.find(key)?].as_ref().map(|e| e.value)
    }

    /// Puts an entry in: over the one with the same key, into a free slot, or over the least recently used one
    /// of its set, which is returned. `None` for the slot means that the cache remembers nothing.
    pub fn insert(&mut self, key: K, value: V) -> (Option<u32>, Option<Removed<K, V>>) {
        if self.ways == 0 {
            return (None, None);
        }
        let (set, tag) = self.set(&key);
        let start = set * self.ways;
        self.clock = self.clock.saturating_add(1);
        let ways = &self.slots[start..start + self.ways];
        let place = self
            .find(&key)
            .map(|slot| slot - start)
            .or_else(|| ways.iter().position(Option::is_none))
            .or_else(|| (0..ways.len()).min_by_key(|i| ways[*i].as_ref().map(|e| e.used)))
            .unwrap_or(0);
        self.tags[set][place] = tag;
        let old = self.slots[start + place].replace(Slot { key, value, used: self.clock });
        let slot = (start + place) as u32;
        let removed = old.map(|e| Removed { slot, key: e.key, value: e.value });
        if removed.is_none() {
            self.live += 1;
        }
        // An entry replaced by one with the same key did not leave for lack of room, but it did leave.
        (Some(slot), removed)
    }

    /// Changes the value of an entry, if it is there.
    pub fn update(&mut self, key: &K, change: impl FnOnce(&mut V)) {
        if let Some(e) = self.find(key).and_then(|slot| self.slots[slot].as_mut()) {
            change(&mut e.value);
        }
    }

    /// Takes out every entry that `matches`, telling each one in the order of slots.
    pub fn remove_if(&mut self, matches: impl Fn(&K, &V) -> bool, mut told: impl FnMut(Removed<K, V>)) {
        for (i, slot) in self.slots.iter_mut().enumerate() {
            if slot.as_ref().is_some_and(|e| matches(&e.key, &e.value)) {
                if let Some(e) = slot.take() {
                    self.live -= 1;
                    self.tags[i / self.ways][i % self.ways] = 0;
                    told(Removed { slot: i as u32, key: e.key, value: e.value });
                }
            }
        }
    }

    /// Returns every entry with its slot.
    pub fn iter(&self) -> impl Iterator<Item = (u32, K, V)> + '_ {
        self.slots.iter().enumerate().filter_map(|(i, s)| s.as_ref().map(|e| (i as u32, e.key, e.value)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    impl Key for u64 {
        fn hash(&self) -> u64 {
            mix(*self, 0)
        }
    }

    #[test]
    fn a_small_cache_is_fully_associative_with_lru() {
        let mut c = Cache::new(2);
        c.insert(1u64, 'a');
        c.insert(2, 'b');
        assert_eq!(c.get(&1), Some((0, 'a')));
        let (_, out) = c.insert(3, 'c');
        assert_eq!(out, Some(Removed { slot: 1, key: 2, value: 'b' }));
        assert_eq!(c.len(), 2);
        assert_eq!(Cache::<u64, char>::new(0).insert(1, 'x'), (None, None));
    }

    proptest! {
        #[test]
        fn never_answers_what_was_not_put_in(ops in proptest::collection::vec((0u64..200, any::<bool>()), 1..400), cap in 0usize..100) {
            let mut c = Cache::new(cap);
            let mut all = alloc::collections::BTreeMap::new();
            for (i, (key, remove)) in ops.into_iter().enumerate() {
                if remove {
                    c.remove_if(|k, _| *k == key, |_| ());
                    all.remove(&key);
                    prop_assert_eq!(c.peek(&key), None);
                } else {
                    c.insert(key, i);
                    all.insert(key, i);
                    prop_assert_eq!(c.peek(&key), (cap > 0).then_some(i));
                }
                prop_assert!(c.len() <= c.capacity());
                prop_assert_eq!(c.iter().count(), c.len());
                for (_, k, v) in c.iter() {
                    prop_assert_eq!(all.get(&k), Some(&v));
                }
            }
        }
    }
}
