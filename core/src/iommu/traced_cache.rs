//! Caches whose every hit, miss, insertion and eviction is recorded: a unit says what a line looks like and how to
//! read it anew, and writes no such step itself.

use super::cache::{Cache, Key, Removed};
use crate::addr::PageSize;
use crate::memory::Memory;
use crate::trace::{Actor, CacheLine, CacheOp, CacheType, Event, Observer, Off};

/// What a cache holds, by its key.
pub trait Line: Key + core::fmt::Debug {
    /// What is held.
    type Value: Copy + PartialEq + core::fmt::Debug;
    /// The cache as its specification names it.
    const CACHE: &'static CacheType;
    /// Returns the line for the trace; without a value, that of a miss.
    fn line(&self, value: Option<&Self::Value>) -> CacheLine;
}

/// Reads what a line of a cache is made from.
pub trait Source<V> {
    /// Why there is nothing to hold.
    type Error;
    /// Reads it from memory; `look` changes nothing there (no accessed or dirty bits).
    fn load<O: Observer>(&self, memory: &mut Memory, look: bool, obs: &mut O) -> Result<V, Self::Error>;
}

/// A cache that records what it does.
#[derive(Clone, Debug)]
pub struct TracedCache<K: Line> {
    cache: Cache<K, K::Value>,
}

impl<K: Line> TracedCache<K> {
    /// Returns an empty cache for this many entries; 0 holds nothing.
    pub fn new(capacity: u16) -> Self {
        TracedCache { cache: Cache::new(capacity.into()) }
    }

    /// Returns the entries, for views.
    pub fn iter(&self) -> impl Iterator<Item = (u32, K, K::Value)> + '_ {
        self.cache.iter()
    }

    /// Returns what is held of `key`, marked as just used; records nothing.
    #[inline]
    pub fn get(&mut self, key: &K) -> Option<(u32, K::Value)> {
        self.cache.get(key)
    }

    /// Returns what is held of `key`, or what `source` loads, which is then held. Records a hit, a stale hit (memory
    /// no longer says the same), or a miss with what was inserted and evicted.
    pub fn get_or_load<S: Source<K::Value>, O: Observer>(
        &mut self,
        key: K,
        source: &S,
        memory: &mut Memory,
        obs: &mut O,
    ) -> Result<K::Value, S::Error> {
        if let Some((slot, value)) = self.cache.get(&key) {
            if O::ON {
                let fresh = source.load(memory, true, &mut Off).is_ok_and(|now| now == value);
                record::<K, O>(obs, hit(fresh), slot, key.line(Some(&value)));
            }
            return Ok(value);
        }
        self.miss(&key, obs);
        let value = source.load(memory, false, obs)?;
        self.insert(key, value, obs);
        Ok(value)
    }

    /// Records that `key` is not held.
    pub fn miss<O: Observer>(&self, key: &K, obs: &mut O) {
        if O::ON {
            record::<K, O>(obs, CacheOp::Miss, 0, key.line(None));
        }
    }

    /// Records a use of what is held of `key`.
    pub fn used<O: Observer>(&self, op: CacheOp, slot: u32, key: &K, value: &K::Value, obs: &mut O) {
        if O::ON {
            record::<K, O>(obs, op, slot, key.line(Some(value)));
        }
    }

    /// Holds a value, recorded with what left for it.
    pub fn insert<O: Observer>(&mut self, key: K, value: K::Value, obs: &mut O) {
        let (slot, gone) = self.cache.insert(key, value);
        if O::ON {
            if let Some(gone) = gone.filter(|g| g.key != key) {
                record::<K, O>(obs, CacheOp::Evict, gone.slot, gone.key.line(Some(&gone.value)));
            }
            if let Some(slot) = slot {
                record::<K, O>(obs, CacheOp::Insert, slot, key.line(Some(&value)));
            }
        }
    }

    /// Removes all matching entries, each recorded as invalidated, in slot order.
    pub fn invalidate<O: Observer>(&mut self, matches: impl Fn(&K, &K::Value) -> bool, obs: &mut O) {
        self.cache.remove_if(matches, |Removed { slot, key, value }| {
            if O::ON {
                record::<K, O>(obs, CacheOp::Invalidate, slot, key.line(Some(&value)));
            }
        });
    }
}

/// Returns the value from the cache or, without one, as memory has it now: nothing is changed then.
pub fn get_or_load<K: Line, S: Source<K::Value>, O: Observer>(
    cache: Option<&mut TracedCache<K>>,
    key: K,
    source: &S,
    memory: &mut Memory,
    obs: &mut O,
) -> Result<K::Value, S::Error> {
    match cache {
        Some(cache) => cache.get_or_load(key, source, memory, obs),
        None => source.load(memory, true, obs),
    }
}

/// Returns a hit, or the use of an entry that memory no longer says the same of.
pub const fn hit(fresh: bool) -> CacheOp {
    match fresh {
        true => CacheOp::Hit,
        false => CacheOp::Stale,
    }
}

fn record<K: Line, O: Observer>(obs: &mut O, op: CacheOp, slot: u32, line: CacheLine) {
    obs.step(Actor::Iommu, Event::Cache { cache: K::CACHE, op, slot, line });
}

/// The key of a translation: a page, and whose it is.
pub trait PageTag: Line {
    /// Returns log2 of the page's size in bytes.
    fn shift(&self) -> u8;
}

/// A cache of translations, found at every page size it was given.
#[derive(Clone, Debug)]
pub struct Tlb<K: Line> {
    entries: TracedCache<K>,
    /// Bit n: a page of 2^n bytes was held at some time.
    shifts: u64,
}

impl<K: PageTag> Tlb<K> {
    /// Returns an empty one for this many entries; 0 holds nothing.
    pub fn new(capacity: u16) -> Self {
        Tlb { entries: TracedCache::new(capacity), shifts: 0 }
    }

    /// Returns the entries, to record uses and invalidate.
    pub fn entries(&mut self) -> &mut TracedCache<K> {
        &mut self.entries
    }

    /// Returns the entries, for views.
    pub fn iter(&self) -> impl Iterator<Item = (u32, K, K::Value)> + '_ {
        self.entries.iter()
    }

    /// Finds a translation, the smallest page first: `tag` makes the key for a page size.
    #[inline]
    pub fn find(&mut self, tag: impl Fn(PageSize) -> K) -> Option<(u32, K, K::Value)> {
        let mut left = self.shifts;
        // Bounded: one bit of 64 each turn.
        while left != 0 {
            let key = tag(PageSize::from_shift(left.trailing_zeros() as u8));
            if let Some((slot, value)) = self.entries.get(&key) {
                return Some((slot, key, value));
            }
            left &= left - 1;
        }
        None
    }

    /// Holds a translation, recorded with what left for it.
    pub fn insert<O: Observer>(&mut self, key: K, value: K::Value, obs: &mut O) {
        self.shifts |= 1 << (key.shift() & 63);
        self.entries.insert(key, value, obs);
    }
}

#[cfg(test)]
mod tests {
    use super::super::cache::mix;
    use super::*;
    use crate::addr::PhysAddr;
    use crate::spec::Text;
    use crate::trace::{CacheKind, Trace};
    use alloc::{vec, vec::Vec};

    static CACHE: CacheType = CacheType { kind: CacheKind::Iotlb, name: Text::new("cache", ""), section: "" };

    /// A page by its address and log2 of its size.
    #[derive(Clone, Copy, PartialEq, Eq, Debug)]
    struct Page(u64, u8);
    impl Key for Page {
        fn hash(&self) -> u64 {
            mix(self.0, self.1.into())
        }
    }
    impl Line for Page {
        type Value = u64;
        const CACHE: &'static CacheType = &CACHE;
        fn line(&self, value: Option<&u64>) -> CacheLine {
            CacheLine { from: self.0, to: value.copied().unwrap_or(0), ..CacheLine::default() }
        }
    }
    impl PageTag for Page {
        fn shift(&self) -> u8 {
            self.1
        }
    }
    /// The word at an address; 0 is an error.
    struct Word(u64);
    impl Source<u64> for Word {
        type Error = ();
        fn load<O: Observer>(&self, memory: &mut Memory, _: bool, _: &mut O) -> Result<u64, ()> {
            memory.read_u64(PhysAddr::new(self.0)).ok().filter(|w| *w != 0).ok_or(())
        }
    }

    fn ops(trace: &Trace) -> Vec<(CacheOp, u64)> {
        let of = |s: &crate::trace::Step| match s.event {
            Event::Cache { op, line, .. } => Some((op, line.from)),
            _ => None,
        };
        trace.steps().iter().filter_map(of).collect()
    }

    #[test]
    fn every_use_is_recorded_once_and_a_change_of_memory_makes_it_stale() {
        let (mut memory, mut trace) = (Memory::new(), Trace::new());
        for at in [0x10u64, 0x20] {
            memory.write_u64(PhysAddr::new(at), at).unwrap();
        }
        let mut cache = TracedCache::<Page>::new(1);
        let mut get = |at, memory: &mut Memory, trace: &mut Trace| {
            cache.get_or_load(Page(at, 0), &Word(at), memory, trace)
        };
        assert_eq!(get(0x30, &mut memory, &mut trace), Err(()));
        assert_eq!(get(0x10, &mut memory, &mut trace), Ok(0x10));
        assert_eq!(get(0x10, &mut memory, &mut trace), Ok(0x10));
        memory.write_u64(PhysAddr::new(0x10), 5).unwrap();
        assert_eq!(get(0x10, &mut memory, &mut trace), Ok(0x10));
        assert_eq!(get(0x20, &mut memory, &mut trace), Ok(0x20));
        cache.invalidate(|key, _| key.0 == 0x20, &mut trace);
        use CacheOp::*;
        let want = vec![
            (Miss, 0x30),
            (Miss, 0x10),
            (Insert, 0x10),
            (Hit, 0x10),
            (Stale, 0x10),
            (Miss, 0x20),
            (Evict, 0x10),
            (Insert, 0x20),
            (Invalidate, 0x20),
        ];
        assert_eq!(ops(&trace), want);
        assert_eq!(get_or_load(None, Page(0x10, 0), &Word(0x10), &mut memory, &mut trace), Ok(5));
        assert_eq!(ops(&trace), want, "without a cache nothing is recorded of one");
    }

    #[test]
    fn a_translation_is_found_at_any_size_the_smallest_first() {
        let mut tlb = Tlb::<Page>::new(8);
        let tag = |at: u64| move |size: PageSize| Page(at & !size.mask(), size.shift());
        assert_eq!(tlb.find(tag(0x20_1234)), None);
        tlb.insert(Page(0x20_0000, 21), 1, &mut Off);
        assert_eq!(tlb.find(tag(0x20_1234)).map(|f| f.2), Some(1));
        tlb.insert(Page(0x20_1000, 12), 2, &mut Off);
        assert_eq!(tlb.find(tag(0x20_1234)).map(|f| f.2), Some(2));
        assert_eq!(tlb.find(tag(0x40_1234)), None);
    }
}
