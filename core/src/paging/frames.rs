//! Frames for page tables.

use crate::addr::{AddrRange, PhysAddr};
use alloc::vec::Vec;

/// Gives zeroed 4 KiB frames for tables, one after another, out of a range of the space tables live in.
#[derive(Clone, Debug)]
pub struct FrameAlloc {
    range: AddrRange<PhysAddr>,
    next: u64,
    freed: Vec<u64>,
}

impl FrameAlloc {
    /// Frames out of `range`.
    pub fn new(range: AddrRange<PhysAddr>) -> Self {
        let next = range.start.raw().checked_next_multiple_of(4096).unwrap_or(u64::MAX);
        FrameAlloc { range, next, freed: Vec::new() }
    }
    /// Returns one frame, or `None` when the range is used up.
    pub fn frame(&mut self) -> Option<PhysAddr> {
        match self.freed.pop() {
            Some(frame) => Some(PhysAddr::new(frame)),
            None => self.frames(1, 1),
        }
    }
    /// Returns `count` neighbouring frames, the first one aligned to `align` frames.
    pub fn frames(&mut self, count: u64, align: u64) -> Option<PhysAddr> {
        let align = align.checked_next_power_of_two()?.checked_mul(4096)?;
        let start = self.next.checked_next_multiple_of(align)?;
        let bytes = count.checked_mul(4096)?;
        if !self.range.contains_bytes(PhysAddr::new(start), bytes) {
            return None;
        }
        self.next = start.checked_add(bytes)?;
        Some(PhysAddr::new(start))
    }
    /// Takes a frame back, to be given again; its words must be zero again.
    pub fn free(&mut self, frame: PhysAddr) {
        self.freed.push(frame.raw());
    }
    /// Returns the frames given so far lie in this many bytes from the start of the range.
    pub fn used(&self) -> u64 {
        self.next - self.range.start.raw()
    }
}
