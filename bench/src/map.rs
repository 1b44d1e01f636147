//! Mapping and unmapping up to a million pages of 4 KiB.

use crate::setup::FORMAT;
use crate::setup::{builder, mapping, TABLES};
use crate::Kernel;
use iommu_core::addr::{AddrRange, PhysAddr};
use iommu_core::memory::Memory;
use iommu_core::paging::FrameAlloc;
use iommu_core::trace::Off;

pub fn add(all: &mut Vec<Kernel>) {
    for pages in [1 << 10, 1 << 15, 1 << 20_u64] {
        let map_and_unmap = move || {
            move || {
                let mut memory = Memory::new();
                memory.set_max_frames(1 << 20);
                let range = AddrRange::new(PhysAddr::new(TABLES), 1 << 32).expect("a range");
                let mut frames = FrameAlloc::new(range);
                let root = frames.frame().expect("a root").raw();
                let mut builder = builder(&FORMAT, &mut frames);
                builder.map(&mut memory, root, mapping(1 << 33, pages << 12), &mut Off).expect("mapped");
                builder.unmap(&mut memory, root, 0, pages << 12, &mut Off).expect("unmapped");
                u64::from(memory.frame_count())
            }
        };
        let kernel = Kernel::new(format!("map/map and unmap a page, of {pages}"), pages, map_and_unmap);
        all.push(kernel.beside("map/map and unmap a page, of 1024"));
    }
}
