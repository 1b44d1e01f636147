//! What a CPU's access meets: the MMU, the cache, then RAM, a bridge window and a device behind it, or a port.

use super::bus::{DeviceBus, Manner};
use super::software::Owner;
use super::Machine;
use crate::addr::{
    Address, AnyAddr, BusAddr, GuestPhysAddr, PhysAddr, PortAddr, RequesterId, Space, VirtAddr,
};
use crate::iommu::Unit;
use crate::machine::device_memory::Stream;
use crate::machine::ops::content::Content;
use crate::machine::record::ConfigWrite;
use crate::memory::{MemError, FRAME};
use crate::mmu::fault::MmuFault;
use crate::mmu::AddressSpace;
use crate::paging::Want;
use crate::platform::config::BarKind;
use crate::platform::map::RegionKind;
use crate::platform::route::End;
use crate::platform::tlp::{Status, Tlp};
use crate::platform::topology::NodeId;
use crate::spec::{Rule, Text};
use crate::trace::{Actor, Event, Observer, Perms, Scope, Verdict};

static NOBODY: Rule = Rule {
    text: Text::new(
        "nothing answers here: a read returns ones, a write is lost",
        "此处无人应答（读到全 1，写入丢失）",
    ),
    section: "PCIe 2.3.2",
};

/// Who accesses, and how.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Access {
    /// In which address space.
    pub owner: Owner,
    /// The address, with its space.
    pub at: AnyAddr,
    /// Read, write or execute, and with which privilege.
    pub want: Want,
}

/// Why a CPU access did not happen.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum CpuError {
    /// The MMU refused it.
    Mmu(MmuFault),
    /// Nothing answers; a read gives ones.
    Nothing(PhysAddr),
    /// The memory the simulated machine may write is used up.
    Memory(MemError),
}

impl Machine {
    /// The page tables of an owner that uses virtual addresses.
    pub fn space(&self, owner: Owner) -> Option<AddressSpace> {
        match owner {
            Owner::Kernel => Some(self.sw.kernel),
            Owner::Process(process) => self.sw.processes.get(process).map(|p| p.space),
            Owner::Vm(_) => None,
        }
    }

    /// Translates one access within a page, and records everything about it.
    fn cpu_physical(&mut self, access: &Access, at: AnyAddr) -> Result<PhysAddr, CpuError> {
        match (at.space, access.owner) {
            (Space::Virtual, owner) => {
                let space = self.space(owner).unwrap_or(self.sw.kernel);
                let va = VirtAddr::new(at.raw);
                let translated =
                    self.hw.mmu.translate(&mut self.memory, &space, va, access.want, &mut self.trace);
                translated.map(|t| t.to).map_err(CpuError::Mmu)
            }
            (Space::GuestPhysical, Owner::Vm(vm)) => {
                let Some(guest) = self.sw.vms.get(vm).map(|v| v.guest(vm)) else {
                    return Ok(PhysAddr::new(at.raw));
                };
                let gpa = GuestPhysAddr::new(at.raw);
                let translated =
                    self.hw.mmu.guest_physical(&mut self.memory, &guest, gpa, access.want, &mut self.trace);
                translated.map(|t| t.to).map_err(CpuError::Mmu)
            }
            _ => Ok(PhysAddr::new(at.raw)),
        }
    }

    /// The space a plain number is in for this owner.
    pub fn cpu_space(owner: Owner) -> Space {
        match owner {
            Owner::Kernel => Space::Physical,
            Owner::Process(_) => Space::Virtual,
            Owner::Vm(_) => Space::GuestPhysical,
        }
    }

    /// A load of any length, whose first bytes are given back. What does not answer reads as ones.
    pub fn cpu_read(
        &mut self,
        access: &Access,
        len: u64,
        width: u8,
        first: &mut [u8; 8],
    ) -> Result<(), CpuError> {
        self.by_page(access, len, |machine, pa, place, page| {
            let result = machine.load(pa, page, width);
            let start = place.min(8) as usize;
            let n = page.len().min(8 - start);
            first[start..start + n].copy_from_slice(&page[..n]);
            result
        })
    }

    /// A store of any length. What does not answer loses it.
    pub fn cpu_store(&mut self, access: &Access, data: &Content, width: u8) -> Result<(), CpuError> {
        self.by_page(access, data.len(), |machine, pa, place, page| {
            data.piece(place, page);
            machine.store(pa, page, width)
        })
    }

    /// A store of a few bytes.
    pub fn cpu_write(&mut self, access: &Access, data: &[u8], width: u8) -> Result<(), CpuError> {
        self.cpu_store(access, &Content::held(data.to_vec(), data.len() as u64), width)
    }

    /// Does an access part by part, each in one page: its physical address, its place in the whole, its bytes.
    fn by_page(
        &mut self,
        access: &Access,
        len: u64,
        mut act: impl FnMut(&mut Self, PhysAddr, u64, &mut [u8]) -> Result<(), CpuError>,
    ) -> Result<(), CpuError> {
        self.begin_cpu(access, len);
        let mut page = [0; FRAME as usize];
        let mut done = 0;
        let mut result = Ok(());
        // Bounded: what `act` reads or writes is drawn, and ends it.
        while done < len && result.is_ok() {
            let raw = access.at.raw.wrapping_add(done);
            let n = (FRAME - raw % FRAME).min(len - done);
            let at = AnyAddr { raw, ..access.at };
            result =
                self.cpu_physical(access, at).and_then(|pa| act(self, pa, done, &mut page[..n as usize]));
            done += n;
        }
        self.end_cpu(&result);
        result
    }

    fn begin_cpu(&mut self, access: &Access, bytes: u64) {
        let (at, want) = (access.at, access.want.perms);
        self.trace.begin(Actor::Cpu, Scope::CpuAccess { at, want, bytes: bytes as u32 });
    }

    fn end_cpu(&mut self, result: &Result<(), CpuError>) {
        let verdict = match result {
            Ok(()) => Verdict::Ok,
            Err(CpuError::Mmu(fault)) => fault.code().map_or(Verdict::Refused(&NOBODY), Verdict::Fault),
            Err(_) => Verdict::Refused(&NOBODY),
        };
        self.trace.end(Actor::Cpu, verdict);
    }

    fn load(&mut self, pa: PhysAddr, out: &mut [u8], width: u8) -> Result<(), CpuError> {
        match self.hw.map.find(pa).map(|r| r.kind) {
            Some(RegionKind::Ram) => {
                let cache = &mut self.sw.cache;
                cache.read(&mut self.memory, Actor::Cpu, pa, out, &mut self.trace).map_err(CpuError::Memory)
            }
            Some(RegionKind::Window) => {
                for (i, part) in out.chunks_mut(usize::from(width.max(1))).enumerate() {
                    let at = pa.wrapping_add(i as u64 * u64::from(width.max(1)));
                    if !self.trace.spend(1) {
                        return Err(CpuError::Memory(MemError::Budget));
                    }
                    self.mmio_read(at, part)?;
                }
                Ok(())
            }
            Some(RegionKind::IommuRegisters) => {
                let base = self.hw.map.find(pa).map_or(0, |r| r.range.start.raw());
                let offset = (pa.raw() - base) as u32;
                let value = self
                    .hw
                    .iommu
                    .as_mut()
                    .and_then(|u| u.read_register(offset, out.len().min(8) as u8, &mut self.trace));
                fill(out, value.unwrap_or(u64::MAX));
                Ok(())
            }
            _ => {
                out.fill(0xff);
                self.trace
                    .step(Actor::RootComplex, Event::Check { rule: &NOBODY, ok: false, value: pa.raw() });
                Err(CpuError::Nothing(pa))
            }
        }
    }

    fn store(&mut self, pa: PhysAddr, data: &[u8], width: u8) -> Result<(), CpuError> {
        match self.hw.map.find(pa).map(|r| r.kind) {
            Some(RegionKind::Ram) => {
                let cache = &mut self.sw.cache;
                cache.write(&mut self.memory, Actor::Cpu, pa, data, &mut self.trace).map_err(CpuError::Memory)
            }
            Some(RegionKind::Window) => {
                for (i, part) in data.chunks(usize::from(width.max(1))).enumerate() {
                    let at = pa.wrapping_add(i as u64 * u64::from(width.max(1)));
                    if !self.trace.spend(1) {
                        return Err(CpuError::Memory(MemError::Budget));
                    }
                    self.mmio_write(at, part)?;
                }
                Ok(())
            }
            Some(RegionKind::IommuRegisters) => {
                let base = self.hw.map.find(pa).map_or(0, |r| r.range.start.raw());
                let offset = (pa.raw() - base) as u32;
                let value = value_of(data);
                self.with_links(|machine| {
                    let (memory, bytes) = (&mut machine.memory, data.len().min(8) as u8);
                    let unit = machine.hw.iommu.as_mut();
                    unit.map(|unit| unit.write_register(memory, offset, bytes, value, &mut machine.trace))
                });
                Ok(())
            }
            _ => {
                self.trace
                    .step(Actor::RootComplex, Event::Check { rule: &NOBODY, ok: false, value: pa.raw() });
                Err(CpuError::Nothing(pa))
            }
        }
    }

    fn next_tag(&mut self) -> u16 {
        self.hw.tag = (self.hw.tag + 1) & 0x3ff;
        self.hw.tag
    }

    fn mmio_write(&mut self, pa: PhysAddr, data: &[u8]) -> Result<(), CpuError> {
        let Some((bridge, bus)) = self.hw.bridges.outbound(pa, &mut self.trace) else {
            return Err(CpuError::Nothing(pa));
        };
        let tlp = Tlp::memory(RequesterId::default(), self.next_tag(), true, bus, data.len() as u32);
        let route = self.hw.topology.route_down(bridge, bus);
        self.hw.topology.tell(&route.steps, &tlp.encode(), data.len() as u32, &mut self.trace);
        match route.end {
            End::Function { node, bar, offset, .. } => {
                self.bar_write(node, bar, offset, data);
                Ok(())
            }
            _ => Err(CpuError::Nothing(pa)),
        }
    }

    fn mmio_read(&mut self, pa: PhysAddr, out: &mut [u8]) -> Result<(), CpuError> {
        let Some((bridge, bus)) = self.hw.bridges.outbound(pa, &mut self.trace) else {
            return Err(CpuError::Nothing(pa));
        };
        let tlp = Tlp::memory(RequesterId::default(), self.next_tag(), false, bus, out.len() as u32);
        let route = self.hw.topology.route_down(bridge, bus);
        self.hw.topology.tell(&route.steps, &tlp.encode(), 0, &mut self.trace);
        let (status, completer) = match route.end {
            End::Function { node, bar, offset, .. } => {
                self.bar_read(node, bar, offset, out);
                (Status::Success, self.hw.topology.node(node).id)
            }
            _ => (Status::UnsupportedRequest, RequesterId::default()),
        };
        let len = out.len() as u16;
        let data = if status == Status::Success { len } else { 0 };
        let completion = tlp.completion(completer, status, data, len, 0);
        self.hw.topology.tell(&route.back(), &completion.encode(), data.into(), &mut self.trace);
        if status == Status::Success {
            Ok(())
        } else {
            out.fill(0xff);
            Err(CpuError::Nothing(pa))
        }
    }

    /// A write that arrived at a function's BAR: its engine's registers, scratch registers, or its memory.
    fn bar_write(&mut self, node: NodeId, bar: u8, offset: u64, data: &[u8]) {
        let Some(index) = self.device_at(node) else { return };
        let device = &mut self.hw.devices[index];
        if device.is_engine_register(bar, offset, data.len()) {
            let (bytes, value) = (data.len() as u8, value_of(data));
            if device.engine.write_register(offset as u32, bytes, value, &mut self.trace) {
                self.run_engine(index);
            }
        } else {
            // The loss is recorded in the trace; a posted write reports no error on the bus.
            let _ = device.own_write(device.behind(bar, offset), data, &mut self.trace);
        }
    }

    fn bar_read(&mut self, node: NodeId, bar: u8, offset: u64, out: &mut [u8]) {
        let Some(index) = self.device_at(node) else {
            out.fill(0xff);
            return;
        };
        let device = &mut self.hw.devices[index];
        if device.is_engine_register(bar, offset, out.len()) {
            let value = device.engine.read_register(offset as u32, out.len() as u8, &mut self.trace);
            fill(out, value);
        } else {
            // Its own memory never fails to be read.
            let _ = device.own_read(device.behind(bar, offset), out, &mut self.trace);
        }
    }

    /// Runs a device's engine until its transfer ends. The engine is taken out meanwhile: it sees the machine
    /// as its bus.
    pub(super) fn run_engine(&mut self, device: usize) {
        self.with_engine(device, Manner::default(), Stream::None, |engine, bus| {
            engine.run(bus);
        });
    }

    /// Lends a device's engine, with the machine as its bus.
    pub(super) fn with_engine<T>(
        &mut self,
        device: usize,
        manner: Manner,
        stream: Stream,
        act: impl FnOnce(&mut crate::dma::Engine, &mut DeviceBus<'_>) -> T,
    ) -> T {
        let iommu_on = self.iommu_on();
        let mut engine = self.hw.devices[device].engine.clone();
        let mut bus = DeviceBus {
            device,
            hw: &mut self.hw,
            memory: &mut self.memory,
            iommu_on,
            manner,
            stream,
            trace: &mut self.trace,
            cache: &mut self.sw.cache,
        };
        let result = act(&mut engine, &mut bus);
        self.hw.devices[device].engine = engine;
        result
    }

    /// Reads an I/O port.
    pub fn port_read(&mut self, port: PortAddr, bytes: u8) -> u32 {
        self.begin_port(port, Perms::R, bytes);
        let value = self.port(port, bytes, None);
        self.trace.end(Actor::Cpu, Verdict::Ok);
        value
    }

    /// Writes an I/O port.
    pub fn port_write(&mut self, port: PortAddr, bytes: u8, value: u32) {
        self.begin_port(port, Perms::W, bytes);
        self.port(port, bytes, Some(value));
        self.trace.end(Actor::Cpu, Verdict::Ok);
    }

    fn begin_port(&mut self, port: PortAddr, want: Perms, bytes: u8) {
        self.trace.begin(Actor::Cpu, Scope::CpuAccess { at: port.any(), want, bytes: bytes.into() });
    }

    fn port(&mut self, port: PortAddr, bytes: u8, write: Option<u32>) -> u32 {
        let number = port.raw() as u16;
        let tlp = Tlp::io(RequesterId::default(), self.next_tag(), write.is_some(), number, bytes);
        let payload = if write.is_some() { u32::from(bytes) } else { 0 };
        let claimed = self.hw.topology.claim_io(number).filter(|(node, bar, _)| {
            self.hw.topology.bar(*node, *bar).is_some_and(|b| b.kind == BarKind::Io)
        });
        let Some((node, bar, offset)) = claimed else {
            self.trace.step(Actor::RootComplex, Event::Check { rule: &NOBODY, ok: false, value: port.raw() });
            return u32::MAX >> (32 - 8 * u32::from(bytes.clamp(1, 4)));
        };
        let route = self.hw.topology.route_to(node);
        self.hw.topology.tell(&route.steps, &tlp.encode(), payload, &mut self.trace);
        let mut data = write.unwrap_or(0).to_le_bytes();
        let part = &mut data[..usize::from(bytes.clamp(1, 4))];
        if write.is_some() {
            let part = &*part;
            self.bar_write(node, bar, offset, part);
        } else {
            self.bar_read(node, bar, offset, part);
        }
        // I/O requests are never posted: writes are completed too (PCIe 2.2.2 note, 2.4).
        let completer = self.hw.topology.node(node).id;
        let back = if write.is_some() { 0 } else { u16::from(bytes) };
        let completion = tlp.completion(completer, Status::Success, back, 4, 0);
        self.hw.topology.tell(&route.back(), &completion.encode(), back.into(), &mut self.trace);
        u32::from_le_bytes(data)
    }

    /// Reads or writes configuration space, by requester id: there may be nothing.
    pub fn config(&mut self, id: RequesterId, offset: u16, bytes: u8, write: Option<u32>) -> u32 {
        let at = AnyAddr { space: Space::Bus, raw: u64::from(id.raw()) << 12 | u64::from(offset) };
        let want = if write.is_some() { Perms::W } else { Perms::R };
        self.trace.begin(Actor::Cpu, Scope::CpuAccess { at, want, bytes: bytes.into() });
        let node = self.hw.topology.by_id(id).filter(|node| self.hw.topology.is_configured(*node));
        let forwarded = node.is_some_and(|n| self.hw.topology.node(n).parent.is_some());
        let tag = self.next_tag();
        let tlp = Tlp::config(RequesterId::default(), tag, write.is_some(), id, offset, bytes, forwarded);
        let payload = if write.is_some() { u32::from(bytes) } else { 0 };
        let value = match node {
            Some(node) => {
                let route = self.hw.topology.route_to(node);
                self.hw.topology.tell(&route.steps, &tlp.encode(), payload, &mut self.trace);
                let config = &mut self.hw.topology.node_mut(node).config;
                let value = match write {
                    Some(value) => {
                        config.write(offset, bytes, value);
                        self.config_writes.push(ConfigWrite {
                            at: self.trace.len(),
                            node,
                            offset,
                            bytes,
                            value,
                        });
                        value
                    }
                    None => config.read(offset, bytes),
                };
                let back = if write.is_some() { 0 } else { u16::from(bytes) };
                let completion = tlp.completion(id, Status::Success, back, 4, 0);
                self.hw.topology.tell(&route.back(), &completion.encode(), back.into(), &mut self.trace);
                value
            }
            None => {
                self.trace.step(
                    Actor::RootComplex,
                    Event::Check { rule: &NOBODY, ok: false, value: id.raw().into() },
                );
                u32::MAX >> (32 - 8 * u32::from(bytes.clamp(1, 4)))
            }
        };
        self.trace.end(Actor::Cpu, Verdict::Ok);
        value
    }

    /// The bus address that the kernel would use to reach `pa` through a window, for views.
    pub fn bus_of(&self, pa: PhysAddr) -> Option<BusAddr> {
        self.hw.bridges.to_bus(pa).map(|(_, at)| at)
    }
}

/// Up to eight little-endian bytes as a number.
pub(super) fn value_of(data: &[u8]) -> u64 {
    let mut word = [0; 8];
    let n = data.len().min(8);
    word[..n].copy_from_slice(&data[..n]);
    u64::from_le_bytes(word)
}

fn fill(out: &mut [u8], value: u64) {
    let bytes = value.to_le_bytes();
    for (i, byte) in out.iter_mut().enumerate() {
        *byte = bytes[i % 8];
    }
}
