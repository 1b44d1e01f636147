//! What a user would pick instead, doing the same.

use crate::cache::SIZES;
use crate::setup::FORMAT;
use crate::setup::{chain, flat, mapped, scattered, ADDRESSES, HOT};
use crate::Kernel;
use std::hint::black_box;

pub fn add(all: &mut Vec<Kernel>) {
    const FLOOR: &str = "walk/floor: by hand, all checks, flat memory";
    all.push(Kernel::new("walk/crate x86_64: translate_addr (few checks)", ADDRESSES, x86_64).beside(FLOOR));
    all.push(Kernel::new("walk/crate aarch64-paging: walk_range", ADDRESSES, aarch64).beside(FLOOR));
    for size in SIZES {
        let name = format!("iotlb/crate vm-memory: Iotlb::lookup, hit/{size}");
        all.push(Kernel::new(name, ADDRESSES, move || vm_memory(size)).beside(&format!("iotlb/hit/{size}")));
    }
}

/// `x86_64`'s mapper over the same tables, copied to real memory so that its pointers work.
fn x86_64() -> impl FnMut() -> u64 {
    use x86_64::structures::paging::{mapper::Translate, OffsetPageTable, PageTable};
    let (memory, root, end) = mapped(&FORMAT, 1 << 33, HOT);
    let words = flat(&memory, end);
    // Page tables must be aligned to 4 KiB. They are never freed: the mapper borrows them for ever.
    let layout = std::alloc::Layout::from_size_align(end as usize, 4096).expect("a layout");
    // SAFETY: the layout has a size; the copy stays inside; the root is a table of the copy, which nobody else has.
    let table = unsafe {
        let base = std::alloc::alloc_zeroed(layout);
        std::ptr::copy_nonoverlapping(words.as_ptr().cast::<u8>(), base, end as usize);
        let level_4 = &mut *base.add(root as usize).cast::<PageTable>();
        OffsetPageTable::new(level_4, x86_64::VirtAddr::new(base as u64))
    };
    chain(HOT, move |at| table.translate_addr(x86_64::VirtAddr::new(at)).map_or(0, |p| p.as_u64()))
}

/// `aarch64-paging` has no translate: a walk over the range of one byte is how one asks it.
fn aarch64() -> impl FnMut() -> u64 {
    use aarch64_paging::descriptor::{El1Attributes, PhysicalAddress};
    use aarch64_paging::linearmap::LinearMap;
    use aarch64_paging::paging::{Constraints, El1And0, MemoryRegion, VaRange};
    let mut map = LinearMap::with_asid(1, 0, 0, El1And0, VaRange::Lower);
    let flags = El1Attributes::VALID | El1Attributes::ACCESSED | El1Attributes::USER;
    map.map_range_with_constraints(
        &MemoryRegion::new(0, HOT as usize),
        flags,
        Constraints::NO_BLOCK_MAPPINGS,
    )
    .expect("mapped");
    chain(HOT, move |at| {
        let mut to = 0;
        let one = MemoryRegion::new(at as usize & !0xfff, (at as usize & !0xfff) + 0x1000);
        let walked = map.walk_range(&one, &mut |_, descriptor, level| {
            if level == 3 {
                let PhysicalAddress(page) = descriptor.output_address();
                to = page as u64 | at & 0xfff;
            }
            Ok(())
        });
        walked.map_or(0, |()| to)
    })
}

fn vm_memory(size: usize) -> impl FnMut() -> u64 {
    use vm_memory::{iommu::Iotlb, GuestAddress, Permissions};
    let mut iotlb = Iotlb::new();
    for page in 0..size as u64 {
        // Every other page, so that neighbours do not merge into one range.
        let at = GuestAddress(page << 13);
        iotlb.set_mapping(at, GuestAddress(page << 12), 4096, Permissions::ReadWrite).expect("mapped");
    }
    let order: Vec<u64> = scattered(1 << 20).into_iter().map(|i| (i % size as u64) << 13).collect();
    move || {
        let found =
            |at: &u64| Iotlb::lookup(&iotlb, GuestAddress(black_box(*at)), 8, Permissions::Read).is_ok();
        order.iter().filter(|at| found(at)).count() as u64
    }
}
