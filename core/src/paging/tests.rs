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
