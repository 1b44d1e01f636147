//! The CPU's data cache, where devices do not see it: lines that hold what memory does not have yet, or what it
//! no longer has. This is why `dma_sync_*` exists.
//!
//! Write-back, write-allocate, set-associative with LRU. Coherent devices snoop it; others go past it.

use crate::addr::{AddrRange, PhysAddr};
use crate::iommu::cache::{mix, Cache, Key};
use crate::memory::{MemError, Memory};
use crate::spec::Text;
use crate::trace::{
    read_data, write_data, Actor, CacheKind, CacheLine, CacheOp, CacheType, CostKind, Event, Observer, Perms,
};
use alloc::vec::Vec;

/// How traces name it.
pub static DATA_CACHE: CacheType = CacheType {
    kind: CacheKind::Data,
    name: Text::new("CPU data cache", "CPU 数据缓存"),
    section: "Linux Documentation/core-api/dma-api.rst",
};

/// The longest line, in bytes.
pub const MAX_LINE: usize = 256;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Line(u64);

impl Key for Line {
    fn hash(&self) -> u64 {
        mix(self.0, 0)
    }
}

#[derive(Clone, Copy, Debug)]
struct Held {
    bytes: [u8; MAX_LINE],
    dirty: bool,
}

/// The cache.
#[derive(Clone, Debug)]
pub struct CpuCache {
    lines: Cache<Line, Held>,
    size: u64,
    uncached: Vec<AddrRange<PhysAddr>>,
}

impl CpuCache {
    /// Lines of `line` bytes (a power of two from 16 to 256; others are rounded), `lines` of them. With 0 lines
    /// nothing is ever held: a machine whose devices are all coherent.
    pub fn new(line: u32, lines: usize) -> Self {
        let size = u64::from(line.clamp(16, MAX_LINE as u32).next_power_of_two());
        CpuCache { lines: Cache::new(lines), size, uncached: Vec::new() }
    }

    /// Bytes of a line.
    pub fn line(&self) -> u64 {
        self.size
    }
    /// Can it hold anything?
    pub fn is_on(&self) -> bool {
        self.lines.capacity() > 0
    }
    /// The dirty lines that overlap `range`: what memory does not have yet.
    pub fn dirty(&self, range: AddrRange<PhysAddr>) -> Vec<PhysAddr> {
        let (first, last) = (range.start.raw() & !(self.size - 1), range.last().raw());
        let mut dirty: Vec<_> = self
            .lines
            .iter()
            .filter(|(_, line, held)| held.dirty && (first..=last).contains(&line.0))
            .map(|(_, line, _)| PhysAddr::new(line.0))
            .collect();
        dirty.sort();
        dirty
    }
    /// Does it hold a line of `range`, dirty or not?
    pub fn holds(&self, range: AddrRange<PhysAddr>) -> bool {
        let (first, last) = (range.start.raw() & !(self.size - 1), range.last().raw());
        self.lines.iter().any(|(_, line, _)| (first..=last).contains(&line.0))
    }

    /// Makes the CPU go past the cache in `range` from now on: memory for coherent DMA on a machine whose
    /// devices do not snoop. What was held of it is written back first.
    pub fn set_uncached<O: Observer>(
        &mut self,
        memory: &mut Memory,
        range: AddrRange<PhysAddr>,
        obs: &mut O,
    ) -> Result<(), MemError> {
        self.clean_invalidate(memory, range, obs)?;
        self.uncached.push(range);
        Ok(())
    }
    /// Ends that.
    pub fn set_cached(&mut self, range: AddrRange<PhysAddr>) {
        self.uncached.retain(|r| *r != range);
    }

    fn passes(&self, at: PhysAddr) -> bool {
        !self.is_on() || self.uncached.iter().any(|r| r.contains(at))
    }

    /// The parts of an access that lie in one line each: the line, the offset in it, the place in the data.
    fn parts(&self, at: PhysAddr, len: usize) -> impl Iterator<Item = (u64, usize, core::ops::Range<usize>)> {
        let size = self.size;
        let mut done = 0;
        core::iter::from_fn(move || {
            if done >= len {
                return None;
            }
            let here = at.raw().wrapping_add(done as u64);
            let offset = (here % size) as usize;
            let n = (size as usize - offset).min(len - done);
            done += n;
            Some((here - offset as u64, offset, done - n..done))
        })
    }

    /// A load by the CPU.
    pub fn read<O: Observer>(
        &mut self,
        memory: &mut Memory,
        actor: Actor,
        at: PhysAddr,
        out: &mut [u8],
        obs: &mut O,
    ) -> Result<(), MemError> {
        if self.passes(at) {
            return read_data(memory, obs, actor, at, out);
        }
        for (line, offset, place) in self.parts(at, out.len()) {
            let held = self.bring(memory, actor, line, obs)?;
            out[place.clone()].copy_from_slice(&held.bytes[offset..offset + place.len()]);
        }
        Ok(())
    }

    /// Puts what it holds over bytes of memory at `at`: what a load would give, without filling any line.
    pub fn overlay(&self, at: PhysAddr, out: &mut [u8]) {
        if self.passes(at) {
            return;
        }
        for (line, offset, place) in self.parts(at, out.len()) {
            if let Some(held) = self.lines.peek(&Line(line)) {
                out[place.clone()].copy_from_slice(&held.bytes[offset..offset + place.len()]);
            }
        }
    }

    /// A store by the CPU.
    pub fn write<O: Observer>(
        &mut self,
        memory: &mut Memory,
        actor: Actor,
        at: PhysAddr,
        data: &[u8],
        obs: &mut O,
    ) -> Result<(), MemError> {
        if self.passes(at) {
            return write_data(memory, obs, actor, at, data);
        }
        for (line, offset, place) in self.parts(at, data.len()) {
            let mut held = self.bring(memory, actor, line, obs)?;
            held.bytes[offset..offset + place.len()].copy_from_slice(&data[place]);
            held.dirty = true;
            let (slot, _) = self.lines.insert(Line(line), held);
            self.tell(obs, actor, CacheOp::Insert, slot.unwrap_or(0), line, &held);
        }
        Ok(())
    }

    /// The line, from the cache or filled from memory.
    fn bring<O: Observer>(
        &mut self,
        memory: &mut Memory,
        actor: Actor,
        line: u64,
        obs: &mut O,
    ) -> Result<Held, MemError> {
        if let Some((slot, held)) = self.lines.get(&Line(line)) {
            self.tell(obs, actor, CacheOp::Hit, slot, line, &held);
            return Ok(held);
        }
        let mut held = Held { bytes: [0; MAX_LINE], dirty: false };
        self.tell(obs, actor, CacheOp::Miss, 0, line, &held);
        read_data(memory, obs, actor, PhysAddr::new(line), &mut held.bytes[..self.size as usize])?;
        let (slot, out) = self.lines.insert(Line(line), held);
        if let Some(out) = out.filter(|out| out.key.0 != line) {
            self.tell(obs, actor, CacheOp::Evict, out.slot, out.key.0, &out.value);
            self.store(memory, out.key.0, &out.value, obs)?;
        }
        if let Some(slot) = slot {
            self.tell(obs, actor, CacheOp::Insert, slot, line, &held);
        }
        Ok(held)
    }

    /// Writes a dirty line to memory.
    fn store<O: Observer>(
        &self,
        memory: &mut Memory,
        line: u64,
        held: &Held,
        obs: &mut O,
    ) -> Result<(), MemError> {
        if held.dirty {
            write_data(memory, obs, Actor::Cpu, PhysAddr::new(line), &held.bytes[..self.size as usize])?;
        }
        Ok(())
    }

    /// Writes back the dirty lines of `range`; they stay, clean. `dcache_clean_poc`.
    pub fn clean<O: Observer>(
        &mut self,
        memory: &mut Memory,
        range: AddrRange<PhysAddr>,
        obs: &mut O,
    ) -> Result<(), MemError> {
        for line in self.dirty(range) {
            if let Some((slot, held)) = self.lines.get(&Line(line.raw())) {
                self.store(memory, line.raw(), &held, obs)?;
                let clean = Held { dirty: false, ..held };
                self.lines.update(&Line(line.raw()), |held| held.dirty = false);
                self.tell(obs, Actor::Cpu, CacheOp::Insert, slot, line.raw(), &clean);
            }
        }
        self.cost(range, obs);
        Ok(())
    }

    /// Drops the lines of `range`; what only they held is lost. A line that `range` covers in part is written
    /// back first, since the rest of it belongs to someone else. `dcache_inval_poc`.
    pub fn invalidate<O: Observer>(
        &mut self,
        memory: &mut Memory,
        range: AddrRange<PhysAddr>,
        obs: &mut O,
    ) -> Result<(), MemError> {
        let (first, last) = (range.start.raw() & !(self.size - 1), range.last().raw() & !(self.size - 1));
        let covers = |line: u64| {
            range.contains(PhysAddr::new(line)) && range.contains(PhysAddr::new(line + (self.size - 1)))
        };
        for edge in [first, last] {
            if !covers(edge) {
                if let Some(held) = self.lines.peek(&Line(edge)) {
                    self.store(memory, edge, &held, obs)?;
                }
            }
        }
        let mut gone = Vec::new();
        self.lines.remove_if(|line, _| (first..=last).contains(&line.0), |out| gone.push(out));
        for out in gone {
            self.tell(obs, Actor::Cpu, CacheOp::Invalidate, out.slot, out.key.0, &out.value);
        }
        self.cost(range, obs);
        Ok(())
    }

    /// Writes back and drops.
    pub fn clean_invalidate<O: Observer>(
        &mut self,
        memory: &mut Memory,
        range: AddrRange<PhysAddr>,
        obs: &mut O,
    ) -> Result<(), MemError> {
        self.clean(memory, range, obs)?;
        self.invalidate(memory, range, obs)
    }

    /// What a coherent device's access does before it reaches memory: a read finds dirty lines written back, a
    /// write finds no line. `range` is what it is about to access.
    pub fn snoop<O: Observer>(
        &mut self,
        memory: &mut Memory,
        range: AddrRange<PhysAddr>,
        write: bool,
        obs: &mut O,
    ) -> Result<(), MemError> {
        if self.lines.is_empty() || !self.holds(range) {
            return Ok(());
        }
        self.clean(memory, range, obs)?;
        if write {
            self.invalidate(memory, range, obs)?;
        }
        Ok(())
    }

    fn cost<O: Observer>(&self, range: AddrRange<PhysAddr>, obs: &mut O) {
        if O::ON && self.is_on() {
            obs.step(Actor::Cpu, Event::Cost { kind: CostKind::SyncedBytes, amount: range.len() });
        }
    }

    fn tell<O: Observer>(&self, obs: &mut O, actor: Actor, op: CacheOp, slot: u32, line: u64, held: &Held) {
        if O::ON {
            let mut first = [0; 8];
            first.copy_from_slice(&held.bytes[..8]);
            let line = CacheLine {
                from: line,
                shift: self.size.trailing_zeros() as u8,
                to: u64::from_le_bytes(first),
                // Clean lines can be read; dirty ones hold a write.
                perms: if held.dirty { Perms::RW } else { Perms::R },
                ..CacheLine::default()
            };
            obs.step(actor, Event::Cache { cache: &DATA_CACHE, op, slot, line });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trace::Off;
    use proptest::prelude::*;

    fn range(at: u64, len: u64) -> AddrRange<PhysAddr> {
        AddrRange::new(PhysAddr::new(at), len).unwrap()
    }

    #[test]
    fn without_a_sync_each_side_sees_yesterdays_bytes() {
        let (mut c, mut m) = (CpuCache::new(64, 64), Memory::new());
        let at = PhysAddr::new(0x1000);
        let mut seen = [0; 4];
        c.write(&mut m, Actor::Cpu, at, b"new!", &mut Off).unwrap();
        m.read_bytes(at, &mut seen).unwrap();
        assert_eq!(seen, [0; 4], "the device does not see the store");
        c.clean(&mut m, range(0x1000, 4), &mut Off).unwrap();
        m.read_bytes(at, &mut seen).unwrap();
        assert_eq!(&seen, b"new!");
        m.write_bytes(at, b"dma!").unwrap();
        c.read(&mut m, Actor::Cpu, at, &mut seen, &mut Off).unwrap();
        assert_eq!(&seen, b"new!", "the CPU does not see the DMA");
        c.invalidate(&mut m, range(0x1000, 64), &mut Off).unwrap();
        c.read(&mut m, Actor::Cpu, at, &mut seen, &mut Off).unwrap();
        assert_eq!(&seen, b"dma!");
    }

    #[test]
    fn invalidating_part_of_a_line_keeps_the_neighbours_bytes() {
        let (mut c, mut m) = (CpuCache::new(64, 64), Memory::new());
        c.write(&mut m, Actor::Cpu, PhysAddr::new(0x1000), b"mine", &mut Off).unwrap();
        c.invalidate(&mut m, range(0x1020, 0x60), &mut Off).unwrap();
        let mut seen = [0; 4];
        m.read_bytes(PhysAddr::new(0x1000), &mut seen).unwrap();
        assert_eq!(&seen, b"mine");
    }

    #[test]
    fn uncached_memory_is_never_held() {
        let (mut c, mut m) = (CpuCache::new(64, 64), Memory::new());
        c.write(&mut m, Actor::Cpu, PhysAddr::new(0x1000), b"held", &mut Off).unwrap();
        c.set_uncached(&mut m, range(0x1000, 4096), &mut Off).unwrap();
        c.write(&mut m, Actor::Cpu, PhysAddr::new(0x1004), b"past", &mut Off).unwrap();
        let mut seen = [0; 8];
        m.read_bytes(PhysAddr::new(0x1000), &mut seen).unwrap();
        assert_eq!(&seen, b"heldpast");
    }

    proptest! {
        /// The CPU alone always reads what it wrote, whatever is evicted; once cleaned, memory has it too.
        #[test]
        fn agrees_with_a_flat_array(
            lines in 1usize..40,
            ops in proptest::collection::vec((0u64..2048, 1usize..200, 0u8..5, any::<u8>()), 1..80),
        ) {
            let (mut c, mut m) = (CpuCache::new(32, lines), Memory::new());
            let mut flat = [0u8; 4096];
            for (at, len, op, byte) in ops {
                let pa = PhysAddr::new(at);
                let here = at as usize..at as usize + len;
                match op {
                    0 | 1 => {
                        c.write(&mut m, Actor::Cpu, pa, &vec![byte; len], &mut Off).unwrap();
                        flat[here].fill(byte);
                    }
                    2 => c.clean(&mut m, range(at, len as u64), &mut Off).unwrap(),
                    3 => c.clean_invalidate(&mut m, range(at, len as u64), &mut Off).unwrap(),
                    _ => {
                        // A coherent device writes.
                        c.snoop(&mut m, range(at, len as u64), true, &mut Off).unwrap();
                        m.write_bytes(pa, &vec![byte; len]).unwrap();
                        flat[here].fill(byte);
                    }
                }
                let mut seen = vec![0; 300];
                c.read(&mut m, Actor::Cpu, pa, &mut seen, &mut Off).unwrap();
                prop_assert_eq!(&seen[..], &flat[at as usize..at as usize + 300]);
            }
            c.clean(&mut m, range(0, 4096), &mut Off).unwrap();
            let mut seen = vec![0; 4096];
            m.peek_bytes(PhysAddr::new(0), &mut seen);
            prop_assert_eq!(&seen[..], &flat[..]);
        }
    }
}
