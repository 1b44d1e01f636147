//! Shared set-up of the benches: the same mappings for every contender.

use iommu_core::addr::{AddrRange, AnyAddr, PageSize, PhysAddr, Space};
use iommu_core::memory::Memory;
use iommu_core::paging::builder::{Build, Builder, FrameAlloc, Mapping};
use iommu_core::paging::walk::Walker;
use iommu_core::trace::{Actor, Off, Perms, Stage};

/// Where tables are.
pub const TABLES: u64 = 0x10_0000;
/// Who walks.
pub const HOW: Walker = Walker { actor: Actor::Mmu, stage: Stage::Cpu };

/// Maps `len` bytes from 0, to `to`, in pages of `size`; gives the memory, the root and the end of the tables.
pub fn mapped<F: Build>(format: &F, to: u64, len: u64, size: PageSize) -> (Memory, u64, u64) {
    let mut memory = Memory::new();
    memory.set_max_frames(1 << 20);
    let (root, end) = map_into(&mut memory, format, TABLES, to, len, size);
    (memory, root, end)
}

/// The same, into memory that is there, with tables from `tables` on.
pub fn map_into<F: Build>(
    memory: &mut Memory,
    format: &F,
    tables: u64,
    to: u64,
    len: u64,
    size: PageSize,
) -> (u64, u64) {
    let range = AddrRange::new(PhysAddr::new(tables), 1 << 32).expect("a range");
    let mut frames = FrameAlloc::new(range);
    let root = frames.frames(4, 4).expect("a root").raw();
    let mut builder =
        Builder { format, frames: &mut frames, place: |at| Some(PhysAddr::new(at)), actor: Actor::Os };
    let mapping = Mapping { from: 0, to, len, size, perms: Perms::RWX, user: true };
    builder.map(memory, root, mapping, &mut Off).expect("mapped");
    let end = tables + frames.used();
    (root, end)
}

/// `count` addresses below `len` (a power of two), in no order, the same every time.
pub fn scattered(len: u64, count: u64) -> Vec<u64> {
    (0..count).map(|i| i.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 16 & (len - 1)).collect()
}

/// A virtual address.
pub fn va(raw: u64) -> AnyAddr {
    AnyAddr { space: Space::Virtual, raw }
}
