//! The machine at one position of its trace, as the parts of a picture.
//!
//! Regions come from what the scenario made by then; arrows come from the tables in memory, as they are then, and
//! from what caches hold then. Nothing here is drawn: that is [`crate::diagram`]'s.

mod tables;
mod token;

use crate::addr::{Address, AnyAddr, BusAddr, PhysAddr, Space, VirtAddr};
use crate::diagram::model::{
    Actor, ActorId, ActorKind, Arrow, ArrowKind, ArrowState, ColumnId, End, Model, Place, Point, Region,
    RegionKind,
};
use crate::iommu::{DomainId, Iommu};
use crate::machine::history::{CacheState, Cursor};
use crate::machine::software::{Buffer, Owner};
use crate::machine::Machine;
use crate::memory::Memory;
use crate::mmu::peek;
use crate::os::dma::Direction;
use crate::paging::leaves::Run as Mapped;
use crate::paging::Want;
use crate::platform::config::BarKind;
use crate::platform::map::RegionKind as Physical;
use crate::platform::window::Direction as Way;
use crate::scenario::ast::Policy;
use crate::spec::Phrase;
use crate::trace::{CacheKind, Perms, Trace};
use alloc::{collections::BTreeMap, format, string::String, vec, vec::Vec};

/// Pages of one buffer that are looked up one by one.
const PAGES: u64 = 64;
/// Table pages of a domain that are read.
const TABLES: usize = 512;
/// Mappings of a domain that are drawn.
const RUNS: usize = 48;

/// The picture where `cursor` stands.
pub fn picture(machine: &Machine, trace: &Trace, cursor: &mut Cursor, title: Phrase) -> Model {
    let (at, tables) = (cursor.position(), cursor.tables());
    let (memory, caches) = cursor.look(trace);
    let mut p = Painter {
        machine,
        at,
        caches,
        memory,
        model: Model { title, ..Model::default() },
        spaces: BTreeMap::new(),
        letters: BTreeMap::new(),
    };
    p.columns();
    p.physical();
    p.bars();
    p.buffers();
    p.remaps();
    p.domains();
    for region in tables::regions(&tables) {
        p.region(Col::Physical, region);
    }
    p.actors();
    let spaces = core::mem::take(&mut p.spaces);
    let mut model = p.model;
    token::place(&mut model, &spaces, machine, trace, at);
    model
}

/// Which column an address is in.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Col {
    Virtual(Owner),
    Guest(usize),
    Physical,
    Bus,
    /// The IOVAs of a domain that is not the first device's: a column of its own.
    Domain(DomainId),
    Device(usize),
    Ports,
}

struct Painter<'a> {
    machine: &'a Machine,
    at: usize,
    caches: &'a [CacheState],
    memory: &'a mut Memory,
    model: Model,
    spaces: BTreeMap<Col, ColumnId>,
    letters: BTreeMap<(ColumnId, u64), char>,
}

impl Painter<'_> {
    fn live_buffers(&self) -> impl Iterator<Item = (usize, &Buffer)> + '_ {
        let at = self.at;
        self.machine.sw.buffers.iter().enumerate().filter(move |(_, b)| b.born <= at && b.died > at)
    }

    /// The domain a device was in at this position.
    fn domain(&self, device: usize) -> Option<DomainId> {
        let of = |a: &&(usize, usize, Option<DomainId>)| a.0 == device && a.1 <= self.at;
        self.machine.sw.attachments.iter().rev().find(of).and_then(|a| a.2)
    }

    /// The column that a device's bus addresses are in: one for each domain that has a device, the first being
    /// the bus itself.
    fn bus_of(&self, device: usize) -> Col {
        match self.domain(device) {
            Some(domain) if self.spaces.contains_key(&Col::Domain(domain)) => Col::Domain(domain),
            _ => Col::Bus,
        }
    }

    // ---- columns, left to right ----

    fn columns(&mut self) {
        let sw = &self.machine.sw;
        let mut wanted: Vec<Col> = Vec::new();
        let kernel =
            sw.buffers.iter().any(|b| b.owner == Owner::Kernel && b.va.is_some()) || !sw.remaps.is_empty();
        if kernel {
            wanted.push(Col::Virtual(Owner::Kernel));
        }
        wanted.extend((0..sw.processes.len()).map(|i| Col::Virtual(Owner::Process(i))));
        wanted.extend((0..sw.vms.len()).map(Col::Guest));
        wanted.push(Col::Physical);
        let hw = &self.machine.hw;
        let first = (0..hw.devices.len()).find_map(|d| self.domain(d));
        if !hw.devices.is_empty() || !hw.bridge.windows().is_empty() {
            wanted.push(Col::Bus);
        }
        for device in 0..hw.devices.len() {
            if let Some(domain) = self.domain(device).filter(|d| Some(*d) != first) {
                if !wanted.contains(&Col::Domain(domain)) && wanted.len() < 9 {
                    wanted.push(Col::Domain(domain));
                }
            }
        }
        let mapped = |d: &usize| !hw.devices[*d].engine.map().lines().is_empty();
        wanted.extend((0..hw.devices.len()).filter(mapped).map(Col::Device));
        let io = hw
            .devices
            .iter()
            .any(|d| hw.topology.node(d.node).config.bars().iter().any(|b| b.kind == BarKind::Io));
        if io {
            wanted.push(Col::Ports);
        }
        for col in wanted {
            self.add_column(col);
        }
    }

    fn add_column(&mut self, col: Col) {
        let sw = &self.machine.sw;
        let hw = &self.machine.hw;
        let translated = self.machine.iommu_on();
        let (key, space, title, owner) = match col {
            Col::Virtual(Owner::Process(i)) => {
                let p = &sw.processes[i];
                let pasid = sw.bound.iter().any(|b| b.2 == i);
                let owner = if pasid {
                    Phrase::same(format!("{}, PASID {}", p.name, p.pasid))
                } else {
                    Phrase::same(p.name.clone())
                };
                (format!("va:{}", p.name), Space::Virtual, Phrase::new("virtual address", "虚拟地址"), owner)
            }
            Col::Virtual(_) => (
                String::from("va"),
                Space::Virtual,
                Phrase::new("CPU virtual address", "CPU 虚拟地址"),
                Phrase::new("kernel", "内核"),
            ),
            Col::Guest(i) => (
                format!("gpa:{}", sw.vms[i].name),
                Space::GuestPhysical,
                Phrase::new("guest-physical address", "客户机物理地址"),
                Phrase::same(sw.vms[i].name.clone()),
            ),
            Col::Physical => (
                String::from("pa"),
                Space::Physical,
                Phrase::new("CPU physical address", "CPU 物理地址"),
                Phrase::default(),
            ),
            Col::Bus => {
                let title = if translated && self.machine.policy != Policy::PassThrough {
                    Phrase::new("bus address (IOVA)", "总线域地址（IOVA）")
                } else {
                    Phrase::new("bus address", "总线域地址")
                };
                (String::from("bus"), Space::Bus, title, Phrase::default())
            }
            Col::Domain(d) => {
                let users: Vec<&str> = (0..hw.devices.len())
                    .filter(|i| self.domain(*i) == Some(d))
                    .map(|i| hw.devices[i].name.as_str())
                    .collect();
                let owner = users.join(", ");
                (format!("iova:{d}"), Space::Iova, Phrase::same("IOVA"), Phrase::same(owner))
            }
            Col::Device(i) => (
                format!("dev:{}", hw.devices[i].name),
                Space::Device,
                Phrase::new("device-local address", "设备侧地址"),
                Phrase::same(hw.devices[i].name.clone()),
            ),
            Col::Ports => {
                (String::from("ports"), Space::Port, Phrase::new("I/O port", "I/O 端口"), Phrase::default())
            }
        };
        let id = self.model.add_column(key, space, title, owner);
        self.spaces.insert(col, id);
    }

    fn region(&mut self, col: Col, region: Region) {
        if let Some(id) = self.spaces.get(&col) {
            if let Some(column) = self.model.columns.get_mut(usize::from(id.0)) {
                if column.regions.iter().all(|r| r.key != region.key) {
                    column.regions.push(region);
                }
            }
        }
    }

    fn end(&self, col: Col, address: u64) -> Option<End> {
        let column = *self.spaces.get(&col)?;
        let letter = self.letters.get(&(column, address)).copied();
        Some(End { at: Point { column, address }, letter })
    }

    /// Letters of the kernel's own picture: C, B, A for a register; X, Y, Z for a buffer. Only the first of each.
    fn letter(&mut self, col: Col, address: u64, letter: char) {
        if let Some(column) = self.spaces.get(&col) {
            if !self.letters.values().any(|l| *l == letter) {
                self.letters.entry((*column, address)).or_insert(letter);
            }
        }
    }

    #[allow(clippy::too_many_arguments)] // an arrow: each argument is one thing
    fn arrow(
        &mut self,
        key: String,
        from: (Col, u64),
        to: (Col, u64),
        len: u64,
        kind: ArrowKind,
        state: ArrowState,
        perms: Perms,
        label: Phrase,
    ) {
        let (Some(from), Some(to)) = (self.end(from.0, from.1), self.end(to.0, to.1)) else { return };
        if self.model.arrows.iter().all(|a| a.key != key) {
            self.model.arrows.push(Arrow { key, from, to, len, kind, state, perms, label });
        }
    }

    // ---- what is where ----

    fn physical(&mut self) {
        let machine = self.machine;
        for region in machine.hw.map.regions() {
            let (kind, label) = match region.kind {
                Physical::Ram => (RegionKind::Ram, Phrase::new("RAM", "内存")),
                Physical::Window => (RegionKind::Mmio, Phrase::new("MMIO window", "MMIO 窗口")),
                Physical::IommuRegisters => {
                    (RegionKind::Registers, Phrase::new("IOMMU registers", "IOMMU 寄存器"))
                }
                Physical::Interrupts => (RegionKind::Msi, machine.hw.interrupts.name().into()),
                Physical::Config => (RegionKind::Registers, Phrase::new("configuration space", "配置空间")),
            };
            let key = format!("pa/{}", region.name);
            self.region(
                Col::Physical,
                Region::new(key, region.range.start.raw(), region.range.last().raw(), kind, label),
            );
        }
        for window in machine.hw.bridge.windows() {
            let name = window.name.clone();
            let key = format!("bus/{name}");
            let (kind, label) = match window.direction {
                Way::Outbound => (RegionKind::Mmio, Phrase::new("bridge window", "主桥窗口")),
                Way::Inbound => (RegionKind::Ram, Phrase::new("RAM, seen from the bus", "从总线看到的内存")),
            };
            let (bus, cpu, len) = (window.bus.start.raw(), window.cpu.start.raw(), window.cpu.len());
            self.region(Col::Bus, Region::new(key, bus, window.bus.last().raw(), kind, label));
            let offset = if bus >= cpu { format!("+{:#x}", bus - cpu) } else { format!("-{:#x}", cpu - bus) };
            let label = if bus == cpu { Phrase::default() } else { Phrase::same(offset) };
            let (from, to) = match window.direction {
                Way::Outbound => ((Col::Physical, cpu), (Col::Bus, bus)),
                Way::Inbound => ((Col::Bus, bus), (Col::Physical, cpu)),
            };
            let key = format!("window:{name}");
            self.arrow(key, from, to, len, ArrowKind::Window, ArrowState::Live, Perms::RW, label);
        }
        let name = machine.hw.cpu.guest_tables_name();
        let by = Phrase::new(format!("mapping by {}", name.en), format!("{} 映射", name.zh));
        for (i, vm) in machine.sw.vms.iter().enumerate() {
            let (gpa, hpa, len) = (vm.ram.start.raw(), vm.at.raw(), vm.ram.len());
            let name = Phrase::new(format!("RAM of {}", vm.name), format!("{} 的内存", vm.name));
            let region =
                Region::new(format!("pa/{}", vm.name), hpa, hpa + (len - 1), RegionKind::Ram, name.clone());
            self.region(Col::Physical, region);
            let region =
                Region::new(format!("gpa:{0}/ram", vm.name), gpa, gpa + (len - 1), RegionKind::Ram, name);
            self.region(Col::Guest(i), region);
            self.arrow(
                format!("ept:{}", vm.name),
                (Col::Guest(i), gpa),
                (Col::Physical, hpa),
                len,
                ArrowKind::Ept,
                ArrowState::Live,
                Perms::RWX,
                by.clone(),
            );
        }
    }

    fn bars(&mut self) {
        let machine = self.machine;
        for (i, device) in machine.hw.devices.iter().enumerate() {
            let node = machine.hw.topology.node(device.node);
            for bar in node.config.bars() {
                let label = Phrase::same(format!("{} BAR{}", device.name, bar.index));
                let last = bar.address.saturating_add(bar.size - 1);
                let key = format!("bar:{}{}", device.name, bar.index);
                if bar.kind == BarKind::Io {
                    self.region(Col::Ports, Region::new(key, bar.address, last, RegionKind::Ports, label));
                    continue;
                }
                let mut region =
                    Region::new(format!("bus/{key}"), bar.address, last, RegionKind::Bar, label.clone());
                region.owner = Phrase::same(format!("{}", node.id));
                self.region(Col::Bus, region);
                if let Some(pa) = machine.hw.bridge.cpu_addr(BusAddr::new(bar.address)) {
                    let end = pa.raw().saturating_add(bar.size - 1);
                    self.region(
                        Col::Physical,
                        Region::new(format!("pa/{key}"), pa.raw(), end, RegionKind::Bar, label),
                    );
                }
            }
            for (n, (range, target)) in device.engine.map().lines().iter().enumerate() {
                let (start, last) = (range.start.raw(), range.last().raw());
                let key = format!("dev:{}/{n}", device.name);
                match target {
                    crate::platform::local::Target::Own => {
                        let label = Phrase::new("own memory", "设备自有内存");
                        self.region(
                            Col::Device(i),
                            Region::new(key, start, last, RegionKind::DeviceMemory, label),
                        );
                    }
                    crate::platform::local::Target::Bus(bus) => {
                        let label = Phrase::new("the host", "主机");
                        self.region(
                            Col::Device(i),
                            Region::new(key.clone(), start, last, RegionKind::Mmio, label),
                        );
                        let to = (self.bus_of(i), bus.raw());
                        let offset = if bus.raw() >= start {
                            format!("+{:#x}", bus.raw() - start)
                        } else {
                            format!("-{:#x}", start - bus.raw())
                        };
                        self.arrow(
                            format!("map:{key}"),
                            (Col::Device(i), start),
                            to,
                            range.len(),
                            ArrowKind::DeviceMap,
                            ArrowState::Live,
                            Perms::RW,
                            Phrase::same(offset),
                        );
                    }
                }
            }
        }
    }

    fn buffers(&mut self) {
        let live: Vec<(usize, Buffer)> = self.live_buffers().map(|(i, b)| (i, b.clone())).collect();
        for (_, buffer) in &live {
            let name = Phrase::same(buffer.name.clone());
            let mut done = 0;
            for (n, (pa, len)) in merged(&buffer.pieces).into_iter().enumerate() {
                let key = format!("pa/{}.{n}", buffer.name);
                let region =
                    Region::new(key, pa.raw(), pa.raw() + (len - 1), RegionKind::Buffer, name.clone());
                self.region(Col::Physical, region);
                if let Some((vm, gpa)) = self.guest_of(buffer, pa) {
                    let key = format!("gpa/{}.{n}", buffer.name);
                    self.region(
                        Col::Guest(vm),
                        Region::new(key, gpa, gpa + (len - 1), RegionKind::Buffer, name.clone()),
                    );
                }
                done += len;
                if done > PAGES << 12 {
                    break;
                }
            }
            let Some(va) = buffer.va else { continue };
            let col = Col::Virtual(buffer.owner);
            let key = format!("va/{}", buffer.name);
            let region =
                Region::new(key, va.raw(), va.raw() + (buffer.size - 1), RegionKind::Buffer, name.clone());
            self.region(col, region);
            if buffer.owner == Owner::Kernel {
                self.letter(col, va.raw(), 'X');
                if let Some(pa) = buffer.pa(0) {
                    self.letter(Col::Physical, pa.raw(), 'Y');
                }
            }
            self.cpu_arrows(buffer.owner, va, buffer.size, &buffer.name);
        }
        for i in 0..self.machine.sw.processes.len() {
            self.process_mappings(i);
        }
    }

    fn guest_of(&self, buffer: &Buffer, pa: PhysAddr) -> Option<(usize, u64)> {
        let vm = match buffer.owner {
            Owner::Vm(vm) => vm,
            Owner::Process(p) => self.machine.sw.processes.get(p)?.vm?,
            Owner::Kernel => return None,
        };
        Some((vm, self.machine.sw.vms.get(vm)?.gpa(pa)?.raw()))
    }

    /// What a process's tables map besides named buffers.
    fn process_mappings(&mut self, process: usize) {
        let p = &self.machine.sw.processes[process];
        let vm = p.vm.and_then(|vm| self.machine.sw.vms.get(vm));
        let place = |at: u64| match vm {
            Some(vm) => vm.place(at),
            None => Some(PhysAddr::new(at)),
        };
        let found = crate::paging::leaves::leaves(&p.space.format, self.memory, p.space.root, place, TABLES);
        let name = p.name.clone();
        let guest = p.vm;
        for run in found.runs.iter().take(RUNS) {
            let col = Col::Virtual(Owner::Process(process));
            let known = self.spaces.get(&col).and_then(|id| self.model.column(*id)).is_some_and(|c| {
                c.regions.iter().any(|r| r.first <= run.from && run.from + (run.len - 1) <= (r.last | 0xfff))
            });
            let out = if guest.is_some() { Col::Guest(guest.unwrap_or(0)) } else { Col::Physical };
            if !known {
                let key = format!("va:{name}/{:x}", run.from);
                let label = Phrase::new(format!("{name}'s pages"), format!("{name} 的页"));
                self.region(
                    col,
                    Region::new(key, run.from, run.from + (run.len - 1), RegionKind::Buffer, label.clone()),
                );
                let key = format!("{name}>{:x}", run.to);
                self.region(out, Region::new(key, run.to, run.to + (run.len - 1), RegionKind::Buffer, label));
            }
            self.arrow(
                format!("mmu:{name}/{:x}", run.from),
                (col, run.from),
                (out, run.to),
                run.len,
                ArrowKind::Mmu,
                ArrowState::Live,
                run.perms,
                Phrase::default(),
            );
        }
    }

    /// Arrows of the kernel's mapping of a range, from its tables, page by page and merged.
    fn cpu_arrows(&mut self, owner: Owner, va: VirtAddr, len: u64, name: &str) {
        if owner != Owner::Kernel {
            return; // a process's tables are read as a whole
        }
        let Some(space) = self.machine.space(owner) else { return };
        let want = Want::supervisor(Perms::NONE);
        let mut runs: Vec<(u64, u64, u64)> = Vec::new();
        let mut done = 0;
        while done < len && done < PAGES << 12 {
            let at = va.wrapping_add(done);
            let step = (4096 - (at.raw() & 0xfff)).min(len - done);
            if let Ok(found) = peek(self.memory, &space, at, want) {
                match runs.last_mut() {
                    Some((from, to, n)) if *from + *n == at.raw() && *to + *n == found.to.raw() => *n += step,
                    _ => runs.push((at.raw(), found.to.raw(), step)),
                }
            }
            done += step;
        }
        for (from, to, n) in runs {
            self.arrow(
                format!("mmu:{name}/{from:x}"),
                (Col::Virtual(owner), from),
                (Col::Physical, to),
                n,
                ArrowKind::Mmu,
                ArrowState::Live,
                Perms::RW,
                Phrase::default(),
            );
        }
    }

    fn remaps(&mut self) {
        let machine = self.machine;
        let at = self.at;
        for remap in machine.sw.remaps.iter().filter(|r| r.born <= at) {
            let col = Col::Virtual(Owner::Kernel);
            let label = Phrase::same(remap.name.clone());
            let last = remap.va.raw() + (remap.len - 1);
            self.region(
                col,
                Region::new(format!("va/{}", remap.name), remap.va.raw(), last, RegionKind::Mmio, label),
            );
            self.letter(col, remap.va.raw(), 'C');
            self.letter(Col::Physical, remap.pa.raw(), 'B');
            if let Some(bus) = machine.hw.bridge.to_bus(remap.pa) {
                self.letter(Col::Bus, bus.raw(), 'A');
                // The part of the window that is this BAR: the arrow of the kernel's picture, B to A.
                self.arrow(
                    format!("window:{}", remap.name),
                    (Col::Physical, remap.pa.raw()),
                    (Col::Bus, bus.raw()),
                    remap.len,
                    ArrowKind::Window,
                    ArrowState::Live,
                    Perms::RW,
                    Phrase::default(),
                );
            }
            self.cpu_arrows(Owner::Kernel, remap.va, remap.len, &remap.name);
        }
    }

    // ---- what devices reach ----

    fn domains(&mut self) {
        let machine = self.machine;
        let live: Vec<usize> = (0..machine.sw.handles.len())
            .filter(|h| machine.sw.handles[*h].born <= self.at && machine.sw.handles[*h].died > self.at)
            .collect();
        for &h in &live {
            let handle = &machine.sw.handles[h];
            let col = self.bus_of(handle.device);
            for (n, (bus, len)) in handle.segments.iter().enumerate() {
                let key = format!("bus/{}.{n}", handle.name);
                let last = bus.raw().saturating_add(len.saturating_sub(1));
                let mut region =
                    Region::new(key, bus.raw(), last, RegionKind::Buffer, Phrase::same(handle.name.clone()));
                let way = match handle.direction {
                    Direction::ToDevice => "to device",
                    Direction::FromDevice => "from device",
                    Direction::Bidirectional => "both ways",
                };
                region.owner = Phrase::same(format!("{} ({way})", machine.hw.devices[handle.device].name));
                self.region(col, region);
            }
            if let (Some((bus, _)), Some((pa, _))) = (handle.segments.first(), handle.pieces.first()) {
                // X and Y belong to the buffer that the first handle maps.
                if self.letters.values().all(|l| *l != 'Z') {
                    let y = self.spaces.get(&Col::Physical).map(|c| (*c, pa.raw()));
                    if y.is_some_and(|y| self.letters.get(&y) == Some(&'Y')) {
                        self.letter(col, bus.raw(), 'Z');
                    }
                }
            }
        }
        if !machine.iommu_on() || machine.policy == Policy::PassThrough {
            for &h in &live {
                let handle = &machine.sw.handles[h];
                let mut offset = 0;
                for (bus, len) in &handle.segments {
                    // Direct: through the inbound window, to where the bytes the device touches really are.
                    if let Some(pa) = machine.hw.bridge.to_phys(*bus) {
                        let bounced = handle.pieces.iter().all(|(p, l)| pa < *p || pa.raw() >= p.raw() + l);
                        if bounced {
                            let label = Phrase::new("bounce buffer", "回弹缓冲区");
                            let key = format!("pa/bounce.{}", handle.name);
                            let last = pa.raw() + (len - 1);
                            self.region(
                                Col::Physical,
                                Region::new(key, pa.raw(), last, RegionKind::Bounce, label),
                            );
                            if let Some((to, _)) = handle.pieces.first() {
                                self.arrow(
                                    format!("copy:{}", handle.name),
                                    (Col::Physical, pa.raw()),
                                    (Col::Physical, to.raw()),
                                    *len,
                                    ArrowKind::Copy,
                                    ArrowState::Live,
                                    Perms::RW,
                                    Phrase::default(),
                                );
                            }
                        }
                        let col = self.bus_of(handle.device);
                        self.arrow(
                            format!("dma:{}/{offset:x}", handle.name),
                            (col, bus.raw()),
                            (Col::Physical, pa.raw()),
                            *len,
                            ArrowKind::Identity,
                            ArrowState::Live,
                            Perms::RW,
                            Phrase::default(),
                        );
                    }
                    offset += len;
                }
            }
            return;
        }
        let mut seen: Vec<DomainId> = Vec::new();
        for device in 0..machine.hw.devices.len() {
            let Some(domain) = self.domain(device).filter(|d| !seen.contains(d)) else { continue };
            seen.push(domain);
            self.domain_arrows(device, domain);
        }
    }

    fn domain_arrows(&mut self, device: usize, domain: DomainId) {
        let machine = self.machine;
        let Some(unit) = machine.hw.iommu.as_ref() else { return };
        let found = unit.mappings(self.memory, domain, TABLES);
        let col = self.bus_of(device);
        let vm = machine.sw.vms.iter().position(|v| v.domain == Some(domain));
        let runs: Vec<Mapped> = found.runs.iter().take(RUNS).copied().collect();
        let lines: Vec<_> = self
            .caches
            .iter()
            .filter(|c| c.cache.kind == CacheKind::Iotlb)
            .flat_map(|c| c.lines.values().copied())
            .filter(|l| l.domain.is_none_or(|d| d == u32::from(domain.0)) && l.pasid.is_none())
            .collect();
        for run in &runs {
            let named = self.named_at(col, run.from);
            if !named {
                // What a guest's domain maps besides its RAM: where the unit itself reads its directories.
                let vm =
                    vm.map(|vm| &machine.sw.vms[vm]).filter(|vm| vm.gpa(PhysAddr::new(run.to)).is_some());
                let label = match vm {
                    Some(vm) => Phrase::new(format!("RAM of {}", vm.name), format!("{} 的内存", vm.name)),
                    None => Phrase::new("mapped", "已映射"),
                };
                let key = format!("bus/{domain}.{:x}", run.from);
                self.region(
                    col,
                    Region::new(key, run.from, run.from + (run.len - 1), RegionKind::Buffer, label.clone()),
                );
                if !self.named_at(Col::Physical, run.to) {
                    let key = format!("pa/{domain}.{:x}", run.to);
                    self.region(
                        Col::Physical,
                        Region::new(key, run.to, run.to + (run.len - 1), RegionKind::Buffer, label),
                    );
                }
            }
            let cached = lines.iter().any(|l| {
                let inside = l.from >= run.from && l.from - run.from < run.len;
                inside && l.to == run.to + (l.from - run.from)
            });
            let state = if cached { ArrowState::Cached } else { ArrowState::Live };
            let (from, to) = (self.start_of(col, run.from), run.to);
            let skip = from - run.from;
            self.arrow(
                format!("iommu:{domain}/{:x}", run.from),
                (col, from),
                (Col::Physical, to + skip),
                run.len - skip,
                ArrowKind::Stage2,
                state,
                run.perms,
                Phrase::default(),
            );
        }
        for line in lines {
            let len = 1u64 << line.shift.min(40);
            let backed = runs.iter().any(|r| {
                let inside = line.from >= r.from && line.from - r.from < r.len;
                inside && line.to == r.to + (line.from - r.from)
            });
            if !backed {
                let key = format!("bus/stale.{:x}", line.from);
                if !self.named_at(col, line.from) {
                    let label = Phrase::new("unmapped, still cached", "已解除映射，仍在缓存中");
                    self.region(
                        col,
                        Region::new(key, line.from, line.from + (len - 1), RegionKind::Hole, label),
                    );
                }
                self.arrow(
                    format!("stale:{domain}/{:x}", line.from),
                    (col, line.from),
                    (Col::Physical, line.to),
                    len,
                    ArrowKind::Stage2,
                    ArrowState::Stale,
                    line.perms,
                    Phrase::default(),
                );
            }
        }
        let label = Phrase::new("interrupt messages", "中断消息");
        let range = machine.hw.interrupts.range();
        let (first, last) = (range.start.raw(), range.last().raw());
        self.region(col, Region::new("bus/msi", first, last, RegionKind::Msi, label));
    }

    /// Is there a region of a named thing at an address (not only RAM or a window)?
    fn named_at(&self, col: Col, address: u64) -> bool {
        self.spaces.get(&col).and_then(|id| self.model.column(*id)).is_some_and(|c| {
            c.regions.iter().any(|r| {
                (r.first & !0xfff..=r.last | 0xfff).contains(&address)
                    && !matches!(r.kind, RegionKind::Ram | RegionKind::Mmio)
            })
        })
    }

    /// The first byte of the named thing in the page at `address`: where an arrow of that page begins.
    fn start_of(&self, col: Col, address: u64) -> u64 {
        let regions =
            self.spaces.get(&col).and_then(|id| self.model.column(*id)).map(|c| c.regions.as_slice());
        regions
            .unwrap_or(&[])
            .iter()
            .filter(|r| r.kind == RegionKind::Buffer && r.first > address && r.first - address < 4096)
            .map(|r| r.first)
            .min()
            .unwrap_or(address)
    }

    // ---- who ----

    fn actors(&mut self) {
        let machine = self.machine;
        let first = ColumnId(0);
        let cpu = Place::LeftOf(first);
        self.model.add_actor("cpu", ActorKind::Cpu, cpu, Phrase::same("CPU"), Vec::new());
        let pa = self.spaces.get(&Col::Physical).copied();
        let bus = self.spaces.get(&Col::Bus).copied();
        if let Some(pa) = pa.filter(|p| p.0 > 0) {
            let left = ColumnId(pa.0 - 1);
            self.model.add_actor(
                "mmu",
                ActorKind::Mmu,
                Place::Between(left, pa),
                Phrase::same("MMU"),
                Vec::new(),
            );
        }
        if let (Some(pa), Some(bus)) = (pa, bus) {
            let place = Place::Between(pa, bus);
            let name = Phrase::new("host bridge", "主桥");
            self.model.add_actor("rc", ActorKind::RootComplex, place, name, Vec::new());
            if let Some(unit) = machine.hw.iommu.as_ref().filter(|_| machine.iommu_on()) {
                let name = Phrase::same("IOMMU");
                let line = Phrase::same(unit.architecture().name());
                self.model.add_actor("iommu", ActorKind::Iommu, place, name, vec![line]);
            }
        }
        for (i, device) in machine.hw.devices.iter().enumerate() {
            let col = if self.spaces.contains_key(&Col::Device(i)) { Col::Device(i) } else { self.bus_of(i) };
            let Some(column) = self.spaces.get(&col).copied().or(pa) else { continue };
            let id = machine.hw.topology.node(device.node).id;
            let lines = vec![Phrase::same(format!("{id}"))];
            let name = Phrase::same(device.name.clone());
            let key = format!("dev:{}", device.name);
            self.model.add_actor(key, ActorKind::Device, Place::RightOf(column), name, lines);
        }
    }
}

/// Neighbouring pieces joined.
fn merged(pieces: &[(PhysAddr, u64)]) -> Vec<(PhysAddr, u64)> {
    let mut out: Vec<(PhysAddr, u64)> = Vec::new();
    for (start, len) in pieces {
        match out.last_mut() {
            Some((at, n)) if at.raw() + *n == start.raw() => *n += len,
            _ => out.push((*start, *len)),
        }
    }
    out
}

/// The actor with a key.
fn actor(model: &Model, key: &str) -> Option<ActorId> {
    model.actors.iter().position(|a: &Actor| a.key == key).map(|i| ActorId(i as u16))
}

/// An address as a point of the picture.
fn point(spaces: &BTreeMap<Col, ColumnId>, col: Col, at: AnyAddr) -> Option<Point> {
    spaces.get(&col).map(|c| Point { column: *c, address: at.raw })
}
