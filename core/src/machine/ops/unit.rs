//! What software says to the IOMMU itself: invalidations, registers, interrupt entries.

use crate::addr::{AddrRange, Iova, Pasid, RequesterId, Space};
use crate::iommu::{
    Ability, AnyIommu, Architecture, DomainId, Driver, DriverError, InterruptEntry, Invalidation, Unit,
    UnitConfig,
};
use crate::machine::resolve::wrong;
use crate::machine::run::{OsError, Stop};
use crate::machine::software::{DomainRef, Named, Process};
use crate::machine::{problem, Machine};
use crate::os::{self};
use crate::platform::interrupts::Controller;
use crate::scenario::ast::{self, CacheKind, EntryState, Register};
use crate::scenario::{Node, Num, Problem, Span};
use crate::spec::{self, Phrase, Rule, Text};
use crate::trace::{Actor, Event, Observer};
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

/// What a trace says where an interrupt is set up without a table.
pub(crate) static NO_TABLE: Rule = Rule {
    text: Text::new(
        "interrupts are not remapped, so the message itself says which CPU and which vector",
        "中断不经重映射，由消息自己写明 CPU 和向量",
    ),
    section: "SDM 3A 11.11",
};

static WHOSE: Text = Text::new("which device's? Write `of DEVICE`", "哪个设备的？请写 `of 设备名`");

/// Is it the register that is written so? Documents differ in the case, the underscores and the end of names.
fn is_named(register: &spec::Register, written: &str) -> bool {
    let bare = |s: &str| s.to_ascii_uppercase().trim_end_matches("_REG").replace('_', "");
    bare(register.name) == bare(written)
}

/// Whose register has this name, and what it is: of each architecture that has one.
fn whose(written: &str) -> Option<Phrase> {
    let of = |architecture: Architecture| {
        let unit = AnyIommu::new(architecture, &UnitConfig::default()).ok()?;
        let register = unit.registers().into_iter().map(|r| r.0).find(|r| is_named(r, written))?;
        let (owner, meaning, section) = (architecture.name(), &register.meaning, register.section);
        Some((
            format!("one of {owner}'s ({}; {section})", meaning.en),
            format!("{owner} 的寄存器（{}；{section}）", meaning.zh),
        ))
    };
    let (en, zh): (Vec<String>, Vec<String>) = Architecture::ALL.into_iter().filter_map(of).unzip();
    let phrase = Phrase::new(format!("it is {}", en.join(" and ")), format!("它是 {}", zh.join("，也是 ")));
    Some(phrase).filter(|_| !en.is_empty())
}

/// A device, the domain of its translations and the PASID, as far as each is known.
type Owner = (Option<usize>, Option<DomainId>, Option<Pasid>);

/// What the driver is asked to make the unit forget; `None` where a device's own cache has no device.
fn invalidation(
    cache: CacheKind,
    (device, domain, pasid): (Option<RequesterId>, Option<DomainId>, Option<Pasid>),
    range: Option<AddrRange<Iova>>,
) -> Option<Invalidation> {
    Some(match (cache, domain, device, pasid, range) {
        // A process that no guest is below has no domain of its own: the PASID says it all.
        (CacheKind::Iotlb, domain, _, Some(pasid), Some(range)) => {
            Invalidation::PasidPages(domain.unwrap_or(DomainId(0)), pasid, range)
        }
        (CacheKind::Iotlb, domain, _, Some(pasid), None) => {
            Invalidation::PasidAll(domain.unwrap_or(DomainId(0)), pasid)
        }
        (CacheKind::Iotlb, Some(domain), _, None, Some(range)) => Invalidation::Pages(domain, range),
        (CacheKind::Iotlb, Some(domain), _, None, None) => Invalidation::Domain(domain),
        (CacheKind::Iotlb, ..) => Invalidation::Translations,
        (CacheKind::ProcessCache, _, Some(device), Some(pasid), _) => Invalidation::Process(device, pasid),
        (CacheKind::ProcessCache, ..) => Invalidation::Processes,
        (CacheKind::DeviceCache, _, Some(device), ..) => Invalidation::Device(device),
        (CacheKind::DeviceCache, ..) => Invalidation::Devices,
        (CacheKind::DeviceTlb, _, device, pasid, range) => {
            Invalidation::DeviceTlb(device?, pasid, range.unwrap_or(AddrRange::whole()))
        }
        (CacheKind::InterruptCache, ..) => Invalidation::Interrupts,
    })
}

impl Machine {
    pub(in crate::machine) fn op_invalidate(&mut self, op: &ast::Invalidate) -> Result<(), Stop> {
        let span = op.cache.span;
        // A unit that was never started has no queue.
        if self.hw.iommu.is_some() && !self.iommu_on() {
            return Err(os::OsError::NoIommu.into());
        }
        let named = match &op.of {
            None => None,
            Some(name) => Some(self.named(&name.value, name.span)?),
        };
        let range = match &op.at {
            None => None,
            Some(range) => {
                let (found, len) = self.range(range, Space::Iova)?;
                AddrRange::new(Iova::new(found.at.raw), len)
            }
        };
        for (device, domain, pasid) in self.owners(named, op.pasid.map(|p| p.value)) {
            let requester = device.map(|device| self.hw.devices[device].requester);
            let what = invalidation(op.cache.value, (requester, domain, pasid), range)
                .ok_or_else(|| problem(span, WHOSE))?;
            self.driver(span, |unit, ctx| match what {
                Invalidation::Interrupts if unit.forget_interrupts(ctx)? => Ok(()),
                _ => unit.invalidate(ctx, what),
            })?;
        }
        Ok(())
    }

    /// Whose caches: each device, domain and PASID that a name stands for. A process is each PASID of each device that is
    /// bound to it.
    fn owners(&self, named: Option<Named>, pasid: Option<Pasid>) -> Vec<Owner> {
        match named {
            Some(Named::Domain(domain)) => match self.sw.domains[domain].kind {
                DomainRef::Host(id) => [(None, Some(id), pasid)].into(),
                DomainRef::Guest { tables, .. } => [(None, tables.below, pasid)].into(),
            },
            Some(Named::Vm(vm)) => [(None, self.sw.vms[vm].domain, pasid)].into(),
            Some(Named::Device(device)) => [(Some(device), self.domain_of(device), pasid)].into(),
            Some(Named::Process(process)) => {
                let Process { vm, pasid: own, .. } = self.sw.processes[process];
                let domain = vm.and_then(|vm| self.sw.vms[vm].domain);
                let bound = self.sw.bound.iter().filter(|b| b.2 == process);
                let owners: Vec<Owner> = bound
                    .filter(|b| pasid.is_none_or(|only| only == b.1))
                    .map(|b| (Some(b.0), domain, Some(b.1)))
                    .collect();
                if owners.is_empty() {
                    return [(None, domain, pasid.or(Some(own)))].into();
                }
                owners
            }
            _ => [(None, None, pasid)].into(),
        }
    }

    pub(in crate::machine) fn register_offset(
        &mut self,
        register: &Register,
    ) -> Result<(u32, u8, Span), Problem> {
        if self.hw.iommu.is_none() {
            let (Register::Offset(Num { span, .. }) | Register::Name(Node { span, .. })) = register;
            return Err(problem(*span, DriverError::NoIommu));
        }
        match register {
            Register::Offset(n) => {
                let offset = u32::try_from(n.value).map_err(|_| {
                    problem(n.span, Text::new("there is no register this far up", "这么高的偏移处没有寄存器"))
                })?;
                let width = self.hw.iommu.as_ref().and_then(|u| {
                    u.registers().iter().find(|r| r.0.offset == offset).map(|r| r.0.bytes.min(8))
                });
                Ok((offset, width.unwrap_or(4), n.span))
            }
            Register::Name(name) => {
                let registers = self.hw.iommu.as_ref().map(|u| u.registers()).unwrap_or_default();
                let found = registers.iter().find(|r| is_named(r.0, &name.value));
                found.map(|r| (r.0.offset, r.0.bytes.min(8), name.span)).ok_or_else(|| {
                    // People leave out what every name begins with.
                    let end = format!("_{}", name.value.to_ascii_uppercase());
                    let whole = registers.iter().map(|r| r.0.name).find(|whole| whole.ends_with(&end));
                    let (en, zh) = whose(&name.value).map_or_else(Default::default, |whose| {
                        (format!(": {}", whose.en), format!("：{}", whose.zh))
                    });
                    let mut problem = Problem::new(
                        name.span,
                        format!("this IOMMU has no register `{}`{en}", name.value),
                        format!("该 IOMMU 没有名为 `{}` 的寄存器{zh}", name.value),
                    )
                    .suggest(&name.value, registers.iter().map(|r| r.0.name))
                    .lacking();
                    problem.suggestion = whole.map(Into::into).or(problem.suggestion);
                    problem
                })
            }
        }
    }

    pub(in crate::machine) fn op_register_read(&mut self, op: &ast::RegisterRead) -> Result<u64, Stop> {
        let (offset, width, span) = self.register_offset(&op.register)?;
        let width = op.size.map_or(width, |s| s.value as u8);
        let value = self.hw.iommu.as_mut().and_then(|u| u.read_register(offset, width, &mut self.trace));
        value.ok_or_else(|| {
            problem(
                span,
                Phrase::new(
                    format!("there is no register of {width} bytes at {offset:#x}"),
                    format!("{offset:#x} 处没有 {width} 字节的寄存器"),
                ),
            )
            .into()
        })
    }

    pub(in crate::machine) fn op_register_write(&mut self, op: &ast::RegisterWrite) -> Result<(), Stop> {
        let (offset, width, span) = self.register_offset(&op.register)?;
        let width = op.size.map_or(width, |s| s.value as u8);
        let done = self.with_links(|machine| {
            let (memory, trace) = (&mut machine.memory, &mut machine.trace);
            let unit = machine.hw.iommu.as_mut();
            unit.is_some_and(|u| u.write_register(memory, offset, width, op.value.value, trace))
        });
        if done {
            Ok(())
        } else {
            Err(problem(
                span,
                Phrase::new(
                    format!("there is no register of {width} bytes at {offset:#x}"),
                    format!("{offset:#x} 处没有 {width} 字节的寄存器"),
                ),
            )
            .into())
        }
    }

    /// Does what software writes into tables decide where interrupts go? Else their messages do.
    pub(in crate::machine) fn remaps_interrupts(&self) -> bool {
        let has = |ability| self.architecture.is_some_and(|a| a.has(ability));
        // An interrupt controller with tables is none of the IOMMU's, and on without it.
        has(Ability::DeviceEvents) || self.iommu_on() && (self.remaps || !has(Ability::InterruptTable))
    }

    /// Checks that a message by itself can name this CPU: eight bits do, of an APIC id or of a place among interrupt files.
    pub(in crate::machine) fn names_cpu(&self, cpu: Option<Num>) -> Result<(), Stop> {
        if self.hw.interrupts == Controller::Its || cpu.is_none_or(|cpu| cpu.value <= 255) {
            return Ok(());
        }
        let message = Phrase::new(
            "a message by itself names the CPUs 0 to 255 only; an entry of a remapping table (`interrupt`) can name more",
            "消息自己只能写明 CPU 0 到 255；用中断重映射表的表项（`interrupt`）才能写更大的编号",
        );
        Err(Stop::Os(OsError::new("range", message)))
    }

    /// Without remapping software puts CPU and vector into the message itself, for the device to send.
    fn set_message(&mut self, op: &ast::InterruptEntry, index: u16) {
        self.trace.step(Actor::Os, Event::Check { rule: &NO_TABLE, ok: true, value: index.into() });
        if op.state.is_some_and(|s| s.value == EntryState::NotPresent) {
            self.sw.messages.remove(&index);
            return;
        }
        let (cpu, vector) = (op.cpu.map_or(0, |c| c.value as u32), op.vector.map_or(0, |v| v.value as u32));
        self.sw.messages.insert(index, self.hw.interrupts.message(cpu, vector));
    }

    /// Where interrupts are files behind a guest's tables, a message reaches the guest's only from a device under them.
    fn is_guests(&self, source: Option<RequesterId>, vm: &ast::Name) -> Result<(), Problem> {
        if !self.architecture.is_some_and(|a| a.has(Ability::InterruptFiles)) {
            return Ok(());
        }
        let device = self.hw.devices.iter().position(|d| Some(d.requester) == source);
        let under = |device: &usize| {
            let to = self.sw.attached_to[*device].as_deref();
            to == Some(vm.value.as_str())
                || to.and_then(|to| self.named(to, vm.span).ok()).is_some_and(|to| match to {
                    Named::Domain(domain) => match self.sw.domains[domain].kind {
                        DomainRef::Guest { vm: of, .. } => {
                            matches!(self.named(&vm.value, vm.span), Ok(Named::Vm(vm)) if vm == of)
                        }
                        DomainRef::Host(_) => false,
                    },
                    _ => false,
                })
        };
        match device.filter(|device| !under(device)) {
            None => Ok(()),
            Some(device) => {
                let (device, vm_name) = (&self.hw.devices[device].name, &vm.value);
                Err(problem(
                    vm.span,
                    Phrase::new(
                        format!("{device} is not attached to {vm_name}, whose tables would lead its message to an interrupt file of the guest: `attach {device} to {vm_name}` first"),
                        format!("{device} 没有挂接到 {vm_name}：只有经过 {vm_name} 的表，消息才会写到客户机的中断文件。请先写 `attach {device} to {vm_name}`"),
                    ),
                ))
            }
        }
    }

    pub(in crate::machine) fn op_interrupt(&mut self, op: &ast::InterruptEntry) -> Result<(), Stop> {
        let index = u16::try_from(op.index.value)
            .map_err(|_| problem(op.index.span, Text::new("an index is at most 65535", "索引最大 65535")))?;
        if let (Some(cpu), Some(vm)) = (op.cpu, &op.vm) {
            let (cpu, span, vm) = (cpu.value, cpu.span, &vm.value);
            let said = Phrase::new(
                format!("`cpu {cpu}` and `vm {vm}` contradict each other: an interrupt is a CPU's or a guest's, so one of them must go"),
                format!("`cpu {cpu}` 与 `vm {vm}` 互相矛盾：中断要么给 CPU，要么给客户机，请去掉其中一个"),
            );
            return Err(problem(span, said).into());
        }
        if !self.remaps_interrupts() && op.vm.is_none() {
            self.names_cpu(op.cpu)?;
            self.set_message(op, index);
            return Ok(());
        }
        if !self.remaps_interrupts() {
            return Err(os::OsError::NoIommu.into());
        }
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
                self.is_guests(source, name)?;
                if self.sw.vms[vm].posted.is_none() {
                    self.sw.vms[vm].posted = self.sw.frames.frame();
                }
                Some(
                    self.sw.vms[vm]
                        .posted
                        .ok_or_else(|| problem(name.span, Text::new("no memory is left", "没有内存可用")))?,
                )
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
}
