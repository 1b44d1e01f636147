//! Walks of 4 levels: ours, the floor (a bare loop over flat memory), and what others have.
//!
//! Every contender translates the same scattered addresses of the same mapping, each address made to depend on
//! the result before, so that latency is measured and not how well a loop overlaps.

use divan::{black_box, counter::ItemsCount, Bencher};
use iommu_bench::{map_into, mapped, scattered, va, HOW};
use iommu_core::addr::{PageSize, PhysAddr};
use iommu_core::memory::Memory;
use iommu_core::paging::{ept::Ept, walk, x86::X86, Direct, Nested, Want};
use iommu_core::trace::{Actor, Observer, Off, Perms, Stage, Trace};

fn main() {
    divan::main();
}

const FORMAT: X86 = X86 { accessed_dirty: false, ..X86::kernel(4) };
const HOT: u64 = 256 << 20;
const COLD: u64 = 16 << 30;
const MASK: u64 = 0x000f_ffff_ffff_f000;

/// The tables as one flat array, from address 0.
fn flat(memory: &Memory, end: u64) -> Vec<u64> {
    (0..end / 8).map(|i| memory.peek_u64(PhysAddr::new(i * 8))).collect()
}

/// The least that a walk can be: four loads, four tests of the present bit.
#[inline]
fn bare(words: &[u64], root: u64, at: u64) -> Option<u64> {
    let mut table = root;
    for shift in [39, 30, 21, 12] {
        let entry = *words.get(((table + (at >> shift & 511) * 8) >> 3) as usize)?;
        if entry & 1 == 0 {
            return None;
        }
        table = entry & MASK;
    }
    Some(table | at & 0xfff)
}

/// What our walker is held against: written by hand for this one format over one flat array, with every check that
/// the format asks for: canonical form, present, reserved bits by level, large pages, rights gathered on the way and
/// decided at the leaf.
#[inline]
fn floor(words: &[u64], root: u64, at: u64) -> Option<u64> {
    let above = MASK & !((1 << FORMAT.phys_bits) - 1);
    if (at << 16) as i64 >> 16 != at as i64 {
        return None;
    }
    let (mut table, mut rights) = (root, u64::MAX);
    for (level, reserved_large) in [(4u32, 0x80), (3, 0x3fff_e000), (2, 0x001f_e000), (1, 0)] {
        let shift = 3 + 9 * level;
        let entry = *words.get(((table + (at >> shift & 511) * 8) >> 3) as usize)?;
        let large = entry & 0x80 != 0;
        if entry & 1 == 0 || entry & (above | if large { reserved_large } else { 0 }) != 0 {
            return None;
        }
        rights &= entry;
        table = entry & MASK;
        if level == 1 || large {
            // A user read needs U/S in every entry.
            let mask = (1 << shift) - 1;
            return (rights & 4 != 0).then_some(table & !mask | at & mask);
        }
    }
    None
}

fn chain(bencher: Bencher, addresses: &[u64], len: u64, mut one: impl FnMut(u64) -> u64) {
    bencher.counter(ItemsCount::new(addresses.len())).bench_local(|| {
        let mut last = 0;
        for &at in addresses {
            // Bits of the last result that are always zero keep the address and still make it wait; the black
            // box keeps the compiler from knowing that they are.
            last = black_box(one(black_box(at ^ (last >> 60)) & (len - 1)));
        }
        last
    });
}

#[divan::bench(args = [HOT, COLD])]
fn bare_flat_memory(bencher: Bencher, len: u64) {
    let (memory, root, end) = mapped(&FORMAT, 1 << 33, len, PageSize::SIZE_4K);
    let words = flat(&memory, end);
    chain(bencher, &scattered(len, 4096), len, |at| bare(&words, root, at).unwrap_or(0));
}

#[divan::bench(args = [HOT, COLD])]
fn floor_flat_memory(bencher: Bencher, len: u64) {
    let (memory, root, end) = mapped(&FORMAT, 1 << 33, len, PageSize::SIZE_4K);
    let words = flat(&memory, end);
    chain(bencher, &scattered(len, 4096), len, |at| floor(&words, root, at).unwrap_or(0));
}

#[divan::bench(args = [HOT, COLD])]
fn walk_untraced(bencher: Bencher, len: u64) {
    let (mut memory, root, _) = mapped(&FORMAT, 1 << 33, len, PageSize::SIZE_4K);
    chain(bencher, &scattered(len, 4096), len, |at| {
        walk(&FORMAT, &mut Direct, &mut memory, HOW, root, va(at), Want::user(Perms::R), &mut Off)
            .map_or(0, |w| w.to)
    });
}

#[divan::bench(args = [HOT, COLD])]
fn walk_traced(bencher: Bencher, len: u64) {
    let (mut memory, root, _) = mapped(&FORMAT, 1 << 33, len, PageSize::SIZE_4K);
    let mut trace = Trace::new();
    chain(bencher, &scattered(len, 4096), len, |at| {
        trace.clear();
        walk(&FORMAT, &mut Direct, &mut memory, HOW, root, va(at), Want::user(Perms::R), &mut trace)
            .map_or(0, |w| w.to)
    });
}

/// Our nested walk's floor: the same walk by hand, each table's address and the result taken through the second
/// tables, every entry of both with all its checks.
#[inline]
fn nested_floor(words: &[u64], guest_root: u64, ept_root: u64, at: u64) -> Option<u64> {
    let mut table = guest_root;
    let above = MASK & !((1 << FORMAT.phys_bits) - 1);
    if (at << 16) as i64 >> 16 != at as i64 {
        return None;
    }
    let mut rights = u64::MAX;
    for (level, reserved_large) in [(4u32, 0x80), (3, 0x3fff_e000), (2, 0x001f_e000), (1, 0)] {
        let shift = 3 + 9 * level;
        let place = ept_floor(words, ept_root, table + (at >> shift & 511) * 8)?;
        let entry = *words.get((place >> 3) as usize)?;
        let large = entry & 0x80 != 0;
        if entry & 1 == 0 || entry & (above | if large { reserved_large } else { 0 }) != 0 {
            return None;
        }
        rights &= entry;
        table = entry & MASK;
        if level == 1 || large {
            let mask = (1 << shift) - 1;
            return if rights & 4 != 0 {
                ept_floor(words, ept_root, table & !mask | at & mask)
            } else {
                None
            };
        }
    }
    None
}

/// A read through EPT: rights in bits 2:0, misconfigured combinations, memory type and reserved bits.
#[inline]
fn ept_floor(words: &[u64], root: u64, at: u64) -> Option<u64> {
    let above = MASK & !((1 << FORMAT.phys_bits) - 1);
    let (mut table, mut rights) = (root, 7);
    for (level, reserved_large) in [(4u32, 0xf8), (3, 0x3fff_f000), (2, 0x001f_f000), (1, 0)] {
        let shift = 3 + 9 * level;
        let entry = *words.get(((table + (at >> shift & 511) * 8) >> 3) as usize)?;
        let leaf = level == 1 || entry & 0x80 != 0;
        let reserved = above | if leaf { reserved_large } else { 0xf8 };
        // Writable but not readable is a misconfiguration, and so are memory types 2, 3 and 7 of a leaf.
        let type_bad = leaf && 0b1000_1100 >> (entry >> 3 & 7) & 1 != 0;
        if entry & 7 == 0 || entry & 3 == 2 || entry & reserved != 0 || type_bad {
            return None;
        }
        rights &= entry;
        table = entry & MASK;
        if leaf {
            let mask = (1 << shift) - 1;
            return (rights & 1 != 0).then_some(table & !mask | at & mask);
        }
    }
    None
}

/// A guest's memory of [`HOT`] bytes, mapped one to one below a guest's own tables.
fn guest() -> (Memory, u64, u64) {
    let mut memory = Memory::new();
    memory.set_max_frames(1 << 20);
    // The guest's tables lie at 64 MiB, the host's at 1 GiB.
    let (guest_root, _) = map_into(&mut memory, &FORMAT, 64 << 20, 0, HOT, PageSize::SIZE_4K);
    let (ept_root, _) = map_into(&mut memory, &Ept::four_levels(), 1 << 30, 0, HOT, PageSize::SIZE_4K);
    (memory, guest_root, ept_root)
}

#[divan::bench]
fn nested_floor_flat_memory(bencher: Bencher) {
    let (memory, guest_root, ept_root) = guest();
    let words = flat(&memory, (1 << 30) + (2 << 20));
    chain(bencher, &scattered(HOT, 4096), HOT, |at| {
        nested_floor(&words, guest_root, ept_root, at).unwrap_or(0)
    });
}

fn nested<O: Observer>(bencher: Bencher, mut obs: O, clear: fn(&mut O)) {
    let host = Ept::four_levels();
    let (mut memory, guest_root, ept_root) = guest();
    let root = PhysAddr::new(ept_root);
    chain(bencher, &scattered(HOT, 4096), HOT, |at| {
        clear(&mut obs);
        let mut tables = Nested { format: &host, root, actor: Actor::Mmu, stage: Stage::Ept };
        let want = Want::user(Perms::R);
        let Ok(one) = walk(&FORMAT, &mut tables, &mut memory, HOW, guest_root, va(at), want, &mut obs) else {
            return 0;
        };
        walk(&host, &mut Direct, &mut memory, HOW, ept_root, va(one.to), want, &mut obs).map_or(0, |w| w.to)
    });
}

#[divan::bench]
fn nested_untraced(bencher: Bencher) {
    nested(bencher, Off, |_| ());
}

#[divan::bench]
fn nested_traced(bencher: Bencher) {
    nested(bencher, Trace::new(), Trace::clear);
}

/// `x86_64`'s mapper over the same tables, copied to real memory so that its pointers work.
#[divan::bench(args = [HOT])]
fn x86_64_offset_page_table(bencher: Bencher, len: u64) {
    use x86_64::structures::paging::{mapper::Translate, OffsetPageTable, PageTable};
    let (memory, root, end) = mapped(&FORMAT, 1 << 33, len, PageSize::SIZE_4K);
    let words = flat(&memory, end);
    // Page tables must be aligned to 4 KiB: copy them into an aligned allocation.
    let layout = std::alloc::Layout::from_size_align(end as usize, 4096).expect("a layout");
    let base = unsafe { std::alloc::alloc_zeroed(layout) };
    unsafe { std::ptr::copy_nonoverlapping(words.as_ptr().cast::<u8>(), base, end as usize) };
    let level_4 = unsafe { &mut *base.add(root as usize).cast::<PageTable>() };
    let table = unsafe { OffsetPageTable::new(level_4, x86_64::VirtAddr::new(base as u64)) };
    chain(bencher, &scattered(len, 4096), len, |at| {
        table.translate_addr(x86_64::VirtAddr::new(at)).map_or(0, |p| p.as_u64())
    });
    unsafe { std::alloc::dealloc(base, layout) };
}
