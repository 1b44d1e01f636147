//! Walks: one stage and nested, every format, traced and untraced; hot, cold, and as levels and mappings grow.

use crate::floor;
use crate::setup::{chain, flat, map_into, mapped, va, ADDRESSES, COLD, FORMAT, HOT, HOW};
use crate::{Kernel, Run};
use iommu_core::addr::PhysAddr;
use iommu_core::iommu::vtd::first_stage::FirstStage;
use iommu_core::iommu::vtd::second_stage::SecondStage;
use iommu_core::memory::Memory;
use iommu_core::paging::aarch64::{Aarch64, Granule};
use iommu_core::paging::builder::Build;
use iommu_core::paging::{amdv1::AmdV1, ept::Ept, riscv::Riscv, walk, Direct, Nested, Want};
use iommu_core::trace::{Actor, Off, Perms, Stage, Trace};

const WANT: Want = Want::user(Perms::R);

fn untraced<F: Build + Copy + 'static>(format: F, mapped_len: u64, walked_len: u64) -> Run {
    let (mut memory, root, _) = mapped(&format, 1 << 33, mapped_len);
    Box::new(chain(walked_len, move |at| {
        walk(&format, &mut Direct, &mut memory, HOW, root, va(at), WANT, &mut Off).map_or(0, |w| w.to)
    }))
}

fn traced<F: Build + Copy + 'static>(format: F, len: u64) -> Run {
    let (mut memory, root, _) = mapped(&format, 1 << 33, len);
    let mut trace = Trace::new();
    Box::new(chain(len, move |at| {
        trace.clear();
        walk(&format, &mut Direct, &mut memory, HOW, root, va(at), WANT, &mut trace).map_or(0, |w| w.to)
    }))
}

/// A guest's memory of [`HOT`] bytes mapped one to one below the guest's own tables: those lie at 64 MiB, the host's
/// at 1 GiB.
fn guest<F: Build, G: Build>(first: &F, second: &G) -> (Memory, u64, u64) {
    let mut memory = Memory::new();
    memory.set_max_frames(1 << 20);
    let (guest_root, _) = map_into(&mut memory, first, 64 << 20, 0, HOT);
    let (host_root, _) = map_into(&mut memory, second, 1 << 30, 0, HOT);
    (memory, guest_root, host_root)
}

macro_rules! nested {
    ($first:expr, $second:expr, $observer:expr, $clear:expr) => {
        || {
            let (first, second, mut observer) = ($first, $second, $observer);
            let (mut memory, guest_root, host_root) = guest(&first, &second);
            let root = PhysAddr::new(host_root);
            chain(HOT, move |at| {
                $clear(&mut observer);
                let mut tables = Nested { format: &second, root, actor: Actor::Mmu, stage: Stage::Second };
                let one =
                    walk(&first, &mut tables, &mut memory, HOW, guest_root, va(at), WANT, &mut observer);
                let Ok(one) = one else { return 0 };
                walk(&second, &mut Direct, &mut memory, HOW, host_root, va(one.to), WANT, &mut observer)
                    .map_or(0, |w| w.to)
            })
        }
    };
}

pub fn add(all: &mut Vec<Kernel>) {
    let kernel = |name: &str, make: fn() -> Run| Kernel::new(name, ADDRESSES, make);
    fn floor_of(len: u64, one: fn(&[u64], u64, u64) -> Option<u64>) -> Run {
        let (memory, root, end) = mapped(&FORMAT, 1 << 33, len);
        let words = flat(&memory, end);
        Box::new(chain(len, move |at| one(&words, root, at).unwrap_or(0)))
    }
    all.extend([
        kernel("walk/four loads, no checks", || floor_of(HOT, floor::bare)),
        kernel("walk/floor: by hand, all checks, flat memory", || floor_of(HOT, floor::floor)),
        kernel("walk/ours", || untraced(FORMAT, HOT, HOT)).at_most(1.5, FLOOR),
        kernel("walk/ours, traced", || traced(FORMAT, HOT)).at_most(1.3, "walk/ours"),
        kernel("cold/floor: by hand, all checks, flat memory", || floor_of(COLD, floor::floor)),
        kernel("cold/ours", || untraced(FORMAT, COLD, COLD))
            .beside("cold/floor: by hand, all checks, flat memory"),
        kernel("nested/floor: by hand, all checks, flat memory", || {
            let (memory, guest_root, host_root) = guest(&FORMAT, &Ept::four_levels());
            let words = flat(&memory, (1 << 30) + (2 << 20));
            Box::new(chain(HOT, move |at| {
                floor::nested_floor(&words, guest_root, host_root, at).unwrap_or(0)
            }))
        }),
    ]);
    const NESTED: &str = "nested/floor: by hand, all checks, flat memory";
    let nested =
        |name: &str, make: Box<dyn Fn() -> Run>| Kernel { make, ..Kernel::new(name, ADDRESSES, || || 0) };
    macro_rules! boxed {
        ($($t:tt)*) => {{ let make = nested!($($t)*); Box::new(move || -> Run { Box::new(make()) }) }};
    }
    all.extend([
        nested("nested/ours: x86 through EPT", boxed!(FORMAT, Ept::four_levels(), Off, |_: &mut Off| ()))
            .at_most(1.5, NESTED),
        nested(
            "nested/ours: x86 through EPT, traced",
            boxed!(FORMAT, Ept::four_levels(), Trace::new(), Trace::clear),
        )
        .at_most(1.3, "nested/ours: x86 through EPT"),
        nested(
            "nested/ours: VT-d first through second stage",
            boxed!(FirstStage::four_levels(), SecondStage::four_levels(), Off, |_: &mut Off| ()),
        )
        .beside(NESTED),
        nested(
            "nested/ours: RISC-V Sv48 through Sv48x4",
            boxed!(Riscv::first(4), Riscv::second(4), Off, |_: &mut Off| ()),
        )
        .beside(NESTED),
        nested(
            "nested/ours: SMMUv3 stage 1 through stage 2",
            boxed!(Aarch64::stage1(Granule::K4, 48), Aarch64::stage2(Granule::K4, 48), Off, |_: &mut Off| ()),
        )
        .at_most(1.1, "nested/ours: VT-d first through second stage"),
    ]);
    all.extend([
        kernel("levels/RISC-V Sv39", || untraced(Riscv::first(3), HOT, HOT)),
        kernel("levels/RISC-V Sv48", || untraced(Riscv::first(4), HOT, HOT)).beside("levels/RISC-V Sv39"),
        kernel("levels/RISC-V Sv57", || untraced(Riscv::first(5), HOT, HOT)).beside("levels/RISC-V Sv39"),
        kernel("levels/VT-d second stage", || untraced(SecondStage::four_levels(), HOT, HOT))
            .beside("levels/RISC-V Sv39"),
        kernel("levels/VT-d first stage", || untraced(FirstStage::four_levels(), HOT, HOT))
            .beside("levels/RISC-V Sv39"),
    ]);
    for (name, format, other) in [
        ("levels/SMMUv3 stage 1", Aarch64::stage1(Granule::K4, 48), "levels/VT-d first stage"),
        ("levels/SMMUv3 stage 2", Aarch64::stage2(Granule::K4, 48), "levels/VT-d second stage"),
    ] {
        let walks = Kernel::new(name, ADDRESSES, move || untraced(format, HOT, HOT));
        all.push(walks.beside(other));
    }
    all.push(
        kernel("levels/AMD-Vi host tables (v1)", || untraced(AmdV1::new(4), HOT, HOT))
            .at_most(1.1, "levels/VT-d second stage"),
    );
    for (name, len) in
        [("1 MiB", 1 << 20), ("16 MiB", 16 << 20), ("256 MiB", HOT), ("4 GiB", 4 << 30), ("16 GiB", COLD)]
    {
        let kernel = Kernel::new(format!("mappings/1 MiB walked of {name} mapped"), ADDRESSES, move || {
            untraced(FORMAT, len, 1 << 20)
        });
        all.push(kernel.beside("mappings/1 MiB walked of 1 MiB mapped"));
    }
}

const FLOOR: &str = "walk/floor: by hand, all checks, flat memory";
