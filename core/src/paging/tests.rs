//! What the builder writes, the walker finds: every format.

use super::builder::{Builder, MapError, Mapping};
use super::walk::Walker;
use super::{ept::Ept, x86::X86, *};
use crate::addr::{AddrRange, AnyAddr, PhysAddr, Space};
use crate::memory::Memory;
use crate::trace::{Actor, Off, Stage, Trace};
use alloc::collections::BTreeMap;
use proptest::prelude::*;

const CPU: Walker = Walker { actor: Actor::Mmu, stage: Stage::Cpu };

fn frames() -> FrameAlloc {
    FrameAlloc::new(AddrRange::new(PhysAddr::new(0x10_0000), 1 << 30).unwrap())
}
fn va(raw: u64) -> AnyAddr {
    AnyAddr { space: Space::Virtual, raw }
}
fn identity(at: u64) -> Option<PhysAddr> {
    Some(PhysAddr::new(at))
}

proptest! {
    /// What the builder maps, the walker finds, and nothing else: against a flat list of pages.
    #[test]
    fn walks_agree_with_a_flat_map(
        maps in proptest::collection::vec((0u64..64, 0u64..1 << 20, 1u64..40, 0usize..2, any::<bool>()), 1..12),
        probes in proptest::collection::vec(0u64..64 << 21, 50),
    ) {
        let format = X86 { smap: false, ..X86::kernel(4) };
        let mut memory = Memory::new();
        let mut alloc = frames();
        let root = alloc.frame().unwrap().raw();
        let mut builder = Builder { format: &format, frames: &mut alloc, place: identity, actor: Actor::Os };
        let mut flat: BTreeMap<u64, (u64, bool)> = BTreeMap::new();
        for (slot, page, count, size, write) in maps {
            let size = [PageSize::SIZE_4K, PageSize::SIZE_2M][size];
            let count = count.min(if size == PageSize::SIZE_2M { 3 } else { 600 });
            let m = Mapping {
                from: slot << 21, to: page << 21, len: count * size.bytes(), size,
                perms: if write { Perms::RW } else { Perms::R }, user: true,
            };
            if builder.map(&mut memory, root, m, &mut Off).is_ok() {
                for p in (0..m.len).step_by(4096) {
                    flat.insert((m.from + p) >> 12, (m.to + p, write));
                }
            } else {
                // Refused: something is mapped there. What was mapped before the refusal stays, so query the tables.
                for p in (0..m.len).step_by(4096) {
                    if let Ok((level, _, raw)) = builder.lookup(&memory, root, m.from + p) {
                        let mask = level_mask(level);
                        let to = raw & X86::ADDRESS & !mask | (m.from + p) & mask;
                        flat.insert((m.from + p) >> 12, (to & !0xfff, raw & 2 != 0));
                    }
                }
            }
        }
        for probe in probes {
            for want in [Perms::R, Perms::W] {
                let got = walk(&format, &mut Direct, &mut memory, CPU, root, va(probe), Want::user(want), &mut Off);
                match flat.get(&(probe >> 12)) {
                    Some((to, write)) if want == Perms::R || *write => {
                        prop_assert_eq!(got.unwrap().to, to | probe & 0xfff)
                    }
                    _ => prop_assert!(got.is_err()),
                }
            }
        }
    }
}

fn level_mask(level: u8) -> u64 {
    (1 << (3 + 9 * level)) - 1
}

#[test]
fn a_nested_walk_of_four_levels_over_four_reads_24_entries() {
    let (guest, host) = (X86::kernel(4), Ept::four_levels());
    let mut memory = Memory::new();
    let mut host_frames = frames();
    let ept_root = host_frames.frame().unwrap();
    let offset = 0x4000_0000;
    // The guest's memory 0..16 MiB is at `offset` in the host's.
    let ram = Mapping {
        from: 0,
        to: offset,
        len: 16 << 20,
        size: PageSize::SIZE_4K,
        perms: Perms::RWX,
        user: false,
    };
    Builder { format: &host, frames: &mut host_frames, place: identity, actor: Actor::Os }
        .map(&mut memory, ept_root.raw(), ram, &mut Off)
        .unwrap();
    let mut guest_frames = FrameAlloc::new(AddrRange::new(PhysAddr::new(0x10_0000), 1 << 20).unwrap());
    let cr3 = guest_frames.frame().unwrap().raw();
    let m = Mapping {
        from: 0x7f00_0000_0000,
        to: 0x80_0000,
        len: 8192,
        size: PageSize::SIZE_4K,
        perms: Perms::RW,
        user: true,
    };
    let place = |at| Some(PhysAddr::new(at + offset));
    Builder { format: &guest, frames: &mut guest_frames, place, actor: Actor::Guest }
        .map(&mut memory, cr3, m, &mut Off)
        .unwrap();

    let mut trace = Trace::new();
    let mut nested = Nested { format: &host, root: ept_root, actor: Actor::Mmu, stage: Stage::Second };
    let input = va(0x7f00_0000_1234);
    let one =
        walk(&guest, &mut nested, &mut memory, CPU, cr3, input, Want::user(Perms::R), &mut trace).unwrap();
    assert_eq!(one.to, 0x80_1234);
    let gpa = AnyAddr { space: Space::GuestPhysical, raw: one.to };
    let how = Walker { actor: Actor::Mmu, stage: Stage::Second };
    let two =
        walk(&host, &mut Direct, &mut memory, how, ept_root.raw(), gpa, Want::user(Perms::R), &mut trace)
            .unwrap();
    assert_eq!(two.to, offset + 0x80_1234);
    let told = trace.steps().iter().filter(|s| matches!(s.event, crate::trace::Event::Read { .. })).count();
    assert_eq!((one.reads + two.reads, told), (24, 24));
}

#[test]
fn accessed_and_dirty_bits_are_set_once() {
    let format = X86::kernel(4);
    let mut memory = Memory::new();
    let mut alloc = frames();
    let root = alloc.frame().unwrap().raw();
    let mut b = Builder { format: &format, frames: &mut alloc, place: identity, actor: Actor::Os };
    let m = Mapping {
        from: 0x1000,
        to: 0x2000,
        len: 4096,
        size: PageSize::SIZE_4K,
        perms: Perms::RW,
        user: true,
    };
    b.map(&mut memory, root, m, &mut Off).unwrap();
    let mut trace = Trace::new();
    let mut go = |memory: &mut Memory, perms| {
        trace.clear();
        walk(&format, &mut Direct, memory, CPU, root, va(0x1008), Want::user(perms), &mut trace).unwrap();
        trace.steps().iter().filter(|s| matches!(s.event, crate::trace::Event::Write { .. })).count()
    };
    assert_eq!(go(&mut memory, Perms::R), 4);
    assert_eq!(go(&mut memory, Perms::R), 0);
    assert_eq!(go(&mut memory, Perms::W), 1);
    assert_eq!(go(&mut memory, Perms::W), 0);
}

#[test]
fn unmapping_part_of_a_large_page_is_refused() {
    let format = X86::kernel(4);
    let mut memory = Memory::new();
    let mut alloc = frames();
    let root = alloc.frame().unwrap().raw();
    let mut b = Builder { format: &format, frames: &mut alloc, place: identity, actor: Actor::Os };
    let m = Mapping {
        from: 0x20_0000,
        to: 0,
        len: 2 << 20,
        size: PageSize::SIZE_2M,
        perms: Perms::R,
        user: false,
    };
    b.map(&mut memory, root, m, &mut Off).unwrap();
    let size = PageSize::SIZE_2M;
    assert_eq!(
        b.unmap(&mut memory, root, 0x20_0000, 4096, &mut Off),
        Err(MapError::PartOfLargePage { at: 0x20_0000, size })
    );
    assert_eq!(b.unmap(&mut memory, root, 0x20_0000, 2 << 20, &mut Off), Ok(()));
    assert_eq!(
        b.unmap(&mut memory, root, 0x20_0000, 2 << 20, &mut Off),
        Err(MapError::NotMapped { at: 0x20_0000 })
    );
}

/// What the bits above those that tables translate may be, by what each format's specification says.
#[test]
fn an_address_that_is_not_extended_as_the_format_wants_is_refused_and_the_right_one_is_said() {
    fn map<F: super::builder::Build>(format: &F, from: u64) -> Result<(), MapError> {
        let (mut memory, mut alloc) = (Memory::new(), frames());
        // An x4 table of RISC-V has a root of four frames.
        let root = alloc.frame().unwrap().raw() & !0x3fff;
        let mut builder = Builder { format, frames: &mut alloc, place: identity, actor: Actor::Os };
        let size = PageSize::SIZE_4K;
        let m = Mapping { from, to: 0, len: 4096, size, perms: Perms::R, user: true };
        builder.map(&mut memory, root, m, &mut Off)
    }
    let wide = |last: u64, bits| Err(MapError::TooWide { last, bits });
    let not = |at, bits, right| Err(MapError::NotExtended { at, bits, right });
    let sv39 = riscv::Riscv::first(3);
    assert_eq!(map(&sv39, 0x3f_ffff_f000), Ok(()));
    assert_eq!(map(&sv39, 0xffff_ffc0_0000_0000), Ok(()));
    assert_eq!(map(&sv39, 0x40_0000_0000), not(0x40_0000_0000, 39, 0xffff_ffc0_0000_0000));
    assert_eq!(map(&sv39, 0x80_0000_0000), wide(0x80_0000_0000, 39));
    let first = vtd_first::FirstStage::four_levels();
    for at in [0x8000_0000_0000, 0xffff_0000_0000_0000] {
        let right = if at >> 63 == 0 { 0xffff_8000_0000_0000 } else { 0 };
        assert_eq!(map(&X86::kernel(4), at), not(at, 48, right));
        assert_eq!(map(&first, at), not(at, 48, right));
        assert_eq!(map(&riscv::Riscv::first(4), at), not(at, 48, right));
    }
    // A second stage takes guest-physical addresses: zeros above, and nothing to extend.
    assert_eq!(map(&riscv::Riscv::second(3), 0x1ff_ffff_f000), Ok(()));
    assert_eq!(map(&riscv::Riscv::second(3), 0x200_0000_0000), wide(0x200_0000_0000, 41));
    assert_eq!(map(&Ept::four_levels(), 0x8000_0000_0000), Ok(()));
    assert_eq!(map(&Ept::four_levels(), 0xffff_8000_0000_0000), wide(0xffff_8000_0000_0000, 48));
    assert_eq!(map(&npt::Npt::four_levels(), 0x8000_0000_0000), Ok(()));
    // Arm has a table for each half: all bits above are alike.
    let arm = aarch64::Aarch64::stage1(aarch64::Granule::K4, 48);
    for at in [0x8000_0000_0000, 0xffff_0000_0000_0000, 0xffff_8000_0000_0000] {
        assert_eq!(map(&arm, at), Ok(()), "{at:#x}");
    }
    assert_eq!(map(&arm, 0x1_0000_0000_0000), wide(0x1_0000_0000_0000, 48));
    let said =
        crate::spec::Localized::phrase(&MapError::NotExtended { at: 1 << 38, bits: 39, right: !0 << 38 });
    assert!(said.en.contains("0xffffffc000000000") && said.zh.contains("0xffffffc000000000"));
}
