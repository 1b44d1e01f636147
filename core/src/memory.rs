//! Sparse physical memory: 4 KiB frames that come into being when written, read as zero before.
//!
//! A word access costs one index into the frame directory and one into the arena, because page walks are
//! what this memory is read for. Frames are shared copy-on-write: a whole page copied from another, or
//! written with the same bytes as a recent one, costs an index and not 4 KiB, and a trace may keep the
//! frame that stood at a page before ([`Memory::frame_at`], [`Memory::place_frame`]).
//!
//! Regions can be made to fail ([`Memory::fail`]), as holes, protected memory or bad memory do.
//!
//! Only storage is here: who may read or write, and what is recorded of it, is decided by callers.

use crate::addr::{AddrRange, Address, PhysAddr, RequesterId};
use crate::spec::{Localized, Phrase};
use alloc::{collections::BTreeMap, format, string::ToString, vec, vec::Vec};
use core::fmt;

/// Bytes in a frame.
pub const FRAME: u64 = 4096;
const WORDS: usize = 512;
/// Pages below this are found by a plain array; above, by a tree. 16 GiB.
const DIRECT_PAGES: u64 = 16 << 30 >> 12;
/// The frame that is all zero and stands for every page never written.
const ZERO: u32 = 0;

/// Why an access to memory did not give its data.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum MemError {
    /// Nothing answers at this address, or what is there refuses the access (a PMA or PMP failure on RISC-V).
    Access(PhysAddr),
    /// The data came back marked as corrupted.
    Poison(PhysAddr),
    /// The simulated memory may hold no more frames: the limit in frames of 4 KiB.
    Full(u32),
    /// The run has spent what it may: the access is not done.
    Budget,
}

impl fmt::Display for MemError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            MemError::Access(at) => write!(f, "no memory answers at physical address {at}"),
            MemError::Poison(at) => write!(f, "memory at physical address {at} returned corrupted data"),
            MemError::Full(frames) => write!(f, "more than {frames} pages of memory written"),
            MemError::Budget => write!(f, "the run has spent what it may"),
        }
    }
}

impl Localized for MemError {
    fn phrase(&self) -> Phrase {
        let zh = match self {
            MemError::Access(at) => format!("{at} 处的内存拒绝访问"),
            MemError::Poison(at) => format!("{at} 处的数据已损坏"),
            MemError::Full(frames) => format!("模拟的内存已用完（上限 {frames} 页）"),
            MemError::Budget => "运行已达上限".into(),
        };
        Phrase::new(self.to_string(), zh)
    }
}

/// How a region of memory fails.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Failure {
    /// Reads and writes are refused.
    Access,
    /// Reads return corrupted data; writes succeed.
    Poison,
}

/// The name of a frame in the arena, as a trace keeps it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct FrameId(u32);

/// Physical memory.
#[derive(Clone, Debug)]
pub struct Memory {
    low: Vec<u32>,
    high: BTreeMap<u64, u32>,
    arena: Vec<u64>,
    /// How many pages (and traces) hold each frame; a frame held once may be written in place.
    holders: Vec<u32>,
    failures: Vec<(AddrRange<PhysAddr>, Failure)>,
    /// No failure lies below this address: the one compare that most accesses pay.
    safe_below: u64,
    max_frames: u32,
    /// Frames recently written as whole pages, by a hash of their words, to share equal ones.
    recent: BTreeMap<u64, u32>,
    /// Frames that nobody holds any more.
    unused: Vec<u32>,
    /// Bytes that the memory has grown by since this was asked last.
    grown: u64,
}

/// All memory of a machine.
#[derive(Clone, Debug, Default)]
pub struct Memories {
    /// What the physical map calls RAM.
    pub host: Memory,
    /// What each device has of its own; none for one that was never touched.
    pub own: BTreeMap<RequesterId, Memory>,
}

impl Default for Memory {
    fn default() -> Self {
        Self::new()
    }
}

impl Memory {
    /// The limit on frames of a new memory: 256 MiB of distinct pages.
    pub const DEFAULT_MAX_FRAMES: u32 = 65_536;

    /// Empty memory: every byte reads as zero, nothing fails.
    pub fn new() -> Self {
        Memory {
            low: Vec::new(),
            high: BTreeMap::new(),
            arena: vec![0; WORDS],
            holders: vec![1],
            failures: Vec::new(),
            safe_below: u64::MAX,
            max_frames: Self::DEFAULT_MAX_FRAMES,
            recent: BTreeMap::new(),
            unused: Vec::new(),
            grown: 0,
        }
    }

    /// Returns by how many bytes the memory's own structures have grown since the last call.
    pub fn take_growth(&mut self) -> u64 {
        core::mem::take(&mut self.grown)
    }

    /// Sets how many distinct frames may be written before [`MemError::Full`].
    pub fn set_max_frames(&mut self, frames: u32) {
        self.max_frames = frames;
    }

    /// Makes `range` fail from now on. Where ranges overlap, the first one given decides.
    pub fn fail(&mut self, range: AddrRange<PhysAddr>, how: Failure) {
        self.safe_below = self.safe_below.min(range.start.raw());
        self.failures.push((range, how));
    }

    /// How an access of `len` bytes at `at` fails, if it does.
    fn failure(&self, at: PhysAddr, len: u64) -> Option<Failure> {
        let access = AddrRange::new(at, len)?;
        self.failures.iter().find(|(range, _)| range.overlaps(&access)).map(|(_, how)| *how)
    }

    #[inline]
    fn check(&self, at: PhysAddr, len: u64, write: bool) -> Result<(), MemError> {
        if at.raw().saturating_add(len) <= self.safe_below {
            return Ok(());
        }
        match self.failure(at, len) {
            Some(Failure::Access) => Err(MemError::Access(at)),
            Some(Failure::Poison) if !write => Err(MemError::Poison(at)),
            _ => Ok(()),
        }
    }

    #[inline]
    fn frame(&self, page: u64) -> u32 {
        match self.low.get(page as usize) {
            Some(&frame) if page < DIRECT_PAGES => frame,
            _ => self.far_frame(page),
        }
    }

    #[cold]
    fn far_frame(&self, page: u64) -> u32 {
        if page < DIRECT_PAGES {
            return ZERO;
        }
        self.high.get(&page).copied().unwrap_or(ZERO)
    }

    fn set_frame(&mut self, page: u64, frame: u32) {
        if page >= DIRECT_PAGES {
            if self.high.insert(page, frame).is_none() {
                self.grown += 32;
            }
            return;
        }
        let page = page as usize;
        if page >= self.low.len() {
            let entries = (page + 1).next_power_of_two().max(1024);
            self.grown += 4 * (entries - self.low.len()) as u64;
            self.low.resize(entries, ZERO);
        }
        self.low[page] = frame;
    }

    /// A frame that only `page` holds, so that it can be written in place.
    fn own_frame(&mut self, page: u64) -> Result<u32, MemError> {
        let frame = self.frame(page);
        if frame != ZERO && self.holders[frame as usize] == 1 {
            return Ok(frame);
        }
        let copy = self.new_frame()?;
        let (from, to) = (frame as usize * WORDS, copy as usize * WORDS);
        self.arena.copy_within(from..from + WORDS, to);
        self.let_go(frame);
        self.set_frame(page, copy);
        Ok(copy)
    }

    /// One holder less.
    fn let_go(&mut self, frame: u32) {
        if frame != ZERO {
            self.holders[frame as usize] -= 1;
            if self.holders[frame as usize] == 0 {
                self.unused.push(frame);
            }
        }
    }

    /// A frame with one holder; its words are whatever they were.
    fn new_frame(&mut self) -> Result<u32, MemError> {
        if let Some(frame) = self.unused.pop() {
            self.holders[frame as usize] = 1;
            return Ok(frame);
        }
        let frame = self.holders.len() as u32;
        if frame > self.max_frames {
            return Err(MemError::Full(self.max_frames));
        }
        grow(&mut self.arena, WORDS);
        self.arena.resize(self.arena.len() + WORDS, 0);
        self.holders.push(1);
        self.grown += FRAME + 4;
        Ok(frame)
    }

    /// The 64-bit little-endian word at `at`; the low three bits of `at` are ignored.
    #[inline]
    pub fn read_u64(&self, at: PhysAddr) -> Result<u64, MemError> {
        self.check(at, 8, false)?;
        Ok(self.peek_u64(at))
    }

    /// The word at `at` whether or not the region fails: what a debugger with a probe would see.
    #[inline]
    pub fn peek_u64(&self, at: PhysAddr) -> u64 {
        let raw = at.raw();
        let frame = self.frame(raw >> 12) as usize;
        self.arena[frame * WORDS + (raw as usize >> 3) % WORDS]
    }

    /// Writes the word at `at` (low three bits ignored) and returns what was there.
    pub fn write_u64(&mut self, at: PhysAddr, value: u64) -> Result<u64, MemError> {
        self.check(at, 8, true)?;
        let old = self.peek_u64(at);
        if old != value {
            let frame = self.own_frame(at.raw() >> 12)? as usize;
            self.arena[frame * WORDS + (at.raw() as usize >> 3) % WORDS] = value;
        }
        Ok(old)
    }

    /// Fills `out` with the bytes at `at`. On failure nothing is written to `out` past the failing page.
    pub fn read_bytes(&self, at: PhysAddr, out: &mut [u8]) -> Result<(), MemError> {
        self.check(at, out.len() as u64, false)?;
        self.peek_bytes(at, out);
        Ok(())
    }

    /// As [`Memory::read_bytes`], without failures.
    pub fn peek_bytes(&self, at: PhysAddr, out: &mut [u8]) {
        let mut done = 0;
        // Bounded: callers draw what `out` takes.
        while done < out.len() {
            let addr = at.wrapping_add(done as u64);
            let in_page = (addr.raw() % FRAME) as usize;
            let n = (FRAME as usize - in_page).min(out.len() - done);
            let frame = self.frame(addr.raw() >> 12) as usize * WORDS;
            bytes_of(&self.arena[frame..frame + WORDS], in_page, &mut out[done..done + n]);
            done += n;
        }
    }

    /// Writes `bytes` at `at`. All or nothing, except for [`MemError::Full`].
    pub fn write_bytes(&mut self, at: PhysAddr, bytes: &[u8]) -> Result<(), MemError> {
        self.check(at, bytes.len() as u64, true)?;
        let mut done = 0;
        // Bounded: callers draw what `bytes` takes.
        while done < bytes.len() {
            let addr = at.wrapping_add(done as u64);
            let in_page = addr.raw() % FRAME;
            let n = ((FRAME - in_page) as usize).min(bytes.len() - done);
            let part = &bytes[done..done + n];
            if n == FRAME as usize {
                let id = self.intern(part)?;
                self.place(addr.raw() >> 12, id);
            } else {
                let frame = self.own_frame(addr.raw() >> 12)? as usize;
                for (i, &byte) in part.iter().enumerate() {
                    let pos = in_page as usize + i;
                    let word = &mut self.arena[frame * WORDS + pos / 8];
                    let shift = pos % 8 * 8;
                    *word = *word & !(0xff << shift) | u64::from(byte) << shift;
                }
            }
            done += n;
        }
        Ok(())
    }

    /// A frame with these 4,096 bytes: an equal recent one, or a new one. Counted as held once more.
    fn intern(&mut self, page: &[u8]) -> Result<u32, MemError> {
        let mut words = [0; WORDS];
        for (word, bytes) in words.iter_mut().zip(page.chunks_exact(8)) {
            *word = <[u8; 8]>::try_from(bytes).map_or(0, u64::from_le_bytes);
        }
        // FNV-1a over words: only a hint, equality is checked below.
        let hash = words.iter().fold(0xcbf2_9ce4_8422_2325_u64, |h, w| (h ^ w).wrapping_mul(0x100_0000_01b3));
        if let Some(&frame) = self.recent.get(&hash) {
            let at = frame as usize * WORDS;
            // Word by word: comparing as bytes is slow in WebAssembly.
            if self.arena[at..at + WORDS].iter().zip(&words).all(|(a, b)| a == b) {
                self.holders[frame as usize] += 1;
                return Ok(frame);
            }
        }
        let frame = self.new_frame()?;
        let at = frame as usize * WORDS;
        self.arena[at..at + WORDS].copy_from_slice(&words);
        // `recent` holds the frame too, so that it is never written in place while it can be found by hash.
        self.holders[frame as usize] = 2;
        self.grown += 32;
        if let Some(old) = self.recent.insert(hash, frame) {
            self.let_go(old);
        }
        Ok(frame)
    }

    fn place(&mut self, page: u64, frame: u32) {
        self.let_go(self.frame(page));
        self.set_frame(page, frame);
    }

    /// The frame that stands at the page of `at`, kept from now on: it will never be written in place.
    pub fn frame_at(&mut self, at: PhysAddr) -> FrameId {
        let frame = self.frame(at.raw() >> 12);
        if frame != ZERO {
            self.holders[frame as usize] += 1;
        }
        FrameId(frame)
    }

    /// Puts a kept frame at the page of `at`: how a whole page is copied, and how a trace steps back.
    pub fn place_frame(&mut self, at: PhysAddr, frame: FrameId) {
        if (frame.0 as usize) < self.holders.len() {
            if frame.0 != ZERO {
                self.holders[frame.0 as usize] += 1;
            }
            self.place(at.raw() >> 12, frame.0);
        }
    }

    /// The addresses of all pages that hold a frame of their own, in order.
    pub fn pages(&self) -> impl Iterator<Item = PhysAddr> + '_ {
        let low = self.low.iter().enumerate().filter(|(_, f)| **f != ZERO).map(|(p, _)| p as u64);
        let high = self.high.iter().filter(|(_, f)| **f != ZERO).map(|(p, _)| *p);
        low.chain(high).map(|page| PhysAddr::new(page << 12))
    }

    /// How many frames exist, the shared zero frame included.
    pub fn frame_count(&self) -> u32 {
        self.holders.len() as u32
    }
}

/// Makes room for `more` in a list that may become large: by a quarter, not by doubling, so that a run at its limit
/// does not take twice what it counted.
pub(crate) fn grow<T>(list: &mut Vec<T>, more: usize) {
    if list.capacity() - list.len() < more && list.len() > 4096 {
        list.reserve_exact(more.max(list.len() / 4));
    }
}

/// Fills `out` with the bytes of `words` from `start` on: word by word once that is at one.
fn bytes_of(words: &[u64], start: usize, out: &mut [u8]) {
    let byte = |at: usize| (words[at / 8] >> (at % 8 * 8)) as u8;
    let head = (start.wrapping_neg() % 8).min(out.len());
    let (first, rest) = out.split_at_mut(head);
    first.iter_mut().enumerate().for_each(|(i, b)| *b = byte(start + i));
    let start = start + head;
    let whole = rest.len() & !7;
    let (whole, last) = rest.split_at_mut(whole);
    for (bytes, word) in whole.chunks_exact_mut(8).zip(&words[start / 8..]) {
        // As an array, so that it is one store.
        if let Ok(bytes) = <&mut [u8; 8]>::try_from(bytes) {
            *bytes = word.to_le_bytes();
        }
    }
    let start = start + whole.len();
    last.iter_mut().enumerate().for_each(|(i, b)| *b = byte(start + i));
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn pa(raw: u64) -> PhysAddr {
        PhysAddr::new(raw)
    }

    #[test]
    fn unwritten_memory_reads_zero_and_words_are_little_endian() {
        let mut m = Memory::new();
        assert_eq!(m.read_u64(pa(0xffff_ffff_f000)), Ok(0));
        assert_eq!(m.write_u64(pa(0x1000), 0x0102_0304_0506_0708), Ok(0));
        let mut b = [0; 2];
        m.read_bytes(pa(0x1000), &mut b).unwrap();
        assert_eq!(b, [8, 7]);
    }

    #[test]
    fn a_failing_region_fails_and_its_neighbours_do_not() {
        let mut m = Memory::new();
        m.fail(AddrRange::new(pa(0x2000), 0x1000).unwrap(), Failure::Access);
        m.fail(AddrRange::new(pa(0x4000), 8).unwrap(), Failure::Poison);
        assert_eq!(m.read_u64(pa(0x2ff8)), Err(MemError::Access(pa(0x2ff8))));
        assert!(m.read_bytes(pa(0x1ff9), &mut [0; 8]).is_err());
        assert!(m.read_u64(pa(0x1ff8)).is_ok() && m.read_u64(pa(0x3000)).is_ok());
        assert_eq!(m.read_u64(pa(0x4000)), Err(MemError::Poison(pa(0x4000))));
        assert!(m.write_u64(pa(0x4000), 1).is_ok());
    }

    #[test]
    fn a_gigabyte_of_equal_pages_costs_one_frame() {
        let mut m = Memory::new();
        let page = [0x5a; 4096];
        for i in 0..262_144 {
            m.write_bytes(pa(i << 12), &page).unwrap();
        }
        assert_eq!(m.frame_count(), 2);
        m.write_u64(pa(0), 7).unwrap();
        assert_eq!(m.peek_u64(pa(0x1000)), 0x5a5a_5a5a_5a5a_5a5a);
    }

    #[test]
    fn a_kept_frame_brings_the_past_back() {
        let mut m = Memory::new();
        m.write_u64(pa(0x1000), 1).unwrap();
        let before = m.frame_at(pa(0x1000));
        m.write_u64(pa(0x1008), 2).unwrap();
        m.place_frame(pa(0x1000), before);
        assert_eq!((m.peek_u64(pa(0x1000)), m.peek_u64(pa(0x1008))), (1, 0));
    }

    #[test]
    fn the_frame_limit_is_a_message_and_not_a_crash() {
        let mut m = Memory::new();
        m.set_max_frames(1);
        m.write_u64(pa(0), 1).unwrap();
        assert_eq!(m.write_u64(pa(0x1000), 1), Err(MemError::Full(1)));
    }

    proptest! {
        #[test]
        fn behaves_as_a_flat_array(ops in proptest::collection::vec((0u64..0x3000, proptest::collection::vec(any::<u8>(), 1..5000)), 1..20)) {
            // Two bases: one in the directory, one in the tree.
            for base in [0x10_0000, 1u64 << 45] {
                let mut m = Memory::new();
                let mut flat = vec![0u8; 0x5000];
                for (at, bytes) in &ops {
                    m.write_bytes(pa(base + at), bytes).unwrap();
                    flat[*at as usize..*at as usize + bytes.len()].copy_from_slice(bytes);
                }
                let mut back = vec![0u8; 0x5000];
                m.read_bytes(pa(base), &mut back).unwrap();
                prop_assert_eq!(&back, &flat);
            }
        }
    }
}
