//! Operations on the IOMMU: bring-up, domains, attachments, bindings.

use crate::addr::{AddrRange, GuestPhysAddr, Iova, PageSize, Pasid, RequesterId};
use crate::iommu::{
    Ability, AnyIommu, Attachment, Ctx, DomainId, DomainKind, Driver, DriverError, ProcessTables,
};
use crate::machine::resolve::wrong;
use crate::machine::run::{OsError, Stop};
use crate::machine::software::{Attached, Bound, Domain, DomainRef, Named};
use crate::machine::{driver_problem, limits, problem, Machine};
use crate::os::sva::Abilities;
use crate::os::{self, vfio};
use crate::paging::builder::Mapping;
use crate::paging::Format;
use crate::platform::group::{groups, GroupId};
use crate::platform::interrupts::Controller;
use crate::scenario::ast::{self};
use crate::scenario::outline::Outline;
use crate::scenario::{Problem, Span};
use crate::spec::{Localized, Phrase, Text};
use crate::trace::{Actor, Observer, Perms, Trace, Verdict};
use alloc::string::String;
use alloc::{format, vec::Vec};

impl Machine {
    /// Lends the IOMMU and what its driver works with.
    pub(in crate::machine) fn with_unit<T>(
        &mut self,
        act: impl FnOnce(&mut AnyIommu, &mut Ctx<'_, Trace>) -> Result<T, DriverError>,
    ) -> Result<T, DriverError> {
        self.with_links(|machine| {
            let Some(unit) = machine.hw.iommu.as_mut() else {
                return Err(DriverError::NoIommu);
            };
            let (memory, frames) = (&mut machine.memory, &mut machine.sw.frames);
            act(unit, &mut Ctx { memory, frames, obs: &mut machine.trace })
        })
    }

    pub(in crate::machine) fn driver<T>(
        &mut self,
        span: Span,
        act: impl FnOnce(&mut AnyIommu, &mut Ctx<'_, Trace>) -> Result<T, DriverError>,
    ) -> Result<T, Problem> {
        self.with_unit(act).map_err(|e| driver_problem(span, e))
    }

    /// Brings the unit up and gives every group its default domain, as Linux does at boot.
    pub(in crate::machine) fn start_iommu(&mut self, outline: &Outline<'_>) -> Result<(), Problem> {
        if !self.iommu_on() {
            return self.add_devices(Span::default());
        }
        let span = outline.machine.map_or(Span::default(), |m| m.span);
        self.set_up("the IOMMU's driver starts it", "IOMMU 驱动初始化");
        self.driver(span, |unit, ctx| unit.start(ctx))?;
        for device in 0..self.hw.devices.len() {
            let (requester, caps) = (self.hw.devices[device].requester, self.hw.devices[device].caps);
            self.driver(span, |unit, _| {
                unit.set_caps(requester, caps);
                Ok(())
            })?;
        }
        // A stage that is asked for is what may be lacking.
        let stage = outline.iommu.and_then(|at| at.stage).map_or(span, |n| n.span);
        self.add_devices(stage)?;
        for reserved in &outline.reserved {
            let device = self.device_named(&reserved.device)?;
            self.sw.reserved.push(device);
            let range = reserved
                .range
                .addresses()
                .ok_or_else(|| problem(reserved.span, Text::new("this range is empty", "这个范围是空的")))?;
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
    pub(in crate::machine) fn set_attached(&mut self, device: usize, domain: Option<DomainId>) {
        self.set_nested(device, domain, None);
    }

    /// Notes which host domain a device's requests meet from now on, below which named domain of a guest.
    fn set_nested(&mut self, device: usize, domain: Option<DomainId>, stage1: Option<usize>) {
        self.sw.attached[device] = domain;
        self.sw.attachments.push(Attached { at: self.trace.len(), device, domain, stage1 });
    }

    /// Notes which process a device's PASID is bound to from now on.
    fn set_bound(&mut self, device: usize, pasid: Pasid, process: Option<usize>) {
        self.sw.bound.retain(|b| (b.0, b.1) != (device, pasid));
        self.sw.bound.extend(process.map(|process| (device, pasid, process)));
        self.sw.bindings.push(Bound { at: self.trace.len(), device, pasid, process });
    }

    /// The IOMMU group of a device.
    pub fn group(&self, device: usize) -> u16 {
        let node = self.hw.devices[device].node;
        groups(&self.hw.topology).get(usize::from(node.0)).map_or(0, |g| g.0)
    }

    pub(in crate::machine) fn op_domain(&mut self, op: &ast::Domain) -> Result<(), Stop> {
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
                let root = self.sw.vms[vm].frames.frame().ok_or_else(|| {
                    problem(
                        name.span,
                        Text::new(
                            "no memory is left for page tables in this guest",
                            "这个客户机里没有内存可放页表",
                        ),
                    )
                })?;
                // Apart from the ASIDs of processes.
                let asid = 0x8000 | self.sw.domains.len() as u16;
                let tables = ProcessTables { root: root.raw(), levels: 4, asid, below: Some(below) };
                DomainRef::Guest { vm, tables }
            }
        };
        let index = self.sw.domains.len();
        self.sw.domains.push(Domain { born: self.trace.len(), name: op.name.value.clone(), kind });
        self.sw.name(self.trace.len(), &op.name.value, Named::Domain(index));
        Ok(())
    }

    /// The domain that maps a guest's RAM for devices: made when the first device comes.
    pub(in crate::machine) fn vm_domain(&mut self, vm: usize, span: Span) -> Result<DomainId, Stop> {
        if let Some(domain) = self.sw.vms[vm].domain {
            return Ok(domain);
        }
        let domain = self.driver(span, |unit, ctx| unit.new_domain(ctx, DomainKind::Stage2))?;
        let v = &self.sw.vms[vm];
        let (size, rams) = (v.page, v.rams().collect::<Vec<_>>());
        for (ram, at) in rams {
            let (from, to, len) = (ram.start.raw(), at.raw(), ram.len());
            let mapping = Mapping { from, to, len, size, perms: Perms::RW, user: true };
            self.with_unit(|unit, ctx| unit.map(ctx, domain, mapping))
                .map_err(|e| Stop::of_driver(e, span))?;
        }
        self.sw.vms[vm].domain = Some(domain);
        Ok(domain)
    }

    pub(in crate::machine) fn op_attach(&mut self, op: &ast::Attach) -> Result<(), Stop> {
        let device = self.driven(&op.device)?;
        let span = op.to.span;
        if !self.iommu_on() || self.hw.bridge_of(device).no_iommu {
            return Err(Stop::Os(OsError::from(os::OsError::NoIommu)));
        }
        let target = op.to.value.as_str();
        // VFIO hands out whole groups: every other function of it must be there already or with no driver.
        if let Some(Named::Vm(vm)) = self.sw.names.get(target).copied() {
            if self.sw.reserved.contains(&device) {
                let name = &self.hw.devices[device].name;
                let message = Phrase::new(
                    format!("{name} has a reserved region: it cannot be given to a guest"),
                    format!("{name} 有保留内存区域，不能交给客户机"),
                );
                return Err(Stop::Os(OsError::new("reserved-region", message)));
            }
            // VFIO refuses to map what crosses a reserved region, and on x86 the interrupt range is one
            // (drivers/vfio/vfio_iommu_type1.c, vfio_iommu_iova_dma_valid).
            let messages = self.hw.interrupts.range();
            let crosses = |ram: &AddrRange<GuestPhysAddr>, (first, last): (u64, u64)| {
                ram.start.raw() <= last && first <= ram.last().raw()
            };
            let x86 = (messages.start.raw(), messages.last().raw());
            let v = &self.sw.vms[vm];
            let apic = self.hw.interrupts == Controller::LocalApic;
            if let Some((ram, _)) = v.rams().find(|(ram, _)| apic && crosses(ram, x86)) {
                let message = Phrase::new(
                    format!("{target}'s RAM ({ram}) crosses the interrupt range {messages}: map refused"),
                    format!("{target} 的内存（{ram}）跨过了中断地址范围 {messages}，拒绝映射"),
                );
                return Err(Stop::Os(OsError::new("reserved-region", message)));
            }
            // On Arm Linux keeps 1 MiB for the doorbell of the ITS (drivers/iommu/arm/arm-smmu-v3, MSI_IOVA_BASE); version 1 of
            // the language did not look.
            let its = self.version >= 2 && self.hw.interrupts == Controller::Its;
            let doorbell = AddrRange::new(Iova::new(0x800_0000), 1 << 20).filter(|_| its);
            let kept = self.sw.reserved_iovas.iter().chain(&doorbell).find_map(|kept| {
                let range = (kept.start.raw(), kept.last().raw());
                v.rams().find(|(ram, _)| crosses(ram, range)).map(|(ram, _)| (ram, *kept))
            });
            if let Some((ram, kept)) = kept {
                let message = Phrase::new(
                    format!("{target}'s RAM ({ram}) crosses the reserved region {kept}: map refused"),
                    format!("{target} 的内存（{ram}）跨过了保留区域 {kept}，拒绝映射"),
                );
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
        let (attachment, domain, stage1) = match (target, self.sw.names.get(target).copied()) {
            ("pass-through", _) => (Attachment::PassThrough, None, None),
            ("blocked", _) => (Attachment::Blocked, None, None),
            (_, Some(Named::Vm(vm))) => {
                let domain = self.vm_domain(vm, span)?;
                (Attachment::Domain(domain), Some(domain), None)
            }
            (_, Some(Named::Domain(domain))) => match self.sw.domains[domain].kind {
                DomainRef::Host(id) => (Attachment::Domain(id), Some(id), None),
                DomainRef::Guest { tables, .. } => (Attachment::Nested(tables), tables.below, Some(domain)),
            },
            _ => {
                return Err(wrong(
                    span,
                    target,
                    "something a device can be attached to",
                    "设备可以挂接的对象",
                )
                .into())
            }
        };
        self.attach_kept(device, attachment, span)?;
        self.attached_anew(device, attachment == Attachment::Blocked, span)?;
        self.set_nested(device, domain, stage1);
        self.sw.attached_to[device] = Some(target.into());
        Ok(())
    }

    /// Attaches a device and keeps what its PASIDs are bound to. Where that cannot be, nothing is attached, as Linux refuses
    /// with -EBUSY (arm_smmu_attach_dev, arm_smmu_ssids_in_use).
    fn attach_kept(&mut self, device: usize, to: Attachment, span: Span) -> Result<(), Stop> {
        let requester = self.hw.devices[device].requester;
        let bound: Vec<_> = self.sva_bindings(requester);
        // Blocked is blocked: no PASID gets through, until something is attached again.
        if bound.is_empty() || to == Attachment::Blocked {
            return Ok(self.attach_ids(device, to, span)?);
        }
        let again = |machine: &mut Self| -> Result<(), (Pasid, DriverError)> {
            bound.iter().try_for_each(|(pasid, tables)| {
                let bind = |unit: &mut AnyIommu, ctx: &mut Ctx<'_, Trace>| match unit.keeps_processes() {
                    true => Ok(()),
                    false => unit.bind(ctx, requester, *pasid, Some(*tables)),
                };
                machine.with_unit(bind).map_err(|error| (*pasid, error))
            })
        };
        let mut trial = self.clone();
        trial.attach_ids(device, to, span)?;
        if let Err((pasid, error)) = again(&mut trial) {
            let (name, why) = (&self.hw.devices[device].name, error.phrase());
            let message = Phrase::new(
                format!(
                    "PASID {pasid} of {name} is bound, and would be no more: {} (`unbind` it first)",
                    why.en
                ),
                format!("{name} 的 PASID {pasid} 还绑定着，这样挂接会使它失效：{}（请先 `unbind`）", why.zh),
            );
            return Err(Stop::Os(OsError::new("busy", message)));
        }
        self.attach_ids(device, to, span)?;
        again(self).map_err(|(_, error)| driver_problem(span, error))?;
        Ok(())
    }

    /// The PASIDs of a device that are bound, each with its tables.
    fn sva_bindings(&self, requester: RequesterId) -> Vec<(Pasid, ProcessTables)> {
        let all = self.sw.dma.sva.bindings();
        all.filter(|(device, ..)| *device == requester).map(|(_, pasid, tables)| (pasid, tables)).collect()
    }

    /// Attaches every id that a device's requests may carry: its own first, then its alias.
    fn attach_ids(&mut self, device: usize, to: Attachment, span: Span) -> Result<(), Problem> {
        let ids: Vec<_> = self.hw.topology.requesters(self.hw.devices[device].node).collect();
        ids.into_iter().try_for_each(|id| self.driver(span, |unit, ctx| unit.attach(ctx, id, to)))
    }

    /// Is a device of a group no obstacle to handing the group to `target`: there already, or blocked?
    fn may_share(&self, device: usize, target: &str) -> bool {
        matches!(self.sw.attached_to[device].as_deref(), Some(to) if to == target || to == "blocked")
    }

    pub(in crate::machine) fn op_detach(&mut self, op: &ast::Detach) -> Result<(), Stop> {
        let device = self.driven(&op.device)?;
        if !self.iommu_on() {
            return Err(Stop::Os(OsError::from(os::OsError::NoIommu)));
        }
        self.attach_ids(device, Attachment::Blocked, op.device.span)?;
        self.attached_anew(device, true, op.device.span)?;
        self.set_attached(device, None);
        self.sw.attached_to[device] = Some("blocked".into());
        Ok(())
    }

    pub(in crate::machine) fn op_bind(&mut self, op: &ast::Bind) -> Result<(), Stop> {
        let device = self.driven(&op.device)?;
        if self.hw.bridge_of(device).no_iommu {
            return Err(Stop::Os(OsError::from(os::OsError::NoIommu)));
        }
        let Named::Process(process) = self.named(&op.process.value, op.process.span)? else {
            return Err(wrong(op.process.span, &op.process.value, "a process", "进程").into());
        };
        let pasid = op.pasid.map_or(self.sw.processes[process].pasid, |p| p.value);
        let below = match self.sw.processes[process].vm {
            None => None,
            Some(vm) => Some(self.vm_domain(vm, op.process.span)?),
        };
        let space = self.sw.processes[process].space;
        let (root, levels) = (space.root, Format::levels(&space.format));
        let tables = ProcessTables { root, levels, asid: space.asid, below };
        let (requester, caps) = (self.hw.devices[device].requester, self.hw.devices[device].caps);
        let can = Abilities { pasid: caps.pasid, ats: caps.ats, lacks: self.sva_lacks(device) };
        self.with_state(|state, env| {
            state.sva.bind(env, requester, pasid, (&op.process.value, tables), can)
        })?;
        self.set_bound(device, pasid, Some(process));
        Ok(())
    }

    /// What Linux misses for SVA: on VT-d ATS and, where the device has page requests, an IOMMU that takes them
    /// (drivers/iommu/intel/svm.c, intel_iommu_sva_supported). Version 1 of the language did not look.
    fn sva_lacks(&self, device: usize) -> Option<Text> {
        let caps = self.hw.devices[device].caps;
        let needs = self.architecture.is_some_and(|a| a.has(Ability::SvaNeedsAts));
        let (ats, pri) = self.takes;
        if self.version < 2 || !needs {
            None
        } else if !caps.ats {
            Some(Text::new(
                "it has no ATS (`ats` on its `device` line)",
                "设备没有 ATS（在 `device` 一行写 `ats`）",
            ))
        } else if !ats {
            Some(Text::new(
                "the IOMMU answers no ATS requests (`ats` on the `machine` line)",
                "IOMMU 不应答 ATS 请求（在 `machine` 一行写 `ats`）",
            ))
        } else if caps.pri && !pri {
            Some(Text::new(
                "it has page requests, and the IOMMU takes none (`pri` on the `machine` line)",
                "设备有页请求能力，而 IOMMU 不接收页请求（在 `machine` 一行写 `pri`）",
            ))
        } else {
            None
        }
    }

    pub(in crate::machine) fn op_unbind(&mut self, op: &ast::Unbind) -> Result<(), Stop> {
        let device = self.driven(&op.device)?;
        let bound = self.sw.bound.iter().filter(|b| b.0 == device).map(|b| b.1).collect::<Vec<Pasid>>();
        let pasid = match (op.pasid, bound.as_slice()) {
            (Some(pasid), _) => pasid.value,
            (None, [one]) => *one,
            _ => {
                return Err(problem(
                    op.device.span,
                    Text::new("which PASID? Write `pasid N`", "哪个 PASID？请写 `pasid N`"),
                )
                .into())
            }
        };
        let requester = self.hw.devices[device].requester;
        let of = self.sw.bound.iter().find(|b| b.0 == device && b.1 == pasid).map(|b| b.2);
        let process = of.map_or_else(String::new, |p| self.sw.processes[p].name.clone());
        self.with_state(|state, env| state.sva.unbind(env, requester, pasid, &process))?;
        self.set_bound(device, pasid, None);
        Ok(())
    }

    /// Is the limit of one transfer kept?
    pub(in crate::machine) fn check_transfer(&self, len: u64, span: Span) -> Result<(), Problem> {
        if len <= limits::TRANSFER {
            return Ok(());
        }
        Err(problem(
            span,
            Phrase::new(
                format!("one transfer is at most {}", crate::addr::Bytes(limits::TRANSFER)),
                format!("一次传输最多 {}", crate::addr::Bytes(limits::TRANSFER)),
            ),
        ))
    }
}
