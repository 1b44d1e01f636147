//! Where the operating system puts things in RAM: its tables, its buffers.

use crate::addr::{AddrRange, PhysAddr};
use crate::os::pages::Pages;
use crate::paging::FrameAlloc;
use alloc::vec::Vec;

/// How RAM is divided: page tables and the IOMMU's structures out of the first part, buffers after.
pub fn divide(rams: &[AddrRange<PhysAddr>]) -> (FrameAlloc, Pages) {
    let Some(ram) = rams.first().copied() else {
        // Without RAM nothing can be allocated: a supply too small for one frame.
        let end = AddrRange::new(PhysAddr::new(u64::MAX), 1).unwrap_or(AddrRange::whole());
        return (FrameAlloc::new(end), Pages::new(&[]));
    };
    // From 16 MiB on where there is room, as kernels avoid the first megabytes; else from the start.
    let skip = if ram.len() >= 256 << 20 { 16 << 20 } else { 0 };
    let start = (ram.start.raw() + skip).next_multiple_of(4096);
    let room = ram.last().raw().saturating_sub(start).saturating_add(1);
    let tables = (room / 8).clamp(4096, 128 << 20) & !0xfff;
    let table_range = AddrRange::new(PhysAddr::new(start), tables.max(1)).unwrap_or(ram);
    let mut spans = Vec::new();
    spans.extend(AddrRange::new(PhysAddr::new(start + tables), room.saturating_sub(tables)));
    spans.extend(rams.iter().skip(1).copied());
    (FrameAlloc::new(table_range), Pages::new(&spans))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::os::pages::Zone;

    fn ram(start: u64, len: u64) -> AddrRange<PhysAddr> {
        AddrRange::new(PhysAddr::new(start), len).unwrap()
    }

    #[test]
    fn tiny_or_no_ram_gives_nothing_and_no_panic() {
        let (mut frames, mut pages) = divide(&[]);
        assert!(frames.frame().is_none() && pages.alloc(1, 1, Zone::ANY, "x").is_err());
        let (mut frames, _) = divide(&[ram(0, 4096)]);
        let _ = (frames.frame(), frames.frame());
    }
}
