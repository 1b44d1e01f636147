use super::*;
use crate::addr::AddrRange;
use crate::paging::builder::{Builder, Mapping};
use crate::paging::x86::X86;
use crate::paging::FrameAlloc;
use crate::trace::Trace;
use arch::Cpu;
use proptest::prelude::*;

const GUEST_RAM: u64 = 0x4000_0000;

struct World {
    memory: Memory,
    frames: FrameAlloc,
    space: AddressSpace,
}

fn alloc(start: u64, len: u64) -> FrameAlloc {
    FrameAlloc::new(AddrRange::new(PhysAddr::new(start), len).unwrap())
}

fn mapping(from: u64, to: u64, len: u64, size: PageSize, perms: Perms, user: bool) -> Mapping {
    Mapping { from, to, len, size, perms, user }
}

fn host(levels: u8) -> World {
    on(Cpu::X86, levels)
}

fn on(cpu: Cpu, levels: u8) -> World {
    let mut frames = alloc(0x10_0000, 16 << 20);
    let root = frames.frame().unwrap().raw();
    let space = AddressSpace { format: cpu.tables(levels).unwrap(), root, asid: 1, guest: None };
    World { memory: Memory::new(), frames, space }
}

fn guest() -> World {
    guest_on(Cpu::X86)
}

fn guest_on(cpu: Cpu) -> World {
    let mut w = on(cpu, 4);
    let format = cpu.guest_tables();
    let root = w.frames.frames(format.root_frames(), format.root_frames()).unwrap();
    let ram = mapping(0, GUEST_RAM, 32 << 20, PageSize::SIZE_4K, Perms::RWX, false);
    let place = |at| Some(PhysAddr::new(at));
    Builder { format: &format, frames: &mut w.frames, place, actor: Actor::Os }
        .map(&mut w.memory, root.raw(), ram, &mut Off)
        .unwrap();
    w.frames = alloc(0x10_0000, 8 << 20);
    w.space.root = w.frames.frame().unwrap().raw();
    w.space.guest = Some(Guest { format, root, vmid: 3 });
    w
}

impl World {
    fn map(&mut self, m: Mapping) {
        let offset = if self.space.guest.is_some() { GUEST_RAM } else { 0 };
        let place = |at| Some(PhysAddr::new(at + offset));
        Builder { format: &self.space.format, frames: &mut self.frames, place, actor: Actor::Os }
            .map(&mut self.memory, self.space.root, m, &mut Off)
            .unwrap();
    }
    fn unmap(&mut self, from: u64, len: u64) {
        let place = |at| Some(PhysAddr::new(at));
        Builder { format: &self.space.format, frames: &mut self.frames, place, actor: Actor::Os }
            .unmap(&mut self.memory, self.space.root, from, len, &mut Off)
            .unwrap();
    }
    fn go(&mut self, mmu: &mut Mmu, at: u64, want: Want) -> Result<Translation, MmuFault> {
        mmu.translate(&mut self.memory, &self.space, VirtAddr::new(at), want, &mut Off)
    }
}

const R: Want = Want::user(Perms::R);
const W: Want = Want::user(Perms::W);
const X: Want = Want::user(Perms::X);

#[test]
fn every_page_size_at_four_and_five_levels() {
    for levels in [4, 5] {
        let mut w = host(levels);
        let top = if levels == 5 { 0x00ab_0000_0000_0000 } else { 0 };
        w.map(mapping(top + 0x1000, 0x7000, 4096, PageSize::SIZE_4K, Perms::RW, true));
        w.map(mapping(top + (2 << 20), 4 << 20, 2 << 20, PageSize::SIZE_2M, Perms::RW, true));
        w.map(mapping(top + (1 << 30), 3 << 30, 1 << 30, PageSize::SIZE_1G, Perms::RW, true));
        let mut mmu = Mmu::new(16);
        for (at, to, reads) in [
            (0x1234, 0x7234, levels),
            ((2 << 20) + 5, (4 << 20) + 5, levels - 1),
            ((1 << 30) + 9, (3 << 30) + 9, levels - 2),
        ] {
            let first = w.go(&mut mmu, top + at, R).unwrap();
            assert_eq!(
                (first.to.raw(), first.reads, first.cached),
                (to, u32::from(levels.min(reads)), false)
            );
            let again = w.go(&mut mmu, top + at, R).unwrap();
            assert_eq!((again.to.raw(), again.reads, again.cached), (to, 0, true));
        }
    }
}

#[test]
fn error_codes_are_those_of_the_manual() {
    let mut w = host(4);
    w.map(mapping(0x1000, 0x7000, 4096, PageSize::SIZE_4K, Perms::R, true));
    w.map(mapping(0x2000, 0x8000, 4096, PageSize::SIZE_4K, Perms::RW, false));
    let mut mmu = Mmu::new(0);
    let mut code = |w: &mut World, at, want| match w.go(&mut mmu, at, want) {
        Err(MmuFault::PageFault { error, at: cr2 }) => {
            assert_eq!(cr2.raw(), at);
            error
        }
        other => panic!("{other:?}"),
    };
    assert_eq!(code(&mut w, 0x5000, R), 0x4);
    assert_eq!(code(&mut w, 0x5000, Want::supervisor(Perms::W)), 0x2);
    assert_eq!(code(&mut w, 0x1000, W), 0x7);
    assert_eq!(code(&mut w, 0x1000, X), 0x15);
    assert_eq!(code(&mut w, 0x2000, R), 0x5);
    // SMAP, SMEP and WP: the supervisor is stopped too.
    assert_eq!(code(&mut w, 0x1000, Want::supervisor(Perms::R)), 0x1);
    assert_eq!(code(&mut w, 0x1000, Want::supervisor(Perms::X)), 0x11);
    let mut format = X86 { smap: false, ..X86::kernel(4) };
    w.space.format = format.into();
    assert_eq!(code(&mut w, 0x1000, Want::supervisor(Perms::W)), 0x3);
    format.wp = false;
    w.space.format = format.into();
    w.go(&mut Mmu::new(0), 0x1000, Want::supervisor(Perms::W)).unwrap();
    // A reserved bit: above MAXPHYADDR.
    format.phys_bits = 14;
    w.space.format = format.into();
    assert_eq!(code(&mut w, 0x1000, R), 0xd);
    let far = w.go(&mut mmu, 1 << 47, R);
    assert_eq!(far, Err(MmuFault::NonCanonical { at: VirtAddr::new(1 << 47) }));
}

#[test]
fn a_stale_entry_is_used_until_it_is_invalidated() {
    let mut w = host(4);
    w.map(mapping(0x1000, 0x7000, 4096, PageSize::SIZE_4K, Perms::RW, true));
    let mut mmu = Mmu::new(4);
    w.go(&mut mmu, 0x1000, R).unwrap();
    w.unmap(0x1000, 4096);
    let mut trace = Trace::new();
    let at = VirtAddr::new(0x1000);
    assert!(mmu.translate(&mut w.memory, &w.space, at, R, &mut trace).unwrap().cached);
    assert!(trace.steps().iter().any(|s| matches!(s.event, Event::Cache { op: CacheOp::Stale, .. })));
    mmu.tlb_mut().invalidate_page(0, 2, at, &mut Off);
    assert!(w.go(&mut mmu, 0x1000, R).is_ok(), "another PCID's invalidation does not reach it");
    mmu.tlb_mut().invalidate_page(0, 1, at, &mut Off);
    assert!(w.go(&mut mmu, 0x1000, R).is_err());
}

#[test]
fn a_first_write_walks_again_to_set_the_dirty_bit() {
    let mut w = host(4);
    w.map(mapping(0x1000, 0x7000, 4096, PageSize::SIZE_4K, Perms::RW, true));
    let mut mmu = Mmu::new(4);
    w.go(&mut mmu, 0x1000, R).unwrap();
    assert!(!w.go(&mut mmu, 0x1000, W).unwrap().cached);
    assert!(w.go(&mut mmu, 0x1000, W).unwrap().cached);
}

#[test]
fn rights_added_need_no_invalidation() {
    let mut w = host(4);
    w.map(mapping(0x1000, 0x7000, 4096, PageSize::SIZE_4K, Perms::R, true));
    let mut mmu = Mmu::new(4);
    w.go(&mut mmu, 0x1000, R).unwrap();
    assert!(w.go(&mut mmu, 0x1000, W).is_err());
    w.unmap(0x1000, 4096);
    w.map(mapping(0x1000, 0x7000, 4096, PageSize::SIZE_4K, Perms::RW, true));
    w.go(&mut mmu, 0x1000, R).unwrap();
    w.go(&mut mmu, 0x1000, W).unwrap();
}

#[test]
fn a_nested_walk_reads_24_entries() {
    for cpu in [Cpu::X86, Cpu::Amd64, Cpu::Riscv] {
        nested_walk(guest_on(cpu));
    }
}

fn nested_walk(mut w: World) {
    w.map(mapping(0x1000, 0x80_0000, 4096, PageSize::SIZE_4K, Perms::RW, true));
    let mut mmu = Mmu::new(4);
    let first = w.go(&mut mmu, 0x1234, R).unwrap();
    assert_eq!((first.to.raw(), first.reads), (GUEST_RAM + 0x80_0234, 24));
    assert_eq!(first.gpa, Some(GuestPhysAddr::new(0x80_0234)));
    assert!(w.go(&mut mmu, 0x1234, R).unwrap().cached);
    mmu.tlb_mut().invalidate_guest(3, &mut Off);
    assert!(!w.go(&mut mmu, 0x1234, R).unwrap().cached);
}

#[test]
fn ept_faults_say_whether_the_data_or_a_table_was_refused() {
    let mut w = guest();
    // The guest maps a page that its hypervisor has not given it.
    w.map(mapping(0x1000, 64 << 20, 4096, PageSize::SIZE_4K, Perms::RW, true));
    let mut mmu = Mmu::new(4);
    let want = Exit::Violation {
        at: GuestPhysAddr::new((64 << 20) + 8),
        linear: Some(VirtAddr::new(0x1008)),
        qualification: exit_bits(2, 0, true),
    };
    assert_eq!(w.go(&mut mmu, 0x1008, W), Err(MmuFault::Ept(want)));
    // The guest's root table lies outside its memory.
    let root = w.space.root;
    w.space.root = 1 << 30;
    let want = Exit::Violation {
        at: GuestPhysAddr::new(1 << 30),
        linear: Some(VirtAddr::new(0x1008)),
        qualification: exit_bits(1, 0, false),
    };
    assert_eq!(w.go(&mut mmu, 0x1008, W), Err(MmuFault::Ept(want)));
    w.space.root = root;
    // Writable without readable is a misconfiguration: break the EPT entry of guest page 0x80_0000.
    w.map(mapping(0x2000, 0x80_0000, 4096, PageSize::SIZE_4K, Perms::RW, true));
    let g = w.space.guest.unwrap();
    let place = |at| Some(PhysAddr::new(at));
    let pa = Builder { format: &g.format, frames: &mut w.frames, place, actor: Actor::Os }
        .lookup(&w.memory, g.root.raw(), 0x80_0000)
        .unwrap()
        .1;
    let raw = w.memory.read_u64(pa).unwrap();
    w.memory.write_u64(pa, raw & !1).unwrap();
    let at = GuestPhysAddr::new(0x80_0000);
    assert_eq!(w.go(&mut mmu, 0x2000, R), Err(MmuFault::Ept(Exit::Misconfiguration { at })));
    // Read-only in EPT: the qualification says what would have been allowed.
    w.memory.write_u64(pa, raw & !6).unwrap();
    let want =
        Exit::Violation { at, linear: Some(VirtAddr::new(0x2000)), qualification: exit_bits(2, 1, true) };
    assert_eq!(w.go(&mut mmu, 0x2000, W), Err(MmuFault::Ept(want)));
}

#[test]
fn npt_faults_exit_with_an_error_code_and_the_guest_physical_address() {
    let mut w = guest_on(Cpu::Amd64);
    assert_eq!(Cpu::Amd64.guest_stage().name.en, "NPT");
    let npf = |at, info| Err(MmuFault::Npt(NestedFault { at: GuestPhysAddr::new(at), info }));
    // The guest maps a page that its hypervisor has not given it: a user's write, to the final address.
    w.map(mapping(0x1000, 64 << 20, 4096, PageSize::SIZE_4K, Perms::RW, true));
    let mut mmu = Mmu::new(4);
    assert_eq!(w.go(&mut mmu, 0x1008, W), npf((64 << 20) + 8, x86::exitinfo1::FINAL | 6));
    assert_eq!(
        MmuFault::Npt(NestedFault { at: GuestPhysAddr::new(0), info: 0 }).code().map(|c| c.code),
        Some(0x400)
    );
    // The guest's root table lies outside its memory: reads of tables count as writes.
    let root = w.space.root;
    w.space.root = 1 << 30;
    assert_eq!(w.go(&mut mmu, 0x1008, R), npf(1 << 30, x86::exitinfo1::TABLES | 6));
    w.space.root = root;
    // A page of the guest's tables that the hypervisor made read-only refuses a mere read.
    w.map(mapping(0x2000, 0x80_0000, 4096, PageSize::SIZE_4K, Perms::RW, true));
    let g = w.space.guest.unwrap();
    let place = |at| Some(PhysAddr::new(at));
    let pa = Builder { format: &g.format, frames: &mut w.frames, place, actor: Actor::Os }
        .lookup(&w.memory, g.root.raw(), root)
        .unwrap()
        .1;
    let raw = w.memory.read_u64(pa).unwrap();
    w.memory.write_u64(pa, raw & !2).unwrap();
    assert_eq!(w.go(&mut mmu, 0x2000, R), npf(root, x86::exitinfo1::TABLES | 7));
}

/// Returns the trap of an access on RISC-V.
fn trap(w: &mut World, at: u64, want: Want) -> Trap {
    match w.go(&mut Mmu::new(4), at, want) {
        Err(MmuFault::Trap(trap)) => trap,
        other => panic!("{other:?}"),
    }
}

#[test]
fn riscv_traps_are_those_of_the_manual() {
    let mut w = on(Cpu::Riscv, 3);
    w.map(mapping(0x1000, 0x7000, 4096, PageSize::SIZE_4K, Perms::R, true));
    w.map(mapping(0x2000, 0x8000, 4096, PageSize::SIZE_4K, Perms::RW, false));
    let mut code = |at, want| trap(&mut w, at, want).code().code;
    // Nothing there: the access decides the code. So it does for an address that Sv39 has no place for.
    assert_eq!((code(0x5000, R), code(0x5000, W), code(0x5000, X)), (13, 15, 12));
    assert_eq!((code(1 << 38, R), code(1 << 38, W)), (13, 15));
    assert_eq!((code(0x1000, W), code(0x1000, X)), (15, 12));
    // Users do not reach supervisor pages, nor supervisors user pages without SUM.
    assert_eq!((code(0x2000, R), code(0x1000, Want::supervisor(Perms::R))), (13, 13));
    // Svade: without A, or without D for a write, the access faults.
    let space = w.space;
    let place = |at| Some(PhysAddr::new(at));
    let entry = Builder { format: &space.format, frames: &mut w.frames, place, actor: Actor::Os }
        .lookup(&w.memory, space.root, 0x2000)
        .unwrap()
        .1;
    let raw = w.memory.read_u64(entry).unwrap();
    w.memory.write_u64(entry, raw & !(1 << 7)).unwrap();
    w.go(&mut Mmu::new(0), 0x2000, Want::supervisor(Perms::R)).unwrap();
    assert_eq!(trap(&mut w, 0x2000, Want::supervisor(Perms::W)).code().code, 15);
    // A table that no memory answers for is an access fault of the original access.
    w.memory.fail(AddrRange::new(PhysAddr::new(space.root), 4096).unwrap(), crate::memory::Failure::Access);
    assert_eq!(trap(&mut w, 0x1000, W).code().code, 7);
}

#[test]
fn riscv_guests_trap_with_the_guest_physical_address() {
    let mut w = guest_on(Cpu::Riscv);
    // The guest maps a page that its hypervisor has not given it.
    w.map(mapping(0x1000, 64 << 20, 4096, PageSize::SIZE_4K, Perms::RW, true));
    let fault = trap(&mut w, 0x1008, W);
    assert_eq!((fault.code().code, fault.at.raw(), fault.htinst()), (23, 0x1008, 0));
    assert_eq!(fault.gpa, Some(GuestPhysAddr::new((64 << 20) + 8)));
    // The guest's root table lies outside its memory: an implicit read, but still a store's fault.
    w.space.root = 1 << 30;
    let fault = trap(&mut w, 0x1008, W);
    assert_eq!((fault.code().code, fault.htinst()), (23, 0x3000));
    assert_eq!(fault.gpa, Some(GuestPhysAddr::new(1 << 30)));
    assert_eq!(trap(&mut w, 0x1008, R).code().code, 21);
}

#[test]
fn arm_guests_abort_to_el2_with_the_intermediate_address() {
    let mut w = guest_on(Cpu::Aarch64);
    let mut mmu = Mmu::new(4);
    let mut abort = |w: &mut World, at, want| match w.go(&mut mmu, at, want) {
        Err(MmuFault::Abort(abort)) => abort,
        other => panic!("{other:?}"),
    };
    // The guest itself has no page there: its own affair, at EL1. WnR of a write, DFSC of the last level.
    w.map(mapping(0x1000, 64 << 20, 4096, PageSize::SIZE_4K, Perms::RW, true));
    let own = abort(&mut w, 0x3008, W);
    assert_eq!((own.ipa, own.on_walk, own.syndrome()), (None, false, 0x25 << 26 | 1 << 25 | 1 << 6 | 0x07));
    assert_eq!(abort(&mut w, 0x1008, X).syndrome() & 0x3f, 0x0f, "a permission fault of a fetch");
    // The guest maps a page that its hypervisor has not given it: HPFAR_EL2 has its address.
    let below = abort(&mut w, 0x1008, W);
    assert_eq!((below.ipa, below.on_walk), (Some(GuestPhysAddr::new((64 << 20) + 8)), false));
    assert_eq!(below.syndrome() >> 26, 0x24);
    assert!(below.to_string().ends_with("HPFAR_EL2 0x40000 (guest-physical 0x4000008)"), "{below}");
    // The guest's root table lies outside its memory: S1PTW, and a read for all that was wanted.
    w.space.root = 1 << 30;
    let table = abort(&mut w, 0x1008, W);
    assert_eq!((table.ipa, table.on_walk), (Some(GuestPhysAddr::new(1 << 30)), true));
    assert_eq!(table.syndrome() & 0xc0, 0x80, "S1PTW, not WnR");
}

fn exit_bits(access: u64, allowed: u64, data: bool) -> u64 {
    access | allowed << 3 | 0x80 | u64::from(data) << 8
}

proptest! {
    /// With a TLB of any size, invalidated as the architecture requires, the answers are those of the tables.
    #[test]
    fn a_tlb_kept_right_changes_nothing(
        entries in 0usize..20,
        riscv in any::<bool>(),
        ops in proptest::collection::vec((0u64..12, 0u64..8, 0u8..3), 1..80),
    ) {
        let mut w = if riscv { on(Cpu::Riscv, 4) } else { host(4) };
        let mut mmu = Mmu::new(entries);
        let mut mapped = [false; 12];
        for (page, frame, op) in ops {
            let at = page << 12;
            if op == 0 {
                if mapped[page as usize] {
                    w.unmap(at, 4096);
                    mmu.tlb_mut().invalidate_page(0, 1, VirtAddr::new(at), &mut Off);
                } else {
                    let perms = if frame & 1 == 0 { Perms::R } else { Perms::RW };
                    w.map(mapping(at, frame << 12, 4096, PageSize::SIZE_4K, perms, true));
                }
                mapped[page as usize] ^= true;
            } else {
                let want = if op == 1 { R } else { W };
                let tables = peek(&mut w.memory, &w.space, VirtAddr::new(at), want).map(|t| t.to);
                prop_assert_eq!(w.go(&mut mmu, at, want).map(|t| t.to), tables);
            }
        }
    }
}
