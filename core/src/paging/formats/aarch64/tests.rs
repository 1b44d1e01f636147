use super::*;
use crate::addr::{AddrRange, AnyAddr, PageSize, PhysAddr, Space};
use crate::memory::Memory;
use crate::paging::builder::{Builder, Mapping};
use crate::paging::walk as walk_tables;
use crate::paging::walk::{Direct, Nested, WalkError, Walker};
use crate::paging::FrameAlloc;
use crate::trace::{Actor, Off, Stage};
use proptest::prelude::*;

const HOW: Walker = Walker { actor: Actor::Iommu, stage: Stage::First };
const GRANULES: [Granule; 3] = [Granule::K4, Granule::K16, Granule::K64];

fn iova(raw: u64) -> AnyAddr {
    AnyAddr { space: Space::Iova, raw }
}

proptest! {
    /// The indexes of all levels and the offset are the input address again, for every granule and width.
    #[test]
    fn indexes_and_offset_are_the_address(granule in 0usize..3, bits in 25u8..=52, input: u64, second: bool) {
        let granule = GRANULES[granule];
        let bits = if granule == Granule::K64 { bits } else { bits.min(48) };
        let format = if second { Aarch64::stage2(granule, bits) } else { Aarch64::stage1(granule, bits) };
        let input = input & ((1 << bits) - 1);
        let mut back = input & ((1 << granule.shift()) - 1);
        for level in 1..=format.levels {
            back |= format.index(input, level) << format.shift(level);
        }
        prop_assert_eq!(back, input);
        // Concatenated tables: at most sixteen of them, and the top level resolves something.
        prop_assert!(format.top_bits() >= 1 && format.top_bits() <= granule.stride() + 4);
        prop_assert!(second || format.top_bits() <= granule.stride());
        prop_assert_eq!(format.root(format.root(input)), format.root(input));
    }

    /// What is mapped is found, with the rights it was given, and the neighbours are not.
    #[test]
    fn what_is_mapped_is_found(page in 0u64..1 << 36, to in 0u64..1 << 35, large: bool, write: bool, second: bool) {
        let format = if second { Aarch64::stage2(Granule::K4, 48) } else { Aarch64::stage1(Granule::K4, 48) };
        let format = format.for_devices();
        let size = if large { PageSize::SIZE_2M } else { PageSize::SIZE_4K };
        let mut memory = Memory::new();
        let mut frames = FrameAlloc::new(AddrRange::new(PhysAddr::new(0x10_0000), 1 << 24).unwrap());
        let root = frames.frames(format.root_frames(), format.root_frames()).unwrap().raw();
        let place = |at| Some(PhysAddr::new(at));
        let from = page << 12 & !size.mask() & ((1 << 48) - 1);
        let to = to << 12 & !size.mask();
        let perms = if write { Perms::RW } else { Perms::R };
        let mapping = Mapping { from, to, len: size.bytes(), size, perms, user: true };
        Builder { format: &format, frames: &mut frames, place, actor: Actor::Os }
            .map(&mut memory, root, mapping, &mut Off)
            .unwrap();
        let at = from + 0x123;
        let found = walk_tables(&format, &mut Direct, &mut memory, HOW, root, iova(at), Want::user(Perms::R), &mut Off).unwrap();
        prop_assert_eq!((found.to, found.size), (to + 0x123, size));
        let write_too = walk_tables(&format, &mut Direct, &mut memory, HOW, root, iova(at), Want::user(Perms::W), &mut Off);
        prop_assert_eq!(write_too.is_ok(), write);
        let beside = from ^ size.bytes();
        let missing = walk_tables(&format, &mut Direct, &mut memory, HOW, root, iova(beside), Want::user(Perms::R), &mut Off);
        let not_valid = matches!(missing, Err(WalkError::Entry { fault: Aarch64Fault::NotValid, .. }));
        prop_assert!(not_valid);
    }
}

/// AP, APTable and PAN against the table of DDI 0487, written out here once more as sentences.
#[test]
fn rights_of_stage_1_are_those_of_the_table() {
    let format = Aarch64::stage1(Granule::K4, 48);
    for bits in 0u64..4 {
        for limits in 0u64..4 {
            for pan in [false, true] {
                let format = Aarch64 { regime: Regime::El1 { pan, wxn: false }, ..format };
                let mut state = Aarch64State::default();
                let table = 0x1003 | limits << 61;
                assert_eq!(format.decode(table, 2, Want::user(Perms::R), &mut state), Entry::Table(0x1000));
                let leaf = 0x2403 | bits << 6 | 3 << 53;
                for privileged in [false, true] {
                    let unprivileged_may = bits & 1 == 1 && limits & 1 == 0;
                    let writable = bits & 2 == 0 && limits & 2 == 0;
                    let reads = if privileged { !(pan && unprivileged_may) } else { unprivileged_may };
                    for (perms, expected) in
                        [(Perms::R, reads), (Perms::W, reads && writable), (Perms::X, false)]
                    {
                        let mut state = state;
                        let got = format.decode(leaf, 1, Want { perms, privileged }, &mut state);
                        assert_eq!(
                            got == Entry::Leaf(0x2000),
                            expected,
                            "{bits} {limits} {pan} {privileged} {perms}"
                        );
                    }
                }
            }
        }
    }
}

#[test]
fn execution_needs_its_own_right() {
    let el1 = |wxn| Aarch64 { regime: Regime::El1 { pan: false, wxn }, ..Aarch64::stage1(Granule::K4, 48) };
    let rights = |format: &Aarch64, raw, privileged| {
        let state = Aarch64State { leaf: raw, ..Default::default() };
        format.allows(&state, privileged)
    };
    let (uxn, pxn) = (1 << 54, 1 << 53);
    // A page that all may write: never executable for privileged accesses.
    assert!(!rights(&el1(false), 0x443, true).has(Perms::X));
    assert!(rights(&el1(false), 0x443, false).has(Perms::X));
    assert!(!rights(&el1(true), 0x443, false).has(Perms::X));
    assert!(!rights(&el1(false), 0x443 | uxn, false).has(Perms::X));
    // Execute-only for user accesses: AP says privileged only, UXN is 0.
    assert_eq!(rights(&el1(false), 0x403 | pxn, false), Perms::X);
    // Stage 2 with and without XNX.
    let second = |xnx| Aarch64 { regime: Regime::Stage2 { xnx }, ..Aarch64::stage2(Granule::K4, 48) };
    for (xn, user, privileged) in [(0u64, true, true), (1, true, false), (2, false, false), (3, false, true)]
    {
        let raw = 0x443 | xn << 53;
        assert_eq!(rights(&second(true), raw, false).has(Perms::X), user, "{xn}");
        assert_eq!(rights(&second(true), raw, true).has(Perms::X), privileged, "{xn}");
        assert_eq!(rights(&second(false), raw, true).has(Perms::X), xn < 2, "{xn}");
    }
    // Nothing is executable that is not readable in stage 2.
    assert!(!rights(&second(true), 0x483, false).has(Perms::X));
}

#[test]
fn the_first_fault_in_order_is_the_one() {
    let format = Aarch64 { output_bits: 40, ..Aarch64::stage1(Granule::K4, 48) };
    let fault = |raw| match format.decode(raw, 1, Want::user(Perms::W), &mut Aarch64State::default()) {
        Entry::Refused(fault) => Some(fault.kind()),
        _ => None,
    };
    let wide = 1u64 << 40;
    assert_eq!(fault(0), Some(FaultKind::Translation));
    assert_eq!(fault(1 | wide), Some(FaultKind::Translation)); // a block at the last level
    assert_eq!(fault(3 | wide), Some(FaultKind::AddressSize)); // before access flag and permission
    assert_eq!(fault(3), Some(FaultKind::AccessFlag)); // before permission
    assert_eq!(fault(0x403), Some(FaultKind::Permission));
    assert_eq!(fault(0x443), None);
}

#[test]
fn blocks_and_contiguous_ranges_have_the_sizes_of_their_granule() {
    let sizes = |granule, level| {
        let format = Aarch64::stage1(granule, 48);
        (format.has_blocks(level), format.contiguous_shift(1 << 52, level))
    };
    assert_eq!(sizes(Granule::K4, 1), (false, 16));
    assert_eq!(sizes(Granule::K4, 2), (true, 25));
    assert_eq!(sizes(Granule::K4, 3), (true, 34));
    assert_eq!(sizes(Granule::K4, 4), (false, 39));
    assert_eq!(sizes(Granule::K16, 1), (false, 21));
    assert_eq!(sizes(Granule::K16, 2), (true, 30));
    assert_eq!(sizes(Granule::K16, 3), (false, 36));
    assert_eq!(sizes(Granule::K64, 1), (false, 21));
    assert_eq!(sizes(Granule::K64, 2), (true, 34));
    let lpa = Aarch64 { wide: true, ..Aarch64::stage1(Granule::K64, 52) };
    assert!(lpa.has_blocks(3));
    assert_eq!(lpa.output(0x1234_5678_f003), 0xf_1234_5678_0000);
    // A contiguous bit that the address contradicts is ignored.
    let format = Aarch64::stage1(Granule::K4, 48);
    assert_eq!(format.reach(1 << 52, 1, 0x1_3000, 0x8_3000), 16);
    assert_eq!(format.reach(1 << 52, 1, 0x1_3000, 0x8_4000), 12);
}

#[test]
fn hardware_marks_what_it_may() {
    let stage1 = |update| Aarch64 { update, ..Aarch64::stage1(Granule::K4, 48) };
    let write = Want::user(Perms::W);
    let read = Want::user(Perms::R);
    // Read-only with DBM: writable, and clean until it is written.
    let clean = 3 | 1 << 51 | 3 << 6;
    let both = stage1(Update::AccessDirty);
    assert!(both.is_clean(clean) && !stage1(Update::Access).is_clean(clean));
    assert_eq!(both.decode(clean, 1, write, &mut Aarch64State::default()), Entry::Leaf(0));
    assert_eq!(both.touch(clean, true, read), clean | 1 << 10);
    assert_eq!(both.touch(clean, true, write), (clean | 1 << 10) & !(1 << 7));
    assert_eq!(stage1(Update::Access).touch(clean, true, write), clean | 1 << 10);
    assert!(matches!(
        stage1(Update::Access).decode(clean, 1, write, &mut Aarch64State::default()),
        Entry::Refused(Aarch64Fault::Denied)
    ));
    let second = Aarch64 { update: Update::AccessDirty, ..Aarch64::stage2(Granule::K4, 40) };
    let clean = 3 | 1 << 51 | 1 << 6;
    assert_eq!(second.touch(clean, true, write), clean | 1 << 10 | 1 << 7);
    assert_eq!(Aarch64 { frozen: true, ..second }.touch(clean, true, write), clean);
    assert_eq!(second.touch(clean, false, write), clean);
}

/// Four levels over four: each of the four stage 1 tables and the final address costs four reads more.
#[test]
fn a_nested_walk_reads_24_descriptors() {
    let mut memory = Memory::new();
    let mut frames = FrameAlloc::new(AddrRange::new(PhysAddr::new(0x10_0000), 1 << 24).unwrap());
    let second = Aarch64 { levels: 4, ..Aarch64::stage2(Granule::K4, 48) };
    let first = Aarch64::stage1(Granule::K4, 48);
    let place = |at| Some(PhysAddr::new(at));
    let second_root = frames.frame().unwrap().raw();
    let first_root = frames.frame().unwrap().raw();
    let page = PageSize::SIZE_4K;
    let map = |from, to, len| Mapping { from, to, len, size: page, perms: Perms::RW, user: true };
    Builder { format: &first, frames: &mut frames, place, actor: Actor::Os }
        .map(&mut memory, first_root, map(0x7000_0000, 0x20_0000, 0x1000), &mut Off)
        .unwrap();
    Builder { format: &second, frames: &mut frames, place, actor: Actor::Os }
        .map(&mut memory, second_root, map(0, 0, 0x40_0000), &mut Off)
        .unwrap();
    let mut tables = Nested {
        format: &second,
        root: PhysAddr::new(second_root),
        actor: Actor::Iommu,
        stage: Stage::Second,
    };
    let found = walk_tables(
        &first,
        &mut tables,
        &mut memory,
        HOW,
        first_root,
        iova(0x7000_0004),
        Want::user(Perms::R),
        &mut Off,
    )
    .unwrap();
    let last = walk_tables(
        &second,
        &mut Direct,
        &mut memory,
        HOW,
        second_root,
        AnyAddr { space: Space::GuestPhysical, raw: found.to },
        Want::user(Perms::R),
        &mut Off,
    )
    .unwrap();
    assert_eq!((found.reads + last.reads, last.to), (24, 0x20_0004));
}
