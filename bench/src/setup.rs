//! The same mappings and the same addresses for every contender.

use iommu_core::addr::{AddrRange, AnyAddr, PageSize, PhysAddr, Space};
use iommu_core::memory::Memory;
use iommu_core::paging::builder::{Build, Builder, Mapping};
use iommu_core::paging::walk::Walker;
use iommu_core::paging::x86::X86;
use iommu_core::paging::FrameAlloc;
use iommu_core::trace::{Actor, Off, Perms, Stage};
use std::hint::black_box;

/// The format that floors and others walk too: four levels, no accessed and dirty bits to write.
pub const FORMAT: X86 = X86 { accessed_dirty: false, ..X86::kernel(4) };

/// A mapping that fits the processor's caches with its tables, and one that does not.
pub const HOT: u64 = 256 << 20;
pub const COLD: u64 = 16 << 30;
/// How many addresses one run translates.
pub const ADDRESSES: u64 = 4096;
/// Where tables are.
pub const TABLES: u64 = 0x10_0000;
/// Who walks.
pub const HOW: Walker = Walker { actor: Actor::Mmu, stage: Stage::Cpu };

/// Maps `len` bytes from 0, to `to`, in pages of 4 KiB; gives the memory, the root and the end of the tables.
pub fn mapped<F: Build>(format: &F, to: u64, len: u64) -> (Memory, u64, u64) {
    let mut memory = Memory::new();
    memory.set_max_frames(1 << 20);
    let (root, end) = map_into(&mut memory, format, TABLES, to, len);
    (memory, root, end)
}

/// The same, into memory that is there, with tables from `tables` on.
pub fn map_into<F: Build>(memory: &mut Memory, format: &F, tables: u64, to: u64, len: u64) -> (u64, u64) {
    let range = AddrRange::new(PhysAddr::new(tables), 1 << 32).expect("a range");
    let mut frames = FrameAlloc::new(range);
    let root = frames.frames(4, 4).expect("a root").raw();
    let mut builder = builder(format, &mut frames);
    builder.map(memory, root, mapping(to, len), &mut Off).expect("mapped");
    (root, tables + frames.used())
}

/// `len` bytes from 0, to `to`, in pages of 4 KiB.
pub fn mapping(to: u64, len: u64) -> Mapping {
    Mapping { from: 0, to, len, size: PageSize::SIZE_4K, perms: Perms::RWX, user: true }
}

/// A builder over physical memory.
pub fn builder<'a, F>(
    format: &'a F,
    frames: &'a mut FrameAlloc,
) -> Builder<'a, F, impl Fn(u64) -> Option<PhysAddr>> {
    Builder { format, frames, place: |at| Some(PhysAddr::new(at)), actor: Actor::Os }
}

/// The tables as one flat array, from address 0.
pub fn flat(memory: &Memory, end: u64) -> Vec<u64> {
    (0..end / 8).map(|i| memory.peek_u64(PhysAddr::new(i * 8))).collect()
}

/// Addresses below `len` (a power of two), in no order, the same every time.
pub fn scattered(len: u64) -> Vec<u64> {
    let one = |i: u64| i.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 16 & (len - 1);
    (0..ADDRESSES).map(one).collect()
}

/// Translates scattered addresses one after another, each made to depend on the result before, so that latency is
/// measured and not how well a loop overlaps.
pub fn chain(len: u64, mut one: impl FnMut(u64) -> u64) -> impl FnMut() -> u64 {
    let addresses = scattered(len);
    move || {
        let mut last = 0;
        for &at in &addresses {
            // Bits of the last result that are always zero keep the address and still make it wait; the black box
            // keeps the compiler from knowing that they are.
            last = black_box(one(black_box(at ^ (last >> 60)) & (len - 1)));
        }
        last
    }
}

/// A virtual address.
pub fn va(raw: u64) -> AnyAddr {
    AnyAddr { space: Space::Virtual, raw }
}
