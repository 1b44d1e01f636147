//! SWIOTLB: a pool of bounce buffers that every device can reach, for buffers that a device cannot
//! (Linux kernel/dma/swiotlb.c).
//!
//! Slots of 2 KiB; a buffer lies in neighbouring slots and crosses no run of 128, so 256 KiB is the most. The
//! search goes on where the last one ended. From a page up, buffers are page-aligned.

use crate::addr::{AddrRange, Address, PhysAddr};
use alloc::{vec, vec::Vec};
use core::fmt;

/// Bytes of a slot.
pub const SLOT: u64 = 2048;
/// Slots that a buffer may not cross.
pub const SEGMENT: usize = 128;

/// The pool has no room.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Full {
    /// Bytes requested.
    pub bytes: u64,
    /// Slots of the pool.
    pub total: usize,
    /// Slots in use.
    pub used: usize,
}

impl fmt::Display for Full {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Full { bytes, total, used } = self;
        write!(f, "swiotlb buffer is full (sz: {bytes} bytes), total {total} (slots), used {used} (slots)")
    }
}

/// The pool.
#[derive(Clone, Debug)]
pub struct Swiotlb {
    start: PhysAddr,
    used: Vec<bool>,
    next: usize,
    /// Every mapping bounces, even where the device could reach the buffer (`swiotlb=force`).
    pub force: bool,
}

impl Swiotlb {
    /// A pool of `bytes` (whole slots count) at `start`.
    pub fn new(start: PhysAddr, bytes: u64, force: bool) -> Self {
        Swiotlb { start, used: vec![false; (bytes / SLOT).min(1 << 20) as usize], next: 0, force }
    }

    /// Where it is; `None` when it has no slot.
    pub fn range(&self) -> Option<AddrRange<PhysAddr>> {
        AddrRange::new(self.start, self.used.len() as u64 * SLOT)
    }
    /// Slots of the pool, and how many are in use.
    pub fn slots(&self) -> (usize, usize) {
        (self.used.len(), self.used.iter().filter(|u| **u).count())
    }
    /// Does a bounce buffer lie there?
    pub fn contains(&self, at: PhysAddr) -> bool {
        self.range().is_some_and(|r| r.contains(at))
    }

    /// Takes slots for `bytes`: the address of the first byte, whose bits of `align` are those of `offset`.
    pub fn alloc(&mut self, bytes: u64, offset: u64, align: u64) -> Result<PhysAddr, Full> {
        // Bits below a slot are an offset in the first one, bits above choose it.
        let inside = offset & align & (SLOT - 1);
        let above = align & !(SLOT - 1);
        let count = (bytes.saturating_add(inside)).div_ceil(SLOT).max(1);
        let (total, used) = self.slots();
        let full = Full { bytes, total, used };
        if count > SEGMENT as u64 || count > total as u64 {
            return Err(full);
        }
        let count = count as usize;
        // From a page up, buffers are page-aligned where nobody says otherwise.
        let (above, want) = if bytes >= 4096 && above == 0 { (4095, 0) } else { (above, offset & above) };
        let aligned = |slot: usize| self.address(slot).raw() & above == want;
        let fits = |slot: usize| {
            let end = slot + count;
            end <= total
                && slot / SEGMENT == (end - 1) / SEGMENT
                && aligned(slot)
                && self.used[slot..end].iter().all(|u| !u)
        };
        let place = (self.next..total).chain(0..self.next.min(total)).find(|slot| fits(*slot)).ok_or(full)?;
        self.used[place..place + count].fill(true);
        self.next = (place + count) % total;
        Ok(self.address(place).wrapping_add(inside))
    }

    fn address(&self, slot: usize) -> PhysAddr {
        self.start.wrapping_add(slot as u64 * SLOT)
    }

    /// Gives the slots of `bytes` at `at` back.
    pub fn free(&mut self, at: PhysAddr, bytes: u64) {
        let offset = at.raw().wrapping_sub(self.start.raw());
        let slot = (offset / SLOT) as usize;
        let count = (bytes + offset % SLOT).div_ceil(SLOT).max(1) as usize;
        let end = slot.saturating_add(count).min(self.used.len());
        if slot < end {
            self.used[slot..end].fill(false);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_slot_keeps_the_low_bits_that_a_driver_asks_for() {
        let mut s = Swiotlb::new(PhysAddr::new(0x100_0000), 64 * SLOT, false);
        assert_eq!(s.alloc(512, 0xe34, 0), Ok(PhysAddr::new(0x100_0000)), "nobody asks");
        let at = s.alloc(0x2000, 0x1e34, 0xfff).unwrap();
        assert_eq!(at.raw() & 0xfff, 0xe34);
        assert_eq!(s.slots().1, 1 + 5, "the offset in the first slot counts");
        s.free(at, 0x2000);
        assert_eq!(s.slots().1, 1);
    }

    #[test]
    fn a_full_pool_says_so_as_the_kernel_does() {
        let mut s = Swiotlb::new(PhysAddr::new(0x100_0000), 16 * SLOT, false);
        for i in 0..4 {
            assert_eq!(s.alloc(8192, 0, 0), Ok(PhysAddr::new(0x100_0000 + i * 8192)));
        }
        let e = s.alloc(100, 0, 0).unwrap_err();
        assert_eq!(
            e.to_string(),
            "swiotlb buffer is full (sz: 100 bytes), total 16 (slots), used 16 (slots)"
        );
        s.free(PhysAddr::new(0x100_2000), 8192);
        assert_eq!(s.alloc(100, 0, 0), Ok(PhysAddr::new(0x100_2000)));
        assert_eq!(s.alloc(4096, 0, 0), Ok(PhysAddr::new(0x100_3000)), "a page is page-aligned");
        assert!(s.alloc(300 << 10, 0, 0).is_err());
    }

    proptest! {
        #[test]
        fn buffers_never_overlap(ops in proptest::collection::vec((1u64..300_000, any::<bool>(), any::<u8>()), 1..80)) {
            let mut s = Swiotlb::new(PhysAddr::new(0x80_0000), 1 << 20, false);
            let mut live: Vec<(u64, u64)> = Vec::new();
            for (bytes, free, which) in ops {
                if free && !live.is_empty() {
                    let (at, bytes) = live.swap_remove(which as usize % live.len());
                    s.free(PhysAddr::new(at), bytes);
                } else if let Ok(at) = s.alloc(bytes, 0, 0) {
                    let at = at.raw();
                    prop_assert!(at % SLOT == 0 && at >= 0x80_0000 && at + bytes <= 0x90_0000);
                    prop_assert!(live.iter().all(|(o, n)| at + bytes <= *o || o + n <= at));
                    live.push((at, bytes));
                }
            }
            for (at, bytes) in live {
                s.free(PhysAddr::new(at), bytes);
            }
            prop_assert_eq!(s.slots().1, 0);
        }
    }
}
