//! Mappings in the tables of the CPU (the kernel's, a process's, a guest's) as the operating system makes them; those of the
//! IOMMU are in [`super::domain`].

use crate::addr::{AddrRange, Address, AnyAddr, PageSize, PhysAddr, Space, VirtAddr};
use crate::machine::build::{map_problem, too_many};
use crate::machine::resolve::wrong;
use crate::machine::run::Stop;
use crate::machine::software::{DomainRef, Named, Owner, Remap};
use crate::machine::{limits, problem, Machine};
use crate::memory::Memory;
use crate::mmu::AddressSpace;
use crate::os;
use crate::os::pages::{NoPages, Zone, SCATTERED};
use crate::paging::any::CpuTables;
use crate::paging::builder::{Builder, MapError, Mapping};
use crate::scenario::ast::{self, Privilege, Rights};
use crate::spec::Text;
use crate::trace::{Actor, Observer, Perms, Trace};
use alloc::{vec, vec::Vec};

/// A builder of a CPU's tables, wherever they are.
type CpuBuilder<'a> = Builder<'a, CpuTables, &'a dyn Fn(u64) -> Option<PhysAddr>>;

/// The rights that a scenario names.
pub(in crate::machine) fn perms(rights: Option<ast::Rights>) -> Perms {
    match rights.unwrap_or(Rights::ReadWrite) {
        Rights::Read => Perms::R,
        Rights::Write => Perms::W,
        Rights::ReadWrite => Perms::RW,
        Rights::ReadExecute => Perms::R.or(Perms::X),
        Rights::All => Perms::RWX,
    }
}

impl Machine {
    /// Lends the builder of an address space of the CPU (the kernel's, a process's) with memory, the root of its tables and
    /// the trace. The tables of a guest's process are in the guest's RAM, written by the guest.
    fn with_tables(
        &mut self,
        owner: Owner,
        from: u64,
        act: impl FnOnce(&mut CpuBuilder<'_>, &mut Memory, u64, &mut Trace) -> Result<(), MapError>,
    ) -> Result<AddressSpace, MapError> {
        let space = self.space(owner).ok_or(MapError::NotMapped { at: from })?;
        let guest = match owner {
            Owner::Process(process) => self.sw.processes[process].vm,
            _ => None,
        };
        let Some(vm) = guest.map(|vm| &mut self.sw.vms[vm]) else {
            let (place, frames) = (|at| Some(PhysAddr::new(at)), &mut self.sw.frames);
            let mut builder = Builder { format: &space.format, frames, place: &place as _, actor: Actor::Os };
            act(&mut builder, &mut self.memory, space.root, &mut self.trace)?;
            return Ok(space);
        };
        let mut frames = vm.frames.clone();
        let place = |at| vm.place(at);
        let mut builder =
            Builder { format: &space.format, frames: &mut frames, place: &place as _, actor: Actor::Guest };
        let done = act(&mut builder, &mut self.memory, space.root, &mut self.trace);
        vm.frames = frames;
        done.map(|()| space)
    }

    /// Maps pages in an address space of the CPU: the kernel's, a process's.
    pub(in crate::machine) fn map_cpu(&mut self, owner: Owner, mapping: Mapping) -> Result<(), MapError> {
        let map = |builder: &mut CpuBuilder<'_>, memory: &mut Memory, root, trace: &mut Trace| {
            builder.map(memory, root, mapping, trace)
        };
        self.with_tables(owner, mapping.from, map).map(|_| ())
    }

    /// Unmaps in an address space of the CPU and, where `flush` says so, invalidates its TLB.
    pub(in crate::machine) fn unmap_cpu(
        &mut self,
        owner: Owner,
        from: u64,
        len: u64,
        flush: bool,
    ) -> Result<(), MapError> {
        let space = self.with_tables(owner, from, |builder, memory, root, trace| {
            builder.unmap(memory, root, from, len, trace)
        })?;
        if flush {
            let vmid = space.guest.map_or(0, |g| g.vmid);
            // Bounded: at most 64 pages.
            for page in (0..len.min(64 << 12)).step_by(4096) {
                let at = VirtAddr::new(from.wrapping_add(page));
                self.hw.mmu.tlb_mut().invalidate_page(vmid, space.asid, at, &mut self.trace);
            }
            if len > 64 << 12 {
                self.hw.mmu.tlb_mut().invalidate_space(vmid, space.asid, &mut self.trace);
            }
        }
        Ok(())
    }

    pub(in crate::machine) fn op_map(&mut self, op: &ast::Map) -> Result<(), Stop> {
        let named = self.named(&op.space.value, op.space.span)?;
        let page = op.page.map_or(PageSize::SIZE_4K, |p| p.value.0);
        let perms = perms(op.rights.map(|r| r.value));
        let (space, to_space, user) = match named {
            Named::Process(process) => {
                let guest = self.sw.processes[process].vm.is_some();
                (Space::Virtual, if guest { Space::GuestPhysical } else { Space::Physical }, true)
            }
            Named::Vm(_) => (Space::GuestPhysical, Space::Physical, true),
            Named::Domain(domain) => {
                let guest = matches!(self.sw.domains[domain].kind, DomainRef::Guest { .. });
                (Space::Iova, if guest { Space::GuestPhysical } else { Space::Physical }, true)
            }
            _ => return Err(wrong(op.space.span, &op.space.value, "an address space", "地址空间").into()),
        };
        let user = op.privilege.map_or(user, |p| p.value == Privilege::User);
        let (found, len) = self.range(&op.range, space)?;
        let from = found.at.raw;
        if len > limits::MAPPING || len / page.bytes() > limits::ENTRIES {
            return Err(too_many(op.range.span, len / page.bytes()).into());
        }
        if op.not_present {
            if let Named::Process(process) = named {
                let range = AddrRange::new(VirtAddr::new(from), len)
                    .ok_or_else(|| problem(op.range.span, Text::new("a range", "此处应为范围")))?;
                self.sw.processes[process].promised.push((range, perms));
                return Ok(());
            }
        }
        let targets: Vec<(u64, u64)> = match &op.to {
            Some(to) => {
                let target = self.find(to, to_space)?;
                // Naming a buffer maps its pieces; a number is one run.
                match target.named {
                    Some(Named::Buffer(index)) => self.buffer_runs(index, target.offset, len, to_space),
                    _ if to_space == Space::Physical => vec![(self.physical(to)?.0.raw(), len)],
                    _ => vec![(target.at.raw, len)],
                }
            }
            None => self.fresh_pages(named, len, page, op.scattered).map_err(os::OsError::NoPages)?,
        };
        let mut at = from;
        for (to, len) in targets {
            let mapping = Mapping { from: at, to, len, size: page, perms, user };
            match named {
                Named::Process(process) => self
                    .map_cpu(Owner::Process(process), mapping)
                    .map_err(|e| Stop::of_map(e, op.range.span))?,
                Named::Vm(vm) => self.map_vm(vm, mapping).map_err(|e| Stop::of_map(e, op.range.span))?,
                Named::Domain(domain) => self.map_domain(domain, mapping, op.range.span)?,
                _ => {}
            }
            at = at.wrapping_add(len);
        }
        Ok(())
    }

    fn map_vm(&mut self, vm: usize, mapping: Mapping) -> Result<(), MapError> {
        let (format, root) = (self.sw.vms[vm].format, self.sw.vms[vm].root.raw());
        Builder {
            format: &format,
            frames: &mut self.sw.frames,
            place: |at| Some(PhysAddr::new(at)),
            actor: Actor::Os,
        }
        .map(&mut self.memory, root, mapping, &mut self.trace)?;
        if let Some(domain) = self.sw.vms[vm].domain {
            self.with_unit(|unit, ctx| crate::iommu::Driver::map(unit, ctx, domain, mapping)).map_err(
                |e| match e {
                    crate::iommu::DriverError::Map(e) => e,
                    _ => MapError::NoFrames,
                },
            )?;
        }
        Ok(())
    }

    pub(in crate::machine) fn op_unmap(&mut self, op: &ast::Unmap) -> Result<(), Stop> {
        let named = self.named(&op.space.value, op.space.span)?;
        match named {
            Named::Process(process) => {
                let (found, len) = self.range(&op.range, Space::Virtual)?;
                self.unmap_cpu(Owner::Process(process), found.at.raw, len, !op.no_invalidate)
                    .map_err(|e| map_problem(op.range.span, e))?;
                if !op.no_invalidate {
                    self.forget_process_pages(process, found.at.raw, len)?;
                }
                Ok(())
            }
            Named::Vm(vm) => {
                let (found, len) = self.range(&op.range, Space::GuestPhysical)?;
                let (format, root) = (self.sw.vms[vm].format, self.sw.vms[vm].root.raw());
                Builder {
                    format: &format,
                    frames: &mut self.sw.frames,
                    place: |at| Some(PhysAddr::new(at)),
                    actor: Actor::Os,
                }
                .unmap(&mut self.memory, root, found.at.raw, len, &mut self.trace)
                .map_err(|e| map_problem(op.range.span, e))?;
                if let Some(domain) = self.sw.vms[vm].domain {
                    self.unmap_iommu(domain, found.at.raw, len, op.no_invalidate, op.range.span)?;
                }
                self.hw.mmu.tlb_mut().invalidate_guest(vm as u16 + 1, &mut self.trace);
                Ok(())
            }
            Named::Domain(domain) => {
                let (found, len) = self.range(&op.range, Space::Iova)?;
                self.unmap_domain(domain, found.at.raw, len, op.no_invalidate, op.range.span)
            }
            _ => Err(wrong(op.space.span, &op.space.value, "an address space", "地址空间").into()),
        }
    }

    pub(in crate::machine) fn op_ioremap(&mut self, op: &ast::Ioremap) -> Result<(), Stop> {
        let (pa, found) = self.physical(&op.at)?;
        let len =
            self.length(op.len.map(|l| l.value), &found, Some(found.rest.unwrap_or(4096)), op.at.span)?;
        let base = self.sw.vmalloc_range(len);
        let mapping = Mapping {
            from: base.raw(),
            to: pa.raw() & !0xfff,
            len: (len + (pa.raw() & 0xfff)).next_multiple_of(4096),
            size: PageSize::SIZE_4K,
            perms: Perms::RW,
            user: false,
        };
        self.map_cpu(Owner::Kernel, mapping).map_err(|e| map_problem(op.at.span, e))?;
        let va = VirtAddr::new(base.raw() + (pa.raw() & 0xfff));
        let index = self.sw.remaps.len();
        self.sw.remaps.push(Remap { born: self.trace.len(), name: op.name.value.clone(), va, pa, len });
        self.sw.name(self.trace.len(), &op.name.value, Named::Remap(index));
        Ok(())
    }

    fn fresh_pages(
        &mut self,
        named: Named,
        len: u64,
        page: PageSize,
        scattered: bool,
    ) -> Result<Vec<(u64, u64)>, NoPages> {
        let vm = match named {
            Named::Process(process) => self.sw.processes[process].vm,
            Named::Domain(domain) => match self.sw.domains[domain].kind {
                DomainRef::Guest { vm, .. } => Some(vm),
                DomainRef::Host(_) => None,
            },
            _ => None,
        };
        let supply = match vm {
            Some(vm) => &mut self.sw.vms[vm].pages,
            None => &mut self.sw.pages,
        };
        if scattered && page == PageSize::SIZE_4K {
            if !self.trace.keep(len.div_ceil(4096) * SCATTERED) {
                return Err(NoPages::Full { bytes: len, from: 0, to: u64::MAX });
            }
            let pages = supply.scatter(len.div_ceil(4096), Zone::ANY, "pages")?;
            return Ok(pages.iter().map(|p| (p.raw(), 4096)).collect());
        }
        Ok(vec![(supply.alloc(len, page.bytes(), Zone::ANY, "pages")?.raw(), len)])
    }

    /// A page fault of a process on a page that was promised: the kernel brings it in. `true` when it did.
    pub(in crate::machine) fn page_in(&mut self, process: usize, at: VirtAddr, want: Perms) -> bool {
        let page = at.page(PageSize::SIZE_4K);
        let promised =
            self.sw.processes[process].promised.iter().find(|(r, p)| r.contains(page) && p.has(want));
        let Some(perms) = promised.map(|p| p.1) else { return false };
        let Ok(pages) = self.fresh_pages(Named::Process(process), 4096, PageSize::SIZE_4K, true) else {
            return false;
        };
        let mapping = Mapping {
            from: page.raw(),
            to: pages[0].0,
            len: 4096,
            size: PageSize::SIZE_4K,
            perms,
            user: true,
        };
        self.map_cpu(Owner::Process(process), mapping).is_ok()
    }

    /// Where a byte is that an owner names, by its tables as they are now.
    pub(in crate::machine) fn seen_by(&mut self, owner: Owner, at: AnyAddr) -> Option<PhysAddr> {
        match (owner, at.space) {
            (Owner::Vm(vm), Space::GuestPhysical) => self.sw.vms[vm].place(at.raw),
            (_, Space::Virtual) => {
                let space = self.space(owner)?;
                // A process looks at its own pages, the kernel at its own.
                let want = crate::paging::Want { perms: Perms::NONE, privileged: owner == Owner::Kernel };
                crate::mmu::peek(&mut self.memory, &space, VirtAddr::new(at.raw), want).ok().map(|t| t.to)
            }
            (_, Space::Physical) => Some(PhysAddr::new(at.raw)),
            _ => None,
        }
    }
}
