//! The CPU's memory management unit: virtual addresses become physical ones, through the CPU's own tables, the
//! guest's and EPT below them, and a TLB (Intel SDM volume 3A chapter 4, volume 3C chapter 28).
//!
//! * [`fault`]: page faults with their error code, EPT violations with their exit qualification
//! * [`tlb`]: what is remembered, with PCID and VPID tags

pub mod fault;
pub mod tlb;

use crate::addr::{Address, AnyAddr, GuestPhysAddr, PageSize, PhysAddr, VirtAddr};
use crate::memory::{MemError, Memory};
use crate::paging::ept::{Ept, EptFault};
use crate::paging::walk::{walk, Direct, Nested, Never, WalkError, Walked, Walker};
use crate::paging::x86::{X86Fault, X86State, D, X86};
use crate::paging::{Format, Want};
use crate::trace::{Actor, CacheOp, Event, Observer, Off, Perms, Recorded, Stage};
use fault::{Exit, MmuFault};
use tlb::{Entry, Tag, Tlb};

/// What CR3 and the control registers say, and what is below.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct AddressSpace {
    /// The tables' format: levels and protection bits of the control registers.
    pub format: X86,
    /// CR3's table address: physical, or guest-physical when there is a guest.
    pub root: u64,
    /// CR3's process-context identifier, 12 bits.
    pub pcid: u16,
    /// The guest it runs in, if it does.
    pub guest: Option<Guest>,
}

/// What stands below a guest.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Guest {
    /// The format of its EPT.
    pub ept: Ept,
    /// The EPT pointer's table address.
    pub root: PhysAddr,
    /// Its virtual-processor identifier; 0 is the host.
    pub vpid: u16,
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
const EPT: Walker = Walker { actor: Actor::Mmu, stage: Stage::Ept };

impl Mmu {
    /// A unit whose TLB holds `entries` (0: remembers nothing).
    pub fn new(entries: usize) -> Self {
        Mmu { tlb: Tlb::new(entries) }
    }

    /// What the TLB holds.
    pub fn tlb(&self) -> &Tlb {
        &self.tlb
    }
    /// The TLB, to be invalidated.
    pub fn tlb_mut(&mut self) -> &mut Tlb {
        &mut self.tlb
    }

    /// Translates one access to `at`, which does not cross a page.
    ///
    /// A TLB entry that does not allow the access is dropped and the tables are walked before a fault is
    /// raised: one of the behaviours that SDM 3A 4.10.4.3 allows, and why adding rights needs no invalidation.
    pub fn translate<O: Observer>(
        &mut self,
        memory: &mut Memory,
        space: &AddressSpace,
        at: VirtAddr,
        want: Want,
        obs: &mut O,
    ) -> Result<Translation, MmuFault> {
        if !space.format.canonical(at.raw()) {
            return Err(tell(MmuFault::NonCanonical { at }, want, obs));
        }
        let vpid = space.guest.map_or(0, |g| g.vpid);
        if let Some((slot, tag, entry)) = self.tlb.find(vpid, space.pcid, at) {
            let allowed = entry.allows(&space.format, want);
            // A first write must set the dirty bit in the tables: it is as good as a miss.
            if allowed && (entry.dirty || !want.perms.has(Perms::W)) {
                let to = entry.to.wrapping_add(at.offset(tag.size()));
                if O::ON {
                    let now = peek(memory, space, at, want).map(|t| t.to);
                    let op = if now == Ok(to) { CacheOp::Hit } else { CacheOp::Stale };
                    tlb::tell(obs, op, slot, &tag, &entry);
                }
                let perms = entry.perms();
                return Ok(Translation { to, gpa: None, size: tag.size(), perms, cached: true, reads: 0 });
            }
            tlb::tell(obs, if allowed { CacheOp::Miss } else { CacheOp::Denied }, slot, &tag, &entry);
            self.tlb.drop(&tag, obs);
        } else {
            tlb::tell_miss(obs, vpid, space.pcid, at);
        }
        match walk_both(memory, space, at, want, obs) {
            Ok((found, entry)) => {
                let tag = Tag::new(at, found.size, vpid, space.pcid, entry.global);
                self.tlb.put(tag, entry, obs);
                Ok(found)
            }
            Err(fault) => Err(tell(fault, want, obs)),
        }
    }

    /// Takes a guest-physical address through EPT: what a guest without paging, or a view, asks.
    pub fn guest_physical<O: Observer>(
        &mut self,
        memory: &mut Memory,
        guest: &Guest,
        at: GuestPhysAddr,
        want: Want,
        obs: &mut O,
    ) -> Result<Translation, MmuFault> {
        match second_stage(memory, guest, at.raw(), want, None, obs) {
            Ok(walked) => Ok(Translation {
                to: PhysAddr::new(walked.to),
                gpa: Some(at),
                size: walked.size,
                perms: walked.state.0,
                cached: false,
                reads: walked.reads,
            }),
            Err(fault) => Err(tell(fault, want, obs)),
        }
    }
}

/// What the tables say now, with no TLB and no side effect: as a debugger reads them.
pub fn peek(
    memory: &mut Memory,
    space: &AddressSpace,
    at: VirtAddr,
    want: Want,
) -> Result<Translation, MmuFault> {
    if !space.format.canonical(at.raw()) {
        return Err(MmuFault::NonCanonical { at });
    }
    let quiet = AddressSpace {
        format: X86 { accessed_dirty: false, ..space.format },
        guest: space.guest.map(|g| Guest { ept: Ept { accessed_dirty: false, ..g.ept }, ..g }),
        ..*space
    };
    walk_both(memory, &quiet, at, want, &mut Off).map(|(found, _)| found)
}

fn walk_both<O: Observer>(
    memory: &mut Memory,
    space: &AddressSpace,
    at: VirtAddr,
    want: Want,
    obs: &mut O,
) -> Result<(Translation, Entry), MmuFault> {
    let Some(guest) = &space.guest else {
        let walked = walk(&space.format, &mut Direct, memory, CPU, space.root, at.any(), want, obs)
            .map_err(|e| first_stage_fault(space, at, want, e, |never| match never {}))?;
        let found = Translation {
            to: PhysAddr::new(walked.to),
            gpa: None,
            size: walked.size,
            perms: space.format.perms(&walked.state),
            cached: false,
            reads: walked.reads,
        };
        return Ok((found, entry(&walked, found.to, Perms::RWX, found.size, space, want)));
    };
    let mut tables = Nested { format: &guest.ept, root: guest.root, actor: Actor::Mmu, stage: Stage::Ept };
    let first = walk(&space.format, &mut tables, memory, CPU, space.root, at.any(), want, obs);
    let first = match first {
        Ok(walked) => walked,
        Err(WalkError::Table { at: gpa, fault, .. }) => {
            // An entry of the guest's tables lies where EPT refuses: a read, or a write of accessed and dirty.
            let read = Want::user(Perms::R);
            return Err(second_stage_fault(memory, guest, gpa, read, Some((at, false)), fault));
        }
        Err(error) => {
            return Err(first_stage_fault(space, at, want, error, |_| MmuFault::NonCanonical { at }))
        }
    };
    let second = second_stage(memory, guest, first.to, want, Some(at), obs)?;
    let size = first.size.min(second.size);
    let found = Translation {
        to: PhysAddr::new(second.to),
        gpa: Some(GuestPhysAddr::new(first.to)),
        size,
        perms: space.format.perms(&first.state).and(second.state.0),
        cached: false,
        reads: first.reads + second.reads,
    };
    Ok((found, entry(&first, found.to, second.state.0, size, space, want)))
}

fn entry(
    first: &Walked<X86State>,
    to: PhysAddr,
    below: Perms,
    size: PageSize,
    space: &AddressSpace,
    want: Want,
) -> Entry {
    Entry {
        to: to.page(size),
        write: first.state.write,
        user: first.state.user,
        execute: first.state.execute,
        global: first.state.global,
        below,
        dirty: !space.format.accessed_dirty || want.perms.has(Perms::W) || first.raw & D != 0,
    }
}

fn second_stage<O: Observer>(
    memory: &mut Memory,
    guest: &Guest,
    gpa: u64,
    want: Want,
    linear: Option<VirtAddr>,
    obs: &mut O,
) -> Result<Walked<crate::paging::ept::EptState>, MmuFault> {
    let input = AnyAddr { space: crate::addr::Space::GuestPhysical, raw: gpa };
    walk(&guest.ept, &mut Direct, memory, EPT, guest.root.raw(), input, want, obs)
        .map_err(|e| second_stage_fault(memory, guest, gpa, want, linear.map(|va| (va, true)), e))
}

fn first_stage_fault<T>(
    space: &AddressSpace,
    at: VirtAddr,
    want: Want,
    error: WalkError<X86Fault, T>,
    table: impl FnOnce(T) -> MmuFault,
) -> MmuFault {
    match error {
        WalkError::Entry { fault, .. } => {
            MmuFault::PageFault { at, error: fault::error_code(&space.format, fault, want) }
        }
        WalkError::Memory { error, .. } => MmuFault::Memory(error),
        WalkError::Table { fault, .. } => table(fault),
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
    error: WalkError<EptFault, Never>,
) -> MmuFault {
    let at = GuestPhysAddr::new(gpa);
    match error {
        WalkError::Entry { fault: EptFault::Misconfiguration, .. } => {
            MmuFault::Ept(Exit::Misconfiguration { at })
        }
        WalkError::Entry { fault: EptFault::Violation, .. } => {
            // What all entries on the way allow together: walk again asking for nothing.
            let quiet = Ept { accessed_dirty: false, ..guest.ept };
            let input = at.any();
            let root = guest.root.raw();
            let allowed = walk(&quiet, &mut Direct, memory, EPT, root, input, Want::default(), &mut Off)
                .map_or(Perms::NONE, |w| w.state.0);
            let qualification = fault::qualification(want.perms, allowed, linear.map(|(_, data)| data));
            MmuFault::Ept(Exit::Violation { at, linear: linear.map(|(va, _)| va), qualification })
        }
        WalkError::Memory { error, .. } => MmuFault::Memory(error),
        WalkError::Table { fault, .. } => match fault {},
    }
}

fn tell<O: Observer>(fault: MmuFault, want: Want, obs: &mut O) -> MmuFault {
    if O::ON {
        if let Some(code) = fault.code() {
            let at = fault.address();
            let (requester, pasid, recorded) = (None, None, Recorded::None);
            obs.step(Actor::Mmu, Event::Fault { code, requester, pasid, at, want: want.perms, recorded });
        }
    }
    fault
}

impl From<MemError> for MmuFault {
    fn from(error: MemError) -> Self {
        MmuFault::Memory(error)
    }
}

#[cfg(test)]
mod tests;
