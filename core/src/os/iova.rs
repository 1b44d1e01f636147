//! The IOVA allocator, as Linux has it (drivers/iommu/iova.c, and `iommu_dma_alloc_iova` in dma-iommu.c).
//!
//! * From the top of the range downwards, so that addresses start with 0xffff_f000 and fall.
//! * Below 4 GiB first for a PCI device, also when its mask allows more; above only when that is full.
//! * A range is aligned to its own size, rounded up to a power of two.
//! * Small ranges that were freed are kept by size and given again first (the "rcache").
//! * What must never be given (the interrupt range, bridge windows) is reserved beforehand.

use crate::addr::{AddrRange, Iova};
use alloc::{collections::BTreeMap, vec::Vec};
use core::cell::Cell;
use core::fmt;

const SHIFT: u32 = 12;
/// Ranges of fewer than 2^5 pages are rounded up to a power of two and kept when freed.
const CACHED_ORDERS: usize = 6;
/// How many freed ranges of one size are kept: two magazines of 127.
const KEPT: usize = 254;

/// Why no range was given.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct NoIova {
    /// The pages requested, as rounded.
    pub pages: u64,
    /// The last address allowed.
    pub limit: u64,
}

impl fmt::Display for NoIova {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "no IOVA range of {} pages is free up to {:#x}", self.pages, self.limit)
    }
}

/// The IOVA space of one domain, in pages of 4 KiB.
#[derive(Clone, Debug)]
pub struct IovaSpace {
    /// What is taken: first page to last page.
    taken: BTreeMap<u64, u64>,
    /// Where the last search below 4 GiB, and above, ended: the next one goes on from there.
    cached32: Option<u64>,
    cached: Option<u64>,
    kept: [Vec<u64>; CACHED_ORDERS],
    /// Ranges that searches have passed since somebody asked.
    looked: Cell<u64>,
    /// The last page of the aperture.
    last: u64,
    /// Below 4 GiB first.
    low_first: bool,
}

const LAST_32: u64 = u32::MAX as u64 >> SHIFT;

impl IovaSpace {
    /// The space of `bits` address bits. Page 0 is never given.
    pub fn new(bits: u8) -> Self {
        let last = if bits >= 64 { u64::MAX >> SHIFT } else { ((1u64 << bits.max(13)) - 1) >> SHIFT };
        IovaSpace {
            taken: BTreeMap::new(),
            cached32: None,
            cached: None,
            kept: Default::default(),
            looked: Cell::default(),
            last,
            low_first: true,
        }
    }

    /// Takes a range out for good, merged with what is reserved beside it.
    pub fn reserve(&mut self, range: AddrRange<Iova>) {
        let (mut lo, mut hi) = (range.start.raw() >> SHIFT, range.last().raw() >> SHIFT);
        let touching: Vec<(u64, u64)> =
            self.taken.iter().filter(|(l, h)| **l <= hi && lo <= **h).map(|(l, h)| (*l, *h)).collect();
        for (l, h) in touching {
            (lo, hi) = (lo.min(l), hi.max(h));
            self.taken.remove(&l);
        }
        self.taken.insert(lo, hi);
    }

    /// A range for `bytes`, all of it at or below `mask`.
    pub fn alloc(&mut self, bytes: u64, mask: u64) -> Result<Iova, NoIova> {
        let pages = bytes.div_ceil(1 << SHIFT).max(1);
        let limit = (mask >> SHIFT).min(self.last);
        if limit > LAST_32 && self.low_first {
            match self.alloc_pages(pages, LAST_32) {
                Some(page) => return Ok(Iova::new(page << SHIFT)),
                // From now on the device uses all of its bits: Linux says "Using 64-bit DMA addresses".
                None => self.low_first = false,
            }
        }
        let rounded = round(pages);
        self.alloc_pages(pages, limit)
            .map(|page| Iova::new(page << SHIFT))
            .ok_or(NoIova { pages: rounded, limit: mask })
    }

    /// Has the space below 4 GiB run out once?
    pub fn went_high(&self) -> bool {
        !self.low_first
    }

    fn alloc_pages(&mut self, pages: u64, limit: u64) -> Option<u64> {
        let pages = round(pages);
        if let Some(kept) = self.kept.get_mut(order(pages)) {
            // The most recent one that lies low enough, looking at the newest only, as a magazine does.
            if pages.is_power_of_two() && kept.last().is_some_and(|p| p + pages - 1 <= limit) {
                return kept.pop();
            }
        }
        self.search(pages, limit).or_else(|| {
            // Give the kept ones back and look again.
            for (order, kept) in core::mem::take(&mut self.kept).into_iter().enumerate() {
                kept.into_iter().for_each(|page| self.release(page, 1 << order));
            }
            self.search(pages, limit)
        })
    }

    /// From the cached place downwards; once more from the top when that fails.
    fn search(&mut self, pages: u64, limit: u64) -> Option<u64> {
        let low = limit <= LAST_32;
        let start = if low { self.cached32 } else { self.cached };
        let found = start
            .and_then(|start| self.fit(pages, limit.min(start.wrapping_sub(1)), start > 0))
            .or_else(|| self.fit(pages, limit, true))?;
        self.taken.insert(found, found + pages - 1);
        if found + pages - 1 <= LAST_32 {
            self.cached32 = Some(found);
        } else {
            self.cached = Some(found);
        }
        Some(found)
    }

    /// The highest free place of `pages`, aligned to their size, that ends at or below `limit`.
    fn fit(&self, pages: u64, limit: u64, any: bool) -> Option<u64> {
        if !any {
            return None;
        }
        let align = !(pages.next_power_of_two() - 1);
        let mut high = limit.checked_add(1)?;
        let mut below = self.taken.range(..high).rev();
        // Bounded: each turn passes a range that is taken, and is counted.
        loop {
            self.looked.set(self.looked.get() + 1);
            let place = high.checked_sub(pages)? & align;
            if place == 0 {
                return None;
            }
            match below.next() {
                Some((lo, hi)) if place <= *hi => high = high.min(*lo),
                _ => return Some(place),
            }
        }
    }

    /// Returns how many ranges searches have passed since this was last asked, to be drawn from a budget.
    pub fn take_looked(&self) -> u64 {
        self.looked.take()
    }

    /// Gives a range back; `bytes` as it was asked for.
    pub fn free(&mut self, at: Iova, bytes: u64) {
        let page = at.raw() >> SHIFT;
        let pages = round(bytes.div_ceil(1 << SHIFT).max(1));
        if let Some(kept) = self.kept.get_mut(order(pages)).filter(|_| pages.is_power_of_two()) {
            if kept.len() < KEPT && !kept.contains(&page) && self.taken.contains_key(&page) {
                kept.push(page);
                return;
            }
        }
        self.release(page, pages);
    }

    fn release(&mut self, page: u64, pages: u64) {
        // Only what was given, whole.
        if self.taken.get(&page) != Some(&(page + pages - 1)) {
            return;
        }
        self.taken.remove(&page);
        let next = self.taken.range(page..).next().map(|(lo, _)| *lo);
        if page + pages - 1 <= LAST_32 && self.cached32.is_some_and(|c| page >= c) {
            self.cached32 = next.filter(|n| *n <= LAST_32);
        }
        if self.cached.is_some_and(|c| page >= c) {
            self.cached = next;
        }
    }

    /// What is taken or reserved (kept ranges too), for views: first page to last page.
    pub fn taken(&self) -> impl Iterator<Item = (Iova, Iova)> + '_ {
        self.taken.iter().map(|(lo, hi)| (Iova::new(lo << SHIFT), Iova::new(hi << SHIFT | 0xfff)))
    }
}

fn order(pages: u64) -> usize {
    pages.next_power_of_two().trailing_zeros() as usize
}

fn round(pages: u64) -> u64 {
    if pages < 1 << (CACHED_ORDERS - 1) {
        pages.next_power_of_two()
    } else {
        pages
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const MASK64: u64 = u64::MAX;

    #[test]
    fn addresses_fall_from_the_top_of_4_gib() {
        let mut s = IovaSpace::new(48);
        assert_eq!(s.alloc(4096, MASK64).unwrap().raw(), 0xffff_f000);
        assert_eq!(s.alloc(100, MASK64).unwrap().raw(), 0xffff_e000);
        assert_eq!(s.alloc(0x3000, MASK64).unwrap().raw(), 0xffff_8000, "aligned to 4 pages");
        assert_eq!(s.alloc(4096, MASK64).unwrap().raw(), 0xffff_7000);
        s.free(Iova::new(0xffff_e000), 100);
        assert_eq!(s.alloc(4096, MASK64).unwrap().raw(), 0xffff_e000, "the last one freed comes back");
    }

    #[test]
    fn reserved_ranges_are_stepped_over_and_the_mask_is_kept() {
        let mut s = IovaSpace::new(48);
        s.reserve(AddrRange::new(Iova::new(0xfee0_0000), 0x10_0000).unwrap());
        s.reserve(AddrRange::new(Iova::new(0xfef0_0000), 0x110_0000).unwrap());
        assert_eq!(s.alloc(4096, MASK64).unwrap().raw(), 0xfedf_f000);
        assert_eq!(s.alloc(4096, (1 << 24) - 1).unwrap().raw(), 0xff_f000);
    }

    #[test]
    fn above_4_gib_only_when_below_is_full() {
        let mut s = IovaSpace::new(48);
        let mut low = 0;
        loop {
            let at = s.alloc(1 << 30, MASK64).unwrap();
            if at.raw() >> 32 != 0 {
                assert_eq!(at.raw(), (1 << 48) - (1 << 30));
                break;
            }
            low += 1;
        }
        assert_eq!((low, s.went_high()), (3, true), "page 0 keeps the lowest GiB from being given");
        assert_eq!(s.alloc(1 << 30, u32::MAX.into()), Err(NoIova { pages: 1 << 18, limit: u32::MAX.into() }));
    }

    proptest! {
        /// Never overlapping, always aligned and below the mask; all comes back.
        #[test]
        fn ranges_never_overlap(ops in proptest::collection::vec((1u64..600_000, 20u32..40, any::<bool>(), any::<u8>()), 1..120)) {
            let mut s = IovaSpace::new(39);
            let reserved = AddrRange::new(Iova::new(0xfee0_0000), 1 << 20).unwrap();
            s.reserve(reserved);
            let mut live: Vec<(u64, u64)> = Vec::new();
            for (bytes, bits, free, which) in ops {
                if free && !live.is_empty() {
                    let (at, bytes) = live.swap_remove(which as usize % live.len());
                    s.free(Iova::new(at), bytes);
                } else if let Ok(at) = s.alloc(bytes, (1 << bits) - 1) {
                    let at = at.raw();
                    let size = bytes.div_ceil(4096) * 4096;
                    prop_assert!(at != 0 && at + size <= 1 << bits.min(39));
                    prop_assert_eq!(at % size.next_power_of_two(), 0);
                    prop_assert!(at + size <= reserved.start.raw() || at > reserved.last().raw());
                    for (other, len) in &live {
                        prop_assert!(at + size <= *other || other + len.div_ceil(4096) * 4096 <= at);
                    }
                    live.push((at, bytes));
                }
            }
        }
    }
}
