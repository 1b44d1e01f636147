//! The CPU's memory management unit: virtual addresses become physical ones, through the CPU's own tables, the
//! guest's and the hypervisor's below them, and a TLB. It is the same on every architecture; what differs is the
//! tables' format ([`crate::paging::any`]) and how a fault is reported. Code here walks tables and keeps the TLB; it
//! decides nothing for the operating system and never calls an IOMMU.
//!
//! * [`arch`]: the architectures, and where their kernel puts things
//! * [`fault`]: why an access has no translation; [`x86`], [`riscv`] and [`aarch64`] have the codes
//! * [`tlb`]: what is remembered, with tags for the address space and the guest

pub mod aarch64;
pub mod arch;
pub mod fault;
pub mod riscv;
pub mod tlb;
pub mod x86;

use crate::addr::{Address, AnyAddr, GuestPhysAddr, PageSize, PhysAddr, VirtAddr};
use crate::memory::Memory;
use crate::paging::aarch64::FaultKind;
use crate::paging::any::{CpuFault, CpuState, CpuTables, GuestFault, GuestState, GuestTables};
use crate::paging::ept::EptFault;
use crate::paging::walk::{walk, Direct, Nested, Never, WalkError, Walked, Walker};
use crate::paging::x86::X86Fault;
use crate::paging::{Format, Want};
use crate::trace::{Actor, CacheOp, Event, Observer, Off, Perms, Recorded, Stage};
use aarch64::Abort;
use fault::MmuFault;
use riscv::{Cause, Trap};
use tlb::{Entry, Tag, Tlb};
use x86::{Exit, NestedFault};

/// What the CPU's table pointer (CR3, satp) and control registers say, and what is below.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct AddressSpace {
    /// The tables' format: levels, and what the control registers say about protection.
    pub format: CpuTables,
    /// The root table's address: physical, or guest-physical when there is a guest.
    pub root: u64,
    /// The address-space identifier that TLB entries are tagged with: PCID, 12 bits, on x86-64; ASID on RISC-V.
    pub asid: u16,
    /// The guest it runs in, if it does.
    pub guest: Option<Guest>,
}

/// What is below a guest.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Guest {
    /// The format of the hypervisor's tables.
    pub format: GuestTables,
    /// Their root table (EPTP, hgatp).
    pub root: PhysAddr,
    /// The guest's identifier in TLB tags: VPID, VMID; 0 is the host.
    pub vmid: u16,
}

impl Guest {
    const fn stage(&self) -> Stage {
        Stage::Guest(self.format.stage())
    }
}

/// A translation that was found.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Translation {
    /// The physical address, offset included.
    pub to: PhysAddr,
    /// The guest-physical address on the way, when tables were walked for a guest.
    pub gpa: Option<GuestPhysAddr>,
    /// The reach: the smaller page of the two stages.
    pub size: PageSize,
    /// What the mapping allows.
    pub perms: Perms,
    /// It came from the TLB.
    pub cached: bool,
    /// Table entries read.
    pub reads: u32,
}

/// The unit: what it remembers.
#[derive(Clone, Debug)]
pub struct Mmu {
    tlb: Tlb,
}

const CPU: Walker = Walker { actor: Actor::Mmu, stage: Stage::Cpu };

impl Mmu {
    /// Returns a unit whose TLB holds `entries` (0: remembers nothing).
    pub fn new(entries: usize) -> Self {
        Mmu { tlb: Tlb::new(entries) }
    }

    /// Returns what the TLB holds.
    pub fn tlb(&self) -> &Tlb {
        &self.tlb
    }
    /// Returns the TLB, to be invalidated.
    pub fn tlb_mut(&mut self) -> &mut Tlb {
        &mut self.tlb
    }

    /// Translates one access to `at`, which does not cross a page.
    ///
    /// A TLB entry that does not allow the access is dropped and the tables are walked before a fault is raised: one
    /// of the behaviours that SDM 3A 4.10.4.3 and RISC-V Privileged 12.2.1 allow, and why adding rights needs no
    /// invalidation.
    pub fn translate<O: Observer>(
        &mut self,
        memory: &mut Memory,
        space: &AddressSpace,
        at: VirtAddr,
        want: Want,
        obs: &mut O,
    ) -> Result<Translation, MmuFault> {
        if !space.format.accepts(at.raw()) {
            return Err(tell(no_place(space, at, want), Some(&space.format), want, obs));
        }
        let kind = tlb::kind(&space.format);
        let vmid = space.guest.map_or(0, |g| g.vmid);
        if let Some((slot, tag, entry)) = self.tlb.find(vmid, space.asid, at) {
            let allowed = entry.allows(&space.format, want);
            // A first write must set the dirty bit in the tables: it is as good as a miss.
            if allowed && (entry.dirty || !want.perms.has(Perms::W)) {
                let to = entry.to.wrapping_add(at.offset(tag.size()));
                if O::ON {
                    let now = peek(memory, space, at, want).map(|t| t.to);
                    let op = if now == Ok(to) { CacheOp::Hit } else { CacheOp::Stale };
                    tlb::tell(obs, kind, op, slot, &tag, &entry);
                }
                let perms = entry.perms;
                return Ok(Translation { to, gpa: None, size: tag.size(), perms, cached: true, reads: 0 });
            }
            tlb::tell(obs, kind, if allowed { CacheOp::Miss } else { CacheOp::Denied }, slot, &tag, &entry);
            self.tlb.drop(&tag, obs);
        } else {
            tlb::tell_miss(obs, kind, vmid, space.asid, at);
        }
        match walk_both(memory, space, at, want, obs) {
            Ok((found, entry)) => {
                let global = space.format.is_global(&entry.1);
                let tag = Tag::new(at, found.size, vmid, space.asid, global);
                self.tlb.put(tag, entry.0, kind, obs);
                Ok(found)
            }
            Err(fault) => Err(tell(fault, Some(&space.format), want, obs)),
        }
    }

    /// Takes a guest-physical address through the hypervisor's tables: what a guest without paging, or a view, needs.
    pub fn guest_physical<O: Observer>(
        &mut self,
        memory: &mut Memory,
        guest: &Guest,
        at: GuestPhysAddr,
        want: Want,
        obs: &mut O,
    ) -> Result<Translation, MmuFault> {
        match second_stage(memory, guest, at.raw(), want, None, obs) {
            Ok(walked) => Ok(from_guest(guest, at, &walked)),
            Err(fault) => Err(tell(fault, None, want, obs)),
        }
    }
}

/// Returns what the tables say now, with no TLB and no side effect: as a debugger reads them.
pub fn peek(
    memory: &mut Memory,
    space: &AddressSpace,
    at: VirtAddr,
    want: Want,
) -> Result<Translation, MmuFault> {
    look(memory, space, at, want, &mut Off)
}

/// Returns the same, telling what is read.
pub fn look<O: Observer>(
    memory: &mut Memory,
    space: &AddressSpace,
    at: VirtAddr,
    want: Want,
    obs: &mut O,
) -> Result<Translation, MmuFault> {
    if !space.format.accepts(at.raw()) {
        return Err(no_place(space, at, want));
    }
    let quiet = AddressSpace {
        format: space.format.quiet(),
        guest: space.guest.map(|g| Guest { format: g.format.quiet(), ..g }),
        ..*space
    };
    walk_both(memory, &quiet, at, want, obs).map(|(found, _)| found)
}

/// Returns what the hypervisor's tables say of a guest-physical address now, telling what is read.
pub fn look_guest<O: Observer>(
    memory: &mut Memory,
    guest: &Guest,
    at: GuestPhysAddr,
    want: Want,
    obs: &mut O,
) -> Result<Translation, MmuFault> {
    let quiet = Guest { format: guest.format.quiet(), ..*guest };
    second_stage(memory, &quiet, at.raw(), want, None, obs).map(|walked| from_guest(guest, at, &walked))
}

fn from_guest(guest: &Guest, at: GuestPhysAddr, walked: &Walked<GuestState>) -> Translation {
    Translation {
        to: PhysAddr::new(walked.to),
        gpa: Some(at),
        size: walked.size,
        perms: guest.format.perms(&walked.state),
        cached: false,
        reads: walked.reads,
    }
}

fn walk_both<O: Observer>(
    memory: &mut Memory,
    space: &AddressSpace,
    at: VirtAddr,
    want: Want,
    obs: &mut O,
) -> Result<(Translation, (Entry, CpuState)), MmuFault> {
    let Some(guest) = &space.guest else {
        let walked = walk(&space.format, &mut Direct, memory, CPU, space.root, at.any(), want, obs)
            .map_err(|e| first_stage_fault(space, at, want, e, |never, _| match never {}))?;
        let found = Translation {
            to: PhysAddr::new(walked.to),
            gpa: None,
            size: walked.size,
            perms: space.format.perms(&walked.state),
            cached: false,
            reads: walked.reads,
        };
        return Ok((found, remembered(space, &walked, &found, Perms::RWX, want)));
    };
    let mut tables =
        Nested { format: &guest.format, root: guest.root, actor: Actor::Mmu, stage: guest.stage() };
    let first = walk(&space.format, &mut tables, memory, CPU, space.root, at.any(), want, obs);
    let first = first.map_err(|error| {
        // An entry of the guest's tables lies where the stage below refuses: a read, or a write of A and D.
        first_stage_fault(space, at, want, error, |fault, gpa| {
            second_stage_fault(memory, guest, gpa, want, Some((at, false)), fault)
        })
    })?;
    let second = second_stage(memory, guest, first.to, want, Some(at), obs)?;
    let below = guest.format.perms(&second.state);
    let found = Translation {
        to: PhysAddr::new(second.to),
        gpa: Some(GuestPhysAddr::new(first.to)),
        size: first.size.min(second.size),
        perms: space.format.perms(&first.state).and(below),
        cached: false,
        reads: first.reads + second.reads,
    };
    Ok((found, remembered(space, &first, &found, below, want)))
}

/// Returns what the TLB keeps of a walk.
fn remembered(
    space: &AddressSpace,
    first: &Walked<CpuState>,
    found: &Translation,
    below: Perms,
    want: Want,
) -> (Entry, CpuState) {
    let written = !space.format.updates() || want.perms.has(Perms::W);
    let entry = Entry {
        to: found.to.page(found.size),
        rights: space.format.rights(&first.state),
        perms: found.perms,
        below,
        dirty: written || space.format.is_dirty(first.raw),
    };
    (entry, first.state)
}

fn second_stage<O: Observer>(
    memory: &mut Memory,
    guest: &Guest,
    gpa: u64,
    want: Want,
    linear: Option<VirtAddr>,
    obs: &mut O,
) -> Result<Walked<GuestState>, MmuFault> {
    let input = GuestPhysAddr::new(gpa).any();
    let how = Walker { actor: Actor::Mmu, stage: guest.stage() };
    // The second stage takes every access as a user one (SDM 3C 28.3.3, RISC-V Privileged 18.5.1).
    let asked = Want::user(want.perms);
    let linear = linear.map(|va| (va, true));
    if !guest.format.accepts(gpa) {
        return Err(guest_fault(memory, guest, GuestPhysAddr::new(gpa), want, linear));
    }
    walk(&guest.format, &mut Direct, memory, how, guest.root.raw(), input, asked, obs)
        .map_err(|e| second_stage_fault(memory, guest, gpa, want, linear, e))
}

/// Returns the tables have no place for this virtual address.
fn no_place(space: &AddressSpace, at: VirtAddr, want: Want) -> MmuFault {
    match space.format {
        CpuTables::X86(_) => MmuFault::NonCanonical { at },
        CpuTables::Riscv(_) => MmuFault::Trap(Trap::first(Cause::Page, at, want)),
        CpuTables::Aarch64(_) => {
            // In the gap between the halves of TTBR0 and TTBR1: a translation fault, level 0 (DDI 0487 D8.2).
            let cause = aarch64::Cause::Tables(FaultKind::Translation);
            MmuFault::Abort(Abort::first(cause, 4, at, want))
        }
    }
}

fn first_stage_fault<T>(
    space: &AddressSpace,
    at: VirtAddr,
    want: Want,
    error: WalkError<CpuFault, T>,
    table: impl FnOnce(T, u64) -> MmuFault,
) -> MmuFault {
    match (error, &space.format) {
        (WalkError::Entry { fault: CpuFault::X86(fault), .. }, CpuTables::X86(format)) => {
            MmuFault::PageFault { at, error: x86::error_code(format, fault, want) }
        }
        (WalkError::Entry { fault: CpuFault::Aarch64(fault), level, .. }, _) => {
            MmuFault::Abort(Abort::first(aarch64::Cause::Tables(fault.kind()), level, at, want))
        }
        (WalkError::Memory { level, .. }, CpuTables::Aarch64(_)) => {
            MmuFault::Abort(Abort::first(aarch64::Cause::External, level, at, want))
        }
        (WalkError::Entry { .. }, _) => MmuFault::Trap(Trap::first(Cause::Page, at, want)),
        (WalkError::Memory { error, .. }, CpuTables::X86(_)) => MmuFault::Memory(error),
        (WalkError::Memory { .. }, CpuTables::Riscv(_)) => {
            MmuFault::Trap(Trap::first(Cause::Access, at, want))
        }
        (WalkError::Table { fault, at: gpa, .. }, _) => table(fault, gpa),
    }
}

/// `linear` is the virtual address being translated, and whether the access is to what it maps to (rather than
/// to an entry of the guest's tables).
fn second_stage_fault(
    memory: &mut Memory,
    guest: &Guest,
    gpa: u64,
    want: Want,
    linear: Option<(VirtAddr, bool)>,
    error: WalkError<GuestFault, Never>,
) -> MmuFault {
    let at = GuestPhysAddr::new(gpa);
    match error {
        WalkError::Entry { fault: GuestFault::Ept(EptFault::Misconfiguration), .. } => {
            MmuFault::Ept(Exit::Misconfiguration { at })
        }
        WalkError::Entry { fault: GuestFault::Aarch64(fault), level, .. } => {
            second_abort(aarch64::Cause::Tables(fault.kind()), level, at, want, linear)
        }
        WalkError::Entry { fault: GuestFault::Npt(fault), .. } => {
            let tables = linear.is_some_and(|(_, data)| !data);
            MmuFault::Npt(NestedFault { at, info: x86::exit_info(fault, want, tables) })
        }
        WalkError::Entry { .. } => guest_fault(memory, guest, at, want, linear),
        WalkError::Memory { error, level, .. } => match guest.format {
            GuestTables::Ept(_) | GuestTables::Npt(_) => MmuFault::Memory(error),
            GuestTables::Aarch64(_) => second_abort(aarch64::Cause::External, level, at, want, linear),
            GuestTables::Riscv(_) => {
                let va = linear.map_or(VirtAddr::new(gpa), |l| l.0);
                MmuFault::Trap(Trap::first(Cause::Access, va, want))
            }
        },
        WalkError::Table { fault, .. } => match fault {},
    }
}

/// Arm's stage 2 does not allow an access to `ipa`: an abort that is taken to EL2.
fn second_abort(
    cause: aarch64::Cause,
    level: u8,
    ipa: GuestPhysAddr,
    want: Want,
    linear: Option<(VirtAddr, bool)>,
) -> MmuFault {
    let on_walk = linear.is_some_and(|(_, data)| !data);
    let at = linear.map_or(VirtAddr::new(ipa.raw()), |(va, _)| va);
    MmuFault::Abort(Abort { ipa: Some(ipa), on_walk, ..Abort::first(cause, level, at, want) })
}

/// Returns the hypervisor's tables do not allow an access to `at`: the guest leaves.
fn guest_fault(
    memory: &mut Memory,
    guest: &Guest,
    at: GuestPhysAddr,
    want: Want,
    linear: Option<(VirtAddr, bool)>,
) -> MmuFault {
    let to_table = linear.is_some_and(|(_, data)| !data);
    match guest.format {
        GuestTables::Ept(_) => {
            // What all entries on the way allow together: walk again asking for nothing.
            let quiet = guest.format.quiet();
            let how = Walker { actor: Actor::Mmu, stage: guest.stage() };
            let root = guest.root.raw();
            let allowed = walk(&quiet, &mut Direct, memory, how, root, at.any(), Want::default(), &mut Off)
                .map_or(Perms::NONE, |w| quiet.perms(&w.state));
            let asked = if to_table { Perms::R } else { want.perms };
            let qualification = x86::qualification(asked, allowed, linear.map(|(_, data)| data));
            MmuFault::Ept(Exit::Violation { at, linear: linear.map(|(va, _)| va), qualification })
        }
        // Beyond what the tables have a place for.
        GuestTables::Npt(_) => {
            MmuFault::Npt(NestedFault { at, info: x86::exit_info(X86Fault::NotPresent, want, to_table) })
        }
        GuestTables::Aarch64(f) => {
            second_abort(aarch64::Cause::Tables(FaultKind::Translation), f.levels(), at, want, linear)
        }
        GuestTables::Riscv(_) => MmuFault::Trap(Trap {
            cause: Cause::GuestPage,
            want: want.perms,
            // With translation off in the guest its virtual addresses are guest-physical ones.
            at: linear.map_or(VirtAddr::new(at.raw()), |(va, _)| va),
            gpa: Some(at),
            // Svade: the walker never writes A or D, so an implicit access is a read.
            implicit: to_table.then_some(false),
        }),
    }
}

/// Tells a fault, in the words of the manual of the CPU with these tables.
fn tell<O: Observer>(fault: MmuFault, tables: Option<&CpuTables>, want: Want, obs: &mut O) -> MmuFault {
    if O::ON {
        if let Some(code) = fault.code_with(tables) {
            let at: AnyAddr = fault.address();
            let (requester, pasid, recorded) = (None, None, Recorded::None);
            obs.step(Actor::Mmu, Event::Fault { code, requester, pasid, at, want: want.perms, recorded });
        }
    }
    fault
}

#[cfg(test)]
mod tests;
