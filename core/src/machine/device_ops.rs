//! Operations of CPUs and devices: loads and stores, DMA, descriptors, interrupts, ATS and page requests.

use super::bus::{pattern, Manner};
use super::cpu::{value_of, Access as CpuAccess, CpuError};
use super::memory_ops::own_len;
use super::names::{wrong, Found};
use super::own::Stream;
use super::run::{OsError, Stop};
use super::software::{Named, Owner};
use super::Machine;
use crate::addr::{
    AddrRange, Address, AnyAddr, BusAddr, DeviceAddr, GuestPhysAddr, Iova, PageSize, Pasid, PhysAddr,
    PortAddr, Space,
};
use crate::dma::descriptor::{Descriptor, BYTES as DESCRIPTOR_BYTES};
use crate::dma::registers::control;
use crate::dma::{Block, EngineAddr, Inside};
use crate::iommu::{Iommu, Outcome, PageRequest, PasidTag, Request, RequestKind};
use crate::memory::FRAME;
use crate::os::relay;
use crate::paging::Want;
use crate::platform::tlp::{AddressType, PasidPrefix, Tlp};
use crate::scenario::ast::{self, Privilege, Stored};
use crate::scenario::{Problem, Span};
use crate::spec::{Rule, Text};
use crate::trace::{Actor, Event, Observer, Perms, Scope, Verdict};
use alloc::{vec, vec::Vec};

static NO_PAGE: Rule = Rule {
    text: Text::new(
        "the answer allows nothing: the page is not there for this access",
        "应答不允许任何访问：该页对此访问不可用",
    ),
    section: "PCIe 10.2.3",
};

/// What the register BAR's offset of a device's engine is written at.
struct Registers {
    bar: BusAddr,
}

impl Machine {
    // ---- CPU ----

    fn cpu_access(
        &mut self,
        at: &ast::Loc<ast::OfSubject>,
        space: &Option<ast::Name>,
        privilege: Option<Privilege>,
        perms: Perms,
    ) -> Result<(CpuAccess, Found), Problem> {
        let owner = self.owner(space)?;
        let found =
            self.find(at, if owner == Owner::Kernel { Space::Virtual } else { Self::cpu_space(owner) })?;
        let mut at = found.at;
        let mut owner = owner;
        if owner == Owner::Kernel && found.named.is_none() {
            // A plain number without `in` is physical.
            at = AnyAddr { space: Space::Physical, raw: at.raw };
        }
        match at.space {
            Space::Bus => {
                // A BAR, by the name of its bus address: the CPU reaches it through the bridge.
                let pa = self.hw.bridge.cpu_addr(BusAddr::new(at.raw));
                at = pa.map_or(AnyAddr { space: Space::Physical, raw: at.raw }, |pa| pa.any());
            }
            Space::Virtual if owner == Owner::Kernel => {
                // A buffer of a process is used by that process unless the scenario says otherwise.
                if let Some(Named::Buffer(index)) = found.named {
                    owner = self.sw.buffers[index].owner;
                }
            }
            _ => {}
        }
        let user = privilege.map_or(matches!(owner, Owner::Process(_)), |p| p == Privilege::User);
        let want = Want { perms, privileged: !user };
        Ok((CpuAccess { owner, at, want }, found))
    }

    fn width(&self, size: &Option<ast::Num>, at: AnyAddr) -> u8 {
        let window = at.space == Space::Physical
            && self
                .hw
                .map
                .find(PhysAddr::new(at.raw))
                .is_some_and(|r| r.kind != crate::platform::map::RegionKind::Ram);
        size.map_or(if window { 4 } else { 8 }, |s| s.value.clamp(1, 8) as u8)
    }

    pub(super) fn op_cpu_read(&mut self, op: &ast::CpuRead) -> Result<u64, Stop> {
        let perms = if op.execute { Perms::X } else { Perms::R };
        let (access, _) = self.cpu_access(&op.at, &op.space, op.privilege.map(|p| p.value), perms)?;
        let width = self.width(&op.size, access.at);
        let len = op.len.map_or(u64::from(width), |l| l.value);
        self.check_transfer(len, op.at.span)?;
        let mut out = vec![0; len as usize];
        let _ = self.cpu_retry(&access, |m, a| m.cpu_read(a, &mut out, width));
        Ok(value_of(&out))
    }

    pub(super) fn op_cpu_write(&mut self, op: &ast::CpuWrite) -> Result<(), Stop> {
        let (access, _) = self.cpu_access(&op.at, &op.space, op.privilege.map(|p| p.value), Perms::W)?;
        let width = self.width(&op.size, access.at);
        let data = match &op.value {
            Stored::Number(n) => n.value.to_le_bytes()[..usize::from(width)].to_vec(),
            Stored::Bytes(bytes) => self.bytes(bytes, op.len.map(|l| l.value), op.at.span)?,
        };
        let _ = self.cpu_retry(&access, |m, a| m.cpu_write(a, &data, width));
        Ok(())
    }

    /// Does an access; a page fault on a promised page is answered by bringing it in, and the access repeated.
    fn cpu_retry(
        &mut self,
        access: &CpuAccess,
        mut act: impl FnMut(&mut Self, &CpuAccess) -> Result<(), CpuError>,
    ) -> Result<(), CpuError> {
        let mut tries = 0;
        loop {
            let result = act(self, access);
            match (&result, access.owner) {
                (Err(CpuError::Mmu(fault)), Owner::Process(process)) if tries < 64 => {
                    let at = crate::addr::VirtAddr::new(fault.address().raw);
                    if fault.address().space == Space::Virtual && self.page_in(process, at, access.want.perms)
                    {
                        tries += 1;
                        continue;
                    }
                }
                _ => {}
            }
            return result;
        }
    }

    pub(super) fn op_cpu_evict(&mut self, op: &ast::CpuEvict) -> Result<(), Stop> {
        let (pa, found) = self.physical(&op.at)?;
        let len = self.length(op.len.map(|l| l.value), &found, None, op.at.span)?;
        if let Some(range) = AddrRange::new(pa, len) {
            let done = self.sw.cache.clean_invalidate(&mut self.memory, range, &mut self.trace);
            done.map_err(crate::os::OsError::Memory)?;
        }
        Ok(())
    }

    pub(super) fn op_cpu_in(&mut self, op: &ast::CpuIn) -> Result<u64, Stop> {
        let found = self.find(&op.port, Space::Port)?;
        let size = port_size(&op.size, op.port.span)?;
        Ok(self.port_read(port(found.at.raw, op.port.span)?, size).into())
    }

    pub(super) fn op_cpu_out(&mut self, op: &ast::CpuOut) -> Result<(), Stop> {
        let found = self.find(&op.port, Space::Port)?;
        let size = port_size(&op.size, op.port.span)?;
        self.port_write(port(found.at.raw, op.port.span)?, size, op.value.value as u32);
        Ok(())
    }

    fn config_target(&self, name: &ast::Name) -> Result<crate::addr::RequesterId, Problem> {
        if let Some(id) = ast::requester_of(name) {
            return Ok(id);
        }
        match self.hw.topology.by_name(&name.value) {
            Some(node) => Ok(self.hw.topology.node(node).id),
            None => Err(wrong(name.span, &name.value, "a device or a port", "设备或端口")),
        }
    }

    pub(super) fn op_config_read(&mut self, op: &ast::ConfigRead) -> Result<u64, Stop> {
        let id = self.config_target(&op.device)?;
        let size = port_size(&op.size, op.offset.span)?;
        Ok(self.config(id, op.offset.value as u16, size, None).into())
    }

    pub(super) fn op_config_write(&mut self, op: &ast::ConfigWrite) -> Result<(), Stop> {
        let id = self.config_target(&op.device)?;
        let size = port_size(&op.size, op.offset.span)?;
        self.config(id, op.offset.value as u16, size, Some(op.value.value as u32));
        Ok(())
    }

    // ---- DMA ----

    /// The address that a device's engine is given.
    fn engine_address<A>(
        &self,
        at: &ast::Loc<A>,
        local: bool,
        pasid: Option<Pasid>,
    ) -> Result<(EngineAddr, Found), Problem> {
        let space = if local { Space::Device } else { Space::Bus };
        // With a PASID a buffer is named by its virtual address: that is the point of it.
        let found = match pasid {
            Some(_) => self.find(at, Space::Virtual)?,
            None => self.find(at, space)?,
        };
        let to = if local {
            EngineAddr::Local(DeviceAddr::new(found.at.raw))
        } else {
            EngineAddr::Bus(BusAddr::new(found.at.raw))
        };
        Ok((to, found))
    }

    pub(super) fn op_dma(&mut self, op: &ast::Dma) -> Result<(), Stop> {
        let device = self.device_named(&op.device)?;
        let write = op.access.value == ast::Access::Write;
        let pasid = op.pasid.map(|p| p.value);
        let (at, found) = self.engine_address(&op.at, op.local, pasid)?;
        let said = op.len.map(|l| l.value);
        let data = match &op.data {
            Some(data) => {
                Some(self.bytes(data, said.or_else(|| own_len(data)).or(found.rest), op.at.span)?)
            }
            None => None,
        };
        let fallback = data.as_ref().map(|d| d.len() as u64);
        let len = self.length(said, &found, fallback, op.at.span)?;
        self.check_transfer(len, op.at.span)?;
        let prefix = pasid.map(|pasid| PasidPrefix { pasid, privileged: op.privileged, execute: op.execute });
        let manner = Manner { requester: op.requester.map(|r| r.value), translated: op.translated };
        let times = op.times.map_or(1, |t| t.value.clamp(1, 100_000));
        let stride = op.stride.map_or(0, |s| s.value);
        for i in 0..times {
            if self.trace.lost_steps() {
                break;
            }
            let shift = i.wrapping_mul(stride);
            let at = match at {
                EngineAddr::Bus(at) => EngineAddr::Bus(at.wrapping_add(shift)),
                EngineAddr::Local(at) => EngineAddr::Local(at.wrapping_add(shift)),
            };
            self.transfer(device, at, len, write, prefix, manner, data.as_deref());
        }
        Ok(())
    }

    /// One transfer, as the engine makes it. What is written comes through the device (a packet from the wire, say),
    /// and what is read goes through it: it is what the device "received".
    #[allow(clippy::too_many_arguments)] // one transfer: each argument is one thing
    fn transfer(
        &mut self,
        device: usize,
        at: EngineAddr,
        len: u64,
        write: bool,
        pasid: Option<PasidPrefix>,
        manner: Manner,
        data: Option<&[u8]>,
    ) {
        let stream = match (write, data) {
            (false, _) => Stream::Out(Vec::new()),
            (true, Some(data)) => Stream::In(data.to_vec()),
            (true, None) => Stream::Pattern(pattern(0, FRAME)),
        };
        let block = Block { at, len, inside: Inside::Stream(0), write, pasid };
        let received = self.with_engine(device, manner, stream, |engine, bus| {
            engine.transfer(bus, &block);
            core::mem::take(&mut bus.stream)
        });
        if let Stream::Out(received) = received {
            self.hw.devices[device].received = received;
        }
    }

    /// The device's register BAR, on the bus.
    fn registers(&self, device: usize, span: Span) -> Result<Registers, Problem> {
        let node = self.hw.devices[device].node;
        let config = &self.hw.topology.node(node).config;
        let found = config.bars().into_iter().find(|b| {
            self.hw.devices[device].bars[usize::from(b.index)] == Some(super::BarUse::Registers)
                && b.kind != crate::platform::config::BarKind::Io
        });
        match found {
            Some(bar) => Ok(Registers { bar: BusAddr::new(bar.address) }),
            None => Err(Problem::new(
                span,
                alloc::format!("{} has no memory BAR with registers", self.hw.devices[device].name),
                alloc::format!("{} 没有放寄存器的内存 BAR", self.hw.devices[device].name),
            )),
        }
    }

    /// A store of the kernel to an engine register.
    fn register(&mut self, registers: &Registers, offset: u64, bytes: u8, value: u64, owner: Owner) {
        let Some(pa) = self.hw.bridge.cpu_addr(registers.bar.wrapping_add(offset)) else { return };
        let access = CpuAccess { owner, at: pa.any(), want: Want::supervisor(Perms::W) };
        let data = value.to_le_bytes();
        let _ = self.cpu_write(&access, &data[..usize::from(bytes)], bytes);
    }

    pub(super) fn op_program(&mut self, op: &ast::Program) -> Result<(), Stop> {
        let device = self.device_named(&op.device)?;
        let pasid = op.pasid.map(|p| p.value);
        let (at, found) = self.engine_address(&op.at, op.local, pasid)?;
        let len = self.length(op.len.map(|l| l.value), &found, None, op.at.span)?;
        let registers = self.registers(device, op.device.span)?;
        let mut bits = if op.access.value == ast::Access::Write { control::WRITE } else { 0 };
        bits |= if op.local { control::LOCAL } else { 0 };
        bits |= if pasid.is_some() { control::PASID } else { 0 };
        bits |= if op.interrupt.is_some() { control::IRQ } else { 0 };
        if let Some(vector) = op.interrupt {
            self.enable_msi(device, vector.value as u8);
        }
        let raw = match at {
            EngineAddr::Bus(at) => at.raw(),
            EngineAddr::Local(at) => at.raw(),
        };
        let k = Owner::Kernel;
        self.register(&registers, 0x08, 8, raw, k);
        self.register(&registers, 0x10, 8, len, k);
        self.register(&registers, 0x18, 8, op.device_at.map_or(0, |d| d.value), k);
        if let Some(pasid) = pasid {
            self.register(&registers, 0x30, 4, pasid.raw().into(), k);
        }
        self.register(&registers, 0x34, 4, 0, k);
        self.register(&registers, 0x00, 4, bits.into(), k);
        Ok(())
    }

    pub(super) fn op_program_list(&mut self, op: &ast::ProgramList) -> Result<(), Stop> {
        let device = self.device_named(&op.device)?;
        let found = self.find(&op.at, Space::Bus)?;
        let registers = self.registers(device, op.device.span)?;
        let mut bits = control::LIST;
        bits |= if op.pasid.is_some() { control::PASID } else { 0 };
        bits |= if op.interrupt.is_some() { control::IRQ } else { 0 };
        if let Some(vector) = op.interrupt {
            self.enable_msi(device, vector.value as u8);
        }
        let k = Owner::Kernel;
        self.register(&registers, 0x20, 8, found.at.raw, k);
        if let Some(pasid) = op.pasid {
            self.register(&registers, 0x30, 4, pasid.value.raw().into(), k);
        }
        self.register(&registers, 0x34, 4, 0, k);
        self.register(&registers, 0x00, 4, bits.into(), k);
        Ok(())
    }

    /// Programs the function's MSI capability for one vector, as a driver's `request_irq` does: through the
    /// remapping table where that is on, straight to CPU 0 where it is not.
    pub(super) fn enable_msi(&mut self, device: usize, vector: u8) {
        let (node, requester) = (self.hw.devices[device].node, self.hw.devices[device].requester);
        let entry =
            crate::iommu::InterruptEntry { source: Some(requester), vector, destination: 0, posted: None };
        let remapped = if self.iommu_on() {
            // Linux gives each interrupt an entry of its own. Here each device has one, from the top of the 256
            // down, out of the way of those a scenario sets.
            let index = 255 - device.min(255) as u16;
            self.with_unit(|unit, ctx| unit.set_interrupt(ctx, index, Some(entry))).ok()
        } else {
            None
        };
        let message = remapped.unwrap_or_else(|| self.hw.interrupts.message(0, u32::from(vector)));
        let config = &mut self.hw.topology.node_mut(node).config;
        config.set_msi(message.address, message.data as u16, true);
    }

    pub(super) fn op_doorbell(&mut self, op: &ast::Doorbell) -> Result<(), Stop> {
        let device = self.device_named(&op.device)?;
        let owner = self.owner(&op.space)?;
        let registers = self.registers(device, op.device.span)?;
        self.register(&registers, 0x38, 4, 1, owner);
        Ok(())
    }

    pub(super) fn op_descriptor(&mut self, op: &ast::Descriptor) -> Result<(), Stop> {
        let (block, found) = self.engine_address(&op.block, op.local, None)?;
        let len = self.length(op.len.map(|l| l.value), &found, None, op.block.span)?;
        let next = match &op.next {
            None => None,
            Some(next) => Some(self.find(next, Space::Bus)?.at.raw),
        };
        let address = match block {
            EngineAddr::Bus(at) => at.raw(),
            EngineAddr::Local(at) => at.raw(),
        };
        let descriptor = Descriptor {
            address,
            length: u32::try_from(len)
                .map_err(|_| super::build::problem(op.block.span, "a block is below 4 GiB"))?,
            write: op.access.value == ast::Access::Write,
            local: op.local,
            interrupt: op.interrupt,
            device: op.device_at.map_or(0, |d| d.value),
            next,
            done: false,
            error: 0,
        };
        debug_assert_eq!(descriptor.bytes().len() as u64, DESCRIPTOR_BYTES);
        // The driver stores it as any data, by the CPU's address of the place.
        let found = self.find(&op.at, Space::Virtual)?;
        let at = match found.at.space {
            // A plain number is physical, as everywhere the kernel stores.
            Space::Virtual if found.named.is_some() => found.at,
            _ => {
                let (pa, _) = self.physical(&op.at)?;
                self.sw.kernel_va(pa).any()
            }
        };
        let access = CpuAccess { owner: Owner::Kernel, at, want: Want::supervisor(Perms::W) };
        let _ = self.cpu_write(&access, &descriptor.bytes(), 8);
        Ok(())
    }

    pub(super) fn op_msi(&mut self, op: &ast::Msi) -> Result<(), Stop> {
        let device = self.device_named(&op.device)?;
        let (address, data) = match (&op.address, &op.entry, &op.vector) {
            (Some(address), _, _) => {
                let found = self.find(address, Space::Bus)?;
                (found.at.raw, op.data.map_or(0, |d| d.value as u32))
            }
            (None, entry, vector) => {
                let cpu = op.cpu.map_or(0, |c| c.value as u32);
                let direct = self.hw.interrupts.message(cpu, vector.map_or(0, |v| v.value as u32));
                let unit = self.hw.iommu.as_ref();
                let message = match (entry, unit) {
                    (Some(index), Some(unit)) => unit.interrupt_message(index.value as u16),
                    _ => direct,
                };
                (message.address, op.data.map_or(message.data, |d| d.value as u32))
            }
        };
        let manner = Manner { requester: op.requester.map(|r| r.value), translated: false };
        self.with_engine(device, manner, Stream::None, |_, bus| bus.message(BusAddr::new(address), data));
        Ok(())
    }

    // ---- ATS, PRI ----

    pub(super) fn op_ats(&mut self, op: &ast::Ats) -> Result<(), Stop> {
        let device = self.device_named(&op.device)?;
        if !self.hw.devices[device].caps.ats {
            return Err(crate::os::OsError::DeviceLacks("ATS capability, or it is off").into());
        }
        let pasid = op.pasid.map(|p| p.value);
        let (at, found) = self.engine_address(&op.at, false, pasid)?;
        let EngineAddr::Bus(at) = at else { return Ok(()) };
        let len = op.len.map(|l| l.value).or(found.rest).unwrap_or(FRAME).min(16 << 20);
        let first = at.raw() & !(FRAME - 1);
        let last = at.raw().saturating_add(len.max(1) - 1);
        let mut page = first;
        while page <= last {
            self.translation_request(device, BusAddr::new(page), pasid, op.no_write);
            let Some(next) = page.checked_add(FRAME) else { break };
            page = next;
        }
        Ok(())
    }

    /// One ATS translation request; what is answered goes into the device's TLB.
    fn translation_request(
        &mut self,
        device: usize,
        at: BusAddr,
        pasid: Option<Pasid>,
        no_write: bool,
    ) -> bool {
        let (node, requester) = (self.hw.devices[device].node, self.hw.devices[device].requester);
        self.hw.tag = (self.hw.tag + 1) & 0x3ff;
        let prefix = pasid.map(|pasid| PasidPrefix { pasid, privileged: false, execute: false });
        let tlp = Tlp::memory(requester, self.hw.tag, false, at, 8)
            .with_kind(AddressType::TranslationRequest, no_write)
            .with_pasid(prefix);
        let kind = AddressType::TranslationRequest;
        let route = self.hw.topology.route_up(node, crate::platform::route::Request { requester, at, kind });
        self.hw.topology.tell(&route.steps, &tlp.encode(), 0, &mut self.trace);
        let request = Request {
            requester,
            pasid: pasid.map(|pasid| PasidTag { pasid, privileged: false, execute: false }),
            at: at.as_iova(),
            want: Perms::R,
            kind: RequestKind::Translation { no_write },
            bytes: 8,
            data: None,
        };
        let iommu_on = self.iommu_on();
        let outcome = match self.hw.iommu.as_mut().filter(|_| iommu_on) {
            Some(unit) => Some(unit.translate(&mut self.memory, &request, &mut self.trace)),
            None => None,
        };
        let answered = match outcome {
            Some(Outcome::Answer(t) | Outcome::Memory(t)) if t.perms != Perms::NONE => Some(t),
            _ => None,
        };
        // The completion carries one entry of eight bytes (PCIe 10.2.3).
        let (status, bytes) = match &outcome {
            Some(Outcome::Fault(_)) | None => (crate::platform::tlp::Status::UnsupportedRequest, 0),
            _ => (crate::platform::tlp::Status::Success, 8),
        };
        let completion = tlp.completion(crate::addr::RequesterId::default(), status, bytes, 8, 0);
        self.hw.topology.tell(&route.back(), &completion.encode(), bytes.into(), &mut self.trace);
        let Some(t) = answered else {
            self.trace
                .step(Actor::Device(requester), Event::Check { rule: &NO_PAGE, ok: false, value: at.raw() });
            return false;
        };
        let size = t.size.min(PageSize::SIZE_1G);
        self.hw.devices[device].tlb.keep(pasid, at.as_iova(), t.to, size, t.perms, &mut self.trace);
        true
    }

    /// Takes pages out of a device's TLB: what the device does on an invalidation request.
    pub(super) fn device_tlb_forget(&mut self, device: usize, pasid: Option<Pasid>, range: AddrRange<Iova>) {
        self.hw.devices[device].tlb.forget(pasid, range, &mut self.trace);
    }

    pub(super) fn op_page_request(&mut self, op: &ast::PageRequest) -> Result<(), Stop> {
        let device = self.device_named(&op.device)?;
        if !self.hw.devices[device].caps.pri {
            return Err(crate::os::OsError::DeviceLacks("page request capability, or it is off").into());
        }
        let pasid = op.pasid.map(|p| p.value);
        let (at, _) = self.engine_address(&op.at, false, pasid)?;
        let EngineAddr::Bus(at) = at else { return Ok(()) };
        let want = if op.access.value == ast::Access::Write { Perms::W } else { Perms::R };
        let requester = self.hw.devices[device].requester;
        let request = PageRequest {
            requester,
            pasid,
            at: at.as_iova().page(PageSize::SIZE_4K),
            want,
            last: true,
            group: 0,
        };
        if !self.iommu_on() {
            return Err(crate::os::OsError::NoIommu.into());
        }
        let queued = match self.hw.iommu.as_mut() {
            Some(unit) => unit.page_request(&mut self.memory, &request, &mut self.trace),
            None => false,
        };
        self.sw.page_requests += 1;
        if !queued {
            return Ok(());
        }
        // The OS's handler: reads the queue, brings pages in, answers the group.
        let waiting =
            self.with_unit(|unit, ctx| unit.take_page_requests(ctx)).map_err(crate::os::OsError::Driver)?;
        for request in waiting {
            let process = self
                .sw
                .bound
                .iter()
                .find(|b| self.hw.devices[b.0].requester == request.requester && Some(b.1) == request.pasid)
                .map(|b| b.2);
            let ok = match (op.response.map(|r| r.value), process) {
                (Some(ast::Response::Success), _) => true,
                (Some(_), _) => false,
                (None, None) => false,
                (None, Some(process)) => {
                    let at = crate::addr::VirtAddr::new(request.at.raw());
                    self.page_in(process, at, request.want) || {
                        let space = self.sw.processes[process].space;
                        let want = Want::user(request.want);
                        crate::mmu::peek(&mut self.memory, &space, at, want).is_ok()
                    }
                }
            };
            self.with_unit(|unit, ctx| unit.respond(ctx, &request, ok))
                .map_err(crate::os::OsError::Driver)?;
        }
        Ok(())
    }

    // ---- the older way ----

    pub(super) fn op_relay(&mut self, op: &ast::Relay) -> Result<(), Stop> {
        let Named::Vm(vm) = self.named(&op.vm.value, op.vm.span)? else {
            return Err(wrong(op.vm.span, &op.vm.value, "a virtual machine", "虚拟机").into());
        };
        let device = self.device_named(&op.device)?;
        let id = self.hw.devices[device].requester;
        let found = self.find(&op.at, Space::GuestPhysical)?;
        let data = match &op.data {
            Some(data) => Some(self.bytes(
                data,
                op.len.map(|l| l.value).or(own_len(data)).or(found.rest),
                op.at.span,
            )?),
            None => None,
        };
        let len =
            self.length(op.len.map(|l| l.value), &found, data.as_ref().map(|d| d.len() as u64), op.at.span)?;
        self.check_transfer(len, op.at.span)?;
        let at = GuestPhysAddr::new(found.at.raw);
        let guest = self.guest_pieces(vm, at.raw(), len)?;
        let write = op.access.value == ast::Access::Write;
        let direction =
            if write { crate::os::dma::Direction::FromDevice } else { crate::os::dma::Direction::ToDevice };
        let on_its_way = self.with_os(|api, env| relay::begin(api, env, id, &guest, direction))?;
        self.transfer(
            device,
            EngineAddr::Bus(on_its_way.dma),
            len,
            write,
            None,
            Manner::default(),
            data.as_deref(),
        );
        self.with_os(|api, env| relay::finish(api, env, id, &guest, &on_its_way))?;
        Ok(())
    }
}

fn port(raw: u64, span: Span) -> Result<PortAddr, Problem> {
    if raw > 0xffff {
        return Err(super::build::problem(span, "there are 65536 I/O ports: 0 to 0xffff"));
    }
    Ok(PortAddr::new(raw))
}

fn port_size(size: &Option<ast::Num>, span: Span) -> Result<u8, Problem> {
    match size.map_or(4, |s| s.value) {
        n @ (1 | 2 | 4) => Ok(n as u8),
        _ => Err(super::build::problem(span, "an access here has 1, 2 or 4 bytes")),
    }
}

/// Closes an operation's scope with what came of it.
pub(super) fn verdict(stop: &Result<(), OsError>) -> Verdict {
    match stop {
        Ok(()) => Verdict::Ok,
        Err(error) => error.rule.map_or(Verdict::Ok, Verdict::Refused),
    }
}

/// The scope of an operation.
pub(super) fn scope(index: u32, line: u32) -> Scope {
    Scope::Operation { index, line }
}
