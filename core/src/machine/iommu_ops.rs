//! Operations on the IOMMU: bring-up, domains, attachments, bindings, invalidation, registers, its tables' bits.

use super::build::problem;
use super::names::wrong;
use super::run::{OsError, Stop};
use super::software::{Domain, DomainRef, Named};
use super::told::Both;
use super::{limits, Machine};
use crate::addr::{AddrRange, Address, Iova, PageSize, Pasid, PhysAddr, RequesterId, Space};
use crate::iommu::{
    AnyIommu, Attachment, Ctx, DomainId, DomainKind, DriverError, InterruptEntry, Invalidation, Iommu,
    ProcessTables,
};
use crate::os::sva::Abilities;
use crate::os::{self, vfio};
use crate::paging::builder::{Builder, Mapping};
use crate::paging::Format;
use crate::platform::group::{groups, GroupId};
use crate::scenario::ast::{self, CacheKind, EntryState, Policy, Register};
use crate::scenario::outline::Outline;
use crate::scenario::{Problem, Span};
use crate::trace::{write_word, Actor, Event, Observer, Perms, Scope, Trace, Verdict};
use alloc::{format, vec::Vec};

/// Levels of VT-d's device table (root, context) and of its process table (PASID directory, PASID table).
const DIRECTORY_LEVELS: usize = 2;

impl Machine {
    /// Lends the IOMMU and what its driver works with.
    pub(super) fn with_unit<T>(
        &mut self,
        act: impl FnOnce(&mut AnyIommu, &mut Ctx<'_, Trace>) -> Result<T, DriverError>,
    ) -> Result<T, DriverError> {
        let Some(unit) = self.hw.iommu.as_mut() else {
            return Err(DriverError::Unsupported("(there is none)"));
        };
        let mut ctx = Ctx { memory: &mut self.memory, frames: &mut self.sw.frames, obs: &mut self.trace };
        act(unit, &mut ctx)
    }

    fn driver<T>(
        &mut self,
        span: Span,
        act: impl FnOnce(&mut AnyIommu, &mut Ctx<'_, Trace>) -> Result<T, DriverError>,
    ) -> Result<T, Problem> {
        self.with_unit(act).map_err(|e| problem(span, e))
    }

    /// Brings the unit up and gives every group its default domain, as Linux does at boot.
    pub(super) fn start_iommu(&mut self, outline: &Outline<'_>) -> Result<(), Problem> {
        if !self.iommu_on() {
            return self.add_devices(Span::default());
        }
        let span = outline.machine.map_or(Span::default(), |m| m.span);
        let what = self.trace.name("the IOMMU's driver starts it");
        self.trace.begin(Actor::Os, Scope::Setup { what });
        self.driver(span, |unit, ctx| unit.start(ctx))?;
        for device in 0..self.hw.devices.len() {
            let (requester, caps) = (self.hw.devices[device].requester, self.hw.devices[device].caps);
            self.driver(span, |unit, _| {
                unit.set_caps(requester, caps);
                Ok(())
            })?;
        }
        self.add_devices(span)?;
        for reserved in &outline.reserved {
            let device = self.device_named(&reserved.device)?;
            self.sw.reserved.push(device);
            let range =
                reserved.range.addresses().ok_or_else(|| problem(reserved.span, "this range is empty"))?;
            if let Some(domain) = self.domain_of(device) {
                let mapping = Mapping {
                    from: range.start.raw(),
                    to: range.start.raw(),
                    len: range.len(),
                    size: PageSize::SIZE_4K,
                    perms: Perms::RW,
                    user: true,
                };
                self.driver(reserved.span, |unit, ctx| unit.map(ctx, domain, mapping))?;
            }
        }
        self.trace.end(Actor::Os, Verdict::Ok);
        Ok(())
    }

    /// Notes which host domain a device's requests meet from now on.
    pub(super) fn set_attached(&mut self, device: usize, domain: Option<DomainId>) {
        self.sw.attached[device] = domain;
        self.sw.attachments.push((device, self.trace.len(), domain));
    }

    /// The IOMMU group of a device.
    pub fn group(&self, device: usize) -> u16 {
        let node = self.hw.devices[device].node;
        groups(&self.hw.topology).get(usize::from(node.0)).map_or(0, |g| g.0)
    }

    pub(super) fn op_domain(&mut self, op: &ast::Domain) -> Result<(), Stop> {
        let kind = match &op.vm {
            None => {
                let kind = match op.stage.map(|stage| stage.value) {
                    Some(1) => DomainKind::Stage1,
                    Some(_) => DomainKind::Stage2,
                    None => self.sw.dma.kind,
                };
                DomainRef::Host(self.driver(op.name.span, |unit, ctx| unit.new_domain(ctx, kind))?)
            }
            Some(name) => {
                let Named::Vm(vm) = self.named(&name.value, name.span)? else {
                    return Err(wrong(name.span, &name.value, "a virtual machine", "虚拟机").into());
                };
                let below = self.vm_domain(vm, name.span)?;
                let root = self.sw.vms[vm]
                    .frames
                    .frame()
                    .ok_or_else(|| problem(name.span, "no memory is left for page tables in this guest"))?;
                let tables = ProcessTables { root: root.raw(), levels: 4, below: Some(below) };
                DomainRef::Guest { vm, tables }
            }
        };
        let index = self.sw.domains.len();
        self.sw.domains.push(Domain { born: self.trace.len(), name: op.name.value.clone(), kind });
        self.sw.names.insert(op.name.value.clone(), Named::Domain(index));
        Ok(())
    }

    /// The domain that maps a guest's RAM for devices: made when the first device comes.
    fn vm_domain(&mut self, vm: usize, span: Span) -> Result<DomainId, Problem> {
        if let Some(domain) = self.sw.vms[vm].domain {
            return Ok(domain);
        }
        let domain = self.driver(span, |unit, ctx| unit.new_domain(ctx, DomainKind::Stage2))?;
        let v = &self.sw.vms[vm];
        let mapping = Mapping {
            from: v.ram.start.raw(),
            to: v.at.raw(),
            len: v.ram.len(),
            size: v.page,
            perms: Perms::RW,
            user: true,
        };
        self.driver(span, |unit, ctx| unit.map(ctx, domain, mapping))?;
        self.sw.vms[vm].domain = Some(domain);
        Ok(domain)
    }

    pub(super) fn op_attach(&mut self, op: &ast::Attach) -> Result<(), Stop> {
        let device = self.device_named(&op.device)?;
        let requester = self.hw.devices[device].requester;
        let span = op.to.span;
        if !self.iommu_on() {
            return Err(Stop::Os(OsError::from(os::OsError::NoIommu)));
        }
        let target = op.to.value.as_str();
        // VFIO hands out whole groups: every other function of it must be there already or with no driver.
        if let Some(Named::Vm(vm)) = self.sw.names.get(target).copied() {
            if self.sw.reserved.contains(&device) {
                let name = &self.hw.devices[device].name;
                let message = format!("{name} has a reserved region: it cannot be given to a guest");
                return Err(Stop::Os(OsError::new("reserved-region", message)));
            }
            let all = groups(&self.hw.topology);
            let group = GroupId(self.group(device));
            let driver = |node| match self.device_at(node) {
                Some(other) if other != device && !self.may_share(other, target) => vfio::Driver::Host,
                _ => vfio::Driver::Guest(vm as u16),
            };
            vfio::viable(&self.hw.topology, &all, group, vm as u16, driver)?;
        }
        let (attachment, domain) = match (target, self.sw.names.get(target).copied()) {
            ("pass-through", _) => (Attachment::PassThrough, None),
            ("blocked", _) => (Attachment::Blocked, None),
            (_, Some(Named::Vm(vm))) => {
                let domain = self.vm_domain(vm, span)?;
                (Attachment::Domain(domain), Some(domain))
            }
            (_, Some(Named::Domain(domain))) => match self.sw.domains[domain].kind {
                DomainRef::Host(id) => (Attachment::Domain(id), Some(id)),
                DomainRef::Guest { tables, .. } => (Attachment::Nested(tables), tables.below),
            },
            _ => {
                return Err(wrong(
                    span,
                    target,
                    "something a device can be attached to",
                    "设备可以连接的对象",
                )
                .into())
            }
        };
        self.driver(span, |unit, ctx| unit.attach(ctx, requester, attachment))?;
        self.set_attached(device, domain);
        self.sw.attached_to[device] = Some(target.into());
        Ok(())
    }

    /// Is a device of a group no obstacle to handing the group to `target`: there already, or blocked?
    fn may_share(&self, device: usize, target: &str) -> bool {
        matches!(self.sw.attached_to[device].as_deref(), Some(to) if to == target || to == "blocked")
    }

    pub(super) fn op_detach(&mut self, op: &ast::Detach) -> Result<(), Stop> {
        let device = self.device_named(&op.device)?;
        let requester = self.hw.devices[device].requester;
        self.driver(op.device.span, |unit, ctx| unit.attach(ctx, requester, Attachment::Blocked))?;
        self.set_attached(device, None);
        self.sw.attached_to[device] = Some("blocked".into());
        Ok(())
    }

    pub(super) fn op_bind(&mut self, op: &ast::Bind) -> Result<(), Stop> {
        let device = self.device_named(&op.device)?;
        let Named::Process(process) = self.named(&op.process.value, op.process.span)? else {
            return Err(wrong(op.process.span, &op.process.value, "a process", "进程").into());
        };
        let pasid = op.pasid.map_or(self.sw.processes[process].pasid, |p| p.value);
        let below = match self.sw.processes[process].vm {
            None => None,
            Some(vm) => Some(self.vm_domain(vm, op.process.span)?),
        };
        let space = self.sw.processes[process].space;
        let tables = ProcessTables { root: space.root, levels: Format::levels(&space.format), below };
        let (requester, caps) = (self.hw.devices[device].requester, self.hw.devices[device].caps);
        // Without a guest below there is no domain: a PASID's own tag says it all.
        let domain = below.unwrap_or(DomainId(0));
        let can = Abilities { pasid: caps.pasid, ats: caps.ats };
        self.with_state(|state, env| state.sva.bind(env, requester, pasid, tables, domain, can))?;
        self.sw.bound.retain(|b| (b.0, b.1) != (device, pasid));
        self.sw.bound.push((device, pasid, process));
        Ok(())
    }

    pub(super) fn op_unbind(&mut self, op: &ast::Unbind) -> Result<(), Stop> {
        let device = self.device_named(&op.device)?;
        let bound = self.sw.bound.iter().filter(|b| b.0 == device).map(|b| b.1).collect::<Vec<Pasid>>();
        let pasid = match (op.pasid, bound.as_slice()) {
            (Some(pasid), _) => pasid.value,
            (None, [one]) => *one,
            _ => return Err(problem(op.device.span, "which PASID? Write `pasid N`").into()),
        };
        let requester = self.hw.devices[device].requester;
        self.with_state(|state, env| state.sva.unbind(env, requester, pasid))?;
        self.device_tlb_forget(device, Some(pasid), AddrRange::whole());
        self.sw.bound.retain(|b| (b.0, b.1) != (device, pasid));
        Ok(())
    }

    /// `map DOMAIN ...`.
    pub(super) fn map_domain(&mut self, domain: usize, mapping: Mapping, span: Span) -> Result<(), Stop> {
        match self.sw.domains[domain].kind {
            DomainRef::Host(id) => {
                self.driver(span, |unit, ctx| unit.map(ctx, id, mapping))?;
            }
            DomainRef::Guest { vm, tables } => {
                let format = self.sw.format();
                let vm = &mut self.sw.vms[vm];
                let mut frames = vm.frames.clone();
                let done = Builder {
                    format: &format,
                    frames: &mut frames,
                    place: |at| vm.place(at),
                    actor: Actor::Guest,
                }
                .map(&mut self.memory, tables.root, mapping, &mut self.trace);
                vm.frames = frames;
                done.map_err(|e| problem(span, e))?;
            }
        }
        Ok(())
    }

    /// `unmap DOMAIN ...`, with the invalidation that the policy asks for.
    pub(super) fn unmap_domain(
        &mut self,
        domain: usize,
        from: u64,
        len: u64,
        quiet: bool,
        span: Span,
    ) -> Result<(), Stop> {
        match self.sw.domains[domain].kind {
            DomainRef::Host(id) => self.unmap_iommu(id, from, len, quiet, span),
            DomainRef::Guest { vm, tables } => {
                let format = self.sw.format();
                let v = &self.sw.vms[vm];
                let mut frames = v.frames.clone();
                Builder {
                    format: &format,
                    frames: &mut frames,
                    place: |at| v.place(at),
                    actor: Actor::Guest,
                }
                .unmap(&mut self.memory, tables.root, from, len, &mut self.trace)
                .map_err(|e| problem(span, e))?;
                match tables.below.filter(|_| !quiet) {
                    Some(below) => {
                        Ok(self.driver(span, |unit, ctx| unit.invalidate(ctx, Invalidation::Domain(below)))?)
                    }
                    None => Ok(()),
                }
            }
        }
    }

    /// Unmaps in a host domain. Strict: forgets before it returns. Lazy: forgets later, many at once.
    pub(super) fn unmap_iommu(
        &mut self,
        domain: DomainId,
        from: u64,
        len: u64,
        quiet: bool,
        span: Span,
    ) -> Result<(), Stop> {
        let range =
            AddrRange::new(Iova::new(from), len).ok_or_else(|| problem(span, "this range is empty"))?;
        self.driver(span, |unit, ctx| unit.unmap(ctx, domain, range))?;
        if quiet {
            return Ok(());
        }
        if self.policy == Policy::Lazy {
            self.sw.dma.pending.push((domain, range));
            if self.sw.dma.pending.len() as u64 >= self.sw.dma.flush_after {
                self.flush_lazy(span)?;
            }
            return Ok(());
        }
        Ok(self.driver(span, |unit, ctx| unit.invalidate(ctx, Invalidation::Pages(domain, range)))?)
    }

    /// The flush queue is emptied: one invalidation for each domain in it.
    pub(super) fn flush_lazy(&mut self, span: Span) -> Result<(), Stop> {
        let pending = core::mem::take(&mut self.sw.dma.pending);
        let mut domains: Vec<DomainId> = pending.iter().map(|p| p.0).collect();
        domains.sort();
        domains.dedup();
        for domain in domains {
            self.driver(span, |unit, ctx| unit.invalidate(ctx, Invalidation::Domain(domain)))?;
        }
        let flushed = self.with_os(|api, env| api.flush(env));
        Ok(flushed?)
    }

    /// Tells the IOMMU (and devices) to forget pages of a process, as the kernel's mmu notifier does for SVA.
    pub(super) fn forget_process_pages(&mut self, process: usize, from: u64, len: u64) -> Result<(), Stop> {
        let Some(range) = AddrRange::new(Iova::new(from), len) else { return Ok(()) };
        let bound: Vec<_> = self.sw.bound.iter().filter(|b| b.2 == process).copied().collect();
        if bound.is_empty() {
            return Ok(());
        }
        let root = self.sw.processes[process].space.root;
        self.with_state(|state, env| state.sva.changed(env, root, range))?;
        for (device, pasid, _) in bound {
            self.device_tlb_forget(device, Some(pasid), range);
        }
        Ok(())
    }

    pub(super) fn op_invalidate(&mut self, op: &ast::Invalidate) -> Result<(), Stop> {
        let span = op.cache.span;
        let named = match &op.of {
            None => None,
            Some(name) => Some(self.named(&name.value, name.span)?),
        };
        let whole = AddrRange::whole();
        let range = match &op.at {
            None => None,
            Some(range) => {
                let (found, len) = self.range(range, Space::Iova)?;
                AddrRange::new(Iova::new(found.at.raw), len)
            }
        };
        let pasid = op.pasid.map(|p| p.value);
        let domain = match named {
            Some(Named::Domain(domain)) => match self.sw.domains[domain].kind {
                DomainRef::Host(id) => Some(id),
                DomainRef::Guest { tables, .. } => tables.below,
            },
            Some(Named::Vm(vm)) => self.sw.vms[vm].domain,
            Some(Named::Device(device)) => self.domain_of(device),
            _ => None,
        };
        let device = match named {
            Some(Named::Device(device)) => Some(self.hw.devices[device].requester),
            Some(Named::Process(process)) => {
                self.sw.bound.iter().find(|b| b.2 == process).map(|b| self.hw.devices[b.0].requester)
            }
            _ => None,
        };
        let pasid = pasid.or(match named {
            Some(Named::Process(process)) => Some(self.sw.processes[process].pasid),
            _ => None,
        });
        let what = match (op.cache.value, domain, device, pasid, range) {
            (CacheKind::Iotlb, Some(domain), _, Some(pasid), Some(range)) => {
                Invalidation::PasidPages(domain, pasid, range)
            }
            (CacheKind::Iotlb, Some(domain), _, Some(pasid), None) => Invalidation::PasidAll(domain, pasid),
            (CacheKind::Iotlb, Some(domain), _, None, Some(range)) => Invalidation::Pages(domain, range),
            (CacheKind::Iotlb, Some(domain), _, None, None) => Invalidation::Domain(domain),
            (CacheKind::Iotlb | CacheKind::ProcessCache, _, Some(device), Some(pasid), _) => {
                Invalidation::Process(device, pasid)
            }
            (CacheKind::DeviceCache, _, Some(device), _, _) => Invalidation::Device(device),
            (CacheKind::DeviceTlb, _, Some(device), pasid, range) => {
                Invalidation::DeviceTlb(device, pasid, range.unwrap_or(whole))
            }
            (CacheKind::InterruptCache, ..) => Invalidation::Interrupts,
            (CacheKind::Iotlb, ..) => Invalidation::Translations,
            (CacheKind::DeviceCache, ..) => Invalidation::Devices,
            (CacheKind::ProcessCache, ..) => Invalidation::Processes,
            (CacheKind::DeviceTlb, ..) => {
                return Err(problem(span, "which device's? Write `of DEVICE`").into());
            }
        };
        if let Invalidation::DeviceTlb(device, pasid, range) = what {
            if let Some(device) = self.hw.devices.iter().position(|d| d.requester == device) {
                self.device_tlb_forget(device, pasid, range);
            }
        }
        Ok(self.driver(span, |unit, ctx| unit.invalidate(ctx, what))?)
    }

    fn register_offset(&mut self, register: &Register) -> Result<(u32, u8, Span), Problem> {
        match register {
            Register::Offset(n) => {
                let offset = u32::try_from(n.value)
                    .map_err(|_| problem(n.span, "there is no register this far up"))?;
                let width = self.hw.iommu.as_ref().and_then(|u| {
                    u.registers().iter().find(|r| r.0.offset == offset).map(|r| r.0.bytes.min(8))
                });
                Ok((offset, width.unwrap_or(4), n.span))
            }
            Register::Name(name) => {
                let registers = self.hw.iommu.as_ref().map(|u| u.registers()).unwrap_or_default();
                let bare = |s: &str| s.to_ascii_uppercase().trim_end_matches("_REG").replace('_', "");
                let found = registers.iter().find(|r| bare(r.0.name) == bare(&name.value));
                found.map(|r| (r.0.offset, r.0.bytes.min(8), name.span)).ok_or_else(|| {
                    Problem::new(
                        name.span,
                        format!("this IOMMU has no register `{}`", name.value),
                        format!("该 IOMMU 没有名为 `{}` 的寄存器", name.value),
                    )
                    .suggest(&name.value, registers.iter().map(|r| r.0.name))
                })
            }
        }
    }

    pub(super) fn op_register_read(&mut self, op: &ast::RegisterRead) -> Result<u64, Stop> {
        let (offset, width, span) = self.register_offset(&op.register)?;
        let width = op.size.map_or(width, |s| s.value as u8);
        let value = self.hw.iommu.as_mut().and_then(|u| u.read_register(offset, width, &mut self.trace));
        value.ok_or_else(|| {
            problem(
                span,
                Both(
                    format!("there is no register of {width} bytes at {offset:#x}"),
                    format!("{offset:#x} 处没有 {width} 字节的寄存器"),
                ),
            )
            .into()
        })
    }

    pub(super) fn op_register_write(&mut self, op: &ast::RegisterWrite) -> Result<(), Stop> {
        let (offset, width, span) = self.register_offset(&op.register)?;
        let width = op.size.map_or(width, |s| s.value as u8);
        let done = self.hw.iommu.as_mut().is_some_and(|u| {
            u.write_register(&mut self.memory, offset, width, op.value.value, &mut self.trace)
        });
        if done {
            Ok(())
        } else {
            Err(problem(
                span,
                Both(
                    format!("there is no register of {width} bytes at {offset:#x}"),
                    format!("{offset:#x} 处没有 {width} 字节的寄存器"),
                ),
            )
            .into())
        }
    }

    pub(super) fn op_interrupt(&mut self, op: &ast::InterruptEntry) -> Result<(), Stop> {
        let index =
            u16::try_from(op.index.value).map_err(|_| problem(op.index.span, "an index is at most 65535"))?;
        if op.state.is_some_and(|s| s.value == EntryState::NotPresent) {
            self.with_unit(|unit, ctx| unit.set_interrupt(ctx, index, None)).map_err(os::OsError::Driver)?;
            return Ok(());
        }
        let source = match &op.source {
            None => None,
            Some(name) => Some(match ast::requester_of(name) {
                Some(id) => id,
                None => self.hw.devices[self.device_named(name)?].requester,
            }),
        };
        let posted = match &op.vm {
            None => None,
            Some(name) => {
                let Named::Vm(vm) = self.named(&name.value, name.span)? else {
                    return Err(wrong(name.span, &name.value, "a virtual machine", "虚拟机").into());
                };
                if self.sw.vms[vm].posted.is_none() {
                    self.sw.vms[vm].posted = self.sw.frames.frame();
                }
                Some(self.sw.vms[vm].posted.ok_or_else(|| problem(name.span, "no memory is left"))?)
            }
        };
        let entry = InterruptEntry {
            source,
            vector: op.vector.map_or(0, |v| v.value as u8),
            destination: op.cpu.map_or(0, |c| c.value as u32),
            posted,
        };
        self.with_unit(|unit, ctx| unit.set_interrupt(ctx, index, Some(entry)))
            .map_err(os::OsError::Driver)?;
        Ok(())
    }

    /// The entries that a walk for one request reads, told to a trace that is thrown away: how `entry ...` finds
    /// the word it edits, without knowing any architecture's tables.
    fn entries_read(
        &mut self,
        requester: RequesterId,
        pasid: Option<Pasid>,
        at: u64,
    ) -> Vec<(Scoped, PhysAddr)> {
        let trace = self.cold_walk(requester, pasid, at);
        let mut out = Vec::new();
        for step in trace.steps() {
            if let Event::Read { level, pa, entry, .. } = step.event {
                out.push((Scoped { level, words: entry.words }, pa));
            }
        }
        out
    }

    pub(super) fn op_entry_page(&mut self, op: &ast::PageEntry) -> Result<(), Stop> {
        let named = self.named(&op.space.value, op.space.span)?;
        let level = op.level.map_or(1, |l| l.value as u8);
        let space = match named {
            Named::Process(_) => Space::Virtual,
            Named::Vm(_) => Space::GuestPhysical,
            _ => Space::Iova,
        };
        let found = self.find(&op.at, space)?;
        let missing = || {
            problem(
                op.at.span,
                Both(
                    format!("no walk of {} reads an entry of level {level}", found.at),
                    format!("为 {} 查表时不会读到第 {level} 级的表项", found.at),
                ),
            )
        };
        // Walk the subject's own tables, telling a trace of our own, and take the entry of the level.
        let pa = match named {
            Named::Process(process) => {
                let space = self.sw.processes[process].space;
                self.cpu_entry(&space, found.at.raw, level)
            }
            Named::Vm(vm) => {
                let domain = self.sw.vms[vm].domain;
                domain.and_then(|d| self.domain_entry(d, found.at.raw, level))
            }
            Named::Domain(domain) => match self.sw.domains[domain].kind {
                DomainRef::Host(id) => self.domain_entry(id, found.at.raw, level),
                DomainRef::Guest { vm, tables } => {
                    let guest = self.sw.vms[vm].guest(vm);
                    let space = crate::mmu::AddressSpace {
                        format: self.sw.format(),
                        root: tables.root,
                        asid: 0,
                        guest: Some(guest),
                    };
                    self.cpu_entry(&space, found.at.raw, level)
                }
            },
            Named::Device(device) => {
                let domain = self.domain_of(device).ok_or_else(missing)?;
                self.domain_entry(domain, found.at.raw, level)
            }
            _ => None,
        };
        self.edit(pa.ok_or_else(missing)?, &op.edit, op.at.span)
    }

    fn cpu_entry(&mut self, space: &crate::mmu::AddressSpace, at: u64, level: u8) -> Option<PhysAddr> {
        let mut trace = Trace::new();
        let mut memory = self.memory.clone();
        let mut mmu = crate::mmu::Mmu::new(0);
        let want = crate::paging::Want::supervisor(Perms::NONE);
        let _ = mmu.translate(&mut memory, space, crate::addr::VirtAddr::new(at), want, &mut trace);
        // Stage 1 entries are those whose walk takes a virtual address.
        let mut stages = Vec::new();
        let mut last = None;
        for step in trace.steps() {
            match step.event {
                Event::Begin(Scope::Walk { input, .. }) => stages.push(input.space),
                Event::End(_) => {
                    stages.pop();
                }
                Event::Read { level: l, pa, .. } if stages.last() == Some(&Space::Virtual) => {
                    if l >= level {
                        last = Some((l, pa));
                    }
                    if l == level {
                        return Some(pa);
                    }
                }
                _ => {}
            }
        }
        // A large page ends above level 1: its entry is the one that "the last level" means then.
        last.filter(|_| level == 1).map(|l| l.1)
    }

    /// The entry that the tables of a host domain hold for an IOVA at a level.
    fn domain_entry(&mut self, domain: DomainId, at: u64, level: u8) -> Option<PhysAddr> {
        let device = self.sw.attached.iter().position(|a| *a == Some(domain));
        let scratch = device.map(|d| self.hw.devices[d].requester);
        let requester = match scratch {
            Some(requester) => requester,
            None => {
                // No device is in the domain: lend it one that does not exist, on a copy of the machine.
                let mut copy = self.clone();
                let ghost = RequesterId::bdf(0, 31, 7);
                copy.with_unit(|unit, ctx| unit.attach(ctx, ghost, Attachment::Domain(domain))).ok()?;
                return page_entry(&copy.entries_read(ghost, None, at), level);
            }
        };
        page_entry(&self.entries_read(requester, None, at), level)
    }

    pub(super) fn op_entry_device(&mut self, op: &ast::DeviceEntry) -> Result<(), Stop> {
        let requester = match ast::requester_of(&op.device) {
            Some(id) => id,
            None => self.hw.devices[self.device_named(&op.device)?].requester,
        };
        self.edit_structure(
            requester,
            None,
            Which::Device,
            op.level.map_or(1, |l| l.value),
            &op.edit,
            op.device.span,
        )
    }

    pub(super) fn op_entry_process(&mut self, op: &ast::ProcessEntry) -> Result<(), Stop> {
        let device = self.device_named(&op.device)?;
        let requester = self.hw.devices[device].requester;
        let pasid = op.pasid.map(|p| p.value).filter(|p| p.raw() != 0);
        self.edit_structure(
            requester,
            pasid,
            Which::Process,
            op.level.map_or(1, |l| l.value),
            &op.edit,
            op.device.span,
        )
    }

    fn edit_structure(
        &mut self,
        requester: RequesterId,
        pasid: Option<Pasid>,
        which: Which,
        level: u64,
        edit: &ast::Edit,
        span: Span,
    ) -> Result<(), Stop> {
        // Structures are read before page tables: root and context, then the process tables. A structure has
        // level 0 in the trace; page-table entries have theirs.
        let reads = self.structures_read(requester, pasid);
        let (device, process): (Vec<_>, Vec<_>) = reads.into_iter().partition(|r| r.0 == Which::Device);
        let list = if which == Which::Device { device } else { process };
        // Level 1 is the last of a whole walk; a walk that an earlier edit cut short read only its beginning.
        let levels = list.len().max(DIRECTORY_LEVELS);
        let place = levels.checked_sub(level as usize).and_then(|i| list.get(i));
        let pa = place.map(|p| p.1).ok_or_else(|| {
            problem(
                span,
                Both(
                    format!("no such entry is read for {requester}"),
                    format!("为 {requester} 查表时不会读到这样的表项"),
                ),
            )
        })?;
        self.edit(pa, edit, span)
    }

    /// What the unit, on a copy of the machine with every cache empty, does to answer one read.
    fn cold_walk(&self, requester: RequesterId, pasid: Option<Pasid>, at: u64) -> Trace {
        let mut trace = Trace::new();
        let Some(unit) = self.hw.iommu.as_ref() else { return trace };
        let mut cold = unit.clone();
        let (mut memory, mut frames) = (self.memory.clone(), self.sw.frames.clone());
        let mut ctx = Ctx { memory: &mut memory, frames: &mut frames, obs: &mut trace };
        let _ = cold.invalidate(&mut ctx, Invalidation::All);
        trace.clear();
        let mut request = crate::iommu::Request::new(requester, Iova::new(at), Perms::R, 8);
        request.pasid =
            pasid.map(|pasid| crate::iommu::PasidTag { pasid, privileged: false, execute: false });
        let _ = cold.translate(&mut memory, &request, &mut trace);
        trace
    }

    fn structures_read(&mut self, requester: RequesterId, pasid: Option<Pasid>) -> Vec<(Which, PhysAddr)> {
        let trace = self.cold_walk(requester, pasid, 0);
        let mut stage = Vec::new();
        let mut out = Vec::new();
        for step in trace.steps() {
            match step.event {
                Event::Begin(Scope::Walk { stage: s, .. }) => stage.push(Some(s)),
                Event::Begin(_) => stage.push(None),
                Event::End(_) => {
                    stage.pop();
                }
                Event::Read { pa, .. } => match stage.last().copied().flatten() {
                    Some(crate::trace::Stage::Device) => out.push((Which::Device, pa)),
                    Some(crate::trace::Stage::Process) => out.push((Which::Process, pa)),
                    _ => {}
                },
                _ => {}
            }
        }
        out
    }

    fn edit(&mut self, pa: PhysAddr, edit: &ast::Edit, span: Span) -> Result<(), Stop> {
        let word = edit.word.map_or(0, |w| w.value.min(7));
        let at = pa.wrapping_add(word * 8);
        let new = edit.apply(self.memory.peek_u64(at));
        write_word(&mut self.memory, &mut self.trace, Actor::Author, None, at, new)
            .map_err(|e| problem(span, e))?;
        Ok(())
    }

    /// Is the limit of one transfer kept?
    pub(super) fn check_transfer(&self, len: u64, span: Span) -> Result<(), Problem> {
        if len <= limits::TRANSFER {
            return Ok(());
        }
        Err(problem(
            span,
            Both(
                format!("one transfer is at most {}", crate::addr::Bytes(limits::TRANSFER)),
                format!("一次传输最多 {}", crate::addr::Bytes(limits::TRANSFER)),
            ),
        ))
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Which {
    Device,
    Process,
}

/// An entry read, as far as finding it again needs.
#[derive(Clone, Copy)]
struct Scoped {
    level: u8,
    words: u8,
}

fn page_entry(reads: &[(Scoped, PhysAddr)], level: u8) -> Option<PhysAddr> {
    let pages = || reads.iter().filter(|r| r.0.words == 1 && r.0.level > 0);
    let exact = pages().rfind(|r| r.0.level == level);
    // A large page ends above level 1: its entry is the one that "the last level" means then.
    exact.or_else(|| pages().next_back().filter(|_| level == 1)).map(|r| r.1)
}
