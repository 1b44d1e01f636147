//! The page allocator: which RAM is whose.
//!
//! Not the buddy system: readers should see simple addresses. Contiguous memory is the lowest that fits;
//! scattered pages come from all over, never two neighbours in order, the same ones each time.

use crate::addr::{AddrRange, PhysAddr};
use crate::spec::{Localized, Phrase};
use alloc::{collections::BTreeMap, format, string::ToString, sync::Arc, vec::Vec};
use core::fmt;

const PAGE: u64 = 4096;
/// Bytes that each scattered page takes where it is kept: here, in its buffer, and in what maps it.
pub const SCATTERED: u64 = 192;

/// Why there is no memory.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum NoPages {
    /// Not so much is free, or not in one piece, between these addresses.
    Full {
        /// Bytes requested.
        bytes: u64,
        /// The first address allowed.
        from: u64,
        /// The last address allowed.
        to: u64,
    },
    /// The requested place is not RAM.
    NotRam(AddrRange<PhysAddr>),
    /// The requested place is in use.
    InUse(AddrRange<PhysAddr>),
}

impl fmt::Display for NoPages {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            NoPages::Full { bytes, from, to } => {
                write!(f, "no memory: {bytes} bytes are not free in {from:#x} to {to:#x}")
            }
            NoPages::NotRam(range) => write!(f, "{range} is not all RAM"),
            NoPages::InUse(range) => write!(f, "some of {range} is in use"),
        }
    }
}

impl Localized for NoPages {
    fn phrase(&self) -> Phrase {
        let zh = match self {
            NoPages::Full { bytes, from, to } => {
                format!("内存不足：{from:#x} 到 {to:#x} 之间没有空闲的 {bytes} 字节")
            }
            NoPages::NotRam(range) => format!("{range} 不全是内存"),
            NoPages::InUse(range) => format!("{range} 中有一部分已被占用"),
        };
        Phrase::new(self.to_string(), zh)
    }
}

/// Where memory may come from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Zone {
    /// The first address allowed.
    pub from: u64,
    /// The last address allowed.
    pub to: u64,
}

impl Zone {
    /// Anywhere.
    pub const ANY: Zone = Zone { from: 0, to: u64::MAX };
    /// Below 4 GiB (Linux's ZONE_DMA32).
    pub const LOW: Zone = Zone { from: 0, to: u32::MAX as u64 };
    /// Above 4 GiB.
    pub const HIGH: Zone = Zone { from: 1 << 32, to: u64::MAX };
    /// At or below `mask`.
    pub const fn below(mask: u64) -> Zone {
        Zone { from: 0, to: mask }
    }
}

/// The allocator.
#[derive(Clone, Debug)]
pub struct Pages {
    ram: Vec<AddrRange<PhysAddr>>,
    /// Ranges in use by their first address: the last one, and whose they are.
    taken: BTreeMap<u64, (u64, Arc<str>)>,
    /// For each length, alignment and lower end of a zone that was searched for: nothing below this fits.
    searched: BTreeMap<(u64, u64, u64), u64>,
    /// Runs that searches have passed since somebody asked.
    looked: u64,
    /// For scattered pages: how many were given, so that the next come from elsewhere.
    scattered: u64,
}

impl Pages {
    /// All of `ram`, whole pages of it, is free.
    pub fn new(ram: &[AddrRange<PhysAddr>]) -> Self {
        let whole = |r: &AddrRange<PhysAddr>| {
            let start = r.start.raw().checked_next_multiple_of(PAGE)?;
            let len = (r.last().raw().checked_sub(start)?.checked_add(1)?) & !(PAGE - 1);
            AddrRange::new(PhysAddr::new(start), len)
        };
        let mut ram: Vec<_> = ram.iter().filter_map(whole).collect();
        ram.sort();
        Pages { ram, taken: BTreeMap::new(), searched: BTreeMap::new(), looked: 0, scattered: 0 }
    }

    /// Takes a given range, whole pages around it, for `owner`.
    pub fn take(&mut self, range: AddrRange<PhysAddr>, owner: &str) -> Result<(), NoPages> {
        let start = range.start.raw() & !(PAGE - 1);
        let len = (range.last().raw() | (PAGE - 1)) - start;
        let pages = len.checked_add(1).and_then(|len| AddrRange::new(PhysAddr::new(start), len));
        let pages = pages.ok_or(NoPages::NotRam(range))?;
        if !self.ram.iter().any(|r| r.contains_range(&pages)) {
            return Err(NoPages::NotRam(range));
        }
        match self.insert(pages.start.raw(), pages.last().raw(), &Arc::from(owner)) {
            true => Ok(()),
            false => Err(NoPages::InUse(range)),
        }
    }

    /// Takes `start` to `last`, unless some of it is taken.
    fn insert(&mut self, start: u64, last: u64, owner: &Arc<str>) -> bool {
        let before = self.taken.range(..=last).next_back();
        if before.is_some_and(|(_, (end, _))| *end >= start) {
            return false;
        }
        self.taken.insert(start, (last, owner.clone()));
        true
    }

    /// The lowest run of `bytes` in `zone`, aligned to `align` bytes (a power of two, at least a page).
    pub fn alloc(&mut self, bytes: u64, align: u64, zone: Zone, owner: &str) -> Result<PhysAddr, NoPages> {
        let full = NoPages::Full { bytes, from: zone.from, to: zone.to };
        let align = align.max(PAGE).checked_next_power_of_two().ok_or(full)?;
        let len = bytes.max(1).checked_next_multiple_of(PAGE).ok_or(full)?;
        let kind = (len, align, zone.from);
        let from = zone.from.max(PAGE).max(self.searched.get(&kind).copied().unwrap_or(0));
        for ram in self.ram.clone() {
            // Page 0 is never given: an address of 0 means "none" to too many readers.
            let Some(mut at) = ram.start.raw().max(from).checked_next_multiple_of(align) else { continue };
            // Bounded: each turn passes a run that is taken, and is counted.
            while at <= ram.last().raw() {
                let Some(last) = at.checked_add(len - 1).filter(|l| *l <= ram.last().raw().min(zone.to))
                else {
                    break;
                };
                self.looked += 1;
                match self.taken.range(..=last).next_back() {
                    Some((_, (end, _))) if *end >= at => {
                        // Go on behind what is in the way.
                        let next = end.checked_add(1).and_then(|n| n.checked_next_multiple_of(align));
                        let Some(next) = next else { break };
                        at = next;
                    }
                    _ => {
                        self.insert(at, last, &Arc::from(owner));
                        self.searched.insert(kind, at);
                        return Ok(PhysAddr::new(at));
                    }
                }
            }
        }
        Err(full)
    }

    /// `count` single pages from all over `zone`: no page follows the one before it.
    pub fn scatter(&mut self, count: u64, zone: Zone, owner: &str) -> Result<Vec<PhysAddr>, NoPages> {
        let full = NoPages::Full { bytes: count.saturating_mul(PAGE), from: zone.from, to: zone.to };
        let mut pages: Vec<PhysAddr> = Vec::new();
        // A walk over RAM in strides that share no factor with its size; nothing random.
        let whole: Vec<AddrRange<PhysAddr>> = self
            .ram
            .iter()
            .filter_map(|r| {
                let (start, last) = (r.start.raw().max(zone.from).max(PAGE), r.last().raw().min(zone.to));
                AddrRange::new(PhysAddr::new(start), last.checked_sub(start)?.saturating_add(1) & !(PAGE - 1))
            })
            .collect();
        let total: u64 = whole.iter().map(|r| r.len() / PAGE).sum();
        if total == 0 || count > total {
            return Err(full);
        }
        let owner: Arc<str> = Arc::from(owner);
        let page = |index: u64| {
            let mut left = index % total;
            for r in &whole {
                if left < r.len() / PAGE {
                    return r.start.raw() + left * PAGE;
                }
                left -= r.len() / PAGE;
            }
            0
        };
        // Close enough together to be read at a glance, far enough apart to be scattered.
        const STRIDES: [u64; 4] = [5, 3, 11, 7];
        let mut index = self.scattered.wrapping_mul(STRIDES[1]) + 0x40;
        let mut tries = 0;
        // Bounded: some tries for each page; callers draw what pages take.
        while (pages.len() as u64) < count && tries < count.saturating_mul(8).saturating_add(4096) {
            index = index.wrapping_add(STRIDES[pages.len() % STRIDES.len()]);
            tries += 1;
            let at = page(index);
            let follows = pages.last().is_some_and(|p| p.raw() + PAGE == at);
            if !follows && at != 0 && self.insert(at, at + (PAGE - 1), &owner) {
                pages.push(PhysAddr::new(at));
            }
        }
        self.looked += tries;
        // RAM that is nearly full: whatever is left.
        // Bounded: a page each turn.
        while (pages.len() as u64) < count {
            match self.alloc(PAGE, PAGE, zone, &owner) {
                Ok(at) => pages.push(at),
                Err(_) => {
                    pages.iter().for_each(|p| self.free(*p, PAGE));
                    return Err(full);
                }
            }
        }
        self.scattered = self.scattered.wrapping_add(count);
        Ok(pages)
    }

    /// Gives back what starts at `at`: the whole of what was taken there, or `bytes` of single pages.
    pub fn free(&mut self, at: PhysAddr, bytes: u64) {
        let last = at.raw().saturating_add(bytes.max(1) - 1) | (PAGE - 1);
        let inside = self.taken.range(at.raw()..=last).filter(|(_, (end, _))| *end <= last);
        let gone: Vec<u64> = inside.map(|(start, _)| *start).collect();
        gone.iter().for_each(|start| {
            self.taken.remove(start);
        });
        self.looked += self.searched.len() as u64;
        self.searched.values_mut().for_each(|from| *from = (*from).min(at.raw()));
    }

    /// Returns how many runs searches have passed since this was last asked, to be drawn from a budget.
    pub fn take_looked(&mut self) -> u64 {
        core::mem::take(&mut self.looked)
    }

    /// Who holds the page at `at`.
    pub fn owner(&self, at: PhysAddr) -> Option<&str> {
        let (_, (last, owner)) = self.taken.range(..=at.raw()).next_back()?;
        (*last >= at.raw()).then_some(&**owner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn range(at: u64, len: u64) -> AddrRange<PhysAddr> {
        AddrRange::new(PhysAddr::new(at), len).unwrap()
    }
    fn pages() -> Pages {
        Pages::new(&[range(0, 0xa_0000), range(0x10_0000, 1 << 24), range(1 << 32, 1 << 24)])
    }

    #[test]
    fn zones_holes_and_alignment_are_kept() {
        let mut p = pages();
        assert_eq!(p.alloc(0xa_0000, 1, Zone::ANY, "a").unwrap().raw(), 0x10_0000, "page 0 is not given");
        assert_eq!(p.alloc(1, 1, Zone::HIGH, "b").unwrap().raw(), 1 << 32);
        assert_eq!(p.alloc(1 << 21, 1 << 21, Zone::LOW, "c").unwrap().raw(), 0x20_0000);
        assert_eq!(p.take(range(0x9_f000, 0x2000), "d"), Err(NoPages::NotRam(range(0x9_f000, 0x2000))));
        assert_eq!(p.take(range(0x20_1000, 1), "d"), Err(NoPages::InUse(range(0x20_1000, 1))));
        assert_eq!(p.owner(PhysAddr::new(0x20_1234)), Some("c"));
        p.free(PhysAddr::new(0x20_0000), 1 << 21);
        p.take(range(0x20_1000, 1), "d").unwrap();
    }

    proptest! {
        #[test]
        fn nothing_is_given_twice(ops in proptest::collection::vec((1u64..40_000, 0u8..4, any::<u8>()), 1..60)) {
            let mut p = pages();
            let mut live: Vec<(u64, u64)> = Vec::new();
            for (bytes, op, which) in ops {
                let got: Vec<(u64, u64)> = match op {
                    0 if !live.is_empty() => {
                        let (at, len) = live.swap_remove(which as usize % live.len());
                        p.free(PhysAddr::new(at), len);
                        continue;
                    }
                    1 => {
                        let pages = p.scatter(bytes.div_ceil(PAGE), Zone::ANY, "s").unwrap();
                        prop_assert!(pages.windows(2).all(|w| w[0].raw() + PAGE != w[1].raw()));
                        pages.iter().map(|p| (p.raw(), PAGE)).collect()
                    }
                    _ => p.alloc(bytes, 1, Zone::ANY, "c").map(|at| (at.raw(), bytes.next_multiple_of(PAGE))).into_iter().collect(),
                };
                for (at, len) in got {
                    prop_assert!(live.iter().all(|(o, n)| at + len <= *o || o + n <= at));
                    live.push((at, len));
                }
            }
        }
    }
}
